/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The dossier's program without its filter, in this process: requests over a real link, answers and
 * events back, contents through pipes; every stage, outcome and stall, and what the broker must
 * never send.
 */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/dossier/store/query.h"
#include "tests/unit/dossier/faults.h"

static int confine_fails(void)
{
	return fault(-EPERM);
}

static int setup(void **state)
{
	*state = bench_new();
	return 0;
}

static int teardown(void **state)
{
	bench_free(*state);
	return 0;
}

/* -- stages ------------------------------------------------------------------------------------- */

static void stages_follow_each_other(void **state)
{
	struct bench *b = *state;
	uint8_t st;

	assert_int_equal(bench_ask_key(b, true), DOSSIER_WRONG_STATE);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{}"), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_open(b, true), 0);
	assert_int_equal(bench_confined, 1);
	assert_int_equal(tlv_find_u8(b->answer.body, LINK_TAG_STATE, &st), 0);
	assert_int_equal(st, DOSSIER_STATE_ABSENT);
	assert_int_equal(bench_ask_open(b, true), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, BENCH_AUTHOR),
		DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_key(b, true), 0);
	/* with the people's key alone nothing is opened */
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, BENCH_AUTHOR),
		DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_key(b, false), 0);
	assert_int_equal(bench_ask_key(b, false), DOSSIER_WRONG_STATE);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{}"), DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, BENCH_AUTHOR), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, BENCH_AUTHOR),
		DOSSIER_WRONG_STATE);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{}"), 0);
}

static void absent_file_that_is_not_to_be_made_cannot_be_created(void **state)
{
	struct bench *b = *state;

	assert_int_equal(bench_ask_open(b, false), 0);
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_int_equal(bench_ask_key(b, false), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, BENCH_AUTHOR),
		DOSSIER_WRONG_STATE);
}

static void second_key_must_be_the_dossiers(void **state)
{
	struct bench *b = *state;
	struct tlv people;

	bench_created(b);
	bench_end(b);
	bench_start(b);
	assert_int_equal(bench_ask_open(b, false), 0);
	assert_int_equal(bench_ask_key(b, false), DOSSIER_DAMAGED); /* not the people's */
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_PEOPLE, &people), 0);
	assert_true(people.value.len > 20);
	assert_int_equal(bench_ask_key(b, true), DOSSIER_DAMAGED); /* not the dossier's */
	assert_int_equal(bench_ask_key(b, false), 0);
}

static void filter_that_does_not_load_is_a_fault(void **state)
{
	struct bench *b = *state;

	b->h.confine = confine_fails;
	assert_int_equal(bench_ask_open(b, true), DOSSIER_FAULT);
}

static void requests_that_lack_something_are_a_fault(void **state)
{
	static const enum dossier_op ops[] = {DOSSIER_OP_ROWS, DOSSIER_OP_LIST,
		DOSSIER_OP_SUMMARY, DOSSIER_OP_READ, DOSSIER_OP_ADD, DOSSIER_OP_FLAG,
		DOSSIER_OP_WEIGH};
	struct bench *b = *state;

	assert_int_equal(bench_ask_with(b, DOSSIER_OP_OPEN, LINK_TAG_FLAG, "x"), DOSSIER_FAULT);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_OPEN, LINK_TAG_FOLDER, b->folder), DOSSIER_FAULT);
	assert_int_equal(bench_ask_open(b, true), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_KEY, LINK_TAG_FLAG, "x"), DOSSIER_FAULT);
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_true(bench_ask_with(b, DOSSIER_OP_KEY, LINK_TAG_KEY, "short") == DOSSIER_FAULT);
	assert_int_equal(bench_ask_key(b, false), 0);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, "{"), DOSSIER_FAULT);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, BENCH_AUTHOR), 0);
	for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
		assert_int_equal(bench_ask_with(b, ops[i], LINK_TAG_KIND, "x"), DOSSIER_FAULT);
	}
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_LIST, LINK_TAG_IDS, "{}"), DOSSIER_FAULT);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_LIST, LINK_TAG_IDS, "[1]"), DOSSIER_FAULT);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_SUMMARY, LINK_TAG_IDS, "[1]"), DOSSIER_FAULT);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_ADD, LINK_TAG_FACTS, BENCH_AUTHOR), DOSSIER_FAULT);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_FLAG, LINK_TAG_ID, BENCH_STRANGER), DOSSIER_FAULT);
	assert_int_equal(bench_ask_with(b, (enum dossier_op)99, LINK_TAG_ID, BENCH_STRANGER),
		DOSSIER_FAULT);
}

