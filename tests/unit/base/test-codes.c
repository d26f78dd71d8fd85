/* SPDX-License-Identifier: EUPL-1.2 */
/* base/codes.h: the tables in the tree, what a file must be, labels by day, damaged folders. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codes.h"
#include "base/json.h"
#include "tests/unit/base/wrap.h"

#define GOOD_HEAD                                                                              \
	"{\"table\":\"T1\",\"title\":\"t\",\"source\":\"s\",\"release\":\"2020-02-28\","
#define GOOD GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"label\":\"a\"}]}"

static int setup(void **state)
{
	(void)state;
	json_setup();
	return 0;
}

static int clear(void **state)
{
	(void)state;
	wrap_clear();
	return 0;
}

static struct codes *shipped(void)
{
	struct codes *c = NULL;
	char *bad = NULL;

	assert_int_equal(codes_load(TEST_CODES, &c, &bad), 0);
	assert_null(bad);
	return c;
}

/* -- the tables in the tree -------------------------------------------------------------------- */

static void every_table_of_the_dictionary_is_there(void **state)
{
	static const struct {
		const char *table;
		size_t n;
	} all[] = {{"G01", 6}, {"G02", 4}, {"G03", 3}, {"G04", 3}, {"G05", 17}, {"G07", 5},
		{"G08", 10}, {"G100", 72}, {"G101", 5}, {"G102", 0}, {"G103", 5}, {"G104", 8},
		{"G105", 7}, {"G11", 8}, {"G13", 2}, {"G15", 29}, {"G16", 4}, {"G17", 4},
		{"G18", 12}, {"G20", 13}, {"R01", 201}, {"R02", 63}, {"R03", 10}};
	struct codes *c = shipped();
	struct codes_about about;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		assert_true(codes_about(c, i, &about));
		assert_string_equal(about.table, all[i].table); /* sorted by name */
		assert_int_equal(about.n_entries, all[i].n);
		assert_string_equal(about.release, "2020-02-28");
		assert_non_null(strstr(about.source, "DICO-FR 02.18"));
		assert_true(strlen(about.title) > 0);
	}
	assert_false(codes_about(c, ARRAY_LEN(all), &about));
	assert_false(codes_about(NULL, 0, &about));
	assert_true(codes_about(c, 15, &about));
	assert_string_equal(about.oid, "1.2.250.1.71.1.2.7");
	assert_true(codes_about(c, 2, &about));
	assert_string_equal(about.oid, "");
	assert_null(codes_free(c));
	assert_null(codes_free(NULL));
}

static void codes_have_their_labels(void **state)
{
	static const struct {
		const char *table, *code, *label;
	} cases[] = {
		{"G15", "10", "médecin"}, {"G15", "40", "chirurgien-dentiste"}, /* not 26 */
		{"G15", "50", "sage-femme"}, {"G15", "11", NULL}, {"G05", "DA", "adjoint"},
		{"G08", "10", "adresse MSSanté"},
		{"G18", "91", NULL}, /* known, without a label */
		{"R01", "SM26", "qualifié en médecine générale"},
		{"R01", "SM72", "médecine interne et immunologie clinique"},
		{"R01", "SM99", NULL}, {"R01", "", NULL},
		{"R02", "SA33", "pharmacie d'officine"}, {"R02", "sa33", NULL},
		{"R09", "SA33", NULL}, /* no such table */
	};
	struct codes *c = shipped();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *label = codes_label(c, cases[i].table, cases[i].code, 20261121);

		if (cases[i].label) {
			assert_non_null(label);
			assert_string_equal(label, cases[i].label);
		} else {
			assert_null(label);
		}
	}
	assert_true(codes_known(c, "G18", "91"));
	assert_false(codes_known(c, "G18", "92 "));
	assert_false(codes_known(c, "G18", "99"));
	assert_false(codes_known(c, "G00", "00"));
	assert_false(codes_known(NULL, "G18", "91"));
	assert_null(codes_label(NULL, "G15", "10", 0));
	codes_free(c);
}

static void numbers_of_certificates_are_written_as_the_table_says(void **state)
{
	struct codes *c = shipped();

	(void)state;
	assert_string_equal(codes_label_number(c, "G01", 0x80, 0), "carte de test"); /* hex */
	assert_string_equal(codes_label_number(c, "G02", 1, 0),
		"carte de professionnel de santé en formation (CPF)");
	assert_string_equal(codes_label_number(c, "G15", 10, 0), "médecin"); /* decimal */
	assert_string_equal(codes_label_number(c, "G04", 1, 0), "responsable de la structure");
	assert_null(codes_label_number(c, "G15", 255, 0));
	assert_null(codes_label_number(c, "R02", 1, 0)); /* has no numbers */
	assert_null(codes_label_number(NULL, "G15", 10, 0));
	codes_free(c);
}

