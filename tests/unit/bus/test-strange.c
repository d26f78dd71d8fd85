/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What happens seldom: rooms below that fail or report twice, clients that send more than is taken, a
 * bus that stands still, calls to a service that does not serve yet.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/bus/core.h"
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define ONE	ROOT "/session/1"
#define MANAGER "org.vitaled1.Manager"
#define SESSION "org.vitaled1.Session"
#define CARD	"org.vitaled1.Card"

static const char *got(
	struct client *c, const char *path, const char *interface, const char *name)
{
	return error_of(client_call(
		c, method(path, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING, &interface,
			   DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID)));
}

/* -- what the rooms below say -- */

static void the_professional_is_told_in_the_states_after_the_pin(void **state)
{
	struct client *c = client_new(OWN);
	struct session *s = opened(c);

	(void)state;
	s->professional = true;
	for (enum session_state st = SESSION_STATE_QUEUED; st <= SESSION_STATE_FAILED; st++) {
		bool told = st == SESSION_STATE_AUTHENTICATING ||
			    st == SESSION_STATE_WAITING_FOR_CHOICE ||
			    st == SESSION_STATE_WAITING_FOR_CONSENT ||
			    st == SESSION_STATE_UNLOCKED;

		s->state = st;
		assert_string_equal(
			error_of(client_call(c, method(ONE, SESSION, "GetProfessional", 0))),
			told ? "" : "WrongState");
	}
}

static void a_room_that_fails_is_failed_not_a_refusal(void **state)
{
	struct client *c = client_new(OWN);
	const char *format = "json", *entry = "1";
	uint32_t index = 0;

	(void)state;
	(void)opened(c);
	fakes.choose_result = -EIO;
	assert_string_equal(
		error_of(client_call(c, method(ONE, SESSION, "Choose", DBUS_TYPE_UINT32, &index,
						DBUS_TYPE_INVALID))),
		"Failed");
	fakes.choose_result = SESSION_CHOOSE_RANGE;
	assert_string_equal(
		error_of(client_call(c, method(ONE, SESSION, "Choose", DBUS_TYPE_UINT32, &index,
						DBUS_TYPE_INVALID))),
		"InvalidArgument");
	fakes.receipt_result = -EIO;
	assert_string_equal(
		error_of(client_call(c, method(ONE, SESSION, "GetReceipt", DBUS_TYPE_STRING,
						&format, DBUS_TYPE_INVALID))),
		"Failed");
	fakes.append_result = -EIO;
	assert_string_equal(
		error_of(client_call(c, method(ROOT, MANAGER, "GetCheckpoint", 0))), "Failed");
	assert_string_equal(
		error_of(client_call(c, method(ROOT, MANAGER, "GetAuditProof", DBUS_TYPE_STRING,
						&entry, DBUS_TYPE_INVALID))),
		"Failed");
	assert_string_equal(registered(c, "/agent", "pin", NULL), "Failed");
	fakes.append_result = AUDIT_UNAVAILABLE;
	assert_string_equal(registered(c, "/agent", "pin", NULL), "AuditUnavailable");
	assert_null(bed.bus->agents);
}

static DBusMessage *export_message(void)
{
	DBusMessage *m = method(ROOT, MANAGER, "ExportAudit", DBUS_TYPE_INVALID);
	DBusMessageIter it, dict;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_close_container(&it, &dict);
	return m;
}

static void an_export_that_cannot_be_written_is_failed(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	(void)snprintf(fakes.config.state, sizeof(fakes.config.state), "/nowhere");
	assert_string_equal(error_of(client_call(c, export_message())), "Failed");
	(void)snprintf(fakes.config.state, sizeof(fakes.config.state), "/tmp");
	fakes.export_result = -ENOSPC;
	assert_string_equal(error_of(client_call(c, export_message())), "Failed");
	fakes.append_result = -EIO;
	assert_string_equal(error_of(client_call(c, export_message())), "Failed");
}

