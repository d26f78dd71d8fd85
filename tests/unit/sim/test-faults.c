/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Every call may fail: memory, files, OpenSSL. Each scene runs again and again, and
 * another of its calls is refused each time, until none is; it must then say so, never half succeed.
 */
#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/sim/authority.h"
#include "drivers/sim/server.h"
#include "tests/unit/sim/scene.h"

enum domain {
	NOBODY,
	OURS,	 /* malloc, calloc and file calls of the code under test */
	OPENSSL, /* calls into OpenSSL */
};

static enum domain armed;
static unsigned countdown;
static bool refused;

/* One call of @d happens. Return: whether it must fail. */
static bool refuse(enum domain d)
{
	if (armed != d || countdown == 0 || --countdown > 0)
		return false;
	refused = true;
	return true;
}

#define WRAPPED(type, name, args)                                                              \
	type __real_##name args;                                                               \
	type __wrap_##name args;                                                               \
	type __wrap_##name args

WRAPPED(void *, malloc, (size_t size))
{
	return refuse(OURS) ? NULL : __real_malloc(size);
}

WRAPPED(void *, calloc, (size_t n, size_t size))
{
	return refuse(OURS) ? NULL : __real_calloc(n, size);
}

WRAPPED(int, fsync, (int fd))
{
	errno = EIO;
	return refuse(OURS) ? -1 : __real_fsync(fd);
}

WRAPPED(ssize_t, write, (int fd, const void *data, size_t len))
{
	errno = ENOSPC;
	return refuse(OURS) ? -1 : __real_write(fd, data, len);
}

WRAPPED(ssize_t, read, (int fd, void *data, size_t len))
{
	errno = EIO;
	return refuse(OURS) ? -1 : __real_read(fd, data, len);
}

WRAPPED(int, rename, (const char *from, const char *to))
{
	errno = EIO;
	return refuse(OURS) ? -1 : __real_rename(from, to);
}

WRAPPED(int, mkdir, (const char *path, mode_t mode))
{
	if (refuse(OURS)) {
		errno = EACCES;
		return -1;
	}
	return __real_mkdir(path, mode);
}

WRAPPED(int, socket, (int family, int type, int protocol))
{
	errno = EMFILE;
	return refuse(OURS) ? -1 : __real_socket(family, type, protocol);
}

WRAPPED(ssize_t, getrandom, (void *data, size_t len, unsigned flags))
{
	errno = EIO;
	return refuse(OURS) ? -1 : __real_getrandom(data, len, flags);
}

static EVP_PKEY *spare_key; /* making a real one each time would take minutes */

WRAPPED(int, crypto_new_rsa, (EVP_PKEY * *ret_key))
{
	if (refuse(OURS))
		return -EIO;
	EVP_PKEY_up_ref(spare_key);
	*ret_key = spare_key;
	return 0;
}

WRAPPED(int, crypto_new_ec, (EVP_PKEY * *ret_key))
{
	return refuse(OURS) ? -EIO : __real_crypto_new_ec(ret_key);
}

/* The functions of OpenSSL that can fail, each as one call. */
WRAPPED(X509 *, X509_new, (void))
{
	return refuse(OPENSSL) ? NULL : __real_X509_new();
}

WRAPPED(BIO *, BIO_new, (const BIO_METHOD *m))
{
	return refuse(OPENSSL) ? NULL : __real_BIO_new(m);
}

WRAPPED(EVP_MD_CTX *, EVP_MD_CTX_new, (void))
{
	return refuse(OPENSSL) ? NULL : __real_EVP_MD_CTX_new();
}

WRAPPED(ECDSA_SIG *, ECDSA_SIG_new, (void))
{
	return refuse(OPENSSL) ? NULL : __real_ECDSA_SIG_new();
}

WRAPPED(EVP_PKEY_CTX *, EVP_PKEY_CTX_new, (EVP_PKEY * k, ENGINE *e))
{
	return refuse(OPENSSL) ? NULL : __real_EVP_PKEY_CTX_new(k, e);
}

