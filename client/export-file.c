/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A walk over the export: tokens are found here, strings are decoded by json_parse(), which is
 * strict. One entry is in memory at a time.
 */
#include "client/export-file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "client/lang.h"

#define NO_ENTRY UINT64_MAX

/* -- tokens ---------------------------------------------------------------------------------- */

static void skip_blanks(struct reader *r)
{
	while (r->left > 0 && strchr(" \t\r\n", r->data[0]) && r->data[0] != '\0') {
		(void)reader_u8(r);
	}
}

/* whether the next character that is no blank is @c; it is taken */
static bool take(struct reader *r, char c)
{
	skip_blanks(r);
	if (r->left == 0 || r->data[0] != (uint8_t)c) {
		return false;
	}
	(void)reader_u8(r);
	return true;
}

/* The next JSON string with its quotes; empty when there is none. */
static struct view take_string(struct reader *r)
{
	struct reader ahead;
	bool escaped = false;

	skip_blanks(r);
	ahead = *r;
	if (reader_u8(&ahead) != '"') {
		return VIEW_NULL;
	}
	while (ahead.left > 0) {
		uint8_t c = reader_u8(&ahead);

		if (c == '"' && !escaped) {
			return reader_take(r, r->left - ahead.left);
		}
		escaped = c == '\\' && !escaped;
	}
	return VIEW_NULL;
}

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
	int x = decode(take_string(r), &j);

	if (x != 0) {
		return trace(x);
	}
	if (*into) {
		return EXPORT_MALFORMED; /* twice */
	}
	*into = strdup(json_string_value(j));
	return *into ? 0 : fault(-ENOMEM);
}

/* [ string, ... ]: walked over, its bytes kept in @into */
static int take_strings(struct reader *r, struct view *into)
{
	struct reader start;

	skip_blanks(r);
	start = *r;
	if (into->data || !take(r, '[')) {
		return EXPORT_MALFORMED;
	}
	if (!take(r, ']')) {
		do {
			if (take_string(r).len == 0) {
				return EXPORT_MALFORMED;
			}
		} while (take(r, ','));
		if (!take(r, ']')) {
			return EXPORT_MALFORMED;
		}
	}
	*into = reader_take(&start, start.left - r->left);
	return 0;
}

static int take_member(struct reader *r, struct export_file *x)
{
	struct view key = take_string(r);

	if (!take(r, ':')) {
		return EXPORT_MALFORMED;
	}
	if (view_equal(key, VIEW_TEXT("\"format\""))) {
		return take(r, '1') ? 0 : EXPORT_MALFORMED;
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
		return trace(take_strings(r, &x->entries));
	}
	return view_equal(key, VIEW_TEXT("\"leaves\"")) ? trace(take_strings(r, &x->leaves))
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

	if (!take(&r, '{')) {
		return EXPORT_MALFORMED;
	}
	do {
		e = take_member(&r, &x);
	} while (e == 0 && take(&r, ','));
	if (e != 0) {
		return trace(e);
	}
	if (!take(&r, '}')) {
		return EXPORT_MALFORMED;
	}
	skip_blanks(&r);
	if (r.left > 0 || !x.origin || !x.vkey || !x.checkpoint || !x.entries.data) {
		return EXPORT_MALFORMED;
	}
	*ret = x;
	x = (struct export_file){0};
	return 0;
}

/* -- verification ---------------------------------------------------------------------------- */

struct walk {
	struct merkle tree;		    /* of the entries */
	struct merkle listed;		    /* of the leaves in the file */
	const struct checkpoint *points[2]; /* own, given; NULL: none */
	struct reader leaves;		    /* behind the last one used */
	bool has_leaves;
	uint64_t differs; /* first entry that is not its leaf; NO_ENTRY: none */
};

/* Canonical, and the one that belongs at @index. Return: 0, a fault, EXPORT_ENTRY. */
static int check_entry(struct view text, uint64_t index)
{
	_cleanup_json_ json_t *j = NULL;
	_cleanup_(buf_done) struct buf again = BUF_NULL(EXPORT_ENTRY_MAX);
	int64_t sequence = -1;
	int r = json_parse(text, &j);

	if (r == 0) {
		r = json_canonical(j, &again);
	}
	if (r != 0) {
		return r < 0 ? trace(r) : EXPORT_ENTRY;
	}
	if (!view_equal(buf_view(&again), text) ||
		json_get_int(j, "sequence", 0, INT64_MAX, &sequence) != 0 ||
		(uint64_t)sequence != index) {
		return EXPORT_ENTRY;
	}
	return 0;
}

static int root_is(const struct merkle *tree, const struct checkpoint *p, bool *ret_is)
{
	uint8_t root[MERKLE_HASH];
	int r = merkle_root(tree, root);

	if (r < 0) {
		return trace(r);
	}
	*ret_is = memcmp(root, p->root, sizeof(root)) == 0;
	return 0;
}

/* @p does not follow from the entries. The leaves, when they lead to it, tell which one it is. */
static int name_bad(const struct walk *w, const struct checkpoint *p, struct export_result *res)
{
	bool leaves_lead = false;
	int r = 0;

	if (w->has_leaves && w->differs != NO_ENTRY) {
		r = root_is(&w->listed, p, &leaves_lead);
	}
	if (r < 0 || !leaves_lead) {
		return r < 0 ? trace(r) : EXPORT_TREE;
	}
	res->bad = w->differs;
	return EXPORT_ENTRY;
}

