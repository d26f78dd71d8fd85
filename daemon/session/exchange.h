/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The mutual authentication of the two cards (doc/stand-in.md, a *stand-in*) as a graph: each card
 * has four commands, and each command says what it needs of its own card and of the other one. Two
 * cards on two links so are worked at once, and a link stands still only while nothing can be sent
 * on it. Pure: it says what to send to a card next and judges the answers; who sends is
 * session-proof.c. The broker believes neither card: each signature is verified here, with the key
 * of the certificate that the broker verified before, and only then handed to the other card.
 */
#include "base/buf.h"
#include "daemon/trust/trust.h"

#define EXCHANGE_CHALLENGE 16U
#define EXCHANGE_SEEN	   64U

enum exchange_card {
	EXCHANGE_PATIENT = 0,
	EXCHANGE_PROFESSIONAL,
	EXCHANGE_CARDS
};

/* What only the session can allow; bits. */
enum exchange_gate {
	EXCHANGE_MAY_SIGN = 1, /* the professional's PIN is verified */
	EXCHANGE_MAY_GRANT =
		2, /* the professional is admitted: the patient's card may give rights */
};

/* One side, all borrowed: its certificate verified by trust_cvc(), and the value of its 5A. */
struct exchange_side {
	struct view certificate; /* whole 7F21 */
	const struct cvc *cvc;
	struct view serial;
};

/* Challenges that cards gave lately: one that comes twice is replayed. */
struct exchange_seen {
	uint8_t challenge[EXCHANGE_SEEN][EXCHANGE_CHALLENGE];
	size_t next;
	size_t n;
};

struct exchange {
	struct exchange_side sides[EXCHANGE_CARDS];
	struct exchange_seen *seen;
	unsigned int gates;		   /* open ones */
	unsigned int done[EXCHANGE_CARDS]; /* commands answered, bits */
	size_t flight[EXCHANGE_CARDS]; /* command that waits for its answer, from 1; 0: none */
	uint8_t challenge[EXCHANGE_CARDS][EXCHANGE_CHALLENGE]; /* given by that card */
	uint8_t signature[EXCHANGE_CARDS][CVC_SIGNATURE];      /* made by it, verified */
};

enum exchange_outcome {
	EXCHANGE_WAIT = 1, /* exchange_next(): nothing can be sent to this card now */
	EXCHANGE_FALSE,	   /* a signature does not verify, or a challenge is replayed */
	EXCHANGE_BROKEN,   /* an answer of another size or form, or that nobody asked for */
};

/** exchange_init() - @seen: shared by all exchanges of the broker, outlives them. */
void exchange_init(struct exchange *x, const struct exchange_side *patient,
	const struct exchange_side *professional, struct exchange_seen *seen);
/** exchange_allow() - open @gates (EXCHANGE_MAY_*, or-ed) as well; none ever closes. */
void exchange_allow(struct exchange *x, unsigned int gates);
/** exchange_next() - the next request for @card, which then waits for its answer: @ret_op of
 *  base/link-ops.h, @body appended. Return: 0, a fault, or EXCHANGE_WAIT. */
int exchange_next(struct exchange *x, enum exchange_card card, uint8_t *ret_op,
	struct buf *body) _must_check_;
/** exchange_take() - the body of @card's answer (outcome CARD_DONE) to that request.
 *  Return: 0, a fault, EXCHANGE_FALSE or EXCHANGE_BROKEN. */
int exchange_take(struct exchange *x, enum exchange_card card, struct view answer) _must_check_;
/** exchange_done() - whether both cards have proved themselves to each other and to us. */
bool exchange_done(const struct exchange *x);
/** exchange_presence() - verify @signature of a card over @bytes of ours followed by the 8
 *  characters @purpose (VDACTI01, VDCONS01). Return: 0, a fault, or EXCHANGE_FALSE. */
int exchange_presence(const struct cvc *c, struct view bytes, const char *purpose,
	struct view signature) _must_check_;
