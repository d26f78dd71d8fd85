/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The record's order: nothing released or changed that is not recorded, and a store that is not the
 * one that the record tells of is not opened.
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
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/dossier/inside.h"
#include "daemon/limits.h"
#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

/* -- the record --------------------------------------------------------------------------------- */

static void nothing_is_released_that_is_not_recorded(void **state)
{
	struct bed *b = *state;
	struct reply added;
	struct reply r;

	bed_created(b);
	added = bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	fake_audit.refuse = UINT_MAX;
	r = bed_read(b, added.id);
	assert_int_equal(r.reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_int_equal(r.fds[0], -1);
	assert_true(b->s.ended);
	assert_int_equal(b->s.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void nothing_is_changed_that_is_not_recorded_before(void **state)
{
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;

	bed_created(b);
	fake_audit.refuse = UINT_MAX;
	assert_int_equal(
		bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_true(b->s.ended);
	fake_audit.refuse = 0;
	bed_open(b, BED_ALL);
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 0);
}

static void refusal_that_cannot_be_recorded_ends_the_session(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();

	bed_created(b);
	b->s.proof = PROOF_NONE;
	fake_audit.refuse = 1;
	dossier_summary(&b->s, bed_done_fn, &r);
	assert_int_equal(r.reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_true(b->s.ended);
}

static void change_whose_end_was_not_recorded_is_recorded_at_the_next_opening(void **state)
{
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;

	bed_created(b);
	fake_audit.refuse = UINT_MAX;
	fake_audit.after = 1;
	assert_int_equal(
		bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	fake_audit.refuse = 0;
	bed_open(b, BED_ALL);
	assert_int_equal(fake_audit_count("document-added", "recovered"), 1);
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 1);
	/* and once only */
	bed_open(b, BED_ALL);
	assert_int_equal(fake_audit_count("document-added", "recovered"), 1);
}

/* a document was added, and the record took no end of it */
static void leave_unfinished(struct bed *b)
{
	bed_created(b);
	fake_audit.refuse = UINT_MAX;
	fake_audit.after = 1;
	assert_int_equal(
		bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	fake_audit.refuse = 0;
	bed_lock(b);
	fake_session(&b->s);
}

static void end_is_recovered_only_when_the_header_has_been_verified(void **state)
{
	struct bed *b = *state;

	leave_unfinished(b);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(fake_audit_count("document-added", "recovered"), 0);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
	assert_int_equal(fake_audit_count("document-added", "recovered"), 1);
	assert_int_equal(json_integer_value(json_object_get(
				 fake_audit_last("document-added"), "dossier-version")),
		2);
}

static void forged_store_one_ahead_never_becomes_the_recorded_one(void **state)
{
	struct bed *b = *state;
	char path[256];
	sqlite3 *db;
	size_t before;

	leave_unfinished(b);
	/* version and hash are as the chain wants them, but the header is none of the key's */
	bed_path(b, ".dossier", path, sizeof(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(db, "UPDATE dossier SET header = zeroblob(length(header))", NULL,
			NULL, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	before = json_array_size(fake_audit.entries);
	for (size_t i = 0; i < 2; i++) {
		fake_session(&b->s);
		assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
		assert_int_equal(bed_unlock(b), VITALED_REASON_STORE_UNAVAILABLE);
	}
	assert_int_equal(fake_audit_count("document-added", "recovered"), 0);
	for (size_t i = before; i < json_array_size(fake_audit.entries); i++) {
		assert_null(json_object_get(
			json_array_get(fake_audit.entries, i), "dossier-version"));
	}
}

static void refusal_before_the_grant_names_no_version_of_the_file(void **state)
{
	struct bed *b = *state;

	leave_unfinished(b);
	bed_become(b, "899700000001", 99, "SA07");
	assert_int_equal(bed_prepare(b), VITALED_REASON_NOT_PERMITTED);
	assert_non_null(fake_audit_last("denied"));
	assert_null(json_object_get(fake_audit_last("denied"), "dossier-version"));
}

static void recovered_end_that_cannot_be_recorded_opens_nothing(void **state)
{
	struct bed *b = *state;

	leave_unfinished(b);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	fake_audit.after = 0;
	fake_audit.refuse = 1;
	assert_int_equal(bed_unlock(b), VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_null(dossier_state_of(&b->s));
}

static void creation_whose_end_was_not_recorded_stays(void **state)
{
	struct bed *b = *state;

	bed_open(b, BED_ALL);
	fake_audit.refuse = UINT_MAX;
	fake_audit.after = 1;
	assert_int_equal(bed_create(b).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	fake_audit.refuse = 0;
	bed_open(b, SESSION_INTENT_CONSULT);
	assert_string_equal(dossier_state_of(&b->s), "open");
	assert_int_equal(fake_audit_count("dossier-created", "recovered"), 1);
}

static void store_ahead_of_the_record_is_rejected(void **state)
{
	struct bed *b = *state;

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	bed_lock(b);
	/* the newest two entries are gone: started and ok of the document */
	(void)json_array_remove(fake_audit.entries, json_array_size(fake_audit.entries) - 1);
	(void)json_array_remove(fake_audit.entries, json_array_size(fake_audit.entries) - 1);
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
	assert_string_equal(
		json_get_str(
			json_object_get(fake_audit_last("store-rejected"), "details"), "why"),
		"unrecorded");
	fake_audit_reset();
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
}

static void store_rolled_back_is_rejected(void **state)
{
	struct bed *b = *state;
	char path[256];
	char wal[256];
	char kept[300];
	char kept_wal[300];

	bed_created(b);
	bed_lock(b);
	bed_path(b, ".dossier", path, sizeof(path));
	bed_path(b, ".dossier-wal", wal, sizeof(wal));
	(void)snprintf(kept, sizeof(kept), "%s/kept", b->state);
	(void)snprintf(kept_wal, sizeof(kept_wal), "%s/kept-wal", b->state);
	bed_copy(path, kept);
	bed_copy(wal, kept_wal);
	bed_open(b, BED_ALL);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	bed_lock(b);
	bed_copy(kept, path);
	bed_copy(kept_wal, wal);
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
	assert_string_equal(
		json_get_str(
			json_object_get(fake_audit_last("store-rejected"), "details"), "why"),
		"rolled-back");
	/* the rejection names no version, so it does not become the truth */
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
}

static void store_removed_is_rejected_and_not_made_anew(void **state)
{
	struct bed *b = *state;
	char path[256];

	bed_created(b);
	bed_lock(b);
	bed_path(b, ".dossier", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	bed_path(b, ".dossier-wal", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
	assert_int_equal(bed_files(b, ".dossier"), 0);
	assert_int_equal(bed_files(b, ".key"), 1);
}

static void key_lost_or_changed_is_rejected(void **state)
{
	struct bed *b = *state;
	char path[256];
	FILE *f;
	int byte;

	bed_created(b);
	bed_lock(b);
	bed_path(b, ".key", path, sizeof(path));
	f = fopen(path, "r+");
	assert_non_null(f);
	assert_int_equal(fseek(f, 20, SEEK_SET), 0);
	byte = fgetc(f);
	assert_int_equal(fseek(f, 20, SEEK_SET), 0);
	assert_int_equal(fputc(byte ^ 1, f), byte ^ 1);
	fclose(f);
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
	assert_int_equal(unlink(path), 0);
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
	assert_string_equal(
		json_get_str(
			json_object_get(fake_audit_last("store-rejected"), "details"), "why"),
		"no-key");
}

static void store_that_is_no_dossier_is_rejected(void **state)
{
	struct bed *b = *state;
	char path[256];
	FILE *f;

	bed_created(b);
	bed_lock(b);
	bed_path(b, ".dossier-wal", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	bed_path(b, ".dossier", path, sizeof(path));
	f = fopen(path, "w");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++) {
		(void)fputs("this is no dossier ", f);
	}
	fclose(f);
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
	assert_non_null(fake_audit_last("store-rejected"));
}

static const char *why_rejected(void)
{
	const char *why = json_get_str(
		json_object_get(fake_audit_last("store-rejected"), "details"), "why");

	return why ? why : "";
}

static void on_the_file(const struct bed *b, const char *sql)
{
	char path[256];
	sqlite3 *db;

	bed_path(b, ".dossier", path, sizeof(path));
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

static void store_of_a_later_program_is_rejected_by_that_name(void **state)
{
	struct bed *b = *state;

	bed_created(b);
	bed_lock(b);
	on_the_file(b, "PRAGMA user_version = 3");
	for (int i = 0; i < 2; i++) {
		fake_session(&b->s);
		assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
		assert_string_equal(why_rejected(), "newer");
	}
}

static void store_that_was_cut_off_is_rejected_again_and_again(void **state)
{
	static const struct {
		off_t left;
		const char *why;
	} vectors[] = {{5000, "damaged"}, {100, "damaged"}, {0, "rolled-back"}};
	struct bed *b = *state;
	char path[256];

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	bed_lock(b);
	on_the_file(b, "PRAGMA journal_mode = DELETE"); /* all of it in one file */
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		bed_path(b, ".dossier-wal", path, sizeof(path));
		(void)unlink(path);
		bed_path(b, ".dossier", path, sizeof(path));
		assert_int_equal(truncate(path, vectors[i].left), 0);
		for (int k = 0; k < 2; k++) {
			fake_session(&b->s);
			assert_int_equal(bed_prepare(b), VITALED_REASON_STORE_UNAVAILABLE);
			assert_string_equal(why_rejected(), vectors[i].why);
		}
	}
}

static void record_that_cannot_be_read_opens_nothing(void **state)
{
	struct bed *b = *state;

	bed_created(b);
	bed_lock(b);
	fake_audit.broken = true;
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_AUDIT_UNAVAILABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(nothing_is_released_that_is_not_recorded),
		T(nothing_is_changed_that_is_not_recorded_before),
		T(refusal_that_cannot_be_recorded_ends_the_session),
		T(change_whose_end_was_not_recorded_is_recorded_at_the_next_opening),
		T(end_is_recovered_only_when_the_header_has_been_verified),
		T(forged_store_one_ahead_never_becomes_the_recorded_one),
		T(refusal_before_the_grant_names_no_version_of_the_file),
		T(recovered_end_that_cannot_be_recorded_opens_nothing),
		T(creation_whose_end_was_not_recorded_stays),
		T(store_ahead_of_the_record_is_rejected),
		T(store_rolled_back_is_rejected),
		T(store_removed_is_rejected_and_not_made_anew),
		T(key_lost_or_changed_is_rejected),
		T(store_that_is_no_dossier_is_rejected),
		T(store_of_a_later_program_is_rejected_by_that_name),
		T(store_that_was_cut_off_is_rejected_again_and_again),
		T(record_that_cannot_be_read_opens_nothing),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
