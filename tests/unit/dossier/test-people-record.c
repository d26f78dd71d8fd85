/* SPDX-License-Identifier: EUPL-1.2 */
/* The people record: its formats, each act done and done twice, and memory running out. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "tests/unit/dossier/faults.h"
#include "tests/unit/dossier/people-text.h"

static void new_record_has_nobody_and_reads_back(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	_cleanup_json_ json_t *people = nobody();
	_cleanup_json_ json_t *again = NULL;

	(void)state;
	assert_int_equal(json_object_size(people), 10);
	assert_int_equal(number(people, "format"), 4);
	assert_true(json_is_false(json_object_get(people, "masked-allowed")));
	assert_true(json_is_null(json_object_get(people, "closed")));
	assert_int_equal(json_object_size(json_object_get(people, "codes")), 2);
	assert_true(number(people, "created") > 0);
	assert_int_equal(json_canonical(people, &text), 0);
	assert_int_equal(people_parse(buf_view(&text), &again), 0);
	assert_true(json_equal(people, again));
}

static void authorisation_lasts_a_year_or_as_said_and_is_renewed(void **state)
{
	_cleanup_json_ json_t *people = nobody();

	(void)state;
	assert_true(act_at(people, 1000, "\"act\":\"authorise\",\"id\":\"9\",\"name\":\"N\""));
	assert_int_equal(number(row(people, "authorised", 0), "since"), 1000);
	assert_int_equal(number(row(people, "authorised", 0), "until"), 1000 + YEAR);
	assert_string_equal(json_get_str(row(people, "authorised", 0), "name"), "N");
	assert_non_null(json_object_get(row(people, "authorised", 0), "by"));
	assert_true(
		json_is_false(json_object_get(row(people, "authorised", 0), "without-card")));
	assert_int_equal(json_object_size(row(people, "authorised", 0)), 6);
	assert_true(act_at(people, 2000, "\"act\":\"authorise\",\"id\":\"9\",\"until\":5000"));
	assert_int_equal(size_of(people, "authorised"), 1);
	assert_int_equal(number(row(people, "authorised", 0), "since"), 2000);
	assert_int_equal(number(row(people, "authorised", 0), "until"), 5000);
}

static void authorisation_keeps_what_was_told_the_last_time(void **state)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	_cleanup_json_ json_t *people = nobody();
	_cleanup_json_ json_t *again = NULL;

	(void)state;
	(void)act_at(people, 1000, "\"act\":\"authorise\",\"id\":\"9\",\"without-card\":true");
	assert_true(
		json_is_true(json_object_get(row(people, "authorised", 0), "without-card")));
	assert_int_equal(json_canonical(people, &text), 0);
	assert_int_equal(people_parse(buf_view(&text), &again), 0);
	assert_true(json_equal(people, again));
	(void)act_at(people, 2000, "\"act\":\"authorise\",\"id\":\"9\"");
	assert_true(
		json_is_false(json_object_get(row(people, "authorised", 0), "without-card")));
}

/* Format 3 with one authorisation, whose row ends with @more; or another format. */
static int with_row(int format, const char *more, json_t **ret)
{
	char text[512];

	(void)snprintf(text, sizeof(text),
		"{\"authorised\":[{" BY
		",\"id\":\"9\",\"since\":1,\"until\":2%s}],\"blocked\":[],"
		"\"closed\":null,\"codes\":{\"activation\":null,\"personal\":null},"
		"\"created\":1,\"created-by\":{},\"format\":%d,\"masked-allowed\":false,"
		"\"oppositions\":[],\"treating-doctor\":null}",
		more, format);
	return people_parse(view_str(text), ret);
}

static void of_no_authorisation_up_to_format_3_was_the_patient_told(void **state)
{
	static const char *const rows[] = {"", ",\"without-card\":true"};

	(void)state;
	for (int format = 2; format <= 3; format++) {
		for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
			_cleanup_json_ json_t *people = NULL;
			const json_t *said;

			assert_int_equal(with_row(format, rows[i], &people), 0);
			assert_int_equal(number(people, "format"), 4);
			said = json_object_get(row(people, "authorised", 0), "without-card");
			assert_true(json_is_false(said));
		}
	}
}

