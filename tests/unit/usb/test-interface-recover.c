/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Readers that are silent, stall or go away, and jobs that we end: each way has its name and its
 * time, and the other slot's job goes on.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/unit/usb/interface-bench.h"

static struct desk d;

static int finish(void **state)
{
	(void)state;
	desk_done(&d);
	return 0;
}

/* -- time ---------------------------------------------------------------------------------- */

static void endless_time_extension_ends_at_the_whole(void **state)
{
	uint64_t begun;

	(void)state;
	desk_two(&d);
	begun = d.now;
	desk_other_goes_on(&d);
	while (d.aborts == 0) {
		d.now += 500000;
		desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x80, 255, "");
		if (d.aborts == 0) {
			desk_transmits(&d, 1);
		}
		if (d.timer && d.timer <= d.now) {
			desk_waits(&d);
		}
		assert_true(d.now < begun + 2 * SLOT_JOB_USEC);
	}
	assert_true(d.now >= begun + SLOT_JOB_USEC);
	assert_true(d.now <= begun + SLOT_JOB_USEC + 1000000);
	desk_takes(&d, MESSAGE_ABORT, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
}

static void time_extensions_as_fast_as_the_bus_end_before_the_whole(void **state)
{
	uint64_t begun;

	(void)state;
	desk_two(&d);
	begun = d.now;
	desk_other_goes_on(&d);
	for (unsigned n = 0; n <= SLOT_EXTENSIONS_MAX; n++) {
		assert_int_equal(d.aborts, 0);
		d.now += 100;
		desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x80, 255, "");
		if (d.timer && d.timer <= d.now) {
			desk_waits(&d);
		}
	}
	assert_int_equal(d.aborts, 1);
	assert_true(d.now < begun + SLOT_JOB_USEC / 2);
	desk_takes(&d, MESSAGE_ABORT, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	desk_powers(&d, 0);
	desk_transmits(&d, 0);
}

static void a_silent_slot_is_aborted_then_halts_are_cleared_then_the_device_is_reset(
	void **state)
{
	static const enum interface_recover steps[] = {INTERFACE_CLEAR_HALT, INTERFACE_RESET};

	(void)state;
	desk_ready(&d, 1, 1, true);
	for (unsigned n = 0; n < ARRAY_LEN(steps); n++) {
		desk_job(&d, 0, SLOT_JOB_RESET, "");
		desk_takes(&d, MESSAGE_POWER_ON, 0);
		while (d.aborts == n) {
			desk_waits(&d);
		}
		desk_takes(&d, MESSAGE_ABORT, 0);
		while (d.recovers == n) {
			desk_waits(&d);
		}
		desk_ends(&d, 0, SLOT_JOB_RESET, SLOT_MUTE);
		assert_int_equal(d.how, steps[n]);
		interface_recovered(d.i, true, d.now);
		if (steps[n] == INTERFACE_RESET) { /* then its card is looked for */
			desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
			while (d.aborts == n + 1) {
				desk_waits(&d);
			}
		}
	}
	desk_takes(&d, MESSAGE_ABORT, 0);
	while (!d.broken) {
		desk_waits(&d);
	}
	assert_string_equal(d.broken, "reader-mute");
	assert_int_equal(d.recovers, 2);
}

static void the_end_of_an_abort_that_was_not_sent_is_none(void **state)
{
	(void)state;
	desk_ready(&d, 2, 2, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008"); /* is being sent */
	interface_abort(d.i, 0, d.now);
	d.seq[0] = d.abort_seq;
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	assert_int_equal(d.n_ends, d.read_ends);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 1);
	desk_takes(&d, MESSAGE_ABORT, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_CANCELLED);
	desk_other_goes_on(&d);
}

static void what_nothing_was_asked_for_is_passed_over(void **state)
{
	(void)state;
	desk_two(&d);
	interface_recovered(d.i, true, d.now);
	interface_sent(d.i, INTERFACE_STALLED, d.now);
	d.receiving = false;
	interface_received(d.i, INTERFACE_STALLED, VIEW_NULL, d.now);
	interface_received(d.i, INTERFACE_GONE, VIEW_NULL, d.now); /* of what it has ended */
	interface_sent(d.i, INTERFACE_GONE, d.now);
	assert_null(d.broken);
	interface_recovered(d.i, true, d.now);
	interface_received(d.i, INTERFACE_GONE, VIEW_NULL, d.now);
	assert_null(d.broken);
	assert_null(interface_free(NULL));
}

