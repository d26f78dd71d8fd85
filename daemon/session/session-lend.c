/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Slots that other programs borrow. A card is let go with a reset, and whoever has it then may do
 * with it what it can: nothing that it proved before counts any more. An unlocked session is
 * suspended meanwhile; its life runs on, and so do its 120 s. When the slot is ours again and a card
 * of the same kind is in, it is opened, must have the same serial and prove itself anew: a patient's
 * card by its signature over a nonce of ours, a professional's by the PIN and that signature. Cards
 * without our certificates cannot sign; for them the serial is what there is, as it was before. A
 * struct lending is owned here until its slot is free and its asker has been told.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/session/steps.h"

struct lending {
	struct lending *next;
	struct sessions *all;
	uint32_t reader;
	sd_event_source *turn;
	void (*freed)(void *user);
	void *user;
};

/* -- letting go ---------------------------------------------------------------------------------- */

static struct lending *lending_of(struct sessions *all, uint32_t reader)
{
	for (struct lending *l = all->lendings; l; l = l->next) {
		if (l->reader == reader) {
			return l;
		}
	}
	return NULL;
}

static void lending_free(struct lending *l)
{
	struct lending **at = &l->all->lendings;

	while (*at != l) {
		at = &(*at)->next;
	}
	*at = l->next;
	sd_event_source_disable_unref(l->turn);
	free(l);
}

static int on_turn(sd_event_source *source, void *user)
{
	struct lending *l = user;
	void (*freed)(void *user) = l->freed;
	void *whom = l->user;

	(void)source;
	lending_free(l);
	freed(whom);
	return 0;
}

/* No process of ours is at the slot any more: tell it in the next turn. */
void session_lendings_check(struct sessions *all)
{
	for (struct lending *l = all->lendings; l; l = l->next) {
		const struct card_reader *r = cards_reader_by_id(all->cards, l->reader);

		if (!r || !r->present || !r->card || !r->card->child) {
			(void)sd_event_source_set_enabled(l->turn, SD_EVENT_ONESHOT);
		}
	}
}

void session_lendings_free(struct sessions *all)
{
	while (all->lendings) {
		lending_free(all->lendings);
	}
}

static int lending_new(struct sessions *all, const struct card_reader *r,
	void (*freed)(void *user), void *user)
{
	struct lending *l = calloc(1, sizeof(*l));
	int k;

	if (!l) {
		return fault(-ENOMEM);
	}
	*l = (struct lending){.all = all, .reader = r->id, .freed = freed, .user = user};
	k = sd_event_add_defer(all->ev, &l->turn, on_turn, l);
	if (k >= 0) {
		k = sd_event_source_set_enabled(l->turn, SD_EVENT_OFF);
	}
	l->next = all->lendings;
	all->lendings = l;
	if (k < 0) {
		lending_free(l);
		return fault(k);
	}
	return 0;
}

static struct side *side_at(struct session *s, uint32_t reader)
{
	struct side *sides[] = {&s->patient_side, &s->professional_side};

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		if (sides[i]->reader == reader && (sides[i]->card || sides[i]->away)) {
			return sides[i];
		}
	}
	return NULL;
}

static struct session *session_at(struct sessions *all, uint32_t reader)
{
	for (struct session *s = all->first; s; s = s->next) {
		if (!session_over(s) && side_at(s, reader)) {
			return s;
		}
	}
	return NULL;
}

static void patient_closed(void *user, struct link_frame *answer)
{
	struct session *s = user;
	struct card *c = s->patient_side.card;

	(void)answer; /* reset or dead: either way the right is gone */
	s->patient_side.card = NULL;
	if (c && c->child && c->user == s) {
		cards_release(s->all->cards, c);
	}
}

static void let_go(struct session *s, struct side *side)
{
	side->lent = true;
	side->away = true;
	if (side == &s->professional_side) {
		professional_give_up(s);
		side->card = NULL;
	} else if (cards_ask(side->card, CARD_OP_CLOSE, VIEW_NULL, NULL, 0, patient_closed,
			   s) != 0) {
		patient_closed(s, NULL);
	}
}

/* The record has it before the other program has the card. */
static void suspend(struct session *s, struct side *side)
{
	json_t *details = json_pack(
		"{s:s}", "card", side == &s->patient_side ? "patient" : "professional");

	if (session_record(s, AUDIT_EVENT_SUSPENDED, "ok", NULL, details)) {
		let_go(s, side);
		session_post(s, SESSION_EVENT_LEND);
	}
}

