/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The PIN and the professional's card between sessions: asked anew as long as tries are left, sent
 * once for one entry, kept for the same user, gone with card, time, lock and other users; and who
 * may have cards that are in use.
 */
#include "base/clock.h"
#include "daemon/limits.h"
#include "tests/unit/session/usual.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#define R(name)	 VITALED_REASON_##name
#define ST(name) SESSION_STATE_##name

static struct played *vitale;
static struct played *cps;

static int setup(void **state)
{
	int r = world_setup(state);

	usual_cards(&vitale, &cps);
	vitale->in = true;
	cps->in = true;
	return r;
}

static struct session *open_normal(void)
{
	return world_session(SESSION_MODE_NORMAL);
}

static struct session *unlock(void)
{
	struct session *s = open_normal();

	world_reach(s, ST(UNLOCKED));
	return s;
}

static bool no_process(void *user)
{
	(void)user;
	return played_processes == 0;
}

static bool one_process(void *user)
{
	(void)user;
	return played_processes == 1;
}

static struct card *card_of(const struct played *p)
{
	struct card_reader *r;

	for (size_t i = 0; (r = cards_reader(world.cards, i)) != NULL; i++) {
		if (strcmp(r->name, p->reader) == 0) {
			return r->card;
		}
	}
	return NULL;
}

/* -- PIN ------------------------------------------------------------------------------------------- */

static void a_wrong_pin_is_asked_anew_with_the_tries_left(void **state)
{
	struct session *s;

	(void)state;
	world.pins[0] = "0000";
	world.pins[1] = "1234";
	s = unlock();
	assert_int_equal(world.asked[ASK_PIN], 2);
	assert_int_equal(world.tries_told, 2);
	assert_true(world.again_told);
	assert_int_equal(cps->asked[CARD_OP_VERIFY], 2); /* one for each entry */
	assert_int_equal(session_pin_tries(s), 3);
	assert_int_equal(world_recorded(AUDIT_EVENT_PIN, "pin-wrong"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_PIN, "ok"), 1);
}

static void the_last_try_is_confirmed_before_the_pin_is_asked(void **state)
{
	struct session *s;

	(void)state;
	cps->tries = 1;
	world.last_try = false;
	s = open_normal();
	world_end(s, ST(FAILED), R(CANCELLED));
	assert_int_equal(world.asked[ASK_PIN], 0);
	assert_int_equal(cps->asked[CARD_OP_VERIFY], 0);
	world.last_try = true;
	s = unlock();
	assert_int_equal(world.asked[ASK_LAST_TRY], 2);
	assert_int_equal(world.tries_told, 1);
	assert_false(world.again_told);
	session_release(s);
	world.fail[ASK_LAST_TRY] = R(NO_AGENT);
	cps->tries = 1;
	sessions_card_lock(world.all, card_of(cps), R(RELEASED));
	world_end(open_normal(), ST(FAILED), R(NO_AGENT));
}

static void three_wrong_entries_block_the_card(void **state)
{
	struct session *s;

	(void)state;
	world.pins[0] = "0000";
	world.last_try = true;
	s = open_normal();
	world_end(s, ST(FAILED), R(PIN_BLOCKED));
	assert_int_equal(world.asked[ASK_PIN], 3);
	assert_int_equal(world.asked[ASK_LAST_TRY], 1);
	assert_int_equal(cps->tries, 0);
	assert_int_equal(session_pin_tries(s), 0);
	/* and a blocked card is not asked for at all */
	world_end(open_normal(), ST(FAILED), R(PIN_BLOCKED));
	assert_int_equal(world.asked[ASK_PIN], 3);
	assert_int_equal(world_recorded(AUDIT_EVENT_PIN, "pin-blocked"), 2);
}

static void an_entry_that_is_no_pin_costs_no_try_and_is_asked_three_times_at_most(void **state)
{
	(void)state;
	world.pins[0] = "12";
	world_end(open_normal(), ST(FAILED), R(PIN_REFUSED));
	assert_int_equal(world.asked[ASK_PIN], LIMIT_PIN_TRIES_ASKED);
	assert_int_equal(cps->tries, 3);
	assert_int_equal(world_recorded(AUDIT_EVENT_PIN, "pin-refused"), 3);
}

