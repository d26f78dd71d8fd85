/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Certificates of the cards, the exchange between them, and what the broker's own nonce proves.
 * The exchange has one request on each link at a time (exchange.c says which); it starts when the
 * role certificates of both are verified, while the professional's X.509 certificates are read and
 * the PIN is typed, and the patient's card gives the professional's rights only after admission. The proof word rises only here and only
 * after a signature over 16 random bytes of the broker was verified; until then whatever a card
 * says is "read".
 */
#include "base/hex.h"
#include "base/rng.h"
#include "daemon/session/steps.h"

/* -- certificates -------------------------------------------------------------------------------- */

enum vitaled_reason session_trust_reason(int outcome)
{
	if (outcome == 0) {
		return VITALED_REASON_NONE;
	}
	if (outcome < 0) {
		return VITALED_REASON_FAILED;
	}
	switch ((enum trust_outcome)outcome) {
	case TRUST_MALFORMED:
		return VITALED_REASON_CARD_BROKEN;
	case TRUST_EXPIRED:
		return VITALED_REASON_CARD_EXPIRED;
	case TRUST_STRANGER:
	case TRUST_FALSE:
		break;
	}
	return VITALED_REASON_NOT_TRUSTED;
}

/* The role that the certificate gives must be that of the card that shows it. */
static bool role_fits(const struct session *s, const struct cvc *c, char letter)
{
	return c->role ==
	       (letter == 'V' ? CVC_ROLE_PATIENT : trust_role(&s->professional.person));
}

/* A root of ours signed it, for this chip; its nature is the side's now. */
static enum vitaled_reason take_certificate(struct session *s, struct side *side, char letter)
{
	int r = trust_cvc(s->all->trust, buf_view(&side->certificate), clock_wall(), &side->cvc,
		&side->nature);

	if (r != 0) {
		return session_trust_reason(r);
	}
	return trust_cvc_matches(&side->cvc, buf_view(&side->serial), letter)
		       ? VITALED_REASON_NONE
		       : VITALED_REASON_NOT_TRUSTED;
}

/* @nature: what the X.509 certificates of a professional say. */
static enum vitaled_reason judge_certificate(
	struct session *s, const struct side *side, char letter, enum nature nature)
{
	if (!role_fits(s, &side->cvc, letter)) {
		return VITALED_REASON_NOT_TRUSTED;
	}
	return letter == 'P' && nature != side->nature ? VITALED_REASON_NATURE_MIXED
						       : VITALED_REASON_NONE;
}

/* One that was taken before stays where it is: the exchange looks at it. Another one now is none. */
static enum vitaled_reason keep_certificate(struct side *side, struct view body)
{
	struct view value = VIEW_NULL;
	struct tlv t;
	int r = tlv_find(body, LINK_TAG_CVC, &t);

	if (r == TLV_BROKEN || (r == 0 && t.value.len > CVC_MAX)) {
		return VITALED_REASON_CARD_BROKEN;
	}
	if (r == 0) {
		value = t.value;
	}
	if (side->shown) {
		return view_equal(value, buf_view(&side->certificate))
			       ? VITALED_REASON_NONE
			       : VITALED_REASON_CARD_BROKEN;
	}
	buf_reset(&side->certificate);
	buf_put_view(&side->certificate, value);
	return buf_check(&side->certificate) < 0 ? VITALED_REASON_FAILED : VITALED_REASON_NONE;
}

enum vitaled_reason session_take_serial(
	const struct session *s, struct side *side, struct view body)
{
	struct tlv t;

	(void)s;
	if (tlv_find(body, LINK_TAG_SERIAL, &t) != 0 || t.value.len < SERIAL_MIN ||
		t.value.len > SERIAL_MAX) {
		return VITALED_REASON_CARD_BROKEN;
	}
	buf_reset(&side->serial);
	buf_put_view(&side->serial, t.value);
	return buf_check(&side->serial) < 0 ? VITALED_REASON_FAILED : VITALED_REASON_NONE;
}

