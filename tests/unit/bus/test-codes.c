/* SPDX-License-Identifier: EUPL-1.2 */
/* ChangePin and UnblockPin on a private bus, and agents that answer for them in every wrong way. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bus/fds.h"
#include "tests/unit/bus/people.h"

#define ROOT "/org/vitaled1"
#define CARD "org.vitaled1.Card"
#define PATH ROOT "/card/7"

static struct card card;

static void insert(void)
{
	struct card_reader *r = &fakes.readers[0];

	*r = (struct card_reader){.id = 1, .name = "A", .driver = "pcsc", .present = true};
	card = (struct card){
		.id = 7, .reader = r, .kind = CARD_KIND_CPS, .in_use_uid = (uid_t)-1};
	r->card = &card;
	fakes.n_readers = 1;
	fakes.listener->reader_added(fakes.listener_user, r);
	fakes.listener->card_added(fakes.listener_user, &card);
}

static DBusPendingCall *job(struct client *c, const char *member)
{
	DBusPendingCall *pending = client_send(c, method(PATH, CARD, member, 0));

	for (int i = 0; i < 2000 && !fakes.job.done; i++)
		bed_turn();
	assert_non_null(fakes.job.done);
	return pending;
}

/* a job whose end is not waited for */
static void started(struct client *c, const char *member)
{
	DBusPendingCall *pending = job(c, member);

	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
}

static int code_pipe(const char *digits)
{
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_int_equal(write(ends[1], digits, strlen(digits)), strlen(digits));
	(void)close(ends[1]);
	return ends[0];
}

/* the text of an error reply; frees it */
static const char *text_of(DBusMessage *m)
{
	static char text[160];
	const char *s = "";

	(void)dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &s, DBUS_TYPE_INVALID);
	(void)snprintf(text, sizeof(text), "%s", s);
	dbus_message_unref(m);
	return text;
}

static void read_request(DBusMessage *m, const char **path, const char **kind)
{
	DBusMessageIter it;

	assert_true(dbus_message_iter_init(m, &it));
	dbus_message_iter_get_basic(&it, path);
	assert_true(dbus_message_iter_next(&it));
	dbus_message_iter_get_basic(&it, kind);
}

static bool has_fact(DBusMessage *m, const char *name)
{
	DBusMessageIter it, dict, entry;
	const char *key = "";

	assert_true(dbus_message_iter_init(m, &it));
	(void)dbus_message_iter_next(&it);
	(void)dbus_message_iter_next(&it);
	for (dbus_message_iter_recurse(&it, &dict); dbus_message_iter_get_arg_type(&dict);
		(void)dbus_message_iter_next(&dict)) {
		dbus_message_iter_recurse(&dict, &entry);
		dbus_message_iter_get_basic(&entry, &key);
		if (strcmp(key, name) == 0)
			return true;
	}
	return false;
}

static void codes_go_through_their_pipes_unread(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	_cleanup_fd_ int old = code_pipe("1234");
	_cleanup_fd_ int new = code_pipe("4321");
	const char *path = NULL, *kind = NULL;
	DBusPendingCall *pending;
	DBusMessage *m;

	(void)state;
	insert();
	pending = job(c, "ChangePin");
	assert_string_equal(bed.last_action, "org.vitaled1.session.open");
	assert_int_equal(fakes.job.kind, PIN_JOB_CHANGE);
	assert_string_equal(fakes.job.owner, c->name);
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	m = asked(agent, "RequestCode", "osa{sv}");
	read_request(m, &path, &kind);
	assert_string_equal(path, PATH);
	assert_string_equal(kind, "pin");
	assert_true(has_fact(m, "tries-left"));
	reply_with(agent, m, DBUS_TYPE_UNIX_FD, &old, DBUS_TYPE_INVALID);
	assert_string_equal(fakes.job.code, "1234");
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_NEW, 3);
	m = asked(agent, "RequestCode", "osa{sv}");
	read_request(m, &path, &kind);
	assert_string_equal(kind, "new-pin");
	assert_false(has_fact(m, "tries-left")); /* they are of the old one */
	reply_with(agent, m, DBUS_TYPE_UNIX_FD, &new, DBUS_TYPE_INVALID);
	assert_string_equal(fakes.job.code, "4321");
	assert_int_equal(fakes.job.codes_given, 2);
	fakes_job_ends(VITALED_REASON_NONE, 3);
	assert_string_equal(error_of(client_wait(pending)), "");
}

