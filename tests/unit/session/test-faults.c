/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Whatever goes wrong at whatever step: the session ends with a name, nothing is unlocked, nothing
 * of the patient is left to see, and no process of the patient's card is behind.
 */
#include "base/clock.h"
#include "daemon/session/state.h"
#include "tests/unit/session/played.h"
#include "tests/unit/session/world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>

#define NIR_ALICE "280075632100123"
#define R(name)	  VITALED_REASON_##name
#define OP(name)  CARD_OP_##name

static struct played *vitale;
static struct played *cps;

static void put_in(void)
{
	vitale = play_vitale(READER_A, pki_card("simulated", 'V', FORGED_GOOD));
	play_person(vitale, "DUPONT", "ALICE", "19800714", NIR_ALICE, 1);
	cps = play_cps(READER_B, pki_card("simulated", 'P', FORGED_GOOD));
	play_activity(cps, 1, "CABINET A", "10000001", "SA07");
	vitale->in = true;
	cps->in = true;
}

static int setup(void **state)
{
	int r = world_setup(state);

	world.config.pin_lifetime = 0; /* every session starts from a fresh card */
	put_in();
	return r;
}

static bool over(void *user)
{
	return session_state_ended(session_state(user));
}

static bool no_process(void *user)
{
	(void)user;
	return played_processes == 0;
}

static const char *doing = ""; /* shown when a test fails */

static void fails(enum vitaled_reason r)
{
	struct session *s = world_session(SESSION_MODE_NORMAL);

	(void)world_run(over, s, 20000);
	if (session_reason(s) != r) {
		fail_msg("%s: %s %s instead of %s", doing, session_state_word(session_state(s)),
			vitaled_reason_word(session_reason(s)), vitaled_reason_word(r));
	}
	world_end(s, state_of_end(SESSION_STEP_START, r), r);
	assert_true(world_run(no_process, NULL, 10000));
	session_release(s);
}

/* -- the cards' answers -------------------------------------------------------------------------- */

struct row {
	bool professional;
	uint8_t op;
	enum misdeed misdeed;
	uint8_t outcome;
	unsigned int good_first;
	enum vitaled_reason r;
};

static void play_row(const struct row *row)
{
	struct played *p = row->professional ? cps : vitale;
	static char text[80];

	p->misdeed[row->op] = row->misdeed;
	p->value[row->op] = row->outcome;
	p->good_first[row->op] = row->good_first;
	assert_true(snprintf(text, sizeof(text), "%s op %u misdeed %u outcome %u", p->kind,
			    row->op, row->misdeed, row->outcome) > 0);
	doing = text;
	fails(row->r);
	p->misdeed[row->op] = PLAY_WELL;
	p->good_first[row->op] = 0;
	p->tries = 3;
}

static bool recognised(void *user)
{
	struct card_reader *r;
	unsigned int n = 0;

	(void)user;
	for (size_t i = 0; (r = cards_reader(world.cards, i)) != NULL; i++) {
		n += r->card && r->card->recognised ? 1 : 0;
	}
	return n == 2;
}

