/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * SHA-256 and the reading of OpenSSL's error queue. The algorithm is fetched once for the life of
 * the process, and one context is kept from hash to hash (either costs more than a short hash does);
 * safe between threads. What was hashed is wiped from it by OpenSSL, the hash itself is not. Leaves
 * the error queue empty, so that no later call reads a stale reason.
 */
#include "record/crypto.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdatomic.h>

static const EVP_MD *fetch_once(void)
{
	static _Atomic(EVP_MD *) once;
	EVP_MD *md = atomic_load(&once), *other = NULL;

	if (md)
		return md;
	md = EVP_MD_fetch(NULL, "SHA256", NULL);
	if (!md || atomic_compare_exchange_strong(&once, &other, md))
		return md;
	EVP_MD_free(md);
	return other;
}

/* The context that nobody uses; NULL while somebody does, who then makes one more. */
static _Atomic(EVP_MD_CTX *) spare;

static EVP_MD_CTX *context_take(void)
{
	EVP_MD_CTX *ctx = atomic_exchange(&spare, NULL);

	return ctx ? ctx : EVP_MD_CTX_new();
}

static void context_keep(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(atomic_exchange(&spare, *ctx));
	*ctx = NULL;
}

int crypto_sha256(const struct view *parts, size_t n, uint8_t ret[CRYPTO_SHA256])
{
	_cleanup_(crypto_md_ctx_put) EVP_MD_CTX *ctx = context_take();
	const EVP_MD *md = fetch_once();
	uint8_t hash[CRYPTO_SHA256];
	int ok;

	if (!ctx || !md)
		return crypto_fault();
	ok = EVP_DigestInit_ex2(ctx, md, NULL);
	for (size_t i = 0; ok == 1 && i < n; i++)
		ok = EVP_DigestUpdate(ctx, parts[i].data, parts[i].len);
	if (ok != 1 || EVP_DigestFinal_ex(ctx, hash, NULL) != 1)
		return crypto_fault();
	context_keep(&ctx);
	bytes_copy(ret, CRYPTO_SHA256, hash, sizeof(hash));
	return 0;
}

int crypto_refused(int outcome)
{
	unsigned long e;
	bool memory = false;

	while ((e = ERR_get_error()) != 0)
		memory = memory || ERR_GET_REASON(e) == ERR_R_MALLOC_FAILURE;
	return memory ? fault(-ENOMEM) : outcome;
}

int crypto_fault(void)
{
	return trace(crypto_refused(-EIO));
}

int crypto_bio_take(BIO *bio, struct buf *out)
{
	char *data = NULL;
	long len = BIO_get_mem_data(bio, &data);

	if (len <= 0)
		return crypto_fault();
	buf_put(out, data, (size_t)len);
	return trace(buf_check(out));
}

int crypto_public_pem(EVP_PKEY *key, struct buf *out)
{
	_cleanup_(crypto_bio_put) BIO *bio = BIO_new(BIO_s_mem());

	if (!bio || PEM_write_bio_PUBKEY(bio, key) != 1)
		return crypto_fault();
	return trace(crypto_bio_take(bio, out));
}
