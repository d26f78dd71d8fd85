/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What an emergency session may that no other may: it ends, at once, every session that is no
 * emergency and uses one of its cards or keeps one of its slots, whoever opened it; and it is
 * counted. Sessions that only wait lose nothing: they are passed by (session-look.c). An emergency
 * never ends another one, nor anybody for nothing: where something stands in its way that it must
 * wait for, nobody loses a card. As the PIN comes after that, a uid may do so a few times an hour
 * without one. Both sides have it in the record before anything ends.
 */
#include "daemon/session/steps.h"

#define HOUR (3600ULL * USEC_PER_SEC)

/* -- how often one may --------------------------------------------------------------------------- */

static bool is_recent(uint64_t at)
{
	return at != 0 && clock_boottime() - at < HOUR;
}

bool session_may_pre_empt(const struct session *by)
{
	const struct sessions *all = by->all;
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(all->pre_emptions); i++) {
		const struct pre_emption *p = &all->pre_emptions[i];

		if (p->uid != by->uid || !is_recent(p->at)) {
			continue;
		}
		if (p->session == by->id) {
			return true; /* it has begun with it */
		}
		n++;
	}
	return n < LIMIT_PRE_EMPTIONS;
}

/* Once for each emergency; in place of the oldest. */
static void note(const struct session *by)
{
	struct sessions *all = by->all;
	struct pre_emption *oldest = &all->pre_emptions[0];

	for (size_t i = 0; i < ARRAY_LEN(all->pre_emptions); i++) {
		struct pre_emption *p = &all->pre_emptions[i];

		if (p->at != 0 && p->session == by->id) {
			oldest = p;
			break;
		}
		oldest = p->at < oldest->at ? p : oldest;
	}
	*oldest =
		(struct pre_emption){.at = clock_boottime(), .session = by->id, .uid = by->uid};
}

/* It was unlocked: its card counts it (bris_de_glace), or who may do it is configured (centre_15). */
static void unnote(const struct session *by)
{
	struct sessions *all = by->all;

	for (size_t i = 0; i < ARRAY_LEN(all->pre_emptions); i++) {
		if (all->pre_emptions[i].session == by->id) {
			all->pre_emptions[i] = (struct pre_emption){.at = 0};
		}
	}
}

/* -- giving way ---------------------------------------------------------------------------------- */

bool session_pre_empt(struct session *by, struct session *victim)
{
	json_t *details = json_pack("{s:s}", "session", victim->audit_id);

	if (!session_record(by, AUDIT_EVENT_PRE_EMPTION, "ok", NULL, details)) {
		return false;
	}
	note(by);
	victim->ended_by = by;
	session_end(victim, VITALED_REASON_PRE_EMPTED);
	victim->ended_by = NULL;
	return true;
}

/* Whoever it is loses the question, and has Cancelled. */
static bool end_job(struct session *by, struct card *c)
{
	json_t *details;

	if (!c || c->job != CARD_JOB_ASKS) {
		return true;
	}
	details = json_pack("{s:I}", "card", (json_int_t)c->id);
	if (!session_record(by, AUDIT_EVENT_PRE_EMPTION, "ok", NULL, details)) {
		return false;
	}
	note(by);
	return true;
}

/* Whether @side holds @c, or waits until its slot is no other program's any more. */
static bool keeps(const struct session *s, const struct side *side, const struct card *c)
{
	if (!c) {
		return false;
	}
	return side->card == c ||
	       (session_suspended(s) && side->away && side->reader == c->reader->id);
}

static bool uses(const struct session *s, const struct card *c)
{
	return keeps(s, &s->patient_side, c) || keeps(s, &s->professional_side, c);
}

static bool is_victim(const struct session *s, const struct session *o,
	const struct card *patient, const struct card *professional)
{
	return o != s && !session_over(o) && !session_mode_emergency(o->mode) &&
	       (uses(o, patient) || uses(o, professional));
}

/* What @s must wait for, whomever it ends: another program, an emergency, a command of a PIN job. */
static bool out_of_reach(const struct session *s, const struct card *c)
{
	if (!c) {
		return false;
	}
	if (c->job == CARD_JOB_WORKS || session_slot_lent(s, c->reader)) {
		return true;
	}
	for (const struct session *o = s->all->first; o; o = o->next) {
		if (o != s && !session_over(o) && session_mode_emergency(o->mode) &&
			uses(o, c)) {
			return true;
		}
	}
	return false;
}

static bool anybody(
	const struct session *s, const struct card *patient, const struct card *professional)
{
	if (professional && professional->job == CARD_JOB_ASKS) {
		return true;
	}
	for (const struct session *o = s->all->first; o; o = o->next) {
		if (is_victim(s, o, patient, professional)) {
			return true;
		}
	}
	return false;
}

bool session_pre_empt_cards(struct session *s, struct card *patient, struct card *professional)
{
	struct session *next;

	if (out_of_reach(s, patient) || out_of_reach(s, professional) ||
		(anybody(s, patient, professional) && !session_may_pre_empt(s))) {
		return true;
	}
	if (!end_job(s, professional)) {
		return false;
	}
	if (professional) {
		cards_want(s->all->cards, professional);
	}
	for (struct session *o = s->all->first; o; o = next) {
		next = o->next;
		if (is_victim(s, o, patient, professional) && !session_pre_empt(s, o)) {
			return false;
		}
	}
	return true;
}

/* -- counting ------------------------------------------------------------------------------------ */

static struct view serial_of(const struct emergency *e)
{
	return view_of(e->serial, e->len);
}

unsigned int session_emergencies(const struct session *s)
{
	const struct sessions *all = s->all;
	unsigned int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(all->emergencies); i++) {
		const struct emergency *e = &all->emergencies[i];

		n += is_recent(e->at) && view_equal(serial_of(e),
						 buf_view(&s->professional_side.serial))
			     ? 1
			     : 0;
	}
	return n;
}

static void count(struct session *s)
{
	struct sessions *all = s->all;
	struct emergency *e = &all->emergencies[all->next_emergency];
	struct view serial = buf_view(&s->professional_side.serial);

	all->next_emergency = (all->next_emergency + 1) % ARRAY_LEN(all->emergencies);
	*e = (struct emergency){.len = serial.len, .at = clock_boottime()};
	bytes_copy(e->serial, sizeof(e->serial), serial.data, serial.len);
}

void session_emergency_opened(struct session *s)
{
	unnote(s);
	if (s->mode == SESSION_MODE_BRIS_DE_GLACE) {
		count(s);
	}
	s->all->ops.emergency(s->all->user, s);
}
