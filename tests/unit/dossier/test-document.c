/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Records, what is shown of them, what changes them, filters and the summary; and memory running out
 * in all.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <string.h>

#include "daemon/dossier/store/fold.h"
#include "daemon/dossier/store/select.h"
#include "daemon/dossier/store/sniff.h"
#include "daemon/dossier/store/summary.h"
#include "tests/unit/dossier/faults.h"

#define HASH "0000000000000000000000000000000000000000000000000000000000000000"
#define ID_A "00000000-0000-4000-8000-00000000000a"
#define ID_B "00000000-0000-4000-8000-00000000000b"

#define TITLE "Échographie rénale – cœur"

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
		"{\"format\":1,\"type\":\"image\",\"title\":\"" TITLE
		"\",\"date\":\"%s\",\"mime\":\"a/"
		"b\","
		"\"size\":70000,\"sha256\":\"" HASH "\"%s}",
		date, extra);
	buf_put_u8(&text, 0);
	metadata = parse((const char *)text.data);
	assert_int_equal(document_new(metadata, author, 7, salt, "", &record), 0);
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
#define RECORD(metadata, status)                                                               \
	"{\"author\":{\"id\":\"8\"},\"metadata\":{" metadata "},\"status\":\"" status "\"}"
	static const char *const texts[] = {"", "[", "[]", "{}", "{\"metadata\":{}}",
		RECORD("\"date\":\"2026-01-01\",\"type\":\"poem\"", "active"),
		RECORD("\"date\":\"2026-01-32\",\"type\":\"image\"", "active"),
		RECORD("\"date\":\"2026-01-01\",\"type\":\"image\",\"flags\":[\"x\"]",
			"active"),
		RECORD("\"date\":\"2026-01-01\",\"type\":\"image\",\"entry\":{}", "active"),
		RECORD("\"date\":\"2026-01-01\",\"type\":\"image\"", "lost")};
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
		{"{\"status\":\"deleted\"}", false},
		{"{\"author\":\"8\"}", true},
		{"{\"author\":\"88\"}", false},
		{"{\"limit\":1}", true},
		{"{\"text\":\"echo\"}", true},
		{"{\"text\":\"RÉNALE échographie\"}", true},
		{"{\"text\":\"  coeur \"}", true},
		{"{\"text\":\"échographie hépatique\"}", false},
		{"{\"text\":\"cœurs\"}", false},
	};

	_cleanup_json_ json_t *record = record_of("2026-01-02", "");

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		_cleanup_json_ json_t *filter = parse(vectors[i].filter);
		const char *member = NULL;
		struct selection selection;
		bool matches;

		assert_int_equal(select_check(filter, &member), 0);
		assert_int_equal(select_init(&selection, filter), 0);
		assert_int_equal(select_matches(&selection, record, ID_A, &matches), 0);
		assert_int_equal(matches, vectors[i].matches);
		select_done(&selection);
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
		{"{\"status\":\"lost\"}", "status"},
		{"{\"author\":5}", "author"},
		{"{\"text\":\"\"}", "text"},
		{"{\"text\":\"a\\u0007\"}", "text"},
		{"{\"limit\":0}", "limit"},
		{"{\"limit\":501}", "limit"},
		{"{\"limit\":\"5\"}", "limit"},
		{"{\"from\":\"1849-12-31\"}", "from"},
		{"{\"to\":\"2026-02-30\"}", "to"},
		{"{\"id\":\"x\"}", "id"},
		{"{\"after\":\"x\"}", "after"},
		{"{\"entry\":\"yes\"}", "entry"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		_cleanup_json_ json_t *filter = parse(vectors[i].filter);
		const char *member = NULL;

		assert_int_equal(select_check(filter, &member), DOSSIER_INVALID);
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

#define DOCTOR                                                                                 \
	"{\"treating-doctor\":{\"id\":\"8\",\"name\":\"N\",\"since\":5,\"by\":{\"id\":\"8\"}}" \
	"}"

/* The number of entries of @list, or -1. */
static int entries_in(const json_t *summary, const char *list)
{
	const json_t *rows = json_object_get(summary, list);

	return json_is_array(rows) ? (int)json_array_size(rows) : -1;
}

static const json_t *entry_at(const json_t *summary, const char *list, size_t i)
{
	return json_array_get(json_object_get(summary, list), i);
}

static void summary_is_newest_first_and_without_what_has_ended(void **state)
{
	static const char ids[6][STORE_ID + 1] = {ID_A, ID_B, ID_A, ID_A, ID_A, ID_A};
	_cleanup_json_ json_t *people = parse("{\"treating-doctor\":null}");
	_cleanup_json_ json_t *summary = NULL;
	json_t *records[6] = {
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
		record_of("2021-01-01", ENTRY("of-a-later-version", "")),
	};

	(void)state;
	assert_int_equal(summary_make(records, ids, 6, people, "2026-01-01", &summary), 0);
	/* they contradict: both are shown */
	assert_int_equal(entries_in(summary, "blood-group"), 2);
	assert_string_equal(json_get_str(entry_at(summary, "blood-group", 0), "group"), "O");
	assert_string_equal(
		json_get_str(entry_at(summary, "blood-group", 0), "document"), ID_B);
	assert_string_equal(json_get_str(entry_at(summary, "blood-group", 1), "document-date"),
		"2020-01-01");
	assert_int_equal(entries_in(summary, "current-treatments"), 1);
	assert_int_equal(entries_in(summary, "allergies"), 0);
	assert_true(json_is_null(json_object_get(summary, "treating-doctor")));
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		json_decref(records[i]);
	}
}

