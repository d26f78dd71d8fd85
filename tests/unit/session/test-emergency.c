/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The two emergency modes: with the patient's card and without, what is asked of whom and what is
 * recorded.
 */
#include "tests/unit/session/urgent.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "base/clock.h"
#include "record/receipt.h"

/* -- with the card and without ------------------------------------------------------------------- */

static void with_the_card_both_prove_themselves_and_nobody_asks_the_patient(void **state)
{
	struct session *s;

	(void)state;
	session_release(unlock());
	s = opened(NULL);
	assert_int_equal(session_proof(s), PROOF_MUTUAL);
	assert_int_equal(world.asked[ASK_PIN], 2); /* the card had kept its right */
	assert_int_equal(world.asked[ASK_CONSENT], 1);
	assert_int_equal(world.asked[ASK_CONFIRM], 1);
	assert_int_equal(world.emergencies, 1);
	assert_string_equal(json_get_str(world.request, "reason"), "Patiente inconsciente");
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, NULL), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_EMERGENCY, "ok"), 1);
	assert_string_equal(session_grounds(s), "Patiente inconsciente");
	session_end(s, R(RELEASED));
	assert_null(session_grounds(s)); /* wiped */
}

static void without_the_card_the_option_says_who_and_only_the_professional_signs(void **state)
{
	struct buf text = BUF_NULL(RECEIPT_MAX);
	const struct session_patient *p;
	const json_t *said;
	struct receipt r;
	struct session *s;
	json_t *j = NULL;

	(void)state;
	vitale->in = false;
	s = opened("{\"nir\":\"2800756321001\",\"birth-date\":\"19800714\",\"rank\":1,"
		   "\"birth-name\":\"DUPONT\"}");
	p = session_patient(s);
	assert_true(p->absent);
	assert_int_equal(p->nature, NATURE_SIMULATED);
	assert_int_equal(p->rank, 1);
	assert_false(p->minor);
	assert_int_equal(session_proof(s), PROOF_NONE);
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_string_equal(json_get_str(j, "surname"), "DUPONT");
	assert_string_equal(json_get_str(j, "nir"), "2800756321001");
	json_decref(j);
	assert_int_equal(consent_receipt(world.consents, s, &text), 0);
	assert_int_equal(receipt_parse(buf_view(&text), &r), 0);
	said = json_object_get(r.parsed, "patient");
	assert_string_equal(json_get_str(said, "proof"), "none");
	assert_true(json_is_null(json_object_get(said, "serial")));
	assert_true(json_is_null(json_object_get(said, "generation")));
	assert_int_equal(r.signature.len, 0);
	assert_true(r.cms.len > 0);
	receipt_done(&r);
	buf_done(&text);
	assert_int_equal(world_recorded(AUDIT_EVENT_IDENTITY_READ, NULL), 0);
	play_out(cps);
	world_end(s, ST(LOCKED), R(PROFESSIONAL_CARD_REMOVED));
}

static void without_the_card_a_wait_for_it_begins_only_when_nobody_is_named(void **state)
{
	struct session *s;

	(void)state;
	vitale->in = false;
	s = emergency(NULL);
	world_settle(50);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CARDS));
	play_in(vitale);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(session_proof(s), PROOF_MUTUAL);
	play_out(vitale);
	world_end(s, ST(LOCKED), R(PATIENT_CARD_REMOVED));
}

static void a_card_that_nobody_can_read_is_in_nobodys_way(void **state)
{
	(void)state;
	vitale->open_outcome = CARD_UNKNOWN;
	assert_int_equal(session_proof(opened(OWN)), PROOF_NONE);
	world_end(emergency(NULL), ST(FAILED), R(CARD_UNKNOWN));
}

static void the_regulation_of_calls_confirms_nothing(void **state)
{
	struct session *s = open_as(SESSION_MODE_CENTRE_15, OWN, false, ":1.8", 1000);

	(void)state;
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_CONFIRM] + world.asked[ASK_CONSENT], 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_EMERGENCY, "ok"), 1);
	assert_int_equal(session_emergencies(s), 0); /* its rate is nobody's matter */
	assert_int_equal(world.emergencies, 1);
}

static void a_nature_that_is_locked_stays_locked_without_a_card(void **state)
{
	(void)state;
	vitale->in = false;
	world.config.required[NATURE_SIMULATED] = PROOF_LOCKED;
	world_end(emergency(OWN), ST(FAILED), R(PROOF_TOO_WEAK));
	assert_int_equal(world.asked[ASK_CONFIRM] + world.asked[ASK_PREPARE], 0);
	world.config.required[NATURE_SIMULATED] = PROOF_READ;
	session_release(opened(OWN));
}

static void who_does_not_confirm_opens_nothing(void **state)
{
	(void)state;
	world.confirm_no = true;
	world_end(emergency(NULL), ST(FAILED), R(CANCELLED));
	world.confirm_no = false;
	world.fail[ASK_CONFIRM] = R(NO_AGENT);
	world_end(emergency(NULL), ST(FAILED), R(NO_AGENT));
	assert_int_equal(world_recorded(AUDIT_EVENT_EMERGENCY, "cancelled"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_EMERGENCY, "no-agent"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 0);
	assert_int_equal(world.emergencies, 0);
}

static void an_answer_for_the_patient_confirms_no_emergency_and_the_other_way_round(
	void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_CONFIRM] = ANSWER_NEVER;
	s = emergency(NULL);
	world_reach(s, ST(WAITING_FOR_CONSENT));
	consent_answered(world.consents, s, &world.consent, R(NONE));
	world_settle(50);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CONSENT));
	world_answer(s, ASK_CONFIRM);
	world_reach(s, ST(UNLOCKED));
	session_release(s);
	world.when[ASK_CONSENT] = ANSWER_NEVER;
	s = world_session(SESSION_MODE_NORMAL);
	world_reach(s, ST(WAITING_FOR_CONSENT));
	consent_confirmed(world.consents, s, true, 1001, "agent");
	world_settle(50);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CONSENT));
}

