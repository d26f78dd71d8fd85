/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * X.509 certificates of the test authority: its root, what a professional's card carries, and the
 * list of what was revoked. Subject and extensions have the form of IGC-Santé: one relative
 * distinguished name with given name, number and surname together, and the private extensions
 * 1.2.250.1.71.1.2.2 card type, .3 card number, .5 category, .7 profession, .8 future profession,
 * .12 responsibility, .71.4.2.5 speciality; what a profile does not say is absent. The category is
 * always 80, a test card.
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
	CERTIFICATE_TECHNICAL, /* contactless: names the card, not the person */
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
/**
 * certificate_crl() - a revocation list (RFC 5280 §5) of the authority @root
 * @previous: DER of the list before, whose entries and number go on; empty: none
 * @revoked:  DER of the certificate that joins them
 * @t:        thisUpdate and nextUpdate
 */
int certificate_crl(EVP_PKEY *issuer, struct view root, struct view previous,
	struct view revoked, const struct certificate_times *t, struct buf *out) _must_check_;