static void an_outcome_has_its_name_and_the_cards_tries(void **state)
{
	static const struct {
		enum vitaled_reason why;
		uint8_t tries;
		const char *error;
		const char *text;
	} rows[] = {
		{VITALED_REASON_PIN_WRONG, 2, "PinWrong", "pin-wrong: tries-left 2"},
		{VITALED_REASON_PIN_WRONG, 255, "PinWrong", "pin-wrong"},
		{VITALED_REASON_PIN_BLOCKED, 0, "PinBlocked", "pin-blocked: tries-left 0"},
		{VITALED_REASON_PIN_REFUSED, 255, "PinRefused", "pin-refused"},
		{VITALED_REASON_CANCELLED, 255, "Cancelled", "cancelled"},
		{VITALED_REASON_TIMEOUT, 255, "Timeout", "timeout"},
		{VITALED_REASON_NO_AGENT, 255, "NoAgent", "no-agent"},
		{VITALED_REASON_PROFESSIONAL_CARD_REMOVED, 255, "CardRemoved", "card-removed"},
	};
	struct client *c = client_new(OWN);

	(void)state;
	insert();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		for (int text = 0; text < 2; text++) {
			DBusPendingCall *pending = job(c, text ? "UnblockPin" : "ChangePin");
			DBusMessage *m;

			assert_int_equal(
				fakes.job.kind, text ? PIN_JOB_UNBLOCK : PIN_JOB_CHANGE);
			fakes_job_ends(rows[i].why, rows[i].tries);
			m = client_wait(pending);
			if (text)
				assert_string_equal(text_of(m), rows[i].text);
			else
				assert_string_equal(error_of(m), rows[i].error);
		}
}

static void a_job_that_cannot_start_has_its_name(void **state)
{
	static const struct {
		int r;
		const char *error;
	} rows[] = {
		{PIN_JOB_BUSY, "Busy"},
		{PIN_JOB_KIND_CARD, "CardUnsupported"},
		{PIN_JOB_AUDIT, "AuditUnavailable"},
		{-ENOMEM, "Failed"},
	};
	struct client *c = client_new(OWN);

	(void)state;
	insert();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fakes.job_result = rows[i].r;
		assert_string_equal(
			error_of(client_call(c, method(PATH, CARD, "ChangePin", 0))),
			rows[i].error);
	}
	bed.polkit = BED_POLKIT_CHALLENGE;
	assert_string_equal(error_of(client_call(c, method(PATH, CARD, "UnblockPin", 0))),
		"InteractionRequired");
	assert_int_equal(fakes.n_forgotten, 0);
}

static void a_card_in_another_users_hands_is_left_alone(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending;

	(void)state;
	insert();
	card.in_use_uid = geteuid() + 1;
	assert_string_equal(
		error_of(client_call(c, method(PATH, CARD, "ChangePin", 0))), "AccessDenied");
	assert_string_equal(
		error_of(client_call(c, method(PATH, CARD, "UnblockPin", 0))), "AccessDenied");
	assert_null(fakes.job.done);
	card.in_use_uid = geteuid();
	pending = job(c, "ChangePin");
	fakes_job_ends(VITALED_REASON_NONE, 255);
	assert_string_equal(error_of(client_wait(pending)), "");
}

static void name(char *to, size_t size, const char *text)
{
	assert_int_equal(view_copy_str(view_str(text), to, size), 0);
}

