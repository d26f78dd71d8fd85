/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A transport over a slot of vitaled-usb (base/link-usb.h): one connection, made before any confinement
 * and owned by the transport; nothing is opened later. Every request has one answer, which is waited for
 * by poll until a deadline. One that is late is aborted; when that is not answered either, or what was
 * aborted had been done already, the connection is hung up, which takes the card's power away: from then
 * on nobody serves the reader. What comes is believed as far as it is a
 * frame, an answer to what was asked, and of the shape that link-usb.h draws; anything else is a fault.
 *
 * The slot is ours alone from ATTACH to DETACH: no other program is waited for but the last user of the
 * slot, whose process is on its way out.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-usb.h"
#include "base/link.h"
#include "base/tlv.h"
#include "drivers/reader/reader.h"

#define ANSWER_USEC (8 * USEC_PER_SEC) /* one command, by far; stuck.h answers before */
#define ATTACH_USEC                                                                            \
	(3700 * USEC_PER_MS) /* the slot's last user, 3 s, and a reset; before stuck.h */
#define KEYPAD_USEC (6 * USEC_PER_SEC) /* and TRANSPORT_KEYS_USEC for each code that is typed */
#define LEAVE_USEC  (2 * USEC_PER_SEC)
#define ABORT_USEC  (1 * USEC_PER_SEC)
#define STEP_FIRST                                                                             \
	(10 * USEC_PER_MS) /* between two attempts at a busy slot, doubled up to ... */
#define STEP_LAST     (320 * USEC_PER_MS)
#define GLITCHES      4U /* more attempts at a card that does not answer its first reset */
#define GLITCH_FIRST  (30 * USEC_PER_MS)
#define GLITCH_WITHIN (2 * USEC_PER_SEC)
#define GONE_WITHIN   (450 * USEC_PER_MS)
#define GONE_LOOK     (10 * USEC_PER_MS)
#define SPARE	      6U   /* over-long answers shall be seen as such by the engine */
#define REQUEST_MAX   512U /* bytes of a request's body: a reader's name, a command */

struct usb_link {
	struct transport base;
	int fd; /* -1: nobody serves */
	bool attached;
	uint32_t seq;
	uint32_t events; /* the slot's counter when we attached */
	struct buf storage;
};

static struct usb_link *of(struct transport *t)
{
	return (struct usb_link *)(void *)t; /* base is the first member */
}

static void hang_up(struct usb_link *u)
{
	if (u->fd >= 0) {
		(void)close(u->fd);
	}
	u->fd = -1;
	u->attached = false;
}

