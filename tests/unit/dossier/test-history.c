/* SPDX-License-Identifier: EUPL-1.2 */
/* What History tells, to whom, and what it must not tell of documents that one may not see. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/dossier/inside.h"
#include "daemon/limits.h"
#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

static json_t *history(struct bed *b, const char *filter)
{
	_cleanup_json_ json_t *j = NULL;
	struct reply r = bed_reply();

	assert_int_equal(json_parse(view_str(filter), &j), 0);
	dossier_history(&b->s, j, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	return bed_json(r.fds[0]);
}

static size_t count(struct bed *b, const char *filter)
{
	_cleanup_json_ json_t *list = history(b, filter);

	return json_array_size(list);
}

/* What the newest row of one's History says of the List before. */
static json_t *told_of_list(struct bed *b, const char *filter)
{
	_cleanup_json_ json_t *j = NULL;
	_cleanup_json_ json_t *rows = NULL;
	_cleanup_json_ json_t *list = NULL;
	const json_t *row;

	assert_int_equal(json_parse(view_str(filter), &j), 0);
	rows = bed_list(b, j);
	assert_int_equal(json_array_size(rows), 0);
	list = history(b, "{\"limit\":1}");
	row = json_array_get(list, 0);
	assert_string_equal(json_get_str(row, "event"), "dossier-listed");
	return json_incref(json_object_get(row, "details"));
}

static void treats(struct bed *b, bool on)
{
	struct dossier *d = session_dossier(&b->s);

	d->treating = on;
}

static void what_the_record_wrote_anew_is_shown_with_its_own_time(void **state)
{
	_cleanup_json_ json_t *details =
		json_pack("{s:i,s:i,s:i}", "kept-from", 1, "kept-time", 4711, "until", 77);
	_cleanup_json_ json_t *list = NULL;
	struct audit_entry e = AUDIT_ENTRY_NULL;
	struct bed *b = *state;

	bed_created(b);
	e.event = AUDIT_EVENT_DOSSIER_CLOSED;
	e.outcome = "ok";
	e.pseudonym = b->s.patient.pseudonym;
	e.details = details;
	assert_int_equal(audit_append(NULL, &e, NULL), 0);
	treats(b, true);
	list = history(b, "{\"limit\":1}");
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(list, 0), "time")), 4711);
}

static void a_filter_finds_nothing_out_about_what_is_hidden(void **state)
{
	_cleanup_json_ json_t *there = NULL;
	_cleanup_json_ json_t *not_there = NULL;
	_cleanup_json_ json_t *all = NULL;
	struct bed *b = *state;
	struct reply added;
	struct dossier *d;

	bed_created(b);
	added = bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	assert_int_equal(
		bed_visibility(b, added.id, "masque_ps", true).reason, VITALED_REASON_NONE);
	bed_open_as(b, BED_ALL, "899700000002", 10, "SA01");
	there = told_of_list(b, "{\"text\":\"consultation\"}");
	not_there = told_of_list(b, "{\"text\":\"vih\"}");
	assert_true(json_is_integer(json_object_get(there, "released")));
	assert_null(json_object_get(there, "withheld"));
	assert_true(json_equal(there, not_there));
	/* the record itself tells it */
	assert_non_null(json_object_get(
		json_object_get(fake_audit_last("dossier-listed"), "details"), "withheld"));
	/* nor is the treating doctor told, who may be there in an emergency */
	d = session_dossier(&b->s);
	d->treating = true;
	all = history(b, "{}");
	for (size_t i = 0; i < json_array_size(all); i++) {
		assert_null(json_object_get(
			json_object_get(json_array_get(all, i), "details"), "withheld"));
	}
}

static void only_the_role_of_treating_doctor_is_shown_all(void **state)
{
	static const struct {
		uint8_t card;
		uint8_t profession;
		const char *sector;
		bool all;
	} vectors[] = {
		{0, 10, "SA07", true}, {0, 10, "SA13", false}, /* in an occupational service */
		{1, 10, "SA07", false},			       /* in training */
		{0, 60, "SA07", false},			       /* no doctor */
	};
	struct bed *b = *state;

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct dossier *d;

		bed_open_as(
			b, BED_ALL, "899700000002", vectors[i].profession, vectors[i].sector);
		b->s.professional.person.card_type = vectors[i].card;
		d = session_dossier(&b->s);
		d->treating = true;
		assert_int_equal(count(b, "{}") > i, vectors[i].all);
	}
}

