/* SPDX-License-Identifier: EUPL-1.2 */
/* Cards in use: claims, opening, lending, and calls that fail. */
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

#include <errno.h>
#include <string.h>

/* -- claims ---------------------------------------------------------------------------------------- */

static void a_claimed_card_has_a_process_until_it_is_released(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c = desk_claimed(p);

	(void)state;
	assert_int_equal(c->in_use_uid, 1000);
	assert_ptr_equal(c->user, &desk_seen);
	assert_non_null(c->child);
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), -EBUSY);
	desk_open(c);
	assert_int_equal(desk_seen.outcome, CARD_DONE);
	assert_int_equal(desk.working, 1);
	assert_int_equal(c->characters, 1000);
	cards_release(desk.cards, c);
	cards_release(desk.cards, c);
	assert_int_equal(c->in_use_uid, (uid_t)-1);
	assert_null(c->user);
	assert_int_equal(
		cards_ask(c, CARD_OP_PRESENT, VIEW_NULL, NULL, 0, desk_on_answer, &desk_seen),
		CHILD_GONE);
	assert_int_equal(cards_claim(desk.cards, c, 1001, &desk_seen), 0);
	assert_int_equal(c->characters, 0);
	desk_forget();
	desk_out(p);
	desk_hear("card- ");
	desk_settle(50);
	assert_int_equal(desk.working, 0);
}

static void a_claim_ends_the_tries_to_recognise(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c;

	(void)state;
	world_hurry = 8;
	p->ops[CARD_OP_OPEN].outcome = CARD_BUSY;
	c = desk_claimed(p);
	p->ops[CARD_OP_OPEN].asked = 0;
	desk_settle(500);
	assert_int_equal(p->ops[CARD_OP_OPEN].asked, 0);
	assert_int_equal(c->kind, CARD_KIND_UNKNOWN);
}

static void bad_processes_end_with_a_word_and_are_released(void **state)
{
	static const struct {
		enum deed deed;
		const char *why;
		unsigned int answers;
	} rows[] = {
		{DEED_EXIT, "exited", 0},
		{DEED_CRASH, "killed", 0},
		{DEED_MALFORMED, "malformed", 0},
		{DEED_SEQ, "malformed", 0},
		{DEED_OP, "malformed", 0},
		{DEED_REQUEST, "malformed", 0},
		{DEED_EVENT, "malformed", 0},
		{DEED_FLOOD, "malformed", 0},
		{DEED_TWICE, "malformed", 1},
		{DEED_AFTER, "malformed", 1},
	};
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");
	struct card *c = desk_present(p);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
		desk_open(c);
		desk_forget();
		p->ops[CARD_OP_PIN_STATE].deed = rows[i].deed;
		p->ops[CARD_OP_PIN_STATE].asked = 0;
		desk_ask(c, CARD_OP_PIN_STATE);
		desk_hear("failed cps");
		assert_string_equal(desk.why, rows[i].why);
		assert_int_equal(desk_seen.answers, rows[i].answers);
		assert_int_equal(desk_seen.nulls, 1 - rows[i].answers);
		assert_int_equal(p->ops[CARD_OP_PIN_STATE].asked, 1); /* never again */
		assert_null(c->child);
		assert_int_equal(c->in_use_uid, (uid_t)-1);
	}
}

/* -- opening --------------------------------------------------------------------------------------- */

static bool hinted(const struct card *c, const char *kind)
{
	struct buf body = BUF_NULL(512);
	bool all;
	bool none;

	cards_put_open(c, &body);
	assert_true(view_equal(
		desk_find(buf_view(&body), LINK_TAG_READER), view_str(c->reader->name)));
	assert_int_equal(
		desk_find(buf_view(&body), LINK_TAG_SHARE).data[0], c->reader->sharing);
	all = view_equal(desk_find(buf_view(&body), LINK_TAG_KIND), view_str(kind)) &&
	      view_equal(desk_find(buf_view(&body), LINK_TAG_GENERATION),
		      view_str(c->generation)) &&
	      view_equal(desk_find(buf_view(&body), LINK_TAG_ATR), view_of(c->atr, c->atr_len));
	none = desk_find(buf_view(&body), LINK_TAG_KIND).len == 0 &&
	       desk_find(buf_view(&body), LINK_TAG_ATR).len == 0;
	buf_done(&body);
	assert_true(all || none);
	return all;
}

static void a_card_is_opened_as_what_it_was_recognised(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");
	struct desk_card *v = desk_card(DESK_B, "vitale", "vitale-2");
	struct card *c = desk_present(p);

	(void)state;
	assert_true(hinted(c, "cps"));
	c->kind = CARD_KIND_CPE; /* what a certificate said since */
	assert_true(hinted(c, "cps"));
	c->reader->sharing = CARD_SHARE_TRANSACTIONS;
	assert_false(hinted(c, "cps"));
	c->reader->sharing = CARD_SHARE_EXCLUSIVE;
	cards_lend(desk.cards, c->reader, true);
	assert_false(hinted(c, "cps"));
	desk_forget();
	cards_lend(desk.cards, c->reader, false);
	desk_hear("cps");
	assert_true(hinted(c, "cps"));
	c->atr_len = 0;
	assert_false(hinted(c, "cps"));
	v->ops[CARD_OP_OPEN].outcome = CARD_UNSUPPORTED;
	desk_in(v);
	desk_hear("unsupported");
	assert_false(hinted(desk_reader(DESK_B)->card, "vitale"));
}

