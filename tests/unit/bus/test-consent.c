/* SPDX-License-Identifier: EUPL-1.2 */
/* Choices and consent on a private bus: who answers first, what is consent, and what never is. */
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

#define THIRD_UID 2U

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* -- choices -- */

static json_t *choices(void)
{
	return json_pack("[{s:s},{s:s}]", "surname", "A", "surname", "B");
}

static DBusMessage *choose(const struct session *s, uint32_t index)
{
	char path[64] = "/org/vitaled1/session/1";

	path[22] = (char)('0' + s->id);
	return method(path, "org.vitaled1.Session", "Choose", DBUS_TYPE_UINT32, &index,
		DBUS_TYPE_INVALID);
}

static void choices_travel_in_a_sealed_memfd(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	_cleanup_json_ json_t *list = choices();
	_cleanup_json_ json_t *got = NULL;
	DBusMessage *m;
	const char *path = NULL, *kind = NULL;
	int fd = -1;
	uint32_t index = 1;

	(void)state;
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_STRUCTURE, list);
	m = asked(agent, "RequestChoice", "osh");
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path,
		DBUS_TYPE_STRING, &kind, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	assert_string_equal(kind, "structure");
	assert_int_equal(json_read_fd(fd, LIMIT_JSON_FD, &got), 0);
	assert_true(json_equal(got, list));
	(void)close(fd);
	reply_with(agent, m, DBUS_TYPE_UINT32, &index, DBUS_TYPE_INVALID);
	assert_int_equal(s->chosen, 1);
	assert_int_equal(s->chosen_kind, SESSION_CHOICE_STRUCTURE);
}

static void a_choice_out_of_range_is_none(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	_cleanup_json_ json_t *list = choices();
	uint32_t index = 2;

	(void)state;
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_STRUCTURE, list);
	reply_with(agent, asked(agent, "RequestChoice", "osh"), DBUS_TYPE_UINT32, &index,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->choice_failed, VITALED_REASON_INVALID_ARGUMENT);
	assert_int_equal(s->chosen, -1);
}

static void what_the_session_says_of_an_agents_choice_is_heard(void **state)
{
	static const struct {
		int result;
		enum vitaled_reason why;
	} rows[] = {
		{SESSION_CHOOSE_STATE, VITALED_REASON_NONE},
		{SESSION_CHOOSE_RANGE, VITALED_REASON_INVALID_ARGUMENT},
		{-5, VITALED_REASON_FAILED},
	};
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	_cleanup_json_ json_t *list = choices();
	uint32_t index = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fakes.choose_result = rows[i].result;
		bus_ask_choice(bed.bus, s, SESSION_CHOICE_STRUCTURE, list);
		reply_with(agent, asked(agent, "RequestChoice", "osh"), DBUS_TYPE_UINT32,
			&index, DBUS_TYPE_INVALID);
		assert_int_equal(s->choice_failed, rows[i].why);
	}
	assert_int_equal(s->chosen, -1);
}

static void the_owners_choice_wins_over_the_agents(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	_cleanup_json_ json_t *list = choices();
	DBusMessage *call;
	uint32_t index = 0;

	(void)state;
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_BENEFICIARY, list);
	call = asked(agent, "RequestChoice", "osh");
	assert_string_equal(error_of(client_call(owner, choose(s, 1))), "");
	assert_int_equal(s->chosen, 1);
	dbus_message_unref(asked(agent, "Cancel", "os"));
	reply_with(agent, call, DBUS_TYPE_UINT32, &index, DBUS_TYPE_INVALID);
	assert_int_equal(s->chosen, 1);
	fakes.choose_result = SESSION_CHOOSE_STATE;
	assert_string_equal(error_of(client_call(owner, choose(s, 1))), "WrongState");
	fakes.choose_result = SESSION_CHOOSE_RANGE;
	assert_string_equal(error_of(client_call(owner, choose(s, 9))), "InvalidArgument");
}

static void a_beneficiary_waits_for_the_owner_when_the_agent_fails(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	_cleanup_json_ json_t *list = choices();

	(void)state;
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_BENEFICIARY, list);
	dbus_message_unref(asked(agent, "RequestChoice", "osh"));
	client_free(agent);
	turns();
	assert_int_equal(s->choice_failed, VITALED_REASON_NONE);
	assert_string_equal(error_of(client_call(owner, choose(s, 0))), "");
	assert_int_equal(s->chosen, 0);
}

