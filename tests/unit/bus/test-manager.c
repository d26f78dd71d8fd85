/* SPDX-License-Identifier: EUPL-1.2 */
/* Manager on a private bus: options, polkit in all its moods, limits, findings. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/bus/fds.h"
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"

/* -- OpenSession -- */

struct pair {
	const char *key;
	int type; /* s, u, b, or A: an array of one string */
	const char *text;
	uint32_t number;
};

static void put_variant(DBusMessageIter *entry, const struct pair *p)
{
	DBusMessageIter v, a;
	dbus_bool_t yes = p->number != 0;

	switch (p->type) {
	case 's':
		(void)dbus_message_iter_open_container(entry, DBUS_TYPE_VARIANT, "s", &v);
		(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &p->text);
		break;
	case 'u':
		(void)dbus_message_iter_open_container(entry, DBUS_TYPE_VARIANT, "u", &v);
		(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_UINT32, &p->number);
		break;
	case 'b':
		(void)dbus_message_iter_open_container(entry, DBUS_TYPE_VARIANT, "b", &v);
		(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_BOOLEAN, &yes);
		break;
	case 'h': {
		int fd = (int)p->number;

		(void)dbus_message_iter_open_container(entry, DBUS_TYPE_VARIANT, "h", &v);
		(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_UNIX_FD, &fd);
		break;
	}
	case 'a': {
		DBusMessageIter d, e, t;
		const char *keys[] = {"name", p->number ? "colour" : "version"};

		(void)dbus_message_iter_open_container(entry, DBUS_TYPE_VARIANT, "a{sv}", &v);
		(void)dbus_message_iter_open_container(&v, DBUS_TYPE_ARRAY, "{sv}", &d);
		for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
			(void)dbus_message_iter_open_container(
				&d, DBUS_TYPE_DICT_ENTRY, NULL, &e);
			(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &keys[i]);
			(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "s", &t);
			(void)dbus_message_iter_append_basic(&t, DBUS_TYPE_STRING, &p->text);
			(void)dbus_message_iter_close_container(&e, &t);
			(void)dbus_message_iter_close_container(&d, &e);
		}
		(void)dbus_message_iter_close_container(&v, &d);
		break;
	}
	default:
		(void)dbus_message_iter_open_container(entry, DBUS_TYPE_VARIANT, "as", &v);
		(void)dbus_message_iter_open_container(&v, DBUS_TYPE_ARRAY, "s", &a);
		if (p->text)
			(void)dbus_message_iter_append_basic(&a, DBUS_TYPE_STRING, &p->text);
		(void)dbus_message_iter_close_container(&v, &a);
		break;
	}
	(void)dbus_message_iter_close_container(entry, &v);
}

