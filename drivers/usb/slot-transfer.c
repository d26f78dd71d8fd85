/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Commands and answers of a slot by the reader's exchange level (CCID 1.1 §3.2, §6.1.4,
 * §6.2.1): characters and TPDUs by the machines of t0.h and t1.h, short APDUs in one message,
 * extended ones in as many as they need. One message out and one in for each TPDU, block or
 * APDU; the waiting times are the card's own figures and what a reader takes besides.
 */
#include <errno.h>

#include "drivers/usb/slot-steps.h"

#define SHORT_COMMAND_MAX 261U /* bytes: header, Lc, 255, Le */
#define SHORT_ANSWER_MAX  258U
#define STATUS_WORD	  2U
#define COMMAND_MIN	  4U /* CLA INS P1 P2 */
#define T0_WAITS	  20U /* *invented*: waiting times of T=0 before the reader must ask for more */
#define T1_WAITS	  5U /* ... block waiting times, where the reader makes the blocks */
#define T1_PROLOGUE	  3U

/* -- times --------------------------------------------------------------------------------- */

/* For one message with @out bytes that go to the card, @in that may come. */
static uint64_t wait_for(struct slot *s, size_t out, size_t in, unsigned waits)
{
	const struct parameters *p = &s->parameters;
	uint64_t each = p->protocol ? parameters_block_us(p, 0) : parameters_character_us(p);

	s->steps->unit = each;
	return SLOT_ASK_USEC + parameters_line_us(p, out + in) + waits * each;
}

static void three(struct slot *s, uint8_t bwi, size_t level)
{
	s->steps->three[0] = bwi;
	s->steps->three[1] = (uint8_t)level;
	s->steps->three[2] = (uint8_t)(level >> 8);
}

/* The longest message that the reader takes; some say a little less than they must (§5.1). */
static size_t room(const struct slot *s)
{
	uint32_t most = s->reader->message;

	return (most < DESCRIPTOR_MESSAGE_MIN ? DESCRIPTOR_MESSAGE_MIN : most) - MESSAGE_HEADER;
}

static bool characters(const struct slot *s)
{
	return s->reader->level == CCID_LEVEL_CHARACTER;
}

void slot_transfer_answer(struct slot *s, struct view bytes)
{
	buf_put_view(&s->answer, bytes);
	if (buf_check(&s->answer) < 0) {
		slot_lose(s, SLOT_FAILED);
	} else {
		slot_finish(s, s->answer.len < STATUS_WORD ? SLOT_BROKEN : SLOT_DONE);
	}
}

/* -- T=0 ----------------------------------------------------------------------------------- */

static void step_t0(struct slot *s, int outcome)
{
	struct slot_steps *st = s->steps;

	if (outcome == T0_SEND) {
		three(s, 0, characters(s) ? s->t0.expect : 0);
		slot_send(s, STEP_T0, MESSAGE_XFR_BLOCK,
			wait_for(s, st->data.len, T0_ANSWER_MAX, T0_WAITS));
	} else if (outcome == T0_DONE) {
		slot_transfer_answer(s, buf_view(&s->t0.answer));
		buf_reset(&s->t0.answer);
	} else {
		slot_lose(s, outcome < 0 ? SLOT_FAILED : SLOT_BROKEN);
	}
}

static void take_t0(struct slot *s, const struct message *m)
{
	if (m->command == MESSAGE_COMMAND_FAILED) {
		slot_lose(s, slot_fails(m));
		return;
	}
	step_t0(s, t0_next(&s->t0, m->data, &s->steps->data));
}

/* -- T=1 ----------------------------------------------------------------------------------- */

static void send_block(struct slot *s, size_t expect)
{
	unsigned waiting = s->t1.waiting; /* of one byte */

	three(s, (uint8_t)(waiting > 1 ? waiting : 0), expect);
	slot_send(s, s->job == SLOT_JOB_TRANSMIT ? STEP_T1 : STEP_IFSD, MESSAGE_XFR_BLOCK,
		wait_for(s, s->steps->data.len, T1_BLOCK_MAX, waiting + 1));
}

