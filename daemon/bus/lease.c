/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reader.Lend and org.vitaled1.Lease: a slot in the hands of another program, for the connection that
 * asked and for nobody else. The call waits until no process of ours holds the card any more; a lease
 * whose caller left meanwhile is ended by its room.
 */
#include <errno.h>

#include "base/clock.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/interfaces.h"

static void get_reader(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	char path[48];

	object_path(OBJECT_READER, lease_reader(o->what)->id, path);
	wire_path(w, path);
}

static void get_until(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_u64(w, o->until);
}

static void on_return(struct call *call)
{
	lease_return(call->object->what);
	call_done(call);
}

static const struct method methods[] = {
	{"Return", "", "", "", METHOD_AT_ONCE, NULL, on_return},
};

static const struct property properties[] = {
	{"Reader", "o", PROPERTY_CONST, get_reader},
	{"Until", "t", 0, get_until},
};

const struct interface interface_lease = {
	.name = "org.vitaled1.Lease",
	.methods = methods,
	.n_methods = ARRAY_LEN(methods),
	.properties = properties,
	.n_properties = ARRAY_LEN(properties),
};

/* -- Lend -- */

/* What of the call is refused, where that is to be told. */
static const char *refused(int outcome)
{
	if (outcome == LEASE_RANGE)
		return "seconds";
	return outcome == LEASE_DRIVER ? "driver" : NULL;
}

static uint32_t seconds_of(const struct call *call)
{
	DBusMessageIter it;

	(void)dbus_message_iter_init(call->m, &it);
	return wire_get_u32(&it);
}

void lease_forget(struct call *call)
{
	leases_forget(call->b->rooms.leases, call);
}

static void on_lent(void *user, struct lease *l, enum vitaled_reason why)
{
	struct call *call = user;
	struct bus *b = call->b;
	struct object *o = l ? objects_get(b, OBJECT_LEASE, lease_id(l)) : NULL;
	struct wire w;

	if (!l) {
		call_fail(call, errors_of_reason(why), NULL);
		return;
	}
	if (!o) { /* nobody could ever return it */
		lease_return(l);
		call_fault(call, fault(-ENOMEM));
		return;
	}
	o->until = clock_wall() + seconds_of(call) * USEC_PER_SEC;
	changes_mark(b, OBJECT_LEASE, o->id);
	wire_reply(&w, call->m);
	wire_path(&w, o->path);
	call_reply(call, &w);
}

void reader_on_lend(struct call *call)
{
	struct card_reader *r = call->object->what;
	int outcome;

	call->forget = lease_forget;
	outcome = lease_start(call->b->rooms.leases, r, call->peer->name, call->peer->uid,
		seconds_of(call), on_lent, call);
	if (outcome == 0)
		return;
	call->forget = NULL;
	if (outcome < 0)
		call_fault(call, outcome);
	else
		call_fail(call, errors_of_lease(outcome), refused(outcome));
}

/* -- what the leases' room reports -- */

static void mark_reader(struct bus *b, const struct lease *l)
{
	changes_mark(b, OBJECT_READER, lease_reader(l)->id);
}

void bus_lease_added(void *bus, struct lease *l)
{
	if (objects_add(bus, OBJECT_LEASE, lease_id(l), l, lease_owner(l)) < 0)
		errors_log(-ENOMEM, "bus-lease");
	mark_reader(bus, l);
}

void bus_lease_removed(void *bus, struct lease *l)
{
	objects_remove(bus, OBJECT_LEASE, lease_id(l));
	mark_reader(bus, l);
}
