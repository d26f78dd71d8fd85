/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Whether the patient need be asked: what an authorisation in force covers, and that a session which
 * rests on one is over with it. The process is a script (strange.c).
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>

#include "tests/unit/dossier/people.h"

#define HOUR (3600LL * 1000000LL)

static struct script known;

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	script_init(b, &known);
	b->config.emergencies = 5;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	bed_done(*state);
	free(*state);
	return 0;
}

/* an open session for @intents on a dossier with @people */
static void open_with(struct bed *b, const char *people, unsigned int intents)
{
	script_unlocked(b, &known, people);
	script_unlock(b, intents);
}

static bool agreed(struct bed *b, const char *people, unsigned int intents)
{
	bool yes;

	open_with(b, people, intents);
	yes = dossier_agreed(&b->s);
	bed_lock(b);
	return yes;
}

static void an_authorisation_in_force_covers_consulting_and_feeding(void **state)
{
	const unsigned int covered = SESSION_INTENT_CONSULT | SESSION_INTENT_FEED;
	struct bed *b = *state;
	char people[512];

	authorised_text(people, sizeof(people), SELF, now() - HOUR, now() + HOUR);
	assert_true(agreed(b, people, SESSION_INTENT_CONSULT));
	assert_true(agreed(b, people, SESSION_INTENT_FEED));
	assert_true(agreed(b, people, covered));
	for (unsigned int i = 0; i < SESSION_INTENTS; i++) {
		/* these are no part of a consultation: nobody would be asked at all */
		if (!((covered | SESSION_INTENT_CLOSE | SESSION_INTENT_CODE) & 1U << i)) {
			assert_false(agreed(b, people, 1U << i));
			assert_false(agreed(b, people, covered | 1U << i));
		}
	}
	open_with(b, people, covered);
	b->s.intents = 0; /* nothing is no right to anything */
	assert_false(dossier_agreed(&b->s));
}

static void what_is_over_not_begun_or_somebody_elses_covers_nothing(void **state)
{
	struct bed *b = *state;
	char people[512];

	assert_false(agreed(b, "{}", SESSION_INTENT_CONSULT));
	authorised_text(people, sizeof(people), SELF, now() - HOUR, now());
	assert_false(agreed(b, people, SESSION_INTENT_CONSULT));
	authorised_text(people, sizeof(people), SELF, now() + HOUR, now() + 2 * HOUR);
	assert_false(agreed(b, people, SESSION_INTENT_CONSULT));
	authorised_text(people, sizeof(people), OTHER, now() - HOUR, now() + HOUR);
	assert_false(agreed(b, people, SESSION_INTENT_CONSULT));
	assert_false(agreed(b, TREATING, SESSION_INTENT_CONSULT)); /* a role is no consent */
}

static void emergencies_and_sessions_without_a_dossier_are_asked(void **state)
{
	struct bed *b = *state;
	char people[512];

	authorised_text(people, sizeof(people), SELF, now() - HOUR, now() + HOUR);
	open_with(b, people, SESSION_INTENT_CONSULT);
	b->s.mode = SESSION_MODE_BRIS_DE_GLACE;
	assert_false(dossier_agreed(&b->s));
	b->s.mode = SESSION_MODE_NORMAL;
	assert_true(dossier_agreed(&b->s));
	bed_lock(b);
	assert_false(dossier_agreed(&b->s));
}

/* a List under what was agreed earlier; the script answers with no row */
static struct reply list_running(struct bed *b, const char *people)
{
	struct reply r = bed_reply();

	script_unlocked(b, &known, people);
	script_rows(b, "[]", false);
	script_add(b, 'A', 0, 1, &BUF_NULL(16));
	script_unlock(b, SESSION_INTENT_CONSULT);
	b->s.running = true;
	dossier_list(&b->s, NULL, bed_done_fn, &r);
	bed_wait(b, &r);
	bed_lock(b);
	return r;
}

static void a_session_that_rests_on_an_authorisation_is_over_with_it(void **state)
{
	struct bed *b = *state;
	char people[512];
	struct reply r;

	authorised_text(people, sizeof(people), SELF, now() - HOUR, now() + HOUR);
	r = list_running(b, people);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	authorised_text(people, sizeof(people), SELF, now() - HOUR, now());
	r = list_running(b, people);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "no-consent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			an_authorisation_in_force_covers_consulting_and_feeding, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			what_is_over_not_begun_or_somebody_elses_covers_nothing, setup,
			teardown),
		cmocka_unit_test_setup_teardown(
			emergencies_and_sessions_without_a_dossier_are_asked, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_session_that_rests_on_an_authorisation_is_over_with_it, setup,
			teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
