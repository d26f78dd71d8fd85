/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Messages built with one sticky flag, dictionaries read by tables of keys. Every container that was
 * opened is closed or abandoned, so that a message that ran out of memory half way can be freed.
 */
#include "daemon/bus/wire.h"

#include <errno.h>
#include <string.h>

static void wire_start(struct wire *w, DBusMessage *m)
{
	*w = (struct wire){.m = m, .ok = m != NULL};
	if (m)
		dbus_message_iter_init_append(m, &w->it);
}

void wire_reply(struct wire *w, DBusMessage *call)
{
	wire_start(w, dbus_message_new_method_return(call));
}

void wire_signal(struct wire *w, const char *path, const char *interface, const char *member)
{
	wire_start(w, dbus_message_new_signal(path, interface, member));
}

void wire_call(struct wire *w, const char *destination, const char *path, const char *interface,
	const char *member)
{
	DBusMessage *m = dbus_message_new_method_call(destination, path, interface, member);

	if (m)
		dbus_message_set_auto_start(m, FALSE);
	wire_start(w, m);
}

void wire_done(struct wire *w)
{
	if (w->m)
		dbus_message_unref(w->m);
	w->m = NULL;
	w->ok = false;
}

DBusMessage *wire_take(struct wire *w)
{
	DBusMessage *m = w->ok ? w->m : NULL;

	if (m)
		w->m = NULL;
	wire_done(w);
	return m;
}

static void wire_basic(struct wire *w, int type, const void *value)
{
	if (w->ok && !dbus_message_iter_append_basic(&w->it, type, value))
		w->ok = false;
}

static void wire_ascii(struct wire *w, const char *text)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(4096);
	const char *clean;

	for (const char *p = text; *p && b.len < 1024; p++)
		buf_put_u8(&b, (uint8_t)(*p & 0x80 ? '?' : *p));
	buf_put_u8(&b, 0);
	if (buf_check(&b) < 0) {
		w->ok = false;
		return;
	}
	clean = (const char *)b.data;
	wire_basic(w, DBUS_TYPE_STRING, &clean);
}

void wire_str(struct wire *w, const char *text)
{
	const char *t = text ? text : "";

	if (dbus_validate_utf8(t, NULL))
		wire_basic(w, DBUS_TYPE_STRING, &t);
	else
		wire_ascii(w, t);
}

void wire_path(struct wire *w, const char *path)
{
	wire_basic(w, DBUS_TYPE_OBJECT_PATH, &path);
}

void wire_u8(struct wire *w, uint8_t v)
{
	wire_basic(w, DBUS_TYPE_BYTE, &v);
}

void wire_u32(struct wire *w, uint32_t v)
{
	wire_basic(w, DBUS_TYPE_UINT32, &v);
}

void wire_u64(struct wire *w, uint64_t v)
{
	dbus_uint64_t n = v;

	wire_basic(w, DBUS_TYPE_UINT64, &n);
}

void wire_bool(struct wire *w, bool v)
{
	dbus_bool_t b = v;

	wire_basic(w, DBUS_TYPE_BOOLEAN, &b);
}

void wire_fd(struct wire *w, int fd)
{
	wire_basic(w, DBUS_TYPE_UNIX_FD, &fd);
}

void wire_bytes(struct wire *w, struct view v)
{
	struct wire a;

	wire_open(w, DBUS_TYPE_ARRAY, "y", &a);
	for (size_t i = 0; i < v.len; i++)
		wire_u8(&a, v.data[i]);
	wire_close(w, &a);
}

void wire_open(struct wire *w, int type, const char *signature, struct wire *ret_sub)
{
	*ret_sub = (struct wire){.ok = false};
	if (!w->ok)
		return;
	if (dbus_message_iter_open_container(&w->it, type, signature, &ret_sub->it))
		ret_sub->ok = true;
	else
		w->ok = false;
}

void wire_close(struct wire *w, struct wire *sub)
{
	if (!w->ok)
		return; /* it was not opened */
	if (!sub->ok) {
		dbus_message_iter_abandon_container(&w->it, &sub->it);
		w->ok = false;
	} else if (!dbus_message_iter_close_container(&w->it, &sub->it)) {
		w->ok = false;
	}
}

void wire_entry(struct wire *dict, const char *key, const char *signature, struct wire *ret_e,
	struct wire *ret_v)
{
	wire_open(dict, DBUS_TYPE_DICT_ENTRY, NULL, ret_e);
	wire_str(ret_e, key);
	wire_open(ret_e, DBUS_TYPE_VARIANT, signature, ret_v);
}

void wire_entry_close(struct wire *dict, struct wire *e, struct wire *v)
{
	wire_close(e, v);
	wire_close(dict, e);
}

