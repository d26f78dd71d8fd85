/* SPDX-License-Identifier: EUPL-1.2 */
/* What an agent is told, in words and as JSON. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "client/inform.h"

#define SESSION "/org/vitaled1/session/1"

static char *words(const char *what, json_t *facts, const char *code)
{
	struct inform i = {
		.path = SESSION, .what = what, .facts = facts, .code = view_str(code)};
	struct buf text = BUF_NULL(4096);
	char *s;

	inform_text(&i, &text);
	json_decref(facts);
	s = buf_take_str(&text);
	assert_non_null(s);
	return s;
}

static void every_word_is_told_in_a_line(void **state _unused_)
{
	static const struct {
		const char *what;
		const char *facts;
		const char *said;
	} rows[] = {
		{"unlocked", "{}", "! The dossier is open.\n"},
		{"ended", "{\"reason\":\"idle\"}",
			"! The session has ended. Nobody did anything for a minute.\n"},
		{"take-card", "{}", "! Please take your card out of the reader.\n"},
		{"use-pinpad", "{\"codes\":[\"pin\"]}",
			"! Type the PIN on the reader's keypad.\n"},
		{"emergency-access", "{\"count\":1}",
			"! Since the last visit the dossier was opened 1 time in an "
			"emergency, without consent. The history says by whom.\n"},
		{"emergency-access", "{\"count\":2,\"to\":\"treating-doctor\"}",
			"! This patient of yours: the dossier was opened 2 times in an "
			"emergency. The history says by whom.\n"},
		{"activation-code", "{}",
			"! A new activation code was made for the patient.\n"}, /* no digits came */
		{"new\x1b[2J", "{}", "! new\xEF\xBF\xBD[2J\n"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		json_t *facts = NULL;
		char *s;

		assert_int_equal(json_parse(view_str(rows[i].facts), &facts), 0);
		s = words(rows[i].what, facts, NULL);
		assert_string_equal(s, rows[i].said);
		free(s);
	}
}

static void how_often_how_and_when_last_is_told_of_emergencies(void **state _unused_)
{
	char *s = words("emergency-access",
		json_pack("{s:i, s:I, s:s}", "count", 3, "last", (json_int_t)1700000000000000,
			"mode", "bris_de_glace"),
		NULL);

	assert_non_null(strstr(s, "3 times"));
	assert_non_null(strstr(s, "2023-11-1")); /* the 14th or 15th, by the clock's zone */
	assert_non_null(strstr(s, "breaking the glass"));
	free(s);
	s = words("emergency-access", json_pack("{s:s}", "count", "many"), NULL);
	assert_non_null(strstr(s, "1 time"));
	free(s);
}

static void a_code_is_shown_in_groups_and_given_to_programs(void **state _unused_)
{
	char *s = words("activation-code",
		json_pack("{s:I}", "until", (json_int_t)1700000000000000), "12345678");
	_cleanup_(buf_done) struct buf line = BUF_NULL(4096);
	_cleanup_json_ json_t *facts = json_pack("{s:n, s:i}", "code", "until", 7);
	struct inform i = {.path = SESSION,
		.what = "activation-code",
		.facts = facts,
		.code = VIEW_TEXT("12345678")};
	_cleanup_json_ json_t *j = inform_json(&i);

	assert_non_null(strstr(s, "! Activation code for the patient: 1234 5678\n"));
	assert_non_null(strstr(s, "until 2023-11-1"));
	free(s);
	assert_int_equal(json_canonical(j, &line), 0);
	assert_true(view_equal(buf_view(&line),
		VIEW_TEXT("{\"code\":\"12345678\",\"facts\":{\"until\":7},\"inform\":"
			  "\"activation-code\",\"session\":\"" SESSION "\"}")));
	assert_int_equal(json_object_size(facts), 2); /* its own facts are not changed */
}

static void only_digits_are_a_code(void **state _unused_)
{
	static const char *const good[] = {"1234", "12345678", "123456789012"};
	static const char *const bad[] = {"", "123", "1234567890123", "1234567a", "12 34"};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_true(inform_code(view_str(good[i])));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_false(inform_code(view_str(bad[i])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_word_is_told_in_a_line),
		cmocka_unit_test(how_often_how_and_when_last_is_told_of_emergencies),
		cmocka_unit_test(a_code_is_shown_in_groups_and_given_to_programs),
		cmocka_unit_test(only_digits_are_a_code),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
