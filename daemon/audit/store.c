/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * SQLite under the record: WAL with synchronous=FULL, so a commit that returned has been synced;
 * locking_mode=EXCLUSIVE, so nobody else writes and no shared memory file exists. What is searched
 * for (pseudonym, dossier hash) is a generated column over the entry's own text and can never say
 * anything else than it. Statements are prepared once and reset after each use.
 */
#include "daemon/audit/store.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_NAME   "audit.sqlite"
#define FORMAT	    "2" /* PRAGMA user_version; 1 had no marks */
#define LEVEL_SHIFT 56	/* node key: level << 56 | index */
#define LENGTH_MAX                                                                             \
	(1024 * 1024) /* bytes of any value: a damaged file must not make us hold more */

/* the cache in KiB: entries are read once, in order */
static const char settings[] = "PRAGMA page_size=4096;" /* STORE_PAGE */
			       "PRAGMA locking_mode=EXCLUSIVE;"
			       "PRAGMA journal_mode=WAL;"
			       "PRAGMA synchronous=FULL;"
			       "PRAGMA temp_store=MEMORY;"
			       "PRAGMA secure_delete=ON;" /* what is pruned is gone */
			       "PRAGMA cache_size=-512;"
			       "PRAGMA cell_size_check=ON;";

static const char layout[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE entry(i INTEGER PRIMARY KEY, e TEXT NOT NULL,"
	" pseudonym TEXT GENERATED ALWAYS AS (json_extract(e, '$.pseudonym')) VIRTUAL,"
	" hash TEXT GENERATED ALWAYS AS (json_extract(e, '$.\"dossier-hash\"')) VIRTUAL);"
	"CREATE INDEX entry_of_person ON entry(pseudonym, i) WHERE pseudonym IS NOT NULL;"
	"CREATE INDEX entry_of_version ON entry(pseudonym, i) WHERE hash IS NOT NULL;"
	"CREATE TABLE checkpoint(size INTEGER PRIMARY KEY, note TEXT NOT NULL);"
	"CREATE TABLE mark(k INTEGER PRIMARY KEY, v INTEGER NOT NULL);"
	"PRAGMA user_version=" FORMAT ";"
	"COMMIT;";

static const char from_format_1[] =
	"BEGIN IMMEDIATE;"
	"CREATE TABLE mark(k INTEGER PRIMARY KEY, v INTEGER NOT NULL);"
	"PRAGMA user_version=" FORMAT ";"
	"COMMIT;";

/* apart, since it may be dropped and is rebuilt from the entries */
static const char layout_nodes[] =
	"CREATE TABLE IF NOT EXISTS node(k INTEGER PRIMARY KEY, h BLOB NOT NULL);";

static const char *const texts[STORE_STATEMENT_COUNT] = {
	[STORE_BEGIN_WRITE] = "BEGIN IMMEDIATE",
	[STORE_BEGIN_READ] = "BEGIN",
	[STORE_COMMIT] = "COMMIT",
	[STORE_ROLLBACK] = "ROLLBACK",
	[STORE_PUT_ENTRY] = "INSERT INTO entry(i, e) VALUES(?1, ?2)",
	[STORE_PUT_NODE] = "INSERT INTO node(k, h) VALUES(?1, ?2)",
	[STORE_PUT_CHECKPOINT] = "INSERT INTO checkpoint(size, note) VALUES(?1, ?2)",
	[STORE_PUT_MARK] = "INSERT OR REPLACE INTO mark(k, v) VALUES(?1, ?2)",
	[STORE_CLEAR_NODES] = "DELETE FROM node WHERE k >= ?1",
	[STORE_FORGET_ENTRY] = "DELETE FROM entry WHERE i = ?1",
	[STORE_GET_MARK] = "SELECT v FROM mark WHERE k = ?1",
	[STORE_GET_ENTRY] = "SELECT i, e FROM entry WHERE i = ?1",
	[STORE_GET_NODE] = "SELECT k, h FROM node WHERE k = ?1",
	[STORE_FIRST_ENTRY] = "SELECT i, e FROM entry ORDER BY i LIMIT 1",
	[STORE_LAST_ENTRY] = "SELECT i, e FROM entry ORDER BY i DESC LIMIT 1",
	[STORE_LAST_LEAF] = "SELECT k, h FROM node WHERE k < (1 << 56) ORDER BY k DESC LIMIT 1",
	[STORE_LAST_CHECKPOINT] =
		"SELECT size, note FROM checkpoint ORDER BY size DESC LIMIT 1",
	[STORE_NEXT_CHECKPOINT] =
		"SELECT size, note FROM checkpoint WHERE size >= ?1 ORDER BY size LIMIT 1",
	[STORE_EACH_ENTRY] = "SELECT i, e FROM entry WHERE i >= ?1 ORDER BY i",
	[STORE_EACH_LEAF] = "SELECT k, h FROM node WHERE k >= ?1 AND k < (1 << 56) ORDER BY k",
	[STORE_EACH_OF_PERSON] =
		("SELECT i, e FROM entry WHERE pseudonym IS NOT NULL"
		 " AND pseudonym = ?1 AND i < ?5 AND (?3 IS NULL OR"
		 " json_extract(e, '$.professional') = ?3)"
		 " AND (?4 IS NULL OR json_extract(e, '$.event') IN"
		 " (SELECT value FROM json_each(?4))) ORDER BY i DESC LIMIT ?2"),
	[STORE_VERSION_OF_PERSON] = "SELECT i, e FROM entry WHERE hash IS NOT NULL"
				    " AND pseudonym = ?1 ORDER BY i DESC LIMIT 1",
	[STORE_PAGES] = "PRAGMA page_count",
	[STORE_PAGES_FREE] = "PRAGMA freelist_count",
};

/* -- faults ------------------------------------------------------------------------------------- */

/* What the system said last about the file or its WAL; 0 when it said nothing. */
static int last_errno(const struct store *s)
{
	static const int files[] = {SQLITE_FCNTL_JOURNAL_POINTER, SQLITE_FCNTL_FILE_POINTER};
	int e = 0;

	for (size_t i = 0; s->db && e == 0 && i < ARRAY_LEN(files); i++) {
		sqlite3_file *f = NULL;

		if (sqlite3_file_control(s->db, "main", files[i], &f) != SQLITE_OK || !f ||
			!f->pMethods)
			continue;
		(void)f->pMethods->xFileControl(f, SQLITE_FCNTL_LAST_ERRNO, &e);
	}
	return e;
}

static int disk_fault(const struct store *s)
{
	int e = last_errno(s);

	if (e == ENOSPC || e == EDQUOT || e == EFBIG)
		return -ENOSPC;
	return e == EROFS ? -EROFS : -EIO;
}

static int store_fault(const struct store *s, int rc)
{
	switch (rc & 0xff) {
	case SQLITE_FULL:
		return fault(-ENOSPC);
	case SQLITE_READONLY:
		return fault(-EROFS);
	case SQLITE_NOMEM:
		return fault(-ENOMEM);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return fault(-EBUSY);
	case SQLITE_IOERR:
	case SQLITE_CANTOPEN:
		return fault(disk_fault(s));
	default: /* CORRUPT, NOTADB, CONSTRAINT, ERROR (no such table), ... */
		return fault(-EBADMSG);
	}
}

/* -- statements --------------------------------------------------------------------------------- */

static void statement_rest(sqlite3_stmt **st)
{
	(void)sqlite3_reset(*st);
	(void)sqlite3_clear_bindings(*st);
}

static sqlite3_int64 to_key(uint64_t n)
{
	return (sqlite3_int64)(n & INT64_MAX);
}

/* Return: 0 there is a row, STORE_NONE there is none (more), or a fault. */
static int step(struct store *s, sqlite3_stmt *st)
{
	int rc = sqlite3_step(st);

	if (rc == SQLITE_ROW)
		return 0;
	return rc == SQLITE_DONE ? STORE_NONE : store_fault(s, rc);
}

/* A statement without an answer. @value: text, or a blob, or empty. */
static int run(
	struct store *s, enum store_statement which, uint64_t key, struct view value, bool blob)
{
	_cleanup_(statement_rest) sqlite3_stmt *st = s->statements[which];
	int rc = SQLITE_OK, r;

	if (value.data) {
		rc = sqlite3_bind_int64(st, 1, to_key(key));
		if (rc == SQLITE_OK && blob)
			rc = sqlite3_bind_blob64(st, 2, value.data, value.len, SQLITE_STATIC);
		else if (rc == SQLITE_OK)
			rc = sqlite3_bind_text64(st, 2, (const char *)value.data, value.len,
				SQLITE_STATIC, SQLITE_UTF8);
	}
	if (rc != SQLITE_OK)
		return store_fault(s, rc);
	r = step(s, st);
	return r < 0 ? trace(r) : 0;
}

/* Number and bytes of the row at which @st stands. */
static int row(sqlite3_stmt *st, uint64_t *ret_number, struct view *ret_value)
{
	sqlite3_int64 n = sqlite3_column_int64(st, 0);
	const void *data = sqlite3_column_blob(st, 1);
	int len = sqlite3_column_bytes(st, 1);

	if (n < 0 || !data || len <= 0)
		return fault(-EBADMSG);
	*ret_number = (uint64_t)n;
	*ret_value = view_of(data, (size_t)len);
	return 0;
}

/* The one row of a statement that is bound. @out may be NULL. */
static int first_row(struct store *s, sqlite3_stmt *st, uint64_t *ret_number, struct buf *out)
{
	struct view value;
	uint64_t n;
	int r = step(s, st);

	if (r == 0)
		r = row(st, &n, &value);
	if (r != 0)
		return trace(r);
	if (out)
		buf_put_view(out, value);
	if (ret_number)
		*ret_number = n;
	return out ? trace(buf_check(out)) : 0;
}

static int first_by_number(struct store *s, enum store_statement which, uint64_t key,
	uint64_t *ret_number, struct buf *out)
{
	_cleanup_(statement_rest) sqlite3_stmt *st = s->statements[which];

	if (sqlite3_bind_parameter_count(st) > 0) {
		int rc = sqlite3_bind_int64(st, 1, to_key(key));

		if (rc != SQLITE_OK)
			return store_fault(s, rc);
	}
	return trace(first_row(s, st, ret_number, out));
}

static int each(struct store *s, sqlite3_stmt *st, store_row_fn fn, void *user)
{
	int r;

	while ((r = step(s, st)) == 0) {
		struct view value;
		uint64_t n;

		r = row(st, &n, &value);
		if (r == 0)
			r = fn(user, n, value);
		if (r != 0)
			return r < 0 ? trace(r) : 0;
	}
	return r < 0 ? trace(r) : 0;
}

/* -- opening ------------------------------------------------------------------------------------ */

static int execute(struct store *s, const char *sql)
{
	int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);

	return rc == SQLITE_OK ? 0 : store_fault(s, rc);
}

/* The first column of the first row of @sql. */
static int ask(struct store *s, const char *sql, struct buf *out)
{
	sqlite3_stmt *st = NULL;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL), r;

	if (rc != SQLITE_OK)
		return store_fault(s, rc);
	r = step(s, st);
	if (r == 0)
		buf_printf(out, "%s", (const char *)sqlite3_column_text(st, 0));
	(void)sqlite3_finalize(st);
	return r == 0 ? trace(buf_check(out)) : trace(r);
}

