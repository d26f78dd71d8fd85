/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the people record of a dossier says by time to the broker, and what ListProfessionals tells of it.
 * The process is a script (strange.c), so that every record can be had.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "daemon/limits.h"
#include "tests/unit/dossier/faults.h"
#include "tests/unit/dossier/people.h"

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

/* -- the record of people ----------------------------------------------------------------------- */

static void people_that_are_none_are_child_failed(void **state)
{
	static const char *const bad[] = {"{", "[]", "1", "\"\"", "{\"blocked\":{}}",
		"{\"authorised\":\"x\"}", "{\"oppositions\":1}"};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		fake_session(&b->s);
		script_begin(b);
		script_opened(b, &known, DOSSIER_STATE_OPEN);
		script_people(b, bad[i]);
		assert_int_equal(bed_prepare(b), VITALED_REASON_CHILD_FAILED);
	}
	fake_session(&b->s);
	script_begin(b);
	script_opened(b, &known, DOSSIER_STATE_OPEN);
	script_plain(b, 'A', 0);
	assert_int_equal(bed_prepare(b), VITALED_REASON_CHILD_FAILED);
}

static void who_is_blocked_is_not_asked_for(void **state)
{
	static const char *const people[] = {
		"{\"blocked\":[1,\"x\",\"" SELF "\"]}", /* format 1 */
		"{\"format\":2,\"blocked\":[{\"id\":\"" OTHER "\"},{\"id\":\"" SELF
		"\",\"since\":1,\"by\":{}}]}",
	};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		fake_session(&b->s);
		script_begin(b);
		script_opened(b, &known, DOSSIER_STATE_OPEN);
		script_people(b, people[i]);
		assert_int_equal(bed_prepare(b), VITALED_REASON_NOT_PERMITTED);
		assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "blocked");
	}
	fake_session(&b->s);
	script_begin(b);
	script_opened(b, &known, DOSSIER_STATE_OPEN);
	script_people(b, people[0]);
	fake_audit.refuse = 1;
	assert_int_equal(bed_prepare(b), VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void the_treating_doctor_is_who_is_named(void **state)
{
	static const struct {
		const char *people;
		bool treating;
	} rows[] = {
		{"{\"treating-doctor\":{\"id\":\"" SELF "\",\"since\":1,\"by\":{}}}", true},
		{"{\"treating-doctor\":\"" SELF "\"}", true},
		{"{\"treating-doctor\":{\"id\":\"" OTHER "\"}}", false},
		{"{\"treating-doctor\":{}}", false},
		{"{\"treating-doctor\":null}", false},
		{"{}", false},
	};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		const struct dossier *d;
		bool alone;

		script_unlocked(b, &known, rows[i].people);
		script_unlock(b, ALL);
		d = session_dossier(&b->s);
		assert_int_equal(d->treating, rows[i].treating);
		assert_false(d->blocked || d->opposed || people_authorised(d, &alone));
	}
}

static void an_opposition_keeps_an_emergency_of_its_mode_out(void **state)
{
	static const struct {
		const char *people;
		enum vitaled_reason reason;
	} rows[] = {
		{"{\"oppositions\":[{\"mode\":\"centre_15\",\"since\":1,\"by\":{}},"
		 "{\"mode\":\"bris_de_glace\",\"since\":1,\"by\":{}}]}",
			VITALED_REASON_NOT_PERMITTED},
		{"{\"oppositions\":[\"bris_de_glace\"]}", VITALED_REASON_NOT_PERMITTED},
		{"{\"oppositions\":[{\"mode\":\"centre_15\"}]}", VITALED_REASON_NONE},
	};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		bed_lock(b);
		fake_session(&b->s);
		script_begin(b);
		script_opened(b, &known, DOSSIER_STATE_OPEN);
		script_people(b, rows[i].people);
		b->s.mode = SESSION_MODE_BRIS_DE_GLACE;
		b->s.intents = SESSION_INTENT_CONSULT;
		assert_int_equal(bed_prepare(b), rows[i].reason);
		if (rows[i].reason != VITALED_REASON_NONE) {
			assert_string_equal(
				json_get_str(fake_audit_last("denied"), "rule"), "opposed");
		}
	}
}

