/* SPDX-License-Identifier: EUPL-1.2 */
/* The rules of the requests, over a kind of card of our own (fake-card.h): what is sent when, what
 * is answered, and what is refused before anything is sent. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/card/act.h"

/* -- opening ----------------------------------------------------------------------------------------- */

static void opening_tells_what_it_is_and_what_the_reader_can(void **state)
{
	static const struct {
		enum fake_kind kind;
		const char *text;
		uint8_t outcome;
		const char *answer;
	} table[] = {
		{FAKE_CARD, OPENED, CARD_DONE, KIND_FAKE "DF2A0103"},
		{FAKE_CARD, "atr 3B02\n> 00A4000001AA\n< 9000", CARD_DONE,
			KIND_FAKE "DF2A0100"},
		{FAKE_CARD, CARD "> 00A4000001AA\n< 6A82", CARD_ABSENT, "DF2304"},
		{FAKE_UNKNOWN, CARD, CARD_UNKNOWN,
			"C607756E6B6E6F776EC3023B02C80C756E6B6E6F776E2D63617264DF2A0103"},
		{FAKE_OLD, CARD, CARD_UNSUPPORTED,
			"C60B756E737570706F72746564C70866616B652D6F6C64C3023B02"
			"C80B6275792D616E6F74686572DF2A0103"},
		{FAKE_CARD, "! gone", CARD_GONE, "DF2304"},
		{FAKE_CARD, "! mute", CARD_MUTE, "DF2304"},
		{FAKE_CARD, "! busy", CARD_BUSY, "DF2304"},
		{FAKE_CARD, "! no-service", CARD_NO_SERVICE, "DF2304"},
		{FAKE_CARD, "! no-reader", CARD_NO_READER, "DF2304"},
		{FAKE_CARD, "! broken", CARD_BROKEN, "DF2304"},
		{FAKE_CARD, "! fault", CARD_FAILED, "DF2304"},
		/* it left before the first command */
		{FAKE_CARD, CARD "status gone", CARD_GONE, "DF2304"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		struct act scene = {.text = table[i].text,
			.closed = table[i].text[0] == '!' ? 0 : 1,
			.steps = {{.op = CARD_OP_OPEN,
					  .outcome = table[i].outcome,
					  .request = OPEN_EXCLUSIVE,
					  .answer = table[i].answer},
				{.op = CARD_OP_CLOSE}}};

		fake_kind = table[i].kind;
		perform(&scene);
	}
}

static void a_card_that_was_recognised_before_is_asked_nothing(void **state)
{
	static const struct act same = {.text = CARD "> 00CA000101\n< 07 9000",
		.closed = 1,
		.steps = {{.op = CARD_OP_OPEN,
				  .request = OPEN_EXCLUSIVE HINT,
				  .answer = KIND_FAKE "DF2A0103"},
			{.op = CARD_OP_IDENTIFY, .answer = "C90107"}, {.op = CARD_OP_CLOSE}}};
	static const struct act other = {.text = "atr 3B03",
		.closed = 1,
		.steps = {A_REQUEST(CARD_OP_OPEN, CARD_GONE, OPEN_EXCLUSIVE HINT)}};
	/* half a hint is none */
	static const struct act half = {.text = OPENED,
		.closed = 1,
		.steps = {A_REQUEST(CARD_OP_OPEN, CARD_DONE, OPEN_EXCLUSIVE "C60466616B65"),
			{.op = CARD_OP_CLOSE}}};
	static const struct act without_atr = {.text = OPENED,
		.closed = 1,
		.steps = {A_REQUEST(CARD_OP_OPEN, CARD_DONE,
				  OPEN_EXCLUSIVE "C60466616B65C70666616B652D31"),
			{.op = CARD_OP_CLOSE}}};

	(void)state;
	perform(&same);
	perform(&other);
	perform(&half);
	perform(&without_atr);
}

static void requests_of_the_wrong_shape_send_nothing(void **state)
{
	static const struct act scene = {.text = OPENED,
		.closed = 1,
		.steps = {
			{.op = CARD_OP_READ_PUBLIC, .outcome = CARD_FAILED}, /* not open yet */
			{.op = CARD_OP_OPEN, .outcome = CARD_FAILED},	     /* no reader */
			A_REQUEST(CARD_OP_OPEN, CARD_FAILED, "C00141C5020101"),
			A_REQUEST(CARD_OP_OPEN, CARD_FAILED, "C00141C50102"),
			A_REQUEST(CARD_OP_OPEN, CARD_FAILED, "C00141DF500102"), /* no driver */
			A_REQUEST(CARD_OP_OPEN, CARD_FAILED, "C00141DF50020000"),
			A_REQUEST(CARD_OP_OPEN, CARD_NO_SERVICE, "C00141DF500101"),
			A_REQUEST(
				CARD_OP_OPEN, CARD_DONE, "C00141"), /* exclusive unless said */
			A_REQUEST(CARD_OP_OPEN, CARD_FAILED, OPEN_EXCLUSIVE),
			A_REQUEST(CARD_OP_SIGN, CARD_REFUSED, ""),
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_REFUSED,
				.request = KEYPAD,
				.pin = "1234"},
			{.op = CARD_OP_VERIFY, .outcome = CARD_PIN_REFUSED, .pin = "1234+5678"},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_REFUSED,
				.request = "D8020101",
				.pin = "1234"},
			/* a keypad that is neither 0 nor 1 is no keypad: then a pipe is missing */
			A_REQUEST(CARD_OP_VERIFY, CARD_PIN_REFUSED, "DF2A0102"),
			A_REQUEST(CARD_OP_VERIFY, CARD_PIN_REFUSED, "DF2A020101"),
			{.op = CARD_OP_CHANGE_PIN, .outcome = CARD_PIN_REFUSED, .pin = "1234"},
			{.op = CARD_OP_UNBLOCK_PIN, .outcome = CARD_PIN_REFUSED},
			{.op = CARD_OP_ALIVE, .outcome = CARD_ABSENT},
			{.op = CARD_OP_COUNT, .outcome = CARD_ABSENT},
			{.op = 255, .outcome = CARD_ABSENT, .pin = "left"},
			{.op = CARD_OP_CLOSE},
		}};

	(void)state;
	perform(&scene);
}

