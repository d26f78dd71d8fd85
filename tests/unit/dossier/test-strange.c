/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The broker's side with a process (strange.c) that answers what no good one would: each outcome of
 * each operation, bodies that lack something, events, nonsense, silence. Every call is answered once
 * and with the cause, and nothing is released.
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
#include <unistd.h>

#include "tests/unit/dossier/faults.h"
#include "tests/unit/dossier/script.h"

#define ID  SCRIPT_ID
#define ROW SCRIPT_ROW

static struct script known;

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	script_init(b, &known);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	bed_done(*state);
	free(*state);
	return 0;
}

static void unlock(struct bed *b)
{
	script_unlock(b, BED_ALL);
}

/* -- opening ------------------------------------------------------------------------------------ */

static enum vitaled_reason prepared(struct bed *b)
{
	fake_session(&b->s);
	return bed_prepare(b);
}

static const struct {
	unsigned int outcome;
	enum vitaled_reason reason;
} opening[] = {
	{DOSSIER_NO_DOCUMENT, VITALED_REASON_STORE_UNAVAILABLE},
	{DOSSIER_WRONG_STATE, VITALED_REASON_STORE_UNAVAILABLE},
	{DOSSIER_INVALID, VITALED_REASON_STORE_UNAVAILABLE},
	{DOSSIER_DAMAGED, VITALED_REASON_STORE_UNAVAILABLE},
	{DOSSIER_NEWER, VITALED_REASON_STORE_UNAVAILABLE},
	{DOSSIER_FULL, VITALED_REASON_STORE_UNAVAILABLE},
	{DOSSIER_FAULT, VITALED_REASON_CHILD_FAILED},
};

static void outcomes_of_opening_have_their_reasons(void **state)
{
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(opening); i++) {
		script_begin(b);
		script_plain(b, 'A', opening[i].outcome);
		assert_int_equal(prepared(b), opening[i].reason);
		script_begin(b);
		script_opened(b, &known, DOSSIER_STATE_OPEN);
		script_plain(b, 'A', opening[i].outcome);
		assert_int_equal(prepared(b), opening[i].reason);
		script_begin(b);
		script_opened(b, &known, DOSSIER_STATE_OPEN);
		script_people(b, "{}");
		script_plain(b, 'A', opening[i].outcome);
		assert_int_equal(prepared(b), VITALED_REASON_NONE);
		assert_int_equal(bed_unlock(b), opening[i].reason);
	}
}

static void what_is_no_answer_is_child_failed(void **state)
{
	static const char kinds[] = {'X', 'Q', 'E', '.'};
	struct bed *b = *state;

	for (size_t i = 0; i < sizeof(kinds); i++) {
		script_begin(b);
		script_plain(b, kinds[i], 0);
		assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
		script_unlocked(b, &known, "{}");
		script_plain(b, kinds[i], 0);
		unlock(b);
		assert_int_equal(bed_read(b, ID).reason, VITALED_REASON_CHILD_FAILED);
		assert_int_equal(b->s.end_reason, VITALED_REASON_CHILD_FAILED);
	}
}

static void opening_that_lacks_something_is_child_failed(void **state)
{
	struct bed *b = *state;
	struct buf body;
	uint8_t st;

	script_begin(b);
	script_plain(b, 'A', 0);
	assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
	script_begin(b);
	script_opened(b, &known, 9);
	assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
	/* cut after the state, the version, and within the hash */
	for (size_t cut = 3; cut < 60; cut += 12) {
		body = script_opened_body(&known, DOSSIER_STATE_OPEN);
		buf_truncate(&body, cut);
		script_begin(b);
		script_add(b, 'A', 0, 0, &body);
		assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
	}
	body = BUF_NULL(256);
	st = DOSSIER_STATE_OPEN;
	tlv_put_u8(&body, LINK_TAG_STATE, st);
	tlv_put_u64(&body, LINK_TAG_VERSION, known.version);
	tlv_put(&body, LINK_TAG_HASH, view_of(known.hash, 31));
	tlv_put(&body, LINK_TAG_DATA, VIEW(known.hash));
	script_begin(b);
	script_add(b, 'A', 0, 0, &body);
	assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
}

