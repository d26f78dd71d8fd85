/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * T=0 and T=1 of a simulated card, ISO/IEC 7816-3:2006 §10 and §11, seen at the level that a reader's
 * driver passes to a program: TPDUs of T=0 one by one, APDUs of T=1 whole. Owns the bytes that wait
 * for GET RESPONSE.
 */
#include "drivers/sim/transport.h"

#include "drivers/sim/os-card.h"

enum {
	INS_GET_RESPONSE = 0xC0,
	CLA_VOLET = 0xA0,   /* the older application of a CPS keeps its answers itself (9FXX) */
	BLOCK_OVERHEAD = 4, /* NAD, PCB, LEN and LRC */
	IFSD = 254,	    /* what readers announce */
	HEADER_AND_SW = 7,
};

void transport_init(struct transport *t)
{
	*t = (struct transport){.ifsc = 32, .pending = BUF_NULL(OS_ANSWER_MAX)};
}

void transport_done(struct transport *t)
{
	buf_done(&t->pending);
}

void transport_reset(struct transport *t, unsigned protocol, unsigned ifsc)
{
	buf_reset(&t->pending);
	t->protocol = protocol;
	t->ifsc = ifsc;
}

static size_t blocks(size_t len, size_t size)
{
	size_t n = len == 0 ? 1 : (len + size - 1) / size;

	return len + BLOCK_OVERHEAD * (2 * n - 1);
}

size_t transport_characters(const struct transport *t, size_t in, size_t out)
{
	if (t->protocol == 1)
		return blocks(in, t->ifsc) + blocks(out, IFSD);
	if (in > 5)
		return in + 1 + 2;
	return out > 2 ? HEADER_AND_SW + 1 + out - 2 : HEADER_AND_SW;
}

static void put_sw(struct buf *out, unsigned sw)
{
	buf_put_u16(out, (uint16_t)sw);
}

/* 61 XX, or 9000 when nothing is left */
static unsigned more(size_t left)
{
	if (left == 0)
		return OS_SW_OK;
	return 0x6100 | (left < 256 ? (unsigned)left : 0);
}

static unsigned wrong_le(size_t have)
{
	return (unsigned)OS_SW_LE | (have & 0xFF);
}

static size_t max_answer(const struct card *card)
{
	return card->state->profile->max_answer;
}

static size_t get_response(
	struct transport *t, const struct card *card, size_t want, struct buf *out)
{
	_cleanup_(buf_done) struct buf rest = BUF_NULL(OS_ANSWER_MAX);
	size_t have = t->pending.len;

	if (have == 0) {
		put_sw(out, OS_SW_CONDITIONS);
		return HEADER_AND_SW;
	}
	if (have > max_answer(card))
		have = max_answer(card);
	if (want > have) {
		put_sw(out, wrong_le(have));
		return HEADER_AND_SW;
	}
	buf_put_view(out, view_sub(buf_view(&t->pending), 0, want));
	buf_put_view(&rest, view_sub(buf_view(&t->pending), want, OS_ANSWER_MAX));
	buf_reset(&t->pending);
	buf_put_view(&t->pending, buf_view(&rest));
	put_sw(out, more(rest.len));
	return HEADER_AND_SW + 1 + want;
}

/* Case 3 or 4: the answer, if any, waits for GET RESPONSE. */
static size_t finish_in(
	struct transport *t, size_t in, uint16_t sw, const struct buf *data, struct buf *out)
{
	unsigned status = sw;

	if (sw == OS_SW_OK && data->len > 0) {
		buf_put_view(&t->pending, buf_view(data));
		status = more(data->len);
	}
	put_sw(out, status);
	if (sw == OS_SW_INS || sw == OS_SW_CLA)
		return HEADER_AND_SW;
	return HEADER_AND_SW + 1 + in;
}

