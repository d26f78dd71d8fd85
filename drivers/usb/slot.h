/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One slot of a reader: what is in it, whether it has power, which protocol runs, and the one
 * job that is on its way. A machine without a device: interface.h asks it for the next message,
 * gives it the answer, tells it that time is over. Pure but for the heap; time comes as an
 * argument, CLOCK_MONOTONIC in microseconds.
 *
 *   job        what goes over the bulk pipe
 *   POWER      IccPowerOn (automatic voltage, else 5 V, 3 V, 1.8 V in turn as far as the reader
 *              has them), then as the reader leaves to us: GetParameters, PPS by XfrBlock,
 *              SetDataRateAndClockFrequency, SetParameters, S(IFS request)
 *   TRANSMIT   by level: characters (t0.h), TPDUs (t0.h, t1.h), short APDUs, extended APDUs in
 *              as many messages as they need (wLevelParameter, bChainParameter)
 *   SECURE     PC_to_RDR_Secure, answered when the person is through
 *   OFF, STATUS, RESET
 *
 * Every wait has a deadline: what card and reader may take by their own figures, and a whole
 * that no time extension makes longer, and SLOT_EXTENSIONS_MAX of them end. When it is over the
 * slot aborts (ABORT on the control pipe and on the bulk pipe, §6.1.13), and where that does not
 * help either the reader is reset by interface.h.
 */
#include "drivers/usb/message.h"
#include "drivers/usb/parameters.h"
#include "drivers/usb/t0.h"
#include "drivers/usb/t1.h"

#define SLOT_COMMAND_MAX    65544U /* bytes of a command APDU */
#define SLOT_ANSWER_MAX	    65538U
#define SLOT_JOB_USEC	    60000000U /* microseconds: the whole of a job */
/* time extensions in a job: 25 s of NULL bytes at 9,600 baud, if each is told; *invented* */
#define SLOT_EXTENSIONS_MAX 20000U
#define SLOT_KEYS_USEC	    120000000U /* ... of a job with a keypad */
/* a reader's answer about itself (status, parameters); STATUS and OFF as a whole: twice that */
#define SLOT_ASK_USEC	    2000000U
#define SLOT_ATR_USEC	    10000000U /* a reader's answer with an ATR; a mute card it tells itself */
#define SLOT_ABORT_USEC	    1000000U
#define SLOT_AHEAD_USEC                                                                        \
	1000000U /* an interrupt that comes later is of another card; *invented* */
#define SLOT_BUSY_USEC                                                                         \
	100000U /* BUSY_WITH_AUTO_SEQUENCE: the message is repeated so often; *invented* */

enum slot_job {
	SLOT_JOB_NONE = 0,
	SLOT_JOB_POWER, /* on, as above; of an active card nothing (it keeps what it has) */
	SLOT_JOB_RESET, /* on again: a card that is active is reset (warm where the reader can) */
	SLOT_JOB_OFF,
	SLOT_JOB_STATUS,
	SLOT_JOB_TRANSMIT,
	SLOT_JOB_SECURE,
};

/* how a job ended */
enum slot_end {
	SLOT_DONE = 0,
	SLOT_EMPTY = 1, /* no card, or it left meanwhile */
	SLOT_MUTE,	/* a card that does not answer, or not in time */
	SLOT_BROKEN,	/* the card's answer is none (ATR, procedure byte, block, length) */
	SLOT_LIED, /* the reader's answer is none: wrong type, length, status, for ever more time or
		      busy; or it does not take a message that it must; never a word of a keypad */
	SLOT_UNPOWERED, /* the card lost its power since: all rights are gone */
	/* the next four of SLOT_JOB_SECURE alone, but for interface_abort(): the card was asked
	 * nothing, and has its power unless slot.powers says otherwise */
	SLOT_CANCELLED, /* keypad: cancel key; any job: aborted by us, fate unknown if begun */
	SLOT_LATE,	/* keypad: nothing typed in time */
	SLOT_REFUSED,	/* keypad: wrong length, codes differ */
	SLOT_NO_KEYPAD, /* this reader cannot do that, or does not take the message */
	SLOT_UNABLE,	/* no protocol in common, or an APDU that this level cannot carry */
	SLOT_FAILED,	/* a fault of ours (no memory) */
	SLOT_UNPLUGGED,
};

