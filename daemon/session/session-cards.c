/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The cards of a session: claiming and opening them, asking them, and what their answers and their
 * leaving mean. Both are opened at once. What is read of people stays in the process of the
 * patient's card until the session asks for it (session-people.c).
 *
 * Is it still the same card? The reader's event counter is watched at every command by the card's
 * process, and a card that was reset, touched or swapped is CARD_GONE there. Before anything is
 * released the cards show it once more: those that sign, by their signature over the broker's nonce
 * under the certificate that is bound to the serial; those whose proof is the reading alone, by
 * their serial, read anew (session_present()). After a slot was lent: session-lend.c.
 */
#include <string.h>

#include "daemon/session/steps.h"

#define OPEN_TRIES 8U
#define OPEN_AGAIN (50ULL * USEC_PER_MS) /* doubled every time */

/* -- asking -------------------------------------------------------------------------------------- */

void session_ask_sent(struct session *s, int r)
{
	if (r != 0) {
		session_end(s, r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_CHILD_FAILED);
	}
}

static int request(
	struct side *side, uint8_t op, struct view body, child_answer_fn done, void *user)
{
	if (!side->card || !side->card->child) {
		return CHILD_GONE;
	}
	return trace(cards_ask(side->card, op, body, NULL, 0, done, user));
}

void session_ask_card(struct session *s, struct side *side, uint8_t op, struct view body,
	child_answer_fn done)
{
	session_ask_sent(s, request(side, op, body, done, s));
}

int session_professional_request(
	struct session *s, uint8_t op, struct view body, child_answer_fn done, void *user)
{
	if (s->life) {
		professional_used(s->life);
	}
	return trace(request(&s->professional_side, op, body, done, user));
}

int session_patient_request(
	struct session *s, uint8_t op, struct view body, child_answer_fn done, void *user)
{
	return trace(request(&s->patient_side, op, body, done, user));
}

void session_forget_requests(struct session *s, void *user)
{
	struct side *sides[] = {&s->patient_side, &s->professional_side};

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		if (sides[i]->card && sides[i]->card->child) {
			child_forget(sides[i]->card->child, user);
		}
	}
}

/* -- judging ------------------------------------------------------------------------------------- */

enum vitaled_reason session_gone_reason(const struct session *s, const struct side *side)
{
	return side == &s->patient_side ? VITALED_REASON_PATIENT_CARD_REMOVED
					: VITALED_REASON_PROFESSIONAL_CARD_REMOVED;
}

/* What each outcome of vitaled-card means; CARD_GONE depends on the card. A card that its issuer's
 * own update left half written is broken, not opposed: it is mended by another update. */
static const enum vitaled_reason outcome_reasons[] = {
	[CARD_DONE] = VITALED_REASON_NONE,
	[CARD_MUTE] = VITALED_REASON_CARD_BROKEN,
	[CARD_UNKNOWN] = VITALED_REASON_CARD_UNKNOWN,
	[CARD_UNSUPPORTED] = VITALED_REASON_CARD_UNSUPPORTED,
	[CARD_BROKEN] = VITALED_REASON_CARD_BROKEN,
	[CARD_BUSY] = VITALED_REASON_BUSY,
	[CARD_NO_SERVICE] = VITALED_REASON_NO_READER_SERVICE,
	[CARD_NO_READER] = VITALED_REASON_NO_READER,
	[CARD_PIN_WRONG] = VITALED_REASON_PIN_WRONG,
	[CARD_PIN_BLOCKED] = VITALED_REASON_PIN_BLOCKED,
	[CARD_PIN_LAST] = VITALED_REASON_PIN_REFUSED,
	[CARD_PIN_REFUSED] = VITALED_REASON_PIN_REFUSED,
	[CARD_DENIED] = VITALED_REASON_PROOF_FAILED,
	[CARD_REFUSED] = VITALED_REASON_PROOF_FAILED,
	[CARD_ABSENT] = VITALED_REASON_CARD_BROKEN,
	[CARD_FAILED] = VITALED_REASON_CHILD_FAILED,
	[CARD_CANCELLED] = VITALED_REASON_CANCELLED,
	[CARD_LATE] = VITALED_REASON_TIMEOUT,
	[CARD_UNUSABLE] = VITALED_REASON_CARD_BROKEN,
	[CARD_READER_FAILED] = VITALED_REASON_READER_FAILED,
};

