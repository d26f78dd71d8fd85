/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The file of one dossier: round trips, and what is made of every kind of damage: flipped bytes,
 * swapped and missing rows, other keys, an older state, a full disk.
 */
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
#include "daemon/dossier/store/store.h"

#define PSEUDONYM "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OTHER	  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdee"
#define ID_A	  "00000000-0000-4000-8000-00000000000a"
#define ID_B	  "00000000-0000-4000-8000-00000000000b"

static char folder[64];
static const uint8_t key[SEAL_KEY] = {1, 2, 3};
static const uint8_t salt[32] = {9};

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s/vitaled-store-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(folder));
	return seal_setup();
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int remove_folder(void **state)
{
	(void)state;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(struct store *s, int64_t seq, const char *id, const char *record)
{
	struct store_document d = STORE_DOCUMENT_NULL;

	d.seq = seq;
	bytes_copy(d.id, sizeof(d.id), id, strlen(id) + 1);
	buf_put_str(&d.record, record);
	assert_int_equal(store_put(s, &d), 0);
	store_document_done(&d);
}

static void put_content(
	struct store *s, int64_t seq, const char *id, const char *first, const char *last)
{
	struct store_content c;

	assert_int_equal(store_content_init(s, seq, id, s->version + 1, VIEW(salt), &c), 0);
	assert_int_equal(store_put_chunk(s, &c, 0, false, view_str(first)), 0);
	assert_int_equal(store_put_chunk(s, &c, 1, true, view_str(last)), 0);
	store_content_done(&c);
}

/* Version 1: created. Version 2: two documents of two chunks each. */
static void fill(void)
{
	struct store s;

	assert_int_equal(store_open(&s, folder, PSEUDONYM, true), 0);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_ABSENT);
	assert_int_equal(store_grant(&s, VIEW(key)), 0);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_create(&s, VIEW_TEXT("{\"people\":1}")), 0);
	assert_int_equal(store_commit(&s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_OPEN);
	assert_int_equal(s.version, 1);
	assert_int_equal(store_begin(&s), 0);
	put(&s, 1, ID_A, "{\"a\":1}");
	put(&s, 2, ID_B, "{\"b\":2}");
	put_content(&s, 1, ID_A, "first of a", "last of a");
	put_content(&s, 2, ID_B, "first of b", "last of b");
	assert_int_equal(store_commit(&s), 0);
	assert_int_equal(s.version, 2);
	store_done(&s);
}

/* Open, load, grant. Return: the first outcome that is not 0. */
static int reopen_with(struct store *s, struct view k)
{
	int r;

	r = store_open(s, folder, PSEUDONYM, false);
	if (r == 0) {
		r = store_load(s);
	}
	return r == 0 ? store_grant(s, k) : r;
}

static int reopen(struct store *s)
{
	return reopen_with(s, VIEW(key));
}

static const char *path_of(const char *suffix)
{
	static char path[256];

	(void)snprintf(path, sizeof(path), "%s/01/%s.dossier%s", folder, PSEUDONYM, suffix);
	return path;
}

