/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of POINTERS (drivers/card/vitale/pointers.c). First byte: which file is looked for. What
 * is found borrows from the list, is a name that a DF can have, and is found again; what is not a
 * list is never CARD_ABSENT.
 */
#include <assert.h>

#include "base/tlv.h"
#include "drivers/card/vitale/vitale.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = {
		"IDENTITE", "NIR     ", "PAN     ", "VALIDITE", "COUVERTU", "CVC_CA  "};
	struct reader r = reader_of(view_of(data, size));
	const char *name = names[reader_u8(&r) % ARRAY_LEN(names)];
	struct view list = reader_rest(&r);
	struct pointer p = {.fid = 0};
	struct pointer again;
	struct tlv t;
	int q = pointers_find(list, name, &p);

	assert(q == 0 || q == CARD_ABSENT || q == CARD_BROKEN);
	if (q == CARD_ABSENT) {
		assert(tlv_find(list, 0xE0, &t) == 0 && tlv_find(t.value, 0xA0, &t) == 0);
	}
	if (q == 0) {
		assert(p.aid.len >= 1 && p.aid.len <= 16);
		assert(p.aid.data >= list.data);
		assert(p.aid.data + p.aid.len <= list.data + list.len);
		assert(pointers_find(list, name, &again) == 0 && again.fid == p.fid);
		assert(view_equal(again.aid, p.aid));
	}
	return 0;
}