enum vitaled_reason session_take_role(
	struct session *s, struct side *side, struct view body, char letter)
{
	enum nature nature = side->nature;
	enum vitaled_reason r = keep_certificate(side, body);

	if (r == VITALED_REASON_NONE && side->certificate.len > 0) {
		r = take_certificate(s, side, letter);
	}
	if (r == VITALED_REASON_NONE && side->certificate.len > 0) {
		r = judge_certificate(s, side, letter, nature);
	}
	if (r != VITALED_REASON_NONE || side->certificate.len > 0) {
		return r;
	}
	/* real cards have no certificate of the stand-in; any other must */
	return letter == 'V' || side->nature == NATURE_REAL ? VITALED_REASON_NONE
							    : VITALED_REASON_NOT_TRUSTED;
}

enum vitaled_reason session_show_role(struct session *s, struct side *side, struct view body)
{
	enum vitaled_reason r;

	side->shown = false;
	r = keep_certificate(side, body);
	if (r == VITALED_REASON_NONE && side->certificate.len > 0) {
		r = take_certificate(s, side, 'P');
	}
	side->shown = side->certificate.len > 0;
	return r;
}

/* -- the patient's card -------------------------------------------------------------------------- */

enum nature session_nature(const struct session *s)
{
	return s->alone ? s->professional_side.nature : s->patient_side.nature;
}

/* Without the patient's card there is nothing to prove; what is locked stays so. Alone it can prove no
 * more than that it is there, and opens nothing by less. */
enum proof session_required(const struct session *s)
{
	enum proof required = config_required(s->all->config, session_nature(s));

	if (s->alone && required != PROOF_LOCKED) {
		return PROOF_NONE;
	}
	if (s->mode == SESSION_MODE_IDENTITY && required == PROOF_MUTUAL) {
		return PROOF_ACTIVE;
	}
	return s->mode == SESSION_MODE_PATIENT && required != PROOF_LOCKED ? PROOF_ACTIVE
									   : required;
}

static void take_last4(struct session *s)
{
	_cleanup_(buf_done) struct buf digits = BUF_NULL(64);
	struct view last;

	if (bcd_decode(&digits, buf_view(&s->patient_side.serial)) == 0) {
		last = view_last(buf_view(&digits), 4);
		bytes_copy(s->patient.serial_last4, sizeof(s->patient.serial_last4) - 1,
			last.data, last.len);
	}
}

/* Natures never mix; a Vitale without a certificate of ours pairs with real cards only. */
static enum vitaled_reason check_natures(const struct session *s)
{
	enum nature patient = s->patient_side.nature;
	enum nature professional = s->professional_side.nature;

	if (patient == NATURE_UNKNOWN ? professional != NATURE_REAL : patient != professional) {
		return VITALED_REASON_NATURE_MIXED;
	}
	if (patient != NATURE_UNKNOWN && s->professional_side.certificate.len == 0) {
		return VITALED_REASON_NOT_TRUSTED; /* nothing to prove itself with */
	}
	return VITALED_REASON_NONE;
}

enum vitaled_reason session_take_patient(struct session *s, struct view body)
{
	struct card *c = s->patient_side.card;
	enum vitaled_reason r = session_take_serial(s, &s->patient_side, body);

	if (r == VITALED_REASON_NONE) {
		r = session_take_role(s, &s->patient_side, body, 'V');
	}
	if (r != VITALED_REASON_NONE) {
		return r;
	}
	s->patient.nature = s->patient_side.nature;
	s->patient.role_certificate = buf_view(&s->patient_side.certificate);
	read_copy(s->patient.generation, sizeof(s->patient.generation), c->generation);
	take_last4(s);
	c->nature = s->patient_side.nature;
	cards_touch(s->all->cards, c);
	/* what can never be proved is not asked for: no consent for nothing */
	if (session_required(s) == PROOF_LOCKED ||
		(s->patient_side.certificate.len == 0 && session_required(s) > PROOF_READ)) {
		return VITALED_REASON_PROOF_TOO_WEAK;
	}
	s->proof = PROOF_READ;
	return VITALED_REASON_NONE;
}

