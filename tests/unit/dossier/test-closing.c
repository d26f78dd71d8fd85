/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A dossier's end: closed and reopened, given out whole, kept for ten years and erased then; and what a
 * record that refuses or a clock that lies makes of it.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/unit/dossier/closing-bed.h"
#include "tests/unit/dossier/faults.h"

/* -- closing ------------------------------------------------------------------------------------ */

static void closing_is_recorded_before_and_after_and_its_reason_by_hash_alone(void **state)
{
	struct bed *b = *state;
	unsigned int changed;
	char *all;

	alone(b);
	changed = b->s.changed;
	assert_int_equal(close_for(b, VIEW_TEXT(WHY)).reason, VITALED_REASON_NONE);
	assert_string_equal(dossier_state_of(&b->s), "closed");
	assert_int_equal(b->s.changed, changed + 1);
	assert_int_equal(fake_audit_count("dossier-closed", "started"), 1);
	assert_int_equal(fake_audit_count("dossier-closed", "ok"), 1);
	assert_int_equal(strlen(codes_detail("dossier-closed", "reason-sha256")), 64);
	assert_true(until_of(fake_audit_last("dossier-closed")) >
		    (int64_t)(clock_wall() + 3650 * DAY));
	all = json_dumps(fake_audit.entries, 0);
	assert_null(strstr(all, "nage"));
	free(all);
	assert_int_equal(close_for(b, VIEW_TEXT(WHY)).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(codes_call(b, dossier_summary).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(
		codes_call(b, dossier_list_professionals).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(codes_call(b, dossier_create).reason, VITALED_REASON_WRONG_STATE);
	/* it is so at the next visit, which is for who can do something about it */
	alone(b);
	assert_string_equal(dossier_state_of(&b->s), "closed");
	bed_lock(b);
	fake_session(&b->s);
	b->s.intents = SESSION_INTENT_CONSULT;
	assert_int_equal(bed_prepare(b), VITALED_REASON_WRONG_STATE);
	bed_open(b, CREATE | SESSION_INTENT_CONSULT);
	assert_int_equal(codes_call(b, dossier_reopen).reason, VITALED_REASON_NONE);
	assert_string_equal(dossier_state_of(&b->s), "open");
	assert_int_equal(codes_call(b, dossier_summary).reason, VITALED_REASON_NONE);
	assert_int_equal(codes_call(b, dossier_reopen).reason, VITALED_REASON_WRONG_STATE);
}

static void reason_that_is_none_is_refused(void **state)
{
	static char many[2002];
	static const char *const none[] = {
		"", " ", "\n\t", "a\x01", "\xff\xfe", "\xc3", "a\x7f"};
	struct bed *b = *state;
	struct reply r = bed_reply();
	int fd;

	alone(b);
	for (size_t i = 0; i < ARRAY_LEN(none); i++) {
		r = close_for(b, view_str(none[i]));
		assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
		assert_string_equal(r.rule, "reason");
	}
	assert_int_equal(
		close_for(b, view_of("a\0b", 3)).reason, VITALED_REASON_INVALID_ARGUMENT);
	for (size_t i = 0; i < 2000; i += 2) {
		many[i] = (char)0xc3; /* a thousand é */
		many[i + 1] = (char)0xa9;
	}
	many[2000] = 'x';
	assert_int_equal(close_for(b, view_str(many)).reason, VITALED_REASON_INVALID_ARGUMENT);
	fd = memfd_create("open", MFD_CLOEXEC);
	assert_int_equal(write(fd, "why", 3), 3);
	dossier_close(&b->s, fd, bed_done_fn, &r);
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	close(fd);
	assert_int_equal(fake_audit_count("dossier-closed", "started"), 0);
	many[2000] = '\0';
	assert_int_equal(close_for(b, view_str(many)).reason, VITALED_REASON_NONE);
}

static void closing_whose_end_was_not_recorded_is_found_at_the_next_visit(void **state)
{
	struct bed *b = *state;

	alone(b);
	fake_audit.refuse = 1;
	assert_int_equal(close_for(b, VIEW_TEXT(WHY)).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	alone(b);
	assert_string_equal(dossier_state_of(&b->s), "open");
	fake_audit.refuse = 1;
	fake_audit.after = 1;
	assert_int_equal(close_for(b, VIEW_TEXT(WHY)).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	alone(b);
	assert_string_equal(dossier_state_of(&b->s), "closed");
	assert_int_equal(fake_audit_count("dossier-closed", "recovered"), 1);
	assert_true(until_of(fake_audit_last("dossier-closed")) > 0);
}

/* -- export ------------------------------------------------------------------------------------- */

static void export_is_recorded_before_it_is_given_out(void **state)
{
	_cleanup_(buf_done) struct buf zip = BUF_NULL(1U << 20);
	struct bed *b = *state;
	struct reply r;
	int64_t n;

	alone(b);
	r = codes_call(b, dossier_export);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	assert_true(r.fds[0] >= 0 && r.fds[1] < 0);
	bed_content(b, r.fds[0], &zip);
	assert_true(view_equal(view_sub(buf_view(&zip), 0, 4), VIEW_TEXT("PK\x03\x04")));
	assert_int_equal(fake_audit_count("dossier-exported", "ok"), 1);
	assert_int_equal(
		json_get_int(json_object_get(fake_audit_last("dossier-exported"), "details"),
			"released", 0, 0, &n),
		0);
	while (dossier_busy(&b->s)) {
		bed_turn(b, 1);
	}
	assert_int_equal(b->s.changed, 1);
	fake_audit.refuse = 1;
	r = codes_call(b, dossier_export);
	assert_int_equal(r.reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_true(r.fds[0] < 0);
	assert_true(b->s.ended);
	bed_open(b, CREATE | SESSION_INTENT_CONSULT);
	assert_int_equal(codes_call(b, dossier_export).reason, VITALED_REASON_NOT_PERMITTED);
}

/* Bytes of the file @name, by the ZIP's directory: its last word. */
static uint32_t size_in(const struct buf *zip, const char *name)
{
	const uint8_t *end = zip->data + zip->len;
	const uint8_t *entry = NULL;
	const uint8_t *at = zip->data;

	while ((at = memmem(at, (size_t)(end - at), name, strlen(name)))) {
		entry = at - 46;
		at++;
	}
	assert_non_null(entry);
	assert_memory_equal(entry, "PK\x01\x02", 4);
	return entry[24] | (uint32_t)entry[25] << 8 | (uint32_t)entry[26] << 16 |
	       (uint32_t)entry[27] << 24;
}

static void export_holds_the_newest_of_a_long_history(void **state)
{
	_cleanup_(buf_done) struct buf zip = BUF_NULL(1U << 20);
	struct audit_entry e = AUDIT_ENTRY_NULL;
	struct bed *b = *state;
	char rule[201];
	struct reply r;

	alone(b);
	memset(rule, 'x', 200);
	rule[200] = '\0';
	e.event = AUDIT_EVENT_DENIED;
	e.outcome = "not-permitted";
	e.pseudonym = b->s.patient.pseudonym;
	e.rule = rule;
	for (int i = 0; i < 4000; i++) {
		assert_int_equal(audit_append(NULL, &e, NULL), 0);
	}
	r = bed_reply();
	fake_audit.rows = 0;
	dossier_export(&b->s, bed_done_fn, &r);
	while (!r.done) {
		unsigned int before = fake_audit.rows;

		assert_true(sd_event_run(b->ev, 10 * USEC_PER_SEC) > 0);
		assert_in_range(fake_audit.rows - before, 0, RECORD_HISTORY_STEP);
	}
	assert_int_equal(fake_audit.rows, 2000);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	bed_content(b, r.fds[0], &zip);
	assert_in_range(size_in(&zip, "history.json"), 2000 * 200, 2000 * 350);
}

/* -- ten years ---------------------------------------------------------------------------------- */

static void it_is_erased_ten_years_later_and_there_may_be_a_new_one(void **state)
{
	struct bed *b = *state;
	const json_t *entry;

	closed_now(b);
	bed_lock(b);
	runs(b, 3650, DAY);
	assert_int_equal(erased(), 0);
	assert_int_equal(bed_files(b, ".dossier"), 1);
	runs(b, 10, DAY);
	assert_int_equal(erased(), 1);
	assert_int_equal(bed_files(b, ".dossier"), 0);
	assert_int_equal(bed_files(b, ".key"), 0);
	assert_int_equal(fake_audit_count("dossier-erased", "started"), 1);
	entry = fake_audit_last("dossier-erased");
	assert_int_equal(json_integer_value(json_object_get(entry, "dossier-version")), 0);
	assert_null(json_object_get(entry, "professional"));
	runs(b, 40, DAY);
	assert_int_equal(erased(), 1);
	bed_open(b, BED_ALL);
	assert_string_equal(dossier_state_of(&b->s), "absent");
	assert_int_equal(codes_call(b, dossier_create).reason, VITALED_REASON_NONE);
}

static void no_clock_erases_it_sooner(void **state)
{
	struct bed *b = *state;
	uint64_t now = codes_wall;

	closed_now(b);
	bed_lock(b);
	codes_wall = now + 30 * 366 * DAY; /* a battery; a hundred starts of that day */
	for (int i = 0; i < 100; i++) {
		bed_stop(b);
		assert_int_equal(bed_start(b), 0);
		run(b);
	}
	codes_wall = now - 40 * 366 * DAY; /* never set */
	runs(b, 10, DAY);
	codes_wall = now;
	runs(b, 3500, DAY); /* what a day was seen too much is not seen again */
	assert_int_equal(erased(), 0);
	runs(b, 160, DAY);
	assert_int_equal(erased(), 1);
}

static void without_a_time_that_was_seen_it_begins_at_the_first_closing(void **state)
{
	_cleanup_(buf_done) struct buf path = BUF_NULL(256);
	struct bed *b = *state;

	closed_now(b);
	bed_lock(b);
	buf_printf(&path, "%s/dossiers/closed/clock", b->state);
	buf_put_u8(&path, 0);
	assert_int_equal(unlink((const char *)path.data), 0);
	codes_wall += 11 * 366 * DAY;
	runs(b, 1, DAY);
	assert_int_equal(erased(), 0);
	runs(b, 125, DAY);
	assert_int_equal(erased(), 1);
}

static void what_was_reopened_or_is_open_now_is_not_erased(void **state)
{
	struct bed *b = *state;

	closed_now(b);
	assert_int_equal(codes_call(b, dossier_reopen).reason, VITALED_REASON_NONE);
	bed_lock(b);
	runs(b, 130, MONTH);
	assert_int_equal(erased(), 0);
	closed_now(b);
	runs(b, 130, MONTH); /* somebody is at it, for ten years */
	assert_int_equal(erased(), 0);
	bed_lock(b);
	runs(b, 1, DAY);
	assert_int_equal(erased(), 1);
}

/* The marker of an earlier closing stays when a broker is killed before it removes it. */
static void marker_of_an_earlier_closing_moves_to_the_later_one(void **state)
{
	struct dossiers *ds = ((struct bed *)*state)->all;
	struct bed *b = *state;
	int64_t first;

	closed_now(b);
	first = until_of(fake_audit_last("dossier-closed"));
	assert_int_equal(codes_call(b, dossier_reopen).reason, VITALED_REASON_NONE);
	bed_lock(b);
	runs(b, 12, MONTH);
	closed_now(b);
	bed_lock(b);
	assert_int_equal(keeping_note(ds, b->s.patient.pseudonym, first), 0);
	keeping_forget(ds, b->s.patient.pseudonym, until_of(fake_audit_last("dossier-closed")));
	runs(b, 112, MONTH);
	assert_int_equal(erased(), 0);
	runs(b, 10, MONTH);
	assert_int_equal(erased(), 1);
}

static void closing_of_which_the_record_does_not_tell_the_end_erases_nothing(void **state)
{
	struct bed *b = *state;

	alone(b);
	fake_audit.refuse = 1;
	fake_audit.after = 1;
	assert_int_equal(close_for(b, VIEW_TEXT(WHY)).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	runs(b, 130, MONTH);
	assert_int_equal(erased(), 0);
	alone(b);
	bed_lock(b);
	fake_audit.broken = true; /* nor does a record that cannot be read */
	runs(b, 2, DAY);
	assert_int_equal(bed_files(b, ".dossier"), 1);
	fake_audit.broken = false;
	assert_int_equal(erased(), 0);
	runs(b, 1, DAY);
	assert_int_equal(erased(), 1);
	assert_int_equal(bed_files(b, ".dossier"), 0);
}

static void clock_that_is_behind_cuts_nothing_off_the_ten_years(void **state)
{
	struct bed *b = *state;
	uint64_t now = codes_wall;
	int64_t begun;

	codes_wall = now - 400 * DAY; /* the dossier's entries know better */
	closed_now(b);
	codes_wall = now;
	assert_true(until_of(fake_audit_last("dossier-closed")) >
		    (int64_t)(clock_wall() + 3650 * DAY));
	assert_int_equal(codes_call(b, dossier_reopen).reason, VITALED_REASON_NONE);
	bed_lock(b);
	begun = (int64_t)clock_wall();
	runs(b, 40, MONTH); /* from that day 400 days ago on, and a month each */
	codes_wall = now;   /* so do the runs of two years in which nobody came */
	closed_now(b);
	assert_true(until_of(fake_audit_last("dossier-closed")) >
		    begun + (int64_t)(26 * MONTH + 3650 * DAY));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, closing_setup, bed_teardown)
		T(closing_is_recorded_before_and_after_and_its_reason_by_hash_alone),
		T(reason_that_is_none_is_refused),
		T(closing_whose_end_was_not_recorded_is_found_at_the_next_visit),
		T(export_is_recorded_before_it_is_given_out),
		T(export_holds_the_newest_of_a_long_history),
		T(it_is_erased_ten_years_later_and_there_may_be_a_new_one),
		T(no_clock_erases_it_sooner),
		T(without_a_time_that_was_seen_it_begins_at_the_first_closing),
		T(what_was_reopened_or_is_open_now_is_not_erased),
		T(marker_of_an_earlier_closing_moves_to_the_later_one),
		T(closing_of_which_the_record_does_not_tell_the_end_erases_nothing),
		T(clock_that_is_behind_cuts_nothing_off_the_ten_years),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
