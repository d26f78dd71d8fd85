/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/os-role.c: role authentication of doc/stand-in.md in both directions, verified by
 * OpenSSL as the broker would, and everything that must not work. */
#include <string.h>

#include "base/tlv.h"
#include "tests/unit/sim/scene.h"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {
		"vitale-family", "cps3-gp", "cps4-gp", "cps4-stranger", "cps4-test", NULL};

	(void)state;
	scene_make(&scene, names);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	scene_done(&scene);
	return 0;
}

/** struct side - a card and how its commands differ. */
struct side {
	struct play p;
	uint8_t cla, key;
	struct cvc cvc;
};

static uint16_t send_with(
	struct side *s, uint8_t ins, uint8_t p1, uint8_t p2, struct view data, int le)
{
	_cleanup_(buf_done) struct buf c = BUF_NULL(600);

	buf_put_u8(&c, s->cla);
	buf_put_u8(&c, ins);
	buf_put_u8(&c, p1);
	buf_put_u8(&c, p2);
	if (data.len > 0) {
		buf_put_u8(&c, (uint8_t)data.len);
		buf_put_view(&c, data);
	}
	if (le >= 0)
		buf_put_u8(&c, (uint8_t)le);
	return play_fetch_view(&s->p, buf_view(&c));
}

static uint16_t set_reference(
	struct side *s, uint8_t p1, uint8_t p2, uint32_t tag, struct view v)
{
	_cleanup_(buf_done) struct buf d = BUF_NULL(64);

	tlv_put(&d, tag, v);
	return send_with(s, 0x22, p1, p2, buf_view(&d), -1);
}

static void start(struct side *s, const char *name, bool verified)
{
	play_start(&s->p, &scene, name, 0);
	s->cla = 0x00;
	s->key = 0x05;
	if (profile_is_cps(s->p.card->state->profile)) {
		s->key = 0x83;
		s->cla = s->p.card->kind->cla;
		assert_int_equal(play_send(&s->p, s->cla ? "01A4040C088025000001FF0100"
							 : "00A4000C023F00"),
			0x9000);
		if (verified)
			assert_int_equal(play_send(&s->p, s->cla ? "012000010431323334"
								 : "002000010431323334"),
				0x9000);
		assert_int_equal(
			play_send(&s->p, s->cla ? "01A4090C043F000001" : "00A4090C043F000001"),
			0x9000);
	}
	assert_int_equal(cvc_parse_whole(buf_view(&s->p.card->state->cvc), &s->cvc), 0);
}

static uint16_t give_certificate(struct side *verifier, const struct side *prover)
{
	struct tlv whole;

	assert_int_equal(tlv_find(buf_view(&prover->p.card->state->cvc), 0x7F21, &whole), 0);
	if (set_reference(verifier, 0x81, 0xB6, 0x83, prover->cvc.car) != 0x9000)
		return verifier->p.sw;
	return send_with(verifier, 0x2A, 0x00, 0xBE, whole.value, -1);
}

static void take_challenge(
	struct side *verifier, const struct side *prover, struct buf *message)
{
	assert_int_equal(set_reference(verifier, 0x81, 0xA4, 0x83, prover->cvc.chr), 0x9000);
	assert_int_equal(send_with(verifier, 0x84, 0, 0, VIEW_NULL, 16), 0x9000);
	buf_put_view(message, buf_view(&verifier->p.answer));
	buf_put_view(message, view_last(VIEW(verifier->p.card->serial), 8));
}

static uint16_t prove(struct side *prover, struct view message)
{
	uint8_t key = prover->key;

	assert_int_equal(set_reference(prover, 0x41, 0xA4, 0x84, view_of(&key, 1)), 0x9000);
	return send_with(prover, 0x88, 0, 0, message, -1);
}

/* What the broker does: the certified point must verify the signature. */
static void assert_proof(const struct side *prover, struct view message)
{
	EVP_PKEY *key = NULL;

	assert_int_equal(crypto_ec_from_point(prover->cvc.point, &key), 0);
	assert_int_equal(crypto_ec_verify(key, message, buf_view(&prover->p.answer)), 0);
	EVP_PKEY_free(key);
	assert_int_equal(crypto_ec_verify(prover->p.card->state->root_key, prover->cvc.body,
				 prover->cvc.signature),
		0);
}

