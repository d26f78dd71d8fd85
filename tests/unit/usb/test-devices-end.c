/* SPDX-License-Identifier: EUPL-1.2 */
/* Devices that leave or are let go of, whose cards lose their power first; the loop, and sleep. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "base/clock.h"
#include "tests/unit/usb/device-scene.h"

/* -- the end of a device ------------------------------------------------------------------- */

static void unplugged_in_the_middle_everything_ends(void **state)
{
	(void)state;
	start_powered();
	transmit(5);
	lib_unplug(0);
	turn();
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_UNPLUGGED);
	assert_string_equal(why, "reader-gone");
	assert_int_equal(lefts, 1);
	assert_int_equal(closes, 0);
	assert_true(fake_lib.devices[0].open == 0 && fake_lib.devices[0].refs == 0);
}

static void one_that_says_nothing_is_missed_all_the_same(void **state)
{
	(void)state;
	fake_lib.devices[0].no_interrupt = true; /* nothing runs that could end */
	start_claimed();
	reply(MESSAGE_SLOT_STATUS, 2, VIEW_NULL);
	lib_unplug(0);
	turn();
	assert_string_equal(why, "reader-gone");
	assert_int_equal(lefts, 1);
	assert_int_equal(fake_lib.devices[0].open, 0);
}

static void a_card_loses_its_power_before_its_reader_is_released(void **state)
{
	(void)state;
	start_powered();
	usb_release(usb, device);
	turn();
	assert_int_equal(fake_lib.devices[0].sent.data[0], MESSAGE_POWER_OFF);
	assert_true(fake_lib.devices[0].open == 0 && fake_lib.devices[0].claimed == 0);
	assert_null(device->handle);
	assert_null(why);
	assert_int_equal(closes, 1);
	assert_true(usb_idle(usb));
	assert_int_equal(usb_claim(usb, device), 0); /* and can be had again */
	assert_false(usb_idle(usb));
}

/* A job that was asked for just then ends; what takes cards' power is nobody's but ours. */
static void the_owner_hears_of_its_own_jobs_alone(void **state)
{
	(void)state;
	fake_lib.devices[0].readers = 2;
	start_claimed();
	reply_of(1, MESSAGE_SLOT_STATUS, 2, VIEW_NULL);
	device->interfaces[0]->slots[0].hot = true;
	device->interfaces[1]->slots[0].hot = true;
	usb_release(usb, device);
	assert_int_equal(interface_job(device->interfaces[1], 0, SLOT_JOB_STATUS, VIEW_NULL,
				 clock_monotonic()),
		0);
	device->interfaces[0]->slots[0].waits = false; /* as if its status had come */
	turn();
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_UNPLUGGED);
	assert_int_equal(closes, 1);
}

/* A card that is on by the reader's word alone, though nobody has asked for it. */
static void one_that_is_hot_loses_its_power_too(void **state)
{
	(void)state;
	start_claimed();
	reply(MESSAGE_SLOT_STATUS, 0, VIEW_NULL);
	assert_true(slot->hot && !slot->active);
	usb = usb_free(usb);
	assert_int_equal(fake_lib.devices[0].sent.data[0], MESSAGE_POWER_OFF);
	assert_int_equal(fake_lib.devices[0].n_resets, 0);
}

static void a_card_that_does_not_lose_its_power_is_reset_with_its_device(void **state)
{
	static const uint8_t answers[] = {0x00, 0x41, 0xFF}; /* still active, failed, none */

	for (size_t i = 0; i < ARRAY_LEN(answers) + 1; i++) {
		start_powered();
		if (i < ARRAY_LEN(answers)) {
			fake_lib.devices[0].off = answers[i];
		} else {
			fake_lib.devices[0].out = LIBUSB_TRANSFER_TIMED_OUT; /* the way out */
		}
		usb_release(usb, device);
		turn();
		assert_int_equal(fake_lib.devices[0].sent.data[0], MESSAGE_POWER_OFF);
		pass(USB_CLOSE_USEC);
		assert_int_equal(fake_lib.devices[0].n_resets, 1);
		assert_int_equal(fake_lib.devices[0].open, 0);
		(void)teardown(state);
		(void)setup(state);
	}
}

static void a_reader_that_is_given_up_is_reset_with_its_cards(void **state)
{
	(void)state;
	start_powered();
	for (unsigned i = 0; i <= INTERFACE_STALLS_MAX && !why; i++) {
		static const uint8_t nobodys[] = {
			MESSAGE_SLOT_STATUS, 0, 0, 0, 0, 0, 0x77, 0, 0, 0};

		transmit(5);
		for (unsigned k = 0; k < INTERFACE_STRAYS_MAX && !why; k++) {
			assert_true(
				lib_end(0, LIB_IN, LIBUSB_TRANSFER_COMPLETED, VIEW(nobodys)));
			turn();
		}
	}
	assert_string_equal(why, "reader-lied");
	assert_null(device->handle);
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
}

static void one_at_work_is_reset_instead(void **state)
{
	(void)state;
	start_powered();
	transmit(5);
	usb_release(usb, device);
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	assert_int_equal(ends, 1);
	assert_int_equal(fake_lib.devices[0].open, 0);
}

