/* SPDX-License-Identifier: EUPL-1.2 */
/* What somebody does to a record whose first entries were pruned, and what others say of its export. */
#include "tests/unit/audit/old.h"
#include "tests/unit/record/forge.h"

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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* -- damage --------------------------------------------------------------------------------------- */

static void first_entries_that_go_without_a_word_are_damage(void **state)
{
	static const char *const harm[] = {
		"DELETE FROM entry WHERE i < 3",		  /* nobody says so */
		"DELETE FROM entry WHERE i < 8",		  /* more than was said */
		"DELETE FROM mark",				  /* who says so is not known */
		"UPDATE mark SET v = 16 WHERE k = 0",		  /* no such entry */
		"UPDATE mark SET v = 400 WHERE k = 0",		  /* none at all */
		"UPDATE mark SET v = -1 WHERE k = 0",		  /* no number */
		"DELETE FROM node WHERE k = 2 OR k >= (1 << 56)", /* the leaf is gone too */
		/* ... or another one, and has to be believed */
		("UPDATE node SET h = zeroblob(32) WHERE k = 2;"
		 "DELETE FROM node WHERE k >= (1 << 56)"),
		"UPDATE entry SET e = replace(e, '\"last\":4', '\"last\":9')", /* the word itself */
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(harm); i++) {
		struct audit *a;

		assert_int_equal(scene_teardown(NULL), 0);
		assert_int_equal(old_setup(NULL), 0);
		a = old_two_years(5);
		if (i > 0)
			old_prune(a, OLD + DAY);
		scene_fill(a, 1);
		old_checkpoint(a);
		audit_free(a);
		assert_int_equal(scene_open_result(), 0);
		scene_sql(harm[i]);
		if (i == ARRAY_LEN(harm) -
				 1) { /* below a checkpoint: that is for verification */
			uint64_t bad = UINT64_MAX;

			a = scene_open();
			assert_int_equal(audit_verify(a, &bad), AUDIT_NO_ENTRY);
			assert_int_equal(bad, 15);
			audit_free(a);
			continue;
		}
		assert_int_equal(scene_open_result(), -EBADMSG);
	}
}

/* Somebody who can write the file and has no key appends an entry of theirs, then says by it that the
 * first ones were pruned. @more: what else they do. */
static int opened_with_a_forged_word(const char *more)
{
	static const char text[] =
		"{\"boot-id\":\"00000000000000000000000000000000\",\"boot-time\":1,\"details\":"
		"{\"first\":0,\"last\":2,\"older-than\":1},\"event\":\"pruned\",\"format\":1,"
		"\"outcome\":\"ok\",\"sequence\":15,\"time\":1800000000000000}";
	uint8_t leaf[MERKLE_HASH];
	char hex[2 * MERKLE_HASH + 1], sql[1024];
	struct audit *a;

	assert_int_equal(scene_teardown(NULL), 0);
	assert_int_equal(old_setup(NULL), 0);
	a = old_two_years(5);
	old_checkpoint(a);
	assert_int_equal(scene_size(a), 15);
	audit_free(a);
	assert_int_equal(merkle_leaf_hash(view_str(text), leaf), 0);
	for (unsigned int i = 0; i < MERKLE_HASH; i++)
		assert_int_equal(snprintf(hex + (size_t)2 * i, 3, "%02x", leaf[i]), 2);
	assert_true(snprintf(sql, sizeof(sql),
			    "INSERT INTO entry(i, e) VALUES(15, '%s');"
			    "INSERT INTO node(k, h) VALUES(15, x'%s');"
			    "DELETE FROM node WHERE k >= (1 << 56);"
			    "%s",
			    text, hex, more) < (int)sizeof(sql));
	scene_sql(sql);
	return scene_open_result();
}

static void a_word_that_no_checkpoint_covers_takes_nothing_away(void **state)
{
	(void)state;
	/* an entry behind the newest checkpoint is believed: it is a crash that left it there */
	assert_int_equal(opened_with_a_forged_word(""), 0);
	assert_int_equal(opened_with_a_forged_word("INSERT INTO mark(k, v) VALUES(0, 15);"
						   "DELETE FROM entry WHERE i < 3"),
		-EBADMSG);
	/* nor does it have the service do it */
	assert_int_equal(
		opened_with_a_forged_word("INSERT INTO mark(k, v) VALUES(0, 15)"), -EBADMSG);
}