static void what_a_kind_does_not_have_is_absent(void **state)
{
	static const uint8_t ops[] = {CARD_OP_IDENTIFY, CARD_OP_READ_PUBLIC,
		CARD_OP_READ_PEOPLE, CARD_OP_PIN_STATE, CARD_OP_VERIFY, CARD_OP_READ_ACTIVITIES,
		CARD_OP_READ_PROTECTED, CARD_OP_SIGN, CARD_OP_CHANGE_PIN, CARD_OP_UNBLOCK_PIN,
		CARD_OP_KEEP_PEOPLE, CARD_OP_READ_ROLE};
	struct act scene = {.text = OPENED, .closed = 1, .steps = {OPEN_FIRST}};

	(void)state;
	fake_kind = FAKE_BARE;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		scene.steps[1 + i] = (struct step){.op = ops[i],
			.outcome = CARD_ABSENT,
			.pin = ops[i] == CARD_OP_VERIFY ? "1234" : NULL};
	}
	scene.steps[1 + ARRAY_LEN(ops)] = (struct step){.op = CARD_OP_CLOSE};
	perform(&scene);
}

/* -- the operations -------------------------------------------------------------------------------- */

static void every_request_is_handed_to_the_kind_and_answered(void **state)
{
	static const struct act scene = {
		.text = OPENED "> 00CA000101\n< 01 9000\n"
			       "> 00CA000701\n< 08 9000\n"
			       "> 00CA000201\n< 02 9000\n"
			       "> 00CA000601\n< 07 9000\n"
			       "> 00CA000301\n< 03 9000\n"
			       "> 00CA0004 02 0305\n< 6101\n> 00C0000001\n< 04 9000\n"
			       "> 00CA000401\n< 05 9000\n"
			       "> 00CA000501\n< 06 9000\n"
			       "> 002A00BE01CC\n< 9000\n"
			       "> 0084000002\n< 0A0B 9000\n"
			       "> 0088000001DD\n< 6102\n> 00C0000002\n< 0C0D 9000\n"
			       "> 0082000001EE\n< 9000\n"
			       "> 002A9E9A01FF\n< 6102\n> 00C0000002\n< 0E0F 9000\n" SERIAL_IS(
				       "1111") "reset\n" AGAIN SERIAL_IS("1111"),
		.closed = 1,
		.steps = {OPEN_FIRST, {.op = CARD_OP_IDENTIFY, .answer = "C90101"},
			{.op = CARD_OP_READ_ROLE, .answer = "CB0108"},
			{.op = CARD_OP_READ_PUBLIC, .answer = "CC0102"},
			{.op = CARD_OP_KEEP_PEOPLE, .answer = "CA0107"},
			{.op = CARD_OP_READ_PEOPLE, .answer = "D00103"},
			{.op = CARD_OP_READ_ACTIVITIES,
				.request = "DF2D020305",
				.answer = "D90104"},
			{.op = CARD_OP_READ_ACTIVITIES, .answer = "D90105"},
			{.op = CARD_OP_READ_PROTECTED, .answer = "DF250106"},
			{.op = CARD_OP_CHECK_CERTIFICATE, .request = "DD024341CB01CC"},
			{.op = CARD_OP_CHALLENGE,
				.request = "DE02484F",
				.answer = "DF21020A0B"},
			{.op = CARD_OP_INTERNAL_AUTHENTICATE,
				.request = "DF2101DD",
				.answer = "DF22020C0D"},
			{.op = CARD_OP_EXTERNAL_AUTHENTICATE, .request = "DF2201EE"},
			{.op = CARD_OP_SIGN, .request = "DF2101FF", .answer = "DF22020E0F"},
			{.op = CARD_OP_PRESENT, .answer = "DF2304"}, {.op = CARD_OP_RESET},
			{.op = CARD_OP_PRESENT}, {.op = CARD_OP_CLOSE}}};

	(void)state;
	perform(&scene);
}

