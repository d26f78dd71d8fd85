/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What needs no bus: tables, agents' rank, dictionaries, descriptors, names of errors. With
 * --introspect it prints what introspection says of every interface, for test_xml.py.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/bus/agents.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/objects.h"
#include "tests/unit/bus/fakes.h"

static const struct interface *const ours[] = {&interface_manager, &interface_reader,
	&interface_card, &interface_session, &interface_lease, &interface_dossier, NULL};

static const struct interface *const standard[] = {&interface_properties,
	&interface_introspectable, &interface_peer, &interface_object_manager, NULL};

/* -- tables -- */

static size_t words(const char *text)
{
	size_t n = *text ? 1 : 0;

	for (; *text; text++)
		n += *text == ' ' ? 1 : 0;
	return n;
}

static size_t complete_types(const char *signature)
{
	DBusSignatureIter it;
	size_t n = 1;

	assert_true(dbus_signature_validate(signature, NULL));
	if (!*signature)
		return 0;
	dbus_signature_iter_init(&it, signature);
	while (dbus_signature_iter_next(&it))
		n++;
	return n;
}

static void every_signature_is_one_and_every_argument_has_a_name(void **state)
{
	const struct interface *const *lists[] = {ours, standard};

	(void)state;
	for (size_t l = 0; l < ARRAY_LEN(lists); l++)
		for (const struct interface *const *i = lists[l]; *i; i++) {
			for (size_t k = 0; k < (*i)->n_methods; k++) {
				const struct method *m = &(*i)->methods[k];

				assert_int_equal(words(m->args),
					complete_types(m->in) + complete_types(m->out));
				assert_non_null(m->fn);
			}
			for (size_t k = 0; k < (*i)->n_properties; k++)
				assert_true(dbus_signature_validate_single(
					(*i)->properties[k].type, NULL));
			for (size_t k = 0; k < (*i)->n_signals; k++)
				assert_int_equal(words((*i)->signals[k].names),
					complete_types((*i)->signals[k].args));
		}
}

static void the_properties_of_an_object_fit_its_fingerprints(void **state)
{
	const enum object_kind kinds[] = {
		OBJECT_ROOT, OBJECT_READER, OBJECT_CARD, OBJECT_SESSION, OBJECT_LEASE};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct object o = {.kind = kinds[i]};
		size_t n = 0;

		for (const struct interface *const *list = object_interfaces(&o, true); *list;
			list++)
			n += (*list)->n_properties;
		assert_in_range(n, 1, OBJECT_PROPERTIES);
	}
}

static void members_are_found_by_name(void **state)
{
	(void)state;
	assert_non_null(table_method(&interface_session, "Choose"));
	assert_null(table_method(&interface_session, "choose"));
	assert_non_null(table_property(&interface_card, "Atr"));
	assert_null(table_property(&interface_card, "Serial"));
}

static void every_call_on_a_dossier_takes_from_its_bucket_and_asks_no_polkit(void **state)
{
	(void)state;
	assert_true(interface_dossier.n_methods >= 16);
	for (size_t i = 0; i < interface_dossier.n_methods; i++) {
		assert_int_equal(interface_dossier.methods[i].flags, METHOD_DOSSIER);
		assert_null(interface_dossier.methods[i].action);
	}
}

/* -- who is asked -- */

