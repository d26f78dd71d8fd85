/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * daemon/session/crl.h and the anchors of feeders: whose lists are believed when, what is read again, and
 * that an import keeps those that it began with.
 */
#include "daemon/limits.h"
#include "daemon/trust/feeders.h"
#include "daemon/trust/revocation.h"
#include "tests/unit/record/failing.h"
#include "tests/unit/session/crl-scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <openssl/bn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define EXPIRED "feeder-crl-expired simulated FEEDERS\n"
#define MISSING "feeder-crl-missing simulated FEEDERS\n"

static EVP_PKEY *key;
static X509 *ca, *signer;
static struct forged_list list; /* of @ca */
static uint64_t after;		/* its end */
static char signer_serial[64];
static const char *const revoked[] = {signer_serial, NULL};

/* The folder of anchors is there, and empty. */
static int set(void **state)
{
	int r = scene_set(state);

	assert_true(snprintf(scene.config.anchors, sizeof(scene.config.anchors), "%s/anchors",
			    scene.base) > 0);
	assert_int_equal(
		forge_shell("mkdir -p \"$D\"/anchors/feeder/simulated", scene.base), 0);
	list = scene_list_of("7", NULL);
	list.issuer = ca;
	list.key = key;
	after = (uint64_t)(list.until + 1) * USEC_PER_SEC;
	return r;
}

static void path_of(char path[600], const char *name)
{
	assert_true(
		snprintf(path, 600, "%s/feeder/simulated/%s", scene.config.anchors, name) > 0);
}

static void put_anchor(const char *name, X509 *cert)
{
	char path[600];

	path_of(path, name);
	(void)unlink(path);
	forge_pem(cert, path);
}

static void take_away(const char *name)
{
	char path[600];

	path_of(path, name);
	assert_int_equal(unlink(path), 0);
}

static struct buf anchors_now(void)
{
	struct buf anchors = BUF_NULL(LIMIT_FEED_ANCHORS);
	char bad[256];

	assert_int_equal(feeders_read(scene.config.anchors, pki.trust, &anchors, bad), 0);
	return anchors;
}

/* As Diagnose does it. */
static void tell_feeders(void)
{
	struct buf anchors = anchors_now();

	crls_feeders(scene.crls, buf_view(&anchors));
	buf_done(&anchors);
}

/* As an import does it. */
static void hold(void)
{
	struct buf anchors = anchors_now();

	assert_int_equal(crls_hold(scene.crls, buf_view(&anchors)), 0);
	buf_done(&anchors);
}

/* Something in the folder of lists changes, and they are looked at. */
static void look_again(void)
{
	unsigned int before = scene.readings;

	scene_put_text("README", "no list");
	while (scene.readings == before)
		scene_settle();
}

/* What an import is told of @signer alone. */
static enum trust_revocation ask_signer(void)
{
	enum trust_revocation answer = TRUST_REVOCATION_GOOD;
	struct buf der = BUF_NULL(8192);

	forge_der(signer, &der);
	assert_int_equal(
		revocation_feeder(pki.trust, buf_view(&der), clock_wall(), &answer), 0);
	buf_done(&der);
	return answer;
}

/* -- those that lie there ------------------------------------------------------------------------- */

static void a_feeders_list_is_taken_once_its_authority_is_there(void **state)
{
	char path[600];

	(void)state;
	scene_put_list("feeders.crl", &list);
	scene_start(TEST_REAL);
	scene_settle();
	scene_finds(NO_LIST "crl-rejected feeders.crl stranger\n");
	put_anchor("ca.pem", ca);
	tell_feeders();
	assert_true(crls_reading(scene.crls));
	scene_settle();
	assert_int_equal(scene.readings, 2);
	scene_finds(NO_LIST);
	scene_finds_at(after, NO_LIST EXPIRED);
	tell_feeders(); /* the same */
	assert_false(crls_reading(scene.crls));
	path_of(path, "ca.pem");
	forge_file(path, VIEW_TEXT("none"));
	crls_feeders(scene.crls, VIEW_NULL);
	assert_true(crls_reading(scene.crls));
	scene_settle(); /* what is no anchor changes nothing */
	scene_finds_at(after, NO_LIST EXPIRED);
	take_away("ca.pem");
	tell_feeders();
	scene_settle();
	scene_finds_at(after, NO_LIST); /* nobody to ask for */
}