static void a_slot_that_is_still_at_something_else_is_aborted(void **state)
{
	(void)state;
	desk_two(&d);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0x40, MESSAGE_ERROR_BUSY, "");
	assert_int_equal(d.aborts, 1);
	desk_is_aborted(&d, SLOT_LIED);
	desk_other_goes_on(&d);
	desk_powers(&d, 0);
}

static void an_abort_that_is_refused_is_no_abort(void **state)
{
	(void)state;
	desk_two(&d);
	desk_other_goes_on(&d);
	while (d.aborts == 0) {
		desk_waits(&d);
	}
	desk_takes(&d, MESSAGE_ABORT, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0x40, 0, "");
	assert_int_equal(d.how, INTERFACE_CLEAR_HALT);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_MUTE);
}

static void a_message_that_is_not_taken_is_a_mute_reader(void **state)
{
	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
	while (d.recovers == 0) {
		desk_waits(&d);
	}
	assert_int_equal(d.how, INTERFACE_CLEAR_HALT);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_MUTE);
	interface_recovered(d.i, true, d.now);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 1); /* that one the reader had not seen */
	desk_other_goes_on(&d);
}

static void a_job_whose_turn_never_comes_ends_at_its_whole(void **state)
{
	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
	while (d.n_ends == d.read_ends) {
		d.now += 1000000;
		desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x80, 255, "");
		if (d.now >= d.timer) {
			desk_waits(&d);
		}
	}
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_MUTE);
}

/* -- stalls -------------------------------------------------------------------------------- */

static void a_stall_of_the_way_out_ends_the_senders_job_alone(void **state)
{
	static const enum interface_transfer ends[] = {
		INTERFACE_STALLED, INTERFACE_ERROR, INTERFACE_LATE};

	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(ends); n++) {
		desk_ready(&d, 2, 2, true);
		desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
		desk_takes(&d, MESSAGE_XFR_BLOCK, 1);
		desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
		d.sending = false;
		interface_sent(d.i, ends[n], d.now);
		assert_int_equal(d.how, INTERFACE_CLEAR_HALT);
		desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
		desk_quiet(&d);
		interface_recovered(d.i, true, d.now);
		desk_other_goes_on(&d); /* the reader had it */
		desk_powers(&d, 0);
		desk_done(&d);
	}
	desk_ready(&d, 1, 1, true);
}

static void a_stall_of_the_way_in_ends_what_the_reader_had(void **state)
{
	static const enum interface_transfer ends[] = {INTERFACE_STALLED, INTERFACE_ERROR};

	(void)state;
	for (size_t n = 0; n < ARRAY_LEN(ends); n++) {
		desk_two(&d);
		d.receiving = false;
		interface_received(d.i, ends[n], VIEW_NULL, d.now);
		assert_int_equal(d.how, INTERFACE_CLEAR_HALT);
		desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
		desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_LIED);
		interface_recovered(d.i, true, d.now);
		desk_powers(&d, 0);
		desk_powers(&d, 1);
		desk_done(&d);
	}
	desk_two(&d);
}

static void stalls_without_end_lead_to_a_reset_and_then_to_giving_up(void **state)
{
	(void)state;
	desk_ready(&d, 1, 1, true);
	for (unsigned n = 1; n <= INTERFACE_STALLS_MAX + 2; n++) {
		bool last = n == INTERFACE_STALLS_MAX + 2;

		if (d.n_ends > 0 && !d.sending) {
			desk_job(&d, 0, SLOT_JOB_RESET, "");
		}
		d.sending = false;
		interface_sent(d.i, INTERFACE_STALLED, d.now);
		assert_int_equal(d.recovers, last ? n - 1 : n);
		assert_int_equal(d.how,
			n > INTERFACE_STALLS_MAX ? INTERFACE_RESET : INTERFACE_CLEAR_HALT);
		if (!last) {
			interface_recovered(d.i, true, d.now);
		}
	}
	assert_string_equal(d.broken, "reader-stalled");
}

