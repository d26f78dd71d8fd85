/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Lists handed in to pki.trust, as vitaled-crl and session/crl.c do it together. */
#include "tests/unit/trust/lists.h"
#include "tests/unit/trust/pki.h"

#define US(seconds) ((uint64_t)(seconds)*USEC_PER_SEC)

void handed_serial(X509 *cert, char ret[64]); /* decimal */
/** handed_list() - number 300 of @issuer, from an hour ago for a day. */
struct forged_list handed_list(X509 *issuer, EVP_PKEY *key, const char *const *serials);
/** handed_in() - Return: 0 or a revocation_outcome. */
int handed_in(const struct forged_list *f, uint64_t now);
