/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Operations that change documents. Each is one transaction and one version, or nothing; what is said
 * of a change that has been answered is on the disk. A document that was replaced or deleted is never
 * changed again by its name; what it was replaced by takes it along (chain.h).
 */
#include <errno.h>
#include <string.h>

#include "base/tlv.h"
#include "daemon/dossier/store/chain.h"
#include "daemon/dossier/store/metadata.h"
#include "daemon/dossier/store/ops.h"
#include "daemon/limits.h"

#define ROW_MAX 1024U

/* -- adding and replacing ------------------------------------------------------------------------- */

/* struct submission - what an application wants to add. */
struct submission {
	json_t *author;
	json_t *metadata;
	char replaces[STORE_ID + 1]; /* "": nothing */
};

static void submission_done(struct submission *s)
{
	json_put(&s->author);
	json_put(&s->metadata);
}

/* The document that it is to replace must be active; its flags are taken over when it names none. */
static int take_replaced(struct host *h, const struct link_frame *request, struct submission *s)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	int r;

	r = ops_get_str(request, LINK_TAG_ID, s->replaces, sizeof(s->replaces));
	if (r == 0) {
		r = ops_load_record(h, s->replaces, &d, &record);
	}
	if (r != 0) {
		return trace(r);
	}
	if (!document_is(record, "active")) {
		return DOSSIER_WRONG_STATE;
	}
	return trace(document_inherit_flags(s->metadata, record));
}

/* The request's author, and its metadata, checked; the memfd is the last of its @n descriptors. */
static int take_submission(
	const struct link_frame *request, size_t n, struct host_answer *a, struct submission *s)
{
	const char *member;
	int r;

	r = ops_get_json(request, LINK_TAG_FACTS, &s->author);
	if (r < 0) {
		return trace(r);
	}
	if (request->n_fds != n) {
		return fault(-EBADMSG);
	}
	r = json_read_fd(request->fds[n - 1], LIMIT_JSON_FD, &s->metadata);
	if (r != 0) {
		return r < 0 ? trace(r) : ops_advise(a, DOSSIER_INVALID, "metadata");
	}
	r = metadata_check(s->metadata, &member);
	if (r != 0) {
		return ops_advise(a,
			r == METADATA_TOO_LARGE ? DOSSIER_TOO_LARGE : DOSSIER_INVALID, member);
	}
	return 0;
}

/* What the broker decides an ADD or REPLACE by: it never sees the metadata, which hold titles. */
int ops_weigh(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(submission_done) struct submission s = {.author = NULL};
	_cleanup_(buf_done) struct buf rows = BUF_NULL(ROW_MAX);
	_cleanup_json_ json_t *row = NULL;
	struct tlv id;
	int r;

	r = take_submission(request, 1, a, &s);
	if (r == 0 && tlv_find(request->body, LINK_TAG_ID, &id) == 0) {
		r = take_replaced(h, request, &s);
	}
	if (r == 0) {
		r = document_row_of(s.metadata, s.author, &row);
	}
	if (r != 0) {
		return trace(r);
	}
	buf_put_str(&rows, "[");
	r = json_canonical(row, &rows);
	buf_put_str(&rows, "]");
	if (r != 0) {
		return r > 0 ? fault(-EINVAL) : trace(r);
	}
	tlv_put(&a->body, LINK_TAG_ROWS, buf_view(&rows));
	tlv_put_u8(&a->body, LINK_TAG_VALUE, 0);
	return trace(buf_check(&rows));
}

/* The content begins to flow; its end answers the request. */
static int start_inflow(struct host *h, struct link_frame *request, struct host_answer *a,
	const struct submission *s)
{
	int fd = request->fds[0];
	int r;

	request->fds[0] = -1;
	r = inflow_start(&h->in, &h->store, fd, s->metadata, s->author, s->replaces);
	if (r != 0) {
		inflow_done(&h->in, &h->store);
		return r == DOSSIER_INVALID ? ops_advise(a, r, "content") : trace(r);
	}
	h->in_op = request->op;
	h->in_seq = request->seq;
	a->later = true;
	return 0;
}

