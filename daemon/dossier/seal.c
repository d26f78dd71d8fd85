/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Sealing over OpenSSL's EVP. Plain bytes exist only in the caller's buf, and are taken away from
 * it again when the tag does not verify. Contexts are freed, and with that wiped, by every call; that of
 * a hash alone, which holds the hash and no more, is kept for the next one.
 * OpenSSL refuses these calls for want of memory only, so any refusal is that fault; the one
 * exception is the final tag check.
 */
#include "daemon/dossier/seal.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <stdatomic.h>

#include "base/rng.h"

#define PIECE_MAX (1024U * 1024U) /* bytes sealed at once: chunks are 64 KiB, records less */

static void cipher_put(EVP_CIPHER_CTX **c)
{
	EVP_CIPHER_CTX_free(*c);
}

static void kdf_put(EVP_KDF **k)
{
	EVP_KDF_free(*k);
}

static void kdf_context_put(EVP_KDF_CTX **k)
{
	EVP_KDF_CTX_free(*k);
}

static int refused(void)
{
	ERR_clear_error();
	return fault(-ENOMEM);
}

int seal_setup(void)
{
	_cleanup_(secret_done) struct secret key = SECRET_NULL;
	_cleanup_(buf_done) struct buf out = BUF_NULL(64);
	uint8_t zero[SEAL_KEY] = {0};
	uint8_t hash[SEAL_HASH];
	int r;

	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) !=
		1) {
		return refused();
	}
	r = seal_derive(VIEW(zero), VIEW_NULL, "setup", VIEW_NULL, &key);
	if (r == 0) {
		r = seal_sha256(VIEW(zero), hash);
	}
	if (r == 0) {
		r = seal_put(view_of(key.data, key.len), VIEW_NULL, VIEW(hash), &out);
	}
	return trace(r);
}

/* -- AES-256-GCM ----------------------------------------------------------------------------- */

/* Looking it up each time costs more than sealing a record. */
static const EVP_CIPHER *aes_once(void)
{
	static _Atomic(EVP_CIPHER *) once;
	EVP_CIPHER *cipher = atomic_load(&once);
	EVP_CIPHER *other = NULL;

	if (cipher) {
		return cipher;
	}
	cipher = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
	if (!cipher || atomic_compare_exchange_strong(&once, &other, cipher)) {
		return cipher;
	}
	EVP_CIPHER_free(cipher);
	return other;
}

static bool sizes_fit(struct view key, struct view nonce, struct view aad, struct view data)
{
	return key.len == SEAL_KEY && nonce.len == SEAL_NONCE && aad.len <= PIECE_MAX &&
	       data.len <= PIECE_MAX;
}

static bool put_aad(EVP_CIPHER_CTX *c, struct view aad)
{
	int n;

	return aad.len == 0 || EVP_CipherUpdate(c, NULL, &n, aad.data, (int)aad.len) == 1;
}

/* An empty text is passed by no call at all: a NULL there would mean associated data. */
static bool put_text(EVP_CIPHER_CTX *c, uint8_t *to, struct view text)
{
	int n;

	return text.len == 0 || EVP_CipherUpdate(c, to, &n, text.data, (int)text.len) == 1;
}

int seal_put_at(
	struct view key, struct view nonce, struct view aad, struct view plain, struct buf *out)
{
	_cleanup_(cipher_put) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *aes = aes_once();
	size_t start = out->len;
	uint8_t none[1];
	uint8_t *to;
	int n;

	if (!sizes_fit(key, nonce, aad, plain)) {
		return fault(-EINVAL);
	}
	to = buf_extend(out, plain.len + SEAL_TAG);
	if (!to) {
		return trace(buf_check(out));
	}
	if (!c || !aes || EVP_CipherInit_ex2(c, aes, key.data, nonce.data, 1, NULL) != 1 ||
		!put_aad(c, aad) || !put_text(c, to, plain) ||
		EVP_CipherFinal_ex(c, none, &n) != 1 ||
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, to + plain.len) != 1) {
		buf_truncate(out, start);
		return refused();
	}
	return 0;
}

