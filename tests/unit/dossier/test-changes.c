/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Documents that are there and are changed: replaced, archived and taken out again, deleted; and lists
 * by limit. First with the real vitaled-dossier, then with a script (strange.c) in its place, so that
 * every answer can be had.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/dossier/faults.h"
#include "tests/unit/dossier/script.h"

#define LETTER                                                                                 \
	"{\"format\":1,\"type\":\"letter\",\"title\":\"Réponse\",\"date\":\"2026-11-21\","    \
	"\"mime\":\"text/plain\"}"

static json_t *listed(struct bed *b, const char *filter)
{
	_cleanup_json_ json_t *j = NULL;

	assert_int_equal(json_parse(view_str(filter), &j), 0);
	return bed_list(b, j);
}

static size_t count(struct bed *b, const char *filter)
{
	_cleanup_json_ json_t *rows = listed(b, filter);

	return json_array_size(rows);
}

static const char *told(const char *event, const char *name)
{
	return json_string_value(
		json_object_get(json_object_get(fake_audit_last(event), "details"), name));
}

/* The newest entry @event is about @id, ended well and after a beginning about the same. */
static void assert_changed(const char *event, const char *id, size_t times)
{
	const json_t *last = fake_audit_last(event);

	assert_int_equal(fake_audit_count(event, "started"), times);
	assert_int_equal(fake_audit_count(event, "ok"), times);
	assert_string_equal(json_get_str(last, "outcome"), "ok");
	assert_string_equal(json_get_str(last, "document"), id);
	assert_non_null(json_object_get(last, "dossier-hash"));
}

/* -- replacing ---------------------------------------------------------------------------------- */

static void both_of_a_replacement_name_each_other(void **state)
{
	_cleanup_(buf_done) struct buf content = BUF_NULL(64);
	_cleanup_json_ json_t *active = NULL;
	_cleanup_json_ json_t *replaced = NULL;
	struct bed *b = *state;
	struct reply old;
	struct reply new;
	struct reply r;

	bed_created(b);
	old = bed_add(b, BED_NOTE, VIEW_TEXT("one"));
	new = bed_replace(b, old.id, LETTER, VIEW_TEXT("two"));
	assert_int_equal(new.reason, VITALED_REASON_NONE);
	assert_int_equal(strlen(new.id), 36);
	assert_string_not_equal(new.id, old.id);
	active = listed(b, "{}");
	assert_int_equal(json_array_size(active), 1);
	assert_string_equal(json_get_str(json_array_get(active, 0), "id"), new.id);
	assert_string_equal(json_get_str(json_array_get(active, 0), "replaces"), old.id);
	replaced = listed(b, "{\"status\":\"replaced\"}");
	assert_int_equal(json_array_size(replaced), 1);
	assert_string_equal(json_get_str(json_array_get(replaced, 0), "replaced-by"), new.id);
	assert_changed("document-replaced", old.id, 1);
	assert_string_equal(told("document-replaced", "replaced-by"), new.id);
	r = bed_read(b, new.id);
	bed_content(b, r.fds[0], &content);
	close(r.fds[1]);
	assert_true(view_equal(buf_view(&content), VIEW_TEXT("two")));
}

static void what_is_not_active_is_not_replaced(void **state)
{
	struct bed *b = *state;
	struct reply old;
	struct reply r;

	bed_created(b);
	old = bed_add(b, BED_NOTE, VIEW_TEXT("one"));
	assert_int_equal(bed_archive(b, old.id, true).reason, VITALED_REASON_NONE);
	r = bed_replace(b, old.id, LETTER, VIEW_TEXT("two"));
	assert_int_equal(r.reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(fake_audit_count("document-replaced", "started"), 0);
	assert_int_equal(fake_audit_count("document-replaced", "wrong-state"), 1);
	assert_int_equal(count(b, "{\"status\":\"all\"}"), 1);
	assert_int_equal(bed_replace(b, SCRIPT_ID, LETTER, VIEW_TEXT("x")).reason,
		VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_replace(b, "x", LETTER, VIEW_TEXT("x")).reason,
		VITALED_REASON_NO_SUCH_DOCUMENT);
}

static void a_replacement_is_decided_as_what_is_added_too(void **state)
{
	struct bed *b = *state;
	struct rights *narrow;
	struct reply old;
	struct reply r;

	bed_created(b);
	old = bed_add(b, LETTER, VIEW_TEXT("one"));
	narrow = bed_narrow(b, "letter");
	r = bed_replace(b, old.id, BED_NOTE, VIEW_TEXT("two"));
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "document-type");
	assert_string_equal(json_get_str(fake_audit_last("denied"), "document"), old.id);
	assert_int_equal(fake_audit_count("document-replaced", "started"), 0);
	assert_int_equal(
		bed_replace(b, old.id, LETTER, VIEW_TEXT("two")).reason, VITALED_REASON_NONE);
	b->all->rights = b->rights;
	rights_free(narrow);
}

