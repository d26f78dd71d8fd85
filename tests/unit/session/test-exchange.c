/* SPDX-License-Identifier: EUPL-1.2 */
/* The mutual authentication with real keys: every order that it may come in, and everything that must
 * stop it. */
#include "base/link-ops.h"
#include "base/rng.h"
#include "base/tlv.h"
#include "daemon/session/exchange.h"
#include "tests/unit/record/forge.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

static struct {
	EVP_PKEY *root;
	EVP_PKEY *keys[2];
	struct buf cvc[2];
	struct cvc parsed[2];
	struct exchange_side sides[2];
	struct exchange_seen seen;
} t;

static const uint8_t serials[2][10] = {
	{0x80, 0x25, 0, 0, 1, 0, 0, 0, 0x11, 0xff}, {0x80, 0x25, 0, 0, 1, 0, 0, 0, 0x22, 0xff}};

static int setup(void **state)
{
	static const char *const names[] = {"FRV0000001100001", "FRP0000002200001"};

	(void)state;
	t.root = forge_ec();
	t.seen = (struct exchange_seen){0};
	for (size_t i = 0; i < 2; i++) {
		struct forged_cvc f = {.car = "FRVDSIMROOT00001",
			.chr = names[i],
			.from = "240101",
			.until = "391231",
			.role = i == 0 ? 0 : 10,
			.signer = t.root};

		t.keys[i] = forge_ec();
		f.key = t.keys[i];
		t.cvc[i] = BUF_NULL(1024);
		forge_cvc(&f, &t.cvc[i]);
		assert_int_equal(cvc_parse(buf_view(&t.cvc[i]), &t.parsed[i]), 0);
		t.sides[i] = (struct exchange_side){.certificate = buf_view(&t.cvc[i]),
			.cvc = &t.parsed[i],
			.serial = VIEW(serials[i])};
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	EVP_PKEY_free(t.root);
	for (size_t i = 0; i < 2; i++) {
		EVP_PKEY_free(t.keys[i]);
		buf_done(&t.cvc[i]);
	}
	return 0;
}

static struct view value_of(struct view in, uint32_t tag)
{
	struct tlv v;

	assert_int_equal(tlv_find(in, tag, &v), 0);
	return v.value;
}

static void sign(enum exchange_card by, struct view data, struct buf *answer)
{
	uint8_t signature[64];

	forge_sign(t.keys[by], data, signature);
	tlv_put(answer, LINK_TAG_SIGNATURE, VIEW(signature));
}

static void challenge(struct buf *answer)
{
	uint8_t bytes[EXCHANGE_CHALLENGE];

	assert_int_equal(rng_fill(bytes, sizeof(bytes)), 0);
	tlv_put(answer, LINK_TAG_DATA, VIEW(bytes));
}

/* What an honest card answers. */
static void honest(enum exchange_card card, uint8_t op, struct view body, struct buf *answer)
{
	if (op == CARD_OP_CHALLENGE) {
		challenge(answer);
	} else if (op == CARD_OP_INTERNAL_AUTHENTICATE) {
		sign(card, value_of(body, LINK_TAG_DATA), answer);
	}
}

static void start(struct exchange *x)
{
	exchange_init(x, &t.sides[0], &t.sides[1], &t.seen);
}

/* -- two links ------------------------------------------------------------------------------------- */

/* An exchange with what is on its two links. */
struct links {
	struct exchange x;
	uint8_t op[EXCHANGE_CARDS]; /* on the link; 0: it stands still */
	struct buf body[EXCHANGE_CARDS];
	unsigned int sent[EXCHANGE_CARDS][32];
	bool may_sign;
	bool may_grant;
};

static void links_start(struct links *l)
{
	*l = (struct links){0};
	start(&l->x);
	for (size_t i = 0; i < EXCHANGE_CARDS; i++) {
		l->body[i] = BUF_NULL(4096);
	}
}

static void links_done(struct links *l)
{
	for (size_t i = 0; i < EXCHANGE_CARDS; i++) {
		buf_done(&l->body[i]);
	}
}

/* Whether @op was sent to @card and is not on its link any more. */
static bool answered(const struct links *l, enum exchange_card card, uint8_t op)
{
	return l->sent[card][op] > 0 && l->op[card] != op;
}

/* What must have been before @op goes to @card. */
static void check_needs(const struct links *l, enum exchange_card card, uint8_t op)
{
	enum exchange_card other =
		card == EXCHANGE_PATIENT ? EXCHANGE_PROFESSIONAL : EXCHANGE_PATIENT;

	assert_int_equal(l->sent[card][op], 0);
	if (op == CARD_OP_CHALLENGE) {
		assert_true(answered(l, card, CARD_OP_CHECK_CERTIFICATE));
	} else if (op == CARD_OP_INTERNAL_AUTHENTICATE) {
		assert_true(answered(l, other, CARD_OP_CHALLENGE));
		assert_true(card == EXCHANGE_PATIENT || l->may_sign);
	} else if (op == CARD_OP_EXTERNAL_AUTHENTICATE) {
		assert_true(answered(l, other, CARD_OP_INTERNAL_AUTHENTICATE));
		assert_true(card == EXCHANGE_PROFESSIONAL || l->may_grant);
	}
}

/* Fill the links that stand still, as far as that goes. */
static void pump(struct links *l)
{
	for (size_t i = 0; i < EXCHANGE_CARDS; i++) {
		enum exchange_card card = (enum exchange_card)i;
		uint8_t op = 0;

		if (l->op[card] != 0) {
			assert_int_equal(
				exchange_next(&l->x, card, &op, &l->body[card]), EXCHANGE_WAIT);
			continue;
		}
		buf_reset(&l->body[card]);
		if (exchange_next(&l->x, card, &op, &l->body[card]) == 0) {
			check_needs(l, card, op);
			l->op[card] = op;
			l->sent[card][op]++;
		}
	}
}

static void deliver(struct links *l, enum exchange_card card)
{
	struct buf answer = BUF_NULL(4096);

	honest(card, l->op[card], buf_view(&l->body[card]), &answer);
	l->op[card] = 0;
	assert_int_equal(exchange_take(&l->x, card, buf_view(&answer)), 0);
	buf_done(&answer);
}

/* What may happen next: an answer of either card, or a gate opens. */
enum choice {
	CHOICE_PATIENT = 0,
	CHOICE_PROFESSIONAL,
	CHOICE_SIGN,
	CHOICE_GRANT,
	CHOICES
};

static bool possible(const struct links *l, enum choice c)
{
	switch (c) {
	case CHOICE_PATIENT:
	case CHOICE_PROFESSIONAL:
		return l->op[c] != 0;
	case CHOICE_SIGN:
		return !l->may_sign;
	case CHOICE_GRANT:
		return !l->may_grant;
	case CHOICES:
		break;
	}
	return false;
}

static void happen(struct links *l, enum choice c)
{
	if (c == CHOICE_SIGN) {
		l->may_sign = true;
		exchange_allow(&l->x, EXCHANGE_MAY_SIGN);
	} else if (c == CHOICE_GRANT) {
		l->may_grant = true;
		exchange_allow(&l->x, EXCHANGE_MAY_GRANT);
	} else {
		deliver(l, (enum exchange_card)c);
	}
	pump(l);
}

#define EVENTS 10U /* eight answers, two gates */

/* The @n-th of what is possible, CHOICES when there are not so many. */
static enum choice nth(const struct links *l, unsigned int n)
{
	for (int c = 0; c < CHOICES; c++) {
		if (possible(l, (enum choice)c) && n-- == 0) {
			return (enum choice)c;
		}
	}
	return CHOICES;
}

/* One whole exchange by @way: which of the possible at each event. Return: false when @way goes
 * where nothing is; @ret_at: the event. */
static bool walk(const unsigned int way[EVENTS], size_t *ret_at)
{
	struct links l;
	bool whole = true;

	links_start(&l);
	pump(&l);
	for (size_t i = 0; i < EVENTS && whole; i++) {
		enum choice c = nth(&l, way[i]);

		assert_false(exchange_done(&l.x));
		*ret_at = i;
		whole = c != CHOICES;
		if (whole) {
			happen(&l, c);
		}
	}
	if (whole) {
		assert_true(exchange_done(&l.x));
	}
	links_done(&l);
	return whole;
}

/* All ways, one after the other, like the wheels of a counter. */
static void every_order_of_answers_and_gates_ends_with_both_proved(void **state)
{
	unsigned int way[EVENTS] = {0};
	unsigned int n = 0;
	size_t at = 0;

	(void)state;
	for (;;) {
		if (walk(way, &at)) {
			n++;
			at = EVENTS - 1;
		} else if (way[at] == 0) {
			fail_msg("nothing is possible after %zu events", at);
		} else {
			way[at] = 0; /* none further at this event */
			if (at == 0) {
				break;
			}
			at--;
		}
		way[at]++;
		memset(&way[at + 1], 0, (EVENTS - 1 - at) * sizeof(way[0]));
	}
	print_message("%u orders\n", n);
	assert_true(n > 1000);
}

static void until_the_pin_all_is_done_that_needs_none(void **state)
{
	struct links l;

	(void)state;
	links_start(&l);
	pump(&l);
	while (l.op[0] != 0 || l.op[1] != 0) {
		happen(&l, l.op[0] != 0 ? CHOICE_PATIENT : CHOICE_PROFESSIONAL);
	}
	/* the professional's card knows the patient's already, not the other way round */
	assert_int_equal(l.sent[EXCHANGE_PATIENT][CARD_OP_INTERNAL_AUTHENTICATE], 1);
	assert_int_equal(l.sent[EXCHANGE_PROFESSIONAL][CARD_OP_EXTERNAL_AUTHENTICATE], 1);
	assert_int_equal(l.sent[EXCHANGE_PROFESSIONAL][CARD_OP_INTERNAL_AUTHENTICATE], 0);
	assert_int_equal(l.sent[EXCHANGE_PATIENT][CARD_OP_EXTERNAL_AUTHENTICATE], 0);
	happen(&l, CHOICE_SIGN);
	happen(&l, CHOICE_PROFESSIONAL);
	assert_int_equal(l.op[EXCHANGE_PATIENT], 0); /* verified, but nobody was admitted */
	assert_false(exchange_done(&l.x));
	happen(&l, CHOICE_GRANT);
	assert_int_equal(l.op[EXCHANGE_PATIENT], CARD_OP_EXTERNAL_AUTHENTICATE);
	happen(&l, CHOICE_PATIENT);
	assert_true(exchange_done(&l.x));
	links_done(&l);
}

/* -- what is sent ---------------------------------------------------------------------------------- */

/* Turn honestly until @op is on the link of @card; both gates open. */
static void reach(struct links *l, enum exchange_card card, uint8_t op)
{
	links_start(l);
	happen(l, CHOICE_SIGN);
	happen(l, CHOICE_GRANT);
	for (unsigned int i = 0; l->op[card] != op; i++) {
		enum exchange_card other =
			card == EXCHANGE_PATIENT ? EXCHANGE_PROFESSIONAL : EXCHANGE_PATIENT;

		assert_true(i < EVENTS);
		happen(l, (enum choice)(l->op[other] != 0 ? other : card));
	}
}

static void the_verifier_is_given_the_provers_certificate_and_name(void **state)
{
	static const char *const names[] = {"FRV0000001100001", "FRP0000002200001"};

	(void)state;
	for (size_t i = 0; i < EXCHANGE_CARDS; i++) {
		enum exchange_card card = (enum exchange_card)i;
		struct links l;

		reach(&l, card, CARD_OP_CHECK_CERTIFICATE);
		assert_true(view_equal(value_of(buf_view(&l.body[i]), LINK_TAG_CAR),
			VIEW_TEXT("FRVDSIMROOT00001")));
		assert_true(view_equal(
			value_of(buf_view(&l.body[i]), LINK_TAG_CVC), buf_view(&t.cvc[1 - i])));
		links_done(&l);
		reach(&l, card, CARD_OP_CHALLENGE);
		assert_true(view_equal(
			value_of(buf_view(&l.body[i]), LINK_TAG_CHR), view_str(names[1 - i])));
		links_done(&l);
	}
}

static void what_is_signed_is_the_verifiers_challenge_and_serial(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXCHANGE_CARDS; i++) {
		struct links l;
		struct view data;

		reach(&l, (enum exchange_card)i, CARD_OP_INTERNAL_AUTHENTICATE);
		data = value_of(buf_view(&l.body[i]), LINK_TAG_DATA);
		assert_int_equal(data.len, 24);
		assert_true(view_equal(view_sub(data, 0, 16), VIEW(l.x.challenge[1 - i])));
		assert_true(view_equal(view_last(data, 8), view_last(VIEW(serials[1 - i]), 8)));
		links_done(&l);
	}
}

