/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Codes on the reader's keys (PC_to_RDR_Secure, CCID 1.1 §6.1.11): ASCII digits, left
 * justified, in a block of their own length, as drivers/reader/pinpad.c asks for them by PC/SC.
 * The reader gets 30 s for an entry, which the validation key ends: a last digit mistyped can
 * still be corrected, and no try of the card is lost. With T=1 at the level of TPDUs the
 * prologue of the block is ours, its checksum the reader's.
 */
#include "drivers/usb/slot-steps.h"

#define OPERATION_VERIFY  0x00U
#define OPERATION_MODIFY  0x01U
#define SECONDS		  30U
#define FORMAT_ASCII_LEFT 0x82U /* units are bytes, left justified, ASCII */
#define END_KEY		  0x02U /* the validation key ends an entry */
#define CONFIRM_NEW	  0x01U /* bConfirmPIN: the new code is typed twice */
#define CONFIRM_OLD	  0x02U /* the current code is asked for */
#define DIGITS_MAX	  15U	/* the size of a block stands in four bits (bmPINBlockString) */
#define FIRST_OF_READER	  0x80U /* bError below: the byte of our message that is at fault */
#define NO_OFFSET	  0xFFU /* struct slot_pin: no code is typed there */
#define FRENCH		  0x040CU
#define HEADER		  5U /* CLA INS P1 P2 Lc */
#define COMMAND_MAX	  260U
#define STATUS_WORD	  2U
#define PCB_SEQUENCE	  6U /* N(S) stands in bit 6 */
#define PCB_MORE	  0x20U

static void put_u16_le(struct buf *b, uint16_t v)
{
	buf_put_u8(b, (uint8_t)v);
	buf_put_u8(b, (uint8_t)(v >> 8));
}

/* Whether the blocks of T=1 are ours. */
static bool in_blocks(const struct slot *s)
{
	return s->parameters.protocol == 1 && s->reader->level < CCID_LEVEL_SHORT_APDU;
}

static void put_command(struct slot *s, struct view command)
{
	struct buf *out = &s->steps->data;

	if (in_blocks(s)) {
		buf_put_u8(out, s->t1.nad);
		buf_put_u8(out, (uint8_t)(s->t1.ns << PCB_SEQUENCE));
		buf_put_u8(out, (uint8_t)command.len);
	} else {
		buf_put(out, "\0\0", 3);
	}
	buf_put_view(out, command);
}

/*    0           1      2      3       4       5, 6       7
 *  +-----------+------+------+-------+-------+----------+-----+
 *  | operation | time | form | block | where | max, min | end |
 *  +-----------+------+------+-------+-------+----------+-----+
 *    8          9, 10      11      12..14     15..
 *  +----------+----------+-------+----------+---------+
 *  | messages | language | index | prologue | command |
 *  +----------+----------+-------+----------+---------+
 */
static void put_verify(struct slot *s, const struct slot_pin *pin)
{
	struct buf *out = &s->steps->data;

	buf_put_u8(out, OPERATION_VERIFY);
	buf_put_u8(out, SECONDS);
	buf_put_u8(out, FORMAT_ASCII_LEFT);
	buf_put_u8(out, pin->digits); /* the block: no place for a length in it */
	buf_put_u8(out, 0);
	buf_put_u8(out, pin->digits);
	buf_put_u8(out, pin->digits);
	buf_put_u8(out, END_KEY);
	buf_put_u8(out, s->reader->display ? 1 : 0);
	put_u16_le(out, FRENCH);
	buf_put_u8(out, 0);
	put_command(s, pin->command);
}

/* The same with the offsets of both codes before the digits, bConfirmPIN behind them, and as
 * many indexes of messages as there are messages, at least one. One range of digits serves both
 * codes: where they differ (PUK of 8, PIN of 4) it spans both, the block has no size of its
 * own, and a wrong length is the card's to refuse. */
static void put_modify(struct slot *s, const struct slot_pin *pin)
{
	struct buf *out = &s->steps->data;
	bool old = pin->old_at != NO_OFFSET;
	uint8_t first = old ? pin->digits : pin->new_digits;
	uint8_t min = first < pin->new_digits ? first : pin->new_digits;
	uint8_t max = first < pin->new_digits ? pin->new_digits : first;
	uint8_t messages = s->reader->display ? old ? 3 : 2 : 0;

	buf_put_u8(out, OPERATION_MODIFY);
	buf_put_u8(out, SECONDS);
	buf_put_u8(out, FORMAT_ASCII_LEFT);
	buf_put_u8(out, min == max ? max : 0);
	buf_put_u8(out, 0);
	buf_put_u8(out, old ? pin->old_at : 0);
	buf_put_u8(out, pin->new_at);
	buf_put_u8(out, max);
	buf_put_u8(out, min);
	buf_put_u8(out, (uint8_t)(CONFIRM_NEW | (old ? CONFIRM_OLD : 0U)));
	buf_put_u8(out, END_KEY);
	buf_put_u8(out, messages);
	put_u16_le(out, FRENCH);
	for (uint8_t index = 0; index == 0 || index < messages; index++) {
		buf_put_u8(out, index);
	}
	put_command(s, pin->command);
}

