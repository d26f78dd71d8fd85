/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Transmission parameters: chosen from the card's answer to reset and the reader's own figures, put into
 * and read from CCID's structures, and turned into times. Pure and without memory of its own. Whatever
 * the bytes say, Fi and Di are never 0 here, the clock is one that a card can have (1 to 20 MHz,
 * ISO/IEC 7816-3:2006 §5.2.3 and table 7), and no time is 0 or above PARAMETERS_WAIT_MAX.
 */
#include "drivers/usb/parameters.h"

enum {
	FIDI_DEFAULT = 0x11, /* Fd = 372, Dd = 1 (§8.3) */
	FI_DEFAULT = 372,
	WI_DEFAULT = 10,
	BWI_DEFAULT = 4,
	BWI_MAX = 9, /* A..F are reserved (§11.4.3) */
	CWI_DEFAULT = 13,
	IFSC_DEFAULT = 32,
};

#define CLOCK_MIN     1000U  /* kHz */
#define CLOCK_MAX     20000U /* kHz: the highest f(max) of table 7 */
#define CLOCK_DEFAULT (ATR_FREQUENCY / 1000U)
#define BYTES_MAX     (1U << 20) /* of one time; more does not fit into any message */

enum ppss {
	PPSS = 0xFF,
	PPS0_PPS1 = 0x10,
	PPS0_PPS2 = 0x20,
	PPS0_PPS3 = 0x40,
	PPS0_RESERVED = 0x80,
};

enum ta2 {
	TA2_IMPLICIT = 0x10, /* Fi and Di are not those of TA1, the reader must know them */
};

enum tcck {
	TCCK_CRC = 0x01, /* T=1 only */
	TCCK_INVERSE = 0x02,
	TCCK_T1 = 0x10, /* bits 7..2 of bmTCCKST1 */
};

/* -- rates --------------------------------------------------------------------------------------- */

static uint32_t clock_of(uint32_t khz)
{
	return khz >= CLOCK_MIN && khz <= CLOCK_MAX ? khz : CLOCK_DEFAULT;
}

static uint64_t f_of(uint8_t fidi)
{
	unsigned f = atr_fi_of(fidi);

	return f ? f : FI_DEFAULT;
}

static uint64_t d_of(uint8_t fidi)
{
	unsigned d = atr_di_of(fidi);

	return d ? d : 1;
}

static uint32_t rate_of(uint32_t clock, uint8_t fidi)
{
	return (uint32_t)((uint64_t)clock * 1000 * d_of(fidi) / f_of(fidi));
}

static void set_rate(struct parameters *p, uint8_t fidi)
{
	p->fidi = fidi;
	p->rate = rate_of(p->clock, fidi);
}

/* Whether @told is @rate within 1 %: readers round, and tell their clock in whole kHz. The two nearest
 * rates of a card in use (D/F = 12/372 and 16/512) are 3 % apart. */
static bool about(uint32_t told, uint32_t rate)
{
	uint64_t difference = told > rate ? told - rate : rate - told;

	return difference * 100 <= rate;
}

/* @rate in the reader's own figure; 0: it has none for it. */
static uint32_t figure_of(const struct ccid_interface *reader, uint32_t rate)
{
	if (reader->n_listed == 0 && about(reader->rate_max, rate)) {
		return reader->rate_max;
	}
	if (reader->n_listed == 0) {
		return rate <= reader->rate_max ? rate : 0;
	}
	for (size_t i = 0; i < reader->n_listed && i < DESCRIPTOR_RATES_MAX; i++) {
		if (about(reader->listed[i], rate)) {
			return reader->listed[i];
		}
	}
	return 0;
}

static bool reader_can(const struct ccid_interface *reader, uint32_t rate)
{
	return figure_of(reader, rate) != 0;
}

uint32_t parameters_figure(const struct parameters *p, const struct ccid_interface *reader)
{
	uint32_t figure = figure_of(reader, p->rate);

	return figure != 0 ? figure : p->rate;
}

