/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One slot of a simulated reader: the card in it, its power, its keypad, the faults that a test
 * asked for, the transcript and the counters.
 */
#include <stdio.h>

#include "drivers/sim/clock.h"
#include "drivers/sim/keypad.h"
#include "drivers/sim/os.h"
#include "drivers/sim/slot-fault.h"
#include "drivers/sim/transport.h"

#define SLOTS_MAX	 8U	  /* of all readers together */
#define SLOT_REPLAY_MAX	 4194304U /* bytes of a transcript */
#define SLOT_COMMAND_MAX 300U	  /* bytes of one TPDU or short APDU, with room to be wrong */
#define SLOT_ANSWER_MAX	 66000U	  /* bytes of an answer that a fault made long */

struct slot {
	unsigned index;
	const char *state_dir;
	bool clocked;
	FILE *trace; /* shared by all slots, NULL: none */
	bool present, powered;
	char name[STATE_NAME]; /* of the card; "replay" for a transcript */
	struct card *card;     /* NULL: no card, or a transcript */
	struct atr atr;
	struct transport transport;
	struct keypad keypad;
	struct slot_faults faults;
	char back[STATE_NAME]; /* a card that comes back by itself; empty: none */
	uint64_t back_at;      /* then, CLOCK_MONOTONIC microseconds */
	FILE *record;
	struct buf replay; /* answers that are left, each with two bytes of length */
	size_t replay_at;
	uint64_t tpdus, characters;
	uint64_t
		link_us; /* what those took on the line, and in the cards where a profile says so */
	uint64_t late_us; /* clock.h */
	/* called at every change of presence, absent before present when a card is replaced */
	void (*changed)(void *user, unsigned slot, bool present);
	void *user;
};

enum slot_outcome {
	SLOT_NO_CARD = 1, /* nothing in the slot, or it just left */
	SLOT_UNPOWERED,	  /* no power-up since it came */
	SLOT_MUTE,	  /* no answer: tell the reader after @ret_delay */
	SLOT_HANG,	  /* never tell the reader anything */
	SLOT_WTX,	  /* the card goes on asking for time; the answer is there, if ever */
	SLOT_REFUSED,	  /* the card does not offer this protocol */
	SLOT_ABSENT,	  /* no such card in the state folder */
	SLOT_INVALID,	  /* its state file, or the transcript, is not one of ours */
	SLOT_FULL,	  /* a card is in already */
};

void slot_init(struct slot *s, unsigned index, const char *state_dir, bool clocked);
void slot_done(struct slot *s);

/** slot_insert() - Return: 0, a fault, SLOT_FULL, SLOT_ABSENT or SLOT_INVALID. */
int slot_insert(struct slot *s, const char *name) _must_check_;
/** slot_replay() - an emulator takes the slot; a card in it leaves first.
 *  Return: 0, a fault, SLOT_ABSENT or SLOT_INVALID. */
int slot_replay(struct slot *s, const char *path) _must_check_;
void slot_remove(struct slot *s); /* an empty slot stays empty */

enum slot_swap {
	SLOT_SWAP_SEEN,	 /* the reader tells of both, as slot_remove() and slot_insert() do */
	SLOT_SWAP_QUIET, /* it tells of neither; the card that is in now has no power */
	SLOT_SWAP_LIVE,	 /* nor did the power fail: the next command goes to the other card */
};

/** slot_swap() - another card, or the same anew. Return: as slot_insert(), but never
 *  SLOT_FULL. */
int slot_swap(struct slot *s, const char *name, enum slot_swap how) _must_check_;
/** slot_bounce() - the card goes, and comes back after @us. Return: 0, or SLOT_NO_CARD. */
int slot_bounce(struct slot *s, uint64_t us) _must_check_;
/** slot_come_back() - at s->back_at: put the card in. Return: 0, a fault, or as
 *  slot_insert(). */
int slot_come_back(struct slot *s) _must_check_;
/** slot_record() - transcript to @path from now on; NULL ends it. Return: 0 or a fault. */
int slot_record(struct slot *s, const char *path) _must_check_;

/** slot_power() - up or reset. Return: 0 (s->atr is valid), SLOT_NO_CARD or SLOT_MUTE. */
int slot_power(struct slot *s) _must_check_;
void slot_power_down(struct slot *s);
/** slot_protocol() - Return: 0, SLOT_NO_CARD, SLOT_UNPOWERED or SLOT_REFUSED. */
int slot_protocol(struct slot *s, unsigned protocol) _must_check_;
/**
 * slot_transmit() - one command
 * @out:       reset first; the answer with its status word
 * @ret_delay: microseconds until the reader may have the outcome, also set for SLOT_MUTE
 *
 * Return: 0, a fault, SLOT_NO_CARD, SLOT_UNPOWERED, SLOT_MUTE, SLOT_HANG or SLOT_WTX.
 */
int slot_transmit(
	struct slot *s, struct view in, struct buf *out, uint64_t *ret_delay) _must_check_;
