/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The way of a consent: asked, answered, stated, signed by both cards at once, verified here,
 * recorded, and only then told to the session. No answer is never consent. One struct consent
 * hangs on each session that came so far; it is owned here, wiped down to what the receipt needs
 * when the session ends, and freed when its object goes.
 */
#include "daemon/consent/consent.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/link-ops.h"
#include "base/tlv.h"
#include "daemon/consent/cms.h"
#include "daemon/consent/inside.h"

/* -- life ---------------------------------------------------------------------------------------- */

int consents_new(const struct config *config, const char *folder, const struct trust *trust,
	struct audit *audit, const struct consent_ops *ops, void *user, struct consents **ret)
{
	struct consents *cs = calloc(1, sizeof(*cs));
	int r;

	if (!cs) {
		return fault(-ENOMEM);
	}
	*cs = (struct consents){
		.config = config, .trust = trust, .audit = audit, .ops = *ops, .user = user};
	r = wordings_load(folder, &cs->wordings);
	if (r < 0) {
		free(cs);
		return trace(r);
	}
	*ret = cs;
	return 0;
}

struct consents *consents_free(struct consents *cs)
{
	if (cs) {
		wordings_done(&cs->wordings);
		free(cs);
	}
	return NULL;
}

bool consent_covers(const struct consents *cs, unsigned int intents)
{
	return wordings_pick(&cs->wordings, cs->config->consent_language, intents) != NULL;
}

static struct consent *consent_new(struct consents *cs, struct session *s)
{
	struct consent *c = calloc(1, sizeof(*c));

	if (!c) {
		return NULL;
	}
	*c = (struct consent){
		.all = cs,
		.session = s,
		.shown = WORDING_SHOWN_NULL,
		.agent_name = BUF_NULL(256),
		.statement = BUF_NULL(STATEMENT_MAX),
		.attributes = BUF_NULL(ATTRIBUTES_MAX),
		.cms = BUF_NULL(CMS_MAX),
		.certificate = BUF_NULL(CVC_MAX),
		.presence = BUF_NULL(CVC_SIGNATURE),
	};
	session_set_consent(s, c);
	return c;
}

void consent_removed(struct consents *cs, struct session *s)
{
	struct consent *c = session_consent(s);

	(void)cs;
	if (!c) {
		return;
	}
	session_set_consent(s, NULL);
	wording_shown_done(&c->shown);
	buf_done(&c->agent_name);
	buf_done(&c->statement);
	buf_done(&c->attributes);
	buf_done(&c->cms);
	buf_done(&c->certificate);
	buf_done(&c->presence);
	free(c);
}

void consent_forget(struct consents *cs, struct session *s)
{
	struct consent *c = session_consent(s);

	(void)cs;
	if (!c) {
		return;
	}
	session_forget_requests(s, c);
	buf_done(&c->attributes);
	if (c->phase != PHASE_SIGNED) {
		c->phase = PHASE_OVER;
		buf_done(&c->statement);
		buf_done(&c->cms);
		buf_done(&c->certificate);
		buf_done(&c->presence);
	}
}

bool consent_given(const struct session *s)
{
	const struct consent *c = session_consent(s);

	return c && c->phase == PHASE_SIGNED;
}

bool consent_is_running(const struct session *s)
{
	const struct consent *c = session_consent(s);

	return c && c->form == CONSENT_FORM_RUNNING;
}

/* -- the record ---------------------------------------------------------------------------------- */

/* Who answered, as in the statement; NULL when memory is out. */
static json_t *agent_of(const struct consent *c)
{
	return json_pack("{s:I, s:s, s:s}", "uid", (json_int_t)c->agent_uid, "name",
		(const char *)c->agent_name.data, "capability",
		consent_form_capability(c->form));
}

static bool is_emergency(const struct consent *c)
{
	return session_mode_emergency(session_mode(c->session));
}

static json_t *hex_json(const uint8_t hash[CRYPTO_SHA256])
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(128);

	hex_encode(&hex, view_of(hash, CRYPTO_SHA256));
	return buf_check(&hex) < 0 ? NULL : json_stringn((const char *)hex.data, hex.len);
}

static json_t *details_of(const struct consent *c, const char *decision, const char *why)
{
	json_t *details = json_pack("{s:s}", "decision", decision);
	json_t *acts = NULL;
	int r = statement_acts(c->session, &acts);

	r = r < 0 ? r : json_set(details, "acts", acts);
	if (r == 0 && why) {
		r = json_set(details, "why", json_string(why));
	}
	if (r == 0 && c->form != CONSENT_FORM_NONE) {
		r = json_set(details, "form", json_string(consent_form_word(c->form)));
	}
	if (r == 0 && c->asked && buf_check(&c->agent_name) == 0) {
		r = json_set(details, "agent", agent_of(c));
	}
	if (r == 0 && c->statement.len > 0) {
		r = json_set(details, "statement-sha256", hex_json(c->hash));
	}
	if (r == 0 && is_emergency(c)) {
		r = json_set(details, "reason-sha256", hex_json(c->reason));
	}
	if (r < 0) {
		json_decref(details);
		return NULL;
	}
	return details;
}

