/* SPDX-License-Identifier: EUPL-1.2 */
/* JSON for people. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "client/render.h"

static char *rendered(const char *json)
{
	struct buf out = BUF_NULL(65536);
	json_t *j = NULL;
	char *s;

	assert_int_equal(json_parse(view_str(json), &j), 0);
	render(j, &out);
	json_decref(j);
	s = buf_take_str(&out);
	assert_non_null(s);
	return s;
}

static void objects_and_arrays_become_indented_lines(void **state _unused_)
{
	static const char *const rows[][2] = {
		{"1", "1\n"},
		{"\"x\"", "x\n"},
		{"true", "yes\n"},
		{"null", "-\n"},
		{"{}", ""},
		{"[]", ""},
		{"{\"surname\":\"A\",\"n\":-3}", "surname: A\nn: -3\n"},
		{"[1,false]", "- 1\n- no\n"},
		{"{\"a\":{\"b\":[{\"c\":1},{}]},\"d\":2}",
			"a: \n  b: \n    - \n      c: 1\n    - \nd: 2\n"},
		{"[[[]],{}]", "- \n  - \n- \n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *s = rendered(rows[i][0]);

		assert_string_equal(s, rows[i][1]);
		free(s);
	}
}

static void too_deep_values_are_cut_and_not_followed(void **state _unused_)
{
	char *s = rendered("[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]");

	assert_non_null(strstr(s, "…"));
	assert_null(strstr(s, "1"));
	free(s);
}

static void text_is_shown_without_control_characters(void **state _unused_)
{
	static const struct {
		const char *text;
		bool lines;
		const char *shown;
	} rows[] = {
		{"plain \xC3\xA9 \xF0\x9F\x98\x80", false, "plain \xC3\xA9 \xF0\x9F\x98\x80"},
		{"a\x1B[31m", false, "a\xEF\xBF\xBD[31m"},
		{"a\nb\tc", true, "a\nb\tc"},
		{"a\nb\tc", false,
			"a\xEF\xBF\xBD"
			"b\xEF\xBF\xBD"
			"c"},
		{"a\x7F", false, "a\xEF\xBF\xBD"},
		{"a\xC2\x85"
		 "b",
			true,
			"a\xEF\xBF\xBD"
			"b"},
		{"a\xE2\x80\xAE"
		 "b",
			true,
			"a\xEF\xBF\xBD"
			"b"},
		{"a\xE2\x81\xA6"
		 "b",
			true,
			"a\xEF\xBF\xBD"
			"b"},
		{"\r", true, "\xEF\xBF\xBD"},
		{"cut \xE2\x80", false, "cut \xEF\xBF\xBD"},
		{"", true, ""},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = BUF_NULL(1024);
		char *s;

		render_text(rows[i].text, rows[i].lines, &out);
		s = buf_take_str(&out);
		assert_string_equal(s, rows[i].shown);
		free(s);
	}
}

static void rows_are_one_line_each(void **state _unused_)
{
	static const char *const names[] = {"id", "title", "flags", NULL};
	struct buf out = BUF_NULL(1024);
	json_t *j = NULL;
	char *s;

	assert_int_equal(
		json_parse(
			view_str("[{\"id\":\"1\",\"title\":\"T\\n\",\"flags\":[\"a\",\"b\"]},"
				 "{\"id\":\"2\",\"flags\":[]}, 3]"),
			&j),
		0);
	render_rows(j, names, &out);
	s = buf_take_str(&out);
	assert_string_equal(s, "1\tT\xEF\xBF\xBD\ta,b\n2\t-\t-\n-\t-\t-\n");
	free(s);
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_and_arrays_become_indented_lines),
		cmocka_unit_test(too_deep_values_are_cut_and_not_followed),
		cmocka_unit_test(text_is_shown_without_control_characters),
		cmocka_unit_test(rows_are_one_line_each),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
