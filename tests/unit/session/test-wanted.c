/* SPDX-License-Identifier: EUPL-1.2 */
/* Whom the option patient means: without a card, and among those who are on one. */
#include "tests/unit/session/usual.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

#define R(name)	 VITALED_REASON_##name
#define ST(name) SESSION_STATE_##name

#define OWN  "{\"nir\":\"2800756321001\",\"birth-date\":\"1980-07-14\"}"
#define HOUR (3600ULL * USEC_PER_SEC)

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

static struct session *open_as(enum session_mode mode, const char *patient)
{
	bool emergency = session_mode_emergency(mode);
	struct session_options o = {
		.mode = mode, .reason = emergency ? "Patiente inconsciente" : NULL};
	_cleanup_json_ json_t *j = NULL;

	assert_int_equal(json_parse(view_str(patient), &j), 0);
	o.patient = j;
	return world_open(&o);
}

static struct session *emergency(const char *patient)
{
	return open_as(SESSION_MODE_BRIS_DE_GLACE, patient);
}

static void without_a_card_the_number_must_be_the_persons_own(void **state)
{
	static const struct {
		const char *patient;
		enum vitaled_reason r;
	} rows[] = {
		{OWN, R(NONE)},
		{"{\"ins\":\"2800756321001\",\"birth-date\":\"1980-07-14\"}", R(NONE)},
		{"{\"ins\":\"280075632100181\",\"birth-date\":\"1980-07-14\"}", R(NONE)},
		{"{\"nir\":\"280075632100117\",\"birth-date\":\"1980-07-14\"}",
			R(INVALID_ARGUMENT)},
		{"{\"nir\":\"28007563210011\",\"birth-date\":\"1980-07-14\"}",
			R(INVALID_ARGUMENT)},
		{"{\"nir\":\"28007563210O1\",\"birth-date\":\"1980-07-14\"}",
			R(INVALID_ARGUMENT)},
		{"{\"nir\":\"280072A321001\",\"birth-date\":\"1980-07-14\"}", R(NONE)},
		{"{\"nir\":\"280072B32100140\",\"birth-date\":\"1980-07-14\"}", R(NONE)},
		{"{\"nir\":\"280072A32100140\",\"birth-date\":\"1980-07-14\"}",
			R(INVALID_ARGUMENT)},
		{"{\"nir\":\"2800756321001\",\"birth-date\":\"14.07.80\"}",
			R(INVALID_ARGUMENT)},
		{"{\"nir\":\"2800756321001\",\"birth-date\":\"1980-08-14\"}",
			R(NO_OWN_IDENTITY)},
		{"{\"ins\":\"2800756321001\",\"birth-date\":\"1980-08-14\"}",
			R(NO_OWN_IDENTITY)},
		{"{\"ins\":\"2800756321001\",\"birth-date\":\"1981-07-14\"}",
			R(NO_OWN_IDENTITY)},
		/* a month that is none contradicts nothing, and proves nothing */
		{"{\"ins\":\"2802056321001\",\"birth-date\":\"1980-07-14\"}", R(NONE)},
		{"{\"nir\":\"2802056321001\",\"birth-date\":\"1980-07-14\"}",
			R(NO_OWN_IDENTITY)},
		{"{\"ins\":\"2800756321001\",\"birth-date\":\"1980-00-14\"}", R(NONE)},
	};

	(void)state;
	vitale->in = false;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct session *s = emergency(rows[i].patient);

		if (rows[i].r == R(NONE)) {
			world_reach(s, ST(UNLOCKED));
		} else {
			world_end(s, rows[i].r == R(NO_OWN_IDENTITY) ? ST(REFUSED) : ST(FAILED),
				rows[i].r);
		}
		session_release(s);
		world_slept += HOUR;
	}
}

static void a_name_that_is_too_long_is_none(void **state)
{
	char text[300];
	char name[130];

	(void)state;
	vitale->in = false;
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_true(snprintf(text, sizeof(text),
			    "{\"nir\":\"2800756321001\",\"birth-date\":\"1980-07-14\","
			    "\"birth-name\":\"%s\"}",
			    name) > 0);
	world_end(emergency(text), ST(FAILED), R(INVALID_ARGUMENT));
}

/* Twins who are listed with the number of a parent, and a parent who is not. */
static void family(void)
{
	buf_reset(&vitale->people);
	play_person(vitale, "DUPONT", "ALICE", "19800714", "280075632100123", 0);
	play_person(vitale, "DUPONT", "ZOÉ", "20150301", "280075632100123", 1);
	play_person(vitale, "LE GOFF", "LÉA", "20150301", "280075632100123", 2);
}

