/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * T=1 (ISO/IEC 7816-3:2006 §11) as a machine without a device: blocks in, blocks out. Pure.
 *
 *   NAD | PCB | LEN | information, 0..254 | LRC (1) or CRC (2)
 *
 *   PCB  0 N(S) M 0 0 0 0 0        I-block, M: more follows
 *        1 0 0 N(R) 0 0 e e        R-block, ee: 0 free of errors, 1 checksum or parity, 2 other
 *        1 1 r s s s s s           S-block, r: response; RESYNCH 0, IFS 1, ABORT 2, WTX 3
 *
 * Guarantees: what a card says is believed only when its checksum, length, NAD and sequence are right;
 * every exchange ends, whatever the card does; a command goes to the card's application once or is
 * reported as failed, and only once (rule 7.x of §11.6 with the block's sequence number). After RESYNCH a
 * command is never sent again: whether the card has carried it out is not known then.
 */
#include "base/buf.h"

#define T1_BLOCK_MAX   259U /* bytes */
#define T1_INF_MAX     254U
#define T1_COMMAND_MAX 65544U /* bytes of an APDU, extended lengths included */
#define T1_ANSWER_MAX  65538U
#define T1_RETRIES     2U /* repetitions of a block before RESYNCH (rule 7.4.2: at most two) */
#define T1_RESYNCHS    3U /* attempts (rule 6.4) before the card must be reset */
#define T1_WTX_MAX                                                                             \
	600U /* requests of the card (more time, IFS) and empty blocks in one exchange; *invented* */

enum t1_outcome {
	T1_SEND = 1, /* send the block; wait for one at most waiting * BWT */
	T1_DONE,     /* the answer is in @answer */
	T1_ABORTED, /* a chain was ended by S(ABORT): by the card, or by us as longer than an answer */
	T1_LOST, /* resynchronised: nothing is known of the command; it may have been carried out */
	T1_DEAD, /* no more: the card must be reset */
};

/* what came instead of bytes */
enum t1_event {
	T1_BLOCK = 1, /* bytes came, right or wrong */
	T1_SILENCE,   /* none within the time */
	T1_PARITY,    /* the reader reports a parity error */
};

enum t1_request { /* of S-blocks */
	T1_RESYNCH = 0,
	T1_IFS,
	T1_ABORT,
	T1_WTX,
};

struct t1 {
	bool crc;
	uint8_t nad;
	uint8_t ifsc; /* bytes that the card takes: from the ATR, then by S(IFS) of the card */
	uint8_t ifsd; /* that we take: 32, from t1_ifsd() on what the card was told */
	uint8_t ns, nr;	  /* N(S) of our next block, N(R) = N(S) that we expect */
	unsigned waiting; /* T1_SEND: BWT is multiplied by this, 1 without WTX */
	/* the rest is the machine's */
	struct buf command, answer, last; /* last: the block sent last */
	size_t sent, chunk;
	unsigned retries, repeats, resynchs, extensions;
	uint8_t first_ifsc, asked;
	bool heard, received, aborted;
	int step;
};

/** t1_init() - after a reset of the card, and after t1_done() where @t was in use.
 *  @ifsc (1..254, else 32 holds) and @crc as in its ATR. */
void t1_init(struct t1 *t, uint8_t ifsc, bool crc);
void t1_done(struct t1 *t); /* wipes */
/** t1_ifsd() - S(IFS request): tell the card how much we take, 1..254. First of all, where the reader does not
 *  do it. Ends with T1_DONE and an empty answer; T1_LOST: the card takes part, but does not agree.
 *  Return: T1_SEND, T1_DEAD (as t1_begin) or a fault. */
int t1_ifsd(struct t1 *t, uint8_t ifsd, struct buf *out) _must_check_;
/** t1_begin() - one command APDU. Return: T1_SEND (a block was appended to @out), a fault, or T1_DEAD:
 *  the exchange before did not end, and the card may still answer that one. */
int t1_begin(struct t1 *t, struct view command, struct buf *out) _must_check_;
/** t1_next() - what came. Return: an outcome or a fault; T1_SEND: a block was appended to @out. */
int t1_next(struct t1 *t, enum t1_event event, struct view block, struct buf *out) _must_check_;

/* -- blocks ---------------------------------------------------------------------------------------- */

enum t1_kind {
	T1_I = 0,
	T1_R,
	T1_S,
};

struct t1_block {
	uint8_t nad, pcb;
	enum t1_kind kind;
	struct view inf; /* borrowed */
};

enum t1_block_outcome {
	T1_BLOCK_BROKEN = 1, /* length or checksum */
	T1_BLOCK_OTHER,	     /* NAD, PCB or information that the standard does not have */
};

/** t1_block_put() - append one block with its checksum. */
void t1_block_put(struct buf *out, uint8_t nad, uint8_t pcb, struct view inf, bool crc);
/** t1_block_parse() - Return: 0 or an outcome. */
int t1_block_parse(struct view bytes, bool crc, struct t1_block *ret) _must_check_;
/** t1_crc() - ISO/IEC 13239, polynomial x^16 + x^12 + x^5 + 1, initial FFFF, as 7816-3 §11.4.4 takes it. */
uint16_t t1_crc(struct view bytes);
uint8_t t1_lrc(struct view bytes); /* XOR of all */
