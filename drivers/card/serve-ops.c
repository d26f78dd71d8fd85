/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One function per request: it takes the request's objects apart, refuses what is not of its shape
 * before anything is sent to the card, calls the kind's driver, and puts the answer together.
 */
#include "drivers/card/serve-ops.h"

#include "base/tlv.h"
#include "drivers/card/stuck.h"

#define SIGN_MAX 4096U /* bytes: what link-ops.h says of CARD_OP_SIGN */

static struct view value_of(const struct link_frame *f, uint32_t tag)
{
	struct tlv t;

	return tlv_find(f->body, tag, &t) == 0 ? t.value : VIEW_NULL;
}

/* A byte of the request; @absent when it is not there. Return: whether it is one byte. */
static bool byte_of(
	const struct link_frame *f, uint32_t tag, uint8_t absent, uint8_t *ret_value)
{
	int r = tlv_find_u8(f->body, tag, ret_value);

	if (r == TLV_ABSENT) {
		*ret_value = absent;
	}
	return r != TLV_BROKEN;
}

/* -- opening ---------------------------------------------------------------------------------------- */

/* What the card is, whatever came out of recognising it. */
static void put_kind(const struct serve *s, struct buf *body)
{
	const struct transport *t = s->card.apdu.transport;
	const struct card_driver *d = s->card.driver;

	tlv_put_str(body, LINK_TAG_KIND, d ? d->kind : "unknown");
	if (d) {
		tlv_put_str(body, LINK_TAG_GENERATION, d->generation);
	}
	tlv_put(body, LINK_TAG_ATR, transport_atr(t));
	if (!d || d->advice) {
		tlv_put_str(body, LINK_TAG_ADVICE, d ? d->advice : "unknown-card");
	}
	tlv_put_u8(body, LINK_TAG_PINPAD, t->pinpad);
}

/* As it was recognised before, where the request says as what; else anew. */
static int recognise(struct serve *s, const struct link_frame *f)
{
	struct view kind = value_of(f, LINK_TAG_KIND);
	struct view generation = value_of(f, LINK_TAG_GENERATION);
	struct view atr = value_of(f, LINK_TAG_ATR);

	if (kind.len == 0 || generation.len == 0 || atr.len == 0) {
		return trace(card_recognise(&s->card));
	}
	return trace(card_resume(&s->card, kind, generation, atr));
}

static int connect_card(struct serve *s, struct transport *t, const char *reader)
{
	struct card *c = &s->card;
	struct apdu *a = &c->apdu;
	uint64_t deadline = a->deadline;

	apdu_init(a, t);
	apdu_begin(a, deadline);
	serve_hooks(s);
	card_forget(c);
	c->serial_len = 0;
	stuck_as(CARD_BUSY);
	return trace(apdu_from_transport(
		a->transport->ops->open(a->transport, reader, c->exclusive, apdu_others(a))));
}

static int run_open(struct serve *s, const struct link_frame *f, struct buf *body)
{
	char reader[TRANSPORT_NAME_MAX];
	uint8_t driver;
	uint8_t share;
	int r;

	if (s->open || tlv_find_str(f->body, LINK_TAG_READER, reader, sizeof(reader)) != 0 ||
		!byte_of(f, LINK_TAG_DRIVER, READER_DRIVER_PCSC, &driver) ||
		driver >= READER_DRIVER_COUNT ||
		!byte_of(f, LINK_TAG_SHARE, CARD_SHARE_EXCLUSIVE, &share) ||
		share > CARD_SHARE_EXCLUSIVE) {
		return CARD_FAILED;
	}
	if (driver != s->driver) {
		return CARD_NO_SERVICE; /* a process is for one of them */
	}
	s->card.exclusive = share == CARD_SHARE_EXCLUSIVE;
	r = connect_card(s, s->transport, reader);
	if (r != 0) {
		return trace(r);
	}
	r = serve_lock(s);
	if (r == 0) {
		stuck_as(CARD_MUTE);
		r = recognise(s, f);
	}
	s->open = r == CARD_DONE;
	if (r == CARD_DONE || r == CARD_UNKNOWN || r == CARD_UNSUPPORTED) {
		put_kind(s, body);
	}
	if (!s->open) {
		serve_disconnect(s);
	}
	return trace(r);
}

static int run_close(
	struct serve *s, _unused_ const struct link_frame *f, _unused_ struct buf *body)
{
	if (s->open) {
		serve_disconnect(s);
	}
	s->over = true;
	return 0;
}

/* -- reading ---------------------------------------------------------------------------------------- */

