/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Whether a reply was read shows in its descriptor alone: the bus tells nothing, and a program that
 * waits for one answer answers no question of ours meanwhile. The file is opened anew for reading, so
 * that closing the one that was written is told apart, and inotify says when its last copy goes, in
 * whichever process. The kernel tells no such thing of a pseudo file that was never opened by a path.
 */
#include "daemon/bus/handed.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"

struct handed {
	struct handed *next;
	struct peer *peer;
	sd_event_source *closed;
	uint32_t n;
};

static void handed_drop(struct handed *h)
{
	for (struct handed **at = &h->peer->handed; *at; at = &(*at)->next)
		if (*at == h) {
			*at = h->next;
			break;
		}
	peer_give(h->peer, QUOTA_UNREAD, h->n);
	sd_event_source_disable_unref(h->closed);
	free(h);
}

static int on_closed(
	sd_event_source *src _unused_, const struct inotify_event *e _unused_, void *user)
{
	handed_drop(user);
	return 0;
}

static bool is_read_only(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY;
}

static int open_anew(int *fd, int flags)
{
	char path[32];
	int again;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	again = open(path, O_RDONLY | O_CLOEXEC | flags);
	if (again < 0)
		return fault(-errno);
	fd_close(fd);
	*fd = again;
	return 0;
}

int handed_read_only(int *fd)
{
	return is_read_only(*fd) ? 0 : trace(open_anew(fd, 0));
}

/* @n of QUOTA_UNREAD, which @p took, are held until the last copy of @fd is closed */
static int hold(struct peer *p, uint32_t n, int fd)
{
	struct handed *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return fault(-ENOMEM);
	*h = (struct handed){.peer = p, .n = n};
	r = sd_event_add_inotify_fd(p->b->ev, &h->closed, fd, IN_CLOSE_NOWRITE, on_closed, h);
	if (r < 0) {
		free(h);
		return fault(r);
	}
	h->next = p->handed;
	p->handed = h;
	return 0;
}

/* a pipe that was made without a path: its end to read from, anew. Whoever wrote may have done so already,
 * and nobody waits here */
static int read_anew(int *fd)
{
	struct stat st;
	int r = 0;

	if (fstat(*fd, &st) == 0 && S_ISFIFO(st.st_mode)) {
		r = open_anew(fd, O_NONBLOCK);
		if (r == 0 && fcntl(*fd, F_SETFL, O_RDONLY) < 0)
			r = fault(-errno);
		return trace(r);
	}
	return trace(handed_read_only(fd));
}

void handed_out(struct call *call, int *fd)
{
	int r = read_anew(fd);

	if (r >= 0)
		r = hold(call->peer, call->load.of[QUOTA_UNREAD], *fd);
	if (r < 0)
		errors_log(r, "bus-handed"); /* the call gives back what it took */
	else
		call->load.of[QUOTA_UNREAD] = 0; /* held by the peer from now on */
}

bool handed_fd(struct peer *p, int fd)
{
	int r;

	if (!peer_take(p, QUOTA_UNREAD, 1))
		return false;
	r = is_read_only(fd) ? hold(p, 1, fd) : fault(-EINVAL);
	if (r < 0) {
		errors_log(r, "bus-handed");
		peer_give(p, QUOTA_UNREAD, 1);
	}
	return true;
}

void handed_free(struct peer *p)
{
	while (p->handed)
		handed_drop(p->handed);
}
