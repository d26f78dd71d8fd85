/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What is wrong with a slot on purpose. A fault stays until it is taken back, save those that
 * say for how many commands they are. Two kinds: faults that answer in the card's place (the
 * card sees nothing) and faults of the line (the card has done what it was told, its answer is
 * spoilt).
 */
#include "drivers/sim/state.h"

/** enum slot_procedure - answers that no T=0 exchange can give (ISO/IEC 7816-3:2006 §10.3.3). */
enum slot_procedure {
	SLOT_PROCEDURE_RIGHT,
	SLOT_PROCEDURE_ONE,   /* one byte, 60 */
	SLOT_PROCEDURE_SW1,   /* SW1 is neither 6X nor 9X */
	SLOT_PROCEDURE_EMPTY, /* nothing at all */
};

/** struct slot_faults - all zero: nothing is wrong. */
struct slot_faults {
	bool mute;	  /* no answer; the reader gives up after the waiting time */
	bool mute_atr;	  /* no answer to reset */
	bool upside_down; /* the same, until this card is taken out */
	bool hang;	  /* the reader itself never comes back */
	bool wtx;	  /* the card asks for more time for ever; done, but never answered */
	bool yes;	  /* 9000 and zero bytes to everything */
	bool loop61;	  /* 61 10 for ever */
	bool loop6c;	  /* 6CXX for ever, never the length that was asked for */
	bool truncates;
	bool garbages;
	enum slot_procedure procedure;
	size_t truncate;  /* bytes that are left of every answer */
	size_t overlong;  /* zero bytes put before the status word */
	uint32_t garbage; /* state of the generator of random answers */
	uint64_t delay_us;
	uint64_t stuck_us; /* for the next command alone */
	unsigned glitch;   /* power-ups that still fail */
	unsigned flip;	   /* a bit turns over in this answer from now; 0: never */
	size_t flip_bit;   /* which, modulo the answer's bits; 0 is the first byte's highest */
	unsigned tear;	   /* the card leaves during this command from now; 0: never */
	char tear_insert[STATE_NAME]; /* and this one comes; empty: none */
	uint64_t tear_us;	      /* after this time; 0: at once */
};

/**
 * slot_fault_answer() - an answer in the card's place
 * @in:  the command
 * @t1:  whether a Le may follow the data
 * @out: receives the answer
 *
 * Return: whether there is such a fault; false leaves @out alone.
 */
bool slot_fault_answer(const struct slot_faults *f, struct view in, bool t1, struct buf *out);
/** slot_fault_distort() - spoil the answer in @out as the faults of the line ask for. */
void slot_fault_distort(struct slot_faults *f, struct buf *out);
/** slot_fault_power() - whether this power-up fails; counts glitches down. */
bool slot_fault_power(struct slot_faults *f);
/** slot_fault_list() - append the faults that are in force, each after a space. */
void slot_fault_list(const struct slot_faults *f, struct buf *out);
