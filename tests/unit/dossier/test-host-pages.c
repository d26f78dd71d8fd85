/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What is shown in pages and by filters, acts about people, and contents that lie about their type,
 * through the dossier's program without its filter.
 */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/dossier/store/query.h"
#include "tests/unit/dossier/faults.h"

/* -- rows --------------------------------------------------------------------------------------- */

static void rows_come_newest_day_first_in_pages(void **state)
{
	static const char *const days[] = {
		"2020-05-05", "2024-01-01", "1999-12-31", "2024-01-01", "2021-07-07"};
	static const size_t order[] = {3, 1, 4, 0, 2}; /* of one day: the one that came last */
	struct bench *b = *state;
	char ids[5][37];
	char after[37] = "";

	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(bench_add_on(b, days[i], ids[i]), 0);
	}
	for (size_t i = 0; i < 5; i += 2) {
		_cleanup_json_ json_t *rows = NULL;
		char filter[128];
		bool more;

		(void)snprintf(filter, sizeof(filter),
			after[0] ? "{\"limit\":2,\"after\":\"%s\"}" : "{\"limit\":2}", after);
		rows = bench_rows(b, filter, &more);
		assert_int_equal(more, i < 4);
		assert_int_equal(json_array_size(rows), i < 4 ? 2 : 1);
		for (size_t k = 0; k < json_array_size(rows); k++) {
			const char *id = json_get_str(json_array_get(rows, k), "id");

			assert_string_equal(id, ids[order[i + k]]);
			bytes_copy(after, sizeof(after), id, 37);
		}
	}
}

static void what_comes_later_has_its_place(void **state)
{
	_cleanup_json_ json_t *first = NULL;
	_cleanup_json_ json_t *then = NULL;
	struct bench *b = *state;
	char old[37];
	char new[37];
	char middle[37];

	assert_int_equal(bench_add_on(b, "2020-01-01", old), 0);
	assert_int_equal(bench_add_on(b, "2024-01-01", new), 0);
	first = bench_rows(b, "{}", NULL);
	assert_int_equal(json_array_size(first), 2);
	assert_int_equal(bench_add_on(b, "2022-01-01", middle), 0);
	then = bench_rows(b, "{}", NULL);
	assert_int_equal(json_array_size(then), 3);
	assert_string_equal(json_get_str(json_array_get(then, 1), "id"), middle);
	assert_string_equal(json_get_str(json_array_get(then, 2), "id"), old);
}

static void titles_are_searched_without_case_and_accents(void **state)
{
	static const struct {
		const char *filter;
		size_t n;
	} vectors[] = {
		{"{\"text\":\"t\"}", 2},
		{"{\"text\":\"T\",\"author\":\"899700000001\"}", 2},
		{"{\"text\":\"T\",\"author\":\"899700000002\"}", 0},
		{"{\"text\":\"te\"}", 0},
		{"{\"text\":\"t\",\"status\":\"deleted\"}", 0}, /* it has no title any more */
		{"{\"status\":\"all\"}", 3},
		{"{\"author\":\"899700000001\",\"status\":\"deleted\"}", 1},
	};
	struct bench *b = *state;
	char id[37];

	for (int i = 0; i < 3; i++) {
		assert_int_equal(bench_add(b, VIEW_TEXT("x"), "", id), 0);
	}
	assert_int_equal(bench_status(b, id, "deleted"), 0);
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		_cleanup_json_ json_t *rows = bench_rows(b, vectors[i].filter, NULL);

		assert_int_equal(json_array_size(rows), vectors[i].n);
	}
}

static void a_period_has_its_days_and_no_others(void **state)
{
	static const char *const days[] = {"1990-12-31", "1989-12-31", "1990-01-01",
		"1991-01-01", "1990-01-01", "1990-06-06"};

	static const struct {
		const char *filter;
		size_t n;
	} vectors[] = {
		{"{\"from\":\"1990-01-01\",\"to\":\"1990-12-31\"}", 4},
		{"{\"from\":\"1990-01-02\",\"to\":\"1990-12-30\"}", 1},
		{"{\"from\":\"1990-01-01\",\"to\":\"1990-01-01\"}", 2},
		{"{\"from\":\"1990-06-07\",\"to\":\"1990-06-05\"}", 0},
		{"{\"from\":\"1990-07-01\",\"to\":\"1990-07-31\"}", 0},
		{"{\"from\":\"1990-06-06\"}", 3},
		{"{\"to\":\"1990-06-06\"}", 4},
		{"{\"from\":\"1992-01-01\"}", 0},
		{"{\"to\":\"1988-01-01\"}", 0},
	};
	struct bench *b = *state;
	char id[37];

	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		assert_int_equal(bench_add_on(b, days[i], id), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		bool more;
		_cleanup_json_ json_t *rows = bench_rows(b, vectors[i].filter, &more);

		assert_int_equal(json_array_size(rows), vectors[i].n);
		assert_false(more);
	}
}

