/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Structures of PC/SC part 10 for a reader's keypad. The entry ends by the validation key wherever
 * the reader knows it: a last digit mistyped can still be corrected, and no try of the card is lost.
 * The reader gets 30 s for the first key and 30 s more; it tells cancel, time-out and wrong length
 * by words of its own, which mean that the card was asked nothing.
 */
#include "drivers/reader/pinpad.h"

#include <string.h>

#include "base/clock.h"

#define FEATURE_VERIFY	   0x06U /* FEATURE_VERIFY_PIN_DIRECT, part 10 §2.3 */
#define FEATURE_MODIFY	   0x07U /* FEATURE_MODIFY_PIN_DIRECT */
#define FEATURE_PROPERTIES 0x0AU /* FEATURE_IFD_PIN_PROPERTIES */
#define FEATURE_TLV	   0x12U /* FEATURE_GET_TLV_PROPERTIES */

#define PROPERTY_LCD	    1U /* wLcdLayout, 0: no display */
#define PROPERTY_VALIDATION 2U /* bEntryValidationCondition */
#define PROPERTY_MIN	    6U /* bMinPINSize */
#define PROPERTY_MAX	    7U /* bMaxPINSize */

#define END_FULL 0x01U /* as many digits as there can be */
#define END_KEY	 0x02U /* the validation key */

#define FORMAT_ASCII_LEFT 0x82U /* units are bytes, left justified, ASCII */
#define CONFIRM_NEW	  0x01U /* bConfirmPIN: the new code is typed twice */
#define CONFIRM_OLD	  0x02U /* the current code is asked for */
#define NO_OFFSET	  0xFFU /* struct transport_pin: no code is typed there */
#define AS_ANYBODY	  0xFFU
#define FRENCH		  0x040CU
#define SECONDS		  (TRANSPORT_KEYS_USEC / USEC_PER_SEC)
#define HEADER		  5U /* CLA INS P1 P2 Lc */

/*
 * Sources: the per-reader corrections of libccid 1.5 (SecurePINVerify, SecurePINModify) and its list
 * of names. libccid makes them too; here they serve where another driver does not, and making them
 * twice changes nothing. What is not so (the swapped digits of Dell's SK-3106) is left to libccid.
 */
static const struct pinpad_quirk quirks[] = {
	/* refuse 0 and 255 messages, and every end of an entry but the key; digits only 4..8 */
	{"GemPCPinpad", 1, 3, 4, 8, true, 0},
	{"GemPC Pinpad", 1, 3, 4, 8, true, 0},
	{"VEGA-ALPHA", 1, 3, 4, 8, true, 0},
	/* refuse every number of messages but 0; the Enter key that started it is still down */
	{"Dell keyboard", 0, 0, 0, 0, false, 250},
	{"Dell Smart Card Reader Keyboard", 0, 0, 0, 0, false, 250},
	/* a wrong condition makes the reader crash; all three message numbers must be there */
	{"Cherry GmbH SmartBoard XX44", AS_ANYBODY, 3, 0, 0, true, 0},
	{"Cherry GmbH SmartTerminal XX44", AS_ANYBODY, 3, 0, 0, true, 0},
	{"Cherry SmartTerminal XX44", AS_ANYBODY, 3, 0, 0, true, 0},
	{"SmartTerminal ST-2", AS_ANYBODY, 3, 0, 0, true, 0},
	{"SPR 532", AS_ANYBODY, 3, 0, 0, true, 0},
};

static void put_u16_le(struct buf *b, uint16_t v)
{
	buf_put_u8(b, (uint8_t)v);
	buf_put_u8(b, (uint8_t)(v >> 8));
}

static uint16_t u16_le(struct reader *r)
{
	uint16_t low = reader_u8(r);

	return (uint16_t)(low | reader_u8(r) << 8);
}

/* -- what the reader can do ---------------------------------------------------------------------- */

static const struct pinpad_quirk *quirk_of(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(quirks); i++) {
		if (strstr(name, quirks[i].name)) {
			return &quirks[i];
		}
	}
	return NULL;
}

