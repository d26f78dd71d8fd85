/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The watch of a source and its events. When it or the service goes, all its cards are taken for gone:
 * a removal that nobody would see must not leave anything unlocked. The watch is started again at
 * once, then with growing pauses until one has lived for a while. Events of readers and cards
 * that are not known are left alone; a watch that tells more of them than people can cause is ended.
 */
#include "base/clock.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

#define BACKOFF_FIRST (100ULL * USEC_PER_MS)

void cards_watch_service(struct source *src, enum reader_service now)
{
	src->mute = sd_event_source_disable_unref(src->mute);
	if (now != READER_SERVICE_RUNNING) {
		cards_all_out(src, CARD_LEFT_SERVICE);
	}
	if (!src->heard || src->service != now) {
		src->heard = true;
		src->service = now;
		cards_tell_service(src->cards);
		spare_update(src->cards);
		if (src->driver == READER_DRIVER_PCSC) {
			cards_sources_look(src->cards);
		}
	}
}

static void on_service(struct source *src, struct view body)
{
	enum reader_service now = READER_SERVICE_ABSENT;
	uint8_t state = read_u8_or(body, LINK_TAG_STATE, 0);

	if (state == WATCH_SERVICE_RUNNING) {
		now = READER_SERVICE_RUNNING;
	} else if (state == WATCH_SERVICE_STOPPED) {
		now = READER_SERVICE_STOPPED;
	}
	cards_watch_service(src, now);
}

/* pcscd takes the connection of its watch and hangs: readers of vitaled-usb do not wait for it. */
static int on_mute(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	cards_watch_service(user, READER_SERVICE_STOPPED);
	return 0;
}

static void on_listed(struct source *src)
{
	src->listed = true;
	cards_tell_service(src->cards);
	cards_guard_want(src);
}

/* What the guard has told already of the card that is in, and all before it. */
static bool is_known(struct card_reader *r, struct view body)
{
	uint32_t events = 0;

	return r->card && entry_of(r->card)->ahead &&
	       tlv_find_u32(body, LINK_TAG_EVENTS, &events) == 0 &&
	       !cards_newer(events, r->card->events);
}

static void on_card(struct cards *cs, struct card_reader *r, bool in, struct view body)
{
	if (is_known(r, body)) {
		return;
	}
	if (in) {
		cards_card_in(cs, r, body);
		cards_guard_want(
			&cs->sources[r->served]); /* whether the list is complete or not */
	} else {
		cards_card_out(cs, r, CARD_LEFT_REMOVED);
	}
}

/* Whether the watch may tell something now: LIMIT_WATCH_BURST at once, one every LIMIT_WATCH_EACH. */
static bool may_tell(struct source *src)
{
	uint64_t now = clock_monotonic();
	uint64_t full = src->full > now ? src->full : now;

	if (full + LIMIT_WATCH_EACH > now + LIMIT_WATCH_BURST * LIMIT_WATCH_EACH) {
		return false;
	}
	src->full = full + LIMIT_WATCH_EACH;
	return true;
}

static void take(struct source *src, const struct link_frame *event)
{
	struct cards *cs = src->cards;
	struct card_reader *r = NULL;
	char name[sizeof(r->name)] = "";

	if (tlv_find_str(event->body, LINK_TAG_READER, name, sizeof(name)) == 0) {
		r = cards_reader_by_name(src, name);
		r = r && r->present ? r : NULL;
	}
	switch ((enum watch_op)event->op) {
	case WATCH_OP_SERVICE:
		on_service(src, event->body);
		return;
	case WATCH_OP_LISTED:
		on_listed(src);
		return;
	case WATCH_OP_ALIVE: /* the guard's */
	case WATCH_OP_LOOK:  /* ours */
		return;
	case WATCH_OP_READER_IN:
		if (name[0] != '\0') {
			cards_reader_in(src, name, event->body);
		}
		return;
	case WATCH_OP_READER_OUT:
		if (r) {
			cards_reader_out(cs, r, CARD_LEFT_READER);
		}
		return;
	case WATCH_OP_CARD_IN:
	case WATCH_OP_CARD_OUT:
		if (r) {
			on_card(cs, r, event->op == WATCH_OP_CARD_IN, event->body);
		}
		return;
	}
}

static void on_event(void *user, struct link_frame *event)
{
	struct source *src = user;

	if (may_tell(src)) {
		take(src, event);
	} else {
		cards_watch_lost(src);
	}
}

static int on_restart(sd_event_source *source, uint64_t usec, void *user);

/* At once the first time, then after pauses that double. */
static void watch_again(struct source *src)
{
	uint64_t wait = src->backoff;

	if (src->started != 0 && clock_monotonic() - src->started >= LIMIT_WATCH_LIVED) {
		wait = 0;
	}
	src->started = 0;
	src->backoff = wait == 0 ? BACKOFF_FIRST : 2 * wait;
	if (src->backoff > LIMIT_WATCH_BACKOFF) {
		src->backoff = LIMIT_WATCH_BACKOFF;
	}
	src->restart = sd_event_source_disable_unref(src->restart);
	(void)sd_event_add_time_relative(
		src->cards->ev, &src->restart, CLOCK_MONOTONIC, wait, 0, on_restart, src);
}

static int on_restart(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	cards_watch_try(user);
	return 0;
}

void cards_watch_lost(struct source *src)
{
	cards_guard_stop(src);
	src->watch = child_free(src->watch);
	src->mute = sd_event_source_disable_unref(src->mute);
	cards_all_out(src, CARD_LEFT_WATCH);
	watch_again(src);
}

static void on_watch_ended(void *user, const char *why)
{
	(void)why;
	cards_watch_lost(user);
}

int cards_watch_start(struct source *src)
{
	static const struct child_ops ops = {.event = on_event, .ended = on_watch_ended};
	int r = 0;

	if (src->driver == READER_DRIVER_PCSC && !src->mute) {
		r = sd_event_add_time_relative(src->cards->ev, &src->mute, CLOCK_MONOTONIC,
			LIMIT_WATCH_FIRST, 0, on_mute, src);
	}
	if (r < 0) {
		return fault(r);
	}
	r = cards_sources_spawn(src, false, &ops, &src->watch);
	src->started = r == 0 ? clock_monotonic() : 0;
	src->full = 0;
	return trace(r);
}

void cards_watch_try(struct source *src)
{
	if (cards_watch_start(src) < 0) {
		watch_again(src);
	}
}

void cards_watch_stop(struct source *src)
{
	src->watch = child_free(src->watch);
	src->restart = sd_event_source_disable_unref(src->restart);
	src->mute = sd_event_source_disable_unref(src->mute);
	cards_guard_stop(src);
}
