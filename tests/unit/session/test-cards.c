/* SPDX-License-Identifier: EUPL-1.2 */
/* Readers and cards as a played watch tells them; recognition, claims, and what goes away. */
#include "base/clock.h"
#include "daemon/limits.h"
#include "tests/unit/session/played.h"
#include "tests/unit/session/world.h"

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

static struct {
	char log[1024]; /* what listeners were told, one word each */
	enum card_left left;
	char why[32];
} seen;

static void say(const char *word)
{
	size_t n = strlen(seen.log);

	(void)snprintf(seen.log + n, sizeof(seen.log) - n, "%s ", word);
}

static void on_service(void *user)
{
	(void)user;
	say("service");
}

static void on_reader_added(void *user, struct card_reader *r)
{
	(void)user;
	(void)r;
	say("reader+");
}

static void on_reader_removed(void *user, struct card_reader *r)
{
	(void)user;
	assert_null(r->card);
	say("reader-");
}

static void on_card_added(void *user, struct card *c)
{
	(void)user;
	assert_ptr_equal(c->reader->card, c);
	say("card+");
}

static void on_card_changed(void *user, struct card *c)
{
	(void)user;
	say(c->recognised ? card_kind_word(c->kind) : "unrecognised");
}

static void on_card_removed(void *user, struct card *c)
{
	(void)user;
	seen.left = c->left;
	say("card-");
}

static void on_card_failed(void *user, struct card *c, const char *why)
{
	(void)user;
	(void)c;
	assert_int_equal(view_copy_str(view_str(why), seen.why, sizeof(seen.why)), 0);
	say("failed");
}

static const struct cards_ops ops = {
	.service_changed = on_service,
	.reader_added = on_reader_added,
	.reader_removed = on_reader_removed,
	.card_added = on_card_added,
	.card_changed = on_card_changed,
	.card_removed = on_card_removed,
	.card_failed = on_card_failed,
};

static int setup(void **state)
{
	int r = world_setup(state);

	memset(&seen, 0, sizeof(seen));
	assert_int_equal(cards_listen(world.cards, &ops, NULL), 0);
	return r;
}

static bool listed(void *user)
{
	(void)user;
	return cards_listed(world.cards);
}

static bool said(void *user)
{
	return strstr(seen.log, user) != NULL;
}

static void hear(const char *words)
{
	union {
		const char *in;
		void *out;
	} u = {.in = words};

	if (!world_run(said, u.out, 15000)) {
		fail_msg("waited for '%s', heard '%s'", words, seen.log);
	}
}

static struct card *card_at(const char *reader)
{
	struct card_reader *r;

	for (size_t i = 0; (r = cards_reader(world.cards, i)) != NULL; i++) {
		if (strcmp(r->name, reader) == 0) {
			return r->card;
		}
	}
	return NULL;
}

static void forget(void)
{
	memset(seen.log, 0, sizeof(seen.log));
}

static void readers_are_told_with_driver_and_stable_id(void **state)
{
	struct card_reader *a;
	uint32_t id;

	(void)state;
	assert_false(cards_listed(world.cards));
	assert_true(world_run(listed, NULL, 10000));
	assert_int_equal(cards_service(world.cards), READER_SERVICE_RUNNING);
	assert_string_equal(seen.log, "service reader+ reader+ service ");
	a = cards_reader(world.cards, 0);
	assert_string_equal(a->name, READER_A);
	assert_string_equal(a->driver, "simulated");
	assert_string_equal(cards_reader(world.cards, 1)->driver, "pcsc");
	assert_null(cards_reader(world.cards, 2));
	id = a->id;
	assert_ptr_equal(cards_reader_by_id(world.cards, id), a);
	assert_null(cards_reader_by_id(world.cards, 99));
	play_event(WATCH_OP_READER_OUT, READER_A, 0);
	hear("reader-");
	assert_false(a->present);
	play_event(WATCH_OP_READER_IN, READER_A, 0);
	play_event(WATCH_OP_READER_IN, READER_A, 0); /* told twice: known once */
	hear("reader- reader+");
	assert_int_equal(cards_reader(world.cards, 0)->id, id);
}

