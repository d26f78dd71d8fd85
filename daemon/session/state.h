/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What may follow what in a consultation: a pure table of steps and events. A step is finer than
 * the State that clients see. What is not in the table does not happen: an event that comes at
 * another step is dropped. Every failure ends the session from wherever it is (state_of_end()).
 */
#include "daemon/session/types.h"

enum session_step {
	SESSION_STEP_START = 0,
	SESSION_STEP_CARDS,   /* waiting for both to be in */
	SESSION_STEP_QUEUED,  /* ... for another session to let them go */
	SESSION_STEP_READING, /* both open, the professional's (identity: the patient's) read */
	SESSION_STEP_PIN_STATE,
	SESSION_STEP_LAST_TRY,
	SESSION_STEP_PIN,
	SESSION_STEP_VERIFY,
	SESSION_STEP_ACTIVITIES,
	SESSION_STEP_STRUCTURE,
	SESSION_STEP_ADMISSION, /* may this professional go on at all */
	SESSION_STEP_PATIENT,	/* reading the patient's card begins only here */
	SESSION_STEP_EXCHANGE,
	SESSION_STEP_ACTIVE, /* identity: the card signs our nonce */
	SESSION_STEP_PEOPLE,
	SESSION_STEP_CHOICE,
	SESSION_STEP_PREPARE,
	SESSION_STEP_CONSENT,
	SESSION_STEP_SIGN,
	SESSION_STEP_COVERAGE,
	SESSION_STEP_GRANT,
	SESSION_STEP_UNLOCKED,
	SESSION_STEP_ENDED,
	SESSION_STEP_COUNT
};

enum session_event {
	SESSION_EVENT_GO = 0,  /* the step's work is done */
	SESSION_EVENT_CARDS,   /* something about readers or cards changed */
	SESSION_EVENT_READY,   /* both cards are in and free */
	SESSION_EVENT_MISSING, /* one is not in yet */
	SESSION_EVENT_BUSY,    /* another session has one, and this one waits */
	SESSION_EVENT_PLAIN,   /* the patient's card has no certificate of ours */
	SESSION_EVENT_PIN_HELD,
	SESSION_EVENT_PIN_NEEDED,
	SESSION_EVENT_PIN_LAST, /* needed, and one try is left */
	SESSION_EVENT_ASK,	/* several to choose from */
	SESSION_EVENT_COUNT
};

enum session_action {
	SESSION_ACTION_NONE = 0,
	SESSION_ACTION_LOOK,	       /* for the cards: READY, MISSING, BUSY */
	SESSION_ACTION_OPEN,	       /* claim and read: GO, PLAIN (identity) */
	SESSION_ACTION_PIN_STATE,      /* PIN_HELD, PIN_NEEDED, PIN_LAST */
	SESSION_ACTION_ASK_LAST_TRY,   /* GO */
	SESSION_ACTION_ASK_PIN,	       /* GO */
	SESSION_ACTION_VERIFY,	       /* PIN_HELD, PIN_NEEDED, PIN_LAST */
	SESSION_ACTION_ACTIVITIES,     /* GO, ASK */
	SESSION_ACTION_ASK_STRUCTURE,  /* GO */
	SESSION_ACTION_ADMIT,	       /* GO */
	SESSION_ACTION_PATIENT,	       /* GO, PLAIN */
	SESSION_ACTION_EXCHANGE,       /* GO */
	SESSION_ACTION_ACTIVE,	       /* GO */
	SESSION_ACTION_PEOPLE,	       /* GO, ASK */
	SESSION_ACTION_ASK_PERSON,     /* GO */
	SESSION_ACTION_PREPARE,	       /* GO */
	SESSION_ACTION_ASK_CONSENT,    /* GO */
	SESSION_ACTION_SIGN,	       /* GO */
	SESSION_ACTION_COVERAGE,       /* GO */
	SESSION_ACTION_GRANT,	       /* GO: the dossier */
	SESSION_ACTION_GRANT_IDENTITY, /* GO: the identity alone */
	SESSION_ACTION_BEGIN,	       /* unlocked: the session's life runs */
	SESSION_ACTION_COUNT
};

struct state_next {
	enum session_step step;
	enum session_action action;
};

/** state_next() - Return: whether @event means anything at @step in @mode; then @ret. */
bool state_next(enum session_mode mode, enum session_step step, enum session_event event,
	struct state_next *ret);
/** state_of() - what clients see of a step that is not the end. */
enum session_state state_of(enum session_step step);
/** state_of_end() - what clients see when a session ends at @step because of @r. */
enum session_state state_of_end(enum session_step step, enum vitaled_reason r);
/** state_limit() - how long a step may take, microseconds; 0: bounded by what it waits for (a
 *  child's deadlines) or by the session's life. @ret_reason: what the end is then called. */
uint64_t state_limit(enum session_step step, enum vitaled_reason *ret_reason);
