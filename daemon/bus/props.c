/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * org.freedesktop.DBus.Properties and ObjectManager. Nothing can be set. A property that is private
 * to a card's own user is absent from what everybody else gets.
 */
#include <string.h>

#include "daemon/bus/errors.h"
#include "daemon/bus/objects.h"

bool props_visible(const struct object *o, const struct property *p, uid_t uid)
{
	const struct card *c = o->what;

	if (!(p->flags & PROPERTY_PRIVATE))
		return true;
	return uid != PROPS_PUBLIC && c->in_use_uid == uid;
}

void props_entry(
	struct bus *b, const struct object *o, const struct property *p, struct wire *dict)
{
	struct wire e, v;

	wire_entry(dict, p->name, p->type, &e, &v);
	p->get(b, o, &v);
	wire_entry_close(dict, &e, &v);
}

static void put_properties(struct bus *b, const struct object *o, const struct interface *i,
	uid_t uid, struct wire *w)
{
	struct wire dict;

	wire_open(w, DBUS_TYPE_ARRAY, "{sv}", &dict);
	for (size_t k = 0; k < i->n_properties; k++)
		if (props_visible(o, &i->properties[k], uid))
			props_entry(b, o, &i->properties[k], &dict);
	wire_close(w, &dict);
}

void props_interfaces(struct bus *b, const struct object *o, uid_t uid, struct wire *w)
{
	struct wire dict, e;

	wire_open(w, DBUS_TYPE_ARRAY, "{sa{sv}}", &dict);
	for (const struct interface *const *list = object_interfaces(o, false); *list; list++) {
		wire_open(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
		wire_str(&e, (*list)->name);
		put_properties(b, o, *list, uid, &e);
		wire_close(&dict, &e);
	}
	wire_close(w, &dict);
}

/* 64-bit FNV-1a of the marshalled value: only compared with an earlier one of the same property */
uint64_t props_print(struct bus *b, const struct object *o, const struct property *p)
{
	uint64_t print = 0xcbf29ce484222325ULL;
	struct wire w, v;
	char *bytes = NULL;
	int len = 0;

	wire_signal(&w, BUS_ROOT, BUS_NAME, "Value");
	wire_open(&w, DBUS_TYPE_VARIANT, p->type, &v);
	p->get(b, o, &v);
	wire_close(&w, &v);
	if (w.ok && dbus_message_marshal(w.m, &bytes, &len)) {
		struct reader r = reader_of(view_of(bytes, (size_t)len));

		while (r.left)
			print = (print ^ reader_u8(&r)) * 0x100000001b3ULL;
		dbus_free(bytes);
	}
	wire_done(&w);
	return print;
}

static const struct interface *named_interface(struct call *call, DBusMessageIter *it)
{
	const char *name;

	(void)dbus_message_iter_init(call->m, it);
	name = wire_get_str(it);
	(void)dbus_message_iter_next(it);
	return object_interface(call->object, name, false);
}

static void on_get(struct call *call)
{
	DBusMessageIter it;
	const struct interface *i = named_interface(call, &it);
	const struct property *p;
	struct wire w, v;

	if (!i) {
		call_unknown_interface(call);
		return;
	}
	p = table_property(i, wire_get_str(&it));
	if (!p) {
		call_unknown_property(call);
		return;
	}
	if (!props_visible(call->object, p, call->peer->uid)) {
		call_fail(call, VITALED_REASON_ACCESS_DENIED, p->name);
		return;
	}
	wire_reply(&w, call->m);
	wire_open(&w, DBUS_TYPE_VARIANT, p->type, &v);
	p->get(call->b, call->object, &v);
	wire_close(&w, &v);
	call_reply(call, &w);
}

static void on_get_all(struct call *call)
{
	DBusMessageIter it;
	const struct interface *i = named_interface(call, &it);
	struct wire w;

	if (!i) {
		call_unknown_interface(call);
		return;
	}
	wire_reply(&w, call->m);
	put_properties(call->b, call->object, i, call->peer->uid, &w);
	call_reply(call, &w);
}

static void on_get_managed(struct call *call)
{
	struct wire w, dict, e;

	wire_reply(&w, call->m);
	wire_open(&w, DBUS_TYPE_ARRAY, "{oa{sa{sv}}}", &dict);
	for (const struct object *o = call->b->objects; o; o = o->next) {
		if (o->kind == OBJECT_ROOT || !object_visible(o, call->peer))
			continue;
		wire_open(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
		wire_path(&e, o->path);
		props_interfaces(call->b, o, call->peer->uid, &e);
		wire_close(&dict, &e);
	}
	wire_close(&w, &dict);
	call_reply(call, &w);
}

static const struct method properties_methods[] = {
	{"Get", "ss", "v", "interface_name property_name value", METHOD_PURE, NULL, on_get},
	{"GetAll", "s", "a{sv}", "interface_name properties", METHOD_PURE, NULL, on_get_all},
	{"Set", "ssv", "", "interface_name property_name value", 0, NULL, call_read_only},
};

static const struct signal properties_signals[] = {
	{"PropertiesChanged", "sa{sv}as",
		"interface_name changed_properties invalidated_properties"},
};

const struct interface interface_properties = {
	.name = DBUS_INTERFACE_PROPERTIES,
	.methods = properties_methods,
	.n_methods = ARRAY_LEN(properties_methods),
	.signals = properties_signals,
	.n_signals = ARRAY_LEN(properties_signals),
};

static const struct method manager_methods[] = {
	{"GetManagedObjects", "", "a{oa{sa{sv}}}", "objpath_interfaces_and_properties",
		METHOD_COSTLY | METHOD_PURE, NULL, on_get_managed},
};

static const struct signal manager_signals[] = {
	{"InterfacesAdded", "oa{sa{sv}}", "object_path interfaces_and_properties"},
	{"InterfacesRemoved", "oas", "object_path interfaces"},
};

const struct interface interface_object_manager = {
	.name = "org.freedesktop.DBus.ObjectManager",
	.methods = manager_methods,
	.n_methods = ARRAY_LEN(manager_methods),
	.signals = manager_signals,
	.n_signals = ARRAY_LEN(manager_signals),
};
