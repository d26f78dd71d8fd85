/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Two hostile cards through the mutual authentication: the input is everything that both answer.
 * The real drivers read them, the real graph (daemon/session/exchange.h) says what is sent to which
 * card next and judges the answers; only the elliptic curve is replaced: whether a signature
 * verifies is a bit of the input, so that the way behind a false and a true one is walked.
 *
 *   setting  0: the professional's ATR (2 bits) and T=1 | 1: order of the cards | 2, 3: verdicts
 *   items    what the patient's card says, EVENT_END, what the professional's says
 *
 * (dialogue-answers.h). Whatever both say: done is only who has shown two signatures that verify.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "base/tlv.h"
#include "daemon/session/exchange.h"
#include "drivers/card/card.h"
#include "tests/fuzz/dialogue-answers.h"
#include "tests/fuzz/fail.h"

#define STEPS 16U

static const uint8_t vitale[] = {0x3B, 0x75, 0x13, 0x00, 0x00, 0x43, 0x09, 0xEA, 0x90, 0x00};
static const uint8_t cps3[] = {0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00, 0x12, 0x25, 0x00, 0x64, 0x80,
	0x00, 0x03, 0x10, 0x00, 0x90, 0x00};
static const uint8_t cps4[] = {0x3B, 0x9B, 0x18, 0x80, 0x01, 0x00, 0x12, 0x25, 0x00, 0x64, 0x80,
	0x04, 0x01, 0x00, 0x00, 0x90, 0x44};

static uint16_t verdicts;
static unsigned good_signatures;

/* in place of record/cvc.c's, by the linker */
int __wrap_cvc_check_signature(
	const uint8_t point[CVC_POINT], struct view data, struct view signature);

int __wrap_cvc_check_signature(
	const uint8_t point[CVC_POINT], struct view data, struct view signature)
{
	bool good = verdicts & 1;

	(void)point;
	assert(data.len == 24 || data.len == 40);
	assert(signature.len == CVC_SIGNATURE);
	if (fail_now()) {
		return fault(-ENOMEM);
	}
	verdicts >>= 1;
	good_signatures += good;
	return good ? 0 : CVC_FALSE;
}

struct peer {
	struct hostile hostile;
	struct card card;
	struct buf certificate;
	struct buf serial;
	struct cvc cvc;
	bool ready;
};

/* The PIN, where the card has one. */
static void enter_pin(struct peer *p)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);
	struct card_entry e = {.fds = {-1, -1}};
	int fds[2];

	if (!p->card.driver->verify || pipe2(fds, O_CLOEXEC) < 0) {
		return;
	}
	if (write(fds[1], "1234", 4) == 4) {
		close(fds[1]);
		e.fds[0] = fds[0];
		(void)!p->card.driver->verify(&p->card, &e, &body);
	} else {
		close(fds[1]);
	}
	close(fds[0]);
}

/* What a session reads before the exchange. */
static void meet(struct peer *p)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(CARD_BODY_MAX);
	struct tlv t;

	apdu_begin(&p->card.apdu, clock_monotonic() + 10 * USEC_PER_SEC);
	if (card_recognise(&p->card) != CARD_DONE || !p->card.driver->read_public ||
		p->card.driver->read_public(&p->card, &body) != CARD_DONE ||
		p->card.driver->identify(&p->card, &body) != CARD_DONE ||
		tlv_find(buf_view(&body), LINK_TAG_CVC, &t) != 0) {
		return;
	}
	buf_put_view(&p->certificate, t.value);
	buf_put(&p->serial, p->card.serial, p->card.serial_len);
	enter_pin(p);
	p->ready = buf_check(&p->certificate) == 0 && buf_check(&p->serial) == 0 &&
		   cvc_parse(buf_view(&p->certificate), &p->cvc) == 0;
}

static struct view value_of(struct view body, uint32_t tag)
{
	struct tlv t;

	return tlv_find(body, tag, &t) == 0 ? t.value : VIEW_NULL;
}

/* The operation on the card, as serve.c would; its answer appended. */
static int carry(struct peer *p, uint8_t op, struct view body, struct buf *answer)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(APDU_LE_MAX);
	uint32_t tag = LINK_TAG_DATA;
	int r;

	apdu_begin(&p->card.apdu, clock_monotonic() + 10 * USEC_PER_SEC);
	switch (op) {
	case CARD_OP_CHECK_CERTIFICATE:
		return role_check_certificate(
			&p->card, value_of(body, LINK_TAG_CAR), value_of(body, LINK_TAG_CVC));
	case CARD_OP_CHALLENGE:
		r = role_challenge(&p->card, value_of(body, LINK_TAG_CHR), &out);
		break;
	case CARD_OP_INTERNAL_AUTHENTICATE:
		tag = LINK_TAG_SIGNATURE;
		r = role_internal_authenticate(&p->card, value_of(body, LINK_TAG_DATA), &out);
		break;
	case CARD_OP_EXTERNAL_AUTHENTICATE:
		return role_external_authenticate(&p->card, value_of(body, LINK_TAG_SIGNATURE));
	default:
		assert(false);
		return CARD_FAILED;
	}
	if (r == CARD_DONE) {
		tlv_put(answer, tag, buf_view(&out));
	}
	return r;
}

