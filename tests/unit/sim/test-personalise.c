/* SPDX-License-Identifier: EUPL-1.2 */
/* drivers/sim/personalise.h, authority.h, certificate.h, cvc.h: what the command leaves behind, checked
 * by OpenSSL as a verifier would. */
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/tlv.h"
#include "drivers/sim/authority.h"
#include "tests/unit/sim/scene.h"

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {
		"cps3-gp", "cps4-expired", "cps4-stranger", "cps4-test", "vitale-family", NULL};

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

static X509 *read_pem(const char *file)
{
	char path[256];
	X509 *x;
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", scene.dir, file);
	f = fopen(path, "r");
	assert_non_null(f);
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	assert_non_null(x);
	return x;
}

static X509 *from_der(const struct buf *der)
{
	const unsigned char *at = der->data;
	X509 *x = d2i_X509(NULL, &at, (long)der->len);

	assert_non_null(x);
	return x;
}

/* Return: 1 or OpenSSL's error of the verification. */
static int verify(X509 *root, X509 *leaf)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	int r;

	X509_STORE_add_cert(store, root);
	X509_STORE_CTX_init(ctx, store, leaf, NULL);
	r = X509_verify_cert(ctx) == 1 ? 1 : X509_STORE_CTX_get_error(ctx);
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	return r;
}

static void chains_verify_where_they_should(void **state)
{
	static const struct {
		const char *card, *root;
		int result;
	} rows[] = {
		{"cps3-gp", "anchors/simulated/x509-root.pem", 1},
		{"cps4-test", "anchors/test/x509-root.pem", 1},
		{"cps4-stranger", "outside/stranger/x509-root.pem", 1},
		{"cps4-expired", "anchors/simulated/x509-root.pem",
			X509_V_ERR_CERT_HAS_EXPIRED},
		{"cps4-test", "anchors/simulated/x509-root.pem", -1},
		{"cps4-stranger", "anchors/simulated/x509-root.pem", -1},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct state *s = NULL;
		X509 *root = read_pem(rows[i].root), *aut, *sig;

		assert_int_equal(state_load(scene.dir, rows[i].card, &s), 0);
		aut = from_der(&s->authentication_certificate);
		sig = from_der(&s->signature_certificate);
		if (rows[i].result > 0) {
			assert_int_equal(verify(root, aut), rows[i].result);
			assert_int_equal(verify(root, sig), rows[i].result);
		} else {
			assert_int_not_equal(verify(root, aut), 1);
		}
		X509_free(aut);
		X509_free(sig);
		X509_free(root);
		state_free(s);
	}
}

static void assert_extension(X509 *x, const char *oid, const char *hex)
{
	ASN1_OBJECT *object = OBJ_txt2obj(oid, 1);
	int at = X509_get_ext_by_OBJ(x, object, -1);
	const ASN1_OCTET_STRING *octets;

	assert_true(at >= 0);
	octets = X509_EXTENSION_get_data(X509_get_ext(x, at));
	assert_view_hex(
		view_of(ASN1_STRING_get0_data(octets), (size_t)ASN1_STRING_length(octets)),
		hex);
	ASN1_OBJECT_free(object);
}

static void subject_and_extensions_have_the_form_of_igc_sante(void **state)
{
	struct state *s = NULL;
	X509_NAME *name;
	X509 *aut, *sig;
	char *text;
	int set;

	(void)state;
	assert_int_equal(state_load(scene.dir, "cps3-gp", &s), 0);
	aut = from_der(&s->authentication_certificate);
	sig = from_der(&s->signature_certificate);
	name = X509_get_subject_name(aut);
	assert_int_equal(X509_NAME_entry_count(name), 5);
	/* the last three attributes are one relative distinguished name */
	set = X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 2));
	assert_int_equal(set, X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 4)));
	assert_int_not_equal(set, X509_NAME_ENTRY_set(X509_NAME_get_entry(name, 1)));
	text = X509_NAME_oneline(name, NULL, 0);
	assert_non_null(strstr(text, "CN=889900000012"));
	OPENSSL_free(text);
	assert_extension(aut, "1.2.250.1.71.1.2.2", "020100");
	assert_extension(
		aut, "1.2.250.1.71.1.2.3", "1315383032353030303030312F30393930303031303135");
	assert_extension(aut, "1.2.250.1.71.1.2.5", "040180");
	assert_extension(aut, "1.2.250.1.71.1.2.7", "02010A");
	assert_extension(aut, "1.2.250.1.71.4.2.5", "1304534D3236");
	assert_int_equal(X509_get_key_usage(aut), KU_DIGITAL_SIGNATURE);
	assert_int_equal(X509_get_key_usage(sig), KU_NON_REPUDIATION);
	assert_int_equal(X509_check_private_key(aut, s->authentication_key), 1);
	assert_int_equal(X509_check_private_key(sig, s->signature_key), 1);
	X509_free(aut);
	X509_free(sig);
	state_free(s);
}

