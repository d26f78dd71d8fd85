/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Opening or laying out the file, once, before the process gives up open(). After store_open()
 * SQLite holds the file and its write-ahead log open, needs no shared memory (exclusive locking),
 * no temporary file (temp_store=MEMORY) and no directory: one transaction has been written through,
 * so that the log exists and its folder is synced. The file's own idea of a schema is not trusted:
 * it must be ours to the letter.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/dossier/store/query.h"
#include "daemon/dossier/store/store.h"

#define SCHEMA_CHUNK "CREATE TABLE chunk(key INTEGER PRIMARY KEY, sealed BLOB NOT NULL)"
#define SCHEMA_DOCUMENT                                                                        \
	"CREATE TABLE document(seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,"              \
	" version INTEGER NOT NULL, sealed BLOB NOT NULL)"
#define SCHEMA_DOSSIER                                                                         \
	"CREATE TABLE dossier(one INTEGER PRIMARY KEY CHECK (one = 1),"                        \
	" version INTEGER NOT NULL, state INTEGER NOT NULL, previous BLOB NOT NULL,"           \
	" people BLOB NOT NULL, header BLOB NOT NULL)"

/* what sqlite_schema must say, in the order of names; "VDOS" */
static const char schema[] = SCHEMA_CHUNK ";" SCHEMA_DOCUMENT ";" SCHEMA_DOSSIER;
#define APPLICATION_ID 1447317331
#define USER_VERSION   2 /* 1: no replacing, no archive, no deleting, people of format 1 */

static bool pseudonym_valid(const char *text)
{
	return strlen(text) == STORE_PSEUDONYM &&
	       strspn(text, "0123456789abcdef") == STORE_PSEUDONYM;
}

static void fd_done(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}

static int disk_refusal(void)
{
	if (errno == ENOSPC || errno == EDQUOT || errno == EROFS) {
		return DOSSIER_FULL;
	}
	return fault(-errno);
}

/* @folder/<two hex>: made when needed, and synced in its parent, since one that is there may come from
 * a process that was killed before it did so. */
static int make_shard(const char *folder, const char *shard)
{
	_cleanup_(fd_done) int fd = -1;

	if (mkdir(shard, 0700) < 0 && errno != EEXIST) {
		return disk_refusal();
	}
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) < 0) {
		return disk_refusal();
	}
	return 0;
}

static int sync_folder(const char *path)
{
	_cleanup_(fd_done) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? disk_refusal() : 0;
}

static int lay_out(sqlite3 *db)
{
	static const char *const steps[] = {SCHEMA_CHUNK, SCHEMA_DOCUMENT, SCHEMA_DOSSIER,
		"PRAGMA application_id = 1447317331"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(steps) && r == 0; i++) {
		r = query_run(db, steps[i]);
	}
	return trace(r);
}

static int check_layout(sqlite3 *db)
{
	_cleanup_(query_done) struct query q = query_of(db,
		"SELECT group_concat(sql, ';'), (SELECT application_id FROM"
		" pragma_application_id) FROM (SELECT sql FROM sqlite_schema ORDER BY name)");
	struct view found = query_row(&q) ? query_text(&q) : VIEW_NULL;
	bool ours = view_equal(found, VIEW_TEXT(schema)) && query_int(&q) == APPLICATION_ID;
	int r = query_check(&q);

	return r == 0 && !ours ? DOSSIER_DAMAGED : trace(r);
}

/* A dossier's file of a later program may look like anything. */
static int check_version(sqlite3 *db)
{
	_cleanup_(query_done) struct query q =
		query_of(db, "SELECT application_id, user_version FROM pragma_application_id,"
			     " pragma_user_version");
	bool ours = query_row(&q) && query_int(&q) == APPLICATION_ID;
	bool newer = ours && query_int(&q) > USER_VERSION;
	int r = query_check(&q);

	return r == 0 && newer ? DOSSIER_NEWER : trace(r);
}

static int is_blank(sqlite3 *db, bool *ret)
{
	_cleanup_(query_done) struct query q =
		query_of(db, "SELECT count(*) FROM sqlite_schema");
	bool blank = query_row(&q) && query_int(&q) == 0;
	int r = query_check(&q);

	if (r == 0) {
		*ret = blank;
	}
	return trace(r);
}

/* The one transaction that makes the log exist: it writes a page, whatever it held before. */
static int touch(sqlite3 *db)
{
	bool blank;
	int r;

	r = query_run(db, "BEGIN IMMEDIATE");
	if (r == 0) {
		r = is_blank(db, &blank);
	}
	if (r == 0 && blank) {
		r = lay_out(db);
	}
	if (r == 0) {
		r = check_version(db);
	}
	if (r == 0) {
		r = check_layout(db);
	}
	if (r == 0) {
		r = query_run(db, "PRAGMA user_version = 2");
	}
	if (r == 0) {
		r = query_run(db, "COMMIT");
	}
	return trace(r);
}

