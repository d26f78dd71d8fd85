/* SPDX-License-Identifier: EUPL-1.2 */
/* The folder, the clocks and the hand that tampers. */
#include "tests/unit/audit/scene.h"

#include "base/clock.h"
#include "daemon/audit/state.h"
#include "tests/unit/record/forge.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char scene_folder[32];
uint64_t scene_wall, scene_boot;
const char *scene_boot_id;

uint64_t __real_clock_wall(void);
uint64_t __real_clock_boottime(void);
int __real_clock_boot_id(char ret_id[33]);
uint64_t __wrap_clock_wall(void);
uint64_t __wrap_clock_boottime(void);
int __wrap_clock_boot_id(char ret_id[33]);

uint64_t __wrap_clock_wall(void)
{
	return scene_wall ? scene_wall : __real_clock_wall();
}

uint64_t __wrap_clock_boottime(void)
{
	return scene_wall ? scene_boot : __real_clock_boottime();
}

int __wrap_clock_boot_id(char ret_id[33])
{
	return scene_boot_id ? view_copy_str(view_str(scene_boot_id), ret_id, 33)
			     : __real_clock_boot_id(ret_id);
}

int scene_setup(void **state)
{
	(void)state;
	scene_wall = 0;
	scene_boot_id = NULL;
	forge_folder(scene_folder);
	return 0;
}

int scene_teardown(void **state)
{
	(void)state;
	forge_remove(scene_folder);
	return 0;
}

struct audit *scene_open(void)
{
	struct audit *a = NULL;

	assert_int_equal(audit_open(scene_folder, SCENE_ORIGIN, VIEW_NULL, &a), 0);
	return a;
}

int scene_open_result(void)
{
	struct audit *a = NULL;
	int r = audit_open(scene_folder, SCENE_ORIGIN, VIEW_NULL, &a);

	assert_true((r == 0) == (a != NULL));
	audit_free(a);
	return r;
}

int scene_append(struct audit *a, const char *pseudonym)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_DOCUMENT_READ;
	e.session = "session/1@0011";
	e.outcome = "ok";
	e.caller_uid = 1000;
	e.pseudonym = pseudonym;
	return audit_append(a, &e, NULL);
}

void scene_fill(struct audit *a, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		assert_int_equal(scene_append(a, i % 3 == 0   ? SCENE_PERSON
						 : i % 3 == 1 ? SCENE_OTHER
							      : NULL),
			0);
}

void scene_path(char path[64], const char *name)
{
	assert_true(snprintf(path, 64, "%s/%s", scene_folder, name) < 64);
}

void scene_sql(const char *sql)
{
	sqlite3 *db = NULL;
	char path[64];

	scene_path(path, "audit.sqlite");
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void scene_sql_inside(struct audit *a, const char *sql)
{
	assert_int_equal(sqlite3_exec(a->store.db, sql, NULL, NULL, NULL), SQLITE_OK);
}

char *scene_entry(struct audit *a, uint64_t index)
{
	struct buf entry = BUF_NULL(65536), path = BUF_NULL(4096);
	uint8_t leaf[MERKLE_HASH], root[MERKLE_HASH];
	uint64_t size;

	audit_head(a, &size, root);
	assert_int_equal(audit_proof(a, index, &entry, &path), 0);
	assert_int_equal(merkle_leaf_hash(buf_view(&entry), leaf), 0);
	assert_int_equal(merkle_check(index, size, leaf, buf_view(&path), root), 0);
	buf_done(&path);
	return buf_take_str(&entry);
}

uint64_t scene_size(const struct audit *a)
{
	uint8_t root[MERKLE_HASH];
	uint64_t size;

	audit_head(a, &size, root);
	return size;
}
