/* SPDX-License-Identifier: EUPL-1.2 */
/* What a card says of its PIN and PUK, however it says it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <unistd.h>

#include "base/tlv.h"
#include "drivers/card/cps/cps.h"
#include "tests/unit/card/model.h"

static struct model m;
static struct card c;
static struct buf body = {.max = 1024};

static void begin(void (*make)(struct model *m))
{
	make(&m);
	model_card(&m, &c);
	model_forget_lines(&m);
}

static void end(void)
{
	card_done(&c);
	model_done(&m);
	buf_done(&body);
}

static void verify(const char *pin, int outcome)
{
	struct card_entry e = {.fds = {model_pipe(pin), -1}};

	assert_int_equal(c.driver->verify(&c, &e, &body), outcome);
	assert_int_equal(c.verified, outcome == CARD_DONE);
	close(e.fds[0]);
}

static void (*const makes[])(struct model *m) = {model_cps3, model_cps4};

static void state_is(int outcome, uint8_t tries, bool verified, int puk_tries, int puk_uses)
{
	struct card_pin pin = {.tries = 99};

	assert_int_equal(c.driver->pin_state(&c, &pin), outcome);
	if (outcome != CARD_DONE) {
		assert_int_equal(pin.tries, 99);
		return;
	}
	assert_int_equal(pin.tries, tries);
	assert_int_equal(pin.verified, verified);
	assert_int_equal(pin.puk_known, puk_tries >= 0);
	if (puk_tries >= 0) {
		assert_int_equal(pin.puk_tries, puk_tries);
		assert_int_equal(pin.puk_uses, puk_uses);
	}
}

static void the_state_is_asked_by_an_empty_verify(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(makes); i++) {
		begin(makes[i]);
		state_is(CARD_DONE, 3, false, -1, 0);
		assert_int_equal(m.n_lines, 1);
		verify("9999", CARD_PIN_WRONG);
		state_is(CARD_DONE, 2, false, -1, 0);
		verify("1234", CARD_DONE);
		state_is(CARD_DONE, 3, true, -1, 0);
		m.verified = false; /* the card forgot it */
		state_is(CARD_DONE, 3, false, -1, 0);
		m.verified = true; /* another program's */
		state_is(CARD_DONE, 3, false, -1, 0);
		end();
	}
}

static void a_card_that_does_not_know_the_question_is_asked_for_its_object(void **state)
{
	static const char *const refusals[] = {"6700", "6A86", "6D00", "6300"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refusals); i++) {
		begin(model_cps3);
		model_rule(&m, "0020000100", refusals[i]);
		state_is(CARD_DONE, 3, false, -1, 0);
		assert_int_equal(model_sent(&m, "00CB3FFF"), 1);
		end();
		begin(model_cps4);
		model_rule(&m, "0120000100", refusals[i]);
		state_is(CARD_ABSENT, 0, false, -1, 0);
		verify("1234", CARD_ABSENT);
		assert_int_equal(model_sent(&m, "0120000104"), 0);
		end();
	}
}

static void a_blocked_pin_shows_what_the_puk_has_left(void **state)
{
	(void)state;
	begin(model_cps3);
	m.tries = 0;
	m.puk_tries = 9;
	state_is(CARD_DONE, 0, false, 9, 100);
	m.puk_uses = 300;
	state_is(CARD_DONE, 0, false, 9, 255);
	model_rule(&m, "00CB", "6A88");
	state_is(CARD_DONE, 0, false, 9, 255); /* by VERIFY without data */
	model_rule(&m, "00CB", "6A80");
	state_is(CARD_DONE, 0, false, 9, 255);
	model_rule(&m, "0020000200", "6A88");
	state_is(CARD_DONE, 0, false, -1, 0);
	model_rule(&m, "0020000200", "gone");
	state_is(CARD_GONE, 0, false, -1, 0);
	end();
	begin(model_cps4);
	m.tries = 0;
	state_is(CARD_DONE, 0, false, 10, 255);
	m.puk_verified = true;
	m.puk_tries = 4;
	state_is(CARD_DONE, 0, false, 10, 255); /* right just now: full */
	end();
}

static void an_object_that_says_nothing_is_broken(void **state)
{
	static const char *const answers[] = {
		"5016BF810112A0109A01039B0103A1088C06F3000013FF009000",
		"7006BF810202A0009000",
		"7006BF810102A1009000",
		"7006BF810102A0009000",
		"700ABF810106A0049B0200039000",
		"7081",
		"9000",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		begin(model_cps3);
		m.no_empty = true;
		model_rule(&m, "00C0", answers[i]);
		model_rule(&m, "00CB", "6110");
		state_is(CARD_BROKEN, 0, false, -1, 0);
		end();
	}
	begin(model_cps3);
	m.no_empty = true;
	model_rule(&m, "00A4090C02", "6A82");
	state_is(CARD_ABSENT, 0, false, -1, 0);
	model_rule(&m, "0020000100", "mute");
	state_is(CARD_MUTE, 0, false, -1, 0);
	end();
}

static void uses_of_any_length_are_understood(void **state)
{
	static const struct {
		const char *answer;
		int uses;
	} table[] = {
		{"701ABF810216A0149A010A9B01099D020001A1088C06F3FF00FFFF009000", 1},
		{"700DBF810209A0079B01099D0201009000", 255},
		{"700CBF810208A0069B01099D010A9000", 10},
		{"700EBF81020AA0089B01099D030000019000", 255}, /* no such number */
		{"7009BF810205A0039B01099000", 255},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		begin(model_cps3);
		m.tries = 0;
		model_rule(&m, "00C0", table[i].answer);
		model_rule(&m, "00CB", "611E");
		state_is(CARD_DONE, 0, false, 9, table[i].uses);
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_state_is_asked_by_an_empty_verify),
		cmocka_unit_test(
			a_card_that_does_not_know_the_question_is_asked_for_its_object),
		cmocka_unit_test(a_blocked_pin_shows_what_the_puk_has_left),
		cmocka_unit_test(an_object_that_says_nothing_is_broken),
		cmocka_unit_test(uses_of_any_length_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
