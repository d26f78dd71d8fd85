/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A slot's card: two connections to the simulator's reader socket (drivers/sim/reader-link.h), one for
 * commands and one for events. A reader that the simulator unplugs leaves the bus, and comes back with it.
 * Answers are taken in the loop of main.c.
 */
#include "tests/usb/card.h"

#include <glib-unix.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "drivers/sim/reader-link.h"
#include "drivers/usb/message.h"

int card_connect(const struct bench *b)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (view_copy_str(view_str(b->simulator), a.sun_path, sizeof(a.sun_path)) ||
		connect(fd, (const struct sockaddr *)&a, sizeof(a)) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static bool send_request(int fd, uint8_t op, uint8_t slot, struct view payload)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(READER_LINK_MAX);

	buf_put_u8(&m, op);
	buf_put_u8(&m, slot);
	buf_put_view(&m, payload);
	return send(fd, m.data, m.len, MSG_NOSIGNAL) == (ssize_t)m.len;
}

/* -- answers -------------------------------------------------------------------------------------- */

static void left(struct bench_slot *s)
{
	s->changed |= s->present;
	s->present = s->active = false;
}

static void failed(struct bench_slot *s, uint8_t status)
{
	switch (status) {
	case READER_STATUS_NO_CARD:
		left(s);
		break;
	case READER_STATUS_UNPOWERED:
		s->active = false;
		break;
	case READER_STATUS_NO_READER:
		bus_unplug(s->face->device);
		return;
	}
	ccid_fail(s, status == READER_STATUS_REFUSED ? 7 : MESSAGE_ERROR_MUTE);
}

/* The reader's own words (PC/SC part 10 §2.5): the codes differ, too few or too many digits. */
static bool of_reader(uint16_t sw)
{
	return sw == 0x6402 || sw == 0x6403;
}

static void keys_answered(struct bench_slot *s, struct view answer)
{
	struct reader r = reader_of(answer);
	uint16_t sw = answer.len == 2 ? reader_u16(&r) : 0;

	if (sw == 0x6400)
		ccid_fail(s, MESSAGE_ERROR_PIN_TIMEOUT);
	else if (sw == 0x6401)
		ccid_fail(s, MESSAGE_ERROR_CANCELLED);
	else if (lines_in_blocks(s) && !of_reader(sw))
		t1_keys(s, buf_view(&s->command), answer);
	else
		ccid_reply(s, 0, answer);
}

/* A card with both protocols becomes one with T=1 alone: TD1 says so, and TCK with it. */
static void hide_t0(struct bench_slot *s)
{
	_cleanup_(buf_done) struct buf bytes = BUF_NULL(ATR_MAX);
	static const uint8_t t1 = 1;
	size_t at = 2;

	buf_put_view(&bytes, atr_view(&s->atr));
	for (unsigned bit = 4; bit < 7; bit++)
		at += bytes.data[1] >> bit & 1;
	bytes.data[at] ^= 1;
	bytes.data[bytes.len - 1] ^= 1;
	if (!atr_offers(&s->atr, 1) || s->atr.first != 0 ||
		atr_parse(buf_view(&bytes), &s->atr))
		ccid_powered(s);
	else
		card_ask(s, LINES_ONLY_T1, READER_OP_PROTOCOL, view_of(&t1, 1));
}

static void powered(struct bench_slot *s, struct view atr)
{
	if (s->type == MESSAGE_POWER_OFF) {
		s->active = false;
		ccid_reply(s, 1, VIEW_NULL);
		return;
	}
	if (atr_parse(atr, &s->atr)) {
		ccid_fail(s, MESSAGE_ERROR_MUTE);
		return;
	}
	t1_reset(s);
	buf_reset(&s->line);
	buf_reset(&s->received);
	if (s->only_t1)
		hide_t0(s);
	else
		ccid_powered(s);
}

static void answered(struct bench_slot *s, uint8_t status, struct view payload)
{
	int step = s->step;

	s->step = LINES_NOTHING;
	if (!s->busy || step == LINES_NOTHING)
		return;
	if (status != READER_STATUS_OK) {
		failed(s, status);
		return;
	}
	switch (step) {
	case LINES_POWER:
		powered(s, payload);
		return;
	case LINES_ONLY_T1:
		ccid_powered(s);
		return;
	case LINES_PROTOCOL:
		ccid_parameters(s);
		return;
	case LINES_PPS:
		lines_pps_done(s);
		return;
	case LINES_KEYS:
		keys_answered(s, payload);
		return;
	default:
		lines_answered(s, payload);
	}
}

