/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What runs between a reader and its card, as each of the two has it: they hear each other only where both have
 * the same. A reader that changes clock and rate by itself (CCID_AUTO_CLOCK, CCID_AUTO_RATE) follows the
 * parameters that it was told, or that it took from the card (CCID_AUTO_PARAMETERS, CCID_AUTO_PPS); any other one
 * has the rate that PC_to_RDR_SetDataRateAndClockFrequency gave it (CCID 1.1 §6.1.14), out of its lists.
 */
#include "drivers/card/atr.h"

struct bench_slot;
struct model;

/** struct bench_wire - of one slot; all of it is new after a reset of the card. */
struct bench_wire {
	uint8_t fidi, protocol; /* the card's: since its reset, or by PPS */
	uint32_t clock, rate;	/* the reader's: kHz, bit/s */
	unsigned told;		/* messages of the host that set clock and rate */
};

/** rates_reset() - the card was reset: its parameters, and the reader's with CCID_AUTO_RATE, are the default. */
void rates_reset(struct bench_slot *s);
/** rates_default() - the reader goes back to its own clock and rate (ResetParameters). */
void rates_default(struct bench_slot *s);
/** rates_pps() - the card took @request. */
void rates_pps(struct bench_slot *s, struct view request);
/** rates_set() - SetDataRateAndClockFrequency. Return: 0, or bError: where the message is wrong. */
uint8_t rates_set(struct bench_slot *s, struct view data);
/** rates_put() - clock and rate in force, as that is answered; appended. */
void rates_put(const struct bench_slot *s, struct buf *out);
/** rates_heard() - whether the card understands what the reader sends. */
bool rates_heard(const struct bench_slot *s);
/** rates_list() - GET_CLOCK_FREQUENCIES, GET_DATA_RATES (§5.3.2, §5.3.3). Return: whether there is such a list. */
bool rates_list(const struct model *m, uint8_t request, struct buf *out);
