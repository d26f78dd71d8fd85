/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Where the professional works, and whether that lets them go on: activities, of which the caller or
 * somebody asked chooses one, never the first of several; then the admission by the rules.
 */
#include <string.h>

#include "daemon/session/steps.h"

bool session_choosing_structure(const struct session *s)
{
	return s->step == SESSION_STEP_TRACKS &&
	       s->professional_side.track == TRACK_STEP_STRUCTURE;
}

static bool take_activity(struct session_activity *a, struct view value)
{
	*a = (struct session_activity){0};
	return tlv_find_u8(value, LINK_TAG_INDEX, &a->index) == 0 &&
	       tlv_find_str(value, LINK_TAG_NAME, a->name, sizeof(a->name)) == 0 &&
	       tlv_find_str(value, LINK_TAG_STRUCTURE, a->structure, sizeof(a->structure)) ==
		       0 &&
	       tlv_find_str(value, LINK_TAG_SECTOR, a->sector, sizeof(a->sector)) == 0;
}

static bool take_activities(struct session_professional *p, struct view body)
{
	struct reader r = reader_of(body);
	struct tlv t;
	int q;

	p->n_activities = 0;
	while ((q = tlv_next(&r, &t)) == 0) {
		if (t.tag != LINK_TAG_ACTIVITY) {
			continue;
		}
		if (p->n_activities == ARRAY_LEN(p->activities) ||
			!take_activity(&p->activities[p->n_activities], t.value)) {
			return false;
		}
		p->n_activities++;
	}
	return q == TLV_END;
}

/* The caller may have named the structure: then nothing is offered outside it. */
static bool is_offered(const struct session *s, const struct session_activity *a)
{
	return !s->structure || strcmp(s->structure, a->structure) == 0;
}

/* The structure that the caller named, or the only one. Never the first of several. */
static void choose_structure(struct session *s)
{
	struct session_professional *p = &s->professional;
	const struct session_activity *match = NULL;
	size_t n = 0;

	for (size_t i = 0; i < p->n_activities; i++) {
		if (is_offered(s, &p->activities[i])) {
			match = &p->activities[i];
			n++;
		}
	}
	if (s->structure && n == 0) {
		session_end(s, VITALED_REASON_INVALID_ARGUMENT);
	} else if (n > 1) {
		session_post_track(s, &s->professional_side, SESSION_EVENT_ASK);
	} else {
		p->chosen = match;
		session_post_track(s, &s->professional_side, SESSION_EVENT_GO);
	}
}

static void on_activities(void *user, struct link_frame *answer)
{
	struct session *s = user;
	bool absent = answer && answer->outcome == CARD_ABSENT;

	if (!absent && !session_judge(s, &s->professional_side, answer)) {
		return;
	}
	if (!absent && !take_activities(&s->professional, answer->body)) {
		session_end(s, VITALED_REASON_CARD_BROKEN);
		return;
	}
	choose_structure(s);
}

/* The card's directory, when its public files have one: then nothing is probed for. */
void session_activities(struct session *s, struct side *side)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);
	struct tlv t;

	if (tlv_find(buf_view(professional_public(s->life)), LINK_TAG_DIRECTORY, &t) == 0) {
		tlv_put(&body, LINK_TAG_DIRECTORY, t.value);
	}
	if (buf_check(&body) < 0) {
		session_end(s, VITALED_REASON_CARD_BROKEN);
		return;
	}
	session_ask_card(s, side, CARD_OP_READ_ACTIVITIES, buf_view(&body), on_activities);
}

void session_ask_structure(struct session *s, struct side *side)
{
	const struct session_professional *p = &s->professional;
	_cleanup_json_ json_t *choices = json_array();

	(void)side;
	for (size_t i = 0; i < p->n_activities; i++) {
		const struct session_activity *a = &p->activities[i];

		if (is_offered(s, a) &&
			json_array_append_new(
				choices, json_pack("{s:s,s:s,s:s}", "name", a->name, "id",
						 a->structure, "sector", a->sector)) < 0) {
			session_end(s, VITALED_REASON_FAILED);
			return;
		}
	}
	s->all->ops.ask_choice(s->all->user, s, SESSION_CHOICE_STRUCTURE, choices);
}

/* @index counts what was offered. */
int session_choose_structure(struct session *s, uint32_t index)
{
	struct session_professional *p = &s->professional;

	if (!session_choosing_structure(s)) {
		return SESSION_CHOOSE_STATE;
	}
	for (size_t i = 0; i < p->n_activities; i++) {
		if (!is_offered(s, &p->activities[i])) {
			continue;
		}
		if (index == 0) {
			p->chosen = &p->activities[i];
			session_post_track(s, &s->professional_side, SESSION_EVENT_GO);
			return 0;
		}
		index--;
	}
	return SESSION_CHOOSE_RANGE;
}

static void deny(struct session *s, enum vitaled_reason r, const char *rule)
{
	if (session_record(s, AUDIT_EVENT_DENIED, vitaled_reason_word(r), rule, NULL)) {
		session_end(s, r);
	}
}

void session_admit(struct session *s, struct side *side)
{
	const char *rule = NULL;
	enum vitaled_reason r = s->all->ops.admit(s->all->user, s, &rule);

	if (r == VITALED_REASON_NONE) {
		session_post_track(s, side, SESSION_EVENT_GO);
	} else if (r == VITALED_REASON_LIMITS_EXCEEDED) {
		s->all->ops.ask_exceed(s->all->user, s); /* it stays at this step */
	} else {
		deny(s, r, rule);
	}
}

void session_exceeded(struct session *s, bool yes)
{
	struct side *side = &s->professional_side;
	json_t *details;

	if (s->step != SESSION_STEP_TRACKS || side->track != TRACK_STEP_ADMISSION) {
		return;
	}
	if (!yes) {
		deny(s, VITALED_REASON_LIMITS_EXCEEDED, "rate");
		return;
	}
	details = json_pack("{s:I}", "emergencies", (json_int_t)session_emergencies(s));
	if (session_record(s, AUDIT_EVENT_RATE_EXCEEDED, "ok", NULL, details)) {
		session_post_track(s, side, SESSION_EVENT_GO);
	}
}
