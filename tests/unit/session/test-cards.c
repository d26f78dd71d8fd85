/* SPDX-License-Identifier: EUPL-1.2 */
/* Readers and cards as a played watch tells them; recognition, and what goes away. */
#include "base/clock.h"
#include "daemon/limits.h"
#include "tests/unit/session/desk.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static bool listed(void *user)
{
	(void)user;
	return cards_listed(desk.cards);
}

static bool idle(void *user)
{
	(void)user;
	return desk.working == 0;
}

static bool asked_to_open(void *user)
{
	const struct desk_card *p = user;

	return p->ops[CARD_OP_OPEN].asked > 0;
}

static bool asked_again(void *user)
{
	const struct desk_card *p = user;

	return p->ops[CARD_OP_OPEN].asked > 1;
}

static void readers_are_told_with_driver_and_stable_id(void **state)
{
	struct card_reader *a;
	uint32_t id;

	(void)state;
	assert_false(cards_listed(desk.cards));
	assert_true(desk_run(listed, NULL, 10000));
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_RUNNING);
	desk_hear("service reader+ reader+ reader+ service ");
	a = cards_reader(desk.cards, 0);
	assert_string_equal(a->name, DESK_A);
	assert_string_equal(a->driver, "simulated");
	assert_int_equal(a->role, CONFIG_ROLE_ANY);
	assert_int_equal(a->sharing, CARD_SHARE_EXCLUSIVE);
	assert_string_equal(cards_reader(desk.cards, 1)->driver, "pcsc");
	assert_null(cards_reader(desk.cards, 3));
	id = a->id;
	assert_ptr_equal(cards_reader_by_id(desk.cards, id), a);
	assert_null(cards_reader_by_id(desk.cards, 99));
	desk_event(WATCH_OP_READER_OUT, DESK_A, 0);
	desk_hear("reader-");
	assert_false(a->present);
	desk_event(WATCH_OP_READER_IN, DESK_A, 0);
	desk_event(WATCH_OP_READER_IN, DESK_A, 0); /* told twice: known once */
	desk_hear("reader- reader+");
	assert_int_equal(cards_reader(desk.cards, 0)->id, id);
}

static void a_reader_is_for_what_the_configuration_says(void **state)
{
	(void)state;
	desk.config.readers[0] = (struct config_reader){
		.name = DESK_A, .role = CONFIG_ROLE_PATIENT, .sharing = CARD_SHARE_EXCLUSIVE};
	desk.config.readers[1] = (struct config_reader){.name = "Twin*",
		.role = CONFIG_ROLE_PROFESSIONAL,
		.sharing = CARD_SHARE_TRANSACTIONS};
	desk.config.n_readers = 2;
	assert_true(desk_run(listed, NULL, 10000));
	assert_int_equal(desk_reader(DESK_A)->role, CONFIG_ROLE_PATIENT);
	assert_int_equal(desk_reader(DESK_A)->sharing, CARD_SHARE_EXCLUSIVE);
	assert_int_equal(desk_reader(DESK_B1)->role, CONFIG_ROLE_PROFESSIONAL);
	assert_int_equal(desk_reader(DESK_B1)->sharing, CARD_SHARE_TRANSACTIONS);
}

