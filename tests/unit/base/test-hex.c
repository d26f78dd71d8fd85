/* SPDX-License-Identifier: EUPL-1.2 */
/* base/hex.h: both directions by tables of vectors; every refusal leaves the output alone. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "base/hex.h"

typedef int decode_fn(struct buf *out, struct view text);

struct row {
	struct view in;
	struct view want;
};

/* clang-format off */
#define ROW(in, want) {{(const uint8_t *)(in), sizeof(in) - 1}, {(const uint8_t *)(want), sizeof(want) - 1}}
#define BAD(in)       {(const uint8_t *)(in), sizeof(in) - 1}

/* clang-format on */

static void decodes(decode_fn *fn, const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(1000);

		assert_int_equal(fn(&out, rows[i].in), 0);
		assert_int_equal(buf_check(&out), 0);
		assert_true(view_equal(buf_view(&out), rows[i].want));
	}
}

static void refuses(decode_fn *fn, const struct view *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(1000);

		buf_put_str(&out, "before");
		assert_int_equal(fn(&out, rows[i]), HEX_INVALID);
		assert_int_equal(buf_check(&out), 0);
		assert_true(view_equal(buf_view(&out), VIEW_TEXT("before")));
	}
}

static void hex_goes_both_ways(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(1000);
	_cleanup_(buf_done) struct buf back = BUF_NULL(1000);
	uint8_t all[256];

	(void)state;
	for (size_t i = 0; i < sizeof(all); i++) {
		all[i] = (uint8_t)i;
	}
	hex_encode(&text, VIEW(all));
	assert_int_equal(text.len, 512);
	assert_memory_equal(text.data, "000102", 6);
	assert_memory_equal(text.data + 506, "fdfeff", 6);
	assert_int_equal(hex_decode(&back, buf_view(&text)), 0);
	assert_true(view_equal(buf_view(&back), VIEW(all)));
}

static void hex_takes_both_cases_and_nothing(void **state)
{
	static const struct row rows[] = {
		ROW("", ""),
		ROW("00", "\0"),
		ROW("aFfA09", "\xAF\xFA\x09"),
	};

	(void)state;
	decodes(hex_decode, rows, ARRAY_LEN(rows));
}

static void hex_refuses_half_bytes_blanks_and_letters(void **state)
{
	static const struct view rows[] = {BAD("0"), BAD("000"), BAD("0g"), BAD("g0"),
		BAD("/0"), BAD(":0"), BAD("@0"), BAD("G0"), BAD("`0"), BAD("00 00"), BAD(" 0"),
		BAD("0\0"), BAD("0011zz"), BAD("0x")};

	(void)state;
	refuses(hex_decode, rows, ARRAY_LEN(rows));
}

static void a_full_output_is_a_sticky_failure(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(3);

	(void)state;
	assert_int_equal(hex_decode(&out, VIEW_TEXT("00112233")), 0);
	assert_int_equal(buf_check(&out), -EMSGSIZE);
}

/* RFC 4648 §10, and all letters. */
static const struct row base64_rows[] = {
	ROW("", ""),
	ROW("Zg==", "f"),
	ROW("Zm8=", "fo"),
	ROW("Zm9v", "foo"),
	ROW("Zm9vYg==", "foob"),
	ROW("Zm9vYmE=", "fooba"),
	ROW("Zm9vYmFy", "foobar"),
	ROW("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
		"\x00\x10\x83\x10\x51\x87\x20\x92\x8b\x30\xd3\x8f\x41\x14\x93\x51\x55\x97\x61"
		"\x96\x9b"
		"\x71\xd7\x9f\x82\x18\xa3\x92\x59\xa7\xa2\x9a\xab\xb2\xdb\xaf\xc3\x1c\xb3\xd3"
		"\x5d\xb7"
		"\xe3\x9e\xbb\xf3\xdf\xbf"),
	ROW("/w==", "\xFF"),
	ROW("//8=", "\xFF\xFF"),
	ROW("AAAA", "\0\0\0"),
};

static void base64_decodes_the_vectors(void **state)
{
	(void)state;
	decodes(base64_decode, base64_rows, ARRAY_LEN(base64_rows));
}

static void base64_encodes_the_vectors(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(base64_rows); i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(1000);

		base64_encode(&out, base64_rows[i].want);
		assert_int_equal(buf_check(&out), 0);
		assert_true(view_equal(buf_view(&out), base64_rows[i].in));
	}
}

static void base64_refuses_what_is_not_the_one_spelling(void **state)
{
	static const struct view rows[] = {BAD("Z"), BAD("Zg"), BAD("Zg="), BAD("Zm8"),
		BAD("===="), BAD("Z==="), BAD("=AAA"), BAD("A=AA"), BAD("AA=A"), BAD("Zh=="),
		BAD("Zm9="), BAD("Zg==Zg=="), BAD("Zm8=Zm8="), BAD("Zm9v\n"), BAD("Zm9vYg==\n"),
		BAD("Zm 9"), BAD("Zm-_"), BAD("Zm9v\0\0\0\0"), BAD("\xC3\xA9zz"), BAD("Zm9[")};

	(void)state;
	refuses(base64_decode, rows, ARRAY_LEN(rows));
}

static void bcd_stops_at_its_pads(void **state)
{
	static const struct row rows[] = {
		ROW("", ""),
		ROW("\x01\x23\x45\x67\x89", "0123456789"),
		ROW("\x12\x3F", "123"),
		ROW("\x12\xFF\xFF", "12"),
		ROW("\xFF", ""),
	};

	(void)state;
	decodes(bcd_decode, rows, ARRAY_LEN(rows));
}

static void bcd_refuses_letters_and_digits_behind_pads(void **state)
{
	static const struct view rows[] = {BAD("\x1A"), BAD("\xB1"), BAD("\x0C"), BAD("\xD0"),
		BAD("\xEE"), BAD("\xF1"), BAD("\x1F\x12"), BAD("\xFF\xFF\x9F"), BAD("\xFA")};

	(void)state;
	refuses(bcd_decode, rows, ARRAY_LEN(rows));
}

static void latin1_becomes_utf8_without_padding(void **state)
{
	static const struct row rows[] = {
		ROW("", ""),
		ROW("MARTIN", "MARTIN"),
		ROW("MARTIN  \0\0 ", "MARTIN"),
		ROW("   ", ""),
		ROW("\0\0", ""),
		ROW(" A B ", " A B"),
		ROW("FRAN\xC7OIS", "FRAN\xC3\x87OIS"),
		ROW("\xE9\xFF\xA0", "\xC3\xA9\xC3\xBF\xC2\xA0"),
		ROW("A\0B\x1F\x7F\x80\x9F~",
			"A\xEF\xBF\xBD"
			"B\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD~"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(1000);

		latin1_to_utf8(&out, rows[i].in);
		assert_true(view_equal(buf_view(&out), rows[i].want));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_goes_both_ways),
		cmocka_unit_test(hex_takes_both_cases_and_nothing),
		cmocka_unit_test(hex_refuses_half_bytes_blanks_and_letters),
		cmocka_unit_test(a_full_output_is_a_sticky_failure),
		cmocka_unit_test(base64_decodes_the_vectors),
		cmocka_unit_test(base64_encodes_the_vectors),
		cmocka_unit_test(base64_refuses_what_is_not_the_one_spelling),
		cmocka_unit_test(bcd_stops_at_its_pads),
		cmocka_unit_test(bcd_refuses_letters_and_digits_behind_pads),
		cmocka_unit_test(latin1_becomes_utf8_without_padding),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
