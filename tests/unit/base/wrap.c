/* SPDX-License-Identifier: EUPL-1.2 */
/* See wrap.h. The names are the linker's; with 64-bit offsets the C library calls them *64. */
#include "tests/unit/base/wrap.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRAPPED(type, name, args)                                                              \
	type __real_##name args;                                                               \
	type __wrap_##name args

WRAPPED(void *, malloc, (size_t size));
WRAPPED(void *, calloc, (size_t n, size_t size));
WRAPPED(void, free, (void *data));
WRAPPED(void *, mmap64, (void *at, size_t len, int prot, int flags, int fd, off_t off));
WRAPPED(int, munmap, (void *at, size_t len));
WRAPPED(int, madvise, (void *at, size_t len, int advice));
WRAPPED(int, mlock, (const void *at, size_t len));
WRAPPED(int, poll, (struct pollfd * fds, nfds_t n, int ms));
WRAPPED(ssize_t, read, (int fd, void *to, size_t len));
WRAPPED(int, open64, (const char *path, int flags, ...));
WRAPPED(ssize_t, getrandom, (void *to, size_t len, unsigned flags));
WRAPPED(ssize_t, sendto,
	(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		socklen_t n));
WRAPPED(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags));
WRAPPED(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags));
WRAPPED(int, memfd_create, (const char *name, unsigned flags));
WRAPPED(int, fcntl64, (int fd, int op, ...));
WRAPPED(ssize_t, pread64, (int fd, void *to, size_t len, off_t at));
WRAPPED(ssize_t, pwrite64, (int fd, const void *data, size_t len, off_t at));
WRAPPED(int, fstat64, (int fd, struct stat *st));
WRAPPED(int, adjtimex, (struct timex * t));
WRAPPED(int, clock_gettime, (clockid_t id, struct timespec *ts));
int __wrap_sd_journal_sendv(const struct iovec *iov, int n);

size_t wrap_freed;
size_t wrap_freed_dirty;
int wrap_cmsg_level;
long wrap_wall_seconds;
char wrap_journal[4096];

static struct plan {
	bool planned;
	unsigned after;
	int error;
	ssize_t value;
} plans[WRAP_COUNT];

void wrap_fail(enum wrap w, unsigned after, int error)
{
	plans[w] = (struct plan){.planned = true, .after = after, .error = error, .value = -1};
}

void wrap_return(enum wrap w, unsigned after, ssize_t value)
{
	plans[w] = (struct plan){.planned = true, .after = after, .value = value};
}

bool wrap_pending(enum wrap w)
{
	return plans[w].planned;
}

void wrap_clear(void)
{
	memset(plans, 0, sizeof(plans));
	memset(wrap_journal, 0, sizeof(wrap_journal));
	wrap_freed = 0;
	wrap_freed_dirty = 0;
	wrap_cmsg_level = 0;
	wrap_wall_seconds = 0;
}

bool wrap_aborts(void (*fn)(void))
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)dup2(__real_open64("/dev/null", O_WRONLY), STDERR_FILENO);
		fn();
		_exit(0);
	}
	return waitpid(pid, &status, 0) == pid && WIFSIGNALED(status) &&
	       WTERMSIG(status) == SIGABRT;
}

static bool hit(enum wrap w, ssize_t *ret_value)
{
	struct plan *p = &plans[w];

	if (!p->planned || p->after-- > 0) {
		return false;
	}
	p->planned = false;
	if (p->error) {
		errno = p->error;
	}
	*ret_value = p->value;
	return true;
}

static void look(const void *data, size_t len)
{
	const uint8_t *bytes = data;
	size_t i = 0;

	while (i < len && bytes[i] == 0) {
		i++;
	}
	wrap_freed++;
	wrap_freed_dirty += i < len ? 1 : 0;
}

void *__wrap_malloc(size_t size)
{
	ssize_t v;
	uint8_t *data;

	if (hit(WRAP_MALLOC, &v)) {
		return NULL;
	}
	data = __real_malloc(size);
	if (data) {
		/* what the block holds beyond its size was never its owner's to wipe */
		memset(data + size, 0, malloc_usable_size(data) - size);
	}
	return data;
}

void *__wrap_calloc(size_t n, size_t size)
{
	ssize_t v;

	return hit(WRAP_CALLOC, &v) ? NULL : __real_calloc(n, size);
}

