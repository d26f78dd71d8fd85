/* SPDX-License-Identifier: EUPL-1.2 */
/* What somebody does to the file: at opening it is refused, and verification names the entry. */
#include "tests/unit/audit/scene.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLIP                                                                                   \
	"UPDATE entry SET e = replace(e, '\"outcome\":\"ok\"', '\"outcome\":\"no\"') WHERE i " \
	"= "

static void checkpoint_now(struct audit *a)
{
	struct buf note = BUF_NULL(4096);

	assert_int_equal(audit_checkpoint(a, &note), 0);
	buf_done(&note);
}

/* 20 entries, checkpoints at 0, 8 and 16. */
static struct audit *twenty(void)
{
	struct audit *a = scene_open();

	scene_fill(a, 8);
	checkpoint_now(a);
	scene_fill(a, 8);
	checkpoint_now(a);
	scene_fill(a, 4);
	return a;
}

static void closed_twenty(void)
{
	audit_free(twenty());
}

/* Verification after @sql under the open record. */
static void verify_names(const char *sql, uint64_t expected)
{
	struct audit *a = twenty();
	uint64_t bad = UINT64_MAX;

	assert_int_equal(audit_verify(a, &bad), 0);
	scene_sql_inside(a, sql);
	assert_int_equal(audit_verify(a, &bad), AUDIT_NO_ENTRY);
	assert_int_equal(bad, expected);
	audit_free(a);
}

/* -- verification ------------------------------------------------------------------------------- */

static void a_changed_entry_is_named(void **state)
{
	(void)state;
	verify_names(FLIP "5", 5);
}

static void a_changed_entry_after_the_last_checkpoint_is_named(void **state)
{
	(void)state;
	verify_names(FLIP "18", 18);
}

static void the_first_of_two_changed_entries_is_named(void **state)
{
	(void)state;
	verify_names(FLIP "13;" FLIP "11", 11);
}

static void two_swapped_entries_are_named(void **state)
{
	(void)state;
	verify_names(
		"UPDATE entry SET i = 100 WHERE i = 9; UPDATE entry SET i = 9 WHERE i = 10;"
		"UPDATE entry SET i = 10 WHERE i = 100",
		9);
}

static void a_deleted_entry_is_named(void **state)
{
	(void)state;
	verify_names("DELETE FROM entry WHERE i = 3", 3);
}

static void a_cut_record_is_named(void **state)
{
	(void)state;
	verify_names("DELETE FROM entry WHERE i >= 19", 19);
}

static void a_record_cut_below_its_checkpoint_is_named(void **state)
{
	(void)state;
	verify_names("DELETE FROM entry WHERE i >= 12", 12);
}

static void an_added_entry_is_named(void **state)
{
	(void)state;
	verify_names("INSERT INTO entry(i, e) VALUES(20, '{}')", 20);
}

/* Entry and leaf together: only the checkpoint shows it, so the first entry that it covers and the
 * one before does not is named. */
static void an_entry_changed_with_its_leaf_is_found_by_the_checkpoint(void **state)
{
	(void)state;
	verify_names(FLIP "12; DELETE FROM node WHERE k = 12;"
			  "INSERT INTO node(k, h) SELECT 12, h FROM node WHERE k = 11",
		12);
}

static void a_record_without_leaves_is_judged_by_its_checkpoints(void **state)
{
	struct audit *a = twenty();
	uint64_t bad;

	(void)state;
	scene_sql_inside(a, FLIP "12; UPDATE entry SET e = e WHERE i = 1");
	scene_sql_inside(a, "DELETE FROM checkpoint WHERE size = 8");
	assert_int_equal(audit_verify(a, &bad), AUDIT_NO_ENTRY);
	assert_int_equal(bad, 12);
	audit_free(a);
}

static void a_false_checkpoint_points_at_the_first_entry_it_covers(void **state)
{
	(void)state;
	verify_names("UPDATE checkpoint SET note = (SELECT note FROM checkpoint WHERE size = 0)"
		     " WHERE size = 8",
		0);
	assert_int_equal(scene_teardown(NULL), 0);
	assert_int_equal(scene_setup(NULL), 0);
	verify_names("UPDATE checkpoint SET note = 'x' WHERE size = 8", 0);
	assert_int_equal(scene_teardown(NULL), 0);
	assert_int_equal(scene_setup(NULL), 0);
	verify_names("UPDATE checkpoint SET note = 'x' WHERE size = 0", 0);
	assert_int_equal(scene_teardown(NULL), 0);
	assert_int_equal(scene_setup(NULL), 0);
	verify_names("UPDATE checkpoint SET note = replace(note, '/record', '/recorf')"
		     " WHERE size = 8",
		0);
}

