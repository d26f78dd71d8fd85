/* SPDX-License-Identifier: EUPL-1.2 */
/* A change whose end the record misses is told as of who began it, however much later that is found. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dossier/inside.h"
#include "daemon/limits.h"
#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

/* the professional of fake_session() added a document, and the record took no end of it */
static void leave_unfinished(struct bed *b)
{
	bed_created(b);
	fake_audit.refuse = UINT_MAX;
	fake_audit.after = 1;
	assert_int_equal(
		bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	fake_audit.refuse = 0;
	bed_lock(b);
}

static json_t *history(struct bed *b)
{
	struct reply r = bed_reply();

	dossier_history(&b->s, NULL, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	return bed_json(r.fds[0]);
}

static void a_recovered_change_is_of_who_began_it(void **state)
{
	static const char *const same[] = {"professional", "structure", "session", "mode"};
	_cleanup_json_ json_t *theirs = NULL;
	_cleanup_json_ json_t *mine = NULL;
	struct bed *b = *state;
	json_t *started;
	const json_t *end;

	leave_unfinished(b);
	started = json_array_get(fake_audit.entries, json_array_size(fake_audit.entries) - 1);
	assert_string_equal(json_get_str(started, "outcome"), "started");
	/* of an earlier session, in a mode and a place of its own */
	assert_int_equal(json_set(started, "session", json_string("session/9@4567")), 0);
	assert_int_equal(json_set(started, "structure", json_string("0B0000077")), 0);
	assert_int_equal(json_set(started, "mode", json_string("bris_de_glace")), 0);
	bed_open_as(b, BED_ALL, "899700000002", 10, "SA01");
	end = fake_audit_last("document-added");
	assert_string_equal(json_get_str(end, "outcome"), "recovered");
	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		assert_string_equal(json_get_str(end, same[i]), json_get_str(started, same[i]));
	}
	assert_string_equal(json_get_str(json_object_get(end, "details"), "recovered-in"),
		"session/1@0123");
	assert_int_equal(json_integer_value(json_object_get(end, "dossier-version")), 2);
	/* so it is in the history of the one, and not of the other */
	theirs = history(b);
	assert_int_equal(json_array_size(theirs), 0);
	bed_open(b, BED_ALL);
	mine = history(b);
	assert_int_equal(json_array_size(mine), 2);
	assert_string_equal(json_get_str(json_array_get(mine, 0), "outcome"), "recovered");
}

static void a_change_whose_end_is_missing_is_found_however_much_was_told_since(void **state)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;
	struct bed *b = *state;

	leave_unfinished(b);
	e.event = AUDIT_EVENT_DENIED;
	e.outcome = "not-permitted";
	e.pseudonym = b->s.patient.pseudonym;
	for (unsigned int i = 0; i < LIMIT_HISTORY + 10; i++) {
		assert_int_equal(audit_append(NULL, &e, NULL), 0);
	}
	bed_open(b, BED_ALL);
	assert_int_equal(fake_audit_count("document-added", "recovered"), 1);
}

static void what_the_record_said_of_an_entry_written_anew_is_not_the_changes(void **state)
{
	struct bed *b = *state;
	json_t *started;
	const json_t *details;

	leave_unfinished(b);
	started = json_array_get(fake_audit.entries, json_array_size(fake_audit.entries) - 1);
	assert_int_equal(
		json_set(started, "details", json_pack("{s:i,s:b}", "kept-from", 3, "on", 1)),
		0);
	bed_open(b, BED_ALL);
	details = json_object_get(fake_audit_last("document-added"), "details");
	assert_null(json_object_get(details, "kept-from"));
	assert_true(json_is_true(json_object_get(details, "on")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(a_recovered_change_is_of_who_began_it),
		T(a_change_whose_end_is_missing_is_found_however_much_was_told_since),
		T(what_the_record_said_of_an_entry_written_anew_is_not_the_changes),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
