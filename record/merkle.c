/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Merkle tree of RFC 6962 §2.1, its proofs, and their checking as RFC 9162 §2.1.3.2 and §2.1.4.2
 * write it down. The tree holds only its peaks; complete nodes belong to the owner, who is handed
 * them once and asked for them again by level and index. A subtree on the incomplete right edge is
 * folded from complete nodes, so nothing that can still change is ever stored.
 */
#include "record/merkle.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "record/crypto.h"

static_assert(MERKLE_HASH == CRYPTO_SHA256, "the tree is hashed by SHA-256");

static const uint8_t leaf_prefix = 0x00;

static void hash_copy(uint8_t to[MERKLE_HASH], const uint8_t from[MERKLE_HASH])
{
	bytes_copy(to, MERKLE_HASH, from, MERKLE_HASH);
}

/* @ret may be @left or @right. */
static int node_hash(const uint8_t left[MERKLE_HASH], const uint8_t right[MERKLE_HASH],
	uint8_t ret[MERKLE_HASH])
{
	/* in one piece: a part more costs OpenSSL a third of the hash */
	struct {
		uint8_t prefix;
		uint8_t left[MERKLE_HASH];
		uint8_t right[MERKLE_HASH];
	} node = {.prefix = 0x01};
	const struct view whole = view_of(&node, sizeof(node));

	static_assert(sizeof(node) == 1 + 2 * MERKLE_HASH, "nothing between them is hashed");
	hash_copy(node.left, left);
	hash_copy(node.right, right);
	return trace(crypto_sha256(&whole, 1, ret));
}

int merkle_leaf_hash(struct view entry, uint8_t ret[MERKLE_HASH])
{
	const struct view parts[] = {view_of(&leaf_prefix, 1), entry};

	return trace(crypto_sha256(parts, ARRAY_LEN(parts), ret));
}

int merkle_append(
	struct merkle *t, const uint8_t leaf[MERKLE_HASH], merkle_store_fn store, void *user)
{
	uint8_t hash[MERKLE_HASH];
	uint64_t index = t->size;
	unsigned int level = 0;
	int r;

	if (t->size == UINT64_MAX)
		return fault(-EOVERFLOW);
	hash_copy(hash, leaf);
	for (;; index >>= 1, level++) {
		r = store ? store(user, level, index, hash) : 0;
		if (r < 0)
			return trace(r);
		if (!(index & 1))
			break;
		r = node_hash(t->peak[level], hash, hash);
		if (r < 0)
			return trace(r);
	}
	hash_copy(t->peak[level], hash);
	t->size++;
	return 0;
}

int merkle_root(const struct merkle *t, uint8_t ret[MERKLE_HASH])
{
	uint8_t hash[MERKLE_HASH];
	bool begun = false;
	int r;

	if (t->size == 0)
		return trace(crypto_sha256(NULL, 0, ret));
	for (unsigned int level = 0; level < MERKLE_LEVELS; level++) {
		if (!(t->size >> level & 1))
			continue;
		if (begun) {
			r = node_hash(t->peak[level], hash, hash);
			if (r < 0)
				return trace(r);
		} else {
			hash_copy(hash, t->peak[level]);
			begun = true;
		}
	}
	hash_copy(ret, hash);
	return 0;
}

int merkle_load(struct merkle *ret_t, uint64_t size, merkle_fetch_fn fetch, void *user)
{
	struct merkle t = {.size = size};
	int r;

	for (unsigned int level = 0; level < MERKLE_LEVELS; level++) {
		if (!(size >> level & 1))
			continue;
		r = fetch(user, level, (size >> level) - 1, t.peak[level]);
		if (r < 0)
			return trace(r);
	}
	*ret_t = t;
	return 0;
}

/* Root of leaves [@start, @end), @start a multiple of a power of two not below @end - @start. */
static int range_root(uint64_t start, uint64_t end, merkle_fetch_fn fetch, void *user,
	uint8_t ret[MERKLE_HASH])
{
	uint64_t n = end - start;
	uint8_t hash[MERKLE_HASH], left[MERKLE_HASH];
	bool begun = false;
	int r = 0;

	for (unsigned int level = 0; level < MERKLE_LEVELS; level++) {
		if (!(n >> level & 1))
			continue;
		r = fetch(user, level, (start >> level) + (n >> level) - 1, left);
		if (r < 0)
			return trace(r);
		if (begun) {
			r = node_hash(left, hash, hash);
			if (r < 0)
				return trace(r);
		} else {
			hash_copy(hash, left);
			begun = true;
		}
	}
	hash_copy(ret, hash);
	return 0;
}

/* Append the root of node (@level, @index), which may be cut by the right edge at @size leaves. */
static int put_node(unsigned int level, uint64_t index, uint64_t size, merkle_fetch_fn fetch,
	void *user, struct buf *out)
{
	uint64_t start = index << level;
	uint64_t width = size - start < 1ULL << level ? size - start : 1ULL << level;
	uint8_t hash[MERKLE_HASH];
	int r;

	r = range_root(start, start + width, fetch, user, hash);
	if (r < 0)
		return trace(r);
	buf_put(out, hash, sizeof(hash));
	return 0;
}

/* The siblings on the way from node (@level, @index) to the root, at most one a level. */
static int put_siblings(unsigned int level, uint64_t index, uint64_t size,
	merkle_fetch_fn fetch, void *user, struct buf *out)
{
	uint64_t last = (size - 1) >> level;
	int r;

	for (; last > 0; last >>= 1, index >>= 1, level++) {
		if (!(index & 1) && index == last)
			continue; /* alone on the right edge: it is its own parent */
		r = put_node(level, index ^ 1, size, fetch, user, out);
		if (r < 0)
			return trace(r);
	}
	return trace(buf_check(out));
}

