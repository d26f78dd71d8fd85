/* SPDX-License-Identifier: EUPL-1.2 */
/* Jobs of a slot with a card that has power: by every exchange level, with every error, in time
 * and late. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "drivers/usb/slot.h"
#include "tests/unit/usb/slot-bench.h"

#define SELECT "00A4000C023F00"

static struct bench b;

static void begin(enum ccid_level level, const char *atr)
{
	bench_begin(&b, level, BENCH_AUTO);
	bench_power(&b, atr);
}

static void transmit(const char *hex)
{
	bench_start(&b, SLOT_JOB_TRANSMIT, hex);
}

static int finish(void **state)
{
	(void)state;
	bench_done(&b);
	return 0;
}

/* -- levels -------------------------------------------------------------------------------- */

static void a_tpdu_of_t0_is_one_message_each_way(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	transmit(SELECT);
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", SELECT);
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_DONE, "9000");
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
	bench_data(&b, "01020304050607089000");
	bench_ends(&b, SLOT_DONE, "01020304050607089000");
	assert_int_equal(b.out, 2);
	assert_int_equal(b.in, 2);
}

static void what_61_and_6c_say_goes_up(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
	bench_data(&b, "6C04");
	bench_ends(&b, SLOT_DONE, "6C04");
	transmit("00C0000004");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00C0000004");
	bench_data(&b, "6110");
	bench_ends(&b, SLOT_DONE, "6110");
}

static void characters_carry_procedure_bytes_and_say_how_many_come(void **state)
{
	(void)state;
	begin(CCID_LEVEL_CHARACTER, BENCH_T0);
	transmit(SELECT);
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000100", "00A4000C02");
	bench_data(&b, "60"); /* wait */
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000100", "");
	bench_data(&b, "A4");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000200", "3F00");
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void a_procedure_byte_that_is_none_breaks_the_card(void **state)
{
	(void)state;
	begin(CCID_LEVEL_CHARACTER, BENCH_T0);
	transmit(SELECT);
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000100", "00A4000C02");
	bench_data(&b, "11");
	bench_ends(&b, SLOT_BROKEN, NULL);
	assert_false(b.slot.active);
	transmit(SELECT);
	bench_ends(&b, SLOT_UNPOWERED, NULL);
}

static void a_block_of_t1_is_one_message_each_way(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00000500B0000008BD");
	bench_data(&b, "000002900092");
	bench_ends(&b, SLOT_DONE, "9000");
	transmit("00B0000008"); /* N(S) is 1 now, each way */
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00400500B0000008FD");
	bench_data(&b, "0040029000D2");
	bench_ends(&b, SLOT_DONE, "9000");
	assert_int_equal(b.out, 2);
}

static void more_time_of_a_card_becomes_bbwi(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00000500B0000008BD");
	bench_data(&b, "00C30105C7"); /* S(WTX request), 5 times */
	bench_sends(&b, MESSAGE_XFR_BLOCK, "050000", "00E30105E7");
	bench_data(&b, "000002900092");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void silence_and_parity_errors_of_t1_are_repeated(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00000500B0000008BD");
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED, MESSAGE_ERROR_PARITY, 0, "");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00810081"); /* R(0), parity */
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED, MESSAGE_ERROR_OVERRUN, 0, "");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00810081");
	bench_data(&b, "000002900092");
	bench_ends(&b, SLOT_DONE, "9000");
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00400500B0000008FD");
	for (unsigned n = 0; b.slot.job != SLOT_JOB_NONE && !slot_over(&b.slot); n++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);

		assert_true(n < 16);
		bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED, MESSAGE_ERROR_MUTE, 0, "");
		(void)slot_next(&b.slot, &out, b.now);
	}
	bench_ends(&b, SLOT_MUTE, NULL);
	assert_false(b.slot.active);
}

static void other_errors_end_an_exchange_of_t1(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00000500B0000008BD");
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED, MESSAGE_ERROR_HARDWARE, 0, "");
	bench_ends(&b, SLOT_BROKEN, NULL);
	assert_false(b.slot.active);
}

