/* SPDX-License-Identifier: EUPL-1.2 */
/* What the tests of the store begin with. */
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

char file_root[64];
const uint8_t file_key[SEAL_KEY] = {1, 2, 3};
const uint8_t file_salt[32] = {9};

int file_folder(void **state)
{
	(void)state;
	(void)snprintf(file_root, sizeof(file_root), "%s/vitaled-store-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(file_root));
	return seal_setup();
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

int file_remove(void **state)
{
	(void)state;
	return nftw(file_root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

void file_put(struct store *s, int64_t seq, const char *id, const char *record)
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

	assert_int_equal(
		store_content_init(s, seq, id, s->version + 1, VIEW(file_salt), &c), 0);
	assert_int_equal(store_put_chunk(s, &c, 0, false, view_str(first)), 0);
	assert_int_equal(store_put_chunk(s, &c, 1, true, view_str(last)), 0);
	store_content_done(&c);
}

/* Version 1: created. Version 2: two documents of two chunks each. */
void file_fill(void)
{
	struct store s;

	assert_int_equal(store_open(&s, file_root, FILE_PSEUDONYM, true), 0);
	assert_int_equal(store_load(&s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_ABSENT);
	assert_int_equal(store_grant(&s, VIEW(file_key)), 0);
	assert_int_equal(store_begin(&s), 0);
	assert_int_equal(store_create(&s, VIEW_TEXT("{\"people\":1}")), 0);
	assert_int_equal(store_commit(&s), 0);
	assert_int_equal(s.state, DOSSIER_STATE_OPEN);
	assert_int_equal(s.version, 1);
	assert_int_equal(store_begin(&s), 0);
	file_put(&s, 1, FILE_ID_A, "{\"a\":1}");
	file_put(&s, 2, FILE_ID_B, "{\"b\":2}");
	put_content(&s, 1, FILE_ID_A, "first of a", "last of a");
	put_content(&s, 2, FILE_ID_B, "first of b", "last of b");
	assert_int_equal(store_commit(&s), 0);
	assert_int_equal(s.version, 2);
	store_done(&s);
}

/* Open, load, grant. Return: the first outcome that is not 0. */
int file_reopen_with(struct store *s, struct view k)
{
	int r;

	r = store_open(s, file_root, FILE_PSEUDONYM, false);
	if (r == 0) {
		r = store_load(s);
	}
	return r == 0 ? store_grant(s, k) : r;
}

int file_reopen(struct store *s)
{
	return file_reopen_with(s, VIEW(file_key));
}

const char *file_path(const char *suffix)
{
	static char path[256];

	(void)snprintf(
		path, sizeof(path), "%s/01/%s.dossier%s", file_root, FILE_PSEUDONYM, suffix);
	return path;
}

/* SQL on the closed file, as a thief would write it */
void file_tamper(const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(file_path(""), &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* Everything that can be read of the two documents. Return: the worst outcome. */
int file_read_all(struct store *s)
{
	static const char *const ids[] = {FILE_ID_A, FILE_ID_B};
	int worst = 0;

	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct store_document d = STORE_DOCUMENT_NULL;
		struct store_content c;
		struct buf chunk = BUF_NULL(STORE_CHUNK);
		int r = store_get(s, ids[i], &d);

		worst = worst ? worst : r;
		assert_int_equal(
			store_content_init(s, (int64_t)i + 1, ids[i], 2, VIEW(file_salt), &c),
			0);
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
