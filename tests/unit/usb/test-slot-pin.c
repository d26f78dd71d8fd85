/* SPDX-License-Identifier: EUPL-1.2 */
/* Codes on the keys: what the reader is told, byte by byte, and what its answers mean. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "base/hex.h"
#include "drivers/usb/slot.h"
#include "tests/unit/usb/slot-bench.h"

#define VERIFY "0020000104FFFFFFFF"
#define CHANGE "0024000108FFFFFFFFFFFFFFFF"
#define NONE   0xFF
/* what is told of a verification before its command, as the first test has it byte by byte */
#define TOLD   "001E820400040402000C0400"

static struct bench b;

static int finish(void **state)
{
	(void)state;
	bench_done(&b);
	return 0;
}

static void begin(enum ccid_level level, const char *atr)
{
	bench_begin(&b, level, BENCH_AUTO);
	bench_power(&b, atr);
}

static void ask(
	const char *hex, uint8_t digits, uint8_t new_digits, uint8_t old_at, uint8_t new_at)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(1000);
	struct slot_pin pin = {
		.digits = digits, .new_digits = new_digits, .old_at = old_at, .new_at = new_at};

	assert_int_equal(hex_decode(&command, view_str(hex)), 0);
	pin.command = buf_view(&command);
	slot_start_pin(&b.slot, &pin, b.now);
}

static void verify(void)
{
	ask(VERIFY, 4, 0, 0, 0);
}

static void a_verification_is_told_byte_by_byte(void **state)
{
	(void)state;
	begin(CCID_LEVEL_SHORT_APDU, BENCH_T0);
	verify();
	bench_sends(&b, MESSAGE_SECURE, "000000",
		"00"
		"1E"
		"82"
		"04"
		"00"
		"0404"
		"02"
		"00"
		"0C04"
		"00"
		"000000" VERIFY);
	assert_int_equal(b.slot.deadline, b.slot.whole);
	assert_int_equal(b.slot.whole, b.now + SLOT_KEYS_USEC);
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_DONE, "9000");
	assert_int_equal(b.out + b.in, 2);
}

static void a_reader_that_makes_blocks_gets_no_prologue(void **state)
{
	(void)state;
	begin(CCID_LEVEL_EXTENDED_APDU, BENCH_T1);
	verify();
	bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "000000" VERIFY);
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void a_display_gets_its_message(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	b.reader.display = 0x0210;
	verify();
	bench_sends(&b, MESSAGE_SECURE, "000000",
		"00"
		"1E"
		"82"
		"04"
		"00"
		"0404"
		"02"
		"01"
		"0C04"
		"00"
		"000000" VERIFY);
	bench_data(&b, "63C2");
	bench_ends(&b, SLOT_DONE, "63C2");
	ask(CHANGE, 4, 4, 0, 4);
	bench_sends(&b, MESSAGE_SECURE, "000000",
		"01"
		"1E"
		"82"
		"04"
		"00"
		"00"
		"04"
		"0404"
		"03"
		"02"
		"03"
		"0C04"
		"000102"
		"000000" CHANGE);
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void a_change_is_told_byte_by_byte(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	ask(CHANGE, 4, 4, 0, 4);
	bench_sends(&b, MESSAGE_SECURE, "000000",
		"01"
		"1E"
		"82"
		"04"
		"00"
		"00"
		"04"
		"0404"
		"03"
		"02"
		"00"
		"0C04"
		"00"
		"000000" CHANGE);
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void codes_of_two_lengths_share_one_range(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	ask("002C00010CFFFFFFFFFFFFFFFFFFFFFFFF", 8, 4, 0, 8);
	bench_sends(&b, MESSAGE_SECURE, "000000",
		"01"
		"1E"
		"82"
		"00"
		"00"
		"00"
		"08"
		"0804"
		"03"
		"02"
		"00"
		"0C04"
		"00"
		"000000"
		"002C00010CFFFFFFFFFFFFFFFFFFFFFFFF");
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void a_new_code_alone_asks_for_no_old_one(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	b.reader.display = 1;
	ask("002C020104FFFFFFFF", 0, 4, NONE, 0);
	bench_sends(&b, MESSAGE_SECURE, "000000",
		"01"
		"1E"
		"82"
		"04"
		"00"
		"00"
		"00"
		"0404"
		"01"
		"02"
		"02"
		"0C04"
		"0001"
		"000000"
		"002C020104FFFFFFFF");
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void blocks_of_t1_get_their_prologue_from_us(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	verify();
	bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "000009" VERIFY);
	bench_data(&b, "000002900092");
	bench_ends(&b, SLOT_DONE, "9000");
	verify(); /* N(S) is 1 now, each way */
	bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "004009" VERIFY);
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED, MESSAGE_ERROR_CANCELLED, 0, "");
	bench_ends(&b, SLOT_CANCELLED, NULL);
	bench_start(&b, SLOT_JOB_TRANSMIT, "00B0000008"); /* which was not used up */
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00400500B0000008FD");
	bench_data(&b, "0040029000D2");
	bench_ends(&b, SLOT_DONE, "9000");
}

static void a_block_that_is_no_answer_is_broken(void **state)
{
	static const char *const blocks[] = {"000002900093", "0040029000D2", "0020029000B2",
		"00910091", "00C10120E0", "0000019091"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(blocks); i++) {
		begin(CCID_LEVEL_TPDU, BENCH_T1);
		verify();
		bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "000009" VERIFY);
		bench_data(&b, blocks[i]);
		bench_ends(&b, SLOT_BROKEN, NULL);
		bench_done(&b);
	}
	begin(CCID_LEVEL_TPDU, BENCH_T1);
}

