/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A desk with readers and cards, for what stands below the sessions: a loop, a real record, and a
 * watch and card processes that the test itself plays behind relays (relay.c). A card answers every
 * operation as it is told, well or badly; no cryptography, no people.
 */
#include <systemd/sd-event.h>

#include "base/link-ops.h"
#include "base/tlv.h"
#include "daemon/audit/audit.h"
#include "daemon/session/cards.h"
#include "tests/unit/session/memory.h"

#define DESK_CARDS 4U
#define DESK_A	   "Vitale Sim 00 00"
#define DESK_B	   "Twin Reader (42) 01 00"
#define DESK_B1	   "Twin Reader (42) 01 01"		   /* the second slot of B */
#define DESK_USB   "Kapelse KAP-LINK (K1) [usb 1-2] 00 00" /* of vitaled-usb */

enum deed {
	DEED_WELL = 0,	/* answers outcome and body */
	DEED_SILENT,	/* never answers */
	DEED_EXIT,	/* its process exits */
	DEED_CRASH,	/* its process dies by a signal */
	DEED_MALFORMED, /* sends bytes that are no frame */
	DEED_SEQ,	/* answers another request */
	DEED_OP,	/* answers another operation */
	DEED_REQUEST,	/* sends a request of its own */
	DEED_EVENT,	/* tells an event that is none of a card */
	DEED_FLOOD,	/* tells more signs of life than there is time for */
	DEED_TWICE,	/* answers twice */
	DEED_AFTER,	/* answers, then gives a sign of life that nobody waits for */
	DEED_ALIVE,	/* gives a sign of life every 100 ms and never answers */
};

struct desk_op {
	enum deed deed;
	unsigned int well_first; /* so many good answers before the deed */
	unsigned int bad_only;	 /* so many deeds, then good answers; 0: always */
	uint8_t outcome;
	struct buf body; /* of the answer */
	unsigned int asked;
	struct buf last;     /* the request's body */
	struct buf codes[2]; /* what its pipes held */
};

struct desk_card {
	char reader[128];
	bool in;
	bool mute;
	struct desk_op ops[CARD_OP_COUNT];
};

struct desk {
	sd_event *ev;
	char folder[32];
	struct config config;
	struct audit *audit;
	struct cards *cards;
	struct desk_card played[DESK_CARDS];
	size_t n_played;
	unsigned int watches; /* how often a watch came */
	unsigned int started; /* card processes so far */
	unsigned int working; /* that were asked something and are there */
	unsigned int spare;   /* that were not */
	uint8_t service;      /* WATCH_SERVICE_* that a new watch tells */
	bool quiet;	      /* a new watch tells nothing */
	bool pcscd_says;      /* whatever the reader is called */
	bool pcscd_hangs;     /* ... one of pcscd */
	bool usb; /* desk_event() without a reader, orders and watches are vitaled-usb's */
	unsigned int usb_watches; /* how often a watch of vitaled-usb came */
	uint8_t usb_service;	  /* that it tells */
	bool usb_empty;		  /* it has no reader */
	bool no_atr;		  /* a card that comes is told without its ATR */
	char usb_told[128];	  /* what the last one was told: "STATE RULES" */
	unsigned int looks;	  /* how often one was told of pcscd ... */
	uint8_t looked;		  /* ... and what */
	bool elder;		  /* desk_event() is of the first watch, beside its guard */
	uint32_t counter;	  /* PC/SC's, that an event of a card tells */
	unsigned int die_early;	  /* so many processes die as they come */
	struct buf log;		  /* what listeners were told, one word each */
	enum card_left left;
	char why[32];
};

extern struct desk desk;
extern unsigned int
	desk_audit_fails; /* the n-th append from now fails, and all after; 0: none */

int desk_group_setup(void **state);
int desk_setup(void **state);	  /* readers A, B and B1; the service runs; no card */
int desk_setup_usb(void **state); /* and vitaled-usb with a reader of its own */
int desk_teardown(void **state);  /* and no child is left */

/** desk_card() - a card that is not in yet: every operation DONE, OPEN as @kind and @generation. */
struct desk_card *desk_card(const char *reader, const char *kind, const char *generation);
void desk_event(enum watch_op op, const char *reader, uint8_t state);
void desk_watch_order(char order);  /* 'x': exit, 's': die, 'm': malformed */
void desk_spares_order(char order); /* of every process that waits */
void desk_spares_stale(void);	    /* their connections to the service are dead */
void desk_in(struct desk_card *p);
void desk_out(struct desk_card *p);

bool desk_run(bool (*done)(void *user), void *user, unsigned int ms);
void desk_settle(unsigned int ms);
/** desk_hear() - turn until listeners were told @words in a row. */
void desk_hear(const char *words);
void desk_forget(void);
/** desk_present() - put it in and wait until it is recognised. */
struct card *desk_present(struct desk_card *p);
struct card_reader *desk_reader(const char *name);
struct view desk_find(struct view in, uint32_t tag);
/** desk_recorded() - entries of @event with @outcome (NULL: any). */
unsigned int desk_recorded(enum audit_event e, const char *outcome);