static void the_rank_follows_configuration_uid_and_connection(void **state)
{
	static const struct {
		unsigned int held;
		uid_t uid;
		const char *name;
		unsigned int wanted;
		const char *pair;
		enum agent_rank_word rank;
	} rows[] = {
		{AGENT_PIN, 1000, ":1.2", AGENT_PIN, "default", AGENT_RANK_OWN},
		{AGENT_PIN, 1000, ":1.1", AGENT_PIN, "default", AGENT_RANK_NONE},
		{AGENT_PIN, 1001, ":1.2", AGENT_PIN, "default", AGENT_RANK_NONE},
		{AGENT_PIN, 990, ":1.2", AGENT_PIN, "default", AGENT_RANK_CONFIGURED},
		{AGENT_PIN, 990, ":1.1", AGENT_PIN, "default", AGENT_RANK_NONE},
		{AGENT_PIN, 1000, ":1.2", AGENT_PROFESSIONAL, "default", AGENT_RANK_NONE},
		{AGENT_PROFESSIONAL, 990, ":1.2", AGENT_PROFESSIONAL, "default",
			AGENT_RANK_NONE},
		{AGENT_PROFESSIONAL, 1000, ":1.2", AGENT_PROFESSIONAL, "default",
			AGENT_RANK_CONFIGURED_OWN},
		{AGENT_PATIENT_DISPLAY, 991, ":1.2", AGENT_PATIENT_DISPLAY, "counter",
			AGENT_RANK_CONFIGURED},
		{AGENT_PATIENT_DISPLAY, 991, ":1.2", AGENT_PATIENT_DISPLAY, "default",
			AGENT_RANK_NONE},
		{AGENT_PATIENT_DISPLAY, 1000, ":1.2", AGENT_PATIENT_DISPLAY, "counter",
			AGENT_RANK_NONE},
	};
	static struct config config = {
		.agents = {{.capability = "pin", .uid = 990},
			{.capability = "professional", .uid = 1000},
			{.capability = "patient-display", .pair = "counter", .uid = 991}},
		.n_agents = 3,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct agent_facts a = {
			.capabilities = rows[i].held, .uid = rows[i].uid, .name = rows[i].name};

		assert_int_equal(
			agents_rank(&config, &a, rows[i].wanted, rows[i].pair, ":1.1", 1000),
			rows[i].rank);
	}
}

static void an_agent_with_a_pair_serves_that_pair_alone(void **state)
{
	static const struct {
		uid_t uid;
		unsigned int wanted;
		const char *pair;
		enum agent_rank_word rank;
	} rows[] = {
		{990, AGENT_PIN, "one", AGENT_RANK_CONFIGURED},
		{990, AGENT_PIN, "two", AGENT_RANK_NONE},
		{990, AGENT_PIN, "", AGENT_RANK_NONE}, /* a reader of no pair */
		{990, AGENT_PIN, NULL, AGENT_RANK_CONFIGURED},
		{990, AGENT_PROFESSIONAL, "one", AGENT_RANK_CONFIGURED},
		{990, AGENT_PROFESSIONAL, "two", AGENT_RANK_CONFIGURED},
		{990, AGENT_PROFESSIONAL, "three", AGENT_RANK_NONE},
		{1000, AGENT_PIN, "one",
			AGENT_RANK_NONE}, /* their own sessions, but not here */
		{1000, AGENT_PIN, "two", AGENT_RANK_CONFIGURED_OWN},
		{991, AGENT_PIN, "one", AGENT_RANK_CONFIGURED},
		{991, AGENT_PIN, "two", AGENT_RANK_CONFIGURED},
		{991, AGENT_PIN, "", AGENT_RANK_CONFIGURED},
	};
	static struct config config = {
		.agents = {{.capability = "pin", .pair = "one", .uid = 990},
			{.capability = "professional", .pair = "one", .uid = 990},
			{.capability = "professional", .pair = "two", .uid = 990},
			{.capability = "pin", .pair = "two", .uid = 1000},
			{.capability = "pin", .uid = 991}},
		.n_agents = 5,
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct agent_facts a = {.capabilities = AGENT_PIN | AGENT_PROFESSIONAL,
			.uid = rows[i].uid,
			.name = ":1.2"};

		assert_int_equal(
			agents_rank(&config, &a, rows[i].wanted, rows[i].pair, ":1.1", 1000),
			rows[i].rank);
	}
	assert_true(agents_may_hold(&config, AGENT_PIN, 990));
	assert_true(agents_may_hold(&config, AGENT_PIN, 1000));
	assert_false(agents_may_hold(&config, AGENT_PIN, 992));
}

