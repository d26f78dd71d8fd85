/* SPDX-License-Identifier: EUPL-1.2 */
/* Tokens of an export: what is taken fast, and that it is never more than base/json.h takes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "base/hex.h"
#include "base/json.h"
#include "client/export-scan.h"

static void canonical_entries_are_told_with_their_number(void **state)
{
	static const struct {
		const char *text;
		int64_t sequence; /* -1: none */
	} rows[] = {
		{"{}", -1},
		{"{\"sequence\":0}", 0},
		{"{\"a\":-1,\"b\":[],\"c\":{},\"sequence\":123456789012345678}",
			123456789012345678},
		{"{\"details\":{\"sequence\":4},\"sequence\":3}", 3},
		{"{\"details\":{\"list\":[1,\"x\",{\"y\":null}],\"no\":false},\"sequence\":12}",
			12},
		{"{\"sequence\":[5]}", -1},
		{"{\"sequence\":-5}", -5},
		{"{\"sequence\":\"5\"}", -1},
		{"{\"A\":true,\"a\":1,\"aa\":2,\"ab\":3}", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct scan_entry e = {0};

		assert_true(scan_canonical(view_str(rows[i].text), &e));
		assert_int_equal(e.has[SCAN_SEQUENCE], rows[i].sequence != -1);
		assert_int_equal(
			e.has[SCAN_SEQUENCE] ? e.numbers[SCAN_SEQUENCE] : -1, rows[i].sequence);
	}
}

static void the_members_of_an_entry_are_told_when_they_are_of_their_type(void **state)
{
	static const char good[] =
		"{\"boot-id\":\"b "
		"1\",\"boot-time\":-2,\"details\":{\"time\":9},\"event\":\"x\","
		"\"format\":1,\"sequence\":4,\"time\":5}";
	static const char other[] =
		"{\"boot-id\":1,\"boot-time\":\"2\",\"event\":null,\"format\":true,"
		"\"sequence\":[4],\"time\":{\"time\":5}}";
	struct scan_entry e = {0};

	(void)state;
	assert_true(scan_canonical(view_str(good), &e));
	for (enum scan_member m = SCAN_NONE + 1; m < SCAN_MEMBERS; m++) {
		assert_true(e.has[m]);
	}
	assert_true(view_equal(e.boot_id, view_str("b 1")));
	assert_int_equal(e.numbers[SCAN_BOOT_TIME], -2);
	assert_int_equal(e.numbers[SCAN_FORMAT], 1);
	assert_int_equal(e.numbers[SCAN_SEQUENCE], 4);
	assert_int_equal(e.numbers[SCAN_TIME], 5);
	assert_true(scan_canonical(view_str(other), &e));
	for (enum scan_member m = SCAN_NONE + 1; m < SCAN_MEMBERS; m++) {
		assert_false(e.has[m]);
	}
}

static void what_is_not_canonical_for_certain_is_left_to_others(void **state)
{
	static const char *const rows[] = {"", "1", "[]", "{", "}", "{]", "{\"a\"}", "{\"a\":}",
		"{\"a\":1,}", "{,}", "{\"a\":1}x", " {}", "{ }", "{\"a\": 1}", "{\"a\":1 }",
		"{\"b\":1,\"a\":1}", "{\"a\":1,\"a\":1}", "{\"ab\":1,\"a\":1}", "{\"a\":01}",
		"{\"a\":-0}", "{\"a\":-}", "{\"a\":1.0}", "{\"a\":1e3}", "{\"a\":+1}",
		"{\"a\":1234567890123456789}", "{\"a\":tru}", "{\"a\":True}", "{\"a\":\"\\n\"}",
		"{\"a\":\"\\\"\"}", "{\"a\":\"\xC3\xA9\"}", "{\"\xC3\xA9\":1}",
		"{\"a\":\"\n\"}", "{\"a\":\"x}", "{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":[1}",
		"{\"a\":{\"b\":1]}", "{\"a\":[[[[[[[[1]]]]]]]]}"};
	struct scan_entry e = {.numbers = {77}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_false(scan_canonical(view_str(rows[i]), &e));
	}
	assert_false(scan_canonical(VIEW_NULL, &e));
	assert_int_equal(e.numbers[0], 77);
}

/* Every change of one byte: whatever is taken here, json.h takes, and writes the same. */
static void nothing_is_taken_that_is_not_canonical(void **state)
{
	char text[] =
		"{\"a\":-10,\"b\":[true,null,\"x y\"],\"sequence\":120,\"z\":{\"k\":\"\"}}";
	size_t taken = 0;

	(void)state;
	for (size_t at = 0; text[at]; at++) {
		char was = text[at];

		for (int c = 1; c < 256; c++) {
			_cleanup_(buf_done) struct buf again = BUF_NULL(4096);
			_cleanup_json_ json_t *j = NULL;
			const json_t *number;
			struct scan_entry e = {0};

			text[at] = (char)c;
			if (!scan_canonical(view_str(text), &e)) {
				continue;
			}
			taken++;
			assert_int_equal(json_parse(view_str(text), &j), 0);
			assert_int_equal(json_canonical(j, &again), 0);
			assert_true(view_equal(buf_view(&again), view_str(text)));
			number = json_object_get(j, "sequence");
			assert_int_equal(e.has[SCAN_SEQUENCE], json_is_integer(number));
			assert_int_equal(e.has[SCAN_SEQUENCE] ? e.numbers[SCAN_SEQUENCE] : 0,
				json_integer_value(number));
		}
		text[at] = was;
	}
	assert_true(taken > 500);
}

