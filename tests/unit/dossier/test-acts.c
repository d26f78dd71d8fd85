/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Who may open the dossier later: the acts that change it, what the process is told of each, what the
 * record says, whose session ends by it, and who is refused what. The process is a script (strange.c).
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
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

/* -- whom --------------------------------------------------------------------------------------- */

static const char *rule_of(struct bed *b, who_fn call, const char *who)
{
	static char rule[64];
	struct reply r = with(b, call, who);

	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	(void)snprintf(rule, sizeof(rule), "%s", r.rule);
	return rule;
}

static void what_names_nobody_is_refused_by_its_member(void **state)
{
	static const struct {
		who_fn call;
		const char *who;
		const char *rule;
	} rows[] = {
		{dossier_authorise, "", "who"},
		{dossier_authorise, "[]", "who"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"id\":\"" OTHER "\"}", "who"},
		{dossier_authorise, "{}", "id"},
		{dossier_authorise, "{\"id\":7}", "id"},
		{dossier_authorise, "{\"id\":\"\"}", "id"},
		{dossier_authorise, "{\"id\":\"8997 00000001\"}", "id"},
		{dossier_authorise, "{\"id\":\"é\"}", "id"},
		{dossier_authorise,
			"{\"id\":"
			"\"0123456789012345678901234567890123456789012345678901234567890123"
			"\"}",
			"id"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"name\":\"\"}", "name"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"name\":\"a\\nb\"}", "name"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"name\":\"a\\u0085b\"}", "name"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"name\":null}", "name"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"until\":\"x\"}", "until"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"until\":1}", "until"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"until\":-1}", "until"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"until\":9223372036854775807}",
			"until"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"colour\":\"red\"}", "colour"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"\\u0001\":1}", "who"},
		{dossier_authorise, "{\"id\":\"" SELF "\",\"\":1}", "who"},
		{dossier_authorise,
			"{\"id\":\"" SELF
			"\",\"a2345678901234567890123456789012345678901234567890"
			"12345678901234\":1}",
			"who"},
		{dossier_revoke, "{\"id\":\"" SELF "\",\"until\":9000000000000000}", "until"},
		{block_on, "{\"id\":\"" SELF "\",\"until\":9000000000000000}", "until"},
		{block_off, "{\"name\":\"x\"}", "id"},
	};
	struct bed *b = *state;
	struct reply r = bed_reply();
	int ends[2];

	script_unlocked(b, &known, "{}");
	script_unlock(b, ALL);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(rule_of(b, rows[i].call, rows[i].who), rows[i].rule);
	}
	assert_int_equal(pipe(ends), 0);
	dossier_authorise(&b->s, ends[0], bed_done_fn, &r);
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	assert_string_equal(r.rule, "who");
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(fake_audit_count("authorised", "started"), 0);
	assert_false(b->s.ended);
}

static void an_end_is_ten_years_away_at_most(void **state)
{
	struct bed *b = *state;
	char who[128];
	int64_t most = (int64_t)LIMIT_AUTHORISED_MOST;

	script_unlocked(b, &known, "{}");
	script_changed(b, &known, NULL, "{}");
	script_unlock(b, ALL);
	(void)snprintf(who, sizeof(who), "{\"id\":\"" SELF "\",\"until\":%lld}",
		(long long)(now() + most + 60000000LL));
	assert_string_equal(rule_of(b, dossier_authorise, who), "until");
	(void)snprintf(who, sizeof(who), "{\"id\":\"" SELF "\",\"until\":%lld}",
		(long long)(now() + most - 60000000LL));
	assert_int_equal(with(b, dossier_authorise, who).reason, VITALED_REASON_NONE);
}

/* -- acts --------------------------------------------------------------------------------------- */

static void an_authorisation_ends_in_a_year_when_nothing_is_said(void **state)
{
	_cleanup_json_ json_t *act = NULL;
	struct bed *b = *state;
	int64_t before = now();
	int64_t until;

	expect_act(b, &known, SESSION_INTENT_AUTHORISE, "{}", "{}");
	assert_int_equal(with(b, dossier_authorise, "{\"id\":\"" SELF "\"}").reason,
		VITALED_REASON_NONE);
	act = script_heard(b, DOSSIER_OP_PEOPLE);
	assert_int_equal(json_get_int(act, "until", before + (int64_t)LIMIT_AUTHORISED,
				 now() + (int64_t)LIMIT_AUTHORISED, &until),
		0);
	assert_int_equal(json_integer_value(told("authorised", "until")), until);
	assert_recorded(&known, "authorised");
}

