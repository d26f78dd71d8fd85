/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The way of a consent: asked, answered and recorded; sign.c goes on with what was given. No answer is
 * never consent. One struct consent hangs on each session that came so far; it is owned here, wiped
 * down to what the receipt needs when the session ends, and freed when its object goes.
 */
#include "daemon/consent/consent.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hex.h"
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
		.helper = BUF_NULL(HELPER_MAX),
		.quality = BUF_NULL(HELPER_MAX),
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
	buf_done(&c->helper);
	buf_done(&c->quality);
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

unsigned int consent_told(const struct session *s)
{
	const struct consent *c = session_consent(s);

	return c && c->shown.of ? c->shown.of->tells & session_intents(s) : 0;
}

/* -- the record ---------------------------------------------------------------------------------- */

/* Who answered, as in the statement; NULL when memory is out. */
static json_t *agent_of(const struct consent *c)
{
	return json_pack("{s:I, s:s, s:s}", "uid", (json_int_t)c->agent_uid, "name",
		(const char *)c->agent_name.data, "capability",
		consent_form_capability(c->way));
}

bool consent_is_emergency(const struct consent *c)
{
	return session_mode_emergency(session_mode(c->session));
}

static json_t *hex_json(const uint8_t hash[CRYPTO_SHA256])
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(128);

	hex_encode(&hex, view_of(hash, CRYPTO_SHA256));
	return buf_check(&hex) < 0 ? NULL : json_stringn((const char *)hex.data, hex.len);
}

/* Of which acts the patient was told that they also open without their card. */
static int put_told(json_t *details, unsigned int intents)
{
	_cleanup_json_ json_t *acts = json_array();

	for (unsigned int i = 0; i < SESSION_INTENTS; i++) {
		if ((intents & 1U << i) &&
			json_array_append_new(acts, json_string(session_intent_word(i))) < 0) {
			return fault(-ENOMEM);
		}
	}
	return trace(json_set(details, "without-card", json_incref(acts)));
}

/* Who answered and how. */
static int put_answer(json_t *details, const struct consent *c)
{
	int r = 0;

	if (c->form != CONSENT_FORM_NONE) {
		r = json_set(details, "form", json_string(consent_form_word(c->form)));
	}
	if (r == 0 && c->quality.len > 0) { /* a name is in the statement alone */
		r = json_set(details, "helper", json_string((const char *)c->quality.data));
	}
	if (r == 0 && consent_told(c->session) != 0) {
		r = put_told(details, consent_told(c->session));
	}
	if (r == 0 && c->asked && buf_check(&c->agent_name) == 0) {
		r = json_set(details, "agent", agent_of(c));
	}
	return trace(r);
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
	if (r == 0) {
		r = put_answer(details, c);
	}
	if (r == 0 && c->statement.len > 0) {
		r = json_set(details, "statement-sha256", hex_json(c->hash));
	}
	if (r == 0 && consent_is_emergency(c)) {
		r = json_set(details, "reason-sha256", hex_json(c->reason));
	}
	if (r < 0) {
		json_decref(details);
		return NULL;
	}
	return details;
}

bool consent_record(
	struct consent *c, const char *decision, const char *why, enum vitaled_reason outcome)
{
	_cleanup_json_ json_t *details = details_of(c, decision, why);
	struct audit_entry entry = session_audit(c->session,
		consent_is_emergency(c) ? AUDIT_EVENT_EMERGENCY : AUDIT_EVENT_CONSENT);

	entry.outcome = outcome == VITALED_REASON_NONE ? "ok" : vitaled_reason_word(outcome);
	entry.details = details;
	return details && audit_append(c->all->audit, &entry, &c->index) == 0;
}

/* -- asking -------------------------------------------------------------------------------------- */

/* Asked anew: what was answered, stated and signed before was under a certificate that is not this
 * card's any more (session-professional.c). */
