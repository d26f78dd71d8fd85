/* SPDX-License-Identifier: EUPL-1.2 */
/* The script of usb-peer.h, step by step; and the calls of the test's process that it changes. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include "tests/unit/reader/usb-peer.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link.h"
#include "base/tlv.h"

uint64_t __real_clock_monotonic(void);
uint64_t __wrap_clock_monotonic(void);
int __wrap_clock_timeout_ms(uint64_t deadline);
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);

bool no_memory, no_socket;
unsigned faster = 1;
uint64_t longest;
struct usb_peer peer;

uint64_t __wrap_clock_monotonic(void)
{
	return __real_clock_monotonic() * faster;
}

int __wrap_clock_timeout_ms(uint64_t deadline)
{
	uint64_t now = clock_monotonic();

	longest = deadline > now && deadline - now > longest ? deadline - now : longest;
	return now >= deadline ? 0 : (int)((deadline - now) / faster / USEC_PER_MS) + 1;
}

void *__wrap_calloc(size_t n, size_t size)
{
	return no_memory ? NULL : __real_calloc(n, size);
}

int __wrap_socket(int domain, int type, int protocol)
{
	if (no_socket) {
		errno = EMFILE;
		return -1;
	}
	return __real_socket(domain, type, protocol);
}

static void usual_body(uint8_t op, struct buf *body)
{
	static const uint8_t atr[] = {
		0x3B, 0x75, 0x13, 0x00, 0x00, 0x9C, 0x02, 0x02, 0x01, 0x02};
	static const uint8_t ok[] = {0x11, 0x22, 0x90, 0x00};

	if (op == USB_OP_ATTACH || op == USB_OP_RESET) {
		tlv_put(body, LINK_TAG_ATR, VIEW(atr));
		tlv_put_u8(body, LINK_TAG_PROTOCOL, 1);
	}
	if (op == USB_OP_ATTACH) {
		tlv_put_u8(body, LINK_TAG_PINPAD, 3);
	}
	if (op == USB_OP_ATTACH || op == USB_OP_RESET || op == USB_OP_STATUS) {
		tlv_put_u32(body, LINK_TAG_EVENTS, 7);
	}
	if (op == USB_OP_TRANSMIT || op == USB_OP_SECURE) {
		tlv_put(body, LINK_TAG_DATA, VIEW(ok));
	}
}

static void body_of(const struct step *s, uint8_t op, struct buf *body)
{
	unsigned int byte;

	if (!s->hex && s->outcome == USB_DONE) {
		usual_body(op, body);
	}
	for (const char *at = s->hex; at && sscanf(at, "%2x", &byte) == 1; at += 2) {
		buf_put_u8(body, (uint8_t)byte);
	}
}

static void say(int fd, const struct step *s, const struct link_frame *asked)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	struct link_frame f = LINK_FRAME_NULL;

	body_of(s, asked->op, &body);
	f.kind = s->how == AN_EVENT ? LINK_KIND_EVENT : LINK_KIND_ANSWER;
	f.op = s->how == OTHER_OP ? USB_OP_WATCH : asked->op;
	f.outcome = f.kind == LINK_KIND_EVENT ? 0 : s->outcome;
	f.seq = f.kind == LINK_KIND_EVENT ? 0 : asked->seq + (s->how == OTHER_SEQ ? 1 : 0);
	f.body = buf_view(&body);
	if (s->how == WITH_A_FILE) {
		f.fds[0] = STDERR_FILENO;
		f.n_fds = 1;
	}
	if (link_send(fd, &f, false) != 0) {
		peer.wrong = true;
	}
}

/* One request and what is said to it. Return: whether there is more to hear. */
static bool play(int fd, const struct step *s, struct buf *storage)
{
	struct link_frame asked, stop;
	_cleanup_(buf_done) struct buf other = BUF_NULL(LINK_MAX_FRAME);

	int r = link_recv(fd, storage, &asked, false);

	if (r != 0 || asked.kind != LINK_KIND_REQUEST || asked.op != s->op) {
		peer.wrong = peer.wrong || r != LINK_CLOSED;
		return false;
	}
	peer.done++;
	if (asked.op != USB_OP_DETACH && asked.op != USB_OP_STATUS) {
		buf_reset(&peer.last);
		buf_put_view(&peer.last, asked.body);
	}
	switch (s->how) {
	case HANGS_UP:
		return false;
	case TALKS_NONSENSE:
		return send(fd, "hello", 5, MSG_NOSIGNAL) == 5;
	case DEAD_SILENT:
		/* ABORT, and then they hang up */
		while (link_recv(fd, &other, &stop, false) == 0) {
		}
		return false;
	case SILENT:
		if (link_recv(fd, &other, &stop, false) != 0 || stop.op != USB_OP_ABORT) {
			peer.wrong = true;
		}
		say(fd, s, &asked);
		return true;
	case SLOWLY:
		(void)poll(NULL, 0, 100);
		say(fd, s, &asked);
		return true;
	case ANSWERS_AND_GOES:
		say(fd, s, &asked);
		return false;
	case ANSWERS:
	case OTHER_OP:
	case OTHER_SEQ:
	case AN_EVENT:
	case WITH_A_FILE:
		say(fd, s, &asked);
		return true;
	}
	return false;
}

static void *serve(void *unused)
{
	struct buf storage = BUF_NULL(LINK_MAX_FRAME);
	int fd = accept(peer.listening, NULL, NULL);
	bool more = fd >= 0;

	(void)unused;
	for (unsigned i = 0; i < STEPS_MAX && peer.steps[i].op && more; i++) {
		more = play(fd, &peer.steps[i], &storage);
	}
	/* until they hang up: nothing else may come */
	if (more && recv(fd, &(char){0}, 1, 0) > 0) {
		peer.wrong = true;
	}
	buf_done(&storage);
	close(fd);
	return NULL;
}

/* Listen, and connect a transport to it. */
struct transport *peer_begin(const struct step *steps, size_t n)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	struct transport *t = NULL;
	int fd = -1;

	peer = (struct usb_peer){.folder = "/tmp/usb-link-XXXXXX"};
	peer.last = BUF_NULL(LINK_MAX_FRAME);
	assert_true(n < STEPS_MAX);
	for (size_t i = 0; i < n; i++) {
		peer.steps[i] = steps[i];
	}
	assert_non_null(mkdtemp(peer.folder));
	(void)snprintf(peer.path, sizeof(peer.path), "%s/socket", peer.folder);
	assert_int_equal(
		view_copy_str(view_str(peer.path), to.sun_path, sizeof(to.sun_path)), 0);
	peer.listening = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(peer.listening, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(listen(peer.listening, 1), 0);
	assert_int_equal(pthread_create(&peer.thread, NULL, serve, NULL), 0);
	assert_int_equal(setenv(LINK_USB_ENVIRONMENT, peer.path, 1), 0);
	assert_int_equal(usb_link_new(&t, &fd), 0);
	assert_true(fd >= 0);
	return t;
}

void peer_join(void)
{
	if (!peer.over) {
		assert_int_equal(pthread_join(peer.thread, NULL), 0);
	}
	peer.over = true;
}

void peer_end(struct transport *t, unsigned done)
{
	transport_free(t);
	peer_join();
	assert_false(peer.wrong);
	assert_int_equal(peer.done, done);
	close(peer.listening);
	buf_done(&peer.last);
	unlink(peer.path);
	rmdir(peer.folder);
}