static void a_capability_with_rows_is_for_their_users_only(void **state)
{
	static struct config config = {
		.agents = {{.capability = "pin", .uid = 990},
			{.capability = "patient-display", .pair = "counter", .uid = 991}},
		.n_agents = 2,
	};

	(void)state;
	assert_true(agents_may_hold(&config, AGENT_PIN, 990));
	assert_false(agents_may_hold(&config, AGENT_PIN, 1000));
	assert_true(agents_may_hold(&config, AGENT_PROFESSIONAL, 1000));
	assert_true(agents_may_hold(&config, AGENT_PATIENT_DISPLAY, 991));
	assert_false(agents_may_hold(&config, AGENT_PATIENT_DISPLAY, 1000));
	config.n_agents = 0;
	assert_true(agents_may_hold(&config, AGENT_PIN, 1000));
	assert_false(agents_may_hold(&config, AGENT_PATIENT_DISPLAY, 991));
	assert_int_equal(agents_capability("keyboard"), 0);
	assert_string_equal(agents_capability_word(2), "patient-display");
}

/* -- dictionaries -- */

static int accept(void *user, DBusMessageIter *value)
{
	(void)value;
	++*(int *)user;
	return 0;
}

static int refuse(void *user, DBusMessageIter *value)
{
	(void)user;
	(void)value;
	return WIRE_INVALID;
}

static int break_off(void *user, DBusMessageIter *value)
{
	(void)user;
	(void)value;
	return fault(-EIO);
}

static DBusMessage *dictionary(const char *a, const char *b, DBusMessageIter *ret_it)
{
	struct wire w, d;
	DBusMessage *m;

	wire_signal(&w, BUS_ROOT, BUS_NAME, "Test");
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &d);
	if (a)
		wire_sv_str(&d, a, "x");
	if (b)
		wire_sv_str(&d, b, "x");
	wire_close(&w, &d);
	m = wire_take(&w);
	assert_non_null(m);
	assert_true(dbus_message_iter_init(m, ret_it));
	return m;
}

static void a_dictionary_is_read_by_its_table_and_nothing_else(void **state)
{
	static const struct wire_option table[] = {
		{"good", "s", accept},
		{"bad", "s", refuse},
		{"broken", "s", break_off},
		{"number", "u", accept},
	};

	static const struct {
		const char *a;
		const char *b;
		int r;
		int seen;
		const char *bad;
	} rows[] = {
		{NULL, NULL, 0, 0, NULL},
		{"good", NULL, 0, 1, NULL},
		{"good", "good", WIRE_INVALID, 1, "good"},
		{"good", "other", WIRE_INVALID, 1, "other"},
		{"bad", NULL, WIRE_INVALID, 0, "bad"},
		{"broken", NULL, -EIO, 0, "broken"},
		{"number", NULL, WIRE_INVALID, 0, "number"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const char *bad = NULL;
		DBusMessageIter it;
		DBusMessage *m = dictionary(rows[i].a, rows[i].b, &it);
		int seen = 0;

		assert_int_equal(
			wire_options(&it, table, ARRAY_LEN(table), &seen, &bad), rows[i].r);
		assert_int_equal(seen, rows[i].seen);
		if (rows[i].bad)
			assert_string_equal(bad, rows[i].bad);
		dbus_message_unref(m);
	}
}

static void a_filter_becomes_json(void **state)
{
	static const struct wire_option table[] = {{"s", "s", NULL}, {"b", "b", NULL},
		{"u", "u", NULL}, {"t", "t", NULL}, {"y", "y", NULL}};
	_cleanup_json_ json_t *j = NULL;
	_cleanup_json_ json_t *want =
		json_pack("{s:s,s:b,s:i,s:i}", "s", "text", "b", 1, "u", 7, "t", 9);
	const char *bad = NULL;
	DBusMessageIter it;
	struct wire w, d;
	DBusMessage *m;

	(void)state;
	wire_signal(&w, BUS_ROOT, BUS_NAME, "Test");
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &d);
	wire_sv_str(&d, "s", "text");
	wire_sv_bool(&d, "b", true);
	wire_sv_u32(&d, "u", 7);
	wire_sv_u64(&d, "t", 9);
	wire_close(&w, &d);
	m = wire_take(&w);
	assert_true(dbus_message_iter_init(m, &it));
	assert_int_equal(wire_filter(&it, table, ARRAY_LEN(table), &j, &bad), 0);
	assert_true(json_equal(j, want));
	dbus_message_unref(m);

	for (int i = 0; i < 2; i++) {
		wire_signal(&w, BUS_ROOT, BUS_NAME, "Test");
		wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &d);
		if (i == 0)
			wire_sv_u64(&d, "t", UINT64_MAX);
		else
			wire_sv_u8(&d, "y", 1);
		wire_close(&w, &d);
		m = wire_take(&w);
		assert_true(dbus_message_iter_init(m, &it));
		assert_int_equal(
			wire_filter(&it, table, ARRAY_LEN(table), &want, &bad), WIRE_INVALID);
		dbus_message_unref(m);
	}
}

