/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Slots lent to other programs: an unlocked session is suspended and resumes with the same card and
 * a new proof, or locks; an idle PIN is given up; and who may not have a slot does not get it.
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
#define OP(name) CARD_OP_##name

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

/* -- a lease, as lease.c does it ------------------------------------------------------------------- */

static void freed(void *user)
{
	++*(unsigned int *)user;
}

static bool is_freed(void *user)
{
	return *(unsigned int *)user > 0;
}

static void lend_as(const struct played *p, uid_t uid)
{
	struct card_reader *r = usual_slot(p);
	unsigned int n = 0;

	assert_int_equal(sessions_reader_lend(world.all, r, uid, freed, &n), 0);
	assert_int_equal(n, 0); /* never from within */
	assert_true(world_run(is_freed, &n, 10000));
	assert_true(!r->card || !r->card->child);
	cards_lend(world.cards, r, true);
	world_settle(5);
	assert_int_equal(n, 1);
}

static void lend(const struct played *p)
{
	lend_as(p, 1000);
}

static void give_back(const struct played *p)
{
	struct card_reader *r = usual_slot(p);

	cards_lend(world.cards, r, false);
	sessions_reader_returned(world.all, r);
}

static int refused(const struct played *p, uid_t uid)
{
	unsigned int n = 0;
	int r = sessions_reader_lend(world.all, usual_slot(p), uid, freed, &n);

	world_settle(20);
	assert_int_equal(n, 0);
	return r;
}

/* -- the patient's card ---------------------------------------------------------------------------- */

static void a_session_is_suspended_and_resumes_with_a_new_proof(void **state)
{
	struct session *s = unlock();
	uint64_t expires = session_expires(s);
	unsigned int signatures = vitale->asked[OP(INTERNAL_AUTHENTICATE)];
	json_t *j = NULL;

	(void)state;
	lend(vitale);
	assert_int_equal(session_state(s), ST(SUSPENDED));
	assert_int_equal(world_recorded(AUDIT_EVENT_SUSPENDED, "ok"), 1);
	assert_true(vitale->asked[OP(CLOSE)] > 0); /* with a reset */
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_null(j);
	assert_int_equal(session_beneficiaries(s, &j), 0);
	assert_null(j);
	assert_int_equal(world.locked, 0); /* the dossier's process waits */
	give_back(vitale);
	assert_int_equal(session_state(s), ST(SUSPENDED));
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(vitale->asked[OP(INTERNAL_AUTHENTICATE)], signatures + 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_RESUMED, "ok"), 1);
	assert_int_equal(session_expires(s), expires);
	assert_int_equal(world.asked[ASK_PIN], 1); /* the professional's card was here */
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_string_equal(json_get_str(j, "given"), "ALICE");
	json_put(&j);
	session_end(s, R(RELEASED));
	world_end(s, ST(LOCKED), R(RELEASED));
}

static bool suspended_again(void *user)
{
	return session_state(user) == ST(SUSPENDED);
}

static void it_may_be_lent_more_than_once(void **state)
{
	struct session *s = unlock();

	(void)state;
	for (unsigned int i = 1; i <= 3; i++) {
		lend(vitale);
		assert_true(suspended_again(s));
		give_back(vitale);
		world_reach(s, ST(UNLOCKED));
		assert_int_equal(world_recorded(AUDIT_EVENT_RESUMED, "ok"), i);
	}
}

static void taken_out_meanwhile_it_may_be_put_back(void **state)
{
	struct session *s = unlock();

	(void)state;
	lend(vitale);
	play_out(vitale);
	world_settle(20);
	assert_int_equal(session_state(s), ST(SUSPENDED));
	give_back(vitale);
	world_settle(20);
	assert_int_equal(session_state(s), ST(SUSPENDED));
	play_in(vitale);
	world_reach(s, ST(UNLOCKED));
}

static void another_card_or_another_kind_of_card_locks(void **state)
{
	struct session *s = unlock();

	(void)state;
	lend(vitale);
	vitale->card = pki_card("simulated", 'V', FORGED_GOOD);
	give_back(vitale);
	world_end(s, ST(LOCKED), R(CARD_LENT));
	s = unlock(); /* a session of its own has no trouble with it */
	lend(vitale);
	vitale->kind = "cps";
	play_out(vitale);
	play_in(vitale);
	world_settle(20);
	give_back(vitale);
	world_end(s, ST(LOCKED), R(CARD_LENT));
}

