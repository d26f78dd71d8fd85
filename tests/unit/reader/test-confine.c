/* SPDX-License-Identifier: EUPL-1.2 */
/* The filter, in children of the test: what stays, and what kills. In builds whose filter only logs
 * the denials are not looked at; the release build proves them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/link.h"
#include "base/secret.h"
#include "drivers/reader/confine.h"

static int link_fds[2];
static int pipe_fds[2];

/* Run @fn in a child under the filter. Return: its wait status. */
static int in_child(int (*fn)(void), bool with_pipe)
{
	const struct confine_rule rules[] = {
		{SCMP_SYS(read), CONFINE_ANY_FD},
		{SCMP_SYS(close), CONFINE_ANY_FD},
	};
	int status = 0;
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link_fds), 0);
	assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
	assert_int_equal(write(pipe_fds[1], "1234", 4), 4);
	pid = fork();
	if (pid == 0) {
		close(pipe_fds[1]);
		/* as a program would: what needs calls beyond the filter comes first */
		if (confine_start() < 0 ||
			confine_load(link_fds[1], -1, rules, with_pipe ? 2 : 0) < 0) {
			confine_exit(99);
		}
		confine_exit(fn());
	}
	close(pipe_fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(link_fds[0]);
	close(link_fds[1]);
	close(pipe_fds[0]);
	return status;
}

static int work(void)
{
	struct timespec pause = {.tv_nsec = 1000};
	struct buf b = BUF_NULL(8000000);
	struct link_frame f = LINK_FRAME_NULL;
	uint8_t pin[8];

	if (read(pipe_fds[0], pin, sizeof(pin)) != 4 || close(pipe_fds[0]) < 0) {
		return 1;
	}
	if (!buf_extend(&b, 3000000)) { /* brk and mmap */
		return 2;
	}
	buf_done(&b);
	f.kind = LINK_KIND_EVENT;
	f.op = 1;
	if (link_send(link_fds[1], &f, true) != 0) {
		return 3;
	}
	if (clock_monotonic() == 0 || clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL) != 0) {
		return 4;
	}
	return 0;
}

static int open_a_file(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? 0 : 1;
}

static int make_a_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) < 0;
}

static int start_a_process(void)
{
	(void)fork();
	return 0;
}

static int signal_the_parent(void)
{
	(void)kill(getppid(), 0);
	return 0;
}

static int make_code(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED;
}

static int write_elsewhere(void)
{
	(void)sendto(link_fds[0], "x", 1, MSG_NOSIGNAL, NULL, 0);
	return 0;
}

static int read_elsewhere(void)
{
	uint8_t byte;
	ssize_t n = read(pipe_fds[0], &byte, 1);

	return n == 1 ? 0 : 1;
}

static void what_a_card_process_needs_stays(void **state)
{
	int status;

	(void)state;
	status = in_child(work, true);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void everything_else_kills(void **state)
{
	static int (*const forbidden[])(void) = {open_a_file, make_a_socket, start_a_process,
		signal_the_parent, make_code, write_elsewhere, read_elsewhere};

	(void)state;
	if (VITALED_FILTER_LOGS) {
		skip();
	}
	for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
		int status = in_child(forbidden[i], false);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS) {
			fail_msg("call %zu: status %x", i, (unsigned)status);
		}
	}
}

static int look_at_yourself(void)
{
	struct rlimit core;

	if (prctl(PR_GET_DUMPABLE) != 0 || getrlimit(RLIMIT_CORE, &core) < 0 ||
		core.rlim_max != 0) {
		return 1;
	}
	return 0;
}

static void the_start_leaves_no_core(void **state)
{
	int status = 0;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		if (confine_start() < 0) {
			confine_exit(99);
		}
		confine_exit(look_at_yourself());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int load_a_bad_rule(void)
{
	const struct confine_rule bad = {.call = __NR_SCMP_ERROR, .fd = CONFINE_ANY_FD};

	return confine_load(3, 4, &bad, 1) < 0 ? 0 : 1;
}

static void a_rule_that_cannot_be_is_a_fault(void **state)
{
	int status = 0;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		confine_exit(load_a_bad_rule());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_card_process_needs_stays),
		cmocka_unit_test(everything_else_kills),
		cmocka_unit_test(the_start_leaves_no_core),
		cmocka_unit_test(a_rule_that_cannot_be_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
