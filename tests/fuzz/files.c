/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * See files.h. A file is a memfd that nobody else knows; opening it makes a new description of it
 * by /proc. Descriptors of the files lie above those that a run opens, so that nth.c can count. A
 * file that is kept is never written: a run that opens it for writing, or renames over it, gets one
 * of its own.
 */
#include "tests/fuzz/files.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/fuzz/fail.h"

#define FILES	  256U
#define NAME	  160U
#define FIRST_FD  256
#define WHOLE_MAX (1024U * 1024U)

struct file {
	char path[NAME]; /* empty: free */
	int fd;
	bool kept;
};

static struct file files[FILES];

#define WRAPPED(type, name, args)                                                              \
	type __real_##name args;                                                               \
	type __wrap_##name args;                                                               \
	type __wrap_##name args

#define TURN(error, result)                                                                    \
	do {                                                                                   \
		if (fail_now()) {                                                              \
			errno = (error);                                                       \
			return (result);                                                       \
		}                                                                              \
	} while (0)

int __real_open64(const char *path, int flags, ...);

/* The run's own first. */
static struct file *find(const char *path)
{
	struct file *kept = NULL;

	for (size_t i = 0; i < FILES; i++) {
		if (files[i].path[0] && strcmp(files[i].path, path) == 0) {
			if (!files[i].kept) {
				return &files[i];
			}
			kept = &files[i];
		}
	}
	return kept;
}

static int new_fd(void)
{
	int low = memfd_create("file", MFD_CLOEXEC);
	int fd = fcntl(low, F_DUPFD_CLOEXEC, FIRST_FD);

	assert(low >= 0 && fd >= 0);
	close(low);
	return fd;
}

/* Return: the run's own file of that name, empty if it is new; NULL: no more room. */
static struct file *make(const char *path)
{
	struct file *f = find(path);

	if (f && !f->kept) {
		return f;
	}
	for (size_t i = 0; i < FILES; i++) {
		f = &files[i];
		if (!f->path[0] && view_copy_str(view_str(path), f->path, NAME) == 0) {
			f->fd = new_fd();
			f->kept = false;
			return f;
		}
	}
	return NULL;
}

static void drop(struct file *f)
{
	close(f->fd);
	f->path[0] = '\0';
}

void files_put(const char *path, struct view content, bool keep)
{
	struct file *f = make(path);

	assert(f && ftruncate(f->fd, 0) == 0);
	assert(pwrite(f->fd, content.data, content.len, 0) == (ssize_t)content.len);
	f->kept = keep;
}

static void take(int fd, struct buf *out)
{
	uint8_t block[4096];
	ssize_t n;

	for (off_t at = 0; (n = pread(fd, block, sizeof(block), at)) > 0; at += n) {
		buf_put(out, block, (size_t)n);
	}
	assert(n == 0);
}

void files_load(const char *path, const char *from)
{
	_cleanup_(buf_done) struct buf whole = BUF_NULL(WHOLE_MAX);
	int fd = __real_open64(from, O_RDONLY | O_CLOEXEC);

	assert(fd >= 0);
	take(fd, &whole);
	assert(buf_check(&whole) == 0);
	close(fd);
	files_put(path, buf_view(&whole), true);
}

bool files_get(const char *path, struct buf *out)
{
	const struct file *f = find(path);

	if (f) {
		take(f->fd, out);
	}
	return f;
}

void files_keep(void)
{
	for (size_t i = 0; i < FILES; i++) {
		files[i].kept = files[i].path[0];
	}
}

void files_reset(void)
{
	for (size_t i = 0; i < FILES; i++) {
		if (files[i].path[0] && !files[i].kept) {
			drop(&files[i]);
		}
	}
}

FILE *files_nowhere(void)
{
	int low = __real_open64("/dev/null", O_WRONLY | O_CLOEXEC);
	int fd = fcntl(low, F_DUPFD_CLOEXEC, FIRST_FD);
	FILE *f = fdopen(fd, "w");

	assert(low >= 0 && fd >= 0 && f);
	close(low);
	return f;
}

/* -- the calls ----------------------------------------------------------------------------------- */

static int open_file(const struct file *f, int flags)
{
	char path[32];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", f->fd);
	return __real_open64(path, flags & (O_ACCMODE | O_TRUNC | O_CLOEXEC));
}

int __wrap_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...)
{
	const struct file *f;

	TURN(EMFILE, -1);
	if (flags & O_DIRECTORY) {
		return __real_open64("/", O_PATH | O_CLOEXEC);
	}
	f = flags & O_CREAT ? make(path) : find(path);
	if (!f) {
		errno = flags & O_CREAT ? ENOSPC : ENOENT;
		return -1;
	}
	return open_file(f, flags);
}

FILE *__wrap_fopen64(const char *path, const char *mode);

FILE *__wrap_fopen64(const char *path, const char *mode)
{
	int flags = strchr(mode, 'w') ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY;
	int fd = __wrap_open64(path, flags | O_CLOEXEC);

	return fd < 0 ? NULL : fdopen(fd, mode);
}

int __wrap_rename(const char *from, const char *to);

int __wrap_rename(const char *from, const char *to)
{
	struct file *source = find(from);
	struct file *target = find(to);

	TURN(EIO, -1);
	if (!source || source->kept || strlen(to) >= NAME) {
		errno = ENOENT;
		return -1;
	}
	if (target && !target->kept && target != source) {
		drop(target);
	}
	(void)snprintf(source->path, NAME, "%s", to);
	return 0;
}

int __wrap_mkdir(const char *path, mode_t mode);

int __wrap_mkdir(const char *path, mode_t mode)
{
	(void)path;
	(void)mode;
	TURN(EACCES, -1);
	return 0;
}

int __wrap_unlink(const char *path);

int __wrap_unlink(const char *path)
{
	struct file *f = find(path);

	if (f && !f->kept) {
		drop(f);
	}
	return f ? 0 : -1;
}

int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
	(void)fd;
	TURN(EIO, -1);
	return 0;
}

int __wrap_fchmod(int fd, mode_t mode);

int __wrap_fchmod(int fd, mode_t mode)
{
	(void)fd;
	(void)mode;
	TURN(EPERM, -1);
	return 0;
}

WRAPPED(ssize_t, write, (int fd, const void *data, size_t len))
{
	TURN(ENOSPC, -1);
	return __real_write(fd, data, len);
}

WRAPPED(char *, strdup, (const char *text))
{
	TURN(ENOMEM, NULL);
	return __real_strdup(text);
}
