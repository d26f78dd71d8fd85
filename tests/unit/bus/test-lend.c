/* SPDX-License-Identifier: EUPL-1.2 */
/* Lend and leases on a private bus: for who asked alone, ended with their connection. */
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
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define READER	"org.vitaled1.Reader"
#define LEASE	"org.vitaled1.Lease"
#define ONE	ROOT "/lease/1"
#define SESSION "org.vitaled1.Session"

static struct card_reader *plug(void)
{
	struct card_reader *r = &fakes.readers[0];

	*r = (struct card_reader){
		.id = 1, .name = "A", .driver = "pcsc", .slot = 0, .present = true};
	fakes.n_readers = 1;
	fakes.listener->reader_added(fakes.listener_user, r);
	return r;
}

static DBusMessage *lend_message(uint32_t seconds)
{
	return method(ROOT "/reader/1", READER, "Lend", DBUS_TYPE_UINT32, &seconds,
		DBUS_TYPE_INVALID);
}

static void until_asked(void)
{
	for (int i = 0; i < 2000 && !fakes.lend_done; i++)
		bed_turn();
	assert_non_null(fakes.lend_done);
}

/* a lease of @owner's, from the call to its answer */
static struct lease *lent(struct client *owner)
{
	DBusPendingCall *pending = client_send(owner, lend_message(60));
	struct lease *l;
	DBusMessage *reply;
	const char *path = NULL;

	until_asked();
	l = fakes_lent(VITALED_REASON_NONE);
	reply = client_wait(pending);
	assert_non_null(reply);
	assert_true(dbus_message_get_args(
		reply, NULL, DBUS_TYPE_OBJECT_PATH, &path, DBUS_TYPE_INVALID));
	assert_true(strncmp(path, ROOT "/lease/", 20) == 0);
	dbus_message_unref(reply);
	return l;
}

static DBusMessage *get(const char *path, const char *interface, const char *name)
{
	return method(path, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING, &interface,
		DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID);
}

static void lend_waits_until_the_slot_is_free(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending;
	DBusMessage *m;
	DBusMessageIter it, v;
	dbus_uint64_t until = 0;

	(void)state;
	(void)plug();
	pending = client_send(c, lend_message(90));
	until_asked();
	assert_string_equal(bed.last_action, "org.vitaled1.reader.lend");
	assert_int_equal(fakes.lend_seconds, 90);
	assert_string_equal(fakes.lend_owner, c->name);
	turns();
	assert_false(dbus_pending_call_get_completed(pending));
	(void)fakes_lent(VITALED_REASON_NONE);
	assert_string_equal(error_of(client_wait(pending)), "");
	m = client_take(c, "InterfacesAdded");
	assert_non_null(m);
	dbus_message_unref(m);
	m = client_call(c, get(ONE, LEASE, "Until"));
	assert_true(dbus_message_iter_init(m, &it));
	dbus_message_iter_recurse(&it, &v);
	dbus_message_iter_get_basic(&v, &until);
	assert_in_range(
		until, clock_wall() + 80 * USEC_PER_SEC, clock_wall() + 90 * USEC_PER_SEC);
	dbus_message_unref(m);
	m = client_call(c, get(ONE, LEASE, "Reader"));
	assert_string_equal(error_of(m), "");
}

static void a_lease_that_cannot_be_has_its_name(void **state)
{
	static const struct {
		int r;
		const char *error;
	} rows[] = {
		{LEASE_BUSY, "Busy"},
		{LEASE_LIMIT, "LimitsExceeded"},
		{LEASE_RANGE, "InvalidArgument"},
		{LEASE_AUDIT, "AuditUnavailable"},
		{LEASE_DRIVER, "InvalidArgument"},
		{-ENOMEM, "Failed"},
	};

	static const struct {
		enum vitaled_reason why;
		const char *error;
	} later[] = {
		{VITALED_REASON_PROFESSIONAL_CARD_REMOVED, "CardRemoved"},
		{VITALED_REASON_NO_READER, "NoReader"},
		{VITALED_REASON_FAILED, "Failed"},
	};
	struct client *c = client_new(OWN);

	(void)state;
	(void)plug();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		fakes.lease_result = rows[i].r;
		assert_string_equal(
			error_of(client_call(c, lend_message(UINT32_MAX))), rows[i].error);
	}
	fakes.lease_result = 0;
	for (size_t i = 0; i < ARRAY_LEN(later); i++) {
		DBusPendingCall *pending = client_send(c, lend_message(1));

		until_asked();
		assert_null(fakes_lent(later[i].why));
		assert_string_equal(error_of(client_wait(pending)), later[i].error);
	}
	bed.polkit = BED_POLKIT_NO;
	assert_string_equal(error_of(client_call(c, lend_message(1))), "AccessDenied");
	assert_int_equal(fakes.n_forgotten, 0);
}

