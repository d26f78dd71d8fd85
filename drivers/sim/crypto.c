/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Keys and signatures of the simulated cards, on OpenSSL 3. Every function leaves OpenSSL's error
 * queue empty; callers own the keys they are given. The last round of SHA-256 needs the inner state
 * of the hash, which only OpenSSL's older interface takes: it is used in this file alone.
 */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "drivers/sim/crypto.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <string.h>

/* DigestInfo of SHA-256 without the hash, RFC 8017 §9.2 note 1. */
static const uint8_t digest_info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48,
	0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};

static int failed(void)
{
	ERR_clear_error();
	return fault(-EIO);
}

static int untrue(void)
{
	ERR_clear_error();
	return CRYPTO_FALSE;
}

static void context_put(EVP_PKEY_CTX **ctx)
{
	EVP_PKEY_CTX_free(*ctx);
}

static void digest_put(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void signature_put(ECDSA_SIG **sig)
{
	ECDSA_SIG_free(*sig);
}

static void bio_put(BIO **bio)
{
	BIO_free(*bio);
}

int crypto_new_rsa(EVP_PKEY **ret_key)
{
	EVP_PKEY *key = EVP_RSA_gen(CRYPTO_RSA * 8);

	if (!key)
		return failed();
	*ret_key = key;
	return 0;
}

int crypto_new_ec(EVP_PKEY **ret_key)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	if (!key)
		return failed();
	*ret_key = key;
	return 0;
}

static int put_bio(BIO *bio, struct buf *out)
{
	char *text = NULL;
	long len = BIO_get_mem_data(bio, &text);

	if (len <= 0)
		return failed();
	buf_put(out, text, (size_t)len);
	return trace(buf_check(out));
}

int crypto_put_private(EVP_PKEY *key, struct buf *out)
{
	_cleanup_(bio_put) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1)
		return failed();
	return trace(put_bio(bio, out));
}

int crypto_put_public(EVP_PKEY *key, struct buf *out)
{
	_cleanup_(bio_put) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_PUBKEY(bio, key) != 1)
		return failed();
	return trace(put_bio(bio, out));
}

int crypto_load_private(const char *pem, EVP_PKEY **ret_key)
{
	_cleanup_(bio_put) BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key;

	if (!bio)
		return failed();
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	if (!key)
		return untrue();
	*ret_key = key;
	return 0;
}

int crypto_ec_point(EVP_PKEY *key, uint8_t ret_point[CRYPTO_POINT])
{
	uint8_t point[CRYPTO_POINT];
	size_t len = 0;

	if (EVP_PKEY_get_octet_string_param(
		    key, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point), &len) != 1 ||
		len != sizeof(point))
		return failed();
	bytes_copy(ret_point, CRYPTO_POINT, point, sizeof(point));
	return 0;
}

int crypto_ec_from_point(struct view point, EVP_PKEY **ret_key)
{
	_cleanup_(context_put) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	char group[] = "prime256v1";
	uint8_t copy[CRYPTO_POINT];
	EVP_PKEY *key = NULL;

	if (point.len != sizeof(copy) || !ctx)
		return ctx ? CRYPTO_FALSE : failed();
	bytes_copy(copy, sizeof(copy), point.data, point.len);
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof(copy)),
		OSSL_PARAM_construct_end(),
	};
	if (EVP_PKEY_fromdata_init(ctx) != 1 ||
		EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
		return untrue();
	*ret_key = key;
	return 0;
}

int crypto_ec_sign(EVP_PKEY *key, struct view data, uint8_t ret_signature[CRYPTO_SIGNATURE])
{
	_cleanup_(digest_put) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	_cleanup_(signature_put) ECDSA_SIG *sig = NULL;
	uint8_t der[80], flat[CRYPTO_SIGNATURE];
	const uint8_t *at = der;
	size_t len = sizeof(der);

	if (!ctx || EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
		EVP_DigestSign(ctx, der, &len, data.data, data.len) != 1)
		return failed();
	sig = d2i_ECDSA_SIG(NULL, &at, (long)len);
	if (!sig || BN_bn2binpad(ECDSA_SIG_get0_r(sig), flat, 32) != 32 ||
		BN_bn2binpad(ECDSA_SIG_get0_s(sig), flat + 32, 32) != 32)
		return failed();
	bytes_copy(ret_signature, CRYPTO_SIGNATURE, flat, sizeof(flat));
	return 0;
}

