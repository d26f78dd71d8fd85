/* SPDX-License-Identifier: EUPL-1.2 */
/* The held session as its signals tell it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "client/held.h"
#include "client/value.h"

#define PATH "/org/vitaled1/session/3"

static unsigned int changes;

static void on_change(void *user _unused_, struct held *h _unused_)
{
	changes++;
}

static void start(struct held *h)
{
	*h = (struct held){.path = PATH, .changed = on_change};
	changes = 0;
}

static bool tell(struct held *h, const char *path, const char *interface, const char *state,
	const char *reason)
{
	DBusMessage *m = dbus_message_new_signal(path, CONN_PROPERTIES, "PropertiesChanged");
	DBusMessageIter args;
	DBusMessageIter dict;
	bool mine;

	dbus_message_iter_init_append(m, &args);
	assert_true(dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &interface));
	assert_true(value_open_dict(&args, &dict));
	assert_true(value_put_str(&dict, "State", state));
	assert_true(value_put_str(&dict, "Reason", reason));
	assert_true(dbus_message_iter_close_container(&args, &dict));
	assert_true(value_append_list(&args, ""));
	mine = held_message(h, m);
	dbus_message_unref(m);
	return mine;
}

static bool owner(struct held *h, const char *sender, const char *before, const char *after)
{
	const char *name = CONN_NAME;
	DBusMessage *m = dbus_message_new_signal(
		"/org/freedesktop/DBus", "org.freedesktop.DBus", "NameOwnerChanged");
	bool mine;

	assert_true(dbus_message_set_sender(m, sender));
	assert_true(dbus_message_append_args(m, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
		&before, DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID));
	mine = held_message(h, m);
	dbus_message_unref(m);
	return mine;
}

static void a_session_goes_through_its_stages(void **state _unused_)
{
	static const struct {
		const char *state;
		bool choice;
		bool chosen;
		bool unlocked;
		bool ended;
	} rows[] = {
		{"queued", false, true, false, false},
		{"waiting-for-cards", false, true, false, false},
		{"reading", false, true, false, false},
		{"waiting-for-pin", false, true, false, false},
		{"authenticating", false, true, false, false},
		{"waiting-for-choice", true, false, false, false},
		{"waiting-for-consent", true, true, false, false},
		{"unlocked", true, true, true, false},
		{"suspended", false, true, false, false},
		{"new-state", false, true, false, false},
		{"locked", false, false, false, true},
		{"refused", false, false, false, true},
		{"failed", false, false, false, true},
	};
	struct held h;

	start(&h);
	assert_string_equal(held_state(&h), "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(tell(&h, PATH, CONN_NAME ".Session", rows[i].state, ""));
		assert_string_equal(held_state(&h), rows[i].state);
		assert_int_equal(held_reached(&h, HELD_CHOICE), rows[i].choice);
		assert_int_equal(held_reached(&h, HELD_CHOSEN), rows[i].chosen);
		assert_int_equal(held_reached(&h, HELD_UNLOCKED), rows[i].unlocked);
		assert_int_equal(held_reached(&h, HELD_ENDED), rows[i].ended);
		assert_int_equal(held_ended(&h), rows[i].ended);
		assert_true(held_reached(&h, HELD_OPEN));
	}
	assert_int_equal(changes, ARRAY_LEN(rows));
	held_done(&h);
}

static void other_objects_and_interfaces_change_nothing(void **state _unused_)
{
	struct held h;

	start(&h);
	assert_true(tell(&h, PATH, CONN_NAME ".Session", "reading", ""));
	assert_false(tell(&h, "/org/vitaled1/session/4", CONN_NAME ".Session", "locked", ""));
	assert_true(tell(&h, PATH, CONN_NAME ".Other", "locked", ""));
	assert_true(tell(&h, PATH, CONN_NAME ".Dossier", "open", ""));
	assert_string_equal(held_state(&h), "reading");
	assert_string_equal(json_get_str(h.dossier, "State"), "open");
	held_done(&h);
	/* nothing is held yet */
	h = (struct held){.changed = on_change};
	assert_false(tell(&h, PATH, CONN_NAME ".Session", "reading", ""));
	held_done(&h);
}

static void the_reason_is_kept(void **state _unused_)
{
	struct held h;

	start(&h);
	assert_string_equal(held_reason(&h), "");
	assert_true(tell(&h, PATH, CONN_NAME ".Session", "locked", "patient-card-removed"));
	assert_string_equal(held_reason(&h), "patient-card-removed");
	held_done(&h);
}

static void a_service_that_leaves_takes_the_session_along(void **state _unused_)
{
	struct held h;

	start(&h);
	assert_true(tell(&h, PATH, CONN_NAME ".Session", "unlocked", ""));
	assert_false(owner(&h, ":1.9", ":1.5", "")); /* not the bus: not believed */
	assert_false(h.gone);
	assert_false(owner(&h, "org.freedesktop.DBus", "", ":1.5")); /* it came */
	assert_false(h.gone);
	assert_false(owner(&h, "org.freedesktop.DBus", ":1.5", ""));
	assert_true(h.gone);
	assert_true(held_ended(&h));
	assert_string_equal(held_state(&h), "failed");
	/* what comes after is of no session of ours */
	assert_false(tell(&h, PATH, CONN_NAME ".Session", "unlocked", ""));
	assert_true(held_ended(&h));
	held_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_session_goes_through_its_stages),
		cmocka_unit_test(other_objects_and_interfaces_change_nothing),
		cmocka_unit_test(the_reason_is_kept),
		cmocka_unit_test(a_service_that_leaves_takes_the_session_along),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