/* An operation of the driver that only fills the body. */
static int run_read(
	struct serve *s, int (*fn)(struct card *c, struct buf *body), struct buf *body)
{
	return fn ? trace(fn(&s->card, body)) : CARD_ABSENT;
}

static int run_identify(struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->identify, body));
}

static int run_read_role(struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->read_role, body));
}

static int run_read_public(
	struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->read_public, body));
}

static int run_keep_people(
	struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->keep_people, body));
}

static int run_read_people(
	struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->read_people, body));
}

static int run_read_protected(
	struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	return trace(run_read(s, s->card.driver->read_protected, body));
}

static int run_read_activities(struct serve *s, const struct link_frame *f, struct buf *body)
{
	if (!s->card.driver->read_activities) {
		return CARD_ABSENT;
	}
	return trace(s->card.driver->read_activities(
		&s->card, value_of(f, LINK_TAG_DIRECTORY), body));
}

static int run_present(
	struct serve *s, _unused_ const struct link_frame *f, _unused_ struct buf *body)
{
	struct view serial;

	return trace(card_serial(&s->card, &serial));
}

/* -- the PIN ---------------------------------------------------------------------------------------- */

static int run_pin_state(struct serve *s, _unused_ const struct link_frame *f, struct buf *body)
{
	struct card_pin pin = {.tries = 0};
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
	if (pin.puk_known) {
		tlv_put_u8(body, LINK_TAG_PUK_TRIES, pin.puk_tries);
		tlv_put_u8(body, LINK_TAG_PUK_USES, pin.puk_uses);
	}
	return 0;
}

bool serve_keypad(const struct link_frame *f)
{
	uint8_t keypad;

	return (f->op == CARD_OP_VERIFY || f->op == CARD_OP_CHANGE_PIN ||
		       f->op == CARD_OP_UNBLOCK_PIN) &&
	       byte_of(f, LINK_TAG_PINPAD, 0, &keypad) && keypad == 1;
}

/**
 * run_entry() - @fn with the codes of the request: @n pipes, or the keypad and no pipe
 * @needed:  TRANSPORT_PINPAD_*, of the keypad
 */
static int run_entry(struct serve *s, const struct link_frame *f,
	int (*fn)(struct card *c, const struct card_entry *e, struct buf *body), size_t n,
	uint8_t needed, struct buf *body)
{
	struct card_entry e = {.fds = {-1, -1}, .keypad = serve_keypad(f)};
	uint8_t last_try;

	if (!fn) {
		return CARD_ABSENT;
	}
	if (f->n_fds != (e.keypad ? 0 : n) || !byte_of(f, LINK_TAG_LAST_TRY, 0, &last_try)) {
		return CARD_PIN_REFUSED;
	}
	if (e.keypad && !(s->card.apdu.transport->pinpad & needed)) {
		return CARD_ABSENT;
	}
	e.last_try = last_try == 1;
	for (size_t i = 0; i < f->n_fds; i++) {
		e.fds[i] = f->fds[i];
	}
	return trace(fn(&s->card, &e, body));
}

static int run_verify(struct serve *s, const struct link_frame *f, struct buf *body)
{
	return trace(run_entry(s, f, s->card.driver->verify, 1, TRANSPORT_PINPAD_VERIFY, body));
}

static int run_change_pin(struct serve *s, const struct link_frame *f, struct buf *body)
{
	return trace(
		run_entry(s, f, s->card.driver->change_pin, 2, TRANSPORT_PINPAD_MODIFY, body));
}

static int run_unblock_pin(struct serve *s, const struct link_frame *f, struct buf *body)
{
	return trace(
		run_entry(s, f, s->card.driver->unblock_pin, 2, TRANSPORT_PINPAD_MODIFY, body));
}

/* -- role authentication and signatures ------------------------------------------------------------- */

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
	return trace(serve_reset(s));
}

/* -- the table -------------------------------------------------------------------------------------- */

static const struct serve_op operations[CARD_OP_COUNT] = {
	[CARD_OP_OPEN] = {run_open, false},
	[CARD_OP_IDENTIFY] = {run_identify, true},
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
	[CARD_OP_CHANGE_PIN] = {run_change_pin, true},
	[CARD_OP_UNBLOCK_PIN] = {run_unblock_pin, true},
	[CARD_OP_KEEP_PEOPLE] = {run_keep_people, true},
	[CARD_OP_READ_ROLE] = {run_read_role, true},
};

const struct serve_op *serve_op(uint8_t number)
{
	return number < CARD_OP_COUNT && operations[number].run ? &operations[number] : NULL;
}
