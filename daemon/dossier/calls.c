/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The calls of an unlocked dossier, one after the other. Each asks rights first: about the action,
 * and where documents are concerned about each document, by the rows that the process gives. What
 * the process answers is handed on only when its entry is in the record; what changes the dossier is
 * told to the record before and after (record.c). A refusal names its rule and is recorded.
 *
 * A call is in its dossier's list until it is done; then its done function runs, once, and it is
 * freed. When the session ends, dossier_lock() does that for all that are waiting. A call that takes
 * away what its own session opens by ends that session when it has been told, before the next call.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/tlv.h"
#include "daemon/dossier/call.h"
#include "daemon/limits.h"

static void start_next(struct dossier *d);

/* one row a kind of call */
static const struct {
	void (*run)(struct call *c);
	enum audit_event event;
	bool by_document; /* rights are asked there, by rows */
	bool changes;
} kinds[CALL_COUNT] = {
	[CALL_CREATE] = {call_run_create, AUDIT_EVENT_DOSSIER_CREATED, false, true},
	[CALL_SUMMARY] = {call_run_many, AUDIT_EVENT_DOSSIER_SUMMARY, true, false},
	[CALL_LIST] = {call_run_many, AUDIT_EVENT_DOSSIER_LISTED, true, false},
	[CALL_READ] = {call_run_one, AUDIT_EVENT_DOCUMENT_READ, true, false},
	[CALL_ADD] = {call_run_add, AUDIT_EVENT_DOCUMENT_ADDED, false, true},
	[CALL_FLAG] = {call_run_one, AUDIT_EVENT_DOCUMENT_FLAGGED, true, true},
	[CALL_REPLACE] = {call_run_one, AUDIT_EVENT_DOCUMENT_REPLACED, true, true},
	[CALL_ARCHIVE] = {call_run_one, AUDIT_EVENT_DOCUMENT_ARCHIVED, true, true},
	[CALL_DELETE] = {call_run_one, AUDIT_EVENT_DOCUMENT_DELETED, true, true},
	[CALL_HISTORY] = {call_run_history, AUDIT_EVENT_HISTORY_READ, false, false},
	[CALL_CLOSE] = {call_run_close, AUDIT_EVENT_DOSSIER_CLOSED, false, true},
	[CALL_REOPEN] = {call_run_reopen, AUDIT_EVENT_DOSSIER_REOPENED, false, true},
	[CALL_EXPORT] = {call_run_export, AUDIT_EVENT_DOSSIER_EXPORTED, false, false},
	[CALL_PROFESSIONALS] = {call_run_professionals, AUDIT_EVENT_PEOPLE_LISTED, false,
		false},
	[CALL_AUTHORISE] = {call_run_people, AUDIT_EVENT_AUTHORISED, false, true},
	[CALL_REVOKE] = {call_run_people, AUDIT_EVENT_REVOKED, false, true},
	[CALL_BLOCK] = {call_run_people, AUDIT_EVENT_BLOCKED, false, true},
	[CALL_TREATING] = {call_run_people, AUDIT_EVENT_TREATING_DOCTOR, false, true},
	[CALL_OPPOSE] = {call_run_people, AUDIT_EVENT_OPPOSITION, false, true},
	[CALL_ALLOW_MASKED] = {call_run_people, AUDIT_EVENT_MASKED_ALLOWED, false, true},
	[CALL_IMPORT] = {call_run_import, AUDIT_EVENT_IMPORTED, true, false}, /* tells itself */
	[CALL_SET_CODE] = {call_run_set_code, AUDIT_EVENT_CODE_SET, false, true},
	[CALL_ISSUE_CODE] = {call_run_issue_code, AUDIT_EVENT_CODE_ISSUED, false, true},
};

/* -- ends --------------------------------------------------------------------------------------- */

static struct call *call_free(struct call *c)
{
	for (size_t i = 0; i < ARRAY_LEN(c->fds); i++) {
		if (c->fds[i] >= 0) {
			close(c->fds[i]);
		}
	}
	call_history_free(c->history);
	json_decref(c->filter);
	json_decref(c->ids);
	json_decref(c->hidden);
	json_decref(c->act);
	json_decref(c->row);
	json_decref(c->details);
	free(c);
	return NULL;
}

/* Tell the caller, which may take the descriptors. */
static void tell(struct call *c)
{
	struct dossier_reply reply = {
		.reason = c->reason,
		.rule = c->rule,
		.fds = {-1, -1},
	};

	if (!c->done) {
		return;
	}
	if (c->reason == VITALED_REASON_NONE) {
		bytes_copy(reply.id, sizeof(reply.id), c->made[0] ? c->made : c->id,
			sizeof(c->id));
		reply.fds[0] = c->fds[0];
		reply.fds[1] = c->fds[1];
		c->fds[0] = -1;
		c->fds[1] = -1;
	}
	c->done(c->user, &reply);
	for (size_t i = 0; i < ARRAY_LEN(reply.fds); i++) {
		if (reply.fds[i] >= 0) {
			close(reply.fds[i]);
		}
	}
}

