/* SPDX-License-Identifier: EUPL-1.2 */
/* The tables of a consultation: every mode, step and event of them, and every place of the joins. */
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
#define T(name) TRACK_STEP_##name

struct path { /* what may follow, written down a second time by hand */
	int from;
	enum session_event event;
	int to;
};

/* clang-format off */
#define BEGINNING                                                                              \
	{S(START), E(GO), S(CARDS)}, {S(CARDS), E(CARDS), S(CARDS)},                           \
	{S(CARDS), E(MISSING), S(CARDS)}, {S(CARDS), E(SOON), S(CARDS)},                       \
	{S(CARDS), E(BUSY), S(QUEUED)}, {S(CARDS), E(READY), S(TRACKS)},                       \
	{S(QUEUED), E(CARDS), S(QUEUED)}, {S(QUEUED), E(MISSING), S(CARDS)},                   \
	{S(QUEUED), E(SOON), S(QUEUED)}, {S(QUEUED), E(BUSY), S(QUEUED)},                      \
	{S(QUEUED), E(READY), S(TRACKS)}, {S(TRACKS), E(AGREED), S(PEOPLE)}

#define ENDING                                                                                 \
	{S(GRANT), E(GO), S(UNLOCKED)}, {S(UNLOCKED), E(LEND), S(LENT)},                       \
	{S(LENT), E(RETURN), S(BACK)}, {S(BACK), E(CARDS), S(BACK)},                           \
	{S(BACK), E(READY), S(RESUME)}, {S(RESUME), E(AGREED), S(RESUME)},                     \
	{S(RESUME), E(GO), S(UNLOCKED)}
/* clang-format on */

static const struct path normal[] = {
	BEGINNING,
	{S(TRACKS), E(MET), S(TRACKS)},
	{S(TRACKS), E(STALE), S(TRACKS)},
	{S(TRACKS), E(RENEW), S(RENEW)},
	{S(RENEW), E(AGREED), S(EXCHANGE)},
	{S(EXCHANGE), E(STALE), S(EXCHANGE)},
	{S(EXCHANGE), E(MET), S(EXCHANGE)},
	{S(EXCHANGE), E(AGREED), S(PEOPLE)},
	{S(PEOPLE), E(GO), S(PREPARE)},
	{S(PEOPLE), E(ASK), S(CHOICE)},
	{S(CHOICE), E(GO), S(PREPARE)},
	{S(PREPARE), E(GO), S(CONSENT)},
	{S(CONSENT), E(GO), S(SIGN)},
	{S(CONSENT), E(RENEW), S(RENEW_SIGN)},
	{S(RENEW_SIGN), E(AGREED), S(SIGN)},
	{S(SIGN), E(STALE), S(REREAD)},
	{S(REREAD), E(GO), S(CONSENT)},
	{S(SIGN), E(GO), S(GRANT)},
	{S(SIGN), E(READ), S(PRESENT)},
	{S(PRESENT), E(GO), S(GRANT)},
	ENDING,
};

static const struct path identity[] = {
	BEGINNING,
	{S(PEOPLE), E(GO), S(GRANT)},
	{S(PEOPLE), E(READ), S(PRESENT)},
	{S(PEOPLE), E(ASK), S(CHOICE)},
	{S(CHOICE), E(GO), S(GRANT)},
	{S(CHOICE), E(READ), S(PRESENT)},
	{S(PRESENT), E(GO), S(GRANT)},
	ENDING,
};

/* The beginning, the choice and the end are those of the others; between them stands the code, and
 * there is no way to lend the card. */
static const struct path alone[] = {
	BEGINNING,
	{S(PEOPLE), E(GO), S(PREPARE)},
	{S(PEOPLE), E(ASK), S(CHOICE)},
	{S(CHOICE), E(GO), S(PREPARE)},
	{S(PREPARE), E(GO), S(CODE)},
	{S(CODE), E(GO), S(CONSENT)},
	{S(CONSENT), E(GO), S(SIGN)},
	{S(SIGN), E(GO), S(GRANT)},
	{S(GRANT), E(GO), S(UNLOCKED)},
};

static const struct path *find(const struct path *all, size_t n, int step, int event)
{
	for (size_t i = 0; i < n; i++) {
		if (all[i].from == step && all[i].event == (enum session_event)event) {
			return &all[i];
		}
	}
	return NULL;
}