static DBusMessage *with_options(const char *member, const struct pair *pairs, size_t n)
{
	DBusMessage *m = method(ROOT, MANAGER, member, DBUS_TYPE_INVALID);
	DBusMessageIter it, dict, entry;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	for (size_t i = 0; i < n; i++) {
		(void)dbus_message_iter_open_container(
			&dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
		(void)dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &pairs[i].key);
		put_variant(&entry, &pairs[i]);
		(void)dbus_message_iter_close_container(&dict, &entry);
	}
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

static DBusMessage *open_message(void)
{
	return with_options("OpenSession", NULL, 0);
}

static void a_session_opens_after_polkit_said_yes(void **state)
{
	struct client *c = client_new((uid_t)-1);
	DBusMessage *reply = client_call(c, open_message());
	const char *path = "";

	(void)state;
	assert_non_null(reply);
	assert_true(dbus_message_get_args(
		reply, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID));
	assert_string_equal(path, ROOT "/session/1");
	dbus_message_unref(reply);
	assert_string_equal(bed.last_action, "org.vitaled1.session.open");
	assert_string_equal(bed.last_subject, c->name);
	assert_int_equal(bed.last_flags, 0);
	assert_string_equal(fakes_session()->owner, c->name);
	assert_int_equal(fakes_session()->uid, geteuid());
}

static void options_reach_the_session_as_they_are(void **state)
{
	const struct pair pairs[] = {
		{"mode", 's', "normal", 0},
		{"intent", 'A', "feed", 0},
		{"pair", 's', "default", 0},
		{"structure", 's', "100000", 0},
		{"lifetime", 'u', NULL, 600},
		{"wait", 'b', NULL, 1},
		{"application", 'a', "medilog", 0},
	};
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_string_equal(
		error_of(client_call(c, with_options("OpenSession", pairs, ARRAY_LEN(pairs)))),
		"");
	assert_int_equal(fakes.opened.mode, SESSION_MODE_NORMAL);
	assert_int_equal(fakes.opened.intents, SESSION_INTENT_FEED);
	assert_int_equal(fakes.opened.lifetime, 600);
	assert_true(fakes.opened.wait);
	assert_string_equal(fakes.opened_texts, "default/100000/medilog/medilog");
}

static void identity_asks_polkit_for_its_own_action(void **state)
{
	const struct pair pairs[] = {{"mode", 's', "identity", 0}};
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_string_equal(
		error_of(client_call(c, with_options("OpenSession", pairs, 1))), "");
	assert_string_equal(bed.last_action, "org.vitaled1.session.open-identity");
	assert_int_equal(fakes.opened.mode, SESSION_MODE_IDENTITY);
}

static void with_pairs_configured_only_they_are_pairs(void **state)
{
	static const struct {
		const char *configured;
		const char *given; /* NULL: none */
		const char *error;
	} rows[] = {
		{"counter 1", "counter 1", ""},
		{"counter 1", "default", "InvalidArgument"},
		{"counter 1", NULL, "InvalidArgument"},
		{"default", NULL, ""},
		{"default", "default", ""},
	};
	struct client *c = client_new((uid_t)-1);

	(void)state;
	fakes.config.n_pairs = 1;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct pair given = {"pair", 's', rows[i].given, 0};
		struct config_pair *p = &fakes.config.pairs[0];
		DBusMessage *reply;
		const char *text = "";

		assert_int_equal(
			view_copy_str(view_str(rows[i].configured), p->name, sizeof(p->name)),
			0);
		reply = client_call(
			c, with_options("OpenSession", &given, rows[i].given ? 1 : 0));
		if (rows[i].error[0] != '\0') {
			assert_true(dbus_message_get_args(
				reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
			assert_non_null(strstr(text, "pair"));
		}
		assert_string_equal(error_of(reply), rows[i].error);
	}
	fakes.config.n_pairs = 0;
}

static void a_bad_option_is_named_and_polkit_is_not_asked(void **state)
{
	static const struct {
		struct pair pairs[2];
		size_t n;
		const char *named;
	} rows[] = {
		{{{"colour", 's', "red", 0}}, 1, "colour"},
		{{{"mode", 's', "bris-de-glace", 0}}, 1, "mode"},
		{{{"mode", 's', "administration", 0}}, 1, "intent"},
		{{{"mode", 's', "patient", 0}, {"intent", 'A', "consult", 0}}, 2, "intent"},
		{{{"without-card", 's', "yes", 0}}, 1, "without-card"},
		{{{"mode", 'u', NULL, 1}}, 1, "mode"},
		{{{"mode", 's', "normal", 0}, {"mode", 's', "normal", 0}}, 2, "mode"},
		{{{"intent", 'A', "close", 0}}, 1, "intent"},
		{{{"intent", 'A', NULL, 0}}, 1, "intent"},
		{{{"mode", 's', "identity", 0}, {"intent", 'A', "consult", 0}}, 2, "intent"},
		{{{"pair", 's', "counter 9", 0}}, 1, "pair"},
		{{{"structure", 's', "", 0}}, 1, "structure"},
		{{{"structure", 's', "a\nb", 0}}, 1, "structure"},
		{{{"lifetime", 'u', NULL, 0}}, 1, "lifetime"},
		{{{"lifetime", 'u', NULL, 14401}}, 1, "lifetime"},
		{{{"wait", 's', "yes", 0}}, 1, "wait"},
		{{{"patient", 's', "x", 0}}, 1, "patient"},
		{{{"patient", 'h', NULL, 0}}, 1, "patient"},
		{{{"application", 'a', "x", 1}}, 1, "application"},
		{{{"application", 'a', "", 0}}, 1, "application"},
		{{{"reason", 's', "x", 0}}, 1, "reason"},
	};
	struct client *c = client_new((uid_t)-1);

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		DBusMessage *reply =
			client_call(c, with_options("OpenSession", rows[i].pairs, rows[i].n));
		const char *text = "";

		assert_true(dbus_message_get_args(
			reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
		assert_non_null(strstr(text, rows[i].named));
		assert_string_equal(error_of(reply), "InvalidArgument");
	}
	assert_int_equal(bed.n_checks, 0);
	assert_null(fakes_session());
}

static const char *open_with_patient(struct client *c, json_t *patient)
{
	struct pair p = {"patient", 'h', NULL, 0};
	int fd = -1;
	DBusMessage *m;

	assert_non_null(patient);
	assert_int_equal(json_memfd(patient, "patient", &fd), 0);
	json_decref(patient);
	p.number = (uint32_t)fd;
	m = with_options("OpenSession", &p, 1);
	(void)close(fd);
	return error_of(client_call(c, m));
}

static void the_patient_comes_in_a_sealed_memfd_of_known_shape(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_string_equal(open_with_patient(c, json_pack("{s:s,s:s}", "nir", "2580399999999",
							 "birth-date", "1958-03-14")),
		"");
	assert_true(fakes.opened_patient);
	assert_string_equal(open_with_patient(c, json_pack("{s:s,s:s,s:i}", "ins", "1",
							 "birth-date", "2", "rank", 1)),
		"");
	assert_string_equal(open_with_patient(c, json_pack("{s:s,s:s,s:s}", "nir", "1",
							 "birth-date", "2", "birth-name", "D")),
		"");
	assert_string_equal(open_with_patient(c, json_pack("{s:s,s:s,s:s}", "nir", "1",
							 "birth-date", "2", "birth-name", "")),
		"InvalidArgument");
	assert_string_equal(
		open_with_patient(c, json_pack("{s:s}", "nir", "1")), "InvalidArgument");
	assert_string_equal(open_with_patient(c, json_pack("{s:s,s:s,s:s}", "nir", "1", "ins",
							 "2", "birth-date", "3")),
		"InvalidArgument");
	assert_string_equal(open_with_patient(c, json_pack("{s:s,s:s,s:s}", "nir", "1",
							 "birth-date", "3", "colour", "x")),
		"InvalidArgument");
	assert_string_equal(
		open_with_patient(c, json_pack("{s:i,s:s}", "nir", 1, "birth-date", "3")),
		"InvalidArgument");
	assert_string_equal(open_with_patient(c, json_pack("{s:s,s:s,s:s}", "nir", "1",
							 "birth-date", "3", "rank", "x")),
		"InvalidArgument");
	assert_string_equal(open_with_patient(c, json_pack("[]")), "InvalidArgument");
}

static void what_the_session_refuses_has_its_name(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	fakes.open_result = SESSION_OPEN_LIMIT;
	assert_string_equal(error_of(client_call(c, open_message())), "LimitsExceeded");
	fakes.open_result = SESSION_OPEN_AUDIT;
	assert_string_equal(error_of(client_call(c, open_message())), "AuditUnavailable");
	fakes.open_result = -EIO;
	assert_string_equal(error_of(client_call(c, open_message())), "Failed");
}

static void a_wrong_signature_is_an_invalid_argument(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_string_equal(error_of(client_call(c,
				    method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID))),
		"InvalidArgument");
}

/* -- polkit -- */

static void polkit_says(enum bed_polkit how, const char *error)
{
	struct client *c = client_new((uid_t)-1);

	bed.polkit = how;
	assert_string_equal(error_of(client_call(c, open_message())), error);
	assert_null(fakes_session());
}

static void polkit_no_is_access_denied(void **state)
{
	(void)state;
	polkit_says(BED_POLKIT_NO, "AccessDenied");
}

static void polkit_challenge_is_interaction_required(void **state)
{
	(void)state;
	polkit_says(BED_POLKIT_CHALLENGE, "InteractionRequired");
}

static void an_error_of_polkit_is_never_a_no(void **state)
{
	(void)state;
	polkit_says(BED_POLKIT_ERROR, "Failed");
}

static void an_answer_of_another_form_is_never_a_yes(void **state)
{
	(void)state;
	polkit_says(BED_POLKIT_BROKEN, "Failed");
}

static void a_hanging_polkit_ends_in_failed(void **state)
{
	(void)state;
	bed.faster = 100; /* 10 s are 100 ms */
	polkit_says(BED_POLKIT_HANGS, "Failed");
}

static void a_person_is_disturbed_only_when_the_caller_allows_it(void **state)
{
	struct client *c = client_new((uid_t)-1);
	DBusMessage *m = open_message();

	(void)state;
	dbus_message_set_allow_interactive_authorization(m, TRUE);
	assert_string_equal(error_of(client_call(c, m)), "");
	assert_int_equal(bed.last_flags, 1);
}

static void a_caller_that_leaves_cancels_its_check(void **state)
{
	struct client *c = client_new((uid_t)-1);
	DBusPendingCall *pending;

	(void)state;
	bed.polkit = BED_POLKIT_HANGS;
	pending = client_send(c, open_message());
	while (bed.n_checks == 0)
		bed_turn();
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	client_free(c);
	while (bed.n_cancels == 0)
		bed_turn();
	assert_null(fakes_session());
}

static void one_uid_cannot_fill_polkit(void **state)
{
	struct client *c = client_new((uid_t)-1);
	DBusPendingCall *pending[LIMIT_CHECKS_UID];

	(void)state;
	bed.polkit = BED_POLKIT_HANGS;
	for (size_t i = 0; i < ARRAY_LEN(pending); i++)
		pending[i] = client_send(c, open_message());
	assert_string_equal(error_of(client_call(c, open_message())), "LimitsExceeded");
	for (size_t i = 0; i < ARRAY_LEN(pending); i++) {
		dbus_pending_call_cancel(pending[i]);
		dbus_pending_call_unref(pending[i]);
	}
}

static void checks_that_wait_when_the_service_ends_leave_nothing(void **state)
{
	struct client *c = client_new((uid_t)-1);
	DBusPendingCall *pending;

	(void)state;
	bed.polkit = BED_POLKIT_HANGS;
	pending = client_send(c, open_message());
	while (bed.n_checks == 0)
		bed_turn();
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending); /* the teardown frees the bus: LeakSanitizer looks */
}

/* -- peers -- */

static void the_longest_idle_peer_makes_room_for_a_new_one(void **state)
{
	struct client *first = client_new((uid_t)-1);

	(void)state;
	assert_string_equal(error_of(client_call(first, open_message())), "");
	for (size_t i = 0; i < LIMIT_PEERS + 4; i++) {
		struct client *c = client_new((uid_t)-1);

		assert_string_equal(
			error_of(client_call(c, method(ROOT, MANAGER, "Diagnose", 0))), "");
	}
	/* the one with a session was not forgotten: when it leaves, the session goes */
	client_free(first);
	while (fakes_session())
		bed_turn();
}

/* -- properties -- */

static void nothing_can_be_set(void **state)
{
	struct client *c = client_new((uid_t)-1);
	DBusMessage *m = method(ROOT, DBUS_INTERFACE_PROPERTIES, "Set", DBUS_TYPE_STRING,
		&(const char *){MANAGER}, DBUS_TYPE_STRING, &(const char *){"Version"},
		DBUS_TYPE_INVALID);
	DBusMessageIter it, v;
	const char *text = "x";

	(void)state;
	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_VARIANT, "s", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &text);
	(void)dbus_message_iter_close_container(&it, &v);
	/* by the bus policy already */
	assert_string_equal(error_of(client_call(c, m)), DBUS_ERROR_ACCESS_DENIED);
}