static void a_newest_checkpoint_that_is_not_ours_is_damage(void **state)
{
	struct audit *a = twenty();
	uint64_t bad;

	(void)state;
	scene_sql_inside(a, "INSERT INTO checkpoint(size, note) SELECT 20, note FROM checkpoint"
			    " WHERE size = 16");
	assert_int_equal(audit_verify(a, &bad), AUDIT_NO_ENTRY); /* it is true, but of 16 */
	assert_int_equal(bad, 16);
	scene_sql_inside(a, "UPDATE checkpoint SET note = replace(note, '16', '17')"
			    " WHERE size = 20");
	assert_int_equal(audit_verify(a, &bad), -EBADMSG);
	audit_free(a);
}

static void a_checkpoint_beyond_the_record_is_found(void **state)
{
	struct audit *a = twenty();
	uint64_t bad;

	(void)state;
	scene_sql_inside(a, "INSERT INTO checkpoint(size, note) SELECT 30, note FROM checkpoint"
			    " WHERE size = 16");
	assert_int_equal(audit_verify(a, &bad), AUDIT_NO_ENTRY);
	assert_int_equal(bad, 20);
	audit_free(a);
}

static void a_damaged_leaf_of_a_good_entry_is_a_fault_not_a_bad_entry(void **state)
{
	struct audit *a = twenty();
	uint64_t bad = 99;

	(void)state;
	scene_sql_inside(a, "UPDATE node SET h = zeroblob(32) WHERE k = 5");
	assert_int_equal(audit_verify(a, &bad), -EBADMSG);
	scene_sql_inside(a, "DELETE FROM node WHERE k = 18");
	assert_int_equal(audit_verify(a, &bad), -EBADMSG);
	assert_int_equal(bad, 99);
	audit_free(a);
}

static void no_checkpoint_at_all_is_a_fault(void **state)
{
	struct audit *a = twenty();
	uint64_t bad;

	(void)state;
	scene_sql_inside(a, "DELETE FROM checkpoint");
	assert_int_equal(audit_verify(a, &bad), -EBADMSG);
	audit_free(a);
}

static void reading_a_damaged_record_is_a_fault(void **state)
{
	struct audit *a = twenty();
	struct buf entry = BUF_NULL(65536), path = BUF_NULL(4096);
	uint8_t hash[32];
	uint64_t version, bad;
	struct audit_entry e = AUDIT_ENTRY_NULL;

	(void)state;
	e.pseudonym = SCENE_PERSON;
	e.dossier_version = 1;
	e.dossier_hash = SCENE_HASH;
	assert_int_equal(audit_append(a, &e, NULL), 0);
	scene_sql_inside(
		a, "UPDATE entry SET e = replace(e, '" SCENE_HASH "', '00') WHERE i = 20");
	assert_int_equal(audit_last_version(a, SCENE_PERSON, &version, hash), -EBADMSG);
	scene_sql_inside(a, "UPDATE entry SET e = replace(e, '\"00\"', '\"zz\"') WHERE i = 20");
	assert_int_equal(audit_last_version(a, SCENE_PERSON, &version, hash), -EBADMSG);
	scene_sql_inside(a, "UPDATE entry SET e = replace(e, 'sion\":1', 'sion\":\"x\"')"
			    " WHERE i = 20");
	assert_int_equal(audit_last_version(a, SCENE_PERSON, &version, hash), -EBADMSG);
	scene_sql_inside(a, "DELETE FROM entry WHERE i = 7");
	assert_int_equal(audit_proof(a, 7, &entry, &path), -EBADMSG);
	scene_sql_inside(a, "DELETE FROM node WHERE k = 9");
	assert_int_equal(audit_proof(a, 8, &entry, &path), -EBADMSG);
	scene_sql_inside(a, "UPDATE node SET h = x'00' WHERE k = 11");
	assert_int_equal(audit_proof(a, 10, &entry, &path), -EBADMSG);
	assert_int_equal(audit_verify(a, &bad), AUDIT_NO_ENTRY);
	assert_int_equal(bad, 7);
	assert_int_equal(audit_export(a, open("/dev/null", O_WRONLY | O_CLOEXEC)), -EBADMSG);
	buf_done(&entry);
	buf_done(&path);
	audit_free(a);
}

static int never(void *user, uint64_t index, const json_t *entry)
{
	(void)user;
	(void)index;
	(void)entry;
	fail();
	return 0;
}

