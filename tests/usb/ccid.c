/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The reader: messages of the bulk pipes (CCID 1.1 §6.1, §6.2) for each slot, one command at a time a slot. It
 * is honest and strict: what goes wrong on order goes wrong behind it, in pipes.c.
 */
#include <errno.h>

#include "drivers/usb/message.h"
#include "tests/usb/card.h"

#define EXTENSION_US                                                                           \
	800000U /* a command that takes longer asks for more time, again and again */

static uint8_t answer_type(uint8_t command)
{
	switch (command) {
	case MESSAGE_POWER_ON:
	case MESSAGE_XFR_BLOCK:
	case MESSAGE_SECURE:
		return MESSAGE_DATA_BLOCK;
	case MESSAGE_SET_PARAMETERS:
	case MESSAGE_GET_PARAMETERS:
	case MESSAGE_RESET_PARAMETERS:
		return MESSAGE_PARAMETERS;
	case MESSAGE_ESCAPE:
		return MESSAGE_ESCAPED;
	case MESSAGE_SET_RATE:
		return MESSAGE_RATE;
	default:
		return MESSAGE_SLOT_STATUS;
	}
}

static uint8_t icc_of(const struct bench_slot *s)
{
	if (!s->present)
		return MESSAGE_ICC_ABSENT;
	return s->active ? MESSAGE_ICC_ACTIVE : MESSAGE_ICC_INACTIVE;
}

static void put_head(struct buf *m, uint8_t type, size_t len, uint8_t slot, uint8_t seq)
{
	buf_put_u8(m, type);
	for (unsigned i = 0; i < 4; i++)
		buf_put_u8(m, (uint8_t)(len >> (8 * i)));
	buf_put_u8(m, slot);
	buf_put_u8(m, seq);
}

static void message(struct bench_slot *s, struct buf *m, uint8_t command, uint8_t seq,
	uint8_t status, uint8_t error, uint8_t last, struct view data)
{
	put_head(m, answer_type(command), data.len, (uint8_t)s->number, seq);
	buf_put_u8(m, (uint8_t)(status << 6 | icc_of(s)));
	buf_put_u8(m, error);
	buf_put_u8(m, last);
	buf_put_view(m, data);
}

static void end(
	struct bench_slot *s, uint8_t status, uint8_t error, uint8_t last, struct view data)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(DESCRIPTOR_MESSAGE_MAX);

	s->busy = false;
	s->generation++;
	message(s, &m, s->type, s->seq, status, error, last, data);
	pipes_answer(s, buf_view(&m));
}

void ccid_reply(struct bench_slot *s, uint8_t last, struct view data)
{
	end(s, MESSAGE_COMMAND_OK, 0, last, data);
}

void ccid_fail(struct bench_slot *s, uint8_t error)
{
	end(s, MESSAGE_COMMAND_FAILED, error, 0, VIEW_NULL);
}

/* Out of turn: the command in progress, if any, goes on. */
static void refuse(struct bench_slot *s, uint8_t command, uint8_t seq, uint8_t error)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(DESCRIPTOR_MESSAGE_MAX);

	message(s, &m, command, seq, MESSAGE_COMMAND_FAILED, error, 0, VIEW_NULL);
	pipes_answer(s, buf_view(&m));
}

void ccid_tick(struct bench_face *f)
{
	uint64_t now = (uint64_t)g_get_monotonic_time();

	for (unsigned i = 0; i < f->device->model->slots; i++) {
		_cleanup_(buf_done) struct buf m = BUF_NULL(DESCRIPTOR_MESSAGE_MAX);
		struct bench_slot *s = &f->slots[i];

		if (!s->busy || s->mute || s->ask_at > now)
			continue;
		s->ask_at = now + EXTENSION_US;
		message(s, &m, s->type, s->seq, MESSAGE_COMMAND_TIME, 1, 0, VIEW_NULL);
		pipes_plain(s, buf_view(&m));
	}
}

/* -- parameters (§6.1.7) ----------------------------------------------------------------------- */

