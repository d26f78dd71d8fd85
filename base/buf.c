/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Views, buffers and readers: the only place of the tree that calls memcpy. A buf owns one heap
 * block of cap + 1 bytes (the spare one lets text be formatted in place) and never hands memory
 * back to the heap without wiping it; growth therefore copies, it never calls realloc. A reader
 * never looks outside its view.
 */
#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAP 64U

/* -- views ----------------------------------------------------------------------------------- */

struct view view_of(const void *data, size_t len)
{
	return (struct view){.data = data, .len = data ? len : 0};
}

struct view view_str(const char *text)
{
	return view_of(text, text ? strlen(text) : 0);
}

struct view view_sub(struct view v, size_t from, size_t len)
{
	if (!v.data) {
		return VIEW_NULL;
	}
	if (from > v.len) {
		from = v.len;
	}
	if (len > v.len - from) {
		len = v.len - from;
	}
	return view_of(v.data + from, len);
}

struct view view_last(struct view v, size_t len)
{
	return view_sub(v, len < v.len ? v.len - len : 0, len);
}

bool view_equal(struct view a, struct view b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

int view_copy(struct view v, void *to, size_t size)
{
	if (v.len > size) {
		return fault(-EMSGSIZE);
	}
	bytes_copy(to, size, v.data, v.len);
	return 0;
}

int view_copy_str(struct view v, char *to, size_t size)
{
	if (v.len >= size) {
		return fault(-EMSGSIZE);
	}
	if (v.len > 0 && memchr(v.data, '\0', v.len)) {
		return fault(-EINVAL);
	}
	bytes_copy(to, size, v.data, v.len);
	to[v.len] = '\0';
	return 0;
}

void bytes_copy(void *to, size_t size, const void *from, size_t len)
{
	assert(len <= size);
	if (len > 0) {
		memcpy(to, from, len);
	}
}

void wipe(void *data, size_t len)
{
	if (data && len > 0) {
		explicit_bzero(data, len);
	}
}

/* -- bufs ------------------------------------------------------------------------------------ */

static void block_free(uint8_t *data, size_t cap)
{
	if (data) {
		wipe(data, cap + 1);
		free(data);
	}
}

static size_t next_cap(const struct buf *b, size_t need)
{
	size_t cap = b->cap * 2; /* no block is longer than PTRDIFF_MAX */

	if (cap < FIRST_CAP) {
		cap = FIRST_CAP;
	}
	if (cap > b->max) {
		cap = b->max;
	}
	return cap < need ? need : cap;
}

/* Make room for @extra bytes and the spare one, or set the failure. */
static bool reserve(struct buf *b, size_t extra)
{
	uint8_t *data;
	size_t cap;

	if (b->failed) {
		return false;
	}
	if (b->len > b->max || extra > b->max - b->len || extra >= SIZE_MAX - b->len) {
		b->failed = -EMSGSIZE;
		return false;
	}
	if (b->data && extra <= b->cap - b->len) {
		return true;
	}
	cap = next_cap(b, b->len + extra);
	data = malloc(cap + 1);
	if (!data) {
		b->failed = -ENOMEM;
		return false;
	}
	bytes_copy(data, cap, b->data, b->len);
	block_free(b->data, b->cap);
	b->data = data;
	b->cap = cap;
	return true;
}

/* Growth frees the old block: what is put must not lie inside it. */
static void check_outside(const struct buf *b, const void *data)
{
	uintptr_t at = (uintptr_t)data;
	uintptr_t from = (uintptr_t)b->data;

	assert(data && (!b->data || at < from || at > from + b->cap));
}

void buf_done(struct buf *b)
{
	if (!b) {
		return;
	}
	block_free(b->data, b->cap);
	*b = BUF_NULL(b->max);
}

void buf_reset(struct buf *b)
{
	wipe(b->data, b->len);
	b->len = 0;
	b->failed = 0;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
	buf_insert(b, b->len, data, len);
}

void buf_put_view(struct buf *b, struct view v)
{
	buf_put(b, v.data, v.len);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
	buf_put(b, &v, sizeof(v));
}

void buf_put_u16(struct buf *b, uint16_t v)
{
	buf_put_u8(b, (uint8_t)(v >> 8));
	buf_put_u8(b, (uint8_t)(v & 0xFF));
}

void buf_put_u32(struct buf *b, uint32_t v)
{
	buf_put_u16(b, (uint16_t)(v >> 16));
	buf_put_u16(b, (uint16_t)(v & 0xFFFF));
}

void buf_put_u64(struct buf *b, uint64_t v)
{
	buf_put_u32(b, (uint32_t)(v >> 32));
	buf_put_u32(b, (uint32_t)(v & 0xFFFFFFFF));
}

void buf_put_str(struct buf *b, const char *text)
{
	buf_put_view(b, view_str(text));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list args;
	va_list again;
	int n;

	va_start(args, fmt);
	va_copy(again, args);
	n = vsnprintf(NULL, 0, fmt, args);
	if (n < 0) {
		/* too long for an int, or a wide character without an encoding */
		b->failed = b->failed ? b->failed : -EMSGSIZE;
	} else if (reserve(b, (size_t)n)) {
		(void)vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
	va_end(args);
}

void buf_insert(struct buf *b, size_t at, const void *data, size_t len)
{
	assert(at <= b->len);
	if (len == 0) {
		return;
	}
	check_outside(b, data);
	if (!reserve(b, len)) {
		return;
	}
	memmove(b->data + at + len, b->data + at, b->len - at);
	bytes_copy(b->data + at, b->cap - at, data, len);
	b->len += len;
}

void buf_truncate(struct buf *b, size_t len)
{
	if (len < b->len) {
		wipe(b->data + len, b->len - len);
		b->len = len;
	}
}

uint8_t *buf_extend(struct buf *b, size_t len)
{
	uint8_t *at;

	if (!reserve(b, len)) {
		return NULL;
	}
	at = b->data + b->len;
	memset(at, 0, len);
	b->len += len;
	return at;
}

int buf_check(const struct buf *b)
{
	return b->failed ? fault(b->failed) : 0;
}

struct view buf_view(const struct buf *b)
{
	return view_of(b->data, b->len);
}

char *buf_take_str(struct buf *b)
{
	char *text = NULL;

	if (!b->failed) {
		text = malloc(b->len + 1);
	}
	if (text) {
		bytes_copy(text, b->len, b->data, b->len);
		text[b->len] = '\0';
	}
	buf_done(b);
	return text;
}

/* -- readers --------------------------------------------------------------------------------- */

struct reader reader_of(struct view v)
{
	return (struct reader){.data = v.data, .left = v.data ? v.len : 0};
}

struct view reader_take(struct reader *r, size_t len)
{
	struct view v;

	if (r->failed || len > r->left) {
		r->failed = true;
		r->left = 0;
		return VIEW_NULL;
	}
	v = view_of(r->data, len);
	if (len > 0) {
		r->data += len;
		r->left -= len;
	}
	return v;
}

struct view reader_rest(struct reader *r)
{
	return reader_take(r, r->left);
}

static uint64_t take_number(struct reader *r, size_t len)
{
	struct view v = reader_take(r, len);
	uint64_t n = 0;

	for (size_t i = 0; i < v.len; i++) {
		n = n << 8 | v.data[i];
	}
	return n;
}

uint8_t reader_u8(struct reader *r)
{
	return (uint8_t)take_number(r, 1);
}

uint16_t reader_u16(struct reader *r)
{
	return (uint16_t)take_number(r, 2);
}

uint32_t reader_u32(struct reader *r)
{
	return (uint32_t)take_number(r, 4);
}

uint64_t reader_u64(struct reader *r)
{
	return take_number(r, 8);
}
