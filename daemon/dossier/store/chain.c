/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Chains. Records name each other by id; each was written by us and sealed, and one that has been
 * replaced is never replaced again, so a chain has an end and no two share a document.
 */
#include "daemon/dossier/store/chain.h"

/* struct step - what is done to each document of a chain; @changed tells whether it has to be
 * written. @first: it is the one that was named. */
struct step {
	int (*apply)(struct store *s, const struct store_document *d, json_t *record,
		const struct step *step, bool first, bool *ret_changed);
	const char *word; /* flag, or id */
	bool on;
	const json_t *flags;
	json_t *author;
};

/* One document of the chain. @ret_next: the id of the one before it, "" at the end. */
static int one(struct store *s, const char *id, const struct step *step, bool first,
	bool *ret_changed, char ret_next[STORE_ID + 1])
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	const char *before;
	int r;

	r = store_get(s, id, &d);
	if (r == 0) {
		r = document_parse(buf_view(&d.record), &record);
	}
	if (r == 0) {
		r = step->apply(s, &d, record, step, first, ret_changed);
	}
	if (r == 0 && *ret_changed) {
		r = document_text(record, &d.record);
		if (r == 0) {
			r = store_replace(s, &d);
		}
	}
	if (r != 0) {
		return trace(r);
	}
	before = document_replaces(record);
	r = view_copy_str(view_str(before), ret_next, STORE_ID + 1);
	return r < 0 ? DOSSIER_DAMAGED : 0;
}

static int walk(struct store *s, const char *id, const struct step *step, bool *ret_changed)
{
	char at[STORE_ID + 1];
	bool any = false;
	bool first = true;
	int r;

	r = view_copy_str(view_str(id), at, sizeof(at));
	if (r < 0 || !at[0]) {
		return DOSSIER_NO_DOCUMENT;
	}
	while (r == 0 && at[0]) {
		char next[STORE_ID + 1];
		bool changed = false;

		r = one(s, at, step, first, &changed, next);
		/* one that is named by another is there */
		if (!first && r == DOSSIER_NO_DOCUMENT) {
			r = DOSSIER_DAMAGED;
		}
		if (r == 0) {
			bytes_copy(at, sizeof(at), next, sizeof(next));
		}
		any = any || changed;
		first = false;
	}
	if (r != 0) {
		return trace(r);
	}
	*ret_changed = any;
	return 0;
}

static int replace(struct store *s, const struct store_document *d, json_t *record,
	const struct step *step, bool first, bool *ret_changed)
{
	bool flagged;
	int r;

	(void)s;
	(void)d;
	r = first ? document_set_replaced(record, step->word) : 0;
	if (r == 0) {
		r = document_add_flags(record, step->flags, &flagged);
	}
	if (r != 0) {
		return trace(r);
	}
	*ret_changed = first || flagged;
	return 0;
}

int chain_replace(struct store *s, const char *id, const char *by, const json_t *flags)
{
	const struct step step = {.apply = replace, .word = by, .flags = flags};
	bool changed;

	return trace(walk(s, id, &step, &changed));
}

/* The newest of a chain alone is changed by its name. */
static bool may_change(const json_t *record, bool first)
{
	return !first || document_is(record, "active") || document_is(record, "archived");
}

static int flag(struct store *s, const struct store_document *d, json_t *record,
	const struct step *step, bool first, bool *ret_changed)
{
	(void)s;
	(void)d;
	if (!may_change(record, first)) {
		return DOSSIER_WRONG_STATE;
	}
	return trace(document_set_flag(record, step->word, step->on, ret_changed));
}

int chain_flag(struct store *s, const char *id, const char *word, bool on, bool *ret_changed)
{
	const struct step step = {.apply = flag, .word = word, .on = on};

	return trace(walk(s, id, &step, ret_changed));
}

static int delete (struct store *s, const struct store_document *d, json_t *record,
	const struct step *step, bool first, bool *ret_changed)
{
	int r;

	if (!may_change(record, first)) {
		return DOSSIER_WRONG_STATE;
	}
	r = store_drop_content(s, d->seq);
	if (r == 0) {
		r = document_delete(record, step->author);
	}
	if (r != 0) {
		return trace(r);
	}
	*ret_changed = true;
	return 0;
}

int chain_delete(struct store *s, const char *id, json_t *author)
{
	const struct step step = {.apply = delete, .author = author};
	bool changed;

	return trace(walk(s, id, &step, &changed));
}
