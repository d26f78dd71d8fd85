/* SPDX-License-Identifier: EUPL-1.2 */
/* Reading answers from pipes and terminals. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/prompt.h"

static int pipe_of(const char *text, size_t len)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], text, len), (ssize_t)len);
	close(ends[1]);
	return ends[0];
}

static int next(struct prompt *p)
{
	int r;

	assert_int_equal(prompt_begin(p, true), 0);
	do {
		r = prompt_read(p);
	} while (r == PROMPT_MORE);
	return r;
}

static void lines_come_one_by_one_and_nothing_is_read_ahead(void **state _unused_)
{
	struct prompt p;
	int fd = pipe_of("1234\r\n\nyes\nlast", 15);
	char rest[16] = "";

	assert_int_equal(prompt_init(&p, fd), 0);
	assert_false(p.tty);
	assert_int_equal(next(&p), 0);
	assert_string_equal(prompt_text(&p), "1234");
	assert_int_equal(p.line.len, 4);
	assert_int_equal(next(&p), 0);
	assert_string_equal(prompt_text(&p), "");
	assert_int_equal(read(fd, rest, 4), 4); /* still in the pipe */
	assert_string_equal(rest, "yes\n");
	assert_int_equal(next(&p), 0);
	assert_string_equal(prompt_text(&p), "last");
	assert_int_equal(next(&p), PROMPT_END);
	prompt_done(&p);
	close(fd);
}

static void the_line_is_wiped_when_the_answer_was_taken(void **state _unused_)
{
	struct prompt p;
	int fd = pipe_of("98765\n", 6);

	assert_int_equal(prompt_init(&p, fd), 0);
	assert_int_equal(next(&p), 0);
	prompt_end(&p);
	assert_int_equal(p.line.len, 0);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(p.line.data[i], 0);
	}
	prompt_done(&p);
	close(fd);
}

static void a_line_that_is_too_long_is_refused_whole(void **state _unused_)
{
	static char text[3 * PROMPT_MAX];
	struct prompt p;
	int fd;

	for (size_t i = 0; i < sizeof(text); i++) {
		text[i] = 'a';
	}
	text[PROMPT_MAX + 5] = '\n';
	text[PROMPT_MAX + 6] = 'b';
	text[PROMPT_MAX + 7] = '\n';
	fd = pipe_of(text, PROMPT_MAX + 8);
	assert_int_equal(prompt_init(&p, fd), 0);
	assert_int_equal(next(&p), PROMPT_LONG);
	assert_int_equal(next(&p), 0);
	assert_string_equal(prompt_text(&p), "b");
	prompt_done(&p);
	close(fd);
	/* the longest that fits, and one more */
	text[PROMPT_MAX - 2] = '\n';
	fd = pipe_of(text, PROMPT_MAX - 1);
	assert_int_equal(prompt_init(&p, fd), 0);
	assert_int_equal(next(&p), 0);
	assert_int_equal(p.line.len, PROMPT_MAX - 2);
	prompt_done(&p);
	close(fd);
	text[PROMPT_MAX - 2] = 'a';
	text[PROMPT_MAX - 1] = '\n';
	fd = pipe_of(text, PROMPT_MAX);
	assert_int_equal(prompt_init(&p, fd), 0);
	assert_int_equal(next(&p), PROMPT_LONG);
	prompt_done(&p);
	close(fd);
}

