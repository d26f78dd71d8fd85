/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of a slot share: the job's own state, and the way from one message to the
 * next. A step builds its data in slot_steps.data and calls slot_send(); its answer goes to the
 * step's own function. No other file includes this one.
 */
#include "drivers/usb/slot.h"

enum slot_step {
	STEP_NONE = 0,
	STEP_ON,
	STEP_LEARN, /* GetParameters */
	STEP_PPS,
	STEP_RATE,
	STEP_SET,
	STEP_OFF_AGAIN, /* off, then on with other voltage or other parameters */
	STEP_OFF_END,	/* off, then the job ends as slot_steps.after says */
	STEP_IFSD,
	STEP_OFF,
	STEP_STATUS,
	STEP_T0,
	STEP_T1,
	STEP_APDU,
	STEP_SECURE,
};

struct slot_steps {
	enum slot_step step;
	bool ready; /* a message waits for the pipe: type, three, data */
	bool over;
	enum slot_end end;
	bool begun;	     /* the reader has seen a message of the job */
	unsigned extensions; /* it has asked for more time so often */
	enum message_type type;
	uint8_t three[3];
	struct buf data; /* wiped when it is answered: it may hold a command */
	uint64_t wait;	 /* microseconds, for the answer */
	uint64_t until;	 /* ... of the message, however often it is repeated; 0: not sent yet */
	uint64_t unit;	 /* microseconds, what a time extension multiplies */
	uint32_t events; /* of the slot when the message was sent */
	uint32_t powers; /* of the slot since the card must not have lost its power */

	/* slot-power.c */
	uint8_t voltage; /* bPowerSelect that is tried */
	bool plain;	 /* parameters as after the reset: what was agreed did not work */
	bool no_ifsd;	 /* the card lost its way over S(IFS request): it keeps 32 */
	enum slot_end after;
	struct parameters wanted;

	/* slot-transfer.c */
	struct buf command; /* as given, wiped at the end */
	size_t sent;	    /* of it, at the level of extended APDUs */
	bool extended_apdu; /* it has lengths of three bytes (ISO/IEC 7816-4:2020 §5.2) */
	struct buf block;   /* T=1 at the level of characters: what has come of a block */

	/* slot-pin.c */
	bool untouched; /* the card was asked nothing, by the reader's word */
};

/* -- slot.c -------------------------------------------------------------------------------- */

/** slot_send() - what stands in data is the next message's; @wait: microseconds for the
 *  answer. */
void slot_send(struct slot *s, enum slot_step step, enum message_type type, uint64_t wait);
void slot_finish(struct slot *s, enum slot_end end);
/** slot_lose() - the same; the card is out of step and must be reset. */
void slot_lose(struct slot *s, enum slot_end end);
/** slot_fails() - how a job without keypad ends by a message with MESSAGE_COMMAND_FAILED. */
enum slot_end slot_fails(const struct message *m);

/* -- slot-power.c -------------------------------------------------------------------------- */

void slot_power_start(struct slot *s);
void slot_power_take(struct slot *s, const struct message *m);
void slot_power_ready(struct slot *s); /* the last step is done */
/** slot_power_no_ifsd() - reset cold, and go on with IFSD 32. */
void slot_power_no_ifsd(struct slot *s);

/* -- slot-transfer.c ----------------------------------------------------------------------- */

void slot_transfer_start(struct slot *s);
void slot_transfer_take(struct slot *s, const struct message *m);
/** slot_transfer_ifsd() - S(IFS request), for STEP_IFSD. */
void slot_transfer_ifsd(struct slot *s, uint8_t ifsd);
/** slot_transfer_answer() - the card's answer is whole: takes @bytes of it, at least a status
 *  word. */
void slot_transfer_answer(struct slot *s, struct view bytes);

/* -- slot-pin.c ---------------------------------------------------------------------------- */

void slot_pin_start(struct slot *s, const struct slot_pin *pin);
void slot_pin_take(struct slot *s, const struct message *m);
/** slot_pin_untouched() - whether the answer says that the card was asked nothing. */
bool slot_pin_untouched(const struct message *m);