static void a_card_is_told_at_once_then_recognised_then_left_alone(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c;

	(void)state;
	tlv_put_str(&p->ops[CARD_OP_OPEN].body, LINK_TAG_ADVICE, "an-advice");
	assert_true(desk_run(listed, NULL, 10000));
	p->ops[CARD_OP_OPEN].deed = DEED_SILENT;
	desk_in(p);
	desk_hear("card+");
	assert_true(desk_run(asked_to_open, p, 5000));
	c = desk_reader(DESK_A)->card;
	assert_false(c->recognised);
	assert_int_equal(c->kind, CARD_KIND_UNKNOWN);
	assert_int_equal(c->atr_len, 9);
	assert_int_equal(c->events, 7);
	desk_out(p);
	p->ops[CARD_OP_OPEN].deed = DEED_WELL;
	desk_in(p);
	desk_hear("card- card+ vitale");
	c = desk_reader(DESK_A)->card;
	assert_int_equal(c->kind, CARD_KIND_VITALE);
	assert_string_equal(c->generation, "vitale-2");
	assert_string_equal(c->advice, "an-advice");
	assert_int_equal(c->nature, NATURE_UNKNOWN);
	assert_ptr_equal(cards_card_by_id(desk.cards, c->id), c);
	assert_null(cards_card_by_id(desk.cards, 999));
	assert_int_equal(p->ops[CARD_OP_CLOSE].asked, 1);
	assert_int_equal(p->ops[CARD_OP_READ_PUBLIC].asked, 0);
	assert_true(desk_run(idle, NULL, 5000));
	desk_forget();
	desk_out(p);
	desk_hear("card-");
	assert_int_equal(desk.left, CARD_LEFT_REMOVED);
	assert_null(desk_reader(DESK_A)->card);
}

static void every_outcome_of_recognition_has_a_kind(void **state)
{
	static const struct {
		uint8_t outcome;
		enum deed deed;
		const char *kind;
		const char *say;
		unsigned int asked;
	} rows[] = {
		{CARD_DONE, DEED_WELL, "vitale", "vitale", 1},
		{CARD_DONE, DEED_WELL, "cps", "cps", 1},
		{CARD_DONE, DEED_WELL, "unsupported", "unsupported", 1},
		{CARD_DONE, DEED_WELL, "else", "unknown", 1},
		{CARD_DONE, DEED_WELL, "", "unknown", 1},
		{CARD_UNSUPPORTED, DEED_WELL, "vitale", "unsupported", 1},
		{CARD_MUTE, DEED_WELL, "vitale", "mute", 3},
		{CARD_UNKNOWN, DEED_WELL, "vitale", "unknown", 1},
		{CARD_BROKEN, DEED_WELL, "vitale", "unknown", 1},
		{CARD_FAILED, DEED_WELL, "vitale", "unknown", 1},
		{99, DEED_WELL, "vitale", "unknown", 1},
		{CARD_DONE, DEED_AFTER, "vitale", "vitale", 1},
		{CARD_DONE, DEED_TWICE, "vitale", "vitale", 1},
		{CARD_DONE, DEED_EXIT, "vitale", "mute", 0},
		{CARD_DONE, DEED_CRASH, "vitale", "mute", 0},
		{CARD_DONE, DEED_MALFORMED, "vitale", "mute", 0},
		{CARD_DONE, DEED_SEQ, "vitale", "mute", 0},
		{CARD_DONE, DEED_OP, "vitale", "mute", 0},
		{CARD_DONE, DEED_REQUEST, "vitale", "mute", 0},
		{CARD_DONE, DEED_EVENT, "vitale", "mute", 0},
		{CARD_DONE, DEED_FLOOD, "vitale", "mute", 0},
	};
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct desk_op *open = &p->ops[CARD_OP_OPEN];
	char words[64];

	(void)state;
	assert_true(desk_run(listed, NULL, 10000));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		desk_forget();
		buf_reset(&open->body);
		tlv_put_str(&open->body, LINK_TAG_KIND, rows[i].kind);
		open->outcome = rows[i].outcome;
		open->deed = rows[i].deed;
		open->asked = 0;
		desk_in(p);
		assert_true(snprintf(words, sizeof(words), "card+ %s", rows[i].say) > 0);
		desk_hear(words);
		/* 0: by a spare process and a fresh one, or by a fresh one only */
		assert_true(rows[i].asked == 0 ? open->asked == 1 || open->asked == 2
					       : open->asked == rows[i].asked);
		desk_out(p);
		desk_hear("card-");
	}
	/* whatever happens on closing, the card has been recognised */
	buf_reset(&open->body);
	tlv_put_str(&open->body, LINK_TAG_KIND, "cps");
	open->outcome = CARD_DONE;
	open->deed = DEED_WELL;
	p->ops[CARD_OP_CLOSE].deed = DEED_EXIT;
	desk_forget();
	desk_in(p);
	desk_hear("card+ cps");
}

