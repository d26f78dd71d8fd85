/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One block of T=1 (ISO/IEC 7816-3:2006 §11.3): put together and taken apart, with its checksum. A block is
 * taken when it is as long as it says, when its checksum is right and when the standard has its NAD,
 * PCB and information; what a block means for the exchange is t1.c's.
 *
 * The CRC's bit order, its start and the order of its two bytes are not in 7816-3, which refers to ISO/IEC
 * 13239. What cards and the common driver agree on was recorded on the line between them (OsEID,
 * doc/T1_CRC.txt, 2021): the least significant bit first (polynomial 8408), from FFFF, not inverted at the
 * end, the high byte first. 00 C1 01 FE has 54 4E.
 */
#include "drivers/usb/t1.h"

#define HEAD	    3U /* bytes: NAD, PCB, LEN */
#define LEN_INVALID 0xFFU
#define NAD_VPP	    0x88U /* bits 8 and 4: 0 since there is no VPP any more (§11.3.2.1) */

uint8_t t1_lrc(struct view bytes)
{
	struct reader r = reader_of(bytes);
	uint8_t x = 0;

	while (r.left > 0) {
		x ^= reader_u8(&r);
	}
	return x;
}

uint16_t t1_crc(struct view bytes)
{
	struct reader r = reader_of(bytes);
	unsigned x = 0xFFFF;

	while (r.left > 0) {
		x ^= reader_u8(&r);
		for (unsigned bit = 0; bit < 8; bit++) {
			x = (x >> 1) ^ ((x & 1U) ? 0x8408U : 0U);
		}
	}
	return (uint16_t)x;
}

void t1_block_put(struct buf *out, uint8_t nad, uint8_t pcb, struct view inf, bool crc)
{
	struct view all;

	buf_put_u8(out, nad);
	buf_put_u8(out, pcb);
	buf_put_u8(out, (uint8_t)inf.len);
	buf_put_view(out, inf);
	all = view_last(buf_view(out), HEAD + inf.len);
	if (crc) {
		buf_put_u16(out, t1_crc(all));
	} else {
		buf_put_u8(out, t1_lrc(all));
	}
}

/* §11.3.2.1: FF is none, both addresses are the same only when they are 0. */
static bool nad_is_one(uint8_t nad)
{
	return (nad & NAD_VPP) == 0 && (nad == 0 || nad >> 4 != (nad & 0x07));
}

/* §11.3.2.2 and §11.3.2.3: what information goes with which S-block. */
static bool s_is_one(uint8_t type, struct view inf)
{
	struct reader r = reader_of(inf);
	uint8_t value = reader_u8(&r);

	switch (type) {
	case T1_RESYNCH:
	case T1_ABORT:
		return inf.len == 0;
	case T1_IFS:
		return inf.len == 1 && value >= 1 && value <= T1_INF_MAX;
	case T1_WTX:
		return inf.len == 1 && value >= 1;
	default:
		return false;
	}
}

static bool pcb_is_one(const struct t1_block *b)
{
	switch (b->kind) {
	case T1_I:
		return (b->pcb & 0x1F) == 0;
	case T1_R:
		return (b->pcb & 0x2C) == 0 && (b->pcb & 0x03) != 0x03 && b->inf.len == 0;
	case T1_S:
		return s_is_one(b->pcb & 0x1F, b->inf);
	}
	return false;
}

static enum t1_kind kind_of(uint8_t pcb)
{
	if ((pcb & 0x80) == 0) {
		return T1_I;
	}
	return (pcb & 0x40) == 0 ? T1_R : T1_S;
}

int t1_block_parse(struct view bytes, bool crc, struct t1_block *ret)
{
	struct reader r = reader_of(bytes);
	struct t1_block b = {.nad = reader_u8(&r), .pcb = reader_u8(&r)};
	uint8_t len = reader_u8(&r);
	unsigned sum, right;

	b.kind = kind_of(b.pcb);
	b.inf = reader_take(&r, len);
	sum = crc ? reader_u16(&r) : reader_u8(&r);
	if (r.failed || r.left > 0) {
		return T1_BLOCK_BROKEN;
	}
	right = crc ? t1_crc(view_sub(bytes, 0, HEAD + b.inf.len))
		    : t1_lrc(view_sub(bytes, 0, HEAD + b.inf.len));
	if (sum != right) {
		return T1_BLOCK_BROKEN;
	}
	if (len == LEN_INVALID || !nad_is_one(b.nad) || !pcb_is_one(&b)) {
		return T1_BLOCK_OTHER;
	}
	*ret = b;
	return 0;
}