static void a_lease_does_not_exist_for_anybody_else(void **state)
{
	struct client *owner = client_new(OWN), *other = client_new(OWN);
	DBusMessage *m;

	(void)state;
	(void)plug();
	dbus_bus_add_match(other->c, "type='signal',sender='org.vitaled1'", NULL);
	dbus_connection_flush(other->c);
	turns();
	client_clear(other); /* the reader's coming */
	(void)lent(owner);
	turns();
	assert_string_equal(error_of(client_call(other, get(ONE, LEASE, "Until"))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_string_equal(error_of(client_call(other, method(ONE, LEASE, "Return", 0))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	assert_int_equal(fakes.n_returned, 0);
	assert_false(client_has(other, "InterfacesAdded"));
	m = client_take(other, "PropertiesChanged"); /* the reader's Lent, which is for all */
	assert_non_null(m);
	assert_string_equal(dbus_message_get_path(m), ROOT "/reader/1");
	dbus_message_unref(m);
	assert_string_equal(error_of(client_call(owner, method(ONE, LEASE, "Return", 0))), "");
	assert_int_equal(fakes.n_returned, 1);
	m = client_take(owner, "InterfacesRemoved");
	assert_non_null(m);
	dbus_message_unref(m);
	assert_string_equal(error_of(client_call(owner, method(ONE, LEASE, "Return", 0))),
		DBUS_ERROR_UNKNOWN_OBJECT);
	turns();
	assert_false(client_has(other, "InterfacesRemoved"));
}

static void a_lease_ends_with_its_owners_connection(void **state)
{
	struct client *owner = client_new(OWN);

	(void)state;
	(void)plug();
	(void)lent(owner);
	client_free(owner);
	turns();
	assert_int_equal(fakes.n_returned, 1);
	assert_null(fakes.leases);
}

static void a_caller_that_leaves_while_it_waits_is_forgotten(void **state)
{
	struct client *owner = client_new(OWN);
	DBusPendingCall *pending;

	(void)state;
	(void)plug();
	pending = client_send(owner, lend_message(60));
	until_asked();
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	client_free(owner);
	turns();
	assert_int_equal(fakes.n_forgotten, 1);
	assert_null(fakes.lend_done);
}

static void a_reader_that_goes_while_polkit_thinks_is_not_lent(void **state)
{
	struct client *c = client_new(OWN);
	struct card_reader *r;
	DBusPendingCall *pending;

	(void)state;
	r = plug();
	bed.polkit = BED_POLKIT_HANGS;
	pending = client_send(c, lend_message(60));
	while (bed.n_checks == 0)
		bed_turn();
	r->present = false;
	fakes.listener->reader_removed(fakes.listener_user, r);
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	bed.polkit = BED_POLKIT_YES;
	assert_string_equal(
		error_of(client_call(c, lend_message(60))), DBUS_ERROR_UNKNOWN_OBJECT);
	assert_null(fakes.lend_done);
}

static void a_peer_with_a_lease_is_never_forgotten(void **state)
{
	struct client *owner = client_new(OWN);

	(void)state;
	(void)plug();
	(void)lent(owner);
	for (unsigned int i = 0; i < LIMIT_PEERS + 1; i++) {
		struct client *c = client_new(OWN);

		assert_string_equal(error_of(client_call(c, method(ROOT, "org.vitaled1.Manager",
								    "Diagnose", 0))),
			"");
	}
	client_free(owner);
	turns();
	assert_int_equal(fakes.n_returned, 1); /* its leaving was still seen */
}

static void a_service_that_ends_answers_who_waits(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending;

	(void)state;
	(void)plug();
	pending = client_send(c, lend_message(60));
	until_asked();
	bus_closing(bed.bus);
	assert_int_equal(fakes.n_forgotten, 1);
	assert_string_equal(error_of(client_wait(pending)), "Failed");
	bus_closing(NULL);
}

static void the_dossier_is_away_while_its_card_is_lent(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	const char *path = ROOT "/session/1", *xml = "";
	DBusMessage *m;

	(void)state;
	s->dossier = "open";
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	turns();
	client_clear(owner);
	fakes_state(s, SESSION_STATE_SUSPENDED, VITALED_REASON_NONE);
	m = client_take(owner, "InterfacesRemoved");
	assert_non_null(m);
	dbus_message_unref(m);
	m = client_call(owner, method(path, DBUS_INTERFACE_INTROSPECTABLE, "Introspect", 0));
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &xml, DBUS_TYPE_INVALID));
	assert_null(strstr(xml, "org.vitaled1.Dossier"));
	dbus_message_unref(m);
	assert_string_equal(
		error_of(client_call(owner, method(path, SESSION, "GetPatient", 0))),
		"WrongState");
	assert_string_equal(
		error_of(client_call(owner, method(path, SESSION, "GetProfessional", 0))),
		"WrongState");
	assert_int_equal(s->n_coverage, 0);
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
	m = client_take(owner, "InterfacesAdded");
	assert_non_null(m);
	dbus_message_unref(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(lend_waits_until_the_slot_is_free),
		T(a_lease_that_cannot_be_has_its_name),
		T(a_lease_does_not_exist_for_anybody_else),
		T(a_lease_ends_with_its_owners_connection),
		T(a_caller_that_leaves_while_it_waits_is_forgotten),
		T(a_reader_that_goes_while_polkit_thinks_is_not_lent),
		T(a_peer_with_a_lease_is_never_forgotten),
		T(a_service_that_ends_answers_who_waits),
		T(the_dossier_is_away_while_its_card_is_lent),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
