/* SPDX-License-Identifier: EUPL-1.2 */
/* base/json.h: what is refused, the canonical form by vectors, wiping. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "base/json.h"
#include "tests/unit/base/wrap.h"

/* clang-format off */
#define BYTES(lit) {(const uint8_t *)(lit), sizeof(lit) - 1}

/* clang-format on */

static int setup(void **state)
{
	(void)state;
	json_setup();
	json_setup(); /* harmless */
	return 0;
}

static int clear(void **state)
{
	(void)state;
	wrap_clear();
	return 0;
}

static json_t *parsed(const char *text)
{
	json_t *j = NULL;

	assert_int_equal(json_parse(view_str(text), &j), 0);
	return j;
}

/* @before @depth times, @middle, @after @depth times. */
static void nested(struct buf *b, const char *before, unsigned depth, const char *middle,
	const char *after)
{
	for (unsigned i = 0; i < depth; i++) {
		buf_put_str(b, before);
	}
	buf_put_str(b, middle);
	for (unsigned i = 0; i < depth; i++) {
		buf_put_str(b, after);
	}
	assert_int_equal(buf_check(b), 0);
}

/* -- parsing --------------------------------------------------------------------------------- */

static void texts_of_every_type_are_parsed(void **state)
{
	static const char *rows[] = {"{}", "[]", "\"\"", "0", "-1", "true", "false", "null",
		" { \"a\" : [ 1 , \"[{.eE\\\"\\\\\" , null ] } \n",
		"[9223372036854775807,-9223372036854775808]", "\"\\ud83d\\ude00\""};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_json_ json_t *j = NULL;

		assert_int_equal(json_parse(view_str(rows[i]), &j), 0);
		assert_non_null(j);
	}
}