/* -- what must stop it ----------------------------------------------------------------------------- */

enum lie {
	LIE_NOTHING = 0, /* no value at all */
	LIE_GARBAGE,
	LIE_SHORT,
	LIE_LONG,
	LIE_BIT,      /* one bit of it changed */
	LIE_KEY,      /* the other card's key */
	LIE_OLD,      /* the same, over another challenge */
	LIE_REPLAYED, /* what came before */
	LIES
};

static void put_value(struct buf *answer, uint32_t tag, struct view value)
{
	buf_reset(answer);
	tlv_put(answer, tag, value);
}

/* Let @card give @challenge in another exchange, so that it is known. */
static void give_before(enum exchange_card card, struct view given)
{
	struct buf body = BUF_NULL(4096);
	struct exchange other;
	uint8_t op;

	start(&other);
	assert_int_equal(exchange_next(&other, card, &op, &body), 0);
	assert_int_equal(exchange_take(&other, card, VIEW_NULL), 0);
	buf_reset(&body);
	assert_int_equal(exchange_next(&other, card, &op, &body), 0);
	assert_int_equal(exchange_take(&other, card, given), 0);
	buf_done(&body);
}

/* The answer to a challenge or a signature, as @lie has it. */
static void make_lie(
	const struct links *l, enum exchange_card card, enum lie lie, struct buf *answer)
{
	bool signs = l->op[card] == CARD_OP_INTERNAL_AUTHENTICATE;
	uint32_t tag = signs ? LINK_TAG_SIGNATURE : LINK_TAG_DATA;
	struct view asked =
		signs ? value_of(buf_view(&l->body[card]), LINK_TAG_DATA) : VIEW_NULL;
	static const uint8_t bytes[65] = {1};
	static const uint8_t old[24] = {1, 2, 3};
	size_t size = signs ? 64 : EXCHANGE_CHALLENGE;

	honest(card, l->op[card], buf_view(&l->body[card]), answer);
	switch (lie) {
	case LIE_NOTHING:
		buf_reset(answer);
		break;
	case LIE_GARBAGE:
		buf_reset(answer);
		buf_put_str(answer, "\x7f\x21\x84zz");
		break;
	case LIE_SHORT:
	case LIE_LONG:
		put_value(answer, tag, view_of(bytes, lie == LIE_SHORT ? size - 1 : size + 1));
		break;
	case LIE_BIT:
		answer->data[answer->len - 1] ^= 1;
		break;
	case LIE_KEY:
		buf_reset(answer);
		sign(card == EXCHANGE_PATIENT ? EXCHANGE_PROFESSIONAL : EXCHANGE_PATIENT, asked,
			answer);
		break;
	case LIE_OLD:
		buf_reset(answer);
		sign(card, VIEW(old), answer);
		break;
	case LIE_REPLAYED:
		put_value(answer, tag, view_of(bytes, size));
		if (!signs) {
			give_before(card, buf_view(answer));
		}
		break;
	case LIES:
		break;
	}
}

