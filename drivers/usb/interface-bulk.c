/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What comes over the bulk-in pipe: put together until a message is whole, given to the slot
 * that awaits it, or counted as a stray. A reader may send a message in several transfers; one
 * that was cut is known by the next one being somebody else's whole answer, or by its time
 * being over.
 */
#include "drivers/usb/interface-pipe.h"

#define HEAD 7U /* bytes that tell type, slot and sequence number */

/* Whose answer begins so: the slot that waits for that sequence number, or NULL. */
static struct slot *owner(struct interface *i, struct view bytes)
{
	struct reader r = reader_of(view_sub(bytes, 0, HEAD));
	struct slot *s;
	uint8_t slot, seq;

	(void)reader_u8(&r);
	(void)reader_u32(&r);
	slot = reader_u8(&r);
	seq = reader_u8(&r);
	if (r.failed || slot >= i->reader.slots) {
		return NULL;
	}
	s = &i->slots[slot];
	return s->waits && s->seq == seq && !i->pipe->lanes[slot].aborting ? s : NULL;
}

/* What cannot be read ends the job whose answer it seems to be. */
static void spoil(struct interface *i, struct view bytes)
{
	struct slot *s = owner(i, bytes);

	if (s) {
		slot_spoil(s, SLOT_LIED);
	} else {
		interface_stray(i);
	}
}

/* An answer that is well formed, of a slot that aborts its command. */
static void take_aborting(struct interface *i, const struct message *m, uint64_t now)
{
	const struct interface_lane *l = &i->pipe->lanes[m->slot];
	struct slot *s = &i->slots[m->slot];

	if (m->seq == l->abort_seq && m->type == MESSAGE_SLOT_STATUS && !l->abort_ready) {
		interface_aborted(i, m->slot, m->command == MESSAGE_COMMAND_OK, now);
	} else if (m->seq == s->seq && message_answers(slot_asked(s), m->type)) {
		slot_dropped(s, m);
	} else if (m->seq != s->seq) {
		interface_stray(i);
	}
}

/* A command that a reader does not know, or not now, is answered by a status (§6.1). */
static bool answers(const struct slot *s, const struct message *m)
{
	return message_answers(slot_asked(s), m->type) ||
	       (m->type == MESSAGE_SLOT_STATUS && m->command == MESSAGE_COMMAND_FAILED);
}

/* It is still at a command that we gave up, or at the abort of it, of which it has not had both halves: until
 * then it refuses all others (§5.3.1). Of a code on the keys that is what the person says, or the reader. */
static bool is_behind(const struct slot *s, const struct message *m)
{
	return m->command == MESSAGE_COMMAND_FAILED &&
	       (m->error == MESSAGE_ERROR_BUSY ||
		       (m->error == MESSAGE_ERROR_ABORTED && s->job != SLOT_JOB_SECURE));
}

static void deliver(struct interface *i, struct view bytes, uint64_t now)
{
	struct interface_pipe *p = i->pipe;
	struct message m;
	struct slot *s;

	if (message_parse(bytes, interface_max(i), &m) != 0) {
		spoil(i, bytes);
		return;
	}
	if (m.slot < i->reader.slots && p->lanes[m.slot].aborting) {
		take_aborting(i, &m, now);
		return;
	}
	s = owner(i, bytes);
	if (!s) {
		interface_stray(i);
	} else if (!answers(s, &m)) {
		slot_spoil(s, SLOT_LIED);
	} else if (is_behind(s, &m)) {
		interface_abort_slot(i, m.slot, SLOT_LIED, now);
	} else {
		p->strays = p->stalls = p->mutes = 0;
		if (m.command != MESSAGE_COMMAND_TIME) {
			p->lanes[m.slot].look = false; /* it tells that too */
		}
		slot_take(s, &m, now);
	}
}

/* Whether @bytes are a whole answer that somebody awaits. */
static bool whole(struct interface *i, struct view bytes)
{
	struct message m;

	return owner(i, bytes) && message_parse(bytes, interface_max(i), &m) == 0;
}

static void put_together(struct interface *i, struct view bytes, uint64_t now)
{
	struct interface_pipe *p = i->pipe;
	size_t total = 0;
	int r;

	if (p->in.len > 0 && whole(i, bytes) &&
		(message_total(buf_view(&p->in), interface_max(i), &total) != 0 ||
			p->in.len + bytes.len != total)) {
		spoil(i, buf_view(&p->in)); /* it was cut, and this is another */
		buf_reset(&p->in);
	}
	buf_put_view(&p->in, bytes);
	r = message_total(buf_view(&p->in), interface_max(i), &total);
	if (buf_check(&p->in) == 0 && (r == MESSAGE_CUT || (r == 0 && p->in.len < total))) {
		return;
	}
	if (r != 0 || buf_check(&p->in) < 0 || p->in.len > total) {
		spoil(i, buf_view(&p->in));
	} else {
		deliver(i, buf_view(&p->in), now);
	}
	buf_reset(&p->in);
}

/* Nothing, where nothing is to be ended by it: behind a message of whole packets that is usual,
 * a part of one ends so once. */
static bool is_stray_packet(struct interface_pipe *p, struct view bytes)
{
	bool empty = p->empty || p->in.len == 0;

	p->empty = bytes.len == 0;
	return empty && p->empty;
}

void interface_received(
	struct interface *i, enum interface_transfer end, struct view bytes, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	if (i->broken || p->recovering || !p->receiving) {
		return;
	}
	p->receiving = false;
	switch (end) {
	case INTERFACE_OK:
		if (is_stray_packet(p, bytes)) {
			interface_stray(i);
			break;
		}
		put_together(i, bytes, now);
		break;
	case INTERFACE_LATE:
		if (bytes.len > 0) {
			put_together(i, bytes, now);
		}
		break;
	case INTERFACE_STALLED:
	case INTERFACE_ERROR:
		interface_stalled(i, false, now);
		break;
	case INTERFACE_GONE:
		interface_gone(i);
		return;
	}
	interface_run(i, now);
}

void interface_sent(struct interface *i, enum interface_transfer end, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	if (i->broken || p->recovering || !p->sending) {
		return;
	}
	p->sending = false;
	switch (end) {
	case INTERFACE_OK:
		break;
	case INTERFACE_STALLED:
	case INTERFACE_LATE:
	case INTERFACE_ERROR:
		interface_stalled(i, true, now);
		break;
	case INTERFACE_GONE:
		interface_gone(i);
		return;
	}
	interface_run(i, now);
}
