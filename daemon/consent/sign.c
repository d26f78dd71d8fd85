/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What was given is stated, signed by the cards that are in, both at once, verified here and recorded;
 * only then is the session told. Where no professional takes part the patient's card signs alone.
 */
#include <errno.h>

#include "base/clock.h"
#include "base/link-ops.h"
#include "base/tlv.h"
#include "daemon/consent/cms.h"
#include "daemon/consent/inside.h"

static enum consent_decision decision_of(const struct consent *c)
{
	return consent_is_emergency(c) ? CONSENT_NOT_NEEDED : CONSENT_GIVEN;
}

static void finish(struct consent *c)
{
	bool patient = c->presence.len > 0;
	enum vitaled_reason r = c->failed;

	if (r == VITALED_REASON_NONE &&
		!consent_record(c, consent_decision_word(decision_of(c)), NULL, r)) {
		r = VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	if (r == VITALED_REASON_NONE) {
		c->phase = PHASE_SIGNED;
		buf_done(&c->attributes);
	} else {
		c->phase = PHASE_OVER;
	}
	session_signed(c->session, r, r == VITALED_REASON_NONE && patient,
		r == VITALED_REASON_NONE && !c->alone);
}

/* One of the two has answered; the first failure counts, the last answer finishes. */
static void one_done(struct consent *c, enum vitaled_reason r)
{
	c->waiting--;
	if (c->failed == VITALED_REASON_NONE) {
		c->failed = r;
	}
	if (c->waiting == 0 || r != VITALED_REASON_NONE) {
		session_forget_requests(c->session, c);
		finish(c);
	}
}

static enum vitaled_reason take_professional(struct consent *c, const struct link_frame *answer)
{
	const struct session_professional *who = session_professional(c->session);
	enum vitaled_reason reason = session_answer_reason(c->session, true, answer);
	struct tlv t;
	int r;

	if (reason != VITALED_REASON_NONE) {
		return reason;
	}
	if (tlv_find(answer->body, LINK_TAG_SIGNATURE, &t) != 0) {
		return VITALED_REASON_CARD_BROKEN;
	}
	r = trust_rsa(who->certificate, buf_view(&c->attributes), t.value);
	if (r == 0) {
		r = cms_assemble(who->certificate, buf_view(&c->attributes), t.value, &c->cms);
	}
	if (r != 0) {
		return r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_PROOF_FAILED;
	}
	return VITALED_REASON_NONE;
}

static enum vitaled_reason take_patient(struct consent *c, const struct link_frame *answer)
{
	enum vitaled_reason reason = session_answer_reason(c->session, false, answer);
	struct tlv t;
	int r;

	if (reason != VITALED_REASON_NONE) {
		return reason;
	}
	if (tlv_find(answer->body, LINK_TAG_SIGNATURE, &t) != 0) {
		return VITALED_REASON_CARD_BROKEN;
	}
	r = session_presence(c->session, VIEW(c->hash), "VDCONS01", t.value);
	if (r == 0) {
		buf_put_view(&c->presence, t.value);
		r = buf_check(&c->presence);
	}
	if (r != 0) {
		return r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_PROOF_FAILED;
	}
	return VITALED_REASON_NONE;
}

static void on_professional(void *user, struct link_frame *answer)
{
	struct consent *c = user;

	one_done(c, take_professional(c, answer));
}

static void on_patient(void *user, struct link_frame *answer)
{
	struct consent *c = user;

	one_done(c, take_patient(c, answer));
}

/* The statement, its hash, and what the professional's card, if there is one, signs of it. */
static int state(struct consent *c)
{
	const struct session_professional *who = session_professional(c->session);
	const struct session_patient *patient = session_patient(c->session);
	struct statement st = {
		.session = c->session,
		.config = c->all->config,
		.shown = c->shown.of ? &c->shown : NULL,
		.reason = consent_is_emergency(c) ? c->reason : NULL,
		.decision = decision_of(c),
		.form = c->form,
		.way = c->way,
		.agent_uid = c->agent_uid,
		.agent_name = c->asked ? (const char *)c->agent_name.data : NULL,
		.helper = (const char *)c->helper.data,
		.quality = (const char *)c->quality.data,
		.time = clock_wall(),
	};
	struct view bytes;
	int r;

	audit_head(c->all->audit, &st.previous_size, st.previous_root);
	r = statement_build(&st, &c->statement);
	if (r < 0) {
		return trace(r);
	}
	bytes = buf_view(&c->statement);
	r = crypto_sha256(&bytes, 1, c->hash);
	c->alone = !who;
	if (r == 0 && who) {
		r = cms_attributes(who->certificate, bytes, st.time, &c->attributes);
	}
	c->absent = patient->absent;
	bytes_copy(c->pseudonym, sizeof(c->pseudonym), patient->pseudonym,
		sizeof(patient->pseudonym));
	buf_put_view(&c->certificate, patient->role_certificate);
	return r < 0 ? trace(r) : trace(buf_check(&c->certificate));
}

static int ask_professional_card(struct consent *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(ATTRIBUTES_MAX + 16);
	int r;

	tlv_put(&body, LINK_TAG_DATA, buf_view(&c->attributes));
	r = buf_check(&body);
	if (r < 0) {
		return trace(r);
	}
	c->waiting++;
	return trace(session_professional_request(
		c->session, CARD_OP_SIGN, buf_view(&body), on_professional, c));
}

static int ask_patient_card(struct consent *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(128);
	size_t mark = tlv_open(&body, LINK_TAG_DATA);
	int r;

	buf_put_view(&body, VIEW(c->hash));
	buf_put_str(&body, "VDCONS01");
	tlv_close(&body, mark);
	r = buf_check(&body);
	if (r < 0) {
		return trace(r);
	}
	c->waiting++;
	return trace(session_patient_request(
		c->session, CARD_OP_INTERNAL_AUTHENTICATE, buf_view(&body), on_patient, c));
}

/* Both cards at once: they hang on two links. Nothing is signed by nobody. */
static int ask_cards(struct consent *c)
{
	int r = c->alone && c->certificate.len == 0 ? fault(-EINVAL) : 0;

	if (r == 0 && !c->alone) {
		r = ask_professional_card(c);
	}
	if (r == 0 && c->certificate.len > 0) {
		r = ask_patient_card(c);
	}
	return trace(r);
}

void consent_sign(struct consents *cs, struct session *s)
{
	struct consent *c = session_consent(s);
	int r;

	(void)cs;
	if (!c || c->phase != PHASE_ANSWERED) {
		session_signed(s, VITALED_REASON_FAILED, false, false);
		return;
	}
	c->phase = PHASE_SIGNING;
	r = state(c);
	if (r == 0) {
		r = ask_cards(c);
	}
	if (r != 0) {
		session_forget_requests(s, c);
		c->phase = PHASE_OVER;
		session_signed(s, r < 0 ? VITALED_REASON_FAILED : VITALED_REASON_CHILD_FAILED,
			false, false);
	}
}
