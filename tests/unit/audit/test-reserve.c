/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The reserve, on a disk that gives no block that a file does not have already: every write that would
 * need one is refused with ENOSPC, by what fstat(2) says of the file's blocks, and so is every allocation.
 */
#include "tests/unit/audit/old.h"
#include "tests/unit/record/forge.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/audit/keep.h"
#include "daemon/audit/state.h"

#define MIB	(1024ULL * 1024ULL)
#define RESERVE (32ULL * MIB) /* as daemon/broker.c has it */
#define LOG	(6ULL * MIB)

static bool full;
static bool no_log; /* there is room for the file, and none for its log */

/* Whether a write of @len bytes at @at needs a block that the file has not. */
static bool needs_block(int fd, off_t at, size_t len)
{
	struct stat st;

	assert_int_equal(fstat(fd, &st), 0);
	return at + (off_t)len > (off_t)st.st_blocks * 512;
}

static ssize_t my_pwrite(int fd, const void *data, size_t len, off_t at)
{
	if (full && needs_block(fd, at, len)) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, data, len, at);
}

/* What SQLite's posix_fallocate() and ours come down to. */
int __wrap_fallocate64(int fd, int mode, off_t at, off_t len);
int __real_fallocate64(int fd, int mode, off_t at, off_t len);

int __wrap_fallocate64(int fd, int mode, off_t at, off_t len)
{
	errno = ENOSPC;
	if (no_log && (mode & FALLOC_FL_KEEP_SIZE))
		return -1;
	return full && needs_block(fd, at, (size_t)len) ? -1
							: __real_fallocate64(fd, mode, at, len);
}

static int my_fallocate(int fd, off_t at, off_t len)
{
	return full && needs_block(fd, at, (size_t)len) ? ENOSPC : posix_fallocate(fd, at, len);
}

static int prepare(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	(void)state;
	assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)my_pwrite), 0);
	assert_int_equal(
		vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)my_pwrite), 0);
	assert_int_equal(
		vfs->xSetSystemCall(vfs, "fallocate", (sqlite3_syscall_ptr)my_fallocate), 0);
	return 0;
}

static int setup(void **state)
{
	full = no_log = false;
	return scene_setup(state);
}

static int append(struct audit *a, enum audit_event event, const char *mode)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = event;
	e.session = "session/184@0011aabb";
	e.outcome = "ok";
	e.caller_uid = 1000;
	e.caller = ":1.234";
	e.application = "a practice's software 12.3.4";
	e.professional = "899700123456";
	e.structure = "10B0127189";
	e.pseudonym = SCENE_PERSON;
	e.mode = mode;
	e.document = "5c0a2b5e-8a51-4bd6-a1a5-3f6b7f3e2f11";
	e.dossier_version = 12;
	e.dossier_hash = SCENE_HASH;
	return audit_append(a, &e, NULL);
}

static struct audit *with_reserve(void)
{
	struct audit *a = scene_open();

	scene_sql_inside(
		a, "PRAGMA synchronous=OFF"); /* many entries; what is written is the same */
	assert_int_equal(audit_reserve(a, RESERVE, LOG), 0);
	return a;
}

/* A consultation's worth, as in tests/integration/test_emergency.py: opened, cards, PIN, proof, statement,
 * unlocked, summary, list, four documents read, history, receipt, ended. */
static int emergency(struct audit *a)
{
	static const enum audit_event events[] = {AUDIT_EVENT_SESSION_OPENED, AUDIT_EVENT_PIN,
		AUDIT_EVENT_PROOF, AUDIT_EVENT_IDENTITY_READ, AUDIT_EVENT_EMERGENCY,
		AUDIT_EVENT_UNLOCKED, AUDIT_EVENT_DOSSIER_SUMMARY, AUDIT_EVENT_DOSSIER_LISTED,
		AUDIT_EVENT_DOCUMENT_READ, AUDIT_EVENT_DOCUMENT_READ, AUDIT_EVENT_DOCUMENT_READ,
		AUDIT_EVENT_DOCUMENT_READ, AUDIT_EVENT_HISTORY_READ, AUDIT_EVENT_RECEIPT,
		AUDIT_EVENT_SESSION_ENDED};
	struct buf note = BUF_NULL(4096);
	int r = 0;

	for (size_t i = 0; r == 0 && i < ARRAY_LEN(events); i++)
		r = append(a, events[i], i % 2 == 0 ? "bris_de_glace" : "centre_15");
	if (r == 0)
		r = audit_checkpoint(a, &note);
	buf_done(&note);
	return r;
}

