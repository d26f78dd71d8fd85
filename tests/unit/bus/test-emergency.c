/* SPDX-License-Identifier: EUPL-1.2 */
/* Emergencies on a private bus: the reason that opens one, who confirms it, who is told. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bus/fds.h"
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define MANAGER "org.vitaled1.Manager"
#define ROOT	"/org/vitaled1"

static void put_entry(
	DBusMessageIter *dict, const char *key, const char *type, const void *value)
{
	DBusMessageIter e, v;

	(void)dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, type, &v);
	(void)dbus_message_iter_append_basic(&v, type[0], value);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(dict, &e);
}

/* @reason: bytes of a sealed memfd, VIEW_NULL: none; @intent: "" or one word */
static DBusMessage *open_emergency(const char *mode, struct view reason, const char *intent)
{
	DBusMessage *m = method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID);
	DBusMessageIter it, dict, e, v, a;
	const char *key = "intent";
	int fd = -1;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	put_entry(&dict, "mode", "s", &mode);
	if (reason.len > 0) {
		assert_int_equal(json_memfd_text(reason, "reason", &fd), 0);
		put_entry(&dict, "reason", "h", &fd);
		(void)close(fd);
	}
	if (intent[0]) {
		(void)dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
		(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
		(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "as", &v);
		(void)dbus_message_iter_open_container(&v, DBUS_TYPE_ARRAY, "s", &a);
		(void)dbus_message_iter_append_basic(&a, DBUS_TYPE_STRING, &intent);
		(void)dbus_message_iter_close_container(&v, &a);
		(void)dbus_message_iter_close_container(&e, &v);
		(void)dbus_message_iter_close_container(&dict, &e);
	}
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

static const char *opens(struct client *c, const char *mode, struct view reason)
{
	return error_of(client_call(c, open_emergency(mode, reason, "")));
}

/* -- the reason ---------------------------------------------------------------------------------- */

static void both_modes_open_with_a_reason_and_ask_polkit_for_their_own_action(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	assert_string_equal(opens(c, "bris_de_glace", view_str("Patiente inconsciente")), "");
	assert_string_equal(bed.last_action, "org.vitaled1.session.open-emergency");
	assert_int_equal(fakes.opened.mode, SESSION_MODE_BRIS_DE_GLACE);
	assert_string_equal(fakes.opened_reason, "Patiente inconsciente");
	assert_string_equal(
		opens(c, "centre_15", view_str("Appel au 15,\n\tfemme de 40 ans")), "");
	assert_int_equal(fakes.opened.mode, SESSION_MODE_CENTRE_15);
	assert_string_equal(bed.last_action, "org.vitaled1.session.open-emergency");
}

static void a_reason_is_text_of_ten_to_a_thousand_characters(void **state)
{
	static const struct {
		const char *bytes;
		size_t len; /* 0: of the text */
		bool good;
	} rows[] = {
		{"0123456789", 0, true},
		{"012345678", 0, false},
		{"012345678 \n", 0, false},
		{"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9", 0,
			false}, /* nine, in 18 bytes */
		{"\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9"
		 "\xc3\xa9",
			0, true},
		{"0123456789\x01", 0, false},
		{"0123456789\x7f", 0, false},
		{"0123456789\r\n", 0, false},
		{"0123456789\xff", 0, false},
		{"0123456789\0more", 15, false},
		{"0123456789\0", 11, false},
	};
	struct client *c = client_new(OWN);
	char long_one[1002];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		size_t n = rows[i].len ? rows[i].len : strlen(rows[i].bytes);

		assert_string_equal(opens(c, "bris_de_glace", view_of(rows[i].bytes, n)),
			rows[i].good ? "" : "InvalidArgument");
		if (fakes_session()) {
			session_release(fakes_session());
		}
	}
	memset(long_one, 'x', sizeof(long_one));
	assert_string_equal(opens(c, "centre_15", view_of(long_one, 1000)), "");
	assert_string_equal(opens(c, "centre_15", view_of(long_one, 1001)), "InvalidArgument");
}

static void a_reason_goes_with_an_emergency_and_creating_does_not(void **state)
{
	struct view reason = view_str("Patiente inconsciente");
	struct client *c = client_new(OWN);

	(void)state;
	assert_string_equal(opens(c, "bris_de_glace", VIEW_NULL), "InvalidArgument");
	assert_string_equal(opens(c, "centre_15", VIEW_NULL), "InvalidArgument");
	assert_string_equal(opens(c, "normal", reason), "InvalidArgument");
	assert_string_equal(opens(c, "identity", reason), "InvalidArgument");
	assert_string_equal(
		error_of(client_call(c, open_emergency("bris_de_glace", reason, "create"))),
		"InvalidArgument");
	assert_int_equal(bed.n_checks, 0); /* polkit was never asked */
	assert_null(fakes_session());
	assert_string_equal(
		error_of(client_call(c, open_emergency("bris_de_glace", reason, "feed"))), "");
}

