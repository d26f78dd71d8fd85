/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * From messages to packets, and what goes wrong on the way. A fault is ordered for the next answers of a
 * slot, so many times, after so many that go well; it is done here, at the last moment, so that the
 * reader behind it stays an honest one.
 */
#include "tests/usb/pipes.h"

#include <string.h>

#define EXTENSION_MS	300U
#define HURRY_AT_A_TIME 64U

/** struct fault_kind - one way to go wrong. */
struct fault_kind {
	const char *name;
	/* @m: the message, which may be changed. Return: whether it is to be sent now */
	bool (*apply)(struct bench_slot *s, struct buf *m, unsigned argument);
};

void pipe_clear(struct bench_pipe *p)
{
	for (GBytes *b = g_queue_pop_head(&p->packets); b; b = g_queue_pop_head(&p->packets))
		g_bytes_unref(b);
	p->halted = false;
}

void pipes_trace(const char *what, struct view bytes)
{
	g_autoptr(GString) text = NULL;
	struct reader r = reader_of(bytes);

	if (!g_getenv("USB_BENCH_TRACE"))
		return;
	text = g_string_new(what);
	while (r.left > 0)
		g_string_append_printf(text, " %02x", reader_u8(&r));
	g_printerr("%s\n", text->str);
}

static void push(struct bench_pipe *p, struct view bytes)
{
	pipes_trace("<-", bytes);
	g_queue_push_tail(&p->packets, g_bytes_new(bytes.data, bytes.len));
}

static void push_cut(struct bench_pipe *p, struct view bytes, size_t size)
{
	for (size_t at = 0; at < bytes.len; at += size)
		push(p, view_sub(bytes, at, size));
}

/* A whole message: in full packets, then a shorter one, of no bytes where it must be. */
static void push_message(struct bench_slot *s, struct view bytes)
{
	struct bench_pipe *p = &s->face->in;

	push_cut(p, bytes, BENCH_PACKET);
	if (bytes.len % BENCH_PACKET == 0)
		push(p, VIEW_NULL);
}

/* -- ways to go wrong -------------------------------------------------------------------------------- */

static void change(struct buf *m, size_t at, uint8_t by)
{
	if (at < m->len)
		m->data[at] = (uint8_t)(m->data[at] + by);
}

static bool wrong_slot(_unused_ struct bench_slot *s, struct buf *m, _unused_ unsigned argument)
{
	change(m, 5, 1);
	return true;
}

static bool wrong_sequence(
	_unused_ struct bench_slot *s, struct buf *m, _unused_ unsigned argument)
{
	change(m, 6, 1);
	return true;
}

static bool wrong_type(_unused_ struct bench_slot *s, struct buf *m, unsigned argument)
{
	m->data[0] = argument ? (uint8_t)argument : 0x99;
	return true;
}

static bool wrong_status(_unused_ struct bench_slot *s, struct buf *m, unsigned argument)
{
	m->data[7] = argument ? (uint8_t)argument : 0xFF;
	return true;
}

/* It announces more than comes. */
static bool wrong_length(_unused_ struct bench_slot *s, struct buf *m, unsigned argument)
{
	change(m, 1, (uint8_t)(argument ? argument : 5));
	return true;
}

/* It announces gigabytes. */
static bool wrong_huge(_unused_ struct bench_slot *s, struct buf *m, _unused_ unsigned argument)
{
	change(m, 4, 0x7F);
	return true;
}

/* More comes than it announces. */
static bool wrong_long(_unused_ struct bench_slot *s, struct buf *m, unsigned argument)
{
	for (unsigned i = 0; i < (argument ? argument : 5); i++)
		buf_put_u8(m, 0xA5);
	return true;
}

static bool wrong_header(
	_unused_ struct bench_slot *s, struct buf *m, _unused_ unsigned argument)
{
	buf_truncate(m, 5);
	return true;
}

static bool twice(struct bench_slot *s, struct buf *m, _unused_ unsigned argument)
{
	push_message(s, buf_view(m));
	return true;
}

/* One for the other slot, which asked nothing, comes before. */
static bool other_before(struct bench_slot *s, struct buf *m, _unused_ unsigned argument)
{
	m->data[5] ^= 1;
	push_message(s, buf_view(m));
	m->data[5] ^= 1;
	return true;
}

/* The one of an earlier command comes before. */
static bool old_before(struct bench_slot *s, struct buf *m, unsigned argument)
{
	for (unsigned i = 0; i < (argument ? argument : 1); i++) {
		m->data[6]--;
		push_message(s, buf_view(m));
		m->data[6]++;
	}
	return true;
}

