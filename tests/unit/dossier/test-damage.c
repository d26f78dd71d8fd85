/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What is made of every kind of damage to a dossier's file: flipped bytes, swapped and missing rows,
 * other keys, an older state, another patient's file, a schema that is not ours.
 */
#include "tests/unit/dossier/file.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/dossier/store/query.h"

#define OTHER "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee"

/* -- damage ------------------------------------------------------------------------------------- */

static void another_key_opens_nothing(void **state)
{
	static const uint8_t wrong[SEAL_KEY] = {1, 2, 4};
	struct buf people = BUF_NULL(STORE_RECORD);
	struct store s;

	(void)state;
	file_fill();
	assert_int_equal(file_reopen_with(&s, VIEW(wrong)), DOSSIER_DAMAGED);
	assert_int_equal(store_read_people(&s, VIEW(wrong), &people), DOSSIER_DAMAGED);
	assert_int_equal(people.len, 0);
	buf_done(&people);
	store_done(&s);
	assert_true(file_reopen_with(&s, view_of(wrong, 5)) < 0);
	store_done(&s);
}

/* What SQL alone can do to the rows, and where it is found at the latest. */
static void every_row_that_is_changed_is_found(void **state)
{
	static const struct {
		const char *sql;
		bool at_once; /* by the hash or the header, before any document is read */
	} vectors[] = {
		{"UPDATE dossier SET version = 3", true},
		{"UPDATE dossier SET version = 1", true},
		{"UPDATE dossier SET version = 0", true},
		{"UPDATE dossier SET version = 'x'", true},
		{"UPDATE dossier SET state = 3", true},
		{"UPDATE dossier SET state = 7", true},
		{"UPDATE dossier SET previous = zeroblob(32)", true},
		{"UPDATE dossier SET previous = zeroblob(31)", true},
		{"UPDATE dossier SET people = zeroblob(60)", true},
		{"UPDATE dossier SET header = zeroblob(60)", true},
		{"UPDATE dossier SET header = zeroblob(0)", true},
		{"UPDATE dossier SET header = 'text'", true},
		{"DELETE FROM dossier", true},
		{"DELETE FROM document WHERE seq = 2", true},
		{"DELETE FROM document", true},
		{"UPDATE document SET version = 1 WHERE seq = 1", true},
		{"UPDATE document SET seq = 9 WHERE seq = 1", true},
		{"UPDATE document SET id = '00000000-0000-4000-8000-00000000000d' WHERE seq = "
		 "1",
			true},
		{"UPDATE document SET sealed = (SELECT sealed FROM document WHERE seq = 2)"
		 " WHERE seq = 1",
			true},
		{"UPDATE document SET sealed = zeroblob(40) WHERE seq = 1", true},
		{"INSERT INTO document VALUES (3, 'x', 2, zeroblob(40))", true},
		{"DELETE FROM chunk WHERE key = 8193", false},
		{"DELETE FROM chunk WHERE key = 8192", false},
		{"UPDATE chunk SET sealed = zeroblob(30) WHERE key = 8192", false},
		{"UPDATE chunk SET sealed = zeroblob(3) WHERE key = 8192", false},
		{"UPDATE chunk SET sealed = 'text' WHERE key = 8192", false},
		/* swapped within a document, and between two */
		{"UPDATE chunk SET key = -1 WHERE key = 8192; UPDATE chunk SET key = 8192 WHERE"
		 " key = 8193; UPDATE chunk SET key = 8193 WHERE key = -1",
			false},
		{"UPDATE chunk SET key = -1 WHERE key = 8192; UPDATE chunk SET key = 8192 WHERE"
		 " key = 16384; UPDATE chunk SET key = 16384 WHERE key = -1",
			false},
		/* the last chunk cut off and the one before passed for it */
		{"DELETE FROM chunk WHERE key = 8193; INSERT INTO chunk SELECT 8193, sealed "
		 "FROM"
		 " chunk WHERE key = 8192",
			false},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct store s;
		int r;

		file_fill();
		file_tamper(vectors[i].sql);
		r = file_reopen(&s);
		if (vectors[i].at_once) {
			assert_int_equal(r, DOSSIER_DAMAGED);
		} else {
			assert_int_equal(r, 0);
			assert_int_equal(file_read_all(&s), DOSSIER_DAMAGED);
		}
		store_done(&s);
		assert_int_equal(remove(file_path("")), 0);
		(void)remove(file_path("-wal"));
	}
}

static void older_row_in_a_newer_store_is_found(void **state)
{
	struct store_document d = STORE_DOCUMENT_NULL;
	struct store s;

	(void)state;
	file_fill();
	file_tamper("CREATE TABLE kept AS SELECT * FROM document WHERE seq = 1;"
		    "CREATE TABLE kept_header AS SELECT * FROM dossier");
	/* a table more is found as well */
	assert_int_equal(file_reopen(&s), DOSSIER_DAMAGED);
	file_tamper("ALTER TABLE kept RENAME TO sqlitekept; DROP TABLE kept_header;"
		    "ATTACH '/tmp/vitaled-store-kept' AS k; DROP TABLE IF EXISTS k.kept;"
		    "CREATE TABLE k.kept AS SELECT * FROM sqlitekept; DROP TABLE sqlitekept");
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(store_get(&s, FILE_ID_A, &d), 0);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_replace(&s, &d), 0);
	assert_int_equal(store_commit(&s), 0);
	store_done(&s);
	file_tamper("ATTACH '/tmp/vitaled-store-kept' AS k;"
		    "UPDATE document SET version = (SELECT version FROM k.kept),"
		    " sealed = (SELECT sealed FROM k.kept) WHERE seq = 1");
	assert_int_equal(remove("/tmp/vitaled-store-kept"), 0);
	assert_int_equal(file_reopen(&s), DOSSIER_DAMAGED);
	store_done(&s);
	store_document_done(&d);
}

