/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Telling on a private bus: the signal to the owners of a dossier that is open, the agents who
 * hear of emergencies at the next visit and count as told when they have answered, and polkit's
 * word on breaking the glass once more.
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

#include "daemon/bus/objects.h"
#include "tests/unit/bus/break.h"
#include "tests/unit/bus/people.h"

#define PERSON "3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c"
#define OTHER  "4f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c"

/* A session of @owner with the dossier of @pseudonym open. */
static struct session *unlocked(struct client *owner, const char *pseudonym)
{
	struct session *s = opened(owner);

	assert_int_equal(view_copy_str(view_str(pseudonym), s->patient.pseudonym,
				 sizeof(s->patient.pseudonym)),
		0);
	s->dossier = "open";
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	return s;
}

/* -- the signal ---------------------------------------------------------------------------- */

static void owners_of_the_dossier_hear_what_was_done_and_nobody_else(void **state)
{
	struct client *a = client_new(OWN), *b = client_new(OWN), *c = client_new(OWN);
	struct session *s = unlocked(a, PERSON);
	const char *what = NULL;
	dbus_uint64_t when = 0;
	char path[48];
	DBusMessage *m;

	(void)state;
	(void)unlocked(b, OTHER);
	turns();
	bus_notified(bed.bus, PERSON, "authorised", 1795361627736647);
	m = client_take(a, "Notified");
	assert_non_null(m);
	object_path(OBJECT_SESSION, s->id, path);
	assert_string_equal(dbus_message_get_path(m), path);
	assert_true(dbus_message_has_interface(m, "org.vitaled1.Dossier"));
	assert_string_equal(dbus_message_get_destination(m), a->name);
	assert_true(dbus_message_get_args(
		m, NULL, DBUS_TYPE_STRING, &what, DBUS_TYPE_UINT64, &when, DBUS_TYPE_INVALID));
	assert_string_equal(what, "authorised");
	assert_int_equal(when, 1795361627736647);
	dbus_message_unref(m);
	turns();
	assert_false(client_has(a, "Notified"));
	assert_false(client_has(b, "Notified"));
	assert_false(client_has(c, "Notified"));
	/* one that is not open any more */
	fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_RELEASED);
	bus_notified(bed.bus, PERSON, "authorised", 2);
	turns();
	assert_false(client_has(a, "Notified"));
}

static void the_dossier_is_announced_before_something_of_it_is_told(void **state)
{
	struct client *a = client_new(OWN);
	struct session *s = opened(a);

	(void)state;
	turns();
	client_clear(a);
	assert_int_equal(view_copy_str(view_str(PERSON), s->patient.pseudonym,
				 sizeof(s->patient.pseudonym)),
		0);
	s->dossier = "open";
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	bus_notified(bed.bus, PERSON, "emergency", 1);
	while (!client_has(a, "Notified"))
		bed_turn();
	assert_string_equal(dbus_message_get_member(a->inbox[0]), "InterfacesAdded");
}

/* -- at the next visit --------------------------------------------------------------------- */

static const struct dossier_told news = {.to = DOSSIER_TOLD_PATIENT,
	.count = 2,
	.since = 1,
	.last = 1795361627736647,
	.mode = SESSION_MODE_BRIS_DE_GLACE};

/* The facts of an Inform that waits for its reply. */
static DBusMessage *informed(struct client *agent, const char *to)
{
	DBusMessage *m = asked(agent, "Inform", "osa{sv}");
	const char *path = NULL, *what = NULL;
	DBusMessageIter it, dict, e, v;
	bool said = false;

	assert_false(dbus_message_get_no_reply(m));
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path,
		DBUS_TYPE_STRING, &what, DBUS_TYPE_INVALID));
	assert_string_equal(what, "emergency-access");
	(void)dbus_message_iter_init(m, &it);
	(void)dbus_message_iter_next(&it);
	(void)dbus_message_iter_next(&it);
	for (dbus_message_iter_recurse(&it, &dict); dbus_message_iter_get_arg_type(&dict);
		(void)dbus_message_iter_next(&dict)) {
		const char *key, *text;

		dbus_message_iter_recurse(&dict, &e);
		dbus_message_iter_get_basic(&e, &key);
		(void)dbus_message_iter_next(&e);
		dbus_message_iter_recurse(&e, &v);
		if (strcmp(key, "to") == 0) {
			dbus_message_iter_get_basic(&v, &text);
			assert_string_equal(text, to);
			said = true;
		}
	}
	assert_true(said);
	return m;
}

