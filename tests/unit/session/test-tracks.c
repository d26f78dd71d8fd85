/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Two cards worked at once: neither waits for the other but where it must, nothing of the patient
 * leaves before its gate; the keypad; and what the professional's card and the lists say of it.
 */
#include "base/clock.h"
#include "tests/unit/session/usual.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#define R(name)	 VITALED_REASON_##name
#define ST(name) SESSION_STATE_##name
#define OP(name) CARD_OP_##name

static struct played *vitale;
static struct played *cps;

static int setup(void **state)
{
	int r = world_setup(state);

	usual_cards(&vitale, &cps);
	vitale->in = true;
	cps->in = true;
	return r;
}

static struct session *open_normal(void)
{
	return world_session(SESSION_MODE_NORMAL);
}

static struct session *unlock(void)
{
	struct session *s = open_normal();

	world_reach(s, ST(UNLOCKED));
	return s;
}

/* -- two links ------------------------------------------------------------------------------------- */

struct stillness {
	unsigned int asked;
	uint64_t since;
};

static bool quiet(void *user)
{
	struct stillness *q = user;
	unsigned int now = 0;

	for (size_t i = 0; i <= PLAYED_OPS; i++) {
		now += vitale->asked[i] + cps->asked[i];
	}
	if (now != q->asked) {
		*q = (struct stillness){.asked = now, .since = clock_monotonic()};
	}
	return clock_monotonic() - q->since > 300 * USEC_PER_MS;
}

/* Until neither card has been asked anything for a while. */
static void run_quiet(void)
{
	struct stillness q = {.since = clock_monotonic()};

	assert_true(world_run(quiet, &q, 10000));
}

static void while_the_pin_is_typed_the_cards_do_all_that_needs_none(void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_PIN] = ANSWER_NEVER;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_PIN));
	run_quiet();
	assert_int_equal(vitale->asked[OP(READ_PUBLIC)], 1);
	assert_int_equal(vitale->asked[OP(CHECK_CERTIFICATE)], 1);
	assert_int_equal(vitale->asked[OP(CHALLENGE)], 1);
	assert_int_equal(vitale->asked[OP(INTERNAL_AUTHENTICATE)], 1);
	assert_int_equal(cps->asked[OP(CHECK_CERTIFICATE)], 1);
	assert_int_equal(cps->asked[OP(CHALLENGE)], 1);
	assert_int_equal(cps->asked[OP(EXTERNAL_AUTHENTICATE)], 1);
	/* the PIN opens the key, the admission opens the patient */
	assert_int_equal(cps->asked[OP(INTERNAL_AUTHENTICATE)], 0);
	assert_int_equal(vitale->asked[OP(EXTERNAL_AUTHENTICATE)], 0);
	assert_int_equal(vitale->asked[OP(READ_PEOPLE)], 0);
	assert_false(vitale->role);
	world_answer(s, ASK_PIN);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(session_proof(s), PROOF_MUTUAL);
	assert_int_equal(vitale->asked[OP(CHECK_CERTIFICATE)], 1);
	assert_int_equal(cps->asked[OP(INTERNAL_AUTHENTICATE)], 1);
}

static void the_patients_card_gives_rights_only_after_admission(void **state)
{
	struct session *s;

	(void)state;
	play_activity(cps, 2, "CABINET B", "10000002", "SA07");
	world.when[ASK_STRUCTURE] = ANSWER_NEVER;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_CHOICE));
	run_quiet();
	assert_int_equal(cps->asked[OP(INTERNAL_AUTHENTICATE)], 1);
	assert_int_equal(vitale->asked[OP(EXTERNAL_AUTHENTICATE)], 0);
	assert_int_equal(vitale->asked[OP(READ_PEOPLE)], 0);
	world.admit = R(ROLE_FORBIDDEN);
	world_answer(s, ASK_STRUCTURE);
	world_end(s, ST(REFUSED), R(ROLE_FORBIDDEN));
	assert_int_equal(vitale->asked[OP(EXTERNAL_AUTHENTICATE)], 0);
	assert_int_equal(vitale->asked[OP(READ_PEOPLE)], 0);
}

