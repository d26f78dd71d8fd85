/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * From the answer to reset to what reader and card shall agree on: protocol, Fi and Di, guard time,
 * waiting times, error detection, and the PPS exchange (ISO/IEC 7816-3:2006 §6.3, §8, §9) where the
 * reader leaves that to us. Pure.
 *
 *   PPS request and answer: FF | PPS0 = T, bits 5..7: PPS1..3 follow | PPS1 = Fi, Di | PCK
 */
#include "drivers/card/atr.h"
#include "drivers/usb/descriptor.h"

#define PARAMETERS_T0	5U /* bytes of abProtocolDataStructure (CCID 1.1 §6.1.7) */
#define PARAMETERS_T1	7U
#define PARAMETERS_IFSD 254U /* bytes that we take in a block (IFS of the interface device) */

/** struct parameters - what is in force between a reader and its card. */
struct parameters {
	uint8_t protocol;   /* 0 or 1 */
	uint8_t fidi;	    /* FI and DI as in TA1; 11 by default */
	uint8_t guard;	    /* extra guard time N (TC1) */
	bool inverse;	    /* convention */
	uint8_t clock_stop; /* 0: not allowed; 1 low, 2 high, 3 both */
	uint8_t wi;	    /* T=0: WI (TC2), 10 by default */
	uint8_t bwi, cwi;   /* T=1 (TB3), 4 and 13 by default */
	uint8_t ifsc;	    /* T=1: bytes that the card takes in a block (TA3), 32 by default */
	bool crc;	    /* T=1: error detection by CRC (TC3), else LRC */
	uint16_t fi;	    /* Fi of TA1, 372 by default: WT is of it (§10.2), at any rate */
	uint32_t clock;	    /* kHz that the card gets */
	uint32_t rate;	    /* bit/s: clock * Di / Fi */
};

enum parameters_outcome {
	PARAMETERS_NONE = 1, /* no protocol that card and reader both have */
	PARAMETERS_SPECIFIC, /* the card demands (TA2) what the reader cannot */
	PARAMETERS_BROKEN,   /* an answer that is none */
	PARAMETERS_REFUSED,  /* PPS: the card said something else than was asked */
	PARAMETERS_DEFAULT,  /* PPS: it stays with Fi = 372, Di = 1 (no PPS1 in its answer) */
};

/** parameters_rates() - what GET_DATA_RATES brought (CCID 1.1 §5.3.3; asked where reader->rates is not 0)
 *  into @reader's listed, at most DESCRIPTOR_RATES_MAX; a list that is none (empty, cut, 0 in it) counts
 *  as no list: any rate up to rate_max. */
void parameters_rates(struct view data, struct ccid_interface *reader);
/**
 * parameters_choose() - what to agree on
 * @first:  protocol wanted where the card offers both (T=0: a CPS4 takes 32 bytes a block with T=1)
 * @ret_negotiate: a PPS must be made, because protocol or rate differ from what holds after the reset
 *
 * The highest rate that the card offers (its Fi, Di and any below: §9) and the reader lists or spans; the
 * default where it cannot. In specific mode (TA2) what the card says, without PPS. A reader that
 * negotiates by itself (CCID_AUTO_PPS, CCID_AUTO_NEGOTIATION) is left to do so, and @ret_negotiate is
 * false: @ret is then what it is expected to come to. Return: 0, PARAMETERS_NONE or PARAMETERS_SPECIFIC.
 */
int parameters_choose(const struct atr *atr, const struct ccid_interface *reader,
	unsigned first, struct parameters *ret, bool *ret_negotiate) _must_check_;
/** parameters_after_reset() - what holds before any PPS: default rate, the first protocol (§6.3.1); in
 *  specific mode what the card says. */
void parameters_after_reset(
	const struct atr *atr, const struct ccid_interface *reader, struct parameters *ret);
/** parameters_figure() - bit/s of @p as @reader lists them: it may take no other figure for the same rate. */
uint32_t parameters_figure(const struct parameters *p, const struct ccid_interface *reader);
/** parameters_pps() - the request for @p: FF, PPS0 (with PPS1 when the rate differs), PCK; appended. */
void parameters_pps(const struct parameters *p, struct buf *out);
/** parameters_pps_answer() - Return: 0 (as asked), PARAMETERS_DEFAULT, PARAMETERS_REFUSED (deactivate and
 *  reset the card, §9.2), PARAMETERS_BROKEN. */
int parameters_pps_answer(const struct parameters *p, struct view answer) _must_check_;
/** parameters_put() - abProtocolDataStructure of PC_to_RDR_SetParameters, appended. */
void parameters_put(const struct parameters *p, struct buf *out);
/** parameters_read() - the same, of RDR_to_PC_Parameters with bProtocolNum @protocol; clock and rate are
 *  computed from @reader. Readers give what they like for a card's own figures: where WI, BWI or IFSC
 *  cannot be, the default stands; bytes behind it are passed over. Return: 0 or PARAMETERS_BROKEN (cut,
 *  another protocol, reserved Fi or Di). */
int parameters_read(struct view data, uint8_t protocol, const struct ccid_interface *reader,
	struct parameters *ret) _must_check_;

/* -- times, microseconds (§10.2, §11.4.3), never 0 and never above PARAMETERS_WAIT_MAX ------------ */

#define PARAMETERS_WAIT_MAX                                                                    \
	60000000U /* microseconds: what a table can make of absurd values ends here */

/** parameters_character_us() - WT (T=0): the longest between two characters, either way. */
uint64_t parameters_character_us(const struct parameters *p);
/** parameters_block_us() - BWT (T=1): the longest before a block begins; CWT for @bytes is added. */
uint64_t parameters_block_us(const struct parameters *p, size_t bytes);
/** parameters_line_us() - what @bytes take on the line, guard time included. */
uint64_t parameters_line_us(const struct parameters *p, size_t bytes);
