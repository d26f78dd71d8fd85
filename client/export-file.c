/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A walk over the export: tokens and the usual form of an entry are recognised by export-scan.c, the
 * rest is decoded by json_parse(), which is strict. One entry is in memory at a time, and each byte
 * of the entries is read once: the place where the leaves begin is found from behind.
 *
 * The leaves are held against the checkpoints first. When they lead to them they are proven, and an
 * entry that does not hash to its leaf is the bad one, whatever comes behind it. When they do not, the
 * tree is made of the entries.
 */
#include "client/export-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/export-entry.h"
#include "client/lang.h"

#define TELL_EVERY 32768U /* entries between two calls of the progress */

/* The JSON string @token decoded. Return: 0, a fault or EXPORT_MALFORMED. */
static int decode(struct view token, json_t **ret)
{
	_cleanup_json_ json_t *j = NULL;
	int r;

	if (token.len == 0 || token.len > EXPORT_ENTRY_MAX) {
		return EXPORT_MALFORMED;
	}
	r = json_parse(token, &j);
	if (r < 0) {
		return trace(r);
	}
	if (r > 0 || !json_is_string(j)) {
		return EXPORT_MALFORMED;
	}
	*ret = json_incref(j);
	return 0;
}

/* -- members --------------------------------------------------------------------------------- */

static int take_text(struct reader *r, char **into)
{
	_cleanup_json_ json_t *j = NULL;
	int x = decode(scan_string(r), &j);

	if (x != 0) {
		return trace(x);
	}
	if (*into) {
		return EXPORT_MALFORMED; /* twice */
	}
	*into = strdup(json_string_value(j));
	return *into ? 0 : fault(-ENOMEM);
}

/* [ string or null, ... ]: walked over, its bytes kept in @into */
static int take_list(struct reader *r, struct view *into)
{
	struct reader start;

	scan_blanks(r);
	start = *r;
	if (into->data || !scan_take(r, '[')) {
		return EXPORT_MALFORMED;
	}
	if (!scan_take(r, ']')) {
		do {
			if (!scan_null(r) && scan_string(r).len == 0) {
				return EXPORT_MALFORMED;
			}
		} while (scan_take(r, ','));
		if (!scan_take(r, ']')) {
			return EXPORT_MALFORMED;
		}
	}
	*into = reader_take(&start, start.left - r->left);
	return 0;
}

/* The entries without looking at them, when the leaves follow as the service writes them: their
 * opening bracket is the last one of the file, and no newline stands in a string. export_each()
 * then finds whether the entries end there. */
static bool jump_entries(struct reader *r, struct view *into)
{
	const struct view between = VIEW_TEXT("\n],\n\"leaves\":");
	const uint8_t *at;
	struct view before;

	scan_blanks(r);
	at = r->left > 0 ? memrchr(r->data, '[', r->left) : NULL;
	before = view_of(r->data, at ? (size_t)(at - r->data) : 0);
	if (into->data || before.len <= between.len ||
		!view_equal(view_last(before, between.len), between)) {
		return false;
	}
	*into = reader_take(r, before.len - between.len + 2);
	return true;
}

static int take_member(struct reader *r, struct export_file *x)
{
	struct view key = scan_string(r);

	if (!scan_take(r, ':')) {
		return EXPORT_MALFORMED;
	}
	if (view_equal(key, VIEW_TEXT("\"format\""))) {
		bool twice = x->formatted;

		x->formatted = scan_take(r, '1');
		return x->formatted && !twice ? 0 : EXPORT_MALFORMED;
	}
	if (view_equal(key, VIEW_TEXT("\"origin\""))) {
		return trace(take_text(r, &x->origin));
	}
	if (view_equal(key, VIEW_TEXT("\"vkey\""))) {
		return trace(take_text(r, &x->vkey));
	}
	if (view_equal(key, VIEW_TEXT("\"checkpoint\""))) {
		return trace(take_text(r, &x->checkpoint));
	}
	if (view_equal(key, VIEW_TEXT("\"entries\""))) {
		return jump_entries(r, &x->entries) ? 0 : trace(take_list(r, &x->entries));
	}
	return view_equal(key, VIEW_TEXT("\"leaves\"")) ? trace(take_list(r, &x->leaves))
							: EXPORT_MALFORMED;
}

