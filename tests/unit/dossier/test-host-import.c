/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Reimbursements in the dossier's program without its filter, with a clock that is set: what is new is
 * added once, what is older than 24 months is not shown and goes with the next import.
 */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/dossier/store/query.h"
#include "daemon/dossier/store/reimbursement.h"
#include "tests/unit/dossier/faults.h"

#define INSURER "{\"id\":\"Caisse\",\"kind\":\"insurer\",\"name\":\"Caisse\"}"
#define EMPTY	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LINE(id, day)                                                                          \
	"{\"format\":1,\"type\":\"reimbursement\",\"title\":\"Soin " id "\",\"date\":\"" day   \
	"\",\"mime\":\"text/plain\",\"size\":0,\"sha256\":\"" EMPTY                            \
	"\",\"entry\":{\"kind\":\"reimbursement\",\"id\":\"" id                                \
	"\",\"act\":\"medicine\",\"quantity\":1,\"amount\":300,\"reimbursed\":195,"            \
	"\"performer\":\"889900000038\"}}"

/* 2026-11-22 12:00 UTC and later */
#define NOON (1795348800ULL * USEC_PER_SEC)
#define DAY  (86400ULL * USEC_PER_SEC)

#define MADE "2026-11-22"

static uint64_t now = NOON;
static const char *made = MADE; /* of the feeds */

uint64_t __wrap_clock_wall(void);

uint64_t __wrap_clock_wall(void)
{
	return now;
}

static void put_facts(struct buf *body)
{
	_cleanup_(buf_done) struct buf facts = BUF_NULL(1024);

	buf_printf(&facts, "{\"author\":%s,\"made\":\"%s\"}", INSURER, made);
	tlv_put(body, LINK_TAG_FACTS, buf_view(&facts));
	assert_int_equal(buf_check(body), 0);
}

static int import(struct bench *b, const char *list, uint32_t *ret_n)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	int fd = -1;
	int r;

	assert_int_equal(json_memfd_text(view_str(list), "lines", &fd), 0);
	put_facts(&body);
	bench_send(b, DOSSIER_OP_IMPORT, &body, &fd, 1);
	close(fd);
	r = bench_next(b);
	if (r == 0) {
		assert_int_equal(tlv_find_u32(b->answer.body, LINK_TAG_VALUE, ret_n), 0);
	}
	return r;
}

static void adds(struct bench *b, const char *list, uint32_t wanted)
{
	uint32_t n = UINT32_MAX;

	assert_int_equal(import(b, list, &n), 0);
	assert_int_equal(n, wanted);
}

static size_t listed(struct bench *b, const char *filter)
{
	bool more;
	_cleanup_json_ json_t *rows = bench_rows(b, filter, &more);

	return json_array_size(rows);
}

static int setup(void **state)
{
	now = NOON;
	made = MADE;
	return bench_setup(state);
}

static int64_t stored(struct bench *b)
{
	_cleanup_(query_done) struct query q =
		query_of(b->h.store.db, "SELECT count(*) FROM document");

	return query_row(&q) ? query_int(&q) : -1;
}

static int64_t chunks(struct bench *b)
{
	_cleanup_(query_done) struct query q =
		query_of(b->h.store.db, "SELECT count(*) FROM chunk WHERE key > 0");

	return query_row(&q) ? query_int(&q) : -1;
}

static void lines_are_added_once_and_in_one_version(void **state)
{
	struct bench *b = *state;
	uint64_t before = b->h.store.version;

	adds(b, "[" LINE("a", "2026-11-01") "," LINE("b", "2025-01-01") "]", 2);
	assert_int_equal(bench_version(b), before + 1);
	adds(b, "[" LINE("a", "2026-11-01") "," LINE("b", "2025-01-01") "]", 0);
	assert_int_equal(bench_version(b), before + 1);
	bench_again(b);
	adds(b, "[" LINE("b", "2025-01-01") "," LINE("c", "2026-11-02") "]", 1);
	assert_int_equal(bench_version(b), before + 2);
	assert_int_equal(listed(b, "{}"), 3);
	assert_int_equal(listed(b, "{\"type\":\"reimbursement\",\"author\":\"Caisse\"}"), 3);
	/* thousands of them are no part of the summary */
	assert_int_equal(listed(b, "{\"entry\":true}"), 0);
	adds(b, "[]", 0);
}

static void one_is_read_as_every_document(void **state)
{
	_cleanup_json_ json_t *row = NULL;
	struct bench *b = *state;
	char id[37];

	adds(b, "[" LINE("a", "2026-11-01") "]", 1);
	assert_int_equal(reimbursement_id(&b->h.store, "a", id), 0);
	row = bench_shown(b, id);
	assert_string_equal(json_get_str(row, "title"), "Soin a");
	assert_string_equal(json_get_str(row, "section"), "treatments");
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), 0);
}

