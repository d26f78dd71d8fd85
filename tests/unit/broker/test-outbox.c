/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The messages for patients as files: under which name, what after a crash, and a folder that
 * is full, read-only, forbidden, taken away or emptied meanwhile.
 */
#include "tests/unit/broker/outbox-bed.h"

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

/* Started on a site that has never had one, or has lost how far it was. */
static void anew(void)
{
	char place[64];

	stop();
	assert_true(snprintf(place, sizeof(place), "%s/outbox.next", at.folder) < 64);
	assert_int_equal(unlink(place), 0);
	serve();
}

static void what_waits_from_the_first_entry_on_follows_after_a_restart(void **state)
{
	(void)state;
	anew();
	assert_int_equal(symlink("/tmp", at.box), 0);
	emergency();
	settle();
	assert_stuck("failed");
	stop();
	serve();
	settle();
	assert_stuck("failed");
	assert_int_equal(unlink(at.box), 0);
	try_again();
	assert_int_equal(files(NULL, 0), 1);
}

static void no_message_comes_before_its_place_can_be_kept(void **state)
{
	(void)state;
	break_it("renameat", ENOSPC);
	anew();
	emergency();
	settle();
	assert_stuck("no-space");
	at.failing = 0;
	assert_int_equal(symlink("/tmp", at.box), 0);
	try_again();
	assert_stuck("failed");
	stop();
	serve();
	assert_int_equal(unlink(at.box), 0);
	settle();
	assert_int_equal(files(NULL, 0), 1);
}

static void an_entry_that_cannot_be_read_now_waits(void **state)
{
	(void)state;
	break_it("audit_read", EIO);
	emergency();
	settle();
	assert_int_equal(files(NULL, 0), 0);
	assert_stuck("failed");
	at.failing = 0;
	try_again();
	assert_int_equal(files(NULL, 0), 1);
	assert_null(outbox_stuck(at.o, NULL, NULL));
}

static void one_that_is_switched_on_again_begins_then(void **state)
{
	(void)state;
	emergency();
	settle();
	remove_first();
	stop();
	assert_int_equal(outbox_forget(at.folder), 0);
	assert_int_equal(outbox_forget(at.folder), 0); /* at each start without one */
	assert_int_equal(outbox_forget("/nonexistent"), -ENOENT);
	serve_with(NULL);
	emergency();
	settle();
	stop();
	serve();
	settle();
	assert_int_equal(files(NULL, 0), 0);
	emergency();
	settle();
	assert_int_equal(files(NULL, 0), 1);
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
		T(what_waits_from_the_first_entry_on_follows_after_a_restart),
		T(no_message_comes_before_its_place_can_be_kept),
		T(an_entry_that_cannot_be_read_now_waits),
		T(one_that_is_switched_on_again_begins_then),
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
