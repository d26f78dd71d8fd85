/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The bus itself: connection, filter, name, the end. Connecting and owning the name are the only
 * calls that block, both at start. When the bus is lost the loop ends with -ECONNRESET, and whoever
 * ran it locks every session by freeing them.
 */
#include "daemon/bus/bus.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/bus/ask.h"
#include "daemon/bus/dispatch.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/exceed.h"
#include "daemon/bus/interfaces.h"
#include "daemon/bus/polkit.h"
#include "daemon/bus/sleep.h"
#include "daemon/limits.h"

/* -- sending -- */

void bus_send(struct bus *b, struct wire *w)
{
	DBusMessage *m = wire_take(w);

	if (!m)
		return;
	if (!dbus_connection_send(b->c, m, NULL))
		errors_log(-ENOMEM, "bus-send");
	dbus_message_unref(m);
}

bool bus_congested(const struct bus *b)
{
	return dbus_connection_get_outgoing_size(b->c) >= (long)LIMIT_OUTGOING;
}

bool bus_notify(struct bus *b, struct wire *w)
{
	if (!w->ok || bus_congested(b)) {
		wire_done(w);
		return false;
	}
	bus_send(b, w);
	return true;
}

/* -- receiving -- */

static void on_name_owner(struct bus *b, DBusMessage *m)
{
	const char *name = NULL, *before = NULL, *after = NULL;

	if (!dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING, &before,
		    DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID))
		return;
	if (name[0] == ':' && !*after)
		peers_left(b, name);
	else
		polkit_owner(b, name, after);
	if (name[0] != ':')
		sleep_owner(b, name, after);
}

static DBusHandlerResult on_message(DBusConnection *c _unused_, DBusMessage *m, void *user)
{
	struct bus *b = user;

	if (dbus_message_is_signal(m, DBUS_INTERFACE_LOCAL, "Disconnected")) {
		(void)sd_event_exit(b->ev, -ECONNRESET);
		return DBUS_HANDLER_RESULT_HANDLED;
	}
	if (b->serving && dbus_message_has_sender(m, DBUS_SERVICE_DBUS) &&
		dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged"))
		on_name_owner(b, m);
	if (b->serving) {
		sleep_signal(b, m);
		changes_resume(b);
	}
	return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

static DBusHandlerResult on_call(DBusConnection *c _unused_, DBusMessage *m, void *user)
{
	struct bus *b = user;
	int r;

	if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_METHOD_CALL || !b->serving)
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	r = peers_take(b, m);
	if (r < 0) {
		(void)log_fault(r, "bus-call");
		peers_refuse(b, m, VITALED_REASON_FAILED, NULL);
	}
	return DBUS_HANDLER_RESULT_HANDLED;
}

/* -- life -- */

static void on_drained(void *user)
{
	changes_resume(user);
}

static int connect_bus(struct bus *b)
{
	DBusError e = DBUS_ERROR_INIT;
	static const DBusObjectPathVTable table = {.message_function = on_call};

	b->c = dbus_bus_get_private(DBUS_BUS_SYSTEM, &e);
	if (!b->c) {
		log_msg(LOG_ERR, "bus-connect", "%s", e.name);
		dbus_error_free(&e);
		return fault(-ECONNREFUSED);
	}
	dbus_connection_set_exit_on_disconnect(b->c, FALSE);
	if (!dbus_connection_add_filter(b->c, on_message, b, NULL) ||
		!dbus_connection_register_fallback(b->c, BUS_ROOT, &table, b))
		return fault(-ENOMEM);
	b->loop.drained = on_drained;
	b->loop.user = b;
	return trace(loop_attach(&b->loop, b->ev, b->c));
}

int bus_new(sd_event *ev, struct bus **ret)
{
	struct bus *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return fault(-ENOMEM);
	b->ev = sd_event_ref(ev);
	dispatch_start(b);
	r = connect_bus(b);
	if (r == 0)
		r = changes_start(b);
	if (r < 0) {
		(void)bus_free(b);
		return trace(r);
	}
	*ret = b;
	return 0;
}

static int own_name(struct bus *b)
{
	DBusError e = DBUS_ERROR_INIT;
	int r = dbus_bus_request_name(b->c, BUS_NAME, DBUS_NAME_FLAG_DO_NOT_QUEUE, &e);

	if (r == DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER)
		return 0;
	if (r != -1)
		return fault(-EEXIST);
	r = dbus_error_has_name(&e, DBUS_ERROR_ACCESS_DENIED) ? -EACCES : -EIO;
	log_msg(LOG_ERR, "bus-name", "%s", e.name);
	dbus_error_free(&e);
	return fault(r);
}

int bus_serve(struct bus *b, const struct bus_rooms *rooms)
{
	int r;

	b->rooms = *rooms;
	r = objects_add(b, OBJECT_ROOT, 0, NULL, NULL);
	if (r < 0)
		return trace(r);
	record_start(b);
	r = cards_listen(rooms->cards, &bus_cards_ops, b);
	if (r == 0)
		r = bus_cards_announce(b);
	if (r < 0)
		return trace(r);
	r = polkit_start(b); /* answered before the first call: our name comes after it */
	if (r == 0)
		r = sleep_start(b);
	if (r < 0)
		return trace(r);
	b->serving = true;
	return trace(own_name(b));
}

/* a bus that does not read must not keep us from ending */
static void last_words(DBusConnection *c)
{
	for (int i = 0; i < 10 && dbus_connection_has_messages_to_send(c); i++)
		if (!dbus_connection_read_write(c, 20))
			return;
}

void bus_closing(struct bus *b)
{
	if (!b || !b->serving)
		return;
	calls_abandon(b, lease_forget);
	calls_abandon(b, code_forget);
	calls_abandon(b, feed_forget);
}

struct bus *bus_free(struct bus *b)
{
	if (!b)
		return NULL;
	ask_free(b);
	if (b->c) {
		agents_free(b);
		peers_free(b);
		exceed_free(b);
		polkit_stop(b);
		sleep_stop(b);
		objects_free(b);
		loop_detach(&b->loop);
		last_words(b->c);
		dbus_connection_close(b->c);
		dbus_connection_unref(b->c);
	}
	sd_event_source_disable_unref(b->flush);
	sd_event_unref(b->ev);
	record_stop(b);
	free(b->rejected);
	free(b);
	return NULL;
}
