/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A reader with one card in it, as the card drivers see it: a table of functions, behind which
 * stands PC/SC (pcsc.c), a slot of vitaled-usb (usb-link.c) or a replayed dialogue (script.c). What a
 * transport carries are the bytes of ISO/IEC 7816-3: with T=0 one command TPDU and its answer,
 * with T=1 one command APDU and its answer. It answers nothing itself: 61XX and 6CXX go up.
 */
#include "base/buf.h"

#define TRANSPORT_ATR_MAX    33U  /* bytes, ISO/IEC 7816-3:2006 §8.1 */
#define TRANSPORT_ANSWER_MAX 258U /* bytes: 256 of data and the status word (short APDUs) */
#define TRANSPORT_NAME_MAX   128U /* bytes of a reader's name with its NUL (MAX_READERNAME) */

enum transport_outcome {
	TRANSPORT_GONE = 1,   /* removed, or reset by another program since open or reset */
	TRANSPORT_MUTE,	      /* a card is there and does not answer */
	TRANSPORT_BUSY,	      /* another program holds the reader, longer than we wait */
	TRANSPORT_NO_SERVICE, /* nobody serves the reader: pcscd stopped */
	TRANSPORT_NO_READER,  /* no reader of that name */
	TRANSPORT_BROKEN,     /* more bytes than an answer can have */
	TRANSPORT_CANCELLED,  /* keypad: the person pressed cancel (6401) */
	TRANSPORT_LATE,	      /* keypad: nothing typed in time (6400) */
	TRANSPORT_REFUSED,    /* keypad: wrong length or the new codes differ (6402, 6403) */
	TRANSPORT_NO_PINPAD,  /* this reader cannot do that */
	TRANSPORT_TOUCHED,    /* lock: done, but another program has reset the card before */
	TRANSPORT_FAILED,     /* who serves the reader is at fault: not the card */
	TRANSPORT_LIED,	      /* the reader talks nonsense: not the card either */
};

enum transport_protocol {
	TRANSPORT_T0 = 0,
	TRANSPORT_T1 = 1,
};

struct transport;

/* What the keypad of a reader can do (PC/SC part 10 §2); the same bits as CARD_PINPAD_*. */
#define TRANSPORT_PINPAD_VERIFY 0x01U
#define TRANSPORT_PINPAD_MODIFY 0x02U
#define TRANSPORT_KEYS_USEC                                                                    \
	30000000U /* microseconds that a person has on the keypad for a code */

/**
 * struct transport_pin - a command that the reader completes from its keys (PC/SC part 10 §2.5)
 * @command: header, Lc and data with FF where digits go; ASCII digits, no padding, left justified
 */
struct transport_pin {
	struct view command;
	uint8_t digits;	    /* of every code: 4 (PIN), 8 (PUK) */
	uint8_t new_digits; /* 0: verify; else modify: digits of the new code */
	uint8_t old_at;	    /* offset of the first code in the data; 0xFF: none is typed */
	uint8_t new_at;	    /* offset of the new code in the data */
};

/* How many codes are typed for @pin: the old one, and a new one twice. */
static inline uint64_t transport_codes(const struct transport_pin *pin)
{
	if (pin->new_digits == 0) {
		return 1;
	}
	return pin->old_at == 0xFFU ? 2 : 3;
}

/*
 * Every function but close and free returns 0, a fault, or a transport_outcome. @deadline is
 * CLOCK_MONOTONIC in microseconds: how long we ourselves wait for others (BUSY); the time that a
 * reader takes for one command is the reader's, the parent kills a process that hangs in it.
 */
struct transport_ops {
	/* connect to the card in @reader; fills protocol and atr of the transport */
	int (*open)(struct transport *t, const char *reader, bool exclusive, uint64_t deadline);
	/* one command, one answer: appended to @answer (room for TRANSPORT_ANSWER_MAX) */
	int (*transmit)(struct transport *t, struct view command, uint64_t deadline,
		struct buf *answer);
	/* one command completed on the keypad, answered by the card: appended to @answer */
	int (*secure)(struct transport *t, const struct transport_pin *pin, uint64_t deadline,
		struct buf *answer);
	/* warm reset; the connection stays; protocol and atr are filled anew */
	int (*reset)(struct transport *t, uint64_t deadline);
	/* whether the card that open found is still there, untouched by others: GONE when it was out
	 * in between, however short, or was reset by another program */
	int (*status)(struct transport *t);
	/* keep other programs out until unlock (shared connections). What they did before without a
	 * reset (SELECT, VERIFY) nobody tells; a reset is TOUCHED, and the lock is held all the same */
	int (*lock)(struct transport *t, uint64_t deadline);
	int (*unlock)(struct transport *t);
	/* disconnect, with a reset when @reset; nothing when not open */
	void (*close)(struct transport *t, bool reset);
	/* close, leaving the card, and free */
	void (*free)(struct transport *t);
};

struct transport {
	const struct transport_ops *ops;
	enum transport_protocol protocol;
	uint8_t pinpad; /* TRANSPORT_PINPAD_*, after open */
	uint8_t atr[TRANSPORT_ATR_MAX];
	size_t atr_len;
};

static inline struct view transport_atr(const struct transport *t)
{
	return view_of(t->atr, t->atr_len);
}

static inline void transport_free(struct transport *t)
{
	if (t) {
		t->ops->free(t);
	}
}

/* -- PC/SC ------------------------------------------------------------------------------------- */

/**
 * pcsc_new() - a transport over pcscd; establishes the context at once, before any confinement
 * @ret_fd: the socket to pcscd, for the process's filter; -1 when there is no service
 *
 * Without a service the transport exists all the same and its open answers NO_SERVICE: a second
 * context is impossible inside the filter. The caller owns it. Return: 0 or a fault.
 */
int pcsc_new(struct transport **ret_t, int *ret_fd) _must_check_;

/** pcsc_outcome() - a result code of PC/SC (part 5, winscard.h) as this room's.
 *  Return: 0, a transport_outcome, or -EIO for a code that we do not know. */
int pcsc_outcome(long code) _must_check_;

/* -- vitaled-usb --------------------------------------------------------------------------------- */

/**
 * usb_link_new() - a transport over vitaled-usb (base/link-usb.h); connects at once, before any confinement
 * @ret_fd: the socket, for the process's filter; -1 when nobody serves it
 *
 * As pcsc_new(): without a service its open answers NO_SERVICE. Its slots are ours alone: lock and unlock
 * do nothing, status tells of every removal and loss of power. The caller owns it. Return: 0 or a fault.
 */
int usb_link_new(struct transport **ret_t, int *ret_fd) _must_check_;