static void an_authorisation_is_told_with_its_end_and_the_name_on_the_card(void **state)
{
	struct bed *b = *state;
	int64_t before = now();
	int64_t until = before + 60000000LL;
	char who[256];
	char act[256];

	expect_act(b, &known, SESSION_INTENT_AUTHORISE, "{}", "{}");
	(void)snprintf(who, sizeof(who),
		"{\"id\":\"" SELF "\",\"name\":\"Someone\",\"until\":%lld}", (long long)until);
	(void)snprintf(act, sizeof(act),
		"{\"act\":\"authorise\",\"id\":\"" SELF
		"\",\"name\":\"Anne DUVAL\",\"until\":%lld,\"without-card\":false}",
		(long long)until);
	assert_int_equal(with(b, dossier_authorise, who).reason, VITALED_REASON_NONE);
	assert_act(b, before, act);
	assert_string_equal(told_text("authorised", "id"), SELF);
	assert_int_equal(json_integer_value(told("authorised", "until")), until);
	assert_recorded(&known, "authorised");
	assert_false(b->s.ended);
}

static void what_the_patient_was_told_goes_with_the_authorisation(void **state)
{
	static const unsigned int told_of[] = {0, SESSION_INTENT_FEED, SESSION_INTENT_AUTHORISE,
		SESSION_INTENT_FEED | SESSION_INTENT_AUTHORISE};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(told_of); i++) {
		_cleanup_json_ json_t *act = NULL;

		expect_act(b, &known, SESSION_INTENT_AUTHORISE, "{}", "{}");
		b->s.without_card = told_of[i];
		assert_int_equal(with(b, dossier_authorise, "{\"id\":\"" SELF "\"}").reason,
			VITALED_REASON_NONE);
		act = script_heard(b, DOSSIER_OP_PEOPLE);
		assert_int_equal(json_is_true(json_object_get(act, "without-card")), i >= 2);
		script_moved(&known);
	}
}

static void what_is_given_counts_in_the_same_turn(void **state)
{
	struct bed *b = *state;
	bool alone;
	char people[512];

	authorised_text(people, sizeof(people), SELF, 1, now() + 3600LL * 1000000LL);
	expect_act(b, &known, ALL, "{}", people);
	assert_false(people_authorised(session_dossier(&b->s), &alone));
	assert_false(alone);
	assert_int_equal(with(b, dossier_authorise, "{\"id\":\"" SELF "\"}").reason,
		VITALED_REASON_NONE);
	assert_true(people_authorised(session_dossier(&b->s), &alone));
	assert_true(alone);
}

static void revoking_ends_the_session_of_who_is_named(void **state)
{
	struct bed *b = *state;
	struct reply r;
	char people[512];

	authorised_text(people, sizeof(people), SELF, 1, now() + 3600LL * 1000000LL);
	expect_act(b, &known, SESSION_INTENT_CONSULT, people,
		"{}"); /* needs no intent of its own */
	r = with(b, dossier_revoke, "{\"id\":\"" SELF "\"}");
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	assert_true(b->s.ended);
	assert_int_equal(b->s.end_reason, VITALED_REASON_REVOKED);
	assert_null(b->s.dossier);
	assert_string_equal(told_text("revoked", "id"), SELF);
	assert_recorded(&known, "revoked");
}

static void what_waits_behind_a_revocation_is_not_begun(void **state)
{
	struct bed *b = *state;
	struct reply revoked = bed_reply();
	struct reply waiting = bed_reply();
	int fd = who_fd("{\"id\":\"" SELF "\"}");

	expect_act(b, &known, ALL, "{}", "{}");
	dossier_revoke(&b->s, fd, bed_done_fn, &revoked);
	dossier_list(&b->s, NULL, bed_done_fn, &waiting);
	close(fd);
	bed_wait(b, &revoked);
	assert_int_equal(revoked.reason, VITALED_REASON_NONE);
	/* in the same turn */
	assert_true(waiting.done);
	assert_int_equal(waiting.reason, VITALED_REASON_REVOKED);
	assert_int_equal(waiting.times, 1);
	assert_null(fake_audit_last("dossier-listed"));
}

