/* SPDX-License-Identifier: EUPL-1.2 */
/* Power and parameters: what goes to the reader by what it does itself, and what comes of each
 * refusal (rates: test-slot-rates.c). */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "drivers/usb/slot.h"
#include "tests/unit/usb/slot-bench.h"

#define LEVEL_TPDU CCID_LEVEL_TPDU

static struct bench b;

static int finish(void **state)
{
	(void)state;
	bench_done(&b);
	return 0;
}

static void begin(enum ccid_level level, uint32_t features)
{
	bench_begin(&b, level, features);
	bench_start(&b, SLOT_JOB_POWER, "");
}

static void failed(uint8_t type, uint8_t error)
{
	bench_says(&b, type, BENCH_FAILED | BENCH_ACTIVE, error, 0, "");
}

static void is_off(void)
{
	bench_sends(&b, MESSAGE_POWER_OFF, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_IDLE, 0, 1, "");
}

/* -- voltage ------------------------------------------------------------------------------- */

static void voltages_are_tried_in_turn_with_power_off_between(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_NEGOTIATION);
	bench_sends(&b, MESSAGE_POWER_ON, "010000", "");
	bench_says(
		&b, MESSAGE_DATA_BLOCK, BENCH_FAILED | BENCH_IDLE, MESSAGE_ERROR_MUTE, 0, "");
	is_off();
	bench_sends(&b, MESSAGE_POWER_ON, "020000", "");
	bench_says(
		&b, MESSAGE_DATA_BLOCK, BENCH_FAILED | BENCH_IDLE, MESSAGE_ERROR_MUTE, 0, "");
	bench_ends(&b, SLOT_MUTE, NULL);
	assert_false(b.slot.active);
}

static void a_reader_that_activates_by_itself_chooses_the_voltage(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_ACTIVATION);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED | BENCH_IDLE, MESSAGE_ERROR_TCK, 0, "");
	bench_ends(&b, SLOT_BROKEN, NULL);
}

static void a_reader_without_a_voltage_is_given_the_choice(void **state)
{
	(void)state;
	bench_begin(&b, LEVEL_TPDU, 0);
	b.reader.voltages = 0;
	bench_start(&b, SLOT_JOB_POWER, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_says(
		&b, MESSAGE_DATA_BLOCK, BENCH_FAILED | BENCH_ABSENT, MESSAGE_ERROR_MUTE, 0, "");
	bench_ends(&b, SLOT_EMPTY, NULL);
}

static void a_card_that_left_is_tried_no_more(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, 0);
	bench_sends(&b, MESSAGE_POWER_ON, "010000", "");
	bench_says(
		&b, MESSAGE_DATA_BLOCK, BENCH_FAILED | BENCH_ABSENT, MESSAGE_ERROR_MUTE, 0, "");
	bench_ends(&b, SLOT_EMPTY, NULL);
}

static void an_atr_that_is_none_is_broken_and_takes_the_power(void **state)
{
	static const char *const atrs[] = {"", "3B", "3C00", "3B808131FE4500", "3B0000"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(atrs); i++) {
		begin(LEVEL_TPDU, BENCH_AUTO);
		bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
		bench_data(&b, atrs[i]);
		is_off();
		bench_ends(&b, SLOT_BROKEN, NULL);
		assert_false(b.slot.active);
		bench_done(&b);
	}
	begin(LEVEL_TPDU, BENCH_AUTO);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, "3B");
	bench_sends(&b, MESSAGE_POWER_OFF, "000000", "");
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_ABSENT, 0, 1, "");
	bench_ends(&b, SLOT_EMPTY, NULL);
}

static void a_card_without_a_protocol_of_the_reader_is_unable(void **state)
{
	(void)state;
	bench_begin(&b, LEVEL_TPDU, BENCH_AUTO);
	b.reader.protocols = 1;
	bench_start(&b, SLOT_JOB_POWER, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T1);
	is_off();
	bench_ends(&b, SLOT_UNABLE, NULL);
	bench_start(&b, SLOT_JOB_POWER, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_FIXED_ODD);
	is_off();
	bench_ends(&b, SLOT_UNABLE, NULL);
}

