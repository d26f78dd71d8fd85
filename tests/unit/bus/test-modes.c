/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * OpenSession by mode: what each takes and what it must have; a kiosk's pair; a session without the
 * patient's card; and who is spoken with when the patient is alone.
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
#define ONE	"/org/vitaled1/session/1"
#define MANAGER "org.vitaled1.Manager"
#define SESSION "org.vitaled1.Session"

struct asking {
	const char *mode;	/* NULL: none, as all below */
	const char *intents[3]; /* none: not given */
	bool patient;
	bool without;
	const char *structure;
	const char *pair;
};

static void put_word(DBusMessageIter *dict, const char *key, const char *word)
{
	DBusMessageIter e, v;

	if (!word)
		return;
	(void)dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "s", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &word);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(dict, &e);
}

static void put_intents(DBusMessageIter *dict, const char *const *words)
{
	const char *key = "intent";
	DBusMessageIter e, v, a;

	if (!words[0])
		return;
	(void)dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "as", &v);
	(void)dbus_message_iter_open_container(&v, DBUS_TYPE_ARRAY, "s", &a);
	for (size_t i = 0; i < 3 && words[i]; i++)
		(void)dbus_message_iter_append_basic(&a, DBUS_TYPE_STRING, &words[i]);
	(void)dbus_message_iter_close_container(&v, &a);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(dict, &e);
}

static void put_patient(DBusMessageIter *dict)
{
	_cleanup_json_ json_t *j =
		json_pack("{s:s,s:s}", "nir", "2800756321001", "birth-date", "1980-07-14");
	const char *key = "patient";
	DBusMessageIter e, v;
	int fd = -1;

	assert_int_equal(json_memfd(j, "patient", &fd), 0);
	(void)dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "h", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_UNIX_FD, &fd);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(dict, &e);
	(void)close(fd);
}

static void put_without(DBusMessageIter *dict)
{
	const char *key = "without-card";
	dbus_bool_t yes = TRUE;
	DBusMessageIter e, v;

	(void)dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "b", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_BOOLEAN, &yes);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(dict, &e);
}

static DBusMessage *open_message(const struct asking *q)
{
	DBusMessage *m = method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID);
	DBusMessageIter it, dict;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	put_word(&dict, "mode", q->mode);
	put_intents(&dict, q->intents);
	if (q->patient)
		put_patient(&dict);
	if (q->without)
		put_without(&dict);
	put_word(&dict, "structure", q->structure);
	put_word(&dict, "pair", q->pair);
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

/* the key that is named, or NULL: it opens */
static void assert_named(struct client *c, const struct asking *q, const char *key)
{
	DBusMessage *reply = client_call(c, open_message(q));
	const char *text = "";

	if (!key) {
		assert_string_equal(error_of(reply), "");
		return;
	}
	assert_true(
		dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
	assert_non_null(strstr(text, key));
	assert_string_equal(error_of(reply), "InvalidArgument");
}

static struct session *patient_session(struct client *owner)
{
	const struct asking q = {.mode = "patient"};

	assert_named(owner, &q, NULL);
	return fakes_session();
}

/* -- what goes with what -- */

static void each_mode_takes_what_is_its_own(void **state)
{
	static const struct {
		struct asking q;
		const char *key;
	} rows[] = {
		{{.mode = "administration", .intents = {"create"}}, NULL},
		{{.mode = "administration", .intents = {"create", "oppose", "close"}}, NULL},
		{{.mode = "administration", .intents = {"close"}, .structure = "1"}, NULL},
		{{.mode = "administration", .intents = {"code"}}, NULL},
		{{.mode = "administration", .intents = {"create", "code"}}, NULL},
		{{.mode = "administration"}, "intent"},
		{{.mode = "administration", .intents = {"create", "feed"}}, "intent"},
		{{.mode = "administration", .intents = {"consult"}}, "intent"},
		{{.mode = "patient"}, NULL},
		{{.mode = "patient", .patient = true}, NULL},
		{{.mode = "patient", .intents = {"consult"}}, "intent"},
		{{.mode = "patient", .structure = "1"}, "structure"},
		{{.mode = "patient", .patient = true, .without = true}, "without-card"},
		{{.mode = "normal", .intents = {"close"}}, "intent"},
		{{.mode = "normal", .intents = {"code"}}, "intent"},
		{{.mode = "normal", .intents = {"consult", "code"}}, "intent"},
		{{.patient = true, .without = true}, NULL},
		{{.intents = {"feed", "consult"}, .patient = true, .without = true}, NULL},
		{{.without = true}, "patient"},
		{{.intents = {"feed", "create"}, .patient = true, .without = true}, "intent"},
		{{.mode = "identity", .patient = true, .without = true}, "without-card"},
		{{.mode = "administration",
			 .intents = {"create"},
			 .patient = true,
			 .without = true},
			"without-card"},
	};
	struct client *c = client_new(OWN);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_named(c, &rows[i].q, rows[i].key);
		if (!rows[i].key)
			assert_int_equal(fakes.opened.without_card, rows[i].q.without);
		while (fakes_session())
			session_release(fakes_session());
		turns();
		client_clear(c);
	}
	assert_string_equal(bed.last_action, "org.vitaled1.session.open");
}

