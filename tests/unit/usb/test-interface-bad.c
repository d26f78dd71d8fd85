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

static void a_message_of_empty_packets_alone_breaks_the_reader(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);
	struct view whole;

	(void)state;
	desk_two(&d);
	desk_message(
		&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "0102030405060708090A0B0C0D0E0F9000");
	whole = buf_view(&m);
	for (size_t n = 0; n < whole.len; n++) { /* one behind each byte harms nobody */
		desk_bytes(&d, view_sub(whole, n, 1));
		if (n + 1 < whole.len) {
			desk_bytes(&d, VIEW_NULL);
		}
	}
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	desk_message(&m, MESSAGE_DATA_BLOCK, 1, d.seq[1], 0, "9000");
	desk_bytes(&d, view_sub(buf_view(&m), 0, 5));
	for (unsigned n = 0; n < INTERFACE_STRAYS_MAX; n++) {
		desk_bytes(&d, VIEW_NULL);
	}
	assert_null(d.broken);
	desk_bytes(&d, VIEW_NULL);
	assert_string_equal(d.broken, "reader-lied");
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_LIED);
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

/* -- answers that do not come -------------------------------------------------------------- */

static void waits_for_a_question(void)
{
	while (!d.sending) {
		desk_waits(&d);
	}
}

/* Slot 0 is asked for its card, and that fails one way or the other. */
static void fails_to_tell(unsigned how)
{
	waits_for_a_question();
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	switch (how) {
	case 0: /* the answer to what another program had asked, whose sequence number is ours */
		desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
		return;
	case 1: /* still busy with that */
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0x40, MESSAGE_ERROR_BUSY, "");
		break;
	default: /* silent */
		while (d.aborts == 0) {
			desk_waits(&d);
		}
	}
	assert_int_equal(d.aborts, 1);
	desk_takes(&d, MESSAGE_ABORT, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 2, 0, "");
	d.aborts = 0;
}

static void a_slot_that_could_not_tell_of_its_card_is_asked_again(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		uint64_t first;

		desk_begin(&d, 1, 1, true);
		first = d.now;
		fails_to_tell(how);
		assert_int_equal(d.presences, 0);
		assert_int_equal(d.i->slots[0].presence, SLOT_UNKNOWN);
		waits_for_a_question();
		assert_true(d.now >= first + INTERFACE_POLL_USEC);
		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
		assert_int_equal(d.i->slots[0].presence, SLOT_IN);
		assert_int_equal(d.presences, 1);
		desk_quiet(&d);
		assert_int_equal(d.n_ends, 0);
		interface_look(d.i, d.now); /* which is not put off any more */
		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
		desk_done(&d);
	}
	desk_begin(&d, 1, 1, true);
	for (unsigned n = 0; n <= INTERFACE_UNSEEN_MAX; n++) { /* but not for ever */
		fails_to_tell(0);
	}
	while (d.timer) {
		desk_waits(&d);
	}
	desk_quiet(&d);
	assert_null(d.broken);
}

static void a_card_that_is_known_is_looked_for_again_where_a_look_failed(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		desk_begin(&d, 1, 1, true);
		waits_for_a_question();
		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
		interface_look(d.i, d.now);
		fails_to_tell(how);
		assert_int_equal(d.i->slots[0].presence, SLOT_IN);
		waits_for_a_question();
		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 2, 0, "");
		assert_int_equal(d.i->slots[0].presence, SLOT_OUT);
		desk_quiet(&d);
		desk_done(&d);
	}
	desk_ready(&d, 1, 1, true);
}

static void a_first_question_that_a_reset_takes_away_is_asked_again(void **state)
{
	(void)state;
	desk_begin(&d, 1, 1, true);
	waits_for_a_question();
	d.sending = d.receiving = false;
	interface_was_reset(d.i, d.now);
	waits_for_a_question();
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
	assert_int_equal(d.i->slots[0].presence, SLOT_IN);
}

/* It waits for its turn, the reader has nothing of it yet: the reset takes nothing from it. */
static void a_reset_of_a_card_that_waits_goes_on_after_one_of_the_device(void **state)
{
	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_job(&d, 1, SLOT_JOB_RESET, "");
	d.sending = d.receiving = false;
	interface_was_reset(d.i, d.now);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_UNPOWERED);
	desk_takes(&d, MESSAGE_POWER_ON, 1);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 1, 0, 0, "3B00");
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
	desk_takes(&d, MESSAGE_GET_PARAMETERS, 1);
	desk_answers(&d, MESSAGE_PARAMETERS, 1, 0, 0, "1100000A00");
	desk_ends(&d, 1, SLOT_JOB_RESET, SLOT_DONE);
	desk_transmits(&d, 1);
}