/* -- what rights are decided by ---------------------------------------------------------------- */

static json_t *rights_file(const char *name)
{
	char path[512];
	json_error_t error;
	json_t *j;

	assert_true(
		snprintf(path, sizeof(path), "%s/%s", TEST_RIGHTS, name) < (int)sizeof(path));
	j = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
	assert_non_null(j);
	return j;
}

/* Whether every number of @list is one of @table, under the same name where both have one. */
static void check_numbers(const struct codes *c, const json_t *list, const char *table)
{
	assert_true(json_array_size(list) > 0);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);
		int64_t code = -1;
		char text[16];

		assert_int_equal(json_get_int(one, "code", 0, 255, &code), 0);
		assert_true(snprintf(text, sizeof(text), "%02d", (int)code) > 0);
		assert_true(codes_known(c, table, text));
	}
}

static void every_code_that_rights_use_is_in_the_tables(void **state)
{
	struct codes *c = shipped();
	json_t *professions = rights_file("professions.json");
	json_t *sectors = rights_file("sectors.json");
	const json_t *list = json_object_get(sectors, "sectors");
	const json_t *speciality = json_object_get(professions, "occupational-specialities");

	(void)state;
	check_numbers(c, json_object_get(professions, "cards"), "G02");
	check_numbers(c, json_object_get(professions, "professions"), "G15");
	assert_true(json_array_size(speciality) > 0);
	for (size_t i = 0; i < json_array_size(speciality); i++) {
		assert_true(codes_known(
			c, "R01", json_string_value(json_array_get(speciality, i))));
	}
	assert_true(json_array_size(list) > 0);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i);

		assert_true(codes_known(c, "R02", json_get_str(one, "code")));
		assert_string_equal(codes_label(c, "R02", json_get_str(one, "code"), 0),
			json_get_str(one, "label"));
	}
	json_decref(professions);
	json_decref(sectors);
	codes_free(c);
}

/* -- what a table must be ---------------------------------------------------------------------- */

static const struct {
	const char *text;
	int outcome;
} letters[] = {
	{GOOD, 0},
	{GOOD_HEAD "\"entries\":[]}", 0},
	{GOOD_HEAD "\"oid\":\"1.2\",\"numbers\":\"hex\",\"entries\":[{\"code\":\"A-9\"}]}", 0},
	{"", CODES_DAMAGED},
	{"[]", CODES_DAMAGED},
	{"{}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":{}}", CODES_DAMAGED},
	{GOOD_HEAD "\"extra\":1,\"entries\":[]}", CODES_DAMAGED},
	{GOOD_HEAD "\"oid\":null,\"entries\":[]}", CODES_DAMAGED},
	{GOOD_HEAD "\"oid\":\"\",\"entries\":[]}", CODES_DAMAGED},
	{GOOD_HEAD "\"numbers\":\"octal\",\"entries\":[]}", CODES_DAMAGED},
	{GOOD_HEAD "\"numbers\":8,\"entries\":[]}", CODES_DAMAGED},
	{GOOD_HEAD "\"table\":\"T1\",\"entries\":[]}", CODES_DAMAGED}, /* twice */
	{"{\"table\":\"t1\",\"title\":\"t\",\"source\":\"s\",\"release\":\"2020-02-"
	 "28\","
	 "\"entries\":[]}",
		CODES_DAMAGED},
	{"{\"table\":\"\",\"title\":\"t\",\"source\":\"s\",\"release\":\"2020-02-28\","
	 "\"entries\":[]}",
		CODES_DAMAGED},
	{"{\"title\":\"t\",\"source\":\"s\",\"release\":\"2020-02-28\",\"entries\":[]}",
		CODES_DAMAGED},
	{"{\"table\":\"T1\",\"source\":\"s\",\"release\":\"2020-02-28\",\"entries\":[]"
	 "}",
		CODES_DAMAGED},
	{"{\"table\":\"T1\",\"title\":\"t\",\"release\":\"2020-02-28\",\"entries\":[]}",
		CODES_DAMAGED},
	{"{\"table\":\"T1\",\"title\":\"t\",\"source\":\"\",\"release\":\"2020-02-28\","
	 "\"entries\":[]}",
		CODES_DAMAGED},
	{"{\"table\":\"T1\",\"title\":\"t\",\"source\":\"s\",\"entries\":[]}", CODES_DAMAGED},
	{"{\"table\":\"T1\",\"title\":\"t\",\"source\":\"s\",\"release\":\"2020-13-"
	 "28\","
	 "\"entries\":[]}",
		CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[1]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":1}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"a\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"[\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"12345678901234567\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"label\":\"\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"label\":null}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"label\":\"a\\nb\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"label\":\"a\\u007f\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"other\":\"a\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"from\":20200101}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"from\":\"20200101\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"from\":\"2020-01-0x\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"from\":\"2020-01/01\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"from\":\"2020-01-011\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"until\":\"2020-01-32\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"until\":\"2020-00-01\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"until\":\"20x0-01-01\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"from\":\"2020-01-02\",\"until\":"
		   "\"2020-01-01\"}]}",
		CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\"},{\"code\":\"1\"}]}", CODES_DAMAGED},
	{GOOD_HEAD "\"entries\":[{\"code\":\"1\",\"until\":\"2020-01-01\"},"
		   "{\"code\":\"1\",\"from\":\"2020-01-01\"}]}",
		CODES_DAMAGED},
};