void export_done(struct export_file *x)
{
	free(x->origin);
	free(x->vkey);
	free(x->checkpoint);
	*x = (struct export_file){0};
}

int export_parse(struct view text, struct export_file *ret)
{
	_cleanup_(export_done) struct export_file x = {0};
	struct reader r = reader_of(text);
	int e = 0;

	if (!scan_take(&r, '{')) {
		return EXPORT_MALFORMED;
	}
	do {
		e = take_member(&r, &x);
	} while (e == 0 && scan_take(&r, ','));
	if (e != 0) {
		return trace(e);
	}
	if (!scan_take(&r, '}')) {
		return EXPORT_MALFORMED;
	}
	scan_blanks(&r);
	if (r.left > 0 || !x.formatted || !x.origin || !x.vkey || !x.checkpoint ||
		!x.entries.data) {
		return EXPORT_MALFORMED;
	}
	*ret = x;
	x = (struct export_file){0};
	return 0;
}

/* -- entries --------------------------------------------------------------------------------- */

/* The string here, decoded by json_parse() into @room. */
static int decode_other(struct reader *r, uint8_t *room, size_t *ret_len)
{
	_cleanup_json_ json_t *j = NULL;
	int e = decode(scan_string(r), &j);

	if (e != 0) {
		return trace(e);
	}
	*ret_len = json_string_length(j);
	bytes_copy(room, EXPORT_ENTRY_MAX, json_string_value(j), *ret_len);
	return 0;
}

static int take_entry(struct reader *r, uint8_t *room, struct view *ret)
{
	size_t len = 0;
	int e = 0;

	if (scan_null(r)) {
		*ret = VIEW_NULL;
		return 0;
	}
	if (!scan_plain(r, room, EXPORT_ENTRY_MAX, &len)) {
		e = decode_other(r, room, &len);
	}
	if (e == 0) {
		*ret = view_of(room, len);
	}
	return trace(e);
}

/* From the entry @index on, at which @r stands, to the end of the array. */
static int each_from(struct reader *r, uint64_t index, size_t all, uint8_t *room,
	export_entry_fn fn, void *user)
{
	struct view text;
	int e;

	do {
		e = take_entry(r, room, &text);
		if (e == 0) {
			e = fn(user, index++, text, all - r->left);
		}
	} while (e == 0 && scan_take(r, ','));
	if (e == 0 && (!scan_take(r, ']') || r->left > 0)) {
		e = EXPORT_MALFORMED;
	}
	return trace(e);
}

static int each(struct view entries, uint8_t *room, export_entry_fn fn, void *user)
{
	struct reader r = reader_of(entries);

	if (!scan_take(&r, '[')) {
		return EXPORT_MALFORMED;
	}
	if (scan_take(&r, ']')) {
		return r.left > 0 ? EXPORT_MALFORMED : 0;
	}
	return trace(each_from(&r, 0, entries.len, room, fn, user));
}

int export_each(const struct export_file *x, export_entry_fn fn, void *user)
{
	uint8_t *room = calloc(1, EXPORT_ENTRY_MAX);
	int r;

	if (!room) {
		return fault(-ENOMEM);
	}
	r = each(x->entries, room, fn, user);
	free(room);
	return trace(r);
}

/* -- verification ---------------------------------------------------------------------------- */

struct walk {
	const struct checkpoint *points[2]; /* own, given; NULL: none */
	struct merkle tree;   /* of the leaves, then of what cannot lean on them */
	struct reader leaves; /* behind the last one used */
	bool has_leaves;
	bool proven;	/* the leaves lead to the checkpoints: an entry is its leaf or is bad */
	uint64_t index; /* of the entry that comes */
	uint64_t said;	/* entries that the record itself says were pruned */
	struct entry_boot boot;
	const struct export_against *against;
	struct export_result *res;
	size_t all;
};

/* Whether the tree leads to all checkpoints of its size; @ret_any: there is one. */
static int check_roots(const struct walk *w, bool *ret_all, bool *ret_any)
{
	uint8_t root[MERKLE_HASH];

	*ret_all = true;
	*ret_any = false;
	for (size_t i = 0; i < ARRAY_LEN(w->points); i++) {
		const struct checkpoint *p = w->points[i];
		int r;

		if (!p || p->size != w->tree.size) {
			continue;
		}
		r = merkle_root(&w->tree, root);
		if (r < 0) {
			return trace(r);
		}
		*ret_any = true;
		*ret_all = *ret_all && memcmp(root, p->root, sizeof(root)) == 0;
	}
	return 0;
}

