/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Rows: what the broker decides by. In the order in which they are listed (order.h), a page at a time;
 * the next page goes on after the last id of this one, which any caller may name. Of a period no others are
 * looked at. Whatever is not found by its day is looked for in each record, so a page is also over when
 * many were looked at: an answer comes in time however many there are, and names the last of them.
 */
#include "base/tlv.h"
#include "daemon/dossier/store/ops.h"
#include "daemon/dossier/store/select.h"

#define ROWS_PAGE (48U * 1024U) /* bytes of rows in one answer, well below LINK_MAX_FRAME */
#define ROW_MAX	  1024U
#define LOOKS	  4000U /* records opened for one answer: some tenths of a second */

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

/* Those from @at to @end. @ret_more: there are some behind the one that @last names. */
static int collect(struct host *h, struct page *p, size_t at, size_t end, bool *ret_more,
	char last[STORE_ID + 1])
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	size_t stop = end > at && end - at > LOOKS ? at + LOOKS : end;
	int r = 0;

	while (r == 0 && at < stop && p->text.len < ROWS_PAGE && p->n < p->most) {
		r = store_get_at(&h->store, h->order.rows[at++].seq, &d);
		if (r == 0) {
			r = add_row(p, &d);
		}
	}
	if (r != 0) {
		return r == DOSSIER_NO_DOCUMENT ? DOSSIER_DAMAGED : trace(r);
	}
	*ret_more = at < end;
	bytes_copy(last, STORE_ID + 1, d.id, sizeof(d.id));
	return 0;
}

static int many(struct host *h, struct page *p, struct host_answer *a, bool *ret_more)
{
	const json_t *filter = p->selection.filter;
	char last[STORE_ID + 1];
	size_t at = 0;
	size_t begin;
	size_t end;
	int r;

	r = order_update(&h->order, &h->store);
	if (r == 0) {
		r = first_of(h, filter, a, &at);
	}
	if (r != 0) {
		return trace(r);
	}
	order_period(&h->order, json_get_str(filter, "from"), json_get_str(filter, "to"),
		&begin, &end);
	r = collect(h, p, at > begin ? at : begin, end, ret_more, last);
	if (r == 0 && *ret_more) {
		tlv_put_str(&a->body, LINK_TAG_ID, last);
	}
	return trace(r);
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
