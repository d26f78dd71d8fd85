/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Test authority: an X.509 root (RSA) and a root for card-verifiable certificates (P-256), made once
 * and kept in DIR/authorities/NAME (private keys, mode 0600). What a verifier needs is public, in
 *
 *   DIR/anchors/NAME    for the natures simulated and test
 *   DIR/outside/NAME    for a stranger, who uses the names of the simulated authority
 *
 *   x509-root.pem   cvc-root.cvcert (whole 7F21)   cvc-root.pub (its public key, PEM)
 *   cvc/CAR        the same certificate under the name that `cvc-print --cvc-dir` looks for
 *
 * and, once a card of it was revoked, its list: DIR/crl/NAME.crl (DER, as IGC-Santé publishes).
 */
#include "drivers/sim/certificate.h"
#include "drivers/sim/cvc.h"

struct authority {
	char name[16];
	char car[CVC_NAME + 1];
	EVP_PKEY *x509_key;
	EVP_PKEY *cvc_key;
	struct buf x509_root; /* DER */
};

enum authority_outcome {
	AUTHORITY_REFUSED = 1, /* a name that we do not make: real, or no name */
};

/** authority_open() - load @name of @dir, or make it. Return: 0, a fault or AUTHORITY_REFUSED. */
int authority_open(
	const char *dir, const char *name, struct authority **ret_authority) _must_check_;
/** authority_revoke() - put @certificate (DER) on @a's list in @dir; @t: of the new list. */
int authority_revoke(const struct authority *a, const char *dir, struct view certificate,
	const struct certificate_times *t) _must_check_;
struct authority *authority_free(struct authority *a); /* returns NULL */
