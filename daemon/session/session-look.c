/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Which two of the cards that are in a session takes, and who goes first. Sessions are served in the
 * order in which they were opened: one that could take its cards is passed by nobody who wants one
 * of them, be it waiting too or only just come. The queue is not kept anywhere; who is ahead is
 * found anew from the list each time, so it cannot be wrong about cards that came or went.
 */
#include <string.h>

#include "daemon/session/steps.h"

/* -- finding ------------------------------------------------------------------------------------- */

struct found {
	struct card *card;
	enum vitaled_reason bad; /* what is in instead of a card of this kind */
	size_t n_readers;
	size_t n_cards;
	bool pending; /* a card is being recognised */
};

/* Any reader will do only where nobody has said which ones belong together. */
static const struct config_pair *pair_of(const struct session *s)
{
	static const struct config_pair any = {.name = "default"};
	const struct config *config = s->all->config;

	for (size_t i = 0; i < config->n_pairs; i++) {
		if (strcmp(config->pairs[i].name, s->pair) == 0) {
			return &config->pairs[i];
		}
	}
	return config->n_pairs == 0 && strcmp(s->pair, any.name) == 0 ? &any : NULL;
}

bool session_is_role(enum card_kind kind, bool professional)
{
	bool other = kind == CARD_KIND_CPS || kind == CARD_KIND_CPF || kind == CARD_KIND_CPE ||
		     kind == CARD_KIND_CPA;

	return professional ? other : kind == CARD_KIND_VITALE;
}

/* Why a card that is no professional's and no patient's is of no use; NONE for those that are. */
static enum vitaled_reason bad_card(const struct card *c)
{
	switch (c->kind) {
	case CARD_KIND_UNKNOWN:
		return strcmp(c->advice, "card-busy") == 0 ? VITALED_REASON_BUSY
							   : VITALED_REASON_CARD_UNKNOWN;
	case CARD_KIND_UNSUPPORTED:
		return VITALED_REASON_CARD_UNSUPPORTED;
	case CARD_KIND_MUTE:
		return VITALED_REASON_CARD_BROKEN;
	case CARD_KIND_VITALE:
	case CARD_KIND_CPS:
	case CARD_KIND_CPF:
	case CARD_KIND_CPE:
	case CARD_KIND_CPA:
		break;
	}
	return VITALED_REASON_NONE;
}

static void find_in(struct found *f, struct card_reader *r, bool professional)
{
	struct card *c = r->card;

	f->n_readers++;
	if (!c) {
		return;
	}
	if (!c->recognised && !r->lent) {
		f->pending = true; /* what is lent is taken for what it was, or for nothing */
	} else if (session_is_role(c->kind, professional)) {
		f->n_cards++;
		f->card = c;
	} else if (!r->lent && bad_card(c) != VITALED_REASON_NONE) {
		f->bad = bad_card(c);
	}
}

/* By configuration a slot may be for patients' or for professionals' cards alone. */
static bool admits(const struct card_reader *r, bool professional)
{
	switch (r->role) {
	case CONFIG_ROLE_ANY:
		break;
	case CONFIG_ROLE_PATIENT:
		return !professional;
	case CONFIG_ROLE_PROFESSIONAL:
		return professional;
	}
	return true;
}

static struct found find(const struct session *s, const char *name, bool professional)
{
	struct found f = {0};
	struct card_reader *r;

	for (size_t i = 0; (r = cards_reader(s->all->cards, i)) != NULL; i++) {
		if (r->present && admits(r, professional) &&
			(name[0] == '\0' || strcmp(name, r->name) == 0)) {
			find_in(&f, r, professional);
		}
	}
	return f;
}

/* Return: NONE when one card is there or may still come (then @f->card is NULL). */
static enum vitaled_reason judge_found(const struct found *f)
{
	if (f->n_readers == 0) {
		return VITALED_REASON_NO_READER;
	}
	if (f->n_cards > 1) {
		return VITALED_REASON_CARD_AMBIGUOUS;
	}
	if (f->n_cards == 0 && !f->pending) {
		return f->bad;
	}
	return VITALED_REASON_NONE;
}

