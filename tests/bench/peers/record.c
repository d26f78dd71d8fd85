/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the record costs, against the number of its entries, and beside SQLite alone in the same run and the
 * same folder: a bare insert of the same bytes into a table of one column, with the same settings, is what a
 * durable append would cost that keeps nothing but the text. While entries are laid out nothing is synced:
 * fsync() is ours. Prints one JSON object a line, and how far it is to standard error; tests/bench/audit.py
 * starts it and makes tables of it.
 *
 * usage: bench-record FOLDER ENTRIES... (ascending; the folder is empty). Leaves FOLDER/export-ENTRIES.
 */
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/audit/keep.h"
#include "daemon/audit/state.h"

#define SAMPLES	 1000U /* durable appends of one size */
#define LOOK_UPS 200U
#define BATCH	 20000U /* entries of one transaction while it is filled */
#define PEOPLE	 5000U	/* patients of the fill; each has its share of the entries */
#define RESERVE	 (32ULL * 1024ULL * 1024ULL)

static bool laying; /* what is laid out */

int fsync(int fd)
{
	return laying ? 0 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
	return laying ? 0 : (int)syscall(SYS_fdatasync, fd);
}

static void need(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "bench-record: %s\n", what);
		exit(1);
	}
}

static uint64_t now(void)
{
	return clock_monotonic();
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* Half, 99 of a hundred, and the longest of @n times in microseconds. */
static void print_times(const char *what, uint64_t size, uint64_t *times, size_t n)
{
	qsort(times, n, sizeof(*times), compare);
	(void)printf(
		"{\"what\":\"%s\",\"entries\":%llu,\"p50\":%llu,\"p99\":%llu,\"max\":%llu}\n",
		what, (unsigned long long)size, (unsigned long long)times[n / 2],
		(unsigned long long)times[n * 99 / 100], (unsigned long long)times[n - 1]);
	(void)fflush(stdout);
}

static void print_one(const char *what, uint64_t size, uint64_t usec)
{
	print_times(what, size, &usec, 1);
}

static void pseudonym_of(uint64_t n, char ret[65])
{
	(void)snprintf(ret, 65, "%064llx", (unsigned long long)(n % PEOPLE));
}

/* A reading of a document, as daemon/dossier/record.c makes it. */
static struct audit_entry entry_of(const char *pseudonym)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_DOCUMENT_READ;
	e.session = "session/184@0011aabb";
	e.outcome = "ok";
	e.caller_uid = 1000;
	e.caller = ":1.234";
	e.application = "practice 12.3";
	e.professional = "899700123456";
	e.structure = "10B0127189";
	e.pseudonym = pseudonym;
	e.mode = "normal";
	e.document = "5c0a2b5e-8a51-4bd6-a1a5-3f6b7f3e2f11";
	e.dossier_version = 12;
	e.dossier_hash = pseudonym;
	return e;
}

struct batch {
	uint64_t first;
	uint64_t n;
};

static int fill_batch(struct audit *a, struct writing *w, const void *what)
{
	const struct batch *b = what;
	int r = 0;

	for (uint64_t i = 0; r == 0 && i < b->n; i++) {
		char pseudonym[65];
		struct audit_entry e;

		pseudonym_of(b->first + i, pseudonym);
		e = entry_of(pseudonym);
		r = audit_put_entry(a, w, &e);
	}
	return r;
}

static uint64_t size_of(const struct audit *a)
{
	uint8_t root[MERKLE_HASH];
	uint64_t size;

	audit_head(a, &size, root);
	return size;
}

/* At most once in two seconds. */
static void tell_progress(const char *what, uint64_t done, uint64_t all)
{
	static uint64_t told;

	if (now() - told < 2000000)
		return;
	told = now();
	(void)fprintf(stderr, "  %s %llu of %llu\n", what, (unsigned long long)done,
		(unsigned long long)all);
}

/* Up to @size entries, many in a transaction. */
static void fill(struct audit *a, uint64_t size)
{
	struct buf note = BUF_NULL(4096);

	laying = true;
	need(sqlite3_exec(a->store.db, "PRAGMA cache_size=-262144", NULL, NULL, NULL) ==
			SQLITE_OK,
		"cache");
	while (size_of(a) < size) {
		struct batch b = {size_of(a), size - size_of(a)};

		b.n = b.n < BATCH ? b.n : BATCH;
		need(audit_write(a, AUDIT_CLASS_OTHER, fill_batch, &b) == 0, "fill");
		tell_progress("laid out", size_of(a), size);
	}
	laying = false;
	need(audit_checkpoint(a, &note) == 0,
		"checkpoint"); /* as at every end of the service */
	buf_done(&note);
}

static void appends(struct audit *a, uint64_t size)
{
	static uint64_t times[SAMPLES];

	for (uint64_t i = 0; i < SAMPLES; i++) {
		char pseudonym[65];
		struct audit_entry e;
		uint64_t before;

		pseudonym_of(i * 7, pseudonym);
		e = entry_of(pseudonym);
		before = now();
		need(audit_append(a, &e, NULL) == 0, "append");
		times[i] = now() - before;
	}
	print_times("append", size, times, SAMPLES);
}

