/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A card that says anything to the terminal's side of T=1. What is sent is always a block, an end is one of
 * those that there are and leaves nothing of the command, and each exchange has one, however the
 * card goes on.
 *
 *   IFSC | bit 0: CRC | NAD | records:
 *     00 len bytes      t1_begin()
 *     01 ifsd           t1_ifsd()
 *     02 len bytes      a block as it is
 *     03 pcb len bytes  a block with NAD, LEN and checksum
 *     04, 05            silence, parity
 *     06 n len          n I-blocks with the number that is due, more to come, len bytes each
 */
#include <assert.h>

#include "drivers/usb/t1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define STEPS_MAX                                                                              \
	400000U /* no exchange has as many blocks: 65,538 of the answer, and what is bounded */

struct talk {
	struct t1 t;
	struct buf out;
	bool open;
	unsigned steps;
};

static struct view part(struct reader *r)
{
	size_t len = reader_u8(r);

	return reader_take(r, len < r->left ? len : r->left);
}

static void check(struct talk *k, int o)
{
	struct t1_block b;

	if (o < 0) { /* room */
		k->open = false;
		return;
	}
	assert(o >= T1_SEND && o <= T1_DEAD);
	k->open = o == T1_SEND;
	k->steps = k->open ? k->steps + 1 : 0;
	assert(k->steps < STEPS_MAX);
	if (k->open) {
		assert(t1_block_parse(buf_view(&k->out), k->t.crc, &b) == 0);
		assert(b.nad == k->t.nad && b.inf.len <= T1_INF_MAX);
		assert(k->t.waiting >= 1);
	} else {
		assert(k->out.len == 0 && k->t.command.len == 0 && k->t.last.len == 0);
		assert(k->t.waiting == 1 && (o == T1_DONE || k->t.answer.len == 0));
	}
	buf_reset(&k->out);
}

static void built(struct talk *k, uint8_t pcb, struct view inf)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(T1_BLOCK_MAX);

	t1_block_put(&b, (uint8_t)(k->t.nad << 4 | k->t.nad >> 4), pcb, inf, k->t.crc);
	check(k, t1_next(&k->t, T1_BLOCK, buf_view(&b), &k->out));
}

static void many(struct talk *k, unsigned n, size_t len)
{
	static const uint8_t zeros[T1_INF_MAX];

	while (n-- > 0 && k->open) {
		built(k, (uint8_t)(0x20 | k->t.nr << 6),
			view_of(zeros, len < sizeof(zeros) ? len : sizeof(zeros)));
	}
}

static void record(struct talk *k, struct reader *r)
{
	uint8_t pcb;

	switch (reader_u8(r)) {
	case 0:
		check(k, t1_begin(&k->t, part(r), &k->out));
		break;
	case 1:
		check(k, t1_ifsd(&k->t, reader_u8(r), &k->out));
		break;
	case 2:
		check(k, t1_next(&k->t, T1_BLOCK, part(r), &k->out));
		break;
	case 3:
		pcb = reader_u8(r);
		built(k, pcb, part(r));
		break;
	case 4:
		check(k, t1_next(&k->t, T1_SILENCE, VIEW_NULL, &k->out));
		break;
	case 5:
		check(k, t1_next(&k->t, T1_PARITY, VIEW_NULL, &k->out));
		break;
	case 6:
		pcb = reader_u8(r);
		many(k, pcb * 4U, reader_u8(r));
		break;
	default:
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	uint8_t ifsc = reader_u8(&r), flags = reader_u8(&r), nad = reader_u8(&r);
	struct talk k = {.out = BUF_NULL(T1_BLOCK_MAX)};

	t1_init(&k.t, ifsc, flags & 1);
	k.t.nad = (nad & 0x88) == 0 && (nad & 0x0F) != nad >> 4 ? nad : 0;
	while (!r.failed && r.left > 0) {
		record(&k, &r);
	}
	t1_done(&k.t);
	buf_done(&k.out);
	return 0;
}
