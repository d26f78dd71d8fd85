/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * D-Bus values to JSON by a walk with a stack of its own, and the few shapes that we send. A level
 * borrows its container from the level below; the lowest is owned by value_args().
 */
#include "client/value.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"

struct level {
	DBusMessageIter it;
	json_t *into;
	bool dict; /* elements are dictionary entries */
};

/* -- reading --------------------------------------------------------------------------------- */

static json_t *number(DBusMessageIter *it, int type)
{
	DBusBasicValue v = {0};

	dbus_message_iter_get_basic(it, &v);
	switch (type) {
	case DBUS_TYPE_BYTE:
		return json_integer(v.byt);
	case DBUS_TYPE_BOOLEAN:
		return json_boolean(v.bool_val != 0);
	case DBUS_TYPE_INT16:
		return json_integer(v.i16);
	case DBUS_TYPE_UINT16:
		return json_integer(v.u16);
	case DBUS_TYPE_INT32:
		return json_integer(v.i32);
	case DBUS_TYPE_UINT32:
		return json_integer(v.u32);
	case DBUS_TYPE_INT64:
		return json_integer(v.i64);
	default: /* DBUS_TYPE_UINT64: beyond the range of JSON's integers it is the largest */
		return json_integer(v.u64 > INT64_MAX ? INT64_MAX : (json_int_t)v.u64);
	}
}

static json_t *text(DBusMessageIter *it)
{
	const char *s = NULL;

	dbus_message_iter_get_basic(it, &s);
	return json_string(s);
}

static json_t *bytes(DBusMessageIter *array)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(1024 * 1024);
	DBusMessageIter sub;
	const uint8_t *data = NULL;
	int n = 0;

	dbus_message_iter_recurse(array, &sub);
	if (dbus_message_iter_get_arg_type(&sub) == DBUS_TYPE_BYTE) {
		dbus_message_iter_get_fixed_array(&sub, &data, &n);
	}
	hex_encode(&hex, view_of(data, n > 0 ? (size_t)n : 0));
	if (buf_check(&hex) < 0) {
		return NULL;
	}
	return json_stringn(hex.len > 0 ? (const char *)hex.data : "", hex.len);
}

/* The JSON of the value at @it: whole for a basic one, empty for a container (@ret_sub). */
static int convert(
	DBusMessageIter *it, json_t **ret, struct level *ret_sub, bool *ret_container)
{
	int type = dbus_message_iter_get_arg_type(it);
	json_t *j;

	*ret_container = false;
	switch (type) {
	case DBUS_TYPE_STRING:
	case DBUS_TYPE_OBJECT_PATH:
	case DBUS_TYPE_SIGNATURE:
		j = text(it);
		break;
	case DBUS_TYPE_UNIX_FD:
		j = json_null();
		break;
	case DBUS_TYPE_STRUCT:
	case DBUS_TYPE_ARRAY:
		if (type == DBUS_TYPE_ARRAY &&
			dbus_message_iter_get_element_type(it) == DBUS_TYPE_BYTE) {
			j = bytes(it);
			break;
		}
		ret_sub->dict = type == DBUS_TYPE_ARRAY &&
				dbus_message_iter_get_element_type(it) == DBUS_TYPE_DICT_ENTRY;
		j = ret_sub->dict ? json_object() : json_array();
		ret_sub->into = j;
		dbus_message_iter_recurse(it, &ret_sub->it);
		*ret_container = true;
		break;
	case DBUS_TYPE_DOUBLE:
	case DBUS_TYPE_INVALID:
		return VALUE_STRANGE;
	default:
		j = number(it, type);
	}
	if (!j) {
		return fault(-ENOMEM);
	}
	*ret = j;
	return 0;
}

/* A dictionary's key as text, whatever basic type it has. */
static void key_text(DBusMessageIter *it, char *ret, size_t size)
{
	int type = dbus_message_iter_get_arg_type(it);
	DBusBasicValue v = {0};

	dbus_message_iter_get_basic(it, &v);
	if (type == DBUS_TYPE_STRING || type == DBUS_TYPE_OBJECT_PATH) {
		(void)snprintf(ret, size, "%s", v.str);
	} else {
		(void)snprintf(ret, size, "%" PRIu64, v.u64);
	}
}

