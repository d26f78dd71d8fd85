/* SPDX-License-Identifier: EUPL-1.2 */
/* base/log.h: what stands on stderr and in the journal, and that a line stays a line. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "tests/unit/base/wrap.h"

static int pipe_ends[2];
static int old_stderr;

/* stderr is a pipe from here on; text() takes what was written. */
static int redirect(void **state)
{
	(void)state;
	wrap_clear();
	(void)unsetenv("JOURNAL_STREAM");
	old_stderr = dup(STDERR_FILENO);
	if (pipe2(pipe_ends, O_CLOEXEC | O_NONBLOCK) < 0) {
		return -1;
	}
	return dup2(pipe_ends[1], STDERR_FILENO) < 0 ? -1 : 0;
}

static int restore(void **state)
{
	(void)state;
	(void)unsetenv("JOURNAL_STREAM");
	if (dup2(old_stderr, STDERR_FILENO) < 0) {
		return -1;
	}
	close(old_stderr);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	return 0;
}

static const char *text(void)
{
	static char got[4096];
	ssize_t n = read(pipe_ends[0], got, sizeof(got) - 1);

	got[n < 0 ? 0 : n] = '\0';
	return got;
}

static void become_journal(long long offset)
{
	char stream[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	(void)snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		(unsigned long long)st.st_ino + (unsigned long long)offset);
	assert_int_equal(setenv("JOURNAL_STREAM", stream, 1), 0);
}

static void a_message_is_priority_name_and_text(void **state)
{
	(void)state;
	log_open("test");
	log_msg(LOG_INFO, "card-in", "slot %d", 3);
	assert_string_equal(text(), "<6>card-in: slot 3\n");
	log_msg(LOG_ERR, "card-out", "%s", "");
	assert_string_equal(text(), "<3>card-out: \n");
}

static void control_characters_cannot_make_a_second_line(void **state)
{
	(void)state;
	log_open("test");
	log_msg(LOG_INFO, "reader", "%s", "A\n<0>fake: B\r\t\x1B[1m\x7F \xC3\xA9");
	assert_string_equal(text(), "<6>reader: A?<0>fake: B???[1m? \xC3\xA9\n");
}

static void a_long_message_is_cut_but_ends(void **state)
{
	char long_text[3000];
	const char *got;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	log_open("test");
	log_msg(LOG_INFO, "long", "%s", long_text);
	got = text();
	assert_in_range(strlen(got), 900, 1100);
	assert_int_equal(got[strlen(got) - 1], '\n');
	log_msg(LOG_INFO, long_text, "hidden %s", "by its name");
	got = text();
	assert_in_range(strlen(got), 60, 1100);
	assert_int_equal(got[strlen(got) - 1], '\n');
}

static void a_fault_is_named_with_its_places(void **state)
{
	(void)state;
	log_open("test");
	assert_int_equal(fault_at(-ENOMEM, "x/base/buf.c", 7), -ENOMEM);
	assert_int_equal(log_fault(-ENOMEM, "start"), -ENOMEM);
	assert_string_equal(text(), "<3>start: ENOMEM (-12) at base/buf.c:7\n");
	assert_int_equal(fault_at(-9999, "x/base/buf.c", 8), -9999);
	assert_int_equal(log_fault(-9999, "start"), -9999);
	assert_string_equal(text(), "<3>start: unknown (-9999) at base/buf.c:8\n");
}

static void the_journal_gets_fields_when_stderr_is_its(void **state)
{
	(void)state;
	become_journal(0);
	log_open("vitaled-test");
	log_msg(LOG_WARNING, "card-in", "slot %d\n", 3);
	assert_string_equal(wrap_journal,
		"PRIORITY=4\nSYSLOG_IDENTIFIER=vitaled-test\n"
		"VITALED_MESSAGE=card-in\nMESSAGE=card-in: slot 3?\n");
	assert_string_equal(text(), "");
}

static void a_listed_message_carries_the_identifier_of_its_explanation(void **state)
{
	(void)state;
	become_journal(0);
	log_open("vitaled-test");
	log_msg(LOG_INFO, "started", "vitaled %s", "1");
	assert_string_equal(wrap_journal,
		"PRIORITY=6\nSYSLOG_IDENTIFIER=vitaled-test\n"
		"VITALED_MESSAGE=started\nMESSAGE=started: vitaled 1\n"
		"MESSAGE_ID=c494aa306a5a4eb58776a7117d64e707\n");
	wrap_clear();
	log_msg(LOG_INFO, "starte", "x");
	assert_null(strstr(wrap_journal, "MESSAGE_ID"));
}

static void another_stream_is_not_the_journal(void **state)
{
	(void)state;
	become_journal(1);
	log_open("test");
	log_msg(LOG_INFO, "a", "b");
	assert_string_equal(wrap_journal, "");
	assert_string_equal(text(), "<6>a: b\n");
	become_journal(0);
	wrap_fail(WRAP_FSTAT, 0, EIO);
	log_open("test");
	log_msg(LOG_INFO, "a", "c");
	assert_string_equal(text(), "<6>a: c\n");
}

static void a_journal_that_fails_falls_back_to_stderr(void **state)
{
	(void)state;
	become_journal(0);
	log_open("test");
	wrap_return(WRAP_JOURNAL, 0, -ENOBUFS);
	log_msg(LOG_INFO, "a", "b");
	assert_string_equal(text(), "<6>a: b\n");
}

int main(void)
{
#define LOGGED(test) cmocka_unit_test_setup_teardown(test, redirect, restore)
	const struct CMUnitTest tests[] = {
		LOGGED(a_message_is_priority_name_and_text),
		LOGGED(control_characters_cannot_make_a_second_line),
		LOGGED(a_long_message_is_cut_but_ends),
		LOGGED(a_fault_is_named_with_its_places),
		LOGGED(the_journal_gets_fields_when_stderr_is_its),
		LOGGED(a_listed_message_carries_the_identifier_of_its_explanation),
		LOGGED(another_stream_is_not_the_journal),
		LOGGED(a_journal_that_fails_falls_back_to_stderr),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
