/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Card-verifiable certificates of the stand-in (doc/stand-in.md; profile of BSI TR-03110-3 C.1).
 * The cards' side: making them at personalisation, and the check that a card makes of another's.
 * A card has no calendar: the dates are there for the broker.
 *
 *   7F21 { 7F4E { 5F29 00, 42 CAR, 7F49 { 06 oid, 86 point }, 5F20 CHR, 7F4C { 06 role oid, 53 role },
 *          5F25 from, 5F24 until }, 5F37 r||s }
 */
#include "drivers/sim/crypto.h"

#define CVC_NAME	 16U  /* bytes of CAR and CHR */
#define CVC_MAX		 600U /* bytes of a whole certificate; a root is about 450 */
#define CVC_ROLE_ROOT	 0xFFU
#define CVC_ROLE_MEMBER	 0xFEU /* a card of the family without a profession: opens nothing */
#define CVC_ROLE_PATIENT 0x00U

/** struct cvc - what a certificate says; views borrow from the bytes that were parsed. */
struct cvc {
	struct view car;
	struct view chr;
	struct view point;
	uint8_t role;
	struct view from; /* 6 bytes, one digit a byte */
	struct view until;
	struct view body; /* the whole 7F4E object: what is signed */
	struct view signature;
};

enum cvc_outcome {
	CVC_MALFORMED = 1,
};

/** cvc_parse() - @content: what is inside 7F21 (7F4E and 5F37). Return: 0 or CVC_MALFORMED. */
int cvc_parse(struct view content, struct cvc *ret_cvc) _must_check_;
/** cvc_parse_whole() - @certificate: with its 7F21. Return: 0 or CVC_MALFORMED. */
int cvc_parse_whole(struct view certificate, struct cvc *ret_cvc) _must_check_;

struct cvc_request {
	const char *car; /* 16 characters */
	const char *chr; /* 16 characters; equal to @car: a root with domain parameters */
	EVP_PKEY *key;	 /* the subject's */
	EVP_PKEY *signer;
	uint8_t role;
	char from[7]; /* YYMMDD */
	char until[7];
};

/** cvc_build() - a signed certificate, 7F21 included, appended to @out. */
int cvc_build(const struct cvc_request *q, struct buf *out) _must_check_;
/** cvc_name() - CHR of a card: FR, @kind ('V' or 'P'), last 8 digits of @serial, 00001. */
void cvc_name(char kind, const char *serial, char ret_name[CVC_NAME + 1]);
/** cvc_date() - YYMMDD in UTC of @seconds since 1970. */
void cvc_date(int64_t seconds, char ret_digits[7]);
