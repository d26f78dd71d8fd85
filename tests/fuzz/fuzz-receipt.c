/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of record/receipt.h: a receipt that parses is verified with no anchors at all but the
 * key that it carries, and then nothing may be proven: a receipt that nobody signed is none. The
 * pieces are gathered for extraction into nowhere, and what is printed of it stays on its page: in its
 * columns, without a character that moves a cursor.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "record/receipt-page.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_the_page(struct view page)
{
	size_t column = 0;

	for (size_t i = 0; i < page.len; i++) {
		uint8_t c = page.data[i];

		assert((c >= 0x20 && c != 0x7F) || c == '\n');
		column = c == '\n' ? 0 : column + ((c & 0xC0) != 0x80);
		assert(column <= RECEIPT_PAGE_COLUMNS);
	}
}

static void print(const struct receipt *r, bool french)
{
	struct buf page = BUF_NULL(8 * RECEIPT_PAGE_MAX);
	int k = receipt_page(r, french, &page);

	assert(k == 0 || k == RECEIPT_AUDIT || k == -EMSGSIZE);
	if (k == 0)
		on_the_page(buf_view(&page));
	buf_done(&page);
}

static void look_at_acts(const struct receipt *r)
{
	for (size_t i = 0; i < receipt_acts(r); i++) {
		json_t *entry = NULL;
		int k = receipt_act(r, i, &entry);

		assert((k == 0 && entry) || k == RECEIPT_AUDIT);
		json_decref(entry);
	}
	print(r, false);
	print(r, true);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct receipt_anchors none = {0};
	const char *at = NULL;
	struct receipt r;
	int k = receipt_parse(view_of(data, size), &r);

	assert(k == 0 || k == RECEIPT_MALFORMED);
	if (k != 0)
		return 0;
	assert(json_is_object(r.parsed) && json_is_object(r.whole) && r.statement.len > 0);
	k = receipt_verify(&r, &none, &at);
	assert(k > 0 && at != NULL);
	look_at_acts(&r);
	k = receipt_extract(&r, -1);
	assert(k == -EBADF || k > 0);
	receipt_done(&r);
	return 0;
}
