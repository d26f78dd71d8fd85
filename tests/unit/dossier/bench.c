/* SPDX-License-Identifier: EUPL-1.2 */
/* The bench of the program's tests; what it does itself cannot be made to fail (faults.h). */
#include "tests/unit/dossier/bench.h"

/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "tests/unit/dossier/faults.h"

const uint8_t bench_key[SEAL_KEY] = {1, 2, 3};
unsigned int bench_confined;

static int confine(void)
{
	bench_confined++;
	return 0;
}

void bench_start(struct bench *b)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	b->link = ends[0];
	b->broken = 0;
	host_init(&b->h, ends[1], confine);
}

void bench_end(struct bench *b)
{
	link_frame_done(&b->answer);
	host_done(&b->h);
	close(b->h.link);
	close(b->link);
}

struct bench *bench_new(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	(void)snprintf(b->folder, sizeof(b->folder), "%s/vitaled-host-XXXXXX",
		access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	assert_non_null(mkdtemp(b->folder));
	b->storage = BUF_NULL(LINK_MAX_FRAME);
	b->answer = LINK_FRAME_NULL;
	bench_confined = 0;
	bench_start(b);
	return b;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void bench_free(struct bench *b)
{
	bench_end(b);
	buf_done(&b->storage);
	assert_int_equal(nftw(b->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
	free(b);
}

/* -- talking ------------------------------------------------------------------------------------ */

void bench_send(struct bench *b, enum dossier_op op, const struct buf *body, const int *fds,
	size_t n_fds)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = LINK_KIND_REQUEST;
	f.op = (uint8_t)op;
	f.seq = ++b->seq;
	f.body = buf_view(body);
	f.n_fds = n_fds;
	for (size_t i = 0; i < n_fds; i++) {
		f.fds[i] = fds[i];
	}
	assert_int_equal(link_send(b->link, &f, false), 0);
}

/* A content has come to its end: nobody here waits for that. */
static bool is_end(const struct link_frame *f)
{
	uint8_t state;

	return f->kind == LINK_KIND_EVENT &&
	       tlv_find_u8(f->body, LINK_TAG_STATE, &state) == 0 && state == DOSSIER_DONE;
}

int bench_next(struct bench *b)
{
	link_frame_done(&b->answer);
	for (int i = 0; i < 10000; i++) {
		int r = link_recv(b->link, &b->storage, &b->answer, true);

		if (r == 0 && is_end(&b->answer)) {
			continue;
		}
		if (r == 0) {
			return b->answer.kind == LINK_KIND_EVENT ? -1 : b->answer.outcome;
		}
		assert_int_equal(r, LINK_AGAIN);
		(void)faults_pause(false);
		b->broken = host_turn(&b->h);
		(void)faults_pause(true);
		if (b->broken != 0) {
			return -2;
		}
	}
	fail();
	return -2;
}

int bench_ask(struct bench *b, enum dossier_op op, struct buf *body)
{
	int outcome;

	bench_send(b, op, body, NULL, 0);
	buf_done(body);
	outcome = bench_next(b);
	if (outcome >= 0) {
		assert_int_equal(b->answer.op, op);
		assert_int_equal(b->answer.seq, b->seq);
	}
	return outcome;
}

int bench_ask_open(struct bench *b, bool make)
{
	struct buf body = BUF_NULL(4096);

	tlv_put_str(&body, LINK_TAG_FOLDER, b->folder);
	tlv_put_str(&body, LINK_TAG_PSEUDONYM, BENCH_PSEUDONYM);
	tlv_put_u8(&body, LINK_TAG_VALUE, make);
	return bench_ask(b, DOSSIER_OP_OPEN, &body);
}

int bench_ask_with(struct bench *b, enum dossier_op op, uint32_t tag, const char *text)
{
	struct buf body = BUF_NULL(65536);

	tlv_put_str(&body, tag, text);
	return bench_ask(b, op, &body);
}

int bench_ask_key(struct bench *b, bool people)
{
	struct buf body = BUF_NULL(4096);
	struct secret k;

	assert_int_equal(seal_people_key(VIEW(bench_key), view_str(BENCH_PSEUDONYM), &k), 0);
	tlv_put(&body, LINK_TAG_KEY, people ? view_of(k.data, k.len) : VIEW(bench_key));
	secret_done(&k);
	return bench_ask(b, DOSSIER_OP_KEY, &body);
}

int bench_ask_flag(struct bench *b, const char *id, const char *flag, bool on)
{
	struct buf body = BUF_NULL(4096);

	tlv_put_str(&body, LINK_TAG_ID, id);
	tlv_put_str(&body, LINK_TAG_FLAG, flag);
	tlv_put_u8(&body, LINK_TAG_VALUE, on);
	return bench_ask(b, DOSSIER_OP_FLAG, &body);
}

void bench_opened(struct bench *b)
{
	assert_int_equal(bench_ask_open(b, true), 0);
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_int_equal(bench_ask_key(b, false), 0);
}

void bench_created(struct bench *b)
{
	bench_opened(b);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_CREATE, LINK_TAG_FACTS, BENCH_AUTHOR), 0);
}

#define DAY  "2026-01-02"
#define MIME "application/octet-stream"

static const char *day = DAY;
static const char *mime = MIME;

int bench_metadata(struct view content, const char *extra)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(4096);
	_cleanup_json_ json_t *j = NULL;
	uint8_t hash[SEAL_HASH];
	int fd;

	assert_int_equal(seal_sha256(content, hash), 0);
	buf_printf(&text,
		"{\"format\":1,\"type\":\"image\",\"title\":\"T\",\"date\":\"%s\","
		"\"mime\":\"%s\",\"sha256\":\"",
		day, mime);
	hex_encode(&text, VIEW(hash));
	buf_printf(&text, "\",\"size\":%zu%s}", content.len, extra);
	assert_int_equal(json_parse(buf_view(&text), &j), 0);
	assert_int_equal(json_memfd(j, "m", &fd), 0);
	return fd;
}