static DBusMessage *get(const char *path, const char *interface, const char *name)
{
	return method(path, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING, &interface,
		DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
}

static void properties_and_members_that_do_not_exist_say_so(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_string_equal(error_of(client_call(c, get(ROOT, MANAGER, "Version"))), "");
	assert_string_equal(error_of(client_call(c, get(ROOT, MANAGER, "Colour"))),
		DBUS_ERROR_UNKNOWN_PROPERTY);
	assert_string_equal(error_of(client_call(c, get(ROOT, "org.x", "Version"))),
		DBUS_ERROR_UNKNOWN_INTERFACE);
	assert_string_equal(error_of(client_call(c, get(ROOT "/card/7", MANAGER, "Version"))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(
		error_of(client_call(c, method(ROOT "/reader", DBUS_INTERFACE_INTROSPECTABLE,
						"Introspect", DBUS_TYPE_INVALID))),
		"");
	assert_string_equal(
		error_of(client_call(c, method(ROOT "/x", DBUS_INTERFACE_INTROSPECTABLE,
						"Introspect", DBUS_TYPE_INVALID))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(error_of(client_call(c, method(ROOT "/card/7", "org.vitaled1.Card",
							    "Lock", DBUS_TYPE_INVALID))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(error_of(client_call(c, method(ROOT, "org.vitaled1.Session", "Lock",
							    DBUS_TYPE_INVALID))),
		DBUS_ERROR_UNKNOWN_INTERFACE);
}

/* -- introspection -- */

static void unnamed_members_are_found_and_introspection_lists_objects(void **state)
{
	struct client *c = client_new((uid_t)-1);
	DBusMessage *reply;
	const char *text = "";

	(void)state;
	reply = client_call(c,
		method(ROOT, DBUS_INTERFACE_INTROSPECTABLE, "Introspect", DBUS_TYPE_INVALID));
	assert_true(
		dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
	assert_non_null(strstr(text, "<interface name=\"org.vitaled1.Manager\">"));
	assert_non_null(strstr(text, "<node name=\"session\"/>"));
	dbus_message_unref(reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(a_session_opens_after_polkit_said_yes),
		T(options_reach_the_session_as_they_are),
		T(identity_asks_polkit_for_its_own_action),
		T(with_pairs_configured_only_they_are_pairs),
		T(a_bad_option_is_named_and_polkit_is_not_asked),
		T(the_patient_comes_in_a_sealed_memfd_of_known_shape),
		T(what_the_session_refuses_has_its_name),
		T(a_wrong_signature_is_an_invalid_argument),
		T(polkit_no_is_access_denied),
		T(polkit_challenge_is_interaction_required),
		T(an_error_of_polkit_is_never_a_no),
		T(an_answer_of_another_form_is_never_a_yes),
		T(a_hanging_polkit_ends_in_failed),
		T(a_person_is_disturbed_only_when_the_caller_allows_it),
		T(a_caller_that_leaves_cancels_its_check),
		T(one_uid_cannot_fill_polkit),
		T(checks_that_wait_when_the_service_ends_leave_nothing),
		T(the_longest_idle_peer_makes_room_for_a_new_one),
		T(nothing_can_be_set),
		T(properties_and_members_that_do_not_exist_say_so),
		T(unnamed_members_are_found_and_introspection_lists_objects),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