static void summary_has_every_kind_and_the_order_of_an_emergency(void **state)
{
	static const char *const order[] = {"allergies", "blood-group", "current-treatments",
		"pathologies", "antecedents", "persons-to-warn", "advance-directives",
		"treating-doctor", "vaccinations", "prevention-dates"};
	static const char ids[10][STORE_ID + 1] = {
		ID_A, ID_A, ID_A, ID_A, ID_A, ID_A, ID_A, ID_A, ID_A, ID_A};
	_cleanup_json_ json_t *people = parse(DOCTOR);
	_cleanup_json_ json_t *summary = NULL;
	json_t *records[10] = {
		record_of("2024-01-01", ENTRY("intolerance", ",\"substance\":\"x\"")),
		record_of("2023-01-01", ENTRY("allergy", ",\"substance\":\"y\"")),
		record_of("2023-01-01", ENTRY("pathology", ",\"text\":\"x\"")),
		record_of("2023-01-01", ENTRY("antecedent", ",\"text\":\"x\"")),
		record_of("2023-01-01", ENTRY("person-to-warn", ",\"name\":\"x\"")),
		record_of("2023-01-01", ENTRY("advance-directive", ",\"kept\":\"here\"")),
		/* the newer dose stands in the older document */
		record_of("2023-01-01",
			ENTRY("vaccination", ",\"vaccine\":\"new\",\"date\":\"2022-02-02\"")),
		record_of("2024-01-01",
			ENTRY("vaccination", ",\"vaccine\":\"old\",\"date\":\"1999-02-02\"")),
		record_of("2023-01-01",
			ENTRY("prevention-date", ",\"examination\":\"smear\",\"date\":\"2022-"
						 "02-02\"")),
		record_of("2023-01-01", ENTRY("current-treatment", ",\"substance\":\"x\"")),
	};
	const json_t *doctor;

	(void)state;
	assert_int_equal(summary_make(records, ids, 10, people, "2026-01-01", &summary), 0);
	assert_int_equal(json_object_size(summary), ARRAY_LEN(order) + 2);
	assert_int_equal(entries_in(summary, "order"), ARRAY_LEN(order));
	for (size_t i = 0; i < ARRAY_LEN(order); i++) {
		assert_string_equal(json_string_value(entry_at(summary, "order", i)), order[i]);
		assert_non_null(json_object_get(summary, order[i]));
	}
	assert_int_equal(entries_in(summary, "allergies"), 2);
	assert_string_equal(
		json_get_str(entry_at(summary, "allergies", 0), "kind"), "intolerance");
	assert_int_equal(entries_in(summary, "vaccinations"), 2);
	assert_string_equal(
		json_get_str(entry_at(summary, "vaccinations", 0), "vaccine"), "new");
	for (size_t i = 2; i < 7; i++) {
		assert_int_equal(entries_in(summary, order[i]), 1);
	}
	assert_int_equal(entries_in(summary, "prevention-dates"), 1);
	doctor = json_object_get(summary, "treating-doctor");
	assert_int_equal(json_object_size(doctor), 3);
	assert_string_equal(json_get_str(doctor, "name"), "N");
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		json_decref(records[i]);
	}
}

/* -- status ------------------------------------------------------------------------------------- */