static void every_lie_of_either_card_stops_it(void **state)
{
	static const struct {
		uint8_t op;
		enum lie lie;
		int r;
	} rows[] = {
		{CARD_OP_CHALLENGE, LIE_NOTHING, EXCHANGE_BROKEN},
		{CARD_OP_CHALLENGE, LIE_GARBAGE, EXCHANGE_BROKEN},
		{CARD_OP_CHALLENGE, LIE_SHORT, EXCHANGE_BROKEN},
		{CARD_OP_CHALLENGE, LIE_LONG, EXCHANGE_BROKEN},
		{CARD_OP_CHALLENGE, LIE_REPLAYED, EXCHANGE_FALSE},
		{CARD_OP_INTERNAL_AUTHENTICATE, LIE_NOTHING, EXCHANGE_BROKEN},
		{CARD_OP_INTERNAL_AUTHENTICATE, LIE_GARBAGE, EXCHANGE_BROKEN},
		{CARD_OP_INTERNAL_AUTHENTICATE, LIE_SHORT, EXCHANGE_BROKEN},
		{CARD_OP_INTERNAL_AUTHENTICATE, LIE_LONG, EXCHANGE_BROKEN},
		{CARD_OP_INTERNAL_AUTHENTICATE, LIE_BIT, EXCHANGE_FALSE},
		{CARD_OP_INTERNAL_AUTHENTICATE, LIE_KEY, EXCHANGE_FALSE},
		{CARD_OP_INTERNAL_AUTHENTICATE, LIE_OLD, EXCHANGE_FALSE},
		{CARD_OP_INTERNAL_AUTHENTICATE, LIE_REPLAYED, EXCHANGE_FALSE},
	};

	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		enum exchange_card card = (enum exchange_card)(i % 2);
		struct buf answer = BUF_NULL(4096);
		struct links l;

		t.seen = (struct exchange_seen){0};
		reach(&l, card, rows[i / 2].op);
		make_lie(&l, card, rows[i / 2].lie, &answer);
		assert_int_equal(exchange_take(&l.x, card, buf_view(&answer)), rows[i / 2].r);
		assert_false(exchange_done(&l.x));
		/* and nothing of it is handed to the other card */
		assert_int_equal(l.sent[1 - card][CARD_OP_EXTERNAL_AUTHENTICATE] > 0 &&
					 rows[i / 2].op == CARD_OP_INTERNAL_AUTHENTICATE,
			0);
		buf_done(&answer);
		links_done(&l);
	}
}

