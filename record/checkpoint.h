/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Checkpoints: C2SP tlog-checkpoint in a C2SP signed-note with one Ed25519 signature.
 *
 *   <origin>\n<size>\n<base64 root>\n\n— <name> <base64(key id (4) ‖ signature (64))>\n
 *
 * The key's name is the origin. vkey = <name>+<hex key id>+<base64(01 ‖ public key (32))>;
 * key id = first 4 bytes of SHA-256(name ‖ 0A ‖ 01 ‖ public key).
 */
#include "record/merkle.h"

#define CHECKPOINT_ORIGIN_MAX 128U
#define CHECKPOINT_KEY	      32U /* Ed25519 seed or public key, bytes */

struct checkpoint {
	char origin[CHECKPOINT_ORIGIN_MAX];
	uint64_t size;
	uint8_t root[MERKLE_HASH];
};

enum checkpoint_outcome {
	CHECKPOINT_MALFORMED = 1,
	CHECKPOINT_OTHER_KEY, /* no signature by this key */
	CHECKPOINT_FALSE,     /* the signature does not verify */
};

/** checkpoint_sign() - the note's text appended to @out. @seed: 32 bytes. */
int checkpoint_sign(const struct checkpoint *c, struct view seed, struct buf *out) _must_check_;
/** checkpoint_parse() - the body of a note, signature not looked at. */
int checkpoint_parse(struct view note, struct checkpoint *ret) _must_check_;
/** checkpoint_verify() - parse and verify against @vkey. */
int checkpoint_verify(struct view note, const char *vkey, struct checkpoint *ret) _must_check_;
int checkpoint_vkey(const char *name, struct view seed, struct buf *out) _must_check_;
/** checkpoint_vkey_pem() - the SubjectPublicKeyInfo PEM of a vkey, for openssl. */
int checkpoint_vkey_pem(const char *vkey, struct buf *out) _must_check_;