static void a_recovery_that_fails_leads_to_the_next(void **state)
{
	(void)state;
	desk_two(&d);
	d.receiving = false;
	interface_received(d.i, INTERFACE_STALLED, VIEW_NULL, d.now);
	interface_recovered(d.i, false, d.now);
	assert_int_equal(d.how, INTERFACE_RESET);
	interface_recovered(d.i, false, d.now);
	assert_string_equal(d.broken, "reader-mute");
	interface_recovered(d.i, true, d.now); /* too late */
	interface_sent(d.i, INTERFACE_OK, d.now);
	interface_received(d.i, INTERFACE_OK, VIEW_NULL, d.now);
	interface_due(d.i, d.now);
	interface_notified(d.i, VIEW_NULL, d.now);
	interface_abort(d.i, 0, d.now);
	interface_idle(d.i, 0, d.now);
	interface_look(d.i, d.now);
	desk_quiet(&d);
}

static void a_recovery_that_does_not_end_is_a_mute_reader(void **state)
{
	(void)state;
	desk_two(&d);
	d.receiving = false;
	interface_received(d.i, INTERFACE_STALLED, VIEW_NULL, d.now);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_LIED);
	desk_job(&d, 0, SLOT_JOB_RESET, "");
	while (!d.broken) {
		desk_waits(&d);
	}
	assert_int_equal(d.recovers, 2);
	assert_string_equal(d.broken, "reader-mute");
	desk_ends(&d, 0, SLOT_JOB_RESET, SLOT_MUTE);
	assert_true(d.now <= 1000000 + 2 * INTERFACE_RECOVER_USEC);
}

static void after_a_reset_no_card_has_power(void **state)
{
	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	d.sending = false;
	interface_sent(d.i, INTERFACE_STALLED, d.now);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
	interface_recovered(d.i, false, d.now);
	interface_recovered(d.i, true, d.now); /* of the reset */
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_UNPOWERED);
	assert_int_equal(d.i->slots[1].powers, 1);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 1, 0, "");
	desk_powers(&d, 1);
}

static void a_reset_by_another_voids_all_whatever_was_going_on(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 3; how++) {
		unsigned recovers;

		desk_two(&d);
		if (how == 1) { /* its own recovery runs */
			d.receiving = false;
			interface_received(d.i, INTERFACE_STALLED, VIEW_NULL, d.now);
			desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
			desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_LIED);
		} else if (how == 2) {
			interface_abort(d.i, 0, d.now);
		}
		recovers = d.recovers;
		d.sending = d.receiving = false;
		interface_was_reset(d.i, d.now);
		if (how != 1) {
			desk_ends(&d, 0, SLOT_JOB_TRANSMIT,
				how == 2 ? SLOT_CANCELLED : SLOT_UNPOWERED);
			desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_UNPOWERED);
		}
		for (unsigned n = 0; n < 2; n++) {
			assert_false(d.i->slots[n].active || d.i->slots[n].hot);
			assert_int_equal(d.i->slots[n].powers, 1);
		}
		interface_recovered(d.i, true, d.now); /* was not asked for any more */
		assert_int_equal(d.recovers, recovers);
		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 1, 0, "");
		desk_powers(&d, 1);
		interface_gone(d.i);
		interface_was_reset(d.i, d.now); /* of no interest any more */
		desk_done(&d);
	}
	desk_ready(&d, 1, 1, true);
}

static void after_a_reset_a_slot_is_asked_though_its_idle_time_is_over(void **state)
{
	(void)state;
	desk_ready(&d, 1, 1, true);
	interface_idle(d.i, 0, d.now);
	d.now += INTERFACE_IDLE_USEC;
	interface_was_reset(d.i, d.now);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 2, 0, "");
	assert_int_equal(d.i->slots[0].presence, SLOT_OUT);
}

/* -- we end it ----------------------------------------------------------------------------- */

