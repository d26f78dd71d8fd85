/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Room that is the record's own before it is needed. The database file is made larger than what it
 * holds, with blocks that are allocated, and is never cut again: SQLite cuts it to size whenever the
 * write-ahead log was moved into it, so its truncation is taken out of the table of its file. The log
 * keeps its blocks as well (FALLOC_FL_KEEP_SIZE), also while the service is stopped; then its header is
 * wiped, so that what stands in it is no log. Where SQLite would cut it, it is filled with zeros. A disk
 * that others have filled is no matter then until the room is used up.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/audit/store.h"

#define GRAIN_MIN  (64U * 1024U)
#define GRAIN_MAX  (1024U * 1024U)
#define LOG_HEADER 32U
#define WIPE	   65536U /* bytes that are overwritten at a time */

/* @which: SQLITE_FCNTL_FILE_POINTER, or SQLITE_FCNTL_JOURNAL_POINTER: the log */
static sqlite3_file *file_of(struct store *s, int which)
{
	sqlite3_file *f = NULL;

	return sqlite3_file_control(s->db, "main", which, &f) == SQLITE_OK && f && f->pMethods
		       ? f
		       : NULL;
}

static int never_cut(sqlite3_file *f, sqlite3_int64 size)
{
	(void)f;
	(void)size;
	return SQLITE_OK;
}

/* In place of cutting a log whose frames are all in the file: its header goes first, and durably, because
 * frames without their successors would read as an older state. */
static int wipe_instead(sqlite3_file *f, sqlite3_int64 size)
{
	static const uint8_t zeros[WIPE];
	sqlite3_int64 end = 0, at = size;
	int rc = f->pMethods->xFileSize(f, &end);

	while (rc == SQLITE_OK && at < end) {
		sqlite3_int64 n = at == 0 ? LOG_HEADER : WIPE;

		if (n > end - at)
			n = end - at;
		rc = f->pMethods->xWrite(f, zeros, (int)n, at);
		if (rc == SQLITE_OK && at == 0)
			rc = f->pMethods->xSync(f, SQLITE_SYNC_NORMAL);
		at += n;
	}
	return rc == SQLITE_OK ? f->pMethods->xSync(f, SQLITE_SYNC_NORMAL) : rc;
}

/* Have @f do @cut where it would be cut. @mine: of this file. */
static void replace_cut(sqlite3_file *f, sqlite3_io_methods *mine,
	int (*cut)(sqlite3_file *f, sqlite3_int64 size))
{
	if (f->pMethods == mine)
		return;
	*mine = *f->pMethods;
	mine->xTruncate = cut;
	f->pMethods = mine;
}

static int number(struct store *s, enum store_statement which, uint64_t *ret)
{
	sqlite3_stmt *st = s->statements[which];
	bool found = sqlite3_step(st) == SQLITE_ROW;

	if (found)
		*ret = (uint64_t)sqlite3_column_int64(st, 0);
	(void)sqlite3_reset(st);
	return found ? 0 : fault(-EIO);
}

/* Bytes that hold something, and those of the file. */
static int sizes(struct store *s, uint64_t *ret_used, uint64_t *ret_size)
{
	sqlite3_file *f = file_of(s, SQLITE_FCNTL_FILE_POINTER);
	uint64_t pages = 0, idle = 0;
	sqlite3_int64 size = 0;
	int r = number(s, STORE_PAGES, &pages);

	if (r == 0)
		r = number(s, STORE_PAGES_FREE, &idle);
	if (r == 0 && (!f || f->pMethods->xFileSize(f, &size) != SQLITE_OK))
		r = fault(-EIO);
	if (r < 0)
		return trace(r);
	*ret_used = (pages - idle) * STORE_PAGE;
	*ret_size = (uint64_t)size;
	return 0;
}

int store_room(struct store *s, uint64_t *ret)
{
	uint64_t used, size;
	int r = sizes(s, &used, &size);

	if (r < 0)
		return trace(r);
	*ret = size > used ? size - used : 0;
	return 0;
}

