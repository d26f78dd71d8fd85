/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* One certificate revocation list (RFC 5280 §5), read and verified. */
#include "base/link-crl.h"
#include "daemon/trust/issuer.h"

#define CRL_POINT_MAX 255U /* bytes of a URI */

struct crl {
	uint8_t issuer[ISSUER_ID];
	uint64_t this_update; /* seconds since 1970 */
	uint64_t next_update; /* 0: absent */
	bool numbered;
	uint8_t number[ISSUER_SERIAL];
	char point[CRL_POINT_MAX + 1U];
	uint8_t (*serials)[ISSUER_SERIAL]; /* owned; ascending, each once */
	uint32_t n;
};

#define CRL_NULL ((struct crl){.serials = NULL})

/**
 * crl_read() - a complete list of one authority
 * @file:        DER, or text with one PEM block "X509 CRL"
 * @authorities: DER certificates, one after the other; what no longer parses ends the row
 * @ret:         the caller ends it by crl_done(); written only on CRL_DONE
 *
 * Delta (§5.2.4) and indirect (§5.2.5) lists are named and not read; a list for one distribution
 * point is, with the point's first URI. Times are not compared with a clock here.
 * Return: 0, a fault, or a crl_outcome.
 */
int crl_read(struct view file, struct view authorities, struct crl *ret) _must_check_;
void crl_done(struct crl *c);
