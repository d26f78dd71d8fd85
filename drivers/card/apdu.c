/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The APDU engine. It owns no memory beyond one call; command and answer stand in bufs that are
 * wiped when the call ends. It guarantees that a card cannot make an exchange endless or large,
 * and that a command whose answer got lost is never sent again.
 */
#include "drivers/card/apdu.h"

#include <errno.h>

#include "base/clock.h"

#define CLA_CHAIN   0x10U
#define HEADER	    5U /* CLA INS P1 P2 P3 */
#define STATUS	    2U
/* room for an answer that is longer than allowed: it shall be seen, and refused, here */
#define ANSWER_ROOM (TRANSPORT_ANSWER_MAX + 64U)

void apdu_init(struct apdu *a, struct transport *t)
{
	*a = (struct apdu){.transport = t, .block = APDU_LE_MAX};
	apdu_begin(a, 0);
}

void apdu_begin(struct apdu *a, uint64_t deadline)
{
	a->deadline = deadline;
	a->bytes_left = APDU_BYTES_MAX;
}

uint64_t apdu_others(const struct apdu *a)
{
	uint64_t others = clock_monotonic() + APDU_OTHERS_USEC;

	return others < a->deadline ? others : a->deadline;
}

/* -- pure ---------------------------------------------------------------------------------------- */

int apdu_parse(struct view answer, size_t le, struct view *ret_data, uint16_t *ret_sw)
{
	struct reader status = reader_of(view_last(answer, STATUS));
	uint16_t sw = reader_u16(&status);
	uint8_t sw1 = (uint8_t)(sw >> 8);

	if (status.failed || answer.len - STATUS > le) {
		return CARD_BROKEN;
	}
	if ((sw1 & 0xF0) != 0x60 && (sw1 & 0xF0) != 0x90) {
		return CARD_BROKEN; /* ISO/IEC 7816-3:2006 §10.3.3: SW1 is 6X or 9X */
	}
	if (sw1 == 0x60) {
		return CARD_BROKEN; /* NULL is the reader's business */
	}
	*ret_data = view_sub(answer, 0, answer.len - STATUS);
	*ret_sw = sw;
	return 0;
}

void apdu_build(const struct apdu_command *c, enum transport_protocol protocol, struct buf *out)
{
	buf_put_u8(out, c->cla);
	buf_put_u8(out, c->ins);
	buf_put_u8(out, c->p1);
	buf_put_u8(out, c->p2);
	if (c->data.len > 0) {
		buf_put_u8(out, (uint8_t)c->data.len);
		buf_put_view(out, c->data);
	}
	if (c->le > 0 && (c->data.len == 0 || protocol == TRANSPORT_T1)) {
		buf_put_u8(out, (uint8_t)(c->le & 0xFF));
	} else if (c->data.len == 0 && protocol == TRANSPORT_T0) {
		buf_put_u8(out, 0);
	}
}

uint32_t apdu_characters(size_t data_in, size_t data_out, uint16_t sw)
{
	if (data_out > 0) {
		return (uint32_t)(HEADER + 1 + data_out + STATUS);
	}
	if (data_in == 0 || sw == 0x6D00 || sw == 0x6E00) {
		return HEADER + STATUS;
	}
	return (uint32_t)(HEADER + 1 + data_in + STATUS);
}

int apdu_room(const struct buf *b)
{
	return b->failed == -EMSGSIZE ? CARD_BROKEN : trace(buf_check(b));
}

/* -- one command on the line --------------------------------------------------------------------- */