void wire_sv_str(struct wire *dict, const char *key, const char *text)
{
	struct wire e, v;

	wire_entry(dict, key, "s", &e, &v);
	wire_str(&v, text);
	wire_entry_close(dict, &e, &v);
}

void wire_sv_u8(struct wire *dict, const char *key, uint8_t n)
{
	struct wire e, v;

	wire_entry(dict, key, "y", &e, &v);
	wire_u8(&v, n);
	wire_entry_close(dict, &e, &v);
}

void wire_sv_u32(struct wire *dict, const char *key, uint32_t n)
{
	struct wire e, v;

	wire_entry(dict, key, "u", &e, &v);
	wire_u32(&v, n);
	wire_entry_close(dict, &e, &v);
}

void wire_sv_u64(struct wire *dict, const char *key, uint64_t n)
{
	struct wire e, v;

	wire_entry(dict, key, "t", &e, &v);
	wire_u64(&v, n);
	wire_entry_close(dict, &e, &v);
}

void wire_sv_bool(struct wire *dict, const char *key, bool n)
{
	struct wire e, v;

	wire_entry(dict, key, "b", &e, &v);
	wire_bool(&v, n);
	wire_entry_close(dict, &e, &v);
}

const char *wire_get_str(DBusMessageIter *it)
{
	const char *text = NULL;

	dbus_message_iter_get_basic(it, &text);
	return text;
}

uint32_t wire_get_u32(DBusMessageIter *it)
{
	dbus_uint32_t v = 0;

	dbus_message_iter_get_basic(it, &v);
	return v;
}

bool wire_get_bool(DBusMessageIter *it)
{
	dbus_bool_t v = FALSE;

	dbus_message_iter_get_basic(it, &v);
	return v;
}

int wire_get_fd(DBusMessageIter *it)
{
	int fd = -1;

	dbus_message_iter_get_basic(it, &fd);
	return fd;
}

static bool signature_is(DBusMessageIter *it, const char *signature)
{
	char *is = dbus_message_iter_get_signature(it);
	bool same = is && strcmp(is, signature) == 0;

	dbus_free(is);
	return same;
}

typedef int (*option_fn)(void *user, const struct wire_option *o, DBusMessageIter *value);

static int options_walk(DBusMessageIter *dict, const struct wire_option *options, size_t n,
	option_fn fn, void *user, const char **ret_bad)
{
	DBusMessageIter array, entry, value;
	uint32_t seen = 0;

	dbus_message_iter_recurse(dict, &array);
	while (dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_DICT_ENTRY) {
		const char *key;
		size_t i = 0;
		int r;

		dbus_message_iter_recurse(&array, &entry);
		key = wire_get_str(&entry);
		(void)dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &value);
		while (i < n && strcmp(options[i].key, key) != 0)
			i++;
		if (i == n || seen & 1U << i || !signature_is(&value, options[i].signature)) {
			*ret_bad = key;
			return WIRE_INVALID;
		}
		seen |= 1U << i;
		r = fn(user, &options[i], &value);
		if (r) {
			*ret_bad = key;
			return r;
		}
		(void)dbus_message_iter_next(&array);
	}
	return 0;
}

static int option_set(void *user, const struct wire_option *o, DBusMessageIter *value)
{
	return o->set(user, value);
}

int wire_options(DBusMessageIter *dict, const struct wire_option *options, size_t n, void *user,
	const char **ret_bad)
{
	return options_walk(dict, options, n, option_set, user, ret_bad);
}

static int option_member(void *user, const struct wire_option *o, DBusMessageIter *value)
{
	json_t *member = NULL;
	dbus_uint64_t t = 0;

	switch (o->signature[0]) {
	case 's':
		member = json_string(wire_get_str(value));
		break;
	case 'b':
		member = json_boolean(wire_get_bool(value));
		break;
	case 'u':
		member = json_integer(wire_get_u32(value));
		break;
	case 't':
		dbus_message_iter_get_basic(value, &t);
		if (t > INT64_MAX)
			return WIRE_INVALID;
		member = json_integer((json_int_t)t);
		break;
	default: /* not a letter of our tables */
		return WIRE_INVALID;
	}
	return trace(json_set(user, o->key, member));
}

int wire_filter(DBusMessageIter *dict, const struct wire_option *options, size_t n,
	json_t **ret, const char **ret_bad)
{
	_cleanup_json_ json_t *j = json_object();
	int r;

	if (!j)
		return fault(-ENOMEM);
	r = options_walk(dict, options, n, option_member, j, ret_bad);
	if (r)
		return r;
	*ret = j;
	j = NULL;
	return 0;
}