int pinpad_features(struct view list, const char *name, struct pinpad *ret_p)
{
	struct pinpad p = {.quirk = quirk_of(name)};
	struct reader r = reader_of(list);

	while (r.left > 0) {
		uint8_t tag = reader_u8(&r);
		struct reader value = reader_of(reader_take(&r, reader_u8(&r)));
		uint32_t code = reader_u32(&value);

		if (r.failed || value.failed || value.left > 0) {
			return PINPAD_BROKEN;
		}
		if (tag == FEATURE_VERIFY) {
			p.verify = code;
		} else if (tag == FEATURE_MODIFY) {
			p.modify = code;
		} else if (tag == FEATURE_PROPERTIES) {
			p.properties = code;
		} else if (tag == FEATURE_TLV) {
			p.tlv = code;
		}
	}
	if (p.quirk) {
		p.min = p.quirk->min;
		p.max = p.quirk->max;
	}
	*ret_p = p;
	return 0;
}

void pinpad_properties(struct pinpad *p, struct view answer)
{
	struct reader r = reader_of(answer);
	uint16_t layout = u16_le(&r);
	uint8_t validation = reader_u8(&r);

	(void)reader_u8(&r); /* bTimeOut2: whether it heeds the second time; harmless if not */
	if (r.failed || r.left > 0) {
		return;
	}
	p->display_known = true;
	p->display = layout != 0;
	p->validation = validation;
}

/* A quirk knows better than what the reader says of itself. */
static void take_digits(uint8_t *to, const struct pinpad *p, uint8_t value)
{
	if (!p->quirk || p->quirk->min == 0) {
		*to = value;
	}
}

static void take_property(struct pinpad *p, uint8_t tag, struct view value)
{
	struct reader r = reader_of(value);

	if (tag == PROPERTY_LCD && value.len == 2) {
		p->display_known = true;
		p->display = u16_le(&r) != 0;
	} else if (tag == PROPERTY_VALIDATION && value.len == 1) {
		p->validation = reader_u8(&r);
	} else if (tag == PROPERTY_MIN && value.len == 1) {
		take_digits(&p->min, p, reader_u8(&r));
	} else if (tag == PROPERTY_MAX && value.len == 1) {
		take_digits(&p->max, p, reader_u8(&r));
	}
}

void pinpad_tlv(struct pinpad *p, struct view answer)
{
	struct reader r = reader_of(answer);

	while (r.left > 0) {
		uint8_t tag = reader_u8(&r);
		struct view value = reader_take(&r, reader_u8(&r));

		if (r.failed) {
			return;
		}
		take_property(p, tag, value);
	}
}

uint8_t pinpad_can(const struct pinpad *p)
{
	return (uint8_t)((p->verify ? TRANSPORT_PINPAD_VERIFY : 0U) |
			 (p->modify ? TRANSPORT_PINPAD_MODIFY : 0U));
}

/* -- asking it ------------------------------------------------------------------------------------ */

static bool takes(const struct pinpad *p, uint8_t digits)
{
	return digits > 0 && digits >= p->min && (p->max == 0 || digits <= p->max);
}

static uint8_t end_of_entry(const struct pinpad *p)
{
	bool key = (p->quirk && p->quirk->key_only) || p->validation == 0 ||
		   (p->validation & END_KEY);

	return key ? END_KEY : END_FULL;
}

/* How many messages: @all of a reader with a display, none without. */
static uint8_t messages(const struct pinpad *p, uint8_t all)
{
	uint8_t wanted = AS_ANYBODY;

	if (p->quirk) {
		wanted = all == 1 ? p->quirk->verify_messages : p->quirk->modify_messages;
	}
	if (wanted != AS_ANYBODY) {
		return wanted;
	}
	return p->display_known && !p->display ? 0 : all;
}

static void put_command(struct view command, struct buf *out)
{
	put_u16_le(out, (uint16_t)command.len);
	put_u16_le(out, 0);
	buf_put_view(out, command);
}

/* PIN_VERIFY_STRUCTURE:
 *
 *    0        1         2       3      4       5..6       7    8         9..10     11     12..14
 *  +--------+---------+-------+------+-------+----------+----+---------+---------+------+--------+
 *  | time 1 | time 2  | form  | size | where | max, min | end| messages| language| index| T=1: 0 |
 *  +--------+---------+-------+------+-------+----------+----+---------+---------+------+--------+
 *    15..18  length of the command     19..  the command
 */
