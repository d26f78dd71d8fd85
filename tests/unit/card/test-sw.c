/* SPDX-License-Identifier: EUPL-1.2 */
/* Status words as outcomes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "base/fault.h"
#include "drivers/card/sw.h"

static void every_status_word_has_an_outcome(void **state)
{
	static const struct {
		uint16_t sw;
		int any;
		int read;
		int role;
	} table[] = {
		{0x9000, CARD_DONE, CARD_DONE, CARD_DONE},
		{0x6100, CARD_DONE, CARD_DONE, CARD_DONE},
		{0x61FF, CARD_DONE, CARD_DONE, CARD_DONE},
		{0x6281, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
		{0x6282, CARD_BROKEN, CARD_DONE, CARD_BROKEN},
		{0x6283, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6285, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6300, CARD_REFUSED, CARD_REFUSED, CARD_REFUSED},
		{0x63C2, CARD_REFUSED, CARD_REFUSED, CARD_REFUSED},
		{0x6400, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
		{0x6581, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
		{0x6700, CARD_REFUSED, CARD_REFUSED, CARD_REFUSED},
		{0x6881, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6884, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6982, CARD_DENIED, CARD_DENIED, CARD_DENIED},
		{0x6983, CARD_PIN_BLOCKED, CARD_PIN_BLOCKED, CARD_REFUSED},
		{0x6984, CARD_REFUSED, CARD_REFUSED, CARD_REFUSED},
		{0x6985, CARD_REFUSED, CARD_REFUSED, CARD_REFUSED},
		{0x6986, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6987, CARD_REFUSED, CARD_REFUSED, CARD_REFUSED},
		{0x6988, CARD_REFUSED, CARD_REFUSED, CARD_REFUSED},
		{0x6A80, CARD_REFUSED, CARD_REFUSED, CARD_REFUSED},
		{0x6A81, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6A82, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6A83, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6A84, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
		{0x6A86, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6A88, CARD_ABSENT, CARD_ABSENT, CARD_REFUSED},
		{0x6B00, CARD_ABSENT, CARD_DONE, CARD_ABSENT},
		{0x6C10, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
		{0x6D00, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6E00, CARD_ABSENT, CARD_ABSENT, CARD_ABSENT},
		{0x6F00, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
		{0x9001, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
		{0x9804, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
		{0x0000, CARD_BROKEN, CARD_BROKEN, CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(sw_outcome(table[i].sw), table[i].any);
		assert_int_equal(sw_outcome_read(table[i].sw), table[i].read);
		assert_int_equal(sw_outcome_role(table[i].sw), table[i].role);
	}
}

static void verify_says_how_many_tries_are_left(void **state)
{
	static const struct {
		uint16_t sw;
		int outcome;
		uint8_t tries;
	} table[] = {
		{0x9000, CARD_DONE, SW_TRIES_UNKNOWN},
		{0x63C3, CARD_PIN_WRONG, 3},
		{0x63C1, CARD_PIN_WRONG, 1},
		{0x63CF, CARD_PIN_WRONG, 15},
		{0x63C0, CARD_PIN_BLOCKED, 0},
		{0x6300, CARD_PIN_WRONG, SW_TRIES_UNKNOWN},
		{0x6983, CARD_PIN_BLOCKED, 0},
		{0x6984, CARD_PIN_BLOCKED, 0},
		{0x6982, CARD_DENIED, SW_TRIES_UNKNOWN},
		{0x6D00, CARD_ABSENT, SW_TRIES_UNKNOWN},
		{0x6700, CARD_REFUSED, SW_TRIES_UNKNOWN},
		{0x1234, CARD_BROKEN, SW_TRIES_UNKNOWN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		uint8_t tries = 99;

		assert_int_equal(sw_outcome_verify(table[i].sw, &tries), table[i].outcome);
		assert_int_equal(tries, table[i].tries);
	}
}

static void a_new_code_is_taken_or_refused(void **state)
{
	static const struct {
		uint16_t sw;
		int outcome;
	} table[] = {
		{0x9000, CARD_DONE},
		{0x6A80, CARD_PIN_REFUSED},
		{0x6700, CARD_PIN_REFUSED},
		{0x6985, CARD_PIN_REFUSED},
		{0x63C2, CARD_PIN_REFUSED},
		{0x6300, CARD_PIN_REFUSED},
		{0x6982, CARD_DENIED},
		{0x6983, CARD_PIN_BLOCKED},
		{0x6D00, CARD_ABSENT},
		{0x6F00, CARD_BROKEN},
	};

	uint8_t tries;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(sw_outcome_code(table[i].sw, &tries), table[i].outcome);
	}
}

static void an_old_card_has_words_of_its_own(void **state)
{
	static const struct {
		uint16_t sw;
		int outcome;
	} table[] = {
		{0x9F17, CARD_DONE},
		{0x9F00, CARD_DONE},
		{0x9000, CARD_DONE},
		{0x9404, CARD_ABSENT},
		{0x9402, CARD_ABSENT},
		{0x9804, CARD_BROKEN},
		{0x6E00, CARD_ABSENT},
		{0x6F00, CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		assert_int_equal(sw_outcome_old(table[i].sw), table[i].outcome);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_word_has_an_outcome),
		cmocka_unit_test(verify_says_how_many_tries_are_left),
		cmocka_unit_test(a_new_code_is_taken_or_refused),
		cmocka_unit_test(an_old_card_has_words_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