static void what_no_wording_tells_of_the_fund_does_not_ask_either(void **state)
{
	static const struct asking q = {.mode = "administration", .intents = {"oppose"}};
	struct client *c = client_new(OWN);

	(void)state;
	fakes.uncovered = SESSION_INTENT_OPPOSE;
	assert_named(c, &q, "intent");
	fakes.uncovered = 0;
	assert_named(c, &q, NULL);
	assert_int_equal(fakes.opened.intents, SESSION_INTENT_OPPOSE);
	assert_int_equal(fakes.opened.mode, SESSION_MODE_ADMINISTRATION);
}

static void a_kiosk_is_for_the_patient_alone(void **state)
{
	static const struct {
		struct asking q;
		const char *key;
	} rows[] = {
		{{.mode = "patient", .pair = "kiosk"}, NULL},
		{{.pair = "kiosk"}, "mode"},
		{{.mode = "identity", .pair = "kiosk"}, "mode"},
		{{.mode = "administration", .intents = {"create"}, .pair = "kiosk"}, "mode"},
		{{.patient = true, .without = true, .pair = "kiosk"}, "mode"},
		{{.mode = "patient", .pair = "desk"}, NULL},
		{{.pair = "desk"}, NULL},
		{{.mode = "patient"}, "pair"},
	};

	static const char *const names[] = {"desk", "kiosk"};
	struct client *c = client_new(OWN);

	(void)state;
	fakes.config.n_pairs = ARRAY_LEN(names);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct config_pair *p = &fakes.config.pairs[i];

		*p = (struct config_pair){.self_service = i == 1};
		assert_int_equal(
			view_copy_str(view_str(names[i]), p->name, sizeof(p->name)), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_named(c, &rows[i].q, rows[i].key);
	fakes.config.n_pairs = 0;
}

/* -- somebody is there -- */

static DBusMessage *session_call(const char *member)
{
	return method(ONE, SESSION, member, DBUS_TYPE_INVALID);
}

static void every_call_of_the_owner_is_told_and_reading_properties_is_not(void **state)
{
	const char *interface = SESSION, *name = "State";
	struct client *owner = client_new(OWN), *other = client_new(OWN);
	struct session *s = patient_session(owner);
	DBusPendingCall *pending;

	(void)state;
	assert_string_equal(
		error_of(client_call(owner, session_call("Refresh"))), "WrongState");
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	s->inputs = 0;
	assert_string_equal(error_of(client_call(owner, session_call("Refresh"))), "");
	assert_int_equal(s->inputs, 1);
	(void)error_of(client_call(owner, session_call("GetBeneficiaries")));
	assert_int_equal(s->inputs, 2);
	s->dossier = "open";
	pending = client_send(
		owner, method(ONE, "org.vitaled1.Dossier", "Summary", DBUS_TYPE_INVALID));
	turns();
	assert_int_equal(s->inputs, 3);
	(void)error_of(client_call(
		owner, method(ONE, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING,
			       &interface, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID)));
	(void)error_of(client_call(owner, session_call("Nonsense")));
	(void)error_of(client_call(other, session_call("Refresh")));
	assert_int_equal(s->inputs, 3);
	fakes_answer(VITALED_REASON_WRONG_STATE, NULL, NULL, -1, -1);
	assert_string_equal(error_of(client_wait(pending)), "WrongState");
}

/* -- whom the patient speaks with -- */

static const char *told_of(struct client *c)
{
	static char word[32];
	DBusMessage *m = asked(c, "Inform", "osa{sv}");
	const char *path = NULL, *what = NULL;

	assert_true(dbus_message_get_no_reply(m));
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path,
		DBUS_TYPE_STRING, &what, DBUS_TYPE_INVALID));
	assert_string_equal(path, ONE);
	assert_int_equal(view_copy_str(view_str(what), word, sizeof(word)), 0);
	dbus_message_unref(m);
	return word;
}

