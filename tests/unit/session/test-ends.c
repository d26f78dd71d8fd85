/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * How sessions end and who may have the cards: removal, owner, time, record, PIN, queue, and the
 * professional's card between sessions.
 */
#include "base/clock.h"
#include "daemon/limits.h"
#include "daemon/session/state.h"
#include "tests/unit/session/usual.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define NIR_ALICE "280075632100123"
#define R(name)	  VITALED_REASON_##name
#define ST(name)  SESSION_STATE_##name

static struct played *vitale;
static struct played *cps;

static int setup(void **state)
{
	int r = world_setup(state);

	vitale = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	play_person(vitale, "DUPONT", "ALICE", "19800714", NIR_ALICE, 1);
	cps = play_cps(READER_B, pki_card("simulated", 'P', FORGED_GOOD));
	play_activity(cps, 1, "CABINET A", "10000001", "SA07");
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

/* One whole session before: both cards are recognised and in the record, the PIN is kept. */
static void release_first(void)
{
	session_release(unlock());
}

/* -- leaving at every step ------------------------------------------------------------------------- */

/* Steps at which a session waits for somebody, and who must not answer to stop it there. */
static const struct {
	enum question stop;
	enum session_state state;
} stops[] = {
	{ASK_COUNT, ST(WAITING_FOR_CARDS)},
	{ASK_PIN, ST(WAITING_FOR_PIN)},
	{ASK_STRUCTURE, ST(WAITING_FOR_CHOICE)},
	{ASK_PERSON, ST(WAITING_FOR_CHOICE)},
	{ASK_PREPARE, ST(AUTHENTICATING)},
	{ASK_CONSENT, ST(WAITING_FOR_CONSENT)},
	{ASK_UNLOCK, ST(AUTHENTICATING)},
	{ASK_COUNT, ST(UNLOCKED)},
};

static bool asked(void *user)
{
	const enum question *q = user;

	return world.asked[*q] > 0;
}

/* A session that stands still at stops[@i]. */
static struct session *stand(size_t i)
{
	enum question stop = stops[i].stop;
	struct session *s;

	for (size_t q = 0; q < ASK_COUNT; q++) {
		world.when[q] = q == stop ? ANSWER_NEVER : ANSWER_NOW;
		world.asked[q] = 0;
	}
	s = open_normal();
	if (stop != ASK_COUNT) {
		assert_true(world_run(asked, &stop, 10000));
	}
	world_reach(s, stops[i].state);
	return s;
}

static void many(void)
{
	play_person(vitale, "DUPONT", "BRUNO", "19780322", "178035632100145", 1);
	play_activity(cps, 2, "CABINET B", "10000002", "SA07");
}

/* The reader's own event may come after the card's process has told. */
static bool is_out(void *user)
{
	return !usual_slot(user)->card;
}

static void either_card_leaving_at_any_step_ends_the_session_at_once(void **state)
{
	(void)state;
	many();
	for (size_t i = 1; i < ARRAY_LEN(stops); i++) {
		for (int professional = 0; professional < 2; professional++) {
			struct played *p = professional ? cps : vitale;
			struct session *s = stand(i);
			enum session_state end =
				stops[i].state == ST(UNLOCKED) ? ST(LOCKED) : ST(FAILED);

			play_out(p);
			world_end(s, end,
				professional ? R(PROFESSIONAL_CARD_REMOVED)
					     : R(PATIENT_CARD_REMOVED));
			session_release(s);
			assert_true(world_run(is_out, p, 10000));
			play_in(p);
		}
	}
	assert_int_equal(world.locked, 2 * (ARRAY_LEN(stops) - 1));
}

static void a_card_put_in_the_others_place_is_named(void **state)
{
	struct session *s = unlock();

	(void)state;
	play_in(vitale);
	world_end(s, ST(LOCKED), R(CARD_REPLACED));
}

static void what_is_said_of_cards_before_anybody_says_that_the_machine_slept_is_the_sleep(
	void **state)
{
	struct session *s = unlock();

	(void)state;
	world_slept = USEC_PER_SEC; /* the clocks are not read at the same moment */
	play_out(vitale);
	world_end(s, ST(LOCKED), R(PATIENT_CARD_REMOVED));
	play_in(vitale);
	s = unlock();
	world_slept += 10 * USEC_PER_SEC;
	play_event(WATCH_OP_READER_OUT, READER_A, 0);
	world_end(s, ST(LOCKED), R(SLEEP));
	play_event(WATCH_OP_READER_IN, READER_A, 0);
	play_in(vitale);
	session_release(s);
	many();
	s = stand(3);
	world_slept += 10 * USEC_PER_SEC;
	play_in(cps);
	world_end(s, ST(LOCKED), R(SLEEP));
	session_release(s);
	s = stand(ARRAY_LEN(stops) - 1); /* it began after the sleep */
	play_out(cps);
	world_end(s, ST(LOCKED), R(PROFESSIONAL_CARD_REMOVED));
}

static void no_sleep_hides_why_else_a_session_ended(void **state)
{
	struct session *s = unlock();

	(void)state;
	world_slept = 10 * USEC_PER_SEC;
	session_end(s, R(AUDIT_UNAVAILABLE));
	world_end(s, ST(LOCKED), R(AUDIT_UNAVAILABLE));
}

static void readers_service_and_watch_that_leave_are_told_apart(void **state)
{
	struct session *s = unlock();

	(void)state;
	play_event(WATCH_OP_READER_OUT, READER_A, 0);
	world_end(s, ST(LOCKED), R(PATIENT_CARD_REMOVED));
	play_event(WATCH_OP_READER_IN, READER_A, 0);
	play_in(vitale);
	s = unlock();
	play_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_STOPPED);
	world_end(s, ST(LOCKED), R(NO_READER_SERVICE));
	world_end(open_normal(), ST(FAILED), R(NO_READER_SERVICE));
	play_watch_order('x');
	world_settle(300);
	s = unlock();
	play_watch_order('s');
	world_end(s, ST(LOCKED), R(CHILD_FAILED));
}

