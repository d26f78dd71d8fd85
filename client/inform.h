/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What the service tells an agent without asking (Agent.Inform), for people and for programs. Pure: the
 * bus is cmd-agent.c's. With --json it is one line,
 *
 *   {"inform":"unlocked","session":PATH,"facts":{...}}
 *   {"inform":"activation-code","session":PATH,"facts":{"until":...},"code":"12345678"}
 *
 * An activation code is shown here, once, and nowhere else: it is for the patient's hand, on paper.
 */
#include "base/json.h"

#define INFORM_CODE_MIN 4U /* digits */
#define INFORM_CODE_MAX 12U

struct inform {
	const char *path; /* of the object it is about */
	const char *what;
	const json_t *facts;
	struct view code; /* digits of an activation code; empty: none */
};

/** inform_code() - whether @code is one that can be shown: digits, as many as a code has. */
bool inform_code(struct view code);
/** inform_text() - one line for people, or several, with its newline. */
void inform_text(const struct inform *i, struct buf *out);
/** inform_json() - a new object as above, or NULL (no memory). */
json_t *inform_json(const struct inform *i);
