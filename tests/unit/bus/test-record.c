/* SPDX-License-Identifier: EUPL-1.2 */
/* The record on the bus: checkpoints, proofs, the export. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "daemon/bus/fds.h"
#include "daemon/limits.h"
#include "tests/unit/bus/bed.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"

static DBusMessage *export_message(const char *key)
{
	DBusMessage *m = method(ROOT, MANAGER, "ExportAudit", DBUS_TYPE_INVALID);
	const char *text = "fhir";
	DBusMessageIter it, dict, e, v;

	dbus_message_iter_init_append(m, &it);
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
	return m;
}

static void a_checkpoint_is_made_anew_only_when_the_record_grew(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_string_equal(
			error_of(client_call(c, method(ROOT, MANAGER, "GetCheckpoint", 0))),
			"");
	assert_int_equal(fakes.n_checkpoints, 1);
	fakes.size++;
	assert_string_equal(
		error_of(client_call(c, method(ROOT, MANAGER, "GetCheckpoint", 0))), "");
	assert_int_equal(fakes.n_checkpoints, 2);
	fakes.size++;
	fakes.append_result = AUDIT_UNAVAILABLE;
	assert_string_equal(error_of(client_call(c, method(ROOT, MANAGER, "GetCheckpoint", 0))),
		"AuditUnavailable");
}

static DBusMessage *proof_of(const char *entry)
{
	return method(
		ROOT, MANAGER, "GetAuditProof", DBUS_TYPE_STRING, &entry, DBUS_TYPE_INVALID);
}

static int fd_of(DBusMessage *m)
{
	int fd = -1;

	assert_non_null(m);
	assert_true(dbus_message_get_args(m, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	dbus_message_unref(m);
	return fd;
}

static void a_proof_holds_entry_path_and_checkpoint(void **state)
{
	struct client *c = client_new((uid_t)-1);
	_cleanup_fd_ int fd = fd_of(client_call(c, proof_of("1")));
	_cleanup_json_ json_t *j = NULL;

	(void)state;
	assert_string_equal(bed.last_action, "org.vitaled1.audit.read");
	assert_int_equal(json_read_fd(fd, LIMIT_JSON_FD, &j), 0);
	assert_int_equal(json_integer_value(json_object_get(j, "index")), 1);
	assert_string_equal(json_get_str(j, "entry"), "{\"sequence\":1}");
	assert_int_equal(json_array_size(json_object_get(j, "path")), 2);
	assert_string_equal(json_get_str(j, "checkpoint"), "origin\n3\nroot\n");
	assert_string_equal(json_get_str(j, "vkey"), "origin+00000000+AQ==");
	for (const char *const *bad = (const char *const[]){"", "3", "01", "-1", "1 ", "x",
		     "99999999999999999999", NULL};
		*bad; bad++)
		assert_string_equal(
			error_of(client_call(c, proof_of(*bad))), "InvalidArgument");
}

static void of_a_pruned_entry_its_leaf_is_proven(void **state)
{
	struct client *c = client_new((uid_t)-1);
	_cleanup_fd_ int fd = fd_of(client_call(c, proof_of("0")));
	_cleanup_json_ json_t *j = NULL;

	(void)state;
	assert_int_equal(json_read_fd(fd, LIMIT_JSON_FD, &j), 0);
	assert_true(json_is_null(json_object_get(j, "entry")));
	assert_string_equal(
		json_get_str(j, "leaf"), "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
	assert_int_equal(json_array_size(json_object_get(j, "path")), 2);
}

static DBusMessage *consistency_of(const char *old)
{
	return method(ROOT, MANAGER, "GetAuditConsistency", DBUS_TYPE_STRING, &old,
		DBUS_TYPE_INVALID);
}

static void a_proof_of_consistency_ends_at_the_newest_checkpoint(void **state)
{
	struct client *c = client_new((uid_t)-1);
	_cleanup_json_ json_t *j = NULL;
	_cleanup_fd_ int fd = -1;

	(void)state;
	assert_string_equal(
		error_of(client_call(c, method(ROOT, MANAGER, "GetCheckpoint", 0))), "");
	fakes.size += 5; /* behind the checkpoint: not told */
	fd = fd_of(client_call(c, consistency_of("2")));
	assert_int_equal(json_read_fd(fd, LIMIT_JSON_FD, &j), 0);
	assert_int_equal(json_integer_value(json_object_get(j, "old")), 2);
	assert_int_equal(json_integer_value(json_object_get(j, "size")), 3);
	assert_int_equal(json_array_size(json_object_get(j, "path")), 2);
	assert_string_equal(json_get_str(j, "checkpoint"), "origin\n3\nroot\n");
	assert_string_equal(json_get_str(j, "vkey"), "origin+00000000+AQ==");
	assert_int_equal(fakes.n_checkpoints, 1);
	assert_int_equal(fakes.n_appended, 0);
	for (const char *const *bad = (const char *const[]){"", "4", "01", "-1", "2 ",
		     "origin\n2\nroot\n", "99999999999999999999", NULL};
		*bad; bad++)
		assert_string_equal(
			error_of(client_call(c, consistency_of(*bad))), "InvalidArgument");
	fakes.consistency_result = -EBADMSG;
	assert_string_equal(error_of(client_call(c, consistency_of("2"))), "Failed");
}