void parameters_rates(struct view data, struct ccid_interface *reader)
{
	struct reader r = reader_of(data);
	bool good = r.left > 0;

	reader->n_listed = 0;
	while (good && r.left > 0 && reader->n_listed < DESCRIPTOR_RATES_MAX) {
		uint32_t rate = __builtin_bswap32(reader_u32(&r)); /* little endian */

		good = !r.failed && rate > 0;
		reader->listed[reader->n_listed++] = rate;
	}
	if (!good) {
		reader->n_listed = 0;
	}
}

/* -- choosing ------------------------------------------------------------------------------------ */

/* What of the answer to reset holds at any rate and with either protocol. */
static struct parameters from_atr(const struct atr *atr, const struct ccid_interface *reader)
{
	const struct atr_level *waits = atr_level_for(atr, 1, ATR_HAS_B);
	const struct atr_level *code = atr_level_for(atr, 1, ATR_HAS_C);
	const struct atr_level *clock = atr_level_for(atr, 15, ATR_HAS_A);
	bool has_tc2 = atr->n_levels > 1 && (atr->level[1].has & ATR_HAS_C);
	struct parameters p = {
		.guard = atr->level[0].c, /* absent: 0 */
		.inverse = atr->inverse,
		.clock_stop = clock ? clock->a >> 6 : 0,
		.wi = has_tc2 && atr->level[1].c ? atr->level[1].c : WI_DEFAULT,
		.bwi = waits ? waits->b >> 4 : BWI_DEFAULT,
		.cwi = waits ? waits->b & 0x0F : CWI_DEFAULT,
		.ifsc = (uint8_t)atr_ifsc(atr),
		.crc = code && (code->c & 1),
		.fi = (uint16_t)atr_fi(atr),
		.clock = clock_of(reader->clock),
	};

	if (p.bwi > BWI_MAX) {
		p.bwi = BWI_DEFAULT;
	}
	set_rate(&p, FIDI_DEFAULT);
	return p;
}

/* TA1, or what stands for it; 0: reserved values. 372 and 1 have one name here. */
static uint8_t ta1_of(const struct atr *atr)
{
	uint8_t ta1 = atr->level[0].has & ATR_HAS_A ? atr->level[0].a : FIDI_DEFAULT;

	if (!atr_fi_of(ta1) || !atr_di_of(ta1)) {
		return 0;
	}
	return f_of(ta1) == FI_DEFAULT && d_of(ta1) == 1 ? FIDI_DEFAULT : ta1;
}

static uint8_t ta2_of(const struct atr *atr)
{
	return atr->level[1].a;
}

static bool reader_has(const struct ccid_interface *reader, unsigned protocol)
{
	return protocol < 2 && (reader->protocols >> protocol & 1);
}

static bool negotiates(const struct ccid_interface *reader)
{
	return reader->features & (CCID_AUTO_NEGOTIATION | CCID_AUTO_PPS);
}

/* Fi stays the card's, and with it the clock that it bears (table 7); of Di each up to its own may be
 * asked for (§9.2). */
static uint8_t fastest(
	const struct atr *atr, const struct ccid_interface *reader, uint32_t clock)
{
	uint8_t ta1 = ta1_of(atr), best = FIDI_DEFAULT;

	for (uint8_t di = 0; ta1 != 0 && di < 16; di++) {
		uint8_t fidi = (uint8_t)((ta1 & 0xF0) | di);
		uint32_t rate = rate_of(clock, fidi);

		if (atr_di_of(di) && d_of(di) <= d_of(ta1) && rate > rate_of(clock, best) &&
			reader_can(reader, rate)) {
			best = fidi;
		}
	}
	return best;
}

static int choose_specific(
	const struct atr *atr, const struct ccid_interface *reader, struct parameters *p)
{
	uint8_t ta1 = ta1_of(atr);

	p->protocol = ta2_of(atr) & 0x0F;
	if (!reader_has(reader, p->protocol) || (ta2_of(atr) & TA2_IMPLICIT) || ta1 == 0) {
		return PARAMETERS_SPECIFIC;
	}
	set_rate(p, ta1);
	if (ta1 != FIDI_DEFAULT && !negotiates(reader) && !reader_can(reader, p->rate)) {
		return PARAMETERS_SPECIFIC;
	}
	return 0;
}

