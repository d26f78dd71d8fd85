/* SPDX-License-Identifier: EUPL-1.2 */
/* Records, what is shown of them, filters, flags and the summary; and memory running out in all. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "daemon/dossier/store/document.h"
#include "tests/unit/dossier/faults.h"

#define HASH "0000000000000000000000000000000000000000000000000000000000000000"
#define ID_A "00000000-0000-4000-8000-00000000000a"
#define ID_B "00000000-0000-4000-8000-00000000000b"

static const uint8_t salt[DOCUMENT_SALT] = {1, 2, 3};

static json_t *parse(const char *text)
{
	json_t *j;

	assert_int_equal(json_parse(view_str(text), &j), 0);
	return j;
}

static json_t *record_of(const char *date, const char *extra)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	_cleanup_json_ json_t *metadata = NULL;
	_cleanup_json_ json_t *author = parse("{\"kind\":\"professional\",\"id\":\"8\"}");
	json_t *record;

	buf_printf(&text,
		"{\"format\":1,\"type\":\"image\",\"title\":\"T\",\"date\":\"%s\",\"mime\":\"a/"
		"b\","
		"\"size\":70000,\"sha256\":\"" HASH "\"%s}",
		date, extra);
	buf_put_u8(&text, 0);
	metadata = parse((const char *)text.data);
	assert_int_equal(document_new(metadata, author, 7, salt, &record), 0);
	return record;
}

static void record_keeps_what_was_submitted(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	_cleanup_json_ json_t *record = record_of("2026-01-02", "");
	_cleanup_json_ json_t *again = NULL;
	_cleanup_json_ json_t *facts = NULL;
	_cleanup_json_ json_t *item = NULL;
	uint8_t got[DOCUMENT_SALT];
	uint64_t version;
	uint64_t size;

	(void)state;
	assert_int_equal(json_canonical(record, &text), 0);
	assert_int_equal(document_parse(buf_view(&text), &again), 0);
	assert_true(json_equal(record, again));
	assert_int_equal(document_content(again, got, &version, &size), 0);
	assert_memory_equal(got, salt, sizeof(salt));
	assert_int_equal(version, 7);
	assert_int_equal(size, 70000);
	assert_int_equal(document_item(again, ID_A, 9, &item), 0);
	assert_null(json_object_get(item, "content"));
	assert_string_equal(json_get_str(item, "section"), "imaging");
	assert_int_equal(json_integer_value(json_object_get(item, "version")), 9);
	assert_int_equal(json_array_size(json_object_get(item, "flags")), 0);
	assert_int_equal(document_facts(again, ID_A, 9, &facts), 0);
	assert_int_equal(json_object_size(facts), json_object_size(item) + 1);
}

static void records_that_are_none_are_damage(void **state)
{
	static const char *const texts[] = {"", "[", "[]", "{}", "{\"metadata\":{}}"};
	_cleanup_json_ json_t *record = record_of("2026-01-02", "");
	static const char *const contents[] = {"{}", "{\"salt\":\"00\",\"version\":1}",
		"{\"salt\":\"zz\",\"version\":1}", "{\"salt\":\"" HASH "\",\"version\":0}"};
	uint8_t got[DOCUMENT_SALT];
	uint64_t version;
	uint64_t size;
	json_t *j;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		assert_int_equal(document_parse(view_str(texts[i]), &j), DOSSIER_DAMAGED);
	}
	for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
		json_object_set_new(record, "content", parse(contents[i]));
		assert_int_equal(
			document_content(record, got, &version, &size), DOSSIER_DAMAGED);
	}
	json_object_set_new(record, "content", parse("{\"salt\":\"" HASH "\",\"version\":1}"));
	assert_int_equal(document_content(record, got, &version, &size), 0);
	json_object_set_new(json_object_get(record, "metadata"), "size", json_integer(-1));
	assert_int_equal(document_content(record, got, &version, &size), DOSSIER_DAMAGED);
}

static void filters_select(void **state)
{
	static const struct {
		const char *filter;
		bool matches;
	} vectors[] = {
		{"{}", true},
		{"{\"type\":\"image\"}", true},
		{"{\"type\":\"letter\"}", false},
		{"{\"section\":\"imaging\"}", true},
		{"{\"section\":\"reports\"}", false},
		{"{\"status\":\"active\"}", true},
		{"{\"status\":\"all\"}", true},
		{"{\"status\":\"replaced\"}", false},
		{"{\"from\":\"2026-01-02\"}", true},
		{"{\"from\":\"2026-01-03\"}", false},
		{"{\"to\":\"2026-01-02\"}", true},
		{"{\"to\":\"2026-01-01\"}", false},
		{"{\"id\":\"" ID_A "\"}", true},
		{"{\"id\":\"" ID_B "\"}", false},
		{"{\"id\":\"" ID_A "\",\"status\":\"replaced\"}", true},
		{"{\"after\":\"" ID_B "\"}", true},
		{"{\"entry\":true}", false},
		{"{\"entry\":false}", true},
	};

	_cleanup_json_ json_t *record = record_of("2026-01-02", "");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		_cleanup_json_ json_t *filter = parse(vectors[i].filter);
		const char *member = NULL;

		assert_int_equal(document_filter_check(filter, &member), 0);
		assert_int_equal(document_matches(record, ID_A, filter), vectors[i].matches);
	}
}

static void filters_that_are_wrong_name_the_member(void **state)
{
	static const struct {
		const char *filter;
		const char *member;
	} vectors[] = {
		{"[]", "filter"},
		{"1", "filter"},
		{"{\"x\":1}", "filter"},
		{"{\"type\":1}", "type"},
		{"{\"type\":"
		 "\"01234567890123456789012345678901234567890123456789012345678901234\"}",
			"type"},
		{"{\"status\":\"deleted\"}", "status"},
		{"{\"to\":\"2026-02-30\"}", "to"},
		{"{\"id\":\"x\"}", "id"},
		{"{\"after\":\"x\"}", "after"},
		{"{\"entry\":\"yes\"}", "entry"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		_cleanup_json_ json_t *filter = parse(vectors[i].filter);
		const char *member = NULL;

		assert_int_equal(document_filter_check(filter, &member), DOSSIER_INVALID);
		assert_string_equal(member, vectors[i].member);
	}
}

static void flags_are_set_once_and_taken_off(void **state)
{
	_cleanup_json_ json_t *record = record_of("2026-01-02", "");
	const json_t *flags;
	bool changed;

	(void)state;
	assert_int_equal(document_set_flag(record, "masque_ps", false, &changed), 0);
	assert_false(changed);
	assert_int_equal(document_set_flag(record, "masque_ps", true, &changed), 0);
	assert_true(changed);
	assert_int_equal(document_set_flag(record, "invisible_patient", true, &changed), 0);
	assert_true(changed);
	assert_int_equal(document_set_flag(record, "masque_ps", true, &changed), 0);
	assert_false(changed);
	assert_int_equal(document_set_flag(record, "masque_ps", false, &changed), 0);
	assert_true(changed);
	flags = json_object_get(json_object_get(record, "metadata"), "flags");
	assert_int_equal(json_array_size(flags), 1);
	assert_string_equal(json_string_value(json_array_get(flags, 0)), "invisible_patient");
}

#define ENTRY(kind, more) ",\"entry\":{\"kind\":\"" kind "\"" more "}"

static void summary_is_newest_first_and_without_what_has_ended(void **state)
{
	static const char ids[5][STORE_ID + 1] = {ID_A, ID_B, ID_A, ID_A, ID_A};
	_cleanup_json_ json_t *summary = NULL;
	json_t *records[5] = {
		record_of("2020-01-01",
			ENTRY("blood-group", ",\"group\":\"A\",\"rhesus\":\"+\"")),
		record_of("2021-01-01",
			ENTRY("blood-group", ",\"group\":\"O\",\"rhesus\":\"+\"")),
		record_of(
			"2021-01-01", ENTRY("current-treatment",
					      ",\"substance\":\"x\",\"until\":\"2026-01-01\"")),
		record_of(
			"2021-01-01", ENTRY("current-treatment",
					      ",\"substance\":\"y\",\"until\":\"2025-12-31\"")),
		record_of("2021-01-01", ""),
	};
	const json_t *groups;

	(void)state;
	assert_int_equal(document_summary(records, ids, 5, "2026-01-01", &summary), 0);
	groups = json_object_get(summary, "blood-group");
	assert_int_equal(json_array_size(groups), 2); /* they contradict: both are shown */
	assert_string_equal(json_get_str(json_array_get(groups, 0), "group"), "O");
	assert_string_equal(json_get_str(json_array_get(groups, 0), "document"), ID_B);
	assert_string_equal(
		json_get_str(json_array_get(groups, 1), "document-date"), "2020-01-01");
	assert_int_equal(json_array_size(json_object_get(summary, "current-treatments")), 1);
	assert_int_equal(json_array_size(json_object_get(summary, "allergies")), 0);
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		json_decref(records[i]);
	}
}

