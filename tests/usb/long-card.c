/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A card of the bench's own for lengths that the simulated ones do not take (*invented*): one memory, which
 * UPDATE BINARY fills and from which it and READ BINARY answer exactly as many bytes as are asked for, over and
 * over from its beginning. Lengths are those of ISO/IEC 7816-4:2020 §5.2, short and extended.
 */
#include "tests/usb/card.h"

#define READ   0xB0
#define UPDATE 0xD6

struct apdu {
	uint8_t ins;
	struct view data;
	size_t le; /* bytes, 0: none */
};

static size_t wanted(struct reader *r, bool extended)
{
	size_t n = extended ? reader_u16(r) : reader_u8(r);

	return n ? n : extended ? 65536 : 256;
}

/* Return: whether its lengths are right. */
static bool split(struct view command, struct apdu *ret)
{
	struct reader r = reader_of(command), after;
	bool extended;
	size_t lc;

	reader_u8(&r);
	ret->ins = reader_u8(&r);
	reader_u16(&r);
	if (r.failed || r.left == 0)
		return !r.failed;
	after = r;
	extended = reader_u8(&after) == 0 && after.left >= 2;
	if (extended)
		reader_u8(&r);
	if (r.left == (extended ? 2U : 1U)) {
		ret->le = wanted(&r, extended);
		return true;
	}
	lc = extended ? reader_u16(&r) : reader_u8(&r);
	ret->data = reader_take(&r, lc);
	if (lc > 0 && r.left == (extended ? 2U : 1U))
		ret->le = wanted(&r, extended);
	return lc > 0 && !r.failed && r.left == 0;
}

static uint16_t run(struct buf *memory, const struct apdu *a)
{
	if (a->ins != READ && a->ins != UPDATE)
		return 0x6D00;
	if ((a->ins == UPDATE) != (a->data.len > 0))
		return 0x6A80;
	if (a->ins == UPDATE) {
		buf_reset(memory);
		buf_put_view(memory, a->data);
	}
	return memory->len > 0 ? 0x9000 : 0x6985;
}

void long_card(struct buf *memory, struct view command, struct buf *answer)
{
	struct apdu a = {.data = VIEW_NULL};
	uint16_t sw = split(command, &a) ? run(memory, &a) : 0x6700;

	for (size_t left = sw == 0x9000 ? a.le : 0, n; left > 0; left -= n) {
		struct view part = view_sub(buf_view(memory), 0, left);

		n = part.len;
		buf_put_view(answer, part);
	}
	buf_put_u16(answer, sw);
}
