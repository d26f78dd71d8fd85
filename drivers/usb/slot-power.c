/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Power and parameters of a slot (CCID 1.1 §6.1.1, §6.1.5, §6.1.7, §6.1.14; ISO/IEC 7816-3:2006
 * §6, §9): voltage by voltage until a card answers, then what the reader leaves to us. A reader
 * that negotiates by itself is asked what it has agreed on; for one that makes the PPS,
 * parameters are set; for any other the PPS goes as a block, then rate and parameters are set.
 * Where that fails the card is reset cold and keeps what holds after a reset.
 */
#include <errno.h>

#include "drivers/usb/slot-steps.h"

#define VOLTAGE_AUTOMATIC 0U
#define VOLTAGES	  3U /* bPowerSelect 1: 5 V, 2: 3 V, 3: 1.8 V */
#define FIDI_DEFAULT	  0x11U
#define FI_DEFAULT	  372U
#define HZ_PER_KHZ	  1000U

static void put_u32_le(struct buf *b, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++) {
		buf_put_u8(b, (uint8_t)(v >> 8 * i));
	}
}

static uint32_t u32_le(struct reader *r)
{
	uint32_t v = 0;

	for (unsigned i = 0; i < 4; i++) {
		v |= (uint32_t)reader_u8(r) << 8 * i;
	}
	return v;
}

static void plain_send(
	struct slot *s, enum slot_step step, enum message_type type, uint64_t wait)
{
	s->steps->three[0] = s->steps->three[1] = s->steps->three[2] = 0;
	slot_send(s, step, type, wait);
}

/* -- power --------------------------------------------------------------------------------- */

/* The next voltage of the reader's (bit n - 1 of bVoltageSupport) after @v; 0: there is none. */
static uint8_t voltage_after(const struct slot *s, uint8_t v)
{
	while (++v <= VOLTAGES) {
		if (s->reader->voltages >> (v - 1U) & 1) {
			return v;
		}
	}
	return 0;
}

static void send_on(struct slot *s)
{
	s->steps->three[0] = s->steps->voltage;
	s->steps->three[1] = s->steps->three[2] = 0;
	slot_send(s, STEP_ON, MESSAGE_POWER_ON, SLOT_ATR_USEC);
}

void slot_power_start(struct slot *s)
{
	struct slot_steps *st = s->steps;

	st->plain = st->no_ifsd = false;
	/* a reader that activates by itself chooses the voltage too, whatever it says of it */
	st->voltage = s->reader->features & (CCID_AUTO_VOLTAGE | CCID_AUTO_ACTIVATION)
			      ? VOLTAGE_AUTOMATIC
			      : voltage_after(s, 0);
	send_on(s);
}

/* Off, and on again with what has been changed. */
static void again(struct slot *s)
{
	slot_unpower(s);
	s->steps->powers = s->powers;
	plain_send(s, STEP_OFF_AGAIN, MESSAGE_POWER_OFF, SLOT_ASK_USEC);
}

/* Off for good. */
static void off(struct slot *s, enum slot_end after)
{
	slot_unpower(s);
	s->steps->after = after;
	plain_send(s, STEP_OFF_END, MESSAGE_POWER_OFF, SLOT_ASK_USEC);
}

/* What was agreed does not work: once more without. */
static void again_plain(struct slot *s, enum slot_end otherwise)
{
	if (s->steps->plain) {
		off(s, otherwise);
		return;
	}
	s->steps->plain = true;
	again(s);
}

void slot_power_no_ifsd(struct slot *s)
{
	s->steps->no_ifsd = true;
	again(s);
}

/* -- parameters ---------------------------------------------------------------------------- */

static void send_pps(struct slot *s)
{
	struct slot_steps *st = s->steps;

	parameters_pps(&st->wanted, &st->data);
	st->three[0] = 0;
	st->three[1] = s->reader->level == CCID_LEVEL_CHARACTER ? (uint8_t)st->data.len : 0;
	st->three[2] = 0;
	slot_send(s, STEP_PPS, MESSAGE_XFR_BLOCK, SLOT_ASK_USEC);
}

