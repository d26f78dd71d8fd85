/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * PIN jobs: who has one, on which card, and how it ends. An entry "started" is durable before the
 * card gets its first command, and one with the outcome follows. The job owns the card's process
 * while it runs, the pipes until they were handed on, and itself until done has run; done does not
 * run any more after pins_free(). The dialogue is in pins-steps.c.
 */
#include "daemon/session/pins.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/session/pins-inside.h"

/* Closing an idle life: one RESET of the card. */
#define FREE_WAIT LIMIT_CARD_OPERATION

const char *pin_code_word(enum pin_code c)
{
	switch (c) {
	case PIN_CODE_PIN:
		return "pin";
	case PIN_CODE_NEW:
		return "new-pin";
	case PIN_CODE_PUK:
		return "puk";
	}
	return "pin";
}

/* -- one job -------------------------------------------------------------------------------------- */

void pin_job_drop_codes(struct pin_job *j)
{
	for (size_t i = 0; i < j->n_codes; i++) {
		close(j->codes[i]);
	}
	j->n_codes = 0;
}

static struct pin_job *job_free(struct pin_job *j)
{
	if (j) {
		pin_job_drop_codes(j);
		sd_event_source_disable_unref(j->turn);
		sd_event_source_disable_unref(j->timer);
		free(j->owner);
		free(j);
	}
	return NULL;
}

static void take_out(struct pin_job *j)
{
	struct pin_job **at = &j->all->first;

	while (*at && *at != j) {
		at = &(*at)->next;
	}
	if (*at) {
		*at = j->next;
	}
}

bool pin_job_record(const struct pin_job *j, const char *outcome)
{
	_cleanup_json_ json_t *details = json_pack("{s:i}", "tries", (int)j->tries);
	struct audit_entry entry = AUDIT_ENTRY_NULL;

	entry.event =
		j->kind == PIN_JOB_CHANGE ? AUDIT_EVENT_PIN_CHANGED : AUDIT_EVENT_PIN_UNBLOCKED;
	entry.outcome = outcome;
	entry.caller = j->owner;
	entry.caller_uid = j->uid;
	entry.details = j->tries == UINT8_MAX ? NULL : details;
	return audit_append(j->all->audit, &entry, NULL) == 0;
}

static int on_turn(sd_event_source *source, void *user)
{
	struct pin_job *j = user;

	(void)source;
	if (j->stage != PIN_STAGE_OVER) {
		pin_job_step(j);
		return 0;
	}
	take_out(j);
	if (j->done) {
		j->done(j->user, j->result, j->tries);
	}
	job_free(j);
	return 0;
}

void pin_job_turn(struct pin_job *j)
{
	(void)sd_event_source_set_enabled(j->turn, SD_EVENT_ONESHOT); /* made: cannot fail */
}

static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
	struct pin_job *j = user;

	(void)source;
	(void)usec;
	j->timer = sd_event_source_disable_unref(j->timer);
	pin_job_late(j);
	return 0;
}

bool pin_job_limit(struct pin_job *j, clockid_t clock, uint64_t usec)
{
	j->timer = sd_event_source_disable_unref(j->timer);
	return sd_event_add_time_relative(j->all->ev, &j->timer, clock, usec, 0, on_time, j) >=
	       0;
}

/* -- starting ------------------------------------------------------------------------------------- */

static bool of_family(const struct card *c)
{
	return c->recognised && (c->kind == CARD_KIND_CPS || c->kind == CARD_KIND_CPF ||
					c->kind == CARD_KIND_CPE || c->kind == CARD_KIND_CPA);
}

static bool in_session(struct sessions *all, const struct card *c)
{
	for (struct session *s = sessions_next(all, NULL); s; s = sessions_next(all, s)) {
		if (s->patient_side.card == c || s->professional_side.card == c) {
			return true;
		}
	}
	return false;
}