/* On a disk that is full a dossier can still be read, which is what an emergency needs. Reading opens
 * the log that is there from before; what would be written is refused then. */
static int touch_or_read(struct store *s, bool make)
{
	sqlite3 *db = s->db;
	int r = touch(db);

	if (r != DOSSIER_FULL || make) {
		return trace(r);
	}
	s->reading = true;
	r = sqlite3_get_autocommit(db) ? 0 : query_run(db, "ROLLBACK");
	if (r == 0) {
		r = check_version(db);
	}
	return r == 0 ? trace(check_layout(db)) : trace(r);
}

static int is_due(sqlite3 *db, bool *ret)
{
	_cleanup_(query_done) struct query q =
		query_of(db, "SELECT EXISTS (SELECT 1 FROM chunk WHERE key = 0)");
	bool due = query_row(&q) && query_int(&q) != 0;
	int r = query_check(&q);

	if (r == 0) {
		*ret = due;
	}
	return trace(r);
}

/* The log into the file, and the log to nothing. */
static int empty_log(sqlite3 *db, bool *ret_done)
{
	_cleanup_(query_done) struct query q = query_of(db, "PRAGMA wal_checkpoint(TRUNCATE)");
	bool done = query_row(&q) && query_int(&q) == 0;
	int r = query_check(&q);

	if (r == 0) {
		*ret_done = done;
	}
	return trace(r);
}

int store_scrub(struct store *s)
{
	bool due = false;
	int r;

	r = is_due(s->db, &due);
	if (r == 0 && due) {
		r = empty_log(s->db, &due);
	}
	if (r == 0 && due) {
		r = query_run(s->db, "DELETE FROM chunk WHERE key = 0");
	}
	return trace(r);
}

static int set_up(sqlite3 *db)
{
	static const char *const steps[] = {"PRAGMA locking_mode = EXCLUSIVE",
		"PRAGMA temp_store = MEMORY", "PRAGMA secure_delete = ON",
		"PRAGMA mmap_size = 0", "PRAGMA cell_size_check = ON",
		"PRAGMA cache_size = -4096", "PRAGMA journal_mode = WAL",
		"PRAGMA synchronous = FULL", "PRAGMA journal_size_limit = 16777216"};
	uint8_t byte;
	int persist = 1;
	int r = 0;

	(void)sqlite3_extended_result_codes(db, 1);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
	(void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
	(void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, 4 * 1024 * 1024);
	(void)sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &persist);
	sqlite3_randomness(sizeof(byte), &byte); /* opens /dev/urandom: now or never */
	for (size_t i = 0; i < ARRAY_LEN(steps) && r == 0; i++) {
		r = query_run(db, steps[i]);
	}
	return trace(r);
}

static int open_file(struct store *s, const char *path, bool make)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX;
	int r;

	r = sqlite3_open_v2(path, &s->db, make ? flags | SQLITE_OPEN_CREATE : flags, NULL);
	if (r != SQLITE_OK) {
		return trace(query_failure(r));
	}
	/* SQLite makes do with reading where it may not write */
	if (sqlite3_db_readonly(s->db, "main") == 1) {
		return DOSSIER_FULL;
	}
	r = set_up(s->db);
	if (r == 0) {
		r = touch_or_read(s, make);
	}
	return r != 0 || s->reading ? trace(r) : trace(store_scrub(s));
}

static int open_in(
	struct store *s, const char *folder, const char *shard, const char *path, bool make)
{
	int r;

	if (access(path, F_OK) == 0) {
		return trace(open_file(s, path, false));
	}
	if (errno != ENOENT) {
		return fault(-errno);
	}
	if (!make) {
		return 0;
	}
	r = make_shard(folder, shard);
	if (r == 0) {
		r = open_file(s, path, true);
	}
	return r != 0 ? trace(r) : trace(sync_folder(shard));
}

int store_open(struct store *s, const char *folder, const char *pseudonym, bool make)
{
	_cleanup_(buf_done) struct buf shard = BUF_NULL(4096);
	_cleanup_(buf_done) struct buf path = BUF_NULL(4096);
	int r;

	*s = (struct store){.state = DOSSIER_STATE_ABSENT};
	if (!pseudonym_valid(pseudonym)) {
		return DOSSIER_INVALID;
	}
	bytes_copy(s->pseudonym, sizeof(s->pseudonym), pseudonym, STORE_PSEUDONYM + 1);
	buf_printf(&shard, "%s/%.2s", folder, pseudonym);
	buf_put_u8(&shard, 0);
	buf_printf(&path, "%s/%.2s/%s.dossier", folder, pseudonym, pseudonym);
	buf_put_u8(&path, 0);
	if (shard.failed || path.failed) {
		return fault(-ENAMETOOLONG);
	}
	r = open_in(s, folder, (const char *)shard.data, (const char *)path.data, make);
	if (r != 0) {
		store_done(s);
	}
	return trace(r);
}
