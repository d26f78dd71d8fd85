/* SPDX-License-Identifier: EUPL-1.2 */
/* base/buf.h: views, growth and wiping, sticky failures, bounded reads. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "base/buf.h"
#include "tests/unit/base/wrap.h"

static int clear(void **state)
{
	(void)state;
	wrap_clear();
	return 0;
}

/* -- views ----------------------------------------------------------------------------------- */

static void views_of_nothing_are_empty(void **state)
{
	(void)state;
	assert_int_equal(view_of(NULL, 7).len, 0);
	assert_int_equal(view_str(NULL).len, 0);
	assert_int_equal(view_str("").len, 0);
	assert_int_equal(view_str("abc").len, 3);
	assert_int_equal(view_sub(VIEW_NULL, 1, 2).len, 0);
	assert_null(view_last(VIEW_NULL, 2).data);
}

static void sub_views_are_clipped(void **state)
{
	static const struct {
		size_t from;
		size_t len;
		const char *want;
	} rows[] = {
		{0, 5, "abcde"},
		{1, 2, "bc"},
		{0, 9, "abcde"},
		{4, SIZE_MAX, "e"},
		{5, 1, ""},
		{6, 1, ""},
		{SIZE_MAX, SIZE_MAX, ""},
		{2, 0, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct view v = view_sub(VIEW_TEXT("abcde"), rows[i].from, rows[i].len);

		assert_true(view_equal(v, view_str(rows[i].want)));
	}
	assert_true(view_equal(view_last(VIEW_TEXT("abcde"), 2), VIEW_TEXT("de")));
	assert_true(view_equal(view_last(VIEW_TEXT("abcde"), 5), VIEW_TEXT("abcde")));
	assert_true(view_equal(view_last(VIEW_TEXT("abcde"), 6), VIEW_TEXT("abcde")));
	assert_true(view_equal(view_last(VIEW_TEXT("abcde"), 0), VIEW_NULL));
}

static void views_compare_by_length_and_content(void **state)
{
	(void)state;
	assert_true(view_equal(VIEW_TEXT("ab"), VIEW_TEXT("ab")));
	assert_false(view_equal(VIEW_TEXT("ab"), VIEW_TEXT("ac")));
	assert_false(view_equal(VIEW_TEXT("ab"), VIEW_TEXT("abc")));
	assert_true(view_equal(VIEW_NULL, VIEW_TEXT("")));
}

static void copies_fit_or_leave_the_target_alone(void **state)
{
	char to[4] = "zzz";

	(void)state;
	assert_int_equal(view_copy(VIEW_TEXT("abcde"), to, sizeof(to)), -EMSGSIZE);
	assert_string_equal(to, "zzz");
	assert_int_equal(view_copy(VIEW_TEXT("abc\0"), to, sizeof(to)), 0);
	assert_string_equal(to, "abc");
	assert_int_equal(view_copy(VIEW_NULL, to, 0), 0);
}

static void string_copies_need_room_for_the_nul_and_none_inside(void **state)
{
	char to[4] = "zzz";

	(void)state;
	assert_int_equal(view_copy_str(VIEW_TEXT("abcd"), to, sizeof(to)), -EMSGSIZE);
	assert_int_equal(view_copy_str(VIEW_NULL, to, 0), -EMSGSIZE);
	assert_int_equal(view_copy_str(VIEW_TEXT("a\0b"), to, sizeof(to)), -EINVAL);
	assert_string_equal(to, "zzz");
	assert_int_equal(view_copy_str(VIEW_TEXT("abc"), to, sizeof(to)), 0);
	assert_string_equal(to, "abc");
	assert_int_equal(view_copy_str(VIEW_NULL, to, sizeof(to)), 0);
	assert_string_equal(to, "");
}

static void wipe_takes_nothing_and_clears_bytes(void **state)
{
	uint8_t bytes[] = {1, 2, 3};
	const uint8_t want[] = {0, 0, 3};

	(void)state;
	wipe(NULL, 5);
	wipe(bytes, 0);
	assert_int_equal(bytes[0], 1);
	wipe(bytes, 2);
	assert_memory_equal(bytes, want, sizeof(want));
}

/* -- bufs ------------------------------------------------------------------------------------ */

static void numbers_are_put_big_endian(void **state)
{
	static const uint8_t want[] = {0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09,
		0x0A, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F, 'x', 'y', 'z'};
	_cleanup_(buf_done) struct buf b = BUF_NULL(100);

	(void)state;
	buf_put_u8(&b, 0x01);
	buf_put_u16(&b, 0x0203);
	buf_put_u32(&b, 0x04050607);
	buf_put_u64(&b, 0x08090A0B0C0D0E0F);
	buf_put_str(&b, "xy");
	buf_put_str(&b, NULL);
	buf_put_view(&b, VIEW_NULL);
	buf_put(&b, "z", 1);
	assert_int_equal(buf_check(&b), 0);
	assert_true(view_equal(buf_view(&b), VIEW(want)));
}

static void growth_keeps_the_content_and_wipes_every_block(void **state)
{
	struct buf b = BUF_NULL(10000);

	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		buf_put_u8(&b, (uint8_t)(i % 251 + 1));
	}
	assert_int_equal(buf_check(&b), 0);
	assert_int_equal(b.cap, 10000);
	for (unsigned i = 0; i < 10000; i++) {
		assert_int_equal(b.data[i], i % 251 + 1);
	}
	assert_in_range(wrap_freed, 5, 12);
	buf_done(&b);
	assert_int_equal(wrap_freed_dirty, 0);
	assert_null(b.data);
	assert_int_equal(b.max, 10000);
	buf_done(NULL);
}

