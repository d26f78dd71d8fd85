/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The messages for patients as files: under which name, what after a crash, and a folder that
 * is full, read-only, forbidden, taken away or emptied meanwhile. A record of its own, files of
 * its own.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/audit/keep.h"
#include "daemon/audit/state.h"
#include "daemon/broker/notices.h"
#include "daemon/broker/outbox.h"
#include "daemon/limits.h"
#include "daemon/session/types.h"
#include "tests/unit/record/forge.h"

#define PERSON "3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c3f9c"

static struct {
	char folder[32]; /* the state */
	char box[64];
	struct audit *audit;
	sd_event *ev;
	struct outbox *o;
	unsigned int told;
	char what[32];
	uint64_t when;
	uint64_t ahead; /* what the clock of the service is ahead by */
	int failing;	/* errno of what is wrapped; 0: nothing fails */
	const char *of; /* ... which */
} at;

/* -- what fails -- */

uint64_t __wrap_clock_monotonic(void);
uint64_t __real_clock_monotonic(void);
int __wrap_openat64(int dir, const char *path, int flags, ...);
int __real_openat64(int dir, const char *path, int flags, ...);
int __wrap_renameat(int from, const char *name, int to, const char *other);
int __real_renameat(int from, const char *name, int to, const char *other);

uint64_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() + at.ahead;
}

static bool fails(const char *of)
{
	if (at.failing == 0 || strcmp(at.of, of) != 0) {
		return false;
	}
	errno = at.failing;
	return true;
}

int __wrap_openat64(int dir, const char *path, int flags, ...)
{
	if ((flags & O_CREAT) && fails("openat")) {
		return -1;
	}
	return __real_openat64(dir, path, flags, 0600);
}

int __wrap_renameat(int from, const char *name, int to, const char *other)
{
	return fails("renameat") ? -1 : __real_renameat(from, name, to, other);
}

static void break_it(const char *of, int error)
{
	at.of = of;
	at.failing = error;
}

/* -- the service -- */

static void on_told(void *user, const char *pseudonym, const char *what, uint64_t when)
{
	assert_ptr_equal(user, &at);
	assert_string_equal(pseudonym, PERSON);
	at.told++;
	assert_true(snprintf(at.what, sizeof(at.what), "%s", what) > 0);
	at.when = when;
}

static void on_recorded(void *user)
{
	(void)user;
	outbox_wake(at.o);
}

static void serve_with(const char *state)
{
	static const struct outbox_ops ops = {.told = on_told};

	assert_true(sd_event_new(&at.ev) >= 0);
	assert_int_equal(
		audit_open(at.folder, "vitaled.example/record", VIEW_NULL, &at.audit), 0);
	audit_on_append(at.audit, on_recorded, NULL);
	assert_int_equal(outbox_new(at.ev, at.audit, state, &ops, &at, &at.o), 0);
}

static void serve(void)
{
	serve_with(at.folder);
}

static void stop(void)
{
	at.o = outbox_free(at.o);
	at.audit = audit_free(at.audit);
	at.ev = sd_event_unref(at.ev);
}

/* As a kill leaves it: how far it was has not been written down. */
static void crash(void)
{
	assert_int_equal(forge_shell("cp \"$D/outbox.next\" \"$D/kept\"", at.folder), 0);
	stop();
	assert_int_equal(forge_shell("mv \"$D/kept\" \"$D/outbox.next\"", at.folder), 0);
}

/* Turns until nothing is left to do at once. */
static void settle(void)
{
	int r;

	do {
		r = sd_event_run(at.ev, 0);
		assert_true(r >= 0);
	} while (r > 0);
}

static int setup(void **state)
{
	(void)state;
	memset(&at, 0, sizeof(at));
	forge_folder(at.folder);
	assert_true(snprintf(at.box, sizeof(at.box), "%s/outbox", at.folder) < 64);
	serve();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	at.failing = 0;
	stop();
	forge_remove(at.folder);
	return 0;
}

/* An entry as rooms write it. */
static void append(enum audit_event event, const char *outcome, enum session_mode mode,
	const json_t *details)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = event;
	e.outcome = outcome;
	e.session = "session/4@1f0c";
	e.professional = "899700218896";
	e.structure = "10B0127189";
	e.pseudonym = PERSON;
	e.mode = session_mode_word(mode);
	e.details = details;
	assert_int_equal(audit_append(at.audit, &e, NULL), 0);
}

