/* SPDX-License-Identifier: EUPL-1.2 */
/* base/rng.h: every byte is filled, identifiers have the shape and the time of RFC 9562. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "base/rng.h"
#include "tests/unit/base/wrap.h"

static int clear(void **state)
{
	(void)state;
	wrap_clear();
	return 0;
}

static void every_byte_is_filled_sooner_or_later(void **state)
{
	uint8_t seen[1000] = {0};

	(void)state;
	for (unsigned round = 0; round < 8; round++) {
		uint8_t bytes[sizeof(seen)] = {0};

		assert_int_equal(rng_fill(bytes, sizeof(bytes)), 0);
		for (size_t i = 0; i < sizeof(bytes); i++) {
			seen[i] = (uint8_t)(seen[i] | bytes[i]);
		}
	}
	for (size_t i = 0; i < sizeof(seen); i++) {
		assert_int_not_equal(seen[i], 0);
	}
	assert_int_equal(rng_fill(NULL, 0), 0);
}

static void interruptions_and_empty_answers_are_survived(void **state)
{
	uint8_t bytes[32];

	(void)state;
	wrap_fail(WRAP_GETRANDOM, 0, EINTR);
	assert_int_equal(rng_fill(bytes, sizeof(bytes)), 0);
	wrap_return(WRAP_GETRANDOM, 0, 0);
	assert_int_equal(rng_fill(bytes, sizeof(bytes)), 0);
	assert_false(wrap_pending(WRAP_GETRANDOM));
}

static void a_kernel_without_randomness_is_a_fault(void **state)
{
	char id[37] = "old";
	uint8_t byte;

	(void)state;
	wrap_fail(WRAP_GETRANDOM, 0, ENOSYS);
	assert_int_equal(rng_fill(&byte, 1), -ENOSYS);
	wrap_fail(WRAP_GETRANDOM, 0, ENOSYS);
	assert_int_equal(rng_uuid7(id), -ENOSYS);
	assert_string_equal(id, "old");
}

static void identifiers_carry_time_version_and_variant(void **state)
{
	char id[37];

	(void)state;
	/* RFC 9562 appendix A.6: 2022-02-22 14:22:22 -05:00 is 017F22E2-79B0 */
	wrap_wall_seconds = 1645557742;
	for (unsigned i = 0; i < 64; i++) {
		assert_int_equal(rng_uuid7(id), 0);
		assert_int_equal(strlen(id), 36);
		assert_memory_equal(id, "017f22e2-79b0-7", 15);
		assert_int_equal(id[18], '-');
		assert_non_null(strchr("89ab", id[19]));
		assert_int_equal(id[23], '-');
		assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
	}
}

static void no_two_identifiers_are_the_same(void **state)
{
	char ids[64][37];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		assert_int_equal(rng_uuid7(ids[i]), 0);
		for (size_t k = 0; k < i; k++) {
			assert_string_not_equal(ids[i], ids[k]);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_byte_is_filled_sooner_or_later, clear),
		cmocka_unit_test_setup(interruptions_and_empty_answers_are_survived, clear),
		cmocka_unit_test_setup(a_kernel_without_randomness_is_a_fault, clear),
		cmocka_unit_test_setup(identifiers_carry_time_version_and_variant, clear),
		cmocka_unit_test_setup(no_two_identifiers_are_the_same, clear),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
