/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Roots of natures and cards with their keys and certificates, made anew by each test program. */
#include "base/buf.h"
#include "tests/unit/record/forge.h"

struct forged_card {
	uint8_t serial[10]; /* value of 5A */
	EVP_PKEY *key;	    /* P-256, of the role certificate */
	EVP_PKEY *rsa;	    /* of SIG and AUT; NULL: a patient's */
	struct buf cvc;
	struct buf sig;
	struct buf aut;
};

enum forged_fault {
	FORGED_GOOD = 0,
	FORGED_EXPIRED,	  /* the role certificate */
	FORGED_STRANGER,  /* ... by an unknown root */
	FORGED_OTHER_CHR, /* ... of another serial */
	FORGED_OTHER_ROLE,
	FORGED_X509_EXPIRED,
	FORGED_X509_STRANGER,
	FORGED_TWO_PEOPLE,    /* SIG and AUT of two people */
	FORGED_TWO_CARDS,     /* SIG and AUT of two cards of one person */
	FORGED_OTHER_CARD,    /* SIG and AUT of another card than this chip */
	FORGED_NO_SPECIALITY, /* in the certificates */
	FORGED_SOMEBODY,      /* SIG and AUT of one other person */
};

/** pki_open() - roots of the natures "simulated" and "test" below @folder/anchors. */
void pki_open(const char *folder);
void pki_close(void);
void pki_forget_cards(void); /* room for others */
/** pki_card() - a card of @nature ("simulated", "test"); @letter V or P; borrowed. */
struct forged_card *pki_card(const char *nature, char letter, enum forged_fault fault);
/** pki_renew() - the professional's card @old with another role key (@signs: another signature key)
 *  and certificates of it; borrowed. */
struct forged_card *pki_renew(
	const struct forged_card *old, const char *nature, enum forged_fault fault, bool signs);
