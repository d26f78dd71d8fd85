/* SPDX-License-Identifier: EUPL-1.2 */
/* PIN jobs: the way, every outcome of the card, and who may have one. */
#include "base/clock.h"
#include "tests/unit/session/pins-desk.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

/* -- the way ----------------------------------------------------------------------------------------- */

static void a_pin_is_changed_with_the_old_and_the_new_one(void **state)
{
	struct desk_op *change = &t.played->ops[CARD_OP_CHANGE_PIN];

	(void)state;
	pins_card_says(CARD_OP_CHANGE_PIN, CARD_DONE, 3);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_true(t.card->job);
	assert_int_equal(t.card->in_use_uid, 1000);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, "started"), 1);
	pins_finish(VITALED_REASON_NONE);
	assert_int_equal(t.tries, 3);
	assert_string_equal(t.questions, "pin new-pin ");
	assert_int_equal(t.tries_told, 3);
	assert_int_equal(t.stopped, 0);
	assert_int_equal(change->asked, 1);
	assert_true(view_equal(buf_view(&change->codes[0]), VIEW_TEXT("1234")));
	assert_true(view_equal(buf_view(&change->codes[1]), VIEW_TEXT("5678")));
	assert_int_equal(pins_sent_u8(CARD_OP_CHANGE_PIN, LINK_TAG_LAST_TRY), 0);
	assert_int_equal(pins_sent_u8(CARD_OP_CHANGE_PIN, LINK_TAG_PINPAD), UINT8_MAX);
	assert_int_equal(t.played->ops[CARD_OP_CLOSE].asked, 1); /* reset, before done */
	assert_int_equal(t.played->ops[CARD_OP_VERIFY].asked, 0);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, "ok"), 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, NULL), 2);
	assert_int_equal(t.card->in_use_uid, (uid_t)-1);
}

static void a_pin_is_unblocked_with_the_puk_and_a_new_one(void **state)
{
	struct desk_op *unblock = &t.played->ops[CARD_OP_UNBLOCK_PIN];

	(void)state;
	pins_puk_is(10, 255);
	pins_card_says(CARD_OP_UNBLOCK_PIN, CARD_DONE, 10);
	t.twice = true; /* a second answer to a question changes nothing */
	assert_int_equal(pins_start(PIN_JOB_UNBLOCK), 0);
	pins_finish(VITALED_REASON_NONE);
	assert_string_equal(t.questions, "puk new-pin ");
	assert_int_equal(t.tries_told, 10);
	assert_true(view_equal(buf_view(&unblock->codes[0]), VIEW_TEXT("1234")));
	assert_true(view_equal(buf_view(&unblock->codes[1]), VIEW_TEXT("5678")));
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_UNBLOCKED, "started"), 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_UNBLOCKED, "ok"), 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, NULL), 0);
}

static void every_outcome_of_the_codes_has_a_reason_and_is_sent_once(void **state)
{
	static const struct {
		uint8_t outcome;
		int tries;
		enum vitaled_reason why;
		uint8_t told;
		unsigned int closed;
	} rows[] = {
		{CARD_PIN_WRONG, 2, VITALED_REASON_PIN_WRONG, 2, 1},
		{CARD_PIN_WRONG, -1, VITALED_REASON_PIN_WRONG, 255, 1},
		{CARD_PIN_BLOCKED, 0, VITALED_REASON_PIN_BLOCKED, 0, 1},
		{CARD_PIN_BLOCKED, -1, VITALED_REASON_PIN_BLOCKED, 0, 1},
		{CARD_PIN_REFUSED, -1, VITALED_REASON_PIN_REFUSED, 255, 1},
		{CARD_CANCELLED, -1, VITALED_REASON_CANCELLED, 255, 1},
		{CARD_LATE, -1, VITALED_REASON_TIMEOUT, 255, 1},
		{CARD_MUTE, -1, VITALED_REASON_CARD_BROKEN, 255, 0},
		{CARD_GONE, -1, VITALED_REASON_CARD_REMOVED, 255, 0},
		{CARD_UNKNOWN, -1, VITALED_REASON_CARD_UNKNOWN, 255, 0},
		{CARD_UNSUPPORTED, -1, VITALED_REASON_CARD_UNSUPPORTED, 255, 0},
		{CARD_BROKEN, -1, VITALED_REASON_CARD_BROKEN, 255, 0},
		{CARD_BUSY, -1, VITALED_REASON_BUSY, 255, 0},
		{CARD_NO_SERVICE, -1, VITALED_REASON_NO_READER_SERVICE, 255, 0},
		{CARD_NO_READER, -1, VITALED_REASON_NO_READER, 255, 0},
		{CARD_DENIED, -1, VITALED_REASON_PIN_REFUSED, 255, 0},
		{CARD_REFUSED, -1, VITALED_REASON_PIN_REFUSED, 255, 0},
		{CARD_ABSENT, -1, VITALED_REASON_CARD_UNSUPPORTED, 255, 0},
		{CARD_FAILED, -1, VITALED_REASON_CHILD_FAILED, 255, 0},
		{CARD_UNUSABLE, -1, VITALED_REASON_CARD_BROKEN, 255, 0},
		{99, -1, VITALED_REASON_CHILD_FAILED, 255, 0},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		pins_again();
		pins_card_says(CARD_OP_CHANGE_PIN, rows[i].outcome, rows[i].tries);
		assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
		pins_finish(rows[i].why);
		assert_int_equal(t.tries, rows[i].told);
		assert_int_equal(t.played->ops[CARD_OP_CHANGE_PIN].asked, 1);
		assert_int_equal(t.played->ops[CARD_OP_CLOSE].asked, rows[i].closed);
		assert_string_equal(t.questions, "pin new-pin ");
	}
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, "pin-wrong"), 2);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, NULL), 2 * ARRAY_LEN(rows));
}

