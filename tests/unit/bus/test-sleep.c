/* SPDX-License-Identifier: EUPL-1.2 */
/* The machine's sleep: when the lock is held and given back, who is believed, and what a logind that does
 * not behave can do: nothing. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/bus/sleep.h"
#include "tests/unit/bus/people.h"

#define LOGIND	"org.freedesktop.login1"
#define PATH	"/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"

static struct client *logind_new(void)
{
	struct client *c = client_new(OWN);
	DBusError e = DBUS_ERROR_INIT;

	assert_int_equal(dbus_bus_request_name(c->c, LOGIND, DBUS_NAME_FLAG_DO_NOT_QUEUE, &e),
		DBUS_REQUEST_NAME_REPLY_PRIMARY_OWNER);
	return c;
}

static DBusMessage *inhibit_of(struct client *c)
{
	DBusMessage *m = client_take(c, "Inhibit");
	const char *what = "", *who = "", *why = "", *mode = "";

	assert_non_null(m);
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &what, DBUS_TYPE_STRING,
		&who, DBUS_TYPE_STRING, &why, DBUS_TYPE_STRING, &mode, DBUS_TYPE_INVALID));
	assert_string_equal(what, "sleep");
	assert_string_equal(who, "vitaled");
	assert_string_equal(mode, "delay");
	return m;
}

/* Answer Inhibit. Return: our end of the lock, which hangs up when it is given back. */
static int give_to(struct client *c, DBusMessage *call)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	reply_with(c, call, DBUS_TYPE_UNIX_FD, &fds[1], DBUS_TYPE_INVALID);
	close(fds[1]);
	return fds[0];
}

static bool given_back(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) > 0;
}

static int lock_of(struct client *c)
{
	int fd = give_to(c, inhibit_of(c));

	turns();
	assert_false(given_back(fd));
	assert_null(sleep_lack(bed.bus));
	return fd;
}

static void wait_back(int fd)
{
	uint64_t until = clock_monotonic() + bed.patience;

	while (!given_back(fd) && clock_monotonic() < until)
		bed_turn();
	assert_true(given_back(fd));
	close(fd);
}

static void say(
	struct client *c, const char *path, const char *interface, int type, bool sleeps)
{
	DBusMessage *m = dbus_message_new_signal(path, interface, "PrepareForSleep");
	dbus_bool_t b = sleeps;
	const char *text = "yes";

	assert_non_null(m);
	if (type == DBUS_TYPE_BOOLEAN)
		assert_true(dbus_message_append_args(m, type, &b, DBUS_TYPE_INVALID));
	else
		assert_true(dbus_message_append_args(m, type, &text, DBUS_TYPE_INVALID));
	assert_true(
		dbus_message_set_destination(m, bed.last_sender[0] ? bed.last_sender : NULL));
	assert_true(dbus_connection_send(c->c, m, NULL));
	dbus_connection_flush(c->c);
	dbus_message_unref(m);
	turns();
}

static void sleeps(struct client *c, bool yes)
{
	say(c, PATH, MANAGER, DBUS_TYPE_BOOLEAN, yes);
}

static void nobody_sleeps(void)
{
	assert_int_equal(fakes.locked_all, VITALED_REASON_NONE);
	assert_int_equal(fakes.slept, 0);
	assert_int_equal(fakes.woken, 0);
}

static void without_logind_it_is_told(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	turns();
	assert_string_equal(sleep_lack(bed.bus), "absent");
	assert_true(finds(c, "no-sleep-signal", "absent"));
	nobody_sleeps();
}

static void everything_is_locked_before_the_lock_is_given_back(void **state)
{
	struct client *c = logind_new();

	(void)state;
	for (int n = 1; n <= 3; n++) {
		int fd = lock_of(c);

		fakes.in_use = true;
		fakes.locked_all = fakes.jobs_stopped = VITALED_REASON_NONE;
		sleeps(c, true);
		sleeps(c, true); /* once more */
		assert_int_equal(fakes.locked_all, VITALED_REASON_SLEEP);
		assert_int_equal(fakes.jobs_stopped, VITALED_REASON_SLEEP);
		assert_false(given_back(fd)); /* a card is still being reset */
		assert_int_equal(fakes.slept, n - 1);
		fakes.let_go(fakes.let_go_user, NULL); /* not this one */
		turns();
		assert_false(given_back(fd));
		fakes.in_use = false;
		fakes.let_go(fakes.let_go_user, NULL);
		wait_back(fd);
		assert_int_equal(fakes.slept, n);
		assert_int_equal(fakes.woken, n - 1);
		sleeps(c, false);
		assert_int_equal(fakes.woken, n);
	}
	close(lock_of(c));
}

static void a_card_that_does_not_let_go_is_waited_for_a_moment(void **state)
{
	struct client *c = logind_new();
	int fd = lock_of(c);

	(void)state;
	bed.faster = 20; /* 2 s are 100 ms */
	fakes.in_use = true;
	sleeps(c, true);
	assert_false(given_back(fd));
	wait_back(fd);
	assert_int_equal(fakes.slept, 1);
}

