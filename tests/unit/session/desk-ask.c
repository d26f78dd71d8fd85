/* SPDX-License-Identifier: EUPL-1.2 */
/* See desk-ask.h. */
#include "tests/unit/session/desk-ask.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

struct desk_seen desk_seen;

int desk_ask_setup(void **state)
{
	memset(&desk_seen, 0, sizeof(desk_seen));
	return desk_setup(state);
}

void desk_on_answer(void *user, struct link_frame *answer)
{
	assert_ptr_equal(user, &desk_seen);
	desk_seen.answers += answer ? 1 : 0;
	desk_seen.nulls += answer ? 0 : 1;
	desk_seen.outcome = answer ? answer->outcome : UINT8_MAX;
}

bool desk_answered(void *user)
{
	(void)user;
	return desk_seen.answers + desk_seen.nulls > 0;
}

void desk_ask(struct card *c, uint8_t op)
{
	memset(&desk_seen, 0, sizeof(desk_seen));
	assert_int_equal(cards_ask(c, op, VIEW_NULL, NULL, 0, desk_on_answer, &desk_seen), 0);
}

void desk_open(struct card *c)
{
	struct buf body = BUF_NULL(512);

	memset(&desk_seen, 0, sizeof(desk_seen));
	cards_put_open(c, &body);
	assert_int_equal(buf_check(&body), 0);
	assert_int_equal(cards_ask(c, CARD_OP_OPEN, buf_view(&body), NULL, 0, desk_on_answer,
				 &desk_seen),
		0);
	buf_done(&body);
	assert_true(desk_run(desk_answered, NULL, 20000));
}

struct card *desk_claimed(struct desk_card *p)
{
	struct card *c = desk_present(p);

	assert_int_equal(cards_claim(desk.cards, c, 1000, &desk_seen), 0);
	return c;
}

struct card *desk_opened(struct desk_card *p)
{
	struct card *c = desk_claimed(p);

	desk_open(c);
	assert_int_equal(desk_seen.outcome, CARD_DONE);
	return c;
}

bool desk_two_spares(void *user)
{
	(void)user;
	return desk.spare == 2;
}
