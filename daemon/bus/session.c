/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * org.vitaled1.Session, for the connection that opened it and for nobody else, and what the
 * session's room reports. Facts about a patient leave in sealed memfds only.
 */
#include <errno.h>
#include <string.h>

#include "daemon/bus/ask.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/interfaces.h"
#include "daemon/limits.h"

struct session *call_session(const struct call *call)
{
	return call->object->what;
}

static const struct session *session_of(const struct object *o)
{
	return o->what;
}

/* -- properties -- */

static void get_state(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, session_state_word(session_state(session_of(o))));
}

static void get_reason(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, vitaled_reason_word(session_reason(session_of(o))));
}

static void get_mode(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, session_mode_word(session_mode(session_of(o))));
}

static void get_intent(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	unsigned int intents = session_intents(session_of(o));
	struct wire list;

	wire_open(w, DBUS_TYPE_ARRAY, "s", &list);
	for (unsigned int i = 0; i < SESSION_INTENTS; i++)
		if (intents & 1U << i)
			wire_str(&list, session_intent_word(i));
	wire_close(w, &list);
}

static void get_proof(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, proof_word(session_proof(session_of(o))));
}

static void get_expires(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_u64(w, session_expires(session_of(o)));
}

static void get_tries(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_u8(w, session_pin_tries(session_of(o)));
}

static void put_pair(struct wire *w, uint32_t one, uint32_t two)
{
	struct wire pair;

	wire_open(w, DBUS_TYPE_STRUCT, NULL, &pair);
	wire_u32(&pair, one);
	wire_u32(&pair, two);
	wire_close(w, &pair);
}

static void get_progress(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	uint32_t done = 0, expected = 0;

	session_progress(session_of(o), &done, &expected);
	put_pair(w, done, expected);
}

static void get_queue(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	uint32_t position = 0, seconds = 0;

	session_queue(session_of(o), &position, &seconds);
	put_pair(w, position, seconds);
}

/* -- methods -- */

static void reply_json(
	struct call *call, const struct session *s, int r, const json_t *j, const char *name)
{
	if (r < 0)
		call_fault(call, r);
	else if (!j)
		call_fail(
			call, VITALED_REASON_WRONG_STATE, session_state_word(session_state(s)));
	else
		memfd_reply(call, j, name);
}

static void on_beneficiaries(struct call *call)
{
	_cleanup_json_ json_t *j = NULL;
	int r = session_beneficiaries(call_session(call), &j);

	reply_json(call, call_session(call), r, j, "vitaled-beneficiaries");
}

static void reply_patient(struct call *call, struct session *s)
{
	_cleanup_json_ json_t *j = NULL;
	int r = session_patient_json(s, &j);

	reply_json(call, s, r, j, "vitaled-patient");
}

static void coverage_forget(struct call *call)
{
	struct session *s = sessions_by_id(call->b->rooms.sessions, call->session);

	if (s)
		session_coverage_forget(s, call);
}

static void on_coverage(void *user, struct session *s, enum vitaled_reason r)
{
	struct call *call = user;

	if (r == VITALED_REASON_NONE)
		reply_patient(call, s);
	else if (r == VITALED_REASON_LIMITS_EXCEEDED)
		call_fail(call, r, "calls");
	else
		call_fail(
			call, VITALED_REASON_WRONG_STATE, session_state_word(session_state(s)));
}

/* The rights of a patient are on their card, and what they tell is medical: it is read for who asks,
 * and only where a professional's role can open it. */
static void on_patient(struct call *call)
{
	struct session *s = call_session(call);

	if (session_state(s) != SESSION_STATE_UNLOCKED ||
		session_mode(s) != SESSION_MODE_NORMAL) {
		reply_patient(call, s);
		return;
	}
	call->session = session_id(s);
	call->forget = coverage_forget;
	session_coverage_start(s, on_coverage, call);
}

static void on_choose(struct call *call)
{
	uint32_t id = session_id(call_session(call));
	DBusMessageIter it;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	r = session_choose(call_session(call), SESSION_CHOICE_BENEFICIARY, wire_get_u32(&it));
	if (r == 0)
		ask_stop(call->b, OBJECT_SESSION, id, ASK_BENEFICIARY, "answered");
	if (r < 0)
		call_fault(call, r);
	else if (r > 0)
		call_fail(call, errors_of_choose(r), "beneficiary");
	else
		call_done(call);
}

static bool after_pin(enum session_state st)
{
	switch (st) {
	case SESSION_STATE_AUTHENTICATING:
	case SESSION_STATE_WAITING_FOR_CHOICE:
	case SESSION_STATE_WAITING_FOR_CONSENT:
	case SESSION_STATE_UNLOCKED:
		return true;
	case SESSION_STATE_QUEUED:
	case SESSION_STATE_WAITING_FOR_CARDS:
	case SESSION_STATE_READING:
	case SESSION_STATE_WAITING_FOR_PIN:
	case SESSION_STATE_SUSPENDED:
	case SESSION_STATE_REFUSED:
	case SESSION_STATE_LOCKED:
	case SESSION_STATE_FAILED:
		break;
	}
	return false;
}

