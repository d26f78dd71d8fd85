/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A service that is not there is waited for in the folder of its socket (inotify), and looked for ever
 * more rarely: never in a loop, whatever happens in the folder.
 */
#include <poll.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/link.h"
#include "drivers/watch/watch.h"

#define PATH_ROOM 512U

int await_folder(const char *path)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char folder[PATH_ROOM];

	if (fd < 0 || view_copy_str(view_str(path), folder, sizeof(folder)) != 0) {
		if (fd >= 0) {
			(void)close(fd);
		}
		return -1;
	}
	for (char *end = strrchr(folder, '/'); end; end = strrchr(folder, '/')) {
		end[end == folder ? 1 : 0] = '\0';
		if (inotify_add_watch(fd, folder, IN_CREATE | IN_MOVED_TO | IN_ATTRIB) >= 0) {
			return fd;
		}
		if (end == folder) {
			break;
		}
	}
	(void)close(fd);
	return -1;
}

bool await_service(int folder, bool sure, int *pause)
{
	struct pollfd p[] = {
		{.fd = LINK_CHILD_FD, .events = POLLIN}, {.fd = folder, .events = POLLIN}};
	int last = folder < 0 ? AWAIT_BLIND_MS : AWAIT_LAST_MS;

	if (poll(p, ARRAY_LEN(p), sure && folder >= 0 ? -1 : *pause) <= 0) {
		*pause = *pause * 2 < last ? *pause * 2 : last;
		return false;
	}
	*pause = AWAIT_FIRST_MS; /* a service binds first and listens later */
	return p[0].revents != 0 || tell_hung_up(AWAIT_FIRST_MS);
}