static void the_people_are_read_ahead_and_stay_where_they_are(void **state)
{
	struct session *s;

	(void)state;
	world.when[ASK_PIN] = ANSWER_NEVER;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_PIN));
	run_quiet();
	assert_int_equal(vitale->asked[OP(KEEP_PEOPLE)], 1);
	assert_int_equal(vitale->asked[OP(READ_PEOPLE)], 0);
	world_answer(s, ASK_PIN);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(vitale->asked[OP(KEEP_PEOPLE)], 1);
	assert_int_equal(vitale->asked[OP(READ_PEOPLE)], 1);
}

static void a_card_that_is_not_valid_yet_opens_nothing(void **state)
{
	(void)state;
	vitale->valid_from = "29991231";
	world_end(open_normal(), ST(FAILED), R(CARD_EXPIRED));
	assert_int_equal(vitale->asked[OP(READ_PEOPLE)], 0);
}

static void nothing_comes_between_the_pin_and_the_activities(void **state)
{
	static const uint8_t then[] = {
		OP(VERIFY), OP(READ_ACTIVITIES), OP(INTERNAL_AUTHENTICATE), OP(SIGN)};
	struct session *s;

	(void)state;
	world.when[ASK_PIN] = ANSWER_NEVER;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_PIN));
	run_quiet();
	world_answer(s, ASK_PIN);
	world_reach(s, ST(UNLOCKED));
	assert_true(view_equal(view_last(buf_view(&cps->order), sizeof(then)), VIEW(then)));
}

static void a_slow_patients_card_does_not_keep_the_pin_waiting(void **state)
{
	struct session *s;

	(void)state;
	vitale->misdeed[OP(READ_PUBLIC)] = PLAY_SILENT;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_PIN)); /* answered at once */
	run_quiet();
	assert_int_equal(cps->asked[OP(READ_ACTIVITIES)], 1);
	assert_int_equal(cps->asked[OP(CHECK_CERTIFICATE)], 0);
	assert_int_equal(session_state(s), ST(READING));
}

static void the_patients_card_begins_while_the_professionals_files_are_read(void **state)
{
	struct session *s;

	(void)state;
	cps->misdeed[OP(READ_PUBLIC)] = PLAY_SILENT;
	s = open_normal();
	world_reach(s, ST(READING));
	run_quiet();
	assert_int_equal(session_state(s), ST(READING));
	assert_int_equal(vitale->asked[OP(CHECK_CERTIFICATE)], 1);
	assert_int_equal(vitale->asked[OP(CHALLENGE)], 1);
	assert_int_equal(vitale->asked[OP(EXTERNAL_AUTHENTICATE)], 0);
	assert_int_equal(cps->asked[OP(CHECK_CERTIFICATE)], 0); /* its line is taken */
	assert_int_equal(world.asked[ASK_PIN], 0);
}

static void a_role_certificate_of_another_card_is_none(void **state)
{
	static const enum forged_fault faults[] = {
		FORGED_EXPIRED, FORGED_STRANGER, FORGED_OTHER_CHR};

	static const enum vitaled_reason reasons[] = {
		R(CARD_EXPIRED), R(NOT_TRUSTED), R(NOT_TRUSTED)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(faults); i++) { /* before its files are believed */
		cps->shows = pki_card("simulated", 'P', faults[i]);
		world_end(open_normal(), ST(FAILED), reasons[i]);
	}
	/* good for this chip, and not the one that is read with its files */
	cps->shows = pki_renew(cps->card, "simulated", FORGED_GOOD, false);
	world_end(open_normal(), ST(FAILED), R(CARD_BROKEN));
	assert_int_equal(world.asked[ASK_PIN], 0);
	assert_int_equal(vitale->asked[OP(EXTERNAL_AUTHENTICATE)], 0);
}

