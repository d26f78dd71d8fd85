/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The patient's codes on a private bus: which agent types them and which shows them, what each is told,
 * and every wrong way to answer.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bus/ask.h"
#include "daemon/bus/fds.h"
#include "tests/unit/bus/people.h"

#define UNTIL 1795361627736647ULL

static const struct dossier_question first_try = {
	.tries_left = 5, .personal = true, .activation = true};

static int pipe_of(const char *digits)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], digits, strlen(digits)), strlen(digits));
	(void)close(ends[1]);
	return ends[0];
}

/* Facts of a request as text, in the order in which they stand: "again=0 tries-left=5". */
static const char *facts_of(DBusMessage *m)
{
	static char text[256];
	DBusMessageIter it, dict, entry, value;
	size_t n = 0;

	text[0] = '\0';
	assert_true(dbus_message_iter_init(m, &it));
	(void)dbus_message_iter_next(&it);
	(void)dbus_message_iter_next(&it);
	for (dbus_message_iter_recurse(&it, &dict); dbus_message_iter_get_arg_type(&dict);
		(void)dbus_message_iter_next(&dict)) {
		const char *key = NULL;
		DBusBasicValue v = {.u64 = 0};

		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &key);
		(void)dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &value);
		dbus_message_iter_get_basic(&value, &v);
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s=%u", n ? " " : "", key,
			dbus_message_iter_get_arg_type(&value) == DBUS_TYPE_BYTE ? v.byt
										 : v.bool_val);
	}
	return text;
}

static const char *kind_of(DBusMessage *m)
{
	DBusMessageIter it;
	const char *kind = NULL;

	assert_true(dbus_message_iter_init(m, &it));
	(void)dbus_message_iter_next(&it);
	dbus_message_iter_get_basic(&it, &kind);
	return kind;
}

/* -- who ---------------------------------------------------------------------------------------- */

static void a_code_is_typed_on_the_patients_display_of_the_pair(void **state)
{
	struct client *owner = client_new(OWN), *pin, *display;
	struct dossier_agent agent;
	struct session *s;

	(void)state;
	configure("patient-display", "default", OTHER_UID);
	s = opened(owner);
	assert_false(bus_code_agent(bed.bus, s, true, &agent));
	pin = agent_new(OWN, "pin", "professional");
	/* a display that is away is nobody's to stand in for */
	assert_false(bus_code_agent(bed.bus, s, true, &agent));
	display = agent_new(OTHER_UID, "patient-display", NULL);
	assert_true(bus_code_agent(bed.bus, s, true, &agent));
	assert_int_equal(agent.uid, OTHER_UID);
	bus_ask_patient_code(bed.bus, s, &agent, &first_try);
	dbus_message_unref(asked(display, "RequestCode", "osa{sv}"));
	assert_false(client_has(pin, "RequestCode"));
	/* what is shown to the professional goes to theirs */
	assert_true(bus_code_agent(bed.bus, s, false, &agent));
	assert_int_equal(agent.uid, geteuid());
}

static void where_no_display_is_configured_it_is_typed_with_the_pin_agent(void **state)
{
	struct client *owner = client_new(OWN), *pin;
	struct dossier_agent agent;
	struct session *s = opened(owner);

	(void)state;
	assert_false(bus_code_agent(bed.bus, s, true, &agent));
	assert_false(bus_code_agent(bed.bus, s, false, &agent));
	pin = agent_new(OWN, "pin", NULL);
	assert_true(bus_code_agent(bed.bus, s, true, &agent));
	assert_false(bus_code_agent(bed.bus, s, false, &agent));
	bus_ask_patient_code(bed.bus, s, &agent, &first_try);
	dbus_message_unref(asked(pin, "RequestCode", "osa{sv}"));
}

static void who_opened_the_session_is_no_agent_of_it(void **state)
{
	struct client *owner = client_new(OWN);
	struct dossier_agent agent;
	struct session *s;

	(void)state;
	assert_string_equal(registered(owner, "/agent", "pin", "professional"), "");
	s = opened(owner);
	assert_false(bus_code_agent(bed.bus, s, true, &agent));
	assert_false(bus_code_agent(bed.bus, s, false, &agent));
}