static void what_is_not_strict_json_is_invalid(void **state)
{
	static const struct view rows[] = {
		BYTES(""),
		BYTES(" "),
		BYTES("{"),
		BYTES("[1,]"),
		BYTES("[]]"),
		BYTES("}"),
		BYTES("[] x"),
		BYTES("{} {}"),
		BYTES("{'a':1}"),
		BYTES("{a:1}"),
		BYTES("{\"a\":1,\"a\":2}"),
		BYTES("{\"a\":{\"b\":1,\"b\":1}}"),
		BYTES("{\"a\":1,\"\\u0061\":2}"),
		BYTES("01"),
		BYTES("+1"),
		BYTES("--1"),
		BYTES("1.0"),
		BYTES("1e3"),
		BYTES("1E3"),
		BYTES("[-0.0]"),
		BYTES("NaN"),
		BYTES("Infinity"),
		BYTES("9223372036854775808"),
		BYTES("-9223372036854775809"),
		BYTES("123456789012345678901234567890"),
		BYTES("\"abc"),
		BYTES("\"a\\"),
		BYTES("\"\\x\""),
		BYTES("\"\n\""),
		BYTES("\"\\u0000\""),
		BYTES("{\"\\u0000\":1}"),
		BYTES("\"a\0b\""),
		BYTES("{}\0"),
		BYTES("[1\0]"),
		BYTES("\"\\ud800\""),
		BYTES("\"\\udc00\\ud800\""),
		BYTES("\"\xFF\""),
		BYTES("\"\xC0\x80\""),
		BYTES("\"\xED\xA0\x80\""),
		BYTES("\"\xF4\x90\x80\x80\""),
		BYTES("\"\xE2\x82\""),
		BYTES("\xEF\xBB\xBF{}"),
		BYTES("//\n{}"),
		BYTES("tru"),
		BYTES("e"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *j = NULL;

		if (json_parse(rows[i], &j) != JSON_INVALID) {
			fail_msg("row %zu: %.*s", i, (int)rows[i].len,
				(const char *)rows[i].data);
		}
		assert_null(j);
	}
	assert_int_equal(json_parse(VIEW_NULL, &(json_t *){NULL}), JSON_INVALID);
}

static void depth_32_passes_and_33_does_not(void **state)
{
	static const struct {
		const char *before;
		const char *middle;
		const char *after;
	} rows[] = {
		{"[", "", "]"},
		{"{\"a\":", "1", "}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf good = BUF_NULL(10000000);
		_cleanup_(buf_done) struct buf deep = BUF_NULL(10000000);
		_cleanup_json_ json_t *j = NULL;

		nested(&good, rows[i].before, 32, rows[i].middle, rows[i].after);
		nested(&deep, rows[i].before, 33, rows[i].middle, rows[i].after);
		assert_int_equal(json_parse(buf_view(&good), &j), 0);
		json_put(&j);
		assert_int_equal(json_parse(buf_view(&deep), &j), JSON_INVALID);
		buf_reset(&deep);
		nested(&deep, rows[i].before, 1000000, rows[i].middle, rows[i].after);
		assert_int_equal(json_parse(buf_view(&deep), &j), JSON_INVALID);
	}
}

static void siblings_do_not_count_as_depth(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(10000);
	_cleanup_json_ json_t *j = NULL;

	(void)state;
	buf_put_str(&b, "[0");
	for (unsigned i = 0; i < 500; i++) {
		buf_put_str(&b, ",[],{}");
	}
	buf_put_str(&b, "]");
	assert_int_equal(json_parse(buf_view(&b), &j), 0);
	assert_int_equal(json_array_size(j), 1001);
}

static void a_text_beyond_16_mib_is_invalid(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(20U * 1024 * 1024);
	json_t *j = NULL;
	uint8_t *blanks;

	(void)state;
	blanks = buf_extend(&b, 16U * 1024 * 1024);
	assert_non_null(blanks);
	memset(blanks, ' ', b.len);
	blanks[0] = '7';
	assert_int_equal(json_parse(buf_view(&b), &j), 0);
	json_put(&j);
	buf_put_u8(&b, ' ');
	assert_int_equal(json_parse(buf_view(&b), &j), JSON_INVALID);
}

static void no_memory_is_a_fault_wherever_it_runs_out(void **state)
{
	unsigned n = 0;

	(void)state;
	for (bool done = false; !done; n++) {
		json_t *j = NULL;
		int r;

		wrap_fail(WRAP_MALLOC, n, ENOMEM);
		r = json_parse(VIEW_TEXT("{\"a\":[1,\"text\"]}"), &j);
		done = wrap_pending(WRAP_MALLOC);
		assert_int_equal(r, done ? 0 : -ENOMEM);
		json_put(&j);
	}
	assert_in_range(n, 4, 100);
}

/* Parses @text while each allocation fails in turn. */
static void parse_without_memory(struct view text)
{
	bool done = false;

	for (unsigned n = 0; !done; n++) {
		json_t *j = NULL;
		int r;

		wrap_fail(WRAP_MALLOC, n, ENOMEM);
		r = json_parse(text, &j);
		done = wrap_pending(WRAP_MALLOC);
		assert_true(done ? r == 0 || r == JSON_INVALID : r == -ENOMEM);
		json_put(&j);
		wrap_clear();
	}
}

/* jansson's own buffer of a token grows at 15, 31, 63 ... bytes, and does not look whether it could:
 * a string whose end does not fit would end nowhere, a number would lose its digits. */
static void memory_that_runs_out_within_a_text_of_any_length_is_a_fault(void **state)
{
	(void)state;
	for (size_t len = 1; len < 140; len++) {
		_cleanup_(buf_done) struct buf string = BUF_NULL(1024);
		_cleanup_(buf_done) struct buf number = BUF_NULL(1024);

		buf_put_str(&string, "[\"");
		for (size_t i = 0; i < len; i++) {
			buf_put_u8(&string, 'x');
			buf_put_u8(&number, '1');
		}
		buf_put_str(&string, "\"]");
		parse_without_memory(buf_view(&string));
		parse_without_memory(buf_view(&number));
	}
}

static void freed_texts_are_wiped(void **state)
{
	json_free_t release = NULL;
	json_t *j = NULL;

	(void)state;
	assert_int_equal(json_parse(VIEW_TEXT("{\"nir\":[\"255081416802538\",{}]}"), &j), 0);
	json_put(&j);
	assert_null(j);
	assert_int_equal(
		json_parse(VIEW_TEXT("{\"nir\":\"255081416802538\""), &j), JSON_INVALID);
	assert_in_range(wrap_freed, 5, 100);
	assert_int_equal(wrap_freed_dirty, 0);
	json_get_alloc_funcs(NULL, &release);
	release(NULL); /* as any free() */
}

static void a_kernel_without_randomness_leaves_the_seed_to_jansson(void **state)
{
	_cleanup_json_ json_t *j = NULL;

	(void)state;
	wrap_fail(WRAP_GETRANDOM, 0, ENOSYS);
	json_setup();
	assert_false(wrap_pending(WRAP_GETRANDOM));
	j = parsed("{\"a\":1}");
	assert_non_null(j);
}

/* -- canonical form -------------------------------------------------------------------------- */

static void canonical_texts_are_those_of_rfc_8785(void **state)
{
	static const struct {
		const char *in;
		const char *want;
	} rows[] = {
		{"{}", "{}"},
		{"[]", "[]"},
		{"null", "null"},
		{" [ true , false , null , -0 , 9223372036854775807 , -9223372036854775808 ] ",
			"[true,false,null,0,9223372036854775807,-9223372036854775808]"},
		{"{\"b\":2,\"a\":1,\"aa\":3,\"\":0}", "{\"\":0,\"a\":1,\"aa\":3,\"b\":2}"},
		{"{\"b\":[{\"d\":1,\"c\":{}}],\"a\":[[]]}",
			"{\"a\":[[]],\"b\":[{\"c\":{},\"d\":1}]}"},
		/* RFC 8785 §3.2.2.2 */
		{"\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\"",
			"\"\xE2\x82\xAC$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\""},
		{"\"\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\\u007f\\u0080\\u2028\"",
			"\"\\b\\t\\n\\u000b\\f\\r\\u0001\\u001f\x7F\xC2\x80\xE2\x80\xA8\""},
		/* RFC 8785 §3.2.3 */
		{"{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\","
		 "\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\",\"1\":\"One\","
		 "\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
		 "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
			"{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xC2\x80\":\"Control\","
			"\"\xC3\xB6\":\"Latin Small Letter O With Diaeresis\","
			"\"\xE2\x82\xAC\":\"Euro Sign\",\"\xF0\x9F\x98\x80\":\"Emoji: Grinning "
			"Face\","
			"\"\xEF\xAC\xB3\":\"Hebrew Letter Dalet With Dagesh\"}"},
		/* U+D7FF, U+10000, U+10FFFF, U+E000, U+FFFF in the order of their UTF-16 units */
		{"{\"\\uffff\":5,\"\\ue000\":4,\"\\udbff\\udfff\":3,\"\\ud800\\udc00\":2,"
		 "\"\\ud7ff\":1}",
			"{\"\xED\x9F\xBF\":1,\"\xF0\x90\x80\x80\":2,\"\xF4\x8F\xBF\xBF\":3,"
			"\"\xEE\x80\x80\":4,\"\xEF\xBF\xBF\":5}"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(10000);
		_cleanup_json_ json_t *j = parsed(rows[i].in);
		_cleanup_json_ json_t *again = NULL;

		buf_put_str(&out, ">");
		assert_int_equal(json_canonical(j, &out), 0);
		buf_put_u8(&out, 0);
		assert_string_equal((const char *)out.data + 1, rows[i].want);
		assert_int_equal(json_parse(view_str(rows[i].want), &again), 0);
		assert_true(json_equal(j, again));
	}
}

static void reals_have_no_canonical_form(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1000);
	_cleanup_json_ json_t *j = json_pack("{s:{s:[i,f]}}", "a", "b", 1, 2.5);
	int fd = -7;

	(void)state;
	assert_non_null(j);
	buf_put_str(&out, "before");
	assert_int_equal(json_canonical(j, &out), JSON_INVALID);
	assert_true(view_equal(buf_view(&out), VIEW_TEXT("before")));
	assert_int_equal(json_memfd(j, "test", &fd), JSON_INVALID);
	assert_int_equal(fd, -7);
}

static void trees_deeper_than_32_have_no_canonical_form(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1000);
	_cleanup_json_ json_t *j = json_array();

	(void)state;
	for (unsigned i = 1; i < 32; i++) {
		j = json_pack("{s:o}", "a", j);
		assert_non_null(j);
	}
	assert_int_equal(json_canonical(j, &out), 0);
	j = json_pack("{s:o}", "a", j);
	assert_non_null(j);
	buf_reset(&out);
	assert_int_equal(json_canonical(j, &out), JSON_INVALID);
	assert_int_equal(out.len, 0);
}

static void a_full_output_or_no_memory_is_a_fault(void **state)
{
	_cleanup_json_ json_t *j = parsed("{\"a\":[1,2,{\"b\":\"text\"}]}");
	char want[] = "{\"a\":[1,2,{\"b\":\"text\"}]}";

	(void)state;
	for (size_t limit = 0; limit < sizeof(want) - 1; limit++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(limit);

		assert_int_equal(json_canonical(j, &out), -EMSGSIZE);
		assert_int_equal(out.len, 0);
	}
	for (unsigned n = 0; n < 2; n++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(100);

		wrap_fail(WRAP_CALLOC, n, ENOMEM);
		assert_int_equal(json_canonical(j, &out), -ENOMEM);
		assert_int_equal(out.len, 0);
	}
}

static void pretty_texts_without_memory_are_a_fault(void **state)
{
	_cleanup_json_ json_t *j = parsed("{\"b\":[1],\"a\":\"x\"}");
	unsigned n = 0;

	(void)state;
	for (bool done = false; !done; n++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(100);
		int r;

		wrap_fail(WRAP_MALLOC, n, ENOMEM);
		r = json_pretty(j, &out);
		done = wrap_pending(WRAP_MALLOC);
		assert_int_equal(r, done ? 0 : -ENOMEM);
		assert_true(done || out.len == 0);
	}
	assert_in_range(n, 2, 100);
}

static void nothing_has_no_text(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(100);

	(void)state;
	assert_int_equal(json_canonical(NULL, &out), -EINVAL);
	assert_int_equal(json_pretty(NULL, &out), -EINVAL);
	assert_int_equal(out.len, 0);
}

static void pretty_texts_are_indented_by_two(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(100);
	_cleanup_(buf_done) struct buf small = BUF_NULL(5);
	_cleanup_json_ json_t *j = parsed("{\"b\":[1],\"a\":\"x\"}");

	(void)state;
	assert_int_equal(json_pretty(j, &out), 0);
	assert_true(view_equal(
		buf_view(&out), VIEW_TEXT("{\n  \"b\": [\n    1\n  ],\n  \"a\": \"x\"\n}")));
	assert_int_equal(json_pretty(j, &small), -EMSGSIZE);
	buf_reset(&small);
	assert_int_equal(small.len, 0);
}

/* -- members --------------------------------------------------------------------------------- */

static void members_have_the_asked_type_or_are_missing(void **state)
{
	_cleanup_json_ json_t *j =
		parsed("{\"s\":\"text\",\"i\":-5,\"t\":true,\"f\":false,\"n\":null}");
	_cleanup_json_ json_t *array = parsed("[]");
	int64_t v = 77;

	(void)state;
	assert_string_equal(json_get_str(j, "s"), "text");
	assert_null(json_get_str(j, "i"));
	assert_null(json_get_str(j, "absent"));
	assert_null(json_get_str(array, "s"));
	assert_null(json_get_str(NULL, "s"));

	assert_int_equal(json_get_int(j, "absent", -9, 9, &v), JSON_MISSING);
	assert_int_equal(json_get_int(j, "s", -9, 9, &v), JSON_MISSING);
	assert_int_equal(json_get_int(j, "i", -4, 9, &v), JSON_MISSING);
	assert_int_equal(json_get_int(j, "i", -9, -6, &v), JSON_MISSING);
	assert_int_equal(v, 77);
	assert_int_equal(json_get_int(j, "i", -5, -5, &v), 0);
	assert_int_equal(v, -5);

	assert_true(json_get_bool(j, "t"));
	assert_false(json_get_bool(j, "f"));
	assert_false(json_get_bool(j, "n"));
	assert_false(json_get_bool(j, "absent"));
}

static void a_set_value_is_stolen_also_on_failure(void **state)
{
	_cleanup_json_ json_t *j = json_object();
	_cleanup_json_ json_t *value = json_string("x");

	(void)state;
	assert_int_equal(json_set(j, "a", json_integer(1)), 0);
	assert_int_equal(json_set(j, "a", json_integer(2)), 0);
	assert_int_equal(json_integer_value(json_object_get(j, "a")), 2);
	assert_int_equal(json_set(j, "b", NULL), -ENOMEM);
	wrap_fail(WRAP_MALLOC, 0, ENOMEM);
	assert_int_equal(json_set(j, "c", json_incref(value)), -ENOMEM);
	assert_int_equal(value->refcount, 1);
}

static void a_text_for_people_has_a_length_and_no_control_characters(void **state)
{
	static const struct {
		const char *text;
		bool fits; /* in three characters */
	} rows[] = {{"", false}, {"a", true}, {"abc", true}, {"abcd", false},
		{"\xC3\xA9\xC3\xA9\xC3\xA9", true}, {"a\n", false}, {"\x7F", false},
		{"\xC2\x85", false}, {"\xC2\xA0", true}, {"\xC3\x85", true},
		{"\xE2\x80\x85", true}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(json_text_fits(rows[i].text, 3), rows[i].fits);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_of_every_type_are_parsed),
		cmocka_unit_test(what_is_not_strict_json_is_invalid),
		cmocka_unit_test(depth_32_passes_and_33_does_not),
		cmocka_unit_test(siblings_do_not_count_as_depth),
		cmocka_unit_test(a_text_beyond_16_mib_is_invalid),
		cmocka_unit_test_setup(no_memory_is_a_fault_wherever_it_runs_out, clear),
		cmocka_unit_test_setup(
			memory_that_runs_out_within_a_text_of_any_length_is_a_fault, clear),
		cmocka_unit_test_setup(freed_texts_are_wiped, clear),
		cmocka_unit_test_setup(
			a_kernel_without_randomness_leaves_the_seed_to_jansson, clear),
		cmocka_unit_test_setup(canonical_texts_are_those_of_rfc_8785, clear),
		cmocka_unit_test(reals_have_no_canonical_form),
		cmocka_unit_test(trees_deeper_than_32_have_no_canonical_form),
		cmocka_unit_test_setup(a_full_output_or_no_memory_is_a_fault, clear),
		cmocka_unit_test_setup(pretty_texts_without_memory_are_a_fault, clear),
		cmocka_unit_test_setup(nothing_has_no_text, clear),
		cmocka_unit_test(pretty_texts_are_indented_by_two),
		cmocka_unit_test(members_have_the_asked_type_or_are_missing),
		cmocka_unit_test(a_text_for_people_has_a_length_and_no_control_characters),
		cmocka_unit_test_setup(a_set_value_is_stolen_also_on_failure, clear),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
