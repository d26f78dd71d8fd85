/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Opening of the record. It believes the newest checkpoint in the file, whose signature must be ours
 * under our origin: one of another key or origin is told apart from damage. Fewer entries than it
 * counts, or another root, is damage, and so are first entries that are not there and that no
 * "pruned" entry below that checkpoint tells of. Nodes that are missing or wrong are computed anew from the entries, and
 * from the leaves of those that were pruned, within the transaction that checks them.
 */
#include "daemon/audit/audit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/audit/keep.h"
#include "daemon/audit/key.h"
#include "daemon/audit/state.h"

#define NOTE_MAX 1024U

static const uint64_t no_index = UINT64_MAX;

static void fd_put(int *fd)
{
	if (*fd >= 0)
		(void)close(*fd);
}

static void audit_put(struct audit **a)
{
	*a = audit_free(*a);
}

struct audit *audit_free(struct audit *a)
{
	if (!a)
		return NULL;
	store_close(&a->store);
	secret_done(&a->seed);
	free(a->vkey);
	free(a->note);
	free(a);
	return NULL;
}

/* -- opening ------------------------------------------------------------------------------------ */

struct rebuild {
	struct store *store;
	struct merkle tree;
};

/* The leaf of a pruned entry is in its place already. */
static int rebuild_node(
	void *user, unsigned int level, uint64_t index, const uint8_t hash[MERKLE_HASH])
{
	return level == 0 ? 0 : trace(store_put_node(user, level, index, hash));
}

static int rebuild_pruned(struct rebuild *b, uint64_t first)
{
	uint8_t leaf[MERKLE_HASH];
	int r = 0;

	while (r == 0 && b->tree.size < first) {
		r = store_get_node(b->store, 0, b->tree.size, leaf);
		if (r == 0)
			r = merkle_append(&b->tree, leaf, rebuild_node, b->store);
	}
	return trace(r);
}

static int rebuild_row(void *user, uint64_t index, struct view text)
{
	struct rebuild *b = user;
	uint8_t leaf[MERKLE_HASH];
	int r;

	if (index != b->tree.size)
		return fault(-EBADMSG);
	r = merkle_leaf_hash(text, leaf);
	if (r < 0)
		return trace(r);
	return trace(merkle_append(&b->tree, leaf, store_put_node, b->store));
}

/* All nodes anew from the entries; the caller holds the transaction. */
static int rebuild_nodes(struct audit *a)
{
	struct rebuild b = {.store = &a->store};
	int r = store_clear_nodes(&a->store, a->first);

	if (r == 0)
		r = rebuild_pruned(&b, a->first);
	if (r == 0)
		r = store_each_entry(&a->store, a->first, rebuild_row, &b);
	if (r == 0)
		a->tree = b.tree;
	return trace(r);
}

/* Whether leaves and peaks of a tree of @size are there; then they are loaded. */
static int load_nodes(struct audit *a, uint64_t size, bool *ret_complete)
{
	uint64_t last_leaf = no_index;
	int r = store_last_leaf(&a->store, &last_leaf);

	if (r < 0)
		return trace(r);
	*ret_complete = last_leaf + 1 == size &&
			merkle_load(&a->tree, size, store_get_node, &a->store) == 0;
	return 0;
}

static int tail_row(void *user, uint64_t index, struct view text)
{
	struct rebuild *b = user;
	uint8_t leaf[MERKLE_HASH], stored[MERKLE_HASH];
	int r;

	if (index != b->tree.size++)
		return fault(-EBADMSG);
	r = merkle_leaf_hash(text, leaf);
	if (r == 0)
		r = store_get_node(b->store, 0, index, stored);
	if (r < 0)
		return trace(r);
	return memcmp(leaf, stored, sizeof(leaf)) == 0 ? 0 : fault(-EBADMSG);
}

/* The entries that no checkpoint covers yet, against their leaves. */
static int check_tail(struct audit *a, uint64_t from)
{
	struct rebuild b = {.store = &a->store, .tree.size = from};

	return trace(store_each_entry(&a->store, from, tail_row, &b));
}

/* Whether the nodes lead to the root of checkpoint @c. */
static bool leads_to(struct audit *a, const struct checkpoint *c)
{
	uint8_t root[MERKLE_HASH];
	struct merkle then;

	return merkle_load(&then, c->size, store_get_node, &a->store) == 0 &&
	       merkle_root(&then, root) == 0 && memcmp(root, c->root, sizeof(root)) == 0;
}

