/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The guard: a second vitaled-watch, only while a dossier is unlocked. A watch that hangs, or a pcscd that
 * does, would not tell that a card has left. The guard says every 2 s that it lives and that pcscd
 * answers; when it falls silent, or has seen a card leave that the watch does not tell of within
 * LIMIT_WATCH_LAG, both are replaced and all cards are out. So nothing of ours wakes up at set times
 * while nothing is unlocked, whatever cards are in.
 *
 * An exchange that the guard sees first counts at once. PC/SC itself can hide a quick one from the watch:
 * libpcsclite does not compare a counter of 0, that of a card that was in when pcscd started, and what
 * has left and come back before it looked is to it the same card (winscard_clnt.c, 1.9.9 to 2.3).
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

#define GUARD_LATER (20ULL * USEC_PER_MS) /* what has just been unlocked is told first */

/* -- silence --------------------------------------------------------------------------------------- */

static int on_silence(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	cards_watch_lost(user);
	return 0;
}

/* Whether the time of the next sign of life runs, microseconds. */
static bool listen(struct cards *cs, uint64_t usec)
{
	cs->silence = sd_event_source_disable_unref(cs->silence);
	return sd_event_add_time_relative(
		       cs->ev, &cs->silence, CLOCK_MONOTONIC, usec, 0, on_silence, cs) >= 0;
}

/* -- doubt ----------------------------------------------------------------------------------------- */

static int on_doubt(sd_event_source *source, uint64_t usec, void *user);

/* Whether both told last of the same card in reader @i. */
static bool agree(const struct cards *cs, size_t i)
{
	return cs->words[i].in && cs->words[i].events == cs->readers[i]->card->events;
}

static struct entry *entry_at(const struct cards *cs, size_t i)
{
	struct card *c = cs->readers[i]->card;

	return c ? entry_of(c) : NULL;
}

/* The timer runs until the first doubt is over, if there is any. */
static void doubt_arm(struct cards *cs)
{
	uint64_t first = 0;

	for (size_t i = 0; i < cs->n_readers; i++) {
		const struct entry *e = entry_at(cs, i);

		if (e && e->doubt != 0 && (first == 0 || e->doubt < first)) {
			first = e->doubt;
		}
	}
	cs->doubt = sd_event_source_disable_unref(cs->doubt);
	if (first != 0 && sd_event_add_time(cs->ev, &cs->doubt, CLOCK_MONOTONIC, first, 0,
				  on_doubt, cs) < 0) {
		cards_watch_lost(cs);
	}
}

static int on_doubt(sd_event_source *source, uint64_t usec, void *user)
{
	struct cards *cs = user;
	uint64_t now = clock_monotonic();

	(void)source;
	(void)usec;
	for (size_t i = 0; i < cs->n_readers; i++) {
		struct entry *e = entry_at(cs, i);

		if (e && e->doubt != 0 && agree(cs, i)) {
			e->doubt = 0;
		} else if (e && e->doubt != 0 && e->doubt <= now) {
			cards_watch_lost(cs);
			return 0;
		}
	}
	doubt_arm(cs);
	return 0;
}