/* What the card's answer to reset asks for where the reader follows it, else the default. */
static void parameters_after_reset(struct bench_slot *s)
{
	bool follows = s->face->device->model->features & CCID_AUTO_PARAMETERS;
	const struct atr_level *b = atr_level_for(&s->atr, 1, ATR_HAS_B);
	const struct atr_level *first = &s->atr.level[0];
	uint8_t fidi = follows && first->has & ATR_HAS_A ? first->a : 0x11;
	uint8_t guard = first->has & ATR_HAS_C ? first->c : 0;

	s->protocol = s->atr.first == 1 ? 1 : 0;
	s->parameters[0] = fidi;
	s->parameters[1] = (uint8_t)(s->protocol ? 0x10 : 0) | (s->atr.inverse ? 2 : 0);
	s->parameters[2] = guard;
	s->parameters[3] = s->protocol ? (b ? b->b : 0x4D) : 10;
	s->parameters[4] = 0;
	s->parameters[5] = (uint8_t)atr_ifsc(&s->atr);
	s->parameters[6] = 0;
}

void ccid_parameters(struct bench_slot *s)
{
	ccid_reply(s, s->protocol, view_of(s->parameters, s->protocol ? 7 : 5));
}

static void set_parameters(struct bench_slot *s, struct view data)
{
	uint8_t protocol = s->held[7];

	if (protocol > 1 || view_copy(data, s->parameters, protocol ? 7 : 5)) {
		ccid_fail(s, protocol > 1 ? 7 : 1);
		return;
	}
	s->settled = true;
	card_protocol(s, protocol);
}

static void set_rate(struct bench_slot *s, struct view data)
{
	_cleanup_(buf_done) struct buf now = BUF_NULL(8);
	uint8_t wrong = rates_set(s, data);

	rates_put(s, &now);
	if (wrong)
		ccid_fail(s, wrong);
	else
		ccid_reply(s, 0, buf_view(&now));
}

/* -- commands ------------------------------------------------------------------------------------ */

static void power_on(struct bench_slot *s)
{
	bool automatic = s->face->device->model->features & CCID_AUTO_VOLTAGE;

	if (!s->present || (!automatic && s->held[7] != 0 && s->held[7] != 2))
		ccid_fail(s, MESSAGE_ERROR_MUTE); /* a card for 3 V alone */
	else if (s->held[7] > 3 || (!automatic && s->held[7] == 0))
		ccid_fail(s, 7);
	else
		card_power(s, true);
}

static void needs_card(struct bench_slot *s, struct view data)
{
	if (!s->present || !s->active) {
		ccid_fail(s, MESSAGE_ERROR_MUTE);
		return;
	}
	switch (s->type) {
	case MESSAGE_SET_PARAMETERS:
		set_parameters(s, data);
		return;
	case MESSAGE_GET_PARAMETERS:
		ccid_parameters(s);
		return;
	case MESSAGE_RESET_PARAMETERS:
		parameters_after_reset(s);
		rates_default(s);
		ccid_parameters(s);
		return;
	case MESSAGE_SET_RATE:
		set_rate(s, data);
		return;
	case MESSAGE_SECURE:
		if (s->face->device->model->pin)
			card_keys(s, data);
		else
			ccid_fail(s, MESSAGE_ERROR_UNSUPPORTED);
		return;
	default:
		if (rates_heard(s))
			card_transfer(s, data, (unsigned)(s->held[8] | s->held[9] << 8));
		else
			ccid_fail(s, MESSAGE_ERROR_MUTE);
	}
}

/* An abort has two halves, which may come in any order (§5.3.1, §6.1.13). */
static void abort_when_both(struct bench_slot *s)
{
	if (!s->abort_control || !s->abort_bulk)
		return;
	s->abort_control = s->abort_bulk = false;
	card_cancel(s);
	s->type = MESSAGE_ABORT;
	s->seq = s->abort_seq;
	ccid_reply(s, 0, VIEW_NULL);
}

void ccid_abort(struct bench_face *f, unsigned slot, uint8_t seq)
{
	struct bench_slot *s = slot < f->device->model->slots ? &f->slots[slot] : NULL;

	if (!s)
		return;
	s->abort_bulk = s->abort_bulk && s->abort_seq == seq; /* of another abort: forgotten */
	s->abort_control = true;
	s->abort_seq = seq;
	abort_when_both(s);
}

