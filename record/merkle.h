/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Merkle tree of RFC 6962 §2.1 (SHA-256; leaf = H(00 ‖ entry), node = H(01 ‖ left ‖ right)),
 * grown incrementally: one hash a set bit of the size is kept. Nodes are handed to the owner as
 * they become complete, named by level and index (level 0 = leaves); proofs fetch them back.
 */
#include "base/buf.h"

#define MERKLE_HASH   32U
#define MERKLE_LEVELS 64U

struct merkle {
	uint64_t size;
	uint8_t peak[MERKLE_LEVELS]
		    [MERKLE_HASH]; /* peak[l] is valid when bit l of size is set */
};

typedef int (*merkle_store_fn)(
	void *user, unsigned int level, uint64_t index, const uint8_t hash[MERKLE_HASH]);
typedef int (*merkle_fetch_fn)(
	void *user, unsigned int level, uint64_t index, uint8_t ret_hash[MERKLE_HASH]);

enum merkle_outcome {
	MERKLE_OUTSIDE = 1, /* index or size beyond the tree */
	MERKLE_FALSE,	    /* the proof does not lead to the root */
};

int merkle_leaf_hash(struct view entry, uint8_t ret[MERKLE_HASH]) _must_check_;
/** merkle_append() - add a leaf's hash; @store (may be NULL) gets each node completed by it.
 *  On failure @t is unchanged. */
int merkle_append(struct merkle *t, const uint8_t leaf[MERKLE_HASH], merkle_store_fn store,
	void *user) _must_check_;
int merkle_root(
	const struct merkle *t, uint8_t ret[MERKLE_HASH]) _must_check_; /* size 0: H("") */
/** merkle_load() - rebuild the peaks of a tree of @size leaves from stored nodes. */
int merkle_load(
	struct merkle *ret_t, uint64_t size, merkle_fetch_fn fetch, void *user) _must_check_;
/** merkle_prove() - RFC 6962 §2.1.1 audit path of leaf @index in the tree of @size leaves.
 *  @ret_path: n hashes, appended. Return: 0, a fault, MERKLE_OUTSIDE. */
int merkle_prove(uint64_t index, uint64_t size, merkle_fetch_fn fetch, void *user,
	struct buf *ret_path) _must_check_;
/** merkle_prove_consistency() - RFC 6962 §2.1.2 between the trees of @old and @size leaves. */
int merkle_prove_consistency(uint64_t old, uint64_t size, merkle_fetch_fn fetch, void *user,
	struct buf *ret_path) _must_check_;
int merkle_check(uint64_t index, uint64_t size, const uint8_t leaf[MERKLE_HASH],
	struct view path, const uint8_t root[MERKLE_HASH])
	_must_check_; /* 0, fault, MERKLE_OUTSIDE, MERKLE_FALSE */
int merkle_check_consistency(uint64_t old, const uint8_t old_root[MERKLE_HASH], uint64_t size,
	const uint8_t root[MERKLE_HASH], struct view path) _must_check_;
