/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What kind of card came in: a vitaled-card of its own connects shared, tells kind and generation
 * from ATR and SELECT, disconnects and is gone before anybody hears the answer, so that the card
 * is free to be claimed. While another program holds the card, or it was reset under us, it is
 * tried again, first soon, then every few seconds as long as it is in. Nothing but recognition is
 * read. The entry owns the process and the timer.
 */
#include <string.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "daemon/limits.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

#define RETRY_FIRST (100ULL * USEC_PER_MS)
#define RETRY_LAST  (5ULL * USEC_PER_SEC)
/* from this try on the card is shown as unknown with its advice, while the tries go on */
#define TRIES_QUIET 6U

static void attempt(struct entry *e);

/* Close the process, then tell. */
static void settle(struct entry *e, enum card_kind kind, const char *advice)
{
	struct card *c = &e->card;

	e->recogniser = child_free(e->recogniser);
	c->kind = kind;
	c->recognised = true;
	if (advice) {
		read_copy(c->advice, sizeof(c->advice), advice);
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

static void again(struct entry *e, const char *advice)
{
	uint64_t wait = RETRY_FIRST << (e->tries < 6 ? e->tries : 6);

	e->tries++;
	e->recogniser = child_free(e->recogniser);
	e->retry = sd_event_source_disable_unref(e->retry);
	if (wait > RETRY_LAST) {
		wait = RETRY_LAST;
	}
	if (sd_event_add_time_relative(
		    e->cards->ev, &e->retry, CLOCK_MONOTONIC, wait, 0, on_retry, e) < 0) {
		settle(e, CARD_KIND_UNKNOWN, "child-failed");
		return;
	}
	if (e->tries == TRIES_QUIET) {
		settle(e, CARD_KIND_UNKNOWN, advice);
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
	if (child_request(e->recogniser, CARD_OP_CLOSE, VIEW_NULL, NULL, 0, LIMIT_CHILD_START,
		    on_closed, e) != 0) {
		settle(e, kind, NULL);
	}
}

static enum card_kind kind_of(const struct link_frame *answer)
{
	char word[16] = "";

	if (answer->outcome == CARD_MUTE) {
		return CARD_KIND_MUTE;
	}
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
		/* hung or crashed on this card: no second try, so a bad card costs two children */
		settle(e, CARD_KIND_MUTE, "child-failed");
		return;
	}
	if (answer->outcome == CARD_BUSY) {
		again(e, "card-busy");
	} else if (answer->outcome == CARD_GONE || answer->outcome == CARD_NO_SERVICE ||
		   answer->outcome == CARD_NO_READER) {
		again(e, "no-answer");
	} else {
		take_facts(&e->card, answer->body);
		finish(e, kind_of(answer));
	}
}

static void on_ended(void *user, const char *why)
{
	(void)user;
	(void)why; /* its request was answered with NULL already */
}

static void attempt(struct entry *e)
{
	static const struct child_ops ops = {.ended = on_ended};
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);
	struct cards *cs = e->cards;

	tlv_put_str(&body, LINK_TAG_READER, e->card.reader->name);
	tlv_put_u8(&body, LINK_TAG_SHARE, 0);
	if (child_start(cs->ev, cs->card_path, cs->env, &ops, e, &e->recogniser) < 0) {
		again(e, "child-failed");
		return;
	}
	if (buf_check(&body) < 0 ||
		child_request(e->recogniser, CARD_OP_OPEN, buf_view(&body), NULL, 0,
			LIMIT_CHILD_START + LIMIT_CARD_OPERATION, on_open, e) != 0) {
		again(e, "child-failed");
	}
}

void recognise_start(struct entry *e)
{
	attempt(e);
}

void recognise_stop(struct entry *e)
{
	e->recogniser = child_free(e->recogniser);
	e->retry = sd_event_source_disable_unref(e->retry);
}
