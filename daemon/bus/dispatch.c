/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The order of checks, the same for every call: the object exists for this caller, it has the
 * interface, the interface the member, the arguments their signature, a method that makes durable
 * entries is not called too often, polkit agrees, then the function runs. An object that the caller
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

/* after polkit: nothing that needs an object asks polkit, but it may have gone meanwhile */
static void run_allowed(struct call *call)
{
	call->object = objects_find(call->b, dbus_message_get_path(call->m));
	if (!call->object || !object_visible(call->object, call->peer))
		call_unknown_object(call);
	else
		call->method->fn(call);
}

static void run_standard(struct call *call, const char *interface, const char *member)
{
	/* folders above and between the objects can be introspected, nothing else */
	if (strcmp(interface, DBUS_INTERFACE_INTROSPECTABLE) == 0 &&
		strcmp(member, "Introspect") == 0 && dbus_message_has_signature(call->m, ""))
		objects_introspect(call);
	else
		call_unknown_object(call);
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
	if (!dbus_message_has_signature(call->m, method->in)) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "signature");
		return;
	}
	if (method->flags & METHOD_RECORDS &&
		!bucket_take(&call->b->records, call->peer->uid, clock_monotonic())) {
		call_fail(call, VITALED_REASON_LIMITS_EXCEEDED, "records");
		return;
	}
	if (method->action)
		polkit_check(call, method->action, run_allowed);
	else
		run_allowed(call);
}
