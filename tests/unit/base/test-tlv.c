/* SPDX-License-Identifier: EUPL-1.2 */
/* base/tlv.h: every form of tag and length, every cut, builders and their limits. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "base/tlv.h"
#include "tests/unit/base/wrap.h"

/* clang-format off */
#define BYTES(lit) {(const uint8_t *)(lit), sizeof(lit) - 1}
/* clang-format on */

#define LIMIT (32U * 1024 * 1024)

static void objects_of_every_form_are_read(void **state)
{
	static const struct {
		struct view in;
		uint32_t tag;
		struct view value;
	} rows[] = {
		{BYTES("\x5A\x00"), 0x5A, BYTES("")},
		{BYTES("\x01\x01\xAA"), 0x01, BYTES("\xAA")},
		{BYTES("\xFE\x01\xAA"), 0xFE, BYTES("\xAA")},
		{BYTES("\x7F\x21\x02"
		       "ab"),
			0x7F21, BYTES("ab")},
		{BYTES("\x5F\x1F\x01"
		       "a"),
			0x5F1F, BYTES("a")},
		{BYTES("\x5F\x7F\x01"
		       "a"),
			0x5F7F, BYTES("a")},
		{BYTES("\xBF\x81\x00\x01"
		       "a"),
			0xBF8100, BYTES("a")},
		{BYTES("\xFF\xFF\x7F\x01"
		       "a"),
			0xFFFF7F, BYTES("a")},
		{BYTES("\x04\x81\x02"
		       "ab"),
			0x04, BYTES("ab")},
		{BYTES("\x04\x82\x00\x02"
		       "ab"),
			0x04, BYTES("ab")},
		{BYTES("\x04\x83\x00\x00\x02"
		       "ab"),
			0x04, BYTES("ab")},
		{BYTES("\x04\x81\x00"), 0x04, BYTES("")},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reader r = reader_of(rows[i].in);
		struct tlv t;
		size_t total = 0;

		assert_int_equal(tlv_total(rows[i].in, &total), 0);
		assert_int_equal(total, rows[i].in.len);
		assert_int_equal(tlv_next(&r, &t), 0);
		assert_int_equal(t.tag, rows[i].tag);
		assert_true(view_equal(t.value, rows[i].value));
		assert_true(view_equal(t.whole, rows[i].in));
		assert_int_equal(tlv_next(&r, &t), TLV_END);
	}
}

static void every_cut_of_an_object_is_broken(void **state)
{
	static const struct view rows[] = {
		BYTES("\x5A\x01"
		      "a"),
		BYTES("\x7F\x21\x81\x02"
		      "ab"),
		BYTES("\xBF\x81\x01\x82\x00\x02"
		      "ab"),
		BYTES("\x04\x83\x00\x00\x02"
		      "ab"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t cut = 1; cut < rows[i].len; cut++) {
			struct reader r = reader_of(view_sub(rows[i], 0, cut));
			struct tlv t = {.tag = 0xAB};

			assert_int_equal(tlv_next(&r, &t), TLV_BROKEN);
			assert_int_equal(t.tag, 0xAB);
			assert_int_equal(tlv_next(&r, &t), TLV_BROKEN);
		}
	}
}

