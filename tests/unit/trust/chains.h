/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Who signed a feed and who is above, as an import asks (daemon/trust/revocation.h). */
#include "daemon/trust/revocation.h"
#include "tests/unit/trust/pki.h"

/** chains_signer() - whom @issuer issued; like a doctor else. */
struct forged_x509 chains_signer(X509 *issuer, EVP_PKEY *issuer_key);
/** chains_anchor() - @cert, appended as feeders_read() does. */
void chains_anchor(struct buf *out, uint8_t nature, X509 *cert);
/** chains_believe() - @certs of simulated feeders, ending with NULL, are their anchors from now on. */
void chains_believe(X509 *const *certs);
/** chains_ask() - @certs: signer first, ending with NULL. */
enum trust_revocation chains_ask(X509 *const *certs, uint64_t now);
/** chains_starve() - whatever allocation fails, alone or with all after it: @truth or no answer. */
void chains_starve(X509 *const *certs, enum trust_revocation truth);