static void an_owner_that_leaves_at_any_step_takes_the_session_along_at_once(void **state)
{
	(void)state;
	many();
	for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
		unsigned int removed = world.removed;

		(void)stand(i);
		sessions_owner_gone(world.all, ":1.8"); /* another one */
		assert_non_null(sessions_next(world.all, NULL));
		sessions_owner_gone(world.all, ":1.7");
		assert_null(sessions_next(world.all, NULL)); /* in the same turn */
		assert_int_equal(world.removed, removed + 1);
		assert_int_equal(world.locked, i + 1);
	}
	assert_int_equal(
		world_recorded(AUDIT_EVENT_SESSION_ENDED, "owner-gone"), ARRAY_LEN(stops));
}

static void people_who_do_not_answer_in_time_end_it(void **state)
{
	(void)state;
	many();
	for (size_t i = 1; i + 1 < ARRAY_LEN(stops); i++) {
		struct session *s;
		bool store = stops[i].stop == ASK_PREPARE || stops[i].stop == ASK_UNLOCK;

		world_hurry = 400; /* 120 s are 300 ms */
		s = stand(i);
		world_end(s, ST(FAILED), store ? R(STORE_UNAVAILABLE) : R(TIMEOUT));
		assert_true(world.stopped > 0);
		world_hurry = 1;
		world_settle(50);
	}
}

static void people_and_rooms_that_fail_give_their_reason(void **state)
{
	static const struct {
		enum question q;
		enum vitaled_reason r;
	} rows[] = {
		{ASK_PIN, R(NO_AGENT)},
		{ASK_PIN, R(CANCELLED)},
		{ASK_STRUCTURE, R(NO_AGENT)},
		{ASK_PERSON, R(CANCELLED)},
		{ASK_PREPARE, R(NO_DOSSIER)},
		{ASK_PREPARE, R(STORE_UNAVAILABLE)},
		{ASK_CONSENT, R(NO_AGENT)},
		{ASK_CONSENT, R(TIMEOUT)},
		{ASK_UNLOCK, R(STORE_UNAVAILABLE)},
	};

	(void)state;
	many();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session *s;

		world.fail[rows[i].q] = rows[i].r;
		s = open_normal();
		world_end(s, state_of_end(SESSION_STEP_TRACKS, rows[i].r), rows[i].r);
		session_release(s);
		world.fail[rows[i].q] = R(NONE);
	}
	world.pseudonym_result = -5;
	world_end(open_normal(), ST(FAILED), R(STORE_UNAVAILABLE));
}

