/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Revocation lists as the tests need them: good ones and every kind of bad one. */
#include <openssl/x509v3.h>

#include "tests/unit/record/forge.h"

struct forged_list {
	X509 *issuer;	    /* whose name it carries */
	EVP_PKEY *key;	    /* whose signature */
	const char *digest; /* NULL: SHA256 */
	time_t from;	    /* thisUpdate */
	time_t until;	    /* nextUpdate; 0: none */
	const char *number; /* CRL number, decimal; NULL: none */
	const char *delta;  /* of which CRL number; NULL: complete */
	const char *point;  /* issuing distribution point in OpenSSL's words; NULL: none */
	const char *const *serials; /* decimal or 0x; ends with NULL; or NULL */
	unsigned int many;	    /* and the numbers from 1000 on, so many of them */
	const char *entry;     /* OID of a critical extension of each entry; NULL: a reason */
	const char *extension; /* OID of a critical extension of the list; NULL: none */
	bool old;	       /* version 1: no extensions at all */
};

X509_CRL *forge_list(const struct forged_list *f);
void forge_list_der(const struct forged_list *f, struct buf *out);
void forge_list_pem(const struct forged_list *f, struct buf *out);
