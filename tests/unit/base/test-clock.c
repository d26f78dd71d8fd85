/* SPDX-License-Identifier: EUPL-1.2 */
/* base/clock.h: clocks run, texts are right on the edges of the calendar, waits round up. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "tests/unit/base/wrap.h"

static int clear(void **state)
{
	(void)state;
	wrap_clear();
	return 0;
}

static void clocks_do_not_run_backwards(void **state)
{
	uint64_t monotonic = clock_monotonic();
	uint64_t boot = clock_boottime();

	(void)state;
	assert_true(clock_monotonic() >= monotonic);
	assert_true(clock_boottime() >= boot);
	assert_true(boot + USEC_PER_SEC >= monotonic);
	assert_true(clock_wall() > 1600000000ULL * USEC_PER_SEC);
}

static void the_boot_id_is_32_digits(void **state)
{
	char id[33] = "";

	(void)state;
	assert_int_equal(clock_boot_id(id), 0);
	assert_int_equal(strlen(id), 32);
	assert_int_equal(strspn(id, "0123456789abcdef"), 32);
}

static void a_boot_id_that_cannot_be_read_is_a_fault(void **state)
{
	char id[33] = "old";

	(void)state;
	wrap_fail(WRAP_OPEN, 0, ENOENT);
	assert_int_equal(clock_boot_id(id), -ENOENT);
	wrap_fail(WRAP_READ, 0, EIO);
	assert_int_equal(clock_boot_id(id), -EIO);
	wrap_return(WRAP_READ, 0, 0);
	assert_int_equal(clock_boot_id(id), -EBADMSG);
	assert_string_equal(id, "old");
}

static void texts_are_right_on_the_edges_of_the_calendar(void **state)
{
	static const struct {
		uint64_t seconds;
		uint64_t usec;
		const char *want;
	} rows[] = {
		{0, 0, "1970-01-01T00:00:00.000000Z"},
		{951782399, 999999, "2000-02-28T23:59:59.999999Z"},
		{951782400, 0, "2000-02-29T00:00:00.000000Z"},
		{951868800, 1, "2000-03-01T00:00:00.000001Z"},
		{1709164800, 0, "2024-02-29T00:00:00.000000Z"},
		{1735689599, 0, "2024-12-31T23:59:59.000000Z"},
		{1735689600, 0, "2025-01-01T00:00:00.000000Z"},
		{1795299657, 123456, "2026-11-21T22:20:57.123456Z"},
		{4107542399, 0, "2100-02-28T23:59:59.000000Z"},
		{4107542400, 0, "2100-03-01T00:00:00.000000Z"},
		{253402300799, 999999, "9999-12-31T23:59:59.999999Z"},
		{253402300800, 0, "9999-12-31T23:59:59.999999Z"},
		{18446744073708, 999999, "9999-12-31T23:59:59.999999Z"},
	};

	char text[28];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		clock_rfc3339(rows[i].seconds * USEC_PER_SEC + rows[i].usec, text);
		assert_string_equal(text, rows[i].want);
	}
}

/* The C library's calendar as a second opinion, a step of 13 days and a bit. */
static void texts_agree_with_the_c_library(void **state)
{
	(void)state;
	for (uint64_t s = 0; s < 32503680000; s += 13 * 86400 + 3601) {
		time_t t = (time_t)s;
		char want[28];
		char text[28];
		struct tm tm;

		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(
			strftime(want, sizeof(want), "%Y-%m-%dT%H:%M:%S.000000Z", &tm), 27);
		clock_rfc3339(s * USEC_PER_SEC, text);
		assert_string_equal(text, want);
	}
}

static void waits_are_rounded_up_and_bounded(void **state)
{
	int ms;

	(void)state;
	assert_int_equal(clock_timeout_ms(0), 0);
	assert_int_equal(clock_timeout_ms(clock_monotonic()), 0);
	assert_int_equal(clock_timeout_ms(UINT64_MAX), INT_MAX);
	ms = clock_timeout_ms(clock_monotonic() + 1000 * USEC_PER_SEC + 1);
	assert_in_range(ms, 900000, 1000001);
	assert_in_range(clock_timeout_ms(clock_monotonic() + 900), 0, 1);
}

static void the_kernel_says_whether_it_is_synchronised(void **state)
{
	(void)state;
	(void)clock_synchronised();
	wrap_return(WRAP_ADJTIMEX, 0, TIME_OK);
	assert_true(clock_synchronised());
	wrap_return(WRAP_ADJTIMEX, 0, TIME_ERROR);
	assert_false(clock_synchronised());
	wrap_fail(WRAP_ADJTIMEX, 0, EPERM);
	assert_false(clock_synchronised());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clocks_do_not_run_backwards),
		cmocka_unit_test(the_boot_id_is_32_digits),
		cmocka_unit_test(a_boot_id_that_cannot_be_read_is_a_fault),
		cmocka_unit_test(texts_are_right_on_the_edges_of_the_calendar),
		cmocka_unit_test(texts_agree_with_the_c_library),
		cmocka_unit_test(waits_are_rounded_up_and_bounded),
		cmocka_unit_test(the_kernel_says_whether_it_is_synchronised),
	};

	return cmocka_run_group_tests(tests, clear, NULL);
}