static void garbage_in_an_answer_makes_an_unknown_card(void **state)
{
	static const char *const bodies[] = {"", "\x7f\x21\x84garbage", "\xC6\x7F", "\xC6"};
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct desk_op *open = &p->ops[CARD_OP_OPEN];

	(void)state;
	assert_true(desk_run(listed, NULL, 10000));
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		desk_forget();
		buf_reset(&open->body);
		buf_put_str(&open->body, bodies[i]);
		desk_in(p);
		desk_hear("card+ unknown");
		desk_out(p);
		desk_hear("card-");
	}
}

static void a_mute_card_is_shown_at_once_and_tried_twice_more(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c;

	(void)state;
	p->mute = true;
	p->ops[CARD_OP_OPEN].outcome = CARD_MUTE;
	assert_true(desk_run(listed, NULL, 10000));
	desk_in(p);
	desk_hear("card+");
	c = desk_reader(DESK_A)->card;
	assert_int_equal(c->kind, CARD_KIND_MUTE);
	assert_false(c->recognised); /* it may have been the power-up only */
	desk_hear("card+ mute");
	assert_true(c->recognised);
	assert_int_equal(p->ops[CARD_OP_OPEN].asked, 2);
	desk_out(p);
	desk_forget();
	p->ops[CARD_OP_OPEN].outcome = CARD_DONE;
	desk_in(p);
	desk_hear("card+ vitale");
}

static void a_busy_card_is_shown_as_busy_and_recognised_when_it_is_free(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	unsigned int started;
	struct card *c;

	(void)state;
	world_hurry = 8;
	assert_true(desk_run(listed, NULL, 10000));
	desk_settle(100);
	p->ops[CARD_OP_OPEN].outcome = CARD_BUSY;
	desk_in(p);
	desk_hear("card+ unrecognised");
	started = desk.started;
	c = desk_reader(DESK_A)->card;
	assert_string_equal(c->advice, "card-busy");
	desk_hear("card+ unrecognised unknown"); /* those who wait need not wait longer */
	assert_true(p->ops[CARD_OP_OPEN].asked >= 6);
	assert_true(
		desk.started <= started + 1); /* one process waits, whose place was filled */
	assert_int_equal(p->ops[CARD_OP_CLOSE].asked, 0);
	p->ops[CARD_OP_OPEN].outcome =
		CARD_GONE; /* reset under us: the same, with another one */
	p->ops[CARD_OP_OPEN].asked = 0;
	while (p->ops[CARD_OP_OPEN].asked < 2) {
		desk_settle(10);
	}
	assert_string_equal(c->advice, "no-answer");
	p->ops[CARD_OP_OPEN].outcome = CARD_DONE;
	desk_hear("unknown vitale");
	assert_string_equal(c->advice, "");
}

static void a_process_that_dies_while_it_waits_for_a_busy_card_is_replaced(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");

	(void)state;
	assert_true(desk_run(listed, NULL, 10000));
	p->ops[CARD_OP_OPEN].outcome = CARD_BUSY;
	p->ops[CARD_OP_OPEN].deed = DEED_TWICE; /* the second one ends it */
	p->ops[CARD_OP_OPEN].bad_only = 1;
	desk_in(p);
	assert_true(desk_run(asked_again, p, 5000)); /* unhurried: both have come before */
	world_hurry = 8;
	desk_hear("card+ unrecognised unknown");
	assert_true(p->ops[CARD_OP_OPEN].asked >= 6);
	p->ops[CARD_OP_OPEN].outcome = CARD_DONE;
	desk_hear("unknown vitale");
}