static void authenticate(struct side *verifier, struct side *prover)
{
	_cleanup_(buf_done) struct buf message = BUF_NULL(64);

	assert_int_equal(give_certificate(verifier, prover), 0x9000);
	take_challenge(verifier, prover, &message);
	assert_int_equal(message.len, 24);
	assert_int_equal(prove(prover, buf_view(&message)), 0x9000);
	assert_proof(prover, buf_view(&message));
	assert_int_equal(
		send_with(verifier, 0x82, 0, 0, buf_view(&prover->p.answer), -1), 0x9000);
}

static void finish(struct side *a, struct side *b)
{
	play_done(&a->p);
	play_done(&b->p);
}

static void both_generations_and_the_vitale_prove_themselves(void **state)
{
	static const char *const names[] = {"cps3-gp", "cps4-gp"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct side vitale, cps;

		start(&vitale, "vitale-family", false);
		start(&cps, names[i], true);
		authenticate(&vitale, &cps);
		assert_true(vitale.p.card->rights.role);
		assert_int_equal(vitale.p.card->rights.role_value, 10);
		authenticate(&cps, &vitale);
		assert_int_equal(cps.p.card->rights.role_value, CVC_ROLE_PATIENT);
		/* the protected files are open now */
		assert_int_equal(
			play_send(&vitale.p, "00A4040C0BD250000002564954414C45"), 0x9000);
		assert_int_equal(play_send(&vitale.p, "00A4020C022010"), 0x9000);
		assert_int_equal(play_fetch(&vitale.p, "00B0000000"), 0x9000);
		/* until the contacts are reset */
		play_reset(&vitale.p);
		assert_int_equal(
			play_send(&vitale.p, "00A4040C0BD250000002564954414C45"), 0x9000);
		assert_int_equal(play_send(&vitale.p, "00A4020C022010"), 0x9000);
		assert_int_equal(play_fetch(&vitale.p, "00B0000000"), 0x6982);
		finish(&vitale, &cps);
	}
}

static void the_professional_proves_nothing_before_the_pin(void **state)
{
	_cleanup_(buf_done) struct buf message = BUF_NULL(64);
	struct side vitale, cps;

	(void)state;
	start(&vitale, "vitale-family", false);
	start(&cps, "cps4-gp", false);
	assert_int_equal(give_certificate(&vitale, &cps), 0x9000);
	take_challenge(&vitale, &cps, &message);
	assert_int_equal(prove(&cps, buf_view(&message)), 0x6982);
	finish(&vitale, &cps);
}

static void consent_is_signed_over_forty_bytes(void **state)
{
	_cleanup_(buf_done) struct buf message = BUF_NULL(64);
	struct side vitale, cps;

	(void)state;
	start(&vitale, "vitale-family", false);
	start(&cps, "cps4-gp", true);
	buf_extend(&message, 32);
	buf_put_str(&message, "VDCONS01");
	assert_int_equal(prove(&vitale, buf_view(&message)), 0x9000);
	assert_proof(&vitale, buf_view(&message));
	assert_int_equal(prove(&cps, buf_view(&message)), 0x9000);
	assert_proof(&cps, buf_view(&message));
	buf_truncate(&message, 39);
	assert_int_equal(prove(&vitale, buf_view(&message)), 0x6700);
	finish(&vitale, &cps);
}

static void a_challenge_serves_once(void **state)
{
	_cleanup_(buf_done) struct buf message = BUF_NULL(64), proof = BUF_NULL(64);
	struct side vitale, cps;

	(void)state;
	start(&vitale, "vitale-family", false);
	start(&cps, "cps4-gp", true);
	assert_int_equal(give_certificate(&vitale, &cps), 0x9000);
	take_challenge(&vitale, &cps, &message);
	assert_int_equal(prove(&cps, buf_view(&message)), 0x9000);
	buf_put_view(&proof, buf_view(&cps.p.answer));
	assert_int_equal(send_with(&vitale, 0x82, 0, 0, buf_view(&proof), -1), 0x9000);
	assert_int_equal(send_with(&vitale, 0x82, 0, 0, buf_view(&proof), -1), 0x6985);
	/* replayed against a new challenge it is false, and that challenge is gone too */
	assert_int_equal(send_with(&vitale, 0x84, 0, 0, VIEW_NULL, 16), 0x9000);
	assert_int_equal(send_with(&vitale, 0x82, 0, 0, buf_view(&proof), -1), 0x6300);
	assert_int_equal(send_with(&vitale, 0x82, 0, 0, buf_view(&proof), -1), 0x6985);
	/* eight bytes are no challenge */
	assert_int_equal(send_with(&vitale, 0x84, 0, 0, VIEW_NULL, 8), 0x9000);
	assert_int_equal(send_with(&vitale, 0x82, 0, 0, buf_view(&proof), -1), 0x6985);
	/* nor is a proof of another length one */
	assert_int_equal(send_with(&vitale, 0x84, 0, 0, VIEW_NULL, 16), 0x9000);
	buf_truncate(&proof, 63);
	assert_int_equal(send_with(&vitale, 0x82, 0, 0, buf_view(&proof), -1), 0x6700);
	finish(&vitale, &cps);
}

