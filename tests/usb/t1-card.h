/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A card's side of T=1 (ISO/IEC 7816-3:2006 §11), for the emulated reader and for tests: blocks of the
 * terminal in, whole command APDUs out to a callback, answer blocks out. Written from the standard alone:
 * it shares nothing with drivers/usb/t1.h. Faults are ordered one by one and happen in that order.
 *
 *   NAD | PCB | LEN | information, 0..254 | LRC (1) or CRC (2)
 *
 * Not a driver: it trusts its caller, and what it does with a terminal that breaks the rules is what a
 * card may do, to ask again or to stay silent.
 */
#include "base/buf.h"

#define T1_CARD_BLOCK_MAX   259U   /* bytes */
#define T1_CARD_COMMAND_MAX 65544U /* bytes of an APDU */
#define T1_CARD_ANSWER_MAX  65538U
#define T1_CARD_ORDERS_MAX  64U

enum t1_card_fault {
	T1_CARD_CHECKSUM = 1, /* a block of the card has a wrong checksum */
	T1_CARD_SILENCE,      /* a block of the card gets lost */
	T1_CARD_DEAF,	      /* a block of the terminal gets lost */
	T1_CARD_NOISE,	      /* a block of the terminal arrives with a wrong checksum */
	T1_CARD_WTX,	 /* before its next I-block the card asks for more time, @value * BWT */
	T1_CARD_IFS,	 /* ... the card says that it takes @value bytes from now on */
	T1_CARD_ABORT,	 /* the card ends the chain that runs, or its answer if there is none */
	T1_CARD_RESYNCH, /* every block of the card is wrong until S(RESYNCH request) */
	T1_CARD_SEQUENCE, /* a wrong N(S) or N(R) in a block of the card */
	T1_CARD_NAD,	  /* another address in a block of the card */
	T1_CARD_LENGTH,	  /* LEN says FF */
	T1_CARD_CUT,	  /* the last byte of a block is missing */
	T1_CARD_LONG,	  /* a byte more than LEN says */
	T1_CARD_UNKNOWN,  /* a PCB that the standard does not have */
	T1_CARD_TWICE,	  /* the answer before it instead of the block that is due */
	T1_CARD_MUTE,	  /* no block at all until t1_card_reset() */
};

/** t1_card_apdu_fn - the card's application: one command, its answer with status word appended to
 *  @answer (T1_CARD_ANSWER_MAX). Called once a command that came whole. */
typedef void (*t1_card_apdu_fn)(void *user, struct view command, struct buf *answer);

struct t1_card {
	uint8_t ifsc; /* what it takes now */
	uint8_t ifsd; /* what the terminal takes: 32 until it says otherwise */
	bool crc;
	t1_card_apdu_fn apdu;
	void *user;
	unsigned commands; /* given to the callback since t1_card_init() */
	unsigned resynchs; /* S(RESYNCH request) seen */
	unsigned waits;	   /* S(WTX response) got */
	unsigned aborts;   /* chains ended, by either side */
	/* the rest is the machine's */
	uint8_t first_ifsc, ns, nr, asked;
	int step;
	bool asking, mute, lost, repeats;
	struct buf command, answer, last, before;
	size_t sent, chunk;

	struct {
		enum t1_card_fault fault;
		uint8_t value;
	} orders[T1_CARD_ORDERS_MAX];

	size_t n_orders;
};

/** t1_card_init() - a card after its reset; @ifsc: 1..254, as in its ATR. */
void t1_card_init(struct t1_card *c, uint8_t ifsc, bool crc, t1_card_apdu_fn apdu, void *user);
void t1_card_done(struct t1_card *c);
/** t1_card_seal() - append the checksum to a block that has none. */
void t1_card_seal(const struct t1_card *c, struct buf *block);
void t1_card_reset(struct t1_card *c); /* another reset; counters stay, orders are forgotten */
/** t1_card_order() - append one fault, @times over (at most T1_CARD_ORDERS_MAX are remembered). */
void t1_card_order(struct t1_card *c, enum t1_card_fault fault, uint8_t value, unsigned times);
/** t1_card_take() - one block of the terminal; the card's block is appended to @out, nothing: silence. */
void t1_card_take(struct t1_card *c, struct view block, struct buf *out);
