/* SPDX-License-Identifier: EUPL-1.2 */
/* The line protocol of the agent: questions and answers. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "client/answer.h"
#include "record/crypto.h"

static struct ask question(enum ask_kind kind, const char *what, json_t *facts)
{
	struct ask q = {.kind = kind, .facts = facts};

	bytes_copy(q.session, sizeof(q.session), "/org/vitaled1/session/1", 24);
	bytes_copy(q.what, sizeof(q.what), what, strlen(what) + 1);
	return q;
}

static int take(struct ask *q, const char *line, struct ask_answer *ret)
{
	return ask_take(q, view_str(line), ret);
}

static json_t *people(void)
{
	return json_pack("[{s:s, s:s, s:s}, {s:s, s:s, s:s}]", "surname", "NESSI", "given",
		"JEAN", "birth-date", "1970-01-02", "surname", "NESSI", "given", "ZO\xC3\x89",
		"birth-date", "2010-03-04");
}

static json_t *consent(const char *wording)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(64);
	uint8_t hash[CRYPTO_SHA256];
	struct view v = view_str(wording);

	assert_int_equal(crypto_sha256(&v, 1, hash), 0);
	hex_encode(&hex, VIEW(hash));
	return json_pack("{s:[s,s], s:{s:s, s:s, s:s%}, s:{s:s}, s:s}", "acts", "consult",
		"feed", "text", "id", "consent-1", "wording", wording, "sha256",
		(const char *)hex.data, hex.len, "patient", "surname", "NESSI", "structure",
		"Cabinet");
}

static void a_pin_is_four_to_twelve_digits_and_nothing_else(void **state _unused_)
{
	static const char *const good[] = {"1234", "123456789012"};
	static const char *const bad[] = {
		"123", "1234567890123", "12a4", " 1234", "1234 ", "12é4", "-123"};
	struct ask q = question(ASK_KIND_PIN, "", json_object());
	struct ask_answer a = {.index = 9};

	assert_true(ask_secret(&q));
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		assert_int_equal(take(&q, good[i], &a), 0);
	}
	a.index = 9;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(take(&q, bad[i], &a), ASK_AGAIN);
		assert_int_equal(a.index, 9); /* untouched */
	}
	assert_false(ask_twice(&q));
	ask_done(&q);
}

static void a_code_has_the_digits_of_its_kind(void **state _unused_)
{
	static const struct {
		const char *kind;
		const char *line;
		int r;
	} rows[] = {
		{"pin", "1234", 0},
		{"pin", "12345", ASK_AGAIN},
		{"new-pin", "0000", 0},
		{"new-pin", "123", ASK_AGAIN},
		{"new-pin", "12a4", ASK_AGAIN},
		{"puk", "12345678", 0},
		{"puk", "1234567", ASK_AGAIN},
		{"puk", "123456789", ASK_AGAIN},
		{"puk", "1234", ASK_AGAIN},
		{"patient-code", "1357", 0},
		{"patient-code", "123456789012", 0},
		{"patient-code", "1234567890123", ASK_AGAIN},
		{"patient-code", "135", ASK_AGAIN},
		{"patient-code", "1234 5678", ASK_AGAIN},
		{"new-code", "024680", 0},
		{"new-code", "024", ASK_AGAIN},
		{"another", "12345678", 0},
		{"another", "123", ASK_AGAIN},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ask q = question(ASK_KIND_CODE, rows[i].kind, json_object());
		struct ask_answer a = {0};

		assert_true(ask_secret(&q));
		assert_int_equal(ask_twice(&q), strncmp(rows[i].kind, "new-", 4) == 0);
		assert_int_equal(take(&q, rows[i].line, &a), rows[i].r);
		ask_done(&q);
	}
}

static void the_keypad_is_told_what_to_type(void **state _unused_)
{
	static const struct {
		const char *first;
		const char *second;
		const char *shown;
	} rows[] = {
		{"pin", NULL, "Type the PIN on the reader's keypad."},
		{"pin", "new-pin", "the present PIN, then the new PIN twice."},
		{"puk", "new-pin", "the PUK, then the new PIN twice."},
		{NULL, NULL, "Type the PIN on the reader's keypad."},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
		_cleanup_json_ json_t *facts = json_pack("{s:i, s:[s*, s*]}", "tries-left", 2,
			"codes", rows[i].first, rows[i].second);
		char *s;

		ask_keypad(facts, &text);
		s = buf_take_str(&text);
		assert_non_null(strstr(s, rows[i].shown));
		assert_non_null(strstr(s, "2 tries are left."));
		free(s);
	}
	assert_string_equal(ask_object("/org/vitaled1/card/3"), "card");
	assert_string_equal(ask_object("/org/vitaled1/session/3"), "session");
}

