/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of a session share; nobody else includes it. session.c carries out the tables of
 * state.h; session-list.c owns the list of sessions; session-look.c finds the cards and keeps the
 * queue; session-cards.c opens, asks and watches them; session-professional.c and session-pin.c are
 * the professional's track; session-proof.c certificates, exchange and signatures; session-people.c
 * the beneficiaries, session-wanted.c the one that the caller named; session-patient.c is mode
 * patient's own; session-emergency.c what an
 * emergency may; session-lend.c suspension; session-view.c what may be seen; professional.c the
 * professional's card between sessions.
 */
#include "base/clock.h"
#include "base/link-ops.h"
#include "daemon/session/cache.h"
#include "daemon/session/session-data.h"

struct professional;
struct lending;

#define SESSION_EVENTS 8U

struct posted {		   /* an event that waits for the one that is carried out */
	struct side *side; /* of a track; NULL: of the session */
	enum session_event event;
};

struct session {
	struct sessions *all;
	struct session *next;
	uint32_t id;
	char *owner;
	uid_t uid;
	enum session_mode mode;
	unsigned int intents;
	json_t *wanted;	   /* option "patient" */
	char *grounds;	   /* of an emergency; wiped at the end */
	bool without_card; /* option of that name */
	bool interactive;
	bool alone; /* without the patient's card: nobody waits for it */
	char *structure;
	char *pair;
	char *application; /* "name version", for the record */
	char *application_name;
	char *application_version;
	uint64_t lifetime; /* microseconds */
	uint64_t slept;	   /* session_slept() when it began */
	bool wait;
	char audit_id[64];

	enum session_step step;
	enum session_state ended; /* of a session that has ended */
	enum vitaled_reason reason;
	const struct session *ended_by; /* during session_end(): who pre-empted it */
	enum session_state told;	/* last state that the owner was told */
	sd_event_source *turn;		/* events that wait for a later turn */
	sd_event_source *timer;		/* the step's limit; then the object's end */
	sd_event_source *expiry; /* the life of an unlocked session: runs on while suspended */
	sd_event_source *tick;	 /* queued: a second has passed */
	sd_event_source *idle;	 /* mode patient, unlocked: nothing was done */
	sd_event_source *progress; /* to be told when nothing else is to be done */
	struct posted posted[SESSION_EVENTS];
	size_t n_posted;
	bool running;
	bool removed;	       /* free it when nothing runs */
	uint64_t queued_since; /* CLOCK_MONOTONIC; 0: never queued */
	uint32_t told_position;

	struct side patient_side;
	struct side professional_side;
	struct exchange exchange;
	enum state_meeting meeting;
	bool exchange_runs;
	bool shared; /* other programs use a card between our commands: rights do not last */
	struct wire wires[EXCHANGE_CARDS];
	struct professional *life;
	int pin;       /* pipe from the agent, on its way */
	bool pin_last; /* the person confirmed the last try */
	bool keypad;   /* VERIFY waits for the reader's own keys */
	unsigned int pin_asked;
	enum vitaled_reason pin_result;
	uint8_t pin_tries;
	bool reread;	      /* the professional's files were read anew once */
	unsigned int present; /* cards that have not told yet that they are still there */
	enum proof proof;
	uint64_t expires;
	uint8_t nonce[16]; /* of the statement */

	struct session_professional professional;
	struct buf professional_der; /* signature certificate, then that of authentication */
	struct session_patient patient;
	struct patient_data *data;
	const struct person *chosen; /* in @data */
	bool coverage_asked;
	bool coverage_known;
	struct waiter waiters[SESSION_WAITERS];
	size_t n_waiters;
	sd_event_source *coverage_turn;

	void *consent;
	void *dossier;
};

/* A card of a professional that opened an emergency, and when. */
struct emergency {
	uint8_t serial[SERIAL_MAX];
	size_t len;
	uint64_t at; /* CLOCK_BOOTTIME; 0: none */
};

/* An emergency that has ended others and was not unlocked, so far. */
struct pre_emption {
	uint64_t at;	  /* CLOCK_BOOTTIME; 0: none */
	uint32_t session; /* its id */
	uid_t uid;
};

/* A card that somebody is told to take; one a card, whatever becomes of the session. */
struct left {
	struct left *next;
	struct sessions *all;
	uint32_t card;
	struct session_left was;
	sd_event_source *timer;
};

struct sessions {
	sd_event *ev;
	const struct config *config;
	struct cards *cards;
	const struct trust *trust;
	struct audit *audit;
	struct session_ops ops;
	void *user;
	struct session *first;
	struct professional *lives;
	struct lending *lendings;
	struct left *lefts;
	struct cache *cache;
	uint32_t next_id;
	char boot[33];
	bool closing; /* sessions_free() */
	struct exchange_seen seen;
	struct emergency emergencies[LIMIT_EMERGENCIES]; /* a ring */
	size_t next_emergency;
	struct pre_emption pre_emptions[LIMIT_EMERGENCIES];
};
