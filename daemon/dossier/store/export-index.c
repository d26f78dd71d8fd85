/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * index.json of an export: a line a document, read anew, and what the people record says; of the patient's
 * codes nothing. doc/export.schema.json says the same for other programs.
 */
#include <errno.h>

#include "daemon/dossier/store/export-inside.h"
#include "daemon/dossier/store/people.h"

static int put_json(struct export *x, const json_t *j, size_t skip)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(2 * STORE_RECORD);
	int r;

	r = json_canonical(j, &text);
	if (r != 0) {
		return r > 0 ? DOSSIER_DAMAGED : trace(r);
	}
	return trace(export_put(x, view_last(buf_view(&text), text.len - skip)));
}

static int index_item(struct export *x, struct store *s)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	_cleanup_json_ json_t *record = NULL;
	_cleanup_json_ json_t *item = NULL;
	uint8_t kind = x->kinds[x->at];
	char name[EXPORT_NAME_MAX];
	int r;

	r = export_load(x, s, &d, &record);
	if (r == DOSSIER_NO_DOCUMENT) {
		x->at++;
		return 0;
	}
	if (r == 0) {
		r = document_facts(record, d.id, d.version, &item);
	}
	if (r == 0 && kind > 0) {
		r = export_name(d.id, (uint8_t)(kind - 1), name);
	}
	if (r == 0 && kind > 0) {
		r = json_set(item, "file", json_string(name));
	}
	if (r == 0 && x->listed) {
		r = export_put(x, VIEW_TEXT(","));
	}
	x->listed = true;
	x->at++;
	return r != 0 ? trace(r) : trace(put_json(x, item, 0));
}

static int copy(const json_t *from, const char *const *names, size_t n, json_t **ret)
{
	_cleanup_json_ json_t *to = json_object();
	int r = to ? 0 : fault(-ENOMEM);

	for (size_t i = 0; i < n && r == 0; i++) {
		json_t *value = json_object_get(from, names[i]);

		r = value ? json_set(to, names[i], json_incref(value)) : 0;
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(to);
	return 0;
}

static int load_people(struct store *s, json_t **ret)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_RECORD);
	int r;

	r = store_read_people(s, view_of(s->people.data, s->people.len), &text);
	return r != 0 ? trace(r) : trace(people_parse(buf_view(&text), ret));
}

/* What is said of the dossier itself. */
static int about(struct store *s, const json_t *people, json_t **ret)
{
	static const char *const names[] = {"created", "created-by", "closed"};
	_cleanup_json_ json_t *j = NULL;
	int r;

	r = copy(people, names, ARRAY_LEN(names), &j);
	if (r == 0) {
		r = json_set(j, "id", json_string(s->pseudonym));
	}
	if (r == 0) {
		r = json_set(j, "state",
			json_string(s->state == DOSSIER_STATE_CLOSED ? "closed" : "open"));
	}
	if (r == 0) {
		r = json_set(j, "version", json_integer((json_int_t)s->version));
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

/* The members that stand behind "documents"; of the people record nothing of its codes. */
static int tail_of(struct export *x, struct store *s, json_t **ret)
{
	static const char *const names[] = {
		"authorised", "blocked", "treating-doctor", "oppositions", "masked-allowed"};
	_cleanup_json_ json_t *j = json_object();
	_cleanup_json_ json_t *people = NULL;
	json_t *shown = NULL;
	json_t *dossier = NULL;
	int r;

	r = load_people(s, &people);
	if (r == 0) {
		r = copy(people, names, ARRAY_LEN(names), &shown);
	}
	if (r == 0) {
		r = json_set(j, "people", shown);
	}
	if (r == 0) {
		r = about(s, people, &dossier);
	}
	if (r == 0) {
		r = json_set(j, "dossier", dossier);
	}
	if (r == 0) {
		r = json_set(j, "exported", json_integer((json_int_t)x->now));
	}
	if (r == 0) {
		r = json_set(j, "format", json_integer(1));
	}
	if (r == 0) {
		r = json_set(j, "history", json_string("history.json"));
	}
	if (r == 0) {
		r = json_set(j, "name", json_string(EXPORT_NAME));
	}
	if (r != 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

static int end_index(struct export *x, struct store *s)
{
	_cleanup_json_ json_t *tail = NULL;
	int r;

	r = tail_of(x, s, &tail);
	if (r == 0) {
		r = export_put(x, VIEW_TEXT("],"));
	}
	if (r == 0) {
		r = put_json(x, tail, 1); /* without its brace */
	}
	if (r == 0) {
		r = export_end_entry(x);
	}
	x->stage = EXPORT_CLOSE;
	return trace(r);
}

int export_index(struct export *x, struct store *s)
{
	int r;

	if (!x->entered) {
		r = export_begin_entry(x, "index.json", -1, x->now, false);
		return r != 0 ? trace(r) : trace(export_put(x, VIEW_TEXT("{\"documents\":[")));
	}
	if (x->at < json_array_size(x->ids)) {
		return trace(index_item(x, s));
	}
	return trace(end_index(x, s));
}
