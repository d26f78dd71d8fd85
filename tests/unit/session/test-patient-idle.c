/* SPDX-License-Identifier: EUPL-1.2 */
/* Mode patient when nobody is there: a screen that is left, and a card. */
#include "tests/unit/session/urgent.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define QUICKLY 200 /* 60 s are 300 ms, 15 s are 75 ms */

static int setup(void **state)
{
	int r = urgent_setup(state);

	cps->in = false;
	return r;
}

static struct session *unlocked(void)
{
	struct session *s = open_as(SESSION_MODE_PATIENT, NULL, false, ":1.9", 1001);

	world_reach(s, ST(UNLOCKED));
	return s;
}

/* Its time begins anew, and is short. */
static void hurry(struct session *s)
{
	world_hurry = QUICKLY;
	session_input(s);
	world_hurry = 1;
}

static bool told(void *user)
{
	return world.take_cards >= *(const unsigned int *)user;
}

static void take_it(unsigned int times)
{
	assert_true(world_run(told, &times, 20000));
}

/* -- the screen ---------------------------------------------------------------------------------- */

static void a_session_that_nobody_does_anything_with_locks(void **state)
{
	struct session *s = unlocked();

	(void)state;
	world_clock_long = CLOCK_REALTIME;
	hurry(s);
	assert_int_equal(world_clock_long, CLOCK_BOOTTIME); /* it runs on during a sleep */
	world_end(s, ST(LOCKED), R(IDLE));
	assert_int_equal(world.busy_asked, 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_SESSION_ENDED, "idle"), 1);
}

static void the_time_begins_when_it_is_unlocked(void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_UNLOCK] = ANSWER_NEVER;
	s = open_as(SESSION_MODE_PATIENT, NULL, false, ":1.9", 1001);
	world_reach(s, ST(AUTHENTICATING));
	for (unsigned int i = 0; i < 1000 && world.asked[ASK_UNLOCK] == 0; i++) {
		world_settle(10);
	}
	hurry(s); /* it waits for the dossier's process, which is nobody's leaving */
	world_settle(500);
	assert_int_equal(session_state(s), ST(AUTHENTICATING));
	world_hurry = QUICKLY;
	world_answer(s, ASK_UNLOCK);
	world_hurry = 1;
	world_end(s, ST(LOCKED), R(IDLE));
}

static void whoever_does_something_has_the_whole_time_again(void **state)
{
	struct session *s = unlocked();

	(void)state;
	hurry(s);
	session_input(s);
	world_settle(500);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	assert_int_equal(world.busy_asked, 0);
}

static bool asked_twice(void *user)
{
	(void)user;
	world_hurry = QUICKLY;
	return world.busy_asked >= 2;
}

static void while_a_call_or_a_content_is_on_its_way_nobody_is_idle(void **state)
{
	struct session *s = unlocked();

	(void)state;
	world.busy = true;
	hurry(s);
	assert_true(world_run(asked_twice, NULL, 20000));
	world_hurry = 1;
	assert_int_equal(session_state(s), ST(UNLOCKED));
	world.busy = false;
	hurry(s);
	world_end(s, ST(LOCKED), R(IDLE));
}

static void sessions_with_a_professional_have_no_such_time(void **state)
{
	struct session *s;

	(void)state;
	play_in(cps);
	s = unlock();
	hurry(s);
	world_settle(500);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	assert_int_equal(world.busy_asked, 0);
}

static void without_a_clock_it_does_not_stay_open(void **state)
{
	struct session *s = unlocked();

	(void)state;
	memory_arm(1);
	session_input(s);
	memory_arm(0);
	world_end(s, ST(LOCKED), R(FAILED));
}

/* -- the card ------------------------------------------------------------------------------------ */

