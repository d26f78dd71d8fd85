/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A reader that does not do as it should: abort the slot, clear the halts, reset the device,
 * give it up, each step when the one before did not help (interface.h). Whatever is done, a job
 * that the reader had ends at once; an answer that comes for it afterwards is a stray.
 */
#include <assert.h>

#include "drivers/usb/interface-pipe.h"

#define SLOT_AT 5U /* of a message: the byte that tells its slot */

/* -- abort (§5.3.1, §6.1.13) --------------------------------------------------------------- */

void interface_abort_slot(struct interface *i, unsigned slot, enum slot_end why, uint64_t now)
{
	struct interface_pipe *p = i->pipe;
	struct interface_lane *l = &p->lanes[slot];
	struct view of = view_sub(buf_view(&p->in), SLOT_AT, 1);
	uint8_t number = i->slots[slot].number;

	assert(i->slots[slot].waits && !l->aborting);
	if (p->recovering) {
		slot_unpower(&i->slots[slot]);
		slot_spoil(&i->slots[slot], why);
		return;
	}
	l->aborting = true;
	l->abort_ready = true;
	l->abort_seq = (uint8_t)(i->slots[slot].seq + 1);
	l->abort_until = now + SLOT_ABORT_USEC;
	l->why = why;
	if (view_equal(of, view_of(&number, 1))) {
		buf_reset(&p->in); /* what has come of its answer is all that will */
	}
	i->ops->abort(i->user, number, l->abort_seq);
}

/* The abort is over, one way or the other, and with it the job. */
static void end_abort(struct interface *i, unsigned slot)
{
	struct interface_lane *l = &i->pipe->lanes[slot];

	slot_spoil(&i->slots[slot], l->why);
	i->slots[slot].seq = (uint8_t)(l->abort_seq + 1);
	l->aborting = l->abort_ready = false;
}

/* -- the device ---------------------------------------------------------------------------- */

static void recover(struct interface *i, enum interface_recover how, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	for (unsigned n = 0; n < i->reader.slots; n++) {
		if (p->lanes[n].aborting) {
			slot_unpower(
				&i->slots[n]); /* nobody knows what the reader still does */
			end_abort(i, n);
		} else if (i->slots[n].waits &&
			   (how == INTERFACE_RESET || (p->sending && p->sender == n))) {
			slot_spoil(&i->slots[n], SLOT_MUTE);
		}
	}
	p->sending = p->receiving = false;
	buf_reset(&p->in);
	p->recovering = true;
	p->how = how;
	p->recover_until = now + INTERFACE_RECOVER_USEC;
	i->ops->recover(i->user, how);
}

/* The reader or one of its slots is silent. */
static void mute(struct interface *i, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	p->mutes++;
	if (p->mutes == 1) {
		recover(i, INTERFACE_CLEAR_HALT, now);
	} else if (p->mutes == 2) {
		recover(i, INTERFACE_RESET, now);
	} else {
		interface_give_up(i, "reader-mute", SLOT_MUTE);
	}
}

void interface_aborted(struct interface *i, unsigned slot, bool well, uint64_t now)
{
	if (!well) {
		slot_unpower(&i->slots[slot]);
		end_abort(i, slot);
		mute(i, now);
		return;
	}
	end_abort(i, slot);
	i->pipe->strays = i->pipe->stalls = i->pipe->mutes = 0;
}

void interface_stalled(struct interface *i, bool out, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	for (unsigned n = 0; n < i->reader.slots; n++) {
		if (i->slots[n].waits && !p->lanes[n].aborting && (!out || n == p->sender)) {
			slot_spoil(&i->slots[n], SLOT_LIED);
		}
	}
	p->stalls++;
	if (p->stalls <= INTERFACE_STALLS_MAX) {
		recover(i, INTERFACE_CLEAR_HALT, now);
	} else if (p->stalls == INTERFACE_STALLS_MAX + 1) {
		recover(i, INTERFACE_RESET, now);
	} else {
		interface_give_up(i, "reader-stalled", SLOT_LIED);
	}
}

void interface_stray(struct interface *i)
{
	i->pipe->strays++;
	if (i->pipe->strays >= INTERFACE_STRAYS_MAX) {
		interface_give_up(i, "reader-lied", SLOT_LIED);
	}
}

/* After a reset no card has power, and nobody saw whether one was exchanged meanwhile: each counts
 * as out and in. */
