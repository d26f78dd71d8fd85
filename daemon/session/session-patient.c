/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What mode patient has of its own: whom the card may open something for, the code of the dossier in
 * the place of a professional's PIN, and a screen that is left. The card's own holder may, and a minor
 * on the card through them; an adult who is merely listed has a card of their own. No public source
 * says which person of a card is its holder: the first one is taken for it (doc/stand-in.md), and whose
 * number it is must show by the date of birth as everywhere, without anybody's word for it.
 *
 * Unlocked it locks when its owner has done nothing for LIMIT_PATIENT_IDLE: every call on session and
 * dossier counts, and while one is on its way, or a content, the time does not run. When it has ended
 * and the card is still in, somebody is told to take it, again and again while it stays, also when the
 * session's object or its owner has gone; not when another session has taken it up.
 */
#include <stdlib.h>
#include <string.h>

#include "daemon/session/steps.h"

/* -- who may ------------------------------------------------------------------------------------- */

bool session_is_holder(const struct session *s, const struct person *p)
{
	return !s->alone && p == &s->data->people[0];
}

bool session_offers(const struct session *s, const struct person *p)
{
	return s->mode != SESSION_MODE_PATIENT || session_is_holder(s, p) ||
	       session_is_minor(p);
}

/* -- the code ------------------------------------------------------------------------------------ */

void session_ask_code(struct session *s)
{
	s->all->ops.ask_code(s->all->user, s);
}

/* -- nobody is there ----------------------------------------------------------------------------- */

static int on_idle(sd_event_source *source, uint64_t usec, void *user)
{
	struct session *s = user;

	(void)source;
	(void)usec;
	if (s->all->ops.busy(s->all->user, s)) {
		session_input(s);
	} else {
		session_end(s, VITALED_REASON_IDLE);
	}
	return 0;
}

/* It runs on while the machine sleeps. */
void session_input(struct session *s)
{
	if (s->mode != SESSION_MODE_PATIENT || s->step != SESSION_STEP_UNLOCKED) {
		return;
	}
	s->idle = sd_event_source_disable_unref(s->idle);
	if (sd_event_add_time_relative(s->all->ev, &s->idle, CLOCK_BOOTTIME, LIMIT_PATIENT_IDLE,
		    0, on_idle, s) < 0) {
		session_end(
			s, VITALED_REASON_FAILED); /* it would stay open for who comes next */
	}
}

/* -- the card that is left ----------------------------------------------------------------------- */

static struct left *left_free(struct left *l)
{
	sd_event_source_disable_unref(l->timer);
	free(l->was.owner);
	free(l->was.pair);
	free(l);
	return NULL;
}

void session_card_taken(struct sessions *all, uint32_t card)
{
	struct left **at = &all->lefts;

	while (*at) {
		struct left *l = *at;

		if (card == 0 || l->card == card) {
			*at = l->next;
			left_free(l);
		} else {
			at = &l->next;
		}
	}
}

static int on_left(sd_event_source *source, uint64_t usec, void *user);

/* Nobody must hear it: without a timer nothing more is told. */
static void watch_left(struct left *l, uint64_t usec)
{
	l->timer = sd_event_source_disable_unref(l->timer);
	if (sd_event_add_time_relative(
		    l->all->ev, &l->timer, CLOCK_BOOTTIME, usec, 0, on_left, l) < 0) {
		l->timer = NULL;
	}
}

static int on_left(sd_event_source *source, uint64_t usec, void *user)
{
	struct left *l = user;
	struct sessions *all = l->all;
	const struct card *c = cards_card_by_id(all->cards, l->card);

	(void)source;
	(void)usec;
	if (!c || c->child || c->reader->lent) {
		session_card_taken(all, l->card);
		return 0;
	}
	watch_left(l, LIMIT_TAKE_CARD);
	all->ops.take_card(all->user, &l->was);
	return 0;
}

/* Return: what is known of @s, or NULL: out of memory. */
static struct left *left_new(struct session *s, uint32_t card)
{
	struct left *l = calloc(1, sizeof(*l));

	if (!l) {
		return NULL;
	}
	*l = (struct left){.all = s->all, .card = card};
	l->was = (struct session_left){.session = s->id, .uid = s->uid};
	l->was.owner = strdup(s->owner);
	l->was.pair = strdup(s->pair);
	return l->was.owner && l->was.pair ? l : left_free(l);
}

void session_card_left(struct session *s, uint32_t card)
{
	struct left *l;

	if (s->mode != SESSION_MODE_PATIENT || card == 0 || s->all->closing) {
		return;
	}
	session_card_taken(s->all, card);
	l = left_new(s, card);
	if (l) {
		l->next = s->all->lefts;
		s->all->lefts = l;
		watch_left(l, 0);
	}
}
