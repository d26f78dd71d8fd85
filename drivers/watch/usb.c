/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-watch over vitaled-usb (base/link-usb.h): first it waits, unconfined, until its socket takes a
 * connection; then it gives up everything but the two sockets, and reports until vitaled-usb goes away:
 * it says STOPPED and ends, and the broker starts it anew. Where there is no socket nothing but its folder
 * is listened to: no time is set. Nothing is waited for in the filter but what comes, and no longer than
 * ANSWER_USEC for an answer and for the end of the first list.
 *
 * The broker's only request is LOOK, that pcscd's state has changed, which is told at once or with WATCH.
 * What vitaled-usb says is put together anew (relay.h); what is no frame, no answer to what was asked and
 * no event ends the process. The guard (base/link-ops.h) says that it lives when vitaled-usb has answered
 * a PING, every WATCH_ALIVE_MS.
 */
#include <errno.h>
#include <poll.h>
#include <seccomp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-usb.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/reader/confine.h"
#include "drivers/watch/relay.h"
#include "drivers/watch/watch.h"

#define ANSWER_USEC (WATCH_ANSWER_MS * USEC_PER_MS)
#define ALIVE_USEC  (WATCH_ALIVE_MS * USEC_PER_MS)
#define REQUEST_MAX 4096U /* bytes: the rules and a byte */
#define NO_REQUEST  0U

struct watch {
	bool guard;
	int fd;
	uint8_t pcscd; /* its state: enum watch_service */
	bool look;     /* ... has changed since it was told */
	bool running;  /* the broker knows that we are connected */
	uint8_t asked; /* the request that is on its way: enum usb_op, or NO_REQUEST */
	uint32_t seq;
	uint64_t deadline; /* of its answer */
	uint64_t
		listed_by; /* LISTED must have come, 0: it has; nobody waits for a list without end */
	uint64_t ping_at; /* of a guard */
	struct buf storage;
};

/* -- requests --------------------------------------------------------------------------------------- */

/* Return: 0, a fault, or WATCH_NO_SERVICE. */
static int ask(struct watch *w, uint8_t op, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;
	int r = buf_check(body);

	if (r < 0) {
		return trace(r);
	}
	f.kind = LINK_KIND_REQUEST;
	f.op = op;
	f.seq = ++w->seq;
	f.body = buf_view(body);
	r = link_send(w->fd, &f, true);
	if (r == 0) {
		w->asked = op;
		w->deadline = clock_monotonic() + ANSWER_USEC;
	}
	return r > 0 ? WATCH_NO_SERVICE : trace(r); /* who does not read does not serve */
}

static int ask_watch(struct watch *w)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(REQUEST_MAX);
	const char *rules = getenv(LINK_USB_RULES);

	tlv_put_str(&body, LINK_TAG_VALUE, rules ? rules : "");
	tlv_put_u8(&body, LINK_TAG_STATE, w->pcscd);
	w->look = false;
	w->listed_by = clock_monotonic() + ANSWER_USEC;
	return trace(ask(w, USB_OP_WATCH, &body));
}

/* What is to be asked, one after the other. */
static int ask_next(struct watch *w)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(REQUEST_MAX);

	if (w->asked != NO_REQUEST) {
		return 0;
	}
	if (w->look) {
		tlv_put_u8(&body, LINK_TAG_STATE, w->pcscd);
		w->look = false;
		return trace(ask(w, USB_OP_LOOK, &body));
	}
	if (w->guard && clock_monotonic() >= w->ping_at) {
		return trace(ask(w, USB_OP_PING, &body));
	}
	return 0;
}

/* -- what is heard ---------------------------------------------------------------------------------- */

/* Return: 0, a fault, or WATCH_HANGUP. */
static int tell_running(struct watch *w)
{
	if (w->running) {
		return 0;
	}
	w->running = true;
	return trace(tell_service(WATCH_SERVICE_RUNNING));
}

static int take_answer(struct watch *w, const struct link_frame *f)
{
	_cleanup_(buf_done) struct buf nothing = BUF_NULL(0);

	if (w->asked == NO_REQUEST || f->op != w->asked || f->seq != w->seq ||
		f->outcome != USB_DONE) {
		return fault(-EPROTO);
	}
	w->asked = NO_REQUEST;
	if (f->op != USB_OP_PING) {
		return trace(tell_running(w));
	}
	w->ping_at = clock_monotonic() + ALIVE_USEC;
	return trace(tell_event(WATCH_OP_ALIVE, &nothing));
}

