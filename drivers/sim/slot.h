/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One slot of the simulated reader: the card in it, its power, the faults that a test asked for, the
 * transcript and the counters. A fault stays until it is taken back; a tear happens once.
 */
#include <stdio.h>

#include "drivers/sim/clock.h"
#include "drivers/sim/os.h"
#include "drivers/sim/transport.h"

#define SLOT_COUNT	 2U
#define SLOT_REPLAY_MAX	 4194304U /* bytes of a transcript */
#define SLOT_COMMAND_MAX 300U	  /* bytes of one TPDU or short APDU, with room to be wrong */
#define SLOT_ANSWER_MAX	 66000U	  /* bytes of an answer that a fault made long */

/** struct slot_faults - what is wrong on purpose. */
struct slot_faults {
	bool mute;     /* no answer; the reader gives up after the waiting time */
	bool mute_atr; /* no answer to reset */
	bool hang;     /* the reader itself never comes back */
	bool yes;      /* 9000 and zero bytes to everything */
	bool loop61;   /* 61 10 for ever */
	bool truncates;
	size_t truncate; /* bytes that are left of every answer */
	size_t overlong; /* zero bytes put before the status word */
	uint64_t delay_us;
	unsigned tear; /* the card leaves during this command from now; 0: never */
	char tear_insert[STATE_NAME]; /* and this one comes at once; empty: none */
};

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
	struct slot_faults faults;
	FILE *record;
	struct buf replay; /* answers that are left, each with two bytes of length */
	size_t replay_at;
	uint64_t tpdus, characters;
	/* called at every change of presence, absent before present when a card is replaced */
	void (*changed)(void *user, unsigned slot, bool present);
	void *user;
};

enum slot_outcome {
	SLOT_NO_CARD = 1, /* nothing in the slot, or it just left */
	SLOT_UNPOWERED,	  /* no power-up since it came */
	SLOT_MUTE,	  /* no answer: tell the reader after @ret_delay */
	SLOT_HANG,	  /* never tell the reader anything */
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
 * Return: 0, SLOT_NO_CARD, SLOT_UNPOWERED, SLOT_MUTE or SLOT_HANG.
 */
int slot_transmit(
	struct slot *s, struct view in, struct buf *out, uint64_t *ret_delay) _must_check_;