static void run(struct bench_slot *s, struct view head, struct view data)
{
	bytes_copy(s->held, sizeof(s->held), head.data, sizeof(s->held));
	s->type = s->held[0];
	s->seq = s->held[6];
	s->busy = true;
	s->generation++;
	s->mute = false;
	s->ask_at = (uint64_t)g_get_monotonic_time() + EXTENSION_US;
	if (s->type == MESSAGE_SECURE) {
		buf_reset(&s->secured);
		buf_put_view(&s->secured, head);
		buf_put_view(&s->secured, data);
	}
	switch (s->type) {
	case MESSAGE_POWER_ON:
		power_on(s);
		return;
	case MESSAGE_POWER_OFF:
		card_power(s, false);
		return;
	case MESSAGE_GET_SLOT_STATUS:
	case MESSAGE_CLOCK:
		ccid_reply(s, 0, VIEW_NULL);
		return;
	case MESSAGE_SET_PARAMETERS:
	case MESSAGE_GET_PARAMETERS:
	case MESSAGE_RESET_PARAMETERS:
	case MESSAGE_SET_RATE:
	case MESSAGE_SECURE:
	case MESSAGE_XFR_BLOCK:
		needs_card(s, data);
		return;
	default:
		ccid_fail(s, MESSAGE_ERROR_UNSUPPORTED);
	}
}

/* Whether it works on as many commands as it can (bMaxCCIDBusySlots). */
static bool is_full(const struct bench_face *f)
{
	const struct model *m = f->device->model;
	unsigned busy = 0;

	for (unsigned i = 0; i < m->slots; i++)
		busy += f->slots[i].busy ? 1U : 0U;
	return m->busy > 0 && busy >= m->busy;
}

static int dispatch(struct bench_face *f, struct view head, struct view data)
{
	struct reader r = reader_of(head);
	uint8_t type = reader_u8(&r), number, seq;
	struct bench_slot *s;

	reader_u32(&r);
	number = reader_u8(&r);
	seq = reader_u8(&r);
	s = &f->slots[number < f->device->model->slots ? number : 0];
	if (pipes_fault_is(s, "stall-out", type)) {
		f->out.halted = true;
		return -EPIPE;
	}
	if (pipes_fault_is(s, "unplug-out", type)) {
		bus_unplug(f->device);
		return -ESHUTDOWN;
	}
	if (number >= f->device->model->slots) {
		refuse(s, type, seq, MESSAGE_ERROR_SLOT);
	} else if (type == MESSAGE_ABORT) {
		s->abort_control = s->abort_control && s->abort_seq == seq;
		s->abort_bulk = true;
		s->abort_seq = seq;
		abort_when_both(s);
	} else if (s->abort_control || s->abort_bulk) {
		refuse(s, type, seq, MESSAGE_ERROR_ABORTED);
	} else if (s->busy || is_full(f)) {
		f->device->refused++;
		refuse(s, type, seq, MESSAGE_ERROR_BUSY);
	} else {
		run(s, head, data);
	}
	return 0;
}

int ccid_receive(struct bench_face *f, struct view bytes)
{
	struct view all;
	size_t length = 0;
	int r;

	pipes_trace("->", bytes);
	buf_put_view(&f->assembly, bytes);
	all = buf_view(&f->assembly);
	if (all.len < MESSAGE_HEADER)
		return 0;
	for (unsigned i = 0; i < 4; i++)
		length |= (size_t)f->assembly.data[1 + i] << (8 * i);
	if (MESSAGE_HEADER + length > f->device->model->message ||
		all.len > MESSAGE_HEADER + length) {
		buf_reset(&f->assembly);
		f->out.halted = true;
		return -EPIPE;
	}
	if (all.len < MESSAGE_HEADER + length)
		return 0;
	r = dispatch(
		f, view_sub(all, 0, MESSAGE_HEADER), view_sub(all, MESSAGE_HEADER, length));
	buf_reset(&f->assembly);
	return r;
}

void ccid_powered(struct bench_slot *s)
{
	s->active = true;
	s->settled = false;
	parameters_after_reset(s);
	rates_reset(s);
	ccid_reply(s, 0, atr_view(&s->atr));
}

void ccid_reset(struct bench_face *f)
{
	buf_reset(&f->assembly);
	pipe_clear(&f->out);
	pipe_clear(&f->in);
	pipe_clear(&f->interrupt);
	for (unsigned i = 0; i < f->device->model->slots; i++) {
		struct bench_slot *s = &f->slots[i];

		card_cancel(s);
		s->busy = s->abort_control = s->abort_bulk = false;
		s->generation++;
		s->active = false;
	}
}
