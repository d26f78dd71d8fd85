/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The transport over a vitaled-usb that says whatever the input wants. Head: whether there is a socket.
 * A step (records.h): @kind the call of the transport, @arg its variant, @bytes what is said meanwhile, one
 * frame each time that the transport waits:
 *
 *   | 0 outcome     | an answer to what was asked, with the body that belongs to it
 *   | 1 outcome len | ... with len bytes for a body
 *   | 2 len         | len bytes instead of a frame
 *   | 3 kind op     | another kind of frame, op
 *   | 4             | it hangs up
 *   | 5             | an answer with a descriptor
 *   | else          | nothing, and time passes
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-usb.h"
#include "base/link.h"
#include "base/tlv.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/records.h"

#define STEPS 40U

const size_t record_head = 1;

static int peer = -1; /* vitaled-usb's end */
static struct reader peer_says;
static uint8_t asked; /* the last op, and its number */
static uint32_t asked_seq;
static bool there;

static int link_poll(struct pollfd *p, nfds_t n, int ms);
static int link_socket(int domain, int type, int protocol);
static int link_connect(int fd);
static int link_sleep(const struct timespec *pause);

/* the transport, with another clock and another vitaled-usb */
#define poll(p, n, ms)			       link_poll(p, n, ms)
#define socket(domain, type, protocol)	       link_socket(domain, type, protocol)
#define connect(fd, to, len)		       link_connect((fd) + (int)(0 * sizeof(*(to)) * (len)))
#define clock_nanosleep(clock, flags, t, rest) link_sleep(t)
#include "drivers/reader/usb-link.c"
#undef poll
#undef socket
#undef connect
#undef clock_nanosleep

