/* SPDX-License-Identifier: EUPL-1.2 */
/* The token buckets: the pure module, and the calls on the bus that take from them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>
#include <unistd.h>

#include "daemon/bus/bucket.h"
#include "daemon/bus/objects.h"
#include "tests/unit/bus/people.h"

#define START 1000000000ULL
#define MOST  (4U * LIMIT_RECORDS_BURST)

static unsigned int taken(struct buckets *b, uid_t uid, uint64_t now)
{
	unsigned int n = 0;

	while (n <= MOST && bucket_take(b, uid, now))
		n++;
	return n;
}

static void a_full_bucket_holds_a_burst(void **state)
{
	struct buckets b = BUCKETS_RECORDS;

	(void)state;
	assert_int_equal(taken(&b, 1000, START), LIMIT_RECORDS_BURST);
	assert_false(bucket_take(&b, 1000, START + LIMIT_RECORDS_EACH - 1));
	assert_true(bucket_take(&b, 1000, START + LIMIT_RECORDS_EACH));
	assert_false(bucket_take(&b, 1000, START + LIMIT_RECORDS_EACH));
}

static void tokens_come_back_one_by_one_up_to_a_burst(void **state)
{
	struct buckets b = BUCKETS_RECORDS;
	uint64_t now = START;

	(void)state;
	(void)taken(&b, 1000, now);
	assert_int_equal(taken(&b, 1000, now += 3 * LIMIT_RECORDS_EACH), 3);
	assert_int_equal(taken(&b, 1000, now += LIMIT_RECORDS_EACH / 2), 0);
	assert_int_equal(taken(&b, 1000, now += LIMIT_RECORDS_EACH / 2), 1);
	now += 1000 * LIMIT_RECORDS_BURST * LIMIT_RECORDS_EACH;
	assert_int_equal(taken(&b, 1000, now), LIMIT_RECORDS_BURST);
}

static void asking_in_vain_costs_nothing(void **state)
{
	struct buckets b = BUCKETS_RECORDS;

	(void)state;
	(void)taken(&b, 1000, START);
	for (int i = 0; i < 1000; i++)
		assert_false(bucket_take(&b, 1000, START + 1));
	assert_true(bucket_take(&b, 1000, START + LIMIT_RECORDS_EACH));
}

static void one_uid_does_not_take_from_another(void **state)
{
	struct buckets b = BUCKETS_RECORDS;

	(void)state;
	(void)taken(&b, 1000, START);
	assert_int_equal(taken(&b, 0, START), LIMIT_RECORDS_BURST);
	assert_int_equal(taken(&b, (uid_t)-2, START), LIMIT_RECORDS_BURST);
	assert_false(bucket_take(&b, 1000, START));
}

static void past_the_table_the_idlest_is_forgotten(void **state)
{
	struct buckets b = BUCKETS_RECORDS;

	(void)state;
	(void)taken(&b, 5, START);
	for (uid_t uid = 100; uid < 100 + 2 * LIMIT_BUCKET_UIDS; uid++)
		assert_true(bucket_take(&b, uid, START));
	assert_false(bucket_take(&b, 5, START)); /* the busy one was not */
}

static void the_first_second_after_boot_is_like_any_other(void **state)
{
	struct buckets b = BUCKETS_RECORDS;

	(void)state;
	assert_int_equal(taken(&b, 7, 0), LIMIT_RECORDS_BURST);
	assert_int_equal(taken(&b, 7, LIMIT_RECORDS_EACH), 1);
}

/* -- on the bus -- */

static void only_what_makes_entries_is_counted(void **state)
{
	static const struct {
		const struct interface *i;
		const char *member;
		unsigned int flags;
	} rows[] = {
		{&interface_manager, "OpenSession", METHOD_RECORDS},
		{&interface_manager, "RegisterAgent", METHOD_RECORDS},
		{&interface_manager, "ExportAudit", METHOD_RECORDS},
		{&interface_session, "GetReceipt", METHOD_RECORDS},
		{&interface_manager, "UnregisterAgent", 0},
		{&interface_manager, "GetCheckpoint", 0},
		{&interface_dossier, "Read", 0}, /* has its own */
		{&interface_session, "Lock", 0}, /* never refused */
		{&interface_session, "Release", 0},
	};

	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(rows); k++)
		assert_int_equal(
			table_method(rows[k].i, rows[k].member)->flags & METHOD_RECORDS,
			rows[k].flags);
}

/* how many of @m's copies go through before one is refused by the bucket */
static unsigned int passes(struct client *c, DBusMessage *m)
{
	unsigned int n = 0;

	for (; n < MOST; n++) {
		const char *error = error_of(client_call(c, dbus_message_copy(m)));

		if (strcmp(error, "LimitsExceeded") == 0)
			break;
	}
	dbus_message_unref(m);
	return n;
}

static void a_client_in_a_loop_is_stopped_and_others_are_not(void **state)
{
	struct client *c = client_new(OWN);
	struct session *s = opened(c);
	const char *path = "/org/vitaled1/session/1", *format = "json";
	size_t entries;

	(void)state;
	s->state = SESSION_STATE_LOCKED;
	assert_in_range(passes(c, method(path, "org.vitaled1.Session", "GetReceipt",
					  DBUS_TYPE_STRING, &format, DBUS_TYPE_INVALID)),
		LIMIT_RECORDS_BURST - 1, MOST - 1);
	entries = fakes.n_appended;
	assert_string_equal(registered(c, "/a", "pin", NULL), "LimitsExceeded");
	assert_int_equal(fakes.n_appended, entries);
	assert_string_equal(
		error_of(client_call(c, method(path, "org.vitaled1.Session", "Release", 0))),
		"");
	if (geteuid() == 0)
		assert_string_equal(registered(client_new(OTHER_UID), "/a", "pin", NULL), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		cmocka_unit_test(a_full_bucket_holds_a_burst),
		cmocka_unit_test(tokens_come_back_one_by_one_up_to_a_burst),
		cmocka_unit_test(asking_in_vain_costs_nothing),
		cmocka_unit_test(one_uid_does_not_take_from_another),
		cmocka_unit_test(past_the_table_the_idlest_is_forgotten),
		cmocka_unit_test(the_first_second_after_boot_is_like_any_other),
		cmocka_unit_test(only_what_makes_entries_is_counted),
		T(a_client_in_a_loop_is_stopped_and_others_are_not),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
