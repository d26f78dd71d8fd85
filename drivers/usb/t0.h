/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * T=0 (ISO/IEC 7816-3:2006 §10) as a machine without a device: given a command it says what to put on
 * the line and how many bytes to wait for; given those, what next. Pure.
 *
 * At character level the procedure bytes are ours:
 *
 *   CLA INS P1 P2 P3 -->            60: wait on        INS: all data that is left, either way
 *                    <-- procedure  INS ^ FF: one byte 61..6F, 90..9F: SW1, SW2 follows
 *
 * At TPDU level the reader takes header and data and gives data and SW1 SW2. At both levels a case 4
 * command (header, Lc, data, Le) goes without its Le, and 61XX is then followed by GET RESPONSE; a
 * 6CXX to a case 2 command of which the caller said that it is whole (T0_APDU) is repeated with Le = XX.
 * With T0_TPDU the caller gets 61XX and 6CXX as they are (drivers/reader/reader.h).
 *
 * The mapping of T0_APDU is that of drivers/card/apdu.c: GET RESPONSE has the command's class without
 * its chaining bit (10), secure messaging and channel stay; 9000 to a case 4 command ends it (the
 * standard would have us ask: a card that has data says 61XX); 6CXX is honoured once a header, and only
 * where all XX were wanted. Of 61XX no more is asked than is left of Le; a GET RESPONSE that brings
 * nothing but 61XX is the last one.
 *
 * No character goes over the line that the standard does not need. What is waited for (expect) is the
 * least that must still come whatever the card chooses: no wait runs into the card's silence.
 */
#include "base/buf.h"

#define T0_COMMAND_MAX 261U /* bytes: header, Lc, 255 of data, Le */
#define T0_ANSWER_MAX  258U
#define T0_NULLS_MAX                                                                           \
	1000U /* procedure bytes that bring nothing on: beyond, the card never ends */
#define T0_ROUNDS_MAX 40U /* GET RESPONSE in one command */

enum t0_level {
	T0_CHARACTERS = 1, /* the reader carries characters */
	T0_BLOCKS,	   /* the reader carries TPDUs */
};

enum t0_whole {
	T0_TPDU = 1, /* one command, one answer; 61XX and 6CXX go up */
	T0_APDU,     /* the whole mapping of §12.2 */
};

enum t0_outcome {
	T0_SEND = 1, /* put the bytes on the line and wait for @expect more */
	T0_DONE,     /* the answer with its status word is in @answer */
	T0_BROKEN, /* a procedure byte that is none, more data than asked, rounds without end */
};

struct t0 {
	enum t0_level level;
	enum t0_whole whole;
	uint8_t header[5];
	struct buf data; /* of the command; wiped at the end: it may hold a PIN */
	size_t sent;	 /* bytes of it, at character level */
	size_t le;	 /* bytes still wanted from the card by this header; 256 for 00 */
	size_t wanted;	 /* bytes that the caller wants in all (Ne) */
	size_t expect; /* T0_SEND: how many bytes come next at character level; 0: any (TPDU) */
	size_t chunk;  /* data bytes before the next procedure byte */
	size_t mark;   /* answer.len when this header was sent */
	unsigned nulls, rounds;
	bool repeated; /* 6CXX was honoured for this command */
	uint8_t sw1;
	int step;
	struct buf answer;
};

void t0_init(struct t0 *t, enum t0_level level);
void t0_done(struct t0 *t);
/**
 * t0_begin() - a new command; the one before is forgotten
 * @command: cases 1 to 4 with short lengths: 4 bytes (case 1, sent with P3 = 00) to T0_COMMAND_MAX
 * @out:     what to send is appended
 * Return: T0_SEND; T0_BROKEN: no command (its length does not fit its Lc; CLA FF, INS 6X or 9X:
 * §10.3.2); or a fault.
 */
int t0_begin(
	struct t0 *t, struct view command, enum t0_whole whole, struct buf *out) _must_check_;
/** t0_next() - what the reader brought: at character level any number of bytes up to expect (fewer: the
 *  machine asks for the rest by T0_SEND with nothing to send), at TPDU level the whole answer; when the
 *  command is over, nothing (T0_BROKEN). Return: T0_SEND, T0_DONE, T0_BROKEN, fault. */
int t0_next(struct t0 *t, struct view bytes, struct buf *out) _must_check_;