static void what_the_reader_says_of_the_entry_has_names_and_the_card_keeps_its_power(
	void **state)
{
	static const struct {
		uint8_t error;
		const char *data;
		enum slot_end end;
	} says[] = {
		{MESSAGE_ERROR_CANCELLED, NULL, SLOT_CANCELLED},
		{MESSAGE_ERROR_PIN_TIMEOUT, NULL, SLOT_LATE},
		{MESSAGE_ERROR_UNSUPPORTED, NULL, SLOT_NO_KEYPAD},
		{21, NULL, SLOT_NO_KEYPAD}, /* the byte at fault */
		{0, "6400", SLOT_LATE},
		{0, "6401", SLOT_CANCELLED},
		{0, "6402", SLOT_REFUSED},
		{0, "6403", SLOT_REFUSED},
		{0, "6480", SLOT_CANCELLED},
		{0, "6B80", SLOT_NO_KEYPAD},
	};

	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	for (size_t i = 0; i < ARRAY_LEN(says); i++) {
		verify();
		bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "000009" VERIFY);
		if (says[i].data) {
			bench_data(&b, says[i].data);
		} else {
			bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED, says[i].error, 0, "");
		}
		bench_ends(&b, says[i].end, NULL);
		assert_true(b.slot.active);
	}
}

static void loses_its_power(uint8_t error, enum slot_end why)
{
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	verify();
	bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "000000" VERIFY);
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED, error, 0, "");
	bench_ends(&b, why, NULL);
	assert_false(b.slot.active);
	verify();
	bench_ends(&b, SLOT_UNPOWERED, NULL);
}

static void a_card_that_may_have_been_asked_loses_its_power(void **state)
{
	(void)state;
	loses_its_power(MESSAGE_ERROR_MUTE, SLOT_MUTE);
	bench_done(&b);
	loses_its_power(MESSAGE_ERROR_SLOT, SLOT_LIED); /* the slot was there a moment ago */
}

static void time_is_given_while_a_person_types_and_has_an_end(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	verify();
	bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "000000" VERIFY);
	b.now += SLOT_KEYS_USEC - 1;
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_TIME, 255, 0, "");
	assert_int_equal(b.slot.deadline, b.slot.whole);
	assert_int_equal(slot_late(&b.slot), SLOT_LATE);
	for (unsigned n = 0; n < SLOT_EXTENSIONS_MAX; n++) { /* no person types like that */
		bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_TIME, 1, 0, "");
	}
	assert_int_equal(slot_late(&b.slot), SLOT_LIED);
}

static void a_card_that_was_changed_while_a_person_types_was_asked_who_knows_what(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	verify();
	bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "000000" VERIFY);
	assert_true(slot_notice(&b.slot, false, true, b.now));
	assert_int_equal(slot_late(&b.slot), SLOT_EMPTY);
	assert_true(slot_notice(&b.slot, true, true, b.now));
	assert_int_equal(slot_late(&b.slot), SLOT_UNPOWERED);
	bench_done(&b);
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	verify(); /* and one whose turn does not come has asked nothing */
	assert_true(slot_notice(&b.slot, false, true, b.now));
	assert_true(slot_notice(&b.slot, true, true, b.now));
	assert_int_equal(slot_late(&b.slot), SLOT_LATE);
}