static void a_display_has_told_when_it_has_answered(void **state)
{
	struct client *owner = client_new(OWN), *display;
	struct session *s = opened(owner);

	(void)state;
	bus_inform(bed.bus, s, &news); /* nobody is there */
	configure("patient-display", "default", geteuid());
	display = agent_new(OWN, "patient-display", NULL);
	bus_inform(bed.bus, s, &news);
	turns();
	assert_int_equal(s->informed[DOSSIER_TOLD_PATIENT], 0);
	reply_with(display, informed(display, "patient"), DBUS_TYPE_INVALID);
	assert_int_equal(s->informed[DOSSIER_TOLD_PATIENT], 1);
	assert_int_equal(s->informed[DOSSIER_TOLD_DOCTOR], 0);
}

static void alone_whoever_asks_for_codes_tells_where_there_is_no_display(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL), *display;
	struct session *s = opened(owner);

	(void)state;
	bus_inform(bed.bus, s, &news); /* at a desk it is nobody's but the display's */
	turns();
	assert_false(client_has(agent, "Inform"));
	s->mode = SESSION_MODE_PATIENT;
	bus_inform(bed.bus, s, &news);
	reply_with(agent, informed(agent, "patient"), DBUS_TYPE_INVALID);
	assert_int_equal(s->informed[DOSSIER_TOLD_PATIENT], 1);
	configure("patient-display", "default", geteuid());
	bus_inform(bed.bus, s, &news); /* one that is away has nobody to stand in for it */
	turns();
	assert_false(client_has(agent, "Inform"));
	display = agent_new(OWN, "patient-display", NULL);
	bus_inform(bed.bus, s, &news);
	reply_with(display, informed(display, "patient"), DBUS_TYPE_INVALID);
	assert_int_equal(s->informed[DOSSIER_TOLD_PATIENT], 2);
}

static void a_display_that_fails_or_leaves_has_told_nothing(void **state)
{
	struct client *owner = client_new(OWN), *display;
	struct session *s = opened(owner);
	const char *word = "told";

	(void)state;
	configure("patient-display", "default", geteuid());
	display = agent_new(OWN, "patient-display", NULL);
	bus_inform(bed.bus, s, &news);
	reply_error(display, informed(display, "patient"), DBUS_ERROR_UNKNOWN_METHOD);
	bus_inform(bed.bus, s, &news);
	reply_with(display, informed(display, "patient"), DBUS_TYPE_STRING, &word,
		DBUS_TYPE_INVALID); /* another form */
	bus_inform(bed.bus, s, &news);
	dbus_message_unref(informed(display, "patient"));
	client_free(display);
	turns();
	assert_int_equal(s->informed[DOSSIER_TOLD_PATIENT], 0);
}

static void the_treating_doctor_is_told_by_the_professionals_agent(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct dossier_told theirs = news;
	struct session *s = opened(owner);

	(void)state;
	theirs.to = DOSSIER_TOLD_DOCTOR;
	bus_inform(bed.bus, s, &theirs);
	reply_with(agent, informed(agent, "treating-doctor"), DBUS_TYPE_INVALID);
	assert_int_equal(s->informed[DOSSIER_TOLD_DOCTOR], 1);
}

/* It is sent when nothing is asked, and what is asked then does not wait for its reply. */
static void what_is_told_holds_up_no_question(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct dossier_told theirs = news;
	struct session *s = opened(owner), *second = opened(owner);
	dbus_bool_t yes = TRUE;
	DBusMessage *told;

	(void)state;
	theirs.to = DOSSIER_TOLD_DOCTOR;
	bus_inform(bed.bus, s, &theirs);
	told = informed(agent, "treating-doctor");
	bus_inform(bed.bus, second, &theirs); /* one at a time */
	bus_confirm_emergency(bed.bus, s, json_null());
	reply_with(agent, asked(agent, "Confirm", "osh"), DBUS_TYPE_BOOLEAN, &yes,
		DBUS_TYPE_INVALID);
	turns();
	assert_false(client_has(agent, "Inform"));
	assert_int_equal(s->informed[DOSSIER_TOLD_DOCTOR], 0);
	reply_with(agent, told, DBUS_TYPE_INVALID);
	assert_int_equal(s->informed[DOSSIER_TOLD_DOCTOR], 1);
	reply_with(agent, informed(agent, "treating-doctor"), DBUS_TYPE_INVALID);
	assert_int_equal(second->informed[DOSSIER_TOLD_DOCTOR], 1);
}