static void what_was_written_for_a_withdrawn_question_is_not_the_next_one_s(
	void **state _unused_)
{
	struct prompt p;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(prompt_init(&p, ends[0]), 0);
	assert_int_equal(write(ends[1], "0000\n1111\nha", 12), 12);
	assert_int_equal(prompt_begin(&p, true), 0);
	assert_int_equal(prompt_read(&p), PROMPT_MORE); /* one byte of it */
	prompt_withdraw(&p);
	prompt_end(&p);
	assert_int_equal(prompt_begin(&p, false), 0); /* all that was there goes */
	assert_int_equal(write(ends[1], "lf\nyes\nno\n", 10), 10);
	assert_int_equal(next(&p), 0);
	assert_string_equal(prompt_text(&p), "yes");
	assert_int_equal(next(&p), 0); /* not withdrawn: what is there counts */
	assert_string_equal(prompt_text(&p), "no");
	/* of a line that was begun, the rest may come later */
	assert_int_equal(write(ends[1], "12", 2), 2);
	assert_int_equal(prompt_begin(&p, true), 0);
	assert_int_equal(prompt_read(&p), PROMPT_MORE);
	assert_int_equal(prompt_read(&p), PROMPT_MORE);
	prompt_withdraw(&p);
	prompt_end(&p);
	assert_int_equal(write(ends[1], "34\n", 3), 3);
	assert_int_equal(prompt_begin(&p, true), 0);
	assert_int_equal(write(ends[1], "5678\n", 5), 5);
	assert_int_equal(next(&p), 0);
	assert_string_equal(prompt_text(&p), "5678");
	/* what comes later is not thrown away */
	prompt_end(&p);
	prompt_withdraw(&p);
	assert_int_equal(prompt_begin(&p, true), 0);
	assert_int_equal(write(ends[1], "9\n", 2), 2);
	assert_int_equal(next(&p), 0);
	assert_string_equal(prompt_text(&p), "9");
	prompt_end(&p);
	prompt_withdraw(&p);
	close(ends[1]);
	assert_int_equal(next(&p), PROMPT_END);
	prompt_done(&p);
	close(ends[0]);
}

static bool echoes(int fd)
{
	struct termios t;

	assert_int_equal(tcgetattr(fd, &t), 0);
	return (t.c_lflag & ECHO) != 0;
}

/* the kernel hands over what was typed in its own time */
static void arrived(int fd, int n)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int there = 0;

	while (there < n) {
		assert_true(poll(&p, 1, 5000) > 0);
		assert_int_equal(ioctl(fd, FIONREAD, &there), 0);
	}
}

static void on_a_terminal_the_echo_is_off_for_secrets_and_comes_back(void **state _unused_)
{
	struct prompt p;
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	int fd;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0) {
		skip();
	}
	fd = open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(prompt_init(&p, fd), 0);
	assert_true(p.tty);
	assert_int_equal(prompt_begin(&p, false), 0);
	assert_true(echoes(fd));
	/* what was typed before a secret is asked for is not taken as the secret */
	assert_int_equal(write(master, "early\n", 6), 6);
	arrived(fd, 6);
	assert_int_equal(prompt_begin(&p, true), 0);
	assert_false(echoes(fd));
	assert_int_equal(write(master, "4321\n", 5), 5);
	for (int r = PROMPT_MORE; r == PROMPT_MORE;) {
		r = prompt_read(&p);
		assert_true(r == 0 || r == PROMPT_MORE);
	}
	assert_string_equal(prompt_text(&p), "4321");
	prompt_end(&p);
	assert_true(echoes(fd));
	assert_int_equal(prompt_begin(&p, true), 0);
	prompt_done(&p);
	assert_true(echoes(fd));
	close(fd);
	close(master);
}

static void a_closed_descriptor_is_a_fault(void **state _unused_)
{
	struct prompt p;

	assert_int_equal(prompt_init(&p, -1), 0);
	assert_true(prompt_read(&p) < 0);
	prompt_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_one_by_one_and_nothing_is_read_ahead),
		cmocka_unit_test(the_line_is_wiped_when_the_answer_was_taken),
		cmocka_unit_test(a_line_that_is_too_long_is_refused_whole),
		cmocka_unit_test(
			what_was_written_for_a_withdrawn_question_is_not_the_next_one_s),
		cmocka_unit_test(on_a_terminal_the_echo_is_off_for_secrets_and_comes_back),
		cmocka_unit_test(a_closed_descriptor_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