static void archived_documents_come_back_and_others_stay(void **state)
{
	_cleanup_json_ json_t *record = record_of("2026-01-02", "");
	bool changed;

	(void)state;
	assert_int_equal(document_set_status(record, "active", &changed), 0);
	assert_false(changed);
	assert_int_equal(document_set_status(record, "archived", &changed), 0);
	assert_true(changed);
	assert_true(document_is(record, "archived"));
	assert_int_equal(document_set_replaced(record, ID_B), DOSSIER_WRONG_STATE);
	assert_int_equal(document_set_status(record, "active", &changed), 0);
	assert_int_equal(document_set_replaced(record, ID_B), 0);
	assert_int_equal(
		document_set_status(record, "archived", &changed), DOSSIER_WRONG_STATE);
	assert_int_equal(document_set_replaced(record, ID_B), DOSSIER_WRONG_STATE);
	assert_string_equal(json_get_str(record, "replaced-by"), ID_B);
}

static void deleted_document_keeps_who_when_and_type(void **state)
{
	_cleanup_json_ json_t *record =
		record_of("2026-01-02", ",\"flags\":[\"masque_ps\"],\"entry\":{\"kind\":"
					"\"allergy\",\"substance\":\"x\"}");
	_cleanup_json_ json_t *by = parse("{\"id\":\"9\",\"kind\":\"professional\"}");
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	static const char *const gone[] = {"title", "mime", "size", "sha256", "entry"};
	_cleanup_json_ json_t *again = NULL;
	_cleanup_json_ json_t *facts = NULL;
	uint8_t got[DOCUMENT_SALT];
	uint64_t version;
	uint64_t size;
	bool changed;

	(void)state;
	assert_int_equal(document_delete(record, by), 0);
	assert_int_equal(document_text(record, &text), 0);
	assert_null(memmem(text.data, text.len, "chographie", 10));
	assert_null(memmem(text.data, text.len, "010203", 6)); /* the salt */
	assert_int_equal(document_parse(buf_view(&text), &again), 0);
	assert_int_equal(document_content(again, got, &version, &size), DOSSIER_DAMAGED);
	assert_int_equal(document_set_status(again, "active", &changed), DOSSIER_WRONG_STATE);
	assert_int_equal(document_facts(again, ID_A, 9, &facts), 0);
	for (size_t i = 0; i < ARRAY_LEN(gone); i++) {
		assert_null(json_object_get(facts, gone[i]));
	}
	assert_string_equal(json_get_str(facts, "type"), "image");
	assert_string_equal(json_get_str(facts, "date"), "2026-01-02");
	assert_string_equal(json_get_str(json_object_get(facts, "author"), "id"), "8");
	assert_string_equal(
		json_get_str(json_object_get(json_object_get(facts, "deleted"), "by"), "id"),
		"9");
}

static void flags_are_inherited_unless_they_are_named(void **state)
{
	_cleanup_json_ json_t *masked = record_of("2026-01-02", ",\"flags\":[\"masque_ps\"]");
	_cleanup_json_ json_t *plain = record_of("2026-01-02", "");
	_cleanup_json_ json_t *silent = parse("{}");
	_cleanup_json_ json_t *naming = parse("{\"flags\":[]}");
	bool changed;

	(void)state;
	assert_int_equal(document_inherit_flags(silent, plain), 0);
	assert_null(json_object_get(silent, "flags"));
	assert_int_equal(document_inherit_flags(silent, masked), 0);
	assert_int_equal(json_array_size(json_object_get(silent, "flags")), 1);
	assert_int_equal(document_inherit_flags(naming, masked), 0);
	assert_int_equal(json_array_size(json_object_get(naming, "flags")), 0);
	assert_int_equal(
		document_add_flags(plain, json_object_get(silent, "flags"), &changed), 0);
	assert_true(changed);
	assert_int_equal(
		document_add_flags(plain, json_object_get(silent, "flags"), &changed), 0);
	assert_false(changed);
	assert_int_equal(document_add_flags(plain, NULL, &changed), 0);
}

/* -- types of contents -------------------------------------------------------------------------- */

static void nothing_at_all_is_text_and_no_picture(void **state)
{
	(void)state;
	assert_true(sniff_agrees("text/plain", VIEW_NULL));
	assert_true(sniff_agrees("x/y", VIEW_NULL));
	assert_false(sniff_agrees("image/png", VIEW_NULL));
	assert_false(sniff_agrees("application/dicom", VIEW_TEXT("DICM")));
}

/* -- folding ------------------------------------------------------------------------------------ */

