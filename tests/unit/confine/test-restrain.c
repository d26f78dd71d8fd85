/* SPDX-License-Identifier: EUPL-1.2 */
/* base/restrain.h: the limits from inside, less than was given, and each call that fails. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/restrain.h"

static const struct restrain usual = {
	.files = 16, .memory = 256UL << 20, .locked = 65536, .size = 4096};

/* -- the n-th call fails -------------------------------------------------------------------------- */

static int calls_left = -1; /* before one fails; -1: none does */

static bool fails(void)
{
	return calls_left >= 0 && calls_left-- == 0;
}

int __real_prctl(
	int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
int __wrap_prctl(
	int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d);
sighandler_t __real_signal(int number, sighandler_t handler);
sighandler_t __wrap_signal(int number, sighandler_t handler);
int __real_getrlimit64(__rlimit_resource_t what, struct rlimit *ret);
int __wrap_getrlimit64(__rlimit_resource_t what, struct rlimit *ret);
int __real_setrlimit64(__rlimit_resource_t what, const struct rlimit *l);
int __wrap_setrlimit64(__rlimit_resource_t what, const struct rlimit *l);

static int refused(void)
{
	errno = EIO;
	return -1;
}

int __wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)
{
	return fails() ? refused() : __real_prctl(option, a, b, c, d);
}

sighandler_t __wrap_signal(int number, sighandler_t handler)
{
	if (fails()) {
		(void)refused();
		return SIG_ERR;
	}
	return __real_signal(number, handler);
}

int __wrap_getrlimit64(__rlimit_resource_t what, struct rlimit *ret)
{
	return fails() ? refused() : __real_getrlimit64(what, ret);
}

int __wrap_setrlimit64(__rlimit_resource_t what, const struct rlimit *l)
{
	return fails() ? refused() : __real_setrlimit64(what, l);
}

/* -- in processes of their own --------------------------------------------------------------------- */

static int in_child(int (*fn)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		_exit(fn());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static bool is(__rlimit_resource_t what, rlim_t most)
{
	struct rlimit l;

	return getrlimit(what, &l) == 0 && l.rlim_cur == most && l.rlim_max == most;
}

static int look(void)
{
	int death = 0;

	if (restrain(&usual) != 0)
		return 1;
	if (prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL) != 0 ||
		prctl(PR_GET_NO_NEW_PRIVS, 0UL, 0UL, 0UL, 0UL) != 1)
		return 2;
	if (prctl(PR_GET_PDEATHSIG, (unsigned long)(uintptr_t)&death, 0UL, 0UL, 0UL) < 0 ||
		death != SIGKILL)
		return 3;
	if (!is(RLIMIT_CORE, 0) || !is(RLIMIT_NOFILE, 16) || !is(RLIMIT_MEMLOCK, 65536) ||
		!is(RLIMIT_MSGQUEUE, 0))
		return 4;
	if (!VITALED_FILTER_LOGS && (!is(RLIMIT_AS, 256UL << 20) || !is(RLIMIT_NPROC, 0) ||
					    !is(RLIMIT_FSIZE, 4096)))
		return 5;
	return umask(0) == 077 ? 0 : 6;
}

static void everything_is_given_up(void **state)
{
	(void)state;
	assert_int_equal(in_child(look), 0);
}

static int lower_and_look(void)
{
	const struct rlimit less = {.rlim_cur = 5, .rlim_max = 8};

	if (setrlimit(RLIMIT_NOFILE, &less) < 0 || restrain(&usual) != 0)
		return 1;
	return is(RLIMIT_NOFILE, 8) ? 0 : 2;
}

static void less_than_that_stays_less(void **state)
{
	(void)state;
	assert_int_equal(in_child(lower_and_look), 0);
}

/* Limits of memory, size and descriptors bind; what is too much is an error and not a signal. */
static int want_too_much(void)
{
	static const char page[4096];
	int fd;

	if (restrain(&usual) != 0)
		return 1;
	fd = memfd_create("x", MFD_CLOEXEC);
	if (fd < 0 || write(fd, page, sizeof(page)) != (ssize_t)sizeof(page) ||
		write(fd, page, 1) >= 0 || errno != EFBIG)
		return 2;
	if (mmap(NULL, 512UL << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
		MAP_FAILED)
		return 3;
	if (fcntl(fd, F_DUPFD_CLOEXEC, 16) >= 0)
		return 4;
	return 0;
}

static void too_much_is_an_error(void **state)
{
	(void)state;
	if (VITALED_FILTER_LOGS)
		skip();
	assert_int_equal(in_child(want_too_much), 0);
}

static int start_another(void)
{
	/* root may start as many as it likes */
	if (restrain(&usual) != 0 || (geteuid() == 0 && setuid(65534) < 0))
		return 1;
	return fork() < 0 && errno == EAGAIN ? 0 : 2;
}

static void nothing_is_started(void **state)
{
	(void)state;
	if (VITALED_FILTER_LOGS)
		skip();
	assert_int_equal(in_child(start_another), 0);
}

static int fail_each(void)
{
	int n;

	for (n = 0;; n++) {
		calls_left = n;
		if (restrain(&usual) == 0)
			break;
	}
	/* three prctl, a signal, two calls a limit */
	return n == (VITALED_FILTER_LOGS ? 12 : 18) && calls_left == 0 ? 0 : n + 1;
}

static void a_call_that_fails_is_a_fault(void **state)
{
	(void)state;
	assert_int_equal(in_child(fail_each), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_given_up),
		cmocka_unit_test(less_than_that_stays_less),
		cmocka_unit_test(too_much_is_an_error),
		cmocka_unit_test(nothing_is_started),
		cmocka_unit_test(a_call_that_fails_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