static void a_choice_is_a_number_of_the_list_from_one(void **state _unused_)
{
	static const char *const bad[] = {"0", "3", "-1", "1x", "NESSI", "99999999999"};
	struct ask q = question(ASK_KIND_CHOICE, "beneficiary", people());
	struct ask_answer a = {0};

	assert_false(ask_secret(&q));
	assert_int_equal(take(&q, "2", &a), 0);
	assert_int_equal(a.index, 1);
	assert_int_equal(take(&q, "1", &a), 0);
	assert_int_equal(a.index, 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(take(&q, bad[i], &a), ASK_AGAIN);
	}
	ask_done(&q);
}

static void consent_is_yes_no_or_impossible(void **state _unused_)
{
	static const char *const rows[][2] = {
		{"o", "given"},
		{"oui", "given"},
		{"y", "given"},
		{"yes", "given"},
		{"given", "given"},
		{"n", "refused"},
		{"non", "refused"},
		{"no", "refused"},
		{"refused", "refused"},
		{"i", "impossible"},
		{"impossible", "impossible"},
	};
	struct ask q = question(ASK_KIND_CONSENT, "", consent("May I?"));
	struct ask_answer a = {0};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(take(&q, rows[i][0], &a), 0);
		assert_string_equal(a.decision, rows[i][1]);
	}
	assert_int_equal(take(&q, "perhaps", &a), ASK_AGAIN);
	assert_int_equal(take(&q, "1", &a), ASK_AGAIN);
	ask_done(&q);
}

static void who_helps_with_a_consent_is_asked_for_next(void **state _unused_)
{
	struct ask q = question(ASK_KIND_CONSENT, "", consent("May I?"));
	struct ask_answer a = {0};

	assert_int_equal(take(&q, "a", &a), ASK_MORE);
	assert_string_equal(q.what, "helper-name");
	assert_int_equal(take(&q, "Z\x1B", &a), ASK_AGAIN); /* a control character */
	assert_int_equal(take(&q, "Z\xC3", &a), ASK_AGAIN); /* no UTF-8 */
	assert_string_equal(q.what, "helper-name");
	assert_int_equal(take(&q, "Zo\xC3\xA9 Nessi", &a), ASK_MORE);
	assert_string_equal(q.what, "helper-quality");
	assert_null(a.decision); /* not yet */
	assert_int_equal(take(&q, "4", &a), ASK_AGAIN);
	assert_int_equal(take(&q, "Her sister", &a), ASK_AGAIN);
	assert_int_equal(take(&q, "3", &a), 0);
	assert_string_equal(a.decision, "given");
	assert_string_equal(json_get_str(q.details, "form"), "assisted");
	assert_string_equal(
		json_get_str(json_object_get(q.details, "helper"), "name"), "Zo\xC3\xA9 Nessi");
	assert_string_equal(
		json_get_str(json_object_get(q.details, "helper"), "quality"), "interpreter");
	ask_done(&q);
	assert_null(q.details);
	q = question(ASK_KIND_CONSENT, "", consent("May I?"));
	assert_int_equal(take(&q, "a", &a), ASK_MORE);
	assert_int_equal(take(&q, "", &a), ASK_CANCEL); /* half an answer is none */
	ask_done(&q);
}

static void only_a_minor_is_represented(void **state _unused_)
{
	for (int minor = 0; minor <= 1; minor++) {
		struct ask q = question(ASK_KIND_CONSENT, "", consent("May I?"));
		struct ask_answer a = {0};

		assert_int_equal(json_set(q.facts, "minor", json_boolean(minor)), 0);
		assert_int_equal(take(&q, "p", &a), minor ? ASK_MORE : ASK_AGAIN);
		if (minor) {
			assert_int_equal(take(&q, "Jean", &a), ASK_MORE);
			assert_int_equal(take(&q, "tutor-of-state", &a), 0);
			assert_string_equal(json_get_str(q.details, "form"), "representative");
			assert_string_equal(
				json_get_str(json_object_get(q.details, "helper"), "quality"),
				"tutor-of-state");
		}
		ask_done(&q);
	}
}

