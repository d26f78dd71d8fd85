/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One request after another. Every answer carries what the card's line has cost since OPEN. A card
 * that has gone stays gone until CLOSE. On a shared connection every request runs in a transaction
 * of pcscd; once a right may have been obtained (PIN, role) the transaction is kept until a
 * signature has used it, and ends with a reset. Descriptors of a request are closed once it was
 * answered.
 */
#include "drivers/card/serve.h"

#include "base/clock.h"
#include "base/link.h"
#include "base/tlv.h"

#define SHARE_EXCLUSIVE 1U
#define SIGN_MAX	4096U /* bytes: what link-ops.h says of CARD_OP_SIGN */

struct op {
	int (*run)(struct serve *s, const struct link_frame *f, struct buf *body);
	bool needs_card;
};

static struct view value_of(const struct link_frame *f, uint32_t tag)
{
	struct tlv t;

	return tlv_find(f->body, tag, &t) == 0 ? t.value : VIEW_NULL;
}

static const struct transport_ops *ops_of(const struct serve *s)
{
	return s->card.apdu.transport->ops;
}

/* -- transactions of a shared connection ---------------------------------------------------------- */

static int lock(struct serve *s)
{
	struct apdu *a = &s->card.apdu;
	int r;

	if (s->card.exclusive || s->locked) {
		return 0;
	}
	r = apdu_from_transport(ops_of(s)->lock(a->transport, a->deadline));
	s->locked = r == 0;
	return trace(r);
}

/* The reset that takes the rights away; a card that became another one is gone. */
static int reset(struct serve *s)
{
	struct apdu *a = &s->card.apdu;
	uint8_t before[TRANSPORT_ATR_MAX];
	size_t len = a->transport->atr_len;
	int r;

	bytes_copy(before, sizeof(before), a->transport->atr, len);
	r = apdu_from_transport(ops_of(s)->reset(a->transport, a->deadline));
	if (r == 0 && !view_equal(view_of(before, len), transport_atr(a->transport))) {
		r = CARD_GONE;
	}
	card_forget(&s->card);
	return trace(r);
}

static int unlock(struct serve *s, uint8_t op)
{
	int r = 0;

	if (!s->locked) {
		return 0;
	}
	if (card_has_rights(&s->card)) {
		if (op != CARD_OP_SIGN) {
			return 0;
		}
		r = reset(s);
	}
	s->locked = false;
	if (r == 0) {
		r = apdu_from_transport(ops_of(s)->unlock(s->card.apdu.transport));
	}
	return trace(r);
}

/* After a reset the application must be selected again, or the card is another one. */
static int wake(struct serve *s)
{
	int r;

	if (!s->card.asleep) {
		return 0;
	}
	r = s->card.driver->probe(&s->card);
	s->card.asleep = r != CARD_DONE;
	return r == CARD_ABSENT ? CARD_GONE : trace(r);
}

/* -- the operations -------------------------------------------------------------------------------- */

static void disconnect(struct serve *s)
{
	ops_of(s)->close(s->card.apdu.transport, card_has_rights(&s->card));
	s->locked = false;
	s->open = false;
	s->gone = false;
}

/* What the card is, whatever came out of recognising it. */
static void put_kind(const struct serve *s, struct buf *body)
{
	const struct card_driver *d = s->card.driver;

	tlv_put_str(body, LINK_TAG_KIND, d ? d->kind : "unknown");
	if (d) {
		tlv_put_str(body, LINK_TAG_GENERATION, d->generation);
	}
	tlv_put(body, LINK_TAG_ATR, transport_atr(s->card.apdu.transport));
	if (!d || d->advice) {
		tlv_put_str(body, LINK_TAG_ADVICE, d ? d->advice : "unknown-card");
	}
}

static int run_open(struct serve *s, const struct link_frame *f, struct buf *body)
{
	char reader[TRANSPORT_NAME_MAX];
	uint8_t share = SHARE_EXCLUSIVE;
	struct card *c = &s->card;
	uint64_t deadline = c->apdu.deadline;
	int r;

	if (s->open || tlv_find_str(f->body, LINK_TAG_READER, reader, sizeof(reader)) != 0 ||
		tlv_find_u8(f->body, LINK_TAG_SHARE, &share) == TLV_BROKEN) {
		return CARD_FAILED;
	}
	apdu_init(&c->apdu, c->apdu.transport);
	apdu_begin(&c->apdu, deadline);
	card_forget(c);
	c->serial_len = 0;
	c->exclusive = share == SHARE_EXCLUSIVE;
	r = apdu_from_transport(
		ops_of(s)->open(c->apdu.transport, reader, c->exclusive, deadline));
	if (r != 0) {
		return trace(r);
	}
	r = lock(s);
	if (r == 0) {
		r = card_recognise(c);
	}
	s->open = r == CARD_DONE;
	if (r == CARD_DONE || r == CARD_UNKNOWN || r == CARD_UNSUPPORTED) {
		put_kind(s, body);
	}
	if (!s->open) {
		disconnect(s);
	}
	return trace(r);
}