static void transfers_that_never_end_do_not_keep_us(void **state)
{
	(void)state;
	start_powered();
	transmit(5);
	fake_lib.devices[0].deaf = true;
	usb_release(usb, device);
	turn();
	assert_int_equal(fake_lib.devices[0].open, 1);
	pass(USB_QUIET_USEC);
	assert_int_equal(fake_lib.devices[0].open, 0);
}

static void it_ends_with_everything_under_way(void **state)
{
	(void)state;
	start_powered();
	transmit(5);
	usb = usb_free(usb);
	assert_int_equal(ends, 1);
	assert_int_equal(fake_lib.devices[0].open, 0);
}

/* -- the loop ------------------------------------------------------------------------------ */

static void a_node_that_epoll_refuses_is_looked_at_always(void **state)
{
	(void)state;
	fake_lib.plain = true;
	claims = true;
	lib_plug(0);
	assert_int_equal(usb_new(ev, &ops, NULL, &usb), 0);
	assert_int_equal(usb_ready(usb), 0);
	turn();
	assert_true(fake_lib.devices[0].n_sent > 0);
	reply(MESSAGE_SLOT_STATUS, 2, VIEW_NULL);
	assert_int_equal(presences, 1);
	lib_unplug(0);
	turn();
	assert_int_equal(lefts, 1);
}

static void after_a_sleep_every_slot_is_asked_again(void **state)
{
	unsigned sent;

	(void)state;
	start_claimed();
	reply(MESSAGE_SLOT_STATUS, 2, VIEW_NULL);
	sent = fake_lib.devices[0].n_sent;
	lib_plug(1); /* anything that happens */
	turn();
	assert_int_equal(fake_lib.devices[0].n_sent, sent);
	slept = 5000000;
	claims = false;
	lib_plug(2);
	turn();
	assert_int_equal(fake_lib.devices[0].n_sent, sent + 1);
}

static void after_a_sleep_no_card_counts_as_powered(void **state)
{
	uint32_t powers;

	(void)state;
	start_powered();
	powers = device->interfaces[0]->slots[0].powers;
	slept = 5000000;
	transmit(5); /* the first that happens: it does not reach the card */
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_UNPOWERED);
	assert_int_equal(device->interfaces[0]->slots[0].powers, powers + 1);
	assert_int_equal(fake_lib.devices[0].sent.data[0], MESSAGE_GET_SLOT_STATUS);
	reply(MESSAGE_SLOT_STATUS, 0, VIEW_NULL);
	assert_false(device->interfaces[0]->slots[0].active);
	assert_int_equal(fake_lib.devices[0].n_resets, 0);
}

static void a_device_that_slept_at_work_is_reset(void **state)
{
	(void)state;
	start_powered();
	transmit(5);
	slept = 5000000;
	claims = false;
	lib_plug(2);
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_UNPOWERED);
	assert_null(why);
	assert_int_equal(fake_lib.devices[0].sent.data[0], MESSAGE_GET_SLOT_STATUS);
}

/* As a kernel that suspends does it, however well the device is. */
static void transfers_that_the_sleep_ended_do_not_count_as_an_unplug(void **state)
{
	for (unsigned busy = 0; busy < 2; busy++) {
		start_powered();
		if (busy) {
			transmit(5);
			assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_NO_DEVICE, VIEW_NULL));
		}
		slept = 5000000;
		assert_true(lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_NO_DEVICE, VIEW_NULL));
		turn();
		assert_null(why);
		assert_int_equal(fake_lib.devices[0].n_resets, busy);
		assert_int_equal(ends, busy);
		assert_int_equal(device->interfaces[0]->slots[0].powers, 1);
		assert_int_equal(fake_lib.devices[0].sent.data[0], MESSAGE_GET_SLOT_STATUS);
		reply(MESSAGE_SLOT_STATUS, 1, VIEW_NULL);
		assert_true(lib_runs(0, LIB_INTERRUPT));
		ends = 0;
		power(0, 0); /* it goes on */
		(void)teardown(state);
		(void)setup(state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(unplugged_in_the_middle_everything_ends),
		CASE(one_that_says_nothing_is_missed_all_the_same),
		CASE(a_card_loses_its_power_before_its_reader_is_released),
		CASE(the_owner_hears_of_its_own_jobs_alone),
		CASE(one_that_is_hot_loses_its_power_too),
		CASE(a_card_that_does_not_lose_its_power_is_reset_with_its_device),
		CASE(a_reader_that_is_given_up_is_reset_with_its_cards),
		CASE(one_at_work_is_reset_instead),
		CASE(transfers_that_never_end_do_not_keep_us),
		CASE(it_ends_with_everything_under_way),
		CASE(a_node_that_epoll_refuses_is_looked_at_always),
		CASE(after_a_sleep_every_slot_is_asked_again),
		CASE(after_a_sleep_no_card_counts_as_powered),
		CASE(a_device_that_slept_at_work_is_reset),
		CASE(transfers_that_the_sleep_ended_do_not_count_as_an_unplug),
	};

	return cmocka_run_group_tests_name("usb-devices-end", tests, NULL, NULL);
}
