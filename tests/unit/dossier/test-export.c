/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Closing, reopening and exporting in the dossier's program without its filter. What is exported is read
 * by the library's other half; tests/integration/test_life.py has other programs read it.
 */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dossier/store/query.h"
#include "tests/unit/dossier/faults.h"

#define HISTORY "[{\"event\":\"opened\"}]"
#define CLOSE                                                                                  \
	"{\"act\":\"close\",\"by\":" BENCH_AUTHOR                                              \
	",\"reason\":\"moved away\",\"time\":1,\"until\":9}"
#define REOPEN "{\"act\":\"reopen\",\"by\":" BENCH_AUTHOR ",\"time\":2}"

static const uint8_t png[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 1, 2, 3};

/* -- closing ------------------------------------------------------------------------------------ */

static json_t *people_of(const struct bench *b)
{
	json_t *people = NULL;
	struct tlv t;

	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_PEOPLE, &t), 0);
	assert_int_equal(json_parse(t.value, &people), 0);
	return people;
}

static int act(struct bench *b, enum dossier_op op, const char *facts)
{
	return bench_ask_with(b, op, LINK_TAG_FACTS, facts);
}

static int list(struct bench *b)
{
	return bench_ask_with(b, DOSSIER_OP_LIST, LINK_TAG_IDS, "[]");
}

static void closed_dossier_is_kept_as_it_is_and_shows_nothing_until_it_is_reopened(void **state)
{
	_cleanup_json_ json_t *closed = NULL;
	_cleanup_json_ json_t *open = NULL;
	struct bench *b = *state;
	char id[37];

	assert_int_equal(bench_add(b, VIEW_TEXT("text"), "", id), 0);
	assert_int_equal(act(b, DOSSIER_OP_REOPEN, REOPEN), DOSSIER_WRONG_STATE);
	assert_int_equal(act(b, DOSSIER_OP_CLOSE, CLOSE), 0);
	assert_int_equal(bench_version(b), 3);
	closed = people_of(b);
	assert_string_equal(
		json_get_str(json_object_get(closed, "closed"), "reason"), "moved away");
	assert_int_equal(b->h.store.state, DOSSIER_STATE_CLOSED);
	assert_int_equal(list(b), DOSSIER_WRONG_STATE);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), DOSSIER_WRONG_STATE);
	assert_int_equal(act(b, DOSSIER_OP_CLOSE, CLOSE), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_add(b, VIEW_TEXT("x"), "", id), DOSSIER_WRONG_STATE);
	/* the file says so, and its header vouches for it */
	bench_again(b);
	assert_int_equal(b->h.store.state, DOSSIER_STATE_CLOSED);
	assert_int_equal(b->h.store.version, 3);
	assert_int_equal(list(b), DOSSIER_WRONG_STATE);
	assert_int_equal(act(b, DOSSIER_OP_REOPEN, REOPEN), 0);
	open = people_of(b);
	assert_true(json_is_null(json_object_get(open, "closed")));
	bench_again(b);
	assert_int_equal(b->h.store.state, DOSSIER_STATE_OPEN);
	assert_int_equal(b->h.store.version, 4);
	assert_int_equal(list(b), 0);
}

static void file_that_says_open_of_a_closed_dossier_is_damaged(void **state)
{
	struct bench *b = *state;

	assert_int_equal(act(b, DOSSIER_OP_CLOSE, CLOSE), 0);
	assert_int_equal(query_run(b->h.store.db, "UPDATE dossier SET state = 2"), 0);
	bench_end(b);
	bench_start(b);
	assert_int_equal(bench_ask_open(b, false), 0);
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_int_equal(bench_ask_key(b, false), DOSSIER_DAMAGED);
}

static void act_that_is_another_or_none_is_a_bug_of_the_broker(void **state)
{
	struct bench *b = *state;

	assert_int_equal(act(b, DOSSIER_OP_CLOSE, REOPEN), DOSSIER_FAULT);
	assert_int_equal(act(b, DOSSIER_OP_CLOSE, "{}"), DOSSIER_FAULT);
	assert_int_equal(act(b, DOSSIER_OP_CLOSE, "["), DOSSIER_FAULT);
	assert_int_equal(b->h.store.version, 1);
}