/* -- asking ------------------------------------------------------------------------------------- */

static struct session *asking(struct client **ret_agent, const struct dossier_question *q)
{
	struct session *s = opened(client_new(OWN));
	struct dossier_agent agent;

	if (!*ret_agent)
		*ret_agent = agent_new(OWN, "pin", NULL);
	fakes.code_session = NULL;
	fakes.code_failed = VITALED_REASON_NONE;
	assert_true(bus_code_agent(bed.bus, s, true, &agent));
	bus_ask_patient_code(bed.bus, s, &agent, q);
	return s;
}

static void a_code_goes_on_unread_with_what_would_do_and_is_left(void **state)
{
	static const struct dossier_question again = {
		.again = true, .tries_left = 1, .personal = true};
	_cleanup_fd_ int digits = pipe_of("2718");
	struct client *agent = NULL;
	struct session *s = asking(&agent, &first_try);
	DBusMessage *m = asked(agent, "RequestCode", "osa{sv}");
	char path[48];
	const char *about = NULL;

	(void)state;
	object_path(OBJECT_SESSION, s->id, path);
	assert_true(dbus_message_get_args(
		m, NULL, DBUS_TYPE_OBJECT_PATH, &about, DBUS_TYPE_INVALID));
	assert_string_equal(about, path);
	assert_string_equal(kind_of(m), "patient-code");
	assert_string_equal(facts_of(m), "again=0 tries-left=5 personal=1 activation=1");
	reply_with(agent, m, DBUS_TYPE_UNIX_FD, &digits, DBUS_TYPE_INVALID);
	assert_string_equal(fakes.code, "2718");
	assert_ptr_equal(fakes.code_session, s);

	(void)asking(&agent, &again);
	m = asked(agent, "RequestCode", "osa{sv}");
	assert_string_equal(facts_of(m), "again=1 tries-left=1 personal=1 activation=0");
	dbus_message_unref(m);
}

static void a_new_code_is_asked_for_without_facts(void **state)
{
	static const struct dossier_question fresh = {.fresh = true, .tries_left = 3};
	struct client *agent = NULL;
	DBusMessage *m;

	(void)state;
	(void)asking(&agent, &fresh);
	m = asked(agent, "RequestCode", "osa{sv}");
	assert_string_equal(kind_of(m), "new-code");
	assert_string_equal(facts_of(m), "");
	dbus_message_unref(m);
}

static void what_is_no_pipe_is_no_code(void **state)
{
	struct client *agent = NULL;
	struct session *s = asking(&agent, &first_try);
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	dbus_uint32_t number = 7;
	int ends[2];

	(void)state;
	reply_with(agent, asked(agent, "RequestCode", "osa{sv}"), DBUS_TYPE_UNIX_FD, &fd,
		DBUS_TYPE_INVALID);
	(void)close(fd);
	assert_ptr_equal(fakes.code_session, s);
	assert_int_equal(fakes.code_failed, VITALED_REASON_INVALID_ARGUMENT);
	s = asking(&agent, &first_try);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	reply_with(agent, asked(agent, "RequestCode", "osa{sv}"), DBUS_TYPE_UNIX_FD, &ends[1],
		DBUS_TYPE_INVALID);
	(void)close(ends[0]);
	(void)close(ends[1]);
	assert_int_equal(fakes.code_failed, VITALED_REASON_INVALID_ARGUMENT);
	s = asking(&agent, &first_try);
	reply_with(agent, asked(agent, "RequestCode", "osa{sv}"), DBUS_TYPE_UINT32, &number,
		DBUS_TYPE_INVALID);
	assert_ptr_equal(fakes.code_session, s);
	assert_int_equal(fakes.code_failed, VITALED_REASON_INVALID_ARGUMENT);
	assert_string_equal(fakes.code, "");
}

