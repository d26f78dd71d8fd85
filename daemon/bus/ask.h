/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What people are asked through agents, for a session or for a PIN job on a card. One request is on
 * the wire at a time for each agent, others wait in the order in which they were asked; each has
 * LIMIT_PERSON_WAIT from the moment it is sent. What is told with a reply (ASK_TELL_*) goes when there
 * is no question, and holds none up: an agent that never replies was not told, and that is all.
 * An answer that comes late, from an agent that left, or in another form than asked is none.
 */
#include "daemon/bus/agents.h"
#include "daemon/bus/objects.h"

enum ask_kind {
	ASK_PIN = 1,
	ASK_LAST_TRY,
	ASK_STRUCTURE,
	ASK_BENEFICIARY, /* the session's owner may answer as well */
	ASK_CONSENT,
	ASK_EMERGENCY,	  /* Confirm("bris-de-glace") */
	ASK_CODE,	  /* of a card's job */
	ASK_PATIENT_CODE, /* of a session: the patient's, or a new one */
	ASK_TELL_PATIENT, /* Inform("emergency-access"), whose reply says that it was shown */
	ASK_TELL_DOCTOR,
	ASK_KEYPAD, /* told, not asked: the reader's keypad answers; hinders no other question */
};

/** struct ask_about - what a question is about: OBJECT_SESSION, or OBJECT_CARD for a PIN job. */
struct ask_about {
	enum object_kind kind;
	uint32_t id;
	struct pin_job *job; /* of a card; its questions go before it does */
};

struct ask {
	struct ask *next;
	struct bus *b;
	enum ask_kind kind;
	struct ask_about about;
	struct agent *agent;	  /* NULL: only the owner can answer */
	struct wire request;	  /* until it is sent */
	DBusPendingCall *pending; /* while it is on the wire */
	sd_event_source *timer;
	size_t n_choices;
	enum consent_form form;
};

struct ask_about ask_about_session(const struct session *s);
struct ask_about ask_about_job(struct pin_job *j);

/** ask_new() - queue a question; what @request holds is taken. @a NULL: nobody but the owner. */
void ask_new(struct bus *b, const struct ask_about *about, enum ask_kind kind, struct agent *a,
	struct wire *request, size_t n_choices, enum consent_form form);
/** ask_tell() - Inform(@request) that what is typed on a keypad; its Cancel comes by ask_stop().
 *  Nobody needs to hear it: without memory or room nothing is told. */
void ask_tell(
	struct bus *b, const struct ask_about *about, struct agent *a, struct wire *request);
/** ask_stop() - withdraw the questions about an object (of one kind, or 0: all); the agent that shows
 *  one hears Cancel(@why). */
void ask_stop(
	struct bus *b, enum object_kind about, uint32_t id, unsigned int kind, const char *why);
/** ask_stop_job() - the same by the job's pointer, which is only compared. */
void ask_stop_job(struct bus *b, const struct pin_job *j, const char *why);
void ask_agent_gone(struct bus *b, const struct agent *a);
void ask_free(struct bus *b); /* withdraws everything; nobody is told but the agents */
/** ask_fail() - what a session or job hears when nobody answered its question. */
void ask_fail(struct bus *b, const struct ask_about *about, enum ask_kind kind,
	enum vitaled_reason why);
/** ask_inform() - Inform() to the agents that were asked something for @s. */
void ask_inform(struct bus *b, struct session *s, const char *what);

/* -- people.c: what questions are made of -- */

/** people_request() - a call of @a's @member that begins with the object it is about. */
void people_request(struct wire *w, const struct ask_about *about, const struct agent *a,
	const char *member);
/** people_has_display() - whether a patient's display is configured for @pair, there or not. */
bool people_has_display(const struct config *config, const char *pair);
/** people_memfd() - @j in a sealed memfd; NULL: no memory. */
void people_memfd(struct wire *w, const json_t *j, const char *name);
/** people_tell_keypad() - Inform("use-pinpad"): @codes are typed on the reader, in this order. */
void people_tell_keypad(struct bus *b, const struct ask_about *about, struct agent *a,
	const char *const *codes, size_t n, unsigned int tries_left, bool again);

/* -- answers.c: an agent's reply, checked against what was asked -- */
enum answer_outcome {
	ANSWER_USED = 1, /* the session or job has it */
	ANSWER_NONE,	 /* ends the question: @ret_why */
};

/** answer_read() - @s: NULL when @k is about a job. */
int answer_read(struct bus *b, struct session *s, const struct ask *k, DBusMessage *reply,
	enum vitaled_reason *ret_why) _must_check_;
