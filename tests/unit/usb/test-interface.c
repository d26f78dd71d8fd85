/* SPDX-License-Identifier: EUPL-1.2 */
/* One reader that is well: turns, sequence numbers, presence, power, time, and how many
 * transfers it takes. */
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

/* -- the beginning ------------------------------------------------------------------------- */

static void every_slot_is_asked_first_and_presence_is_told_of_empty_ones_too(void **state)
{
	(void)state;
	desk_begin(&d, 3, 1, true);
	desk_waits(&d);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	assert_false(d.sending); /* one at a time */
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 2, 0, "");
	assert_int_equal(d.i->slots[0].presence, SLOT_OUT);
	assert_int_equal(d.presences, 1);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 1, 0, "");
	assert_int_equal(d.i->slots[1].presence, SLOT_IN);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 2);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 2, 2, 0, "");
	assert_int_equal(d.presences, 3);
	assert_int_equal(d.n_ends, 0); /* they were ours */
	desk_quiet(&d);
}

/* -- the queue ----------------------------------------------------------------------------- */

static void an_apdu_takes_one_transfer_each_way(void **state)
{
	unsigned sends, receives;

	(void)state;
	desk_ready(&d, 2, 1, true);
	sends = d.sends;
	receives = d.receives;
	for (unsigned n = 0; n < 100; n++) {
		desk_transmits(&d, n % 2);
	}
	assert_int_equal(d.sends - sends, 100);
	assert_int_equal(d.receives - receives, 100);
	desk_quiet(&d);
}

static void only_a_long_answer_gets_a_long_transfer(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);
	_cleanup_(buf_done) struct buf data = BUF_NULL(MESSAGE_MAX);
	const uint8_t three[3] = {0};

	(void)state;
	desk_ready_extended(&d);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000000");
	assert_int_equal(d.room, 320);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B00000000000");
	assert_int_equal(d.room, 65600);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	(void)buf_extend(&data, 2000);
	message_put(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], three, buf_view(&data));
	desk_bytes(&d, buf_view(&m));
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	assert_int_equal(d.i->slots[0].answer.len, 2000);
}

static void slots_take_turns_when_one_may_be_busy(void **state)
{
	(void)state;
	desk_ready(&d, 3, 1, true);
	for (unsigned n = 0; n < 3; n++) {
		desk_job(&d, n, SLOT_JOB_TRANSMIT, "00B0000008");
	}
	for (unsigned round = 0; round < 4; round++) {
		for (uint8_t n = 0; n < 3; n++) {
			desk_takes(&d, MESSAGE_XFR_BLOCK, n);
			assert_false(d.sending);
			desk_answers(&d, MESSAGE_DATA_BLOCK, n, 0, 0, "9000");
			desk_ends(&d, n, SLOT_JOB_TRANSMIT, SLOT_DONE);
			desk_job(&d, n, SLOT_JOB_TRANSMIT, "00B0000008");
		}
	}
}

static void as_many_are_with_the_reader_as_it_bears(void **state)
{
	(void)state;
	desk_ready(&d, 3, 2, true);
	for (unsigned n = 0; n < 3; n++) {
		desk_job(&d, n, SLOT_JOB_TRANSMIT, "00B0000008");
	}
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 1);
	assert_false(d.sending);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 1, 0, 0, "9000"); /* in any order */
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_DONE);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 2);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 2, 0, 0, "9000");
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
	desk_ends(&d, 2, SLOT_JOB_TRANSMIT, SLOT_DONE);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
}

static void every_slot_counts_its_own_sequence(void **state)
{
	uint8_t first[2];

	(void)state;
	desk_ready(&d, 2, 2, true);
	first[0] = d.seq[0];
	first[1] = d.seq[1];
	for (unsigned n = 0; n < 300; n++) {
		desk_transmits(&d, 0);
		d.read_ends = d.n_ends = 0;
		assert_int_equal(d.seq[0], (uint8_t)(first[0] + n + 1));
	}
	assert_int_equal(d.seq[1], first[1]);
	desk_transmits(&d, 1);
	assert_int_equal(d.seq[1], (uint8_t)(first[1] + 1));
}

static void a_slot_has_one_job_and_no_slot_none(void **state)
{
	struct slot_pin pin = {.digits = 4};

	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_job(&d, 0, SLOT_JOB_STATUS, "");
	assert_int_equal(interface_job(d.i, 0, SLOT_JOB_STATUS, VIEW_NULL, d.now), -EBUSY);
	assert_int_equal(interface_pin(d.i, 0, &pin, d.now), -EBUSY);
	assert_int_equal(interface_job(d.i, 2, SLOT_JOB_STATUS, VIEW_NULL, d.now), -EINVAL);
	interface_abort(d.i, 2, d.now);
	interface_idle(d.i, 2, d.now);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	desk_ends(&d, 0, SLOT_JOB_STATUS, SLOT_DONE);
}