static void an_answer_without_sense_or_a_false_proof_locks(void **state)
{
	static const struct {
		uint8_t op;
		enum misdeed misdeed;
		uint8_t outcome;
		enum vitaled_reason r;
	} rows[] = {
		{OP(OPEN), PLAY_OUTCOME, CARD_MUTE, R(CARD_BROKEN)},
		{OP(IDENTIFY), PLAY_EMPTY, 0, R(CARD_BROKEN)},
		{OP(IDENTIFY), PLAY_EXIT, 0, R(CHILD_FAILED)},
		{OP(INTERNAL_AUTHENTICATE), PLAY_FALSE, 0, R(PROOF_FAILED)},
		{OP(INTERNAL_AUTHENTICATE), PLAY_REPLAY, 0, R(PROOF_FAILED)},
		{OP(INTERNAL_AUTHENTICATE), PLAY_EMPTY, 0, R(CARD_BROKEN)},
		{OP(INTERNAL_AUTHENTICATE), PLAY_OUTCOME, CARD_GONE, R(PATIENT_CARD_REMOVED)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session *s = unlock();

		lend(vitale);
		cards_lend(world.cards, usual_slot(vitale), false);
		world_settle(30); /* recognised */
		vitale->misdeed[rows[i].op] = rows[i].misdeed;
		vitale->value[rows[i].op] = rows[i].outcome;
		sessions_reader_returned(world.all, usual_slot(vitale));
		world_end(s, ST(LOCKED), rows[i].r);
		session_release(s);
		vitale->misdeed[rows[i].op] = PLAY_WELL;
		vitale->n_replayed[rows[i].op] = 0;
	}
	assert_int_equal(world_recorded(AUDIT_EVENT_RESUMED, NULL), 0);
}

static void a_card_that_does_not_come_back_in_time_locks(void **state)
{
	struct session *s = unlock();
	uint64_t before;

	(void)state;
	world_hurry = 400; /* 120 s are 300 ms */
	before = clock_monotonic();
	lend(vitale);
	play_out(vitale);
	world_settle(100);
	give_back(vitale); /* which gives it no more time */
	world_end(s, ST(LOCKED), R(CARD_LENT));
	assert_true(clock_monotonic() - before < 2 * USEC_PER_SEC);
	assert_int_equal(world_clock_long, CLOCK_BOOTTIME);
}

static void its_life_runs_on_and_the_other_card_must_stay(void **state)
{
	const struct session_options o = {.lifetime = 60};
	struct session *s;

	(void)state;
	s = unlock();
	lend(vitale);
	play_out(cps);
	world_end(s, ST(LOCKED), R(PROFESSIONAL_CARD_REMOVED));
	session_release(s);
	give_back(vitale);
	play_in(cps);
	world_settle(50);
	session_release(unlock());
	world_hurry = 150; /* a life of 0.4 s, a lease of 0.8 s */
	s = world_open(&o);
	world_reach(s, ST(UNLOCKED));
	lend(vitale);
	world_end(s, ST(LOCKED), R(EXPIRED));
}

static void an_owner_that_leaves_meanwhile_ends_it(void **state)
{
	struct session *s = unlock();
	unsigned int n = 0;

	(void)state;
	assert_int_equal(
		sessions_reader_lend(world.all, usual_slot(vitale), 1000, freed, &n), 0);
	sessions_owner_gone(world.all, session_owner(s)); /* before the card is closed */
	assert_null(sessions_next(world.all, NULL));
	assert_true(world_run(is_freed, &n, 10000)); /* the slot is free all the same */
	assert_null(usual_slot(vitale)->card->child);
}

static void cards_without_our_certificates_have_their_serial(void **state)
{
	struct session *s;

	(void)state;
	world.config.required[NATURE_REAL] = PROOF_READ;
	vitale->card = pki_card("real", 'V', FORGED_GOOD);
	vitale->no_certificate = true;
	cps->in = false;
	s = world_session(SESSION_MODE_IDENTITY);
	world_reach(s, ST(UNLOCKED));
	lend(vitale);
	give_back(vitale);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(vitale->asked[OP(INTERNAL_AUTHENTICATE)], 0);
	lend(vitale);
	vitale->card = pki_card("real", 'V', FORGED_GOOD);
	give_back(vitale);
	world_end(s, ST(LOCKED), R(CARD_LENT));
}

static void without_the_record_it_is_not_suspended_and_not_resumed(void **state)
{
	struct session *s = unlock();
	unsigned int n = 0;

	(void)state;
	world_audit_fails = 1;
	assert_int_equal(sessions_reader_lend(world.all, usual_slot(cps), 1000, freed, &n), 0);
	world_end(s, ST(LOCKED), R(AUDIT_UNAVAILABLE));
	assert_true(world_run(is_freed, &n, 10000));
	assert_null(usual_slot(cps)->card->child); /* not left idle with its PIN */
	world_audit_fails = 0;
	s = unlock();
	lend(vitale);
	world_audit_fails = 1;
	give_back(vitale);
	world_end(s, ST(LOCKED), R(AUDIT_UNAVAILABLE));
	world_audit_fails = 0;
	assert_int_equal(world_recorded(AUDIT_EVENT_RESUMED, NULL), 0);
}

/* -- the professional's card ----------------------------------------------------------------------- */

static bool asks_again(void *user)
{
	(void)user;
	return world.asked[ASK_PIN] == 2;
}

static void the_professional_types_the_pin_anew_and_the_card_signs(void **state)
{
	struct session *s = unlock();
	unsigned int signatures = cps->asked[OP(INTERNAL_AUTHENTICATE)];

	(void)state;
	lend(cps);
	assert_int_equal(session_state(s), ST(SUSPENDED));
	assert_false(cps->verified);
	world.when[ASK_PIN] = ANSWER_NEVER;
	give_back(cps);
	assert_true(world_run(asks_again, NULL, 10000));
	assert_int_equal(session_state(s), ST(SUSPENDED));
	world_answer(s, ASK_PIN);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(cps->asked[OP(INTERNAL_AUTHENTICATE)], signatures + 1);
	assert_int_equal(cps->asked[OP(READ_PUBLIC)], 1);
	session_release(s);
	world.when[ASK_PIN] = ANSWER_NOW;
	session_release(unlock()); /* its PIN serves the next session */
	assert_int_equal(world.asked[ASK_PIN], 2);
	assert_int_equal(cps->asked[OP(READ_PUBLIC)], 2);
}

static void a_pin_that_is_refused_wrong_or_blocked_locks(void **state)
{
	struct session *s = unlock();

	(void)state;
	lend(cps);
	world.fail[ASK_PIN] = R(CANCELLED);
	give_back(cps);
	world_end(s, ST(LOCKED), R(CANCELLED));
	session_release(s);
	world.fail[ASK_PIN] = R(NONE);
	s = unlock();
	lend(cps);
	world.last_try = true;
	world.pins[0] = "0000";
	give_back(cps);
	world_end(s, ST(LOCKED), R(PIN_BLOCKED));
	assert_int_equal(cps->tries, 0);
}

static void another_professional_locks(void **state)
{
	struct session *s = unlock();

	(void)state;
	lend(cps);
	cps->card = pki_card("simulated", 'P', FORGED_GOOD);
	give_back(cps);
	world_end(s, ST(LOCKED), R(CARD_LENT));
	assert_int_equal(world.asked[ASK_PIN], 1); /* not even asked */
}

static void a_false_signature_of_the_professional_locks(void **state)
{
	struct session *s = unlock();

	(void)state;
	lend(cps);
	cps->misdeed[OP(INTERNAL_AUTHENTICATE)] = PLAY_FALSE;
	give_back(cps);
	world_end(s, ST(LOCKED), R(PROOF_FAILED));
}

static void both_slots_may_be_lent_and_both_must_prove(void **state)
{
	struct session *s = unlock();

	(void)state;
	lend(vitale);
	lend(cps);
	assert_int_equal(refused(vitale, 1000), SESSIONS_LEND_BUSY); /* it is lent */
	give_back(vitale);
	world_settle(50);
	assert_int_equal(session_state(s), ST(SUSPENDED));
	assert_int_equal(world.asked[ASK_PIN], 1);
	give_back(cps);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_PIN], 2);
	assert_int_equal(world_recorded(AUDIT_EVENT_SUSPENDED, "ok"), 2);
	assert_int_equal(world_recorded(AUDIT_EVENT_RESUMED, "ok"), 1);
}

