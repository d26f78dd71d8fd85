/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Certificates of the cards, the exchange between them, and what the broker's own nonce proves.
 * The proof word rises only here and only after a signature over 16 random bytes of the broker was
 * verified; until then whatever a card says is "read".
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
	return letter == 'V' ? c->role == 0 : c->role == s->professional.person.profession;
}

static enum vitaled_reason take_certificate(struct session *s, struct side *side, char letter)
{
	enum nature nature = NATURE_UNKNOWN;
	int r;

	r = trust_cvc(
		s->all->trust, buf_view(&side->certificate), clock_wall(), &side->cvc, &nature);
	if (r != 0) {
		return session_trust_reason(r);
	}
	if (!trust_cvc_matches(&side->cvc, buf_view(&side->serial), letter) ||
		!role_fits(s, &side->cvc, letter)) {
		return VITALED_REASON_NOT_TRUSTED;
	}
	if (letter == 'P' && nature != side->nature) {
		return VITALED_REASON_NATURE_MIXED; /* X.509 and role of two natures */
	}
	side->nature = nature;
	return VITALED_REASON_NONE;
}

enum vitaled_reason session_take_role(
	struct session *s, struct side *side, struct view body, char letter)
{
	struct tlv t;
	int r;

	if (tlv_find(body, LINK_TAG_SERIAL, &t) != 0 || t.value.len < SERIAL_MIN ||
		t.value.len > SERIAL_MAX) {
		return VITALED_REASON_CARD_BROKEN;
	}
	buf_reset(&side->serial);
	buf_put_view(&side->serial, t.value);
	buf_reset(&side->certificate);
	r = tlv_find(body, LINK_TAG_CVC, &t);
	if (r == TLV_BROKEN || (r == 0 && t.value.len > CVC_MAX)) {
		return VITALED_REASON_CARD_BROKEN;
	}
	if (r == 0) {
		buf_put_view(&side->certificate, t.value);
	}
	if (buf_check(&side->serial) < 0 || buf_check(&side->certificate) < 0) {
		return VITALED_REASON_FAILED;
	}
	if (side->certificate.len > 0) {
		return take_certificate(s, side, letter);
	}
	/* real cards have no certificate of the stand-in; any other must */
	return letter == 'V' || side->nature == NATURE_REAL ? VITALED_REASON_NONE
							    : VITALED_REASON_NOT_TRUSTED;
}

/* -- the patient's card -------------------------------------------------------------------------- */

enum proof session_required(const struct session *s)
{
	enum proof required = config_required(s->all->config, s->patient_side.nature);

	if (s->mode == SESSION_MODE_IDENTITY && required == PROOF_MUTUAL) {
		return PROOF_ACTIVE;
	}
	return required;
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

	if (s->mode == SESSION_MODE_IDENTITY) {
		return VITALED_REASON_NONE;
	}
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
	enum vitaled_reason r = session_take_role(s, &s->patient_side, body, 'V');

	if (r == VITALED_REASON_NONE) {
		r = check_natures(s);
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

static void on_patient(void *user, struct link_frame *answer)
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
		session_post(s, s->patient_side.certificate.len > 0 ? SESSION_EVENT_GO
								    : SESSION_EVENT_PLAIN);
	}
}

void session_read_patient(struct session *s)
{
	session_ask_card(s, &s->patient_side, CARD_OP_READ_PUBLIC, VIEW_NULL, on_patient);
}

/* -- card to card -------------------------------------------------------------------------------- */

static void exchange_go_on(struct session *s);

static void exchange_answer(struct session *s, struct side *side, struct link_frame *answer)
{
	int r;

	if (!session_judge(s, side, answer)) {
		return;
	}
	r = exchange_take(&s->exchange, answer->body);
	if (r == 0) {
		exchange_go_on(s);
	} else if (r < 0) {
		session_end(s, VITALED_REASON_FAILED);
	} else {
		session_end(s, r == EXCHANGE_FALSE ? VITALED_REASON_PROOF_FAILED
						   : VITALED_REASON_CARD_BROKEN);
	}
}

