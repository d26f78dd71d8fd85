/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The patient's codes where something else comes of them: a record that refuses, agents that give none,
 * a code that is set, and calls that are refused for want of one.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/dossier/codes-bed.h"
#include "tests/unit/dossier/faults.h"

/* -- the record, and agents ----------------------------------------------------------------------- */

static void what_the_record_does_not_take_is_not_tried(void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	for (unsigned int after = 0; after < 2; after++) {
		TYPE("2718");
		codes_patient(b);
		assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
		fake_audit.refuse = 1;
		fake_audit.after = after;
		dossier_ask_code(b->all, &b->s);
		for (int i = 0; !b->s.ended; i++) {
			assert_true(i < 20000);
			bed_turn(b, 1);
		}
		assert_int_equal(b->s.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
		assert_int_equal(b->s.coded_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	}
	/* a wrong one that cannot be told of */
	TYPE("1111");
	codes_patient(b);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	fake_audit.refuse = 1;
	fake_audit.after = 1;
	dossier_ask_code(b->all, &b->s);
	while (!b->s.ended) {
		bed_turn(b, 1);
	}
	assert_int_equal(b->s.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	/* and a record that cannot be read counts nothing */
	codes_patient(b);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	fake_audit.broken = true;
	dossier_ask_code(b->all, &b->s);
	assert_int_equal(b->s.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void whoever_gives_no_code_is_recorded_as_such(void **state)
{
	static const enum vitaled_reason whys[] = {VITALED_REASON_CANCELLED,
		VITALED_REASON_TIMEOUT, VITALED_REASON_NO_AGENT,
		VITALED_REASON_INVALID_ARGUMENT};
	struct bed *b = *state;

	codes_personal(b, "2718");
	for (size_t i = 0; i < ARRAY_LEN(whys); i++) {
		TYPE(NULL);
		fake_people.why = whys[i];
		assert_int_equal(codes_alone(b), whys[i]);
		assert_string_equal(json_get_str(fake_audit_last("code"), "outcome"),
			vitaled_reason_word(whys[i]));
	}
	fake_people.no_patient = true;
	assert_int_equal(codes_alone(b), VITALED_REASON_NO_AGENT);
	assert_int_equal(fake_audit_count("code", "no-agent"), 2);
	assert_int_equal(fake_audit_count("code-tried", "started"), 1);
}

static void an_answer_that_nobody_waits_for_is_closed(void **state)
{
	struct bed *b = *state;
	int ends[2];
	char byte;

	codes_personal(b, "2718");
	assert_int_equal(pipe(ends), 0);
	dossier_code_given(b->all, &b->s, ends[0]);
	dossier_code_failed(b->all, &b->s, VITALED_REASON_TIMEOUT);
	assert_int_equal(write(ends[1], "x", 1), -1);
	close(ends[1]);
	bed_lock(b);
	assert_int_equal(pipe(ends), 0);
	dossier_code_given(b->all, &b->s, ends[1]);
	assert_int_equal(read(ends[0], &byte, 1), 0);
	close(ends[0]);
	dossier_code_failed(b->all, &b->s, VITALED_REASON_TIMEOUT);
	dossier_ask_code(b->all, &b->s);
	assert_int_equal(b->s.coded_reason, VITALED_REASON_WRONG_STATE);
}

/* -- a personal code ---------------------------------------------------------------------------- */

static void what_is_no_code_is_not_set_and_the_old_one_stays(void **state)
{
	struct bed *b = *state;
	struct reply r;

	codes_personal(b, "2718");
	TYPE("12");
	r = codes_call(b, dossier_set_personal_code);
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	assert_string_equal(r.rule, "code");
	assert_int_equal(fake_audit_count("code-set", "invalid-argument"), 1);
	TYPE(NULL);
	fake_people.why = VITALED_REASON_CANCELLED;
	assert_int_equal(
		codes_call(b, dossier_set_personal_code).reason, VITALED_REASON_CANCELLED);
	assert_int_equal(fake_audit_count("code-set", "started"), 2);
	fake_people.no_patient = true;
	assert_int_equal(
		codes_call(b, dossier_set_personal_code).reason, VITALED_REASON_NO_AGENT);
	fake_people.no_patient = false;
	assert_int_equal(fake_audit_count("code", "cancelled"), 0);
	TYPE("2718");
	codes_open_alone(b);
}

static void the_patient_writes_hides_and_sees_all_of_the_history(void **state)
{
	struct bed *b = *state;
	_cleanup_json_ json_t *list = NULL;
	_cleanup_json_ json_t *rows = NULL;
	struct reply r;

	codes_personal(b, "2718");
	r = bed_add(b, BED_NOTE, VIEW_TEXT("mine"));
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(
		json_get_str(json_object_get(json_array_get(rows, 0), "author"), "kind"),
		"patient");
	assert_int_equal(
		bed_visibility(b, r.id, "masque_ps", true).reason, VITALED_REASON_NONE);
	r = bed_reply();
	dossier_history(&b->s, NULL, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	list = bed_json(r.fds[0]);
	/* also what professionals did */
	assert_true(json_array_size(list) > 5);
	assert_non_null(json_object_get(
		json_array_get(list, json_array_size(list) - 1), "professional"));
}

/* -- within a call -------------------------------------------------------------------------------- */

static void an_opposition_is_lifted_with_the_personal_code_asked_once(void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	bed_open(b, BED_ALL | SESSION_INTENT_OPPOSE);
	b->s.pair = "consulting";
	TYPE("1111", "2718");
	assert_int_equal(codes_oppose(b, true).reason, VITALED_REASON_NONE);
	assert_int_equal(fake_people.asked, 0);
	assert_int_equal(codes_oppose(b, false).reason, VITALED_REASON_NONE);
	assert_int_equal(fake_people.asked, 2);
	assert_true(fake_people.question.personal);
	assert_false(fake_people.question.activation);
	assert_int_equal(fake_audit_count("opposition", "ok"), 2);
	assert_int_equal(codes_oppose(b, true).reason, VITALED_REASON_NONE);
	assert_int_equal(codes_oppose(b, false).reason, VITALED_REASON_NONE);
	assert_int_equal(fake_people.asked, 2);
	/* of the next session it is asked again */
	bed_open(b, BED_ALL | SESSION_INTENT_OPPOSE);
	TYPE("2718");
	assert_int_equal(codes_oppose(b, false).reason, VITALED_REASON_NONE);
	assert_int_equal(fake_people.asked, 1);
}

static void within_a_call_an_activation_code_is_none(void **state)
{
	struct bed *b = *state;
	struct reply r;

	TYPE(codes_issue(b));
	bed_open(b, BED_ALL | SESSION_INTENT_OPPOSE);
	b->s.uid = PATIENT_UID;
	b->s.pair = "kiosk";
	r = codes_oppose(b, false);
	assert_int_equal(r.reason, VITALED_REASON_CODE_MISSING);
	assert_int_equal(fake_people.asked, 0);
	assert_false(b->s.ended);
}

static void a_call_ends_with_what_came_of_the_code(void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	bed_open(b, BED_ALL | SESSION_INTENT_OPPOSE);
	TYPE(NULL);
	fake_people.why = VITALED_REASON_CANCELLED;
	assert_int_equal(codes_oppose(b, false).reason, VITALED_REASON_CANCELLED);
	fake_people.no_patient = true;
	assert_int_equal(codes_oppose(b, false).reason, VITALED_REASON_NO_AGENT);
	fake_people.no_patient = false;
	TYPE("1", "2", "3", "4", "5");
	assert_int_equal(codes_oppose(b, false).reason, VITALED_REASON_CODE_BLOCKED);
	assert_int_equal(codes_oppose(b, false).reason, VITALED_REASON_CODE_BLOCKED);
	assert_int_equal(fake_people.asked, 5);
	assert_false(b->s.ended);
	assert_int_equal(fake_audit_count("opposition", "started"), 0);
}

static void who_may_not_do_it_anyway_is_told_so_and_nobody_is_asked(void **state)
{
	struct bed *b = *state;
	struct reply r;

	codes_personal(b, "2718");
	bed_open(b, BED_ALL);
	TYPE("2718");
	r = codes_oppose(b, false);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "intent");
	assert_int_equal(fake_people.asked, 0);
}

static void a_session_that_ends_while_a_code_is_typed_ends_its_calls(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();

	codes_personal(b, "2718");
	bed_open(b, BED_ALL | SESSION_INTENT_OPPOSE);
	TYPE(NULL);
	fake_people.why = VITALED_REASON_NONE; /* nobody answers yet */
	dossier_set_opposition(&b->s, OPPOSED, false, bed_done_fn, &r);
	assert_int_equal(fake_people.asked, 1);
	assert_false(r.done);
	bed_lock(b);
	assert_int_equal(r.reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(r.times, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, codes_bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(what_the_record_does_not_take_is_not_tried),
		T(whoever_gives_no_code_is_recorded_as_such),
		T(an_answer_that_nobody_waits_for_is_closed),
		T(what_is_no_code_is_not_set_and_the_old_one_stays),
		T(the_patient_writes_hides_and_sees_all_of_the_history),
		T(an_opposition_is_lifted_with_the_personal_code_asked_once),
		T(within_a_call_an_activation_code_is_none),
		T(a_call_ends_with_what_came_of_the_code),
		T(who_may_not_do_it_anyway_is_told_so_and_nobody_is_asked),
		T(a_session_that_ends_while_a_code_is_typed_ends_its_calls),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