static void a_history_entry_that_is_no_json_is_a_fault(void **state)
{
	struct audit *a = scene_open();

	(void)state;
	scene_fill(a, 1);
	/* SQLite reads trailing blanks of a number that RFC 8259 knows not: a duplicate member */
	scene_sql_inside(a, "UPDATE entry SET e = replace(e, '{', '{\"event\":\"x\",')");
	assert_int_equal(audit_history(a, SCENE_PERSON, 10, never, NULL), -EBADMSG);
	audit_free(a);
}

/* -- opening ------------------------------------------------------------------------------------ */

static void a_cut_record_under_its_checkpoint_is_refused(void **state)
{
	(void)state;
	closed_twenty();
	scene_sql("DELETE FROM entry WHERE i >= 12");
	assert_int_equal(scene_open_result(), -EBADMSG);
	assert_int_equal(scene_open_result(), -EBADMSG); /* and stays so */
}

static void a_cut_record_with_its_nodes_is_refused(void **state)
{
	(void)state;
	closed_twenty();
	scene_sql("DELETE FROM entry WHERE i >= 12; DELETE FROM node WHERE k >= 12 AND k < (1 "
		  "<< 56)");
	assert_int_equal(scene_open_result(), -EBADMSG);
	scene_sql("DELETE FROM entry");
	assert_int_equal(scene_open_result(), -EBADMSG);
}

static void a_changed_entry_not_yet_covered_is_refused(void **state)
{
	(void)state;
	closed_twenty();
	scene_sql(FLIP "17");
	assert_int_equal(scene_open_result(), -EBADMSG);
}

static void a_gap_not_yet_covered_is_refused(void **state)
{
	(void)state;
	closed_twenty();
	scene_sql("DELETE FROM entry WHERE i = 17");
	assert_int_equal(scene_open_result(), -EBADMSG);
}

static void missing_nodes_are_rebuilt(void **state)
{
	static const char *const losses[] = {
		"DROP TABLE node",
		"DELETE FROM node",
		"DELETE FROM node WHERE k = 19",
		"DELETE FROM node WHERE k = (4 << 56)", /* a peak */
		"UPDATE node SET h = zeroblob(32) WHERE k = (4 << 56)",
		"UPDATE node SET h = x'00' WHERE k = (4 << 56)",
		"UPDATE node SET h = zeroblob(32) WHERE k = (3 << 56)", /* below a checkpoint */
		"INSERT INTO node(k, h) VALUES(20, zeroblob(32))",
	};
	uint8_t before[MERKLE_HASH], after[MERKLE_HASH];
	struct audit *a = twenty();
	uint64_t size, bad;

	(void)state;
	audit_head(a, &size, before);
	for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
		struct buf entry = BUF_NULL(65536), path = BUF_NULL(4096);

		audit_free(a);
		scene_sql(losses[i]);
		a = scene_open();
		audit_head(a, &size, after);
		assert_int_equal(size, 20);
		if (i != 6)
			assert_memory_equal(before, after, sizeof(before));
		assert_int_equal(audit_proof(a, 3, &entry, &path), 0);
		assert_int_equal(audit_verify(a, &bad), 0);
		buf_done(&entry);
		buf_done(&path);
	}
	audit_free(a);
}

static void a_rebuild_cannot_hide_a_changed_entry(void **state)
{
	(void)state;
	closed_twenty();
	scene_sql("DROP TABLE node;" FLIP "5");
	assert_int_equal(scene_open_result(), -EBADMSG);
	scene_sql(FLIP "5; DELETE FROM entry WHERE i = 4");
	assert_int_equal(scene_open_result(), -EBADMSG);
}

static void a_changed_checkpoint_is_refused(void **state)
{
	static const char *const changes[] = {
		"UPDATE checkpoint SET note = replace(note, '16', '15') WHERE size = 16",
		"UPDATE checkpoint SET size = 18 WHERE size = 16",
		"UPDATE checkpoint SET note = 'nothing' WHERE size = 18",
		"UPDATE checkpoint SET note = '' WHERE size = 18",
		"DELETE FROM checkpoint",
	};

	(void)state;
	closed_twenty();
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		scene_sql(changes[i]);
		assert_int_equal(scene_open_result(), -EBADMSG);
	}
}

