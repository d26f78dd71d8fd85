/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Emergencies in the broker's side of dossiers, with the real vitaled-dossier: who may open one, what it
 * shows and takes, without the patient's card too, and the same dossier taken from another session.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/dossier/bed.h"

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	bed_init(b);
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

/* As fake_session(), in an emergency without the patient's card. */
static void alone(struct session *s, enum session_mode mode)
{
	fake_session(s);
	s->mode = mode;
	s->intents = SESSION_INTENT_CONSULT | SESSION_INTENT_FEED;
	s->patient.absent = true;
	s->proof = PROOF_NONE;
}

/* -- who may ------------------------------------------------------------------------------------- */

static const char *admitted(struct bed *b, enum vitaled_reason r)
{
	const char *rule = NULL;

	assert_int_equal(dossier_admit(b->all, &b->s, &rule), r);
	return rule;
}

static void how_often_a_card_may_is_configured(void **state)
{
	struct bed *b = *state;

	alone(&b->s, SESSION_MODE_BRIS_DE_GLACE);
	b->s.all = b->all;
	b->s.emergencies = 4;
	assert_string_equal(admitted(b, VITALED_REASON_NONE), "doctor");
	b->s.emergencies = 5;
	assert_string_equal(admitted(b, VITALED_REASON_LIMITS_EXCEEDED), "rate");
	b->config.emergencies = 6;
	assert_string_equal(admitted(b, VITALED_REASON_NONE), "doctor");
	b->config.emergencies = 0;
	b->s.emergencies = 0;
	assert_string_equal(admitted(b, VITALED_REASON_LIMITS_EXCEEDED), "rate");
	b->s.mode = SESSION_MODE_NORMAL;
	assert_string_equal(admitted(b, VITALED_REASON_NONE), "doctor");
}

static void the_regulation_of_calls_is_for_structures_that_are_listed(void **state)
{
	static const struct {
		const char *list;
		bool listed;
	} rows[] = {
		{"", false},
		{" ", false},
		{"0B0000001", true},
		{"0B000000", false},
		{"0B00000011", false},
		{"10B0127190 0B0000001", true},
		{"  10B0127190   0B0000001  ", true},
		{"10B0127190 0B0000001x", false},
	};
	struct bed *b = *state;

	alone(&b->s, SESSION_MODE_CENTRE_15);
	b->s.all = b->all;
	b->s.emergencies = 100;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(
			b->config.regulation, sizeof(b->config.regulation), "%s", rows[i].list);
		assert_string_equal(admitted(b, rows[i].listed ? VITALED_REASON_NONE
							       : VITALED_REASON_ROLE_FORBIDDEN),
			rows[i].listed ? "doctor" : "regulation");
	}
	(void)snprintf(b->config.regulation, sizeof(b->config.regulation), "0B0000001");
	b->s.professional.chosen = NULL; /* a card without a structure */
	assert_string_equal(admitted(b, VITALED_REASON_FORBIDDEN_SECTOR), "forbidden-sector");
	fake_session(&b->s);
	b->s.all = b->all;
	b->s.mode = SESSION_MODE_BRIS_DE_GLACE;
	bed_become(b, "899700000009", 10, "SA13");
	assert_string_equal(admitted(b, VITALED_REASON_ROLE_FORBIDDEN), "mode");
}

/* -- what it shows ------------------------------------------------------------------------------- */

static void what_is_masked_stays_hidden_and_what_is_flagged_stays_so(void **state)
{
	struct bed *b = *state;
	struct reply plain;
	struct reply hidden;
	json_t *rows;

	bed_created(b);
	plain = bed_add(b, BED_NOTE, VIEW_TEXT("one"));
	hidden = bed_add(b, BED_NOTE, VIEW_TEXT("two"));
	assert_int_equal(
		bed_visibility(b, hidden.id, "masque_ps", true).reason, VITALED_REASON_NONE);
	bed_lock(b);
	alone(&b->s, SESSION_MODE_BRIS_DE_GLACE); /* who wrote both */
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(json_get_str(json_array_get(rows, 0), "id"), plain.id);
	json_decref(rows);
	assert_string_equal(bed_read(b, hidden.id).rule, "masked");
	assert_string_equal(bed_visibility(b, plain.id, "masque_ps", true).rule, "mode");
	assert_string_equal(bed_create(b).rule, "intent");
	assert_int_equal(bed_add(b, BED_NOTE, VIEW_TEXT("three")).reason, VITALED_REASON_NONE);
	assert_string_equal(
		json_get_str(fake_audit_last("dossier-listed"), "mode"), "bris_de_glace");
}