static void a_card_with_power_keeps_it_and_a_reset_gives_it_anew(void **state)
{
	(void)state;
	bench_begin(&b, LEVEL_TPDU, BENCH_AUTO);
	bench_power(&b, BENCH_T0);
	bench_start(&b, SLOT_JOB_POWER, "");
	bench_ends(&b, SLOT_DONE, NULL);
	assert_int_equal(b.out, 0);
	bench_start(&b, SLOT_JOB_RESET, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, "1100000A00");
	bench_ends(&b, SLOT_DONE, NULL);
	assert_true(b.slot.active);
	assert_int_equal(b.slot.powers, 0);
	bench_start(&b, SLOT_JOB_RESET, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_says(
		&b, MESSAGE_DATA_BLOCK, BENCH_FAILED | BENCH_IDLE, MESSAGE_ERROR_MUTE, 0, "");
	bench_ends(&b, SLOT_MUTE, NULL);
	assert_int_equal(b.slot.powers, 1);
}

/* -- parameters ---------------------------------------------------------------------------- */

static void what_a_reader_has_agreed_on_is_learnt(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, BENCH_AUTO);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_BOTH);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 1, "7410004D002000");
	bench_sends(&b, MESSAGE_POWER_OFF, "000000", ""); /* Fi reserved: no parameters */
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_IDLE, 0, 1, "");
	bench_ends(&b, SLOT_LIED, NULL);
	bench_start(&b, SLOT_JOB_POWER, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_BOTH);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 1, "941000FF000000");
	bench_ends(&b, SLOT_DONE, NULL); /* the card's own figures are in its ATR */
	assert_int_equal(b.slot.parameters.protocol, 1);
	assert_int_equal(b.slot.parameters.fidi, 0x94);
	assert_int_equal(b.slot.parameters.rate, 62500);
	assert_int_equal(b.slot.t1.ifsd, 254);
}

static void a_reader_that_chose_what_the_card_has_not_lies(void **state)
{
	static const struct {
		uint8_t protocol;
		const char *data;
	} says[] = {{1, "1110004D002000"}, {0, "1100000A"}, {2, "1100000A00"}, {0, ""}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		begin(LEVEL_TPDU, BENCH_AUTO);
		bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
		bench_data(&b, BENCH_T0);
		bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
		bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, says[i].protocol,
			says[i].data);
		is_off();
		bench_ends(&b, SLOT_LIED, NULL);
		bench_done(&b);
	}
	bench_begin(&b, LEVEL_TPDU, BENCH_AUTO);
	b.reader.protocols = 1;
	bench_start(&b, SLOT_JOB_POWER, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_BOTH);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 1, "1110004D002000");
	is_off(); /* it has no T=1 by its own descriptor */
	bench_ends(&b, SLOT_LIED, NULL);
}

static void at_an_apdu_level_the_reader_negotiates_whatever_it_says(void **state)
{
	(void)state;
	begin(CCID_LEVEL_SHORT_APDU, CCID_AUTO_VOLTAGE);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0_FAST);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	failed(MESSAGE_SLOT_STATUS, MESSAGE_ERROR_UNSUPPORTED);
	bench_ends(&b, SLOT_DONE, NULL);
}

static void a_reader_that_does_not_tell_has_taken_the_first_protocol_or_the_one_it_has(
	void **state)
{
	(void)state;
	for (uint8_t protocols = 1; protocols <= 3; protocols++) {
		bench_begin(&b, CCID_LEVEL_TPDU, BENCH_AUTO);
		b.reader.protocols = protocols;
		bench_power(&b, BENCH_BOTH); /* T=0 first */
		assert_int_equal(b.slot.parameters.protocol, protocols == 2 ? 1 : 0);
		bench_done(&b);
	}
	begin(LEVEL_TPDU, BENCH_AUTO);
}

static void a_reader_that_makes_the_pps_is_told_the_parameters(void **state)
{
	(void)state;
	begin(CCID_LEVEL_EXTENDED_APDU, CCID_AUTO_VOLTAGE | CCID_AUTO_PPS | CCID_AUTO_RATE);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0_FAST);
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", "9400000A00");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, "9400000A00");
	bench_ends(&b, SLOT_DONE, NULL);
}

static void where_nothing_is_to_be_agreed_only_parameters_are_set(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_VOLTAGE);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0);
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", "1100000A00");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, "1100000A00");
	bench_ends(&b, SLOT_DONE, NULL);
	assert_int_equal(b.slot.parameters.protocol, 0);
}

static void a_card_that_stays_with_its_default_is_left_there(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_VOLTAGE);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0_FAST);
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "FF10947B");
	bench_data(&b, "FF00FF");
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", "1100000A00");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, "1100000A00");
	bench_ends(&b, SLOT_DONE, NULL);
	assert_int_equal(b.slot.parameters.rate, 10752);
}

