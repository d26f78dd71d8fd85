/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The registry of exported objects: paths, who may see which, which interfaces they have, and their
 * introspection. Sessions and leases are seen by their owner only, also in folders' lists.
 */
#include "daemon/bus/objects.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/errors.h"

static const char *const folders[] = {
	[OBJECT_ROOT] = BUS_ROOT,
	[OBJECT_READER] = BUS_ROOT "/reader",
	[OBJECT_CARD] = BUS_ROOT "/card",
	[OBJECT_SESSION] = BUS_ROOT "/session",
	[OBJECT_LEASE] = BUS_ROOT "/lease",
};

void object_path(enum object_kind kind, uint32_t id, char ret_path[48])
{
	if (kind == OBJECT_ROOT)
		(void)snprintf(ret_path, 48, "%s", BUS_ROOT);
	else
		(void)snprintf(ret_path, 48, "%s/%u", folders[kind], id);
}

/* a peer is not forgotten while it has objects */
static void count_owner(struct bus *b, const struct object *o, int by)
{
	struct peer *p = o->owner ? peers_find(b, o->owner) : NULL;

	if (p)
		p->n_objects += (unsigned int)by;
}

int objects_add(
	struct bus *b, enum object_kind kind, uint32_t id, void *what, const char *owner)
{
	struct object **end = &b->objects;
	struct object *o = calloc(1, sizeof(*o));

	if (!o)
		return fault(-ENOMEM);
	*o = (struct object){.kind = kind, .id = id, .what = what, .private_uid = PROPS_PUBLIC};
	object_path(kind, id, o->path);
	if (owner) {
		o->owner = strdup(owner);
		if (!o->owner) {
			free(o);
			return fault(-ENOMEM);
		}
	}
	while (*end)
		end = &(*end)->next;
	*end = o;
	count_owner(b, o, 1);
	changes_mark(b, kind, id);
	return 0;
}

static void object_free(struct object *o)
{
	free(o->owner);
	free(o);
}

void objects_remove(struct bus *b, enum object_kind kind, uint32_t id)
{
	for (struct object **at = &b->objects; *at; at = &(*at)->next) {
		struct object *o = *at;

		if (o->kind != kind || o->id != id)
			continue;
		changes_removed(b, o);
		count_owner(b, o, -1);
		*at = o->next;
		object_free(o);
		return;
	}
}

void objects_free(struct bus *b)
{
	while (b->objects) {
		struct object *o = b->objects;

		b->objects = o->next;
		object_free(o);
	}
}

struct object *objects_get(struct bus *b, enum object_kind kind, uint32_t id)
{
	for (struct object *o = b->objects; o; o = o->next)
		if (o->kind == kind && o->id == id)
			return o;
	return NULL;
}

struct object *objects_find(struct bus *b, const char *path)
{
	for (struct object *o = b->objects; path && o; o = o->next)
		if (strcmp(o->path, path) == 0)
			return o;
	return NULL;
}

bool object_visible(const struct object *o, const struct peer *p)
{
	return !o->owner || strcmp(o->owner, p->name) == 0;
}

#define STANDARD &interface_properties, &interface_introspectable, &interface_peer

const struct interface *const *object_interfaces(const struct object *o, bool all)
{
	static const struct interface *const root[] = {
		STANDARD, &interface_object_manager, &interface_manager, NULL};
	static const struct interface *const reader[] = {STANDARD, &interface_reader, NULL};
	static const struct interface *const card[] = {STANDARD, &interface_card, NULL};
	static const struct interface *const session[] = {STANDARD, &interface_session, NULL};
	static const struct interface *const lease[] = {STANDARD, &interface_lease, NULL};
	static const struct interface *const unlocked[] = {
		STANDARD, &interface_session, &interface_dossier, NULL};

	switch (o->kind) {
	case OBJECT_ROOT:
		return root;
	case OBJECT_READER:
		return reader;
	case OBJECT_CARD:
		return card;
	case OBJECT_LEASE:
		return lease;
	case OBJECT_SESSION:
		break;
	}
	/* a suspended dossier answers nothing until its card is back */
	return all || (dossier_state_of(o->what) &&
			      session_state(o->what) != SESSION_STATE_SUSPENDED)
		       ? unlocked
		       : session;
}

const struct interface *object_interface(const struct object *o, const char *name, bool all)
{
	const struct interface *const *list = object_interfaces(o, all);

	for (; *list; list++)
		if (strcmp((*list)->name, name) == 0)
			return *list;
	return NULL;
}

/* the names of the nodes right below @path that @p may see; whether @path is a node at all */
static bool put_nodes(struct bus *b, const struct peer *p, const char *path, struct buf *out)
{
	bool node = false;

	for (size_t k = OBJECT_READER; k < ARRAY_LEN(folders); k++) {
		if (strcmp(path, BUS_ROOT) == 0) {
			buf_printf(
				out, " <node name=\"%s\"/>\n", folders[k] + sizeof(BUS_ROOT));
			node = true;
		}
		if (strcmp(path, folders[k]) != 0)
			continue;
		node = true;
		for (const struct object *o = b->objects; o; o = o->next)
			if (o->kind == k && object_visible(o, p))
				buf_printf(out, " <node name=\"%u\"/>\n", o->id);
	}
	return node;
}

void objects_introspect(struct call *call)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(256U * 1024U);
	const char *path = dbus_message_get_path(call->m);
	const struct object *o = objects_find(call->b, path);
	struct wire w;
	bool node;

	buf_put_str(&out, DBUS_INTROSPECT_1_0_XML_DOCTYPE_DECL_NODE "<node>\n");
	if (o)
		table_introspect(object_interfaces(o, false), &out);
	node = put_nodes(call->b, call->peer, path, &out);
	if (!o && !node) {
		call_unknown_object(call);
		return;
	}
	buf_put_str(&out, "</node>\n");
	buf_put_u8(&out, 0);
	wire_reply(&w, call->m);
	if (buf_check(&out) < 0)
		w.ok = false;
	else
		wire_str(&w, (const char *)out.data);
	call_reply(call, &w);
}

static const struct method introspectable_methods[] = {
	{"Introspect", "", "s", "xml_data", METHOD_COSTLY | METHOD_PURE, NULL,
		objects_introspect},
};

const struct interface interface_introspectable = {
	.name = DBUS_INTERFACE_INTROSPECTABLE,
	.methods = introspectable_methods,
	.n_methods = ARRAY_LEN(introspectable_methods),
};

/* answered by libdbus itself, before any handler: here for introspection, and never reached */
static const struct method peer_methods[] = {
	{"Ping", "", "", "", 0, NULL, call_done},
	{"GetMachineId", "", "s", "machine_uuid", 0, NULL, call_unknown_method},
};

const struct interface interface_peer = {
	.name = DBUS_INTERFACE_PEER,
	.methods = peer_methods,
	.n_methods = ARRAY_LEN(peer_methods),
};
