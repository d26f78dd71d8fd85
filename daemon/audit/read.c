/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading of the record: proofs, history, verification. Each runs in one read transaction on the
 * record's only connection, so a callback must not append. An entry that does not read as JSON is
 * damage (-EBADMSG), never skipped. A pruned entry has no text; its leaf stands for it.
 */
#include <errno.h>
#include <string.h>

#include "base/hex.h"
#include "daemon/audit/audit.h"
#include "daemon/audit/state.h"

static const uint64_t no_index = UINT64_MAX;

static void read_end(struct store **s)
{
	store_rollback(*s);
}

int audit_proof(struct audit *a, uint64_t index, struct buf *ret_entry, struct buf *ret_path)
{
	_cleanup_(read_end) struct store *s = &a->store;
	int r;

	if (index >= a->tree.size)
		return AUDIT_NO_ENTRY;
	r = store_begin(s, false);
	if (r == 0 && index >= a->first)
		r = store_get_entry(s, index, ret_entry);
	if (r == 0)
		r = merkle_prove(index, a->tree.size, store_get_node, s, ret_path);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

int audit_leaf(struct audit *a, uint64_t index, uint8_t ret[MERKLE_HASH])
{
	if (index >= a->tree.size)
		return AUDIT_NO_ENTRY;
	return trace(store_get_node(&a->store, 0, index, ret));
}

int audit_read(struct audit *a, uint64_t index, struct buf *out)
{
	int r;

	if (index >= a->tree.size || index < a->first)
		return AUDIT_NO_ENTRY;
	r = store_get_entry(&a->store, index, out);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

int audit_consistency(struct audit *a, uint64_t old, struct buf *ret_path)
{
	_cleanup_(read_end) struct store *s = &a->store;
	int r;

	if (old > a->checkpointed)
		return AUDIT_NO_ENTRY;
	r = store_begin(s, false);
	if (r == 0)
		r = merkle_prove_consistency(old, a->checkpointed, store_get_node, s, ret_path);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

/* -- history ------------------------------------------------------------------------------------ */

struct history {
	audit_row_fn row;
	void *user;
};

static int history_row(void *user, uint64_t index, struct view text)
{
	_cleanup_json_ json_t *entry = NULL;
	const struct history *h = user;
	int r = json_parse(text, &entry);

	if (r != 0)
		return r < 0 ? trace(r) : fault(-EBADMSG);
	r = h->row(h->user, index, entry);
	if (r < 0)
		return trace(r);
	return r == AUDIT_ENOUGH ? STORE_STOP : 0;
}

static int each_wanted(
	struct audit *a, const struct store_wanted *wanted, audit_row_fn row, void *user)
{
	_cleanup_(read_end) struct store *s = &a->store;
	struct history h = {.row = row, .user = user};
	int r = store_begin(s, false);

	if (r < 0)
		return trace(r);
	return trace(store_each_of(s, wanted, history_row, &h));
}

int audit_history(struct audit *a, const char *pseudonym, unsigned int limit, audit_row_fn row,
	void *user)
{
	const struct store_wanted wanted = {.pseudonym = pseudonym, .limit = limit};

	return trace(each_wanted(a, &wanted, row, user));
}

/* Words of events have letters and hyphens only. */
static int put_events(struct buf *out, const enum audit_event *events, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s\"%s\"", i == 0 ? "[" : ",", audit_event_word(events[i]));
	buf_put_str(out, "]");
	buf_put_u8(out, 0);
	return trace(buf_check(out));
}

int audit_find(struct audit *a, const struct audit_wanted *wanted, audit_row_fn row, void *user)
{
	_cleanup_(buf_done) struct buf events = BUF_NULL(4096);
	struct store_wanted w = {.pseudonym = wanted->pseudonym,
		.professional = wanted->professional,
		.limit = -1,
		.below = (int64_t)wanted->below};
	int r;

	if (wanted->n_events > 0) {
		r = put_events(&events, wanted->events, wanted->n_events);
		if (r < 0)
			return trace(r);
		w.events = (const char *)events.data;
	}
	return trace(each_wanted(a, &w, row, user));
}

int audit_last_version(
	struct audit *a, const char *pseudonym, uint64_t *ret_version, uint8_t ret_hash[32])
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_ENTRY_MAX), hash = BUF_NULL(64);
	_cleanup_json_ json_t *entry = NULL;
	int64_t version;
	int r;

	r = store_version_of(&a->store, pseudonym, &text);
	if (r != 0)
		return r < 0 ? trace(r) : AUDIT_NO_ENTRY;
	r = json_parse(buf_view(&text), &entry);
	if (r < 0)
		return trace(r);
	if (r > 0 || json_get_int(entry, "dossier-version", 0, INT64_MAX, &version) != 0 ||
		hex_decode(&hash, view_str(json_get_str(entry, "dossier-hash"))) != 0 ||
		hash.len != 32)
		return fault(-EBADMSG);
	*ret_version = (uint64_t)version;
	bytes_copy(ret_hash, 32, hash.data, hash.len);
	return 0;
}

