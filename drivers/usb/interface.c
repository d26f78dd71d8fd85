/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One reader: the queue. Slots take turns message by message, at most bMaxCCIDBusySlots at a
 * time; a job that is asked for while one of ours runs (status, power off) starts behind it.
 * Ends and presence are told from interface_run() alone, which runs when something has come or
 * time is over, never inside a call that asks for something. One timer: it is set to the
 * earliest of all times, and never put off: one that comes too early is set anew.
 */
#include "drivers/usb/interface.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "drivers/usb/interface-pipe.h"

size_t interface_max(const struct interface *i)
{
	uint32_t most = i->reader.message;

	/* some say a little less than they must take, and send (§5.1) */
	return most < DESCRIPTOR_MESSAGE_MIN ? DESCRIPTOR_MESSAGE_MIN : most;
}

struct interface *interface_free(struct interface *i)
{
	if (!i) {
		return NULL;
	}
	for (size_t n = 0; n < i->reader.slots; n++) {
		slot_done(&i->slots[n]);
		if (i->pipe) {
			buf_done(&i->pipe->lanes[n].command);
		}
	}
	if (i->pipe) {
		buf_done(&i->pipe->out);
		buf_done(&i->pipe->in);
	}
	free(i->pipe);
	free(i);
	return NULL;
}

static int fill(struct interface *i)
{
	i->pipe = calloc(1, sizeof(*i->pipe));
	if (!i->pipe) {
		return fault(-ENOMEM);
	}
	i->pipe->out = BUF_NULL(MESSAGE_MAX);
	i->pipe->in = BUF_NULL(interface_max(i) + i->reader.packet_in);
	for (uint8_t n = 0; n < i->reader.slots; n++) {
		int r = slot_init(&i->slots[n], &i->reader, n);

		if (r < 0) {
			return trace(r);
		}
		i->pipe->lanes[n].command = BUF_NULL(SLOT_COMMAND_MAX);
		i->pipe->lanes[n].look = true;
	}
	return 0;
}

int interface_new(const struct ccid_interface *reader, const struct interface_ops *ops,
	void *user, struct interface **ret)
{
	struct interface *i = calloc(1, sizeof(*i));
	int r;

	assert(reader->slots >= 1 && reader->slots <= DESCRIPTOR_SLOTS_MAX &&
		reader->busy >= 1 && reader->packet_in >= 1);
	if (!i) {
		return fault(-ENOMEM);
	}
	i->reader = *reader;
	i->ops = ops;
	i->user = user;
	r = fill(i);
	if (r < 0) {
		interface_free(i);
		return trace(r);
	}
	i->pipe->timer = 1;
	ops->timer(user, 1);
	*ret = i;
	return 0;
}

/* -- what goes next ------------------------------------------------------------------------ */

static bool polls(const struct interface *i)
{
	return i->watched && (i->reader.interrupt_in == 0 || i->pipe->deaf);
}

static void start_own(struct interface *i, unsigned slot, enum slot_job job, uint64_t now)
{
	i->pipe->lanes[slot].own = true;
	slot_start(&i->slots[slot], job, VIEW_NULL, now);
}

static void start_next(struct interface *i, unsigned slot)
{
	struct interface_lane *l = &i->pipe->lanes[slot];
	struct slot *s = &i->slots[slot];
	enum slot_job job = l->next;

	l->own = false;
	l->next = SLOT_JOB_NONE;
	if (job == SLOT_JOB_SECURE) {
		l->pin.command = buf_view(&l->command);
		slot_start_pin(s, &l->pin, l->asked);
	} else {
		slot_start(s, job, buf_view(&l->command), l->asked);
	}
	buf_reset(&l->command);
	if (l->cancelled) {
		slot_spoil(s, SLOT_CANCELLED);
	}
}

