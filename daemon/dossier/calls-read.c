/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Calls that show something. The process gives rows (type, author, flags, status; never a title), each
 * is decided here, and the process releases the documents that it is told. Its answer's descriptors
 * go to the caller when the entry is in the record, and are closed otherwise.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/tlv.h"
#include "daemon/dossier/call.h"
#include "daemon/limits.h"

#define IDS_PAGE    1000U /* ids of one request: 39 bytes each, below LINK_MAX_FRAME */
#define DOCUMENT_ID 36U

/* -- rows --------------------------------------------------------------------------------------- */

/* The descriptors of an answer become the call's. */
static void take_fds(struct call *c, struct link_frame *answer)
{
	for (size_t i = 0; i < answer->n_fds && i < ARRAY_LEN(c->fds); i++) {
		c->fds[i] = answer->fds[i];
		answer->fds[i] = -1;
	}
}

static void on_ids(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (call_went_wrong(c, answer)) {
		return;
	}
	if (c->sent < json_array_size(c->ids)) {
		call_send_ids(c);
		return;
	}
	take_fds(c, answer);
	if (c->fds[0] < 0) {
		call_malformed(c);
		return;
	}
	c->details = json_pack("{s:I,s:I}", "released", (json_int_t)json_array_size(c->ids),
		"withheld", (json_int_t)c->withheld);
	if (c->kind == CALL_EXPORT) {
		c->d->exporting = true;
		close(c->fds[1]); /* the history: the process has its own */
		c->fds[1] = -1;
	}
	call_succeed(c);
}

static enum dossier_op op_of(const struct call *c)
{
	if (c->kind == CALL_EXPORT) {
		return DOSSIER_OP_EXPORT;
	}
	return c->kind == CALL_LIST ? DOSSIER_OP_LIST : DOSSIER_OP_SUMMARY;
}

/* The next page of released ids; the process answers the last one with the descriptor. With the last
 * page of an export goes its history. */