static void a_program_gives_a_consent_whole(void **state _unused_)
{
	static const struct {
		const char *line;
		const char *decision; /* NULL: no answer to this */
	} rows[] = {
		{"{\"decision\":\"given\"}", "given"},
		{"{\"decision\":\"refused\"}", "refused"},
		{"{\"decision\":\"impossible\",\"reason\":\"unconscious\"}", "impossible"},
		{"{\"decision\":\"given\",\"form\":\"assisted\",\"helper\":"
		 "{\"name\":\"Z\",\"quality\":\"nurse\"}}",
			"given"},
		{"{\"decision\":\"given\",\"form\":\"representative\",\"helper\":"
		 "{\"name\":\"Z\",\"quality\":\"mother\"}}",
			"given"},
		{"{", NULL},
		{"{}", NULL},
		{"{\"decision\":1}", NULL},
		{"{\"decision\":\"perhaps\"}", NULL},
		{"{\"decision\":\"given\",\"other\":1}", NULL},
		{"{\"decision\":\"given\",\"reason\":\"x\"}", NULL},
		{"{\"decision\":\"impossible\",\"reason\":\"Two words\"}", NULL},
		{"{\"decision\":\"given\",\"form\":\"assisted\"}", NULL},
		{"{\"decision\":\"given\",\"form\":\"oral\",\"helper\":"
		 "{\"name\":\"Z\",\"quality\":\"nurse\"}}",
			NULL},
		{"{\"decision\":\"refused\",\"form\":\"assisted\",\"helper\":"
		 "{\"name\":\"Z\",\"quality\":\"nurse\"}}",
			NULL},
		{"{\"decision\":\"given\",\"form\":\"assisted\",\"helper\":"
		 "{\"name\":\"\",\"quality\":\"nurse\"}}",
			NULL},
		{"{\"decision\":\"given\",\"form\":\"assisted\",\"helper\":"
		 "{\"name\":\"Z\",\"quality\":\"A nurse\"}}",
			NULL},
		{"impossible asleep", "impossible"},
		{"i un-conscious", "impossible"},
		{"i Two", NULL},
		{"y asleep", NULL},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ask q = question(ASK_KIND_CONSENT, "", consent("May I?"));
		struct ask_answer a = {0};
		int r = take(&q, rows[i].line, &a);

		if (r != (rows[i].decision ? 0 : ASK_AGAIN)) {
			fail_msg("row %zu: %d", i, r);
		}
		if (rows[i].decision) {
			assert_string_equal(a.decision, rows[i].decision);
		} else {
			assert_null(a.decision);
		}
		ask_done(&q);
	}
}

static void a_confirmation_is_yes_or_no(void **state _unused_)
{
	struct ask q = question(ASK_KIND_CONFIRM, "last-try", json_object());
	struct ask_answer a = {0};

	assert_int_equal(take(&q, "o", &a), 0);
	assert_true(a.yes);
	assert_int_equal(take(&q, "n", &a), 0);
	assert_false(a.yes);
	assert_int_equal(take(&q, "impossible", &a), ASK_AGAIN);
	ask_done(&q);
}

static void an_empty_line_is_no_answer_to_anything(void **state _unused_)
{
	static const enum ask_kind kinds[] = {ASK_KIND_PIN, ASK_KIND_CODE, ASK_KIND_CHOICE,
		ASK_KIND_CONSENT, ASK_KIND_CONFIRM};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct ask q = question(kinds[i], "x", people());
		struct ask_answer a = {0};

		assert_int_equal(take(&q, "", &a), ASK_CANCEL);
		assert_int_equal(take(&q, "cancel", &a), ASK_CANCEL);
		ask_done(&q);
	}
}

static void a_wording_that_has_not_its_hash_is_not_shown(void **state _unused_)
{
	struct ask q = question(ASK_KIND_CONSENT, "", consent("May I?"));
	json_t *text = json_object_get(q.facts, "text");

	assert_true(ask_wording(&q));
	assert_int_equal(json_set(text, "wording", json_string("May I not?")), 0);
	assert_false(ask_wording(&q));
	assert_int_equal(json_object_del(text, "wording"), 0);
	assert_false(ask_wording(&q));
	assert_int_equal(json_object_del(q.facts, "text"), 0);
	assert_false(ask_wording(&q));
	ask_done(&q);
}

