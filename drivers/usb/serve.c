/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Connections and their requests. One frame a turn is taken from each, so that none starves
 * another; what is no request, or not one of this connection's now, ends the connection, and
 * nothing else. What a request brought is wiped when it has been taken in: it may hold a PIN.
 * serve-inside.h says who owns what.
 */
#include "drivers/usb/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "base/log.h"
#include "base/tlv.h"
#include "drivers/usb/serve-inside.h"

#define KEYPAD_BYTES 4U
#define SAY_USEC     10000000U /* between two words of the journal about connections */

/* -- requests ------------------------------------------------------------------------------ */

/* Each returns whether it was one; else the connection ends. */

static bool valid_service(uint8_t state)
{
	return state == WATCH_SERVICE_RUNNING || state == WATCH_SERVICE_STOPPED ||
	       state == WATCH_SERVICE_ABSENT;
}

static bool take_watch(struct peer *p, struct view body)
{
	struct tlv rules;
	uint8_t state;

	if (tlv_find(body, LINK_TAG_VALUE, &rules) != 0 ||
		tlv_find_u8(body, LINK_TAG_STATE, &state) != 0 || !valid_service(state) ||
		reader_rules(p->serve, rules.value, state) != 0) {
		return false;
	}
	frame_answer(p, USB_DONE, NULL);
	reader_tell_all(p);
	p->role = PEER_WATCH; /* from here on it hears what happens */
	(void)sd_event_source_set_time(p->timer, clock_monotonic() + SERVE_LIST_USEC);
	(void)sd_event_source_set_enabled(p->timer, SD_EVENT_ONESHOT);
	reader_listed(p->serve, false);
	return true;
}

static bool take_look(struct peer *p, struct view body)
{
	uint8_t state;

	if (tlv_find_u8(body, LINK_TAG_STATE, &state) != 0 || !valid_service(state)) {
		return false;
	}
	reader_look(p->serve, state);
	frame_answer(p, USB_DONE, NULL);
	return true;
}

static bool take_attach(struct peer *p, struct view body)
{
	char name[NAMES_MAX];

	if (p->at != PEER_DETACHED ||
		tlv_find_str(body, LINK_TAG_READER, name, sizeof(name)) != 0) {
		return false;
	}
	p->role = PEER_SLOT;
	seat_attach(p, name);
	return true;
}

static bool take_transmit(struct peer *p, struct view body)
{
	struct tlv data;

	if (tlv_find(body, LINK_TAG_DATA, &data) != 0 || data.value.len == 0) {
		return false;
	}
	seat_transmit(p, data.value);
	return true;
}

static bool take_secure(struct peer *p, struct view body)
{
	struct slot_pin pin = {.digits = 0};
	struct tlv data, keypad;
	struct reader r;

	if (tlv_find(body, LINK_TAG_DATA, &data) != 0 ||
		tlv_find(body, LINK_TAG_KEYPAD, &keypad) != 0 ||
		keypad.value.len != KEYPAD_BYTES) {
		return false;
	}
	r = reader_of(keypad.value);
	pin.command = data.value;
	pin.digits = reader_u8(&r);
	pin.new_digits = reader_u8(&r);
	pin.old_at = reader_u8(&r);
	pin.new_at = reader_u8(&r);
	seat_secure(p, &pin);
	return true;
}

static bool take_detach(struct peer *p, struct view body)
{
	uint8_t reset;

	if (tlv_find_u8(body, LINK_TAG_STATE, &reset) != 0 || reset > 1) {
		return false;
	}
	seat_detach(p, reset == 1);
	return true;
}

static bool take_of_slot(struct peer *p, enum usb_op op, struct view body)
{
	if (op == USB_OP_ATTACH) {
		return take_attach(p, body);
	}
	if (p->at != PEER_ATTACHED) {
		return false;
	}
	switch (op) {
	case USB_OP_TRANSMIT:
		return take_transmit(p, body);
	case USB_OP_SECURE:
		return take_secure(p, body);
	case USB_OP_RESET:
		seat_reset(p);
		return true;
	case USB_OP_STATUS:
		seat_status(p);
		return true;
	case USB_OP_DETACH:
		return take_detach(p, body);
	case USB_OP_WATCH:
	case USB_OP_LOOK:
	case USB_OP_PING:
	case USB_OP_ATTACH:
	case USB_OP_ABORT:
		return false;
	}
	return false;
}

static bool take_of_watch(struct peer *p, enum usb_op op, struct view body)
{
	if (op == USB_OP_LOOK) {
		return take_look(p, body);
	}
	if (op == USB_OP_PING) {
		frame_answer(p, USB_DONE, NULL);
		return true;
	}
	return false;
}

