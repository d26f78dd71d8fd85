/* SPDX-License-Identifier: EUPL-1.2 */
/* sharing = transactions: no right outlives a question; the PIN comes again where it must. */
#include "tests/unit/session/usual.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define R(name)	 VITALED_REASON_##name
#define ST(name) SESSION_STATE_##name
#define OP(name) CARD_OP_##name

static struct played *vitale;
static struct played *cps;

static void share(const char *reader)
{
	struct config_reader *r = &world.config.readers[world.config.n_readers++];

	*r = (struct config_reader){.sharing = CARD_SHARE_TRANSACTIONS};
	assert_int_equal(view_copy_str(view_str(reader), r->name, sizeof(r->name)), 0);
}

static int setup(void **state)
{
	int r = world_setup(state);

	usual_cards(&vitale, &cps);
	share(READER_A);
	share(READER_B);
	vitale->in = true;
	cps->in = true;
	return r;
}

static bool came_before(const struct played *p, uint8_t first, uint8_t second)
{
	for (size_t i = 0; i < p->order.len; i++) {
		if (p->order.data[i] == first) {
			return true;
		}
		if (p->order.data[i] == second) {
			return false;
		}
	}
	return false;
}

static void the_cards_meet_when_nobody_is_asked_any_more(void **state)
{
	struct session *s;

	(void)state;
	play_activity(cps, 2, "CABINET B", "10000002", "SA07");
	world.when[ASK_STRUCTURE] = ANSWER_NEVER;
	s = world_session(SESSION_MODE_NORMAL);
	world_reach(s, ST(WAITING_FOR_CHOICE));
	world_settle(200);
	assert_int_equal(vitale->asked[OP(CHECK_CERTIFICATE)], 0);
	assert_int_equal(cps->asked[OP(CHECK_CERTIFICATE)], 0);
	cps->verified = false; /* given back: 5 s have passed */
	world_answer(s, ASK_STRUCTURE);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(session_proof(s), PROOF_MUTUAL);
	assert_int_equal(world.asked[ASK_PIN], 2);
	assert_int_equal(cps->asked[OP(VERIFY)], 2);
	assert_true(came_before(cps, OP(READ_ACTIVITIES), OP(CHECK_CERTIFICATE)));
	assert_int_equal(cps->asked[OP(READ_ACTIVITIES)], 1);
}

static void one_pin_is_enough(void)
{
	struct session *s = world_session(SESSION_MODE_NORMAL);

	world_reach(s, ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_PIN], 1);
	assert_int_equal(cps->asked[OP(VERIFY)], 1);
	assert_int_equal(cps->asked[OP(PIN_STATE)], 3); /* first, to meet, to sign */
}

static void a_right_that_stands_is_not_asked_for_again(void **state)
{
	(void)state;
	one_pin_is_enough();
}

static void also_where_a_pin_serves_one_patient_only(void **state)
{
	(void)state;
	world.config.pin_lifetime = 0;
	one_pin_is_enough();
}

static struct session *lapsed_at_consent(void)
{
	struct session *s;

	world.when[ASK_CONSENT] = ANSWER_NEVER;
	s = world_session(SESSION_MODE_NORMAL);
	world_reach(s, ST(WAITING_FOR_CONSENT));
	cps->verified = false;
	return s;
}

static void the_signature_of_the_consent_costs_a_pin(void **state)
{
	struct session *s = lapsed_at_consent();

	(void)state;
	assert_int_equal(world.asked[ASK_PIN], 1);
	world.when[ASK_PIN] = ANSWER_NEVER;
	world_answer(s, ASK_CONSENT);
	world_reach(s, ST(WAITING_FOR_PIN));
	assert_int_equal(cps->asked[OP(SIGN)], 0);
	assert_int_equal(vitale->asked[OP(EXTERNAL_AUTHENTICATE)], 1);
	world_answer(s, ASK_PIN);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(cps->asked[OP(SIGN)], 1);
	assert_int_equal(world.asked[ASK_PIN], 2);
}

static void who_does_not_type_it_again_signs_nothing(void **state)
{
	struct session *s = lapsed_at_consent();

	(void)state;
	world.when[ASK_PIN] = ANSWER_NEVER;
	world_answer(s, ASK_CONSENT);
	world_reach(s, ST(WAITING_FOR_PIN));
	session_pin_failed(s, R(CANCELLED));
	world_end(s, ST(FAILED), R(CANCELLED));
	assert_int_equal(cps->asked[OP(SIGN)], 0);
}

static void the_last_try_is_asked_for_here_too(void **state)
{
	struct session *s = lapsed_at_consent();

	(void)state;
	cps->tries = 1;
	world.last_try = true;
	world_answer(s, ASK_CONSENT);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_LAST_TRY], 1);
}

static void an_identity_from_a_shared_card_needs_nothing_more(void **state)
{
	(void)state;
	world_reach(world_session(SESSION_MODE_IDENTITY), ST(UNLOCKED));
	assert_int_equal(world.asked[ASK_PIN], 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(the_cards_meet_when_nobody_is_asked_any_more),
		T(a_right_that_stands_is_not_asked_for_again),
		T(also_where_a_pin_serves_one_patient_only),
		T(the_signature_of_the_consent_costs_a_pin),
		T(who_does_not_type_it_again_signs_nothing),
		T(the_last_try_is_asked_for_here_too),
		T(an_identity_from_a_shared_card_needs_nothing_more),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
