/* SPDX-License-Identifier: EUPL-1.2 */
/* What an emergency takes from other sessions and from PIN jobs, when it takes nothing, and how often. */
#include "daemon/limits.h"
#include "daemon/session/steps.h"
#include "tests/unit/session/urgent.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

// clang-format on

/* @victim, of another user, has the cards and is at @state. */
static struct session *holder(enum session_state state)
{
	struct session *s = open_as(SESSION_MODE_NORMAL, NULL, false, ":1.9", 1001);

	world_reach(s, state);
	return s;
}

static void gives_way(struct session *victim)
{
	unsigned int before = world_recorded(AUDIT_EVENT_PRE_EMPTION, "ok");
	unsigned int locked = world.locked;
	struct session *s = emergency(NULL);

	world_end(victim, ST(LOCKED), R(PRE_EMPTED));
	assert_int_equal(world.locked, locked + 1); /* its dossier's process is gone by now */
	assert_int_equal(session_state(s) == ST(UNLOCKED), false); /* ... before all else */
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(world_recorded(AUDIT_EVENT_PRE_EMPTION, "ok"), before + 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_SESSION_ENDED, "pre-empted"), before + 1);
	session_release(s);
	session_release(victim);
}

static void whoever_has_the_cards_gives_way_wherever_it_stands(void **state)
{
	static const struct {
		enum question q;
		enum session_state at;
	} rows[] = {
		{ASK_PIN, ST(WAITING_FOR_PIN)},
		{ASK_STRUCTURE, ST(WAITING_FOR_CHOICE)},
		{ASK_PREPARE, ST(AUTHENTICATING)},
		{ASK_CONSENT, ST(WAITING_FOR_CONSENT)},
		{ASK_UNLOCK, ST(AUTHENTICATING)},
		{ASK_COUNT, ST(UNLOCKED)},
	};

	(void)state;
	play_activity(cps, 2, "CABINET B", "10000002", "SA07");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session *victim;

		if (rows[i].q != ASK_COUNT) {
			world.when[rows[i].q] = ANSWER_NEVER;
		}
		victim = holder(rows[i].at);
		if (rows[i].q != ASK_COUNT) {
			world.when[rows[i].q] = ANSWER_NOW;
		}
		world_slept += HOUR;
		gives_way(victim);
	}
}

static void one_that_reads_gives_way(void **state)
{
	struct session *victim;

	(void)state;
	vitale->misdeed[CARD_OP_READ_PUBLIC] = PLAY_SILENT;
	victim = open_as(SESSION_MODE_NORMAL, NULL, false, ":1.9", 1001);
	world.when[ASK_PIN] = ANSWER_NEVER;
	world_reach(victim, ST(READING));
	vitale->misdeed[CARD_OP_READ_PUBLIC] = PLAY_WELL;
	world.when[ASK_PIN] = ANSWER_NOW;
	gives_way(victim);
}

static void an_identity_gives_way_and_a_lent_slot_is_waited_for(void **state)
{
	struct session *victim = world_session(SESSION_MODE_IDENTITY);
	struct session *s;

	(void)state;
	world_reach(victim, ST(UNLOCKED));
	gives_way(victim);
	victim = unlock();
	lend(vitale);
	assert_int_equal(session_state(victim), ST(SUSPENDED));
	world_end(emergency(NULL), ST(FAILED), R(BUSY));
	s = open_as(SESSION_MODE_BRIS_DE_GLACE, NULL, true, ":1.8", 1000);
	world_reach(s, ST(QUEUED));
	assert_int_equal(session_state(victim), ST(SUSPENDED)); /* for nothing, so far */
	give_back(vitale);
	world_reach(s, ST(UNLOCKED));
	world_end(victim, ST(LOCKED), R(PRE_EMPTED));
}

static void nobody_loses_a_card_to_one_that_must_wait_for_an_emergency(void **state)
{
	struct session *first;
	struct session *victim;
	struct session *s;

	(void)state;
	vitale->in = false;
	first = opened(OWN);
	play_in(vitale);
	victim = open_as(SESSION_MODE_IDENTITY, NULL, true, ":1.9", 1001);
	world_reach(victim, ST(UNLOCKED));
	world_end(emergency(NULL), ST(FAILED), R(BUSY));
	s = open_as(SESSION_MODE_BRIS_DE_GLACE, NULL, true, ":1.8", 1000);
	world_reach(s, ST(QUEUED));
	assert_int_equal(session_state(victim), ST(UNLOCKED));
	assert_int_equal(world_recorded(AUDIT_EVENT_PRE_EMPTION, NULL), 0);
	session_release(first);
	world_reach(s, ST(UNLOCKED));
	world_end(victim, ST(LOCKED), R(PRE_EMPTED));
}