static void a_command_too_long_is_a_fault_of_the_caller(void **state)
{
	_cleanup_(buf_done) struct buf command = BUF_NULL(SLOT_COMMAND_MAX + 1);

	(void)state;
	desk_ready(&d, 1, 1, true);
	(void)buf_extend(&command, SLOT_COMMAND_MAX + 1);
	assert_int_equal(
		interface_job(d.i, 0, SLOT_JOB_TRANSMIT, buf_view(&command), d.now), -EMSGSIZE);
	desk_transmits(&d, 0);
}

static void a_job_waits_behind_one_of_ours(void **state)
{
	(void)state;
	desk_begin(&d, 1, 1, true);
	desk_waits(&d); /* its status is asked for */
	desk_job(&d, 0, SLOT_JOB_POWER, "");
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
	assert_int_equal(d.n_ends, 0);
	desk_takes(&d, MESSAGE_POWER_ON, 0);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x41, MESSAGE_ERROR_MUTE, "");
	desk_ends(&d, 0, SLOT_JOB_POWER, SLOT_MUTE);
}

static void what_ends_without_a_message_is_told_from_the_loop(void **state)
{
	(void)state;
	desk_ready(&d, 1, 1, true);
	desk_job(&d, 0, SLOT_JOB_POWER, ""); /* it has power */
	assert_true(d.timer <= d.now);
	desk_waits(&d);
	desk_ends(&d, 0, SLOT_JOB_POWER, SLOT_DONE);
	desk_quiet(&d);
}

static void the_answer_may_come_before_the_end_of_the_transfer(void **state)
{
	(void)state;
	desk_ready(&d, 1, 1, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	assert_true(d.sending && d.receiving);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000009");
	assert_int_equal(d.out.data[14], 8); /* the pipe is not free yet */
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
}

static void the_end_of_a_job_may_begin_the_next(void **state)
{
	(void)state;
	desk_ready(&d, 1, 1, true);
	d.again = 2;
	desk_job(&d, 0, SLOT_JOB_POWER, ""); /* ends without a message */
	desk_waits(&d);
	desk_ends(&d, 0, SLOT_JOB_POWER, SLOT_DONE);
	for (unsigned n = 0; n < 2; n++) {
		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
		desk_ends(&d, 0, SLOT_JOB_STATUS, SLOT_DONE);
	}
	desk_quiet(&d);
}

static void a_code_goes_to_the_keys(void **state)
{
	static const uint8_t verify[] = {0, 0x20, 0, 1, 4, 0xFF, 0xFF, 0xFF, 0xFF};
	struct slot_pin pin = {.command = VIEW(verify), .digits = 4};

	(void)state;
	desk_ready(&d, 2, 2, true);
	assert_int_equal(interface_pin(d.i, 1, &pin, d.now), 0);
	desk_takes(&d, MESSAGE_SECURE, 1);
	desk_transmits(&d, 0); /* meanwhile */
	desk_answers(&d, MESSAGE_DATA_BLOCK, 1, 0, 0, "9000");
	desk_ends(&d, 1, SLOT_JOB_SECURE, SLOT_DONE);
}

/* -- packets ------------------------------------------------------------------------------- */

static void an_answer_is_put_together_from_any_packets(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

	(void)state;
	desk_ready(&d, 1, 1, true);
	for (size_t at = 1; at < 14; at++) {
		desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
		desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
		buf_reset(&m);
		desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "01029000");
		desk_bytes(&d, view_sub(buf_view(&m), 0, at));
		desk_bytes(&d, VIEW_NULL); /* a zero-length packet */
		desk_bytes(&d, view_sub(buf_view(&m), at, 99));
		desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	}
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	buf_reset(&m);
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "01029000");
	for (size_t at = 0; at < m.len; at++) {
		desk_bytes(&d, view_sub(buf_view(&m), at, 1));
	}
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
}

static void the_rest_of_an_answer_may_look_like_anothers(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);
	_cleanup_(buf_done) struct buf other = BUF_NULL(MESSAGE_MAX);

	(void)state;
	desk_ready(&d, 2, 2, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	desk_takes(&d, MESSAGE_XFR_BLOCK, 1);
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "0102030405060708090A0B0C9000");
	desk_message(&other, MESSAGE_DATA_BLOCK, 1, d.seq[1], 0, "9000");
	desk_bytes(&d, view_sub(buf_view(&m), 0, 12)); /* 12 more of 24 */
	desk_bytes(&d, buf_view(&other));
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	assert_int_equal(d.i->slots[0].answer.len, 14);
	desk_bytes(&d, buf_view(&other));
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_DONE);
}

