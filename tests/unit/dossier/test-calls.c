/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Every call on an unlocked dossier, with the real vitaled-dossier behind it, and who is refused what.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/dossier/inside.h"
#include "daemon/limits.h"
#include "tests/unit/dossier/bed.h"
#include "tests/unit/dossier/faults.h"

/* -- documents ---------------------------------------------------------------------------------- */

static void added_document_is_listed_and_read(void **state)
{
	_cleanup_(buf_done) struct buf content = BUF_NULL(4096);
	_cleanup_json_ json_t *facts = NULL;
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;
	const json_t *row;
	struct reply added;
	struct reply r;

	bed_created(b);
	added = bed_add(b, BED_NOTE, VIEW_TEXT("Tout va bien."));
	assert_int_equal(added.reason, VITALED_REASON_NONE);
	assert_int_equal(strlen(added.id), 36);
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 1);
	row = json_array_get(rows, 0);
	assert_string_equal(json_get_str(row, "id"), added.id);
	assert_string_equal(json_get_str(row, "title"), "Consultation");
	assert_string_equal(json_get_str(row, "section"), "reports");
	assert_string_equal(json_get_str(row, "date"), "2026-11-20");
	assert_string_equal(json_get_str(row, "status"), "active");
	assert_string_equal(json_get_str(json_object_get(row, "author"), "name"), "Anne DUVAL");
	r = bed_read(b, added.id);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	facts = bed_json(r.fds[1]);
	assert_string_equal(json_get_str(facts, "title"), "Consultation");
	assert_null(json_object_get(facts, "content"));
	bed_content(b, r.fds[0], &content);
	assert_true(view_equal(buf_view(&content), VIEW_TEXT("Tout va bien.")));
	assert_string_equal(
		json_get_str(fake_audit_last("document-read"), "document"), added.id);
	assert_int_equal(fake_audit_count("document-added", "ok"), 1);
	assert_int_equal(json_integer_value(json_object_get(
				 fake_audit_last("document-read"), "dossier-version")),
		2);
}

#define BLOB                                                                                   \
	"{\"format\":1,\"type\":\"consultation\",\"title\":\"Consultation\","                  \
	"\"date\":\"2026-11-20\",\"mime\":\"application/octet-stream\"}"

static void large_document_goes_through_in_chunks(void **state)
{
	_cleanup_(buf_done) struct buf sent = BUF_NULL((size_t)48 * 1024 * 1024);
	_cleanup_(buf_done) struct buf got = BUF_NULL((size_t)48 * 1024 * 1024);
	struct bed *b = *state;
	struct reply added;
	struct reply r;

	bed_created(b);
	for (uint32_t i = 0; i < 10 * 1024 * 1024 + 5; i++) {
		buf_put_u32(&sent, i);
	}
	added = bed_add(b, BLOB, buf_view(&sent));
	assert_int_equal(added.reason, VITALED_REASON_NONE);
	r = bed_read(b, added.id);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	close(r.fds[1]);
	bed_content(b, r.fds[0], &got);
	assert_true(view_equal(buf_view(&sent), buf_view(&got)));
}

static void slow_reader_does_not_hold_up_other_calls(void **state)
{
	_cleanup_(buf_done) struct buf sent = BUF_NULL((size_t)1024 * 1024);
	_cleanup_(buf_done) struct buf got = BUF_NULL((size_t)1024 * 1024);
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;
	struct reply added;
	struct reply r;

	bed_created(b);
	(void)buf_extend(&sent, 700000);
	added = bed_add(b, BLOB, buf_view(&sent));
	r = bed_read(b, added.id);
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason, VITALED_REASON_NONE);
	close(r.fds[1]);
	bed_content(b, r.fds[0], &got);
	assert_int_equal(got.len, 700000);
}