/* -- who may ---------------------------------------------------------------------------------------- */

static void an_idle_card_is_closed_and_its_pin_forgotten(void **state)
{
	(void)state;
	session_release(unlock());
	assert_true(cps->verified);
	assert_int_equal(refused(cps, 1001), SESSIONS_LEND_BUSY); /* another user's */
	lend(cps);
	assert_false(cps->verified);
	give_back(cps);
	session_release(unlock());
	assert_int_equal(world.asked[ASK_PIN], 2);
	lend_as(vitale, 1001); /* nobody's */
	give_back(vitale);
	play_out(vitale);
	world_settle(20);
	lend(vitale); /* an empty slot */
}

static void nobody_lends_what_is_in_use_or_being_opened(void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_PIN] = ANSWER_NEVER;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_PIN));
	assert_int_equal(refused(vitale, 1000), SESSIONS_LEND_BUSY);
	assert_int_equal(refused(cps, 1000), SESSIONS_LEND_BUSY);
	world_answer(s, ASK_PIN);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(refused(vitale, 1001), SESSIONS_LEND_BUSY); /* another user's */
	lend(vitale);
	play_out(vitale);
	give_back(vitale);
	world_settle(20);
	assert_int_equal(refused(vitale, 1000), SESSIONS_LEND_BUSY); /* it is waited for */
}

