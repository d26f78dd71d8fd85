/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The operations. Which document may be shown to whom is not known here: the broker has rows, decides,
 * and names the ids that are released. Before the second key nothing but state and people facts is
 * answered, whatever is asked.
 */
#include "daemon/dossier/store/ops.h"

#include <errno.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "daemon/dossier/store/metadata.h"
#include "daemon/limits.h"

#define ROWS_PAGE (48U * 1024U) /* bytes of rows in one answer, well below LINK_MAX_FRAME */
#define ROW_MAX	  1024U

/* -- requests -------------------------------------------------------------------------------- */

/* The broker is trusted: what is missing or malformed is a bug of ours, and a fault. */
int ops_get_view(const struct link_frame *request, uint32_t tag, struct view *ret)
{
	struct tlv t;

	if (tlv_find(request->body, tag, &t) != 0) {
		return fault(-EBADMSG);
	}
	*ret = t.value;
	return 0;
}

int ops_get_json(const struct link_frame *request, uint32_t tag, json_t **ret)
{
	struct view text;
	int r;

	r = ops_get_view(request, tag, &text);
	if (r < 0) {
		return trace(r);
	}
	r = json_parse(text, ret);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

int ops_get_str(const struct link_frame *request, uint32_t tag, char *ret, size_t size)
{
	return tlv_find_str(request->body, tag, ret, size) != 0 ? fault(-EBADMSG) : 0;
}

bool ops_get_flag(const struct link_frame *request, uint32_t tag)
{
	uint8_t v;

	return tlv_find_u8(request->body, tag, &v) == 0 && v == 1;
}

static int advise(struct host_answer *a, int outcome, const char *member)
{
	tlv_put_str(&a->body, LINK_TAG_ADVICE, member);
	return outcome;
}

void ops_put_state(const struct host *h, struct buf *body)
{
	tlv_put_u64(body, LINK_TAG_VERSION, h->store.version);
	tlv_put(body, LINK_TAG_HASH, VIEW(h->store.hash));
}

/* -- opening --------------------------------------------------------------------------------- */

static int op_open(struct host *h, struct link_frame *request, struct host_answer *a)
{
	char folder[1024];
	char pseudonym[STORE_PSEUDONYM + 1];
	int r;

	r = ops_get_str(request, LINK_TAG_FOLDER, folder, sizeof(folder));
	if (r == 0) {
		r = ops_get_str(request, LINK_TAG_PSEUDONYM, pseudonym, sizeof(pseudonym));
	}
	if (r == 0) {
		r = store_open(
			&h->store, folder, pseudonym, ops_get_flag(request, LINK_TAG_VALUE));
	}
	if (r == 0) {
		r = h->confine();
	}
	if (r == 0) {
		r = store_load(&h->store);
	}
	if (r != 0) {
		return trace(r);
	}
	h->stage = HOST_STAGE_OPENED;
	tlv_put_u8(&a->body, LINK_TAG_STATE, (uint8_t)h->store.state);
	ops_put_state(h, &a->body);
	tlv_put(&a->body, LINK_TAG_DATA, VIEW(h->store.previous));
	return 0;
}

static int op_key(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(buf_done) struct buf people = BUF_NULL(STORE_RECORD);
	struct view key;
	int r;

	r = ops_get_view(request, LINK_TAG_KEY, &key);
	if (r < 0) {
		return trace(r);
	}
	if (h->stage == HOST_STAGE_OPENED) {
		r = store_read_people(&h->store, key, &people);
	} else {
		r = store_grant(&h->store, key);
		if (r == 0) {
			r = store_read_people(
				&h->store, view_of(h->store.people.data, SEAL_KEY), &people);
		}
	}
	if (r != 0) {
		return trace(r);
	}
	h->stage = h->stage == HOST_STAGE_OPENED ? HOST_STAGE_PEOPLE : HOST_STAGE_GRANTED;
	tlv_put(&a->body, LINK_TAG_PEOPLE, buf_view(&people));
	return 0;
}

/* The people record of a new dossier; members that it does not have yet come with later versions. */
static int new_people(json_t *author, struct buf *out)
{
	_cleanup_json_ json_t *j = json_object();
	int r;

	r = json_set(j, "format", json_integer(1));
	if (r == 0) {
		r = json_set(j, "created", json_integer((json_int_t)clock_wall()));
	}
	if (r == 0) {
		r = json_set(j, "created-by", json_incref(author));
	}
	if (r == 0) {
		r = json_set(j, "authorised", json_array());
	}
	if (r == 0) {
		r = json_set(j, "blocked", json_array());
	}
	if (r == 0) {
		r = json_set(j, "treating-doctor", json_null());
	}
	if (r == 0) {
		r = json_canonical(j, out);
	}
	return r > 0 ? fault(-EINVAL) : trace(r);
}

static int op_create(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(buf_done) struct buf people = BUF_NULL(STORE_RECORD);
	_cleanup_json_ json_t *author = NULL;
	int r;

	if (!h->store.db) {
		return DOSSIER_WRONG_STATE;
	}
	r = ops_get_json(request, LINK_TAG_FACTS, &author);
	if (r == 0) {
		r = new_people(author, &people);
	}
	if (r == 0) {
		r = store_begin(&h->store);
	}
	if (r != 0) {
		return trace(r);
	}
	r = store_create(&h->store, buf_view(&people));
	if (r != 0) {
		store_rollback(&h->store);
		return trace(r);
	}
	r = store_commit(&h->store);
	if (r == 0) {
		ops_put_state(h, &a->body);
	}
	return trace(r);
}

/* -- rows ------------------------------------------------------------------------------------ */

/* Append the row of @d to the JSON array text @out when it matches. */
static int add_row(const struct store_document *d, const json_t *filter, struct buf *out)
{
	_cleanup_json_ json_t *record = NULL;
	_cleanup_json_ json_t *row = NULL;
	int r;

	r = document_parse(buf_view(&d->record), &record);
	if (r != 0 || !document_matches(record, d->id, filter)) {
		return trace(r);
	}
	r = document_row(record, d->id, &row);
	if (r < 0) {
		return trace(r);
	}
	buf_put_str(out, out->len > 1 ? "," : "");
	r = json_canonical(row, out);
	return r > 0 ? DOSSIER_DAMAGED : trace(r);
}

/* The filter's "after" or the very beginning. */
static int first_after(struct host *h, const json_t *filter, struct store_document *d)
{
	const char *after = json_get_str(filter, "after");

	return after ? trace(store_get(&h->store, after, d)) : 0;
}

static int collect_rows(struct host *h, const json_t *filter, struct buf *out, bool *ret_more)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	int r;

	r = first_after(h, filter, &d);
	buf_put_str(out, "[");
	while (r == 0 && out->len < ROWS_PAGE) {
		r = store_next(&h->store, &d);
		if (r == 0) {
			r = add_row(&d, filter, out);
		}
	}
	buf_put_str(out, "]");
	if (r != 0 && r != DOSSIER_NO_DOCUMENT) {
		return trace(r);
	}
	*ret_more = r == 0;
	return trace(buf_check(out));
}