WRAPPED(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name,
	(OSSL_LIB_CTX * l, const char *n, const char *q))
{
	return refuse(OPENSSL) ? NULL : __real_EVP_PKEY_CTX_new_from_name(l, n, q);
}

WRAPPED(ECDSA_SIG *, d2i_ECDSA_SIG, (ECDSA_SIG * *s, const unsigned char **in, long len))
{
	return refuse(OPENSSL) ? NULL : __real_d2i_ECDSA_SIG(s, in, len);
}

WRAPPED(BIGNUM *, BN_bin2bn, (const unsigned char *in, int len, BIGNUM *n))
{
	return refuse(OPENSSL) ? NULL : __real_BN_bin2bn(in, len, n);
}

WRAPPED(X509_EXTENSION *, X509V3_EXT_conf_nid,
	(LHASH_OF(CONF_VALUE) * conf, X509V3_CTX *ctx, int nid, const char *v))
{
	return refuse(OPENSSL) ? NULL : __real_X509V3_EXT_conf_nid(conf, ctx, nid, v);
}

WRAPPED(X509_EXTENSION *, X509_EXTENSION_create_by_OBJ,
	(X509_EXTENSION * *x, const ASN1_OBJECT *o, int crit, ASN1_OCTET_STRING *d))
{
	return refuse(OPENSSL) ? NULL : __real_X509_EXTENSION_create_by_OBJ(x, o, crit, d);
}

WRAPPED(int, X509_sign, (X509 * x, EVP_PKEY *k, const EVP_MD *m))
{
	return refuse(OPENSSL) ? 0 : __real_X509_sign(x, k, m);
}

WRAPPED(int, X509_set_issuer_name, (X509 * x, const X509_NAME *n))
{
	return refuse(OPENSSL) ? 0 : __real_X509_set_issuer_name(x, n);
}

WRAPPED(int, X509_set_pubkey, (X509 * x, EVP_PKEY *k))
{
	return refuse(OPENSSL) ? 0 : __real_X509_set_pubkey(x, k);
}

WRAPPED(int, X509_NAME_add_entry_by_txt,
	(X509_NAME * n, const char *f, int t, const unsigned char *b, int len, int loc,
		int set))
{
	return refuse(OPENSSL) ? 0
			       : __real_X509_NAME_add_entry_by_txt(n, f, t, b, len, loc, set);
}

WRAPPED(int, X509_add_ext, (X509 * x, const X509_EXTENSION *e, int loc))
{
	return refuse(OPENSSL) ? 0 : __real_X509_add_ext(x, e, loc);
}

WRAPPED(int, i2d_X509, (const X509 *x, unsigned char **out))
{
	return refuse(OPENSSL) ? 0 : __real_i2d_X509(x, out);
}

WRAPPED(int, EVP_DigestSignInit,
	(EVP_MD_CTX * c, EVP_PKEY_CTX **p, const EVP_MD *m, ENGINE *e, EVP_PKEY *k))
{
	return refuse(OPENSSL) ? 0 : __real_EVP_DigestSignInit(c, p, m, e, k);
}

WRAPPED(int, EVP_DigestSign,
	(EVP_MD_CTX * c, unsigned char *s, size_t *n, const unsigned char *d, size_t len))
{
	return refuse(OPENSSL) ? 0 : __real_EVP_DigestSign(c, s, n, d, len);
}

WRAPPED(int, EVP_DigestVerifyInit,
	(EVP_MD_CTX * c, EVP_PKEY_CTX **p, const EVP_MD *m, ENGINE *e, EVP_PKEY *k))
{
	return refuse(OPENSSL) ? 0 : __real_EVP_DigestVerifyInit(c, p, m, e, k);
}

WRAPPED(int, EVP_PKEY_sign_init, (EVP_PKEY_CTX * c))
{
	return refuse(OPENSSL) ? 0 : __real_EVP_PKEY_sign_init(c);
}