static void a_pps_refused_means_a_cold_reset_and_the_defaults(void **state)
{
	static const char *const answers[] = {"FF11947A", "0102", "", NULL};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		begin(LEVEL_TPDU, 0);
		bench_sends(&b, MESSAGE_POWER_ON, "010000", "");
		bench_data(&b, BENCH_T0_FAST);
		bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "FF10947B");
		if (answers[i]) {
			bench_data(&b, answers[i]);
		} else {
			failed(MESSAGE_DATA_BLOCK, MESSAGE_ERROR_MUTE);
		}
		is_off();
		bench_sends(&b, MESSAGE_POWER_ON, "010000", "");
		bench_data(&b, BENCH_T0_FAST);
		bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", "1100000A00");
		bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, "1100000A00");
		bench_ends(&b, SLOT_DONE, NULL);
		assert_true(b.slot.active);
		bench_done(&b);
	}
	begin(LEVEL_TPDU, 0);
}

static void parameters_refused_mean_the_same_and_refused_again_the_end(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_VOLTAGE);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0);
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", "1100000A00");
	failed(MESSAGE_PARAMETERS, 10);
	is_off();
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0);
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", "1100000A00");
	failed(MESSAGE_PARAMETERS, 10);
	is_off();
	bench_ends(&b, SLOT_UNABLE, NULL);
	assert_false(b.slot.active);
}

static void a_reader_that_knows_the_parameters_need_not_take_them(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_VOLTAGE | CCID_AUTO_PARAMETERS);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0);
	bench_sends(&b, MESSAGE_SET_PARAMETERS, "000000", "1100000A00");
	failed(MESSAGE_PARAMETERS, 7);
	bench_ends(&b, SLOT_DONE, NULL);
}

static void defaults_of_a_protocol_that_the_reader_has_not_are_unable(void **state)
{
	(void)state;
	bench_begin(&b, LEVEL_TPDU, CCID_AUTO_VOLTAGE);
	b.reader.protocols = 2; /* T=1, and the card begins with T=0 */
	bench_start(&b, SLOT_JOB_POWER, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_BOTH);
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "FF01FE");
	bench_data(&b, "FF00FF");
	is_off();
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_BOTH);
	is_off();
	bench_ends(&b, SLOT_UNABLE, NULL);
}

static void the_card_is_told_how_long_our_blocks_may_be(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_VOLTAGE | CCID_AUTO_NEGOTIATION);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T1);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 1, "1110004500FE00");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00C101FE3E");
	bench_data(&b, "00E101FE1E");
	bench_ends(&b, SLOT_DONE, NULL);
	assert_int_equal(b.slot.t1.ifsd, 254);
	assert_int_equal(b.slot.t1.ifsc, 254);
}

static void a_reader_with_short_blocks_says_nothing_of_them(void **state)
{
	(void)state;
	bench_begin(&b, LEVEL_TPDU, CCID_AUTO_VOLTAGE | CCID_AUTO_NEGOTIATION);
	b.reader.ifsd = 32;
	bench_start(&b, SLOT_JOB_POWER, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T1);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 1, "1110004500FE00");
	bench_ends(&b, SLOT_DONE, NULL);
}

static void a_card_that_never_answers_its_first_block_is_mute(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_VOLTAGE | CCID_AUTO_NEGOTIATION);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T1);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 1, "1110004500FE00");
	for (unsigned n = 0; !slot_over(&b.slot); n++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);

		assert_true(n < 10 && slot_next(&b.slot, &out, b.now));
		failed(MESSAGE_DATA_BLOCK, MESSAGE_ERROR_MUTE);
	}
	bench_ends(&b, SLOT_MUTE, NULL);
	assert_false(b.slot.active);
}

/* What the machine of T=1 says to a card that answers each block with nonsense, until it powers off. */
static void lose_its_way(void)
{
	for (unsigned n = 0; n < 20; n++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);

		assert_true(slot_next(&b.slot, &out, b.now));
		if (out.data[0] == MESSAGE_POWER_OFF) {
			return;
		}
		assert_int_equal(out.data[0], MESSAGE_XFR_BLOCK);
		/* RESYNCH is agreed to, S(IFS request) is not understood */
		bench_data(&b, out.data[MESSAGE_HEADER + 1] == 0xC0 ? "00E000E0" : "00000000");
	}
	fail();
}

static void a_card_that_loses_its_way_over_its_block_size_keeps_32(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, CCID_AUTO_VOLTAGE | CCID_AUTO_NEGOTIATION);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T1);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 1, "1110004500FE00");
	lose_its_way();
	assert_false(b.slot.active);
	bench_says(&b, MESSAGE_SLOT_STATUS, BENCH_IDLE, 0, 1, "");
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T1);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 1, "1110004500FE00");
	bench_ends(&b, SLOT_DONE, NULL);
	assert_true(b.slot.active);
	assert_int_equal(b.slot.t1.ifsd, 32);
}

