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

static int step_people(struct bench *b)
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
	return bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{\"entry\":true}");
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
	/* a failure on the way out is told by an event */
	if (link_recv(b->link, &b->storage, &b->answer, true) == 0) {
		assert_int_equal(b->answer.kind, LINK_KIND_EVENT);
		return -2;
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
TEST(people_key_survives_every_failure, step_people)
TEST(grant_survives_every_failure, step_grant)
TEST(rows_survive_every_failure, step_rows)
TEST(one_row_survives_every_failure, step_row)
TEST(list_survives_every_failure, step_list)
TEST(summary_survives_every_failure, step_summary)
TEST(reading_survives_every_failure, step_read)
TEST(adding_survives_every_failure, step_add)
TEST(flagging_survives_every_failure, step_flag)

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
		cmocka_unit_test(creating_survives_every_failure),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_setup();
	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