static bool take_request(struct peer *p, const struct link_frame *f)
{
	enum usb_op op = (enum usb_op)f->op;

	if (f->kind != LINK_KIND_REQUEST || f->n_fds > 0) {
		return false;
	}
	if (op == USB_OP_ABORT && p->role == PEER_SLOT) {
		seat_abort(p); /* has no answer: it may come at any time */
		return true;
	}
	if (p->asks) {
		return false; /* one at a time */
	}
	p->asks = true;
	p->op = f->op;
	p->seq = f->seq;
	switch (p->role) {
	case PEER_NEW:
		return p->watches ? op == USB_OP_WATCH && take_watch(p, f->body)
				  : op == USB_OP_ATTACH && take_attach(p, f->body);
	case PEER_WATCH:
		return take_of_watch(p, op, f->body);
	case PEER_SLOT:
		return take_of_slot(p, op, f->body);
	}
	return false;
}

/* -- connections --------------------------------------------------------------------------- */

static unsigned connected(const struct serve *s)
{
	unsigned n = 0;

	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		n += s->peers[i] && !s->peers[i]->ended ? 1 : 0;
	}
	return n;
}

/* Nobody is connected: for how long is counted from now. */
static void wait_for_somebody(struct serve *s, uint64_t usec)
{
	(void)sd_event_source_set_time(s->empty, clock_monotonic() + usec);
	(void)sd_event_source_set_enabled(s->empty, SD_EVENT_ONESHOT);
}

/* Why a connection was not taken, or ended, in the journal; not more often than SAY_USEC. */
static void say(struct serve *s, const char *why)
{
	uint64_t now = clock_monotonic();

	if (now >= s->silent_until) {
		s->silent_until = now + SAY_USEC;
		log_msg(LOG_WARNING, "usb-peer", "a connection was closed: %s", why);
	}
}

void peer_end(struct peer *p, const char *why)
{
	struct serve *s = p->serve;
	struct seat *seat = p->seat;
	bool owned = seat && seat->owner == p;

	if (p->ended) {
		return;
	}
	if (why) {
		say(s, why);
	}
	p->ended = true;
	(void)sd_event_source_set_enabled(p->io, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(s->reap, SD_EVENT_ONESHOT);
	seat_leave(p);
	if (owned && !s->leaving) { /* else usb_free() takes the power away */
		seat->off = true;
		seat_turn(seat);
	}
	if (connected(s) == 0) {
		s->idles = false;
		wait_for_somebody(s, SERVE_HOLD_USEC);
	}
}

static struct peer *peer_free(struct peer *p)
{
	(void)sd_event_source_disable_unref(p->io);
	(void)sd_event_source_disable_unref(p->timer);
	(void)close(p->fd);
	free(p);
	return NULL;
}

static int on_reap(sd_event_source *e, void *user)
{
	struct serve *s = user;

	(void)e;
	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		if (s->peers[i] && s->peers[i]->ended) {
			s->peers[i] = peer_free(s->peers[i]);
		}
	}
	return 0;
}

static int on_frame(sd_event_source *e, int fd, uint32_t revents, void *user)
{
	struct peer *p = user;
	struct buf *storage = &p->serve->storage;
	struct link_frame f = LINK_FRAME_NULL;
	int r;

	(void)e;
	(void)revents;
	if (p->ended) {
		return 0;
	}
	r = link_recv(fd, storage, &f, true);
	if (r == LINK_AGAIN) {
		return 0;
	}
	if (r != 0) {
		peer_end(p, r == LINK_CLOSED ? NULL : "malformed frame");
	} else if (!take_request(p, &f)) {
		peer_end(p, "no request, or not now");
	}
	link_frame_done(&f);
	buf_reset(storage);
	return 0;
}

static int on_peer_timer(sd_event_source *e, uint64_t when, void *user)
{
	struct peer *p = user;

	(void)e;
	(void)when;
	if (p->ended) {
		return 0;
	}
	if (p->role == PEER_WATCH) {
		reader_listed(p->serve, true);
	} else {
		seat_late(p);
	}
	return 0;
}

/* Whether whoever is at the other end may be there. */
static bool welcome(const struct serve *s, int fd)
{
	struct ucred who;
	socklen_t len = sizeof(who);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) == 0 &&
	       (s->uid == (uid_t)-1 || who.uid == s->uid || who.uid == 0);
}

