/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Changing and unblocking a PIN (Card.ChangePin, Card.UnblockPin): one job a card. The codes go from
 * the agent through pipes into the card's process, unread, or are typed on the reader's keypad. A
 * code is never sent twice for one entry, never with one try left unless the person confirmed; the
 * counters shown are the card's own. The card must be free, or in the hands of the same user and
 * idle (then its verified PIN is given up first). The outcome stands in the record.
 */
#include "daemon/session/session.h"

enum pin_job_kind {
	PIN_JOB_CHANGE = 0,
	PIN_JOB_UNBLOCK,
};

/* what is asked of the agent: RequestCode(o card, s kind, a{sv}) */
enum pin_code {
	PIN_CODE_PIN = 0, /* "pin": the old one */
	PIN_CODE_NEW,	  /* "new-pin" */
	PIN_CODE_PUK,	  /* "puk" */
};

const char *pin_code_word(enum pin_code c);

struct pins;
struct pin_job;

/* all must be set; answers come by the functions below, also from within the call */
struct pins_ops {
	void (*ask_code)(
		void *user, struct pin_job *j, enum pin_code code, unsigned int tries_left);
	void (*ask_last_try)(void *user, struct pin_job *j, enum pin_code code);
	void (*tell_keypad)(
		void *user, struct pin_job *j, enum pin_code first, unsigned int tries_left);
	void (*stop_asking)(void *user, struct pin_job *j, enum vitaled_reason why);
};

int pins_new(sd_event *ev, struct cards *cards, struct sessions *sessions, struct audit *audit,
	const struct pins_ops *ops, void *user, struct pins **ret) _must_check_;
struct pins *pins_free(struct pins *all);

enum pin_job_outcome {
	PIN_JOB_BUSY = 1,  /* in use by another user or a running session, lent, wanted by an
			   * emergency, or a job runs */
	PIN_JOB_KIND_CARD, /* no card of the CPS family */
	PIN_JOB_AUDIT,
};

/**
 * pin_job_start() - @done runs exactly once, never from within any function here, and not at all after
 * pins_free() or pins_forget(): NONE when the card took the new PIN;
 * else PIN_WRONG (@tries: what the card says is left, 255: unknown), PIN_BLOCKED, PIN_REFUSED,
 * CANCELLED, TIMEOUT, NO_AGENT, CARD_REMOVED, ...
 * Return: 0, a fault, or a pin_job_outcome: then @done does not run.
 */
int pin_job_start(struct pins *all, struct card *c, enum pin_job_kind kind, const char *owner,
	uid_t uid, void (*done)(void *user, enum vitaled_reason why, uint8_t tries),
	void *user) _must_check_;
void pins_forget(struct pins *all, void *user); /* who waits goes away; its job is cancelled */
void pins_owner_gone(struct pins *all, const char *owner);
void pins_stop_all(struct pins *all, enum vitaled_reason why); /* those not yet with the card */

struct card *pin_job_card(const struct pin_job *j); /* NULL: it has left */
uid_t pin_job_uid(const struct pin_job *j);
const char *pin_job_owner(const struct pin_job *j);
enum pin_job_kind pin_job_kind(const struct pin_job *j);

void pin_job_code(struct pin_job *j, int fd); /* takes @fd */
/** pin_job_failed() - there will be no answer; once the card has the codes its outcome counts. */
void pin_job_failed(struct pin_job *j, enum vitaled_reason r);
void pin_job_last_try(struct pin_job *j, bool yes);