static void a_card_is_recognised_and_then_left_alone(void **state)
{
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	struct card *c;

	(void)state;
	p->advice = "an-advice";
	assert_true(world_run(listed, NULL, 10000));
	play_in(p);
	hear("card+ vitale");
	c = card_at(READER_A);
	assert_int_equal(c->kind, CARD_KIND_VITALE);
	assert_string_equal(c->generation, "vitale-2");
	assert_string_equal(c->advice, "an-advice");
	assert_int_equal(c->atr_len, 9);
	assert_int_equal(c->nature, NATURE_UNKNOWN);
	assert_ptr_equal(cards_card_by_id(world.cards, c->id), c);
	assert_null(cards_card_by_id(world.cards, 999));
	assert_int_equal(p->asked[CARD_OP_CLOSE], 1);
	assert_int_equal(p->asked[CARD_OP_READ_PUBLIC], 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_CARD_IN, "ok"), 1);
	forget();
	play_out(p);
	hear("card-");
	assert_int_equal(seen.left, CARD_LEFT_REMOVED);
	assert_null(card_at(READER_A));
	assert_int_equal(world_recorded(AUDIT_EVENT_CARD_OUT, "ok"), 1);
	world_settle(50);
	assert_int_equal(played_processes, 0);
}

static void every_outcome_of_recognition_has_a_kind(void **state)
{
	static const struct {
		uint8_t outcome;
		enum misdeed misdeed;
		const char *kind;
		const char *say;
	} rows[] = {
		{CARD_DONE, PLAY_WELL, "vitale", "vitale"},
		{CARD_DONE, PLAY_WELL, "cps", "cps"},
		{CARD_DONE, PLAY_WELL, "unsupported", "unsupported"},
		{CARD_DONE, PLAY_WELL, "else", "unknown"},
		{CARD_UNSUPPORTED, PLAY_WELL, "vitale", "unsupported"},
		{CARD_MUTE, PLAY_WELL, "vitale", "mute"},
		{CARD_UNKNOWN, PLAY_WELL, "vitale", "unknown"},
		{CARD_BROKEN, PLAY_WELL, "vitale", "unknown"},
		{CARD_FAILED, PLAY_WELL, "vitale", "unknown"},
		{99, PLAY_WELL, "vitale", "unknown"},
		{CARD_DONE, PLAY_EXIT, "vitale", "mute"},
		{CARD_DONE, PLAY_CRASH, "vitale", "mute"},
		{CARD_DONE, PLAY_MALFORMED, "vitale", "mute"},
		{CARD_DONE, PLAY_EMPTY, "vitale", "unknown"},
		{CARD_DONE, PLAY_GARBAGE, "vitale", "unknown"},
	};
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	char words[64];

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		forget();
		p->kind = rows[i].kind;
		p->open_outcome = rows[i].outcome;
		p->misdeed[CARD_OP_OPEN] = rows[i].misdeed;
		play_in(p);
		assert_true(snprintf(words, sizeof(words), "card+ %s", rows[i].say) > 0);
		hear(words);
		play_out(p);
		hear("card-");
	}
	/* whatever happens on closing, the card has been recognised */
	p->kind = "cps";
	p->open_outcome = CARD_DONE;
	p->misdeed[CARD_OP_OPEN] = PLAY_WELL;
	p->misdeed[CARD_OP_CLOSE] = PLAY_EXIT;
	forget();
	play_in(p);
	hear("card+ cps");
}

static void a_mute_card_is_not_asked(void **state)
{
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));

	(void)state;
	p->mute = true;
	assert_true(world_run(listed, NULL, 10000));
	play_in(p);
	hear("card+");
	assert_int_equal(card_at(READER_A)->kind, CARD_KIND_MUTE);
	assert_true(card_at(READER_A)->recognised);
	world_settle(50);
	assert_int_equal(p->asked[CARD_OP_OPEN], 0);
}