WRAPPED(int, EVP_PKEY_sign,
	(EVP_PKEY_CTX * c, unsigned char *s, size_t *n, const unsigned char *d, size_t len))
{
	return refuse(OPENSSL) ? 0 : __real_EVP_PKEY_sign(c, s, n, d, len);
}

WRAPPED(int, EVP_PKEY_decrypt_init, (EVP_PKEY_CTX * c))
{
	return refuse(OPENSSL) ? 0 : __real_EVP_PKEY_decrypt_init(c);
}

WRAPPED(int, EVP_PKEY_fromdata_init, (EVP_PKEY_CTX * c))
{
	return refuse(OPENSSL) ? 0 : __real_EVP_PKEY_fromdata_init(c);
}

WRAPPED(int, EVP_PKEY_get_octet_string_param,
	(const EVP_PKEY *k, const char *n, unsigned char *b, size_t size, size_t *len))
{
	return refuse(OPENSSL) ? 0 : __real_EVP_PKEY_get_octet_string_param(k, n, b, size, len);
}

WRAPPED(int, PEM_write_bio_PUBKEY, (BIO * b, const EVP_PKEY *k))
{
	return refuse(OPENSSL) ? 0 : __real_PEM_write_bio_PUBKEY(b, k);
}

WRAPPED(int, PEM_write_bio_X509, (BIO * b, const X509 *x))
{
	return refuse(OPENSSL) ? 0 : __real_PEM_write_bio_X509(b, x);
}

WRAPPED(int, PEM_write_bio_PKCS8PrivateKey,
	(BIO * b, const EVP_PKEY *k, const EVP_CIPHER *c, const char *s, int n,
		pem_password_cb *cb, void *u))
{
	return refuse(OPENSSL) ? 0 : __real_PEM_write_bio_PKCS8PrivateKey(b, k, c, s, n, cb, u);
}

WRAPPED(int, i2d_ECDSA_SIG, (const ECDSA_SIG *s, unsigned char **out))
{
	return refuse(OPENSSL) ? 0 : __real_i2d_ECDSA_SIG(s, out);
}

WRAPPED(int, ECDSA_SIG_set0, (ECDSA_SIG * s, BIGNUM *r, BIGNUM *v))
{
	return refuse(OPENSSL) ? 0 : __real_ECDSA_SIG_set0(s, r, v);
}

WRAPPED(X509_CRL *, X509_CRL_new, (void))
{
	return refuse(OPENSSL) ? NULL : __real_X509_CRL_new();
}

WRAPPED(X509_REVOKED *, X509_REVOKED_new, (void))
{
	return refuse(OPENSSL) ? NULL : __real_X509_REVOKED_new();
}

WRAPPED(X509_REVOKED *, X509_REVOKED_dup, (const X509_REVOKED *r))
{
	return refuse(OPENSSL) ? NULL : __real_X509_REVOKED_dup(r);
}

#define REFUSED(name, params, args)                                                            \
	WRAPPED(int, name, params)                                                             \
	{                                                                                      \
		return refuse(OPENSSL) ? 0 : __real_##name args;                               \
	}

REFUSED(X509_CRL_add0_revoked, (X509_CRL * l, X509_REVOKED *r), (l, r))
REFUSED(X509_CRL_add1_ext_i2d, (X509_CRL * l, int nid, void *v, int crit, unsigned long f),
	(l, nid, v, crit, f))
REFUSED(X509_CRL_add_ext, (X509_CRL * l, const X509_EXTENSION *e, int loc), (l, e, loc))
REFUSED(X509_CRL_sign, (X509_CRL * l, EVP_PKEY *k, const EVP_MD *m), (l, k, m))
REFUSED(i2d_X509_CRL, (const X509_CRL *l, unsigned char **out), (l, out))

static struct scene scene;

static int make(void **state)
{
	static const char *const names[] = {
		"vitale-family", "cps3-gp", "cps4-gp", "cps3-contactless", NULL};

	(void)state;
	assert_int_equal(__real_crypto_new_rsa(&spare_key), 0);
	scene_make(&scene, names);
	return 0;
}