static void step_t1(struct slot *s, enum t1_event event, int outcome)
{
	buf_reset(&s->steps->block);
	if (outcome == T1_SEND) {
		send_block(s, characters(s) ? T1_PROLOGUE : 0);
	} else if (outcome == T1_DONE && s->job != SLOT_JOB_TRANSMIT) {
		slot_power_ready(s);
	} else if (outcome == T1_DONE) {
		slot_transfer_answer(s, buf_view(&s->t1.answer));
		buf_reset(&s->t1.answer);
	} else if (s->job != SLOT_JOB_TRANSMIT && outcome == T1_LOST) {
		slot_power_no_ifsd(s);
	} else if (outcome == T1_ABORTED) { /* both sides know that nothing came of it */
		slot_finish(s, SLOT_BROKEN);
	} else if (outcome < 0) {
		slot_lose(s, SLOT_FAILED);
	} else {
		/* T1_LOST: the command may have been carried out */
		slot_lose(
			s, outcome == T1_DEAD && event == T1_SILENCE ? SLOT_MUTE : SLOT_BROKEN);
	}
}

/* At the level of characters: how many bytes of the block are still to come. */
static size_t block_left(const struct slot *s)
{
	struct reader r = reader_of(buf_view(&s->steps->block));
	size_t edc = s->t1.crc ? 2 : 1;
	size_t total;

	if (r.left < T1_PROLOGUE) {
		return T1_PROLOGUE - r.left;
	}
	(void)reader_u16(&r);
	total = reader_u8(&r) + edc;
	return total > r.left ? total - r.left : 0;
}

static void take_characters(struct slot *s, const struct message *m)
{
	struct slot_steps *st = s->steps;
	size_t left;

	buf_put_view(&st->block, m->data);
	left = block_left(s);
	if (left > 0 && m->data.len > 0 && buf_check(&st->block) == 0) {
		send_block(s, left);
		return;
	}
	step_t1(s, T1_BLOCK, t1_next(&s->t1, T1_BLOCK, buf_view(&st->block), &st->data));
}

static void take_t1(struct slot *s, const struct message *m)
{
	enum t1_event event = T1_BLOCK;

	if (m->command == MESSAGE_COMMAND_FAILED) {
		if (m->error == MESSAGE_ERROR_MUTE) {
			event = T1_SILENCE;
		} else if (m->error == MESSAGE_ERROR_PARITY ||
			   m->error == MESSAGE_ERROR_OVERRUN) {
			event = T1_PARITY;
		} else {
			slot_lose(s, slot_fails(m));
			return;
		}
	}
	if (event == T1_BLOCK && characters(s)) {
		take_characters(s, m);
		return;
	}
	step_t1(s, event, t1_next(&s->t1, event, m->data, &s->steps->data));
}

void slot_transfer_ifsd(struct slot *s, uint8_t ifsd)
{
	step_t1(s, T1_BLOCK, t1_ifsd(&s->t1, ifsd, &s->steps->data));
}

/* -- APDUs --------------------------------------------------------------------------------- */

static void send_part(struct slot *s)
{
	struct slot_steps *st = s->steps;
	struct view part = view_sub(buf_view(&st->command), st->sent, room(s));
	bool first = st->sent == 0;
	bool last = st->sent + part.len == st->command.len;
	enum message_chain chain = first  ? MESSAGE_CHAIN_BEGINS
				   : last ? MESSAGE_CHAIN_ENDS
					  : MESSAGE_CHAIN_GOES_ON;
	size_t in = st->extended_apdu ? SLOT_ANSWER_MAX : SHORT_ANSWER_MAX;

	buf_put_view(&st->data, part);
	st->sent += part.len;
	three(s, 0, first && last ? MESSAGE_CHAIN_WHOLE : chain);
	slot_send(s, STEP_APDU, MESSAGE_XFR_BLOCK,
		wait_for(s, part.len, last ? in : 0,
			s->parameters.protocol ? T1_WAITS : T0_WAITS));
}

