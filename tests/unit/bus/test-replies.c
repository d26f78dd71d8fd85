/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who may answer our calls. The bus of this program hands on answers that nobody asked for, as a bus
 * with another policy would: a stranger that guesses a serial must not be taken for an agent, polkit
 * or the bus itself.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>
#include <unistd.h>

#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"
#define FORGED	54321U /* a uid that nobody here has */

static void forge(struct client *c, DBusMessage *m, const char *to, uint32_t serial)
{
	assert_non_null(m);
	assert_true(dbus_message_set_destination(m, to));
	assert_true(dbus_message_set_reply_serial(m, serial));
	dbus_message_set_no_reply(m, TRUE);
	assert_true(dbus_connection_send(c->c, m, NULL));
	dbus_message_unref(m);
	dbus_connection_flush(c->c);
}

static DBusMessage *given(void)
{
	DBusMessage *m = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
	const char *word = "given";
	DBusMessageIter it, dict;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &word);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

static void a_stranger_cannot_consent_for_the_agent(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct client *stranger = client_new(OWN);
	struct session *s = opened(owner);
	_cleanup_json_ json_t *request = json_pack("{s:[s]}", "acts", "consult");
	DBusMessage *call;

	(void)state;
	bus_ask_consent(bed.bus, s, request);
	call = asked(agent, "RequestConsent", "oh");
	forge(stranger, given(), dbus_message_get_sender(call), dbus_message_get_serial(call));
	turns();
	assert_int_equal(s->consent_given, 0);
	assert_int_equal(s->consent_why, VITALED_REASON_FAILED);
	dbus_message_unref(call);
}

static void a_stranger_cannot_confirm_the_last_try(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct client *stranger = client_new(OWN);
	struct session *s = opened(owner);
	DBusMessage *call, *yes = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
	dbus_bool_t on = TRUE;

	(void)state;
	bus_ask_last_try(bed.bus, s);
	call = client_take(agent, "Confirm");
	assert_non_null(call);
	assert_true(dbus_message_append_args(yes, DBUS_TYPE_BOOLEAN, &on, DBUS_TYPE_INVALID));
	forge(stranger, yes, dbus_message_get_sender(call), dbus_message_get_serial(call));
	turns();
	assert_int_equal(s->last_try, -1);
	assert_int_equal(s->pin_failed, VITALED_REASON_FAILED);
	dbus_message_unref(call);
}

static void a_strangers_error_is_no_answer_of_the_person(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct client *stranger = client_new(OWN);
	struct session *s = opened(owner);
	DBusMessage *call, *no = dbus_message_new(DBUS_MESSAGE_TYPE_ERROR);

	(void)state;
	bus_ask_last_try(bed.bus, s);
	call = client_take(agent, "Confirm");
	assert_non_null(call);
	assert_true(dbus_message_set_error_name(no, "org.vitaled1.Error.Cancelled"));
	forge(stranger, no, dbus_message_get_sender(call), dbus_message_get_serial(call));
	turns();
	assert_int_equal(s->pin_failed, VITALED_REASON_FAILED);
	dbus_message_unref(call);
}

static void an_agent_cannot_speak_for_the_bus(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner);
	DBusMessage *call;

	(void)state;
	bus_ask_last_try(bed.bus, s);
	call = client_take(agent, "Confirm");
	assert_non_null(call);
	reply_error(agent, call, DBUS_ERROR_SERVICE_UNKNOWN);
	assert_int_equal(s->pin_failed, VITALED_REASON_FAILED);
}

static void an_agent_that_leaves_is_the_buss_word(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner);
	DBusMessage *call;

	(void)state;
	bus_ask_last_try(bed.bus, s);
	call = client_take(agent, "Confirm");
	assert_non_null(call);
	dbus_message_unref(call);
	client_free(agent);
	turns();
	assert_int_equal(s->pin_failed, VITALED_REASON_NO_AGENT);
}