static void emergency(void)
{
	append(AUDIT_EVENT_UNLOCKED, "ok", SESSION_MODE_BRIS_DE_GLACE, NULL);
}

/* -- the folder -- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int shown(const struct dirent *e)
{
	return strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
}

/* How many files there are; @ret_first: name of the first one. Nothing but messages lies there.
 * */
static int files(char *ret_first, size_t size)
{
	struct dirent **found = NULL;
	int n = scandir(at.box, &found, shown, by_name);

	for (int i = 0; i < n; i++) {
		size_t len = strlen(found[i]->d_name);

		assert_int_equal(len, 16 + 1 + 12 + 5);
		assert_string_equal(found[i]->d_name + len - 5, ".json");
		if (i == 0 && ret_first) {
			assert_true(snprintf(ret_first, size, "%s", found[i]->d_name) > 0);
		}
		free(found[i]);
	}
	free(found);
	return n < 0 ? 0 : n;
}

static json_t *message(const char *name, mode_t *ret_mode)
{
	char path[256];
	json_error_t e;
	struct stat st;
	json_t *j;

	assert_true(snprintf(path, sizeof(path), "%s/%s", at.box, name) > 0);
	assert_int_equal(stat(path, &st), 0);
	*ret_mode = st.st_mode & 07777;
	j = json_load_file(path, JSON_REJECT_DUPLICATES, &e);
	assert_non_null(j);
	return j;
}

static void remove_first(void)
{
	char name[64] = "";
	char path[256];

	assert_true(files(name, sizeof(name)) > 0);
	assert_true(snprintf(path, sizeof(path), "%s/%s", at.box, name) > 0);
	assert_int_equal(unlink(path), 0);
}

/* -- one message -- */