static void what_is_no_request_ends_the_program(void **state)
{
	struct bench *b = *state;
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = LINK_KIND_EVENT;
	f.op = DOSSIER_OP_OPEN;
	assert_int_equal(link_send(b->link, &f, false), 0);
	assert_int_equal(host_turn(&b->h), HOST_ENDED);
	assert_int_equal(send(b->link, "nonsense", 8, 0), 8);
	assert_int_equal(host_turn(&b->h), HOST_ENDED);
	shutdown(b->link, SHUT_RDWR);
	assert_int_equal(host_turn(&b->h), HOST_ENDED);
}

/* -- documents ---------------------------------------------------------------------------------- */

static void versions_rise_and_hashes_change(void **state)
{
	struct bench *b = *state;
	uint64_t version;
	char id[37];
	struct tlv hash;
	uint8_t before[SEAL_HASH];

	bench_created(b);
	assert_int_equal(tlv_find_u64(b->answer.body, LINK_TAG_VERSION, &version), 0);
	assert_int_equal(version, 1);
	assert_int_equal(bench_add(b, VIEW_TEXT("x"), "", id), 0);
	assert_int_equal(tlv_find_u64(b->answer.body, LINK_TAG_VERSION, &version), 0);
	assert_int_equal(version, 2);
	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_HASH, &hash), 0);
	bytes_copy(before, sizeof(before), hash.value.data, hash.value.len);
	assert_int_equal(bench_ask_flag(b, id, "masque_ps", true), 0);
	assert_int_equal(tlv_find_u64(b->answer.body, LINK_TAG_VERSION, &version), 0);
	assert_int_equal(version, 3);
	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_HASH, &hash), 0);
	assert_memory_not_equal(before, hash.value.data, SEAL_HASH);
	/* said twice, done once */
	assert_int_equal(bench_ask_flag(b, id, "masque_ps", true), 0);
	assert_int_equal(tlv_find_u64(b->answer.body, LINK_TAG_VERSION, &version), 0);
	assert_int_equal(version, 3);
	assert_int_equal(bench_ask_flag(b, id, "masque_ps", false), 0);
	assert_int_equal(
		bench_ask_flag(b, BENCH_STRANGER, "masque_ps", false), DOSSIER_NO_DOCUMENT);
}

static void unknown_ids_are_no_document(void **state)
{
	struct bench *b = *state;

	bench_created(b);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, BENCH_STRANGER),
		DOSSIER_NO_DOCUMENT);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, "x"), DOSSIER_NO_DOCUMENT);
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_LIST, LINK_TAG_IDS, "[\"" BENCH_STRANGER "\"]"),
		DOSSIER_NO_DOCUMENT);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_SUMMARY, LINK_TAG_IDS, "[\"x\"]"),
		DOSSIER_NO_DOCUMENT);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER,
				 "{\"id\":\"" BENCH_STRANGER "\"}"),
		DOSSIER_NO_DOCUMENT);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER,
				 "{\"after\":\"" BENCH_STRANGER "\"}"),
		DOSSIER_INVALID);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{\"entry\":1}"),
		DOSSIER_INVALID);
}

static void only_released_documents_are_listed(void **state)
{
	_cleanup_json_ json_t *list = NULL;
	struct bench *b = *state;
	struct buf body = BUF_NULL(4096);
	char text[64];
	char one[37];
	char two[37];
	char three[37];

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW_TEXT("1"), "", one), 0);
	assert_int_equal(bench_add(b, VIEW_TEXT("2"), "", two), 0);
	assert_int_equal(bench_add(b, VIEW_TEXT("3"), "", three), 0);
	/* in two pages */
	(void)snprintf(text, sizeof(text), "[\"%s\"]", three);
	tlv_put_str(&body, LINK_TAG_IDS, text);
	tlv_put_u8(&body, LINK_TAG_VALUE, 1);
	assert_int_equal(bench_ask(b, DOSSIER_OP_LIST, &body), 0);
	assert_int_equal(b->answer.n_fds, 0);
	(void)snprintf(text, sizeof(text), "[\"%s\"]", one);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_LIST, LINK_TAG_IDS, text), 0);
	list = bench_json(b, 0);
	assert_int_equal(json_array_size(list), 2);
	assert_string_equal(json_get_str(json_array_get(list, 0), "id"), three);
	assert_string_equal(json_get_str(json_array_get(list, 1), "id"), one);
	json_decref(list); /* and forgotten afterwards */
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_LIST, LINK_TAG_IDS, "[]"), 0);
	list = bench_json(b, 0);
	assert_int_equal(json_array_size(list), 0);
}

