/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The dialogue of one job: OPEN, PIN_STATE, the last try confirmed where only one is left, the codes
 * from the person, one request with all of them, CLOSE. That request is sent once: whatever the card
 * says of it is the job's outcome, except that nothing was sent because the last try was not
 * confirmed. The outcome is recorded, then the card is reset and let go, then done runs. A card that
 * does not behave loses its process at once; the next connection resets it.
 */
#include <unistd.h>

#include "daemon/session/pins-inside.h"

#define OPEN_TRIES    8U
#define OPEN_AGAIN    (50ULL * USEC_PER_MS)
#define TRIES_UNKNOWN UINT8_MAX

/* -- the end -------------------------------------------------------------------------------------- */

static void stop_asking(struct pin_job *j, enum vitaled_reason why)
{
	j->timer = sd_event_source_disable_unref(j->timer);
	if (j->asking) {
		j->asking = false;
		j->all->ops.stop_asking(j->all->user, j, why);
	}
}

static void over(struct pin_job *j)
{
	struct card *c = j->card;

	j->stage = PIN_STAGE_OVER;
	j->timer = sd_event_source_disable_unref(j->timer);
	if (c && c->child && c->job && c->user == j) {
		cards_release(j->all->cards, c);
	}
	pin_job_turn(j);
}

/* The outcome, once. What the card did is told even when the record does not take it: the entry from
 * before the first command says that it was tried, and nothing is released. */
static void settle(struct pin_job *j, enum vitaled_reason why)
{
	j->result = why;
	(void)pin_job_record(j, why == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(why));
	stop_asking(j, why);
	pin_job_drop_codes(j);
}

/* Not in order: the process dies now. */
static void fail(struct pin_job *j, enum vitaled_reason why)
{
	settle(j, why);
	over(j);
}

static void on_closed(void *user, struct link_frame *answer)
{
	(void)answer; /* reset or dead: either way every right is gone */
	over(user);
}

/* In order: reset, disconnect, let go. */
static void finish(struct pin_job *j, enum vitaled_reason why)
{
	settle(j, why);
	j->stage = PIN_STAGE_CLOSE;
	if (j->card) {
		j->card->job = CARD_JOB_ENDS;
	}
	if (!j->card || cards_ask(j->card, CARD_OP_CLOSE, VIEW_NULL, NULL, 0, on_closed, j)) {
		over(j);
	}
}

void pin_job_gone(struct pin_job *j, enum vitaled_reason why)
{
	if (j->stage < PIN_STAGE_CLOSE) {
		settle(j, why);
	}
	j->stage = PIN_STAGE_OVER;
	j->timer = sd_event_source_disable_unref(j->timer);
	j->card = NULL; /* cards.c ends the process */
	pin_job_turn(j);
}

void pin_job_stop(struct pin_job *j, enum vitaled_reason why)
{
	switch (j->stage) {
	case PIN_STAGE_FREE:
	case PIN_STAGE_OPEN:
		fail(j, why);
		return;
	case PIN_STAGE_LAST_TRY:
	case PIN_STAGE_CODE:
		finish(j, why);
		return;
	case PIN_STAGE_SENT:
	case PIN_STAGE_CLOSE:
	case PIN_STAGE_OVER:
		return;
	}
}

/* What an outcome means that is no answer about codes. */
static enum vitaled_reason reason_of(const struct link_frame *answer)
{
	static const enum vitaled_reason reasons[] = {
		[CARD_MUTE] = VITALED_REASON_CARD_BROKEN,
		[CARD_GONE] = VITALED_REASON_CARD_REMOVED,
		[CARD_UNKNOWN] = VITALED_REASON_CARD_UNKNOWN,
		[CARD_UNSUPPORTED] = VITALED_REASON_CARD_UNSUPPORTED,
		[CARD_BROKEN] = VITALED_REASON_CARD_BROKEN,
		[CARD_BUSY] = VITALED_REASON_BUSY,
		[CARD_NO_SERVICE] = VITALED_REASON_NO_READER_SERVICE,
		[CARD_NO_READER] = VITALED_REASON_NO_READER,
		[CARD_DENIED] = VITALED_REASON_PIN_REFUSED,
		[CARD_REFUSED] = VITALED_REASON_PIN_REFUSED,
		[CARD_ABSENT] = VITALED_REASON_CARD_UNSUPPORTED,
		[CARD_UNUSABLE] = VITALED_REASON_CARD_BROKEN,
		[CARD_READER_FAILED] = VITALED_REASON_READER_FAILED,
	};
	enum vitaled_reason r = VITALED_REASON_NONE;

