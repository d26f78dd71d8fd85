/* SPDX-License-Identifier: EUPL-1.2 */
/* Processes that are started in advance: when, how many, and when they turn out dead. */
#include "base/clock.h"
#include "daemon/limits.h"
#include "tests/unit/session/desk-ask.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <signal.h>

static bool six_died(void *user)
{
	(void)user;
	return desk.started >= 6 + LIMIT_SPARE_CARDS;
}

static bool no_spares(void *user)
{
	(void)user;
	return desk.spare == 0 && desk.working == 0;
}

/* -- spare processes ------------------------------------------------------------------------------- */

static void processes_wait_for_cards_while_there_is_a_reader(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c;

	(void)state;
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	assert_int_equal(desk.started, LIMIT_SPARE_CARDS);
	c = desk_claimed(p); /* one was taken to recognise it, one is its process */
	assert_non_null(c->child);
	desk_settle(100);
	assert_int_equal(desk.started, 2 + LIMIT_SPARE_CARDS);
	desk_event(WATCH_OP_READER_OUT, DESK_A, 0);
	desk_event(WATCH_OP_READER_OUT, DESK_B, 0);
	desk_settle(100);
	assert_int_equal(desk.spare, 2);
	desk_event(WATCH_OP_READER_OUT, DESK_B1, 0);
	assert_true(desk_run(no_spares, NULL, 10000));
	desk_settle(100);
	assert_int_equal(desk.spare, 0);
	desk_event(WATCH_OP_READER_IN, DESK_B1, 0);
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	desk_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_STOPPED);
	assert_true(desk_run(no_spares, NULL, 10000));
}

static void spare_processes_that_die_are_replaced_after_pauses(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");

	(void)state;
	world_hurry = 20;
	desk.die_early = 6;
	assert_true(desk_run(six_died, NULL, 20000));
	assert_true(desk_run(desk_two_spares, NULL, 20000));
	(void)desk_present(p);
	desk_spares_order('m');
	desk_settle(20);
	assert_true(desk_run(desk_two_spares, NULL, 20000));
}

static void a_process_that_died_waiting_is_replaced_when_it_is_used(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c;

	(void)state;
	desk_hear("service");
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	c = desk_present(p);
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	p->ops[CARD_OP_OPEN].asked = 0;
	/* its last breath is not seen before it is used */
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
	assert_int_equal(kill(child_pid(c->child), SIGKILL), 0);
	desk_open(c);
	assert_int_equal(desk_seen.outcome, CARD_DONE);
	assert_int_equal(p->ops[CARD_OP_OPEN].asked, 1);
	/* and not before anything was asked of it */
	cards_release(desk.cards, c);
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
	desk_forget();
	assert_int_equal(kill(child_pid(c->child), SIGKILL), 0);
	desk_settle(100);
	assert_int_equal(desk.log.len, 0);
	desk_open(c);
	assert_int_equal(desk_seen.outcome, CARD_DONE);
	/* the one that took its place is not spare any more */
	assert_int_equal(kill(child_pid(c->child), SIGKILL), 0);
	desk_hear("failed");
}

static void a_process_with_a_dead_connection_is_replaced_and_asked_once_more(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c;

	(void)state;
	desk_hear("service");
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	desk_spares_stale();
	c = desk_present(p); /* recognising met one */
	assert_int_equal(c->kind, CARD_KIND_VITALE);
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	desk_spares_stale();
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
	desk_open(c);
	assert_int_equal(desk_seen.outcome, CARD_DONE);
	cards_release(desk.cards, c);
	/* but what a fresh one says is believed */
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	p->ops[CARD_OP_OPEN].outcome = CARD_NO_SERVICE;
	p->ops[CARD_OP_OPEN].asked = 0;
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
	desk_open(c);
	assert_int_equal(desk_seen.outcome, CARD_NO_SERVICE);
	assert_int_equal(p->ops[CARD_OP_OPEN].asked, 2);
}

static void a_request_that_was_moved_can_still_be_forgotten(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c = desk_present(p);
	struct buf body = BUF_NULL(512);

	(void)state;
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	desk_spares_stale();
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
	p->ops[CARD_OP_OPEN].deed = DEED_SILENT;
	p->ops[CARD_OP_OPEN].asked = 0;
	cards_put_open(c, &body);
	assert_int_equal(cards_ask(c, CARD_OP_OPEN, buf_view(&body), NULL, 0, desk_on_answer,
				 &desk_seen),
		0);
	desk_ask(c, CARD_OP_PIN_STATE); /* waits behind it, and moves along */
	buf_done(&body);
	while (p->ops[CARD_OP_OPEN].asked == 0) {
		desk_settle(10);
	}
	child_forget(c->child, &desk_seen);
	cards_release(desk.cards, c);
	desk_settle(50);
	assert_int_equal(desk_seen.answers + desk_seen.nulls, 0);
}

static void a_card_that_kills_its_process_costs_two(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c = desk_present(p);

	(void)state;
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	p->ops[CARD_OP_OPEN].deed = DEED_CRASH;
	p->ops[CARD_OP_OPEN].asked = 0;
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
	desk_open(c);
	assert_int_equal(desk_seen.nulls, 1);
	assert_int_equal(p->ops[CARD_OP_OPEN].asked, 2);
	desk_hear("failed");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, desk_ask_setup, desk_teardown)
	const struct CMUnitTest tests[] = {
		T(processes_wait_for_cards_while_there_is_a_reader),
		T(spare_processes_that_die_are_replaced_after_pauses),
		T(a_process_that_died_waiting_is_replaced_when_it_is_used),
		T(a_process_with_a_dead_connection_is_replaced_and_asked_once_more),
		T(a_request_that_was_moved_can_still_be_forgotten),
		T(a_card_that_kills_its_process_costs_two),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
