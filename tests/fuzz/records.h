/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inputs that are a list of steps, and the mutator that knows it (mutate-records.c):
 *
 *   | head, record_head bytes | kind | arg | len | len bytes | kind | arg | len | ...
 *
 * The last record may be cut short. What kinds and arguments mean is the target's.
 */
#include "base/buf.h"

struct record {
	uint8_t kind, arg;
	struct view bytes;
};

/** struct record_word - a step that makes sense; the mutator puts them in. */
struct record_word {
	uint8_t kind, arg;
	const char *hex; /* or text, after a quote: '"' */
};

extern const size_t record_head;
extern const struct record_word record_words[];
extern const size_t record_words_n;

static inline bool record_next(struct reader *r, struct record *ret)
{
	size_t len;

	if (r->left == 0) {
		return false;
	}
	ret->kind = reader_u8(r);
	ret->arg = r->left ? reader_u8(r) : 0;
	len = r->left ? reader_u8(r) : 0;
	ret->bytes = reader_take(r, len < r->left ? len : r->left);
	return true;
}