/* How it ends, or who is chosen (the place). */
static void meant(const char *patient, enum vitaled_reason r, unsigned int rank)
{
	struct session *s = open_as(SESSION_MODE_NORMAL, patient);

	if (r != R(NONE)) {
		world_end(s, ST(REFUSED), r);
	} else {
		world_reach(s, ST(UNLOCKED));
		assert_int_equal(session_patient(s)->rank, rank);
	}
	session_release(s);
}

static void an_ins_is_believed_of_whom_the_card_lists_with_anothers_number(void **state)
{
	(void)state;
	family();
	world.fail[ASK_PERSON] = R(CANCELLED);
	meant("{\"ins\":\"2150356321002\",\"birth-date\":\"2015-03-01\",\"rank\":2}", R(NONE),
		2);
	meant("{\"nir\":\"2150356321002\",\"birth-date\":\"2015-03-01\",\"rank\":2}",
		R(OTHER_PATIENT), 0);
	meant("{\"ins\":\"2160356321002\",\"birth-date\":\"2015-03-01\",\"rank\":2}",
		R(OTHER_PATIENT), 0);
	meant("{\"ins\":\"2150456321002\",\"birth-date\":\"2015-03-01\",\"rank\":2}",
		R(OTHER_PATIENT), 0);
	meant("{\"ins\":\"2150356321002\",\"birth-date\":\"2015-03-01\",\"rank\":3}",
		R(OTHER_PATIENT), 0);
	/* the parent's, with which the card lists her: hers it is not */
	meant("{\"ins\":\"2800756321001\",\"birth-date\":\"2015-03-01\",\"rank\":2}",
		R(NO_OWN_IDENTITY), 0);
	/* and whose own number the card knows has no other */
	meant("{\"ins\":\"2800756321002\",\"birth-date\":\"1980-07-14\"}", R(OTHER_PATIENT), 0);
	meant("{\"ins\":\"2800756321001\",\"birth-date\":\"1980-07-14\"}", R(NONE), 0);
}

static void a_birth_name_tells_apart_who_fits_otherwise_and_contradicts_nothing(void **state)
{
	static const char *const names[] = {"Le Goff", "LE-GOFF", "legoff",
		"le gof\xcc\x81"
		"f",
		"L\xc3\x8b G\xc3\xb6"
		"FF"};
	char text[200];

	(void)state;
	family();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_true(snprintf(text, sizeof(text),
				    "{\"ins\":\"2150356321002\",\"birth-date\":\"2015-03-01\","
				    "\"birth-name\":\"%s\"}",
				    names[i]) > 0);
		meant(text, R(NONE), 2);
	}
	assert_int_equal(world.asked[ASK_PERSON], 0);
	world.choice = 1;
	meant("{\"ins\":\"2150356321002\",\"birth-date\":\"2015-03-01\","
	      "\"birth-name\":\"Nobody\"}",
		R(NONE), 1);
	assert_int_equal(world.asked[ASK_PERSON], 1); /* it fits both: somebody says which */
	meant("{\"nir\":\"2800756321001\",\"birth-date\":\"1980-07-14\","
	      "\"birth-name\":\"Nobody\"}",
		R(NONE), 0);
}

static void an_unknown_month_is_nobodys_own_until_the_ins_is_given(void **state)
{
	(void)state;
	buf_reset(&vitale->people);
	play_person(vitale, "DUPONT", "ALICE", "19800014", "280205632100101", 0);
	play_person(vitale, "DUPONT", "ZOÉ", "20150301", "280205632100101", 1);
	meant("{\"nir\":\"2802056321001\",\"birth-date\":\"1980-00-14\"}", R(NO_OWN_IDENTITY),
		0);
	meant("{\"ins\":\"2802056321001\",\"birth-date\":\"1980-00-14\"}", R(NONE), 0);
	meant("{\"ins\":\"2802056321001\",\"birth-date\":\"2015-03-01\"}", R(NO_OWN_IDENTITY),
		0);
	/* two of one year: it may be either's */
	buf_reset(&vitale->people);
	play_person(vitale, "DUPONT", "ALICE", "19800014", "280205632100101", 0);
	play_person(vitale, "DUPONT", "ANNE", "19800015", "280205632100101", 1);
	meant("{\"ins\":\"2802056321001\",\"birth-date\":\"1980-00-14\"}", R(NO_OWN_IDENTITY),
		0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, world_teardown)
	const struct CMUnitTest tests[] = {
		T(without_a_card_the_number_must_be_the_persons_own),
		T(a_name_that_is_too_long_is_none),
		T(an_ins_is_believed_of_whom_the_card_lists_with_anothers_number),
		T(a_birth_name_tells_apart_who_fits_otherwise_and_contradicts_nothing),
		T(an_unknown_month_is_nobodys_own_until_the_ins_is_given),
	};

	return cmocka_run_group_tests(tests, world_group_setup, world_group_teardown);
}