static void a_card_whose_counter_fell_meanwhile_asks_for_the_last_try(void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_PIN] = ANSWER_NEVER;
	world.last_try = true;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_PIN));
	cps->tries = 1; /* another program tried */
	world.when[ASK_PIN] = ANSWER_NOW;
	world_answer(s, ASK_PIN);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_LAST_TRY], 1);
	assert_int_equal(world.asked[ASK_PIN], 2);
}

static void a_card_that_does_not_tell_its_tries_is_asked_for(void **state)
{
	struct session *s;

	(void)state;
	cps->misdeed[CARD_OP_PIN_STATE] = PLAY_EMPTY;
	s = unlock();
	assert_int_equal(world.tries_told, 255);
	assert_int_equal(session_pin_tries(s), 3); /* VERIFY told */
}

/* -- between sessions ------------------------------------------------------------------------------ */

static void the_pin_is_typed_once_for_many_patients(void **state)
{
	(void)state;
	for (int i = 0; i < 3; i++) {
		struct session *s = unlock();

		assert_true(card_of(cps)->pin_until > clock_monotonic());
		assert_int_equal(card_of(cps)->kind, CARD_KIND_CPS);
		assert_int_equal(card_of(cps)->nature, NATURE_SIMULATED);
		session_release(s);
		assert_true(world_run(one_process, NULL, 10000)); /* the professional's stays */
		assert_int_equal(card_of(cps)->in_use_uid, 1000);
		assert_null(card_of(vitale)->child);
		play_out(vitale); /* the next patient */
		world_settle(20);
		play_in(vitale);
	}
	assert_int_equal(world.asked[ASK_PIN], 1);
	assert_int_equal(cps->asked[CARD_OP_READ_PUBLIC], 1);
	assert_int_equal(cps->asked[CARD_OP_VERIFY], 1);
}

static void a_kept_pin_that_the_card_denies_is_asked_for(void **state)
{
	(void)state;
	session_release(unlock());
	cps->verified = false;
	session_release(unlock());
	assert_int_equal(world.asked[ASK_PIN], 2);
}

static void a_right_that_somebody_else_obtained_is_not_used(void **state)
{
	(void)state;
	cps->misdeed[CARD_OP_PIN_STATE] = PLAY_REPLAY;
	tlv_put_u8(&cps->recorded[CARD_OP_PIN_STATE][0], LINK_TAG_TRIES, 3);
	tlv_put_u8(&cps->recorded[CARD_OP_PIN_STATE][0], LINK_TAG_VERIFIED, 1);
	session_release(unlock());
	assert_int_equal(world.asked[ASK_PIN], 1);
}

static void a_lifetime_of_zero_is_a_pin_for_every_patient_and_a_reset(void **state)
{
	(void)state;
	world.config.pin_lifetime = 0;
	for (unsigned int i = 1; i <= 2; i++) {
		session_release(unlock());
		assert_true(world_run(no_process, NULL, 10000));
		assert_int_equal(world.asked[ASK_PIN], i);
		assert_false(cps->verified); /* CLOSE resets */
		assert_null(card_of(cps)->child);
	}
}

static void an_idle_pin_is_forgotten(void **state)
{
	(void)state;
	world.config.pin_idle = 1;
	session_release(unlock());
	assert_true(world_run(no_process, NULL, 10000));
	assert_false(cps->verified);
	assert_int_equal(card_of(cps)->pin_until, 0);
	session_release(unlock());
	assert_int_equal(world.asked[ASK_PIN], 2);
}

static bool no_pin(void *user)
{
	return ((const struct card *)user)->pin_until == 0;
}

static void a_pin_that_runs_out_in_a_session_ends_with_it(void **state)
{
	struct session *s;

	(void)state;
	world.config.pin_idle = 1;
	s = unlock();
	assert_true(world_run(no_pin, card_of(cps), 10000));
	assert_int_equal(session_state(s), ST(UNLOCKED));
	session_release(s);
	assert_true(world_run(no_process, NULL, 10000));
	assert_false(cps->verified);
}

