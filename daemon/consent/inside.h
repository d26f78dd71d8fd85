/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What consent.c, sign.c and receipt.c share: one struct consent a session. */
#include "daemon/consent/statement.h"
#include "record/crypto.h"

#define STATEMENT_MAX  16384U /* bytes */
#define ATTRIBUTES_MAX 4096U  /* what a card signs: CARD_OP_SIGN */
#define CMS_MAX	       32768U
#define HELPER_MAX     256U /* a name or a quality, with its NUL */

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
	enum consent_form way; /* by which it was asked: the agent's capability */
	bool asked;	       /* an agent answered: */
	uid_t agent_uid;
	struct buf agent_name;
	struct buf helper;  /* who helped or represents, NUL-terminated; empty: nobody */
	struct buf quality; /* ... what they are to the patient */
	uint8_t reason[CRYPTO_SHA256]; /* of an emergency */
	struct buf statement;
	uint8_t hash[CRYPTO_SHA256];
	struct buf attributes;
	struct buf cms;
	struct buf certificate; /* of the patient's card; empty: it has none */
	struct buf presence;	/* its signature */
	bool absent;		/* it was not in */
	bool alone;		/* no professional takes part: mode patient */
	unsigned int waiting;	/* answers of cards */
	enum vitaled_reason failed;
	uint64_t index;	    /* of the entry in the record */
	char pseudonym[65]; /* whom it is about: of the session's acts */
};

bool consent_is_emergency(const struct consent *c);
/** consent_record() - this consent's entry. Return: whether it is durable. */
bool consent_record(struct consent *c, const char *decision, const char *why,
	enum vitaled_reason outcome) _must_check_;
