/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The few pieces of OpenSSL that record, trust and audit share: SHA-256, the difference between
 * "refused" and "no memory", cleanups. An OpenSSL object is freed by the cleanup of its type.
 */
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include "base/buf.h"

#define CRYPTO_SHA256 32U /* bytes */

#define CRYPTO_CLEANUP(type, name, free_fn)                                                    \
	static inline void name(type **p)                                                      \
	{                                                                                      \
		free_fn(*p);                                                                   \
		*p = NULL;                                                                     \
	}

CRYPTO_CLEANUP(EVP_PKEY, crypto_pkey_put, EVP_PKEY_free)
CRYPTO_CLEANUP(EVP_PKEY_CTX, crypto_pkey_ctx_put, EVP_PKEY_CTX_free)
CRYPTO_CLEANUP(EVP_MD_CTX, crypto_md_ctx_put, EVP_MD_CTX_free)
CRYPTO_CLEANUP(BIO, crypto_bio_put, BIO_free_all)
CRYPTO_CLEANUP(X509, crypto_x509_put, X509_free)
CRYPTO_CLEANUP(X509_STORE, crypto_store_put, X509_STORE_free)
CRYPTO_CLEANUP(X509_STORE_CTX, crypto_store_ctx_put, X509_STORE_CTX_free)
CRYPTO_CLEANUP(CMS_ContentInfo, crypto_cms_put, CMS_ContentInfo_free)

/** crypto_sha256() - SHA-256 (FIPS 180-4) of @n views, one after the other. */
int crypto_sha256(const struct view *parts, size_t n, uint8_t ret[CRYPTO_SHA256]) _must_check_;
/** crypto_refused() - empty OpenSSL's error queue. Return: a fault when memory ran out, else
 *  @outcome. */
int crypto_refused(int outcome) _must_check_;
/** crypto_fault() - empty OpenSSL's error queue. Return: a fault. */
int crypto_fault(void) _must_check_;
/** crypto_public_pem() - SubjectPublicKeyInfo PEM of @key appended to @out. */
int crypto_public_pem(EVP_PKEY *key, struct buf *out) _must_check_;
/** crypto_bio_take() - what a memory BIO holds, appended to @out. */
int crypto_bio_take(BIO *bio, struct buf *out) _must_check_;
