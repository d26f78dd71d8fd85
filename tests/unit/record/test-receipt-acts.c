/* SPDX-License-Identifier: EUPL-1.2 */
/* What a receipt says of its session's acts: each bent in turn; and what is written of them. */
#include "tests/unit/record/failing.h"
#include "tests/unit/record/receipt-world.h"

// clang-format off
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ACT(sequence, event)                                                                   \
	"{\"event\":\"" event                                                                  \
	"\",\"outcome\":\"ok\",\"pseudonym\":\"aa\",\"sequence\":" sequence                    \
	",\"session\":\"session/1@0a\",\"time\":1764000001000000}"

#define READ  ACT("6", "document-read")
#define ADDED ACT("7", "document-added")

static struct made acting(const char *six, const char *seven)
{
	struct made m = world_usual();

	m.act[0] = six;
	m.act[1] = seven;
	return m;
}

static void judged(const struct made *m, int outcome, const char *where)
{
	struct receipt_anchors a = world_known();
	const char *at = "";

	assert_int_equal(world_judge(world_make(m), &a, &at), outcome);
	assert_string_equal(at, where);
}

static void acts_of_the_session_verify_under_the_same_checkpoint(void **state)
{
	struct made m = acting(READ, ADDED);
	struct receipt r;
	json_t *whole;
	json_t *act;

	(void)state;
	m.omitted = 3;
	judged(&m, 0, "parsing");
	m = acting(NULL, ADDED);
	judged(&m, 0, "parsing");
	m = acting(READ, ADDED);
	m.omitted = 3;
	whole = world_make(&m);
	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(receipt_acts(&r), 2);
	assert_int_equal(receipt_omitted(&r), 3);
	assert_int_equal(receipt_act(&r, 1, &act), 0);
	assert_string_equal(json_get_str(act, "event"), "document-added");
	json_decref(act);
	assert_int_equal(receipt_act(&r, 2, &act), RECEIPT_AUDIT); /* there is none */
	receipt_done(&r);
	json_decref(whole);
}

static void an_old_receipt_has_none_and_stays_good(void **state)
{
	struct made m = world_usual();
	struct receipt r;
	json_t *whole = world_make(&m);

	(void)state;
	assert_null(json_object_get(json_object_get(whole, "audit"), "acts"));
	assert_int_equal(world_parse(whole, &r), 0);
	assert_int_equal(receipt_acts(&r), 0);
	assert_int_equal(receipt_omitted(&r), 0);
	receipt_done(&r);
	json_decref(whole);
}

static void an_act_that_is_not_of_this_session_is_named(void **state)
{
	static const char *const six[] = {
		/* another session, another dossier, none, another number, not canonical, no JSON */
		"{\"pseudonym\":\"aa\",\"sequence\":6,\"session\":\"session/2@0a\"}",
		"{\"pseudonym\":\"ab\",\"sequence\":6,\"session\":\"session/1@0a\"}",
		"{\"sequence\":6,\"session\":\"session/1@0a\"}",
		"{\"pseudonym\":\"aa\",\"sequence\":6}",
		"{\"pseudonym\":\"aa\",\"sequence\":7,\"session\":\"session/1@0a\"}",
		"{\"pseudonym\":\"aa\",\"session\":\"session/1@0a\"}",
		"{\"sequence\":6,\"session\":\"session/1@0a\",\"pseudonym\":\"aa\"}",
		"x",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(six); i++) {
		struct made m = acting(six[i], ADDED);

		judged(&m, RECEIPT_AUDIT, "audit.acts");
	}
}

static json_t *act_of(json_t *whole, size_t i)
{
	return json_array_get(json_object_get(json_object_get(whole, "audit"), "acts"), i);
}

static void bent(json_t *whole, int outcome)
{
	struct receipt_anchors a = world_known();
	const char *at = "";

	assert_int_equal(world_judge(whole, &a, &at), outcome);
	assert_string_equal(at, outcome == RECEIPT_AUDIT ? "audit.acts" : "parsing");
}

static void an_act_that_the_checkpoint_does_not_cover_is_named(void **state)
{
	struct made m = acting(READ, ADDED);
	json_t *whole = world_make(&m);
	json_t *path = json_object_get(act_of(whole, 1), "path");

	(void)state;
	json_array_set_new(path, 0, json_deep_copy(json_array_get(path, 1)));
	bent(whole, RECEIPT_AUDIT);
	m = acting(READ, ADDED);
	whole = world_make(&m); /* the entry of the one with the path of the other */
	json_object_set(act_of(whole, 0), "path", json_object_get(act_of(whole, 1), "path"));
	bent(whole, RECEIPT_AUDIT);
	m = acting(READ, ADDED);
	whole = world_make(&m);
	json_object_set_new(act_of(whole, 0), "entry", json_string("=="));
	bent(whole, RECEIPT_AUDIT);
}

