/* SPDX-License-Identifier: EUPL-1.2 */
/* See fail.h. The names are the linker's; with 64-bit offsets the C library calls them *64. */
#include "tests/fuzz/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#define NSEC_PER_SEC  1000000000UL
#define NSEC_PER_USEC 1000UL
#define NSEC_PER_MS   1000000UL

static enum {
	MODE_NONE,
	MODE_RANDOM,
	MODE_NTH,
} mode;

static uint32_t state;
static uint64_t left;
static bool failed;
static bool is_paused;
static bool running;	/* a target's input, not the fuzzer around it */
static uint64_t passed; /* nanoseconds that the input has let pass */

static void start(void)
{
	failed = false;
	running = true;
	passed = 0;
}

void fail_random(uint32_t seed)
{
	start();
	mode = seed ? MODE_RANDOM : MODE_NONE;
	state = seed;
}

void fail_nth(uint64_t n)
{
	start();
	mode = MODE_NTH;
	left = n;
}

bool fail_stop(void)
{
	mode = MODE_NONE;
	running = false;
	return failed;
}

void fail_time_passes(uint64_t usec)
{
	passed += usec * NSEC_PER_USEC;
}

__attribute__((weak)) bool target_silent(void)
{
	return false;
}

/* xorshift32 (Marsaglia 2003) */
static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

void fail_pause(bool paused)
{
	is_paused = paused;
}

bool fail_now(void)
{
	bool now = false;

	if (is_paused) {
		return false;
	}
	switch (mode) {
	case MODE_NONE:
		break;
	case MODE_RANDOM:
		now = next() % FAIL_ONE_IN == 0;
		break;
	case MODE_NTH:
		now = left > 0 && --left == 0;
		break;
	}
	failed = failed || now;
	return now;
}

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

WRAPPED(void *, malloc, (size_t size))
{
	TURN(ENOMEM, NULL);
	return __real_malloc(size);
}

WRAPPED(void *, calloc, (size_t n, size_t size))
{
	TURN(ENOMEM, NULL);
	return __real_calloc(n, size);
}

WRAPPED(void *, realloc, (void *old, size_t size))
{
	TURN(ENOMEM, NULL);
	return __real_realloc(old, size);
}

WRAPPED(void *, mmap64, (void *at, size_t len, int prot, int flags, int fd, off_t off))
{
	TURN(ENOMEM, MAP_FAILED);
	return __real_mmap64(at, len, prot, flags, fd, off);
}

WRAPPED(int, mlock, (const void *at, size_t len))
{
	TURN(EPERM, -1);
	return __real_mlock(at, len);
}

WRAPPED(int, madvise, (void *at, size_t len, int advice))
{
	TURN(EINVAL, -1);
	return __real_madvise(at, len, advice);
}

/* An input's clocks stand still but for fail_time_passes(), so that it always runs the same way. */
WRAPPED(int, clock_gettime, (clockid_t id, struct timespec *now))
{
	static struct timespec begin[CLOCK_BOOTTIME + 1];
	uint64_t nsec;

	if (!running || id < 0 || id > CLOCK_BOOTTIME) {
		return __real_clock_gettime(id, now);
	}
	TURN(EINVAL, -1);
	if (begin[id].tv_sec == 0 && __real_clock_gettime(id, &begin[id]) < 0) {
		return -1;
	}
	nsec = (uint64_t)begin[id].tv_nsec + passed;
	now->tv_sec = begin[id].tv_sec + (time_t)(nsec / NSEC_PER_SEC);
	now->tv_nsec = (long)(nsec % NSEC_PER_SEC);
	return 0;
}

/* nobody waits in here */
WRAPPED(int, clock_nanosleep,
	(clockid_t id, int flags, const struct timespec *t, struct timespec *rest))
{
	(void)id, (void)flags, (void)t, (void)rest;
	return fail_now() ? EINTR : 0;
}

WRAPPED(ssize_t, getrandom, (void *to, size_t len, unsigned flags))
{
	TURN(EAGAIN, -1);
	return __real_getrandom(to, len, flags);
}

/* What would wait until @ms are over lets them pass. */
WRAPPED(int, poll, (struct pollfd * fds, nfds_t n, int ms))
{
	int ready;

	if (!running) {
		return __real_poll(fds, n, ms);
	}
	TURN(ENOMEM, -1);
	ready = target_silent() ? 0 : __real_poll(fds, n, 0);
	if (ready == 0 && ms > 0) {
		passed += (uint64_t)ms * NSEC_PER_MS;
	}
	return ready;
}

/* the alarm is the fuzzer's own; libFuzzer measures its inputs with it */
WRAPPED(int, setitimer,
	(__itimer_which_t which, const struct itimerval *new, struct itimerval *old))
{
	if (!running) {
		return __real_setitimer(which, new, old);
	}
	return fail_now() ? -1 : 0;
}

WRAPPED(int, sigaction, (int signal, const struct sigaction *new, struct sigaction *old))
{
	if (!running) {
		return __real_sigaction(signal, new, old);
	}
	TURN(EINVAL, -1);
	return 0;
}

WRAPPED(int, sigprocmask, (int how, const sigset_t *new, sigset_t *old))
{
	if (!running) {
		return __real_sigprocmask(how, new, old);
	}
	TURN(EINVAL, -1);
	return 0;
}

WRAPPED(ssize_t, read, (int fd, void *to, size_t len))
{
	TURN(EIO, -1);
	return __real_read(fd, to, len);
}

WRAPPED(ssize_t, recvmsg, (int fd, struct msghdr *msg, int flags))
{
	TURN(ENOMEM, -1);
	return __real_recvmsg(fd, msg, flags);
}

WRAPPED(ssize_t, sendmsg, (int fd, const struct msghdr *msg, int flags))
{
	TURN(ENOBUFS, -1);
	return __real_sendmsg(fd, msg, flags);
}

WRAPPED(ssize_t, sendto,
	(int fd, const void *data, size_t len, int flags, const struct sockaddr *to,
		socklen_t n))
{
	TURN(ENOBUFS, -1);
	return __real_sendto(fd, data, len, flags, to, n);
}

/* a target with files in memory has its own (files.c) */
#pragma weak __wrap_open64

WRAPPED(int, open64, (const char *path, int flags, ...))
{
	va_list more;
	mode_t how;

	va_start(more, flags);
	how = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	TURN(EMFILE, -1);
	return __real_open64(path, flags, how);
}

/* The programs write gcc's counters before they leave; here they only seem to leave, and what they
 * do afterwards shall count too. */
void __wrap___gcov_dump(void);

void __wrap___gcov_dump(void)
{
}
