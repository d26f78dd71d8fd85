/* SPDX-License-Identifier: EUPL-1.2 */
/* The clock that answers for a process that hangs: in children of the test. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "drivers/card/stuck.h"

#define SOON (20 * USEC_PER_MS)

static const uint8_t body[] = {0xDF, 0x23, 0x04, 0, 0, 0, 7};

static struct link_frame request(uint8_t op, uint32_t seq)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = LINK_KIND_REQUEST;
	f.op = op;
	f.seq = seq;
	return f;
}

static void sleep_ms(long ms)
{
	const struct timespec t = {.tv_nsec = ms * 1000000};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

static void hang(int fd)
{
	struct link_frame f = request(CARD_OP_SIGN, 0x01020304);

	if (stuck_init(fd) != 0) {
		_exit(90);
	}
	stuck_as(CARD_MUTE);
	stuck_begin(&f, VIEW(body), SOON);
	sleep_ms(900);
}

static void wait_for_others(int fd)
{
	struct link_frame f = request(CARD_OP_OPEN, 1);

	if (stuck_init(fd) != 0) {
		_exit(90);
	}
	stuck_as(CARD_MUTE);
	stuck_begin(&f, VIEW_NULL, SOON);
	stuck_as(CARD_BUSY);
	sleep_ms(900);
}

/* Every new beginning gives the whole time again. */
static void keep_alive(int fd)
{
	struct link_frame f = request(CARD_OP_OPEN, 2);
	uint8_t much[STUCK_BODY_MAX + 1] = {0};

	if (stuck_init(fd) != 0) {
		_exit(90);
	}
	stuck_as(CARD_MUTE);
	for (unsigned i = 0; i < 10; i++) {
		stuck_begin(&f, VIEW(body), 300 * USEC_PER_MS);
		sleep_ms(40);
	}
	stuck_begin(&f, VIEW(much), SOON); /* a body that is too long is left out */
	sleep_ms(900);
}

static void answer_in_time(int fd)
{
	struct link_frame f = request(CARD_OP_OPEN, 3);

	if (stuck_init(fd) != 0) {
		_exit(90);
	}
	stuck_begin(&f, VIEW(body), SOON);
	stuck_end();
	sleep_ms(60);
}

static void nobody_asked_for_a_clock(int fd)
{
	struct link_frame f = request(CARD_OP_OPEN, 4);

	(void)fd;
	stuck_as(CARD_BUSY);
	stuck_begin(&f, VIEW(body), 1);
	stuck_end();
	sleep_ms(20);
}

static void a_process_that_hangs_is_answered_for(void **state)
{
	static const struct {
		void (*child)(int fd);
		int status;
		uint8_t op;
		uint32_t seq;
		uint8_t outcome;
		size_t body;
	} table[] = {
		{hang, STUCK_STATUS, CARD_OP_SIGN, 0x01020304, CARD_MUTE, sizeof(body)},
		{wait_for_others, STUCK_STATUS, CARD_OP_OPEN, 1, CARD_BUSY, 0},
		{keep_alive, STUCK_STATUS, CARD_OP_OPEN, 2, CARD_MUTE, 0},
		{answer_in_time, 0, 0, 0, 0, 0},
		{nobody_asked_for_a_clock, 0, 0, 0, 0, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
		struct link_frame f;
		int status = 0;
		int fds[2];
		pid_t pid;

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
		pid = fork();
		if (pid == 0) {
			table[i].child(fds[1]);
			_exit(0);
		}
		close(fds[1]);
		if (table[i].op) {
			assert_int_equal(link_recv(fds[0], &storage, &f, false), 0);
			assert_int_equal(f.kind, LINK_KIND_ANSWER);
			assert_int_equal(f.op, table[i].op);
			assert_int_equal(f.seq, table[i].seq);
			assert_int_equal(f.outcome, table[i].outcome);
			assert_int_equal(f.n_fds, 0);
			assert_int_equal(f.body.len, table[i].body);
		}
		assert_int_equal(link_recv(fds[0], &storage, &f, false), LINK_CLOSED);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), table[i].status);
		close(fds[0]);
	}
}

/* A broker that does not read, or is gone, is no reason to stay. */
static void a_process_that_hangs_ends_whoever_listens(void **state)
{
	int status = 0;
	int fds[2];
	pid_t pid;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		hang(fds[1]);
		_exit(0);
	}
	close(fds[0]);
	close(fds[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), STUCK_STATUS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_process_that_hangs_is_answered_for),
		cmocka_unit_test(a_process_that_hangs_ends_whoever_listens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