static void an_authorisation_counts_from_since_until_until(void **state)
{
	static const int64_t hour = 3600LL * 1000000LL;

	static const struct {
		const char *id;
		int64_t since;
		int64_t until;
		bool counts;
	} rows[] = {
		{SELF, -1, 1, true},
		{SELF, -2, -1, false},
		{SELF, 1, 2, false}, /* the clock was set back */
		{OTHER, -1, 1, false},
	};
	struct bed *b = *state;
	char people[512];
	bool alone;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		authorised_text(people, sizeof(people), rows[i].id,
			now() + rows[i].since * hour, now() + rows[i].until * hour);
		script_unlocked(b, &known, people);
		script_unlock(b, ALL);
		assert_int_equal(
			people_authorised(session_dossier(&b->s), &alone), rows[i].counts);
		assert_int_equal(alone, rows[i].counts);
	}
	/* what has no dates never ends, so it never began */
	script_unlocked(b, &known, "{\"authorised\":[\"" SELF "\",{\"id\":\"" SELF "\"}]}");
	script_unlock(b, ALL);
	assert_false(people_authorised(session_dossier(&b->s), &alone));
}

static struct reply summary(struct bed *b)
{
	struct reply r = bed_reply();

	dossier_summary(&b->s, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

static void what_ends_meanwhile_opens_nothing_more(void **state)
{
	struct bed *b = *state;
	char people[512];
	int64_t until = now() + 400000;

	authorised_text(people, sizeof(people), SELF, 1, until);
	script_unlocked(b, &known, people);
	script_unlock(b, ALL);
	b->s.consented = false; /* open by the authorisation alone */
	while (now() < until) {
		bed_turn(b, 10);
	}
	assert_string_equal(summary(b).rule, "no-consent");
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "no-consent");
}

static void what_is_in_force_opens_without_consent(void **state)
{
	struct bed *b = *state;
	struct buf none = BUF_NULL(16);
	struct reply r;
	char people[512];

	authorised_text(people, sizeof(people), SELF, 1, now() + 3600LL * 1000000LL);
	script_unlocked(b, &known, people);
	script_rows(b, "[]", false);
	script_add(b, 'A', 0, 1, &none);
	script_unlock(b, ALL);
	b->s.consented = false;
	r = summary(b);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	close(r.fds[0]);
}

/* -- the day of a consent ----------------------------------------------------------------------- */

/* An entry of the record @ago us before now. */
static void entered(
	const char *event, const char *outcome, const char *professional, int64_t ago)
{
	struct session s;

	fake_session(&s);
	json_array_append_new(fake_audit.entries,
		json_pack("{s:s,s:s,s:s,s:s,s:I,s:{s:s,s:[s,s],s:[s]}}", "event", event,
			"outcome", outcome, "professional", professional, "pseudonym",
			s.patient.pseudonym, "time", (json_int_t)(now() - ago), "details", "id",
			professional, "acts", "consult", "feed", "without-card", "feed"));
}

/* the details of the newest entry */
static json_t *entered_details(void)
{
	return json_object_get(
		json_array_get(fake_audit.entries, json_array_size(fake_audit.entries) - 1),
		"details");
}

/* A session without the patient's card, to feed. */
static enum vitaled_reason feed_alone(struct bed *b)
{
	bed_lock(b);
	fake_session(&b->s);
	script_begin(b);
	script_opened(b, &known, DOSSIER_STATE_OPEN);
	script_people(b, "{}");
	b->s.patient.absent = true;
	b->s.intents = SESSION_INTENT_FEED;
	return bed_prepare(b);
}

static void who_had_a_consent_feeds_until_midnight(void **state)
{
	struct bed *b = *state;
	const struct dossier *d;
	time_t until;
	struct tm tm;

	assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "no-consent");
	entered("consent", "consent-refused", SELF, 0);
	entered("consent", "ok", OTHER, 0);
	assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	entered("consent", "ok", SELF,
		49LL * 3600LL * 1000000LL); /* whatever the days are long */
	assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	entered("consent", "ok", SELF, 0);
	json_array_remove(json_object_get(entered_details(), "acts"), 1); /* to read only */
	assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	entered("consent", "ok", SELF, 0);
	json_object_set_new(entered_details(), "form", json_string("running")); /* not asked */
	assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	entered("consent", "ok", SELF, 0);
	assert_int_equal(feed_alone(b), VITALED_REASON_NONE);
	d = session_dossier(&b->s);
	until = (time_t)(d->fed_until / 1000000);
	assert_non_null(localtime_r(&until, &tm));
	assert_int_equal(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec, 0);
	assert_true(d->fed_until > d->fed_since);
	assert_true(d->fed_until - d->fed_since <= 25LL * 3600LL * 1000000LL);
}