/* One command on @who, if there is one. Return: 0, EXCHANGE_WAIT, or the end. */
static int turn(struct exchange *x, struct peer *peers, enum exchange_card who)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	_cleanup_(buf_done) struct buf answer = BUF_NULL(4096);
	uint8_t op = 0;
	int r;

	r = exchange_next(x, who, &op, &body);
	if (r != 0) {
		return r;
	}
	if (carry(&peers[who], op, buf_view(&body), &answer) != CARD_DONE) {
		return EXCHANGE_BROKEN;
	}
	return exchange_take(x, who, buf_view(&answer));
}

/* After it: the broker's own nonce, signed by both. */
static void prove_presence(const struct exchange *x, struct peer *peers)
{
	static const uint8_t nonce[32];

	for (size_t i = 0; i < EXCHANGE_CARDS; i++) {
		_cleanup_(buf_done) struct buf signature = BUF_NULL(APDU_LE_MAX);
		_cleanup_(buf_done) struct buf data = BUF_NULL(64);
		unsigned before = good_signatures;

		buf_put_view(&data, VIEW(nonce));
		buf_put_str(&data, "VDCONS01");
		apdu_begin(&peers[i].card.apdu, clock_monotonic() + 10 * USEC_PER_SEC);
		if (role_internal_authenticate(&peers[i].card, buf_view(&data), &signature) ==
				CARD_DONE &&
			exchange_presence(x->sides[i].cvc, VIEW(nonce), "VDCONS01",
				buf_view(&signature)) == 0) {
			assert(good_signatures == before + 1);
		}
	}
}

static void exchange(struct peer *peers, uint8_t order)
{
	struct exchange_side sides[EXCHANGE_CARDS];
	struct exchange_seen seen = {.n = 0};
	struct exchange x;

	for (size_t i = 0; i < EXCHANGE_CARDS; i++) {
		sides[i] = (struct exchange_side){
			.certificate = buf_view(&peers[i].certificate),
			.cvc = &peers[i].cvc,
			.serial = buf_view(&peers[i].serial),
		};
	}
	exchange_init(&x, &sides[EXCHANGE_PATIENT], &sides[EXCHANGE_PROFESSIONAL], &seen);
	for (unsigned step = 0; step < STEPS && !exchange_done(&x); step++) {
		enum exchange_card first =
			order >> (step % 8) & 1 ? EXCHANGE_PROFESSIONAL : EXCHANGE_PATIENT;
		int r = turn(&x, peers, first);

		if (step == 2) {
			exchange_allow(&x, EXCHANGE_MAY_SIGN);
		} else if (step == 4) {
			exchange_allow(&x, EXCHANGE_MAY_GRANT);
		}
		if (r == EXCHANGE_WAIT) {
			r = turn(&x, peers,
				first == EXCHANGE_PATIENT ? EXCHANGE_PROFESSIONAL
							  : EXCHANGE_PATIENT);
		}
		if (r != 0 && r != EXCHANGE_WAIT) {
			assert(!exchange_done(&x));
			return;
		}
	}
	assert(!exchange_done(&x) || good_signatures == EXCHANGE_CARDS);
	if (exchange_done(&x)) {
		prove_presence(&x, peers);
	}
}

static bool begin(struct peer *p, struct view items, struct view atr, uint8_t how)
{
	*p = (struct peer){.certificate = BUF_NULL(CVC_MAX), .serial = BUF_NULL(64)};
	hostile_init(&p->hostile, items, atr, how);
	if (card_init(&p->card, &p->hostile.base) != 0) {
		return false;
	}
	return p->hostile.base.ops->open(&p->hostile.base, "", true, UINT64_MAX) == 0;
}

static void end(struct peer *p)
{
	if (p->card.apdu.transport) {
		card_done(&p->card);
	}
	buf_done(&p->certificate);
	buf_done(&p->serial);
}

void target_run(struct view in)
{
	static struct peer peers[EXCHANGE_CARDS];
	struct dialogue_input input;
	uint8_t how;

	dialogue_parse(in, &input);
	how = input.setting[0];
	verdicts = (uint16_t)(input.setting[2] << 8 | input.setting[3]);
	good_signatures = 0;
	peers[EXCHANGE_PROFESSIONAL] = (struct peer){.ready = false};
	if (begin(&peers[EXCHANGE_PATIENT], input.items, VIEW(vitale), 0) &&
		begin(&peers[EXCHANGE_PROFESSIONAL], hostile_rest(input.items),
			how & 1 ? VIEW(cps4) : VIEW(cps3), how & 2 ? HOSTILE_T1 : 0)) {
		meet(&peers[EXCHANGE_PATIENT]);
		meet(&peers[EXCHANGE_PROFESSIONAL]);
		if (peers[0].ready && peers[1].ready) {
			exchange(peers, input.setting[1]);
		}
	}
	end(&peers[EXCHANGE_PATIENT]);
	end(&peers[EXCHANGE_PROFESSIONAL]);
}
