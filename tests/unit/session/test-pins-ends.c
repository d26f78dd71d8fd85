/* SPDX-License-Identifier: EUPL-1.2 */
/* PIN jobs: every end, every death on the way, and calls that fail. */
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

/* -- ends ------------------------------------------------------------------------------------------- */

static void a_busy_card_is_opened_a_little_later(void **state)
{
	struct desk_op *open = &t.played->ops[CARD_OP_OPEN];

	(void)state;
	world_hurry = 20;
	pins_card_says(CARD_OP_OPEN, CARD_BUSY, -1);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	while (open->asked < 3) {
		desk_settle(5);
	}
	open->outcome = CARD_DONE;
	pins_finish(VITALED_REASON_NONE);
	pins_again();
	open->outcome = CARD_BUSY;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_BUSY);
	assert_int_equal(open->asked, 9);
}

static void opening_and_state_may_fail_in_every_way(void **state)
{
	static const struct {
		enum card_op op;
		uint8_t outcome;
		enum vitaled_reason why;
	} rows[] = {
		{CARD_OP_OPEN, CARD_GONE, VITALED_REASON_CARD_REMOVED},
		{CARD_OP_OPEN, CARD_NO_SERVICE, VITALED_REASON_NO_READER_SERVICE},
		{CARD_OP_OPEN, CARD_FAILED, VITALED_REASON_CHILD_FAILED},
		{CARD_OP_OPEN, CARD_READER_FAILED, VITALED_REASON_READER_FAILED},
		{CARD_OP_PIN_STATE, CARD_ABSENT, VITALED_REASON_CARD_UNSUPPORTED},
		{CARD_OP_PIN_STATE, CARD_BROKEN, VITALED_REASON_CARD_BROKEN},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		pins_again();
		t.played->ops[rows[i].op].outcome = rows[i].outcome;
		assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
		pins_finish(rows[i].why);
		assert_int_equal(t.asked, 0);
		t.played->ops[rows[i].op].outcome = CARD_DONE;
	}
}

static void the_process_may_die_at_every_step(void **state)
{
	static const enum card_op steps[] = {
		CARD_OP_OPEN, CARD_OP_PIN_STATE, CARD_OP_CHANGE_PIN, CARD_OP_CLOSE};

	static const enum deed deeds[] = {DEED_EXIT, DEED_CRASH, DEED_MALFORMED, DEED_SEQ,
		DEED_OP, DEED_REQUEST, DEED_EVENT, DEED_FLOOD, DEED_SILENT};

	(void)state;
	world_hurry_requests = 20;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		for (size_t d = 0; d < ARRAY_LEN(deeds); d++) {
			pins_again();
			t.played->ops[steps[i]].deed = deeds[d];
			assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
			/* once the card has answered, that is the outcome */
			pins_finish(steps[i] == CARD_OP_CLOSE ? VITALED_REASON_NONE
							      : VITALED_REASON_CHILD_FAILED);
			assert_true(t.played->ops[CARD_OP_CHANGE_PIN].asked <= 1);
			t.played->ops[steps[i]].deed = DEED_WELL;
		}
	}
	assert_int_equal(desk.working, 0);
}

static void a_process_that_dies_while_a_person_is_asked_ends_the_job(void **state)
{
	(void)state;
	t.answer = NEVER;
	t.played->ops[CARD_OP_PIN_STATE].deed = DEED_TWICE;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_CHILD_FAILED);
	assert_int_equal(t.asked, 1);
	assert_int_equal(t.stopped, 1);
	assert_int_equal(t.stop, VITALED_REASON_CHILD_FAILED);
}

static void the_card_may_leave_at_every_step(void **state)
{
	static const enum card_op steps[] = {
		CARD_OP_OPEN, CARD_OP_PIN_STATE, CARD_OP_CHANGE_PIN, CARD_OP_CLOSE};
	enum card_op op;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		pins_again();
		op = steps[i];
		t.played->ops[op].deed = DEED_SILENT;
		assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
		assert_true(desk_run(pins_sent, &op, 10000));
		desk_out(t.played);
		pins_finish(op == CARD_OP_CLOSE ? VITALED_REASON_NONE
						: VITALED_REASON_CARD_REMOVED);
		t.played->ops[op].deed = DEED_WELL;
		desk_forget();
		desk_in(t.played);
		desk_hear("cps");
	}
	pins_again();
	t.answer = NEVER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_true(desk_run(pins_asking, NULL, 10000));
	desk_out(t.played);
	pins_finish(VITALED_REASON_CARD_REMOVED);
	assert_int_equal(t.stop, VITALED_REASON_CARD_REMOVED);
	assert_int_equal(t.stopped, 1);
	desk_forget();
	desk_in(t.played);
	desk_hear("cps");
	pins_again(); /* while an idle life is given up */
	assert_int_equal(cards_claim(desk.cards, t.card, 1000, &t), 0);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	desk_out(t.played);
	pins_finish(VITALED_REASON_CARD_REMOVED);
}