static void an_agent_that_says_no_or_leaves_gave_none(void **state)
{
	struct client *agent = NULL;
	struct session *s = asking(&agent, &first_try);
	struct dossier_agent gone;

	(void)state;
	reply_error(
		agent, asked(agent, "RequestCode", "osa{sv}"), "org.vitaled1.Error.Cancelled");
	assert_ptr_equal(fakes.code_session, s);
	assert_int_equal(fakes.code_failed, VITALED_REASON_CANCELLED);
	s = asking(&agent, &first_try);
	assert_true(bus_code_agent(bed.bus, s, true, &gone));
	dbus_message_unref(asked(agent, "RequestCode", "osa{sv}"));
	client_free(agent);
	for (int i = 0; i < 2000 && fakes.code_failed == VITALED_REASON_NONE; i++)
		bed_turn();
	assert_int_equal(fakes.code_failed, VITALED_REASON_NO_AGENT);
	/* another one in its place is not the one that was chosen */
	agent = agent_new(OWN, "pin", NULL);
	fakes.code_failed = VITALED_REASON_NONE;
	bus_ask_patient_code(bed.bus, s, &gone, &first_try);
	assert_int_equal(fakes.code_failed, VITALED_REASON_NO_AGENT);
	turns();
	assert_false(client_has(agent, "RequestCode"));
}

static void a_question_ends_with_its_session(void **state)
{
	struct client *agent = NULL;
	struct session *s = asking(&agent, &first_try);
	DBusMessage *m = asked(agent, "RequestCode", "osa{sv}");

	(void)state;
	bus_stop_asking(bed.bus, s, VITALED_REASON_RELEASED);
	dbus_message_unref(asked(agent, "Cancel", "os"));
	reply_error(agent, m, "org.vitaled1.Error.Cancelled");
	assert_null(fakes.code_session);
}

/* -- showing ------------------------------------------------------------------------------------ */

static void an_activation_code_goes_to_the_agent_that_it_is_for_in_a_memfd(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	struct dossier_agent chosen;
	DBusMessageIter it, dict, entry, value;
	char digits[16] = "";
	DBusMessage *m;
	int fd = -1;

	(void)state;
	assert_int_equal(json_memfd_text(VIEW_TEXT("12345678"), "code", &fd), 0);
	assert_true(bus_code_agent(bed.bus, s, false, &chosen));
	assert_true(bus_show_code(bed.bus, s, &chosen, fd, UNTIL));
	assert_true(fcntl(fd, F_GETFD) >= 0); /* borrowed */
	m = asked(agent, "Inform", "osa{sv}");
	assert_true(dbus_message_get_no_reply(m));
	assert_string_equal(kind_of(m), "activation-code");
	(void)dbus_message_iter_init(m, &it);
	(void)dbus_message_iter_next(&it);
	(void)dbus_message_iter_next(&it);
	dbus_message_iter_recurse(&it, &dict);
	dbus_message_iter_recurse(&dict, &entry);
	(void)dbus_message_iter_next(&entry);
	dbus_message_iter_recurse(&entry, &value);
	{
		_cleanup_fd_ int got = wire_get_fd(&value);

		assert_int_equal(pread(got, digits, sizeof(digits), 0), 8);
		assert_int_equal(fcntl(got, F_GETFL) & O_ACCMODE, O_RDONLY);
	}
	assert_string_equal(digits, "12345678");
	dbus_message_unref(m);
	/* nobody else gets it, also not in its place */
	client_free(agent);
	turns();
	agent = agent_new(OWN, "professional", NULL);
	assert_false(bus_show_code(bed.bus, s, &chosen, fd, UNTIL));
	assert_true(bus_code_agent(bed.bus, s, false, &chosen));
	assert_false(bus_show_code(bed.bus, s, &chosen, -1, UNTIL));
	turns();
	assert_false(client_has(agent, "Inform"));
	(void)close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(a_code_is_typed_on_the_patients_display_of_the_pair),
		T(where_no_display_is_configured_it_is_typed_with_the_pin_agent),
		T(who_opened_the_session_is_no_agent_of_it),
		T(a_code_goes_on_unread_with_what_would_do_and_is_left),
		T(a_new_code_is_asked_for_without_facts),
		T(what_is_no_pipe_is_no_code),
		T(an_agent_that_says_no_or_leaves_gave_none),
		T(a_question_ends_with_its_session),
		T(an_activation_code_goes_to_the_agent_that_it_is_for_in_a_memfd),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