/* @error: how the answer that crosses our abort fails; 0: it is the card's; FF00: there is none. */
static void end_entry(unsigned error, enum message_icc icc, bool keeps)
{
	struct message m = {.type = MESSAGE_DATA_BLOCK,
		.icc = icc,
		.command = error ? MESSAGE_COMMAND_FAILED : MESSAGE_COMMAND_OK,
		.error = (uint8_t)error};

	begin(CCID_LEVEL_TPDU, BENCH_T0);
	verify();
	bench_sends(&b, MESSAGE_SECURE, "000000", TOLD "000000" VERIFY);
	if (error <= UINT8_MAX) {
		slot_dropped(&b.slot, &m);
	}
	slot_spoil(&b.slot, SLOT_CANCELLED);
	bench_ends(&b, SLOT_CANCELLED, NULL);
	assert_int_equal(b.slot.active, keeps);
	bench_done(&b);
}

static void an_entry_that_we_end_leaves_the_card_its_power_only_if_it_was_asked_nothing(
	void **state)
{
	(void)state;
	end_entry(MESSAGE_ERROR_CANCELLED, MESSAGE_ICC_ACTIVE, true);
	end_entry(MESSAGE_ERROR_ABORTED, MESSAGE_ICC_ACTIVE, true);
	end_entry(MESSAGE_ERROR_PIN_TIMEOUT, MESSAGE_ICC_ACTIVE, true);
	end_entry(MESSAGE_ERROR_MUTE, MESSAGE_ICC_ACTIVE, false);
	end_entry(MESSAGE_ERROR_CANCELLED, MESSAGE_ICC_ABSENT, false); /* pulled meanwhile */
	end_entry(0, MESSAGE_ICC_ACTIVE, false);
	end_entry(0xFF00, MESSAGE_ICC_ACTIVE, false);
	begin(CCID_LEVEL_TPDU, BENCH_T0);
}

static void what_the_keys_cannot_do_is_not_asked(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	b.reader.pin = CCID_PIN_MODIFY;
	verify();
	bench_ends(&b, SLOT_NO_KEYPAD, NULL);
	b.reader.pin = CCID_PIN_VERIFY;
	ask(CHANGE, 4, 4, 0, 4);
	bench_ends(&b, SLOT_NO_KEYPAD, NULL);
	ask("0020000103FFFFFF", 4, 0, 0, 0); /* digits outside the command */
	bench_ends(&b, SLOT_NO_KEYPAD, NULL);
	ask(VERIFY, 0, 0, 0, 0);
	bench_ends(&b, SLOT_NO_KEYPAD, NULL);
	ask("0020000110FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", 16, 0, 0, 0); /* beyond four bits */
	bench_ends(&b, SLOT_NO_KEYPAD, NULL);
	b.reader.pin = CCID_PIN_MODIFY;
	ask(CHANGE, 4, 4, 5, 4);
	bench_ends(&b, SLOT_NO_KEYPAD, NULL);
	ask(CHANGE, 4, 4, 0, 5);
	bench_ends(&b, SLOT_NO_KEYPAD, NULL);
	assert_true(b.slot.active);
}

static void a_command_longer_than_a_block_is_not_asked(void **state)
{
	(void)state;
	begin(CCID_LEVEL_TPDU, BENCH_T1);
	b.slot.t1.ifsc = 8;
	verify();
	bench_ends(&b, SLOT_NO_KEYPAD, NULL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(a_verification_is_told_byte_by_byte),
		TEST(a_reader_that_makes_blocks_gets_no_prologue),
		TEST(a_display_gets_its_message),
		TEST(a_change_is_told_byte_by_byte),
		TEST(codes_of_two_lengths_share_one_range),
		TEST(a_new_code_alone_asks_for_no_old_one),
		TEST(blocks_of_t1_get_their_prologue_from_us),
		TEST(a_block_that_is_no_answer_is_broken),
		TEST(what_the_reader_says_of_the_entry_has_names_and_the_card_keeps_its_power),
		TEST(a_card_that_may_have_been_asked_loses_its_power),
		TEST(time_is_given_while_a_person_types_and_has_an_end),
		TEST(a_card_that_was_changed_while_a_person_types_was_asked_who_knows_what),
		TEST(an_entry_that_we_end_leaves_the_card_its_power_only_if_it_was_asked_nothing),
		TEST(what_the_keys_cannot_do_is_not_asked),
		TEST(a_command_longer_than_a_block_is_not_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