static void a_session_that_fails_before_the_pin_leaves_no_process(void **state)
{
	(void)state;
	world.fail[ASK_PIN] = R(CANCELLED);
	world_end(open_normal(), ST(FAILED), R(CANCELLED));
	assert_true(world_run(no_process, NULL, 10000));
}

static void a_session_that_ends_while_the_pin_is_verified_resets_the_card(void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_PIN] = ANSWER_NEVER;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_PIN));
	world_answer(s, ASK_PIN); /* VERIFY is on the wire */
	session_release(s);
	assert_true(world_run(no_process, NULL, 10000));
	assert_false(cps->verified);
	assert_int_equal(card_of(cps)->pin_until, 0);
}

static void locking_the_card_ends_its_session_and_forgets_the_pin(void **state)
{
	struct session *s = unlock();

	(void)state;
	sessions_card_lock(world.all, card_of(cps), R(RELEASED));
	world_end(s, ST(LOCKED), R(RELEASED));
	assert_true(world_run(no_process, NULL, 10000));
	assert_false(cps->verified);
	session_release(unlock());
	sessions_card_lock(world.all, card_of(cps), R(RELEASED)); /* idle */
	assert_true(world_run(no_process, NULL, 10000));
	s = unlock();
	assert_int_equal(world.asked[ASK_PIN], 3);
	sessions_card_lock(world.all, card_of(vitale), R(SLEEP));
	world_end(s, ST(LOCKED), R(SLEEP));
}

static void the_kept_process_ends_with_its_card_or_by_itself(void **state)
{
	(void)state;
	session_release(unlock());
	play_out(cps);
	assert_true(world_run(no_process, NULL, 10000));
	play_in(cps);
	session_release(unlock());
	assert_int_equal(world.asked[ASK_PIN], 2);
	cps->misdeed[CARD_OP_PIN_STATE] = PLAY_CRASH;
	world_end(open_normal(), ST(FAILED), R(CHILD_FAILED));
	assert_true(world_run(no_process, NULL, 10000));
	cps->misdeed[CARD_OP_PIN_STATE] = PLAY_WELL;
	session_release(unlock());
	assert_int_equal(world.asked[ASK_PIN], 3);
}

static void a_card_that_was_reset_in_idle_hands_is_opened_anew(void **state)
{
	struct session *s;

	(void)state;
	session_release(unlock());
	cps->misdeed[CARD_OP_PIN_STATE] = PLAY_OUTCOME;
	cps->value[CARD_OP_PIN_STATE] = CARD_GONE;
	s = open_normal();
	world_end(s, ST(FAILED), R(PROFESSIONAL_CARD_REMOVED));
	cps->misdeed[CARD_OP_PIN_STATE] = PLAY_WELL;
	session_release(unlock());
}

/* -- who may have the cards ------------------------------------------------------------------------ */

static struct session *open_as(uid_t uid, bool wait)
{
	const struct session_options o = {.wait = wait};
	struct session *s = NULL;

	assert_int_equal(session_open(world.all, ":1.9", uid, &o, &s), 0);
	return s;
}

static void another_user_gets_an_idle_card_after_a_reset_and_types_the_pin(void **state)
{
	struct session *s;

	(void)state;
	session_release(unlock());
	s = open_as(1001, false);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_PIN], 2);
	assert_int_equal(card_of(cps)->in_use_uid, 1001);
	assert_true(
		cps->asked[CARD_OP_CLOSE] >= 2); /* recognition, and before the other user */
}

static void a_second_session_is_busy_or_queues(void **state)
{
	struct session *first = unlock();
	struct session *second = open_as(1001, false);
	struct session *third = open_as(1000, true);

	(void)state;
	world_end(second, ST(FAILED), R(BUSY));
	world_reach(third, ST(QUEUED));
	world_settle(50);
	assert_int_equal(session_state(third), ST(QUEUED));
	session_release(first);
	world_reach(third, ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_PIN], 1); /* the same user */
}

