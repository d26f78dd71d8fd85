/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Role authentication between the two cards on elliptic curves: a stand-in (doc/stand-in.md), of
 * which real French cards know nothing. This file only carries the commands; who may prove what to
 * whom, and whether it is true, is decided by the broker, which verifies every signature itself.
 */
#include "base/tlv.h"
#include "drivers/card/card.h"

#define TAG_CVC	       0x7F21U
#define DATA_CHALLENGE 24U /* challenge or nonce (16) and 8 bytes of purpose */
#define DATA_CONSENT   40U /* SHA-256 of a statement (32) and 8 bytes of purpose */

/* MSE with one object {@tag value}; 6A88 is a refusal of the name where @role. */
static int set_name(struct card *c, uint8_t p1, uint8_t p2, uint8_t tag, struct view name)
{
	_cleanup_(buf_done) struct buf data = BUF_NULL(2 + ROLE_NAME_LEN);

	tlv_put(&data, tag, name);
	if (buf_check(&data) < 0) {
		return CARD_REFUSED;
	}
	if (p1 == 0x81) {
		return trace(
			iso7816_mse_role(&c->apdu, c->driver->cla, p1, p2, buf_view(&data)));
	}
	return trace(iso7816_mse(&c->apdu, c->driver->cla, p1, p2, buf_view(&data)));
}

int role_check_certificate(struct card *c, struct view car, struct view cvc)
{
	struct reader whole = reader_of(cvc);
	struct tlv t;
	int r;

	if (tlv_next(&whole, &t) != 0 || t.tag != TAG_CVC || whole.left > 0 ||
		car.len != ROLE_NAME_LEN) {
		return CARD_REFUSED;
	}
	r = c->driver->enter_role(c);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = set_name(c, 0x81, 0xB6, 0x83, car);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(iso7816_pso_verify_certificate(&c->apdu, c->driver->cla, t.value));
}

int role_challenge(struct card *c, struct view chr, struct buf *out)
{
	int r;

	if (chr.len != ROLE_NAME_LEN) {
		return CARD_REFUSED;
	}
	r = c->driver->enter_role(c);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = set_name(c, 0x81, 0xA4, 0x83, chr);
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(iso7816_get_challenge(&c->apdu, c->driver->cla, ROLE_CHALLENGE_LEN, out));
}

int role_internal_authenticate(struct card *c, struct view data, struct buf *out)
{
	const uint8_t key[] = {c->driver->role_key};
	int r;

	if (data.len != DATA_CHALLENGE && data.len != DATA_CONSENT) {
		return CARD_REFUSED;
	}
	r = c->driver->enter_role(c);
	if (r != CARD_DONE) {
		return trace(r);
	}
	r = set_name(c, 0x41, 0xA4, 0x84, VIEW(key));
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(iso7816_internal_authenticate(
		&c->apdu, c->driver->cla, data, ROLE_SIGNATURE_LEN, out));
}

int role_external_authenticate(struct card *c, struct view signature)
{
	if (signature.len != ROLE_SIGNATURE_LEN) {
		return CARD_REFUSED;
	}
	c->used = true;
	return trace(iso7816_external_authenticate(&c->apdu, c->driver->cla, signature));
}