static void the_last_try_is_confirmed_before_any_code_is_asked(void **state)
{
	(void)state;
	pins_card_says(CARD_OP_PIN_STATE, CARD_DONE, 1);
	t.last_try = true;
	t.twice = true;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_NONE);
	assert_string_equal(t.questions, "last: pin pin new-pin ");
	assert_int_equal(pins_sent_u8(CARD_OP_CHANGE_PIN, LINK_TAG_LAST_TRY), 1);
	pins_again();
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0); /* the person says no */
	pins_finish(VITALED_REASON_CANCELLED);
	assert_string_equal(t.questions, "last: pin ");
	assert_int_equal(t.played->ops[CARD_OP_CHANGE_PIN].asked, 0);
	assert_int_equal(t.played->ops[CARD_OP_CLOSE].asked, 1);
	pins_again();
	pins_puk_is(1, 3);
	t.last_try = true;
	assert_int_equal(pins_start(PIN_JOB_UNBLOCK), 0);
	pins_finish(VITALED_REASON_NONE);
	assert_string_equal(t.questions, "last: puk puk new-pin ");
	assert_int_equal(pins_sent_u8(CARD_OP_UNBLOCK_PIN, LINK_TAG_LAST_TRY), 1);
}

static void a_last_try_that_only_the_card_knows_of_is_confirmed_and_asked_anew(void **state)
{
	(void)state;
	pins_card_says(CARD_OP_PIN_STATE, CARD_DONE, -1); /* it does not tell */
	pins_card_says(CARD_OP_CHANGE_PIN, CARD_PIN_LAST, 1);
	t.last_try = true;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_PIN_REFUSED); /* it says so for ever: not a third time */
	assert_string_equal(t.questions, "pin new-pin last: pin pin new-pin ");
	assert_int_equal(t.played->ops[CARD_OP_CHANGE_PIN].asked, 2);
	assert_int_equal(pins_sent_u8(CARD_OP_CHANGE_PIN, LINK_TAG_LAST_TRY), 1);
	pins_again();
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_CANCELLED);
	assert_string_equal(t.questions, "pin new-pin last: pin ");
}

static void a_blocked_code_is_not_asked_for(void **state)
{
	static const struct {
		int tries;
		int uses;
	} rows[] = {{0, 5}, {0, -1}, {3, 0}, {-1, 0}};

	(void)state;
	pins_card_says(CARD_OP_PIN_STATE, CARD_DONE, 0);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_PIN_BLOCKED);
	assert_int_equal(t.tries, 0);
	assert_string_equal(t.questions, "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		pins_again();
		pins_puk_is(rows[i].tries, rows[i].uses);
		assert_int_equal(pins_start(PIN_JOB_UNBLOCK), 0);
		pins_finish(VITALED_REASON_PIN_BLOCKED);
		assert_string_equal(t.questions, "");
	}
	pins_again();
	pins_puk_is(-1, -1); /* it does not tell */
	assert_int_equal(pins_start(PIN_JOB_UNBLOCK), 0);
	pins_finish(VITALED_REASON_NONE);
	assert_int_equal(t.tries_told, 255);
}

static void on_a_reader_with_keys_the_codes_never_come_here(void **state)
{
	struct buf *open = &t.played->ops[CARD_OP_OPEN].body;

	(void)state;
	tlv_put_u8(open, LINK_TAG_PINPAD, CARD_PINPAD_VERIFY | CARD_PINPAD_MODIFY);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_NONE);
	assert_string_equal(t.questions, "keypad: pin ");
	assert_int_equal(t.tries_told, 3);
	assert_int_equal(t.stopped, 1);
	assert_int_equal(t.stop, VITALED_REASON_NONE);
	assert_int_equal(pins_sent_u8(CARD_OP_CHANGE_PIN, LINK_TAG_PINPAD), 1);
	pins_again();
	pins_card_says(CARD_OP_UNBLOCK_PIN, CARD_CANCELLED, -1);
	assert_int_equal(pins_start(PIN_JOB_UNBLOCK), 0);
	pins_finish(VITALED_REASON_CANCELLED);
	assert_string_equal(t.questions, "keypad: puk ");
	assert_int_equal(t.stop, VITALED_REASON_CANCELLED);
	pins_again();
	pins_card_says(CARD_OP_CHANGE_PIN, CARD_PIN_LAST, -1);
	t.last_try = true;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_PIN_REFUSED);
	assert_string_equal(t.questions, "keypad: pin last: pin keypad: pin ");
	assert_int_equal(t.stopped, 2);
	/* keys that only verify are of no use here */
	pins_again();
	buf_reset(open);
	tlv_put_u8(open, LINK_TAG_PINPAD, CARD_PINPAD_VERIFY);
	pins_card_says(CARD_OP_CHANGE_PIN, CARD_DONE, -1);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_NONE);
	assert_string_equal(t.questions, "pin new-pin ");
}