static void what_a_replacement_says_wrongly_is_named(void **state)
{
	struct bed *b = *state;
	struct reply old;
	struct reply r = bed_reply();
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int ends[2];

	bed_created(b);
	old = bed_add(b, BED_NOTE, VIEW_TEXT("one"));
	r = bed_replace(b, old.id, "{\"format\":1,\"colour\":\"red\"}", VIEW_TEXT("two"));
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	r = bed_reply();
	dossier_replace(&b->s, old.id, null, null, bed_done_fn, &r);
	assert_string_equal(r.rule, "content");
	dossier_replace(&b->s, old.id, ends[0], null, bed_done_fn, &r);
	assert_string_equal(r.rule, "metadata");
	close(null);
	close(ends[0]);
	close(ends[1]);
	/* content that is not what it is said to be: begun, and come to nothing */
	r = bed_replace(b, old.id,
		"{\"format\":1,\"type\":\"letter\",\"title\":\"L\",\"date\":\"2026-11-21\","
		"\"mime\":\"text/plain\",\"size\":7}",
		VIEW_TEXT("two"));
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	assert_string_equal(r.rule, "content");
	assert_int_equal(fake_audit_count("document-replaced", "started"), 1);
	assert_int_equal(fake_audit_count("document-replaced", "invalid-argument"), 2);
	assert_int_equal(count(b, "{}"), 1);
}

/* -- archiving and deleting --------------------------------------------------------------------- */

static void what_is_archived_is_listed_on_demand_and_taken_out_again(void **state)
{
	struct bed *b = *state;
	struct reply added;

	bed_created(b);
	added = bed_add(b, BED_NOTE, VIEW_TEXT("one"));
	assert_int_equal(bed_archive(b, added.id, true).reason, VITALED_REASON_NONE);
	assert_changed("document-archived", added.id, 1);
	assert_int_equal(count(b, "{}"), 0);
	assert_int_equal(count(b, "{\"status\":\"archived\"}"), 1);
	/* what is so already is no error */
	assert_int_equal(bed_archive(b, added.id, true).reason, VITALED_REASON_NONE);
	assert_int_equal(bed_archive(b, added.id, false).reason, VITALED_REASON_NONE);
	assert_changed("document-archived", added.id, 3);
	assert_true(json_is_false(json_object_get(
		json_object_get(fake_audit_last("document-archived"), "details"), "on")));
	assert_int_equal(count(b, "{}"), 1);
}

