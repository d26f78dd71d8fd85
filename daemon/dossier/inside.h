/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of this room share. One struct dossier a session, from prepare to lock; its calls
 * run one after the other, the first of the list is the running one.
 */
#include <dirent.h>

#include "base/link-ops.h"
#include "daemon/dossier/dossier.h"
#include "daemon/dossier/facts.h"
#include "daemon/dossier/keys.h"
#include "daemon/dossier/record.h"
#include "daemon/dossier/seal.h"

struct call;
struct code_asking;
struct import;

#define LIMIT_KEPT_YEARS 10U /* that a closed dossier is kept (CSP L.1111-18) */

/* a run of keeping.c over the closed dossiers that are due */
struct keeping {
	uint64_t time; /* by which they are: us, wall clock; 0: none is on its way */
	DIR *months;
	DIR *month;   /* NULL: the next one */
	char name[8]; /* of it */
};

struct dossiers {
	sd_event *ev;
	const struct config *config;
	const struct rights *rights;
	struct audit *audit;
	const struct dossier_ops *ops;
	void *user;
	struct keys keys;
	char folder[320]; /* <state>/dossiers */
	struct dossier *first;
	struct keeping keeping;
	struct child *spare;   /* started ahead for the next dossier; has been told nothing */
	struct import *import; /* of reimbursements, under way; or NULL (import.c) */
};

struct dossier {
	struct dossier *next;
	struct dossiers *all;
	struct session *session; /* NULL: of an import, which nobody opened */
	struct child *child;
	bool waiting; /* for an import to let go of the file */
	char pseudonym[65];
	enum dossier_state state;
	uint64_t version; /* 0: absent */
	uint8_t hash[SEAL_HASH];
	struct secret key;  /* until the process has it */
	struct buf wrapped; /* of a new dossier's key, until it is created */
	bool has_key;	    /* a key file lies beside the store */
	bool pending;	    /* marked: the store goes away unless it is created */
	bool empty;	    /* the process found no dossier in it */
	bool granted;
	bool vouched;	    /* @version and @hash: by the record, or by the sealed header */
	json_t *unfinished; /* the started entry of a change whose end the record misses, or NULL */
	enum audit_event unfinished_event;
	json_t *people; /* the people record; what it says of this session's professional: */
	json_t *mine;	/* authorisations, in force or not */
	bool blocked;
	bool treating;
	bool opposed;		    /* the patient opposed this emergency mode */
	bool masked_allowed;	    /* and allows emergencies what is masked */
	bool coded;		    /* the patient's code was given in this session */
	struct code_asking *asking; /* while it is asked for, or NULL (codes.c) */
	int64_t fed_since; /* their last consent, and the end of that day; us, wall clock */
	int64_t fed_until;
	bool fed_told; /* ... and whether the patient was told of that day without their card */
	struct dossier_told told[DOSSIER_TOLD_COUNT]; /* count 0: none is being told */
	enum vitaled_reason why;  /* what calls that wait are told when it is locked */
	enum vitaled_reason over; /* the session ends when the running call has been told */
	struct call *calls;
	size_t n_calls;
	unsigned int calling; /* done functions on the stack */
	bool exporting;	      /* everything is on its way to a reader */
	unsigned int reading; /* contents that are */
	bool dead;	      /* locked; freed when they have returned */
};

/* -- calls.c ------------------------------------------------------------------------------------ */

/** calls_end() - the session is over: every waiting call is done, with its own reason if it has
 *  one, else that of @d. */
void calls_end(struct dossier *d);

/* -- people.c ------------------------------------------------------------------------------------- */

/** people_take() - PEOPLE of an answer. Return: 0 or a fault (-EBADMSG: no people record). */
int people_take(struct dossier *d, struct view body) _must_check_;
/** people_authorised() - whether an authorisation of this professional is in force now. @ret_told:
 *  whether the patient was told that it also opens without their card. */
bool people_authorised(const struct dossier *d, bool *ret_told);
/** people_listed() - what ListProfessionals tells, now: a new reference. Return: 0 or -ENOMEM. */
int people_listed(const struct dossier *d, json_t **ret) _must_check_;
/** people_changed() - @d's record was changed. Sessions that have the same dossier open know it now;
 *  one whose professional was blocked, or named in what was revoked (@revoked: id, or NULL), or whose
 *  emergency is opposed now, ends at once, and @d's own when its call has been told. */
void people_changed(struct dossier *d, const char *revoked);

/* -- codes.c -------------------------------------------------------------------------------------- */

/** asking_forget() - nothing is asked for any more. */
void asking_forget(struct dossier *d);

/* -- keeping.c ---------------------------------------------------------------------------------- */

/** keeping_note() - the dossier @pseudonym is about to be closed and goes after @until (us, wall clock):
 *  durable when 0 is returned. */
int keeping_note(struct dossiers *ds, const char *pseudonym, int64_t until) _must_check_;
/** keeping_now() - how late it is for @pseudonym: the latest of what the clock says, of the time that daily
 *  runs have seen go by, and of the newest entries about this dossier; us, wall clock. */
uint64_t keeping_now(const struct dossiers *ds, const char *pseudonym);
/** keeping_forget() - it is open again. */
void keeping_forget(struct dossiers *ds, const char *pseudonym, int64_t until);
/** keeping_finish() - at the start: what was being erased when a broker was killed is gone, where the
 *  record says that it was. */
void keeping_finish(struct dossiers *ds);
void keeping_stop(struct dossiers *ds); /* a run that is on its way */

/* -- dossier.c ---------------------------------------------------------------------------------- */

/** dossier_expect() - one will be asked for soon: its process is started ahead, and knows nothing. */
void dossier_expect(struct dossiers *ds);

/** dossier_end() - the session of @d ends for @r, and so does @d. */
void dossier_end(struct dossier *d, enum vitaled_reason r);
/** dossier_damaged() - record the rejection and end the session. */
void dossier_damaged(struct dossier *d, const char *why);
/** dossier_failed() - record the process's failure and end the session. */
void dossier_failed(struct dossier *d, const char *why);
/** dossier_went_wrong() - an answer that is none (NULL), or that no later one can make good.
 *  Return: whether the session ended. */
bool dossier_went_wrong(struct dossier *d, const struct link_frame *answer);
/** dossier_take_state() - VERSION and HASH of an answer. Return: whether they were there. */
bool dossier_take_state(struct dossier *d, struct view body) _must_check_;
/** dossier_take_opened() - STATE, VERSION, HASH and @ret_previous of the answer to OPEN, borrowed.
 *  Return: whether they were there. */
bool dossier_take_opened(
	struct dossier *d, struct view body, struct view *ret_previous) _must_check_;
/** dossier_begin_waiting() - an import let go of a file: a session that waits for it goes on. */
void dossier_begin_waiting(struct dossiers *ds);
/** dossier_created() - a dossier is there now: the store stays. */
void dossier_created(struct dossier *d);
void dossier_put(struct dossier *d); /* frees a dead one that nobody is calling */
