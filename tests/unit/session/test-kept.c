/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A professional's public files between sessions and starts of the broker: read once, believed
 * never; and nothing of a patient ever on the disk.
 */
#include "daemon/session/cache.h"
#include "tests/unit/session/played.h"
#include "tests/unit/session/world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NIR_ALICE "280075632100123"
#define R(name)	  VITALED_REASON_##name
#define ST(name)  SESSION_STATE_##name
#define OP(name)  CARD_OP_##name
#define FROM	  "20240101000000"
#define TO	  "20990101000000"

static struct played *vitale;
static struct played *cps;

static void stamp(const char *from)
{
	buf_reset(&cps->actua);
	tlv_put_str(&cps->actua, LINK_TAG_ACTUA_FROM, from);
	tlv_put_str(&cps->actua, LINK_TAG_ACTUA_TO, TO);
}

static int setup(void **state)
{
	int r = world_setup(state);

	vitale = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	play_person(vitale, "DUPONT", "ALICE", "19800714", NIR_ALICE, 1);
	cps = play_cps(READER_B, pki_card("simulated", 'P', FORGED_GOOD));
	play_activity(cps, 1, "CABINET A", "10000001", "SA07");
	stamp(FROM);
	vitale->in = true;
	cps->in = true;
	world.config.pin_lifetime = 0; /* every session opens the card */
	world.config.professional_cache = true;
	world_restart();
	return r;
}

static struct session *open_normal(void)
{
	return world_session(SESSION_MODE_NORMAL);
}

static void consult(void)
{
	struct session *s = open_normal();

	world_reach(s, ST(UNLOCKED));
	assert_int_equal(session_proof(s), PROOF_MUTUAL);
	session_release(s);
}

static unsigned int readings(void)
{
	return cps->asked[OP(READ_PUBLIC)];
}

/* -- the folder ------------------------------------------------------------------------------------ */

/* Calls @each with every file kept. Return: how many. */
static unsigned int files(void (*each)(const char *path))
{
	char folder[64];
	char path[400];
	DIR *dir;
	const struct dirent *e;
	unsigned int n = 0;

	assert_true(snprintf(folder, sizeof(folder), "%s/cache", world.folder) > 0);
	dir = opendir(folder);
	while (dir && (e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.') {
			continue;
		}
		n++;
		assert_true(snprintf(path, sizeof(path), "%s/%s", folder, e->d_name) > 0);
		if (each) {
			each(path);
		}
	}
	if (dir) {
		closedir(dir);
	}
	return n;
}

static void damage(const char *path)
{
	int fd = open(path, O_WRONLY);

	assert_int_equal(pwrite(fd, "?", 1, 200), 1);
	close(fd);
}

static void nobody_in_it(const char *path)
{
	static uint8_t bytes[CACHE_BODY_MAX];
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, sizeof(bytes));

	close(fd);
	assert_true(n > 1000);
	assert_null(memmem(bytes, (size_t)n, "ALICE", 5));
	assert_null(memmem(bytes, (size_t)n, NIR_ALICE, 13));
	assert_null(memmem(bytes, (size_t)n, vitale->card->serial, 10));
	assert_null(
		memmem(bytes, (size_t)n, "CABINET A", 9)); /* nor structures, behind the PIN */
	assert_non_null(memmem(bytes, (size_t)n, cps->card->serial, 10));
}

/* What a cache of before may hold: the files of @card for the serial of the card that is in. */
static void keep(const struct forged_card *card)
{
	struct buf body = BUF_NULL(CACHE_BODY_MAX);
	struct cache *c = NULL;

	tlv_put(&body, LINK_TAG_CVC, buf_view(&card->cvc));
	tlv_put(&body, LINK_TAG_CERT_SIG, buf_view(&card->sig));
	tlv_put(&body, LINK_TAG_CERT_AUT, buf_view(&card->aut));
	assert_int_equal(cache_open(world.folder, true, &c), 0);
	cache_put(c, VIEW(cps->card->serial), VIEW_TEXT(FROM TO), buf_view(&body));
	cache_free(c);
	buf_done(&body);
}

/* -- kept ------------------------------------------------------------------------------------------ */