/* -- the session --------------------------------------------------------------------------------- */

static void nothing_happens_that_is_not_in_the_table(void **state)
{
	static const struct {
		enum session_mode mode;
		const struct path *all;
		size_t n;
	} modes[] = {
		{SESSION_MODE_NORMAL, normal, ARRAY_LEN(normal)},
		{SESSION_MODE_IDENTITY, identity, ARRAY_LEN(identity)},
		/* the way of an emergency is that of a consultation: what is asked differs */
		{SESSION_MODE_BRIS_DE_GLACE, normal, ARRAY_LEN(normal)},
		{SESSION_MODE_CENTRE_15, normal, ARRAY_LEN(normal)},
		{SESSION_MODE_ADMINISTRATION, normal, ARRAY_LEN(normal)},
		{SESSION_MODE_PATIENT, alone, ARRAY_LEN(alone)},
		{SESSION_MODE_COUNT, normal, 0},
	};

	(void)state;
	for (size_t m = 0; m < ARRAY_LEN(modes); m++) {
		for (int i = 0; i < SESSION_STEP_COUNT * SESSION_EVENT_COUNT; i++) {
			int step = i / SESSION_EVENT_COUNT;
			int event = i % SESSION_EVENT_COUNT;
			struct state_next next = {.step = SESSION_STEP_COUNT};
			const struct path *p = find(modes[m].all, modes[m].n, step, event);

			assert_int_equal(state_next(modes[m].mode, (enum session_step)step,
						 (enum session_event)event, &next),
				p != NULL);
			assert_int_equal(next.step, p ? p->to : SESSION_STEP_COUNT);
			assert_true(!p || next.action < SESSION_ACTION_COUNT);
		}
	}
}

/* Each step of mode patient by its action: none of them asks a professional's card for anything. */
static void the_patients_own_way_leads_through_the_code_and_meets_no_other_card(void **state)
{
	static const struct {
		enum session_step step;
		enum session_event event;
		enum session_action action;
	} rows[] = {
		{S(CARDS), E(READY), SESSION_ACTION_TRACKS},
		{S(TRACKS), E(AGREED), SESSION_ACTION_PEOPLE},
		{S(PEOPLE), E(ASK), SESSION_ACTION_ASK_PERSON},
		{S(PEOPLE), E(GO), SESSION_ACTION_PREPARE},
		{S(CHOICE), E(GO), SESSION_ACTION_PREPARE},
		{S(PREPARE), E(GO), SESSION_ACTION_ASK_CODE},
		{S(CODE), E(GO), SESSION_ACTION_ASK_CONSENT},
		{S(CONSENT), E(GO), SESSION_ACTION_SIGN},
		{S(SIGN), E(GO), SESSION_ACTION_GRANT},
		{S(GRANT), E(GO), SESSION_ACTION_BEGIN},
	};
	struct state_next next;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_true(
			state_next(SESSION_MODE_PATIENT, rows[i].step, rows[i].event, &next));
		assert_int_equal(next.action, rows[i].action);
	}
	for (int i = 0; i < SESSION_STEP_COUNT * SESSION_EVENT_COUNT; i++) {
		if (state_next(SESSION_MODE_PATIENT,
			    (enum session_step)(i / SESSION_EVENT_COUNT),
			    (enum session_event)(i % SESSION_EVENT_COUNT), &next)) {
			assert_int_not_equal(next.action, SESSION_ACTION_MEET);
			assert_int_not_equal(next.action, SESSION_ACTION_RENEW);
			assert_int_not_equal(next.action, SESSION_ACTION_REREAD);
			assert_int_not_equal(next.action, SESSION_ACTION_PRESENT);
			assert_int_not_equal(next.action, SESSION_ACTION_GRANT_IDENTITY);
		}
		if (state_next(SESSION_MODE_NORMAL,
			    (enum session_step)(i / SESSION_EVENT_COUNT),
			    (enum session_event)(i % SESSION_EVENT_COUNT), &next)) {
			assert_int_not_equal(next.action, SESSION_ACTION_ASK_CODE);
		}
	}
}

/* Whether @to can only be come to from @from. */
static void only_from(int to, int from)
{
	for (size_t i = 0; i < ARRAY_LEN(normal); i++) {
		if (normal[i].to == to && normal[i].from != to) {
			assert_int_equal(normal[i].from, from);
		}
	}
}

