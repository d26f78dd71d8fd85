/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The rules of rights_decide() one by one: what each refuses, which goes before which, and what is
 * allowed beside it. The matrix is in test-rights-matrix.c.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "tests/unit/dossier/rights-facts.h"

/* -- emergencies -------------------------------------------------------------------------------- */

static struct rights_facts in_emergency(enum rights_action action, enum session_mode mode)
{
	struct rights_facts f = facts(action);

	set_mode(&f, mode);
	return f;
}

static void an_emergency_has_rules_of_its_own(void **state)
{
	struct rights_facts f = in_emergency(RIGHTS_ACTION_READ, SESSION_MODE_BRIS_DE_GLACE);
	struct rights_facts open = in_emergency(RIGHTS_ACTION_OPEN, SESSION_MODE_BRIS_DE_GLACE);
	struct rights_facts normal = facts(RIGHTS_ACTION_READ);

	(void)state;
	assert_string_equal(decide(&f), "allow doctor");
	f.flags = RIGHTS_FLAG_MASQUE_PS;
	assert_string_equal(decide(&f), "deny masked");
	f.author = true; /* note 7 has no exception */
	assert_string_equal(decide(&f), "deny masked");
	f.author = false;
	f.masked_allowed = true;
	assert_string_equal(decide(&f), "allow doctor");
	f.action = RIGHTS_ACTION_MASK;
	assert_string_equal(decide(&f), "deny mode");
	f = in_emergency(RIGHTS_ACTION_READ, SESSION_MODE_BRIS_DE_GLACE);
	f.intents = SESSION_INTENT_FEED;
	assert_string_equal(decide(&f), "deny intent");
	f.proof = PROOF_ACTIVE;
	assert_string_equal(decide(&f), "deny proof");
	f.consented = false;
	f.authorised = true; /* a running authorisation is for consultations */
	assert_string_equal(decide(&f), "deny no-consent");
	f.opposed = true;
	assert_string_equal(decide(&f), "deny opposed");
	f.blocked = true;
	assert_string_equal(decide(&f), "deny blocked");
	f.sector = "SA13";
	assert_string_equal(decide(&f), "deny mode");
	f.card_type = 3;
	assert_string_equal(decide(&f), "deny role-forbidden");
	/* how often counts where one begins, and not while one is open */
	open.emergencies = 4;
	assert_string_equal(decide(&open), "allow doctor");
	open.emergencies = 5;
	assert_string_equal(decide(&open), "deny rate");
	open.action = RIGHTS_ACTION_READ;
	assert_string_equal(decide(&open), "allow doctor");
	open.action = RIGHTS_ACTION_OPEN;
	open.mode = SESSION_MODE_CENTRE_15;
	assert_string_equal(decide(&open), "allow doctor");
	open.regulation = false;
	assert_string_equal(decide(&open), "deny regulation");
	open.mode = SESSION_MODE_NORMAL;
	assert_string_equal(decide(&open), "allow doctor");
	/* what is only for emergencies changes nothing else */
	normal.opposed = true;
	assert_string_equal(decide(&normal), "allow doctor");
}

static void who_has_no_column_in_an_emergency_opens_none(void **state)
{
	struct rights_facts f = in_emergency(RIGHTS_ACTION_OPEN, SESSION_MODE_BRIS_DE_GLACE);

	(void)state;
	f.sector = "SA13";
	assert_string_equal(decide(&f), "deny mode");
	f.sector = "SA01";
	f.card_type = 2;
	assert_string_equal(decide(&f), "deny mode");
	f.indirect = true;
	assert_string_equal(decide(&f), "deny mode");
	f.mode = SESSION_MODE_CENTRE_15;
	assert_string_equal(decide(&f), "allow structure");
	f.regulation = false;
	assert_string_equal(decide(&f), "deny regulation");
}

static void what_is_locked_nothing_opens(void **state)
{
	struct rights_facts f = in_emergency(RIGHTS_ACTION_READ, SESSION_MODE_BRIS_DE_GLACE);

	(void)state;
	f.required = PROOF_LOCKED;
	assert_string_equal(decide(&f), "deny proof");
	f.absent = true;
	assert_string_equal(decide(&f), "deny proof");
	f = facts(RIGHTS_ACTION_TREATING_DOCTOR_LEAVE);
	f.treating_doctor = true;
	f.required = PROOF_LOCKED;
	assert_string_equal(decide(&f), "deny proof");
}

/* -- without the patient's card, or without them -------------------------------------------------- */