static void text_is_folded_as_people_search_it(void **state)
{
	static const char *const vectors[][2] = {
		{"Œdème de QUINCKE", "oedeme de quincke"},
		{"œdème", "oedeme"},
		{"e\xCC\x81te\xCC\x81", "ete"}, /* marks of their own */
		{"L’été – à Noël", "l'ete - a noel"},
		{"Straße", "strasse"},
		{"\xC4\xB0zmir \xC4\xB1", "izmir i"},
		{"Łódź, Ørsted, Đurić", "lodz, orsted, duric"},
		{"ΆΣΟΣ", "ασοσ"},
		{"ЙЁ", "ие"},
		{"ﬁèvre", "fievre"},
		{"日本 😀", "日本 😀"},
		{"a\xC2\xA0"
		 "b",
			"a b"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(256);

		fold_text(view_str(vectors[i][0]), &out);
		assert_int_equal(out.failed, 0);
		assert_true(view_equal(buf_view(&out), view_str(vectors[i][1])));
	}
}

static void what_is_no_utf8_ends_the_text(void **state)
{
	static const char *const broken[] = {
		"a\x80", "a\xC3", "a\xC3\x28", "a\xE2\x82", "a\xF0\x9F"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(broken); i++) {
		_cleanup_(buf_done) struct buf out = BUF_NULL(256);

		fold_text(view_str(broken[i]), &out);
		assert_true(view_equal(buf_view(&out), VIEW_TEXT("a")));
	}
}

static void words_are_found_in_any_order(void **state)
{
	(void)state;
	assert_true(fold_has_words(VIEW_TEXT("radio du genou"), VIEW_TEXT("genou radio")));
	assert_true(fold_has_words(VIEW_TEXT("radio"), VIEW_TEXT("  ")));
	assert_true(fold_has_words(VIEW_NULL, VIEW_NULL));
	assert_false(fold_has_words(VIEW_NULL, VIEW_TEXT("x")));
	assert_false(fold_has_words(VIEW_TEXT("radio du genou"), VIEW_TEXT("genou irm")));
	assert_false(fold_has_words(VIEW_TEXT("radio du genou"), VIEW_TEXT("irm genou")));
}

/* -- memory ------------------------------------------------------------------------------------- */

/* Each function with the n-th allocation refused: a fault and no result, or the whole result. */
static int everything(json_t *metadata, json_t *author)
{
	static const char ids[1][STORE_ID + 1] = {ID_A};
	_cleanup_json_ json_t *people = NULL;
	_cleanup_json_ json_t *record = NULL;
	_cleanup_json_ json_t *row = NULL;
	_cleanup_json_ json_t *facts = NULL;
	_cleanup_json_ json_t *summary = NULL;
	_cleanup_json_ json_t *filter = NULL;
	_cleanup_json_ json_t *fresh = NULL;
	struct selection selection = {.filter = NULL};
	bool changed;
	int r;

	r = document_new(metadata, author, 1, salt, ID_B, &record);
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
		r = json_parse(VIEW_TEXT(DOCTOR), &people);
	}
	if (r == 0) {
		r = summary_make(&record, ids, 1, people, "2026-01-01", &summary);
	}
	if (r == 0) {
		r = json_parse(VIEW_TEXT("{\"text\":\"coeur\"}"), &filter);
	}
	if (r == 0) {
		r = select_init(&selection, filter);
	}
	if (r == 0) {
		r = select_matches(&selection, record, ID_A, &changed);
	}
	select_done(&selection);
	if (r == 0) {
		r = json_parse(VIEW_TEXT("{}"), &fresh);
	}
	if (r == 0) {
		r = document_inherit_flags(fresh, record);
	}
	if (r == 0) {
		r = document_set_status(record, "active", &changed);
	}
	if (r == 0) {
		r = document_set_replaced(record, ID_B);
	}
	if (r == 0) {
		r = document_delete(record, author);
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
		cmocka_unit_test(summary_has_every_kind_and_the_order_of_an_emergency),
		cmocka_unit_test(archived_documents_come_back_and_others_stay),
		cmocka_unit_test(deleted_document_keeps_who_when_and_type),
		cmocka_unit_test(flags_are_inherited_unless_they_are_named),
		cmocka_unit_test(nothing_at_all_is_text_and_no_picture),
		cmocka_unit_test(text_is_folded_as_people_search_it),
		cmocka_unit_test(what_is_no_utf8_ends_the_text),
		cmocka_unit_test(words_are_found_in_any_order),
		cmocka_unit_test(memory_that_runs_out_is_a_fault),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