static void closed_dossier_is_wrong_state_for_who_cannot_reopen_it(void **state)
{
	struct bed *b = *state;

	script_begin(b);
	script_opened(b, &known, DOSSIER_STATE_CLOSED);
	fake_session(&b->s);
	b->s.intents = SESSION_INTENT_CONSULT;
	assert_int_equal(bed_prepare(b), VITALED_REASON_WRONG_STATE);
}

static void refused_rejection_entry_is_audit_unavailable(void **state)
{
	struct bed *b = *state;

	script_begin(b);
	script_plain(b, 'A', DOSSIER_DAMAGED);
	fake_audit.refuse = 1;
	assert_int_equal(prepared(b), VITALED_REASON_AUDIT_UNAVAILABLE);
	script_begin(b);
	script_plain(b, 'A', DOSSIER_FAULT);
	fake_audit.refuse = 1;
	assert_int_equal(prepared(b), VITALED_REASON_AUDIT_UNAVAILABLE);
	known.version++;
	script_begin(b);
	script_opened(b, &known, DOSSIER_STATE_OPEN);
	fake_audit.refuse = 1;
	assert_int_equal(prepared(b), VITALED_REASON_AUDIT_UNAVAILABLE);
	/* the same version under another hash */
	known.version--;
	known.hash[0] ^= 1;
	script_begin(b);
	script_opened(b, &known, DOSSIER_STATE_OPEN);
	assert_int_equal(prepared(b), VITALED_REASON_STORE_UNAVAILABLE);
}

/* -- calls -------------------------------------------------------------------------------------- */

static const struct {
	unsigned int outcome;
	enum vitaled_reason reason;
	bool ends; /* the session */
} calling[] = {
	{DOSSIER_NO_DOCUMENT, VITALED_REASON_NO_SUCH_DOCUMENT, false},
	{DOSSIER_WRONG_STATE, VITALED_REASON_WRONG_STATE, false},
	{DOSSIER_INVALID, VITALED_REASON_INVALID_ARGUMENT, false},
	{DOSSIER_MISMATCH, VITALED_REASON_INVALID_ARGUMENT, false},
	{DOSSIER_TOO_LARGE, VITALED_REASON_LIMITS_EXCEEDED, false},
	{DOSSIER_DAMAGED, VITALED_REASON_STORE_UNAVAILABLE, true},
	{DOSSIER_NEWER, VITALED_REASON_STORE_UNAVAILABLE, true},
	{DOSSIER_FULL, VITALED_REASON_STORE_UNAVAILABLE, false},
	{DOSSIER_LATE, VITALED_REASON_TIMEOUT, false},
	{DOSSIER_FAULT, VITALED_REASON_CHILD_FAILED, true},
	{77, VITALED_REASON_FAILED, false},
};

static struct reply call_list(struct bed *b)
{
	struct reply r = bed_reply();

	dossier_list(&b->s, NULL, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

static struct reply call_summary(struct bed *b)
{
	struct reply r = bed_reply();

	dossier_summary(&b->s, bed_done_fn, &r);
	bed_wait(b, &r);
	return r;
}

static struct reply call_read(struct bed *b)
{
	return bed_read(b, ID);
}

static struct reply call_flag(struct bed *b)
{
	return bed_visibility(b, ID, "masque_ps", true);
}

static struct reply call_archive(struct bed *b)
{
	return bed_archive(b, ID, true);
}

static struct reply call_unarchive(struct bed *b)
{
	return bed_archive(b, ID, false);
}

static struct reply call_delete(struct bed *b)
{
	return bed_delete(b, ID);
}

static struct reply call_replace(struct bed *b)
{
	return bed_replace(b, ID, BED_NOTE, VIEW_TEXT("x"));
}

static struct reply call_add(struct bed *b)
{
	return bed_add(b, BED_NOTE, VIEW_TEXT("x"));
}

static const struct {
	struct reply (*call)(struct bed *b);
	unsigned int rows; /* answers with rows that come first */
	const char *event;
} calls[] = {
	{call_list, 1, NULL},
	{call_summary, 1, NULL},
	{call_read, 1, NULL},
	{call_flag, 1, "document-flagged"},
	{call_archive, 1, "document-archived"},
	{call_unarchive, 1, "document-archived"},
	{call_delete, 1, "document-deleted"},
	{call_replace, 2,
		"document-replaced"}, /* the old one, and the row that it would make */
	{call_add, 1, "document-added"},
};

static void script_all_rows(const struct bed *b, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		script_rows(b, "[" ROW "]", false);
	}
}

static void outcomes_of_calls_have_their_reasons(void **state)
{
	struct bed *b = *state;

	for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
		for (size_t i = 0; i < ARRAY_LEN(calling); i++) {
			struct reply r;

			script_unlocked(b, &known, "{}");
			script_all_rows(b, calls[c].rows);
			script_plain(b, 'A', calling[i].outcome);
			bed_lock(b);
			unlock(b);
			r = calls[c].call(b);
			assert_int_equal(r.reason, calling[i].reason);
			assert_int_equal(r.fds[0], -1);
			assert_int_equal(b->s.ended, calling[i].ends);
			/* what a change came to is told unless nobody knows */
			if (calls[c].event && !calling[i].ends) {
				assert_string_equal(
					json_get_str(
						fake_audit_last(calls[c].event), "outcome"),
					vitaled_reason_word(calling[i].reason));
			} else if (calls[c].event) {
				assert_string_equal(
					json_get_str(
						fake_audit_last(calls[c].event), "outcome"),
					"started");
			}
		}
	}
}