/* Text is read in words of eight: any byte anywhere in some of them, by either way. */
static void one_byte_that_is_not_plain_is_found_wherever_it_stands(void **state)
{
	(void)state;
	for (size_t len = 1; len <= 26; len++) {
		for (size_t at = 0; at < len; at++) {
			for (int c = 0; c < 256; c++) {
				char text[40] = "{\"a\":\"";
				uint8_t room[40];
				struct scan_entry e;
				struct reader r;
				bool plain = c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
				size_t got = 0;

				memset(text + 6, 'x', len);
				text[6 + at] = (char)c;
				text[6 + len] = '"';
				text[7 + len] = '}';
				assert_int_equal(
					scan_canonical(view_of(text, 8 + len), &e), plain);
				r = reader_of(view_of(text + 5, 2 + len));
				if (c == '"' ||
					c == '\\') { /* the end, or an escape of nothing */
					assert_int_equal(
						scan_plain(&r, room, sizeof(room), &got),
						c == '"');
					assert_int_equal(got, c == '"' ? at : 0);
					continue;
				}
				assert_int_equal(
					scan_plain(&r, room, sizeof(room), &got), plain);
				assert_true(!plain || view_equal(view_of(room, got),
							      view_of(text + 6, len)));
				assert_int_equal(r.left, plain ? 0 : 2 + len);
			}
		}
	}
}

static void plain_strings_are_decoded_and_others_are_left(void **state)
{
	static const char *const others[] = {"", "x", "\"", "\"abc", "\"a\\", "\"a\\n\"",
		"\"\\u0041\"", "\"a\nb\"", "\"\x7f\"", "\"\xC3\xA9\"", "null"};
	struct reader r = reader_of(view_str(" \n\"a \\\"b\\\\\" , \"\""));
	uint8_t room[16];
	size_t len = 0;

	(void)state;
	assert_true(scan_plain(&r, room, sizeof(room), &len));
	assert_true(view_equal(view_of(room, len), VIEW_TEXT("a \"b\\")));
	assert_true(scan_take(&r, ','));
	assert_false(scan_take(&r, ','));
	assert_true(scan_plain(&r, room, sizeof(room), &len));
	assert_int_equal(len, 0);
	assert_int_equal(r.left, 0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		struct reader before = reader_of(view_str(others[i]));

		assert_false(scan_plain(&before, room, sizeof(room), &len));
		assert_int_equal(before.left, strlen(others[i]));
	}
	r = reader_of(view_str("\"123456789012345\""));
	assert_false(scan_plain(&r, room, sizeof(room), &len)); /* longer than the room */
}

static void strings_and_words_are_found_by_their_ends(void **state)
{
	struct reader r = reader_of(view_str("\t\"a\\\"b\\\\\" null nul \"x"));

	(void)state;
	assert_false(scan_null(&r));
	assert_true(view_equal(scan_string(&r), VIEW_TEXT("\"a\\\"b\\\\\"")));
	assert_true(scan_null(&r));
	assert_false(scan_null(&r));
	assert_int_equal(scan_string(&r).len, 0);
	r = reader_of(view_str("\"x\\"));
	assert_int_equal(scan_string(&r).len, 0);
	r = reader_of(VIEW_NULL);
	assert_int_equal(scan_string(&r).len, 0);
	assert_false(scan_null(&r) || scan_take(&r, 'x'));
}

static void hashes_are_32_bytes_in_the_one_form(void **state)
{
	static const char *const wrong[] = {"", "\"", "\"AAAA\"",
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"",
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\"",
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
		"\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"",
		"\"AAAAAAAAAAAAAAAAAAAAAA-AAAAAAAAAAAAAAAAAAAA=\""};
	uint8_t all[MERKLE_HASH], back[MERKLE_HASH];

	(void)state;
	for (unsigned int i = 0; i < 256; i++) {
		_cleanup_(buf_done) struct buf text = BUF_NULL(64);
		struct reader r;

		for (size_t k = 0; k < sizeof(all); k++) {
			all[k] = (uint8_t)(i * 7 + k * 37);
		}
		buf_put_u8(&text, '"');
		base64_encode(&text, VIEW(all));
		buf_put_u8(&text, '"');
		r = reader_of(buf_view(&text));
		assert_true(scan_hash(&r, back));
		assert_memory_equal(all, back, sizeof(all));
		assert_int_equal(r.left, 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct reader r = reader_of(view_str(wrong[i]));

		assert_false(scan_hash(&r, back));
		assert_int_equal(r.left, strlen(wrong[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(canonical_entries_are_told_with_their_number),
		cmocka_unit_test(the_members_of_an_entry_are_told_when_they_are_of_their_type),
		cmocka_unit_test(what_is_not_canonical_for_certain_is_left_to_others),
		cmocka_unit_test(nothing_is_taken_that_is_not_canonical),
		cmocka_unit_test(one_byte_that_is_not_plain_is_found_wherever_it_stands),
		cmocka_unit_test(plain_strings_are_decoded_and_others_are_left),
		cmocka_unit_test(strings_and_words_are_found_by_their_ends),
		cmocka_unit_test(hashes_are_32_bytes_in_the_one_form),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
