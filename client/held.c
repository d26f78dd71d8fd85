/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The held session: properties taken once with GetAll, then kept true by PropertiesChanged, which
 * conn.c delivers in the bus's order.
 */
#include "client/held.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/value.h"

/* the way to an open dossier; number 5 is the choice */
static const char *const order[] = {"queued", "waiting-for-cards", "reading", "waiting-for-pin",
	"authenticating", "waiting-for-choice", "waiting-for-consent", "unlocked"};

static void changed(struct held *h)
{
	if (h->changed) {
		h->changed(h->user, h);
	}
}

int held_open(struct held *h, DBusMessage *call, struct conn_failure *ret_f)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	const char *path = NULL;
	json_t *all = NULL;
	int r = conn_call(h->conn, call, 150, NULL, ret_f, &reply);

	if (r != 0) {
		return trace(r);
	}
	if (!dbus_message_get_args(
		    reply, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID) ||
		strlen(path) >= sizeof(h->path)) {
		conn_fail(ret_f, CONN_NAME ".Error.Failed", "OpenSession");
		return CONN_FAILED;
	}
	(void)snprintf(h->path, sizeof(h->path), "%s", path);
	r = conn_get_all(h->conn, h->path, CONN_NAME ".Session", ret_f, &all);
	if (r != 0) {
		return trace(r);
	}
	json_decref(h->properties);
	h->properties = all;
	changed(h);
	return 0;
}

void held_done(struct held *h)
{
	json_decref(h->properties);
	json_decref(h->dossier);
	*h = (struct held){0};
}

static bool service_left(DBusMessage *m)
{
	const char *name = "";
	const char *before = "";
	const char *after = "";

	return dbus_message_is_signal(m, "org.freedesktop.DBus", "NameOwnerChanged") &&
	       dbus_message_has_sender(m, "org.freedesktop.DBus") &&
	       dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
		       &before, DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID) &&
	       strcmp(name, CONN_NAME) == 0 && before[0] != '\0';
}

/* PropertiesChanged(s interface, a{sv} changed, as invalidated) of our object */
static void take_changes(struct held *h, const json_t *args)
{
	const char *interface = json_string_value(json_array_get(args, 0));
	json_t *values = json_array_get(args, 1);
	json_t **into = NULL;

	if (!interface || !json_is_object(values)) {
		return;
	}
	if (strcmp(interface, CONN_NAME ".Session") == 0) {
		into = &h->properties;
	} else if (strcmp(interface, CONN_NAME ".Dossier") == 0) {
		into = &h->dossier;
	} else {
		return;
	}
	if (!*into) {
		*into = json_object();
	}
	if (*into && json_object_update(*into, values) == 0) {
		changed(h);
	}
}

bool held_message(struct held *h, DBusMessage *m)
{
	_cleanup_json_ json_t *args = NULL;

	if (h->path[0] == '\0' || h->gone) {
		return false;
	}
	if (service_left(m)) {
		h->gone = true;
		changed(h);
		return false; /* others want to know too */
	}
	if (!dbus_message_has_path(m, h->path) ||
		!dbus_message_is_signal(m, CONN_PROPERTIES, "PropertiesChanged") ||
		value_args(m, &args) != 0) {
		return false;
	}
	take_changes(h, args);
	return true;
}

const char *held_state(const struct held *h)
{
	const char *state = json_get_str(h->properties, "State");

	return h->gone && !(state && strcmp(state, "locked") == 0) ? "failed"
	       : state						   ? state
								   : "";
}

const char *held_reason(const struct held *h)
{
	const char *reason = json_get_str(h->properties, "Reason");

	return reason ? reason : "";
}

bool held_ended(const struct held *h)
{
	const char *state = held_state(h);

	return h->gone || strcmp(state, "refused") == 0 || strcmp(state, "locked") == 0 ||
	       strcmp(state, "failed") == 0;
}

bool held_reached(const struct held *h, enum held_stage stage)
{
	const char *state = held_state(h);
	size_t at = 0;

	while (at < ARRAY_LEN(order) && strcmp(order[at], state) != 0) {
		at++;
	}
	switch (stage) {
	case HELD_OPEN:
		return true;
	case HELD_CHOICE:
		return at >= 5 && at < ARRAY_LEN(order);
	case HELD_CHOSEN:
		return at != 5 && !held_ended(h);
	case HELD_UNLOCKED:
		return strcmp(state, "unlocked") == 0;
	case HELD_ENDED:
		return held_ended(h);
	}
	return false;
}

DBusMessage *held_method(const struct held *h, const char *interface, const char *member)
{
	return conn_method(h->path, interface, member);
}
