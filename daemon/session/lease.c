/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Leases. Each goes from ASKED (the sessions let go of the card) to LENT to its end; the entry
 * card-lent is durable before the card is let go, and every one is followed by card-returned, which
 * says why. A lease that ends before the card is free, or whose owner went away meanwhile, is given
 * back as soon as it is: who asked hears why, once. All leases are owned here; pointers stay valid
 * until removed has been told.
 */
#include "daemon/session/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "daemon/limits.h"

struct lease {
	struct leases *all;
	struct lease *next;
	uint32_t id;
	struct card_reader *reader;
	char *owner;
	uid_t uid;
	uint64_t usec;
	bool lent;		   /* told, and nobody of ours may use the slot */
	bool recorded;		   /* card-lent */
	enum vitaled_reason ended; /* while it is asked for: give it back at once */
	void (*done)(void *user, struct lease *l, enum vitaled_reason why);
	void *user;
	sd_event_source *timer;
};

struct leases {
	sd_event *ev;
	struct cards *cards;
	struct sessions *sessions;
	struct audit *audit;
	struct lease_ops ops;
	void *user;
	struct lease *first;
	uint32_t next_id;
};

/* -- the record ----------------------------------------------------------------------------------- */

/* Return: 0 or AUDIT_UNAVAILABLE. */
static int record(const struct lease *l, enum audit_event event, const char *outcome)
{
	_cleanup_json_ json_t *details =
		json_pack("{s:i,s:i}", "lease", (int)l->id, "reader", (int)l->reader->id);
	struct audit_entry entry = AUDIT_ENTRY_NULL;

	if (!details) {
		return AUDIT_UNAVAILABLE;
	}
	entry.event = event;
	entry.outcome = outcome;
	entry.caller = l->owner;
	entry.caller_uid = l->uid;
	entry.details = details;
	return trace(audit_append(l->all->audit, &entry, NULL));
}

/* -- the end -------------------------------------------------------------------------------------- */

static struct lease *lease_free(struct lease *l)
{
	if (l) {
		sd_event_source_disable_unref(l->timer);
		free(l->owner);
		free(l);
	}
	return NULL;
}

static void take_out(struct lease *l)
{
	struct lease **at = &l->all->first;

	while (*at != l) {
		at = &(*at)->next;
	}
	*at = l->next;
}

/* The slot is ours again. */
static void give_back(struct lease *l, const char *outcome)
{
	struct leases *all = l->all;

	if (l->recorded && record(l, AUDIT_EVENT_CARD_RETURNED, outcome) != 0) {
		/* nothing is released by it; what opens next is refused by the record itself */
		l->recorded = false;
	}
	cards_lend(all->cards, l->reader, false);
	sessions_reader_returned(all->sessions, l->reader);
}

static void end(struct lease *l, enum vitaled_reason why)
{
	struct leases *all = l->all;

	if (!l->lent) {
		l->ended = why; /* when it has been freed */
		return;
	}
	l->lent = false;
	l->timer = sd_event_source_disable_unref(l->timer);
	take_out(l);
	if (all->ops.removed) {
		all->ops.removed(all->user, l);
	}
	give_back(l, why == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(why));
	lease_free(l);
}

static int on_time(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	end(user, VITALED_REASON_TIMEOUT);
	return 0;
}

/* -- the beginning -------------------------------------------------------------------------------- */

static void answer(struct lease *l, struct lease *lent, enum vitaled_reason why)
{
	void (*done)(void *user, struct lease *l, enum vitaled_reason why) = l->done;

	l->done = NULL;
	if (done) {
		done(l->user, lent, why);
	}
}

static void refuse(struct lease *l, enum vitaled_reason why)
{
	take_out(l);
	give_back(l, vitaled_reason_word(why));
	answer(l, NULL, why);
	lease_free(l);
}

/* What keeps the slot from being lent now that it should be free. */
static enum vitaled_reason obstacle(const struct lease *l)
{
	if (l->ended != VITALED_REASON_NONE) {
		return l->ended;
	}
	if (!l->reader->present) {
		return VITALED_REASON_NO_READER;
	}
	return l->reader->card && l->reader->card->child ? VITALED_REASON_BUSY
							 : VITALED_REASON_NONE;
}

static void on_freed(void *user)
{
	struct lease *l = user;
	struct leases *all = l->all;
	enum vitaled_reason why;

	if (!all) { /* leases_free() */
		lease_free(l);
		return;
	}
	why = obstacle(l);
	if (why == VITALED_REASON_NONE && sd_event_add_time_relative(all->ev, &l->timer,
						  CLOCK_BOOTTIME, l->usec, 0, on_time, l) < 0) {
		why = VITALED_REASON_FAILED;
	}
	if (why != VITALED_REASON_NONE) {
		refuse(l, why);
		return;
	}
	l->lent = true;
	cards_lend(all->cards, l->reader, true);
	if (all->ops.added) {
		all->ops.added(all->user, l);
	}
	answer(l, l, VITALED_REASON_NONE);
}

