/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The dossier's program while memory runs out and system calls fail, one after the other at every
 * place: each request is answered or breaks off with a fault, nothing is half done, and the next
 * request works.
 */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/dossier/faults.h"

#define ENTRY ",\"flags\":[],\"entry\":{\"kind\":\"allergy\",\"substance\":\"x\"}"

static uint8_t content[150000];
static char document[37]; /* one that is there */

/* Return: the outcome, or -2 when the program broke off. */
typedef int (*step_fn)(struct bench *b);

static int step_open(struct bench *b)
{
	bench_end(b);
	bench_start(b);
	return bench_ask_open(b, true);
}

static int step_people_key(struct bench *b)
{
	bench_end(b);
	bench_start(b);
	if (bench_ask_open(b, true) != 0) {
		return -2;
	}
	return bench_ask_key(b, true);
}

static int step_grant(struct bench *b)
{
	b->h.stage = HOST_STAGE_PEOPLE;
	return bench_ask_key(b, false);
}

static int step_rows(struct bench *b)
{
	return bench_ask_with(
		b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{\"entry\":true,\"text\":\"t\"}");
}

static int step_page(struct bench *b)
{
	char text[128];

	(void)snprintf(text, sizeof(text), "{\"after\":\"%s\",\"limit\":1}", document);
	return bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, text);
}

static int step_row(struct bench *b)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "{\"id\":\"%s\"}", document);
	return bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, text);
}

static int with_ids(struct bench *b, enum dossier_op op)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "[\"%s\"]", document);
	return bench_ask_with(b, op, LINK_TAG_IDS, text);
}

static int step_list(struct bench *b)
{
	return with_ids(b, DOSSIER_OP_LIST);
}

static int step_summary(struct bench *b)
{
	return with_ids(b, DOSSIER_OP_SUMMARY);
}

static int step_read(struct bench *b)
{
	int r = bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, document);
	uint8_t block[2048];
	uint8_t state;
	int fd;

	if (r != 0) {
		return r;
	}
	fd = b->answer.fds[0];
	b->answer.fds[0] = -1;
	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	while (b->h.out[0].fd >= 0 && b->broken == 0) {
		if (read(fd, block, sizeof(block)) > 0) {
			continue; /* a full pipe would have the program wait */
		}
		(void)faults_pause(false);
		b->broken = host_turn(&b->h);
		(void)faults_pause(true);
	}
	close(fd);
	/* its end is told by an event, and a failure on the way out */
	if (link_recv(b->link, &b->storage, &b->answer, true) == 0) {
		assert_int_equal(b->answer.kind, LINK_KIND_EVENT);
		assert_int_equal(tlv_find_u8(b->answer.body, LINK_TAG_STATE, &state), 0);
		return state == DOSSIER_DONE && b->broken == 0 ? 0 : -2;
	}
	return b->broken == 0 ? 0 : -2;
}

static int step_add(struct bench *b)
{
	return bench_add(b, VIEW(content), ENTRY, NULL);
}

static int step_flag(struct bench *b)
{
	static bool on;

	on = !on;
	return bench_ask_flag(b, document, "masque_ps", on);
}

static int step_archive(struct bench *b)
{
	static bool on;

	on = !on;
	return bench_status(b, document, on ? "archived" : "active");
}

static int step_people(struct bench *b)
{
	static unsigned int n;
	char act[128];

	(void)snprintf(act, sizeof(act), "\"act\":\"%s\",\"id\":\"%u\"",
		n % 2 == 0 ? "authorise" : "revoke", n / 2);
	n++;
	return bench_people(b, act);
}

static int step_weigh(struct bench *b)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	int fd = bench_metadata(VIEW_TEXT("x"), "");

	tlv_put_str(&body, LINK_TAG_FACTS, BENCH_AUTHOR);
	tlv_put_str(&body, LINK_TAG_ID, document);
	bench_send(b, DOSSIER_OP_WEIGH, &body, &fd, 1);
	close(fd);
	return bench_next(b);
}

/* A program that broke off or lost its stage begins anew; it must find a whole store. */
static void recover(struct bench *b)
{
	uint64_t version = b->h.store.version;

	bench_end(b);
	bench_start(b);
	assert_int_equal(bench_ask_open(b, true), 0);
	assert_true(version == 0 || b->h.store.version == version);
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_int_equal(bench_ask_key(b, false), 0);
}

static unsigned int fail_everywhere(struct bench *b, step_fn step, enum faults_kind kind)
{
	unsigned int n = 0;
	bool met = true;

	for (; met; n += n < 200 ? 1 : 7) {
		int r;

		assert_true(n < 20000);
		(void)faults_pause(true);
		faults_arm(kind, n);
		r = step(b);
		met = faults_off();
		assert_true(met || r == 0);
		if (r != 0 || b->broken != 0 || b->h.stage != HOST_STAGE_GRANTED) {
			recover(b);
		}
	}
	return n;
}

static struct bench *filled(void)
{
	struct bench *b = bench_new();

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW(content), ENTRY, document), 0);
	return b;
}

