/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The file of one dossier: round trips, versions, and a disk that does not take it.
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
	file_fill();
	assert_int_equal(store_open(&s, file_root, FILE_PSEUDONYM, true), 0);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(s.version, 2);
	assert_int_equal(
		seal_people_key(VIEW(file_key), view_str(FILE_PSEUDONYM), &people_key), 0);
	assert_int_equal(store_read_people(&s, view_of(people_key.data, SEAL_KEY), &people), 0);
	assert_true(view_equal(buf_view(&people), VIEW_TEXT("{\"people\":1}")));
	secret_done(&people_key);
	assert_int_equal(store_grant(&s, VIEW(file_key)), 0);
	assert_int_equal(file_read_all(&s), 0);
	assert_int_equal(store_get_at(&s, 1, &d), 0);
	assert_string_equal(d.id, FILE_ID_A);
	assert_true(view_equal(buf_view(&d.record), VIEW_TEXT("{\"a\":1}")));
	assert_int_equal(d.version, 2);
	assert_int_equal(store_get_at(&s, 3, &d), DOSSIER_NO_DOCUMENT);
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

/* Their ids' last letters, in the order of the walk. */
static int note(void *user, const struct store_document *d)
{
	char *letters = user;
	size_t n = strlen(letters);

	letters[n] = d->id[STORE_ID - 1];
	return n == 3 ? DOSSIER_FULL : 0;
}

static void each_document_is_walked_over_in_order(void **state)
{
	char letters[8] = "";
	struct store s;

	(void)state;
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(store_each(&s, 0, note, letters), 0);
	assert_string_equal(letters, "ab");
	assert_int_equal(store_each(&s, 1, note, letters), 0);
	assert_string_equal(letters, "abb");
	assert_int_equal(store_each(&s, 0, note, letters), DOSSIER_FULL); /* what it returned */
	assert_string_equal(letters, "abba");
	assert_int_equal(
		query_run(s.db, "UPDATE document SET sealed = zeroblob(40) WHERE seq = 2"), 0);
	memset(letters, 0, sizeof(letters));
	assert_int_equal(store_each(&s, 0, note, letters), DOSSIER_DAMAGED);
	store_done(&s);
}

static void nothing_of_the_content_is_in_the_file(void **state)
{
	static char text[512 * 1024];
	static const char *const words[] = {"people", "\"a\"", "first of", "last of"};
	static const char *const suffixes[] = {"", "-wal"};

	(void)state;
	file_fill();
	for (size_t f = 0; f < ARRAY_LEN(suffixes); f++) {
		FILE *file = fopen(file_path(suffixes[f]), "r");
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
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	bytes_copy(before, sizeof(before), s.hash, sizeof(s.hash));
	assert_int_equal(store_get(&s, FILE_ID_A, &d), 0);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_replace(&s, &d), 0);
	assert_int_equal(store_commit(&s), 0);
	assert_int_equal(s.version, 3);
	assert_memory_equal(s.previous, before, sizeof(before));
	assert_memory_not_equal(s.hash, before, sizeof(before));
	bytes_copy(before, sizeof(before), s.hash, sizeof(s.hash));
	store_done(&s);
	assert_int_equal(file_reopen(&s), 0);
	assert_memory_equal(s.hash, before, sizeof(before));
	assert_int_equal(store_get(&s, FILE_ID_A, &d), 0);
	assert_int_equal(d.version, 3);
	store_document_done(&d);
	store_done(&s);
}

static void people_are_part_of_the_hash(void **state)
{
	_cleanup_(buf_done) struct buf people = BUF_NULL(STORE_RECORD);
	uint8_t before[SEAL_HASH];
	struct store s;

	(void)state;
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	bytes_copy(before, sizeof(before), s.hash, sizeof(s.hash));
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_put_people(&s, VIEW_TEXT("{\"people\":2}")), 0);
	assert_int_equal(store_commit(&s), 0);
	assert_int_equal(s.version, 3);
	assert_memory_not_equal(s.hash, before, sizeof(before));
	store_done(&s);
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(
		store_read_people(&s, view_of(s.people.data, s.people.len), &people), 0);
	assert_true(view_equal(buf_view(&people), VIEW_TEXT("{\"people\":2}")));
	store_done(&s);
}