static void a_power_on_that_ends_otherwise_leaves_no_power(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, BENCH_AUTO);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	assert_true(b.slot.hot); /* it may have */
	bench_data(&b, BENCH_T0);
	assert_true(b.slot.active);
	slot_spoil(&b.slot, SLOT_CANCELLED);
	bench_ends(&b, SLOT_CANCELLED, NULL);
	assert_false(b.slot.active);
	assert_int_equal(b.slot.powers, 1);
}

static void a_reader_that_is_busy_by_itself_is_asked_again_until_its_time_is_over(void **state)
{
	uint64_t until;

	(void)state;
	begin(LEVEL_TPDU, BENCH_AUTO);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	until = b.slot.deadline;
	for (unsigned n = 0; n < 3; n++) {
		failed(MESSAGE_DATA_BLOCK, MESSAGE_ERROR_BUSY_AUTO);
		assert_false(slot_over(&b.slot));
		bench_silent(&b);
		assert_int_equal(b.slot.again, b.now + SLOT_BUSY_USEC);
		b.now = b.slot.again;
		bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
		assert_int_equal(b.slot.deadline, until);
	}
	bench_data(&b, BENCH_T0);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(&b, MESSAGE_PARAMETERS, BENCH_ACTIVE, 0, 0, "1100000A00");
	bench_ends(&b, SLOT_DONE, NULL);
	bench_start(&b, SLOT_JOB_OFF, "");
	bench_sends(&b, MESSAGE_POWER_OFF, "000000", "");
	failed(MESSAGE_SLOT_STATUS, MESSAGE_ERROR_BUSY_AUTO); /* this one too */
	assert_true(b.slot.active);
	b.now = b.slot.again;
	bench_sends(&b, MESSAGE_POWER_OFF, "000000", "");
	b.now = b.slot.deadline - SLOT_BUSY_USEC;
	failed(MESSAGE_SLOT_STATUS, MESSAGE_ERROR_BUSY_AUTO);
	assert_true(slot_over(&b.slot));
}

static void a_card_that_leaves_meanwhile_ends_it_empty(void **state)
{
	(void)state;
	begin(LEVEL_TPDU, BENCH_AUTO);
	bench_sends(&b, MESSAGE_POWER_ON, "000000", "");
	bench_data(&b, BENCH_T0);
	bench_sends(&b, MESSAGE_GET_PARAMETERS, "000000", "");
	bench_says(
		&b, MESSAGE_PARAMETERS, BENCH_FAILED | BENCH_ABSENT, MESSAGE_ERROR_MUTE, 0, "");
	bench_ends(&b, SLOT_EMPTY, NULL);
	assert_false(b.slot.active);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(voltages_are_tried_in_turn_with_power_off_between),
		TEST(a_reader_that_activates_by_itself_chooses_the_voltage),
		TEST(a_reader_without_a_voltage_is_given_the_choice),
		TEST(a_card_that_left_is_tried_no_more),
		TEST(an_atr_that_is_none_is_broken_and_takes_the_power),
		TEST(a_card_without_a_protocol_of_the_reader_is_unable),
		TEST(a_card_with_power_keeps_it_and_a_reset_gives_it_anew),
		TEST(what_a_reader_has_agreed_on_is_learnt),
		TEST(a_reader_that_chose_what_the_card_has_not_lies),
		TEST(at_an_apdu_level_the_reader_negotiates_whatever_it_says),
		TEST(a_reader_that_does_not_tell_has_taken_the_first_protocol_or_the_one_it_has),
		TEST(a_reader_that_makes_the_pps_is_told_the_parameters),
		TEST(where_nothing_is_to_be_agreed_only_parameters_are_set),
		TEST(a_card_that_stays_with_its_default_is_left_there),
		TEST(a_pps_refused_means_a_cold_reset_and_the_defaults),
		TEST(parameters_refused_mean_the_same_and_refused_again_the_end),
		TEST(a_reader_that_knows_the_parameters_need_not_take_them),
		TEST(defaults_of_a_protocol_that_the_reader_has_not_are_unable),
		TEST(the_card_is_told_how_long_our_blocks_may_be),
		TEST(a_reader_with_short_blocks_says_nothing_of_them),
		TEST(a_card_that_never_answers_its_first_block_is_mute),
		TEST(a_card_that_loses_its_way_over_its_block_size_keeps_32),
		TEST(a_power_on_that_ends_otherwise_leaves_no_power),
		TEST(a_reader_that_is_busy_by_itself_is_asked_again_until_its_time_is_over),
		TEST(a_card_that_leaves_meanwhile_ends_it_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
