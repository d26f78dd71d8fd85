/* SPDX-License-Identifier: EUPL-1.2 */
/* APDUs of a slot: short ones, extended ones in parts, and answers that are none. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "drivers/usb/slot.h"
#include "tests/unit/usb/slot-bench.h"

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

static void a_short_apdu_is_one_message_each_way(void **state)
{
	(void)state;
	begin(CCID_LEVEL_SHORT_APDU, BENCH_T0);
	transmit("00A4040002A00000");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00A4040002A00000");
	bench_data(&b, "6F009000");
	bench_ends(&b, SLOT_DONE, "6F009000");
	assert_int_equal(b.out + b.in, 2);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED, MESSAGE_ERROR_MUTE, 0, "");
	bench_ends(&b, SLOT_MUTE, NULL);
	assert_false(b.slot.active);
}

static void a_long_apdu_is_no_thing_for_a_short_level(void **state)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(1000);

	(void)state;
	begin(CCID_LEVEL_SHORT_APDU, BENCH_T0);
	(void)buf_extend(&command, 262);
	slot_start(&b.slot, SLOT_JOB_TRANSMIT, buf_view(&command), b.now);
	bench_ends(&b, SLOT_UNABLE, NULL);
	command.data[4] = 0xFF; /* not even an extended one */
	slot_start(&b.slot, SLOT_JOB_TRANSMIT, buf_view(&command), b.now);
	bench_ends(&b, SLOT_UNABLE, NULL);
	transmit("00A400");
	bench_ends(&b, SLOT_UNABLE, NULL);
	assert_true(b.slot.active); /* the card was asked nothing */
}

static void no_command_is_longer_than_an_apdu(void **state)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(SLOT_COMMAND_MAX + 1);

	(void)state;
	begin(CCID_LEVEL_EXTENDED_APDU, BENCH_T1);
	(void)buf_extend(&command, SLOT_COMMAND_MAX + 1);
	slot_start(&b.slot, SLOT_JOB_TRANSMIT, buf_view(&command), b.now);
	bench_ends(&b, SLOT_UNABLE, NULL);
}

/* -- extended APDUs ------------------------------------------------------------------------ */

/* Takes the slot's message; how many bytes of data it has, and wLevelParameter. */
static size_t part(unsigned *ret_level)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(MESSAGE_MAX);
	struct reader r;
	uint16_t level;

	assert_true(slot_next(&b.slot, &out, b.now));
	r = reader_of(view_sub(buf_view(&out), 8, 2));
	level = reader_u16(&r);
	*ret_level = (unsigned)(level >> 8 | (level & 0xFF) << 8);
	return out.len - MESSAGE_HEADER;
}

static void a_long_command_goes_in_parts_and_a_long_answer_comes_so(void **state)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(1000);
	unsigned level;

	(void)state;
	begin(CCID_LEVEL_EXTENDED_APDU, BENCH_T1);
	(void)buf_extend(&command, 600); /* 261, 261, 78 */
	slot_start(&b.slot, SLOT_JOB_TRANSMIT, buf_view(&command), b.now);
	assert_int_equal(part(&level), 261);
	assert_int_equal(level, MESSAGE_CHAIN_BEGINS);
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, MESSAGE_CHAIN_NEXT, "");
	assert_int_equal(part(&level), 261);
	assert_int_equal(level, MESSAGE_CHAIN_GOES_ON);
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, MESSAGE_CHAIN_NEXT, "");
	assert_int_equal(part(&level), 78);
	assert_int_equal(level, MESSAGE_CHAIN_ENDS);
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, MESSAGE_CHAIN_BEGINS, "0102");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "001000", "");
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, MESSAGE_CHAIN_GOES_ON, "0304");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "001000", "");
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, MESSAGE_CHAIN_ENDS, "9000");
	bench_ends(&b, SLOT_DONE, "010203049000");
}

