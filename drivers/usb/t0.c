/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * T=0, the terminal's side. One byte of the card is looked at after the other; nothing is sent but
 * what the card has asked for. Every command ends: bytes that bring nothing on are counted, data and
 * rounds are bounded. The machine owns a copy of the command's data and the answer; the former is
 * wiped when the command ends, the latter with the next command or t0_done().
 */
#include "drivers/usb/t0.h"

enum step {
	STEP_OVER = 0,
	STEP_PROCEDURE, /* a procedure byte comes next */
	STEP_DATA,	/* chunk bytes of data, then a procedure byte */
	STEP_SW2,
};

enum {
	STATUS = 2, /* bytes of SW1 SW2 */
	NULL_BYTE = 0x60,
	CLA_INVALID = 0xFF, /* a PPS begins with it */
	CLA_CHAIN = 0x10,
	GET_RESPONSE = 0xC0,
	SW1_MORE = 0x61,  /* GET RESPONSE brings SW2 bytes */
	SW1_WRONG = 0x6C, /* wrong Le, SW2 would be right */
};

#define DATA_MAX 255U

void t0_init(struct t0 *t, enum t0_level level)
{
	*t = (struct t0){
		.level = level, .data = BUF_NULL(DATA_MAX), .answer = BUF_NULL(T0_ANSWER_MAX)};
}

void t0_done(struct t0 *t)
{
	buf_done(&t->data);
	buf_done(&t->answer);
	t->step = STEP_OVER;
}

/* 6X or 9X: SW1, never an instruction. 60 is told apart before. */
static bool is_sw1(uint8_t byte)
{
	return (byte & 0xF0) == 0x60 || (byte & 0xF0) == 0x90;
}

/* Le, or SW2 of 61XX and 6CXX. */
static size_t length_of(uint8_t byte)
{
	return byte ? byte : 256;
}

/* Of the command's data, at character level. */
static size_t unsent(const struct t0 *t)
{
	return t->data.len - t->sent;
}

/* The command is over, one way or the other. */
static int end(struct t0 *t, enum t0_outcome how)
{
	buf_reset(&t->data);
	t->step = STEP_OVER;
	t->expect = 0;
	return (int)how;
}

/* How many characters come at least before we have to do something. */
static size_t least(const struct t0 *t)
{
	if (t->level == T0_BLOCKS) {
		return 0;
	}
	if (t->step == STEP_DATA) {
		return t->chunk + STATUS;
	}
	if (t->step == STEP_SW2 || unsent(t) > 0) {
		return 1; /* a procedure byte may ask for our data */
	}
	return STATUS; /* behind a procedure byte comes SW2 or a byte of data */
}

/* Whether there was room for all that was put. Return: 0 or a fault, which ends the command. */
static int check(struct t0 *t, const struct buf *out)
{
	int r;

	r = buf_check(out);
	if (r == 0) {
		r = buf_check(&t->data);
	}
	if (r == 0) {
		r = buf_check(&t->answer);
	}
	if (r < 0) {
		(void)end(t, T0_BROKEN);
	}
	return trace(r);
}

/* Bytes may have been put into @out; more is to come. */
static int wait_on(struct t0 *t, const struct buf *out)
{
	int r;

	r = check(t, out);
	if (r < 0) {
		return trace(r);
	}
	t->expect = least(t);
	return T0_SEND;
}

/* Send the header, and at TPDU level the data with it. */
static void send_header(struct t0 *t, struct buf *out)
{
	buf_put(out, t->header, sizeof(t->header));
	if (t->level == T0_BLOCKS) {
		buf_put_view(out, buf_view(&t->data));
	}
	t->sent = 0;
	t->chunk = 0;
	t->mark = t->answer.len;
	t->step = STEP_PROCEDURE;
}

/* -- a command ----------------------------------------------------------------------------------- */

/* Data and Le behind P3 = @lc. Return: whether the length fits. */
static bool take_body(struct t0 *t, uint8_t lc, struct reader *r)
{
	buf_put_view(&t->data, reader_take(r, lc));
	if (!r->failed && r->left > 0) {
		t->wanted = length_of(reader_u8(r));
	}
	return lc > 0 && !r->failed && r->left == 0;
}

int t0_begin(struct t0 *t, struct view command, enum t0_whole whole, struct buf *out)
{
	struct reader r = reader_of(command);
	bool good = true;

	t0_done(t);
	t0_init(t, t->level);
	t->whole = whole;
	for (size_t i = 0; i < 4; i++) {
		t->header[i] = reader_u8(&r);
	}
	if (!r.failed && r.left == 1) {
		t->header[4] = reader_u8(&r);
		t->le = length_of(t->header[4]);
		t->wanted = t->le;
	} else if (r.left > 1) {
		t->header[4] = reader_u8(&r);
		good = take_body(t, t->header[4], &r);
	}
	if (r.failed || !good || t->header[0] == CLA_INVALID || is_sw1(t->header[1])) {
		return end(t, T0_BROKEN);
	}
	send_header(t, out);
	return trace(wait_on(t, out));
}

/* -- its end ------------------------------------------------------------------------------------- */