/* The next job of a slot that has none. */
static void start(struct interface *i, unsigned slot, uint64_t now)
{
	struct interface_lane *l = &i->pipe->lanes[slot];
	struct slot *s = &i->slots[slot];
	bool off = l->idle && now >= l->idle;

	if (s->job != SLOT_JOB_NONE) {
		return;
	}
	if (off) {
		l->idle = 0;
	}
	if (l->next != SLOT_JOB_NONE) {
		start_next(i, slot);
	} else if (off && (s->active || s->hot)) {
		start_own(i, slot, SLOT_JOB_OFF, now);
	} else if (l->look && now >= l->look_at) {
		l->look = false;
		l->look_at = now + INTERFACE_POLL_USEC; /* if it fails */
		start_own(i, slot, SLOT_JOB_STATUS, now);
	}
}

/* What stands in out. Return: whether it is being sent, and not too much for our memory. */
static bool send_out(struct interface *i, unsigned slot, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	if (buf_check(&p->out) < 0) {
		buf_reset(&p->out);
		return false;
	}
	p->sending = true;
	p->sender = slot;
	p->send_until = now + INTERFACE_SEND_USEC;
	i->ops->send(i->user, buf_view(&p->out));
	buf_reset(&p->out);
	return true;
}

/* Aborts go before all else. Return: whether one was sent. */
static bool send_abort(struct interface *i, uint64_t now)
{
	static const uint8_t none[3];
	struct interface_pipe *p = i->pipe;

	for (uint8_t n = 0; n < i->reader.slots; n++) {
		if (!p->lanes[n].abort_ready) {
			continue;
		}
		p->lanes[n].abort_ready = false;
		message_put(&p->out, MESSAGE_ABORT, n, p->lanes[n].abort_seq, none, VIEW_NULL);
		return send_out(i, n, now); /* else its time will be over */
	}
	return false;
}

/* The next slot by turns that has a message. */
static void send_next(struct interface *i, uint64_t now)
{
	struct interface_pipe *p = i->pipe;
	unsigned busy = 0;

	for (unsigned n = 0; n < i->reader.slots; n++) {
		busy += i->slots[n].waits;
	}
	for (unsigned n = 0; n < i->reader.slots && busy < i->reader.busy; n++) {
		unsigned slot = (p->turn + n) % i->reader.slots;

		if (!slot_next(&i->slots[slot], &p->out, now)) {
			continue;
		}
		p->turn = slot + 1;
		if (send_out(i, slot, now)) {
			return;
		}
		slot_spoil(&i->slots[slot], SLOT_FAILED);
	}
}

static void receive(struct interface *i)
{
	size_t packet = i->reader.packet_in, room = DESCRIPTOR_MESSAGE_MIN;
	bool awaited = false;

	for (unsigned n = 0; n < i->reader.slots; n++) {
		awaited = awaited || i->slots[n].waits;
		room = slot_expects_long(&i->slots[n]) ? interface_max(i) : room;
	}
	if (!awaited || i->pipe->receiving) {
		return;
	}
	i->pipe->receiving = true;
	/* whole packets: what does not fit comes with the next transfer */
	i->ops->receive(i->user, (room + packet - 1) / packet * packet);
}

static uint64_t sooner(uint64_t a, uint64_t b)
{
	return b && (!a || b < a) ? b : a;
}

/* When the slot's lane is to be looked at; @now: something is over and not told yet. */
static uint64_t lane_time(const struct interface *i, unsigned slot, uint64_t now)
{
	const struct interface_lane *l = &i->pipe->lanes[slot];
	const struct slot *s = &i->slots[slot];

	if (s->job == SLOT_JOB_NONE) {
		return i->pipe->recovering ? 0 : sooner(l->idle, l->look ? l->look_at : 0);
	}
	if (slot_over(s)) {
		return now;
	}
	if (l->aborting) {
		return l->abort_until;
	}
	if (!s->waits && s->again > now) {
		return sooner(s->again, s->whole);
	}
	return s->waits ? s->deadline : s->whole;
}