static void answers_that_nobody_asked_for_change_nothing(void **state)
{
	struct session *s = unlock();
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	session_pin_given(s, ends[0]);
	assert_int_equal(close(ends[0]), -1); /* taken and closed */
	close(ends[1]);
	session_pin_failed(s, R(CANCELLED));
	session_last_try(s, false);
	session_choice_failed(s, SESSION_CHOICE_STRUCTURE, R(CANCELLED));
	session_choice_failed(s, SESSION_CHOICE_BENEFICIARY, R(CANCELLED));
	session_prepared(s, R(NO_DOSSIER));
	session_consented(s, R(CONSENT_REFUSED));
	session_signed(s, R(PROOF_FAILED), false, false);
	session_granted(s, R(FAILED));
	consent_answered(world.consents, s, NULL, R(CANCELLED));
	assert_int_equal(session_state(s), ST(UNLOCKED));
	session_end(s, R(RELEASED));
	session_end(s, R(FAILED)); /* ends once */
	world_end(s, ST(LOCKED), R(RELEASED));
}

static void a_refusal_is_recorded_and_signed_by_nobody(void **state)
{
	(void)state;
	world.consent.decision = CONSENT_REFUSED;
	world_end(open_normal(), ST(REFUSED), R(CONSENT_REFUSED));
	world.consent.decision = CONSENT_IMPOSSIBLE;
	world.consent.reason = "unconscious";
	world_end(open_normal(), ST(REFUSED), R(CONSENT_REFUSED));
	assert_int_equal(cps->asked[CARD_OP_SIGN], 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "consent-refused"), 2);
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 0);
}

/* -- the record ------------------------------------------------------------------------------------ */

static void without_the_record_nothing_opens_and_nothing_unlocks(void **state)
{
	const struct session_options o = {.mode = SESSION_MODE_NORMAL};
	struct session *s = NULL;
	unsigned int n;

	(void)state;
	release_first();
	world_audit_fails = 1;
	assert_int_equal(session_open(world.all, ":1.7", 1000, &o, &s), SESSION_OPEN_AUDIT);
	assert_null(s);
	/* opened, identity-read, consent, proof, unlocked (the PIN is kept): the first that fails
	 * ends it */
	for (n = 2; n <= 5; n++) {
		world_audit_fails = n;
		s = open_normal();
		world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
		world_audit_fails = 0;
		session_release(s);
	}
	assert_int_equal(world.asked[ASK_UNLOCK], 1);
	world_audit_fails = 6;
	s = open_normal();
	world_reach(s, ST(UNLOCKED));
	session_end(s, R(RELEASED)); /* an end that cannot be recorded is an end */
	world_end(s, ST(LOCKED), R(RELEASED));
	world_audit_fails = 0;
}

static void a_denial_or_an_identity_that_cannot_be_recorded_ends_so(void **state)
{
	struct session *s;

	(void)state;
	release_first();
	world.admit = R(ROLE_FORBIDDEN);
	world_audit_fails = 2;
	s = open_normal();
	world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
	world_audit_fails = 0;
	world.admit = R(NONE);
	for (unsigned int n = 2; n <= 3; n++) {
		world_audit_fails = n;
		s = world_session(SESSION_MODE_IDENTITY);
		world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
		world_audit_fails = 0;
	}
	world.consent.decision = CONSENT_REFUSED;
	world_audit_fails = 3;
	s = open_normal();
	world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
}

/* -- time and number ------------------------------------------------------------------------------- */

static void an_unlocked_session_expires_and_its_object_stays_a_while(void **state)
{
	const struct session_options o = {.lifetime = 60};
	struct session *s;

	(void)state;
	release_first();
	world_hurry = 600;
	s = world_open(&o);
	world_reach(s, ST(UNLOCKED));
	world_end(s, ST(LOCKED), R(EXPIRED)); /* after 100 ms */
	assert_int_equal(world.removed, 1);
	while (world.removed < 2) { /* 600 s: one second here */
		assert_true(sd_event_run(world.ev, 100000) >= 0);
	}
	assert_null(sessions_next(world.all, NULL));
}

