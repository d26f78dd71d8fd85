/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What kind of card came in: a vitaled-card of its own connects shared, tells kind and generation
 * from ATR and SELECT, disconnects and is gone before anybody hears the answer, so that the card
 * is free to be claimed. While another program holds the card, or it was reset under us, it is
 * tried again, first soon, then every few seconds as long as it is in; a card that does not answer
 * is tried thrice, since many answer the second power-up. Nothing but recognition is read, and
 * nothing at all while the slot is lent. The entry owns the process and the timer.
 */
#include <string.h>

#include "base/clock.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

#define RETRY_FIRST (100ULL * USEC_PER_MS)
#define RETRY_LAST  (5ULL * USEC_PER_SEC)
/* from this try on the card is shown as unknown with its advice, while the tries go on */
#define TRIES_QUIET 6U
#define MUTE_TRIES  2U /* more, after the first */

static void attempt(struct entry *e);

static void leave(struct entry *e)
{
	e->recogniser = child_free(e->recogniser);
	e->spare = false;
	cards_wire(e, false);
}

static void advise(struct card *c, const char *advice)
{
	read_copy(c->advice, sizeof(c->advice), advice);
}

/* Close the process, then tell. */
static void settle(struct entry *e, enum card_kind kind, const char *advice)
{
	struct card *c = &e->card;

	leave(e);
	c->kind = kind;
	c->recognised = true;
	if (advice) {
		advise(c, advice);
	}
	cards_touch(e->cards, c);
}

static int on_retry(sd_event_source *source, uint64_t usec, void *user)
{
	struct entry *e = user;

	(void)source;
	(void)usec;
	if (!e->card.child) {
		attempt(e);
	}
	return 0;
}

/* Return: whether there will be another try. */
static bool later(struct entry *e, unsigned int doubled)
{
	uint64_t wait = RETRY_FIRST << (doubled < 6 ? doubled : 6);

	if (wait > RETRY_LAST) {
		wait = RETRY_LAST;
	}
	e->retry = sd_event_source_disable_unref(e->retry);
	if (sd_event_add_time_relative(
		    e->cards->ev, &e->retry, CLOCK_MONOTONIC, wait, 0, on_retry, e) >= 0) {
		return true;
	}
	settle(e, CARD_KIND_UNKNOWN, "child-failed");
	return false;
}

/* Nobody's fault: as long as the card is in. The process stays for a card that is only busy. */
static void again(struct entry *e, const char *advice)
{
	struct card *c = &e->card;
	bool told = strcmp(c->advice, advice) == 0;

	if (!later(e, e->tries)) {
		return;
	}
	e->tries++;
	if (e->tries < TRIES_QUIET && told) {
		return;
	}
	advise(c, advice);
	if (e->tries >= TRIES_QUIET && !c->recognised) {
		c->kind = CARD_KIND_UNKNOWN;
		c->recognised = true;
		told = false;
	}
	if (!told) {
		cards_touch(e->cards, c);
	}
}

static void again_anew(struct entry *e, const char *advice)
{
	leave(e);
	again(e, advice);
}

/* Perhaps only this power-up failed. */
static void mute(struct entry *e)
{
	if (e->mutes == MUTE_TRIES) {
		settle(e, CARD_KIND_MUTE, NULL);
		return;
	}
	leave(e);
	if (later(e, e->mutes)) {
		e->mutes++;
	}
}

static void on_closed(void *user, struct link_frame *answer)
{
	struct entry *e = user;

	(void)answer;
	settle(e, e->card.kind, NULL);
}

/* Recognised: disconnect in order before the process ends. */
static void finish(struct entry *e, enum card_kind kind)
{
	e->card.kind = kind;
	e->hint = kind == CARD_KIND_VITALE || kind == CARD_KIND_CPS;
	if (child_request(e->recogniser, CARD_OP_CLOSE, VIEW_NULL, NULL, 0, LIMIT_CHILD_START,
		    on_closed, e) != 0) {
		settle(e, kind, NULL);
	}
}

static enum card_kind kind_of(const struct link_frame *answer)
{
	char word[16] = "";

