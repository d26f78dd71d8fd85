/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The world around the broker's session and consent rooms, for tests: a loop, a folder with
 * anchors and a real record, people and a dossier that answer as told, and a watch and cards that
 * this process plays behind relay processes (relay.c, cards.h).
 */
#include "daemon/consent/consent.h"
#include "tests/unit/session/memory.h"
#include "tests/unit/session/pki.h"

#define READER_A "Vitale Sim 00 00"
#define READER_B "Reader B 01 00"

enum when {		/* people and upper rooms answer */
	ANSWER_NOW = 0, /* from within the question */
	ANSWER_LATER,	/* in a later turn of the loop */
	ANSWER_NEVER,
};

enum question {
	ASK_PIN = 0,
	ASK_LAST_TRY,
	ASK_STRUCTURE,
	ASK_PERSON,
	ASK_PREPARE,
	ASK_CODE,
	ASK_CONSENT,
	ASK_CONFIRM, /* of an emergency: yes, unless fail says why not */
	ASK_UNLOCK,
	ASK_COUNT
};

struct world {
	sd_event *ev;
	char folder[32];
	struct config config;
	struct trust *trust;
	struct audit *audit;
	struct cards *cards;
	struct consents *consents;
	struct sessions *all;

	/* how people and upper rooms answer */
	enum when when[ASK_COUNT];
	enum vitaled_reason fail[ASK_COUNT]; /* instead of an answer; ADMIT has its own */
	enum vitaled_reason admit;
	const char *pins[4]; /* one a question; the last one stays */
	bool last_try;
	uint32_t choice;
	struct consent_answer consent;
	int pseudonym_result;

	/* what was seen */
	unsigned int asked[ASK_COUNT];
	unsigned int stopped;
	unsigned int exceeds; /* asked whether the rate may be exceeded */
	unsigned int locked;
	unsigned int faults; /* of the lists, that the journal is to tell of */
	unsigned int added;
	unsigned int removed;
	unsigned int tries_told; /* with the last PIN question */
	bool again_told;
	unsigned int keypads;	  /* how often the keypad was told of */
	unsigned int emergencies; /* ... the rooms above of an emergency that was opened */
	unsigned int take_cards;  /* ... that somebody is to take their card */
	bool busy;		  /* a call on the dossier is on its way, */
	unsigned int busy_asked;  /* which was asked so often */
	bool confirm_no;
	bool agreed; /* earlier, to everything: the patient is not asked */
	unsigned int changes;
	json_t *choices;   /* of the last question */
	json_t *request;   /* for consent */
	struct buf states; /* "waiting-for-cards reading ..." */
};

extern struct world world;
extern unsigned int
	world_audit_fails; /* the n-th append from now fails, and all after; 0: none */

extern enum trust_revocation world_revocation; /* what the lists say of every certificate */
extern struct view world_revoked;	       /* ... but of this one: revoked */
extern struct view world_unasked;	       /* ... and of this one: they cannot be asked */

int world_group_setup(void **state); /* keys: slow, once a program */
int world_group_teardown(void **state);
int world_setup(void **state);	  /* everything else, no card in; watch running */
int world_teardown(void **state); /* and no child is left */
/** world_restart() - a new broker with the same cards: nothing remembered. */
void world_restart(void);

/** world_rooms() - consents and sessions over @cards. Return: 0 or the first fault. */
int world_rooms(struct cards *cards, struct consents **ret_consents,
	struct sessions **ret_all) _must_check_;

/** world_run() - turn the loop until @done, at most about @ms. Return: whether @done. */
bool world_run(bool (*done)(void *user), void *user, unsigned int ms);
void world_settle(unsigned int ms); /* turn it for about @ms */

/** world_session() - open one: @mode, nothing else. */
struct session *world_session(enum session_mode mode);
struct session *world_open(const struct session_options *o);
/** world_reach() - turn until @s is in @state or has ended; asserts that it is in it. */
void world_reach(struct session *s, enum session_state state);
/** world_end() - turn until @s has ended; asserts state and reason. */
void world_end(struct session *s, enum session_state state, enum vitaled_reason r);
/** world_answer() - answer an ASK that was left open (ANSWER_NEVER). */
void world_answer(struct session *s, enum question q);
/** world_recorded() - entries of @event in the record with @outcome (NULL: any). */
unsigned int world_recorded(enum audit_event e, const char *outcome);
