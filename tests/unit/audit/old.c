/* SPDX-License-Identifier: EUPL-1.2 */
/* A record of two years. */
#include "tests/unit/audit/old.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <sqlite3.h>

#include "daemon/audit/state.h"

int old_setup(void **state)
{
	int r = scene_setup(state);

	scene_wall = OLD;
	scene_boot = 1000000;
	return r;
}

/* The clocks go on. */
void old_later(uint64_t usec)
{
	scene_wall += usec;
	scene_boot += usec;
}

void old_checkpoint(struct audit *a)
{
	struct buf note = BUF_NULL(4096);

	assert_int_equal(audit_checkpoint(a, &note), 0);
	buf_done(&note);
}

/* @n entries, one a minute, then ten that are a year younger. */
struct audit *old_two_years(unsigned int n)
{
	struct audit *a = scene_open();

	for (unsigned int i = 0; i < n; i++) {
		scene_fill(a, 1);
		old_later(MIN_);
	}
	old_later(366 * DAY);
	scene_fill(a, 10);
	return a;
}

/* All steps of one run. */
void old_prune(struct audit *a, uint64_t before)
{
	bool more = true;

	while (more)
		assert_int_equal(audit_prune(a, before, &more), 0);
}

uint64_t old_count(struct audit *a, const char *sql)
{
	sqlite3_stmt *st = NULL;
	uint64_t n;

	assert_int_equal(sqlite3_prepare_v2(a->store.db, sql, -1, &st, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(st), SQLITE_ROW);
	n = (uint64_t)sqlite3_column_int64(st, 0);
	sqlite3_finalize(st);
	return n;
}

void old_is_whole(struct audit *a)
{
	uint64_t bad = UINT64_MAX;

	assert_int_equal(audit_verify(a, &bad), 0);
}