	if (answer->outcome == CARD_UNSUPPORTED) {
		return CARD_KIND_UNSUPPORTED;
	}
	if (answer->outcome != CARD_DONE) {
		return CARD_KIND_UNKNOWN;
	}
	read_text(answer->body, LINK_TAG_KIND, word, sizeof(word));
	if (strcmp(word, "vitale") == 0) {
		return CARD_KIND_VITALE;
	}
	if (strcmp(word, "cps") == 0) {
		return CARD_KIND_CPS;
	}
	return strcmp(word, "unsupported") == 0 ? CARD_KIND_UNSUPPORTED : CARD_KIND_UNKNOWN;
}

static void take_facts(struct card *c, struct view body)
{
	read_text(body, LINK_TAG_GENERATION, c->generation, sizeof(c->generation));
	read_text(body, LINK_TAG_ADVICE, c->advice, sizeof(c->advice));
}

static void on_open(void *user, struct link_frame *answer)
{
	struct entry *e = user;

	if (!answer) {
		/* hung or crashed on this card: no further try, so a bad card costs two children */
		settle(e, CARD_KIND_MUTE, "child-failed");
		return;
	}
	if (answer->outcome == CARD_BUSY) {
		again(e, "card-busy");
	} else if (answer->outcome == CARD_GONE || answer->outcome == CARD_NO_SERVICE ||
		   answer->outcome == CARD_NO_READER) {
		again_anew(e, "no-answer");
	} else if (answer->outcome == CARD_MUTE) {
		mute(e);
	} else {
		take_facts(&e->card, answer->body);
		finish(e, kind_of(answer));
	}
}

static bool on_answer(void *user, uint8_t op, struct link_frame *answer, const char *why);
static void on_event(void *user, struct link_frame *event);
static void on_wire(void *user, bool taken);
static void on_ended(void *user, const char *why);

static const struct child_ops recogniser_ops = {
	.event = on_event, .answer = on_answer, .wire = on_wire, .ended = on_ended};

static bool on_answer(void *user, uint8_t op, struct link_frame *answer, const char *why)
{
	struct entry *e = user;

	return cards_answered(e, &e->recogniser, &recogniser_ops, op, answer, why);
}

static void on_event(void *user, struct link_frame *event)
{
	struct entry *e = user;

	cards_event(e, e->recogniser, event);
}

static void on_wire(void *user, bool taken)
{
	cards_wire(user, taken);
}

/* It waited for a busy card; what it was asked has been answered with NULL already. */
static void on_ended(void *user, const char *why)
{
	(void)why;
	leave(user);
}

static void attempt(struct entry *e)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);

	tlv_put_str(&body, LINK_TAG_READER, e->card.reader->name);
	tlv_put_u8(&body, LINK_TAG_DRIVER, (uint8_t)e->card.reader->served);
	tlv_put_u8(&body, LINK_TAG_SHARE, CARD_SHARE_TRANSACTIONS);
	if (!e->recogniser && spare_take(e, &recogniser_ops, &e->recogniser) < 0) {
		again(e, "child-failed");
		return;
	}
	child_set_silence(e->recogniser, LIMIT_CARD_STUCK);
	cards_give_way(e->cards, e->card.reader);
	if (buf_check(&body) < 0 ||
		child_request(e->recogniser, CARD_OP_OPEN, buf_view(&body), NULL, 0,
			LIMIT_CHILD_START + LIMIT_CARD_OPERATION, on_open, e) != 0) {
		again_anew(e, "child-failed");
	}
}

void recognise_start(struct entry *e)
{
	struct card *c = &e->card;

	e->tries = 0;
	e->mutes = 0;
	if (c->reader->lent) {
		return; /* when it is ours again */
	}
	if (c->kind != CARD_KIND_MUTE) {
		c->kind = CARD_KIND_UNKNOWN;
		attempt(e);
	} else if (later(e, e->mutes)) {
		e->mutes++;
	}
}

void recognise_stop(struct entry *e)
{
	leave(e);
	e->retry = sd_event_source_disable_unref(e->retry);
}
