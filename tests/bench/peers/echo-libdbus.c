/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The floor of `run bench bus`: a bare libdbus service on libdbus' own loop. It answers whatever it is
 * asked with one short string, the two calls by which an agent comes and goes with an empty reply after
 * a signal, and knows neither callers nor objects.
 *
 * usage: echo-libdbus NAME
 */
#include <dbus/dbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tell(DBusConnection *c)
{
	DBusMessage *m = dbus_message_new_signal(
		"/org/vitaled1", DBUS_INTERFACE_PROPERTIES, "PropertiesChanged");
	const char *name = "org.vitaled1.Manager";
	DBusMessageIter it, sub;

	dbus_message_iter_init_append(m, &it);
	dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &name);
	dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &sub);
	dbus_message_iter_close_container(&it, &sub);
	dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "s", &sub);
	dbus_message_iter_close_container(&it, &sub);
	dbus_connection_send(c, m, NULL);
	dbus_message_unref(m);
}

static DBusHandlerResult on_message(DBusConnection *c, DBusMessage *m, void *user)
{
	const char *text = user;
	DBusMessageIter it, v;
	DBusMessage *reply;

	if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_METHOD_CALL)
		return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
	reply = dbus_message_new_method_return(m);
	if (strstr(dbus_message_get_member(m), "egisterAgent")) {
		tell(c);
	} else {
		dbus_message_iter_init_append(reply, &it);
		dbus_message_iter_open_container(&it, DBUS_TYPE_VARIANT, "s", &v);
		dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &text);
		dbus_message_iter_close_container(&it, &v);
	}
	dbus_connection_send(c, reply, NULL);
	dbus_message_unref(reply);
	return DBUS_HANDLER_RESULT_HANDLED;
}

int main(int argc, char **argv)
{
	static char text[] = VITALED_VERSION;
	DBusError e = DBUS_ERROR_INIT;
	DBusConnection *c = dbus_bus_get_private(DBUS_BUS_SYSTEM, &e);

	if (argc != 2 || !c || !dbus_connection_add_filter(c, on_message, text, NULL) ||
		dbus_bus_request_name(c, argv[1], DBUS_NAME_FLAG_DO_NOT_QUEUE, &e) != 1) {
		(void)fprintf(stderr, "echo-libdbus: %s\n", e.message ? e.message : "usage");
		return EXIT_FAILURE;
	}
	while (dbus_connection_read_write_dispatch(c, -1))
		;
	return EXIT_SUCCESS;
}
