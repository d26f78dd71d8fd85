/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the bus tells: the service and its own findings (Diagnose), cards that others hold, and the
 * state of the units that it needs (systemd). Neither the service nor another is started by asking.
 */
#include <stdio.h>
#include <string.h>

#include "client/doctor.h"
#include "client/lang.h"
#include "client/value.h"

#define BUS_NAME "org.freedesktop.DBus"
#define SYSTEMD	 "org.freedesktop.systemd1"
#define WAIT_S	 10U

/* A call to another service than ours, with at most two texts; nobody is started for it. */
static bool ask(struct doctor *d, const char *const to[4], const char *one, const char *two,
	json_t **ret)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	DBusMessage *call = dbus_message_new_method_call(to[0], to[1], to[2], to[3]);

	if (call) {
		dbus_message_set_auto_start(call, FALSE);
	}
	if (call && one &&
		!dbus_message_append_args(call, DBUS_TYPE_STRING, &one,
			two ? DBUS_TYPE_STRING : DBUS_TYPE_INVALID, &two, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	return conn_call(d->conn, call, WAIT_S, NULL, &f, &reply) == 0 &&
	       value_args(reply, ret) == 0;
}

static bool ask_bus(struct doctor *d, const char *member, const char *name, json_t **ret)
{
	const char *const to[4] = {BUS_NAME, "/org/freedesktop/DBus", BUS_NAME, member};

	return ask(d, to, name, NULL, ret);
}

static bool has_owner(struct doctor *d, const char *name)
{
	_cleanup_json_ json_t *args = NULL;

	return ask_bus(d, "NameHasOwner", name, &args) && json_is_true(json_array_get(args, 0));
}

/* The object of unit @name, a text in @args, which is new. NULL: systemd is not there. */
static const char *load_unit(struct doctor *d, const char *name, json_t **args)
{
	const char *const to[4] = {
		SYSTEMD, "/org/freedesktop/systemd1", SYSTEMD ".Manager", "LoadUnit"};

	return ask(d, to, name, NULL, args) ? json_string_value(json_array_get(*args, 0))
					    : NULL;
}

/* A property of the unit at @path, or "". */
static void property(struct doctor *d, const char *path, const char *interface,
	const char *name, char ret[64])
{
	const char *const to[4] = {SYSTEMD, path, CONN_PROPERTIES, "Get"};
	_cleanup_json_ json_t *args = NULL;
	const char *value = NULL;

	if (ask(d, to, interface, name, &args)) {
		value = json_string_value(json_array_get(args, 0));
	}
	(void)snprintf(ret, 64, "%s", value ? value : "");
}

/* -- the service ------------------------------------------------------------------------------- */

static bool activatable(struct doctor *d)
{
	_cleanup_json_ json_t *args = NULL;
	const json_t *names;

	if (!ask_bus(d, "ListActivatableNames", NULL, &args)) {
		return false;
	}
	names = json_array_get(args, 0);
	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		if (name && strcmp(name, CONN_NAME) == 0) {
			return true;
		}
	}
	return false;
}

/* systemd has the unit and it has not failed: the first call starts it. */
static bool startable(struct doctor *d)
{
	_cleanup_json_ json_t *args = NULL;
	const char *path = load_unit(d, "vitaled.service", &args);
	char load[64], active[64];

	if (!path) {
		return false;
	}
	property(d, path, SYSTEMD ".Unit", "LoadState", load);
	property(d, path, SYSTEMD ".Unit", "ActiveState", active);
	return strcmp(load, "loaded") == 0 && *active && strcmp(active, "failed") != 0;
}

static void judge_absence(struct doctor *d)
{
	bool known = activatable(d);

	doctor_found(d,
		known && startable(d) ? VITALED_FINDING_SERVICE_IDLE : VITALED_FINDING_SERVICE,
		"", NULL);
	if (!known) {
		doctor_found(d, VITALED_FINDING_ACTIVATION, "", NULL);
	}
}

/* Findings of the service: aa{sv}, each with its name under "name". */
static bool diagnose(struct doctor *d)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	_cleanup_json_ json_t *args = NULL;
	unsigned int unanchored = 0;
	struct conn_failure f = {0};
	int r = conn_call(
		d->conn, conn_method(CONN_ROOT, "Manager", "Diagnose"), 30, NULL, &f, &reply);

	if (r == 0 && value_args(reply, &args) != 0) {
		conn_fail(&f, CONN_NAME ".Error.Failed", "Diagnose");
		r = CONN_FAILED;
	}
	if (r != 0) {
		doctor_found_named(
			d, r > 0 ? f.name : CONN_NAME ".Error.Failed", f.detail, NULL);
		return false;
	}
	for (size_t i = 0; i < json_array_size(json_array_get(args, 0)); i++) {
		const json_t *one = json_array_get(json_array_get(args, 0), i);
		const char *name = json_get_str(one, "name");

		unanchored += name && strcmp(name, "no-anchors") == 0;
		doctor_found_named(d, name ? name : "unknown", "", one);
	}
	if (unanchored == 3) {
		doctor_found(d, VITALED_FINDING_ANCHORS, "", NULL);
	}
	return true;
}