static void after_a_reset_no_code_is_asked_for(void **state)
{
	static const uint8_t verify[] = {0, 0x20, 0, 1, 4, 0xFF, 0xFF, 0xFF, 0xFF};
	struct slot_pin pin = {.command = VIEW(verify), .digits = 4};

	(void)state;
	desk_ready(&d, 2, 1, false);
	interface_watch(d.i, true, d.now);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	assert_int_equal(interface_pin(d.i, 1, &pin, d.now), 0); /* waits for its turn */
	d.sending = false;
	interface_sent(d.i, INTERFACE_STALLED, d.now);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	interface_recovered(d.i, false, d.now);
	interface_recovered(d.i, true, d.now);
	desk_ends(&d, 1, SLOT_JOB_SECURE, SLOT_UNPOWERED);
	interface_gone(d.i);
	interface_due(d.i, d.now + INTERFACE_POLL_USEC); /* no poll any more */
	assert_int_equal(d.n_ends, d.read_ends);
}

static void a_job_that_we_end_is_cancelled_wherever_it_is(void **state)
{
	(void)state;
	desk_two(&d);
	interface_abort(d.i, 0, d.now); /* with the reader */
	interface_abort(d.i, 0, d.now); /* once is enough */
	assert_int_equal(d.aborts, 1);
	desk_is_aborted(&d, SLOT_CANCELLED);
	desk_other_goes_on(&d);
	desk_done(&d);
	desk_ready(&d, 2, 1, true);
	interface_abort(d.i, 0, d.now); /* nothing to end */
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
	interface_abort(d.i, 1, d.now); /* not sent yet */
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_CANCELLED);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	desk_transmits(&d, 1);
	interface_look(d.i, d.now); /* one of ours runs */
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	interface_abort(d.i, 0, d.now);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_CANCELLED);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 0, 0, "");
	desk_transmits(&d, 0);
}

static void an_entry_that_was_answered_while_we_ended_it_costs_the_card_its_power(void **state)
{
	static const uint8_t verify[] = {0, 0x20, 0, 1, 4, 0xFF, 0xFF, 0xFF, 0xFF};
	const struct slot_pin pin = {.command = VIEW(verify), .digits = 4};

	(void)state;
	for (unsigned how = 0; how < 3; how++) { /* ABORTED; the card's; none */
		uint8_t seq;

		desk_ready(&d, 1, 1, true);
		d.i->reader.pin = CCID_PIN_VERIFY;
		assert_int_equal(interface_pin(d.i, 0, &pin, d.now), 0);
		desk_takes(&d, MESSAGE_SECURE, 0);
		seq = d.seq[0];
		interface_abort(d.i, 0, d.now);
		desk_takes(&d, MESSAGE_ABORT, 0);
		d.seq[0] = seq;
		if (how < 2) {
			desk_answers(&d, MESSAGE_DATA_BLOCK, 0, how ? 0 : 0x40,
				how ? 0 : MESSAGE_ERROR_ABORTED, how ? "63C2" : "");
		}
		assert_int_equal(d.n_ends, d.read_ends);
		d.seq[0] = d.abort_seq;
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
		desk_ends(&d, 0, SLOT_JOB_SECURE, SLOT_CANCELLED);
		assert_int_equal(d.i->slots[0].active, how == 0);
		desk_done(&d);
	}
	desk_ready(&d, 1, 1, true);
}

static void a_reader_that_is_busy_by_itself_gets_the_message_again_in_time(void **state)
{
	(void)state;
	desk_two(&d);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x40, MESSAGE_ERROR_BUSY_AUTO, "");
	assert_int_equal(d.n_ends, d.read_ends);
	assert_false(d.sending);
	desk_other_goes_on(&d);
	desk_waits(&d);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	assert_int_equal(d.aborts, 0);
}

static void a_job_that_is_ended_while_the_reader_recovers_ends_at_once(void **state)
{
	(void)state;
	desk_ready(&d, 2, 2, true);
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(&d, MESSAGE_XFR_BLOCK, 1);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	d.sending = false;
	interface_sent(d.i, INTERFACE_STALLED, d.now);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_LIED);
	interface_abort(d.i, 1, d.now);
	assert_int_equal(d.aborts, 0);
	desk_waits(&d);
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_CANCELLED);
	assert_false(d.i->slots[1].active);
}

