/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Forgetting: contents go and nothing else does. Every proof, checkpoint and look-up answers as before, a
 * crash between any two steps is gone on with, and first entries that are missing without a word are damage.
 */
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

/* Leaves, paths and consistency of every size, by the checks of record/merkle.h. */
static void all_proofs_hold(struct audit *a)
{
	uint64_t size = scene_size(a), noted = 0;
	uint8_t root[MERKLE_HASH], old_root[MERKLE_HASH];
	struct merkle then = {.size = 0};

	old_checkpoint(a);
	audit_head(a, &size, root);
	(void)audit_note(a, &noted);
	assert_int_equal(noted, size);
	for (uint64_t i = 0; i < size; i++) {
		struct buf entry = BUF_NULL(65536), path = BUF_NULL(4096),
			   more = BUF_NULL(4096);
		uint8_t leaf[MERKLE_HASH], own[MERKLE_HASH];

		assert_int_equal(audit_leaf(a, i, leaf), 0);
		assert_int_equal(audit_proof(a, i, &entry, &path), 0);
		assert_int_equal(entry.len == 0, i < audit_first(a));
		if (entry.len > 0) {
			assert_int_equal(merkle_leaf_hash(buf_view(&entry), own), 0);
			assert_memory_equal(own, leaf, MERKLE_HASH);
		}
		assert_int_equal(merkle_check(i, size, leaf, buf_view(&path), root), 0);
		assert_int_equal(merkle_append(&then, leaf, NULL, NULL), 0);
		assert_int_equal(merkle_root(&then, old_root), 0);
		assert_int_equal(audit_consistency(a, i + 1, &more), 0);
		assert_int_equal(
			merkle_check_consistency(i + 1, old_root, size, root, buf_view(&more)),
			0);
		buf_done(&entry);
		buf_done(&path);
		buf_done(&more);
	}
	assert_int_equal(audit_leaf(a, size, old_root), AUDIT_NO_ENTRY);
}

static void contents_go_and_every_proof_stays(void **state)
{
	struct audit *a = old_two_years(200);
	uint64_t size = scene_size(a);
	struct buf text = BUF_NULL(65536);
	uint64_t oldest = 0;
	char *told;

	(void)state;
	assert_int_equal(audit_oldest(a, &oldest), 0);
	assert_int_equal(oldest, OLD);
	old_checkpoint(a);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 200);
	assert_int_equal(scene_size(a), size + 1);
	assert_int_equal(old_count(a, "SELECT count(*) FROM entry"), 11);
	assert_int_equal(
		old_count(a, "SELECT count(*) FROM node WHERE k < (1 << 56)"), size + 1);
	assert_int_equal(audit_read(a, 199, &text), AUDIT_NO_ENTRY);
	assert_int_equal(audit_read(a, 200, &text), 0);
	assert_int_equal(audit_read(a, size + 1, &text), AUDIT_NO_ENTRY);
	told = scene_entry(a, size);
	assert_non_null(strstr(told, "\"event\":\"pruned\""));
	assert_non_null(strstr(told, "\"first\":0,\"last\":199,\"older-than\":17673"));
	assert_int_equal(audit_oldest(a, &oldest), 0);
	assert_true(oldest > OLD + DAY);
	old_is_whole(a);
	all_proofs_hold(a);
	free(told);
	buf_done(&text);
	audit_free(a);
	a = scene_open();
	assert_int_equal(audit_first(a), 200);
	old_is_whole(a);
	old_prune(a, OLD + DAY); /* there is nothing more */
	assert_int_equal(scene_size(a), size + 1);
	audit_free(a);
}

static void what_was_pruned_is_nowhere_in_the_files(void **state)
{
	struct audit *a = scene_open();
	struct audit_entry e = AUDIT_ENTRY_NULL;

	(void)state;
	e.event = AUDIT_EVENT_DENIED;
	e.application = "a-needle-in-the-hay";
	for (int i = 0; i < 50; i++)
		assert_int_equal(audit_append(a, &e, NULL), 0);
	old_later(366 * DAY);
	scene_fill(a, 3);
	old_checkpoint(a);
	assert_int_equal(forge_shell("grep -qa needle $D/audit.sqlite*", scene_folder), 0);
	old_prune(a, OLD + DAY);
	assert_int_not_equal(forge_shell("grep -qa needle $D/audit.sqlite*", scene_folder), 0);
	audit_free(a);
	assert_int_not_equal(forge_shell("grep -qa needle $D/audit.sqlite*", scene_folder), 0);
}