static void an_apdu_that_fits_is_one_message_each_way(void **state)
{
	(void)state;
	begin(CCID_LEVEL_EXTENDED_APDU, BENCH_T1);
	transmit("00B0000000");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000000");
	bench_data(&b, "0102039000");
	bench_ends(&b, SLOT_DONE, "0102039000");
	assert_int_equal(b.out + b.in, 2);
}

static void a_chain_that_is_none_is_a_lie(void **state)
{
	static const struct {
		uint8_t first;
		const char *data;
		int second; /* -1: the first is lie enough */
		const char *more;
	} chains[] = {
		{MESSAGE_CHAIN_ENDS, "9000", -1, ""},
		{MESSAGE_CHAIN_GOES_ON, "9000", -1, ""},
		{MESSAGE_CHAIN_NEXT, "", -1, ""},
		{0x7F, "9000", -1, ""},
		{MESSAGE_CHAIN_BEGINS, "", -1, ""},
		{MESSAGE_CHAIN_BEGINS, "01", MESSAGE_CHAIN_BEGINS, "01"},
		{MESSAGE_CHAIN_BEGINS, "01", MESSAGE_CHAIN_WHOLE, "9000"},
		{MESSAGE_CHAIN_BEGINS, "01", MESSAGE_CHAIN_GOES_ON, ""},
		{MESSAGE_CHAIN_BEGINS, "01", MESSAGE_CHAIN_NEXT, ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		begin(CCID_LEVEL_EXTENDED_APDU, BENCH_T1);
		transmit("00B0000000");
		bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000000");
		bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, chains[i].first,
			chains[i].data);
		if (chains[i].second >= 0) {
			bench_sends(&b, MESSAGE_XFR_BLOCK, "001000", "");
			bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0,
				(uint8_t)chains[i].second, chains[i].more);
		}
		bench_ends(&b, SLOT_LIED, NULL);
		bench_done(&b);
	}
	begin(CCID_LEVEL_EXTENDED_APDU, BENCH_T1);
}

static void a_reader_that_answers_before_the_command_is_there_lies(void **state)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(1000);
	unsigned level;

	(void)state;
	begin(CCID_LEVEL_EXTENDED_APDU, BENCH_T1);
	(void)buf_extend(&command, 600);
	slot_start(&b.slot, SLOT_JOB_TRANSMIT, buf_view(&command), b.now);
	(void)part(&level);
	bench_data(&b, "9000");
	bench_ends(&b, SLOT_LIED, NULL);
	bench_power(&b, BENCH_T1);
	slot_start(&b.slot, SLOT_JOB_TRANSMIT, buf_view(&command), b.now);
	(void)part(&level);
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, MESSAGE_CHAIN_NEXT, "9000");
	bench_ends(&b, SLOT_LIED, NULL);
}

static void an_answer_for_ever_longer_ends(void **state)
{
	static char hex[2 * 261 + 1];
	unsigned n = 0;

	(void)state;
	memset(hex, '0', sizeof(hex) - 1);
	begin(CCID_LEVEL_EXTENDED_APDU, BENCH_T1);
	transmit("00B0000000");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000000");
	bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, MESSAGE_CHAIN_BEGINS, hex);
	while (!slot_over(&b.slot)) {
		bench_sends(&b, MESSAGE_XFR_BLOCK, "001000", "");
		bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_ACTIVE, 0, MESSAGE_CHAIN_GOES_ON, hex);
		n++;
	}
	assert_int_equal(n, SLOT_ANSWER_MAX / 261);
	bench_ends(&b, SLOT_LIED, NULL);
}

/* -- answers that are none ----------------------------------------------------------------- */

static void an_answer_without_status_word_is_broken(void **state)
{
	static const enum ccid_level levels[] = {
		CCID_LEVEL_SHORT_APDU, CCID_LEVEL_EXTENDED_APDU};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(levels); i++) {
		begin(levels[i], BENCH_T0);
		transmit("00B0000008");
		bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
		bench_data(&b, "90");
		bench_ends(&b, SLOT_BROKEN, NULL);
		bench_done(&b);
	}
	begin(CCID_LEVEL_TPDU, BENCH_T0);
	transmit("00B0000008");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
	bench_data(&b, "90");
	bench_ends(&b, SLOT_BROKEN, NULL);
}

