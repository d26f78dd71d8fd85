/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Operating system of the simulated cards: files, security state and commands as of ISO/IEC 7816-4,
 * -8 and -9, as far as Vitale and CPS use them. A card is made from its state (state.h) by the
 * table of its kind; it knows nothing of T=0 or T=1 (transport.h) nor of readers. What it does not
 * know it refuses: 6A82, 6D00, never an easy yes.
 *
 *   kind   = instructions, class byte, how SELECT answers       vitale.c cps3.c cps4.c plain.c
 *   volet  = the older application of a CPS, class A0            cps2ter.c
 *   file   = DF or EF with content and one read condition        os-file.c
 *   rights = PIN, PUK, role; dropped by reset                    os-pin.c os-role.c
 */
#include "drivers/sim/state.h"

#define OS_FILES_MAX  96U
#define OS_ANSWER_MAX 256U  /* bytes of data in one answer */
#define OS_CHAIN_MAX  1024U /* bytes of data of one chained command */
#define OS_CHALLENGE  16U

/* Status words, ISO/IEC 7816-4:2020 table 5 and 6. */
enum os_sw {
	OS_SW_OK = 0x9000,
	OS_SW_FALSE = 0x6300, /* verification failed, no counter */
	OS_SW_TRIES = 0x63C0, /* ORed with the tries left */
	OS_SW_MEMORY = 0x6581,
	OS_SW_LENGTH = 0x6700,
	OS_SW_CHANNEL = 0x6881,
	OS_SW_SECURE_MESSAGING = 0x6882,
	OS_SW_CHAINING = 0x6884,
	OS_SW_SECURITY = 0x6982,
	OS_SW_BLOCKED = 0x6983,
	OS_SW_CONDITIONS = 0x6985,
	OS_SW_NO_EF = 0x6986,
	OS_SW_DATA = 0x6A80,
	OS_SW_NO_FILE = 0x6A82,
	OS_SW_P1P2 = 0x6A86,
	OS_SW_NO_REFERENCE = 0x6A88,
	OS_SW_OFFSET = 0x6B00,
	OS_SW_LE = 0x6C00, /* ORed with the bytes that are there */
	OS_SW_INS = 0x6D00,
	OS_SW_CLA = 0x6E00,
	OS_SW_BROKEN = 0x6F00,
};

/** struct command - one command as the transport saw it. */
struct command {
	uint8_t cla, ins, p1, p2;
	struct view data;
	int le; /* -1: no answer data asked; else 1..256 */
};

struct card; /* os-card.h */

/** card_new() - takes @state, also on failure. */
int card_new(struct state *state, struct card **ret_card) _must_check_;
struct card *card_free(struct card *c); /* returns NULL */
/** card_reset() - what a reset of the contacts does: every right is gone. */
void card_reset(struct card *c);
/** card_process() - @out: answer data (reset first, empty on refusal). Return: the status word. */
uint16_t card_process(struct card *c, const struct command *cmd, struct buf *out);
/** card_takes_data() - whether the instruction of @cmd must carry a body when P3 is not 0. */
bool card_takes_data(const struct card *c, const struct command *cmd);