static bool cut(struct bench_slot *s, struct buf *m, unsigned argument)
{
	push_cut(&s->face->in, buf_view(m), argument ? argument : 7);
	return false;
}

static bool zero_between(struct bench_slot *s, struct buf *m, _unused_ unsigned argument)
{
	struct bench_pipe *p = &s->face->in;

	push(p, VIEW_NULL);
	push(p, view_sub(buf_view(m), 0, 11));
	push(p, VIEW_NULL);
	push_cut(p, view_sub(buf_view(m), 11, m->len), 11);
	push(p, VIEW_NULL);
	return false;
}

/* Part of a message, then packets of nothing. */
static bool empty_after(struct bench_slot *s, struct buf *m, unsigned argument)
{
	struct bench_pipe *p = &s->face->in;

	push(p, view_sub(buf_view(m), 0, 5));
	for (unsigned i = 0; i < argument; i++)
		push(p, VIEW_NULL);
	return false;
}

static bool silence(struct bench_slot *s, _unused_ struct buf *m, _unused_ unsigned argument)
{
	s->busy = s->mute = true;
	return false;
}

static bool stall_in(struct bench_slot *s, _unused_ struct buf *m, _unused_ unsigned argument)
{
	pipe_clear(&s->face->in);
	s->face->in.halted = true;
	return false;
}

/* Done where the command comes: ccid.c. */
static bool with_the_command(
	_unused_ struct bench_slot *s, _unused_ struct buf *m, _unused_ unsigned argument)
{
	return true;
}

/* -- those that take time ---------------------------------------------------------------------------- */

struct later {
	struct bench_slot *slot;
	struct bench_node *node; /* of the plug in which it was ordered */
	struct buf message;
	unsigned at_a_time; /* of messages that come again and again */
};

static void later_free(gpointer user)
{
	struct later *l = user;

	buf_done(&l->message);
	g_free(l);
}

static gboolean send_later(gpointer user)
{
	struct later *l = user;
	struct bench_device *d = l->slot->face->device;

	g_mutex_lock(&d->bench->lock);
	if (d->node && d->node == l->node) {
		push_message(l->slot, buf_view(&l->message));
		node_progress(d->node);
	}
	g_mutex_unlock(&d->bench->lock);
	return G_SOURCE_REMOVE;
}

static struct later *later_of(struct bench_slot *s, struct view message)
{
	struct later *l = g_new0(struct later, 1);

	l->slot = s;
	l->node = s->face->device->node;
	l->message = BUF_NULL(DESCRIPTOR_MESSAGE_MAX + BENCH_PACKET);
	buf_put_view(&l->message, message);
	return l;
}

static bool late(struct bench_slot *s, struct buf *m, unsigned argument)
{
	g_timeout_add_full(
		G_PRIORITY_DEFAULT, argument, send_later, later_of(s, buf_view(m)), later_free);
	return false;
}

static gboolean extend_again(gpointer user)
{
	struct later *l = user;
	struct bench_device *d = l->slot->face->device;
	bool goes_on;

	g_mutex_lock(&d->bench->lock);
	goes_on = d->node && d->node == l->node && l->slot->busy &&
		  l->slot->seq == l->message.data[6];
	while (goes_on && g_queue_get_length(&l->slot->face->in.packets) < l->at_a_time)
		push_message(l->slot, buf_view(&l->message));
	if (goes_on)
		node_progress(d->node);
	g_mutex_unlock(&d->bench->lock);
	return goes_on ? G_SOURCE_CONTINUE : G_SOURCE_REMOVE;
}

/* More time, asked for for ever in place of the answer, every @ms, @at_a_time. */
static bool extend_each(
	struct bench_slot *s, struct buf *m, unsigned argument, unsigned ms, unsigned at_a_time)
{
	static const uint8_t none[4] = {0};
	struct later *l;

	bytes_copy(m->data + 1, 4, none, 4);
	m->data[7] = (uint8_t)(0x80 | (m->data[7] & 3));
	m->data[8] = argument ? (uint8_t)argument : 1;
	m->data[9] = 0;
	buf_truncate(m, 10);
	s->busy = s->mute = true;
	s->seq = m->data[6];
	l = later_of(s, buf_view(m));
	l->at_a_time = at_a_time;
	g_timeout_add_full(G_PRIORITY_DEFAULT, ms, extend_again, l, later_free);
	return true;
}