/* One document is looked up by its id without a walk. */
static int one_row(struct host *h, const json_t *filter, struct buf *out)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	int r;

	r = store_get(&h->store, json_get_str(filter, "id"), &d);
	if (r != 0) {
		return trace(r);
	}
	buf_put_str(out, "[");
	r = add_row(&d, filter, out);
	buf_put_str(out, "]");
	return r != 0 ? trace(r) : trace(buf_check(out));
}

static int op_rows(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(buf_done) struct buf rows = BUF_NULL(ROWS_PAGE + ROW_MAX);
	_cleanup_json_ json_t *filter = NULL;
	const char *member;
	bool more = false;
	int r;

	r = ops_get_json(request, LINK_TAG_FILTER, &filter);
	if (r < 0) {
		return trace(r);
	}
	r = document_filter_check(filter, &member);
	if (r != 0) {
		return advise(a, r, member);
	}
	if (json_object_get(filter, "id")) {
		r = one_row(h, filter, &rows);
	} else {
		r = collect_rows(h, filter, &rows, &more);
	}
	if (r != 0) {
		return trace(r);
	}
	tlv_put(&a->body, LINK_TAG_ROWS, buf_view(&rows));
	tlv_put_u8(&a->body, LINK_TAG_VALUE, more);
	return 0;
}

int ops_load_record(
	struct host *h, const char *id, struct store_document *d, json_t **ret_record)
{
	int r;

	if (!store_id_valid(id)) {
		return DOSSIER_NO_DOCUMENT;
	}
	r = store_get(&h->store, id, d);
	return r != 0 ? trace(r) : trace(document_parse(buf_view(&d->record), ret_record));
}

/* -- changes --------------------------------------------------------------------------------- */

