/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What a session wants from people becomes a question to the right agent: PIN and choices to the
 * professional's, or to the patient's own where they are alone, consent to the patient's own display.
 * Only a pair for which no display is configured has its consent asked by the professional's agent: a
 * display that is away does not turn a patient's answer into somebody else's word for it. In an
 * emergency the patient is not asked, but their display tells it. Whatever names a patient goes in a
 * sealed memfd.
 */
#include <string.h>

#include "daemon/bus/ask.h"
#include "daemon/bus/exceed.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/handed.h"
#include "daemon/bus/objects.h"

static struct agent *pick(struct bus *b, const struct session *s, unsigned int capability)
{
	return agents_pick(b, capability, session_pair(s), session_owner(s), session_uid(s));
}

void people_request(struct wire *w, const struct ask_about *about, const struct agent *a,
	const char *member)
{
	char path[48];

	object_path(about->kind, about->id, path);
	wire_call(w, a->peer->name, a->path, BUS_AGENT, member);
	wire_path(w, path);
}

void people_memfd(struct wire *w, const json_t *j, const char *name)
{
	_cleanup_fd_ int fd = -1;

	if (!j || json_memfd(j, name, &fd) != 0 || handed_read_only(&fd) < 0)
		w->ok = false;
	else
		wire_fd(w, fd);
}

void people_tell_keypad(struct bus *b, const struct ask_about *about, struct agent *a,
	const char *const *codes, size_t n, unsigned int tries_left, bool again)
{
	struct wire w, facts, e, v, list;

	people_request(&w, about, a, "Inform");
	wire_str(&w, "use-pinpad");
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &facts);
	if (tries_left < 255)
		wire_sv_u8(&facts, "tries-left", (uint8_t)tries_left);
	wire_sv_bool(&facts, "again", again);
	wire_entry(&facts, "codes", "as", &e, &v);
	wire_open(&v, DBUS_TYPE_ARRAY, "s", &list);
	for (size_t i = 0; i < n; i++)
		wire_str(&list, codes[i]);
	wire_close(&v, &list);
	wire_entry_close(&facts, &e, &v);
	wire_close(&w, &facts);
	ask_tell(b, about, a, &w);
}

void bus_tell_keypad(void *bus, struct session *s, unsigned int tries_left, bool again)
{
	static const char *const codes[] = {"pin"};
	struct bus *b = bus;
	struct ask_about about = ask_about_session(s);
	struct agent *a = pick(b, s, AGENT_PIN);

	if (a) /* else the reader itself says what it waits for */
		people_tell_keypad(b, &about, a, codes, ARRAY_LEN(codes), tries_left, again);
}

void bus_ask_pin(void *bus, struct session *s, unsigned int tries_left, bool again)
{
	struct bus *b = bus;
	struct ask_about about = ask_about_session(s);
	struct agent *a = pick(b, s, AGENT_PIN);
	struct wire w, facts;

	if (!a) {
		session_pin_failed(s, VITALED_REASON_NO_AGENT);
		return;
	}
	people_request(&w, &about, a, "RequestPin");
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &facts);
	if (tries_left < 255)
		wire_sv_u8(&facts, "tries-left", (uint8_t)tries_left);
	wire_sv_bool(&facts, "again", again);
	wire_sv_str(&facts, "application", session_application(s));
	wire_sv_str(&facts, "pair", session_pair(s));
	wire_close(&w, &facts);
	ask_new(b, &about, ASK_PIN, a, &w, 0, CONSENT_FORM_ORAL);
}

void bus_ask_last_try(void *bus, struct session *s)
{
	struct bus *b = bus;
	struct ask_about about = ask_about_session(s);
	struct agent *a = pick(b, s, AGENT_PIN);
	_cleanup_json_ json_t *facts = json_pack("{s:i}", "tries-left", 1);
	struct wire w;

	if (!a) {
		session_pin_failed(s, VITALED_REASON_NO_AGENT);
		return;
	}
	people_request(&w, &about, a, "Confirm");
	wire_str(&w, "last-try");
	people_memfd(&w, facts, "vitaled-confirm");
	ask_new(b, &about, ASK_LAST_TRY, a, &w, 0, CONSENT_FORM_ORAL);
}

/* Whom the patient speaks with when they are alone: their display; where none is configured, who types
 * codes here. */
static struct agent *speaks_there(struct bus *b, const char *pair, const char *owner, uid_t uid)
{
	bool display = people_has_display(b->rooms.config, pair);

	return agents_pick(b, display ? AGENT_PATIENT_DISPLAY : AGENT_PIN, pair, owner, uid);
}

static struct agent *patients_own(struct bus *b, const struct session *s)
{
	return speaks_there(b, session_pair(s), session_owner(s), session_uid(s));
}