static void a_slow_professionals_card_does_not_keep_the_patients_waiting(void **state)
{
	struct session *s;

	(void)state;
	cps->misdeed[OP(IDENTIFY)] = PLAY_SILENT;
	s = open_normal();
	world_reach(s, ST(READING));
	run_quiet();
	assert_int_equal(session_state(s), ST(READING));
	assert_int_equal(vitale->asked[OP(READ_PUBLIC)], 1);
	assert_int_equal(vitale->asked[OP(CHECK_CERTIFICATE)], 0);
}

static void answers_go_to_the_session_that_asked(void **state)
{
	const struct session_options identity = {.mode = SESSION_MODE_IDENTITY, .wait = true};
	struct played *other =
		play_vitale("Reader C 02 00", pki_card("simulated", 'V', FORGED_GOOD));
	struct session *a;
	struct session *b;
	json_t *j = NULL;

	(void)state;
	play_person(other, "BERNARD", "ZOE", "19700101", "270015632100123", 1);
	world.config.n_pairs = 2;
	assert_int_equal(view_copy_str(view_str("one"), world.config.pairs[0].name, 32), 0);
	assert_int_equal(
		view_copy_str(view_str(READER_A), world.config.pairs[0].patient_reader, 128),
		0);
	assert_int_equal(view_copy_str(view_str("two"), world.config.pairs[1].name, 32), 0);
	assert_int_equal(view_copy_str(view_str("Reader C 02 00"),
				 world.config.pairs[1].patient_reader, 128),
		0);
	world_settle(50);
	play_event(WATCH_OP_READER_IN, "Reader C 02 00", 0);
	play_in(other);
	world_settle(50);
	a = world_open(&(struct session_options){.mode = identity.mode, .pair = "one"});
	b = world_open(&(struct session_options){.mode = identity.mode, .pair = "two"});
	world_reach(a, ST(UNLOCKED));
	world_reach(b, ST(UNLOCKED));
	assert_int_equal(session_patient_json(a, &j), 0);
	assert_string_equal(json_get_str(j, "given"), "ALICE");
	json_put(&j);
	assert_int_equal(session_patient_json(b, &j), 0);
	assert_string_equal(json_get_str(j, "given"), "ZOE");
	json_put(&j);
	play_out(other);
	world_end(b, ST(LOCKED), R(PATIENT_CARD_REMOVED));
	assert_int_equal(session_state(a), ST(UNLOCKED));
}

static void progress_counts_what_this_session_sent(void **state)
{
	uint32_t done = 0;
	uint32_t expected = 0;
	struct session *s = unlock();

	(void)state;
	session_progress(s, &done, &expected);
	assert_int_equal(done, 2000);
	session_release(s);
	world.when[ASK_CONSENT] = ANSWER_NEVER;
	s = open_normal(); /* the professional's process goes on, and so does its count */
	world_reach(s, ST(WAITING_FOR_CONSENT));
	session_progress(s, &done, &expected);
	assert_int_equal(done, 1000);
	assert_true(expected < 1350 + 1000); /* nothing is read again */
}

/* -- the keypad ------------------------------------------------------------------------------------ */

static void the_pin_is_typed_on_the_readers_keys_where_it_has_some(void **state)
{
	struct session *s;

	(void)state;
	cps->pinpad = true;
	s = unlock();
	assert_int_equal(world.asked[ASK_PIN], 0);
	assert_int_equal(world.keypads, 1);
	assert_int_equal(world.tries_told, 3);
	assert_false(world.again_told);
	assert_int_equal(world.stopped, 1); /* "use-pinpad" is over */
	assert_int_equal(cps->asked[OP(VERIFY)], 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_PIN, "ok"), 1);
	session_release(s);
	session_release(unlock());
	assert_int_equal(world.keypads, 1);
}

