/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One call on an unlocked dossier, and what all calls do alike. A call is in its dossier's list until
 * it is done; every path of a running call ends in exactly one of the functions of "ends", after
 * which neither the call nor its dossier is touched.
 */
#include "daemon/dossier/call-runs.h"

/* An export: all that a dossier may have, and of its history the newest. */
#define LIMIT_EXPORT	     100000U
#define LIMIT_EXPORT_HISTORY 2000U
#define LIMIT_CLOSE_REASON   1000U /* characters of why a dossier is closed */

enum call_kind {
	CALL_CREATE = 0,
	CALL_SUMMARY,
	CALL_LIST,
	CALL_READ,
	CALL_ADD,
	CALL_FLAG,
	CALL_REPLACE,
	CALL_ARCHIVE, /* and back */
	CALL_DELETE,
	CALL_HISTORY,
	CALL_PROFESSIONALS,
	CALL_AUTHORISE,
	CALL_REVOKE,
	CALL_BLOCK, /* and back */
	CALL_TREATING,
	CALL_OPPOSE,
	CALL_ALLOW_MASKED, /* and no longer */
	CALL_SET_CODE,
	CALL_ISSUE_CODE,
	CALL_CLOSE,
	CALL_REOPEN,
	CALL_EXPORT,
	CALL_IMPORT, /* of import.c: nobody's of the session */
	CALL_COUNT
};

struct call {
	struct call *next;
	struct dossier *d;
	enum call_kind kind;
	enum rights_action action;
	dossier_done_fn done; /* NULL: forgotten */
	void *user;
	char id[37];
	char made[37];	  /* Replace: the new document */
	const char *word; /* static text: of the flag, or the status that it gets */
	bool on;
	bool self;	 /* the act names this very professional */
	json_t *act;	 /* owned; people_act without who and when it is done */
	json_t *row;	 /* owned; of the document that was decided about last */
	json_t *details; /* owned; of the entries */
	json_t *filter;	 /* owned, or NULL */
	json_t *ids;	 /* released so far, owned */
	json_t *hidden; /* Export, History: its members are the documents that are not, owned */
	size_t sent;	/* ids handed to the process */
	size_t most;	/* ids that are wanted at most; 0: as many as there are */
	unsigned int n_history;	      /* Export, History: entries that are wanted at most */
	struct call_history *history; /* ... that are being gathered, owned, or NULL */
	unsigned int withheld;
	int fds[2]; /* owned; Add: the client's; Read and others: the answer's */
	enum vitaled_reason reason;
	const char *rule; /* static text or @advice */
	char advice[64];
	struct dossier_agent agent; /* IssueActivationCode: who shows it */
};

/* -- ends --------------------------------------------------------------------------------------- */

/** call_finish() - done for @reason without an entry of its own. */
void call_finish(struct call *c, enum vitaled_reason reason);
/** call_succeed() - done as asked: recorded with its details, then told. */
void call_succeed(struct call *c);
/** call_abandon() - not done; a change that had been started is recorded as having come to nothing. */
void call_abandon(struct call *c, enum vitaled_reason reason);
/** call_denied() - NOT_PERMITTED by @rule (static text), recorded. */
void call_denied(struct call *c, const char *rule);
/** call_unrecorded() - the record takes no entry: nothing is released and the session ends. */
void call_unrecorded(struct call *c);
/** call_malformed() - the process answered nonsense: the session ends. */
void call_malformed(struct call *c);

/** call_decide() - rights about the call itself, or about the document of @row. */
enum rights_decision call_decide(const struct call *c, enum rights_action action,
	const json_t *row, const char **ret_rule);
/** call_flag_action() - what setting (@on) or taking away the flag @flag is. */
enum rights_action call_flag_action(unsigned int flag, bool on);
/** call_add_action() - what bringing a document is in this session. */
enum rights_action call_add_action(const struct session *s);
/** call_started() - a change is about to be made: recorded. Return: false: @c has ended. */
bool call_started(struct call *c) _must_check_;

/* -- the process -------------------------------------------------------------------------------- */

/** call_request() - the next request of @c; when it cannot be sent the session ends. */
void call_request(struct call *c, enum dossier_op op, const struct buf *body, const int *fds,
	size_t n_fds, child_answer_fn done);
/** call_went_wrong() - whether @answer is no success; @c has then come to its end. */
bool call_went_wrong(struct call *c, const struct link_frame *answer);
int call_put_json(struct buf *body, uint32_t tag, const json_t *j) _must_check_;
/** call_rows() - the rows of an answer, a new reference, or NULL; @ret_more: there are more. */
json_t *call_rows(struct view body, bool *ret_more);
/** call_row_allowed() - decide @action by the one row of @answer, which becomes @c's; on false the call
 *  has ended. */
bool call_row_allowed(struct call *c, enum rights_action action, struct link_frame *answer);
/** call_author() - who does this, as the dossier keeps it: a new reference, or NULL. */
json_t *call_author(const struct dossier *d);
/** call_put_author() - FACTS: the same. */
int call_put_author(struct buf *body, const struct dossier *d) _must_check_;

/* -- beginning (calls.c) ------------------------------------------------------------------------ */

/** call_begin() - a new call, not yet running. NULL: refused, and told. */
struct call *call_begin(struct session *s, enum call_kind kind, enum rights_action action,
	dossier_done_fn done, void *user);
/** call_drop() - @c could not be made whole: told, and gone. */
void call_drop(struct call *c, enum vitaled_reason reason, const char *rule);
/** call_enqueue() - behind those that wait; runs at once when there are none. */
void call_enqueue(struct call *c);