struct again {
	struct bed *b;
	struct reply first;
	struct reply second;
};

static void call_again(void *user, struct dossier_reply *r)
{
	struct again *a = user;

	bed_done_fn(&a->first, r);
	dossier_list_professionals(&a->b->s, bed_done_fn, &a->second);
}

static void who_was_revoked_begins_nothing_more(void **state)
{
	struct bed *b = *state;
	struct again a = {.b = b, .first = bed_reply(), .second = bed_reply()};
	int fd = who_fd("{\"id\":\"" SELF "\"}");

	expect_act(b, &known, ALL, "{}", "{}");
	dossier_revoke(&b->s, fd, call_again, &a);
	close(fd);
	bed_wait(b, &a.first);
	assert_int_equal(a.first.reason, VITALED_REASON_NONE);
	assert_int_equal(a.second.times, 1);
	assert_int_equal(a.second.reason, VITALED_REASON_WRONG_STATE);
	assert_null(fake_audit_last("people-listed"));
}

static void a_call_from_within_an_answer_runs_once(void **state)
{
	struct bed *b = *state;
	struct again a = {.b = b, .first = bed_reply(), .second = bed_reply()};

	script_unlocked(b, &known, "{}");
	script_unlock(b, ALL);
	dossier_list_professionals(&b->s, call_again, &a);
	assert_int_equal(a.first.reason, VITALED_REASON_NONE);
	assert_int_equal(a.second.times, 1);
	assert_int_equal(fake_audit_count("people-listed", "ok"), 2);
	close(a.first.fds[0]);
	close(a.second.fds[0]);
}

static void the_treating_doctor_blocks_others(void **state)
{
	struct bed *b = *state;
	int64_t before = now();

	expect_act(b, &known, SESSION_INTENT_AUTHORISE, TREATING, BLOCKED(OTHER));
	assert_int_equal(with(b, block_on, "{\"id\":\"" OTHER "\",\"name\":\"Paul É\"}").reason,
		VITALED_REASON_NONE);
	assert_act(b, before, "{\"act\":\"block\",\"id\":\"" OTHER "\",\"name\":\"Paul É\"}");
	assert_string_equal(told_text("blocked", "id"), OTHER);
	assert_true(json_is_true(told("blocked", "on")));
	assert_recorded(&known, "blocked");
	assert_false(b->s.ended);
	fake_audit.refuse = 0;
	expect_act(b, &known, SESSION_INTENT_AUTHORISE, BLOCKED(OTHER), TREATING);
	before = now();
	assert_int_equal(
		with(b, block_off, "{\"id\":\"" OTHER "\"}").reason, VITALED_REASON_NONE);
	assert_act(b, before, "{\"act\":\"unblock\",\"id\":\"" OTHER "\"}");
	assert_true(json_is_false(told("blocked", "on")));
	script_moved(&known);
}

static void blocking_ends_the_session_of_who_is_named(void **state)
{
	struct bed *b = *state;

	expect_act(b, &known, SESSION_INTENT_AUTHORISE, TREATING, BLOCKED(SELF));
	assert_int_equal(
		with(b, block_on, "{\"id\":\"" SELF "\"}").reason, VITALED_REASON_NONE);
	assert_int_equal(b->s.end_reason, VITALED_REASON_REVOKED);
	assert_recorded(&known, "blocked");
}

