/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Readers that lie, stall, are silent or go away: every way ends in a name, within its time,
 * and the other slot's job goes on as if nothing were.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>

#include "base/hex.h"
#include "tests/unit/usb/interface-bench.h"

static struct desk d;

static int finish(void **state)
{
	(void)state;
	desk_done(&d);
	return 0;
}

/* -- answers ------------------------------------------------------------------------------- */

static void an_answer_that_is_none_is_a_lie_of_the_reader(void **state)
{
	static const struct {
		const char *what;
		uint8_t type, status;
		size_t more; /* bytes beyond what dwLength says */
	} lies[] = {
		{"a wrong type", MESSAGE_PARAMETERS, 0, 0},
		{"a status that tells of no failure", MESSAGE_SLOT_STATUS, 0, 0},
		{"a type that a reader does not send", 0x6F, 0, 0},
		{"a reserved card status", MESSAGE_DATA_BLOCK, 0x03, 0},
		{"a reserved command status", MESSAGE_DATA_BLOCK, 0xC0, 0},
		{"reserved bits", MESSAGE_DATA_BLOCK, 0x04, 0},
		{"longer than announced", MESSAGE_DATA_BLOCK, 0, 1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
		_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

		desk_two(&d);
		desk_message(&m, lies[i].type, 0, d.seq[0], lies[i].status, "9000");
		(void)buf_extend(&m, lies[i].more);
		desk_bytes(&d, buf_view(&m));
		desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
		desk_other_goes_on(&d);
		desk_powers(&d, 0);
		desk_done(&d);
	}
	desk_two(&d);
}

static void an_answer_of_another_slot_or_sequence_is_dropped_and_waited_for_in_vain(
	void **state)
{
	static const struct {
		uint8_t slot, add;
	} strays[] = {{0, 1}, {0, 0xFF}, {2, 0}, {0xFF, 0}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(strays); i++) {
		_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

		desk_two(&d);
		desk_message(&m, MESSAGE_DATA_BLOCK, strays[i].slot,
			(uint8_t)(d.seq[0] + strays[i].add), 0, "9000");
		desk_bytes(&d, buf_view(&m));
		desk_other_goes_on(&d);
		desk_is_aborted(&d, SLOT_MUTE);
		desk_powers(&d, 0);
		desk_done(&d);
	}
	desk_two(&d);
}

static void an_answer_doubled_is_a_stray(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

	(void)state;
	desk_two(&d);
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "9000");
	desk_bytes(&d, buf_view(&m));
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	desk_bytes(&d, buf_view(&m));
	desk_other_goes_on(&d);
	desk_transmits(&d, 0);
}

static void strays_in_a_row_break_the_reader(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

	(void)state;
	desk_two(&d);
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, (uint8_t)(d.seq[0] + 77), 0, "9000");
	for (unsigned n = 1; n < INTERFACE_STRAYS_MAX; n++) {
		desk_bytes(&d, buf_view(&m));
	}
	assert_null(d.broken);
	desk_other_goes_on(&d); /* which begins the row anew */
	for (unsigned n = 1; n < INTERFACE_STRAYS_MAX; n++) {
		desk_bytes(&d, buf_view(&m));
	}
	assert_null(d.broken);
	desk_bytes(&d, buf_view(&m));
	assert_string_equal(d.broken, "reader-lied");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	assert_int_equal(interface_job(d.i, 0, SLOT_JOB_POWER, VIEW_NULL, d.now), -ENODEV);
	desk_quiet(&d);
}

static void a_length_beyond_all_measure_is_a_lie(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

	(void)state;
	desk_two(&d);
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "9000");
	m.data[3] = 0xFF;
	desk_bytes(&d, buf_view(&m));
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	desk_other_goes_on(&d);
}

static void what_begins_like_nobodys_is_a_stray(void **state)
{
	(void)state;
	desk_two(&d);
	desk_bytes(&d, VIEW(((const uint8_t[]){0x80, 0xFF, 0xFF, 0xFF, 0xFF})));
	desk_other_goes_on(&d);
	desk_is_aborted(&d, SLOT_MUTE);
}

static void an_answer_that_is_cut_ends_when_another_comes_or_its_time_is_over(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

	(void)state;
	desk_two(&d);
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "01029000");
	desk_bytes(&d, view_sub(buf_view(&m), 0, 12));
	desk_answers(&d, MESSAGE_DATA_BLOCK, 1, 0, 0, "9000");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_DONE);
	desk_quiet(&d);
	desk_powers(&d, 0);
	desk_done(&d);
	desk_two(&d);
	buf_reset(&m);
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "01029000");
	interface_abort(d.i, 1, d.now);
	desk_takes(&d, MESSAGE_ABORT, 1);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 0, 0, "");
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_CANCELLED);
	d.aborts = 0;
	desk_bytes(&d, view_sub(buf_view(&m), 0, 8));
	desk_is_aborted(&d, SLOT_MUTE);
}

static void a_late_answer_is_dropped_while_its_command_is_aborted(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

	(void)state;
	desk_two(&d);
	desk_other_goes_on(&d);
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "9000");
	while (d.aborts == 0) {
		desk_waits(&d);
	}
	desk_bytes(&d, buf_view(&m)); /* before the reader has seen the abort */
	assert_int_equal(d.n_ends, d.read_ends);
	m.data[0] = MESSAGE_PARAMETERS;
	desk_bytes(&d, buf_view(&m)); /* its number too, but nothing that was asked */
	assert_int_equal(d.n_ends, d.read_ends);
	m.data[0] = MESSAGE_DATA_BLOCK;
	desk_takes(&d, MESSAGE_ABORT, 0);
	m.data[6] = d.abort_seq;
	desk_bytes(&d, buf_view(&m)); /* its number, and no status */
	assert_int_equal(d.n_ends, d.read_ends);
	m.data[6] = 0x77;
	desk_bytes(&d, buf_view(&m));
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_MUTE);
	desk_powers(&d, 0);
	assert_null(d.broken);
}

static void a_command_that_is_not_known_is_no_word_of_a_keypad(void **state)
{
	(void)state;
	desk_two(&d);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0x40, 0, "");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	desk_other_goes_on(&d);
}

static void a_card_that_lost_its_power_is_told(void **state)
{
	(void)state;
	desk_two(&d);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x41, MESSAGE_ERROR_MUTE, "");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_UNPOWERED);
	assert_int_equal(d.i->slots[0].powers, 1);
	desk_other_goes_on(&d);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_that_is_none_is_a_lie_of_the_reader),
		TEST(an_answer_of_another_slot_or_sequence_is_dropped_and_waited_for_in_vain),
		TEST(an_answer_doubled_is_a_stray),
		TEST(strays_in_a_row_break_the_reader),
		TEST(a_length_beyond_all_measure_is_a_lie),
		TEST(what_begins_like_nobodys_is_a_stray),
		TEST(an_answer_that_is_cut_ends_when_another_comes_or_its_time_is_over),
		TEST(a_late_answer_is_dropped_while_its_command_is_aborted),
		TEST(a_command_that_is_not_known_is_no_word_of_a_keypad),
		TEST(a_card_that_lost_its_power_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
