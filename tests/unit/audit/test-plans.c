/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a question to the record costs does not follow from how much is in it: how SQLite goes about each
 * statement, by its own word (EXPLAIN QUERY PLAN).
 */
#include "tests/unit/audit/scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "daemon/audit/state.h"

/* In the order of the numbers from an end on, and one row of it alone. */
static bool takes_one(enum store_statement which)
{
	return which == STORE_FIRST_ENTRY || which == STORE_LAST_ENTRY ||
	       which == STORE_LAST_CHECKPOINT;
}

/* Whether it answers or changes rows that are there. */
static bool looks(const char *sql)
{
	return strncmp(sql, "SELECT", 6) == 0 || strncmp(sql, "DELETE", 6) == 0 ||
	       strncmp(sql, "UPDATE", 6) == 0;
}

/* @step: a line of a plan: over a table as a whole, or into an order that no index has. */
static bool is_long(const char *step)
{
	return (strncmp(step, "SCAN ", 5) == 0 && !strstr(step, "json_each")) ||
	       strstr(step, "TEMP B-TREE");
}

static unsigned int long_steps(sqlite3 *db, const char *sql)
{
	struct buf text = BUF_NULL(4096);
	sqlite3_stmt *st = NULL;
	unsigned int n = 0;

	buf_printf(&text, "EXPLAIN QUERY PLAN %s", sql);
	buf_put_u8(&text, 0);
	assert_int_equal(
		sqlite3_prepare_v2(db, (const char *)text.data, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW)
		n += is_long((const char *)sqlite3_column_text(st, 3)) ? 1 : 0;
	(void)sqlite3_finalize(st);
	buf_done(&text);
	return n;
}

static void no_statement_walks_over_what_it_does_not_want(void **state)
{
	struct audit *a = scene_open();
	unsigned int n = 0;

	(void)state;
	for (size_t i = 0; i < STORE_STATEMENT_COUNT; i++) {
		const char *sql = sqlite3_sql(a->store.statements[i]);

		if (!looks(sql))
			continue;
		n++;
		if (long_steps(a->store.db, sql) !=
			(takes_one((enum store_statement)i) ? 1U : 0U))
			fail_msg("%s", sql);
	}
	assert_int_equal(n, 14);
	/* and what would is told */
	assert_int_equal(long_steps(a->store.db, "SELECT i FROM entry WHERE e = '{}'"), 1);
	assert_int_equal(
		long_steps(a->store.db, "SELECT size FROM checkpoint ORDER BY note"), 2);
	audit_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(no_statement_walks_over_what_it_does_not_want,
			scene_setup, scene_teardown),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
