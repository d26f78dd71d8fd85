/* SPDX-License-Identifier: EUPL-1.2 */
/* base/link.h: the header by a table, then real socket pairs with real descriptors. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/link.h"
#include "tests/unit/base/wrap.h"

/* clang-format off */
#define BYTES(lit) {(const uint8_t *)(lit), sizeof(lit) - 1}

/* clang-format on */

struct pair {
	int a;
	int b;
};

static struct pair pair_new(void)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
	return (struct pair){.a = ends[0], .b = ends[1]};
}

static void pair_done(struct pair *p)
{
	close(p->a);
	close(p->b);
}

static size_t open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir)) {
		n++;
	}
	closedir(dir);
	return n;
}

static int clear(void **state)
{
	(void)state;
	wrap_clear();
	return 0;
}

/* Send @bytes with @n_fds duplicates of stdin, as a hostile peer could. */
static void send_raw(int fd, struct view bytes, size_t n_fds)
{
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(4 * sizeof(int))] = {0};
	_cleanup_(buf_done) struct buf copy = BUF_NULL(200000);
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	const int fds[4] = {0, 0, 0, 0};

	assert_non_null(buf_extend(&copy, 0));
	buf_put_view(&copy, bytes);
	iov = (struct iovec){.iov_base = copy.data, .iov_len = copy.len};
	if (n_fds > 0) {
		struct cmsghdr *c;

		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		bytes_copy(CMSG_DATA(c), sizeof(fds), fds, n_fds * sizeof(int));
	}
	assert_int_equal(sendmsg(fd, &msg, 0), bytes.len);
}

/* -- parsing --------------------------------------------------------------------------------- */

static void frames_of_every_kind_are_parsed(void **state)
{
	static const struct {
		struct view in;
		struct link_frame want;
	} rows[] = {
		{BYTES("VD\x01\x05\x00\x02\x01\x02\x03\x04"
		       "ab"),
			{.kind = LINK_KIND_REQUEST,
				.op = 5,
				.seq = 0x01020304,
				.body = BYTES("ab"),
				.n_fds = 2}},
		{BYTES("VD\x02\xFF\xFE\x01\xFF\xFF\xFF\xFF"
		       "c"),
			{.kind = LINK_KIND_ANSWER,
				.op = 255,
				.outcome = 254,
				.seq = 0xFFFFFFFF,
				.body = BYTES("c"),
				.n_fds = 1}},
		{BYTES("VD\x02\x01\x00\x00\x00\x00\x00\x00"),
			{.kind = LINK_KIND_ANSWER, .op = 1}},
		{BYTES("VD\x03\x01\x00\x00\x00\x00\x00\x00"),
			{.kind = LINK_KIND_EVENT, .op = 1}},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct link_frame f = LINK_FRAME_NULL;

		assert_int_equal(link_parse(rows[i].in, &f), 0);
		assert_int_equal(f.kind, rows[i].want.kind);
		assert_int_equal(f.op, rows[i].want.op);
		assert_int_equal(f.outcome, rows[i].want.outcome);
		assert_int_equal(f.seq, rows[i].want.seq);
		assert_int_equal(f.n_fds, rows[i].want.n_fds);
		assert_true(view_equal(f.body, rows[i].want.body));
		assert_int_equal(f.fds[0], -1);
		assert_int_equal(f.fds[1], -1);
	}
}

static const struct view malformed[] = {
	BYTES("V"),
	BYTES("VD"),
	BYTES("VD\x01\x01\x00\x00\x00\x00\x00"),     /* a byte short */
	BYTES("vD\x01\x01\x00\x00\x00\x00\x00\x00"), /* magic */
	BYTES("Vd\x01\x01\x00\x00\x00\x00\x00\x00"),
	BYTES("VD\x00\x01\x00\x00\x00\x00\x00\x00"), /* kind */
	BYTES("VD\x04\x01\x00\x00\x00\x00\x00\x00"),
	BYTES("VD\xFF\x01\x00\x00\x00\x00\x00\x00"),
	BYTES("VD\x01\x01\x01\x00\x00\x00\x00\x00"), /* outcome of a request */
	BYTES("VD\x03\x01\x01\x00\x00\x00\x00\x00"), /* outcome of an event */
	BYTES("VD\x03\x01\x00\x00\x00\x00\x00\x01"), /* number of an event */
	BYTES("VD\x01\x01\x00\x03\x00\x00\x00\x00"), /* descriptors */
	BYTES("VD\x02\x01\x00\xFF\x00\x00\x00\x00"),
};

