/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The card's side of a reader: the simulator's link, and the lines between message and command. Under the
 * bench's lock, like all of it.
 */
#include "tests/usb/pipes.h"

/* -- card.c: the slot's card in the simulator ----------------------------------------------------- */

void card_open(struct bench_slot *s); /* connects, and watches */
void card_power(struct bench_slot *s, bool on);
/** card_protocol() - what SetParameters chose; answered with the parameters. */
void card_protocol(struct bench_slot *s, uint8_t protocol);
/** card_transfer() - XfrBlock, by the level; @level: wLevelParameter. */
void card_transfer(struct bench_slot *s, struct view data, unsigned level);
void card_keys(struct bench_slot *s, struct view data); /* Secure */
void card_cancel(struct bench_slot *s);			/* whatever is under way is forgotten */
/** card_ask() - one request over the slot's link; its answer comes to card.c. */
void card_ask(struct bench_slot *s, int step, uint8_t op, struct view payload);
int card_connect(const struct bench *b); /* Return: a connection to the simulator, or -1 */

/* -- lines.c: what a reader or a card does between message and command ------------------------- */

enum lines_step {
	LINES_NOTHING = 0,
	LINES_POWER,
	LINES_ONLY_T1,
	LINES_PROTOCOL,
	LINES_PPS,
	LINES_TPDU,
	LINES_APDU,
	LINES_CHARACTERS,
	LINES_KEYS,
};

/** lines_begin() - XfrBlock of an active card. */
void lines_begin(struct bench_slot *s, struct view data, unsigned level);
/** lines_answered() - what the card said to LINES_TPDU, LINES_APDU, LINES_CHARACTERS. */
void lines_answered(struct bench_slot *s, struct view answer);
void lines_pps_done(struct bench_slot *s);
/** lines_in_blocks() - whether the blocks of T=1 are the host's. */
bool lines_in_blocks(const struct bench_slot *s);
/** lines_keys() - abPINDataStructure as PC/SC's structure; with blocks of the host prologue and command stay in
 *  s->command. Return: the feature, 0: none. */
uint8_t lines_keys(struct bench_slot *s, struct view data, struct buf *out);

/* -- long-card.c -------------------------------------------------------------------------------- */

/** long_card() - the bench's own card: one command, its answer appended with its status word. */
void long_card(struct buf *memory, struct view command, struct buf *answer);

/* -- t1.c: a card's blocks, in a thread of the slot ------------------------------------------------ */

void t1_reset(struct bench_slot *s); /* after each reset of the card */
/** t1_take() - one block; ends in t1_done() with the card's, or none. */
void t1_take(struct bench_slot *s, struct view block);
/** t1_keys() - the command of the keypad, behind its prologue, was answered: the block with that answer. */
void t1_keys(struct bench_slot *s, struct view command, struct view answer);
void t1_cancel(struct bench_slot *s);
bool t1_order(struct bench_slot *s, const char *name, unsigned value, unsigned times);
unsigned t1_ordered(
	struct bench_slot *s); /* orders that have not happened; not under the bench's lock */
/** lines_block() - the card's block, empty: it is silent; @error: bError, 0: none. */
void lines_block(struct bench_slot *s, struct view block, uint8_t error);