/* The request's author, and its metadata, checked; the memfd is the last of its @n descriptors. */
static int take_metadata(const struct link_frame *request, size_t n, struct host_answer *a,
	json_t **ret_author, json_t **ret_metadata)
{
	const char *member;
	int r;

	r = ops_get_json(request, LINK_TAG_FACTS, ret_author);
	if (r < 0) {
		return trace(r);
	}
	if (request->n_fds != n) {
		return fault(-EBADMSG);
	}
	r = json_read_fd(request->fds[n - 1], LIMIT_JSON_FD, ret_metadata);
	if (r != 0) {
		return r < 0 ? trace(r) : advise(a, DOSSIER_INVALID, "metadata");
	}
	r = metadata_check(*ret_metadata, &member);
	if (r != 0) {
		return advise(a, r == METADATA_TOO_LARGE ? DOSSIER_TOO_LARGE : DOSSIER_INVALID,
			member);
	}
	return 0;
}

/* What the broker decides an ADD by: it never sees the metadata, which hold titles. */
static int op_weigh(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(buf_done) struct buf rows = BUF_NULL(ROWS_PAGE + ROW_MAX);
	_cleanup_json_ json_t *metadata = NULL;
	_cleanup_json_ json_t *author = NULL;
	_cleanup_json_ json_t *row = NULL;
	int r;

	(void)h;
	r = take_metadata(request, 1, a, &author, &metadata);
	if (r == 0) {
		r = document_row_of(metadata, author, &row);
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

static int op_add(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_json_ json_t *metadata = NULL;
	_cleanup_json_ json_t *author = NULL;
	int fd;
	int r;

	r = take_metadata(request, 2, a, &author, &metadata);
	if (r != 0) {
		return trace(r);
	}
	fd = request->fds[0];
	request->fds[0] = -1;
	r = inflow_start(&h->in, &h->store, fd, metadata, author);
	if (r != 0) {
		inflow_done(&h->in, &h->store);
		return r == DOSSIER_INVALID ? advise(a, r, "content") : trace(r);
	}
	h->in_op = request->op;
	h->in_seq = request->seq;
	a->later = true;
	return 0;
}

static int write_flag(struct host *h, struct store_document *d, const json_t *record)
{
	int r;

	buf_reset(&d->record);
	r = json_canonical(record, &d->record);
	if (r != 0) {
		return r > 0 ? DOSSIER_DAMAGED : trace(r);
	}
	r = store_begin(&h->store);
	if (r != 0) {
		return trace(r);
	}
	r = store_replace(&h->store, d);
	if (r != 0) {
		store_rollback(&h->store);
		return trace(r);
	}
	return trace(store_commit(&h->store));
}

static int op_flag(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	char id[STORE_ID + 1];
	char flag[64];
	bool changed;
	int r;

	r = ops_get_str(request, LINK_TAG_ID, id, sizeof(id));
	if (r == 0) {
		r = ops_get_str(request, LINK_TAG_FLAG, flag, sizeof(flag));
	}
	if (r == 0) {
		r = ops_load_record(h, id, &d, &record);
	}
	if (r == 0) {
		r = document_set_flag(
			record, flag, ops_get_flag(request, LINK_TAG_VALUE), &changed);
	}
	if (r == 0 && changed) {
		r = write_flag(h, &d, record);
	}
	if (r == 0) {
		ops_put_state(h, &a->body);
	}
	return trace(r);
}

/* -- which ----------------------------------------------------------------------------------- */

static const struct {
	int (*serve)(struct host *h, struct link_frame *request, struct host_answer *a);
	enum dossier_op op;
	enum host_stage from; /* least and last stage that it is for */
	enum host_stage to;
	int state; /* enum dossier_state; 0: any */
} ops[] = {
	{op_open, DOSSIER_OP_OPEN, HOST_STAGE_START, HOST_STAGE_START, 0},
	{op_key, DOSSIER_OP_KEY, HOST_STAGE_OPENED, HOST_STAGE_PEOPLE, 0},
	{op_create, DOSSIER_OP_CREATE, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_ABSENT},
	{op_rows, DOSSIER_OP_ROWS, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{ops_list, DOSSIER_OP_LIST, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{ops_summary, DOSSIER_OP_SUMMARY, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
	{ops_read, DOSSIER_OP_READ, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{op_add, DOSSIER_OP_ADD, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{op_flag, DOSSIER_OP_FLAG, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED, DOSSIER_STATE_OPEN},
	{op_weigh, DOSSIER_OP_WEIGH, HOST_STAGE_GRANTED, HOST_STAGE_GRANTED,
		DOSSIER_STATE_OPEN},
};

int ops_serve(struct host *h, struct link_frame *request, struct host_answer *a)
{
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		if (ops[i].op != request->op) {
			continue;
		}
		if (h->stage < ops[i].from || h->stage > ops[i].to ||
			(ops[i].state != 0 && ops[i].state != (int)h->store.state)) {
			return DOSSIER_WRONG_STATE;
		}
		return trace(ops[i].serve(h, request, a));
	}
	return fault(-EBADMSG);
}