static void an_emergency_that_cannot_be_recorded_opens_nothing(void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_CONFIRM] = ANSWER_NEVER;
	s = emergency(NULL);
	world_reach(s, ST(WAITING_FOR_CONSENT));
	world_audit_fails = 1;
	world_answer(s, ASK_CONFIRM);
	world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
	assert_int_equal(world.asked[ASK_UNLOCK], 0);
}

static void between_other_programs_commands_it_goes_alone_as_well(void **state)
{
	struct config_reader *r = &world.config.readers[world.config.n_readers++];

	(void)state;
	*r = (struct config_reader){.sharing = CARD_SHARE_TRANSACTIONS};
	assert_int_equal(view_copy_str(view_str(READER_B), r->name, sizeof(r->name)), 0);
	vitale->in = false;
	(void)opened(OWN);
	assert_int_equal(world.asked[ASK_PIN], 1);
}

static void alone_it_is_suspended_and_resumes_as_any(void **state)
{
	struct session *s;

	(void)state;
	vitale->in = false;
	s = opened(OWN);
	lend(cps);
	assert_int_equal(session_state(s), ST(SUSPENDED));
	give_back(cps);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(session_proof(s), PROOF_NONE);
	assert_int_equal(world.asked[ASK_PIN], 2);
	assert_int_equal(world.emergencies, 1); /* told once */
}

/* -- how often ----------------------------------------------------------------------------------- */

static void what_one_card_has_opened_within_an_hour_is_counted(void **state)
{
	struct session *s;

	(void)state;
	for (unsigned int i = 1; i <= 3; i++) {
		s = opened(NULL);
		assert_int_equal(session_emergencies(s), i);
		session_release(s);
	}
	world_slept = HOUR;
	s = opened(NULL);
	assert_int_equal(session_emergencies(s), 1); /* its own */
}

static bool is_asked(void *user)
{
	(void)user;
	return world.exceeds > 0;
}

/* One that waits for an administrator's word. */
static struct session *too_many(void)
{
	struct session *s;

	world.exceeds = 0;
	world.admit = R(LIMITS_EXCEEDED);
	s = emergency(NULL);
	assert_true(world_run(is_asked, NULL, 10000));
	assert_int_equal(world.exceeds, 1);
	assert_int_equal(session_state(s), ST(READING));
	return s;
}

static void who_may_exceed_the_rate_goes_on_and_is_recorded_so(void **state)
{
	struct session *s = too_many();

	(void)state;
	assert_int_equal(vitale->asked[CARD_OP_EXTERNAL_AUTHENTICATE], 0); /* no rights yet */
	session_exceeded(s, true);
	world_reach(s, ST(UNLOCKED));
	session_exceeded(s, false); /* a second answer is none */
	assert_int_equal(session_state(s), ST(UNLOCKED));
	assert_int_equal(world_recorded(AUDIT_EVENT_RATE_EXCEEDED, "ok"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_DENIED, NULL), 0);
	assert_int_equal(world.exceeds, 1);
}

static void who_may_not_exceed_it_is_refused_by_its_rule(void **state)
{
	struct session *s = too_many();

	(void)state;
	session_exceeded(s, false);
	world_end(s, ST(REFUSED), R(LIMITS_EXCEEDED));
	session_exceeded(s, true); /* too late */
	assert_int_equal(world_recorded(AUDIT_EVENT_DENIED, "limits-exceeded"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_RATE_EXCEEDED, NULL), 0);
	/* an answer that cannot be recorded lets nobody go on */
	s = too_many();
	world_audit_fails = 1;
	session_exceeded(s, true);
	world_end(s, ST(FAILED), R(AUDIT_UNAVAILABLE));
	world_audit_fails = 0;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, urgent_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(with_the_card_both_prove_themselves_and_nobody_asks_the_patient),
		T(without_the_card_the_option_says_who_and_only_the_professional_signs),
		T(without_the_card_a_wait_for_it_begins_only_when_nobody_is_named),
		T(a_card_that_nobody_can_read_is_in_nobodys_way),
		T(the_regulation_of_calls_confirms_nothing),
		T(a_nature_that_is_locked_stays_locked_without_a_card),
		T(who_does_not_confirm_opens_nothing),
		T(an_answer_for_the_patient_confirms_no_emergency_and_the_other_way_round),
		T(an_emergency_that_cannot_be_recorded_opens_nothing),
		T(between_other_programs_commands_it_goes_alone_as_well),
		T(alone_it_is_suspended_and_resumes_as_any),
		T(what_one_card_has_opened_within_an_hour_is_counted),
		T(who_may_exceed_the_rate_goes_on_and_is_recorded_so),
		T(who_may_not_exceed_it_is_refused_by_its_rule),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