/* Return: 0, PIN_JOB_BUSY or PIN_JOB_KIND_CARD. */
static int may_start(const struct pins *all, struct card *c, uid_t uid)
{
	if (c->reader->lent) {
		return PIN_JOB_BUSY; /* what it is will be known when it is back */
	}
	if (!of_family(c)) {
		return PIN_JOB_KIND_CARD;
	}
	for (const struct pin_job *j = all->first; j; j = j->next) {
		if (j->card == c) {
			return PIN_JOB_BUSY;
		}
	}
	if (c->job || (c->child && c->in_use_uid != uid) || in_session(all->sessions, c)) {
		return PIN_JOB_BUSY;
	}
	return sessions_card_wanted(all->sessions, c) ? PIN_JOB_BUSY : 0;
}

static int job_new(struct pins *all, struct card *c, enum pin_job_kind kind, const char *owner,
	uid_t uid, struct pin_job **ret)
{
	struct pin_job *j = calloc(1, sizeof(*j));
	int r;

	if (!j) {
		return fault(-ENOMEM);
	}
	*j = (struct pin_job){
		.all = all, .card = c, .kind = kind, .uid = uid, .tries = UINT8_MAX};
	j->owner = strdup(owner);
	r = j->owner ? sd_event_add_defer(all->ev, &j->turn, on_turn, j) : -ENOMEM;
	if (r >= 0) {
		r = sd_event_source_set_enabled(j->turn, SD_EVENT_OFF);
	}
	if (r < 0) {
		job_free(j);
		return fault(r);
	}
	*ret = j;
	return 0;
}

/* Claim a free card, or have the idle life of the same user given up first. */
static int take_card(struct pin_job *j)
{
	if (!j->card->child) {
		return trace(pin_job_claim(j));
	}
	if (!pin_job_limit(j, CLOCK_MONOTONIC, FREE_WAIT)) {
		return fault(-ENOMEM);
	}
	j->stage = PIN_STAGE_FREE;
	sessions_card_lock(j->all->sessions, j->card, VITALED_REASON_RELEASED);
	if (!j->card->child) {
		pin_job_turn(j);
	}
	return 0;
}

int pin_job_start(struct pins *all, struct card *c, enum pin_job_kind kind, const char *owner,
	uid_t uid, void (*done)(void *user, enum vitaled_reason why, uint8_t tries), void *user)
{
	struct pin_job *j = NULL;
	int r = may_start(all, c, uid);

	if (r == 0) {
		r = job_new(all, c, kind, owner, uid, &j);
	}
	if (r != 0) {
		return trace(r);
	}
	if (!pin_job_record(j, "started")) {
		job_free(j);
		return PIN_JOB_AUDIT;
	}
	r = take_card(j);
	if (r < 0) {
		(void)pin_job_record(j, vitaled_reason_word(VITALED_REASON_FAILED));
		job_free(j);
		return trace(r);
	}
	j->done = done;
	j->user = user;
	j->next = all->first;
	all->first = j;
	return 0;
}

/* -- ends ----------------------------------------------------------------------------------------- */

void pins_forget(struct pins *all, void *user)
{
	for (struct pin_job *j = all->first; j; j = j->next) {
		if (j->user == user) {
			j->done = NULL;
			pin_job_stop(j, VITALED_REASON_OWNER_GONE);
		}
	}
}

void pins_owner_gone(struct pins *all, const char *owner)
{
	for (struct pin_job *j = all->first; j; j = j->next) {
		if (strcmp(j->owner, owner) == 0) {
			pin_job_stop(j, VITALED_REASON_OWNER_GONE);
		}
	}
}

void pins_stop_all(struct pins *all, enum vitaled_reason why)
{
	for (struct pin_job *j = all->first; j; j = j->next) {
		pin_job_stop(j, why);
	}
}

static struct pin_job *job_of(struct pins *all, const struct card *c)
{
	for (struct pin_job *j = all->first; j; j = j->next) {
		if (j->card == c && j->stage != PIN_STAGE_OVER) {
			return j;
		}
	}
	return NULL;
}

