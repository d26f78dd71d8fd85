/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of an interface share: the queue with a lane for each slot, the two bulk
 * pipes, the timer. interface.c decides what goes next and tells ends; interface-bulk.c gives
 * what comes to whom it belongs; interface-recover.c aborts, recovers and gives up. No other
 * file includes this one.
 */
#include "drivers/usb/interface.h"

/** struct interface_lane - a slot's place in the queue. */
struct interface_lane {
	bool own;	    /* the slot's job is ours: nobody is told of its end */
	enum slot_job next; /* asked for; starts when the slot has no other */
	bool cancelled;	    /* ... and only ends */
	struct buf command; /* of next; wiped when it starts */
	struct slot_pin pin;
	uint64_t asked;	  /* when */
	bool look;	  /* its status is of interest */
	uint64_t look_at; /* ... and asked for then; 0: now */
	unsigned unseen;  /* looks in a row that did not tell whether a card is there */
	uint64_t idle;	  /* when the card loses its power; 0: not */
	/* an abort that runs: the slot's job waits for it */
	bool aborting, abort_ready; /* ready: its message waits for the pipe */
	uint8_t abort_seq;
	enum slot_end why;
	uint64_t abort_until;
	/* of presence, what was told last */
	enum slot_presence presence;
	uint32_t events;
};

struct interface_pipe {
	struct interface_lane lanes[DESCRIPTOR_SLOTS_MAX];
	bool running; /* interface_run() is on the stack */
	unsigned turn;
	bool sending, receiving;
	unsigned sender;
	uint64_t send_until;
	struct buf out; /* wiped as soon as it is given on */
	struct buf in;	/* a message that is not whole yet */
	bool empty;	/* its last packet was */
	bool recovering;
	enum interface_recover how;
	uint64_t recover_until;
	unsigned strays, stalls, mutes; /* since an answer that was one */
	uint64_t timer;			/* armed for; 0: not */
	uint64_t poll;
	bool deaf;
};

/* -- interface.c --------------------------------------------------------------------------- */

/** interface_run() - after something came: end what is over, tell it, start and send what
 *  waits. */
void interface_run(struct interface *i, uint64_t now);
/** interface_tell() - presence that is news, jobs that have ended. Return: whether there was
 *  any. */
bool interface_tell(struct interface *i);
/** interface_max() - bytes of the longest message that is taken from the reader. */
size_t interface_max(const struct interface *i);

/* -- interface-recover.c ------------------------------------------------------------------- */

/** interface_abort_slot() - abort what the reader has of @slot's job, which then ends as
 *  @why. */
void interface_abort_slot(struct interface *i, unsigned slot, enum slot_end why, uint64_t now);
/** interface_aborted() - the reader has answered the abort of @slot. */
void interface_aborted(struct interface *i, unsigned slot, bool well, uint64_t now);
/** interface_stalled() - a bulk pipe stalls; @out: and so the sender's message is not taken. */
void interface_stalled(struct interface *i, bool out, uint64_t now);
/** interface_stray() - one more answer that nobody asked for. */
void interface_stray(struct interface *i);
/** interface_expire() - all that @now is too late for. */
void interface_expire(struct interface *i, uint64_t now);
void interface_give_up(struct interface *i, const char *why, enum slot_end end);
