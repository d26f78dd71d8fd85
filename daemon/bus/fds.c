/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Descriptors. Nothing is read here: a PIN's pipe is only looked at by fstat and its flags, and a
 * memfd's seals and size are checked before anybody reads it.
 */
#include "daemon/bus/fds.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

bool fd_is_pipe_reader(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY && !(flags & O_PATH) &&
	       fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode);
}

bool fd_is_sealed_memfd(int fd, size_t max)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	return seals >= 0 && (seals & SEALS) == SEALS && fstat(fd, &st) == 0 &&
	       st.st_size >= 0 && (uint64_t)st.st_size <= max;
}

void fd_close(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
}

int fd_scratch(const char *folder, int *ret_write, int *ret_read)
{
	_cleanup_fd_ int w = open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
	char path[32];
	int rd;

	if (w < 0)
		return fault(-errno);
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", w);
	rd = open(path, O_RDONLY | O_CLOEXEC);
	if (rd < 0)
		return fault(-errno);
	*ret_write = w;
	*ret_read = rd;
	w = -1;
	return 0;
}