static void whole_store_of_another_patient_is_found(void **state)
{
	char to[256];
	struct store s;

	(void)state;
	file_fill();
	file_tamper("PRAGMA journal_mode = DELETE");
	(void)snprintf(to, sizeof(to), "%s/01/%s.dossier", file_root, OTHER);
	assert_int_equal(rename(file_path(""), to), 0);
	assert_int_equal(store_open(&s, file_root, OTHER, false), 0);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(store_grant(&s, VIEW(file_key)), DOSSIER_DAMAGED);
	store_done(&s);
}

static void schema_that_is_not_ours_is_refused(void **state)
{
	static const char *const vectors[] = {
		"CREATE TABLE more(x)",
		"CREATE TRIGGER t AFTER INSERT ON chunk BEGIN DELETE FROM document; END",
		"CREATE VIEW v AS SELECT * FROM document",
		"CREATE INDEX i ON chunk(sealed)",
		"ALTER TABLE chunk ADD COLUMN x",
		"DROP TABLE chunk",
		"PRAGMA application_id = 5",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct store s;

		file_fill();
		file_tamper(vectors[i]);
		assert_int_equal(file_reopen(&s), DOSSIER_DAMAGED);
		assert_null(s.db);
		assert_int_equal(remove(file_path("")), 0);
		(void)remove(file_path("-wal"));
	}
}

static void store_of_a_later_program_is_named_and_left_alone(void **state)
{
	static const char *const vectors[] = {
		"PRAGMA user_version = 3",
		"PRAGMA user_version = 2147483647",
		/* its layout may be another */
		"PRAGMA user_version = 3; CREATE TABLE more(x); DROP TABLE chunk",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct store s;

		file_fill();
		file_tamper(vectors[i]);
		assert_int_equal(file_reopen(&s), DOSSIER_NEWER);
		assert_null(s.db);
		assert_int_equal(file_reopen(&s), DOSSIER_NEWER); /* nothing was repaired */
		file_tamper("PRAGMA application_id = 5");	  /* nobody's */
		assert_int_equal(file_reopen(&s), DOSSIER_DAMAGED);
		assert_int_equal(remove(file_path("")), 0);
		(void)remove(file_path("-wal"));
	}
}

static void store_of_an_earlier_program_is_opened(void **state)
{
	struct store s;

	(void)state;
	file_fill();
	file_tamper("PRAGMA user_version = 1");
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(file_read_all(&s), 0);
	store_done(&s);
}

static uint8_t whole[256 * 1024];

/* The file with everything in it, into @whole. Return: its bytes. */
static size_t read_whole(void)
{
	FILE *f;
	size_t n;

	file_fill();
	file_tamper("PRAGMA journal_mode = DELETE");
	f = fopen(file_path(""), "r");
	assert_non_null(f);
	n = fread(whole, 1, sizeof(whole), f);
	assert_true(n > 4096 && n < sizeof(whole));
	fclose(f);
	return n;
}

static int read_with(size_t n, struct store *s)
{
	FILE *f = fopen(file_path(""), "w");
	int r;

	assert_non_null(f);
	assert_int_equal(fwrite(whole, 1, n, f), n);
	fclose(f);
	(void)remove(file_path("-wal"));
	r = file_reopen(s);
	return r == 0 ? file_read_all(s) : r;
}

static void file_that_was_cut_off_is_found(void **state)
{
	size_t n = read_whole();
	struct store s;

	(void)state;
	assert_int_equal(read_with(n, &s), 0);
	store_done(&s);
	for (size_t left = 1; left < n; left += 257) {
		assert_true(read_with(left, &s) != 0);
		store_done(&s);
	}
	/* of nothing a new one is made, which is absent: the record knows better */
	assert_int_not_equal(read_with(0, &s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_ABSENT);
	assert_int_equal(s.version, 0);
	store_done(&s);
}

static void every_flipped_byte_of_the_file_is_found_or_harmless(void **state)
{
	size_t n = read_whole();
	size_t found = 0;

	(void)state;
	for (size_t at = 0; at < n; at += 61) {
		uint8_t flip = (uint8_t)(1U << (at / 61 % 8));
		struct store s;
		int r;

		whole[at] ^= flip;
		r = read_with(n, &s);
		whole[at] ^= flip;
		/* what is read as whole is what was written: file_read_all() checks tags */
		assert_true(r == 0 || r == DOSSIER_DAMAGED || r == DOSSIER_NO_DOCUMENT ||
			    r == DOSSIER_FULL || r == DOSSIER_NEWER || r < 0);
		found += r != 0;
		store_done(&s);
	}
	assert_true(found > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, file_folder, file_remove)
		T(another_key_opens_nothing),
		T(every_row_that_is_changed_is_found),
		T(older_row_in_a_newer_store_is_found),
		T(whole_store_of_another_patient_is_found),
		T(schema_that_is_not_ours_is_refused),
		T(store_of_a_later_program_is_named_and_left_alone),
		T(store_of_an_earlier_program_is_opened),
		T(file_that_was_cut_off_is_found),
		T(every_flipped_byte_of_the_file_is_found_or_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
