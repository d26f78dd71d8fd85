/* SPDX-License-Identifier: EUPL-1.2 */
/* Who gets the cards first, what those that wait are told, and which slots they look at. */
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

static struct session *waiting(enum session_mode mode)
{
	const struct session_options o = {.mode = mode, .wait = true};

	return world_open(&o);
}

static uint32_t place(const struct session *s)
{
	uint32_t position;
	uint32_t seconds;

	session_queue(s, &position, &seconds);
	return position;
}

static struct session *unlock(void)
{
	struct session *s = world_session(SESSION_MODE_NORMAL);

	world_reach(s, ST(UNLOCKED));
	return s;
}

/* -- the queue ------------------------------------------------------------------------------------- */

static void those_that_wait_are_served_in_the_order_of_their_coming(void **state)
{
	struct session *first = unlock();
	struct session *queue[4];

	(void)state;
	assert_int_equal(place(first), 0);
	for (size_t i = 0; i < ARRAY_LEN(queue); i++) {
		queue[i] = waiting(SESSION_MODE_NORMAL);
	}
	for (size_t i = 0; i < ARRAY_LEN(queue); i++) {
		world_reach(queue[i], ST(QUEUED));
		assert_int_equal(place(queue[i]), i + 1);
	}
	for (size_t i = 0; i < ARRAY_LEN(queue); i++) {
		session_release(first);
		first = queue[i];
		world_reach(first, ST(UNLOCKED));
		assert_int_equal(place(first), 0);
		for (size_t j = i + 1; j < ARRAY_LEN(queue); j++) {
			assert_int_equal(session_state(queue[j]), ST(QUEUED));
			assert_int_equal(place(queue[j]), j - i);
		}
	}
}

static void whoever_waits_goes_before_whoever_just_comes(void **state)
{
	struct session *first = unlock();
	struct session *second = waiting(SESSION_MODE_NORMAL);
	struct session *newcomer;

	(void)state;
	world_reach(second, ST(QUEUED));
	session_release(first);
	/* the cards are free, and the one that waits has not had its turn yet */
	newcomer = world_session(SESSION_MODE_NORMAL);
	world_reach(second, ST(UNLOCKED));
	world_end(newcomer, ST(FAILED), R(BUSY));
}

static void one_card_of_the_two_is_enough_to_stand_behind(void **state)
{
	struct session *first = unlock();
	struct session *both;
	struct session *alone;

	(void)state;
	play_out(vitale);
	world_end(first, ST(LOCKED), R(PATIENT_CARD_REMOVED));
	play_in(vitale);
	world_settle(20);
	first = world_session(SESSION_MODE_IDENTITY);
	world_reach(first, ST(UNLOCKED)); /* holds the patient's card */
	both = waiting(SESSION_MODE_NORMAL);
	world_reach(both, ST(QUEUED));
	alone = waiting(SESSION_MODE_IDENTITY);
	world_reach(alone, ST(QUEUED));
	assert_int_equal(place(both), 1);
	assert_int_equal(place(alone), 2);
	session_release(first);
	world_reach(both, ST(UNLOCKED));
	assert_int_equal(session_state(alone), ST(QUEUED));
	assert_int_equal(place(alone), 1);
	session_release(both);
	world_reach(alone, ST(UNLOCKED));
}

static void one_that_gives_up_makes_those_behind_go_forward(void **state)
{
	struct session *first = unlock();
	struct session *second = waiting(SESSION_MODE_NORMAL);
	struct session *third = waiting(SESSION_MODE_NORMAL);
	unsigned int before;

	(void)state;
	world_reach(second, ST(QUEUED));
	world_reach(third, ST(QUEUED));
	before = world.changes;
	session_release(second);
	assert_true(world.changes >= before + 2); /* its own end, and the place of the other */
	assert_int_equal(place(third), 1);
	session_release(first);
	world_reach(third, ST(UNLOCKED));
}

