/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A card's side of T=1, see t1-card.h. What is due is what step says: an acknowledgement while a command
 * comes in parts, a part of the answer after that. Before something due goes out the card may put
 * a request of its own (an S-block), and then waits for its response. A block that goes wrong on its
 * way back is remembered as it should have been: the terminal may ask for it.
 */
#include "tests/usb/t1-card.h"

#include <assert.h>

#define IFSD_DEFAULT 32U
#define INF_MAX	     254U

enum step {
	LISTENING = 0, /* the terminal sends: a command begins, or goes on */
	ANSWERING,     /* the part at sent is with the terminal */
};

enum pcb {
	I_MORE = 0x20,
	R = 0x80,
	S = 0xC0,
	S_RESPONSE = 0x20,
	S_RESYNCH = 0xC0,
	S_IFS = 0xC1,
	S_ABORT = 0xC2,
	S_WTX = 0xC3,
};

/* A block of the terminal, taken apart. */
struct heard {
	unsigned pcb;
	struct view inf;
	uint8_t value; /* first byte of inf, 0: none */
};

static void forget(struct t1_card *c)
{
	c->ns = 0;
	c->nr = 0;
	c->step = LISTENING;
	c->asking = false;
	c->lost = false;
	c->sent = 0;
	c->chunk = 0;
	buf_reset(&c->command);
	buf_reset(&c->answer);
}

void t1_card_init(struct t1_card *c, uint8_t ifsc, bool crc, t1_card_apdu_fn apdu, void *user)
{
	*c = (struct t1_card){
		.first_ifsc = ifsc,
		.crc = crc,
		.apdu = apdu,
		.user = user,
		.command = BUF_NULL(T1_CARD_COMMAND_MAX),
		.answer = BUF_NULL(T1_CARD_ANSWER_MAX),
		.last = BUF_NULL(T1_CARD_BLOCK_MAX),
		.before = BUF_NULL(T1_CARD_BLOCK_MAX),
	};
	t1_card_reset(c);
}

void t1_card_done(struct t1_card *c)
{
	buf_done(&c->command);
	buf_done(&c->answer);
	buf_done(&c->last);
	buf_done(&c->before);
}

void t1_card_reset(struct t1_card *c)
{
	forget(c);
	c->ifsc = c->first_ifsc;
	c->ifsd = IFSD_DEFAULT;
	c->mute = false;
	c->n_orders = 0;
	buf_reset(&c->last);
	buf_reset(&c->before);
}

/* -- faults ------------------------------------------------------------------------------------- */

void t1_card_order(struct t1_card *c, enum t1_card_fault fault, uint8_t value, unsigned times)
{
	while (times-- > 0 && c->n_orders < T1_CARD_ORDERS_MAX) {
		c->orders[c->n_orders].fault = fault;
		c->orders[c->n_orders].value = value;
		c->n_orders++;
	}
}

static bool is_ordered(const struct t1_card *c, enum t1_card_fault fault)
{
	return c->n_orders > 0 && c->orders[0].fault == fault;
}

static uint8_t take_order(struct t1_card *c)
{
	uint8_t value = c->orders[0].value;

	c->n_orders--;
	for (size_t i = 0; i < c->n_orders; i++) {
		c->orders[i] = c->orders[i + 1];
	}
	return value;
}

/* -- blocks ------------------------------------------------------------------------------------- */

/* ISO/IEC 13239 with the low bit first, four bits at a time. */
static unsigned crc_of(struct view v)
{
	static const uint16_t nibbles[16] = {0x0000, 0x1081, 0x2102, 0x3183, 0x4204, 0x5285,
		0x6306, 0x7387, 0x8408, 0x9489, 0xA50A, 0xB58B, 0xC60C, 0xD68D, 0xE70E, 0xF78F};
	struct reader r = reader_of(v);
	unsigned x = 0xFFFF;

	while (r.left > 0) {
		uint8_t byte = reader_u8(&r);

		x = x >> 4 ^ nibbles[(x ^ byte) & 0x0F];
		x = x >> 4 ^ nibbles[(x ^ byte >> 4) & 0x0F];
	}
	return x;
}