static void what_is_not_a_frame_is_malformed(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		struct link_frame f = {.op = 77};

		assert_int_equal(link_parse(malformed[i], &f), LINK_MALFORMED);
		assert_int_equal(f.op, 77);
	}
	assert_int_equal(link_parse(VIEW_NULL, &LINK_FRAME_NULL), LINK_MALFORMED);
}

static void a_frame_may_have_65536_bytes_and_no_more(void **state)
{
	_cleanup_(buf_done) struct buf b = BUF_NULL(LINK_MAX_FRAME + 1);
	struct link_frame f = LINK_FRAME_NULL;

	(void)state;
	buf_put_view(&b, VIEW_TEXT("VD\x01\x01\x00\x00\x00\x00\x00\x00"));
	assert_non_null(buf_extend(&b, LINK_MAX_FRAME - LINK_HEADER));
	assert_int_equal(link_parse(buf_view(&b), &f), 0);
	assert_int_equal(f.body.len, LINK_MAX_FRAME - LINK_HEADER);
	buf_put_u8(&b, 0);
	assert_int_equal(link_parse(buf_view(&b), &f), LINK_MALFORMED);
}

/* -- over sockets ---------------------------------------------------------------------------- */

static void a_request_and_its_answer_cross_the_pair(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame ask = LINK_FRAME_NULL;
	struct link_frame got = LINK_FRAME_NULL;

	(void)state;
	ask.kind = LINK_KIND_REQUEST;
	ask.op = 9;
	ask.seq = 77;
	ask.body = VIEW_TEXT("body");
	assert_int_equal(link_send(p.a, &ask, true), 0);
	assert_int_equal(link_recv(p.b, &storage, &got, false), 0);
	assert_int_equal(got.kind, LINK_KIND_REQUEST);
	assert_true(view_equal(got.body, VIEW_TEXT("body")));
	assert_int_equal(storage.len, LINK_HEADER + 4);

	assert_int_equal(link_answer(p.b, &got, 3, VIEW_TEXT("reply")), 0);
	assert_int_equal(link_recv(p.a, &storage, &got, true), 0);
	assert_int_equal(got.kind, LINK_KIND_ANSWER);
	assert_int_equal(got.op, 9);
	assert_int_equal(got.outcome, 3);
	assert_int_equal(got.seq, 77);
	assert_int_equal(got.n_fds, 0);
	assert_true(view_equal(got.body, VIEW_TEXT("reply")));
}

static void the_largest_frame_crosses_and_a_larger_one_is_a_fault(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_(buf_done) struct buf body = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;
	struct link_frame got = LINK_FRAME_NULL;

	(void)state;
	assert_non_null(buf_extend(&body, LINK_MAX_FRAME - LINK_HEADER));
	f.kind = LINK_KIND_EVENT;
	f.body = buf_view(&body);
	assert_int_equal(link_send(p.a, &f, true), 0);
	assert_int_equal(link_recv(p.b, &storage, &got, true), 0);
	assert_int_equal(got.body.len, LINK_MAX_FRAME - LINK_HEADER);
	buf_put_u8(&body, 1);
	f.body = buf_view(&body);
	assert_int_equal(link_send(p.a, &f, true), -EMSGSIZE);
}

