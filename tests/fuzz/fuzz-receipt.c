/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of record/receipt.h: a receipt that parses is verified with no anchors at all but the
 * key that it carries. Nothing may then be proven but a receipt that claims nothing: neither a
 * professional nor a card that signed. The pieces are gathered for extraction into nowhere.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>

#include "record/receipt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	assert(k >= 0 && (k == 0) == (at == NULL));
	if (k == 0)
		assert(r.cms.len == 0 && r.certificate.len == 0 && r.signature.len == 0);
	k = receipt_extract(&r, -1);
	assert(k == -EBADF || k > 0);
	receipt_done(&r);
	return 0;
}
