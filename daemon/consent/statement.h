/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The statement of a consent: what is signed. Canonical JSON (RFC 8785), integers only, every
 * member explained in doc/consent.md. Who is asked sees the request, which names the patient; the
 * statement does not: it knows them by pseudonym.
 */
#include "daemon/consent/consent.h"
#include "daemon/consent/wording.h"

struct statement {
	const struct session *session;
	const struct config *config;
	const struct wording_shown *shown; /* NULL: nobody was shown any */
	const uint8_t *reason;		   /* SHA-256 of an emergency's reason, or NULL */
	enum consent_decision decision;
	enum consent_form form;
	enum consent_form way; /* of the question */
	uid_t agent_uid;
	const char *agent_name; /* NULL: no agent was asked */
	const char *helper;	/* of the forms ASSISTED and REPRESENTATIVE, else NULL */
	const char *quality;
	uint64_t time; /* wall clock, us */
	uint64_t previous_size;
	uint8_t previous_root[MERKLE_HASH];
};

const char *consent_decision_word(enum consent_decision d);
const char *consent_form_word(enum consent_form f);
/** consent_form_capability() - the agent's capability by which an answer came that was asked so. */
const char *consent_form_capability(enum consent_form f);
/** statement_acts() - new array of words: what the mode is, if an emergency or the patient alone, and
 *  the intents. */
int statement_acts(const struct session *s, json_t **ret) _must_check_;
/** statement_proof() - what the patient's card proves by its part of the signature: "mutual" when
 *  it can sign (its certificate was verified), without a professional "active", else "read". */
enum proof statement_proof(const struct session *s);
/** statement_build() - the canonical bytes, appended. Session and person must be fixed. */
int statement_build(const struct statement *st, struct buf *out) _must_check_;
/** statement_request() - what the agent is given to ask with; see consent_ops.ask, and confirm when
 *  @shown is NULL. */
int statement_request(
	const struct session *s, const struct wording_shown *shown, json_t **ret) _must_check_;