static void an_answer_longer_than_a_short_one_is_broken(void **state)
{
	static char hex[2 * 259 + 1];

	(void)state;
	memset(hex, '0', sizeof(hex) - 1);
	begin(CCID_LEVEL_SHORT_APDU, BENCH_T0);
	transmit("00B0000000");
	bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000000");
	bench_data(&b, hex);
	bench_ends(&b, SLOT_BROKEN, NULL);
}

static void every_error_has_a_name(void **state)
{
	static const struct {
		uint8_t status, error;
		enum slot_end end;
	} errors[] = {
		{BENCH_ABSENT, MESSAGE_ERROR_MUTE, SLOT_EMPTY},
		{BENCH_IDLE, MESSAGE_ERROR_MUTE, SLOT_UNPOWERED},
		{BENCH_ACTIVE, MESSAGE_ERROR_MUTE, SLOT_MUTE},
		{BENCH_ACTIVE, MESSAGE_ERROR_CANCELLED, SLOT_LIED},
		{BENCH_ACTIVE, MESSAGE_ERROR_ABORTED, SLOT_LIED},
		{BENCH_ACTIVE, MESSAGE_ERROR_PIN_TIMEOUT, SLOT_LIED},
		{BENCH_ACTIVE, MESSAGE_ERROR_DEACTIVATED, SLOT_UNPOWERED},
		{BENCH_ACTIVE, MESSAGE_ERROR_PROCEDURE, SLOT_BROKEN},
		{BENCH_ACTIVE, MESSAGE_ERROR_CLASS, SLOT_BROKEN},
		{BENCH_ACTIVE, MESSAGE_ERROR_PROTOCOL, SLOT_BROKEN},
		{BENCH_ACTIVE, MESSAGE_ERROR_TCK, SLOT_BROKEN},
		{BENCH_ACTIVE, MESSAGE_ERROR_TS, SLOT_BROKEN},
		{BENCH_ACTIVE, MESSAGE_ERROR_HARDWARE, SLOT_BROKEN},
		{BENCH_ACTIVE, MESSAGE_ERROR_OVERRUN, SLOT_BROKEN},
		{BENCH_ACTIVE, MESSAGE_ERROR_PARITY, SLOT_BROKEN},
		{BENCH_ACTIVE, MESSAGE_ERROR_SLOT, SLOT_LIED},
		{BENCH_ACTIVE, MESSAGE_ERROR_UNSUPPORTED, SLOT_LIED},
		{BENCH_ACTIVE, 10, SLOT_LIED},
		{BENCH_ACTIVE, MESSAGE_ERROR_BUSY, SLOT_LIED},
		{BENCH_ACTIVE, 0x81, SLOT_LIED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		begin(CCID_LEVEL_TPDU, BENCH_T0);
		transmit("00B0000008");
		bench_sends(&b, MESSAGE_XFR_BLOCK, "000000", "00B0000008");
		bench_says(&b, MESSAGE_DATA_BLOCK, BENCH_FAILED | errors[i].status,
			errors[i].error, 0, "");
		bench_ends(&b, errors[i].end, NULL);
		assert_false(b.slot.active);
		assert_int_equal(b.slot.powers, 1);
		bench_done(&b);
	}
	begin(CCID_LEVEL_TPDU, BENCH_T0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(a_short_apdu_is_one_message_each_way),
		TEST(a_long_apdu_is_no_thing_for_a_short_level),
		TEST(no_command_is_longer_than_an_apdu),
		TEST(a_long_command_goes_in_parts_and_a_long_answer_comes_so),
		TEST(an_apdu_that_fits_is_one_message_each_way),
		TEST(a_chain_that_is_none_is_a_lie),
		TEST(a_reader_that_answers_before_the_command_is_there_lies),
		TEST(an_answer_for_ever_longer_ends),
		TEST(an_answer_without_status_word_is_broken),
		TEST(an_answer_longer_than_a_short_one_is_broken),
		TEST(every_error_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
