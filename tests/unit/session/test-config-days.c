/* SPDX-License-Identifier: EUPL-1.2 */
/* How long the record keeps contents, as the configuration says it. */
// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include "base/fault.h"
#include "daemon/config/values.h"

static void a_retention_is_days_or_years_or_for_ever(void **state)
{
	static const struct {
		const char *text;
		uint32_t days; /* UINT32_MAX: refused */
	} rows[] = {
		{"0", 0},
		{"1 d", 1},
		{"1096d", 1096},
		{"3 y", 1098},
		{"100 y", 36600},
		{"36600 d", 36600},
		{"36601 d", UINT32_MAX},
		{"101 y", UINT32_MAX},
		{"0 d", UINT32_MAX},
		{"3", UINT32_MAX},
		{"-3 y", UINT32_MAX},
		{"3 years", UINT32_MAX},
		{"y", UINT32_MAX},
		{"", UINT32_MAX},
		{"99999999999 y", UINT32_MAX},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		uint32_t days = UINT32_MAX;

		assert_int_equal(config_take_days(&days, sizeof(days), rows[i].text),
			rows[i].days != UINT32_MAX);
		assert_int_equal(days, rows[i].days);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_retention_is_days_or_years_or_for_ever),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