static void pause_for(uint64_t usec)
{
	const struct timespec pause = {.tv_sec = (time_t)(usec / USEC_PER_SEC),
		.tv_nsec = (long)(usec % USEC_PER_SEC) * 1000};

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

/* -- outcomes ----------------------------------------------------------------------------------- */

/* What the answer to @op means. Those of the keypad are no word about anything else. */
static int outcome(uint8_t op, uint8_t said)
{
	static const struct {
		int outcome;
		bool keypad;
	} meanings[] = {
		[USB_DONE] = {0, false},
		[USB_GONE] = {TRANSPORT_GONE, false},
		[USB_MUTE] = {TRANSPORT_MUTE, false},
		[USB_BUSY] = {TRANSPORT_BUSY, false},
		[USB_NO_READER] = {TRANSPORT_NO_READER, false},
		[USB_BROKEN] = {TRANSPORT_BROKEN, false},
		[USB_CANCELLED] = {TRANSPORT_CANCELLED, true},
		[USB_LATE] = {TRANSPORT_LATE, true},
		[USB_REFUSED] = {TRANSPORT_REFUSED, true},
		[USB_NO_PINPAD] = {TRANSPORT_NO_PINPAD, true},
		[USB_FAILED] = {TRANSPORT_FAILED, false},
		[USB_LIED] = {TRANSPORT_LIED, false},
	};

	if (said >= ARRAY_LEN(meanings) || (meanings[said].keypad && op != USB_OP_SECURE)) {
		return fault(-EPROTO);
	}
	return meanings[said].outcome;
}

/* -- one request, one answer ------------------------------------------------------------------------- */

/* Return: 0, a fault, or TRANSPORT_NO_SERVICE. */
static int send_request(struct usb_link *u, uint8_t op, uint32_t seq, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;
	int r = body ? buf_check(body) : 0;

	if (r < 0) {
		return trace(r);
	}
	f.kind = LINK_KIND_REQUEST;
	f.op = op;
	f.seq = seq;
	f.body = body ? buf_view(body) : VIEW_NULL;
	r = link_send(u->fd, &f, true);
	return r > 0 ? TRANSPORT_NO_SERVICE : trace(r); /* who does not read does not serve */
}

/* The next frame, in the storage. Return: 0, a fault, TRANSPORT_NO_SERVICE or TRANSPORT_LATE. */
static int next_frame(struct usb_link *u, uint64_t deadline, struct link_frame *ret_f)
{
	int r = LINK_AGAIN;

	while (r == LINK_AGAIN) {
		struct pollfd p = {.fd = u->fd, .events = POLLIN};

		if (poll(&p, 1, clock_timeout_ms(deadline)) < 0 && errno != EINTR) {
			return fault(-errno);
		}
		r = link_recv(u->fd, &u->storage, ret_f, true);
		if (r == LINK_AGAIN && clock_monotonic() >= deadline) {
			return TRANSPORT_LATE;
		}
	}
	if (r == LINK_MALFORMED) {
		return fault(-EPROTO);
	}
	return r == LINK_CLOSED ? TRANSPORT_NO_SERVICE : trace(r);
}

/* The answer to @op. Return: 0, a fault, TRANSPORT_NO_SERVICE or TRANSPORT_LATE. */
static int take_answer(
	struct usb_link *u, uint8_t op, uint64_t deadline, struct link_frame *ret_f)
{
	struct link_frame f;
	int r;

	r = next_frame(u, deadline, &f);
	if (r != 0) {
		return trace(r);
	}
	if (f.kind != LINK_KIND_ANSWER || f.op != op || f.seq != u->seq || f.n_fds != 0) {
		link_frame_done(&f);
		return fault(-EPROTO);
	}
	*ret_f = f;
	return 0;
}

/* It has taken too long: end it, and take the answer that comes then. Return: 0: the connection is good
 * for another request; TRANSPORT_LATE: it is not: there is no answer, or what was asked is done, a card
 * has power or a code was shown, and nobody here has heard the answer. */
static int abort_request(struct usb_link *u, uint8_t op)
{
	struct link_frame f;
	int r;

	r = send_request(u, USB_OP_ABORT, 0, NULL);
	if (r == 0) {
		r = take_answer(u, op, clock_monotonic() + ABORT_USEC, &f);
	}
	return r == 0 && f.outcome == USB_DONE ? TRANSPORT_LATE : trace(r);
}

/*
 * @ret_body: of the answer, in the storage until the next request. Return: 0, a fault, or an outcome; a
 * connection that is of no use any more is hung up.
 */
static int ask(struct usb_link *u, uint8_t op, const struct buf *body, uint64_t usec,
	struct view *ret_body)
{
	struct link_frame f;
	int r;

	if (u->fd < 0) {
		return TRANSPORT_NO_SERVICE;
	}
	r = send_request(u, op, ++u->seq, body);
	if (r == 0) {
		r = take_answer(u, op, clock_monotonic() + usec, &f);
	}
	if (r == TRANSPORT_LATE) {
		r = abort_request(u, op);
		if (r == 0) {
			buf_reset(&u->storage);
			return TRANSPORT_MUTE;
		}
		r = r == TRANSPORT_LATE ? TRANSPORT_MUTE : r;
	} else if (r == 0) {
		r = outcome(op, f.outcome);
		if (r == 0) {
			*ret_body = f.body;
			return 0;
		}
		if (r > 0) {
			buf_reset(&u->storage);
			return r;
		}
	}
	buf_reset(&u->storage);
	hang_up(u);
	return trace(r);
}

/* -- the card ------------------------------------------------------------------------------------- */

/* ATR, protocol and counter of an answer to ATTACH or RESET. Return: 0 or a fault. */
static int learn(struct usb_link *u, struct view body)
{
	struct transport *t = &u->base;
	uint8_t protocol;
	uint32_t events;
	struct tlv atr;

	if (tlv_find(body, LINK_TAG_ATR, &atr) != 0 || atr.value.len == 0 ||
		tlv_find_u8(body, LINK_TAG_PROTOCOL, &protocol) != 0 ||
		protocol > TRANSPORT_T1 || tlv_find_u32(body, LINK_TAG_EVENTS, &events) != 0 ||
		view_copy(atr.value, t->atr, sizeof(t->atr)) != 0) {
		return fault(-EPROTO);
	}
	t->atr_len = atr.value.len;
	t->protocol = protocol == TRANSPORT_T1 ? TRANSPORT_T1 : TRANSPORT_T0;
	u->events = events;
	return 0;
}

/* A connection that said what is nothing is of no use any more. Return: -EPROTO as a fault. */
static int give_up(struct usb_link *u)
{
	buf_reset(&u->storage);
	hang_up(u);
	return fault(-EPROTO);
}

static int usb_status(struct transport *t)
{
	struct usb_link *u = of(t);
	struct view body;
	uint32_t events;
	int r;

	if (!u->attached) {
		return u->fd < 0 ? TRANSPORT_NO_SERVICE : TRANSPORT_GONE;
	}
	r = ask(u, USB_OP_STATUS, NULL, ANSWER_USEC, &body);
	if (r != 0) {
		return trace(r);
	}
	if (tlv_find_u32(body, LINK_TAG_EVENTS, &events) != 0) {
		return trace(give_up(u));
	}
	buf_reset(&u->storage);
	return events == u->events ? 0 : TRANSPORT_GONE;
}

/* A card that is silent may have left: the reader tells of that a little later. */
static int silent(struct transport *t)
{
	uint64_t until = clock_monotonic() + GONE_WITHIN;
	int r;

	while ((r = usb_status(t)) == 0) {
		if (clock_monotonic() + GONE_LOOK > until) {
			return TRANSPORT_MUTE;
		}
		pause_for(GONE_LOOK);
	}
	return trace(r);
}

/* -- opening --------------------------------------------------------------------------------------- */

static int attach_once(struct usb_link *u, const char *reader)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(REQUEST_MAX);
	struct view answer;
	uint8_t pinpad;
	int r;

	tlv_put_str(&body, LINK_TAG_READER, reader);
	r = ask(u, USB_OP_ATTACH, &body, ATTACH_USEC, &answer);
	if (r != 0) {
		return trace(r);
	}
	if (learn(u, answer) < 0 || tlv_find_u8(answer, LINK_TAG_PINPAD, &pinpad) != 0 ||
		(pinpad & ~(TRANSPORT_PINPAD_VERIFY | TRANSPORT_PINPAD_MODIFY))) {
		return trace(give_up(u));
	}
	buf_reset(&u->storage);
	u->base.pinpad = pinpad;
	u->attached = true;
	return 0;
}

