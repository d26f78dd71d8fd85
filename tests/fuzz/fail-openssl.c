/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * OpenSSL's calls, made to fail (fail.h): one turn a call, as test-faults.c of the simulator does it.
 * One RSA key serves for all: making it takes longer than a thousand runs.
 */
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdarg.h>
#include <string.h>

#include "tests/fuzz/fail.h"

/* As OpenSSL fails when it has no memory: it says so in its queue. */
static bool refuse(void)
{
	bool now = fail_now();

	if (now) {
		ERR_raise(ERR_LIB_USER, ERR_R_MALLOC_FAILURE);
	}
	return now;
}

/* clang-format off: a table */
#define CALL(type, name, params, args, result)                                                 \
	type __real_##name params;                                                             \
	type __wrap_##name params;                                                             \
	type __wrap_##name params                                                              \
	{                                                                                      \
		return refuse() ? (result) : __real_##name args;                               \
	}

CALL(BIO *, BIO_new, (const BIO_METHOD *m), (m), NULL)
CALL(BIO *, BIO_new_mem_buf, (const void *p, int n), (p, n), NULL)
CALL(BIGNUM *, BN_bin2bn, (const unsigned char *p, int n, BIGNUM *b), (p, n, b), NULL)
CALL(int, BN_bn2binpad, (const BIGNUM *b, unsigned char *p, int n), (b, p, n), -1)
CALL(ASN1_INTEGER *, BN_to_ASN1_INTEGER, (const BIGNUM *b, ASN1_INTEGER *i), (b, i), NULL)
CALL(ASN1_TIME *, ASN1_TIME_set, (ASN1_TIME * a, time_t t), (a, t), NULL)
CALL(int, ASN1_INTEGER_set_int64, (ASN1_INTEGER * a, int64_t v), (a, v), 0)
CALL(int, ASN1_INTEGER_get_int64, (int64_t * v, const ASN1_INTEGER *a), (v, a), 0)
CALL(int, ASN1_OCTET_STRING_set, (ASN1_OCTET_STRING * a, const unsigned char *p, int n),
	(a, p, n), 0)
CALL(X509 *, d2i_X509, (X509 * *x, const unsigned char **p, long n), (x, p, n), NULL)
CALL(int, i2d_X509, (const X509 *x, unsigned char **p), (x, p), -1)
CALL(X509 *, X509_new, (void), (), NULL)
CALL(int, X509_set_version, (X509 * x, long v), (x, v), 0)
CALL(int, X509_set_issuer_name, (X509 * x, const X509_NAME *n), (x, n), 0)
CALL(int, X509_sign, (X509 * x, EVP_PKEY *k, const EVP_MD *m), (x, k, m), 0)
CALL(int, X509_add_ext, (X509 * x, const X509_EXTENSION *e, int at), (x, e, at), 0)
CALL(X509_EXTENSION *, X509V3_EXT_conf_nid,
	(LHASH_OF(CONF_VALUE) * c, X509V3_CTX *x, int nid, const char *v), (c, x, nid, v), NULL)
CALL(X509_EXTENSION *, X509_EXTENSION_create_by_OBJ,
	(X509_EXTENSION * *x, const ASN1_OBJECT *o, int c, ASN1_OCTET_STRING *d), (x, o, c, d),
	NULL)
CALL(int, X509_NAME_add_entry_by_txt,
	(X509_NAME * n, const char *f, int t, const unsigned char *b, int len, int loc,
		int set),
	(n, f, t, b, len, loc, set), 0)
CALL(X509_CRL *, X509_CRL_new, (void), (), NULL)
CALL(X509_CRL *, d2i_X509_CRL, (X509_CRL * *x, const unsigned char **p, long n), (x, p, n),
	NULL)
CALL(int, i2d_X509_CRL, (const X509_CRL *x, unsigned char **p), (x, p), -1)
CALL(int, X509_CRL_sort, (X509_CRL * x), (x), 0)
CALL(int, X509_CRL_sign, (X509_CRL * x, EVP_PKEY *k, const EVP_MD *m), (x, k, m), 0)
CALL(int, X509_CRL_add0_revoked, (X509_CRL * x, X509_REVOKED *r), (x, r), 0)
CALL(int, X509_CRL_add_ext, (X509_CRL * x, const X509_EXTENSION *e, int at), (x, e, at), 0)
CALL(int, X509_CRL_add1_ext_i2d, (X509_CRL * x, int nid, void *v, int c, unsigned long f),
	(x, nid, v, c, f), 0)
CALL(void *, X509_CRL_get_ext_d2i, (const X509_CRL *x, int nid, int *c, int *i), (x, nid, c, i),
	NULL)
CALL(X509_REVOKED *, X509_REVOKED_dup, (const X509_REVOKED *r), (r), NULL)
CALL(int, X509_REVOKED_set_serialNumber, (X509_REVOKED * r, ASN1_INTEGER *n), (r, n), 0)
CALL(ECDSA_SIG *, ECDSA_SIG_new, (void), (), NULL)
CALL(int, ECDSA_SIG_set0, (ECDSA_SIG * s, BIGNUM *a, BIGNUM *b), (s, a, b), 0)
CALL(ECDSA_SIG *, d2i_ECDSA_SIG, (ECDSA_SIG * *s, const unsigned char **p, long n), (s, p, n),
	NULL)