/* A person who reads is there: neither a call nor a content on its way is nothing done. */
static void who_reads_a_content_is_busy_until_it_has_been_read_or_left(void **state)
{
	_cleanup_(buf_done) struct buf sent = BUF_NULL((size_t)1024 * 1024);
	_cleanup_(buf_done) struct buf got = BUF_NULL((size_t)1024 * 1024);
	struct bed *b = *state;
	struct reply added;
	struct reply one;
	struct reply two;
	unsigned int inputs;

	bed_created(b);
	(void)buf_extend(&sent, 700000);
	added = bed_add(b, BLOB, buf_view(&sent));
	assert_false(dossier_busy(&b->s));
	inputs = b->s.inputs;
	one = bed_read(b, added.id);
	two = bed_read(b, added.id);
	assert_int_equal(b->s.inputs, inputs + 2); /* the calls' */
	bed_content(b, one.fds[0], &got);
	assert_int_equal(got.len, 700000);
	for (unsigned int i = 0; i < 100 && b->s.inputs == inputs + 2; i++) {
		bed_turn(b, 100);
	}
	assert_int_equal(b->s.inputs, inputs + 3); /* one is at its end */
	assert_true(dossier_busy(&b->s));
	close(two.fds[0]); /* nobody reads the other any more */
	for (unsigned int i = 0; i < 100 && dossier_busy(&b->s); i++) {
		bed_turn(b, 100);
	}
	assert_false(dossier_busy(&b->s));
	assert_int_equal(b->s.inputs, inputs + 4);
	assert_false(b->s.ended);
	close(one.fds[1]);
	close(two.fds[1]);
	one = bed_read(b, added.id);
	bed_lock(b); /* what it was busy with is gone with it */
	assert_false(dossier_busy(&b->s));
	close(one.fds[0]);
	close(one.fds[1]);
}

static void content_that_differs_from_its_metadata_is_refused(void **state)
{
	static const struct {
		const char *extra;
		enum vitaled_reason reason;
		const char *rule;
	} vectors[] = {
		{",\"size\":3}", VITALED_REASON_INVALID_ARGUMENT, "content"},
		{",\"size\":5}", VITALED_REASON_INVALID_ARGUMENT, "content"},
		{",\"size\":268435457}", VITALED_REASON_LIMITS_EXCEEDED, "size"},
		{",\"sha256\":"
		 "\"00000000000000000000000000000000"
		 "00000000000000000000000000000000\"}",
			VITALED_REASON_INVALID_ARGUMENT, "content"},
		{",\"colour\":\"red\"}", VITALED_REASON_INVALID_ARGUMENT, "metadata"},
		{",\"section\":\"imaging\"}", VITALED_REASON_INVALID_ARGUMENT, "section"},
	};

	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;
	size_t started = 0;

	bed_created(b);
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		char metadata[512];
		struct reply r;

		(void)snprintf(metadata, sizeof(metadata), "%.*s%s",
			(int)(sizeof(BED_NOTE) - 2), BED_NOTE, vectors[i].extra);
		r = bed_add(b, metadata, VIEW_TEXT("four"));
		assert_int_equal(r.reason, vectors[i].reason);
		assert_string_equal(r.rule, vectors[i].rule);
		started += strcmp(vectors[i].rule, "content") == 0;
	}
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 0);
	/* what its metadata refuse has never been started */
	assert_int_equal(fake_audit_count("document-added", "started"), started);
	assert_int_equal(fake_audit_count("document-added", "ok"), 0);
}

static void type_that_is_not_for_a_profession_is_not_added(void **state)
{
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;
	struct rights *narrow;
	struct reply r;

	bed_created(b);
	narrow = bed_narrow(b, "image");
	r = bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "document-type");
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "document-type");
	assert_int_equal(fake_audit_count("document-added", "started"), 0);
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 0);
	b->all->rights = b->rights;
	rights_free(narrow);
	assert_int_equal(bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason, VITALED_REASON_NONE);
}

static void descriptors_of_another_kind_are_refused(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int ends[2];

	bed_created(b);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	dossier_add(&b->s, null, null, bed_done_fn, &r);
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	assert_string_equal(r.rule, "content");
	dossier_add(&b->s, ends[0], null, bed_done_fn, &r);
	assert_string_equal(r.rule, "metadata");
	dossier_add(&b->s, ends[1], null, bed_done_fn, &r);
	assert_string_equal(r.rule, "content");
	assert_int_equal(fake_audit_count("document-added", "started"), 0);
	close(null);
	close(ends[0]);
	close(ends[1]);
}

