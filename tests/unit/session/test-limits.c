/* SPDX-License-Identifier: EUPL-1.2 */
/* How long a card may take: stuck, slow, at the keypad, and behind another slot. */
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

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define HURRY	 5U
#define STUCK_MS ((unsigned int)(LIMIT_CARD_STUCK / USEC_PER_MS) / HURRY)

/* -- how long -------------------------------------------------------------------------------------- */

static void a_process_that_says_it_works_is_told_from_one_that_hangs(void **state)
{
	struct desk_card *a = desk_card(DESK_A, "vitale", "vitale-2");
	struct desk_card *b = desk_card(DESK_B, "cps", "cps4");
	struct card *hung = desk_opened(a);
	struct card *slow = desk_opened(b);

	(void)state;
	world_hurry_requests = HURRY;
	a->ops[CARD_OP_READ_PUBLIC].deed = DEED_SILENT;
	b->ops[CARD_OP_READ_PUBLIC].deed = DEED_ALIVE;
	desk_forget();
	desk_ask(slow, CARD_OP_READ_PUBLIC);
	desk_ask(hung, CARD_OP_READ_PUBLIC);
	desk_hear("progress");
	assert_int_equal(slow->characters, 4242);
	desk_hear("failed vitale");
	assert_string_equal(desk.why, "deadline");
	assert_int_equal(desk_seen.nulls, 1);
	desk_settle(STUCK_MS / 4); /* by now silence would have ended it */
	assert_non_null(slow->child);
	assert_int_equal(desk_seen.nulls, 1);
}

static void a_person_at_the_keypad_may_take_longer(void **state)
{
	struct desk_card *p = desk_card(DESK_A, "cps", "cps4");
	struct desk_card *q = desk_card(DESK_B, "cps", "cps4");
	struct card *keys = desk_opened(p);
	struct card *pipe_ = desk_opened(q);
	struct buf body = BUF_NULL(16);
	int ends[2];

	(void)state;
	world_hurry_requests = HURRY;
	p->ops[CARD_OP_VERIFY].deed = DEED_SILENT;
	q->ops[CARD_OP_VERIFY].deed = DEED_SILENT;
	tlv_put_u8(&body, LINK_TAG_PINPAD, 1);
	memset(&desk_seen, 0, sizeof(desk_seen));
	assert_int_equal(cards_ask(keys, CARD_OP_VERIFY, buf_view(&body), NULL, 0,
				 desk_on_answer, &desk_seen),
		0);
	/* only from the keys: a pipe beside the word is no keypad */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], "1234", 4), 4);
	close(ends[1]);
	assert_int_equal(cards_ask(pipe_, CARD_OP_VERIFY, buf_view(&body), ends, 1,
				 desk_on_answer, &desk_seen),
		0);
	close(ends[0]);
	desk_forget();
	desk_hear("failed cps");
	assert_string_equal(desk.why, "deadline");
	assert_true(view_equal(buf_view(&q->ops[CARD_OP_VERIFY].codes[0]), VIEW_TEXT("1234")));
	desk_settle(STUCK_MS / 4);
	assert_non_null(keys->child);
	assert_null(pipe_->child);
	buf_done(&body);
}

static void while_one_slot_of_a_reader_hangs_the_time_of_the_other_stands_still(void **state)
{
	struct desk_card *b = desk_card(DESK_B, "cps", "cps4");
	struct desk_card *b1 = desk_card(DESK_B1, "vitale", "vitale-2");
	struct desk_card *a = desk_card(DESK_A, "vitale", "vitale-2");
	struct card *hung = desk_opened(b);
	struct card *waits = desk_opened(b1);
	struct card *other = desk_opened(a);

	(void)state;
	world_hurry_requests = HURRY;
	b->ops[CARD_OP_PIN_STATE].deed = DEED_SILENT;
	b1->ops[CARD_OP_PRESENT].deed = DEED_SILENT;
	a->ops[CARD_OP_PRESENT].deed = DEED_SILENT;
	desk_ask(hung, CARD_OP_PIN_STATE);
	desk_settle(STUCK_MS / 10);
	assert_int_equal(cards_ask(waits, CARD_OP_PRESENT, VIEW_NULL, NULL, 0, desk_on_answer,
				 &desk_seen),
		0);
	assert_int_equal(cards_ask(other, CARD_OP_PRESENT, VIEW_NULL, NULL, 0, desk_on_answer,
				 &desk_seen),
		0);
	desk_forget();
	desk_hear("failed cps failed vitale"); /* another reader does not wait */
	assert_null(hung->child);
	assert_null(other->child);
	desk_settle(STUCK_MS / 4);
	assert_non_null(waits->child);
	assert_int_equal(desk_seen.nulls, 2);
	/* its own silence begins when the line is free */
	desk_forget();
	desk_hear("failed vitale");
	assert_null(waits->child);
	assert_int_equal(desk_seen.nulls, 3);
}