static int take_event(struct watch *w, const struct link_frame *f)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(RELAY_EVENT_MAX);
	int r;

	if (relay_event(f->op, f->body, &body) != 0) {
		return fault(-EPROTO);
	}
	if (f->op == WATCH_OP_LISTED) {
		w->listed_by = 0;
	}
	r = tell_running(w);
	return r != 0 ? trace(r) : trace(tell_event(f->op, &body));
}

/* One frame of vitaled-usb, if there is any. Return: 0, a fault, WATCH_HANGUP or WATCH_NO_SERVICE. */
static int hear_service(struct watch *w)
{
	struct link_frame f;
	int r;

	r = link_recv(w->fd, &w->storage, &f, true);
	if (r == LINK_AGAIN) {
		return 0;
	}
	if (r != 0) {
		return r == LINK_CLOSED ? WATCH_NO_SERVICE : trace(r < 0 ? r : fault(-EPROTO));
	}
	if (f.n_fds > 0 || f.kind == LINK_KIND_REQUEST) {
		r = fault(-EPROTO);
	} else if (f.kind == LINK_KIND_ANSWER) {
		r = take_answer(w, &f);
	} else {
		r = take_event(w, &f);
	}
	link_frame_done(&f);
	return trace(r);
}

/* One frame of the broker, if there is any. Return: 0, a fault, or WATCH_HANGUP. */
static int hear_broker(struct watch *w)
{
	struct link_frame f;
	uint8_t state;
	int r;

	r = link_recv(LINK_CHILD_FD, &w->storage, &f, true);
	if (r == LINK_AGAIN) {
		return 0;
	}
	if (r != 0) {
		return r == LINK_CLOSED ? WATCH_HANGUP : trace(r < 0 ? r : fault(-EPROTO));
	}
	if (f.kind != LINK_KIND_REQUEST || f.op != WATCH_OP_LOOK || f.n_fds > 0 ||
		tlv_find_u8(f.body, LINK_TAG_STATE, &state) != 0) {
		r = fault(-EPROTO);
	} else {
		w->look = w->look || w->pcscd != state;
		w->pcscd = state;
		r = link_answer(LINK_CHILD_FD, &f, 0, VIEW_NULL);
		r = r > 0 ? WATCH_HANGUP : r;
	}
	link_frame_done(&f);
	return trace(r);
}

/* -- waiting for vitaled-usb ------------------------------------------------------------------------ */

static const char *socket_path(void)
{
	const char *path = getenv(LINK_USB_ENVIRONMENT);

	return path ? path : LINK_USB_SOCKET;
}

/* One attempt. @ret_why: errno. Return: 0 (connected), a fault, or WATCH_NO_SERVICE. */
static int try_service(struct watch *w, int *ret_why)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	_cleanup_(buf_done) struct buf path = BUF_NULL(sizeof(to.sun_path));
	int fd;

	*ret_why = ENOENT;
	buf_put_view(&path, view_str(socket_path()));
	buf_put_view(&path, view_str(LINK_USB_WATCH_SUFFIX));
	if (socket_path()[0] == '\0' || buf_check(&path) < 0 ||
		view_copy_str(buf_view(&path), to.sun_path, sizeof(to.sun_path)) != 0) {
		return WATCH_NO_SERVICE;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return fault(-errno);
	}
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		*ret_why = errno;
		(void)close(fd);
		return WATCH_NO_SERVICE;
	}
	w->fd = fd;
	return 0;
}

/* Tell why there is none, when that is not what was told last. Return: 0, a fault, WATCH_HANGUP. */
static int tell_why(int why, int *said)
{
	enum watch_service now = why == ENOENT ? WATCH_SERVICE_ABSENT : WATCH_SERVICE_STOPPED;
	int r = *said == (int)now ? 0 : tell_service(now);

	*said = (int)now;
	return trace(r);
}

