/* SPDX-License-Identifier: EUPL-1.2 */
/* A consultation without the Vitale: what was agreed earlier, and nobody is asked. */
#include "tests/unit/session/urgent.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#include "record/receipt.h"

static int setup(void **state)
{
	int r = urgent_setup(state);

	world.agreed = true;
	return r;
}

static struct session *alone(const char *wanted)
{
	struct session_options o = {
		.intents = SESSION_INTENT_FEED, .without_card = true, .application = "app"};
	_cleanup_json_ json_t *j = NULL;

	if (wanted) {
		assert_int_equal(json_parse(view_str(wanted), &j), 0);
		o.patient = j;
	}
	return world_open(&o);
}

static struct session *unlocked(void)
{
	struct session *s = alone(OWN);

	world_reach(s, ST(UNLOCKED));
	return s;
}

static void no_card_of_the_patient_is_waited_for_and_nobody_is_asked(void **state)
{
	const struct session_patient *p;
	struct session *s;

	(void)state;
	vitale->in = false;
	s = unlocked();
	p = session_patient(s);
	assert_true(p->absent);
	assert_false(p->holder);
	assert_int_equal(p->nature, NATURE_SIMULATED);
	assert_int_equal(session_proof(s), PROOF_NONE);
	assert_int_equal(world.asked[ASK_CONSENT] + world.asked[ASK_CONFIRM], 0);
	assert_int_equal(world.asked[ASK_PIN], 1);
	assert_int_equal(world.emergencies, 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_IDENTITY_READ, NULL), 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 1);
}

static void the_professional_signs_what_it_rests_on(void **state)
{
	struct buf text = BUF_NULL(RECEIPT_MAX);
	struct session *s = unlocked();
	struct receipt r;

	(void)state;
	assert_int_equal(consent_receipt(world.consents, s, &text), 0);
	assert_int_equal(receipt_parse(buf_view(&text), &r), 0);
	assert_string_equal(json_get_str(r.parsed, "form"), "running");
	assert_string_equal(
		json_get_str(json_object_get(r.parsed, "patient"), "proof"), "none");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(r.parsed, "acts"), 0)),
		"feed");
	assert_int_equal(json_array_size(json_object_get(r.parsed, "acts")), 1);
	assert_int_equal(r.signature.len, 0);
	assert_true(r.cms.len > 0);
	receipt_done(&r);
	buf_done(&text);
}

static void a_card_that_is_in_is_neither_read_nor_needed(void **state)
{
	struct session *s;

	(void)state;
	vitale->open_outcome = CARD_UNKNOWN; /* nor must it be one */
	s = unlocked();
	assert_int_equal(vitale->asked[CARD_OP_READ_PUBLIC], 0);
	play_out(vitale);
	world_settle(100);
	assert_int_equal(session_state(s), ST(UNLOCKED));
	play_out(cps);
	world_end(s, ST(LOCKED), R(PROFESSIONAL_CARD_REMOVED));
}

static void whoever_uses_the_card_meanwhile_is_not_disturbed(void **state)
{
	struct session *other = open_as(SESSION_MODE_IDENTITY, NULL, false, ":1.9", 1001);

	(void)state;
	world_reach(other, ST(UNLOCKED));
	(void)unlocked();
	assert_int_equal(session_state(other), ST(UNLOCKED));
}

static void who_is_meant_must_be_said_and_the_number_their_own(void **state)
{
	static const struct {
		const char *wanted;
		enum session_state state;
		enum vitaled_reason r;
	} rows[] = {
		{NULL, ST(FAILED), R(INVALID_ARGUMENT)},
		{"{\"nir\":\"2800756321001\",\"birth-date\":\"1980-08-14\"}", ST(REFUSED),
			R(NO_OWN_IDENTITY)},
		{"{\"nir\":\"280075632100117\",\"birth-date\":\"1980-07-14\"}", ST(FAILED),
			R(INVALID_ARGUMENT)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		world_end(alone(rows[i].wanted), rows[i].state, rows[i].r);
	}
	assert_int_equal(world.asked[ASK_PREPARE], 0);
}

static void what_nothing_covers_is_refused_by_the_preparation(void **state)
{
	(void)state;
	world.fail[ASK_PREPARE] = R(NOT_PERMITTED);
	world_end(alone(OWN), ST(REFUSED), R(NOT_PERMITTED));
	world.fail[ASK_PREPARE] = R(NO_DOSSIER);
	world_end(alone(OWN), ST(REFUSED), R(NO_DOSSIER));
	assert_int_equal(world.asked[ASK_CONSENT] + world.asked[ASK_UNLOCK], 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, NULL), 0);
}

static void a_nature_that_is_locked_stays_locked(void **state)
{
	(void)state;
	world.config.required[NATURE_SIMULATED] = PROOF_LOCKED;
	world_end(alone(OWN), ST(FAILED), R(PROOF_TOO_WEAK));
	assert_int_equal(world.asked[ASK_PREPARE], 0);
}

static void an_emergency_takes_the_professionals_card(void **state)
{
	struct session *s = unlocked();

	(void)state;
	world_reach(emergency(NULL), ST(UNLOCKED));
	world_end(s, ST(LOCKED), R(PRE_EMPTED));
}

static void it_waits_for_the_professionals_card_as_any(void **state)
{
	struct session *s;

	(void)state;
	cps->in = false;
	s = alone(OWN);
	world_settle(50);
	assert_int_equal(session_state(s), ST(WAITING_FOR_CARDS));
	play_in(cps);
	world_reach(s, ST(UNLOCKED));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(no_card_of_the_patient_is_waited_for_and_nobody_is_asked),
		T(the_professional_signs_what_it_rests_on),
		T(a_card_that_is_in_is_neither_read_nor_needed),
		T(whoever_uses_the_card_meanwhile_is_not_disturbed),
		T(who_is_meant_must_be_said_and_the_number_their_own),
		T(what_nothing_covers_is_refused_by_the_preparation),
		T(a_nature_that_is_locked_stays_locked),
		T(an_emergency_takes_the_professionals_card),
		T(it_waits_for_the_professionals_card_as_any),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
