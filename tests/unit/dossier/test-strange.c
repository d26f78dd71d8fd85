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

#include "base/hex.h"
#include "base/tlv.h"
#include "daemon/dossier/inside.h"
#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

#define ID "00000000-0000-4000-8000-00000000000a"

static uint64_t version; /* of the dossier that the record knows */
static uint8_t hash[SEAL_HASH];

static int setup(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(SEAL_HASH);
	const json_t *entry;

	bed_init(b);
	bed_created(b);
	bed_lock(b);
	entry = fake_audit_last("dossier-created");
	version = (uint64_t)json_integer_value(json_object_get(entry, "dossier-version"));
	assert_int_equal(hex_decode(&bytes, view_str(json_get_str(entry, "dossier-hash"))), 0);
	bytes_copy(hash, sizeof(hash), bytes.data, bytes.len);
	(void)snprintf(b->config.children, sizeof(b->config.children), "%s", STRANGE);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	bed_done(*state);
	free(*state);
	return 0;
}

/* -- scripts ------------------------------------------------------------------------------------ */

static void script_begin(const struct bed *b)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/script", b->state);
	f = fopen(path, "w");
	assert_non_null(f);
	fclose(f);
}

static void script_add(const struct bed *b, char kind, unsigned int outcome, unsigned int n_fds,
	struct buf *body)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(16384);
	char path[128];
	FILE *f;

	hex_encode(&hex, buf_view(body));
	buf_put_u8(&hex, 0);
	(void)snprintf(path, sizeof(path), "%s/script", b->state);
	f = fopen(path, "a");
	assert_non_null(f);
	(void)fprintf(f, "%c %u %u %s\n", kind, outcome, n_fds,
		body->len > 0 ? (const char *)hex.data : "-");
	fclose(f);
	buf_done(body);
}

static void script_plain(const struct bed *b, char kind, unsigned int outcome)
{
	struct buf none = BUF_NULL(16);

	script_add(b, kind, outcome, 0, &none);
}

static struct buf opened_body(uint8_t st)
{
	struct buf body = BUF_NULL(4096);
	uint8_t previous[SEAL_HASH] = {0};

	tlv_put_u8(&body, LINK_TAG_STATE, st);
	tlv_put_u64(&body, LINK_TAG_VERSION, version);
	tlv_put(&body, LINK_TAG_HASH, VIEW(hash));
	tlv_put(&body, LINK_TAG_DATA, VIEW(previous));
	return body;
}

static void script_opened(const struct bed *b, uint8_t st)
{
	struct buf body = opened_body(st);

	script_add(b, 'A', 0, 0, &body);
}

static void script_people(const struct bed *b, const char *people)
{
	struct buf body = BUF_NULL(4096);

	tlv_put_str(&body, LINK_TAG_PEOPLE, people);
	script_add(b, 'A', 0, 0, &body);
}

/* all that leads to an unlocked dossier */
static void script_unlocked(const struct bed *b, const char *people)
{
	script_begin(b);
	script_opened(b, DOSSIER_STATE_OPEN);
	script_people(b, people);
	script_people(b, people);
}

static void script_rows(const struct bed *b, const char *rows, bool more)
{
	struct buf body = BUF_NULL(8192);

	tlv_put_str(&body, LINK_TAG_ROWS, rows);
	tlv_put_u8(&body, LINK_TAG_VALUE, more);
	script_add(b, 'A', 0, 0, &body);
}

#define ROW                                                                                    \
	"{\"author\":\"899700000001\",\"flags\":[],\"id\":\"" ID                               \
	"\",\"section\":\"reports\",\"status\":\"active\",\"type\":\"consultation\"}"

static void unlock(struct bed *b)
{
	fake_session(&b->s);
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
	assert_int_equal(bed_unlock(b), VITALED_REASON_NONE);
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
		script_opened(b, DOSSIER_STATE_OPEN);
		script_plain(b, 'A', opening[i].outcome);
		assert_int_equal(prepared(b), opening[i].reason);
		script_begin(b);
		script_opened(b, DOSSIER_STATE_OPEN);
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
		script_unlocked(b, "{}");
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
	script_opened(b, 9);
	assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
	/* cut after the state, the version, and within the hash */
	for (size_t cut = 3; cut < 60; cut += 12) {
		body = opened_body(DOSSIER_STATE_OPEN);
		buf_truncate(&body, cut);
		script_begin(b);
		script_add(b, 'A', 0, 0, &body);
		assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
	}
	body = BUF_NULL(256);
	st = DOSSIER_STATE_OPEN;
	tlv_put_u8(&body, LINK_TAG_STATE, st);
	tlv_put_u64(&body, LINK_TAG_VERSION, version);
	tlv_put(&body, LINK_TAG_HASH, view_of(hash, 31));
	tlv_put(&body, LINK_TAG_DATA, VIEW(hash));
	script_begin(b);
	script_add(b, 'A', 0, 0, &body);
	assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
}

static void closed_dossier_is_wrong_state(void **state)
{
	struct bed *b = *state;

	script_begin(b);
	script_opened(b, DOSSIER_STATE_CLOSED);
	assert_int_equal(prepared(b), VITALED_REASON_WRONG_STATE);
}

static void people_that_are_no_json_are_child_failed(void **state)
{
	struct bed *b = *state;

	script_begin(b);
	script_opened(b, DOSSIER_STATE_OPEN);
	script_people(b, "{");
	assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
	script_begin(b);
	script_opened(b, DOSSIER_STATE_OPEN);
	script_plain(b, 'A', 0);
	assert_int_equal(prepared(b), VITALED_REASON_CHILD_FAILED);
}

