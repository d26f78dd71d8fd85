/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Between a message and the card, by exchange level (CCID 1.1 §3.2): characters one by one as T=0 and T=1
 * have them (ISO/IEC 7816-3:2006 §10, §11), TPDUs, or whole APDUs, for which the reader does GET RESPONSE
 * and the repetition of a 6CXX (§12.2). The simulated cards take TPDUs (T=0) and short APDUs (T=1).
 *
 * At character level the card has to say, after the header, whether data goes in: which instructions take
 * data is in a table here.
 */
#include "drivers/sim/reader-link.h"
#include "drivers/usb/message.h"
#include "tests/usb/card.h"

#define GET_RESPONSE 0xC0

static enum ccid_level level_of(const struct bench_slot *s)
{
	return s->face->device->model->level;
}

static uint8_t byte_at(struct view v, size_t at)
{
	struct reader r = reader_of(view_sub(v, at, 1));

	return reader_u8(&r);
}

static void transmit(struct bench_slot *s, int step, struct view command)
{
	card_ask(s, step, READER_OP_TRANSMIT, command);
}

/* -- PPS (§9) --------------------------------------------------------------------------------------- */

static bool is_pps(const struct bench_slot *s, struct view v)
{
	size_t want = 3;

	if (s->settled || byte_at(v, 0) != 0xFF)
		return false;
	for (unsigned bit = 4; bit < 7; bit++)
		want += byte_at(v, 1) >> bit & 1;
	return v.len == want;
}

/* The card takes what it is asked for. */
static void pps(struct bench_slot *s, struct view request)
{
	uint8_t protocol = byte_at(request, 1) & 0x0F;

	s->settled = true;
	buf_reset(&s->answer);
	buf_put_view(&s->answer, request);
	rates_pps(s, request);
	if (protocol == s->protocol) {
		lines_pps_done(s);
		return;
	}
	s->protocol = protocol;
	card_ask(s, LINES_PPS, READER_OP_PROTOCOL, view_of(&protocol, 1));
}

/* -- what the host gets ------------------------------------------------------------------------------ */

/* An answer, in as many messages as the model makes of it (§6.2.1). */
static void give(struct bench_slot *s, struct view answer, bool first)
{
	const struct model *m = s->face->device->model;
	size_t most = m->part ? m->part : m->message - MESSAGE_HEADER;
	struct view part = view_sub(answer, s->given, most);
	bool last = s->given + part.len == answer.len;
	uint8_t chain = first ? MESSAGE_CHAIN_BEGINS : MESSAGE_CHAIN_GOES_ON;

	s->given += part.len;
	if (last)
		chain = first ? MESSAGE_CHAIN_WHOLE : MESSAGE_CHAIN_ENDS;
	ccid_reply(s, level_of(s) == CCID_LEVEL_EXTENDED_APDU ? chain : 0, part);
}

static void give_first(struct bench_slot *s)
{
	s->given = 0;
	give(s, buf_view(&s->answer), true);
}

/* Character level: as many as are asked for, as far as they are there. */
static void give_characters(struct bench_slot *s)
{
	_cleanup_(buf_done) struct buf now = BUF_NULL(DESCRIPTOR_MESSAGE_MAX);
	_cleanup_(buf_done) struct buf left = BUF_NULL(DESCRIPTOR_MESSAGE_MAX);

	buf_put_view(&now, view_sub(buf_view(&s->line), 0, s->wanted));
	buf_put_view(&left, view_sub(buf_view(&s->line), now.len, s->line.len));
	buf_reset(&s->line);
	buf_put_view(&s->line, buf_view(&left));
	ccid_reply(s, 0, buf_view(&now));
}

void lines_pps_done(struct bench_slot *s)
{
	if (level_of(s) != CCID_LEVEL_CHARACTER) {
		give_first(s);
		return;
	}
	buf_put_view(&s->line, buf_view(&s->answer));
	give_characters(s);
}

/* -- APDUs over T=0 (§12.2) --------------------------------------------------------------------------- */

static void begin_apdu(struct bench_slot *s)
{
	struct view c = buf_view(&s->command);
	size_t lc = byte_at(c, 4);

	if (s->protocol == 1) {
		transmit(s, LINES_TPDU, c);
		return;
	}
	buf_reset(&s->answer);
	if (c.len == 4)
		buf_put_u8(&s->command, 0);
	c = buf_view(&s->command);
	s->case_4 = c.len == 6 + lc && lc > 0;
	if (c.len < 5 || (c.len > 5 && c.len != 5 + lc && !s->case_4)) {
		ccid_fail(s, 10);
		return;
	}
	transmit(s, LINES_APDU, s->case_4 ? view_sub(c, 0, 5 + lc) : c);
}