/* The root of now against the checkpoints of just this size. */
static int check_points(const struct walk *w, struct export_result *res)
{
	for (size_t i = 0; i < ARRAY_LEN(w->points); i++) {
		const struct checkpoint *p = w->points[i];
		bool is = false;
		int r;

		if (!p || p->size != w->tree.size) {
			continue;
		}
		r = root_is(&w->tree, p, &is);
		if (r < 0) {
			return trace(r);
		}
		if (!is) {
			return trace(name_bad(w, p, res));
		}
		res->good = p->size;
	}
	return 0;
}

/* The next leaf of the file beside the entry that hashes to @leaf. A leaf that is none stands for
 * the zero hash: it leads nowhere. Return: 0, a fault, EXPORT_LEAVES when there is none. */
static int add_leaf(struct walk *w, const uint8_t leaf[MERKLE_HASH])
{
	_cleanup_(buf_done) struct buf raw = BUF_NULL(2 * (size_t)MERKLE_HASH);
	uint8_t listed[MERKLE_HASH] = {0};
	struct view token;

	if (!w->has_leaves) {
		return 0;
	}
	if (!take(&w->leaves, w->listed.size == 0 ? '[' : ',')) {
		return EXPORT_LEAVES;
	}
	token = take_string(&w->leaves);
	if (token.len > 2 && base64_decode(&raw, view_sub(token, 1, token.len - 2)) == 0 &&
		raw.len == MERKLE_HASH) {
		bytes_copy(listed, sizeof(listed), raw.data, raw.len);
	}
	if (memcmp(listed, leaf, sizeof(listed)) != 0 && w->differs == NO_ENTRY) {
		w->differs = w->listed.size;
	}
	return trace(merkle_append(&w->listed, listed, NULL, NULL));
}

static int add_entry(struct walk *w, struct view token, struct export_result *res)
{
	_cleanup_json_ json_t *j = NULL;
	uint8_t leaf[MERKLE_HASH];
	struct view text;
	int r = decode(token, &j);

	if (r == 0) {
		text = view_of(json_string_value(j), json_string_length(j));
		r = check_entry(text, w->tree.size);
	}
	if (r == EXPORT_MALFORMED) {
		r = EXPORT_ENTRY;
	}
	if (r > 0) {
		res->bad = w->tree.size;
	}
	if (r == 0) {
		r = merkle_leaf_hash(text, leaf);
	}
	if (r == 0) {
		r = add_leaf(w, leaf);
	}
	if (r == 0) {
		r = merkle_append(&w->tree, leaf, NULL, NULL);
	}
	return r == 0 ? trace(check_points(w, res)) : trace(r);
}

static int walk_entries(const struct export_file *x, struct walk *w, struct export_result *res)
{
	struct reader r = reader_of(x->entries);
	int e = check_points(w, res); /* of size 0 */

	if (e != 0 || !take(&r, '[') || take(&r, ']')) {
		return trace(e);
	}
	do {
		e = add_entry(w, take_string(&r), res);
		res->size = w->tree.size;
	} while (e == 0 && take(&r, ','));
	return trace(e);
}

/* After a walk without complaint: nothing missing, nothing more. */
static int check_ends(struct walk *w, struct export_result *res)
{
	uint64_t own = w->points[0]->size;
	uint64_t given = w->points[1] ? w->points[1]->size : 0;

	if (res->size < own || res->size < given) {
		return EXPORT_SHORT;
	}
	if (res->size > own) {
		return EXPORT_LONG;
	}
	if (!w->has_leaves) {
		return 0;
	}
	if (w->listed.size == 0 && !take(&w->leaves, '[')) {
		return EXPORT_LEAVES;
	}
	return w->differs == NO_ENTRY && take(&w->leaves, ']') ? 0 : EXPORT_LEAVES;
}

int export_verify(const struct export_file *x, struct view note, const char *vkey,
	struct export_result *ret)
{
	struct checkpoint own = {0};
	struct checkpoint given = {0};
	struct walk *w;
	int r;

	*ret = (struct export_result){.own_key = vkey == NULL};
	if (vkey && strcmp(vkey, x->vkey) != 0) {
		return EXPORT_KEY;
	}
	r = checkpoint_verify(view_str(x->checkpoint), x->vkey, &own);
	if (r != 0 || strcmp(own.origin, x->origin) != 0) {
		return r < 0 ? trace(r) : EXPORT_CHECKPOINT;
	}
	if (note.len > 0) {
		r = checkpoint_verify(note, x->vkey, &given);
		if (r != 0 || strcmp(given.origin, x->origin) != 0) {
			return r < 0 ? trace(r) : EXPORT_OTHER;
		}
		ret->given = given.size;
	}
	w = calloc(1, sizeof(*w)); /* two trees: too large for the stack */
	if (!w) {
		return fault(-ENOMEM);
	}
	w->points[0] = &own;
	w->points[1] = note.len > 0 ? &given : NULL;
	w->has_leaves = x->leaves.len > 0;
	w->leaves = reader_of(x->leaves);
	w->differs = NO_ENTRY;
	r = walk_entries(x, w, ret);
	if (r == 0) {
		r = check_ends(w, ret);
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
	}
	return "";
}
