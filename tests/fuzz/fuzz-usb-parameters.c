/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of drivers/usb/parameters.h: facts of a reader, the rates that it lists, an answer to reset, a
 * wish, an answer to PPS, and a structure of the reader. Whatever they say, what is chosen is something
 * that both have, and every time is bounded.
 *
 *   protocols 1 | features 1 | clock 4 | rate_max 4 | wish 1 | n, rates n | n, ATR n | n, PPS n |
 *   protocol 1 | structure
 */
#include <assert.h>

#include "drivers/usb/parameters.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct view take(struct reader *r)
{
	size_t n = reader_u8(r);

	return reader_take(r, n < r->left ? n : r->left);
}

static void check_time(uint64_t us)
{
	assert(us > 0 && us <= PARAMETERS_WAIT_MAX);
}

static void check_times(const struct parameters *p)
{
	static const size_t bytes[] = {0, 1, 261, 65544, SIZE_MAX};
	uint64_t block = 0, line = 0;

	check_time(parameters_character_us(p));
	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		check_time(parameters_block_us(p, bytes[i]));
		check_time(parameters_line_us(p, bytes[i]));
		assert(parameters_block_us(p, bytes[i]) >= block);
		assert(parameters_line_us(p, bytes[i]) >= line);
		block = parameters_block_us(p, bytes[i]);
		line = parameters_line_us(p, bytes[i]);
	}
}

static void check_facts(const struct parameters *p)
{
	assert(atr_fi_of(p->fidi) && atr_di_of(p->fidi) && p->fi >= 372);
	assert(p->clock >= 1000 && p->clock <= 20000 && p->rate > 0);
	assert(p->rate == (uint64_t)p->clock * 1000 * atr_di_of(p->fidi) / atr_fi_of(p->fidi));
	assert(p->wi > 0 && p->bwi <= 9 && p->cwi <= 15 && p->ifsc > 0 && p->ifsc < 255);
	assert(p->clock_stop <= 3);
	check_times(p);
}

/* What is put is read as the same; a request that comes back is agreed. */
static void check_round(const struct parameters *p, const struct ccid_interface *reader)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(16);
	struct parameters again;

	parameters_put(p, &b);
	assert(b.len == (p->protocol == 1 ? PARAMETERS_T1 : PARAMETERS_T0));
	assert(parameters_read(buf_view(&b), p->protocol, reader, &again) == 0);
	assert(again.fidi == p->fidi && again.rate == p->rate && again.guard == p->guard);
	assert(again.inverse == p->inverse && again.clock_stop == p->clock_stop);
	assert(p->protocol == 1 || again.wi == p->wi);
	assert(p->protocol == 0 || (again.bwi == p->bwi && again.cwi == p->cwi &&
					   again.ifsc == p->ifsc && again.crc == p->crc));
	buf_reset(&b);
	parameters_pps(p, &b);
	assert(b.len == (p->fidi == 0x11 ? 3 : 4));
	assert(parameters_pps_answer(p, buf_view(&b)) == 0);
}

static void check_choice(const struct atr *atr, const struct ccid_interface *reader,
	uint8_t wish, struct view pps)
{
	struct parameters p = {0}, reset;
	bool negotiate = false;
	int r = parameters_choose(atr, reader, wish, &p, &negotiate);

	parameters_after_reset(atr, reader, &reset);
	check_facts(&reset);
	if (r != 0) {
		assert(r == (atr->specific ? PARAMETERS_SPECIFIC : PARAMETERS_NONE));
		return;
	}
	check_facts(&p);
	assert(p.protocol < 2 && (reader->protocols >> p.protocol & 1));
	assert(atr->specific || atr_offers(atr, p.protocol));
	assert(atr->specific || p.rate >= reset.rate);
	assert(!atr->specific || (p.protocol == reset.protocol && p.rate == reset.rate));
	assert(negotiate || (p.protocol == reset.protocol && p.rate == reset.rate) ||
		(reader->features & (CCID_AUTO_PPS | CCID_AUTO_NEGOTIATION)));
	check_round(&p, reader);
	r = parameters_pps_answer(&p, pps);
	assert(r == 0 || r == PARAMETERS_BROKEN || r == PARAMETERS_REFUSED ||
		r == PARAMETERS_DEFAULT);
	assert(r != 0 || pps.len == (p.fidi == 0x11 ? 3 : 4));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	struct ccid_interface reader = {.protocols = reader_u8(&r), .features = reader_u8(&r)};
	struct parameters p;
	struct view bytes;
	struct atr atr;
	uint8_t wish;

	reader.clock = reader_u32(&r);
	reader.rate_max = reader_u32(&r);
	wish = reader_u8(&r);
	parameters_rates(take(&r), &reader);
	assert(reader.n_listed <= DESCRIPTOR_RATES_MAX);
	bytes = take(&r);
	if (atr_parse(bytes, &atr) == 0) {
		check_choice(&atr, &reader, wish, take(&r));
	}
	wish = reader_u8(&r);
	if (parameters_read(reader_rest(&r), wish, &reader, &p) == 0) {
		assert(p.protocol == wish && wish < 2);
		check_facts(&p);
		check_round(&p, &reader);
	}
	return 0;
}
