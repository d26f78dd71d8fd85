/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Two directions, four steps each. What a card signs is 16 bytes of the other card's challenge
 * and the last 8 bytes of the other card's serial, so that a signature made for one card serves
 * no other. After this exchange nothing is proved to the broker yet but that the two cards agree:
 * its own nonce comes later.
 */
#include "daemon/session/exchange.h"

#include <assert.h>
#include <string.h>

#include "base/link-ops.h"
#include "base/tlv.h"

#define SERIAL_SIGNED 8U
#define PURPOSE_SIZE  8U

struct step {
	bool to_prover; /* else to the verifier */
	uint8_t op;
	void (*build)(const struct exchange *x, struct buf *body);
	int (*take)(struct exchange *x, struct view answer);
};

/* The professional's card proves itself in the first four steps, the patient's in the others. */
static enum exchange_card prover_of(size_t step);

static const struct exchange_side *prover(const struct exchange *x)
{
	return &x->sides[prover_of(x->step)];
}

static const struct exchange_side *verifier(const struct exchange *x)
{
	return &x->sides[prover_of(x->step) == EXCHANGE_PATIENT ? EXCHANGE_PROFESSIONAL
								: EXCHANGE_PATIENT];
}

static void put_signed(const struct exchange *x, struct buf *out)
{
	buf_put_view(out, VIEW(x->challenge));
	buf_put_view(out, view_last(verifier(x)->serial, SERIAL_SIGNED));
}

static void build_certificate(const struct exchange *x, struct buf *body)
{
	tlv_put_str(body, LINK_TAG_CAR, prover(x)->cvc->car);
	tlv_put(body, LINK_TAG_CVC, prover(x)->certificate);
}

static void build_challenge(const struct exchange *x, struct buf *body)
{
	tlv_put_str(body, LINK_TAG_CHR, prover(x)->cvc->chr);
}

static void build_prove(const struct exchange *x, struct buf *body)
{
	size_t mark = tlv_open(body, LINK_TAG_DATA);

	put_signed(x, body);
	tlv_close(body, mark);
}

static void build_check(const struct exchange *x, struct buf *body)
{
	tlv_put(body, LINK_TAG_SIGNATURE, VIEW(x->signature));
}

static int take_nothing(struct exchange *x, struct view answer)
{
	(void)x;
	(void)answer;
	return 0;
}

/* A challenge that came before was not drawn at random. */
static bool seen_before(struct exchange_seen *seen, struct view challenge)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (view_equal(VIEW(seen->challenge[i]), challenge)) {
			return true;
		}
	}
	bytes_copy(
		seen->challenge[seen->next], EXCHANGE_CHALLENGE, challenge.data, challenge.len);
	seen->next = (seen->next + 1) % EXCHANGE_SEEN;
	seen->n += seen->n < EXCHANGE_SEEN ? 1 : 0;
	return false;
}

static int take_challenge(struct exchange *x, struct view answer)
{
	struct tlv t;

	if (tlv_find(answer, LINK_TAG_DATA, &t) != 0 || t.value.len != EXCHANGE_CHALLENGE) {
		return EXCHANGE_BROKEN;
	}
	if (seen_before(x->seen, t.value)) {
		return EXCHANGE_FALSE;
	}
	return trace(view_copy(t.value, x->challenge, sizeof(x->challenge)));
}

static int take_signature(struct exchange *x, struct view answer)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(64);
	struct tlv t;
	int r;

	if (tlv_find(answer, LINK_TAG_SIGNATURE, &t) != 0 || t.value.len != CVC_SIGNATURE) {
		return EXCHANGE_BROKEN;
	}
	put_signed(x, &data);
	r = buf_check(&data);
	if (r < 0) {
		return trace(r);
	}
	r = cvc_check_signature(prover(x)->cvc->point, buf_view(&data), t.value);
	if (r != 0) {
		return r < 0 ? trace(r) : EXCHANGE_FALSE;
	}
	return trace(view_copy(t.value, x->signature, sizeof(x->signature)));
}

static const struct step steps[] = {
	{false, CARD_OP_CHECK_CERTIFICATE, build_certificate, take_nothing},
	{false, CARD_OP_CHALLENGE, build_challenge, take_challenge},
	{true, CARD_OP_INTERNAL_AUTHENTICATE, build_prove, take_signature},
	{false, CARD_OP_EXTERNAL_AUTHENTICATE, build_check, take_nothing},
};

static enum exchange_card prover_of(size_t step)
{
	return step < ARRAY_LEN(steps) ? EXCHANGE_PROFESSIONAL : EXCHANGE_PATIENT;
}

void exchange_init(struct exchange *x, const struct exchange_side *patient,
	const struct exchange_side *professional, struct exchange_seen *seen)
{
	*x = (struct exchange){.seen = seen};
	x->sides[EXCHANGE_PATIENT] = *patient;
	x->sides[EXCHANGE_PROFESSIONAL] = *professional;
}

int exchange_next(const struct exchange *x, enum exchange_card *ret_card, uint8_t *ret_op,
	struct buf *body)
{
	const struct step *step = &steps[x->step % ARRAY_LEN(steps)];
	enum exchange_card to = prover_of(x->step);
	int r;

	if (x->step >= 2 * ARRAY_LEN(steps)) {
		return EXCHANGE_DONE;
	}
	if (!step->to_prover) {
		to = to == EXCHANGE_PATIENT ? EXCHANGE_PROFESSIONAL : EXCHANGE_PATIENT;
	}
	step->build(x, body);
	r = buf_check(body);
	if (r < 0) {
		return trace(r);
	}
	*ret_card = to;
	*ret_op = step->op;
	return 0;
}

int exchange_take(struct exchange *x, struct view answer)
{
	int r;

	assert(x->step < 2 * ARRAY_LEN(steps));
	r = steps[x->step % ARRAY_LEN(steps)].take(x, answer);
	if (r == 0) {
		x->step++;
	}
	return trace(r);
}

int exchange_presence(
	const struct cvc *c, struct view bytes, const char *purpose, struct view signature)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(64);
	int r;

	assert(strlen(purpose) == PURPOSE_SIZE);
	buf_put_view(&data, bytes);
	buf_put_str(&data, purpose);
	r = buf_check(&data);
	if (r < 0) {
		return trace(r);
	}
	if (signature.len != CVC_SIGNATURE) {
		return EXCHANGE_FALSE;
	}
	r = cvc_check_signature(c->point, buf_view(&data), signature);
	return r > 0 ? EXCHANGE_FALSE : trace(r);
}