static void a_card_without_a_person_has_no_names(void **state)
{
	static const struct profile p = {.professional = {.id = "889900000012", .title = "T"},
		.serial = "8025000001123456782"};
	struct certificate_times t = {.from = 0, .until = 2000000000};
	_cleanup_(buf_done) struct buf root = BUF_NULL(8192), der = BUF_NULL(8192);
	_cleanup_key_ EVP_PKEY *key = NULL;
	X509 *x;

	(void)state;
	assert_int_equal(crypto_new_rsa(&key), 0);
	assert_int_equal(certificate_root(key, "O", &t, &root), 0);
	assert_int_equal(certificate_card(&p, CERTIFICATE_SIGNATURE, key, key, buf_view(&root),
				 &t, &der),
		0);
	x = from_der(&der);
	assert_int_equal(X509_NAME_entry_count(X509_get_subject_name(x)), 3);
	X509_free(x);
	assert_true(certificate_card(&p, CERTIFICATE_SIGNATURE, key, key, VIEW_TEXT("no"), &t,
			    &der) < 0);
	assert_true(certificate_put_pem(VIEW_TEXT("no"), &der) < 0);
}

static void read_root(const char *file, struct buf *out, struct cvc *ret)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", scene.dir, file);
	assert_int_equal(state_read_file(path, out), 0);
	assert_int_equal(cvc_parse_whole(buf_view(out), ret), 0);
}

static void verifiable_certificates_hang_on_their_root(void **state)
{
	_cleanup_(buf_done) struct buf one = BUF_NULL(1024), other = BUF_NULL(1024),
				       same = BUF_NULL(1024);
	_cleanup_key_ EVP_PKEY *key = NULL, *stranger = NULL;
	struct cvc root, outside, copy, card;
	struct state *s = NULL;

	(void)state;
	read_root("anchors/simulated/cvc-root.cvcert", &one, &root);
	read_root("outside/stranger/cvc-root.cvcert", &other, &outside);
	read_root("anchors/simulated/cvc/FRVDSIMROOT00001", &same, &copy);
	assert_true(view_equal(buf_view(&one), buf_view(&same)));
	assert_true(view_equal(root.car, root.chr));
	assert_true(view_equal(root.car, outside.car));
	assert_int_equal(root.role, CVC_ROLE_ROOT);
	assert_int_equal(crypto_ec_from_point(root.point, &key), 0);
	assert_int_equal(crypto_ec_from_point(outside.point, &stranger), 0);
	assert_int_equal(crypto_ec_verify(key, root.body, root.signature), 0);
	assert_int_equal(crypto_ec_verify(stranger, root.body, root.signature), CRYPTO_FALSE);
	assert_int_equal(state_load(scene.dir, "vitale-family", &s), 0);
	assert_int_equal(cvc_parse_whole(buf_view(&s->cvc), &card), 0);
	assert_int_equal(crypto_ec_verify(key, card.body, card.signature), 0);
	assert_int_equal(card.role, CVC_ROLE_PATIENT);
	state_free(s);
}

static void expired_means_both_certificates(void **state)
{
	struct state *s = NULL;
	struct cvc c;
	char today[7];

	(void)state;
	cvc_date((int64_t)time(NULL), today);
	assert_int_equal(state_load(scene.dir, "cps4-expired", &s), 0);
	assert_int_equal(cvc_parse_whole(buf_view(&s->cvc), &c), 0);
	for (size_t i = 0; i < 6; i++) {
		if (c.until.data[i] + '0' != today[i]) {
			assert_true(c.until.data[i] + '0' < today[i]);
			break;
		}
	}
	state_free(s);
}

static void an_authority_is_made_once(void **state)
{
	struct authority *a = NULL, *b = NULL;

	(void)state;
	assert_int_equal(authority_open(scene.dir, "simulated", &a), 0);
	assert_int_equal(authority_open(scene.dir, "simulated", &b), 0);
	assert_int_equal(EVP_PKEY_eq(a->x509_key, b->x509_key), 1);
	assert_int_equal(EVP_PKEY_eq(a->cvc_key, b->cvc_key), 1);
	assert_string_equal(a->car, "FRVDSIMROOT00001");
	authority_free(a);
	authority_free(b);
	assert_int_equal(authority_open(scene.dir, "real", &a), AUTHORITY_REFUSED);
	assert_int_equal(authority_open(scene.dir, "../x", &a), AUTHORITY_REFUSED);
	assert_int_equal(
		authority_open(scene.dir, "averyveryverylongname", &a), AUTHORITY_REFUSED);
	assert_null(authority_free(NULL));
}

static void private_files_are_private(void **state)
{
	static const char *const files[] = {"authorities/simulated/x509-key.pem",
		"authorities/simulated/cvc-key.pem", "cards/cps3-gp.json",
		"cards/vitale-family.json"};
	char path[256];
	struct stat st;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", scene.dir, files[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
	}
}

static int personalise(const char *profile, const char *nature)
{
	struct personalise_job job = {
		.dir = scene.dir, .nature = nature, .profiles = TEST_PROFILES};
	_cleanup_(buf_done) struct buf why = BUF_NULL(1024);

	return personalise_card(&job, profile, &why);
}

