/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Readers and cards as vitaled-watch reports them, of pcscd and of vitaled-usb, and the processes of cards
 * in use. A card that comes in is recognised (ATR, SELECT) by a short-lived vitaled-card and then left
 * alone; a session claims it, and from then on one vitaled-card holds it until it is released. What an
 * answer to CARD_OP_OPEN says of the reader (pinpad) is noted before who asked gets it.
 */
#include "base/link-ops.h"
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
	CARD_LEFT_SERVICE,  /* who serves its reader went away */
	CARD_LEFT_WATCH,    /* vitaled-watch ended: nobody would see it being removed */
};

/* what a PIN job (pins.c) does with a card */
enum card_job {
	CARD_JOB_NONE = 0,
	CARD_JOB_WORKS, /* the card has a command, or will at once */
	CARD_JOB_ASKS,	/* a person is asked: it may be ended */
	CARD_JOB_ENDS,	/* the card is being reset */
};

struct card;

struct card_reader {
	uint32_t id; /* "/org/vitaled1/reader/<id>"; stable while the broker runs, by name */
	char name[128];
	const char *driver; /* pcsc, usb, or simulated: pcscd's, which says so in its name */
	enum reader_driver served;
	uint32_t slot;
	enum config_role role;	 /* what may be put in, by configuration */
	enum card_share sharing; /* cards_sharing(), as it was when the card was let go of */
	bool pinpad;	   /* a card's process has found that it takes codes on its own keys */
	bool lent;	   /* to another program (lease.h): no process of ours may touch it */
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
	uint32_t events;     /* PC/SC's counter when it came in */
	uint32_t characters; /* on the line so far, of the process in use; told meanwhile */
	bool recognised;     /* recognition has answered and its process is gone */
	enum card_left left; /* set when card_removed runs */
	bool recorded;	     /* its coming in is in the record (session's) */
	struct child *child; /* while in use */
	enum card_job job;
	void *user;	    /* the professional's life or the session that uses it */
	uid_t in_use_uid;   /* (uid_t)-1: nobody */
	uint64_t pin_until; /* to be shown, CLOCK_MONOTONIC; 0: no verified PIN kept */
};

struct cards;

/* any member may be NULL */
struct cards_ops {
	void (*service_changed)(void *user);
	void (*reader_added)(void *user, struct card_reader *r);
	void (*reader_changed)(void *user, struct card_reader *r);
	void (*reader_removed)(void *user, struct card_reader *r);
	void (*card_added)(void *user, struct card *c);
	void (*card_changed)(void *user, struct card *c);  /* kind, nature, use */
	void (*card_removed)(void *user, struct card *c);  /* still valid during the call */
	void (*card_progress)(void *user, struct card *c); /* characters; a request runs */
	/* the process of a card in use ended by itself; who used it releases it, else cards.c does */
	void (*card_failed)(void *user, struct card *c, const char *why);
	/* cards_want(): what may end without harm to the card does, now or when it is reset */
	void (*card_wanted)(void *user, struct card *c);
};

/** cards_new() - starts vitaled-watch. Several listeners may be added; they are called in order. */
int cards_new(sd_event *ev, const struct config *config, struct cards **ret) _must_check_;
struct cards *cards_free(struct cards *cs); /* kills every card process and the watch */
int cards_listen(struct cards *cs, const struct cards_ops *ops, void *user) _must_check_;
/** cards_unlisten() - the listener with @user goes away; not from within a listener's call. */
void cards_unlisten(struct cards *cs, const void *user);
/** cards_configured() - the configuration has changed: roles count at once, the sharing of a card that
 *  is in use when it is let go. */
void cards_configured(struct cards *cs);
/** cards_sleep() - the machine goes to sleep: every reader and card is gone, nobody is asked any more, until
 *  cards_wake() looks anew. Cards may be others then. */
void cards_sleep(struct cards *cs);
void cards_wake(struct cards *cs);
bool cards_in_use(struct cards *cs); /* a process of ours has one */
/** cards_guard() - something is unlocked (@on): a watch that would not see a card leave is found out within
 *  LIMIT_WATCH_SILENCE (_USB); then all cards are out (CARD_LEFT_WATCH). */
void cards_guard(struct cards *cs, bool on);
enum reader_service cards_service(const struct cards *cs);
bool cards_listed(const struct cards *cs); /* the first complete list has come */
struct card_reader *cards_reader(
	struct cards *cs, size_t i); /* NULL past the end; skip !present */
struct card_reader *cards_reader_by_id(struct cards *cs, uint32_t id);
struct card *cards_card_by_id(struct cards *cs, uint32_t id);

/** cards_sharing() - of @r by @config: nobody shares a reader of vitaled-usb. */
enum card_share cards_sharing(const struct config *config, const struct card_reader *r);
/** cards_claim() - the card gets its process, a spare one that is already confined when there is
 *  one (nothing is sent to it yet). Return: 0 or a fault; -EBUSY: in use, lent or leaving. */
int cards_claim(struct cards *cs, struct card *c, uid_t uid, void *user) _must_check_;
/** cards_put_open() - the body of CARD_OP_OPEN for @c: reader, sharing, and what it was recognised
 *  as, when that is sure (nobody else held it since). */
void cards_put_open(const struct card *c, struct buf *body);
/** cards_ask() - a request to the process of @c with the limits of its kind (limits.h): 5 s without
 *  a sign of life, and a whole. Slots of one reader may block each other: while the other slot's
 *  request runs, this one's time stands still. @fds: borrowed and duplicated.
 *  Return: 0, a fault, CHILD_GONE. */
int cards_ask(struct card *c, uint8_t op, struct view body, const int *fds, size_t n_fds,
	child_answer_fn done, void *user) _must_check_;
/** cards_lend() - nobody of ours may use the slot (true), or it is ours again and what is in it is
 *  recognised anew (false). */
void cards_lend(struct cards *cs, struct card_reader *r, bool lent);
/** cards_want() - an emergency needs it: a PIN job that has not begun or asks a person ends. */
void cards_want(struct cards *cs, struct card *c);
/** cards_touch() - tell the listeners that @c changed (kind, nature, pin_until). */
void cards_touch(struct cards *cs, struct card *c);
/** cards_release() - the process ends at once; the card is reset by its next connection. */
void cards_release(struct cards *cs, struct card *c);
