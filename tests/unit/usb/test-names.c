/* SPDX-License-Identifier: EUPL-1.2 */
/* Names of slots: the table's words, a device's own, and words that want to be somebody else's. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <string.h>

#include "drivers/usb/names.h"

static const char *name(const struct names_device *d, size_t reader, unsigned slot)
{
	static char text[NAMES_MAX];

	memset(text, 0x5A, sizeof(text));
	names_of(d, reader, slot, text);
	assert_true(strlen(text) < sizeof(text));
	return text;
}

static void a_reader_of_the_table_has_the_tables_name(void **state)
{
	const struct names_device d = {.vendor = 0x2947,
		.product = 0x0101,
		.known = "Kapelse KAP-LINK",
		.manufacturer = "Somebody",
		.model = "else",
		.serial = "00402081",
		.port = "1-2.3"};

	(void)state;
	assert_string_equal(name(&d, 0, 0), "Kapelse KAP-LINK (00402081) [usb 1-2.3] 00 00");
	assert_string_equal(name(&d, 1, 15), "Kapelse KAP-LINK (00402081) [usb 1-2.3] 01 0F");
}

static void another_has_its_own_words(void **state)
{
	struct names_device d = {.vendor = 0x08E6,
		.product = 0x3437,
		.manufacturer = "Gemalto",
		.model = "PC Twin Reader",
		.port = "3-1"};

	(void)state;
	assert_string_equal(name(&d, 0, 0), "Gemalto PC Twin Reader [usb 3-1] 00 00");
	d.model = "Gemalto PC Twin"; /* the maker's name once */
	assert_string_equal(name(&d, 0, 0), "Gemalto PC Twin [usb 3-1] 00 00");
	d.model = "Gemaltoid";
	assert_string_equal(name(&d, 0, 0), "Gemalto Gemaltoid [usb 3-1] 00 00");
	d.manufacturer = NULL;
	assert_string_equal(name(&d, 0, 0), "Gemaltoid [usb 3-1] 00 00");
	d.manufacturer = "Gemalto";
	d.model = "";
	assert_string_equal(name(&d, 0, 0), "Gemalto [usb 3-1] 00 00");
	d.manufacturer = " \t";
	assert_string_equal(name(&d, 0, 0), "USB 08e6:3437 [usb 3-1] 00 00");
}

static void no_words_end_a_name_early(void **state)
{
	const struct names_device d = {
		.manufacturer = "Kapelse  KAP-LINK (1) [usb 9-9] 00 00\n",
		.model = "\x1b[2J\xC3\xA9\x7F",
		.serial = "7) [usb 1-1] 00",
		.port = "1-2"};
	char model[NAMES_MAX];

	(void)state;
	assert_string_equal(name(&d, 0, 1),
		"Kapelse KAP-LINK 1 usb 9-9 00 00 2J (7 usb 1-1 00) [usb 1-2] 00 01");
	names_model(&d, model);
	assert_string_equal(model, "Kapelse KAP-LINK 1 usb 9-9 00 00 2J");
}

static void the_model_is_cut_first(void **state)
{
	char words[256];
	char serial[256];
	char port[256];
	const struct names_device d = {
		.manufacturer = words, .model = words, .serial = serial, .port = port};
	const char *text;

	(void)state;
	memset(words, 'M', sizeof(words));
	memset(serial, 'S', sizeof(serial));
	memset(port, 'P', sizeof(port));
	words[255] = serial[255] = port[255] = '\0';
	text = name(&d, 1, 1);
	assert_int_equal(strlen(text), NAMES_MAX - 1);
	assert_non_null(strstr(text, "P] 01 01"));
	assert_int_equal(text[0], 'M');
	assert_int_equal(strspn(strchr(text, 'S'), "S"), NAMES_SERIAL);
	assert_int_equal(strspn(strchr(text, 'P'), "P"), NAMES_PORT);
}

static void two_identical_readers_differ_by_their_port(void **state)
{
	struct names_device d = {.known = "Kapelse KAP-LINK", .serial = "0", .port = "1-1"};
	char first[NAMES_MAX];

	(void)state;
	bytes_copy(first, sizeof(first), name(&d, 0, 0), sizeof(first));
	d.port = "1-2";
	assert_string_not_equal(first, name(&d, 0, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_of_the_table_has_the_tables_name),
		cmocka_unit_test(another_has_its_own_words),
		cmocka_unit_test(no_words_end_a_name_early),
		cmocka_unit_test(the_model_is_cut_first),
		cmocka_unit_test(two_identical_readers_differ_by_their_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