/* Its abort has never ended, by what the reader says: once more. The keypad says so of an entry that it ends. */
static void a_slot_that_refuses_all_for_an_abort_is_aborted_anew(void **state)
{
	static const uint8_t verify[] = {0, 0x20, 0, 1, 4, 0xFF, 0xFF, 0xFF, 0xFF};
	struct slot_pin pin = {.command = VIEW(verify), .digits = 4};

	(void)state;
	desk_two(&d);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x40, MESSAGE_ERROR_ABORTED, "");
	assert_int_equal(d.aborts, 1);
	desk_is_aborted(&d, SLOT_LIED);
	desk_other_goes_on(&d);
	desk_powers(&d, 0);
	d.i->reader.pin = CCID_PIN_VERIFY;
	assert_int_equal(interface_pin(d.i, 0, &pin, d.now), 0);
	desk_takes(&d, MESSAGE_SECURE, 0);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x40, MESSAGE_ERROR_ABORTED, "");
	desk_ends(&d, 0, SLOT_JOB_SECURE, SLOT_CANCELLED);
	assert_int_equal(d.aborts, 1);
}

static void more_time_tells_nothing_of_a_card(void **state)
{
	(void)state;
	desk_begin(&d, 1, 1, true);
	fails_to_tell(0);
	desk_job(&d, 0, SLOT_JOB_POWER, "");
	desk_takes(&d, MESSAGE_POWER_ON, 0);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x80, 1, "");
	while (d.aborts == 0) {
		desk_waits(&d);
	}
	desk_takes(&d, MESSAGE_ABORT, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 2, 0, "");
	desk_ends(&d, 0, SLOT_JOB_POWER, SLOT_LIED);
	assert_int_equal(d.i->slots[0].presence, SLOT_UNKNOWN);
	waits_for_a_question();
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
	assert_int_equal(d.i->slots[0].presence, SLOT_IN);
}

/* Nobody saw what happened meanwhile; what the interrupt then tells of it is no further card. */
static void a_card_that_was_in_at_a_reset_counts_as_another(void **state)
{
	uint32_t events;
	unsigned told;

	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_notifies(&d, "5009"); /* slot 1's leaves */
	assert_int_equal(d.i->slots[1].presence, SLOT_OUT);
	events = d.i->slots[0].events;
	told = d.presences;
	interface_was_reset(d.i, d.now);
	assert_int_equal(d.i->slots[0].events, events + 2);
	assert_int_equal(d.presences, told + 1);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 2, 0, "");
	desk_notifies(&d, "5003");
	assert_int_equal(d.i->slots[0].events, events + 2);
	assert_int_equal(d.presences, told + 1);
	d.now += SLOT_AHEAD_USEC;
	desk_notifies(&d, "5003");
	assert_int_equal(d.i->slots[0].events, events + 4);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(an_answer_that_is_none_is_a_lie_of_the_reader),
		TEST(an_answer_of_another_slot_or_sequence_is_dropped_and_waited_for_in_vain),
		TEST(an_answer_doubled_is_a_stray),
		TEST(a_slot_that_could_not_tell_of_its_card_is_asked_again),
		TEST(a_card_that_is_known_is_looked_for_again_where_a_look_failed),
		TEST(a_first_question_that_a_reset_takes_away_is_asked_again),
		TEST(a_reset_of_a_card_that_waits_goes_on_after_one_of_the_device),
		TEST(a_slot_that_refuses_all_for_an_abort_is_aborted_anew),
		TEST(more_time_tells_nothing_of_a_card),
		TEST(strays_in_a_row_break_the_reader),
		TEST(a_message_of_empty_packets_alone_breaks_the_reader),
		TEST(a_length_beyond_all_measure_is_a_lie),
		TEST(what_begins_like_nobodys_is_a_stray),
		TEST(an_answer_that_is_cut_ends_when_another_comes_or_its_time_is_over),
		TEST(a_late_answer_is_dropped_while_its_command_is_aborted),
		TEST(a_command_that_is_not_known_is_no_word_of_a_keypad),
		TEST(a_card_that_lost_its_power_is_told),
		TEST(a_card_that_was_in_at_a_reset_counts_as_another),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
