/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/transcript.h: what is written down of a dialogue, and what is no transcript. */
#include <stdlib.h>
#include <unistd.h>

#include "drivers/sim/transcript.h"
#include "tests/unit/sim/scene.h"

static void codes_are_masked_in_every_command_that_carries_one(void **state)
{
	static const struct {
		const char *command; /* eight bytes */
		char kind;
		const char *line;
	} rows[] = {
		{"\x00\x20\x00\x01\x03\x31\x32\x33", '>', "> 0020000103******\n"},
		{"\x00\x24\x00\x01\x03\x31\x32\x33", '>', "> 0024000103******\n"},
		{"\x00\x2C\x00\x01\x03\x31\x32\x33", '>', "> 002c000103******\n"},
		{"\x00\xA4\x00\x01\x03\x31\x32\x33", '>', "> 00a4000103313233\n"},
		{"\x00\x20\x00\x01\x03\x31\x32\x33", '<', "< 0020000103313233\n"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text = NULL;
		size_t size = 0;
		FILE *to = open_memstream(&text, &size);

		assert_non_null(to);
		transcript_put(to, rows[i].kind, view_of(rows[i].command, 8));
		fclose(to);
		assert_string_equal(text, rows[i].line);
		free(text);
	}
}

/* Return: the outcome of a file of ATR and one answer of @digits hexadecimal digits. */
static int load(size_t digits)
{
	_cleanup_(buf_done) struct buf answers = BUF_NULL(1024 * 1024);
	char path[] = "/tmp/transcript-XXXXXX";
	int fd = mkstemp(path);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	struct atr atr;
	int r;

	assert_non_null(to);
	fputs("= 3B00\n< ", to);
	for (size_t i = 0; i < digits; i++) {
		fputc('0', to);
	}
	fputc('\n', to);
	fclose(to);
	r = transcript_load(path, &atr, &answers);
	assert_int_equal(unlink(path), 0);
	return r;
}

static void a_line_longer_than_any_answer_is_no_transcript(void **state)
{
	(void)state;
	assert_int_equal(load(512), 0);
	assert_int_equal(load(131072), TRANSCRIPT_INVALID);
	assert_int_equal(load(262144), TRANSCRIPT_INVALID); /* and is not even looked at */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_masked_in_every_command_that_carries_one),
		cmocka_unit_test(a_line_longer_than_any_answer_is_no_transcript),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
