/* SPDX-License-Identifier: EUPL-1.2 */
/* Whole consultations that go well, with real keys, record and consent; and what may be seen. */
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

#include <string.h>
#include <unistd.h>

#define NIR_ALICE "280075632100123"
#define NIR_BRUNO "178035632100145"

static struct played *vitale;
static struct played *cps;

/* One person's card and a doctor with one structure, in the two readers. */
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

static void family(void)
{
	play_person(vitale, "DUPONT", "BRUNO", "19780322", NIR_BRUNO, 1);
	play_person(vitale, "DUPONT", "CHLOE", "20150102", NIR_ALICE, 1);
	play_person(vitale, "DUPONT", "DAVID", "20150102", NIR_ALICE, 2);
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
	return json_get_str(j, name) ? json_get_str(j, name) : "";
}

/* -- the way ------------------------------------------------------------------------------------- */

static void a_consultation_goes_from_cards_to_unlocked_and_locks_when_released(void **state)
{
	struct session *s = world_session(SESSION_MODE_NORMAL);

	(void)state;
	assert_int_equal(session_state(s), SESSION_STATE_WAITING_FOR_CARDS);
	world_reach(s, SESSION_STATE_UNLOCKED);
	assert_int_equal(session_proof(s), PROOF_MUTUAL);
	assert_true(session_expires(s) > clock_wall());
	release(s);
	buf_put_u8(&world.states, 0);
	assert_string_equal((const char *)world.states.data,
		" reading waiting-for-pin reading authenticating waiting-for-consent "
		"authenticating unlocked locked");
	assert_int_equal(world.added, 1);
	assert_int_equal(world.locked, 1);
}

static void answers_may_come_later_as_well_as_at_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ASK_COUNT; i++) {
		world.when[i] = ANSWER_LATER;
	}
	release(unlock());
}

static void every_step_stands_in_the_record(void **state)
{
	(void)state;
	release(unlock());
	assert_int_equal(world_recorded(AUDIT_EVENT_SESSION_OPENED, "ok"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_CARD_IN, "ok"), 2);
	assert_int_equal(world_recorded(AUDIT_EVENT_PIN, "ok"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_CONSENT, "ok"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_PROOF, "ok"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, "ok"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_SESSION_ENDED, "released"), 1);
}

static void nobody_learns_of_the_patient_before_admission(void **state)
{
	struct session *s;

	(void)state;
	world.admit = VITALED_REASON_FORBIDDEN_SECTOR;
	s = world_session(SESSION_MODE_NORMAL);
	world_end(s, SESSION_STATE_REFUSED, VITALED_REASON_FORBIDDEN_SECTOR);
	assert_int_equal(vitale->asked[CARD_OP_READ_PEOPLE], 0);
	assert_int_equal(vitale->asked[CARD_OP_EXTERNAL_AUTHENTICATE], 0);
	assert_int_equal(vitale->asked[CARD_OP_READ_PROTECTED], 0);
	assert_int_equal(world.asked[ASK_CONSENT], 0);
	assert_int_equal(world_recorded(AUDIT_EVENT_DENIED, "forbidden-sector"), 1);
}

static void what_may_be_seen_grows_with_the_steps(void **state)
{
	uint32_t done = 0;
	uint32_t expected = 0;
	json_t *j = NULL;
	struct session *s;

	(void)state;
	world.when[ASK_PIN] = ANSWER_NEVER;
	world.when[ASK_CONSENT] = ANSWER_NEVER;
	s = world_session(SESSION_MODE_NORMAL);
	assert_null(session_professional(s));
	world_reach(s, SESSION_STATE_WAITING_FOR_PIN);
	assert_string_equal(session_professional(s)->person.national_id, "899700000123");
	assert_null(session_patient(s));
	assert_int_equal(session_chosen(s, &j), 0);
	assert_null(j);
	world_answer(s, ASK_PIN);
	world_reach(s, SESSION_STATE_WAITING_FOR_CONSENT);
	assert_int_equal(session_proof(s), PROOF_READ);
	assert_int_equal(strlen(session_patient(s)->pseudonym), 64);
	assert_string_equal(session_patient(s)->generation, "vitale-2");
	assert_int_equal(strlen(session_patient(s)->serial_last4), 4);
	assert_false(session_patient(s)->minor);
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_null(j); /* not before it is unlocked */
	session_progress(s, &done, &expected);
	assert_int_equal(done, 2000);
	assert_true(expected >= done);
	world_answer(s, ASK_CONSENT);
	world_reach(s, SESSION_STATE_UNLOCKED);
	session_progress(s, &done, &expected);
	assert_int_equal(done, expected);
	assert_string_equal(session_professional(s)->chosen->structure, "10000001");
	assert_string_equal(session_professional(s)->speciality, "SM26");
	assert_true(session_professional(s)->certificate.len > 0);
	assert_true(session_professional(s)->role_certificate.len > 0);
	release(s);
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_null(j);
	assert_int_equal(session_chosen(s, &j), 0);
	assert_null(j);
	assert_int_equal(session_beneficiaries(s, &j), 0);
	assert_null(j);
}