/* A session without the patient's card, for @intents, on a dossier with @people. */
static enum vitaled_reason open_alone(struct bed *b, const char *people, unsigned int intents)
{
	bed_lock(b);
	fake_session(&b->s);
	script_begin(b);
	script_opened(b, &known, DOSSIER_STATE_OPEN);
	script_people(b, people);
	b->s.patient.absent = true;
	b->s.intents = intents;
	return bed_prepare(b);
}

static void without_the_card_all_that_is_intended_must_be_agreed_already(void **state)
{
	const unsigned int feed = SESSION_INTENT_FEED;
	const unsigned int both = SESSION_INTENT_FEED | SESSION_INTENT_CONSULT;
	struct bed *b = *state;
	char people[512];

	entered("consent", "ok", SELF, 0);
	assert_int_equal(open_alone(b, "{}", feed), VITALED_REASON_NONE);
	assert_true(dossier_agreed(&b->s));
	assert_int_equal(open_alone(b, "{}", both), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "no-consent");
	authorised_text(people, sizeof(people), SELF, 1, now() + 3600LL * 1000000LL);
	assert_int_equal(open_alone(b, people, both), VITALED_REASON_NONE);
	assert_true(dossier_agreed(&b->s));
	assert_int_equal(open_alone(b, people, both | SESSION_INTENT_OPPOSE),
		VITALED_REASON_NOT_PERMITTED);
	assert_int_equal(open_alone(b, BLOCKED(SELF), feed), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "blocked");
	authorised_text(people, sizeof(people), SELF, 1, now() - 1);
	assert_int_equal(
		open_alone(b, people, SESSION_INTENT_CONSULT), VITALED_REASON_NOT_PERMITTED);
}

