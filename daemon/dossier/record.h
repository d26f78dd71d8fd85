/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Entries about a dossier, and what the record says of its store, its day and its codes. */
#include "daemon/dossier/dossier.h"

/** record_entry() - one entry about @d. @outcome: a word; @document, @rule may be NULL; @details is
 *  taken. Version and hash of @d go in when they are vouched for, unless it is absent.
 *  Return: 0 or AUDIT_UNAVAILABLE. */
int record_entry(struct dossier *d, enum audit_event event, const char *outcome,
	const char *document, const char *rule, json_t *details) _must_check_;
/** record_started() - the same without version and hash: a change is about to be made. @details
 *  is borrowed. */
int record_started(struct dossier *d, enum audit_event event, const char *document,
	const json_t *details) _must_check_;

enum record_outcome {
	RECORD_REJECTED =
		1, /* @ret_why: word; the store is not the one that the record tells of */
};

/** record_check() - compare @d's version and hash, as its process computed them without a key, with
 *  the record; a change whose end could not be recorded is kept in mind. @previous: hash of the
 *  state before. */
int record_check(struct dossier *d, struct view previous, const char **ret_why) _must_check_;
/** record_recovered() - the header has been verified: record the end of that change, if there is
 *  one, as of who began it. Return: 0 or AUDIT_UNAVAILABLE. */
int record_recovered(struct dossier *d) _must_check_;
/** record_import() - entry @e of an import: about @d, and with its version when it is not started.
 *  Return: 0 or AUDIT_UNAVAILABLE. */
int record_import(struct dossier *d, struct audit_entry *e) _must_check_;
/** record_rejected() - the entry of a store that is not used, with no version. */
int record_rejected(struct dossier *d, const char *why) _must_check_;
/** record_fed() - without the patient's card: when this professional last had their consent, unless it was
 *  revoked since, and until when that day lasts. Return: 0 or a fault. */
int record_fed(struct dossier *d) _must_check_;

struct record_codes {
	unsigned int
		tries; /* within LIMIT_CODE_WINDOW, since a code was right or one was issued */
	/* of the activation code that is asked about: */
	bool issued;  /* its issue is in the record, and nothing newer is */
	bool used;    /* it was right once */
	uint64_t age; /* us since it was issued */
	unsigned int
		of_activation; /* tries of it, but for those in which the personal one was right */
};

/** record_codes() - what the record says of the tries of a code. @id: an activation code, or NULL. Time
 *  that passed since this boot is the kernel's, whatever the wall clock was set to. Return: 0 or a fault. */
int record_codes(
	const struct dossier *d, const char *id, struct record_codes *ret) _must_check_;

#define RECORD_HISTORY_STEP 64U /* entries that one step looks at, at most: some ms */

/* The entries about @d's patient as shown, newest first, however far back. */
struct record_history {
	bool own; /* only this professional's */
	const json_t
		*hidden; /* none about a document that is a member of it; borrowed, or NULL */
	unsigned int limit; /* shown at most */
	unsigned int n;	    /* shown so far */
	uint64_t below;	    /* the entries from this number on were looked at; 0: none was */
	struct buf text;    /* a JSON array without its end, canonical; owned */
};

/** record_history_step() - the next RECORD_HISTORY_STEP entries. @ret_more: whether there may be others.
 *  Return: 0 or a fault. */
int record_history_step(
	struct dossier *d, struct record_history *h, bool *ret_more) _must_check_;