/* Whether @digits at @at of the data lie inside the command. */
static bool inside(const struct slot_pin *pin, uint8_t at, uint8_t digits)
{
	return digits > 0 && digits <= DIGITS_MAX &&
	       pin->command.len >= HEADER + (size_t)at + digits;
}

static bool can(const struct slot *s, const struct slot_pin *pin)
{
	bool modify = pin->new_digits > 0;
	bool old = !modify || pin->old_at != NO_OFFSET;
	size_t most = in_blocks(s) ? s->t1.ifsc : COMMAND_MAX;

	if (!(s->reader->pin & (modify ? CCID_PIN_MODIFY : CCID_PIN_VERIFY)) ||
		pin->command.len > most) {
		return false;
	}
	return (!old || inside(pin, modify ? pin->old_at : 0, pin->digits)) &&
	       (!modify || inside(pin, pin->new_at, pin->new_digits));
}

void slot_pin_start(struct slot *s, const struct slot_pin *pin)
{
	if (!can(s, pin)) {
		slot_finish(s, SLOT_NO_KEYPAD);
		return;
	}
	if (pin->new_digits > 0) {
		put_modify(s, pin);
	} else {
		put_verify(s, pin);
	}
	s->steps->three[0] = s->steps->three[1] = s->steps->three[2] = 0;
	slot_send(s, STEP_SECURE, MESSAGE_SECURE, SLOT_KEYS_USEC);
}

/* Some readers tell in place of the card's status word what came of the entry (PC/SC part 10
 * §2.5): the card was asked nothing. Return: SLOT_DONE: it is the card's. */
static enum slot_end word_of(struct view answer)
{
	static const struct {
		uint16_t sw;
		enum slot_end end;
	} words[] = {
		{0x6400, SLOT_LATE}, {0x6401, SLOT_CANCELLED},
		{0x6402, SLOT_REFUSED}, /* the new code and its confirmation differ */
		{0x6403, SLOT_REFUSED}, /* too few or too many digits */
		{0x6480, SLOT_CANCELLED},
		{0x6B80, SLOT_NO_KEYPAD}, /* a parameter that it does not take */
	};
	struct reader r = reader_of(answer);
	uint16_t sw = reader_u16(&r);

	for (size_t i = 0; i < ARRAY_LEN(words) && answer.len == STATUS_WORD; i++) {
		if (words[i].sw == sw) {
			return words[i].end;
		}
	}
	return SLOT_DONE;
}

/* One block each way; a card that answers otherwise is out of step with us. */
static void take_block(struct slot *s, struct view bytes)
{
	struct t1_block b;

	if (t1_block_parse(bytes, s->t1.crc, &b) != 0 || b.kind != T1_I || (b.pcb & PCB_MORE) ||
		(b.pcb >> PCB_SEQUENCE & 1) != s->t1.nr) {
		slot_lose(s, SLOT_BROKEN);
		return;
	}
	s->t1.ns ^= 1;
	s->t1.nr ^= 1;
	slot_transfer_answer(s, b.inf);
}

/* What a reader without an answer says of the entry. */
static enum slot_end entry_fails(const struct message *m)
{
	if (m->icc == MESSAGE_ICC_ABSENT) {
		return SLOT_EMPTY;
	}
	if (m->error == MESSAGE_ERROR_CANCELLED || m->error == MESSAGE_ERROR_ABORTED) {
		return SLOT_CANCELLED;
	}
	if (m->error == MESSAGE_ERROR_PIN_TIMEOUT) {
		return SLOT_LATE;
	}
	if (m->error < FIRST_OF_READER && m->error != MESSAGE_ERROR_SLOT) {
		return SLOT_NO_KEYPAD;
	}
	return slot_fails(m);
}

bool slot_pin_untouched(const struct message *m)
{
	enum slot_end end = m->command == MESSAGE_COMMAND_FAILED ? entry_fails(m) : SLOT_DONE;

	return end == SLOT_CANCELLED || end == SLOT_LATE;
}

void slot_pin_take(struct slot *s, const struct message *m)
{
	enum slot_end end;

	if (m->command == MESSAGE_COMMAND_FAILED) {
		end = entry_fails(m);
		if (end == SLOT_CANCELLED || end == SLOT_LATE || end == SLOT_NO_KEYPAD) {
			slot_finish(s, end); /* the card was asked nothing */
		} else {
			slot_lose(s, end);
		}
		return;
	}
	end = word_of(m->data);
	if (end != SLOT_DONE) {
		slot_finish(s, end);
	} else if (in_blocks(s)) {
		take_block(s, m->data);
	} else {
		slot_transfer_answer(s, m->data);
	}
}
