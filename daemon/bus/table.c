/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Introspection made by walking the tables, so that what a client is told is what is dispatched.
 * Nothing here knows an interface.
 */
#include "daemon/bus/table.h"

#include <string.h>

const struct method *table_method(const struct interface *i, const char *name)
{
	for (size_t k = 0; k < i->n_methods; k++)
		if (strcmp(i->methods[k].name, name) == 0)
			return &i->methods[k];
	return NULL;
}

const struct property *table_property(const struct interface *i, const char *name)
{
	for (size_t k = 0; k < i->n_properties; k++)
		if (strcmp(i->properties[k].name, name) == 0)
			return &i->properties[k];
	return NULL;
}

/* the next word of @names, and moves on */
static struct view next_name(const char **names)
{
	size_t n = strcspn(*names, " ");
	struct view word = view_of(*names, n);

	*names += n;
	if (**names)
		(*names)++;
	return word;
}

static void put_args(
	struct buf *out, const char *signature, const char **names, const char *direction)
{
	DBusSignatureIter it;

	if (!*signature)
		return;
	dbus_signature_iter_init(&it, signature);
	do {
		char *one = dbus_signature_iter_get_signature(&it);

		buf_put_str(out, "   <arg name=\"");
		buf_put_view(out, next_name(names));
		buf_printf(out, "\" type=\"%s\"", one ? one : "");
		if (direction)
			buf_printf(out, " direction=\"%s\"", direction);
		buf_put_str(out, "/>\n");
		dbus_free(one);
	} while (dbus_signature_iter_next(&it));
}

static void put_method(struct buf *out, const struct method *m)
{
	const char *names = m->args;

	buf_printf(out, "  <method name=\"%s\">\n", m->name);
	put_args(out, m->in, &names, "in");
	put_args(out, m->out, &names, "out");
	buf_put_str(out, "  </method>\n");
}

static void put_property(struct buf *out, const struct property *p)
{
	const char *emits = p->flags & PROPERTY_CONST ? "const" : NULL;

	buf_printf(
		out, "  <property name=\"%s\" type=\"%s\" access=\"read\"", p->name, p->type);
	if (!emits) {
		buf_put_str(out, "/>\n");
		return;
	}
	buf_printf(out,
		">\n   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\""
		" value=\"%s\"/>\n  </property>\n",
		emits);
}

static void put_signal(struct buf *out, const struct signal *s)
{
	const char *names = s->names;

	buf_printf(out, "  <signal name=\"%s\">\n", s->name);
	put_args(out, s->args, &names, NULL);
	buf_put_str(out, "  </signal>\n");
}

void table_introspect(const struct interface *const *list, struct buf *out)
{
	for (; *list; list++) {
		const struct interface *i = *list;

		buf_printf(out, " <interface name=\"%s\">\n", i->name);
		for (size_t k = 0; k < i->n_methods; k++)
			put_method(out, &i->methods[k]);
		for (size_t k = 0; k < i->n_properties; k++)
			put_property(out, &i->properties[k]);
		for (size_t k = 0; k < i->n_signals; k++)
			put_signal(out, &i->signals[k]);
		buf_put_str(out, " </interface>\n");
	}
}
