/* SPDX-License-Identifier: EUPL-1.2 */
/* The kinds that there are, through the whole process: what is recognised, and what is sent to a card
 * that is not. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/card/dialogue.h"

static void cards_nobody_claims_are_named_and_sent_nothing(void **state)
{
	static const struct {
		const char *dialogue;
		uint8_t outcome;
		const char *answer; /* KIND, GENERATION, ... */
	} table[] = {
		{"vitale-1", CARD_UNSUPPORTED,
			"C60B756E737570706F72746564C708766974616C652D31C3093F6525002C09F99000C8"
			"08766974616C652D31"},
		{"cps-contactless", CARD_UNSUPPORTED,
			"C60B756E737570706F72746564C70463707333C314"},
		{"unknown-card", CARD_UNKNOWN,
			"C607756E6B6E6F776EC3053B80800101C80C756E6B6E6F776E"},
		{"not-an-atr", CARD_UNKNOWN, "C607756E6B6E6F776EC3033B7513"},
		{"vitale-impostor", CARD_UNKNOWN, "C607756E6B6E6F776EC30A"},
		{"vitale-refuses", CARD_UNKNOWN, "C607756E6B6E6F776EC30A"},
		{"vitale-nonsense", CARD_BROKEN, "DF2304"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		play(&(struct scene){table[i].dialogue, 1,
			{
				{.op = CARD_OP_OPEN,
					.outcome = table[i].outcome,
					.request = OPEN_EXCLUSIVE,
					.answer = table[i].answer},
				{.op = CARD_OP_READ_PUBLIC, .outcome = CARD_FAILED},
				{.op = CARD_OP_CLOSE},
			}});
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cards_nobody_claims_are_named_and_sent_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
