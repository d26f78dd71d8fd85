/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Role authentication between the two cards on elliptic curves: a stand-in (doc/stand-in.md), of
 * which real French cards know nothing. This file only carries the commands; who may prove what to
 * whom, and whether it is true, is decided by the broker, which verifies every signature itself.
 * It also remembers what MSE has set, which saves characters and decides nothing.
 */
#include "drivers/card/role.h"

#include "base/tlv.h"
#include "drivers/card/card.h"

#define TAG_CVC	       0x7F21U
#define TAG_NAME       0x83U
#define TAG_KEY	       0x84U
#define DATA_CHALLENGE 24U /* challenge or nonce (16) and 8 bytes of purpose */
#define DATA_CONSENT   40U /* SHA-256 of a statement (32) and 8 bytes of purpose */
#define P1_VERIFY      0x81U
#define P1_COMPUTE     0x41U
#define P1_BOTH	       0xC1U
#define P2_AT	       0xA4U
#define P2_DST	       0xB6U

/* -- the security environment -------------------------------------------------------------- */

void environment_forget(struct card *c)
{
	c->environment = (struct card_environment){0};
}

void environment_forget_one(struct card *c, uint8_t template)
{
	for (size_t i = 0; i < ENVIRONMENT_SETS; i++) {
		if (c->environment.sets[i].template == template) {
			c->environment.sets[i].template = 0;
		}
	}
}

static bool stands(const struct card *c, uint8_t p1, uint8_t p2, struct view data)
{
	for (size_t i = 0; i < ENVIRONMENT_SETS; i++) {
		if (c->environment.sets[i].template == p2 && c->environment.sets[i].p1 == p1 &&
			view_equal(view_of(c->environment.sets[i].data,
					   c->environment.sets[i].len),
				data)) {
			return true;
		}
	}
	return false;
}

static void remember(struct card *c, uint8_t p1, uint8_t p2, struct view data)
{
	for (size_t i = 0; i < ENVIRONMENT_SETS; i++) {
		if (c->environment.sets[i].template == 0) {
			c->environment.sets[i].template = p2;
			c->environment.sets[i].p1 = p1;
			c->environment.sets[i].len = (uint8_t)data.len;
			bytes_copy(c->environment.sets[i].data, ENVIRONMENT_DATA, data.data,
				data.len);
			return;
		}
	}
}

int environment_set(struct card *c, uint8_t p1, uint8_t p2, struct view data,
	enum environment_manner manner, bool *ret_kept)
{
	uint8_t cla = c->driver->cla;
	int r;

	*ret_kept = stands(c, p1, p2, data);
	if (*ret_kept) {
		return 0;
	}
	environment_forget_one(c, p2);
	r = manner == ENVIRONMENT_PEER ? iso7816_mse_role(&c->apdu, cla, p1, p2, data)
				       : iso7816_mse(&c->apdu, cla, p1, p2, data);
	if (r == CARD_DONE && data.len <= ENVIRONMENT_DATA) {
		remember(c, p1, p2, data);
	}
	return trace(r);
}

/* -- the role ------------------------------------------------------------------------------ */

