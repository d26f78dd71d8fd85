/* SPDX-License-Identifier: EUPL-1.2 */
/* What the professional's card says: structures and their choice, speciality. */
#include "tests/unit/session/played.h"
#include "tests/unit/session/world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

static struct played *cps;

static int setup(void **state)
{
	int r = world_setup(state);
	struct played *vitale = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));

	play_person(vitale, "DUPONT", "ALICE", "19800714", "280075632100123", 1);
	cps = play_cps(READER_B, pki_card("simulated", 'P', FORGED_GOOD));
	play_activity(cps, 1, "CABINET A", "10000001", "SA07");
	vitale->in = true;
	cps->in = true;
	return r;
}

static struct session *unlock(void)
{
	struct session *s = world_session(SESSION_MODE_NORMAL);

	world_reach(s, SESSION_STATE_UNLOCKED);
	return s;
}

static void release(struct session *s)
{
	session_end(s, VITALED_REASON_RELEASED);
	world_end(s, SESSION_STATE_LOCKED, VITALED_REASON_RELEASED);
}

static const char *member(const json_t *j, const char *name)
{
	const char *v = json_get_str(j, name);

	return v ? v : "absent";
}

/* -- structures ---------------------------------------------------------------------------------- */

static void of_several_structures_the_named_or_chosen_one_counts_never_the_first(void **state)
{
	const struct session_options named = {.structure = "10000002"};
	const struct session_options unknown = {.structure = "99999999"};
	struct session *s;

	(void)state;
	play_activity(cps, 2, "CABINET B", "10000002", "SA07");
	s = world_open(&named);
	world_reach(s, SESSION_STATE_UNLOCKED);
	assert_string_equal(session_professional(s)->chosen->name, "CABINET B");
	assert_int_equal(world.asked[ASK_STRUCTURE], 0);
	session_release(s);
	world.choice = 1;
	s = unlock();
	assert_int_equal(world.asked[ASK_STRUCTURE], 1);
	assert_string_equal(member(json_array_get(world.choices, 0), "name"), "CABINET A");
	assert_string_equal(member(json_array_get(world.choices, 1), "id"), "10000002");
	assert_string_equal(member(json_array_get(world.choices, 1), "sector"), "SA07");
	assert_string_equal(session_professional(s)->chosen->name, "CABINET B");
	session_release(s);
	s = world_open(&unknown);
	world_end(s, SESSION_STATE_FAILED, VITALED_REASON_INVALID_ARGUMENT);
	world.when[ASK_STRUCTURE] = ANSWER_NEVER;
	s = world_session(SESSION_MODE_NORMAL);
	world_reach(s, SESSION_STATE_WAITING_FOR_CHOICE);
	assert_int_equal(session_choose(s, SESSION_CHOICE_STRUCTURE, 2), SESSION_CHOOSE_RANGE);
	assert_int_equal(
		session_choose(s, SESSION_CHOICE_BENEFICIARY, 0), SESSION_CHOOSE_STATE);
	assert_int_equal(session_choose(s, SESSION_CHOICE_STRUCTURE, 0), 0);
	world_reach(s, SESSION_STATE_UNLOCKED);
}

static void only_activities_of_the_named_structure_are_offered(void **state)
{
	const struct session_options named = {.structure = "10000002"};
	struct session *s;

	(void)state;
	play_activity(cps, 2, "CABINET B", "10000002", "SA07");
	play_activity(cps, 3, "CABINET C", "10000003", "SA07");
	play_activity(cps, 4, "CABINET B, URGENCES", "10000002", "SA01");
	world.when[ASK_STRUCTURE] = ANSWER_NEVER;
	s = world_open(&named);
	world_reach(s, SESSION_STATE_WAITING_FOR_CHOICE);
	assert_int_equal(json_array_size(world.choices), 2);
	assert_string_equal(member(json_array_get(world.choices, 0), "name"), "CABINET B");
	assert_string_equal(
		member(json_array_get(world.choices, 1), "name"), "CABINET B, URGENCES");
	assert_int_equal(session_choose(s, SESSION_CHOICE_STRUCTURE, 2), SESSION_CHOOSE_RANGE);
	assert_int_equal(session_choose(s, SESSION_CHOICE_STRUCTURE, 1), 0);
	world_reach(s, SESSION_STATE_UNLOCKED);
	assert_string_equal(session_professional(s)->chosen->structure, "10000002");
	assert_string_equal(session_professional(s)->chosen->sector, "SA01");
}

static void other_card_file(const char *speciality)
{
	play_out(cps);
	world_settle(50);
	buf_reset(&cps->extra);
	tlv_put_str(&cps->extra, LINK_TAG_SPECIALITY, speciality);
	play_in(cps);
	world_settle(50);
}

static void the_certificates_speciality_wins_and_is_not_contradicted(void **state)
{
	struct session *s;

	(void)state;
	s = unlock();
	assert_string_equal(session_professional(s)->speciality, "SM26");
	release(s);
	other_card_file("SM26"); /* says the same */
	s = unlock();
	assert_string_equal(session_professional(s)->speciality, "SM26");
	release(s);
	other_card_file("SM25");
	world_end(world_session(SESSION_MODE_NORMAL), SESSION_STATE_FAILED,
		VITALED_REASON_NOT_TRUSTED);
	cps->card = pki_card("simulated", 'P', FORGED_NO_SPECIALITY);
	s = unlock();
	assert_string_equal(session_professional(s)->speciality, "SM25");
	release(s);
	other_card_file("a speciality that is too long");
	world_end(world_session(SESSION_MODE_NORMAL), SESSION_STATE_FAILED,
		VITALED_REASON_CARD_BROKEN);
}

static void a_card_without_structures_has_none(void **state)
{
	struct session *s;

	(void)state;
	buf_reset(&cps->activities);
	s = unlock();
	assert_null(session_professional(s)->chosen);
	session_release(s);
	cps->misdeed[CARD_OP_READ_ACTIVITIES] = PLAY_OUTCOME;
	cps->value[CARD_OP_READ_ACTIVITIES] = CARD_ABSENT;
	s = unlock();
	assert_null(session_professional(s)->chosen);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(of_several_structures_the_named_or_chosen_one_counts_never_the_first),
		T(only_activities_of_the_named_structure_are_offered),
		T(the_certificates_speciality_wins_and_is_not_contradicted),
		T(a_card_without_structures_has_none),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
