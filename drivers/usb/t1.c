/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The terminal's side of T=1 (ISO/IEC 7816-3:2006 §11.6.3). One exchange is one command and its answer, or one
 * S(IFS request); it goes through the steps below and ends with an outcome. Rules by their numbers:
 *
 *   what came                         last sent: I-block or S-response   R-block      S-request
 *   nothing, or a block that is none  R-block, N(R) = what is due (7.1)  again (7.2)  again (7.3)
 *
 * T1_RETRIES of those in a row, and the card is resynchronised (7.4.2); of a card that never sent one right
 * block since its reset no more is expected (7.4.1). A right block that makes no progress, that is an
 * R-block that asks for something again, is counted on its own: a line that loses many blocks is no
 * card that runs in circles. RESYNCH is tried T1_RESYNCHS times (6.4).
 *
 * An I-block is sent again only when the card's R-block asks for its number, and no more once the card
 * has shown that it has the last one. Command and blocks are wiped when the exchange ends.
 */
#include "drivers/usb/t1.h"

#include <errno.h>

#define IFS_DEFAULT ((uint8_t)32) /* bytes (§11.4.2) */

#define PCB_R	     0x80U
#define PCB_S	     0xC0U
#define PCB_RESPONSE 0x20U
#define PCB_MORE     0x20U

enum step {
	IDLE = 0,
	SENDING,   /* the command, block by block */
	RECEIVING, /* the answer; the card has the whole command */
	TELLING,   /* S(IFS request) is with the card */
	ABORTING,  /* our S(ABORT request) is */
	RESYNCHING,
	OVER, /* nothing but a reset helps */
};

enum error { /* of an R-block (§11.3.2.2) */
	ERROR_NONE = 0,
	ERROR_CHECKSUM,
	ERROR_OTHER,
};

/* 00 and FF are none (§11.4.2): what holds without any. */
static uint8_t ifs_of(uint8_t value)
{
	return value >= 1 && value <= T1_INF_MAX ? value : IFS_DEFAULT;
}

void t1_init(struct t1 *t, uint8_t ifsc, bool crc)
{
	*t = (struct t1){
		.crc = crc,
		.ifsc = ifs_of(ifsc),
		.first_ifsc = ifs_of(ifsc),
		.ifsd = IFS_DEFAULT,
		.waiting = 1,
		.command = BUF_NULL(T1_COMMAND_MAX),
		.answer = BUF_NULL(T1_ANSWER_MAX),
		.last = BUF_NULL(T1_BLOCK_MAX),
	};
}

void t1_done(struct t1 *t)
{
	buf_done(&t->command);
	buf_done(&t->answer);
	buf_done(&t->last);
}

/* -- what is sent ------------------------------------------------------------------------------- */

static int send_again(struct t1 *t, struct buf *out)
{
	int r = buf_check(&t->last);

	if (r < 0) {
		return trace(r);
	}
	t->waiting = 1;
	buf_put_view(out, buf_view(&t->last));
	r = buf_check(out);
	return r < 0 ? trace(r) : T1_SEND;
}

static int send(struct t1 *t, unsigned pcb, struct view inf, struct buf *out)
{
	buf_reset(&t->last);
	t1_block_put(&t->last, t->nad, (uint8_t)pcb, inf, t->crc);
	return send_again(t, out);
}

static bool is_last_part(const struct t1 *t)
{
	return t->sent + t->chunk == t->command.len;
}

/* The part that begins at sent, with what the card takes now: it has not taken the number yet. */
static int send_part(struct t1 *t, struct buf *out)
{
	struct view part = view_sub(buf_view(&t->command), t->sent, t->ifsc);

	t->chunk = part.len;
	return send(t, (unsigned)t->ns << 6 | (is_last_part(t) ? 0 : PCB_MORE), part, out);
}

static int send_r(struct t1 *t, enum error e, struct buf *out)
{
	return send(t, PCB_R | (unsigned)t->nr << 4 | (unsigned)e, VIEW_NULL, out);
}

static uint8_t last_pcb(const struct t1 *t)
{
	struct reader r = reader_of(buf_view(&t->last));

	(void)reader_u8(&r);
	return reader_u8(&r);
}

/* -- ends --------------------------------------------------------------------------------------- */

static int end(struct t1 *t, enum t1_outcome o)
{
	t->step = o == T1_DEAD ? OVER : IDLE;
	t->waiting = 1;
	buf_reset(&t->command);
	buf_reset(&t->last);
	if (o != T1_DONE) {
		buf_reset(&t->answer);
	}
	return (int)o;
}

