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

/* The two cards that @s would take now. Return: NONE, or why there will be none; cards that may
 * still come are NULL. */
static enum vitaled_reason find_pair(
	const struct session *s, struct card **ret_patient, struct card **ret_professional)
{
	const struct config_pair *pair = pair_of(s);
	struct found patient = find(s, pair->patient_reader, false);
	struct found professional = {0};
	enum vitaled_reason r = judge_found(&patient);

	if (s->mode == SESSION_MODE_NORMAL && r == VITALED_REASON_NONE) {
		professional = find(s, pair->professional_reader, true);
		r = judge_found(&professional);
	}
	if (patient.pending || professional.pending) {
		r = r == VITALED_REASON_NO_READER ? r : VITALED_REASON_NONE;
		patient.card = NULL;
	}
	*ret_patient = patient.card;
	*ret_professional = professional.card;
	return r;
}

static bool complete(const struct session *s, const struct card *patient, const struct card *p)
{
	return patient && (p || s->mode == SESSION_MODE_IDENTITY);
}

/* -- the queue ----------------------------------------------------------------------------------- */

static bool is_waiting(const struct session *s)
{
	return s->step == SESSION_STEP_START || s->step == SESSION_STEP_CARDS ||
	       s->step == SESSION_STEP_QUEUED;
}

/* Whether @s waits, has all its cards in sight, and one of them is one of these. */
static bool wants(const struct session *s, const struct card *patient, const struct card *other)
{
	struct card *own[2] = {NULL, NULL};

	if (!pair_of(s) || find_pair(s, &own[0], &own[1]) != VITALED_REASON_NONE ||
		!complete(s, own[0], own[1])) {
		return false;
	}
	return own[0] == patient || (other && own[1] == other);
}

/* How many were there before @s and want one of its cards. */
static uint32_t ahead_of(
	const struct session *s, const struct card *patient, const struct card *professional)
{
	uint32_t n = 0;

	for (const struct session *o = s->all->first; o && o != s; o = o->next) {
		n += is_waiting(o) && wants(o, patient, professional) ? 1 : 0;
	}
	return n;
}

static uint32_t position(const struct session *s)
{
	struct card *patient = NULL;
	struct card *professional = NULL;

	if (s->step != SESSION_STEP_QUEUED || !pair_of(s) ||
		find_pair(s, &patient, &professional) != VITALED_REASON_NONE ||
		!complete(s, patient, professional)) {
		return s->step == SESSION_STEP_QUEUED ? 1 : 0;
	}
	return 1 + ahead_of(s, patient, professional);
}

void session_queue(const struct session *s, uint32_t *ret_position, uint32_t *ret_seconds)
{
	uint64_t waited = clock_monotonic() - s->queued_since;

	*ret_position = position(s);
	*ret_seconds = *ret_position > 0 ? (uint32_t)(waited / USEC_PER_SEC) : 0;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *user)
{
	(void)usec;
	session_changed(user);
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

/* Both are in: are they free, and is nobody before us? */
static void look_free(struct session *s, struct card *patient, struct card *professional)
{
	bool first = ahead_of(s, patient, professional) == 0;
	bool soon = false;
	bool free_now = first && is_free(s, patient);

	if (free_now && professional) {
		free_now = !session_slot_taken(s, professional->reader) &&
			   professional_usable(s, professional, &soon);
	}
	if (free_now) {
		s->patient_side.card = patient;
		s->professional_side.card = professional;
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
	struct card *patient = NULL;
	struct card *professional = NULL;
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
	r = find_pair(s, &patient, &professional);
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else if (!complete(s, patient, professional)) {
		session_post(s, SESSION_EVENT_MISSING);
	} else {
		look_free(s, patient, professional);
	}
}