static void every_misdeed_of_a_card_at_every_step_has_a_name(void **state)
{
	static const struct {
		bool professional;
		uint8_t op;
	} ops[] = {
		{false, OP(OPEN)},
		{true, OP(OPEN)},
		{true, OP(IDENTIFY)},
		{true, OP(READ_ROLE)},
		{true, OP(READ_PUBLIC)},
		{true, OP(PIN_STATE)},
		{true, OP(VERIFY)},
		{true, OP(READ_ACTIVITIES)},
		{false, OP(READ_PUBLIC)},
		{false, OP(KEEP_PEOPLE)},
		{false, OP(CHECK_CERTIFICATE)},
		{false, OP(CHALLENGE)},
		{true, OP(INTERNAL_AUTHENTICATE)},
		{false, OP(EXTERNAL_AUTHENTICATE)},
		{true, OP(CHECK_CERTIFICATE)},
		{true, OP(CHALLENGE)},
		{false, OP(INTERNAL_AUTHENTICATE)},
		{true, OP(EXTERNAL_AUTHENTICATE)},
		{false, OP(READ_PEOPLE)},
		{true, OP(SIGN)},
	};

	static const struct {
		enum misdeed misdeed;
		uint8_t outcome;
		enum vitaled_reason r[2]; /* of the patient's, of the professional's card */
	} wrongs[] = {
		{PLAY_EXIT, 0, {R(CHILD_FAILED), R(CHILD_FAILED)}},
		{PLAY_CRASH, 0, {R(CHILD_FAILED), R(CHILD_FAILED)}},
		{PLAY_MALFORMED, 0, {R(CHILD_FAILED), R(CHILD_FAILED)}},
		{PLAY_OUTCOME, CARD_GONE,
			{R(PATIENT_CARD_REMOVED), R(PROFESSIONAL_CARD_REMOVED)}},
		{PLAY_OUTCOME, CARD_BROKEN, {R(CARD_BROKEN), R(CARD_BROKEN)}},
		{PLAY_OUTCOME, CARD_MUTE, {R(CARD_BROKEN), R(CARD_BROKEN)}},
		{PLAY_OUTCOME, CARD_UNUSABLE, {R(CARD_BROKEN), R(CARD_BROKEN)}},
		{PLAY_OUTCOME, CARD_REFUSED, {R(PROOF_FAILED), R(PROOF_FAILED)}},
		{PLAY_OUTCOME, CARD_NO_SERVICE, {R(NO_READER_SERVICE), R(NO_READER_SERVICE)}},
		{PLAY_OUTCOME, CARD_NO_READER, {R(NO_READER), R(NO_READER)}},
		{PLAY_OUTCOME, CARD_UNKNOWN, {R(CARD_UNKNOWN), R(CARD_UNKNOWN)}},
		{PLAY_OUTCOME, CARD_UNSUPPORTED, {R(CARD_UNSUPPORTED), R(CARD_UNSUPPORTED)}},
		{PLAY_OUTCOME, CARD_FAILED, {R(CHILD_FAILED), R(CHILD_FAILED)}},
		{PLAY_OUTCOME, CARD_READER_FAILED, {R(READER_FAILED), R(READER_FAILED)}},
		{PLAY_OUTCOME, 200, {R(CHILD_FAILED), R(CHILD_FAILED)}},
	};

	(void)state;
	/* so that both have been recognised before OPEN goes wrong */
	assert_true(world_run(recognised, NULL, 10000));
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		for (size_t j = 0; j < ARRAY_LEN(wrongs); j++) {
			struct row row = {.professional = ops[i].professional,
				.op = ops[i].op,
				.misdeed = wrongs[j].misdeed,
				.outcome = wrongs[j].outcome,
				.r = wrongs[j].r[ops[i].professional ? 1 : 0]};

			play_row(&row);
		}
	}
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 0);
}

/* A card that says 9000 to everything, cut answers, over-long answers, one bit changed. */
static void answers_that_are_no_answers_are_named(void **state)
{
	static const struct row rows[] = {
		{true, OP(IDENTIFY), PLAY_EMPTY, 0, 0, R(CARD_BROKEN)},
		{true, OP(IDENTIFY), PLAY_GARBAGE, 0, 0, R(CARD_BROKEN)},
		{true, OP(IDENTIFY), PLAY_LONG, 0, 0, R(CARD_BROKEN)},
		{true, OP(READ_ROLE), PLAY_GARBAGE, 0, 0, R(CARD_BROKEN)},
		{true, OP(READ_ROLE), PLAY_LONG, 0, 0, R(CARD_BROKEN)},
		{true, OP(READ_PUBLIC), PLAY_EMPTY, 0, 0, R(CARD_BROKEN)},
		{true, OP(READ_PUBLIC), PLAY_GARBAGE, 0, 0, R(CARD_BROKEN)},
		{true, OP(READ_PUBLIC), PLAY_LONG, 0, 0, R(CARD_BROKEN)},
		{true, OP(READ_ACTIVITIES), PLAY_GARBAGE, 0, 0, R(CARD_BROKEN)},
		{true, OP(READ_ACTIVITIES), PLAY_LONG, 0, 0, R(CARD_BROKEN)},
		{false, OP(READ_PUBLIC), PLAY_EMPTY, 0, 0, R(CARD_BROKEN)},
		{false, OP(READ_PUBLIC), PLAY_GARBAGE, 0, 0, R(CARD_BROKEN)},
		{false, OP(READ_PUBLIC), PLAY_LONG, 0, 0, R(CARD_BROKEN)},
		{false, OP(CHALLENGE), PLAY_EMPTY, 0, 0, R(CARD_BROKEN)},
		{false, OP(CHALLENGE), PLAY_LONG, 0, 0, R(CARD_BROKEN)},
		{true, OP(CHALLENGE), PLAY_GARBAGE, 0, 0, R(CARD_BROKEN)},
		{true, OP(INTERNAL_AUTHENTICATE), PLAY_EMPTY, 0, 0, R(CARD_BROKEN)},
		{true, OP(INTERNAL_AUTHENTICATE), PLAY_FALSE, 0, 0, R(PROOF_FAILED)},
		{false, OP(INTERNAL_AUTHENTICATE), PLAY_LONG, 0, 0, R(CARD_BROKEN)},
		{false, OP(INTERNAL_AUTHENTICATE), PLAY_FALSE, 0, 0, R(PROOF_FAILED)},
		/* the second signature of the patient's card is over the statement */
		{false, OP(INTERNAL_AUTHENTICATE), PLAY_FALSE, 0, 1, R(PROOF_FAILED)},
		{false, OP(INTERNAL_AUTHENTICATE), PLAY_EMPTY, 0, 1, R(CARD_BROKEN)},
		{true, OP(SIGN), PLAY_EMPTY, 0, 0, R(CARD_BROKEN)},
		{true, OP(SIGN), PLAY_FALSE, 0, 0, R(PROOF_FAILED)},
		{true, OP(SIGN), PLAY_LONG, 0, 0, R(PROOF_FAILED)},
		{false, OP(READ_PEOPLE), PLAY_EMPTY, 0, 0, R(CARD_BROKEN)},
		{false, OP(READ_PEOPLE), PLAY_GARBAGE, 0, 0, R(CARD_BROKEN)},
		{false, OP(READ_PEOPLE), PLAY_LONG, 0, 0, R(CARD_BROKEN)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		play_row(&rows[i]);
	}
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 0);
}