static int unmake(void **state)
{
	(void)state;
	scene_done(&scene);
	EVP_PKEY_free(spare_key);
	return 0;
}

/* Run @scene_fn with the first, second, ... call of @d refused. */
static void refuse_each(enum domain d, int (*scene_fn)(void))
{
	for (unsigned n = 1;; n++) {
		int r;

		refused = false;
		countdown = n;
		armed = d;
		r = scene_fn();
		armed = NOBODY;
		if (!refused) {
			assert_int_equal(r, 0);
			return;
		}
		/* a call whose failure does no harm may be passed over, but nothing else may happen */
		if (d == OURS && r >= 0 && r != 0)
			fail_msg("call %u: outcome %d", n, r);
	}
}

static int load_and_save(void)
{
	struct state *s = NULL;
	int r = state_load(scene.dir, "cps4-gp", &s);

	if (r == 0)
		r = state_save(s);
	state_free(s);
	/* a key that cannot be loaded for want of memory looks like no key at all */
	return r == STATE_INVALID && refused ? -EIO : r;
}

static void a_state_is_loaded_whole_or_not(void **state)
{
	(void)state;
	refuse_each(OURS, load_and_save);
	refuse_each(OPENSSL, load_and_save);
}

static int build(const char *name)
{
	struct state *s = NULL;
	struct card *c = NULL;
	enum domain d = armed;
	int r;

	armed = NOBODY;
	r = state_load(scene.dir, name, &s);
	armed = d;
	if (r == 0)
		r = card_new(s, &c);
	card_free(c);
	return r;
}

static int build_vitale(void)
{
	return build("vitale-family");
}

static int build_cps3(void)
{
	return build("cps3-gp");
}

static int build_contactless(void)
{
	return build("cps3-contactless");
}

static int build_cps4(void)
{
	return build("cps4-gp");
}

static void a_card_is_built_whole_or_not(void **state)
{
	(void)state;
	refuse_each(OURS, build_vitale);
	refuse_each(OURS, build_cps3);
	refuse_each(OURS, build_cps4);
	refuse_each(OURS, build_contactless);
}

static int personalise_new(void)
{
	struct personalise_job job = {.nature = "test", .profiles = TEST_PROFILES};
	struct buf why = BUF_NULL(512);
	enum domain d = armed;
	struct scene fresh;
	int r;

	armed = NOBODY;
	snprintf(fresh.dir, sizeof(fresh.dir), "/tmp/vitaled-sim.XXXXXX");
	assert_non_null(mkdtemp(fresh.dir));
	armed = d;
	job.dir = fresh.dir;
	r = personalise_card(&job, "cps3-gp", &why);
	armed = NOBODY;
	buf_done(&why);
	scene_done(&fresh);
	return r > 0 && refused ? -EIO : r;
}

static void an_authority_and_a_card_are_made_or_the_reason_is_told(void **state)
{
	(void)state;
	refuse_each(OURS, personalise_new);
	refuse_each(OPENSSL, personalise_new);
}

static int issue(void)
{
	static const struct certificate_times times = {.from = 1000000000, .until = 2000000000};
	struct buf root = BUF_NULL(8192), card = BUF_NULL(8192), pem = BUF_NULL(8192);
	struct state *s = NULL;
	enum domain d = armed;
	int r;

	armed = NOBODY;
	assert_int_equal(state_load(scene.dir, "cps3-gp", &s), 0);
	armed = d;
	r = certificate_root(spare_key, "O", &times, &root);
	if (r == 0)
		r = certificate_card(s->profile, CERTIFICATE_AUTHENTICATION, spare_key,
			spare_key, buf_view(&root), &times, &card);
	if (r == 0)
		r = certificate_card(s->profile, CERTIFICATE_SIGNATURE, spare_key, spare_key,
			buf_view(&root), &times, &card);
	if (r == 0)
		r = certificate_put_pem(buf_view(&root), &pem);
	armed = NOBODY;
	buf_done(&root);
	buf_done(&card);
	buf_done(&pem);
	state_free(s);
	return r;
}