static void pop(struct dossier *d)
{
	d->calls = d->calls->next;
	d->n_calls--;
}

/* The running call is done. */
void call_finish(struct call *c, enum vitaled_reason reason)
{
	bool own = c->kind != CALL_IMPORT; /* of somebody who is there */
	struct dossier *d = c->d;
	bool waiting;

	c->reason = reason;
	pop(d);
	waiting = d->calls != NULL; /* one that comes from within tell() runs there */
	d->calling++;
	tell(c);
	call_free(c);
	if (own && !d->dead) {
		session_input(d->session); /* which may end it */
	}
	d->calling--;
	if (d->dead) {
		dossier_put(d);
	} else if (d->over != VITALED_REASON_NONE) {
		dossier_end(d, d->over);
	} else if (waiting) {
		start_next(d);
	}
}

void calls_end(struct dossier *d)
{
	while (d->calls) {
		struct call *c = d->calls;

		pop(d);
		if (c->reason == VITALED_REASON_NONE) {
			c->reason = d->why;
		}
		tell(c);
		call_free(c);
	}
}

/* The record does not take what the call is about: nothing is released, the session ends, and
 * with it this call. */
void call_unrecorded(struct call *c)
{
	c->reason = VITALED_REASON_AUDIT_UNAVAILABLE;
	session_end(c->d->session, VITALED_REASON_AUDIT_UNAVAILABLE);
}

static const char *document_of(const struct call *c)
{
	return c->id[0] ? c->id : NULL;
}

void call_denied(struct call *c, const char *rule)
{
	struct dossier *d = c->d;

	c->rule = rule;
	if (record_entry(d, AUDIT_EVENT_DENIED,
		    vitaled_reason_word(VITALED_REASON_NOT_PERMITTED), document_of(c), rule,
		    NULL) != 0) {
		call_unrecorded(c);
		return;
	}
	call_finish(c, VITALED_REASON_NOT_PERMITTED);
}

static int record_call(struct call *c, const char *outcome)
{
	return record_entry(c->d, kinds[c->kind].event, outcome, document_of(c), NULL,
		json_incref(c->details));
}

bool call_started(struct call *c)
{
	if (record_started(c->d, kinds[c->kind].event, document_of(c), c->details) == 0) {
		return true;
	}
	call_unrecorded(c);
	return false;
}

/* Done as asked: recorded, then told. */
void call_succeed(struct call *c)
{
	if (record_call(c, "ok") != 0) {
		call_unrecorded(c);
		return;
	}
	call_finish(c, VITALED_REASON_NONE);
}

/* Not done, for a reason that the caller can do something about. A change that had been started is
 * told to have come to nothing. */
void call_abandon(struct call *c, enum vitaled_reason reason)
{
	if (kinds[c->kind].changes && record_call(c, vitaled_reason_word(reason)) != 0) {
		call_unrecorded(c);
		return;
	}
	call_finish(c, reason);
}

/* -- answers of the process --------------------------------------------------------------------- */

static void take_advice(struct call *c, struct view body)
{
	if (tlv_find_str(body, LINK_TAG_ADVICE, c->advice, sizeof(c->advice)) == 0) {
		c->rule = c->advice;
	}
}

static enum vitaled_reason reason_of(uint8_t outcome)
{
	switch (outcome) {
	case DOSSIER_NO_DOCUMENT:
		return VITALED_REASON_NO_SUCH_DOCUMENT;
	case DOSSIER_WRONG_STATE:
		return VITALED_REASON_WRONG_STATE;
	case DOSSIER_INVALID:
	case DOSSIER_MISMATCH:
		return VITALED_REASON_INVALID_ARGUMENT;
	case DOSSIER_TOO_LARGE:
		return VITALED_REASON_LIMITS_EXCEEDED;
	case DOSSIER_LATE:
		return VITALED_REASON_TIMEOUT;
	case DOSSIER_FULL:
		return VITALED_REASON_STORE_UNAVAILABLE;
	default:
		return VITALED_REASON_FAILED;
	}
}

