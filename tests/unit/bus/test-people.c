/* SPDX-License-Identifier: EUPL-1.2 */
/* Agents on a private bus: registration, who is asked, PINs, and everything that is no answer. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bus/fds.h"
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* -- registration -- */

static void registering_asks_polkit_once_a_capability_and_is_recorded(void **state)
{
	struct client *c = agent_new(OWN, "pin", "professional");

	(void)state;
	assert_int_equal(bed.n_checks, 2);
	assert_string_equal(bed.last_action, "org.vitaled1.agent.register-professional");
	assert_int_equal(fakes.last_event, AUDIT_EVENT_AGENT);
	assert_string_equal(registered(c, "/agent", "pin", NULL), "WrongState");
}

static void a_registration_that_may_not_be_has_its_name(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	assert_string_equal(registered(c, "/agent", "colour", NULL), "InvalidArgument");
	assert_string_equal(registered(c, "/agent", "pin", "pin"), "InvalidArgument");
	assert_string_equal(registered(c, "/agent", "patient-display", NULL), "AccessDenied");
	configure("pin", "", 12345);
	assert_string_equal(registered(c, "/agent", "pin", NULL), "AccessDenied");
	fakes.append_result = AUDIT_UNAVAILABLE;
	assert_string_equal(registered(c, "/agent", "professional", NULL), "AuditUnavailable");
	fakes.append_result = -5;
	assert_string_equal(registered(c, "/agent", "professional", NULL), "Failed");
	bed.polkit = BED_POLKIT_NO;
	assert_string_equal(registered(c, "/agent", "professional", NULL), "AccessDenied");
}

static void one_connection_holds_a_few_agents_and_no_more(void **state)
{
	struct client *c = client_new(OWN);
	const char *const paths[] = {"/a", "/b", "/c", "/d"};
	const char *path = "/a";

	(void)state;
	for (size_t i = 0; i < LIMIT_AGENTS_PEER; i++)
		assert_string_equal(registered(c, paths[i], "pin", NULL), "");
	assert_string_equal(registered(c, "/e", "pin", NULL), "LimitsExceeded");
	for (int i = 0; i < 2; i++)
		assert_string_equal(
			error_of(client_call(
				c, method(ROOT, MANAGER, "UnregisterAgent",
					   DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID))),
			i == 0 ? "" : "InvalidArgument");
	assert_string_equal(registered(c, "/e", "pin", NULL), "");
}

static void the_service_says_release_when_it_ends(void **state)
{
	struct client *c = agent_new(OWN, "pin", NULL);

	bed.bus = bus_free(bed.bus);
	dbus_message_unref(asked(c, "Release", ""));
	(void)state;
}

/* -- PIN -- */

static int pin_pipe(const char *digits)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], digits, strlen(digits)), strlen(digits));
	(void)close(ends[1]);
	return ends[0];
}

static void a_pin_goes_through_its_pipe_unread(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner);
	_cleanup_fd_ int fd = pin_pipe("1234");

	(void)state;
	bus_ask_pin(bed.bus, s, 3, false);
	reply_with(agent, asked(agent, "RequestPin", "oa{sv}"), DBUS_TYPE_UNIX_FD, &fd,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->pin_given, 1);
	assert_string_equal(s->pin, "1234");
}

static void only_the_reading_end_of_a_pipe_is_a_pin(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner);
	int fds[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint32_t number = 1234;

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	bus_ask_pin(bed.bus, s, 3, false);
	reply_with(agent, asked(agent, "RequestPin", "oa{sv}"), DBUS_TYPE_UNIX_FD, &fds[1],
		DBUS_TYPE_INVALID);
	assert_int_equal(s->pin_failed, VITALED_REASON_PIN_REFUSED);
	s->pin_failed = VITALED_REASON_NONE;
	bus_ask_pin(bed.bus, s, 3, false);
	reply_with(agent, asked(agent, "RequestPin", "oa{sv}"), DBUS_TYPE_UNIX_FD, &file,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->pin_failed, VITALED_REASON_PIN_REFUSED);
	bus_ask_pin(bed.bus, s, 3, false);
	reply_with(agent, asked(agent, "RequestPin", "oa{sv}"), DBUS_TYPE_UINT32, &number,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->pin_failed, VITALED_REASON_INVALID_ARGUMENT);
	assert_int_equal(s->pin_given, 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(file);
}

static void an_agents_error_says_who_said_no(void **state)
{
	static const struct {
		const char *name;
		enum vitaled_reason why;
	} rows[] = {
		{"org.vitaled1.Error.Cancelled", VITALED_REASON_CANCELLED},
		{"org.vitaled1.Error.PinRefused", VITALED_REASON_PIN_REFUSED},
		{"org.freedesktop.DBus.Error.UnknownMethod", VITALED_REASON_FAILED},
		{"org.vitaled1.Error.PinWrong", VITALED_REASON_FAILED},
	};
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bus_ask_pin(bed.bus, s, 2, true);
		reply_error(agent, asked(agent, "RequestPin", "oa{sv}"), rows[i].name);
		assert_int_equal(s->pin_failed, rows[i].why);
	}
}