static void answers_that_lack_something_are_child_failed(void **state)
{
	struct bed *b = *state;

	for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
		for (unsigned int n_fds = 0; n_fds < 2; n_fds++) {
			struct buf body = BUF_NULL(64);

			/* a list or summary with one descriptor is whole */
			if (c < 2 && n_fds == 1) {
				continue;
			}
			script_unlocked(b, &known, "{}");
			script_all_rows(b, calls[c].rows);
			script_add(b, 'A', 0, n_fds, &body);
			bed_lock(b);
			unlock(b);
			assert_int_equal(calls[c].call(b).reason, VITALED_REASON_CHILD_FAILED);
			assert_true(b->s.ended);
		}
	}
}

static void rows_that_are_no_rows_are_child_failed(void **state)
{
	static const char *const rows[] = {"[", "[]", "[" ROW "," ROW "]", "{}"};
	struct bed *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		script_unlocked(b, &known, "{}");
		script_rows(b, rows[i], false);
		bed_lock(b);
		unlock(b);
		assert_int_equal(call_read(b).reason, VITALED_REASON_CHILD_FAILED);
	}
	script_unlocked(b, &known, "{}");
	script_plain(b, 'A', 0);
	bed_lock(b);
	unlock(b);
	assert_int_equal(call_list(b).reason, VITALED_REASON_CHILD_FAILED);
}

/* A search among many: the process has looked at some of them and found nothing yet. */
static void a_page_without_rows_says_where_the_next_begins(void **state)
{
	struct buf body = BUF_NULL(256);
	struct bed *b = *state;
	char filter[256];
	struct reply r;

	script_unlocked(b, &known, "{}");
	tlv_put_str(&body, LINK_TAG_ROWS, "[]");
	tlv_put_u8(&body, LINK_TAG_VALUE, 1);
	tlv_put_str(&body, LINK_TAG_ID, SCRIPT_OTHER);
	script_add(b, 'A', 0, 0, &body);
	script_rows(b, "[" ROW "]", false);
	body = BUF_NULL(64);
	script_add(b, 'A', 0, 1, &body);
	bed_lock(b);
	unlock(b);
	r = call_list(b);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	close(r.fds[0]);
	assert_true(
		script_heard_text(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, filter, sizeof(filter)));
	assert_string_equal(filter, "{\"after\":\"" SCRIPT_OTHER "\"}");
}

static void outcomes_of_rows_have_their_reasons(void **state)
{
	struct bed *b = *state;

	for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
		for (size_t i = 0; i < ARRAY_LEN(calling); i++) {
			script_unlocked(b, &known, "{}");
			script_plain(b, 'A', calling[i].outcome);
			bed_lock(b);
			unlock(b);
			assert_int_equal(calls[c].call(b).reason, calling[i].reason);
			assert_int_equal(b->s.ended, calling[i].ends);
		}
	}
}

static void advice_of_the_process_names_the_member(void **state)
{
	struct bed *b = *state;
	struct buf body = BUF_NULL(64);
	struct reply r;

	script_unlocked(b, &known, "{}");
	tlv_put_str(&body, LINK_TAG_ADVICE, "title");
	script_add(b, 'A', DOSSIER_INVALID, 0, &body);
	unlock(b);
	r = call_add(b);
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	assert_string_equal(r.rule, "title");
}