#define MANY 4100U /* more than are looked at for one answer */

/* So many copies of document @id, in one change. */
static void copy_often(struct bench *b, const char *id)
{
	_cleanup_(store_document_done) struct store_document d = STORE_DOCUMENT_NULL;
	struct store *s = &b->h.store;

	assert_int_equal(store_get(s, id, &d), 0);
	assert_int_equal(store_begin(s), 0);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(store_next_seq(s, &d.seq), 0);
		(void)snprintf(d.id, sizeof(d.id), "00000000-0000-4000-8000-%012x", i);
		assert_int_equal(store_put(s, &d), 0);
	}
	assert_int_equal(store_commit(s), 0);
}

static void a_search_among_many_is_answered_in_parts(void **state)
{
	struct bench *b = *state;
	char filter[128] = "{\"author\":\"899700000002\"}";
	char id[37];
	bool more;

	assert_int_equal(bench_add_on(b, "2024-01-01", id), 0);
	copy_often(b, id);
	json_decref(bench_rows(b, filter, &more));
	assert_true(more);
	assert_int_equal(tlv_find_str(b->answer.body, LINK_TAG_ID, id, sizeof(id)), 0);
	(void)snprintf(
		filter, sizeof(filter), "{\"author\":\"899700000002\",\"after\":\"%s\"}", id);
	json_decref(bench_rows(b, filter, &more));
	assert_false(more);
	/* one page behind the other, each document comes once */
	(void)snprintf(filter, sizeof(filter), "{}");
	for (size_t n = 0; n < MANY + 1;) {
		_cleanup_json_ json_t *rows = bench_rows(b, filter, &more);

		n += json_array_size(rows);
		assert_int_equal(more, n < MANY + 1);
		if (more) {
			assert_int_equal(
				tlv_find_str(b->answer.body, LINK_TAG_ID, id, sizeof(id)), 0);
			(void)snprintf(filter, sizeof(filter), "{\"after\":\"%s\"}", id);
		}
	}
}

/* -- people ------------------------------------------------------------------------------------- */

static json_t *people_told(struct bench *b)
{
	struct tlv t;
	json_t *j;

	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_PEOPLE, &t), 0);
	assert_int_equal(json_parse(t.value, &j), 0);
	return j;
}

static void acts_about_people_raise_the_version_and_stay(void **state)
{
	_cleanup_json_ json_t *told = NULL;
	_cleanup_json_ json_t *kept = NULL;
	struct bench *b = *state;

	assert_int_equal(
		bench_people(b, "\"act\":\"authorise\",\"id\":\"8\",\"name\":\"N\""), 0);
	assert_int_equal(bench_version(b), 2);
	assert_int_equal(bench_people(b, "\"act\":\"block\",\"id\":\"9\""), 0);
	assert_int_equal(bench_people(b, "\"act\":\"block\",\"id\":\"9\""), 0); /* done once */
	assert_int_equal(bench_version(b), 3);
	assert_int_equal(bench_people(b, "\"act\":\"treating-doctor\",\"id\":\"7\""), 0);
	assert_int_equal(bench_people(b, "\"act\":\"oppose\",\"mode\":\"centre_15\""), 0);
	told = people_told(b);
	bench_again(b);
	kept = people_told(b);
	assert_true(json_equal(told, kept));
	assert_int_equal(json_array_size(json_object_get(kept, "authorised")), 1);
	assert_string_equal(json_get_str(json_object_get(kept, "treating-doctor"), "id"), "7");
	assert_int_equal(bench_people(b, "\"act\":\"unblock\",\"id\":\"9\""), 0);
	assert_int_equal(bench_people(b, "\"act\":\"dance\",\"id\":\"9\""), DOSSIER_FAULT);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_PEOPLE, LINK_TAG_ID, "x"), DOSSIER_FAULT);
	assert_int_equal(b->h.store.version, 6);
}

/* Put @text into the store as the people record, sealed. */
static void put_people(struct bench *b, const char *text)
{
	assert_int_equal(store_begin(&b->h.store), 0);
	assert_int_equal(store_put_people(&b->h.store, view_str(text)), 0);
	assert_int_equal(store_commit(&b->h.store), 0);
	bench_end(b);
	bench_start(b);
	assert_int_equal(bench_ask_open(b, false), 0);
}