static void a_keypad_is_learnt_from_opening(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");
	struct desk_op *open = &p->ops[CARD_OP_OPEN];
	struct card *c;

	(void)state;
	tlv_put_u8(&open->body, LINK_TAG_PINPAD, CARD_PINPAD_VERIFY);
	c = desk_opened(p);
	assert_true(c->reader->pinpad);
	cards_release(desk.cards, c);
	buf_reset(&open->body);
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
	desk_open(c);
	assert_false(c->reader->pinpad);
}

/* -- lending --------------------------------------------------------------------------------------- */

static void nobody_of_ours_touches_a_lent_slot(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c = desk_claimed(p);
	struct card_reader *r = c->reader;

	(void)state;
	desk_forget();
	cards_lend(desk.cards, r, true);
	cards_lend(desk.cards, r, true);
	assert_true(r->lent);
	assert_null(c->child);
	assert_false(c->recognised);
	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), -EBUSY);
	/* another card in the meantime is told and not touched */
	p->ops[CARD_OP_OPEN].asked = 0;
	desk_in(p);
	desk_hear("card- card+");
	desk_settle(100);
	assert_int_equal(p->ops[CARD_OP_OPEN].asked, 0);
	assert_false(r->card->recognised);
	desk_forget();
	cards_lend(desk.cards, r, false);
	cards_lend(desk.cards, r, false);
	desk_hear("unrecognised vitale");
	assert_int_equal(p->ops[CARD_OP_OPEN].asked, 1);
	assert_int_equal(cards_claim(desk.cards, r->card, 1000, &desk_seen), 0);
	/* an empty slot */
	desk_out(p);
	cards_lend(desk.cards, desk_reader(DESK_B), true);
	assert_true(desk_reader(DESK_B)->lent);
	cards_lend(desk.cards, desk_reader(DESK_B), false);
}

static void a_mute_card_stays_mute_through_a_lease(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *c;

	(void)state;
	p->mute = true;
	p->ops[CARD_OP_OPEN].outcome = CARD_MUTE;
	c = desk_present(p);
	cards_lend(desk.cards, c->reader, true);
	desk_forget();
	cards_lend(desk.cards, c->reader, false);
	desk_hear("mute");
	assert_int_equal(c->kind, CARD_KIND_MUTE);
}

static bool known(void *user)
{
	const struct card_reader *r = desk_reader(user);

	return r && r->card && r->card->recognised;
}

/* One card: in, recognised, claimed, asked, out; the @n-th call of the room fails.
 * Return: how many calls there were. */
static unsigned int whole(struct desk_card *p, unsigned int n)
{
	struct card *c;

	memset(&desk_seen, 0, sizeof(desk_seen));
	desk_in(p);
	memory_arm(n);
	if (desk_run(known, p->reader, 20000)) {
		c = desk_reader(p->reader)->card;
		if (cards_claim(desk.cards, c, 1000, &desk_seen) == 0 &&
			cards_ask(c, CARD_OP_PRESENT, VIEW_NULL, NULL, 0, desk_on_answer,
				&desk_seen) == 0) {
			(void)desk_run(desk_answered, NULL, 20000);
			assert_int_equal(desk_seen.answers + desk_seen.nulls, 1);
		}
	}
	n = memory_count();
	memory_arm(0);
	desk_out(p);
	while (desk_reader(p->reader)->card) {
		desk_settle(5);
	}
	assert_true(desk_run(desk_two_spares, NULL, 10000));
	return n;
}

static void any_call_may_fail(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");
	unsigned int n = 0;

	(void)state;
	world_hurry = 20;
	desk_hear("service reader+ reader+ reader+ service");
	do {
		p->ops[CARD_OP_OPEN].outcome = n % 3 == 0 ? CARD_MUTE : CARD_DONE;
		n++;
	} while (whole(p, n) >= n || n <= 20); /* a busy machine cuts a run short */
	p->ops[CARD_OP_OPEN].outcome = CARD_DONE;
	desk_forget();
	desk_in(p);
	desk_hear("card+ cps");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, desk_ask_setup, desk_teardown)
	const struct CMUnitTest tests[] = {
		T(a_claimed_card_has_a_process_until_it_is_released),
		T(a_claim_ends_the_tries_to_recognise),
		T(bad_processes_end_with_a_word_and_are_released),
		T(a_card_is_opened_as_what_it_was_recognised),
		T(a_keypad_is_learnt_from_opening),
		T(nobody_of_ours_touches_a_lent_slot),
		T(a_mute_card_stays_mute_through_a_lease),
		T(any_call_may_fail),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