static void too_many_released_ids_are_refused_and_forgotten(void **state)
{
	struct bench *b = *state;

	bench_created(b);
	for (unsigned int page = 0; page < 6; page++) {
		struct buf body = BUF_NULL(65536);
		struct buf ids = BUF_NULL(65536);

		buf_put_str(&ids, "[");
		for (unsigned int i = 0; i < 1000; i++) {
			buf_printf(&ids, "%s\"%s\"", i > 0 ? "," : "", BENCH_STRANGER);
		}
		buf_put_str(&ids, "]");
		tlv_put(&body, LINK_TAG_IDS, buf_view(&ids));
		tlv_put_u8(&body, LINK_TAG_VALUE, 1);
		buf_done(&ids);
		assert_int_equal(
			bench_ask(b, DOSSIER_OP_LIST, &body), page < 5 ? 0 : DOSSIER_TOO_LARGE);
	}
	assert_null(b->h.released);
}

static void rows_tell_nothing_but_what_rights_need(void **state)
{
	_cleanup_json_ json_t *rows = NULL;
	struct bench *b = *state;
	struct tlv t;
	char id[37];

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW_TEXT("1"), ",\"flags\":[\"masque_ps\"]", id), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{}"), 0);
	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_ROWS, &t), 0);
	assert_int_equal(json_parse(t.value, &rows), 0);
	assert_int_equal(json_array_size(rows), 1);
	assert_int_equal(json_object_size(json_array_get(rows, 0)), 7);
	assert_string_equal(json_get_str(json_array_get(rows, 0), "author"), "899700000001");
}

/* -- streams ------------------------------------------------------------------------------------ */

static void contents_of_every_length_come_back(void **state)
{
	static const size_t lengths[] = {0, 1, 65535, 65536, 65537, 131072, 200000};
	static uint8_t content[200000];
	struct bench *b = *state;

	for (size_t i = 0; i < sizeof(content); i++) {
		content[i] = (uint8_t)(i * 7 + i / 251);
	}
	bench_created(b);
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		struct buf got = BUF_NULL(sizeof(content));
		uint8_t block[2048];
		ssize_t n = -1;
		char id[37];
		int fd;

		assert_int_equal(
			bench_add(b, view_of(content, lengths[i]), BENCH_ENTRY, id), 0);
		assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), 0);
		fd = b->answer.fds[0];
		assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
		while (n != 0) {
			/* an empty pipe is one that the program can write to */
			assert_true(n > 0 || b->h.out[0].fd < 0 || host_turn(&b->h) == 0);
			n = read(fd, block, sizeof(block));
			if (n > 0) {
				buf_put(&got, block, (size_t)n);
			}
		}
		assert_true(view_equal(buf_view(&got), view_of(content, lengths[i])));
		buf_done(&got);
	}
}

static void content_that_stalls_is_late(void **state)
{
	struct bench *b = *state;
	int fd;

	bench_created(b);
	fd = bench_begin_add(b, VIEW_TEXT("four"), "");
	assert_int_equal(host_turn(&b->h), 0);
	assert_true(b->h.in.fd >= 0);
	assert_int_equal(write(fd, "fo", 2), 2);
	assert_int_equal(host_turn(&b->h), 0);
	b->h.in.deadline = 1;
	assert_int_equal(bench_next(b), DOSSIER_LATE);
	close(fd);
	assert_int_equal(b->h.store.version, 1);
	assert_int_equal(bench_add(b, VIEW_TEXT("four"), "", NULL), 0);
}

static void content_that_is_cut_or_too_long_or_other_is_refused(void **state)
{
	struct bench *b = *state;
	int fd;

	bench_created(b);
	fd = bench_begin_add(b, VIEW_TEXT("four"), "");
	assert_int_equal(write(fd, "fou", 3), 3);
	close(fd);
	assert_int_equal(bench_next(b), DOSSIER_MISMATCH);
	fd = bench_begin_add(b, VIEW_TEXT("four"), "");
	assert_int_equal(write(fd, "fourr", 5), 5);
	assert_int_equal(bench_next(b), DOSSIER_MISMATCH);
	close(fd);
	fd = bench_begin_add(b, VIEW_TEXT("four"), "");
	assert_int_equal(write(fd, "five", 4), 4);
	close(fd);
	assert_int_equal(bench_next(b), DOSSIER_MISMATCH);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{}"), 0);
}

