/* SPDX-License-Identifier: EUPL-1.2 */
/* The table of a consultation, every mode, step and event of it. */
#include "daemon/limits.h"
#include "daemon/session/state.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <string.h>

#define E(name) SESSION_EVENT_##name
#define S(name) SESSION_STEP_##name

struct path { /* what may follow, written down a second time by hand */
	enum session_step from;
	enum session_event event;
	enum session_step to;
};

static const struct path normal[] = {
	{S(START), E(GO), S(CARDS)},
	{S(CARDS), E(CARDS), S(CARDS)},
	{S(CARDS), E(MISSING), S(CARDS)},
	{S(CARDS), E(BUSY), S(QUEUED)},
	{S(CARDS), E(READY), S(READING)},
	{S(QUEUED), E(CARDS), S(QUEUED)},
	{S(QUEUED), E(MISSING), S(CARDS)},
	{S(QUEUED), E(BUSY), S(QUEUED)},
	{S(QUEUED), E(READY), S(READING)},
	{S(READING), E(GO), S(PIN_STATE)},
	{S(PIN_STATE), E(PIN_HELD), S(ACTIVITIES)},
	{S(PIN_STATE), E(PIN_NEEDED), S(PIN)},
	{S(PIN_STATE), E(PIN_LAST), S(LAST_TRY)},
	{S(LAST_TRY), E(GO), S(PIN)},
	{S(PIN), E(GO), S(VERIFY)},
	{S(VERIFY), E(PIN_HELD), S(ACTIVITIES)},
	{S(VERIFY), E(PIN_NEEDED), S(PIN)},
	{S(VERIFY), E(PIN_LAST), S(LAST_TRY)},
	{S(ACTIVITIES), E(GO), S(ADMISSION)},
	{S(ACTIVITIES), E(ASK), S(STRUCTURE)},
	{S(STRUCTURE), E(GO), S(ADMISSION)},
	{S(ADMISSION), E(GO), S(PATIENT)},
	{S(PATIENT), E(GO), S(EXCHANGE)},
	{S(PATIENT), E(PLAIN), S(PEOPLE)},
	{S(EXCHANGE), E(GO), S(PEOPLE)},
	{S(PEOPLE), E(GO), S(PREPARE)},
	{S(PEOPLE), E(ASK), S(CHOICE)},
	{S(CHOICE), E(GO), S(PREPARE)},
	{S(PREPARE), E(GO), S(CONSENT)},
	{S(CONSENT), E(GO), S(SIGN)},
	{S(SIGN), E(GO), S(COVERAGE)},
	{S(COVERAGE), E(GO), S(GRANT)},
	{S(GRANT), E(GO), S(UNLOCKED)},
};

static const struct path identity[] = {
	{S(START), E(GO), S(CARDS)},
	{S(CARDS), E(CARDS), S(CARDS)},
	{S(CARDS), E(MISSING), S(CARDS)},
	{S(CARDS), E(BUSY), S(QUEUED)},
	{S(CARDS), E(READY), S(READING)},
	{S(QUEUED), E(CARDS), S(QUEUED)},
	{S(QUEUED), E(MISSING), S(CARDS)},
	{S(QUEUED), E(BUSY), S(QUEUED)},
	{S(QUEUED), E(READY), S(READING)},
	{S(READING), E(GO), S(ACTIVE)},
	{S(READING), E(PLAIN), S(PEOPLE)},
	{S(ACTIVE), E(GO), S(PEOPLE)},
	{S(PEOPLE), E(GO), S(GRANT)},
	{S(PEOPLE), E(ASK), S(CHOICE)},
	{S(CHOICE), E(GO), S(GRANT)},
	{S(GRANT), E(GO), S(UNLOCKED)},
};

static const struct path *find(
	enum session_mode mode, enum session_step step, enum session_event event)
{
	const struct path *all = mode == SESSION_MODE_IDENTITY ? identity : normal;
	size_t n = mode == SESSION_MODE_IDENTITY ? ARRAY_LEN(identity) : ARRAY_LEN(normal);

	for (size_t i = 0; i < n; i++) {
		if (all[i].from == step && all[i].event == event) {
			return &all[i];
		}
	}
	return NULL;
}

static void nothing_happens_that_is_not_in_the_table(void **state)
{
	static const enum session_mode modes[] = {SESSION_MODE_NORMAL, SESSION_MODE_IDENTITY};

	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		for (int step = 0; step < SESSION_STEP_COUNT; step++) {
			for (int event = 0; event < SESSION_EVENT_COUNT; event++) {
				struct state_next next = {.step = SESSION_STEP_COUNT};
				const struct path *p = find(modes[m], (enum session_step)step,
					(enum session_event)event);

				assert_int_equal(state_next(modes[m], (enum session_step)step,
							 (enum session_event)event, &next),
					p != NULL);
				assert_int_equal(next.step, p ? p->to : SESSION_STEP_COUNT);
				assert_true(!p || next.action < SESSION_ACTION_COUNT);
			}
		}
	}
}