static void a_busy_card_is_tried_again_and_shown_as_busy_meanwhile(void **state)
{
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));

	(void)state;
	world_hurry = 20;
	assert_true(world_run(listed, NULL, 10000));
	p->open_outcome = CARD_BUSY;
	play_in(p);
	hear("card+ unknown");
	assert_string_equal(card_at(READER_A)->advice, "card-busy");
	assert_true(p->asked[CARD_OP_OPEN] >= 6);
	p->open_outcome = CARD_GONE; /* reset under us: the same */
	world_settle(100);
	p->open_outcome = CARD_DONE;
	hear("unknown vitale");
	assert_string_equal(card_at(READER_A)->advice, "");
}

static void a_card_that_leaves_while_it_is_recognised_takes_its_process_along(void **state)
{
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	p->misdeed[CARD_OP_OPEN] = PLAY_SILENT;
	play_in(p);
	hear("card+");
	world_settle(100);
	assert_int_equal(p->asked[CARD_OP_OPEN], 1);
	play_out(p);
	hear("card-");
	world_settle(50);
	assert_int_equal(played_processes, 0);
	p->open_outcome = CARD_BUSY; /* and its next try */
	p->misdeed[CARD_OP_OPEN] = PLAY_WELL;
	play_in(p);
	world_settle(50);
	play_out(p);
	world_settle(300);
	assert_int_equal(played_processes, 0);
}

static void a_second_card_in_one_reader_replaces_the_first(void **state)
{
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	uint32_t id;

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	play_in(p);
	hear("vitale");
	id = card_at(READER_A)->id;
	forget();
	play_in(p);
	hear("card- card+ vitale");
	assert_int_equal(seen.left, CARD_LEFT_REPLACED);
	assert_int_not_equal(card_at(READER_A)->id, id);
}

static void a_claimed_card_has_a_process_until_it_is_released(void **state)
{
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	struct card *c;
	int me;

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	play_in(p);
	hear("vitale");
	c = card_at(READER_A);
	assert_int_equal(cards_claim(world.cards, c, 1000, &me), 0);
	assert_int_equal(c->in_use_uid, 1000);
	assert_ptr_equal(c->user, &me);
	assert_int_equal(cards_claim(world.cards, c, 1000, &me), -EBUSY);
	world_settle(100);
	assert_int_equal(played_processes, 1);
	cards_release(world.cards, c);
	cards_release(world.cards, c);
	assert_int_equal(c->in_use_uid, (uid_t)-1);
	assert_null(c->child);
	world_settle(50);
	assert_int_equal(played_processes, 0);
}

static void a_process_that_ends_by_itself_is_told_and_released(void **state)
{
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	struct card *c;
	int me;

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	play_in(p);
	hear("vitale");
	c = card_at(READER_A);
	assert_int_equal(cards_claim(world.cards, c, 1000, &me), 0);
	assert_int_equal(kill(child_pid(c->child), SIGTERM), 0);
	hear("failed");
	assert_string_equal(seen.why, "killed");
	assert_null(c->child);
	assert_int_equal(world_recorded(AUDIT_EVENT_CHILD_FAILED, "child-failed"), 1);
}

static void a_service_that_stops_takes_all_readers_and_cards(void **state)
{
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	play_in(p);
	hear("vitale");
	forget();
	play_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_STOPPED);
	hear("card- reader- reader- service");
	assert_int_equal(seen.left, CARD_LEFT_SERVICE);
	assert_int_equal(cards_service(world.cards), READER_SERVICE_STOPPED);
	assert_true(cards_listed(world.cards)); /* there is nothing to wait for */
	play_event(WATCH_OP_SERVICE, NULL, WATCH_SERVICE_ABSENT);
	hear("service service");
	assert_int_equal(cards_service(world.cards), READER_SERVICE_ABSENT);
	forget();
	/* its exit is normal, and the next one finds the service again */
	play_watch_order('x');
	hear("reader+ reader+ card+ service");
	assert_int_equal(played_watches, 2);
	hear("vitale");
}