static void a_hung_card_ends_by_the_deadline_of_its_operation(void **state)
{
	static const struct row row = {true, OP(PIN_STATE), PLAY_SILENT, 0, 0, R(CHILD_FAILED)};
	uint64_t before = clock_monotonic();

	(void)state;
	play_row(&row);
	assert_true(clock_monotonic() - before < 15 * USEC_PER_SEC);
	assert_int_equal(world_recorded(AUDIT_EVENT_CHILD_FAILED, NULL), 1);
}

static void too_many_of_anything_is_broken(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < 20; i++) {
		play_person(vitale, "DUPONT", "ALICE", "19800714", NIR_ALICE, 1);
	}
	fails(R(CARD_BROKEN));
	for (uint8_t i = 0; i < 17; i++) {
		play_activity(cps, i, "CABINET", "10000001", "SA07");
	}
	fails(R(CARD_BROKEN));
}

static void people_whose_facts_make_no_sense_are_broken(void **state)
{
	static const struct {
		const char *birth;
		const char *nir;
	} rows[] = {
		{"1980071", NIR_ALICE},
		{"1980071X", NIR_ALICE},
		{"19800714", "2800756321001"},
		{"19800714", "2800756321001231"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&vitale->people);
		play_person(vitale, "DUPONT", "ALICE", rows[i].birth, rows[i].nir, 1);
		fails(R(CARD_BROKEN));
	}
}

/* -- certificates -------------------------------------------------------------------------------- */

static void certificates_of_strangers_expired_and_mixed_are_named(void **state)
{
	static const struct {
		char letter;
		const char *nature;
		enum forged_fault fault;
		enum vitaled_reason r;
	} rows[] = {
		{'P', "simulated", FORGED_EXPIRED, R(CARD_EXPIRED)},
		{'P', "simulated", FORGED_STRANGER, R(NOT_TRUSTED)},
		{'P', "simulated", FORGED_OTHER_CHR, R(NOT_TRUSTED)},
		{'P', "simulated", FORGED_OTHER_ROLE, R(NOT_TRUSTED)},
		{'P', "simulated", FORGED_X509_EXPIRED, R(CARD_EXPIRED)},
		{'P', "simulated", FORGED_X509_STRANGER, R(NOT_TRUSTED)},
		{'P', "simulated", FORGED_TWO_PEOPLE, R(NOT_TRUSTED)},
		{'P', "simulated", FORGED_TWO_CARDS, R(NOT_TRUSTED)},
		{'P', "simulated", FORGED_OTHER_CARD, R(NOT_TRUSTED)},
		{'P', "test", FORGED_OTHER_CARD, R(NOT_TRUSTED)},
		{'P', "test", FORGED_GOOD, R(NATURE_MIXED)},
		{'V', "simulated", FORGED_EXPIRED, R(CARD_EXPIRED)},
		{'V', "simulated", FORGED_STRANGER, R(NOT_TRUSTED)},
		{'V', "simulated", FORGED_OTHER_CHR, R(NOT_TRUSTED)},
		{'V', "simulated", FORGED_OTHER_ROLE, R(NOT_TRUSTED)},
		{'V', "test", FORGED_GOOD, R(NATURE_MIXED)},
	};
	struct forged_card *good[] = {vitale->card, cps->card};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct forged_card *bad =
			pki_card(rows[i].nature, rows[i].letter, rows[i].fault);

		vitale->card = rows[i].letter == 'V' ? bad : good[0];
		if (rows[i].fault == FORGED_OTHER_CARD) { /* of one nature */
			vitale->card = pki_card(rows[i].nature, 'V', FORGED_GOOD);
		}
		cps->card = rows[i].letter == 'P' ? bad : good[1];
		fails(rows[i].r);
	}
	assert_int_equal(world.asked[ASK_CONSENT], 0);
}

