/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The guard: a second vitaled-watch of each source, only while a dossier is unlocked. A watch that hangs,
 * or a pcscd or vitaled-usb that does, would not tell that a card has left. The guard says every 2 s
 * that it lives and that the service answers; when it falls silent, or has seen a card leave that the
 * watch does not tell of within LIMIT_WATCH_LAG, both are replaced and all cards of the source are
 * out. So nothing of ours wakes up at set times while nothing is unlocked, whatever cards are in.
 *
 * An exchange that the guard sees first counts at once. PC/SC itself can hide a quick one from the watch:
 * libpcsclite does not compare a counter of 0, that of a card that was in when pcscd started, and what
 * has left and come back before it looked is to it the same card (winscard_clnt.c, 1.9.9 to 2.3).
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

#define GUARD_LATER (20ULL * USEC_PER_MS) /* what has just been unlocked is told first */

/* -- silence --------------------------------------------------------------------------------------- */

static_assert(LIMIT_WATCH_SILENCE_USB > (WATCH_ALIVE_MS + WATCH_ANSWER_MS) * USEC_PER_MS,
	"a watch of vitaled-usb says by itself that it hears nothing");

static uint64_t silence_of(const struct source *src)
{
	return src->driver == READER_DRIVER_USB ? LIMIT_WATCH_SILENCE_USB : LIMIT_WATCH_SILENCE;
}

static int on_silence(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	cards_watch_lost(user);
	return 0;
}

/* Whether the time of the next sign of life runs, microseconds. */
static bool listen(struct source *src, uint64_t usec)
{
	src->silence = sd_event_source_disable_unref(src->silence);
	return sd_event_add_time_relative(src->cards->ev, &src->silence, CLOCK_MONOTONIC, usec,
		       0, on_silence, src) >= 0;
}

/* -- doubt ----------------------------------------------------------------------------------------- */

static int on_doubt(sd_event_source *source, uint64_t usec, void *user);

/* Whether both told last of the same card in reader @i. */
static bool agree(const struct cards *cs, size_t i)
{
	return cs->words[i].in && cs->words[i].events == cs->readers[i]->card->events;
}

/* The card in reader @i, where the reader is one of @src. */
static struct entry *entry_at(const struct source *src, size_t i)
{
	const struct card_reader *r = src->cards->readers[i];

	return r->card && r->served == src->driver ? entry_of(r->card) : NULL;
}

/* The timer runs until the first doubt is over, if there is any. */
static void doubt_arm(struct source *src)
{
	uint64_t first = 0;

	for (size_t i = 0; i < src->cards->n_readers; i++) {
		const struct entry *e = entry_at(src, i);

		if (e && e->doubt != 0 && (first == 0 || e->doubt < first)) {
			first = e->doubt;
		}
	}
	src->doubt = sd_event_source_disable_unref(src->doubt);
	if (first != 0 && sd_event_add_time(src->cards->ev, &src->doubt, CLOCK_MONOTONIC, first,
				  0, on_doubt, src) < 0) {
		cards_watch_lost(src);
	}
}

static int on_doubt(sd_event_source *source, uint64_t usec, void *user)
{
	struct source *src = user;
	uint64_t now = clock_monotonic();

	(void)source;
	(void)usec;
	for (size_t i = 0; i < src->cards->n_readers; i++) {
		struct entry *e = entry_at(src, i);

		if (e && e->doubt != 0 && agree(src->cards, i)) {
			e->doubt = 0;
		} else if (e && e->doubt != 0 && e->doubt <= now) {
			cards_watch_lost(src);
			return 0;
		}
	}
	doubt_arm(src);
	return 0;
}

/* This card is not in, says the guard: the watch must say so too. */
static void doubt(struct source *src, struct card *c)
{
	if (entry_of(c)->doubt == 0) {
		entry_of(c)->doubt = clock_monotonic() + LIMIT_WATCH_LAG;
		doubt_arm(src);
	}
}

bool cards_newer(uint32_t a, uint32_t b)
{
	return a != b && (uint16_t)(a - b) < 0x8000U;
}

/* The guard sees a card come in. When PC/SC has counted more for it than the watch knows, it is another
 * one, or the same that was out: the watch will say so later, or never. */
static void exchanged(struct cards *cs, size_t i, struct view body)
{
	struct card_reader *r = cs->readers[i];

	if (r->card && cards_newer(cs->words[i].events, r->card->events)) {
		cards_card_in(cs, r, body);
		if (r->card) {
			entry_of(r->card)->ahead = true;
		}
	}
}

/* The guard's first list is complete: what the watch has told and it has not seen has left. */
static void compare(struct source *src)
{
	for (size_t i = 0; i < src->cards->n_readers; i++) {
		struct entry *e = entry_at(src, i);

		if (e && !agree(src->cards, i)) {
			doubt(src, &e->card);
		}
	}
}