static void the_files_are_read_once_for_sessions_and_starts(void **state)
{
	(void)state;
	consult();
	assert_int_equal(readings(), 1);
	consult();
	assert_int_equal(readings(), 1);
	world_restart();
	consult();
	assert_int_equal(readings(), 1);
	assert_int_equal(cps->asked[OP(IDENTIFY)], 3);
	assert_int_equal(files(nobody_in_it), 1);
}

static void a_card_with_another_stamp_is_read_anew(void **state)
{
	(void)state;
	consult();
	stamp("20250101000000");
	consult();
	assert_int_equal(readings(), 2);
	consult();
	assert_int_equal(readings(), 2);
	buf_reset(&cps->actua); /* a card without a stamp: by its serial */
	consult();
	consult();
	assert_int_equal(readings(), 3);
	assert_int_equal(files(NULL), 1);
}

static void switched_off_nothing_is_kept(void **state)
{
	(void)state;
	consult();
	world.config.professional_cache = false;
	world_restart();
	assert_int_equal(files(NULL), 0);
	consult();
	consult();
	assert_int_equal(readings(), 3);
	assert_int_equal(files(NULL), 0);
}

static void a_card_that_has_not_signed_leaves_nothing(void **state)
{
	(void)state;
	world.fail[ASK_PIN] = R(CANCELLED);
	world_end(open_normal(), ST(FAILED), R(CANCELLED));
	assert_int_equal(files(NULL), 0);
	world.fail[ASK_PIN] = R(NONE);
	world.consent.decision = CONSENT_REFUSED;
	world_end(open_normal(), ST(REFUSED), R(CONSENT_REFUSED));
	assert_int_equal(files(NULL), 0);
	assert_int_equal(readings(), 2);
}

static void a_disk_that_keeps_nothing_disturbs_nobody(void **state)
{
	char folder[64];

	(void)state;
	assert_true(snprintf(folder, sizeof(folder), "%s/cache", world.folder) > 0);
	assert_int_equal(rmdir(folder), 0);
	consult();
	consult();
	assert_int_equal(readings(), 2);
}

/* -- not believed ---------------------------------------------------------------------------------- */

static void a_damaged_file_is_read_over(void **state)
{
	(void)state;
	consult();
	assert_int_equal(files(damage), 1);
	consult();
	assert_int_equal(readings(), 2);
	consult();
	assert_int_equal(readings(), 2);
}

static void kept_certificates_that_do_not_verify_now_are_read_over(void **state)
{
	static const enum forged_fault faults[] = {FORGED_X509_EXPIRED, FORGED_X509_STRANGER,
		FORGED_EXPIRED, FORGED_STRANGER, FORGED_TWO_PEOPLE, FORGED_OTHER_CARD};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(faults); i++) {
		keep(pki_renew(cps->card, "simulated", faults[i], false));
		world_restart();
		consult();
		assert_int_equal(readings(), i + 1);
		consult();
		assert_int_equal(readings(), i + 1);
	}
	world_revocation =
		TRUST_REVOCATION_REVOKED; /* what is on the card is revoked as well */
	world_end(open_normal(), ST(FAILED), R(CARD_OPPOSED));
	assert_int_equal(readings(), ARRAY_LEN(faults) + 1);
}

static void a_renewed_role_certificate_is_read_when_the_kept_one_fails(void **state)
{
	(void)state;
	consult();
	cps->card = pki_renew(cps->card, "simulated", FORGED_GOOD, false);
	consult();
	assert_int_equal(readings(), 2);
	assert_int_equal(world.asked[ASK_CONSENT], 2); /* once a session */
	assert_int_equal(world.asked[ASK_PIN], 2);
	consult();
	assert_int_equal(readings(), 2);
}

static void it_is_read_also_when_the_patients_card_refuses_the_kept_one(void **state)
{
	(void)state;
	consult();
	vitale->misdeed[OP(CHECK_CERTIFICATE)] = PLAY_OUTCOME;
	vitale->value[OP(CHECK_CERTIFICATE)] = CARD_REFUSED;
	world_end(open_normal(), ST(FAILED), R(PROOF_FAILED)); /* it is the same one */
	assert_int_equal(readings(), 2);
	vitale->misdeed[OP(CHECK_CERTIFICATE)] = PLAY_WELL;
	consult();
	assert_int_equal(readings(), 3);
}

