/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The cards of a session: which two of those that are in, claiming and opening them, and what
 * their answers and their leaving mean. Until the professional has been admitted the process of
 * the patient's card is only asked to open it; nothing read from it leaves that process.
 */
#include <string.h>

#include "daemon/session/steps.h"

#define OPEN_TRIES 8U
#define OPEN_AGAIN (50ULL * USEC_PER_MS)

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

static bool is_role(enum card_kind kind, bool professional)
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
	if (!c->recognised) {
		f->pending = true;
	} else if (is_role(c->kind, professional)) {
		f->n_cards++;
		f->card = c;
	} else if (bad_card(c) != VITALED_REASON_NONE) {
		f->bad = bad_card(c);
	}
}

static struct found find(struct session *s, const char *name, bool professional)
{
	struct found f = {0};
	struct card_reader *r;

	for (size_t i = 0; (r = cards_reader(s->all->cards, i)) != NULL; i++) {
		if (r->present && (name[0] == '\0' || strcmp(name, r->name) == 0)) {
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

/* Both are in: are they free? */
static void look_free(struct session *s, struct card *patient, struct card *professional)
{
	bool soon = false;
	bool free_now = !patient->child;

	if (professional) {
		free_now = professional_usable(s, professional, &soon) && free_now;
	}
	if (free_now) {
		s->patient_side.card = patient;
		s->professional_side.card = professional;
		session_post(s, SESSION_EVENT_READY);
	} else if (soon && !patient->child) {
		session_post(s, SESSION_EVENT_MISSING);
	} else if (s->wait) {
		session_post(s, SESSION_EVENT_BUSY);
	} else {
		session_end(s, VITALED_REASON_BUSY);
	}
}

static void look_pair(struct session *s, const struct config_pair *pair)
{
	struct found patient = find(s, pair->patient_reader, false);
	struct found professional = {0};
	bool two = s->mode == SESSION_MODE_NORMAL;
	enum vitaled_reason r = judge_found(&patient);

	if (two && r == VITALED_REASON_NONE) {
		professional = find(s, pair->professional_reader, true);
		r = judge_found(&professional);
	}
	if (patient.pending || professional.pending) {
		r = r == VITALED_REASON_NO_READER ? r : VITALED_REASON_NONE;
		patient.card = NULL;
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else if (!patient.card || (two && !professional.card)) {
		session_post(s, SESSION_EVENT_MISSING);
	} else {
		look_free(s, patient.card, professional.card);
	}
}

void session_look(struct session *s)
{
	const struct config_pair *pair = pair_of(s);

	if (!pair || !session_wanted_valid(s)) {
		session_end(s, VITALED_REASON_INVALID_ARGUMENT);
	} else if (!cards_listed(s->all->cards)) {
		session_post(s, SESSION_EVENT_MISSING);
	} else if (cards_service(s->all->cards) != READER_SERVICE_RUNNING) {
		session_end(s, VITALED_REASON_NO_READER_SERVICE);
	} else {
		look_pair(s, pair);
	}
}

/* -- asking -------------------------------------------------------------------------------------- */

static uint64_t limit_of(uint8_t op)
{
	if (op == CARD_OP_OPEN) {
		return LIMIT_CHILD_START + LIMIT_CARD_OPERATION;
	}
	if (op == CARD_OP_READ_PUBLIC || op == CARD_OP_READ_PEOPLE || op == CARD_OP_SIGN ||
		op == CARD_OP_READ_ACTIVITIES || op == CARD_OP_READ_PROTECTED) {
		return LIMIT_CARD_READ;
	}
	return LIMIT_CARD_OPERATION;
}

static int request(
	struct side *side, uint8_t op, struct view body, child_answer_fn done, void *user)
{
	if (!side->card || !side->card->child) {
		return CHILD_GONE;
	}
	return trace(
		child_request(side->card->child, op, body, NULL, 0, limit_of(op), done, user));
}

void session_ask_card(struct session *s, struct side *side, uint8_t op, struct view body,
	child_answer_fn done)
{
	int r = request(side, op, body, done, s);

	if (r != 0) {
		session_end(s, r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_CHILD_FAILED);
	}
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

/* What each outcome of vitaled-card means; CARD_GONE depends on the card. */
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

bool session_judge(struct session *s, struct side *side, const struct link_frame *answer)
{
	enum vitaled_reason r = answer_reason(s, side, answer);

	if (answer && tlv_find_u32(answer->body, LINK_TAG_CHARACTERS, &side->characters) == 0 &&
		r == VITALED_REASON_NONE) {
		session_changed(s); /* Progress */
	}
	if (!answer) {
		record_failure(s->all, "no-answer");
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	}
	return r == VITALED_REASON_NONE;
}

/* -- opening ------------------------------------------------------------------------------------- */

static void ready(struct session *s, struct side *side)
{
	bool two = s->mode == SESSION_MODE_NORMAL;

	side->ready = true;
	if (!s->patient_side.ready || (two && !s->professional_side.ready)) {
		return;
	}
	session_post(s, !two && s->patient_side.certificate.len == 0 ? SESSION_EVENT_PLAIN
								     : SESSION_EVENT_GO);
}

static void open_side(struct session *s, struct side *side);

static int on_again(sd_event_source *source, uint64_t usec, void *user)
{
	struct session *s = user;
	struct side *side =
		source == s->patient_side.again ? &s->patient_side : &s->professional_side;

	(void)usec;
	side->again = sd_event_source_disable_unref(side->again);
	open_side(s, side);
	return 0;
}

/* The process that had the card before may not have let it go yet, or another program reads it. */
static bool open_again(struct session *s, struct side *side)
{
	uint64_t wait = OPEN_AGAIN << side->open_tries;

	side->open_tries++;
	return side->open_tries < OPEN_TRIES &&
	       sd_event_add_time_relative(
		       s->all->ev, &side->again, CLOCK_MONOTONIC, wait, 0, on_again, s) >= 0;
}

static void on_professional_public(void *user, struct link_frame *answer)
{
	struct session *s = user;
	enum vitaled_reason r;

	if (!session_judge(s, &s->professional_side, answer)) {
		return;
	}
	r = professional_keep_public(s->life, answer->body) < 0
		    ? VITALED_REASON_FAILED
		    : session_take_professional(s, answer->body);
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else {
		ready(s, &s->professional_side);
	}
}

static void on_patient_public(void *user, struct link_frame *answer)
{
	struct session *s = user;
	enum vitaled_reason r;

	if (!session_judge(s, &s->patient_side, answer)) {
		return;
	}
	r = session_take_patient(s, answer->body);
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else {
		ready(s, &s->patient_side);
	}
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
		session_ask_card(
			s, side, CARD_OP_READ_PUBLIC, VIEW_NULL, on_professional_public);
	} else if (s->mode == SESSION_MODE_IDENTITY) {
		session_ask_card(s, side, CARD_OP_READ_PUBLIC, VIEW_NULL, on_patient_public);
	} else {
		ready(s, side);
	}
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

static void open_side(struct session *s, struct side *side)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(256);

	tlv_put_str(&body, LINK_TAG_READER, side->card->reader->name);
	tlv_put_u8(&body, LINK_TAG_SHARE, 1);
	session_ask_card(s, side, CARD_OP_OPEN, buf_view(&body),
		side == &s->patient_side ? on_patient_open : on_professional_open);
}

/* A life that was kept has read its card already; certificates may have expired since. */
static void open_professional(struct session *s)
{
	const struct buf *public = professional_public(s->life);
	enum vitaled_reason r;

	if (public->len == 0) {
		open_side(s, &s->professional_side);
		return;
	}
	r = session_take_professional(s, buf_view(public));
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else {
		ready(s, &s->professional_side);
	}
}

void session_open_cards(struct session *s)
{
	struct card *professional = s->professional_side.card;
	int r = 0;

	s->patient_side.ready = false;
	s->professional_side.ready = false;
	if (professional) {
		r = professional_take(s, professional);
	}
	if (r == 0) {
		r = cards_claim(s->all->cards, s->patient_side.card, s->uid, s);
	}
	if (r < 0) {
		session_end(s, VITALED_REASON_CHILD_FAILED);
		return;
	}
	open_side(s, &s->patient_side);
	if (professional && !session_over(s)) {
		open_professional(s);
	}
}

void session_drop_cards(struct session *s)
{
	struct card *c = s->patient_side.card;

	if (c && c->child && c->user == s) {
		cards_release(s->all->cards, c);
	}
	s->patient_side.card = NULL;
	professional_leave(s);
	s->professional_side.card = NULL;
}

/* -- readers and cards change --------------------------------------------------------------------- */

static void nudge_all(struct sessions *all)
{
	for (struct session *s = all->first; s; s = s->next) {
		session_nudge(s);
	}
}

static void on_service(void *user)
{
	nudge_all(user);
}

static void on_reader(void *user, struct card_reader *r)
{
	(void)r;
	nudge_all(user);
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
	nudge_all(all);
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
		if (s->patient_side.card == c || s->professional_side.card == c) {
			session_end(s, left_reason(s, c));
		}
	}
	professional_gone(all, c);
	if (c->recorded) {
		record_card(all, AUDIT_EVENT_CARD_OUT, c);
	}
	nudge_all(all);
}

static void on_card_failed(void *user, struct card *c, const char *why)
{
	struct sessions *all = user;

	for (struct session *s = all->first; s; s = s->next) {
		if (s->patient_side.card == c || s->professional_side.card == c) {
			session_end(s, VITALED_REASON_CHILD_FAILED);
		}
	}
	professional_gone(all, c);
	record_failure(all, why);
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
	};

	return trace(cards_listen(all->cards, &ops, all));
}