static void weighing_tells_the_row_and_changes_nothing(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	_cleanup_json_ json_t *rows = NULL;
	int fd = bench_metadata(VIEW_TEXT("x"), ",\"flags\":[\"masque_ps\"]");
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct bench *b = *state;
	const json_t *row;
	uint64_t version;
	struct tlv t;

	bench_created(b);
	version = b->h.store.version;
	tlv_put_str(&body, LINK_TAG_FACTS, BENCH_AUTHOR);
	bench_send(b, DOSSIER_OP_WEIGH, &body, &fd, 1);
	assert_int_equal(bench_next(b), 0);
	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_ROWS, &t), 0);
	assert_int_equal(json_parse(t.value, &rows), 0);
	assert_int_equal(json_array_size(rows), 1);
	row = json_array_get(rows, 0);
	assert_string_equal(json_get_str(row, "type"), "image");
	assert_string_equal(json_string_value(json_array_get(json_object_get(row, "flags"), 0)),
		"masque_ps");
	assert_non_null(json_get_str(row, "author"));
	assert_null(json_object_get(row, "title"));
	assert_int_equal(b->h.store.version, version);
	bench_send(b, DOSSIER_OP_WEIGH, &body, &null, 1);
	assert_int_equal(bench_next(b), DOSSIER_INVALID);
	close(null);
	close(fd);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_WEIGH, LINK_TAG_FACTS, BENCH_AUTHOR),
		DOSSIER_FAULT);
}

static void descriptors_of_another_kind_are_invalid(void **state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	struct bench *b = *state;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	int metadata = bench_metadata(VIEW_TEXT("x"), "");
	char advice[32];
	int ends[2];
	int fds[2];

	bench_created(b);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	tlv_put_str(&body, LINK_TAG_FACTS, BENCH_AUTHOR);
	fds[0] = null;
	fds[1] = metadata;
	bench_send(b, DOSSIER_OP_ADD, &body, fds, 2);
	assert_int_equal(bench_next(b), DOSSIER_INVALID);
	assert_int_equal(
		tlv_find_str(b->answer.body, LINK_TAG_ADVICE, advice, sizeof(advice)), 0);
	assert_string_equal(advice, "content");
	fds[0] = ends[1]; /* the end to write to */
	bench_send(b, DOSSIER_OP_ADD, &body, fds, 2);
	assert_int_equal(bench_next(b), DOSSIER_INVALID);
	fds[0] = ends[0];
	fds[1] = null;
	bench_send(b, DOSSIER_OP_ADD, &body, fds, 2);
	assert_int_equal(bench_next(b), DOSSIER_INVALID);
	assert_int_equal(
		tlv_find_str(b->answer.body, LINK_TAG_ADVICE, advice, sizeof(advice)), 0);
	assert_string_equal(advice, "metadata");
	close(null);
	close(metadata);
	close(ends[0]);
	close(ends[1]);
}

static void broker_that_hangs_up_during_a_stream_ends_the_program(void **state)
{
	struct bench *b = *state;
	int fd;

	bench_created(b);
	fd = bench_begin_add(b, VIEW_TEXT("four"), "");
	assert_int_equal(host_turn(&b->h), 0);
	shutdown(b->link, SHUT_RDWR);
	assert_int_equal(host_turn(&b->h), HOST_ENDED);
	close(fd);
}

static void reader_that_leaves_or_stalls_is_given_up(void **state)
{
	static uint8_t content[300000];
	struct bench *b = *state;
	char id[37];

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW(content), "", id), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), 0);
	link_frame_done(&b->answer);
	for (int i = 0; i < 10 && b->h.out[0].fd >= 0; i++) {
		assert_int_equal(host_turn(&b->h), 0);
	}
	assert_int_equal(b->h.out[0].fd, -1);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), 0);
	assert_int_equal(host_turn(&b->h), 0); /* fills the pipe */
	b->h.out[0].deadline = 1;
	assert_int_equal(host_turn(&b->h), 0);
	assert_int_equal(b->h.out[0].fd, -1);
}