/* r || s as DER; the caller frees *@ret with OPENSSL_free. */
static int signature_to_der(struct view signature, uint8_t **ret, size_t *ret_len)
{
	_cleanup_(signature_put) ECDSA_SIG *sig = ECDSA_SIG_new();
	struct view half = view_sub(signature, 32, 32);
	BIGNUM *r = BN_bin2bn(signature.data, 32, NULL);
	BIGNUM *s = BN_bin2bn(half.data, 32, NULL);
	uint8_t *der = NULL;
	int len;

	if (!sig || !r || !s || ECDSA_SIG_set0(sig, r, s) != 1) {
		BN_free(r);
		BN_free(s);
		return failed();
	}
	len = i2d_ECDSA_SIG(sig, &der);
	if (len <= 0)
		return failed();
	*ret = der;
	*ret_len = (size_t)len;
	return 0;
}

int crypto_ec_verify(EVP_PKEY *key, struct view data, struct view signature)
{
	_cleanup_(digest_put) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *der = NULL;
	size_t len = 0;
	int r;

	if (signature.len != CRYPTO_SIGNATURE)
		return CRYPTO_FALSE;
	if (!ctx)
		return failed();
	r = signature_to_der(signature, &der, &len);
	if (r)
		return trace(r);
	r = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, key) == 1 &&
	    EVP_DigestVerify(ctx, der, len, data.data, data.len) == 1;
	OPENSSL_free(der);
	return r ? 0 : untrue();
}

int crypto_rsa_sign(EVP_PKEY *key, struct view block, uint8_t ret_signature[CRYPTO_RSA])
{
	_cleanup_(context_put) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t signature[CRYPTO_RSA];
	size_t len = sizeof(signature);

	if (!ctx || EVP_PKEY_sign_init(ctx) != 1 ||
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PADDING) != 1 ||
		EVP_PKEY_sign(ctx, signature, &len, block.data, block.len) != 1 ||
		len != sizeof(signature))
		return failed();
	bytes_copy(ret_signature, CRYPTO_RSA, signature, sizeof(signature));
	return 0;
}

int crypto_rsa_sign_hash(EVP_PKEY *key, struct view hash, uint8_t ret_signature[CRYPTO_RSA])
{
	_cleanup_(buf_done) struct buf block = BUF_NULL(sizeof(digest_info) + CRYPTO_HASH);

	buf_put(&block, digest_info, sizeof(digest_info));
	buf_put_view(&block, hash);
	if (buf_check(&block) || hash.len != CRYPTO_HASH)
		return fault(-EINVAL);
	return trace(crypto_rsa_sign(key, buf_view(&block), ret_signature));
}

int crypto_rsa_decipher(EVP_PKEY *key, struct view cryptogram, bool padded, struct buf *out)
{
	_cleanup_(context_put) EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
	uint8_t plain[CRYPTO_RSA];
	size_t len = sizeof(plain);

	if (!ctx || EVP_PKEY_decrypt_init(ctx) != 1 ||
		EVP_PKEY_CTX_set_rsa_padding(
			ctx, padded ? RSA_PKCS1_PADDING : RSA_NO_PADDING) != 1)
		return failed();
	if (cryptogram.len != CRYPTO_RSA ||
		EVP_PKEY_decrypt(ctx, plain, &len, cryptogram.data, cryptogram.len) != 1)
		return untrue();
	buf_put(out, plain, len);
	wipe(plain, sizeof(plain));
	return trace(buf_check(out));
}

int crypto_sha256_last(struct view state, struct view last, uint8_t ret_hash[CRYPTO_HASH])
{
	struct reader r = reader_of(state);
	uint64_t bits = 0;
	SHA256_CTX ctx;

	if ((state.len != 0 && state.len != 40) || last.len > SHA256_CBLOCK)
		return CRYPTO_FALSE;
	SHA256_Init(&ctx);
	if (state.len > 0) {
		for (size_t i = 0; i < ARRAY_LEN(ctx.h); i++)
			ctx.h[i] = reader_u32(&r);
		bits = reader_u64(&r);
	}
	if (bits % (SHA256_CBLOCK * 8) != 0)
		return CRYPTO_FALSE;
	ctx.Nh = (SHA_LONG)(bits >> 32);
	ctx.Nl = (SHA_LONG)(bits & 0xFFFFFFFFU);
	SHA256_Update(&ctx, last.data, last.len);
	SHA256_Final(ret_hash, &ctx);
	return 0;
}