int apdu_from_transport(int r)
{
	if (r <= 0) {
		return trace(r);
	}
	switch ((enum transport_outcome)r) {
	case TRANSPORT_GONE:
	case TRANSPORT_TOUCHED: /* who can live with that asks before (serve.c) */
		return CARD_GONE;
	case TRANSPORT_MUTE:
		return CARD_MUTE;
	case TRANSPORT_BUSY:
		return CARD_BUSY;
	case TRANSPORT_NO_SERVICE:
		return CARD_NO_SERVICE;
	case TRANSPORT_NO_READER:
		return CARD_NO_READER;
	case TRANSPORT_BROKEN:
		return CARD_BROKEN;
	case TRANSPORT_CANCELLED:
		return CARD_CANCELLED;
	case TRANSPORT_LATE:
		return CARD_LATE;
	case TRANSPORT_REFUSED:
		return CARD_PIN_REFUSED;
	case TRANSPORT_NO_PINPAD:
		return CARD_ABSENT;
	case TRANSPORT_FAILED:
		return CARD_FAILED;
	case TRANSPORT_LIED:
		return CARD_READER_FAILED;
	}
	return CARD_BROKEN;
}

/* The line is about to be used. Return: 0, or CARD_MUTE behind the deadline. */
static int prepare_line(struct apdu *a, struct buf *raw)
{
	if (clock_monotonic() >= a->deadline) {
		return CARD_MUTE;
	}
	if (a->before) {
		a->before(a->user);
	}
	buf_reset(raw);
	a->tpdus++;
	return 0;
}

/* An answer of up to @le bytes has come into @raw: split and count it. */
static int take_answer(struct apdu *a, const struct buf *raw, size_t data_in, size_t le,
	struct view *ret_data, uint16_t *ret_sw)
{
	int r;

	r = apdu_room(raw);
	if (r != 0) {
		return trace(r);
	}
	r = apdu_parse(buf_view(raw), le, ret_data, ret_sw);
	if (r != 0) {
		return r;
	}
	a->characters += apdu_characters(data_in, ret_data->len, *ret_sw);
	if (ret_data->len > a->bytes_left) {
		return CARD_BROKEN;
	}
	a->bytes_left -= ret_data->len;
	return 0;
}

/* Send @line, take an answer of up to @le bytes into @raw, count. */
static int transmit(struct apdu *a, struct view line, size_t data_in, size_t le,
	struct buf *raw, struct view *ret_data, uint16_t *ret_sw)
{
	int r;

	r = prepare_line(a, raw);
	if (r == 0) {
		r = apdu_from_transport(
			a->transport->ops->transmit(a->transport, line, apdu_others(a), raw));
	}
	return r != 0 ? trace(r) : trace(take_answer(a, raw, data_in, le, ret_data, ret_sw));
}

int apdu_send_once(struct apdu *a, struct view command, uint16_t *ret_sw)
{
	_cleanup_(buf_done) struct buf raw = BUF_NULL(ANSWER_ROOM);
	size_t data_in = command.len > HEADER ? command.len - HEADER : 0;
	struct view data;

	return trace(transmit(a, command, data_in, 0, &raw, &data, ret_sw));
}

int apdu_secure(struct apdu *a, const struct transport_pin *pin, uint16_t *ret_sw)
{
	_cleanup_(buf_done) struct buf raw = BUF_NULL(ANSWER_ROOM);
	size_t data_in = pin->command.len > HEADER ? pin->command.len - HEADER : 0;
	struct view data;
	int r;

	if (!a->transport->ops->secure) {
		return CARD_ABSENT;
	}
	r = prepare_line(a, &raw);
	if (r != 0) {
		return r;
	}
	r = apdu_from_transport(
		a->transport->ops->secure(a->transport, pin, apdu_others(a), &raw));
	if (r == CARD_CANCELLED || r == CARD_LATE || r == CARD_PIN_REFUSED ||
		r == CARD_ABSENT) {
		a->tpdus--; /* the reader's own word: nothing went to the card */
	}
	return r != 0 ? trace(r) : trace(take_answer(a, &raw, data_in, 0, &data, ret_sw));
}

/* -- one exchange -------------------------------------------------------------------------------- */

/* What one exchange carries from round to round. */
struct exchange {
	struct apdu_command now; /* the command of this round */
	bool resent;		 /* 6CXX was honoured for it */
	size_t wanted;		 /* bytes that the caller asked in all */
	size_t got;
	size_t last; /* bytes of this round's answer */
	bool asked;  /* GET RESPONSE was sent */
	uint16_t sw;
};

