/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Rows: what the broker decides by. In the order in which they are listed (order.h), a page at a time;
 * the next page goes on after the last id of this one, which any caller may name.
 */
#include "base/tlv.h"
#include "daemon/dossier/store/ops.h"
#include "daemon/dossier/store/select.h"

#define ROWS_PAGE (48U * 1024U) /* bytes of rows in one answer, well below LINK_MAX_FRAME */
#define ROW_MAX	  1024U

/* struct page - rows as the text of a JSON array. */
struct page {
	struct selection selection;
	struct buf text;
	size_t n;
	size_t most;
};

static void page_done(struct page *p)
{
	select_done(&p->selection);
	buf_done(&p->text);
}

/* Append the row of @d when it matches. */
static int add_row(struct page *p, const struct store_document *d)
{
	_cleanup_json_ json_t *record = NULL;
	_cleanup_json_ json_t *row = NULL;
	bool matches = false;
	int r;

	r = document_parse(buf_view(&d->record), &record);
	if (r == 0) {
		r = select_matches(&p->selection, record, d->id, &matches);
	}
	if (r != 0 || !matches) {
		return trace(r);
	}
	r = document_row(record, d->id, &row);
	if (r < 0) {
		return trace(r);
	}
	p->n++;
	buf_put_str(&p->text, p->text.len > 1 ? "," : "");
	r = json_canonical(row, &p->text);
	return r > 0 ? DOSSIER_DAMAGED : trace(r);
}

/* The filter's "after", or the very beginning. */
static int first_of(struct host *h, const json_t *filter, struct host_answer *a, size_t *ret_at)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	const char *after = json_get_str(filter, "after");
	int r;

	if (!after) {
		*ret_at = 0;
		return 0;
	}
	r = ops_load_record(h, after, &d, &record);
	if (r != 0) {
		return r == DOSSIER_NO_DOCUMENT ? ops_advise(a, DOSSIER_INVALID, "after")
						: trace(r);
	}
	*ret_at = order_after(&h->order, record, d.seq);
	return 0;
}

static int collect(struct host *h, struct page *p, size_t at, bool *ret_more)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	int r = 0;

	while (r == 0 && at < h->order.n && p->text.len < ROWS_PAGE && p->n < p->most) {
		r = store_get_at(&h->store, h->order.rows[at++].seq, &d);
		if (r == 0) {
			r = add_row(p, &d);
		}
	}
	if (r != 0) {
		return r == DOSSIER_NO_DOCUMENT ? DOSSIER_DAMAGED : trace(r);
	}
	*ret_more = at < h->order.n;
	return 0;
}

static int many(struct host *h, struct page *p, struct host_answer *a, bool *ret_more)
{
	size_t at = 0;
	int r;

	r = order_update(&h->order, &h->store);
	if (r == 0) {
		r = first_of(h, p->selection.filter, a, &at);
	}
	return r != 0 ? trace(r) : trace(collect(h, p, at, ret_more));
}

/* One document is looked up by its id without a walk. */
static int one(struct host *h, struct page *p)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	int r;

	r = store_get(&h->store, json_get_str(p->selection.filter, "id"), &d);
	return r != 0 ? trace(r) : trace(add_row(p, &d));
}

int ops_rows(struct host *h, struct link_frame *request, struct host_answer *a)
{
	_cleanup_(page_done) struct page p = {.text = BUF_NULL(ROWS_PAGE + ROW_MAX)};
	_cleanup_json_ json_t *filter = NULL;
	int64_t most = SELECT_LIMIT;
	const char *member;
	bool more = false;
	int r;

	r = ops_get_json(request, LINK_TAG_FILTER, &filter);
	if (r < 0) {
		return trace(r);
	}
	r = select_check(filter, &member);
	if (r != 0) {
		return ops_advise(a, r, member);
	}
	/* absent: a page is as long as one may be */
	(void)!json_get_int(filter, "limit", 1, SELECT_LIMIT, &most);
	p.most = (size_t)most;
	r = select_init(&p.selection, filter);
	buf_put_str(&p.text, "[");
	if (r == 0) {
		r = json_object_get(filter, "id") ? one(h, &p) : many(h, &p, a, &more);
	}
	buf_put_str(&p.text, "]");
	if (r == 0) {
		r = buf_check(&p.text);
	}
	if (r != 0) {
		return trace(r);
	}
	tlv_put(&a->body, LINK_TAG_ROWS, buf_view(&p.text));
	tlv_put_u8(&a->body, LINK_TAG_VALUE, more);
	return 0;
}
