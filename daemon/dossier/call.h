/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One call on an unlocked dossier, and what all calls do alike. A call is in its dossier's list until
 * it is done; every path of a running call ends in exactly one of the functions of "ends", after
 * which neither the call nor its dossier is touched.
 */
#include "daemon/dossier/inside.h"

enum call_kind {
	CALL_CREATE = 0,
	CALL_SUMMARY,
	CALL_LIST,
	CALL_READ,
	CALL_ADD,
	CALL_FLAG,
	CALL_HISTORY,
};

struct call {
	struct call *next;
	struct dossier *d;
	enum call_kind kind;
	enum rights_action action;
	dossier_done_fn done; /* NULL: forgotten */
	void *user;
	char id[37];
	const char *flag; /* static text */
	bool on;
	json_t *filter; /* owned, or NULL */
	json_t *ids;	/* released so far, owned */
	size_t sent;	/* ids handed to the process */
	unsigned int withheld;
	int fds[2]; /* owned; Add: the client's; Read and others: the answer's */
	enum vitaled_reason reason;
	const char *rule; /* static text or @advice */
	char advice[64];
};

/* -- ends --------------------------------------------------------------------------------------- */

/** call_finish() - done for @reason without an entry of its own. */
void call_finish(struct call *c, enum vitaled_reason reason);
/** call_succeed() - done as asked: recorded, then told. @details is taken. */
void call_succeed(struct call *c, json_t *details);
/** call_abandon() - not done; a change that had been started is recorded as having come to nothing. */
void call_abandon(struct call *c, enum vitaled_reason reason);
/** call_denied() - NOT_PERMITTED by @rule (static text), recorded. */
void call_denied(struct call *c, const char *rule);
/** call_unrecorded() - the record takes no entry: nothing is released and the session ends. */
void call_unrecorded(struct call *c);
/** call_malformed() - the process answered nonsense: the session ends. */
void call_malformed(struct call *c);

/* -- the process -------------------------------------------------------------------------------- */

/** call_request() - the next request of @c; when it cannot be sent the session ends. */
void call_request(struct call *c, enum dossier_op op, const struct buf *body, const int *fds,
	size_t n_fds, child_answer_fn done);
/** call_went_wrong() - whether @answer is no success; @c has then come to its end. */
bool call_went_wrong(struct call *c, const struct link_frame *answer);
int call_put_json(struct buf *body, uint32_t tag, const json_t *j) _must_check_;
/** call_rows() - the rows of an answer, a new reference, or NULL; @ret_more: there are more. */
json_t *call_rows(struct view body, bool *ret_more);
/** call_row_allowed() - decide the call by the one row of @answer; on false the call has ended. */
bool call_row_allowed(struct call *c, struct link_frame *answer);
/** call_put_author() - FACTS: who does this, as the dossier keeps it. */
int call_put_author(struct buf *body, const struct dossier *d) _must_check_;

/* -- what runs a call (calls-read.c, calls-change.c) -------------------------------------------- */
void call_run_many(struct call *c);    /* Summary, List */
void call_run_one(struct call *c);     /* Read, SetVisibility */
void call_run_history(struct call *c); /* allowed already, as the two below */
void call_run_create(struct call *c);
void call_run_add(struct call *c);  /* allowed in general; then by the row it would make */
void call_run_flag(struct call *c); /* allowed already, by its row */
