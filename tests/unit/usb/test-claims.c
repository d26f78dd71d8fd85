/* SPDX-License-Identifier: EUPL-1.2 */
/* Rules: which one counts, what holds without one, and what is none. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "drivers/usb/claims.h"

/* What holds for 2947:0101 with @serial. */
static const char *mode(const char *rules, const char *serial, bool known)
{
	enum claims_mode m;

	assert_int_equal(claims_mode(view_str(rules), 0x2947, 0x0101, serial, known, &m), 0);
	return claims_word(m);
}

static void without_a_rule_the_table_decides(void **state)
{
	(void)state;
	assert_string_equal(mode("", NULL, true), "auto");
	assert_string_equal(mode("", NULL, false), "pcsc");
	assert_string_equal(mode(" \t ", "1", true), "auto");
	assert_string_equal(mode("2947:0102=usb 2948:0101=usb", NULL, false), "pcsc");
}

static void the_most_exact_rule_counts_in_any_order(void **state)
{
	(void)state;
	assert_string_equal(mode("*=usb", NULL, false), "usb");
	assert_string_equal(mode("*=usb 2947:0101=pcsc", NULL, true), "pcsc");
	assert_string_equal(mode("2947:0101=pcsc *=usb", NULL, true), "pcsc");
	assert_string_equal(mode("2947:0101:A1=usb 2947:0101=pcsc *=auto", "A1", true), "usb");
	assert_string_equal(mode("2947:0101:A1=usb 2947:0101=pcsc *=auto", "A2", true), "pcsc");
	assert_string_equal(mode("2947:0101:A1=usb", "A2", true), "auto");
	assert_string_equal(mode("2947:0101:A1=usb", "A", true), "auto");
	assert_string_equal(mode("2947:0101:A1=usb", "A12", true), "auto");
	assert_string_equal(mode("2948:0101:A1=usb 2947:0102:A1=usb", "A1", false), "pcsc");
}

static void a_serial_that_is_not_known_yet_fits_no_rule(void **state)
{
	(void)state;
	assert_string_equal(mode("2947:0101:A1=usb 2947:0101=pcsc", NULL, true), "pcsc");
}

static void of_two_equal_rules_the_last_counts(void **state)
{
	(void)state;
	assert_string_equal(mode("*=usb *=pcsc", NULL, true), "pcsc");
	assert_string_equal(mode("2947:0101=pcsc\t2947:0101=usb", NULL, true), "usb");
}

static void odd_serials_can_be_written(void **state)
{
	(void)state;
	assert_string_equal(mode("2947:0101:00_40=2081=usb", "00 40=2081", false), "usb");
	assert_string_equal(mode("2947:0101:00_40:x=usb", "00_40:x", false), "usb");
}

static void digits_may_be_written_either_way(void **state)
{
	enum claims_mode m;

	(void)state;
	assert_int_equal(
		claims_mode(VIEW_TEXT("1c34:aFd0=usb"), 0x1C34, 0xAFD0, "", false, &m), 0);
	assert_int_equal(m, CLAIMS_USB);
}

static void what_is_no_rule_breaks_them_all(void **state)
{
	static const char *const broken[] = {"usb", "=usb", "*=", "*", "2947:0101", "2947=usb",
		"2947:0101=", "2947:0101=USB", "2947:0101=auto1", "2947:0101:=usb",
		"2947-0101=usb", "294:0101=usb", "2947:101=usb", "2947:01011=usb",
		"g947:0101=usb", "2947:01/1=usb", "2947:01@1=usb", "29:7:0101=usb", "**=usb",
		"2947:0101 =usb", "2947:0101;A=usb", "\xFF=usb"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		_cleanup_(buf_done) struct buf rules = BUF_NULL(256);
		enum claims_mode m = CLAIMS_USB;

		buf_printf(&rules, "*=pcsc %s *=auto", broken[i]);
		assert_int_equal(claims_mode(buf_view(&rules), 0x2947, 0x0101, NULL, true, &m),
			CLAIMS_BROKEN);
		assert_int_equal(m, CLAIMS_USB); /* as it was */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_rule_the_table_decides),
		cmocka_unit_test(the_most_exact_rule_counts_in_any_order),
		cmocka_unit_test(a_serial_that_is_not_known_yet_fits_no_rule),
		cmocka_unit_test(of_two_equal_rules_the_last_counts),
		cmocka_unit_test(odd_serials_can_be_written),
		cmocka_unit_test(digits_may_be_written_either_way),
		cmocka_unit_test(what_is_no_rule_breaks_them_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
