/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The patient's codes as the broker asks for them: issued, tried, counted by the record whatever the
 * clocks do, and what ends when.
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

/* -- issuing ------------------------------------------------------------------------------------ */

static void an_issued_code_is_shown_to_the_professional_and_recorded(void **state)
{
	struct bed *b = *state;
	int64_t until;

	assert_int_equal(strspn(codes_issue(b), "0123456789"), 8);
	assert_int_equal(fake_people.number, 12);
	assert_int_equal(fake_audit_count("code-issued", "started"), 1);
	assert_int_equal(fake_audit_count("code-issued", "ok"), 1);
	assert_int_equal(strlen(codes_detail("code-issued", "id")), 36);
	assert_int_equal(
		json_get_int(json_object_get(fake_audit_last("code-issued"), "details"),
			"until", 0, INT64_MAX, &until),
		0);
	assert_int_equal((uint64_t)until, fake_people.until);
	assert_true(fake_people.until > clock_wall() + 6 * DAY);
	assert_true(fake_people.until <= clock_wall() + 7 * DAY);
	/* the next takes its place */
	(void)codes_issue(b);
	assert_int_equal(fake_audit_count("code-issued", "ok"), 2);
}

static void a_code_that_nobody_saw_is_told_as_such(void **state)
{
	struct bed *b = *state;

	codes_open_fund(b);
	fake_people.no_professional = true;
	assert_int_equal(
		codes_call(b, dossier_issue_activation_code).reason, VITALED_REASON_NO_AGENT);
	assert_int_equal(fake_audit_count("code-issued", "started"), 0);
	fake_people.no_professional = false;
	fake_people.left = true;
	assert_int_equal(
		codes_call(b, dossier_issue_activation_code).reason, VITALED_REASON_NO_AGENT);
	assert_int_equal(fake_audit_count("code-issued", "ok"), 1);
}

static void a_code_is_issued_in_administration_and_set_by_the_patient(void **state)
{
	struct bed *b = *state;
	struct reply r;

	bed_open(b, BED_ALL | SESSION_INTENT_OPPOSE | SESSION_INTENT_CODE);
	r = codes_call(b, dossier_issue_activation_code);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "role-forbidden");
	r = codes_call(b, dossier_set_personal_code);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	codes_open_fund(b);
	b->s.intents = SESSION_INTENT_OPPOSE; /* of which nobody told the patient */
	r = codes_call(b, dossier_issue_activation_code);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "intent");
	assert_int_equal(fake_audit_count("code-issued", "started"), 0);
	r = codes_call(b, dossier_set_personal_code);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "mode");
	codes_personal(b, "2718");
	r = codes_call(b, dossier_issue_activation_code);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_int_equal(fake_people.asked, 2);
}

static void a_code_that_cannot_be_recorded_is_not_shown(void **state)
{
	struct bed *b = *state;
	uint64_t version;

	codes_open_fund(b);
	version = ((struct dossier *)session_dossier(&b->s))->version;
	fake_audit.refuse = 1;
	assert_int_equal(codes_call(b, dossier_issue_activation_code).reason,
		VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_true(b->s.ended);
	assert_string_equal(fake_people.shown, "");
	codes_open_fund(b);
	assert_int_equal(((struct dossier *)session_dossier(&b->s))->version, version);
	fake_audit.refuse = 1;
	fake_audit.after = 1;
	assert_int_equal(codes_call(b, dossier_issue_activation_code).reason,
		VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_string_equal(fake_people.shown, "");
	/* the end of it is found later; of use it is to nobody */
	TYPE("12345678");
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_MISSING);
	codes_open_fund(b);
	assert_int_equal(fake_audit_count("code-issued", "recovered"), 1);
}

/* -- alone -------------------------------------------------------------------------------------- */

static void without_any_code_nobody_is_asked(void **state)
{
	struct bed *b = *state;

	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_MISSING);
	assert_int_equal(fake_people.asked, 0);
	assert_int_equal(fake_audit_count("code", "code-missing"), 1);
	assert_int_equal(fake_audit_count("code-tried", "started"), 0);
}

static void an_activation_code_opens_once_and_a_personal_one_from_then_on(void **state)
{
	struct bed *b = *state;
	char issued[16];
	char id[40];

	(void)snprintf(issued, sizeof(issued), "%s", codes_issue(b));
	(void)snprintf(id, sizeof(id), "%s", codes_detail("code-issued", "id"));
	TYPE(issued, "2718");
	codes_open_alone(b);
	assert_int_equal(fake_people.number, 11);
	assert_true(fake_people.question.activation);
	assert_false(fake_people.question.personal || fake_people.question.again);
	assert_int_equal(fake_people.question.tries_left, 5);
	assert_string_equal(codes_detail("code-tried", "kind"), "activation");
	assert_string_equal(codes_detail("code-tried", "id"), id);
	assert_string_equal(codes_detail("code", "kind"), "activation");
	assert_string_equal(codes_detail("code", "id"), id);
	assert_int_equal(codes_call(b, dossier_set_personal_code).reason, VITALED_REASON_NONE);
	assert_int_equal(fake_audit_count("code-set", "ok"), 1);
	TYPE("2718");
	codes_open_alone(b);
	assert_true(fake_people.question.personal);
	assert_false(fake_people.question.activation);
	assert_string_equal(codes_detail("code", "kind"), "personal");
	TYPE(issued);
	codes_patient(b);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	dossier_ask_code(b->all, &b->s);
	while (fake_people.asked < 2) {
		bed_turn(b, 1);
	}
	assert_false(b->s.coded || b->s.ended);
	assert_true(fake_people.question.again);
	assert_int_equal(fake_people.question.tries_left, 4);
}