static void a_watch_that_dies_takes_all_cards_and_comes_back(void **state)
{
	static const char orders[] = {'x', 's', 'm'};
	struct played *p = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	play_in(p);
	hear("vitale");
	for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
		forget();
		play_watch_order(orders[i]);
		hear("card- reader- reader- reader+ reader+ card+");
		assert_int_equal(seen.left, CARD_LEFT_WATCH);
		hear("vitale");
	}
	assert_int_equal(played_watches, 4);
}

static bool third_watch(void *user)
{
	(void)user;
	return played_watches >= 5;
}

static void a_watch_that_dies_again_and_again_is_started_with_pauses(void **state)
{
	uint64_t before;

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	played_quiet = true; /* it never says that the service runs */
	before = clock_monotonic();
	for (unsigned int n = 1; n < 5; n++) {
		play_watch_order('x');
		while (played_watches <= n) {
			assert_true(sd_event_run(world.ev, 10000) >= 0);
		}
	}
	assert_true(third_watch(NULL));
	/* at once, then 100, 200 and 400 ms */
	assert_true(clock_monotonic() - before >= 700 * USEC_PER_MS);
}

static void events_of_unknown_readers_and_kinds_are_left_alone(void **state)
{
	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	forget();
	play_event(WATCH_OP_CARD_IN, "nowhere", 0);
	play_event(WATCH_OP_CARD_OUT, "nowhere", 0);
	play_event(WATCH_OP_CARD_OUT, READER_A, 0);
	play_event(WATCH_OP_READER_OUT, "nowhere", 0);
	play_event(WATCH_OP_READER_IN, NULL, 0);
	play_event((enum watch_op)99, READER_A, 0);
	world_settle(100);
	assert_string_equal(seen.log, "");
}

static void more_readers_than_can_be_remembered_take_the_place_of_those_gone(void **state)
{
	char name[32];

	(void)state;
	assert_true(world_run(listed, NULL, 10000));
	for (unsigned int i = 0; i < 70; i++) {
		assert_true(snprintf(name, sizeof(name), "Reader %u", i) > 0);
		play_event(WATCH_OP_READER_IN, name, 0);
		play_event(WATCH_OP_READER_OUT, name, 0);
	}
	world_settle(200);
	assert_non_null(cards_reader(world.cards, 63));
	assert_null(cards_reader(world.cards, 64));
	for (unsigned int i = 0; i < 70; i++) {
		assert_true(snprintf(name, sizeof(name), "Other %u", i) > 0);
		play_event(WATCH_OP_READER_IN, name, 0);
	}
	world_settle(200);
	assert_null(cards_reader(world.cards, 64));
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
	config = world.config;
	for (int i = 0; i < 5 && r == 0; i++) {
		r = cards_listen(
			world.cards, &(const struct cards_ops){.card_added = NULL}, NULL);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(
		view_copy_str(VIEW_TEXT("/nowhere"), config.children, sizeof(config.children)),
		0);
	assert_int_equal(cards_new(world.ev, &config, &cs), -ENOENT);
	assert_null(cards_free(NULL));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(readers_are_told_with_driver_and_stable_id),
		T(a_card_is_recognised_and_then_left_alone),
		T(every_outcome_of_recognition_has_a_kind),
		T(a_mute_card_is_not_asked),
		T(a_busy_card_is_tried_again_and_shown_as_busy_meanwhile),
		T(a_card_that_leaves_while_it_is_recognised_takes_its_process_along),
		T(a_second_card_in_one_reader_replaces_the_first),
		T(a_claimed_card_has_a_process_until_it_is_released),
		T(a_process_that_ends_by_itself_is_told_and_released),
		T(a_service_that_stops_takes_all_readers_and_cards),
		T(a_watch_that_dies_takes_all_cards_and_comes_back),
		T(a_watch_that_dies_again_and_again_is_started_with_pauses),
		T(events_of_unknown_readers_and_kinds_are_left_alone),
		T(more_readers_than_can_be_remembered_take_the_place_of_those_gone),
		T(kinds_have_words),
		T(listeners_are_few_and_programs_must_be_there),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