static void an_authority_of_feeders_without_a_list_is_said(void **state)
{
	(void)state;
	put_anchor("ca.pem", ca);
	scene_start(TEST_REAL);
	scene_settle();
	scene_finds(NO_LIST MISSING);
}

/* Its name was known, and the key that goes with it is no key for lists. */
static void a_list_that_was_too_weak_for_one_is_read_again_for_another(void **state)
{
	EVP_PKEY *small = EVP_EC_gen("P-224");
	struct forged_x509 f = pki_authority("FEEDERS", small);
	X509 *weak = forge_x509(&f);

	(void)state;
	scene_put_list("feeders.crl", &list);
	put_anchor("weak.pem", weak);
	scene_start(TEST_REAL);
	scene_settle();
	scene_finds(NO_LIST MISSING "crl-rejected feeders.crl weak\n");
	look_again(); /* not while its authorities are the same */
	scene_finds(NO_LIST MISSING "crl-rejected feeders.crl weak\n");
	assert_int_equal(scene.changes, 1);
	take_away("weak.pem");
	put_anchor("ca.pem", ca);
	tell_feeders();
	scene_settle();
	scene_finds(NO_LIST);
	scene_finds_at(after, NO_LIST EXPIRED);
	X509_free(weak);
	EVP_PKEY_free(small);
}

/* The anchors have been taken, and the lists have not been asked for theirs: the next reading does it. */
static void a_reading_that_could_not_begin_is_made_good_by_the_next(void **state)
{
	(void)state;
	scene_put_list("feeders.crl", &list);
	scene_start(TEST_REAL);
	scene_settle();
	put_anchor("ca.pem", ca);
	tell_feeders();
	scene.no_memfd = 1;
	scene_settle();
	assert_int_equal(scene.no_memfd, 0);
	scene_finds(NO_LIST MISSING "crl-rejected feeders.crl stranger\ncrl-failed fault\n");
	look_again();
	scene_finds(NO_LIST);
	scene_finds_at(after, NO_LIST EXPIRED);
}

/* -- those of an import --------------------------------------------------------------------------- */

static void an_import_keeps_the_anchors_that_it_began_with(void **state)
{
	struct forged_x509 f = pki_authority("OTHERS", pki.card_key);
	X509 *other = forge_x509(&f);

	(void)state;
	list.serials = revoked;
	put_anchor("ca.pem", ca);
	scene_start(TEST_REAL);
	scene_settle();
	hold(); /* it is known already */
	assert_false(crls_reading(scene.crls));
	assert_true(crls_held(scene.crls));
	take_away("ca.pem");
	put_anchor("other.pem", other);
	tell_feeders();
	assert_false(crls_reading(scene.crls));
	scene_put_list("feeders.crl", &list);
	look_again();
	scene_finds(NO_LIST);
	scene_finds_at(after, NO_LIST EXPIRED);
	assert_true(crls_held(scene.crls));
	assert_int_equal(ask_signer(), TRUST_REVOCATION_REVOKED);
	crls_release(scene.crls);
	assert_true(crls_reading(scene.crls)); /* others lie there */
	scene_settle();
	scene_finds(NO_LIST "feeder-crl-missing simulated OTHERS\n");
	assert_int_equal(ask_signer(), TRUST_REVOCATION_UNKNOWN); /* nobody is above */
	X509_free(other);
}

static void lists_are_read_with_the_anchors_of_an_import_that_are_gone_meanwhile(void **state)
{
	(void)state;
	list.serials = revoked;
	scene_put_list("feeders.crl", &list);
	scene_start(TEST_REAL);
	scene_settle();
	put_anchor("ca.pem", ca);
	hold();
	take_away("ca.pem");
	assert_true(crls_reading(scene.crls));
	scene_settle();
	assert_true(crls_held(scene.crls));
	scene_finds_at(after, NO_LIST EXPIRED);
	assert_int_equal(ask_signer(), TRUST_REVOCATION_REVOKED);
}

static void an_import_that_missed_nothing_has_nothing_read_after_it(void **state)
{
	(void)state;
	put_anchor("ca.pem", ca);
	scene_start(TEST_REAL);
	scene_settle();
	hold();
	tell_feeders(); /* the same */
	crls_release(scene.crls);
	assert_false(crls_reading(scene.crls));
	put_anchor("again.pem", ca); /* twice is not once: read with the import's, once */
	hold();
	assert_true(crls_reading(scene.crls));
	scene_settle();
	crls_release(scene.crls);
	assert_false(crls_reading(scene.crls));
}

