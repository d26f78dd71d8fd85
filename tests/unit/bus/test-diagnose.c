/* SPDX-License-Identifier: EUPL-1.2 */
/* Manager.Diagnose: every finding when it is true, and no longer. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/bus/core.h"
#include "daemon/confined.h"
#include "daemon/limits.h"
#include "tests/unit/bus/fakes-feed.h"
#include "tests/unit/bus/people.h"

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"

static void an_agent_of_any_pair_is_one(void **state)
{
	struct client *c = client_new(OWN);

	(void)state;
	configure("pin", "counter", geteuid());
	assert_true(finds(c, "no-agent", "pin"));
	(void)agent_new(OWN, "pin", NULL);
	assert_false(finds(c, "no-agent", "pin"));
	assert_true(finds(c, "no-agent", "professional"));
}

static void diagnose_names_what_is_missing(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_true(finds(c, "no-reader", NULL));
	assert_true(finds(c, "no-agent", "pin"));
	assert_true(finds(c, "no-agent", "professional"));
	assert_false(finds(c, "no-anchors", NULL));
	assert_false(finds(c, "proof-locked", NULL));
	assert_false(finds(c, "audit-unavailable", NULL));
	assert_int_equal(finds(c, "filter-logs", NULL), VITALED_FILTER_LOGS);
	fakes.service = READER_SERVICE_STOPPED;
	fakes.anchors[NATURE_REAL] = 0;
	fakes.config.required[NATURE_REAL] = PROOF_LOCKED;
	fakes.cause = "disk full";
	assert_true(finds(c, "no-reader-service", "stopped"));
	assert_false(finds(c, "no-reader", NULL));
	assert_true(finds(c, "no-anchors", "real"));
	assert_true(finds(c, "proof-locked", "real"));
	assert_true(finds(c, "audit-unavailable", "disk full"));
	fakes.service = READER_SERVICE_ABSENT;
	assert_true(finds(c, "no-reader-service", "absent"));
	fakes.service = READER_SERVICE_RUNNING;
	fakes.readers[0] = (struct card_reader){.id = 1, .driver = "pcsc", .present = true};
	fakes.n_readers = 1;
	assert_false(finds(c, "no-reader", NULL));
}

static void diagnose_tells_each_directive_that_is_not_in_force(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_false(finds(c, "not-confined", NULL));
	bed.bus->rooms.unconfined = UINT32_C(1) << CONFINED_ALL;
	assert_true(finds(c, "not-confined", "all"));
	bed.bus->rooms.unconfined = UINT32_C(1) << CONFINED_USERS | UINT32_C(1)
									    << CONFINED_CORE;
	assert_false(finds(c, "not-confined", "all"));
	assert_true(finds(c, "not-confined", "PrivateUsers"));
	assert_true(finds(c, "not-confined", "LimitCORE"));
	assert_false(finds(c, "not-confined", "NoNewPrivileges"));
}

static void diagnose_tells_where_the_records_key_lies(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_false(finds(c, "record-key-file", NULL));
	bed.bus->rooms.record_key_file = true;
	assert_true(finds(c, "record-key-file", NULL));
}

static void diagnose_tells_the_end_of_anchors_a_month_ahead(void **state)
{
	const uint64_t day = 24 * 3600 * USEC_PER_SEC;
	struct client *c = client_new((uid_t)-1);

	(void)state;
	fakes.anchors_end = fakes.wall = LIMIT_CLOCK_SET + 365 * day;
	fakes.anchors_end += 31 * day;
	assert_false(finds(c, "anchor-expires", NULL));
	assert_false(finds(c, "anchor-expired", NULL));
	fakes.wall += 2 * day;
	assert_true(finds(c, "anchor-expires", "/CN=authority of the tests"));
	assert_true(finds(c, "anchor-expires", "test"));
	assert_false(finds(c, "anchor-expired", NULL));
	fakes.wall += 29 * day;
	assert_true(finds(c, "anchor-expired", "/CN=authority of the tests"));
	assert_false(finds(c, "anchor-expires", NULL));
}

static void diagnose_tells_of_feeders_anchors_what_keeps_feeds_out(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	fakes_feed = (struct fakes_feed){.anchors = 0};
	fakes.wall = LIMIT_CLOCK_SET;
	fakes_feed.end = (struct trust_anchor){
		.nature = NATURE_REAL, .subject = "/CN=feeders", .until = LIMIT_CLOCK_SET + 1};
	assert_false(finds(c, "feeder-anchors", NULL));
	assert_false(finds(c, "feeder-anchor-expired", NULL));
	assert_true(fakes_feed.told);
	fakes.wall++;
	assert_true(finds(c, "feeder-anchor-expired", "/CN=feeders"));
	assert_true(finds(c, "feeder-anchor-expired", "real"));
	fakes_feed.anchors = FEEDERS_BAD;
	fakes_feed.told = false;
	assert_true(finds(c, "feeder-anchors", NULL));
	assert_false(finds(c, "feeder-anchor-expired", NULL));
	fakes_feed.anchors = -EACCES;
	assert_true(finds(c, "feeder-anchors", "/feeder/real/bad.pem"));
	assert_false(fakes_feed.told);
	fakes_feed = (struct fakes_feed){.anchors = 0};
}

static void diagnose_tells_a_clock_that_was_never_set(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	fakes.wall = LIMIT_CLOCK_SET;
	assert_false(finds(c, "clock-unset", NULL));
	fakes.wall = 1; /* 1970: a clock without a battery */
	assert_true(finds(c, "clock-unset", NULL));
}

