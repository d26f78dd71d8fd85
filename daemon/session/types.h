/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The words and facts of a consultation that other rooms see; session.h is what can be done. */
#include "base/json.h"
#include "daemon/session/cards.h"
#include "include/vitaled/errors.h"

static inline const char *reader_service_word(enum reader_service s)
{
	static const char *const words[] = {"absent", "stopped", "running"};

	return (unsigned int)s < ARRAY_LEN(words) ? words[s] : "";
}

enum session_state {
	SESSION_STATE_QUEUED = 0,
	SESSION_STATE_WAITING_FOR_CARDS,
	SESSION_STATE_READING,
	SESSION_STATE_WAITING_FOR_PIN,
	SESSION_STATE_AUTHENTICATING,
	SESSION_STATE_WAITING_FOR_CHOICE,
	SESSION_STATE_WAITING_FOR_CONSENT,
	SESSION_STATE_UNLOCKED,
	SESSION_STATE_SUSPENDED,
	SESSION_STATE_REFUSED,
	SESSION_STATE_LOCKED,
	SESSION_STATE_FAILED,
};

const char *session_state_word(enum session_state st);
bool session_state_ended(enum session_state st);

enum session_mode {
	SESSION_MODE_NORMAL = 0,
	SESSION_MODE_IDENTITY,
	SESSION_MODE_BRIS_DE_GLACE, /* the patient cannot say what they want: reason, PIN, Confirm */
	SESSION_MODE_CENTRE_15, /* medical regulation: reason, PIN, a structure that is listed */
	SESSION_MODE_ADMINISTRATION, /* opening and closing a dossier, and no document */
	SESSION_MODE_PATIENT,	     /* the patient alone */
	SESSION_MODE_COUNT
};

static inline const char *session_mode_word(enum session_mode m)
{
	static const char *const words[SESSION_MODE_COUNT] = {"normal", "identity",
		"bris_de_glace", "centre_15", "administration", "patient"};

	return (unsigned int)m < SESSION_MODE_COUNT ? words[m] : "";
}

/** session_mode_emergency() - whether no consent is asked, and normal sessions give way. */
static inline bool session_mode_emergency(enum session_mode m)
{
	return m == SESSION_MODE_BRIS_DE_GLACE || m == SESSION_MODE_CENTRE_15;
}

/** session_mode_one_card() - whether the patient's card is the only one. */
static inline bool session_mode_one_card(enum session_mode m)
{
	return m == SESSION_MODE_IDENTITY || m == SESSION_MODE_PATIENT;
}

enum session_intent { /* bits */
	SESSION_INTENT_CONSULT = 1,
	SESSION_INTENT_FEED = 2,
	SESSION_INTENT_CREATE = 4,
	SESSION_INTENT_AUTHORISE = 8,	     /* who may open it later, and who may not */
	SESSION_INTENT_TREATING_DOCTOR = 16, /* this professional takes the role */
	SESSION_INTENT_OPPOSE = 32,	     /* oppositions to the emergency modes */
	SESSION_INTENT_CLOSE = 64,
	SESSION_INTENT_CODE = 128, /* an activation code is made */
};

#define SESSION_INTENTS 8U /* bits of them */

/** session_intent_word() - of bit @i, from 0; as OpenSession and the statement's acts have it. */
static inline const char *session_intent_word(unsigned int i)
{
	static const char *const words[SESSION_INTENTS] = {"consult", "feed", "create",
		"authorise", "treating-doctor", "oppose", "close", "code"};

	return i < SESSION_INTENTS ? words[i] : "";
}

enum session_choice {
	SESSION_CHOICE_STRUCTURE = 1,
	SESSION_CHOICE_BENEFICIARY,
};

/* what the caller of OpenSession wants */
struct session_options { /* all borrowed; copied by session_open() */
	enum session_mode mode;
	unsigned int intents;	 /* 0: consult; mode patient: none */
	const json_t *patient;	 /* {ins|nir, birth-date, rank?, birth-name?} or NULL */
	const char *reason;	 /* of an emergency, UTF-8; NULL in every other mode */
	const char *structure;	 /* or NULL */
	const char *pair;	 /* or NULL: "default", which exists when none is configured */
	const char *application; /* name or NULL */
	const char *application_version;
	uint32_t lifetime; /* s; 0: LIMIT_SESSION_LIFE */
	bool wait;
	bool interactive;  /* polkit may disturb a person */
	bool without_card; /* mode normal: no patient's card is waited for, or used */
};

/* A session of mode patient that has ended while its card is still in; it may be gone since. */
struct session_left {
	uint32_t session; /* its id */
	uid_t uid;
	char *owner;
	char *pair;
};

struct session_activity {
	uint8_t index;
	char name[128];
	char structure[32]; /* national id */
	char sector[8];	    /* SA07 */
};

struct session_professional {		  /* known after READING; activities after PIN */
	struct trust_person person;	  /* from the signature certificate */
	enum trust_revocation revocation; /* of the signature certificate */
	char speciality[16];
	struct session_activity activities[16];
	size_t n_activities;
	const struct session_activity *chosen; /* structure of this session, or NULL */
	struct view certificate;	       /* DER of the signature certificate, borrowed */
	struct view role_certificate;	       /* 7F21, borrowed */
};

struct session_patient {    /* known after the choice */
	char pseudonym[65]; /* hex; empty in identity mode or without an own number */
	char generation[16];
	enum nature nature;
	char serial_last4[5];
	unsigned int rank; /* 0: not on the card */
	bool minor;
	struct view role_certificate; /* 7F21 of the card, borrowed; empty when it has none */
	bool absent;		      /* their card is not in this session */
	bool holder;		      /* the card's own holder */
	bool represented; /* mode patient: a minor on the card, through its holder */
};