/* An operation of the driver that only fills the body. */
static int run_read(
	struct serve *s, int (*fn)(struct card *c, struct buf *body), struct buf *body)
{
	return fn ? trace(fn(&s->card, body)) : CARD_ABSENT;
}

static int run_read_public(
	struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->read_public, body));
}

static int run_read_people(
	struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->read_people, body));
}

static int run_read_activities(
	struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->read_activities, body));
}

static int run_read_protected(
	struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->read_protected, body));
}

static int run_pin_state(struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	struct card_pin pin;
	int r;

	if (!s->card.driver->pin_state) {
		return CARD_ABSENT;
	}
	r = s->card.driver->pin_state(&s->card, &pin);
	if (r != CARD_DONE) {
		return trace(r);
	}
	s->card.tries = pin.tries;
	s->card.tries_known = true;
	tlv_put_u8(body, LINK_TAG_TRIES, pin.tries);
	tlv_put_u8(body, LINK_TAG_VERIFIED, pin.verified);
	return 0;
}

static int run_verify(struct serve *s, const struct link_frame *f, struct buf *body)
{
	uint8_t last_try = 0;

	if (!s->card.driver->verify) {
		return CARD_ABSENT;
	}
	if (f->n_fds != 1 || tlv_find_u8(f->body, LINK_TAG_LAST_TRY, &last_try) == TLV_BROKEN) {
		return CARD_PIN_REFUSED;
	}
	return trace(s->card.driver->verify(&s->card, f->fds[0], last_try == 1, body));
}

static int run_check_certificate(
	struct serve *s, const struct link_frame *f, _unused_ struct buf *body)
{
	return trace(role_check_certificate(
		&s->card, value_of(f, LINK_TAG_CAR), value_of(f, LINK_TAG_CVC)));
}

static int run_challenge(struct serve *s, const struct link_frame *f, struct buf *body)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(APDU_LE_MAX);
	int r;

	r = role_challenge(&s->card, value_of(f, LINK_TAG_CHR), &data);
	if (r == CARD_DONE) {
		tlv_put(body, LINK_TAG_DATA, buf_view(&data));
	}
	return trace(r);
}

static int run_internal_authenticate(
	struct serve *s, const struct link_frame *f, struct buf *body)
{
	_cleanup_(buf_done) struct buf signature = BUF_NULL(APDU_LE_MAX);
	int r;

	r = role_internal_authenticate(&s->card, value_of(f, LINK_TAG_DATA), &signature);
	if (r == CARD_DONE) {
		tlv_put(body, LINK_TAG_SIGNATURE, buf_view(&signature));
	}
	return trace(r);
}

static int run_external_authenticate(
	struct serve *s, const struct link_frame *f, _unused_ struct buf *body)
{
	return trace(role_external_authenticate(&s->card, value_of(f, LINK_TAG_SIGNATURE)));
}

static int run_sign(struct serve *s, const struct link_frame *f, struct buf *body)
{
	_cleanup_(buf_done) struct buf signature = BUF_NULL(APDU_LE_MAX);
	struct view data = value_of(f, LINK_TAG_DATA);
	int r;

	if (!s->card.driver->sign) {
		return CARD_ABSENT;
	}
	if (data.len == 0 || data.len > SIGN_MAX) {
		return CARD_REFUSED;
	}
	r = s->card.driver->sign(&s->card, data, &signature);
	if (r == CARD_DONE) {
		tlv_put(body, LINK_TAG_SIGNATURE, buf_view(&signature));
	}
	return trace(r);
}

static int run_reset(
	struct serve *s, _unused_ const struct link_frame *f, _unused_ struct buf *body)
{
	return trace(reset(s));
}

static int run_present(
	struct serve *s, _unused_ const struct link_frame *f, _unused_ struct buf *body)
{
	struct view serial;

	return trace(card_serial(&s->card, &serial));
}

static int run_close(
	struct serve *s, _unused_ const struct link_frame *f, _unused_ struct buf *body)
{
	if (s->open) {
		disconnect(s);
	}
	s->over = true;
	return 0;
}