int parameters_choose(const struct atr *atr, const struct ccid_interface *reader,
	unsigned first, struct parameters *ret, bool *ret_negotiate)
{
	struct parameters p = from_atr(atr, reader);
	unsigned protocol = first;

	if (atr->specific) {
		if (choose_specific(atr, reader, &p) != 0) {
			return PARAMETERS_SPECIFIC;
		}
		*ret = p;
		*ret_negotiate = false;
		return 0;
	}
	if (!atr_offers(atr, protocol) || !reader_has(reader, protocol)) {
		protocol = first == 0 ? 1 : 0;
	}
	if (!atr_offers(atr, protocol) || !reader_has(reader, protocol)) {
		return PARAMETERS_NONE;
	}
	p.protocol = (uint8_t)protocol;
	set_rate(&p, fastest(atr, reader, p.clock));
	*ret = p;
	*ret_negotiate =
		(p.protocol != atr->first || p.fidi != FIDI_DEFAULT) && !negotiates(reader);
	return 0;
}

void parameters_after_reset(
	const struct atr *atr, const struct ccid_interface *reader, struct parameters *ret)
{
	*ret = from_atr(atr, reader);
	ret->protocol = atr->first;
	if (atr->specific) {
		ret->protocol = ta2_of(atr) & 0x0F;
		if (ta1_of(atr) != 0 && !(ta2_of(atr) & TA2_IMPLICIT)) {
			set_rate(ret, ta1_of(atr));
		}
	}
}

/* -- PPS, §9 ------------------------------------------------------------------------------------- */

static uint8_t sum_of(struct view bytes)
{
	struct reader r = reader_of(bytes);
	uint8_t sum = 0;

	while (r.left > 0) {
		sum ^= reader_u8(&r);
	}
	return sum;
}

void parameters_pps(const struct parameters *p, struct buf *out)
{
	bool rate = p->fidi != FIDI_DEFAULT;
	uint8_t pps0 = (uint8_t)((p->protocol & 0x0F) | (rate ? PPS0_PPS1 : 0));

	buf_put_u8(out, PPSS);
	buf_put_u8(out, pps0);
	if (rate) {
		buf_put_u8(out, p->fidi);
	}
	buf_put_u8(out, (uint8_t)(PPSS ^ pps0 ^ (rate ? p->fidi : 0)));
}

int parameters_pps_answer(const struct parameters *p, struct view answer)
{
	struct reader r = reader_of(answer);
	uint8_t ppss = reader_u8(&r);
	uint8_t pps0 = reader_u8(&r);
	uint8_t pps1 = pps0 & PPS0_PPS1 ? reader_u8(&r) : FIDI_DEFAULT;

	if (pps0 & PPS0_PPS2) {
		reader_u8(&r);
	}
	if (pps0 & PPS0_PPS3) {
		reader_u8(&r);
	}
	reader_u8(&r); /* PCK */
	if (r.failed || r.left > 0 || ppss != PPSS || (pps0 & PPS0_RESERVED) ||
		sum_of(answer) != 0) {
		return PARAMETERS_BROKEN;
	}
	/* §9.3: the same protocol, nothing that was not asked, what was asked or its absence */
	if ((pps0 & 0x0F) != p->protocol || (pps0 & (PPS0_PPS2 | PPS0_PPS3))) {
		return PARAMETERS_REFUSED;
	}
	if (!(pps0 & PPS0_PPS1)) {
		return p->fidi == FIDI_DEFAULT ? 0 : PARAMETERS_DEFAULT;
	}
	return pps1 == p->fidi && p->fidi != FIDI_DEFAULT ? 0 : PARAMETERS_REFUSED;
}

/* -- CCID's structures --------------------------------------------------------------------------- */

void parameters_put(const struct parameters *p, struct buf *out)
{
	uint8_t tcck = p->inverse ? TCCK_INVERSE : 0;

	buf_put_u8(out, p->fidi);
	if (p->protocol == 1) {
		tcck = (uint8_t)(tcck | TCCK_T1 | (p->crc ? TCCK_CRC : 0));
	}
	buf_put_u8(out, tcck);
	buf_put_u8(out, p->guard);
	buf_put_u8(out, p->protocol == 1 ? (uint8_t)(p->bwi << 4 | (p->cwi & 0x0F)) : p->wi);
	buf_put_u8(out, p->clock_stop);
	if (p->protocol == 1) {
		buf_put_u8(out, p->ifsc);
		buf_put_u8(out, 0); /* bNadValue */
	}
}