static unsigned sum_of(const struct t1_card *c, struct view v)
{
	struct reader r = reader_of(v);
	unsigned x = 0;

	if (c->crc) {
		return crc_of(v);
	}
	while (r.left > 0) {
		x ^= reader_u8(&r);
	}
	return x;
}

/* Whether it is a block that a card understands. */
static bool understand(const struct t1_card *c, struct view bytes, struct heard *ret)
{
	struct reader r = reader_of(bytes);
	uint8_t nad = reader_u8(&r);
	unsigned pcb = reader_u8(&r), len = reader_u8(&r);
	struct view inf = reader_take(&r, len);
	unsigned sum = c->crc ? reader_u16(&r) : reader_u8(&r);
	struct reader first = reader_of(inf);

	if (r.failed || r.left > 0 || nad != 0 || len > INF_MAX ||
		sum != sum_of(c, view_sub(bytes, 0, 3 + len))) {
		return false;
	}
	*ret = (struct heard){.pcb = pcb, .inf = inf, .value = reader_u8(&first)};
	return true;
}

static void put_sum(const struct t1_card *c, struct buf *to, unsigned sum)
{
	if (c->crc) {
		buf_put_u16(to, (uint16_t)sum);
	} else {
		buf_put_u8(to, (uint8_t)sum);
	}
}

/* Appends NAD, PCB, LEN, information and checksum. */
static void build(const struct t1_card *c, struct buf *to, unsigned nad, unsigned pcb,
	unsigned len, struct view inf, unsigned wrong)
{
	struct view all;

	buf_put_u8(to, (uint8_t)nad);
	buf_put_u8(to, (uint8_t)pcb);
	buf_put_u8(to, (uint8_t)len);
	buf_put_view(to, inf);
	all = view_last(buf_view(to), 3 + inf.len);
	put_sum(c, to, sum_of(c, all) ^ wrong);
}

void t1_card_seal(const struct t1_card *c, struct buf *block)
{
	put_sum(c, block, sum_of(c, buf_view(block)));
}

/* The block that is due, with what was ordered for it. */
static void spoil(struct t1_card *c, enum t1_card_fault fault, struct buf *out)
{
	struct heard h = {.pcb = 0};
	bool good = understand(c, buf_view(&c->last), &h);
	unsigned len = (unsigned)h.inf.len;
	struct buf b = BUF_NULL(T1_CARD_BLOCK_MAX + 1);

	assert(good);
	switch (fault) {
	case T1_CARD_CHECKSUM:
		build(c, &b, 0, h.pcb, len, h.inf, 0x5A);
		break;
	case T1_CARD_SEQUENCE: /* an S-block has none: its type */
		build(c, &b, 0,
			h.pcb ^ (h.pcb < R	    ? 0x40U
					: h.pcb < S ? 0x10U
						    : 0x01U),
			len, h.inf, 0);
		break;
	case T1_CARD_NAD:
		build(c, &b, 0x21, h.pcb, len, h.inf, 0);
		break;
	case T1_CARD_LENGTH:
		build(c, &b, 0, h.pcb, 0xFF, h.inf, 0);
		break;
	case T1_CARD_CUT:
		build(c, &b, 0, h.pcb, len, h.inf, 0);
		buf_truncate(&b, b.len - 1);
		break;
	case T1_CARD_LONG:
		build(c, &b, 0, h.pcb, len, h.inf, 0);
		buf_put_u8(&b, 0);
		break;
	case T1_CARD_UNKNOWN:
		build(c, &b, 0, 0xDF, 0, VIEW_NULL, 0);
		break;
	case T1_CARD_TWICE:
		buf_put_view(&b, buf_view(&c->before));
		break;
	case T1_CARD_MUTE:
		c->mute = true;
		break;
	case T1_CARD_SILENCE: /* nothing */
	case T1_CARD_DEAF:
	case T1_CARD_NOISE:
	case T1_CARD_WTX:
	case T1_CARD_IFS:
	case T1_CARD_ABORT:
	case T1_CARD_RESYNCH:
		break;
	}
	buf_put_view(out, buf_view(&b));
	buf_done(&b);
}

