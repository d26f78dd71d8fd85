/* SPDX-License-Identifier: EUPL-1.2 */
/* polkit that is absent, leaves, is late or talks nonsense: nothing is granted, and the cause is told. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "daemon/bus/objects.h"
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"

static DBusMessage *open_message(void)
{
	DBusMessage *m = method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID);
	DBusMessageIter it, dict;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

/* the error's text; nothing was opened, and nothing is held any more */
static const char *refused(struct client *c, DBusPendingCall *pending)
{
	static char text[256];
	DBusMessage *reply = client_wait(pending);
	const struct peer *p = peers_find(bed.bus, c->name);
	const char *said = "";

	assert_non_null(reply);
	assert_string_equal(dbus_message_get_error_name(reply), "org.vitaled1.Error.Failed");
	assert_true(
		dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &said, DBUS_TYPE_INVALID));
	assert_int_equal(view_copy_str(view_str(said), text, sizeof(text)), 0);
	dbus_message_unref(reply);
	assert_null(fakes_session());
	assert_non_null(p);
	for (unsigned int k = 0; k < QUOTA_KINDS; k++)
		assert_int_equal(p->load.of[k], 0);
	return text;
}

static DBusPendingCall *asked_for(struct client *c)
{
	DBusPendingCall *pending;

	bed.polkit = BED_POLKIT_HANGS;
	pending = client_send(c, open_message());
	while (bed.n_checks == 0)
		bed_turn();
	return pending;
}

static void polkit_that_is_absent_is_told(void **state)
{
	struct client *c = client_new(OWN);
	const char *text;

	(void)state;
	bed_polkit_leaves();
	text = refused(c, client_send(c, open_message()));
	assert_non_null(strstr(text, "failed: polkit absent org.freedesktop.DBus.Error."));
	bed_polkit_comes();
	bed.polkit = BED_POLKIT_YES;
	assert_string_equal(error_of(client_call(c, open_message())), "");
}

static void polkit_that_leaves_while_it_is_asked_is_told(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending = asked_for(c);

	(void)state;
	bed_polkit_leaves();
	assert_string_equal(refused(c, pending), "failed: polkit left");
	bed_polkit_comes();
}

static void polkit_that_is_late_is_told_and_asked_no_more(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending;

	(void)state;
	bed.faster = 100; /* 10 s are 100 ms */
	pending = asked_for(c);
	assert_string_equal(refused(c, pending), "failed: polkit timeout");
	while (bed.n_cancels == 0) /* nobody is left with a question on the screen */
		bed_turn();
}

static void an_error_of_polkit_is_told_by_its_name(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	bed.polkit = BED_POLKIT_ERROR;
	assert_string_equal(refused(c, client_send(c, open_message())),
		"failed: polkit error org.freedesktop.PolicyKit1.Error.NotAuthorized");
}

static void an_answer_of_another_form_is_told(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	bed.polkit = BED_POLKIT_BROKEN;
	assert_string_equal(
		refused(c, client_send(c, open_message())), "failed: polkit malformed");
}

static void answer_in_polkits_place(struct client *stranger, DBusMessage *m)
{
	assert_true(dbus_message_set_destination(m, bed.last_sender));
	assert_true(dbus_message_set_reply_serial(m, bed.last_serial));
	dbus_message_set_no_reply(m, TRUE);
	assert_true(dbus_connection_send(stranger->c, m, NULL));
	dbus_message_unref(m);
}

static void a_stranger_in_polkits_place_is_told(void **state)
{
	struct client *c = client_new(OWN), *stranger = client_new(OWN);
	DBusPendingCall *pending = asked_for(c);
	DBusMessage *m = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
	DBusMessageIter it, s, d;
	dbus_bool_t yes = TRUE;

	(void)state;
	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_STRUCT, NULL, &s);
	(void)dbus_message_iter_append_basic(&s, DBUS_TYPE_BOOLEAN, &yes);
	(void)dbus_message_iter_append_basic(&s, DBUS_TYPE_BOOLEAN, &yes);
	(void)dbus_message_iter_open_container(&s, DBUS_TYPE_ARRAY, "{ss}", &d);
	(void)dbus_message_iter_close_container(&s, &d);
	(void)dbus_message_iter_close_container(&it, &s);
	answer_in_polkits_place(stranger, m);
	assert_string_equal(refused(c, pending), "failed: polkit stranger");
}

static void a_strangers_error_is_told_as_a_strangers(void **state)
{
	struct client *c = client_new(OWN), *stranger = client_new(OWN);
	DBusPendingCall *pending = asked_for(c);
	DBusMessage *m = dbus_message_new(DBUS_MESSAGE_TYPE_ERROR);

	(void)state;
	assert_true(dbus_message_set_error_name(m, DBUS_ERROR_NO_REPLY));
	answer_in_polkits_place(stranger, m);
	assert_string_equal(refused(c, pending), "failed: polkit stranger");
}

/* the second question of a registration fails: the first yes alone grants nothing */
static void one_yes_of_two_registers_nothing(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	bed.polkit = BED_POLKIT_ERROR;
	assert_string_equal(registered(c, "/agent", "pin", "professional"), "Failed");
	assert_null(bed.bus->agents);
	assert_int_equal(bed.n_checks, 1); /* it is not asked further */
	assert_int_equal(fakes.n_appended, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(polkit_that_is_absent_is_told),
		T(polkit_that_leaves_while_it_is_asked_is_told),
		T(polkit_that_is_late_is_told_and_asked_no_more),
		T(an_error_of_polkit_is_told_by_its_name),
		T(an_answer_of_another_form_is_told),
		T(a_stranger_in_polkits_place_is_told),
		T(a_strangers_error_is_told_as_a_strangers),
		T(one_yes_of_two_registers_nothing),
	};
	int r;

	bed_start(true);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