/* What the structure of T=1 has besides, from bWaitingIntegerT1 on: defaults stand for what cannot be. */
static void take_t1(struct parameters *p, uint8_t waits, uint8_t ifsc)
{
	p->bwi = waits >> 4 <= BWI_MAX ? waits >> 4 : BWI_DEFAULT;
	p->cwi = waits & 0x0F;
	p->ifsc = ifsc >= 1 && ifsc <= 254 ? ifsc : IFSC_DEFAULT;
}

int parameters_read(struct view data, uint8_t protocol, const struct ccid_interface *reader,
	struct parameters *ret)
{
	struct reader r = reader_of(data);
	struct parameters p = {.protocol = protocol,
		.wi = WI_DEFAULT,
		.bwi = BWI_DEFAULT,
		.cwi = CWI_DEFAULT,
		.ifsc = IFSC_DEFAULT,
		.clock = clock_of(reader->clock)};
	uint8_t fidi = reader_u8(&r), tcck = reader_u8(&r), waits;

	p.guard = reader_u8(&r);
	waits = reader_u8(&r);
	p.clock_stop = reader_u8(&r) & 3;
	p.inverse = tcck & TCCK_INVERSE;
	if (protocol == 1) {
		p.crc = tcck & TCCK_CRC;
		take_t1(&p, waits, reader_u8(&r));
		reader_u8(&r); /* bNadValue */
	} else {
		p.wi = waits ? waits : WI_DEFAULT;
	}
	if (r.failed || protocol > 1 || !atr_fi_of(fidi) || !atr_di_of(fidi)) {
		return PARAMETERS_BROKEN;
	}
	p.fi = (uint16_t)atr_fi_of(fidi);
	set_rate(&p, fidi);
	*ret = p;
	return 0;
}

/* -- times --------------------------------------------------------------------------------------- */

static uint64_t bounded(uint64_t us)
{
	if (us == 0) {
		return 1;
	}
	return us < PARAMETERS_WAIT_MAX ? us : PARAMETERS_WAIT_MAX;
}

/* Microseconds of @ticks of the card's clock, rounded up. */
static uint64_t clocks_us(const struct parameters *p, uint64_t ticks)
{
	uint64_t clock = clock_of(p->clock);

	return (ticks * 1000 + clock - 1) / clock;
}

/* The same of @etu elementary time units, F/D clocks each. */
static uint64_t etu_us(const struct parameters *p, uint64_t etu)
{
	uint64_t d = d_of(p->fidi);

	return clocks_us(p, (etu * f_of(p->fidi) + d - 1) / d);
}

static uint64_t bytes_of(size_t bytes)
{
	return bytes < BYTES_MAX ? bytes : BYTES_MAX;
}

uint64_t parameters_character_us(const struct parameters *p)
{
	/* §10.2: WT = WI * 960 * Fi / f */
	return bounded(clocks_us(p, (uint64_t)p->wi * 960 * p->fi));
}

uint64_t parameters_block_us(const struct parameters *p, size_t bytes)
{
	unsigned bwi = p->bwi <= BWI_MAX ? p->bwi : BWI_DEFAULT;
	uint64_t cwt = 11 + (1ULL << (p->cwi & 0x0F));

	/* §11.4.3: BWT = 11 etu + 2^BWI * 960 * Fd / f; CWT = (11 + 2^CWI) etu */
	return bounded(clocks_us(p, (1ULL << bwi) * 960 * FI_DEFAULT) +
		       etu_us(p, 11 + cwt * bytes_of(bytes)));
}

uint64_t parameters_line_us(const struct parameters *p, size_t bytes)
{
	uint64_t gt = 12ULL + p->guard;

	if (p->guard == 255) { /* §8.3: as near as the protocol allows */
		gt = p->protocol == 1 ? 11 : 12;
	}
	return bounded(etu_us(p, gt * bytes_of(bytes)));
}
