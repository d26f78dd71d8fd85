/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Building the statement and the request. Nothing is decided here and nothing is kept; the caller
 * owns what comes out. Every member is written by put(), which takes the value also on failure.
 */
#include "daemon/consent/statement.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "base/rng.h"
#include "daemon/limits.h"

const char *consent_decision_word(enum consent_decision d)
{
	switch (d) {
	case CONSENT_GIVEN:
		return "given";
	case CONSENT_REFUSED:
		return "refused";
	case CONSENT_IMPOSSIBLE:
		return "impossible";
	case CONSENT_NOT_NEEDED:
		return "not-needed";
	}
	return "none";
}

const char *consent_form_word(enum consent_form f)
{
	switch (f) {
	case CONSENT_FORM_NONE:
		return "";
	case CONSENT_FORM_ORAL:
		return "oral";
	case CONSENT_FORM_SCREEN:
		return "screen";
	case CONSENT_FORM_SCREEN_SHARED:
		return "screen-shared";
	case CONSENT_FORM_RUNNING:
		return "running";
	case CONSENT_FORM_CODE:
		return "code";
	case CONSENT_FORM_ASSISTED:
		return "assisted";
	case CONSENT_FORM_REPRESENTATIVE:
		return "representative";
	}
	return "oral";
}

const char *consent_form_capability(enum consent_form f)
{
	return f == CONSENT_FORM_SCREEN || f == CONSENT_FORM_SCREEN_SHARED ? "patient-display"
									   : "professional";
}

/* -- writing members ----------------------------------------------------------------------------- */

struct object { /* an object being built; the first failure stays */
	json_t *j;
	int r;
};

static void put(struct object *o, const char *name, json_t *value)
{
	int r = json_set(o->j, name, value);

	o->r = o->r < 0 ? o->r : r;
}

static void put_text(struct object *o, const char *name, const char *text)
{
	put(o, name, text && text[0] != '\0' ? json_string(text) : json_null());
}

static void put_number(struct object *o, const char *name, uint64_t v)
{
	put(o, name, json_integer((json_int_t)v));
}

static void put_hex(struct object *o, const char *name, struct view v)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(256);

	hex_encode(&hex, v);
	put(o, name,
		buf_check(&hex) < 0 ? NULL : json_stringn((const char *)hex.data, hex.len));
}

/* Put an object made by @fill under @name. */
static struct object part(void)
{
	return (struct object){.j = json_object()};
}

static void put_part(struct object *o, const char *name, struct object *p)
{
	o->r = o->r < 0 ? o->r : p->r;
	put(o, name, p->j);
}

/* -- parts --------------------------------------------------------------------------------------- */

/* What the mode itself is called among the acts; NULL: the intents say all. */
static const char *mode_act(enum session_mode m)
{
	switch (m) {
	case SESSION_MODE_BRIS_DE_GLACE:
		return "emergency";
	case SESSION_MODE_CENTRE_15:
		return "regulation";
	case SESSION_MODE_PATIENT:
		return "patient";
	case SESSION_MODE_NORMAL:
	case SESSION_MODE_IDENTITY:
	case SESSION_MODE_ADMINISTRATION:
	case SESSION_MODE_COUNT:
		break;
	}
	return NULL;
}

int statement_acts(const struct session *s, json_t **ret)
{
	_cleanup_json_ json_t *list = json_array();
	const char *act = mode_act(session_mode(s));
	bool alone = session_mode(s) == SESSION_MODE_PATIENT; /* intents are others' */

	if (act && json_array_append_new(list, json_string(act)) < 0) {
		return fault(-ENOMEM);
	}
	for (unsigned int i = 0; !alone && i < SESSION_INTENTS; i++) {
		if ((session_intents(s) & 1U << i) &&
			json_array_append_new(list, json_string(session_intent_word(i))) < 0) {
			return fault(-ENOMEM);
		}
	}
	*ret = list;
	list = NULL;
	return *ret ? 0 : fault(-ENOMEM);
}

static void put_acts(struct object *o, const struct session *s)
{
	json_t *acts = NULL;
	int r = statement_acts(s, &acts);

	o->r = o->r < 0 ? o->r : r;
	put(o, "acts", acts);
}

enum proof statement_proof(const struct session *s)
{
	const struct session_patient *p = session_patient(s);

	if (p && p->absent) {
		return PROOF_NONE;
	}
	if (!p || p->role_certificate.len == 0) {
		return PROOF_READ;
	}
	return session_professional(s) ? PROOF_MUTUAL : PROOF_ACTIVE;
}

static void put_wording(struct object *o, const struct wording_shown *w, bool whole)
{
	struct object p = part();

	put_text(&p, "id", w->of->id);
	put_text(&p, "language", w->of->language);
	put_text(&p, "sha256", w->sha256);
	if (whole) {
		put_text(&p, "wording", (const char *)w->text.data);
	}
	put_part(o, "text", &p);
}

/* Somebody who is named, by what they are to the patient; @name NULL: who they are is not known. */
static void put_helper(
	struct object *o, const char *member, const char *name, const char *quality)
{
	struct object p = part();

	put_text(&p, "name", name);
	put_text(&p, "quality", quality);
	put_part(o, member, &p);
}

static void put_representative(struct object *o, const struct statement *st)
{
	if (st->form == CONSENT_FORM_REPRESENTATIVE) {
		put_helper(o, "representative", st->helper, st->quality);
	} else if (session_patient(st->session)->represented) {
		put_helper(o, "representative", NULL, "holder");
	} else {
		put(o, "representative", json_null());
	}
}