static void list_filter_selects_and_strange_members_are_refused(void **state)
{
	static const struct {
		const char *filter;
		size_t n;
	} good[] = {
		{"{}", 2},
		{"{\"section\":\"reports\"}", 1},
		{"{\"type\":\"laboratory-result\"}", 1},
		{"{\"section\":\"imaging\"}", 0},
		{"{\"from\":\"2026-01-01\"}", 1},
		{"{\"to\":\"2026-01-01\"}", 1},
		{"{\"from\":\"2025-05-05\",\"to\":\"2025-05-05\"}", 1},
		{"{\"status\":\"all\"}", 2},
		{"{\"status\":\"archived\"}", 0},
	};

	static const struct {
		const char *filter;
		const char *rule;
	} bad[] = {
		{"{\"from\":\"yesterday\"}", "from"},
		{"{\"status\":\"shiny\"}", "status"},
		{"{\"colour\":\"red\"}", "filter"},
		{"{\"section\":1}", "section"},
		{"{\"after\":\"x\"}", "after"},
		{"{\"id\":\"x\"}", "filter"},
		{"[]", "filter"},
	};
	struct bed *b = *state;

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("a"));
	(void)bed_add(b,
		"{\"format\":1,\"type\":\"laboratory-result\",\"title\":\"NFS\","
		"\"date\":\"2025-05-05\",\"mime\":\"application/pdf\"}",
		VIEW_TEXT("%PDF-1.7"));
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		_cleanup_json_ json_t *filter = NULL;
		_cleanup_json_ json_t *rows = NULL;

		assert_int_equal(json_parse(view_str(good[i].filter), &filter), 0);
		rows = bed_list(b, filter);
		assert_int_equal(json_array_size(rows), good[i].n);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_cleanup_json_ json_t *filter = NULL;
		struct reply r = bed_reply();

		assert_int_equal(json_parse(view_str(bad[i].filter), &filter), 0);
		dossier_list(&b->s, filter, bed_done_fn, &r);
		bed_wait(b, &r);
		assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
		assert_string_equal(r.rule, bad[i].rule);
	}
}

static void summary_holds_typed_entries(void **state)
{
	_cleanup_json_ json_t *j = NULL;
	struct bed *b = *state;
	struct reply r = bed_reply();

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("a"));
	r = bed_add(b,
		"{\"format\":1,\"type\":\"health-data\",\"title\":\"Groupe\",\"date\":"
		"\"2026-01-01\",\"mime\":\"text/plain\",\"entry\":{\"kind\":\"blood-group\","
		"\"group\":\"AB\",\"rhesus\":\"+\"}}",
		VIEW_TEXT(""));
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	r = bed_add(b,
		"{\"format\":1,\"type\":\"health-data\",\"title\":\"Allergie\",\"date\":"
		"\"2026-01-01\",\"mime\":\"text/plain\",\"entry\":{\"kind\":\"allergy\","
		"\"substance\":\"pénicilline\"}}",
		VIEW_TEXT(""));
	r = bed_add(b,
		"{\"format\":1,\"type\":\"health-data\",\"title\":\"Traitement\",\"date\":"
		"\"2026-01-01\",\"mime\":\"text/plain\",\"entry\":{\"kind\":"
		"\"current-treatment\",\"substance\":\"amoxicilline\",\"until\":"
		"\"2001-01-01\"}}",
		VIEW_TEXT(""));
	r = bed_reply();
	dossier_summary(&b->s, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NONE);
	j = bed_json(r.fds[0]);
	assert_int_equal(json_array_size(json_object_get(j, "blood-group")), 1);
	assert_int_equal(json_array_size(json_object_get(j, "allergies")), 1);
	assert_int_equal(json_array_size(json_object_get(j, "current-treatments")), 0);
	assert_string_equal(
		json_get_str(json_array_get(json_object_get(j, "blood-group"), 0), "group"),
		"AB");
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(fake_audit_last("dossier-summary"), "details"),
				 "released")),
		3);
}

static void many_documents_are_listed_by_pages(void **state)
{
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;

	bed_created(b);
	for (unsigned int i = 0; i < 400; i++) {
		assert_int_equal(
			bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason, VITALED_REASON_NONE);
	}
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 400);
}

static void unknown_document_is_told(void **state)
{
	struct bed *b = *state;
	const char *stranger = "00000000-0000-4000-8000-000000000000";

	bed_created(b);
	assert_int_equal(bed_read(b, stranger).reason, VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_read(b, "x").reason, VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_read(b, "00000000-0000-4000-8000-00000000000'").reason,
		VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_visibility(b, stranger, "masque_ps", true).reason,
		VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_visibility(b, "x", "masque_ps", true).reason,
		VITALED_REASON_NO_SUCH_DOCUMENT);
	assert_int_equal(bed_visibility(b, stranger, "red", true).reason,
		VITALED_REASON_INVALID_ARGUMENT);
}

