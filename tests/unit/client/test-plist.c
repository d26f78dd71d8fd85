/* SPDX-License-Identifier: EUPL-1.2 */
/* What drivers of pcscd claim, in every form of Info.plist. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include "client/plist.h"

#define KEY(name) "<key>" name "</key>\n"
#define S(text)	  "<string>" text "</string>\n"

static const char good[] =
	"<?xml version=\"1.0\"?><!-- <key>ifdVendorID</key> is below -->"
	"<plist><dict>\n" KEY("ifdVersionNumber") S("0x1") KEY("ifdVendorID") "<array>\n" S(
		"0x0B00")
		S("0x2947") "<!-- <string>0x1111</string> -->" S("1C34") "</array>" KEY(
			"ifdProductID") "\n\t<array>" S("0x0090") S("0x101")
			S("0xafd0") "</array>" KEY("ifdFriendlyName") "<array>" S("A &amp; B")
				S("KAPELSE KAP-LINK")
					S("Doctolib SR") "</array></dict></plist>";

static int claimed(const char *text, json_t **ret)
{
	*ret = json_object();
	assert_non_null(*ret);
	return plist_claimed(view_str(text), *ret);
}

static void a_driver_claims_what_its_three_lists_say(void **state)
{
	json_t *map;

	(void)state;
	assert_int_equal(claimed(good, &map), 0);
	assert_int_equal(json_object_size(map), 3);
	assert_string_equal(json_get_str(map, "0b00:0090"), "A & B");
	assert_string_equal(json_get_str(map, "2947:0101"), "KAPELSE KAP-LINK");
	assert_string_equal(json_get_str(map, "1c34:afd0"), "Doctolib SR");
	json_decref(map);
}

static void one_text_is_found_by_its_key(void **state)
{
	json_t *text;

	(void)state;
	text = plist_text(view_str(good), "ifdVersionNumber");
	assert_string_equal(json_string_value(text), "0x1");
	json_decref(text);
	text = plist_text(view_str(good), "ifdVendorID"); /* of several the first */
	assert_string_equal(json_string_value(text), "0x0B00");
	json_decref(text);
	assert_null(plist_text(view_str(good), "ifdVersion"));
	assert_null(plist_text(view_str(KEY("a")), "a"));
	assert_null(plist_text(view_str(KEY("a") "<array></array>"), "a"));
	assert_null(plist_text(view_str(KEY("a") S("\xFF")), "a"));
}

static void a_driver_of_one_reader_needs_no_array(void **state)
{
	json_t *map;

	(void)state;
	assert_int_equal(claimed(KEY("ifdVendorID") S("0x072F") KEY("ifdProductID") S("0x9000")
					 KEY("ifdFriendlyName") S("One"),
				 &map),
		0);
	assert_int_equal(json_object_size(map), 1);
	assert_string_equal(json_get_str(map, "072f:9000"), "One");
	json_decref(map);
}

static void rows_that_are_no_numbers_or_no_text_are_left_out(void **state)
{
	json_t *map;

	(void)state;
	assert_int_equal(
		claimed(KEY("ifdVendorID") "<array>" S("0x12345") S("zz") S("0x1") S(
				"0x2") "</array>" KEY("ifdProductID") "<array>" S("1") S("1")
				S("") S("3") "</array>" KEY("ifdFriendlyName") "<array>" S("a")
					S("b") S("c") S("\xFF") "</array>",
			&map),
		0);
	assert_int_equal(json_object_size(map), 0);
	json_decref(map);
}

static void whatever_else_a_file_holds_is_malformed(void **state)
{
	static const char *const bad[] = {
		"",
		"<",
		"<!--",
		"<!-- a",
		"<key>",
		"<key>ifdVendorID",
		KEY("ifdVendorID"),
		KEY("ifdVendorID") S("1") KEY("ifdProductID") S("1"),
		KEY("ifdVendorID") "<array>" KEY("ifdProductID") S("1") KEY("ifdFriendlyName")
			S("a"),
		KEY("ifdVendorID") "<array>" S("1") KEY("ifdProductID") S("1")
			KEY("ifdFriendlyName") S("a"),
		/* lists of unequal length */
		KEY("ifdVendorID") "<array>" S("1") S("2") "</array>" KEY("ifdProductID") S("1")
			KEY("ifdFriendlyName") S("a"),
		KEY("ifdVendorID") S("1") KEY("ifdProductID") S("1")
			KEY("ifdFriendlyName") "<integer>1</integer>",
		KEY("ifdVendorID") "<string>1" KEY("ifdProductID") S("1") KEY("ifdFriendlyName")
			S("a"),
		"<!-- " KEY("ifdVendorID") S("1") KEY("ifdProductID") S("1")
			KEY("ifdFriendlyName") S("a"),
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		json_t *map;

		assert_int_equal(claimed(bad[i], &map), PLIST_MALFORMED);
		json_decref(map);
	}
}

static void every_beginning_of_a_good_file_is_malformed_or_good(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(good) - 1; n++) {
		json_t *map = json_object();
		int r = plist_claimed(view_of(good, n), map);

		assert_true(r == PLIST_MALFORMED ||
			    (r == 0 && n >= sizeof(good) - sizeof("</dict></plist>")));
		json_decref(map);
	}
}

static void an_endless_list_is_malformed(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)4 * 1024 * 1024);
	static const char *const keys[] = {"ifdVendorID", "ifdProductID", "ifdFriendlyName"};
	json_t *map = json_object();

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(keys); k++) {
		buf_printf(&text, "<key>%s</key><array>", keys[k]);
		for (unsigned int i = 0; i < 9000; i++) {
			buf_printf(&text, "<string>%x</string>", i);
		}
		buf_put_str(&text, "</array>");
	}
	assert_int_equal(buf_check(&text), 0);
	assert_int_equal(plist_claimed(buf_view(&text), map), PLIST_MALFORMED);
	json_decref(map);
}

static void numbers_are_one_to_four_hexadecimal_digits(void **state)
{
	static const char *const bad[] = {
		"", "0x", "x1", "0x12345", "12345", "-1", " 1", "1 ", "g"};
	uint16_t n = 7;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(plist_hex(view_str(bad[i]), &n));
	}
	assert_int_equal(n, 7);
	assert_true(plist_hex(view_str("0XaFd"), &n));
	assert_int_equal(n, 0xAFD);
	assert_true(plist_hex(view_str("0b"), &n));
	assert_int_equal(n, 0x0B);
}

static void an_id_is_written_as_lsusb_does(void **state)
{
	char key[10];

	(void)state;
	plist_key(0x0B00, 0x90, key);
	assert_string_equal(key, "0b00:0090");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_driver_claims_what_its_three_lists_say),
		cmocka_unit_test(one_text_is_found_by_its_key),
		cmocka_unit_test(a_driver_of_one_reader_needs_no_array),
		cmocka_unit_test(rows_that_are_no_numbers_or_no_text_are_left_out),
		cmocka_unit_test(whatever_else_a_file_holds_is_malformed),
		cmocka_unit_test(every_beginning_of_a_good_file_is_malformed_or_good),
		cmocka_unit_test(an_endless_list_is_malformed),
		cmocka_unit_test(numbers_are_one_to_four_hexadecimal_digits),
		cmocka_unit_test(an_id_is_written_as_lsusb_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
