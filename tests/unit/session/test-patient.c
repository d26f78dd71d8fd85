/* SPDX-License-Identifier: EUPL-1.2 */
/* Mode patient: the Vitale alone and the dossier's code, for whom, and what it may not. */
#include "tests/unit/session/urgent.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "daemon/limits.h"
#include "record/receipt.h"

#define NIR_ALICE "280075632100123"
#define NIR_BRUNO "178035632100145"
#define NIR_CHLOE "215015632100145"

static int setup(void **state)
{
	int r = urgent_setup(state);

	cps->in = false;
	return r;
}

static struct session *patient(const char *wanted)
{
	return open_as(SESSION_MODE_PATIENT, wanted, false, ":1.9", 1001);
}

static struct session *unlocked(void)
{
	struct session *s = patient(NULL);

	world_reach(s, ST(UNLOCKED));
	return s;
}

/* The holder; an adult with a number of their own, and two children, of whom one has one. */
static void family(void)
{
	play_person(vitale, "DUPONT", "BRUNO", "19780322", NIR_BRUNO, 1);
	play_person(vitale, "DUPONT", "CHLOE", "20150102", NIR_CHLOE, 1);
	play_person(vitale, "DUPONT", "DAVID", "20150102", NIR_ALICE, 2);
}

/* -- opening ------------------------------------------------------------------------------------- */

static void the_card_alone_proves_itself_and_the_code_opens(void **state)
{
	struct session *s = unlocked();
	const struct session_patient *p = session_patient(s);

	(void)state;
	assert_int_equal(session_proof(s), PROOF_ACTIVE);
	assert_true(p->holder);
	assert_false(p->represented);
	assert_false(p->absent);
	assert_int_equal(strlen(p->pseudonym), 64);
	assert_null(session_professional(s));
	assert_int_equal(session_intents(s), 0);
	assert_int_equal(world.asked[ASK_CODE], 1);
	assert_int_equal(world.asked[ASK_UNLOCK], 1);
	assert_int_equal(
		world.asked[ASK_PIN] + world.asked[ASK_CONSENT] + world.asked[ASK_STRUCTURE],
		0);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, "ok"), 1);
	buf_put_u8(&world.states, 0);
	assert_string_equal((const char *)world.states.data,
		" reading authenticating waiting-for-pin waiting-for-consent authenticating "
		"unlocked");
}

static void its_receipt_has_the_cards_signature_and_no_professional(void **state)
{
	struct buf text = BUF_NULL(RECEIPT_MAX);
	struct session *s = unlocked();
	struct receipt r;

	(void)state;
	assert_int_equal(consent_receipt(world.consents, s, &text), 0);
	assert_int_equal(receipt_parse(buf_view(&text), &r), 0);
	assert_true(json_is_null(json_object_get(r.parsed, "professional")));
	assert_string_equal(json_get_str(r.parsed, "mode"), "patient");
	assert_string_equal(json_get_str(r.parsed, "form"), "code");
	assert_true(r.signature.len > 0);
	receipt_done(&r);
	buf_done(&text);
}

static void a_code_that_is_missing_or_wrong_opens_nothing(void **state)
{
	static const enum vitaled_reason why[] = {
		R(CODE_MISSING), R(CODE_WRONG), R(CODE_BLOCKED), R(NO_AGENT), R(CANCELLED)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(why); i++) {
		world.fail[ASK_CODE] = why[i];
		world_end(patient(NULL), ST(FAILED), why[i]);
	}
	assert_int_equal(world.asked[ASK_CODE], ARRAY_LEN(why));
	assert_int_equal(world.asked[ASK_UNLOCK], 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, NULL), 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 0);
}

static void a_code_counts_where_it_is_asked_for_and_nowhere_else(void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_PREPARE] = ANSWER_NEVER;
	world.when[ASK_CODE] = ANSWER_NEVER;
	s = patient(NULL);
	session_coded(s, R(NONE)); /* too early */
	world_settle(20);
	session_coded(s, R(NONE));
	world.when[ASK_PREPARE] = ANSWER_NOW;
	world_answer(s, ASK_PREPARE);
	world_reach(s, ST(WAITING_FOR_PIN));
	session_prepared(s, R(NONE)); /* another's answer */
	session_consented(s, R(NONE));
	world_settle(20);
	assert_int_equal(session_state(s), ST(WAITING_FOR_PIN));
	assert_int_equal(world.asked[ASK_CODE], 1);
	world_answer(s, ASK_CODE);
	world_reach(s, ST(UNLOCKED));
	session_coded(s, R(CODE_WRONG)); /* too late */
	assert_int_equal(session_state(s), ST(UNLOCKED));
}

/* -- what the card must prove -------------------------------------------------------------------- */

