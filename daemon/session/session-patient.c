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
 * and the card is still in, somebody is told to take it, again and again while it stays and the
 * session's object does; not when another session has taken it up.
 */
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

static int on_left(sd_event_source *source, uint64_t usec, void *user);

/* Nobody must hear it: without a timer nothing more is told. */
static void watch_left(struct session *s, uint64_t usec)
{
	s->left = sd_event_source_disable_unref(s->left);
	if (sd_event_add_time_relative(
		    s->all->ev, &s->left, CLOCK_BOOTTIME, usec, 0, on_left, s) < 0) {
		s->left = NULL;
	}
}

static int on_left(sd_event_source *source, uint64_t usec, void *user)
{
	struct session *s = user;
	const struct card *c = cards_card_by_id(s->all->cards, s->left_card);

	(void)source;
	(void)usec;
	if (c && !c->child && !c->reader->lent) {
		watch_left(s, LIMIT_TAKE_CARD);
		s->all->ops.take_card(s->all->user, s);
	}
	return 0;
}

void session_card_left(struct session *s, uint32_t card)
{
	if (s->mode == SESSION_MODE_PATIENT && card != 0 && !s->all->closing) {
		s->left_card = card;
		watch_left(s, 0);
	}
}