static void says(struct client *c, const char *expected)
{
	DBusMessage *m =
		client_call(c, method(ROOT, DBUS_INTERFACE_PROPERTIES, "Get", DBUS_TYPE_STRING,
				       &(const char *){MANAGER}, DBUS_TYPE_STRING,
				       &(const char *){"Checkpoint"}, DBUS_TYPE_INVALID));
	const char *text = NULL;
	DBusMessageIter it, value;

	assert_true(m && dbus_message_iter_init(m, &it));
	dbus_message_iter_recurse(&it, &value);
	dbus_message_iter_get_basic(&value, &text);
	assert_string_equal(text, expected);
	dbus_message_unref(m);
}

static void a_checkpoint_that_anybody_has_made_is_told_to_all(void **state)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(64);
	struct client *c = client_new((uid_t)-1);
	DBusMessage *m;

	(void)state;
	dbus_bus_add_match(c->c, "type='signal',sender='org.vitaled1'", NULL);
	dbus_connection_flush(c->c);
	says(c, "origin\n0\nroot\n");
	client_clear(c);
	assert_int_equal(audit_checkpoint(NULL, &note), 0);
	m = client_take(c, "PropertiesChanged");
	assert_non_null(m);
	dbus_message_unref(m);
	says(c, "origin\n3\nroot\n");
}

static void an_export_is_recorded_first_and_cannot_be_written(void **state)
{
	struct client *c = client_new((uid_t)-1);
	_cleanup_fd_ int fd = fd_of(client_call(c, export_message(NULL)));
	char text[8] = "";

	(void)state;
	assert_string_equal(bed.last_action, "org.vitaled1.audit.read");
	assert_int_equal(fakes.last_event, AUDIT_EVENT_EXPORT);
	assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(read(fd, text, sizeof(text)), 2);
	assert_string_equal(text, "{}");
	assert_string_equal(
		error_of(client_call(c, export_message("format"))), "InvalidArgument");
	fakes.append_result = AUDIT_UNAVAILABLE;
	assert_string_equal(error_of(client_call(c, export_message(NULL))), "AuditUnavailable");
	bed.polkit = BED_POLKIT_NO;
	assert_string_equal(error_of(client_call(c, export_message(NULL))), "AccessDenied");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(a_checkpoint_is_made_anew_only_when_the_record_grew),
		T(a_proof_holds_entry_path_and_checkpoint),
		T(of_a_pruned_entry_its_leaf_is_proven),
		T(a_proof_of_consistency_ends_at_the_newest_checkpoint),
		T(a_checkpoint_that_anybody_has_made_is_told_to_all),
		T(an_export_is_recorded_first_and_cannot_be_written),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