static void readers_are_limited(void **state)
{
	static uint8_t content[100000];
	struct bench *b = *state;
	char id[37];
	int fds[HOST_OUTFLOWS];

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW(content), "", id), 0);
	for (size_t i = 0; i < HOST_OUTFLOWS; i++) {
		assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), 0);
		fds[i] = b->answer.fds[0];
		b->answer.fds[0] = -1;
	}
	assert_int_equal(
		bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), DOSSIER_TOO_LARGE);
	for (size_t i = 0; i < HOST_OUTFLOWS; i++) {
		close(fds[i]);
	}
}

/* -- damage ------------------------------------------------------------------------------------- */

static void damaged_first_chunk_is_told_before_anything_is_released(void **state)
{
	static uint8_t content[100000];
	struct bench *b = *state;
	char id[37];

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW(content), "", id), 0);
	assert_int_equal(query_run(b->h.store.db,
				 "UPDATE chunk SET sealed = zeroblob(100) WHERE key = 8192"),
		0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), DOSSIER_DAMAGED);
	assert_int_equal(query_run(b->h.store.db, "DELETE FROM chunk WHERE key = 8193"), 0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), DOSSIER_DAMAGED);
}

static void damaged_later_chunk_is_an_event_and_not_released(void **state)
{
	static uint8_t content[200000];
	struct bench *b = *state;
	uint8_t block[2048];
	size_t total = 0;
	char told[37];
	char id[37];
	uint8_t st;
	ssize_t n;
	int fd;

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW(content), "", id), 0);
	assert_int_equal(query_run(b->h.store.db,
				 "UPDATE chunk SET sealed = zeroblob(65552) WHERE key = 8193"),
		0);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), 0);
	fd = b->answer.fds[0];
	b->answer.fds[0] = -1;
	assert_int_equal(bench_next(b), -1);
	assert_int_equal(b->answer.op, DOSSIER_OP_READ);
	assert_int_equal(tlv_find_str(b->answer.body, LINK_TAG_ID, told, sizeof(told)), 0);
	assert_string_equal(told, id);
	assert_int_equal(tlv_find_u8(b->answer.body, LINK_TAG_STATE, &st), 0);
	assert_int_equal(st, DOSSIER_DAMAGED);
	while ((n = read(fd, block, sizeof(block))) > 0) {
		total += (size_t)n;
	}
	assert_int_equal(n, 0);
	assert_int_equal(total, STORE_CHUNK);
	close(fd);
}

static void record_that_is_sealed_but_no_record_is_damage(void **state)
{
	static const char *const records[] = {"{}", "[", "{\"metadata\":{}}"};
	struct bench *b = *state;
	char id[37];

	bench_created(b);
	assert_int_equal(bench_add(b, VIEW_TEXT("x"), "", id), 0);
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		struct store_document d = STORE_DOCUMENT_NULL;

		assert_int_equal(store_get(&b->h.store, id, &d), 0);
		buf_reset(&d.record);
		buf_put_str(&d.record, records[i]);
		assert_int_equal(store_begin(&b->h.store), 0);
		assert_int_equal(store_replace(&b->h.store, &d), 0);
		assert_int_equal(store_commit(&b->h.store), 0);
		store_document_done(&d);
		assert_int_equal(
			bench_ask_with(b, DOSSIER_OP_READ, LINK_TAG_ID, id), DOSSIER_DAMAGED);
		assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, "{}"),
			DOSSIER_DAMAGED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(stages_follow_each_other),
		T(absent_file_that_is_not_to_be_made_cannot_be_created),
		T(second_key_must_be_the_dossiers),
		T(filter_that_does_not_load_is_a_fault),
		T(requests_that_lack_something_are_a_fault),
		T(what_is_no_request_ends_the_program),
		T(versions_rise_and_hashes_change),
		T(unknown_ids_are_no_document),
		T(only_released_documents_are_listed),
		T(too_many_released_ids_are_refused_and_forgotten),
		T(rows_tell_nothing_but_what_rights_need),
		T(contents_of_every_length_come_back),
		T(content_that_stalls_is_late),
		T(content_that_is_cut_or_too_long_or_other_is_refused),
		T(descriptors_of_another_kind_are_invalid),
		T(weighing_tells_the_row_and_changes_nothing),
		T(broker_that_hangs_up_during_a_stream_ends_the_program),
		T(reader_that_leaves_or_stalls_is_given_up),
		T(readers_are_limited),
		T(damaged_first_chunk_is_told_before_anything_is_released),
		T(damaged_later_chunk_is_an_event_and_not_released),
		T(record_that_is_sealed_but_no_record_is_damage),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	faults_setup();
	return seal_setup() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