/* Return: 0, LEASE_BUSY or LEASE_LIMIT. */
static int may_lend(const struct leases *all, const struct card_reader *r, uid_t uid)
{
	unsigned int n = 0;

	for (const struct lease *l = all->first; l; l = l->next) {
		if (l->reader == r) {
			return LEASE_BUSY;
		}
		n += l->uid == uid ? 1 : 0;
	}
	if (!r->present || r->lent || (r->card && r->card->job)) {
		return LEASE_BUSY;
	}
	return n >= LIMIT_LEASES_UID ? LEASE_LIMIT : 0;
}

static int lease_new(struct leases *all, struct card_reader *r, const char *owner, uid_t uid,
	uint32_t seconds, struct lease **ret)
{
	struct lease *l = calloc(1, sizeof(*l));

	if (!l) {
		return fault(-ENOMEM);
	}
	*l = (struct lease){.all = all, .id = ++all->next_id, .reader = r, .uid = uid};
	l->usec = seconds * USEC_PER_SEC;
	l->owner = strdup(owner);
	if (!l->owner) {
		lease_free(l);
		return fault(-ENOMEM);
	}
	*ret = l;
	return 0;
}

int lease_start(struct leases *all, struct card_reader *r, const char *owner, uid_t uid,
	uint32_t seconds, void (*done)(void *user, struct lease *l, enum vitaled_reason why),
	void *user)
{
	struct lease *l = NULL;
	int q;

	if (seconds == 0 || seconds > LIMIT_LEASE / USEC_PER_SEC) {
		return LEASE_RANGE;
	}
	if (r->served == READER_DRIVER_USB) {
		return LEASE_DRIVER;
	}
	q = may_lend(all, r, uid);
	if (q == 0) {
		q = lease_new(all, r, owner, uid, seconds, &l);
	}
	if (q != 0) {
		return trace(q);
	}
	q = sessions_reader_lend(all->sessions, r, uid, on_freed, l);
	if (q != 0) {
		lease_free(l);
		return q < 0 ? trace(q) : LEASE_BUSY;
	}
	l->next = all->first;
	all->first = l;
	/* nothing has been let go yet: that happens in a later turn */
	if (record(l, AUDIT_EVENT_CARD_LENT, "ok") != 0) {
		l->ended = VITALED_REASON_AUDIT_UNAVAILABLE;
		return LEASE_AUDIT;
	}
	l->recorded = true;
	l->done = done;
	l->user = user;
	return 0;
}

void lease_return(struct lease *l)
{
	end(l, VITALED_REASON_NONE);
}

/* -- all of them ---------------------------------------------------------------------------------- */

/* End those that @owner has, or that are on @r; other than NULL. */
static void end_some(struct leases *all, const char *owner, const struct card_reader *r,
	enum vitaled_reason why)
{
	struct lease *next;

	for (struct lease *l = all->first; l; l = next) {
		next = l->next;
		if (l->reader == r || (owner && strcmp(l->owner, owner) == 0)) {
			end(l, why);
		}
	}
}

void leases_owner_gone(struct leases *all, const char *owner)
{
	end_some(all, owner, NULL, VITALED_REASON_OWNER_GONE);
}

void leases_forget(struct leases *all, void *user)
{
	for (struct lease *l = all->first; l; l = l->next) {
		if (!l->lent && l->user == user) {
			l->done = NULL;
			l->ended = VITALED_REASON_OWNER_GONE;
		}
	}
}

static void on_reader_removed(void *user, struct card_reader *r)
{
	end_some(user, NULL, r, VITALED_REASON_NO_READER);
}

int leases_new(sd_event *ev, struct cards *cards, struct sessions *sessions,
	struct audit *audit, const struct lease_ops *ops, void *user, struct leases **ret)
{
	static const struct cards_ops cards_ops = {.reader_removed = on_reader_removed};
	struct leases *all = calloc(1, sizeof(*all));
	int r;

	if (!all) {
		return fault(-ENOMEM);
	}
	*all = (struct leases){.cards = cards,
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

struct leases *leases_free(struct leases *all)
{
	struct lease *next;

	if (!all) {
		return NULL;
	}
	cards_unlisten(all->cards, all);
	for (struct lease *l = all->first; l; l = next) {
		next = l->next;
		if (l->lent) {
			end(l, VITALED_REASON_RELEASED);
			continue;
		}
		/* the sessions still hold it: on_freed() lets go of it */
		give_back(l, vitaled_reason_word(VITALED_REASON_RELEASED));
		l->all = NULL;
	}
	sd_event_unref(all->ev);
	free(all);
	return NULL;
}

/* -- what may be seen ----------------------------------------------------------------------------- */

uint32_t lease_id(const struct lease *l)
{
	return l->id;
}

const char *lease_owner(const struct lease *l)
{
	return l->owner;
}

struct card_reader *lease_reader(const struct lease *l)
{
	return l->reader;
}

struct lease *leases_by_id(struct leases *all, uint32_t id)
{
	for (struct lease *l = all->first; l; l = l->next) {
		if (l->lent && l->id == id) {
			return l;
		}
	}
	return NULL;
}

struct lease *leases_next(struct leases *all, struct lease *after)
{
	struct lease *l = after ? after->next : all->first;

	while (l && !l->lent) {
		l = l->next;
	}
	return l;
}
