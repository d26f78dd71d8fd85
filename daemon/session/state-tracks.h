/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The part of state.h that is about single cards: their tracks, and where the tracks join. */
#include "daemon/session/types.h"

/* A card's track, in the order of its progress. */
enum track_step {
	TRACK_STEP_IDLE = 0,
	TRACK_STEP_OPEN,
	TRACK_STEP_IDENTIFY,
	TRACK_STEP_ROLE, /* its role certificate, which the other card waits for */
	TRACK_STEP_READ, /* its public files; people stay in the card's process */
	TRACK_STEP_PIN_STATE,
	TRACK_STEP_LAST_TRY,
	TRACK_STEP_PIN,
	TRACK_STEP_VERIFY,
	TRACK_STEP_ACTIVITIES, /* from here on the professional's card signs */
	TRACK_STEP_STRUCTURE,
	TRACK_STEP_ADMISSION, /* may this professional go on at all */
	TRACK_STEP_PROVE,     /* it signs our nonce */
	TRACK_STEP_READY,     /* nothing left to do alone */
	TRACK_STEP_COUNT
};

enum session_event {
	SESSION_EVENT_GO = 0,  /* the step's work is done */
	SESSION_EVENT_CARDS,   /* something about readers or cards changed */
	SESSION_EVENT_READY,   /* both cards are in and free */
	SESSION_EVENT_MISSING, /* one is not in yet */
	SESSION_EVENT_SOON,    /* one is being let go by nobody's session */
	SESSION_EVENT_BUSY,    /* another session has one, and this one waits */
	SESSION_EVENT_MET,     /* join: the role certificates of both are verified */
	SESSION_EVENT_AGREED, /* join: both tracks are at their end and the exchange is verified */
	SESSION_EVENT_RENEW, /* a PIN's right may have ended meanwhile: other programs have the card */
	SESSION_EVENT_STALE, /* a proof failed under a certificate of the cache */
	SESSION_EVENT_READ,  /* the proof is the reading alone */
	SESSION_EVENT_ASK,   /* several to choose from */
	SESSION_EVENT_LEND,
	SESSION_EVENT_RETURN,
	/* of tracks alone */
	SESSION_EVENT_NEW,   /* nobody of ours has opened this card */
	SESSION_EVENT_HELD,  /* its process is open since a session before */
	SESSION_EVENT_KNOWN, /* ... or the cache knows its public files */
	SESSION_EVENT_PIN_HELD,
	SESSION_EVENT_PIN_NEEDED,
	SESSION_EVENT_PIN_LAST, /* needed, and one try is left */
	SESSION_EVENT_COUNT
};

enum track_action {
	TRACK_ACTION_NONE = 0,
	TRACK_ACTION_OPEN,	    /* GO */
	TRACK_ACTION_IDENTIFY,	    /* GO, KNOWN */
	TRACK_ACTION_READ,	    /* GO */
	TRACK_ACTION_PIN_STATE,	    /* PIN_HELD, PIN_NEEDED, PIN_LAST */
	TRACK_ACTION_ASK_LAST_TRY,  /* GO */
	TRACK_ACTION_ASK_PIN,	    /* GO */
	TRACK_ACTION_VERIFY,	    /* PIN_HELD, PIN_NEEDED, PIN_LAST */
	TRACK_ACTION_ACTIVITIES,    /* GO, ASK */
	TRACK_ACTION_ASK_STRUCTURE, /* GO */
	TRACK_ACTION_ADMIT,	    /* GO */
	TRACK_ACTION_PROVE,	    /* GO */
	TRACK_ACTION_COUNT
};

enum state_purpose { /* of tracks */
	STATE_PURPOSE_CONSULT = 0,
	STATE_PURPOSE_IDENTITY, /* the patient's card alone, which proves itself */
	STATE_PURPOSE_RESUME,
	STATE_PURPOSE_RENEW, /* the professional's PIN alone */
};

enum state_meeting { /* the exchange between the cards */
	STATE_MEETING_NONE = 0,
	STATE_MEETING_LATER, /* other programs use these cards: not before everybody was asked */
	STATE_MEETING_RUNS,
	STATE_MEETING_DONE, /* verified; or the patient's card has nothing to exchange with */
};

struct track_next {
	enum track_step step;
	enum track_action action;
};

/** track_next() - Return: whether @event means anything at @step of a card's track; then @ret. */
bool track_next(enum state_purpose purpose, bool professional, enum track_step step,
	enum session_event event, struct track_next *ret);
/** state_join() - whether the session goes on, now that the tracks stand where they stand; then
 *  @ret: MET, AGREED or RENEW. */
bool state_join(enum state_purpose purpose, enum track_step patient,
	enum track_step professional, enum state_meeting meeting, enum session_event *ret);