static void without_an_agent_the_answer_is_no_agent(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);

	(void)state;
	bus_ask_pin(bed.bus, s, 3, false);
	assert_int_equal(s->pin_failed, VITALED_REASON_NO_AGENT);
	s->pin_failed = VITALED_REASON_NONE;
	bus_ask_last_try(bed.bus, s);
	assert_int_equal(s->pin_failed, VITALED_REASON_NO_AGENT);
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_STRUCTURE, NULL);
	assert_int_equal(s->choice_failed, VITALED_REASON_NO_AGENT);
	bus_ask_consent(bed.bus, s, NULL);
	assert_int_equal(s->consent_why, VITALED_REASON_NO_AGENT);
}

static void an_agent_of_the_owners_connection_is_never_asked(void **state)
{
	struct client *owner = agent_new(OWN, "pin", "professional");
	struct session *s = opened(owner);

	(void)state;
	bus_ask_pin(bed.bus, s, 3, false);
	assert_int_equal(s->pin_failed, VITALED_REASON_NO_AGENT);
	assert_false(client_has(owner, "RequestPin"));
}

static void an_agent_of_another_uid_is_never_asked(void **state)
{
	struct client *owner, *agent;
	struct session *s;

	(void)state;
	need_root();
	owner = client_new(OWN);
	agent = agent_new(OTHER_UID, "pin", NULL);
	s = opened(owner);
	bus_ask_pin(bed.bus, s, 3, false);
	assert_int_equal(s->pin_failed, VITALED_REASON_NO_AGENT);
	turns();
	assert_false(client_has(agent, "RequestPin"));
}

static void a_configured_agent_of_another_uid_is_asked_first(void **state)
{
	struct client *owner, *stranger, *agent;
	struct session *s;

	(void)state;
	need_root();
	owner = client_new(OWN);
	stranger = agent_new(OWN, "pin", NULL);
	configure("pin", "", OTHER_UID);
	agent = agent_new(OTHER_UID, "pin", NULL);
	s = opened(owner);
	bus_ask_pin(bed.bus, s, 3, false);
	reply_error(
		agent, asked(agent, "RequestPin", "oa{sv}"), "org.vitaled1.Error.Cancelled");
	assert_false(client_has(stranger, "RequestPin"));
	assert_int_equal(s->pin_failed, VITALED_REASON_CANCELLED);
}

static void an_agent_that_vanishes_gave_no_answer(void **state)
{
	struct client *owner = client_new(OWN);
	struct client *agent = agent_new(OWN, "pin", "professional");
	struct session *s = opened(owner), *second = opened(owner);

	(void)state;
	bus_ask_pin(bed.bus, s, 3, false);
	bus_ask_consent(bed.bus, second, json_null());
	dbus_message_unref(asked(agent, "RequestPin", "oa{sv}"));
	client_free(agent);
	turns();
	assert_int_equal(s->pin_failed, VITALED_REASON_NO_AGENT);
	assert_int_equal(second->consent_why, VITALED_REASON_NO_AGENT);
	assert_int_equal(second->consent_given, 0);
}