static void a_wrong_pin_on_the_keypad_is_asked_anew_and_the_last_one_confirmed(void **state)
{
	(void)state;
	cps->pinpad = true;
	cps->typed = "0000";
	world.last_try = true;
	world_end(open_normal(), ST(FAILED), R(PIN_BLOCKED));
	assert_int_equal(world.keypads, 3);
	assert_int_equal(world.asked[ASK_LAST_TRY], 1);
	assert_true(world.again_told);
	assert_int_equal(cps->tries, 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_PIN, "pin-wrong"), 2);
	assert_int_equal(world_recorded(AUDIT_EVENT_PIN, "pin-blocked"), 1);
}

static void a_keypad_that_is_cancelled_or_left_alone_costs_no_try(void **state)
{
	static const struct {
		uint8_t outcome;
		enum vitaled_reason r;
	} rows[] = {{CARD_CANCELLED, R(CANCELLED)}, {CARD_LATE, R(TIMEOUT)}};

	(void)state;
	cps->pinpad = true;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		cps->keypad = rows[i].outcome;
		world_end(open_normal(), ST(FAILED), rows[i].r);
		assert_int_equal(
			world_recorded(AUDIT_EVENT_PIN, vitaled_reason_word(rows[i].r)), 1);
		assert_int_equal(cps->tries, 3);
	}
	cps->keypad = CARD_PIN_REFUSED; /* of another length */
	world_end(open_normal(), ST(FAILED), R(PIN_REFUSED));
	assert_int_equal(cps->tries, 3);
}

static void an_agent_may_cancel_while_the_keypad_waits(void **state)
{
	struct session *s;

	(void)state;
	cps->pinpad = true;
	cps->misdeed[OP(VERIFY)] = PLAY_SILENT;
	s = open_normal();
	world_reach(s, ST(WAITING_FOR_PIN));
	run_quiet();
	session_pin_failed(s, R(CANCELLED));
	world_end(s, ST(FAILED), R(CANCELLED));
}

static void a_keypad_entry_that_cannot_be_recorded_ends_it(void **state)
{
	(void)state;
	session_release(unlock()); /* the cards are in the record */
	play_out(cps);
	world_settle(20);
	cps->pinpad = true;
	cps->keypad = CARD_CANCELLED;
	play_in(cps);
	world_settle(50);
	world_audit_fails = 2; /* opened; then the entry */
	world_end(open_normal(), ST(FAILED), R(AUDIT_UNAVAILABLE));
}

/* -- once more before release ---------------------------------------------------------------------- */

static void read_cards(void)
{
	world.config.pin_lifetime = 0;
	world.config.required[NATURE_REAL] = PROOF_READ;
	vitale->card = pki_card("real", 'V', FORGED_GOOD);
	cps->card = pki_card("real", 'P', FORGED_GOOD);
	vitale->no_certificate = true;
	cps->no_certificate = true;
}

static void cards_that_cannot_sign_show_their_serial_once_more(void **state)
{
	struct session *s;

	(void)state;
	session_release(unlock());
	assert_int_equal(vitale->asked[OP(PRESENT)] + cps->asked[OP(PRESENT)], 0);
	play_out(cps);
	world_settle(20);
	read_cards();
	play_in(cps);
	s = unlock();
	assert_int_equal(session_proof(s), PROOF_READ);
	assert_int_equal(vitale->asked[OP(PRESENT)], 1);
	assert_int_equal(cps->asked[OP(PRESENT)], 1);
	session_release(s);
	s = world_session(SESSION_MODE_IDENTITY);
	world_reach(s, ST(UNLOCKED));
	assert_int_equal(vitale->asked[OP(PRESENT)], 2);
	assert_int_equal(cps->asked[OP(PRESENT)], 1);
}

