/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * rights_decide() against the matrix M526, column by column and line by line, as it stands in
 * doc/rights.md; then every rule that refuses.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include "daemon/consent/rights.h"

static struct rights *rights;

static int load(void **state)
{
	(void)state;
	return rights_new(RIGHTS_DATA, &rights);
}

static int unload(void **state)
{
	(void)state;
	rights = rights_free(rights);
	return 0;
}

/* a general practitioner in SA07, consent for everything, proof mutual */
static struct rights_facts facts(enum rights_action action)
{
	return (struct rights_facts){
		.action = action,
		.mode = SESSION_MODE_NORMAL,
		.intents = SESSION_INTENT_CONSULT | SESSION_INTENT_FEED | SESSION_INTENT_CREATE,
		.card_type = 0,
		.profession = 10,
		.speciality = "SM54",
		.sector = "SA07",
		.consented = true,
		.type = "consultation",
		.proof = PROOF_MUTUAL,
		.required = PROOF_MUTUAL,
	};
}

static const char *decide(const struct rights_facts *f)
{
	static char text[64];
	const char *rule = NULL;
	enum rights_decision d = rights_decide(rights, f, &rule);

	assert_non_null(rule);
	(void)snprintf(text, sizeof(text), "%s %s", d == RIGHTS_ALLOW ? "allow" : "deny", rule);
	return text;
}

/* -- the matrix --------------------------------------------------------------------------------- */

enum column {
	COLUMN_PS = 0,
	COLUMN_DR,
	COLUMN_MT,
	COLUMN_OCC,
	COLUMN_COUNT,
};

static struct rights_facts in_column(enum rights_action action, enum column c)
{
	struct rights_facts f = facts(action);

	switch (c) {
	case COLUMN_PS:
		f.profession = 60;
		break;
	case COLUMN_DR:
		break;
	case COLUMN_MT:
		f.treating_doctor = true;
		break;
	case COLUMN_OCC:
		f.sector = "SA13";
		break;
	case COLUMN_COUNT:
		break;
	}
	return f;
}

/* y: yes; o: one's own documents only; -: no. Columns PS, Dr, MT, Occ; doc/rights.md */
static const struct {
	enum rights_action action;
	const char *visible; /* documents without masque_ps, or no document at all */
	const char *masked;
} matrix[] = {
	{RIGHTS_ACTION_OPEN, "yyyy", "yyyy"},
	{RIGHTS_ACTION_CREATE, "yyy-", "yyy-"},
	{RIGHTS_ACTION_SUMMARY, "yyy-", "ooy-"},
	{RIGHTS_ACTION_LIST, "yyyy", "ooyo"},
	{RIGHTS_ACTION_READ, "yyy-", "ooy-"},
	{RIGHTS_ACTION_ADD, "yyyy", "yyyy"},
	{RIGHTS_ACTION_MASK, "yyyy", "ooyo"},
	{RIGHTS_ACTION_UNMASK, "ooyo", "ooyo"},
	{RIGHTS_ACTION_SHOW_PATIENT, "yyyy", "ooyo"},
	{RIGHTS_ACTION_HIDE_PATIENT, "ooyo", "ooyo"},
	{RIGHTS_ACTION_HISTORY, "yyyy", "yyyy"},
};

static bool allowed(struct rights_facts f, bool author, unsigned int flags)
{
	const char *rule;

	f.author = author;
	f.flags = flags;
	return rights_decide(rights, &f, &rule) == RIGHTS_ALLOW;
}

