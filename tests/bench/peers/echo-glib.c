/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The same service as echo-libdbus.c over GDBus, the way its documentation shows: an object registered
 * from introspection data, a property by its getter, calls by one handler.
 *
 * usage: echo-glib NAME
 */
#include <gio/gio.h>
#include <stdio.h>
#include <stdlib.h>

static const char xml[] =
	"<node><interface name='org.vitaled1.Manager'>"
	"<method name='RegisterAgent'><arg type='o' direction='in'/><arg type='as' "
	"direction='in'/>"
	"</method><method name='UnregisterAgent'><arg type='o' direction='in'/></method>"
	"<property name='Version' type='s' access='read'/></interface></node>";

static void on_call(GDBusConnection *c, const char *sender, const char *path,
	const char *interface, const char *member, GVariant *args, GDBusMethodInvocation *call,
	void *user)
{
	(void)sender, (void)member, (void)args, (void)user;
	g_dbus_connection_emit_signal(c, NULL, path, "org.freedesktop.DBus.Properties",
		"PropertiesChanged", g_variant_new("(sa{sv}as)", interface, NULL, NULL), NULL);
	g_dbus_method_invocation_return_value(call, NULL);
}

static GVariant *on_get(GDBusConnection *c, const char *sender, const char *path,
	const char *interface, const char *name, GError **error, void *user)
{
	(void)c, (void)sender, (void)path, (void)interface, (void)name, (void)error, (void)user;
	return g_variant_new_string(VITALED_VERSION);
}

static const GDBusInterfaceVTable table = {.method_call = on_call, .get_property = on_get};

static void on_bus(GDBusConnection *c, const char *name, void *user)
{
	GDBusNodeInfo *node = user;

	(void)name;
	g_dbus_connection_register_object(
		c, "/org/vitaled1", node->interfaces[0], &table, NULL, NULL, NULL);
}

static _Noreturn void on_lost(GDBusConnection *c, const char *name, void *user)
{
	(void)c, (void)user;
	(void)fprintf(stderr, "echo-glib: no %s\n", name);
	exit(EXIT_FAILURE);
}

int main(int argc, char **argv)
{
	GMainLoop *loop = g_main_loop_new(NULL, FALSE);

	if (argc != 2)
		return EXIT_FAILURE;
	g_bus_own_name(G_BUS_TYPE_SYSTEM, argv[1], G_BUS_NAME_OWNER_FLAGS_NONE, on_bus, NULL,
		on_lost, g_dbus_node_info_new_for_xml(xml, NULL), NULL);
	g_main_loop_run(loop);
	return EXIT_SUCCESS;
}
