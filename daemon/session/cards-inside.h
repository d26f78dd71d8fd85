/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of the cards share; nobody else includes it. cards.c owns readers and cards and
 * tells the listeners; cards-source.c knows who serves readers; cards-watch.c hears the watches;
 * cards-guard.c doubts them; recognise.c finds out what a card is;
 * cards-claims.c serves who uses one; cards-spare.c keeps processes ready.
 */
#include "daemon/limits.h"
#include "daemon/session/cards-source.h"
#include "daemon/session/cards.h"

#define CARDS_LISTENERS 8U
#define CARDS_KNOWN	64U /* readers remembered for their ids; pcscd serves 16 at a time */
#define CARDS_OF_SOURCE (CARDS_KNOWN / READER_DRIVER_COUNT) /* ... of one source */
#define CARDS_ENV	3U				    /* what every child is told */

struct entry {		  /* a card with what nobody else sees of it */
	struct card card; /* first */
	struct cards *cards;
	struct child *recogniser;
	sd_event_source *retry;
	unsigned int tries;
	unsigned int mutes;
	bool leaving; /* card_removed is running */
	bool ahead; /* the guard told of it first: the watch's own word of it is still to come */
	uint64_t doubt; /* the watch must have told by then that it left, CLOCK_MONOTONIC; 0 */
	bool hint;	/* was recognised since it came in or was given back */
	bool last_breath; /* it answered that the reader is busy: perhaps the last that it can say */
	bool spare;	  /* its process was started in advance and has not answered yet */
	bool busy;	  /* a request of its process is on the wire */
	uint64_t sign; /* of life since then, CLOCK_MONOTONIC */
	unsigned int events;
};

struct spare { /* a process that waits for a card of a reader of @driver */
	struct cards *cards;
	enum reader_driver driver;
	struct child *child; /* NULL: none */
};

struct guard_word {
	bool in;
	uint32_t events; /* PC/SC's counter then */
};

struct listener {
	struct cards_ops ops;
	void *user;
};

struct cards {
	sd_event *ev;
	const struct config *config;
	char *env[CARDS_ENV + 1]; /* of every child */
	char *watch_path;
	char *card_path;
	struct listener listeners[CARDS_LISTENERS];
	size_t n_listeners;
	struct card_reader *readers[CARDS_KNOWN];
	size_t n_readers;
	struct source sources[READER_DRIVER_COUNT];
	bool guarded; /* something is unlocked */
	bool asleep;  /* from cards_sleep() to cards_wake() no watch starts */
	struct guard_word words[CARDS_KNOWN]; /* what it said last of the card in this reader */
	uint32_t next_reader;
	uint32_t next_card;
	struct spare spares[READER_DRIVER_COUNT * LIMIT_SPARE_CARDS]; /* pcscd's first */
	sd_event_source *refill;
	uint64_t spare_backoff;
};

/* TELL() - one member of every listener, in order, with one argument or more */
#define TELL(cs, member, ...)                                                                  \
	do {                                                                                   \
		for (size_t tell_i = 0; tell_i < (cs)->n_listeners; tell_i++) {                \
			struct listener *tell_l = &(cs)->listeners[tell_i];                    \
			if (tell_l->ops.member) {                                              \
				tell_l->ops.member(tell_l->user, __VA_ARGS__);                 \
			}                                                                      \
		}                                                                              \
	} while (0)

struct entry *entry_of(struct card *c);

/* cards.c: what the watch of a source tells */
struct card_reader *cards_reader_by_name(struct source *src, const char *name);
void cards_reader_in(struct source *src, const char *name, struct view body);
void cards_reader_out(struct cards *cs, struct card_reader *r, enum card_left left);
void cards_card_in(struct cards *cs, struct card_reader *r, struct view body);
void cards_card_out(struct cards *cs, struct card_reader *r, enum card_left left);
void cards_all_out(struct source *src, enum card_left left);
void cards_tell_service(struct cards *cs);

/** cards_place() - role and sharing of a reader by the configuration. Return: whether they changed. */
bool cards_place(struct cards *cs, struct card_reader *r);

/* cards-guard.c */
/** cards_newer() - whether PC/SC's counter (16 bits, it wraps) was @a after it was @b. */
bool cards_newer(uint32_t a, uint32_t b);

/* cards-claims.c: of every process that serves a card, recogniser or claimed */
/** cards_answered() - child_ops.answer(): takes note, and asks OPEN anew of a fresh process in @slot
 *  when a spare one was dead or its connection to pcscd was. */
bool cards_answered(struct entry *e, struct child **slot, const struct child_ops *ops,
	uint8_t op, struct link_frame *answer, const char *why);
/** cards_event() - child_ops.event(): a sign of life; anything else ends the process. */
void cards_event(struct entry *e, struct child *child, const struct link_frame *event);
/** cards_wire() - child_ops.wire(), and when the process is let go (false). */
void cards_wire(struct entry *e, bool taken);

/** cards_give_way() - the other slots of @r's device leave the line to a person at the keypad, who waits
 *  for what they have begun. */
void cards_give_way(struct cards *cs, const struct card_reader *r);

/** recognise_start() - find out what kind of card this is; tells by card_changed. */
void recognise_start(struct entry *e);
void recognise_stop(struct entry *e);

/** spare_take() - a process of vitaled-card with the owner @e: a spare one, else a new one.
 *  Sets @e->spare. Return: 0 or a fault. */
int spare_take(struct entry *e, const struct child_ops *ops, struct child **ret_c) _must_check_;
/** spare_update() - start or end spare processes after the service or the readers changed. */
void spare_update(struct cards *cs);
/** spare_drop() - those that there are for @driver's readers are of no use. */
void spare_drop(struct cards *cs, enum reader_driver driver);