static void what_is_released_comes_behind_its_gate(void **state)
{
	(void)state;
	only_from(S(EXCHANGE), S(RENEW));
	only_from(S(RENEW_SIGN), S(CONSENT));
	only_from(S(PRESENT), S(SIGN));
	only_from(S(RESUME), S(BACK));
	for (size_t i = 0; i < ARRAY_LEN(normal); i++) {
		if (normal[i].to == S(PEOPLE)) {
			assert_true(
				normal[i].from == S(TRACKS) || normal[i].from == S(EXCHANGE));
		}
		if (normal[i].to == S(SIGN)) {
			assert_true(normal[i].from == S(CONSENT) ||
				    normal[i].from == S(RENEW_SIGN));
		}
		if (normal[i].to == S(GRANT)) {
			assert_true(normal[i].from == S(SIGN) || normal[i].from == S(PRESENT));
		}
		if (normal[i].to == S(UNLOCKED)) {
			assert_true(normal[i].from == S(GRANT) || normal[i].from == S(RESUME));
		}
	}
}

/* -- the tracks ---------------------------------------------------------------------------------- */

static const struct path patient_consult[] = {
	{T(IDLE), E(NEW), T(OPEN)},
	{T(OPEN), E(GO), T(READ)},
	{T(READ), E(GO), T(READY)},
};

static const struct path patient_identity[] = {
	{T(IDLE), E(NEW), T(OPEN)},
	{T(OPEN), E(GO), T(READ)},
	{T(READ), E(GO), T(PROVE)},
	{T(PROVE), E(GO), T(READY)},
};

static const struct path patient_resume[] = {
	{T(IDLE), E(NEW), T(OPEN)},
	{T(OPEN), E(GO), T(IDENTIFY)},
	{T(IDENTIFY), E(GO), T(PROVE)},
	{T(PROVE), E(GO), T(READY)},
};

/* clang-format off */
#define PIN                                                                                    \
	{T(IDLE), E(NEW), T(OPEN)}, {T(OPEN), E(GO), T(IDENTIFY)},                             \
	{T(PIN_STATE), E(PIN_NEEDED), T(PIN)}, {T(PIN_STATE), E(PIN_LAST), T(LAST_TRY)},       \
	{T(LAST_TRY), E(GO), T(PIN)}, {T(PIN), E(GO), T(VERIFY)},                              \
	{T(VERIFY), E(PIN_NEEDED), T(PIN)}, {T(VERIFY), E(PIN_LAST), T(LAST_TRY)}
/* clang-format on */

static const struct path professional_consult[] = {
	PIN,
	{T(IDLE), E(HELD), T(IDENTIFY)},
	{T(IDLE), E(KNOWN), T(PIN_STATE)},
	{T(IDENTIFY), E(GO), T(ROLE)},
	{T(ROLE), E(GO), T(READ)},
	{T(IDENTIFY), E(KNOWN), T(PIN_STATE)},
	{T(READ), E(GO), T(PIN_STATE)},
	{T(PIN_STATE), E(PIN_HELD), T(ACTIVITIES)},
	{T(VERIFY), E(PIN_HELD), T(ACTIVITIES)},
	{T(ACTIVITIES), E(GO), T(ADMISSION)},
	{T(ACTIVITIES), E(ASK), T(STRUCTURE)},
	{T(STRUCTURE), E(GO), T(ADMISSION)},
	{T(ADMISSION), E(GO), T(READY)},
};

/* A PIN that the card still holds does not count: another program had the card. */
static const struct path professional_resume[] = {
	PIN,
	{T(IDENTIFY), E(GO), T(PIN_STATE)},
	{T(VERIFY), E(PIN_HELD), T(PROVE)},
	{T(PROVE), E(GO), T(READY)},
};

static const struct path professional_renew[] = {
	{T(IDLE), E(HELD), T(PIN_STATE)},
	{T(PIN_STATE), E(PIN_NEEDED), T(PIN)},
	{T(PIN_STATE), E(PIN_LAST), T(LAST_TRY)},
	{T(PIN_STATE), E(PIN_HELD), T(READY)},
	{T(LAST_TRY), E(GO), T(PIN)},
	{T(PIN), E(GO), T(VERIFY)},
	{T(VERIFY), E(PIN_NEEDED), T(PIN)},
	{T(VERIFY), E(PIN_LAST), T(LAST_TRY)},
	{T(VERIFY), E(PIN_HELD), T(READY)},
};