static void what_a_card_refuses_is_answered_and_nothing_more(void **state)
{
	static const struct act scene = {.text = OPENED
					 "> 00CA000101\n< 6A82\n> 00CA000101\n< 6A80\n"
					 "> 00CA000201\n< 6982\n> 0084000002\n< 6985\n"
					 "> 0088000001DD\n< 6985\n> 002A9E9A01FF\n< 6982\n"
					 "> 00CA0004 01 03\n< 6A82\n"
					 "> 00CA000301\n< 1234\n",
		.closed = 1,
		.steps = {OPEN_FIRST,
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_ABSENT, .answer = "DF2304"},
			/* taken out of use: an answer that may say more */
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_UNUSABLE},
			{.op = CARD_OP_READ_PUBLIC, .outcome = CARD_DENIED},
			A_REQUEST(CARD_OP_CHALLENGE, CARD_REFUSED, "DE02484F"),
			A_REQUEST(CARD_OP_INTERNAL_AUTHENTICATE, CARD_REFUSED, "DF2101DD"),
			A_REQUEST(CARD_OP_SIGN, CARD_DENIED, "DF2101FF"),
			A_REQUEST(CARD_OP_READ_ACTIVITIES, CARD_ABSENT, "DF2D0103"),
			{.op = CARD_OP_READ_PEOPLE, .outcome = CARD_BROKEN, .answer = "DF2304"},
			{.op = CARD_OP_CLOSE}}};

	(void)state;
	perform(&scene);
}

/* More than one frame holds: no card of ours says so much. */
static void an_answer_that_fits_no_frame_is_broken(void **state)
{
	static const struct act scene = {
		.text = OPENED "> 00CA000101\n< 01 9000\n> 00CA000101\n< 01 9000\n",
		.closed = 1,
		.steps = {OPEN_FIRST,
			{.op = CARD_OP_IDENTIFY, .outcome = CARD_BROKEN, .answer = "DF2304"},
			{.op = CARD_OP_CLOSE}}};
	struct act fits = scene;

	(void)state;
	fake_much = CARD_BODY_MAX;
	fits.text = OPENED "> 00CA000101\n< 01 9000\n";
	perform(&fits);
	fake_much = CARD_BODY_MAX - 3;
	fits.steps[1] = (struct step){.op = CARD_OP_IDENTIFY};
	perform(&fits);
}

static void the_counters_are_the_cards(void **state)
{
	static const struct act scene = {
		.text = OPENED "> 00200001\n< 63C2\n> 00200001\n< 63D1\n> 00200001\n! mute\n",
		.closed = 1,
		.steps = {OPEN_FIRST, {.op = CARD_OP_PIN_STATE, .answer = "D60102D70100DF23"},
			{.op = CARD_OP_PIN_STATE, .answer = "D60101D70100DF2B0109DF2C01FFDF23"},
			{.op = CARD_OP_PIN_STATE, .outcome = CARD_MUTE, .answer = "DF2304"},
			{.op = CARD_OP_CLOSE}}};

	(void)state;
	perform(&scene);
}

/* -- codes ------------------------------------------------------------------------------------------ */