static void ask_anew(struct consent *c)
{
	struct buf *all[] = {&c->agent_name, &c->helper, &c->quality, &c->statement,
		&c->attributes, &c->cms, &c->certificate, &c->presence};

	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		buf_reset(all[i]);
	}
	wording_shown_done(&c->shown);
	c->form = CONSENT_FORM_NONE;
	c->way = CONSENT_FORM_NONE;
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

/* Nobody is asked: @form says why that is enough. */
static void unasked(struct consent *c, enum consent_form form)
{
	c->form = form;
	c->phase = PHASE_ANSWERED;
	session_consented(c->session, VITALED_REASON_NONE);
}

void consent_running(struct consents *cs, struct session *s)
{
	struct consent *c = begin(cs, s);

	if (c) {
		unasked(c, CONSENT_FORM_RUNNING);
	}
}

void consent_ask(struct consents *cs, struct session *s)
{
	struct consent *c = begin(cs, s);

	if (!c) {
		return;
	}
	if (consent_is_emergency(c)) {
		ask_professional(c);
	} else if (session_mode(s) == SESSION_MODE_PATIENT) {
		unasked(c, CONSENT_FORM_CODE);
	} else {
		ask_patient(c);
	}
}

/* Not given: recorded as what it was; refusing is no error and nothing is signed. */
static void not_given(
	struct consent *c, const char *decision, const char *why, enum vitaled_reason r)
{
	c->phase = PHASE_OVER;
	session_consented(c->session,
		consent_record(c, decision, why, r) ? r : VITALED_REASON_AUDIT_UNAVAILABLE);
}

static void take_agent(struct consent *c, uid_t uid, const char *name)
{
	c->asked = true;
	c->agent_uid = uid;
	buf_put_str(&c->agent_name, name ? name : "");
	buf_put_u8(&c->agent_name, 0);
}

/* How it was asked, who helped, and by which agent. Return: 0 or a fault. */
static int take_answer(struct consent *c, const struct consent_answer *a)
{
	int r;

	c->way = a->form;
	c->form = a->helped != CONSENT_FORM_NONE ? a->helped : a->form;
	take_agent(c, a->agent_uid, a->agent_name);
	if (a->helped != CONSENT_FORM_NONE) {
		buf_put_str(&c->helper, a->helper);
		buf_put_u8(&c->helper, 0);
		buf_put_str(&c->quality, a->quality);
		buf_put_u8(&c->quality, 0);
	}
	r = buf_check(&c->agent_name);
	r = r < 0 ? r : buf_check(&c->helper);
	return r < 0 ? trace(r) : trace(buf_check(&c->quality));
}

static bool has_representative(const struct session *s)
{
	const struct session_patient *p = session_patient(s);

	return p && p->minor;
}

void consent_confirmed(
	struct consents *cs, struct session *s, bool yes, uid_t uid, const char *name)
{
	struct consent *c = session_consent(s);

	(void)cs;
	if (!c || c->phase != PHASE_ASKING || !consent_is_emergency(c)) {
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
	int r;

	(void)cs;
	if (!c || c->phase != PHASE_ASKING || (answer && consent_is_emergency(c))) {
		return;
	}
	if (answer && answer->helped == CONSENT_FORM_REPRESENTATIVE && !has_representative(s)) {
		answer = NULL;
		why = VITALED_REASON_INVALID_ARGUMENT;
	}
	if (!answer) {
		why = why == VITALED_REASON_NONE ? VITALED_REASON_CANCELLED : why;
		not_given(c, "none", vitaled_reason_word(why), why);
		return;
	}
	r = take_answer(c, answer);
	if (answer->decision != CONSENT_GIVEN) {
		not_given(c, consent_decision_word(answer->decision), answer->reason,
			VITALED_REASON_CONSENT_REFUSED);
	} else if (r < 0) {
		not_given(c, "none", "failed", VITALED_REASON_FAILED);
	} else {
		c->phase = PHASE_ANSWERED;
		session_consented(s, VITALED_REASON_NONE);
	}
}