static void a_card_that_was_swapped_before_release_gets_nothing(void **state)
{
	struct played *const cards[] = {vitale, cps};

	static const enum vitaled_reason reasons[] = {
		R(PATIENT_CARD_REMOVED), R(PROFESSIONAL_CARD_REMOVED)};
	struct session *s;

	(void)state;
	read_cards();
	for (size_t i = 0; i < ARRAY_LEN(cards); i++) {
		cards[i]->misdeed[OP(PRESENT)] = PLAY_OUTCOME;
		cards[i]->value[OP(PRESENT)] = CARD_GONE;
		s = open_normal();
		world_end(s, ST(FAILED), reasons[i]);
		cards[i]->misdeed[OP(PRESENT)] = PLAY_WELL;
	}
	assert_int_equal(world.asked[ASK_UNLOCK], 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 0);
}

/* -- what is said of the card ---------------------------------------------------------------------- */

static void a_revoked_certificate_opposes_the_card(void **state)
{
	static const enum trust_revocation said[] = {
		TRUST_REVOCATION_UNKNOWN, TRUST_REVOCATION_GOOD};
	struct session *s;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(said); i++) {
		world_revocation = said[i];
		s = unlock();
		assert_int_equal(session_professional(s)->revocation, said[i]);
		session_release(s);
	}
	world_revocation =
		TRUST_REVOCATION_REVOKED; /* also of a card that is open since before */
	world_end(open_normal(), ST(FAILED), R(CARD_OPPOSED));
	assert_int_equal(world.asked[ASK_PIN], 1);
}

static void a_card_that_an_update_left_unfinished_is_broken_with_advice(void **state)
{
	struct card_reader *r;

	(void)state;
	cps->misdeed[OP(IDENTIFY)] = PLAY_OUTCOME;
	cps->value[OP(IDENTIFY)] = CARD_UNUSABLE;
	world_end(open_normal(), ST(FAILED), R(CARD_BROKEN));
	for (size_t i = 0; (r = cards_reader(world.cards, i)) != NULL; i++) {
		assert_string_equal(r->card->advice,
			strcmp(r->name, READER_B) == 0 ? "card-update-incomplete" : "");
	}
}

static void the_directory_goes_with_the_question_for_activities(void **state)
{
	static const uint8_t listed[] = {1, 3};
	struct session *s;

	(void)state;
	tlv_put(&cps->extra, LINK_TAG_DIRECTORY, VIEW(listed));
	s = unlock();
	assert_true(view_equal(buf_view(&cps->directory), VIEW(listed)));
	session_release(s);
	play_out(cps);
	world_settle(20);
	buf_reset(&cps->extra);
	play_in(cps);
	session_release(unlock());
	assert_int_equal(cps->directory.len, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(while_the_pin_is_typed_the_cards_do_all_that_needs_none),
		T(the_patients_card_gives_rights_only_after_admission),
		T(the_people_are_read_ahead_and_stay_where_they_are),
		T(a_card_that_is_not_valid_yet_opens_nothing),
		T(nothing_comes_between_the_pin_and_the_activities),
		T(a_slow_patients_card_does_not_keep_the_pin_waiting),
		T(the_patients_card_begins_while_the_professionals_files_are_read),
		T(a_role_certificate_of_another_card_is_none),
		T(a_slow_professionals_card_does_not_keep_the_patients_waiting),
		T(answers_go_to_the_session_that_asked),
		T(progress_counts_what_this_session_sent),
		T(the_pin_is_typed_on_the_readers_keys_where_it_has_some),
		T(a_wrong_pin_on_the_keypad_is_asked_anew_and_the_last_one_confirmed),
		T(a_keypad_that_is_cancelled_or_left_alone_costs_no_try),
		T(an_agent_may_cancel_while_the_keypad_waits),
		T(a_keypad_entry_that_cannot_be_recorded_ends_it),
		T(cards_that_cannot_sign_show_their_serial_once_more),
		T(a_card_that_was_swapped_before_release_gets_nothing),
		T(a_revoked_certificate_opposes_the_card),
		T(a_card_that_an_update_left_unfinished_is_broken_with_advice),
		T(the_directory_goes_with_the_question_for_activities),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