/* Case 1 or 2: the answer comes at once, if P3 does not ask for more than there is. */
static size_t finish_out(struct transport *t, const struct card *card, size_t want, uint16_t sw,
	const struct buf *data, struct buf *out)
{
	size_t have = data->len;

	if (have == 0) {
		put_sw(out, sw);
		return HEADER_AND_SW;
	}
	if (have > max_answer(card))
		have = max_answer(card);
	if (want > have) {
		put_sw(out, wrong_le(have));
		return HEADER_AND_SW;
	}
	buf_put_view(out, view_sub(buf_view(data), 0, want));
	put_sw(out, OS_SW_OK);
	buf_reset(&t->pending);
	return HEADER_AND_SW + 1 + want;
}

static struct command take_header(struct reader *r)
{
	struct command cmd = {.le = -1};

	cmd.cla = reader_u8(r);
	cmd.ins = reader_u8(r);
	cmd.p1 = reader_u8(r);
	cmd.p2 = reader_u8(r);
	return cmd;
}

static size_t exchange_t0(
	struct transport *t, struct card *card, struct view in, struct buf *out)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(OS_ANSWER_MAX);
	struct reader r = reader_of(in);
	struct command cmd = take_header(&r);
	bool malformed = r.failed;
	size_t p3 = in.len > 4 ? reader_u8(&r) : 0;
	size_t expected = p3 ? p3 : 256;
	uint16_t sw;

	cmd.data = reader_rest(&r);
	if (cmd.data.len == p3 + 1)
		cmd.data = view_sub(cmd.data, 0, p3);
	if (malformed || (cmd.data.len > 0 && cmd.data.len != p3) ||
		(cmd.data.len == 0 && p3 > 0 && card_takes_data(card, &cmd))) {
		put_sw(out, OS_SW_LENGTH);
		return HEADER_AND_SW;
	}
	if (cmd.ins == INS_GET_RESPONSE && cmd.cla != CLA_VOLET)
		return get_response(t, card, expected, out);
	buf_reset(&t->pending);
	cmd.le = (int)expected;
	sw = card_process(card, &cmd, &data);
	if (cmd.data.len > 0)
		return finish_in(t, cmd.data.len, sw, &data, out);
	return finish_out(t, card, expected, sw, &data, out);
}

/* Short APDUs only: a leading 00 where Lc stands would be the extended form. */
static bool parse_apdu(struct view in, struct command *cmd)
{
	struct reader r = reader_of(in);
	size_t lc;

	*cmd = take_header(&r);
	if (r.failed || r.left == 0)
		return !r.failed;
	lc = reader_u8(&r);
	if (r.left == 0) {
		cmd->le = lc ? (int)lc : 256;
		return true;
	}
	cmd->data = reader_take(&r, lc);
	if (lc == 0 || r.failed || r.left > 1)
		return false;
	if (r.left == 1) {
		uint8_t le = reader_u8(&r);

		cmd->le = le ? le : 256;
	}
	return true;
}

static void exchange_t1(struct card *card, struct view in, struct buf *out)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(OS_ANSWER_MAX);
	struct command cmd;
	uint16_t sw;

	if (!parse_apdu(in, &cmd)) {
		put_sw(out, OS_SW_LENGTH);
		return;
	}
	sw = card_process(card, &cmd, &data);
	/* a file that ends before an exact Le, or an answer longer than Le: 6C with what is there */
	if (sw == OS_SW_OK && cmd.le > 0 && cmd.le < 256 && data.len > 0 &&
		((size_t)cmd.le < data.len || (cmd.ins == 0xB0 && (size_t)cmd.le > data.len))) {
		put_sw(out, wrong_le(data.len));
		return;
	}
	if (cmd.le > 0)
		buf_put_view(out, buf_view(&data));
	put_sw(out, sw);
}

size_t transport_exchange(
	struct transport *t, struct card *card, struct view in, struct buf *out)
{
	buf_reset(out);
	if (!card) {
		put_sw(out, OS_SW_BROKEN);
		return transport_characters(t, in.len, out->len);
	}
	if (t->protocol == 0)
		return exchange_t0(t, card, in, out);
	exchange_t1(card, in, out);
	return transport_characters(t, in.len, out->len);
}
