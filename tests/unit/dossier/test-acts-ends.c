/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Acts on people that come to no good end: the record, the process or the session fails before, within
 * or after; and other sessions that have the same dossier. The process is a script (strange.c).
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

/* -- the record, the process, the end of the session ---------------------------------------------- */

static const struct {
	struct reply (*call)(struct bed *b);
	const char *event;
} acts[] = {{act_authorise, "authorised"}, {act_revoke, "revoked"}, {act_block, "blocked"},
	{act_unblock, "blocked"}, {act_take, "treating-doctor"}, {act_leave, "treating-doctor"},
	{act_oppose, "opposition"}, {act_allow_masked, "masked-allowed"}};

static void what_cannot_be_recorded_is_not_begun(void **state)
{
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		expect_act(b, &known, ALL, TREATING, TREATING);
		fake_audit.refuse = 1;
		assert_int_equal(acts[i].call(b).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
		assert_int_equal(b->s.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
		assert_null(script_heard(b, DOSSIER_OP_PEOPLE));
		assert_null(fake_audit_last(acts[i].event));
		fake_audit.refuse = 0;
	}
}

static void a_refusal_that_cannot_be_recorded_ends_the_session(void **state)
{
	struct bed *b = *state;

	script_unlocked(b, &known, "{}");
	script_unlock(b, ALL);
	fake_audit.refuse = 1;
	assert_int_equal(act_authorise_other(b).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
	assert_true(b->s.ended);
}

static void an_end_that_cannot_be_recorded_is_recovered_with_its_details(void **state)
{
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		_cleanup_json_ json_t *details = NULL;

		expect_act(b, &known, ALL, TREATING, TREATING);
		fake_audit.refuse = UINT_MAX;
		fake_audit.after = 1;
		assert_int_equal(acts[i].call(b).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
		assert_int_equal(b->s.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
		fake_audit.refuse = 0;
		details =
			json_incref(json_object_get(fake_audit_last(acts[i].event), "details"));
		assert_non_null(details);
		/* the store is one ahead: that change is the one that was started */
		script_begin(b);
		script_ahead(b, &known);
		script_people(b, TREATING);
		script_people(b, TREATING);
		script_unlock(b, ALL);
		assert_true(bed_recovered(acts[i].event, details));
		script_moved(&known);
	}
}

static void what_the_record_wrote_anew_is_recovered_without_its_remark(void **state)
{
	static const char *const details[] = {
		"{\"id\":\"" SELF "\",\"kept-from\":7}", "{\"kept-from\":7}"};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(details); i++) {
		_cleanup_json_ json_t *j = NULL;
		const json_t *last;

		expect_act(b, &known, ALL, "{}", "{}");
		fake_audit.refuse = UINT_MAX;
		fake_audit.after = 1;
		(void)act_authorise(b);
		fake_audit.refuse = 0;
		assert_int_equal(json_parse(view_str(details[i]), &j), 0);
		json_object_set(json_array_get(fake_audit.entries,
					json_array_size(fake_audit.entries) - 1),
			"details", j);
		script_begin(b);
		script_ahead(b, &known);
		script_people(b, "{}");
		script_people(b, "{}");
		script_unlock(b, ALL);
		last = json_object_get(fake_audit_last("authorised"), "details");
		assert_int_equal(fake_audit_count("authorised", "recovered"), i + 1);
		assert_null(json_object_get(last, "kept-from"));
		assert_int_equal(json_object_size(last), i == 0 ? 2 : 1);
		script_moved(&known);
	}
}

static void a_process_that_dies_leaves_the_beginning_as_the_last_word(void **state)
{
	static const char kinds[] = {'X', 'Q', '.'};
	struct bed *b = *state;

	for (size_t k = 0; k < sizeof(kinds); k++) {
		for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
			script_unlocked(b, &known, TREATING);
			script_plain(b, kinds[k], 0);
			script_unlock(b, ALL);
			assert_int_equal(acts[i].call(b).reason, VITALED_REASON_CHILD_FAILED);
			assert_int_equal(b->s.end_reason, VITALED_REASON_CHILD_FAILED);
			assert_string_equal(
				json_get_str(fake_audit_last(acts[i].event), "outcome"),
				"started");
		}
	}
	/* and it opens as it was: nothing had been changed */
	script_unlocked(b, &known, TREATING);
	script_unlock(b, ALL);
	assert_int_equal(fake_audit_count("opposition", "recovered"), 0);
}

static void outcomes_of_acts_have_their_reasons(void **state)
{
	static const struct {
		unsigned int outcome;
		enum vitaled_reason reason;
		bool ends;
	} rows[] = {
		{DOSSIER_WRONG_STATE, VITALED_REASON_WRONG_STATE, false},
		{DOSSIER_INVALID, VITALED_REASON_INVALID_ARGUMENT, false},
		{DOSSIER_TOO_LARGE, VITALED_REASON_LIMITS_EXCEEDED, false},
		{DOSSIER_FULL, VITALED_REASON_STORE_UNAVAILABLE, false},
		{DOSSIER_DAMAGED, VITALED_REASON_STORE_UNAVAILABLE, true},
		{DOSSIER_FAULT, VITALED_REASON_CHILD_FAILED, true},
		{99, VITALED_REASON_FAILED, false},
	};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		for (size_t k = 0; k < ARRAY_LEN(acts); k++) {
			script_unlocked(b, &known, TREATING);
			script_plain(b, 'A', rows[i].outcome);
			script_unlock(b, ALL);
			assert_int_equal(acts[k].call(b).reason, rows[i].reason);
			assert_int_equal(b->s.ended, rows[i].ends);
			assert_string_equal(
				json_get_str(fake_audit_last(acts[k].event), "outcome"),
				rows[i].ends ? "started" : vitaled_reason_word(rows[i].reason));
		}
	}
	/* ... which cannot be recorded */
	script_unlocked(b, &known, TREATING);
	script_plain(b, 'A', DOSSIER_FULL);
	script_unlock(b, ALL);
	fake_audit.refuse = 1;
	fake_audit.after = 1;
	assert_int_equal(act_oppose(b).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void answers_that_lack_something_are_child_failed(void **state)
{
	static const char *const people[] = {NULL, "{", "[]", "{\"blocked\":1}"};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(people); i++) {
		script_unlocked(b, &known, "{}");
		script_changed(b, &known, NULL, people[i]);
		script_unlock(b, ALL);
		assert_int_equal(act_authorise(b).reason, VITALED_REASON_CHILD_FAILED);
		assert_true(b->s.ended);
	}
	/* people without version and hash */
	script_unlocked(b, &known, "{}");
	script_people(b, "{}");
	script_unlock(b, ALL);
	assert_int_equal(act_authorise(b).reason, VITALED_REASON_CHILD_FAILED);
	assert_string_equal(json_get_str(fake_audit_last("authorised"), "outcome"), "started");
}

static void a_session_that_ends_meanwhile_has_begun_and_not_ended_it(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();
	int fd = who_fd("{\"id\":\"" SELF "\"}");

	script_unlocked(b, &known, "{}");
	script_plain(b, 'N', 0);
	script_unlock(b, ALL);
	dossier_authorise(&b->s, fd, bed_done_fn, &r);
	bed_turn(b, 20);
	assert_false(r.done);
	bed_lock(b);
	assert_int_equal(r.times, 1);
	assert_int_equal(r.reason, VITALED_REASON_WRONG_STATE);
	assert_string_equal(json_get_str(fake_audit_last("authorised"), "outcome"), "started");
	/* a caller that has left is not called */
	r = bed_reply();
	script_unlocked(b, &known, "{}");
	script_plain(b, 'N', 0);
	script_unlock(b, ALL);
	dossier_authorise(&b->s, fd, bed_done_fn, &r);
	close(fd);
	dossier_forget(&b->s, &r);
	bed_lock(b);
	assert_int_equal(r.times, 0);
}

static void lock_it(void *user, struct dossier_reply *r)
{
	struct bed *b = user;

	assert_int_equal(r->reason, VITALED_REASON_NONE);
	bed_lock(b); /* and takes no descriptor */
}

static void a_caller_may_end_the_session_in_its_answer(void **state)
{
	struct bed *b = *state;
	struct reply waiting = bed_reply();
	int fd = who_fd("{\"id\":\"" SELF "\"}");

	expect_act(b, &known, ALL, "{}", "{}");
	dossier_list_professionals(&b->s, lock_it, b);
	assert_true(b->s.ended);
	assert_null(b->s.dossier);
	/* of who is revoked, too */
	expect_act(b, &known, ALL, "{}", "{}");
	dossier_revoke(&b->s, fd, lock_it, b);
	dossier_list_professionals(&b->s, bed_done_fn, &waiting);
	close(fd);
	bed_wait(b, &waiting);
	assert_int_equal(waiting.reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(b->s.end_reason, VITALED_REASON_RELEASED);
	script_moved(&known);
}

/* -- other sessions ----------------------------------------------------------------------------- */

static void one_dossier_is_open_in_one_session(void **state)
{
	struct bed *b = *state;
	struct session other;

	script_unlocked(b, &known, "{}");
	script_unlock(b, ALL);
	fake_session(&other);
	other.all = b->all;
	bed_become(b, SELF, 10, "SA07");
	(void)snprintf(other.professional.person.national_id,
		sizeof(other.professional.person.national_id), OTHER);
	dossier_prepare(b->all, &other);
	assert_int_equal(other.prepared_reason, VITALED_REASON_BUSY);
	assert_false(b->s.ended);
}

/* A second session beside that of @b, with a dossier of another name: dossier_prepare() lets none have
 * the same. give_it() gives it the same name when both are open. */
static void open_beside(
	struct bed *b, struct session *other, char name, const char *id, const char *people)
{
	fake_session(other);
	other->all = b->all;
	other->patient.pseudonym[0] = name;
	(void)snprintf(other->professional.person.national_id,
		sizeof(other->professional.person.national_id), "%s", id);
	other->intents = ALL;
	script_begin(b);
	{
		struct script none = {.version = 0};

		script_opened(b, &none, DOSSIER_STATE_ABSENT);
	}
	script_people(b, people);
	script_people(b, people);
	dossier_prepare(b->all, other);
	bed_run(b, &other->prepared);
	other->consented = true;
	dossier_unlock(b->all, other);
	bed_run(b, &other->granted);
	assert_int_equal(other->state, SESSION_STATE_UNLOCKED);
}

static void give_it(struct session *other)
{
	struct dossier *d = session_dossier(other);

	d->pseudonym[0] = '0';
	d->pending = false; /* what lies there is the other's */
}

static void other_sessions_know_it_in_the_same_turn(void **state)
{
	static const struct {
		struct reply (*call)(struct bed *b);
		const char *after;
		bool ends;  /* that of who is named */
		bool third; /* ... and of whose emergency is opposed */
	} rows[] = {
		{act_block, BLOCKED(OTHER), true, false},
		{act_unblock, TREATING, false, false},
		{act_oppose,
			"{\"oppositions\":[{\"mode\":\"centre_15\",\"since\":1,\"by\":{}}]}",
			false, true},
	};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		static struct session other, third; /* large */

		open_beside(b, &other, 'e', OTHER, TREATING);
		open_beside(b, &third, 'f', "899700000003", TREATING);
		third.mode = SESSION_MODE_CENTRE_15;
		expect_act(b, &known, ALL, TREATING, rows[i].after);
		give_it(&other);
		give_it(&third);
		assert_int_equal(rows[i].call(b).reason, VITALED_REASON_NONE);
		script_moved(&known);
		assert_int_equal(other.ended, rows[i].ends);
		assert_int_equal(third.ended, rows[i].third);
		if (rows[i].ends) {
			assert_int_equal(other.end_reason, VITALED_REASON_REVOKED);
			assert_null(other.dossier);
		}
		assert_false(b->s.ended);
		session_end(&other, VITALED_REASON_RELEASED);
		session_end(&third, VITALED_REASON_RELEASED);
	}
}

static void both_sessions_of_who_is_revoked_end(void **state)
{
	struct bed *b = *state;
	struct session other;

	open_beside(b, &other, 'e', SELF, "{}");
	expect_act(b, &known, ALL, "{}", "{}");
	give_it(&other);
	assert_int_equal(act_revoke(b).reason, VITALED_REASON_NONE);
	assert_int_equal(other.end_reason, VITALED_REASON_REVOKED);
	assert_int_equal(b->s.end_reason, VITALED_REASON_REVOKED);
	script_moved(&known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(what_cannot_be_recorded_is_not_begun),
		T(a_refusal_that_cannot_be_recorded_ends_the_session),
		T(an_end_that_cannot_be_recorded_is_recovered_with_its_details),
		T(what_the_record_wrote_anew_is_recovered_without_its_remark),
		T(a_process_that_dies_leaves_the_beginning_as_the_last_word),
		T(outcomes_of_acts_have_their_reasons),
		T(answers_that_lack_something_are_child_failed),
		T(a_session_that_ends_meanwhile_has_begun_and_not_ended_it),
		T(a_caller_may_end_the_session_in_its_answer),
		T(one_dossier_is_open_in_one_session),
		T(other_sessions_know_it_in_the_same_turn),
		T(both_sessions_of_who_is_revoked_end),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