/* -- verification ------------------------------------------------------------------------------- */

struct verification {
	struct audit *a;
	struct merkle tree;
	struct checkpoint next; /* the next one to meet */
	bool next_valid;	/* it reads as a checkpoint of ours of its size */
	uint64_t next_size;	/* no_index: there is none */
	uint64_t good;		/* entries below are covered by a checkpoint that agrees */
	uint64_t suspect;	/* first entry from good on whose leaf differs */
	uint64_t bad;
	bool leaves_differ;  /* a leaf differs though its entry is good */
	uint64_t leaf_index; /* the leaf that was read last; no_index: there is none any more */
	uint8_t leaf[MERKLE_HASH];
};

/* The smallest checkpoint of at least @from entries. */
static int load_next(struct verification *v, uint64_t from)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(STORE_ENTRY_MAX);
	int r;

	v->next_size = no_index;
	r = store_next_checkpoint(&v->a->store, from, &v->next_size, &note);
	if (r == 0) {
		r = checkpoint_parse(buf_view(&note), &v->next);
		v->next_valid = r == 0 && v->next.size == v->next_size &&
				strcmp(v->next.origin, v->a->origin) == 0;
	}
	return r < 0 ? trace(r) : 0;
}

static void settle_bad(struct verification *v)
{
	v->bad = v->suspect != no_index ? v->suspect : v->good;
}

/* The tree has reached the size of the next checkpoint. */
static int meet_checkpoint(struct verification *v)
{
	uint8_t root[MERKLE_HASH];
	int r = merkle_root(&v->tree, root);

	if (r < 0)
		return trace(r);
	if (!v->next_valid || memcmp(root, v->next.root, sizeof(root)) != 0) {
		settle_bad(v);
		return 0;
	}
	v->leaves_differ = v->leaves_differ || v->suspect != no_index;
	v->suspect = no_index;
	v->good = v->tree.size;
	return trace(load_next(v, v->tree.size + 1));
}

/* Read leaves on to that of entry @index. A damaged one ends them: all behind it are suspect. */
static int leaf_of(struct verification *v, uint64_t index)
{
	int r = 0;

	while (r == 0 && v->leaf_index != no_index && v->leaf_index < index)
		r = store_next_leaf(&v->a->store, &v->leaf_index, v->leaf);
	if (r > 0)
		v->leaf_index = no_index;
	return r < 0 ? trace(r) : 0;
}