static void people_of_format_1_are_told_as_format_4(void **state)
{
	_cleanup_json_ json_t *people = NULL;
	struct bench *b = *state;

	put_people(b, "{\"authorised\":[],\"blocked\":[\"9\"],\"created\":5,\"created-by\":"
		      "{\"id\":\"8\"},\"format\":1,\"treating-doctor\":\"7\"}");
	assert_int_equal(bench_ask_key(b, true), 0);
	people = people_told(b);
	assert_int_equal(json_integer_value(json_object_get(people, "format")), 4);
	assert_string_equal(
		json_get_str(json_array_get(json_object_get(people, "blocked"), 0), "id"), "9");
}

static void people_of_a_later_format_are_newer_and_others_damage(void **state)
{
	struct bench *b = *state;

	put_people(b, "{\"format\":5}");
	assert_int_equal(bench_ask_key(b, true), DOSSIER_NEWER);
	assert_int_equal(b->h.stage, HOST_STAGE_OPENED);
	/* the key is right all the same: a store may be opened and not understood */
	assert_int_equal(store_grant(&b->h.store, VIEW(bench_key)), 0);
	put_people(b, "{\"format\":2}");
	assert_int_equal(bench_ask_key(b, true), DOSSIER_DAMAGED);
}

static void summary_tells_the_treating_doctor(void **state)
{
	_cleanup_json_ json_t *summary = NULL;
	struct bench *b = *state;

	assert_int_equal(bench_people(b, "\"act\":\"treating-doctor\",\"id\":\"7\""), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_SUMMARY, LINK_TAG_IDS, "[]"), 0);
	summary = bench_json(b, 0);
	assert_string_equal(
		json_get_str(json_object_get(summary, "treating-doctor"), "id"), "7");
}

/* -- contents that lie about their type --------------------------------------------------------- */

static void content_must_begin_as_its_type_says(void **state)
{
	static const struct {
		const char *mime;

		struct {
			const char *data;
			size_t len;
		} content;

		bool taken;
	} vectors[] = {

#define CONTENT(text) {text, sizeof(text) - 1}
		{"application/pdf", CONTENT("%PDF-1.7 ..."), true},
		{"application/pdf", CONTENT("\r\njunk before %PDF-1.4"), true},
		{"application/pdf", CONTENT("MZ"), false},
		{"application/pdf", CONTENT("%PDF"), false},
		{"image/png", CONTENT("\x89PNG\r\n\x1A\n...."), true},
		{"image/png", CONTENT(" \x89PNG\r\n\x1A\n...."), false},
		{"image/jpeg", CONTENT("\xFF\xD8\xFF\xE0"), true},
		{"image/jpeg", CONTENT("GIF89a"), false},
		{"image/gif", CONTENT("GIF89a"), true},
		{"image/tiff", CONTENT("II*\0"), true},
		{"image/tiff", CONTENT("MM\0*"), true},
		{"image/tiff", CONTENT("MM*\0"), false},
		{"application/dicom", CONTENT("DICM"), false},
		{"application/zip", CONTENT("PK\x03\x04"), true},
		{"application/zip", CONTENT("PK\x05\x06"), true},
		{"application/zip", CONTENT("Rar!"), false},
		{"text/plain", CONTENT("Bonjour"), true},
		{"text/plain", CONTENT("Bon\0jour"), false},
		{"text/plain",
			CONTENT("\xFF\xFE"
				"B\0"),
			true},
		{"text/plain",
			CONTENT("\xFE\xFF\0"
				"B"),
			true},
		{"text/html",
			CONTENT("\x7F"
				"ELF\0"),
			false},
		{"chemical/x-pdb", CONTENT("\0\1\2"), true},
	};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct view content = view_of(vectors[i].content.data, vectors[i].content.len);

		assert_int_equal(bench_add_as(b, vectors[i].mime, content),
			vectors[i].taken ? 0 : DOSSIER_MISMATCH);
	}
}

static void dicom_is_known_by_its_129th_byte(void **state)
{
	static uint8_t content[200];
	struct bench *b = *state;

	bytes_copy(content + 128, sizeof(content) - 128, "DICM", 4);
	assert_int_equal(bench_add_as(b, "application/dicom", VIEW(content)), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
		T(rows_come_newest_day_first_in_pages),
		T(what_comes_later_has_its_place),
		T(titles_are_searched_without_case_and_accents),
		T(a_period_has_its_days_and_no_others),
		T(a_search_among_many_is_answered_in_parts),
		T(acts_about_people_raise_the_version_and_stay),
		T(people_of_format_1_are_told_as_format_4),
		T(people_of_a_later_format_are_newer_and_others_damage),
		T(summary_tells_the_treating_doctor),
		T(content_must_begin_as_its_type_says),
		T(dicom_is_known_by_its_129th_byte),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_setup();
	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