static enum vitaled_reason answer_reason(
	const struct session *s, const struct side *side, const struct link_frame *answer)
{
	if (!answer) {
		return VITALED_REASON_CHILD_FAILED;
	}
	if (answer->outcome == CARD_GONE) {
		return session_gone_reason(s, side);
	}
	return answer->outcome < ARRAY_LEN(outcome_reasons) ? outcome_reasons[answer->outcome]
							    : VITALED_REASON_CHILD_FAILED;
}

enum vitaled_reason session_answer_reason(
	const struct session *s, bool professional, const struct link_frame *answer)
{
	return answer_reason(
		s, professional ? &s->professional_side : &s->patient_side, answer);
}

static void record_failure(struct sessions *all, const char *why)
{
	_cleanup_json_ json_t *details =
		json_pack("{s:s,s:s}", "child", "vitaled-card", "why", why);
	struct audit_entry entry = AUDIT_ENTRY_NULL;

	entry.event = AUDIT_EVENT_CHILD_FAILED;
	entry.outcome = vitaled_reason_word(VITALED_REASON_CHILD_FAILED);
	entry.details = details;
	if (audit_append(all->audit, &entry, NULL) != 0) {
		return; /* releases nothing */
	}
}

void session_count(struct session *s, struct side *side, const struct link_frame *answer)
{
	uint32_t now;

	if (answer && tlv_find_u32(answer->body, LINK_TAG_CHARACTERS, &now) == 0 &&
		now >= side->before && now - side->before > side->characters) {
		side->characters = now - side->before;
		side->card->characters = now;
		session_progressed(s);
	}
}

/* What the person at the card is told of it beside the reason. */
static void advise(struct session *s, struct side *side, const struct link_frame *answer)
{
	struct card *c = side->card;

	if (c && answer->outcome == CARD_UNUSABLE) {
		read_copy(c->advice, sizeof(c->advice), "card-update-incomplete");
		cards_touch(s->all->cards, c);
	}
}

bool session_judge(struct session *s, struct side *side, const struct link_frame *answer)
{
	enum vitaled_reason r = answer_reason(s, side, answer);

	if (!answer) {
		record_failure(s->all, "no-answer");
	} else if (r == VITALED_REASON_NONE) {
		session_count(s, side, answer);
	} else {
		advise(s, side, answer);
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	}
	return r == VITALED_REASON_NONE && !session_over(s);
}

/* -- opening ------------------------------------------------------------------------------------- */

static int on_again(sd_event_source *source, uint64_t usec, void *user)
{
	struct session *s = user;
	struct side *side =
		source == s->patient_side.again ? &s->patient_side : &s->professional_side;

	(void)usec;
	side->again = sd_event_source_disable_unref(side->again);
	session_open_side(s, side);
	return 0;
}

/* The process that had the card before may not have let it go yet, or another program reads it. */
static bool open_again(struct session *s, struct side *side)
{
	uint64_t wait = OPEN_AGAIN << side->open_tries;

	side->open_tries++;
	return side->open_tries < OPEN_TRIES && clock_monotonic() < side->open_until &&
	       sd_event_add_time_relative(
		       s->all->ev, &side->again, CLOCK_MONOTONIC, wait, 0, on_again, s) >= 0;
}

static void opened(struct session *s, struct side *side, const struct link_frame *answer)
{
	if (answer && answer->outcome == CARD_BUSY && open_again(s, side)) {
		return;
	}
	if (!session_judge(s, side, answer)) {
		return;
	}
	if (side == &s->professional_side) {
		professional_opened(s->life, answer->body);
	}
	session_post_track(s, side, SESSION_EVENT_GO);
}

