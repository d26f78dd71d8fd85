/* SPDX-License-Identifier: EUPL-1.2 */
/* The person, the sessions below, and one card: see pins-desk.h. */
#include "tests/unit/session/pins-desk.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct person_at_desk t;

/* -- sessions, played ------------------------------------------------------------------------------ */

struct session *sessions_next(struct sessions *all, struct session *after)
{
	assert_null(all);
	return t.sessions && !after ? &t.session : NULL;
}

bool sessions_card_wanted(const struct sessions *all, struct card *c)
{
	assert_null(all);
	assert_ptr_equal(c, t.card);
	return t.wanted;
}

void sessions_card_lock(struct sessions *all, struct card *c, enum vitaled_reason r)
{
	assert_null(all);
	assert_ptr_equal(c, t.card);
	assert_int_equal(r, VITALED_REASON_RELEASED);
	t.locked++;
}

/* -- the person ------------------------------------------------------------------------------------- */

void pins_give(struct pin_job *j, const char *digits)
{
	int ends[2];

	memory_pause();
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], digits, strlen(digits)), (ssize_t)strlen(digits));
	close(ends[1]);
	memory_resume();
	pin_job_code(j, ends[0]);
}

static void say(const char *word)
{
	size_t n = strlen(t.questions);

	assert_true(snprintf(t.questions + n, sizeof(t.questions) - n, "%s ", word) > 0);
}

static bool fails(void)
{
	return t.answer == FAIL && t.asked + t.asked_last >= t.fail_from;
}

static void ask_code(void *user, struct pin_job *j, enum pin_code code, unsigned int tries)
{
	assert_ptr_equal(user, &t);
	t.job = j;
	t.asked++;
	t.tries_told = tries;
	say(pin_code_word(code));
	if (fails()) {
		pin_job_failed(j, VITALED_REASON_NO_AGENT);
	} else if (t.answer == GIVE || t.answer == FAIL) {
		pins_give(j, code == PIN_CODE_NEW ? "5678" : "1234");
		if (t.twice) {
			pins_give(j, "9999");
		}
	}
}

static void ask_last_try(void *user, struct pin_job *j, enum pin_code code)
{
	assert_ptr_equal(user, &t);
	t.job = j;
	t.asked_last++;
	say("last:");
	say(pin_code_word(code));
	if (fails()) {
		pin_job_failed(j, VITALED_REASON_NO_AGENT);
	} else if (t.answer == GIVE) {
		pin_job_last_try(j, t.last_try);
		if (t.twice) {
			pin_job_last_try(j, !t.last_try);
		}
	}
}

static void tell_keypad(void *user, struct pin_job *j, enum pin_code first, unsigned int tries)
{
	assert_ptr_equal(user, &t);
	t.job = j;
	t.keypad++;
	t.tries_told = tries;
	say("keypad:");
	say(pin_code_word(first));
}

static void stop_asking(void *user, struct pin_job *j, enum vitaled_reason why)
{
	assert_ptr_equal(user, &t);
	assert_ptr_equal(pin_job_card(j), t.card);
	t.stopped++;
	t.stop = why;
}

const struct pins_ops pins_desk_ops = {
	.ask_code = ask_code,
	.ask_last_try = ask_last_try,
	.tell_keypad = tell_keypad,
	.stop_asking = stop_asking,
};

static void on_done(void *user, enum vitaled_reason why, uint8_t tries)
{
	assert_ptr_equal(user, &t);
	assert_false(t.busy);
	t.done++;
	t.why = why;
	t.tries = tries;
}

int pins_setup(void **state)
{
	int r = desk_setup(state);

	memset(&t, 0, sizeof(t));
	assert_int_equal(
		pins_new(desk.ev, desk.cards, NULL, desk.audit, &pins_desk_ops, &t, &t.all), 0);
	t.played = desk_card(DESK_A, "cps", "cps4");
	tlv_put_u8(&t.played->ops[CARD_OP_PIN_STATE].body, LINK_TAG_TRIES, 3);
	t.card = desk_present(t.played);
	t.played->ops[CARD_OP_OPEN].asked = 0;
	t.played->ops[CARD_OP_CLOSE].asked = 0;
	return r;
}

int pins_teardown(void **state)
{
	t.all = pins_free(t.all);
	return desk_teardown(state);
}

int pins_start(enum pin_job_kind kind)
{
	int r;

	t.busy = true;
	r = pin_job_start(t.all, t.card, kind, ":1.7", 1000, on_done, &t);
	t.busy = false;
	return r;
}

bool pins_done(void *user)
{
	(void)user;
	return t.done > 0;
}

bool pins_asking(void *user)
{
	(void)user;
	return t.asked + t.asked_last + t.keypad > 0;
}

bool pins_sent(void *user)
{
	const enum card_op *op = user;

	return t.played->ops[*op].asked > 0;
}

void pins_finish(enum vitaled_reason why)
{
	assert_true(desk_run(pins_done, NULL, 20000));
	assert_string_equal(vitaled_reason_word(t.why), vitaled_reason_word(why));
	desk_settle(20);
	assert_int_equal(t.done, 1);
	if (desk_reader(DESK_A)->card == t.card && t.card) {
		assert_null(t.card->child);
		assert_false(t.card->job);
	}
}

/* Again with the same card, nothing remembered. */
void pins_again(void)
{
	struct card *c = desk_reader(DESK_A)->card;
	struct desk_card *p = t.played;
	struct pins *all = t.all;

	memset(&t, 0, sizeof(t));
	t.card = c;
	t.played = p;
	t.all = all;
	for (size_t i = 0; i < CARD_OP_COUNT; i++) {
		p->ops[i].asked = 0;
		buf_reset(&p->ops[i].codes[0]);
		buf_reset(&p->ops[i].codes[1]);
	}
}

uint8_t pins_sent_u8(enum card_op op, uint32_t tag)
{
	struct view v = desk_find(buf_view(&t.played->ops[op].last), tag);

	return v.len == 1 ? v.data[0] : UINT8_MAX;
}

void pins_card_says(enum card_op op, uint8_t outcome, int tries)
{
	struct desk_op *o = &t.played->ops[op];

	o->outcome = outcome;
	buf_reset(&o->body);
	if (tries >= 0) {
		tlv_put_u8(&o->body, LINK_TAG_TRIES, (uint8_t)tries);
	}
}

void pins_puk_is(int tries, int uses)
{
	struct desk_op *o = &t.played->ops[CARD_OP_PIN_STATE];

	buf_reset(&o->body);
	tlv_put_u8(&o->body, LINK_TAG_TRIES, 0);
	if (tries >= 0) {
		tlv_put_u8(&o->body, LINK_TAG_PUK_TRIES, (uint8_t)tries);
	}
	if (uses >= 0) {
		tlv_put_u8(&o->body, LINK_TAG_PUK_USES, (uint8_t)uses);
	}
}
