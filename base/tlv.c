/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * BER-TLV of ISO/IEC 7816-4:2020 §6.3. Reading walks a struct reader and allocates nothing; every
 * value that it returns borrows from the view that was read. A reader that met a broken object
 * stays broken. Length forms that are longer than needed are accepted, because cards use them;
 * tags that the standard calls invalid are not (second byte 00..1E or 80, a fourth byte, 00).
 */
#include "base/tlv.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#define TAG_LONG    0x1FU /* bits of a first byte that announce another one */
#define TAG_MORE    0x80U /* bit of a following byte that announces another one */
#define MAX_LENGTH  0xFFFFFFU
#define LENGTH_1    0x81U
#define LENGTH_3    0x83U
#define LENGTH_LONG 0x80U

/* -- reading --------------------------------------------------------------------------------- */

/* A tag. Return: 0 or TLV_BROKEN; what is cut short only fails the reader. */
static int take_tag(struct reader *r, uint32_t *ret_tag)
{
	uint32_t first = reader_u8(r);
	uint32_t second;
	uint32_t third;

	if ((first & TAG_LONG) != TAG_LONG) {
		*ret_tag = first;
		return first == 0 && !r->failed ? TLV_BROKEN : 0;
	}
	second = reader_u8(r);
	if (!r->failed && (second < TAG_LONG || second == TAG_MORE)) {
		return TLV_BROKEN;
	}
	if (!(second & TAG_MORE)) {
		*ret_tag = first << 8 | second;
		return 0;
	}
	third = reader_u8(r);
	*ret_tag = first << 16 | second << 8 | third;
	return third & TAG_MORE ? TLV_BROKEN : 0;
}

/* A length field. Return: 0 or TLV_BROKEN; what is cut short only fails the reader. */
static int take_length(struct reader *r, size_t *ret_len)
{
	uint8_t first = reader_u8(r);
	size_t len = 0;

	if (first < LENGTH_LONG) {
		*ret_len = first;
		return 0;
	}
	if (first < LENGTH_1 || first > LENGTH_3) {
		return TLV_BROKEN;
	}
	for (uint8_t i = LENGTH_LONG; i < first; i++) {
		len = len << 8 | reader_u8(r);
	}
	*ret_len = len;
	return 0;
}

/* Tag and length. Return: 0, TLV_END when cut short, TLV_BROKEN. */
static int take_head(struct reader *r, uint32_t *ret_tag, size_t *ret_len)
{
	if (take_tag(r, ret_tag) != 0) {
		return TLV_BROKEN;
	}
	if (take_length(r, ret_len) != 0) {
		return TLV_BROKEN;
	}
	return r->failed ? TLV_END : 0;
}

static int broken(struct reader *r)
{
	r->failed = true;
	r->left = 0;
	return TLV_BROKEN;
}

int tlv_next(struct reader *r, struct tlv *ret_t)
{
	struct view before = view_of(r->data, r->left);
	struct tlv t;
	size_t len;

	if (r->failed) {
		return TLV_BROKEN;
	}
	if (r->left == 0) {
		return TLV_END;
	}
	if (take_head(r, &t.tag, &len) != 0) {
		return broken(r);
	}
	t.value = reader_take(r, len);
	if (r->failed) {
		return TLV_BROKEN;
	}
	t.whole = view_sub(before, 0, before.len - r->left);
	*ret_t = t;
	return 0;
}

int tlv_next_padded(struct reader *r, struct tlv *ret_t)
{
	struct reader ahead = *r;

	while (ahead.left > 0 && reader_u8(&ahead) == 0) {
		*r = ahead;
	}
	return tlv_next(r, ret_t);
}

int tlv_find(struct view in, uint32_t tag, struct tlv *ret_t)
{
	struct reader r = reader_of(in);
	struct tlv t;
	int q;

	while ((q = tlv_next_padded(&r, &t)) == 0) {
		if (t.tag == tag) {
			*ret_t = t;
			return 0;
		}
	}
	return q == TLV_END ? TLV_ABSENT : TLV_BROKEN;
}

int tlv_total(struct view head, size_t *ret_total)
{
	struct reader r = reader_of(head);
	uint32_t tag;
	size_t len;
	int q;

	q = take_head(&r, &tag, &len);
	if (q == 0) {
		*ret_total = head.len - r.left + len;
	}
	return q;
}