/* -- exporting ---------------------------------------------------------------------------------- */

static int memfd_of(const char *text)
{
	int fd;

	assert_int_equal(json_memfd_text(view_str(text), "history", &fd), 0);
	return fd;
}

/* Ask for an export of @ids (JSON). Return: the outcome. */
static int ask(struct bench *b, const char *ids, bool more)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(65536);
	int history = memfd_of(HISTORY);

	tlv_put_str(&body, LINK_TAG_IDS, ids);
	tlv_put_u8(&body, LINK_TAG_VALUE, more);
	bench_send(b, DOSSIER_OP_EXPORT, &body, &history, more ? 0 : 1);
	close(history);
	return bench_next(b);
}

/* The pipe of the last answer, which is the caller's now. */
static int pipe_of(struct bench *b)
{
	int fd = b->answer.fds[0];

	assert_int_equal(b->answer.n_fds, 1);
	b->answer.fds[0] = -1;
	assert_true(fcntl(fd, F_SETFL, O_RDONLY | O_NONBLOCK) == 0);
	return fd;
}

/* Bytes that no packing makes shorter, and no NUL among them. */
static void fill(uint8_t *to, size_t n)
{
	uint32_t x = 1;

	for (size_t i = 0; i < n; i++) {
		x = x * 1664525U + 1013904223U;
		to[i] = (uint8_t)(x >> 24 | 1U);
	}
}

/* Everything that comes, turning the program meanwhile. */
static void drain(struct bench *b, int fd, struct buf *out)
{
	static uint8_t some[65536];

	for (;;) {
		ssize_t n = read(fd, some, sizeof(some));

		if (n == 0) {
			break;
		}
		if (n > 0) {
			buf_put(out, some, (size_t)n);
			continue;
		}
		assert_int_equal(errno, EAGAIN);
		(void)faults_pause(false);
		b->broken = host_turn(&b->h);
		(void)faults_pause(true);
		if (b->broken != 0) {
			break;
		}
	}
	close(fd);
	assert_int_equal(buf_check(out), 0);
	assert_true(b->broken != 0 || b->h.export.fd == -1);
}

struct found {
	unsigned int n;
	struct buf index;
	struct buf history;
	struct buf content; /* of the last document */
	char name[80];	    /* its own */
};

#define FOUND_NULL                                                                             \
	((struct found){.index = BUF_NULL(1U << 24),                                           \
		.history = BUF_NULL(1U << 20),                                                 \
		.content = BUF_NULL(1U << 24)})

static void found_done(struct found *f)
{
	buf_done(&f->index);
	buf_done(&f->history);
	buf_done(&f->content);
}

static void take_entry(struct archive *a, struct archive_entry *e, struct found *f)
{
	const char *name = archive_entry_pathname(e);
	struct buf *to = strcmp(name, "index.json") == 0     ? &f->index
			 : strcmp(name, "history.json") == 0 ? &f->history
							     : &f->content;
	static uint8_t some[8192];
	la_ssize_t n;

	if (strncmp(name, "documents/", 10) == 0) {
		assert_int_equal(view_copy_str(view_str(name), f->name, sizeof(f->name)), 0);
	}
	buf_reset(to);
	while ((n = archive_read_data(a, some, sizeof(some))) > 0) {
		buf_put(to, some, (size_t)n);
	}
	assert_int_equal(n, 0);
	f->n++;
}

/* Return: whether it is a whole ZIP. */
static bool unpack(struct view zip, struct found *f)
{
	struct archive *a = archive_read_new();
	struct archive_entry *e;
	int r;

	assert_int_equal(archive_read_support_format_zip_seekable(a), ARCHIVE_OK);
	r = archive_read_open_memory(a, zip.data, zip.len);
	while (r == ARCHIVE_OK && (r = archive_read_next_header(a, &e)) == ARCHIVE_OK) {
		take_entry(a, e, f);
	}
	(void)archive_read_free(a);
	return r == ARCHIVE_EOF;
}