static void what_failed_is_not_sent(void **state)
{
	struct wire w, sub, e, v;

	(void)state;
	wire_signal(&w, BUS_ROOT, BUS_NAME, "Test");
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &sub);
	wire_entry(&sub, "key", "s", &e, &v);
	wire_str(&v, NULL);
	v.ok = false; /* as after a failed append */
	wire_entry_close(&sub, &e, &v);
	wire_close(&w, &sub);
	assert_false(w.ok);
	wire_u8(&w, 1);
	wire_open(&w, DBUS_TYPE_ARRAY, "s", &sub);
	wire_close(&w, &sub);
	assert_null(wire_take(&w));
	assert_null(w.m);
	wire_done(&w);
}

/* -- descriptors -- */

static void only_a_pipes_reading_end_is_one(void **state)
{
	int ends[2], null = open("/dev/null", O_RDONLY | O_CLOEXEC), only_path;
	char path[32];

	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_true(fd_is_pipe_reader(ends[0]));
	assert_false(fd_is_pipe_reader(ends[1]));
	assert_false(fd_is_pipe_reader(null));
	assert_false(fd_is_pipe_reader(-1));
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", ends[0]);
	only_path = open(path, O_PATH | O_CLOEXEC); /* names it, cannot read it */
	assert_true(only_path >= 0);
	assert_false(fd_is_pipe_reader(only_path));
	fd_close(&only_path);
	fd_close(&ends[0]);
	fd_close(&ends[1]);
	fd_close(&null);
	assert_int_equal(null, -1);
	fd_close(&null);
}