/* Return: whether the call came to its end here. */
bool call_went_wrong(struct call *c, const struct link_frame *answer)
{
	if (!answer || answer->outcome == DOSSIER_FAULT) {
		/* what a change came to is not known: its started entry stays the last word */
		c->reason = VITALED_REASON_CHILD_FAILED;
		dossier_failed(c->d, answer ? "fault" : "gone");
		return true;
	}
	if (answer->outcome == DOSSIER_DAMAGED || answer->outcome == DOSSIER_NEWER) {
		c->reason = VITALED_REASON_STORE_UNAVAILABLE;
		dossier_damaged(c->d, answer->outcome == DOSSIER_NEWER ? "newer" : "damaged");
		return true;
	}
	if (answer->outcome != DOSSIER_DONE) {
		take_advice(c, answer->body);
		if (answer->outcome == DOSSIER_MISMATCH) {
			c->rule = "content";
		}
		call_abandon(c, reason_of(answer->outcome));
		return true;
	}
	return false;
}

void call_malformed(struct call *c)
{
	c->reason = VITALED_REASON_CHILD_FAILED;
	dossier_failed(c->d, "malformed");
}

void call_request(struct call *c, enum dossier_op op, const struct buf *body, const int *fds,
	size_t n_fds, child_answer_fn done)
{
	/* those that take a content or many lines, and deleting, which overwrites one */
	bool slow = op == DOSSIER_OP_ADD || op == DOSSIER_OP_REPLACE ||
		    op == DOSSIER_OP_STATUS || op == DOSSIER_OP_IMPORT;
	int r = buf_check(body);

	if (r == 0) {
		r = child_request(c->d->child, (uint8_t)op, buf_view(body), fds, n_fds,
			slow ? LIMIT_DOSSIER_STREAM : LIMIT_DOSSIER, done, c);
	}
	if (r != 0) {
		c->reason = VITALED_REASON_CHILD_FAILED;
		dossier_failed(c->d, "request");
	}
}

int call_put_json(struct buf *body, uint32_t tag, const json_t *j)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(LINK_MAX_FRAME);
	int r;

	r = json_canonical(j, &text);
	if (r != 0) {
		return r > 0 ? fault(-EINVAL) : trace(r);
	}
	tlv_put(body, tag, buf_view(&text));
	return 0;
}

json_t *call_rows(struct view body, bool *ret_more)
{
	json_t *rows = NULL;
	uint8_t more;
	struct tlv t;

	if (tlv_find(body, LINK_TAG_ROWS, &t) != 0 ||
		tlv_find_u8(body, LINK_TAG_VALUE, &more) != 0 ||
		json_parse(t.value, &rows) != 0) {
		return NULL;
	}
	*ret_more = more == 1;
	return rows;
}

/* -- rights ------------------------------------------------------------------------------------- */

static enum rights_decision decide(const struct call *c, enum rights_action action,
	const json_t *row, bool coded, const char **ret_rule)
{
	const struct facts_act act = {.action = action,
		.row = row,
		.self = c->self,
		.until = json_object_get(c->act, "until") != NULL,
		.coded = coded};

	return facts_decide(c->d, &act, ret_rule);
}

enum rights_decision call_decide(const struct call *c, enum rights_action action,
	const json_t *row, const char **ret_rule)
{
	return decide(c, action, row, false, ret_rule);
}

/* A document that was deleted is none, whoever asks; its row tells that it was. */
static bool is_gone(const struct call *c, const json_t *row)
{
	const char *status = json_get_str(row, "status");

	return c->id[0] && status && strcmp(status, "deleted") == 0;
}

bool call_row_allowed(struct call *c, enum rights_action action, struct link_frame *answer)
{
	_cleanup_json_ json_t *rows = NULL;
	const char *rule;
	json_t *row;
	bool more;

	if (call_went_wrong(c, answer)) {
		return false;
	}
	rows = call_rows(answer->body, &more);
	if (json_array_size(rows) != 1) {
		call_malformed(c);
		return false;
	}
	row = json_array_get(rows, 0);
	if (is_gone(c, row)) {
		call_finish(c, VITALED_REASON_NO_SUCH_DOCUMENT);
		return false;
	}
	if (call_decide(c, action, row, &rule) != RIGHTS_ALLOW) {
		call_denied(c, rule);
		return false;
	}
	json_decref(c->row);
	c->row = json_incref(row);
	return true;
}

/* The patient, or who acts for one: whose dossier it is names them. */
static json_t *patient_author(const struct session *s)
{
	const struct session_patient *patient = session_patient(s);
	bool represented = patient && patient->represented && !patient->holder;

	return json_pack("{s:s,s:s}", "kind", "patient", "id",
		represented ? "representative" : "patient");
}

