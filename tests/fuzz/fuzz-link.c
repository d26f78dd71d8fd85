/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Fuzzing of base/link.h. A frame that link_parse() takes must be what its header promises; the
 * input is also sent over a real socket pair, with as many descriptors as its first byte says, and
 * what link_recv() takes must be the same frame, sent again the same bytes.
 */
#include <assert.h>
#include <stdalign.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/link.h"

#define MAX_SENT 4U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_frame(struct view in, const struct link_frame *f)
{
	assert(in.len >= LINK_HEADER && in.len <= LINK_MAX_FRAME);
	assert(f->kind >= LINK_KIND_REQUEST && f->kind <= LINK_KIND_EVENT);
	assert(f->n_fds <= LINK_MAX_FDS);
	assert(f->kind == LINK_KIND_ANSWER || f->outcome == 0);
	assert(f->kind != LINK_KIND_EVENT || f->seq == 0);
	assert(f->body.len == in.len - LINK_HEADER);
	assert(view_equal(view_last(in, f->body.len), f->body));
}

/* As a hostile peer would: any bytes, with @n_fds duplicates of the socket itself. */
static bool send_raw(int fd, struct view bytes, size_t n_fds)
{
	union {
		alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(int) * MAX_SENT)];
		struct cmsghdr head;
	} control = {.bytes = {0}};

	const int fds[MAX_SENT] = {fd, fd, fd, fd};
	_cleanup_(buf_done) struct buf copy = BUF_NULL(bytes.len);
	struct iovec iov;
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	buf_put_view(&copy, bytes);
	iov = (struct iovec){.iov_base = copy.data, .iov_len = copy.len};
	if (n_fds > 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		bytes_copy(CMSG_DATA(&control.head), sizeof(fds), fds, n_fds * sizeof(int));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0;
}

/* What comes with more than descriptors is refused; nobody is there to be sent to. */
static void check_strange(struct view in)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame f = LINK_FRAME_NULL;
	const int on = 1;
	int ends[2];

	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	assert(setsockopt(ends[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) == 0);
	if (send_raw(ends[0], in, 1)) {
		assert(link_recv(ends[1], &storage, &f, true) == LINK_MALFORMED);
	}
	assert(link_recv(ends[1], &storage, &f, true) == LINK_AGAIN);
	close(ends[0]);
	f.kind = LINK_KIND_EVENT;
	f.seq = 0;
	assert(link_send(ends[1], &f, true) == LINK_CLOSED);
	close(ends[1]);
}

static void check_sockets(struct view in, size_t n_fds)
{
	_cleanup_(buf_done) struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	_cleanup_(buf_done) struct buf again = BUF_NULL(LINK_MAX_FRAME);
	struct link_frame parsed = LINK_FRAME_NULL;
	struct link_frame got = LINK_FRAME_NULL;
	bool good;
	int ends[2];
	int r;

	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	if (send_raw(ends[0], in, n_fds)) {
		good = link_parse(in, &parsed) == 0 && parsed.n_fds == n_fds;
		r = link_recv(ends[1], &storage, &got, true);
		if (in.len == 0 && n_fds <= LINK_MAX_FDS) {
			assert(r == LINK_CLOSED);
		} else {
			assert(r == (good ? 0 : LINK_MALFORMED));
		}
		if (r == 0) {
			assert(view_equal(buf_view(&storage), in));
			assert(link_send(ends[1], &got, true) == 0);
			link_frame_done(&got);
			assert(link_recv(ends[0], &again, &got, true) == 0);
			assert(view_equal(buf_view(&again), in));
		}
		link_frame_done(&got);
	}
	close(ends[0]);
	close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = reader_of(view_of(data, size));
	size_t n_fds = reader_u8(&r) % (MAX_SENT + 1);
	struct view in = reader_rest(&r);
	struct link_frame f;

	if (link_parse(in, &f) == 0) {
		assert(f.fds[0] == -1 && f.fds[1] == -1);
		check_frame(in, &f);
	}
	check_sockets(in, n_fds);
	if (n_fds == MAX_SENT) {
		check_strange(in);
	}
	return 0;
}
