/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The dossier's program killed at every write of every change: before it, and in the middle of it.
 * Whoever opens the store then finds the whole change or nothing of it, and it verifies.
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
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/dossier/faults.h"

/* -- dying -------------------------------------------------------------------------------------- */

static bool armed;
static bool torn; /* half of the last write is done */
static unsigned int left;

/* SQLite's own way to the system: it writes by these alone. */
static ssize_t dying_pwrite(int fd, const void *from, size_t size, off_t at)
{
	if (armed && left-- == 0) {
		if (torn && pwrite(fd, from, size / 2, at) < 0) {
			_exit(2);
		}
		(void)raise(SIGKILL);
	}
	return pwrite(fd, from, size, at);
}

static int dying_ftruncate(int fd, off_t size)
{
	if (armed && left-- == 0) {
		(void)raise(SIGKILL);
	}
	return ftruncate(fd, size);
}

static void take_over(void)
{
	sqlite3_vfs *unix_vfs = sqlite3_vfs_find(NULL);

	assert_int_equal(unix_vfs->xSetSystemCall(unix_vfs, "pwrite",
				 (sqlite3_syscall_ptr)(void (*)(void))dying_pwrite),
		SQLITE_OK);
	assert_int_equal(unix_vfs->xSetSystemCall(unix_vfs, "pwrite64",
				 (sqlite3_syscall_ptr)(void (*)(void))dying_pwrite),
		SQLITE_OK);
	assert_int_equal(unix_vfs->xSetSystemCall(unix_vfs, "ftruncate",
				 (sqlite3_syscall_ptr)(void (*)(void))dying_ftruncate),
		SQLITE_OK);
}

/* -- changes ------------------------------------------------------------------------------------ */

static uint8_t content[70000];
static char older[37];
static char newer[37];

static int do_add(struct bench *b)
{
	return bench_add(b, VIEW(content), "", NULL);
}

static int do_replace(struct bench *b)
{
	return bench_replace(b, newer, VIEW(content), ",\"flags\":[\"masque_ps\"]", NULL);
}

static int do_delete(struct bench *b)
{
	return bench_status(b, newer, "deleted");
}

static int do_archive(struct bench *b)
{
	return bench_status(b, newer, "archived");
}

static int do_flag(struct bench *b)
{
	return bench_ask_flag(b, newer, "masque_ps", true);
}

static int do_people(struct bench *b)
{
	return bench_people(b, "\"act\":\"block\",\"id\":\"9\"");
}

static const struct change {
	int (*run)(struct bench *b);
	const char *older; /* statuses afterwards */
	const char *newer;
	size_t flags; /* of each */
	size_t documents;
	size_t blocked;
} changes[] = {
	{do_add, "replaced", "active", 0, 3, 0},
	{do_replace, "replaced", "replaced", 1, 3, 0},
	{do_delete, "deleted", "deleted", 0, 2, 0},
	{do_archive, "replaced", "archived", 0, 2, 0},
	{do_flag, "replaced", "active", 1, 2, 0},
	{do_people, "replaced", "active", 0, 2, 1},
};

static const struct change before = {NULL, "replaced", "active", 0, 2, 0};

static void check_document(struct bench *b, const char *id, const char *status, size_t flags)
{
	_cleanup_json_ json_t *row = bench_shown(b, id);
	bool gone = strcmp(status, "deleted") == 0;

	assert_string_equal(json_get_str(row, "status"), status);
	assert_int_equal(json_array_size(json_object_get(row, "flags")), flags);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id),
		gone ? DOSSIER_NO_DOCUMENT : 0);
}

/* The store is whole, and as @c leaves it. */
static void check_store(struct bench *b, const struct change *c)
{
	_cleanup_json_ json_t *people = NULL;
	_cleanup_json_ json_t *rows = NULL;
	struct tlv t;

	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_PEOPLE, &t), 0);
	assert_int_equal(json_parse(t.value, &people), 0);
	assert_int_equal(json_array_size(json_object_get(people, "blocked")), c->blocked);
	rows = bench_rows(b, "{\"status\":\"all\"}", NULL);
	assert_int_equal(json_array_size(rows), c->documents);
	check_document(b, older, c->older, c->flags);
	check_document(b, newer, c->newer, c->flags);
}

static struct bench *with_a_chain(void)
{
	struct bench *b = bench_new();

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW(content), "", older), 0);
	assert_int_equal(bench_replace(b, older, VIEW(content), "", newer), 0);
	bench_end(b);
	bench_start(b);
	return b;
}

static void open_again(struct bench *b)
{
	assert_int_equal(bench_ask_open(b, false), 0);
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_int_equal(bench_ask_key(b, false), 0);
}

/* In a process of its own. Return: whether it died at the write @n. */
static bool die_in(struct bench *b, const struct change *c, unsigned int n)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		open_again(b);
		left = n;
		armed = true;
		_exit(c->run(b) == 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) ? WTERMSIG(status) == SIGKILL
					: WIFEXITED(status) && WEXITSTATUS(status) == 0);
	return WIFSIGNALED(status);
}

/* Return: how many writes it has. */
static unsigned int kill_at_every_write(const struct change *c)
{
	unsigned int done = 0; /* how often the change had been made */
	bool died = true;
	unsigned int n = 0;

	for (; died; n++) {
		struct bench *b = with_a_chain();
		bool made;

		assert_true(n < 1000);
		died = die_in(b, c, n);
		bench_end(b);
		bench_start(b);
		open_again(b);
		made = b->h.store.version == 4;
		assert_true(made || (died && b->h.store.version == 3));
		done += made;
		check_store(b, made ? c : &before);
		bench_free(b);
	}
	assert_true(done >= 1);
	return n - 1;
}

static void every_change_is_whole_or_nothing_when_it_is_killed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		torn = false;
		assert_true(kill_at_every_write(&changes[i]) > 1);
		torn = true;
		assert_true(kill_at_every_write(&changes[i]) > 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_change_is_whole_or_nothing_when_it_is_killed),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_setup();
	if (sqlite3_initialize() != SQLITE_OK || seal_setup() < 0) {
		return 1;
	}
	take_over();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