static void a_late_answer_is_none(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner);
	_cleanup_fd_ int fd = pin_pipe("1234");
	DBusMessage *call;

	(void)state;
	bed.faster = 2000; /* 120 s are 60 ms */
	bus_ask_pin(bed.bus, s, 3, false);
	call = asked(agent, "RequestPin", "oa{sv}");
	dbus_message_unref(asked(agent, "Cancel", "os"));
	assert_int_equal(s->pin_failed, VITALED_REASON_TIMEOUT);
	reply_with(agent, call, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	assert_int_equal(s->pin_given, 0);
}

static void one_request_is_outstanding_and_others_wait_in_order(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *first = opened(owner), *second = opened(owner);
	_cleanup_fd_ int one = pin_pipe("1111");
	_cleanup_fd_ int two = pin_pipe("2222");
	DBusMessage *call;

	(void)state;
	bus_ask_pin(bed.bus, first, 3, false);
	bus_ask_pin(bed.bus, second, 3, false);
	call = asked(agent, "RequestPin", "oa{sv}");
	turns();
	assert_false(client_has(agent, "RequestPin"));
	reply_with(agent, call, DBUS_TYPE_UNIX_FD, &one, DBUS_TYPE_INVALID);
	reply_with(agent, asked(agent, "RequestPin", "oa{sv}"), DBUS_TYPE_UNIX_FD, &two,
		DBUS_TYPE_INVALID);
	assert_string_equal(first->pin, "1111");
	assert_string_equal(second->pin, "2222");
}

static void a_session_that_ends_withdraws_its_question(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner), *second = opened(owner);
	const char *path = NULL, *why = NULL;
	DBusMessage *m;

	(void)state;
	bus_ask_pin(bed.bus, s, 3, false);
	bus_ask_pin(bed.bus, second, 3, false);
	dbus_message_unref(asked(agent, "RequestPin", "oa{sv}"));
	fakes_state(s, SESSION_STATE_FAILED, VITALED_REASON_PROFESSIONAL_CARD_REMOVED);
	m = asked(agent, "Cancel", "os");
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path,
		DBUS_TYPE_STRING, &why, DBUS_TYPE_INVALID));
	assert_string_equal(path, "/org/vitaled1/session/1");
	assert_string_equal(why, "professional-card-removed");
	dbus_message_unref(m);
	dbus_message_unref(asked(agent, "Inform", "osa{sv}"));
	dbus_message_unref(asked(agent, "RequestPin", "oa{sv}")); /* the second's turn */
	bus_stop_asking(bed.bus, second, VITALED_REASON_NONE);
	dbus_message_unref(asked(agent, "Cancel", "os"));
	assert_int_equal(s->pin_failed, VITALED_REASON_NONE);
}

/* -- last try -- */

static void the_last_try_needs_an_explicit_yes(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner);
	dbus_bool_t yes = TRUE, no = FALSE;

	(void)state;
	bus_ask_last_try(bed.bus, s);
	reply_with(agent, asked(agent, "Confirm", "osh"), DBUS_TYPE_BOOLEAN, &no,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->last_try, 0);
	bus_ask_last_try(bed.bus, s);
	reply_with(agent, asked(agent, "Confirm", "osh"), DBUS_TYPE_INVALID);
	assert_int_equal(s->last_try, 0);
	assert_int_equal(s->pin_failed, VITALED_REASON_INVALID_ARGUMENT);
	bus_ask_last_try(bed.bus, s);
	reply_with(agent, asked(agent, "Confirm", "osh"), DBUS_TYPE_BOOLEAN, &yes,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->last_try, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(registering_asks_polkit_once_a_capability_and_is_recorded),
		T(a_registration_that_may_not_be_has_its_name),
		T(one_connection_holds_a_few_agents_and_no_more),
		T(the_service_says_release_when_it_ends),
		T(a_pin_goes_through_its_pipe_unread),
		T(only_the_reading_end_of_a_pipe_is_a_pin),
		T(an_agents_error_says_who_said_no),
		T(without_an_agent_the_answer_is_no_agent),
		T(an_agent_of_the_owners_connection_is_never_asked),
		T(an_agent_of_another_uid_is_never_asked),
		T(a_configured_agent_of_another_uid_is_asked_first),
		T(an_agent_that_vanishes_gave_no_answer),
		T(a_late_answer_is_none),
		T(one_request_is_outstanding_and_others_wait_in_order),
		T(a_session_that_ends_withdraws_its_question),
		T(the_last_try_needs_an_explicit_yes),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
