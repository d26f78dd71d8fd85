/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the files of a session share; nobody else includes it. session.c owns the list of sessions
 * and carries out the table of state.h; session-cards.c finds, opens and watches the cards;
 * session-pin.c the professional; session-proof.c certificates and signatures; session-people.c
 * the beneficiaries; session-view.c what may be seen; professional.c the professional's card
 * between sessions.
 */
#include "base/clock.h"
#include "base/link-ops.h"
#include "daemon/limits.h"
#include "daemon/session/exchange.h"
#include "daemon/session/read.h"
#include "daemon/session/session.h"
#include "daemon/session/state.h"

#define SERIAL_MIN 8U
#define SERIAL_MAX 16U

struct professional;

struct person { /* one beneficiary, as the card says */
	char surname[128];
	char given[128];
	char birth[9]; /* YYYYMMDD, may be lunar or unknown */
	char nir[16];  /* 13 characters and key; empty: none */
	char country[8];
	unsigned int rank; /* 0: not on the card */
	bool own;	   /* the number is this person's own (doc/consent.md) */
	bool wanted;	   /* fits the option "patient", or there is none */
};

struct coverage {
	uint8_t index;
	char from[13];
	char to[13];
	char ald[17];
	char situation[17];
};

#define COVERAGES_MAX 32U

struct side {		   /* one of the two cards in this session */
	struct card *card; /* claimed; NULL: none */
	bool ready;	   /* READING: its part is done */
	unsigned int open_tries;
	sd_event_source *again; /* the card was busy */
	enum nature nature;
	struct buf serial;
	struct buf certificate; /* 7F21; empty: has none */
	struct cvc cvc;		/* of it */
	uint32_t characters;
};

/* Everything of a patient; in one block that is wiped whole. */
struct patient_data {
	struct person people[LIMIT_BENEFICIARIES];
	size_t n_people;
	struct coverage coverages[COVERAGES_MAX];
	size_t n_coverages;
};

struct session {
	struct sessions *all;
	struct session *next;
	uint32_t id;
	char *owner;
	uid_t uid;
	enum session_mode mode;
	unsigned int intents;
	json_t *wanted; /* option "patient" */
	char *structure;
	char *pair;
	char *application; /* "name version", for the record */
	char *application_name;
	char *application_version;
	uint64_t lifetime; /* microseconds */
	bool wait;
	char audit_id[64];

	enum session_step step;
	enum session_state ended; /* of a session that has ended */
	enum vitaled_reason reason;
	enum session_state told; /* last state that the owner was told */
	sd_event_source *turn;	 /* events that wait for a later turn */
	sd_event_source *timer;	 /* the step's limit; the life; then the object's end */
	bool posted;		 /* an event waits in @event */
	enum session_event event;
	bool running;
	bool removed; /* free it when nothing runs */

	struct side patient_side;
	struct side professional_side;
	struct professional *life;
	int pin;       /* pipe from the agent, on its way */
	bool pin_last; /* the person confirmed the last try */
	unsigned int pin_asked;
	enum vitaled_reason pin_result;
	uint8_t pin_tries;
	enum proof proof;
	uint64_t expires;
	uint8_t nonce[16];

	struct session_professional professional;
	struct buf professional_der;
	struct session_patient patient;
	struct patient_data *data;
	const struct person *chosen; /* in @data */
	struct exchange exchange;

	void *consent;
	void *dossier;
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
	uint32_t next_id;
	char boot[33];
	bool closing; /* sessions_free() */
	struct exchange_seen seen;
};