/* SQL on the closed file, as a thief would write it */
static void tamper(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(path_of(""), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Everything that can be read of the two documents. Return: the worst outcome. */
static int read_all(struct store *s)
{
	static const char *const ids[] = {ID_A, ID_B};
	int worst = 0;

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct store_document d = STORE_DOCUMENT_NULL;
		struct store_content c;
		struct buf chunk = BUF_NULL(STORE_CHUNK);
		int r = store_get(s, ids[i], &d);

		worst = worst ? worst : r;
		assert_int_equal(
			store_content_init(s, (int64_t)i + 1, ids[i], 2, VIEW(salt), &c), 0);
		for (uint32_t n = 0; n < 2; n++) {
			r = store_get_chunk(s, &c, n, n == 1, &chunk);
			worst = worst ? worst : r;
			assert_true(r == 0 || chunk.len == 0);
		}
		store_content_done(&c);
		buf_done(&chunk);
		store_document_done(&d);
	}
	return worst;
}

/* -- round trips -------------------------------------------------------------------------------- */

static void what_was_written_is_read(void **state)
{
	struct store_document d = STORE_DOCUMENT_NULL;
	struct buf people = BUF_NULL(STORE_RECORD);
	struct secret people_key;
	uint32_t n;
	int64_t seq;
	struct store s;

	(void)state;
	fill();
	assert_int_equal(store_open(&s, folder, PSEUDONYM, true), 0);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(s.version, 2);
	assert_int_equal(seal_people_key(VIEW(key), view_str(PSEUDONYM), &people_key), 0);
	assert_int_equal(store_read_people(&s, view_of(people_key.data, SEAL_KEY), &people), 0);
	assert_true(view_equal(buf_view(&people), VIEW_TEXT("{\"people\":1}")));
	secret_done(&people_key);
	assert_int_equal(store_grant(&s, VIEW(key)), 0);
	assert_int_equal(read_all(&s), 0);
	assert_int_equal(store_next(&s, &d), 0);
	assert_string_equal(d.id, ID_A);
	assert_true(view_equal(buf_view(&d.record), VIEW_TEXT("{\"a\":1}")));
	assert_int_equal(d.version, 2);
	assert_int_equal(store_next(&s, &d), 0);
	assert_string_equal(d.id, ID_B);
	assert_int_equal(store_next(&s, &d), DOSSIER_NO_DOCUMENT);
	assert_int_equal(store_get(&s, "nothing", &d), DOSSIER_NO_DOCUMENT);
	assert_int_equal(store_count_chunks(&s, 1, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(store_count_chunks(&s, 3, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(store_next_seq(&s, &seq), 0);
	assert_int_equal(seq, 3);
	store_document_done(&d);
	buf_done(&people);
	store_done(&s);
}

static void nothing_of_the_content_is_in_the_file(void **state)
{
	static char text[512 * 1024];
	static const char *const words[] = {"people", "\"a\"", "first of", "last of"};
	static const char *const suffixes[] = {"", "-wal"};

	(void)state;
	fill();
	for (size_t f = 0; f < ARRAY_LEN(suffixes); f++) {
		FILE *file = fopen(path_of(suffixes[f]), "r");
		size_t n;

		assert_non_null(file);
		n = fread(text, 1, sizeof(text), file);
		fclose(file);
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			/* the schema has a column of that name */
			if (i > 0) {
				assert_null(memmem(text, n, words[i], strlen(words[i])));
			}
		}
		assert_null(memmem(text, n, "{\"people\"", 9));
	}
}

static void each_change_raises_the_version_and_chains_the_hash(void **state)
{
	struct store_document d = STORE_DOCUMENT_NULL;
	uint8_t before[SEAL_HASH];
	struct store s;

	(void)state;
	fill();
	assert_int_equal(reopen(&s), 0);
	bytes_copy(before, sizeof(before), s.hash, sizeof(s.hash));
	assert_int_equal(store_get(&s, ID_A, &d), 0);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_replace(&s, &d), 0);
	assert_int_equal(store_commit(&s), 0);
	assert_int_equal(s.version, 3);
	assert_memory_equal(s.previous, before, sizeof(before));
	assert_memory_not_equal(s.hash, before, sizeof(before));
	bytes_copy(before, sizeof(before), s.hash, sizeof(s.hash));
	store_done(&s);
	assert_int_equal(reopen(&s), 0);
	assert_memory_equal(s.hash, before, sizeof(before));
	assert_int_equal(store_get(&s, ID_A, &d), 0);
	assert_int_equal(d.version, 3);
	store_document_done(&d);
	store_done(&s);
}

static void change_that_is_rolled_back_leaves_nothing(void **state)
{
	struct store s;

	(void)state;
	fill();
	assert_int_equal(reopen(&s), 0);
	assert_int_equal(store_begin(&s), 0);
	put(&s, 3, "00000000-0000-4000-8000-00000000000c", "{}");
	store_rollback(&s);
	store_rollback(&s);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(s.version, 2);
	assert_int_equal(store_grant(&s, VIEW(key)), 0);
	store_done(&s);
}

static void absent_file_is_made_only_when_wanted(void **state)
{
	struct buf people = BUF_NULL(16);
	struct store s;
	struct stat st;

	(void)state;
	assert_int_equal(store_open(&s, folder, PSEUDONYM, false), 0);
	assert_null(s.db);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_ABSENT);
	assert_int_equal(store_read_people(&s, VIEW_NULL, &people), 0);
	assert_true(view_equal(buf_view(&people), VIEW_TEXT("{}")));
	buf_done(&people);
	store_done(&s);
	assert_int_equal(stat(path_of(""), &st), -1);
	assert_int_equal(store_open(&s, folder, PSEUDONYM, true), 0);
	assert_non_null(s.db);
	store_done(&s);
	assert_int_equal(stat(path_of(""), &st), 0);
	/* laid out and never created: still absent */
	assert_int_equal(reopen(&s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_ABSENT);
	store_done(&s);
}

static void names_that_are_no_pseudonym_are_refused(void **state)
{
	static const char *const names[] = {"", "../../etc/passwd", "0123",
		"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		PSEUDONYM "0"};
	struct store s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(store_open(&s, folder, names[i], true), DOSSIER_INVALID);
	}
	assert_true(store_open(&s, "/nowhere", PSEUDONYM, true) != 0);
}

static void ids_are_uuids(void **state)
{
	(void)state;
	assert_true(store_id_valid(ID_A));
	assert_false(store_id_valid(""));
	assert_false(store_id_valid("00000000-0000-4000-8000-00000000000A"));
	assert_false(store_id_valid("00000000-0000-4000-8000-00000000000ab"));
	assert_false(store_id_valid("0000000000000-4000-8000-00000000000a"));
}

static void second_process_is_kept_out(void **state)
{
	struct store s;
	struct store other;

	(void)state;
	fill();
	assert_int_equal(reopen(&s), 0);
	assert_int_equal(store_open(&other, folder, PSEUDONYM, false), -EBUSY);
	store_done(&s);
}

/* -- damage ------------------------------------------------------------------------------------- */

static void another_key_opens_nothing(void **state)
{
	static const uint8_t wrong[SEAL_KEY] = {1, 2, 4};
	struct buf people = BUF_NULL(STORE_RECORD);
	struct store s;

	(void)state;
	fill();
	assert_int_equal(reopen_with(&s, VIEW(wrong)), DOSSIER_DAMAGED);
	assert_int_equal(store_read_people(&s, VIEW(wrong), &people), DOSSIER_DAMAGED);
	assert_int_equal(people.len, 0);
	buf_done(&people);
	store_done(&s);
	assert_true(reopen_with(&s, view_of(wrong, 5)) < 0);
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

		fill();
		tamper(vectors[i].sql);
		r = reopen(&s);
		if (vectors[i].at_once) {
			assert_int_equal(r, DOSSIER_DAMAGED);
		} else {
			assert_int_equal(r, 0);
			assert_int_equal(read_all(&s), DOSSIER_DAMAGED);
		}
		store_done(&s);
		assert_int_equal(remove(path_of("")), 0);
		(void)remove(path_of("-wal"));
	}
}

static void older_row_in_a_newer_store_is_found(void **state)
{
	struct store_document d = STORE_DOCUMENT_NULL;
	struct store s;

	(void)state;
	fill();
	tamper("CREATE TABLE kept AS SELECT * FROM document WHERE seq = 1;"
	       "CREATE TABLE kept_header AS SELECT * FROM dossier");
	/* a table more is found as well */
	assert_int_equal(reopen(&s), DOSSIER_DAMAGED);
	tamper("ALTER TABLE kept RENAME TO sqlitekept; DROP TABLE kept_header;"
	       "ATTACH '/tmp/vitaled-store-kept' AS k; DROP TABLE IF EXISTS k.kept;"
	       "CREATE TABLE k.kept AS SELECT * FROM sqlitekept; DROP TABLE sqlitekept");
	assert_int_equal(reopen(&s), 0);
	assert_int_equal(store_get(&s, ID_A, &d), 0);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_replace(&s, &d), 0);
	assert_int_equal(store_commit(&s), 0);
	store_done(&s);
	tamper("ATTACH '/tmp/vitaled-store-kept' AS k;"
	       "UPDATE document SET version = (SELECT version FROM k.kept),"
	       " sealed = (SELECT sealed FROM k.kept) WHERE seq = 1");
	assert_int_equal(remove("/tmp/vitaled-store-kept"), 0);
	assert_int_equal(reopen(&s), DOSSIER_DAMAGED);
	store_done(&s);
	store_document_done(&d);
}

static void whole_store_of_another_patient_is_found(void **state)
{
	char to[256];
	struct store s;

	(void)state;
	fill();
	tamper("PRAGMA journal_mode = DELETE");
	(void)snprintf(to, sizeof(to), "%s/01/%s.dossier", folder, OTHER);
	assert_int_equal(rename(path_of(""), to), 0);
	assert_int_equal(store_open(&s, folder, OTHER, false), 0);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(store_grant(&s, VIEW(key)), DOSSIER_DAMAGED);
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

		fill();
		tamper(vectors[i]);
		assert_int_equal(reopen(&s), DOSSIER_DAMAGED);
		assert_null(s.db);
		assert_int_equal(remove(path_of("")), 0);
		(void)remove(path_of("-wal"));
	}
}