static void a_beneficiary_nobody_chooses_ends_in_time(void **state)
{
	struct client *owner = client_new(OWN), *agent;
	struct session *s = opened(owner);
	_cleanup_json_ json_t *list = choices();

	(void)state;
	bed.faster = 5000;
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_BENEFICIARY, list);
	for (int i = 0; i < 2000 && s->choice_failed == VITALED_REASON_NONE; i++)
		bed_turn();
	assert_int_equal(s->choice_failed, VITALED_REASON_TIMEOUT);
	bed.faster = 1;
	agent = agent_new(OWN, "professional", NULL);
	s->choice_failed = VITALED_REASON_NONE;
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_BENEFICIARY, list);
	reply_error(agent, asked(agent, "RequestChoice", "osh"), "org.vitaled1.Error.Failed");
	assert_int_equal(s->choice_failed, VITALED_REASON_NONE);
	bus_stop_asking(bed.bus, s, VITALED_REASON_NONE);
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_BENEFICIARY, list);
	reply_error(
		agent, asked(agent, "RequestChoice", "osh"), "org.vitaled1.Error.Cancelled");
	assert_int_equal(s->choice_failed, VITALED_REASON_CANCELLED);
}

/* -- consent -- */

static void reply_consent(struct client *c, DBusMessage *call, const char *decision,
	const char *key, const char *text)
{
	DBusMessage *reply = dbus_message_new_method_return(call);
	DBusMessageIter it, dict, e, v;

	dbus_message_iter_init_append(reply, &it);
	(void)dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &decision);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	if (key) {
		(void)dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
		(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
		(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "s", &v);
		(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &text);
		(void)dbus_message_iter_close_container(&e, &v);
		(void)dbus_message_iter_close_container(&dict, &e);
	}
	(void)dbus_message_iter_close_container(&it, &dict);
	assert_true(dbus_connection_send(c->c, reply, NULL));
	dbus_message_unref(reply);
	dbus_message_unref(call);
	turns();
}

static void put_detail(DBusMessageIter *dict, const char *key, int type, const void *value)
{
	const char signature[2] = {(char)type, '\0'};
	DBusMessageIter e, v;

	(void)dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, signature, &v);
	(void)dbus_message_iter_append_basic(&v, type, value);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(dict, &e);
}

/* "given" with details {form, helper}; NULL: without that one. @sealed: else a pipe */
static void reply_helped(
	struct client *c, DBusMessage *call, const char *form, const char *helper, bool sealed)
{
	DBusMessage *reply = dbus_message_new_method_return(call);
	const char *given = "given";
	DBusMessageIter it, dict;
	int fd[2] = {-1, -1};

	if (helper && sealed)
		assert_int_equal(json_memfd_text(view_str(helper), "helper", &fd[0]), 0);
	else if (helper)
		assert_int_equal(pipe2(fd, O_CLOEXEC), 0);
	dbus_message_iter_init_append(reply, &it);
	(void)dbus_message_iter_append_basic(&it, DBUS_TYPE_STRING, &given);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	if (form)
		put_detail(&dict, "form", DBUS_TYPE_STRING, &form);
	if (helper)
		put_detail(&dict, "helper", DBUS_TYPE_UNIX_FD, &fd[0]);
	(void)dbus_message_iter_close_container(&it, &dict);
	assert_true(dbus_connection_send(c->c, reply, NULL));
	dbus_message_unref(reply);
	dbus_message_unref(call);
	fd_close(&fd[0]);
	fd_close(&fd[1]);
	turns();
}

static void ask_consent(struct session *s)
{
	_cleanup_json_ json_t *request = json_pack("{s:[s]}", "acts", "consult");

	bus_ask_consent(bed.bus, s, request);
}

static void without_a_display_consent_is_oral(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);

	(void)state;
	ask_consent(s);
	reply_consent(agent, asked(agent, "RequestConsent", "oh"), "given", NULL, NULL);
	assert_int_equal(s->consent_given, 1);
	assert_int_equal(s->consent.decision, CONSENT_GIVEN);
	assert_int_equal(s->consent.form, CONSENT_FORM_ORAL);
	assert_int_equal(s->consent.agent_uid, geteuid());
	if (geteuid() == 0)
		assert_string_equal(s->consent_agent, "root");
}

static void refused_and_impossible_are_told_apart(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);

	(void)state;
	ask_consent(s);
	reply_consent(agent, asked(agent, "RequestConsent", "oh"), "refused", NULL, NULL);
	assert_int_equal(s->consent.decision, CONSENT_REFUSED);
	ask_consent(s);
	reply_consent(agent, asked(agent, "RequestConsent", "oh"), "impossible", "reason",
		"unconscious");
	assert_int_equal(s->consent.decision, CONSENT_IMPOSSIBLE);
	assert_string_equal(s->consent_reason, "unconscious");
}