static gboolean on_answer(gint fd, _unused_ GIOCondition c, gpointer slot)
{
	static uint8_t bytes[READER_LINK_MAX];
	struct bench_slot *s = slot;
	struct bench *b = s->face->device->bench;
	ssize_t n = recv(fd, bytes, sizeof(bytes), 0);
	struct reader r = reader_of(view_of(bytes, n > 0 ? (size_t)n : 0));
	uint8_t op = reader_u8(&r), status = reader_u8(&r);

	g_mutex_lock(&b->lock);
	if (n <= 0 && s->link == fd) {
		close(fd);
		s->link = -1;
		s->link_source = 0;
	} else if (s->link == fd && !r.failed && op != READER_OP_ALIVE) {
		answered(s, status, reader_rest(&r));
		node_progress(s->face->device->node);
	}
	g_mutex_unlock(&b->lock);
	wipe(bytes, n > 0 ? (size_t)n : 0);
	return n > 0 ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* -- events --------------------------------------------------------------------------------------- */

static void event(struct bench_slot *s, uint8_t what)
{
	struct bench_device *d = s->face->device;

	if (what == READER_EVENT_GONE) {
		s->active = false;
		bus_unplug(d);
		return;
	}
	if (what == READER_EVENT_IN && !s->present)
		s->changed = s->present = true;
	else if (what == READER_EVENT_OUT)
		left(s);
	if (!d->plugged && !d->kept_out)
		bus_plug(d);
	node_progress(d->node);
}

static gboolean on_event(gint fd, _unused_ GIOCondition c, gpointer slot)
{
	struct bench_slot *s = slot;
	struct bench *b = s->face->device->bench;
	uint8_t bytes[READER_LINK_HEADER];

	if (recv(fd, bytes, sizeof(bytes), 0) != sizeof(bytes)) {
		g_main_loop_quit(b->loop); /* the simulator has ended */
		return G_SOURCE_REMOVE;
	}
	g_mutex_lock(&b->lock);
	if (bytes[0] == READER_OP_EVENT)
		event(s, bytes[1]);
	g_mutex_unlock(&b->lock);
	return G_SOURCE_CONTINUE;
}

/* -- requests -------------------------------------------------------------------------------------- */

static bool connected(struct bench_slot *s)
{
	if (s->link < 0) {
		s->link = card_connect(s->face->device->bench);
		if (s->link >= 0)
			s->link_source = g_unix_fd_add(s->link, G_IO_IN, on_answer, s);
	}
	return s->link >= 0;
}

void card_ask(struct bench_slot *s, int step, uint8_t op, struct view payload)
{
	s->step = step;
	if (!connected(s) || !send_request(s->link, op, (uint8_t)s->sim, payload)) {
		s->step = LINES_NOTHING;
		ccid_fail(s, MESSAGE_ERROR_HARDWARE);
	}
}

void card_open(struct bench_slot *s)
{
	struct bench *b = s->face->device->bench;
	uint8_t bytes[READER_LINK_HEADER];

	s->link = -1;
	t1_reset(s);
	s->watch = card_connect(b);
	if (s->watch < 0 || !connected(s) ||
		!send_request(s->watch, READER_OP_WATCH, (uint8_t)s->sim, VIEW_NULL) ||
		recv(s->watch, bytes, sizeof(bytes), 0) != sizeof(bytes))
		g_error("no simulator serves slot %u at %s", s->sim, b->simulator);
	s->present = bytes[1] == READER_EVENT_IN;
	s->watch_source = g_unix_fd_add(s->watch, G_IO_IN, on_event, s);
}

void card_power(struct bench_slot *s, bool on)
{
	card_ask(s, LINES_POWER, on ? READER_OP_POWER_UP : READER_OP_POWER_DOWN, VIEW_NULL);
}

void card_protocol(struct bench_slot *s, uint8_t protocol)
{
	if (protocol == s->protocol) {
		ccid_parameters(s);
		return;
	}
	s->protocol = protocol;
	card_ask(s, LINES_PROTOCOL, READER_OP_PROTOCOL, view_of(&protocol, 1));
}

void card_transfer(struct bench_slot *s, struct view data, unsigned level)
{
	lines_begin(s, data, level);
}

void card_keys(struct bench_slot *s, struct view data)
{
	_cleanup_(buf_done) struct buf structure = BUF_NULL(400);
	uint8_t feature;

	buf_put_u8(&structure, 0);
	feature = lines_keys(s, data, &structure);
	if (!feature || buf_check(&structure)) {
		ccid_fail(s, 10);
		return;
	}
	structure.data[0] = feature;
	card_ask(s, LINES_KEYS, READER_OP_KEYPAD, buf_view(&structure));
}

/* The simulator forgets a request with its connection; the other end of it sees the hang-up. */
void card_cancel(struct bench_slot *s)
{
	if (s->step != LINES_NOTHING && s->link >= 0) {
		g_source_remove(s->link_source);
		close(s->link);
		s->link = -1;
	}
	s->step = LINES_NOTHING;
	s->busy = false;
	t1_cancel(s);
	buf_reset(&s->command);
	buf_reset(&s->answer);
	buf_reset(&s->line);
	buf_reset(&s->received);
}
