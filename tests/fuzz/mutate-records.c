/* SPDX-License-Identifier: EUPL-1.2 */
/* The mutator of records.h: whole steps are put in, taken out, doubled, moved and changed. */
#include <assert.h>

#include "base/hex.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"

#define RECORDS 96U
#define BYTES	255U

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

struct list {
	uint8_t head[16];
	struct record at[RECORDS];
	size_t n;
};

static uint32_t state;

static size_t pick(size_t n)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return n ? state % n : 0;
}

static void parse(struct view in, struct list *l)
{
	struct reader r = reader_of(in);

	*l = (struct list){.n = 0};
	assert(record_head <= sizeof(l->head));
	for (size_t i = 0; i < record_head; i++) {
		l->head[i] = r.left ? reader_u8(&r) : 0;
	}
	while (l->n < RECORDS && record_next(&r, &l->at[l->n])) {
		l->n++;
	}
}

static void insert(struct list *l, size_t at, struct record one)
{
	if (l->n == RECORDS) {
		return;
	}
	for (size_t i = l->n; i > at; i--) {
		l->at[i] = l->at[i - 1];
	}
	l->at[at] = one;
	l->n++;
}

static void take_out(struct list *l, size_t at)
{
	if (l->n == 0) {
		return;
	}
	l->n--;
	for (size_t i = at; i < l->n; i++) {
		l->at[i] = l->at[i + 1];
	}
}

/* @b keeps the bytes. */
static struct record word(struct buf *b)
{
	const struct record_word *w = &record_words[pick(record_words_n)];

	buf_reset(b);
	if (w->hex[0] == '"') {
		buf_put_str(b, w->hex + 1);
	} else {
		assert(hex_decode(b, view_str(w->hex)) == 0);
	}
	assert(buf_check(b) == 0);
	return (struct record){.kind = w->kind, .arg = w->arg, .bytes = buf_view(b)};
}

static void change(struct list *l, struct buf *b)
{
	struct record *one = &l->at[pick(l->n)];
	uint8_t bytes[BYTES];
	size_t n = one->bytes.len;

	if (l->n == 0) {
		return;
	}
	if (pick(4) == 0) {
		one->arg = (uint8_t)pick(256);
		return;
	}
	if (pick(8) == 0) {
		one->kind = (uint8_t)pick(256);
		return;
	}
	bytes_copy(bytes, sizeof(bytes), one->bytes.data, n);
	n = LLVMFuzzerMutate(bytes, n, pick(2) && n ? n : sizeof(bytes));
	buf_reset(b);
	buf_put(b, bytes, n);
	one->bytes = buf_view(b);
}

static void mutate(struct list *l, struct buf *b)
{
	size_t at = pick(l->n + 1);

	switch (pick(9)) {
	case 0:
		take_out(l, pick(l->n));
		break;
	case 1:
		if (l->n > 0) {
			insert(l, at, l->at[pick(l->n)]);
		}
		break;
	case 2:
		l->n = at; /* the rest away */
		break;
	case 3:
		if (record_head > 0) {
			l->head[pick(record_head)] = (uint8_t)pick(256);
		}
		break;
	case 4:
	case 5:
		change(l, b);
		break;
	case 6:
		insert(l, l->n, word(b));
		break;
	default:
		insert(l, at, word(b));
	}
}

static size_t build(const struct list *l, uint8_t *data, size_t max_size)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(sizeof(l->head) + RECORDS * (BYTES + 3));

	buf_put(&out, l->head, record_head);
	for (size_t i = 0; i < l->n; i++) {
		if (out.len + 3 + l->at[i].bytes.len > max_size) {
			break;
		}
		buf_put_u8(&out, l->at[i].kind);
		buf_put_u8(&out, l->at[i].arg);
		buf_put_u8(&out, (uint8_t)l->at[i].bytes.len);
		buf_put_view(&out, l->at[i].bytes);
	}
	assert(buf_check(&out) == 0);
	buf_truncate(&out, max_size);
	bytes_copy(data, max_size, out.data, out.len);
	return out.len;
}

size_t target_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	static struct list l;
	struct buf bytes[4] = {
		BUF_NULL(BYTES), BUF_NULL(BYTES), BUF_NULL(BYTES), BUF_NULL(BYTES)};
	size_t n;

	state = seed * 2654435761U | 1U;
	parse(view_of(data, size), &l);
	for (size_t i = 0, times = 1 + pick(ARRAY_LEN(bytes)); i < times; i++) {
		mutate(&l, &bytes[i]);
	}
	n = build(&l, data, max_size);
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++) {
		buf_done(&bytes[i]);
	}
	return n;
}