static void the_limit_is_sticky_until_reset(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(4);

	(void)state;
	buf_put(&b, "abcd", 4);
	assert_int_equal(buf_check(&b), 0);
	buf_put_u8(&b, 'e');
	assert_int_equal(buf_check(&b), -EMSGSIZE);
	buf_truncate(&b, 0);
	buf_put_u8(&b, 'f');
	buf_printf(&b, "g");
	assert_null(buf_extend(&b, 1));
	assert_int_equal(b.len, 0);
	buf_reset(&b);
	buf_put_u8(&b, 'h');
	assert_int_equal(buf_check(&b), 0);
	assert_int_equal(b.len, 1);
}

static void a_huge_length_is_refused_before_any_sum(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(SIZE_MAX);

	(void)state;
	buf_put_u8(&b, 'a');
	assert_null(buf_extend(&b, SIZE_MAX));
	assert_int_equal(buf_check(&b), -EMSGSIZE);
	buf_reset(&b);
	buf_put_u8(&b, 'a');
	assert_null(buf_extend(&b, SIZE_MAX - 1));
	assert_int_equal(buf_check(&b), -EMSGSIZE);
}

static void no_memory_is_sticky_and_keeps_what_was_there(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(1000);
	uint8_t more[100] = {0};

	(void)state;
	buf_put_str(&b, "kept");
	wrap_fail(WRAP_MALLOC, 0, ENOMEM);
	buf_put(&b, more, sizeof(more));
	assert_int_equal(buf_check(&b), -ENOMEM);
	assert_true(view_equal(buf_view(&b), VIEW_TEXT("kept")));
	buf_printf(&b, "%d", 1);
	assert_int_equal(buf_check(&b), -ENOMEM);
}

static void reset_wipes_and_keeps_the_block(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(100);
	const uint8_t *block;

	(void)state;
	buf_reset(&b);
	buf_put_str(&b, "secret");
	block = b.data;
	buf_reset(&b);
	assert_ptr_equal(b.data, block);
	assert_int_equal(b.len, 0);
	assert_memory_equal(block, "\0\0\0\0\0\0", 6);
}

static void truncate_wipes_the_tail(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(100);

	(void)state;
	buf_put_str(&b, "secret");
	buf_truncate(&b, 7);
	buf_truncate(&b, 6);
	assert_int_equal(b.len, 6);
	buf_truncate(&b, 2);
	assert_true(view_equal(buf_view(&b), VIEW_TEXT("se")));
	assert_memory_equal(b.data, "se\0\0\0\0", 6);
}