static void a_record_without_a_cause_is_no_finding(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	fakes.cause = NULL;
	assert_string_equal(error_of(client_call(c, method(ROOT, MANAGER, "Diagnose", 0))), "");
}

static void what_is_wrong_with_revocation_lists_is_named(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	assert_false(finds(c, "crl-missing", NULL));
	fakes.lists = true;
	assert_true(finds(c, "crl-missing", "AUTORITE 1"));
	assert_true(finds(c, "crl-expired", "AUTORITE 2"));
	assert_true(finds(c, "crl-rejected", "old.crl"));
	assert_true(finds(c, "crl-rejected", "older"));
	assert_true(finds(c, "crl-failed", "too-many"));
	assert_false(finds(c, "crl-missing", "AUTORITE 2"));
}

static void an_option_without_a_name_is_refused(void **state)
{
	struct client *c = client_new(OWN);
	DBusMessage *m = method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID);
	const char *key = "";
	DBusMessageIter it, dict, e, v;

	(void)state;
	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_open_container(&dict, DBUS_TYPE_DICT_ENTRY, NULL, &e);
	(void)dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_open_container(&e, DBUS_TYPE_VARIANT, "s", &v);
	(void)dbus_message_iter_append_basic(&v, DBUS_TYPE_STRING, &key);
	(void)dbus_message_iter_close_container(&e, &v);
	(void)dbus_message_iter_close_container(&dict, &e);
	(void)dbus_message_iter_close_container(&it, &dict);
	assert_string_equal(error_of(client_call(c, m)), "InvalidArgument");
}

/* -- cards -- */

static struct card card;

static void what_is_reported_twice_or_too_late_changes_nothing(void **state)
{
	struct client *c = client_new(OWN);
	struct card_reader *r = &fakes.readers[0];

	(void)state;
	*r = (struct card_reader){.id = 1, .name = "A", .driver = "pcsc", .present = true};
	card = (struct card){.id = 4, .reader = r, .in_use_uid = geteuid(), .pin_until = 1};
	fakes.listener->card_changed(fakes.listener_user, &card); /* not announced yet */
	assert_string_equal(got(c, ROOT "/card/4", CARD, "Kind"), DBUS_ERROR_UNKNOWN_OBJECT);
	r->card = &card;
	for (int i = 0; i < 2; i++) {
		fakes.listener->reader_added(fakes.listener_user, r);
		fakes.listener->card_added(fakes.listener_user, &card);
		turns();
		assert_string_equal(got(c, ROOT "/card/4", CARD, "Kind"), "");
	}
	assert_string_equal(got(c, ROOT "/card/4", CARD, "PinVerifiedUntil"), "");
	fakes.listener->card_removed(fakes.listener_user, &card);
	r->card = NULL;
	fakes.listener->reader_removed(fakes.listener_user, r);
	fakes.listener->reader_removed(fakes.listener_user, r);
	fakes.listener->card_changed(fakes.listener_user, &card);
	turns();
	assert_string_equal(got(c, ROOT "/card/4", CARD, "Kind"), DBUS_ERROR_UNKNOWN_OBJECT);
}

static void a_service_that_starts_with_an_empty_reader_shows_it(void **state)
{
	struct bus_rooms rooms = {.config = &fakes.config};

	(void)state;
	(void)bus_free(bed.bus);
	fakes.readers[0] =
		(struct card_reader){.id = 1, .name = "A", .driver = "pcsc", .present = true};
	fakes.n_readers = 1;
	assert_int_equal(bus_new(bed.ev, &bed.bus), 0);
	fakes.bus = bed.bus;
	assert_int_equal(bus_serve(bed.bus, &rooms), 0);
	assert_string_equal(
		got(client_new(OWN), ROOT "/reader/1", "org.vitaled1.Reader", "Card"), "");
}

/* -- calls -- */

