/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The structures of PC/SC part 10, checked field by field, and the command made of them and of
 * the digits. Owns the digits until the entry ends. What a reader could not do it refuses
 * (6B80); it never guesses.
 */
#include "drivers/sim/keypad.h"

#include <string.h>

enum {
	HEADER = 5, /* CLA INS P1 P2 Lc */
	FORMAT_BYTES = 0x80,
	FORMAT_RIGHT = 0x04,
	ENCODING_BINARY = 0,
	ENCODING_BCD = 1,
	ENCODING_ASCII = 2,
	LENGTH_BYTES = 0x10,
	LENGTH_RFU = 0xE0,
	CONFIRM_AGAIN = 0x01,
	CONFIRM_CURRENT = 0x02,
	CONDITIONS = 0x07, /* all digits, the confirm key, time */
	MESSAGES_DEFAULT = 0xFF,
	BITS = 8,
};

void keypad_init(struct keypad *k, bool fitted)
{
	*k = (struct keypad){
		.fitted = fitted, .entry = {.command = BUF_NULL(KEYPAD_COMMAND_MAX)}};
}

void keypad_done(struct keypad *k)
{
	buf_done(&k->entry.command);
	wipe(k->codes, sizeof(k->codes));
	keypad_init(k, k->fitted);
}

/* -- checking ------------------------------------------------------------------------------ */

static unsigned take_u16(struct reader *r)
{
	unsigned low = reader_u8(r);

	return low | (unsigned)reader_u8(r) << 8;
}

static size_t take_u32(struct reader *r)
{
	size_t low = take_u16(r);

	return low | (size_t)take_u16(r) << 16;
}

/* bmFormatString, bmPINBlockString, bmPINLengthFormat. Return: whether this reader can do
 * that. */
static bool take_format(struct reader *r, struct keypad_entry *e)
{
	uint8_t format = reader_u8(r), block = reader_u8(r), length = reader_u8(r);
	size_t at = (format >> 3) & 0x0F;

	e->encoding = format & 0x03;
	e->right = format & FORMAT_RIGHT;
	e->block = block & 0x0F;
	e->length_bits = block >> 4;
	e->length_at = length & 0x0F;
	if (length & LENGTH_BYTES)
		e->length_at *= BITS;
	e->digits_at = format & FORMAT_BYTES ? at : at / BITS;
	return e->encoding <= ENCODING_ASCII && (format & FORMAT_BYTES || at % BITS == 0) &&
	       !(length & LENGTH_RFU) && (!e->right || e->block > 0) &&
	       (e->length_bits == 0 || e->length_bits == 4 || e->length_bits == BITS) &&
	       (e->length_bits == 0 || e->length_at % e->length_bits == 0);
}

/* wPINMaxExtraDigit */
static bool take_digits(struct reader *r, struct keypad_entry *e)
{
	unsigned digits = take_u16(r);

	e->min = (uint8_t)(digits >> 8);
	e->max = digits & 0xFF;
	return e->min >= KEYPAD_DIGITS_MIN && e->min <= e->max && e->max <= KEYPAD_DIGITS_MAX;
}

/* bConfirmPIN, of modify only */
static bool take_confirm(struct reader *r, struct keypad_entry *e)
{
	uint8_t confirm = e->modify ? reader_u8(r) : 0;

	e->asks_again = confirm & CONFIRM_AGAIN;
	e->asks_current = confirm & CONFIRM_CURRENT;
	return confirm <= (CONFIRM_AGAIN | CONFIRM_CURRENT);
}

/* bEntryValidationCondition, bNumberMessage and what is shown: as many messages as codes, at
 * most */
static bool take_prompts(struct reader *r, const struct keypad_entry *e)
{
	uint8_t condition = reader_u8(r), messages = reader_u8(r);
	unsigned most = e->modify ? 1U + e->asks_current + e->asks_again : 1U;

	reader_take(r, 2);				  /* wLangId: this reader speaks none */
	reader_take(r, e->modify ? KEYPAD_CODES_MAX : 1); /* bMsgIndex */
	reader_take(r, 3); /* bTeoPrologue: the reader makes its own blocks */
	return condition != 0 && condition <= CONDITIONS &&
	       (messages <= most || messages == MESSAGES_DEFAULT);
}

/* Commands that carry a code; another one would be a way to send digits in the clear. */
static bool is_code_command(struct view command)
{
	struct reader r = reader_of(command);
	uint8_t ins;

	reader_u8(&r);
	ins = reader_u8(&r);
	reader_take(&r, HEADER - 2);
	return !r.failed && (ins == 0x20 || ins == 0x24 || ins == 0x2C);
}