static int resynch(struct t1 *t, struct buf *out)
{
	if (!t->heard) {
		return end(t, T1_DEAD); /* rule 7.4.1 */
	}
	buf_reset(&t->command);
	buf_reset(&t->answer);
	t->step = RESYNCHING;
	t->resynchs = 1;
	return send(t, PCB_S | T1_RESYNCH, VIEW_NULL, out);
}

static int resynchronised(struct t1 *t)
{
	t->ns = 0;
	t->nr = 0;
	/* rule 6.3: as after the reset. A card that keeps what was agreed last is served as well */
	if (t->first_ifsc < t->ifsc) {
		t->ifsc = t->first_ifsc;
	}
	if (t->ifsd < IFS_DEFAULT) {
		t->ifsd = IFS_DEFAULT;
	}
	return end(t, T1_LOST);
}

/* Rules 7.1 to 7.4 and 6.4: what came is no answer. */
static int invalid(struct t1 *t, enum error e, struct buf *out)
{
	uint8_t pcb = last_pcb(t);

	if (t->step == RESYNCHING) {
		return t->resynchs++ < T1_RESYNCHS ? send_again(t, out) : end(t, T1_DEAD);
	}
	if (t->retries++ >= T1_RETRIES) {
		return resynch(t, out);
	}
	if ((pcb & PCB_S) == PCB_R || (pcb & (PCB_S | PCB_RESPONSE)) == PCB_S) {
		return send_again(t, out);
	}
	return send_r(t, e, out);
}

/* -- I-blocks ----------------------------------------------------------------------------------- */

/* Whether the exchange can have this block now. */
static bool is_due(const struct t1 *t, const struct t1_block *b)
{
	if (b->inf.len > t->ifsd || (b->pcb >> 6 & 1) != t->nr) {
		return false;
	}
	if (t->aborted) {
		return t->step == RECEIVING && (b->pcb & PCB_MORE) == 0;
	}
	return t->step == RECEIVING || (t->step == SENDING && is_last_part(t));
}

/* Rule 2.1: the first one of the answer acknowledges our last one. */
static void acknowledge(struct t1 *t)
{
	if (t->step == SENDING) {
		t->ns ^= 1;
		t->step = RECEIVING;
		buf_reset(&t->command);
	}
	t->nr ^= 1;
	t->retries = 0;
	t->repeats = 0;
}

static int take_i(struct t1 *t, const struct t1_block *b, struct buf *out)
{
	bool more = (b->pcb & PCB_MORE) != 0;
	int r;

	if (!is_due(t, b)) {
		return invalid(t, ERROR_OTHER, out);
	}
	acknowledge(t);
	if (t->aborted) {
		return end(t, T1_ABORTED);
	}
	if (b->inf.len > T1_ANSWER_MAX - t->answer.len) {
		if (!more) {
			return resynch(t, out);
		}
		t->step = ABORTING;
		return send(t, PCB_S | T1_ABORT, VIEW_NULL, out); /* rule 9 */
	}
	buf_put_view(&t->answer, b->inf);
	r = buf_check(&t->answer);
	if (r < 0) {
		return trace(r);
	}
	if (!more) {
		return end(t, T1_DONE);
	}
	if (b->inf.len == 0 && t->extensions++ >= T1_WTX_MAX) {
		return resynch(t, out);
	}
	return send_r(t, ERROR_NONE, out); /* rule 2.2 */
}

/* -- R-blocks ----------------------------------------------------------------------------------- */

/* The card asks for something once more, in a right block. */
static bool is_too_often(struct t1 *t)
{
	t->retries = 0;
	return t->repeats++ >= T1_RETRIES;
}

/* It did not get our R-block, or it has nothing else to say. */
static int ask_again(struct t1 *t, struct buf *out)
{
	if (is_too_often(t)) {
		return resynch(t, out);
	}
	return (last_pcb(t) & PCB_S) == PCB_R ? send_again(t, out)
					      : send_r(t, ERROR_OTHER, out);
}

static int take_r_sending(struct t1 *t, uint8_t nr, struct buf *out)
{
	if (nr == t->ns) {
		if (t->received) {
			return invalid(t, ERROR_OTHER, out);
		}
		return is_too_often(t) ? resynch(t, out) : send_part(t, out);
	}
	if (is_last_part(t)) {
		t->received = true;
		return ask_again(t, out);
	}
	t->sent += t->chunk;
	t->ns ^= 1;
	t->retries = 0;
	t->repeats = 0;
	return send_part(t, out);
}

static int take_r(struct t1 *t, const struct t1_block *b, struct buf *out)
{
	uint8_t nr = b->pcb >> 4 & 1;

	if (t->step != SENDING && !(t->step == RECEIVING && nr == t->ns)) {
		return invalid(t, ERROR_OTHER, out);
	}
	if (t->aborted) { /* rule 9: we may send again, and know which number */
		t->ns = nr;
		return end(t, T1_ABORTED);
	}
	return t->step == SENDING ? take_r_sending(t, nr, out) : ask_again(t, out);
}

