/* SPDX-License-Identifier: EUPL-1.2 */
/* Devices that are claimed and work, and what recovers them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/clock.h"
#include "tests/unit/usb/device-scene.h"

/* -- opening ------------------------------------------------------------------------------- */

static void a_claim_that_fails_leaves_nothing(void **state)
{
	static const struct {
		int error;
		int outcome;
	} rows[] = {{LIBUSB_ERROR_BUSY, USB_HELD}, {LIBUSB_ERROR_ACCESS, USB_DENIED},
		{LIBUSB_ERROR_IO, USB_DENIED}, {LIBUSB_ERROR_NO_DEVICE, USB_VANISHED},
		{LIBUSB_ERROR_OTHER, USB_VANISHED}};

	(void)state;
	fake_lib.devices[0].readers = 2;
	lib_plug(0);
	start();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fake_lib.devices[0].opens = rows[i].error;
		assert_int_equal(usb_claim(usb, device), rows[i].outcome);
		fake_lib.devices[0].opens = 0;
		fake_lib.devices[0].claims[1] = rows[i].error;
		assert_int_equal(usb_claim(usb, device), rows[i].outcome);
		fake_lib.devices[0].claims[1] = 0;
		assert_true(fake_lib.devices[0].open == 0 && fake_lib.devices[0].claimed == 0);
		assert_null(device->handle);
	}
	fake_lib.devices[0].claims[0] = LIBUSB_ERROR_NO_MEM;
	assert_true(usb_claim(usb, device) < 0);
	fake_lib.devices[0].claims[0] = 0;
	fake_lib.devices[0].syncs = LIBUSB_ERROR_PIPE; /* no list of rates: no matter */
	assert_int_equal(usb_claim(usb, device), 0);
	assert_int_equal(fake_lib.devices[0].claimed, 2);
	assert_int_equal(usb_claim(usb, device), USB_HELD);
}

static void without_libusb_hot_plug_or_memory_there_is_no_start(void **state)
{
	(void)state;
	fake_lib.inits = LIBUSB_ERROR_NO_MEM;
	assert_true(usb_new(ev, &ops, NULL, &usb) < 0);
	fake_lib.inits = 0;
	fake_lib.no_hotplug = true;
	assert_true(usb_new(ev, &ops, NULL, &usb) < 0);
	fake_lib.no_hotplug = false;
	fake_lib.no_timerfd = true;
	assert_true(usb_new(ev, &ops, NULL, &usb) < 0);
	assert_null(usb);
}

/* -- transfers ----------------------------------------------------------------------------- */

static void a_card_gets_power_and_answers(void **state)
{
	static const uint8_t ok[] = {0x90, 0x00};

	(void)state;
	start_powered();
	transmit(5);
	reply(MESSAGE_DATA_BLOCK, 0, VIEW(ok));
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_DONE);
	assert_int_equal(brought, sizeof(ok));
	assert_int_equal(fake_lib.devices[0].n_empty, 0);
}

static void a_message_that_fills_its_packets_is_ended_by_an_empty_one(void **state)
{
	(void)state;
	start_powered();
	transmit(54); /* and ten of header */
	assert_int_equal(fake_lib.devices[0].sent.len, 64);
	assert_int_equal(fake_lib.devices[0].n_empty, 1);
	assert_true(lib_runs(0, LIB_IN));
}

static void a_card_that_comes_is_told_by_the_interrupt_pipe(void **state)
{
	static const uint8_t in[] = {0x50, 0x03}, out[] = {0x50, 0x02};

	(void)state;
	start_claimed();
	reply(MESSAGE_SLOT_STATUS, 2, VIEW_NULL);
	assert_int_equal(slot->presence, SLOT_OUT);
	assert_true(lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_COMPLETED, VIEW(in)));
	turn();
	assert_int_equal(slot->presence, SLOT_IN);
	assert_true(lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_COMPLETED, VIEW(out)));
	turn();
	assert_int_equal(slot->presence, SLOT_OUT);
	assert_int_equal(presences, 3);
	assert_true(lib_runs(0, LIB_INTERRUPT));
}