/* -- what it says ---------------------------------------------------------------------------------- */

/* Which reader of @src, or n_readers: none that is known. */
static size_t place_of(const struct source *src, struct view body)
{
	const struct cards *cs = src->cards;
	char name[sizeof(cs->readers[0]->name)] = "";
	size_t i = 0;

	if (tlv_find_str(body, LINK_TAG_READER, name, sizeof(name)) != 0) {
		return cs->n_readers;
	}
	while (i < cs->n_readers && (cs->readers[i]->served != src->driver ||
					    strcmp(cs->readers[i]->name, name) != 0)) {
		i++;
	}
	return i;
}

/* A card came in or left. */
static void take(struct source *src, bool in, struct view body)
{
	struct cards *cs = src->cards;
	size_t i = place_of(src, body);
	uint32_t events = 0;

	if (i == cs->n_readers || tlv_find_u32(body, LINK_TAG_EVENTS, &events) != 0) {
		return;
	}
	cs->words[i] = (struct guard_word){.in = in, .events = events};
	if (in) {
		exchanged(cs, i, body);
	} else if (cs->readers[i]->card) {
		doubt(src, cs->readers[i]->card);
	}
}

static bool runs(struct view body)
{
	uint8_t state = 0;

	return tlv_find_u8(body, LINK_TAG_STATE, &state) == 0 && state == WATCH_SERVICE_RUNNING;
}

static void on_event(void *user, struct link_frame *event)
{
	struct source *src = user;

	switch ((enum watch_op)event->op) {
	case WATCH_OP_ALIVE:
		if (!listen(src, silence_of(src))) {
			cards_watch_lost(src);
		}
		return;
	case WATCH_OP_CARD_IN:
	case WATCH_OP_CARD_OUT:
		take(src, event->op == WATCH_OP_CARD_IN, event->body);
		return;
	case WATCH_OP_LISTED:
		compare(src);
		return;
	case WATCH_OP_SERVICE:
		if (!runs(event->body)) {
			/* the watch may be better off: then it must tell of all that is there */
			cards_all_out(src, CARD_LEFT_SERVICE);
			cards_watch_lost(src);
		}
		return;
	case WATCH_OP_READER_IN:
	case WATCH_OP_READER_OUT:
	case WATCH_OP_LOOK:
		return; /* the watch tells of them */
	}
}

/* When the service goes both end, and it is the watch that tells of it. A guard that ended alone leaves
 * nothing unlocked for longer than that takes. */
static void on_ended(void *user, const char *why)
{
	struct source *src = user;

	(void)why;
	src->guard = child_free(src->guard);
	if (!listen(src, LIMIT_WATCH_LAG)) {
		cards_watch_lost(src);
	}
}

/* -- life ------------------------------------------------------------------------------------------ */

static int start(struct source *src)
{
	static const struct child_ops ops = {.event = on_event, .ended = on_ended};
	struct cards *cs = src->cards;

	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->served == src->driver) {
			cs->words[i] = (struct guard_word){.in = false};
		}
		if (entry_at(src, i)) {
			entry_at(src, i)->doubt = 0;
		}
	}
	return trace(cards_sources_spawn(src, true, &ops, &src->guard));
}

static int on_start(sd_event_source *source, uint64_t usec, void *user)
{
	struct source *src = user;

	(void)source;
	(void)usec;
	src->guard_start = sd_event_source_disable_unref(src->guard_start);
	if (start(src) < 0 || !listen(src, silence_of(src))) {
		cards_watch_lost(src); /* what nobody guards is not unlocked */
	}
	return 0;
}

/* Whether cards of the source may be in; where the service is not there is nothing to guard. */
static bool is_watched(const struct source *src)
{
	return src->watch && src->heard && src->service == READER_SERVICE_RUNNING;
}

void cards_guard_want(struct source *src)
{
	if (src->cards->guarded && is_watched(src) && !src->guard && !src->guard_start &&
		!src->silence &&
		sd_event_add_time_relative(src->cards->ev, &src->guard_start, CLOCK_MONOTONIC,
			GUARD_LATER, 0, on_start, src) < 0) {
		cards_watch_lost(src);
	}
}

void cards_guard(struct cards *cs, bool on)
{
	cs->guarded = on;
	for (size_t i = 0; i < ARRAY_LEN(cs->sources); i++) {
		if (on) {
			cards_guard_want(&cs->sources[i]);
		} else {
			cards_guard_stop(&cs->sources[i]);
		}
	}
}

void cards_guard_stop(struct source *src)
{
	src->guard_start = sd_event_source_disable_unref(src->guard_start);
	src->silence = sd_event_source_disable_unref(src->silence);
	src->doubt = sd_event_source_disable_unref(src->doubt);
	src->guard = child_free(src->guard);
}
