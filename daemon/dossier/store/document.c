/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Records as JSON. What was submitted stays as it was (it has passed metadata_check()); what is shown
 * is built from it, member by member, so that nothing internal (salts) is ever shown. Memory is the
 * only thing that can fail here, besides a record that is not one.
 */
#include "daemon/dossier/store/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/dossier/store/metadata.h"

/* jansson's setters steal; an object that is shared between two trees is referenced twice. */
static int set_shared(json_t *object, const char *name, const json_t *from, const char *member)
{
	json_t *value = json_object_get(from, member);

	return value ? trace(json_set(object, name, json_incref(value))) : 0;
}

static int set_int(json_t *object, const char *name, uint64_t v)
{
	return trace(json_set(object, name, json_integer((json_int_t)v)));
}

/* -- records --------------------------------------------------------------------------------- */

static int new_content(uint64_t version, const uint8_t salt[DOCUMENT_SALT], json_t **ret)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * DOCUMENT_SALT);
	_cleanup_json_ json_t *j = json_object();
	int r;

	hex_encode(&hex, view_of(salt, DOCUMENT_SALT));
	r = buf_check(&hex);
	if (r == 0) {
		r = json_set(
			j, "salt", json_stringn((const char *)hex.data, 2 * DOCUMENT_SALT));
	}
	if (r == 0) {
		r = set_int(j, "version", version);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

int document_new(json_t *metadata, json_t *author, uint64_t version,
	const uint8_t salt[DOCUMENT_SALT], json_t **ret)
{
	_cleanup_json_ json_t *j = json_object();
	json_t *content = NULL;
	int r;

	r = new_content(version, salt, &content);
	if (r < 0) {
		return trace(r);
	}
	r = json_set(j, "content", content);
	if (r == 0) {
		r = json_set(j, "metadata", json_incref(metadata));
	}
	if (r == 0) {
		r = json_set(j, "author", json_incref(author));
	}
	if (r == 0) {
		r = json_set(j, "status", json_string("active"));
	}
	if (r == 0) {
		r = set_int(j, "added", clock_wall());
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

int document_parse(struct view text, json_t **ret)
{
	_cleanup_json_ json_t *j = NULL;
	const char *member;
	int r;

	r = json_parse(text, &j);
	if (r < 0) {
		return trace(r);
	}
	/* the tag was right, so these are our own words; a newer format is not ours to read */
	if (r != 0 || metadata_check(json_object_get(j, "metadata"), &member) != 0 ||
		!json_get_str(json_object_get(j, "author"), "id") ||
		!json_get_str(j, "status")) {
		return DOSSIER_DAMAGED;
	}
	*ret = json_incref(j);
	return 0;
}

int document_content(const json_t *record, uint8_t ret_salt[DOCUMENT_SALT],
	uint64_t *ret_version, uint64_t *ret_size)
{
	_cleanup_(buf_done) struct buf salt = BUF_NULL(DOCUMENT_SALT);
	const json_t *content = json_object_get(record, "content");
	int64_t version;
	int64_t size;

	if (hex_decode(&salt, view_str(json_get_str(content, "salt"))) != 0 ||
		salt.len != DOCUMENT_SALT ||
		json_get_int(content, "version", 1, INT64_MAX, &version) != 0 ||
		json_get_int(json_object_get(record, "metadata"), "size", 0, STORE_CONTENT,
			&size) != 0) {
		return DOSSIER_DAMAGED;
	}
	bytes_copy(ret_salt, DOCUMENT_SALT, salt.data, salt.len);
	*ret_version = (uint64_t)version;
	*ret_size = (uint64_t)size;
	return 0;
}

/* -- what is shown --------------------------------------------------------------------------- */

/* id, type, section, status, flags */
static int common(const json_t *record, const char *id, json_t *j)
{
	const json_t *metadata = json_object_get(record, "metadata");
	const char *type = json_get_str(metadata, "type");
	json_t *flags = json_object_get(metadata, "flags");
	int r;

	r = json_set(j, "id", json_string(id));
	if (r == 0) {
		r = json_set(j, "type", json_string(type));
	}
	if (r == 0) {
		r = json_set(j, "section", json_string(metadata_section(type)));
	}
	if (r == 0) {
		r = set_shared(j, "status", record, "status");
	}
	if (r == 0) {
		r = json_set(j, "flags", flags ? json_incref(flags) : json_array());
	}
	return trace(r);
}

int document_row(const json_t *record, const char *id, json_t **ret)
{
	_cleanup_json_ json_t *j = json_object();
	int r;

	r = common(record, id, j);
	if (r == 0) {
		r = set_shared(j, "author", json_object_get(record, "author"), "id");
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

int document_row_of(json_t *metadata, json_t *author, json_t **ret)
{
	_cleanup_json_ json_t *record = json_object();
	int r;

	r = json_set(record, "metadata", json_incref(metadata));
	if (r == 0) {
		r = json_set(record, "author", json_incref(author));
	}
	if (r == 0) {
		r = json_set(record, "status", json_string("active"));
	}
	return r < 0 ? trace(r) : trace(document_row(record, "", ret));
}

int document_item(const json_t *record, const char *id, uint64_t version, json_t **ret)
{
	static const char *const shown[] = {"title", "date", "mime", "size", "sha256"};
	_cleanup_json_ json_t *j = json_object();
	int r;

	r = common(record, id, j);
	for (size_t i = 0; i < ARRAY_LEN(shown) && r == 0; i++) {
		r = set_shared(j, shown[i], json_object_get(record, "metadata"), shown[i]);
	}
	if (r == 0) {
		r = set_shared(j, "author", record, "author");
	}
	if (r == 0) {
		r = set_shared(j, "added", record, "added");
	}
	if (r == 0) {
		r = set_int(j, "version", version);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

int document_facts(const json_t *record, const char *id, uint64_t version, json_t **ret)
{
	json_t *j;
	int r;

	r = document_item(record, id, version, &j);
	if (r < 0) {
		return trace(r);
	}
	r = set_shared(j, "entries", json_object_get(record, "metadata"), "entry");
	if (r == 0) {
		r = set_int(j, "format", 1);
	}
	if (r < 0) {
		json_decref(j);
		return trace(r);
	}
	*ret = j;
	return 0;
}

/* -- filters --------------------------------------------------------------------------------- */

static bool status_valid(const char *text)
{
	static const char *const words[] = {"active", "archived", "replaced", "all"};

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(words[i], text) == 0) {
			return true;
		}
	}
	return false;
}

static bool word_valid(const char *text)
{
	return strlen(text) <= 64;
}

static const struct {
	const char *name;
	bool (*valid)(const char *text); /* NULL: a boolean */
} filter_members[] = {
	{"type", word_valid},
	{"section", word_valid},
	{"status", status_valid},
	{"from", metadata_date_valid},
	{"to", metadata_date_valid},
	{"id", store_id_valid},
	{"after", store_id_valid},
	{"entry", NULL},
};

int document_filter_check(const json_t *filter, const char **ret_member)
{
	size_t known = 0;

	for (size_t i = 0; i < ARRAY_LEN(filter_members); i++) {
		const json_t *value = json_object_get(filter, filter_members[i].name);
		const char *text = json_string_value(value);

		if (!value) {
			continue;
		}
		known++;
		if (filter_members[i].valid ? !text || !filter_members[i].valid(text)
					    : !json_is_boolean(value)) {
			*ret_member = filter_members[i].name;
			return DOSSIER_INVALID;
		}
	}
	if (!json_is_object(filter) || known != json_object_size(filter)) {
		*ret_member = "filter";
		return DOSSIER_INVALID;
	}
	return 0;
}

static bool text_matches(const json_t *filter, const char *name, const char *text)
{
	const char *wanted = json_get_str(filter, name);

	return !wanted || strcmp(wanted, text) == 0;
}

static bool status_matches(const json_t *filter, const char *status)
{
	const char *wanted = json_get_str(filter, "status");

	if (json_object_get(filter, "id") || (wanted && strcmp(wanted, "all") == 0)) {
		return true;
	}
	return strcmp(wanted ? wanted : "active", status) == 0;
}

bool document_matches(const json_t *record, const char *id, const json_t *filter)
{
	const json_t *metadata = json_object_get(record, "metadata");
	const char *type = json_get_str(metadata, "type");
	const char *day = json_get_str(metadata, "date");
	const char *from = json_get_str(filter, "from");
	const char *to = json_get_str(filter, "to");

	if (json_get_bool(filter, "entry") && !json_object_get(metadata, "entry")) {
		return false;
	}
	return text_matches(filter, "id", id) && text_matches(filter, "type", type) &&
	       text_matches(filter, "section", metadata_section(type)) &&
	       status_matches(filter, json_get_str(record, "status")) &&
	       (!from || strcmp(day, from) >= 0) && (!to || strcmp(day, to) <= 0);
}

/* -- flags ----------------------------------------------------------------------------------- */

static size_t flag_at(const json_t *flags, const char *flag)
{
	size_t i;
	json_t *value;

	json_array_foreach(flags, i, value)
	{
		if (strcmp(json_string_value(value), flag) == 0) {
			return i;
		}
	}
	return json_array_size(flags);
}

int document_set_flag(json_t *record, const char *flag, bool on, bool *ret_changed)
{
	json_t *metadata = json_object_get(record, "metadata");
	json_t *flags = json_object_get(metadata, "flags");
	size_t at = flag_at(flags, flag);
	bool there = at < json_array_size(flags);

	if (there == on) {
		*ret_changed = false;
		return 0;
	}
	if (!flags) {
		flags = json_array();
		if (json_set(metadata, "flags", flags) < 0) {
			return fault(-ENOMEM);
		}
	}
	if (on ? json_array_append_new(flags, json_string(flag)) < 0
	       : json_array_remove(flags, at) < 0) {
		return fault(-ENOMEM);
	}
	*ret_changed = true;
	return 0;
}

/* -- summary --------------------------------------------------------------------------------- */

struct summary_row {
	const char *day;
	const char *list;
	json_t *entry; /* borrowed */
	const json_t *record;
	const char *id;
};

static const struct {
	const char *kind;
	const char *list;
} lists[] = {
	{"blood-group", "blood-group"},
	{"allergy", "allergies"},
	{"current-treatment", "current-treatments"},
};

static const char *list_of(const char *kind)
{
	size_t i = 0;

	while (i < ARRAY_LEN(lists) - 1 && strcmp(lists[i].kind, kind) != 0) {
		i++;
	}
	return lists[i].list; /* metadata_check() lets no other kind in */
}

static int newest_first(const void *pa, const void *pb)
{
	const struct summary_row *a = pa;
	const struct summary_row *b = pb;
	int order = strcmp(b->day, a->day);

	return order != 0 ? order : strcmp(a->id, b->id);
}

static bool has_ended(const json_t *entry, const char *today)
{
	const char *until = json_get_str(entry, "until");

	return until && strcmp(until, today) < 0;
}

static size_t collect(json_t *const *records, const char (*ids)[STORE_ID + 1], size_t n,
	const char *today, struct summary_row *rows)
{
	size_t n_rows = 0;

	for (size_t i = 0; i < n; i++) {
		const json_t *metadata = json_object_get(records[i], "metadata");
		json_t *entry = json_object_get(metadata, "entry");

		if (!entry || has_ended(entry, today)) {
			continue;
		}
		rows[n_rows++] = (struct summary_row){
			.day = json_get_str(metadata, "date"),
			.list = list_of(json_get_str(entry, "kind")),
			.entry = entry,
			.record = records[i],
			.id = ids[i],
		};
	}
	return n_rows;
}

static int add_entry(json_t *summary, const struct summary_row *row)
{
	json_t *j = json_object();
	int r;

	/* jansson's own copies lose members without a word when memory runs out */
	if (json_array_append_new(json_object_get(summary, row->list), j) < 0 ||
		json_object_update(j, row->entry) < 0) {
		return fault(-ENOMEM);
	}
	r = json_set(j, "document", json_string(row->id));
	if (r == 0) {
		r = json_set(j, "document-date", json_string(row->day));
	}
	if (r == 0) {
		r = set_shared(j, "author", row->record, "author");
	}
	return trace(r);
}

static int empty_summary(json_t *j)
{
	int r = set_int(j, "format", 1);

	for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++) {
		r = json_set(j, lists[i].list, json_array());
	}
	return trace(r);
}

int document_summary(json_t *const *records, const char (*ids)[STORE_ID + 1], size_t n,
	const char *today, json_t **ret)
{
	_cleanup_json_ json_t *j = json_object();
	struct summary_row *rows = calloc(n + 1, sizeof(*rows));
	size_t n_rows;
	int r;

	r = rows ? empty_summary(j) : fault(-ENOMEM);
	if (r == 0) {
		n_rows = collect(records, ids, n, today, rows);
		qsort(rows, n_rows, sizeof(*rows), newest_first);
		for (size_t i = 0; i < n_rows && r == 0; i++) {
			r = add_entry(j, &rows[i]);
		}
	}
	free(rows);
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}