static json_t *export_of(struct bench *b, const char *ids, struct found *f)
{
	_cleanup_(buf_done) struct buf zip = BUF_NULL(1U << 26);
	json_t *index = NULL;

	assert_int_equal(ask(b, ids, false), 0);
	drain(b, pipe_of(b), &zip);
	assert_true(unpack(buf_view(&zip), f));
	assert_int_equal(json_parse(buf_view(&f->index), &index), 0);
	return index;
}

static const char *member(const json_t *index, size_t i, const char *name)
{
	const char *text =
		json_get_str(json_array_get(json_object_get(index, "documents"), i), name);

	return text ? text : "";
}

/* ["a","b"] */
static char *ids_of(const char (*ids)[37], size_t n)
{
	json_t *list = json_array();
	char *text;

	for (size_t i = 0; i < n; i++) {
		assert_int_equal(json_array_append_new(list, json_string(ids[i])), 0);
	}
	text = json_dumps(list, 0);
	json_decref(list);
	return text;
}

static void export_holds_contents_index_and_history(void **state)
{
	_cleanup_(found_done) struct found f = FOUND_NULL;
	_cleanup_json_ json_t *index = NULL;
	static uint8_t large[200000];
	struct bench *b = *state;
	char ids[3][37];
	char *all;

	for (size_t i = 0; i < sizeof(large); i++) {
		large[i] = (uint8_t)('a' + i % 23);
	}
	assert_int_equal(bench_add(b, VIEW(large), "", ids[0]), 0);
	assert_int_equal(bench_add(b, VIEW_TEXT("gone"), "", ids[1]), 0);
	assert_int_equal(bench_add(b, VIEW_TEXT(""), BENCH_ENTRY, ids[2]), 0);
	assert_int_equal(bench_status(b, ids[1], "deleted"), 0);
	all = ids_of((const char(*)[37])ids, 3);
	index = export_of(b, all, &f);
	free(all);
	/* README.txt, history.json, index.json and one content */
	assert_int_equal(f.n, 4);
	assert_true(view_equal(buf_view(&f.content), VIEW(large)));
	assert_true(view_equal(buf_view(&f.history), VIEW_TEXT(HISTORY)));
	assert_int_equal(json_array_size(json_object_get(index, "documents")), 3);
	assert_string_equal(member(index, 0, "id"), ids[0]);
	assert_string_equal(member(index, 0, "file"), f.name);
	assert_string_equal(member(index, 1, "status"), "deleted");
	assert_string_equal(member(index, 1, "file"), "");
	assert_string_equal(member(index, 1, "title"), "");
	assert_string_equal(member(index, 2, "file"), "");
	assert_string_equal(json_get_str(json_object_get(index, "dossier"), "state"), "open");
	assert_string_equal(
		json_get_str(json_object_get(index, "dossier"), "id"), BENCH_PSEUDONYM);
	assert_null(json_object_get(json_object_get(index, "people"), "codes"));
}

static void closed_and_empty_dossier_is_exported_too(void **state)
{
	_cleanup_(found_done) struct found f = FOUND_NULL;
	_cleanup_json_ json_t *index = NULL;
	struct bench *b = *state;
	const json_t *closed;

	assert_int_equal(act(b, DOSSIER_OP_CLOSE, CLOSE), 0);
	index = export_of(b, "[]", &f);
	assert_int_equal(f.n, 3);
	assert_int_equal(json_array_size(json_object_get(index, "documents")), 0);
	closed = json_object_get(json_object_get(index, "dossier"), "closed");
	assert_string_equal(json_get_str(closed, "reason"), "moved away");
}

static void what_is_packed_is_stored_and_the_name_follows_the_type(void **state)
{
	_cleanup_(found_done) struct found f = FOUND_NULL;
	_cleanup_(buf_done) struct buf zip = BUF_NULL(1U << 20);
	_cleanup_(buf_done) struct buf name = BUF_NULL(128);
	struct bench *b = *state;
	char ids[1][37];
	char *all;

	assert_int_equal(bench_add_as(b, "image/png", VIEW(png)), 0);
	assert_int_equal(tlv_find_str(b->answer.body, LINK_TAG_ID, ids[0], sizeof(ids[0])), 0);
	all = ids_of((const char(*)[37])ids, 1);
	assert_int_equal(ask(b, all, false), 0);
	free(all);
	drain(b, pipe_of(b), &zip);
	assert_non_null(memmem(zip.data, zip.len, png, sizeof(png)));
	assert_true(unpack(buf_view(&zip), &f));
	buf_printf(&name, "documents/%s.png", ids[0]);
	assert_true(view_equal(buf_view(&name), view_str(f.name)));
}