static void what_the_patient_was_not_told_does_not_open_without_their_card(void **state)
{
	const unsigned int consult = SESSION_INTENT_CONSULT;
	struct bed *b = *state;
	char people[512];

	/* as every row from before it was kept what was told */
	(void)snprintf(people, sizeof(people),
		"{\"authorised\":[{\"by\":{},\"id\":\"" SELF
		"\",\"since\":1,\"until\":%lld,\"without-card\":false}]}",
		(long long)(now() + 3600LL * 1000000LL));
	assert_int_equal(open_alone(b, people, consult), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(
		json_get_str(fake_audit_last("denied"), "rule"), "not-told-without-card");
	bed_lock(b);
	script_unlocked(b, &known, people);
	script_unlock(b, consult); /* with their card */
	assert_true(dossier_agreed(&b->s));
	entered("consent", "ok", SELF, 0);
	assert_int_equal(feed_alone(b), VITALED_REASON_NONE);
	assert_int_equal(open_alone(b, people, SESSION_INTENT_FEED), VITALED_REASON_NONE);
	/* the newest consent says; an entry from before has no such member */
	entered("consent", "ok", SELF, 0);
	json_object_del(entered_details(), "without-card");
	assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(
		json_get_str(fake_audit_last("denied"), "rule"), "not-told-without-card");
	entered("consent", "ok", SELF, 0);
	json_array_set_new(json_object_get(entered_details(), "without-card"), 0,
		json_string("authorise"));
	assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	authorised_text(people, sizeof(people), SELF, 1, now() + 3600LL * 1000000LL);
	assert_int_equal(open_alone(b, people, SESSION_INTENT_FEED), VITALED_REASON_NONE);
}

static void a_consent_counts_however_much_was_told_since(void **state)
{
	struct bed *b = *state;

	entered("consent", "ok", SELF, 0);
	for (unsigned int i = 0; i < LIMIT_HISTORY + 10; i++) {
		entered("denied", "not-permitted", OTHER, 0);
	}
	assert_int_equal(feed_alone(b), VITALED_REASON_NONE);
}

static void a_consent_that_was_revoked_feeds_nothing(void **state)
{
	struct bed *b = *state;

	entered("consent", "ok", SELF, 0);
	entered("revoked", "ok", OTHER, 0);
	assert_int_equal(feed_alone(b), VITALED_REASON_NONE);
	entered("revoked", "recovered", SELF, 0);
	assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	entered("consent", "ok", SELF, 0);
	assert_int_equal(feed_alone(b), VITALED_REASON_NONE);
	json_object_set_new(
		json_array_get(fake_audit.entries, json_array_size(fake_audit.entries) - 1),
		"time", json_string("now"));
	assert_int_equal(feed_alone(b), VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void a_consent_before_a_block_feeds_nothing_though_it_was_lifted(void **state)
{
	static const char *const outcomes[] = {"ok", "recovered"};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(outcomes); i++) {
		entered("consent", "ok", SELF, 0);
		entered("blocked", "ok", OTHER, 0);
		json_object_set_new(entered_details(), "on", json_true());
		entered("blocked", "ok", SELF, 0); /* an older one is lifted */
		json_object_set_new(entered_details(), "on", json_false());
		assert_int_equal(feed_alone(b), VITALED_REASON_NONE);
		entered("blocked", outcomes[i], SELF, 0);
		json_object_set_new(entered_details(), "on", json_true());
		assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
		entered("blocked", "ok", SELF, 0);
		json_object_set_new(entered_details(), "on", json_false());
		assert_int_equal(feed_alone(b), VITALED_REASON_NOT_PERMITTED);
	}
	entered("consent", "ok", SELF, 0);
	assert_int_equal(feed_alone(b), VITALED_REASON_NONE);
}

static void what_ends_before_it_is_used_is_refused_with_its_rule(void **state)
{
	struct bed *b = *state;
	struct dossier *d;
	char people[512];

	authorised_text(people, sizeof(people), SELF, 1, now() + 3600LL * 1000000LL);
	assert_int_equal(open_alone(b, people, SESSION_INTENT_CONSULT), VITALED_REASON_NONE);
	assert_int_equal(dossier_worth_asking(&b->s), VITALED_REASON_NONE);
	assert_int_equal(fake_audit_count("denied", "not-permitted"), 0);
	d = session_dossier(&b->s);
	json_integer_set(json_object_get(json_array_get(d->mine, 0), "until"), now() - 1);
	assert_int_equal(dossier_worth_asking(&b->s), VITALED_REASON_NOT_PERMITTED);
	assert_int_equal(fake_audit_count("denied", "not-permitted"), 1);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "no-consent");
	fake_audit.refuse = 1;
	assert_int_equal(dossier_worth_asking(&b->s), VITALED_REASON_AUDIT_UNAVAILABLE);
}

/* -- the list ----------------------------------------------------------------------------------- */

static void the_list_tells_what_has_ended_for_a_year(void **state)
{
	_cleanup_json_ json_t *list = NULL;
	struct bed *b = *state;
	const json_t *rows;
	struct reply r;
	char people[1024];
	int64_t day = 24LL * 3600LL * 1000000LL;
	int64_t at = now();

	(void)snprintf(people, sizeof(people),
		"{\"authorised\":["
		"{\"by\":{\"id\":\"x\"},\"id\":\"1\",\"name\":\"One\",\"since\":1,\"until\":%"
		"lld},"
		"{\"by\":{},\"id\":\"2\",\"since\":1,\"until\":%lld},"
		"{\"by\":{},\"id\":\"3\",\"since\":1,\"until\":%lld},"
		"\"4\"],"
		"\"blocked\":[{\"by\":{},\"id\":\"5\",\"since\":1}],"
		"\"created\":1,\"format\":2,\"masked-allowed\":true,"
		"\"oppositions\":[{\"by\":{},\"mode\":\"centre_15\",\"since\":1}],"
		"\"treating-doctor\":{\"by\":{},\"id\":\"6\",\"since\":1}}",
		(long long)(at + day), (long long)(at - 364 * day),
		(long long)(at - 366 * day));
	script_unlocked(b, &known, people);
	script_unlock(b, SESSION_INTENT_CONSULT);
	r = listed(b);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	list = bed_json(r.fds[0]);
	assert_int_equal(json_object_size(list), 5);
	assert_true(json_is_true(json_object_get(list, "masked-allowed")));
	rows = json_object_get(list, "authorised");
	assert_int_equal(json_array_size(rows), 2);
	assert_string_equal(json_get_str(json_array_get(rows, 0), "name"), "One");
	assert_null(json_object_get(json_array_get(rows, 0), "ended"));
	assert_string_equal(json_get_str(json_array_get(rows, 1), "id"), "2");
	assert_true(json_is_true(json_object_get(json_array_get(rows, 1), "ended")));
	assert_string_equal(
		json_get_str(json_array_get(json_object_get(list, "blocked"), 0), "id"), "5");
	assert_string_equal(
		json_get_str(json_array_get(json_object_get(list, "oppositions"), 0), "mode"),
		"centre_15");
	assert_string_equal(json_get_str(json_object_get(list, "treating-doctor"), "id"), "6");
	assert_int_equal(fake_audit_count("people-listed", "ok"), 1);
	assert_int_equal(json_integer_value(told("people-listed", "authorised")), 2);
	assert_int_equal(json_integer_value(told("people-listed", "blocked")), 1);
}

static void an_empty_list_has_all_its_members(void **state)
{
	_cleanup_json_ json_t *list = NULL;
	_cleanup_json_ json_t *wanted = NULL;
	struct bed *b = *state;

	script_unlocked(b, &known, "{}");
	script_unlock(b, SESSION_INTENT_CONSULT);
	list = bed_json(listed(b).fds[0]);
	wanted = json_pack("{s:[],s:[],s:n,s:[],s:b}", "authorised", "blocked",
		"treating-doctor", "oppositions", "masked-allowed", false);
	assert_true(json_equal(list, wanted));
}

static void a_list_that_cannot_be_recorded_is_not_told(void **state)
{
	struct bed *b = *state;
	struct reply r;

	script_unlocked(b, &known, "{}");
	script_unlock(b, SESSION_INTENT_CONSULT);
	fake_audit.refuse = 1;
	r = listed(b);
	assert_int_equal(r.reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_int_equal(r.fds[0], -1);
	assert_int_equal(b->s.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void history_tells_who_was_authorised_and_blocked(void **state)
{
	_cleanup_json_ json_t *entries = NULL;
	struct bed *b = *state;
	struct reply r = bed_reply();
	const json_t *row;

	expect_act(b, &known, ALL, TREATING, BLOCKED(OTHER));
	assert_int_equal(act_block(b).reason, VITALED_REASON_NONE);
	dossier_history(&b->s, NULL, bed_done_fn, &r);
	bed_wait(b, &r);
	entries = bed_json(r.fds[0]);
	row = json_array_get(entries, 0);
	assert_string_equal(json_get_str(row, "event"), "blocked");
	assert_string_equal(json_get_str(json_object_get(row, "details"), "id"), OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(people_that_are_none_are_child_failed),
		T(who_is_blocked_is_not_asked_for),
		T(the_treating_doctor_is_who_is_named),
		T(an_opposition_keeps_an_emergency_of_its_mode_out),
		T(an_authorisation_counts_from_since_until_until),
		T(what_ends_meanwhile_opens_nothing_more),
		T(what_is_in_force_opens_without_consent),
		T(who_had_a_consent_feeds_until_midnight),
		T(without_the_card_all_that_is_intended_must_be_agreed_already),
		T(what_the_patient_was_not_told_does_not_open_without_their_card),
		T(a_consent_counts_however_much_was_told_since),
		T(a_consent_that_was_revoked_feeds_nothing),
		T(a_consent_before_a_block_feeds_nothing_though_it_was_lifted),
		T(what_ends_before_it_is_used_is_refused_with_its_rule),
		T(the_list_tells_what_has_ended_for_a_year),
		T(an_empty_list_has_all_its_members),
		T(a_list_that_cannot_be_recorded_is_not_told),
		T(history_tells_who_was_authorised_and_blocked),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
