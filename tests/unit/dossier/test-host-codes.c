/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The patient's codes asked of the dossier's program over a real link: from which stage on, with every
 * pipe that an agent may hand in, set, issued, and what stays when nothing comes of it.
 */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/dossier/store/codes.h"
#include "tests/unit/dossier/faults.h"

#define BOTH (CODES_PERSONAL | CODES_ACTIVATION)

static int pipe_of(const char *text)
{
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], text, strlen(text)), strlen(text));
	close(ends[1]);
	return ends[0];
}

/* CODE with the pipe @fd. */
static int try_fd(struct bench *b, unsigned int which, int fd)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);

	tlv_put_u8(&body, LINK_TAG_VALUE, (uint8_t)which);
	bench_send(b, DOSSIER_OP_CODE, &body, &fd, 1);
	return bench_next(b);
}

static int try_code(struct bench *b, unsigned int which, const char *digits)
{
	int fd = pipe_of(digits);
	int r = try_fd(b, which, fd);

	close(fd);
	return r;
}

static void assert_which(struct bench *b, const char *expected)
{
	char which[16];

	assert_int_equal(
		tlv_find_str(b->answer.body, LINK_TAG_STATUS, which, sizeof(which)), 0);
	assert_string_equal(which, expected);
}

static void put_act(struct buf *body, const char *act)
{
	char text[512];

	(void)snprintf(text, sizeof(text), "{\"by\":" BENCH_AUTHOR ",\"time\":%llu,%s}",
		(unsigned long long)clock_wall(), act);
	tlv_put_str(body, LINK_TAG_FACTS, text);
}

static int set_code(struct bench *b, const char *digits)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(1024);
	int fd = pipe_of(digits);
	int r;

	put_act(&body, "\"act\":\"personal-code\"");
	bench_send(b, DOSSIER_OP_SET_CODE, &body, &fd, 1);
	close(fd);
	r = bench_next(b);
	return r;
}

/* A new activation code; its digits into @ret. */
static void issue(struct bench *b, char ret[CODES_ISSUED + 1])
{
	struct buf body = BUF_NULL(1024);

	put_act(&body, "\"act\":\"activation-code\",\"id\":\"a1\",\"until\":9000000000000000,"
		       "\"uid\":1000,\"agent-uid\":1001,\"pair\":\"counter\"");
	assert_int_equal(bench_ask(b, DOSSIER_OP_ISSUE_CODE, &body), 0);
	assert_int_equal(b->answer.n_fds, 1);
	memset(ret, 0, CODES_ISSUED + 1);
	assert_int_equal(pread(b->answer.fds[0], ret, CODES_ISSUED + 1, 0), CODES_ISSUED);
	assert_int_equal(strspn(ret, "0123456789"), CODES_ISSUED);
}

/* "codes" of PEOPLE in the answer. */
static json_t *codes_told(struct bench *b)
{
	_cleanup_json_ json_t *people = NULL;
	struct tlv t;

	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_PEOPLE, &t), 0);
	assert_int_equal(json_parse(t.value, &people), 0);
	return json_incref(json_object_get(people, "codes"));
}

static void there_is_no_code_at_first(void **state)
{
	struct bench *b = *state;
	uint64_t version = bench_version(b);

	assert_int_equal(try_code(b, BOTH, "1234"), DOSSIER_CODE_WRONG);
	bench_again(b);
	assert_int_equal(b->h.store.version, version);
}

