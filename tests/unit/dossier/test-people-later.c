/* SPDX-License-Identifier: EUPL-1.2 */
/* What format 3 of the people record brought: masked documents in emergencies, closing, and codes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>

#include "tests/unit/dossier/people-text.h"

static const json_t *codes_of(const json_t *people, const char *name)
{
	return json_object_get(json_object_get(people, "codes"), name);
}

static void masked_documents_are_allowed_once_and_no_longer(void **state)
{
	_cleanup_json_ json_t *people = nobody();

	(void)state;
	assert_false(act_at(people, 1, "\"act\":\"allow-masked\",\"on\":false"));
	assert_true(act_at(people, 1, "\"act\":\"allow-masked\",\"on\":true"));
	assert_false(act_at(people, 2, "\"act\":\"allow-masked\",\"on\":true"));
	assert_true(json_get_bool(people, "masked-allowed"));
	assert_true(act_at(people, 3, "\"act\":\"allow-masked\",\"on\":false"));
	assert_false(json_get_bool(people, "masked-allowed"));
}

static void a_closed_dossier_keeps_its_day_until_it_is_reopened(void **state)
{
	_cleanup_json_ json_t *people = nobody();
	const json_t *closed;

	(void)state;
	assert_false(act_at(people, 1, "\"act\":\"reopen\""));
	assert_true(act_at(people, 1000,
		"\"act\":\"close\",\"until\":5000,\"reason\":\"moved away\\nto Lyon\""));
	assert_false(
		act_at(people, 2000, "\"act\":\"close\",\"until\":9000,\"reason\":\"again\""));
	closed = json_object_get(people, "closed");
	assert_int_equal(json_object_size(closed), 4);
	assert_int_equal(number(closed, "since"), 1000);
	assert_int_equal(number(closed, "until"), 5000);
	assert_string_equal(json_get_str(closed, "reason"), "moved away\nto Lyon");
	assert_string_equal(json_get_str(json_object_get(closed, "by"), "id"), "8");
	assert_true(act_at(people, 3000, "\"act\":\"reopen\""));
	assert_true(json_is_null(json_object_get(people, "closed")));
}

static void a_personal_code_takes_the_place_of_both(void **state)
{
	_cleanup_json_ json_t *people = nobody();
	const json_t *personal;
	const json_t *activation;

	(void)state;
	assert_int_equal(people_codes(people, &personal, &activation), 0);
	assert_null(personal);
	assert_null(activation);
	assert_true(act_at(people, 1000, ACTIVATE SCRYPT));
	assert_int_equal(people_codes(people, &personal, &activation), 2);
	assert_non_null(json_object_get(activation, "salt"));
	assert_int_equal(json_object_size(codes_of(people, "activation")), 7);
	assert_int_equal(number(codes_of(people, "activation"), "since"), 1000);
	assert_true(act_at(people, 2000, PERSONAL SCRYPT));
	assert_int_equal(people_codes(people, &personal, &activation), 1);
	assert_int_equal(number(codes_of(people, "personal"), "since"), 2000);
	assert_true(act_at(people, 3000, ACTIVATE SCRYPT));
	assert_int_equal(people_codes(people, &personal, &activation), 3);
	assert_true(act_at(people, 4000, PERSONAL SCRYPT));
	assert_int_equal(people_codes(people, &personal, &activation), 1);
	assert_int_equal(number(codes_of(people, "personal"), "since"), 4000);
}

static void the_broker_is_told_of_codes_without_salt_and_hash(void **state)
{
	_cleanup_json_ json_t *people = nobody();
	_cleanup_json_ json_t *told = NULL;
	_cleanup_json_ json_t *whole = NULL;
	_cleanup_json_ json_t *empty = json_object();
	_cleanup_(buf_done) struct buf text = BUF_NULL(8192);

	(void)state;
	assert_int_equal(people_told(people, &told), 0);
	assert_true(json_is_false(codes_of(told, "personal")));
	assert_true(json_is_null(codes_of(told, "activation")));
	json_put(&told);
	(void)act_at(people, 1000, PERSONAL SCRYPT);
	(void)act_at(people, 1000, ACTIVATE SCRYPT);
	whole = json_deep_copy(people);
	assert_int_equal(people_told(people, &told), 0);
	assert_true(json_equal(people, whole));
	assert_true(json_is_true(codes_of(told, "personal")));
	assert_int_equal(json_object_size(codes_of(told, "activation")), 6);
	assert_string_equal(json_get_str(codes_of(told, "activation"), "pair"), "counter");
	assert_int_equal(json_canonical(told, &text), 0);
	buf_put_u8(&text, 0);
	assert_null(strstr((const char *)text.data, "salt"));
	assert_null(strstr((const char *)text.data, "hash"));
	assert_null(strstr((const char *)text.data, "0001020304"));
	json_put(&told);
	/* of a dossier that is not there */
	assert_int_equal(people_told(empty, &told), 0);
	assert_int_equal(json_object_size(told), 0);
}