static const struct op operations[] = {
	[CARD_OP_OPEN] = {run_open, false},
	[CARD_OP_READ_PUBLIC] = {run_read_public, true},
	[CARD_OP_READ_PEOPLE] = {run_read_people, true},
	[CARD_OP_PIN_STATE] = {run_pin_state, true},
	[CARD_OP_VERIFY] = {run_verify, true},
	[CARD_OP_READ_ACTIVITIES] = {run_read_activities, true},
	[CARD_OP_CHECK_CERTIFICATE] = {run_check_certificate, true},
	[CARD_OP_CHALLENGE] = {run_challenge, true},
	[CARD_OP_INTERNAL_AUTHENTICATE] = {run_internal_authenticate, true},
	[CARD_OP_EXTERNAL_AUTHENTICATE] = {run_external_authenticate, true},
	[CARD_OP_READ_PROTECTED] = {run_read_protected, true},
	[CARD_OP_SIGN] = {run_sign, true},
	[CARD_OP_RESET] = {run_reset, true},
	[CARD_OP_PRESENT] = {run_present, true},
	[CARD_OP_CLOSE] = {run_close, false},
};

/* -- requests and answers -------------------------------------------------------------------------- */

static int run_on_card(
	struct serve *s, const struct op *op, const struct link_frame *f, struct buf *body)
{
	int r;

	if (!s->open) {
		return CARD_FAILED;
	}
	if (s->gone) {
		return CARD_GONE;
	}
	r = lock(s);
	if (r == 0 && f->op != CARD_OP_RESET) {
		r = wake(s);
	}
	return r != 0 ? trace(r) : trace(op->run(s, f, body));
}

/* Return: CARD_DONE or another card_outcome; faults are CARD_FAILED, there is nobody above us. */
static uint8_t run(struct serve *s, const struct link_frame *f, struct buf *body)
{
	const struct op *op = f->op < ARRAY_LEN(operations) ? &operations[f->op] : NULL;
	int end;
	int r;

	if (!op || !op->run) {
		return CARD_ABSENT;
	}
	apdu_begin(&s->card.apdu, clock_monotonic() + SERVE_REQUEST_USEC);
	r = op->needs_card ? run_on_card(s, op, f, body) : op->run(s, f, body);
	end = unlock(s, f->op);
	if (r == CARD_DONE) {
		r = end;
	}
	s->gone = s->gone || r == CARD_GONE;
	return r < 0 ? CARD_FAILED : (uint8_t)r;
}

/* Outcomes whose answer says more than the word. */
static bool has_body(uint8_t outcome)
{
	return outcome == CARD_DONE || outcome == CARD_UNKNOWN || outcome == CARD_UNSUPPORTED ||
	       outcome == CARD_PIN_WRONG || outcome == CARD_PIN_BLOCKED ||
	       outcome == CARD_PIN_LAST;
}

static int answer(struct serve *s, const struct link_frame *f)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CARD_BODY_MAX);
	uint8_t outcome = run(s, f, &body);

	if (has_body(outcome) && buf_check(&body) < 0) {
		outcome =
			CARD_BROKEN; /* more than a frame holds: no card of ours says so much */
	}
	if (!has_body(outcome)) {
		buf_reset(&body);
	}
	body.max = LINK_MAX_FRAME - LINK_HEADER;
	tlv_put_u32(&body, LINK_TAG_TPDUS, s->card.apdu.tpdus);
	tlv_put_u32(&body, LINK_TAG_CHARACTERS, s->card.apdu.characters);
	return trace(link_answer(s->link, f, outcome, buf_view(&body)));
}

int serve_init(struct serve *s, int link, struct transport *t)
{
	*s = (struct serve){.link = link};
	return trace(card_init(&s->card, t));
}

void serve_done(struct serve *s)
{
	if (s->open) {
		disconnect(s);
	}
	card_done(&s->card);
}

int serve_run(struct serve *s)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int r = 0;

	while (r == 0 && !s->over) {
		struct link_frame f = LINK_FRAME_NULL;

		r = link_recv(s->link, &storage, &f, false);
		if (r == 0 && f.kind != LINK_KIND_REQUEST) {
			r = LINK_MALFORMED;
		} else if (r == 0) {
			r = answer(s, &f);
		}
		link_frame_done(&f);
	}
	if (r == LINK_CLOSED) {
		return 0;
	}
	return r == LINK_MALFORMED ? SERVE_MALFORMED : trace(r);
}
