/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Devices whose halts and resets keep the kernel waiting, and devices of several readers of which one
 * breaks: what stands still meanwhile, and what goes on.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tests/unit/usb/device-scene.h"

#define NEXT 0x10U /* endpoints of the next reader */

static const uint8_t OK[] = {0x90, 0x00};

/* Two devices with a card that has power in each; the first one's pipe stalls, and stays so. */
static void start_stuck(void)
{
	claims = true;
	lib_plug(0);
	lib_plug(1);
	start();
	for (unsigned i = 0; i < 2; i++) {
		reply_by(i, 0, MESSAGE_SLOT_STATUS, 1, VIEW_NULL);
		power(i, 0);
	}
	fake_lib.devices[0].stuck = true;
	transmit_to(0, 0, 5);
	assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	lib_wait_stuck(0);
	assert_int_equal(ends, 1); /* its job is over all the same */
	assert_int_equal(end, SLOT_LIED);
	ends = 0;
}

static void the_other_answers(void)
{
	transmit_to(1, 0, 5);
	reply_by(1, 0, MESSAGE_DATA_BLOCK, 0, VIEW(OK));
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_DONE);
	assert_ptr_equal(slot, &usb_device(usb, 1)->interfaces[0]->slots[0]);
	assert_int_equal(fake_lib.devices[0].waits, 1);
	ends = 0;
}

/* One device of two readers, each with a card that has power. */
static void start_two(void)
{
	fake_lib.devices[0].readers = 2;
	claims = true;
	lib_plug(0);
	start();
	for (unsigned n = 0; n < 2; n++) {
		assert_int_equal(interface_job(device->interfaces[n], 0, SLOT_JOB_STATUS,
					 VIEW_NULL, clock_monotonic()),
			0);
	}
	for (unsigned n = 0; n < 2; n++) {
		struct buf *sent = &fake_lib.devices[0].sent;

		/* both have asked: the last message is the second's, the first's has its number */
		sent->data[6] = device->interfaces[n]->slots[0].seq;
		reply_of(n, MESSAGE_SLOT_STATUS, 1, VIEW_NULL);
	}
	for (unsigned n = 0; n < 2; n++) {
		if (device->interfaces[n]->slots[0].waits) {
			fake_lib.devices[0].sent.data[6] = device->interfaces[n]->slots[0].seq;
			reply_of(n, MESSAGE_SLOT_STATUS, 1, VIEW_NULL);
		}
		ends = 0;
		power(0, n);
	}
}

/* -- a kernel that does not come back ------------------------------------------------------ */

static void a_halt_that_is_not_cleared_keeps_nobody_else(void **state)
{
	(void)state;
	start_stuck();
	the_other_answers();
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].n_clears, 3);
	reply_by(0, 0, MESSAGE_SLOT_STATUS, 0, VIEW_NULL); /* it goes on */
	assert_null(why);
	assert_true(lib_runs(0, LIB_INTERRUPT));
}

static void a_reset_that_does_not_end_keeps_nobody_else(void **state)
{
	(void)state;
	start_stuck();
	fake_lib.devices[0].clears = LIBUSB_ERROR_PIPE;
	pass(INTERFACE_RECOVER_USEC); /* it wants the reset already */
	the_other_answers();
	assert_int_equal(fake_lib.devices[0].n_resets, 0);
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].n_clears, 1);
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	assert_null(why);
	fake_lib.devices[0].stuck_reset = true; /* and the reset itself, next time */
	assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	lib_wait_stuck(0);
	assert_int_equal(fake_lib.devices[0].n_clears, 2);
	the_other_answers();
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 2);
	assert_true(lib_runs(0, LIB_INTERRUPT)); /* it goes on */
	assert_null(why);
}