/* -- leaves -- */

/* The next leaf of the file; false when it is none. */
static bool take_leaf(struct walk *w, uint64_t index, uint8_t ret[MERKLE_HASH])
{
	return scan_take(&w->leaves, index == 0 ? '[' : ',') && scan_hash(&w->leaves, ret);
}

/* Whether the leaves, as many as the file's own checkpoint counts, lead to all checkpoints. */
static int prove_leaves(struct walk *w)
{
	const uint64_t own = w->points[0]->size;
	const struct reader start = w->leaves;
	uint8_t leaf[MERKLE_HASH];
	bool lead = w->has_leaves && (!w->points[1] || w->points[1]->size <= own);
	bool any = false;
	bool all = true;
	int r = lead ? check_roots(w, &all, &any) : 0;

	lead = lead && all;
	while (r == 0 && lead && w->tree.size < own) {
		lead = take_leaf(w, w->tree.size, leaf);
		if (lead) {
			r = merkle_append(&w->tree, leaf, NULL, NULL);
		}
		if (r == 0 && lead) {
			r = check_roots(w, &lead, &any);
		}
	}
	if (own == 0) {
		lead = lead && scan_take(&w->leaves, '[');
	}
	w->proven = lead && scan_take(&w->leaves, ']');
	w->leaves = start;
	w->tree = (struct merkle){0};
	return trace(r);
}

/* -- entries -- */

/* After an entry: what a checkpoint says of all that was read. */
static int check_points(struct walk *w)
{
	bool all = true;
	bool any = false;
	int r = 0;

	if (w->proven) {
		for (size_t i = 0; i < ARRAY_LEN(w->points); i++) {
			any = any || (w->points[i] && w->points[i]->size == w->index);
		}
	} else {
		r = check_roots(w, &all, &any);
	}
	if (r == 0 && any && all) {
		w->res->good = w->index;
	}
	return r == 0 && !all ? EXPORT_TREE : trace(r);
}

/* Only the oldest may be gone, and only with their hashes left. */
static int add_pruned(struct walk *w, const uint8_t *listed)
{
	if (!listed || w->res->pruned != w->index) {
		return EXPORT_PRUNED;
	}
	w->res->pruned++;
	return w->proven ? 0 : trace(merkle_append(&w->tree, listed, NULL, NULL));
}

/* An entry "pruned" says up to which one the contents were taken away (details.last). */
static int note_pruned(struct walk *w, struct view text)
{
	const struct view word = VIEW_TEXT("\"event\":\"pruned\"");
	_cleanup_json_ json_t *j = NULL;
	const char *event;
	int64_t last;
	int r;

	if (!memmem(text.data, text.len, word.data, word.len)) {
		return 0;
	}
	r = json_parse(text, &j);
	if (r != 0) {
		return r < 0 ? trace(r) : EXPORT_ENTRY;
	}
	event = json_get_str(j, "event");
	if (event && strcmp(event, "pruned") == 0 &&
		json_get_int(json_object_get(j, "details"), "last", 0, INT64_MAX - 1, &last) ==
			0 &&
		(uint64_t)last >= w->said) {
		w->said = (uint64_t)last + 1;
	}
	return 0;
}

static int add_text(struct walk *w, struct view text, const uint8_t *listed)
{
	uint8_t leaf[MERKLE_HASH];
	int r = merkle_leaf_hash(text, leaf);

	if (r < 0) {
		return trace(r);
	}
	if (w->proven && (!listed || memcmp(leaf, listed, sizeof(leaf)) != 0)) {
		return EXPORT_ENTRY;
	}
	r = entry_check(text, w->index, &w->boot);
	if (r > 0) {
		return EXPORT_ENTRY;
	}
	if (r == 0 && w->res->pruned > 0) {
		r = note_pruned(w, text);
	}
	return r == 0 && !w->proven ? trace(merkle_append(&w->tree, leaf, NULL, NULL))
				    : trace(r);
}