static void on_card_removed(void *user, struct card *c)
{
	struct pin_job *j = job_of(user, c);

	if (j) {
		pin_job_gone(j, VITALED_REASON_CARD_REMOVED);
	}
}

static void on_card_failed(void *user, struct card *c, const char *why)
{
	struct pin_job *j = job_of(user, c);

	(void)why;
	/* in FREE it is the idle life's process: it ends as it was asked to */
	if (j && j->stage != PIN_STAGE_FREE) {
		pin_job_gone(j, VITALED_REASON_CHILD_FAILED);
	}
}

static void on_card_changed(void *user, struct card *c)
{
	struct pin_job *j = job_of(user, c);

	if (j && j->stage == PIN_STAGE_FREE && !c->child) {
		pin_job_turn(j);
	}
}

/* With a command under way the card's outcome is waited for, as ever. */
static void on_card_wanted(void *user, struct card *c)
{
	struct pin_job *j = job_of(user, c);

	if (j && (j->stage == PIN_STAGE_FREE || c->job == CARD_JOB_ASKS)) {
		pin_job_stop(j, VITALED_REASON_CANCELLED);
	}
}

int pins_new(sd_event *ev, struct cards *cards, struct sessions *sessions, struct audit *audit,
	const struct pins_ops *ops, void *user, struct pins **ret)
{
	static const struct cards_ops cards_ops = {
		.card_removed = on_card_removed,
		.card_failed = on_card_failed,
		.card_changed = on_card_changed,
		.card_wanted = on_card_wanted,
	};
	struct pins *all = calloc(1, sizeof(*all));
	int r;

	if (!all) {
		return fault(-ENOMEM);
	}
	*all = (struct pins){.cards = cards,
		.sessions = sessions,
		.audit = audit,
		.ops = *ops,
		.user = user};
	r = cards_listen(cards, &cards_ops, all);
	if (r < 0) {
		free(all);
		return trace(r);
	}
	all->ev = sd_event_ref(ev);
	*ret = all;
	return 0;
}

struct pins *pins_free(struct pins *all)
{
	if (!all) {
		return NULL;
	}
	cards_unlisten(all->cards, all);
	while (all->first) {
		struct pin_job *j = all->first;

		all->first = j->next;
		if (j->card && j->card->child && j->card->job && j->card->user == j) {
			cards_release(all->cards, j->card);
		}
		job_free(j);
	}
	sd_event_unref(all->ev);
	free(all);
	return NULL;
}

/* -- answers -------------------------------------------------------------------------------------- */

void pin_job_code(struct pin_job *j, int fd)
{
	if (j->stage != PIN_STAGE_CODE || !j->asking || j->n_codes == ARRAY_LEN(j->codes)) {
		close(fd);
		return;
	}
	j->asking = false;
	j->timer = sd_event_source_disable_unref(j->timer);
	j->codes[j->n_codes++] = fd;
	pin_job_turn(j);
}

void pin_job_failed(struct pin_job *j, enum vitaled_reason r)
{
	if (j->asking && j->stage != PIN_STAGE_SENT) {
		j->asking = false; /* nobody is there to be told */
		pin_job_stop(j, r);
	}
}

void pin_job_last_try(struct pin_job *j, bool yes)
{
	if (j->stage != PIN_STAGE_LAST_TRY || !j->asking) {
		return;
	}
	j->asking = false;
	if (!yes) {
		pin_job_stop(j, VITALED_REASON_CANCELLED);
		return;
	}
	j->timer = sd_event_source_disable_unref(j->timer);
	j->last_try = true;
	pin_job_turn(j);
}

/* -- what may be seen ----------------------------------------------------------------------------- */

struct card *pin_job_card(const struct pin_job *j)
{
	return j->card;
}

uid_t pin_job_uid(const struct pin_job *j)
{
	return j->uid;
}

const char *pin_job_owner(const struct pin_job *j)
{
	return j->owner;
}

enum pin_job_kind pin_job_kind(const struct pin_job *j)
{
	return j->kind;
}