static void acts_come_in_order_once_and_after_the_consent(void **state)
{
	struct made m = acting(READ, ADDED);
	json_t *whole = world_make(&m);
	json_t *acts = json_object_get(json_object_get(whole, "audit"), "acts");

	(void)state;
	json_array_append(acts, json_array_get(acts, 0)); /* 6, 7, 6 */
	bent(whole, RECEIPT_AUDIT);
	m = acting(READ, ADDED);
	whole = world_make(&m);
	acts = json_object_get(json_object_get(whole, "audit"), "acts");
	json_array_append(acts, json_array_get(acts, 1)); /* 6, 7, 7 */
	bent(whole, RECEIPT_AUDIT);
	m = acting(READ, ADDED);
	whole = world_make(&m); /* the consent itself is none */
	json_object_set_new(act_of(whole, 0), "index", json_integer(5));
	bent(whole, RECEIPT_AUDIT);
}

static void acts_of_another_shape_are_no_receipt(void **state)
{
	static const char *const names[] = {"index", "entry", "path"};
	struct made m = acting(READ, ADDED);
	json_t *whole = world_make(&m);

	(void)state;
	json_object_del(json_object_get(whole, "audit"), "omitted");
	bent(whole, RECEIPT_MALFORMED);
	m = acting(READ, ADDED);
	whole = world_make(&m);
	json_object_set_new(json_object_get(whole, "audit"), "omitted", json_integer(-1));
	bent(whole, RECEIPT_MALFORMED);
	m = acting(READ, ADDED);
	whole = world_make(&m);
	json_object_set_new(json_object_get(whole, "audit"), "acts", json_object());
	bent(whole, RECEIPT_MALFORMED);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		m = acting(READ, ADDED);
		whole = world_make(&m);
		json_object_del(act_of(whole, 1), names[i]);
		bent(whole, RECEIPT_MALFORMED);
	}
}

/* -- files --------------------------------------------------------------------------------------- */

static bool there(int fd, const char *name)
{
	return faccessat(fd, name, F_OK, 0) == 0;
}

static void acts_are_written_as_files_or_nothing_is(void **state)
{
	struct made m = acting(READ, ADDED);
	json_t *whole = world_make(&m);
	char got[sizeof(READ)] = "";
	char folder[96];
	struct receipt r;
	int fd, file;

	(void)state;
	assert_true(snprintf(folder, sizeof(folder), "%s/acts", world.folder) > 0);
	assert_int_equal(mkdir(folder, 0700), 0);
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(world_parse(whole, &r), 0);
	file = openat(fd, "act-7.json", O_WRONLY | O_CREAT | O_CLOEXEC, 0600); /* in the way */
	close(file);
	assert_int_equal(receipt_extract(&r, fd), -EEXIST);
	assert_true(there(fd, "act-7.json")); /* not ours */
	assert_false(there(fd, "act-6.json") || there(fd, "statement.json"));
	assert_int_equal(unlinkat(fd, "act-7.json", 0), 0);
	assert_int_equal(receipt_extract(&r, fd), 0);
	file = openat(fd, "act-6.json", O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(file, got, sizeof(got)), sizeof(READ) - 1);
	close(file);
	assert_memory_equal(got, READ, sizeof(READ) - 1);
	assert_true(there(fd, "act-7.json") && there(fd, "statement.json"));
	close(fd);
	receipt_done(&r);
	json_decref(whole);
}

static void without_memory_nothing_is_verified(void **state)
{
	struct made m = acting(READ, ADDED);
	struct receipt_anchors a = world_known();
	json_t *whole = world_make(&m);
	unsigned int n = 0;
	unsigned int failed = 0;
	struct receipt r;
	bool refused;

	(void)state;
	assert_int_equal(world_parse(whole, &r), 0);
	do {
		int k;

		failing_arm(++n, true);
		k = receipt_verify(&r, &a, NULL);
		refused = failing_off();
		assert_true(k <= 0 || refused);
		failed += k < 0;
	} while (refused);
	assert_true(failed > 10);
	receipt_done(&r);
	json_decref(whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acts_of_the_session_verify_under_the_same_checkpoint),
		cmocka_unit_test(an_old_receipt_has_none_and_stays_good),
		cmocka_unit_test(an_act_that_is_not_of_this_session_is_named),
		cmocka_unit_test(an_act_that_the_checkpoint_does_not_cover_is_named),
		cmocka_unit_test(acts_come_in_order_once_and_after_the_consent),
		cmocka_unit_test(acts_of_another_shape_are_no_receipt),
		cmocka_unit_test(acts_are_written_as_files_or_nothing_is),
		cmocka_unit_test(without_memory_nothing_is_verified),
	};

	failing_setup();
	return cmocka_run_group_tests(tests, world_prepare, world_clean);
}