static void anything_else_is_never_consent(void **state)
{
	static const struct {
		const char *decision;
		const char *key;
	} rows[] = {
		{"Given", NULL},
		{"", NULL},
		{"yes", NULL},
		{"given", "colour"},
	};
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	const char *given = "given";

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ask_consent(s);
		reply_consent(agent, asked(agent, "RequestConsent", "oh"), rows[i].decision,
			rows[i].key, "x");
		assert_int_equal(s->consent_why, VITALED_REASON_INVALID_ARGUMENT);
		s->consent_why = VITALED_REASON_NONE;
	}
	ask_consent(s);
	reply_with(agent, asked(agent, "RequestConsent", "oh"), DBUS_TYPE_STRING, &given,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->consent_why, VITALED_REASON_INVALID_ARGUMENT);
	ask_consent(s);
	reply_error(agent, asked(agent, "RequestConsent", "oh"), "org.vitaled1.Error.Failed");
	assert_int_equal(s->consent_why, VITALED_REASON_FAILED);
	bed.faster = 5000;
	ask_consent(s);
	dbus_message_unref(asked(agent, "RequestConsent", "oh"));
	dbus_message_unref(asked(agent, "Cancel", "os"));
	assert_int_equal(s->consent_why, VITALED_REASON_TIMEOUT);
	assert_int_equal(s->consent_given, 0);
}

#define EVA "{\"name\":\"\u00c8ve d'Arc\",\"quality\":\"relative\"}"

static void who_helped_or_represents_is_named(void **state)
{
	static const struct {
		const char *word;
		enum consent_form form;
	} rows[] = {{"assisted", CONSENT_FORM_ASSISTED},
		{"representative", CONSENT_FORM_REPRESENTATIVE}};
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ask_consent(s);
		reply_helped(
			agent, asked(agent, "RequestConsent", "oh"), rows[i].word, EVA, true);
		assert_int_equal(s->consent_given, i + 1);
		assert_int_equal(s->consent.form, CONSENT_FORM_ORAL); /* the way it was asked */
		assert_int_equal(s->consent.helped, rows[i].form);
		assert_string_equal(s->consent_helper[0], "\xc3\x88ve d'Arc");
		assert_string_equal(s->consent_helper[1], "relative");
	}
	ask_consent(s);
	reply_consent(agent, asked(agent, "RequestConsent", "oh"), "given", NULL, NULL);
	assert_int_equal(s->consent.helped, CONSENT_FORM_NONE);
	assert_string_equal(s->consent_helper[0], "");
}

static void a_helper_who_is_not_well_named_is_no_answer(void **state)
{
#define TEN	       "aaaaaaaaaa"
#define SIXTY_FIVE     TEN TEN TEN TEN TEN TEN "aaaaa"
#define NAMED(name)    "{\"name\":\"" name "\",\"quality\":\"staff\"}"
#define BEING(quality) "{\"name\":\"A\",\"quality\":\"" quality "\"}"

	static const struct {
		const char *form;
		const char *helper;
		bool pipe;
	} rows[] = {
		{"assisted", NULL, false},
		{"representative", NULL, false},
		{NULL, EVA, false},
		{"screen", EVA, false}, /* how it was asked is ours to say */
		{"code", EVA, false},
		{"", EVA, false},
		{"assisted", EVA, true},
		{"assisted", "", false},
		{"assisted", "[]", false},
		{"assisted", "{\"name\":\"A\"}", false},
		{"assisted", "{\"quality\":\"staff\"}", false},
		{"assisted", "{\"name\":\"A\",\"quality\":\"staff\",\"x\":1}", false},
		{"assisted", "{\"name\":1,\"quality\":\"staff\"}", false},
		{"assisted", "{\"name\":\"A\",\"quality\":1}", false},
		{"assisted", NAMED(""), false},
		{"assisted", NAMED("A\\nB"), false},
		{"assisted", NAMED(SIXTY_FIVE SIXTY_FIVE SIXTY_FIVE SIXTY_FIVE), false},
		{"assisted", NAMED("\u00e9" SIXTY_FIVE SIXTY_FIVE SIXTY_FIVE "aaaa"), false},
		{"assisted", BEING(""), false},
		{"assisted", BEING("his sister"), false},
		{"assisted", BEING("Staff"), false},
		{"assisted", BEING(SIXTY_FIVE), false},
	};
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ask_consent(s);
		reply_helped(agent, asked(agent, "RequestConsent", "oh"), rows[i].form,
			rows[i].helper, !rows[i].pipe);
		assert_int_equal(s->consent_why, VITALED_REASON_INVALID_ARGUMENT);
		s->consent_why = VITALED_REASON_NONE;
	}
	assert_int_equal(s->consent_given, 0);
}