static void a_job_that_comes_meanwhile_ends_by_name_at_its_deadline(void **state)
{
	(void)state;
	start_stuck();
	assert_int_equal(interface_job(usb_device(usb, 0)->interfaces[0], 0, SLOT_JOB_STATUS,
				 VIEW_NULL, clock_monotonic()),
		0);
	turn();
	assert_int_equal(ends, 0);
	pass(INTERFACE_RECOVER_USEC); /* the reset is asked for, and waits */
	assert_null(why);
	pass(INTERFACE_RECOVER_USEC);
	assert_string_equal(why, "reader-mute");
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_MUTE);
	assert_int_equal(usb_claim(usb, usb_device(usb, 0)), USB_LEAVING);
	ends = 0;
	the_other_answers();
	assert_int_equal(fake_lib.devices[0].open, 1); /* until the kernel gives it back */
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].open, 0);
	assert_int_equal(fake_lib.devices[0].n_resets, 1); /* its cards */
	assert_int_equal(usb_claim(usb, usb_device(usb, 0)), 0);
}

static void one_that_is_unplugged_meanwhile_is_forgotten_when_the_kernel_comes_back(
	void **state)
{
	(void)state;
	start_stuck();
	lib_unplug(0);
	turn();
	assert_int_equal(lefts, 1);
	assert_string_equal(why, "reader-gone");
	assert_int_equal(fake_lib.devices[0].open, 1);
	assert_string_equal(usb_device(usb, 0)->port, "1-2"); /* the one that is there */
	transmit_to(0, 0, 5);				      /* of the list: the other */
	reply_by(1, 0, MESSAGE_DATA_BLOCK, 0, VIEW(OK));
	assert_int_equal(end, SLOT_DONE);
	lib_free_stuck(0);
	turn();
	assert_true(fake_lib.devices[0].open == 0 && fake_lib.devices[0].refs == 0);
	assert_int_equal(lefts, 1);
	assert_int_equal(breaks, 1);
	assert_int_equal(closes, 0); /* nobody can have it anew */
}

static void one_that_is_released_meanwhile_is_reset_and_closed_afterwards(void **state)
{
	(void)state;
	start_stuck();
	usb_release(usb, usb_device(usb, 0));
	turn();
	pass(USB_CLOSE_USEC + USB_QUIET_USEC);
	assert_int_equal(fake_lib.devices[0].open, 1);
	the_other_answers();
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	assert_int_equal(fake_lib.devices[0].open, 0);
	assert_null(why);
}

static void a_sleep_meanwhile_is_followed_by_a_reset(void **state)
{
	(void)state;
	start_stuck();
	slept = 5000000;
	pass(0);
	assert_int_equal(fake_lib.devices[0].n_resets, 0);
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	assert_null(why);
}

static void a_device_that_left_before_its_halt_was_cleared_is_gone(void **state)
{
	(void)state;
	start_stuck();
	fake_lib.devices[0].clears = LIBUSB_ERROR_NO_DEVICE; /* nobody has told us yet */
	lib_free_stuck(0);
	turn();
	assert_string_equal(why, "reader-gone");
	assert_int_equal(fake_lib.devices[0].open, 0);
	assert_int_equal(fake_lib.devices[0].n_resets, 1); /* it might be there, taken away */
}

/* The first device is open, the second was closed well, and no timer of either calls anybody. */
static bool is_left_behind(void)
{
	const struct usb_handle *h = usb->devices[0]->d.handle;

	return fake_lib.devices[0].open == 1 && fake_lib.devices[1].open == 0 &&
	       fake_lib.devices[1].sent.data[0] == MESSAGE_POWER_OFF && !h->timer &&
	       !h->pipes[0].timer;
}

