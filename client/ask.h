/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What an agent asks people, and what counts as an answer. Pure: the terminal is prompt.h's, the bus
 * cmd-agent.c's. With --json a question is one JSON line on standard output,
 *
 *   {"request":"pin","session":PATH,"facts":{...}}
 *   {"request":"code","kind":"new-pin","card":PATH,"facts":{...}}
 *   {"request":"code","kind":"patient-code","session":PATH,"facts":{...}}
 *   {"request":"choice","kind":"beneficiary","session":PATH,"choices":[{"number":1,...},...]}
 *   {"request":"consent","session":PATH,"facts":{"text":{"wording":...},...}}
 *   {"request":"confirm","kind":"last-try","session":PATH,"facts":{...}}
 *
 * and its answer one line of standard input: the digits; a number; yes, no or impossible; yes or
 * no. An empty line or "cancel" gives no answer. Without --json the same answers are taken, and a
 * driver can follow lines that begin with "? " (kind, and what is asked). A new PIN or personal code
 * is then asked twice and compared before it is sent; a program, with --json, says it once.
 *
 * A consent with somebody's help is "a", one that a minor's parent or representative gives "p": their
 * name and their quality are asked for next ("? consent helper-name"). "impossible" may have a
 * reason behind it, one word. A program says all at once, as one JSON object:
 *
 *   {"decision":"given","form":"assisted","helper":{"name":"...","quality":"..."}}
 *   {"decision":"impossible","reason":"unconscious"}
 */
#include "base/json.h"

enum ask_kind {
	ASK_KIND_PIN = 0,
	ASK_KIND_CODE,
	ASK_KIND_CHOICE,
	ASK_KIND_CONSENT,
	ASK_KIND_CONFIRM,
};

struct ask {
	enum ask_kind kind;
	char session[128];
	char what[64]; /* code, choice, confirm: the word of the request; consent: what of it */
	json_t *facts; /* owned; choice: an array */
	json_t *details; /* owned; consent: form, helper {name, quality}, reason; NULL: none */
	bool again;	 /* code: the same once more */
};

struct ask_answer {
	uint32_t index;	      /* choice: from 0 */
	const char *decision; /* consent: given, refused, impossible */
	bool yes;	      /* confirm */
};

enum ask_outcome {
	ASK_AGAIN = 1, /* not an answer to this */
	ASK_CANCEL,    /* no answer is wanted */
	ASK_MORE,      /* a part of the answer: the next question follows */
};

void ask_done(struct ask *q);
/** ask_object() - what the object at @path is in JSON: "card" or "session". */
const char *ask_object(const char *path);
/** ask_twice() - whether people type the answer twice: a new PIN or code, which nobody else knows. */
bool ask_twice(const struct ask *q);
/** ask_keypad() - what is typed on the reader's keypad now, of Inform("use-pinpad") with @facts. */
void ask_keypad(const json_t *facts, struct buf *out);
/** ask_secret() - whether the answer must not be seen. */
bool ask_secret(const struct ask *q);
/** ask_wording() - whether a consent's wording is there and has the hash that will be signed. */
bool ask_wording(const struct ask *q);
/** ask_text() - the question for people, ending in a prompt without newline. */
void ask_text(const struct ask *q, struct buf *out);
/** ask_tag() - "? choice beneficiary 4" for drivers, without newline. */
void ask_tag(const struct ask *q, struct buf *out);
/** ask_json() - a new object as above, or NULL (no memory). */
json_t *ask_json(const struct ask *q);
/** ask_take() - @line, NUL-terminated behind its end, as an answer. PIN and code: only checked, the
 *  digits stay where they are. Consent: what stands beside the decision is left in @q's details.
 *  Return: 0, a fault or an outcome. */
int ask_take(struct ask *q, struct view line, struct ask_answer *ret) _must_check_;