/* -- who confirms -------------------------------------------------------------------------------- */

static json_t *request(void)
{
	return json_pack("{s:s}", "reason", "Patiente inconsciente");
}

static void the_professionals_agent_confirms_what_travels_in_a_sealed_memfd(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	_cleanup_json_ json_t *q = request();
	_cleanup_json_ json_t *got = NULL;
	const char *path = NULL, *what = NULL;
	dbus_bool_t answers[] = {TRUE, FALSE};
	DBusMessage *m;
	int fd = -1;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		bus_confirm_emergency(bed.bus, s, q);
		m = asked(agent, "Confirm", "osh");
		assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path,
			DBUS_TYPE_STRING, &what, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
		assert_string_equal(what, "bris-de-glace");
		json_put(&got);
		assert_int_equal(json_read_fd(fd, LIMIT_JSON_FD, &got), 0);
		assert_true(json_equal(got, q));
		(void)close(fd);
		reply_with(agent, m, DBUS_TYPE_BOOLEAN, &answers[i], DBUS_TYPE_INVALID);
		assert_int_equal(s->confirmed, answers[i] ? 1 : 0);
		assert_int_equal(s->consent.agent_uid, geteuid());
	}
}

static void whoever_does_not_answer_confirms_nothing(void **state)
{
	struct client *owner = client_new(OWN), *agent;
	struct session *s = opened(owner);
	_cleanup_json_ json_t *q = request();
	const char *word = "yes";

	(void)state;
	bus_confirm_emergency(
		bed.bus, s, q); /* nobody is there; the owner itself does not count */
	assert_int_equal(s->consent_why, VITALED_REASON_NO_AGENT);
	agent = agent_new(OWN, "pin", NULL); /* who asks for PINs is not who confirms */
	s->consent_why = VITALED_REASON_NONE;
	bus_confirm_emergency(bed.bus, s, q);
	assert_int_equal(s->consent_why, VITALED_REASON_NO_AGENT);
	client_free(agent);
	agent = agent_new(OWN, "professional", NULL);
	bus_confirm_emergency(bed.bus, s, q);
	reply_error(agent, asked(agent, "Confirm", "osh"), "org.vitaled1.Error.Cancelled");
	assert_int_equal(s->consent_why, VITALED_REASON_CANCELLED);
	bus_confirm_emergency(bed.bus, s, q);
	reply_with(agent, asked(agent, "Confirm", "osh"), DBUS_TYPE_STRING, &word,
		DBUS_TYPE_INVALID); /* another form than asked */
	assert_int_equal(s->consent_why, VITALED_REASON_INVALID_ARGUMENT);
	bus_confirm_emergency(bed.bus, s, q);
	dbus_message_unref(asked(agent, "Confirm", "osh"));
	client_free(agent);
	turns();
	assert_int_equal(s->consent_why, VITALED_REASON_NO_AGENT);
	assert_int_equal(s->confirmed, -1);
}

/* -- who is told --------------------------------------------------------------------------------- */

static void the_patients_display_of_the_pair_is_told_and_nobody_else(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "professional", NULL);
	struct session *s = opened(owner);
	struct client *display;
	const char *path = NULL, *what = NULL;
	DBusMessage *m;

	(void)state;
	s->mode = SESSION_MODE_BRIS_DE_GLACE;
	bus_tell_emergency(bed.bus, s); /* nobody: nothing happens */
	configure("patient-display", "default", geteuid());
	display = agent_new(OWN, "patient-display", NULL);
	bus_tell_emergency(bed.bus, s);
	m = asked(display, "Inform", "osa{sv}");
	assert_true(dbus_message_get_no_reply(m));
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_OBJECT_PATH, &path,
		DBUS_TYPE_STRING, &what, DBUS_TYPE_INVALID));
	assert_string_equal(what, "emergency");
	dbus_message_unref(m);
	(void)agent;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(both_modes_open_with_a_reason_and_ask_polkit_for_their_own_action),
		T(a_reason_is_text_of_ten_to_a_thousand_characters),
		T(a_reason_goes_with_an_emergency_and_creating_does_not),
		T(the_professionals_agent_confirms_what_travels_in_a_sealed_memfd),
		T(whoever_does_not_answer_confirms_nothing),
		T(the_patients_display_of_the_pair_is_told_and_nobody_else),
	};

	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