static void what_is_told_waits_behind_questions(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct dossier_told theirs = news;
	struct session *s = opened(owner), *second = opened(owner);
	dbus_bool_t yes = TRUE;
	DBusMessage *call;

	(void)state;
	theirs.to = DOSSIER_TOLD_DOCTOR;
	bus_confirm_emergency(bed.bus, s, json_null());
	call = asked(agent, "Confirm", "osh");
	bus_inform(bed.bus, s, &theirs);
	bus_confirm_emergency(bed.bus, second, json_null());
	turns();
	assert_false(client_has(agent, "Inform"));
	reply_with(agent, call, DBUS_TYPE_BOOLEAN, &yes, DBUS_TYPE_INVALID);
	call = asked(agent, "Confirm", "osh"); /* the second's, which was asked later */
	turns();
	assert_false(client_has(agent, "Inform"));
	reply_with(agent, call, DBUS_TYPE_BOOLEAN, &yes, DBUS_TYPE_INVALID);
	reply_with(agent, informed(agent, "treating-doctor"), DBUS_TYPE_INVALID);
	assert_int_equal(s->informed[DOSSIER_TOLD_DOCTOR], 1);
}

/* Nothing is withdrawn: the agent would take it for a question about the same session. */
static void what_is_told_and_never_answered_was_not_told(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct dossier_told theirs = news;
	struct session *s = opened(owner);
	DBusMessage *m;

	(void)state;
	theirs.to = DOSSIER_TOLD_DOCTOR;
	bed.faster = 2000; /* 120 s are 60 ms */
	bus_inform(bed.bus, s, &theirs);
	m = informed(agent, "treating-doctor");
	while (bed.bus->asks)
		bed_turn();
	turns();
	assert_false(client_has(agent, "Cancel"));
	reply_with(agent, m, DBUS_TYPE_INVALID); /* too late */
	assert_int_equal(s->informed[DOSSIER_TOLD_DOCTOR], 0);
}

static void a_session_that_ends_withdraws_it(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct dossier_told theirs = news;
	struct session *s = opened(owner);
	DBusMessage *m;

	(void)state;
	theirs.to = DOSSIER_TOLD_DOCTOR;
	bus_inform(bed.bus, s, &theirs);
	m = informed(agent, "treating-doctor");
	bus_stop_asking(bed.bus, s, VITALED_REASON_PRE_EMPTED);
	dbus_message_unref(asked(agent, "Cancel", "os"));
	reply_with(agent, m, DBUS_TYPE_INVALID); /* too late */
	assert_int_equal(s->informed[DOSSIER_TOLD_DOCTOR], 0);
}

/* -- once more ----------------------------------------------------------------------------- */

static void ask(struct session *s, enum bed_polkit answer)
{
	size_t before = bed.n_checks;

	bed.polkit = answer;
	bus_ask_exceed(bed.bus, s);
	while (bed.n_checks == before)
		bed_turn();
	turns();
}

static void only_a_yes_of_polkit_lets_a_card_go_on(void **state)
{
	static const enum bed_polkit others[] = {
		BED_POLKIT_NO, BED_POLKIT_CHALLENGE, BED_POLKIT_ERROR, BED_POLKIT_BROKEN};
	struct client *c = client_new(OWN);
	struct session *s = opened(c);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(others); i++) {
		ask(s, others[i]);
		assert_int_equal(s->exceeded[false], i + 1);
	}
	assert_string_equal(bed.last_action, "org.vitaled1.session.exceed-emergencies");
	assert_string_equal(bed.last_subject, c->name);
	assert_int_equal(bed.last_flags, 0); /* nobody is disturbed */
	s->interactive = true;
	ask(s, BED_POLKIT_YES);
	assert_int_equal(bed.last_flags, 1);
	assert_int_equal(s->exceeded[true], 1);
	assert_int_equal(s->exceeded[false], ARRAY_LEN(others));
	assert_null(bed.bus->exceeds);
}

