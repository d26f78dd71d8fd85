/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The order of checks, the same for every call: the object exists for this caller, it has the
 * interface, the interface the member, the arguments their signature, descriptors come only where some
 * are taken, a method that costs is not called too often, polkit agrees, then the function runs. An object that the caller
 * may not see answers as one that does not exist; a dossier that is not unlocked answers WrongState.
 * A call must name its interface.
 */
#include "daemon/bus/dispatch.h"

#include <string.h>

#include "base/clock.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/objects.h"
#include "daemon/bus/polkit.h"

static const struct method *find(
	const struct interface *const *list, const char *interface, const char *member)
{
	for (; *list; list++) {
		const struct method *m;

		if (strcmp((*list)->name, interface) != 0)
			continue;
		m = table_method(*list, member);
		if (m)
			return m;
	}
	return NULL;
}

/* a call that anybody's program makes to look tells nothing of its person: reading properties */
static void note_input(const struct call *call)
{
	const struct object *o = call->object;

	if (o->kind == OBJECT_SESSION && !(call->method->flags & METHOD_PURE))
		session_input(o->what);
}

/* after polkit: nothing that needs an object asks polkit, but it may have gone meanwhile */
static void run_allowed(struct call *call)
{
	call->object = objects_find(call->b, dbus_message_get_path(call->m));
	if (!call->object || !object_visible(call->object, call->peer)) {
		call_unknown_object(call);
		return;
	}
	note_input(call);
	call->method->fn(call);
}

void dispatch_start(struct bus *b)
{
	b->records = BUCKETS_RECORDS;
	b->dossiers = BUCKETS_DOSSIERS;
	b->costly = BUCKETS_COSTLY;
}

/* the name of the bucket that is empty, or NULL */
static const char *too_often(struct call *call, unsigned int flags)
{
	struct bus *b = call->b;

	const struct {
		unsigned int flag;
		struct buckets *of;
		const char *word;
	} rows[] = {
		{METHOD_RECORDS, &b->records, "records"},
		{METHOD_DOSSIER, &b->dossiers, "dossiers"},
		{METHOD_COSTLY, &b->costly, "costly"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (flags & rows[i].flag &&
			!bucket_take(rows[i].of, call->peer->uid, clock_monotonic()))
			return rows[i].word;
	return NULL;
}

static uint32_t descriptors_of(const char *signature)
{
	uint32_t n = 0;

	for (const char *at = signature; *at; at++)
		n += *at == DBUS_TYPE_UNIX_FD ? 1 : 0;
	return n;
}

/* what can be refused by the method's row alone; ends the call when it is */
static bool refused(struct call *call, const struct method *method)
{
	const char *full;

	if (!dbus_message_has_signature(call->m, method->in)) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "signature");
		return true;
	}
	/* a dictionary of options may name some */
	if (dbus_message_contains_unix_fds(call->m) && !strpbrk(method->in, "hv")) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "descriptors");
		return true;
	}
	if (method->flags & METHOD_PURE && dbus_message_get_no_reply(call->m)) {
		call_end(call);
		return true;
	}
	full = method->flags & (METHOD_PURE | METHOD_AT_ONCE) ? NULL : call_hold(call);
	if (!full && !call_take(call, QUOTA_UNREAD, descriptors_of(method->out)))
		full = quota_word(QUOTA_UNREAD);
	if (!full)
		full = too_often(call, method->flags);
	if (full)
		call_fail(call, VITALED_REASON_LIMITS_EXCEEDED, full);
	return full != NULL;
}

static void run_standard(struct call *call, const char *interface, const char *member)
{
	/* folders above and between the objects can be introspected, nothing else */
	const struct method *method = strcmp(interface, interface_introspectable.name) == 0
					      ? table_method(&interface_introspectable, member)
					      : NULL;

	if (!method)
		call_unknown_object(call);
	else if (!refused(call, method))
		objects_introspect(call);
}

void dispatch_run(struct call *call)
{
	const char *path = dbus_message_get_path(call->m);
	const char *interface = dbus_message_get_interface(call->m);
	const char *member = dbus_message_get_member(call->m);
	const struct object *o = objects_find(call->b, path);
	const struct interface *const *list;
	const struct method *method;

	if (!interface) { /* the bus policy lets none through either */
		call_unknown_interface(call);
		return;
	}
	if (!o) {
		run_standard(call, interface, member);
		return;
	}
	if (!object_visible(o, call->peer)) {
		call_unknown_object(call);
		return;
	}
	list = object_interfaces(o, true);
	method = find(list, interface, member);
	if (!method) {
		if (!object_interface(o, interface, true))
			call_unknown_interface(call);
		else
			call_unknown_method(call);
		return;
	}
	call->method = method;
	if (refused(call, method))
		return;
	if (method->action)
		polkit_check(call, method->action, run_allowed);
	else
		run_allowed(call);
}