/* @to: as many bytes as @text. Return: 0, a fault or SEAL_FALSE; @to is then to be wiped. */
static int decipher(struct view key, struct view nonce, struct view aad, struct view text,
	const uint8_t tag[SEAL_TAG], uint8_t *to)
{
	_cleanup_(cipher_put) EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	const EVP_CIPHER *aes = aes_once();
	uint8_t expected[SEAL_TAG];
	uint8_t none[1];
	int n;

	bytes_copy(expected, sizeof(expected), tag, SEAL_TAG);
	if (!c || !aes || EVP_CipherInit_ex2(c, aes, key.data, nonce.data, 0, NULL) != 1 ||
		!put_aad(c, aad) || !put_text(c, to, text) ||
		EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, expected) != 1) {
		return refused();
	}
	if (EVP_CipherFinal_ex(c, none, &n) != 1) {
		ERR_clear_error();
		return SEAL_FALSE;
	}
	return 0;
}

int seal_open_at(struct view key, struct view nonce, struct view aad, struct view sealed,
	struct buf *out)
{
	size_t start = out->len;
	struct reader in = reader_of(sealed);
	struct view text;
	struct view tag;
	uint8_t none[1];
	uint8_t *to;
	int r;

	if (sealed.len < SEAL_TAG || sealed.len - SEAL_TAG > PIECE_MAX) {
		return SEAL_FALSE;
	}
	text = reader_take(&in, sealed.len - SEAL_TAG);
	tag = reader_take(&in, SEAL_TAG);
	if (!sizes_fit(key, nonce, aad, text)) {
		return fault(-EINVAL);
	}
	to = text.len == 0 ? none : buf_extend(out, text.len);
	if (!to) {
		return trace(buf_check(out));
	}
	r = decipher(key, nonce, aad, text, tag.data, to);
	if (r != 0) {
		buf_truncate(out, start);
	}
	return trace(r);
}

int seal_put(struct view key, struct view aad, struct view plain, struct buf *out)
{
	uint8_t nonce[SEAL_NONCE];
	size_t start = out->len;
	int r;

	r = rng_fill(nonce, sizeof(nonce));
	if (r < 0) {
		return trace(r);
	}
	buf_put(out, nonce, sizeof(nonce));
	r = seal_put_at(key, VIEW(nonce), aad, plain, out);
	if (r < 0) {
		buf_truncate(out, start);
	}
	return trace(r);
}

int seal_open(struct view key, struct view aad, struct view sealed, struct buf *out)
{
	struct reader in = reader_of(sealed);
	struct view nonce = reader_take(&in, SEAL_NONCE);

	if (in.failed) {
		return SEAL_FALSE;
	}
	return trace(seal_open_at(key, nonce, aad, reader_rest(&in), out));
}

/* -- keys ------------------------------------------------------------------------------------ */

static int hkdf(struct view key, struct view salt, struct view info, uint8_t to[SEAL_KEY])
{
	_cleanup_(kdf_put) EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	_cleanup_(kdf_context_put) EVP_KDF_CTX *c = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
	_cleanup_(secret_done) struct secret in = SECRET_NULL;
	_cleanup_(buf_done) struct buf copies = BUF_NULL(4096);
	char digest[] = "SHA256";
	OSSL_PARAM params[5];
	size_t n = 0;
	int r;

	/* OSSL_PARAM wants bytes it could write to */
	r = secret_new(&in, SEAL_KEY);
	if (r < 0) {
		return trace(r);
	}
	bytes_copy(in.data, in.size, key.data, key.len);
	buf_put_view(&copies, salt);
	buf_put_view(&copies, info);
	r = buf_check(&copies);
	if (r == 0) {
		uint8_t *at = copies.data;

		params[n++] = OSSL_PARAM_construct_utf8_string(
			OSSL_KDF_PARAM_DIGEST, digest, sizeof(digest) - 1);
		params[n++] = OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_KEY, in.data, SEAL_KEY);
		if (salt.len > 0) {
			params[n++] = OSSL_PARAM_construct_octet_string(
				OSSL_KDF_PARAM_SALT, at, salt.len);
		}
		params[n++] = OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_INFO, at + salt.len, info.len);
		params[n] = OSSL_PARAM_construct_end();
		r = c && EVP_KDF_derive(c, to, SEAL_KEY, params) == 1 ? 0 : refused();
	}
	return trace(r);
}