static void a_card_that_leaves_while_it_is_recognised_takes_its_process_along(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");

	(void)state;
	assert_true(desk_run(listed, NULL, 10000));
	p->ops[CARD_OP_OPEN].deed = DEED_SILENT;
	desk_in(p);
	desk_hear("card+");
	desk_settle(100);
	assert_int_equal(p->ops[CARD_OP_OPEN].asked, 1);
	desk_out(p);
	desk_hear("card-");
	assert_true(desk_run(idle, NULL, 5000));
	p->ops[CARD_OP_OPEN].outcome = CARD_BUSY; /* and its next try */
	p->ops[CARD_OP_OPEN].deed = DEED_WELL;
	desk_in(p);
	desk_settle(50);
	desk_out(p);
	desk_settle(300);
	assert_int_equal(desk.working, 0);
	assert_true(p->ops[CARD_OP_OPEN].asked <= 2);
}

static void a_second_card_in_one_reader_replaces_the_first(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	uint32_t id;

	(void)state;
	id = desk_present(p)->id;
	desk_forget();
	desk_in(p);
	desk_hear("card- card+ vitale");
	assert_int_equal(desk.left, CARD_LEFT_REPLACED);
	assert_int_not_equal(desk_reader(DESK_A)->card->id, id);
}

static void a_service_that_stops_takes_all_readers_and_cards(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	int me;

	(void)state;
	assert_int_equal(cards_claim(desk.cards, desk_present(p), 1000, &me), 0);
	desk_forget();
	desk_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_STOPPED);
	desk_hear("card- reader- reader- reader- service");
	assert_int_equal(desk.left, CARD_LEFT_SERVICE);
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_STOPPED);
	assert_true(cards_listed(desk.cards)); /* there is nothing to wait for */
	desk_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_ABSENT);
	desk_hear("service service");
	assert_int_equal(cards_service(desk.cards), READER_SERVICE_ABSENT);
	desk_forget();
	/* its exit is normal, and the next one finds the service again */
	desk_watch_order('x');
	desk_hear("reader+ reader+ reader+ card+ service");
	assert_int_equal(desk.watches, 2);
	desk_hear("vitale");
}

static void a_watch_that_dies_takes_all_cards_and_comes_back(void **state)
{
	static const char orders[] = {'x', 's', 'm'};
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");

	(void)state;
	(void)desk_present(p);
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		desk_forget();
		desk_watch_order(orders[i]);
		desk_hear("card- reader- reader- reader- reader+ reader+ reader+ card+");
		assert_int_equal(desk.left, CARD_LEFT_WATCH);
		desk_hear("vitale");
	}
	assert_int_equal(desk.watches, 4);
}

static void asleep_no_card_is_known_until_it_is_looked_for_anew(void **state)
{
	(void)state;
	(void)desk_present(desk_card(DESK_A, "vitale", "vitale-2"));
	cards_wake(desk.cards); /* nothing to wake */
	desk_forget();
	cards_sleep(desk.cards);
	desk_hear("card- reader- reader- reader-");
	assert_false(cards_listed(desk.cards));
	assert_false(cards_in_use(desk.cards));
	desk_settle(300);
	assert_int_equal(desk.working + desk.spare, 0);
	desk_forget();
	cards_wake(desk.cards);
	desk_hear("reader+ reader+ reader+ card+");
	desk_hear("vitale");
}

static void a_watch_that_dies_again_and_again_is_started_with_pauses(void **state)
{
	uint64_t before;

	(void)state;
	assert_true(desk_run(listed, NULL, 10000));
	desk.quiet = true; /* it never says that the service runs */
	before = clock_monotonic();
	for (unsigned int n = 1; n < 5; n++) {
		desk_watch_order('x');
		while (desk.watches <= n) {
			assert_true(sd_event_run(desk.ev, 10000) >= 0);
		}
	}
	/* at once, then 100, 200 and 400 ms */
	assert_true(clock_monotonic() - before >= 700 * USEC_PER_MS);
}

static void events_of_unknown_readers_and_kinds_are_left_alone(void **state)
{
	(void)state;
	assert_true(desk_run(listed, NULL, 10000));
	desk_forget();
	desk_event(WATCH_OP_CARD_IN, "nowhere", 0);
	desk_event(WATCH_OP_CARD_OUT, "nowhere", 0);
	desk_event(WATCH_OP_CARD_OUT, DESK_A, 0);
	desk_event(WATCH_OP_READER_OUT, "nowhere", 0);
	desk_event(WATCH_OP_READER_IN, NULL, 0);
	desk_event((enum watch_op)99, DESK_A, 0);
	desk_settle(100);
	assert_int_equal(desk.log.len, 0);
}

