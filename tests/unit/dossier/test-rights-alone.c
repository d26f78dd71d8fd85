/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * rights_decide() outside consultations and emergencies: administration (a desk of the fund or of a
 * structure, and the insurer's feed) and the patient alone.
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

/* -- administration ----------------------------------------------------------------------------- */

static struct rights_facts at_the_desk(
	enum rights_action action, uint8_t card, const char *sector)
{
	struct rights_facts f = facts(action);

	set_mode(&f, SESSION_MODE_ADMINISTRATION);
	f.card_type = card;
	f.profession = 0;
	f.speciality = "";
	f.sector = sector;
	return f;
}

static void an_agent_of_the_fund_is_a_cpa_or_a_cpe_of_sa24(void **state)
{
	static const struct {
		uint8_t card;
		uint8_t profession;
		const char *sector;
		const char *answer;
	} rows[] = {
		{3, 0, "SA24", "allow agent"},
		{2, 0, "SA24", "allow agent"},
		{3, 0, "SA01", "allow agent"},
		{2, 0, "SA05", "allow employee"},
		{0, 10, "SA07", "allow professional"},
		{0, 60, "SA07", "allow professional"},
		{0, 10, "SA24", "deny forbidden-sector"},
		{3, 0, "SA23", "deny forbidden-sector"},
		{2, 0, "SA26", "deny forbidden-sector"},
		{3, 0, "", "deny forbidden-sector"},
		{1, 10, "SA07", "deny role-forbidden"},
		{0, 11, "SA07", "deny role-forbidden"},
		{4, 10, "SA07", "deny role-forbidden"},
		{2, 0, "SA13", "deny role-forbidden"},
		{3, 0, "SA13", "deny role-forbidden"},
		{0, 10, "SA13", "deny mode"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct rights_facts f =
			at_the_desk(RIGHTS_ACTION_CREATE, rows[i].card, rows[i].sector);

		f.profession = rows[i].profession;
		assert_string_equal(decide(&f), rows[i].answer);
		/* and in no other mode does the fund come near a dossier */
		f.mode = SESSION_MODE_NORMAL;
		if (strcmp(rows[i].answer, "allow agent") == 0) {
			assert_string_equal(decide(&f), strcmp(f.sector, "SA24") == 0
								? "deny forbidden-sector"
								: "deny role-forbidden");
		}
	}
}

static void closing_and_lifting_an_opposition_need_the_code(void **state)
{
	struct rights_facts f = at_the_desk(RIGHTS_ACTION_CLOSE, 3, "SA24");

	(void)state;
	assert_string_equal(decide(&f), "deny code");
	f.code = true;
	assert_string_equal(decide(&f), "allow agent");
	f.intents = SESSION_INTENT_OPPOSE; /* closing is what the patient was asked for */
	assert_string_equal(decide(&f), "deny intent");
	f.intents = SESSION_INTENT_CLOSE;
	assert_string_equal(decide(&f), "allow agent");
	f.action =
		RIGHTS_ACTION_ACTIVATION_CODE; /* nor is a code for their dossier made by the way */
	assert_string_equal(decide(&f), "deny intent");
	f.intents = SESSION_INTENT_CODE;
	f.code = false;
	assert_string_equal(decide(&f), "allow agent");
	f.code = true;
	f.intents = EVERY_INTENT;
	f.action = RIGHTS_ACTION_UNOPPOSE;
	assert_string_equal(decide(&f), "allow agent");
	f.code = false;
	assert_string_equal(decide(&f), "deny code");
	f.action = RIGHTS_ACTION_ALLOW_MASKED;
	assert_string_equal(decide(&f), "allow agent");
	f.action = RIGHTS_ACTION_OPPOSE;
	assert_string_equal(decide(&f), "allow agent");
	f.intents = SESSION_INTENT_CREATE;
	assert_string_equal(decide(&f), "deny intent");
	f.action = RIGHTS_ACTION_READ;
	f.intents = EVERY_INTENT;
	assert_string_equal(decide(&f), "deny mode");
	f.consented = false;
	f.authorised = true;
	assert_string_equal(decide(&f), "deny no-consent");
	f.blocked = true;
	assert_string_equal(decide(&f), "deny blocked");
	f = facts(RIGHTS_ACTION_UNOPPOSE);
	assert_string_equal(decide(&f), "deny code");
}

static void a_feed_that_the_insurer_signed_is_imported_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < RIGHTS_ACTION_COUNT; i++) {
		struct rights_facts f = {
			.action = (enum rights_action)i,
			.mode = SESSION_MODE_ADMINISTRATION,
			.speciality = "",
			.sector = "",
			.feeder = true,
			.consented = true,
			.blocked = true,
			.code = true,
			.intents = EVERY_INTENT,
		};

		assert_string_equal(decide(&f),
			i == RIGHTS_ACTION_OPEN || i == RIGHTS_ACTION_IMPORT ? "allow feeder"
									     : "deny mode");
		f.mode = SESSION_MODE_NORMAL;
		assert_string_equal(decide(&f), "deny role-forbidden");
	}
}

static void what_the_insurer_fed_is_read_only(void **state)
{
	struct rights_facts f = facts(RIGHTS_ACTION_MASK);

	(void)state;
	f.author_kind = RIGHTS_AUTHOR_INSURER;
	f.author = true;
	f.treating_doctor = true;
	assert_string_equal(decide(&f), "deny read-only");
	f.action = RIGHTS_ACTION_READ;
	assert_string_equal(decide(&f), "allow author");
	f.action = RIGHTS_ACTION_DELETE;
	f.author_kind = RIGHTS_AUTHOR_PATIENT;
	f.treating_doctor = false;
	assert_string_equal(decide(&f), "deny patients-own");
}