static void an_empty_packet_before_an_answer_is_passed_over(void **state)
{
	(void)state;
	desk_ready(&d, 1, 1, true);
	for (unsigned n = 0; n < 3 * INTERFACE_STRAYS_MAX; n++) {
		desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
		desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
		desk_bytes(&d, VIEW_NULL);
		desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
		desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	}
	assert_null(d.broken);
}

static void a_transfer_that_ends_late_with_a_whole_answer_is_one(void **state)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(MESSAGE_MAX);

	(void)state;
	desk_ready(&d, 1, 1, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	d.receiving = false;
	interface_received(d.i, INTERFACE_LATE, VIEW_NULL, d.now);
	assert_true(d.receiving); /* it is still awaited */
	d.receiving = false;
	desk_message(&m, MESSAGE_DATA_BLOCK, 0, d.seq[0], 0, "9000");
	interface_received(d.i, INTERFACE_LATE, buf_view(&m), d.now);
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
}

/* -- presence ------------------------------------------------------------------------------ */

static void an_interrupt_tells_of_cards(void **state)
{
	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_notifies(&d, "500F"); /* what the bulk pipe has told already */
	assert_int_equal(d.presences, 2);
	assert_int_equal(d.i->slots[0].events, 1);
	desk_notifies(&d, "5006"); /* slot 0: out; slot 1: in, unchanged */
	assert_int_equal(d.i->slots[0].presence, SLOT_OUT);
	assert_false(d.i->slots[0].active);
	assert_true(d.i->slots[1].active);
	assert_int_equal(d.presences, 3);
	desk_notifies(&d, "500D"); /* slot 0: in, slot 1: changed and in: another card */
	assert_int_equal(d.i->slots[0].presence, SLOT_IN);
	assert_int_equal(d.i->slots[1].events, 3);
	assert_false(d.i->slots[1].active);
	assert_int_equal(d.presences, 5);
	desk_quiet(&d); /* nothing was asked for it */
}

static void a_card_that_leaves_ends_the_job_that_needs_it(void **state)
{
	uint64_t left;

	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008"); /* waits for its turn */
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	left = d.now;
	desk_notifies(&d, "500A"); /* both out */
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_EMPTY);
	assert_true(d.i->slots[0].deadline <= left + SLOT_ASK_USEC);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x42, MESSAGE_ERROR_MUTE, "");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_EMPTY);
	desk_job(&d, 0, SLOT_JOB_POWER, "");
	desk_notifies(&d, "5007"); /* in again before it has begun: that is no reason */
	desk_takes(&d, MESSAGE_POWER_ON, 0);
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0x42, MESSAGE_ERROR_MUTE, "");
	desk_waits(&d);
}

static void a_hardware_error_makes_us_look(void **state)
{
	(void)state;
	desk_ready(&d, 2, 1, true);
	desk_notifies(&d, "51010001");
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 1, 0, "");
	assert_false(d.i->slots[1].active);
	assert_int_equal(d.i->slots[1].powers, 1);
	assert_int_equal(d.n_ends, 2);
	desk_job(&d, 1, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_waits(&d);
	desk_ends(&d, 1, SLOT_JOB_TRANSMIT, SLOT_UNPOWERED);
}

static void nonsense_of_the_interrupt_is_passed_over(void **state)
{
	static const char *const nonsense[] = {"", "50", "50FFFF", "52", "51", "5103", "00"};

	(void)state;
	desk_ready(&d, 2, 1, true);
	for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
		desk_notifies(&d, nonsense[i]);
		assert_int_equal(d.presences, 2);
	}
	desk_quiet(&d);
	desk_transmits(&d, 0);
}

static void without_an_interrupt_slots_are_asked_while_watched(void **state)
{
	(void)state;
	desk_ready(&d, 2, 1, false);
	d.timer = 0;
	interface_watch(d.i, true, d.now);
	desk_waits(&d);
	for (unsigned n = 0; n < 3; n++) {
		uint64_t before = d.now;

		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
		desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
		desk_answers(&d, MESSAGE_SLOT_STATUS, 1, n < 2 ? 0 : 2, 0, "");
		desk_quiet(&d);
		interface_due(d.i, d.now); /* too early is not yet */
		assert_false(d.sending);
		while (!d.sending) {
			desk_waits(&d);
		}
		assert_int_equal(d.now - before, INTERFACE_POLL_USEC);
	}
	assert_int_equal(d.i->slots[1].presence, SLOT_OUT);
	assert_int_equal(d.presences, 3);
	interface_watch(d.i, false, d.now);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 2, 0, "");
	while (d.timer) {
		desk_waits(&d);
	}
	desk_quiet(&d);
}