/* Return: whether the entry is durable. */
static bool record(
	struct consent *c, const char *decision, const char *why, enum vitaled_reason outcome)
{
	_cleanup_json_ json_t *details = details_of(c, decision, why);
	struct audit_entry entry = session_audit(
		c->session, is_emergency(c) ? AUDIT_EVENT_EMERGENCY : AUDIT_EVENT_CONSENT);

	entry.outcome = outcome == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(outcome);
	entry.details = details;
	return details && audit_append(c->all->audit, &entry, &c->index) == 0;
}

/* -- asking -------------------------------------------------------------------------------------- */

/* Asked anew: what was answered, stated and signed before was under a certificate that is not this
 * card's any more (session-professional.c). */
static void ask_anew(struct consent *c)
{
	struct buf *all[] = {&c->agent_name, &c->statement, &c->attributes, &c->cms,
		&c->certificate, &c->presence};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		buf_reset(all[i]);
	}
	wording_shown_done(&c->shown);
	c->form = CONSENT_FORM_NONE;
	c->asked = false;
	c->waiting = 0;
	c->failed = VITALED_REASON_NONE;
}

/* Nobody asks the patient. Where the glass is broken the professional says once more that they mean
 * it; the regulation of calls has its list of structures instead. */
static void ask_professional(struct consent *c)
{
	_cleanup_json_ json_t *request = NULL;
	struct session *s = c->session;
	struct view grounds = view_str(session_grounds(s));

	if (crypto_sha256(&grounds, 1, c->reason) < 0 ||
		statement_request(s, NULL, &request) < 0) {
		session_consented(s, VITALED_REASON_FAILED);
	} else if (session_mode(s) == SESSION_MODE_BRIS_DE_GLACE) {
		c->all->ops.confirm(c->all->user, s, request);
	} else {
		c->phase = PHASE_ANSWERED;
		session_consented(s, VITALED_REASON_NONE);
	}
}

/* What this patient reads: of all that this session was opened for, and of nothing else. */
static int show(struct consent *c)
{
	const struct wording *w = wordings_pick(&c->all->wordings,
		c->all->config->consent_language, session_intents(c->session));
	_cleanup_json_ json_t *acts = NULL;
	int r;

	if (!w) {
		return fault(-ENOENT); /* the bus opens no such session */
	}
	r = statement_acts(c->session, &acts);
	return r < 0 ? trace(r) : trace(wording_show(w, acts, &c->shown));
}

static void ask_patient(struct consent *c)
{
	_cleanup_json_ json_t *request = NULL;
	struct session *s = c->session;
	int r = show(c);

	if (r == 0) {
		r = statement_request(s, &c->shown, &request);
	}
	buf_done(&c->shown.text); /* the statement needs its hash alone */
	if (r < 0) {
		session_consented(s, VITALED_REASON_FAILED);
		return;
	}
	c->all->ops.ask(c->all->user, s, request);
}

/* From the beginning. NULL: there is no memory, and the session was told. */
static struct consent *begin(struct consents *cs, struct session *s)
{
	struct consent *c = session_consent(s);

	if (!c) {
		c = consent_new(cs, s);
	}
	if (!c) {
		session_consented(s, VITALED_REASON_FAILED);
		return NULL;
	}
	ask_anew(c);
	c->phase = PHASE_ASKING;
	return c;
}

void consent_running(struct consents *cs, struct session *s)
{
	struct consent *c = begin(cs, s);

	if (c) {
		c->form = CONSENT_FORM_RUNNING;
		c->phase = PHASE_ANSWERED;
		session_consented(s, VITALED_REASON_NONE);
	}
}

void consent_ask(struct consents *cs, struct session *s)
{
	struct consent *c = begin(cs, s);

	if (!c) {
		return;
	}
	if (is_emergency(c)) {
		ask_professional(c);
	} else {
		ask_patient(c);
	}
}

