/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A disk that is full, broken or read-only, and memory that runs out: at every single system call
 * and allocation of an append, once and for ever. Nothing may be half written, nothing acknowledged
 * that is not there, and the record goes on when the trouble is over.
 */
#include "tests/unit/audit/scene.h"
#include "tests/unit/record/failing.h"

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
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* -- the disk ----------------------------------------------------------------------------------- */

static struct {
	int error;	   /* errno of a refused call; 0: all is well */
	unsigned int left; /* calls that still succeed */
	bool forever;
	bool met;
} disk;

static bool disk_refuses(void)
{
	if (disk.error == 0 || (disk.met && !disk.forever))
		return false;
	if (disk.left > 0) {
		disk.left--;
		return false;
	}
	disk.met = true;
	errno = disk.error;
	return true;
}

static ssize_t my_write(int fd, const void *data, size_t len)
{
	return disk_refuses() ? -1 : write(fd, data, len);
}

static ssize_t my_pwrite(int fd, const void *data, size_t len, off_t at)
{
	return disk_refuses() ? -1 : pwrite(fd, data, len, at);
}

static int my_ftruncate(int fd, off_t len)
{
	return disk_refuses() ? -1 : ftruncate(fd, len);
}

/* SQLite calls this by its name in the C library; ours comes first. */
int fdatasync(int fd)
{
	return disk_refuses() ? -1 : (int)syscall(SYS_fdatasync, fd);
}

static void disk_fails(int error, unsigned int left, bool forever)
{
	disk.error = error;
	disk.left = left;
	disk.forever = forever;
	disk.met = false;
}

static bool disk_recovers(void)
{
	disk.error = 0;
	return disk.met;
}

/* -- SQLite's memory --------------------------------------------------------------------------- */

static sqlite3_mem_methods memory;

static void *my_malloc(int size)
{
	return failing_allocation() ? NULL : memory.xMalloc(size);
}

static void *my_realloc(void *p, int size)
{
	return failing_allocation() ? NULL : memory.xRealloc(p, size);
}

static void memory_setup(void)
{
	sqlite3_mem_methods mine;

	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory), SQLITE_OK);
	mine = memory;
	mine.xMalloc = my_malloc;
	mine.xRealloc = my_realloc;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &mine), SQLITE_OK);
	/* every allocation is asked for, none comes from a store of small ones */
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0), SQLITE_OK);
}

static int prepare(void **state)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	(void)state;
	assert_int_equal(vfs->xSetSystemCall(vfs, "write", (sqlite3_syscall_ptr)my_write), 0);
	assert_int_equal(vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)my_pwrite), 0);
	assert_int_equal(
		vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)my_pwrite), 0);
	assert_int_equal(
		vfs->xSetSystemCall(vfs, "ftruncate", (sqlite3_syscall_ptr)my_ftruncate), 0);
	return 0;
}

/* -- tests -------------------------------------------------------------------------------------- */

struct head {
	uint64_t size;
	uint8_t root[MERKLE_HASH];
};

static struct head head_of(const struct audit *a)
{
	struct head h;

	audit_head(a, &h.size, h.root);
	return h;
}

/* The record answers as before the fault, takes a new entry, and verifies now and after a start. */
static void recovers(struct audit *a, const struct head *before)
{
	struct head now = head_of(a);
	uint64_t bad;

	assert_int_equal(now.size, before->size);
	assert_memory_equal(now.root, before->root, MERKLE_HASH);
	assert_int_equal(scene_append(a, SCENE_PERSON), 0);
	assert_int_equal(audit_verify(a, &bad), 0);
	now = head_of(a);
	assert_int_equal(now.size, before->size + 1);
}

static void each_disk_fault(int error, bool forever, const char *cause)
{
	struct audit *a = scene_open();
	bool met = true;
	unsigned int n = 0;

	scene_fill(a, 5);
	for (; met; n++) {
		struct head before = head_of(a), now;
		int r;

		disk_fails(error, n, forever);
		r = scene_append(a, SCENE_PERSON);
		met = disk_recovers();
		if (r == 0) {
			now = head_of(a);
			assert_int_equal(now.size, before.size + 1);
			continue;
		}
		assert_int_equal(r, AUDIT_UNAVAILABLE);
		assert_true(met);
		assert_string_equal(audit_cause(a), cause);
		recovers(a, &before);
	}
	assert_true(n > 2); /* at least the write and the sync */
	audit_free(a);
	a = scene_open();
	audit_free(a);
}