static bool extend(struct bench_slot *s, struct buf *m, unsigned argument)
{
	return extend_each(s, m, argument, EXTENSION_MS, 1);
}

/* ... about as fast as they are taken. */
static bool hurry(struct bench_slot *s, struct buf *m, unsigned argument)
{
	return extend_each(s, m, argument, 1, HURRY_AT_A_TIME);
}

static bool unplug_soon(struct bench_slot *s, _unused_ struct buf *m, unsigned argument)
{
	struct bench_device *d = s->face->device;

	if (argument == 0)
		bus_unplug(d);
	else
		d->cut = argument;
	return argument != 0;
}

/* -- orders ---------------------------------------------------------------------------------------------- */

static const struct fault_kind kinds[] = {
	{"slot", wrong_slot},
	{"sequence", wrong_sequence},
	{"type", wrong_type},
	{"status", wrong_status},
	{"length", wrong_length},
	{"huge", wrong_huge},
	{"long", wrong_long},
	{"header", wrong_header},
	{"double", twice},
	{"other", other_before},
	{"old", old_before},
	{"cut", cut},
	{"zero", zero_between},
	{"empty", empty_after},
	{"silence", silence},
	{"late", late},
	{"extension", extend},
	{"hurry", hurry},
	{"stall-in", stall_in},
	{"stall-out", with_the_command},
	{"unplug-out", with_the_command},
	{"unplug", unplug_soon},
};

bool pipes_order(struct bench_slot *s, const char *name, const struct fault_order *how)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i].name, name) != 0)
			continue;
		s->fault = *how;
		s->fault.kind = &kinds[i];
		return true;
	}
	return false;
}

static bool due(struct bench_slot *s, uint8_t type)
{
	if (!s->fault.kind || (s->fault.of && s->fault.of != type))
		return false;
	if (s->fault.skip > 0) {
		s->fault.skip--;
		return false;
	}
	return true;
}

static void used(struct bench_slot *s)
{
	if (s->fault.times > 0 && --s->fault.times == 0)
		s->fault.kind = NULL;
}

const char *pipes_ordered(const struct bench_slot *s)
{
	return s->fault.kind ? s->fault.kind->name : "none";
}

bool pipes_fault_is(struct bench_slot *s, const char *name, uint8_t type)
{
	if (!s->fault.kind || strcmp(s->fault.kind->name, name) != 0 || !due(s, type))
		return false;
	used(s);
	return true;
}

/* The pipe breaks off where the device is to be unplugged. */
static void push_until(struct bench_slot *s, struct view message)
{
	struct bench_device *d = s->face->device;

	if (d->cut == 0 || message.len < d->cut) {
		d->cut -= d->cut ? (unsigned)message.len : 0;
		push_message(s, message);
		return;
	}
	push_cut(&s->face->in, view_sub(message, 0, d->cut), BENCH_PACKET);
	node_progress(d->node);
	bus_unplug(d);
}

void pipes_answer(struct bench_slot *s, struct view message)
{
	struct bench_device *d = s->face->device;
	_cleanup_(buf_done) struct buf m = BUF_NULL(DESCRIPTOR_MESSAGE_MAX + 300);
	bool send = true;

	if (!d->node)
		return;
	buf_put_view(&m, message);
	if (s->fault.kind && s->fault.kind->apply != with_the_command && due(s, s->type)) {
		const struct fault_kind *kind = s->fault.kind;
		unsigned argument = s->fault.argument;

		used(s);
		send = kind->apply(s, &m, argument);
	}
	if (d->node && send)
		push_until(s, buf_view(&m));
	node_progress(d->node);
}

void pipes_plain(struct bench_slot *s, struct view message)
{
	if (s->face->device->node)
		push_message(s, message);
	node_progress(s->face->device->node);
}

size_t pipes_notice(struct bench_face *f, uint8_t ret[BENCH_NOTICE])
{
	uint8_t states = 0;
	bool news = false;

	for (unsigned i = 0; i < f->device->model->slots; i++) {
		struct bench_slot *s = &f->slots[i];

		states |= (uint8_t)((s->present ? 1U : 0U) << (2 * i));
		states |= (uint8_t)((s->changed ? 2U : 0U) << (2 * i));
		news |= s->changed;
		s->changed = false;
	}
	if (!news)
		return 0;
	ret[0] = 0x50;
	ret[1] = states;
	return 2;
}
