/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Revocation lists that come while sessions run: the session of a card that they revoke ends at
 * once, wherever it stands and whichever of the two certificates it is; all others go on.
 */
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
static struct forged_card *other; /* of somebody else */

static int setup(void **state)
{
	int r = world_setup(state);

	usual_cards(&vitale, &cps);
	other = pki_card("simulated", 'P', FORGED_SOMEBODY);
	vitale->in = true;
	cps->in = true;
	return r;
}

static struct session *reach(enum session_state st)
{
	struct session *s = world_session(SESSION_MODE_NORMAL);

	world_reach(s, st);
	return s;
}

static void hand_in(const struct buf *certificate)
{
	world_revoked = buf_view(certificate);
	sessions_lists_changed(world.all);
}

/* It has ended before anything else happens. */
static void opposed(struct session *s, enum session_state st)
{
	assert_int_equal(session_state(s), st);
	assert_int_equal(session_reason(s), R(CARD_OPPOSED));
	assert_null(session_professional(s));
	assert_int_equal(world.locked, 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_SESSION_ENDED, "card-opposed"), 1);
	world_end(s, st, R(CARD_OPPOSED));
}

static void an_unlocked_session_locks_when_a_certificate_of_its_card_is_revoked(void **state)
{
	const struct buf *const certificates[] = {&cps->card->sig, &cps->card->aut};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(certificates); i++) {
		unsigned int before = world_recorded(AUDIT_EVENT_SESSION_ENDED, "card-opposed");
		struct session *s = reach(ST(UNLOCKED));

		world.locked = 0;
		hand_in(certificates[i]);
		assert_int_equal(session_state(s), ST(LOCKED));
		assert_int_equal(session_reason(s), R(CARD_OPPOSED));
		assert_int_equal(world.locked, 1); /* the dossier's process is killed */
		assert_int_equal(
			world_recorded(AUDIT_EVENT_SESSION_ENDED, "card-opposed"), before + 1);
		world_end(world_session(SESSION_MODE_NORMAL), ST(FAILED), R(CARD_OPPOSED));
		world_revoked = VIEW_NULL;
	}
}

static void lists_about_others_leave_it_and_tell_what_they_know(void **state)
{
	struct session *s = reach(ST(UNLOCKED));

	(void)state;
	assert_int_equal(session_professional(s)->revocation, TRUST_REVOCATION_UNKNOWN);
	hand_in(&other->sig);
	hand_in(&other->aut);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	assert_int_equal(session_professional(s)->revocation, TRUST_REVOCATION_UNKNOWN);
	world_revocation = TRUST_REVOCATION_GOOD;
	sessions_lists_changed(world.all);
	assert_int_equal(session_professional(s)->revocation, TRUST_REVOCATION_GOOD);
	world_settle(20);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	assert_int_equal(world.locked, 0);
}