static void creation_that_lacks_something_is_child_failed(void **state)
{
	struct bed *b = *state;
	struct script absent = {.version = 0};

	fake_audit_reset();
	script_begin(b);
	script_opened(b, &absent, DOSSIER_STATE_ABSENT);
	script_people(b, "{}");
	script_people(b, "{}");
	script_people(b, "{}");
	unlock(b);
	assert_int_equal(bed_create(b).reason, VITALED_REASON_CHILD_FAILED);
	assert_string_equal(
		json_get_str(fake_audit_last("dossier-created"), "outcome"), "started");
}

static void an_employee_deletes_what_their_structure_wrote(void **state)
{
	static const struct {
		const char *id;
		const char *rule;
	} rows[] = {{"3B0000001/7", ""}, {"3B0000001/8", ""}, {"3B0000002/7", "not-author"},
		{"3B000000", "not-author"}};
	struct bed *b = *state;
	char row[512];

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)snprintf(row, sizeof(row),
			"[{\"author\":\"%s\",\"author-kind\":\"professional\",\"flags\":[],"
			"\"id\":\"" ID "\",\"section\":\"reports\",\"status\":\"active\","
			"\"type\":\"consultation\"}]",
			rows[i].id);
		script_unlocked(b, &known, "{}");
		script_rows(b, row, false);
		script_changed(b, &known, NULL, NULL);
		unlock(b);
		b->s.professional.person.card_type = 2;
		bed_become(b, "3B0000001/7", 0, "SA07");
		assert_string_equal(bed_delete(b, ID).rule, rows[i].rule);
		if (rows[i].rule[0] == '\0') {
			script_moved(&known);
		}
	}
}

static void damage_on_the_way_out_ends_the_session(void **state)
{
	struct bed *b = *state;
	struct buf body = BUF_NULL(64);
	struct reply r = bed_reply();

	script_unlocked(b, &known, "{}");
	tlv_put_u8(&body, LINK_TAG_STATE, DOSSIER_DAMAGED);
	script_add(b, 'E', DOSSIER_OP_READ, 0, &body);
	unlock(b);
	dossier_list(&b->s, NULL, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_STORE_UNAVAILABLE);
	assert_int_equal(b->s.end_reason, VITALED_REASON_STORE_UNAVAILABLE);
	assert_string_equal(
		json_get_str(
			json_object_get(fake_audit_last("store-rejected"), "details"), "why"),
		"content");
	body = BUF_NULL(64);
	tlv_put_u8(&body, LINK_TAG_STATE, DOSSIER_FAULT);
	script_unlocked(b, &known, "{}");
	script_add(b, 'E', DOSSIER_OP_READ, 0, &body);
	unlock(b);
	assert_int_equal(call_list(b).reason, VITALED_REASON_CHILD_FAILED);
	assert_int_equal(b->s.end_reason, VITALED_REASON_CHILD_FAILED);
}

static void process_that_leaves_in_silence_ends_the_session(void **state)
{
	struct bed *b = *state;
	struct reply r;

	script_unlocked(b, &known, "{}");
	unlock(b);
	r = call_list(b); /* the script has ended, and with it the process */
	assert_int_equal(r.reason, VITALED_REASON_CHILD_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(outcomes_of_opening_have_their_reasons),
		T(what_is_no_answer_is_child_failed),
		T(opening_that_lacks_something_is_child_failed),
		T(closed_dossier_is_wrong_state_for_who_cannot_reopen_it),
		T(refused_rejection_entry_is_audit_unavailable),
		T(outcomes_of_calls_have_their_reasons),
		T(answers_that_lack_something_are_child_failed),
		T(rows_that_are_no_rows_are_child_failed),
		T(a_page_without_rows_says_where_the_next_begins),
		T(outcomes_of_rows_have_their_reasons),
		T(advice_of_the_process_names_the_member),
		T(creation_that_lacks_something_is_child_failed),
		T(an_employee_deletes_what_their_structure_wrote),
		T(damage_on_the_way_out_ends_the_session),
		T(process_that_leaves_in_silence_ends_the_session),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
