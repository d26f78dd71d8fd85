/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Clock and rates of a slot, see rates.h. Written from CCID 1.1 and ISO/IEC 7816-3:2006 §8.3 and §9 alone: it shares
 * nothing with drivers/usb/parameters.h but the tables of Fi and Di.
 */
#include "tests/usb/rates.h"

#include "tests/usb/bench.h"

#define FIDI_DEFAULT 0x11
#define FI_DEFAULT   372U

enum {
	GET_CLOCK_FREQUENCIES = 2,
	GET_DATA_RATES = 3,
	AT_CLOCK = 10, /* of the message: bError says where it is wrong (§6.2.6) */
	AT_RATE = 14,
};

static uint32_t rate_of(uint32_t clock, uint8_t fidi)
{
	unsigned f = atr_fi_of(fidi), d = atr_di_of(fidi);

	return (uint32_t)((uint64_t)clock * 1000 * (d ? d : 1) / (f ? f : FI_DEFAULT));
}

static uint8_t byte_at(struct view v, size_t at)
{
	struct reader r = reader_of(view_sub(v, at, 1));

	return reader_u8(&r);
}

static uint32_t number_at(struct view v, size_t at)
{
	uint32_t n = 0;

	for (size_t i = 0; i < 4; i++)
		n |= (uint32_t)byte_at(v, at + i) << 8 * i;
	return n;
}

static void put_number(struct buf *out, uint32_t n)
{
	for (unsigned i = 0; i < 4; i++)
		buf_put_u8(out, (uint8_t)(n >> 8 * i));
}

static bool listed(const uint32_t list[MODELS_LIST_MAX], uint32_t n)
{
	bool found = false;

	for (unsigned i = 0; i < MODELS_LIST_MAX && list[i] > 0; i++)
		found = found || list[i] == n;
	return found;
}

/* Whether the reader agrees with the card by itself, whatever the host says. */
static bool agrees_alone(const struct bench_slot *s)
{
	const struct model *m = s->face->device->model;

	return m->level >= CCID_LEVEL_SHORT_APDU ||
	       (m->features & (CCID_AUTO_PARAMETERS | CCID_AUTO_PPS | CCID_AUTO_NEGOTIATION));
}

void rates_default(struct bench_slot *s)
{
	s->wire.clock = MODELS_CLOCK;
	s->wire.rate = rate_of(MODELS_CLOCK, FIDI_DEFAULT);
}

void rates_reset(struct bench_slot *s)
{
	const struct atr_level *first = &s->atr.level[0];

	s->wire = (struct bench_wire){
		.fidi = s->atr.specific && (first->has & ATR_HAS_A) ? first->a : FIDI_DEFAULT,
		.protocol = s->atr.first,
	};
	rates_default(s);
}

void rates_pps(struct bench_slot *s, struct view request)
{
	uint8_t pps0 = byte_at(request, 1);

	s->wire.protocol = pps0 & 0x0F;
	s->wire.fidi = pps0 & 0x10 ? byte_at(request, 2) : FIDI_DEFAULT;
}

uint8_t rates_set(struct bench_slot *s, struct view data)
{
	const struct model *m = s->face->device->model;
	uint32_t clock = number_at(data, 0), rate = number_at(data, 4);

	if (data.len != 8)
		return 1; /* dwLength */
	if (!listed(m->clocks, clock))
		return AT_CLOCK;
	if (!listed(m->rates, rate) || m->lie == MODEL_LIE_RATES)
		return AT_RATE;
	s->wire.clock = clock;
	s->wire.rate = rate;
	s->wire.told++;
	return 0;
}

void rates_put(const struct bench_slot *s, struct buf *out)
{
	put_number(out, s->wire.clock);
	put_number(out, s->wire.rate);
}

bool rates_heard(const struct bench_slot *s)
{
	const struct model *m = s->face->device->model;
	const struct bench_wire *w = &s->wire;
	uint32_t card = rate_of(w->clock, w->fidi), reader = w->rate;

	if (agrees_alone(s))
		return true;
	if (m->features & CCID_AUTO_RATE)
		reader = rate_of(w->clock, s->parameters[0]);
	return s->protocol == w->protocol && s->parameters[0] == w->fidi &&
	       (reader > card ? reader - card : card - reader) * 100 <= card;
}

bool rates_list(const struct model *m, uint8_t request, struct buf *out)
{
	const uint32_t *list = request == GET_CLOCK_FREQUENCIES ? m->clocks : m->rates;

	if ((request != GET_CLOCK_FREQUENCIES && request != GET_DATA_RATES) || list[0] == 0)
		return false;
	for (unsigned i = 0; i < MODELS_LIST_MAX && list[i] > 0; i++)
		put_number(out, list[i]);
	return true;
}