/* Within one write transaction: entries, nodes and the newest checkpoint agree. */
static int check_all(struct audit *a, uint64_t size, const struct checkpoint *c)
{
	bool complete = false;
	int r;

	if (c->size > size || a->first > c->size)
		return fault(-EBADMSG);
	r = load_nodes(a, size, &complete);
	if (r == 0 && complete)
		r = check_tail(a, c->size);
	if (r < 0)
		return trace(r);
	if (complete && leads_to(a, c))
		return 0;
	r = rebuild_nodes(a);
	if (r < 0)
		return trace(r);
	return a->tree.size == size && leads_to(a, c) ? 0 : fault(-EBADMSG);
}

/* Size and time of the newest entry. */
static int load_last(struct audit *a, uint64_t *ret_size)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_ENTRY_MAX);
	uint64_t index = no_index;
	int r = store_last_entry(&a->store, &index, &text);

	if (r == 0)
		r = entry_place_of(buf_view(&text), &a->last) == 0 && a->last.sequence == index
			    ? 0
			    : fault(-EBADMSG);
	if (r < 0)
		return trace(r);
	*ret_size = index + 1;
	return 0;
}

/* Which entries were pruned and which are about to be, by the newest entry that says so. */
static int load_pruned(struct audit *a)
{
	uint64_t by = 0, last = 0, wall = 0;
	int r = store_first_entry(&a->store, &a->first);

	if (r < 0)
		return trace(r);
	a->prune_to = a->first;
	r = store_get_mark(&a->store, STORE_MARK_PRUNED, &by);
	if (r == 0)
		r = prune_last(a, by, &last, &wall);
	if (r < 0)
		return trace(r);
	if (r > 0)
		return a->first > 0 ? fault(-EBADMSG) : 0;
	/* it was put together with a checkpoint: one that none covers is somebody else's */
	if (last + 1 < a->first || by >= a->checkpointed)
		return fault(-EBADMSG);
	a->prune_to = last + 1;
	a->pruned_at = wall;
	return 0;
}

/* How far entries were handed on. */
static int load_sent(struct audit *a, uint64_t size)
{
	int r = store_get_mark(&a->store, STORE_MARK_SENT, &a->sent_kept);

	if (r < 0)
		return trace(r);
	a->opened = size;
	if (r == STORE_NONE)
		a->sent_kept = AUDIT_NEVER;
	return 0;
}

static struct view seed_of(const struct audit *a)
{
	return view_of(a->seed.data, a->seed.len);
}

/* Whose note it is that is not ours under this name: ours under another one, or another key's. */
static int stranger(const struct audit *a, struct view note)
{
	_cleanup_(buf_done) struct buf vkey = BUF_NULL(NOTE_MAX);
	struct checkpoint c;
	int r = checkpoint_parse(note, &c);

	if (r == 0 && strcmp(c.origin, a->origin) == 0)
		return AUDIT_OTHER_KEY;
	if (r == 0)
		r = checkpoint_vkey(c.origin, seed_of(a), &vkey);
	if (r == 0) {
		buf_put_u8(&vkey, 0);
		r = buf_check(&vkey);
	}
	if (r == 0)
		r = checkpoint_verify(note, (const char *)vkey.data, &c);
	if (r <= 0)
		return r < 0 ? trace(r) : AUDIT_OTHER_ORIGIN;
	return r == CHECKPOINT_OTHER_KEY ? AUDIT_OTHER_KEY : fault(-EBADMSG);
}

/* The newest checkpoint, verified. A record without one has just been laid out. */
static int load_checkpoint(struct audit *a, struct checkpoint *ret)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(STORE_ENTRY_MAX);
	uint64_t size;
	int r = store_last_checkpoint(&a->store, &size, &note);

	if (r == STORE_NONE) {
		*ret = (struct checkpoint){0};
		return trace(merkle_root(&(struct merkle){0}, ret->root));
	}
	if (r < 0)
		return trace(r);
	r = checkpoint_verify(buf_view(&note), a->vkey, ret);
	if (r == CHECKPOINT_OTHER_KEY)
		return trace(stranger(a, buf_view(&note)));
	if (r != 0 || ret->size != size)
		return fault(-EBADMSG);
	a->checkpointed = size;
	a->note = buf_take_str(&note);
	return a->note ? 0 : fault(-ENOMEM);
}