void call_send_ids(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_json_ json_t *page = json_array();
	size_t n = json_array_size(c->ids);
	bool history;
	int r = 0;

	for (size_t i = 0; i < IDS_PAGE && c->sent < n && r == 0; i++) {
		r = json_array_append(page, json_array_get(c->ids, c->sent++));
	}
	if (r == 0) {
		r = call_put_json(&body, LINK_TAG_IDS, page);
	}
	tlv_put_u8(&body, LINK_TAG_VALUE, c->sent < n);
	if (r < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	history = c->kind == CALL_EXPORT && c->sent == n;
	call_request(c, op_of(c), &body, history ? &c->fds[1] : NULL, history, on_ids);
}

static bool has_enough(const struct call *c)
{
	return c->most > 0 && json_array_size(c->ids) >= c->most;
}

/* What is exported is listed and read; of a deleted document there is no content to be read. */
static bool may_be_shown(struct call *c, const json_t *row)
{
	const char *status = json_get_str(row, "status");
	const char *rule;

	if (!c->hidden) {
		return call_decide(c, c->action, row, &rule) == RIGHTS_ALLOW;
	}
	return call_decide(c, RIGHTS_ACTION_LIST, row, &rule) == RIGHTS_ALLOW &&
	       (c->kind == CALL_HISTORY || (status && strcmp(status, "deleted") == 0) ||
		       call_decide(c, RIGHTS_ACTION_READ, row, &rule) == RIGHTS_ALLOW);
}

/* Released, or withheld. Return: 0 or a fault. */
static int take_row(struct call *c, const json_t *row, json_t *id)
{
	const char *name = json_string_value(id);

	if (may_be_shown(c, row)) {
		return c->kind != CALL_HISTORY && json_array_append(c->ids, id) < 0
			       ? fault(-ENOMEM)
			       : 0;
	}
	c->withheld++;
	return c->hidden && name ? trace(json_set(c->hidden, name, json_true())) : 0;
}

/* Take the rows that may be shown, as many as are wanted. Return: 0 or a fault. */
static int take_rows(struct call *c, const json_t *rows)
{
	size_t i;
	json_t *row;

	json_array_foreach(rows, i, row)
	{
		json_t *id = json_object_get(row, "id");

		if (has_enough(c)) {
			break;
		}
		/* where the next page goes on */
		if (take_row(c, row, id) < 0 || json_object_set(c->filter, "after", id) < 0) {
			return fault(-ENOMEM);
		}
	}
	return 0;
}

/* A page may end with documents that the filter does not want: it names the last that it looked at. */
static int go_on_behind(struct call *c, struct view body)
{
	char id[DOCUMENT_ID + 1];

	return tlv_find_str(body, LINK_TAG_ID, id, sizeof(id)) == 0
		       ? trace(json_set(c->filter, "after", json_string(id)))
		       : 0;
}

static void rows_done(struct call *c)
{
	if (c->kind == CALL_EXPORT || c->kind == CALL_HISTORY) {
		call_gather_history(c);
	} else {
		call_send_ids(c);
	}
}

static void on_rows(void *user, struct link_frame *answer)
{
	_cleanup_json_ json_t *rows = NULL;
	struct call *c = user;
	bool more;

	if (call_went_wrong(c, answer)) {
		return;
	}
	rows = call_rows(answer->body, &more);
	if (!rows) {
		call_malformed(c);
		return;
	}
	if (take_rows(c, rows) < 0 || go_on_behind(c, answer->body) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	if (json_array_size(c->ids) > (c->kind == CALL_EXPORT ? LIMIT_EXPORT : LIMIT_LIST)) {
		call_finish(c, VITALED_REASON_LIMITS_EXCEEDED);
		return;
	}
	if (more && !has_enough(c)) {
		call_run_rows(c);
	} else {
		rows_done(c);
	}
}

void call_run_rows(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);

	c->ids = c->ids ? c->ids : json_array();
	if (call_put_json(&body, LINK_TAG_FILTER, c->filter) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, DOSSIER_OP_ROWS, &body, NULL, 0, on_rows);
}

/* The action in itself, then the rows. */
void call_run_many(struct call *c)
{
	const char *rule;

	if (call_decide(c, c->action, NULL, &rule) != RIGHTS_ALLOW) {
		call_denied(c, rule);
		return;
	}
	if (c->d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	if (c->kind == CALL_SUMMARY && json_set(c->filter, "entry", json_true()) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	call_run_rows(c);
}

/* -- one document ------------------------------------------------------------------------------- */

static void on_read(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (call_went_wrong(c, answer)) {
		return;
	}
	take_fds(c, answer);
	if (c->fds[0] < 0 || c->fds[1] < 0) {
		call_malformed(c);
		return;
	}
	c->d->reading++;
	call_succeed(c);
}

static void run_read(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);

	tlv_put_str(&body, LINK_TAG_ID, c->id);
	call_request(c, DOSSIER_OP_READ, &body, NULL, 0, on_read);
}

/* Its row decides; a document that is not there leaves no entry, as nothing was shown or changed. */
static void on_row(void *user, struct link_frame *answer)
{
	struct call *c = user;

	if (answer && answer->outcome == DOSSIER_NO_DOCUMENT) {
		call_finish(c, VITALED_REASON_NO_SUCH_DOCUMENT);
		return;
	}
	if (!call_row_allowed(c, c->action, answer)) {
		return;
	}
	if (c->kind == CALL_READ) {
		run_read(c);
	} else {
		call_change_document(c);
	}
}

void call_run_one(struct call *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_json_ json_t *filter = json_pack("{s:s}", "id", c->id);

	if (c->d->state != DOSSIER_STATE_OPEN) {
		call_finish(c, VITALED_REASON_WRONG_STATE);
		return;
	}
	if (call_put_json(&body, LINK_TAG_FILTER, filter) < 0) {
		call_finish(c, VITALED_REASON_FAILED);
		return;
	}
	call_request(c, DOSSIER_OP_ROWS, &body, NULL, 0, on_row);
}