static void without_the_card_only_what_was_agreed_before_opens(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_READ);

	(void)state;
	f.absent = true;
	f.proof = PROOF_NONE;
	assert_string_equal(decide(&f), "deny proof");
	f.authorised = true;
	f.authorised_told = true;
	assert_string_equal(decide(&f), "allow doctor");
	f.consented = false;
	assert_string_equal(decide(&f), "allow doctor");
	/* what gives more away is agreed to now, with the card */
	f.action = RIGHTS_ACTION_AUTHORISE;
	f.self = true;
	f.has_until = true;
	assert_string_equal(decide(&f), "deny no-consent");
	f.consented = true;
	assert_string_equal(decide(&f), "deny proof");
	f = in_emergency(RIGHTS_ACTION_READ, SESSION_MODE_CENTRE_15);
	f.absent = true;
	f.proof = PROOF_NONE;
	assert_string_equal(decide(&f), "allow doctor");
}

static void the_day_of_a_consultation_lets_feed_and_never_read(void **state)
{
	static const enum rights_action feeding[] = {RIGHTS_ACTION_ADD, RIGHTS_ACTION_REPLACE};

	(void)state;
	for (size_t i = 0; i < RIGHTS_ACTION_COUNT; i++) {
		struct rights_facts f = facts((enum rights_action)i);

		f.absent = true;
		f.proof = PROOF_NONE;
		f.consented = false;
		f.fed_today = true;
		f.fed_told = true;
		f.author = true;
		assert_string_equal(decide(&f),
			i == RIGHTS_ACTION_OPEN || i == feeding[0] || i == feeding[1]
				? "allow author"
			: i == RIGHTS_ACTION_TREATING_DOCTOR_LEAVE || i == RIGHTS_ACTION_IMPORT
				? "deny role-forbidden"
				: "deny no-consent");
		f.fed_today = false;
		if (i == feeding[0] || i == feeding[1]) {
			assert_string_equal(decide(&f), "deny no-consent");
		}
		f.fed_today = true;
		/* with the card in, the patient is asked */
		f.absent = false;
		f.proof = PROOF_MUTUAL;
		if (i == feeding[0] || i == feeding[1]) {
			assert_string_equal(decide(&f), "deny no-consent");
		}
	}
}

static void what_the_patient_was_not_told_opens_with_their_card_alone(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_READ);

	(void)state;
	f.consented = false;
	f.authorised = true;
	assert_string_equal(decide(&f), "allow doctor");
	f.absent = true;
	f.proof = PROOF_NONE;
	assert_string_equal(decide(&f), "deny not-told-without-card");
	f.consented = true;
	assert_string_equal(decide(&f), "deny not-told-without-card");
	f.consented = false;
	/* the day of feeding is another matter than an authorisation */
	f.fed_today = true;
	f.fed_told = true;
	assert_string_equal(decide(&f), "deny not-told-without-card");
	f.action = RIGHTS_ACTION_ADD;
	assert_string_equal(decide(&f), "allow doctor");
	f.authorised_told = true;
	f.fed_told = false;
	assert_string_equal(decide(&f), "allow doctor");
	f.authorised = false; /* what it told is gone with it */
	assert_string_equal(decide(&f), "deny not-told-without-card");
	f.authorised = true;
	f.authorised_told = false;
	f.fed_today = false;
	f.fed_told = true;
	assert_string_equal(decide(&f), "deny not-told-without-card");
	/* what needs no consent goes on, what needs one of its own is not there */
	f.action = RIGHTS_ACTION_TREATING_DOCTOR_LEAVE;
	f.treating_doctor = true;
	assert_string_equal(decide(&f), "allow treating-doctor");
	f.action = RIGHTS_ACTION_AUTHORISE;
	assert_string_equal(decide(&f), "deny no-consent");
}

static void allowed_names_the_role(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_READ);

	(void)state;
	assert_string_equal(decide(&f), "allow doctor");
	f.treating_doctor = true;
	assert_string_equal(decide(&f), "allow treating-doctor");
	f.profession = 21;
	assert_string_equal(decide(&f), "allow professional");
	f.author = true;
	assert_string_equal(decide(&f), "allow author");
	f = facts(RIGHTS_ACTION_LIST);
	f.speciality = "SM25";
	assert_string_equal(decide(&f), "allow occupational");
	f.treating_doctor = true;
	assert_string_equal(decide(&f), "allow occupational");
	f = facts(RIGHTS_ACTION_OPEN);
	f.mode = SESSION_MODE_IDENTITY;
	assert_string_equal(decide(&f), "allow identity");
}

/* -- refusals ----------------------------------------------------------------------------------- */