static void a_long_past_goes_in_passes_that_are_each_told(void **state)
{
	struct audit *a = old_two_years(2100);
	uint64_t size = scene_size(a);

	(void)state;
	old_prune(a, OLD + 30 * DAY);
	assert_int_equal(audit_first(a), 2100);
	assert_int_equal(scene_size(a), size + 3);
	assert_int_equal(old_count(a, "SELECT count(*) FROM entry"), 13);
	old_is_whole(a);
	audit_free(a);
	assert_int_equal(scene_open_result(), 0);
}

/* kill -9 is a copy of the files between two steps: nothing of ours is written at the end. */
static void a_crash_between_any_two_steps_is_gone_on_with(void **state)
{
	(void)state;
	for (unsigned int steps = 1; steps < 8; steps++) {
		struct audit *a;
		bool more = true;
		uint64_t size;

		assert_int_equal(scene_teardown(NULL), 0);
		assert_int_equal(old_setup(NULL), 0);
		a = old_two_years(600);
		size = scene_size(a);
		for (unsigned int i = 0; i < steps; i++)
			assert_int_equal(audit_prune(a, OLD + 30 * DAY, &more), 0);
		assert_int_equal(
			forge_shell("mkdir $D/dead && cp $D/audit.* $D/dead", scene_folder), 0);
		audit_free(a);
		assert_int_equal(
			forge_shell("rm $D/audit.* && mv $D/dead/audit.* $D && rmdir $D/dead",
				scene_folder),
			0);
		a = scene_open();
		old_is_whole(a);
		old_prune(a, 0); /* nothing is old, but that was said already */
		assert_int_equal(audit_first(a), 600);
		assert_int_equal(scene_size(a), size + 1);
		old_is_whole(a);
		audit_free(a);
	}
}

static void a_crash_behind_the_word_of_a_second_pass_is_no_damage(void **state)
{
	struct audit *a = old_two_years(1100);
	bool more = true;

	(void)state;
	while (audit_first(a) < 1024)
		assert_int_equal(audit_prune(a, OLD + 30 * DAY, &more), 0);
	assert_int_equal(audit_prune(a, OLD + 30 * DAY, &more), 0);
	assert_int_equal(audit_first(a), 1024);
	assert_int_equal(
		forge_shell("mkdir $D/dead && cp $D/audit.* $D/dead", scene_folder), 0);
	audit_free(a);
	assert_int_equal(forge_shell("rm $D/audit.* && mv $D/dead/audit.* $D && rmdir $D/dead",
				 scene_folder),
		0);
	a = scene_open();
	old_prune(a, 0);
	assert_int_equal(audit_first(a), 1100);
	old_is_whole(a);
	audit_free(a);
}

static void a_pass_that_was_begun_stops_at_what_was_not_handed_on(void **state)
{
	struct audit *a = old_two_years(600);
	struct buf text = BUF_NULL(65536);
	uint64_t next = 99;
	bool more = false;

	(void)state;
	assert_int_equal(audit_prune(a, OLD + 30 * DAY, &more), 0); /* all 600 are named */
	audit_sent_begin(a, &next);
	assert_int_equal(next, 0);
	assert_int_equal(audit_prune(a, OLD + 30 * DAY, &more), 0);
	assert_false(more);
	assert_int_equal(audit_first(a), 0);
	audit_sent(a, 200);
	old_prune(a, OLD + 30 * DAY);
	assert_int_equal(audit_first(a), 200);
	assert_int_equal(audit_read(a, 200, &text), 0);
	audit_sent(a, 605);
	old_prune(a, OLD + 30 * DAY);
	assert_int_equal(audit_first(a), 600);
	assert_int_equal(scene_size(a), 611);
	old_is_whole(a);
	buf_done(&text);
	audit_free(a);
}

static void when_contents_were_forgotten_is_known_after_a_start(void **state)
{
	struct audit *a = old_two_years(5);

	(void)state;
	assert_int_equal(audit_pruned(a), 0);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_pruned(a), scene_wall);
	audit_free(a);
	old_later(DAY);
	a = scene_open();
	assert_int_equal(audit_pruned(a), scene_wall - DAY);
	audit_free(a);
}

static void entries_of_a_clock_that_was_not_set_go_with_what_follows(void **state)
{
	struct audit *a;

	(void)state;
	scene_wall = 5000000; /* 1970 */
	a = scene_open();
	scene_fill(a, 4);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 0); /* nobody knows how old they are */
	scene_wall = OLD;
	scene_fill(a, 2); /* and a clock-jump */
	old_later(366 * DAY);
	scene_fill(a, 1);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 7);
	old_is_whole(a);
	audit_free(a);
}