CALL(int, i2d_ECDSA_SIG, (const ECDSA_SIG *s, unsigned char **p), (s, p), -1)
CALL(EVP_MD_CTX *, EVP_MD_CTX_new, (void), (), NULL)
CALL(int, EVP_DigestSignInit,
	(EVP_MD_CTX * c, EVP_PKEY_CTX **p, const EVP_MD *m, ENGINE *e, EVP_PKEY *k),
	(c, p, m, e, k), 0)
CALL(int, EVP_DigestSign,
	(EVP_MD_CTX * c, unsigned char *s, size_t *n, const unsigned char *t, size_t tn),
	(c, s, n, t, tn), 0)
CALL(int, EVP_DigestVerifyInit,
	(EVP_MD_CTX * c, EVP_PKEY_CTX **p, const EVP_MD *m, ENGINE *e, EVP_PKEY *k),
	(c, p, m, e, k), 0)
CALL(int, EVP_DigestVerifyInit_ex,
	(EVP_MD_CTX * c, EVP_PKEY_CTX **p, const char *m, OSSL_LIB_CTX *l, const char *q,
		EVP_PKEY *k, const OSSL_PARAM a[]),
	(c, p, m, l, q, k, a), 0)
CALL(int, EVP_DigestVerify,
	(EVP_MD_CTX * c, const unsigned char *s, size_t n, const unsigned char *t, size_t tn),
	(c, s, n, t, tn), 0)
CALL(EVP_PKEY_CTX *, EVP_PKEY_CTX_new, (EVP_PKEY * k, ENGINE *e), (k, e), NULL)
CALL(EVP_PKEY_CTX *, EVP_PKEY_CTX_new_from_name,
	(OSSL_LIB_CTX * l, const char *n, const char *q), (l, n, q), NULL)
CALL(int, EVP_PKEY_CTX_set_rsa_padding, (EVP_PKEY_CTX * c, int pad), (c, pad), 0)
CALL(int, EVP_PKEY_fromdata_init, (EVP_PKEY_CTX * c), (c), 0)
CALL(int, EVP_PKEY_fromdata, (EVP_PKEY_CTX * c, EVP_PKEY **k, int s, OSSL_PARAM p[]),
	(c, k, s, p), 0)
CALL(int, EVP_PKEY_sign_init, (EVP_PKEY_CTX * c), (c), 0)
CALL(int, EVP_PKEY_sign,
	(EVP_PKEY_CTX * c, unsigned char *s, size_t *n, const unsigned char *t, size_t tn),
	(c, s, n, t, tn), 0)
CALL(int, EVP_PKEY_decrypt_init, (EVP_PKEY_CTX * c), (c), 0)
CALL(int, EVP_PKEY_decrypt,
	(EVP_PKEY_CTX * c, unsigned char *o, size_t *n, const unsigned char *t, size_t tn),
	(c, o, n, t, tn), 0)
CALL(int, EVP_PKEY_get_octet_string_param,
	(const EVP_PKEY *k, const char *p, unsigned char *b, size_t m, size_t *n),
	(k, p, b, m, n), 0)
CALL(EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO * b, EVP_PKEY **k, pem_password_cb *f, void *u),
	(b, k, f, u), NULL)
CALL(int, PEM_write_bio_PUBKEY, (BIO * b, const EVP_PKEY *k), (b, k), 0)
CALL(int, PEM_write_bio_X509, (BIO * b, const X509 *x), (b, x), 0)
CALL(int, PEM_write_bio_PKCS8PrivateKey,
	(BIO * b, const EVP_PKEY *k, const EVP_CIPHER *c, const char *p, int n,
		pem_password_cb *f, void *u),
	(b, k, c, p, n, f, u), 0)
/* clang-format on */

EVP_PKEY *__real_EVP_PKEY_Q_keygen(
	OSSL_LIB_CTX *l, const char *properties, const char *type, ...);
EVP_PKEY *__wrap_EVP_PKEY_Q_keygen(
	OSSL_LIB_CTX *l, const char *properties, const char *type, ...);

EVP_PKEY *__wrap_EVP_PKEY_Q_keygen(
	OSSL_LIB_CTX *l, const char *properties, const char *type, ...)
{
	static EVP_PKEY *rsa;
	EVP_PKEY *key;
	va_list more;

	if (refuse()) {
		return NULL;
	}
	va_start(more, type);
	if (strcmp(type, "RSA") == 0) {
		if (!rsa) {
			rsa = __real_EVP_PKEY_Q_keygen(
				l, properties, type, va_arg(more, size_t));
		}
		key = rsa;
		EVP_PKEY_up_ref(rsa);
	} else {
		key = __real_EVP_PKEY_Q_keygen(l, properties, type, va_arg(more, const char *));
	}
	va_end(more);
	return key;
}