static void what_is_about_to_go_is_signed_before_anything_goes(void **state)
{
	struct audit *a = old_two_years(5);
	uint64_t noted = 0;
	bool more = false;

	(void)state;
	old_checkpoint(a);
	assert_int_equal(audit_prune(a, OLD + DAY, &more), 0);
	assert_int_equal(audit_first(a), 0);
	assert_int_equal(scene_size(a), 16);
	assert_non_null(audit_note(a, &noted));
	assert_int_equal(noted, 16);
	assert_int_equal(old_count(a, "SELECT max(size) FROM checkpoint"), 16);
	old_is_whole(a);
	audit_free(a);
}

static void verification_names_what_is_missing_or_wrong_in_the_pruned_part(void **state)
{
	static const struct {
		const char *harm;
		uint64_t bad;
	} rows[] = {
		{"DELETE FROM entry WHERE i = 6", 6},
		{"DELETE FROM entry WHERE i <= 6", 5},
		{"DELETE FROM node WHERE k = 3", 3},
		{"UPDATE node SET h = zeroblob(32) WHERE k = 3", 0},
		{"UPDATE node SET h = x'00' WHERE k = 3", 3},
		{"INSERT INTO entry(i, e) VALUES(4, '{}')", 5},
	};

	(void)state;
	for (unsigned int i = 0; i < ARRAY_LEN(rows); i++) {
		struct audit *a;
		uint64_t bad = UINT64_MAX;

		assert_int_equal(scene_teardown(NULL), 0);
		assert_int_equal(old_setup(NULL), 0);
		a = old_two_years(5);
		old_prune(a, OLD + DAY);
		old_is_whole(a);
		scene_sql_inside(a, rows[i].harm);
		if (i == ARRAY_LEN(rows) -
				 1) { /* what was pruned has come back: nobody asks for it */
			assert_int_equal(audit_verify(a, &bad), 0);
			audit_free(a);
			continue;
		}
		assert_int_equal(audit_verify(a, &bad), AUDIT_NO_ENTRY);
		assert_int_equal(bad, rows[i].bad);
		audit_free(a);
	}
}

static void lost_nodes_are_computed_anew_above_the_pruned_leaves(void **state)
{
	struct audit *a = old_two_years(100);

	(void)state;
	old_prune(a, OLD + DAY);
	audit_free(a);
	scene_sql("DELETE FROM node WHERE k >= (1 << 56) OR k > 104");
	a = scene_open();
	old_is_whole(a);
	audit_free(a);
}

static void a_file_of_format_1_is_taken_over(void **state)
{
	struct audit *a = old_two_years(5);

	(void)state;
	audit_free(a);
	scene_sql("DROP TABLE mark; PRAGMA user_version = 1");
	a = scene_open();
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 5);
	audit_free(a);
	assert_int_equal(scene_open_result(), 0);
	scene_sql("PRAGMA user_version = 3"); /* of a version that is to come */
	assert_int_equal(scene_open_result(), -EBADMSG);
}

/* -- others --------------------------------------------------------------------------------------- */

static void an_export_shows_null_beside_the_leaf_and_the_script_agrees(void **state)
{
	static const struct {
		const char *change;
		const char *says;
	} rows[] = {
		{"", "ok: 16 entries verified"},
		{"e[5] = None", "bad: entry 5: the entry is missing"},
		{"e[9] = None", "bad: entry 9: the entry is missing"},
		{"log[\\\"leaves\\\"][2] = log[\\\"leaves\\\"][3]", "bad: entry 0: "},
		{"del log[\\\"leaves\\\"]", "bad: entry 0: "},
		{"e[15] = e[14]", "bad: entry 15: "},
	};
	struct buf note = BUF_NULL(4096);
	struct audit *a = old_two_years(5);
	char path[64], command[1024];
	int fd;

	(void)state;
	old_prune(a, OLD + DAY);
	scene_path(path, "log.json");
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(audit_export(a, fd), 0);
	(void)close(fd);
	assert_int_equal(audit_checkpoint(a, &note), 0);
	scene_path(path, "note.txt");
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, note.data, note.len), note.len);
	(void)close(fd);
	scene_path(path, "vkey.txt");
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	assert_int_equal(
		write(fd, audit_vkey(a), strlen(audit_vkey(a))), strlen(audit_vkey(a)));
	(void)close(fd);
	audit_free(a);
	buf_done(&note);
	assert_int_equal(
		forge_shell("grep -c '^null,$' $D/log.json | grep -qx 5", scene_folder), 0);
	for (unsigned int i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(
			snprintf(command, sizeof(command),
				"python3 -c \"import json,os\n"
				"log = json.load(open(os.environ['D'] + '/log.json'))\n"
				"e = log['entries']\n%s\n"
				"json.dump(log, open(os.environ['D'] + '/new.json', 'w'))\"\n"
				"python3 \"$VERIFY_AUDIT\" --log $D/new.json"
				" --checkpoint $D/note.txt --vkey $D/vkey.txt | tee $D/said"
				" | grep -qF '%s' || { cat $D/said; exit 1; }",
				rows[i].change, rows[i].says) < (int)sizeof(command));
		assert_int_equal(forge_shell(command, scene_folder), 0);
	}
}

