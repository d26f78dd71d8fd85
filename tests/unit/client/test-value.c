/* SPDX-License-Identifier: EUPL-1.2 */
/* D-Bus values as JSON, and the values that are sent. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/value.h"

static DBusMessage *message(void)
{
	DBusMessage *m = dbus_message_new_signal("/a", "b.c", "D");

	assert_non_null(m);
	return m;
}

static void assert_args(DBusMessage *m, const char *expected)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	json_t *j = NULL;
	char *s;

	assert_int_equal(value_args(m, &j), 0);
	assert_int_equal(json_canonical(j, &text), 0);
	s = buf_take_str(&text);
	assert_string_equal(s, expected);
	free(s);
	json_decref(j);
	dbus_message_unref(m);
}

static void basic_values_keep_their_kind(void **state _unused_)
{
	const char *s = "x";
	const char *o = "/p";
	uint8_t y = 255;
	dbus_bool_t b = TRUE;
	dbus_int16_t n = -2;
	dbus_uint16_t q = 65535;
	dbus_int32_t i = -3;
	dbus_uint32_t u = 4294967295U;
	dbus_int64_t x = -4;
	dbus_uint64_t t = 1700000000000000ULL;
	dbus_uint64_t far = UINT64_MAX;
	DBusMessage *m = message();

	assert_true(dbus_message_append_args(m, DBUS_TYPE_STRING, &s, DBUS_TYPE_OBJECT_PATH, &o,
		DBUS_TYPE_BYTE, &y, DBUS_TYPE_BOOLEAN, &b, DBUS_TYPE_INT16, &n,
		DBUS_TYPE_UINT16, &q, DBUS_TYPE_INT32, &i, DBUS_TYPE_UINT32, &u,
		DBUS_TYPE_INT64, &x, DBUS_TYPE_UINT64, &t, DBUS_TYPE_UINT64, &far,
		DBUS_TYPE_INVALID));
	assert_args(m, "[\"x\",\"/p\",255,true,-2,65535,-3,4294967295,-4,1700000000000000,"
		       "9223372036854775807]");
	assert_args(message(), "[]");
}

static void what_is_sent_reads_back(void **state _unused_)
{
	DBusMessage *m = message();
	DBusMessageIter args;
	DBusMessageIter dict;
	int fds[2] = {-1, -1};
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	dbus_message_iter_init_append(m, &args);
	assert_true(value_open_dict(&args, &dict));
	assert_true(value_put_str(&dict, "mode", "normal"));
	assert_true(value_put_u32(&dict, "lifetime", 60));
	assert_true(value_put_bool(&dict, "wait", true));
	assert_true(value_put_list(&dict, "intent", "consult,feed"));
	assert_true(value_put_name(&dict, "application", "a", "1"));
	assert_true(value_put_fd(&dict, "patient", fd));
	assert_true(dbus_message_iter_close_container(&args, &dict));
	assert_true(value_append_list(&args, ""));
	assert_true(value_append_list(&args, "one"));
	assert_string_equal(dbus_message_get_signature(m), "a{sv}asas");
	assert_int_equal(value_fds(m, 1, fds), VALUE_STRANGE); /* not among the arguments */
	close(fd);
	assert_args(m,
		"[{\"application\":{\"name\":\"a\",\"version\":\"1\"},\"intent\":[\"consult\","
		"\"feed\"],\"lifetime\":60,\"mode\":\"normal\",\"patient\":null,\"wait\":true},"
		"[],[\"one\"]]");
}

static void bytes_are_hexadecimal_and_structs_are_arrays(void **state _unused_)
{
	const uint8_t atr[] = {0x3B, 0x75, 0x13};
	const uint8_t *p = atr;
	DBusMessage *m = message();
	DBusMessageIter it;
	DBusMessageIter a;
	DBusMessageIter e;
	const char *s = "pin";
	dbus_uint32_t key = 7;

	assert_true(dbus_message_append_args(m, DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &p, 3,
		DBUS_TYPE_ARRAY, DBUS_TYPE_BYTE, &p, 0, DBUS_TYPE_INVALID));
	dbus_message_iter_init_append(m, &it);
	assert_true(dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "(ss)", &a));
	assert_true(dbus_message_iter_open_container(&a, DBUS_TYPE_STRUCT, NULL, &e));
	assert_true(dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &s));
	assert_true(dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &s));
	assert_true(dbus_message_iter_close_container(&a, &e));
	assert_true(dbus_message_iter_close_container(&it, &a));
	/* a key that is a number becomes its digits */
	assert_true(dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{us}", &a));
	assert_true(dbus_message_iter_open_container(&a, DBUS_TYPE_DICT_ENTRY, NULL, &e));
	assert_true(dbus_message_iter_append_basic(&e, DBUS_TYPE_UINT32, &key));
	assert_true(dbus_message_iter_append_basic(&e, DBUS_TYPE_STRING, &s));
	assert_true(dbus_message_iter_close_container(&a, &e));
	assert_true(dbus_message_iter_close_container(&it, &a));
	assert_args(m, "[\"3b7513\",\"\",[[\"pin\",\"pin\"]],{\"7\":\"pin\"}]");
}

