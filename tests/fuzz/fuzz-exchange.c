/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of the graph of the mutual authentication alone (daemon/session/exchange.h): no drivers,
 * only answers in any order. An input is | verdicts (2) | steps |, a step
 *
 *   0..3  the next request for the patient's (bit 0 clear) or the professional's card
 *   4     a gate opens: bits of the next byte       else  an answer: card, len, len bytes
 *
 * What must hold: each request once, only behind what it needs and the gates that it needs; done
 * means that both signatures verified, each over the other card's challenge and serial.
 */
#include <assert.h>

#include "base/link-ops.h"
#include "base/tlv.h"
#include "daemon/session/exchange.h"

#define GATES 3U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int __wrap_cvc_check_signature(
	const uint8_t point[CVC_POINT], struct view data, struct view signature);

static uint16_t verdicts;
static struct exchange x;
static struct cvc cvcs[EXCHANGE_CARDS];
static unsigned verified[EXCHANGE_CARDS];
static unsigned gates;
static bool present; /* the exchange is over: presence is looked at */

static const uint8_t serials[EXCHANGE_CARDS][10] = {
	{0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {0x80, 9, 8, 7, 6, 5, 4, 3, 2, 1}};

/* in place of record/cvc.c's, by the linker: true or false as the input says */
int __wrap_cvc_check_signature(
	const uint8_t point[CVC_POINT], struct view data, struct view signature)
{
	unsigned prover = point == cvcs[EXCHANGE_PATIENT].point ? EXCHANGE_PATIENT
								: EXCHANGE_PROFESSIONAL;
	unsigned verifier = 1 - prover;
	bool good = verdicts & 1;

	assert(point == cvcs[prover].point && signature.len == CVC_SIGNATURE);
	if (present) {
		assert(data.len == 40);
		verdicts >>= 1;
		return good ? 0 : CVC_FALSE;
	}
	assert(data.len == EXCHANGE_CHALLENGE + 8);
	assert(view_equal(view_sub(data, 0, EXCHANGE_CHALLENGE), VIEW(x.challenge[verifier])));
	assert(view_equal(view_last(data, 8), view_last(VIEW(serials[verifier]), 8)));
	verdicts >>= 1;
	verified[prover] += good;
	return good ? 0 : CVC_FALSE;
}

static void ask(enum exchange_card card)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	uint8_t op = 0;
	int r = exchange_next(&x, card, &op, &body);
	struct tlv t;

	assert(r == 0 || r == EXCHANGE_WAIT);
	if (r != 0) {
		return;
	}
	assert(x.flight[card] != 0);
	switch (op) {
	case CARD_OP_CHECK_CERTIFICATE:
		assert(tlv_find(buf_view(&body), LINK_TAG_CAR, &t) == 0);
		assert(tlv_find(buf_view(&body), LINK_TAG_CVC, &t) == 0);
		break;
	case CARD_OP_CHALLENGE:
		assert(tlv_find(buf_view(&body), LINK_TAG_CHR, &t) == 0);
		break;
	case CARD_OP_INTERNAL_AUTHENTICATE:
		assert(tlv_find(buf_view(&body), LINK_TAG_DATA, &t) == 0 && t.value.len == 24);
		assert(card == EXCHANGE_PATIENT || gates & EXCHANGE_MAY_SIGN);
		break;
	case CARD_OP_EXTERNAL_AUTHENTICATE:
		assert(tlv_find(buf_view(&body), LINK_TAG_SIGNATURE, &t) == 0);
		assert(verified[1 - card] == 1);
		assert(card == EXCHANGE_PROFESSIONAL || gates & EXCHANGE_MAY_GRANT);
		break;
	default:
		assert(false);
	}
}

/* Return: whether the exchange goes on. */
static bool answer(enum exchange_card card, struct view bytes)
{
	bool asked = x.flight[card] != 0;
	int r = exchange_take(&x, card, bytes);

	assert(r == 0 || r == EXCHANGE_FALSE || r == EXCHANGE_BROKEN);
	assert(asked || r == EXCHANGE_BROKEN);
	assert(r != 0 || x.flight[card] == 0);
	return r == 0;
}

static void begin(struct exchange_seen *seen)
{
	static const uint8_t certificate[220];
	struct exchange_side sides[EXCHANGE_CARDS];

	for (size_t i = 0; i < EXCHANGE_CARDS; i++) {
		cvcs[i] = (struct cvc){.car = "FRPATIENTROOT001", .chr = "FRV1234567800001"};
		verified[i] = 0;
		sides[i] = (struct exchange_side){.certificate = VIEW(certificate),
			.cvc = &cvcs[i],
			.serial = VIEW(serials[i])};
	}
	gates = 0;
	exchange_init(&x, &sides[0], &sides[1], seen);
}

/* Signatures over the broker's own bytes, one of another size. */
static void check_presence(void)
{
	static const uint8_t bytes[32];
	static const uint8_t signature[CVC_SIGNATURE];
	bool good = verdicts & 1;

	present = true;
	assert(exchange_presence(&cvcs[0], VIEW(bytes), "VDCONS01", VIEW(signature)) ==
		(good ? 0 : EXCHANGE_FALSE));
	assert(exchange_presence(&cvcs[1], VIEW(bytes), "VDCONS01", VIEW(bytes)) ==
		EXCHANGE_FALSE);
	present = false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct exchange_seen seen;
	struct reader r = reader_of(view_of(data, size));
	bool on = true;

	seen = (struct exchange_seen){.n = 0};
	verdicts = reader_u16(&r);
	begin(&seen);
	while (on && r.left > 0) {
		uint8_t step = reader_u8(&r);
		size_t len;

		if (step < 4) {
			ask((enum exchange_card)(step & 1));
		} else if (step == 4) {
			gates |= reader_u8(&r) & GATES;
			exchange_allow(&x, gates);
		} else {
			len = reader_u8(&r);
			on = answer((enum exchange_card)(step & 1),
				reader_take(&r, len < r.left ? len : r.left));
		}
	}
	if (exchange_done(&x)) {
		assert(verified[0] == 1 && verified[1] == 1 && gates == GATES);
	}
	check_presence();
	return 0;
}