static int load(struct audit *a)
{
	struct checkpoint c;
	uint64_t size;
	int r;

	r = load_checkpoint(a, &c);
	if (r == 0)
		r = load_last(a, &size);
	if (r == 0)
		r = load_pruned(a);
	if (r == 0)
		r = load_sent(a, size);
	if (r == 0)
		r = store_begin(&a->store, true);
	if (r != 0)
		return trace(r);
	r = a->checkpointed == no_index && size > 0 ? fault(-EBADMSG) : check_all(a, size, &c);
	if (r == 0)
		r = merkle_root(&a->tree, a->root);
	if (r == 0)
		r = store_commit(&a->store);
	if (r < 0)
		store_rollback(&a->store);
	return trace(r);
}

/* The seed given; a key file beside it must hold the same. */
static int take_seed(struct audit *a, int dirfd, struct view seed)
{
	_cleanup_(secret_done) struct secret file = SECRET_NULL;
	int r;

	if (seed.len != CHECKPOINT_KEY)
		return fault(-EINVAL);
	if (key_exists(dirfd)) {
		r = key_load(dirfd, false, &file);
		if (r < 0)
			return trace(r);
		if (!secret_equal(view_of(file.data, file.len), seed))
			return AUDIT_OTHER_KEY;
	}
	r = secret_new(&a->seed, seed.len);
	if (r < 0)
		return trace(r);
	bytes_copy(a->seed.data, a->seed.size, seed.data, seed.len);
	a->seed.len = seed.len;
	return 0;
}

/* The key file's. A file without its key was robbed of it. */
static int load_seed(struct audit *a, int dirfd)
{
	uint64_t size;
	int r = store_last_checkpoint(&a->store, &size, NULL);

	if (r < 0)
		return trace(r);
	return trace(key_load(dirfd, r == STORE_NONE, &a->seed));
}

static int load_names(struct audit *a, const char *origin)
{
	_cleanup_(buf_done) struct buf vkey = BUF_NULL(NOTE_MAX);
	int r;

	r = checkpoint_vkey(origin, seed_of(a), &vkey);
	if (r == 0)
		r = view_copy_str(view_str(origin), a->origin, sizeof(a->origin));
	if (r == 0)
		r = clock_boot_id(a->boot_id);
	if (r < 0)
		return trace(r);
	a->vkey = buf_take_str(&vkey);
	return a->vkey ? 0 : fault(-ENOMEM);
}

/* The file and the seed. A key without its file was robbed of it, and none is made in its place. */
static int open_store(struct audit *a, const char *folder, int dirfd, struct view seed)
{
	bool fresh = false;
	int r = seed.len > 0 ? take_seed(a, dirfd, seed) : 0;

	if (r == 0 && key_exists(dirfd) && !store_exists(dirfd))
		r = fault(-EBADMSG);
	if (r == 0)
		r = store_open(folder, dirfd, &a->store, &fresh);
	if (r == 0 && fresh && key_exists(dirfd))
		r = fault(-EBADMSG);
	if (r == 0 && seed.len == 0)
		r = load_seed(a, dirfd);
	return trace(r);
}

int audit_open(const char *folder, const char *origin, struct view seed, struct audit **ret_a)
{
	_cleanup_(audit_put) struct audit *a = calloc(1, sizeof(*a));
	_cleanup_(fd_put) int dirfd = open(folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	int r;

	if (!a || dirfd < 0)
		return fault(a ? -errno : -ENOMEM);
	a->checkpointed = no_index;
	a->sent = AUDIT_NEVER;
	a->cause = "";
	r = open_store(a, folder, dirfd, seed);
	if (r == 0)
		r = load_names(a, origin);
	if (r == 0)
		r = load(a);
	if (r == 0 && a->checkpointed == no_index) {
		_cleanup_(buf_done) struct buf note = BUF_NULL(NOTE_MAX);

		r = audit_make_checkpoint(a, &note);
	}
	if (r != 0)
		return trace(r);
	*ret_a = a;
	a = NULL;
	return 0;
}

int audit_origin(const char *folder, char ret[CHECKPOINT_ORIGIN_MAX])
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(STORE_ENTRY_MAX);
	_cleanup_(fd_put) int dirfd = open(folder, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
	_cleanup_(store_close) struct store store = {0};
	struct checkpoint c;
	uint64_t size;
	bool fresh;
	int r;

	if (dirfd < 0)
		return fault(-errno);
	if (!store_exists(dirfd))
		return fault(-ENOENT);
	r = store_open(folder, dirfd, &store, &fresh);
	if (r == 0)
		r = store_last_checkpoint(&store, &size, &note);
	if (r == 0)
		r = checkpoint_parse(buf_view(&note), &c);
	if (r != 0)
		return r < 0 ? trace(r) : fault(-EBADMSG);
	bytes_copy(ret, CHECKPOINT_ORIGIN_MAX, c.origin, sizeof(c.origin));
	return 0;
}