/* -- who may ---------------------------------------------------------------------------------------- */

static void only_a_free_card_of_a_professional_has_a_job(void **state)
{
	(void)state;
	t.card->kind = CARD_KIND_VITALE;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), PIN_JOB_KIND_CARD);
	t.card->kind = CARD_KIND_CPE;
	t.card->recognised = false;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), PIN_JOB_KIND_CARD);
	t.card->reader->lent = true;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), PIN_JOB_BUSY);
	t.card->recognised = true;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), PIN_JOB_BUSY);
	t.card->reader->lent = false;
	t.sessions = true; /* of another card */
	t.answer = NEVER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_int_equal(pins_start(PIN_JOB_UNBLOCK), PIN_JOB_BUSY);
	pins_owner_gone(t.all, ":1.7");
	pins_finish(VITALED_REASON_OWNER_GONE);
	pins_again();
	t.sessions = true;
	t.session.professional_side.card = t.card;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), PIN_JOB_BUSY);
	t.session.professional_side.card = NULL;
	t.wanted = true; /* by an emergency that waits for it */
	assert_int_equal(pins_start(PIN_JOB_CHANGE), PIN_JOB_BUSY);
	t.wanted = false;
	assert_int_equal(cards_claim(desk.cards, t.card, 1001, &t), 0);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), PIN_JOB_BUSY);
	assert_int_equal(t.locked, 0);
	assert_int_equal(t.done, 0);
}

static void the_idle_life_of_the_same_user_is_given_up_first(void **state)
{
	(void)state;
	assert_int_equal(cards_claim(desk.cards, t.card, 1000, &t), 0);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_int_equal(t.locked, 1);
	desk_settle(50);
	assert_int_equal(t.played->ops[CARD_OP_OPEN].asked, 0);
	cards_touch(desk.cards, t.card); /* not yet */
	cards_release(desk.cards, t.card);
	pins_finish(VITALED_REASON_NONE);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, "ok"), 1);
}

static void a_life_that_does_not_end_is_not_waited_for_for_ever(void **state)
{
	(void)state;
	world_hurry = 50;
	assert_int_equal(cards_claim(desk.cards, t.card, 1000, &t), 0);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_true(desk_run(pins_done, NULL, 20000));
	assert_int_equal(t.why, VITALED_REASON_BUSY);
	assert_non_null(t.card->child); /* it is not ours to end */
	cards_release(desk.cards, t.card);
	pins_again();
	/* or somebody else is quicker */
	assert_int_equal(cards_claim(desk.cards, t.card, 1000, &t), 0);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	cards_release(desk.cards, t.card);
	assert_int_equal(cards_claim(desk.cards, t.card, 1001, &t), 0);
	assert_true(desk_run(pins_done, NULL, 20000));
	assert_int_equal(t.why, VITALED_REASON_BUSY);
	assert_int_equal(t.card->in_use_uid, 1001);
}

static void nothing_is_tried_that_the_record_does_not_take(void **state)
{
	(void)state;
	desk_audit_fails = 1;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), PIN_JOB_AUDIT);
	assert_null(t.card->child);
	desk_settle(50);
	assert_int_equal(t.played->ops[CARD_OP_OPEN].asked, 0);
	/* what the card did is told even if its entry fails */
	desk_audit_fails = 2;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_NONE);
	desk_audit_fails = 0;
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, "started"), 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, "ok"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pins_setup, pins_teardown)
	const struct CMUnitTest tests[] = {
		T(a_pin_is_changed_with_the_old_and_the_new_one),
		T(a_pin_is_unblocked_with_the_puk_and_a_new_one),
		T(every_outcome_of_the_codes_has_a_reason_and_is_sent_once),
		T(the_last_try_is_confirmed_before_any_code_is_asked),
		T(a_last_try_that_only_the_card_knows_of_is_confirmed_and_asked_anew),
		T(a_blocked_code_is_not_asked_for),
		T(on_a_reader_with_keys_the_codes_never_come_here),
		T(only_a_free_card_of_a_professional_has_a_job),
		T(the_idle_life_of_the_same_user_is_given_up_first),
		T(a_life_that_does_not_end_is_not_waited_for_for_ever),
		T(nothing_is_tried_that_the_record_does_not_take),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