static void an_entry_that_is_not_old_keeps_those_behind_it(void **state)
{
	struct audit *a = scene_open();

	(void)state;
	scene_fill(a, 2);
	old_later(366 * DAY); /* the clock is a year ahead for one entry */
	scene_fill(a, 1);
	scene_wall -= 366 * DAY;
	scene_fill(a, 5);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 2);
	old_is_whole(a);
	audit_free(a);
}

static void entries_that_were_not_handed_on_stay(void **state)
{
	struct audit *a = old_two_years(20);
	uint64_t next = 99;

	(void)state;
	audit_sent_begin(a, &next);
	assert_int_equal(next, 0);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 0);
	audit_sent(a, 7);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 7);
	audit_sent(a, 20);
	assert_int_equal(audit_sent_keep(a), 0);
	assert_int_equal(audit_sent_keep(a), 0);
	audit_free(a);
	a = scene_open();
	audit_sent_begin(a, &next);
	assert_int_equal(next, 20);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 20);
	audit_free(a);
	a = scene_open(); /* nobody takes them for a while */
	old_later(366 * DAY);
	scene_fill(a, 1);
	old_prune(a, OLD + 400 * DAY);
	assert_true(audit_first(a) > 25);
	audit_sent_begin(a, &next);
	assert_int_equal(next, audit_first(a));
	audit_free(a);
}

static void how_far_was_handed_on_is_kept_with_entries_from_time_to_time(void **state)
{
	struct audit *a = scene_open();
	uint64_t next = 99;

	(void)state;
	scene_fill(a, 5);
	audit_free(a);
	a = scene_open();
	scene_fill(a, 5);
	audit_sent_begin(a, &next);
	assert_int_equal(next, 5); /* the first time: what was recorded since the start */
	scene_fill(a, 100);
	audit_sent(a, 100);
	scene_fill(a, 1); /* takes it along */
	audit_sent(a, 105);
	scene_fill(a, 1); /* so few are not worth it */
	audit_free(a);
	a = scene_open();
	audit_sent_begin(a, &next);
	assert_int_equal(next, 100);
	audit_sent(a, 100000);
	assert_int_equal(audit_sent_keep(a), 0);
	audit_free(a);
	a = scene_open();
	audit_sent_begin(a, &next); /* more than there are: another file's */
	assert_int_equal(next, scene_size(a));
	audit_free(a);
}

static void nothing_is_pruned_under_an_export(void **state)
{
	struct audit *a = old_two_years(20);
	struct audit_export *x = NULL;
	bool more = false;
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	(void)state;
	assert_int_equal(audit_export_new(a, fd, &x), 0);
	assert_int_equal(audit_prune(a, OLD + DAY, &more), 0);
	assert_true(more); /* later */
	assert_int_equal(scene_size(a), 30);
	scene_fill(a, 3); /* not in it */
	do
		assert_int_equal(audit_export_step(x, &more), 0);
	while (more);
	assert_null(audit_export_free(x));
	assert_null(audit_export_free(NULL));
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 20);
	(void)close(fd);
	audit_free(a);
}

/* -- what is never forgotten ---------------------------------------------------------------------- */

static void change(struct audit *a, const char *person, int64_t version, const char *outcome)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_DOCUMENT_ADDED;
	e.outcome = outcome;
	e.pseudonym = person;
	e.dossier_version = version;
	e.dossier_hash = version < 0 ? NULL : SCENE_HASH;
	e.professional = "899700000001";
	assert_int_equal(audit_append(a, &e, NULL), 0);
}

static uint64_t version_of(struct audit *a, const char *person)
{
	uint8_t hash[32];
	uint64_t version = 0;

	return audit_last_version(a, person, &version, hash) == 0 ? version : UINT64_MAX;
}