/* Who does this, for the dossier itself. */
json_t *call_author(const struct dossier *d)
{
	const struct session_professional *p = session_professional(d->session);
	_cleanup_(buf_done) struct buf name = BUF_NULL(512);
	_cleanup_json_ json_t *j = NULL;

	if (session_mode(d->session) == SESSION_MODE_PATIENT) {
		return patient_author(d->session);
	}
	if (!p) {
		return NULL;
	}
	buf_printf(&name, "%s%s%s", p->person.given, p->person.given[0] ? " " : "",
		p->person.surname);
	buf_put_u8(&name, 0);
	if (name.failed) {
		return NULL;
	}
	j = json_pack("{s:s,s:s,s:s,s:i}", "kind", "professional", "id", p->person.national_id,
		"name", (const char *)name.data, "profession", p->person.profession);
	if (!j || (p->chosen &&
			  json_set(j, "structure", json_string(p->chosen->structure)) < 0)) {
		return NULL;
	}
	return json_incref(j);
}

int call_put_author(struct buf *body, const struct dossier *d)
{
	_cleanup_json_ json_t *j = call_author(d);

	return j ? trace(call_put_json(body, LINK_TAG_FACTS, j)) : fault(-ENOMEM);
}

/* -- beginning ---------------------------------------------------------------------------------- */

/* Everything else is WRONG_STATE. What is in a closed dossier is its patient's alone; who came to
 * create one may reopen it. An import passes over it itself. */
static bool is_for_closed(const struct call *c)
{
	if (c->kind == CALL_HISTORY || c->kind == CALL_EXPORT) {
		return session_mode(c->d->session) == SESSION_MODE_PATIENT;
	}
	return c->kind == CALL_REOPEN || c->kind == CALL_IMPORT;
}

static void run(struct call *c)
{
	const char *rule;

	if (c->d->state == DOSSIER_STATE_CLOSED && !is_for_closed(c)) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
	} else if (kinds[c->kind].by_document ||
		   call_decide(c, c->action, NULL, &rule) == RIGHTS_ALLOW) {
		kinds[c->kind].run(c);
	} else if (strcmp(rule, "code") == 0 &&
		   decide(c, c->action, NULL, true, &rule) == RIGHTS_ALLOW) {
		call_need_code(c);
	} else {
		call_denied(c, rule);
	}
}

void call_go_on(struct call *c)
{
	run(c);
}

static void start_next(struct dossier *d)
{
	if (d->calls) {
		run(d->calls);
	}
}

static void refuse(
	dossier_done_fn done, void *user, enum vitaled_reason reason, const char *rule)
{
	struct dossier_reply reply = {.reason = reason, .rule = rule, .fds = {-1, -1}};

	done(user, &reply);
}

struct call *call_begin(struct session *s, enum call_kind kind, enum rights_action action,
	dossier_done_fn done, void *user)
{
	struct dossier *d = session_dossier(s);
	struct call *c;

	if (!d || !d->granted || d->over != VITALED_REASON_NONE ||
		session_state(s) != SESSION_STATE_UNLOCKED) {
		refuse(done, user, VITALED_REASON_WRONG_STATE, NULL);
		return NULL;
	}
	if (d->n_calls >= LIMIT_DOSSIER_CALLS) {
		refuse(done, user, VITALED_REASON_LIMITS_EXCEEDED, NULL);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		refuse(done, user, VITALED_REASON_FAILED, NULL);
		return NULL;
	}
	c->d = d;
	c->kind = kind;
	c->action = action;
	c->done = done;
	c->user = user;
	c->fds[0] = -1;
	c->fds[1] = -1;
	return c;
}

void call_enqueue(struct call *c)
{
	struct dossier *d = c->d;
	struct call **at = &d->calls;

	while (*at) {
		at = &(*at)->next;
	}
	*at = c;
	d->n_calls++;
	if (d->calls == c) {
		run(c);
	}
}

void call_drop(struct call *c, enum vitaled_reason reason, const char *rule)
{
	dossier_done_fn done = c->done;
	void *user = c->user;
	char kept[sizeof(c->advice)];

	/* the name of a member may be in the call itself */
	if (rule == c->advice) {
		bytes_copy(kept, sizeof(kept), c->advice, sizeof(c->advice));
		rule = kept;
	}
	call_free(c);
	refuse(done, user, reason, rule);
}

void dossier_forget(struct session *s, void *user)
{
	const struct dossier *d = session_dossier(s);

	for (struct call *c = d ? d->calls : NULL; c; c = c->next) {
		if (c->user == user) {
			c->done = NULL;
		}
	}
}

bool dossier_busy(const struct session *s)
{
	const struct dossier *d = session_dossier(s);
	bool calls = false;

	/* an import is nobody's who sits before the screen */
	for (const struct call *c = d ? d->calls : NULL; c && !calls; c = c->next) {
		calls = c->kind != CALL_IMPORT;
	}
	return calls || (d && (d->exporting || d->reading > 0));
}
