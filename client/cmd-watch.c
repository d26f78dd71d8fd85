/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl watch: one line for each change, as the bus tells it. Nothing is asked repeatedly; the
 * command ends by a signal, or when the bus goes away. A service that is not running is waited for.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "client/ctl.h"
#include "client/lang.h"
#include "client/render.h"
#include "client/value.h"

/* Signal -> {"change","path",...}; NULL when it is none of ours. */
static json_t *change_of(DBusMessage *m)
{
	_cleanup_json_ json_t *args = NULL;
	const char *path = dbus_message_get_path(m);

	if (value_args(m, &args) != 0) {
		return NULL;
	}
	if (dbus_message_is_signal(m, CONN_PROPERTIES, "PropertiesChanged")) {
		return json_pack("{s:s, s:s, s:O, s:O}", "change", "changed", "path",
			path ? path : "", "interface", json_array_get(args, 0), "properties",
			json_array_get(args, 1));
	}
	if (dbus_message_is_signal(
		    m, "org.freedesktop.DBus.ObjectManager", "InterfacesAdded")) {
		return json_pack("{s:s, s:O, s:O}", "change", "added", "path",
			json_array_get(args, 0), "interfaces", json_array_get(args, 1));
	}
	if (dbus_message_is_signal(
		    m, "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved")) {
		return json_pack("{s:s, s:O, s:O}", "change", "removed", "path",
			json_array_get(args, 0), "interfaces", json_array_get(args, 1));
	}
	if (dbus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged")) {
		const char *after = json_string_value(json_array_get(args, 2));

		return json_pack("{s:s, s:s}", "change",
			after && after[0] ? "started" : "stopped", "path", CONN_ROOT);
	}
	return NULL;
}

static void put_value(const json_t *value, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)256 * 1024);

	if (json_is_string(value)) {
		render_text(json_string_value(value), false, out);
	} else if (json_is_object(value) || json_is_array(value)) {
		if (json_canonical(value, &text) == 0) {
			buf_put_view(out, buf_view(&text));
		}
	} else {
		render(value, &text);
		buf_put_view(
			out, view_sub(buf_view(&text), 0, text.len > 0 ? text.len - 1 : 0));
	}
}

static void put_properties(json_t *properties, struct buf *out)
{
	const char *name;
	json_t *value;

	json_object_foreach(properties, name, value)
	{
		buf_printf(out, " %s=", name);
		put_value(value, out);
	}
}

static void say(const struct ctl *ctl, json_t *change)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)1024 * 1024);
	const char *interface;
	json_t *properties;
	char now[28];

	if (ctl->json) {
		if (json_set(change, "time", json_integer((json_int_t)clock_wall())) == 0) {
			ctl_json(json_incref(change));
		}
		return;
	}
	clock_rfc3339(clock_wall(), now);
	buf_printf(&text, "%s %s %s", now, json_get_str(change, "change"),
		json_get_str(change, "path"));
	put_properties(json_object_get(change, "properties"), &text);
	if (strcmp(json_get_str(change, "change"), "added") == 0) {
		json_object_foreach(
			json_object_get(change, "interfaces"), interface, properties)
		{
			put_properties(properties, &text);
		}
	}
	buf_put_u8(&text, '\n');
	render_print(&text);
}

static bool on_message(void *user, DBusMessage *m)
{
	_cleanup_json_ json_t *change = NULL;
	const struct ctl *ctl = user;

	if (dbus_message_get_type(m) != DBUS_MESSAGE_TYPE_SIGNAL) {
		return false;
	}
	change = change_of(m);
	if (change && json_get_str(change, "path")) {
		say(ctl, change);
	}
	return change != NULL;
}

enum ctl_exit cmd_watch(struct ctl *ctl, const struct args *line)
{
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, NULL, 0, line, 0, 0, &a);
	int r = 0;

	if (code == CTL_OK) {
		code = ctl_connect(ctl, on_message, ctl);
	}
	if (code != CTL_OK) {
		return code;
	}
	ctl_note(ctl, "%s", _("Watching; Ctrl-C ends."));
	if (ctl->json) { /* drivers: from here on nothing is missed */
		ctl_json(json_pack(
			"{s:s, s:I}", "change", "watching", "time", (json_int_t)clock_wall()));
	}
	while (r == 0 && !ferror(stdout)) { /* nobody reads any more: leave */
		r = conn_turn(&ctl->conn, NULL, 0, CONN_FAR);
	}
	conn_close(&ctl->conn);
	if (r < 0) {
		return ctl_fault(ctl, r);
	}
	return r == CONN_STOPPED ? CTL_OK : r == 0 ? CTL_FAILED : CTL_NO_SERVICE;
}
