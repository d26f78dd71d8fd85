/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * At the next visit: whom a dossier that is being unlocked has told of emergencies, how often,
 * and that one who was not there is told again. The process is a script (strange.c), the record
 * is in memory.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#include "tests/unit/dossier/people.h"

#define CONSULT SESSION_INTENT_CONSULT

static struct script known;

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	script_init(b, &known);
	b->config.emergencies = 5;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	bed_done(*state);
	free(*state);
	return 0;
}

/* What the session's room would have recorded. */
static int64_t unlocked_by(
	struct bed *b, const char *id, enum session_mode mode, const char *outcome)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;
	struct session s;
	int64_t at = 0;

	fake_session(&s);
	e.event = AUDIT_EVENT_UNLOCKED;
	e.outcome = outcome;
	e.professional = id;
	e.mode = session_mode_word(mode);
	e.pseudonym = s.patient.pseudonym;
	(void)b;
	assert_int_equal(audit_append(NULL, &e, NULL), 0);
	assert_int_equal(
		json_get_int(fake_audit_last("unlocked"), "time", 1, INT64_MAX, &at), 0);
	return at;
}

static int64_t emergency(struct bed *b)
{
	return unlocked_by(b, OTHER, SESSION_MODE_BRIS_DE_GLACE, "ok");
}

static void visit(struct bed *b, const char *people)
{
	script_unlocked(b, &known, people);
	script_unlock(b, CONSULT);
}

static void the_patient_is_told_once_of_all_emergencies(void **state)
{
	struct bed *b = *state;
	int64_t first = emergency(b);
	int64_t last;

	last = unlocked_by(b, OTHER, SESSION_MODE_CENTRE_15, "ok");
	visit(b, "{}");
	assert_int_equal(b->s.informs, 1);
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].count, 2);
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].since, first);
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].last, last);
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].mode, SESSION_MODE_CENTRE_15);
	assert_int_equal(fake_audit_count("informed", "ok"), 0); /* nobody has answered yet */
	dossier_informed(&b->s, DOSSIER_TOLD_PATIENT);
	assert_string_equal(told_text("informed", "to"), "patient");
	assert_int_equal(json_integer_value(told("informed", "count")), 2);
	assert_int_equal(json_integer_value(told("informed", "since")), first);
	dossier_informed(&b->s, DOSSIER_TOLD_PATIENT); /* an answer that comes twice */
	assert_int_equal(fake_audit_count("informed", "ok"), 1);
	visit(b, "{}");
	assert_int_equal(b->s.informs, 0);
	/* the next one is news again, and alone */
	first = emergency(b);
	visit(b, "{}");
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].count, 1);
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].since, first);
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].mode, SESSION_MODE_BRIS_DE_GLACE);
}

static void who_was_not_there_is_told_at_the_visit_after(void **state)
{
	struct bed *b = *state;

	(void)emergency(b);
	for (int i = 0; i < 3; i++) {
		visit(b, "{}");
		assert_int_equal(b->s.informs, 1);
	}
	/* the answer of a display comes when the session has ended */
	bed_lock(b);
	dossier_informed(&b->s, DOSSIER_TOLD_PATIENT);
	assert_int_equal(fake_audit_count("informed", "ok"), 0);
	/* and what cannot be recorded was not said either */
	visit(b, "{}");
	fake_audit.refuse = 1;
	dossier_informed(&b->s, DOSSIER_TOLD_PATIENT);
	assert_false(b->s.ended);
	visit(b, "{}");
	assert_int_equal(b->s.informs, 1);
}

static void what_nobody_could_be_told_of_for_so_long_is_left_to_the_history(void **state)
{
	struct bed *b = *state;

	(void)emergency(b);
	for (int i = 0; i < 499; i++) {
		(void)unlocked_by(b, OTHER, SESSION_MODE_NORMAL, "ok");
	}
	visit(b, "{}");
	assert_int_equal(b->s.informs, 1);
	(void)unlocked_by(b, OTHER, SESSION_MODE_NORMAL, "ok");
	visit(b, "{}");
	assert_int_equal(b->s.informs, 0);
}