static void polkit_that_is_gone_lets_nobody_go_on(void **state)
{
	struct client *c = client_new(OWN);
	struct session *s = opened(c);

	(void)state;
	bed_polkit_leaves();
	bus_ask_exceed(bed.bus, s);
	while (s->exceeded[false] == 0)
		bed_turn();
	bed_polkit_comes();
	assert_int_equal(s->exceeded[true], 0);
}

static void a_session_that_ends_takes_the_question_off_the_screen(void **state)
{
	struct client *c = client_new(OWN);
	struct session *s = opened(c);

	(void)state;
	ask(s, BED_POLKIT_HANGS);
	assert_non_null(bed.bus->exceeds);
	bus_stop_asking(bed.bus, s, VITALED_REASON_RELEASED);
	assert_null(bed.bus->exceeds);
	while (bed.n_cancels == 0)
		bed_turn();
	assert_int_equal(s->exceeded[false] + s->exceeded[true], 0);
	/* and so does the service's end */
	ask(s, BED_POLKIT_HANGS);
	assert_non_null(bed.bus->exceeds);
}

static void whether_a_person_may_be_disturbed_is_the_openers_word(void **state)
{
	struct client *c = client_new(OWN);
	DBusMessage *m;
	DBusMessageIter it, dict;

	(void)state;
	(void)opened(c);
	assert_false(fakes.opened.interactive);
	m = method("/org/vitaled1", "org.vitaled1.Manager", "OpenSession", DBUS_TYPE_INVALID);
	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_close_container(&it, &dict);
	dbus_message_set_allow_interactive_authorization(m, TRUE);
	assert_string_equal(error_of(client_call(c, m)), "");
	assert_true(fakes.opened.interactive);
}

static void without_memory_nobody_goes_on_and_nothing_else_is_lost(void **state)
{
	struct client *c = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct dossier_told theirs = news;
	struct session *s = unlocked(c, PERSON);
	bool failed = true;

	(void)state;
	theirs.to = DOSSIER_TOLD_DOCTOR;
	for (unsigned int n = 1; failed; n++) {
		unsigned int before = s->exceeded[false] + s->exceeded[true];

		break_at(n);
		break_on(true);
		bus_notified(bed.bus, PERSON, "authorised", 1);
		bus_inform(bed.bus, s, &theirs);
		bus_ask_exceed(bed.bus, s);
		break_on(false);
		failed = break_done();
		break_at(0);
		for (int i = 0; i < 400 && bed.bus->exceeds; i++)
			bed_turn();
		assert_int_equal(s->exceeded[false] + s->exceeded[true], before + 1);
		bus_stop_asking(bed.bus, s, VITALED_REASON_RELEASED);
		turns();
		client_clear(agent);
		client_clear(c);
		assert_true(n < 500);
	}
	assert_true(s->exceeded[true] > 0 && s->exceeded[false] > 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(owners_of_the_dossier_hear_what_was_done_and_nobody_else),
		T(the_dossier_is_announced_before_something_of_it_is_told),
		T(a_display_has_told_when_it_has_answered),
		T(alone_whoever_asks_for_codes_tells_where_there_is_no_display),
		T(a_display_that_fails_or_leaves_has_told_nothing),
		T(the_treating_doctor_is_told_by_the_professionals_agent),
		T(what_is_told_holds_up_no_question),
		T(what_is_told_waits_behind_questions),
		T(what_is_told_and_never_answered_was_not_told),
		T(a_session_that_ends_withdraws_it),
		T(only_a_yes_of_polkit_lets_a_card_go_on),
		T(polkit_that_is_gone_lets_nobody_go_on),
		T(a_session_that_ends_takes_the_question_off_the_screen),
		T(whether_a_person_may_be_disturbed_is_the_openers_word),
		T(without_memory_nobody_goes_on_and_nothing_else_is_lost),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