static void arm(struct interface *i, uint64_t now)
{
	struct interface_pipe *p = i->pipe;
	const uint64_t times[] = {p->recovering ? p->recover_until : 0,
		p->sending ? p->send_until : 0, polls(i) ? p->poll : 0};
	uint64_t when = 0;

	if (i->broken) {
		return;
	}
	for (unsigned n = 0; n < ARRAY_LEN(times); n++) {
		when = sooner(when, times[n]);
	}
	for (unsigned n = 0; n < i->reader.slots; n++) {
		when = sooner(when, lane_time(i, n, now));
	}
	if (when && (p->timer == 0 || when < p->timer)) {
		p->timer = when;
		i->ops->timer(i->user, when);
	}
}

/* Start and send what can be. */
static void feed(struct interface *i, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	if (i->broken || p->recovering) {
		return;
	}
	for (unsigned n = 0; n < i->reader.slots; n++) {
		start(i, n, now);
	}
	if (!p->sending && !send_abort(i, now)) {
		send_next(i, now);
	}
	receive(i);
}

/* A look of ours is over. A reader that was still busy, with what nobody waits for any more, or
 * silent for once may have a card all the same, or none any more, of which no interrupt will tell. */
static void looked(struct interface *i, unsigned slot, enum slot_end end)
{
	struct interface_lane *l = &i->pipe->lanes[slot];
	bool told = end == SLOT_DONE || end == SLOT_EMPTY || end == SLOT_UNPOWERED;

	if (told && i->slots[slot].presence != SLOT_UNKNOWN) {
		l->unseen = 0;
		l->look_at = 0;
	} else if (l->unseen < INTERFACE_UNSEEN_MAX) {
		l->unseen++;
		l->look = true;
	}
}

bool interface_tell(struct interface *i)
{
	bool told = false;

	for (unsigned n = 0; n < i->reader.slots; n++) {
		struct interface_lane *l = &i->pipe->lanes[n];
		struct slot *s = &i->slots[n];
		enum slot_job job = s->job;
		enum slot_end end;

		if (s->presence != l->presence || s->events != l->events) {
			l->presence = s->presence;
			l->events = s->events;
			told = true;
			i->ops->presence(i->user, s);
		}
		if (slot_ended(s, &end)) {
			told = true;
			if (!l->own) {
				i->ops->ended(i->user, s, job, end);
			} else if (job == SLOT_JOB_STATUS) {
				looked(i, n, end);
			}
		}
	}
	return told;
}

void interface_run(struct interface *i, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	assert(!p->running);
	if (i->broken) {
		return;
	}
	p->running = true;
	interface_expire(i, now);
	do {
		feed(i, now);
	} while (interface_tell(i));
	p->running = false;
	arm(i, now);
}

/* After something was asked for: nothing may be told now. */
static void asked(struct interface *i, uint64_t now)
{
	if (!i->pipe->running && !i->broken) {
		feed(i, now);
		arm(i, now);
	}
}

/* -- what the owner asks ------------------------------------------------------------------- */

static int queue(struct interface *i, unsigned slot, enum slot_job job, struct view command,
	uint64_t now)
{
	struct interface_lane *l;

	if (i->broken) {
		return fault(-ENODEV);
	}
	if (slot >= i->reader.slots) {
		return fault(-EINVAL);
	}
	l = &i->pipe->lanes[slot];
	if (l->next != SLOT_JOB_NONE || (i->slots[slot].job != SLOT_JOB_NONE && !l->own)) {
		return fault(-EBUSY);
	}
	buf_reset(&l->command);
	buf_put_view(&l->command, command);
	if (buf_check(&l->command) < 0) {
		int r = buf_check(&l->command);

		buf_reset(&l->command);
		return trace(r);
	}
	l->next = job;
	l->cancelled = false;
	l->asked = now;
	l->idle = 0;
	return 0;
}

int interface_job(struct interface *i, unsigned slot, enum slot_job job, struct view command,
	uint64_t now)
{
	int r;

	assert(job != SLOT_JOB_NONE && job != SLOT_JOB_SECURE);
	r = queue(i, slot, job, command, now);
	if (r < 0) {
		return trace(r);
	}
	asked(i, now);
	return 0;
}