static void on_professional(struct call *call)
{
	const struct session *s = call_session(call);
	const struct session_professional *p = session_professional(s);
	struct wire w, dict;

	if (!p || !after_pin(session_state(s))) {
		reply_json(call, s, 0, NULL, NULL);
		return;
	}
	wire_reply(&w, call->m);
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &dict);
	wire_sv_str(&dict, "national-id", p->person.national_id);
	wire_sv_str(&dict, "surname", p->person.surname);
	wire_sv_str(&dict, "given", p->person.given);
	wire_sv_str(&dict, "organisation", p->person.organisation);
	wire_sv_str(&dict, "card-number", p->person.card_number);
	wire_sv_str(&dict, "nature", nature_word(p->person.nature));
	wire_sv_u8(&dict, "card-type", p->person.card_type);
	wire_sv_u8(&dict, "category", p->person.category);
	wire_sv_u8(&dict, "profession", p->person.profession);
	wire_sv_str(&dict, "speciality", p->speciality);
	wire_sv_str(&dict, "revocation", trust_revocation_word(p->revocation));
	if (p->chosen) {
		wire_sv_str(&dict, "structure", p->chosen->structure);
		wire_sv_str(&dict, "structure-name", p->chosen->name);
		wire_sv_str(&dict, "sector", p->chosen->sector);
	}
	wire_close(&w, &dict);
	call_reply(call, &w);
}

/* Both are canonical text already: handed on byte for byte. */
static void on_receipt(struct call *call)
{
	static const struct {
		const char *format;
		int (*make)(struct consents *cs, struct session *s, struct buf *ret);
	} formats[] = {{"json", consent_receipt}, {"text", consent_receipt_page}};
	_cleanup_(buf_done) struct buf text = BUF_NULL(LIMIT_JSON_FD);
	DBusMessageIter it;
	size_t i = 0;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	while (i < ARRAY_LEN(formats) && strcmp(wire_get_str(&it), formats[i].format) != 0)
		i++;
	if (i == ARRAY_LEN(formats)) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "format");
		return;
	}
	r = formats[i].make(call->b->rooms.consents, call_session(call), &text);
	if (r > 0)
		call_fail(call, VITALED_REASON_WRONG_STATE, "no receipt");
	else if (r < 0)
		call_fault(call, r);
	else
		text_reply(call, buf_view(&text), "vitaled-receipt");
}

/* What it does, every call on the session does (dispatch.c). */
static void on_refresh(struct call *call)
{
	enum session_state st = session_state(call_session(call));

	if (st == SESSION_STATE_UNLOCKED)
		call_done(call);
	else
		call_fail(call, VITALED_REASON_WRONG_STATE, session_state_word(st));
}

static void on_lock(struct call *call)
{
	struct session *s = call_session(call);
	enum session_state st = session_state(s);

	if (!session_state_ended(st))
		session_end(s, st == SESSION_STATE_UNLOCKED ? VITALED_REASON_RELEASED
							    : VITALED_REASON_CANCELLED);
	call_done(call);
}

static void on_release(struct call *call)
{
	session_release(call_session(call));
	call_done(call);
}

static const struct method methods[] = {
	{"GetBeneficiaries", "", "h", "beneficiaries", 0, NULL, on_beneficiaries},
	{"Choose", "u", "", "index", 0, NULL, on_choose},
	{"GetPatient", "", "h", "patient", 0, NULL, on_patient},
	{"GetProfessional", "", "a{sv}", "professional", 0, NULL, on_professional},
	{"GetReceipt", "s", "h", "format receipt", METHOD_RECORDS, NULL, on_receipt},
	{"Refresh", "", "", "", 0, NULL, on_refresh},
	{"Lock", "", "", "", METHOD_AT_ONCE, NULL, on_lock},
	{"Release", "", "", "", METHOD_AT_ONCE, NULL, on_release},
};

static const struct property properties[] = {
	{"State", "s", 0, get_state},
	{"Reason", "s", 0, get_reason},
	{"Mode", "s", PROPERTY_CONST, get_mode},
	{"Intent", "as", PROPERTY_CONST, get_intent},
	{"Proof", "s", 0, get_proof},
	{"Expires", "t", 0, get_expires},
	{"PinTriesLeft", "y", 0, get_tries},
	{"Progress", "(uu)", 0, get_progress},
	{"Queue", "(uu)", 0, get_queue},
};

const struct interface interface_session = {
	.name = "org.vitaled1.Session",
	.methods = methods,
	.n_methods = ARRAY_LEN(methods),
	.properties = properties,
	.n_properties = ARRAY_LEN(properties),
};

/* -- what the session's room reports -- */

void bus_session_added(void *bus, struct session *s)
{
	if (objects_add(bus, OBJECT_SESSION, session_id(s), s, session_owner(s)) < 0)
		errors_log(-ENOMEM, "bus-session");
}

void bus_session_changed(void *bus, struct session *s)
{
	struct bus *b = bus;
	struct object *o = objects_get(b, OBJECT_SESSION, session_id(s));
	enum session_state st = session_state(s);

	if (!o)
		return;
	changes_mark(b, OBJECT_SESSION, o->id);
	if (st == SESSION_STATE_UNLOCKED && !o->told_open) {
		o->told_open = true;
		ask_inform(b, s, "unlocked");
	}
	if (session_state_ended(st) && !o->told_ended) {
		o->told_ended = true;
		ask_stop(b, OBJECT_SESSION, o->id, 0, vitaled_reason_word(session_reason(s)));
		calls_of_session(b, o->id);
		ask_inform(b, s, "ended");
	}
}

void bus_session_removed(void *bus, struct session *s)
{
	struct bus *b = bus;

	bus_session_changed(b, s);
	ask_stop(b, OBJECT_SESSION, session_id(s), 0,
		vitaled_reason_word(VITALED_REASON_RELEASED));
	calls_of_session(b, session_id(s));
	objects_remove(b, OBJECT_SESSION, session_id(s));
}