/* A PIN job, played: it has the professional's card and ends when that is wanted. */
struct job {
	struct card *card;
	unsigned int wanted;
};

static void on_wanted(void *user, struct card *c)
{
	struct job *j = user;

	assert_ptr_equal(c, j->card);
	j->wanted++;
	if (c->job == CARD_JOB_ASKS) {
		c->job = CARD_JOB_ENDS;
	}
}

static const struct cards_ops job_ops = {.card_wanted = on_wanted};

static void job_start(struct job *j, enum card_job does)
{
	*j = (struct job){.card = usual_slot(cps)->card};
	assert_int_equal(cards_claim(world.cards, j->card, 1001, j), 0);
	j->card->job = does;
}

static void a_pin_job_that_asks_a_person_ends_and_one_that_works_is_waited_for(void **state)
{
	struct session *victim = open_as(SESSION_MODE_IDENTITY, NULL, false, ":1.9", 1001);
	struct session *s;
	struct job j;

	(void)state;
	world_reach(victim, ST(UNLOCKED));
	assert_int_equal(cards_listen(world.cards, &job_ops, &j), 0);
	job_start(&j, CARD_JOB_WORKS);
	world_end(emergency(NULL), ST(FAILED), R(BUSY));
	s = open_as(SESSION_MODE_BRIS_DE_GLACE, NULL, true, ":1.8", 1000);
	world_reach(s, ST(QUEUED));
	world_settle(50);
	assert_int_equal(j.wanted, 0);
	assert_int_equal(session_state(victim), ST(UNLOCKED));
	j.card->job = CARD_JOB_ASKS; /* nobody tells it: it looks again by itself */
	world_end(victim, ST(LOCKED), R(PRE_EMPTED));
	assert_int_equal(j.wanted, 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_PRE_EMPTION, "ok"), 2);
	world_settle(50);
	assert_int_equal(session_state(s) == ST(UNLOCKED), false); /* it is being reset */
	assert_true(sessions_card_wanted(world.all, j.card));
	cards_release(world.cards, j.card);
	world_reach(s, ST(UNLOCKED));
	assert_false(sessions_card_wanted(world.all, j.card));
	session_release(s);
	professional_close(world.all, j.card);
	world_settle(50);
	job_start(&j, CARD_JOB_ASKS); /* without a wait too: it has to be reset, no more */
	s = emergency(NULL);
	world_settle(50);
	assert_int_equal(j.card->job, CARD_JOB_ENDS);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CARDS));
	session_nudge_all(world.all);
	world_settle(50);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CARDS));
	cards_release(world.cards, j.card);
	world_reach(s, ST(UNLOCKED));
	session_release(s);
	professional_close(world.all, j.card);
	world_settle(50);
	job_start(&j, CARD_JOB_ASKS);
	s = emergency(NULL);
	world_audit_fails = 1; /* what cannot be recorded ends nothing */
	world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
	world_audit_fails = 0;
	assert_int_equal(j.card->job, CARD_JOB_ASKS);
	cards_release(world.cards, j.card);
	cards_unlisten(world.cards, &j);
}

static void freed(void *user)
{
	++*(unsigned int *)user;
}

static void while_one_waits_for_a_card_nobody_begins_with_it(void **state)
{
	struct session *first = opened(NULL);
	struct card_reader *r = usual_slot(cps);
	struct session *s = open_as(SESSION_MODE_CENTRE_15, NULL, true, ":1.9", 1001);
	unsigned int n = 0;

	(void)state;
	world_reach(s, ST(QUEUED));
	assert_true(sessions_card_wanted(world.all, r->card));
	assert_int_equal(
		sessions_reader_lend(world.all, r, 1000, freed, &n), SESSIONS_LEND_BUSY);
	assert_int_equal(session_state(first), ST(UNLOCKED));
	session_release(s);
	assert_false(sessions_card_wanted(world.all, r->card));
	lend(cps);
	assert_int_equal(session_state(first), ST(SUSPENDED));
}

/* -- without a PIN ------------------------------------------------------------------------------- */

/* One more emergency of @uid, whose PIN nobody types, finds @uid's neighbour at work. Return: whether
 * that has lost its cards. */
static bool takes_without_a_pin(uid_t uid)
{
	struct session *victim = open_as(SESSION_MODE_NORMAL, NULL, false, ":1.9", 1009);
	struct session *s;
	bool lost;

	world_reach(victim, ST(UNLOCKED));
	world.when[ASK_PIN] = ANSWER_NEVER;
	s = open_as(SESSION_MODE_BRIS_DE_GLACE, NULL, true, ":1.8", uid);
	world_settle(50);
	lost = session_over(victim);
	if (lost) {
		world_reach(s, ST(WAITING_FOR_PIN));
	} else {
		world_reach(s, ST(QUEUED));
	}
	session_release(s);
	world.when[ASK_PIN] = ANSWER_NOW;
	session_release(victim);
	return lost;
}