/* Nobody has told of it; the reading has seen it. */
static void what_a_reading_saw_beside_an_import_is_read_after_it(void **state)
{
	char path[600];

	(void)state;
	put_anchor("ca.pem", ca);
	scene_start(TEST_REAL);
	scene_settle();
	hold();
	put_anchor("again.pem", ca);
	look_again();
	assert_true(crls_held(scene.crls));
	take_away("again.pem");
	look_again(); /* as they were */
	crls_release(scene.crls);
	assert_false(crls_reading(scene.crls));
	hold();
	path_of(path, "none.pem");
	forge_file(path, VIEW_TEXT("none"));
	look_again();
	crls_release(scene.crls);
	assert_true(crls_reading(scene.crls));
}

static void anchors_that_were_not_read_with_are_not_held(void **state)
{
	(void)state;
	scene_put_list("feeders.crl", &list);
	put_anchor("ca.pem", ca);
	scene_start(TEST_REAL);
	hold(); /* the first reading has not begun */
	assert_false(crls_held(scene.crls));
	scene.no_memfd = 1;
	scene_settle();
	assert_false(crls_held(scene.crls)); /* taken, and no list was asked for */
	crls_release(scene.crls);
	scene_settle();
	put_anchor("ca.pem", signer); /* it alone */
	hold();
	assert_true(crls_reading(scene.crls));
	scene.no_memfd = 1;
	scene_settle();
	assert_false(crls_held(scene.crls));
	hold(); /* the next import tries anew */
	assert_true(crls_reading(scene.crls));
	scene_settle();
	assert_true(crls_held(scene.crls));
}

static void without_memory_nothing_is_held(void **state)
{
	struct buf anchors;

	(void)state;
	put_anchor("ca.pem", ca);
	scene_start(TEST_REAL);
	scene_settle();
	anchors = anchors_now();
	failing_arm(0, false);
	assert_true(crls_hold(scene.crls, buf_view(&anchors)) < 0);
	assert_true(failing_off());
	take_away("ca.pem");
	tell_feeders(); /* what lies there counts */
	assert_true(crls_reading(scene.crls));
	scene_settle();
	scene_finds(NO_LIST);
	buf_done(&anchors);
}

/* -- all of them ---------------------------------------------------------------------------------- */

static int prepare(void **state)
{
	int r = scene_prepare(state);
	struct forged_x509 f;
	BIGNUM *n;
	char *text;

	key = forge_ec();
	f = pki_authority("FEEDERS", key);
	ca = forge_x509(&f);
	f = pki_doctor();
	f.issuer = ca;
	f.issuer_key = key;
	signer = forge_x509(&f);
	n = ASN1_INTEGER_to_BN(X509_get0_serialNumber(signer), NULL);
	text = BN_bn2dec(n);
	assert_true(snprintf(signer_serial, sizeof(signer_serial), "%s", text) > 0);
	OPENSSL_free(text);
	BN_free(n);
	return r;
}

static int clean(void **state)
{
	X509_free(ca);
	X509_free(signer);
	EVP_PKEY_free(key);
	return scene_clean(state);
}

#define SCENE(test) cmocka_unit_test_setup_teardown(test, set, scene_strike)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENE(a_feeders_list_is_taken_once_its_authority_is_there),
		SCENE(an_authority_of_feeders_without_a_list_is_said),
		SCENE(a_list_that_was_too_weak_for_one_is_read_again_for_another),
		SCENE(a_reading_that_could_not_begin_is_made_good_by_the_next),
		SCENE(an_import_keeps_the_anchors_that_it_began_with),
		SCENE(lists_are_read_with_the_anchors_of_an_import_that_are_gone_meanwhile),
		SCENE(an_import_that_missed_nothing_has_nothing_read_after_it),
		SCENE(what_a_reading_saw_beside_an_import_is_read_after_it),
		SCENE(anchors_that_were_not_read_with_are_not_held),
		SCENE(without_memory_nothing_is_held),
	};

	failing_setup();
	if (scene_block_sigchld() < 0)
		return 1;
	return cmocka_run_group_tests(tests, prepare, clean);
}