static void forbidden_sectors_are_refused_before_all_else(void **state)
{
	static const char *const never[] = {"SA11", "SA14", "SA18", "SA19", "SA20", "SA22",
		"SA23", "SA24", "SA26", "SA27", "SA31", "SA32", "SA35", "SA41", "SA43", "SA44",
		"SA45", "SA46", "SA48", "SA49", "SA53", "SA55", "SA57", "SA58", "SA60", "SA61",
		"SA62", "SA63", "SA64", "SA99", "", "sa07", "SA07 "};
	static const char *const care[] = {"SA01", "SA02", "SA03", "SA04", "SA05", "SA06",
		"SA07", "SA08", "SA09", "SA10", "SA12", "SA15", "SA16", "SA17", "SA21", "SA25",
		"SA28", "SA29", "SA30", "SA33", "SA34", "SA36", "SA37", "SA38", "SA39", "SA40",
		"SA42", "SA47", "SA50", "SA51", "SA52", "SA54", "SA56", "SA59"};

	(void)state;
	for (size_t a = 0; a < RIGHTS_ACTION_COUNT; a++) {
		struct rights_facts f = facts((enum rights_action)a);

		for (size_t i = 0; i < ARRAY_LEN(never); i++) {
			f.sector = never[i];
			assert_string_equal(decide(&f), "deny forbidden-sector");
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(care); i++) {
		struct rights_facts f = facts(RIGHTS_ACTION_READ);

		f.sector = care[i];
		assert_string_equal(decide(&f), "allow doctor");
	}
}

static void identity_opens_nothing_of_a_dossier(void **state)
{
	(void)state;
	for (size_t a = 0; a < RIGHTS_ACTION_COUNT; a++) {
		struct rights_facts f = facts((enum rights_action)a);

		f.mode = SESSION_MODE_IDENTITY;
		f.sector = "";
		f.card_type = 2;
		f.profession = 0;
		assert_string_equal(
			decide(&f), a == RIGHTS_ACTION_OPEN ? "allow identity" : "deny mode");
		f.sector = "SA23";
		assert_string_equal(decide(&f), "deny forbidden-sector");
	}
}

static void cards_that_are_no_professional_of_care_are_refused(void **state)
{
	static const struct {
		uint8_t card;
		uint8_t profession;
	} vectors[] = {{3, 10}, {4, 10}, {255, 10}, {0, 0}, {0, 11}, {0, 255}, {1, 99}};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct rights_facts f = facts(RIGHTS_ACTION_OPEN);

		f.card_type = vectors[i].card;
		f.profession = vectors[i].profession;
		assert_string_equal(decide(&f), "deny role-forbidden");
		f.action = RIGHTS_ACTION_READ;
		assert_string_equal(decide(&f), "deny role-forbidden");
	}
}

static void doctor_in_training_is_no_doctor(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_READ);

	(void)state;
	f.card_type = 1;
	f.treating_doctor = true;
	assert_string_equal(decide(&f), "allow professional");
	f.flags = RIGHTS_FLAG_MASQUE_PS;
	assert_string_equal(decide(&f), "deny masked");
}

static void session_rules_refuse_in_their_order(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_READ);

	(void)state;
	f.intents = SESSION_INTENT_FEED | SESSION_INTENT_CREATE;
	assert_string_equal(decide(&f), "deny intent");
	f.proof = PROOF_ACTIVE;
	assert_string_equal(decide(&f), "deny proof");
	f.consented = false;
	assert_string_equal(decide(&f), "deny no-consent");
	f.blocked = true;
	assert_string_equal(decide(&f), "deny blocked");
	f.consented = true;
	f.authorised = true;
	f.treating_doctor = true;
	f.author = true;
	assert_string_equal(decide(&f), "deny blocked");
	f = facts(RIGHTS_ACTION_READ);
	f.consented = false;
	f.authorised = true;
	assert_string_equal(decide(&f), "allow doctor");
	f.required = PROOF_LOCKED;
	assert_string_equal(decide(&f), "deny proof");
}

static void each_action_needs_its_intent(void **state)
{
	static const struct {
		enum rights_action action;
		unsigned int intent;
	} vectors[] = {
		{RIGHTS_ACTION_CREATE, SESSION_INTENT_CREATE},
		{RIGHTS_ACTION_SUMMARY, SESSION_INTENT_CONSULT},
		{RIGHTS_ACTION_LIST, SESSION_INTENT_CONSULT},
		{RIGHTS_ACTION_READ, SESSION_INTENT_CONSULT},
		{RIGHTS_ACTION_ADD, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_MASK, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_UNMASK, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_SHOW_PATIENT, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_HIDE_PATIENT, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_SHOW_REPRESENTATIVES, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_HIDE_REPRESENTATIVES, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_REPLACE, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_ARCHIVE, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_UNARCHIVE, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_DELETE, SESSION_INTENT_FEED},
		{RIGHTS_ACTION_AUTHORISE, SESSION_INTENT_AUTHORISE},
		{RIGHTS_ACTION_BLOCK, SESSION_INTENT_AUTHORISE},
		{RIGHTS_ACTION_UNBLOCK, SESSION_INTENT_AUTHORISE},
		{RIGHTS_ACTION_TREATING_DOCTOR_TAKE, SESSION_INTENT_TREATING_DOCTOR},
		{RIGHTS_ACTION_OPPOSE, SESSION_INTENT_OPPOSE},
		{RIGHTS_ACTION_UNOPPOSE, SESSION_INTENT_OPPOSE},
		{RIGHTS_ACTION_ALLOW_MASKED, SESSION_INTENT_OPPOSE},
		{RIGHTS_ACTION_REOPEN, SESSION_INTENT_CREATE},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct rights_facts f = facts(vectors[i].action);

		f.author = true;
		f.self = true;
		f.code = true;
		f.has_until = true;
		f.treating_doctor = true;
		f.intents = vectors[i].intent;
		assert_string_equal(decide(&f), "allow author");
		f.intents = ~vectors[i].intent & EVERY_INTENT;
		assert_string_equal(decide(&f), "deny intent");
	}
}