static void a_full_disk_refuses_and_recovers(void **state)
{
	(void)state;
	each_disk_fault(ENOSPC, false, "disk full");
}

static void a_disk_that_stays_full_refuses_until_there_is_room(void **state)
{
	(void)state;
	each_disk_fault(ENOSPC, true, "disk full");
}

static void a_broken_disk_refuses_and_recovers(void **state)
{
	(void)state;
	each_disk_fault(EIO, false, "input/output error");
	assert_int_equal(scene_teardown(NULL), 0);
	assert_int_equal(scene_setup(NULL), 0);
	each_disk_fault(EIO, true, "input/output error");
}

static void a_disk_that_became_read_only_refuses(void **state)
{
	(void)state;
	each_disk_fault(EROFS, true, "read-only");
}

static void many_refusals_leave_nothing_behind(void **state)
{
	struct audit *a = scene_open();
	struct head before;

	(void)state;
	scene_fill(a, 3);
	before = head_of(a);
	disk_fails(ENOSPC, 0, true);
	for (int i = 0; i < 50; i++)
		assert_int_equal(scene_append(a, NULL), AUDIT_UNAVAILABLE);
	assert_true(disk_recovers());
	recovers(a, &before);
	audit_free(a);
	a = scene_open();
	assert_int_equal(head_of(a).size, 4);
	audit_free(a);
}

static void a_checkpoint_that_cannot_be_kept_is_not_given_out(void **state)
{
	struct audit *a = scene_open();
	struct buf note = BUF_NULL(4096);

	(void)state;
	scene_fill(a, 3);
	disk_fails(ENOSPC, 0, true);
	assert_int_equal(audit_checkpoint(a, &note), AUDIT_UNAVAILABLE);
	assert_string_equal(audit_cause(a), "disk full");
	assert_int_equal(note.len, 0);
	assert_int_equal(
		audit_export(a, open("/dev/null", O_WRONLY | O_CLOEXEC)), AUDIT_UNAVAILABLE);
	assert_true(disk_recovers());
	assert_int_equal(audit_checkpoint(a, &note), 0);
	buf_done(&note);
	audit_free(a);
}

static void opening_on_a_failing_disk_is_a_fault_and_does_no_harm(void **state)
{
	static const int errors[] = {ENOSPC, EIO, EROFS};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
		bool met = true;

		assert_int_equal(scene_teardown(NULL), 0);
		assert_int_equal(scene_setup(NULL), 0);
		for (unsigned int n = 0; met; n++) {
			int r;

			disk_fails(errors[i], n, true);
			r = scene_open_result();
			met = disk_recovers();
			/* while the file is laid out SQLite does not always say why */
			assert_true(r == 0 || (met && (r == -errors[i] || r == -EIO)));
			assert_int_equal(scene_open_result(), 0);
			/* a fresh folder for the next */
			assert_int_equal(scene_teardown(NULL), 0);
			assert_int_equal(scene_setup(NULL), 0);
		}
	}
}

static void memory_that_runs_out_refuses_an_append(void **state)
{
	struct audit *a = scene_open();
	bool met = true;
	unsigned int n = 0;

	(void)state;
	scene_fill(a, 7);
	for (; met; n++) {
		struct head before = head_of(a), now;
		int r;

		failing_arm(n, false);
		r = scene_append(a, SCENE_PERSON);
		met = failing_off();
		now = head_of(a);
		assert_int_equal(now.size, before.size + (r == 0));
		assert_true(met || r == 0);
		if (r != 0)
			recovers(a, &before);
	}
	assert_true(n > 10);
	audit_free(a);
	assert_int_equal(scene_open_result(), 0);
}