static const struct {
	enum state_purpose purpose;
	bool professional;
	const struct path *all;
	size_t n;
} tracks[] = {
	{STATE_PURPOSE_CONSULT, false, patient_consult, ARRAY_LEN(patient_consult)},
	{STATE_PURPOSE_IDENTITY, false, patient_identity, ARRAY_LEN(patient_identity)},
	{STATE_PURPOSE_RESUME, false, patient_resume, ARRAY_LEN(patient_resume)},
	{STATE_PURPOSE_CONSULT, true, professional_consult, ARRAY_LEN(professional_consult)},
	{STATE_PURPOSE_IDENTITY, true, NULL, 0},
	{STATE_PURPOSE_RESUME, true, professional_resume, ARRAY_LEN(professional_resume)},
	{STATE_PURPOSE_RENEW, false, NULL, 0},
	{STATE_PURPOSE_RENEW, true, professional_renew, ARRAY_LEN(professional_renew)},
};

static void no_track_takes_a_way_that_is_not_in_its_table(void **state)
{
	(void)state;
	for (size_t t = 0; t < ARRAY_LEN(tracks); t++) {
		for (int i = 0; i < TRACK_STEP_COUNT * SESSION_EVENT_COUNT; i++) {
			int step = i / SESSION_EVENT_COUNT;
			int event = i % SESSION_EVENT_COUNT;
			struct track_next next = {.step = TRACK_STEP_COUNT};
			const struct path *p = find(tracks[t].all, tracks[t].n, step, event);

			assert_int_equal(track_next(tracks[t].purpose, tracks[t].professional,
						 (enum track_step)step,
						 (enum session_event)event, &next),
				p != NULL);
			assert_int_equal(next.step, p ? p->to : TRACK_STEP_COUNT);
			assert_true(!p || next.action < TRACK_ACTION_COUNT);
		}
	}
}

/* -- the joins ----------------------------------------------------------------------------------- */

/* What must follow where, said in another way than the table does. */
static int joined(enum state_purpose purpose, int patient, int professional, int meeting)
{
	bool ends = patient == T(READY) && professional == T(READY);

	switch (purpose) {
	case STATE_PURPOSE_CONSULT:
		if (patient == T(READY) && professional > T(ROLE) &&
			meeting == STATE_MEETING_NONE) {
			return E(MET);
		}
		if (ends && meeting == STATE_MEETING_LATER) {
			return E(RENEW);
		}
		return ends && meeting == STATE_MEETING_DONE ? E(AGREED) : -1;
	case STATE_PURPOSE_IDENTITY:
		return patient == T(READY) && meeting == STATE_MEETING_NONE ? E(AGREED) : -1;
	case STATE_PURPOSE_RESUME:
		return ends && (meeting == STATE_MEETING_DONE || meeting == STATE_MEETING_NONE)
			       ? E(AGREED)
			       : -1;
	case STATE_PURPOSE_RENEW:
		break;
	}
	return ends && (meeting == STATE_MEETING_DONE || meeting == STATE_MEETING_LATER)
		       ? E(AGREED)
		       : -1;
}

static void the_tracks_join_where_they_must_and_nowhere_else(void **state)
{
	(void)state;
	for (int i = 0; i < 4 * 4 * TRACK_STEP_COUNT * TRACK_STEP_COUNT; i++) {
		enum state_purpose purpose = (enum state_purpose)(i % 4);
		int meeting = i / 4 % 4;
		int patient = i / 16 % TRACK_STEP_COUNT;
		int professional = i / 16 / TRACK_STEP_COUNT;
		enum session_event e = SESSION_EVENT_COUNT;
		int expected = joined(purpose, patient, professional, meeting);

		assert_int_equal(
			state_join(purpose, (enum track_step)patient,
				(enum track_step)professional, (enum state_meeting)meeting, &e),
			expected >= 0);
		assert_int_equal(e, expected >= 0 ? expected : SESSION_EVENT_COUNT);
	}
}

/* -- what clients see ---------------------------------------------------------------------------- */

static struct state_where at(enum session_step step)
{
	return (struct state_where){.step = step};
}

static struct state_where on(enum track_step patient, enum track_step professional)
{
	return (struct state_where){
		.step = S(TRACKS), .patient = patient, .professional = professional};
}