/* Nobody is asked and no name is shown before the entry is durable. */
static void no_name_leaves_before_the_record_has_its_entry(void **state)
{
	static const enum session_mode modes[] = {SESSION_MODE_NORMAL, SESSION_MODE_IDENTITY};
	struct session *s;

	(void)state;
	release_first();
	play_person(vitale, "DUPONT", "BRUNO", "19780322", "178037563210045", 1);
	world.when[ASK_PERSON] = ANSWER_NEVER;
	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		/* opened; in identity mode the proof; then the names */
		world_audit_fails = modes[i] == SESSION_MODE_NORMAL ? 2 : 3;
		world_end(world_session(modes[i]), ST(FAILED), R(AUDIT_UNAVAILABLE));
		world_audit_fails = 0;
		assert_int_equal(world.asked[ASK_PERSON], i);
		assert_int_equal(world_recorded(AUDIT_EVENT_IDENTITY_READ, "ok"), i + 1);
		s = world_session(modes[i]);
		world_reach(s, ST(WAITING_FOR_CHOICE));
		assert_int_equal(world.asked[ASK_PERSON], i + 1);
		assert_int_equal(world_recorded(AUDIT_EVENT_IDENTITY_READ, "ok"), i + 2);
		if (modes[i] == SESSION_MODE_IDENTITY) {
			assert_int_equal(session_choose(s, SESSION_CHOICE_BENEFICIARY, 0), 0);
			world_reach(s, ST(UNLOCKED)); /* without a second entry */
			assert_int_equal(
				world_recorded(AUDIT_EVENT_IDENTITY_READ, "ok"), i + 2);
		}
		session_release(s);
	}
}

/* Judged on its track, before anybody is asked whom it is about. */
static void an_identity_that_waits_for_a_choice_is_judged_by_what_is_in_force(void **state)
{
	struct session *s;

	(void)state;
	release_first();
	play_person(vitale, "DUPONT", "BRUNO", "19780322", "178037563210045", 1);
	world.when[ASK_PERSON] = ANSWER_NEVER;
	for (size_t i = 0; i < 2; i++) {
		s = world_session(SESSION_MODE_IDENTITY);
		world_reach(s, ST(WAITING_FOR_CHOICE));
		world.config.required[NATURE_SIMULATED] = PROOF_LOCKED;
		if (i == 0) {
			sessions_configured(world.all);
			world_end(s, ST(FAILED), R(PROOF_TOO_WEAK));
			assert_int_equal(session_choose(s, SESSION_CHOICE_BENEFICIARY, 0),
				SESSION_CHOOSE_STATE);
		} else { /* nor is it granted when nobody tells it */
			assert_int_equal(session_choose(s, SESSION_CHOICE_BENEFICIARY, 0), 0);
			world_end(s, ST(FAILED), R(PROOF_TOO_WEAK));
		}
		session_release(s);
		world.config.required[NATURE_SIMULATED] = PROOF_MUTUAL;
	}
	s = world_session(SESSION_MODE_IDENTITY);
	world_reach(s, ST(WAITING_FOR_CHOICE));
	sessions_configured(world.all); /* nothing is less than what it has */
	assert_int_equal(session_choose(s, SESSION_CHOICE_BENEFICIARY, 0), 0);
	world_reach(s, ST(UNLOCKED));
}

static void one_user_may_have_so_many_sessions_and_all_users_so_many(void **state)
{
	const struct session_options o = {.wait = true};
	struct session *s = NULL;
	unsigned int n = 0;

	(void)state;
	while (session_open(world.all, ":1.7", 1000, &o, &s) == 0) {
		n++;
	}
	assert_int_equal(n, LIMIT_SESSIONS_PEER); /* another program of the same user: */
	while (session_open(world.all, ":1.6", 1000, &o, &s) == 0) {
		n++;
	}
	assert_int_equal(n, LIMIT_SESSIONS_UID);
	for (uid_t uid = 2000; uid < 2100; uid++) {
		for (unsigned int i = 0; i < LIMIT_SESSIONS_UID; i++) {
			n += session_open(world.all, ":1.9", uid, &o, &s) == 0 ? 1 : 0;
		}
	}
	assert_int_equal(n, LIMIT_SESSIONS);
	assert_int_equal(session_open(world.all, ":1.8", 3000, &o, &s), SESSION_OPEN_LIMIT);
	assert_int_equal(world.removed, 0);
	session_end(sessions_next(world.all, NULL), R(RELEASED)); /* takes no place any more */
	assert_int_equal(session_open(world.all, ":1.8", 3000, &o, &s), 0);
	assert_int_equal(world.removed, 0);
}