/* Convert the element at @l's place and step on; @ret_sub is filled when it is a container. */
static int step(struct level *l, struct level *ret_sub, bool *ret_container)
{
	char key[256] = "";
	DBusMessageIter at = l->it;
	DBusMessageIter sub;
	json_t *j = NULL;
	int r;

	if (l->dict) {
		dbus_message_iter_recurse(&l->it, &sub);
		key_text(&sub, key, sizeof(key));
		(void)dbus_message_iter_next(&sub);
		at = sub;
	}
	while (dbus_message_iter_get_arg_type(&at) == DBUS_TYPE_VARIANT) {
		dbus_message_iter_recurse(&at, &sub);
		at = sub;
	}
	r = convert(&at, &j, ret_sub, ret_container);
	if (r != 0) {
		return trace(r);
	}
	if ((l->dict ? json_object_set_new(l->into, key, j)
		     : json_array_append_new(l->into, j)) < 0) {
		return fault(-ENOMEM);
	}
	(void)dbus_message_iter_next(&l->it);
	return 0;
}

int value_args(DBusMessage *m, json_t **ret)
{
	struct level levels[VALUE_DEPTH];
	size_t depth = 1;
	_cleanup_json_ json_t *all = json_array();

	if (!all) {
		return fault(-ENOMEM);
	}
	levels[0] = (struct level){.into = all};
	if (!dbus_message_iter_init(m, &levels[0].it)) {
		depth = 0; /* no arguments */
	}
	while (depth > 0) {
		struct level *l = &levels[depth - 1];
		struct level sub = {0};
		bool container = false;
		int r;

		if (dbus_message_iter_get_arg_type(&l->it) == DBUS_TYPE_INVALID) {
			depth--;
			continue;
		}
		r = step(l, &sub, &container);
		if (r != 0) {
			return trace(r);
		}
		if (container && depth == VALUE_DEPTH) {
			return VALUE_STRANGE;
		}
		if (container) {
			levels[depth++] = sub;
		}
	}
	*ret = json_incref(all);
	return 0;
}

int value_fds(DBusMessage *m, size_t n, int *ret_fds)
{
	int found[8];
	size_t count = 0;
	DBusMessageIter it;

	if (dbus_message_iter_init(m, &it)) {
		do {
			if (dbus_message_iter_get_arg_type(&it) == DBUS_TYPE_UNIX_FD &&
				count < ARRAY_LEN(found)) {
				dbus_message_iter_get_basic(&it, &found[count++]);
			}
		} while (dbus_message_iter_next(&it));
	}
	for (size_t i = 0; i < count; i++) {
		if (count == n && found[i] >= 0) {
			ret_fds[i] = found[i];
		} else if (found[i] >= 0) {
			close(found[i]);
		}
	}
	return count == n ? 0 : VALUE_STRANGE;
}

/* At the value of @key in the a{sv} that is @m's last argument. */
static bool dict_value(DBusMessage *m, const char *key, DBusMessageIter *ret_value)
{
	DBusMessageIter it;
	DBusMessageIter dict;
	DBusMessageIter entry;
	const char *name = NULL;

	if (!dbus_message_iter_init(m, &it)) {
		return false;
	}
	while (dbus_message_iter_has_next(&it)) {
		(void)dbus_message_iter_next(&it);
	}
	if (dbus_message_iter_get_arg_type(&it) != DBUS_TYPE_ARRAY ||
		dbus_message_iter_get_element_type(&it) != DBUS_TYPE_DICT_ENTRY) {
		return false;
	}
	dbus_message_iter_recurse(&it, &dict);
	for (; dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY;
		(void)dbus_message_iter_next(&dict)) {
		dbus_message_iter_recurse(&dict, &entry);
		if (dbus_message_iter_get_arg_type(&entry) != DBUS_TYPE_STRING) {
			return false;
		}
		dbus_message_iter_get_basic(&entry, &name);
		(void)dbus_message_iter_next(&entry);
		if (strcmp(name, key) == 0 &&
			dbus_message_iter_get_arg_type(&entry) == DBUS_TYPE_VARIANT) {
			dbus_message_iter_recurse(&entry, ret_value);
			return true;
		}
	}
	return false;
}