static void send_set(struct slot *s)
{
	struct slot_steps *st = s->steps;

	parameters_put(&st->wanted, &st->data);
	st->three[0] = st->wanted.protocol;
	st->three[1] = st->three[2] = 0;
	slot_send(s, STEP_SET, MESSAGE_SET_PARAMETERS, SLOT_ASK_USEC);
}

/* Whether the reader must be told its rate besides the parameters. */
static bool needs_rate(const struct slot *s)
{
	return s->steps->wanted.fidi != FIDI_DEFAULT && !(s->reader->features & CCID_AUTO_RATE);
}

static void send_rate(struct slot *s)
{
	struct slot_steps *st = s->steps;

	put_u32_le(&st->data, st->wanted.clock);
	put_u32_le(&st->data, parameters_figure(&st->wanted, s->reader));
	plain_send(s, STEP_RATE, MESSAGE_SET_RATE, SLOT_ASK_USEC);
}

/* Card and reader know what was agreed on by PPS; now the reader is told, its rate first. One
 * that makes the PPS when it is told the parameters gets its rate behind them. */
static void tell(struct slot *s)
{
	if (!needs_rate(s) || (s->reader->features & CCID_AUTO_PPS)) {
		send_set(s);
	} else {
		send_rate(s);
	}
}

/* Whether the reader agrees with the card by itself. At the APDU levels it must (§5.1): what it
 * says of it is then of no interest. */
static bool negotiates(const struct slot *s)
{
	uint32_t f = s->reader->features;

	return (f & CCID_AUTO_NEGOTIATION) ||
	       (s->reader->level >= CCID_LEVEL_SHORT_APDU && !(f & CCID_AUTO_PPS));
}

static bool reader_has(const struct slot *s, uint8_t protocol)
{
	return s->reader->protocols >> protocol & 1;
}

static void agree(struct slot *s)
{
	struct slot_steps *st = s->steps;
	bool negotiate = false;
	int r = 0;

	parameters_after_reset(&s->atr, s->reader, &s->parameters);
	st->wanted = s->parameters;
	if (!st->plain) {
		r = parameters_choose(&s->atr, s->reader, 0, &st->wanted, &negotiate);
	} else if (!reader_has(s, st->wanted.protocol)) {
		r = PARAMETERS_NONE;
	}
	st->unit = st->wanted.protocol ? parameters_block_us(&st->wanted, 0)
				       : parameters_character_us(&st->wanted);
	if (r) {
		off(s, SLOT_UNABLE);
	} else if (negotiates(s)) {
		plain_send(s, STEP_LEARN, MESSAGE_GET_PARAMETERS, SLOT_ASK_USEC);
	} else if (negotiate) {
		send_pps(s);
	} else {
		tell(s);
	}
}

void slot_power_ready(struct slot *s)
{
	slot_finish(s, SLOT_DONE);
}

/* All is agreed on; with blocks of ours, how long the card's may be is left. */
static void agreed(struct slot *s)
{
	const struct parameters *p = &s->parameters;
	uint32_t ifsd = s->reader->ifsd;

	if (p->protocol == 0 || s->reader->level >= CCID_LEVEL_SHORT_APDU) {
		slot_power_ready(s);
		return;
	}
	t1_done(&s->t1);
	t1_init(&s->t1, p->ifsc, p->crc);
	if (ifsd > PARAMETERS_IFSD) {
		ifsd = PARAMETERS_IFSD;
	}
	if (ifsd <= s->t1.ifsd || s->steps->no_ifsd) {
		slot_power_ready(s);
	} else if (s->reader->features & CCID_AUTO_IFSD) {
		s->t1.ifsd = (uint8_t)ifsd;
		slot_power_ready(s);
	} else {
		slot_transfer_ifsd(s, (uint8_t)ifsd);
	}
}

/* -- answers ------------------------------------------------------------------------------- */

/* The card did not answer; where there is another voltage it may. */
static void on_failed(struct slot *s, const struct message *m)
{
	struct slot_steps *st = s->steps;
	uint8_t next = st->voltage == VOLTAGE_AUTOMATIC ? 0 : voltage_after(s, st->voltage);

	if (next == 0 || m->icc == MESSAGE_ICC_ABSENT) {
		slot_lose(s, slot_fails(m));
		return;
	}
	st->voltage = next;
	again(s);
}