static void an_activation_code_without_a_personal_one_is_used_up_all_the_same(void **state)
{
	struct bed *b = *state;
	char issued[16];

	(void)snprintf(issued, sizeof(issued), "%s", codes_issue(b));
	TYPE(issued);
	codes_open_alone(b);
	TYPE(issued);
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_MISSING);
	assert_int_equal(fake_people.asked, 0);
}

static void who_issued_a_code_does_not_use_it(void **state)
{
	static const struct {
		uid_t uid;
		uid_t who;
		const char *pair;
		enum vitaled_reason reason;
	} rows[] = {
		{ISSUER_UID, PATIENT_WHO, "kiosk", VITALED_REASON_CODE_MISSING},
		{PATIENT_UID, ISSUER_WHO, "kiosk", VITALED_REASON_CODE_MISSING},
		{PATIENT_UID, PATIENT_WHO, "default", VITALED_REASON_CODE_MISSING},
		{ISSUER_WHO, PATIENT_WHO, "kiosk", VITALED_REASON_CODE_MISSING},
		{PATIENT_UID, ISSUER_UID, "kiosk", VITALED_REASON_CODE_MISSING},
		{PATIENT_UID, PATIENT_WHO, "kiosk", VITALED_REASON_NONE},
	};
	struct bed *b = *state;
	char issued[16];

	(void)snprintf(issued, sizeof(issued), "%s", codes_issue(b));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		TYPE(issued);
		codes_patient(b);
		b->s.uid = rows[i].uid;
		b->s.pair = rows[i].pair;
		fake_people.patient_uid = rows[i].who;
		assert_int_equal(codes_ask(b), rows[i].reason);
	}
}

static void an_activation_code_ends_after_seven_days_by_either_clock(void **state)
{
	static const struct {
		int64_t wall; /* us that pass, by each */
		int64_t boot;
		enum vitaled_reason reason;
	} rows[] = {
		{(int64_t)(7 * DAY), (int64_t)DAY, VITALED_REASON_CODE_MISSING},
		{(int64_t)DAY, (int64_t)(7 * DAY), VITALED_REASON_CODE_MISSING},
		{-(int64_t)DAY, (int64_t)DAY, VITALED_REASON_CODE_MISSING},
		{(int64_t)(6 * DAY), (int64_t)(7 * DAY) - 1, VITALED_REASON_NONE},
	};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char issued[16];

		(void)snprintf(issued, sizeof(issued), "%s", codes_issue(b));
		codes_wall += (uint64_t)rows[i].wall;
		codes_boot += (uint64_t)rows[i].boot;
		TYPE(issued);
		assert_int_equal(codes_alone(b), rows[i].reason);
	}
}

/* -- counting ----------------------------------------------------------------------------------- */

static void the_fifth_wrong_code_blocks_for_an_hour(void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	TYPE("1111", "1112", "1113", "1114", "1115", "2718");
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	assert_int_equal(fake_people.asked, 5);
	assert_true(fake_people.question.again);
	assert_int_equal(fake_people.question.tries_left, 1);
	assert_int_equal(fake_audit_count("code", "code-wrong"), 5);
	assert_int_equal(fake_audit_count("code", "code-blocked"), 1);
	/* and not one of them is asked for again */
	TYPE("2718");
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	assert_int_equal(fake_people.asked, 0);
	codes_pass(HOUR - 1);
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	codes_pass(1);
	codes_open_alone(b);
	assert_int_equal(fake_people.question.tries_left, 5);
}

static void four_wrong_codes_leave_one_and_a_right_one_clears_them(void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	TYPE("1111", "1112", "1113", "1114", "2718");
	codes_open_alone(b);
	assert_int_equal(fake_people.question.tries_left, 1);
	TYPE("1111", "1112", "1113", "1114", "2718");
	codes_open_alone(b);
	assert_int_equal(fake_people.asked, 5);
}

static void each_try_leaves_its_hour_by_itself(void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	fake_people.why = VITALED_REASON_CANCELLED;
	for (int i = 0; i < 5; i++) {
		TYPE("1111");
		assert_int_equal(codes_alone(b),
			i < 4 ? VITALED_REASON_CANCELLED : VITALED_REASON_CODE_BLOCKED);
		codes_pass(HOUR / 5);
		if (i == 3) {
			TYPE(NULL);
			assert_int_equal(codes_alone(b), VITALED_REASON_CANCELLED);
			assert_int_equal(fake_people.question.tries_left, 1);
		}
	}
	/* the first is an hour old now */
	TYPE(NULL);
	assert_int_equal(codes_alone(b), VITALED_REASON_CANCELLED);
	assert_int_equal(fake_people.question.tries_left, 1);
}