static void an_agent_that_fails_ends_the_job_in_order(void **state)
{
	(void)state;
	pins_card_says(CARD_OP_PIN_STATE, CARD_DONE, 1);
	t.last_try = true;
	for (unsigned int from = 1; from <= 3; from++) {
		pins_again();
		t.last_try = true;
		t.answer = from > 1 ? GIVE : FAIL;
		t.fail_from = from;
		if (from > 1) {
			pins_card_says(CARD_OP_PIN_STATE, CARD_DONE, 3);
			t.answer = FAIL;
			t.fail_from = from - 1;
		}
		assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
		pins_finish(VITALED_REASON_NO_AGENT);
		assert_int_equal(t.stopped, 0);
		assert_int_equal(t.played->ops[CARD_OP_CHANGE_PIN].asked, 0);
		assert_int_equal(t.played->ops[CARD_OP_CLOSE].asked, 1);
	}
}

static void nobody_is_waited_for_longer_than_two_minutes(void **state)
{
	(void)state;
	world_hurry = 2000;
	t.answer = NEVER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_TIMEOUT);
	assert_int_equal(world_clock_long, CLOCK_BOOTTIME);
	assert_int_equal(t.stopped, 1);
	assert_int_equal(t.stop, VITALED_REASON_TIMEOUT);
	pins_again();
	pins_card_says(CARD_OP_PIN_STATE, CARD_DONE, 1);
	t.answer = NEVER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_finish(VITALED_REASON_TIMEOUT);
	assert_int_equal(t.stopped, 1);
}

static void answers_that_nobody_waits_for_are_left_alone(void **state)
{
	(void)state;
	t.answer = LATER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_true(desk_run(pins_asking, NULL, 10000));
	t.busy = true;
	pin_job_last_try(t.job, false);
	pins_give(t.job, "1234");
	pins_give(t.job, "4321"); /* closed */
	pin_job_failed(t.job, VITALED_REASON_NO_AGENT);
	t.busy = false;
	while (t.asked < 2) {
		desk_settle(5);
	}
	t.played->ops[CARD_OP_CHANGE_PIN].deed = DEED_SILENT;
	t.played->ops[CARD_OP_CHANGE_PIN].bad_only = 1;
	pins_give(t.job, "5678");
	while (t.played->ops[CARD_OP_CHANGE_PIN].asked == 0) {
		desk_settle(5);
	}
	/* the card has the codes: whoever leaves now, its outcome counts */
	pin_job_failed(t.job, VITALED_REASON_NO_AGENT);
	pins_owner_gone(t.all, ":1.7");
	pins_give(t.job, "0000");
	desk_settle(50);
	assert_int_equal(t.done, 0);
	assert_int_equal(pin_job_kind(t.job), PIN_JOB_CHANGE);
	assert_int_equal(pin_job_uid(t.job), 1000);
	assert_string_equal(pin_job_owner(t.job), ":1.7");
	desk_out(t.played);
	pins_finish(VITALED_REASON_CARD_REMOVED);
}

static void an_owner_who_goes_cancels_and_a_forgotten_call_is_not_answered(void **state)
{
	int other;

	(void)state;
	t.answer = NEVER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_true(desk_run(pins_asking, NULL, 10000));
	pins_owner_gone(t.all, ":1.8");
	pins_forget(t.all, &other);
	t.busy = true;
	pins_owner_gone(t.all, ":1.7");
	t.busy = false;
	pins_finish(VITALED_REASON_OWNER_GONE);
	assert_int_equal(t.stopped, 1);
	pins_again();
	t.answer = NEVER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_true(desk_run(pins_asking, NULL, 10000));
	pins_forget(t.all, &t);
	assert_int_equal(t.stopped, 1);
	desk_settle(200);
	assert_int_equal(t.done, 0);
	assert_null(t.card->child);
	pins_again(); /* before anything was asked */
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	pins_forget(t.all, &t);
	desk_settle(100);
	assert_null(t.card->child);
	assert_int_equal(t.asked, 0);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, "owner-gone"), 3);
	pins_again(); /* and with the room */
	t.answer = NEVER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_true(desk_run(pins_asking, NULL, 10000));
	t.all = pins_free(t.all);
	assert_null(t.card->child);
	assert_int_equal(t.done, 0);
	assert_null(pins_free(NULL));
}

static void codes_have_words(void **state)
{
	(void)state;
	assert_string_equal(pin_code_word(PIN_CODE_PIN), "pin");
	assert_string_equal(pin_code_word(PIN_CODE_NEW), "new-pin");
	assert_string_equal(pin_code_word(PIN_CODE_PUK), "puk");
	assert_string_equal(pin_code_word((enum pin_code)99), "pin");
}