static void insert_moves_what_is_behind(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(8);

	(void)state;
	buf_insert(&b, 0, "cd", 2);
	buf_insert(&b, 0, "ab", 2);
	buf_insert(&b, 4, "gh", 2);
	buf_insert(&b, 4, "ef", 2);
	buf_insert(&b, 3, NULL, 0);
	assert_true(view_equal(buf_view(&b), VIEW_TEXT("abcdefgh")));
	buf_insert(&b, 3, "x", 1);
	assert_int_equal(buf_check(&b), -EMSGSIZE);
	assert_true(view_equal(buf_view(&b), VIEW_TEXT("abcdefgh")));
}

static void printf_fits_exactly_or_not_at_all(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(5);

	(void)state;
	buf_printf(&b, "%s", "");
	assert_int_equal(b.len, 0);
	buf_printf(&b, "%d-%s", 12, "ab");
	assert_int_equal(buf_check(&b), 0);
	assert_true(view_equal(buf_view(&b), VIEW_TEXT("12-ab")));
	buf_printf(&b, "%c", 'x');
	assert_int_equal(buf_check(&b), -EMSGSIZE);
}

static void printf_of_a_character_without_an_encoding_fails(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(5);

	(void)state;
	buf_printf(&b, "%lc", (wint_t)0x20AC); /* the C locale has no euro sign */
	assert_int_equal(buf_check(&b), -EMSGSIZE);
	b.failed = -ENOMEM;
	buf_printf(&b, "%lc", (wint_t)0x20AC);
	assert_int_equal(buf_check(&b), -ENOMEM);
}

static void extend_gives_zero_bytes_and_never_null_for_none(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(100);
	uint8_t *at;

	(void)state;
	assert_non_null(buf_extend(&b, 0));
	buf_put_str(&b, "secret");
	buf_truncate(&b, 0);
	at = buf_extend(&b, 6);
	assert_non_null(at);
	assert_memory_equal(at, "\0\0\0\0\0\0", 6);
	assert_int_equal(b.len, 6);
}

static void take_str_hands_over_text_and_empties(void **state)
{
	struct buf b = BUF_NULL(100);
	char *text;

	(void)state;
	text = buf_take_str(&b);
	assert_string_equal(text, "");
	free(text);
	buf_put_str(&b, "text");
	text = buf_take_str(&b);
	assert_string_equal(text, "text");
	assert_null(b.data);
	free(text);
}

static void take_str_is_null_on_failure(void **state)
{
	struct buf b = BUF_NULL(2);

	(void)state;
	buf_put_str(&b, "text");
	assert_null(buf_take_str(&b));
	assert_int_equal(b.failed, 0);
	buf_put_str(&b, "ab");
	wrap_fail(WRAP_MALLOC, 0, ENOMEM);
	assert_null(buf_take_str(&b));
	assert_int_equal(b.len, 0);
	assert_int_equal(wrap_freed_dirty, 0);
}

static void a_lowered_limit_stops_growth(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(10);

	(void)state;
	buf_put_str(&b, "abc");
	b.max = 2;
	assert_null(buf_extend(&b, 0));
	assert_int_equal(buf_check(&b), -EMSGSIZE);
}

/* -- readers --------------------------------------------------------------------------------- */

