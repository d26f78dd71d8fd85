/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of base/tlv.h. Walks the input like a reader of a card's file would, with a stack of its
 * own for constructed objects, and demands of every object found: it lies inside the input, its
 * length is the one that tlv_total() tells, tlv_find() meets its tag, and what the builders make
 * of it reads back the same.
 */
#include <assert.h>

#include "base/tlv.h"

#define MAX_LEVELS  8U
#define CONSTRUCTED 0x20U
#define LONGEST	    70000U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool constructed(uint32_t tag)
{
	uint32_t first = tag > 0xFFFF ? tag >> 16 : tag > 0xFF ? tag >> 8 : tag;

	return first & CONSTRUCTED;
}

static void check_object(const struct tlv *t)
{
	_cleanup_(buf_done) struct buf put = BUF_NULL(t->whole.len + 16);
	_cleanup_(buf_done) struct buf opened = BUF_NULL(t->whole.len + 16);
	struct tlv back;
	size_t total;
	size_t mark;

	assert(view_equal(view_last(t->whole, t->value.len), t->value));
	assert(tlv_total(t->whole, &total) == 0 && total == t->whole.len);
	tlv_put(&put, t->tag, t->value);
	mark = tlv_open(&opened, t->tag);
	buf_put_view(&opened, t->value);
	tlv_close(&opened, mark);
	assert(buf_check(&put) == 0 && view_equal(buf_view(&put), buf_view(&opened)));
	assert(put.len <= t->whole.len);
	assert(tlv_find(buf_view(&put), t->tag, &back) == 0);
	assert(back.tag == t->tag && view_equal(back.value, t->value));
}

/* Numbers read back as they were put. */
static void check_number(uint64_t n)
{
	_cleanup_(buf_done) struct buf put = BUF_NULL(64);
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	uint8_t u8 = 0;

	tlv_put_u64(&put, 0xC1, n);
	tlv_put_u32(&put, 0xDF21, (uint32_t)(n >> 32));
	tlv_put_u8(&put, 0xC2, (uint8_t)(n >> 8));
	assert(tlv_find_u64(buf_view(&put), 0xC1, &u64) == 0 && u64 == n);
	assert(tlv_find_u32(buf_view(&put), 0xDF21, &u32) == 0 && u32 == n >> 32);
	assert(tlv_find_u8(buf_view(&put), 0xC2, &u8) == 0 && u8 == (n >> 8 & 0xFF));
}

static void check_level(struct view in)
{
	struct reader r = reader_of(in);
	struct tlv found;
	struct tlv t;
	char text[16];
	uint64_t u64;
	uint32_t u32;
	uint8_t u8;

	if (tlv_next_padded(&r, &t) != 0) {
		return;
	}
	assert(tlv_find(in, t.tag, &found) == 0 && view_equal(found.whole, t.whole));
	assert((tlv_find_u8(in, t.tag, &u8) == 0) == (t.value.len == 1));
	assert((tlv_find_u32(in, t.tag, &u32) == 0) == (t.value.len == 4));
	assert((tlv_find_u64(in, t.tag, &u64) == 0) == (t.value.len == 8));
	if (t.value.len == 8) {
		check_number(u64);
	}
	if (tlv_find_str(in, t.tag, text, sizeof(text)) == 0) {
		assert(view_equal(view_str(text), t.value));
	}
}

/* An object as long as the input says, which no input is. */
static void check_length(size_t len)
{
	static const uint8_t zeros[LONGEST];
	_cleanup_(buf_done) struct buf put = BUF_NULL(LONGEST + 16);
	struct tlv t;

	tlv_put(&put, 0x5A, view_of(zeros, len));
	assert(tlv_find(buf_view(&put), 0x5A, &t) == 0 && t.value.len == len);
	assert(put.len == len + (len < 0x80 ? 2 : len < 0x100 ? 3 : len < 0x10000 ? 4 : 5));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader levels[MAX_LEVELS] = {reader_of(view_of(data, size))};
	size_t depth = 1;
	size_t total;

	if (tlv_total(view_of(data, size), &total) == 0) {
		assert(total >= 2);
		check_length(total % LONGEST);
	}
	check_level(view_of(data, size));
	while (depth > 0) {
		struct reader *r = &levels[depth - 1];
		size_t before = r->left;
		struct tlv t;

		if (tlv_next_padded(r, &t) != 0) {
			depth--;
			continue;
		}
		assert(t.whole.len >= 2 && t.whole.len + r->left <= before);
		check_object(&t);
		if (constructed(t.tag) && depth < MAX_LEVELS) {
			check_level(t.value);
			levels[depth++] = reader_of(t.value);
		}
	}
	return 0;
}