static void format_4_says_of_each_authorisation_what_was_told(void **state)
{
	_cleanup_json_ json_t *people = NULL;
	json_t *none;

	(void)state;
	assert_int_equal(with_row(4, ",\"without-card\":true", &people), 0);
	assert_true(
		json_is_true(json_object_get(row(people, "authorised", 0), "without-card")));
	assert_int_equal(with_row(4, "", &none), DOSSIER_DAMAGED);
	assert_int_equal(with_row(4, ",\"without-card\":1", &none), DOSSIER_DAMAGED);
}

static void revoked_authorisation_is_listed_as_ended_for_a_year(void **state)
{
	_cleanup_json_ json_t *people = nobody();

	(void)state;
	(void)act_at(people, 1000, "\"act\":\"authorise\",\"id\":\"9\"");
	assert_false(act_at(people, 2000, "\"act\":\"revoke\",\"id\":\"99\""));
	assert_true(act_at(people, 2000, "\"act\":\"revoke\",\"id\":\"9\""));
	assert_int_equal(number(row(people, "authorised", 0), "until"), 2000);
	assert_false(act_at(people, 3000, "\"act\":\"revoke\",\"id\":\"9\""));
	assert_int_equal(number(row(people, "authorised", 0), "until"), 2000);
	assert_false(act_at(people, 2000 + YEAR, "\"act\":\"unblock\",\"id\":\"9\""));
	assert_int_equal(size_of(people, "authorised"), 1);
	/* forgetting is a change of its own */
	assert_true(act_at(people, 2001 + YEAR, "\"act\":\"unblock\",\"id\":\"9\""));
	assert_int_equal(size_of(people, "authorised"), 0);
}

static void what_has_not_ended_is_never_forgotten(void **state)
{
	_cleanup_json_ json_t *people = nobody();

	(void)state;
	for (int i = 0; i < 6; i++) {
		char act[128];

		(void)snprintf(act, sizeof(act),
			"\"act\":\"authorise\",\"id\":\"%d\",\"until\":%lld", i,
			(long long)(i % 2 == 0 ? 2000 : 10 * YEAR));
		assert_true(act_at(people, 1000, act));
	}
	assert_true(act_at(people, 2 * YEAR, "\"act\":\"block\",\"id\":\"5\""));
	assert_int_equal(size_of(people, "authorised"), 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(number(row(people, "authorised", i), "until"), 10 * YEAR);
	}
}

static void blocks_and_oppositions_are_made_once_and_taken_back(void **state)
{
	_cleanup_json_ json_t *people = nobody();

	(void)state;
	assert_true(act_at(people, 1, "\"act\":\"block\",\"id\":\"9\",\"name\":\"N\""));
	assert_false(act_at(people, 2, "\"act\":\"block\",\"id\":\"9\""));
	assert_int_equal(number(row(people, "blocked", 0), "since"), 1);
	assert_true(act_at(people, 3, "\"act\":\"unblock\",\"id\":\"9\""));
	assert_false(act_at(people, 3, "\"act\":\"unblock\",\"id\":\"9\""));
	assert_true(act_at(people, 4, "\"act\":\"oppose\",\"mode\":\"bris_de_glace\""));
	assert_false(act_at(people, 5, "\"act\":\"oppose\",\"mode\":\"bris_de_glace\""));
	assert_true(act_at(people, 6, "\"act\":\"oppose\",\"mode\":\"centre_15\""));
	assert_int_equal(json_object_size(row(people, "oppositions", 0)), 3);
	assert_true(act_at(people, 7, "\"act\":\"unoppose\",\"mode\":\"bris_de_glace\""));
	assert_string_equal(json_get_str(row(people, "oppositions", 0), "mode"), "centre_15");
	assert_false(act_at(people, 8, "\"act\":\"unoppose\",\"mode\":\"bris_de_glace\""));
}