	if (answer && answer->outcome < ARRAY_LEN(reasons)) {
		r = reasons[answer->outcome];
	}
	return r == VITALED_REASON_NONE ? VITALED_REASON_CHILD_FAILED : r;
}

static bool ask(struct pin_job *j, uint8_t op, struct view body, child_answer_fn done)
{
	if (cards_ask(j->card, op, body, j->codes, j->n_codes, done, j) != 0) {
		fail(j, VITALED_REASON_CHILD_FAILED);
		return false;
	}
	return true;
}

/* -- the codes ------------------------------------------------------------------------------------ */

/* The code that is verified, and with the new one. */
static enum pin_code first_code(const struct pin_job *j)
{
	return j->kind == PIN_JOB_CHANGE ? PIN_CODE_PIN : PIN_CODE_PUK;
}

/* A question is with a person now. It may be answered from within ask_*(). */
static bool begin_asking(struct pin_job *j, enum pin_stage stage)
{
	j->stage = stage;
	if (!pin_job_limit(j, CLOCK_BOOTTIME, LIMIT_PERSON_WAIT)) {
		finish(j, VITALED_REASON_FAILED);
		return false;
	}
	j->asking = true;
	j->card->job = CARD_JOB_ASKS;
	return true;
}

static void ask_last_try(struct pin_job *j)
{
	if (begin_asking(j, PIN_STAGE_LAST_TRY)) {
		j->all->ops.ask_last_try(j->all->user, j, first_code(j));
	}
}

/* The card's answer to the codes, after which the pipes are empty. */
static void on_codes(void *user, struct link_frame *answer)
{
	struct pin_job *j = user;
	enum card_outcome outcome = answer ? (enum card_outcome)answer->outcome : CARD_FAILED;
	bool confirmed = j->last_try;

	j->tries = answer ? read_u8_or(answer->body, LINK_TAG_TRIES, TRIES_UNKNOWN)
			  : TRIES_UNKNOWN;
	if (outcome == CARD_DONE) {
		finish(j, VITALED_REASON_NONE);
	} else if (outcome == CARD_PIN_WRONG) {
		finish(j, VITALED_REASON_PIN_WRONG);
	} else if (outcome == CARD_PIN_BLOCKED) {
		j->tries = 0;
		finish(j, VITALED_REASON_PIN_BLOCKED);
	} else if (outcome == CARD_PIN_LAST && !confirmed) {
		stop_asking(j, VITALED_REASON_PIN_REFUSED); /* the keypad was not used */
		j->tries = 1;
		ask_last_try(j);
	} else if (outcome == CARD_PIN_LAST || outcome == CARD_PIN_REFUSED) {
		finish(j, VITALED_REASON_PIN_REFUSED);
	} else if (outcome == CARD_CANCELLED) {
		finish(j, VITALED_REASON_CANCELLED);
	} else if (outcome == CARD_LATE) {
		finish(j, VITALED_REASON_TIMEOUT);
	} else {
		fail(j, reason_of(answer));
	}
}

/* Both codes at once, from their pipes or from the keys; never again for the same entry. */
static void send_codes(struct pin_job *j)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(32);
	uint8_t op = j->kind == PIN_JOB_CHANGE ? CARD_OP_CHANGE_PIN : CARD_OP_UNBLOCK_PIN;

	j->stage = PIN_STAGE_SENT;
	j->card->job = CARD_JOB_WORKS;
	tlv_put_u8(&body, LINK_TAG_LAST_TRY, j->last_try ? 1 : 0);
	if (j->keypad) {
		tlv_put_u8(&body, LINK_TAG_PINPAD, 1);
	}
	if (buf_check(&body) < 0) {
		fail(j, VITALED_REASON_FAILED);
	} else if (ask(j, op, buf_view(&body), on_codes)) {
		pin_job_drop_codes(j);
	}
}