/* Each function with the n-th allocation refused: a fault and no result, or the whole result. */
static int everything(json_t *metadata, json_t *author)
{
	static const char ids[1][STORE_ID + 1] = {ID_A};
	_cleanup_json_ json_t *record = NULL;
	_cleanup_json_ json_t *row = NULL;
	_cleanup_json_ json_t *facts = NULL;
	_cleanup_json_ json_t *summary = NULL;
	bool changed;
	int r;

	r = document_new(metadata, author, 1, salt, &record);
	if (r == 0) {
		r = document_row(record, ID_A, &row);
	}
	if (r == 0) {
		r = document_facts(record, ID_A, 1, &facts);
	}
	if (r == 0) {
		r = document_set_flag(record, "masque_ps", true, &changed);
	}
	if (r == 0) {
		r = document_summary(&record, ids, 1, "2026-01-01", &summary);
	}
	return r;
}

static void memory_that_runs_out_is_a_fault(void **state)
{
	_cleanup_json_ json_t *record = record_of(
		"2026-01-02", ENTRY("blood-group", ",\"group\":\"A\",\"rhesus\":\"+\""));
	bool met = true;

	(void)state;
	for (unsigned int n = 0; met; n++) {
		int r;

		faults_arm(FAULTS_MEMORY, n);
		r = everything(
			json_object_get(record, "metadata"), json_object_get(record, "author"));
		met = faults_off();
		assert_true(met ? r < 0 : r == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(record_keeps_what_was_submitted),
		cmocka_unit_test(records_that_are_none_are_damage),
		cmocka_unit_test(filters_select),
		cmocka_unit_test(filters_that_are_wrong_name_the_member),
		cmocka_unit_test(flags_are_set_once_and_taken_off),
		cmocka_unit_test(summary_is_newest_first_and_without_what_has_ended),
		cmocka_unit_test(memory_that_runs_out_is_a_fault),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
