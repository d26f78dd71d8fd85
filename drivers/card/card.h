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

#define CARD_BODY_MAX	(65536U - 1024U) /* bytes: an answer fits into one link frame */
#define CARD_SERIAL_MAX 16U		 /* bytes of tag 5A; known cards have 10 */
#define CARD_PIN_USEC	3000000U	 /* how long a PIN may take to come through its pipe */

/* Which DF is current, as far as we know: saves a SELECT, decides nothing. */
enum card_df {
	CARD_DF_UNKNOWN = 0,
	CARD_DF_ROOT,
	CARD_DF_APPLICATION,
};

struct card_driver;

struct card {
	struct apdu apdu;
	const struct card_driver *driver; /* NULL until recognised */
	struct secret command;		  /* where VERIFY is built; made before confinement */
	uint8_t serial[CARD_SERIAL_MAX];
	size_t serial_len; /* 0: not read yet */
	enum card_df df;
	bool exclusive; /* nobody else can reach the card: what we know of it stays true */
	bool asleep;	/* reset since: the application must be selected again */
	bool verified;	/* the PIN went through us since the last reset */
	bool used; /* something was sent that may have opened a right: reset when we leave */
	bool tries_known;
	uint8_t tries; /* left, when known */
};

/** struct card_pin - what the card says about its PIN. */
struct card_pin {
	uint8_t tries;
	bool verified;
};

struct card_driver {
	const char *kind;	/* LINK_TAG_KIND */
	const char *generation; /* LINK_TAG_GENERATION */
	const char *advice;	/* not NULL: recognised by ATR, not readable */
	uint8_t cla;		/* logical channel of everything we send */
	uint8_t role_key;	/* reference of the card's own key (doc/stand-in.md) */
	/* how well the ATR fits: 0 not at all, 1 by family, 2 by mask, 3 by all its bytes */
	unsigned (*score)(const struct atr *atr);
	int (*probe)(struct card *c); /* SELECT; anything but CARD_DONE: not this kind */
	int (*read_serial)(struct card *c, struct buf *value); /* value of 5A */
	int (*read_public)(struct card *c, struct buf *body);
	int (*read_people)(struct card *c, struct buf *body);
	int (*pin_state)(struct card *c, struct card_pin *ret_pin);
	int (*verify)(struct card *c, int pin_fd, bool last_try, struct buf *body);
	int (*read_activities)(struct card *c, struct buf *body);
	int (*enter_role)(struct card *c); /* make the DF of the role keys current */
	int (*read_protected)(struct card *c, struct buf *body);
	int (*sign)(struct card *c, struct view data, struct buf *signature);
};

extern const struct card_driver vitale1_driver;
extern const struct card_driver vitale2_driver;
extern const struct card_driver cps3_driver;
extern const struct card_driver cps4_driver;
extern const struct card_driver cps_contactless_driver;

/** card_init() - reserves the secret; @t is borrowed. Return: 0 or a fault. */
int card_init(struct card *c, struct transport *t) _must_check_;
void card_done(struct card *c);

/** card_recognise() - choose the driver by score, confirmed by SELECT. @c->driver is set on
 *  CARD_DONE and CARD_UNSUPPORTED. Return: also CARD_UNKNOWN. */
int card_recognise(struct card *c) _must_check_;
void card_forget(struct card *c); /* after a reset: rights, current DF, counters */
bool card_has_rights(const struct card *c);
/** card_serial() - read it and keep it; a serial other than the one kept: CARD_GONE. */
int card_serial(struct card *c, struct view *ret_serial) _must_check_;

/* -- the stand-in's role authentication, the same for both cards (role.c; doc/stand-in.md) ------ */

#define ROLE_NAME_LEN	   16U /* bytes of CAR and CHR */
#define ROLE_CHALLENGE_LEN 16U
#define ROLE_SIGNATURE_LEN 64U /* r || s */

/** role_check_certificate() - the card takes @cvc (a whole 7F21) as signed by its root @car. */
int role_check_certificate(struct card *c, struct view car, struct view cvc) _must_check_;
int role_challenge(struct card *c, struct view chr, struct buf *out) _must_check_;
/** role_internal_authenticate() - @data of 24 or 40 bytes signed with the card's own key. */
int role_internal_authenticate(struct card *c, struct view data, struct buf *out) _must_check_;
int role_external_authenticate(struct card *c, struct view signature) _must_check_;