static void a_queued_session_waits_for_cards_that_leave(void **state)
{
	struct session *first = unlock();
	struct session *second = open_as(1000, true);

	(void)state;
	world_reach(second, ST(QUEUED));
	play_out(vitale);
	world_end(first, ST(LOCKED), R(PATIENT_CARD_REMOVED));
	world_reach(second, ST(WAITING_FOR_CARDS));
	play_in(vitale);
	world_reach(second, ST(UNLOCKED));
}

static void a_card_that_another_program_holds_is_tried_again(void **state)
{
	struct session *s = unlock();

	(void)state;
	session_release(s);
	world_hurry = 20;
	vitale->open_outcome = CARD_BUSY;
	s = open_normal();
	world_settle(30);
	assert_int_equal(session_state(s), ST(READING));
	vitale->open_outcome = CARD_DONE;
	world_reach(s, ST(UNLOCKED));
	session_release(s);
	vitale->open_outcome = CARD_BUSY;
	world_end(open_normal(), ST(FAILED), R(BUSY));
}

static void cards_that_are_no_pair_are_named(void **state)
{
	static const struct {
		const char *kind;
		uint8_t outcome;
		enum vitaled_reason r;
	} rows[] = {
		{"vitale", CARD_UNKNOWN, R(CARD_UNKNOWN)},
		{"vitale", CARD_UNSUPPORTED, R(CARD_UNSUPPORTED)},
		{"vitale", CARD_MUTE, R(CARD_BROKEN)},
		{"cps", CARD_DONE, R(CARD_AMBIGUOUS)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		vitale->kind = rows[i].kind;
		vitale->open_outcome = rows[i].outcome;
		if (i > 0) {
			play_out(vitale);
			play_in(vitale);
			world_settle(100);
		}
		world_end(open_normal(), ST(FAILED), rows[i].r);
	}
	cps->kind = "vitale";
	vitale->kind = "vitale";
	vitale->open_outcome = CARD_DONE;
	play_out(vitale);
	play_out(cps);
	play_in(vitale);
	play_in(cps);
	world_settle(100);
	world_end(open_normal(), ST(FAILED), R(CARD_AMBIGUOUS));
	world_hurry = 20;
	vitale->open_outcome = CARD_BUSY;
	play_in(vitale);
	play_out(cps);
	world_settle(400);
	world_end(open_normal(), ST(FAILED), R(BUSY));
}

static void text(char *to, size_t size, const char *value)
{
	assert_int_equal(view_copy_str(view_str(value), to, size), 0);
}

static void a_configured_pair_looks_at_its_readers_only(void **state)
{
	const struct session_options named = {.pair = "counter 1"};
	const struct session_options unknown = {.pair = "counter 2"};
	const struct session_options identity = {
		.pair = "counter 1", .mode = SESSION_MODE_IDENTITY};
	struct config_pair *p = &world.config.pairs[0];
	struct session *s;

	(void)state;
	world.config.n_pairs = 1;
	text(p->name, sizeof(p->name), "counter 1");
	text(p->patient_reader, sizeof(p->patient_reader), READER_A);
	text(p->professional_reader, sizeof(p->professional_reader), READER_B);
	s = world_open(&named);
	assert_string_equal(session_pair(s), "counter 1");
	world_reach(s, ST(UNLOCKED));
	session_release(s);
	s = world_open(&unknown);
	world_end(s, ST(FAILED), R(INVALID_ARGUMENT));
	/* nor is there any reader will do, once pairs are configured */
	world_end(open_normal(), ST(FAILED), R(INVALID_ARGUMENT));
	world_end(world_session(SESSION_MODE_IDENTITY), ST(FAILED), R(INVALID_ARGUMENT));
	s = world_open(&identity);
	world_reach(s, ST(UNLOCKED));
	session_release(s);
	text(p->patient_reader, sizeof(p->patient_reader), "Reader C");
	world_end(world_open(&identity), ST(FAILED), R(NO_READER));
	world_end(world_open(&named), ST(FAILED), R(NO_READER));
	text(p->patient_reader, sizeof(p->patient_reader), READER_A);
	text(p->professional_reader, sizeof(p->professional_reader), "Reader C");
	world_end(world_open(&named), ST(FAILED), R(NO_READER));
}

static void a_kept_pin_serves_the_pair_at_which_it_was_typed(void **state)
{
	const struct session_options one = {.pair = "counter 1"};
	const struct session_options two = {.pair = "counter 2"};
	const struct session_options *const order[] = {&one, &one, &two, &one};
	static const unsigned int pins[] = {1, 1, 2, 3};
	struct session *s;

	(void)state;
	world.config.n_pairs = 2;
	text(world.config.pairs[0].name, sizeof(world.config.pairs[0].name), "counter 1");
	text(world.config.pairs[1].name, sizeof(world.config.pairs[1].name), "counter 2");
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		s = world_open(order[i]);
		world_reach(s, ST(UNLOCKED));
		assert_int_equal(world.asked[ASK_PIN], pins[i]);
		session_release(s);
	}
}