static void reading_alone_opens_nothing_whatever_is_configured(void **state)
{
	(void)state;
	world.config.required[NATURE_SIMULATED] = PROOF_READ;
	session_release(unlocked());
	world.config.required[NATURE_REAL] = PROOF_READ;
	vitale->no_certificate = true;
	world_end(patient(NULL), ST(FAILED), R(PROOF_TOO_WEAK));
	world.config.required[NATURE_REAL] = PROOF_LOCKED;
	world_end(patient(NULL), ST(FAILED), R(PROOF_TOO_WEAK));
	vitale->no_certificate = false;
	world.config.required[NATURE_SIMULATED] = PROOF_LOCKED;
	world_end(patient(NULL), ST(FAILED), R(PROOF_TOO_WEAK));
	assert_int_equal(world.asked[ASK_CODE], 1);
}

static void a_false_proof_is_found_before_anybody_is_asked(void **state)
{
	(void)state;
	vitale->misdeed[CARD_OP_INTERNAL_AUTHENTICATE] = PLAY_FALSE;
	world_end(patient(NULL), ST(FAILED), R(PROOF_FAILED));
	assert_int_equal(world.asked[ASK_CODE] + world.asked[ASK_PREPARE], 0);
	/* a good one, and then another card's over the statement */
	vitale->good_first[CARD_OP_INTERNAL_AUTHENTICATE] = 1;
	world_end(patient(NULL), ST(FAILED), R(PROOF_FAILED));
	assert_int_equal(world.asked[ASK_CODE], 1);
	assert_int_equal(world.asked[ASK_UNLOCK], 0);
}

static void what_is_required_later_locks_what_has_proved_less(void **state)
{
	struct session *s = unlocked();

	(void)state;
	world.config.required[NATURE_SIMULATED] = PROOF_READ;
	sessions_configured(world.all);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	world.config.required[NATURE_SIMULATED] = PROOF_LOCKED;
	sessions_configured(world.all);
	world_end(s, ST(LOCKED), R(PROOF_TOO_WEAK));
}

/* -- for whom ------------------------------------------------------------------------------------ */

static void the_holder_and_the_minors_are_offered_and_nobody_else(void **state)
{
	struct session *s;
	json_t *j = NULL;

	(void)state;
	family();
	world.when[ASK_PERSON] = ANSWER_NEVER;
	s = patient(NULL);
	world_reach(s, ST(WAITING_FOR_CHOICE));
	assert_int_equal(session_beneficiaries(s, &j), 0);
	assert_int_equal(json_array_size(j), 3);
	assert_true(json_equal(j, world.choices));
	assert_string_equal(json_get_str(json_array_get(j, 0), "given"), "ALICE");
	assert_string_equal(json_get_str(json_array_get(j, 1), "given"), "CHLOE");
	assert_string_equal(json_get_str(json_array_get(j, 2), "given"), "DAVID");
	json_decref(j);
	assert_int_equal(
		session_choose(s, SESSION_CHOICE_BENEFICIARY, 3), SESSION_CHOOSE_RANGE);
	assert_int_equal(session_choose(s, SESSION_CHOICE_BENEFICIARY, 1), 0);
	world_reach(s, ST(UNLOCKED));
	assert_true(session_patient(s)->represented);
	assert_true(session_patient(s)->minor);
	assert_false(session_patient(s)->holder);
	session_release(s);
	s = patient(NULL);
	world_reach(s, ST(WAITING_FOR_CHOICE));
	assert_int_equal(session_choose(s, SESSION_CHOICE_BENEFICIARY, 0), 0);
	world_reach(s, ST(UNLOCKED));
	assert_true(session_patient(s)->holder);
}

static void a_card_with_one_person_for_whom_it_may_be_used_asks_nobody(void **state)
{
	(void)state;
	play_person(vitale, "DUPONT", "BRUNO", "19780322", NIR_BRUNO, 1);
	assert_true(session_patient(unlocked())->holder);
	assert_int_equal(world.asked[ASK_PERSON], 0);
}

static void an_adult_who_is_merely_listed_is_not_permitted(void **state)
{
	(void)state;
	family();
	world_end(patient("{\"nir\":\"1780356321001\",\"birth-date\":\"1978-03-22\"}"),
		ST(REFUSED), R(NOT_PERMITTED));
	assert_int_equal(world_recorded(AUDIT_EVENT_DENIED, "not-permitted"), 1);
	world_end(patient("{\"nir\":\"1780356321002\",\"birth-date\":\"1978-03-22\"}"),
		ST(REFUSED), R(OTHER_PATIENT));
	world_audit_fails = 3; /* after the session's own and the names' */
	world_end(patient("{\"nir\":\"1780356321001\",\"birth-date\":\"1978-03-22\"}"),
		ST(FAILED), R(AUDIT_UNAVAILABLE));
	world_audit_fails = 0;
	assert_int_equal(world.asked[ASK_PREPARE], 0);
}