static void every_cell_of_the_matrix_is_as_its_source_says(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(matrix), RIGHTS_ACTION_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(matrix); i++) {
		for (size_t c = 0; c < COLUMN_COUNT; c++) {
			struct rights_facts f = in_column(matrix[i].action, (enum column)c);
			char visible = matrix[i].visible[c];
			char masked = matrix[i].masked[c];

			assert_int_equal(allowed(f, false, 0), visible == 'y');
			assert_int_equal(allowed(f, true, 0), visible != '-');
			/* hidden from the patient is not hidden from professionals */
			assert_int_equal(
				allowed(f, false,
					RIGHTS_FLAG_INVISIBLE_PATIENT |
						RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX),
				visible == 'y');
			assert_int_equal(
				allowed(f, false, RIGHTS_FLAG_MASQUE_PS), masked == 'y');
			assert_int_equal(
				allowed(f, true, RIGHTS_FLAG_MASQUE_PS), masked != '-');
		}
	}
}

/* -- emergencies -------------------------------------------------------------------------------- */

/* The same for both modes and for every role but the occupational doctor, who has no such column. */
static const struct {
	enum rights_action action;
	bool visible;
	bool masked;
} emergencies[] = {
	{RIGHTS_ACTION_OPEN, true, true},
	{RIGHTS_ACTION_CREATE, false, false},
	{RIGHTS_ACTION_SUMMARY, true, false},
	{RIGHTS_ACTION_LIST, true, false},
	{RIGHTS_ACTION_READ, true, false},
	{RIGHTS_ACTION_ADD, true, true},
	{RIGHTS_ACTION_MASK, false, false},
	{RIGHTS_ACTION_UNMASK, false, false},
	{RIGHTS_ACTION_SHOW_PATIENT, false, false},
	{RIGHTS_ACTION_HIDE_PATIENT, false, false},
	{RIGHTS_ACTION_HISTORY, true, true},
};

static const enum session_mode emergency_modes[] = {
	SESSION_MODE_BRIS_DE_GLACE, SESSION_MODE_CENTRE_15};

static struct rights_facts in_emergency(
	enum rights_action action, enum column c, enum session_mode mode)
{
	struct rights_facts f = in_column(action, c);

	f.mode = mode;
	f.regulation = true;
	f.emergencies_max = 5;
	return f;
}

static void every_cell_of_an_emergency_is_as_its_source_says(void **state)
{
	(void)state;
	assert_int_equal(ARRAY_LEN(emergencies), RIGHTS_ACTION_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(emergencies); i++) {
		for (size_t k = 0; k < ARRAY_LEN(emergency_modes) * COLUMN_COUNT; k++) {
			enum column c = (enum column)(k / 2);
			struct rights_facts f =
				in_emergency(emergencies[i].action, c, emergency_modes[k % 2]);
			bool some = c != COLUMN_OCC;

			assert_int_equal(allowed(f, false, 0), some && emergencies[i].visible);
			assert_int_equal(allowed(f, true, 0), some && emergencies[i].visible);
			assert_int_equal(allowed(f, false, RIGHTS_FLAG_MASQUE_PS),
				some && emergencies[i].masked);
			assert_int_equal(allowed(f, true, RIGHTS_FLAG_MASQUE_PS),
				some && emergencies[i].masked);
			f.absent = true;
			f.proof = PROOF_NONE;
			assert_int_equal(allowed(f, false, 0), some && emergencies[i].visible);
		}
	}
}

static const char *decide_emergency(struct rights_facts f)
{
	return decide(&f);
}