/* With an entry that tells of the clock before it: both are written, or neither. */
static void memory_that_runs_out_separates_no_entry_from_its_clock_jump(void **state)
{
	struct audit *a;
	bool met = true;

	(void)state;
	scene_wall = SCENE_WALL;
	scene_boot = 1000000;
	a = scene_open();
	scene_fill(a, 1);
	for (unsigned int n = 0; met; n++) {
		struct head before = head_of(a), now;
		int r;

		scene_wall += 3600000000;
		failing_arm(n, false);
		r = scene_append(a, SCENE_PERSON);
		met = failing_off();
		now = head_of(a);
		assert_int_equal(now.size, before.size + (r == 0 ? 2 : 0));
		assert_true(met || r == 0);
	}
	audit_free(a);
	assert_int_equal(scene_open_result(), 0);
}

static int ignore(void *user, uint64_t index, const json_t *entry)
{
	(void)user;
	(void)index;
	(void)entry;
	return 0;
}

static void memory_that_runs_out_stops_all_reading(void **state)
{
	struct audit *a = scene_open();
	struct audit_entry e = AUDIT_ENTRY_NULL;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	bool met = true;

	(void)state;
	e.pseudonym = SCENE_PERSON;
	e.dossier_version = 1;
	e.dossier_hash = SCENE_HASH;
	assert_int_equal(audit_append(a, &e, NULL), 0);
	scene_fill(a, 6);
	for (unsigned int n = 0; met; n += 1 + n / 128) { /* each at first, then sparser */
		struct buf entry = BUF_NULL(65536), path = BUF_NULL(4096);
		uint8_t hash[32];
		uint64_t v, bad;
		int r;

		failing_arm(n, false);
		r = audit_export(a, null);
		if (r == 0)
			r = audit_history(a, SCENE_PERSON, 5, ignore, NULL);
		if (r == 0)
			r = audit_last_version(a, SCENE_PERSON, &v, hash);
		if (r == 0)
			r = audit_proof(a, 2, &entry, &path);
		if (r == 0)
			r = audit_verify(a, &bad);
		met = failing_off();
		assert_true(r == 0 || (met && (r < 0 || r == AUDIT_UNAVAILABLE)));
		buf_done(&entry);
		buf_done(&path);
	}
	assert_int_equal(scene_append(a, NULL), 0);
	(void)close(null);
	audit_free(a);
}

/* In a new folder, and in one where there is a record whose nodes were lost. */
static void memory_that_runs_out_at_opening_does_no_harm(void **state)
{
	bool met = true;
	unsigned int n = 0;

	(void)state;
	for (; met; n += 1 + n / 64) {
		struct audit *a = NULL;
		int r;

		failing_arm(n, false);
		r = audit_open(scene_folder, SCENE_ORIGIN, VIEW_NULL, &a);
		met = failing_off();
		assert_true(r == 0 || (met && r < 0));
		assert_true((r == 0) == (a != NULL));
		if (a)
			scene_fill(a, 1);
		audit_free(a);
		assert_int_equal(scene_open_result(), 0);
		if (n % 2 == 0) {
			scene_sql("DROP TABLE node");
			continue;
		}
		assert_int_equal(scene_teardown(NULL), 0);
		assert_int_equal(scene_setup(NULL), 0);
	}
	assert_true(n > 50);
}

int main(void)
{
#define test_scene(f) cmocka_unit_test_setup_teardown(f, scene_setup, scene_teardown)
	const struct CMUnitTest tests[] = {
		test_scene(a_full_disk_refuses_and_recovers),
		test_scene(a_disk_that_stays_full_refuses_until_there_is_room),
		test_scene(a_broken_disk_refuses_and_recovers),
		test_scene(a_disk_that_became_read_only_refuses),
		test_scene(many_refusals_leave_nothing_behind),
		test_scene(a_checkpoint_that_cannot_be_kept_is_not_given_out),
		test_scene(opening_on_a_failing_disk_is_a_fault_and_does_no_harm),
		test_scene(memory_that_runs_out_refuses_an_append),
		test_scene(memory_that_runs_out_separates_no_entry_from_its_clock_jump),
		test_scene(memory_that_runs_out_stops_all_reading),
		test_scene(memory_that_runs_out_at_opening_does_no_harm),
	};

	failing_setup();
	memory_setup();
	json_setup();
	return cmocka_run_group_tests(tests, prepare, NULL);
}