/* Readers, and cards that other programs hold, as the service sees them. */
static void look_objects(struct doctor *d)
{
	_cleanup_json_ json_t *objects = NULL;
	struct conn_failure f = {0};
	const char *path;
	json_t *interfaces;

	if (conn_objects(d->conn, &f, &objects) != 0) {
		return;
	}
	d->readers = json_array();
	json_object_foreach(objects, path, interfaces)
	{
		json_t *listed = json_object_get(
			json_object_get(interfaces, CONN_NAME ".Reader"), "Name");
		const json_t *card = json_object_get(interfaces, CONN_NAME ".Card");
		const char *advice = json_get_str(card, "Advice");
		const char *reader = json_get_str(card, "Reader");
		const char *name = json_get_str(
			json_object_get(json_object_get(objects, reader ? reader : ""),
				CONN_NAME ".Reader"),
			"Name");

		if (json_is_string(listed) && json_array_append(d->readers, listed) < 0) {
			break;
		}
		if (advice && strcmp(advice, "card-busy") == 0) {
			doctor_held(d, name ? name : path);
		}
	}
	d->served = json_incref(d->readers);
}

void doctor_bus(struct doctor *d)
{
	_cleanup_json_ json_t *manager = NULL;
	struct conn_failure f = {0};

	if (!has_owner(d, CONN_NAME)) {
		judge_absence(d);
		d->asked = true;
		return;
	}
	if (conn_get_all(d->conn, CONN_ROOT, CONN_NAME ".Manager", &f, &manager) == 0) {
		const char *version = json_get_str(manager, "Version");
		const char *readers = json_get_str(manager, "ReaderService");

		doctor_seen(d, "service",
			json_pack("{s:s, s:s, s:i}", "version", version ? version : "?",
				"reader-service", readers ? readers : "?", "agents",
				(int)json_array_size(json_object_get(manager, "Agents"))));
	}
	d->runs = diagnose(d);
	if (d->runs) {
		look_objects(d);
	}
}

/* -- units ------------------------------------------------------------------------------------- */

struct unit {
	const char *name;
	const char *interface; /* the one that has Result */
	bool needed;	       /* active, not only able to be started */
	bool spared;	       /* where vitaled-usb is installed: may be missing */
	bool usb;	       /* of vitaled-usb: nobody's where it is not installed */
};

static void judge_unit(struct doctor *d, const struct unit *u, const char *path)
{
	char load[64], active[64], result[64];
	json_t *facts;

	property(d, path, SYSTEMD ".Unit", "LoadState", load);
	property(d, path, SYSTEMD ".Unit", "ActiveState", active);
	property(d, path, u->interface, "Result", result);
	facts = json_pack("{s:s, s:s, s:s, s:s}", "unit", u->name, "load", load, "state",
		active, "result", result);
	doctor_seen(d, "unit", json_incref(facts));
	if (strcmp(load, "not-found") == 0 && u->spared && doctor_has_usb(d)) {
		json_decref(facts);
		return;
	}
	if (strcmp(load, "not-found") == 0) {
		doctor_found(d, VITALED_FINDING_UNIT_MISSING, u->name, json_incref(facts));
	} else if (strcmp(load, "masked") == 0) {
		doctor_found(d, VITALED_FINDING_UNIT_MASKED, u->name, json_incref(facts));
	} else if (strcmp(active, "failed") == 0) {
		doctor_found(d, VITALED_FINDING_UNIT_FAILED, u->name, json_incref(facts));
	} else if (u->needed && strcmp(active, "inactive") == 0) {
		doctor_found(d, VITALED_FINDING_UNIT_STOPPED, u->name, json_incref(facts));
	}
	json_decref(facts);
}

void doctor_units(struct doctor *d)
{
	static const struct unit units[] = {
		{.name = "vitaled.service", .interface = SYSTEMD ".Service"}, /* by the bus */
		{.name = "pcscd.socket",
			.interface = SYSTEMD ".Socket",
			.needed = true,
			.spared = true},
		{.name = "vitaled-usb.socket",
			.interface = SYSTEMD ".Socket",
			.needed = true,
			.usb = true},
		{.name = "vitaled-usb.service", .interface = SYSTEMD ".Service", .usb = true},
		{.name = "polkit.service", .interface = SYSTEMD ".Service"},
	};
	bool has_usb = doctor_has_usb(d);

	if (!has_owner(d, SYSTEMD)) {
		doctor_seen(d, "systemd", json_pack("{s:s}", "state", N_("not there")));
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		_cleanup_json_ json_t *args = NULL;
		const char *path =
			units[i].usb && !has_usb ? NULL : load_unit(d, units[i].name, &args);

		if (path) {
			judge_unit(d, &units[i], path);
		}
	}
}