static char *text_of(const struct ask *q, void (*fn)(const struct ask *, struct buf *))
{
	struct buf text = BUF_NULL(65536);
	char *s;

	fn(q, &text);
	s = buf_take_str(&text);
	assert_non_null(s);
	return s;
}

static void drivers_can_follow_by_tags(void **state _unused_)
{
	const struct {
		enum ask_kind kind;
		const char *what;
		const char *tag;
	} rows[] = {
		{ASK_KIND_PIN, "", "? pin"},
		{ASK_KIND_CODE, "new-pin", "? code new-pin"},
		{ASK_KIND_CODE, "patient-code", "? code patient-code"},
		{ASK_KIND_CONSENT, "helper-name", "? consent helper-name"},
		{ASK_KIND_CHOICE, "beneficiary", "? choice beneficiary 2"},
		{ASK_KIND_CONSENT, "", "? consent"},
		{ASK_KIND_CONFIRM, "last-try", "? confirm last-try"},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ask q = question(rows[i].kind, rows[i].what, people());
		char *tag = text_of(&q, ask_tag);

		assert_string_equal(tag, rows[i].tag);
		free(tag);
		ask_done(&q);
	}
}

static void questions_show_what_they_are_about(void **state _unused_)
{
	const struct {
		enum ask_kind kind;
		const char *what;
		json_t *facts;
		const char *shown[4];
	} rows[] = {
		{ASK_KIND_PIN, "", json_pack("{s:i}", "tries-left", 1), {"1 try", "PIN", NULL}},
		{ASK_KIND_PIN, "", json_pack("{s:i}", "tries-left", 3), {"3 tries", NULL}},
		{ASK_KIND_PIN, "", json_object(), {"PIN", NULL}},
		{ASK_KIND_CODE, "puk", json_pack("{s:i}", "tries-left", 2),
			{"2 tries", "PUK", "8 digits", NULL}},
		{ASK_KIND_CODE, "pin", json_object(), {"Present PIN", NULL}},
		{ASK_KIND_CODE, "new-pin", json_object(), {"New PIN", NULL}},
		{ASK_KIND_CODE, "other", json_object(), {"Code (other): ", NULL}},
		{ASK_KIND_CODE, "new-code", json_object(), {"New personal code", NULL}},
		{ASK_KIND_CODE, "patient-code", json_pack("{s:b}", "personal", 1),
			{"Your personal code (4 to 12 digits): ", NULL}},
		{ASK_KIND_CODE, "patient-code",
			json_pack("{s:b, s:b, s:i}", "activation", 1, "again", 1, "tries-left",
				4),
			{"wrong", "4 tries", "activation code", NULL}},
		{ASK_KIND_CODE, "patient-code",
			json_pack("{s:b, s:b}", "activation", 1, "personal", 1),
			{"personal code, or the activation code", NULL}},
		{ASK_KIND_CONSENT, "helper-name", consent("May I?"),
			{"Name of who helps", NULL}},
		{ASK_KIND_CONSENT, "helper-quality", consent("May I?"),
			{"1. relative\n", "3. interpreter\n", NULL}},
		{ASK_KIND_CONFIRM, "last-try", json_pack("{s:s}", "code", "puk"),
			{"PUK", "useless", NULL}},
		{ASK_KIND_CHOICE, "beneficiary", people(),
			{"1. NESSI, JEAN, 1970-01-02", "2. NESSI, ZO\xC3\x89", NULL}},
		{ASK_KIND_CHOICE, "structure", people(), {"practice", NULL}},
		{ASK_KIND_CHOICE, "new", people(), {"choose", NULL}},
		{ASK_KIND_CONSENT, "", consent("May I?\nPlease."),
			{"NESSI", "read the documents", "May I?\nPlease.", NULL}},
		{ASK_KIND_CONFIRM, "last-try", json_object(), {"one try", NULL}},
		{ASK_KIND_CONFIRM, "other", json_pack("{s:s}", "why", "because"),
			{"other", "because", NULL}},
	};

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ask q = question(rows[i].kind, rows[i].what, rows[i].facts);
		char *text = text_of(&q, ask_text);

		for (size_t n = 0; rows[i].shown[n]; n++) {
			if (!strstr(text, rows[i].shown[n])) {
				fail_msg("row %zu lacks '%s': %s", i, rows[i].shown[n], text);
			}
		}
		free(text);
		ask_done(&q);
	}
}

