/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Card-verifiable certificates of the stand-in (doc/stand-in.md; BSI TR-03110-3 §C). Pure parsing
 * and ECDSA verification; who is trusted is decided in daemon/trust, or by the checker of a receipt.
 */
#include "base/buf.h"

#define CVC_MAX	      1024U /* bytes of a certificate that we look at */
#define CVC_POINT     65U
#define CVC_SIGNATURE 64U /* r‖s */

/* The role byte: a profession of table G15, or one of these (doc/stand-in.md). *Invented*: the names
 * of roles decide nothing but which card may stand on which side; rights look at the X.509 alone. */
#define CVC_ROLE_PATIENT 0x00U
#define CVC_ROLE_STAFF	 0xFEU /* a professional's card whose holder has no profession of G15 */
#define CVC_ROLE_ROOT	 0xFFU

struct cvc {
	char car[17];
	char chr[17];
	uint8_t point[CVC_POINT]; /* 04 ‖ X ‖ Y on P-256, checked to lie on the curve */
	uint8_t role;		  /* CVC_ROLE_*, else profession */
	char from[7];		  /* YYMMDD */
	char until[7];
	struct view body;      /* whole 7F4E, borrowed from the certificate */
	struct view signature; /* r‖s, borrowed */
};

enum cvc_outcome {
	CVC_MALFORMED = 1, /* not our profile: order, sizes, OIDs, digits, point */
	CVC_FALSE,	   /* the signature does not verify */
};

int cvc_parse(struct view certificate, struct cvc *ret) _must_check_;
/** cvc_valid_at() - whether the UTC day of @wall (microseconds) lies in [@from, @until], YYMMDD of
 *  the years 2000 to 2099; the last day counts whole. */
bool cvc_valid_at(const char from[7], const char until[7], uint64_t wall);
/** cvc_verify() - ECDSA-SHA256 over the body with @signer's point. */
int cvc_verify(const struct cvc *c, const uint8_t signer[CVC_POINT]) _must_check_;
/** cvc_check_signature() - ECDSA-SHA256 r‖s over @data with @point. Return: 0 or CVC_FALSE. */
int cvc_check_signature(
	const uint8_t point[CVC_POINT], struct view data, struct view signature) _must_check_;
/** cvc_signature_der() - r‖s as DER ECDSA-Sig-Value, for openssl. */
int cvc_signature_der(struct view signature, struct buf *out) _must_check_;
/** cvc_point_pem() - SubjectPublicKeyInfo PEM of a point. */
int cvc_point_pem(const uint8_t point[CVC_POINT], struct buf *out) _must_check_;
