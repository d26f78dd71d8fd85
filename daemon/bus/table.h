/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The const tables from which dispatch, signatures, access and introspection all come. An object's
 * kind has a NULL-terminated list of interfaces; include/dbus/org.vitaled1.xml says the same for
 * people, and a test compares the two.
 */
#include "daemon/bus/core.h"

struct call;
struct object;

typedef void (*call_fn)(struct call *call);

enum method_flag {
	/* bounded for each uid (bus/bucket.h): */
	METHOD_RECORDS = 1,  /* makes durable entries */
	METHOD_DOSSIER = 2,  /* makes an entry, if a dossier is unlocked */
	METHOD_COSTLY = 4,   /* looks at everything there is */
	METHOD_PURE = 8,     /* nothing but its answer, at once: not run for who wants none */
	METHOD_AT_ONCE = 16, /* never waits, so that no quota refuses it */
};

struct method {
	const char *name;
	const char *in;	  /* signature */
	const char *out;  /* signature */
	const char *args; /* names, in before out, one blank between */
	unsigned int flags;
	const char *action; /* polkit, asked before @fn; NULL: none, or @fn asks itself */
	call_fn fn;	    /* owns the call and ends it, at once or later */
};

enum property_flag {	      /* bits */
	PROPERTY_CONST = 1,   /* never changes */
	PROPERTY_PRIVATE = 2, /* only for the card's own user */
};

struct property {
	const char *name;
	const char *type;
	unsigned int flags;
	void (*get)(struct bus *b, const struct object *o, struct wire *w);
};

struct signal {
	const char *name;
	const char *args; /* signature */
	const char *names;
};

struct interface {
	const char *name;
	const struct method *methods;
	size_t n_methods;
	const struct property *properties;
	size_t n_properties;
	const struct signal *signals;
	size_t n_signals;
};

extern const struct interface interface_properties, interface_introspectable, interface_peer,
	interface_object_manager, interface_manager, interface_reader, interface_card,
	interface_session, interface_dossier, interface_lease;

const struct method *table_method(const struct interface *i, const char *name);
const struct property *table_property(const struct interface *i, const char *name);
/** table_introspect() - the <interface> elements of @list (NULL-terminated) appended to @out. */
void table_introspect(const struct interface *const *list, struct buf *out);
