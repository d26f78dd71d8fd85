/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A card of a kind that we know. The kind is a table of functions; a function that it does not have
 * is CARD_ABSENT. Every function of this room returns 0 (CARD_DONE), a fault, or a card_outcome of
 * base/link-ops.h, which is this room's only enum of outcomes and may therefore be passed on.
 * Answers are written to a body of link tags, only when the whole operation succeeded.
 */
#include "base/secret.h"
#include "drivers/card/atr.h"
#include "drivers/card/iso7816.h"
#include "drivers/card/role.h"

#define CARD_BODY_MAX	(65536U - 1024U) /* bytes: an answer fits into one link frame */
#define CARD_SERIAL_MAX 16U		 /* bytes of tag 5A; known cards have 10 */
#define CARD_PIN_USEC	3000000U	 /* how long a PIN may take to come through its pipe */
#define CARD_KEPT_MAX	16384U /* bytes of answers kept in the process: people, activities */
#define CARD_ROLE_MAX	4096U  /* bytes of a role certificate: 228 */
#define CARD_PLACES_MAX 4096U  /* bytes of the card's own list of files: POINTERS, EF.ODF */
#define CARD_LESSONS	8U     /* files whose size we remember */

/* Which DF is current, as far as we know: saves a SELECT, decides nothing. */
enum card_df {
	CARD_DF_UNKNOWN = 0,
	CARD_DF_ROOT,
	CARD_DF_APPLICATION,
};

struct card_driver;

/** struct card_lesson - a size that 6CXX taught: a first guess the next time, nothing more. */
struct card_lesson {
	uint32_t file; /* DF and EF as the driver counts them, 0: free */
	size_t size;
};

struct card {
	struct apdu apdu;
	/* what recognition chooses from: card_drivers[]; a test may set its own */
	const struct card_driver *const *drivers;
	size_t n_drivers;
	const struct card_driver *driver; /* NULL until recognised */
	struct secret command;		  /* where VERIFY is built; made before confinement */
	uint8_t serial[CARD_SERIAL_MAX];
	size_t serial_len; /* 0: not read yet */
	enum card_df df;
	uint16_t ef;	  /* current EF, 0: not known */
	uint16_t missing; /* an EF of the application that SELECT did not find, 0: none known */
	struct card_environment environment;
	uint8_t peer[ROLE_NAME_LEN]; /* whom the last challenge is for */
	bool challenged;	     /* ... and it has not been used yet */
	bool exclusive; /* nobody else can reach the card: what we know of it stays true */
	bool asleep;	/* reset since: the application must be selected again */
	bool verified;	/* the PIN went through us since the last reset */
	bool used; /* something was sent that may have opened a right: reset when we leave */
	bool tries_known;
	uint8_t tries; /* left, when known */
	/* read and not asked for yet (a Vitale's people), or asked for again (activities); of this
	 * card alone, wiped by card_forget() when the card may have changed, and with the process */
	struct buf kept;
	bool kept_valid;
	struct buf role;   /* the role certificate of a cps, empty when it has none or */
	bool role_known;   /* ... when this is false */
	struct buf places; /* the card's own list of its files, empty until it was needed */
	struct card_lesson lessons[CARD_LESSONS];
	size_t next_lesson;
};

/** struct card_pin - what the card says about its PIN. */
struct card_pin {
	uint8_t tries;
	bool verified;
	bool puk_known;
	uint8_t puk_tries;
	uint8_t puk_uses; /* 255: as many or more */
};

/** struct card_entry - where one or two codes come from. */
struct card_entry {
	int fds[2];    /* pipes: PIN | old and new PIN | PUK and new PIN; stay the caller's */
	bool keypad;   /* instead of pipes: typed on the reader */
	bool last_try; /* the person confirmed the last try of the code that is verified */
};

/** struct card_atr - what an ATR of a kind looks like (atr_like()), and how well that fits
 * it. */
struct card_atr {
	const char *pattern;
	bool historical; /* the pattern of the first historical bytes, not of the whole ATR */
	uint8_t score; /* 1: the family, 2: the kind, 3: the kind, and others have the family */
};

struct card_driver {
	const char *kind;	/* LINK_TAG_KIND */
	const char *generation; /* LINK_TAG_GENERATION */
	const char *advice;	/* not NULL: recognised by ATR, not readable */
	uint8_t cla;		/* logical channel of everything we send */
	uint8_t role_key;	/* reference of the card's own key (doc/stand-in.md) */
	const struct card_atr *atrs;
	size_t n_atrs;
	int (*probe)(struct card *c); /* SELECT; anything but CARD_DONE: not this kind */
	int (*read_serial)(struct card *c, struct buf *value); /* value of 5A */
	/* the application again, after a reset, others, or CARD_OP_OPEN with a hint */
	int (*resume)(struct card *c);
	int (*identify)(struct card *c, struct buf *body);
	int (*read_role)(struct card *c, struct buf *body);
	int (*read_public)(struct card *c, struct buf *body);
	int (*keep_people)(struct card *c, struct buf *body);
	int (*read_people)(struct card *c, struct buf *body);
	int (*pin_state)(struct card *c, struct card_pin *ret_pin);
	int (*verify)(struct card *c, const struct card_entry *e, struct buf *body);
	int (*change_pin)(struct card *c, const struct card_entry *e, struct buf *body);
	int (*unblock_pin)(struct card *c, const struct card_entry *e, struct buf *body);
	/* @directory: of DIRECTORY, empty: ask the card's own */
	int (*read_activities)(struct card *c, struct view directory, struct buf *body);
	int (*enter_role)(struct card *c); /* make the DF of the role keys current */
	int (*read_protected)(struct card *c, struct buf *body);
	int (*sign)(struct card *c, struct view data, struct buf *signature);
};

extern const struct card_driver *const card_drivers[];
extern const size_t card_n_drivers;

/** card_init() - reserves the secret; @t is borrowed. Return: 0 or a fault. */
int card_init(struct card *c, struct transport *t) _must_check_;
void card_done(struct card *c);

/** card_recognise() - choose the driver by score, confirmed by SELECT. @c->driver is set on
 *  CARD_DONE and CARD_UNSUPPORTED. Return: also CARD_UNKNOWN. */
int card_recognise(struct card *c) _must_check_;
/** card_resume() - the card that was recognised before as @kind and @generation with this ATR.
 *  Return: CARD_DONE, or CARD_GONE when the ATR or what it selects is another's. */
int card_resume(
	struct card *c, struct view kind, struct view generation, struct view atr) _must_check_;
void card_forget(struct card *c); /* after a reset: rights, current DF, counters */
bool card_has_rights(const struct card *c);
/** card_serial() - read it and keep it; a serial other than the one kept: CARD_GONE. */
int card_serial(struct card *c, struct view *ret_serial) _must_check_;
/** card_selected() - a SELECT that made @df (and @ef, 0: none) current: what was named before is
 *  forgotten, for a card may tie its security environment to the DF. */
void card_selected(struct card *c, enum card_df df, uint16_t ef);
/** card_lesson() - the size of @file that the card taught before, ISO7816_WHOLE: none. */
size_t card_lesson(const struct card *c, uint32_t file);
void card_learn(struct card *c, uint32_t file, size_t size);
