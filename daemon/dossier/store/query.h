/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* One SQL statement at a time, with a sticky failure: bind all, step, read, check once. */
#include <sqlite3.h>

#include "base/buf.h"
#include "base/link-ops.h"

struct query {
	sqlite3_stmt *statement;
	int rc;	  /* SQLITE_OK until something failed */
	int next; /* parameter or column */
};

struct query query_of(sqlite3 *db, const char *sql);
void query_done(struct query *q);
void query_bind_int(struct query *q, int64_t v);
void query_bind_text(struct query *q, const char *text); /* borrowed until query_done() */
void query_bind_blob(struct query *q, struct view v);	 /* borrowed until query_done() */
/** query_row() - step; columns are then read from the first. Return: whether there is a row. */
bool query_row(struct query *q);
int64_t query_int(struct query *q);	 /* of the next column; another type fails */
struct view query_blob(struct query *q); /* borrowed until the next step; another type fails */
struct view query_text(struct query *q); /* idem */
/** query_check() - Return: 0, a fault, or DOSSIER_FULL, DOSSIER_DAMAGED. */
int query_check(const struct query *q) _must_check_;
/** query_run() - a statement without parameters; rows are ignored. Return: as query_check(). */
int query_run(sqlite3 *db, const char *sql) _must_check_;
/** query_failure() - what SQLite's extended code @rc means. Return: as query_check(). */
int query_failure(int rc) _must_check_;