static void a_session_on_its_way_fails_wherever_it_stands(void **state)
{
	static const struct {
		enum question open;
		enum session_state at;
	} rows[] = {
		{ASK_PIN, ST(WAITING_FOR_PIN)},
		{ASK_CONSENT, ST(WAITING_FOR_CONSENT)},
		{ASK_PREPARE, ST(AUTHENTICATING)},
		{ASK_UNLOCK, ST(AUTHENTICATING)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned int before = world.asked[rows[i].open];
		struct session *s;

		world.when[rows[i].open] = ANSWER_NEVER;
		s = world_session(SESSION_MODE_NORMAL);
		for (unsigned int n = 0; n < 500 && world.asked[rows[i].open] == before; n++) {
			world_settle(10);
		}
		assert_int_equal(session_state(s), rows[i].at);
		hand_in(&cps->card->aut);
		assert_int_equal(session_state(s), ST(FAILED));
		assert_int_equal(session_reason(s), R(CARD_OPPOSED));
		assert_int_equal(
			world_recorded(AUDIT_EVENT_SESSION_ENDED, "card-opposed"), i + 1);
		world.when[rows[i].open] = ANSWER_NOW;
		world_revoked = VIEW_NULL;
		world_settle(20);
	}
}

static void sessions_without_a_professional_are_not_judged(void **state)
{
	struct session *waiting;
	struct session *s;

	(void)state;
	s = world_session(SESSION_MODE_IDENTITY);
	world_reach(s, ST(UNLOCKED));
	hand_in(&cps->card->sig);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	session_release(s);
	world_revoked = VIEW_NULL;
	cps->in = false;
	play_out(cps);
	world_settle(50);
	waiting = reach(ST(WAITING_FOR_CARDS));
	hand_in(&cps->card->sig);
	assert_int_equal(session_state(waiting), ST(WAITING_FOR_CARDS));
	play_in(cps);
	world_end(waiting, ST(FAILED), R(CARD_OPPOSED)); /* when it is read */
	sessions_lists_changed(world.all);		 /* what has ended stays as it is */
	assert_int_equal(world_recorded(AUDIT_EVENT_SESSION_ENDED, "card-opposed"), 1);
}

/* -- nobody could look ------------------------------------------------------------------------------ */

static void a_card_that_no_list_can_be_asked_about_begins_nothing(void **state)
{
	const struct buf *const certificates[] = {&cps->card->sig, &cps->card->aut};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(certificates); i++) {
		world_unasked = buf_view(certificates[i]);
		world_end(world_session(SESSION_MODE_NORMAL), ST(FAILED), R(FAILED));
	}
	assert_int_equal(world.asked[ASK_PIN], 0);
	assert_int_equal(world.faults, 2); /* the journal says it, once each */
	assert_int_equal(world_recorded(AUDIT_EVENT_SESSION_ENDED, "failed"), 2);
	world_unasked = VIEW_NULL;
	(void)reach(ST(UNLOCKED));
}

static void an_unlocked_session_locks_when_no_list_can_be_asked(void **state)
{
	const struct buf *const certificates[] = {&cps->card->sig, &cps->card->aut};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(certificates); i++) {
		struct session *s = reach(ST(UNLOCKED));

		world.locked = 0;
		world.faults = 0;
		world_unasked = buf_view(certificates[i]);
		sessions_lists_changed(world.all);
		assert_int_equal(session_state(s), ST(LOCKED));
		assert_int_equal(session_reason(s), R(FAILED));
		assert_int_equal(world.locked, 1);
		assert_int_equal(world.faults, 1);
		world_unasked = VIEW_NULL;
	}
}

/* -- suspended ------------------------------------------------------------------------------------- */

static void freed(void *user)
{
	*(bool *)user = true;
}

static bool is_freed(void *user)
{
	return *(bool *)user;
}

static void lend(struct card_reader *r)
{
	bool done = false;

	assert_int_equal(sessions_reader_lend(world.all, r, 1000, freed, &done), 0);
	assert_true(world_run(is_freed, &done, 10000));
	cards_lend(world.cards, r, true);
	world_settle(5);
}

static void a_suspended_session_locks_although_its_card_is_lent(void **state)
{
	struct session *s = reach(ST(UNLOCKED));

	(void)state;
	lend(usual_slot(cps));
	assert_int_equal(session_state(s), ST(SUSPENDED));
	hand_in(&cps->card->aut);
	opposed(s, ST(LOCKED));
}

static void a_session_that_came_back_is_still_judged_by_both_certificates(void **state)
{
	struct session *s = reach(ST(UNLOCKED));

	(void)state;
	lend(usual_slot(cps));
	cards_lend(world.cards, usual_slot(cps), false);
	sessions_reader_returned(world.all, usual_slot(cps));
	world_reach(s, ST(UNLOCKED));
	hand_in(&other->aut);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	hand_in(&cps->card->aut);
	opposed(s, ST(LOCKED));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(an_unlocked_session_locks_when_a_certificate_of_its_card_is_revoked),
		T(lists_about_others_leave_it_and_tell_what_they_know),
		T(a_session_on_its_way_fails_wherever_it_stands),
		T(sessions_without_a_professional_are_not_judged),
		T(a_card_that_no_list_can_be_asked_about_begins_nothing),
		T(an_unlocked_session_locks_when_no_list_can_be_asked),
		T(a_suspended_session_locks_although_its_card_is_lent),
		T(a_session_that_came_back_is_still_judged_by_both_certificates),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