/* One attempt after another while the slot has its last user, and a few more at a card that stays
 * silent: contacts that just closed are not all good yet. */
static int attach(struct usb_link *u, const char *reader, uint64_t deadline)
{
	uint64_t glitch_until = clock_monotonic() + GLITCH_WITHIN;
	uint64_t glitch = GLITCH_FIRST;
	uint64_t step = STEP_FIRST;
	unsigned glitches = 0;

	for (;;) {
		int r = attach_once(u, reader);
		uint64_t now = clock_monotonic();

		bool glitched = r == TRANSPORT_MUTE || r == TRANSPORT_LIED;

		if (glitched && glitches < GLITCHES && now + glitch < glitch_until) {
			glitches++;
			pause_for(glitch);
			glitch *= 2;
		} else if (r == TRANSPORT_BUSY && now < deadline) {
			pause_for(step < deadline - now ? step : deadline - now);
			step = step * 2 < STEP_LAST ? step * 2 : STEP_LAST;
		} else {
			return trace(r);
		}
	}
}

static void usb_close(struct transport *t, bool reset)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(REQUEST_MAX);
	struct usb_link *u = of(t);
	struct view answer;

	if (!u->attached) {
		return;
	}
	u->attached = false;
	tlv_put_u8(&body, LINK_TAG_STATE, reset ? 1 : 0);
	if (ask(u, USB_OP_DETACH, &body, LEAVE_USEC, &answer) != 0) {
		hang_up(u); /* which takes the card's power away */
	}
	buf_reset(&u->storage);
}

static int usb_open(struct transport *t, const char *reader, bool exclusive, uint64_t deadline)
{
	struct usb_link *u = of(t);

	(void)exclusive; /* it always is */
	usb_close(t, false);
	return trace(attach(u, reader, deadline));
}

/* -- commands -------------------------------------------------------------------------------------- */