static void only_a_sealed_memfd_is_one(void **state)
{
	_cleanup_json_ json_t *j = json_pack("{s:s}", "a", "b");
	_cleanup_fd_ int sealed = -1;
	_cleanup_fd_ int open_one = memfd_create("open", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ends[2];

	(void)state;
	assert_int_equal(json_memfd(j, "sealed", &sealed), 0);
	assert_true(fd_is_sealed_memfd(sealed, 100));
	assert_false(fd_is_sealed_memfd(sealed, 2));
	assert_false(fd_is_sealed_memfd(open_one, 100));
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	assert_false(fd_is_sealed_memfd(ends[0], 100));
	fd_close(&ends[0]);
	fd_close(&ends[1]);
}

static void a_scratch_file_is_handed_out_for_reading_only(void **state)
{
	_cleanup_fd_ int w = -1;
	_cleanup_fd_ int r = -1;
	char text[4] = "";

	(void)state;
	assert_int_equal(fd_scratch("/tmp", &w, &r), 0);
	assert_int_equal(write(w, "abc", 3), 3);
	assert_int_equal(read(r, text, 3), 3);
	assert_string_equal(text, "abc");
	assert_int_equal(write(r, "x", 1), -1);
	assert_true(fd_scratch("/nowhere/at/all", &w, &r) < 0);
}

/* -- errors -- */

static void outcomes_have_their_names_and_unknown_ones_are_failed(void **state)
{
	(void)state;
	assert_int_equal(errors_of_open(SESSION_OPEN_LIMIT), VITALED_REASON_LIMITS_EXCEEDED);
	assert_int_equal(errors_of_open(SESSION_OPEN_AUDIT), VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_int_equal(errors_of_open(99), VITALED_REASON_FAILED);
	assert_int_equal(errors_of_choose(SESSION_CHOOSE_STATE), VITALED_REASON_WRONG_STATE);
	assert_int_equal(
		errors_of_choose(SESSION_CHOOSE_RANGE), VITALED_REASON_INVALID_ARGUMENT);
	assert_int_equal(errors_of_choose(99), VITALED_REASON_FAILED);
	assert_int_equal(errors_of_lease(LEASE_BUSY), VITALED_REASON_BUSY);
	assert_int_equal(errors_of_lease(LEASE_LIMIT), VITALED_REASON_LIMITS_EXCEEDED);
	assert_int_equal(errors_of_lease(LEASE_RANGE), VITALED_REASON_INVALID_ARGUMENT);
	assert_int_equal(errors_of_lease(LEASE_AUDIT), VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_int_equal(errors_of_lease(LEASE_DRIVER), VITALED_REASON_INVALID_ARGUMENT);
	assert_int_equal(errors_of_lease(99), VITALED_REASON_FAILED);
	assert_int_equal(errors_of_pin_job(PIN_JOB_BUSY), VITALED_REASON_BUSY);
	assert_int_equal(errors_of_pin_job(PIN_JOB_KIND_CARD), VITALED_REASON_CARD_UNSUPPORTED);
	assert_int_equal(errors_of_pin_job(PIN_JOB_AUDIT), VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_int_equal(errors_of_pin_job(99), VITALED_REASON_FAILED);
	assert_int_equal(errors_of_reason(VITALED_REASON_PATIENT_CARD_REMOVED),
		VITALED_REASON_CARD_REMOVED);
	assert_int_equal(errors_of_reason(VITALED_REASON_PROFESSIONAL_CARD_REMOVED),
		VITALED_REASON_CARD_REMOVED);
	assert_int_equal(
		errors_of_reason(VITALED_REASON_CARD_REPLACED), VITALED_REASON_CARD_REMOVED);
	assert_int_equal(errors_of_reason(VITALED_REASON_PIN_WRONG), VITALED_REASON_PIN_WRONG);
	assert_int_equal(errors_of_delivery(DBUS_ERROR_NO_REPLY), VITALED_REASON_NO_AGENT);
	assert_int_equal(
		errors_of_delivery(DBUS_ERROR_SERVICE_UNKNOWN), VITALED_REASON_NO_AGENT);
	assert_int_equal(errors_of_delivery(DBUS_ERROR_ACCESS_DENIED), VITALED_REASON_FAILED);
	assert_int_equal(
		errors_of_delivery("org.vitaled1.Error.Cancelled"), VITALED_REASON_FAILED);
	assert_int_equal(errors_of_agent(DBUS_ERROR_NO_REPLY), VITALED_REASON_FAILED);
	assert_int_equal(
		errors_of_agent("org.vitaled1.Error.Cancelled"), VITALED_REASON_CANCELLED);
	assert_int_equal(errors_of_agent("org.example.Odd"), VITALED_REASON_FAILED);
	assert_int_equal(errors_of_agent(NULL), VITALED_REASON_FAILED);
}

static int print_introspection(void)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(1024U * 1024U);

	buf_put_str(&out, "<node>\n");
	table_introspect(ours, &out);
	buf_put_str(&out, "</node>\n");
	return buf_check(&out) == 0 && fwrite(out.data, 1, out.len, stdout) == out.len ? 0 : 1;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_signature_is_one_and_every_argument_has_a_name),
		cmocka_unit_test(the_properties_of_an_object_fit_its_fingerprints),
		cmocka_unit_test(members_are_found_by_name),
		cmocka_unit_test(
			every_call_on_a_dossier_takes_from_its_bucket_and_asks_no_polkit),
		cmocka_unit_test(the_rank_follows_configuration_uid_and_connection),
		cmocka_unit_test(an_agent_with_a_pair_serves_that_pair_alone),
		cmocka_unit_test(a_capability_with_rows_is_for_their_users_only),
		cmocka_unit_test(a_dictionary_is_read_by_its_table_and_nothing_else),
		cmocka_unit_test(a_filter_becomes_json),
		cmocka_unit_test(what_failed_is_not_sent),
		cmocka_unit_test(only_a_pipes_reading_end_is_one),
		cmocka_unit_test(only_a_sealed_memfd_is_one),
		cmocka_unit_test(a_scratch_file_is_handed_out_for_reading_only),
		cmocka_unit_test(outcomes_have_their_names_and_unknown_ones_are_failed),
	};

	if (argc > 1 && strcmp(argv[1], "--introspect") == 0)
		return print_introspection();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