static void is_whole(struct audit *a)
{
	uint64_t bad = UINT64_MAX;

	assert_int_equal(audit_verify(a, &bad), 0);
}

static void a_thousand_emergencies_are_recorded_on_a_full_disk(void **state)
{
	struct audit *a = with_reserve();
	unsigned int refusals = 0, n = 0;
	uint64_t size;

	(void)state;
	scene_fill(a, 3000); /* the log has gone round */
	full = true;
	while (append(a, AUDIT_EVENT_DOCUMENT_READ, "normal") == 0)
		n++;
	assert_string_equal(audit_cause(a), "disk full");
	while (append(a, AUDIT_EVENT_DENIED, "normal") == 0) /* a program that runs wild */
		refusals++;
	assert_true(refusals > 1000);
	assert_int_equal(append(a, AUDIT_EVENT_SESSION_ENDED, "normal"), AUDIT_UNAVAILABLE);
	for (n = 0; n < 1000; n++)
		assert_int_equal(emergency(a), 0);
	assert_string_equal(audit_cause(a), "disk full"); /* for everybody else */
	assert_int_equal(append(a, AUDIT_EVENT_DOCUMENT_READ, "normal"), AUDIT_UNAVAILABLE);
	size = scene_size(a);
	is_whole(a);
	audit_free(a);
	a = scene_open();
	scene_sql_inside(a, "PRAGMA synchronous=OFF");
	/* a service that is started again goes on */
	assert_int_equal(scene_size(a), size);
	assert_int_equal(audit_reserve(a, RESERVE, LOG), AUDIT_UNAVAILABLE);
	assert_int_equal(append(a, AUDIT_EVENT_START, NULL), 0);
	assert_int_equal(emergency(a), 0);
	assert_int_equal(append(a, AUDIT_EVENT_DOCUMENT_READ, "normal"), AUDIT_UNAVAILABLE);
	while (emergency(a) == 0) /* until nothing is left */
		n++;
	assert_string_equal(audit_cause(a), "disk full");
	is_whole(a);
	full = false; /* room: everybody is served, and the reserve is whole again */
	assert_int_equal(append(a, AUDIT_EVENT_DOCUMENT_READ, "normal"), 0);
	assert_string_equal(audit_cause(a), "");
	full = true;
	assert_int_equal(emergency(a), 0);
	is_whole(a);
	print_message("%u emergencies of 15 entries each\n", n);
	audit_free(a);
	full = false;
	a = scene_open();
	is_whole(a);
	audit_free(a);
}

static void room_is_not_given_back_by_a_log_that_is_emptied_or_an_end(void **state)
{
	struct audit *a = with_reserve();
	struct stat before, after;
	char path[64];

	(void)state;
	scene_path(path, "audit.sqlite");
	assert_int_equal(stat(path, &before), 0);
	assert_true(before.st_size >= (off_t)RESERVE);
	assert_true((off_t)before.st_blocks * 512 >= (off_t)RESERVE);
	scene_fill(a, 2000);
	audit_free(a);
	assert_int_equal(stat(path, &after), 0);
	assert_true(after.st_blocks >= before.st_blocks);
	scene_path(path, "audit.sqlite-wal");
	assert_int_equal(stat(path, &after), 0);
	assert_true((off_t)after.st_blocks * 512 >= (off_t)LOG);
	assert_int_equal(scene_open_result(), 0);
	scene_sql("PRAGMA integrity_check"); /* others read the file as any */
}

/* Taken away or changed while the service is stopped: the log of before is none any more. */
static void a_log_that_was_kept_says_nothing(void **state)
{
	struct buf note = BUF_NULL(4096);
	struct audit *a = with_reserve();
	char path[64];

	(void)state;
	scene_fill(a, 50);
	assert_int_equal(audit_checkpoint(a, &note), 0);
	buf_done(&note);
	audit_free(a);
	scene_path(path, "audit.sqlite-wal");
	assert_int_equal(unlink(path), 0);
	a = with_reserve();
	assert_int_equal(scene_size(a), 50);
	is_whole(a);
	audit_free(a);
	scene_sql("DELETE FROM entry WHERE i >= 40");
	assert_int_not_equal(scene_open_result(), 0);
}