static void on_professional_open(void *user, struct link_frame *answer)
{
	struct session *s = user;

	opened(s, &s->professional_side, answer);
}

static void on_patient_open(void *user, struct link_frame *answer)
{
	struct session *s = user;

	opened(s, &s->patient_side, answer);
}

void session_open_side(struct session *s, struct side *side)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(512);

	cards_put_open(side->card, &body);
	if (buf_check(&body) < 0) {
		session_end(s, VITALED_REASON_FAILED);
		return;
	}
	session_ask_card(s, side, CARD_OP_OPEN, buf_view(&body),
		side == &s->patient_side ? on_patient_open : on_professional_open);
}

static int claim(struct session *s, struct side *side, struct card *c)
{
	if (side == &s->professional_side) {
		return trace(professional_take(s, c));
	}
	return trace(cards_claim(s->all->cards, c, s->uid, s));
}

int session_start_track(struct session *s, struct side *side, struct card *c)
{
	uint32_t before =
		c->child ? c->characters : 0; /* a life that was kept goes on counting */
	int r = claim(s, side, c);

	if (r < 0) {
		return trace(r);
	}
	session_card_taken(s->all, c->id);
	side->card = c;
	side->reader = c->reader->id;
	side->track = TRACK_STEP_IDLE;
	side->open_tries = 0;
	side->open_until = clock_monotonic() + LIMIT_CARD_HELD;
	side->before = before;
	side->characters = 0;
	return 0;
}

static bool is_shared(const struct card *c)
{
	return c->reader->sharing != CARD_SHARE_EXCLUSIVE;
}

void session_start_tracks(struct session *s)
{
	struct card *patient = s->patient_side.card;
	struct card *professional = s->professional_side.card;
	int r = 0;

	s->alone = patient == NULL;
	s->shared =
		professional && (is_shared(professional) || (patient && is_shared(patient)));
	if (s->alone) { /* nobody to exchange anything with, and nothing to wait for */
		s->meeting = STATE_MEETING_DONE;
		s->patient_side.track = TRACK_STEP_READY;
	} else if (s->shared) {
		s->meeting = STATE_MEETING_LATER;
	}
	s->patient_side.card = NULL; /* until it is claimed */
	s->professional_side.card = NULL;
	if (professional) {
		r = session_start_track(s, &s->professional_side, professional);
	}
	if (r == 0 && patient) {
		r = session_start_track(s, &s->patient_side, patient);
	}
	if (r < 0) {
		session_end(s, VITALED_REASON_CHILD_FAILED);
		return;
	}
	if (professional) {
		session_start_professional(s);
	}
	if (patient) {
		session_post_track(s, &s->patient_side, SESSION_EVENT_NEW);
	}
}

void session_drop_cards(struct session *s)
{
	struct card *c = s->patient_side.card;

	session_forget_requests(s, &s->wires[EXCHANGE_PROFESSIONAL]);
	if (c && c->child && c->user == s) {
		cards_release(s->all->cards, c);
	}
	s->patient_side.card = NULL;
	professional_leave(s);
	s->professional_side.card = NULL;
}

/* -- once more before release --------------------------------------------------------------------- */

static void present(struct session *s, struct side *side, const struct link_frame *answer)
{
	if (session_judge(s, side, answer) && --s->present == 0) {
		session_post(s, SESSION_EVENT_GO);
	}
}

static void on_patient_present(void *user, struct link_frame *answer)
{
	struct session *s = user;

	present(s, &s->patient_side, answer);
}

static void on_professional_present(void *user, struct link_frame *answer)
{
	struct session *s = user;

	present(s, &s->professional_side, answer);
}

void session_present(struct session *s)
{
	bool two = s->professional_side.card != NULL;

	s->present = two ? 2 : 1;
	if (two) {
		session_ask_card(s, &s->professional_side, CARD_OP_PRESENT, VIEW_NULL,
			on_professional_present);
	}
	if (!session_over(s)) {
		session_ask_card(
			s, &s->patient_side, CARD_OP_PRESENT, VIEW_NULL, on_patient_present);
	}
}