static bool is_of_a_block(enum t1_card_fault fault)
{
	return fault != T1_CARD_DEAF && fault != T1_CARD_NOISE && fault != T1_CARD_WTX &&
	       fault != T1_CARD_IFS && fault != T1_CARD_ABORT;
}

/* What is in last goes out. */
static void say_again(struct t1_card *c, struct buf *out)
{
	enum t1_card_fault fault;

	if (is_ordered(c, T1_CARD_RESYNCH)) {
		(void)take_order(c);
		c->lost = true;
	}
	if (c->lost) {
		spoil(c, T1_CARD_CHECKSUM, out);
	} else if (c->n_orders > 0 && is_of_a_block(c->orders[0].fault)) {
		fault = c->orders[0].fault;
		(void)take_order(c);
		spoil(c, fault, out);
	} else {
		buf_put_view(out, buf_view(&c->last));
	}
}

static void say(struct t1_card *c, unsigned pcb, struct view inf, struct buf *out)
{
	struct view last = buf_view(&c->last);

	if (last.len > 0) {
		buf_reset(&c->before);
		buf_put_view(&c->before, last);
	}
	buf_reset(&c->last);
	build(c, &c->last, 0, pcb, (unsigned)inf.len, inf, 0);
	say_again(c, out);
}

static unsigned last_pcb(const struct t1_card *c)
{
	struct reader r = reader_of(buf_view(&c->last));

	(void)reader_u8(&r);
	return r.left > 0 ? reader_u8(&r) : 0;
}

/* -- what is due -------------------------------------------------------------------------------- */

static void say_r(struct t1_card *c, unsigned error, struct buf *out)
{
	say(c, R | (unsigned)c->nr << 4 | error, VIEW_NULL, out);
}

static bool say_request(struct t1_card *c, struct buf *out)
{
	static const struct {
		enum t1_card_fault fault;
		unsigned pcb;
	} requests[] = {{T1_CARD_WTX, S_WTX}, {T1_CARD_IFS, S_IFS}, {T1_CARD_ABORT, S_ABORT}};

	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		if (is_ordered(c, requests[i].fault)) {
			c->asked = take_order(c);
			c->asking = true;
			say(c, requests[i].pcb,
				requests[i].fault == T1_CARD_ABORT ? VIEW_NULL
								   : view_of(&c->asked, 1),
				out);
			return true;
		}
	}
	return false;
}

static void say_part(struct t1_card *c, struct buf *out)
{
	struct view part = view_sub(buf_view(&c->answer), c->sent, c->ifsd);

	c->chunk = part.len;
	say(c, (unsigned)c->ns << 6 | (c->sent + part.len < c->answer.len ? I_MORE : 0U), part,
		out);
}

static void go_on(struct t1_card *c, struct buf *out)
{
	if (say_request(c, out)) {
		return;
	}
	if (c->step == ANSWERING) {
		say_part(c, out);
	} else {
		say_r(c, 0, out);
	}
}

/* Rules 7.1 to 7.3. */
static void ask_again(struct t1_card *c, unsigned error, struct buf *out)
{
	unsigned pcb = last_pcb(c);

	if (c->asking || (pcb & S) == R) {
		say_again(c, out);
	} else {
		say_r(c, error, out);
	}
}

/* -- what came ---------------------------------------------------------------------------------- */