int interface_pin(struct interface *i, unsigned slot, const struct slot_pin *pin, uint64_t now)
{
	int r = queue(i, slot, SLOT_JOB_SECURE, pin->command, now);

	if (r < 0) {
		return trace(r);
	}
	i->pipe->lanes[slot].pin = *pin;
	asked(i, now);
	return 0;
}

void interface_abort(struct interface *i, unsigned slot, uint64_t now)
{
	struct interface_lane *l;
	struct slot *s;

	if (i->broken || slot >= i->reader.slots) {
		return;
	}
	l = &i->pipe->lanes[slot];
	s = &i->slots[slot];
	if (l->next != SLOT_JOB_NONE) {
		l->cancelled = true;
	} else if (s->job == SLOT_JOB_NONE || l->own || l->aborting) {
		return;
	} else if (!s->waits) {
		slot_spoil(s, SLOT_CANCELLED);
	} else {
		interface_abort_slot(i, slot, SLOT_CANCELLED, now);
	}
	asked(i, now);
}

void interface_idle(struct interface *i, unsigned slot, uint64_t now)
{
	struct interface_lane *l;

	if (i->broken || slot >= i->reader.slots) {
		return;
	}
	l = &i->pipe->lanes[slot];
	if (l->next == SLOT_JOB_NONE) {
		l->idle = now + INTERFACE_IDLE_USEC;
		asked(i, now);
	}
}

void interface_watch(struct interface *i, bool on, uint64_t now)
{
	i->watched = on;
	if (on && i->pipe->poll == 0) {
		i->pipe->poll = now;
	} else if (!on) {
		i->pipe->poll = 0;
	}
	asked(i, now);
}

void interface_look(struct interface *i, uint64_t now)
{
	for (unsigned n = 0; n < i->reader.slots; n++) {
		i->pipe->lanes[n].look = i->slots[n].job == SLOT_JOB_NONE;
		i->pipe->lanes[n].look_at = 0;
	}
	asked(i, now);
}

/* -- time, and the interrupt pipe ---------------------------------------------------------- */

void interface_due(struct interface *i, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	p->timer = 0;
	if (polls(i) && now >= p->poll && !i->broken) {
		p->poll = now + INTERFACE_POLL_USEC;
		interface_look(i, now);
	}
	interface_run(i, now);
}

/* A card came or went: what its job may still expect. */
static void noticed(struct interface *i, unsigned slot, uint64_t now)
{
	struct slot *s = &i->slots[slot];
	bool out = s->presence == SLOT_OUT;

	if (s->job == SLOT_JOB_NONE || i->pipe->lanes[slot].aborting) {
		return;
	}
	if (s->waits) {
		/* the reader ends the command by itself, soon */
		if (out && s->deadline > now + SLOT_ASK_USEC) {
			s->deadline = now + SLOT_ASK_USEC;
		}
	} else if (slot_begun(s) || s->job == SLOT_JOB_TRANSMIT || s->job == SLOT_JOB_SECURE) {
		slot_spoil(s, out ? SLOT_EMPTY : SLOT_UNPOWERED);
	}
}

void interface_notified(struct interface *i, struct view bytes, uint64_t now)
{
	struct notice notice;

	if (i->broken || notice_parse(bytes, i->reader.slots, &notice) != 0) {
		return;
	}
	if (notice.hardware) {
		i->pipe->lanes[notice.slot].look = true;
	}
	for (unsigned n = 0; n < i->reader.slots && !notice.hardware; n++) {
		if (slot_notice(&i->slots[n], notice.present >> n & 1, notice.changed >> n & 1,
			    now)) {
			noticed(i, n, now);
		}
	}
	interface_run(i, now);
}

void interface_deaf(struct interface *i, uint64_t now)
{
	i->pipe->deaf = true;
	if (i->watched) {
		i->pipe->poll = now;
	}
	asked(i, now);
}