static void a_challenge_given_by_the_other_card_is_replayed_as_well(void **state)
{
	struct buf answer = BUF_NULL(4096);
	struct links l;

	(void)state;
	reach(&l, EXCHANGE_PROFESSIONAL, CARD_OP_CHALLENGE);
	assert_true(answered(&l, EXCHANGE_PATIENT, CARD_OP_CHALLENGE));
	tlv_put(&answer, LINK_TAG_DATA, VIEW(l.x.challenge[EXCHANGE_PATIENT]));
	assert_int_equal(
		exchange_take(&l.x, EXCHANGE_PROFESSIONAL, buf_view(&answer)), EXCHANGE_FALSE);
	buf_done(&answer);
	links_done(&l);
}

static void an_answer_that_nobody_asked_for_is_broken(void **state)
{
	struct exchange x;

	(void)state;
	start(&x);
	assert_int_equal(exchange_take(&x, EXCHANGE_PATIENT, VIEW_NULL), EXCHANGE_BROKEN);
	assert_int_equal(exchange_take(&x, EXCHANGE_PROFESSIONAL, VIEW_NULL), EXCHANGE_BROKEN);
}

static void a_request_that_does_not_fit_is_a_fault_and_can_be_asked_again(void **state)
{
	struct buf small = BUF_NULL(4);
	struct buf body = BUF_NULL(4096);
	struct exchange x;
	uint8_t op;

	(void)state;
	start(&x);
	assert_true(exchange_next(&x, EXCHANGE_PATIENT, &op, &small) < 0);
	assert_int_equal(exchange_next(&x, EXCHANGE_PATIENT, &op, &body), 0);
	assert_int_equal(op, CARD_OP_CHECK_CERTIFICATE);
	buf_done(&small);
	buf_done(&body);
}