static void absent_dossier_has_no_documents(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();

	bed_open(b, BED_ALL);
	dossier_summary(&b->s, bed_done_fn, &r);
	assert_int_equal(r.reason, VITALED_REASON_WRONG_STATE);
	assert_int_equal(bed_read(b, "00000000-0000-4000-8000-000000000000").reason,
		VITALED_REASON_WRONG_STATE);
	assert_int_equal(
		bed_add(b, BED_NOTE, VIEW_TEXT("x")).reason, VITALED_REASON_WRONG_STATE);
}

/* -- rights ------------------------------------------------------------------------------------- */

static void masked_document_is_hidden_from_all_but_its_author(void **state)
{
	_cleanup_json_ json_t *mine = NULL;
	_cleanup_json_ json_t *theirs = NULL;
	struct bed *b = *state;
	struct reply added;
	struct reply r;

	bed_created(b);
	added = bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	assert_int_equal(
		bed_visibility(b, added.id, "masque_ps", true).reason, VITALED_REASON_NONE);
	assert_int_equal(fake_audit_count("document-flagged", "ok"), 1);
	mine = bed_list(b, NULL);
	assert_int_equal(json_array_size(mine), 1);
	assert_string_equal(json_string_value(json_array_get(
				    json_object_get(json_array_get(mine, 0), "flags"), 0)),
		"masque_ps");
	bed_open_as(b, BED_ALL, "899700000002", 10, "SA01");
	theirs = bed_list(b, NULL);
	assert_int_equal(json_array_size(theirs), 0);
	assert_int_equal(json_integer_value(json_object_get(
				 json_object_get(fake_audit_last("dossier-listed"), "details"),
				 "withheld")),
		1);
	r = bed_read(b, added.id);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "masked");
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "masked");
	assert_string_equal(json_get_str(fake_audit_last("denied"), "document"), added.id);
	r = bed_visibility(b, added.id, "masque_ps", false);
	assert_string_equal(r.rule, "not-author");
	bed_open(b, BED_ALL);
	assert_int_equal(
		bed_visibility(b, added.id, "masque_ps", false).reason, VITALED_REASON_NONE);
	assert_int_equal(
		bed_visibility(b, added.id, "masque_ps", false).reason, VITALED_REASON_NONE);
	assert_int_equal(bed_visibility(b, added.id, "invisible_patient", true).reason,
		VITALED_REASON_NONE);
	assert_int_equal(bed_visibility(b, added.id, "invisible_patient", false).reason,
		VITALED_REASON_NONE);
}

