/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * SQLite with one failure to check. What SQLite reports becomes one of three things: the disk does
 * not take it (FULL), the file is not what we wrote (DAMAGED), or a fault.
 */
#include "daemon/dossier/store/query.h"

#include <errno.h>

/* extended codes before the families that they belong to; what is not here is a bug of ours */
static const struct {
	int code;
	int result;
} failures[] = {
	{SQLITE_OK, 0},
	{SQLITE_ROW, 0},
	{SQLITE_DONE, 0},
	{SQLITE_IOERR_WRITE, DOSSIER_FULL},
	{SQLITE_IOERR_FSYNC, DOSSIER_FULL},
	{SQLITE_IOERR_DIR_FSYNC, DOSSIER_FULL},
	{SQLITE_IOERR_TRUNCATE, DOSSIER_FULL},
	{SQLITE_IOERR_DELETE, DOSSIER_FULL}, /* a journal, read-only since it was made */
	{SQLITE_IOERR_SHORT_READ, DOSSIER_DAMAGED},
	{SQLITE_IOERR, -EIO},
	{SQLITE_FULL, DOSSIER_FULL},
	{SQLITE_READONLY, DOSSIER_FULL},
	{SQLITE_CANTOPEN, DOSSIER_FULL},
	{SQLITE_CORRUPT, DOSSIER_DAMAGED},
	{SQLITE_NOTADB, DOSSIER_DAMAGED},
	{SQLITE_MISMATCH, DOSSIER_DAMAGED},
	{SQLITE_CONSTRAINT, DOSSIER_DAMAGED},
	{SQLITE_TOOBIG, DOSSIER_DAMAGED},
	{SQLITE_NOMEM, -ENOMEM},
	{SQLITE_BUSY, -EBUSY},
};

int query_failure(int rc)
{
	for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
		int r = failures[i].result;

		if (failures[i].code == rc || failures[i].code == (rc & 0xFF)) {
			return r < 0 ? fault(r) : r;
		}
	}
	return fault(-EPROTO);
}

struct query query_of(sqlite3 *db, const char *sql)
{
	struct query q = {.statement = NULL};

	q.rc = sqlite3_prepare_v2(db, sql, -1, &q.statement, NULL);
	return q;
}

void query_done(struct query *q)
{
	(void)sqlite3_finalize(q->statement);
	q->statement = NULL;
}

void query_bind_int(struct query *q, int64_t v)
{
	if (q->rc == SQLITE_OK) {
		q->rc = sqlite3_bind_int64(q->statement, ++q->next, v);
	}
}

void query_bind_text(struct query *q, const char *text)
{
	if (q->rc == SQLITE_OK) {
		q->rc = sqlite3_bind_text(q->statement, ++q->next, text, -1, SQLITE_STATIC);
	}
}

void query_bind_blob(struct query *q, struct view v)
{
	if (q->rc == SQLITE_OK) {
		q->rc = sqlite3_bind_blob64(
			q->statement, ++q->next, v.data, v.len, SQLITE_STATIC);
	}
}

bool query_row(struct query *q)
{
	int rc;

	if (q->rc != SQLITE_OK) {
		return false;
	}
	q->next = 0;
	rc = sqlite3_step(q->statement);
	if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
		q->rc = rc;
	}
	return rc == SQLITE_ROW;
}

/* The next column when it is of @type; -1 and a failure otherwise. */
static int column(struct query *q, int type)
{
	int i = q->next++;

	if (q->rc != SQLITE_OK || sqlite3_column_type(q->statement, i) != type) {
		q->rc = q->rc == SQLITE_OK ? SQLITE_MISMATCH : q->rc;
		return -1;
	}
	return i;
}

int64_t query_int(struct query *q)
{
	int i = column(q, SQLITE_INTEGER);

	return i < 0 ? 0 : sqlite3_column_int64(q->statement, i);
}

static struct view bytes(struct query *q, int i)
{
	const void *data;

	if (i < 0) {
		return VIEW_NULL;
	}
	data = sqlite3_column_blob(q->statement, i);
	return view_of(data, (size_t)sqlite3_column_bytes(q->statement, i));
}

struct view query_blob(struct query *q)
{
	return bytes(q, column(q, SQLITE_BLOB));
}

struct view query_text(struct query *q)
{
	return bytes(q, column(q, SQLITE_TEXT));
}

int query_check(const struct query *q)
{
	return trace(query_failure(q->rc));
}

int query_run(sqlite3 *db, const char *sql)
{
	_cleanup_(query_done) struct query q = query_of(db, sql);

	while (query_row(&q)) {
	}
	return trace(query_check(&q));
}
