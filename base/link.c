/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Frames over a SOCK_SEQPACKET pair. The kernel keeps the frames' borders; this file checks that
 * what arrived is exactly one frame with exactly the descriptors that its header announces.
 * Received descriptors are close-on-exec and belong to the caller from the return of 0 on; on
 * every other return none is left open. A descriptor that this process has no room for
 * (RLIMIT_NOFILE) is dropped by the kernel and therefore makes the frame malformed.
 */
#include "base/link.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAGIC 0x5644U /* "VD" */

/* -- parsing --------------------------------------------------------------------------------- */

static bool kind_from(uint8_t byte, enum link_kind *ret_kind)
{
	switch (byte) {
	case LINK_KIND_REQUEST:
		*ret_kind = LINK_KIND_REQUEST;
		return true;
	case LINK_KIND_ANSWER:
		*ret_kind = LINK_KIND_ANSWER;
		return true;
	case LINK_KIND_EVENT:
		*ret_kind = LINK_KIND_EVENT;
		return true;
	}
	return false;
}

/* What the header's comment promises: an outcome on answers only, no number on events. */
static bool fields_agree(const struct link_frame *f)
{
	return (f->kind == LINK_KIND_ANSWER || f->outcome == 0) &&
	       (f->kind != LINK_KIND_EVENT || f->seq == 0) && f->n_fds <= LINK_MAX_FDS;
}

int link_parse(struct view bytes, struct link_frame *ret_f)
{
	struct link_frame f = LINK_FRAME_NULL;
	struct reader r = reader_of(bytes);
	uint16_t magic = reader_u16(&r);
	uint8_t kind = reader_u8(&r);

	f.op = reader_u8(&r);
	f.outcome = reader_u8(&r);
	f.n_fds = reader_u8(&r);
	f.seq = reader_u32(&r);
	f.body = reader_rest(&r);
	if (r.failed || bytes.len > LINK_MAX_FRAME || magic != MAGIC) {
		return LINK_MALFORMED;
	}
	if (!kind_from(kind, &f.kind) || !fields_agree(&f)) {
		return LINK_MALFORMED;
	}
	*ret_f = f;
	return 0;
}

/* -- sending --------------------------------------------------------------------------------- */

union control {
	alignas(struct cmsghdr) uint8_t bytes[CMSG_SPACE(sizeof(int) * LINK_MAX_FDS)];
	struct cmsghdr head;
};

static ssize_t send_with_fds(
	int fd, const struct buf *frame, const struct link_frame *f, int flags)
{
	union control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = frame->data, .iov_len = frame->len};
	size_t len = f->n_fds * sizeof(int);
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = CMSG_SPACE(len),
	};

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(len);
	bytes_copy(CMSG_DATA(&control.head), sizeof(int) * LINK_MAX_FDS, f->fds, len);
	return sendmsg(fd, &msg, flags);
}

/* Return: 0, a fault, LINK_CLOSED or LINK_AGAIN. */
static int from_errno(int error)
{
	if (error == EAGAIN) {
		return LINK_AGAIN;
	}
	if (error == EPIPE || error == ECONNRESET) {
		return LINK_CLOSED;
	}
	return fault(-error);
}

int link_send(int fd, const struct link_frame *f, bool nonblock)
{
	_cleanup_(buf_done) struct buf frame = BUF_NULL(LINK_MAX_FRAME);
	int flags = MSG_NOSIGNAL | (nonblock ? MSG_DONTWAIT : 0);
	ssize_t n;
	int r;

	assert(f->kind >= LINK_KIND_REQUEST && f->kind <= LINK_KIND_EVENT && fields_agree(f));
	buf_put_u16(&frame, MAGIC);
	buf_put_u8(&frame, (uint8_t)f->kind);
	buf_put_u8(&frame, f->op);
	buf_put_u8(&frame, f->outcome);
	buf_put_u8(&frame, (uint8_t)f->n_fds);
	buf_put_u32(&frame, f->seq);
	buf_put_view(&frame, f->body);
	r = buf_check(&frame);
	if (r < 0) {
		return trace(r);
	}
	do {
		if (f->n_fds > 0) {
			n = send_with_fds(fd, &frame, f, flags);
		} else {
			n = sendto(fd, frame.data, frame.len, flags, NULL, 0);
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? trace(from_errno(errno)) : 0;
}

int link_answer(int fd, const struct link_frame *request, uint8_t outcome, struct view body)
{
	struct link_frame f = LINK_FRAME_NULL;

	f.kind = LINK_KIND_ANSWER;
	f.op = request->op;
	f.outcome = outcome;
	f.seq = request->seq;
	f.body = body;
	return trace(link_send(fd, &f, false));
}

/* -- receiving ------------------------------------------------------------------------------- */

void link_frame_done(struct link_frame *f)
{
	if (!f) {
		return;
	}
	for (size_t i = 0; i < f->n_fds; i++) {
		if (f->fds[i] >= 0) {
			close(f->fds[i]);
		}
	}
	*f = LINK_FRAME_NULL;
}

/* Take every descriptor that came with @msg into @held, whatever else is wrong with it.
 * Return: whether nothing but at most one SCM_RIGHTS came. */
static bool take_fds(struct msghdr *msg, struct link_frame *held)
{
	bool good = true;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) {
			good = false;
			continue;
		}
		/* the kernel puts all descriptors into one, and no more than fit: LINK_MAX_FDS */
		bytes_copy(held->fds, sizeof(held->fds), CMSG_DATA(c), len);
		held->n_fds = len / sizeof(int);
	}
	return good;
}

/* One recvmsg into @storage. Return: 0, a fault, or an outcome; descriptors in @held always. */
static int receive(int fd, struct buf *storage, struct link_frame *held, bool nonblock)
{
	union control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = storage->data, .iov_len = storage->len};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | (nonblock ? MSG_DONTWAIT : 0));
	} while (n < 0 && errno == EINTR);
	if (n < 0) {
		return trace(from_errno(errno));
	}
	if (!take_fds(&msg, held) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
		return LINK_MALFORMED;
	}
	if (n == 0) {
		return LINK_CLOSED;
	}
	buf_truncate(storage, (size_t)n);
	return 0;
}

static int receive_frame(int fd, struct buf *storage, struct link_frame *held,
	struct link_frame *ret_f, bool nonblock)
{
	struct link_frame f;
	int r;

	r = receive(fd, storage, held, nonblock);
	if (r != 0) {
		return trace(r);
	}
	r = link_parse(buf_view(storage), &f);
	if (r != 0 || f.n_fds != held->n_fds) {
		return LINK_MALFORMED;
	}
	for (size_t i = 0; i < f.n_fds; i++) {
		f.fds[i] = held->fds[i];
	}
	*ret_f = f;
	return 0;
}

int link_recv(int fd, struct buf *storage, struct link_frame *ret_f, bool nonblock)
{
	struct link_frame held = LINK_FRAME_NULL;
	int r;

	assert(storage->max >= LINK_MAX_FRAME);
	buf_reset(storage);
	if (!buf_extend(storage, LINK_MAX_FRAME)) {
		return trace(buf_check(storage));
	}
	r = receive_frame(fd, storage, &held, ret_f, nonblock);
	if (r != 0) {
		link_frame_done(&held);
		buf_reset(storage);
	}
	return trace(r);
}