static void every_failure_of(step_fn step)
{
	struct bench *b = filled();

	assert_true(fail_everywhere(b, step, FAULTS_MEMORY) > 1);
	assert_true(fail_everywhere(b, step, FAULTS_CALLS) > 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{}"), 0);
	bench_free(b);
}

#define TEST(name, step)                                                                       \
	static void name(void **state)                                                         \
	{                                                                                      \
		(void)state;                                                                   \
		every_failure_of(step);                                                        \
	}

TEST(opening_survives_every_failure, step_open)
TEST(people_key_survives_every_failure, step_people_key)
TEST(grant_survives_every_failure, step_grant)
TEST(rows_survive_every_failure, step_rows)
TEST(one_row_survives_every_failure, step_row)
TEST(list_survives_every_failure, step_list)
TEST(summary_survives_every_failure, step_summary)
TEST(reading_survives_every_failure, step_read)
TEST(adding_survives_every_failure, step_add)
TEST(flagging_survives_every_failure, step_flag)
TEST(pages_survive_every_failure, step_page)
TEST(archiving_survives_every_failure, step_archive)
TEST(acts_about_people_survive_every_failure, step_people)
TEST(weighing_survives_every_failure, step_weigh)

/* Steps that use their document up: two of a chain, on a folder of its own each time. */
static char older[37];
static char newer[37];

static int step_replace(struct bench *b)
{
	return bench_replace(b, newer, VIEW_TEXT("3"), ",\"flags\":[\"masque_ps\"]", NULL);
}

static int step_delete(struct bench *b)
{
	return bench_status(b, newer, "deleted");
}

/* The chain is whole in one of two states. */
static bool chain_is(struct bench *b, const char *first, const char *second)
{
	_cleanup_json_ json_t *one = bench_shown(b, older);
	_cleanup_json_ json_t *two = bench_shown(b, newer);

	return strcmp(json_get_str(one, "status"), first) == 0 &&
	       strcmp(json_get_str(two, "status"), second) == 0;
}

static void fail_using_up(step_fn step, enum faults_kind kind, const char *const after[2])
{
	bool met = true;

	for (unsigned int n = 0; met; n += n < 200 ? 1 : 7) {
		struct bench *b = bench_new();
		int r;

		assert_true(n < 20000);
		bench_created(b);
		assert_int_equal(bench_add(b, VIEW_TEXT("1"), ENTRY, older), 0);
		assert_int_equal(bench_replace(b, older, VIEW_TEXT("2"), "", newer), 0);
		(void)faults_pause(true);
		faults_arm(kind, n);
		r = step(b);
		met = faults_off();
		assert_true(met || r == 0);
		if (r != 0 || b->broken != 0) {
			recover(b);
		}
		assert_true(chain_is(b, after[0], after[1]) ||
			    (r != 0 && chain_is(b, "replaced", "active")));
		bench_free(b);
	}
}

static void replacing_is_whole_or_nothing_at_every_failure(void **state)
{
	static const char *const after[2] = {"replaced", "replaced"};

	(void)state;
	fail_using_up(step_replace, FAULTS_MEMORY, after);
	fail_using_up(step_replace, FAULTS_CALLS, after);
}

static void deleting_is_whole_or_nothing_at_every_failure(void **state)
{
	static const char *const after[2] = {"deleted", "deleted"};

	(void)state;
	fail_using_up(step_delete, FAULTS_MEMORY, after);
	fail_using_up(step_delete, FAULTS_CALLS, after);
}

/* Laying out and creating: on a folder of its own each time. */
static void creating_with(enum faults_kind kind)
{
	bool met = true;

	for (unsigned int n = 0; met; n += n < 200 ? 1 : 7) {
		struct bench *b = bench_new();
		int r;

		(void)faults_pause(true);
		faults_arm(kind, n);
		r = bench_ask_open(b, true);
		if (r == 0) {
			r = bench_ask_key(b, true);
		}
		if (r == 0) {
			r = bench_ask_key(b, false);
		}
		if (r == 0) {
			r = bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, BENCH_AUTHOR);
		}
		met = faults_off();
		assert_true(met || r == 0);
		recover(b);
		if (b->h.store.version == 0) {
			assert_int_equal(bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS,
						 BENCH_AUTHOR),
				0);
		}
		bench_free(b);
	}
}

static void creating_survives_every_failure(void **state)
{
	(void)state;
	creating_with(FAULTS_MEMORY);
	creating_with(FAULTS_CALLS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(opening_survives_every_failure),
		cmocka_unit_test(people_key_survives_every_failure),
		cmocka_unit_test(grant_survives_every_failure),
		cmocka_unit_test(rows_survive_every_failure),
		cmocka_unit_test(one_row_survives_every_failure),
		cmocka_unit_test(list_survives_every_failure),
		cmocka_unit_test(summary_survives_every_failure),
		cmocka_unit_test(reading_survives_every_failure),
		cmocka_unit_test(adding_survives_every_failure),
		cmocka_unit_test(flagging_survives_every_failure),
		cmocka_unit_test(pages_survive_every_failure),
		cmocka_unit_test(archiving_survives_every_failure),
		cmocka_unit_test(acts_about_people_survive_every_failure),
		cmocka_unit_test(weighing_survives_every_failure),
		cmocka_unit_test(replacing_is_whole_or_nothing_at_every_failure),
		cmocka_unit_test(deleting_is_whole_or_nothing_at_every_failure),
		cmocka_unit_test(creating_survives_every_failure),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_setup();
	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
