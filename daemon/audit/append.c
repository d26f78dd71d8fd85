/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Writing of the record. Entries and the nodes that they complete are committed in one transaction,
 * with whatever else belongs to them; the tree in memory follows only then, so a failed append
 * leaves no trace and the next one starts from what the disk holds. A checkpoint is signed only
 * over what is committed, or is committed with it, and is kept before it is given out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/audit/state.h"

#define NOTE_MAX   1024U
#define CLOCK_STEP ((int64_t)(5 * USEC_PER_SEC)) /* slewing by NTP stays far below */
#define SENT_LAZY                                                                              \
	64U /* messages that may be sent twice after a crash, besides those on their way */

/* -- transactions ------------------------------------------------------------------------------- */

/* What a fault of the store means to the person who reads the log. */
int audit_unavailable(struct audit *a, int r)
{
	static const struct {
		int fault;
		const char *cause;
	} causes[] = {
		{-ENOSPC, "disk full"},
		{-EROFS, "read-only"},
		{-EBADMSG, "damaged"},
		{-ENOMEM, "out of memory"},
		{-EINVAL, "invalid entry"},
		{-EMSGSIZE, "invalid entry"},
	};

	store_rollback(&a->store);
	a->cause = "input/output error";
	for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
		if (causes[i].fault == r)
			a->cause = causes[i].cause;
	}
	return AUDIT_UNAVAILABLE;
}

/* Whether how far entries were handed on is worth a write, in a transaction that is made anyway. */
static bool sent_due(const struct audit *a, uint64_t lazy)
{
	return a->sent != AUDIT_NEVER &&
	       (a->sent_kept == AUDIT_NEVER || a->sent - a->sent_kept >= lazy);
}

static void writing_done(struct writing *w)
{
	free(w->note);
}

/* A checkpoint is durable: it is the newest one. @note: taken, unless it is NULL. */
static void take_note(struct audit *a, char **note, uint64_t size)
{
	if (!*note)
		return;
	free(a->note);
	a->note = *note;
	*note = NULL;
	a->checkpointed = size;
	if (a->made)
		a->made(a->made_user);
}

/* One transaction; nothing of it is seen unless all of it is durable. */
static int write_once(struct audit *a, audit_fill_fn fill, const void *what)
{
	bool sent = sent_due(a, SENT_LAZY);
	_cleanup_(writing_done) struct writing w = {
		.next = a->tree, .now = {.wall = clock_wall(), .boot = clock_boottime()}};
	uint8_t root[MERKLE_HASH];
	int r;

	bytes_copy(w.now.boot_id, sizeof(w.now.boot_id), a->boot_id, sizeof(a->boot_id));
	r = store_begin(&a->store, true);
	if (r == 0)
		r = fill(a, &w, what);
	if (r == 0 && sent)
		r = store_put_mark(&a->store, STORE_MARK_SENT, a->sent);
	if (r == 0)
		r = merkle_root(&w.next, root);
	if (r == 0)
		r = store_commit(&a->store);
	if (r < 0)
		return trace(r);
	if (sent)
		a->sent_kept = a->sent;
	if (w.next.size > a->tree.size)
		a->last = w.now;
	a->tree = w.next;
	bytes_copy(a->root, sizeof(a->root), root, sizeof(root));
	take_note(a, &w.note, w.next.size);
	return 0;
}

int audit_write(struct audit *a, enum audit_class class, audit_fill_fn fill, const void *what)
{
	uint64_t before = a->tree.size;
	int r = reserve_admit(a, class);

	if (r == 0) {
		r = write_once(a, fill, what);
		if (r < 0 && reserve_helps(a, r))
			r = write_once(a, fill, what);
	}
	if (r < 0)
		return audit_unavailable(a, r);
	a->cause = reserve_low(a) ? "disk full" : ""; /* it can be written to again */
	if (a->tree.size > before && a->appended)
		a->appended(a->user);
	return 0;
}

/* -- entries ------------------------------------------------------------------------------------ */

int audit_put_entry(struct audit *a, struct writing *w, const struct audit_entry *e)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_ENTRY_MAX);
	struct entry_place at = w->now;
	uint8_t leaf[MERKLE_HASH];
	int r;

	at.sequence = w->next.size;
	r = entry_text(e, &at, &text);
	if (r == 0)
		r = store_put_entry(&a->store, at.sequence, buf_view(&text));
	if (r == 0)
		r = merkle_leaf_hash(buf_view(&text), leaf);
	if (r == 0)
		r = merkle_append(&w->next, leaf, store_put_node, &a->store);
	return trace(r);
}

/* By how much the wall clock was set since the last entry; 0 when by no more than drift. Across a
 * restart of the machine only a step back can be told. */
static int64_t clock_step(const struct audit *a, const struct entry_place *now)
{
	int64_t wall = (int64_t)(now->wall - a->last.wall);
	int64_t step = wall - (int64_t)(now->boot - a->last.boot);

	if (!a->last.boot_id[0])
		return 0;
	if (strcmp(a->last.boot_id, now->boot_id) != 0)
		return wall < -CLOCK_STEP ? wall : 0;
	return step > CLOCK_STEP || step < -CLOCK_STEP ? step : 0;
}