static void names_cannot_move_the_cursor(void **state _unused_)
{
	struct ask q = question(ASK_KIND_CHOICE, "beneficiary",
		json_pack("[{s:s}]", "surname", "A\x1B[2J\nB\xC2\x9B"));
	char *text = text_of(&q, ask_text);

	assert_null(strchr(text, '\x1B'));
	assert_null(strstr(text, "\xC2\x9B"));
	assert_non_null(strstr(text, "A\xEF\xBF\xBD[2J\xEF\xBF\xBD"
				     "B"));
	free(text);
	ask_done(&q);
}

static void json_questions_carry_kind_and_facts(void **state _unused_)
{
	struct ask q = question(ASK_KIND_CHOICE, "beneficiary", people());
	_cleanup_(buf_done) struct buf line = BUF_NULL(65536);
	json_t *j = ask_json(&q);
	char *text;

	assert_int_equal(json_canonical(j, &line), 0);
	text = buf_take_str(&line);
	assert_non_null(
		strstr(text, "{\"choices\":[{\"birth-date\":\"1970-01-02\",\"given\":\"JEAN\","
			     "\"number\":1,\"surname\":\"NESSI\"}"));
	assert_non_null(strstr(text, "\"kind\":\"beneficiary\",\"request\":\"choice\","
				     "\"session\":\"/org/vitaled1/session/1\"}"));
	free(text);
	json_decref(j);
	/* the question's own facts are not changed */
	assert_null(json_object_get(json_array_get(q.facts, 0), "number"));
	ask_done(&q);
	q = question(ASK_KIND_PIN, "", NULL);
	j = ask_json(&q);
	assert_true(json_is_object(json_object_get(j, "facts")));
	assert_null(json_object_get(j, "kind"));
	json_decref(j);
	ask_done(&q);
}

static void a_line_that_names_a_question_is_for_no_other(void **state)
{
	static const struct {
		const char *line;
		enum answer_for is;
		const char *rest;
	} vectors[] = {
		{"#7 yes", ANSWER_FOR_THIS, "yes"},
		{"#7 ", ANSWER_FOR_THIS, ""},
		{"#7", ANSWER_FOR_THIS, ""},
		{"#007 #6 x", ANSWER_FOR_THIS, "#6 x"},
		{"#6 yes", ANSWER_FOR_OTHER, NULL},
		{"#70 yes", ANSWER_FOR_OTHER, NULL},
		{"#999999999 yes", ANSWER_FOR_OTHER, NULL},
		{"#0000000007 yes", ANSWER_FOR_ANY, NULL}, /* no number of ours is so long */
		{"#7yes", ANSWER_FOR_ANY, NULL},
		{"# 7", ANSWER_FOR_ANY, NULL},
		{"#", ANSWER_FOR_ANY, NULL},
		{"", ANSWER_FOR_ANY, NULL},
		{"7 yes", ANSWER_FOR_ANY, NULL},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		struct view rest = VIEW_TEXT("untouched");
		const char *expected = vectors[i].rest ? vectors[i].rest : "untouched";

		if (answer_for(view_str(vectors[i].line), 7, &rest) != vectors[i].is ||
			!view_equal(rest, view_str(expected))) {
			fail_msg("%s", vectors[i].line);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pin_is_four_to_twelve_digits_and_nothing_else),
		cmocka_unit_test(a_code_has_the_digits_of_its_kind),
		cmocka_unit_test(the_keypad_is_told_what_to_type),
		cmocka_unit_test(a_choice_is_a_number_of_the_list_from_one),
		cmocka_unit_test(consent_is_yes_no_or_impossible),
		cmocka_unit_test(who_helps_with_a_consent_is_asked_for_next),
		cmocka_unit_test(only_a_minor_is_represented),
		cmocka_unit_test(a_program_gives_a_consent_whole),
		cmocka_unit_test(a_confirmation_is_yes_or_no),
		cmocka_unit_test(an_empty_line_is_no_answer_to_anything),
		cmocka_unit_test(a_wording_that_has_not_its_hash_is_not_shown),
		cmocka_unit_test(drivers_can_follow_by_tags),
		cmocka_unit_test(questions_show_what_they_are_about),
		cmocka_unit_test(names_cannot_move_the_cursor),
		cmocka_unit_test(json_questions_carry_kind_and_facts),
		cmocka_unit_test(a_line_that_names_a_question_is_for_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
