/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The guard: a second vitaled-watch, only while a dossier is unlocked. A watch that hangs, or a pcscd that
 * does, would not tell that a card has left. The guard says every 2 s that it lives and that pcscd
 * answers; when it falls silent, or has seen a card leave that the watch does not tell of within
 * LIMIT_WATCH_LAG, both are replaced and all cards are out. So nothing of ours wakes up at set times
 * while nothing is unlocked, whatever cards are in.
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
		const struct entry *e = entry_at(cs, i);

		if (e && e->doubt != 0 && e->doubt <= now) {
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

/* The guard sees a card come in. When PC/SC has counted no more for it than the watch knows, it is this
 * one: the watch was the quicker of the two, and there is nothing to doubt. */
static void seen(struct cards *cs, struct card *c, struct view body)
{
	uint32_t events = 0;

	if (tlv_find_u32(body, LINK_TAG_EVENTS, &events) == 0 && events == c->events) {
		entry_of(c)->guarded = true;
		entry_of(c)->doubt = 0;
		doubt_arm(cs);
	}
}

/* The guard's first list is complete: what the watch has told and it has not seen has left. */
static void compare(struct cards *cs)
{
	for (size_t i = 0; i < cs->n_readers; i++) {
		struct card *c = cs->readers[i]->card;

		if (c && !entry_of(c)->guarded) {
			doubt(cs, c);
		}
	}
}

/* -- what it says ---------------------------------------------------------------------------------- */

static struct card *card_of(struct cards *cs, struct view body)
{
	struct card_reader *r = NULL;
	char name[sizeof(r->name)] = "";

	if (tlv_find_str(body, LINK_TAG_READER, name, sizeof(name)) != 0) {
		return NULL;
	}
	r = cards_reader_by_name(cs, name);
	return r ? r->card : NULL;
}

static bool runs(struct view body)
{
	uint8_t state = 0;

	return tlv_find_u8(body, LINK_TAG_STATE, &state) == 0 && state == WATCH_SERVICE_RUNNING;
}

static void on_event(void *user, struct link_frame *event)
{
	struct cards *cs = user;
	struct card *c = card_of(cs, event->body);

	switch ((enum watch_op)event->op) {
	case WATCH_OP_ALIVE:
		if (!listen(cs, LIMIT_WATCH_SILENCE)) {
			cards_watch_lost(cs);
		}
		return;
	case WATCH_OP_CARD_IN:
		if (c) {
			seen(cs, c, event->body);
		}
		return;
	case WATCH_OP_CARD_OUT:
		if (c) {
			doubt(cs, c);
		}
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
		if (cs->readers[i]->card) {
			entry_of(cs->readers[i]->card)->guarded = false;
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
