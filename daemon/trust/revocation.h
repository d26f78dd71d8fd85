/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The revocation lists handed in, as vitaled-crl has read and verified them: per authority (and
 * distribution point) a sorted table of serial numbers. Bounded by LIMIT_CRL_FILES and
 * LIMIT_CRL_ENTRIES, those of cards and those of feeders each. A list that was taken stays until a newer one or the end of the service:
 * what once was known to be revoked is not forgotten because a file went away.
 */
#include "daemon/trust/issuer.h"
#include "daemon/trust/trust.h"

#define REVOCATION_POINT 256U /* bytes of a distribution point's URI and its NUL */

struct revocation; /* a list that is being filled, or held by struct trust */

struct revocation_head {
	uint8_t issuer[ISSUER_ID];
	uint64_t this_update; /* wall clock, microseconds */
	uint64_t next_update; /* 0: the list does not say, and never tells GOOD */
	bool numbered;
	uint8_t number[ISSUER_SERIAL]; /* CRL number */
	char point
		[REVOCATION_POINT]; /* it is for certificates that name this one; "": for all */
	uint32_t count;		    /* serial numbers that follow */
};

enum revocation_outcome {
	REVOCATION_OLDER = 1, /* than the one that is held: by CRL number or thisUpdate */
	REVOCATION_EARLY,     /* thisUpdate lies in the future: not taken yet */
	REVOCATION_FULL,      /* one of the limits */
	REVOCATION_STRANGER,  /* no anchor of cards or feeders is this authority */
	REVOCATION_BROKEN,    /* unsorted, doubled, more or fewer numbers than announced */
};

/** revocation_authorities() - the DER of every X.509 anchor of cards and of every authority of feeders
 *  (feeders_trust()), one after the other: whose signature on a list is believed. A list counts for
 *  the side of its authority alone: no feeder's revokes a card, and no card's a feeder.
 *  Return: 0 or a fault. */
int revocation_authorities(const struct trust *t, struct buf *out) _must_check_;

/** revocation_begin() - a new, empty list that the caller fills.
 *  Return: 0, a fault, OLDER, EARLY, FULL or STRANGER. */
int revocation_begin(const struct trust *t, const struct revocation_head *head, uint64_t now,
	struct revocation **ret) _must_check_;
/** revocation_add() - more numbers, ISSUER_SERIAL bytes each, strictly ascending over all calls.
 *  Return: 0 or BROKEN. */
int revocation_add(struct revocation *l, struct view serials) _must_check_;
bool revocation_complete(const struct revocation *l); /* as many as announced */
/** revocation_put() - @l (stolen in any case) from now on answers for its authority.
 *  Return: 0, a fault, OLDER, FULL or BROKEN (not complete). */
int revocation_put(struct trust *t, struct revocation *l) _must_check_;
struct revocation *revocation_free(struct revocation *l); /* takes NULL */

/**
 * revocation_feeder() - what the lists say of who signed a feed, as trust_revocation() of a card
 * @chain: DER, one after the other: the signer's, then who issued it, as far as vitaled-feed verified
 *         it; anchors of feeders (feeders_trust()) above the last are asked as well
 *
 * Of a signer whose own certificate is the anchor and whose authority is none, UNKNOWN.
 * Return: 0, a fault (it could not be looked up: no answer, and @ret is untouched) or TRUST_MALFORMED.
 */
int revocation_feeder(const struct trust *t, struct view chain, uint64_t now,
	enum trust_revocation *ret) _must_check_;

enum revocation_lists {
	REVOCATION_LISTS_NONE = 0,
	REVOCATION_LISTS_EXPIRED, /* all are past their nextUpdate */
	REVOCATION_LISTS_CURRENT,
};

struct revocation_state {
	enum nature nature;
	bool feeders;	       /* it is an authority of feeders */
	const char *authority; /* CN, else the whole name; borrowed during the call */
	enum revocation_lists lists;
};

typedef void (*revocation_state_fn)(void *user, const struct revocation_state *s);

/** revocation_each() - every anchor that issues cards: one that no other anchor of its nature was
 *  issued by; then every authority of feeders, likewise. Return: 0 or a fault. */
int revocation_each(const struct trust *t, uint64_t now, revocation_state_fn found,
	void *user) _must_check_;
