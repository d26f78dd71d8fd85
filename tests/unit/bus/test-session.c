/* SPDX-License-Identifier: EUPL-1.2 */
/* Session and Dossier on a private bus: for their owner alone, signals included. */
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
#define ONE	"/org/vitaled1/session/1"
#define SESSION "org.vitaled1.Session"
#define DOSSIER "org.vitaled1.Dossier"

static DBusMessage *get(const char *path, const char *interface, const char *name)
{
	return method(path, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING, &interface,
		DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
}

static DBusMessage *session_call(const char *member)
{
	return method(ONE, SESSION, member, DBUS_TYPE_INVALID);
}

static void unlock(struct session *s)
{
	s->dossier = "open";
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
}

static size_t managed(struct client *c)
{
	DBusMessage *reply = client_call(c, method(ROOT, "org.freedesktop.DBus.ObjectManager",
						    "GetManagedObjects", DBUS_TYPE_INVALID));
	DBusMessageIter it, list;
	size_t n = 0;

	assert_true(dbus_message_has_signature(reply, "a{oa{sa{sv}}}"));
	(void)dbus_message_iter_init(reply, &it);
	for (dbus_message_iter_recurse(&it, &list); dbus_message_iter_get_arg_type(&list);
		(void)dbus_message_iter_next(&list))
		n++;
	dbus_message_unref(reply);
	return n;
}

/* -- whose it is -- */

static void a_session_does_not_exist_for_anybody_else(void **state)
{
	struct client *owner = client_new(OWN), *other = client_new(OWN);
	DBusMessage *tree;
	const char *xml = "";

	(void)state;
	(void)opened(owner);
	assert_string_equal(error_of(client_call(owner, get(ONE, SESSION, "State"))), "");
	assert_string_equal(error_of(client_call(other, get(ONE, SESSION, "State"))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(
		error_of(client_call(other, session_call("Lock"))), DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(error_of(client_call(other, method(ONE, DOSSIER, "Summary", 0))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(
		error_of(client_call(
			other, method(ONE, DBUS_INTERFACE_INTROSPECTABLE, "Introspect", 0))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_int_equal(managed(owner), 1);
	assert_int_equal(managed(other), 0);
	tree = client_call(
		other, method(ROOT "/session", DBUS_INTERFACE_INTROSPECTABLE, "Introspect", 0));
	assert_true(
		dbus_message_get_args(tree, NULL, DBUS_TYPE_STRING, &xml, DBUS_TYPE_INVALID));
	assert_null(strstr(xml, "name=\"1\""));
	dbus_message_unref(tree);
	assert_int_equal(fakes_session()->state, SESSION_STATE_WAITING_FOR_CARDS);
}

static void signals_of_a_session_reach_its_owner_alone(void **state)
{
	struct client *owner = client_new(OWN), *other = client_new(OWN);
	struct session *s;
	DBusMessage *m;

	(void)state;
	dbus_bus_add_match(other->c, "type='signal',sender='org.vitaled1'", NULL);
	dbus_connection_flush(other->c);
	turns();
	client_clear(other); /* the bus's own NameAcquired */
	s = opened(owner);
	m = client_take(owner, "InterfacesAdded");
	assert_non_null(m);
	assert_true(dbus_message_has_signature(m, "oa{sa{sv}}"));
	assert_string_equal(dbus_message_get_destination(m), owner->name);
	dbus_message_unref(m);
	fakes_state(s, SESSION_STATE_READING, VITALED_REASON_NONE);
	m = client_take(owner, "PropertiesChanged");
	assert_non_null(m);
	assert_string_equal(dbus_message_get_destination(m), owner->name);
	dbus_message_unref(m);
	assert_string_equal(error_of(client_call(owner, session_call("Release"))), "");
	m = client_take(owner, "InterfacesRemoved");
	assert_non_null(m);
	dbus_message_unref(m);
	turns();
	assert_int_equal(other->n, 0);
	assert_null(fakes_session());
}

static void changes_of_one_turn_make_one_signal(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	DBusMessage *m;
	DBusMessageIter it, dict;
	int n = 0;

	(void)state;
	turns();
	client_clear(owner);
	s->tries = 2;
	s->done = 50;
	fakes_state(s, SESSION_STATE_READING, VITALED_REASON_NONE);
	fakes_state(s, SESSION_STATE_WAITING_FOR_PIN, VITALED_REASON_NONE);
	m = client_take(owner, "PropertiesChanged");
	assert_non_null(m);
	(void)dbus_message_iter_init(m, &it);
	(void)dbus_message_iter_next(&it);
	for (dbus_message_iter_recurse(&it, &dict); dbus_message_iter_get_arg_type(&dict);
		(void)dbus_message_iter_next(&dict))
		n++;
	assert_int_equal(n, 3); /* State, PinTriesLeft, Progress */
	dbus_message_unref(m);
	fakes_state(s, SESSION_STATE_WAITING_FOR_PIN, VITALED_REASON_NONE);
	turns();
	assert_int_equal(owner->n, 0); /* nothing differs */
}

static void an_owner_that_leaves_takes_its_sessions_along(void **state)
{
	struct client *owner = client_new(OWN);

	(void)state;
	unlock(opened(owner));
	turns();
	client_free(owner);
	while (fakes_session())
		bed_turn();
}

/* -- members -- */

static int fd_of(DBusMessage *m)
{
	int fd = -1;

	assert_non_null(m);
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	dbus_message_unref(m);
	return fd;
}

static void people_travel_in_sealed_memfds_in_their_states(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	_cleanup_json_ json_t *j = NULL;
	_cleanup_fd_ int fd = -1;
	_cleanup_fd_ int patient = -1;

	(void)state;
	assert_string_equal(
		error_of(client_call(owner, session_call("GetBeneficiaries"))), "WrongState");
	assert_string_equal(
		error_of(client_call(owner, session_call("GetPatient"))), "WrongState");
	s->people = json_pack("[{s:s}]", "surname", "DUPONT");
	fd = fd_of(client_call(owner, session_call("GetBeneficiaries")));
	assert_int_equal(json_read_fd(fd, LIMIT_JSON_FD, &j), 0);
	assert_true(json_equal(j, s->people));
	unlock(s);
	s->mode = SESSION_MODE_IDENTITY; /* no professional: nothing more is read */
	patient = fd_of(client_call(owner, session_call("GetPatient")));
	assert_true(fd_is_sealed_memfd(patient, LIMIT_JSON_FD));
	assert_int_equal(s->n_coverage, 0);
}

static void the_professional_is_told_after_the_pin(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	DBusMessage *m;

	(void)state;
	s->professional = true;
	fakes_state(s, SESSION_STATE_WAITING_FOR_PIN, VITALED_REASON_NONE);
	assert_string_equal(
		error_of(client_call(owner, session_call("GetProfessional"))), "WrongState");
	fakes_state(s, SESSION_STATE_AUTHENTICATING, VITALED_REASON_NONE);
	m = client_call(owner, session_call("GetProfessional"));
	assert_true(dbus_message_has_signature(m, "a{sv}"));
	dbus_message_unref(m);
}

static DBusMessage *receipt(const char *format)
{
	return method(ONE, SESSION, "GetReceipt", DBUS_TYPE_STRING, &format, DBUS_TYPE_INVALID);
}

static void a_receipt_is_there_when_something_was_signed(void **state)
{
	struct client *owner = client_new(OWN);
	struct buf text = BUF_NULL(LIMIT_JSON_FD);
	_cleanup_fd_ int fd = -1;
	_cleanup_fd_ int page = -1;

	(void)state;
	(void)opened(owner);
	fd = fd_of(client_call(owner, receipt("json")));
	assert_true(fd_is_sealed_memfd(fd, LIMIT_JSON_FD));
	page = fd_of(client_call(owner, receipt("text")));
	assert_int_equal(json_read_text(page, LIMIT_JSON_FD, &text), 0);
	assert_true(view_equal(buf_view(&text), VIEW_TEXT("REÇU\n"))); /* as it is */
	buf_done(&text);
	assert_string_equal(error_of(client_call(owner, receipt("pdf"))), "InvalidArgument");
	fakes.receipt_result = CONSENT_NO_RECEIPT;
	assert_string_equal(error_of(client_call(owner, receipt("json"))), "WrongState");
	fakes.receipt_result = -28;
	assert_string_equal(error_of(client_call(owner, receipt("json"))), "Failed");
	assert_string_equal(error_of(client_call(owner, receipt("text"))), "Failed");
}

static void locking_twice_is_no_error_and_keeps_the_object(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);

	(void)state;
	assert_string_equal(error_of(client_call(owner, session_call("Lock"))), "");
	assert_int_equal(s->reason, VITALED_REASON_CANCELLED);
	assert_string_equal(error_of(client_call(owner, session_call("Lock"))), "");
	assert_string_equal(error_of(client_call(owner, get(ONE, SESSION, "Reason"))), "");
	assert_string_equal(error_of(client_call(owner, session_call("Release"))), "");
	assert_string_equal(error_of(client_call(owner, get(ONE, SESSION, "Reason"))),
		DBUS_ERROR_UNKNOWN_OBJECT);
}

static void an_unlocked_session_locks_as_released(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);

	(void)state;
	unlock(s);
	assert_string_equal(error_of(client_call(owner, session_call("Lock"))), "");
	assert_int_equal(s->state, SESSION_STATE_LOCKED);
	assert_int_equal(s->reason, VITALED_REASON_RELEASED);
}

/* -- the dossier -- */

static void the_dossier_comes_and_goes_with_the_unlock(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	DBusMessage *m;

	(void)state;
	turns();
	client_clear(owner);
	assert_string_equal(error_of(client_call(owner, get(ONE, DOSSIER, "State"))),
		DBUS_ERROR_UNKNOWN_INTERFACE);
	assert_string_equal(
		error_of(client_call(owner, method(ONE, DOSSIER, "Summary", 0))), "WrongState");
	unlock(s);
	m = client_take(owner, "InterfacesAdded");
	assert_non_null(m);
	dbus_message_unref(m);
	assert_string_equal(error_of(client_call(owner, get(ONE, DOSSIER, "State"))), "");
	client_clear(owner);
	s->dossier = "closed";
	bus_session_changed(bed.bus, s);
	m = client_take(owner, "PropertiesChanged");
	assert_non_null(m);
	dbus_message_unref(m);
	fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_PATIENT_CARD_REMOVED);
	m = client_take(owner, "InterfacesRemoved");
	assert_non_null(m);
	dbus_message_unref(m);
}

static DBusPendingCall *waiting(struct client *c, DBusMessage *m)
{
	DBusPendingCall *pending = client_send(c, m);

	while (!fakes.done)
		bed_turn();
	return pending;
}

static void descriptors_of_a_document_are_handed_on(void **state)
{
	struct client *owner = client_new(OWN);
	const char *id = "0197";
	DBusPendingCall *pending;
	DBusMessage *m;
	int content[2], facts = -1, a = -1, b = -1;
	_cleanup_json_ json_t *j = json_pack("{s:i}", "size", 1);

	(void)state;
	unlock(opened(owner));
	pending = waiting(
		owner, method(ONE, DOSSIER, "Read", DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID));
	assert_string_equal(fakes.dossier_call, "read 0197");
	assert_int_equal(pipe2(content, O_CLOEXEC), 0);
	assert_int_equal(json_memfd(j, "facts", &facts), 0);
	fakes_answer(VITALED_REASON_NONE, NULL, NULL, content[0], facts);
	(void)close(content[1]);
	m = client_wait(pending);
	assert_true(dbus_message_get_args(
		m, NULL, DBUS_TYPE_UNIX_FD, &a, DBUS_TYPE_UNIX_FD, &b, DBUS_TYPE_INVALID));
	assert_true(fd_is_pipe_reader(a));
	assert_true(fd_is_sealed_memfd(b, LIMIT_JSON_FD));
	(void)close(a);
	(void)close(b);
	dbus_message_unref(m);
}

static DBusMessage *add(int content, int metadata)
{
	return method(ONE, DOSSIER, "Add", DBUS_TYPE_UNIX_FD, &content, DBUS_TYPE_UNIX_FD,
		&metadata, DBUS_TYPE_INVALID);
}

static void a_document_comes_by_pipe_and_sealed_memfd_only(void **state)
{
	struct client *owner = client_new(OWN);
	_cleanup_json_ json_t *j = json_pack("{s:i}", "size", 1);
	DBusPendingCall *pending;
	DBusMessage *m;
	const char *id = "";
	int content[2], metadata = -1;

	(void)state;
	unlock(opened(owner));
	assert_int_equal(pipe2(content, O_CLOEXEC), 0);
	assert_int_equal(write(content[1], "text", 4), 4);
	assert_int_equal(json_memfd(j, "metadata", &metadata), 0);
	assert_string_equal(
		error_of(client_call(owner, add(content[1], metadata))), "InvalidArgument");
	assert_string_equal(
		error_of(client_call(owner, add(content[0], content[0]))), "InvalidArgument");
	assert_string_equal(
		error_of(client_call(owner, add(metadata, metadata))), "InvalidArgument");
	pending = waiting(owner, add(content[0], metadata));
	assert_string_equal(fakes.dossier_call, "add text");
	fakes_answer(VITALED_REASON_NONE, NULL, "0197-id", -1, -1);
	m = client_wait(pending);
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID));
	assert_string_equal(id, "0197-id");
	dbus_message_unref(m);
	(void)close(content[0]);
	(void)close(content[1]);
	(void)close(metadata);
}

static DBusMessage *query(const char *member, const char *key, const char *text)
{
	DBusMessage *m = method(ONE, DOSSIER, member, DBUS_TYPE_INVALID);
	DBusMessageIter it, dict, e, v;
	dbus_uint32_t ten = 10;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	if (key) {
		(void)dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
		(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
		(void)dbus_message_iter_open_container(
			&e, DBUS_TYPE_VARIANT, text ? "s" : "u", &v);
		if (text)
			(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &text);
		else
			(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_UINT32, &ten);
		(void)dbus_message_iter_close_container(&e, &v);
		(void)dbus_message_iter_close_container(&dict, &e);
	}
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

static void filters_hold_known_keys_only(void **state)
{
	struct client *owner = client_new(OWN);
	DBusPendingCall *pending;

	(void)state;
	unlock(opened(owner));
	assert_string_equal(
		error_of(client_call(owner, query("List", "colour", "x"))), "InvalidArgument");
	assert_string_equal(
		error_of(client_call(owner, query("List", "type", NULL))), "InvalidArgument");
	assert_string_equal(error_of(client_call(owner, query("History", "limit", "x"))),
		"InvalidArgument");
	assert_string_equal(
		error_of(client_call(owner, query("Create", "x", "y"))), "InvalidArgument");
	pending = waiting(owner, query("List", "type", "note"));
	assert_string_equal(fakes.dossier_call, "list {\"type\":\"note\"}");
	fakes_answer(VITALED_REASON_NOT_PERMITTED, "blocked", NULL, -1, -1);
	assert_string_equal(error_of(client_wait(pending)), "NotPermitted");
	pending = waiting(owner, query("History", "limit", NULL));
	assert_string_equal(fakes.dossier_call, "history {\"limit\":10}");
	fakes_answer(VITALED_REASON_STORE_UNAVAILABLE, NULL, NULL, -1, -1);
	assert_string_equal(error_of(client_wait(pending)), "StoreUnavailable");
	pending = waiting(owner, query("Create", NULL, NULL));
	fakes_answer(VITALED_REASON_NONE, NULL, NULL, -1, -1);
	assert_string_equal(error_of(client_wait(pending)), "");
	pending = waiting(owner, method(ONE, DOSSIER, "Summary", 0));
	fakes_answer(VITALED_REASON_NONE, NULL, NULL, -1, -1); /* no descriptor: our own bug */
	assert_string_equal(error_of(client_wait(pending)), "Failed");
}

static DBusMessage *flag(const char *id, const char *name)
{
	dbus_bool_t on = TRUE;

	return method(ONE, DOSSIER, "SetVisibility", DBUS_TYPE_STRING, &id, DBUS_TYPE_STRING,
		&name, DBUS_TYPE_BOOLEAN, &on, DBUS_TYPE_INVALID);
}

static void flags_and_ids_are_looked_at_before_the_dossier(void **state)
{
	struct client *owner = client_new(OWN);
	const char *empty = "", *longer = "0123456789012345678901234567890123456789";
	DBusPendingCall *pending;

	(void)state;
	unlock(opened(owner));
	assert_string_equal(
		error_of(client_call(owner, flag("1", "colour"))), "InvalidArgument");
	assert_string_equal(
		error_of(client_call(owner, flag(empty, "masque_ps"))), "NoSuchDocument");
	assert_string_equal(error_of(client_call(owner, method(ONE, DOSSIER, "Read",
								DBUS_TYPE_STRING, &longer, 0))),
		"NoSuchDocument");
	pending = waiting(owner, flag("1", "masque_ps"));
	assert_string_equal(fakes.dossier_call, "flag 1 masque_ps 1");
	fakes_answer(VITALED_REASON_NONE, NULL, NULL, -1, -1);
	assert_string_equal(error_of(client_wait(pending)), "");
}

static void a_call_that_waits_when_the_session_ends_gets_wrong_state(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	DBusPendingCall *pending;

	(void)state;
	unlock(s);
	pending = waiting(owner, method(ONE, DOSSIER, "Summary", 0));
	fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_PATIENT_CARD_REMOVED);
	assert_string_equal(error_of(client_wait(pending)), "WrongState");
	assert_true(fakes.forgotten);
}

static void a_caller_that_leaves_is_forgotten_by_the_dossier(void **state)
{
	struct client *owner = client_new(OWN);
	DBusPendingCall *pending;

	(void)state;
	unlock(opened(owner));
	pending = waiting(owner, method(ONE, DOSSIER, "Summary", 0));
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	client_free(owner);
	while (fakes_session())
		bed_turn();
	assert_false(bed.bus == NULL); /* the sanitizers say whether the call was freed */
}

static void one_connection_cannot_make_endless_calls_wait_and_can_still_lock(void **state)
{
	struct client *owner = client_new(OWN);
	DBusPendingCall *pending[LIMIT_CALLS_PEER];

	(void)state;
	unlock(opened(owner));
	for (size_t i = 0; i < ARRAY_LEN(pending); i++)
		pending[i] = client_send(owner, method(ONE, DOSSIER, "Summary", 0));
	assert_string_equal(error_of(client_call(owner, method(ONE, DOSSIER, "Summary", 0))),
		"LimitsExceeded");
	assert_string_equal(error_of(client_call(owner, session_call("Lock"))), "");
	for (size_t i = 0; i < ARRAY_LEN(pending); i++) {
		dbus_pending_call_cancel(pending[i]);
		dbus_pending_call_unref(pending[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(a_session_does_not_exist_for_anybody_else),
		T(signals_of_a_session_reach_its_owner_alone),
		T(changes_of_one_turn_make_one_signal),
		T(an_owner_that_leaves_takes_its_sessions_along),
		T(people_travel_in_sealed_memfds_in_their_states),
		T(the_professional_is_told_after_the_pin),
		T(a_receipt_is_there_when_something_was_signed),
		T(locking_twice_is_no_error_and_keeps_the_object),
		T(an_unlocked_session_locks_as_released),
		T(the_dossier_comes_and_goes_with_the_unlock),
		T(descriptors_of_a_document_are_handed_on),
		T(a_document_comes_by_pipe_and_sealed_memfd_only),
		T(filters_hold_known_keys_only),
		T(flags_and_ids_are_looked_at_before_the_dossier),
		T(a_call_that_waits_when_the_session_ends_gets_wrong_state),
		T(a_caller_that_leaves_is_forgotten_by_the_dossier),
		T(one_connection_cannot_make_endless_calls_wait_and_can_still_lock),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