static void certificates_are_issued_whole_or_not(void **state)
{
	(void)state;
	refuse_each(OURS, issue);
	refuse_each(OPENSSL, issue);
}

/* Two cards one after another, so that the second list goes on from the first. */
static int revoke_two(void)
{
	static const struct certificate_times times = {.from = 1000000000, .until = 2000000000};
	struct authority *a = NULL;
	struct state *s = NULL;
	enum domain d = armed;
	struct scene fresh;
	int r;

	armed = NOBODY;
	snprintf(fresh.dir, sizeof(fresh.dir), "/tmp/vitaled-sim.XXXXXX");
	assert_non_null(mkdtemp(fresh.dir));
	assert_int_equal(authority_open(scene.dir, "simulated", &a), 0);
	assert_int_equal(state_load(scene.dir, "cps3-gp", &s), 0);
	armed = d;
	r = authority_revoke(a, fresh.dir, buf_view(&s->signature_certificate), &times);
	if (r == 0)
		r = authority_revoke(
			a, fresh.dir, buf_view(&s->authentication_certificate), &times);
	armed = NOBODY;
	scene_done(&fresh);
	authority_free(a);
	state_free(s);
	return r;
}

static void a_list_is_written_whole_or_not(void **state)
{
	(void)state;
	refuse_each(OURS, revoke_two);
	refuse_each(OPENSSL, revoke_two);
}

/* Everything that a card computes, on keys that are there. */
static int compute(void)
{
	uint8_t signature[CRYPTO_SIGNATURE], block[CRYPTO_RSA], point[CRYPTO_POINT];
	struct buf out = BUF_NULL(4096);
	EVP_PKEY *public = NULL;
	struct state *s = NULL;
	enum domain d = armed;
	int r;

	armed = NOBODY;
	assert_int_equal(state_load(scene.dir, "cps3-gp", &s), 0);
	armed = d;
	r = crypto_ec_sign(s->card_key, VIEW_TEXT("text"), signature);
	if (r == 0)
		r = crypto_ec_point(s->card_key, point);
	if (r == 0)
		r = crypto_ec_from_point(VIEW(point), &public);
	if (r == 0)
		r = crypto_ec_verify(public, VIEW_TEXT("text"), VIEW(signature));
	if (r == 0)
		r = crypto_rsa_sign_hash(s->signature_key, view_of(point, CRYPTO_HASH), block);
	if (r == 0)
		r = crypto_rsa_decipher(s->signature_key, VIEW(block), false, &out);
	if (r == 0)
		r = crypto_put_public(s->card_key, &out);
	if (r == 0)
		r = crypto_put_private(s->card_key, &out);
	armed = NOBODY;
	EVP_PKEY_free(public);
	buf_done(&out);
	state_free(s);
	return r;
}

static void computing_without_memory_is_told(void **state)
{
	(void)state;
	refuse_each(OPENSSL, compute);
}

static int serve(void)
{
	struct server_options o = {.state_dir = scene.dir};
	char reader[160], control[160];
	struct server *s = NULL;
	int r;

	snprintf(reader, sizeof(reader), "%s/r", scene.dir);
	snprintf(control, sizeof(control), "%s/c", scene.dir);
	o.reader_socket = reader;
	o.control_socket = control;
	r = server_new(&o, &s);
	armed = NOBODY;
	server_free(s);
	return r;
}

static void a_server_listens_or_not(void **state)
{
	(void)state;
	refuse_each(OURS, serve);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_state_is_loaded_whole_or_not),
		cmocka_unit_test(a_card_is_built_whole_or_not),
		cmocka_unit_test(an_authority_and_a_card_are_made_or_the_reason_is_told),
		cmocka_unit_test(certificates_are_issued_whole_or_not),
		cmocka_unit_test(a_list_is_written_whole_or_not),
		cmocka_unit_test(computing_without_memory_is_told),
		cmocka_unit_test(a_server_listens_or_not),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
