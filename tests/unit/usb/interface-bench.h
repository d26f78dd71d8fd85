/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * An interface on the bench: a reader that is told what to say. It takes one message at a time,
 * remembers what it was asked and what was told, and judges by itself: nothing is sent for a
 * slot without a job, at most as many commands as it bears, one transfer of a kind at a time.
 * Time is desk.now.
 */
#include "drivers/usb/interface.h"

#define DESK_ENDS 256U

struct desk {
	struct interface *i;
	uint64_t now;
	/* what it was asked */
	bool sending, receiving;
	struct buf out; /* the message that is being sent */
	size_t room;	/* of the bulk-in transfer */
	uint8_t seq[DESCRIPTOR_SLOTS_MAX];
	unsigned aborts;
	uint8_t abort_slot, abort_seq;
	unsigned recovers;
	enum interface_recover how;
	uint64_t timer;
	unsigned sends, receives;

	/* what was told */
	struct {
		unsigned slot;
		enum slot_job job;
		enum slot_end end;
	} ends[DESK_ENDS];

	size_t n_ends, read_ends;
	unsigned presences;
	unsigned again; /* so many ends begin the next job from inside */
	const char *broken;
};

/** desk_begin() - a reader of @slots slots, @busy at a time, short APDUs; statuses are not
 *  asked for yet. */
void desk_begin(struct desk *d, uint8_t slots, uint8_t busy, bool interrupt);
/** desk_ready() - the same, cards in all slots that have power, nothing under way. */
void desk_ready(struct desk *d, uint8_t slots, uint8_t busy, bool interrupt);
/** desk_ready_extended() - the same with one slot that takes extended APDUs in one message. */
void desk_ready_extended(struct desk *d);
void desk_done(struct desk *d);
void desk_job(struct desk *d, unsigned slot, enum slot_job job, const char *hex);
/** desk_takes() - the message that is being sent is of @type and @slot; the transfer ends
 *  well. */
void desk_takes(struct desk *d, enum message_type type, uint8_t slot);
/** desk_quiet() - nothing is being sent or awaited. */
void desk_quiet(struct desk *d);
/** desk_answers() - to the message that @slot sent last. */
void desk_answers(struct desk *d, uint8_t type, uint8_t slot, uint8_t status, uint8_t error,
	const char *hex);
/** desk_message() - the bytes of one, into the empty @ret. */
void desk_message(struct buf *ret, uint8_t type, uint8_t slot, uint8_t seq, uint8_t status,
	const char *hex);
void desk_bytes(struct desk *d, struct view bytes);
void desk_notifies(struct desk *d, const char *hex);
/** desk_waits() - time goes on until the timer is due. */
void desk_waits(struct desk *d);
/** desk_ends() - the next end that was told. */
void desk_ends(struct desk *d, unsigned slot, enum slot_job job, enum slot_end end);
/** desk_transmits() - a whole APDU of @slot, from the job to its end. */
void desk_transmits(struct desk *d, unsigned slot);
/** desk_two() - desk_ready() with two slots, both of whose commands are with the reader. */
void desk_two(struct desk *d);
/** desk_other_goes_on() - slot 1's is answered, as if nothing were. */
void desk_other_goes_on(struct desk *d);
/** desk_powers() - @slot gets power anew, and works. */
void desk_powers(struct desk *d, uint8_t slot);
/** desk_is_aborted() - time goes on until slot 0 is aborted, which the reader obeys. */
void desk_is_aborted(struct desk *d, enum slot_end end);