static void a_card_that_breaks_its_chain_off_is_broken(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00000500B0000008BD");
	bench_data(&b, "00C200C2"); /* S(ABORT request) */
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00E200E2");
	bench_data(&b, "00900090"); /* R(1): we may speak */
	bench_ends(&b, SLOT_BROKEN, NULL);
	assert_true(b.slot.active); /* in step all the same */
}

static void blocks_are_read_in_two_parts_at_the_level_of_characters(void **state)
{
	(void)state;
	begin(CCID_LEVEL_CHARACTER, BENCH_T1);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000300", "00000500B0000008BD");
	bench_data(&b, "0000");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000100", "");
	bench_data(&b, "02");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000300", "");
	bench_data(&b, "900092");
	bench_ends(&b, SLOT_DONE, "9000");
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000300", "00400500B0000008FD");
	bench_data(&b, "004002");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000300", "");
	bench_data(&b, ""); /* no more of it comes: asked for again */
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000300", "00910091");
	bench_data(&b, "0040029000D2");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void a_checksum_of_two_bytes_is_read_too(void **state)
{
	uint16_t crc = t1_crc(VIEW(((const uint8_t[]){0, 0, 2, 0x90, 0})));
	struct message m = {.type = MESSAGE_DATA_BLOCK};
	uint8_t block[] = {0, 0, 2, 0x90, 0, 0, 0};

	(void)state;
	begin(CCID_LEVEL_CHARACTER, BENCH_T1_CRC);
	assert_true(b.slot.t1.crc);
	transmit("00B0000008");
	{
		_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);

		assert_true(slot_next(&b.slot, &out, b.now));
		assert_int_equal(out.len, MESSAGE_HEADER + 3 + 5 + 2);
	}
	block[5] = (uint8_t)(crc >> 8);
	block[6] = (uint8_t)crc;
	m.data = view_of(block, 3);
	slot_take(&b.slot, &m, b.now);
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000400", "");
	m.data = view_of(block + 3, 4);
	slot_take(&b.slot, &m, b.now);
	bench_ends(&b, SLOT_DONE, "9000");
}

static void what_is_no_command_of_t0_is_no_thing_for_it(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	transmit("00A4040005A0");
	bench_ends(&b, SLOT_UNABLE, NULL);
	assert_true(b.slot.active);
}

/* -- time ---------------------------------------------------------------------------------- */

static void more_time_is_given_but_not_for_ever(void **state)
{
	uint64_t first;
	unsigned n = 0;

	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
	first = b.slot.deadline;
	assert_int_equal(slot_late(&b.slot), SLOT_MUTE);
	while (b.slot.deadline < b.slot.whole) {
		b.now = b.slot.deadline - 1;
		bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_TIME, 0, 0, "");
		assert_true(b.slot.deadline > first);
		assert_true(n++ < 1000);
	}
	b.now = b.slot.deadline;
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_TIME, 255, 0, "");
	assert_int_equal(b.slot.deadline, b.slot.whole);
	assert_true(b.slot.waits);
	assert_int_equal(slot_late(&b.slot), SLOT_LIED);
	slot_spoil(&b.slot, slot_late(&b.slot));
	bench_ends(&b, SLOT_LIED, NULL);
	assert_false(b.slot.active);
}

static void more_time_is_not_given_more_often_than_a_reader_needs(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	for (unsigned job = 0; job < 2; job++) {
		transmit("00B0000008");
		bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
		for (unsigned n = 0; n < SLOT_EXTENSIONS_MAX; n++) {
			bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_TIME, 1, 0, "");
		}
		assert_true(b.slot.deadline > b.now);
		if (job == 0) {
			bench_data(&b, "01020304050607089000");
			bench_ends(&b, SLOT_DONE, "01020304050607089000");
		}
	}
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_TIME, 255, 0, "");
	assert_int_equal(b.slot.deadline, b.now);
	assert_int_equal(slot_late(&b.slot), SLOT_LIED);
	slot_spoil(&b.slot, slot_late(&b.slot));
	bench_ends(&b, SLOT_LIED, NULL);
}