static void without_room_for_a_reserve_it_is_refused_and_only_emergencies_go_on(void **state)
{
	struct audit *a = scene_open();

	(void)state;
	scene_fill(a, 2000);
	full = true;
	assert_int_equal(audit_reserve(a, RESERVE, LOG), AUDIT_UNAVAILABLE);
	assert_string_equal(audit_cause(a), "disk full");
	assert_int_equal(append(a, AUDIT_EVENT_CARD_IN, NULL), AUDIT_UNAVAILABLE);
	assert_int_equal(append(a, AUDIT_EVENT_DENIED, NULL), AUDIT_UNAVAILABLE);
	assert_int_equal(append(a, AUDIT_EVENT_START, NULL), 0); /* what the log has room for */
	full = false;
	assert_int_equal(append(a, AUDIT_EVENT_CARD_IN, NULL), 0);
	audit_free(a);
}

/* kill -9: the files as they are now, opened anew. */
static struct audit *after_a_crash(struct audit *a)
{
	assert_int_equal(
		forge_shell("mkdir $D/dead && cp $D/audit.* $D/dead", scene_folder), 0);
	audit_free(a);
	assert_int_equal(forge_shell("rm $D/audit.* && mv $D/dead/audit.* $D && rmdir $D/dead",
				 scene_folder),
		0);
	return scene_open();
}

static uint64_t blocks_of_log(void)
{
	struct stat st;
	char path[64];

	scene_path(path, "audit.sqlite-wal");
	assert_int_equal(stat(path, &st), 0);
	return (uint64_t)st.st_blocks * 512;
}

static void a_log_that_was_emptied_of_what_is_forgotten_has_room_for_an_emergency(void **state)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;
	struct audit *a;
	uint64_t size;

	(void)state;
	scene_wall = OLD;
	scene_boot = 1000000;
	a = with_reserve();
	e.event = AUDIT_EVENT_DENIED;
	e.application = "a-needle-in-the-hay";
	for (int i = 0; i < 600; i++)
		assert_int_equal(audit_append(a, &e, NULL), 0);
	old_later(366 * DAY);
	scene_fill(a, 3);
	assert_int_equal(forge_shell("grep -qa needle $D/audit.sqlite-wal", scene_folder), 0);
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 600);
	assert_int_not_equal(forge_shell("grep -qa needle $D/audit.sqlite*", scene_folder), 0);
	assert_true(blocks_of_log() >= LOG);
	a = after_a_crash(a); /* an empty log is one */
	is_whole(a);
	audit_free(a);
	a = with_reserve();
	scene_fill(a, 50);
	old_later(800 * DAY);
	old_prune(a, OLD + 500 * DAY);
	assert_true(blocks_of_log() >= LOG);
	full = true;
	for (int i = 0; i < 50; i++)
		assert_int_equal(emergency(a), 0);
	is_whole(a);
	size = scene_size(a);
	full = false;
	a = after_a_crash(a);
	assert_int_equal(scene_size(a), size);
	is_whole(a);
	audit_free(a);
}

static void a_log_that_got_no_room_at_the_start_is_asked_for_again(void **state)
{
	struct audit *a = scene_open();
	struct stat st;
	char path[64];

	(void)state;
	scene_fill(a, 5);
	no_log = true;
	assert_int_equal(audit_reserve(a, RESERVE, LOG), AUDIT_UNAVAILABLE);
	scene_path(path, "audit.sqlite");
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_size >= (off_t)RESERVE); /* the file's own was kept all the same */
	assert_int_equal(append(a, AUDIT_EVENT_DOCUMENT_READ, "normal"), AUDIT_UNAVAILABLE);
	assert_int_equal(append(a, AUDIT_EVENT_DENIED, "normal"), AUDIT_UNAVAILABLE);
	assert_int_equal(emergency(a), 0);
	assert_string_equal(audit_cause(a), "disk full");
	no_log = false;
	assert_int_equal(append(a, AUDIT_EVENT_DOCUMENT_READ, "normal"), 0);
	assert_string_equal(audit_cause(a), "");
	assert_true(blocks_of_log() >= LOG);
	full = true;
	assert_int_equal(emergency(a), 0);
	is_whole(a);
	audit_free(a);
}