static void on_exchange_patient(void *user, struct link_frame *answer)
{
	struct session *s = user;

	exchange_answer(s, &s->patient_side, answer);
}

static void on_exchange_professional(void *user, struct link_frame *answer)
{
	struct session *s = user;

	exchange_answer(s, &s->professional_side, answer);
}

static void exchange_go_on(struct session *s)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(4096);
	enum exchange_card card;
	uint8_t op;
	int r = exchange_next(&s->exchange, &card, &op, &body);

	if (r == EXCHANGE_DONE) {
		session_post(s, SESSION_EVENT_GO);
	} else if (r < 0) {
		session_end(s, VITALED_REASON_FAILED);
	} else if (card == EXCHANGE_PATIENT) {
		session_ask_card(s, &s->patient_side, op, buf_view(&body), on_exchange_patient);
	} else {
		session_ask_card(s, &s->professional_side, op, buf_view(&body),
			on_exchange_professional);
	}
}

void session_exchange(struct session *s)
{
	struct side *sides[] = {&s->patient_side, &s->professional_side};
	struct exchange_side of[2];

	for (size_t i = 0; i < ARRAY_LEN(sides); i++) {
		of[i] = (struct exchange_side){
			.certificate = buf_view(&sides[i]->certificate),
			.cvc = &sides[i]->cvc,
			.serial = buf_view(&sides[i]->serial),
		};
	}
	exchange_init(&s->exchange, &of[0], &of[1], &s->all->seen);
	exchange_go_on(s);
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
		nature_word(s->patient_side.nature));

	return session_record(s, AUDIT_EVENT_PROOF,
		outcome == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(outcome), NULL,
		details);
}

/* Record what has been proved, and go on when it is enough. */
static void settle(struct session *s, enum proof proof)
{
	enum vitaled_reason r;

	s->proof = proof;
	r = proof >= session_required(s) ? VITALED_REASON_NONE : VITALED_REASON_PROOF_TOO_WEAK;
	if (!record_proof(s, r)) {
		return;
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else {
		session_post(s, SESSION_EVENT_GO);
	}
}

static void on_active(void *user, struct link_frame *answer)
{
	struct session *s = user;
	struct tlv t;
	int r;

	if (!session_judge(s, &s->patient_side, answer)) {
		return;
	}
	if (tlv_find(answer->body, LINK_TAG_SIGNATURE, &t) != 0) {
		session_end(s, VITALED_REASON_CARD_BROKEN);
		return;
	}
	r = session_presence(s, VIEW(s->nonce), "VDACTI01", t.value);
	if (r != 0) {
		session_end(s, r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_PROOF_FAILED);
	} else {
		settle(s, PROOF_ACTIVE);
	}
}

void session_active(struct session *s)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(64);
	size_t mark;

	if (rng_fill(s->nonce, sizeof(s->nonce)) < 0) {
		session_end(s, VITALED_REASON_FAILED);
		return;
	}
	mark = tlv_open(&body, LINK_TAG_DATA);
	buf_put_view(&body, VIEW(s->nonce));
	buf_put_str(&body, "VDACTI01");
	tlv_close(&body, mark);
	session_ask_card(
		s, &s->patient_side, CARD_OP_INTERNAL_AUTHENTICATE, buf_view(&body), on_active);
}

void session_signed(
	struct session *s, enum vitaled_reason r, bool patient_proved, bool professional_proved)
{
	if (s->step != SESSION_STEP_SIGN) {
		return;
	}
	if (r != VITALED_REASON_NONE) {
		session_end(s, r);
	} else if (!patient_proved) {
		settle(s, PROOF_READ);
	} else {
		settle(s, professional_proved ? PROOF_MUTUAL : PROOF_ACTIVE);
	}
}