static void a_session_says_what_it_was_opened_with(void **state)
{
	const struct session_options o = {.application = "LGC",
		.application_version = "7.1",
		.intents = SESSION_INTENT_FEED | SESSION_INTENT_CONSULT,
		.lifetime = 60};
	struct session *s = world_open(&o);

	(void)state;
	assert_string_equal(session_application(s), "LGC 7.1");
	assert_string_equal(session_owner(s), ":1.7");
	assert_int_equal(session_uid(s), 1000);
	assert_string_equal(session_pair(s), "default");
	assert_int_equal(session_mode(s), SESSION_MODE_NORMAL);
	assert_int_equal(session_intents(s), SESSION_INTENT_FEED | SESSION_INTENT_CONSULT);
	assert_int_equal(session_lifetime(s), 60 * USEC_PER_SEC);
	assert_int_equal(session_pin_tries(s), 255);
	assert_int_equal(strncmp(session_audit_id(s), "session/1@", 10), 0);
	assert_ptr_equal(sessions_by_id(world.all, session_id(s)), s);
	assert_null(sessions_by_id(world.all, 99));
	assert_ptr_equal(sessions_next(world.all, NULL), s);
	assert_null(sessions_next(world.all, s));
	session_set_dossier(s, &world);
	assert_ptr_equal(session_dossier(s), &world);
	session_set_dossier(s, NULL);
	session_release(s);
	assert_int_equal(world.removed, 1);
	assert_null(sessions_next(world.all, NULL));
}

/* -- people -------------------------------------------------------------------------------------- */

static void one_of_several_people_is_chosen_by_the_agent(void **state)
{
	struct session *s;
	json_t *j = NULL;

	(void)state;
	family();
	world.choice = 1;
	s = unlock();
	assert_int_equal(world.asked[ASK_PERSON], 1);
	assert_int_equal(json_array_size(world.choices), 4);
	assert_string_equal(member(json_array_get(world.choices, 1), "given"), "BRUNO");
	assert_null(json_object_get(json_array_get(world.choices, 1), "nir"));
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_string_equal(member(j, "given"), "BRUNO");
	json_decref(j);
	assert_string_equal(
		member(json_object_get(world.request, "patient"), "given"), "BRUNO");
}

static void the_owner_may_choose_as_well_and_the_agent_is_stopped(void **state)
{
	struct session *s;
	json_t *j = NULL;

	(void)state;
	family();
	world.when[ASK_PERSON] = ANSWER_NEVER;
	s = world_session(SESSION_MODE_NORMAL);
	assert_int_equal(
		session_choose(s, SESSION_CHOICE_BENEFICIARY, 0), SESSION_CHOOSE_STATE);
	assert_int_equal(session_beneficiaries(s, &j), 0);
	assert_null(j);
	world_reach(s, SESSION_STATE_WAITING_FOR_CHOICE);
	assert_int_equal(session_beneficiaries(s, &j), 0);
	assert_int_equal(json_array_size(j), 4);
	json_decref(j);
	assert_int_equal(
		session_choose(s, SESSION_CHOICE_BENEFICIARY, 4), SESSION_CHOOSE_RANGE);
	assert_int_equal(session_choose(s, SESSION_CHOICE_STRUCTURE, 0), SESSION_CHOOSE_STATE);
	assert_int_equal(world.stopped, 0);
	assert_int_equal(session_choose(s, SESSION_CHOICE_BENEFICIARY, 0), 0);
	assert_int_equal(world.stopped, 1);
	world_reach(s, SESSION_STATE_UNLOCKED);
	assert_int_equal(session_patient(s)->rank, 1);
}

