/* SPDX-License-Identifier: EUPL-1.2 */
/* The coverage on the patient's card: read when somebody asks, once, and whoever asks is answered. */
#include "tests/unit/session/played.h"
#include "tests/unit/session/world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#define NIR_ALICE "280075632100123"

static struct played *vitale;
static struct played *cps;

static int setup(void **state)
{
	int r = world_setup(state);

	vitale = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	play_person(vitale, "DUPONT", "ALICE", "19800714", NIR_ALICE, 1);
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

static const char *member(const json_t *j, const char *name)
{
	return json_get_str(j, name) ? json_get_str(j, name) : "";
}

struct told {
	unsigned int n;
	enum vitaled_reason r;
};

static void on_coverage(void *user, struct session *s, enum vitaled_reason r)
{
	struct told *t = user;

	(void)s;
	t->n++;
	t->r = r;
}

static bool is_told(void *user)
{
	return ((const struct told *)user)->n > 0;
}

static void coverage(struct session *s, enum vitaled_reason r)
{
	struct told t = {0};

	session_coverage_start(s, on_coverage, &t);
	assert_int_equal(t.n, 0); /* never from within */
	assert_true(world_run(is_told, &t, 10000));
	assert_int_equal(t.r, r);
	world_settle(5);
	assert_int_equal(t.n, 1);
}

static void coverage_is_none_where_nobody_was_authenticated(void **state)
{
	struct session *s;

	(void)state;
	vitale->misdeed[CARD_OP_READ_PROTECTED] = PLAY_OUTCOME;
	vitale->value[CARD_OP_READ_PROTECTED] = CARD_DENIED;
	s = unlock();
	coverage(s, VITALED_REASON_NONE);
	session_release(s);
	vitale->value[CARD_OP_READ_PROTECTED] = CARD_ABSENT;
	s = unlock();
	coverage(s, VITALED_REASON_NONE);
	session_release(s);
	cps->in = false;
	s = world_session(SESSION_MODE_IDENTITY);
	coverage(s, VITALED_REASON_WRONG_STATE);
	world_reach(s, SESSION_STATE_UNLOCKED);
	vitale->asked[CARD_OP_READ_PROTECTED] = 0;
	coverage(s, VITALED_REASON_NONE);
	assert_int_equal(vitale->asked[CARD_OP_READ_PROTECTED], 0);
}

static void coverage_that_makes_no_sense_ends_the_session(void **state)
{
	static const enum misdeed wrongs[] = {PLAY_GARBAGE, PLAY_LONG};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wrongs); i++) {
		struct session *s = unlock();

		vitale->misdeed[CARD_OP_READ_PROTECTED] = wrongs[i];
		coverage(s, VITALED_REASON_CARD_BROKEN);
		world_end(s, SESSION_STATE_LOCKED, VITALED_REASON_CARD_BROKEN);
		coverage(s, VITALED_REASON_CARD_BROKEN); /* also who asks too late */
		session_release(s);
	}
}

static void who_waits_for_coverage_is_told_once_whatever_happens(void **state)
{
	struct told all[12] = {{0}};
	struct told forgotten = {0};
	struct session *s = unlock();

	(void)state;
	vitale->misdeed[CARD_OP_READ_PROTECTED] = PLAY_SILENT;
	session_coverage_start(s, on_coverage, &forgotten);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		session_coverage_start(s, on_coverage, &all[i]);
		session_coverage_forget(s, &forgotten);
	}
	assert_int_equal(all[0].n, 1); /* so many wait, and no more */
	assert_int_equal(all[0].r, VITALED_REASON_LIMITS_EXCEEDED);
	world_settle(20);
	assert_int_equal(all[11].n, 0);
	session_end(s, VITALED_REASON_SLEEP);
	session_release(s); /* the object goes in the same turn */
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_int_equal(all[i].n, 1);
	}
	assert_int_equal(all[11].r, VITALED_REASON_SLEEP);
	assert_int_equal(forgotten.n, 0);
}

static void protected_data_are_read_after_proof_and_shown_to_the_owner(void **state)
{
	size_t mark = tlv_open(&vitale->coverage, LINK_TAG_COVERAGE);
	const json_t *cover;
	json_t *j = NULL;
	struct session *s;

	(void)state;
	tlv_put_u8(&vitale->coverage, LINK_TAG_INDEX, 0);
	tlv_put_str(&vitale->coverage, LINK_TAG_COVER_FROM, "20180101");
	tlv_put_str(&vitale->coverage, LINK_TAG_ALD, "12");
	tlv_close(&vitale->coverage, mark);
	mark = tlv_open(&vitale->coverage, LINK_TAG_COVERAGE);
	tlv_put_u8(&vitale->coverage, LINK_TAG_INDEX, 1); /* somebody else's */
	tlv_close(&vitale->coverage, mark);
	s = unlock();
	assert_int_equal(
		vitale->asked[CARD_OP_READ_PROTECTED], 0); /* only when somebody asks */
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_null(json_object_get(j, "coverage"));
	json_decref(j);
	coverage(s, VITALED_REASON_NONE);
	coverage(s, VITALED_REASON_NONE);
	assert_int_equal(vitale->asked[CARD_OP_READ_PROTECTED], 1); /* once */
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_string_equal(member(j, "surname"), "DUPONT");
	assert_string_equal(member(j, "given"), "ALICE");
	assert_string_equal(member(j, "birth-date"), "1980-07-14");
	assert_string_equal(member(j, "nir"), NIR_ALICE);
	cover = json_object_get(j, "coverage");
	assert_int_equal(json_array_size(cover), 1);
	assert_string_equal(member(json_array_get(cover, 0), "from"), "20180101");
	assert_string_equal(member(json_array_get(cover, 0), "ald"), "12");
	json_decref(j);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(protected_data_are_read_after_proof_and_shown_to_the_owner),
		T(coverage_is_none_where_nobody_was_authenticated),
		T(coverage_that_makes_no_sense_ends_the_session),
		T(who_waits_for_coverage_is_told_once_whatever_happens),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