/* Its thread and what it may still touch are left behind: a process that ends. */
static void the_program_ends_although_the_kernel_does_not_come_back(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		(void)setup(state); /* a loop is its process's */
		start_stuck();
		rush = 10000; /* each look at the clock */
		(void)usb_free(usb);
		_exit(is_left_behind() ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* -- several readers of one device --------------------------------------------------------- */

static void a_halt_of_one_reader_takes_nothing_from_the_other(void **state)
{
	static const uint8_t in[] = {0x50, 0x02};

	(void)state;
	start_two();
	transmit_to(0, 1, 5);
	ends = 0;
	fake_lib.devices[0].stuck = true;
	transmit_to(0, 0, 5);
	assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	lib_wait_stuck(0);
	assert_false(lib_runs(0, LIB_IN + NEXT)); /* taken back */
	assert_int_equal(ends, 1);
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 0);
	fake_lib.devices[0].sent.data[6] = device->interfaces[1]->slots[0].seq;
	reply_of(1, MESSAGE_DATA_BLOCK, 0, VIEW(OK));
	assert_int_equal(ends, 2);
	assert_int_equal(end, SLOT_DONE);
	assert_true(lib_end(0, LIB_INTERRUPT + NEXT, LIBUSB_TRANSFER_COMPLETED, VIEW(in)));
	turn();
	assert_int_equal(slot->presence, SLOT_OUT);
	assert_ptr_equal(slot, &device->interfaces[1]->slots[0]);
}

static void a_command_to_the_other_goes_out_when_the_kernel_is_back(void **state)
{
	unsigned sent;

	(void)state;
	start_two();
	fake_lib.devices[0].stuck = true;
	transmit_to(0, 0, 5);
	assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	lib_wait_stuck(0);
	sent = fake_lib.devices[0].n_sent;
	ends = 0;
	transmit_to(0, 1, 54);
	interface_abort(device->interfaces[1], 0, clock_monotonic()); /* and so does that */
	turn();
	assert_int_equal(fake_lib.devices[0].n_sent, sent);
	assert_int_equal(fake_lib.devices[0].n_aborts, 0);
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].n_aborts, 1);
	assert_true(fake_lib.devices[0].n_sent > sent);
	assert_int_equal(fake_lib.devices[0].n_empty, 1);
	assert_true(lib_runs(0, LIB_IN + NEXT));
	assert_null(why);
}