/* Each call of the room fails once: the job is done or it has a reason, and nothing stays. */
static void any_call_may_fail(void **state)
{
	unsigned int n = 0;
	unsigned int last = 1;
	int r;

	(void)state;
	while (last >= n) {
		pins_again();
		memory_arm(++n);
		r = pins_start(PIN_JOB_CHANGE);
		if (r == 0) {
			(void)desk_run(pins_done, NULL, 3000);
		}
		last = memory_count();
		memory_pause();
		memory_arm(0);
		assert_true(r <= 0 || r == PIN_JOB_AUDIT);
		assert_int_equal(t.done, r == 0 ? 1 : 0);
		assert_true(t.played->ops[CARD_OP_CHANGE_PIN].asked <= 1);
		desk_settle(30);
		assert_null(t.card->child);
		memory_resume();
	}
	assert_int_equal(t.why, VITALED_REASON_NONE);
	assert_true(n > 20);
	t.all = pins_free(t.all);
	for (n = 1, r = -ENOMEM; r < 0; n++) {
		memory_arm(n);
		r = pins_new(desk.ev, desk.cards, NULL, desk.audit, &pins_desk_ops, &t, &t.all);
		memory_arm(0);
	}
	assert_int_equal(n, 3);
}

static void what_an_emergency_wants_is_given_up_while_a_person_is_asked(void **state)
{
	(void)state;
	t.answer = NEVER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_int_equal(t.card->job, CARD_JOB_WORKS);
	cards_want(desk.cards, t.card); /* it is being opened: not in the middle of that */
	assert_true(desk_run(pins_asking, NULL, 10000));
	assert_int_equal(t.card->job, CARD_JOB_ASKS);
	cards_want(desk.cards, t.card);
	assert_int_equal(t.card->job, CARD_JOB_ENDS);
	cards_want(desk.cards, t.card);
	pins_finish(VITALED_REASON_CANCELLED);
	assert_int_equal(t.card->job, CARD_JOB_NONE);
	assert_int_equal(t.stopped, 1);
	assert_int_equal(t.stop, VITALED_REASON_CANCELLED);
	assert_int_equal(t.played->ops[CARD_OP_CHANGE_PIN].asked, 0);
	assert_int_equal(t.played->ops[CARD_OP_CLOSE].asked, 1);
	assert_int_equal(desk_recorded(AUDIT_EVENT_PIN_CHANGED, "cancelled"), 1);
}

static void what_an_emergency_wants_is_kept_while_the_card_has_the_codes(void **state)
{
	(void)state;
	pins_card_says(CARD_OP_CHANGE_PIN, CARD_DONE, 3);
	t.answer = LATER;
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0);
	assert_true(desk_run(pins_asking, NULL, 10000));
	pins_give(t.job, "1234");
	desk_settle(20);
	assert_int_equal(t.asked, 2);
	pins_give(t.job, "5678");
	assert_int_equal(sd_event_run(desk.ev, 0), 1); /* they are sent */
	assert_int_equal(t.card->job, CARD_JOB_WORKS);
	cards_want(desk.cards, t.card);
	pins_finish(VITALED_REASON_NONE);
	assert_int_equal(t.played->ops[CARD_OP_CHANGE_PIN].asked, 1);
}

static void a_job_that_has_not_begun_gives_way_to_an_emergency(void **state)
{
	(void)state;
	assert_int_equal(cards_claim(desk.cards, t.card, 1000, &t), 0);
	assert_int_equal(pins_start(PIN_JOB_CHANGE), 0); /* the idle life is given up first */
	cards_want(desk.cards, t.card);
	assert_true(desk_run(pins_done, NULL, 10000));
	assert_int_equal(t.why, VITALED_REASON_CANCELLED);
	assert_non_null(t.card->child); /* whose it is lets it go */
	cards_release(desk.cards, t.card);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pins_setup, pins_teardown)
	const struct CMUnitTest tests[] = {
		T(a_busy_card_is_opened_a_little_later),
		T(what_an_emergency_wants_is_given_up_while_a_person_is_asked),
		T(what_an_emergency_wants_is_kept_while_the_card_has_the_codes),
		T(a_job_that_has_not_begun_gives_way_to_an_emergency),
		T(opening_and_state_may_fail_in_every_way),
		T(the_process_may_die_at_every_step),
		T(a_process_that_dies_while_a_person_is_asked_ends_the_job),
		T(the_card_may_leave_at_every_step),
		T(an_agent_that_fails_ends_the_job_in_order),
		T(nobody_is_waited_for_longer_than_two_minutes),
		T(answers_that_nobody_waits_for_are_left_alone),
		T(an_owner_who_goes_cancels_and_a_forgotten_call_is_not_answered),
		T(codes_have_words),
		T(any_call_may_fail),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