static void descriptors_arrive_close_on_exec_and_are_the_same_files(void **state)
{
	size_t before = open_fds();

	(void)state;
	for (size_t n = 1; n <= LINK_MAX_FDS; n++) {
		_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
		struct pair p = pair_new();
		struct link_frame f = LINK_FRAME_NULL;
		struct link_frame got = LINK_FRAME_NULL;
		int ends[2];

		assert_int_equal(pipe(ends), 0);
		f.kind = LINK_KIND_ANSWER;
		f.n_fds = n;
		f.fds[0] = ends[0];
		f.fds[1] = n > 1 ? ends[1] : -1;
		assert_int_equal(link_send(p.a, &f, true), 0);
		assert_int_equal(link_recv(p.b, &storage, &got, true), 0);
		assert_int_equal(got.n_fds, n);
		for (size_t i = 0; i < n; i++) {
			struct stat theirs;
			struct stat ours;

			assert_int_equal(fcntl(got.fds[i], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
			assert_int_equal(fstat(ends[i], &theirs), 0);
			assert_int_equal(fstat(got.fds[i], &ours), 0);
			assert_true(theirs.st_ino == ours.st_ino);
		}
		link_frame_done(&got);
		assert_int_equal(got.n_fds, 0);
		assert_int_equal(got.fds[0], -1);
		close(ends[0]);
		close(ends[1]);
		pair_done(&p);
	}
	assert_int_equal(open_fds(), before);
}

static void malformed_frames_leave_no_descriptor_and_no_byte(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(malformed); i++) {
		_cleanup_(pair_done) struct pair p = pair_new();
		_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
		struct link_frame got = {.op = 77, .fds = {-1, -1}};
		size_t before = open_fds();

		send_raw(p.a, malformed[i], 2);
		assert_int_equal(link_recv(p.b, &storage, &got, true), LINK_MALFORMED);
		assert_int_equal(storage.len, 0);
		assert_int_equal(got.op, 77);
		assert_int_equal(open_fds(), before);
	}
}

static void announced_and_received_descriptors_must_agree(void **state)
{
	static const struct {
		struct view bytes;
		size_t sent;
	} rows[] = {
		{BYTES("VD\x01\x01\x00\x00\x00\x00\x00\x00"), 1},
		{BYTES("VD\x01\x01\x00\x01\x00\x00\x00\x00"), 0},
		{BYTES("VD\x01\x01\x00\x01\x00\x00\x00\x00"), 2},
		{BYTES("VD\x01\x01\x00\x02\x00\x00\x00\x00"), 1},
		{BYTES("VD\x01\x01\x00\x02\x00\x00\x00\x00"), 3},
		{BYTES("VD\x01\x01\x00\x02\x00\x00\x00\x00"), 4},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		_cleanup_(pair_done) struct pair p = pair_new();
		_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
		struct link_frame got = LINK_FRAME_NULL;
		size_t before = open_fds();

		send_raw(p.a, rows[i].bytes, rows[i].sent);
		assert_int_equal(link_recv(p.b, &storage, &got, true), LINK_MALFORMED);
		assert_int_equal(open_fds(), before);
	}
}

static void a_cut_frame_is_malformed(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_(buf_done) struct buf big = BUF_NULL(100000);
	struct link_frame got = LINK_FRAME_NULL;

	(void)state;
	buf_put_view(&big, VIEW_TEXT("VD\x01\x01\x00\x00\x00\x00\x00\x00"));
	assert_non_null(buf_extend(&big, LINK_MAX_FRAME - LINK_HEADER + 1));
	send_raw(p.a, buf_view(&big), 0);
	assert_int_equal(link_recv(p.b, &storage, &got, true), LINK_MALFORMED);
}

static void unknown_control_data_is_malformed(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame got = LINK_FRAME_NULL;
	int on = 1;

	(void)state;
	assert_int_equal(setsockopt(p.b, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	send_raw(p.a, VIEW_TEXT("VD\x01\x01\x00\x00\x00\x00\x00\x00"), 0);
	assert_int_equal(link_recv(p.b, &storage, &got, true), LINK_MALFORMED);
	on = 0;
	assert_int_equal(setsockopt(p.b, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), 0);
	on = 1;
	assert_int_equal(setsockopt(p.b, SOL_SOCKET, SO_TIMESTAMP, &on, sizeof(on)), 0);
	send_raw(p.a, VIEW_TEXT("VD\x01\x01\x00\x01\x00\x00\x00\x00"), 1);
	assert_int_equal(link_recv(p.b, &storage, &got, true), LINK_MALFORMED);
	wrap_cmsg_level = 4711; /* a kernel of other times */
	send_raw(p.a, VIEW_TEXT("VD\x01\x01\x00\x00\x00\x00\x00\x00"), 0);
	assert_int_equal(link_recv(p.b, &storage, &got, true), LINK_MALFORMED);
	wrap_clear();
}

static void a_hang_up_or_an_empty_frame_is_closed(void **state)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct pair p = pair_new();
	struct link_frame f = LINK_FRAME_NULL;
	size_t before = open_fds();

	(void)state;
	send_raw(p.a, VIEW_NULL, 0);
	assert_int_equal(link_recv(p.b, &storage, &f, true), LINK_CLOSED);
	send_raw(p.a, VIEW_NULL, 2);
	assert_int_equal(link_recv(p.b, &storage, &f, true), LINK_CLOSED);
	assert_int_equal(open_fds(), before);
	close(p.a);
	assert_int_equal(link_recv(p.b, &storage, &f, false), LINK_CLOSED);
	f.kind = LINK_KIND_EVENT;
	assert_int_equal(link_send(p.b, &f, false), LINK_CLOSED);
	assert_int_equal(link_answer(p.b, &f, 0, VIEW_NULL), LINK_CLOSED);
	close(p.b);
}

static void a_peer_that_leaves_frames_unread_is_closed(void **state)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct pair p = pair_new();
	struct link_frame f = LINK_FRAME_NULL;

	(void)state;
	f.kind = LINK_KIND_EVENT;
	assert_int_equal(link_send(p.b, &f, false), 0);
	close(p.a);
	assert_int_equal(link_recv(p.b, &storage, &f, false), LINK_CLOSED);
	close(p.b);
}

static void nothing_there_or_nobody_reading_is_again(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;
	unsigned sent = 0;
	int r;

	(void)state;
	assert_int_equal(link_recv(p.b, &storage, &f, true), LINK_AGAIN);
	f.kind = LINK_KIND_EVENT;
	do {
		r = link_send(p.a, &f, true);
	} while (r == 0 && ++sent < 100000);
	assert_int_equal(r, LINK_AGAIN);
	assert_int_equal(link_recv(p.b, &storage, &f, true), 0);
	assert_int_equal(link_send(p.a, &f, true), 0);
}

static void interruptions_are_survived(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;
	struct link_frame got = LINK_FRAME_NULL;

	(void)state;
	f.kind = LINK_KIND_EVENT;
	wrap_fail(WRAP_SENDTO, 0, EINTR);
	assert_int_equal(link_send(p.a, &f, false), 0);
	wrap_fail(WRAP_RECVMSG, 0, EINTR);
	assert_int_equal(link_recv(p.b, &storage, &got, false), 0);
	f.n_fds = 1;
	f.fds[0] = 0;
	wrap_fail(WRAP_SENDMSG, 0, EINTR);
	assert_int_equal(link_send(p.a, &f, false), 0);
	assert_int_equal(link_recv(p.b, &storage, &got, false), 0);
	link_frame_done(&got);
	assert_false(wrap_pending(WRAP_SENDTO) || wrap_pending(WRAP_SENDMSG));
}

static void what_the_kernel_refuses_is_a_fault(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;

	(void)state;
	f.kind = LINK_KIND_EVENT;
	assert_int_equal(link_send(1000000, &f, true), -EBADF);
	assert_int_equal(link_recv(1000000, &storage, &f, true), -EBADF);
	f.kind = LINK_KIND_EVENT;
	wrap_fail(WRAP_SENDTO, 0, ECONNRESET);
	assert_int_equal(link_send(p.a, &f, true), LINK_CLOSED);
}

static void no_memory_is_a_fault(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;

	(void)state;
	f.kind = LINK_KIND_EVENT;
	wrap_fail(WRAP_MALLOC, 0, ENOMEM);
	assert_int_equal(link_send(p.a, &f, true), -ENOMEM);
	wrap_fail(WRAP_MALLOC, 0, ENOMEM);
	assert_int_equal(link_recv(p.b, &storage, &f, true), -ENOMEM);
}

static void frames_leave_nothing_in_the_heap(void **state)
{
	_cleanup_(pair_done) struct pair p = pair_new();
	struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;

	(void)state;
	f.kind = LINK_KIND_EVENT;
	f.body = VIEW_TEXT("a name");
	assert_int_equal(link_send(p.a, &f, true), 0);
	assert_int_equal(link_recv(p.b, &storage, &f, true), 0);
	buf_done(&storage);
	assert_int_equal(wrap_freed, 2);
	assert_int_equal(wrap_freed_dirty, 0);
}

static void done_takes_nothing_and_half_filled_frames(void **state)
{
	struct link_frame f = {.fds = {-1, -1}, .n_fds = 2};

	(void)state;
	link_frame_done(NULL);
	link_frame_done(&f);
	assert_int_equal(f.n_fds, 0);
}

static void send_without_kind(void)
{
	struct link_frame f = LINK_FRAME_NULL;

	(void)!link_send(0, &f, true);
}

static void send_an_event_with_a_number(void)
{
	struct link_frame f = {.kind = LINK_KIND_EVENT, .seq = 1};

	(void)!link_send(0, &f, true);
}

static void send_three_descriptors(void)
{
	struct link_frame f = {.kind = LINK_KIND_REQUEST, .n_fds = LINK_MAX_FDS + 1};

	(void)!link_send(0, &f, true);
}

static void receive_into_too_little(void)
{
	struct buf storage = BUF_NULL(LINK_MAX_FRAME - 1);
	struct link_frame f;

	(void)!link_recv(0, &storage, &f, true);
}

static void own_bugs_stop_the_program(void **state)
{
	(void)state;
	assert_true(wrap_aborts(send_without_kind));
	assert_true(wrap_aborts(send_an_event_with_a_number));
	assert_true(wrap_aborts(send_three_descriptors));
	assert_true(wrap_aborts(receive_into_too_little));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_of_every_kind_are_parsed),
		cmocka_unit_test(what_is_not_a_frame_is_malformed),
		cmocka_unit_test(a_frame_may_have_65536_bytes_and_no_more),
		cmocka_unit_test(a_request_and_its_answer_cross_the_pair),
		cmocka_unit_test(the_largest_frame_crosses_and_a_larger_one_is_a_fault),
		cmocka_unit_test(descriptors_arrive_close_on_exec_and_are_the_same_files),
		cmocka_unit_test(malformed_frames_leave_no_descriptor_and_no_byte),
		cmocka_unit_test(announced_and_received_descriptors_must_agree),
		cmocka_unit_test(a_cut_frame_is_malformed),
		cmocka_unit_test(unknown_control_data_is_malformed),
		cmocka_unit_test(a_hang_up_or_an_empty_frame_is_closed),
		cmocka_unit_test(a_peer_that_leaves_frames_unread_is_closed),
		cmocka_unit_test(nothing_there_or_nobody_reading_is_again),
		cmocka_unit_test_setup(interruptions_are_survived, clear),
		cmocka_unit_test_setup(what_the_kernel_refuses_is_a_fault, clear),
		cmocka_unit_test_setup(no_memory_is_a_fault, clear),
		cmocka_unit_test_setup(frames_leave_nothing_in_the_heap, clear),
		cmocka_unit_test(done_takes_nothing_and_half_filled_frames),
		cmocka_unit_test(own_bugs_stop_the_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