static void a_pin_does_not_outlast_a_sleep(void **state)
{
	(void)state;
	session_release(unlock());
	assert_int_equal(world_clock_at, CLOCK_BOOTTIME);
	assert_int_equal(world_clock_long, CLOCK_BOOTTIME);
	world_slept = (world.config.pin_idle - 60) * USEC_PER_SEC;
	session_release(unlock());
	assert_int_equal(world.asked[ASK_PIN], 1);
	world_slept += (world.config.pin_idle + 1) * USEC_PER_SEC;
	session_release(unlock());
	assert_int_equal(world.asked[ASK_PIN], 2);
}

static void without_readers_there_is_no_reader(void **state)
{
	(void)state;
	play_event(WATCH_OP_READER_OUT, READER_A, 0); /* before the watch came: nobody hears */
	played_readers = false;
	world_end(open_normal(), ST(FAILED), R(NO_READER));
}

static void without_a_service_there_is_no_reader_service(void **state)
{
	(void)state;
	played_service = WATCH_SERVICE_ABSENT;
	world_end(open_normal(), ST(FAILED), R(NO_READER_SERVICE));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_wrong_pin_is_asked_anew_with_the_tries_left),
		T(the_last_try_is_confirmed_before_the_pin_is_asked),
		T(three_wrong_entries_block_the_card),
		T(an_entry_that_is_no_pin_costs_no_try_and_is_asked_three_times_at_most),
		T(a_card_whose_counter_fell_meanwhile_asks_for_the_last_try),
		T(a_card_that_does_not_tell_its_tries_is_asked_for),
		T(the_pin_is_typed_once_for_many_patients),
		T(a_kept_pin_that_the_card_denies_is_asked_for),
		T(a_right_that_somebody_else_obtained_is_not_used),
		T(a_lifetime_of_zero_is_a_pin_for_every_patient_and_a_reset),
		T(an_idle_pin_is_forgotten),
		T(a_pin_that_runs_out_in_a_session_ends_with_it),
		T(a_session_that_fails_before_the_pin_leaves_no_process),
		T(a_session_that_ends_while_the_pin_is_verified_resets_the_card),
		T(locking_the_card_ends_its_session_and_forgets_the_pin),
		T(the_kept_process_ends_with_its_card_or_by_itself),
		T(a_card_that_was_reset_in_idle_hands_is_opened_anew),
		T(another_user_gets_an_idle_card_after_a_reset_and_types_the_pin),
		T(a_second_session_is_busy_or_queues),
		T(a_queued_session_waits_for_cards_that_leave),
		T(a_card_that_another_program_holds_is_tried_again),
		T(cards_that_are_no_pair_are_named),
		T(a_configured_pair_looks_at_its_readers_only),
		T(a_kept_pin_serves_the_pair_at_which_it_was_typed),
		T(a_pin_does_not_outlast_a_sleep),
		T(without_readers_there_is_no_reader),
		T(without_a_service_there_is_no_reader_service),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