void __wrap_free(void *data)
{
	if (data) {
		look(data, malloc_usable_size(data));
	}
	__real_free(data);
}

void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	ssize_t v;

	return hit(WRAP_MMAP, &v) ? MAP_FAILED : __real_mmap64(at, len, prot, flags, fd, off);
}

int __wrap_munmap(void *at, size_t len)
{
	look(at, len);
	return __real_munmap(at, len);
}

int __wrap_madvise(void *at, size_t len, int advice)
{
	ssize_t v;

	return hit(WRAP_MADVISE, &v) ? (int)v : __real_madvise(at, len, advice);
}

int __wrap_mlock(const void *at, size_t len)
{
	ssize_t v;

	return hit(WRAP_MLOCK, &v) ? (int)v : __real_mlock(at, len);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int ms)
{
	ssize_t v;

	return hit(WRAP_POLL, &v) ? (int)v : __real_poll(fds, n, ms);
}

ssize_t __wrap_read(int fd, void *to, size_t len)
{
	ssize_t v;

	return hit(WRAP_READ, &v) ? v : __real_read(fd, to, len);
}

int __wrap_open64(const char *path, int flags, ...)
{
	ssize_t v;

	return hit(WRAP_OPEN, &v) ? (int)v : __real_open64(path, flags);
}

ssize_t __wrap_getrandom(void *to, size_t len, unsigned flags)
{
	ssize_t v;

	return hit(WRAP_GETRANDOM, &v) ? v : __real_getrandom(to, len, flags);
}

ssize_t __wrap_sendto(
	int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t n)
{
	ssize_t v;

	return hit(WRAP_SENDTO, &v) ? v : __real_sendto(fd, data, len, flags, to, n);
}

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	ssize_t v;

	return hit(WRAP_SENDMSG, &v) ? v : __real_sendmsg(fd, msg, flags);
}

ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	ssize_t v;

	if (hit(WRAP_RECVMSG, &v)) {
		return v;
	}
	v = __real_recvmsg(fd, msg, flags);
	if (v >= 0 && wrap_cmsg_level && CMSG_FIRSTHDR(msg)) {
		CMSG_FIRSTHDR(msg)->cmsg_level = wrap_cmsg_level;
	}
	return v;
}

int __wrap_memfd_create(const char *name, unsigned flags)
{
	ssize_t v;

	return hit(WRAP_MEMFD_CREATE, &v) ? (int)v : __real_memfd_create(name, flags);
}

int __wrap_fcntl64(int fd, int op, ...)
{
	va_list args;
	ssize_t v;
	int arg;

	va_start(args, op);
	arg = op == F_GET_SEALS ? 0 : va_arg(args, int);
	va_end(args);
	return hit(WRAP_FCNTL, &v) ? (int)v : __real_fcntl64(fd, op, arg);
}

ssize_t __wrap_pread64(int fd, void *to, size_t len, off_t at)
{
	ssize_t v;

	return hit(WRAP_PREAD, &v) ? v : __real_pread64(fd, to, len, at);
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t len, off_t at)
{
	ssize_t v;

	return hit(WRAP_PWRITE, &v) ? v : __real_pwrite64(fd, data, len, at);
}

int __wrap_fstat64(int fd, struct stat *st)
{
	ssize_t v;

	return hit(WRAP_FSTAT, &v) ? (int)v : __real_fstat64(fd, st);
}

int __wrap_adjtimex(struct timex *t)
{
	ssize_t v;

	return hit(WRAP_ADJTIMEX, &v) ? (int)v : __real_adjtimex(t);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	if (id == CLOCK_REALTIME && wrap_wall_seconds != 0) {
		*ts = (struct timespec){.tv_sec = wrap_wall_seconds};
		return 0;
	}
	return __real_clock_gettime(id, ts);
}

int __wrap_sd_journal_sendv(const struct iovec *iov, int n)
{
	size_t used = 0;
	ssize_t v;

	if (hit(WRAP_JOURNAL, &v)) {
		return (int)v;
	}
	for (int i = 0; i < n; i++) {
		used += (size_t)snprintf(wrap_journal + used, sizeof(wrap_journal) - used,
			"%.*s\n", (int)iov[i].iov_len, (const char *)iov[i].iov_base);
	}
	return 0;
}
