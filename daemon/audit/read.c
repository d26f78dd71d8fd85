/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reading of the record: proofs, history, export, verification. Each runs in one read transaction
 * on the record's only connection, so a callback must not append. An entry that does not read as
 * JSON is damage (-EBADMSG), never skipped.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "daemon/audit/audit.h"
#include "daemon/audit/state.h"

#define NOTE_MAX   1024U
#define WRITE_SIZE 65536U /* bytes gathered before a write of the export */

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
	if (r == 0)
		r = store_get_entry(s, index, ret_entry);
	if (r == 0)
		r = merkle_prove(index, a->tree.size, store_get_node, s, ret_path);
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
	return r < 0 ? trace(r) : 0;
}

int audit_history(struct audit *a, const char *pseudonym, unsigned int limit, audit_row_fn row,
	void *user)
{
	_cleanup_(read_end) struct store *s = &a->store;
	struct history h = {.row = row, .user = user};
	int r = store_begin(s, false);

	if (r < 0)
		return trace(r);
	return trace(store_each_of(s, pseudonym, limit, history_row, &h));
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

/* -- export ------------------------------------------------------------------------------------- */

struct writer {
	int fd;
	struct buf gathered;
	uint64_t next; /* index of the entry that must come */
};

static void writer_put(struct writer *w)
{
	buf_done(&w->gathered);
}

static int flush(struct writer *w)
{
	struct view left = buf_view(&w->gathered);
	int r = buf_check(&w->gathered);

	if (r < 0)
		return trace(r);
	while (left.len > 0) {
		ssize_t n = write(w->fd, left.data, left.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return fault(n < 0 ? -errno : -EIO);
		left = view_last(left, left.len - (size_t)n);
	}
	buf_reset(&w->gathered);
	return 0;
}

/* @text as a JSON string. */
static int put_string(struct writer *w, struct view text)
{
	_cleanup_json_ json_t *string = json_stringn((const char *)text.data, text.len);

	if (!string)
		return fault(-EBADMSG);
	return trace(json_canonical(string, &w->gathered));
}

static int export_row(void *user, uint64_t index, struct view text)
{
	struct writer *w = user;
	int r;

	if (index != w->next)
		return fault(-EBADMSG);
	buf_put_str(&w->gathered, w->next++ == 0 ? "\n" : ",\n");
	r = put_string(w, text);
	if (r == 0 && w->gathered.len >= WRITE_SIZE)
		r = flush(w);
	return trace(r);
}

static int export_head(struct audit *a, struct view note, struct writer *w)
{
	const struct {
		const char *before;
		struct view text;
	} members[] = {
		{"{\"format\":1,\n\"origin\":", view_str(a->origin)},
		{",\n\"vkey\":", view_str(a->vkey)},
		{",\n\"checkpoint\":", note},
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++) {
		int r;

		buf_put_str(&w->gathered, members[i].before);
		r = put_string(w, members[i].text);
		if (r < 0)
			return trace(r);
	}
	buf_put_str(&w->gathered, ",\n\"entries\":[");
	return 0;
}

/* The leaves as the tree has them: with them a reader can name the very entry that was changed. */
static int export_leaves(struct audit *a, struct writer *w)
{
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < a->tree.size; i++) {
		uint8_t leaf[MERKLE_HASH];

		r = store_get_node(&a->store, 0, i, leaf);
		if (r < 0)
			return trace(r);
		buf_put_str(&w->gathered, i == 0 ? "\n\"" : ",\n\"");
		base64_encode(&w->gathered, VIEW(leaf));
		buf_put_str(&w->gathered, "\"");
		if (w->gathered.len >= WRITE_SIZE)
			r = flush(w);
	}
	return trace(r);
}

int audit_export(struct audit *a, int fd)
{
	_cleanup_(writer_put) struct writer w = {
		.fd = fd, .gathered = BUF_NULL(8 * (size_t)STORE_ENTRY_MAX)};
	_cleanup_(buf_done) struct buf note = BUF_NULL(NOTE_MAX);
	_cleanup_(read_end) struct store *s = &a->store;
	int r;

	r = audit_checkpoint(a, &note);
	if (r != 0)
		return trace(r);
	r = store_begin(s, false);
	if (r == 0)
		r = export_head(a, buf_view(&note), &w);
	if (r == 0)
		r = store_each_entry(s, 0, export_row, &w);
	if (r == 0 && w.next != a->tree.size)
		r = fault(-EBADMSG);
	buf_put_str(&w.gathered, "\n],\n\"leaves\":[");
	if (r == 0)
		r = export_leaves(a, &w);
	buf_put_str(&w.gathered, "\n]}\n");
	if (r == 0)
		r = flush(&w);
	return trace(r);
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
	bool leaves_differ; /* a leaf differs though its entry is good */
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

static int verify_row(void *user, uint64_t index, struct view text)
{
	struct verification *v = user;
	uint8_t leaf[MERKLE_HASH], stored[MERKLE_HASH] = {0};
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
	r = store_find_node(&v->a->store, 0, index, stored);
	if (r < 0)
		return trace(r);
	if (v->suspect == no_index && (r > 0 || memcmp(leaf, stored, sizeof(leaf)) != 0))
		v->suspect = index;
	r = 0;
	if (v->tree.size == v->next_size)
		r = meet_checkpoint(v);
	return v->bad != no_index ? STORE_STOP : trace(r);
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
		r = store_each_entry(s, 0, verify_row, &v);
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