static void a_sleep_that_does_not_come_ends(void **state)
{
	struct client *c = logind_new();
	int fd = lock_of(c);

	(void)state;
	bed.faster = 600; /* 60 s are 100 ms */
	sleeps(c, true);
	wait_back(fd);
	close(lock_of(c)); /* taken anew by itself */
	assert_int_equal(fakes.woken, 1);
}

static void awake_before_the_cards_are_let_go_is_awake(void **state)
{
	struct client *c = logind_new();
	int fd = lock_of(c);

	(void)state;
	fakes.in_use = true;
	sleeps(c, true);
	sleeps(c, false);
	wait_back(fd);
	assert_int_equal(fakes.slept, 1);
	assert_int_equal(fakes.woken, 1);
	close(lock_of(c));
}

static void a_sleep_that_nobody_announced_locks_at_its_end(void **state)
{
	struct client *c = logind_new();
	int fd = lock_of(c);

	(void)state;
	bus_slept(bed.bus);
	assert_int_equal(fakes.locked_all, VITALED_REASON_SLEEP);
	assert_int_equal(fakes.slept, 1);
	assert_int_equal(fakes.woken, 1);
	wait_back(fd);
	fd = lock_of(c);
	sleeps(c, false); /* and one that only its end announces */
	assert_int_equal(fakes.woken, 2);
	wait_back(fd);
	fd = lock_of(c);
	sleeps(c, true);
	wait_back(fd);
	bus_slept(bed.bus); /* logind will say it */
	assert_int_equal(fakes.woken, 2);
}

static void a_stranger_is_not_heard(void **state)
{
	struct client *c = logind_new(), *stranger = client_new(OWN);
	int fd = lock_of(c);

	(void)state;
	sleeps(stranger, true);
	sleeps(stranger, false);
	say(c, PATH, "org.freedesktop.login1.Other", DBUS_TYPE_BOOLEAN, true);
	say(c, PATH, MANAGER, DBUS_TYPE_STRING, true);
	nobody_sleeps();
	assert_false(given_back(fd));
	close(fd);
}

static void a_logind_that_refuses_is_told_and_left_alone(void **state)
{
	struct client *c = logind_new(), *asker = client_new(OWN);
	DBusMessage *call = inhibit_of(c);

	(void)state;
	reply_error(c, call, "org.freedesktop.DBus.Error.AccessDenied");
	turns();
	assert_string_equal(sleep_lack(bed.bus), "refused");
	assert_true(finds(asker, "no-sleep-signal", "refused"));
	assert_false(client_has(c, "Inhibit"));
	sleeps(c, true); /* it is heard all the same */
	assert_int_equal(fakes.locked_all, VITALED_REASON_SLEEP);
	sleeps(c, false);
	close(lock_of(c)); /* asked anew after a sleep */
}

static void an_answer_without_a_descriptor_is_none(void **state)
{
	struct client *c = logind_new();
	dbus_uint32_t n = 7;

	(void)state;
	reply_with(c, inhibit_of(c), DBUS_TYPE_UINT32, &n, DBUS_TYPE_INVALID);
	turns();
	assert_string_equal(sleep_lack(bed.bus), "refused");
}

static void a_logind_that_does_not_answer_is_not_waited_for(void **state)
{
	struct client *c = logind_new();
	uint64_t until = clock_monotonic() + bed.patience;

	(void)state;
	bed.faster = 100; /* 10 s are 100 ms */
	dbus_message_unref(inhibit_of(c));
	client_free(c);
	c = logind_new();
	dbus_message_unref(inhibit_of(c));
	while (!sleep_lack(bed.bus) && clock_monotonic() < until)
		bed_turn();
	assert_string_equal(sleep_lack(bed.bus), "refused");
}

static void a_logind_that_ends_and_comes_again_is_asked_anew(void **state)
{
	struct client *c = logind_new();
	int fd = lock_of(c);

	(void)state;
	client_free(c);
	wait_back(fd);
	assert_string_equal(sleep_lack(bed.bus), "absent");
	c = logind_new();
	fd = lock_of(c);
	sleeps(c, true);
	wait_back(fd);
	client_free(c); /* it ends while we sleep */
	turns();
	assert_int_equal(fakes.woken, 1);
	c = logind_new();
	close(lock_of(c));
	assert_int_equal(fakes.slept, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(without_logind_it_is_told),
		T(everything_is_locked_before_the_lock_is_given_back),
		T(a_card_that_does_not_let_go_is_waited_for_a_moment),
		T(a_sleep_that_does_not_come_ends),
		T(awake_before_the_cards_are_let_go_is_awake),
		T(a_sleep_that_nobody_announced_locks_at_its_end),
		T(a_stranger_is_not_heard),
		T(a_logind_that_refuses_is_told_and_left_alone),
		T(an_answer_without_a_descriptor_is_none),
		T(a_logind_that_does_not_answer_is_not_waited_for),
		T(a_logind_that_ends_and_comes_again_is_asked_anew),
	};
	int r;

	bed_start(true);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
