/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a call costs does not follow from how many documents the dossier has, but for the hash of its state,
 * which opening and each change compute: how SQLite goes about each statement of a program that does
 * all that it can do, by its own word (EXPLAIN QUERY PLAN).
 */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dossier/faults.h"

#define SEEN_MAX 64U

static char *seen[SEEN_MAX];
static size_t n_seen;

/* Whether it answers or changes rows that are there. */
static bool looks(const char *sql)
{
	return strncmp(sql, "SELECT", 6) == 0 || strncmp(sql, "DELETE", 6) == 0 ||
	       strncmp(sql, "UPDATE", 6) == 0;
}

static int on_statement(unsigned int what, void *user, void *statement, void *text)
{
	const char *sql = sqlite3_sql(statement);
	size_t i = 0;

	(void)what;
	(void)user;
	(void)text;
	while (i < n_seen && strcmp(seen[i], sql) != 0) {
		i++;
	}
	if (i == n_seen && looks(sql)) {
		assert_true(n_seen < SEEN_MAX);
		seen[n_seen] = strdup(sql);
		assert_non_null(seen[n_seen++]);
	}
	return 0;
}

static int on_open(sqlite3 *db, const char **ret_error, const void *functions)
{
	(void)ret_error;
	(void)functions;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_statement, NULL);
}

static void everything(struct bench *b)
{
	char one[37];
	char two[37];

	assert_int_equal(bench_add(b, VIEW_TEXT("1"), BENCH_ENTRY, one), 0);
	assert_int_equal(bench_add_on(b, "2026-01-03", two), 0);
	json_decref(bench_shown(b, one));
	json_decref(bench_rows(b, "{\"limit\":1}", NULL));
	json_decref(bench_rows(b, "{\"text\":\"t\"}", NULL));
	assert_int_equal(bench_ask_flag(b, one, "masque_ps", true), 0);
	assert_int_equal(bench_replace(b, one, VIEW_TEXT("2"), "", two), 0);
	assert_int_equal(bench_status(b, two, "archived"), 0);
	assert_int_equal(bench_people(b, "\"act\":\"oppose\",\"mode\":\"centre_15\""), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, two), 0);
	assert_int_equal(bench_status(b, two, "deleted"), 0);
	bench_again(b);
}

/* Tables of rows without number; the others have one row. */
static bool walks(sqlite3 *db, const char *sql)
{
	char text[1024];
	sqlite3_stmt *st = NULL;
	bool found = false;

	assert_true(snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql) > 0);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
	while (sqlite3_step(st) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(st, 3);

		found = found || strncmp(step, "SCAN document", 13) == 0 ||
			strncmp(step, "SCAN chunk", 10) == 0 ||
			(strstr(step, "TEMP B-TREE") && !strstr(sql, "sqlite_schema"));
	}
	(void)sqlite3_finalize(st);
	return found;
}

static void the_hash_of_the_state_alone_walks_over_all_documents(void **state)
{
	static const char hash[] = "SELECT seq, id, version, sealed FROM document ORDER BY seq";
	static const char empty[] =
		"SELECT EXISTS (SELECT 1 FROM document)"; /* stops at the first */
	struct bench *b = *state;
	unsigned int n = 0;

	everything(b);
	for (size_t i = 0; i < n_seen; i++) {
		if (!walks(b->h.store.db, seen[i])) {
			continue;
		}
		n += strcmp(seen[i], hash) == 0 ? 1 : 0;
		if (strcmp(seen[i], hash) != 0 &&
			strncmp(seen[i], empty, sizeof(empty) - 1) != 0) {
			fail_msg("%s", seen[i]);
		}
	}
	assert_int_equal(n, 1);
	assert_true(n_seen > 12);
	while (n_seen > 0) {
		free(seen[--n_seen]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			the_hash_of_the_state_alone_walks_over_all_documents, bench_setup,
			bench_teardown),
	};

	faults_setup();
	(void)signal(SIGPIPE, SIG_IGN); /* nobody takes what is read */
	if (sqlite3_auto_extension((void (*)(void))on_open) != SQLITE_OK) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