static void an_agent_of_another_pair_than_the_readers_is_not_asked(void **state)
{
	struct config *config = &fakes.config;
	struct client *agent;

	(void)state;
	name(config->pairs[0].name, sizeof(config->pairs[0].name), "here");
	name(config->pairs[0].patient_reader, sizeof(config->pairs[0].patient_reader), "B");
	name(config->pairs[0].professional_reader, sizeof(config->pairs[0].professional_reader),
		"A");
	config->n_pairs = 1;
	configure("pin", "there", geteuid());
	agent = agent_new(OWN, "pin", NULL);
	insert();
	started(client_new(OWN), "ChangePin");
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	assert_int_equal(fakes.job.failed, VITALED_REASON_NO_AGENT);
	assert_int_equal(fakes.job.n_failed, 1);
	turns();
	assert_false(client_has(agent, "RequestCode"));
	configure("pin", "here", geteuid());
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	assert_int_equal(fakes.job.n_failed, 1);
	dbus_message_unref(asked(agent, "RequestCode", "osa{sv}"));
}

static void without_a_fitting_agent_the_job_hears_so(void **state)
{
	struct client *c, *other;
	DBusPendingCall *pending;

	(void)state;
	insert();
	c = agent_new(OWN, "pin", NULL); /* of the caller's own connection */
	other = geteuid() == 0 ? agent_new(OTHER_UID, "pin", NULL) : NULL;
	(void)agent_new(OWN, "professional", NULL);
	pending = job(c, "ChangePin");
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	assert_int_equal(fakes.job.failed, VITALED_REASON_NO_AGENT);
	bus_ask_code_last_try(bed.bus, &fakes.job, PIN_CODE_PIN);
	assert_int_equal(fakes.job.n_failed, 2);
	bus_tell_job_keypad(
		bed.bus, &fakes.job, PIN_CODE_PIN, 3); /* nobody to tell: no failure */
	assert_int_equal(fakes.job.n_failed, 2);
	turns();
	assert_false(client_has(c, "RequestCode"));
	assert_false(other && client_has(other, "RequestCode"));
	fakes_job_ends(VITALED_REASON_NO_AGENT, 255);
	assert_string_equal(error_of(client_wait(pending)), "NoAgent");
}

static void only_the_reading_end_of_a_pipe_is_a_code(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	int fds[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	uint32_t number = 1234;

	(void)state;
	insert();
	started(c, "ChangePin");
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	reply_with(agent, asked(agent, "RequestCode", "osa{sv}"), DBUS_TYPE_UNIX_FD, &fds[1],
		DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.failed, VITALED_REASON_PIN_REFUSED);
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	reply_with(agent, asked(agent, "RequestCode", "osa{sv}"), DBUS_TYPE_UNIX_FD, &file,
		DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.n_failed, 2);
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PUK, 3);
	reply_with(agent, asked(agent, "RequestCode", "osa{sv}"), DBUS_TYPE_UINT32, &number,
		DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.failed, VITALED_REASON_INVALID_ARGUMENT);
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PUK, 3);
	reply_error(
		agent, asked(agent, "RequestCode", "osa{sv}"), "org.vitaled1.Error.Cancelled");
	assert_int_equal(fakes.job.failed, VITALED_REASON_CANCELLED);
	assert_int_equal(fakes.job.n_failed, 4);
	assert_int_equal(fakes.job.codes_given, 0);
	(void)close(fds[0]);
	(void)close(fds[1]);
	(void)close(file);
}

static void a_second_answer_is_none(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	_cleanup_fd_ int one = code_pipe("1111");
	_cleanup_fd_ int two = code_pipe("2222");
	DBusMessage *m;

	(void)state;
	insert();
	started(c, "ChangePin");
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	m = asked(agent, "RequestCode", "osa{sv}");
	reply_with(agent, dbus_message_ref(m), DBUS_TYPE_UNIX_FD, &one, DBUS_TYPE_INVALID);
	reply_with(agent, m, DBUS_TYPE_UNIX_FD, &two, DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.codes_given, 1);
	assert_string_equal(fakes.job.code, "1111");
}