static void a_file_that_grows_is_no_full_disk(void **state)
{
	struct audit *a = scene_open();

	(void)state;
	scene_sql_inside(a, "PRAGMA synchronous=OFF");
	assert_int_equal(audit_reserve(a, MIB, LOG), 0); /* it grows by 64 KiB */
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(append(a, AUDIT_EVENT_CARD_IN, NULL), 0);
		assert_string_equal(audit_cause(a), "");
	}
	audit_free(a);
}

static void forgetting_goes_on_when_the_disk_is_full_and_gives_room(void **state)
{
	struct audit *a;

	(void)state;
	scene_wall = OLD;
	scene_boot = 1000000;
	a = with_reserve();
	scene_fill(a, 3000);
	old_later(366 * DAY);
	full = true;
	while (append(a, AUDIT_EVENT_DOCUMENT_READ, "normal") == 0)
		;
	assert_string_equal(audit_cause(a), "disk full");
	old_prune(a, OLD + DAY);
	assert_int_equal(audit_first(a), 3000);
	assert_string_equal(audit_cause(a), "");
	assert_int_equal(append(a, AUDIT_EVENT_DOCUMENT_READ, "normal"), 0);
	is_whole(a);
	audit_free(a);
}

static void only_refusals_and_emergencies_are_told_apart(void **state)
{
	static const struct {
		enum audit_event event;
		const char *mode;
		enum audit_class class;
	} rows[] = {
		{AUDIT_EVENT_DOCUMENT_READ, "normal", AUDIT_CLASS_OTHER},
		{AUDIT_EVENT_DOCUMENT_READ, "identity", AUDIT_CLASS_OTHER},
		{AUDIT_EVENT_DOCUMENT_READ, NULL, AUDIT_CLASS_OTHER},
		{AUDIT_EVENT_DOCUMENT_READ, "centre_15", AUDIT_CLASS_EMERGENCY},
		{AUDIT_EVENT_DOCUMENT_READ, "bris_de_glace", AUDIT_CLASS_EMERGENCY},
		{AUDIT_EVENT_PRE_EMPTION, "normal", AUDIT_CLASS_EMERGENCY},
		{AUDIT_EVENT_START, NULL, AUDIT_CLASS_EMERGENCY},
		{AUDIT_EVENT_STOP, NULL, AUDIT_CLASS_EMERGENCY},
		{AUDIT_EVENT_DENIED, "normal", AUDIT_CLASS_REFUSAL},
		{AUDIT_EVENT_DENIED, "centre_15", AUDIT_CLASS_EMERGENCY},
		{AUDIT_EVENT_SESSION_ENDED, "normal", AUDIT_CLASS_REFUSAL},
		{AUDIT_EVENT_STORE_REJECTED, "normal", AUDIT_CLASS_REFUSAL},
		{AUDIT_EVENT_CHILD_FAILED, NULL, AUDIT_CLASS_REFUSAL},
		{AUDIT_EVENT_AGENT, NULL, AUDIT_CLASS_REFUSAL},
		{AUDIT_EVENT_PRUNED, NULL, AUDIT_CLASS_OTHER},
		{AUDIT_EVENT_EXPORT, NULL, AUDIT_CLASS_OTHER},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct audit_entry e = AUDIT_ENTRY_NULL;

		e.event = rows[i].event;
		e.mode = rows[i].mode;
		assert_int_equal(reserve_class(&e), rows[i].class);
	}
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		T(a_thousand_emergencies_are_recorded_on_a_full_disk),
		T(room_is_not_given_back_by_a_log_that_is_emptied_or_an_end),
		T(a_log_that_was_kept_says_nothing),
		T(without_room_for_a_reserve_it_is_refused_and_only_emergencies_go_on),
		T(a_log_that_was_emptied_of_what_is_forgotten_has_room_for_an_emergency),
		T(a_log_that_got_no_room_at_the_start_is_asked_for_again),
		T(a_file_that_grows_is_no_full_disk),
		T(forgetting_goes_on_when_the_disk_is_full_and_gives_room),
		T(only_refusals_and_emergencies_are_told_apart),
	};

	json_setup();
	return cmocka_run_group_tests(tests, prepare, NULL);
}