/* Everything that is read of the patient, asked of people or released comes behind its gate. */
static void the_patient_is_read_only_after_admission(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(normal); i++) {
		if (normal[i].to == S(PATIENT)) {
			assert_int_equal(normal[i].from, S(ADMISSION));
		}
		if (normal[i].to == S(UNLOCKED)) {
			assert_int_equal(normal[i].from, S(GRANT));
		}
		if (normal[i].to == S(GRANT)) {
			assert_int_equal(normal[i].from, S(COVERAGE));
		}
		if (normal[i].to == S(COVERAGE)) {
			assert_int_equal(normal[i].from, S(SIGN));
		}
		if (normal[i].to == S(SIGN)) {
			assert_int_equal(normal[i].from, S(CONSENT));
		}
	}
}

static void every_wait_for_people_has_a_limit_and_a_reason(void **state)
{
	static const enum session_step people[] = {S(CARDS), S(LAST_TRY), S(PIN), S(STRUCTURE),
		S(CHOICE), S(CONSENT), S(PREPARE), S(SIGN), S(GRANT), S(QUEUED)};
	enum vitaled_reason late;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		assert_true(state_limit(people[i], &late) > 0);
		assert_int_not_equal(late, VITALED_REASON_NONE);
	}
	assert_int_equal(state_limit(S(PIN), &late), LIMIT_PERSON_STEP);
	assert_int_equal(late, VITALED_REASON_TIMEOUT);
	assert_int_equal(state_limit(S(CARDS), &late), LIMIT_CARDS_WAIT);
	assert_int_equal(late, VITALED_REASON_NO_CARD);
	assert_int_equal(state_limit(S(UNLOCKED), &late), 0);
	assert_int_equal(late, VITALED_REASON_EXPIRED);
}

static void every_step_has_a_state_with_a_word(void **state)
{
	(void)state;
	for (int step = 0; step < SESSION_STEP_ENDED; step++) {
		enum session_state st = state_of((enum session_step)step);

		assert_false(session_state_ended(st));
		assert_true(strlen(session_state_word(st)) > 0);
	}
	assert_string_equal(session_state_word(state_of(S(PIN))), "waiting-for-pin");
	assert_string_equal(session_state_word(state_of(S(UNLOCKED))), "unlocked");
	assert_string_equal(session_state_word(SESSION_STATE_SUSPENDED), "suspended");
	assert_string_equal(session_state_word((enum session_state)99), "failed");
	assert_true(session_state_ended(state_of(S(ENDED))));
}

static void an_unlocked_session_locks_whatever_the_reason(void **state)
{
	(void)state;
	for (int r = 0; r < VITALED_REASON_COUNT; r++) {
		assert_int_equal(state_of_end(S(UNLOCKED), (enum vitaled_reason)r),
			SESSION_STATE_LOCKED);
	}
}

static void an_end_before_is_refused_locked_or_failed_by_its_reason(void **state)
{
	static const enum vitaled_reason refused[] = {VITALED_REASON_CONSENT_REFUSED,
		VITALED_REASON_OTHER_PATIENT, VITALED_REASON_NO_DOSSIER,
		VITALED_REASON_NO_OWN_IDENTITY, VITALED_REASON_FORBIDDEN_SECTOR,
		VITALED_REASON_ROLE_FORBIDDEN, VITALED_REASON_NOT_PERMITTED};

	static const enum vitaled_reason locked[] = {VITALED_REASON_RELEASED,
		VITALED_REASON_OWNER_GONE, VITALED_REASON_SLEEP, VITALED_REASON_CARD_LENT,
		VITALED_REASON_PRE_EMPTED, VITALED_REASON_EXPIRED};

	static const enum vitaled_reason failed[] = {VITALED_REASON_PATIENT_CARD_REMOVED,
		VITALED_REASON_PIN_BLOCKED, VITALED_REASON_TIMEOUT, VITALED_REASON_CANCELLED,
		VITALED_REASON_AUDIT_UNAVAILABLE, VITALED_REASON_CHILD_FAILED};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_int_equal(state_of_end(S(CONSENT), refused[i]), SESSION_STATE_REFUSED);
	}
	for (size_t i = 0; i < ARRAY_LEN(locked); i++) {
		assert_int_equal(state_of_end(S(PIN), locked[i]), SESSION_STATE_LOCKED);
	}
	for (size_t i = 0; i < ARRAY_LEN(failed); i++) {
		assert_int_equal(state_of_end(S(PIN), failed[i]), SESSION_STATE_FAILED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_happens_that_is_not_in_the_table),
		cmocka_unit_test(the_patient_is_read_only_after_admission),
		cmocka_unit_test(every_wait_for_people_has_a_limit_and_a_reason),
		cmocka_unit_test(every_step_has_a_state_with_a_word),
		cmocka_unit_test(an_unlocked_session_locks_whatever_the_reason),
		cmocka_unit_test(an_end_before_is_refused_locked_or_failed_by_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
