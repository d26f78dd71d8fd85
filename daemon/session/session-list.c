/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The list of sessions: opening them within the limits of their user, finding them, and ending
 * those whose owner or card goes. The list is in the order of opening, which is the order in which
 * they are served when cards get free (session-look.c). Sessions are owned here; what is in one is
 * ended and wiped by session.c.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/session/steps.h"

/* -- opening ------------------------------------------------------------------------------------- */

static char *join_application(const struct session_options *o)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(256);

	buf_put_str(&text, o->application ? o->application : "");
	if (o->application && o->application_version) {
		buf_put_str(&text, " ");
		buf_put_str(&text, o->application_version);
	}
	return buf_take_str(&text);
}

/* What may be NULL stays so. Return: whether there was memory. */
static bool copy_optional(const char *text, char **ret)
{
	*ret = text ? strdup(text) : NULL;
	return !text || *ret;
}

static int copy_texts(struct session *s, const char *owner, const struct session_options *o)
{
	bool whole = copy_optional(o->structure, &s->structure);

	whole = copy_optional(o->reason, &s->grounds) && whole;
	s->owner = strdup(owner);
	s->pair = strdup(o->pair ? o->pair : "default");
	s->application = join_application(o);
	s->application_name = strdup(o->application ? o->application : "");
	s->application_version = strdup(o->application_version ? o->application_version : "");
	s->wanted = o->patient ? json_deep_copy(o->patient) : NULL;
	if (!whole || !s->owner || !s->pair || !s->application || !s->application_name ||
		!s->application_version || (o->patient && !s->wanted)) {
		return fault(-ENOMEM);
	}
	return 0;
}

static void copy_facts(struct session *s, const struct session_options *o)
{
	uint64_t life = o->lifetime * USEC_PER_SEC;

	s->mode = o->mode;
	s->intents = o->intents || o->mode == SESSION_MODE_PATIENT ? o->intents
								   : SESSION_INTENT_CONSULT;
	s->without_card = o->without_card;
	s->interactive = o->interactive;
	s->lifetime = life == 0 || life > LIMIT_SESSION_LIFE ? LIMIT_SESSION_LIFE : life;
	s->wait = o->wait;
	s->pin_tries = UINT8_MAX;
	(void)snprintf(
		s->audit_id, sizeof(s->audit_id), "session/%u@%.8s", s->id, s->all->boot);
}

static int session_make(struct sessions *all, const char *owner, uid_t uid,
	const struct session_options *o, struct session **ret)
{
	struct session *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		return fault(-ENOMEM);
	}
	*s = (struct session){.all = all,
		.id = all->next_id + 1,
		.uid = uid,
		.pin = -1,
		.slept = session_slept()};
	s->patient_side.serial = BUF_NULL(SERIAL_MAX);
	s->patient_side.certificate = BUF_NULL(CVC_MAX);
	s->professional_side.serial = BUF_NULL(SERIAL_MAX);
	s->professional_side.certificate = BUF_NULL(CVC_MAX);
	s->professional_der = BUF_NULL(16384);
	s->wires[EXCHANGE_PATIENT] = (struct wire){s, EXCHANGE_PATIENT};
	s->wires[EXCHANGE_PROFESSIONAL] = (struct wire){s, EXCHANGE_PROFESSIONAL};
	copy_facts(s, o);
	r = copy_texts(s, owner, o);
	if (r == 0) {
		r = session_turn_add(s);
	}
	if (r == 0) {
		r = session_coverage_add(s);
	}
	if (r < 0) {
		session_destroy(s);
		return trace(r);
	}
	*ret = s;
	return 0;
}

static bool evictable(const struct session *s, uid_t uid)
{
	return s->uid == uid && session_over(s) && !s->running;
}

static void evict_oldest(struct sessions *all, uid_t uid)
{
	for (struct session *s = all->first; s; s = s->next) {
		if (evictable(s, uid)) {
			session_remove(s);
			return;
		}
	}
}

/* the user who has most of the ended sessions; with as many, whose is older */
static uid_t most_ended(const struct sessions *all)
{
	size_t most = 0;
	uid_t ret = 0;

	for (const struct session *s = all->first; s; s = s->next) {
		size_t n = 0;

		for (const struct session *t = all->first; t; t = t->next) {
			n += evictable(t, s->uid) ? 1 : 0;
		}
		if (n > most) {
			most = n;
			ret = s->uid;
		}
	}
	return ret;
}

struct census {
	size_t live;
	size_t live_user;
	size_t live_owner;
	size_t ended;
	size_t ended_user;
};

static struct census count(const struct sessions *all, const char *owner, uid_t uid)
{
	struct census n = {.live = 0};

	for (const struct session *s = all->first; s; s = s->next) {
		bool live = !session_over(s);

		n.live += live ? 1 : 0;
		n.live_user += live && s->uid == uid ? 1 : 0;
		n.live_owner +=
			live && s->uid == uid && strcmp(session_owner(s), owner) == 0 ? 1 : 0;
		n.ended += evictable(s, s->uid) ? 1 : 0;
		n.ended_user += evictable(s, uid) ? 1 : 0;
	}
	return n;
}

