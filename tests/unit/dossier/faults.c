/* SPDX-License-Identifier: EUPL-1.2 */
/* One counter for all; the wrapped functions serve our code, the hooks serve the libraries. */
#include "tests/unit/dossier/faults.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/crypto.h>
#include <poll.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"

static bool armed;
static bool paused;
static bool met;
static enum faults_kind what;
static unsigned int left;

void faults_arm(enum faults_kind kind, unsigned int nth)
{
	what = kind;
	left = nth;
	met = false;
	armed = true;
}

bool faults_pause(bool pause)
{
	bool before = paused;

	paused = pause;
	return before;
}

bool faults_off(void)
{
	armed = false;
	return met;
}

static bool due(enum faults_kind kind)
{
	if (!armed || paused || met || kind != what) {
		return false;
	}
	if (left > 0) {
		left--;
		return false;
	}
	met = true;
	return true;
}

static bool refused(void)
{
	if (due(FAULTS_CALLS)) {
		errno = EIO;
		return true;
	}
	return false;
}

/* -- memory ------------------------------------------------------------------------------------- */

#define WRAP(type, name, ...)                                                                  \
	type __real_##name(__VA_ARGS__);                                                       \
	type __wrap_##name(__VA_ARGS__)

WRAP(void *, malloc, size_t size);
WRAP(void *, calloc, size_t n, size_t size);
WRAP(void *, realloc, void *p, size_t size);

void *__wrap_malloc(size_t size)
{
	return due(FAULTS_MEMORY) ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return due(FAULTS_MEMORY) ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return due(FAULTS_MEMORY) ? NULL : __real_realloc(p, size);
}

static void *openssl_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size == 0 ? NULL : __wrap_malloc(size);
}

static void *openssl_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size == 0) {
		free(p);
		return NULL;
	}
	return __wrap_realloc(p, size);
}

static void openssl_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

static void *sqlite_malloc(int size)
{
	return __wrap_malloc((size_t)size);
}

static void *sqlite_realloc(void *p, int size)
{
	return __wrap_realloc(p, (size_t)size);
}

static int sqlite_size(void *p)
{
	return p ? (int)malloc_usable_size(p) : 0;
}

static int sqlite_roundup(int size)
{
	return (size + 7) & ~7;
}

static int sqlite_init(void *user)
{
	(void)user;
	return SQLITE_OK;
}

static void sqlite_shutdown(void *user)
{
	(void)user;
}

void faults_setup(void)
{
	static const sqlite3_mem_methods methods = {
		.xMalloc = sqlite_malloc,
		.xFree = free,
		.xRealloc = sqlite_realloc,
		.xSize = sqlite_size,
		.xRoundup = sqlite_roundup,
		.xInit = sqlite_init,
		.xShutdown = sqlite_shutdown,
	};

	json_setup();
	if (CRYPTO_set_mem_functions(openssl_malloc, openssl_realloc, openssl_free) != 1 ||
		sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) != SQLITE_OK) {
		abort();
	}
}

/* -- system calls ------------------------------------------------------------------------------- */

WRAP(int, open64, const char *path, int flags, ...);
WRAP(int, fsync, int fd);
WRAP(ssize_t, read, int fd, void *to, size_t size);
WRAP(ssize_t, write, int fd, const void *from, size_t size);
WRAP(int, rename, const char *from, const char *to);
WRAP(int, mkdir, const char *path, mode_t mode);
WRAP(int, pipe2, int fds[2], int flags);
WRAP(int, fcntl64, int fd, int op, ...);
WRAP(int, fstat64, int fd, struct stat64 *st);
WRAP(int, access, const char *path, int mode);
WRAP(int, poll, struct pollfd *fds, nfds_t n, int timeout);
WRAP(int, memfd_create, const char *name, unsigned int flags);
WRAP(ssize_t, getrandom, void *to, size_t size, unsigned int flags);
WRAP(void *, mmap64, void *at, size_t size, int prot, int flags, int fd, off64_t offset);

int __wrap_open64(const char *path, int flags, ...)
{
	mode_t mode = 0;

	if (flags & O_CREAT) {
		va_list ap;

		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	return refused() ? -1 : __real_open64(path, flags, mode);
}

int __wrap_fsync(int fd)
{
	return refused() ? -1 : __real_fsync(fd);
}

ssize_t __wrap_read(int fd, void *to, size_t size)
{
	return refused() ? -1 : __real_read(fd, to, size);
}

ssize_t __wrap_write(int fd, const void *from, size_t size)
{
	return refused() ? -1 : __real_write(fd, from, size);
}

int __wrap_rename(const char *from, const char *to)
{
	return refused() ? -1 : __real_rename(from, to);
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	return refused() ? -1 : __real_mkdir(path, mode);
}

int __wrap_pipe2(int fds[2], int flags)
{
	return refused() ? -1 : __real_pipe2(fds, flags);
}

int __wrap_fcntl64(int fd, int op, ...)
{
	va_list ap;
	long arg;

	va_start(ap, op);
	arg = va_arg(ap, long); /* all the operations that we use take a word or nothing */
	va_end(ap);
	return refused() ? -1 : __real_fcntl64(fd, op, arg);
}

int __wrap_fstat64(int fd, struct stat64 *st)
{
	return refused() ? -1 : __real_fstat64(fd, st);
}

int __wrap_access(const char *path, int mode)
{
	return refused() ? -1 : __real_access(path, mode);
}

int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	return refused() ? -1 : __real_poll(fds, n, timeout);
}

int __wrap_memfd_create(const char *name, unsigned int flags)
{
	return refused() ? -1 : __real_memfd_create(name, flags);
}

ssize_t __wrap_getrandom(void *to, size_t size, unsigned int flags)
{
	return refused() ? -1 : __real_getrandom(to, size, flags);
}

void *__wrap_mmap64(void *at, size_t size, int prot, int flags, int fd, off64_t offset)
{
	return refused() ? (void *)(intptr_t)-1
			 : __real_mmap64(at, size, prot, flags, fd, offset);
}
