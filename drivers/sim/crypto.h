/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What a simulated card computes, on OpenSSL: P-256 with ECDSA-SHA256 in the form r || s, RSA-2048
 * with PKCS#1 v1.5, and the last round of SHA-256. Keys are made at personalisation and really used.
 */
#include <openssl/evp.h>

#include "base/buf.h"

#define CRYPTO_POINT	 65U  /* bytes: 04 || X || Y */
#define CRYPTO_SIGNATURE 64U  /* bytes: r || s */
#define CRYPTO_RSA	 256U /* bytes of modulus and signature */
#define CRYPTO_HASH	 32U

enum crypto_outcome {
	CRYPTO_FALSE = 1, /* the signature, point or cryptogram is not one */
};

static inline void crypto_key_put(EVP_PKEY **key)
{
	EVP_PKEY_free(*key);
	*key = NULL;
}

#define _cleanup_key_ _cleanup_(crypto_key_put)

int crypto_new_rsa(EVP_PKEY **ret_key) _must_check_;
int crypto_new_ec(EVP_PKEY **ret_key) _must_check_;
/** crypto_put_private() - PEM (PKCS#8, not enciphered) appended to @out; the caller guards it. */
int crypto_put_private(EVP_PKEY *key, struct buf *out) _must_check_;
int crypto_put_public(EVP_PKEY *key, struct buf *out) _must_check_;
/** crypto_load_private() - Return: 0, a fault, or CRYPTO_FALSE for what is no PEM key. */
int crypto_load_private(const char *pem, EVP_PKEY **ret_key) _must_check_;
int crypto_ec_point(EVP_PKEY *key, uint8_t ret_point[CRYPTO_POINT]) _must_check_;
/** crypto_ec_from_point() - a public key. Return: 0, a fault, or CRYPTO_FALSE (not on the curve). */
int crypto_ec_from_point(struct view point, EVP_PKEY **ret_key) _must_check_;
/** crypto_ec_sign() - ECDSA over SHA-256 of @data. */
int crypto_ec_sign(
	EVP_PKEY *key, struct view data, uint8_t ret_signature[CRYPTO_SIGNATURE]) _must_check_;
/** crypto_ec_verify() - Return: 0, a fault, or CRYPTO_FALSE. */
int crypto_ec_verify(EVP_PKEY *key, struct view data, struct view signature) _must_check_;

/** crypto_rsa_sign() - EMSA-PKCS1-v1_5 padding round @block as it is (RFC 8017 §9.2 from step 3). */
int crypto_rsa_sign(
	EVP_PKEY *key, struct view block, uint8_t ret_signature[CRYPTO_RSA]) _must_check_;
/** crypto_rsa_sign_hash() - as above with the DigestInfo of a SHA-256 @hash. */
int crypto_rsa_sign_hash(
	EVP_PKEY *key, struct view hash, uint8_t ret_signature[CRYPTO_RSA]) _must_check_;
/** crypto_rsa_decipher() - @padded: remove RSAES-PKCS1-v1_5, else the raw block is appended.
 *  Return: 0, a fault, or CRYPTO_FALSE. */
int crypto_rsa_decipher(
	EVP_PKEY *key, struct view cryptogram, bool padded, struct buf *out) _must_check_;

/**
 * crypto_sha256_last() - finish a hash that somebody else began (FIPS 180-4 §6.2)
 * @state:  32 bytes of intermediate hash value and 8 bytes: bits hashed so far; or empty
 * @last:   the rest of the text, at most one block
 *
 * Return: 0, or CRYPTO_FALSE for a state of another length or a count that is no whole block.
 */
int crypto_sha256_last(
	struct view state, struct view last, uint8_t ret_hash[CRYPTO_HASH]) _must_check_;