/** struct slot_pin - a command that the reader completes from its keys (CCID 1.1 §6.1.11,
 *  §6.1.12); the same as struct transport_pin of drivers/reader/reader.h. */
struct slot_pin {
	struct view command; /* header, Lc, data with FF where digits go */
	uint8_t digits, new_digits, old_at, new_at;
};

enum slot_presence {
	SLOT_UNKNOWN = 0,
	SLOT_OUT,
	SLOT_IN,
};

struct slot {
	const struct ccid_interface *reader; /* borrowed */
	uint8_t number;
	uint8_t seq; /* of the command that is on its way, then of the next one */
	enum slot_presence presence;
	uint32_t events; /* counts each coming and going */
	/* presence is known from the bulk pipe; the interrupt tells it again before that time,
	 * SLOT_AHEAD_USEC at most; 0: not */
	uint64_t ahead;
	bool active;	 /* has power, by our last word of it */
	bool hot;	 /* has power, by the reader's last word, or may by a power on since */
	uint32_t powers; /* counts each loss of power */
	struct atr atr;
	struct parameters parameters; /* in force while active */
	struct t0 t0;
	struct t1 t1;
	enum slot_job job;
	bool waits;	   /* a message of ours is with the reader */
	uint64_t deadline; /* for the answer; 0: none */
	uint64_t whole;	   /* for the job */
	uint64_t again;	   /* the message is repeated then, the reader was busy; 0: not */
	struct buf answer; /* of TRANSMIT, SECURE: with status word */
	struct slot_steps *steps; /* the job's own state (slot-steps.h) */
};

/** slot_init() - an empty slot. Return: 0 or a fault. */
int slot_init(struct slot *s, const struct ccid_interface *reader, uint8_t number) _must_check_;
void slot_done(struct slot *s);

/** slot_start() - begin a job; there is none (assert), and SECURE is slot_start_pin()'s (assert).
 *  @command: for TRANSMIT, copied; else empty. Ends at once, without a message, by
 *  slot_end_of() where nothing needs to be sent. */
void slot_start(struct slot *s, enum slot_job job, struct view command, uint64_t now);
void slot_start_pin(struct slot *s, const struct slot_pin *pin, uint64_t now);
/** slot_next() - whether the slot has a message for the bulk pipe; appended to @out. One that a
 *  busy reader did not take (BUSY_WITH_AUTO_SEQUENCE) comes again at slot.again, until its
 *  deadline. */
bool slot_next(struct slot *s, struct buf *out, uint64_t now);
/** slot_take() - an answer of the right slot, sequence number and type. */
void slot_take(struct slot *s, const struct message *m, uint64_t now);
/** slot_spoil() - instead of one: it cannot be read, or is of the wrong type (SLOT_LIED); the
 *  card went (SLOT_EMPTY); the reader went (SLOT_UNPLUGGED); the abort is over (SLOT_MUTE,
 *  SLOT_CANCELLED). Of a command that the card may have seen nothing is known any more: the
 *  card counts as without power, unless slot_dropped() has said that it saw nothing. */
void slot_spoil(struct slot *s, enum slot_end why);
/** slot_dropped() - the answer of a job that is being aborted came all the same: all that counts
 *  is whether it says that the card was asked nothing (keypad: CANCELLED, PIN_TIMEOUT, ABORTED). */
void slot_dropped(struct slot *s, const struct message *m);
/** slot_late() - why a job that waits beyond its deadline ends. */
enum slot_end slot_late(const struct slot *s);
/** slot_asked() - the type of the message that is with the reader, or was last. */
enum message_type slot_asked(const struct slot *s);
/** slot_over() - whether the job has ended and slot_ended() has not told it yet. */
bool slot_over(const struct slot *s);
/** slot_expects_long() - whether the answer that is awaited may be longer than a short APDU's. */
bool slot_expects_long(const struct slot *s);
/** slot_begun() - whether the reader has seen a message of the job. */
bool slot_begun(const struct slot *s);
/** slot_unpower() - the card has no power any more, whoever took it; counted if it had. */
void slot_unpower(struct slot *s);
/** slot_ended() - whether the job is over; @ret_end how. The job is then none. */
bool slot_ended(struct slot *s, enum slot_end *ret_end);
/** slot_notice() - what an interrupt or a status says of presence. Return: whether that is
 *  news. @changed without a difference is a card that was out in between: two events. */
bool slot_notice(struct slot *s, bool present, bool changed, uint64_t now);
