/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Records as JSON. What was submitted stays as it was (it has passed metadata_check()) until the
 * document is deleted; what is shown is built from it, member by member, so that nothing internal
 * (salts) is ever shown. Memory is the only thing that can fail here, besides a record that is not
 * one, and a change that its status does not allow.
 */
#include "daemon/dossier/store/document.h"

#include <errno.h>
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
	const uint8_t salt[DOCUMENT_SALT], const char *replaces, json_t **ret)
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
	if (r == 0 && replaces[0]) {
		r = json_set(j, "replaces", json_string(replaces));
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

static bool status_known(const json_t *record)
{
	return document_is(record, "active") || document_is(record, "archived") ||
	       document_is(record, "replaced") || document_is(record, "deleted");
}

int document_parse(struct view text, json_t **ret)
{
	_cleanup_json_ json_t *j = NULL;
	int r;

	r = json_parse(text, &j);
	if (r < 0) {
		return trace(r);
	}
	/* the tag was right, so these are our own words; those of a newer program are not ours */
	if (r != 0 || !metadata_stored(json_object_get(j, "metadata")) ||
		!json_get_str(json_object_get(j, "author"), "id") || !status_known(j)) {
		return DOSSIER_DAMAGED;
	}
	*ret = json_incref(j);
	return 0;
}

int document_text(const json_t *record, struct buf *out)
{
	int r;

	buf_reset(out);
	r = json_canonical(record, out);
	return r > 0 ? DOSSIER_DAMAGED : trace(r);
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

bool document_is(const json_t *record, const char *status)
{
	const char *word = json_get_str(record, "status");

	return word && strcmp(word, status) == 0;
}

const char *document_replaces(const json_t *record)
{
	return json_get_str(record, "replaces");
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
	if (r == 0) {
		r = set_shared(j, "author-kind", json_object_get(record, "author"), "kind");
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
	static const char *const kept[] = {
		"author", "added", "replaces", "replaced-by", "deleted"};
	_cleanup_json_ json_t *j = json_object();
	int r;

	r = common(record, id, j);
	for (size_t i = 0; i < ARRAY_LEN(shown) && r == 0; i++) {
		r = set_shared(j, shown[i], json_object_get(record, "metadata"), shown[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(kept) && r == 0; i++) {
		r = set_shared(j, kept[i], record, kept[i]);
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
	r = set_shared(j, "entry", json_object_get(record, "metadata"), "entry");
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

int document_add_flags(json_t *record, const json_t *flags, bool *ret_changed)
{
	bool any = false;
	size_t i;
	json_t *flag;

	json_array_foreach(flags, i, flag)
	{
		bool changed;
		int r = document_set_flag(record, json_string_value(flag), true, &changed);

		if (r < 0) {
			return trace(r);
		}
		any = any || changed;
	}
	*ret_changed = any;
	return 0;
}

int document_inherit_flags(json_t *metadata, const json_t *replaced)
{
	const json_t *flags = json_object_get(json_object_get(replaced, "metadata"), "flags");
	_cleanup_json_ json_t *copy = NULL;

	if (json_object_get(metadata, "flags") || json_array_size(flags) == 0) {
		return 0;
	}
	copy = json_deep_copy(flags);
	/* jansson's copy may have lost some when memory ran out */
	if (json_array_size(copy) != json_array_size(flags)) {
		return fault(-ENOMEM);
	}
	return trace(json_set(metadata, "flags", json_incref(copy)));
}

/* -- status ---------------------------------------------------------------------------------- */

int document_set_status(json_t *record, const char *status, bool *ret_changed)
{
	if (!document_is(record, "active") && !document_is(record, "archived")) {
		return DOSSIER_WRONG_STATE;
	}
	*ret_changed = !document_is(record, status);
	return trace(json_set(record, "status", json_string(status)));
}

int document_set_replaced(json_t *record, const char *id)
{
	int r;

	if (!document_is(record, "active")) {
		return DOSSIER_WRONG_STATE;
	}
	r = json_set(record, "status", json_string("replaced"));
	return r < 0 ? trace(r) : trace(json_set(record, "replaced-by", json_string(id)));
}

/* type, date and flags */
static int what_stays(const json_t *metadata, json_t **ret)
{
	static const char *const stays[] = {"type", "date", "flags"};
	_cleanup_json_ json_t *j = json_object();
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(stays) && r == 0; i++) {
		r = set_shared(j, stays[i], metadata, stays[i]);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

int document_delete(json_t *record, json_t *author)
{
	_cleanup_json_ json_t *deleted = json_object();
	json_t *left = NULL;
	int r;

	r = what_stays(json_object_get(record, "metadata"), &left);
	if (r == 0) {
		r = json_set(record, "metadata", left);
	}
	if (r == 0) {
		r = json_set(deleted, "by", json_incref(author));
	}
	if (r == 0) {
		r = set_int(deleted, "time", clock_wall());
	}
	if (r == 0) {
		r = json_set(record, "deleted", json_incref(deleted));
	}
	if (r == 0) {
		r = json_set(record, "status", json_string("deleted"));
	}
	(void)json_object_del(record, "content"); /* its salt: the key goes with it */
	return trace(r);
}
