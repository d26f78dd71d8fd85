/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The professional's signature as the generation's table describes it: templates, then the hash,
 * finished by the card from our intermediate state or given whole, then the signature. A template
 * that still stands is not told again; a card that has forgotten it is told once more.
 */
#include "base/tlv.h"
#include "drivers/card/cps/cps.h"
#include "drivers/card/cps/sha256.h"

#define TAG_STATE 0x90U
#define TAG_LAST  0x80U

/* PSO HASH: 90 { state, bits hashed so far | nothing } 80 { last block, 1..64 bytes }. */
static int hash_last_round(struct card *c, struct view data)
{
	_cleanup_(buf_done) struct buf objects = BUF_NULL(APDU_DATA_MAX);
	_cleanup_(buf_done) struct buf state = BUF_NULL(SHA256_SIZE + sizeof(uint64_t));
	size_t whole = (data.len - 1) / SHA256_BLOCK * SHA256_BLOCK;
	struct sha256 s;
	int r;

	sha256_init(&s);
	sha256_blocks(&s, view_sub(data, 0, whole));
	if (whole > 0) {
		sha256_put_state(&s, &state);
		buf_put_u64(&state, s.bytes * 8);
	}
	tlv_put(&objects, TAG_STATE, buf_view(&state));
	tlv_put(&objects, TAG_LAST, view_sub(data, whole, SHA256_BLOCK));
	r = buf_check(&state);
	if (r == 0) {
		r = buf_check(&objects);
	}
	if (r < 0) {
		return trace(r);
	}
	return trace(iso7816_pso_hash(&c->apdu, c->driver->cla, buf_view(&objects)));
}

/* @ret_kept: whether at least one of them stood. */
static int set_templates(struct card *c, bool *ret_kept)
{
	const struct cps_signature *s = &cps_generation(c)->signature;
	int r = 0;

	*ret_kept = false;
	for (size_t i = 0; i < CPS_SETS && s->sets[i].p2 != 0 && r == CARD_DONE; i++) {
		bool kept;

		r = environment_set(c, s->sets[i].p1, s->sets[i].p2,
			view_of(s->sets[i].data, s->sets[i].len), ENVIRONMENT_OWN, &kept);
		*ret_kept = *ret_kept || kept;
	}
	return trace(r);
}

static int sign_once(struct card *c, struct view data, bool *ret_kept, struct buf *signature)
{
	_cleanup_(buf_done) struct buf hash = BUF_NULL(SHA256_SIZE);
	const struct cps_signature *s = &cps_generation(c)->signature;
	int r;

	r = cps_enter_role(c);
	if (r == CARD_DONE) {
		r = set_templates(c, ret_kept);
	}
	if (r == CARD_DONE && s->last_round) {
		r = hash_last_round(c, data);
	} else if (r == CARD_DONE) {
		sha256_put(data, &hash);
		r = buf_check(&hash);
	}
	if (r != CARD_DONE) {
		return trace(r);
	}
	return trace(iso7816_pso_sign(
		&c->apdu, c->driver->cla, buf_view(&hash), s->size, signature));
}

int cps_sign(struct card *c, struct view data, struct buf *signature)
{
	bool kept = false;
	int r;

	r = cps_may_use_key(c);
	if (r == CARD_DONE) {
		r = sign_once(c, data, &kept, signature);
	}
	if (kept && (r == CARD_REFUSED || r == CARD_ABSENT)) {
		environment_forget(c);
		r = sign_once(c, data, &kept, signature);
	}
	if (r == CARD_DENIED) {
		c->verified = false; /* the card says so: one PIN, one signature */
	}
	return trace(r);
}
