/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * SHA-256 (FIPS 180-4 §6.2) with its state between two blocks, which a CPS3 wants to finish the
 * hash itself. Small on purpose: a card's process links no libcrypto. Not for secrets.
 */
#include "base/buf.h"

#define SHA256_BLOCK 64U /* bytes */
#define SHA256_SIZE  32U

struct sha256 {
	uint32_t h[8];
	uint64_t bytes; /* hashed so far */
};

void sha256_init(struct sha256 *s);
/** sha256_blocks() - @data is a multiple of SHA256_BLOCK (assert). */
void sha256_blocks(struct sha256 *s, struct view data);
/** sha256_put_state() - the eight words, big endian, 32 bytes, appended. */
void sha256_put_state(const struct sha256 *s, struct buf *out);
/** sha256_put() - the hash of @data, 32 bytes, appended. */
void sha256_put(struct view data, struct buf *out);
