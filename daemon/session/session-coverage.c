/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The coverage of the people on the patient's card: its periods and exonerations tell of illness, so
 * it is read when somebody asks for the patient, not on the way to the dossier; once, and only by
 * who was authenticated by the card. Whoever waits for it is told in a later turn of the loop, also
 * when the session ends meanwhile.
 */
#include "daemon/session/steps.h"

/* -- who waits ----------------------------------------------------------------------------------- */

static enum vitaled_reason result(const struct session *s)
{
	if (session_over(s)) {
		return s->reason == VITALED_REASON_NONE ? VITALED_REASON_FAILED : s->reason;
	}
	return s->step == SESSION_STEP_UNLOCKED ? VITALED_REASON_NONE
						: VITALED_REASON_WRONG_STATE;
}

static struct waiter take_first(struct session *s)
{
	struct waiter first = s->waiters[0];

	s->n_waiters--;
	for (size_t i = 0; i < s->n_waiters; i++) {
		s->waiters[i] = s->waiters[i + 1];
	}
	return first;
}

static int on_turn(sd_event_source *source, void *user)
{
	(void)source;
	session_coverage_flush(user);
	return 0;
}

int session_coverage_add(struct session *s)
{
	int r = sd_event_add_defer(s->all->ev, &s->coverage_turn, on_turn, s);

	if (r >= 0) {
		r = sd_event_source_set_enabled(s->coverage_turn, SD_EVENT_OFF);
	}
	return r < 0 ? fault(r) : 0;
}

void session_coverage_over(struct session *s)
{
	if (s->n_waiters > 0) {
		(void)sd_event_source_set_enabled(s->coverage_turn, SD_EVENT_ONESHOT);
	}
}

/* Those that are told may ask again: they are told another time. */
void session_coverage_flush(struct session *s)
{
	for (size_t n = s->n_waiters; n > 0 && s->n_waiters > 0; n--) {
		struct waiter w = take_first(s);

		w.done(w.user, s, result(s));
	}
}

void session_coverage_forget(struct session *s, void *user)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n_waiters; i++) {
		if (s->waiters[i].user != user) {
			s->waiters[n++] = s->waiters[i];
		}
	}
	s->n_waiters = n;
}

/* -- reading ------------------------------------------------------------------------------------- */

static bool take_coverage(struct coverage *c, struct view value)
{
	return tlv_find_u8(value, LINK_TAG_INDEX, &c->index) == 0 &&
	       read_optional(value, LINK_TAG_COVER_FROM, c->from, sizeof(c->from)) &&
	       read_optional(value, LINK_TAG_COVER_TO, c->to, sizeof(c->to)) &&
	       read_optional(value, LINK_TAG_ALD, c->ald, sizeof(c->ald)) &&
	       read_optional(value, LINK_TAG_SITUATION, c->situation, sizeof(c->situation));
}

static bool take_coverages(struct patient_data *d, struct view body)
{
	struct reader r = reader_of(body);
	struct tlv t;
	int q;

	while ((q = tlv_next(&r, &t)) == 0) {
		if (t.tag != LINK_TAG_COVERAGE) {
			continue;
		}
		if (d->n_coverages == COVERAGES_MAX ||
			!take_coverage(&d->coverages[d->n_coverages], t.value)) {
			return false;
		}
		d->n_coverages++;
	}
	return q == TLV_END;
}

/* A card that has none, or shows them to nobody whom it did not authenticate, is no obstacle. */
static void on_coverage(void *user, struct link_frame *answer)
{
	struct session *s = user;
	bool none =
		answer && (answer->outcome == CARD_ABSENT || answer->outcome == CARD_DENIED);

	if (!none && !session_judge(s, &s->patient_side, answer)) {
		return;
	}
	if (!none && !take_coverages(s->data, answer->body)) {
		session_end(s, VITALED_REASON_CARD_BROKEN);
		return;
	}
	s->coverage_known = true;
	session_coverage_over(s);
}

static bool is_readable(const struct session *s)
{
	return s->step == SESSION_STEP_UNLOCKED && s->mode == SESSION_MODE_NORMAL &&
	       s->patient_side.certificate.len > 0 && s->meeting == STATE_MEETING_DONE;
}

void session_coverage_start(struct session *s,
	void (*done)(void *user, struct session *s, enum vitaled_reason r), void *user)
{
	if (s->n_waiters == SESSION_WAITERS) {
		struct waiter w = take_first(s);

		w.done(w.user, s, VITALED_REASON_LIMITS_EXCEEDED);
	}
	s->waiters[s->n_waiters++] = (struct waiter){.done = done, .user = user};
	if (!s->coverage_asked && is_readable(s)) {
		s->coverage_asked = true;
		session_ask_card(
			s, &s->patient_side, CARD_OP_READ_PROTECTED, VIEW_NULL, on_coverage);
	} else if (!s->coverage_asked || s->coverage_known || session_over(s)) {
		session_coverage_over(s);
	}
}