static bool says(const struct buf *b, const char *text)
{
	return view_equal(buf_view(b), view_str(text));
}

/* Tables, when the file is new; a file of another format is refused. */
static int lay_out(struct store *s, bool *ret_fresh)
{
	_cleanup_(buf_done) struct buf format = BUF_NULL(32), tables = BUF_NULL(32),
				       mode = BUF_NULL(32);
	bool fresh;
	int r;

	r = execute(s, settings);
	if (r == 0)
		r = ask(s, "PRAGMA journal_mode", &mode);
	if (r == 0)
		r = ask(s, "PRAGMA user_version", &format);
	if (r == 0)
		r = ask(s, "SELECT count(*) FROM sqlite_schema", &tables);
	if (r != 0)
		return r < 0 ? trace(r) : fault(-EBADMSG);
	if (!says(&mode, "wal"))
		return fault(-EROFS);
	fresh = says(&format, "0") && says(&tables, "0");
	if (!fresh && !says(&format, FORMAT) && !says(&format, "1"))
		return fault(-EBADMSG);
	if (fresh)
		r = execute(s, layout);
	else if (says(&format, "1"))
		r = execute(s, from_format_1);
	if (r == 0)
		r = execute(s, layout_nodes);
	if (r == 0)
		*ret_fresh = fresh;
	return trace(r);
}

