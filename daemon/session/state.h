/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What may follow what in a consultation: pure tables. The session has steps, finer than the State
 * that clients see; while it is at TRACKS (or RESUME), each of the two cards runs on a track of its
 * own, and neither waits for the other. They meet at the joins (state_join()), and nowhere else.
 * What is not in a table does not happen: an event that comes at another step is dropped. Every
 * failure ends the session from wherever it is (state_of_end()).
 */
#include "daemon/session/state-tracks.h"

enum session_step {
	SESSION_STEP_START = 0,
	SESSION_STEP_CARDS,  /* waiting for both to be in */
	SESSION_STEP_QUEUED, /* ... for another session to let them go */
	SESSION_STEP_TRACKS, /* both cards are worked, each on its track */
	/* between other programs' commands: the exchange begins when nobody is asked any more */
	SESSION_STEP_RENEW,    /* the PIN, where the card has lost its right meanwhile */
	SESSION_STEP_EXCHANGE, /* both cards, without a pause */
	SESSION_STEP_PEOPLE,   /* names leave the patient's card only from here on */
	SESSION_STEP_CHOICE,
	SESSION_STEP_PREPARE,
	SESSION_STEP_CODE, /* mode patient: the dossier's own code */
	SESSION_STEP_CONSENT,
	SESSION_STEP_RENEW_SIGN, /* as RENEW */
	SESSION_STEP_SIGN,
	SESSION_STEP_REREAD,  /* the cache was wrong about the professional's certificate */
	SESSION_STEP_PRESENT, /* the serials once more: for cards that cannot sign our nonce */
	SESSION_STEP_GRANT,
	SESSION_STEP_UNLOCKED,
	SESSION_STEP_LENT,   /* suspended: another program has a slot */
	SESSION_STEP_BACK,   /* ... had it: waiting for the same card to be in */
	SESSION_STEP_RESUME, /* ... it is in and proves itself anew, on its track */
	SESSION_STEP_ENDED,
	SESSION_STEP_COUNT
};

enum session_action {
	SESSION_ACTION_NONE = 0,
	SESSION_ACTION_LOOK,	   /* for the cards: READY, MISSING, SOON, BUSY */
	SESSION_ACTION_TRACKS,	   /* claim both, start their tracks: MET, AGREED */
	SESSION_ACTION_MEET,	   /* what both are must fit; the exchange runs */
	SESSION_ACTION_RENEW,	   /* start the professional's track at its PIN: AGREED */
	SESSION_ACTION_REREAD,	   /* the professional's public files, from the card: GO, MET */
	SESSION_ACTION_PEOPLE,	   /* GO, READ (identity), ASK */
	SESSION_ACTION_ASK_PERSON, /* GO, READ (identity) */
	SESSION_ACTION_PREPARE,	   /* GO */
	SESSION_ACTION_ASK_CODE,   /* GO */
	SESSION_ACTION_ASK_CONSENT,    /* GO */
	SESSION_ACTION_SIGN,	       /* GO, READ, STALE */
	SESSION_ACTION_PRESENT,	       /* GO */
	SESSION_ACTION_GRANT,	       /* GO: the dossier */
	SESSION_ACTION_GRANT_IDENTITY, /* GO: the identity alone */
	SESSION_ACTION_BEGIN,	       /* unlocked: the session's life runs */
	SESSION_ACTION_SEEK,	       /* for the card that was lent: READY */
	SESSION_ACTION_RESUME,	       /* claim it, start its track: AGREED */
	SESSION_ACTION_RESUMED,	       /* unlocked again, recorded */
	SESSION_ACTION_COUNT
};

struct state_where {
	enum session_step step;
	enum track_step patient;
	enum track_step professional;
};

struct state_next {
	enum session_step step;
	enum session_action action;
};

/** state_next() - Return: whether @event means anything at @step in @mode; then @ret. */
bool state_next(enum session_mode mode, enum session_step step, enum session_event event,
	struct state_next *ret);
/** state_renews() - whether the professional's track runs at @step for its PIN alone. */
bool state_renews(enum session_step step);
/** state_of() - what clients see of a step that is not the end. */
enum session_state state_of(struct state_where w);
/** state_of_end() - what clients see when a session ends at @step because of @r. */
enum session_state state_of_end(enum session_step step, enum vitaled_reason r);
#define STATE_LIMIT_KEEP UINT64_MAX
/** state_limit() - how long a step may take, microseconds; 0: bounded by what it waits for (a
 *  child's deadlines) or by the session's life; KEEP: the limit of the step before goes on.
 *  @ret_reason: what the end is then called. */
uint64_t state_limit(struct state_where w, enum vitaled_reason *ret_reason);