static void a_table_is_taken_by_the_letter(void **state)
{

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(letters); i++) {
		struct codes *c = codes_new();
		struct codes_about about;

		assert_int_equal(
			codes_add(c, view_str(letters[i].text), NULL), letters[i].outcome);
		assert_int_equal(codes_about(c, 0, &about), letters[i].outcome == 0);
		codes_free(c);
	}
}

static void a_table_is_added_once_and_under_its_name(void **state)
{
	struct codes *c = codes_new();

	(void)state;
	assert_int_equal(codes_add(c, view_str(GOOD), "T2"), CODES_DAMAGED);
	assert_int_equal(codes_add(c, view_str(GOOD), "T1"), 0);
	assert_int_equal(codes_add(c, view_str(GOOD), "T1"), CODES_DAMAGED);
	assert_string_equal(codes_label(c, "T1", "1", 0), "a");
	codes_free(c);
}

static void a_label_has_its_days(void **state)
{
	static const struct {
		uint32_t day;
		const char *label;
	} cases[] = {{0, "old"}, {20191231, "old"}, {20200101, "new"}, {20211231, "new"},
		{20220101, NULL}, {20220201, "newest"}, {99991231, "newest"}};
	struct codes *c = codes_new();

	(void)state;
	assert_int_equal(
		codes_add(c,
			view_str(GOOD_HEAD
				"\"entries\":["
				"{\"code\":\"1\",\"label\":\"new\",\"from\":\"2020-01-01\","
				"\"until\":\"2021-12-31\"},"
				"{\"code\":\"1\",\"label\":\"newest\",\"from\":\"2022-02-01\"},"
				"{\"code\":\"0\",\"label\":\"other\"},"
				"{\"code\":\"1\",\"label\":\"old\",\"until\":\"2019-12-31\"}]"
				"}"),
			NULL),
		0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *label = codes_label(c, "T1", "1", cases[i].day);

		assert_string_equal(label ? label : "-", cases[i].label ? cases[i].label : "-");
	}
	assert_true(codes_known(c, "T1", "1"));
	codes_free(c);
}

static void a_wall_clock_has_a_day(void **state)
{
	(void)state;
	assert_int_equal(codes_day(0), 19700101);
	assert_int_equal(codes_day(1764000000ULL * 1000000ULL), 20251124);
	assert_int_equal(codes_day(UINT64_MAX), 99999999);
}

static void limits_hold(void **state)
{
	struct codes *c = codes_new();
	struct buf b = BUF_NULL(2 * CODES_FILE_MAX);
	char text[256];

	(void)state;
	buf_put_str(&b, GOOD_HEAD "\"entries\":[");
	for (unsigned int i = 0; i <= CODES_ENTRIES_MAX; i++) {
		buf_printf(&b, "%s{\"code\":\"%u\"}", i ? "," : "", i);
	}
	buf_put_str(&b, "]}");
	assert_int_equal(codes_add(c, buf_view(&b), NULL), CODES_LARGE);
	assert_non_null(buf_extend(&b, CODES_FILE_MAX));
	assert_int_equal(codes_add(c, buf_view(&b), NULL), CODES_LARGE);
	buf_done(&b);
	for (unsigned int i = 0; i <= CODES_TABLES_MAX; i++) {
		assert_true(snprintf(text, sizeof(text),
				    "{\"table\":\"T%u\",\"title\":\"t\",\"source\":\"s\","
				    "\"release\":\"2020-02-28\",\"entries\":[]}",
				    i) > 0);
		assert_int_equal(codes_add(c, view_str(text), NULL),
			i < CODES_TABLES_MAX ? 0 : CODES_LARGE);
	}
	codes_free(c);
}

/* -- the folder -------------------------------------------------------------------------------- */

static char folder[32];

static void path_of(char path[96], const char *name)
{
	assert_true(snprintf(path, 96, "%s/%s", folder, name) < 96);
}

static void write_file(const char *name, const char *text)
{
	char path[96];
	FILE *f;

	path_of(path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fputs(text, f) >= 0, 1);
	assert_int_equal(fclose(f), 0);
}

