/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The requests of the broker (base/link-ops.h, enum card_op) on one card: dispatch by a table
 * (serve-ops.h), one answer per request, signs of life while one runs, and the rules that hold over
 * several requests. The transports are given, so that tests run the same code over a replayed
 * dialogue; OPEN says which of them serves its reader.
 */
#include "base/link-ops.h"
#include "drivers/card/card.h"

/* one request, as long as the broker waits for the longest reading; microseconds, as all below */
#define SERVE_REQUEST_USEC	30000000U
/* one that waits for a person at the keypad, who has TRANSPORT_KEYS_USEC for each code */
#define SERVE_KEYPAD_USEC	40000000U
#define SERVE_KEYPAD_MORE_USEC	60000000U /* ... more: an old code, and a new one twice */
/* silence after which CARD_OP_ALIVE goes before the next command */
#define SERVE_ALIVE_USEC	1000000U
/* silence after which stuck.h answers; the broker kills 500 ms later. With a person at the keypad, for one
 * code: 2 s before the broker's LIMIT_CARD_KEYPAD */
#define SERVE_STUCK_USEC	4000000U
#define SERVE_STUCK_KEYPAD_USEC 38000000U
/* how long a right keeps other programs out, with no request, on a shared connection */
#define SERVE_KEPT_USEC		5000000U

enum serve_outcome {
	SERVE_MALFORMED = 1, /* the broker sent what is no request */
};

struct serve {
	struct card card;
	enum reader_driver driver;	  /* whose readers it serves */
	struct transport *transport;	  /* borrowed */
	int link;			  /* borrowed */
	bool open;			  /* connected to a card whose kind we know */
	bool gone;			  /* the card left: nothing is sent any more */
	bool locked;			  /* shared connection: we hold the transaction */
	bool over;			  /* CLOSE was answered */
	const struct link_frame *request; /* the one that runs, or NULL */
	uint64_t stuck_usec;		  /* of that one */
	uint64_t heard;	     /* CLOCK_MONOTONIC: when the broker last heard of us */
	uint64_t kept_until; /* locked: when the right is given back unused */
};

/** serve_init() - reserves what is needed; to be called before confinement. @t, borrowed, serves the
 *  readers of @driver; those of others are CARD_NO_SERVICE. */
int serve_init(
	struct serve *s, int link, enum reader_driver driver, struct transport *t) _must_check_;
void serve_done(struct serve *s);
/** serve_run() - until CLOSE or until the broker hangs up. Return: 0, a fault, SERVE_MALFORMED. */
int serve_run(struct serve *s) _must_check_;