/* -- unplugged ----------------------------------------------------------------------------- */

static void unplugged_at_every_byte_every_job_ends_once(void **state)
{
	(void)state;
	for (size_t at = 0; at <= 14; at++) {
		_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

		desk_ready(&d, 3, 1, true);
		desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
		desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
		desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
		interface_look(d.i, d.now); /* slot 2: one of ours */
		desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "01029000");
		if (at > 0) {
			desk_bytes(&d, view_sub(buf_view(&m), 0, at));
		}
		desk_job(&d, 2, SLOT_JOB_TRANSMIT, "00B0000008");
		if (at % 3 == 0) {
			interface_gone(d.i);
		} else if (at % 3 == 1 && d.receiving) {
			interface_received(d.i, INTERFACE_GONE, VIEW_NULL, d.now);
		} else if (d.sending) {
			interface_sent(d.i, INTERFACE_GONE, d.now);
		} else {
			interface_gone(d.i);
		}
		interface_gone(d.i);
		assert_string_equal(d.broken, "reader-gone");
		desk_ends(&d, 0, SLOT_JOB_TRANSMIT, at == 14 ? SLOT_DONE : SLOT_UNPLUGGED);
		desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_UNPLUGGED);
		desk_ends(&d, 2, SLOT_JOB_TRANSMIT, SLOT_UNPLUGGED);
		assert_int_equal(d.n_ends, d.read_ends);
		desk_done(&d);
	}
	desk_ready(&d, 1, 1, true);
}

static void unplugged_while_it_is_aborted_and_while_it_recovers(void **state)
{
	(void)state;
	desk_two(&d);
	interface_abort(d.i, 0, d.now);
	interface_gone(d.i);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_UNPLUGGED);
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_UNPLUGGED);
	desk_done(&d);
	desk_two(&d);
	d.receiving = false;
	interface_received(d.i, INTERFACE_STALLED, VIEW_NULL, d.now);
	interface_gone(d.i);
	interface_recovered(d.i, true, d.now);
	assert_string_equal(d.broken, "reader-gone");
	desk_quiet(&d);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(endless_time_extension_ends_at_the_whole),
		TEST(time_extensions_as_fast_as_the_bus_end_before_the_whole),
		TEST(a_silent_slot_is_aborted_then_halts_are_cleared_then_the_device_is_reset),
		TEST(the_end_of_an_abort_that_was_not_sent_is_none),
		TEST(what_nothing_was_asked_for_is_passed_over),
		TEST(a_slot_that_is_still_at_something_else_is_aborted),
		TEST(an_abort_that_is_refused_is_no_abort),
		TEST(a_message_that_is_not_taken_is_a_mute_reader),
		TEST(a_job_whose_turn_never_comes_ends_at_its_whole),
		TEST(a_stall_of_the_way_out_ends_the_senders_job_alone),
		TEST(a_stall_of_the_way_in_ends_what_the_reader_had),
		TEST(stalls_without_end_lead_to_a_reset_and_then_to_giving_up),
		TEST(a_recovery_that_fails_leads_to_the_next),
		TEST(a_recovery_that_does_not_end_is_a_mute_reader),
		TEST(after_a_reset_no_card_has_power),
		TEST(a_reset_by_another_voids_all_whatever_was_going_on),
		TEST(after_a_reset_a_slot_is_asked_though_its_idle_time_is_over),
		TEST(after_a_reset_no_code_is_asked_for),
		TEST(a_job_that_we_end_is_cancelled_wherever_it_is),
		TEST(an_entry_that_was_answered_while_we_ended_it_costs_the_card_its_power),
		TEST(a_reader_that_is_busy_by_itself_gets_the_message_again_in_time),
		TEST(a_job_that_is_ended_while_the_reader_recovers_ends_at_once),
		TEST(unplugged_at_every_byte_every_job_ends_once),
		TEST(unplugged_while_it_is_aborted_and_while_it_recovers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