static void who_asks_for_codes_says_take_your_card_where_there_is_no_display(void **state)
{
	struct client *owner = client_new(OWN), *agent, *display;
	struct session *s = patient_session(owner);
	char name[] = ":1.9", pair[] = "default";
	struct session_left left = {
		.session = session_id(s), .uid = session_uid(s), .owner = name, .pair = pair};

	(void)state;
	session_release(s); /* what is told does not need it */
	client_free(owner);
	turns();
	bus_take_card(bed.bus, &left); /* nobody hears it */
	agent = agent_new(OWN, "professional", NULL);
	bus_take_card(bed.bus, &left);
	turns();
	assert_false(client_has(agent, "Inform"));
	agent = agent_new(OWN, "pin", NULL);
	bus_take_card(bed.bus, &left);
	assert_string_equal(told_of(agent), "take-card");
	configure("patient-display", "default", geteuid());
	display = agent_new(OWN, "patient-display", NULL);
	bus_take_card(bed.bus, &left);
	assert_string_equal(told_of(display), "take-card");
	turns();
	assert_false(client_has(agent, "Inform"));
}

static void alone_the_patient_chooses_on_their_own_display(void **state)
{
	_cleanup_json_ json_t *choices = json_pack("[{s:s}]", "surname", "DUPONT");
	struct client *owner = client_new(OWN), *desk, *display;
	struct session *s = patient_session(owner);
	uint32_t index = 0;

	(void)state;
	desk = agent_new(OWN, "professional", NULL);
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_BENEFICIARY, choices);
	turns();
	assert_false(client_has(desk, "RequestChoice")); /* the owner may still say it */
	assert_int_equal(s->choice_failed, VITALED_REASON_NONE);
	bus_stop_asking(bed.bus, s, VITALED_REASON_NONE);
	configure("patient-display", "default", geteuid());
	display = agent_new(OWN, "patient-display", NULL);
	bus_ask_choice(bed.bus, s, SESSION_CHOICE_BENEFICIARY, choices);
	reply_with(display, asked(display, "RequestChoice", "osh"), DBUS_TYPE_UINT32, &index,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->chosen, 0);
	assert_false(client_has(desk, "RequestChoice"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(each_mode_takes_what_is_its_own),
		T(what_no_wording_tells_of_the_fund_does_not_ask_either),
		T(a_kiosk_is_for_the_patient_alone),
		T(every_call_of_the_owner_is_told_and_reading_properties_is_not),
		T(who_asks_for_codes_says_take_your_card_where_there_is_no_display),
		T(alone_the_patient_chooses_on_their_own_display),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