static void occupational_doctor_lists_and_feeds_and_opens_nothing(void **state)
{
	_cleanup_json_ json_t *rows = NULL;
	struct bed *b = *state;
	struct reply added;
	struct reply r = bed_reply();

	bed_created(b);
	added = bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	bed_open_as(b, BED_ALL, "899700000003", 10, "SA13");
	rows = bed_list(b, NULL);
	assert_int_equal(json_array_size(rows), 1);
	assert_string_equal(bed_read(b, added.id).rule, "role-forbidden");
	dossier_summary(&b->s, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_string_equal(r.rule, "role-forbidden");
	assert_int_equal(bed_add(b, BED_NOTE, VIEW_TEXT("y")).reason, VITALED_REASON_NONE);
}

static void what_was_not_intended_is_not_permitted(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();

	bed_created(b);
	bed_open(b, SESSION_INTENT_FEED);
	dossier_summary(&b->s, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_int_equal(r.reason, VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(r.rule, "intent");
	assert_string_equal(bed_create(b).rule, "intent");
	bed_open(b, SESSION_INTENT_CONSULT);
	assert_string_equal(bed_add(b, BED_NOTE, VIEW_TEXT("x")).rule, "intent");
}

static void weak_proof_opens_nothing(void **state)
{
	struct bed *b = *state;
	struct reply r = bed_reply();

	bed_created(b);
	b->s.proof = PROOF_READ;
	dossier_summary(&b->s, bed_done_fn, &r);
	bed_wait(b, &r);
	assert_string_equal(r.rule, "proof");
}

static void admission_names_the_rule(void **state)
{
	static const struct {
		uint8_t card;
		uint8_t profession;
		const char *sector;
		enum vitaled_reason reason;
		const char *rule;
	} vectors[] = {
		{0, 10, "SA07", VITALED_REASON_NONE, "doctor"},
		{0, 60, "SA07", VITALED_REASON_NONE, "professional"},
		{0, 10, "SA23", VITALED_REASON_FORBIDDEN_SECTOR, "forbidden-sector"},
		{2, 0, "SA07", VITALED_REASON_NONE, "employee"},
		{2, 0, "SA24", VITALED_REASON_FORBIDDEN_SECTOR, "forbidden-sector"},
		{3, 0, "SA07", VITALED_REASON_ROLE_FORBIDDEN, "role-forbidden"},
		{0, 99, "SA07", VITALED_REASON_ROLE_FORBIDDEN, "role-forbidden"},
	};
	struct bed *b = *state;
	const char *rule;

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		b->s.professional.person.card_type = vectors[i].card;
		bed_become(b, "1", vectors[i].profession, vectors[i].sector);
		assert_int_equal(dossier_admit(b->all, &b->s, &rule), vectors[i].reason);
		assert_string_equal(rule, vectors[i].rule);
	}
	b->s.no_professional = true;
	assert_int_equal(dossier_admit(b->all, &b->s, &rule), VITALED_REASON_FORBIDDEN_SECTOR);
	b->s.mode = SESSION_MODE_IDENTITY;
	assert_int_equal(dossier_admit(b->all, &b->s, &rule), VITALED_REASON_NONE);
	assert_string_equal(rule, "identity");
}

static void nobody_is_asked_for_what_opens_nothing(void **state)
{
	struct bed *b = *state;

	b->s.intents = SESSION_INTENT_CREATE;
	bed_become(b, "899700000003", 10, "SA13");
	assert_int_equal(bed_prepare(b), VITALED_REASON_NOT_PERMITTED);
	assert_string_equal(json_get_str(fake_audit_last("denied"), "rule"), "role-forbidden");
	assert_int_equal(bed_files(b, ""), 0);
}

/* -- history ------------------------------------------------------------------------------------ */

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

static void history_shows_only_ones_own_entries(void **state)
{
	_cleanup_json_ json_t *first = NULL;
	_cleanup_json_ json_t *second = NULL;
	_cleanup_json_ json_t *limited = NULL;
	struct bed *b = *state;
	struct dossier *d;
	struct reply r = bed_reply();

	bed_created(b);
	(void)bed_add(b, BED_NOTE, VIEW_TEXT("x"));
	first = history(b, "{}");
	assert_int_equal(json_array_size(first), 2); /* created, added; nothing started */
	assert_string_equal(json_get_str(json_array_get(first, 0), "event"), "document-added");
	assert_null(json_object_get(json_array_get(first, 0), "pseudonym"));
	bed_open_as(b, BED_ALL, "899700000002", 10, "SA01");
	second = history(b, "{}");
	assert_int_equal(json_array_size(second), 0);
	d = session_dossier(&b->s);
	d->treating = true;
	json_decref(second);
	second = history(b, "{}");
	assert_int_equal(json_array_size(second), 4);
	limited = history(b, "{\"limit\":2}");
	assert_int_equal(json_array_size(limited), 2);
	{
		_cleanup_json_ json_t *bad = json_pack("{s:i}", "limit", 0);

		dossier_history(&b->s, bad, bed_done_fn, &r);
	}
	assert_int_equal(r.reason, VITALED_REASON_INVALID_ARGUMENT);
	assert_string_equal(r.rule, "limit");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bed_setup, bed_teardown)
		T(added_document_is_listed_and_read),
		T(large_document_goes_through_in_chunks),
		T(slow_reader_does_not_hold_up_other_calls),
		T(who_reads_a_content_is_busy_until_it_has_been_read_or_left),
		T(content_that_differs_from_its_metadata_is_refused),
		T(type_that_is_not_for_a_profession_is_not_added),
		T(descriptors_of_another_kind_are_refused),
		T(list_filter_selects_and_strange_members_are_refused),
		T(summary_holds_typed_entries),
		T(many_documents_are_listed_by_pages),
		T(unknown_document_is_told),
		T(absent_dossier_has_no_documents),
		T(masked_document_is_hidden_from_all_but_its_author),
		T(occupational_doctor_lists_and_feeds_and_opens_nothing),
		T(what_was_not_intended_is_not_permitted),
		T(weak_proof_opens_nothing),
		T(admission_names_the_rule),
		T(nobody_is_asked_for_what_opens_nothing),
		T(history_shows_only_ones_own_entries),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
