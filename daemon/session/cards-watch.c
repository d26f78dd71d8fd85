/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The watch and its events. When it or the service goes, all cards are taken for gone: a removal
 * that nobody would see must not leave anything unlocked. The watch is started again at once, then
 * with growing pauses. Events of readers and cards that are not known are left alone.
 */
#include "base/clock.h"
#include "daemon/session/cards-inside.h"
#include "daemon/session/read.h"

#define BACKOFF_FIRST (100ULL * USEC_PER_MS)

static void tell_service(struct cards *cs)
{
	for (size_t i = 0; i < cs->n_listeners; i++) {
		if (cs->listeners[i].ops.service_changed) {
			cs->listeners[i].ops.service_changed(cs->listeners[i].user);
		}
	}
}

static void on_service(struct cards *cs, struct view body)
{
	enum reader_service now = READER_SERVICE_ABSENT;
	uint8_t state = read_u8_or(body, LINK_TAG_STATE, 0);

	if (state == WATCH_SERVICE_RUNNING) {
		now = READER_SERVICE_RUNNING;
		cs->backoff = 0;
	} else if (state == WATCH_SERVICE_STOPPED) {
		now = READER_SERVICE_STOPPED;
	}
	if (now != READER_SERVICE_RUNNING) {
		cards_all_out(cs, CARD_LEFT_SERVICE);
	}
	if (!cs->heard || cs->service != now) {
		cs->heard = true;
		cs->service = now;
		tell_service(cs);
		spare_update(cs);
	}
}

static void on_listed(struct cards *cs)
{
	cs->listed = true;
	tell_service(cs);
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
	} else {
		cards_card_out(cs, r, CARD_LEFT_REMOVED);
	}
}

static void on_event(void *user, struct link_frame *event)
{
	struct cards *cs = user;
	struct card_reader *r = NULL;
	char name[sizeof(r->name)] = "";

	if (tlv_find_str(event->body, LINK_TAG_READER, name, sizeof(name)) == 0) {
		r = cards_reader_by_name(cs, name);
		r = r && r->present ? r : NULL;
	}
	switch ((enum watch_op)event->op) {
	case WATCH_OP_SERVICE:
		on_service(cs, event->body);
		return;
	case WATCH_OP_LISTED:
		on_listed(cs);
		return;
	case WATCH_OP_ALIVE: /* the guard's */
		return;
	case WATCH_OP_READER_IN:
		if (name[0] != '\0') {
			cards_reader_in(cs, name, event->body);
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

static int on_restart(sd_event_source *source, uint64_t usec, void *user);

/* At once the first time, then after pauses that double. */
static void watch_again(struct cards *cs)
{
	uint64_t wait = cs->backoff;

	cs->backoff = wait == 0 ? BACKOFF_FIRST : 2 * wait;
	if (cs->backoff > LIMIT_WATCH_BACKOFF) {
		cs->backoff = LIMIT_WATCH_BACKOFF;
	}
	cs->restart = sd_event_source_disable_unref(cs->restart);
	(void)sd_event_add_time_relative(
		cs->ev, &cs->restart, CLOCK_MONOTONIC, wait, 0, on_restart, cs);
}

static int on_restart(sd_event_source *source, uint64_t usec, void *user)
{
	struct cards *cs = user;

	(void)source;
	(void)usec;
	if (cards_watch_start(cs) < 0) {
		watch_again(cs);
	}
	return 0;
}

void cards_watch_lost(struct cards *cs)
{
	cards_guard_stop(cs);
	cs->watch = child_free(cs->watch);
	cards_all_out(cs, CARD_LEFT_WATCH);
	watch_again(cs);
}

static void on_watch_ended(void *user, const char *why)
{
	(void)why;
	cards_watch_lost(user);
}

int cards_watch_start(struct cards *cs)
{
	static const struct child_ops ops = {.event = on_event, .ended = on_watch_ended};

	return trace(child_start(cs->ev, cs->watch_path, cs->env, &ops, cs, &cs->watch));
}

void cards_watch_stop(struct cards *cs)
{
	cs->watch = child_free(cs->watch);
	cs->restart = sd_event_source_disable_unref(cs->restart);
	cards_guard_stop(cs);
}

void cards_sleep(struct cards *cs)
{
	cards_watch_stop(cs);
	cards_all_out(cs, CARD_LEFT_WATCH);
}

void cards_wake(struct cards *cs)
{
	if (cs->watch || cs->restart) {
		return;
	}
	cs->backoff = 0;
	if (cards_watch_start(cs) < 0) {
		watch_again(cs);
	}
}