static void ask_part(struct slot *s)
{
	three(s, 0, MESSAGE_CHAIN_NEXT);
	slot_send(s, STEP_APDU, MESSAGE_XFR_BLOCK,
		wait_for(s, 0, room(s), s->parameters.protocol ? T1_WAITS : T0_WAITS));
}

static void take_short(struct slot *s, const struct message *m)
{
	if (m->data.len > SHORT_ANSWER_MAX) {
		slot_lose(s, SLOT_BROKEN);
		return;
	}
	slot_transfer_answer(s, m->data);
}

/* A part of an answer in several messages (§6.2.1). */
static void take_part(struct slot *s, const struct message *m)
{
	bool begun = s->answer.len > 0;
	bool more = m->last == MESSAGE_CHAIN_BEGINS || m->last == MESSAGE_CHAIN_GOES_ON;
	bool first = m->last == MESSAGE_CHAIN_BEGINS || m->last == MESSAGE_CHAIN_WHOLE;

	if (m->last > MESSAGE_CHAIN_GOES_ON || first == begun || (more && m->data.len == 0) ||
		s->answer.len + m->data.len > SLOT_ANSWER_MAX) {
		slot_lose(s, SLOT_LIED);
	} else if (more) {
		buf_put_view(&s->answer, m->data);
		ask_part(s);
	} else {
		slot_transfer_answer(s, m->data);
	}
}

static void take_apdu(struct slot *s, const struct message *m)
{
	struct slot_steps *st = s->steps;

	if (m->command == MESSAGE_COMMAND_FAILED) {
		slot_lose(s, slot_fails(m));
	} else if (s->reader->level == CCID_LEVEL_SHORT_APDU) {
		take_short(s, m);
	} else if (st->sent == st->command.len) {
		take_part(s, m);
	} else if (m->last == MESSAGE_CHAIN_NEXT && m->data.len == 0) {
		send_part(s);
	} else {
		slot_lose(s, SLOT_LIED);
	}
}

/* -- the way in ---------------------------------------------------------------------------- */

/* CLA INS P1 P2 00 and two bytes of length, at least (ISO/IEC 7816-4:2020 §5.2). */
static bool is_extended(struct view command)
{
	struct reader r = reader_of(command);

	(void)reader_u32(&r);
	return reader_u8(&r) == 0 && r.left >= 2;
}

static void start_tpdu(struct slot *s)
{
	struct slot_steps *st = s->steps;
	int r;

	if (s->parameters.protocol == 1) {
		step_t1(s, T1_BLOCK, t1_begin(&s->t1, buf_view(&st->command), &st->data));
		return;
	}
	r = t0_begin(&s->t0, buf_view(&st->command), T0_TPDU, &st->data);
	if (r == T0_BROKEN) {
		slot_finish(s, SLOT_UNABLE);
		return;
	}
	step_t0(s, r);
}

void slot_transfer_start(struct slot *s)
{
	struct slot_steps *st = s->steps;

	st->extended_apdu = is_extended(buf_view(&st->command));
	if (buf_check(&st->command) == -ENOMEM) {
		slot_finish(s, SLOT_FAILED);
		return;
	}
	if (st->command.len < COMMAND_MIN) { /* and one that is too long is not there at all */
		slot_finish(s, SLOT_UNABLE);
		return;
	}
	switch (s->reader->level) {
	case CCID_LEVEL_CHARACTER:
	case CCID_LEVEL_TPDU:
		start_tpdu(s);
		break;
	case CCID_LEVEL_SHORT_APDU:
		if (st->extended_apdu || st->command.len > SHORT_COMMAND_MAX) {
			slot_finish(s, SLOT_UNABLE);
			break;
		}
		send_part(s);
		break;
	case CCID_LEVEL_EXTENDED_APDU:
		send_part(s);
		break;
	}
}

void slot_transfer_take(struct slot *s, const struct message *m)
{
	if (s->steps->step == STEP_APDU) {
		take_apdu(s, m);
	} else if (s->steps->step == STEP_T0) {
		take_t0(s, m);
	} else {
		take_t1(s, m);
	}
}