/* The card's answer out of @body. */
static int give(struct usb_link *u, struct view body, struct buf *answer)
{
	struct tlv data;
	int r = 0;

	if (tlv_find(body, LINK_TAG_DATA, &data) != 0) {
		return trace(give_up(u));
	}
	if (data.value.len > TRANSPORT_ANSWER_MAX + SPARE) {
		r = TRANSPORT_BROKEN;
	} else {
		buf_put_view(answer, data.value);
	}
	buf_reset(&u->storage);
	return trace(r);
}

static int command(struct transport *t, uint8_t op, const struct buf *body, uint64_t usec,
	struct buf *answer)
{
	struct usb_link *u = of(t);
	struct view said = VIEW_NULL;
	int r;

	if (!u->attached) {
		return u->fd < 0 ? TRANSPORT_NO_SERVICE : TRANSPORT_GONE;
	}
	r = ask(u, op, body, usec, &said);
	if (r == TRANSPORT_MUTE && u->attached) {
		r = silent(t);
	}
	return r != 0 ? trace(r) : trace(give(u, said, answer));
}

static int usb_transmit(
	struct transport *t, struct view line, uint64_t deadline, struct buf *answer)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(REQUEST_MAX);

	(void)deadline; /* of others: there are none */
	tlv_put(&body, LINK_TAG_DATA, line);
	return trace(command(t, USB_OP_TRANSMIT, &body, ANSWER_USEC, answer));
}

static int usb_secure(struct transport *t, const struct transport_pin *pin, uint64_t deadline,
	struct buf *answer)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(REQUEST_MAX);
	const uint8_t keypad[] = {pin->digits, pin->new_digits, pin->old_at, pin->new_at};
	uint64_t usec = transport_codes(pin) * TRANSPORT_KEYS_USEC + KEYPAD_USEC;

	(void)deadline;
	tlv_put(&body, LINK_TAG_DATA, pin->command);
	tlv_put(&body, LINK_TAG_KEYPAD, VIEW(keypad));
	return trace(command(t, USB_OP_SECURE, &body, usec, answer));
}

static int usb_reset(struct transport *t, uint64_t deadline)
{
	struct usb_link *u = of(t);
	uint32_t events = u->events;
	struct view body;
	int r;

	(void)deadline;
	if (!u->attached) {
		return u->fd < 0 ? TRANSPORT_NO_SERVICE : TRANSPORT_GONE;
	}
	r = ask(u, USB_OP_RESET, NULL, ANSWER_USEC, &body);
	if (r != 0) {
		return trace(r);
	}
	if (learn(u, body) < 0) {
		return trace(give_up(u));
	}
	buf_reset(&u->storage);
	return u->events == events ? 0 : TRANSPORT_GONE;
}

static int usb_lock(struct transport *t, uint64_t deadline)
{
	(void)deadline;
	return trace(usb_status(t));
}

static int usb_unlock(struct transport *t)
{
	return of(t)->attached ? 0 : TRANSPORT_GONE;
}

static void usb_free(struct transport *t)
{
	struct usb_link *u = of(t);

	usb_close(t, false);
	hang_up(u);
	buf_done(&u->storage);
	free(u);
}

static const struct transport_ops usb_link_ops = {
	.open = usb_open,
	.transmit = usb_transmit,
	.secure = usb_secure,
	.reset = usb_reset,
	.status = usb_status,
	.lock = usb_lock,
	.unlock = usb_unlock,
	.close = usb_close,
	.free = usb_free,
};

/* -- the connection --------------------------------------------------------------------------------- */

/* @ret_fd: -1: nobody serves there. Return: 0 or a fault. */
static int connect_to(const char *path, int *ret_fd)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd;

	*ret_fd = -1;
	if (path[0] == '\0' ||
		view_copy_str(view_str(path), to.sun_path, sizeof(to.sun_path)) != 0) {
		return 0;
	}
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return fault(-errno);
	}
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0) {
		(void)close(fd);
		return 0;
	}
	*ret_fd = fd;
	return 0;
}

int usb_link_new(struct transport **ret_t, int *ret_fd)
{
	const char *path = getenv(LINK_USB_ENVIRONMENT);
	struct usb_link *u = calloc(1, sizeof(*u));
	int r;

	if (!u) {
		return fault(-ENOMEM);
	}
	r = connect_to(path ? path : LINK_USB_SOCKET, &u->fd);
	if (r < 0) {
		free(u);
		return trace(r);
	}
	u->base.ops = &usb_link_ops;
	u->storage = BUF_NULL(LINK_MAX_FRAME);
	*ret_fd = u->fd;
	*ret_t = &u->base;
	return 0;
}