static void reals_and_deep_nesting_are_strange(void **state _unused_)
{
	DBusMessage *m = message();
	DBusMessageIter at[VALUE_DEPTH + 2];
	char signature[VALUE_DEPTH + 2];
	double d = 1.5;
	json_t *j = NULL;

	assert_true(dbus_message_append_args(m, DBUS_TYPE_DOUBLE, &d, DBUS_TYPE_INVALID));
	assert_int_equal(value_args(m, &j), VALUE_STRANGE);
	dbus_message_unref(m);
	m = message();
	dbus_message_iter_init_append(m, &at[0]);
	for (size_t i = 0; i <= VALUE_DEPTH; i++) {
		size_t n = VALUE_DEPTH - i;

		for (size_t k = 0; k < n; k++) {
			signature[k] = 'a';
		}
		signature[n] = 's';
		signature[n + 1] = '\0';
		assert_true(dbus_message_iter_open_container(
			&at[i], DBUS_TYPE_ARRAY, signature, &at[i + 1]));
	}
	for (size_t i = VALUE_DEPTH + 1; i > 0; i--) {
		assert_true(dbus_message_iter_close_container(&at[i - 1], &at[i]));
	}
	assert_int_equal(value_args(m, &j), VALUE_STRANGE);
	assert_null(j);
	dbus_message_unref(m);
}

static void descriptors_are_taken_only_when_the_number_fits(void **state _unused_)
{
	DBusMessage *m = message();
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int got[2] = {-1, -1};

	assert_true(dbus_message_append_args(
		m, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID));
	close(fd);
	assert_int_equal(value_fds(m, 1, got), VALUE_STRANGE);
	assert_int_equal(got[0], -1);
	assert_int_equal(value_fds(m, 3, got), VALUE_STRANGE);
	assert_int_equal(value_fds(m, 2, got), 0);
	assert_true(got[0] >= 0 && got[1] >= 0 && got[0] != got[1]);
	close(got[0]);
	close(got[1]);
	assert_args(m, "[null,null]");
}

static void a_descriptor_of_a_dictionary_is_taken_by_its_name(void **state _unused_)
{
	DBusMessage *m = message();
	DBusMessageIter args;
	DBusMessageIter dict;
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int got = -1;

	assert_int_equal(value_dict_fd(m, "code", &got), VALUE_STRANGE); /* no arguments */
	dbus_message_iter_init_append(m, &args);
	assert_true(value_open_dict(&args, &dict) && value_put_str(&dict, "text", "x") &&
		    value_put_fd(&dict, "code", fd) && value_put_u32(&dict, "until", 7) &&
		    dbus_message_iter_close_container(&args, &dict));
	close(fd);
	assert_int_equal(value_dict_fd(m, "text", &got), VALUE_STRANGE);
	assert_int_equal(value_dict_fd(m, "other", &got), VALUE_STRANGE);
	assert_int_equal(got, -1);
	assert_int_equal(value_dict_fd(m, "code", &got), 0);
	assert_true(got >= 0 && fcntl(got, F_GETFD) == FD_CLOEXEC);
	close(got);
	assert_args(m, "[{\"code\":null,\"text\":\"x\",\"until\":7}]");
	m = message();
	dbus_message_iter_init_append(m, &args);
	assert_true(value_append_list(&args, "a,b"));
	assert_int_equal(value_dict_fd(m, "code", &got), VALUE_STRANGE); /* no dictionary */
	dbus_message_unref(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(basic_values_keep_their_kind),
		cmocka_unit_test(what_is_sent_reads_back),
		cmocka_unit_test(bytes_are_hexadecimal_and_structs_are_arrays),
		cmocka_unit_test(reals_and_deep_nesting_are_strange),
		cmocka_unit_test(descriptors_are_taken_only_when_the_number_fits),
		cmocka_unit_test(a_descriptor_of_a_dictionary_is_taken_by_its_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