static void more_readers_than_can_be_remembered_take_the_place_of_those_gone(void **state)
{
	char name[32];

	(void)state;
	assert_true(desk_run(listed, NULL, 10000));
	for (unsigned int i = 0; i < 70; i++) {
		assert_true(snprintf(name, sizeof(name), "Reader %u", i) > 0);
		desk_event(WATCH_OP_READER_IN, name, 0);
		desk_event(WATCH_OP_READER_OUT, name, 0);
	}
	desk_settle(200);
	assert_non_null(
		cards_reader(desk.cards, 31)); /* the half: the others are vitaled-usb's */
	assert_null(cards_reader(desk.cards, 32));
	for (unsigned int i = 0; i < 70; i++) {
		assert_true(snprintf(name, sizeof(name), "Other %u", i) > 0);
		desk_event(WATCH_OP_READER_IN, name, 0);
	}
	desk_settle(200);
	assert_null(cards_reader(desk.cards, 32));
}

static void kinds_have_words(void **state)
{
	static const char *const words[] = {
		"unknown", "unsupported", "mute", "vitale", "cps", "cpf", "cpe", "cpa"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		assert_string_equal(card_kind_word((enum card_kind)i), words[i]);
	}
	assert_string_equal(card_kind_word((enum card_kind)99), "unknown");
}

static void listeners_are_few_and_programs_must_be_there(void **state)
{
	static struct config config;
	struct cards *cs = NULL;
	int r = 0;

	(void)state;
	config = desk.config;
	for (int i = 0; i < 9 && r == 0; i++) {
		r = cards_listen(
			desk.cards, &(const struct cards_ops){.card_added = NULL}, NULL);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(
		view_copy_str(VIEW_TEXT("/nowhere"), config.children, sizeof(config.children)),
		0);
	assert_int_equal(cards_new(desk.ev, &config, &cs), -ENOENT);
	assert_null(cards_free(NULL));
}

/* Everything that cards_new() does fails once: it is there whole or not at all. */
static void the_room_opens_whole_or_not_at_all(void **state)
{
	struct cards *cs = NULL;
	unsigned int n = 0;
	int r;

	(void)state;
	do {
		memory_arm(++n);
		r = cards_new(desk.ev, &desk.config, &cs);
		memory_arm(0);
		assert_true(r == 0 || !cs);
	} while (r < 0);
	assert_true(n > 8);
	cards_free(cs);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, desk_setup, desk_teardown)
	const struct CMUnitTest tests[] = {
		T(readers_are_told_with_driver_and_stable_id),
		T(a_reader_is_for_what_the_configuration_says),
		T(a_card_is_told_at_once_then_recognised_then_left_alone),
		T(every_outcome_of_recognition_has_a_kind),
		T(garbage_in_an_answer_makes_an_unknown_card),
		T(a_mute_card_is_shown_at_once_and_tried_twice_more),
		T(a_busy_card_is_shown_as_busy_and_recognised_when_it_is_free),
		T(a_process_that_dies_while_it_waits_for_a_busy_card_is_replaced),
		T(a_card_that_leaves_while_it_is_recognised_takes_its_process_along),
		T(a_second_card_in_one_reader_replaces_the_first),
		T(a_service_that_stops_takes_all_readers_and_cards),
		T(a_watch_that_dies_takes_all_cards_and_comes_back),
		T(asleep_no_card_is_known_until_it_is_looked_for_anew),
		T(a_watch_that_dies_again_and_again_is_started_with_pauses),
		T(events_of_unknown_readers_and_kinds_are_left_alone),
		T(more_readers_than_can_be_remembered_take_the_place_of_those_gone),
		T(kinds_have_words),
		T(listeners_are_few_and_programs_must_be_there),
		T(the_room_opens_whole_or_not_at_all),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