static void a_last_entry_that_does_not_say_its_place_is_refused(void **state)
{
	static const char *const places[] = {
		"[]",
		"{\"a\":1,\"a\":1}",
		"{\"sequence\":2}",
		"{\"boot-id\":\"b\",\"boot-time\":1,\"sequence\":7,\"time\":1}",
		"{\"boot-id\":\"b\",\"boot-time\":1,\"sequence\":-1,\"time\":1}",
		"{\"boot-id\":\"b\",\"boot-time\":1,\"sequence\":2,\"time\":-1}",
		"{\"boot-id\":\"b\",\"boot-time\":\"1\",\"sequence\":2,\"time\":1}",
		"{\"boot-id\":\"0123456789abcdef0123456789abcdef0\"}",
	};
	struct audit *a = scene_open();

	(void)state;
	scene_fill(a, 3);
	audit_free(a);
	scene_sql("DROP INDEX entry_of_person; DROP INDEX entry_of_version");
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		char *sql = sqlite3_mprintf("UPDATE entry SET e = %Q WHERE i = 2", places[i]);

		scene_sql(sql);
		assert_int_equal(scene_open_result(), -EBADMSG);
		sqlite3_free(sql);
	}
}

static void files_that_are_no_record_are_refused(void **state)
{
	char path[64], text[2048];
	int fd;

	(void)state;
	scene_path(path, "audit.sqlite");
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	memset(text, 'x', sizeof(text));
	assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
	assert_int_equal(close(fd), 0);
	assert_int_equal(scene_open_result(), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	scene_sql("CREATE TABLE other(x)");
	assert_int_equal(scene_open_result(), -EBADMSG);
	scene_sql("PRAGMA user_version = 2");
	assert_int_equal(scene_open_result(), -EBADMSG);
	scene_sql("PRAGMA user_version = 1"); /* ours by its number, without our tables */
	assert_int_equal(scene_open_result(), -EBADMSG);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("elsewhere", path), 0);
	assert_int_equal(scene_open_result(), -ELOOP);
}

static void a_record_taken_away_from_its_key_is_refused(void **state)
{
	char path[64];

	(void)state;
	closed_twenty();
	scene_path(path, "audit.sqlite");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(scene_open_result(), -EBADMSG);
}

static void a_page_of_rubbish_is_found(void **state)
{
	uint8_t rubbish[512];
	char path[64];
	int fd, r;

	(void)state;
	closed_twenty();
	scene_path(path, "audit.sqlite");
	memset(rubbish, 0xa5, sizeof(rubbish));
	fd = open(path, O_WRONLY | O_CLOEXEC);
	assert_int_equal(pwrite(fd, rubbish, sizeof(rubbish), 4096), sizeof(rubbish));
	assert_int_equal(close(fd), 0);
	r = scene_open_result();
	assert_int_equal(r, -EBADMSG);
}

static void an_emptied_record_beside_its_key_is_refused_however_often_it_is_tried(void **state)
{
	char path[64];

	(void)state;
	audit_free(scene_open());
	scene_path(path, "audit.sqlite");
	assert_int_equal(truncate(path, 0), 0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(scene_open_result(), -EBADMSG);
	}
}

int main(void)
{
#define test_scene(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		test_scene(
			an_emptied_record_beside_its_key_is_refused_however_often_it_is_tried),
		test_scene(a_changed_entry_is_named),
		test_scene(a_changed_entry_after_the_last_checkpoint_is_named),
		test_scene(the_first_of_two_changed_entries_is_named),
		test_scene(two_swapped_entries_are_named),
		test_scene(a_deleted_entry_is_named),
		test_scene(a_cut_record_is_named),
		test_scene(a_record_cut_below_its_checkpoint_is_named),
		test_scene(an_added_entry_is_named),
		test_scene(an_entry_changed_with_its_leaf_is_found_by_the_checkpoint),
		test_scene(a_record_without_leaves_is_judged_by_its_checkpoints),
		test_scene(a_false_checkpoint_points_at_the_first_entry_it_covers),
		test_scene(a_newest_checkpoint_that_is_not_ours_is_damage),
		test_scene(a_checkpoint_beyond_the_record_is_found),
		test_scene(a_damaged_leaf_of_a_good_entry_is_a_fault_not_a_bad_entry),
		test_scene(no_checkpoint_at_all_is_a_fault),
		test_scene(reading_a_damaged_record_is_a_fault),
		test_scene(a_history_entry_that_is_no_json_is_a_fault),
		test_scene(a_cut_record_under_its_checkpoint_is_refused),
		test_scene(a_cut_record_with_its_nodes_is_refused),
		test_scene(a_changed_entry_not_yet_covered_is_refused),
		test_scene(a_gap_not_yet_covered_is_refused),
		test_scene(missing_nodes_are_rebuilt),
		test_scene(a_rebuild_cannot_hide_a_changed_entry),
		test_scene(a_changed_checkpoint_is_refused),
		test_scene(a_last_entry_that_does_not_say_its_place_is_refused),
		test_scene(files_that_are_no_record_are_refused),
		test_scene(a_record_taken_away_from_its_key_is_refused),
		test_scene(a_page_of_rubbish_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
