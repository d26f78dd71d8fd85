/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The stand-in's role authentication, the same for both cards (doc/stand-in.md), and what a card
 * was told by MANAGE SECURITY ENVIRONMENT and still knows.
 *
 * A template that was set stays set until something is selected, the card is reset, or another MSE
 * of the same template goes out; telling it again would only cost characters. Where a card forgets
 * earlier it says so (6985, 6A88), and is told once more.
 */
#include "base/buf.h"

struct card;

#define ROLE_NAME_LEN	   16U /* bytes of CAR and CHR */
#define ROLE_CHALLENGE_LEN 16U
#define ROLE_SIGNATURE_LEN 64U /* r || s */

#define ENVIRONMENT_SETS 3U  /* templates: AT (A4), HT (AA), DST (B6) */
#define ENVIRONMENT_DATA 24U /* bytes of the longest MSE: {83 CHR, 84 key} has 21 */

/** struct card_environment - one MSE per template, as it was sent. */
struct card_environment {
	struct {
		uint8_t template; /* P2, 0: free */
		uint8_t p1;
		uint8_t len;
		uint8_t data[ENVIRONMENT_DATA];
	} sets[ENVIRONMENT_SETS];
};

enum environment_manner {
	ENVIRONMENT_OWN = 0, /* 6A88: the card has no such key, CARD_ABSENT */
	ENVIRONMENT_PEER,    /* 6A88: it does not take that name, CARD_REFUSED */
};

/** environment_set() - MSE SET with @data, unless just that was sent before and still stands.
 *  @ret_kept: whether it stood. */
int environment_set(struct card *c, uint8_t p1, uint8_t p2, struct view data,
	enum environment_manner manner, bool *ret_kept) _must_check_;
void environment_forget(struct card *c);		       /* all of it */
void environment_forget_one(struct card *c, uint8_t template); /* P2 */

/** role_check_certificate() - the card takes @cvc (a whole 7F21) as signed by its root @car. */
int role_check_certificate(struct card *c, struct view car, struct view cvc) _must_check_;
/** role_challenge() - names the peer and the own key in one MSE SET (C1 A4 {83 CHR, 84 key}), then
 *  GET CHALLENGE. The challenge serves the next EXTERNAL AUTHENTICATE, whatever stands between. */
int role_challenge(struct card *c, struct view chr, struct buf *out) _must_check_;
/** role_internal_authenticate() - @data of 24 or 40 bytes signed with the card's own key, which is
 *  named anew only when role_challenge() has not. */
int role_internal_authenticate(struct card *c, struct view data, struct buf *out) _must_check_;
int role_external_authenticate(struct card *c, struct view signature) _must_check_;