static void build_verify(
	const struct pinpad *p, const struct transport_pin *pin, struct buf *out)
{
	buf_put_u8(out, SECONDS);
	buf_put_u8(out, SECONDS);
	buf_put_u8(out, FORMAT_ASCII_LEFT);
	buf_put_u8(out, pin->digits); /* the block: no place for a length in it */
	buf_put_u8(out, 0);
	buf_put_u8(out, pin->digits);
	buf_put_u8(out, pin->digits);
	buf_put_u8(out, end_of_entry(p));
	buf_put_u8(out, messages(p, 1));
	put_u16_le(out, FRENCH);
	buf_put_u8(out, 0);
	buf_put(out, "\0\0", 3);
	put_command(pin->command, out);
}

/* PIN_MODIFY_STRUCTURE: as above, with the offsets of both codes before the digits, bConfirmPIN
 * behind them, and three message numbers. One range of digits serves both codes: where they differ
 * (PUK of 8, PIN of 4) it spans both, the block has no size of its own, and a wrong length is
 * the card's to refuse. */
static void build_modify(
	const struct pinpad *p, const struct transport_pin *pin, struct buf *out)
{
	bool old = pin->old_at != NO_OFFSET;
	uint8_t first = old ? pin->digits : pin->new_digits;
	uint8_t min = first < pin->new_digits ? first : pin->new_digits;
	uint8_t max = first < pin->new_digits ? pin->new_digits : first;

	buf_put_u8(out, SECONDS);
	buf_put_u8(out, SECONDS);
	buf_put_u8(out, FORMAT_ASCII_LEFT);
	buf_put_u8(out, min == max ? max : 0);
	buf_put_u8(out, 0);
	buf_put_u8(out, old ? pin->old_at : 0);
	buf_put_u8(out, pin->new_at);
	buf_put_u8(out, max);
	buf_put_u8(out, min);
	buf_put_u8(out, (uint8_t)(CONFIRM_NEW | (old ? CONFIRM_OLD : 0U)));
	buf_put_u8(out, end_of_entry(p));
	buf_put_u8(out, messages(p, old ? 3 : 2));
	put_u16_le(out, FRENCH);
	for (uint8_t message = 0; message < 3; message++) {
		buf_put_u8(out, message);
	}
	buf_put(out, "\0\0", 3);
	put_command(pin->command, out);
}

/* Whether @digits at @at of the data lie inside the command. */
static bool inside(const struct transport_pin *pin, uint8_t at, uint8_t digits)
{
	return pin->command.len >= HEADER + (size_t)at + digits;
}

int pinpad_build(const struct pinpad *p, const struct transport_pin *pin, struct buf *out,
	uint32_t *ret_code)
{
	bool modify = pin->new_digits > 0;
	bool old = !modify || pin->old_at != NO_OFFSET;
	uint32_t code = modify ? p->modify : p->verify;

	if (code == 0 || pin->command.len > PINPAD_STRUCTURE_MAX - 24U) {
		return TRANSPORT_NO_PINPAD;
	}
	if (old && (!takes(p, pin->digits) ||
			   !inside(pin, modify ? pin->old_at : 0, pin->digits))) {
		return TRANSPORT_NO_PINPAD;
	}
	if (modify &&
		(!takes(p, pin->new_digits) || !inside(pin, pin->new_at, pin->new_digits))) {
		return TRANSPORT_NO_PINPAD;
	}
	if (modify) {
		build_modify(p, pin, out);
	} else {
		build_verify(p, pin, out);
	}
	*ret_code = code;
	return 0;
}

int pinpad_answer(struct view answer)
{
	static const struct {
		uint16_t sw;
		int outcome;
	} words[] = {
		{0x6400, TRANSPORT_LATE}, {0x6401, TRANSPORT_CANCELLED},
		{0x6402, TRANSPORT_REFUSED},   /* the new code and its confirmation differ */
		{0x6403, TRANSPORT_REFUSED},   /* too few or too many digits */
		{0x6480, TRANSPORT_CANCELLED}, /* ended by FEATURE_ABORT */
		{0x6B80,
			TRANSPORT_NO_PINPAD}, /* the structure has a parameter it does not take */
	};
	struct reader r = reader_of(answer);
	uint16_t sw = reader_u16(&r);

	for (size_t i = 0; i < ARRAY_LEN(words) && answer.len == 2; i++) {
		if (words[i].sw == sw) {
			return words[i].outcome;
		}
	}
	return 0;
}