int value_dict_fd(DBusMessage *m, const char *key, int *ret_fd)
{
	DBusMessageIter value;
	int fd = -1;

	if (!dict_value(m, key, &value) ||
		dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_UNIX_FD) {
		return VALUE_STRANGE;
	}
	dbus_message_iter_get_basic(&value, &fd);
	if (fd < 0) {
		return VALUE_STRANGE;
	}
	*ret_fd = fd;
	return 0;
}

/* -- writing --------------------------------------------------------------------------------- */

bool value_open_dict(DBusMessageIter *args, DBusMessageIter *ret_dict)
{
	return dbus_message_iter_open_container(args, DBUS_TYPE_ARRAY, "{sv}", ret_dict);
}

/* key and variant begun; @ret_entry and @ret_variant are to be closed by put_end() */
static bool put_begin(DBusMessageIter *dict, const char *key, const char *signature,
	DBusMessageIter *ret_entry, DBusMessageIter *ret_variant)
{
	return dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, ret_entry) &&
	       dbus_message_iter_append_basic(ret_entry, DBUS_TYPE_STRING, &key) &&
	       dbus_message_iter_open_container(
		       ret_entry, DBUS_TYPE_VARIANT, signature, ret_variant);
}

static bool put_end(DBusMessageIter *dict, DBusMessageIter *entry, DBusMessageIter *variant)
{
	return dbus_message_iter_close_container(entry, variant) &&
	       dbus_message_iter_close_container(dict, entry);
}

static bool put_basic(DBusMessageIter *dict, const char *key, int type, const char *signature,
	const void *value)
{
	DBusMessageIter entry;
	DBusMessageIter variant;

	return put_begin(dict, key, signature, &entry, &variant) &&
	       dbus_message_iter_append_basic(&variant, type, value) &&
	       put_end(dict, &entry, &variant);
}

bool value_put_str(DBusMessageIter *dict, const char *key, const char *value)
{
	return put_basic(dict, key, DBUS_TYPE_STRING, "s", &value);
}

bool value_put_u32(DBusMessageIter *dict, const char *key, uint32_t value)
{
	return put_basic(dict, key, DBUS_TYPE_UINT32, "u", &value);
}

bool value_put_bool(DBusMessageIter *dict, const char *key, bool value)
{
	dbus_bool_t b = value ? TRUE : FALSE;

	return put_basic(dict, key, DBUS_TYPE_BOOLEAN, "b", &b);
}

bool value_put_fd(DBusMessageIter *dict, const char *key, int fd)
{
	return put_basic(dict, key, DBUS_TYPE_UNIX_FD, "h", &fd);
}

bool value_append_list(DBusMessageIter *args, const char *list)
{
	DBusMessageIter array;
	char *copy;
	char *save = NULL;
	bool ok;

	copy = strdup(list);
	ok = copy && dbus_message_iter_open_container(args, DBUS_TYPE_ARRAY, "s", &array);
	for (char *word = ok ? strtok_r(copy, ",", &save) : NULL; ok && word;
		word = strtok_r(NULL, ",", &save)) {
		ok = dbus_message_iter_append_basic(&array, DBUS_TYPE_STRING, &word);
	}
	ok = ok && dbus_message_iter_close_container(args, &array);
	free(copy);
	return ok;
}

bool value_put_list(DBusMessageIter *dict, const char *key, const char *list)
{
	DBusMessageIter entry;
	DBusMessageIter variant;

	return put_begin(dict, key, "as", &entry, &variant) &&
	       value_append_list(&variant, list) && put_end(dict, &entry, &variant);
}

bool value_put_name(
	DBusMessageIter *dict, const char *key, const char *name, const char *version)
{
	DBusMessageIter entry;
	DBusMessageIter variant;
	DBusMessageIter inner;

	return put_begin(dict, key, "a{sv}", &entry, &variant) &&
	       value_open_dict(&variant, &inner) && value_put_str(&inner, "name", name) &&
	       value_put_str(&inner, "version", version) &&
	       dbus_message_iter_close_container(&variant, &inner) &&
	       put_end(dict, &entry, &variant);
}