int ops_add(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(submission_done) struct submission s = {.author = NULL};
	int r;

	r = take_submission(request, 2, a, &s);
	return r != 0 ? trace(r) : trace(start_inflow(h, request, a, &s));
}

int ops_replace(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(submission_done) struct submission s = {.author = NULL};
	int r;

	r = take_submission(request, 2, a, &s);
	if (r == 0) {
		r = take_replaced(h, request, &s);
	}
	return r != 0 ? trace(r) : trace(start_inflow(h, request, a, &s));
}

/* -- visibility --------------------------------------------------------------------------------- */

/* A change that turns out to be none raises no version. */
static int commit_if(struct host *h, int r, bool changed)
{
	if (r == 0 && !changed) {
		store_rollback(&h->store);
		return 0;
	}
	return trace(ops_commit(h, r));
}

int ops_flag(struct host *h, struct link_frame *request, struct host_answer *a)
{
	char id[STORE_ID + 1];
	char flag[64];
	bool changed = false;
	int r;

	r = ops_get_str(request, LINK_TAG_ID, id, sizeof(id));
	if (r == 0) {
		r = ops_get_str(request, LINK_TAG_FLAG, flag, sizeof(flag));
	}
	if (r == 0) {
		r = store_begin(&h->store);
	}
	if (r != 0) {
		return trace(r);
	}
	r = chain_flag(&h->store, id, flag, ops_get_flag(request, LINK_TAG_VALUE), &changed);
	r = commit_if(h, r, changed);
	if (r == 0) {
		ops_put_state(h, &a->body);
	}
	return trace(r);
}

/* -- status ------------------------------------------------------------------------------------- */

/* What is being read from a content that is gone ends short, as its reader sees by size and hash. */
void ops_end_gone(struct host *h)
{
	for (size_t i = 0; i < HOST_OUTFLOWS; i++) {
		uint32_t n = 0;

		if (h->out[i].fd >= 0 &&
			(store_count_chunks(&h->store, h->out[i].content.seq, &n) != 0 ||
				n == 0)) {
			outflow_done(&h->out[i]);
			h->gone++;
		}
	}
	export_check(&h->export, &h->store);
}

static int delete_document(struct host *h, const char *id, json_t *author)
{
	int r;

	r = store_begin(&h->store);
	if (r != 0) {
		return trace(r);
	}
	r = ops_commit(h, chain_delete(&h->store, id, author));
	if (r != 0) {
		return trace(r);
	}
	ops_end_gone(h);
	/* it is deleted, whatever comes of this: what is left to do then is done at the next opening */
	(void)!store_scrub(&h->store);
	return 0;
}

static int file_document(struct host *h, const char *id, const char *status)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	bool changed = false;
	int r;

	r = ops_load_record(h, id, &d, &record);
	if (r == 0) {
		r = document_set_status(record, status, &changed);
	}
	if (r != 0 || !changed) {
		return trace(r);
	}
	r = document_text(record, &d.record);
	if (r == 0) {
		r = store_begin(&h->store);
	}
	return r != 0 ? trace(r) : trace(ops_commit(h, store_replace(&h->store, &d)));
}

int ops_status(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_json_ json_t *author = NULL;
	char id[STORE_ID + 1];
	char status[16];
	int r;

	r = ops_get_str(request, LINK_TAG_ID, id, sizeof(id));
	if (r == 0) {
		r = ops_get_str(request, LINK_TAG_STATUS, status, sizeof(status));
	}
	if (r == 0) {
		r = ops_get_json(request, LINK_TAG_FACTS, &author);
	}
	if (r < 0) {
		return trace(r);
	}
	if (strcmp(status, "deleted") == 0) {
		r = delete_document(h, id, author);
	} else if (strcmp(status, "active") == 0 || strcmp(status, "archived") == 0) {
		r = file_document(h, id, status);
	} else {
		r = fault(-EBADMSG);
	}
	if (r == 0) {
		ops_put_state(h, &a->body);
	}
	return trace(r);
}