int audit_put_jump(struct audit *a, struct writing *w)
{
	_cleanup_json_ json_t *details = NULL;
	struct audit_entry e = AUDIT_ENTRY_NULL;
	int64_t step = clock_step(a, &w->now);
	int r;

	if (step == 0)
		return 0;
	details = json_object();
	if (!details)
		return fault(-ENOMEM);
	r = json_set(details, "step", json_integer(step));
	if (r == 0)
		r = json_set(details, "previous-time", json_integer((json_int_t)a->last.wall));
	if (r < 0)
		return trace(r);
	e.event = AUDIT_EVENT_CLOCK_JUMP;
	e.details = details;
	return trace(audit_put_entry(a, w, &e));
}

static int fill_one(struct audit *a, struct writing *w, const void *what)
{
	const struct audit_entry *e = what;
	int r = audit_put_jump(a, w);

	/* else the entry just put says it already */
	if (r == 0 && !(e->event == AUDIT_EVENT_CLOCK_JUMP && w->next.size > a->tree.size))
		r = audit_put_entry(a, w, e);
	return trace(r);
}

int audit_append(struct audit *a, const struct audit_entry *e, uint64_t *ret_index)
{
	int r = audit_write(a, reserve_class(e), fill_one, e);

	if (r == 0 && ret_index)
		*ret_index = a->tree.size - 1;
	return r;
}

/* -- checkpoints -------------------------------------------------------------------------------- */

/* Sign one of @tree and put it into the file. */
static int put_checkpoint(struct audit *a, const struct merkle *tree, char **ret_note)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(NOTE_MAX);
	struct checkpoint c = {.size = tree->size};
	char *text;
	int r = merkle_root(tree, c.root);

	bytes_copy(c.origin, sizeof(c.origin), a->origin, sizeof(a->origin));
	if (r == 0)
		r = checkpoint_sign(&c, view_of(a->seed.data, a->seed.len), &note);
	text = r == 0 ? buf_take_str(&note) : NULL;
	if (!text)
		return r < 0 ? trace(r) : fault(-ENOMEM);
	r = store_put_checkpoint(&a->store, c.size, view_str(text));
	if (r < 0) {
		free(text);
		return trace(r);
	}
	*ret_note = text;
	return 0;
}

int audit_put_checkpoint(struct audit *a, struct writing *w)
{
	return trace(put_checkpoint(a, &w->next, &w->note));
}

static int sign_checkpoint(struct audit *a)
{
	char *note = NULL;
	int r = put_checkpoint(a, &a->tree, &note);

	take_note(a, &note, a->tree.size);
	return trace(r);
}

int audit_make_checkpoint(struct audit *a, struct buf *out)
{
	int r = a->checkpointed == a->tree.size ? 0 : sign_checkpoint(a);

	if (r < 0)
		return trace(r);
	buf_put_str(out, a->note);
	return trace(buf_check(out));
}

int audit_checkpoint(struct audit *a, struct buf *out)
{
	int r = audit_make_checkpoint(a, out);

	return r < 0 ? audit_unavailable(a, r) : 0;
}

/* -- handing on --------------------------------------------------------------------------------- */

void audit_sent_begin(struct audit *a, uint64_t *ret_next)
{
	a->sent = a->sent_kept == AUDIT_NEVER ? a->opened : a->sent_kept;
	if (a->sent < a->first)
		a->sent = a->first; /* nobody was there to take them */
	if (a->sent > a->tree.size)
		a->sent = a->tree.size;
	*ret_next = a->sent;
}

void audit_sent(struct audit *a, uint64_t next)
{
	a->sent = next;
}

int audit_sent_keep(struct audit *a)
{
	int r = sent_due(a, 1) ? store_put_mark(&a->store, STORE_MARK_SENT, a->sent) : 0;

	if (r < 0)
		return audit_unavailable(a, r);
	a->sent_kept = a->sent;
	return 0;
}

/* -- what is asked of it ------------------------------------------------------------------------ */

void audit_on_append(struct audit *a, void (*appended)(void *user), void *user)
{
	a->appended = appended;
	a->user = user;
}

const char *audit_cause(const struct audit *a)
{
	return a->cause;
}

void audit_head(const struct audit *a, uint64_t *ret_size, uint8_t ret_root[MERKLE_HASH])
{
	*ret_size = a->tree.size;
	bytes_copy(ret_root, MERKLE_HASH, a->root, sizeof(a->root));
}

const char *audit_vkey(const struct audit *a)
{
	return a->vkey;
}

const char *audit_note(const struct audit *a, uint64_t *ret_size)
{
	if (ret_size)
		*ret_size = a->checkpointed;
	return a->note;
}

void audit_on_checkpoint(struct audit *a, void (*made)(void *user), void *user)
{
	a->made = made;
	a->made_user = user;
}
