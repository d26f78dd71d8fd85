/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The order. Eight bytes a document; days tell of the person, so they are wiped before they are freed.
 * What fails halfway leaves rows that are no part of it yet: the next update reads them again.
 */
#include "daemon/dossier/store/order.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DAY_TEXT 10U /* bytes of YYYY-MM-DD */

void order_done(struct order *o)
{
	wipe(o->rows, o->cap * sizeof(*o->rows));
	free(o->rows);
	*o = (struct order){.rows = NULL};
}

/* YYYY-MM-DD, as it was taken in. */
static uint32_t day_of(struct view text)
{
	struct reader in = reader_of(text);
	uint32_t day = 0;

	while (in.left > 0) {
		uint8_t c = reader_u8(&in);

		day = c == '-' ? day : day * 10 + (uint32_t)(c - '0');
	}
	return day;
}

static int newest_first(const void *pa, const void *pb)
{
	const struct order_row *a = pa;
	const struct order_row *b = pb;

	if (a->day != b->day) {
		return a->day < b->day ? 1 : -1;
	}
	return (a->seq < b->seq) - (a->seq > b->seq);
}

/* realloc() would leave days behind. */
static int grow(struct order *o)
{
	size_t cap = o->cap ? o->cap * 2 : 256;
	struct order_row *rows = calloc(cap, sizeof(*rows));

	if (!rows) {
		return fault(-ENOMEM);
	}
	bytes_copy(rows, cap * sizeof(*rows), o->rows, o->n * sizeof(*rows));
	wipe(o->rows, o->cap * sizeof(*rows));
	free(o->rows);
	o->rows = rows;
	o->cap = cap;
	return 0;
}

/* A record as we wrote it is canonical: the date is the first member of its metadata, and what stands
 * in texts has its quotes escaped. Parsing each would cost ten times as much as opening it. */
static bool find_day(struct view record, struct view *ret)
{
	static const char mark[] = "\"metadata\":{\"date\":\"";
	const uint8_t *at = memmem(record.data, record.len, mark, sizeof(mark) - 1);
	struct reader in;

	if (!at) {
		return false;
	}
	in = reader_of(view_last(record, record.len - (size_t)(at - record.data)));
	(void)reader_take(&in, sizeof(mark) - 1);
	*ret = reader_take(&in, DAY_TEXT);
	return !in.failed;
}

static int take(void *user, const struct store_document *d)
{
	struct order *o = user;
	struct view day;
	int r = 0;

	if (!find_day(buf_view(&d->record), &day)) {
		return DOSSIER_DAMAGED;
	}
	if (o->n == o->cap) {
		r = grow(o);
	}
	if (r < 0) {
		return trace(r);
	}
	o->rows[o->n++] = (struct order_row){.day = day_of(day), .seq = (uint32_t)d->seq};
	return 0;
}

int order_update(struct order *o, struct store *s)
{
	size_t before = o->n;
	int64_t last = o->last;
	int r;

	r = store_each(s, last, take, o);
	if (r != 0) {
		o->n = before;
		return trace(r);
	}
	if (o->n > before) {
		o->last = o->rows[o->n - 1].seq; /* they came in this order */
		qsort(o->rows, o->n, sizeof(*o->rows), newest_first);
	}
	return 0;
}

/* Index of the first that comes behind @at. */
static size_t behind(const struct order *o, struct order_row at)
{
	size_t low = 0;
	size_t high = o->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (newest_first(&o->rows[middle], &at) <= 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

size_t order_after(const struct order *o, const json_t *record, int64_t seq)
{
	const char *day = json_get_str(json_object_get(record, "metadata"), "date");

	return behind(
		o, (struct order_row){.day = day_of(view_str(day)), .seq = (uint32_t)seq});
}

void order_period(const struct order *o, const char *from, const char *to, size_t *ret_begin,
	size_t *ret_end)
{
	size_t begin = 0;
	size_t end = o->n;

	/* of one day the highest number comes first; none is 0 or the highest that there is */
	if (to) {
		begin = behind(
			o, (struct order_row){.day = day_of(view_str(to)), .seq = UINT32_MAX});
	}
	if (from) {
		end = behind(o, (struct order_row){.day = day_of(view_str(from))});
	}
	*ret_begin = begin;
	*ret_end = end < begin ? begin : end;
}
