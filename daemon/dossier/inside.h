/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of this room share. One struct dossier a session, from prepare to lock; its calls
 * run one after the other, the first of the list is the running one.
 */
#include "base/link-ops.h"
#include "daemon/dossier/dossier.h"
#include "daemon/dossier/keys.h"
#include "daemon/dossier/seal.h"

struct call;

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
	struct child *spare; /* started ahead for the next dossier; has been told nothing */
};

struct dossier {
	struct dossier *next;
	struct dossiers *all;
	struct session *session;
	struct child *child;
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
	bool opposed;	   /* the patient opposed this emergency mode */
	int64_t fed_since; /* their last consent, and the end of that day; us, wall clock */
	int64_t fed_until;
	enum vitaled_reason why;  /* what calls that wait are told when it is locked */
	enum vitaled_reason over; /* the session ends when the running call has been told */
	struct call *calls;
	size_t n_calls;
	unsigned int calling; /* done functions on the stack */
	bool dead;	      /* locked; freed when they have returned */
};

/* -- record.c: entries, and what the record says of a store ------------------------------------- */

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
/** record_rejected() - the entry of a store that is not used, with no version. */
int record_rejected(struct dossier *d, const char *why) _must_check_;
/** record_fed() - without the patient's card: when this professional last had their consent, unless it was
 *  revoked since, and until when that day lasts. Return: 0 or a fault. */
int record_fed(struct dossier *d) _must_check_;
/** record_history() - the newest @limit entries about @d's patient as shown, however far back; @own:
 *  only this professional's. Return: 0 or a fault. */
int record_history(struct dossier *d, bool own, unsigned int limit, json_t **ret) _must_check_;

/* -- calls.c ------------------------------------------------------------------------------------ */

/** calls_end() - the session is over: every waiting call is done, with its own reason if it has
 *  one, else that of @d. */
void calls_end(struct dossier *d);

/* -- facts.c -------------------------------------------------------------------------------------- */

/* what is asked, besides by whom */
struct facts_act {
	enum rights_action action;
	const json_t *row; /* of a document, or NULL */
	bool self;	   /* the act names this very professional */
	bool until;	   /* ... and an end */
};

/** facts_flags() - RIGHTS_FLAG_* of a row; those that are not known are none. */
unsigned int facts_flags(const json_t *row);

/** facts_decide() - rights of this session's professional, now. */
enum rights_decision facts_decide(
	const struct dossier *d, const struct facts_act *act, const char **ret_rule);
/** facts_worth_asking() - whether consent to what is intended would open anything; if not nobody is
 *  asked. */
bool facts_worth_asking(const struct dossier *d, const char **ret_rule);

/* -- people.c ------------------------------------------------------------------------------------- */

/** people_take() - PEOPLE of an answer. Return: 0 or a fault (-EBADMSG: no people record). */
int people_take(struct dossier *d, struct view body) _must_check_;
/** people_authorised() - whether an authorisation of this professional is in force now. */
bool people_authorised(const struct dossier *d);
/** people_listed() - what ListProfessionals tells, now: a new reference. Return: 0 or -ENOMEM. */
int people_listed(const struct dossier *d, json_t **ret) _must_check_;
/** people_changed() - @d's record was changed. Sessions that have the same dossier open know it now;
 *  one whose professional was blocked, or named in what was revoked (@revoked: id, or NULL), or whose
 *  emergency is opposed now, ends at once, and @d's own when its call has been told. */
void people_changed(struct dossier *d, const char *revoked);

/* -- dossier.c ---------------------------------------------------------------------------------- */

/** dossier_expect() - one will be asked for soon: its process is started ahead, and knows nothing. */
void dossier_expect(struct dossiers *ds);

/** dossier_end() - the session of @d ends for @r, and so does @d. */
void dossier_end(struct dossier *d, enum vitaled_reason r);
/** dossier_damaged() - record the rejection and end the session. */
void dossier_damaged(struct dossier *d, const char *why);
/** dossier_failed() - record the process's failure and end the session. */
void dossier_failed(struct dossier *d, const char *why);
/** dossier_take_state() - VERSION and HASH of an answer. Return: whether they were there. */
bool dossier_take_state(struct dossier *d, struct view body) _must_check_;
/** dossier_created() - a dossier is there now: the store stays. */
void dossier_created(struct dossier *d);
void dossier_put(struct dossier *d); /* frees a dead one that nobody is calling */
