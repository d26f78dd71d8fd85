/* SPDX-License-Identifier: EUPL-1.2 */
/* The mutual authentication with real keys: its steps, and everything that must stop it. */
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

#define STEPS 8U

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

/* Go on honestly until step @until. */
static void advance(struct exchange *x, size_t until)
{
	while (x->step < until) {
		struct buf body = BUF_NULL(4096);
		struct buf answer = BUF_NULL(4096);
		enum exchange_card card;
		uint8_t op;

		assert_int_equal(exchange_next(x, &card, &op, &body), 0);
		honest(card, op, buf_view(&body), &answer);
		assert_int_equal(exchange_take(x, buf_view(&answer)), 0);
		buf_done(&body);
		buf_done(&answer);
	}
}

static void start(struct exchange *x)
{
	exchange_init(x, &t.sides[0], &t.sides[1], &t.seen);
}

static void both_directions_are_carried_out_in_order(void **state)
{
	static const struct {
		enum exchange_card card;
		uint8_t op;
	} order[STEPS] = {
		{EXCHANGE_PATIENT, CARD_OP_CHECK_CERTIFICATE},
		{EXCHANGE_PATIENT, CARD_OP_CHALLENGE},
		{EXCHANGE_PROFESSIONAL, CARD_OP_INTERNAL_AUTHENTICATE},
		{EXCHANGE_PATIENT, CARD_OP_EXTERNAL_AUTHENTICATE},
		{EXCHANGE_PROFESSIONAL, CARD_OP_CHECK_CERTIFICATE},
		{EXCHANGE_PROFESSIONAL, CARD_OP_CHALLENGE},
		{EXCHANGE_PATIENT, CARD_OP_INTERNAL_AUTHENTICATE},
		{EXCHANGE_PROFESSIONAL, CARD_OP_EXTERNAL_AUTHENTICATE},
	};
	struct exchange x;

	(void)state;
	start(&x);
	for (size_t i = 0; i < STEPS; i++) {
		struct buf body = BUF_NULL(4096);
		enum exchange_card card;
		uint8_t op;

		assert_int_equal(exchange_next(&x, &card, &op, &body), 0);
		assert_int_equal(card, order[i].card);
		assert_int_equal(op, order[i].op);
		buf_done(&body);
		advance(&x, i + 1);
	}
	assert_int_equal(exchange_next(&x, NULL, NULL, NULL), EXCHANGE_DONE);
}

static void the_verifier_is_given_the_provers_certificate_and_name(void **state)
{
	struct buf body = BUF_NULL(4096);
	enum exchange_card card;
	struct exchange x;
	uint8_t op;

	(void)state;
	start(&x);
	assert_int_equal(exchange_next(&x, &card, &op, &body), 0);
	assert_true(view_equal(
		value_of(buf_view(&body), LINK_TAG_CAR), VIEW_TEXT("FRVDSIMROOT00001")));
	assert_true(view_equal(value_of(buf_view(&body), LINK_TAG_CVC),
		buf_view(&t.cvc[EXCHANGE_PROFESSIONAL])));
	advance(&x, 5);
	buf_reset(&body);
	assert_int_equal(exchange_next(&x, &card, &op, &body), 0);
	assert_true(view_equal(
		value_of(buf_view(&body), LINK_TAG_CHR), VIEW_TEXT("FRV0000001100001")));
	buf_done(&body);
}

static void what_is_signed_names_the_verifiers_serial(void **state)
{
	struct buf body = BUF_NULL(4096);
	enum exchange_card card;
	struct exchange x;
	struct view data;
	uint8_t op;

	(void)state;
	start(&x);
	advance(&x, 2);
	assert_int_equal(exchange_next(&x, &card, &op, &body), 0);
	data = value_of(buf_view(&body), LINK_TAG_DATA);
	assert_int_equal(data.len, 24);
	assert_true(view_equal(view_last(data, 8), view_last(VIEW(serials[0]), 8)));
	buf_done(&body);
}