/* This card is not in, says the guard: the watch must say so too. */
static void doubt(struct cards *cs, struct card *c)
{
	if (entry_of(c)->doubt == 0) {
		entry_of(c)->doubt = clock_monotonic() + LIMIT_WATCH_LAG;
		doubt_arm(cs);
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
static void compare(struct cards *cs)
{
	for (size_t i = 0; i < cs->n_readers; i++) {
		struct card *c = cs->readers[i]->card;

		if (c && !agree(cs, i)) {
			doubt(cs, c);
		}
	}
}

/* -- what it says ---------------------------------------------------------------------------------- */

/* Which reader, or n_readers: none that is known. */
static size_t place_of(const struct cards *cs, struct view body)
{
	char name[sizeof(cs->readers[0]->name)] = "";
	size_t i = 0;

	if (tlv_find_str(body, LINK_TAG_READER, name, sizeof(name)) != 0) {
		return cs->n_readers;
	}
	while (i < cs->n_readers && strcmp(cs->readers[i]->name, name) != 0) {
		i++;
	}
	return i;
}

/* A card came in or left. */
static void take(struct cards *cs, bool in, struct view body)
{
	size_t i = place_of(cs, body);
	uint32_t events = 0;

	if (i == cs->n_readers || tlv_find_u32(body, LINK_TAG_EVENTS, &events) != 0) {
		return;
	}
	cs->words[i] = (struct guard_word){.in = in, .events = events};
	if (in) {
		exchanged(cs, i, body);
	} else if (cs->readers[i]->card) {
		doubt(cs, cs->readers[i]->card);
	}
}

static bool runs(struct view body)
{
	uint8_t state = 0;

	return tlv_find_u8(body, LINK_TAG_STATE, &state) == 0 && state == WATCH_SERVICE_RUNNING;
}

static void on_event(void *user, struct link_frame *event)
{
	struct cards *cs = user;

	switch ((enum watch_op)event->op) {
	case WATCH_OP_ALIVE:
		if (!listen(cs, LIMIT_WATCH_SILENCE)) {
			cards_watch_lost(cs);
		}
		return;
	case WATCH_OP_CARD_IN:
	case WATCH_OP_CARD_OUT:
		take(cs, event->op == WATCH_OP_CARD_IN, event->body);
		return;
	case WATCH_OP_LISTED:
		compare(cs);
		return;
	case WATCH_OP_SERVICE:
		if (!runs(event->body)) {
			/* the watch may be better off: then it must tell of all that is there */
			cards_all_out(cs, CARD_LEFT_SERVICE);
			cards_watch_lost(cs);
		}
		return;
	case WATCH_OP_READER_IN:
	case WATCH_OP_READER_OUT:
		return; /* the watch tells of them */
	}
}

/* When pcscd goes both end, and it is the watch that tells of it. A guard that ended alone leaves nothing
 * unlocked for longer than that takes. */
static void on_ended(void *user, const char *why)
{
	struct cards *cs = user;

	(void)why;
	cs->guard = child_free(cs->guard);
	if (!listen(cs, LIMIT_WATCH_LAG)) {
		cards_watch_lost(cs);
	}
}

/* -- life ------------------------------------------------------------------------------------------ */

static int start(struct cards *cs)
{
	static const struct child_ops ops = {.event = on_event, .ended = on_ended};
	char says[] = WATCH_GUARD "=1";
	char *env[ARRAY_LEN(cs->env) + 1] = {NULL};
	size_t n = 0;

	while (cs->env[n]) {
		env[n] = cs->env[n];
		n++;
	}
	env[n] = says;
	for (size_t i = 0; i < cs->n_readers; i++) {
		cs->words[i] = (struct guard_word){.in = false};
		if (cs->readers[i]->card) {
			entry_of(cs->readers[i]->card)->doubt = 0;
		}
	}
	return trace(child_start(cs->ev, cs->watch_path, env, &ops, cs, &cs->guard));
}

static int on_start(sd_event_source *source, uint64_t usec, void *user)
{
	struct cards *cs = user;

	(void)source;
	(void)usec;
	cs->guard_start = sd_event_source_disable_unref(cs->guard_start);
	if (start(cs) < 0 || !listen(cs, LIMIT_WATCH_SILENCE)) {
		cards_watch_lost(cs); /* what nobody guards is not unlocked */
	}
	return 0;
}

void cards_guard(struct cards *cs, bool on)
{
	if (!on) {
		cards_guard_stop(cs);
		return;
	}
	if (!cs->guard && !cs->guard_start && !cs->silence &&
		sd_event_add_time_relative(cs->ev, &cs->guard_start, CLOCK_MONOTONIC,
			GUARD_LATER, 0, on_start, cs) < 0) {
		cards_watch_lost(cs);
	}
}

void cards_guard_stop(struct cards *cs)
{
	cs->guard_start = sd_event_source_disable_unref(cs->guard_start);
	cs->silence = sd_event_source_disable_unref(cs->silence);
	cs->doubt = sd_event_source_disable_unref(cs->doubt);
	cs->guard = child_free(cs->guard);
}