static void those_that_ended_take_no_place_and_the_user_with_most_loses_them(void **state)
{
	const struct session_options o = {.wait = true};
	struct session *first = NULL;
	struct session *s = NULL;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(session_open(world.all, ":1.8", 3000, &o, &first), 0);
	session_end(first, R(RELEASED));
	for (uid_t uid = 2000; uid < 2000 + 2 * LIMIT_SESSIONS / LIMIT_SESSIONS_UID; uid++) {
		for (unsigned int i = 0; i < LIMIT_SESSIONS_UID; i++) {
			assert_int_equal(session_open(world.all, ":1.9", uid, &o, &s), 0);
			session_end(s, R(RELEASED));
		}
	}
	assert_int_equal(session_open(world.all, ":1.7", 1000, &o, &s), 0);
	for (s = sessions_next(world.all, NULL); s; s = sessions_next(world.all, s)) {
		n++;
	}
	assert_int_equal(n, LIMIT_SESSIONS_ENDED); /* the live one and one less of the ended */
	assert_ptr_equal(sessions_next(world.all, NULL), first); /* its user has but one */
}

static void the_ended_ones_of_a_user_are_few_and_the_oldest_goes_first(void **state)
{
	const struct session_options o = {.wait = true};
	struct session *other = NULL;
	struct session *s = NULL;
	unsigned int n = 0;

	(void)state;
	assert_int_equal(session_open(world.all, ":1.8", 3000, &o, &other), 0);
	session_end(other, R(RELEASED));
	for (unsigned int i = 0; i < 3 * LIMIT_SESSIONS_UID; i++) {
		assert_int_equal(session_open(world.all, ":1.7", 1000, &o, &s), 0);
		session_end(s, R(RELEASED));
	}
	for (s = sessions_next(world.all, NULL); s; s = sessions_next(world.all, s)) {
		n += session_uid(s) == 1000 ? 1 : 0;
	}
	assert_int_equal(n, LIMIT_SESSIONS_UID);
	assert_ptr_equal(sessions_next(world.all, NULL), other);
	/* 1 is the other's; of 2 to 25 the last eight stay */
	assert_int_equal(session_id(sessions_next(world.all, other)), 18);
}

static void cards_that_do_not_come_end_it(void **state)
{
	struct session *s;

	(void)state;
	vitale->in = false;
	world_hurry = 400;
	s = open_normal();
	world_end(s, ST(FAILED), R(NO_CARD));
	assert_int_equal(world.asked[ASK_PIN], 0);
}

static void a_session_waits_for_cards_and_goes_on_when_they_come(void **state)
{
	struct session *s;

	(void)state;
	vitale->in = false;
	cps->in = false;
	s = open_normal();
	world_settle(200);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CARDS));
	play_in(cps);
	world_settle(100);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CARDS));
	play_in(vitale);
	world_reach(s, ST(UNLOCKED));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(either_card_leaving_at_any_step_ends_the_session_at_once),
		T(a_card_put_in_the_others_place_is_named),
		T(what_is_said_of_cards_before_anybody_says_that_the_machine_slept_is_the_sleep),
		T(no_sleep_hides_why_else_a_session_ended),
		T(readers_service_and_watch_that_leave_are_told_apart),
		T(an_owner_that_leaves_at_any_step_takes_the_session_along_at_once),
		T(people_who_do_not_answer_in_time_end_it),
		T(people_and_rooms_that_fail_give_their_reason),
		T(answers_that_nobody_asked_for_change_nothing),
		T(a_refusal_is_recorded_and_signed_by_nobody),
		T(without_the_record_nothing_opens_and_nothing_unlocks),
		T(a_denial_or_an_identity_that_cannot_be_recorded_ends_so),
		T(an_unlocked_session_expires_and_its_object_stays_a_while),
		T(no_name_leaves_before_the_record_has_its_entry),
		T(an_identity_that_waits_for_a_choice_is_judged_by_what_is_in_force),
		T(one_user_may_have_so_many_sessions_and_all_users_so_many),
		T(those_that_ended_take_no_place_and_the_user_with_most_loses_them),
		T(the_ended_ones_of_a_user_are_few_and_the_oldest_goes_first),
		T(cards_that_do_not_come_end_it),
		T(a_session_waits_for_cards_and_goes_on_when_they_come),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
