/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Readers and cards as vitaled-watch reports them, and the processes of cards in use. A card that
 * comes in is recognised (ATR, SELECT) by a short-lived vitaled-card and then left alone; a session
 * claims it, and from then on one vitaled-card holds it exclusively until it is released.
 */
#include "daemon/config.h"
#include "daemon/session/child.h"

enum reader_service {
	READER_SERVICE_ABSENT = 0,
	READER_SERVICE_STOPPED,
	READER_SERVICE_RUNNING,
};

enum card_kind {
	CARD_KIND_UNKNOWN = 0,
	CARD_KIND_UNSUPPORTED,
	CARD_KIND_MUTE,
	CARD_KIND_VITALE,
	CARD_KIND_CPS, /* the whole family until a certificate has been read */
	CARD_KIND_CPF,
	CARD_KIND_CPE,
	CARD_KIND_CPA,
};

const char *card_kind_word(enum card_kind k);

/* why a card left, for the reason of the session that used it */
enum card_left {
	CARD_LEFT_REMOVED = 0,
	CARD_LEFT_REPLACED, /* another one came in before its removal was seen */
	CARD_LEFT_READER,   /* its reader was unplugged */
	CARD_LEFT_SERVICE,  /* pcscd went away */
	CARD_LEFT_WATCH,    /* vitaled-watch ended: nobody would see it being removed */
};

struct card;

struct card_reader {
	uint32_t id; /* "/org/vitaled1/reader/<id>"; stable while the broker runs, by name */
	char name[128];
	const char
		*driver; /* "pcsc" or "simulated" (the simulated reader says so in its name) */
	uint32_t slot;
	struct card *card; /* or NULL */
	bool present;	   /* false: gone from the system, kept for its id */
};

struct card {
	uint32_t id; /* "/org/vitaled1/card/<id>" */
	struct card_reader *reader;
	enum card_kind kind;
	char generation[16]; /* vitale-2, cps3, cps4 or empty */
	enum nature nature;
	char advice[32];
	uint8_t atr[33];
	size_t atr_len;
	bool recognised;     /* recognition has answered and its process is gone */
	enum card_left left; /* set when card_removed runs */
	bool recorded;	     /* its coming in is in the record (session's) */
	struct child *child; /* while in use */
	void *user;	     /* the professional's life or the session that uses it */
	uid_t in_use_uid;    /* (uid_t)-1: nobody */
	uint64_t pin_until;  /* to be shown, CLOCK_MONOTONIC; 0: no verified PIN kept */
};

struct cards;

/* any member may be NULL */
struct cards_ops {
	void (*service_changed)(void *user);
	void (*reader_added)(void *user, struct card_reader *r);
	void (*reader_changed)(void *user, struct card_reader *r);
	void (*reader_removed)(void *user, struct card_reader *r);
	void (*card_added)(void *user, struct card *c);
	void (*card_changed)(void *user, struct card *c); /* kind, nature, use */
	void (*card_removed)(void *user, struct card *c); /* still valid during the call */
	/* the process of a card in use ended by itself; who used it releases it, else cards.c does */
	void (*card_failed)(void *user, struct card *c, const char *why);
};

/** cards_new() - starts vitaled-watch. Several listeners may be added; they are called in order. */
int cards_new(sd_event *ev, const struct config *config, struct cards **ret) _must_check_;
struct cards *cards_free(struct cards *cs); /* kills every card process and the watch */
int cards_listen(struct cards *cs, const struct cards_ops *ops, void *user) _must_check_;
/** cards_unlisten() - the listener with @user goes away; not from within a listener's call. */
void cards_unlisten(struct cards *cs, const void *user);
enum reader_service cards_service(const struct cards *cs);
bool cards_listed(const struct cards *cs); /* the first complete list has come */
struct card_reader *cards_reader(
	struct cards *cs, size_t i); /* NULL past the end; skip !present */
struct card_reader *cards_reader_by_id(struct cards *cs, uint32_t id);
struct card *cards_card_by_id(struct cards *cs, uint32_t id);

/** cards_claim() - start the card's process (nothing is sent to it yet). Return: 0 or a fault. */
int cards_claim(struct cards *cs, struct card *c, uid_t uid, void *user) _must_check_;
/** cards_touch() - tell the listeners that @c changed (kind, nature, pin_until). */
void cards_touch(struct cards *cs, struct card *c);
/** cards_release() - the process ends at once; the card is reset by its next connection. */
void cards_release(struct cards *cs, struct card *c);