/* -- the patient alone -------------------------------------------------------------------------- */

static struct rights_facts alone(enum rights_action action)
{
	return (struct rights_facts){
		.action = action,
		.mode = SESSION_MODE_PATIENT,
		.card_type = UINT8_MAX,
		.speciality = "",
		.sector = "",
		.holder = true,
		.code = true,
		.consented = true,
		.proof = PROOF_ACTIVE,
		.required = PROOF_READ,
	};
}

static void the_card_alone_opens_nothing_for_the_patient(void **state)
{
	struct rights_facts f = alone(RIGHTS_ACTION_READ);

	(void)state;
	assert_string_equal(decide(&f), "allow patient");
	f.proof = PROOF_READ; /* though it would do in a consultation */
	assert_string_equal(decide(&f), "deny proof");
	f.proof = PROOF_ACTIVE;
	f.required = PROOF_MUTUAL;
	assert_string_equal(decide(&f), "deny proof");
	f = alone(RIGHTS_ACTION_READ);
	f.code = false;
	assert_string_equal(decide(&f), "deny code");
	f = alone(RIGHTS_ACTION_READ);
	f.absent = true;
	assert_string_equal(decide(&f), "deny proof");
	f = alone(RIGHTS_ACTION_READ);
	f.consented = false;
	f.authorised = true;
	assert_string_equal(decide(&f), "deny no-consent");
	/* blocks and oppositions are about others; the answer does not wear a professional's name */
	f = alone(RIGHTS_ACTION_READ);
	f.blocked = true;
	f.opposed = true;
	f.author = true;
	assert_string_equal(decide(&f), "allow patient");
}

static void only_the_cards_holder_and_a_minor_through_them(void **state)
{
	struct rights_facts f = alone(RIGHTS_ACTION_READ);

	(void)state;
	f.holder = false;
	assert_string_equal(decide(&f), "deny not-holder"); /* merely listed on the card */
	f.age = RIGHTS_AGE_MINOR;
	assert_string_equal(
		decide(&f), "deny not-holder"); /* at the counter without a parent */
	f.representative = true;
	assert_string_equal(decide(&f), "allow representative");
	f.age = RIGHTS_AGE_ADULT;
	assert_string_equal(decide(&f), "deny not-holder");
	f.age = RIGHTS_AGE_MINOR;
	f.holder = true; /* with a card of their own */
	assert_string_equal(decide(&f), "allow patient");
}

static void what_is_hidden_from_the_patients_side_is_told_apart(void **state)
{
	struct rights_facts f = alone(RIGHTS_ACTION_READ);

	(void)state;
	f.flags = RIGHTS_FLAG_MASQUE_PS | RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX;
	assert_string_equal(decide(&f), "allow patient");
	f.flags = RIGHTS_FLAG_INVISIBLE_PATIENT;
	assert_string_equal(decide(&f), "deny invisible");
	f.holder = false;
	f.representative = true;
	f.age = RIGHTS_AGE_MINOR;
	assert_string_equal(decide(&f), "deny invisible");
	f.flags = RIGHTS_FLAG_INVISIBLE_REPRESENTANTS_LEGAUX; /* hidden from parents */
	assert_string_equal(decide(&f), "deny invisible");
	f.flags = RIGHTS_FLAG_MASQUE_PS;
	assert_string_equal(decide(&f), "allow representative");
	/* the minor hides it, the parent can neither hide nor show */
	f.flags = 0;
	f.action = RIGHTS_ACTION_HIDE_REPRESENTATIVES;
	assert_string_equal(decide(&f), "deny mode");
	f.holder = true;
	assert_string_equal(decide(&f), "allow patient");
}

static void the_patient_puts_away_what_is_theirs(void **state)
{
	struct rights_facts f = alone(RIGHTS_ACTION_DELETE);

	(void)state;
	assert_string_equal(decide(&f), "deny not-author");
	f.author = true; /* says nothing where the patient acts */
	assert_string_equal(decide(&f), "deny not-author");
	f.author_kind = RIGHTS_AUTHOR_PATIENT;
	f.flags = RIGHTS_FLAG_MASQUE_PS;
	assert_string_equal(decide(&f), "allow patient");
	f.author_kind = RIGHTS_AUTHOR_INSURER;
	assert_string_equal(decide(&f), "deny read-only");
	f.action = RIGHTS_ACTION_MASK;
	assert_string_equal(decide(&f), "allow patient");
	f = alone(RIGHTS_ACTION_ALLOW_MASKED);
	assert_string_equal(decide(&f), "allow patient");
	f = alone(RIGHTS_ACTION_AUTHORISE);
	assert_string_equal(decide(&f), "deny no-end");
	f.has_until = true;
	assert_string_equal(decide(&f), "allow patient");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test(name)
		T(an_agent_of_the_fund_is_a_cpa_or_a_cpe_of_sa24),
		T(closing_and_lifting_an_opposition_need_the_code),
		T(a_feed_that_the_insurer_signed_is_imported_and_nothing_else),
		T(what_the_insurer_fed_is_read_only),
		T(the_card_alone_opens_nothing_for_the_patient),
		T(only_the_cards_holder_and_a_minor_through_them),
		T(what_is_hidden_from_the_patients_side_is_told_apart),
		T(the_patient_puts_away_what_is_theirs),
	};

	json_setup();
	return cmocka_run_group_tests(tests, load, unload);
}