static void forms_that_we_do_not_take_are_broken(void **state)
{
	static const struct view rows[] = {
		BYTES("\x00"), /* padding is no object */
		BYTES("\x00\x00"),
		BYTES("\x5F\x00\x01"
		      "a"), /* second byte 00..1E */
		BYTES("\x5F\x1E\x01"
		      "a"),
		BYTES("\x5F\x80\x01\x01"
		      "a"), /* second byte 80 */
		BYTES("\x5F\x81\x80\x01\x01"
		      "a"),		   /* a fourth tag byte */
		BYTES("\xFF\xFF\xFF\xFF"), /* erased memory */
		BYTES("\x30\x80\x00\x00"), /* indefinite length */
		BYTES("\x04\x84\x00\x00\x00\x01"
		      "a"), /* longer lengths */
		BYTES("\x04\xFF"
		      "a"),
		BYTES("\x04\x83\xFF\xFF\xFF"
		      "a"), /* over-long */
		BYTES("\x04\x02"
		      "a"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reader r = reader_of(rows[i]);
		struct tlv t = {.tag = 0xAB};

		assert_int_equal(tlv_next(&r, &t), TLV_BROKEN);
		assert_int_equal(r.left, 0);
		assert_int_equal(tlv_next(&r, &t), TLV_BROKEN);
		assert_int_equal(tlv_next_padded(&r, &t), TLV_BROKEN);
		assert_int_equal(t.tag, 0xAB);
	}
}

static void padding_is_skipped_only_when_asked(void **state)
{
	struct view in = VIEW_TEXT("\0\0\x5A\x01"
				   "a"
				   "\0\x5B\x00\0\0");
	struct reader r = reader_of(in);
	struct tlv t;

	(void)state;
	assert_int_equal(tlv_next_padded(&r, &t), 0);
	assert_int_equal(t.tag, 0x5A);
	assert_int_equal(tlv_next_padded(&r, &t), 0);
	assert_int_equal(t.tag, 0x5B);
	assert_int_equal(tlv_next_padded(&r, &t), TLV_END);
	assert_int_equal(tlv_next_padded(&r, &t), TLV_END);
	r = reader_of(in);
	assert_int_equal(tlv_next(&r, &t), TLV_BROKEN);
	r = reader_of(VIEW_NULL);
	assert_int_equal(tlv_next_padded(&r, &t), TLV_END);
}

static void the_first_of_its_tag_is_found(void **state)
{
	struct view in = VIEW_TEXT("\x5A\x01"
				   "a"
				   "\0\x7F\x21\x02\x5B\x00"
				   "\x5A\x01"
				   "b");
	struct tlv t = {.tag = 0};

	(void)state;
	assert_int_equal(tlv_find(in, 0x5A, &t), 0);
	assert_true(view_equal(t.value, VIEW_TEXT("a")));
	assert_int_equal(tlv_find(in, 0x7F21, &t), 0);
	assert_int_equal(t.value.len, 2);
	assert_int_equal(tlv_find(in, 0x5B, &t), TLV_ABSENT);
	assert_int_equal(t.tag, 0x7F21);
	assert_int_equal(tlv_find(VIEW_NULL, 0x5B, &t), TLV_ABSENT);
	assert_int_equal(tlv_find(VIEW_TEXT("\x5A\x00\x04\x05"), 0x5B, &t), TLV_BROKEN);
	assert_int_equal(tlv_find(VIEW_TEXT("\x5A\x00\x04\x05"), 0x5A, &t), 0);
}

static void the_total_is_told_by_the_head_alone(void **state)
{
	static const struct {
		struct view head;
		int want;
		size_t total;
	} rows[] = {
		{BYTES(""), TLV_END, 0},
		{BYTES("\x7F"), TLV_END, 0},
		{BYTES("\x7F\x21"), TLV_END, 0},
		{BYTES("\x7F\x21\x82"), TLV_END, 0},
		{BYTES("\x7F\x21\x82\x01"), TLV_END, 0},
		{BYTES("\x7F\x21\x82\x01\x02"), 0, 263},
		{BYTES("\xBF\x81"), TLV_END, 0},
		{BYTES("\x30\x83\xFF\xFF\xFF"), 0, 16777220},
		{BYTES("\x30\x05\x01"), 0, 7},
		{BYTES("\x30\x80"), TLV_BROKEN, 0},
		{BYTES("\x30\x84"), TLV_BROKEN, 0},
		{BYTES("\x00"), TLV_BROKEN, 0},
		{BYTES("\xFF\xFF\xFF"), TLV_BROKEN, 0},
		{BYTES("\x1F\x01"), TLV_BROKEN, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t total = 0;

		assert_int_equal(tlv_total(rows[i].head, &total), rows[i].want);
		assert_int_equal(total, rows[i].total);
	}
}

static void simple_values_need_their_exact_size(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(1000);
	struct view in;
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint8_t u8 = 0;

	(void)state;
	tlv_put_u8(&b, 0xC1, 0xFE);
	tlv_put_u32(&b, 0xC2, 0xFEDCBA98);
	tlv_put_u64(&b, 0xDF21, 0xFEDCBA9876543210);
	assert_int_equal(buf_check(&b), 0);
	in = buf_view(&b);
	assert_int_equal(tlv_find_u8(in, 0xC1, &u8), 0);
	assert_int_equal(u8, 0xFE);
	assert_int_equal(tlv_find_u32(in, 0xC2, &u32), 0);
	assert_int_equal(u32, 0xFEDCBA98);
	assert_int_equal(tlv_find_u64(in, 0xDF21, &u64), 0);
	assert_true(u64 == 0xFEDCBA9876543210);

	assert_int_equal(tlv_find_u8(in, 0xC2, &u8), TLV_BROKEN);
	assert_int_equal(tlv_find_u8(in, 0xC9, &u8), TLV_ABSENT);
	assert_int_equal(tlv_find_u32(in, 0xC1, &u32), TLV_BROKEN);
	assert_int_equal(tlv_find_u32(in, 0xC9, &u32), TLV_ABSENT);
	assert_int_equal(tlv_find_u64(in, 0xC2, &u64), TLV_BROKEN);
	assert_int_equal(tlv_find_u64(in, 0xC9, &u64), TLV_ABSENT);
	assert_int_equal(tlv_find_u64(VIEW_TEXT("\xC1"), 0xC9, &u64), TLV_BROKEN);
	assert_int_equal(tlv_find_u8(VIEW_TEXT("\xC1\x00"), 0xC1, &u8), TLV_BROKEN);
	assert_int_equal(u8, 0xFE);
	assert_int_equal(u32, 0xFEDCBA98);
}

static void texts_need_room_and_no_nul(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(1000);
	char text[5] = "old";
	struct view in;

	(void)state;
	tlv_put_str(&b, 0xC1, "abcd");
	tlv_put_str(&b, 0xC2, "abcde");
	tlv_put_str(&b, 0xC3, "");
	tlv_put(&b, 0xC4, VIEW_TEXT("a\0b"));
	in = buf_view(&b);
	assert_int_equal(tlv_find_str(in, 0xC2, text, sizeof(text)), TLV_BROKEN);
	assert_int_equal(tlv_find_str(in, 0xC3, text, 0), TLV_BROKEN);
	assert_int_equal(tlv_find_str(in, 0xC4, text, sizeof(text)), TLV_BROKEN);
	assert_int_equal(tlv_find_str(in, 0xC5, text, sizeof(text)), TLV_ABSENT);
	assert_string_equal(text, "old");
	assert_int_equal(tlv_find_str(in, 0xC1, text, sizeof(text)), 0);
	assert_string_equal(text, "abcd");
	assert_int_equal(tlv_find_str(in, 0xC3, text, sizeof(text)), 0);
	assert_string_equal(text, "");
}

static void lengths_are_built_in_the_shortest_form(void **state)
{
	static const struct {
		size_t len;
		struct view head;
	} rows[] = {
		{0, BYTES("\xC1\x00")},
		{127, BYTES("\xC1\x7F")},
		{128, BYTES("\xC1\x81\x80")},
		{255, BYTES("\xC1\x81\xFF")},
		{256, BYTES("\xC1\x82\x01\x00")},
		{65535, BYTES("\xC1\x82\xFF\xFF")},
		{65536, BYTES("\xC1\x83\x01\x00\x00")},
		{16777215, BYTES("\xC1\x83\xFF\xFF\xFF")},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf value = BUF_NULL(LIMIT);
		_cleanup_(buf_done) struct buf put = BUF_NULL(LIMIT);
		_cleanup_(buf_done) struct buf opened = BUF_NULL(LIMIT);
		struct tlv t;
		size_t mark;

		assert_non_null(buf_extend(&value, rows[i].len));
		tlv_put(&put, 0xC1, buf_view(&value));
		assert_int_equal(buf_check(&put), 0);
		assert_true(view_equal(
			view_sub(buf_view(&put), 0, rows[i].head.len), rows[i].head));
		assert_int_equal(tlv_find(buf_view(&put), 0xC1, &t), 0);
		assert_int_equal(t.value.len, rows[i].len);

		mark = tlv_open(&opened, 0xC1);
		buf_put_view(&opened, buf_view(&value));
		tlv_close(&opened, mark);
		assert_true(view_equal(buf_view(&opened), buf_view(&put)));
	}
}

static void a_length_beyond_three_bytes_fails_the_buf(void **state)
{
	_cleanup_(buf_done) struct buf value = BUF_NULL(LIMIT);
	_cleanup_(buf_done) struct buf b = BUF_NULL(LIMIT);
	size_t mark;

	(void)state;
	assert_non_null(buf_extend(&value, 16777216));
	tlv_put(&b, 0xC1, buf_view(&value));
	assert_int_equal(buf_check(&b), -EMSGSIZE);
	buf_reset(&b);
	mark = tlv_open(&b, 0xE1);
	buf_put_view(&b, buf_view(&value));
	tlv_close(&b, mark);
	assert_int_equal(buf_check(&b), -EMSGSIZE);
	b.failed = -ENOMEM;
	tlv_put(&b, 0xC1, buf_view(&value));
	assert_int_equal(buf_check(&b), -ENOMEM);
}

static void constructed_objects_nest(void **state)
{
	static const uint8_t want[] = {0xE0, 0x0B, 0xD0, 0x01, 'x', 0xBF, 0x81, 0x01, 0x04,
		0xDF, 0x21, 0x01, 0x07, 0xC1, 0x01, 0x09};
	_cleanup_(buf_done) struct buf b = BUF_NULL(1000);
	size_t outer;
	size_t inner;

	(void)state;
	outer = tlv_open(&b, 0xE0);
	tlv_put_str(&b, 0xD0, "x");
	inner = tlv_open(&b, 0xBF8101);
	tlv_put_u8(&b, 0xDF21, 7);
	tlv_close(&b, inner);
	tlv_close(&b, outer);
	tlv_put_u8(&b, 0xC1, 9);
	assert_int_equal(buf_check(&b), 0);
	assert_true(view_equal(buf_view(&b), VIEW(want)));
}

static void a_failure_between_open_and_close_stays(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(4);
	size_t mark;

	(void)state;
	mark = tlv_open(&b, 0xE0);
	tlv_put_str(&b, 0xC1, "too long");
	tlv_close(&b, mark);
	assert_int_equal(buf_check(&b), -EMSGSIZE);
}

static void random_bytes_never_yield_what_is_not_there(void **state)
{
	uint32_t x = 12345;

	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		uint8_t bytes[24];
		struct reader r;
		struct tlv t;
		size_t sum = 0;
		int q;

		for (size_t i = 0; i < sizeof(bytes); i++) {
			x = x * 1664525 + 1013904223;
			bytes[i] = (uint8_t)(x >> 24) & (uint8_t)(i % 3 ? 0x8F : 0xFF);
		}
		r = reader_of(VIEW(bytes));
		while ((q = tlv_next(&r, &t)) == 0) {
			sum += t.whole.len;
			assert_ptr_equal(
				t.whole.data + t.whole.len, t.value.data + t.value.len);
			assert_true(t.whole.data >= bytes && sum <= sizeof(bytes));
		}
		assert_true(q == TLV_END ? sum == sizeof(bytes) : q == TLV_BROKEN);
	}
}

static void put_tag_00(void)
{
	struct buf b = BUF_NULL(100);

	tlv_put_u8(&b, 0x00, 1);
}

static void put_tag_cut(void)
{
	struct buf b = BUF_NULL(100);

	tlv_put_u8(&b, 0x5F, 1);
}

static void put_tag_too_long(void)
{
	struct buf b = BUF_NULL(100);

	tlv_put_u8(&b, 0x015A, 1);
}

static void put_tag_of_four(void)
{
	struct buf b = BUF_NULL(100);

	tlv_put_u8(&b, 0x7F818101, 1);
}

static void close_behind_the_end(void)
{
	struct buf b = BUF_NULL(100);

	tlv_close(&b, 1);
}

static void own_bugs_stop_the_program(void **state)
{
	(void)state;
	assert_true(wrap_aborts(put_tag_00));
	assert_true(wrap_aborts(put_tag_cut));
	assert_true(wrap_aborts(put_tag_too_long));
	assert_true(wrap_aborts(put_tag_of_four));
	assert_true(wrap_aborts(close_behind_the_end));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_of_every_form_are_read),
		cmocka_unit_test(every_cut_of_an_object_is_broken),
		cmocka_unit_test(forms_that_we_do_not_take_are_broken),
		cmocka_unit_test(padding_is_skipped_only_when_asked),
		cmocka_unit_test(the_first_of_its_tag_is_found),
		cmocka_unit_test(the_total_is_told_by_the_head_alone),
		cmocka_unit_test(simple_values_need_their_exact_size),
		cmocka_unit_test(texts_need_room_and_no_nul),
		cmocka_unit_test(lengths_are_built_in_the_shortest_form),
		cmocka_unit_test(a_length_beyond_three_bytes_fails_the_buf),
		cmocka_unit_test(constructed_objects_nest),
		cmocka_unit_test(a_failure_between_open_and_close_stays),
		cmocka_unit_test(random_bytes_never_yield_what_is_not_there),
		cmocka_unit_test(own_bugs_stop_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