static void readers_read_big_endian_to_the_last_byte(void **state)
{
	static const uint8_t bytes[] = {
		1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
	struct reader r = reader_of(VIEW(bytes));

	(void)state;
	assert_int_equal(reader_u8(&r), 0x01);
	assert_int_equal(reader_u16(&r), 0x0203);
	assert_int_equal(reader_u32(&r), 0x04050607);
	assert_true(reader_u64(&r) == 0x08090A0B0C0D0E0F);
	assert_int_equal(reader_take(&r, 0).len, 0);
	assert_true(view_equal(reader_take(&r, 1), VIEW_TEXT("\x10")));
	assert_true(view_equal(reader_rest(&r), VIEW_TEXT("\x11")));
	assert_int_equal(reader_rest(&r).len, 0);
	assert_false(r.failed);
}

static void a_failed_reader_yields_zeros_for_ever(void **state)
{
	static const uint8_t bytes[] = {0xFF, 0xFF, 0xFF};
	struct reader r = reader_of(VIEW(bytes));

	(void)state;
	assert_int_equal(reader_u32(&r), 0);
	assert_true(r.failed);
	assert_int_equal(r.left, 0);
	assert_int_equal(reader_u8(&r), 0);
	assert_int_equal(reader_u16(&r), 0);
	assert_true(reader_u64(&r) == 0);
	assert_null(reader_take(&r, 0).data);
	assert_null(reader_rest(&r).data);
}

static void a_reader_of_nothing_fails_at_its_first_byte(void **state)
{
	struct reader r = reader_of((struct view){.data = NULL, .len = 9});

	(void)state;
	assert_int_equal(r.left, 0);
	assert_int_equal(reader_take(&r, 0).len, 0);
	assert_false(r.failed);
	assert_int_equal(reader_u8(&r), 0);
	assert_true(r.failed);
}

static void a_take_of_everything_there_could_be_fails(void **state)
{
	struct reader r = reader_of(VIEW_TEXT("ab"));

	(void)state;
	assert_null(reader_take(&r, SIZE_MAX).data);
	assert_true(r.failed);
}

/* -- own bugs -------------------------------------------------------------------------------- */

static void copy_too_much(void)
{
	char to[2];

	bytes_copy(to, sizeof(to), "abc", 3);
}

static void put_into_itself(void)
{
	struct buf b = BUF_NULL(1000);

	buf_put_str(&b, "abc");
	buf_put_view(&b, buf_view(&b));
}

static void insert_behind_the_end(void)
{
	struct buf b = BUF_NULL(1000);

	buf_put_str(&b, "abc");
	buf_insert(&b, 4, "d", 1);
}

static void put_from_nowhere(void)
{
	struct buf b = BUF_NULL(1000);

	buf_put(&b, NULL, 1);
}

static void own_bugs_stop_the_program(void **state)
{
	(void)state;
	assert_true(wrap_aborts(copy_too_much));
	assert_true(wrap_aborts(put_into_itself));
	assert_true(wrap_aborts(insert_behind_the_end));
	assert_true(wrap_aborts(put_from_nowhere));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(views_of_nothing_are_empty),
		cmocka_unit_test(sub_views_are_clipped),
		cmocka_unit_test(views_compare_by_length_and_content),
		cmocka_unit_test(copies_fit_or_leave_the_target_alone),
		cmocka_unit_test(string_copies_need_room_for_the_nul_and_none_inside),
		cmocka_unit_test(wipe_takes_nothing_and_clears_bytes),
		cmocka_unit_test(numbers_are_put_big_endian),
		cmocka_unit_test_setup(growth_keeps_the_content_and_wipes_every_block, clear),
		cmocka_unit_test(the_limit_is_sticky_until_reset),
		cmocka_unit_test(a_huge_length_is_refused_before_any_sum),
		cmocka_unit_test(no_memory_is_sticky_and_keeps_what_was_there),
		cmocka_unit_test(reset_wipes_and_keeps_the_block),
		cmocka_unit_test(truncate_wipes_the_tail),
		cmocka_unit_test(insert_moves_what_is_behind),
		cmocka_unit_test(printf_fits_exactly_or_not_at_all),
		cmocka_unit_test(printf_of_a_character_without_an_encoding_fails),
		cmocka_unit_test(extend_gives_zero_bytes_and_never_null_for_none),
		cmocka_unit_test(take_str_hands_over_text_and_empties),
		cmocka_unit_test_setup(take_str_is_null_on_failure, clear),
		cmocka_unit_test(a_lowered_limit_stops_growth),
		cmocka_unit_test(readers_read_big_endian_to_the_last_byte),
		cmocka_unit_test(a_failed_reader_yields_zeros_for_ever),
		cmocka_unit_test(a_reader_of_nothing_fails_at_its_first_byte),
		cmocka_unit_test(a_take_of_everything_there_could_be_fails),
		cmocka_unit_test(own_bugs_stop_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