static void the_role_of_treating_doctor_is_taken_and_left(void **state)
{
	struct bed *b = *state;
	int64_t before = now();

	expect_act(b, &known, SESSION_INTENT_TREATING_DOCTOR, "{}", TREATING);
	assert_int_equal(treating(b, true).reason, VITALED_REASON_NONE);
	assert_act(b, before,
		"{\"act\":\"treating-doctor\",\"id\":\"" SELF "\",\"name\":\"Anne DUVAL\"}");
	assert_true(((const struct dossier *)session_dossier(&b->s))->treating);
	assert_true(json_is_true(told("treating-doctor", "on")));
	assert_recorded(&known, "treating-doctor");
	expect_act(b, &known, SESSION_INTENT_CONSULT, TREATING, "{\"treating-doctor\":null}");
	before = now();
	assert_int_equal(treating(b, false).reason, VITALED_REASON_NONE);
	assert_act(b, before,
		"{\"act\":\"no-treating-doctor\",\"id\":\"" SELF "\",\"name\":\"Anne DUVAL\"}");
	assert_false(((const struct dossier *)session_dossier(&b->s))->treating);
	assert_true(json_is_false(told("treating-doctor", "on")));
	assert_false(b->s.ended);
	script_moved(&known);
}

static void an_opposition_is_told_with_its_mode(void **state)
{
	static const char *const modes[] = {"bris_de_glace", "centre_15"};
	struct bed *b = *state;
	char act[64];

	for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
		int64_t before = now();

		expect_act(b, &known, SESSION_INTENT_OPPOSE, "{}", "{}");
		assert_int_equal(oppose(b, modes[i], true).reason, VITALED_REASON_NONE);
		(void)snprintf(
			act, sizeof(act), "{\"act\":\"oppose\",\"mode\":\"%s\"}", modes[i]);
		assert_act(b, before, act);
		assert_string_equal(told_text("opposition", "mode"), modes[i]);
		assert_true(json_is_true(told("opposition", "on")));
		script_moved(&known);
	}
	assert_int_equal(fake_audit_count("opposition", "ok"), 2);
	script_unlocked(b, &known, "{}");
	script_unlock(b, ALL);
	assert_string_equal(oppose(b, "normal", true).rule, "mode");
	assert_string_equal(oppose(b, "", false).rule, "mode");
	assert_int_equal(oppose(b, "patient", true).reason, VITALED_REASON_INVALID_ARGUMENT);
}

static void what_emergencies_may_see_is_told_and_counts_at_once(void **state)
{
	struct bed *b = *state;
	int64_t before = now();

	expect_act(b, &known, SESSION_INTENT_OPPOSE, "{}", "{\"masked-allowed\":true}");
	assert_int_equal(act_allow_masked(b).reason, VITALED_REASON_NONE);
	assert_act(b, before, "{\"act\":\"allow-masked\",\"on\":true}");
	assert_true(json_is_true(told("masked-allowed", "on")));
	assert_true(((const struct dossier *)session_dossier(&b->s))->masked_allowed);
	assert_recorded(&known, "masked-allowed");
	expect_act(b, &known, SESSION_INTENT_OPPOSE, "{\"masked-allowed\":true}",
		"{\"masked-allowed\":false}");
	before = now();
	assert_int_equal(act_hide_masked(b).reason, VITALED_REASON_NONE);
	assert_act(b, before, "{\"act\":\"allow-masked\",\"on\":false}");
	assert_true(json_is_false(told("masked-allowed", "on")));
	assert_false(((const struct dossier *)session_dossier(&b->s))->masked_allowed);
	script_moved(&known);
}

/* -- who may not -------------------------------------------------------------------------------- */