void bus_ask_choice(
	void *bus, struct session *s, enum session_choice kind, const json_t *choices)
{
	struct bus *b = bus;
	struct ask_about about = ask_about_session(s);
	struct agent *a = session_mode(s) == SESSION_MODE_PATIENT
				  ? patients_own(b, s)
				  : pick(b, s, AGENT_PROFESSIONAL);
	bool person = kind == SESSION_CHOICE_BENEFICIARY;
	struct wire w = {.ok = false};

	if (a) {
		people_request(&w, &about, a, "RequestChoice");
		wire_str(&w, person ? "beneficiary" : "structure");
		people_memfd(&w, choices, "vitaled-choices");
	} else if (!person) { /* a beneficiary may still be chosen by the owner */
		session_choice_failed(s, kind, VITALED_REASON_NO_AGENT);
		return;
	}
	ask_new(b, &about, person ? ASK_BENEFICIARY : ASK_STRUCTURE, a, &w,
		json_array_size(choices), CONSENT_FORM_ORAL);
}

bool people_has_display(const struct config *config, const char *pair)
{
	for (size_t i = 0; i < config->n_agents; i++)
		if (agents_capability(config->agents[i].capability) == AGENT_PATIENT_DISPLAY &&
			strcmp(config->agents[i].pair, pair) == 0)
			return true;
	return false;
}

void bus_ask_consent(void *bus, struct session *s, const json_t *request)
{
	struct bus *b = bus;
	struct ask_about about = ask_about_session(s);
	struct agent *a = pick(b, s, AGENT_PATIENT_DISPLAY);
	enum consent_form form = CONSENT_FORM_ORAL;
	struct wire w;

	if (a)
		form = a->peer->uid != session_uid(s) ? CONSENT_FORM_SCREEN
						      : CONSENT_FORM_SCREEN_SHARED;
	else if (!people_has_display(b->rooms.config, session_pair(s)))
		a = pick(b, s, AGENT_PROFESSIONAL);
	if (!a) {
		consent_answered(b->rooms.consents, s, NULL, VITALED_REASON_NO_AGENT);
		return;
	}
	people_request(&w, &about, a, "RequestConsent");
	people_memfd(&w, request, "vitaled-consent");
	ask_new(b, &about, ASK_CONSENT, a, &w, 0, form);
}

void bus_confirm_emergency(void *bus, struct session *s, const json_t *request)
{
	struct bus *b = bus;
	struct ask_about about = ask_about_session(s);
	struct agent *a = pick(b, s, AGENT_PROFESSIONAL);
	struct wire w;

	if (!a) {
		consent_answered(b->rooms.consents, s, NULL, VITALED_REASON_NO_AGENT);
		return;
	}
	people_request(&w, &about, a, "Confirm");
	wire_str(&w, "bris-de-glace");
	people_memfd(&w, request, "vitaled-emergency");
	ask_new(b, &about, ASK_EMERGENCY, a, &w, 0, CONSENT_FORM_NONE);
}

/* Inform(@what), that nobody answers. @a may be NULL: there is nobody to hear it. */
static void tell(struct bus *b, uint32_t session, enum session_mode mode, const struct agent *a,
	const char *what)
{
	struct ask_about about = {.kind = OBJECT_SESSION, .id = session};
	struct wire w, facts;

	if (!a || a->peer->gone)
		return;
	people_request(&w, &about, a, "Inform");
	wire_str(&w, what);
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &facts);
	wire_sv_str(&facts, "mode", session_mode_word(mode));
	wire_close(&w, &facts);
	if (w.ok)
		dbus_message_set_no_reply(w.m, TRUE);
	(void)bus_notify(b, &w);
}

void bus_tell_emergency(void *bus, struct session *s)
{
	tell(bus, session_id(s), session_mode(s), pick(bus, s, AGENT_PATIENT_DISPLAY),
		"emergency");
}

/* Who tells the patient, or their treating doctor, of emergencies. */
static struct agent *tells(struct bus *b, const struct session *s, bool patient)
{
	if (!patient)
		return pick(b, s, AGENT_PROFESSIONAL);
	if (session_mode(s) == SESSION_MODE_PATIENT)
		return patients_own(b, s);
	return pick(b, s, AGENT_PATIENT_DISPLAY);
}

void bus_inform(void *bus, struct session *s, const struct dossier_told *told)
{
	bool patient = told->to == DOSSIER_TOLD_PATIENT;
	struct agent *a = tells(bus, s, patient);
	struct ask_about about = ask_about_session(s);
	struct wire w, facts;

	if (!a)
		return;
	people_request(&w, &about, a, "Inform");
	wire_str(&w, "emergency-access");
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &facts);
	wire_sv_str(&facts, "to", patient ? "patient" : "treating-doctor");
	wire_sv_u32(&facts, "count", told->count);
	wire_sv_u64(&facts, "last", (uint64_t)told->last);
	wire_sv_str(&facts, "mode", session_mode_word(told->mode));
	wire_close(&w, &facts);
	ask_new(bus, &about, patient ? ASK_TELL_PATIENT : ASK_TELL_DOCTOR, a, &w, 0,
		CONSENT_FORM_NONE);
}

void bus_take_card(void *bus, const struct session_left *left)
{
	tell(bus, left->session, SESSION_MODE_PATIENT,
		speaks_there(bus, left->pair, left->owner, left->uid), "take-card");
}

void bus_stop_asking(void *bus, struct session *s, enum vitaled_reason why)
{
	exceed_forget(bus, session_id(s));
	ask_stop(bus, OBJECT_SESSION, session_id(s), 0,
		why == VITALED_REASON_NONE ? "answered" : vitaled_reason_word(why));
}
