/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Watch and cards, played by the test itself behind relay processes: real keys and real
 * conditions, and any answer of any command made wrong, late or missing.
 */
#include <systemd/sd-event.h>

#include "base/link-ops.h"
#include "base/tlv.h"
#include "tests/unit/session/pki.h"

#define PLAYED_MAX 6U
#define PLAYED_OPS ((unsigned int)CARD_OP_COUNT - 1U)

enum misdeed {
	PLAY_WELL = 0,
	PLAY_OUTCOME,	/* answers @value */
	PLAY_SILENT,	/* never answers */
	PLAY_EXIT,	/* its process exits */
	PLAY_CRASH,	/* its process dies by a signal */
	PLAY_MALFORMED, /* sends bytes that are no frame */
	PLAY_EMPTY,	/* answers DONE and nothing else: 9000 to everything */
	PLAY_GARBAGE,	/* answers DONE and a body that is no TLV */
	PLAY_LONG,	/* answers DONE and values that are too long */
	PLAY_FALSE,	/* answers with one bit of it changed */
	PLAY_REPLAY,	/* answers what was recorded, in the same order */
};

struct played { /* a card */
	char reader[64];
	bool in;
	bool mute;
	const char *kind; /* vitale, cps */
	const char *generation;
	const char *advice;
	uint8_t open_outcome; /* of recognition and opening */
	struct forged_card *card;
	bool no_certificate; /* real cards have none of ours */
	struct buf people;   /* answers */
	struct buf activities;
	struct buf coverage;
	const char *valid_from;		 /* of the patient's card, 8 digits; NULL: not told */
	struct buf extra;		 /* more of READ_PUBLIC */
	const struct forged_card *shows; /* READ_ROLE tells of this card; NULL: of itself */
	struct buf actua;		 /* more of IDENTIFY */
	bool pinpad; /* the reader has keys; @pin is typed on them unless @keypad says else */
	const char *typed;
	uint8_t keypad; /* outcome instead of an entry */
	const char *pin;
	uint8_t tries;
	bool verified;
	uint8_t peer[65]; /* the other card's key, imported */
	uint8_t challenge[16];
	bool role; /* of the other card, authenticated */
	enum misdeed misdeed[PLAYED_OPS + 1];
	uint8_t value[PLAYED_OPS + 1];
	unsigned int good_first[PLAYED_OPS + 1]; /* so many good answers before */
	struct buf recorded[PLAYED_OPS + 1][2];	 /* the first two good answers */
	unsigned int n_recorded[PLAYED_OPS + 1];
	unsigned int n_replayed[PLAYED_OPS + 1];
	unsigned int asked[PLAYED_OPS + 1];
	struct buf order;     /* operations asked, a byte each */
	struct buf directory; /* that came with READ_ACTIVITIES */
};

extern struct played played[PLAYED_MAX];
extern size_t n_played;
extern unsigned int played_watches;   /* how often a watch came */
extern unsigned int played_processes; /* card processes there now that were asked something */
extern uint8_t played_service;	      /* WATCH_SERVICE_* that a new watch tells */
extern bool played_readers;	      /* whether it tells readers */
extern bool played_quiet;	      /* a new watch tells nothing at all */

void played_open(sd_event *ev, const char *path); /* the socket of the relays */
void played_close(void);

/** play_vitale(), play_cps() - a card that is not in yet, with people and structures of its own. */
struct played *play_vitale(const char *reader, struct forged_card *card);
struct played *play_cps(const char *reader, struct forged_card *card);
void play_person(struct played *p, const char *surname, const char *given, const char *birth,
	const char *nir, uint8_t rank);
void play_activity(struct played *p, uint8_t index, const char *name, const char *structure,
	const char *sector);
void play_in(struct played *p); /* tells the watch, as all below */
void play_out(struct played *p);
void play_event(enum watch_op op, const char *reader, uint8_t state);
void play_watch_order(char order); /* 'x': exit, 's': die, 'm': malformed */
