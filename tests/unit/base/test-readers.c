/* SPDX-License-Identifier: EUPL-1.2 */
/* The table of readers: found by their ids, whole, each once. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "base/readers.h"

static void a_reader_is_known_by_its_ids(void **state)
{
	(void)state;
	assert_string_equal(readers_known(0x0B00, 0x0090)->libccid, "no");
	assert_true(readers_known(0x0B00, 0x0090)->quirks & READER_QUIRK_NOT_CCID);
	assert_string_equal(readers_known(0x2947, 0x0102)->libccid, "1.5.5");
	assert_string_equal(readers_known(0x1C34, 0xAFD3)->name, "Doctolib SR");
	assert_int_equal(readers_known(0x1C34, 0xAFD3)->slots, 3);
	assert_string_equal(readers_known(0x08E6, 0x3437)->name, "Gemalto GemPC Twin");
	assert_null(readers_known(0x0B00, 0x0091));
	assert_null(readers_known(0x0091, 0x0B00));
	assert_null(readers_known(0, 0));
}

static void every_row_is_whole_and_no_id_has_two(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct reader_known *r; (r = readers_at(n)) != NULL; n++) {
		assert_ptr_equal(readers_known(r->vendor, r->product), r);
		assert_true(r->maker[0] && r->model[0] && r->name[0] && r->source[0]);
		assert_true(strcmp(r->libccid, "no") == 0 ||
			    strspn(r->libccid, "0123456789.") == strlen(r->libccid));
		assert_true(r->slots <= 3);
	}
	assert_int_equal(n, 29);
	assert_null(readers_at(n + 1));
	assert_null(readers_at(SIZE_MAX));
}

static void names_of_vitaled_usb_end_as_no_other(void **state)
{
	static const char *const good[] = {"A [usb 1-1] 00 00",
		"Kapelse KAP-LINK (K1) [usb 1-2.3] 01 0F", "x [usb a [usb 10-1.2.3] FF 00"};
	static const char *const bad[] = {"", "A", "A 00 00", "Vitale Sim CPS [Sim] (1) 00 00",
		"A [usb 1-1]", "A [usb 1-1] 00", "A [usb 1-1] 00 0g", "A [usb ] 00 00",
		"A [usb 1-1 00 00", "A [usb 1-1]] 00 00", "A [usb x] 00 00",
		"A [usb 1-1] 00-00", "A[usb 1-1] 00 00", "A [usb 1-1] 00 00 ", "A [usb  00 00",
		" [usb 00 00"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(readers_name_usb(good[i]));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(readers_name_usb(bad[i]));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_reader_is_known_by_its_ids),
		cmocka_unit_test(names_of_vitaled_usb_end_as_no_other),
		cmocka_unit_test(every_row_is_whole_and_no_id_has_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