static void diagnose_tells_a_store_without_room(void **state)
{
	static const char full[] = "/proc"; /* a file system without a single block */
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_int_equal(view_copy_str(view_str("/nonexistent"), fakes.config.state, 256), 0);
	assert_false(finds(c, "store-low", NULL));
	assert_int_equal(view_copy_str(view_str(full), fakes.config.state, 256), 0);
	assert_true(finds(c, "store-low", full));
}

static void diagnose_tells_entries_that_the_log_does_not_take(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_false(finds(c, "outbox-stuck", NULL));
	fakes.outbox = "read-only";
	assert_true(finds(c, "outbox-stuck", "/state/outbox"));
	assert_true(finds(c, "outbox-stuck", "read-only"));
	fakes.outbox = NULL;
	assert_false(finds(c, "record-behind", NULL));
	fakes.behind = 12;
	assert_true(finds(c, "record-behind", "/run/log.socket"));
	fakes.behind = 0;
}

static void diagnose_tells_that_nobody_grants_anything(void **state)
{
	struct client *c = client_new((uid_t)-1);

	(void)state;
	assert_false(finds(c, "no-polkit", NULL));
	bed_polkit_leaves();
	while (bed.bus->polkit[0])
		bed_turn();
	assert_true(finds(c, "no-polkit", NULL)); /* this bus would not start one */
	bed_polkit_comes();
	while (!bed.bus->polkit[0])
		bed_turn();
	assert_false(finds(c, "no-polkit", NULL));
}

static void a_caller_that_leaves_while_the_bus_is_asked_leaves_nothing(void **state)
{
	struct client *c = client_new((uid_t)-1);
	DBusPendingCall *pending;

	(void)state;
	bed_polkit_leaves();
	while (bed.bus->polkit[0])
		bed_turn();
	pending = client_send(c, method(ROOT, MANAGER, "Diagnose", 0));
	dbus_connection_flush(c->c);
	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
	client_free(c);
	turns();
	bed_polkit_comes();
	assert_false(finds(client_new((uid_t)-1), "no-polkit", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(diagnose_names_what_is_missing),
		T(an_agent_of_any_pair_is_one),
		T(diagnose_tells_each_directive_that_is_not_in_force),
		T(diagnose_tells_where_the_records_key_lies),
		T(diagnose_tells_the_end_of_anchors_a_month_ahead),
		T(diagnose_tells_of_feeders_anchors_what_keeps_feeds_out),
		T(diagnose_tells_a_clock_that_was_never_set),
		T(diagnose_tells_a_store_without_room),
		T(diagnose_tells_entries_that_the_log_does_not_take),
		T(diagnose_tells_that_nobody_grants_anything),
		T(a_caller_that_leaves_while_the_bus_is_asked_leaves_nothing),
	};
	int r;

	bed_start(false);
	r = cmocka_run_group_tests(tests, NULL, NULL);
	bed_stop();
	return r;
}
