/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Telling what changed. Rooms only say that an object may have changed; at the end of the turn its
 * values are compared with what was told last and the differences go out in one signal. Signals of a
 * session go to its owner alone, those of readers and cards to everybody, the private properties of
 * a card to the connections of its own user. When the bus does not read, nothing is sent and nothing
 * noted as told: the difference goes out later.
 */
#include <errno.h>
#include <string.h>

#include "daemon/bus/objects.h"

static bool send_to(struct bus *b, struct wire *w, const char *destination)
{
	if (w->ok && destination && !dbus_message_set_destination(w->m, destination))
		w->ok = false;
	return bus_notify(b, w);
}

static void remember(struct bus *b, struct object *o)
{
	size_t n = 0;

	for (const struct interface *const *list = object_interfaces(o, false); *list; list++)
		for (size_t k = 0; k < (*list)->n_properties && n < OBJECT_PROPERTIES; k++, n++)
			o->prints[n] = props_print(b, o, &(*list)->properties[k]);
}

static void announce(struct bus *b, struct object *o)
{
	struct wire w;

	if (o->kind == OBJECT_ROOT) { /* always there: only its changes are told */
		o->announced = true;
		remember(b, o);
		return;
	}
	wire_signal(&w, BUS_ROOT, interface_object_manager.name, "InterfacesAdded");
	wire_path(&w, o->path);
	props_interfaces(b, o, PROPS_PUBLIC, &w);
	if (!send_to(b, &w, o->owner))
		return;
	o->announced = true;
	o->dossier =
		o->kind == OBJECT_SESSION && object_interface(o, interface_dossier.name, false);
	remember(b, o);
}

/* one interface: what differs from @prints (and fits @private) in one signal to @destination */
static void tell_interface(struct bus *b, struct object *o, const struct interface *i,
	uint64_t *prints, bool private, const char *destination)
{
	struct wire w, changed, invalidated;
	uint64_t now[OBJECT_PROPERTIES];
	bool any = false;

	wire_signal(&w, o->path, DBUS_INTERFACE_PROPERTIES, "PropertiesChanged");
	wire_str(&w, i->name);
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &changed);
	for (size_t k = 0; k < i->n_properties && k < OBJECT_PROPERTIES; k++) {
		const struct property *p = &i->properties[k];

		now[k] = prints[k];
		if (p->flags & PROPERTY_CONST || !(p->flags & PROPERTY_PRIVATE) == private)
			continue;
		now[k] = props_print(b, o, p);
		if (now[k] == prints[k])
			continue;
		any = true;
		props_entry(b, o, p, &changed);
	}
	wire_close(&w, &changed);
	wire_open(&w, DBUS_TYPE_ARRAY, "s", &invalidated);
	wire_close(&w, &invalidated);
	if (!any) {
		wire_done(&w);
		return;
	}
	if (send_to(b, &w, destination))
		for (size_t k = 0; k < i->n_properties && k < OBJECT_PROPERTIES; k++)
			prints[k] = now[k];
}

static void tell_public(struct bus *b, struct object *o)
{
	size_t at = 0;

	for (const struct interface *const *list = object_interfaces(o, false); *list; list++) {
		if (at + (*list)->n_properties > OBJECT_PROPERTIES)
			return; /* cannot be: a test counts */
		if (*list != &interface_dossier || o->dossier)
			tell_interface(b, o, *list, o->prints + at, false, o->owner);
		at += (*list)->n_properties;
	}
}

/* -- the private properties of a card -- */

static void forget_private(struct bus *b, struct object *o, const char *name)
{
	struct wire w, changed, invalidated;

	wire_signal(&w, o->path, DBUS_INTERFACE_PROPERTIES, "PropertiesChanged");
	wire_str(&w, interface_card.name);
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &changed);
	wire_close(&w, &changed);
	wire_open(&w, DBUS_TYPE_ARRAY, "s", &invalidated);
	for (size_t k = 0; k < interface_card.n_properties; k++)
		if (interface_card.properties[k].flags & PROPERTY_PRIVATE)
			wire_str(&invalidated, interface_card.properties[k].name);
	wire_close(&w, &invalidated);
	(void)send_to(b, &w, name);
}

static void tell_private(struct bus *b, struct object *o)
{
	const struct card *c = o->what;
	size_t at = 0;
	uint64_t before[OBJECT_PROPERTIES], after[OBJECT_PROPERTIES];

	for (const struct interface *const *list = object_interfaces(o, false);
		*list && *list != &interface_card; list++)
		at += (*list)->n_properties;
	for (size_t k = 0; k < OBJECT_PROPERTIES; k++)
		before[k] = after[k] = at + k < OBJECT_PROPERTIES ? o->prints[at + k] : 0;
	for (const struct peer *p = b->peers; p; p = p->next) {
		if (!p->known || p->gone)
			continue;
		if (o->private_uid != PROPS_PUBLIC && o->private_uid != c->in_use_uid &&
			p->uid == o->private_uid)
			forget_private(b, o, p->name);
		if (c->in_use_uid == PROPS_PUBLIC || p->uid != c->in_use_uid)
			continue;
		for (size_t k = 0; k < OBJECT_PROPERTIES; k++)
			after[k] = before[k];
		tell_interface(b, o, &interface_card, after, true, p->name);
	}
	for (size_t k = 0; at + k < OBJECT_PROPERTIES; k++)
		o->prints[at + k] = after[k];
	o->private_uid = c->in_use_uid;
}

