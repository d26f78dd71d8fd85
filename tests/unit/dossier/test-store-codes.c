/* SPDX-License-Identifier: EUPL-1.2 */
/* The patient's codes as the dossier's process has them: read, drawn, kept, compared. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dossier/seal.h"
#include "daemon/dossier/store/codes.h"
#include "tests/unit/dossier/faults.h"

/* A pipe that holds @text and then ends. */
static int pipe_of(const char *text)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	return ends[0];
}

static int read_code(const char *text, struct secret *ret)
{
	int fd = pipe_of(text);
	int r = codes_read(fd, ret);

	close(fd);
	return r;
}

static void four_to_twelve_digits_are_a_code(void **state)
{
	static const char *const good[] = {"1234", "00000000", "123456789012"};
	static const char *const bad[] = {"", "1", "123", "1234567890123", "12a4", "1234\n",
		" 1234", "12.4", "-123", "１２３４", "12345678901234567890123456789012345678"};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		_cleanup_(secret_done) struct secret code = SECRET_NULL;

		assert_int_equal(read_code(good[i], &code), 0);
		assert_true(view_equal(view_of(code.data, code.len), view_str(good[i])));
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct secret code = SECRET_NULL;

		assert_int_equal(read_code(bad[i], &code), CODES_REFUSED);
		assert_null(code.data);
	}
}

static void a_nul_is_no_digit(void **state)
{
	struct secret code = SECRET_NULL;
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "1234\0", 5), 5);
	close(ends[1]);
	assert_int_equal(codes_read(ends[0], &code), CODES_REFUSED);
	close(ends[0]);
}

static void what_cannot_be_read_is_a_fault(void **state)
{
	struct secret code = SECRET_NULL;

	(void)state;
	assert_int_equal(codes_read(1000000, &code), -EBADF);
}

static void a_code_that_is_kept_is_known_again_and_no_other_is(void **state)
{
	_cleanup_json_ json_t *kept = NULL;
	_cleanup_json_ json_t *again = NULL;
	bool same = false;

	(void)state;
	assert_int_equal(codes_seal(VIEW_TEXT("12345678"), &kept), 0);
	assert_int_equal(codes_seal(VIEW_TEXT("12345678"), &again), 0);
	assert_true(codes_valid(kept));
	assert_string_not_equal(json_get_str(kept, "salt"), json_get_str(again, "salt"));
	assert_string_not_equal(json_get_str(kept, "hash"), json_get_str(again, "hash"));
	assert_int_equal(codes_check(kept, VIEW_TEXT("12345678"), &same), 0);
	assert_true(same);
	assert_int_equal(codes_check(kept, VIEW_TEXT("12345679"), &same), 0);
	assert_false(same);
	assert_int_equal(codes_check(kept, VIEW_TEXT("1234567"), &same), 0);
	assert_false(same);
}

/* What Python's hashlib.scrypt says of the same code and salt. */
static void the_hash_is_scrypt_of_rfc_7914(void **state)
{
	_cleanup_json_ json_t *kept = json_pack("{s:i,s:i,s:i,s:s,s:s}", "n", 16384, "r", 8,
		"p", 1, "salt", "000102030405060708090a0b0c0d0e0f", "hash",
		"1c6ae3bbc2fddb90e030814e853c2b2c"
		"1aef0f6aba681a6f72303bc91dc4d468");
	bool same = false;

	(void)state;
	assert_true(codes_valid(kept));
	assert_int_equal(codes_check(kept, VIEW_TEXT("2718"), &same), 0);
	assert_true(same);
}

static void what_codes_seal_did_not_make_is_not_valid(void **state)
{
	static const struct {
		const char *name;
		const char *json; /* in its place; NULL: absent */
	} rows[] = {
		{"n", "1024"},
		{"n", "\"16384\""},
		{"r", "1"},
		{"p", NULL},
		{"salt", NULL},
		{"salt", "\"00\""},
		{"salt", "\"zz0102030405060708090a0b0c0d0e0f\""},
		{"salt", "\"000102030405060708090a0b0c0d0e0f00\""},
		{"hash", "1"},
		{"hash", "\"\""},
		{"hash", "\"000102030405060708090a0b0c0d0e0f\""},
	};

	(void)state;
	assert_false(codes_valid(NULL));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_json_ json_t *kept = NULL;
		bool same;

		assert_int_equal(codes_seal(VIEW_TEXT("1234"), &kept), 0);
		assert_int_equal(json_object_del(kept, rows[i].name), 0);
		if (rows[i].json) {
			json_t *value = json_loads(rows[i].json, JSON_DECODE_ANY, NULL);

			assert_int_equal(json_object_set_new(kept, rows[i].name, value), 0);
		}
		assert_false(codes_valid(kept));
		/* what is asked all the same is no code that is right */
		if (codes_check(kept, VIEW_TEXT("1234"), &same) == 0) {
			assert_true(rows[i].name[1] == '\0' || !same);
		}
	}
}