static void a_personal_code_is_known_from_the_peoples_key_on(void **state)
{
	struct bench *b = *state;
	_cleanup_json_ json_t *codes = NULL;

	assert_int_equal(set_code(b, "2718"), 0);
	codes = codes_told(b);
	assert_true(json_is_true(json_object_get(codes, "personal")));
	assert_true(json_is_null(json_object_get(codes, "activation")));
	assert_int_equal(bench_version(b), 2);
	bench_end(b);
	bench_start(b);
	assert_int_equal(try_code(b, BOTH, "2718"), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_open(b, false), 0);
	assert_int_equal(try_code(b, BOTH, "2718"), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_int_equal(try_code(b, BOTH, "2718"), 0);
	assert_which(b, "personal");
	assert_int_equal(try_code(b, CODES_ACTIVATION, "2718"), DOSSIER_CODE_WRONG);
	assert_int_equal(try_code(b, CODES_PERSONAL, "2719"), DOSSIER_CODE_WRONG);
	assert_int_equal(try_code(b, 0, "2718"), DOSSIER_CODE_WRONG);
	/* and with the dossier's key; setting takes that one */
	assert_int_equal(set_code(b, "1111"), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_key(b, false), 0);
	assert_int_equal(try_code(b, CODES_PERSONAL, "2718"), 0);
	assert_int_equal(set_code(b, "123456789012"), 0);
	assert_int_equal(try_code(b, CODES_PERSONAL, "2718"), DOSSIER_CODE_WRONG);
	assert_int_equal(try_code(b, CODES_PERSONAL, "123456789012"), 0);
}

static void pipes_that_hold_no_code_are_a_wrong_one(void **state)
{
	static const char *const bad[] = {
		"", "1", "271", "27181", "2718\n", "271x", "12345678901234567890"};
	struct bench *b = *state;
	int ends[2];

	assert_int_equal(set_code(b, "2718"), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(try_code(b, BOTH, bad[i]), DOSSIER_CODE_WRONG);
	}
	/* one that goes on and never ends is given up */
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "2718", 4), 4);
	assert_int_equal(try_fd(b, BOTH, ends[0]), DOSSIER_CODE_WRONG);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(try_code(b, BOTH, "2718"), 0);
}

static void what_is_no_code_is_not_set(void **state)
{
	static const char *const bad[] = {"", "123", "1234567890123", "12 34", "abcd"};
	struct bench *b = *state;
	uint64_t version = bench_version(b);

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		char member[16];

		assert_int_equal(set_code(b, bad[i]), DOSSIER_INVALID);
		assert_int_equal(
			tlv_find_str(b->answer.body, LINK_TAG_ADVICE, member, sizeof(member)),
			0);
		assert_string_equal(member, "code");
	}
	bench_again(b);
	assert_int_equal(b->h.store.version, version);
}

static void an_issued_code_is_eight_digits_and_takes_the_place_of_the_one_before(void **state)
{
	struct bench *b = *state;
	_cleanup_json_ json_t *codes = NULL;
	char first[CODES_ISSUED + 1];
	char second[CODES_ISSUED + 1];
	const json_t *told;

	issue(b, first);
	codes = codes_told(b);
	told = json_object_get(codes, "activation");
	assert_string_equal(json_get_str(told, "id"), "a1");
	assert_string_equal(json_get_str(told, "pair"), "counter");
	assert_null(json_object_get(told, "scrypt"));
	assert_int_equal(try_code(b, BOTH, first), 0);
	assert_which(b, "activation");
	assert_int_equal(try_code(b, CODES_PERSONAL, first), DOSSIER_CODE_WRONG);
	issue(b, second);
	if (strcmp(first, second) != 0) {
		assert_int_equal(try_code(b, BOTH, first), DOSSIER_CODE_WRONG);
	}
	assert_int_equal(try_code(b, BOTH, second), 0);
	/* both may be tried at once, and each is told apart */
	assert_int_equal(set_code(b, "2718"), 0);
	assert_int_equal(try_code(b, BOTH, second), DOSSIER_CODE_WRONG);
	issue(b, first);
	assert_int_equal(try_code(b, BOTH, "2718"), 0);
	assert_which(b, "personal");
	assert_int_equal(try_code(b, BOTH, first), 0);
	assert_which(b, "activation");
}

