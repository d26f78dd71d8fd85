/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What pins.c (the jobs) and pins-steps.c (one job's dialogue) share; nobody else includes it. */
#include "daemon/session/inside.h"
#include "daemon/session/pins.h"

enum pin_stage {
	PIN_STAGE_FREE = 0, /* an idle professional's card is being given up */
	PIN_STAGE_OPEN,	    /* OPEN and PIN_STATE */
	PIN_STAGE_LAST_TRY, /* a person is asked */
	PIN_STAGE_CODE,	    /* a person is asked, or has just answered */
	PIN_STAGE_SENT,	    /* the card has the codes, or the person is at the keypad */
	PIN_STAGE_CLOSE,    /* the outcome stands; the card is being reset */
	PIN_STAGE_OVER,	    /* done runs in the next turn */
};

struct pin_job {
	struct pins *all;
	struct pin_job *next;
	struct card *card; /* NULL: gone */
	enum pin_job_kind kind;
	char *owner;
	uid_t uid;
	void (*done)(void *user, enum vitaled_reason why, uint8_t tries);
	void *user;
	enum pin_stage stage;
	bool asking;   /* a question is with the agent, or the keypad was told */
	bool keypad;   /* of the reader: it can modify codes */
	bool last_try; /* the person confirmed */
	uint8_t tries; /* left, of the code that is verified; UINT8_MAX: unknown */
	unsigned int open_tries;
	uint64_t
		open_until; /* CLOCK_MONOTONIC: another program has held the card for too long */
	int codes[2];	    /* pipes from the agent, unread */
	size_t n_codes;
	enum vitaled_reason result;
	sd_event_source *turn;
	sd_event_source *timer;
};

struct pins {
	sd_event *ev;
	struct cards *cards;
	struct sessions *sessions;
	struct audit *audit;
	struct pins_ops ops;
	void *user;
	struct pin_job *first;
};

/* pins.c */
void pin_job_turn(struct pin_job *j); /* pin_job_step() in a later turn of the loop */
/** pin_job_limit() - pin_job_late() after @usec; in place of an earlier one. Return: whether it will. */
bool pin_job_limit(struct pin_job *j, clockid_t clock, uint64_t usec);
bool pin_job_record(const struct pin_job *j, const char *outcome); /* whether it is durable */
void pin_job_drop_codes(struct pin_job *j);

/* pins-steps.c */
int pin_job_claim(
	struct pin_job *j) _must_check_; /* as cards_claim(); then OPEN in a later turn */
void pin_job_step(struct pin_job *j);
void pin_job_late(struct pin_job *j);
/** pin_job_stop() - end it: whatever the card is not busy with is given up. With the codes under way
 *  the card's outcome is waited for. */
void pin_job_stop(struct pin_job *j, enum vitaled_reason why);
/** pin_job_gone() - the card is leaving, or its process died: nothing more is asked of it. */
void pin_job_gone(struct pin_job *j, enum vitaled_reason why);
