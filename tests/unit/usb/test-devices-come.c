/* SPDX-License-Identifier: EUPL-1.2 */
/* Devices that come and leave: who is told of, and who waits for whom. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "drivers/usb/usb-sysfs.h"
#include "tests/unit/usb/device-scene.h"

static void devices_are_told_as_they_come_and_leave(void **state)
{
	(void)state;
	lib_plug(0);
	start();
	assert_int_equal(cames, 1);
	assert_string_equal(device->port, "1-1");
	lib_plug(1);
	turn();
	assert_int_equal(cames, 2);
	assert_ptr_equal(usb_device(usb, 1), device);
	assert_null(usb_device(usb, 2));
	lib_unplug(0);
	turn();
	assert_int_equal(lefts, 1);
	fake_lib.devices[0].serial = "another";
	lib_plug(0);
	turn();
	assert_int_equal(cames, 3);
	assert_string_equal(device->serial, "another");
}

static void what_is_no_reader_or_has_gone_already_is_not_told(void **state)
{
	(void)state;
	fake_lib.devices[0].port = 0; /* a root hub */
	fake_lib.devices[1].sysfs = USB_SYSFS_GONE;
	fake_lib.devices[2].refused = DESCRIPTOR_NO_READER; /* but known: explained */
	fake_lib.devices[3].refused = DESCRIPTOR_NO_READER;
	fake_lib.devices[3].unknown = true;
	for (unsigned i = 0; i < 4; i++) {
		lib_plug(i);
	}
	start();
	assert_int_equal(cames, 1);
	assert_int_equal(usb_claim(usb, device), USB_USELESS);
	for (unsigned i = 0; i < 4; i++) { /* nor are they kept, whenever they come */
		assert_int_equal(fake_lib.devices[i].refs, i == 2 ? 2 : 1);
		lib_unplug(i);
		turn();
		lib_plug(i);
		turn();
	}
	assert_int_equal(cames, 2);
	assert_int_equal(lefts, 1);
}

/* Its strings are not there yet. */
static void plug_slow(unsigned i)
{
	fake_lib.devices[i].slow = true;
	fake_lib.devices[i].stuck = true;
	lib_plug(i);
	turn();
	lib_wait_stuck(i);
}

/* A reader in a configuration that is not in force: known when its strings are there. */
static void one_that_might_have_been_a_reader_leaves_its_place(void **state)
{
	(void)state;
	start();
	fake_lib.devices[0].unknown = true;
	plug_slow(0);
	fake_lib.devices[0].refused = DESCRIPTOR_NO_READER;
	lib_free_stuck(0);
	turn();
	assert_int_equal(cames, 0);
	assert_int_equal(fake_lib.devices[0].refs, 1);
}

/* -- strings that the kernel does not give at once ----------------------------------------- */

static void a_device_that_is_slow_to_come_keeps_nobody_else(void **state)
{
	static const uint8_t ok[] = {0x90, 0x00};

	(void)state;
	start_powered();
	plug_slow(1);
	lib_plug(2);
	turn();
	assert_int_equal(cames, 2);
	assert_string_equal(device->port, "1-3");
	transmit(5);
	reply(MESSAGE_DATA_BLOCK, 0, VIEW(ok));
	assert_int_equal(ends, 1);
	assert_int_equal(end, SLOT_DONE);
	lib_free_stuck(1);
	turn();
	assert_int_equal(cames, 3);
	assert_string_equal(device->port, "1-2");
}

static void one_that_leaves_before_it_was_told_of_is_forgotten(void **state)
{
	(void)state;
	start();
	plug_slow(0);
	lib_unplug(0);
	turn();
	assert_int_equal(fake_lib.devices[0].waits, 1);
	lib_free_stuck(0);
	turn();
	assert_true(cames == 0 && lefts == 0);
	assert_int_equal(fake_lib.devices[0].refs, 0);
}

static void the_end_waits_for_its_strings(void **state)
{
	(void)state;
	start();
	fake_lib.devices[0].slow = true;
	lib_plug(0);
	assert_true(sd_event_run(ev, UINT64_MAX) > 0);
	usb = usb_free(usb);
	assert_int_equal(cames, 0);
	assert_int_equal(fake_lib.devices[0].refs, 0);
}

static void but_not_for_ever(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0) {
		(void)setup(state); /* a loop is its process's */
		start();
		plug_slow(0);
		rush = 10000; /* each look at the clock */
		(void)usb_free(usb);
		_exit(fake_lib.devices[0].waits == 1 && cames == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* -- what was missed ----------------------------------------------------------------------- */

static void one_for_which_there_was_no_memory_is_told_with_the_next(void **state)
{
	(void)state;
	start();
	fake_lib.devices[0].sysfs = -ENOMEM;
	lib_plug(0);
	turn();
	assert_int_equal(cames, 0);
	fake_lib.devices[0].sysfs = 0;
	lib_plug(1);
	turn();
	assert_int_equal(cames, 2);
}

static void the_one_that_had_no_place_is_told_when_another_left(void **state)
{
	(void)state;
	claims = true;
	lib_plug(0);
	start();
	claims = false;
	for (unsigned i = 1; i <= USB_DEVICES_MAX; i++) {
		lib_plug(i);
		turn();
	}
	assert_int_equal(cames, USB_DEVICES_MAX);
	assert_null(usb_device(usb, USB_DEVICES_MAX));
	lib_unplug(0); /* it has its place until it is closed */
	turn();
	assert_int_equal(lefts, 1);
	assert_int_equal(cames, USB_DEVICES_MAX + 1);
	assert_ptr_equal(usb_device(usb, 0), device);
	assert_string_equal(device->port, "1-33");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(devices_are_told_as_they_come_and_leave),
		CASE(what_is_no_reader_or_has_gone_already_is_not_told),
		CASE(one_that_might_have_been_a_reader_leaves_its_place),
		CASE(a_device_that_is_slow_to_come_keeps_nobody_else),
		CASE(one_that_leaves_before_it_was_told_of_is_forgotten),
		CASE(the_end_waits_for_its_strings),
		CASE(but_not_for_ever),
		CASE(one_for_which_there_was_no_memory_is_told_with_the_next),
		CASE(the_one_that_had_no_place_is_told_when_another_left),
	};

	return cmocka_run_group_tests_name("usb-devices-come", tests, NULL, NULL);
}
