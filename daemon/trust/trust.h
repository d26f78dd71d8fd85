/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Whom we believe. Anchors are loaded once from <folder>/{real,test,simulated}/: every *.pem is an
 * X.509 root (self-signed) or intermediate, every *.cvcert a card-verifiable root. A card's nature
 * is that of the anchor that verified it; nothing else gives one.
 */
#include "record/cvc.h"

enum nature {
	NATURE_UNKNOWN = 0,
	NATURE_REAL,
	NATURE_TEST,
	NATURE_SIMULATED,
};

#define NATURE_COUNT 4

const char *nature_word(enum nature n); /* unknown, real, test, simulated */

struct trust;

/** trust_new() - load the anchors below @folder; missing folders are empty. Return: 0 or a fault
 *  (-EBADMSG: a file in them is no anchor; @ret_bad, if not NULL, gets its malloc'ed path). */
int trust_new(const char *folder, struct trust **ret_t, char **ret_bad) _must_check_;
struct trust *trust_free(struct trust *t);
unsigned int trust_count(
	const struct trust *t, enum nature n); /* anchors loaded for a nature */

/** struct trust_anchor - one of them, for who must renew it in time. */
struct trust_anchor {
	enum nature nature;
	char subject[256]; /* X.509: its name in one line; else the root's name */
	uint64_t until;	   /* wall clock, microseconds: not valid after */
};

typedef void (*trust_anchor_fn)(void *user, const struct trust_anchor *a);
/** trust_anchors() - each anchor once, by nature. */
void trust_anchors(const struct trust *t, trust_anchor_fn each, void *user);

enum trust_outcome {
	TRUST_MALFORMED = 1, /* not a certificate of the profile */
	TRUST_STRANGER,	     /* no anchor signed it */
	TRUST_EXPIRED,	     /* or not yet valid at the given time */
	TRUST_FALSE,	     /* a signature does not verify */
};

#define TRUST_CARD_TYPE_NONE                                                                   \
	0xFFU /* the certificate does not say: some card of the family (CPX) */

/* The names and extensions of an IGC-Santé certificate; labels of the codes: base/codes.h */
struct trust_person {
	enum nature nature;
	char national_id[64];	/* CN */
	char surname[128];	/* SN; empty on cards without a person's name */
	char given[128];	/* GN; the same */
	char organisation[128]; /* O */
	char card_number[32];	/* 1.2.250.1.71.1.2.3, "8025000001/dddddddddd" */
	uint8_t card_type;	/* 1.2.250.1.71.1.2.2, G02: 00 CPS, 01 CPF, 02 CPE, 03 CPA */
	uint8_t category;	/* 1.2.250.1.71.1.2.5, G01: 00 card, 80 test card; no other */
	uint8_t profession;	/* 1.2.250.1.71.1.2.7, G15; 0 when absent */
	uint8_t future_profession; /* 1.2.250.1.71.1.2.8, G16: in training; 0 when absent */
	uint8_t responsibility; /* 1.2.250.1.71.1.2.12, G04: 01 head, 02 deputy; 0 when absent */
	char speciality[16];	/* 1.2.250.1.71.4.2.5, R01; empty when absent */
	uint8_t sha256[32];	/* of the DER */
};

/**
 * trust_x509() - verify an X.509 certificate of a professional's card and read it
 * @der:         one certificate, nothing after it, at most 8192 bytes
 * @now:         wall clock, microseconds
 * @signing:     true: keyUsage must have nonRepudiation (SIG); false: digitalSignature (AUT)
 *
 * Multi-valued RDNs are read. Expiry is TRUST_EXPIRED with @ret filled nevertheless, so that the
 * person can be told whose card it is; every other outcome leaves @ret untouched.
 */
int trust_x509(const struct trust *t, struct view der, uint64_t now, bool signing,
	struct trust_person *ret) _must_check_;

enum trust_revocation {
	TRUST_REVOCATION_UNKNOWN = 0, /* no list of its issuer, or one past its nextUpdate */
	TRUST_REVOCATION_GOOD,
	TRUST_REVOCATION_REVOKED,
};

const char *trust_revocation_word(enum trust_revocation r); /* unknown, good, revoked */

/** trust_revocation() - what the lists handed in (revocation.h) say of certificate @der, which
 *  trust_x509() has verified before. A list past its nextUpdate still tells REVOKED, but never GOOD.
 *  Return: 0 or a fault (it could not be looked up, or does not verify now: no answer). */
int trust_revocation(const struct trust *t, struct view der, uint64_t now,
	enum trust_revocation *ret) _must_check_;

/** trust_cvc() - parse and verify a card's role certificate against the roots.
 *  @ret_nature: of the root. Return: 0, a fault, MALFORMED, STRANGER, EXPIRED, FALSE. */
int trust_cvc(const struct trust *t, struct view certificate, uint64_t now, struct cvc *ret_c,
	enum nature *ret_nature) _must_check_;

/** trust_cvc_matches() - whether @c's CHR carries the last 8 digits of @serial (value of 5A) and
 *  @letter ('V' or 'P'), and its role is one of that side: V has CVC_ROLE_PATIENT, P any but that
 *  and CVC_ROLE_ROOT. */
bool trust_cvc_matches(const struct cvc *c, struct view serial, char letter);

/** trust_role() - the role that the certificate of @p's card must have: the profession, or
 *  CVC_ROLE_STAFF for who has none (CPE, CPA, directors, in training). It opens nothing by itself:
 *  rights look at @p. */
uint8_t trust_role(const struct trust_person *p);

/** trust_rsa() - RSA-SHA256 PKCS#1 v1.5 over @data with the key of certificate @der.
 *  Return: 0, a fault or TRUST_FALSE. */
int trust_rsa(struct view der, struct view data, struct view signature) _must_check_;

/** trust_cvc_root() - point of the root named @car of nature @n, NULL when there is none. */
const uint8_t *trust_cvc_root(const struct trust *t, enum nature n, const char *car);
