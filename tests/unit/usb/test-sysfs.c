/* SPDX-License-Identifier: EUPL-1.2 */
/* What sysfs tells of a device, in a folder of ours (the linker puts another open in front). */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/usb/usb-sysfs.h"
#include "tests/unit/usb/real-readers.h"

#define FOLDER	"/sys/bus/usb/devices/"
#define PATH	256U
#define LONGEST (18U + 8U * DESCRIPTOR_MAX) /* bytes of descriptors that are taken */

static char root[] = "/tmp/vitaled-test-sysfs-XXXXXX";
static const uint8_t head[18] = {18, 1, 0, 2, [12] = 0x34, [13] = 0x12, [17] = 1};
static const char *const names[] = {
	"descriptors", "serial", "manufacturer", "product", "bConfigurationValue"};

int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

int __wrap_open64(const char *path, int flags, ...)
{
	char mine[PATH];

	assert_memory_equal(path, FOLDER "1-2.3/", strlen(FOLDER "1-2.3/"));
	(void)snprintf(mine, sizeof(mine), "%s/%s", root, strrchr(path, '/') + 1);
	return __real_open64(mine, flags);
}

static void put(const char *name, struct view a, struct view b)
{
	char path[PATH];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", root, name);
	f = fopen(path, "we");
	assert_non_null(f);
	assert_true(a.len == 0 || fwrite(a.data, a.len, 1, f) == 1);
	assert_true(b.len == 0 || fwrite(b.data, b.len, 1, f) == 1);
	assert_int_equal(fclose(f), 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, view_str(text), VIEW_NULL);
}

static int clear(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char path[PATH];

		(void)snprintf(path, sizeof(path), "%s/%s", root, names[i]);
		(void)unlink(path);
	}
	return 0;
}

static int read_device(struct usb_device *d)
{
	*d = (struct usb_device){.port = "1-2.3"};
	return usb_sysfs_read(d);
}

static struct usb_device d;

static void a_reader_is_described_by_its_own_bytes(void **state)
{
	(void)state;
	put("descriptors", VIEW(head), VIEW(kap_link));
	put_text("bConfigurationValue", "1\n");
	put_text("manufacturer", "KAPELSE\n");
	put_text("product", "KAP-LINK\n");
	put_text("serial", "0001\n");
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(d.refused, 0);
	assert_int_equal(d.n_readers, 2);
	assert_int_equal(d.readers[1].bulk_out, 3);
	assert_int_equal(d.release, 0x1234);
	assert_string_equal(d.manufacturer, "KAPELSE");
	assert_string_equal(d.name, "KAP-LINK");
	assert_string_equal(d.serial, "0001");
}

static void texts_are_printable_and_cut(void **state)
{
	char lengthy[200];

	(void)state;
	put("descriptors", VIEW(head), VIEW(leo));
	for (size_t i = 0; i < sizeof(lengthy); i++) {
		lengthy[i] = 'x';
	}
	put("manufacturer", VIEW(lengthy), VIEW_NULL);
	put_text("product", " \t L\xC3\xA9o  \x01 two \n\n");
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(strlen(d.manufacturer), USB_TEXT_MAX - 1);
	assert_string_equal(d.name, "L??o ? two");
	assert_string_equal(d.serial, "");
}

static void the_configuration_in_force_counts(void **state)
{
	_cleanup_(buf_done) struct buf two = BUF_NULL(1024);

	(void)state;
	buf_put(&two, leo, sizeof(leo));
	buf_put(&two, kap_link, sizeof(kap_link));
	two.data[sizeof(leo) + 5] = 2; /* bConfigurationValue */
	put("descriptors", VIEW(head), buf_view(&two));
	put_text("bConfigurationValue", "2\n");
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(d.n_readers, 2);
	put_text("bConfigurationValue", "1\n");
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(d.n_readers, 1);
	put_text("bConfigurationValue", "\n"); /* none: the first is told */
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(d.n_readers, 1);
	put_text("bConfigurationValue", "3\n"); /* there is none such */
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(d.refused, DESCRIPTOR_NO_READER);
}

static void bytes_that_lie_of_their_length_are_refused(void **state)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(1024);

	(void)state;
	put_text("bConfigurationValue", "1\n");
	for (size_t n = 0; n < sizeof(leo); n++) { /* cut anywhere */
		put("descriptors", VIEW(head), view_of(leo, n));
		assert_int_equal(read_device(&d), 0);
		assert_true(d.refused != 0);
	}
	buf_put(&bytes, leo, sizeof(leo));
	bytes.data[AT_TOTAL] = 0; /* no length at all: no endless walk */
	bytes.data[5] = 9;
	put("descriptors", VIEW(head), buf_view(&bytes));
	assert_int_equal(read_device(&d), 0);
	assert_true(d.refused != 0);
}

/* @configuration and then nothing of sense, @n bytes in all. */
static void put_long(struct view configuration, size_t n)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(n);

	buf_put_view(&bytes, configuration);
	assert_non_null(buf_extend(&bytes, n - sizeof(head) - configuration.len));
	put("descriptors", VIEW(head), buf_view(&bytes));
}