/* Only who is one beyond doubt is a minor: others may act for them. */
static void who_may_be_an_adult_is_none_of_the_holders_minors(void **state)
{
	static const struct {
		const char *born;
		const char *nir;
		const char *wanted;
		uint64_t clock;
		bool minor;
	} rows[] = {
		{"20150102", NIR_CHLOE,
			"{\"nir\":\"2150156321001\",\"birth-date\":\"2015-01-02\"}",
			LIMIT_CLOCK_SET, true},
		{"150102", NIR_CHLOE,
			"{\"nir\":\"2150156321001\",\"birth-date\":\"2015-01-02\"}",
			LIMIT_CLOCK_SET, false}, /* or in 1915 */
		{"20150102", NIR_CHLOE,
			"{\"nir\":\"2150156321001\",\"birth-date\":\"2015-01-02\"}",
			LIMIT_CLOCK_SET - 1, false}, /* nobody has set it */
		{"20080102", "208015632100145",
			"{\"nir\":\"2080156321001\",\"birth-date\":\"2008-01-02\"}",
			LIMIT_CLOCK_SET, true},
		{"20080101", "208015632100145",
			"{\"nir\":\"2080156321001\",\"birth-date\":\"2008-01-01\"}",
			LIMIT_CLOCK_SET, false},
		{"20260502", "226055632100145",
			"{\"nir\":\"2260556321001\",\"birth-date\":\"2026-05-02\"}",
			LIMIT_CLOCK_SET, false}, /* it was set back */
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session *s;

		buf_reset(&vitale->people);
		play_person(vitale, "DUPONT", "ALICE", "19800714", NIR_ALICE, 1);
		play_person(vitale, "DUPONT", "CHLOE", rows[i].born, rows[i].nir, 1);
		world_wall = rows[i].clock;
		s = patient(rows[i].wanted);
		if (rows[i].minor) {
			world_reach(s, ST(UNLOCKED));
			assert_true(session_patient(s)->represented);
		} else {
			world_end(s, ST(REFUSED), R(NOT_PERMITTED));
		}
		world_wall = 0;
		session_release(s);
	}
}

static void an_ins_is_a_professionals_to_give(void **state)
{
	static const char child[] =
		"{\"ins\":\"2150156321002\",\"birth-date\":\"2015-01-02\",\"rank\":2}";

	(void)state;
	family();
	world_end(patient(child), ST(REFUSED), R(NO_OWN_IDENTITY));
	cps->in = true;
	session_release(open_as(SESSION_MODE_NORMAL, child, false, ":1.8", 1000));
	world.choice = 2; /* whom the card lists with the holder's number */
	world_end(patient(NULL), ST(REFUSED), R(NO_OWN_IDENTITY));
	assert_int_equal(world.asked[ASK_PREPARE], 0);
}

static void a_holder_whose_number_is_not_shown_to_be_theirs_has_no_dossier(void **state)
{
	(void)state;
	buf_reset(&vitale->people);
	play_person(vitale, "DUPONT", "ALICE", "19801314", NIR_ALICE, 1);
	world_end(patient(NULL), ST(REFUSED), R(NO_OWN_IDENTITY));
}

/* -- beside others ------------------------------------------------------------------------------- */

static void its_card_is_not_lent(void **state)
{
	struct session *s = unlocked();
	unsigned int n = 0;

	(void)state;
	assert_int_equal(sessions_reader_lend(world.all, usual_slot(vitale), 1001, NULL, &n),
		SESSIONS_LEND_BUSY);
	assert_int_equal(session_state(s), ST(UNLOCKED));
}

static void an_emergency_takes_its_card(void **state)
{
	struct session *s = unlocked();

	(void)state;
	play_in(cps);
	world_reach(emergency(NULL), ST(UNLOCKED));
	world_end(s, ST(LOCKED), R(PRE_EMPTED));
}

static void it_locks_before_the_machine_sleeps(void **state)
{
	struct session *s = unlocked();

	(void)state;
	sessions_lock_all(world.all, R(SLEEP));
	world_end(s, ST(LOCKED), R(SLEEP));
}

static void it_waits_for_no_professional_and_locks_when_its_own_card_leaves(void **state)
{
	struct session *s;

	(void)state;
	vitale->in = false;
	s = patient(NULL);
	world_settle(50);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CARDS));
	play_in(vitale);
	world_reach(s, ST(UNLOCKED));
	play_in(cps);
	world_settle(50);
	play_out(cps);
	world_settle(50);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	play_out(vitale);
	world_end(s, ST(LOCKED), R(PATIENT_CARD_REMOVED));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(the_card_alone_proves_itself_and_the_code_opens),
		T(its_receipt_has_the_cards_signature_and_no_professional),
		T(a_code_that_is_missing_or_wrong_opens_nothing),
		T(a_code_counts_where_it_is_asked_for_and_nowhere_else),
		T(reading_alone_opens_nothing_whatever_is_configured),
		T(a_false_proof_is_found_before_anybody_is_asked),
		T(what_is_required_later_locks_what_has_proved_less),
		T(the_holder_and_the_minors_are_offered_and_nobody_else),
		T(a_card_with_one_person_for_whom_it_may_be_used_asks_nobody),
		T(an_adult_who_is_merely_listed_is_not_permitted),
		T(who_may_be_an_adult_is_none_of_the_holders_minors),
		T(an_ins_is_a_professionals_to_give),
		T(a_holder_whose_number_is_not_shown_to_be_theirs_has_no_dossier),
		T(its_card_is_not_lent),
		T(an_emergency_takes_its_card),
		T(it_locks_before_the_machine_sleeps),
		T(it_waits_for_no_professional_and_locks_when_its_own_card_leaves),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