static void an_emergency_has_rules_of_its_own(void **state)
{
	struct rights_facts f =
		in_emergency(RIGHTS_ACTION_READ, COLUMN_DR, SESSION_MODE_BRIS_DE_GLACE);
	struct rights_facts open =
		in_emergency(RIGHTS_ACTION_OPEN, COLUMN_DR, SESSION_MODE_BRIS_DE_GLACE);
	struct rights_facts normal = facts(RIGHTS_ACTION_READ);

	(void)state;
	assert_string_equal(decide_emergency(f), "allow doctor");
	f.flags = RIGHTS_FLAG_MASQUE_PS;
	assert_string_equal(decide_emergency(f), "deny masked");
	f.action = RIGHTS_ACTION_MASK;
	assert_string_equal(decide_emergency(f), "deny mode");
	f = in_emergency(RIGHTS_ACTION_READ, COLUMN_DR, SESSION_MODE_BRIS_DE_GLACE);
	f.intents = SESSION_INTENT_FEED;
	assert_string_equal(decide_emergency(f), "deny intent");
	f.proof = PROOF_ACTIVE;
	assert_string_equal(decide_emergency(f), "deny proof");
	f.consented = false;
	f.authorised = true; /* a running authorisation is for consultations */
	assert_string_equal(decide_emergency(f), "deny no-consent");
	f.opposed = true;
	assert_string_equal(decide_emergency(f), "deny opposed");
	f.blocked = true;
	assert_string_equal(decide_emergency(f), "deny blocked");
	f.sector = "SA13";
	assert_string_equal(decide_emergency(f), "deny mode");
	f.card_type = 2;
	assert_string_equal(decide_emergency(f), "deny role-forbidden");
	/* how often counts where one begins, and not while one is open */
	open.emergencies = 4;
	assert_string_equal(decide_emergency(open), "allow doctor");
	open.emergencies = 5;
	assert_string_equal(decide_emergency(open), "deny rate");
	open.action = RIGHTS_ACTION_READ;
	assert_string_equal(decide_emergency(open), "allow doctor");
	open.action = RIGHTS_ACTION_OPEN;
	open.mode = SESSION_MODE_CENTRE_15;
	assert_string_equal(decide_emergency(open), "allow doctor");
	open.regulation = false;
	assert_string_equal(decide_emergency(open), "deny regulation");
	open.mode = SESSION_MODE_NORMAL;
	assert_string_equal(decide_emergency(open), "allow doctor");
	/* what is only for emergencies changes nothing else */
	normal.opposed = true;
	assert_string_equal(decide_emergency(normal), "allow doctor");
	normal.absent = true;
	assert_string_equal(decide_emergency(normal), "deny proof");
}

static void what_is_locked_no_emergency_opens(void **state)
{
	struct rights_facts f =
		in_emergency(RIGHTS_ACTION_READ, COLUMN_DR, SESSION_MODE_BRIS_DE_GLACE);

	(void)state;
	f.required = PROOF_LOCKED;
	assert_string_equal(decide_emergency(f), "deny proof");
	f.absent = true;
	assert_string_equal(decide_emergency(f), "deny proof");
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
	} vectors[] = {
		{2, 10}, {3, 10}, {4, 10}, {255, 10}, {0, 0}, {0, 11}, {0, 255}, {1, 99}};

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
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct rights_facts f = facts(vectors[i].action);

		f.author = true;
		f.intents = vectors[i].intent;
		assert_string_equal(decide(&f), "allow author");
		f.intents = ~vectors[i].intent & 7U;
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

static void words_and_labels(void **state)
{
	(void)state;
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
		cmocka_unit_test(every_cell_of_the_matrix_is_as_its_source_says),
		cmocka_unit_test(allowed_names_the_role),
		cmocka_unit_test(every_cell_of_an_emergency_is_as_its_source_says),
		cmocka_unit_test(an_emergency_has_rules_of_its_own),
		cmocka_unit_test(what_is_locked_no_emergency_opens),
		cmocka_unit_test(forbidden_sectors_are_refused_before_all_else),
		cmocka_unit_test(identity_opens_nothing_of_a_dossier),
		cmocka_unit_test(cards_that_are_no_professional_of_care_are_refused),
		cmocka_unit_test(doctor_in_training_is_no_doctor),
		cmocka_unit_test(session_rules_refuse_in_their_order),
		cmocka_unit_test(each_action_needs_its_intent),
		cmocka_unit_test(document_rules_are_told_apart),
		cmocka_unit_test(words_and_labels),
	};

	json_setup();
	return cmocka_run_group_tests(tests, load, unload);
}