/* -- card to card -------------------------------------------------------------------------------- */

/* A proof that failed: the card's fault, or that of a certificate that we kept too long. */
static void exchange_failed(struct session *s)
{
	if (s->meeting == STATE_MEETING_RUNS && session_stale(s)) {
		session_forget_requests(s, &s->wires[EXCHANGE_PATIENT]);
		session_forget_requests(s, &s->wires[EXCHANGE_PROFESSIONAL]);
		s->exchange_runs = false;
		session_post(s, SESSION_EVENT_STALE);
	} else {
		session_end(s, VITALED_REASON_PROOF_FAILED);
	}
}

static void exchanged(struct session *s)
{
	s->exchange_runs = false;
	s->meeting = STATE_MEETING_DONE;
	session_join(s);
}

static void on_exchange(void *user, struct link_frame *answer)
{
	const struct wire *w = user;
	struct session *s = w->session;
	struct side *side =
		w->card == EXCHANGE_PATIENT ? &s->patient_side : &s->professional_side;
	int r;

	if (session_answer_reason(s, w->card == EXCHANGE_PROFESSIONAL, answer) ==
		VITALED_REASON_PROOF_FAILED) {
		exchange_failed(s);
		return;
	}
	if (!session_judge(s, side, answer)) {
		return;
	}
	r = exchange_take(&s->exchange, w->card, answer->body);
	if (r == EXCHANGE_FALSE) {
		exchange_failed(s);
	} else if (r != 0) {
		session_end(s, r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_CARD_BROKEN);
	} else if (exchange_done(&s->exchange)) {
		exchanged(s);
	} else {
		session_exchange_on(s);
	}
}

static void send_next(struct session *s, struct wire *w)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	uint8_t op;
	int r = exchange_next(&s->exchange, w->card, &op, &body);

	if (r == EXCHANGE_WAIT) {
		return;
	}
	if (r == 0 && w->card == EXCHANGE_PATIENT) {
		r = session_patient_request(s, op, buf_view(&body), on_exchange, w);
	} else if (r == 0) {
		r = session_professional_request(s, op, buf_view(&body), on_exchange, w);
	}
	session_ask_sent(s, r);
}

/* The professional's card, for the exchange: not before its public files are verified, which are on the
 * line until then; and not between the PIN and the last of its activities, where it stands elsewhere
 * than at its key: both would have to be named once more. */
static bool is_free(const struct session *s)
{
	enum track_step at = s->professional_side.track;

	return at > TRACK_STEP_READ && at != TRACK_STEP_VERIFY && at != TRACK_STEP_ACTIVITIES;
}

void session_exchange_on(struct session *s)
{
	if (!s->exchange_runs) {
		return;
	}
	if (s->professional_side.track >= TRACK_STEP_ACTIVITIES) {
		exchange_allow(&s->exchange, EXCHANGE_MAY_SIGN);
	}
	if (s->professional_side.track == TRACK_STEP_READY) {
		exchange_allow(&s->exchange, EXCHANGE_MAY_GRANT);
	}
	for (size_t i = 0; i < EXCHANGE_CARDS && s->exchange_runs; i++) {
		if (i != EXCHANGE_PROFESSIONAL || is_free(s)) {
			send_next(s, &s->wires[i]);
		}
	}
}

void session_meet(struct session *s)
{
	struct side *sides[] = {&s->patient_side, &s->professional_side};
	struct exchange_side of[EXCHANGE_CARDS];
	enum vitaled_reason r = check_natures(s);

	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
		return;
	}
	if (s->patient_side.certificate.len == 0) {
		exchanged(s); /* it has nothing to prove itself with */
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		of[i] = (struct exchange_side){
			.certificate = buf_view(&sides[i]->certificate),
			.cvc = &sides[i]->cvc,
			.serial = buf_view(&sides[i]->serial),
		};
	}
	s->meeting = STATE_MEETING_RUNS;
	exchange_init(&s->exchange, &of[0], &of[1], &s->all->seen);
	s->exchange_runs = true;
	session_exchange_on(s);
}