/* -- closed dossiers -------------------------------------------------------------------------------- */

static void life(struct audit *a, enum audit_event event, const char *outcome)
{
	_cleanup_json_ json_t *details = json_pack("{s:I}", "until", (json_int_t)77);
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = event;
	e.outcome = outcome;
	e.pseudonym = SCENE_PERSON;
	e.professional = "899700000001";
	e.details = details;
	assert_int_equal(audit_append(a, &e, NULL), 0);
}

#define CLOSED "SELECT count(*) FROM entry WHERE e LIKE '%\"dossier-closed\"%'"

static void years_later(struct audit *a, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		old_later(366 * DAY);
		scene_fill(a, 1);
		old_prune(a, scene_wall - 2 * DAY);
		old_is_whole(a);
	}
}

/* daemon/dossier/keeping.c erases by that entry, ten years later. */
static void that_a_dossier_is_closed_outlives_its_entry_until_it_is_open_again(void **state)
{
	struct audit *a = scene_open();
	char said[96];
	char *kept;

	(void)state;
	life(a, AUDIT_EVENT_DOSSIER_CLOSED, "started");
	assert_true(snprintf(said, sizeof(said),
			    "\"details\":{\"kept-from\":1,\"kept-time\":%llu,\"until\":77}",
			    (unsigned long long)scene_wall) < 96);
	life(a, AUDIT_EVENT_DOSSIER_CLOSED, "ok");
	life(a, AUDIT_EVENT_DOSSIER_REOPENED, "started");
	life(a, AUDIT_EVENT_DOSSIER_REOPENED,
		"store-unavailable"); /* it is closed all the same */
	years_later(a, 11);
	assert_int_equal(old_count(a, CLOSED " AND e LIKE '%\"ok\"%'"), 1);
	kept = scene_entry(
		a, (uint64_t)old_count(a, "SELECT max(i) FROM entry WHERE e LIKE "
					  "'%\"dossier-closed\"%' AND e LIKE '%\"ok\"%'"));
	assert_non_null(strstr(kept, said)); /* however often it was written anew */
	assert_null(strstr(kept, "8997"));   /* who it was is forgotten */
	free(kept);
	life(a, AUDIT_EVENT_DOSSIER_REOPENED, "ok");
	years_later(a, 3);
	assert_int_equal(old_count(a, CLOSED " AND e LIKE '%\"ok\"%'"), 0);
	life(a, AUDIT_EVENT_DOSSIER_CLOSED, "recovered");
	years_later(a, 2);
	assert_int_equal(old_count(a, CLOSED " AND e LIKE '%\"ok\"%'"), 1);
	audit_free(a);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, old_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		T(first_entries_that_go_without_a_word_are_damage),
		T(a_word_that_no_checkpoint_covers_takes_nothing_away),
		T(what_is_about_to_go_is_signed_before_anything_goes),
		T(verification_names_what_is_missing_or_wrong_in_the_pruned_part),
		T(lost_nodes_are_computed_anew_above_the_pruned_leaves),
		T(a_file_of_format_1_is_taken_over),
		T(an_export_shows_null_beside_the_leaf_and_the_script_agrees),
		T(that_a_dossier_is_closed_outlives_its_entry_until_it_is_open_again),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