/* A command that waits for the end of a pause, and one whose answer was taken back for it. */
static void after_a_sleep_in_a_pause_nothing_of_it_goes_on(void **state)
{
	(void)state;
	start_two();
	fake_lib.devices[0].stuck = true;
	transmit_to(0, 1, 5);
	transmit_to(0, 0, 5);
	assert_true(lib_end(0, LIB_IN, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	lib_wait_stuck(0);
	assert_int_equal(interface_job(device->interfaces[0], 0, SLOT_JOB_STATUS, VIEW_NULL,
				 clock_monotonic()),
		0);
	turn();
	ends = 0;
	slept = 5000000;
	pass(0);
	lib_free_stuck(0);
	turn();
	assert_int_equal(fake_lib.devices[0].n_resets, 1);
	assert_int_equal(end, SLOT_UNPOWERED);
	assert_ptr_equal(slot, &device->interfaces[1]->slots[0]);
	assert_int_equal(ends, 1); /* the status goes on: it needs no power */
	assert_true(lib_runs(0, LIB_INTERRUPT) && lib_runs(0, LIB_INTERRUPT + NEXT));
	assert_null(why);
}

static void what_an_answer_had_brought_when_it_was_taken_back_counts(void **state)
{
	(void)state;
	start_two();
	ends = 0;
	transmit_to(0, 1, 5);
	fake_lib.devices[0].partly = LIB_IN + NEXT;
	fake_lib.devices[0].part[5] = 0;
	fake_lib.devices[0].part[0] = MESSAGE_DATA_BLOCK;
	fake_lib.devices[0].part[1] = sizeof(OK);
	fake_lib.devices[0].part[6] = device->interfaces[1]->slots[0].seq;
	assert_true(lib_end(0, LIB_INTERRUPT, LIBUSB_TRANSFER_STALL, VIEW_NULL));
	turn();
	assert_int_equal(fake_lib.devices[0].n_clears, 1);
	assert_true(lib_end(0, LIB_IN + NEXT, LIBUSB_TRANSFER_COMPLETED, VIEW(OK)));
	turn();
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_DONE);
	assert_int_equal(brought, sizeof(OK));
}

static void lie(unsigned n)
{
	static const uint8_t nobodys[] = {MESSAGE_SLOT_STATUS, 0, 0, 0, 0, 0, 0x77, 0, 0, 0};

	for (unsigned k = 0; k < INTERFACE_STRAYS_MAX; k++) {
		assert_true(lib_end(0, (uint8_t)(LIB_IN + NEXT * n), LIBUSB_TRANSFER_COMPLETED,
			VIEW(nobodys)));
		turn();
	}
}

static void a_reader_that_breaks_leaves_the_others_of_its_device(void **state)
{
	uint32_t powers;

	(void)state;
	start_two();
	powers = device->interfaces[1]->slots[0].powers;
	transmit_to(0, 0, 5);
	lie(0);
	assert_string_equal(why, "reader-lied");
	assert_int_equal(broke, 0);
	assert_int_equal(breaks, 1);
	assert_int_equal(fake_lib.devices[0].n_resets, 1); /* its card had power */
	assert_int_equal(device->interfaces[1]->slots[0].powers, powers + 1);
	assert_false(lib_runs(0, LIB_IN) || lib_runs(0, LIB_INTERRUPT));
	fake_lib.devices[0].sent.data[6] = device->interfaces[1]->slots[0].seq;
	reply_of(1, MESSAGE_SLOT_STATUS, 1, VIEW_NULL);
	ends = 0;
	power(0, 1);
	transmit_to(0, 1, 5);
	reply_of(1, MESSAGE_DATA_BLOCK, 0, VIEW(OK));
	assert_int_equal(end, SLOT_DONE);
	transmit_to(0, 1, 5);
	assert_int_equal(closes, 0);
	lie(1); /* now all of it is let go of */
	assert_int_equal(closes, 1);
	assert_int_equal(broke, 1);
	assert_int_equal(breaks, 2);
	assert_null(device->handle);
	assert_int_equal(fake_lib.devices[0].open, 0);
}

static void one_without_power_breaks_unnoticed_by_the_others(void **state)
{
	uint32_t powers;

	(void)state;
	start_two();
	powers = device->interfaces[1]->slots[0].powers;
	assert_int_equal(interface_job(device->interfaces[0], 0, SLOT_JOB_OFF, VIEW_NULL,
				 clock_monotonic()),
		0);
	turn();
	assert_int_equal(interface_job(device->interfaces[0], 0, SLOT_JOB_STATUS, VIEW_NULL,
				 clock_monotonic()),
		0);
	turn();
	lie(0);
	assert_int_equal(breaks, 1);
	assert_int_equal(fake_lib.devices[0].n_resets, 0);
	assert_int_equal(device->interfaces[1]->slots[0].powers, powers);
	ends = 0;
	transmit_to(0, 1, 5);
	reply_of(1, MESSAGE_DATA_BLOCK, 0, VIEW(OK));
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_DONE);
	slept = 5000000; /* nor does a sleep find anything under way in it */
	pass(0);
	assert_int_equal(fake_lib.devices[0].n_resets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_halt_that_is_not_cleared_keeps_nobody_else),
		CASE(a_reset_that_does_not_end_keeps_nobody_else),
		CASE(a_job_that_comes_meanwhile_ends_by_name_at_its_deadline),
		CASE(one_that_is_unplugged_meanwhile_is_forgotten_when_the_kernel_comes_back),
		CASE(one_that_is_released_meanwhile_is_reset_and_closed_afterwards),
		CASE(a_sleep_meanwhile_is_followed_by_a_reset),
		CASE(a_device_that_left_before_its_halt_was_cleared_is_gone),
		CASE(the_program_ends_although_the_kernel_does_not_come_back),
		CASE(a_halt_of_one_reader_takes_nothing_from_the_other),
		CASE(a_command_to_the_other_goes_out_when_the_kernel_is_back),
		CASE(after_a_sleep_in_a_pause_nothing_of_it_goes_on),
		CASE(what_an_answer_had_brought_when_it_was_taken_back_counts),
		CASE(a_reader_that_breaks_leaves_the_others_of_its_device),
		CASE(one_without_power_breaks_unnoticed_by_the_others),
	};

	return cmocka_run_group_tests_name("usb-devices-stuck", tests, NULL, NULL);
}
