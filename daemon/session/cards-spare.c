/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Processes of vitaled-card that are started in advance: connected to pcscd or to vitaled-usb, confined,
 * and without a card. Starting one takes longer than recognising a card. There are LIMIT_SPARE_CARDS
 * of each while a reader of it is there and it runs; one that was taken or died is replaced when the loop
 * has nothing else to do, after pauses that grow as long as they die. A spare one may turn out dead
 * or its connection stale when it is used: cards_answered() sees to that.
 */
#include "base/clock.h"
#include "daemon/session/cards-inside.h"

#define BACKOFF_FIRST (100ULL * USEC_PER_MS)

static void refill_later(struct cards *cs);

static void died(struct cards *cs)
{
	cs->spare_backoff = cs->spare_backoff == 0 ? BACKOFF_FIRST : 2 * cs->spare_backoff;
	if (cs->spare_backoff > LIMIT_WATCH_BACKOFF) {
		cs->spare_backoff = LIMIT_WATCH_BACKOFF;
	}
	refill_later(cs);
}

static void on_ended(void *user, const char *why)
{
	struct spare *s = user;

	(void)why;
	s->child = child_free(s->child);
	died(s->cards);
}

static bool wanted(const struct cards *cs, enum reader_driver driver)
{
	if (cs->sources[driver].service != READER_SERVICE_RUNNING) {
		return false;
	}
	for (size_t i = 0; i < cs->n_readers; i++) {
		if (cs->readers[i]->present && cs->readers[i]->served == driver) {
			return true;
		}
	}
	return false;
}

/* The service that the @i-th is for. */
static enum reader_driver driver_of(size_t i)
{
	return i < LIMIT_SPARE_CARDS ? READER_DRIVER_PCSC : READER_DRIVER_USB;
}

static struct spare *missing(struct cards *cs)
{
	for (size_t i = 0; i < ARRAY_LEN(cs->spares); i++) {
		if (!cs->spares[i].child && wanted(cs, driver_of(i))) {
			cs->spares[i].driver = driver_of(i);
			return &cs->spares[i];
		}
	}
	return NULL;
}

/* A vitaled-card for readers of @driver. Return: 0 or a fault. */
static int start(struct cards *cs, enum reader_driver driver, const struct child_ops *ops,
	void *user, struct child **ret_c)
{
	char usb[] = CARD_USB "=1";
	char *env[CARDS_ENV + 2] = {NULL};
	size_t n = 0;

	while (cs->env[n]) {
		env[n] = cs->env[n];
		n++;
	}
	if (driver == READER_DRIVER_USB) {
		env[n] = usb;
	}
	return trace(child_start(cs->ev, cs->card_path, env, ops, user, ret_c));
}

/* One at a time, so that nobody waits for more than one start. */
static int on_refill(sd_event_source *source, uint64_t usec, void *user)
{
	static const struct child_ops ops = {.ended = on_ended};
	struct cards *cs = user;
	struct spare *s = missing(cs);

	(void)source;
	(void)usec;
	cs->refill = sd_event_source_disable_unref(cs->refill);
	if (!s) {
		return 0;
	}
	s->cards = cs;
	if (start(cs, s->driver, &ops, s, &s->child) < 0) {
		died(cs);
		return 0;
	}
	refill_later(cs);
	return 0;
}

static void refill_later(struct cards *cs)
{
	if (cs->refill || !missing(cs)) {
		return;
	}
	/* without a timer there is no spare process until the next occasion */
	if (sd_event_add_time_relative(cs->ev, &cs->refill, CLOCK_MONOTONIC, cs->spare_backoff,
		    0, on_refill, cs) >= 0) {
		(void)sd_event_source_set_priority(cs->refill, SD_EVENT_PRIORITY_IDLE);
	}
}

void spare_drop(struct cards *cs, enum reader_driver driver)
{
	for (size_t i = 0; i < ARRAY_LEN(cs->spares); i++) {
		if (driver_of(i) == driver) {
			cs->spares[i].child = child_free(cs->spares[i].child);
		}
	}
}

void spare_update(struct cards *cs)
{
	bool any = false;

	for (size_t i = 0; i < READER_DRIVER_COUNT; i++) {
		if (wanted(cs, (enum reader_driver)i)) {
			any = true;
		} else {
			spare_drop(cs, (enum reader_driver)i);
		}
	}
	if (any) {
		refill_later(cs);
		return;
	}
	cs->refill = sd_event_source_disable_unref(cs->refill);
	cs->spare_backoff = 0;
}

int spare_take(struct entry *e, const struct child_ops *ops, struct child **ret_c)
{
	enum reader_driver driver = e->card.reader->served;
	struct cards *cs = e->cards;

	for (size_t i = 0; i < ARRAY_LEN(cs->spares); i++) {
		struct child *c = cs->spares[i].child;

		if (c && driver_of(i) == driver && child_alive(c)) {
			cs->spares[i].child = NULL;
			cs->spare_backoff = 0; /* they live */
			child_adopt(c, ops, e);
			e->spare = true;
			*ret_c = c;
			refill_later(cs);
			return 0;
		}
	}
	e->spare = false;
	return trace(start(cs, driver, ops, e, ret_c));
}
