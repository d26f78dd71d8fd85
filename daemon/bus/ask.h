/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What people are asked through agents. One request is on the wire at a time for each agent, others
 * wait in the order in which they were asked; each has LIMIT_PERSON_WAIT from the moment it is sent.
 * An answer that comes late, from an agent that left, or in another form than asked is none.
 */
#include "daemon/bus/agents.h"

enum ask_kind {
	ASK_PIN = 1,
	ASK_LAST_TRY,
	ASK_STRUCTURE,
	ASK_BENEFICIARY, /* the session's owner may answer as well */
	ASK_CONSENT,
};

struct ask {
	struct ask *next;
	struct bus *b;
	enum ask_kind kind;
	uint32_t session;
	struct agent *agent;	  /* NULL: only the owner can answer */
	struct wire request;	  /* until it is sent */
	DBusPendingCall *pending; /* while it is on the wire */
	sd_event_source *timer;
	size_t n_choices;
	enum consent_form form;
};

/** ask_new() - queue a question; what @request holds is taken. @a NULL: nobody but the owner. */
void ask_new(struct bus *b, struct session *s, enum ask_kind kind, struct agent *a,
	struct wire *request, size_t n_choices, enum consent_form form);
/** ask_stop() - withdraw the questions of session @id (of one kind, or 0: all); the agent that shows
 *  one hears Cancel(@why). */
void ask_stop(struct bus *b, uint32_t id, unsigned int kind, const char *why);
void ask_agent_gone(struct bus *b, const struct agent *a);
void ask_free(struct bus *b); /* withdraws everything; nobody is told but the agents */
/** ask_fail() - what a session hears when nobody answered its question. */
void ask_fail(struct bus *b, struct session *s, enum ask_kind kind, enum vitaled_reason why);
/** ask_inform() - Inform() to the agents that were asked something for @s. */
void ask_inform(struct bus *b, struct session *s, const char *what);

/* -- answers.c: an agent's reply, checked against what was asked -- */
enum answer_outcome {
	ANSWER_USED = 1, /* the session has it */
	ANSWER_NONE,	 /* ends the question: @ret_why */
};

int answer_read(struct bus *b, struct session *s, const struct ask *k, DBusMessage *reply,
	enum vitaled_reason *ret_why) _must_check_;
