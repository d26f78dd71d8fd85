/* SPDX-License-Identifier: EUPL-1.2 */
/* Metadata of a new document. */
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
#include <unistd.h>

#include "client/metadata.h"

static const struct args_option options[] = {
	{"type", 0, "CODE"},
	{"title", 0, "TITLE"},
	{"section", 0, "CODE"},
	{"date", 0, "DATE"},
	{"mime", 0, "TYPE"},
	{"masque-ps", 0, NULL},
	{"entry", 0, "JSON"},
	{"metadata", 0, "FILE"},
};

static const struct content content = {.size = 5, .sha256 = "2cf2"};

static int build(size_t n, const char *const *argv, json_t **ret, const char **ret_bad)
{
	struct args a;

	assert_int_equal(args_parse(options, ARRAY_LEN(options), false, n, argv, &a), 0);
	return metadata_build(&a, "note.TXT", &content, "2026-11-21", ret, ret_bad);
}

static void assert_canonical(json_t *j, const char *expected)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	char *s;

	assert_int_equal(json_canonical(j, &text), 0);
	s = buf_take_str(&text);
	assert_string_equal(s, expected);
	free(s);
	json_decref(j);
}

static void options_become_members_with_size_and_hash(void **state _unused_)
{
	const char *const least[] = {"--type=consultation", "--title=T"};
	const char *const all[] = {"--type", "allergy", "--title", "T", "--section",
		"synthesis", "--date", "2026-01-02", "--mime", "application/json",
		"--masque-ps", "--entry", "{\"kind\":\"allergy\"}"};
	const char *bad = NULL;
	json_t *j = NULL;

	assert_int_equal(build(ARRAY_LEN(least), least, &j, &bad), 0);
	assert_canonical(j,
		"{\"" METADATA_DATE "\":\"2026-11-21\",\"format\":1,"
		"\"mime\":\"text/plain\",\"sha256\":\"2cf2\",\"size\":5,\"title\":\"T\","
		"\"type\":\"consultation\"}");
	assert_int_equal(build(ARRAY_LEN(all), all, &j, &bad), 0);
	assert_string_equal(json_get_str(j, METADATA_DATE), "2026-01-02");
	assert_string_equal(json_get_str(j, "section"), "synthesis");
	assert_string_equal(json_get_str(j, "mime"), "application/json");
	assert_string_equal(json_get_str(json_object_get(j, "entry"), "kind"), "allergy");
	assert_string_equal(
		json_string_value(json_array_get(json_object_get(j, "flags"), 0)), "masque_ps");
	json_decref(j);
}

static void type_and_title_are_needed(void **state _unused_)
{
	const char *const no_type[] = {"--title=T"};
	const char *const no_title[] = {"--type=consultation"};
	const char *bad = NULL;
	json_t *j = NULL;

	assert_int_equal(build(1, no_type, &j, &bad), METADATA_ABSENT);
	assert_string_equal(bad, "type");
	assert_int_equal(build(1, no_title, &j, &bad), METADATA_ABSENT);
	assert_string_equal(bad, "title");
	assert_null(j);
}

static void an_entry_must_be_an_object(void **state _unused_)
{
	static const char *const wrong[] = {"--entry=", "--entry=[]", "--entry=1", "--entry={",
		"--entry={\"a\":1,\"a\":2}"};

	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *const argv[] = {"--type=a", "--title=T", wrong[i]};
		const char *bad = NULL;
		json_t *j = NULL;

		assert_int_equal(build(3, argv, &j, &bad), METADATA_JSON);
		assert_string_equal(bad, "entry");
		assert_null(j);
	}
}

static void metadata_may_come_from_a_file_but_never_its_size_and_hash(void **state _unused_)
{
	char path[] = "/tmp/vitaled-metadata-XXXXXX";
	const char *text =
		"{\"type\":\"letter\",\"title\":\"X\",\"size\":99,\"sha256\":\"no\"}";
	const char *argv[] = {"--metadata", path, "--title=T"};
	char entry[64];
	const char *const with_entry[] = {"--type=a", "--title=T", "--entry", entry};
	const char *bad = NULL;
	json_t *j = NULL;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	assert_int_equal(build(2, argv, &j, &bad), 0);
	assert_canonical(j,
		"{\"format\":1,\"sha256\":\"2cf2\",\"size\":5,\"title\":\"X\",\"type\":"
		"\"letter\"}");
	j = NULL;
	assert_int_equal(build(3, argv, &j, &bad), METADATA_BOTH);
	assert_string_equal(bad, "metadata");
	(void)snprintf(entry, sizeof(entry), "@%s", path);
	assert_int_equal(build(4, with_entry, &j, &bad), 0);
	assert_string_equal(json_get_str(json_object_get(j, "entry"), "type"), "letter");
	json_decref(j);
	j = NULL;
	assert_int_equal(unlink(path), 0);
	assert_int_equal(build(2, argv, &j, &bad), -ENOENT);
	assert_null(j);
}

static void the_type_of_a_file_is_guessed_by_its_name(void **state _unused_)
{
	static const char *const rows[][2] = {
		{"a.pdf", "application/pdf"},
		{"A.PDF", "application/pdf"},
		{"x.tar.jpg", "image/jpeg"},
		{"scan.dcm", "application/dicom"},
		{"note", "application/octet-stream"},
		{"a.new", "application/octet-stream"},
		{"-", "application/octet-stream"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_string_equal(metadata_mime(rows[i][0]), rows[i][1]);
	}
}

static void today_is_a_date(void **state _unused_)
{
	char today[11];

	metadata_today(today);
	assert_int_equal(strlen(today), 10);
	assert_int_equal(today[4], '-');
	assert_int_equal(today[7], '-');
}

static void each_outcome_is_explained(void **state _unused_)
{
	for (int i = METADATA_ABSENT; i <= METADATA_BOTH; i++) {
		assert_true(strlen(metadata_explain(i)) > 5);
	}
	assert_string_equal(metadata_explain(0), "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_become_members_with_size_and_hash),
		cmocka_unit_test(type_and_title_are_needed),
		cmocka_unit_test(an_entry_must_be_an_object),
		cmocka_unit_test(metadata_may_come_from_a_file_but_never_its_size_and_hash),
		cmocka_unit_test(the_type_of_a_file_is_guessed_by_its_name),
		cmocka_unit_test(today_is_a_date),
		cmocka_unit_test(each_outcome_is_explained),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