static void the_file_and_its_log_never_hold_the_digits(void **state)
{
	struct bench *b = *state;
	char digits[CODES_ISSUED + 1];
	char path[256];
	static const char *const suffixes[] = {"", "-wal"};

	assert_int_equal(set_code(b, "314159265358"), 0);
	issue(b, digits);
	for (size_t i = 0; i < ARRAY_LEN(suffixes); i++) {
		static char bytes[1024 * 1024];
		FILE *f;
		size_t n;

		(void)snprintf(path, sizeof(path), "%s/%.2s/%s.dossier%s", b->folder,
			BENCH_PSEUDONYM, BENCH_PSEUDONYM, suffixes[i]);
		f = fopen(path, "r");
		assert_non_null(f);
		n = fread(bytes, 1, sizeof(bytes), f);
		assert_true(n > 0 && n < sizeof(bytes));
		assert_null(memmem(bytes, n, "314159265358", 12));
		assert_null(memmem(bytes, n, digits, CODES_ISSUED));
		assert_int_equal(fclose(f), 0);
	}
}

static void what_the_broker_never_sends_is_a_fault(void **state)
{
	struct bench *b = *state;
	struct buf body = BUF_NULL(64);
	int fd = pipe_of("1234");

	tlv_put_u8(&body, LINK_TAG_VALUE, BOTH);
	assert_int_equal(bench_ask(b, DOSSIER_OP_CODE, &body), DOSSIER_FAULT);
	bench_send(b, DOSSIER_OP_CODE, &body, &fd, 1); /* @body is empty by now */
	assert_int_equal(bench_next(b), DOSSIER_FAULT);
	assert_int_equal(bench_ask(b, DOSSIER_OP_SET_CODE, &body), DOSSIER_FAULT);
	bench_send(b, DOSSIER_OP_SET_CODE, &body, &fd, 1); /* no act */
	assert_int_equal(bench_next(b), DOSSIER_FAULT);
	close(fd);
	assert_int_equal(bench_ask(b, DOSSIER_OP_ISSUE_CODE, &body), DOSSIER_FAULT);
	assert_int_equal(b->answer.n_fds, 0);
	/* a code that is no pipe to read */
	assert_int_equal(try_fd(b, BOTH, STDOUT_FILENO) == 0, false);
}

/* With the n-th allocation or call refused: a fault or an outcome, and what is told is what is there. */
static void a_code_is_issued_whole_or_not_at_all(void **state)
{
	struct bench *b = *state;

	for (enum faults_kind kind = FAULTS_MEMORY; kind < FAULTS_COUNT; kind++) {
		bool hit = true;

		for (unsigned int n = 0; hit; n += 1 + n / 8) {
			struct buf body = BUF_NULL(1024);
			uint64_t version;
			int r;

			assert_true(n < 100000);
			bench_again(b);
			version = b->h.store.version;
			put_act(&body,
				"\"act\":\"activation-code\",\"id\":\"a1\","
				"\"until\":9000000000000000,\"uid\":1000,\"agent-uid\":1001,"
				"\"pair\":\"counter\"");
			faults_arm(kind, n);
			r = bench_ask(b, DOSSIER_OP_ISSUE_CODE, &body);
			hit = faults_off();
			assert_true(hit || r == 0);
			if (r == 0) {
				assert_int_equal(bench_version(b), version + 1);
			}
			if (r == -2) {
				bench_end(b);
				bench_start(b);
				bench_opened(b);
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			there_is_no_code_at_first, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_personal_code_is_known_from_the_peoples_key_on, bench_setup,
			bench_teardown),
		cmocka_unit_test_setup_teardown(
			pipes_that_hold_no_code_are_a_wrong_one, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			what_is_no_code_is_not_set, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			an_issued_code_is_eight_digits_and_takes_the_place_of_the_one_before,
			bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(the_file_and_its_log_never_hold_the_digits,
			bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			what_the_broker_never_sends_is_a_fault, bench_setup, bench_teardown),
		cmocka_unit_test_setup_teardown(
			a_code_is_issued_whole_or_not_at_all, bench_setup, bench_teardown),
	};

	faults_setup();
	if (seal_setup() != 0 || codes_setup() != 0) {
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