/* Room for one more. Those that have ended take no place of those that run. Of them a user keeps so
 * many, and past what all may keep it is the user with the most who loses the oldest. */
static bool make_room(struct sessions *all, const char *owner, uid_t uid)
{
	struct census n = count(all, owner, uid);

	if (n.live >= LIMIT_SESSIONS || n.live_user >= LIMIT_SESSIONS_UID ||
		n.live_owner >= LIMIT_SESSIONS_PEER) {
		return false;
	}
	for (; n.ended_user >= LIMIT_SESSIONS_UID; n.ended_user--, n.ended--) {
		evict_oldest(all, uid);
	}
	for (; n.ended >= LIMIT_SESSIONS_ENDED; n.ended--) {
		evict_oldest(all, most_ended(all));
	}
	return true;
}

int session_open(struct sessions *all, const char *owner, uid_t uid,
	const struct session_options *o, struct session **ret_s)
{
	struct session **at = &all->first;
	struct session *s;
	int r;

	if (!make_room(all, owner, uid)) {
		return SESSION_OPEN_LIMIT;
	}
	r = session_make(all, owner, uid, o, &s);
	if (r < 0) {
		return trace(r);
	}
	if (session_append(s, AUDIT_EVENT_SESSION_OPENED, "ok", NULL, NULL) != 0) {
		session_destroy(s);
		return SESSION_OPEN_AUDIT;
	}
	all->next_id = s->id;
	while (*at) {
		at = &(*at)->next;
	}
	*at = s; /* oldest first: so they are served when cards get free */
	s->told = session_state(s);
	all->ops.added(all->user, s);
	*ret_s = s;
	return 0;
}

/* -- all ----------------------------------------------------------------------------------------- */

int sessions_new(sd_event *ev, const struct config *config, struct cards *cards,
	const struct trust *trust, struct audit *audit, const struct session_ops *ops,
	void *user, struct sessions **ret)
{
	struct sessions *all = calloc(1, sizeof(*all));
	int r;

	if (!all) {
		return fault(-ENOMEM);
	}
	*all = (struct sessions){.ev = sd_event_ref(ev),
		.config = config,
		.cards = cards,
		.trust = trust,
		.audit = audit,
		.ops = *ops,
		.user = user};
	r = clock_boot_id(all->boot);
	if (r == 0) {
		r = cache_open(config->state, config->professional_cache, &all->cache);
	}
	if (r == 0) {
		r = session_cards_listen(all);
	}
	if (r < 0) {
		cache_free(all->cache);
		sd_event_unref(all->ev);
		free(all);
		return trace(r);
	}
	*ret = all;
	return 0;
}

struct sessions *sessions_free(struct sessions *all)
{
	if (!all) {
		return NULL;
	}
	all->closing = true;
	while (all->first) {
		session_release(all->first);
	}
	session_card_taken(all, 0);
	professional_free_all(all);
	session_lendings_free(all);
	cache_free(all->cache);
	cards_unlisten(all->cards, all);
	sd_event_unref(all->ev);
	free(all);
	return NULL;
}

struct session *sessions_by_id(struct sessions *all, uint32_t id)
{
	for (struct session *s = all->first; s; s = s->next) {
		if (s->id == id) {
			return s;
		}
	}
	return NULL;
}

struct session *sessions_next(struct sessions *all, struct session *after)
{
	return after ? after->next : all->first;
}

void sessions_owner_gone(struct sessions *all, const char *owner)
{
	struct session *next;

	for (struct session *s = all->first; s; s = next) {
		next = s->next;
		if (strcmp(s->owner, owner) == 0) {
			session_end(s, VITALED_REASON_OWNER_GONE);
			session_remove(s);
		}
	}
}

void sessions_lists_changed(struct sessions *all)
{
	for (struct session *s = all->first; s; s = s->next) {
		session_judge_again(s);
	}
}

/* Its proof has been judged: where the patient's card is alone on its track, before anybody is chosen. */
static bool is_judged(const struct session *s)
{
	enum session_step from =
		session_mode_one_card(s->mode) ? SESSION_STEP_PEOPLE : SESSION_STEP_PRESENT;

	return s->step >= from && s->step < SESSION_STEP_ENDED;
}

void sessions_configured(struct sessions *all)
{
	for (struct session *s = all->first; s; s = s->next) {
		if (is_judged(s) && s->proof < session_required(s)) {
			session_end(s, VITALED_REASON_PROOF_TOO_WEAK);
		}
	}
	professional_configured(all);
	session_nudge_all(all);
}

void sessions_lock_all(struct sessions *all, enum vitaled_reason r)
{
	professional_close_all(all);
	for (struct session *s = all->first; s; s = s->next) {
		session_end(s, r);
	}
}

void sessions_card_lock(struct sessions *all, struct card *c, enum vitaled_reason r)
{
	professional_lock(all, c);
	for (struct session *s = all->first; s; s = s->next) {
		if (s->professional_side.card == c || s->patient_side.card == c) {
			session_end(s, r);
		}
	}
}
