/* SPDX-License-Identifier: EUPL-1.2 */
/* Arguments and command lines. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "client/args.h"

static const struct args_option options[] = {
	{"output", 'o', "FILE"},
	{"keep", 'k', NULL},
	{"lifetime", 0, "S"},
};

static int parse(struct args *a, size_t n, const char *const *argv)
{
	return args_parse(options, ARRAY_LEN(options), false, n, argv, a);
}

static void options_and_words_are_told_apart(void **state _unused_)
{
	const char *const argv[] = {"add", "-o", "x", "--keep", "note", "--lifetime=5"};
	struct args a;

	assert_int_equal(parse(&a, ARRAY_LEN(argv), argv), 0);
	assert_int_equal(a.n_words, 2);
	assert_string_equal(a.words[0], "add");
	assert_string_equal(a.words[1], "note");
	assert_string_equal(args_value(&a, "output"), "x");
	assert_string_equal(args_value(&a, "lifetime"), "5");
	assert_true(args_flag(&a, "keep"));
	assert_null(args_value(&a, "nothing"));
	assert_null(a.bad);
}

static void two_dashes_end_the_options_and_one_dash_is_a_word(void **state _unused_)
{
	const char *const argv[] = {"-", "--", "--keep", "--"};
	struct args a;

	assert_int_equal(parse(&a, ARRAY_LEN(argv), argv), 0);
	assert_int_equal(a.n_words, 3);
	assert_string_equal(a.words[0], "-");
	assert_string_equal(a.words[1], "--keep");
	assert_string_equal(a.words[2], "--");
	assert_false(args_flag(&a, "keep"));
}

static void options_may_end_at_the_first_word(void **state _unused_)
{
	const char *const argv[] = {"--keep", "open", "--strange"};
	struct args a;

	assert_int_equal(args_parse(options, ARRAY_LEN(options), true, 3, argv, &a), 0);
	assert_int_equal(a.n_words, 2);
	assert_string_equal(a.words[1], "--strange");
}

static void each_wrong_argument_has_its_outcome(void **state _unused_)
{
	const struct {
		const char *argv[2];
		size_t n;
		int outcome;
	} rows[] = {
		{{"--strange", NULL}, 1, ARGS_UNKNOWN},
		{{"-x", NULL}, 1, ARGS_UNKNOWN},
		{{"-ko", NULL}, 1, ARGS_UNKNOWN},
		{{"--outputs=1", NULL}, 1, ARGS_UNKNOWN},
		{{"--output", NULL}, 1, ARGS_NO_VALUE},
		{{"-o", NULL}, 1, ARGS_NO_VALUE},
		{{"--keep=yes", NULL}, 1, ARGS_NOT_A_VALUE},
		{{"--keep", "-k"}, 2, ARGS_TWICE},
		{{"--output=a", "-oxx"}, 2, ARGS_UNKNOWN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct args a;

		assert_int_equal(parse(&a, rows[i].n, rows[i].argv), rows[i].outcome);
		assert_non_null(a.bad);
		assert_true(args_explain(rows[i].outcome)[0] != '\0');
	}
	assert_string_equal(args_explain(0), "");
}

static void more_words_than_fit_are_refused(void **state _unused_)
{
	const char *argv[ARGS_WORDS_MAX + 1];
	struct args a;

	for (size_t i = 0; i < ARRAY_LEN(argv); i++) {
		argv[i] = "w";
	}
	assert_int_equal(parse(&a, ARGS_WORDS_MAX, argv), 0);
	assert_int_equal(parse(&a, ARGS_WORDS_MAX + 1, argv), ARGS_MANY);
	assert_string_equal(a.bad, "w");
}

static void lines_are_cut_as_a_shell_does(void **state _unused_)
{
	const struct {
		const char *line;
		size_t n;
		const char *words[4];
	} rows[] = {
		{"", 0, {NULL}},
		{"  \t\n", 0, {NULL}},
		{"list", 1, {"list"}},
		{" add  note.txt --t x ", 4, {"add", "note.txt", "--t", "x"}},
		{"add 'a b' \"c d\"", 3, {"add", "a b", "c d"}},
		{"a\\ b '\\'", 2, {"a b", "\\"}},
		{"\"a \\\" b\"", 1, {"a \" b"}},
		{"x''y ''", 2, {"xy", ""}},
		{"l'été d\\'ici", 1, {"lété d\\ici"}},
		{"end\\", 1, {"end\\"}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct line l = {0};
		int r = args_split(rows[i].line, &l);

		assert_int_equal(r, 0);
		assert_int_equal(l.n, rows[i].n);
		for (size_t w = 0; w < l.n; w++) {
			assert_string_equal(l.words[w], rows[i].words[w]);
		}
		line_done(&l);
		assert_null(l.text);
	}
}

static void an_open_quote_and_too_many_words_are_refused(void **state _unused_)
{
	struct line l = {0};
	char many[2 * (ARGS_WORDS_MAX + 1) + 1];

	assert_int_equal(args_split("add 'x", &l), LINE_QUOTE);
	assert_int_equal(args_split("add \"x", &l), LINE_QUOTE);
	for (size_t i = 0; i <= ARGS_WORDS_MAX; i++) {
		many[2 * i] = 'a';
		many[2 * i + 1] = ' ';
	}
	many[sizeof(many) - 1] = '\0';
	assert_int_equal(args_split(many, &l), LINE_MANY);
	assert_null(l.text);
}

static void numbers_are_decimal_and_fit_32_bits(void **state _unused_)
{
	static const char *const wrong[] = {
		"", "-1", "+1", " 1", "1 ", "0x1", "4294967296", "99999999999999999999"};
	uint32_t n = 7;

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		assert_int_equal(args_u32(wrong[i], &n), ARGS_NO_VALUE);
		assert_int_equal(n, 7);
	}
	assert_int_equal(args_u32("0", &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(args_u32("4294967295", &n), 0);
	assert_true(n == UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_and_words_are_told_apart),
		cmocka_unit_test(two_dashes_end_the_options_and_one_dash_is_a_word),
		cmocka_unit_test(options_may_end_at_the_first_word),
		cmocka_unit_test(each_wrong_argument_has_its_outcome),
		cmocka_unit_test(more_words_than_fit_are_refused),
		cmocka_unit_test(lines_are_cut_as_a_shell_does),
		cmocka_unit_test(an_open_quote_and_too_many_words_are_refused),
		cmocka_unit_test(numbers_are_decimal_and_fit_32_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
