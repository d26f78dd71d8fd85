/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What consent.c and receipt.c share: one struct consent a session. */
#include "daemon/consent/statement.h"
#include "record/crypto.h"

#define STATEMENT_MAX  16384U /* bytes */
#define ATTRIBUTES_MAX 4096U  /* what a card signs: CARD_OP_SIGN */
#define CMS_MAX	       32768U

struct consents {
	const struct config *config;
	const struct trust *trust;
	struct audit *audit;
	struct consent_ops ops;
	void *user;
	struct wordings wordings;
};

enum phase {
	PHASE_ASKING = 0,
	PHASE_ANSWERED, /* given; waits for consent_sign() */
	PHASE_SIGNING,
	PHASE_SIGNED,
	PHASE_OVER, /* refused, failed or forgotten */
};

struct consent {
	struct consents *all;
	struct session *session;
	enum phase phase;
	struct wording_shown shown; /* its text only while the patient is asked */
	enum consent_form form;
	bool asked; /* an agent answered: */
	uid_t agent_uid;
	struct buf agent_name;
	uint8_t reason[CRYPTO_SHA256]; /* of an emergency */
	struct buf statement;
	uint8_t hash[CRYPTO_SHA256];
	struct buf attributes;
	struct buf cms;
	struct buf certificate; /* of the patient's card; empty: it has none */
	struct buf presence;	/* its signature */
	bool absent;		/* it was not in */
	unsigned int waiting;	/* answers of cards */
	enum vitaled_reason failed;
	uint64_t index; /* of the entry in the record */
};