static void nothing_is_unlocked_before_the_statement_is_signed(void **state)
{
	struct bed *b = *state;

	bed_created(b);
	bed_lock(b);
	alone(&b->s, SESSION_MODE_BRIS_DE_GLACE);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	dossier_unlock(b->all, &b->s);
	assert_int_equal(b->s.end_reason, VITALED_REASON_CONSENT_REFUSED);
}

static void without_the_card_nothing_but_an_emergency_opens(void **state)
{
	struct bed *b = *state;

	bed_created(b);
	bed_lock(b);
	alone(&b->s, SESSION_MODE_NORMAL);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "no-consent");
	alone(&b->s, SESSION_MODE_BRIS_DE_GLACE);
	b->config.required[NATURE_SIMULATED] = PROOF_LOCKED;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NOT_PERMITTED);
}

/* -- the same dossier ---------------------------------------------------------------------------- */

static void an_emergency_takes_the_dossier_from_a_session_that_is_none(void **state)
{
	struct bed *b = *state;
	struct session other;

	bed_created(b);
	alone(&other, SESSION_MODE_BRIS_DE_GLACE);
	other.all = b->all;
	dossier_prepare(b->all, &other);
	assert_ptr_equal(other.pre_empted, &b->s);
	assert_int_equal(b->s.end_reason, VITALED_REASON_PRE_EMPTED);
	assert_null(b->s.dossier); /* at once */
	bed_run(b, &other.prepared);
	assert_int_equal(other.prepared_reason, VITALED_REASON_NONE);
	session_end(&other, VITALED_REASON_RELEASED);
}

static void an_emergency_takes_it_from_no_other_emergency(void **state)
{
	struct bed *b = *state;
	struct session other;

	bed_created(b);
	b->s.mode = SESSION_MODE_CENTRE_15;
	alone(&other, SESSION_MODE_BRIS_DE_GLACE);
	other.all = b->all;
	dossier_prepare(b->all, &other);
	assert_null(other.pre_empted);
	assert_int_equal(other.prepared_reason, VITALED_REASON_BUSY);
	assert_false(b->s.ended);
}

static void one_that_may_end_nobody_takes_it_from_nobody(void **state)
{
	struct bed *b = *state;
	struct session other;

	bed_created(b);
	alone(&other, SESSION_MODE_BRIS_DE_GLACE);
	other.all = b->all;
	other.may_not_pre_empt = true;
	dossier_prepare(b->all, &other);
	assert_null(other.pre_empted);
	assert_int_equal(other.prepared_reason, VITALED_REASON_BUSY);
	assert_false(b->s.ended);
}

static void what_cannot_be_recorded_takes_nothing(void **state)
{
	struct bed *b = *state;
	struct session other;

	bed_created(b);
	alone(&other, SESSION_MODE_BRIS_DE_GLACE);
	other.all = b->all;
	other.pre_empt_fails = true;
	dossier_prepare(b->all, &other);
	assert_int_equal(other.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_false(b->s.ended);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(how_often_a_card_may_is_configured),
		T(the_regulation_of_calls_is_for_structures_that_are_listed),
		T(what_is_masked_stays_hidden_and_what_is_flagged_stays_so),
		T(nothing_is_unlocked_before_the_statement_is_signed),
		T(without_the_card_nothing_but_an_emergency_opens),
		T(an_emergency_takes_the_dossier_from_a_session_that_is_none),
		T(an_emergency_takes_it_from_no_other_emergency),
		T(one_that_may_end_nobody_takes_it_from_nobody),
		T(what_cannot_be_recorded_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
