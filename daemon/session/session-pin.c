/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The PIN of the professional's card. Its pipe is handed to the card's process unread and closed
 * here, or it is typed on the reader's own keys and never comes to the computer; one VERIFY is sent
 * for one entry, never a second. What the card says of its tries is believed and shown; the record
 * gets outcome and tries.
 */
#include <unistd.h>

#include "daemon/session/steps.h"

#define TRIES_UNKNOWN UINT8_MAX

static void post(struct session *s, enum session_event e)
{
	session_post_track(s, &s->professional_side, e);
}

static bool is_at(const struct session *s, enum track_step at)
{
	return session_on_tracks(s) && s->professional_side.track == at;
}

static bool record_pin(struct session *s, enum vitaled_reason outcome)
{
	json_t *details = json_pack("{s:i}", "tries", (int)s->pin_tries);

	return session_record(s, AUDIT_EVENT_PIN,
		outcome == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(outcome), NULL,
		details);
}

static void set_tries(struct session *s, uint8_t tries)
{
	if (s->pin_tries != tries) {
		s->pin_tries = tries;
		session_changed(s);
	}
}

/* The PIN is needed: whether it may be asked for depends on what is left. */
static void need_pin(struct session *s)
{
	if (s->pin_tries == 0) {
		if (record_pin(s, VITALED_REASON_PIN_BLOCKED)) {
			session_end(s, VITALED_REASON_PIN_BLOCKED);
		}
	} else {
		post(s, s->pin_tries == 1 ? SESSION_EVENT_PIN_LAST : SESSION_EVENT_PIN_NEEDED);
	}
}

static void on_pin_state(void *user, struct link_frame *answer)
{
	struct session *s = user;
	bool right;
	bool kept;

	if (!session_judge(s, &s->professional_side, answer)) {
		return;
	}
	right = read_u8_or(answer->body, LINK_TAG_VERIFIED, 0) == 1;
	set_tries(s, read_u8_or(answer->body, LINK_TAG_TRIES, TRIES_UNKNOWN));
	/* a right that somebody else obtained before we held the card is none of ours; one that this
	 * session obtained serves it to its end, however short a PIN may live; in an emergency
	 * whoever opens it shows that they are there now */
	kept = professional_pin_held(s->life) && !session_mode_emergency(s->mode);
	if (right && (kept || state_renews(s->step))) {
		post(s, SESSION_EVENT_PIN_HELD);
	} else {
		need_pin(s);
	}
}

void session_pin_state(struct session *s, struct side *side)
{
	session_ask_card(s, side, CARD_OP_PIN_STATE, VIEW_NULL, on_pin_state);
}

void session_renew(struct session *s)
{
	s->pin_asked = 0;
	s->professional_side.track = TRACK_STEP_IDLE;
	post(s, SESSION_EVENT_HELD);
}

void session_ask_last_try(struct session *s, struct side *side)
{
	(void)side;
	s->pin_last = false;
	s->all->ops.ask_last_try(s->all->user, s);
}

void session_ask_pin(struct session *s, struct side *side)
{
	bool again = s->pin_asked > 0;

	(void)side;
	if (s->pin_asked == LIMIT_PIN_TRIES_ASKED) {
		session_end(s, s->pin_result);
		return;
	}
	s->pin_asked++;
	if (professional_keypad(s->life)) {
		s->all->ops.tell_keypad(s->all->user, s, s->pin_tries, again);
		post(s, SESSION_EVENT_GO);
	} else {
		s->all->ops.ask_pin(s->all->user, s, s->pin_tries, again);
	}
}

/* The card's next command goes out before the record is written, and its answer finds the entry
 * there: nothing is released by a PIN alone. */
static void pin_done(struct session *s)
{
	professional_pin_given(s->life);
	post(s, SESSION_EVENT_PIN_HELD);
	if (!session_over(s) && !record_pin(s, VITALED_REASON_NONE)) {
		return; /* it has ended */
	}
}

/* A wrong or unusable entry: ask anew as long as the card allows. */
static void pin_again(struct session *s, enum vitaled_reason why)
{
	s->pin_result = why;
	if (record_pin(s, why)) {
		need_pin(s);
	}
}

static void verified(struct session *s, const struct link_frame *answer)
{
	enum card_outcome outcome = answer ? (enum card_outcome)answer->outcome : CARD_FAILED;

	s->pin_last = false;
	if (s->keypad) {
		s->keypad = false;
		s->all->ops.stop_asking(s->all->user, s, VITALED_REASON_NONE);
	}
	if (answer) {
		set_tries(s, read_u8_or(answer->body, LINK_TAG_TRIES, s->pin_tries));
	}
	if (outcome == CARD_PIN_WRONG) {
		pin_again(s, VITALED_REASON_PIN_WRONG);
	} else if (outcome == CARD_PIN_REFUSED) {
		pin_again(s, VITALED_REASON_PIN_REFUSED);
	} else if (outcome == CARD_PIN_LAST) {
		post(s, SESSION_EVENT_PIN_LAST);
	} else if (outcome == CARD_PIN_BLOCKED) {
		set_tries(s, 0);
		need_pin(s);
	} else if (session_judge(s, &s->professional_side, answer)) {
		pin_done(s);
	}
}

/* Nobody typed, or somebody pressed the cancel key: it costs no try and stands in the record. */
static bool record_unanswered(struct session *s, const struct link_frame *answer)
{
	enum vitaled_reason why = VITALED_REASON_NONE;

	if (answer && answer->outcome == CARD_CANCELLED) {
		why = VITALED_REASON_CANCELLED;
	} else if (answer && answer->outcome == CARD_LATE) {
		why = VITALED_REASON_TIMEOUT;
	}
	return why == VITALED_REASON_NONE || record_pin(s, why);
}

static void on_verify(void *user, struct link_frame *answer)
{
	struct session *s = user;

	if (record_unanswered(s, answer)) {
		verified(s, answer);
	}
}

void session_verify(struct session *s, struct side *side)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(32);
	int r;

	s->keypad = professional_keypad(s->life);
	tlv_put_u8(&body, LINK_TAG_LAST_TRY, s->pin_last ? 1 : 0);
	if (s->keypad) {
		tlv_put_u8(&body, LINK_TAG_PINPAD, 1);
	}
	professional_doubt(s->life);
	r = buf_check(&body);
	if (r == 0) {
		r = cards_ask(side->card, CARD_OP_VERIFY, buf_view(&body), &s->pin,
			s->keypad ? 0 : 1, on_verify, s);
	}
	if (s->pin >= 0) {
		close(s->pin);
		s->pin = -1;
	}
	session_ask_sent(s, r);
}

void session_pin_given(struct session *s, int fd)
{
	if (!is_at(s, TRACK_STEP_PIN) || s->pin >= 0) {
		close(fd);
		return;
	}
	s->pin = fd;
	post(s, SESSION_EVENT_GO);
}

void session_pin_failed(struct session *s, enum vitaled_reason r)
{
	if (is_at(s, TRACK_STEP_PIN) || is_at(s, TRACK_STEP_LAST_TRY) ||
		(is_at(s, TRACK_STEP_VERIFY) && s->keypad)) {
		session_end(s, r);
	}
}

void session_last_try(struct session *s, bool yes)
{
	if (!is_at(s, TRACK_STEP_LAST_TRY)) {
		return;
	}
	if (!yes) {
		session_end(s, VITALED_REASON_CANCELLED);
		return;
	}
	s->pin_last = true;
	post(s, SESSION_EVENT_GO);
}
