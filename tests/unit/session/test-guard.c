/* SPDX-License-Identifier: EUPL-1.2 */
/* The guard beside the watch: whose word counts when the two differ. */
#include "tests/unit/session/desk.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

// clang-format on
/* The guard is the newest of the two: desk_event() and desk_watch_order() are its. */
static void guarded(void)
{
	unsigned int before = desk.watches;

	cards_guard(desk.cards, true);
	cards_guard(desk.cards, true); /* one is enough */
	while (desk.watches == before) {
		assert_true(sd_event_run(desk.ev, 10000) >= 0);
	}
	desk_settle(50);
	desk_forget();
}

static const char all_anew[] = "card- reader- reader- reader- reader+ reader+ reader+ card+";

static void a_guard_that_falls_silent_replaces_the_watch(void **state)
{
	(void)state;
	world_hurry = 8; /* the silence that is allowed is 750 ms */
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	guarded();
	desk_event(WATCH_OP_ALIVE, NULL, 0);
	desk_event(WATCH_OP_ALIVE, NULL, 0);
	desk_hear(all_anew);
	assert_int_equal(desk.left, CARD_LEFT_WATCH);
	assert_int_equal(desk.watches, 3);
}

static void a_guard_that_ends_or_talks_nonsense_replaces_the_watch(void **state)
{
	static const char orders[] = {'x', 'm'};

	(void)state;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		guarded();
		desk_watch_order(orders[i]);
		desk_hear(all_anew);
		assert_int_equal(desk.left, CARD_LEFT_WATCH);
		desk_hear("vitale");
	}
}

/* The guard finds no pcscd, the watch is connected and has nothing to say: it is asked anew. */
static void a_guard_that_finds_no_service_has_everything_told_anew(void **state)
{
	(void)state;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	guarded();
	desk_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_STOPPED);
	desk_hear(all_anew);
	assert_int_equal(desk.left, CARD_LEFT_SERVICE);
	assert_int_equal(desk.watches, 3);
}

static void a_card_that_only_the_guard_has_seen_leave_is_out(void **state)
{
	(void)state;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	guarded();
	desk_event(WATCH_OP_CARD_OUT, DESK_B, 0); /* nothing is there */
	desk_event(WATCH_OP_CARD_OUT, DESK_A, 0);
	desk_event(WATCH_OP_CARD_OUT, DESK_A, 0);
	desk_event(WATCH_OP_READER_OUT, DESK_B, 0); /* the watch tells of them */
	desk_hear(all_anew);
	assert_int_equal(desk.left, CARD_LEFT_WATCH);
}

/* Both tell of the same exchange, the guard later: its words are about what is known. */
static void a_guard_that_is_slower_than_the_watch_doubts_nothing(void **state)
{
	(void)state;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	guarded();
	desk_event(WATCH_OP_CARD_OUT, DESK_A, 0);
	desk_event(WATCH_OP_CARD_IN, DESK_A, 0);
	desk_event(WATCH_OP_ALIVE, NULL, 0);
	desk_settle(1300); /* a doubt lasts a second */
	assert_int_equal(desk.watches, 2);
}

static void tell(bool guard, enum watch_op op, uint32_t counter)
{
	desk.elder = !guard;
	desk.counter = counter;
	desk_event(op, DESK_A, 0);
	desk.elder = false;
}

/* libpcsclite does not compare a counter of 0: the watch may sleep through a quick exchange. */
static void an_exchange_that_only_the_guard_has_seen_is_one(void **state)
{
	(void)state;
	desk.counter = 0;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	guarded();
	tell(true, WATCH_OP_CARD_IN, 2);
	desk_hear("card- card+ vitale");
	assert_int_equal(desk.left, CARD_LEFT_REPLACED);
	desk_settle(1300);
	assert_int_equal(desk.watches, 2); /* and nothing else is lost by it */
}

/* ... and where the watch tells it later, that is no other one. */
static void what_the_guard_told_first_is_not_taken_twice(void **state)
{
	(void)state;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	guarded();
	tell(true, WATCH_OP_CARD_OUT, 8);
	tell(true, WATCH_OP_CARD_IN, 9);
	desk_hear("card- card+ vitale");
	desk_forget();
	tell(false, WATCH_OP_CARD_OUT, 8);
	tell(false, WATCH_OP_CARD_IN, 9);
	desk_settle(1300);
	assert_int_equal(desk.log.len, 0);
	tell(false, WATCH_OP_CARD_OUT, 10);
	desk_hear("card-");
	assert_int_equal(desk.left, CARD_LEFT_REMOVED);
	desk_forget();
	tell(true, WATCH_OP_CARD_OUT, 10);
	tell(true, WATCH_OP_CARD_IN, 11); /* nothing to exchange: the watch tells of it */
	desk_settle(50);
	assert_int_equal(desk.log.len, 0);
	tell(false, WATCH_OP_CARD_IN, 11);
	desk_hear("card+ vitale");
	desk_settle(1300);
	assert_int_equal(desk.watches, 2);
}

/* The guard tells late of cards that the watch has seen come and go; PC/SC's counter has 16 bits. */
static void words_of_an_older_card_change_nothing(void **state)
{
	(void)state;
	desk.counter = 1;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	guarded();
	tell(true, WATCH_OP_CARD_IN, 0xFFFF);
	tell(true, WATCH_OP_CARD_OUT, 0);
	tell(true, WATCH_OP_CARD_IN, 1);
	desk_settle(1300);
	assert_int_equal(desk.log.len, 0);
	tell(true, WATCH_OP_CARD_IN, 3);
	desk_hear("card- card+ vitale");
	assert_int_equal(desk.watches, 2);
}

static void a_card_that_the_guard_does_not_find_is_out(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");

	(void)state;
	(void)desk_present(p);
	p->in = false; /* it has left, and the watch did not say so */
	guarded();
	desk_hear("card- reader- reader- reader- reader+ reader+ reader+");
	assert_int_equal(desk.left, CARD_LEFT_WATCH);
}

static void without_a_guard_a_watch_may_be_silent(void **state)
{
	unsigned int watches;

	(void)state;
	world_hurry = 8;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	cards_guard(desk.cards, true);
	cards_guard(desk.cards, false); /* before it has been started */
	guarded();
	watches = desk.watches;
	desk_event(WATCH_OP_ALIVE, NULL, 0);
	cards_guard(desk.cards, false);
	desk_settle(1000);
	assert_int_equal(desk.log.len, 0);
	desk_event(WATCH_OP_ALIVE, NULL, 0); /* of the watch: nothing begins with it */
	desk_settle(1000);
	assert_int_equal(desk.log.len, 0);
	assert_int_equal(desk.watches, watches);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)
	const struct CMUnitTest tests[] = {
		T(a_guard_that_falls_silent_replaces_the_watch),
		T(a_guard_that_ends_or_talks_nonsense_replaces_the_watch),
		T(a_guard_that_finds_no_service_has_everything_told_anew),
		T(a_card_that_only_the_guard_has_seen_leave_is_out),
		T(a_guard_that_is_slower_than_the_watch_doubts_nothing),
		T(an_exchange_that_only_the_guard_has_seen_is_one),
		T(what_the_guard_told_first_is_not_taken_twice),
		T(words_of_an_older_card_change_nothing),
		T(a_card_that_the_guard_does_not_find_is_out),
		T(without_a_guard_a_watch_may_be_silent),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
