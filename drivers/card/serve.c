/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One request after another. Every answer carries what the card's line has cost since OPEN. A card
 * that has gone stays gone until CLOSE; whether it has is asked at every request, before anything is
 * sent. Descriptors of a request are closed once it was answered.
 *
 * On a shared connection every request runs in a transaction of pcscd. Nobody tells what other
 * programs did in between, so at each new one the application is selected anew; when one of them
 * reset the card, its number is compared too. From the first command that leads to a right (PIN, the
 * other card's certificate) the transaction is kept until SIGN has used it, or for
 * SERVE_KEPT_USEC without a request, and ends with a reset: no other program meets our rights, none
 * waits longer than that.
 */
#include "drivers/card/serve.h"

#include <assert.h>
#include <poll.h>

#include "base/clock.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/card/serve-ops.h"
#include "drivers/card/stuck.h"

static const struct transport_ops *ops_of(const struct serve *s)
{
	return s->card.apdu.transport->ops;
}

/* -- signs of life -------------------------------------------------------------------------------- */

static void put_counts(const struct serve *s, struct buf *body)
{
	tlv_put_u32(body, LINK_TAG_TPDUS, s->card.apdu.tpdus);
	tlv_put_u32(body, LINK_TAG_CHARACTERS, s->card.apdu.characters);
}

/* The broker has just heard of us: from now on it is patient again. */
static void heard(struct serve *s)
{
	_cleanup_(buf_done) struct buf counts = BUF_NULL(STUCK_BODY_MAX);

	s->heard = clock_monotonic();
	put_counts(s, &counts);
	stuck_begin(s->request, buf_view(&counts), s->stuck_usec);
}

/* Before every command on the line. An event that cannot be sent is no reason to stop: a broker that
 * hung up is met at the next request, one that does not read kills us by its own clock. */
static void before_command(void *user)
{
	_cleanup_(buf_done) struct buf counts = BUF_NULL(STUCK_BODY_MAX);
	struct link_frame f = LINK_FRAME_NULL;
	struct serve *s = user;

	assert(s->request); /* what await() gives back takes no command */
	if (clock_monotonic() - s->heard < SERVE_ALIVE_USEC) {
		return;
	}
	put_counts(s, &counts);
	f.kind = LINK_KIND_EVENT;
	f.op = CARD_OP_ALIVE;
	f.body = buf_view(&counts);
	if (link_send(s->link, &f, true) == 0) {
		heard(s);
	}
}

void serve_hooks(struct serve *s)
{
	s->card.apdu.before = before_command;
	s->card.apdu.user = s;
}

/* -- other programs ------------------------------------------------------------------------------- */

/* The card was away from us, not from its reader: whatever was selected is not. */
static void doze(struct card *c)
{
	card_selected(c, CARD_DF_UNKNOWN, 0);
	c->asleep = true;
}

/* After a reset the application must be selected again, or the card is another one. */
static int wake(struct serve *s)
{
	const struct card_driver *d = s->card.driver;
	int r;

	if (!s->card.asleep) {
		return 0;
	}
	r = d->resume(&s->card);
	s->card.asleep = r != CARD_DONE;
	return r == CARD_ABSENT ? CARD_GONE : trace(r);
}

/* Somebody reset the card between two transactions: it must be the one whose number we know. */
static int compare(struct serve *s)
{
	struct view serial;
	int r;

	card_forget(&s->card);
	if (!s->open) {
		return 0;
	}
	r = wake(s);
	if (r == 0 && s->card.serial_len > 0) {
		r = card_serial(&s->card, &serial);
	}
	return trace(r);
}

int serve_lock(struct serve *s)
{
	struct transport *t = s->card.apdu.transport;
	int r;

	if (s->card.exclusive || s->locked) {
		return trace(apdu_from_transport(ops_of(s)->status(t)));
	}
	stuck_as(CARD_BUSY);
	r = ops_of(s)->lock(t, apdu_others(&s->card.apdu));
	stuck_as(CARD_MUTE);
	s->locked = r == 0 || r == TRANSPORT_TOUCHED;
	if (r == TRANSPORT_TOUCHED) {
		return trace(compare(s));
	}
	doze(&s->card);
	return trace(apdu_from_transport(r));
}

int serve_reset(struct serve *s)
{
	struct apdu *a = &s->card.apdu;
	uint8_t before[TRANSPORT_ATR_MAX];
	size_t len = a->transport->atr_len;
	int r;

	bytes_copy(before, sizeof(before), a->transport->atr, len);
	r = apdu_from_transport(ops_of(s)->reset(a->transport, apdu_others(a)));
	if (r == 0 && !view_equal(view_of(before, len), transport_atr(a->transport))) {
		r = CARD_GONE;
	}
	card_forget(&s->card);
	return trace(r);
}

/* End the transaction, by a reset when a right may be open. */
static int release(struct serve *s)
{
	int end;
	int r = 0;

	if (card_has_rights(&s->card)) {
		r = serve_reset(s);
	}
	s->locked = false;
	end = apdu_from_transport(ops_of(s)->unlock(s->card.apdu.transport));
	return r != 0 ? trace(r) : trace(end);
}

static int unlock(struct serve *s, uint8_t op)
{
	if (!s->locked) {
		return 0;
	}
	if (card_has_rights(&s->card) && op != CARD_OP_SIGN) {
		s->kept_until = clock_monotonic() + SERVE_KEPT_USEC;
		return 0;
	}
	return trace(release(s));
}

void serve_disconnect(struct serve *s)
{
	ops_of(s)->close(s->card.apdu.transport, card_has_rights(&s->card));
	s->locked = false;
	s->open = false;
	s->gone = false;
}

/* -- requests and answers -------------------------------------------------------------------------- */

static int run_on_card(struct serve *s, const struct serve_op *op, const struct link_frame *f,
	struct buf *body)
{
	int r;

	if (!s->open) {
		return CARD_FAILED;
	}
	if (s->gone) {
		return CARD_GONE;
	}
	r = serve_lock(s);
	if (r == 0 && f->op != CARD_OP_RESET) {
		r = wake(s);
	}
	return r != 0 ? trace(r) : trace(op->run(s, f, body));
}

/* Return: CARD_DONE or another card_outcome; faults are CARD_FAILED, there is nobody above us. */
static uint8_t run(struct serve *s, const struct link_frame *f, struct buf *body)
{
	const struct serve_op *op = serve_op(f->op);
	bool keypad = serve_keypad(f);
	uint64_t more = keypad && f->op != CARD_OP_VERIFY ? SERVE_KEYPAD_MORE_USEC : 0;
	int end;
	int r;

	if (!op) {
		return CARD_ABSENT;
	}
	s->request = f;
	s->stuck_usec = keypad ? SERVE_STUCK_KEYPAD_USEC + more : SERVE_STUCK_USEC;
	stuck_as(CARD_MUTE);
	heard(s);
	apdu_begin(&s->card.apdu,
		clock_monotonic() + (keypad ? SERVE_KEYPAD_USEC + more : SERVE_REQUEST_USEC));
	r = op->needs_card ? run_on_card(s, op, f, body) : op->run(s, f, body);
	end = unlock(s, f->op);
	if (r == CARD_DONE) {
		r = end;
	}
	s->gone = s->gone || r == CARD_GONE;
	s->request = NULL;
	return r < 0 ? CARD_FAILED : (uint8_t)r;
}

/* Outcomes whose answer says more than the word. */
static bool has_body(uint8_t outcome)
{
	static const uint8_t with_body[] = {CARD_DONE, CARD_UNKNOWN, CARD_UNSUPPORTED,
		CARD_PIN_WRONG, CARD_PIN_BLOCKED, CARD_PIN_LAST, CARD_PIN_REFUSED,
		CARD_CANCELLED, CARD_LATE, CARD_UNUSABLE};

	for (size_t i = 0; i < ARRAY_LEN(with_body); i++) {
		if (with_body[i] == outcome) {
			return true;
		}
	}
	return false;
}

static int answer(struct serve *s, const struct link_frame *f)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CARD_BODY_MAX);
	uint8_t outcome = run(s, f, &body);

	if (has_body(outcome) && buf_check(&body) < 0) {
		/* more than a frame holds: no card of ours says so much */
		outcome = apdu_room(&body) == CARD_BROKEN ? CARD_BROKEN : CARD_FAILED;
	}
	if (!has_body(outcome)) {
		buf_reset(&body);
	}
	body.max = LINK_MAX_FRAME - LINK_HEADER;
	put_counts(s, &body);
	if (buf_check(&body) < 0) { /* half a body would be none */
		outcome = CARD_FAILED;
		buf_reset(&body);
	}
	stuck_end();
	return trace(link_answer(s->link, f, outcome, buf_view(&body)));
}

/* A right that nobody uses is given back in time. While there is none, nothing wakes this process. */
static void await(struct serve *s)
{
	struct pollfd p = {.fd = s->link, .events = POLLIN};

	while (s->locked && poll(&p, 1, clock_timeout_ms(s->kept_until)) == 0) {
		apdu_begin(&s->card.apdu, clock_monotonic() + APDU_OTHERS_USEC);
		if (release(s) == CARD_GONE) {
			s->gone = true;
		}
	}
}

int serve_init(struct serve *s, int link, enum reader_driver driver, struct transport *t)
{
	int r;

	*s = (struct serve){.link = link, .driver = driver, .transport = t};
	r = card_init(&s->card, t);
	serve_hooks(s);
	return trace(r);
}

void serve_done(struct serve *s)
{
	if (s->open) {
		serve_disconnect(s);
	}
	card_done(&s->card);
}

int serve_run(struct serve *s)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int r = 0;

	while (r == 0 && !s->over) {
		struct link_frame f = LINK_FRAME_NULL;

		await(s);
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