static void every_flipped_byte_of_the_file_is_found_or_harmless(void **state)
{
	static uint8_t whole[256 * 1024];
	size_t found = 0;
	FILE *f;
	size_t n;

	(void)state;
	fill();
	tamper("PRAGMA journal_mode = DELETE");
	f = fopen(path_of(""), "r");
	assert_non_null(f);
	n = fread(whole, 1, sizeof(whole), f);
	fclose(f);
	for (size_t at = 0; at < n; at += 61) {
		struct store s;
		int r;

		whole[at] ^= 0x20;
		f = fopen(path_of(""), "w");
		assert_non_null(f);
		assert_int_equal(fwrite(whole, 1, n, f), n);
		fclose(f);
		(void)remove(path_of("-wal"));
		whole[at] ^= 0x20;
		r = reopen(&s);
		if (r == 0) {
			r = read_all(&s);
		}
		/* what is read as whole is what was written: read_all() checks tags */
		assert_true(r == 0 || r == DOSSIER_DAMAGED || r == DOSSIER_NO_DOCUMENT ||
			    r == DOSSIER_FULL || r < 0);
		found += r != 0;
		store_done(&s);
	}
	assert_true(found > 0);
}

/* -- disk --------------------------------------------------------------------------------------- */

static void limit_files(rlim_t most)
{
	struct rlimit l = {.rlim_cur = most, .rlim_max = RLIM_INFINITY};

	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void full_disk_is_told_and_the_change_is_undone(void **state)
{
	static const uint8_t plain[STORE_CHUNK] = {0};
	struct store_content c;
	struct store s;
	int r = 0;

	(void)state;
	fill();
	assert_int_equal(reopen(&s), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_files(200000);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_content_init(&s, 3, ID_A, 3, VIEW(salt), &c), 0);
	for (uint32_t i = 0; i < 200 && r == 0; i++) {
		r = store_put_chunk(&s, &c, i, false, VIEW(plain));
	}
	if (r == 0) {
		r = store_commit(&s);
	}
	limit_files(RLIM_INFINITY);
	assert_int_equal(r, DOSSIER_FULL);
	store_rollback(&s);
	store_content_done(&c);
	store_done(&s);
	assert_int_equal(reopen(&s), 0);
	assert_int_equal(s.version, 2);
	assert_int_equal(read_all(&s), 0);
	store_done(&s);
}

static void full_disk_at_opening_is_told(void **state)
{
	struct store s;
	int r;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_files(1000);
	r = store_open(&s, folder, PSEUDONYM, true);
	limit_files(RLIM_INFINITY);
	assert_int_equal(r, DOSSIER_FULL);
	assert_null(s.db);
}

static void outcomes_of_sqlite_are_told_apart(void **state)
{
	static const struct {
		int rc;
		int outcome;
	} vectors[] = {
		{SQLITE_OK, 0},
		{SQLITE_ROW, 0},
		{SQLITE_DONE, 0},
		{SQLITE_FULL, DOSSIER_FULL},
		{SQLITE_READONLY, DOSSIER_FULL},
		{SQLITE_CANTOPEN, DOSSIER_FULL},
		{SQLITE_IOERR_WRITE, DOSSIER_FULL},
		{SQLITE_IOERR_READ, -EIO},
		{SQLITE_IOERR_FSYNC, DOSSIER_FULL},
		{SQLITE_IOERR_SHORT_READ, DOSSIER_DAMAGED},
		{SQLITE_CORRUPT, DOSSIER_DAMAGED},
		{SQLITE_NOTADB, DOSSIER_DAMAGED},
		{SQLITE_NOMEM, -ENOMEM},
		{SQLITE_BUSY, -EBUSY},
		{SQLITE_MISUSE, -EPROTO},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		assert_int_equal(query_failure(vectors[i].rc), vectors[i].outcome);
	}
}

static void too_many_documents_are_refused(void **state)
{
	int64_t seq;
	struct store s;

	(void)state;
	fill();
	assert_int_equal(reopen(&s), 0);
	assert_int_equal(store_begin(&s), 0);
	put(&s, STORE_DOCUMENTS, "00000000-0000-4000-8000-00000000000c", "{}");
	assert_int_equal(store_next_seq(&s, &seq), DOSSIER_TOO_LARGE);
	store_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
		T(what_was_written_is_read),
		T(nothing_of_the_content_is_in_the_file),
		T(each_change_raises_the_version_and_chains_the_hash),
		T(change_that_is_rolled_back_leaves_nothing),
		T(absent_file_is_made_only_when_wanted),
		T(names_that_are_no_pseudonym_are_refused),
		T(ids_are_uuids),
		T(second_process_is_kept_out),
		T(another_key_opens_nothing),
		T(every_row_that_is_changed_is_found),
		T(older_row_in_a_newer_store_is_found),
		T(whole_store_of_another_patient_is_found),
		T(schema_that_is_not_ours_is_refused),
		T(every_flipped_byte_of_the_file_is_found_or_harmless),
		T(full_disk_is_told_and_the_change_is_undone),
		T(full_disk_at_opening_is_told),
		T(outcomes_of_sqlite_are_told_apart),
		T(too_many_documents_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