static void was_reset(struct interface *i, uint64_t now)
{
	for (unsigned n = 0; n < i->reader.slots; n++) {
		struct slot *s = &i->slots[n];

		slot_unpower(s);
		s->hot = false;
		s->events += s->presence == SLOT_IN ? 2 : 0;
		/* the interrupt tells of all cards again (§6.3.1) */
		s->ahead = now + SLOT_AHEAD_USEC;
		i->pipe->lanes[n].look = true;
		i->pipe->lanes[n].look_at = 0;
		if (s->job == SLOT_JOB_TRANSMIT || s->job == SLOT_JOB_SECURE ||
			(s->job != SLOT_JOB_NONE && slot_begun(s))) {
			slot_spoil(s, SLOT_UNPOWERED);
		}
	}
}

static void failed_to(struct interface *i, enum interface_recover how, uint64_t now)
{
	if (how == INTERFACE_CLEAR_HALT) {
		recover(i, INTERFACE_RESET, now);
	} else {
		interface_give_up(i, "reader-mute", SLOT_MUTE);
	}
}

void interface_recovered(struct interface *i, bool well, uint64_t now)
{
	enum interface_recover how = i->pipe->how;

	if (i->broken || !i->pipe->recovering) {
		return;
	}
	i->pipe->recovering = false;
	if (!well) {
		failed_to(i, how, now);
	} else if (how == INTERFACE_RESET) {
		was_reset(i, now);
	}
	interface_run(i, now);
}

void interface_was_reset(struct interface *i, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	if (i->broken) {
		return;
	}
	for (unsigned n = 0; n < i->reader.slots; n++) {
		if (p->lanes[n].aborting) {
			slot_unpower(&i->slots[n]);
			end_abort(i, n);
		}
	}
	p->sending = p->receiving = p->recovering = false;
	buf_reset(&p->in);
	was_reset(i, now);
	interface_run(i, now);
}

/* -- time ---------------------------------------------------------------------------------- */

static void expire_slot(struct interface *i, unsigned slot, uint64_t now)
{
	struct interface_lane *l = &i->pipe->lanes[slot];
	struct slot *s = &i->slots[slot];

	if (s->job == SLOT_JOB_NONE) {
		return;
	}
	if (l->aborting) {
		if (now >= l->abort_until) {
			slot_unpower(s);
			end_abort(i, slot);
			mute(i, now);
		}
	} else if (!s->waits) {
		if (now >= s->whole) {
			slot_spoil(s, slot_late(s));
		}
	} else if (now >= s->deadline) {
		interface_abort_slot(i, slot, slot_late(s), now);
	}
}

void interface_expire(struct interface *i, uint64_t now)
{
	struct interface_pipe *p = i->pipe;

	for (unsigned n = 0; n < i->reader.slots && !i->broken; n++) {
		expire_slot(i, n, now);
	}
	if (i->broken) {
		return;
	}
	if (p->recovering && now >= p->recover_until) {
		p->recovering = false;
		failed_to(i, p->how, now);
	} else if (!p->recovering && p->sending && now >= p->send_until) {
		mute(i, now);
	}
}

/* -- the end ------------------------------------------------------------------------------- */

void interface_give_up(struct interface *i, const char *why, enum slot_end end)
{
	struct interface_pipe *p = i->pipe;

	if (i->broken) {
		return;
	}
	i->broken = true;
	p->recovering = false;
	for (unsigned n = 0; n < i->reader.slots; n++) {
		p->lanes[n].aborting = p->lanes[n].abort_ready = false;
		slot_unpower(&i->slots[n]);
		slot_spoil(&i->slots[n], end);
	}
	buf_reset(&p->in);
	(void)interface_tell(i);
	for (unsigned n = 0; n < i->reader.slots; n++) {
		enum slot_job job = p->lanes[n].next;

		if (job != SLOT_JOB_NONE) {
			p->lanes[n].next = SLOT_JOB_NONE;
			buf_reset(&p->lanes[n].command);
			buf_reset(&i->slots[n].answer); /* of the job before */
			i->ops->ended(i->user, &i->slots[n], job, end);
		}
	}
	i->ops->broken(i->user, why);
}

void interface_lost(struct interface *i)
{
	interface_give_up(i, "reader-mute", SLOT_MUTE);
}

void interface_gone(struct interface *i)
{
	interface_give_up(i, "reader-gone", SLOT_UNPLUGGED);
}