static void a_child_on_a_parents_number_has_no_identity_of_its_own(void **state)
{
	static const uint32_t children[] = {2, 3};

	(void)state;
	family();
	for (size_t i = 0; i < ARRAY_LEN(children); i++) {
		struct session *s;

		world.choice = children[i];
		s = world_session(SESSION_MODE_NORMAL);
		world_end(s, SESSION_STATE_REFUSED, VITALED_REASON_NO_OWN_IDENTITY);
	}
	assert_int_equal(world.asked[ASK_PREPARE], 0);
}

static void a_number_is_nobodys_when_birth_does_not_agree(void **state)
{
	static const struct {
		const char *birth;
		const char *nir;
	} rows[] = {
		{"19800014", NIR_ALICE},	 /* month unknown */
		{"19801314", "280135632100123"}, /* lunar: never */
		{"19810714", NIR_ALICE},
		{"19800814", NIR_ALICE},
		{"19800714", NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session *s;

		buf_reset(&vitale->people);
		play_person(vitale, "DUPONT", "ALICE", rows[i].birth, rows[i].nir, 1);
		s = world_session(SESSION_MODE_NORMAL);
		world_end(s, SESSION_STATE_REFUSED, VITALED_REASON_NO_OWN_IDENTITY);
	}
	/* two people whom one number fits: nobody's */
	buf_reset(&vitale->people);
	play_person(vitale, "DUPONT", "ALICE", "19800714", NIR_ALICE, 1);
	play_person(vitale, "DUPONT", "ALMA", "19800720", NIR_ALICE, 1);
	world_end(world_session(SESSION_MODE_NORMAL), SESSION_STATE_REFUSED,
		VITALED_REASON_NO_OWN_IDENTITY);
}

static void a_minor_is_said_to_be_one(void **state)
{
	struct session *s;

	(void)state;
	buf_reset(&vitale->people);
	play_person(vitale, "DUPONT", "EMMA", "20200314", "220035632100123", 0);
	s = unlock();
	assert_true(session_patient(s)->minor);
	assert_int_equal(session_patient(s)->rank, 0);
}

static json_t *wanted(const char *name, const char *number, const char *birth, int rank)
{
	json_t *j = json_pack("{s:s,s:s}", name, number, "birth-date", birth);

	if (rank >= 0) {
		assert_int_equal(json_set(j, "rank", json_integer(rank)), 0);
	}
	return j;
}

static void the_patient_on_the_callers_screen_selects_or_refuses(void **state)
{
	static const struct {
		const char *name;
		const char *number;
		const char *birth;
		int rank;
		enum vitaled_reason r;
		unsigned int asked;
	} rows[] = {
		{"nir", NIR_BRUNO, "1978-03-22", -1, VITALED_REASON_NONE, 0},
		{"nir", "1780356321001", "19780322", -1, VITALED_REASON_NONE, 0},
		{"ins", NIR_BRUNO, "1978-03-22", 1, VITALED_REASON_NONE, 0},
		{"nir", NIR_BRUNO, "1978-03-22", 2, VITALED_REASON_OTHER_PATIENT, 0},
		{"nir", NIR_BRUNO, "1978-03-23", -1, VITALED_REASON_OTHER_PATIENT, 0},
		{"nir", "178035632100146", "1978-03-22", -1, VITALED_REASON_OTHER_PATIENT, 0},
		{"nir", "1780356321002", "1978-03-22", -1, VITALED_REASON_OTHER_PATIENT, 0},
		{"nir", "17803563210", "1978-03-22", -1, VITALED_REASON_INVALID_ARGUMENT, 0},
		{"nir", NIR_BRUNO, "22.3.1978", -1, VITALED_REASON_INVALID_ARGUMENT, 0},
		{"nir", NIR_BRUNO, "1978-03", -1, VITALED_REASON_INVALID_ARGUMENT, 0},
		{"nin", NIR_BRUNO, "1978-03-22", -1, VITALED_REASON_INVALID_ARGUMENT, 0},
		/* twins: somebody must say which, and the other child is another patient */
		{"nir", NIR_ALICE, "2015-01-02", -1, VITALED_REASON_NO_OWN_IDENTITY, 1},
		{"nir", NIR_ALICE, "2015-01-02", 1, VITALED_REASON_NO_OWN_IDENTITY, 0},
	};

	(void)state;
	family();
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *j = wanted(rows[i].name, rows[i].number, rows[i].birth, rows[i].rank);
		const struct session_options o = {.patient = j};
		struct session *s;

		world.asked[ASK_PERSON] = 0;
		world.choice = 3;
		s = world_open(&o);
		json_decref(j);
		if (rows[i].r == VITALED_REASON_NONE) {
			world_reach(s, SESSION_STATE_UNLOCKED);
			session_end(s, VITALED_REASON_RELEASED);
		} else {
			world_end(s, state_of_end(SESSION_STEP_PEOPLE, rows[i].r), rows[i].r);
		}
		assert_int_equal(world.asked[ASK_PERSON], rows[i].asked);
		session_release(s);
	}
}