static void an_emergency_lies_there_whole(void **state)
{
	_cleanup_json_ json_t *j = NULL;
	char name[64] = "";
	struct stat st;
	mode_t mode = 0;
	size_t n;

	(void)state;
	emergency();
	settle();
	assert_int_equal(files(name, sizeof(name)), 1);
	j = message(name, &mode);
	assert_int_equal(mode, 0640);
	n = json_object_size(j);
	assert_int_equal(n, 9); /* and nothing else */
	assert_int_equal(json_integer_value(json_object_get(j, "format")), 1);
	assert_string_equal(json_get_str(j, "what"), "emergency");
	assert_string_equal(json_get_str(j, "mode"), "bris_de_glace");
	assert_string_equal(json_get_str(j, "pseudonym"), PERSON);
	assert_string_equal(json_get_str(j, "professional"), "899700218896");
	assert_string_equal(json_get_str(j, "structure"), "10B0127189");
	assert_string_equal(json_get_str(j, "session"), "session/4@1f0c");
	assert_memory_equal(json_get_str(j, "id"), name, strlen(name) - 5);
	assert_true(json_integer_value(json_object_get(j, "when")) > 1700000000000000);
	assert_int_equal(stat(at.box, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	assert_int_equal(at.told, 0); /* it is told when it is open */
	assert_null(outbox_stuck(at.o, NULL, NULL));
}

static void what_was_done_is_told_to_who_is_there_with_its_own_time(void **state)
{
	_cleanup_json_ json_t *details = json_pack("{s:s}", "id", "899700000033");
	_cleanup_json_ json_t *j = NULL;
	char name[64] = "";
	mode_t mode;

	(void)state;
	append(AUDIT_EVENT_AUTHORISED, "started", SESSION_MODE_NORMAL, details);
	append(AUDIT_EVENT_AUTHORISED, "ok", SESSION_MODE_NORMAL, details);
	settle();
	assert_int_equal(at.told, 1);
	assert_string_equal(at.what, "authorised");
	assert_int_equal(files(name, sizeof(name)), 1);
	j = message(name, &mode);
	assert_string_equal(json_get_str(j, "whom"), "899700000033");
	assert_int_equal(at.when, json_integer_value(json_object_get(j, "when")));
}

static void what_is_nobodys_dossier_is_no_message(void **state)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	(void)state;
	e.event = AUDIT_EVENT_IMPORTED;
	e.outcome = "ok";
	assert_int_equal(audit_append(at.audit, &e, NULL), 0);
	settle();
	assert_int_equal(files(NULL, 0), 0);
	assert_int_equal(access(at.box, F_OK), -1); /* nor is there a folder for nothing */
}

static void names_sort_and_none_comes_twice(void **state)
{
	char first[64] = "";
	char next[64] = "";

	(void)state;
	for (int i = 0; i < 200; i++) {
		emergency();
	}
	settle();
	assert_int_equal(files(first, sizeof(first)), 200);
	for (int i = 0; i < 199; i++) {
		remove_first();
		assert_int_equal(files(next, sizeof(next)), 199 - i);
		assert_true(strcmp(first, next) < 0);
		assert_int_equal(view_copy_str(view_str(next), first, sizeof(first)), 0);
	}
}

/* -- starts -- */

static void what_was_taken_away_does_not_come_again(void **state)
{
	(void)state;
	emergency();
	settle();
	remove_first();
	stop();
	serve();
	settle();
	assert_int_equal(files(NULL, 0), 0);
	emergency();
	settle();
	assert_int_equal(files(NULL, 0), 1);
}

static void what_was_recorded_before_a_crash_follows(void **state)
{
	(void)state;
	emergency();
	settle();
	emergency();
	settle();
	remove_first();
	emergency(); /* and no turn any more */
	crash();
	serve();
	settle();
	assert_int_equal(files(NULL, 0), 2);
}

static void a_first_start_does_not_tell_of_all_that_was(void **state)
{
	char place[64];

	(void)state;
	emergency();
	settle();
	remove_first();
	emergency();
	stop();
	assert_true(snprintf(place, sizeof(place), "%s/outbox.next", at.folder) < 64);
	assert_int_equal(unlink(place), 0);
	serve();
	settle();
	assert_int_equal(files(NULL, 0), 0);
}

static void a_place_of_another_record_is_none(void **state)
{
	static const char *const places[] = {
		"{\"next\":999999}", "", "x", "{\"next\":-1}", "{\"next\":\"1\"}"};
	char place[64];

	(void)state;
	assert_true(snprintf(place, sizeof(place), "%s/outbox.next", at.folder) < 64);
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		FILE *f;

		stop();
		f = fopen(place, "w");
		assert_non_null(f);
		assert_true(fputs(places[i], f) >= 0 && fclose(f) == 0);
		serve();
		settle();
		assert_int_equal(files(NULL, 0), 0);
		emergency();
		settle();
		assert_int_equal(files(NULL, 0), 1);
		remove_first();
	}
}

static void a_site_that_wants_none_has_none(void **state)
{
	(void)state;
	stop();
	serve_with(NULL);
	append(AUDIT_EVENT_CODE_SET, "ok", SESSION_MODE_PATIENT, NULL);
	emergency();
	settle();
	assert_int_equal(access(at.box, F_OK), -1);
	assert_int_equal(at.told, 1); /* the programs that are there hear it */
	assert_null(outbox_stuck(at.o, NULL, NULL));
}

/* -- a folder that takes nothing -- */

static void assert_stuck(const char *cause)
{
	const char *folder = NULL;
	uint64_t entries = 0;

	assert_string_equal(outbox_stuck(at.o, &folder, &entries), cause);
	assert_string_equal(folder, at.box);
	assert_true(entries > 0);
}