static void ids_come_in_pages_and_other_calls_go_on_meanwhile(void **state)
{
	_cleanup_(found_done) struct found f = FOUND_NULL;
	_cleanup_(buf_done) struct buf zip = BUF_NULL(1U << 24);
	static uint8_t large[400000];
	struct bench *b = *state;
	char ids[2][37];
	char *first;
	char *rest;
	int fd;

	fill(large, sizeof(large));
	assert_int_equal(bench_add(b, VIEW(large), "", ids[0]), 0);
	assert_int_equal(bench_add(b, VIEW_TEXT("2"), "", ids[1]), 0);
	first = ids_of((const char(*)[37])ids, 1);
	rest = ids_of((const char(*)[37]) & ids[1], 1);
	assert_int_equal(ask(b, first, true), 0);
	assert_int_equal(b->answer.n_fds, 0);
	assert_int_equal(ask(b, rest, false), 0);
	fd = pipe_of(b);
	assert_int_equal(list(b), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, ids[1]), 0);
	/* one at a time */
	assert_int_equal(ask(b, first, false), DOSSIER_TOO_LARGE);
	drain(b, fd, &zip);
	assert_true(unpack(buf_view(&zip), &f));
	assert_int_equal(f.n, 5);
	assert_int_equal(ask(b, first, false), 0);
	free(first);
	free(rest);
}

/* One that is on its way, its pipe full, in the middle of a content of some MiB. Return: the pipe. */
static int stalled(struct bench *b, char id[37])
{
	static uint8_t large[3000000];
	char one[1][37];
	char *all;
	int fd;

	fill(large, sizeof(large));
	assert_int_equal(bench_add(b, VIEW(large), "", one[0]), 0);
	bytes_copy(id, 37, one[0], 37);
	all = ids_of((const char(*)[37])one, 1);
	assert_int_equal(ask(b, all, false), 0);
	free(all);
	fd = pipe_of(b);
	assert_int_equal(list(b), 0); /* turns it a few times */
	assert_int_equal(list(b), 0);
	assert_true(b->h.export.fd >= 0);
	return fd;
}

static void damaged_chunk_ends_the_pipe_and_is_told(void **state)
{
	_cleanup_(found_done) struct found f = FOUND_NULL;
	_cleanup_(buf_done) struct buf zip = BUF_NULL(1U << 24);
	struct bench *b = *state;
	uint8_t state_told = 0;
	char ids[1][37];
	char *all;

	assert_int_equal(bench_add(b, VIEW_TEXT("text that will be flipped"), "", ids[0]), 0);
	assert_int_equal(query_run(b->h.store.db,
				 "UPDATE chunk SET sealed = CAST(zeroblob(41) AS BLOB)"),
		0);
	all = ids_of((const char(*)[37])ids, 1);
	assert_int_equal(ask(b, all, false), 0);
	free(all);
	drain(b, pipe_of(b), &zip);
	assert_false(unpack(buf_view(&zip), &f));
	assert_int_equal(bench_next(b), -1);
	assert_int_equal(b->answer.op, DOSSIER_OP_EXPORT);
	assert_int_equal(tlv_find_u8(b->answer.body, LINK_TAG_STATE, &state_told), 0);
	assert_int_equal(state_told, DOSSIER_DAMAGED);
}

static void document_that_is_deleted_while_it_is_written_ends_the_export(void **state)
{
	_cleanup_(found_done) struct found f = FOUND_NULL;
	_cleanup_(buf_done) struct buf zip = BUF_NULL(1U << 24);
	struct bench *b = *state;
	char id[37];
	int fd = stalled(b, id);

	assert_int_equal(bench_status(b, id, "deleted"), 0);
	drain(b, fd, &zip);
	assert_false(unpack(buf_view(&zip), &f));
	assert_int_equal(list(b), 0);
}