static int parse(struct keypad_entry *e, struct view structure)
{
	struct reader r = reader_of(structure);
	bool good;
	size_t len;

	e->timeout_s = reader_u8(&r);
	if (e->timeout_s == 0)
		e->timeout_s = KEYPAD_TIMEOUT;
	reader_u8(&r); /* bTimerOut2 is not supported: the properties say 0 */
	good = take_format(&r, e);
	if (e->modify) {
		e->current_at = reader_u8(&r);
		e->new_at = reader_u8(&r);
	}
	good = take_digits(&r, e) && good;
	good = take_confirm(&r, e) && good;
	good = take_prompts(&r, e) && good;
	len = take_u32(&r);
	if (r.failed || !good || len != r.left || len > KEYPAD_COMMAND_MAX ||
		!is_code_command(reader_rest(&r)))
		return KEYPAD_INVALID;
	buf_put_view(&e->command, view_last(structure, len));
	return trace(buf_check(&e->command));
}

int keypad_begin(struct keypad *k, enum keypad_feature feature, struct view structure)
{
	int r;

	buf_done(&k->entry.command);
	k->entry = (struct keypad_entry){
		.modify = feature == KEYPAD_MODIFY, .command = BUF_NULL(KEYPAD_COMMAND_MAX)};
	r = parse(&k->entry, structure);
	if (r)
		keypad_done(k);
	k->asking = r == 0;
	return r;
}

/* -- typing -------------------------------------------------------------------------------- */

int keypad_type(struct keypad *k, const char *digits)
{
	size_t len = strlen(digits);

	if (len == 0 || len > KEYPAD_DIGITS_MAX || strspn(digits, "0123456789") != len)
		return KEYPAD_NO_CODE;
	if (k->typed == KEYPAD_CODES_MAX ||
		view_copy_str(view_str(digits), k->codes[k->typed], sizeof(k->codes[0])))
		return KEYPAD_FULL;
	k->typed++;
	return 0;
}

unsigned keypad_missing(const struct keypad *k)
{
	unsigned all = 1U + k->entry.asks_current + k->entry.asks_again;

	return k->asking && k->typed < all ? all - k->typed : 0;
}

/* -- making the command -------------------------------------------------------------------- */

/* The digits as bytes; of BCD's last byte the low half is what the template has there, F
 * without. */
static void encode(const struct keypad_entry *e, const char *code, struct buf *out)
{
	size_t step = e->encoding == ENCODING_BCD ? 2 : 1;

	for (size_t i = 0; code[i]; i += step) {
		uint8_t digit = (uint8_t)(code[i] - '0');
		uint8_t next = code[i + 1] ? (uint8_t)(code[i + 1] - '0') : 0x0F;

		if (e->encoding == ENCODING_ASCII)
			buf_put_u8(out, (uint8_t)code[i]);
		else if (e->encoding == ENCODING_BINARY)
			buf_put_u8(out, digit);
		else
			buf_put_u8(out, (uint8_t)(digit << 4 | next));
		if (!code[i + 1])
			return;
	}
}

/* @bytes over those of @command from @at on; only where @grows it may become longer. */
static bool lay(struct buf *command, size_t at, struct view bytes, bool grows)
{
	_cleanup_(buf_done) struct buf after = BUF_NULL(KEYPAD_COMMAND_MAX);
	size_t end = at + bytes.len;

	if (at > command->len || (end > command->len && !grows))
		return false;
	buf_put_view(&after, view_sub(buf_view(command), end, KEYPAD_COMMAND_MAX));
	buf_truncate(command, at);
	buf_put_view(command, bytes);
	buf_put_view(command, buf_view(&after));
	return true;
}

/* The number of digits into the half byte, or byte, that the structure names. */
static bool lay_length(
	const struct keypad_entry *e, struct buf *command, size_t block_at, size_t digits)
{
	struct reader r =
		reader_of(view_sub(buf_view(command), block_at + e->length_at / BITS, 1));
	uint8_t there = reader_u8(&r), now = (uint8_t)digits;

	if (e->length_bits == 0)
		return true;
	if (e->length_bits == 4 && e->length_at % BITS == 0)
		now = (uint8_t)((there & 0x0F) | (uint8_t)digits << 4);
	else if (e->length_bits == 4)
		now = (uint8_t)((there & 0xF0) | (uint8_t)digits);
	return !r.failed &&
	       lay(command, block_at + e->length_at / BITS, view_of(&now, 1), false);
}