static void apdu_answered(struct bench_slot *s, struct view answer)
{
	uint8_t sw1 = byte_at(view_last(answer, 2), 0), sw2 = byte_at(view_last(answer, 2), 1);
	struct view c = buf_view(&s->command);
	bool sends = c.len > 5;

	if (answer.len >= 2 && sw1 == 0x61 && (s->case_4 || !sends)) {
		uint8_t more[] = {byte_at(c, 0), GET_RESPONSE, 0, 0, sw2};

		buf_put_view(&s->answer, view_sub(answer, 0, answer.len - 2));
		transmit(s, LINES_APDU, view_of(more, sizeof(more)));
		return;
	}
	if (answer.len == 2 && sw1 == 0x6C && !sends && s->answer.len == 0 &&
		byte_at(c, 4) != sw2) {
		s->command.data[4] = sw2;
		transmit(s, LINES_APDU, buf_view(&s->command));
		return;
	}
	buf_put_view(&s->answer, answer);
	give_first(s);
}

/* Whether it has the lengths of a short APDU (ISO/IEC 7816-4:2020 §5.2). */
static bool is_short(struct view command)
{
	size_t lc = byte_at(command, 4);

	return command.len == 4 || command.len == 5 ||
	       (lc > 0 && (command.len == 5 + lc || command.len == 6 + lc));
}

static void ask_long(struct bench_slot *s)
{
	buf_reset(&s->answer);
	long_card(&s->memory, buf_view(&s->command), &s->answer);
	give_first(s);
}

/* A command in several messages (§6.1.4, wLevelParameter). */
static void take_part(struct bench_slot *s, struct view data, unsigned level)
{
	if (level == MESSAGE_CHAIN_NEXT) {
		give(s, buf_view(&s->answer), false);
		return;
	}
	if (level == MESSAGE_CHAIN_WHOLE || level == MESSAGE_CHAIN_BEGINS)
		buf_reset(&s->command);
	buf_put_view(&s->command, data);
	if (level == MESSAGE_CHAIN_BEGINS || level == MESSAGE_CHAIN_GOES_ON)
		ccid_reply(s, MESSAGE_CHAIN_NEXT, VIEW_NULL);
	else if (s->has_long)
		ask_long(s);
	else
		begin_apdu(s);
}

/* -- characters -------------------------------------------------------------------------------------- */

static bool takes_data(uint8_t ins)
{
	static const uint8_t known[] = {0x0C, 0x0E, 0x20, 0x22, 0x24, 0x2A, 0x2C, 0x82, 0x86,
		0x87, 0x88, 0xA2, 0xA4, 0xC2, 0xD0, 0xD6, 0xDA, 0xDB, 0xDC, 0xE0, 0xE2};

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (known[i] == ins)
			return true;
	}
	return false;
}

/* T=0: what the card does after the characters that it has got (§10.3). */
static void take_characters(struct bench_slot *s)
{
	struct view got = buf_view(&s->received);
	size_t lc = byte_at(got, 4);
	bool data = takes_data(byte_at(got, 1)) && lc > 0;

	if (got.len < 5 || (data && got.len > 5 && got.len < 5 + lc)) {
		give_characters(s);
	} else if (data && got.len == 5) {
		buf_put_u8(&s->line, byte_at(got, 1)); /* all of it, please */
		give_characters(s);
	} else {
		transmit(s, LINES_CHARACTERS, got);
	}
}

static void characters_answered(struct bench_slot *s, struct view answer)
{
	if (answer.len > 2)
		buf_put_u8(&s->line, byte_at(buf_view(&s->received), 1));
	buf_put_view(&s->line, answer);
	buf_reset(&s->received);
	give_characters(s);
}

static bool block_is_whole(const struct bench_slot *s)
{
	struct view v = buf_view(&s->received);
	const struct atr_level *c = atr_level_for(&s->atr, 1, ATR_HAS_C);

	return v.len >= 3 && v.len >= 3U + byte_at(v, 2) + (c && c->c & 1 ? 2U : 1U);
}

