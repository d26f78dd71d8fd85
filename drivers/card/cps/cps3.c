/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * CPS3: IAS-ECC on channel 0, T=0 (sources: ANS Cryptolib, OpenSC, facts of real cards in OpenSC's
 * issues). Its own: the PIN's counter in a data object, and a signature whose hash the card
 * finishes itself from our intermediate state. The table at the end is all that others see.
 */
#include "base/tlv.h"
#include "drivers/card/cps/cps.h"
#include "drivers/card/cps/sha256.h"

#define ALG_SHA256     0x40U
#define ALG_RSA_SHA256 0x42U
#define TAG_SDO_OUTER  0x70U
#define TAG_SDO_PIN    0xBF8101U
#define TAG_DOCP       0xA0U
#define TAG_TRIES_LEFT 0x9BU

/* E8 28 BD 08 0F, then the issuer number of ANS: "CPX IAS" */
static const uint8_t aid[] = {
	0xE8, 0x28, 0xBD, 0x08, 0x0F, 0x80, 0x25, 0x00, 0x00, 0x01, 0xFF, 0x00, 0x10};

static unsigned cps3_score(const struct atr *atr)
{
	static const uint8_t pattern[] = {0x3B, 0xAC, 0x00, 0x40, 0x2A, 0x00, 0x12, 0x25, 0x00,
		0x64, 0x80, 0x00, 0x03, 0x10, 0x00, 0x90, 0x00};
	static const uint8_t mask[] = {0xFF, 0x00, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF, 0xFF,
		0xFF, 0xFF, 0x00, 0x00, 0x00, 0xFF, 0xFF, 0xFF};

	return atr_matches(atr, VIEW(pattern), VIEW(mask)) ? 2 : cps_family(atr);
}

static int cps3_probe(struct card *c)
{
	int r;

	r = iso7816_select_name(&c->apdu, c->driver->cla, VIEW(aid));
	if (r == CARD_DONE) {
		c->df = CARD_DF_APPLICATION;
	}
	return trace(r);
}

/* 70 { BF8101 { A0 { 9A max | 9B left | ... } } }, only with 3F00 current (IAS-ECC SDO). */
static int cps3_pin_state(struct card *c, struct card_pin *ret_pin)
{
	static const uint8_t mf[] = {0x3F, 0x00};
	static const uint8_t question[] = {
		0x4D, 0x08, 0x70, 0x06, 0xBF, 0x81, CPS_PIN_REF, 0x02, 0xA0, 0x80};
	static const uint32_t way[] = {TAG_SDO_OUTER, TAG_SDO_PIN, TAG_DOCP};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(APDU_LE_MAX);
	struct view in;
	uint8_t left;
	int r;

	r = iso7816_select_path(&c->apdu, c->driver->cla, VIEW(mf));
	if (r != CARD_DONE) {
		return trace(r);
	}
	c->df = CARD_DF_ROOT;
	r = iso7816_get_data(
		&c->apdu, c->driver->cla, 0x3FFF, VIEW(question), APDU_LE_MAX, &answer);
	if (r != CARD_DONE) {
		return trace(r);
	}
	in = buf_view(&answer);
	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		struct tlv t;

		if (tlv_find(in, way[i], &t) != 0) {
			return CARD_BROKEN;
		}
		in = t.value;
	}
	if (tlv_find_u8(in, TAG_TRIES_LEFT, &left) != 0) {
		return CARD_BROKEN;
	}
	*ret_pin = (struct card_pin){.tries = left, .verified = c->verified};
	return 0;
}

/* PSO HASH: 90 { state, bits hashed so far | nothing } 80 { last block, 1..64 bytes }. */
static int hash_last_round(struct card *c, struct view data)
{
	_cleanup_(buf_done) struct buf objects = BUF_NULL(APDU_DATA_MAX);
	_cleanup_(buf_done) struct buf state = BUF_NULL(SHA256_SIZE + sizeof(uint64_t));
	size_t whole = (data.len - 1) / SHA256_BLOCK * SHA256_BLOCK;
	struct sha256 s;

	sha256_init(&s);
	sha256_blocks(&s, view_sub(data, 0, whole));
	if (whole > 0) {
		sha256_put_state(&s, &state);
		buf_put_u64(&state, s.bytes * 8);
	}
	tlv_put(&objects, 0x90, buf_view(&state));
	tlv_put(&objects, 0x80, view_sub(data, whole, SHA256_BLOCK));
	if (buf_check(&state) < 0 || buf_check(&objects) < 0) {
		return trace(buf_check(&objects));
	}
	return trace(iso7816_pso_hash(&c->apdu, c->driver->cla, buf_view(&objects)));
}

static int cps3_sign(struct card *c, struct view data, struct buf *signature)
{
	static const uint8_t hash_template[] = {0x80, 0x01, ALG_SHA256};
	static const uint8_t signature_template[] = {
		0x84, 0x01, CPS_SIGN_KEY, 0x80, 0x01, ALG_RSA_SHA256};
	struct apdu *a = &c->apdu;
	uint8_t cla = c->driver->cla;
	int r;

	r = cps_may_use_key(c);
	if (r == CARD_DONE) {
		r = cps_enter_role(c);
	}
	if (r == CARD_DONE) {
		r = iso7816_mse(a, cla, 0x41, 0xAA, VIEW(hash_template));
	}
	if (r == CARD_DONE) {
		r = iso7816_mse(a, cla, 0x41, 0xB6, VIEW(signature_template));
	}
	if (r == CARD_DONE) {
		r = hash_last_round(c, data);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(iso7816_pso_sign(a, cla, VIEW_NULL, CPS_SIGNATURE_LEN, signature));
}

const struct card_driver cps3_driver = {
	.kind = "cps",
	.generation = "cps3",
	.cla = 0x00,
	.role_key = CPS_ROLE_KEY,
	.score = cps3_score,
	.probe = cps3_probe,
	.read_serial = cps_read_serial,
	.read_public = cps_read_public,
	.pin_state = cps3_pin_state,
	.verify = cps_verify,
	.read_activities = cps_read_activities,
	.enter_role = cps_enter_role,
	.sign = cps3_sign,
};

/* -- the contactless side of a CPS3: no PIN, no signature, hence nothing for us ------------------ */

static unsigned contactless_score(const struct atr *atr)
{
	static const uint8_t pattern[] = {0x3B, 0x8F, 0x80, 0x01, 0x00, 0x31, 0xB8, 0x64, 0x04,
		0xB0, 0xEC, 0xC1, 0x73, 0x94, 0x01, 0x80, 0x82, 0x90, 0x00, 0x0E};
	static const uint8_t mask[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00,
		0x00, 0xFF, 0xC0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x00};

	return atr_matches(atr, VIEW(pattern), VIEW(mask)) ? 2 : 0;
}

const struct card_driver cps_contactless_driver = {
	.kind = "unsupported",
	.generation = "cps3",
	.advice = "cps-contactless",
	.score = contactless_score,
};