static void a_job_of_many_messages_ends_at_its_whole(void **state)
{
	(void)state;
	begin(CCID_LEVEL_CHARACTER, BENCH_T0);
	transmit(SELECT);
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000100", "00A4000C02");
	b.now += SLOT_JOB_USEC;
	bench_data(&b, "60");
	bench_ends(&b, SLOT_MUTE, NULL);
}

/* -- the card ------------------------------------------------------------------------------ */

static void a_status_asks_and_a_card_without_power_is_told(void **state)
{
	uint32_t powers;

	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	bench_start(&b, SLOT_JOB_STATUS, "");
	bench_sends(&b, MESSAGE_GET_SLOT_STATUS, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_ACTIVE, 0, 0, "");
	bench_ends(&b, SLOT_DONE, NULL);
	powers = b.slot.powers;
	bench_start(&b, SLOT_JOB_STATUS, "");
	bench_sends(&b, MESSAGE_GET_SLOT_STATUS, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_IDLE, 0, 0, "");
	bench_ends(&b, SLOT_UNPOWERED, NULL);
	assert_int_equal(b.slot.powers, powers + 1);
	bench_start(&b, SLOT_JOB_STATUS, "");
	bench_sends(&b, MESSAGE_GET_SLOT_STATUS, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_ABSENT, 0, 0, "");
	bench_ends(&b, SLOT_EMPTY, NULL);
	assert_int_equal(b.slot.presence, SLOT_OUT);
	transmit(SELECT);
	bench_ends(&b, SLOT_EMPTY, NULL);
	bench_start(&b, SLOT_JOB_STATUS, "");
	bench_sends(&b, MESSAGE_GET_SLOT_STATUS, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_FAILED | BENCH_ABSENT, MESSAGE_ERROR_SLOT, 0,
		"");
	bench_ends(&b, SLOT_LIED, NULL);
}

static void a_status_of_a_busy_reader_is_a_status_all_the_same(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	bench_start(&b, SLOT_JOB_STATUS, "");
	bench_sends(&b, MESSAGE_GET_SLOT_STATUS, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_FAILED | BENCH_ABSENT,
		MESSAGE_ERROR_BUSY_AUTO, 0, "");
	bench_ends(&b, SLOT_EMPTY, NULL);
	assert_int_equal(b.slot.presence, SLOT_OUT);
}

static void off_takes_the_power(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	bench_start(&b, SLOT_JOB_OFF, "");
	bench_sends(&b, MESSAGE_POWER_OFF, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_IDLE, 0, 1, "");
	bench_ends(&b, SLOT_DONE, NULL);
	assert_false(b.slot.active);
	assert_false(b.slot.hot);
	transmit(SELECT);
	bench_ends(&b, SLOT_UNPOWERED, NULL);
}

static void an_off_that_failed_leaves_a_card_that_is_in_with_power_and_none_where_none_is(
	void **state)
{
	(void)state;
	for (int in = 0; in < 2; in++) {
		bench_done(&b);
		begin(CCID_LEVEL_TPDU, BENCH_T0);
		bench_start(&b, SLOT_JOB_OFF, "");
		bench_sends(&b, MESSAGE_POWER_OFF, "000000", "");
		bench_says(&b, MESSAGE_SLOT_STATUS,
			BENCH_FAILED | (in ? BENCH_IDLE : BENCH_ABSENT), 0xFB /* HW_ERROR */, 0,
			"");
		bench_ends(&b, SLOT_DONE, NULL);
		assert_false(b.slot.active);
		assert_int_equal(b.slot.hot, in);
	}
}

static void an_answer_about_a_card_that_was_changed_meanwhile_is_worth_nothing(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	b.slot.ahead = 0; /* its coming was told by the interrupt too */
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
	assert_true(slot_notice(&b.slot, true, true, b.now)); /* out and in */
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_UNPOWERED, NULL);
	assert_int_equal(b.slot.events, 3);
	bench_power(&b, BENCH_T0);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
	assert_true(slot_notice(&b.slot, false, true, b.now));
	bench_data(&b, "9000"); /* sent before */
	bench_ends(&b, SLOT_EMPTY, NULL);
	assert_int_equal(b.slot.presence, SLOT_OUT);
	assert_int_equal(b.slot.events, 4);
}

