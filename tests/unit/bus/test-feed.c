/* SPDX-License-Identifier: EUPL-1.2 */
/* Manager.ImportReimbursements(): what is taken for a feed, who asks, what comes of it. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/bus/fds.h"
#include "tests/unit/bus/fakes-feed.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"

static int setup(void **state)
{
	fakes_feed = (struct fakes_feed){.anchors = 0};
	return bed_setup(state);
}

static DBusMessage *import_of(int fd)
{
	return method(ROOT, MANAGER, "ImportReimbursements", DBUS_TYPE_UNIX_FD, &fd,
		DBUS_TYPE_INVALID);
}

/* a file that is open for reading only */
static int a_file(void)
{
	return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
}

static DBusPendingCall *begun(struct client *c)
{
	_cleanup_fd_ int fd = a_file();
	DBusPendingCall *pending = client_send(c, import_of(fd));

	for (int i = 0; i < 2000 && !fakes_feed.done; i++)
		bed_turn();
	assert_non_null(fakes_feed.done);
	return pending;
}

static void the_lines_that_are_new_are_told_and_polkit_was_asked(void **state)
{
	struct client *c = client_new(OTHER_UID);
	DBusPendingCall *pending = begun(c);
	dbus_uint32_t lines = 0;
	DBusMessage *m;

	(void)state;
	assert_string_equal(bed.last_action, "org.vitaled1.feed.import");
	assert_string_equal(fakes_feed.caller, c->name);
	assert_true(fakes_feed.believed);
	fakes_imported(VITALED_REASON_NONE, NULL, 7);
	m = client_wait(pending);
	assert_true(
		dbus_message_get_args(m, NULL, DBUS_TYPE_UINT32, &lines, DBUS_TYPE_INVALID));
	assert_int_equal(lines, 7);
	dbus_message_unref(m);
}

static void what_is_wrong_is_told_with_its_detail(void **state)
{
	struct client *c = client_new(OWN);
	DBusPendingCall *pending = begun(c);
	DBusMessage *m;

	(void)state;
	fakes_imported(VITALED_REASON_FEED_INVALID, "line 3: amount", 0);
	m = client_wait(pending);
	assert_string_equal(dbus_message_get_error_name(m), "org.vitaled1.Error.FeedInvalid");
	dbus_message_unref(m);
	pending = begun(c);
	fakes_imported(VITALED_REASON_STORE_UNAVAILABLE, "dossiers", 3);
	assert_string_equal(error_of(client_wait(pending)), "StoreUnavailable");
}

static void what_can_be_written_or_never_ends_is_no_feed(void **state)
{
	struct client *c = client_new(OWN);
	int sealed = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int fds[] = {memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING),
		open("/dev/null", O_WRONLY | O_CLOEXEC), open("/", O_PATH | O_CLOEXEC)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		assert_true(fds[i] >= 0);
		assert_string_equal(
			error_of(client_call(c, import_of(fds[i]))), "InvalidArgument");
		close(fds[i]);
	}
	assert_null(fakes_feed.user);
	assert_int_equal(
		fcntl(sealed, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE), 0);
	fakes_feed.begin = VITALED_REASON_BUSY; /* but it is one */
	assert_string_equal(error_of(client_call(c, import_of(sealed))), "Busy");
	close(sealed);
}

/* What the log says while @m is answered; the caller frees it. */
static char *logged(struct client *c, DBusMessage *m, const char *error)
{
	int log = memfd_create("log", MFD_CLOEXEC), before = dup(STDERR_FILENO);
	char *text = calloc(1, 4096);

	assert_non_null(text);
	assert_true(log >= 0 && before >= 0 && dup2(log, STDERR_FILENO) >= 0);
	assert_string_equal(error_of(client_call(c, m)), error);
	assert_true(dup2(before, STDERR_FILENO) >= 0);
	assert_true(pread(log, text, 4095, 0) >= 0);
	close(before);
	close(log);
	return text;
}

static void anchors_that_are_none_let_no_feed_in_and_are_named_once(void **state)
{
	static const struct {
		int r;
		const char *error, *line;
	} rows[] = {
		{FEEDERS_BAD, "FeedInvalid", "/feeder/real/bad.pem\n"},
		/* and where it was met */
		{-EACCES, "Failed", "/feeder/real/bad.pem: Permission denied at "},
	};
	struct client *c = client_new(OWN);
	_cleanup_fd_ int fd = a_file();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char *text, *found;

		fakes_feed.anchors = rows[i].r;
		text = logged(c, import_of(fd), rows[i].error);
		found = strstr(text, rows[i].line);
		assert_non_null(found);
		assert_string_equal(strchr(text, '\n'), "\n"); /* one line */
		assert_true(rows[i].r > 0 || strstr(found, "fakes-feed.c:"));
		free(text);
	}
	assert_null(fakes_feed.user);
}

static void whoever_polkit_refuses_begins_none(void **state)
{
	struct client *c = client_new(OTHER_UID);
	_cleanup_fd_ int fd = a_file();

	(void)state;
	bed.polkit = BED_POLKIT_NO;
	assert_string_equal(error_of(client_call(c, import_of(fd))), "AccessDenied");
	assert_null(fakes_feed.user);
}

static void a_caller_that_left_is_forgotten_and_the_import_is_not(void **state)
{
	struct client *c = client_new(OTHER_UID);
	DBusPendingCall *pending = begun(c);

	(void)state;
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	client_free(c);
	for (int i = 0; i < 2000 && fakes_feed.done; i++)
		bed_turn();
	assert_null(fakes_feed.done);
	assert_non_null(fakes_feed.user);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(the_lines_that_are_new_are_told_and_polkit_was_asked),
		T(what_is_wrong_is_told_with_its_detail),
		T(what_can_be_written_or_never_ends_is_no_feed),
		T(anchors_that_are_none_let_no_feed_in_and_are_named_once),
		T(whoever_polkit_refuses_begins_none),
		T(a_caller_that_left_is_forgotten_and_the_import_is_not),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
