/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Who serves readers, and who watches that; part of cards-inside.h. */
#include "daemon/session/cards.h"

/* pcscd or vitaled-usb: who serves readers, and who watches it. What one loses is not the other's. */
struct source {
	struct cards *cards;
	enum reader_driver driver;
	bool on; /* by the configuration; vitaled-usb's starts when the state of pcscd is known */
	struct child *watch;
	sd_event_source *restart;
	uint64_t backoff;
	struct child *guard; /* while something is unlocked */
	sd_event_source *guard_start;
	sd_event_source *silence; /* until the guard must have said that it lives */
	sd_event_source *doubt;	  /* until the first doubt of a card is over */
	enum reader_service service;
	sd_event_source *mute; /* until the watch must have told of the service */
	bool heard;	       /* it has, now or before, or is taken for stopped */
	bool listed;
	uint64_t started; /* the watch, CLOCK_MONOTONIC */
	uint64_t full;	  /* when the events that it may tell at once are back, likewise */
	char *rules; /* vitaled-usb's, as its watch has them; NULL: no watch has been started */
};

/* cards-source.c */
/** cards_sources_init() - pcscd's, and vitaled-usb's where the configuration allows it a reader. */
int cards_sources_init(struct cards *cs) _must_check_;
void cards_sources_done(struct cards *cs);
/** cards_sources_configured() - vitaled-usb's starts, ends, or starts anew with other rules. */
void cards_sources_configured(struct cards *cs);
/** cards_sources_look() - pcscd's state is known or has changed: vitaled-usb's watch is told, or started. */
void cards_sources_look(struct cards *cs);
/** cards_sources_spawn() - a vitaled-watch of @src. Return: 0 or a fault. */
int cards_sources_spawn(struct source *src, bool guard, const struct child_ops *ops,
	struct child **ret_c) _must_check_;

/* cards-watch.c */
int cards_watch_start(struct source *src) _must_check_;
/** cards_watch_try() - start it, else later. */
void cards_watch_try(struct source *src);
void cards_watch_stop(struct source *src);
/** cards_watch_service() - the service is as @now. */
void cards_watch_service(struct source *src, enum reader_service now);
/** cards_watch_lost() - it cannot be relied on: all its cards are out, a new one starts. */
void cards_watch_lost(struct source *src);

/* cards-guard.c */
void cards_guard_stop(struct source *src);
/** cards_guard_want() - a source whose service runs is guarded while something is unlocked. */
void cards_guard_want(struct source *src);