/* Return: whether @fd has a place; it is the caller's else. */
static bool admit(struct serve *s, int fd, bool watches)
{
	struct peer *p;
	size_t i = 0;
	int r;

	while (i < SERVE_CONNECTIONS_MAX && s->peers[i]) {
		i++;
	}
	if (i == SERVE_CONNECTIONS_MAX || !welcome(s, fd)) {
		say(s, i == SERVE_CONNECTIONS_MAX ? "too many connections" : "another user");
		return false;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		return false;
	}
	*p = (struct peer){.serve = s, .id = ++s->last_id, .fd = fd, .watches = watches};
	r = sd_event_add_io(s->ev, &p->io, fd, EPOLLIN, on_frame, p);
	if (r >= 0) {
		r = sd_event_add_time(
			s->ev, &p->timer, CLOCK_MONOTONIC, 0, USEC_PER_MS, on_peer_timer, p);
	}
	if (r < 0) {
		(void)sd_event_source_disable_unref(p->io);
		free(p);
		return false;
	}
	(void)sd_event_source_set_enabled(p->timer, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(s->empty, SD_EVENT_OFF);
	s->peers[i] = p;
	return true;
}

static int on_connection(sd_event_source *e, int listening, uint32_t revents, void *user)
{
	struct serve *s = user;
	int fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)e;
	(void)revents;
	if (fd >= 0 && !admit(s, fd, listening == s->watches)) {
		(void)close(fd);
	}
	return 0;
}

/* First the readers are let go of, then, when nothing of them is held, the program ends. */
static int on_empty(sd_event_source *e, uint64_t when, void *user)
{
	struct serve *s = user;

	(void)e;
	(void)when;
	if (s->idles && (s->stays || usb_idle(s->usb))) {
		return s->stays ? 0 : sd_event_exit(s->ev, 0);
	}
	if (s->idles) { /* else usb_free() would keep it, and whoever connects, waiting */
		wait_for_somebody(s, SERVE_CLOSE_USEC);
		return 0;
	}
	s->idles = true;
	reader_release_all(s);
	wait_for_somebody(s, SERVE_IDLE_USEC - SERVE_HOLD_USEC);
	return 0;
}

/* -- all of it ----------------------------------------------------------------------------- */

static int add_sources(struct serve *s)
{
	int r;

	r = sd_event_add_io(s->ev, &s->accepts_cards, s->cards, EPOLLIN, on_connection, s);
	if (r >= 0) {
		r = sd_event_add_io(
			s->ev, &s->accepts_watches, s->watches, EPOLLIN, on_connection, s);
	}
	if (r >= 0) {
		r = sd_event_add_defer(s->ev, &s->reap, on_reap, s);
	}
	if (r >= 0) {
		r = sd_event_source_set_enabled(s->reap, SD_EVENT_OFF);
	}
	if (r >= 0) {
		r = sd_event_add_time(
			s->ev, &s->empty, CLOCK_MONOTONIC, 0, USEC_PER_SEC, on_empty, s);
	}
	if (r < 0) {
		return fault(r);
	}
	wait_for_somebody(s, SERVE_HOLD_USEC);
	r = usb_new(s->ev, &reader_ops, s, &s->usb);
	return r < 0 ? trace(r) : trace(usb_ready(s->usb));
}

int serve_new(sd_event *ev, int cards, int watches, uid_t peer, bool stays, struct serve **ret)
{
	struct serve *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		return fault(-ENOMEM);
	}
	s->ev = sd_event_ref(ev);
	s->cards = cards;
	s->watches = watches;
	s->uid = peer;
	s->stays = stays;
	s->pcscd = WATCH_SERVICE_ABSENT;
	s->rules = BUF_NULL(SERVE_RULES_MAX);
	s->storage = BUF_NULL(LINK_MAX_FRAME);
	r = add_sources(s);
	if (r < 0) {
		(void)serve_free(s);
		return trace(r);
	}
	*ret = s;
	return 0;
}

struct serve *serve_free(struct serve *s)
{
	if (!s) {
		return NULL;
	}
	s->leaving = true;
	for (size_t i = 0; i < SERVE_CONNECTIONS_MAX; i++) {
		if (s->peers[i]) {
			peer_end(s->peers[i], NULL);
			s->peers[i] = peer_free(s->peers[i]);
		}
	}
	reader_free_all(s);
	(void)usb_free(s->usb);
	(void)sd_event_source_disable_unref(s->accepts_cards);
	(void)sd_event_source_disable_unref(s->accepts_watches);
	(void)sd_event_source_disable_unref(s->empty);
	(void)sd_event_source_disable_unref(s->reap);
	buf_done(&s->rules);
	buf_done(&s->storage);
	(void)sd_event_unref(s->ev);
	free(s);
	return NULL;
}