static void contents_that_are_dropped_are_gone_when_it_is_committed(void **state)
{
	uint32_t n;
	struct store s;

	(void)state;
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_drop_content(&s, 1), 0);
	store_rollback(&s);
	assert_int_equal(file_read_all(&s), 0);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_drop_content(&s, 1), 0);
	assert_int_equal(store_commit(&s), 0);
	assert_int_equal(store_scrub(&s), 0);
	store_done(&s);
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(store_count_chunks(&s, 1, &n), 0);
	assert_int_equal(n, 0);
	assert_int_equal(store_count_chunks(&s, 2, &n), 0);
	assert_int_equal(n, 2); /* its neighbour's are there */
	store_done(&s);
}

static void change_that_could_not_be_rolled_back_is_before_anything_is_read(void **state)
{
	struct store s;

	(void)state;
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(store_settle(&s), 0);
	assert_int_equal(store_begin(&s), 0);
	file_put(&s, 3, "00000000-0000-4000-8000-00000000000c", "{}");
	s.writing = false; /* as when ROLLBACK had no memory */
	assert_int_equal(store_settle(&s), 0);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(store_grant(&s, VIEW(file_key)), 0);
	store_done(&s);
}

static void change_that_is_rolled_back_leaves_nothing(void **state)
{
	struct store s;

	(void)state;
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(store_begin(&s), 0);
	file_put(&s, 3, "00000000-0000-4000-8000-00000000000c", "{}");
	store_rollback(&s);
	store_rollback(&s);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(s.version, 2);
	assert_int_equal(store_grant(&s, VIEW(file_key)), 0);
	store_done(&s);
}

static void absent_file_is_made_only_when_wanted(void **state)
{
	struct buf people = BUF_NULL(16);
	struct store s;
	struct stat st;

	(void)state;
	assert_int_equal(store_open(&s, file_root, FILE_PSEUDONYM, false), 0);
	assert_null(s.db);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_ABSENT);
	assert_int_equal(store_read_people(&s, VIEW_NULL, &people), 0);
	assert_true(view_equal(buf_view(&people), VIEW_TEXT("{}")));
	buf_done(&people);
	store_done(&s);
	assert_int_equal(stat(file_path(""), &st), -1);
	assert_int_equal(store_open(&s, file_root, FILE_PSEUDONYM, true), 0);
	assert_non_null(s.db);
	store_done(&s);
	assert_int_equal(stat(file_path(""), &st), 0);
	/* laid out and never created: still absent */
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_ABSENT);
	store_done(&s);
}

static void names_that_are_no_pseudonym_are_refused(void **state)
{
	static const char *const names[] = {"", "../../etc/passwd", "0123",
		"0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef",
		FILE_PSEUDONYM "0"};
	struct store s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(store_open(&s, file_root, names[i], true), DOSSIER_INVALID);
	}
	assert_true(store_open(&s, "/nowhere", FILE_PSEUDONYM, true) != 0);
}

static void ids_are_uuids(void **state)
{
	(void)state;
	assert_true(store_id_valid(FILE_ID_A));
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
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(store_open(&other, file_root, FILE_PSEUDONYM, false), -EBUSY);
	store_done(&s);
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
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_files(200000);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_content_init(&s, 3, FILE_ID_A, 3, VIEW(file_salt), &c), 0);
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
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(s.version, 2);
	assert_int_equal(file_read_all(&s), 0);
	store_done(&s);
}

static void full_disk_at_opening_is_told(void **state)
{
	struct store s;
	int r;

	(void)state;
	(void)signal(SIGXFSZ, SIG_IGN);
	limit_files(1000);
	r = store_open(&s, file_root, FILE_PSEUDONYM, true);
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
	file_fill();
	assert_int_equal(file_reopen(&s), 0);
	assert_int_equal(store_begin(&s), 0);
	file_put(&s, STORE_DOCUMENTS, "00000000-0000-4000-8000-00000000000c", "{}");
	assert_int_equal(store_next_seq(&s, &seq), DOSSIER_TOO_LARGE);
	store_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, file_folder, file_remove)
		T(what_was_written_is_read),
		T(each_document_is_walked_over_in_order),
		T(nothing_of_the_content_is_in_the_file),
		T(each_change_raises_the_version_and_chains_the_hash),
		T(people_are_part_of_the_hash),
		T(contents_that_are_dropped_are_gone_when_it_is_committed),
		T(change_that_could_not_be_rolled_back_is_before_anything_is_read),
		T(change_that_is_rolled_back_leaves_nothing),
		T(absent_file_is_made_only_when_wanted),
		T(names_that_are_no_pseudonym_are_refused),
		T(ids_are_uuids),
		T(second_process_is_kept_out),
		T(full_disk_is_told_and_the_change_is_undone),
		T(full_disk_at_opening_is_told),
		T(outcomes_of_sqlite_are_told_apart),
		T(too_many_documents_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