static void next_code(struct pin_job *j)
{
	if (j->n_codes == ARRAY_LEN(j->codes)) {
		send_codes(j);
		return;
	}
	if (begin_asking(j, PIN_STAGE_CODE)) {
		j->all->ops.ask_code(j->all->user, j,
			j->n_codes == 0 ? first_code(j) : PIN_CODE_NEW, j->tries);
	}
}

static void ask_codes(struct pin_job *j)
{
	pin_job_drop_codes(j);
	if (!j->keypad) {
		next_code(j);
		return;
	}
	send_codes(j);
	if (j->stage == PIN_STAGE_SENT) {
		j->asking = true;
		j->all->ops.tell_keypad(j->all->user, j, first_code(j), j->tries);
	}
}

/* -- opening -------------------------------------------------------------------------------------- */

/* Of the code that is verified; an unblocking that has been used up is blocked as well. */
static uint8_t tries_left(const struct pin_job *j, struct view body)
{
	if (j->kind == PIN_JOB_CHANGE) {
		return read_u8_or(body, LINK_TAG_TRIES, TRIES_UNKNOWN);
	}
	return read_u8_or(body, LINK_TAG_PUK_USES, TRIES_UNKNOWN) == 0
		       ? 0
		       : read_u8_or(body, LINK_TAG_PUK_TRIES, TRIES_UNKNOWN);
}

static void on_state(void *user, struct link_frame *answer)
{
	struct pin_job *j = user;

	if (!answer || answer->outcome != CARD_DONE) {
		fail(j, reason_of(answer));
		return;
	}
	j->tries = tries_left(j, answer->body);
	if (j->tries == 0) {
		finish(j, VITALED_REASON_PIN_BLOCKED);
	} else if (j->tries == 1) {
		ask_last_try(j);
	} else {
		ask_codes(j);
	}
}

static void on_open(void *user, struct link_frame *answer)
{
	struct pin_job *j = user;

	if (answer && answer->outcome == CARD_BUSY && j->open_tries < OPEN_TRIES &&
		clock_monotonic() < j->open_until) {
		if (!pin_job_limit(j, CLOCK_MONOTONIC, OPEN_AGAIN << j->open_tries++)) {
			fail(j, VITALED_REASON_BUSY);
		}
		return;
	}
	if (!answer || answer->outcome != CARD_DONE) {
		fail(j, reason_of(answer));
		return;
	}
	j->keypad = read_u8_or(answer->body, LINK_TAG_PINPAD, 0) & CARD_PINPAD_MODIFY;
	(void)ask(j, CARD_OP_PIN_STATE, VIEW_NULL, on_state);
}

static void send_open(struct pin_job *j)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(512);

	cards_put_open(j->card, &body);
	if (buf_check(&body) < 0) {
		fail(j, VITALED_REASON_FAILED);
		return;
	}
	(void)ask(j, CARD_OP_OPEN, buf_view(&body), on_open);
}

int pin_job_claim(struct pin_job *j)
{
	int r = cards_claim(j->all->cards, j->card, j->uid, j);

	if (r < 0) {
		return trace(r);
	}
	j->card->job = CARD_JOB_WORKS;
	j->stage = PIN_STAGE_OPEN;
	j->open_until = clock_monotonic() + LIMIT_CARD_HELD;
	j->timer = sd_event_source_disable_unref(j->timer);
	pin_job_turn(j);
	return 0;
}

/* -- turns ---------------------------------------------------------------------------------------- */

void pin_job_step(struct pin_job *j)
{
	switch (j->stage) {
	case PIN_STAGE_FREE:
		if (!j->card->child && pin_job_claim(j) < 0) {
			fail(j, VITALED_REASON_BUSY);
		}
		return;
	case PIN_STAGE_OPEN:
		send_open(j);
		return;
	case PIN_STAGE_LAST_TRY: /* confirmed */
		ask_codes(j);
		return;
	case PIN_STAGE_CODE: /* given */
		next_code(j);
		return;
	case PIN_STAGE_SENT:
	case PIN_STAGE_CLOSE:
	case PIN_STAGE_OVER:
		return;
	}
}

void pin_job_late(struct pin_job *j)
{
	if (j->stage == PIN_STAGE_OPEN) {
		send_open(j); /* it was busy */
	} else {
		pin_job_stop(j, j->stage == PIN_STAGE_FREE ? VITALED_REASON_BUSY
							   : VITALED_REASON_TIMEOUT);
	}
}