static void take_i(struct t1_card *c, const struct heard *h, struct buf *out)
{
	bool answered = c->step == ANSWERING && c->sent + c->chunk == c->answer.len;

	if (c->asking || (h->pcb & 0x1F) != 0 || (h->pcb >> 6 & 1) != c->nr ||
		h->inf.len > c->ifsc || (c->step == ANSWERING && !answered)) {
		ask_again(c, 2, out);
		return;
	}
	if (answered) {
		c->ns ^= 1;
		c->step = LISTENING;
		buf_reset(&c->command);
	}
	c->nr ^= 1;
	buf_put_view(&c->command, h->inf);
	if ((h->pcb & I_MORE) == 0) {
		buf_reset(&c->answer);
		c->commands++;
		c->apdu(c->user, buf_view(&c->command), &c->answer);
		c->step = ANSWERING;
		c->sent = 0;
	}
	go_on(c, out);
}

static void take_r(struct t1_card *c, const struct heard *h, struct buf *out)
{
	unsigned nr = h->pcb >> 4 & 1;

	if (c->asking || c->step == LISTENING || h->inf.len > 0) {
		ask_again(c, 2, out);
		return;
	}
	if (nr == c->ns) {
		say_part(c, out);
	} else if (c->sent + c->chunk < c->answer.len) {
		c->sent += c->chunk;
		c->ns ^= 1;
		go_on(c, out);
	} else {
		ask_again(c, 2, out);
	}
}

/* Both sides forget what was on its way; the terminal sends next. */
static void drop_chain(struct t1_card *c)
{
	c->aborts++;
	if (c->step == ANSWERING) {
		c->ns ^=
			1; /* of the part that was sent; of one that was not: see take_response() */
	}
	c->step = LISTENING;
	buf_reset(&c->command);
	buf_reset(&c->answer);
}

static void take_response(struct t1_card *c, const struct heard *h, struct buf *out)
{
	if (!c->asking || h->pcb != (last_pcb(c) | S_RESPONSE) ||
		(h->pcb != (S_ABORT | S_RESPONSE) && h->value != c->asked)) {
		ask_again(c, 2, out);
		return;
	}
	c->asking = false;
	if (h->pcb == (S_ABORT | S_RESPONSE)) {
		if (c->step == ANSWERING) {
			c->ns ^= 1; /* the part that was due has not been sent */
		}
		drop_chain(c);
		say_r(c, 0, out); /* rule 9: the right to send goes back */
		return;
	}
	if (h->pcb == (S_WTX | S_RESPONSE)) {
		c->waits++;
	} else {
		c->ifsc = h->value;
	}
	go_on(c, out);
}

static void take_s(struct t1_card *c, const struct heard *h, struct buf *out)
{
	switch (h->pcb) {
	case S_RESYNCH:
		forget(c);
		c->ifsc = c->first_ifsc;
		c->ifsd = IFSD_DEFAULT;
		c->resynchs++;
		say(c, S_RESYNCH | S_RESPONSE, VIEW_NULL, out);
		return;
	case S_IFS:
		if (h->inf.len == 1 && h->value >= 1 && h->value <= INF_MAX && !c->asking) {
			c->ifsd = h->value;
			say(c, S_IFS | S_RESPONSE, h->inf, out);
			return;
		}
		break;
	case S_ABORT:
		if (h->inf.len == 0) {
			c->asking = false;
			if (c->step == ANSWERING) {
				drop_chain(c);
			}
			say(c, S_ABORT | S_RESPONSE, VIEW_NULL, out);
			return;
		}
		break;
	default:
		if (h->pcb & S_RESPONSE) {
			take_response(c, h, out);
			return;
		}
		break;
	}
	ask_again(c, 2, out);
}

void t1_card_take(struct t1_card *c, struct view block, struct buf *out)
{
	struct heard h;
	bool good = understand(c, block, &h);

	if (c->mute) {
		return;
	}
	if (is_ordered(c, T1_CARD_DEAF)) {
		(void)take_order(c);
		return;
	}
	if (is_ordered(c, T1_CARD_NOISE)) {
		(void)take_order(c);
		good = false;
	}
	if (!good) {
		ask_again(c, 1, out);
	} else if (h.pcb < R) {
		take_i(c, &h, out);
	} else if (h.pcb < S) {
		take_r(c, &h, out);
	} else {
		take_s(c, &h, out);
	}
}
