/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * metadata_check() against metadata-vectors.json, which metadata-vectors.py plays against the schema:
 * both must say the same.
 */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>

#include "daemon/dossier/store/metadata.h"

static void every_vector_is_judged_as_the_schema_judges_it(void **state)
{
	static char text[256 * 1024];
	_cleanup_json_ json_t *vectors = NULL;
	FILE *f = fopen(VECTORS, "r");
	size_t i;
	json_t *v;

	(void)state;
	assert_non_null(f);
	assert_int_equal(
		json_parse(view_of(text, fread(text, 1, sizeof(text), f)), &vectors), 0);
	fclose(f);
	assert_true(json_array_size(vectors) > 100);
	json_array_foreach(vectors, i, v)
	{
		const char *wrong = json_get_str(v, "wrong");
		const char *member = "none";
		int r = metadata_check(json_object_get(v, "metadata"), &member);

		if (!wrong) {
			assert_int_equal(r, 0);
			continue;
		}
		assert_true(r == METADATA_INVALID || r == METADATA_TOO_LARGE);
		assert_string_equal(member, wrong);
	}
}

static void too_large_is_told_apart(void **state)
{
	_cleanup_json_ json_t *j = NULL;
	const char *member;

	(void)state;
	assert_int_equal(
		json_parse(
			VIEW_TEXT(
				"{\"format\":1,\"type\":\"image\",\"title\":\"x\",\"date\":"
				"\"2026-01-01\",\"mime\":\"a/b\",\"size\":268435457,\"sha256\":"
				"\"0123456789012345678901234567890123456789012345678901234567"
				"890123\"}"),
			&j),
		0);
	assert_int_equal(metadata_check(j, &member), METADATA_TOO_LARGE);
	assert_string_equal(member, "size");
	json_object_set_new(j, "size", json_integer(INT64_MIN));
	assert_int_equal(metadata_check(j, &member), METADATA_INVALID);
	json_object_set_new(j, "size", json_integer(INT64_MAX));
	assert_int_equal(metadata_check(j, &member), METADATA_TOO_LARGE);
	assert_int_equal(metadata_check(NULL, &member), METADATA_INVALID);
}

static void sections_of_types(void **state)
{
	(void)state;
	assert_string_equal(metadata_section("image"), "imaging");
	assert_string_equal(metadata_section("device-measurement"), "patient");
	assert_null(metadata_section("imaging"));
	assert_false(metadata_date_valid(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_is_judged_as_the_schema_judges_it),
		cmocka_unit_test(too_large_is_told_apart),
		cmocka_unit_test(sections_of_types),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