/* -- card to broker ------------------------------------------------------------------------------ */

int session_presence(
	const struct session *s, struct view bytes, const char *purpose, struct view signature)
{
	int r = exchange_presence(&s->patient_side.cvc, bytes, purpose, signature);

	return r > 0 ? TRUST_FALSE : trace(r);
}

static bool record_proof(struct session *s, enum vitaled_reason outcome)
{
	json_t *details = json_pack("{s:s,s:s}", "proof", proof_word(s->proof), "nature",
		nature_word(session_nature(s)));

	return session_record(s, AUDIT_EVENT_PROOF,
		outcome == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(outcome), NULL,
		details);
}

/* Record what has been proved. Return: whether it is enough; otherwise the session has ended. */
static bool settle(struct session *s, enum proof proof)
{
	enum vitaled_reason r;

	s->proof = proof;
	r = proof >= session_required(s) ? VITALED_REASON_NONE : VITALED_REASON_PROOF_TOO_WEAK;
	if (!record_proof(s, r)) {
		return false;
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	}
	return r == VITALED_REASON_NONE;
}

/* Return: NONE, or what its signature over the nonce is. */
static enum vitaled_reason check_fresh(const struct side *side, struct view body)
{
	struct tlv t;
	int r;

	if (tlv_find(body, LINK_TAG_SIGNATURE, &t) != 0) {
		return VITALED_REASON_CARD_BROKEN;
	}
	r = exchange_presence(&side->cvc, VIEW(side->nonce), "VDACTI01", t.value);
	if (r != 0) {
		return r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_PROOF_FAILED;
	}
	return VITALED_REASON_NONE;
}

static void proved(struct session *s, struct side *side, const struct link_frame *answer)
{
	enum vitaled_reason r;

	if (!session_judge(s, side, answer)) {
		return;
	}
	r = check_fresh(side, answer->body);
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else if (s->step == SESSION_STEP_RESUME || settle(s, PROOF_ACTIVE)) {
		session_post_track(s, side, SESSION_EVENT_GO);
	}
}

static void on_patient_proved(void *user, struct link_frame *answer)
{
	struct session *s = user;

	proved(s, &s->patient_side, answer);
}

static void on_professional_proved(void *user, struct link_frame *answer)
{
	struct session *s = user;

	proved(s, &s->professional_side, answer);
}

void session_prove(struct session *s, struct side *side)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);
	size_t mark;

	if (side->certificate.len == 0) {
		session_post_track(s, side, SESSION_EVENT_GO); /* it was read, that is all */
		return;
	}
	if (rng_fill(side->nonce, sizeof(side->nonce)) < 0) {
		session_end(s, VITALED_REASON_FAILED);
		return;
	}
	mark = tlv_open(&body, LINK_TAG_DATA);
	buf_put_view(&body, VIEW(side->nonce));
	buf_put_str(&body, "VDACTI01");
	tlv_close(&body, mark);
	if (buf_check(&body) < 0) {
		session_end(s, VITALED_REASON_FAILED);
		return;
	}
	session_ask_card(s, side, CARD_OP_INTERNAL_AUTHENTICATE, buf_view(&body),
		side == &s->patient_side ? on_patient_proved : on_professional_proved);
}

void session_signed(
	struct session *s, enum vitaled_reason r, bool patient_proved, bool professional_proved)
{
	enum proof proof = s->alone ? PROOF_NONE : PROOF_READ;

	if (s->step != SESSION_STEP_SIGN) {
		return;
	}
	if (r == VITALED_REASON_PROOF_FAILED && session_stale(s)) {
		session_post(s, SESSION_EVENT_STALE);
		return;
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
		return;
	}
	if (patient_proved) {
		proof = professional_proved && !session_mode_one_card(s->mode) ? PROOF_MUTUAL
									       : PROOF_ACTIVE;
	}
	if (settle(s, proof)) {
		session_post(s, proof == PROOF_READ ? SESSION_EVENT_READ : SESSION_EVENT_GO);
	}
}
