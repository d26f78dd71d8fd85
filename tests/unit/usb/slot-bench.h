/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A slot on the bench: what it sends is compared with hexadecimal text, what it is answered is
 * told the same way. Time stands still but for bench.now.
 */
#include "drivers/usb/slot.h"

/* answers to reset */
#define BENCH_T0	 "3B00"
#define BENCH_T0_FAST	 "3B1094"	  /* TA1 = 94: Fi 512, Di 8 */
#define BENCH_T1	 "3B808131FE458B" /* 254 bytes a block, BWI 4 */
#define BENCH_T1_CRC	 "3B808151FE01AF"
#define BENCH_T1_FAST	 "3B90940105"
#define BENCH_BOTH	 "3B80800101"
#define BENCH_FIXED_FAST "3B90941000" /* TA2: T=0, no negotiation */
#define BENCH_FIXED_ODD	 "3B9094101F" /* TA2: T=15 and rates that nobody knows */

/* a reader that does all that it can by itself */
#define BENCH_AUTO (CCID_AUTO_VOLTAGE | CCID_AUTO_NEGOTIATION | CCID_AUTO_IFSD)

/* bStatus */
#define BENCH_ACTIVE 0x00
#define BENCH_IDLE   0x01
#define BENCH_ABSENT 0x02
#define BENCH_FAILED 0x40
#define BENCH_TIME   0x80

struct bench {
	struct ccid_interface reader;
	struct slot slot;
	uint64_t now;
	unsigned out, in; /* messages, of both directions */
};

/** bench_begin() - a reader at @level with @features besides it, both protocols, 5 V and 3 V,
 *  keypad. */
void bench_begin(struct bench *b, enum ccid_level level, uint32_t features);
void bench_done(struct bench *b);
void bench_start(struct bench *b, enum slot_job job, const char *hex);
/** bench_sends() - the slot's next message is of @type, with @three bytes and @hex data. */
void bench_sends(struct bench *b, enum message_type type, const char *three, const char *hex);
/** bench_silent() - the slot has nothing to send. */
void bench_silent(struct bench *b);
/** bench_says() - the reader's answer. */
void bench_says(struct bench *b, uint8_t type, uint8_t status, uint8_t error, uint8_t last,
	const char *hex);
/** bench_data() - a data block of a reader that is well. */
void bench_data(struct bench *b, const char *hex);
/** bench_ends() - the job is over so; @hex: the answer, NULL: none. */
void bench_ends(struct bench *b, enum slot_end end, const char *hex);
/** bench_power() - a card with the answer to reset @atr is powered by the shortest way. */
void bench_power(struct bench *b, const char *atr);