/* -- polkit -- */

static DBusMessage *open_message(void)
{
	DBusMessage *m = method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID);
	DBusMessageIter it, dict;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

static DBusMessage *allowed(void)
{
	DBusMessage *m = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
	DBusMessageIter it, s, d;
	dbus_bool_t yes = TRUE, no = FALSE;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_STRUCT, NULL, &s);
	(void)dbus_message_iter_append_basic(&s, DBUS_TYPE_BOOLEAN, &yes);
	(void)dbus_message_iter_append_basic(&s, DBUS_TYPE_BOOLEAN, &no);
	(void)dbus_message_iter_open_container(&s, DBUS_TYPE_ARRAY, "{ss}", &d);
	(void)dbus_message_iter_close_container(&s, &d);
	(void)dbus_message_iter_close_container(&it, &s);
	return m;
}

static void a_stranger_cannot_allow_in_polkits_name(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending;

	(void)state;
	bed.polkit = BED_POLKIT_HANGS;
	pending = client_send(c, open_message());
	while (bed.n_checks == 0)
		bed_turn();
	forge(c, allowed(), bed.last_sender, bed.last_serial);
	assert_string_equal(error_of(client_wait(pending)), "Failed");
	assert_null(fakes_session());
}

static void polkit_may_come_later_and_come_back(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	bed_polkit_leaves();
	assert_string_equal(error_of(client_call(c, open_message())), "Failed");
	bed_polkit_comes();
	assert_string_equal(error_of(client_call(c, open_message())), "");
	bed_polkit_leaves();
	bed_polkit_comes(); /* another connection */
	assert_string_equal(error_of(client_call(c, open_message())), "");
	(void)bed_teardown(NULL);
	bed_polkit_leaves();
	(void)bed_setup(NULL); /* a service that starts first */
	bed_polkit_comes();
	assert_string_equal(error_of(client_call(client_new(OWN), open_message())), "");
}

/* -- credentials -- */

static DBusMessage *credentials(uint32_t uid)
{
	DBusMessage *m = dbus_message_new(DBUS_MESSAGE_TYPE_METHOD_RETURN);
	const char *key = "UnixUserID";
	DBusMessageIter it, dict, e, v;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "u", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_UINT32, &uid);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(&dict, &e);
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

static void a_stranger_cannot_vouch_for_a_caller(void **state)
{
	struct client *first = client_new(OWN), *c = client_new(OWN),
		      *stranger = client_new(OWN);
	DBusPendingCall *pending;
	const char *error;

	(void)state;
	(void)opened(first); /* tells us the service's name and where its serials are */
	pending = client_send(c, open_message());
	(void)usleep(50000); /* the call is with the service, which has not read it */
	bed_pause(true);
	for (uint32_t i = 1; i < 16; i++) /* at the bus before the service's own question */
		forge(stranger, credentials(FORGED), bed.last_sender, bed.last_serial + i);
	for (int i = 0; i < 20; i++)
		bed_turn();
	bed_pause(false);
	(void)usleep(50000);
	error = error_of(client_wait(pending));
	/* the forged answer ended the question, or came too late; never was it believed */
	assert_true(strcmp(error, "AccessDenied") == 0 || strcmp(error, "") == 0);
	for (const struct session *s = fakes_session(); s; s = s->next)
		assert_int_not_equal(s->uid, FORGED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(a_stranger_cannot_consent_for_the_agent),
		T(a_stranger_cannot_confirm_the_last_try),
		T(a_strangers_error_is_no_answer_of_the_person),
		T(an_agent_cannot_speak_for_the_bus),
		T(an_agent_that_leaves_is_the_buss_word),
		T(a_stranger_cannot_allow_in_polkits_name),
		T(polkit_may_come_later_and_come_back),
		T(a_stranger_cannot_vouch_for_a_caller),
	};
	int r;

	bed_start(true);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