static void reader_that_leaves_or_never_reads_is_given_up(void **state)
{
	struct bench *b = *state;
	char id[37];
	int fd = stalled(b, id);

	close(fd);
	while (b->h.export.fd >= 0) {
		assert_int_equal(host_turn(&b->h), 0);
	}
	assert_int_equal(bench_status(b, id, "deleted"), 0);
	fd = stalled(b, id);
	b->h.export.deadline = 0; /* its thirty seconds */
	while (b->h.export.fd >= 0) {
		assert_int_equal(host_turn(&b->h), 0);
	}
	close(fd);
	assert_int_equal(list(b), 0);
}

static void export_without_a_history_is_no_request_and_what_is_not_there_is_left_out(
	void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	_cleanup_(found_done) struct found f = FOUND_NULL;
	_cleanup_json_ json_t *index = NULL;
	struct bench *b = *state;

	tlv_put_str(&body, LINK_TAG_IDS, "[]");
	assert_int_equal(bench_ask(b, DOSSIER_OP_EXPORT, &body), DOSSIER_FAULT);
	assert_int_equal(ask(b, "{}", false), DOSSIER_FAULT);
	index = export_of(b, "[\"" BENCH_STRANGER "\"]", &f);
	assert_int_equal(json_array_size(json_object_get(index, "documents")), 0);
}

/* -- faults ------------------------------------------------------------------------------------- */

/* Whatever fails, what a reader can take for whole is whole. Return: whether anything did. */
static bool fail_at(struct bench *b, const char *ids, enum faults_kind kind, unsigned int nth)
{
	_cleanup_(found_done) struct found f = FOUND_NULL;
	_cleanup_(buf_done) struct buf zip = BUF_NULL(1U << 20);
	bool met;
	int r;

	(void)faults_pause(true);
	faults_arm(kind, nth);
	r = ask(b, ids, false);
	if (r == 0) {
		drain(b, pipe_of(b), &zip);
	}
	met = faults_off();
	if (r == 0 && unpack(buf_view(&zip), &f)) {
		assert_int_equal(f.n, 4);
		assert_true(view_equal(buf_view(&f.content), VIEW_TEXT("some text")));
	} else {
		assert_true(met);
		r = -1;
	}
	if (r != 0 || b->broken != 0) {
		bench_end(b);
		bench_start(b);
		bench_opened(b);
	}
	return met;
}

static void export_that_fails_anywhere_is_never_taken_for_a_whole_one(void **state)
{
	static const enum faults_kind both[] = {FAULTS_MEMORY, FAULTS_CALLS};
	struct bench *b = *state;
	char ids[1][37];
	char *all;

	assert_int_equal(bench_add(b, VIEW_TEXT("some text"), "", ids[0]), 0);
	all = ids_of((const char(*)[37])ids, 1);
	for (size_t k = 0; k < ARRAY_LEN(both); k++) {
		unsigned int n = 0;

		while (fail_at(b, all, both[k], n)) {
			n += n < 100 ? 1 : 5;
		}
		assert_true(n > 0);
	}
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
		T(closed_dossier_is_kept_as_it_is_and_shows_nothing_until_it_is_reopened),
		T(file_that_says_open_of_a_closed_dossier_is_damaged),
		T(act_that_is_another_or_none_is_a_bug_of_the_broker),
		T(export_holds_contents_index_and_history),
		T(closed_and_empty_dossier_is_exported_too),
		T(what_is_packed_is_stored_and_the_name_follows_the_type),
		T(ids_come_in_pages_and_other_calls_go_on_meanwhile),
		T(damaged_chunk_ends_the_pipe_and_is_told),
		T(document_that_is_deleted_while_it_is_written_ends_the_export),
		T(reader_that_leaves_or_never_reads_is_given_up),
		T(export_without_a_history_is_no_request_and_what_is_not_there_is_left_out),
		T(export_that_fails_anywhere_is_never_taken_for_a_whole_one),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_setup();
	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