static int verify_row(void *user, uint64_t index, struct view text)
{
	struct verification *v = user;
	uint8_t leaf[MERKLE_HASH];
	int r;

	if (index != v->tree.size) {
		v->bad = v->tree.size;
		return STORE_STOP;
	}
	r = merkle_leaf_hash(text, leaf);
	if (r == 0)
		r = merkle_append(&v->tree, leaf, NULL, NULL);
	if (r < 0)
		return trace(r);
	r = leaf_of(v, index);
	if (r < 0)
		return trace(r);
	if (v->suspect == no_index &&
		(v->leaf_index != index || memcmp(leaf, v->leaf, sizeof(leaf)) != 0))
		v->suspect = index;
	if (v->tree.size == v->next_size)
		r = meet_checkpoint(v);
	return v->bad != no_index ? STORE_STOP : trace(r);
}

/* The leaf of a pruned entry: only checkpoints say whether it is right. */
static int verify_pruned_row(void *user, uint64_t index, struct view hash)
{
	struct verification *v = user;
	int r;

	if (v->tree.size >= v->a->first)
		return STORE_STOP;
	if (index != v->tree.size || hash.len != MERKLE_HASH) {
		v->bad = v->tree.size;
		return STORE_STOP;
	}
	r = merkle_append(&v->tree, hash.data, NULL, NULL);
	if (r == 0 && v->tree.size == v->next_size)
		r = meet_checkpoint(v);
	return v->bad != no_index ? STORE_STOP : trace(r);
}

static int verify_pruned(struct verification *v)
{
	int r = v->a->first > 0 ? store_each_leaf(&v->a->store, 0, verify_pruned_row, v) : 0;

	if (r == 0 && v->bad == no_index && v->tree.size < v->a->first)
		v->bad = v->tree.size;
	return trace(r);
}

/* Entries and leaves side by side. */
static int verify_entries(struct verification *v)
{
	struct store *s = &v->a->store;
	int r = store_first_leaf(s, v->a->first);

	if (r == 0)
		r = store_next_leaf(s, &v->leaf_index, v->leaf);
	if (r > 0)
		v->leaf_index = no_index;
	if (r >= 0)
		r = store_each_entry(s, v->a->first, verify_row, v);
	store_end_leaves(s);
	return trace(r);
}

/* All entries were read: what remains is what should have followed. */
static int verify_end(struct verification *v)
{
	const struct audit *a = v->a;
	uint8_t root[MERKLE_HASH];
	int r = merkle_root(&v->tree, root);

	if (r < 0)
		return trace(r);
	if (v->tree.size < a->tree.size || v->next_size != no_index)
		v->bad = v->tree.size;
	else if (v->tree.size > a->tree.size)
		v->bad = a->tree.size;
	else if (memcmp(root, a->root, sizeof(root)) != 0)
		settle_bad(v);
	return 0;
}

/* The signature of the newest checkpoint; the older ones are then held by its root. */
static int verify_newest(struct verification *v)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(STORE_ENTRY_MAX);
	struct checkpoint c;
	uint64_t size;
	int r = store_last_checkpoint(&v->a->store, &size, &note);

	if (r == 0)
		r = checkpoint_verify(buf_view(&note), v->a->vkey, &c);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

int audit_verify(struct audit *a, uint64_t *ret_bad)
{
	struct verification v = {.a = a, .suspect = no_index, .bad = no_index};
	_cleanup_(read_end) struct store *s = &a->store;
	int r;

	r = store_begin(s, false);
	if (r == 0)
		r = verify_newest(&v);
	if (r == 0)
		r = load_next(&v, 0);
	if (r == 0 && v.next_size == 0)
		r = meet_checkpoint(&v);
	if (r == 0)
		r = verify_pruned(&v);
	if (r == 0 && v.bad == no_index)
		r = verify_entries(&v);
	if (r == 0 && v.bad == no_index)
		r = verify_end(&v);
	if (r < 0)
		return trace(r);
	if (v.bad != no_index) {
		*ret_bad = v.bad;
		return AUDIT_NO_ENTRY;
	}
	return v.leaves_differ || v.suspect != no_index ? fault(-EBADMSG) : 0;
}