static void a_late_answer_is_none(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	_cleanup_fd_ int fd = code_pipe("1234");
	DBusMessage *m;

	(void)state;
	insert();
	started(c, "ChangePin");
	bed.faster = 2000; /* 120 s are 60 ms */
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	m = asked(agent, "RequestCode", "osa{sv}");
	dbus_message_unref(asked(agent, "Cancel", "os"));
	assert_int_equal(fakes.job.failed, VITALED_REASON_TIMEOUT);
	reply_with(agent, m, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.codes_given, 0);
}

static void an_agent_that_vanishes_gave_no_code(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);

	(void)state;
	insert();
	started(c, "ChangePin");
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	dbus_message_unref(asked(agent, "RequestCode", "osa{sv}"));
	client_free(agent);
	turns();
	assert_int_equal(fakes.job.failed, VITALED_REASON_NO_AGENT);
	assert_int_equal(fakes.job.n_failed, 1);
}

static void the_last_try_needs_an_explicit_yes(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	dbus_bool_t yes = TRUE, no = FALSE;

	(void)state;
	insert();
	started(c, "UnblockPin");
	bus_ask_code_last_try(bed.bus, &fakes.job, PIN_CODE_PUK);
	reply_with(agent, asked(agent, "Confirm", "osh"), DBUS_TYPE_BOOLEAN, &no,
		DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.last_try, 0);
	bus_ask_code_last_try(bed.bus, &fakes.job, PIN_CODE_PUK);
	reply_with(agent, asked(agent, "Confirm", "osh"), DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.failed, VITALED_REASON_INVALID_ARGUMENT);
	assert_int_equal(fakes.job.last_try, 0);
	bus_ask_code_last_try(bed.bus, &fakes.job, PIN_CODE_PUK);
	reply_with(agent, asked(agent, "Confirm", "osh"), DBUS_TYPE_BOOLEAN, &yes,
		DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.last_try, 1);
}

static void a_job_that_ends_withdraws_its_questions(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	const char *path = NULL, *why = NULL;
	DBusPendingCall *pending;
	DBusMessage *m;

	(void)state;
	insert();
	pending = job(c, "ChangePin");
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_NEW, 255); /* waits behind it */
	dbus_message_unref(asked(agent, "RequestCode", "osa{sv}"));
	fakes_job_ends(VITALED_REASON_CARD_REMOVED, 255);
	assert_string_equal(error_of(client_wait(pending)), "CardRemoved");
	m = asked(agent, "Cancel", "os");
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path,
		DBUS_TYPE_STRING, &why, DBUS_TYPE_INVALID));
	assert_string_equal(path, PATH);
	assert_string_equal(why, "card-removed");
	dbus_message_unref(m);
	turns();
	assert_false(client_has(agent, "RequestCode"));
	assert_int_equal(fakes.job.n_failed, 0);
}

