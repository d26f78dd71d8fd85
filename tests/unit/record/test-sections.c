/* SPDX-License-Identifier: EUPL-1.2 */
/* The sections of a text of consent: what is a marker, what is taken, byte for byte. */
#include "record/sections.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

static const char *const known[] = {"consult", "feed", "treating-doctor", NULL};

/* @acts: words with one blank between, or "" */
static json_t *acts_of(const char *acts)
{
	json_t *list = json_array();

	while (*acts) {
		size_t n = strcspn(acts, " ");

		assert_int_equal(json_array_append_new(list, json_stringn(acts, n)), 0);
		acts += n + (acts[n] == ' ');
	}
	return list;
}

static void the_lines_of_the_sections_that_count_are_taken_byte_for_byte(void **state)
{
	static const struct {
		const char *file, *acts, *text;
	} rows[] = {
		{"[all]\na\n[consult]\nb\n[feed]\nc\n[all]\nd\n", "consult", "a\nb\nd\n"},
		{"[all]\na\n[consult]\nb\n[feed]\nc\n[all]\nd\n", "feed consult",
			"a\nb\nc\nd\n"},
		{"[all]\na\n[consult]\nb\n[feed]\nc\n[all]\nd\n", "", "a\nd\n"},
		{"[consult feed]\nb\n[feed]\nc\n", "consult", "b\n"},
		{"[consult feed]\nb\n[feed]\nc\n", "feed", "b\nc\n"},
		{"[consult]\nb\n[consult]\nc", "consult", "b\nc"}, /* no end of line */
		{"[consult]\n\n\n \t\r\n", "consult", "\n\n \t\r\n"},
		{"[consult]\nb", "feed", ""},
		{"[consult]", "consult", ""},
		{"[consult]\n[feed]\nb", "consult", ""},
		{"[treating-doctor]\nb", "treating-doctor", "b"},
		{"[treating-doctor]\nb", "treating", ""},
		{"[all]\na [feed]\n [consult]\n", "", "a [feed]\n [consult]\n"},
		{"[all feed]\nb", "", "b"},
		/* no marker in the first line: it is its own text */
		{"a\n[consult]\nb\n", "feed", "a\n[consult]\nb\n"},
		{"\n[consult]\nb\n", "feed", "\n[consult]\nb\n"},
		{"", "feed", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct buf out = BUF_NULL(256);
		json_t *acts = acts_of(rows[i].acts);

		buf_put_str(&out, "before:");
		assert_int_equal(sections_compose(view_str(rows[i].file), acts, &out), 0);
		assert_true(view_equal(
			view_last(buf_view(&out), out.len - 7), view_str(rows[i].text)));
		buf_done(&out);
		json_decref(acts);
	}
}

static void acts_that_are_no_words_count_for_nothing(void **state)
{
	struct buf out = BUF_NULL(64);
	json_t *acts = json_pack("[i, n, []]", 1);

	(void)state;
	assert_int_equal(sections_compose(view_str("[feed]\nb\n[all]\nc"), acts, &out), 0);
	assert_true(view_equal(buf_view(&out), view_str("c")));
	buf_reset(&out);
	assert_int_equal(sections_compose(view_str("[feed]\nb\n[all]\nc"), NULL, &out), 0);
	assert_true(view_equal(buf_view(&out), view_str("c")));
	buf_done(&out);
	json_decref(acts);
}

static void a_first_line_is_a_marker_or_there_are_no_sections(void **state)
{
	static const char *const yes[] = {
		"[all]", "[feed]\n", "[a b]\n", "[-]\n", "[zz]\nx", "[treating-doctor feed]\n"};
	static const char *const no[] = {"", "\n", "[", "[]", "[]\n", "[ ]\n", "[a\n", "a]\n",
		"[A]\n", "[a]b\n", "[a] \n", "[a]\r\n", " [a]\n", "[a  b]\n", "[ a]\n",
		"[a ]\n", "[a\tb]\n", "[a1]\n", "[\xc3\xa9]\n", "[[a]]\n"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(yes); i++)
		assert_true(sections_divided(view_str(yes[i])));
	for (size_t i = 0; i < ARRAY_LEN(no); i++)
		assert_false(sections_divided(view_str(no[i])));
	assert_false(sections_divided(VIEW_NULL));
	assert_true(sections_divided(VIEW_TEXT("[a]\n\0[")));
}

static void a_line_that_only_looks_like_a_marker_is_refused(void **state)
{
	static const char *const bad[] = {"[all]\n[", "[all]\n[]\n", "[all]\n[feed\n",
		"[all]\n[Feed]\n", "[all]\n[feed]\r\n", "[all]\nx\n[feed] x\n"};
	struct buf out = BUF_NULL(64);
	json_t *acts = acts_of("feed");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(sections_check(view_str(bad[i]), known), SECTIONS_MALFORMED);
		assert_int_equal(
			sections_compose(view_str(bad[i]), acts, &out), SECTIONS_MALFORMED);
	}
	buf_done(&out);
	json_decref(acts);
}