static void bare(const char *folder, uint64_t size)
{
	static uint64_t times[SAMPLES];
	static char text[620];
	sqlite3_stmt *st = NULL;
	sqlite3 *db = NULL;
	char path[512];

	memset(text, 'x', sizeof(text) - 1);
	(void)snprintf(path, sizeof(path), "%s/bare.sqlite", folder);
	need(sqlite3_open(path, &db) == SQLITE_OK &&
			sqlite3_exec(db,
				"PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
				"PRAGMA synchronous=FULL;"
				"CREATE TABLE IF NOT EXISTS t(i INTEGER PRIMARY KEY, e TEXT)",
				NULL, NULL, NULL) == SQLITE_OK &&
			sqlite3_prepare_v2(db, "INSERT INTO t(e) VALUES(?1)", -1, &st, NULL) ==
				SQLITE_OK,
		"bare");
	for (unsigned int i = 0; i < SAMPLES; i++) {
		uint64_t before = now();

		need(sqlite3_bind_text(st, 1, text, -1, SQLITE_STATIC) == SQLITE_OK &&
				sqlite3_step(st) == SQLITE_DONE &&
				sqlite3_reset(st) == SQLITE_OK,
			"bare insert");
		times[i] = now() - before;
	}
	print_times("bare", size, times, SAMPLES);
	(void)sqlite3_finalize(st);
	(void)sqlite3_close(db);
}

static int ignore(void *user, uint64_t index, const json_t *entry)
{
	(void)user;
	(void)index;
	(void)entry;
	return 0;
}

static void look_ups(struct audit *a, uint64_t size)
{
	static uint64_t history[LOOK_UPS], version[LOOK_UPS], proof[LOOK_UPS], growth[LOOK_UPS];
	struct buf note = BUF_NULL(4096);

	need(audit_checkpoint(a, &note) == 0, "checkpoint");
	buf_done(&note);
	for (unsigned int i = 0; i < LOOK_UPS; i++) {
		struct buf entry = BUF_NULL(65536), path = BUF_NULL(8192);
		uint64_t before, v, index = (uint64_t)i * 7919 % size_of(a);
		uint8_t hash[32];
		char pseudonym[65];

		pseudonym_of(i, pseudonym);
		before = now();
		need(audit_history(a, pseudonym, 2, ignore, NULL) == 0, "history");
		history[i] = now() - before;
		before = now();
		need(audit_last_version(a, pseudonym, &v, hash) == 0, "version");
		version[i] = now() - before;
		before = now();
		need(audit_proof(a, index, &entry, &path) == 0, "proof");
		proof[i] = now() - before;
		buf_reset(&path);
		before = now();
		need(audit_consistency(a, index, &path) == 0, "consistency");
		growth[i] = now() - before;
		buf_done(&entry);
		buf_done(&path);
	}
	print_times("history of 2", size, history, LOOK_UPS);
	print_times("last version", size, version, LOOK_UPS);
	print_times("proof", size, proof, LOOK_UPS);
	print_times("consistency", size, growth, LOOK_UPS);
}

/* What takes as long as the record is, and the longest turn of an export in steps. */
static void whole(struct audit *a, const char *folder, uint64_t size)
{
	struct audit_export *x = NULL;
	uint64_t before, bad, longest = 0, start;
	char path[512];
	bool more = true;
	int fd;

	before = now();
	need(audit_verify(a, &bad) == 0, "verify");
	print_one("verify", size, now() - before);
	(void)snprintf(path, sizeof(path), "%s/export-%llu", folder, (unsigned long long)size);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	need(fd >= 0, "export file");
	start = now();
	need(audit_export_new(a, fd, &x) == 0, "export");
	while (more) {
		before = now();
		need(audit_export_step(x, &more) == 0, "export step");
		longest = now() - before > longest ? now() - before : longest;
	}
	print_one("export", size, now() - start);
	print_one("longest step of export", size, longest);
	audit_export_free(x);
	(void)close(fd);
}

static void size_on_disk(const char *folder, uint64_t size)
{
	char path[512];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/audit.sqlite", folder);
	need(stat(path, &st) == 0, "stat");
	print_one("bytes an entry", size, ((uint64_t)st.st_size - RESERVE) / size);
}

static struct audit *opened(const char *folder, uint64_t size)
{
	struct audit *a = NULL;
	uint64_t before = now();

	need(audit_open(folder, "bench.example/record", VIEW_NULL, &a) == 0, "open");
	if (size > 0)
		print_one("open", size, now() - before);
	need(audit_reserve(a, RESERVE, 6ULL * 1024ULL * 1024ULL) == 0, "reserve");
	return a;
}

static uint64_t number(const char *text)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9' && n < 1000000000; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	need(*text == '\0' && n > 0, "a number of entries");
	return n;
}

int main(int argc, char **argv)
{
	struct audit *a;

	need(argc >= 3, "usage: bench-record FOLDER ENTRIES...");
	json_setup();
	a = opened(argv[1], 0);
	for (int i = 2; i < argc; i++) {
		uint64_t size = number(argv[i]);

		fill(a, size);
		audit_free(a);
		sync(); /* what was laid out is not what is measured */
		a = opened(argv[1], size);
		appends(a, size);
		bare(argv[1], size);
		look_ups(a, size);
		size_on_disk(argv[1], size);
		whole(a, argv[1], size);
	}
	audit_free(a);
	return 0;
}