static void remove_file(const char *name)
{
	char path[96];

	path_of(path, name);
	assert_int_equal(remove(path), 0);
}

static int new_folder(void **state)
{
	char template[] = "/tmp/codes-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(template));
	bytes_copy(folder, sizeof(folder), template, sizeof(template));
	return 0;
}

static int old_folder(void **state)
{
	(void)state;
	wrap_clear();
	return rmdir(folder);
}

/* codes_load() answers @outcome and names @bad. */
static void loads(int outcome, const char *bad)
{
	struct codes *c = NULL;
	char *name = NULL;

	assert_int_equal(codes_load(folder, &c, &name), outcome);
	assert_string_equal(name ? name : "", bad);
	free(name);
	if (outcome == 0) {
		assert_string_equal(codes_label(c, "T1", "1", 0), "a");
	} else {
		assert_null(c);
	}
	codes_free(c);
}

static void a_folder_gives_its_tables_or_a_name(void **state)
{
	struct codes *c = NULL;
	char path[96];

	(void)state;
	loads(CODES_ABSENT, "");
	write_file(".T1.json", GOOD); /* hidden, and another suffix */
	write_file("T1.json~", GOOD);
	loads(CODES_ABSENT, "");
	write_file("T1.json", GOOD);
	loads(0, "");
	write_file("T2.json", GOOD);
	loads(CODES_DAMAGED, "T2.json"); /* another's name */
	assert_int_equal(codes_load(folder, &c, NULL), CODES_DAMAGED);
	remove_file("T2.json");
	write_file("T3456789012345678.json", GOOD);
	loads(CODES_DAMAGED, "T3456789012345678.json");
	remove_file("T3456789012345678.json");
	path_of(path, "T4.json");
	assert_int_equal(mkdir(path, 0700), 0);
	loads(CODES_DAMAGED, "T4.json");
	remove_file("T4.json");
	assert_int_equal(symlink("nowhere", path), 0);
	assert_int_equal(codes_load(folder, &c, NULL), -ENOENT);
	remove_file("T4.json");
	assert_int_equal(codes_load("/dev/null", &c, NULL), -ENOTDIR);
	assert_int_equal(codes_load("/tmp/there-is-no-such-folder", &c, NULL), CODES_ABSENT);
	remove_file("T1.json");
	remove_file("T1.json~");
	remove_file(".T1.json");
}

static void a_huge_file_is_named_before_it_is_read_whole(void **state)
{
	char path[96];

	(void)state;
	write_file("T1.json", GOOD);
	path_of(path, "T1.json");
	assert_int_equal(truncate(path, (off_t)1 << 40), 0);
	loads(CODES_LARGE, "T1.json");
	remove_file("T1.json");
}

static void what_fails_loads_nothing(void **state)
{
	struct codes *c = NULL;

	(void)state;
	write_file("T1.json", GOOD);
	wrap_fail(WRAP_CALLOC, 0, ENOMEM);
	assert_int_equal(codes_load(folder, &c, NULL), -ENOMEM);
	wrap_fail(WRAP_CALLOC, 1, ENOMEM);
	assert_int_equal(codes_load(folder, &c, NULL), -ENOMEM);
	wrap_fail(WRAP_READ, 0, EIO);
	assert_int_equal(codes_load(folder, &c, NULL), -EIO);
	wrap_fail(WRAP_FSTAT, 0, EIO);
	assert_int_equal(codes_load(folder, &c, NULL), -EIO);
	for (unsigned int n = 0;; n++) {
		int r;

		wrap_fail(WRAP_MALLOC, n, ENOMEM);
		r = codes_load(folder, &c, NULL);
		if (r == 0) {
			break;
		}
		assert_int_equal(r, -ENOMEM);
		assert_null(c);
	}
	codes_free(c);
	remove_file("T1.json");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_table_of_the_dictionary_is_there),
		cmocka_unit_test(codes_have_their_labels),
		cmocka_unit_test(numbers_of_certificates_are_written_as_the_table_says),
		cmocka_unit_test(every_code_that_rights_use_is_in_the_tables),
		cmocka_unit_test(a_table_is_taken_by_the_letter),
		cmocka_unit_test(a_table_is_added_once_and_under_its_name),
		cmocka_unit_test(a_label_has_its_days),
		cmocka_unit_test(a_wall_clock_has_a_day),
		cmocka_unit_test_teardown(limits_hold, clear),
		cmocka_unit_test_setup_teardown(
			a_folder_gives_its_tables_or_a_name, new_folder, old_folder),
		cmocka_unit_test_setup_teardown(
			a_huge_file_is_named_before_it_is_read_whole, new_folder, old_folder),
		cmocka_unit_test_setup_teardown(
			what_fails_loads_nothing, new_folder, old_folder),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