/* A session may be suspended while it is unlocked, and lend its second slot while it is suspended. Not
 * the patient's own: whoever puts the card back in would go on without the code. */
static bool may_suspend(const struct session *s, const struct side *side, uid_t uid)
{
	return s->uid == uid && !side->away && s->mode != SESSION_MODE_PATIENT &&
	       (s->step == SESSION_STEP_UNLOCKED || s->step == SESSION_STEP_LENT);
}

int sessions_reader_lend(struct sessions *all, struct card_reader *r, uid_t uid,
	void (*freed)(void *user), void *user)
{
	struct session *s = session_at(all, r->id);
	struct card *c = r->card;
	int k;

	if (lending_of(all, r->id) || (s && !may_suspend(s, side_at(s, r->id), uid))) {
		return SESSIONS_LEND_BUSY;
	}
	if (c && (sessions_card_wanted(all, c) ||
			 (!s && c->child && !professional_idle(all, c, uid)))) {
		return SESSIONS_LEND_BUSY;
	}
	k = lending_new(all, r, freed, user);
	if (k < 0) {
		return trace(k);
	}
	if (s) {
		suspend(s, side_at(s, r->id));
	}
	if (c && c->child && professional_idle(all, c, uid)) {
		professional_close(all, c);
	}
	session_lendings_check(all);
	return 0;
}

bool session_slot_lent(const struct session *s, const struct card_reader *reader)
{
	return reader->lent || lending_of(s->all, reader->id);
}

bool session_slot_taken(const struct session *s, const struct card_reader *reader)
{
	struct sessions *all = s->all;

	if (session_slot_lent(s, reader)) {
		return true;
	}
	for (struct session *o = all->first; o; o = o->next) {
		const struct side *side =
			o != s && session_suspended(o) ? side_at(o, reader->id) : NULL;

		if (side && side->away) {
			return true;
		}
	}
	return false;
}

/* -- coming back --------------------------------------------------------------------------------- */

void sessions_reader_returned(struct sessions *all, struct card_reader *r)
{
	struct session *s = session_at(all, r->id);
	struct side *side = s ? side_at(s, r->id) : NULL;

	if (side && side->lent) {
		side->lent = false;
		if (!s->patient_side.lent && !s->professional_side.lent) {
			session_post(s, SESSION_EVENT_RETURN);
		}
	}
	session_nudge_all(all);
}

/* Return: the card that @side waits for, when one is in, recognised and free. */
static struct card *seek(struct session *s, const struct side *side)
{
	const struct card_reader *r = cards_reader_by_id(s->all->cards, side->reader);
	struct card *c = r && r->present && !r->lent ? r->card : NULL;

	if (!c || !c->recognised || c->child) {
		return NULL;
	}
	if (c->kind == CARD_KIND_UNKNOWN && strcmp(c->advice, "card-busy") == 0) {
		return NULL; /* another program still has it (recognise.c) */
	}
	if (!session_is_role(c->kind, side == &s->professional_side)) {
		session_end(s, VITALED_REASON_CARD_LENT);
		return NULL;
	}
	return c;
}

void session_seek(struct session *s)
{
	struct side *sides[] = {&s->patient_side, &s->professional_side};

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		if (sides[i]->away && (session_over(s) || !seek(s, sides[i]))) {
			return;
		}
	}
	session_post(s, SESSION_EVENT_READY);
}

void session_resume(struct session *s)
{
	struct side *sides[] = {&s->patient_side, &s->professional_side};
	struct card *c;

	s->pin_asked = 0;
	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		sides[i]->track = TRACK_STEP_READY; /* it was here all the time */
	}
	for (size_t i = 0; i < ARRAY_LEN(sides) && !session_over(s); i++) {
		c = sides[i]->away ? seek(s, sides[i]) : NULL;
		if (c && session_start_track(s, sides[i], c) < 0) {
			session_end(s, VITALED_REASON_CHILD_FAILED);
		} else if (c) {
			session_post_track(s, sides[i], SESSION_EVENT_NEW);
		}
	}
}

void session_resumed(struct session *s)
{
	json_t *details = json_pack("{s:s}", "proof", proof_word(s->proof));

	if (!session_record(s, AUDIT_EVENT_RESUMED, "ok", NULL, details)) {
		return;
	}
	if (s->patient_side.away) {
		s->meeting =
			STATE_MEETING_NONE; /* the rights that it gave went with the reset */
	}
	s->patient_side.away = false;
	s->professional_side.away = false;
	session_post(s, SESSION_EVENT_GO);
}