static void what_is_deleted_leaves_its_row_and_is_no_document(void **state)
{
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;
	struct reply added;
	const json_t *row;

	bed_created(b);
	added = bed_add(b, BED_NOTE, VIEW_TEXT("one"));
	assert_int_equal(bed_delete(b, added.id).reason, VITALED_REASON_NONE);
	assert_changed("document-deleted", added.id, 1);
	rows = listed(b, "{\"status\":\"deleted\"}");
	assert_int_equal(json_array_size(rows), 1);
	row = json_array_get(rows, 0);
	assert_string_equal(json_get_str(row, "type"), "consultation");
	assert_null(json_object_get(row, "title"));
	assert_int_equal(count(b, "{}"), 0);
	assert_int_equal(bed_read(b, added.id).reason, VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_delete(b, added.id).reason, VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(
		bed_archive(b, added.id, true).reason, VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_visibility(b, added.id, "masque_ps", true).reason,
		VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_replace(b, added.id, LETTER, VIEW_TEXT("x")).reason,
		VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(fake_audit_count("document-deleted", "started"), 1);
	assert_null(fake_audit_last("document-archived"));
	/* it opens again as it is */
	bed_open(b, BED_ALL);
	assert_int_equal(count(b, "{\"status\":\"deleted\"}"), 1);
}

/* -- who may not -------------------------------------------------------------------------------- */

static void what_others_wrote_is_theirs(void **state)
{
	struct bed *b = *state;
	struct reply added;
	struct dossier *d;

	bed_created(b);
	added = bed_add(b, BED_NOTE, VIEW_TEXT("one"));
	bed_open_as(b, BED_ALL, "899700000002", 10, "SA07");
	assert_string_equal(
		bed_replace(b, added.id, LETTER, VIEW_TEXT("x")).rule, "not-author");
	assert_string_equal(bed_archive(b, added.id, true).rule, "not-author");
	assert_string_equal(bed_archive(b, added.id, false).rule, "not-author");
	assert_string_equal(bed_delete(b, added.id).rule, "not-author");
	assert_int_equal(fake_audit_count("denied", "not-permitted"), 4);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "document"), added.id);
	/* the treating doctor archives everybody's, and deletes their own */
	d = session_dossier(&b->s);
	d->treating = true;
	assert_int_equal(bed_archive(b, added.id, true).reason, VITALED_REASON_NONE);
	assert_string_equal(bed_delete(b, added.id).rule, "not-author");
	bed_open(b, SESSION_INTENT_CONSULT);
	assert_string_equal(bed_delete(b, added.id).rule, "intent");
	assert_string_equal(bed_archive(b, added.id, false).rule, "intent");
	assert_string_equal(bed_replace(b, added.id, LETTER, VIEW_TEXT("x")).rule, "intent");
}