static int link_socket(int domain, int type, int protocol)
{
	int ends[2];

	assert(domain == AF_UNIX && (type & SOCK_SEQPACKET) && protocol == 0 && peer < 0);
	if (fail_now()) {
		errno = EMFILE;
		return -1;
	}
	assert(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	peer = ends[1];
	return ends[0];
}

static int link_connect(int fd)
{
	assert(fd >= 0);
	if (there && !fail_now()) {
		return 0;
	}
	errno = ENOENT;
	return -1;
}

static int link_sleep(const struct timespec *pause)
{
	fail_time_passes(
		(uint64_t)pause->tv_sec * USEC_PER_SEC + (uint64_t)pause->tv_nsec / 1000U);
	return 0;
}

/* -- vitaled-usb -------------------------------------------------------------------------------------- */

static void hear(void)
{
	static uint8_t bytes[LINK_MAX_FRAME];
	struct link_frame f;
	ssize_t n;

	while (peer >= 0 && (n = recv(peer, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
		assert(link_parse(view_of(bytes, (size_t)n), &f) == 0);
		assert(f.kind == LINK_KIND_REQUEST && f.n_fds == 0);
		assert(f.op >= USB_OP_ATTACH && f.op <= USB_OP_DETACH);
		if (f.op != USB_OP_ABORT) {
			asked = f.op;
			asked_seq = f.seq;
		}
	}
}

static void usual(struct buf *body)
{
	static const uint8_t atr[] = {0x3B, 0x00};
	static const uint8_t ok[] = {0x90, 0x00};

	tlv_put(body, LINK_TAG_ATR, VIEW(atr));
	tlv_put_u8(body, LINK_TAG_PROTOCOL, 0);
	tlv_put_u8(body, LINK_TAG_PINPAD, 3);
	tlv_put_u32(body, LINK_TAG_EVENTS, 7);
	tlv_put(body, LINK_TAG_DATA, VIEW(ok));
}

static struct view some(void)
{
	size_t len = peer_says.left ? reader_u8(&peer_says) : 0;

	return reader_take(&peer_says, len < peer_says.left ? len : peer_says.left);
}

static uint8_t next(void)
{
	return peer_says.left ? reader_u8(&peer_says) : 0;
}

static void say(struct link_frame *f)
{
	f->seq = f->kind == LINK_KIND_EVENT ? 0 : asked_seq;
	if (peer >= 0) {
		assert(link_send(peer, f, true) >= 0);
	}
}

static void say_raw(struct view v)
{
	if (peer >= 0 && v.len > 0) {
		(void)!send(peer, v.data, v.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

/* One frame. Return: whether something was peer_says. */
static bool speak(void)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(512);
	struct link_frame f = LINK_FRAME_NULL;
	uint8_t how = peer_says.left ? reader_u8(&peer_says) : 9;

	f.kind = LINK_KIND_ANSWER;
	f.op = asked;
	switch (how) {
	case 0:
	case 1:
		f.outcome = next();
		if (how == 0) {
			usual(&body);
		} else {
			buf_put_view(&body, some());
		}
		f.body = buf_view(&body);
		break;
	case 2:
		say_raw(some());
		return true;
	case 3:
		f.kind = (enum link_kind)(1 + next() % 3);
		f.op = next();
		break;
	case 4:
		close(peer);
		peer = -1;
		return true;
	case 5:
		f.fds[0] = peer;
		f.n_fds = peer >= 0 ? 1 : 0;
		break;
	default:
		return false;
	}
	say(&f);
	return true;
}

static int link_poll(struct pollfd *p, nfds_t n, int ms)
{
	assert(n == 1 && ms >= 0);
	if (fail_now()) {
		errno = EINTR;
		return -1;
	}
	fail_pause(true); /* what the peer does is not the program's */
	hear();
	if (!speak()) {
		fail_time_passes((unsigned int)ms * USEC_PER_MS);
	}
	fail_pause(false);
	return poll(p, n, 0);
}

/* -- the transport --------------------------------------------------------------------------------- */

static const uint8_t read_binary[] = {0x00, 0xB0, 0x00, 0x00, 0x00};
static const uint8_t verify[] = {0x00, 0x20, 0x00, 0x01, 0x04, 0xFF, 0xFF, 0xFF, 0xFF};
static const uint8_t lengthy[REQUEST_MAX];

static void step(struct transport *t, const struct record *one)
{
	static const struct transport_pin pin = {
		.command = {verify, sizeof(verify)}, .digits = 4, .new_at = 4};
	_cleanup_(buf_done) struct buf answer = BUF_NULL(TRANSPORT_ANSWER_MAX + SPARE);
	uint64_t deadline = clock_monotonic() + (one->arg & 0x80 ? 0 : 400 * USEC_PER_MS);
	int r = 0;

	peer_says = reader_of(one->bytes);
	switch (one->kind % 8) {
	case 0:
		r = t->ops->open(t, "a reader", one->arg & 1, deadline);
		break;
	case 1:
		r = t->ops->transmit(
			t, one->arg & 1 ? VIEW(lengthy) : VIEW(read_binary), deadline, &answer);
		break;
	case 2:
		r = t->ops->secure(t, &pin, deadline, &answer);
		break;
	case 3:
		r = t->ops->reset(t, deadline);
		break;
	case 4:
		r = t->ops->status(t);
		break;
	case 5:
		r = t->ops->lock(t, deadline);
		break;
	case 6:
		r = t->ops->unlock(t);
		break;
	case 7:
		t->ops->close(t, one->arg & 1);
		break;
	}
	assert(r != TRANSPORT_TOUCHED && r <= TRANSPORT_LIED);
	assert(answer.len <= TRANSPORT_ANSWER_MAX + SPARE && (r == 0 || answer.len == 0));
	assert(t->atr_len <= TRANSPORT_ATR_MAX && t->pinpad <= 3 && t->protocol <= 1);
	assert(of(t)->storage.len == 0); /* what was said is wiped */
}

void target_run(struct view in)
{
	static const char *const paths[] = {"/a", NULL, "", "/"};
	struct reader r = reader_of(in);
	struct transport *t = NULL;
	const uint8_t what = reader_u8(&r);
	const char *path = paths[what >> 1 & 3];
	struct record one;
	int fd = -2;

	there = what & 1;
	peer_says = reader_of(VIEW_NULL);
	assert((path ? setenv(LINK_USB_ENVIRONMENT, path, 1)
		     : unsetenv(LINK_USB_ENVIRONMENT)) == 0);
	if (usb_link_new(&t, &fd) == 0) {
		assert(fd >= -1 && fd == of(t)->fd);
		for (size_t i = 0; i < STEPS && record_next(&r, &one); i++) {
			step(t, &one);
		}
		peer_says = reader_of(VIEW_NULL);
		transport_free(t);
	}
	if (peer >= 0) {
		hear();
		close(peer);
		peer = -1;
	}
}