static void every_wait_for_people_has_a_limit_and_a_reason(void **state)
{
	static const enum session_step people[] = {S(CARDS), S(CHOICE), S(CONSENT), S(PREPARE),
		S(SIGN), S(GRANT), S(QUEUED), S(LENT)};

	static const enum track_step entries[] = {T(LAST_TRY), T(PIN), T(STRUCTURE)};
	enum vitaled_reason late;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		assert_true(state_limit(at(people[i]), &late) > 0);
		assert_int_not_equal(late, VITALED_REASON_NONE);
	}
	for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
		assert_int_equal(
			state_limit(on(T(READY), entries[i]), &late), LIMIT_PERSON_STEP);
		assert_int_equal(late, VITALED_REASON_TIMEOUT);
	}
	for (size_t i = 0; i < 2; i++) { /* the PIN that is asked for anew */
		struct state_where w = on(T(READY), entries[i]);

		w.step = i == 0 ? S(RENEW) : S(RENEW_SIGN);
		assert_int_equal(state_limit(w, &late), LIMIT_PERSON_STEP);
		assert_int_equal(late, VITALED_REASON_TIMEOUT);
		assert_int_equal(state_of(w), SESSION_STATE_WAITING_FOR_PIN);
	}
	assert_int_equal(state_limit(at(S(CODE)), &late), LIMIT_CODE_STEP);
	assert_int_equal(late, VITALED_REASON_TIMEOUT);
	assert_int_equal(state_of(at(S(CODE))), SESSION_STATE_WAITING_FOR_PIN);
	assert_int_equal(state_limit(at(S(CARDS)), &late), LIMIT_CARDS_WAIT);
	assert_int_equal(late, VITALED_REASON_NO_CARD);
	assert_int_equal(state_limit(at(S(UNLOCKED)), &late), 0);
	assert_int_equal(state_limit(on(T(READ), T(VERIFY)), &late), 0);
}

static void a_suspended_session_has_one_limit_from_the_lend_to_the_proof(void **state)
{
	static const enum session_step rest[] = {S(BACK), S(RESUME)};
	enum vitaled_reason late;

	(void)state;
	assert_int_equal(state_limit(at(S(LENT)), &late), LIMIT_LEASE);
	assert_int_equal(late, VITALED_REASON_CARD_LENT);
	for (size_t i = 0; i < ARRAY_LEN(rest); i++) {
		assert_true(state_limit(at(rest[i]), &late) == STATE_LIMIT_KEEP);
		assert_int_equal(late, VITALED_REASON_CARD_LENT);
	}
}

static void every_step_has_a_state_with_a_word(void **state)
{
	(void)state;
	for (int step = 0; step < SESSION_STEP_ENDED; step++) {
		enum session_state st = state_of(at((enum session_step)step));

		assert_false(session_state_ended(st));
		assert_true(strlen(session_state_word(st)) > 0);
	}
	assert_string_equal(session_state_word(state_of(at(S(UNLOCKED)))), "unlocked");
	assert_string_equal(session_state_word(state_of(at(S(RESUME)))), "suspended");
	assert_string_equal(session_state_word((enum session_state)99), "failed");
	assert_true(session_state_ended(state_of(at(S(ENDED)))));
}

static void every_mode_has_a_word_and_two_are_emergencies(void **state)
{
	static const char *const words[] = {"normal", "identity", "bris_de_glace", "centre_15",
		"administration", "patient"};

	(void)state;
	assert_int_equal(ARRAY_LEN(words), SESSION_MODE_COUNT);
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		assert_string_equal(session_mode_word((enum session_mode)i), words[i]);
		assert_int_equal(
			session_mode_emergency((enum session_mode)i), i == 2 || i == 3);
		assert_int_equal(session_mode_one_card((enum session_mode)i), i == 1 || i == 5);
	}
	assert_string_equal(session_mode_word(SESSION_MODE_COUNT), "");
}