static void a_reason_is_one_word_or_absent(void **state)
{
	static const char word_64[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-";
	static const char word_65[] =
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-c";

	static const struct {
		const char *text;
		const char *recorded;
	} rows[] = {
		{"no-display", "no-display"},
		{word_64, word_64},
		{word_65, ""},
		{"", ""},
		{"the patient DUPONT is asleep", ""},
		{"Unconscious", ""},
		{"room12", ""},
		{"inconsci\xc3\xa9nt", ""},
		{"a\nb", ""},
	};

	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		ask_consent(s);
		reply_consent(agent, asked(agent, "RequestConsent", "oh"), "impossible",
			"reason", rows[i].text);
		assert_int_equal(s->consent_given, i + 1); /* the decision itself stands */
		assert_int_equal(s->consent.decision, CONSENT_IMPOSSIBLE);
		assert_string_equal(s->consent_reason, rows[i].recorded);
	}
}

static void the_pairs_own_display_is_asked_and_says_whose_screen(void **state)
{
	struct client *owner, *agent, *display, *shared;
	struct session *s;

	(void)state;
	need_root();
	configure("patient-display", "default", OTHER_UID);
	configure("patient-display", "counter", 0);
	owner = client_new(OWN);
	agent = agent_new(OWN, "professional", NULL);
	display = agent_new(OTHER_UID, "patient-display", NULL);
	shared = agent_new(OWN, "patient-display", NULL);
	s = opened(owner);
	ask_consent(s);
	reply_consent(display, asked(display, "RequestConsent", "oh"), "given", NULL, NULL);
	assert_int_equal(s->consent.form, CONSENT_FORM_SCREEN);
	assert_int_equal(s->consent.agent_uid, OTHER_UID);
	assert_string_equal(s->consent_agent, "nobody");
	assert_int_equal(view_copy_str(VIEW_TEXT("counter"), s->pair, sizeof(s->pair)), 0);
	ask_consent(s);
	reply_consent(shared, asked(shared, "RequestConsent", "oh"), "given", NULL, NULL);
	assert_int_equal(s->consent.form, CONSENT_FORM_SCREEN_SHARED);
	assert_false(client_has(agent, "RequestConsent"));
	assert_string_equal(
		registered(client_new(THIRD_UID), "/agent", "patient-display", NULL),
		"AccessDenied");
}

static void a_configured_display_that_is_away_is_not_replaced_by_the_professional(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);

	(void)state;
	configure("patient-display", "default", OTHER_UID);
	ask_consent(s);
	assert_int_equal(s->consent_why, VITALED_REASON_NO_AGENT);
	assert_int_equal(s->consent_given, 0);
	turns();
	assert_false(client_has(agent, "RequestConsent"));
	/* the display of another pair is none of this one's */
	assert_int_equal(view_copy_str(VIEW_TEXT("counter"), s->pair, sizeof(s->pair)), 0);
	ask_consent(s);
	reply_consent(agent, asked(agent, "RequestConsent", "oh"), "given", NULL, NULL);
	assert_int_equal(s->consent.form, CONSENT_FORM_ORAL);
}

static void agents_hear_how_it_went_on(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);

	(void)state;
	ask_consent(s);
	reply_consent(agent, asked(agent, "RequestConsent", "oh"), "given", NULL, NULL);
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	dbus_message_unref(asked(agent, "Inform", "osa{sv}"));
	fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_EXPIRED);
	dbus_message_unref(asked(agent, "Inform", "osa{sv}"));
	fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_EXPIRED);
	turns();
	assert_false(client_has(agent, "Inform"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(choices_travel_in_a_sealed_memfd),
		T(a_choice_out_of_range_is_none),
		T(what_the_session_says_of_an_agents_choice_is_heard),
		T(the_owners_choice_wins_over_the_agents),
		T(a_beneficiary_waits_for_the_owner_when_the_agent_fails),
		T(a_beneficiary_nobody_chooses_ends_in_time),
		T(without_a_display_consent_is_oral),
		T(refused_and_impossible_are_told_apart),
		T(anything_else_is_never_consent),
		T(who_helped_or_represents_is_named),
		T(a_helper_who_is_not_well_named_is_no_answer),
		T(a_reason_is_one_word_or_absent),
		T(the_pairs_own_display_is_asked_and_says_whose_screen),
		T(a_configured_display_that_is_away_is_not_replaced_by_the_professional),
		T(agents_hear_how_it_went_on),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
