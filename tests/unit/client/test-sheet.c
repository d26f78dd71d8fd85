/* SPDX-License-Identifier: EUPL-1.2 */
/* The summary and the people of a dossier as a person reads them. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/sheet.h"

typedef void (*sheet_fn)(const json_t *sheet, struct buf *out);

static void assert_sheet(sheet_fn fn, const char *json, const char *wanted)
{
	struct buf out = BUF_NULL(65536);
	json_t *j = NULL;
	char *text;

	assert_int_equal(json_parse(view_str(json), &j), 0);
	fn(j, &out);
	json_decref(j);
	text = buf_take_str(&out);
	assert_non_null(text);
	assert_string_equal(text, wanted);
	free(text);
}

static void the_order_is_the_services_and_nothing_is_silent(void **state _unused_)
{
	assert_sheet(sheet_summary,
		"{\"aaa\":[],\"allergies\":[{\"substance\":\"penicillin\"}],"
		"\"blood-group\":[],\"format\":1,\"order\":[\"blood-group\",1,\"allergies\","
		"\"absent\",\"treating-doctor\"],\"treating-doctor\":null}",
		"blood group: nothing recorded\nallergies: \n  - penicillin\n"
		"treating doctor: nothing recorded\naaa: nothing recorded\n");
}

static void an_entry_says_what_it_is_then_the_rest_then_where_it_stands(void **state _unused_)
{
	assert_sheet(sheet_summary,
		"{\"blood-group\":[{\"author\":{\"id\":\"1\",\"kind\":\"professional\","
		"\"name\":\"ZOE X\"},\"document\":\"d\",\"document-date\":\"2026-11-21\","
		"\"group\":\"AB\",\"kind\":\"blood-group\",\"rhesus\":\"-\"}]}",
		"blood group: \n  - AB- (2026-11-21, ZOE X)\n");
	assert_sheet(sheet_summary,
		"{\"allergies\":[{\"author\":{\"id\":\"1\"},\"kind\":\"allergy\",\"reaction\":"
		"\"oedema\",\"severity\":\"severe\",\"substance\":\"nuts\"},"
		"{\"document-date\":\"2026-11-21\",\"kind\":\"intolerance\",\"substance\":"
		"\"milk\"}]}",
		"allergies: \n  - nuts; reaction oedema; severity severe (1)\n"
		"  - milk (intolerance) (2026-11-21)\n");
	assert_sheet(sheet_summary,
		"{\"advance-directives\":[{\"kept\":\"elsewhere\",\"place\":\"at home\"}],"
		"\"persons-to-warn\":[{\"name\":\"LOU\",\"phone\":\"0100000000\",\"trusted\":"
		"true}],\"prevention-dates\":[{\"date\":\"2020-01-02\",\"examination\":"
		"\"smear\"}]}",
		"advance directives: \n  - kept elsewhere; place at home\npeople to warn: \n"
		"  - LOU; telephone 0100000000; trusted person yes\nprevention: \n"
		"  - smear; date 2020-01-02\n");
}

static void what_a_later_version_tells_is_shown_behind_the_rest(void **state _unused_)
{
	assert_sheet(sheet_summary,
		"{\"aaa\":[{\"nested\":{\"a\":1},\"new\":[1,2],\"when\":7}],\"blood-group\":[],"
		"\"count\":3,\"words\":[\"x\"],\"yes\":true}",
		"aaa: \n  - nested {\"a\":1}; new 1,2; when 7\nblood group: nothing recorded\n"
		"count: 3\nwords: \n  - x\nyes: yes\n");
}

static void text_of_others_moves_no_cursor(void **state _unused_)
{
	assert_sheet(sheet_summary,
		"{\"allergies\":[{\"\\u001b[2J\":\"a\\nb\",\"substance\":\"\\u001b[31m\"}]}",
		"allergies: \n  - \xEF\xBF\xBD[31m; \xEF\xBF\xBD[2J a\xEF\xBF\xBD"
		"b\n");
}

static void people_are_numbers_with_names_and_days(void **state _unused_)
{
	assert_sheet(sheet_people,
		"{\"authorised\":[{\"by\":{\"id\":\"7\",\"name\":\"Z\"},\"ended\":true,\"id\":"
		"\"7\",\"name\":\"Z\",\"since\":1700000000000000,\"until\":1731536000000000},"
		"{\"by\":\"8\",\"id\":\"8\",\"since\":-1}],\"blocked\":[],\"oppositions\":"
		"[{\"by\":{\"id\":\"9\"},\"mode\":\"bris_de_glace\",\"since\":0},"
		"{\"mode\":\"of-tomorrow\"}],\"treating-doctor\":{\"id\":\"5\",\"name\":\"\"}}",
		"may open the dossier: \n  - 7 Z; by Z; since 2023-11-14; until 2024-11-13 "
		"(ended)\n  - 8; by 8; since -1\nblocked: nothing recorded\n"
		"treating doctor: 5 \nemergencies opposed: \n"
		"  - breaking the glass (bris_de_glace); by 9; since 1970-01-01\n"
		"  - of-tomorrow\n");
}

static void an_end_is_told_by_its_last_day_where_one_is(void **state _unused_)
{
	static const char people[] =
		"{\"authorised\":[{\"id\":\"7\",\"since\":1896134400000000,"
		"\"until\":1896134400000000}]}";
	static const char absurd[] = "{\"blocked\":[{\"id\":\"7\",\"since\":"
				     "9223372036854775807}]}";

	assert_sheet(sheet_people, people,
		"may open the dossier: \n  - 7; since 2030-02-01; until 2030-01-31\n");
	(void)setenv("TZ", "GLP+4", 1); /* midnight in Guadeloupe is four hours later */
	tzset();
	assert_sheet(sheet_people, people,
		"may open the dossier: \n  - 7; since 2030-01-31; until 2030-01-31\n");
	(void)setenv("TZ", "UTC", 1);
	tzset();
	assert_sheet(sheet_people, absurd, "blocked: \n  - 7; since 294247-01-10\n");
}

static void nothing_gives_nothing(void **state _unused_)
{
	assert_sheet(sheet_summary, "{}", "");
	assert_sheet(sheet_people, "[]", "");
	assert_sheet(sheet_people, "{\"blocked\":[{}]}", "blocked: \n  - \n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_order_is_the_services_and_nothing_is_silent),
		cmocka_unit_test(an_entry_says_what_it_is_then_the_rest_then_where_it_stands),
		cmocka_unit_test(what_a_later_version_tells_is_shown_behind_the_rest),
		cmocka_unit_test(text_of_others_moves_no_cursor),
		cmocka_unit_test(people_are_numbers_with_names_and_days),
		cmocka_unit_test(an_end_is_told_by_its_last_day_where_one_is),
		cmocka_unit_test(nothing_gives_nothing),
	};

	(void)setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
