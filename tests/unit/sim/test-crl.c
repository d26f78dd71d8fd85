/* SPDX-License-Identifier: EUPL-1.2 */
/* certificate-crl.c and authority_revoke(): lists as a verifier reads them. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

#include "drivers/sim/authority.h"
#include "tests/unit/sim/scene.h"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {
		"cps3-revoked", "cps4-gp", "cps4-revoked", "cps4-test", NULL};

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

static void read_file(const char *file, struct buf *out)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", scene.dir, file);
	assert_int_equal(state_read_file(path, out), 0);
}

static X509_CRL *parse_list(struct view der)
{
	const unsigned char *at = der.data;
	X509_CRL *list = d2i_X509_CRL(NULL, &at, (long)der.len);

	assert_non_null(list);
	return list;
}

static X509 *read_root(const char *file)
{
	char path[256];
	FILE *f;
	X509 *x;

	snprintf(path, sizeof(path), "%s/%s", scene.dir, file);
	f = fopen(path, "r");
	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	return x;
}

/* Verification of a card's signature certificate with the list: 1 or OpenSSL's error. */
static int verify(const char *card, X509 *root, X509_CRL *list)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	const unsigned char *at;
	struct state *s = NULL;
	X509 *leaf;
	int r;

	assert_int_equal(state_load(scene.dir, card, &s), 0);
	at = s->signature_certificate.data;
	leaf = d2i_X509(NULL, &at, (long)s->signature_certificate.len);
	X509_STORE_add_cert(store, root);
	X509_STORE_add_crl(store, list);
	X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
	X509_STORE_CTX_init(ctx, store, leaf, NULL);
	r = X509_verify_cert(ctx) == 1 ? 1 : X509_STORE_CTX_get_error(ctx);
	X509_free(leaf);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	state_free(s);
	return r;
}

static void the_list_names_revoked_cards_and_no_other(void **state)
{
	_cleanup_(buf_done) struct buf der = BUF_NULL(65536);
	X509 *root = read_root("anchors/simulated/x509-root.pem");
	X509_CRL *list;

	(void)state;
	read_file("crl/simulated.crl", &der);
	list = parse_list(buf_view(&der));
	assert_int_equal(X509_CRL_verify(list, X509_get0_pubkey(root)), 1);
	assert_int_equal(sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list)), 4); /* two a card */
	assert_int_equal(verify("cps3-revoked", root, list), X509_V_ERR_CERT_REVOKED);
	assert_int_equal(verify("cps4-revoked", root, list), X509_V_ERR_CERT_REVOKED);
	assert_int_equal(verify("cps4-gp", root, list), 1);
	X509_CRL_free(list);
	X509_free(root);
}

static void it_has_number_issuer_and_thirty_days(void **state)
{
	_cleanup_(buf_done) struct buf der = BUF_NULL(65536);
	ASN1_INTEGER *number;
	X509_CRL *list;
	time_t soon = time(NULL) + 29 * 24 * 3600, late = time(NULL) + 31 * 24 * 3600;
	int64_t n = 0;

	(void)state;
	read_file("crl/simulated.crl", &der);
	list = parse_list(buf_view(&der));
	number = X509_CRL_get_ext_d2i(list, NID_crl_number, NULL, NULL);
	assert_non_null(number);
	assert_int_equal(ASN1_INTEGER_get_int64(&n, number), 1);
	assert_int_equal(n, 4); /* one more with each certificate */
	assert_true(X509_CRL_get_ext_by_NID(list, NID_authority_key_identifier, -1) >= 0);
	assert_int_equal(X509_cmp_time(X509_CRL_get0_nextUpdate(list), &soon), 1);
	assert_int_equal(X509_cmp_time(X509_CRL_get0_nextUpdate(list), &late), -1);
	assert_int_equal(X509_cmp_current_time(X509_CRL_get0_lastUpdate(list)), -1);
	ASN1_INTEGER_free(number);
	X509_CRL_free(list);
}

static void an_authority_without_revoked_cards_has_no_list(void **state)
{
	_cleanup_(buf_done) struct buf der = BUF_NULL(65536);
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/crl/test.crl", scene.dir);
	assert_int_equal(state_read_file(path, &der), STATE_ABSENT);
}

static void a_list_may_be_past_its_date(void **state)
{
	struct certificate_times t = {
		.from = time(NULL) - 40 * 24 * 3600, .until = time(NULL) - 10 * 24 * 3600};
	_cleanup_(buf_done) struct buf list = BUF_NULL(8192);
	struct authority *a = NULL;
	struct state *s = NULL;
	X509_CRL *parsed;

	(void)state;
	assert_int_equal(authority_open(scene.dir, "simulated", &a), 0);
	assert_int_equal(state_load(scene.dir, "cps4-gp", &s), 0);
	assert_int_equal(certificate_crl(a->x509_key, buf_view(&a->x509_root), VIEW_NULL,
				 buf_view(&s->signature_certificate), &t, &list),
		0);
	parsed = parse_list(buf_view(&list));
	assert_int_equal(X509_cmp_current_time(X509_CRL_get0_nextUpdate(parsed)), -1);
	X509_CRL_free(parsed);
	/* what is no list, no root, no certificate */
	assert_true(certificate_crl(a->x509_key, buf_view(&a->x509_root), VIEW_TEXT("no"),
			    buf_view(&s->signature_certificate), &t, &list) < 0);
	assert_true(certificate_crl(a->x509_key, VIEW_TEXT("no"), VIEW_NULL,
			    buf_view(&s->signature_certificate), &t, &list) < 0);
	assert_true(certificate_crl(a->x509_key, buf_view(&a->x509_root), VIEW_NULL,
			    VIEW_TEXT("no"), &t, &list) < 0);
	state_free(s);
	authority_free(a);
}

static void a_profile_says_how_old_its_list_is(void **state)
{
	static const char profile[] =
		"{\"kind\":\"cps4\",\"atr\":\"3B9B188001001225006480040100009044\",\"serial\":"
		"\"802500000199009999\",\"pin\":\"1234\",\"puk\":\"12345678\",\"revoked\":true,"
		"\"authority\":\"test\",\"crl_days\":-5,\"professional\":{\"id\":"
		"\"889900000012\",\"title\":\"T\"}}";
	struct personalise_job job = {.dir = scene.dir, .nature = "simulated"};
	_cleanup_(buf_done) struct buf why = BUF_NULL(512), der = BUF_NULL(8192);
	char path[256];
	X509_CRL *list;

	(void)state;
	snprintf(path, sizeof(path), "%s/late.json", scene.dir);
	assert_int_equal(state_write_file(path, VIEW_TEXT(profile), 0600), 0);
	assert_int_equal(personalise_card(&job, path, &why), 0);
	read_file("crl/test.crl", &der);
	list = parse_list(buf_view(&der));
	assert_int_equal(X509_cmp_current_time(X509_CRL_get0_nextUpdate(list)), -1);
	X509_CRL_free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_list_names_revoked_cards_and_no_other),
		cmocka_unit_test(it_has_number_issuer_and_thirty_days),
		cmocka_unit_test(an_authority_without_revoked_cards_has_no_list),
		cmocka_unit_test(a_list_may_be_past_its_date),
		cmocka_unit_test(a_profile_says_how_old_its_list_is),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