static size_t le_of(uint8_t sw2)
{
	return sw2 == 0 ? APDU_LE_MAX : sw2;
}

/* How many bytes may come in this round: with T=0 none in the answer to a case 4 command. */
static size_t room(const struct exchange *x, enum transport_protocol protocol)
{
	return x->now.data.len > 0 && protocol == TRANSPORT_T0 ? 0 : x->now.le;
}

/* Whether @le more bytes are within what the caller asked. */
static bool wants(const struct exchange *x, size_t le)
{
	return x->wanted == APDU_LE_MAX || x->got + le <= x->wanted;
}

/* Prepare the next round. Return: 0: there is one; 1: the exchange is over; CARD_BROKEN. */
static int prepare(const struct apdu *a, struct exchange *x)
{
	uint8_t sw1 = (uint8_t)(x->sw >> 8);
	uint8_t sw2 = (uint8_t)(x->sw & 0xFF);
	size_t le = le_of(sw2);

	if (sw1 == 0x6C && x->now.data.len == 0 && x->now.le > 0 && !x->resent &&
		wants(x, le)) {
		x->now.le = le;
		x->resent = true;
		return 0;
	}
	if (sw1 != 0x61 || x->wanted == 0) {
		return 1;
	}
	if (!wants(x, le) || (x->asked && x->last == 0)) {
		return CARD_BROKEN; /* more than was asked, or promised for ever */
	}
	x->asked = true;
	x->now = (struct apdu_command){
		.cla = (uint8_t)(x->now.cla & ~CLA_CHAIN),
		.ins = APDU_GET_RESPONSE,
		.le = le < a->block ? le : a->block,
	};
	x->resent = false;
	return 0;
}

/* One command that fits the line, to the end of its answer. */
static int exchange(
	struct apdu *a, const struct apdu_command *c, struct buf *answer, uint16_t *ret_sw)
{
	_cleanup_(buf_done) struct buf line = BUF_NULL(HEADER + APDU_DATA_MAX + 1);
	_cleanup_(buf_done) struct buf raw = BUF_NULL(ANSWER_ROOM);
	enum transport_protocol protocol = a->transport->protocol;
	struct exchange x = {.now = *c, .wanted = c->le};

	for (unsigned round = 0; round < APDU_ROUNDS_MAX; round++) {
		struct view data;
		int r;

		buf_reset(&line);
		apdu_build(&x.now, protocol, &line);
		r = buf_check(&line);
		if (r < 0) {
			return trace(r);
		}
		r = transmit(a, buf_view(&line), x.now.data.len, room(&x, protocol), &raw,
			&data, &x.sw);
		if (r != 0) {
			return trace(r);
		}
		buf_put_view(answer, data);
		r = apdu_room(answer);
		if (r != 0) {
			return trace(r);
		}
		x.got += data.len;
		x.last = data.len;
		r = prepare(a, &x);
		if (r != 0) {
			*ret_sw = x.sw;
			return r == 1 ? 0 : r;
		}
	}
	return CARD_BROKEN;
}

int apdu_exchange(
	struct apdu *a, const struct apdu_command *c, struct buf *answer, uint16_t *ret_sw)
{
	struct apdu_command part = *c;
	size_t before = answer->len;
	size_t at = 0;
	int r;

	if (c->data.len > APDU_CHAIN_MAX || c->le > APDU_LE_MAX) {
		return CARD_BROKEN;
	}
	while (c->data.len - at > APDU_DATA_MAX) {
		part.cla = c->cla | CLA_CHAIN;
		part.data = view_sub(c->data, at, APDU_DATA_MAX);
		part.le = 0;
		r = exchange(a, &part, answer, ret_sw);
		if (r != 0 || *ret_sw != 0x9000) {
			return trace(
				r); /* the card stopped the chain: its word is the answer */
		}
		at += APDU_DATA_MAX;
	}
	part.cla = c->cla;
	part.data = view_sub(c->data, at, APDU_DATA_MAX);
	part.le = c->le;
	r = exchange(a, &part, answer, ret_sw);
	if (r != 0) {
		buf_truncate(answer, before);
	}
	return trace(r);
}
