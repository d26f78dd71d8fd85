/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Two cards, four commands each, and what each needs. What a card signs is 16 bytes of the other
 * card's challenge and the last 8 bytes of the other card's serial, so that a signature made for
 * one card serves no other. Commands of one card are tried in the order of the table: the
 * professional's EXTERNAL AUTHENTICATE needs no PIN and may overtake its INTERNAL AUTHENTICATE,
 * which does. After this exchange nothing is proved to the broker yet but that the two cards agree:
 * its own nonce comes later.
 */
#include "daemon/session/exchange.h"

#include <assert.h>
#include <string.h>

#include "base/link-ops.h"
#include "base/tlv.h"

#define SERIAL_SIGNED 8U
#define PURPOSE_SIZE  8U

/* the commands, as bits of what is done */
#define CHECK	  1U
#define CHALLENGE 2U
#define INTERNAL  4U
#define EXTERNAL  8U
#define ALL	  (CHECK | CHALLENGE | INTERNAL | EXTERNAL)

struct command {
	uint8_t op;
	unsigned int bit;
	unsigned int own;   /* what this card must have done before */
	unsigned int other; /* ... and the other one */
	unsigned int gates[EXCHANGE_CARDS];
	void (*build)(const struct exchange *x, enum exchange_card to, struct buf *body);
	int (*take)(struct exchange *x, enum exchange_card from, struct view answer);
};

static enum exchange_card peer(enum exchange_card card)
{
	return card == EXCHANGE_PATIENT ? EXCHANGE_PROFESSIONAL : EXCHANGE_PATIENT;
}

/* What @prover signs: the other card's challenge and serial. */
static void put_signed(const struct exchange *x, enum exchange_card prover, struct buf *out)
{
	enum exchange_card verifier = peer(prover);

	buf_put_view(out, VIEW(x->challenge[verifier]));
	buf_put_view(out, view_last(x->sides[verifier].serial, SERIAL_SIGNED));
}

/* -- requests ------------------------------------------------------------------------------------ */

static void build_check(const struct exchange *x, enum exchange_card to, struct buf *body)
{
	const struct exchange_side *prover = &x->sides[peer(to)];

	tlv_put_str(body, LINK_TAG_CAR, prover->cvc->car);
	tlv_put(body, LINK_TAG_CVC, prover->certificate);
}

static void build_challenge(const struct exchange *x, enum exchange_card to, struct buf *body)
{
	tlv_put_str(body, LINK_TAG_CHR, x->sides[peer(to)].cvc->chr);
}

static void build_internal(const struct exchange *x, enum exchange_card to, struct buf *body)
{
	size_t mark = tlv_open(body, LINK_TAG_DATA);

	put_signed(x, to, body);
	tlv_close(body, mark);
}

static void build_external(const struct exchange *x, enum exchange_card to, struct buf *body)
{
	tlv_put(body, LINK_TAG_SIGNATURE, VIEW(x->signature[peer(to)]));
}

/* -- answers ------------------------------------------------------------------------------------- */

static int take_nothing(struct exchange *x, enum exchange_card from, struct view answer)
{
	(void)x;
	(void)from;
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

static int take_challenge(struct exchange *x, enum exchange_card from, struct view answer)
{
	struct tlv t;

	if (tlv_find(answer, LINK_TAG_DATA, &t) != 0 || t.value.len != EXCHANGE_CHALLENGE) {
		return EXCHANGE_BROKEN;
	}
	if (seen_before(x->seen, t.value)) {
		return EXCHANGE_FALSE;
	}
	return trace(view_copy(t.value, x->challenge[from], sizeof(x->challenge[from])));
}

static int take_signature(struct exchange *x, enum exchange_card from, struct view answer)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(64);
	struct tlv t;
	int r;

	if (tlv_find(answer, LINK_TAG_SIGNATURE, &t) != 0 || t.value.len != CVC_SIGNATURE) {
		return EXCHANGE_BROKEN;
	}
	put_signed(x, from, &data);
	r = buf_check(&data);
	if (r < 0) {
		return trace(r);
	}
	r = cvc_check_signature(x->sides[from].cvc->point, buf_view(&data), t.value);
	if (r != 0) {
		return r < 0 ? trace(r) : EXCHANGE_FALSE;
	}
	return trace(view_copy(t.value, x->signature[from], sizeof(x->signature[from])));
}

/* -- the graph ----------------------------------------------------------------------------------- */

/* EXTERNAL AUTHENTICATE gives rights: on the patient's card only to who has been admitted. */
static const struct command commands[] = {
	{CARD_OP_CHECK_CERTIFICATE, CHECK, 0, 0, {0, 0}, build_check, take_nothing},
	{CARD_OP_CHALLENGE, CHALLENGE, CHECK, 0, {0, 0}, build_challenge, take_challenge},
	{CARD_OP_INTERNAL_AUTHENTICATE, INTERNAL, CHALLENGE, CHALLENGE, {0, EXCHANGE_MAY_SIGN},
		build_internal, take_signature},
	{CARD_OP_EXTERNAL_AUTHENTICATE, EXTERNAL, CHALLENGE, INTERNAL, {EXCHANGE_MAY_GRANT, 0},
		build_external, take_nothing},
};

static bool has(unsigned int set, unsigned int needed)
{
	return (set & needed) == needed;
}

static bool may_go(
	const struct exchange *x, enum exchange_card card, const struct command *command)
{
	return !has(x->done[card], command->bit) && has(x->done[peer(card)], command->other) &&
	       has(x->gates, command->gates[card]);
}

void exchange_init(struct exchange *x, const struct exchange_side *patient,
	const struct exchange_side *professional, struct exchange_seen *seen)
{
	*x = (struct exchange){.seen = seen};
	x->sides[EXCHANGE_PATIENT] = *patient;
	x->sides[EXCHANGE_PROFESSIONAL] = *professional;
}

void exchange_allow(struct exchange *x, unsigned int gates)
{
	x->gates |= gates;
}

int exchange_next(
	struct exchange *x, enum exchange_card card, uint8_t *ret_op, struct buf *body)
{
	int r;

	if (x->flight[card] != 0) {
		return EXCHANGE_WAIT;
	}
	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		if (!may_go(x, card, &commands[i])) {
			continue;
		}
		assert(has(
			x->done[card], commands[i].own)); /* it stands above, and goes first */
		commands[i].build(x, card, body);
		r = buf_check(body);
		if (r < 0) {
			return trace(r);
		}
		x->flight[card] = i + 1;
		*ret_op = commands[i].op;
		return 0;
	}
	return EXCHANGE_WAIT;
}

int exchange_take(struct exchange *x, enum exchange_card card, struct view answer)
{
	const struct command *command;
	int r;

	if (x->flight[card] == 0) {
		return EXCHANGE_BROKEN;
	}
	command = &commands[x->flight[card] - 1];
	r = command->take(x, card, answer);
	if (r == 0) {
		x->done[card] |= command->bit;
		x->flight[card] = 0;
	}
	return trace(r);
}

bool exchange_done(const struct exchange *x)
{
	return x->done[EXCHANGE_PATIENT] == ALL && x->done[EXCHANGE_PROFESSIONAL] == ALL;
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