static void a_stranger_with_the_same_names_is_refused(void **state)
{
	struct side vitale, stranger, test;

	(void)state;
	start(&vitale, "vitale-family", false);
	start(&stranger, "cps4-stranger", true);
	start(&test, "cps4-test", true);
	assert_true(view_equal(stranger.cvc.car, vitale.cvc.car));
	assert_int_equal(give_certificate(&vitale, &stranger), 0x6300);
	assert_int_equal(give_certificate(&stranger, &vitale), 0x6300);
	/* another nature has another root's name */
	assert_int_equal(give_certificate(&vitale, &test), 0x6A88);
	assert_int_equal(set_reference(&vitale, 0x81, 0xA4, 0x83, stranger.cvc.chr), 0x6A88);
	finish(&vitale, &stranger);
	play_done(&test.p);
}

static void a_flipped_bit_anywhere_is_refused(void **state)
{
	_cleanup_(buf_done) struct buf content = BUF_NULL(600);
	struct side vitale, cps;
	struct tlv whole;

	(void)state;
	start(&vitale, "vitale-family", false);
	start(&cps, "cps4-gp", true);
	assert_int_equal(tlv_find(buf_view(&cps.p.card->state->cvc), 0x7F21, &whole), 0);
	for (size_t i = 0; i < whole.value.len; i++) {
		buf_reset(&content);
		buf_put_view(&content, whole.value);
		content.data[i] ^= 1;
		assert_int_equal(set_reference(&vitale, 0x81, 0xB6, 0x83, cps.cvc.car), 0x9000);
		send_with(&vitale, 0x2A, 0x00, 0xBE, buf_view(&content), -1);
		if (vitale.p.sw != 0x6300 && vitale.p.sw != 0x6A80)
			fail_msg("byte %zu: %04X", i, vitale.p.sw);
	}
	finish(&vitale, &cps);
}

static void a_root_certificate_is_no_role(void **state)
{
	_cleanup_(buf_done) struct buf root = BUF_NULL(600), path = BUF_NULL(256);
	struct side vitale;
	struct tlv whole;

	(void)state;
	start(&vitale, "vitale-family", false);
	buf_printf(&path, "%s/anchors/simulated/cvc-root.cvcert", scene.dir);
	buf_put_u8(&path, 0);
	assert_int_equal(state_read_file((const char *)path.data, &root), 0);
	assert_int_equal(tlv_find(buf_view(&root), 0x7F21, &whole), 0);
	assert_int_equal(set_reference(&vitale, 0x81, 0xB6, 0x83, vitale.cvc.car), 0x9000);
	/* longer than one command: chained */
	vitale.cla = 0x10;
	assert_int_equal(
		send_with(&vitale, 0x2A, 0x00, 0xBE, view_sub(whole.value, 0, 200), -1),
		0x9000);
	vitale.cla = 0x00;
	assert_int_equal(send_with(&vitale, 0x2A, 0x00, 0xBE,
				 view_sub(whole.value, 200, whole.value.len), -1),
		0x6300);
	play_done(&vitale.p);
}

static void what_was_imported_goes_with_a_reset(void **state)
{
	struct side vitale, cps;

	(void)state;
	start(&vitale, "vitale-family", false);
	start(&cps, "cps3-gp", true);
	assert_int_equal(give_certificate(&vitale, &cps), 0x9000);
	assert_int_equal(set_reference(&vitale, 0x81, 0xA4, 0x83, cps.cvc.chr), 0x9000);
	play_reset(&vitale.p);
	assert_int_equal(set_reference(&vitale, 0x81, 0xA4, 0x83, cps.cvc.chr), 0x6A88);
	finish(&vitale, &cps);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_generations_and_the_vitale_prove_themselves),
		cmocka_unit_test(the_professional_proves_nothing_before_the_pin),
		cmocka_unit_test(consent_is_signed_over_forty_bytes),
		cmocka_unit_test(a_challenge_serves_once),
		cmocka_unit_test(a_stranger_with_the_same_names_is_refused),
		cmocka_unit_test(a_flipped_bit_anywhere_is_refused),
		cmocka_unit_test(a_root_certificate_is_no_role),
		cmocka_unit_test(what_was_imported_goes_with_a_reset),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