static int find_number(struct view in, uint32_t tag, size_t size, uint64_t *ret)
{
	struct reader r;
	struct tlv t;
	uint64_t n = 0;
	int q;

	q = tlv_find(in, tag, &t);
	if (q != 0) {
		return q;
	}
	if (t.value.len != size) {
		return TLV_BROKEN;
	}
	r = reader_of(t.value);
	while (r.left > 0) {
		n = n << 8 | reader_u8(&r);
	}
	*ret = n;
	return 0;
}

int tlv_find_u8(struct view in, uint32_t tag, uint8_t *ret)
{
	uint64_t n;
	int q = find_number(in, tag, sizeof(*ret), &n);

	if (q == 0) {
		*ret = (uint8_t)n;
	}
	return q;
}

int tlv_find_u32(struct view in, uint32_t tag, uint32_t *ret)
{
	uint64_t n;
	int q = find_number(in, tag, sizeof(*ret), &n);

	if (q == 0) {
		*ret = (uint32_t)n;
	}
	return q;
}

int tlv_find_u64(struct view in, uint32_t tag, uint64_t *ret)
{
	return find_number(in, tag, sizeof(*ret), ret);
}

int tlv_find_str(struct view in, uint32_t tag, char *ret, size_t size)
{
	struct tlv t;
	int q;

	q = tlv_find(in, tag, &t);
	if (q != 0) {
		return q;
	}
	if (t.value.len >= size || (t.value.len > 0 && memchr(t.value.data, 0, t.value.len))) {
		return TLV_BROKEN;
	}
	bytes_copy(ret, size, t.value.data, t.value.len);
	ret[t.value.len] = '\0';
	return 0;
}

/* -- building -------------------------------------------------------------------------------- */

static void check_tag(uint32_t tag)
{
	uint8_t bytes[] = {(uint8_t)(tag >> 16), (uint8_t)(tag >> 8), (uint8_t)tag};
	struct view v = view_last(VIEW(bytes), tag > 0xFFFF ? 3 : tag > 0xFF ? 2 : 1);
	struct reader r = reader_of(v);
	uint32_t back = 0;
	int taken = take_tag(&r, &back);

	assert(tag <= MAX_LENGTH && taken == 0 && r.left == 0 && back == tag);
}

static void put_tag(struct buf *b, uint32_t tag)
{
	check_tag(tag);
	if (tag > 0xFFFF) {
		buf_put_u8(b, (uint8_t)(tag >> 16));
	}
	if (tag > 0xFF) {
		buf_put_u8(b, (uint8_t)(tag >> 8 & 0xFF));
	}
	buf_put_u8(b, (uint8_t)(tag & 0xFF));
}

/* The length field of @len in its shortest form, at @at. */
static void insert_length(struct buf *b, size_t at, size_t len)
{
	uint8_t field[4];
	size_t n = 0;

	if (len > MAX_LENGTH) {
		b->failed = b->failed ? b->failed : -EMSGSIZE;
		return;
	}
	if (len >= LENGTH_LONG) {
		size_t bytes = len > 0xFFFF ? 3 : len > 0xFF ? 2 : 1;

		field[n++] = (uint8_t)(LENGTH_LONG | bytes);
		if (bytes > 2) {
			field[n++] = (uint8_t)(len >> 16);
		}
		if (bytes > 1) {
			field[n++] = (uint8_t)(len >> 8 & 0xFF);
		}
	}
	field[n++] = (uint8_t)(len & 0xFF);
	buf_insert(b, at, field, n);
}

void tlv_put(struct buf *b, uint32_t tag, struct view value)
{
	put_tag(b, tag);
	insert_length(b, b->len, value.len);
	buf_put_view(b, value);
}

void tlv_put_str(struct buf *b, uint32_t tag, const char *text)
{
	tlv_put(b, tag, view_str(text));
}

void tlv_put_u8(struct buf *b, uint32_t tag, uint8_t v)
{
	put_tag(b, tag);
	insert_length(b, b->len, sizeof(v));
	buf_put_u8(b, v);
}

void tlv_put_u32(struct buf *b, uint32_t tag, uint32_t v)
{
	put_tag(b, tag);
	insert_length(b, b->len, sizeof(v));
	buf_put_u32(b, v);
}

void tlv_put_u64(struct buf *b, uint32_t tag, uint64_t v)
{
	put_tag(b, tag);
	insert_length(b, b->len, sizeof(v));
	buf_put_u64(b, v);
}

size_t tlv_open(struct buf *b, uint32_t tag)
{
	put_tag(b, tag);
	return b->len;
}

void tlv_close(struct buf *b, size_t mark)
{
	if (!b->failed) {
		assert(mark <= b->len);
		insert_length(b, mark, b->len - mark);
	}
}