static void a_renewed_signature_certificate_is_read_and_consent_asked_anew(void **state)
{
	struct session *s;

	(void)state;
	consult();
	cps->card = pki_renew(cps->card, "simulated", FORGED_GOOD, true);
	s = open_normal();
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(readings(), 2);
	assert_int_equal(
		world.asked[ASK_CONSENT], 3); /* another certificate, another statement */
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 2);
	assert_true(
		view_equal(session_professional(s)->certificate, buf_view(&cps->card->sig)));
	session_release(s);
	consult();
	assert_int_equal(readings(), 2);
}

static void a_card_that_lies_is_read_anew_once_and_then_ends_it(void **state)
{
	static const uint8_t ops[] = {OP(INTERNAL_AUTHENTICATE), OP(SIGN)};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(ops); i++) {
		consult();
		world.asked[ASK_CONSENT] = 0;
		cps->misdeed[ops[i]] = PLAY_FALSE;
		world_end(open_normal(), ST(FAILED), R(PROOF_FAILED));
		cps->misdeed[ops[i]] = PLAY_WELL;
		assert_int_equal(world.asked[ASK_CONSENT], i); /* for SIGN it was asked once */
		assert_int_equal(readings(), 2 * i + 2);
		assert_int_equal(files(NULL), 0);
	}
}

static void another_person_on_the_card_than_was_admitted_ends_it(void **state)
{
	(void)state;
	keep(pki_renew(cps->card, "simulated", FORGED_SOMEBODY, false));
	world_restart();
	world_end(open_normal(), ST(FAILED), R(PROOF_FAILED));
	assert_int_equal(readings(), 1);
	consult();
	assert_int_equal(readings(), 2);
}

static void a_second_reading_that_makes_no_sense_ends_it(void **state)
{
	(void)state;
	keep(pki_renew(cps->card, "simulated", FORGED_NO_SPECIALITY, false));
	cps->misdeed[OP(READ_PUBLIC)] = PLAY_GARBAGE;
	world_restart();
	world_end(open_normal(), ST(FAILED), R(CARD_BROKEN));
	cps->misdeed[OP(READ_PUBLIC)] = PLAY_WELL;
	assert_int_equal(files(NULL), 0);
}

static void a_signature_certificate_with_another_role_beside_it_ends_it(void **state)
{
	struct forged_card *other = pki_renew(cps->card, "simulated", FORGED_GOOD, true);
	struct forged_card role = *other;
	struct session *s;

	(void)state;
	consult();
	/* the signature fails under the kept certificate; what is read then names another role key
	 * than the one that the patient's card has just authenticated */
	cps->card = other;
	world.when[ASK_CONSENT] = ANSWER_NEVER;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_CONSENT));
	role.cvc = pki_renew(cps->card, "simulated", FORGED_GOOD, false)->cvc;
	cps->card = &role;
	world_answer(s, ASK_CONSENT);
	world_end(s, ST(FAILED), R(PROOF_FAILED));
	assert_int_equal(world.asked[ASK_CONSENT], 2);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(the_files_are_read_once_for_sessions_and_starts),
		T(a_card_with_another_stamp_is_read_anew),
		T(switched_off_nothing_is_kept),
		T(a_card_that_has_not_signed_leaves_nothing),
		T(a_disk_that_keeps_nothing_disturbs_nobody),
		T(a_damaged_file_is_read_over),
		T(kept_certificates_that_do_not_verify_now_are_read_over),
		T(a_renewed_role_certificate_is_read_when_the_kept_one_fails),
		T(it_is_read_also_when_the_patients_card_refuses_the_kept_one),
		T(a_renewed_signature_certificate_is_read_and_consent_asked_anew),
		T(a_card_that_lies_is_read_anew_once_and_then_ends_it),
		T(another_person_on_the_card_than_was_admitted_ends_it),
		T(a_second_reading_that_makes_no_sense_ends_it),
		T(a_signature_certificate_with_another_role_beside_it_ends_it),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