int seal_derive(struct view key, struct view salt, const char *label, struct view info,
	struct secret *ret)
{
	_cleanup_(buf_done) struct buf whole = BUF_NULL(1024);
	struct secret s;
	int r;

	if (key.len != SEAL_KEY) {
		return fault(-EINVAL);
	}
	buf_put_str(&whole, label);
	buf_put_u8(&whole, 0);
	buf_put_view(&whole, info);
	r = buf_check(&whole);
	if (r < 0) {
		return trace(r);
	}
	r = secret_new(&s, SEAL_KEY);
	if (r < 0) {
		return trace(r);
	}
	r = hkdf(key, salt, buf_view(&whole), s.data);
	if (r < 0) {
		secret_done(&s);
		return trace(r);
	}
	s.len = SEAL_KEY;
	*ret = s;
	return 0;
}

int seal_people_key(struct view key, struct view pseudonym, struct secret *ret)
{
	return trace(seal_derive(key, VIEW_NULL, "vitaled people 1", pseudonym, ret));
}

/* -- hashes ---------------------------------------------------------------------------------- */

int seal_hmac(struct view key, struct view data, uint8_t ret[SEAL_HASH])
{
	unsigned int n = SEAL_HASH;

	if (key.len > PIECE_MAX ||
		!HMAC(EVP_sha256(), key.data, (int)key.len, data.data, data.len, ret, &n)) {
		return refused();
	}
	return 0;
}

/* Looking it up for each costs more than a short hash. */
static const EVP_MD *sha256_once(void)
{
	static _Atomic(EVP_MD *) once;
	EVP_MD *md = atomic_load(&once);
	EVP_MD *other = NULL;

	if (md) {
		return md;
	}
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!md || atomic_compare_exchange_strong(&once, &other, md)) {
		return md;
	}
	EVP_MD_free(md);
	return other;
}

/* @c: taken. */
static int digest_begin(EVP_MD_CTX *c, struct seal_digest *ret_d)
{
	const EVP_MD *md = sha256_once();

	if (!c || !md || EVP_DigestInit_ex2(c, md, NULL) != 1) {
		EVP_MD_CTX_free(c);
		return refused();
	}
	ret_d->context = c;
	return 0;
}

int seal_digest_begin(struct seal_digest *ret_d)
{
	return trace(digest_begin(EVP_MD_CTX_new(), ret_d));
}

int seal_digest_put(struct seal_digest *d, struct view v)
{
	if (v.len == 0) {
		return 0;
	}
	return EVP_DigestUpdate(d->context, v.data, v.len) == 1 ? 0 : refused();
}

int seal_digest_u64(struct seal_digest *d, uint64_t v)
{
	uint8_t bytes[8];

	for (size_t i = sizeof(bytes); i > 0; i--, v >>= 8) {
		bytes[i - 1] = (uint8_t)(v & 0xFF);
	}
	return trace(seal_digest_put(d, VIEW(bytes)));
}

int seal_digest_end(struct seal_digest *d, uint8_t ret[SEAL_HASH])
{
	unsigned int n = SEAL_HASH;
	int ok = EVP_DigestFinal_ex(d->context, ret, &n);

	seal_digest_done(d);
	return ok == 1 ? 0 : refused();
}

void seal_digest_done(struct seal_digest *d)
{
	EVP_MD_CTX_free(d->context);
	d->context = NULL;
}

int seal_sha256(struct view v, uint8_t ret[SEAL_HASH])
{
	static _Atomic(EVP_MD_CTX *)
		spare; /* NULL while somebody uses it, who else makes one more */
	EVP_MD_CTX *c = atomic_exchange(&spare, NULL);
	_cleanup_(seal_digest_done) struct seal_digest d = {NULL};
	unsigned int n = SEAL_HASH;
	int r;

	r = digest_begin(c ? c : EVP_MD_CTX_new(), &d);
	if (r == 0) {
		r = seal_digest_put(&d, v);
	}
	if (r < 0) {
		return trace(r);
	}
	if (EVP_DigestFinal_ex(d.context, ret, &n) != 1) {
		return refused();
	}
	EVP_MD_CTX_free(atomic_exchange(&spare, d.context));
	d.context = NULL;
	return 0;
}