static void acts_that_are_not_whole_are_none(void **state)
{
	static const char *const bad[] = {
		"\"act\":\"allow-masked\"",
		"\"act\":\"allow-masked\",\"on\":1",
		"\"act\":\"close\",\"until\":5000",
		"\"act\":\"close\",\"reason\":\"x\"",
		"\"act\":\"close\",\"until\":1000,\"reason\":\"x\"",
		"\"act\":\"close\",\"until\":5000,\"reason\":\"\"",
		"\"act\":\"close\",\"until\":5000,\"reason\":\"a\\u0001b\"",
		"\"act\":\"personal-code\"",
		"\"act\":\"personal-code\",\"scrypt\":{}",
		"\"act\":\"activation-code\",\"id\":\"a\",\"until\":5000,\"uid\":1,"
		"\"agent-uid\":1,\"pair\":\"x\"",
		"\"act\":\"activation-code\",\"until\":5000,\"uid\":1,\"agent-uid\":1,"
		"\"pair\":\"x\"," SCRYPT,
		"\"act\":\"activation-code\",\"id\":\"a\",\"until\":1000,\"uid\":1,"
		"\"agent-uid\":1,\"pair\":\"x\"," SCRYPT,
		"\"act\":\"activation-code\",\"id\":\"a\",\"until\":5000,\"agent-uid\":1,"
		"\"pair\":\"x\"," SCRYPT,
		"\"act\":\"activation-code\",\"id\":\"a\",\"until\":5000,\"uid\":1,"
		"\"pair\":\"x\"," SCRYPT,
		"\"act\":\"activation-code\",\"id\":\"a\",\"until\":5000,\"uid\":1,"
		"\"agent-uid\":1," SCRYPT,
	};
	_cleanup_json_ json_t *people = nobody();
	_cleanup_json_ json_t *before = json_deep_copy(people);
	_cleanup_json_ json_t *long_one = parse(
		"{" BY ",\"time\":1000,\"act\":\"close\",\"until\":5000,\"reason\":\"\"}");
	char reason[PEOPLE_REASON + 2] = "";
	bool changed;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		_cleanup_json_ json_t *act = NULL;
		char text[1024];

		(void)snprintf(text, sizeof(text), "{" BY ",\"time\":1000,%s}", bad[i]);
		act = parse(text);
		assert_int_equal(people_apply(people, act, &changed), -EBADMSG);
	}
	memset(reason, 'x', PEOPLE_REASON + 1);
	json_object_set_new(long_one, "reason", json_string(reason));
	assert_int_equal(people_apply(people, long_one, &changed), -EBADMSG);
	assert_true(json_equal(people, before));
	reason[PEOPLE_REASON] = '\0';
	json_object_set_new(long_one, "reason", json_string(reason));
	assert_int_equal(people_apply(people, long_one, &changed), 0);
	assert_true(changed);
}

static void format_2_has_nothing_of_format_3(void **state)
{
	_cleanup_json_ json_t *people = NULL;

	(void)state;
	assert_int_equal(
		people_parse(
			VIEW_TEXT("{\"authorised\":[],\"blocked\":[{\"id\":\"3\",\"since\":1}],"
				  "\"created\":7,\"created-by\":{\"id\":\"8\"},\"format\":2,"
				  "\"oppositions\":[],\"treating-doctor\":null}"),
			&people),
		0);
	assert_int_equal(number(people, "format"), 4);
	assert_int_equal(size_of(people, "blocked"), 1);
	assert_true(json_is_false(json_object_get(people, "masked-allowed")));
	assert_true(json_is_null(json_object_get(people, "closed")));
	assert_true(json_is_null(codes_of(people, "personal")));
	assert_true(json_is_null(codes_of(people, "activation")));
}

/* The member @name of a whole record of format 4 becomes @json, in "codes" when @code. */
static int with_member(bool code, const char *name, const char *json)
{
	_cleanup_json_ json_t *people = nobody();
	_cleanup_json_ json_t *again = NULL;
	_cleanup_(buf_done) struct buf text = BUF_NULL(8192);
	json_t *at = code ? json_object_get(people, "codes") : people;

	assert_int_equal(
		json_object_set_new(at, name, json_loads(json, JSON_DECODE_ANY, NULL)), 0);
	assert_int_equal(json_canonical(people, &text), 0);
	return people_parse(buf_view(&text), &again);
}

static void what_format_3_is_not_is_damaged(void **state)
{
	static const struct {
		bool code;
		const char *name;
		const char *json;
		int outcome;
	} rows[] = {
		{false, "masked-allowed", "null", DOSSIER_DAMAGED},
		{false, "closed", "false", DOSSIER_DAMAGED},
		{false, "closed", "{\"since\":1}", DOSSIER_DAMAGED},
		{false, "closed", "{\"since\":1,\"until\":2}", 0},
		{false, "codes", "null", DOSSIER_DAMAGED},
		{false, "codes", "{}", DOSSIER_DAMAGED},
		{true, "personal", "true", DOSSIER_DAMAGED},
		{true, "personal", "{\"since\":1}", DOSSIER_DAMAGED},
		{true, "personal", "{" SCRYPT "}", DOSSIER_DAMAGED},
		{true, "personal", "{\"since\":1," SCRYPT "}", 0},
		{true, "activation", "{\"since\":1,\"until\":2," SCRYPT "}", DOSSIER_DAMAGED},
		{true, "activation",
			"{\"since\":1,\"until\":2,\"id\":\"a\",\"uid\":1,\"agent-uid\":1,"
			"\"pair\":\"x\"," SCRYPT "}",
			0},
		{true, "activation",
			"{\"since\":1,\"id\":\"a\",\"uid\":1,\"agent-uid\":1,"
			"\"pair\":\"x\"," SCRYPT "}",
			DOSSIER_DAMAGED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		assert_int_equal(
			with_member(rows[i].code, rows[i].name, rows[i].json), rows[i].outcome);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(masked_documents_are_allowed_once_and_no_longer),
		cmocka_unit_test(a_closed_dossier_keeps_its_day_until_it_is_reopened),
		cmocka_unit_test(a_personal_code_takes_the_place_of_both),
		cmocka_unit_test(the_broker_is_told_of_codes_without_salt_and_hash),
		cmocka_unit_test(acts_that_are_not_whole_are_none),
		cmocka_unit_test(format_2_has_nothing_of_format_3),
		cmocka_unit_test(what_format_3_is_not_is_damaged),
	};

	json_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