static void codes_that_are_drawn_are_eight_digits_each(void **state)
{
	unsigned int seen[10] = {0};
	unsigned int rare = UINT32_MAX;

	(void)state;
	for (int i = 0; i < 500; i++) {
		_cleanup_(secret_done) struct secret code = SECRET_NULL;

		assert_int_equal(codes_make(&code), 0);
		assert_int_equal(code.len, CODES_ISSUED);
		for (size_t at = 0; at < code.len; at++) {
			assert_in_range(code.data[at], '0', '9');
			seen[code.data[at] - '0']++;
		}
	}
	/* of 4000 digits 400 each; fewer than 250 of one is more than 7 sigma away */
	for (size_t i = 0; i < 10; i++) {
		rare = seen[i] < rare ? seen[i] : rare;
	}
	assert_true(rare > 250);
}

/* What the dossier's process does with a code, step by step: a failure in one costs no scrypt of another. */
struct deed {
	int fd;
	json_t *kept;
	bool same;
	struct secret code;
	json_t *sealed;
};

static int set_up(struct deed *d)
{
	(void)d;
	return codes_setup();
}

static int read_digits(struct deed *d)
{
	return codes_read(d->fd, &d->code);
}

static int make(struct deed *d)
{
	return codes_make(&d->code);
}

static int seal(struct deed *d)
{
	return codes_seal(VIEW_TEXT("1234"), &d->sealed);
}

static int check(struct deed *d)
{
	return codes_check(d->kept, VIEW_TEXT("1234"), &d->same);
}

typedef int (*step_fn)(struct deed *d);

static const step_fn steps[] = {set_up, read_digits, make, seal, check};

/* @step while the @nth thing of @kind fails. Return: whether one did. */
static bool fails(step_fn step, json_t *kept, enum faults_kind kind, unsigned int nth)
{
	struct deed d = {.fd = pipe_of("1234"), .kept = kept, .code = SECRET_NULL};
	bool met;
	int r;

	faults_arm(kind, nth);
	r = step(&d);
	met = faults_off();
	assert_true(r == 0 || (met && r < 0));
	assert_true(r == 0 || (!d.code.data && !d.sealed && !d.same));
	if (r == 0) {
		assert_true(!d.code.data || d.code.len >= CODES_LEAST);
		assert_true(step != read_digits ||
			    view_equal(view_of(d.code.data, d.code.len), VIEW_TEXT("1234")));
		assert_true(!d.sealed || codes_valid(d.sealed));
		assert_int_equal(d.same, step == check);
	}
	secret_done(&d.code);
	json_put(&d.sealed);
	close(d.fd);
	return met;
}

static void without_memory_or_randomness_there_is_a_fault(void **state)
{
	_cleanup_json_ json_t *kept = NULL;

	(void)state;
	assert_int_equal(codes_seal(VIEW_TEXT("1234"), &kept), 0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		unsigned int failed = 0;

		for (enum faults_kind kind = FAULTS_MEMORY; kind < FAULTS_COUNT; kind++) {
			unsigned int n = 0;

			while (fails(steps[i], kept, kind, n)) {
				n++;
				assert_true(n < 1000);
			}
			failed += n;
		}
		assert_true(failed > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_to_twelve_digits_are_a_code),
		cmocka_unit_test(a_nul_is_no_digit),
		cmocka_unit_test(what_cannot_be_read_is_a_fault),
		cmocka_unit_test(a_code_that_is_kept_is_known_again_and_no_other_is),
		cmocka_unit_test(the_hash_is_scrypt_of_rfc_7914),
		cmocka_unit_test(what_codes_seal_did_not_make_is_not_valid),
		cmocka_unit_test(codes_that_are_drawn_are_eight_digits_each),
		cmocka_unit_test(without_memory_or_randomness_there_is_a_fault),
	};

	faults_setup();
	if (seal_setup() != 0 || codes_setup() != 0) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