/* -- S-blocks ----------------------------------------------------------------------------------- */

static int take_response(struct t1 *t, const struct t1_block *b, uint8_t value, struct buf *out)
{
	unsigned type = b->pcb & 0x1FU;

	if (t->step == RESYNCHING && type == T1_RESYNCH) {
		return resynchronised(t);
	}
	if (t->step == ABORTING && type == T1_ABORT) {
		return end(t, T1_ABORTED);
	}
	if (t->step == TELLING && type == T1_IFS && value == t->asked) {
		t->ifsd = value;
		return end(t, T1_DONE);
	}
	return invalid(t, ERROR_OTHER, out);
}

/* Rules 3, 4 and 9: the card's request is answered with its own information. */
static int take_request(struct t1 *t, const struct t1_block *b, uint8_t value, struct buf *out)
{
	unsigned type = b->pcb & 0x1FU;
	int r;

	if (type == T1_RESYNCH || (t->step != SENDING && t->step != RECEIVING)) {
		return invalid(t, ERROR_OTHER, out); /* only a terminal may ask for RESYNCH */
	}
	if (t->extensions++ >= T1_WTX_MAX) {
		return resynch(t, out);
	}
	t->retries = 0;
	if (type == T1_IFS) {
		t->ifsc = value;
	}
	t->received = t->received || (type == T1_WTX && is_last_part(t));
	t->aborted = t->aborted || type == T1_ABORT;
	r = send(t, b->pcb | PCB_RESPONSE, b->inf, out);
	if (type == T1_WTX) {
		t->waiting = value;
	}
	return r < 0 ? trace(r) : r;
}

static int take_s(struct t1 *t, const struct t1_block *b, struct buf *out)
{
	struct reader r = reader_of(b->inf);
	uint8_t value = reader_u8(&r);

	if (b->pcb & PCB_RESPONSE) {
		return take_response(t, b, value, out);
	}
	return take_request(t, b, value, out);
}

/* -- the exchange ------------------------------------------------------------------------------- */

/* Our NAD as the card sends it: the addresses change places. */
static uint8_t swapped(uint8_t nad)
{
	return (uint8_t)(nad << 4 | nad >> 4);
}

static int take(struct t1 *t, struct view bytes, struct buf *out)
{
	struct t1_block b;
	int o = t1_block_parse(bytes, t->crc, &b);

	if (o != 0) {
		return invalid(t, o == T1_BLOCK_BROKEN ? ERROR_CHECKSUM : ERROR_OTHER, out);
	}
	if (b.nad != swapped(t->nad)) {
		return invalid(t, ERROR_OTHER, out);
	}
	t->heard = true;
	switch (b.kind) {
	case T1_I:
		return take_i(t, &b, out);
	case T1_R:
		return take_r(t, &b, out);
	case T1_S:
		return take_s(t, &b, out);
	}
	return fault(-EINVAL);
}

int t1_next(struct t1 *t, enum t1_event event, struct view block, struct buf *out)
{
	if (t->step == IDLE || t->step == OVER) {
		return end(t, T1_DEAD);
	}
	switch (event) {
	case T1_BLOCK:
		return take(t, block, out);
	case T1_SILENCE:
		return invalid(t, ERROR_OTHER, out);
	case T1_PARITY:
		return invalid(t, ERROR_CHECKSUM, out);
	}
	return fault(-EINVAL);
}

/* Return: whether an exchange may begin. */
static bool begin(struct t1 *t, enum step step)
{
	if (t->step != IDLE) {
		return false;
	}
	t->step = (int)step;
	t->retries = 0;
	t->repeats = 0;
	t->extensions = 0;
	t->sent = 0;
	t->chunk = 0;
	t->received = false;
	t->aborted = false;
	buf_reset(&t->command);
	buf_reset(&t->answer);
	return true;
}

int t1_begin(struct t1 *t, struct view command, struct buf *out)
{
	int r;

	if (!begin(t, SENDING)) {
		return end(t, T1_DEAD);
	}
	buf_put_view(&t->command, command);
	r = buf_check(&t->command);
	if (r < 0) {
		(void)end(t, T1_LOST); /* nothing was sent */
		return trace(r);
	}
	return send_part(t, out);
}

int t1_ifsd(struct t1 *t, uint8_t ifsd, struct buf *out)
{
	if (!begin(t, TELLING)) {
		return end(t, T1_DEAD);
	}
	t->asked = ifs_of(ifsd);
	if (t->asked > t->ifsd) {
		t->ifsd = t->asked; /* the card may take it as agreed before we hear of that */
	}
	return send(t, PCB_S | T1_IFS, view_of(&t->asked, 1), out);
}
