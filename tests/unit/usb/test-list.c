/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-usb --list: the devices of a list that stands for usb.c's. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdlib.h>
#include <string.h>

#include "drivers/usb/list.h"
#include "tests/unit/usb/real-readers.h"

static struct usb_device devices[3];
static size_t n_devices;

struct usb_device *usb_device(struct usb *u, size_t i)
{
	assert_null(u);
	return i < n_devices ? &devices[i] : NULL;
}

/* What is printed; free() it. */
static char *printed(bool serials)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	assert_non_null(to);
	assert_int_equal(list_print(NULL, serials, to), 0);
	assert_int_equal(fclose(to), 0);
	return text;
}

static void without_devices_that_is_said(void **state)
{
	char *text;

	(void)state;
	n_devices = 0;
	text = printed(false);
	assert_string_equal(text, "No card reader is plugged in.\n");
	free(text);
}

static void devices_are_told_in_turn_and_serials_only_when_asked(void **state)
{
	char *text;

	(void)state;
	n_devices = 3;
	devices[0] = (struct usb_device){.port = "1-1",
		.vendor = 0x2947,
		.product = 0x0101,
		.serial = "00402081",
		.known = readers_known(0x2947, 0x0101)};
	assert_int_equal(
		descriptor_parse(VIEW(kap_link), devices[0].readers, &devices[0].n_readers), 0);
	devices[1] = (struct usb_device){.port = "3-2",
		.vendor = 0x1234,
		.product = 0x5678,
		.manufacturer = "Maker",
		.name = "Liar",
		.refused = DESCRIPTOR_SLOTS};
	devices[2] = (struct usb_device){.port = "4-1", /* as of descriptors above 32 KiB */
		.vendor = 0x1234,
		.product = 0x5679,
		.name = "Chatterer",
		.refused = DESCRIPTOR_LENGTH};
	text = printed(false);
	assert_memory_equal(text, "1-1 2947:0101 Kapelse KAP-LINK\n", 31);
	assert_non_null(strstr(text, "reader: 1 (interface 1"));
	assert_non_null(strstr(text, "\n3-2 1234:5678 Maker Liar\n"));
	assert_non_null(strstr(text, "[descriptor-slots]"));
	assert_non_null(strstr(text, "\n4-1 1234:5679 Chatterer\n"));
	assert_non_null(strstr(text, "why it cannot be used: Its descriptor is longer than is "
				     "looked at, or a part of it has a length "
				     "that it cannot have. [descriptor-length]\n"));
	assert_null(strstr(text, "00402081"));
	free(text);
	text = printed(true);
	assert_non_null(strstr(text, "serial number: 00402081\n"));
	free(text);
}

static void a_full_disk_is_a_fault(void **state)
{
	FILE *to = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(to);
	assert_int_equal(setvbuf(to, NULL, _IONBF, 0), 0);
	assert_true(list_print(NULL, false, to) < 0);
	assert_int_equal(fclose(to), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_devices_that_is_said),
		cmocka_unit_test(devices_are_told_in_turn_and_serials_only_when_asked),
		cmocka_unit_test(a_full_disk_is_a_fault),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