static void descriptors_that_are_too_long_are_refused_by_name(void **state)
{
	(void)state;
	put_text("bConfigurationValue", "1\n");
	put_text("product", "Liar\n");
	put_text("serial", "0001\n");
	put_long(VIEW(leo), LONGEST);
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(d.refused, 0); /* what stands behind it is not looked at */
	assert_int_equal(d.n_readers, 1);
	for (size_t n = LONGEST + 1; n <= 2 * LONGEST; n += 511) {
		put_long(VIEW(leo), n);
		assert_int_equal(read_device(&d), 0);
		assert_int_equal(d.refused, DESCRIPTOR_LENGTH);
		assert_int_equal(d.n_readers, 0);
		assert_int_equal(d.release, 0x1234);
		assert_string_equal(d.name, "Liar");
		assert_string_equal(d.serial, "0001");
	}
	put_text("bConfigurationValue", "2\n"); /* somewhere behind what is read */
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(d.refused, DESCRIPTOR_LENGTH);
}

/* a configuration with an interface of the class of disks and no endpoint */
static const uint8_t disk[] = {9, 2, 18, 0, 1, 1, 0, 0x80, 50, 9, 4, 0, 0, 0, 0x08, 0, 0, 0};

static void a_device_that_is_no_reader_may_say_as_much_as_it_likes(void **state)
{
	(void)state;
	put_long(VIEW(disk), LONGEST + 1);
	assert_int_equal(read_device(&d), 0);
	assert_int_equal(d.refused, DESCRIPTOR_NO_READER);
}

/* By its descriptors alone: nothing else is there. */
static void whether_it_may_be_a_reader_is_known_at_once(void **state)
{
	_cleanup_(buf_done) struct buf two = BUF_NULL(LONGEST + sizeof(disk));

	(void)state;
	assert_false(usb_sysfs_reader("1-2.3"));
	put("descriptors", view_of(head, 17), VIEW_NULL);
	assert_false(usb_sysfs_reader("1-2.3"));
	put("descriptors", VIEW(head), VIEW_NULL);
	assert_false(usb_sysfs_reader("1-2.3"));
	put("descriptors", VIEW(head), VIEW(disk));
	assert_false(usb_sysfs_reader("1-2.3"));
	put("descriptors", VIEW(head), VIEW(leo));
	assert_true(usb_sysfs_reader("1-2.3"));
	buf_put(&two, disk, sizeof(disk)); /* in whatever configuration */
	buf_put(&two, leo, sizeof(leo));
	put("descriptors", VIEW(head), buf_view(&two));
	assert_true(usb_sysfs_reader("1-2.3"));
	put("descriptors", VIEW(head), view_of(disk, sizeof(disk) - 1)); /* who knows? */
	assert_true(usb_sysfs_reader("1-2.3"));
	buf_reset(&two);
	buf_put(&two, disk, sizeof(disk));
	buf_put(&two, disk, sizeof(disk) - 1); /* nor of the next one */
	put("descriptors", VIEW(head), buf_view(&two));
	assert_true(usb_sysfs_reader("1-2.3"));
	put("descriptors", VIEW(leo), VIEW(disk)); /* nor does it begin as a device's */
	assert_true(usb_sysfs_reader("1-2.3"));
	buf_reset(&two);
	while (two.len < LONGEST) { /* no reader as far as it goes, which is no boundary */
		buf_put(&two, disk, sizeof(disk));
	}
	put("descriptors", VIEW(head), buf_view(&two));
	assert_true(usb_sysfs_reader("1-2.3"));
}

static void no_file_of_a_name_that_is_too_long_is_read(void **state)
{
	char lengthy[PATH];

	(void)state;
	for (size_t i = 0; i < sizeof(lengthy); i++) {
		lengthy[i] = '1';
	}
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_false(usb_sysfs_reader(lengthy));
}

static void one_that_left_is_gone(void **state)
{
	(void)state;
	assert_int_equal(read_device(&d), USB_SYSFS_GONE);
	put("descriptors", view_of(head, 17), VIEW_NULL);
	assert_int_equal(read_device(&d), USB_SYSFS_GONE);
}

#define CASE(name) cmocka_unit_test_teardown(name, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_reader_is_described_by_its_own_bytes),
		CASE(texts_are_printable_and_cut),
		CASE(the_configuration_in_force_counts),
		CASE(bytes_that_lie_of_their_length_are_refused),
		CASE(descriptors_that_are_too_long_are_refused_by_name),
		CASE(a_device_that_is_no_reader_may_say_as_much_as_it_likes),
		CASE(whether_it_may_be_a_reader_is_known_at_once),
		CASE(no_file_of_a_name_that_is_too_long_is_read),
		CASE(one_that_left_is_gone),
	};
	int failed;

	if (!mkdtemp(root)) {
		return 1;
	}
	failed = cmocka_run_group_tests_name("usb-sysfs", tests, NULL, NULL);
	(void)rmdir(root);
	return failed;
}