static void the_last_version_of_a_dossier_outlives_its_entry(void **state)
{
	struct audit *a = scene_open();
	char *kept;

	(void)state;
	change(a, SCENE_PERSON, 1, "ok");
	change(a, SCENE_PERSON, 2, "ok");
	change(a, SCENE_OTHER, 1, "ok");
	old_later(366 * DAY);
	change(a, SCENE_OTHER, 2, "ok");
	for (uint64_t years = 1; years < 4; years++) {
		old_prune(a, OLD + years * 366 * DAY - DAY);
		assert_int_equal(version_of(a, SCENE_PERSON), 2);
		assert_int_equal(version_of(a, SCENE_OTHER), 2);
		old_is_whole(a);
		old_later(366 * DAY);
		scene_fill(a, 1);
	}
	assert_int_equal(old_count(a, "SELECT count(*) FROM entry WHERE hash IS NOT NULL"), 2);
	kept = scene_entry(
		a, (uint64_t)old_count(a,
			   "SELECT max(i) FROM entry WHERE pseudonym = '" SCENE_PERSON
			   "' AND hash IS NOT NULL"));
	assert_non_null(strstr(kept, "\"kept-from\":1}"));
	assert_non_null(strstr(kept, "\"event\":\"pruned\""));
	assert_null(strstr(kept, "8997")); /* who it was is forgotten */
	free(kept);
	audit_free(a);
}

/* all that says whose it was: its end is told as theirs */
static void begin(struct audit *a, const char *person)
{
	_cleanup_json_ json_t *details = json_pack("{s:s}", "flag", "masque_ps");
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_DOCUMENT_ADDED;
	e.outcome = "started";
	e.pseudonym = person;
	e.session = "session/1@0011";
	e.caller_uid = 1000;
	e.application = "Cabinet 1";
	e.professional = "899700000001";
	e.structure = "0B0000001";
	e.mode = "normal";
	e.details = details;
	assert_int_equal(audit_append(a, &e, NULL), 0);
}

/* daemon/dossier/record.c looks for the newest change of a dossier whose store is one ahead. */
static void a_change_that_nobody_told_the_end_of_is_kept_as_begun(void **state)
{
	struct audit *a = scene_open();
	char *kept;

	(void)state;
	change(a, SCENE_PERSON, 1, "ok");
	begin(a, SCENE_PERSON);
	change(a, SCENE_OTHER, -1, "started"); /* its first */
	for (uint64_t years = 1; years < 4; years++) {
		old_later(366 * DAY);
		scene_fill(a, 1);
		old_prune(a, OLD + years * 366 * DAY - DAY);
		assert_int_equal(version_of(a, SCENE_PERSON), 1);
		assert_int_equal(
			old_count(a, "SELECT count(*) FROM entry WHERE e LIKE '%\"started\"%'"),
			2);
	}
	kept = scene_entry(
		a, (uint64_t)old_count(a,
			   "SELECT max(i) FROM entry WHERE pseudonym = '" SCENE_PERSON
			   "' AND e LIKE '%\"started\"%'"));
	assert_non_null(strstr(kept, "\"details\":{\"flag\":\"masque_ps\",\"kept-from\":1}"));
	assert_non_null(strstr(kept, "\"event\":\"document-added\""));
	assert_non_null(strstr(kept, "\"professional\":\"899700000001\""));
	assert_non_null(strstr(kept, "\"session\":\"session/1@0011\""));
	assert_non_null(strstr(kept, "\"structure\":\"0B0000001\""));
	assert_non_null(strstr(kept, "\"application\":\"Cabinet 1\""));
	assert_non_null(strstr(kept, "\"mode\":\"normal\""));
	assert_non_null(strstr(kept, "\"caller-uid\":1000"));
	free(kept);
	change(a, SCENE_PERSON, 2, "recovered");
	old_later(366 * DAY);
	scene_fill(a, 1);
	old_prune(a, scene_wall - DAY);
	assert_int_equal(version_of(a, SCENE_PERSON), 2);
	assert_int_equal(
		old_count(a, "SELECT count(*) FROM entry WHERE e LIKE '%\"started\"%'"), 1);
	audit_free(a);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, old_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		T(contents_go_and_every_proof_stays),
		T(what_was_pruned_is_nowhere_in_the_files),
		T(a_long_past_goes_in_passes_that_are_each_told),
		T(a_crash_between_any_two_steps_is_gone_on_with),
		T(a_crash_behind_the_word_of_a_second_pass_is_no_damage),
		T(a_pass_that_was_begun_stops_at_what_was_not_handed_on),
		T(when_contents_were_forgotten_is_known_after_a_start),
		T(entries_of_a_clock_that_was_not_set_go_with_what_follows),
		T(an_entry_that_is_not_old_keeps_those_behind_it),
		T(entries_that_were_not_handed_on_stay),
		T(how_far_was_handed_on_is_kept_with_entries_from_time_to_time),
		T(nothing_is_pruned_under_an_export),
		T(the_last_version_of_a_dossier_outlives_its_entry),
		T(a_change_that_nobody_told_the_end_of_is_kept_as_begun),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