static void who_leaves_their_card_is_told_again_and_again(void **state)
{
	struct session *s = unlocked();
	unsigned int n;

	(void)state;
	world_hurry = QUICKLY;
	session_end(s, R(RELEASED));
	assert_int_equal(world.take_cards, 0); /* not from within */
	take_it(3);
	play_out(vitale);
	n = world.take_cards + 1;
	(void)world_run(told, &n, 300);
	n = world.take_cards; /* it was on its way, at most */
	world_settle(300);
	assert_int_equal(world.take_cards, n);
	play_in(vitale); /* another coming in, by another person for all we know */
	world_settle(300);
	assert_int_equal(world.take_cards, n);
}

static void who_never_got_in_is_told_as_well(void **state)
{
	(void)state;
	world.fail[ASK_CODE] = R(CODE_BLOCKED);
	world_end(open_as(SESSION_MODE_PATIENT, NULL, false, ":1.9", 1001), ST(FAILED),
		R(CODE_BLOCKED));
	take_it(1);
}

static void who_took_it_is_told_nothing(void **state)
{
	struct session *s = unlocked();

	(void)state;
	world_hurry = QUICKLY;
	play_out(vitale);
	world_end(s, ST(LOCKED), R(PATIENT_CARD_REMOVED));
	s = open_as(SESSION_MODE_PATIENT, NULL, false, ":1.9", 1001);
	world_settle(50);
	session_end(s, R(CANCELLED)); /* no card came */
	world_settle(300);
	assert_int_equal(world.take_cards, 0);
}

static void a_card_that_is_used_again_is_not_called_left(void **state)
{
	struct session *s = unlocked();
	unsigned int n;

	(void)state;
	session_end(s, R(RELEASED));
	take_it(1);
	(void)unlocked();
	n = world.take_cards;
	world_settle(300);
	assert_int_equal(world.take_cards, n);
}

static void who_releases_the_session_or_dies_leaves_the_card_all_the_same(void **state)
{
	struct session *s = unlocked();
	unsigned int n;

	(void)state;
	world_hurry = QUICKLY;
	session_release(s);
	take_it(2);
	world_hurry = 1;
	(void)unlocked(); /* who comes next uses it */
	world_hurry = QUICKLY;
	n = world.take_cards;
	world_settle(300);
	assert_int_equal(world.take_cards, n);
	sessions_owner_gone(world.all, ":1.9");
	assert_null(sessions_next(world.all, NULL));
	take_it(n + 2);
	play_out(vitale);
	n = world.take_cards + 1;
	(void)world_run(told, &n, 300);
	n = world.take_cards; /* it was on its way, at most */
	world_settle(300);
	assert_int_equal(world.take_cards, n);
}

static void several_sessions_with_one_card_are_told_of_once_at_a_time(void **state)
{
	unsigned int n;

	(void)state;
	session_release(unlocked());
	session_release(unlocked());
	take_it(1);
	n = world.take_cards;
	world_settle(100); /* the next is due in 15 s */
	assert_int_equal(world.take_cards, n);
}

static void at_a_desk_nobody_is_told(void **state)
{
	(void)state;
	play_in(cps);
	world_hurry = 1;
	session_end(unlock(), R(RELEASED));
	world_settle(100);
	assert_int_equal(world.take_cards, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_session_that_nobody_does_anything_with_locks),
		T(the_time_begins_when_it_is_unlocked),
		T(whoever_does_something_has_the_whole_time_again),
		T(while_a_call_or_a_content_is_on_its_way_nobody_is_idle),
		T(sessions_with_a_professional_have_no_such_time),
		T(without_a_clock_it_does_not_stay_open),
		T(who_leaves_their_card_is_told_again_and_again),
		T(who_never_got_in_is_told_as_well),
		T(who_took_it_is_told_nothing),
		T(a_card_that_is_used_again_is_not_called_left),
		T(who_releases_the_session_or_dies_leaves_the_card_all_the_same),
		T(several_sessions_with_one_card_are_told_of_once_at_a_time),
		T(at_a_desk_nobody_is_told),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