static void a_professional_of_two_natures_or_without_a_role_is_not_believed(void **state)
{
	struct forged_card mixed = *pki_card("test", 'P', FORGED_GOOD);

	(void)state;
	mixed.sig = cps->card->sig;
	mixed.aut = cps->card->aut;
	cps->card = &mixed;
	fails(R(NATURE_MIXED));
	cps->no_certificate = true;
	fails(R(NOT_TRUSTED));
}

static void a_card_outside_its_own_window_is_expired(void **state)
{
	static const struct {
		const char *from;
		const char *to;
		enum vitaled_reason r;
	} rows[] = {
		{"20990101000000", "20991231000000", R(CARD_EXPIRED)},
		{"20000101000000", "20001231000000", R(CARD_EXPIRED)},
		{"20000101000000", NULL, R(CARD_BROKEN)},
		{NULL, "20991231000000", R(CARD_BROKEN)},
		{"2000", "20991231000000", R(CARD_BROKEN)},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&cps->actua);
		if (rows[i].from) {
			tlv_put_str(&cps->actua, LINK_TAG_ACTUA_FROM, rows[i].from);
		}
		if (rows[i].to) {
			tlv_put_str(&cps->actua, LINK_TAG_ACTUA_TO, rows[i].to);
		}
		fails(rows[i].r);
	}
	buf_reset(&cps->actua);
	tlv_put_str(&cps->actua, LINK_TAG_ACTUA_FROM, "20000101000000");
	tlv_put_str(&cps->actua, LINK_TAG_ACTUA_TO, "20991231000000");
	world_reach(world_session(SESSION_MODE_NORMAL), SESSION_STATE_UNLOCKED);
}

/* -- replay -------------------------------------------------------------------------------------- */

static void replay(struct played *p, uint8_t op)
{
	p->misdeed[op] = PLAY_REPLAY;
	p->n_replayed[op] = 0;
}

static void two_emulators_that_replay_a_whole_exchange_get_nothing(void **state)
{
	static const uint8_t ops[] = {OP(CHECK_CERTIFICATE), OP(CHALLENGE),
		OP(INTERNAL_AUTHENTICATE), OP(EXTERNAL_AUTHENTICATE), OP(SIGN)};
	struct session *s = world_session(SESSION_MODE_NORMAL);

	(void)state;
	world_reach(s, SESSION_STATE_UNLOCKED);
	session_release(s);
	world.asked[ASK_CONSENT] = 0;
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		replay(vitale, ops[i]);
		replay(cps, ops[i]);
	}
	fails(R(PROOF_FAILED)); /* the broker knows the challenge */
	assert_int_equal(world.asked[ASK_CONSENT], 0);
	/* a broker that has forgotten it: the exchange passes, our own nonce stops them */
	world_restart();
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		replay(vitale, ops[i]);
		replay(cps, ops[i]);
	}
	fails(R(PROOF_FAILED));
	assert_int_equal(world.asked[ASK_CONSENT], 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 1);
}

static void an_emulator_that_replays_an_identity_gets_nothing(void **state)
{
	struct session *s = world_session(SESSION_MODE_IDENTITY);

	(void)state;
	world_reach(s, SESSION_STATE_UNLOCKED);
	session_release(s);
	replay(vitale, OP(INTERNAL_AUTHENTICATE));
	s = world_session(SESSION_MODE_IDENTITY);
	world_end(s, SESSION_STATE_FAILED, R(PROOF_FAILED));
	assert_int_equal(world_recorded(AUDIT_EVENT_IDENTITY_READ, NULL), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(every_misdeed_of_a_card_at_every_step_has_a_name),
		T(answers_that_are_no_answers_are_named),
		T(a_hung_card_ends_by_the_deadline_of_its_operation),
		T(too_many_of_anything_is_broken),
		T(people_whose_facts_make_no_sense_are_broken),
		T(certificates_of_strangers_expired_and_mixed_are_named),
		T(a_professional_of_two_natures_or_without_a_role_is_not_believed),
		T(a_card_outside_its_own_window_is_expired),
		T(two_emulators_that_replay_a_whole_exchange_get_nothing),
		T(an_emulator_that_replays_an_identity_gets_nothing),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
