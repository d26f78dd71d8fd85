/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The same service as echo-libdbus.c over sd-bus and sd-event.
 *
 * usage: echo-sdbus NAME
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

static int on_message(sd_bus_message *m, void *user, sd_bus_error *ret_error)
{
	sd_bus *bus = user;
	uint8_t type;

	(void)ret_error;
	if (sd_bus_message_get_type(m, &type) < 0 || type != SD_BUS_MESSAGE_METHOD_CALL)
		return 0;
	if (!strstr(sd_bus_message_get_member(m), "egisterAgent"))
		return sd_bus_reply_method_return(m, "v", "s", VITALED_VERSION);
	(void)sd_bus_emit_signal(bus, "/org/vitaled1", "org.freedesktop.DBus.Properties",
		"PropertiesChanged", "sa{sv}as", "org.vitaled1.Manager", 0, 0);
	return sd_bus_reply_method_return(m, "");
}

int main(int argc, char **argv)
{
	sd_event *loop = NULL;
	sd_bus *bus = NULL;
	int r = argc == 2 ? sd_event_default(&loop) : -1;

	if (r >= 0)
		r = sd_bus_open_system(&bus);
	if (r >= 0)
		r = sd_bus_add_filter(bus, NULL, on_message, bus);
	if (r >= 0)
		r = sd_bus_attach_event(bus, loop, 0);
	if (r >= 0)
		r = sd_bus_request_name(bus, argv[1], 0);
	if (r >= 0)
		r = sd_event_loop(loop);
	if (r < 0)
		(void)fprintf(stderr, "echo-sdbus: %s\n", strerror(-r));
	sd_bus_flush_close_unref(bus);
	sd_event_unref(loop);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