static void a_name_is_the_dossiers_own_and_the_same_again(void **state)
{
	struct bench *b = *state;
	char one[37], two[37], other[37];

	assert_int_equal(reimbursement_id(&b->h.store, "a", one), 0);
	assert_true(store_id_valid(one));
	assert_int_equal(one[14], '8');
	bench_again(b);
	assert_int_equal(reimbursement_id(&b->h.store, "a", two), 0);
	assert_string_equal(one, two);
	assert_int_equal(reimbursement_id(&b->h.store, "b", other), 0);
	assert_string_not_equal(one, other);
}

static void what_the_patient_hid_stays_hidden_when_it_comes_again(void **state)
{
	_cleanup_json_ json_t *row = NULL;
	struct bench *b = *state;
	char id[37];

	adds(b, "[" LINE("a", "2026-11-01") "]", 1);
	assert_int_equal(reimbursement_id(&b->h.store, "a", id), 0);
	assert_int_equal(bench_ask_flag(b, id, "masque_ps", true), 0);
	adds(b, "[" LINE("a", "2026-11-01") "]", 0);
	row = bench_shown(b, id);
	assert_int_equal(json_array_size(json_object_get(row, "flags")), 1);
}

static void after_24_months_they_are_not_shown_and_go_with_the_next_import(void **state)
{
	struct bench *b = *state;
	char id[37], kept[37], own[37];
	uint64_t before;

	assert_int_equal(
		bench_add_on(b, "2020-01-01", own), 0); /* nobody's but the patient's */
	adds(b, "[" LINE("old", "2024-11-23") "," LINE("new", "2026-11-22") "]", 2);
	adds(b, "[" LINE("older", "2024-11-21") "]", 0); /* too old to begin with */
	assert_int_equal(reimbursement_id(&b->h.store, "old", id), 0);
	assert_int_equal(listed(b, "{}"), 3);
	now = NOON + DAY; /* to the day */
	assert_int_equal(listed(b, "{}"), 3);
	now = NOON + 2 * DAY;
	assert_int_equal(listed(b, "{}"), 2);
	assert_int_equal(listed(b, "{\"status\":\"all\"}"), 2);
	assert_int_equal(stored(b), 3);
	before = b->h.store.version;
	adds(b, "[]", 0);
	assert_int_equal(bench_version(b), before + 1);
	assert_int_equal(stored(b), 2);
	assert_int_equal(chunks(b), 2);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), DOSSIER_NO_DOCUMENT);
	/* the order knows it no more, and what comes next has a place */
	assert_int_equal(listed(b, "{}"), 2);
	adds(b, "[" LINE("next", "2026-11-20") "]", 1);
	assert_int_equal(listed(b, "{}"), 3);
	assert_int_equal(reimbursement_id(&b->h.store, "new", kept), 0);
	bench_again(b);
	assert_int_equal(listed(b, "{}"), 3);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, kept), 0);
}

static void the_last_one_may_go_and_its_place_is_taken_again(void **state)
{
	struct bench *b = *state;

	adds(b, "[" LINE("old", "2024-11-23") "]", 1);
	assert_int_equal(listed(b, "{}"), 1); /* the order holds it */
	now = NOON + 2 * DAY;
	adds(b, "[" LINE("new", "2026-11-23") "]", 1);
	assert_int_equal(stored(b), 1);
	assert_int_equal(listed(b, "{}"), 1);
	bench_again(b);
	assert_int_equal(listed(b, "{}"), 1);
}

static void without_a_clock_nothing_is_old(void **state)
{
	struct bench *b = *state;

	now = 0;
	adds(b, "[" LINE("old", "2001-01-01") "]", 1);
	assert_int_equal(listed(b, "{}"), 1);
	now = LIMIT_CLOCK_SET - 1;
	adds(b, "[]", 0);
	assert_int_equal(listed(b, "{}"), 1);
	now = LIMIT_CLOCK_SET;
	assert_int_equal(listed(b, "{}"), 0);
}