static void a_slot_that_is_lent_or_waited_for_serves_no_other_session(void **state)
{
	const struct session_options now = {.mode = SESSION_MODE_IDENTITY};
	const struct session_options wait = {.mode = SESSION_MODE_IDENTITY, .wait = true};
	struct session *s = unlock();
	struct session *other;

	(void)state;
	lend(vitale);
	world_end(world_open(&now), ST(FAILED), R(BUSY));
	world.when[ASK_PIN] = ANSWER_NEVER;
	lend(cps); /* so that it stays suspended */
	give_back(vitale);
	world_settle(50);
	other = world_open(&wait);
	world_reach(other, ST(QUEUED));
	give_back(cps);
	world_settle(50);
	assert_int_equal(session_state(other), ST(QUEUED));
	world_answer(s, ASK_PIN);
	world_reach(s, ST(UNLOCKED));
	session_end(s, R(RELEASED));
	world_reach(other, ST(UNLOCKED));
}

static void what_is_asked_of_a_slot_that_is_not_lent_is_nothing(void **state)
{
	struct session *s = unlock();

	(void)state;
	sessions_reader_returned(world.all, usual_slot(vitale));
	sessions_reader_returned(world.all, usual_slot(cps));
	world_settle(20);
	assert_int_equal(session_state(s), ST(UNLOCKED));
}

static void the_broker_may_end_while_a_slot_is_being_freed(void **state)
{
	unsigned int n = 0;

	(void)state;
	(void)unlock();
	assert_int_equal(
		sessions_reader_lend(world.all, usual_slot(vitale), 1000, freed, &n), 0);
	world_restart();
	world_settle(20);
	assert_int_equal(n, 0); /* nobody is there to be told */
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_session_is_suspended_and_resumes_with_a_new_proof),
		T(it_may_be_lent_more_than_once),
		T(taken_out_meanwhile_it_may_be_put_back),
		T(another_card_or_another_kind_of_card_locks),
		T(an_answer_without_sense_or_a_false_proof_locks),
		T(a_card_that_does_not_come_back_in_time_locks),
		T(its_life_runs_on_and_the_other_card_must_stay),
		T(an_owner_that_leaves_meanwhile_ends_it),
		T(cards_without_our_certificates_have_their_serial),
		T(without_the_record_it_is_not_suspended_and_not_resumed),
		T(the_professional_types_the_pin_anew_and_the_card_signs),
		T(a_pin_that_is_refused_wrong_or_blocked_locks),
		T(another_professional_locks),
		T(a_false_signature_of_the_professional_locks),
		T(both_slots_may_be_lent_and_both_must_prove),
		T(an_idle_card_is_closed_and_its_pin_forgotten),
		T(nobody_lends_what_is_in_use_or_being_opened),
		T(a_slot_that_is_lent_or_waited_for_serves_no_other_session),
		T(what_is_asked_of_a_slot_that_is_not_lent_is_nothing),
		T(the_broker_may_end_while_a_slot_is_being_freed),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
