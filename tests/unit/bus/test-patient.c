/* SPDX-License-Identifier: EUPL-1.2 */
/* What a session tells later than it is asked: the patient with the coverage; the place in a queue. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <unistd.h>

#include "daemon/bus/fds.h"
#include "daemon/limits.h"
#include "tests/unit/bus/people.h"

#define ONE	"/org/vitaled1/session/1"
#define SESSION "org.vitaled1.Session"

static DBusMessage *session_call(const char *member)
{
	return method(ONE, SESSION, member, DBUS_TYPE_INVALID);
}

static void unlock(struct session *s)
{
	s->dossier = "open";
	fakes_state(s, SESSION_STATE_UNLOCKED, VITALED_REASON_NONE);
}

static int fd_of(DBusMessage *m)
{
	int fd = -1;

	assert_non_null(m);
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	dbus_message_unref(m);
	return fd;
}

static DBusPendingCall *patient_asked(struct client *c, struct session *s)
{
	DBusPendingCall *pending = client_send(c, session_call("GetPatient"));

	for (int i = 0; i < 2000 && !s->coverage_done; i++)
		bed_turn();
	assert_non_null(s->coverage_done);
	return pending;
}

static void the_patient_is_told_when_the_coverage_was_read(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	DBusPendingCall *pending;
	_cleanup_fd_ int fd = -1;

	(void)state;
	unlock(s);
	pending = patient_asked(owner, s);
	turns();
	assert_false(dbus_pending_call_get_completed(pending));
	fakes_covered(s, VITALED_REASON_NONE);
	fd = fd_of(client_wait(pending));
	assert_true(fd_is_sealed_memfd(fd, LIMIT_JSON_FD));
	assert_int_equal(fakes.n_forgotten, 0);
}

static void a_session_that_ends_answers_who_asked_for_the_patient(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	DBusPendingCall *pending;

	(void)state;
	unlock(s);
	pending = patient_asked(owner, s);
	fakes_covered(s, VITALED_REASON_PATIENT_CARD_REMOVED);
	assert_string_equal(error_of(client_wait(pending)), "WrongState");
	pending = patient_asked(owner, s);
	fakes_covered(s, VITALED_REASON_LIMITS_EXCEEDED);
	assert_string_equal(error_of(client_wait(pending)), "LimitsExceeded");
	pending = patient_asked(owner, s);
	s->state = SESSION_STATE_SUSPENDED; /* lent while it was read */
	fakes_covered(s, VITALED_REASON_NONE);
	assert_string_equal(error_of(client_wait(pending)), "WrongState");
	unlock(s);
	pending = patient_asked(owner, s);
	fakes_state(s, SESSION_STATE_LOCKED, VITALED_REASON_EXPIRED);
	assert_string_equal(error_of(client_wait(pending)), "WrongState");
	assert_int_equal(fakes.n_forgotten, 1);
	unlock(s);
	pending = patient_asked(owner, s);
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	client_free(owner); /* the session goes with it */
	turns();
	assert_null(fakes_session());
	assert_int_equal(fakes.n_forgotten, 2);
}

static void the_place_in_the_queue_is_told(void **state)
{
	struct client *owner = client_new(OWN);
	struct session *s = opened(owner);
	const char *interface = SESSION, *name = "Queue";
	dbus_uint32_t place = 0, seconds = 0;
	DBusMessageIter it, v, pair;
	DBusMessage *m;

	(void)state;
	s->place = 3;
	fakes_state(s, SESSION_STATE_QUEUED, VITALED_REASON_NONE);
	m = client_call(owner, method(ONE, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING,
				       &interface, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID));
	assert_true(dbus_message_iter_init(m, &it));
	dbus_message_iter_recurse(&it, &v);
	dbus_message_iter_recurse(&v, &pair);
	dbus_message_iter_get_basic(&pair, &place);
	assert_true(dbus_message_iter_next(&pair));
	dbus_message_iter_get_basic(&pair, &seconds);
	assert_int_equal(place, 3);
	assert_int_equal(seconds, 14);
	dbus_message_unref(m);
	turns();
	client_clear(owner);
	s->place = 2;
	bus_session_changed(bed.bus, s);
	m = client_take(owner, "PropertiesChanged");
	assert_non_null(m);
	dbus_message_unref(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(the_patient_is_told_when_the_coverage_was_read),
		T(a_session_that_ends_answers_who_asked_for_the_patient),
		T(the_place_in_the_queue_is_told),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