/* @n entries of another professional about this patient */
static void bury(struct bed *b, unsigned int n)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = AUDIT_EVENT_DOSSIER_LISTED;
	e.outcome = "ok";
	e.professional = "899700000099";
	e.pseudonym = b->s.patient.pseudonym;
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(audit_append(NULL, &e, NULL), 0);
	}
}

static void ones_own_accesses_are_shown_however_many_others_followed(void **state)
{
	_cleanup_json_ json_t *list = NULL;
	struct bed *b = *state;

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	bury(b, LIMIT_HISTORY + 10);
	assert_int_equal(count(b, "{}"), 2); /* before it was itself recorded */
	list = history(b, "{\"limit\":2}");
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_get_str(json_array_get(list, 0), "event"), "history-read");
	assert_string_equal(json_get_str(json_array_get(list, 1), "event"), "document-added");
}

/* -- in steps ----------------------------------------------------------------------------------- */

/* One turn of the loop. Return: how many entries it looked at. */
static unsigned int turn(struct bed *b)
{
	unsigned int before = fake_audit.rows;

	assert_true(sd_event_run(b->ev, 10 * USEC_PER_SEC) > 0);
	return fake_audit.rows - before;
}

static void no_turn_of_the_loop_gathers_more_than_a_step(void **state)
{
	_cleanup_json_ json_t *filter = json_object();
	struct reply r[2] = {bed_reply(), bed_reply()};
	struct bed *b = *state;
	unsigned int turns = 0;

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	bury(b, 10 * RECORD_HISTORY_STEP);
	fake_audit.rows = 0;
	dossier_history(&b->s, filter, bed_done_fn, &r[0]);
	dossier_history(&b->s, filter, bed_done_fn, &r[1]); /* behind it */
	assert_int_equal(fake_audit.rows, RECORD_HISTORY_STEP);
	while (!r[1].done) {
		unsigned int n = turn(b);

		/* in that of its last step the next one begins */
		assert_in_range(n, 0, 2 * RECORD_HISTORY_STEP - 1);
		turns++;
	}
	assert_true(turns >= 20 && fake_audit.rows > 20 * RECORD_HISTORY_STEP);
	for (size_t i = 0; i < ARRAY_LEN(r); i++) {
		_cleanup_json_ json_t *list = bed_json(r[i].fds[0]);

		assert_int_equal(json_array_size(list), 2 + i);
	}
}

static void what_is_being_gathered_goes_with_its_session(void **state)
{
	_cleanup_json_ json_t *filter = json_object();
	struct reply r = bed_reply();
	struct bed *b = *state;

	bed_created(b);
	bury(b, 10 * RECORD_HISTORY_STEP);
	dossier_history(&b->s, filter, bed_done_fn, &r);
	(void)turn(b);
	assert_false(r.done);
	bed_lock(b);
	assert_true(r.done && r.times == 1 && r.fds[0] < 0);
	assert_int_not_equal(r.reason, VITALED_REASON_NONE);
	assert_int_equal(fake_audit_count("history-read", "ok"), 0);
	bed_turn(b, 1);
}

static void who_may_see_less_meanwhile_is_given_less(void **state)
{
	_cleanup_json_ json_t *filter = json_object();
	_cleanup_json_ json_t *list = NULL;
	struct reply r = bed_reply();
	struct bed *b = *state;

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	bury(b, 10 * RECORD_HISTORY_STEP);
	treats(b, true);
	dossier_history(&b->s, filter, bed_done_fn, &r);
	assert_int_equal(turn(b), RECORD_HISTORY_STEP);
	assert_false(r.done);
	treats(b, false); /* somebody else is now */
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	list = bed_json(r.fds[0]);
	assert_int_equal(json_array_size(list), 2); /* created, added */

	/* and what may not be read any more at all is not given out */
	r = bed_reply();
	dossier_history(&b->s, filter, bed_done_fn, &r);
	b->s.professional.person.card_type = 3; /* an employee's */
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_true(r.fds[0] < 0);
	assert_int_equal(fake_audit_count("denied", "not-permitted"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(what_the_record_wrote_anew_is_shown_with_its_own_time),
		T(a_filter_finds_nothing_out_about_what_is_hidden),
		T(only_the_role_of_treating_doctor_is_shown_all),
		T(ones_own_accesses_are_shown_however_many_others_followed),
		T(no_turn_of_the_loop_gathers_more_than_a_step),
		T(what_is_being_gathered_goes_with_its_session),
		T(who_may_see_less_meanwhile_is_given_less),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