/* The card of @b, which a person is asked for at the keypad and does not type. */
static void ask_keypad(struct card *keys)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(16);

	tlv_put_u8(&body, LINK_TAG_PINPAD, 1);
	assert_int_equal(cards_ask(keys, CARD_OP_VERIFY, buf_view(&body), NULL, 0,
				 desk_on_answer, &desk_seen),
		0);
}

static void a_person_at_the_keypad_waits_for_what_the_other_slot_has_begun(void **state)
{
	struct desk_card *b = desk_card(DESK_B, "cps", "cps4");
	struct desk_card *b1 = desk_card(DESK_B1, "vitale", "vitale-2");
	struct card *keys = desk_opened(b);
	struct card *hung = desk_opened(b1);

	(void)state;
	world_hurry_requests = HURRY;
	b->ops[CARD_OP_VERIFY].deed = DEED_SILENT;
	b1->ops[CARD_OP_PRESENT].deed = DEED_SILENT;
	desk_ask(hung, CARD_OP_PRESENT);
	ask_keypad(keys);
	desk_settle(STUCK_MS / 4);
	assert_int_equal(b->ops[CARD_OP_VERIFY].asked, 0);
	desk_forget();
	desk_hear("failed vitale"); /* it holds the line, so its own time runs */
	assert_string_equal(desk.why, "deadline");
	desk_settle(STUCK_MS / 4);
	assert_int_equal(b->ops[CARD_OP_VERIFY].asked, 1);
	assert_non_null(keys->child);
}

static void nothing_is_asked_of_the_other_slot_while_a_person_types(void **state)
{
	struct desk_card *b = desk_card(DESK_B, "cps", "cps4");
	struct desk_card *b1 = desk_card(DESK_B1, "vitale", "vitale-2");
	struct card *keys = desk_opened(b);
	struct card *waits = desk_opened(b1);

	(void)state;
	world_hurry_requests = HURRY;
	b->ops[CARD_OP_VERIFY].deed = DEED_SILENT;
	ask_keypad(keys);
	desk_settle(STUCK_MS / 4);
	assert_int_equal(b->ops[CARD_OP_VERIFY].asked, 1);
	desk_ask(waits, CARD_OP_PRESENT);
	desk_settle(STUCK_MS + STUCK_MS / 4);
	assert_int_equal(b1->ops[CARD_OP_PRESENT].asked, 0);
	assert_non_null(waits->child);
	desk_forget();
	desk_out(b); /* the line is free */
	desk_hear("card-");
	desk_settle(STUCK_MS / 4);
	assert_int_equal(b1->ops[CARD_OP_PRESENT].asked, 1);
	assert_non_null(waits->child);
}

static void a_new_process_waits_too(void **state)
{
	struct desk_card *b = desk_card(DESK_B, "cps", "cps4");
	struct desk_card *b1 = desk_card(DESK_B1, "vitale", "vitale-2");
	struct card *keys = desk_opened(b);
	struct card *late = desk_present(b1);
	unsigned int before = b1->ops[CARD_OP_OPEN].asked; /* it was recognised */
	_cleanup_(buf_done) struct buf body = BUF_NULL(512);

	(void)state;
	cards_put_open(late, &body);
	world_hurry_requests = HURRY;
	b->ops[CARD_OP_VERIFY].deed = DEED_SILENT;
	ask_keypad(keys);
	desk_settle(STUCK_MS / 4);
	assert_int_equal(cards_claim(desk.cards, late, 1000, &desk_seen), 0);
	assert_int_equal(cards_ask(late, CARD_OP_OPEN, buf_view(&body), NULL, 0, desk_on_answer,
				 &desk_seen),
		0); /* the first that it is asked */
	desk_settle(STUCK_MS + STUCK_MS / 4);
	assert_int_equal(b1->ops[CARD_OP_OPEN].asked, before);
	desk_forget();
	desk_out(b);
	desk_hear("card-");
	desk_settle(STUCK_MS / 4);
	assert_int_equal(b1->ops[CARD_OP_OPEN].asked, before + 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, desk_ask_setup, desk_teardown)
	const struct CMUnitTest tests[] = {
		T(a_process_that_says_it_works_is_told_from_one_that_hangs),
		T(a_person_at_the_keypad_may_take_longer),
		T(while_one_slot_of_a_reader_hangs_the_time_of_the_other_stands_still),
		T(a_person_at_the_keypad_waits_for_what_the_other_slot_has_begun),
		T(nothing_is_asked_of_the_other_slot_while_a_person_types),
		T(a_new_process_waits_too),
	};

	return cmocka_run_group_tests(tests, desk_group_setup, NULL);
}