bool store_exists(int dirfd)
{
	struct stat st;

	return fstatat(dirfd, FILE_NAME, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       (st.st_size > 0 ||
		       faccessat(dirfd, FILE_NAME "-wal", F_OK, AT_SYMLINK_NOFOLLOW) == 0);
}

int store_open(const char *folder, int dirfd, struct store *ret_s, bool *ret_fresh)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(4096);
	int fd, rc, r;

	/* made by us, because SQLite would make it readable to all that the umask allows */
	fd = openat(dirfd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fault(-errno);
	(void)close(fd);
	if (fsync(dirfd) < 0)
		return fault(-errno);
	buf_printf(&path, "%s/" FILE_NAME, folder);
	buf_put_u8(&path, 0);
	r = buf_check(&path);
	if (r < 0)
		return trace(r);
	rc = sqlite3_open_v2((const char *)path.data, &ret_s->db,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
	if (rc != SQLITE_OK)
		return store_fault(ret_s, rc);
	(void)sqlite3_extended_result_codes(ret_s->db, 1);
	/* a file that somebody changed brings no code of theirs */
	(void)sqlite3_db_config(ret_s->db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(ret_s->db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	(void)sqlite3_db_config(ret_s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_limit(ret_s->db, SQLITE_LIMIT_LENGTH, LENGTH_MAX);
	store_adopt_log(ret_s);
	r = lay_out(ret_s, ret_fresh);
	if (r < 0)
		return r == -EIO && store_full(dirfd) ? fault(-ENOSPC) : trace(r);
	for (size_t i = 0; i < STORE_STATEMENT_COUNT; i++) {
		rc = sqlite3_prepare_v3(ret_s->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT,
			&ret_s->statements[i], NULL);
		if (rc != SQLITE_OK)
			return store_fault(ret_s, rc);
	}
	return 0;
}

void store_close(struct store *s)
{
	for (size_t i = 0; i < STORE_STATEMENT_COUNT; i++) {
		(void)sqlite3_finalize(s->statements[i]);
		s->statements[i] = NULL;
	}
	if (s->log > 0 && !store_empty_log(s, false)) {
		(void)close(s->log); /* what is in the log is still needed */
		s->log = 0;
	}
	(void)sqlite3_close(s->db);
	s->db = NULL;
	if (s->log > 0)
		store_wipe_log(s);
}

/* -- transactions ------------------------------------------------------------------------------- */

int store_begin(struct store *s, bool write)
{
	store_rollback(s);
	return trace(run(s, write ? STORE_BEGIN_WRITE : STORE_BEGIN_READ, 0, VIEW_NULL, false));
}

int store_commit(struct store *s)
{
	return trace(run(s, STORE_COMMIT, 0, VIEW_NULL, false));
}

void store_rollback(struct store *s)
{
	/* when this fails the next store_begin() tries again, and fails while it must */
	if (!sqlite3_get_autocommit(s->db) && run(s, STORE_ROLLBACK, 0, VIEW_NULL, false) < 0)
		return;
}

/* -- rows --------------------------------------------------------------------------------------- */

int store_put_entry(struct store *s, uint64_t index, struct view text)
{
	return trace(run(s, STORE_PUT_ENTRY, index, text, false));
}

int store_put_checkpoint(struct store *s, uint64_t size, struct view note)
{
	return trace(run(s, STORE_PUT_CHECKPOINT, size, note, false));
}

/* A statement of one or two numbers and without an answer. */
static int run_numbers(
	struct store *s, enum store_statement which, uint64_t a, const uint64_t *b)
{
	_cleanup_(statement_rest) sqlite3_stmt *st = s->statements[which];
	int rc = sqlite3_bind_int64(st, 1, to_key(a)), r;

	if (rc == SQLITE_OK && b)
		rc = sqlite3_bind_int64(st, 2, to_key(*b));
	if (rc != SQLITE_OK)
		return store_fault(s, rc);
	r = step(s, st);
	return r < 0 ? trace(r) : 0;
}

int store_put_mark(struct store *s, enum store_mark mark, uint64_t value)
{
	return trace(run_numbers(s, STORE_PUT_MARK, mark, &value));
}

int store_clear_nodes(struct store *s, uint64_t kept)
{
	return trace(run_numbers(s, STORE_CLEAR_NODES, kept, NULL));
}

int store_forget_entry(struct store *s, uint64_t index)
{
	return trace(run_numbers(s, STORE_FORGET_ENTRY, index, NULL));
}

int store_get_mark(struct store *s, enum store_mark mark, uint64_t *ret)
{
	_cleanup_(statement_rest) sqlite3_stmt *st = s->statements[STORE_GET_MARK];
	int rc = sqlite3_bind_int64(st, 1, mark), r;

	r = rc == SQLITE_OK ? step(s, st) : store_fault(s, rc);
	if (r != 0)
		return trace(r);
	if (sqlite3_column_int64(st, 0) < 0)
		return fault(-EBADMSG);
	*ret = (uint64_t)sqlite3_column_int64(st, 0);
	return 0;
}

static uint64_t node_key(unsigned int level, uint64_t index)
{
	return (uint64_t)level << LEVEL_SHIFT | index;
}

int store_put_node(
	void *user, unsigned int level, uint64_t index, const uint8_t hash[MERKLE_HASH])
{
	return trace(run(user, STORE_PUT_NODE, node_key(level, index),
		view_of(hash, MERKLE_HASH), true));
}

int store_find_node(
	struct store *s, unsigned int level, uint64_t index, uint8_t ret_hash[MERKLE_HASH])
{
	_cleanup_(buf_done) struct buf h = BUF_NULL(STORE_ENTRY_MAX);
	int r = first_by_number(s, STORE_GET_NODE, node_key(level, index), NULL, &h);

	if (r < 0)
		return trace(r);
	if (r > 0 || h.len != MERKLE_HASH)
		return STORE_NONE;
	bytes_copy(ret_hash, MERKLE_HASH, h.data, h.len);
	return 0;
}

int store_get_node(
	void *user, unsigned int level, uint64_t index, uint8_t ret_hash[MERKLE_HASH])
{
	int r = store_find_node(user, level, index, ret_hash);

	return r > 0 ? fault(-EBADMSG) : trace(r);
}

int store_get_entry(struct store *s, uint64_t index, struct buf *text)
{
	return trace(first_by_number(s, STORE_GET_ENTRY, index, NULL, text));
}

int store_first_entry(struct store *s, uint64_t *ret_index)
{
	int r = first_by_number(s, STORE_FIRST_ENTRY, 0, ret_index, NULL);

	if (r == STORE_NONE)
		*ret_index = 0;
	return r < 0 ? trace(r) : 0;
}

int store_last_entry(struct store *s, uint64_t *ret_index, struct buf *text)
{
	return trace(first_by_number(s, STORE_LAST_ENTRY, 0, ret_index, text));
}

int store_last_leaf(struct store *s, uint64_t *ret_index)
{
	return trace(first_by_number(s, STORE_LAST_LEAF, 0, ret_index, NULL));
}

int store_last_checkpoint(struct store *s, uint64_t *ret_size, struct buf *note)
{
	return trace(first_by_number(s, STORE_LAST_CHECKPOINT, 0, ret_size, note));
}

int store_next_checkpoint(struct store *s, uint64_t from, uint64_t *ret_size, struct buf *note)
{
	return trace(first_by_number(s, STORE_NEXT_CHECKPOINT, from, ret_size, note));
}

static int bind_person(struct store *s, sqlite3_stmt *st, const char *pseudonym)
{
	int rc = sqlite3_bind_text(st, 1, pseudonym, -1, SQLITE_STATIC);

	return rc == SQLITE_OK ? 0 : store_fault(s, rc);
}

int store_version_of(struct store *s, const char *pseudonym, struct buf *text)
{
	_cleanup_(statement_rest) sqlite3_stmt *st = s->statements[STORE_VERSION_OF_PERSON];
	int r = bind_person(s, st, pseudonym);

	return trace(r < 0 ? r : first_row(s, st, NULL, text));
}

static int each_from(
	struct store *s, enum store_statement which, uint64_t from, store_row_fn fn, void *user)
{
	_cleanup_(statement_rest) sqlite3_stmt *st = s->statements[which];
	int rc = sqlite3_bind_int64(st, 1, to_key(from));

	return rc == SQLITE_OK ? trace(each(s, st, fn, user)) : store_fault(s, rc);
}

int store_each_entry(struct store *s, uint64_t from, store_row_fn fn, void *user)
{
	return trace(each_from(s, STORE_EACH_ENTRY, from, fn, user));
}

int store_first_leaf(struct store *s, uint64_t from)
{
	int rc = sqlite3_bind_int64(s->statements[STORE_EACH_LEAF], 1, to_key(from));

	return rc == SQLITE_OK ? 0 : store_fault(s, rc);
}

int store_next_leaf(struct store *s, uint64_t *ret_index, uint8_t ret_hash[MERKLE_HASH])
{
	sqlite3_stmt *st = s->statements[STORE_EACH_LEAF];
	struct view hash;
	int r = step(s, st);

	if (r != 0)
		return trace(r);
	if (row(st, ret_index, &hash) < 0 || hash.len != MERKLE_HASH)
		return STORE_NONE;
	bytes_copy(ret_hash, MERKLE_HASH, hash.data, hash.len);
	return 0;
}

void store_end_leaves(struct store *s)
{
	sqlite3_stmt *st = s->statements[STORE_EACH_LEAF];

	statement_rest(&st);
}

int store_each_leaf(struct store *s, uint64_t from, store_row_fn fn, void *user)
{
	return trace(each_from(s, STORE_EACH_LEAF, from, fn, user));
}

int store_each_of(
	struct store *s, const struct store_wanted *wanted, store_row_fn fn, void *user)
{
	_cleanup_(statement_rest) sqlite3_stmt *st = s->statements[STORE_EACH_OF_PERSON];
	int64_t below = wanted->below > 0 ? wanted->below : INT64_MAX;
	int r = bind_person(s, st, wanted->pseudonym);

	/* a text that is NULL binds as such */
	if (r == 0 && (sqlite3_bind_int64(st, 2, wanted->limit) != SQLITE_OK ||
			      sqlite3_bind_int64(st, 5, below) != SQLITE_OK ||
			      sqlite3_bind_text(st, 3, wanted->professional, -1,
				      SQLITE_STATIC) != SQLITE_OK ||
			      sqlite3_bind_text(st, 4, wanted->events, -1, SQLITE_STATIC) !=
				      SQLITE_OK))
		r = fault(-EIO);
	return r < 0 ? trace(r) : trace(each(s, st, fn, user));
}