/* Return: 0, a fault, or WATCH_HANGUP. */
static int connect_service(struct watch *w)
{
	int said = 0;
	int pause = AWAIT_FIRST_MS;
	int why;

	for (;;) {
		int folder = await_folder(socket_path()); /* before the attempt */
		int r = try_service(w, &why);

		if (r == WATCH_NO_SERVICE) {
			r = tell_why(why, &said);
			/* a socket that is not there, or that nobody holds, is made anew */
			if (r == 0 && await_service(folder,
					      why == ENOENT || (why == ECONNREFUSED &&
								       pause == AWAIT_LAST_MS),
					      &pause)) {
				r = hear_broker(w);
			}
			r = r == 0 ? WATCH_NO_SERVICE : r;
		}
		if (folder >= 0) {
			(void)close(folder);
		}
		if (r != WATCH_NO_SERVICE) {
			return trace(r);
		}
	}
}

/* -- watching --------------------------------------------------------------------------------------- */

/* The earlier of two times, 0: none. */
static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

/* When vitaled-usb is taken for gone; 0: nothing is waited for. */
static uint64_t due(const struct watch *w)
{
	return earlier(w->asked != NO_REQUEST ? w->deadline : 0, w->listed_by);
}

/* How long there is to wait, ms; -1: for what comes. */
static int patience(const struct watch *w)
{
	uint64_t until = due(w);

	if (w->guard && w->asked == NO_REQUEST) {
		until = earlier(w->ping_at, until);
	}
	return until != 0 ? clock_timeout_ms(until) : -1;
}

/* Return: 0 the broker hung up, a fault, or WATCH_NO_SERVICE. */
static int watch(struct watch *w)
{
	struct pollfd p[] = {
		{.fd = LINK_CHILD_FD, .events = POLLIN}, {.fd = w->fd, .events = POLLIN}};
	int r;

	r = ask_watch(w);
	while (r == 0) {
		if (poll(p, ARRAY_LEN(p), patience(w)) < 0 && errno != EINTR) {
			return fault(-errno);
		}
		r = hear_broker(w);
		if (r == 0) {
			r = hear_service(w);
		}
		if (r == 0 && due(w) != 0 && clock_monotonic() >= due(w)) {
			r = WATCH_NO_SERVICE;
		}
		if (r == 0) {
			r = ask_next(w);
		}
	}
	return r == WATCH_HANGUP ? 0 : trace(r);
}

/* -- the program ------------------------------------------------------------------------------------ */

static int confine(int fd)
{
	const struct confine_rule rules[] = {
		{SCMP_SYS(sendto), fd},
		{SCMP_SYS(recvmsg), fd},
		/* a descriptor that came uninvited */
		{SCMP_SYS(close), CONFINE_ANY_FD},
	};

	return trace(confine_load(LINK_CHILD_FD, -1, rules, ARRAY_LEN(rules)));
}

static enum watch_exit run(struct watch *w)
{
	int r;

	r = connect_service(w);
	if (r == WATCH_HANGUP) {
		return WATCH_EXIT_DONE;
	}
	if (r != 0) {
		return WATCH_EXIT_FAILED;
	}
	if (confine(w->fd) < 0) {
		return WATCH_EXIT_FILTER;
	}
	r = watch(w);
	if (r == WATCH_NO_SERVICE) {
		r = tell_service(WATCH_SERVICE_STOPPED);
		return r < 0 ? WATCH_EXIT_FAILED : WATCH_EXIT_DONE;
	}
	return r == 0 ? WATCH_EXIT_DONE : WATCH_EXIT_FAILED;
}

/* The state of pcscd when we were started (base/link-ops.h). */
static uint8_t first_state(void)
{
	const char *state = getenv(WATCH_USB);

	if (state && state[0] >= '1' && state[0] <= '3' && state[1] == '\0') {
		return (uint8_t)(state[0] - '0');
	}
	return WATCH_SERVICE_RUNNING;
}

enum watch_exit watch_usb(bool guard)
{
	struct watch w = {.guard = guard, .fd = -1, .storage = BUF_NULL(LINK_MAX_FRAME)};
	enum watch_exit status;

	w.pcscd = first_state();
	status = run(&w);
	if (w.fd >= 0) {
		(void)close(w.fd);
	}
	buf_done(&w.storage);
	return status;
}