int role_check_certificate(struct card *c, struct view car, struct view cvc)
{
	_cleanup_(buf_done) struct buf name = BUF_NULL(ENVIRONMENT_DATA);
	struct reader whole = reader_of(cvc);
	struct tlv t;
	bool kept;
	int r;

	if (tlv_next(&whole, &t) != 0 || t.tag != TAG_CVC || whole.left > 0 ||
		car.len != ROLE_NAME_LEN) {
		return CARD_REFUSED;
	}
	tlv_put(&name, TAG_NAME, car);
	r = buf_check(&name);
	if (r < 0) {
		return trace(r);
	}
	r = c->driver->enter_role(c);
	environment_forget_one(c, P2_DST);
	if (r == CARD_DONE) {
		r = environment_set(
			c, P1_VERIFY, P2_DST, buf_view(&name), ENVIRONMENT_PEER, &kept);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	environment_forget_one(c, P2_AT); /* the key that it names may be what comes now */
	c->used = true;			  /* a key comes in: the beginning of a right */
	return trace(iso7816_pso_verify_certificate(&c->apdu, c->driver->cla, t.value));
}

/* The peer's key and the own one, unless both are named still: what was selected since the challenge
 * may have ended that. */
static int name_both(struct card *c)
{
	_cleanup_(buf_done) struct buf names = BUF_NULL(ENVIRONMENT_DATA);
	bool kept;
	int r;

	tlv_put(&names, TAG_NAME, VIEW(c->peer));
	tlv_put_u8(&names, TAG_KEY, c->driver->role_key);
	r = buf_check(&names);
	if (r < 0) {
		return trace(r);
	}
	return trace(
		environment_set(c, P1_BOTH, P2_AT, buf_view(&names), ENVIRONMENT_PEER, &kept));
}

int role_challenge(struct card *c, struct view chr, struct buf *out)
{
	int r;

	if (chr.len != ROLE_NAME_LEN) {
		return CARD_REFUSED;
	}
	bytes_copy(c->peer, sizeof(c->peer), chr.data, chr.len);
	c->challenged = false;
	r = c->driver->enter_role(c);
	if (r == CARD_DONE) {
		r = name_both(c);
	}
	if (r == CARD_DONE) {
		r = iso7816_get_challenge(&c->apdu, c->driver->cla, ROLE_CHALLENGE_LEN, out);
	}
	c->challenged = r == CARD_DONE;
	return trace(r);
}

/* Whether an AT that stands names the own key: every one of ours that serves both sides
 * does. */
static bool key_named(const struct card *c)
{
	for (size_t i = 0; i < ENVIRONMENT_SETS; i++) {
		if (c->environment.sets[i].template == P2_AT) {
			return true;
		}
	}
	return false;
}

static int name_key(struct card *c)
{
	const uint8_t data[] = {TAG_KEY, 1, c->driver->role_key};
	bool kept;

	if (c->challenged) {
		return trace(name_both(c)); /* EXTERNAL AUTHENTICATE follows: once for both */
	}
	return trace(environment_set(c, P1_COMPUTE, P2_AT, VIEW(data), ENVIRONMENT_OWN, &kept));
}

int role_internal_authenticate(struct card *c, struct view data, struct buf *out)
{
	bool named;
	int r;

	if (data.len != DATA_CHALLENGE && data.len != DATA_CONSENT) {
		return CARD_REFUSED;
	}
	r = c->driver->enter_role(c);
	if (r != CARD_DONE) {
		return trace(r);
	}
	named = key_named(c);
	r = named ? 0 : name_key(c);
	if (r == CARD_DONE) {
		r = iso7816_internal_authenticate(
			&c->apdu, c->driver->cla, data, ROLE_SIGNATURE_LEN, out);
	}
	if (!named || (r != CARD_REFUSED && r != CARD_ABSENT)) {
		return trace(r);
	}
	environment_forget_one(c, P2_AT); /* it did not stay named on this card */
	r = name_key(c);
	if (r == CARD_DONE) {
		r = iso7816_internal_authenticate(
			&c->apdu, c->driver->cla, data, ROLE_SIGNATURE_LEN, out);
	}
	return trace(r);
}

int role_external_authenticate(struct card *c, struct view signature)
{
	int r = 0;

	if (signature.len != ROLE_SIGNATURE_LEN) {
		return CARD_REFUSED;
	}
	if (c->challenged) { /* else the card says that there is nothing to answer */
		r = c->driver->enter_role(c);
		if (r == CARD_DONE) {
			r = name_both(c);
		}
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	c->challenged = false;
	c->used = true;
	return trace(iso7816_external_authenticate(&c->apdu, c->driver->cla, signature));
}