static void the_treating_doctor_is_told_apart_from_the_patient(void **state)
{
	struct bed *b = *state;

	(void)emergency(b);
	visit(b, TREATING);
	assert_int_equal(b->s.informs, 2);
	assert_int_equal(b->s.told[DOSSIER_TOLD_DOCTOR].count, 1);
	dossier_informed(&b->s, DOSSIER_TOLD_DOCTOR);
	assert_string_equal(told_text("informed", "to"), "treating-doctor");
	visit(b, TREATING);
	assert_int_equal(b->s.informs, 1); /* the patient still */
	dossier_informed(&b->s, DOSSIER_TOLD_PATIENT);
	visit(b, TREATING);
	assert_int_equal(b->s.informs, 0);
	/* what they did themselves is no news to them, but to the patient */
	(void)unlocked_by(b, SELF, SESSION_MODE_BRIS_DE_GLACE, "ok");
	visit(b, TREATING);
	assert_int_equal(b->s.informs, 1);
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].count, 1);
}

static void a_patient_alone_is_told_as_well(void **state)
{
	struct bed *b = *state;

	(void)emergency(b);
	script_unlocked(b, &known, "{}");
	fake_session(&b->s);
	b->s.all = b->all;
	b->s.mode = SESSION_MODE_PATIENT;
	b->s.no_professional = true;
	b->s.patient.holder = true;
	b->s.proof = PROOF_ACTIVE;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
	assert_int_equal(b->s.informs, 1);
	assert_int_equal(b->s.told[DOSSIER_TOLD_PATIENT].count, 1);
	dossier_informed(&b->s, DOSSIER_TOLD_PATIENT);
	assert_string_equal(told_text("informed", "to"), "patient");
	assert_null(json_get_str(fake_audit_last("informed"), "professional"));
}

static void without_the_patients_card_nobody_is_told_for_them(void **state)
{
	struct bed *b = *state;
	char people[512];

	(void)emergency(b);
	authorised_text(people, sizeof(people), SELF, 1, now() + 3600000000LL);
	script_unlocked(b, &known, people);
	fake_session(&b->s);
	b->s.all = b->all;
	b->s.intents = CONSULT;
	b->s.patient.absent = true;
	b->s.proof = PROOF_NONE;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
	assert_int_equal(b->s.informs, 0);
}

static void an_emergency_is_no_visit(void **state)
{
	struct bed *b = *state;

	(void)emergency(b);
	script_unlocked(b, &known, TREATING);
	fake_session(&b->s);
	b->s.all = b->all;
	b->s.mode = SESSION_MODE_BRIS_DE_GLACE;
	b->s.intents = CONSULT;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
	assert_int_equal(b->s.informs, 0);
}

static void what_was_none_is_not_told(void **state)
{
	struct bed *b = *state;

	(void)unlocked_by(b, OTHER, SESSION_MODE_NORMAL, "ok");
	(void)unlocked_by(b, OTHER, SESSION_MODE_BRIS_DE_GLACE, "failed");
	visit(b, TREATING);
	assert_int_equal(b->s.informs, 0);
}

static void a_record_that_cannot_be_read_unlocks_nothing(void **state)
{
	struct bed *b = *state;

	(void)emergency(b);
	script_unlocked(b, &known, "{}");
	fake_session(&b->s);
	b->s.all = b->all;
	b->s.intents = CONSULT;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	fake_audit.broken = true;
	assert_int_equal(bed_unlock(b), VITALED_REASON_AUDIT_UNAVAILABLE);
	fake_audit.broken = false;
	assert_int_equal(b->s.informs, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(the_patient_is_told_once_of_all_emergencies),
		T(who_was_not_there_is_told_at_the_visit_after),
		T(what_nobody_could_be_told_of_for_so_long_is_left_to_the_history),
		T(the_treating_doctor_is_told_apart_from_the_patient),
		T(a_patient_alone_is_told_as_well),
		T(without_the_patients_card_nobody_is_told_for_them),
		T(an_emergency_is_no_visit),
		T(what_was_none_is_not_told),
		T(a_record_that_cannot_be_read_unlocks_nothing),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