static void an_interrupt_pipe_that_stalls_again_and_again_is_left_alone(void **state)
{
	(void)state;
	start_claimed();
	for (unsigned i = 0; i < INTERFACE_STALLS_MAX; i++) {
		assert_true(lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_STALL, VIEW_NULL));
		turn();
	}
	assert_int_equal(fake_lib.devices[0].n_clears, INTERFACE_STALLS_MAX);
	assert_true(lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_OVERFLOW, VIEW_NULL));
	turn();
	assert_false(lib_runs(0, LIB_INTERRUPT));
	assert_null(why);
}

/* Its notice may have been the one that did not come through. */
static void after_a_halt_of_it_slots_are_asked(void **state)
{
	unsigned sent;

	(void)state;
	start_claimed();
	reply(MESSAGE_SLOT_STATUS, 2, VIEW_NULL);
	sent = fake_lib.devices[0].n_sent;
	assert_true(lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	assert_int_equal(fake_lib.devices[0].n_sent, sent + 1);
	reply(MESSAGE_SLOT_STATUS, 1, VIEW_NULL);
	assert_int_equal(slot->presence, SLOT_IN);
}

static void stall_and_notice(void)
{
	static const uint8_t in[] = {0x50, 0x03};

	assert_true(lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	(void)lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_COMPLETED, VIEW(in));
	turn();
}

/* Else its worker, and the device's other readers, would never come to rest. */
static void notices_between_its_stalls_do_not_help_it(void **state)
{
	(void)state;
	start_claimed();
	for (unsigned i = 0; i <= INTERFACE_STALLS_MAX; i++) {
		assert_true(lib_runs(0, LIB_INTERRUPT));
		stall_and_notice();
	}
	assert_false(lib_runs(0, LIB_INTERRUPT));
	assert_int_equal(fake_lib.devices[0].n_clears, INTERFACE_STALLS_MAX);
}

static void but_a_stall_now_and_then_is_forgiven(void **state)
{
	(void)state;
	start_claimed();
	reply(MESSAGE_SLOT_STATUS, 2, VIEW_NULL);
	for (unsigned i = 0; i < 3 * INTERFACE_STALLS_MAX; i++) {
		pass(10 * USEC_PER_SEC);
		stall_and_notice();
		reply(MESSAGE_SLOT_STATUS, 1, VIEW_NULL);
	}
	assert_true(lib_runs(0, LIB_INTERRUPT));
	assert_int_equal(fake_lib.devices[0].n_clears, 3 * INTERFACE_STALLS_MAX);
}

/* Whatever the end of a transfer, the command ends, and the device works or is closed. */
static void every_end_of_a_transfer_is_survived(void **state)
{
	static const enum libusb_transfer_status how[] = {LIBUSB_TRANSFER_ERROR,
		LIBUSB_TRANSFER_TIMED_OUT, LIBUSB_TRANSFER_CANCELLED, LIBUSB_TRANSFER_STALL,
		LIBUSB_TRANSFER_NO_DEVICE, LIBUSB_TRANSFER_OVERFLOW};

	for (size_t i = 0; i < 2 * ARRAY_LEN(how); i++) {
		start_powered();
		if (i % 2) {
			fake_lib.devices[0].out = how[i / 2];
			transmit(5);
			fake_lib.devices[0].out = LIBUSB_TRANSFER_COMPLETED;
		} else {
			transmit(5);
			assert_true(lib_end(0, LIB_IN, how[i / 2], VIEW_NULL));
		}
		turn();
		for (int k = 0; k < 20 && ends == 0; k++) {
			turn();
			if (lib_runs(0, LIB_IN)) {
				reply(MESSAGE_SLOT_STATUS, 0x41, VIEW_NULL);
			}
		}
		assert_int_equal(ends, 1);
		assert_true(end != SLOT_DONE);
		assert_true(fake_lib.devices[0].open == (device->handle != NULL));
		(void)teardown(state);
		(void)setup(state);
	}
}

static void a_submission_that_fails_is_an_end_too(void **state)
{
	(void)state;
	start_powered();
	fake_lib.devices[0].submits = LIBUSB_ERROR_IO;
	fake_lib.devices[0].resets = LIBUSB_ERROR_NOT_FOUND; /* it comes again as another */
	transmit(5);
	turn();
	assert_int_equal(ends, 1);
	assert_non_null(why);
	assert_null(device->handle);
	assert_int_equal(fake_lib.devices[0].open, 0);
}

static void a_reset_is_of_all_readers_of_the_device(void **state)
{
	(void)state;
	fake_lib.devices[0].readers = 2;
	start_powered();
	fake_lib.devices[0].submits = LIBUSB_ERROR_OVERFLOW;
	fake_lib.devices[0].clears = LIBUSB_ERROR_PIPE;
	transmit(5);
	assert_true(fake_lib.devices[0].n_resets > 0);
	assert_int_equal(ends, 1);
	assert_string_equal(why, "reader-stalled");
	assert_null(device->handle);

	fake_lib.devices[0].submits = 0; /* another time the reset helps: both go on */
	fake_lib.devices[0].clears = 0;
	why = NULL;
	assert_int_equal(usb_claim(usb, device), 0);
	turn();
	fake_lib.devices[0].clears = LIBUSB_ERROR_PIPE;
	fake_lib.devices[0].n_resets = 0;
	assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	assert_true(lib_runs(0, LIB_INTERRUPT) && lib_runs(0, LIB_INTERRUPT + 0x10));
	assert_null(why);
}

/* libusb lets go of interfaces before it resets, and takes them again only when that went well. */
static void a_reset_that_fails_breaks_all_readers_of_the_device(void **state)
{
	(void)state;
	fake_lib.devices[0].readers = 2;
	claims = true;
	lib_plug(0);
	start();
	claims = false;
	turn();
	reply_of(1, MESSAGE_SLOT_STATUS, 2, VIEW_NULL);
	fake_lib.devices[0].clears = LIBUSB_ERROR_PIPE;
	fake_lib.devices[0].resets = LIBUSB_ERROR_OTHER;
	assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	assert_int_equal(breaks, 2);
	assert_string_equal(why, "reader-mute");
	assert_int_equal(closes, 1);
	assert_null(device->handle);
	assert_true(fake_lib.devices[0].open == 0 && fake_lib.devices[0].claimed == 0);
	fake_lib.devices[0].clears = fake_lib.devices[0].resets = 0;
	assert_int_equal(usb_claim(usb, device), 0); /* another time it may do better */
}

static void a_reset_takes_the_power_of_the_other_readers_cards(void **state)
{
	struct slot *one;

	(void)state;
	fake_lib.devices[0].readers = 2;
	claims = true;
	lib_plug(0);
	start();
	turn();
	reply_of(1, MESSAGE_SLOT_STATUS, 0, VIEW_NULL);
	one = &device->interfaces[0]->slots[0];
	assert_true(slot != one); /* the other's; its card gets power by nobody here */
	slot->active = true;
	fake_lib.devices[0].clears = LIBUSB_ERROR_PIPE;
	assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	slot = &device->interfaces[1]->slots[0];
	assert_false(slot->active || slot->hot);
	assert_int_equal(slot->powers, 1);
	assert_null(why);
}

static void an_abort_goes_over_the_control_pipe(void **state)
{
	(void)state;
	start_powered();
	transmit(5);
	interface_abort(device->interfaces[0], 0, clock_monotonic());
	turn();
	assert_int_equal(fake_lib.devices[0].n_aborts, 1);
	assert_int_equal(fake_lib.devices[0].sent.data[0], MESSAGE_ABORT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_claim_that_fails_leaves_nothing),
		CASE(without_libusb_hot_plug_or_memory_there_is_no_start),
		CASE(a_card_gets_power_and_answers),
		CASE(a_message_that_fills_its_packets_is_ended_by_an_empty_one),
		CASE(a_card_that_comes_is_told_by_the_interrupt_pipe),
		CASE(an_interrupt_pipe_that_stalls_again_and_again_is_left_alone),
		CASE(after_a_halt_of_it_slots_are_asked),
		CASE(notices_between_its_stalls_do_not_help_it),
		CASE(but_a_stall_now_and_then_is_forgiven),
		CASE(every_end_of_a_transfer_is_survived),
		CASE(a_submission_that_fails_is_an_end_too),
		CASE(a_reset_is_of_all_readers_of_the_device),
		CASE(a_reset_that_fails_breaks_all_readers_of_the_device),
		CASE(a_reset_takes_the_power_of_the_other_readers_cards),
		CASE(an_abort_goes_over_the_control_pipe),
	};

	return cmocka_run_group_tests_name("usb-devices", tests, NULL, NULL);
}
