/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The receipt of a consent: one JSON file that anyone can check.
 *
 *   { "format": 1,
 *     "statement":    base64 of the statement's exact canonical bytes (RFC 8785),
 *     "professional": null | { "cms": base64 DER of the detached CMS SignedData },
 *     "patient":      { "proof": word, "certificate": base64 of 7F21 | null,
 *                       "signature": base64 r‖s over SHA-256(statement) ‖ "VDCONS01" | null },
 *     "audit":        { "index": n, "entry": base64 canonical entry, "path": [base64 hash...],
 *                       "checkpoint": note text, "vkey": text,
 *                       "acts": [ { "index", "entry", "path" }... ], "omitted": n } }
 *
 * acts: what the record has of this session and its dossier since the consent, oldest first, under the
 * same checkpoint; omitted: how many older ones are left out. Both may be absent (older receipts).
 */
#include "base/json.h"

#define RECEIPT_MAX (1024U * 1024U) /* bytes */

struct receipt {
	json_t *whole;		/* owned */
	struct buf statement;	/* exact bytes */
	json_t *parsed;		/* the statement parsed, owned */
	struct buf cms;		/* DER, empty when null */
	struct buf certificate; /* whole 7F21, empty when null */
	struct buf signature;	/* r‖s, empty when null */
};

enum receipt_outcome {
	RECEIPT_MALFORMED = 1,
	RECEIPT_STATEMENT, /* the statement is not in canonical form, or names another proof */
	RECEIPT_PROFESSIONAL, /* CMS or chain does not verify */
	RECEIPT_PATIENT,      /* certificate or presence signature does not verify */
	RECEIPT_AUDIT,	      /* entry, inclusion or checkpoint does not verify */
};

int receipt_parse(struct view text, struct receipt *ret) _must_check_;
void receipt_done(struct receipt *r);
size_t receipt_acts(const struct receipt *r);	   /* how many it holds */
uint64_t receipt_omitted(const struct receipt *r); /* ... and how many it says it leaves out */
/** receipt_act() - entry of act @i, new. Return: 0, a fault or RECEIPT_AUDIT (it is no entry). */
int receipt_act(const struct receipt *r, size_t i, json_t **ret) _must_check_;

/** struct receipt_anchors - what a checker trusts; NULL/empty members are not accepted as proof. */
struct receipt_anchors {
	const char *x509_file; /* PEM roots (and intermediates) */
	struct view cvc_root_key; /* 04 ‖ X ‖ Y of the root of the patient card's certificate */
	const char *
		vkey; /* the record's key as known to the checker; NULL: the one in the receipt */
};

/** receipt_verify() - check everything. @ret_at: name of the first bad part, static, written with an
 *  outcome. Of the statement it reads: time (microseconds), patient.proof (must be the receipt's),
 *  patient.serial (last 4 digits; when there, the certificate must bear them) and
 *  professional.certificate (hex SHA-256). Certificate and signature of the patient's card must be
 *  there for active and mutual, and must not for none and read; one of both signatures is. Acts must be entries of the session
 *  and the dossier of the consent's entry, each later than the one before. */
int receipt_verify(const struct receipt *r, const struct receipt_anchors *a,
	const char **ret_at) _must_check_;
/** receipt_extract() - write statement.json, professional.cms (DER), professional.pem,
 *  presence.bin (what the patient card signed, 40 bytes), presence.sig (DER ECDSA), presence.pem,
 *  checkpoint.txt, entry.json and act-INDEX.json into folder @dirfd; existing files are not
 *  overwritten (-EEXIST),
 *  and after a failure none of these is left. Return: 0, a fault, RECEIPT_MALFORMED,
 *  RECEIPT_PROFESSIONAL or RECEIPT_PATIENT (a part that does not parse). */
int receipt_extract(const struct receipt *r, int dirfd) _must_check_;