static int add_entry(struct walk *w, struct view text)
{
	uint8_t listed[MERKLE_HASH];
	bool has = w->has_leaves && take_leaf(w, w->index, listed);
	int r;

	if (w->proven && !has) {
		return 0; /* more than there are leaves: told at the end */
	}
	r = text.data ? add_text(w, text, has ? listed : NULL)
		      : add_pruned(w, has ? listed : NULL);
	if (r > 0) {
		w->res->bad = w->index;
	}
	return trace(r);
}

static int on_entry(void *user, uint64_t index, struct view text, size_t behind)
{
	struct walk *w = user;
	int r = add_entry(w, text);

	w->index++;
	w->res->size = w->index;
	if (w->against->progress && index % TELL_EVERY == TELL_EVERY - 1) {
		w->against->progress(w->against->user, behind, w->all);
	}
	return r == 0 ? trace(check_points(w)) : trace(r);
}

static int walk_entries(const struct export_file *x, struct walk *w)
{
	int r = prove_leaves(w);

	if (r == 0) {
		r = check_points(w); /* of size 0 */
	}
	if (r == 0) {
		r = export_each(x, on_entry, w);
	}
	if (r == EXPORT_MALFORMED) {
		w->res->bad = w->index;
		r = EXPORT_ENTRY;
	}
	return trace(r);
}

/* After a walk without complaint: nothing missing, nothing more. */
static int check_ends(struct walk *w)
{
	uint64_t own = w->points[0]->size;
	uint64_t given = w->points[1] ? w->points[1]->size : 0;

	if (w->res->size < own || w->res->size < given) {
		return EXPORT_SHORT;
	}
	if (w->res->size > own) {
		return EXPORT_LONG;
	}
	if (w->res->pruned > w->said) {
		w->res->bad = w->said;
		return EXPORT_PRUNED;
	}
	return w->has_leaves && !w->proven ? EXPORT_LEAVES : 0;
}

/* Return: 0, a fault or @outcome: what @note does not hold. */
static int read_point(
	const struct export_file *x, struct view note, int outcome, struct checkpoint *ret)
{
	int r = checkpoint_verify(note, x->vkey, ret);

	if (r < 0) {
		return trace(r);
	}
	return r == 0 && strcmp(ret->origin, x->origin) == 0 ? 0 : outcome;
}

int export_verify(const struct export_file *x, const struct export_against *against,
	struct export_result *ret)
{
	struct checkpoint own = {0};
	struct checkpoint given = {0};
	struct walk *w;
	int r;

	*ret = (struct export_result){.own_key = against->vkey == NULL};
	if (against->vkey && strcmp(against->vkey, x->vkey) != 0) {
		return EXPORT_KEY;
	}
	r = read_point(x, view_str(x->checkpoint), EXPORT_CHECKPOINT, &own);
	if (r == 0 && against->note.len > 0) {
		r = read_point(x, against->note, EXPORT_OTHER, &given);
	}
	if (r != 0) {
		return trace(r);
	}
	ret->given = given.size;
	w = calloc(1, sizeof(*w)); /* its tree is large for the stack */
	if (!w) {
		return fault(-ENOMEM);
	}
	w->points[0] = &own;
	w->points[1] = against->note.len > 0 ? &given : NULL;
	w->leaves = reader_of(x->leaves);
	w->has_leaves = x->leaves.len > 0;
	w->against = against;
	w->res = ret;
	w->all = x->entries.len;
	r = walk_entries(x, w);
	if (r == 0) {
		r = check_ends(w);
	}
	free(w);
	return trace(r);
}

const char *export_explain(int outcome)
{
	switch ((enum export_outcome)outcome) {
	case EXPORT_MALFORMED:
		return _("the file is not an export of the record");
	case EXPORT_ENTRY:
		return _("an entry was changed, or is not in its place");
	case EXPORT_KEY:
		return _("the record is not signed by the key given");
	case EXPORT_CHECKPOINT:
		return _("the checkpoint in the file does not verify");
	case EXPORT_OTHER:
		return _("the checkpoint given does not verify, or is of another record");
	case EXPORT_SHORT:
		return _("entries are missing at the end");
	case EXPORT_LONG:
		return _("entries were added behind the checkpoint");
	case EXPORT_TREE:
		return _("the entries are not those that were signed");
	case EXPORT_LEAVES:
		return _("the entries are good, but the list of their hashes was changed");
	case EXPORT_PRUNED:
		return _("an entry was taken out, and the record does not say that it was "
			 "pruned");
	}
	return "";
}