static void what_rights_refuse_is_recorded_and_not_asked(void **state)
{
	static const struct {
		struct reply (*call)(struct bed *b);
		unsigned int intents;
		const char *people;
		const char *id;
		uint8_t profession;
		enum session_mode mode;
		bool consented;
		enum proof proof;
		const char *rule;
	} rows[] = {

#define NORMAL SESSION_MODE_NORMAL, true, PROOF_MUTUAL
		{act_authorise_other, ALL, "{}", SELF, 10, NORMAL, "not-self"},
		{act_revoke_other, ALL, TREATING, SELF, 10, NORMAL, "not-self"},
		{act_authorise, BED_ALL, "{}", SELF, 10, NORMAL, "intent"},
		{act_block, BED_ALL, TREATING, SELF, 10, NORMAL, "intent"},
		{act_unblock, BED_ALL, TREATING, SELF, 10, NORMAL, "intent"},
		{act_block, ALL, "{}", SELF, 10, NORMAL, "role-forbidden"},
		{act_unblock, ALL, TREATING, OTHER, 10, NORMAL, "role-forbidden"},
		{act_take, BED_ALL, "{}", SELF, 10, NORMAL, "intent"},
		{act_take, ALL, "{}", SELF, 21, NORMAL, "role-forbidden"},
		{act_leave, ALL, "{}", SELF, 10, NORMAL, "role-forbidden"},
		{act_oppose, BED_ALL, "{}", SELF, 10, NORMAL, "intent"},
		{act_allow_masked, BED_ALL, "{}", SELF, 10, NORMAL, "intent"},
		{act_hide_masked, BED_ALL, "{}", SELF, 10, NORMAL, "intent"},
		{act_authorise, ALL, "{}", SELF, 10, SESSION_MODE_NORMAL, false, PROOF_MUTUAL,
			"no-consent"},
		{act_authorise, ALL, "{}", SELF, 10, SESSION_MODE_NORMAL, true, PROOF_READ,
			"proof"},
		{act_authorise, ALL, "{}", SELF, 10, SESSION_MODE_BRIS_DE_GLACE, true,
			PROOF_MUTUAL, "mode"},
		{listed, ALL, "{}", SELF, 10, SESSION_MODE_BRIS_DE_GLACE, true, PROOF_MUTUAL,
			"mode"},
		{listed, ALL, "{}", SELF, 10, SESSION_MODE_NORMAL, false, PROOF_MUTUAL,
			"no-consent"},
#undef NORMAL
	};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct reply r;

		script_unlocked(b, &known, rows[i].people);
		bed_lock(b);
		fake_session(&b->s);
		b->s.intents = ALL;
		bed_become(b, rows[i].id, rows[i].profession, "SA07");
		assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
		assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
		b->s.intents = rows[i].intents;
		b->s.mode = rows[i].mode;
		b->s.consented = rows[i].consented;
		b->s.proof = rows[i].proof;
		r = rows[i].call(b);
		assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
		assert_string_equal(r.rule, rows[i].rule);
		assert_string_equal(
			json_get_str(fake_audit_last("denied"), "rule"), rows[i].rule);
		assert_int_equal(fake_audit_count("denied", "not-permitted"), i + 1);
		assert_false(b->s.ended);
	}
	assert_null(script_heard(b, DOSSIER_OP_PEOPLE));
}

static void a_dossier_that_is_not_there_has_no_people(void **state)
{
	struct bed *b = *state;
	struct script absent = {.version = 0};

	fake_audit_reset();
	script_begin(b);
	script_opened(b, &absent, DOSSIER_STATE_ABSENT);
	script_people(b, "{}");
	script_people(b, "{}");
	script_unlock(b, ALL);
	assert_int_equal(listed(b).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(act_authorise(b).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(act_take(b).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(fake_audit_count("authorised", "started"), 0);
	bed_lock(b);
	assert_int_equal(listed(b).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(act_authorise(b).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(act_oppose(b).reason, VITALED_REASON_WRONG_STATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_names_nobody_is_refused_by_its_member),
		T(an_end_is_ten_years_away_at_most),
		T(an_authorisation_ends_in_a_year_when_nothing_is_said),
		T(an_authorisation_is_told_with_its_end_and_the_name_on_the_card),
		T(what_the_patient_was_told_goes_with_the_authorisation),
		T(what_is_given_counts_in_the_same_turn),
		T(revoking_ends_the_session_of_who_is_named),
		T(what_waits_behind_a_revocation_is_not_begun),
		T(who_was_revoked_begins_nothing_more),
		T(a_call_from_within_an_answer_runs_once),
		T(the_treating_doctor_blocks_others),
		T(blocking_ends_the_session_of_who_is_named),
		T(the_role_of_treating_doctor_is_taken_and_left),
		T(an_opposition_is_told_with_its_mode),
		T(what_emergencies_may_see_is_told_and_counts_at_once),
		T(what_rights_refuse_is_recorded_and_not_asked),
		T(a_dossier_that_is_not_there_has_no_people),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
