/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Authorities of two natures, a doctor's and a patient's card, loaded as anchors. */
#include "base/clock.h"
#include "daemon/trust/trust.h"
#include "tests/unit/record/forge.h"

#define YEAR	    ((time_t)365 * 86400)
#define NOW	    ((time_t)1764000000) /* November 2025 */
#define NOW_US	    ((uint64_t)NOW * USEC_PER_SEC)
#define SIM	    "FRVDSIMROOT00001"
#define TEST	    "FRVDTESTRO000001"
#define USAGE	    "critical,nonRepudiation"
#define PKI_PROFILE 6U /* extensions of the profile and their end */

struct pki {
	char folder[32];
	EVP_PKEY *root_key, *ca_key, *card_key, *stranger_key;
	X509 *root, *ca, *stranger, *test_root;
	EVP_PKEY *cvc_root, *cvc_test, *cvc_card;
	struct trust *trust;
};

extern struct pki pki;
extern const struct forged_extension pki_profile[PKI_PROFILE];

int pki_prepare(void **state);
int pki_clean(void **state);
struct forged_x509 pki_authority(const char *cn, EVP_PKEY *key);
struct forged_x509 pki_doctor(void);
struct forged_cvc pki_root_cvc(const char *name, EVP_PKEY *key);
struct forged_cvc pki_card_cvc(void);
/** pki_judge_at() - what trust_x509() says of @f at @now. */
int pki_judge_at(const struct forged_x509 *f, time_t now, bool signing, struct trust_person *p);
int pki_judge(const struct forged_x509 *f); /* now, for signing */
/** pki_keyless() - @cert as memory that ran out leaves it: its P-256 key, no point of the curve, is not decoded. */
X509 *pki_keyless(X509 *cert);