static bool lay_code(
	const struct keypad_entry *e, struct buf *command, size_t data_at, const char *code)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(KEYPAD_DIGITS_MAX);
	size_t at = HEADER + data_at + e->digits_at;

	encode(e, code, &bytes);
	if (e->block > 0 && bytes.len > e->block)
		return false;
	if (e->block > 0 && at + e->block > command->len)
		return false;
	if (e->right)
		at += e->block - bytes.len;
	return lay(command, at, buf_view(&bytes), e->block == 0) &&
	       lay_length(e, command, HEADER + data_at, strlen(code));
}

/* Lc follows what a block without a size made of the data. */
static void count_data(struct buf *command)
{
	uint8_t lc = (uint8_t)(command->len - HEADER);

	(void)lay(command, HEADER - 1, view_of(&lc, 1), false);
}

static uint16_t check_codes(const struct keypad *k, unsigned n)
{
	const struct keypad_entry *e = &k->entry;

	for (unsigned i = 0; i < n; i++) {
		size_t len = strlen(k->codes[i]);

		if (len < e->min || len > e->max)
			return KEYPAD_SW_LENGTH;
	}
	if (e->asks_again && strcmp(k->codes[n - 1], k->codes[n - 2]) != 0)
		return KEYPAD_SW_DIFFER;
	return 0;
}

static uint16_t make(const struct keypad *k, struct buf *command)
{
	const struct keypad_entry *e = &k->entry;
	unsigned n = 1U + e->asks_current + e->asks_again;
	uint16_t sw = check_codes(k, n);
	bool good = true;

	if (sw)
		return sw;
	buf_put_view(command, buf_view(&e->command));
	if (e->asks_current)
		good = lay_code(e, command, e->current_at, k->codes[0]);
	good = good &&
	       lay_code(e, command, e->modify ? e->new_at : 0, k->codes[e->asks_current]);
	if (!good || command->len > KEYPAD_COMMAND_MAX - 1) {
		buf_reset(command);
		return KEYPAD_SW_PARAMETER;
	}
	if (e->block == 0)
		count_data(command);
	return 0;
}

int keypad_finish(struct keypad *k, uint16_t *ret_sw, struct buf *command)
{
	uint16_t sw = 0;
	int r;

	buf_reset(command);
	if (k->answer == KEYPAD_ANSWER_NONE && keypad_missing(k) > 0)
		return KEYPAD_WAITS;
	if (k->answer == KEYPAD_ANSWER_CANCEL)
		sw = KEYPAD_SW_CANCELLED;
	else if (k->answer == KEYPAD_ANSWER_LATE)
		sw = KEYPAD_SW_LATE;
	else
		sw = make(k, command);
	keypad_done(k);
	r = buf_check(command);
	if (r)
		return trace(r);
	*ret_sw = sw;
	return 0;
}

/* -- properties ---------------------------------------------------------------------------- */

bool keypad_properties(enum keypad_feature feature, struct buf *out)
{
	/* wLcdLayout: two lines of 16; bEntryValidationCondition: any; bTimeOut2: none */
	static const uint8_t properties[] = {0x10, 0x02, CONDITIONS, 0x00};
	/* PC/SC part 10 §2.6.14: the same, characters and lines of the display, digits of a code,
	 * "vitale-sim", no pseudo-APDU, short APDUs only, the vendor and product of the bed's bus */
	static const uint8_t tlv[] = {0x01, 2, 0x10, 0x02, 0x02, 1, CONDITIONS, 0x03, 1, 0x00,
		0x04, 2, 0x10, 0x00, 0x05, 2, 0x02, 0x00, 0x06, 1, KEYPAD_DIGITS_MIN, 0x07, 1,
		KEYPAD_DIGITS_MAX, 0x08, 10, 'v', 'i', 't', 'a', 'l', 'e', '-', 's', 'i', 'm',
		0x09, 1, 0x00, 0x0A, 4, 0x00, 0x00, 0x00, 0x00, 0x0B, 2, 0xFF, 0xFF, 0x0C, 2,
		0x01, 0x86};

	if (feature == KEYPAD_PROPERTIES)
		buf_put_view(out, VIEW(properties));
	else if (feature == KEYPAD_TLV_PROPERTIES)
		buf_put_view(out, VIEW(tlv));
	else
		return false;
	return true;
}
