/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Folding by a table that the build makes from Python's Unicode data: small, sorted, one step a
 * character. It is for finding, never for comparing identities: two texts that fold alike are two.
 */
#include "daemon/dossier/store/fold.h"

#include <stdlib.h>
#include <string.h>

#define MARKS_FIRST 0x0300U /* combining diacritical marks */
#define MARKS_LAST  0x036FU

struct fold {
	uint32_t code;
	uint8_t len;
	char to[9];
};

static const struct fold folds[] = {
#include "daemon/dossier/fold-table.h"
};

static int by_code(const void *key, const void *element)
{
	const uint32_t *code = key;
	const struct fold *f = element;

	return (*code > f->code) - (*code < f->code);
}

/* One character (RFC 3629) from @in into @ret; @in fails where there is none. */
static uint32_t take_character(struct reader *in)
{
	uint8_t first = reader_u8(in);
	uint32_t code = first;
	unsigned int more = 0;

	if (first >= 0xC0) {
		more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
		code = first & (0x3FU >> more);
	} else if (first >= 0x80) {
		in->failed = true;
	}
	for (unsigned int i = 0; i < more; i++) {
		uint8_t next = reader_u8(in);

		in->failed |= (next & 0xC0) != 0x80;
		code = code << 6 | (next & 0x3FU);
	}
	return code;
}

void fold_text(struct view text, struct buf *out)
{
	struct reader in = reader_of(text);

	while (in.left > 0) {
		struct reader before = in;
		uint32_t code = take_character(&in);
		const struct fold *f;

		if (in.failed) {
			return;
		}
		if (code >= MARKS_FIRST && code <= MARKS_LAST) {
			continue;
		}
		f = bsearch(&code, folds, ARRAY_LEN(folds), sizeof(folds[0]), by_code);
		if (f) {
			buf_put(out, f->to, f->len);
		} else {
			buf_put(out, before.data, before.left - in.left);
		}
	}
}

static bool has(struct view text, struct view word)
{
	return word.len == 0 ||
	       (text.len > 0 && memmem(text.data, text.len, word.data, word.len) != NULL);
}

bool fold_has_words(struct view text, struct view words)
{
	struct reader in = reader_of(words);
	size_t start = 0;
	size_t at = 0;

	while (in.left > 0) {
		bool blank = reader_u8(&in) == ' ';

		if (blank && !has(text, view_sub(words, start, at - start))) {
			return false;
		}
		at++;
		start = blank ? at : start;
	}
	return has(text, view_sub(words, start, at - start));
}