static void people_facts_reach_the_rights(void **state)
{
	struct bed *b = *state;
	const struct dossier *d;

	script_begin(b);
	script_opened(b, DOSSIER_STATE_OPEN);
	script_people(b,
		"{\"blocked\":[1,\"x\",\"899700000001\"],\"authorised\":[\"899700000001\"]}");
	assert_int_equal(prepared(b), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "blocked");
	fake_audit.refuse = 1;
	assert_int_equal(prepared(b), VITALED_REASON_AUDIT_UNAVAILABLE);
	script_unlocked(b, "{\"blocked\":[],\"authorised\":[\"899700000001\"],"
			   "\"treating-doctor\":\"899700000001\"}");
	unlock(b);
	d = session_dossier(&b->s);
	assert_true(d->authorised);
	assert_false(d->blocked);
	assert_true(d->treating);
	script_unlocked(b, "{\"treating-doctor\":\"899700000002\"}");
	bed_lock(b);
	unlock(b);
	d = session_dossier(&b->s);
	assert_false(d->authorised || d->blocked || d->treating);
}

static void an_opposition_keeps_an_emergency_of_its_mode_out(void **state)
{
	struct bed *b = *state;

	fake_session(&b->s);
	b->config.emergencies = 5;
	script_begin(b);
	script_opened(b, DOSSIER_STATE_OPEN);
	script_people(b, "{\"oppositions\":[\"centre_15\",\"bris_de_glace\"]}");
	b->s.mode = SESSION_MODE_BRIS_DE_GLACE;
	b->s.intents = SESSION_INTENT_CONSULT;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "opposed");
	fake_session(&b->s);
	script_begin(b);
	script_opened(b, DOSSIER_STATE_OPEN);
	script_people(b, "{\"oppositions\":[\"centre_15\"]}");
	b->s.mode = SESSION_MODE_BRIS_DE_GLACE;
	b->s.intents = SESSION_INTENT_CONSULT;
	assert_int_equal(bed_prepare(b), VITALED_REASON_NONE);
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
	version++;
	script_begin(b);
	script_opened(b, DOSSIER_STATE_OPEN);
	fake_audit.refuse = 1;
	assert_int_equal(prepared(b), VITALED_REASON_AUDIT_UNAVAILABLE);
	/* the same version under another hash */
	version--;
	hash[0] ^= 1;
	script_begin(b);
	script_opened(b, DOSSIER_STATE_OPEN);
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

static struct reply call_add(struct bed *b)
{
	return bed_add(b, BED_NOTE, VIEW_TEXT("x"));
}

static const struct {
	struct reply (*call)(struct bed *b);
	bool rows; /* rows come first */
	const char *event;
} calls[] = {
	{call_list, true, NULL}, {call_summary, true, NULL}, {call_read, true, NULL},
	{call_flag, true, "document-flagged"},
	{call_add, true, "document-added"}, /* the row that it would make */
};

static void outcomes_of_calls_have_their_reasons(void **state)
{
	struct bed *b = *state;

	for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
		for (size_t i = 0; i < ARRAY_LEN(calling); i++) {
			struct reply r;

			script_unlocked(b, "{}");
			if (calls[c].rows) {
				script_rows(b, "[" ROW "]", false);
			}
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
			script_unlocked(b, "{}");
			if (calls[c].rows) {
				script_rows(b, "[" ROW "]", false);
			}
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
		script_unlocked(b, "{}");
		script_rows(b, rows[i], false);
		bed_lock(b);
		unlock(b);
		assert_int_equal(call_read(b).reason, VITALED_REASON_CHILD_FAILED);
	}
	script_unlocked(b, "{}");
	script_plain(b, 'A', 0);
	bed_lock(b);
	unlock(b);
	assert_int_equal(call_list(b).reason, VITALED_REASON_CHILD_FAILED);
}

static void outcomes_of_rows_have_their_reasons(void **state)
{
	struct bed *b = *state;

	for (size_t c = 0; c < ARRAY_LEN(calls); c++) {
		for (size_t i = 0; calls[c].rows && i < ARRAY_LEN(calling); i++) {
			script_unlocked(b, "{}");
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

	script_unlocked(b, "{}");
	tlv_put_str(&body, LINK_TAG_ADVICE, "title");
	script_add(b, 'A', DOSSIER_INVALID, 0, &body);
	unlock(b);
	r = call_add(b);
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	assert_string_equal(r.rule, "title");
}

static void damage_on_the_way_out_ends_the_session(void **state)
{
	struct bed *b = *state;
	struct buf body = BUF_NULL(64);
	struct reply r = bed_reply();

	script_unlocked(b, "{}");
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
	script_unlocked(b, "{}");
	script_add(b, 'E', DOSSIER_OP_READ, 0, &body);
	unlock(b);
	assert_int_equal(call_list(b).reason, VITALED_REASON_CHILD_FAILED);
	assert_int_equal(b->s.end_reason, VITALED_REASON_CHILD_FAILED);
}

static void process_that_leaves_in_silence_ends_the_session(void **state)
{
	struct bed *b = *state;
	struct reply r;

	script_unlocked(b, "{}");
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
		T(closed_dossier_is_wrong_state),
		T(people_that_are_no_json_are_child_failed),
		T(people_facts_reach_the_rights),
		T(an_opposition_keeps_an_emergency_of_its_mode_out),
		T(refused_rejection_entry_is_audit_unavailable),
		T(outcomes_of_calls_have_their_reasons),
		T(answers_that_lack_something_are_child_failed),
		T(rows_that_are_no_rows_are_child_failed),
		T(outcomes_of_rows_have_their_reasons),
		T(advice_of_the_process_names_the_member),
		T(damage_on_the_way_out_ends_the_session),
		T(process_that_leaves_in_silence_ends_the_session),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