static void without_a_pin_a_uid_takes_cards_three_times_an_hour(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < LIMIT_PRE_EMPTIONS; i++) {
		assert_true(takes_without_a_pin(1000));
		world_slept += HOUR / 10;
	}
	assert_false(takes_without_a_pin(1000));
	assert_true(takes_without_a_pin(1001));
	session_release(opened(NULL)); /* nobody is in its way */
	assert_false(takes_without_a_pin(1000));
	world_slept += HOUR - LIMIT_PRE_EMPTIONS * (HOUR / 10);
	assert_true(takes_without_a_pin(1000)); /* an hour after the first */
	assert_false(takes_without_a_pin(1000));
}

static void one_that_is_unlocked_is_none_of_them(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < LIMIT_PRE_EMPTIONS; i++) {
		assert_true(takes_without_a_pin(1000));
		gives_way(holder(ST(UNLOCKED)));
		world_slept += i == 0 ? HOUR : 0;
	}
	gives_way(holder(ST(UNLOCKED)));
	assert_true(takes_without_a_pin(1000));
	assert_false(takes_without_a_pin(1000));
}

static void a_slot_that_is_lent_is_not_waited_for_when_the_patient_is_named(void **state)
{
	struct session *victim = unlock();
	struct session *s;

	(void)state;
	lend(vitale);
	s = opened(OWN);
	assert_int_equal(session_proof(s), PROOF_NONE);
	world_end(victim, ST(LOCKED), R(PRE_EMPTED));
}

static void what_cannot_be_recorded_ends_the_emergency_and_nobody_else(void **state)
{
	struct session *victim = unlock();
	struct session *s = emergency(NULL);

	(void)state;
	world_audit_fails = 1;
	world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
	world_audit_fails = 0;
	assert_int_equal(session_state(victim), ST(UNLOCKED));
}

static void those_that_wait_are_passed_by_and_emergencies_wait_for_each_other(void **state)
{
	struct session *first = unlock();
	struct session *normal = open_as(SESSION_MODE_NORMAL, NULL, true, ":1.9", 1001);
	struct session *one;
	struct session *two;
	uint32_t place;
	uint32_t seconds;

	(void)state;
	world_reach(normal, ST(QUEUED));
	one = opened(NULL);
	world_end(first, ST(LOCKED), R(PRE_EMPTED));
	world_end(emergency(NULL), ST(FAILED), R(BUSY));
	two = open_as(SESSION_MODE_CENTRE_15, NULL, true, ":1.9", 1001);
	world_reach(two, ST(QUEUED));
	session_queue(two, &place, &seconds);
	assert_int_equal(place, 1);
	session_queue(normal, &place, &seconds);
	assert_int_equal(place, 2);
	assert_int_equal(session_state(one), ST(UNLOCKED));
	session_release(one);
	world_reach(two, ST(UNLOCKED));
	assert_int_equal(session_state(normal), ST(QUEUED));
	session_release(two);
	world_reach(normal, ST(UNLOCKED));
}

static void one_that_needs_other_cards_is_left_alone(void **state)
{
	struct session *victim;

	(void)state;
	play_out(cps);
	victim = world_session(SESSION_MODE_IDENTITY);
	world_reach(victim, ST(UNLOCKED));
	/* no professional's card is in: nothing is taken for nothing */
	world_settle(20);
	(void)emergency(NULL);
	world_settle(100);
	assert_int_equal(session_state(victim), ST(UNLOCKED));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, urgent_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(whoever_has_the_cards_gives_way_wherever_it_stands),
		T(one_that_reads_gives_way),
		T(an_identity_gives_way_and_a_lent_slot_is_waited_for),
		T(a_slot_that_is_lent_is_not_waited_for_when_the_patient_is_named),
		T(what_cannot_be_recorded_ends_the_emergency_and_nobody_else),
		T(those_that_wait_are_passed_by_and_emergencies_wait_for_each_other),
		T(one_that_needs_other_cards_is_left_alone),
		T(nobody_loses_a_card_to_one_that_must_wait_for_an_emergency),
		T(a_pin_job_that_asks_a_person_ends_and_one_that_works_is_waited_for),
		T(while_one_waits_for_a_card_nobody_begins_with_it),
		T(without_a_pin_a_uid_takes_cards_three_times_an_hour),
		T(one_that_is_unlocked_is_none_of_them),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
