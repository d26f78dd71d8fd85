/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the broker and vitaled-crl say to each other over base/link.h. Invented for this project.
 * One list at a time: READ, then MORE until all its numbers have come.
 */
#include "base/link.h"

enum crl_op {
	CRL_OP_READ =
		1,   /* fds: the list (a regular file), memfd with the authorities' certificates
	                    in DER, one after the other -> ISSUER, THIS_UPDATE, (NEXT_UPDATE),
	                    (NUMBER), (POINT), COUNT u32. What was read before is forgotten */
	CRL_OP_MORE, /* -> SERIALS: the next CRL_CHUNK numbers, ascending; the last are fewer */
};

enum crl_outcome {
	CRL_DONE = 0,
	CRL_MALFORMED, /* no revocation list in DER or PEM, or not of RFC 5280 */
	CRL_SEVERAL,   /* more than one in the file */
	CRL_DELTA,     /* changes since another list only: not read */
	CRL_INDIRECT,  /* of certificates that others issued: not read */
	CRL_PARTIAL, /* of authorities, attributes or some reasons only, or of a point without URI */
	CRL_UNSUPPORTED, /* a critical extension that we do not know */
	CRL_STRANGER,	 /* no authority given has its issuer's name */
	CRL_FALSE,	 /* its signature does not verify under any of that name */
	CRL_WEAK,	 /* algorithm or key below SHA-256, RSA 2048, P-256 */
	CRL_LARGE,	 /* above LIMIT_CRL_BYTES or LIMIT_CRL_ENTRIES */
	CRL_FAULT,	 /* fault in the child */
	CRL_OUTCOMES
};

enum crl_tag {
	CRL_TAG_ISSUER = 0xC0,	    /* daemon/trust/issuer.h: 32 bytes */
	CRL_TAG_THIS_UPDATE = 0xC1, /* u64, seconds since 1970 */
	CRL_TAG_NEXT_UPDATE = 0xC2, /* u64 */
	CRL_TAG_NUMBER = 0xC3,	    /* 20 bytes, big endian */
	CRL_TAG_POINT = 0xC4,	    /* URI of the distribution point that it is for */
	CRL_TAG_COUNT = 0xC5,
	CRL_TAG_SERIALS = 0xC6, /* 20 bytes each, big endian */
};

#define CRL_CHUNK 3000U /* numbers of one answer: 60,000 bytes, below LINK_MAX_FRAME */
