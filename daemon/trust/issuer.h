/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* How the broker and vitaled-crl name an authority and a certificate to each other. */
#include "record/crypto.h"

#define ISSUER_ID     32U
#define ISSUER_SERIAL 20U /* bytes: the most that RFC 5280 §4.1.2.2 allows */

enum issuer_outcome {
	ISSUER_NO_SERIAL = 1, /* negative, or longer */
};

/** issuer_id() - SHA-256 of the DER of the authority's name followed by that of its
 *  SubjectPublicKeyInfo: name and key, whatever certificate carries them. Return: 0 or a fault. */
int issuer_id(X509 *authority, uint8_t ret[ISSUER_ID]) _must_check_;
/** issuer_serial() - the number, big endian, zeros before it. Return: 0 or NO_SERIAL. */
int issuer_serial(const ASN1_INTEGER *n, uint8_t ret[ISSUER_SERIAL]) _must_check_;