/* Send ADD, or REPLACE of @id, with an empty pipe. Return: the end to write to. */
static int begin(struct bench *b, const char *id, struct view content, const char *extra)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	int fds[2];
	int ends[2];

	if (id) {
		tlv_put_str(&body, LINK_TAG_ID, id);
	}
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fds[0] = ends[0];
	fds[1] = bench_metadata(content, extra);
	tlv_put_str(&body, LINK_TAG_FACTS, BENCH_AUTHOR);
	bench_send(b, id ? DOSSIER_OP_REPLACE : DOSSIER_OP_ADD, &body, fds, 2);
	close(fds[0]);
	close(fds[1]);
	return ends[1];
}

int bench_begin_add(struct bench *b, struct view content, const char *extra)
{
	return begin(b, NULL, content, extra);
}

/* Feed the pipe's end @fd, and take the answer. */
static int flow(struct bench *b, int fd, struct view content, char *ret_id)
{
	bool begun = false;
	int r;

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	/* an answer before the end is a refusal: nobody reads any more */
	while (content.len > 0 && (b->h.in.fd >= 0 || !begun)) {
		begun = true;
		ssize_t n = write(fd, content.data, content.len);

		if (n > 0) {
			content = view_last(content, content.len - (size_t)n);
		}
		(void)faults_pause(false);
		b->broken = host_turn(&b->h);
		(void)faults_pause(true);
		if (b->broken != 0) {
			close(fd);
			return -2;
		}
	}
	close(fd);
	r = bench_next(b);
	if (r == 0 && ret_id) {
		assert_int_equal(tlv_find_str(b->answer.body, LINK_TAG_ID, ret_id, 37), 0);
	}
	return r;
}

