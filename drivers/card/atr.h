/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Answer to reset, ISO/IEC 7816-3:2006 §8.2. Pure: bytes in, facts out. Shared by the card drivers
 * and the simulated cards.
 *
 *   TS T0 TA1 TB1 TC1 TD1 TA2 TB2 TC2 TD2 ... T1 .. TK (TCK)
 *
 * The high half of T0 and of each TD says which of the four bytes follow, the low half of T0 is K,
 * the low half of a TD the protocol that the next level is about. TCK is there unless T=0 is the
 * only protocol named. Bytes are taken in direct convention, as PC/SC gives them.
 */
#include "base/buf.h"

#define ATR_MAX		   33U /* bytes, TS included */
#define ATR_LEVELS_MAX	   32U /* every level after the first costs one byte */
#define ATR_HISTORICAL_MAX 15U
#define ATR_FREQUENCY	   4000000U /* Hz; the clock that all our figures assume */

enum atr_bytes {
	ATR_HAS_A = 0x10,
	ATR_HAS_B = 0x20,
	ATR_HAS_C = 0x40,
	ATR_HAS_D = 0x80,
};

/** struct atr_level - interface bytes TAi, TBi, TCi, TDi; absent ones are 0. */
struct atr_level {
	uint8_t has;	  /* ATR_HAS_... */
	uint8_t protocol; /* T that this level is about (from the TD before); level 1: 0, unused */
	uint8_t a;
	uint8_t b;
	uint8_t c;
	uint8_t d;
};

struct atr {
	uint8_t bytes[ATR_MAX];
	size_t len;
	bool inverse;				/* TS = 3F */
	struct atr_level level[ATR_LEVELS_MAX]; /* level[0] holds TA1..TD1 */
	size_t n_levels;
	uint8_t historical[ATR_HISTORICAL_MAX];
	size_t n_historical;
	uint16_t
		protocols; /* bit T set: offered; T=15 is no protocol; nothing named means T=0 */
	uint8_t first;	   /* the first offered protocol (§6.3.1: used without negotiation) */
	bool specific;	   /* TA2 present: specific mode, no negotiation */
	bool has_tck;
};

enum atr_outcome {
	ATR_CUT = 1,	/* ends before what T0 and the TDs announce, or empty */
	ATR_LONG,	/* bytes after its end, or more than 33 */
	ATR_CONVENTION, /* TS neither 3B nor 3F */
	ATR_CHECKSUM,	/* TCK wrong */
};

/** atr_parse() - Return: 0, ATR_CUT, ATR_LONG, ATR_CONVENTION or ATR_CHECKSUM. */
int atr_parse(struct view bytes, struct atr *ret_atr) _must_check_;
struct view atr_view(const struct atr *a);		 /* the bytes, borrowed */
struct view atr_view_historical(const struct atr *a);	 /* borrowed */
bool atr_offers(const struct atr *a, unsigned protocol); /* T = 0..14 */
/** atr_matches() - whether all bytes equal @pattern where @mask has bits; lengths must be
 * equal. */
bool atr_matches(const struct atr *a, struct view pattern, struct view mask);
/** atr_like() - whether all bytes look like @pattern, two characters a byte, "?" any half of one;
 *  @historical: whether the historical bytes begin like it. A bad pattern fits nothing. */
bool atr_like(const struct atr *a, const char *pattern, bool historical);

/* -- transmission parameters (§8.3, tables 7 and 8). A reserved value counts as the
 * default. */
unsigned atr_fi_of(uint8_t ta1); /* of a TA1 or PPS1; 0: reserved */
unsigned atr_di_of(uint8_t ta1);
unsigned atr_fi(const struct atr *a); /* clock rate conversion integer, default 372 */
unsigned atr_di(const struct atr *a); /* baud rate adjustment integer, default 1 */
/** atr_guard_time() - GT in etu between leading edges of characters: 12 + N; N=255: 12,
 * T=1: 11. */
unsigned atr_guard_time(const struct atr *a, unsigned protocol);
/** atr_character_ns() - nanoseconds of one character with Fi, Di at @hz: GT * Fi / (Di * f). */
uint64_t atr_character_ns(const struct atr *a, unsigned protocol, unsigned hz);
/** atr_waiting_ns() - T=0: WT = WI * 960 * Fi / f (§10.2, TC2, default 10);
 *  T=1: BWT = 11 etu + 2^BWI * 960 * 372 / f (§11.4.3, first TB for T=1, default 4). */
uint64_t atr_waiting_ns(const struct atr *a, unsigned protocol, unsigned hz);
/** atr_level_for() - the first level beyond the second that is about @protocol (15: global bytes) and
 * has byte @which (§8.3, §11.4.2 to §11.4.4), or NULL. */
const struct atr_level *atr_level_for(
	const struct atr *a, unsigned protocol, enum atr_bytes which);
/** atr_ifsc() - bytes of information field the card takes with T=1 (first TA for T=1), 32. */
unsigned atr_ifsc(const struct atr *a);