static void one_coming_is_counted_once_whoever_tells_it_first(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0); /* the bulk pipe told that a card is there */
	assert_int_equal(b.slot.events, 1);
	assert_false(slot_notice(&b.slot, true, true, b.now)); /* the interrupt tells it too */
	assert_true(b.slot.active);
	assert_int_equal(b.slot.events, 1);
	assert_false(slot_notice(&b.slot, true, false, b.now));
	assert_true(slot_notice(&b.slot, true, true, b.now)); /* and this is another one */
	assert_false(b.slot.active);
	assert_int_equal(b.slot.events, 3);
	assert_true(slot_notice(&b.slot, false, true, b.now));
	assert_int_equal(b.slot.events, 4);
}

static void a_notice_about_another_slot_counts_for_that_one_alone(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0); /* the bulk pipe told that a card is there */
	assert_false(slot_notice(&b.slot, true, false, b.now));
	assert_false(slot_notice(&b.slot, true, true, b.now)); /* the interrupt tells it too */
	assert_true(b.slot.active);
	assert_int_equal(b.slot.events, 1);
}

static void a_swap_long_after_the_bulk_pipe_told_of_a_card_counts(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	assert_true(b.slot.ahead > b.now);
	assert_true(slot_notice(&b.slot, true, true, b.now + SLOT_AHEAD_USEC));
	assert_false(b.slot.active);
	assert_int_equal(b.slot.events, 3);
}

static void a_slot_that_was_never_seen_full_counts_nothing(void **state)
{
	(void)state;
	bench_begin(&b, CCID_LEVEL_TPDU, BENCH_AUTO);
	assert_true(slot_notice(&b.slot, false, false, b.now));
	assert_int_equal(b.slot.events, 0);
	assert_int_equal(b.slot.presence, SLOT_OUT);
}

static void what_held_a_command_is_empty_afterwards(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	transmit("0020000104FFFFFFFF");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "0000090020000104FFFFFFFF2C");
	slot_spoil(&b.slot, SLOT_MUTE);
	assert_int_equal(b.slot.t1.command.len, 0);
	assert_int_equal(b.slot.t1.last.len, 0);
	bench_ends(&b, SLOT_MUTE, NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(a_tpdu_of_t0_is_one_message_each_way),
		TEST(what_61_and_6c_say_goes_up),
		TEST(characters_carry_procedure_bytes_and_say_how_many_come),
		TEST(a_procedure_byte_that_is_none_breaks_the_card),
		TEST(a_block_of_t1_is_one_message_each_way),
		TEST(more_time_of_a_card_becomes_bbwi),
		TEST(silence_and_parity_errors_of_t1_are_repeated),
		TEST(other_errors_end_an_exchange_of_t1),
		TEST(a_card_that_breaks_its_chain_off_is_broken),
		TEST(blocks_are_read_in_two_parts_at_the_level_of_characters),
		TEST(a_checksum_of_two_bytes_is_read_too),
		TEST(what_is_no_command_of_t0_is_no_thing_for_it),
		TEST(more_time_is_given_but_not_for_ever),
		TEST(more_time_is_not_given_more_often_than_a_reader_needs),
		TEST(a_job_of_many_messages_ends_at_its_whole),
		TEST(a_status_asks_and_a_card_without_power_is_told),
		TEST(a_status_of_a_busy_reader_is_a_status_all_the_same),
		TEST(off_takes_the_power),
		TEST(an_off_that_failed_leaves_a_card_that_is_in_with_power_and_none_where_none_is),
		TEST(an_answer_about_a_card_that_was_changed_meanwhile_is_worth_nothing),
		TEST(one_coming_is_counted_once_whoever_tells_it_first),
		TEST(a_notice_about_another_slot_counts_for_that_one_alone),
		TEST(a_swap_long_after_the_bulk_pipe_told_of_a_card_counts),
		TEST(a_slot_that_was_never_seen_full_counts_nothing),
		TEST(what_held_a_command_is_empty_afterwards),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