static void treating_doctor_is_one_and_leaves_by_name(void **state)
{
	_cleanup_json_ json_t *people = nobody();

	(void)state;
	assert_true(act_at(people, 1, "\"act\":\"treating-doctor\",\"id\":\"9\""));
	assert_false(act_at(people, 2, "\"act\":\"treating-doctor\",\"id\":\"9\""));
	assert_true(act_at(people, 3, "\"act\":\"treating-doctor\",\"id\":\"7\""));
	assert_int_equal(number(json_object_get(people, "treating-doctor"), "since"), 3);
	/* one who was replaced meanwhile takes nothing away */
	assert_false(act_at(people, 4, "\"act\":\"no-treating-doctor\",\"id\":\"9\""));
	assert_true(act_at(people, 4, "\"act\":\"no-treating-doctor\",\"id\":\"7\""));
	assert_true(json_is_null(json_object_get(people, "treating-doctor")));
	assert_false(act_at(people, 5, "\"act\":\"no-treating-doctor\""));
	assert_true(act_at(people, 6, "\"act\":\"treating-doctor\",\"id\":\"9\""));
	assert_true(act_at(people, 7, "\"act\":\"no-treating-doctor\""));
}

static void what_is_no_act_is_a_fault(void **state)
{
	static const char *const acts[] = {"{}", "[]", "{\"act\":\"block\",\"id\":\"9\"}",
		"{" BY ",\"time\":1,\"id\":\"9\"}", "{" BY ",\"time\":1,\"act\":\"block\"}",
		"{" BY ",\"time\":1,\"act\":\"oppose\",\"id\":\"9\"}",
		"{" BY ",\"time\":\"1\",\"act\":\"block\",\"id\":\"9\"}",
		"{" BY ",\"time\":-1,\"act\":\"block\",\"id\":\"9\"}",
		"{\"by\":\"8\",\"time\":1,\"act\":\"block\",\"id\":\"9\"}",
		"{" BY ",\"time\":1,\"act\":\"bloc\",\"id\":\"9\"}"};
	_cleanup_json_ json_t *people = nobody();

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		_cleanup_json_ json_t *act = parse(acts[i]);
		bool changed;

		assert_int_equal(people_apply(people, act, &changed), -EBADMSG);
	}
	assert_int_equal(size_of(people, "blocked"), 0);
}

static void record_that_grows_too_large_is_refused(void **state)
{
	_cleanup_json_ json_t *people = nobody();
	_cleanup_json_ json_t *act = parse("{" BY ",\"time\":1,\"act\":\"block\",\"id\":\"\"}");
	bool changed;
	int r = 0;

	(void)state;
	for (int i = 0; r == 0; i++) {
		char id[32];

		assert_true(i < 2000);
		(void)snprintf(id, sizeof(id), "%d", i);
		json_object_set_new(act, "id", json_string(id));
		r = people_apply(people, act, &changed);
	}
	assert_int_equal(r, DOSSIER_TOO_LARGE);
	assert_true(size_of(people, "blocked") > 400); /* more than anybody blocks */
}

static void authorisations_leave_room_to_refuse_somebody(void **state)
{
	_cleanup_json_ json_t *people = nobody();
	_cleanup_json_ json_t *act =
		parse("{" BY ",\"time\":1,\"act\":\"authorise\",\"id\":\"\"}");
	_cleanup_json_ json_t *block =
		parse("{" BY ",\"time\":1,\"act\":\"block\",\"id\":\"1\"}");
	_cleanup_json_ json_t *oppose =
		parse("{" BY ",\"time\":1,\"act\":\"oppose\",\"mode\":\"centre_15\"}");
	bool changed;
	int r = 0;

	(void)state;
	for (int i = 0; r == 0; i++) {
		char id[32];

		assert_true(i < 2000);
		(void)snprintf(id, sizeof(id), "%d", i);
		json_object_set_new(act, "id", json_string(id));
		r = people_apply(people, act, &changed);
	}
	assert_int_equal(r, DOSSIER_TOO_LARGE);
	assert_true(size_of(people, "authorised") > 200);
	/* also past what an authorisation may bring it to */
	assert_int_equal(people_apply(people, block, &changed), 0);
	assert_int_equal(people_apply(people, oppose, &changed), 0);
	assert_int_equal(size_of(people, "blocked"), 1);
}