static void a_reader_whose_interrupt_pipe_is_of_no_use_is_asked(void **state)
{
	(void)state;
	desk_ready(&d, 1, 1, true);
	interface_watch(d.i, true, d.now);
	while (d.timer) {
		desk_waits(&d);
	}
	desk_quiet(&d);
	interface_deaf(d.i, d.now);
	desk_waits(&d);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 0, 0, "");
	assert_int_equal(d.timer, d.now + INTERFACE_POLL_USEC);
}

static void looking_asks_idle_slots_alone(void **state)
{
	(void)state;
	desk_ready(&d, 2, 2, true);
	desk_job(&d, 0, SLOT_JOB_TRANSMIT, "00B0000008");
	desk_takes(&d, MESSAGE_XFR_BLOCK, 0);
	interface_look(d.i, d.now);
	desk_takes(&d, MESSAGE_GET_SLOT_STATUS, 1);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 1, 1, 0, ""); /* it slept: no power any more */
	desk_answers(&d, MESSAGE_DATA_BLOCK, 0, 0, 0, "9000");
	desk_ends(&d, 0, SLOT_JOB_TRANSMIT, SLOT_DONE);
	assert_false(d.i->slots[1].active);
	desk_quiet(&d);
}

/* -- power --------------------------------------------------------------------------------- */

static void a_card_that_nobody_uses_loses_its_power(void **state)
{
	(void)state;
	desk_ready(&d, 1, 1, true);
	while (d.timer) {
		desk_waits(&d);
	}
	desk_quiet(&d); /* it is in use until the contrary is said */
	interface_idle(d.i, 0, d.now);
	desk_transmits(&d, 0); /* which takes it back */
	while (d.timer) {
		desk_waits(&d);
	}
	desk_quiet(&d);
	assert_true(d.i->slots[0].active);
	interface_idle(d.i, 0, d.now);
	while (!d.sending) {
		desk_waits(&d);
	}
	desk_takes(&d, MESSAGE_POWER_OFF, 0);
	desk_answers(&d, MESSAGE_SLOT_STATUS, 0, 1, 0, "");
	assert_false(d.i->slots[0].active);
	assert_int_equal(d.n_ends, 2);
	interface_idle(d.i, 0, d.now); /* and has none to lose */
	while (d.timer) {
		desk_waits(&d);
	}
	desk_quiet(&d);
}

static void nothing_runs_while_nothing_is_asked(void **state)
{
	unsigned sends, receives;

	(void)state;
	desk_ready(&d, 2, 1, true);
	interface_watch(d.i, true, d.now);
	sends = d.sends;
	receives = d.receives;
	for (unsigned n = 0; d.timer; n++) {
		assert_true(n < 20);
		desk_waits(&d);
	}
	assert_int_equal(d.sends, sends);
	assert_int_equal(d.receives, receives);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_teardown(f, finish)
	const struct CMUnitTest tests[] = {
		TEST(every_slot_is_asked_first_and_presence_is_told_of_empty_ones_too),
		TEST(an_apdu_takes_one_transfer_each_way),
		TEST(only_a_long_answer_gets_a_long_transfer),
		TEST(slots_take_turns_when_one_may_be_busy),
		TEST(as_many_are_with_the_reader_as_it_bears),
		TEST(every_slot_counts_its_own_sequence),
		TEST(a_slot_has_one_job_and_no_slot_none),
		TEST(a_command_too_long_is_a_fault_of_the_caller),
		TEST(a_job_waits_behind_one_of_ours),
		TEST(what_ends_without_a_message_is_told_from_the_loop),
		TEST(the_answer_may_come_before_the_end_of_the_transfer),
		TEST(the_end_of_a_job_may_begin_the_next),
		TEST(a_code_goes_to_the_keys),
		TEST(an_answer_is_put_together_from_any_packets),
		TEST(the_rest_of_an_answer_may_look_like_anothers),
		TEST(an_empty_packet_before_an_answer_is_passed_over),
		TEST(a_transfer_that_ends_late_with_a_whole_answer_is_one),
		TEST(an_interrupt_tells_of_cards),
		TEST(a_card_that_leaves_ends_the_job_that_needs_it),
		TEST(a_hardware_error_makes_us_look),
		TEST(nonsense_of_the_interrupt_is_passed_over),
		TEST(without_an_interrupt_slots_are_asked_while_watched),
		TEST(a_reader_whose_interrupt_pipe_is_of_no_use_is_asked),
		TEST(looking_asks_idle_slots_alone),
		TEST(a_card_that_nobody_uses_loses_its_power),
		TEST(nothing_runs_while_nothing_is_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