/* The log's own file: SQLite locks the database's alone, so this descriptor may come and go. */
static int keep_log(struct store *s)
{
	const char *name = sqlite3_filename_wal(sqlite3_db_filename(s->db, "main"));
	sqlite3_file *f = file_of(s, SQLITE_FCNTL_JOURNAL_POINTER);
	int on = 1;

	if (s->log <= 0)
		s->log = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->log < 0 || !f)
		return fault(f ? -errno : -EIO);
	(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
	replace_cut(f, &s->log_methods, wipe_instead);
	if (fallocate(s->log, FALLOC_FL_KEEP_SIZE, 0, (off_t)s->log_bytes) < 0 &&
		errno != EOPNOTSUPP)
		return fault(errno == EDQUOT ? -ENOSPC : -errno);
	s->log_kept = true; /* as far as this file system can */
	return 0;
}

bool store_log_kept(const struct store *s)
{
	return s->log_kept || s->log_bytes == 0;
}

void store_adopt_log(struct store *s)
{
	static const uint8_t nothing[LOG_HEADER];
	uint8_t header[LOG_HEADER];
	int on = 1;

	s->log = open(sqlite3_filename_wal(sqlite3_db_filename(s->db, "main")),
		O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->log > 0 && pread(s->log, header, sizeof(header), 0) == (ssize_t)LOG_HEADER &&
		memcmp(header, nothing, sizeof(header)) == 0) {
		(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
		return;
	}
	if (s->log > 0)
		(void)close(s->log);
	s->log = 0;
}

/* By how much the file grows at a time. */
static uint64_t grain_of(uint64_t room)
{
	uint64_t part = room / 32U;

	if (part > GRAIN_MAX)
		return GRAIN_MAX;
	return part < GRAIN_MIN ? GRAIN_MIN : part;
}

static int keep_file(struct store *s, uint64_t room)
{
	int grain = (int)grain_of(room);
	sqlite3_file *f = file_of(s, SQLITE_FCNTL_FILE_POINTER);
	sqlite3_int64 want;
	uint64_t used, size;
	int r = f ? sizes(s, &used, &size) : fault(-EIO);

	if (r < 0)
		return trace(r);
	replace_cut(f, &s->methods, never_cut);
	want = (sqlite3_int64)(used + room);
	if (sqlite3_file_control(s->db, "main", SQLITE_FCNTL_CHUNK_SIZE, &grain) != SQLITE_OK ||
		sqlite3_file_control(s->db, "main", SQLITE_FCNTL_SIZE_HINT, &want) != SQLITE_OK)
		return fault(-ENOSPC);
	return 0;
}

int store_keep_room(struct store *s, uint64_t room, uint64_t log)
{
	int r, r_file;

	if (log > 0) {
		s->log_bytes = log;
		s->log_kept = false;
	}
	r = store_log_kept(s) ? 0 : keep_log(s);
	r_file = keep_file(s, room);
	return trace(r < 0 ? r : r_file);
}

bool store_empty_log(struct store *s, bool scrub)
{
	int all = 0, moved = -1;

	store_rollback(s);
	return sqlite3_wal_checkpoint_v2(s->db, "main",
		       scrub ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE, &all,
		       &moved) == SQLITE_OK &&
	       all == moved;
}

void store_wipe_log(struct store *s)
{
	static const uint8_t nothing[LOG_HEADER];

	/* when this fails the log is read once more, and says what the file says */
	if (pwrite(s->log, nothing, sizeof(nothing), 0) == (ssize_t)sizeof(nothing))
		(void)fdatasync(s->log);
	(void)close(s->log);
	s->log = 0;
}

bool store_full(int dirfd)
{
	static const char name[] = "audit.probe";
	int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0) {
		return errno == ENOSPC || errno == EDQUOT;
	}
	(void)close(fd);
	(void)unlinkat(dirfd, name, 0);
	return false;
}