static void only_the_latest_challenges_are_remembered(void **state)
{
	(void)state;
	for (size_t i = 0; i < EXCHANGE_SEEN / 2; i++) {
		struct links l;

		reach(&l, EXCHANGE_PATIENT, CARD_OP_EXTERNAL_AUTHENTICATE);
		links_done(&l);
	}
	assert_int_equal(t.seen.n, EXCHANGE_SEEN);
	assert_int_equal(t.seen.next, 0);
}

static void presence_is_verified_over_our_bytes_and_purpose(void **state)
{
	static const uint8_t nonce[16] = {7};
	struct buf data = BUF_NULL(64);
	uint8_t signature[64];
	const struct cvc *c = &t.parsed[EXCHANGE_PATIENT];

	(void)state;
	buf_put_view(&data, VIEW(nonce));
	buf_put_str(&data, "VDACTI01");
	forge_sign(t.keys[EXCHANGE_PATIENT], buf_view(&data), signature);
	assert_int_equal(exchange_presence(c, VIEW(nonce), "VDACTI01", VIEW(signature)), 0);
	assert_int_equal(
		exchange_presence(c, VIEW(nonce), "VDCONS01", VIEW(signature)), EXCHANGE_FALSE);
	assert_int_equal(
		exchange_presence(&t.parsed[1], VIEW(nonce), "VDACTI01", VIEW(signature)),
		EXCHANGE_FALSE);
	assert_int_equal(exchange_presence(c, VIEW(nonce), "VDACTI01",
				 view_of(signature, sizeof(signature) - 1)),
		EXCHANGE_FALSE);
	buf_done(&data);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_order_of_answers_and_gates_ends_with_both_proved),
		T(until_the_pin_all_is_done_that_needs_none),
		T(the_verifier_is_given_the_provers_certificate_and_name),
		T(what_is_signed_is_the_verifiers_challenge_and_serial),
		T(every_lie_of_either_card_stops_it),
		T(a_challenge_given_by_the_other_card_is_replayed_as_well),
		T(an_answer_that_nobody_asked_for_is_broken),
		T(a_request_that_does_not_fit_is_a_fault_and_can_be_asked_again),
		T(only_the_latest_challenges_are_remembered),
		T(presence_is_verified_over_our_bytes_and_purpose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