static void choosing_somebody_else_than_wanted_is_refused(void **state)
{
	json_t *j = wanted("nir", NIR_ALICE, "2015-01-02", -1);
	const struct session_options o = {.patient = j};

	(void)state;
	family();
	world.choice = 1; /* of the four, but only the twins were wanted */
	world_end(world_open(&o), SESSION_STATE_REFUSED, VITALED_REASON_OTHER_PATIENT);
	json_decref(j);
}

/* -- identity ------------------------------------------------------------------------------------ */

static void identity_needs_the_patients_card_alone_and_its_active_proof(void **state)
{
	struct session *s;
	json_t *j = NULL;

	(void)state;
	cps->in = false;
	s = world_session(SESSION_MODE_IDENTITY);
	world_reach(s, SESSION_STATE_UNLOCKED);
	assert_int_equal(session_proof(s), PROOF_ACTIVE);
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_string_equal(member(j, "given"), "ALICE");
	json_decref(j);
	assert_string_equal(session_patient(s)->pseudonym, "");
	assert_null(session_professional(s));
	assert_int_equal(world.asked[ASK_CONSENT] + world.asked[ASK_PIN] +
				 world.asked[ASK_PREPARE] + world.asked[ASK_UNLOCK],
		0);
	assert_int_equal(world_recorded(AUDIT_EVENT_IDENTITY_READ, "ok"), 1);
	assert_int_equal(world_recorded(AUDIT_EVENT_UNLOCKED, NULL), 0);
}

static void identity_of_one_of_several_is_chosen_after_the_proof(void **state)
{
	struct session *s;
	json_t *j = NULL;

	(void)state;
	family();
	cps->in = false;
	world.choice = 2; /* a child may be shown, though it has no dossier */
	s = world_session(SESSION_MODE_IDENTITY);
	world_reach(s, SESSION_STATE_UNLOCKED);
	assert_int_equal(session_patient_json(s, &j), 0);
	assert_string_equal(member(j, "given"), "CHLOE");
	json_decref(j);
	assert_int_equal(world_recorded(AUDIT_EVENT_PROOF, "ok"), 1);
}

static void a_card_without_our_certificate_is_shown_only_where_read_is_enough(void **state)
{
	struct session *s;

	(void)state;
	cps->in = false;
	vitale->no_certificate = true;
	world_end(world_session(SESSION_MODE_IDENTITY), SESSION_STATE_FAILED,
		VITALED_REASON_PROOF_TOO_WEAK); /* real: locked */
	world.config.required[NATURE_REAL] = PROOF_ACTIVE;
	world_end(world_session(SESSION_MODE_IDENTITY), SESSION_STATE_FAILED,
		VITALED_REASON_PROOF_TOO_WEAK);
	world.config.required[NATURE_REAL] = PROOF_READ;
	s = world_session(SESSION_MODE_IDENTITY);
	world_reach(s, SESSION_STATE_UNLOCKED);
	assert_int_equal(session_proof(s), PROOF_READ);
	assert_int_equal(session_patient(s)->nature, NATURE_UNKNOWN);
	session_release(s);
	/* and never with a simulated professional's */
	cps->in = true;
	play_in(cps);
	world_settle(300);
	world_end(world_session(SESSION_MODE_NORMAL), SESSION_STATE_FAILED,
		VITALED_REASON_NATURE_MIXED);
}