int merkle_prove(
	uint64_t index, uint64_t size, merkle_fetch_fn fetch, void *user, struct buf *ret_path)
{
	if (index >= size)
		return MERKLE_OUTSIDE;
	return trace(put_siblings(0, index, size, fetch, user, ret_path));
}

int merkle_prove_consistency(
	uint64_t old, uint64_t size, merkle_fetch_fn fetch, void *user, struct buf *ret_path)
{
	uint64_t index = old - 1;
	unsigned int level = 0;
	int r;

	if (old > size)
		return MERKLE_OUTSIDE;
	if (old == 0 || old == size)
		return 0;
	for (; index & 1; index >>= 1)
		level++;
	if (index > 0) {
		r = put_node(level, index, size, fetch, user, ret_path);
		if (r < 0)
			return trace(r);
	}
	return trace(put_siblings(level, index, size, fetch, user, ret_path));
}

/* -- checking ----------------------------------------------------------------------------------- */

/* The way up along a path: fn and sn of RFC 9162, the node's and the last one's index. */
struct climb {
	uint64_t fn;
	uint64_t sn;
	struct reader path;
};

enum side {
	SIDE_LEFT,
	SIDE_RIGHT,
	SIDE_END,
	SIDE_BAD, /* the path is cut or too long */
};

/* One level up: the sibling and the side on which it stands. */
static enum side next_sibling(struct climb *c, const uint8_t **ret_hash)
{
	struct view hash;
	bool left = c->fn & 1 || c->fn == c->sn;

	if (c->path.left == 0)
		return c->sn == 0 ? SIDE_END : SIDE_BAD;
	hash = reader_take(&c->path, MERKLE_HASH);
	if (c->path.failed || c->sn == 0)
		return SIDE_BAD;
	for (; left && !(c->fn & 1); c->fn >>= 1) /* fn = sn, which is not 0: this ends */
		c->sn >>= 1;
	c->fn >>= 1;
	c->sn >>= 1;
	*ret_hash = hash.data;
	return left ? SIDE_LEFT : SIDE_RIGHT;
}

int merkle_check(uint64_t index, uint64_t size, const uint8_t leaf[MERKLE_HASH],
	struct view path, const uint8_t root[MERKLE_HASH])
{
	struct climb c = {.fn = index, .sn = size - 1, .path = reader_of(path)};
	const uint8_t *sibling = NULL;
	uint8_t hash[MERKLE_HASH];
	enum side side;

	if (index >= size)
		return MERKLE_OUTSIDE;
	hash_copy(hash, leaf);
	while ((side = next_sibling(&c, &sibling)) <= SIDE_RIGHT) {
		int r = side == SIDE_LEFT ? node_hash(sibling, hash, hash)
					  : node_hash(hash, sibling, hash);

		if (r < 0)
			return trace(r);
	}
	return side == SIDE_END && memcmp(hash, root, MERKLE_HASH) == 0 ? 0 : MERKLE_FALSE;
}

/* A tree against the same, or against the empty one: no path is needed. */
static int check_trivial(uint64_t old, const uint8_t old_root[MERKLE_HASH],
	const uint8_t root[MERKLE_HASH], struct view path)
{
	uint8_t hash[MERKLE_HASH];
	int r;

	hash_copy(hash, root);
	if (old == 0) {
		r = crypto_sha256(NULL, 0, hash);
		if (r < 0)
			return trace(r);
	}
	return path.len == 0 && memcmp(old_root, hash, MERKLE_HASH) == 0 ? 0 : MERKLE_FALSE;
}

/* From node hash @start up to both roots at once. Return: 0, a fault or MERKLE_FALSE. */
static int check_both(struct climb *c, const uint8_t start[MERKLE_HASH],
	const uint8_t old_root[MERKLE_HASH], const uint8_t root[MERKLE_HASH])
{
	uint8_t old[MERKLE_HASH], new[MERKLE_HASH];
	const uint8_t *sibling = NULL;
	enum side side;

	hash_copy(old, start);
	hash_copy(new, start);
	while ((side = next_sibling(c, &sibling)) <= SIDE_RIGHT) {
		int r = side == SIDE_LEFT ? node_hash(sibling, old, old) : 0;

		if (r == 0)
			r = side == SIDE_LEFT ? node_hash(sibling, new, new)
					      : node_hash(new, sibling, new);
		if (r < 0)
			return trace(r);
	}
	return side == SIDE_END && memcmp(old, old_root, MERKLE_HASH) == 0 &&
			       memcmp(new, root, MERKLE_HASH) == 0
		       ? 0
		       : MERKLE_FALSE;
}

int merkle_check_consistency(uint64_t old, const uint8_t old_root[MERKLE_HASH], uint64_t size,
	const uint8_t root[MERKLE_HASH], struct view path)
{
	struct climb c = {.fn = old - 1, .sn = size - 1, .path = reader_of(path)};
	struct view start;

	if (old > size)
		return MERKLE_OUTSIDE;
	if (old == 0 || old == size)
		return trace(check_trivial(old, old_root, root, path));
	for (; c.fn & 1; c.fn >>= 1)
		c.sn >>= 1;
	/* a power of two leaves: the old root is itself a node of the new tree */
	start = c.fn == 0 ? view_of(old_root, MERKLE_HASH) : reader_take(&c.path, MERKLE_HASH);
	if (c.path.failed)
		return MERKLE_FALSE;
	return trace(check_both(&c, start.data, old_root, root));
}