static void a_clock_that_runs_ahead_removes_no_more_than_a_month_beyond_the_feed(void **state)
{
	struct bench *b = *state;

	adds(b,
		"[" LINE("a", "2024-12-21") "," LINE("b", "2024-12-22") "," LINE(
			"c", "2025-01-30") "," LINE("d", "2025-01-31") "]",
		4);
	now = NOON + 4000 * DAY;
	adds(b, "[]", 0);
	assert_int_equal(stored(b), 3);
	assert_int_equal(listed(b, "{}"), 0); /* what is shown goes by the clock */
	adds(b, "[" LINE("e", "2026-11-01") "]", 1);
	made = "2026-12-31"; /* and a month */
	adds(b, "[" LINE("b", "2024-12-22") "]", 0);
	assert_int_equal(stored(b), 2);
	now = NOON;
	made = MADE;
	assert_int_equal(listed(b, "{}"), 2);
	/* a clock that is behind takes nothing that the feed's day would */
	made = "2199-12-31";
	adds(b, "[]", 0);
	assert_int_equal(stored(b), 2);
}

static void facts_without_a_day_are_none(void **state)
{
	static const char *const days[] = {"", "2026-13-01", "2026-11-22T00", "0000-00-00"};
	struct bench *b = *state;

	for (size_t i = 0; i < ARRAY_LEN(days); i++) {
		uint32_t n;

		made = days[i];
		assert_int_equal(import(b, "[]", &n), DOSSIER_FAULT);
	}
}

static void what_is_no_reimbursement_is_not_taken_and_nothing_changes(void **state)
{
	static const char *const lists[] = {"{}", "[1]", "[{}]",
		"[" LINE("a", "2026-11-01") ",{\"format\":1}]",
		"[{\"format\":1,\"type\":\"consultation\",\"title\":\"x\",\"date\":"
		"\"2026-11-01\",\"mime\":\"text/plain\",\"size\":0,\"sha256\":\"" EMPTY
		"\",\"entry\":{\"kind\":\"allergy\",\"substance\":\"x\"}}]",
		"[{\"format\":1,\"type\":\"reimbursement\",\"title\":\"x\",\"date\":"
		"\"2026-11-01\",\"mime\":\"text/plain\",\"size\":0,\"sha256\":\"" EMPTY
		"\",\"entry\":{\"kind\":\"allergy\",\"substance\":\"x\"}}]"};
	struct bench *b = *state;
	uint64_t before = b->h.store.version;

	for (size_t i = 1; i < ARRAY_LEN(lists); i++) {
		uint32_t n;

		assert_int_equal(import(b, lists[i], &n), DOSSIER_INVALID);
	}
	bench_again(b);
	assert_int_equal(b->h.store.version, before);
	assert_int_equal(listed(b, "{}"), 0);
}

/* The n-th thing fails: all of it is there, or nothing. Return: whether something failed. */
static bool fails_at(struct bench *b, enum faults_kind kind, unsigned int nth)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	const char *list = "[" LINE("a", "2026-11-01") "," LINE("b", "2026-11-02") "]";
	int fd = -1;
	bool met;
	int r;

	assert_int_equal(json_memfd_text(view_str(list), "lines", &fd), 0);
	put_facts(&body);
	(void)faults_pause(true);
	faults_arm(kind, nth);
	bench_send(b, DOSSIER_OP_IMPORT, &body, &fd, 1);
	r = bench_next(b);
	met = faults_off();
	close(fd);
	assert_true(met || r == 0);
	bench_again(b);
	assert_true(stored(b) == 0 || stored(b) == 2);
	assert_true(r != 0 || stored(b) == 2);
	return met;
}

static void fails_everywhere(struct bench *b, enum faults_kind kind)
{
	for (unsigned int nth = 0; fails_at(b, kind, nth); nth++) {
		/* the next one starts without them */
		if (stored(b) > 0) {
			now = NOON + 900 * DAY;
			made = "2029-05-10";
			adds(b, "[]", 0);
			now = NOON;
			made = MADE;
			assert_int_equal(stored(b), 0);
		}
	}
	assert_int_equal(stored(b), 2);
}

static void an_import_that_fails_is_whole_or_nothing(void **state)
{
	fails_everywhere(*state, FAULTS_MEMORY);
}

static void so_it_is_when_a_call_fails(void **state)
{
	fails_everywhere(*state, FAULTS_CALLS);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		T(lines_are_added_once_and_in_one_version),
		T(one_is_read_as_every_document),
		T(a_name_is_the_dossiers_own_and_the_same_again),
		T(what_the_patient_hid_stays_hidden_when_it_comes_again),
		T(after_24_months_they_are_not_shown_and_go_with_the_next_import),
		T(the_last_one_may_go_and_its_place_is_taken_again),
		T(without_a_clock_nothing_is_old),
		T(a_clock_that_runs_ahead_removes_no_more_than_a_month_beyond_the_feed),
		T(facts_without_a_day_are_none),
		T(what_is_no_reimbursement_is_not_taken_and_nothing_changes),
		T(an_import_that_fails_is_whole_or_nothing),
		T(so_it_is_when_a_call_fails),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_setup();
	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