static void a_caller_that_is_not_known_yet_cannot_pile_up_calls(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *last;

	(void)state;
	for (unsigned int i = 0; i < LIMIT_CALLS_STRANGER + 1; i++) {
		DBusMessage *m = method(ROOT, MANAGER, "GetCheckpoint", 0);

		dbus_message_set_no_reply(m, TRUE);
		assert_true(dbus_connection_send(c->c, m, NULL));
		dbus_message_unref(m);
	}
	last = client_send(c, method(ROOT, MANAGER, "GetCheckpoint", 0));
	(void)usleep(50000); /* all of them are with the service */
	bed_pause(true);     /* who calls cannot be learnt */
	for (unsigned int i = 0; i < 4 * LIMIT_CALLS_STRANGER; i++)
		bed_turn();
	assert_int_equal(fakes.n_checkpoints, 0);
	bed_pause(false);
	assert_string_equal(error_of(client_wait(last)), "LimitsExceeded");
	assert_string_equal(
		error_of(client_call(c, method(ROOT, MANAGER, "GetCheckpoint", 0))), "");
}

static void a_call_overtakes_those_that_wait_for_polkit(void **state)
{
	struct client *c = client_new(OWN);
	const char *entry = "1";
	DBusPendingCall *waiting[3];

	(void)state;
	bed.polkit = BED_POLKIT_HANGS;
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		waiting[i] =
			client_send(c, method(ROOT, MANAGER, "GetAuditProof", DBUS_TYPE_STRING,
					       &entry, DBUS_TYPE_INVALID));
	while (bed.n_checks < ARRAY_LEN(waiting))
		bed_turn();
	assert_string_equal(error_of(client_call(c, method(ROOT, MANAGER, "Diagnose", 0))), "");
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
		dbus_pending_call_cancel(waiting[i]);
		dbus_pending_call_unref(waiting[i]);
	}
}

static void a_service_that_does_not_serve_yet_answers_nobody(void **state)
{
	struct client *c = client_new(OWN);
	struct bus *second = NULL;
	DBusMessage *m = method(ROOT, MANAGER, "Diagnose", 0);

	(void)state;
	assert_int_equal(bus_new(bed.ev, &second), 0);
	assert_true(dbus_message_set_destination(m, dbus_bus_get_unique_name(second->c)));
	assert_string_equal(error_of(client_call(c, m)), DBUS_ERROR_UNKNOWN_METHOD);
	(void)bus_free(second);
}

/* -- a bus that stands still -- */

static struct card_reader readers[100];