static void what_a_disk_does_not_take_waits_and_nothing_else_does(void **state)
{
	static const struct {
		const char *of;
		int error;
		const char *cause;
	} cases[] = {
		{"openat", ENOSPC, "no-space"},
		{"openat", EDQUOT, "no-space"},
		{"openat", EROFS, "read-only"},
		{"openat", EACCES, "denied"},
		{"openat", EPERM, "denied"},
		{"openat", EMFILE, "failed"},
		{"renameat", ENOSPC, "no-space"},
		{"renameat", EROFS, "read-only"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		break_it(cases[i].of, cases[i].error);
		emergency();
		settle();
		assert_int_equal(files(NULL, 0), 0); /* no half one either */
		assert_stuck(cases[i].cause);
		at.told = 0;
		append(AUDIT_EVENT_CODE_SET, "ok", SESSION_MODE_PATIENT, NULL);
		settle();
		assert_int_equal(at.told, 1); /* meanwhile */
		at.failing = 0;
		settle();
		assert_int_equal(files(NULL, 0), 0); /* not at every entry: by and by */
		at.ahead += 11 * USEC_PER_SEC;
		outbox_wake(at.o);
		settle();
		assert_int_equal(files(NULL, 0), 2);
		assert_null(outbox_stuck(at.o, NULL, NULL));
		remove_first();
		remove_first();
	}
}

static void a_full_folder_is_not_filled_further(void **state)
{
	char path[128];

	(void)state;
	assert_int_equal(mkdir(at.box, 0700), 0);
	for (unsigned int i = 0; i < LIMIT_OUTBOX; i++) {
		int fd;

		assert_true(
			snprintf(path, sizeof(path), "%s/%016u-%012u.json", at.box, 0U, i) > 0);
		fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		assert_true(fd >= 0);
		(void)close(fd);
	}
	emergency();
	settle();
	assert_stuck("full");
	assert_int_equal(files(NULL, 0), LIMIT_OUTBOX);
	remove_first();
	emergency();
	at.ahead = 11 * USEC_PER_SEC;
	outbox_wake(at.o);
	settle();
	assert_int_equal(files(NULL, 0), LIMIT_OUTBOX); /* one more, the other waits */
	assert_stuck("full");
	remove_first();
	remove_first();
	at.ahead = 22 * USEC_PER_SEC;
	outbox_wake(at.o);
	settle();
	assert_int_equal(files(NULL, 0), LIMIT_OUTBOX - 1);
	assert_null(outbox_stuck(at.o, NULL, NULL));
}

static void a_folder_that_is_taken_away_is_made_again(void **state)
{
	(void)state;
	emergency();
	settle();
	remove_first();
	assert_int_equal(rmdir(at.box), 0);
	emergency();
	settle();
	assert_int_equal(files(NULL, 0), 1);
}

static void what_lies_in_the_way_is_not_followed(void **state)
{
	char link[128];
	char victim[64];
	struct stat st;

	(void)state;
	assert_true(snprintf(victim, sizeof(victim), "%s/victim", at.folder) < 64);
	assert_int_equal(close(open(victim, O_WRONLY | O_CREAT | O_CLOEXEC, 0600)), 0);
	/* the next file's name, laid out by who may write there */
	assert_int_equal(mkdir(at.box, 0700), 0);
	assert_true(snprintf(link, sizeof(link), "%s/.outbox.new", at.box) > 0);
	assert_int_equal(symlink(victim, link), 0);
	emergency();
	settle();
	assert_int_equal(files(NULL, 0), 1);
	assert_int_equal(stat(victim, &st), 0);
	assert_int_equal(st.st_size, 0);
	/* the folder itself */
	remove_first();
	assert_int_equal(rmdir(at.box), 0);
	assert_int_equal(symlink("/tmp", at.box), 0);
	emergency();
	settle();
	assert_stuck("failed");
	assert_int_equal(unlink(at.box), 0);
}

static void entries_without_a_message_cost_no_write(void **state)
{
	char place[64];
	struct stat before;
	struct stat after;

	(void)state;
	emergency();
	settle();
	assert_true(snprintf(place, sizeof(place), "%s/outbox.next", at.folder) < 64);
	assert_int_equal(stat(place, &before), 0);
	for (int i = 0; i < 300; i++) {
		append(AUDIT_EVENT_DOCUMENT_READ, "ok", SESSION_MODE_NORMAL, NULL);
	}
	settle();
	assert_int_equal(stat(place, &after), 0);
	assert_int_equal(after.st_ino, before.st_ino);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(an_emergency_lies_there_whole),
		T(what_was_done_is_told_to_who_is_there_with_its_own_time),
		T(what_is_nobodys_dossier_is_no_message),
		T(names_sort_and_none_comes_twice),
		T(what_was_taken_away_does_not_come_again),
		T(what_was_recorded_before_a_crash_follows),
		T(a_first_start_does_not_tell_of_all_that_was),
		T(a_place_of_another_record_is_none),
		T(a_site_that_wants_none_has_none),
		T(what_a_disk_does_not_take_waits_and_nothing_else_does),
		T(a_full_folder_is_not_filled_further),
		T(a_folder_that_is_taken_away_is_made_again),
		T(what_lies_in_the_way_is_not_followed),
		T(entries_without_a_message_cost_no_write),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