/* 61XX where more is wanted. */
static int get_response(struct t0 *t, size_t n, struct buf *out)
{
	bool nothing = t->rounds > 0 && t->answer.len == t->mark;

	if (nothing || ++t->rounds > T0_ROUNDS_MAX) {
		return end(t, T0_BROKEN);
	}
	buf_reset(&t->data);
	t->header[0] = (uint8_t)(t->header[0] & ~CLA_CHAIN);
	t->header[1] = GET_RESPONSE;
	t->header[2] = 0;
	t->header[3] = 0;
	t->header[4] = (uint8_t)n;
	t->le = n;
	t->repeated = false;
	send_header(t, out);
	return trace(wait_on(t, out));
}

/* 6CXX to a command without data: the same with the right Le. */
static int repeat(struct t0 *t, size_t n, struct buf *out)
{
	t->header[4] = (uint8_t)n;
	t->le = n;
	t->repeated = true;
	send_header(t, out);
	return trace(wait_on(t, out));
}

/* Whether this header, which wanted something, was refused for its Le before it brought anything. */
static bool refused_le(const struct t0 *t)
{
	return t->sw1 == SW1_WRONG && t->le > 0 && !t->repeated && t->answer.len == t->mark;
}

static int finish(struct t0 *t, uint8_t sw2, struct buf *out)
{
	size_t left = t->wanted - t->answer.len, n = length_of(sw2);
	int r;

	if (t->whole == T0_APDU && refused_le(t) && n <= left) {
		return trace(repeat(t, n, out));
	}
	if (t->whole == T0_APDU && t->sw1 == SW1_MORE && left > 0) {
		return trace(get_response(t, n < left ? n : left, out));
	}
	buf_put_u8(&t->answer, t->sw1);
	buf_put_u8(&t->answer, sw2);
	r = check(t, out);
	return r < 0 ? trace(r) : end(t, T0_DONE);
}

/* -- characters ---------------------------------------------------------------------------------- */

/* A byte that brings nothing on. */
static int idle(struct t0 *t, const struct buf *out)
{
	if (++t->nulls > T0_NULLS_MAX) {
		return end(t, T0_BROKEN);
	}
	return trace(wait_on(t, out));
}

/* ACK: @n bytes may go, either way; where nothing is left it is a NULL (§10.3.3: "if any remain"). */
static int acknowledge(struct t0 *t, bool one, struct buf *out)
{
	if (unsent(t) > 0) {
		size_t n = one ? 1 : unsent(t);

		buf_put_view(out, view_sub(buf_view(&t->data), t->sent, n));
		t->sent += n;
	} else if (t->le > 0) {
		t->chunk = one ? 1 : t->le;
		t->step = STEP_DATA;
	} else {
		return trace(idle(t, out));
	}
	return trace(wait_on(t, out));
}

static int procedure(struct t0 *t, uint8_t byte, struct buf *out)
{
	if (byte == NULL_BYTE) {
		return trace(idle(t, out));
	}
	if (is_sw1(byte)) {
		t->sw1 = byte;
		t->step = STEP_SW2;
		return trace(wait_on(t, out));
	}
	if (byte == t->header[1] || (byte ^ t->header[1]) == 0xFF) {
		return trace(acknowledge(t, byte != t->header[1], out));
	}
	return end(t, T0_BROKEN);
}

static int take_data(struct t0 *t, struct reader *r, const struct buf *out)
{
	size_t n = r->left < t->chunk ? r->left : t->chunk;

	buf_put_view(&t->answer, reader_take(r, n));
	t->chunk -= n;
	t->le -= n;
	if (t->chunk == 0) {
		t->step = STEP_PROCEDURE;
	}
	return trace(wait_on(t, out));
}

static int characters(struct t0 *t, struct view bytes, struct buf *out)
{
	struct reader r = reader_of(bytes);
	int q = T0_SEND;

	if (bytes.len > t->expect) {
		return end(t, T0_BROKEN);
	}
	if (bytes.len == 0) {
		return trace(idle(t, out));
	}
	while (q == T0_SEND && r.left > 0) {
		if (t->step == STEP_DATA) {
			q = take_data(t, &r, out);
		} else if (t->step == STEP_SW2) {
			q = finish(t, reader_u8(&r), out);
		} else {
			q = procedure(t, reader_u8(&r), out);
		}
	}
	return trace(q);
}

/* -- TPDUs --------------------------------------------------------------------------------------- */

static int block(struct t0 *t, struct view bytes, struct buf *out)
{
	struct reader r = reader_of(bytes);
	struct view data = bytes.len >= STATUS ? reader_take(&r, bytes.len - STATUS) : bytes;
	uint8_t sw1 = reader_u8(&r), sw2 = reader_u8(&r);

	if (r.failed || data.len > t->le || sw1 == NULL_BYTE || !is_sw1(sw1)) {
		return end(t, T0_BROKEN);
	}
	buf_put_view(&t->answer, data);
	t->sw1 = sw1;
	return trace(finish(t, sw2, out));
}

int t0_next(struct t0 *t, struct view bytes, struct buf *out)
{
	if (t->step == STEP_OVER) {
		return end(t, T0_BROKEN);
	}
	if (t->level == T0_BLOCKS) {
		return trace(block(t, bytes, out));
	}
	return trace(characters(t, bytes, out));
}
