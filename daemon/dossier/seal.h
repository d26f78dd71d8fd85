/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Keys and sealed bytes of dossiers, used on both sides: AES-256-GCM (NIST SP 800-38D), HKDF-SHA256
 * (RFC 5869), SHA-256. Which key seals what stands in doc/store.md.
 *
 *   sealed record:  nonce (12, random) || ciphertext || tag (16)
 *   sealed chunk:   ciphertext || tag (16); its nonce follows from its place
 */
#include "base/secret.h"

#define SEAL_KEY   32U /* bytes */
#define SEAL_NONCE 12U
#define SEAL_TAG   16U
#define SEAL_HASH  32U

enum seal_outcome {
	SEAL_FALSE = 1, /* the tag does not verify: other key, other place, or changed bytes */
};

/** seal_setup() - load no configuration, fetch every algorithm used below, so that nothing is opened
 *  later; before any other call. */
int seal_setup(void) _must_check_;

/** seal_put() - append the sealed record of @plain to @out, under a fresh random nonce. */
int seal_put(struct view key, struct view aad, struct view plain, struct buf *out) _must_check_;
/** seal_open() - append what @sealed holds to @out; nothing is appended before the tag is checked.
 *  Return: 0, a fault or SEAL_FALSE. */
int seal_open(
	struct view key, struct view aad, struct view sealed, struct buf *out) _must_check_;

/** seal_put_at() - as seal_put() with a given nonce that is not stored (@nonce: 12 bytes, never
 *  twice under one key). */
int seal_put_at(struct view key, struct view nonce, struct view aad, struct view plain,
	struct buf *out) _must_check_;
int seal_open_at(struct view key, struct view nonce, struct view aad, struct view sealed,
	struct buf *out) _must_check_;

/** seal_derive() - HKDF-SHA256: a new key of 32 bytes in @ret (to be freed by secret_done()).
 *  @label: ASCII, what the key is for; @info goes behind it. */
int seal_derive(struct view key, struct view salt, const char *label, struct view info,
	struct secret *ret) _must_check_;

/** seal_people_key() - the key of the people record alone, from the dossier's key. */
int seal_people_key(struct view key, struct view pseudonym, struct secret *ret) _must_check_;

/** seal_hmac() - HMAC-SHA256 of @data. */
int seal_hmac(struct view key, struct view data, uint8_t ret[SEAL_HASH]) _must_check_;

/* SHA-256 in pieces; a digest is used up by seal_digest_end(). */
struct seal_digest {
	void *context; /* NULL: unused */
};

int seal_digest_begin(struct seal_digest *ret_d) _must_check_;
int seal_digest_put(struct seal_digest *d, struct view v) _must_check_;
int seal_digest_u64(struct seal_digest *d, uint64_t v) _must_check_; /* big endian */
int seal_digest_end(struct seal_digest *d, uint8_t ret[SEAL_HASH]) _must_check_;
void seal_digest_done(struct seal_digest *d);
int seal_sha256(struct view v, uint8_t ret[SEAL_HASH]) _must_check_;