static void on_done(struct slot *s, const struct message *m)
{
	if (m->command == MESSAGE_COMMAND_FAILED) {
		on_failed(s, m);
	} else if (atr_parse(m->data, &s->atr) != 0) {
		off(s, SLOT_BROKEN);
	} else {
		s->active = true;
		s->steps->powers = s->powers;
		agree(s);
	}
}

/* What the reader has agreed on with the card: protocol and rate are its own to say, what the
 * card said in its ATR stays as it is (readers give defaults for it). */
static void learn_done(struct slot *s, const struct message *m)
{
	struct parameters says, card = s->steps->wanted;
	bool negotiate, other;

	if (m->command == MESSAGE_COMMAND_FAILED) {
		if (!reader_has(s, s->parameters.protocol)) {
			s->parameters = s->steps->wanted;
		} /* else most likely what holds after a reset */
		agreed(s);
		return;
	}
	if (parameters_read(m->data, m->last, s->reader, &says) != 0) {
		off(s, SLOT_LIED);
		return;
	}
	other = parameters_choose(&s->atr, s->reader, says.protocol, &card, &negotiate) != 0;
	other |= card.protocol != says.protocol;
	if (other) { /* one that card or reader does not have */
		off(s, SLOT_LIED);
		return;
	}
	card.fidi = says.fidi; /* card.fi stays: WT is of the ATR's Fi (§10.2) */
	card.clock = says.clock;
	card.rate = says.rate;
	s->parameters = card;
	agreed(s);
}

static void pps_done(struct slot *s, const struct message *m)
{
	struct parameters *p = &s->steps->wanted;
	int r = m->command == MESSAGE_COMMAND_FAILED ? PARAMETERS_REFUSED
						     : parameters_pps_answer(p, m->data);

	if (r == PARAMETERS_DEFAULT) {
		p->fidi = FIDI_DEFAULT;
		p->rate = (uint32_t)((uint64_t)p->clock * HZ_PER_KHZ / FI_DEFAULT);
	} else if (r != 0) {
		again_plain(s, SLOT_BROKEN);
		return;
	}
	tell(s);
}

/* A reader without that message takes the rate from the parameters; one that refuses this rate has another
 * than the card, which begins anew then. */
static void rate_done(struct slot *s, const struct message *m)
{
	struct reader r = reader_of(m->data);
	uint32_t clock = u32_le(&r);
	uint32_t rate = u32_le(&r);

	if (m->command == MESSAGE_COMMAND_FAILED && m->error != MESSAGE_ERROR_UNSUPPORTED) {
		again_plain(s, SLOT_UNABLE);
		return;
	}
	if (m->command == MESSAGE_COMMAND_OK && !r.failed && clock > 0 && rate > 0) {
		s->steps->wanted.clock = clock;
		s->steps->wanted.rate = rate;
	}
	if (s->reader->features & CCID_AUTO_PPS) { /* the parameters have been told */
		s->parameters = s->steps->wanted;
		agreed(s);
	} else {
		send_set(s);
	}
}

static void set_done(struct slot *s, const struct message *m)
{
	bool knows = s->reader->features & CCID_AUTO_PARAMETERS;

	if (m->command == MESSAGE_COMMAND_FAILED && !knows &&
		m->error != MESSAGE_ERROR_UNSUPPORTED) {
		again_plain(s, SLOT_UNABLE);
		return;
	}
	if (needs_rate(s) && (s->reader->features & CCID_AUTO_PPS)) {
		send_rate(s);
		return;
	}
	s->parameters = s->steps->wanted;
	agreed(s);
}

static void off_again_done(struct slot *s, const struct message *m)
{
	(void)m;
	send_on(s);
}

static void off_end_done(struct slot *s, const struct message *m)
{
	(void)m;
	slot_finish(s, s->presence == SLOT_OUT ? SLOT_EMPTY : s->steps->after);
}

void slot_power_take(struct slot *s, const struct message *m)
{
	static void (*const done[])(struct slot *, const struct message *) = {
		[STEP_ON] = on_done,
		[STEP_LEARN] = learn_done,
		[STEP_PPS] = pps_done,
		[STEP_RATE] = rate_done,
		[STEP_SET] = set_done,
		[STEP_OFF_AGAIN] = off_again_done,
		[STEP_OFF_END] = off_end_done,
	};

	done[s->steps->step](s, m);
}