static void real_cards_unlock_with_read_where_the_administrator_wrote_it(void **state)
{
	struct receipt r;
	struct buf text = BUF_NULL(RECEIPT_MAX);
	struct session *s;

	(void)state;
	world.config.pin_lifetime = 0; /* so that each session reads the card anew */
	vitale->card = pki_card("real", 'V', FORGED_GOOD);
	cps->card = pki_card("real", 'P', FORGED_GOOD);
	vitale->no_certificate = true; /* neither has one of the stand-in */
	cps->no_certificate = true;
	world_end(world_session(SESSION_MODE_NORMAL), SESSION_STATE_FAILED,
		VITALED_REASON_PROOF_TOO_WEAK);
	assert_int_equal(world.asked[ASK_CONSENT], 0); /* not asked for nothing */
	world.config.required[NATURE_REAL] = PROOF_READ;
	s = unlock();
	assert_int_equal(session_proof(s), PROOF_READ);
	assert_int_equal(session_professional(s)->person.nature, NATURE_REAL);
	assert_int_equal(vitale->asked[CARD_OP_INTERNAL_AUTHENTICATE], 0);
	assert_int_equal(consent_receipt(world.consents, s, &text), 0);
	assert_int_equal(receipt_parse(buf_view(&text), &r), 0);
	assert_string_equal(member(json_object_get(r.parsed, "patient"), "proof"), "read");
	assert_int_equal(r.signature.len + r.certificate.len, 0);
	receipt_done(&r);
	buf_done(&text);
	session_release(s);
	/* a Vitale that can prove itself does not pair with one that cannot */
	vitale->no_certificate = false;
	world_end(world_session(SESSION_MODE_NORMAL), SESSION_STATE_FAILED,
		VITALED_REASON_NOT_TRUSTED);
	cps->no_certificate = false;
	world.config.required[NATURE_REAL] = PROOF_LOCKED;
	world_end(world_session(SESSION_MODE_NORMAL), SESSION_STATE_FAILED,
		VITALED_REASON_PROOF_TOO_WEAK);
	world.config.required[NATURE_REAL] = PROOF_MUTUAL;
	s = unlock();
	assert_int_equal(session_proof(s), PROOF_MUTUAL);
	session_release(s);
	/* how the chip's serial becomes the card number is not known of real cards; that both
	 * certificates have one number is */
	cps->card = pki_card("real", 'P', FORGED_TWO_CARDS);
	world_end(world_session(SESSION_MODE_NORMAL), SESSION_STATE_FAILED,
		VITALED_REASON_NOT_TRUSTED);
	cps->card = pki_card("real", 'P', FORGED_OTHER_CARD);
	session_release(unlock());
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(a_consultation_goes_from_cards_to_unlocked_and_locks_when_released),
		T(answers_may_come_later_as_well_as_at_once),
		T(every_step_stands_in_the_record),
		T(nobody_learns_of_the_patient_before_admission),
		T(what_may_be_seen_grows_with_the_steps),
		T(a_session_says_what_it_was_opened_with),
		T(one_of_several_people_is_chosen_by_the_agent),
		T(the_owner_may_choose_as_well_and_the_agent_is_stopped),
		T(a_child_on_a_parents_number_has_no_identity_of_its_own),
		T(a_number_is_nobodys_when_birth_does_not_agree),
		T(a_minor_is_said_to_be_one),
		T(the_patient_on_the_callers_screen_selects_or_refuses),
		T(choosing_somebody_else_than_wanted_is_refused),
		T(identity_needs_the_patients_card_alone_and_its_active_proof),
		T(identity_of_one_of_several_is_chosen_after_the_proof),
		T(a_card_without_our_certificate_is_shown_only_where_read_is_enough),
		T(real_cards_unlock_with_read_where_the_administrator_wrote_it),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