/* The cards that a session would take now. */
struct cards_wanted {
	struct card *patient; /* NULL: may still come, or @alone */
	struct card *professional;
	bool alone; /* it goes without the patient's card */
};

/* An emergency whose patient the caller has named waits for no card of theirs: one that is in counts,
 * but not while its slot is lent to another program. Who opens without it has said so: whichever card is
 * in the slot, or how many, is no matter then. */
static bool goes_alone(const struct session *s, const struct found *patient)
{
	if (s->without_card) {
		return true;
	}
	if (!session_mode_emergency(s->mode) || !s->wanted || patient->pending) {
		return false;
	}
	return patient->n_cards == 0 || (patient->n_cards == 1 && patient->card->reader->lent);
}

/* Return: NONE, or why there will be none; cards that may still come are NULL. */
static enum vitaled_reason find_cards(const struct session *s, struct cards_wanted *ret)
{
	const struct config_pair *pair = pair_of(s);
	struct found patient =
		s->without_card ? (struct found){0} : find(s, pair->patient_reader, false);
	struct found professional = {0};
	bool alone = goes_alone(s, &patient);
	enum vitaled_reason r = alone ? VITALED_REASON_NONE : judge_found(&patient);

	if (!session_mode_one_card(s->mode) && r == VITALED_REASON_NONE) {
		professional = find(s, pair->professional_reader, true);
		r = judge_found(&professional);
	}
	if (patient.pending || professional.pending) {
		r = r == VITALED_REASON_NO_READER ? r : VITALED_REASON_NONE;
		patient.card = NULL;
		professional.card = NULL;
	}
	*ret = (struct cards_wanted){.patient = alone ? NULL : patient.card,
		.professional = professional.card,
		.alone = alone};
	return r;
}

static bool complete(const struct session *s, const struct cards_wanted *c)
{
	return (c->patient || c->alone) && (c->professional || session_mode_one_card(s->mode));
}

/* -- the queue ----------------------------------------------------------------------------------- */

static bool is_waiting(const struct session *s)
{
	return s->step == SESSION_STEP_START || s->step == SESSION_STEP_CARDS ||
	       s->step == SESSION_STEP_QUEUED;
}

static bool same_card(const struct card *a, const struct card *b)
{
	return a && a == b;
}

/* Whether @s has all its cards in sight, and one of them is one of these. */
static bool wants(const struct session *s, const struct cards_wanted *c)
{
	struct cards_wanted own;

	if (!pair_of(s) || find_cards(s, &own) != VITALED_REASON_NONE || !complete(s, &own)) {
		return false;
	}
	return same_card(own.patient, c->patient) ||
	       same_card(own.professional, c->professional);
}

bool sessions_card_wanted(const struct sessions *all, struct card *c)
{
	const struct cards_wanted any = {.patient = c, .professional = c};

	for (const struct session *s = all->first; s; s = s->next) {
		if (session_mode_emergency(s->mode) && is_waiting(s) && wants(s, &any)) {
			return true;
		}
	}
	return false;
}

/* An emergency goes before all that are none; among themselves who came first goes first. */
static bool goes_before(const struct session *o, const struct session *s, bool came_first)
{
	bool emergency = session_mode_emergency(o->mode);

	return emergency == session_mode_emergency(s->mode) ? came_first : emergency;
}

/* How many wait for one of the cards of @s and go before it. */
static uint32_t ahead_of(const struct session *s, const struct cards_wanted *c)
{
	bool came_first = true;
	uint32_t n = 0;

	for (const struct session *o = s->all->first; o; o = o->next) {
		if (o == s) {
			came_first = false;
		} else if (goes_before(o, s, came_first)) {
			n += is_waiting(o) && wants(o, c) ? 1 : 0;
		}
	}
	return n;
}

static uint32_t position(const struct session *s)
{
	struct cards_wanted c;

	if (s->step != SESSION_STEP_QUEUED || !pair_of(s) ||
		find_cards(s, &c) != VITALED_REASON_NONE || !complete(s, &c)) {
		return s->step == SESSION_STEP_QUEUED ? 1 : 0;
	}
	return 1 + ahead_of(s, &c);
}

