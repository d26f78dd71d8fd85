/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The parser of answers to reset, ISO/IEC 7816-3:2006 §8.2, and what the interface bytes say about
 * speed and silence. It reads through struct reader only, keeps a copy of the bytes and owns
 * nothing else.
 */
#include "drivers/card/atr.h"

#include <assert.h>
#include <string.h>

/* Tables 7 and 8 of ISO/IEC 7816-3:2006; 0 = reserved for future use. */
static const uint16_t table_fi[16] = {
	372, 372, 558, 744, 1116, 1488, 1860, 0, 0, 512, 768, 1024, 1536, 2048, 0, 0};
static const uint8_t table_di[16] = {0, 1, 2, 4, 8, 16, 32, 64, 12, 20, 0, 0, 0, 0, 0, 0};

enum {
	FI_DEFAULT = 372,
	WI_DEFAULT = 10,
	BWI_DEFAULT = 4,
	IFSC_DEFAULT = 32,
};

static struct atr_level read_level(struct reader *r, uint8_t has, uint8_t protocol)
{
	struct atr_level l = {.has = has & 0xF0, .protocol = protocol};

	if (has & ATR_HAS_A)
		l.a = reader_u8(r);
	if (has & ATR_HAS_B)
		l.b = reader_u8(r);
	if (has & ATR_HAS_C)
		l.c = reader_u8(r);
	if (has & ATR_HAS_D)
		l.d = reader_u8(r);
	return l;
}

/* All levels; every round but the last consumes a TD, so ATR_MAX bounds the rounds. */
static void read_levels(struct reader *r, uint8_t t0, struct atr *a)
{
	uint8_t has = t0, protocol = 0;

	for (;;) {
		struct atr_level l = read_level(r, has, protocol);

		assert(a->n_levels < ATR_LEVELS_MAX);
		a->level[a->n_levels++] = l;
		if (!(l.has & ATR_HAS_D) || r->failed)
			return;
		protocol = l.d & 0x0F;
		has = l.d;
	}
}

/* The protocols that the TDs name, the first of them, and whether a TCK must follow. */
static void find_protocols(struct atr *a)
{
	bool named = false;

	for (size_t i = 0; i < a->n_levels; i++) {
		unsigned t = a->level[i].d & 0x0FU;

		if (!(a->level[i].has & ATR_HAS_D))
			break;
		a->has_tck = a->has_tck || t != 0;
		if (t == 15)
			continue;
		if (!named)
			a->first = (uint8_t)t;
		named = true;
		a->protocols = (uint16_t)(a->protocols | 1U << t);
	}
	if (!named)
		a->protocols = 1;
	a->specific = a->n_levels > 1 && (a->level[1].has & ATR_HAS_A);
}

static bool checksum_is_zero(struct view bytes)
{
	struct reader r = reader_of(view_sub(bytes, 1, bytes.len));
	uint8_t sum = 0;

	while (r.left > 0)
		sum ^= reader_u8(&r);
	return sum == 0;
}

int atr_parse(struct view bytes, struct atr *ret_atr)
{
	struct reader r = reader_of(bytes);
	struct atr a = {0};
	struct view historical;
	uint8_t ts, t0;

	if (bytes.len > ATR_MAX)
		return ATR_LONG;
	ts = reader_u8(&r);
	t0 = reader_u8(&r);
	if (r.failed)
		return ATR_CUT;
	if (ts != 0x3B && ts != 0x3F)
		return ATR_CONVENTION;
	read_levels(&r, t0, &a);
	historical = reader_take(&r, t0 & 0x0F);
	find_protocols(&a);
	if (a.has_tck)
		reader_u8(&r);
	if (r.failed)
		return ATR_CUT;
	if (r.left > 0)
		return ATR_LONG;
	if (a.has_tck && !checksum_is_zero(bytes))
		return ATR_CHECKSUM;
	a.inverse = ts == 0x3F;
	a.n_historical = historical.len;
	bytes_copy(a.historical, sizeof(a.historical), historical.data, historical.len);
	a.len = bytes.len;
	bytes_copy(a.bytes, sizeof(a.bytes), bytes.data, bytes.len);
	*ret_atr = a;
	return 0;
}

struct view atr_view(const struct atr *a)
{
	return view_of(a->bytes, a->len);
}

