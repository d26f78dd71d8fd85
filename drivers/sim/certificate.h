/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * X.509 certificates of the test authority: its root, and what a professional's card carries. Subject
 * and extensions have the form of IGC-Santé: one relative distinguished name with given name, number
 * and surname together, and the private extensions 1.2.250.1.71.1.2.{2,3,5,7} and .71.4.2.5. The
 * category is always 80, a test card.
 */
#include "drivers/sim/crypto.h"
#include "drivers/sim/profile.h"

struct certificate_times {
	int64_t from; /* seconds since 1970 */
	int64_t until;
};

/** certificate_root() - self-signed; @organisation: shown in its name. DER appended to @out. */
int certificate_root(EVP_PKEY *key, const char *organisation, const struct certificate_times *t,
	struct buf *out) _must_check_;

enum certificate_use {
	CERTIFICATE_AUTHENTICATION,
	CERTIFICATE_SIGNATURE,
};

/**
 * certificate_card() - one certificate of a professional's card
 * @root:     DER of the issuer
 * @subject:  the card's key (its public half is certified)
 */
int certificate_card(const struct profile *p, enum certificate_use use, EVP_PKEY *subject,
	EVP_PKEY *issuer, struct view root, const struct certificate_times *t,
	struct buf *out) _must_check_;
/** certificate_put_pem() - DER as PEM. */
int certificate_put_pem(struct view der, struct buf *out) _must_check_;
