/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * audit.key: written beside its place, synced, then linked into place without replacing, so that
 * a crash leaves no half a key and two starts leave one key.
 */
#include "daemon/audit/key.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/rng.h"
#include "record/checkpoint.h"

#define KEY_NAME "audit.key"
#define KEY_NEW	 "audit.key.new"

static void fd_put(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

bool key_exists(int dirfd)
{
	return faccessat(dirfd, KEY_NAME, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* KEY_NEW with 32 random bytes, durable. */
static int write_new(int dirfd, const struct secret *seed)
{
	_cleanup_(fd_put) int fd = -1;
	ssize_t n;

	if (unlinkat(dirfd, KEY_NEW, 0) < 0 && errno != ENOENT)
		return fault(-errno);
	fd = openat(dirfd, KEY_NEW, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault(-errno);
	n = write(fd, seed->data, seed->len);
	if (n < 0 || fsync(fd) < 0)
		return fault(-errno);
	return (size_t)n == seed->len ? 0 : fault(-ENOSPC);
}

static int make_key(int dirfd)
{
	_cleanup_(secret_done) struct secret seed = SECRET_NULL;
	int r;

	r = secret_new(&seed, CHECKPOINT_KEY);
	if (r == 0)
		r = rng_fill(seed.data, CHECKPOINT_KEY);
	if (r < 0)
		return trace(r);
	seed.len = CHECKPOINT_KEY;
	r = write_new(dirfd, &seed);
	if (r == 0 && linkat(dirfd, KEY_NEW, dirfd, KEY_NAME, 0) < 0)
		r = fault(-errno);
	(void)unlinkat(dirfd, KEY_NEW, 0);
	if (r == 0 && fsync(dirfd) < 0)
		r = fault(-errno);
	return trace(r);
}

static int read_key(int fd, struct secret *ret_seed)
{
	_cleanup_(secret_done) struct secret seed = SECRET_NULL;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return fault(-errno);
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 0077) != 0)
		return fault(-EPERM);
	if (st.st_size != (off_t)CHECKPOINT_KEY)
		return fault(-EBADMSG);
	r = secret_new(&seed, CHECKPOINT_KEY);
	if (r < 0)
		return trace(r);
	if (read(fd, seed.data, CHECKPOINT_KEY) != (ssize_t)CHECKPOINT_KEY)
		return fault(-EIO);
	seed.len = CHECKPOINT_KEY;
	*ret_seed = seed;
	seed = SECRET_NULL;
	return 0;
}

int key_load(int dirfd, bool make, struct secret *ret_seed)
{
	_cleanup_(fd_put) int fd = -1;
	int r;

	if (!key_exists(dirfd)) {
		r = make ? make_key(dirfd) : fault(-EBADMSG);
		if (r < 0)
			return trace(r);
	}
	fd = openat(dirfd, KEY_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return fault(-errno);
	return trace(read_key(fd, ret_seed));
}
