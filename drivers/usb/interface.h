/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One reader, that is one CCID interface: its slots, who may use the bulk pipe when, which
 * answer belongs to whom, and what to do with those that belong to nobody. A machine without
 * libusb: usb.c gives bytes and ends of transfers, and does what interface_ops ask. Time is
 * CLOCK_MONOTONIC, microseconds.
 *
 * At most `busy` commands are with the reader at a time, one a slot, each with its slot's own
 * sequence number. A bulk-in transfer is asked for only while an answer is awaited; packets are
 * put together until the length that the header tells, zero-length packets are passed over. An
 * answer of another slot or sequence number is dropped and counted, and so is an empty packet
 * that ends nothing: INTERFACE_STRAYS_MAX of them, and the reader is broken.
 *
 * Recovery, each step once, then the next: abort the slot; clear the halt of both pipes; reset
 * the device; give the reader up. A stall of the way out ends the sender's job, one of the way in
 * all that were on their way, a reset these too; jobs that the reader has not seen yet go on (after
 * a reset: those that need no power). An answer that is one begins the count of steps anew. Where
 * a question of ours for a card fails, it is asked again every INTERFACE_POLL_USEC, for a while.
 */
#include "drivers/usb/slot.h"

#define INTERFACE_STRAYS_MAX 16U /* answers in a row that nobody asked for */
#define INTERFACE_STALLS_MAX 3U	 /* clear-halts in a row */
#define INTERFACE_POLL_USEC                                                                    \
	400000U /* a reader without interrupt pipe is asked so often, while watched */
#define INTERFACE_UNSEEN_MAX   16U	 /* looks for a card after the first; *invented* */
#define INTERFACE_SEND_USEC    5000000U	 /* a bulk-out transfer that is not taken */
#define INTERFACE_IDLE_USEC    5000000U	 /* a card that nobody uses loses its power */
#define INTERFACE_RECOVER_USEC 10000000U /* a recovery that does not end */

/* how a transfer ended */
enum interface_transfer {
	INTERFACE_OK = 0,
	INTERFACE_STALLED,
	INTERFACE_LATE,	 /* cancelled at its deadline */
	INTERFACE_ERROR, /* babble, overflow, protocol: as a stall */
	INTERFACE_GONE,	 /* the device is not there any more */
};

enum interface_recover {
	INTERFACE_CLEAR_HALT = 1, /* of both bulk pipes and, if there, the interrupt pipe */
	INTERFACE_RESET,	  /* the device; its other interfaces are reset with it */
};

struct interface;

/* An op may call interface_job(), _pin(), _abort(), _idle(), _watch(), _look(); it never calls
 * what usb.c tells (below) and never frees the interface: that waits until the loop turns. */
struct interface_ops {
	/* start a bulk-out transfer of the whole message (copied before the return); its end is
	 * told by interface_sent(). A zero-length packet follows a message that fills its last
	 * packet */
	void (*send)(void *user, struct view message);
	/* start a bulk-in transfer of at most @size bytes; its end is interface_received() */
	void (*receive)(void *user, size_t size);
	/* ABORT on the control pipe (§5.3.1) for @slot and @seq; its end is not waited for */
	void (*abort)(void *user, uint8_t slot, uint8_t seq);
	/* end what runs on the bulk pipes, without a word of interface_sent() and
	 * interface_received(), then recover; the end is interface_recovered(). INTERFACE_RESET
	 * may be asked for while a recovery before does not end */
	void (*recover)(void *user, enum interface_recover how);
	/* call interface_due() at @when; 0: not */
	void (*timer)(void *user, uint64_t when);
	/* a job of @slot has ended: its answer, ATR, ... are in the slot until the next one
	 * starts */
	void (*ended)(void *user, struct slot *slot, enum slot_job job, enum slot_end end);
	/* a card came or left; events and presence are in the slot. An ATR is not known yet */
	void (*presence)(void *user, struct slot *slot);
	/* the reader is of no use any more (@why is a stable name: "reader-lied",
	 * "reader-stalled", "reader-mute", "reader-gone"); every job has ended by then */
	void (*broken)(void *user, const char *why);
};

struct interface {
	struct ccid_interface reader;
	struct slot slots[DESCRIPTOR_SLOTS_MAX];
	const struct interface_ops *ops;
	void *user;
	bool watched; /* presence is of interest: poll where there is no interrupt pipe */
	bool broken;
	struct interface_pipe *pipe; /* interface.c */
};

/** interface_new() - calls ops.timer() alone: at the first interface_due() every slot is asked
 *  for its status, presence() tells the result (SLOT_OUT too). Return: 0 or a fault. */
int interface_new(const struct ccid_interface *reader, const struct interface_ops *ops,
	void *user, struct interface **ret) _must_check_;
struct interface *interface_free(struct interface *i); /* calls nothing */

/** interface_job() - start @job in @slot (waits for its turn on the pipe). ended() is never
 *  called inside. Return: 0; a fault: -EBUSY: there is one already; -EINVAL: no such slot;
 *  -ENODEV: broken. */
int interface_job(struct interface *i, unsigned slot, enum slot_job job, struct view command,
	uint64_t now) _must_check_;
int interface_pin(struct interface *i, unsigned slot, const struct slot_pin *pin,
	uint64_t now) _must_check_;
/** interface_abort() - end the job of @slot; ended() comes later with SLOT_CANCELLED. A card whose
 *  command was with the reader loses its power, unless that was a keypad's, and the reader says
 *  that the card was asked nothing. */
void interface_abort(struct interface *i, unsigned slot, uint64_t now);
/** interface_idle() - nobody uses the card of @slot any more: it loses its power
 *  INTERFACE_IDLE_USEC from now. A job before takes that back; without this call a card keeps
 *  its power. */
void interface_idle(struct interface *i, unsigned slot, uint64_t now);
/** interface_watch() - presence is of interest from now on, or not. */
void interface_watch(struct interface *i, bool on, uint64_t now);
/** interface_look() - ask every idle slot for its status: a card may have been changed
 *  unseen. */
void interface_look(struct interface *i, uint64_t now);

/* what usb.c tells */
void interface_sent(struct interface *i, enum interface_transfer end, uint64_t now);
void interface_received(
	struct interface *i, enum interface_transfer end, struct view bytes, uint64_t now);
void interface_notified(struct interface *i, struct view bytes, uint64_t now);
/** interface_deaf() - the interrupt pipe is of no use any more (it stalls again and again):
 *  slots are asked instead, while watched. */
void interface_deaf(struct interface *i, uint64_t now);
void interface_recovered(struct interface *i, bool well, uint64_t now);
/** interface_was_reset() - the device was reset, or the machine slept, without this interface having
 *  asked for it: nothing is on the pipes any more and no card has power, whatever recovery runs
 *  (it has ended). As after a reset that was asked for each card that was in counts as out and in
 *  again. Jobs that count on a card, or that the reader had, end with SLOT_UNPOWERED. */
void interface_was_reset(struct interface *i, uint64_t now);
void interface_due(struct interface *i, uint64_t now);
/** interface_lost() - a reset that somebody asked for has failed: every job ends with SLOT_MUTE, then
 *  broken("reader-mute"). */
void interface_lost(struct interface *i);
/** interface_gone() - unplugged: every job ends with SLOT_UNPLUGGED, then
 *  broken("reader-gone"). */
void interface_gone(struct interface *i);
