/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Two cards, their authorities and a record of eight entries, and the receipts they make. */
#include "record/cvc.h"
#include "record/receipt.h"
#include "tests/unit/record/forge.h"

#define NOW    ((time_t)1764000000)
#define YEAR   ((time_t)365 * 86400)
#define ORIGIN "vitaled.example/record"
#define ROOT   "FRVDSIMROOT00001"

struct world {
	char folder[32];
	char anchors[64];
	EVP_PKEY *root_key, *card_key, *other_key, *cvc_root, *cvc_card;
	X509 *root, *card, *other;
	uint8_t point[CVC_POINT];
	struct buf cvc;
	char *vkey;
	char certificate[65]; /* hex SHA-256 of the card's X.509 certificate */
};

extern struct world world;
extern const uint8_t world_seed[32]; /* of the record */

struct made {
	json_t *statement;	    /* members to change before it is signed */
	struct view statement_text; /* instead of the canonical text, when not empty */
	const char *proof;	    /* the receipt's word */
	bool kiosk;		    /* no professional */
	bool alone;		    /* no patient card */
	X509 *signer;
	EVP_PKEY *signer_key;
	unsigned int cms_flags;
	struct view cvc;
	EVP_PKEY *presence_key;
	const char *entry_hash; /* instead of the statement's */
	const char *entry_text; /* instead of the whole entry */
	const char *index;	/* of the eight entries ours is number 5 */
	const char
		*act[2]; /* entries 6 and 7, what the session did; both NULL: an old receipt */
	int omitted;	 /* ... and how many are left out */
	const char *origin; /* instead of ORIGIN; its key is then another one */
};

int world_prepare(void **state);
int world_clean(void **state);
struct made world_usual(void); /* all is well */
/** world_make() - the receipt as JSON; takes over m->statement. */
json_t *world_make(const struct made *m);
struct receipt_anchors world_known(void); /* a checker who knows all anchors */
int world_parse(const json_t *whole, struct receipt *ret);
/** world_judge() - parse, verify, free @whole. */
int world_judge(json_t *whole, const struct receipt_anchors *a, const char **at);
void world_cvc(
	const char *chr, uint8_t role, const char *until, EVP_PKEY *signer, struct buf *out);