static void markers_name_acts_that_there_are(void **state)
{
	(void)state;
	assert_int_equal(sections_check(view_str("[all]\nx\n[feed consult]\n"), known), 0);
	assert_int_equal(sections_check(view_str("[treating-doctor]"), known), 0);
	assert_int_equal(sections_check(view_str("no sections\n[close]\n"), known), 0);
	assert_int_equal(sections_check(VIEW_NULL, known), 0);
	assert_int_equal(sections_check(view_str("[close]\nx\n"), known), SECTIONS_MALFORMED);
	assert_int_equal(
		sections_check(view_str("[all]\n[feed close]\n"), known), SECTIONS_MALFORMED);
	assert_int_equal(
		sections_check(view_str("[all]\n[treating]\n"), known), SECTIONS_MALFORMED);
}

static void a_file_speaks_of_the_acts_that_its_markers_name(void **state)
{
	struct view file = view_str("[all]\nconsult\n[feed treating-doctor]\n[all]\n");

	(void)state;
	assert_true(sections_name(file, "feed"));
	assert_true(sections_name(file, "treating-doctor"));
	assert_false(sections_name(file, "consult"));
	assert_false(sections_name(file, "treating"));
	assert_false(sections_name(file, "all")); /* is no act */
	assert_false(sections_name(view_str("feed\n[feed]\n"), "feed"));
	assert_false(sections_name(VIEW_NULL, "feed"));
}

static void a_marker_may_tell_of_openings_without_the_card_of_acts(void **state)
{
	static const char *const bad[] = {"[without-card]", "[all without-card]",
		"[all feed without-card]", "[without-card all]", "[close without-card]",
		"[feed close without-card]", "x\n[feed without-card]\ny"};
	struct view file =
		view_str("[all]\na\n[feed without-card]\nb\n[consult]\nc\n[without-card "
			 "treating-doctor]\n");
	struct buf out = BUF_NULL(64);
	json_t *acts = acts_of("feed");

	(void)state;
	assert_int_equal(sections_check(file, known), 0);
	assert_true(sections_tell(file, "feed"));
	assert_true(sections_tell(file, "treating-doctor"));
	assert_true(sections_name(file, "feed"));
	assert_false(sections_tell(file, "consult"));
	assert_false(sections_tell(file, "all"));
	assert_false(sections_tell(file, "without-card"));
	assert_false(sections_name(file, "without-card")); /* is no act either */
	assert_false(sections_tell(view_str("[feed]\nwithout-card\n[all]\n"), "feed"));
	assert_false(sections_tell(view_str("without-card\n[feed without-card]\n"), "feed"));
	/* the text is the same with it and without */
	assert_int_equal(sections_compose(file, acts, &out), 0);
	assert_true(view_equal(buf_view(&out), view_str("a\nb\n")));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(sections_check(view_str(bad[i]), known), SECTIONS_MALFORMED);
	}
	buf_done(&out);
	json_decref(acts);
}

static void a_text_that_does_not_fit_shows_in_the_buffer(void **state)
{
	struct buf out = BUF_NULL(4);
	json_t *acts = acts_of("");

	(void)state;
	assert_int_equal(sections_compose(view_str("[all]\nabcdef\n"), acts, &out), 0);
	assert_true(buf_check(&out) < 0);
	buf_done(&out);
	json_decref(acts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_lines_of_the_sections_that_count_are_taken_byte_for_byte),
		cmocka_unit_test(acts_that_are_no_words_count_for_nothing),
		cmocka_unit_test(a_first_line_is_a_marker_or_there_are_no_sections),
		cmocka_unit_test(a_line_that_only_looks_like_a_marker_is_refused),
		cmocka_unit_test(markers_name_acts_that_there_are),
		cmocka_unit_test(a_file_speaks_of_the_acts_that_its_markers_name),
		cmocka_unit_test(a_marker_may_tell_of_openings_without_the_card_of_acts),
		cmocka_unit_test(a_text_that_does_not_fit_shows_in_the_buffer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