static void document_rules_are_told_apart(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_READ);

	(void)state;
	f.flags = RIGHTS_FLAG_MASQUE_PS;
	assert_string_equal(decide(&f), "deny masked");
	f.action = RIGHTS_ACTION_UNMASK;
	assert_string_equal(decide(&f), "deny not-author");
	f.action = RIGHTS_ACTION_SHOW_PATIENT;
	assert_string_equal(decide(&f), "deny masked");
	f.action = RIGHTS_ACTION_READ;
	f.sector = "SA13";
	assert_string_equal(decide(&f), "deny role-forbidden");
	f.author = true;
	assert_string_equal(decide(&f), "deny role-forbidden");
}

static void a_professional_speaks_for_themselves_only(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_AUTHORISE);

	(void)state;
	assert_string_equal(decide(&f), "deny not-self");
	f.self = true;
	assert_string_equal(decide(&f), "deny no-end");
	f.has_until = true;
	assert_string_equal(decide(&f), "allow doctor");
	f.action = RIGHTS_ACTION_REVOKE; /* whatever the patient was asked */
	f.intents = 0;
	f.has_until = false;
	assert_string_equal(decide(&f), "allow doctor");
	f.self = false;
	assert_string_equal(decide(&f), "deny not-self");
	/* leaving the role needs no consent, taking it one of its own */
	f.action = RIGHTS_ACTION_TREATING_DOCTOR_LEAVE;
	f.treating_doctor = true;
	f.consented = false;
	assert_string_equal(decide(&f), "allow treating-doctor");
	f.action = RIGHTS_ACTION_TREATING_DOCTOR_TAKE;
	f.authorised = true;
	assert_string_equal(decide(&f), "deny no-consent");
	f.consented = true;
	assert_string_equal(decide(&f), "deny intent");
	f.intents = EVERY_INTENT;
	assert_string_equal(decide(&f), "allow treating-doctor");
}

static void a_mode_that_is_none_opens_nothing(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_OPEN);

	(void)state;
	f.mode = SESSION_MODE_COUNT;
	assert_string_equal(decide(&f), "deny mode");
}

static void words_and_labels(void **state)
{
	(void)state;
	assert_string_equal(rights_action_word(RIGHTS_ACTION_IMPORT), "import");
	assert_string_equal(rights_flag_word(RIGHTS_FLAG_MASQUE_PS), "masque_ps");
	assert_string_equal(
		rights_flag_word(RIGHTS_FLAG_INVISIBLE_PATIENT), "invisible_patient");
	assert_null(rights_flag_word((enum rights_flag)3));
	assert_int_equal(rights_flag_of("invisible_representants_legaux"),
		RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX);
	assert_int_equal(rights_flag_of("masque"), 0);
	assert_string_equal(rights_profession_label(rights, 10), "médecin");
	assert_string_equal(rights_profession_label(rights, 11), "");
	assert_null(rights_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test(name)
		T(allowed_names_the_role),
		T(an_emergency_has_rules_of_its_own),
		T(who_has_no_column_in_an_emergency_opens_none),
		T(what_is_locked_nothing_opens),
		T(without_the_card_only_what_was_agreed_before_opens),
		T(the_day_of_a_consultation_lets_feed_and_never_read),
		T(what_the_patient_was_not_told_opens_with_their_card_alone),
		T(a_professional_speaks_for_themselves_only),
		T(a_mode_that_is_none_opens_nothing),
		T(forbidden_sectors_are_refused_before_all_else),
		T(identity_opens_nothing_of_a_dossier),
		T(cards_that_are_no_professional_of_care_are_refused),
		T(doctor_in_training_is_no_doctor),
		T(session_rules_refuse_in_their_order),
		T(each_action_needs_its_intent),
		T(document_rules_are_told_apart),
		T(words_and_labels),
	};

	json_setup();
	return cmocka_run_group_tests(tests, load, unload);
}
