/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The tree against the roots of the Certificate Transparency reference test (eight entries), and
 * its proofs against a plain recursion of RFC 6962 §2.1 written here: all pairs up to 40 leaves.
 */
#include "base/hex.h"
#include "record/crypto.h"
#include "record/merkle.h"
#include "tests/unit/record/failing.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <string.h>

#define LEAVES 40U

static const struct {
	const char *entry;
	const char *root;
} vectors[] = {
	{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
	{"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
	{"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	{"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
	{"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
	{"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
	{"5051525354555657",
		"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
	{"606162636465666768696a6b6c6d6e6f",
		"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
};

/* -- nodes kept by the test --------------------------------------------------------------------- */

struct nodes {
	uint8_t hash[8][64][MERKLE_HASH];
	bool known[8][64];
	unsigned int calls_left; /* then the store and the fetch fail */
};

static int keep(void *user, unsigned int level, uint64_t index, const uint8_t hash[MERKLE_HASH])
{
	struct nodes *n = user;

	if (n->calls_left == 0)
		return fault(-EIO);
	n->calls_left--;
	assert_false(n->known[level][index]);
	bytes_copy(n->hash[level][index], MERKLE_HASH, hash, MERKLE_HASH);
	n->known[level][index] = true;
	return 0;
}

static int fetch(void *user, unsigned int level, uint64_t index, uint8_t ret_hash[MERKLE_HASH])
{
	struct nodes *n = user;

	if (n->calls_left == 0)
		return fault(-EIO);
	n->calls_left--;
	assert_true(level < 8 && index < 64 && n->known[level][index]);
	bytes_copy(ret_hash, MERKLE_HASH, n->hash[level][index], MERKLE_HASH);
	return 0;
}

static struct nodes nodes;
static struct merkle tree;
static uint8_t leaves[LEAVES][MERKLE_HASH], roots[LEAVES + 1][MERKLE_HASH];

/* The first hash of the process fetches and makes what the others use: any of it may fail. */
static void first_hash(void)
{
	unsigned int n = 0;
	bool refused = true;

	for (; refused; n++) {
		int r;

		failing_arm(n, false);
		r = merkle_root(&tree, roots[0]);
		refused = failing_off();
		assert_true(r == 0 || r == -ENOMEM || r == -EIO);
		assert_true(refused || r == 0);
	}
	assert_true(n > 2);
}

static int grow(void **state)
{
	(void)state;
	memset(&nodes, 0, sizeof(nodes));
	nodes.calls_left = UINT32_MAX;
	tree = (struct merkle){0};
	first_hash();
	assert_int_equal(merkle_root(&tree, roots[0]), 0);
	for (uint8_t i = 0; i < LEAVES; i++) {
		assert_int_equal(merkle_leaf_hash(view_of(&i, 1), leaves[i]), 0);
		assert_int_equal(merkle_append(&tree, leaves[i], keep, &nodes), 0);
		assert_int_equal(merkle_root(&tree, roots[i + 1]), 0);
	}
	return 0;
}

/* MTH of RFC 6962 §2.1 over leaves [from, to), in its own words. */
static void mth(unsigned int from, unsigned int to, uint8_t ret[MERKLE_HASH])
{
	static const uint8_t one = 1;
	uint8_t left[MERKLE_HASH], right[MERKLE_HASH];
	const struct view parts[] = {view_of(&one, 1), VIEW(left), VIEW(right)};
	unsigned int k = 1;

	if (to - from == 1) {
		bytes_copy(ret, MERKLE_HASH, leaves[from], MERKLE_HASH);
		return;
	}
	while (k * 2 < to - from)
		k *= 2;
	mth(from, from + k, left);
	mth(from + k, to, right);
	assert_int_equal(crypto_sha256(parts, 3, ret), 0);
}

/* -- tests -------------------------------------------------------------------------------------- */

static void roots_are_those_of_the_ct_reference(void **state)
{
	struct merkle t = {0};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct buf entry = BUF_NULL(64), hex = BUF_NULL(128);
		uint8_t leaf[MERKLE_HASH], root[MERKLE_HASH];

		assert_int_equal(hex_decode(&entry, view_str(vectors[i].entry)), 0);
		assert_int_equal(merkle_leaf_hash(buf_view(&entry), leaf), 0);
		assert_int_equal(merkle_append(&t, leaf, NULL, NULL), 0);
		assert_int_equal(merkle_root(&t, root), 0);
		hex_encode(&hex, VIEW(root));
		assert_true(view_equal(buf_view(&hex), view_str(vectors[i].root)));
		buf_done(&entry);
		buf_done(&hex);
	}
}

static void the_empty_tree_is_the_hash_of_nothing(void **state)
{
	struct buf hex = BUF_NULL(128);

	(void)state;
	hex_encode(&hex, VIEW(roots[0]));
	assert_true(view_equal(buf_view(&hex),
		view_str("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")));
	buf_done(&hex);
}

static void every_root_is_the_recursion_of_the_standard(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= LEAVES; n++) {
		uint8_t root[MERKLE_HASH];

		mth(0, n, root);
		assert_memory_equal(root, roots[n], MERKLE_HASH);
	}
}

static void a_tree_loads_from_its_nodes_at_every_size(void **state)
{
	(void)state;
	for (unsigned int n = 0; n <= LEAVES; n++) {
		uint8_t root[MERKLE_HASH];
		struct merkle t;

		assert_int_equal(merkle_load(&t, n, fetch, &nodes), 0);
		assert_int_equal(t.size, n);
		assert_int_equal(merkle_root(&t, root), 0);
		assert_memory_equal(root, roots[n], MERKLE_HASH);
	}
}

static void every_inclusion_proof_holds_and_no_changed_one(void **state)
{
	(void)state;
	for (unsigned int n = 1; n <= LEAVES; n++) {
		for (unsigned int i = 0; i < n; i++) {
			struct buf path = BUF_NULL(4096);

			assert_int_equal(merkle_prove(i, n, fetch, &nodes, &path), 0);
			assert_int_equal(
				merkle_check(i, n, leaves[i], buf_view(&path), roots[n]), 0);
			assert_int_equal(
				merkle_check(i, n, leaves[i], buf_view(&path), roots[n - 1]),
				MERKLE_FALSE);
			assert_int_equal(merkle_check(i, n, leaves[(i + 1) % LEAVES],
						 buf_view(&path), roots[n]),
				MERKLE_FALSE);
			for (size_t b = 0; b < path.len; b += 7) {
				path.data[b] ^= 0x10;
				assert_int_equal(merkle_check(i, n, leaves[i], buf_view(&path),
							 roots[n]),
					MERKLE_FALSE);
				path.data[b] ^= 0x10;
			}
			if (path.len > 0)
				assert_int_equal(
					merkle_check(i, n, leaves[i],
						view_sub(buf_view(&path), 0, path.len - 1),
						roots[n]),
					MERKLE_FALSE);
			if (path.len > 0)
				assert_int_equal(
					merkle_check(i, n, leaves[i],
						view_sub(buf_view(&path), 0, path.len - 32),
						roots[n]),
					MERKLE_FALSE);
			buf_put(&path, leaves[0], MERKLE_HASH);
			assert_int_equal(
				merkle_check(i, n, leaves[i], buf_view(&path), roots[n]),
				MERKLE_FALSE);
			buf_done(&path);
		}
	}
}

static void every_consistency_proof_holds_and_no_changed_one(void **state)
{
	(void)state;
	for (unsigned int n = 0; n <= LEAVES; n++) {
		for (unsigned int m = 0; m <= n; m++) {
			struct buf path = BUF_NULL(4096);
			struct view p;

			assert_int_equal(
				merkle_prove_consistency(m, n, fetch, &nodes, &path), 0);
			p = buf_view(&path);
			assert_int_equal(
				merkle_check_consistency(m, roots[m], n, roots[n], p), 0);
			for (size_t b = 0; b < path.len; b += 7) {
				path.data[b] ^= 0x01;
				assert_int_equal(
					merkle_check_consistency(m, roots[m], n, roots[n], p),
					MERKLE_FALSE);
				path.data[b] ^= 0x01;
			}
			if (m > 0 && m < n) {
				assert_int_equal(merkle_check_consistency(
							 m, roots[m - 1], n, roots[n], p),
					MERKLE_FALSE);
				assert_int_equal(merkle_check_consistency(
							 m, roots[m], n, roots[n - 1], p),
					MERKLE_FALSE);
				assert_int_equal(merkle_check_consistency(m, roots[m], n,
							 roots[n], view_sub(p, 0, p.len - 1)),
					MERKLE_FALSE);
				assert_int_equal(merkle_check_consistency(m, roots[m], n,
							 roots[n], view_sub(p, 0, p.len - 32)),
					MERKLE_FALSE);
			}
			buf_put(&path, leaves[0], MERKLE_HASH);
			assert_int_equal(merkle_check_consistency(
						 m, roots[m], n, roots[n], buf_view(&path)),
				MERKLE_FALSE);
			buf_done(&path);
		}
	}
}

static void what_is_beyond_the_tree_is_said_to_be_outside(void **state)
{
	struct buf path = BUF_NULL(64);

	(void)state;
	assert_int_equal(merkle_prove(3, 3, fetch, &nodes, &path), MERKLE_OUTSIDE);
	assert_int_equal(merkle_prove(0, 0, fetch, &nodes, &path), MERKLE_OUTSIDE);
	assert_int_equal(merkle_prove_consistency(4, 3, fetch, &nodes, &path), MERKLE_OUTSIDE);
	assert_int_equal(merkle_check(3, 3, leaves[0], VIEW_NULL, roots[3]), MERKLE_OUTSIDE);
	assert_int_equal(merkle_check(0, 0, leaves[0], VIEW_NULL, roots[3]), MERKLE_OUTSIDE);
	assert_int_equal(
		merkle_check_consistency(4, roots[4], 3, roots[3], VIEW_NULL), MERKLE_OUTSIDE);
}

static void a_tree_that_is_the_same_must_have_the_same_root(void **state)
{
	(void)state;
	assert_int_equal(
		merkle_check_consistency(3, roots[2], 3, roots[3], VIEW_NULL), MERKLE_FALSE);
	assert_int_equal(
		merkle_check_consistency(0, roots[2], 3, roots[3], VIEW_NULL), MERKLE_FALSE);
}

static void a_path_of_nothing_proves_no_growth(void **state)
{
	(void)state;
	for (unsigned int m = 1; m < 31; m++)
		assert_int_equal(
			merkle_check_consistency(m, roots[m], 31, roots[31], VIEW_NULL),
			MERKLE_FALSE);
}

static void a_failing_store_leaves_the_tree_as_it_was(void **state)
{
	(void)state;
	for (unsigned int calls = 0;; calls++) {
		static struct nodes n;
		struct merkle t = {0};
		uint8_t before[MERKLE_HASH], after[MERKLE_HASH];
		int r;

		memset(&n, 0, sizeof(n));
		n.calls_left = UINT32_MAX;
		for (unsigned int i = 0; i < 7; i++)
			assert_int_equal(merkle_append(&t, leaves[i], keep, &n), 0);
		assert_int_equal(merkle_root(&t, before), 0);
		n.calls_left = calls;
		r = merkle_append(&t, leaves[7], keep, &n);
		assert_int_equal(merkle_root(&t, after), 0);
		if (r == 0) {
			assert_int_equal(calls, 4);
			break;
		}
		assert_int_equal(r, -EIO);
		assert_int_equal(t.size, 7);
		assert_memory_equal(before, after, MERKLE_HASH);
	}
}

static void a_failing_fetch_is_passed_on(void **state)
{
	(void)state;
	for (unsigned int calls = 0; calls < 4; calls++) {
		struct buf path = BUF_NULL(4096);
		struct merkle t;

		nodes.calls_left = calls;
		assert_int_equal(merkle_prove(0, 31, fetch, &nodes, &path), -EIO);
		nodes.calls_left = calls;
		assert_int_equal(merkle_prove_consistency(6, 31, fetch, &nodes, &path), -EIO);
		nodes.calls_left = calls;
		assert_int_equal(merkle_load(&t, 31, fetch, &nodes), -EIO);
		buf_done(&path);
	}
	nodes.calls_left = UINT32_MAX;
}

static void a_path_that_does_not_fit_is_a_fault(void **state)
{
	struct buf path = BUF_NULL(40);

	(void)state;
	assert_int_equal(merkle_prove(0, 8, fetch, &nodes, &path), -EMSGSIZE);
	buf_done(&path);
}

static void a_full_tree_takes_no_more(void **state)
{
	struct merkle t = {.size = UINT64_MAX};

	(void)state;
	assert_int_equal(merkle_append(&t, leaves[0], NULL, NULL), -EOVERFLOW);
}

/* Each function once with every allocation failing in turn. */
static int use_all(struct buf *path)
{
	uint8_t hash[MERKLE_HASH];
	struct merkle t = tree;
	int r;

	r = merkle_leaf_hash(VIEW_NULL, hash);
	t.size = 7;
	if (r == 0)
		r = merkle_append(&t, leaves[7], NULL, NULL);
	t.size = 7;
	if (r == 0)
		r = merkle_root(&t, hash);
	if (r == 0)
		r = merkle_prove(0, 31, fetch, &nodes, path);
	if (r == 0)
		r = merkle_check(0, 31, leaves[0], buf_view(path), roots[31]);
	buf_reset(path);
	if (r == 0)
		r = merkle_prove_consistency(6, 31, fetch, &nodes, path);
	if (r == 0)
		r = merkle_check_consistency(6, roots[6], 31, roots[31], buf_view(path));
	if (r == 0)
		r = merkle_check_consistency(0, roots[0], 31, roots[31], VIEW_NULL);
	return r;
}

static void memory_that_runs_out_is_a_fault_and_nothing_else(void **state)
{
	unsigned int n = 0;
	bool refused = true;

	(void)state;
	for (; refused; n++) {
		struct buf path = BUF_NULL(4096);
		int r;

		failing_arm(n, false);
		r = use_all(&path);
		refused = failing_off();
		assert_true(r == 0 || r == -ENOMEM || r == -EIO);
		assert_true(refused || r == 0);
		buf_done(&path);
	}
	assert_true(n > 2); /* the path grows; hashes take no memory any more */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(roots_are_those_of_the_ct_reference),
		cmocka_unit_test(the_empty_tree_is_the_hash_of_nothing),
		cmocka_unit_test(every_root_is_the_recursion_of_the_standard),
		cmocka_unit_test(a_tree_loads_from_its_nodes_at_every_size),
		cmocka_unit_test(every_inclusion_proof_holds_and_no_changed_one),
		cmocka_unit_test(every_consistency_proof_holds_and_no_changed_one),
		cmocka_unit_test(what_is_beyond_the_tree_is_said_to_be_outside),
		cmocka_unit_test(a_tree_that_is_the_same_must_have_the_same_root),
		cmocka_unit_test(a_path_of_nothing_proves_no_growth),
		cmocka_unit_test(a_failing_store_leaves_the_tree_as_it_was),
		cmocka_unit_test(a_failing_fetch_is_passed_on),
		cmocka_unit_test(a_path_that_does_not_fit_is_a_fault),
		cmocka_unit_test(a_full_tree_takes_no_more),
		cmocka_unit_test(memory_that_runs_out_is_a_fault_and_nothing_else),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, grow, NULL);
}
