/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * CPS4: ChipDoc applet on logical channel 1, T=1 or T=0 (source: ANS Cryptolib). Its own: the PIN's
 * state by VERIFY without data, and a signature over a finished hash with MSE object 91. Its file
 * layout is not public; that of the CPS3 is used (doc/stand-in.md).
 */
#include "drivers/card/cps/cps.h"
#include "drivers/card/cps/sha256.h"

#define ALG_RSA_SHA256 0x28U

static const uint8_t aid[] = {0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x01, 0x00};

static unsigned cps4_score(const struct atr *atr)
{
	/* both protocols: bytes 12..14 vary (release candidate), TCK with them */
	static const uint8_t both[] = {0x3B, 0x9B, 0x18, 0x80, 0x01, 0x00, 0x12, 0x25, 0x00,
		0x64, 0x80, 0x04, 0x01, 0x00, 0x00, 0x90, 0x44};
	static const uint8_t both_mask[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
		0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0x00};
	static const uint8_t t0[] = {0x3B, 0xDC, 0x18, 0xFF, 0x00, 0x00, 0x12, 0x25, 0x00, 0x64,
		0x80, 0x00, 0x04, 0x01, 0x00, 0x90, 0x00};
	static const uint8_t t0_mask[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
		0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF};

	if (atr_matches(atr, VIEW(both), VIEW(both_mask)) ||
		atr_matches(atr, VIEW(t0), VIEW(t0_mask))) {
		return 3; /* the second also fits the CPS3's wide mask */
	}
	return cps_family(atr);
}

static int cps4_probe(struct card *c)
{
	int r;

	r = iso7816_select_name(&c->apdu, c->driver->cla, VIEW(aid));
	if (r == CARD_DONE) {
		c->df = CARD_DF_UNKNOWN;
	}
	return trace(r);
}

static int cps4_pin_state(struct card *c, struct card_pin *ret_pin)
{
	uint8_t tries = 0;
	int r;

	r = iso7816_verify_state(&c->apdu, c->driver->cla, CPS_PIN_REF, &tries);
	if (r == CARD_DONE) {
		/* verified: the counter is full. By whom, only we know. */
		*ret_pin = (struct card_pin){.tries = CPS_PIN_TRIES, .verified = c->verified};
		return 0;
	}
	if (r == CARD_PIN_WRONG || r == CARD_PIN_BLOCKED) {
		*ret_pin = (struct card_pin){.tries = tries, .verified = false};
		return 0;
	}
	return trace(r);
}

static int cps4_sign(struct card *c, struct view data, struct buf *signature)
{
	static const uint8_t template[] = {0x91, 0x02, ALG_RSA_SHA256, CPS_SIGN_KEY};
	_cleanup_(buf_done) struct buf hash = BUF_NULL(SHA256_SIZE);
	struct apdu *a = &c->apdu;
	uint8_t cla = c->driver->cla;
	int r;

	sha256_put(data, &hash);
	r = buf_check(&hash);
	if (r < 0) {
		return trace(r);
	}
	r = cps_may_use_key(c);
	if (r == CARD_DONE) {
		r = cps_enter_role(c);
	}
	if (r == CARD_DONE) {
		r = iso7816_mse(a, cla, 0x81, 0xB6, VIEW(template));
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(iso7816_pso_sign(a, cla, buf_view(&hash), CPS_SIGNATURE_LEN, signature));
}

const struct card_driver cps4_driver = {
	.kind = "cps",
	.generation = "cps4",
	.cla = 0x01,
	.role_key = CPS_ROLE_KEY,
	.score = cps4_score,
	.probe = cps4_probe,
	.read_serial = cps_read_serial,
	.read_public = cps_read_public,
	.pin_state = cps4_pin_state,
	.verify = cps_verify,
	.read_activities = cps_read_activities,
	.enter_role = cps_enter_role,
	.sign = cps4_sign,
};