/* -- the Dossier interface comes and goes with the unlock -- */

static size_t dossier_at(const struct object *o)
{
	size_t at = 0;

	for (const struct interface *const *list = object_interfaces(o, true);
		*list && *list != &interface_dossier; list++)
		at += (*list)->n_properties;
	return at;
}

static void put_dossier(struct bus *b, const struct object *o, struct wire *w)
{
	struct wire list, e, dict;

	wire_open(w, DBUS_TYPE_ARRAY, "{sa{sv}}", &list);
	wire_open(&list, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	wire_str(&e, interface_dossier.name);
	wire_open(&e, DBUS_TYPE_ARRAY, "{sv}", &dict);
	for (size_t k = 0; k < interface_dossier.n_properties; k++)
		props_entry(b, o, &interface_dossier.properties[k], &dict);
	wire_close(&e, &dict);
	wire_close(&list, &e);
	wire_close(w, &list);
}

static void tell_dossier(struct bus *b, struct object *o)
{
	bool now = object_interface(o, interface_dossier.name, false);
	size_t at = dossier_at(o);
	struct wire w, list;

	if (now == o->dossier)
		return;
	wire_signal(&w, BUS_ROOT, interface_object_manager.name,
		now ? "InterfacesAdded" : "InterfacesRemoved");
	wire_path(&w, o->path);
	if (now) {
		put_dossier(b, o, &w);
	} else {
		wire_open(&w, DBUS_TYPE_ARRAY, "s", &list);
		wire_str(&list, interface_dossier.name);
		wire_close(&w, &list);
	}
	if (!send_to(b, &w, o->owner))
		return;
	o->dossier = now;
	for (size_t k = 0; now && k < interface_dossier.n_properties; k++)
		if (at + k < OBJECT_PROPERTIES)
			o->prints[at + k] = props_print(b, o, &interface_dossier.properties[k]);
}

void changes_tell(struct bus *b, struct object *o)
{
	if (bus_congested(b)) {
		b->held = true; /* stays dirty */
		return;
	}
	o->dirty = false;
	if (!o->announced) {
		announce(b, o);
		return;
	}
	if (o->kind == OBJECT_SESSION)
		tell_dossier(b, o); /* before State says unlocked */
	tell_public(b, o);
	if (o->kind == OBJECT_CARD)
		tell_private(b, o);
}

void changes_removed(struct bus *b, struct object *o)
{
	const struct peer *owner = o->owner ? peers_find(b, o->owner) : NULL;
	struct wire w, names;

	if (!o->announced || (o->owner && (!owner || owner->gone)))
		return;
	changes_tell(b, o); /* its last state */
	wire_signal(&w, BUS_ROOT, interface_object_manager.name, "InterfacesRemoved");
	wire_path(&w, o->path);
	wire_open(&w, DBUS_TYPE_ARRAY, "s", &names);
	for (const struct interface *const *list = object_interfaces(o, o->dossier); *list;
		list++)
		wire_str(&names, (*list)->name);
	wire_close(&w, &names);
	(void)send_to(b, &w, o->owner);
}

static int on_flush(sd_event_source *src _unused_, void *user)
{
	struct bus *b = user;

	b->held = false;
	for (struct object *o = b->objects; o; o = o->next)
		if (o->dirty)
			changes_tell(b, o);
	return 0;
}

int changes_start(struct bus *b)
{
	int r = sd_event_add_defer(b->ev, &b->flush, on_flush, b);

	if (r < 0)
		return fault(r);
	/* of the same priority as all others: a busy client must not starve it */
	r = sd_event_source_set_enabled(b->flush, SD_EVENT_OFF);
	return r < 0 ? fault(r) : 0;
}

void changes_mark(struct bus *b, enum object_kind kind, uint32_t id)
{
	struct object *o = objects_get(b, kind, id);

	if (!o)
		return;
	o->dirty = true;
	(void)sd_event_source_set_enabled(b->flush, SD_EVENT_ONESHOT);
}

void changes_root(struct bus *b)
{
	changes_mark(b, OBJECT_ROOT, 0);
}

void changes_resume(struct bus *b)
{
	if (b->held)
		(void)sd_event_source_set_enabled(b->flush, SD_EVENT_ONESHOT);
}