static void format_1_is_raised(void **state)
{
	_cleanup_json_ json_t *people = NULL;

	(void)state;
	assert_int_equal(
		people_parse(
			VIEW_TEXT("{\"authorised\":[\"1\",\"2\"],\"blocked\":[\"3\"],"
				  "\"created\":7,\"created-by\":{\"id\":\"8\"},\"format\":1,"
				  "\"oppositions\":[\"centre_15\"],"
				  "\"treating-doctor\":\"4\"}"),
			&people),
		0);
	assert_int_equal(number(people, "format"), 4);
	assert_int_equal(size_of(people, "authorised"), 2);
	assert_true(
		json_is_false(json_object_get(row(people, "authorised", 1), "without-card")));
	assert_string_equal(json_get_str(row(people, "authorised", 1), "id"), "2");
	assert_int_equal(number(row(people, "authorised", 1), "until"), 7 + YEAR);
	assert_null(json_object_get(row(people, "blocked", 0), "until"));
	assert_int_equal(number(row(people, "oppositions", 0), "since"), 7);
	assert_string_equal(
		json_get_str(json_object_get(people, "treating-doctor"), "id"), "4");
	json_decref(people);
	/* as every one was that a program wrote */
	assert_int_equal(
		people_parse(VIEW_TEXT("{\"authorised\":[],\"blocked\":[],\"created\":7,"
				       "\"created-by\":{\"id\":\"8\"},\"format\":1,"
				       "\"treating-doctor\":null}"),
			&people),
		0);
	assert_int_equal(size_of(people, "oppositions"), 0);
	assert_true(json_is_array(json_object_get(people, "oppositions")));
}

static void records_that_are_none_are_told_apart(void **state)
{
	static const struct {
		const char *text;
		int outcome;
	} vectors[] = {
		{"", DOSSIER_DAMAGED},
		{"[]", DOSSIER_DAMAGED},
		{"{}", DOSSIER_DAMAGED},
		{"{\"format\":0}", DOSSIER_DAMAGED},
		{"{\"format\":3}", DOSSIER_DAMAGED},
		{"{\"format\":4}", DOSSIER_DAMAGED},
		{"{\"format\":5}", DOSSIER_NEWER},
		{"{\"authorised\":[5],\"blocked\":[],\"oppositions\":[],\"format\":2,"
		 "\"treating-doctor\":null}",
			DOSSIER_DAMAGED},
		{"{\"format\":1,\"blocked\":[5]}", DOSSIER_DAMAGED},
		{"{\"format\":1,\"treating-doctor\":5}", DOSSIER_DAMAGED},
		{"{\"format\":2}", DOSSIER_DAMAGED},
		{"{\"authorised\":[],\"blocked\":[],\"oppositions\":[],\"format\":2}",
			DOSSIER_DAMAGED},
		{"{\"authorised\":[],\"blocked\":[{\"id\":\"9\"}],\"oppositions\":[],"
		 "\"format\":"
		 "2,\"treating-doctor\":null}",
			DOSSIER_DAMAGED},
		{"{\"authorised\":[],\"blocked\":[],\"oppositions\":[{\"id\":\"x\",\"since\":1}"
		 "],"
		 "\"format\":2,\"treating-doctor\":null}",
			DOSSIER_DAMAGED},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(vectors); i++) {
		json_t *people;

		assert_int_equal(
			people_parse(view_str(vectors[i].text), &people), vectors[i].outcome);
	}
}