void session_queue(const struct session *s, uint32_t *ret_position, uint32_t *ret_seconds)
{
	uint64_t waited = clock_monotonic() - s->queued_since;

	*ret_position = position(s);
	*ret_seconds = *ret_position > 0 ? (uint32_t)(waited / USEC_PER_SEC) : 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *user)
{
	struct session *s = user;

	(void)usec;
	session_changed(s);
	if (session_mode_emergency(s->mode)) {
		session_nudge(s); /* nobody tells that a PIN job asks a person now */
	}
	/* a clock that cannot be wound again: the position is still told */
	if (sd_event_source_set_time_relative(source, USEC_PER_SEC) < 0 ||
		sd_event_source_set_enabled(source, SD_EVENT_ONESHOT) < 0) {
		return 0;
	}
	return 0;
}

void session_queue_begin(struct session *s)
{
	if (s->queued_since == 0) {
		s->queued_since = clock_monotonic();
	}
	s->told_position = position(s);
	if (!s->tick && sd_event_add_time_relative(s->all->ev, &s->tick, CLOCK_MONOTONIC,
				USEC_PER_SEC, USEC_PER_SEC / 4, on_tick, s) < 0) {
		s->tick = NULL;
	}
}

void session_queue_end(struct session *s)
{
	s->tick = sd_event_source_disable_unref(s->tick);
	session_queue_tell(s->all);
}

void session_queue_tell(struct sessions *all)
{
	for (struct session *s = all->first; s; s = s->next) {
		uint32_t now = s->step == SESSION_STEP_QUEUED ? position(s) : 0;

		if (now != s->told_position) {
			s->told_position = now;
			if (now > 0) {
				session_changed(s);
			}
		}
	}
}

void session_nudge_all(struct sessions *all)
{
	for (struct session *s = all->first; s; s = s->next) {
		session_nudge(s);
	}
}

/* -- looking ------------------------------------------------------------------------------------- */

/* Whether @c can be taken but for what this session's professional holds. */
static bool is_free(const struct session *s, const struct card *c)
{
	return !c->child && !session_slot_taken(s, c->reader);
}

/* All are in: are they free, and is nobody before us? */
static void look_free(struct session *s, const struct cards_wanted *c)
{
	bool first = ahead_of(s, c) == 0;
	bool soon = false;
	bool free_now;

	if (first && session_mode_emergency(s->mode) &&
		!session_pre_empt_cards(s, c->patient, c->professional)) {
		return; /* it has ended */
	}
	free_now = first && (!c->patient || is_free(s, c->patient));
	if (free_now && c->professional && c->professional->job == CARD_JOB_ENDS) {
		free_now = false;
		soon = true;
	} else if (free_now && c->professional) {
		free_now = !session_slot_taken(s, c->professional->reader) &&
			   professional_usable(s, c->professional, &soon);
	}
	if (free_now) {
		s->patient_side.card = c->patient;
		s->professional_side.card = c->professional;
		session_post(s, SESSION_EVENT_READY);
	} else if (soon) {
		session_post(s, SESSION_EVENT_SOON);
	} else if (s->wait) {
		session_post(s, SESSION_EVENT_BUSY);
	} else {
		session_end(s, VITALED_REASON_BUSY);
	}
}

void session_look(struct session *s)
{
	struct cards_wanted c;
	enum vitaled_reason r;

	if (!pair_of(s) || !session_wanted_valid(s)) {
		session_end(s, VITALED_REASON_INVALID_ARGUMENT);
		return;
	}
	if (!cards_listed(s->all->cards)) {
		session_post(s, SESSION_EVENT_MISSING);
		return;
	}
	if (cards_service(s->all->cards) != READER_SERVICE_RUNNING) {
		session_end(s, VITALED_REASON_NO_READER_SERVICE);
		return;
	}
	r = find_cards(s, &c);
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else if (!complete(s, &c)) {
		session_post(s, SESSION_EVENT_MISSING);
	} else {
		look_free(s, &c);
	}
}