static void nobody_changes_what_is_not_unlocked(void **state)
{
	struct bed *b = *state;

	assert_int_equal(bed_delete(b, SCRIPT_ID).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(bed_archive(b, SCRIPT_ID, true).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(bed_replace(b, SCRIPT_ID, LETTER, VIEW_TEXT("x")).reason,
		VITALED_REASON_WRONG_STATE);
	/* unlocked, and not created */
	bed_open(b, BED_ALL);
	assert_int_equal(bed_delete(b, SCRIPT_ID).reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(bed_replace(b, SCRIPT_ID, LETTER, VIEW_TEXT("x")).reason,
		VITALED_REASON_WRONG_STATE);
}

/* -- the record, the process, the end of the session ---------------------------------------------- */

static struct script known;

static struct reply call_archive(struct bed *b)
{
	return bed_archive(b, SCRIPT_ID, true);
}

static struct reply call_delete(struct bed *b)
{
	return bed_delete(b, SCRIPT_ID);
}

static struct reply call_flag(struct bed *b)
{
	return bed_visibility(b, SCRIPT_ID, "masque_ps", true);
}

static struct reply call_replace(struct bed *b)
{
	return bed_replace(b, SCRIPT_ID, LETTER, VIEW_TEXT("x"));
}

static const struct {
	struct reply (*call)(struct bed *b);
	const char *event;
	enum dossier_op op;
	unsigned int rows;
} changes[] = {
	{call_archive, "document-archived", DOSSIER_OP_STATUS, 1},
	{call_delete, "document-deleted", DOSSIER_OP_STATUS, 1},
	{call_flag, "document-flagged", DOSSIER_OP_FLAG, 1},
	{call_replace, "document-replaced", DOSSIER_OP_REPLACE, 2},
};

/* An unlocked dossier in which change @i succeeds. */
static void expect(struct bed *b, size_t i)
{
	script_unlocked(b, &known, "{}");
	for (unsigned int n = 0; n < changes[i].rows; n++) {
		script_rows(b, "[" SCRIPT_ROW "]", false);
	}
	script_changed(b, &known, SCRIPT_OTHER, NULL);
	script_unlock(b, BED_ALL);
}

static int setup_script(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	script_init(b, &known);
	*state = b;
	return 0;
}

static void the_process_is_told_what_and_by_whom(void **state)
{
	static const char *const words[] = {"archived", "deleted", "masque_ps", NULL};
	struct bed *b = *state;
	char text[64];

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		_cleanup_json_ json_t *by = NULL;

		expect(b, i);
		assert_int_equal(changes[i].call(b).reason, VITALED_REASON_NONE);
		script_moved(&known);
		by = script_heard(b, changes[i].op);
		assert_string_equal(json_get_str(by, "id"), "899700000001");
		assert_true(
			script_heard_text(b, changes[i].op, LINK_TAG_ID, text, sizeof(text)));
		assert_string_equal(text, SCRIPT_ID);
		if (words[i]) {
			assert_true(script_heard_text(b, changes[i].op,
				changes[i].op == DOSSIER_OP_FLAG ? LINK_TAG_FLAG
								 : LINK_TAG_STATUS,
				text, sizeof(text)));
			assert_string_equal(text, words[i]);
		} else {
			assert_true(script_heard_text(
				b, DOSSIER_OP_WEIGH, LINK_TAG_ID, text, sizeof(text)));
			assert_string_equal(text, SCRIPT_ID);
		}
		assert_changed(changes[i].event, SCRIPT_ID, 1);
	}
}

static void what_cannot_be_recorded_is_not_begun(void **state)
{
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		expect(b, i);
		fake_audit.refuse = 1;
		assert_int_equal(changes[i].call(b).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
		assert_int_equal(b->s.end_reason, VITALED_REASON_AUDIT_UNAVAILABLE);
		assert_null(script_heard(b, changes[i].op));
		assert_null(fake_audit_last(changes[i].event));
	}
}

static void an_end_that_cannot_be_recorded_is_recovered_about_the_same(void **state)
{
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		_cleanup_json_ json_t *details = NULL;
		const json_t *last;

		expect(b, i);
		fake_audit.refuse = UINT_MAX;
		fake_audit.after = 1;
		assert_int_equal(changes[i].call(b).reason, VITALED_REASON_AUDIT_UNAVAILABLE);
		fake_audit.refuse = 0;
		details = json_incref(
			json_object_get(fake_audit_last(changes[i].event), "details"));
		script_begin(b);
		script_ahead(b, &known);
		script_people(b, "{}");
		script_people(b, "{}");
		script_unlock(b, BED_ALL);
		last = fake_audit_last(changes[i].event);
		assert_string_equal(json_get_str(last, "document"), SCRIPT_ID);
		assert_true(bed_recovered(changes[i].event, details));
		script_moved(&known);
	}
}

static void a_session_that_ends_meanwhile_has_begun_and_not_ended_it(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();
	uint64_t turns = 0;

	script_unlocked(b, &known, "{}");
	script_rows(b, "[" SCRIPT_ROW "]", false);
	script_plain(b, 'N', 0);
	script_unlock(b, BED_ALL);
	dossier_delete(&b->s, SCRIPT_ID, bed_done_fn, &r);
	while (!fake_audit_last("document-deleted") && turns++ < 2000) {
		bed_turn(b, 10);
	}
	assert_false(r.done);
	bed_lock(b);
	assert_int_equal(r.times, 1);
	assert_int_equal(r.reason, VITALED_REASON_WRONG_STATE);
	assert_string_equal(
		json_get_str(fake_audit_last("document-deleted"), "outcome"), "started");
}

static void an_entry_that_names_no_document_of_ours_is_not_recovered(void **state)
{
	struct bed *b = *state;
	const json_t *last;

	expect(b, 1);
	fake_audit.refuse = UINT_MAX;
	fake_audit.after = 1;
	(void)call_delete(b);
	fake_audit.refuse = 0;
	last = fake_audit_last("document-deleted");
	(void)json_string_set(json_object_get(last, "document"), SCRIPT_ID "-and-more");
	fake_session(&b->s);
	script_begin(b);
	script_ahead(b, &known);
	assert_int_equal(bed_prepare(b), VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void rows_say_whose_document_it_is(void **state)
{
	static const struct {
		const char *kind;
		const char *rule;
	} rows[] = {{"patient", "patients-own"}, {"device", "not-author"},
		{"structure", "not-author"}, {"angel", "not-author"}};
	struct bed *b = *state;
	char row[512];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(row, sizeof(row),
			"[{\"author\":\"899700000001\",\"author-kind\":\"%s\",\"flags\":[],"
			"\"id\":\"" SCRIPT_ID
			"\",\"section\":\"reports\",\"status\":\"active\","
			"\"type\":\"consultation\"}]",
			rows[i].kind);
		script_unlocked(b, &known, "{}");
		script_rows(b, row, false);
		script_unlock(b, BED_ALL);
		assert_string_equal(bed_delete(b, SCRIPT_ID).rule, rows[i].rule);
	}
}

/* -- lists by limit ----------------------------------------------------------------------------- */

static void lists_go_on_after_a_row(void **state)
{
	_cleanup_json_ json_t *all = NULL;
	struct bed *b = *state;
	char filter[128] = "{\"limit\":3}";
	size_t n = 0;

	bed_created(b);
	for (unsigned int i = 0; i < 7; i++) {
		(void)bed_add(b, i % 2 ? BED_NOTE : LETTER, VIEW_TEXT("x"));
	}
	all = listed(b, "{}");
	assert_int_equal(json_array_size(all), 7);
	for (;;) {
		_cleanup_json_ json_t *page = listed(b, filter);
		size_t size = json_array_size(page);

		for (size_t i = 0; i < size; i++) {
			assert_true(json_equal(
				json_array_get(page, i), json_array_get(all, n + i)));
		}
		n += size;
		if (size < 3) {
			break;
		}
		(void)snprintf(filter, sizeof(filter), "{\"limit\":3,\"after\":\"%s\"}",
			json_get_str(json_array_get(page, 2), "id"));
	}
	assert_int_equal(n, 7);
}

static void a_limit_counts_what_is_shown(void **state)
{
	struct bed *b = *state;

	bed_created(b);
	for (unsigned int i = 0; i < 6; i++) {
		struct reply r = bed_add(b, BED_NOTE, VIEW_TEXT("x"));

		if (i % 2 == 0) {
			(void)bed_visibility(b, r.id, "masque_ps", true);
		}
	}
	bed_open_as(b, BED_ALL, "899700000002", 10, "SA07");
	assert_int_equal(count(b, "{\"limit\":2}"), 2);
	assert_int_equal(count(b, "{\"limit\":3}"), 3);
	assert_int_equal(count(b, "{\"limit\":500}"), 3);
	assert_int_equal(count(b, "{\"author\":\"899700000001\",\"limit\":1}"), 1);
	assert_int_equal(count(b, "{\"author\":\"899700000002\"}"), 0);
	assert_int_equal(count(b, "{\"text\":\"CONSULT\"}"), 3);
	assert_int_equal(count(b, "{\"text\":\"imagerie\"}"), 0);
}

static void what_is_no_limit_is_refused(void **state)
{
	static const struct {
		const char *filter;
		const char *rule;
	} rows[] = {
		{"{\"limit\":0}", "limit"},
		{"{\"limit\":501}", "limit"},
		{"{\"limit\":-1}", "limit"},
		{"{\"limit\":\"3\"}", "limit"},
		{"{\"after\":\"x\"}", "after"},
		{"{\"after\":\"" SCRIPT_ID "\"}", "after"},
		{"{\"author\":1}", "author"},
		{"{\"text\":1}", "text"},
		{"{\"entry\":true}", "filter"},
	};
	struct bed *b = *state;

	bed_created(b);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_json_ json_t *filter = NULL;
		struct reply r = bed_reply();

		assert_int_equal(json_parse(view_str(rows[i].filter), &filter), 0);
		dossier_list(&b->s, filter, bed_done_fn, &r);
		bed_wait(b, &r);
		assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
		assert_string_equal(r.rule, rows[i].rule);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(both_of_a_replacement_name_each_other),
		T(what_is_not_active_is_not_replaced),
		T(a_replacement_is_decided_as_what_is_added_too),
		T(what_a_replacement_says_wrongly_is_named),
		T(what_is_archived_is_listed_on_demand_and_taken_out_again),
		T(what_is_deleted_leaves_its_row_and_is_no_document),
		T(what_others_wrote_is_theirs),
		T(nobody_changes_what_is_not_unlocked),
		T(lists_go_on_after_a_row),
		T(a_limit_counts_what_is_shown),
		T(what_is_no_limit_is_refused),
#undef T
#define T(name) cmocka_unit_test_setup_teardown(name, setup_script, bed_teardown)
		T(the_process_is_told_what_and_by_whom),
		T(what_cannot_be_recorded_is_not_begun),
		T(an_end_that_cannot_be_recorded_is_recovered_about_the_same),
		T(a_session_that_ends_meanwhile_has_begun_and_not_ended_it),
		T(an_entry_that_names_no_document_of_ours_is_not_recovered),
		T(rows_say_whose_document_it_is),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