static void the_clock_on_the_wall_gives_no_try_back(void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	TYPE("1111", "1112", "1113", "1114", "1115");
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	codes_wall += 3 * HOUR;
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	codes_wall -= 9 * HOUR;
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	/* nor takes any away: the hour is over, whatever it shows */
	codes_boot += HOUR;
	TYPE("2718");
	codes_open_alone(b);
}

static void tries_of_before_the_boot_are_as_old_as_the_wall_says_and_the_boot_at_least(
	void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	TYPE("1111", "1112", "1113", "1114", "1115");
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	codes_boot_id = "00000000000000000000000000000002";
	codes_boot = 0 - HOUR + 1000; /* it has just been started */
	TYPE("2718");
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	codes_wall -= 2 * DAY; /* before they were made */
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	codes_boot += HOUR;
	codes_open_alone(b);
}

static void a_new_activation_code_ends_the_block(void **state)
{
	struct bed *b = *state;
	char issued[16];

	codes_personal(b, "2718");
	TYPE("1111", "1112", "1113", "1114", "1115");
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	(void)snprintf(issued, sizeof(issued), "%s", codes_issue(b));
	TYPE(issued, "31415");
	codes_open_alone(b);
	assert_string_equal(codes_detail("code-tried", "kind"), "either");
	assert_int_equal(codes_call(b, dossier_set_personal_code).reason, VITALED_REASON_NONE);
	TYPE("31415");
	codes_open_alone(b);
}

static void an_activation_code_ends_with_its_fifth_try_however_long_it_took(void **state)
{
	struct bed *b = *state;
	char issued[16];

	(void)snprintf(issued, sizeof(issued), "%s", codes_issue(b));
	fake_people.why = VITALED_REASON_CANCELLED;
	for (int i = 0; i < 5; i++) {
		TYPE(strcmp(issued, "00000000") == 0 ? "00000001" : "00000000");
		assert_int_equal(codes_alone(b),
			i < 4 ? VITALED_REASON_CANCELLED : VITALED_REASON_CODE_BLOCKED);
		codes_pass(2 * HOUR);
	}
	TYPE(issued);
	assert_int_equal(codes_alone(b), VITALED_REASON_CODE_BLOCKED);
	assert_int_equal(fake_people.asked, 0);
}

static void a_right_personal_code_is_no_try_of_the_activation_code(void **state)
{
	struct bed *b = *state;
	char issued[16];

	codes_personal(b, "2718");
	(void)snprintf(issued, sizeof(issued), "%s", codes_issue(b));
	for (int i = 0; i < 6; i++) {
		TYPE("2718");
		codes_open_alone(b);
		assert_true(fake_people.question.activation);
	}
	TYPE(issued);
	codes_open_alone(b);
	assert_string_equal(codes_detail("code", "kind"), "activation");
	TYPE("2718");
	codes_open_alone(b);
	assert_false(fake_people.question.activation);
}

static void a_process_that_dies_with_the_digits_has_used_up_the_try(void **state)
{
	struct bed *b = *state;

	codes_personal(b, "2718");
	TYPE("-");
	codes_patient(b);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	dossier_ask_code(b->all, &b->s);
	bed_turn(b, 50);
	assert_int_equal(fake_audit_count("code-tried", "started"), 2);
	bed_lock(b); /* and with it the process */
	assert_false(b->s.coded);
	fake_people_reset();
	fake_people.why = VITALED_REASON_TIMEOUT;
	TYPE(NULL);
	assert_int_equal(codes_alone(b), VITALED_REASON_TIMEOUT);
	assert_int_equal(fake_people.question.tries_left, 4);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, codes_bed_setup, bed_teardown)
	const struct CMUnitTest tests[] = {
		T(an_issued_code_is_shown_to_the_professional_and_recorded),
		T(a_code_that_nobody_saw_is_told_as_such),
		T(a_code_is_issued_in_administration_and_set_by_the_patient),
		T(a_code_that_cannot_be_recorded_is_not_shown),
		T(without_any_code_nobody_is_asked),
		T(an_activation_code_opens_once_and_a_personal_one_from_then_on),
		T(an_activation_code_without_a_personal_one_is_used_up_all_the_same),
		T(who_issued_a_code_does_not_use_it),
		T(an_activation_code_ends_after_seven_days_by_either_clock),
		T(the_fifth_wrong_code_blocks_for_an_hour),
		T(four_wrong_codes_leave_one_and_a_right_one_clears_them),
		T(each_try_leaves_its_hour_by_itself),
		T(the_clock_on_the_wall_gives_no_try_back),
		T(tries_of_before_the_boot_are_as_old_as_the_wall_says_and_the_boot_at_least),
		T(a_new_activation_code_ends_the_block),
		T(an_activation_code_ends_with_its_fifth_try_however_long_it_took),
		T(a_right_personal_code_is_no_try_of_the_activation_code),
		T(a_process_that_dies_with_the_digits_has_used_up_the_try),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