/* -- readers and cards change --------------------------------------------------------------------- */

static void on_service(void *user)
{
	session_nudge_all(user);
}

static void on_reader(void *user, struct card_reader *r)
{
	(void)r;
	session_lendings_check(user);
	session_nudge_all(user);
}

/* Coming and going of cards stand in the record: which kind, in which reader, no person. */
static void record_card(struct sessions *all, enum audit_event e, const struct card *c)
{
	_cleanup_json_ json_t *details = json_pack("{s:s,s:s,s:I}", "kind",
		card_kind_word(c->kind), "reader", c->reader->name, "card", (json_int_t)c->id);
	struct audit_entry entry = AUDIT_ENTRY_NULL;

	entry.event = e;
	entry.outcome = "ok";
	entry.details = details;
	if (audit_append(all->audit, &entry, NULL) != 0) {
		return; /* releases nothing; whatever will be released asks for its own entry */
	}
}

static void on_card(void *user, struct card *c)
{
	struct sessions *all = user;

	if (c->recognised && !c->recorded) {
		c->recorded = true;
		record_card(all, AUDIT_EVENT_CARD_IN, c);
	}
	session_lendings_check(all);
	session_nudge_all(all);
	session_queue_tell(all);
}

/* A card whose slot is being lent may go: it is only asked to be back in time. */
static bool uses(struct session *s, const struct card *c)
{
	if (s->patient_side.card == c && s->patient_side.lent) {
		s->patient_side.card = NULL;
		return false;
	}
	return s->patient_side.card == c || s->professional_side.card == c;
}

static enum vitaled_reason left_reason(const struct session *s, const struct card *c)
{
	const struct side *side =
		s->patient_side.card == c ? &s->patient_side : &s->professional_side;

	switch (c->left) {
	case CARD_LEFT_REMOVED:
	case CARD_LEFT_READER:
		break;
	case CARD_LEFT_REPLACED:
		return VITALED_REASON_CARD_REPLACED;
	case CARD_LEFT_SERVICE:
		return VITALED_REASON_NO_READER_SERVICE;
	case CARD_LEFT_WATCH:
		return VITALED_REASON_CHILD_FAILED;
	}
	return session_gone_reason(s, side);
}

static void on_card_removed(void *user, struct card *c)
{
	struct sessions *all = user;

	for (struct session *s = all->first; s; s = s->next) {
		if (uses(s, c)) {
			session_end(s, left_reason(s, c));
		}
	}
	session_card_taken(all, c->id);
	professional_gone(all, c);
	if (c->recorded) {
		record_card(all, AUDIT_EVENT_CARD_OUT, c);
	}
	session_lendings_check(all);
	session_nudge_all(all);
	session_queue_tell(all);
}

static void on_card_failed(void *user, struct card *c, const char *why)
{
	struct sessions *all = user;

	for (struct session *s = all->first; s; s = s->next) {
		if (uses(s, c)) {
			session_end(s, VITALED_REASON_CHILD_FAILED);
		}
	}
	professional_gone(all, c);
	record_failure(all, why);
}

static void on_card_progress(void *user, struct card *c)
{
	struct sessions *all = user;

	for (struct session *s = all->first; s; s = s->next) {
		struct side *side =
			s->patient_side.card == c ? &s->patient_side : &s->professional_side;

		if (side->card == c && !session_over(s) && c->characters > side->before) {
			side->characters = c->characters - side->before;
			session_progressed(s);
		}
	}
}

int session_cards_listen(struct sessions *all)
{
	const struct cards_ops ops = {
		.service_changed = on_service,
		.reader_added = on_reader,
		.reader_removed = on_reader,
		.card_added = on_card,
		.card_changed = on_card,
		.card_removed = on_card_removed,
		.card_failed = on_card_failed,
		.card_progress = on_card_progress,
	};

	return trace(cards_listen(all->cards, &ops, all));
}