static void what_cannot_be_made_has_its_outcome(void **state)
{
	char path[256];

	(void)state;
	assert_int_equal(personalise("nobody", "simulated"), PERSONALISE_ABSENT);
	assert_int_equal(personalise("NOBODY", "simulated"), PERSONALISE_ABSENT);
	assert_int_equal(personalise("vitale-single", "real"), PERSONALISE_AUTHORITY);
	snprintf(path, sizeof(path), "%s/bad.json", scene.dir);
	assert_int_equal(state_write_file(path, VIEW_TEXT("{"), 0600), 0);
	assert_int_equal(personalise(path, "simulated"), PERSONALISE_INVALID);
	assert_int_equal(state_write_file(path, VIEW_TEXT("{}"), 0600), 0);
	assert_int_equal(personalise(path, "simulated"), PERSONALISE_INVALID);
	assert_int_equal(state_write_file(path,
				 VIEW_TEXT("{\"kind\":\"other\",\"atr\":\"3B00\"}"), 0600),
		0);
	assert_int_equal(personalise(path, "real"), 0); /* such a card has no authority */
}

static void malformed_certificates_are_not_parsed(void **state)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(1024);
	struct state *s = NULL;
	struct cvc c;

	(void)state;
	assert_int_equal(state_load(scene.dir, "cps3-gp", &s), 0);
	for (size_t len = 0; len < s->cvc.len; len++)
		assert_int_equal(cvc_parse_whole(view_sub(buf_view(&s->cvc), 0, len), &c),
			CVC_MALFORMED);
	/* another role arc, another algorithm */
	for (size_t i = 0; i + 3 < s->cvc.len; i++) {
		static const uint8_t arc[] = {0x88, 0x37, 0x56},
				     algorithm[] = {0x04, 0x00, 0x7F};
		struct view here = view_sub(buf_view(&s->cvc), i, 3);

		if (!view_equal(here, VIEW(arc)) && !view_equal(here, VIEW(algorithm)))
			continue;
		buf_reset(&bytes);
		buf_put_view(&bytes, buf_view(&s->cvc));
		bytes.data[i] ^= 1;
		assert_int_equal(cvc_parse_whole(buf_view(&bytes), &c), CVC_MALFORMED);
	}
	state_free(s);
}

static void keys_and_signatures_that_are_none_are_false(void **state)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(512);
	_cleanup_key_ EVP_PKEY *key = NULL, *other = NULL;
	uint8_t signature[CRYPTO_SIGNATURE], point[CRYPTO_POINT] = {0x04}, hash[32];

	(void)state;
	assert_int_equal(crypto_new_ec(&key), 0);
	assert_int_equal(crypto_ec_sign(key, VIEW_TEXT("text"), signature), 0);
	assert_int_equal(crypto_ec_verify(key, VIEW_TEXT("text"), VIEW(signature)), 0);
	assert_int_equal(
		crypto_ec_verify(key, VIEW_TEXT("taxt"), VIEW(signature)), CRYPTO_FALSE);
	assert_int_equal(
		crypto_ec_verify(key, VIEW_TEXT("text"), VIEW_TEXT("short")), CRYPTO_FALSE);
	memset(signature, 0, sizeof(signature));
	assert_int_equal(
		crypto_ec_verify(key, VIEW_TEXT("text"), VIEW(signature)), CRYPTO_FALSE);
	assert_int_equal(crypto_ec_from_point(VIEW(point), &other), CRYPTO_FALSE);
	assert_int_equal(crypto_ec_from_point(VIEW_TEXT("x"), &other), CRYPTO_FALSE);
	assert_int_equal(crypto_load_private("no key", &other), CRYPTO_FALSE);
	/* an EC key signs no RSA block, deciphers nothing, and has no RSA point */
	assert_true(crypto_rsa_sign_hash(key, VIEW_TEXT("short"), out.data) < 0);
	assert_true(crypto_rsa_decipher(key, VIEW_TEXT("short"), true, &out) != 0);
	assert_int_equal(crypto_sha256_last(VIEW_TEXT("odd"), VIEW_NULL, hash), CRYPTO_FALSE);
	assert_int_equal(crypto_new_rsa(&other), 0);
	assert_true(crypto_ec_point(other, point) < 0);
	assert_int_equal(
		crypto_rsa_decipher(other, VIEW_TEXT("short"), true, &out), CRYPTO_FALSE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chains_verify_where_they_should),
		cmocka_unit_test(subject_and_extensions_have_the_form_of_igc_sante),
		cmocka_unit_test(a_card_without_a_person_has_no_names),
		cmocka_unit_test(verifiable_certificates_hang_on_their_root),
		cmocka_unit_test(expired_means_both_certificates),
		cmocka_unit_test(an_authority_is_made_once),
		cmocka_unit_test(private_files_are_private),
		cmocka_unit_test(what_cannot_be_made_has_its_outcome),
		cmocka_unit_test(malformed_certificates_are_not_parsed),
		cmocka_unit_test(keys_and_signatures_that_are_none_are_false),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