static void put_patient(struct object *o, const struct statement *st)
{
	const struct session *s = st->session;
	const struct session_patient *patient = session_patient(s);
	struct object p = part();

	put_text(&p, "pseudonym", patient->pseudonym);
	put_text(&p, "generation", patient->generation);
	put_text(&p, "nature", nature_word(patient->nature));
	put_text(&p, "serial", patient->serial_last4);
	put_text(&p, "proof", proof_word(statement_proof(s)));
	put(&p, "rank", patient->rank > 0 ? json_integer(patient->rank) : json_null());
	put_text(&p, "age", patient->minor ? "minor" : "adult");
	put_representative(&p, st);
	put_part(o, "patient", &p);
}

static void put_professional(struct object *o, const struct session *s, bool whole)
{
	const struct session_professional *who = session_professional(s);
	const struct trust_person *person;
	struct object p;

	if (!who) {
		put(o, "professional", json_null());
		return;
	}
	person = &who->person;
	p = part();

	put_text(&p, "id", person->national_id);
	put_text(&p, "surname", person->surname);
	put_text(&p, "given", person->given);
	put_number(&p, "profession", person->profession);
	put_text(&p, "speciality", who->speciality);
	put_text(&p, "nature", nature_word(person->nature));
	if (whole) {
		put_text(&p, "structure", who->chosen ? who->chosen->structure : NULL);
		put_text(&p, "card", person->card_number);
		put_hex(&p, "certificate", VIEW(person->sha256));
	}
	put_part(o, "professional", &p);
}

static void put_application(struct object *o, const struct session *s)
{
	struct object p = part();

	put_text(&p, "name", session_application_name(s));
	put_text(&p, "version", session_application_version(s));
	put_number(&p, "uid", session_uid(s));
	put_part(o, "application", &p);
}

static void put_agent(struct object *o, const struct statement *st)
{
	struct object p;

	if (!st->agent_name) {
		put(o, "agent", json_null());
		return;
	}
	p = part();
	put_number(&p, "uid", st->agent_uid);
	put_text(&p, "name", st->agent_name);
	put_text(&p, "capability", consent_form_capability(st->way));
	put_part(o, "agent", &p);
}

static void put_previous(struct object *o, const struct statement *st)
{
	struct object p = part();

	put_number(&p, "size", st->previous_size);
	put_hex(&p, "root", VIEW(st->previous_root));
	put_part(o, "previous", &p);
}

/* -- the whole ----------------------------------------------------------------------------------- */

static void put_answer(struct object *o, const struct statement *st)
{
	const struct session *s = st->session;

	put_acts(o, s);
	put_text(o, "decision", consent_decision_word(st->decision));
	put_text(o, "form", consent_form_word(st->form));
	if (st->shown) {
		put_wording(o, st->shown, false);
	} else {
		put(o, "text", json_null());
	}
	put(o, "explained",
		json_boolean(st->shown != NULL)); /* it was there to be read or told */
	if (st->form == CONSENT_FORM_ASSISTED) {
		put_helper(o, "assisted-by", st->helper, st->quality);
	} else {
		put(o, "assisted-by", json_null());
	}
	put_text(o, "mode", session_mode_word(session_mode(s)));
	if (st->reason) {
		put_hex(o, "reason", view_of(st->reason, 32));
	} else {
		put(o, "reason", json_null());
	}
}

static void put_time(struct object *o, const struct statement *st)
{
	uint64_t life = session_lifetime(st->session);

	put_number(o, "time", st->time);
	put_text(o, "clock", clock_synchronised() ? "synchronised" : "not-synchronised");
	put_number(o, "expires", st->time + life);
}

int statement_build(const struct statement *st, struct buf *out)
{
	_cleanup_json_ json_t *whole = json_object();
	struct object o = {.j = whole};
	char id[37];
	int r;

	r = rng_uuid7(id);
	if (r < 0) {
		return trace(r);
	}
	put_number(&o, "format", 1);
	put_text(&o, "id", id);
	put_hex(&o, "nonce", view_of(session_nonce(st->session), 16));
	put_answer(&o, st);
	put_time(&o, st);
	put_patient(&o, st);
	put_professional(&o, st->session, true);
	put_application(&o, st->session);
	put_agent(&o, st);
	put_text(&o, "workstation", st->config->workstation);
	put_previous(&o, st);
	if (o.r < 0) {
		return trace(o.r);
	}
	r = json_canonical(whole, out);
	return r > 0 ? fault(-EINVAL) : trace(r);
}

int statement_request(const struct session *s, const struct wording_shown *shown, json_t **ret)
{
	const struct session_professional *who = session_professional(s);
	_cleanup_json_ json_t *whole = json_object();
	struct object o = {.j = whole};
	json_t *person = NULL;

	o.r = session_chosen(s, &person);
	put_acts(&o, s);
	if (shown) {
		put_wording(&o, shown, true);
	} else {
		put_text(&o, "reason", session_grounds(s));
	}
	put(&o, "patient", person);
	put(&o, "minor", json_boolean(session_patient(s) && session_patient(s)->minor));
	put_professional(&o, s, false);
	put_text(&o, "structure", who && who->chosen ? who->chosen->name : NULL);
	put_text(&o, "application", session_application(s));
	if (o.r < 0) {
		return trace(o.r);
	}
	*ret = whole;
	whole = NULL;
	return 0;
}