int bench_add(struct bench *b, struct view content, const char *extra, char ret_id[37])
{
	return flow(b, begin(b, NULL, content, extra), content, ret_id);
}

int bench_replace(struct bench *b, const char *id, struct view content, const char *extra,
	char ret_id[37])
{
	return flow(b, begin(b, id, content, extra), content, ret_id);
}

int bench_add_on(struct bench *b, const char *on, char ret_id[37])
{
	int r;

	day = on;
	r = bench_add(b, VIEW_TEXT("x"), "", ret_id);
	day = DAY;
	return r;
}

int bench_add_as(struct bench *b, const char *as, struct view content)
{
	int r;

	mime = as;
	r = bench_add(b, content, "", NULL);
	mime = MIME;
	return r;
}

int bench_status(struct bench *b, const char *id, const char *status)
{
	struct buf body = BUF_NULL(4096);

	tlv_put_str(&body, LINK_TAG_ID, id);
	tlv_put_str(&body, LINK_TAG_STATUS, status);
	tlv_put_str(&body, LINK_TAG_FACTS, BENCH_AUTHOR);
	return bench_ask(b, DOSSIER_OP_STATUS, &body);
}

int bench_people(struct bench *b, const char *act)
{
	struct buf text = BUF_NULL(65536);
	int r;

	buf_printf(&text, "{\"by\":" BENCH_AUTHOR ",\"time\":%llu,%s}",
		(unsigned long long)clock_wall(), act);
	buf_put_u8(&text, 0);
	r = bench_ask_with(b, DOSSIER_OP_PEOPLE, LINK_TAG_FACTS, (const char *)text.data);
	buf_done(&text);
	return r;
}

json_t *bench_rows(struct bench *b, const char *filter, bool *ret_more)
{
	json_t *rows;
	uint8_t more;
	struct tlv t;

	assert_int_equal(bench_ask_with(b, DOSSIER_OP_ROWS, LINK_TAG_FILTER, filter), 0);
	assert_int_equal(tlv_find(b->answer.body, LINK_TAG_ROWS, &t), 0);
	assert_int_equal(tlv_find_u8(b->answer.body, LINK_TAG_VALUE, &more), 0);
	assert_int_equal(json_parse(t.value, &rows), 0);
	if (ret_more) {
		*ret_more = more == 1;
	}
	return rows;
}

json_t *bench_shown(struct bench *b, const char *id)
{
	_cleanup_json_ json_t *list = NULL;
	char text[64];

	(void)snprintf(text, sizeof(text), "[\"%s\"]", id);
	assert_int_equal(bench_ask_with(b, DOSSIER_OP_LIST, LINK_TAG_IDS, text), 0);
	list = bench_json(b, 0);
	assert_int_equal(json_array_size(list), 1);
	return json_incref(json_array_get(list, 0));
}

json_t *bench_json(struct bench *b, size_t i)
{
	json_t *j;

	assert_true(b->answer.n_fds > i);
	assert_int_equal(json_read_fd(b->answer.fds[i], LIMIT_JSON_FD, &j), 0);
	return j;
}

int bench_setup(void **state)
{
	*state = bench_new();
	bench_created(*state);
	return 0;
}

int bench_teardown(void **state)
{
	bench_free(*state);
	return 0;
}

uint64_t bench_version(struct bench *b)
{
	uint64_t version = 0;

	assert_int_equal(tlv_find_u64(b->answer.body, LINK_TAG_VERSION, &version), 0);
	assert_int_equal(version, b->h.store.version);
	return version;
}

/* A new program on the same file: what is there now is what was told. */
void bench_again(struct bench *b)
{
	uint64_t version = b->h.store.version;

	bench_end(b);
	bench_start(b);
	assert_int_equal(bench_ask_open(b, false), 0);
	assert_int_equal(bench_version(b), version);
	assert_int_equal(bench_ask_key(b, true), 0);
	assert_int_equal(bench_ask_key(b, false), 0);
}
