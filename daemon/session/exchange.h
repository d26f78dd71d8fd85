/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The mutual authentication of the two cards as a table of steps (doc/stand-in.md, a *stand-in*):
 * first the professional's card proves itself to the patient's, then the other way round. Pure:
 * it says what to send to which card next and judges the answers; who sends is session-proof.c.
 * The broker believes neither card: each signature is verified here with the key of the
 * certificate that the broker verified before.
 */
#include "base/buf.h"
#include "daemon/trust/trust.h"

#define EXCHANGE_CHALLENGE 16U
#define EXCHANGE_SEEN	   64U

enum exchange_card {
	EXCHANGE_PATIENT = 0,
	EXCHANGE_PROFESSIONAL,
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
	struct exchange_side sides[2];
	struct exchange_seen *seen;
	size_t step;
	uint8_t challenge[EXCHANGE_CHALLENGE];
	uint8_t signature[CVC_SIGNATURE];
};

enum exchange_outcome {
	EXCHANGE_DONE = 1, /* exchange_next(): both have proved themselves */
	EXCHANGE_FALSE,	   /* a signature does not verify, or a challenge is replayed */
	EXCHANGE_BROKEN,   /* an answer of another size or form */
};

/** exchange_init() - @seen: shared by all exchanges of the broker, outlives them. */
void exchange_init(struct exchange *x, const struct exchange_side *patient,
	const struct exchange_side *professional, struct exchange_seen *seen);
/** exchange_next() - the next request: @ret_card, @ret_op of base/link-ops.h, @body appended.
 *  Return: 0, a fault, or EXCHANGE_DONE. */
int exchange_next(const struct exchange *x, enum exchange_card *ret_card, uint8_t *ret_op,
	struct buf *body) _must_check_;
/** exchange_take() - the body of the answer (outcome CARD_DONE) to that request.
 *  Return: 0, a fault, EXCHANGE_FALSE or EXCHANGE_BROKEN. */
int exchange_take(struct exchange *x, struct view answer) _must_check_;
/** exchange_presence() - verify @signature of a card over @bytes of ours followed by the 8
 *  characters @purpose (VDACTI01, VDCONS01). Return: 0, a fault, or EXCHANGE_FALSE. */
int exchange_presence(const struct cvc *c, struct view bytes, const char *purpose,
	struct view signature) _must_check_;