static void begin_characters(struct bench_slot *s, struct view data, unsigned wanted)
{
	s->wanted = wanted;
	if (data.len == 0) {
		if (s->line.len == 0 && wanted > 0)
			ccid_fail(s, MESSAGE_ERROR_MUTE);
		else
			give_characters(s);
		return;
	}
	buf_put_view(&s->received, data);
	if (is_pps(s, buf_view(&s->received))) {
		_cleanup_(buf_done) struct buf request = BUF_NULL(8);

		buf_put_view(&request, buf_view(&s->received));
		buf_reset(&s->received);
		pps(s, buf_view(&request));
	} else if (s->protocol == 0) {
		take_characters(s);
	} else if (block_is_whole(s)) {
		t1_take(s, buf_view(&s->received));
		buf_reset(&s->received);
	} else {
		give_characters(s);
	}
}

/* -- in and out ----------------------------------------------------------------------------------------- */

void lines_begin(struct bench_slot *s, struct view data, unsigned level)
{
	switch (level_of(s)) {
	case CCID_LEVEL_CHARACTER:
		begin_characters(s, data, level);
		return;
	case CCID_LEVEL_TPDU:
		if (is_pps(s, data)) {
			pps(s, data);
			return;
		}
		s->settled = true;
		if (s->protocol == 1)
			t1_take(s, data);
		else
			transmit(s, LINES_TPDU, data);
		return;
	case CCID_LEVEL_SHORT_APDU:
		if (is_short(data))
			take_part(s, data, MESSAGE_CHAIN_WHOLE);
		else
			ccid_fail(s, 1); /* dwLength (§6.2.6) */
		return;
	case CCID_LEVEL_EXTENDED_APDU:
		take_part(s, data, level);
		return;
	}
}

void lines_answered(struct bench_slot *s, struct view answer)
{
	switch (level_of(s)) {
	case CCID_LEVEL_CHARACTER:
		characters_answered(s, answer);
		return;
	case CCID_LEVEL_TPDU:
		ccid_reply(s, 0, answer);
		return;
	case CCID_LEVEL_SHORT_APDU:
	case CCID_LEVEL_EXTENDED_APDU:
		if (s->protocol == 0) {
			apdu_answered(s, answer);
			return;
		}
		buf_reset(&s->answer);
		buf_put_view(&s->answer, answer);
		give_first(s);
	}
}

void lines_block(struct bench_slot *s, struct view block, uint8_t error)
{
	if (error || block.len == 0) {
		ccid_fail(s, error ? error : MESSAGE_ERROR_MUTE);
	} else if (level_of(s) == CCID_LEVEL_CHARACTER) {
		buf_put_view(&s->line, block);
		give_characters(s);
	} else {
		ccid_reply(s, 0, block);
	}
}

/* -- the keypad (§6.1.11, §6.1.12; PC/SC part 10 §2.5) --------------------------------------------------- */

static void pass(struct reader *r, size_t n, struct buf *out)
{
	buf_put_view(out, reader_take(r, n));
}

bool lines_in_blocks(const struct bench_slot *s)
{
	return s->protocol == 1 && level_of(s) < CCID_LEVEL_SHORT_APDU;
}

/* The same fields in both, but for a second time-out that CCID does not have, messages that it may leave
 * out, and the length of the command that PC/SC puts before it. */
uint8_t lines_keys(struct bench_slot *s, struct view data, struct buf *out)
{
	struct reader r = reader_of(data);
	bool modify = reader_u8(&r) == 1;
	uint8_t messages = byte_at(data, modify ? 11 : 8);
	size_t left;

	pass(&r, 1, out);
	buf_put_u8(out, 0);
	pass(&r, modify ? 5 : 3, out); /* format, block, length, and where the codes go */
	pass(&r, 2, out);	       /* least and most digits */
	pass(&r, modify ? 3 : 2, out); /* (confirmation), what ends it, messages */
	pass(&r, 3, out);	       /* language, first message */
	if (modify) {
		pass(&r, messages >= 2 ? 1 : 0, out);
		pass(&r, messages == 3 ? 1 : 0, out);
		for (unsigned i = (messages >= 2 ? 1U : 0U) + (messages == 3 ? 1U : 0U); i < 2;
			i++)
			buf_put_u8(out, 0);
	}
	if (lines_in_blocks(s)) {
		buf_reset(&s->command);
		buf_put_view(&s->command, view_last(data, r.left));
	}
	pass(&r, 3, out); /* prologue */
	left = r.left;
	buf_put_u8(out, (uint8_t)left);
	buf_put_u8(out, (uint8_t)(left >> 8));
	buf_put_u16(out, 0);
	buf_put_view(out, reader_rest(&r));
	if (r.failed)
		return 0;
	return modify ? 0x07 : 0x06;
}