static void codes_come_through_pipes_or_the_keypad(void **state)
{
	static const struct act scene = {.text = OPENED
					 "> 0020000104 31323334\n< 9000\n"
					 "> 0020000104 39393939\n< 63C2\n"
					 "> 0024000108 31323334 35363738\n< 9000\n"
					 "> 002C000108 38383838 35363738\n< 63C9\n"
					 "keys 0020000104 FFFFFFFF\n< 9000\n"
					 "keys 0020000104 FFFFFFFF\n< 63C1\n"
					 "keys 0024000108 FFFFFFFF FFFFFFFF\n< 9000\n"
					 "keys 002C000108 FFFFFFFF FFFFFFFF\n< 9000\n",
		.closed = 2, /* the reader resets the card: a right was obtained */
		.steps = {OPEN_FIRST, {.op = CARD_OP_VERIFY, .pin = "1234", .answer = "D60103"},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_WRONG,
				.pin = "9999",
				.answer = "D60102"},
			{.op = CARD_OP_CHANGE_PIN, .pin = "1234+5678", .answer = "D60103"},
			{.op = CARD_OP_UNBLOCK_PIN,
				.outcome = CARD_PIN_WRONG,
				.pin = "8888+5678",
				.answer = "D60109"},
			{.op = CARD_OP_VERIFY, .request = KEYPAD, .answer = "D60103"},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_PIN_WRONG,
				.request = KEYPAD "D80101",
				.answer = "D60101"},
			{.op = CARD_OP_CHANGE_PIN, .request = KEYPAD},
			{.op = CARD_OP_UNBLOCK_PIN, .request = KEYPAD "D80100"},
			{.op = CARD_OP_CLOSE}}};

	(void)state;
	perform(&scene);
	assert_true(fake_last_entry.keypad);
	assert_false(fake_last_entry.last_try);
	assert_int_equal(fake_last_entry.fds[0], -1);
}

static void a_confirmed_last_try_is_passed_on(void **state)
{
	static const struct act scene = {.text = OPENED "> 0020000104 31323334\n< 9000\n",
		.closed = 2,
		.steps = {OPEN_FIRST,
			{.op = CARD_OP_VERIFY, .request = "D80101", .pin = "1234"},
			{.op = CARD_OP_CLOSE}}};

	(void)state;
	perform(&scene);
	assert_true(fake_last_entry.last_try);
	assert_false(fake_last_entry.keypad);
}

static void what_the_keypad_says_is_no_word_of_the_card(void **state)
{
	static const struct act scene = {.text = OPENED
					 "keys 0020000104 FFFFFFFF\n! cancelled\n"
					 "keys 0020000104 FFFFFFFF\n! late\n"
					 "keys 0020000104 FFFFFFFF\n! refused\n"
					 "keys 0020000104 FFFFFFFF\n! no-pinpad\n"
					 "keys 0020000104 FFFFFFFF\n! gone\n",
		.closed = 2,
		.steps = {OPEN_FIRST,
			/* only the SELECT of OPEN has gone over the line */
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_CANCELLED,
				.request = KEYPAD,
				.answer = "DF230400000001"},
			{.op = CARD_OP_VERIFY,
				.outcome = CARD_LATE,
				.request = KEYPAD,
				.answer = "DF230400000001"},
			A_REQUEST(CARD_OP_VERIFY, CARD_PIN_REFUSED, KEYPAD),
			A_REQUEST(CARD_OP_VERIFY, CARD_ABSENT, KEYPAD),
			A_REQUEST(CARD_OP_VERIFY, CARD_GONE, KEYPAD), {.op = CARD_OP_CLOSE}}};
	static const struct act no_keypad = {
		.text = "atr 3B02\npinpad verify\n> 00A4000001AA\n< 9000\n"
			"keys 0020000104 FFFFFFFF\n< 9000\n",
		.closed = 2,
		.steps = {OPEN_FIRST, A_REQUEST(CARD_OP_CHANGE_PIN, CARD_ABSENT, KEYPAD),
			A_REQUEST(CARD_OP_UNBLOCK_PIN, CARD_ABSENT, KEYPAD),
			A_REQUEST(CARD_OP_VERIFY, CARD_DONE, KEYPAD), {.op = CARD_OP_CLOSE}}};

	(void)state;
	perform(&scene);
	perform(&no_keypad);
}

#define TEST(name) cmocka_unit_test_setup(name, act_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opening_tells_what_it_is_and_what_the_reader_can),
		TEST(a_card_that_was_recognised_before_is_asked_nothing),
		TEST(requests_of_the_wrong_shape_send_nothing),
		TEST(what_a_kind_does_not_have_is_absent),
		TEST(every_request_is_handed_to_the_kind_and_answered),
		TEST(what_a_card_refuses_is_answered_and_nothing_more),
		TEST(an_answer_that_fits_no_frame_is_broken),
		TEST(the_counters_are_the_cards),
		TEST(codes_come_through_pipes_or_the_keypad),
		TEST(a_confirmed_last_try_is_passed_on),
		TEST(what_the_keypad_says_is_no_word_of_the_card),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