static void other_cards_are_another_queue(void **state)
{
	static const char third[] = "Reader C 02 00";
	struct played *other = play_vitale(third, pki_card("simulated", 'V', FORGED_GOOD));
	struct config_pair *p = world.config.pairs;
	const struct session_options one = {
		.mode = SESSION_MODE_IDENTITY, .pair = "one", .wait = true};
	const struct session_options two = {
		.mode = SESSION_MODE_IDENTITY, .pair = "two", .wait = true};
	struct session *a;
	struct session *b;

	(void)state;
	play_person(other, "BERNARD", "ZOE", "19700101", "270015632100123", 1);
	world.config.n_pairs = 2;
	assert_int_equal(view_copy_str(view_str("one"), p[0].name, sizeof(p[0].name)), 0);
	assert_int_equal(view_copy_str(view_str("two"), p[1].name, sizeof(p[1].name)), 0);
	assert_int_equal(view_copy_str(view_str(READER_A), p[0].patient_reader, 128), 0);
	assert_int_equal(view_copy_str(view_str(third), p[1].patient_reader, 128), 0);
	a = world_open(&one);
	world_reach(a, ST(UNLOCKED));
	a = world_open(&one);
	world_reach(a, ST(QUEUED));
	play_event(WATCH_OP_READER_IN, third, 0);
	play_in(other);
	world_settle(50);
	b = world_open(&two);
	world_reach(b, ST(UNLOCKED));
	b = world_open(&two);
	world_reach(b, ST(QUEUED));
	assert_int_equal(place(a), 1);
	assert_int_equal(place(b), 1);
}

static bool ticked(void *user)
{
	return world.changes >= *(unsigned int *)user;
}

static void the_seconds_that_one_waits_are_told(void **state)
{
	struct session *s;
	uint32_t position = 0;
	uint32_t seconds = 0;
	unsigned int then;

	(void)state;
	(void)unlock();
	s = waiting(SESSION_MODE_NORMAL);
	world_reach(s, ST(QUEUED));
	world_settle(20);
	then = world.changes + 1;
	assert_true(world_run(ticked, &then, 5000));
	session_queue(s, &position, &seconds);
	assert_int_equal(position, 1);
	assert_true(seconds >= 1);
	then = world.changes + 1;
	assert_true(world_run(ticked, &then, 5000));
	session_release(s);
	then = world.changes + 1;
	assert_false(world_run(ticked, &then, 1500)); /* and no longer than that */
}

static void a_card_on_its_way_to_be_free_is_waited_for_in_place(void **state)
{
	const struct session_options o = {.wait = true};
	struct session *s = unlock();
	struct session *other = NULL;

	(void)state;
	session_release(s); /* idle in the hands of its user */
	assert_int_equal(session_open(world.all, ":1.9", 1001, &o, &other), 0);
	world_reach(other, ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_PIN], 2);
}

/* -- roles of readers ------------------------------------------------------------------------------ */

static void role(size_t i, const char *name, enum config_role r)
{
	struct config_reader *row = &world.config.readers[i];

	assert_int_equal(view_copy_str(view_str(name), row->name, sizeof(row->name)), 0);
	row->role = r;
	world.config.n_readers = i + 1;
}

static void plug_again(struct played *p)
{
	play_event(WATCH_OP_READER_OUT, p->reader, 0);
	play_event(WATCH_OP_READER_IN, p->reader, 0);
	play_in(p);
}

static void a_slot_for_patients_takes_no_professionals_card(void **state)
{
	struct session *s = unlock();

	(void)state;
	session_release(s);
	role(0, READER_A, CONFIG_ROLE_PROFESSIONAL);
	plug_again(vitale);
	world_settle(50);
	s = waiting(SESSION_MODE_NORMAL); /* the patient's card is where none may be */
	world_settle(50);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CARDS));
	session_release(s);
	role(0, READER_A, CONFIG_ROLE_PATIENT);
	role(1, READER_B, CONFIG_ROLE_PROFESSIONAL);
	plug_again(vitale);
	plug_again(cps);
	world_settle(50);
	session_release(unlock());
	role(1, READER_B, CONFIG_ROLE_PATIENT); /* nowhere for a professional */
	plug_again(cps);
	world_settle(50);
	world_end(world_session(SESSION_MODE_NORMAL), ST(FAILED), R(NO_READER));
}

static void a_second_patients_card_is_no_matter_where_none_may_be(void **state)
{
	(void)state;
	cps->kind = "vitale";
	plug_again(cps);
	world_settle(50);
	world_end(world_session(SESSION_MODE_IDENTITY), ST(FAILED), R(CARD_AMBIGUOUS));
	role(0, READER_B, CONFIG_ROLE_PROFESSIONAL);
	plug_again(cps);
	world_settle(50);
	world_reach(world_session(SESSION_MODE_IDENTITY), ST(UNLOCKED));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(those_that_wait_are_served_in_the_order_of_their_coming),
		T(whoever_waits_goes_before_whoever_just_comes),
		T(one_card_of_the_two_is_enough_to_stand_behind),
		T(one_that_gives_up_makes_those_behind_go_forward),
		T(other_cards_are_another_queue),
		T(the_seconds_that_one_waits_are_told),
		T(a_card_on_its_way_to_be_free_is_waited_for_in_place),
		T(a_slot_for_patients_takes_no_professionals_card),
		T(a_second_patients_card_is_no_matter_where_none_may_be),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
