/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Erasing that is cut off: by a broker that is killed, a record that refuses or a file that stays; and
 * what is not erased though somebody left a marker that says so.
 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/dossier/closing-bed.h"
#include "tests/unit/dossier/faults.h"

static void erasing_that_was_cut_off_is_finished_at_the_next_start(void **state)
{
	struct bed *b = *state;

	closed_now(b);
	bed_lock(b);
	fake_audit.refuse = 1; /* not begun, then */
	for (int i = 0; fake_audit.refuse > 0; i++) {
		assert_true(i < 130);
		runs(b, 1, MONTH);
	}
	assert_int_equal(bed_files(b, ".dossier"), 1);
	fake_audit.refuse = 1;
	fake_audit.after = 1;
	runs(b, 1, MONTH);
	assert_int_equal(bed_files(b, ".dossier"), 0);
	assert_int_equal(erased(), 0);
	bed_stop(b);
	assert_int_equal(bed_start(b), 0);
	assert_int_equal(erased(), 1);
	bed_stop(b);
	assert_int_equal(bed_start(b), 0);
	assert_int_equal(erased(), 1);
}

/* What lies in the way of the key's file; the key itself stays as it was. */
static void block_key(const struct bed *b, bool on)
{
	char key[256];
	char away[264];

	bed_path(b, ".key", key, sizeof(key));
	assert_true(snprintf(away, sizeof(away), "%s.away", key) < (int)sizeof(away));
	if (on) {
		assert_int_equal(rename(key, away), 0);
		assert_int_equal(mkdir(key, 0700), 0);
	} else {
		assert_int_equal(rmdir(key), 0);
		assert_int_equal(rename(away, key), 0);
	}
}

/* Its time is over and the record says that its erasing was begun, but its key cannot be removed. */
static void begun_and_stuck(struct bed *b)
{
	closed_now(b);
	bed_lock(b);
	block_key(b, true);
	for (int i = 0; fake_audit_count("dossier-erased", "started") == 0; i++) {
		assert_true(i < 130);
		runs(b, 1, MONTH);
	}
	assert_int_equal(erased(), 0);
	assert_int_equal(bed_files(b, ".dossier"), 1);
}

static void start_again(struct bed *b)
{
	bed_stop(b);
	assert_int_equal(bed_start(b), 0);
}

static void assert_erased(struct bed *b)
{
	assert_int_equal(erased(), 1);
	assert_int_equal(fake_audit_count("dossier-erased", "started"), 1);
	assert_int_equal(bed_files(b, ".dossier"), 0);
	assert_int_equal(bed_files(b, ".key"), 0);
}

static void one_that_was_opened_again_before_its_key_could_go_is_whole(void **state)
{
	struct bed *b = *state;

	begun_and_stuck(b);
	block_key(b, false);
	alone(b);
	assert_string_equal(dossier_state_of(&b->s), "closed");
	assert_int_equal(codes_call(b, dossier_reopen).reason, VITALED_REASON_NONE);
	bed_lock(b);
	start_again(b);
	runs(b, 2, DAY);
	assert_int_equal(erased(), 0);
	bed_open(b, BED_ALL);
	assert_string_equal(dossier_state_of(&b->s), "open");
	assert_int_equal(codes_call(b, dossier_summary).reason, VITALED_REASON_NONE);
}

static void one_whose_key_could_not_go_goes_on_a_later_day(void **state)
{
	struct bed *b = *state;

	begun_and_stuck(b);
	runs(b, 2, DAY);
	assert_int_equal(erased(), 0);
	block_key(b, false);
	runs(b, 1, DAY);
	assert_erased(b);
}

static void record_that_cannot_be_read_finishes_nothing(void **state)
{
	struct bed *b = *state;

	begun_and_stuck(b);
	block_key(b, false);
	fake_audit.broken = true;
	start_again(b);
	fake_audit.broken = false;
	assert_int_equal(erased(), 0);
	assert_int_equal(bed_files(b, ".dossier"), 1);
	start_again(b);
	assert_erased(b);
}

static void half_of_one_goes_whatever_the_time(void **state)
{
	struct bed *b = *state;
	char path[256];

	begun_and_stuck(b);
	bed_path(b, ".key", path, sizeof(path));
	assert_int_equal(rmdir(path), 0);
	bed_path(b, ".key.away", path, sizeof(path));
	assert_int_equal(unlink(path), 0);
	assert_true(snprintf(path, sizeof(path), "%s/dossiers/closed/clock", b->state) < 256);
	assert_int_equal(unlink(path), 0);
	start_again(b);
	assert_erased(b);
}

static void one_whose_folder_is_gone_is_erased(void **state)
{
	static const char *const names[] = {".key.away", ".dossier", ".dossier-wal", ".key"};
	struct bed *b = *state;
	char path[256];

	begun_and_stuck(b);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		bed_path(b, names[i], path, sizeof(path));
		(void)remove(path); /* a log need not be there */
	}
	*strrchr(path, '/') = '\0';
	assert_int_equal(rmdir(path), 0);
	start_again(b);
	assert_erased(b);
	start_again(b);
	assert_erased(b);
}

/* A marker, made by somebody or left by a disk that gave an error. */
static void mark_erasing(const struct bed *b)
{
	char path[256];
	FILE *f;

	assert_true(snprintf(path, sizeof(path), "%s/dossiers/closed/erasing", b->state) < 256);
	assert_true(mkdir(path, 0700) == 0 || access(path, F_OK) == 0);
	assert_true(snprintf(path, sizeof(path), "%s/dossiers/closed/erasing/%s", b->state,
			    b->s.patient.pseudonym) < 256);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs("1\n", f) >= 0 && fclose(f) == 0);
}

static bool is_marked(const struct bed *b)
{
	char path[256];

	assert_true(snprintf(path, sizeof(path), "%s/dossiers/closed/erasing/%s", b->state,
			    b->s.patient.pseudonym) < 256);
	return access(path, F_OK) == 0;
}

static void marker_that_the_record_does_not_bear_out_erases_nothing(void **state)
{
	struct bed *b = *state;

	closed_now(b);
	bed_lock(b);
	mark_erasing(b);
	start_again(b); /* closed, and its time is not over */
	assert_false(is_marked(b));
	alone(b);
	assert_string_equal(dossier_state_of(&b->s), "closed");
	assert_int_equal(codes_call(b, dossier_reopen).reason, VITALED_REASON_NONE);
	bed_lock(b);
	mark_erasing(b);
	start_again(b); /* open */
	assert_false(is_marked(b));
	bed_open(b, BED_ALL);
	assert_string_equal(dossier_state_of(&b->s), "open");
	assert_int_equal(fake_audit_count("dossier-erased", "started"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, closing_setup, bed_teardown)
		T(erasing_that_was_cut_off_is_finished_at_the_next_start),
		T(one_that_was_opened_again_before_its_key_could_go_is_whole),
		T(one_whose_key_could_not_go_goes_on_a_later_day),
		T(record_that_cannot_be_read_finishes_nothing),
		T(half_of_one_goes_whatever_the_time),
		T(one_whose_folder_is_gone_is_erased),
		T(marker_that_the_record_does_not_bear_out_erases_nothing),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