struct view atr_view_historical(const struct atr *a)
{
	return view_of(a->historical, a->n_historical);
}

bool atr_offers(const struct atr *a, unsigned protocol)
{
	return protocol < 15 && (a->protocols >> protocol & 1);
}

bool atr_matches(const struct atr *a, struct view pattern, struct view mask)
{
	struct reader own = reader_of(atr_view(a));
	struct reader other = reader_of(pattern);
	struct reader bits = reader_of(mask);

	if (own.left != other.left || own.left != bits.left)
		return false;
	while (own.left > 0) {
		uint8_t difference = reader_u8(&own) ^ reader_u8(&other);

		if (difference & reader_u8(&bits))
			return false;
	}
	return true;
}

/* Whether @half (0..15) is what the character @c of a pattern stands for. */
static bool half_like(uint8_t half, uint8_t c)
{
	static const char digits[] = "0123456789ABCDEF";

	return c == '?' || c == (uint8_t)digits[half & 0x0F];
}

bool atr_like(const struct atr *a, const char *pattern, bool historical)
{
	struct reader own = reader_of(historical ? atr_view_historical(a) : atr_view(a));
	struct reader like = reader_of(view_str(pattern));
	bool same = historical ? own.left * 2 >= like.left : own.left * 2 == like.left;

	while (same && like.left > 0) {
		uint8_t byte = reader_u8(&own);

		same = half_like(byte >> 4, reader_u8(&like));
		same = half_like(byte, reader_u8(&like)) && same;
	}
	return same;
}

unsigned atr_fi_of(uint8_t ta1)
{
	return table_fi[ta1 >> 4];
}

unsigned atr_di_of(uint8_t ta1)
{
	return table_di[ta1 & 0x0F];
}

unsigned atr_fi(const struct atr *a)
{
	unsigned fi = 0;

	if (a->level[0].has & ATR_HAS_A)
		fi = atr_fi_of(a->level[0].a);
	return fi ? fi : FI_DEFAULT;
}

unsigned atr_di(const struct atr *a)
{
	unsigned di = 0;

	if (a->level[0].has & ATR_HAS_A)
		di = atr_di_of(a->level[0].a);
	return di ? di : 1;
}

unsigned atr_guard_time(const struct atr *a, unsigned protocol)
{
	unsigned n = a->level[0].c; /* absent: 0 */

	if (n == 255)
		return protocol == 1 ? 11 : 12;
	return 12 + n;
}

static uint64_t etu_ns(const struct atr *a, uint64_t etu, unsigned hz)
{
	return etu * atr_fi(a) * 1000000000ULL / ((uint64_t)atr_di(a) * hz);
}

uint64_t atr_character_ns(const struct atr *a, unsigned protocol, unsigned hz)
{
	return etu_ns(a, atr_guard_time(a, protocol), hz);
}

const struct atr_level *atr_level_for(
	const struct atr *a, unsigned protocol, enum atr_bytes which)
{
	for (size_t i = 2; i < a->n_levels; i++)
		if (a->level[i].protocol == protocol && (a->level[i].has & (unsigned)which))
			return &a->level[i];
	return NULL;
}

uint64_t atr_waiting_ns(const struct atr *a, unsigned protocol, unsigned hz)
{
	const struct atr_level *l;
	uint64_t units, wi = WI_DEFAULT;
	unsigned bwi;

	if (protocol == 1) {
		l = atr_level_for(a, 1, ATR_HAS_B);
		bwi = l ? l->b >> 4 : BWI_DEFAULT;
		if (bwi > 9)
			bwi = BWI_DEFAULT;
		units = (1ULL << bwi) * 960 * FI_DEFAULT;
		return etu_ns(a, 11, hz) + units * 1000000000ULL / hz;
	}
	if (a->n_levels > 1 && (a->level[1].has & ATR_HAS_C) && a->level[1].c)
		wi = a->level[1].c;
	return wi * 960 * atr_fi(a) * 1000000000ULL / hz;
}

unsigned atr_ifsc(const struct atr *a)
{
	const struct atr_level *l = atr_level_for(a, 1, ATR_HAS_A);

	return l && l->a > 0 && l->a < 255 ? l->a : IFSC_DEFAULT;
}