static void a_caller_that_leaves_gives_its_job_up(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	_cleanup_fd_ int fd = code_pipe("1234");
	DBusPendingCall *pending;
	DBusMessage *m;

	(void)state;
	insert();
	pending = job(c, "ChangePin");
	bus_ask_code(bed.bus, &fakes.job, PIN_CODE_PIN, 3);
	m = asked(agent, "RequestCode", "osa{sv}");
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	client_free(c);
	turns();
	assert_int_equal(fakes.n_forgotten, 1);
	assert_true(fakes.job_owner_gone);
	dbus_message_unref(asked(agent, "Cancel", "os"));
	reply_with(agent, m, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	assert_int_equal(fakes.job.codes_given, 0);
	assert_int_equal(fakes.job.n_failed, 0);
}

/* -- keypad -- */

static void the_keypad_is_told_and_its_end_too(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner), *second = opened(owner);
	const char *path = NULL, *what = NULL;
	_cleanup_fd_ int fd = code_pipe("1234");
	DBusMessage *m;

	(void)state;
	bus_tell_keypad(bed.bus, s, 2, true);
	m = asked(agent, "Inform", "osa{sv}");
	read_request(m, &path, &what);
	assert_string_equal(path, ROOT "/session/1");
	assert_string_equal(what, "use-pinpad");
	dbus_message_unref(m);
	bus_ask_pin(bed.bus, second, 3, false); /* another session's question is not held up */
	reply_with(agent, asked(agent, "RequestPin", "oa{sv}"), DBUS_TYPE_UNIX_FD, &fd,
		DBUS_TYPE_INVALID);
	assert_string_equal(second->pin, "1234");
	bus_stop_asking(bed.bus, s, VITALED_REASON_NONE);
	m = asked(agent, "Cancel", "os");
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path,
		DBUS_TYPE_STRING, &what, DBUS_TYPE_INVALID));
	assert_string_equal(path, ROOT "/session/1");
	assert_string_equal(what, "answered");
	dbus_message_unref(m);
	assert_int_equal(s->pin_failed, VITALED_REASON_NONE);
	bus_tell_keypad(bed.bus, s, 255, false);
	fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_CARD_REMOVED);
	dbus_message_unref(asked(agent, "Cancel", "os"));
	bus_tell_keypad(bed.bus, second, 3, false);
	client_free(agent);
	turns();
	assert_int_equal(
		second->pin_failed, VITALED_REASON_NONE); /* the person may still type */
	bus_stop_asking(bed.bus, second, VITALED_REASON_TIMEOUT);
	bus_tell_keypad(bed.bus, second, 3, false); /* nobody there */
}

static void a_job_on_the_keypad_names_its_codes(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	const char *path = NULL, *what = NULL;
	DBusMessage *m;

	(void)state;
	insert();
	started(c, "UnblockPin");
	bus_tell_job_keypad(bed.bus, &fakes.job, PIN_CODE_PUK, 3);
	m = asked(agent, "Inform", "osa{sv}");
	read_request(m, &path, &what);
	assert_string_equal(path, PATH);
	assert_string_equal(what, "use-pinpad");
	dbus_message_unref(m);
	bus_stop_asking_job(bed.bus, &fakes.job, VITALED_REASON_TIMEOUT);
	dbus_message_unref(asked(agent, "Cancel", "os"));
	bus_tell_job_keypad(bed.bus, &fakes.job, PIN_CODE_NEW, 255);
	dbus_message_unref(asked(agent, "Inform", "osa{sv}"));
	bus_stop_asking_job(bed.bus, &fakes.job, VITALED_REASON_NONE);
	dbus_message_unref(asked(agent, "Cancel", "os"));
}

static void a_service_that_ends_answers_who_waits(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending;

	(void)state;
	insert();
	pending = job(c, "ChangePin");
	bus_closing(bed.bus);
	assert_int_equal(fakes.n_forgotten, 1);
	assert_string_equal(error_of(client_wait(pending)), "Failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(codes_go_through_their_pipes_unread),
		T(an_outcome_has_its_name_and_the_cards_tries),
		T(a_job_that_cannot_start_has_its_name),
		T(a_card_in_another_users_hands_is_left_alone),
		T(an_agent_of_another_pair_than_the_readers_is_not_asked),
		T(without_a_fitting_agent_the_job_hears_so),
		T(only_the_reading_end_of_a_pipe_is_a_code),
		T(a_second_answer_is_none),
		T(a_late_answer_is_none),
		T(an_agent_that_vanishes_gave_no_code),
		T(the_last_try_needs_an_explicit_yes),
		T(a_job_that_ends_withdraws_its_questions),
		T(a_caller_that_leaves_gives_its_job_up),
		T(the_keypad_is_told_and_its_end_too),
		T(a_job_on_the_keypad_names_its_codes),
		T(a_service_that_ends_answers_who_waits),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