/* All of it with the n-th allocation refused: a fault, or the whole. */
static int everything(const json_t *author, const json_t *acts)
{
	_cleanup_json_ json_t *made = NULL;
	_cleanup_json_ json_t *people = NULL;
	_cleanup_json_ json_t *raised = NULL;
	_cleanup_json_ json_t *told = NULL;
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	json_t *act;
	size_t i;
	int r;

	r = people_new(json_object_get(author, "by"), &made);
	if (r == 0) {
		r = json_canonical(made, &text);
	}
	if (r == 0) {
		r = people_parse(buf_view(&text), &people);
	}
	json_array_foreach(acts, i, act)
	{
		bool changed;

		if (r == 0) {
			r = people_apply(people, act, &changed);
		}
	}
	if (r == 0) {
		r = people_told(people, &told);
	}
	if (r == 0) {
		r = people_parse(
			VIEW_TEXT("{\"authorised\":[\"1\"],\"blocked\":[\"2\"],\"format\":1,"
				  "\"treating-doctor\":\"4\"}"),
			&raised);
	}
	return r;
}

static void memory_that_runs_out_is_a_fault(void **state)
{
#define ACT(act) "{" BY ",\"time\":1,\"act\":\"" act "\",\"id\":\"9\",\"mode\":\"centre_15\"}"
	_cleanup_json_ json_t *author = parse("{" BY "}");
	_cleanup_json_ json_t *acts = parse(
		"[" ACT("authorise") "," ACT("authorise") "," ACT("revoke") "," ACT("block") "," ACT("unblock") "," ACT(
			"treating-doctor") "," ACT("no-treating-doctor") "," ACT("oppose") ","
											   "{" BY
											   ",\""
											   "tim"
											   "e\""
											   ":1,"
											   "\"a"
											   "ct"
											   "\":"
											   "\"c"
											   "los"
											   "e\""
											   ",\""
											   "unt"
											   "il"
											   "\":"
											   "9,"
											   "\"r"
											   "eas"
											   "on"
											   "\":"
											   "\"x"
											   "\"}"
											   ","
											   "{" BY
											   ",\""
											   "tim"
											   "e\""
											   ":1"
											   "," ACTIVATE
												   SCRYPT
											   "},"
											   "{" BY
											   ",\""
											   "tim"
											   "e\""
											   ":1"
											   "," PERSONAL
												   SCRYPT
											   "},"
											   "{" BY
											   ",\""
											   "tim"
											   "e\""
											   ":1"
											   "," ACTIVATE
												   SCRYPT
											   "}"
											   "]");
	bool met = true;

	(void)state;
	for (unsigned int n = 0; met; n++) {
		int r;

		faults_arm(FAULTS_MEMORY, n);
		r = everything(author, acts);
		met = faults_off();
		assert_true(met ? r < 0 : r == 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(new_record_has_nobody_and_reads_back),
		cmocka_unit_test(authorisation_lasts_a_year_or_as_said_and_is_renewed),
		cmocka_unit_test(authorisation_keeps_what_was_told_the_last_time),
		cmocka_unit_test(of_no_authorisation_up_to_format_3_was_the_patient_told),
		cmocka_unit_test(format_4_says_of_each_authorisation_what_was_told),
		cmocka_unit_test(revoked_authorisation_is_listed_as_ended_for_a_year),
		cmocka_unit_test(what_has_not_ended_is_never_forgotten),
		cmocka_unit_test(blocks_and_oppositions_are_made_once_and_taken_back),
		cmocka_unit_test(treating_doctor_is_one_and_leaves_by_name),
		cmocka_unit_test(what_is_no_act_is_a_fault),
		cmocka_unit_test(record_that_grows_too_large_is_refused),
		cmocka_unit_test(authorisations_leave_room_to_refuse_somebody),
		cmocka_unit_test(format_1_is_raised),
		cmocka_unit_test(records_that_are_none_are_told_apart),
		cmocka_unit_test(memory_that_runs_out_is_a_fault),
	};

	faults_setup();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