/* Not given: recorded as what it was; refusing is no error and nothing is signed. */
static void not_given(
	struct consent *c, const char *decision, const char *why, enum vitaled_reason r)
{
	c->phase = PHASE_OVER;
	session_consented(
		c->session, record(c, decision, why, r) ? r : VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void take_agent(struct consent *c, uid_t uid, const char *name)
{
	c->asked = true;
	c->agent_uid = uid;
	buf_put_str(&c->agent_name, name ? name : "");
	buf_put_u8(&c->agent_name, 0);
}

void consent_confirmed(
	struct consents *cs, struct session *s, bool yes, uid_t uid, const char *name)
{
	struct consent *c = session_consent(s);

	(void)cs;
	if (!c || c->phase != PHASE_ASKING || !is_emergency(c)) {
		return;
	}
	take_agent(c, uid, name);
	if (buf_check(&c->agent_name) < 0) {
		not_given(c, "none", "failed", VITALED_REASON_FAILED);
	} else if (!yes) {
		not_given(c, "none", "cancelled", VITALED_REASON_CANCELLED);
	} else {
		c->phase = PHASE_ANSWERED;
		session_consented(s, VITALED_REASON_NONE);
	}
}

void consent_answered(struct consents *cs, struct session *s,
	const struct consent_answer *answer, enum vitaled_reason why)
{
	struct consent *c = session_consent(s);

	(void)cs;
	if (!c || c->phase != PHASE_ASKING || (answer && is_emergency(c))) {
		return;
	}
	if (!answer) {
		why = why == VITALED_REASON_NONE ? VITALED_REASON_CANCELLED : why;
		not_given(c, "none", vitaled_reason_word(why), why);
		return;
	}
	c->form = answer->form;
	take_agent(c, answer->agent_uid, answer->agent_name);
	if (answer->decision != CONSENT_GIVEN) {
		not_given(c, consent_decision_word(answer->decision), answer->reason,
			VITALED_REASON_CONSENT_REFUSED);
	} else if (buf_check(&c->agent_name) < 0) {
		not_given(c, "none", "failed", VITALED_REASON_FAILED);
	} else {
		c->phase = PHASE_ANSWERED;
		session_consented(s, VITALED_REASON_NONE);
	}
}

/* -- signing ------------------------------------------------------------------------------------- */

static enum consent_decision decision_of(const struct consent *c)
{
	return is_emergency(c) ? CONSENT_NOT_NEEDED : CONSENT_GIVEN;
}

static void finish(struct consent *c)
{
	bool patient = c->presence.len > 0;
	enum vitaled_reason r = c->failed;

	if (r == VITALED_REASON_NONE &&
		!record(c, consent_decision_word(decision_of(c)), NULL, r)) {
		r = VITALED_REASON_AUDIT_UNAVAILABLE;
	}
	if (r == VITALED_REASON_NONE) {
		c->phase = PHASE_SIGNED;
		buf_done(&c->attributes);
	} else {
		c->phase = PHASE_OVER;
	}
	session_signed(
		c->session, r, r == VITALED_REASON_NONE && patient, r == VITALED_REASON_NONE);
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

/* The statement, its hash, and what the professional's card signs of it. */
static int state(struct consent *c)
{
	const struct session_professional *who = session_professional(c->session);
	const struct session_patient *patient = session_patient(c->session);
	struct statement st = {
		.session = c->session,
		.config = c->all->config,
		.shown = c->shown.of ? &c->shown : NULL,
		.reason = is_emergency(c) ? c->reason : NULL,
		.decision = decision_of(c),
		.form = c->form,
		.agent_uid = c->agent_uid,
		.agent_name = c->asked ? (const char *)c->agent_name.data : NULL,
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
	if (r == 0) {
		r = cms_attributes(who->certificate, bytes, st.time, &c->attributes);
	}
	c->absent = patient->absent;
	buf_put_view(&c->certificate, patient->role_certificate);
	return r < 0 ? trace(r) : trace(buf_check(&c->certificate));
}

/* Both cards at once: they hang on two links. */
static int ask_cards(struct consent *c)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(ATTRIBUTES_MAX + 16);
	size_t mark;
	int r;

	tlv_put(&body, LINK_TAG_DATA, buf_view(&c->attributes));
	r = buf_check(&body);
	if (r == 0) {
		r = session_professional_request(
			c->session, CARD_OP_SIGN, buf_view(&body), on_professional, c);
	}
	if (r != 0) {
		return trace(r);
	}
	c->waiting = 1;
	if (c->certificate.len == 0) {
		return 0;
	}
	buf_reset(&body);
	mark = tlv_open(&body, LINK_TAG_DATA);
	buf_put_view(&body, VIEW(c->hash));
	buf_put_str(&body, "VDCONS01");
	tlv_close(&body, mark);
	r = buf_check(&body);
	if (r == 0) {
		r = session_patient_request(c->session, CARD_OP_INTERNAL_AUTHENTICATE,
			buf_view(&body), on_patient, c);
	}
	c->waiting = 2;
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
