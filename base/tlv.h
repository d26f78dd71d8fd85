/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * BER-TLV as of ISO/IEC 7816-4:2020 §6.3: tags of one to three bytes, definite lengths of up to
 * four bytes (0x81..0x83 forms accepted), no indefinite form. No recursion: the caller opens a
 * constructed value by reading it with a reader of its own.
 */
#include "base/buf.h"

struct tlv {
	uint32_t tag; /* the tag's bytes as one number: 5A, 7F21, 5F29 */
	struct view value;
	struct view whole; /* tag, length and value */
};

enum tlv_outcome {
	TLV_END = 1, /* nothing left */
	TLV_BROKEN,  /* cut, over-long, or a form that we do not take */
	TLV_ABSENT,  /* tlv_find(): no such tag at this level */
};

/** tlv_next() - the next object; does not skip 00 padding. Return: 0, TLV_END or TLV_BROKEN. */
int tlv_next(struct reader *r, struct tlv *ret_t) _must_check_;
/** tlv_next_padded() - as tlv_next(), but 00 bytes between objects are skipped (7816-4 §6.3). */
int tlv_next_padded(struct reader *r, struct tlv *ret_t) _must_check_;
/** tlv_find() - first object @tag at this level of @in. Return: 0, TLV_ABSENT or TLV_BROKEN. */
int tlv_find(struct view in, uint32_t tag, struct tlv *ret_t) _must_check_;
/** tlv_total() - bytes of the first object from its first bytes, for reading a file by its head.
 *  Return: 0, TLV_BROKEN, or TLV_END when @head is too short to tell. */
int tlv_total(struct view head, size_t *ret_total) _must_check_;

/* Builders; lengths in the shortest form; failures stay in @b. */
void tlv_put(struct buf *b, uint32_t tag, struct view value);
void tlv_put_str(struct buf *b, uint32_t tag, const char *text);
void tlv_put_u8(struct buf *b, uint32_t tag, uint8_t v);
void tlv_put_u32(struct buf *b, uint32_t tag, uint32_t v);
void tlv_put_u64(struct buf *b, uint32_t tag, uint64_t v);
size_t tlv_open(struct buf *b, uint32_t tag); /* begin a constructed object: returns its mark */
void tlv_close(struct buf *b, size_t mark);   /* put its length in */

/* Readers of simple values; TLV_ABSENT, or TLV_BROKEN when the size does not fit. */
int tlv_find_u8(struct view in, uint32_t tag, uint8_t *ret) _must_check_;
int tlv_find_u32(struct view in, uint32_t tag, uint32_t *ret) _must_check_;
int tlv_find_u64(struct view in, uint32_t tag, uint64_t *ret) _must_check_;
int tlv_find_str(struct view in, uint32_t tag, char *ret, size_t size) _must_check_;