static void signals_are_held_back_not_piled_up_and_come_later(void **state)
{
	struct client *c = client_new(OWN);
	struct session *s = opened(c);
	struct client *many[8];
	DBusMessage *m;

	(void)state;
	for (uint32_t i = 0; i < ARRAY_LEN(readers); i++) { /* so that answers are long */
		readers[i] = (struct card_reader){
			.id = i + 1, .name = "A", .driver = "pcsc", .present = true};
		fakes.listener->reader_added(fakes.listener_user, &readers[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(many); i++) {
		many[i] = client_new(OWN);
		assert_string_equal(
			error_of(client_call(many[i], method(ROOT, MANAGER, "Diagnose", 0))),
			"");
	}
	turns();
	client_clear(c);
	for (int i = 0; i < 800; i++) { /* the bus lets each wait for 128 answers */
		m = method(ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects", 0);
		assert_true(dbus_connection_send(many[i % 8]->c, m, NULL));
		dbus_message_unref(m);
	}
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		dbus_connection_flush(many[i]->c);
	(void)usleep(100000);
	bed_pause(true);
	for (int i = 0; i < 5000 && !bus_congested(bed.bus); i++)
		bed_turn();
	assert_true(bus_congested(bed.bus));
	fakes_state(s, SESSION_STATE_READING, VITALED_REASON_NONE);
	for (long was = -1; was != dbus_connection_get_outgoing_size(bed.bus->c);) {
		was = dbus_connection_get_outgoing_size(bed.bus->c);
		for (int i = 0; i < 50; i++)
			bed_turn();
	}
	assert_true(bus_congested(bed.bus));
	/* where every call has come by now, only the way out says that it is free again */
	bed_pause(false);
	m = client_take(c, "PropertiesChanged");
	assert_non_null(m);
	dbus_message_unref(m);
	for (int i = 0; i < 5000 && bus_congested(bed.bus); i++) /* by what was held back */
		bed_turn();
	assert_false(bus_congested(bed.bus));
}

static void what_was_held_back_is_told_when_all_is_written_though_nobody_calls(void **state)
{
	static char ballast[1U << 16];
	struct client *c = client_new(OWN);
	struct session *s = opened(c);
	const char *text = memset(ballast, 'b', sizeof(ballast) - 1);
	DBusMessage *m;

	(void)state;
	turns();
	client_clear(c);
	bed_pause(true);
	while (!bus_congested(bed.bus)) { /* heard by nobody, answered by nothing */
		m = dbus_message_new_signal(ROOT, MANAGER, "Ballast");
		assert_true(dbus_message_append_args(
			m, DBUS_TYPE_STRING, &text, DBUS_TYPE_INVALID));
		assert_true(dbus_connection_send(bed.bus->c, m, NULL));
		dbus_message_unref(m);
	}
	fakes_state(s, SESSION_STATE_READING, VITALED_REASON_NONE);
	for (int i = 0; i < 5000 && !bed.bus->held; i++)
		bed_turn();
	assert_true(bed.bus->held);
	bed_pause(false);
	m = client_take(c, "PropertiesChanged");
	assert_non_null(m);
	dbus_message_unref(m);
	assert_false(bus_congested(bed.bus));
}

/* -- agents -- */

static void an_agent_that_left_is_not_informed(void **state)
{
	struct client *owner = client_new(OWN), *agent = agent_new(OWN, "pin", NULL);
	struct client *later = agent_new(OWN, "pin", NULL);
	struct session *s = opened(owner);
	dbus_bool_t yes = TRUE;

	(void)state;
	bus_ask_last_try(bed.bus, s); /* to the newest */
	reply_with(later, asked(later, "Confirm", "osh"), DBUS_TYPE_BOOLEAN, &yes,
		DBUS_TYPE_INVALID);
	assert_int_equal(s->last_try, 1);
	client_free(later);
	turns();
	bus_ask_last_try(bed.bus, s);
	bus_ask_pin(bed.bus, s, 1, false); /* waits behind it */
	dbus_message_unref(asked(agent, "Confirm", "osh"));
	fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_CARD_REMOVED);
	dbus_message_unref(asked(agent, "Cancel", "os"));
	dbus_message_unref(asked(agent, "Inform", "osa{sv}"));
	turns();
	assert_false(client_has(agent, "RequestPin"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(the_professional_is_told_in_the_states_after_the_pin),
		T(a_room_that_fails_is_failed_not_a_refusal),
		T(an_export_that_cannot_be_written_is_failed),
		T(a_record_without_a_cause_is_no_finding),
		T(what_is_wrong_with_revocation_lists_is_named),
		T(an_option_without_a_name_is_refused),
		T(what_is_reported_twice_or_too_late_changes_nothing),
		T(a_service_that_starts_with_an_empty_reader_shows_it),
		T(a_caller_that_is_not_known_yet_cannot_pile_up_calls),
		T(a_call_overtakes_those_that_wait_for_polkit),
		T(a_service_that_does_not_serve_yet_answers_nobody),
		T(signals_are_held_back_not_piled_up_and_come_later),
		T(what_was_held_back_is_told_when_all_is_written_though_nobody_calls),
		T(an_agent_that_left_is_not_informed),
	};
	int r;

	bed_start(true);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