/* At each step that expects something: cut, over-long, absent, not TLV. */
static void answers_of_another_form_are_broken(void **state)
{
	static const size_t steps[] = {1, 2, 5, 6};
	static const uint8_t bytes[65];
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		uint32_t tag = steps[i] % 4 == 1 ? LINK_TAG_DATA : LINK_TAG_SIGNATURE;
		size_t size = steps[i] % 4 == 1 ? EXCHANGE_CHALLENGE : 64U;
		struct buf answer = BUF_NULL(4096);

		start(&x);
		advance(&x, steps[i]);
		assert_int_equal(exchange_take(&x, VIEW_NULL), EXCHANGE_BROKEN);
		assert_int_equal(
			exchange_take(&x, VIEW_TEXT("\x7f\x21\x84zz")), EXCHANGE_BROKEN);
		for (size_t n = size - 1; n <= size + 1; n += 2) {
			buf_reset(&answer);
			tlv_put(&answer, tag, view_of(bytes, n));
			assert_int_equal(exchange_take(&x, buf_view(&answer)), EXCHANGE_BROKEN);
		}
		assert_int_equal(x.step, steps[i]);
		buf_done(&answer);
	}
}

static void a_signature_by_another_key_is_false(void **state)
{
	static const size_t steps[] = {2, 6};
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		struct buf body = BUF_NULL(4096);
		struct buf answer = BUF_NULL(4096);
		enum exchange_card card;
		uint8_t op;

		start(&x);
		advance(&x, steps[i]);
		assert_int_equal(exchange_next(&x, &card, &op, &body), 0);
		sign(card == EXCHANGE_PATIENT ? EXCHANGE_PROFESSIONAL : EXCHANGE_PATIENT,
			value_of(buf_view(&body), LINK_TAG_DATA), &answer);
		assert_int_equal(exchange_take(&x, buf_view(&answer)), EXCHANGE_FALSE);
		buf_done(&body);
		buf_done(&answer);
	}
}

static void a_signature_over_another_challenge_is_false(void **state)
{
	struct buf answer = BUF_NULL(4096);
	static const uint8_t old[24] = {1, 2, 3};
	struct exchange x;

	(void)state;
	start(&x);
	advance(&x, 2);
	sign(EXCHANGE_PROFESSIONAL, VIEW(old), &answer);
	assert_int_equal(exchange_take(&x, buf_view(&answer)), EXCHANGE_FALSE);
	buf_done(&answer);
}

static void a_signature_with_one_bit_changed_is_false(void **state)
{
	struct buf body = BUF_NULL(4096);
	struct buf answer = BUF_NULL(4096);
	enum exchange_card card;
	struct exchange x;
	uint8_t op;

	(void)state;
	start(&x);
	advance(&x, 2);
	assert_int_equal(exchange_next(&x, &card, &op, &body), 0);
	honest(card, op, buf_view(&body), &answer);
	answer.data[answer.len - 1] ^= 1;
	assert_int_equal(exchange_take(&x, buf_view(&answer)), EXCHANGE_FALSE);
	buf_done(&body);
	buf_done(&answer);
}

static void a_challenge_that_came_before_is_replayed(void **state)
{
	struct buf answer = BUF_NULL(4096);
	struct exchange x;
	struct exchange y;

	(void)state;
	challenge(&answer);
	start(&x);
	advance(&x, 1);
	assert_int_equal(exchange_take(&x, buf_view(&answer)), 0);
	start(&y);
	advance(&y, 1);
	assert_int_equal(exchange_take(&y, buf_view(&answer)), EXCHANGE_FALSE);
	/* also by the other card */
	start(&y);
	advance(&y, 5);
	assert_int_equal(exchange_take(&y, buf_view(&answer)), EXCHANGE_FALSE);
	buf_done(&answer);
}

static void only_the_latest_challenges_are_remembered(void **state)
{
	struct exchange x;

	(void)state;
	for (size_t i = 0; i < EXCHANGE_SEEN; i++) {
		start(&x);
		advance(&x, 6);
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
		T(both_directions_are_carried_out_in_order),
		T(the_verifier_is_given_the_provers_certificate_and_name),
		T(what_is_signed_names_the_verifiers_serial),
		T(answers_of_another_form_are_broken),
		T(a_signature_by_another_key_is_false),
		T(a_signature_over_another_challenge_is_false),
		T(a_signature_with_one_bit_changed_is_false),
		T(a_challenge_that_came_before_is_replayed),
		T(only_the_latest_challenges_are_remembered),
		T(presence_is_verified_over_our_bytes_and_purpose),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
