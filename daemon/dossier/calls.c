/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The calls of an unlocked dossier, one after the other. Each asks rights first: about the action,
 * and where documents are concerned about each document, by the rows that the process gives. What
 * the process answers is handed on only when its entry is in the record; what changes the dossier is
 * told to the record before and after (record.c). A refusal names its rule and is recorded.
 *
 * A call is in its dossier's list until it is done; then its done function runs, once, and it is
 * freed. When the session ends, dossier_lock() does that for all that are waiting.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/tlv.h"
#include "daemon/dossier/call.h"
#include "daemon/limits.h"

static void start_next(struct dossier *d);

/* -- ends --------------------------------------------------------------------------------------- */

static struct call *call_free(struct call *c)
{
	for (size_t i = 0; i < ARRAY_LEN(c->fds); i++) {
		if (c->fds[i] >= 0) {
			close(c->fds[i]);
		}
	}
	json_decref(c->filter);
	json_decref(c->ids);
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
		bytes_copy(reply.id, sizeof(reply.id), c->id, sizeof(c->id));
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
	struct dossier *d = c->d;

	c->reason = reason;
	pop(d);
	d->calling++;
	tell(c);
	call_free(c);
	d->calling--;
	if (d->dead) {
		dossier_put(d);
	} else {
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

void call_denied(struct call *c, const char *rule)
{
	struct dossier *d = c->d;

	c->rule = rule;
	if (record_entry(d, AUDIT_EVENT_DENIED,
		    vitaled_reason_word(VITALED_REASON_NOT_PERMITTED), c->id[0] ? c->id : NULL,
		    rule, NULL) != 0) {
		call_unrecorded(c);
		return;
	}
	call_finish(c, VITALED_REASON_NOT_PERMITTED);
}

static const enum audit_event events[] = {
	[CALL_CREATE] = AUDIT_EVENT_DOSSIER_CREATED,
	[CALL_SUMMARY] = AUDIT_EVENT_DOSSIER_SUMMARY,
	[CALL_LIST] = AUDIT_EVENT_DOSSIER_LISTED,
	[CALL_READ] = AUDIT_EVENT_DOCUMENT_READ,
	[CALL_ADD] = AUDIT_EVENT_DOCUMENT_ADDED,
	[CALL_FLAG] = AUDIT_EVENT_DOCUMENT_FLAGGED,
	[CALL_HISTORY] = AUDIT_EVENT_HISTORY_READ,
};

static bool is_change(const struct call *c)
{
	return c->kind == CALL_CREATE || c->kind == CALL_ADD || c->kind == CALL_FLAG;
}

/* Done as asked: recorded, then told. @details is taken. */
void call_succeed(struct call *c, json_t *details)
{
	const char *document = c->id[0] ? c->id : NULL;

	if (record_entry(c->d, events[c->kind], "ok", document, NULL, details) != 0) {
		call_unrecorded(c);
		return;
	}
	call_finish(c, VITALED_REASON_NONE);
}

/* Not done, for a reason that the caller can do something about. A change that had been started is
 * told to have come to nothing. */
void call_abandon(struct call *c, enum vitaled_reason reason)
{
	if (is_change(c) && record_entry(c->d, events[c->kind], vitaled_reason_word(reason),
				    c->kind == CALL_FLAG ? c->id : NULL, NULL, NULL) != 0) {
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
	if (answer->outcome == DOSSIER_DAMAGED) {
		c->reason = VITALED_REASON_STORE_UNAVAILABLE;
		dossier_damaged(c->d, "damaged");
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
	uint64_t limit = op == DOSSIER_OP_ADD ? LIMIT_DOSSIER_STREAM : LIMIT_DOSSIER;
	int r = buf_check(body);

	if (r == 0) {
		r = child_request(
			c->d->child, (uint8_t)op, buf_view(body), fds, n_fds, limit, done, c);
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

bool call_row_allowed(struct call *c, struct link_frame *answer)
{
	_cleanup_json_ json_t *rows = NULL;
	const char *rule;
	bool more;

	if (call_went_wrong(c, answer)) {
		return false;
	}
	rows = call_rows(answer->body, &more);
	if (json_array_size(rows) != 1) {
		call_malformed(c);
		return false;
	}
	if (facts_decide(c->d, c->action, json_array_get(rows, 0), &rule) != RIGHTS_ALLOW) {
		call_denied(c, rule);
		return false;
	}
	return true;
}

/* Who does this, for the dossier itself. */
int call_put_author(struct buf *body, const struct dossier *d)
{
	const struct session_professional *p = session_professional(d->session);
	_cleanup_(buf_done) struct buf name = BUF_NULL(512);
	_cleanup_json_ json_t *j = NULL;

	if (!p) {
		return fault(-EINVAL);
	}
	buf_printf(&name, "%s%s%s", p->person.given, p->person.given[0] ? " " : "",
		p->person.surname);
	buf_put_u8(&name, 0);
	if (name.failed) {
		return trace(buf_check(&name));
	}
	j = json_pack("{s:s,s:s,s:s,s:i}", "kind", "professional", "id", p->person.national_id,
		"name", (const char *)name.data, "profession", p->person.profession);
	if (!j || (p->chosen &&
			  json_set(j, "structure", json_string(p->chosen->structure)) < 0)) {
		return fault(-ENOMEM);
	}
	return trace(call_put_json(body, LINK_TAG_FACTS, j));
}

/* -- beginning ---------------------------------------------------------------------------------- */

static const struct {
	void (*run)(struct call *c);
	bool by_document; /* rights are asked there, by rows */
} runs[] = {
	[CALL_CREATE] = {call_run_create, false},
	[CALL_SUMMARY] = {call_run_many, true},
	[CALL_LIST] = {call_run_many, true},
	[CALL_READ] = {call_run_one, true},
	[CALL_ADD] = {call_run_add, false},
	[CALL_FLAG] = {call_run_one, true},
	[CALL_HISTORY] = {call_run_history, false},
};

static void run(struct call *c)
{
	const char *rule;

	if (!runs[c->kind].by_document &&
		facts_decide(c->d, c->action, NULL, &rule) != RIGHTS_ALLOW) {
		call_denied(c, rule);
		return;
	}
	runs[c->kind].run(c);
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

/* A new call at the end of the list, not yet running. NULL: refused, and told. */
static struct call *begin(struct session *s, enum call_kind kind, enum rights_action action,
	dossier_done_fn done, void *user)
{
	struct dossier *d = session_dossier(s);
	struct call *c;

	if (!d || !d->granted || session_state(s) != SESSION_STATE_UNLOCKED) {
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

static void enqueue(struct call *c)
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

/* @c could not be made whole. */
static void drop(struct call *c, enum vitaled_reason reason, const char *rule)
{
	dossier_done_fn done = c->done;
	void *user = c->user;

	call_free(c);
	refuse(done, user, reason, rule);
}

void dossier_create(struct session *s, dossier_done_fn done, void *user)
{
	struct call *c = begin(s, CALL_CREATE, RIGHTS_ACTION_CREATE, done, user);

	if (c) {
		enqueue(c);
	}
}

/* jansson wants an object that it could change. */
static json_t *for_reading(const json_t *object)
{
	union {
		const json_t *in;
		json_t *out;
	} u = {.in = object};

	return u.out;
}

/* Members that only the broker itself asks by are no one else's. */
static bool filter_is_public(const json_t *filter)
{
	return !json_object_get(filter, "id") && !json_object_get(filter, "after") &&
	       !json_object_get(filter, "entry");
}

static void begin_filtered(struct session *s, enum call_kind kind, enum rights_action action,
	const json_t *filter, dossier_done_fn done, void *user)
{
	struct call *c = begin(s, kind, action, done, user);

	if (!c) {
		return;
	}
	if (filter && (!json_is_object(filter) || !filter_is_public(filter))) {
		drop(c, VITALED_REASON_INVALID_ARGUMENT, "filter");
		return;
	}
	c->filter = json_object();
	/* its values are shared: nobody changes them. jansson reads @filter only. */
	if (!c->filter || (filter && json_object_update(c->filter, for_reading(filter)) < 0)) {
		drop(c, VITALED_REASON_FAILED, NULL);
		return;
	}
	enqueue(c);
}

void dossier_summary(struct session *s, dossier_done_fn done, void *user)
{
	begin_filtered(s, CALL_SUMMARY, RIGHTS_ACTION_SUMMARY, NULL, done, user);
}

void dossier_list(struct session *s, const json_t *filter, dossier_done_fn done, void *user)
{
	begin_filtered(s, CALL_LIST, RIGHTS_ACTION_LIST, filter, done, user);
}

void dossier_history(struct session *s, const json_t *filter, dossier_done_fn done, void *user)
{
	begin_filtered(s, CALL_HISTORY, RIGHTS_ACTION_HISTORY, filter, done, user);
}

/* Ids are ours: 36 characters of lower case hex and hyphens, or no document has it. */
static bool take_id(struct call *c, const char *id)
{
	return strlen(id) == sizeof(c->id) - 1 &&
	       strspn(id, "0123456789abcdef-") == strlen(id) &&
	       view_copy_str(view_str(id), c->id, sizeof(c->id)) == 0;
}

void dossier_read(struct session *s, const char *id, dossier_done_fn done, void *user)
{
	struct call *c = begin(s, CALL_READ, RIGHTS_ACTION_READ, done, user);

	if (c && !take_id(c, id)) {
		drop(c, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
	} else if (c) {
		enqueue(c);
	}
}

static bool is_pipe(int fd)
{
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	return flags >= 0 && (flags & O_ACCMODE) == O_RDONLY && fstat(fd, &st) == 0 &&
	       S_ISFIFO(st.st_mode);
}

static bool is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);
	int wanted = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

	return seals >= 0 && (seals & wanted) == wanted;
}

void dossier_add(struct session *s, int content, int metadata, dossier_done_fn done, void *user)
{
	struct call *c = begin(s, CALL_ADD, RIGHTS_ACTION_ADD, done, user);

	if (!c) {
		return;
	}
	if (!is_pipe(content) || !is_sealed(metadata)) {
		drop(c, VITALED_REASON_INVALID_ARGUMENT,
			is_pipe(content) ? "metadata" : "content");
		return;
	}
	c->fds[0] = fcntl(content, F_DUPFD_CLOEXEC, 3);
	c->fds[1] = fcntl(metadata, F_DUPFD_CLOEXEC, 3);
	if (c->fds[0] < 0 || c->fds[1] < 0) {
		drop(c, VITALED_REASON_FAILED, NULL);
		return;
	}
	enqueue(c);
}

static enum rights_action flag_action(unsigned int flag, bool on)
{
	if (flag == RIGHTS_FLAG_MASQUE_PS) {
		return on ? RIGHTS_ACTION_MASK : RIGHTS_ACTION_UNMASK;
	}
	/* hidden from the patient or, of a minor, from the representatives */
	return on ? RIGHTS_ACTION_HIDE_PATIENT : RIGHTS_ACTION_SHOW_PATIENT;
}

void dossier_set_visibility(struct session *s, const char *id, const char *flag, bool on,
	dossier_done_fn done, void *user)
{
	unsigned int bit = rights_flag_of(flag);
	struct call *c = begin(s, CALL_FLAG, flag_action(bit, on), done, user);

	if (!c) {
		return;
	}
	if (bit == 0) {
		drop(c, VITALED_REASON_INVALID_ARGUMENT, "flag");
		return;
	}
	if (!take_id(c, id)) {
		drop(c, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
		return;
	}
	c->flag = rights_flag_word((enum rights_flag)bit);
	c->on = on;
	enqueue(c);
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