static void on_the_tracks_the_professionals_is_seen_and_alone_the_patients(void **state)
{
	static const struct {
		enum track_step patient;
		enum track_step professional;
		enum session_state seen;
	} rows[] = {
		{T(IDLE), T(IDLE), SESSION_STATE_READING},
		{T(READ), T(IDLE), SESSION_STATE_READING},
		{T(PROVE), T(IDLE), SESSION_STATE_AUTHENTICATING},
		{T(READY), T(OPEN), SESSION_STATE_READING},
		{T(READY), T(PIN_STATE), SESSION_STATE_READING},
		{T(OPEN), T(PIN), SESSION_STATE_WAITING_FOR_PIN},
		{T(READY), T(LAST_TRY), SESSION_STATE_WAITING_FOR_PIN},
		{T(READY), T(VERIFY), SESSION_STATE_WAITING_FOR_PIN},
		{T(READ), T(STRUCTURE), SESSION_STATE_WAITING_FOR_CHOICE},
		{T(READY), T(ADMISSION), SESSION_STATE_READING},
		{T(READ), T(READY), SESSION_STATE_READING},
		{T(READY), T(READY), SESSION_STATE_AUTHENTICATING},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
			state_of(on(rows[i].patient, rows[i].professional)), rows[i].seen);
	}
	for (int i = 0; i < TRACK_STEP_COUNT; i++) {
		assert_false(session_state_ended(state_of(on(T(READ), (enum track_step)i))));
	}
}

static void an_unlocked_or_suspended_session_locks_whatever_the_reason(void **state)
{
	static const enum session_step open[] = {S(UNLOCKED), S(LENT), S(BACK), S(RESUME)};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(open); i++) {
		for (int r = 0; r < VITALED_REASON_COUNT; r++) {
			assert_int_equal(state_of_end(open[i], (enum vitaled_reason)r),
				SESSION_STATE_LOCKED);
		}
	}
}

static void an_end_before_is_refused_locked_or_failed_by_its_reason(void **state)
{
	static const enum vitaled_reason refused[] = {VITALED_REASON_CONSENT_REFUSED,
		VITALED_REASON_OTHER_PATIENT, VITALED_REASON_NO_DOSSIER,
		VITALED_REASON_NO_OWN_IDENTITY, VITALED_REASON_FORBIDDEN_SECTOR,
		VITALED_REASON_ROLE_FORBIDDEN, VITALED_REASON_NOT_PERMITTED,
		VITALED_REASON_LIMITS_EXCEEDED};

	static const enum vitaled_reason locked[] = {VITALED_REASON_RELEASED,
		VITALED_REASON_OWNER_GONE, VITALED_REASON_SLEEP, VITALED_REASON_CARD_LENT,
		VITALED_REASON_PRE_EMPTED, VITALED_REASON_EXPIRED, VITALED_REASON_REVOKED,
		VITALED_REASON_IDLE};

	static const enum vitaled_reason failed[] = {VITALED_REASON_PATIENT_CARD_REMOVED,
		VITALED_REASON_PIN_BLOCKED, VITALED_REASON_TIMEOUT, VITALED_REASON_CANCELLED,
		VITALED_REASON_AUDIT_UNAVAILABLE, VITALED_REASON_CHILD_FAILED};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		assert_int_equal(state_of_end(S(CONSENT), refused[i]), SESSION_STATE_REFUSED);
	}
	for (size_t i = 0; i < ARRAY_LEN(locked); i++) {
		assert_int_equal(state_of_end(S(TRACKS), locked[i]), SESSION_STATE_LOCKED);
	}
	for (size_t i = 0; i < ARRAY_LEN(failed); i++) {
		assert_int_equal(state_of_end(S(TRACKS), failed[i]), SESSION_STATE_FAILED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_happens_that_is_not_in_the_table),
		cmocka_unit_test(what_is_released_comes_behind_its_gate),
		cmocka_unit_test(
			the_patients_own_way_leads_through_the_code_and_meets_no_other_card),
		cmocka_unit_test(no_track_takes_a_way_that_is_not_in_its_table),
		cmocka_unit_test(the_tracks_join_where_they_must_and_nowhere_else),
		cmocka_unit_test(every_wait_for_people_has_a_limit_and_a_reason),
		cmocka_unit_test(a_suspended_session_has_one_limit_from_the_lend_to_the_proof),
		cmocka_unit_test(every_step_has_a_state_with_a_word),
		cmocka_unit_test(every_mode_has_a_word_and_two_are_emergencies),
		cmocka_unit_test(
			on_the_tracks_the_professionals_is_seen_and_alone_the_patients),
		cmocka_unit_test(an_unlocked_or_suspended_session_locks_whatever_the_reason),
		cmocka_unit_test(an_end_before_is_refused_locked_or_failed_by_its_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
