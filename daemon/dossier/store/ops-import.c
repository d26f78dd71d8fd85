/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The import of reimbursements: one transaction and one version, or nothing. What is there already, by
 * the name that its line gives it, stays as it is, with what the patient hid or the status that it has;
 * what no longer counts goes, row and all, by the day of the feed where the clock runs ahead of it. An
 * import that finds nothing to do raises no version.
 */
#include <errno.h>

#include "base/rng.h"
#include "base/tlv.h"
#include "daemon/dossier/store/metadata.h"
#include "daemon/dossier/store/ops.h"
#include "daemon/dossier/store/reimbursement.h"
#include "daemon/limits.h"

#define SEQ_BYTES 8U

struct import {
	json_t *facts;
	json_t *author;	  /* borrowed from it */
	const char *made; /* the same: day of the feed */
	json_t *list;	  /* metadata of each line */
	uint32_t added;
	struct buf gone; /* seq (8) of each that no longer counts */
};

static void import_done(struct import *im)
{
	json_put(&im->facts);
	json_put(&im->list);
	buf_done(&im->gone);
}

/* -- what no longer counts ------------------------------------------------------------------------ */

static int look(void *user, const struct store_document *d)
{
	_cleanup_json_ json_t *record = NULL;
	struct import *im = user;
	int r;

	r = document_parse(buf_view(&d->record), &record);
	if (r != 0) {
		return trace(r);
	}
	if (reimbursement_lapsed_by(json_object_get(record, "metadata"), im->made)) {
		buf_put_u64(&im->gone, (uint64_t)d->seq);
	}
	return trace(buf_check(&im->gone));
}

static int drop(struct host *h, const struct import *im)
{
	struct reader in = reader_of(buf_view(&im->gone));
	int r = 0;

	while (r == 0 && in.left > 0) {
		r = store_remove(&h->store, (int64_t)reader_u64(&in));
	}
	return trace(r);
}

/* -- what is new ---------------------------------------------------------------------------------- */

/* The content of one that has none: the end alone, so that it is read as every other. */
static int put_content(struct host *h, const struct store_document *d, struct view salt)
{
	struct store_content content;
	int r;

	r = store_content_init(&h->store, d->seq, d->id, h->store.version + 1, salt, &content);
	if (r < 0) {
		return trace(r);
	}
	r = store_put_chunk(&h->store, &content, 0, true, VIEW_NULL);
	store_content_done(&content);
	return trace(r);
}

static int add(struct host *h, struct import *im, json_t *metadata, const char *id)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	uint8_t salt[DOCUMENT_SALT];
	int r;

	bytes_copy(d.id, sizeof(d.id), id, STORE_ID + 1);
	r = store_next_seq(&h->store, &d.seq);
	if (r == 0) {
		r = rng_fill(salt, sizeof(salt));
	}
	if (r == 0) {
		r = document_new(metadata, im->author, h->store.version + 1, salt, "", &record);
	}
	if (r == 0) {
		r = document_text(record, &d.record);
	}
	if (r == 0) {
		r = store_put(&h->store, &d);
	}
	if (r == 0) {
		r = put_content(h, &d, VIEW(salt));
	}
	im->added += r == 0;
	return trace(r);
}

/* Added unless it is there already, or no longer counts. */
static int take(struct host *h, struct import *im, json_t *metadata)
{
	_cleanup_(store_document_done) struct store_document there = STORE_DOCUMENT_NULL;
	char id[STORE_ID + 1];
	int r;

	if (!metadata_check_fed(metadata)) {
		return DOSSIER_INVALID;
	}
	if (reimbursement_lapsed_by(metadata, im->made)) {
		return 0;
	}
	r = reimbursement_id(
		&h->store, json_get_str(json_object_get(metadata, "entry"), "id"), id);
	if (r < 0) {
		return trace(r);
	}
	r = store_get(&h->store, id, &there);
	return r == DOSSIER_NO_DOCUMENT ? trace(add(h, im, metadata, id)) : trace(r);
}

static int change(struct host *h, struct import *im)
{
	json_t *metadata;
	size_t i;
	int r = drop(h, im);

	json_array_foreach(im->list, i, metadata)
	{
		if (r == 0) {
			r = take(h, im, metadata);
		}
	}
	return trace(r);
}

/* -- all of it -------------------------------------------------------------------------------------- */

static int import(struct host *h, struct import *im)
{
	int r;

	r = store_each(&h->store, 0, look, im);
	if (r == 0) {
		r = store_begin(&h->store);
	}
	if (r != 0) {
		return trace(r);
	}
	r = change(h, im);
	if (r == 0 && im->added == 0 && im->gone.len == 0) {
		store_rollback(&h->store);
		return 0;
	}
	r = ops_commit(h, r);
	if (r == 0 && im->gone.len > 0) {
		order_done(&h->order); /* its rows have gone */
		ops_end_gone(h);
		/* they are gone, whatever comes of this: what is left is done at the next opening */
		(void)!store_scrub(&h->store);
	}
	return trace(r);
}

static int take_facts(struct link_frame *request, struct import *im)
{
	int r = ops_get_json(request, LINK_TAG_FACTS, &im->facts);

	if (r < 0) {
		return trace(r);
	}
	im->author = json_object_get(im->facts, "author");
	im->made = json_get_str(im->facts, "made");
	return json_is_object(im->author) && im->made && metadata_date_valid(im->made)
		       ? 0
		       : fault(-EBADMSG);
}

int ops_import(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(import_done) struct import im = {
		.gone = BUF_NULL(SEQ_BYTES * STORE_DOCUMENTS)};
	int r;

	r = take_facts(request, &im);
	if (r < 0) {
		return trace(r);
	}
	if (request->n_fds != 1) {
		return fault(-EBADMSG);
	}
	r = json_read_fd(request->fds[0], LIMIT_FEED_JSON, &im.list);
	if (r != 0) {
		return r < 0 ? trace(r) : DOSSIER_INVALID;
	}
	r = import(h, &im);
	if (r != 0) {
		return trace(r);
	}
	tlv_put_u32(&a->body, LINK_TAG_VALUE, im.added);
	ops_put_state(h, &a->body);
	return 0;
}
