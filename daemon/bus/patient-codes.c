/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The patient's codes on the bus: RequestCode() about a session, and the showing of an activation code.
 * A code is typed on the patient's own display, or, at a pair for which none is configured, with the
 * agent that also asks for PINs; an activation code is shown by the professional's. The digits come and
 * go in descriptors that are not looked into; which agent it was is kept by its number, so that another
 * one in its place gets nothing.
 */
#include <fcntl.h>

#include "daemon/bus/ask.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/handed.h"

bool bus_code_agent(void *bus, struct session *s, bool patient, struct dossier_agent *ret_agent)
{
	struct bus *b = bus;
	unsigned int capability = patient ? AGENT_PATIENT_DISPLAY : AGENT_PROFESSIONAL;
	const char *pair = session_pair(s);
	const struct agent *a =
		agents_pick(b, capability, pair, session_owner(s), session_uid(s));

	if (!a && patient && !people_has_display(b->rooms.config, pair))
		a = agents_pick(b, AGENT_PIN, pair, session_owner(s), session_uid(s));
	if (!a)
		return false;
	*ret_agent = (struct dossier_agent){.number = a->number, .uid = a->peer->uid};
	return true;
}

void bus_ask_patient_code(void *bus, struct session *s, const struct dossier_agent *agent,
	const struct dossier_question *q)
{
	struct bus *b = bus;
	struct ask_about about = ask_about_session(s);
	struct agent *a = agents_by_number(b, agent->number);
	struct wire w, facts;

	if (!a) {
		dossier_code_failed(b->rooms.dossiers, s, VITALED_REASON_NO_AGENT);
		return;
	}
	people_request(&w, &about, a, "RequestCode");
	wire_str(&w, q->fresh ? "new-code" : "patient-code");
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &facts);
	if (!q->fresh) {
		wire_sv_bool(&facts, "again", q->again);
		wire_sv_u8(&facts, "tries-left", (uint8_t)q->tries_left);
		wire_sv_bool(&facts, "personal", q->personal);
		wire_sv_bool(&facts, "activation", q->activation);
	}
	wire_close(&w, &facts);
	ask_new(b, &about, ASK_PATIENT_CODE, a, &w, 0, CONSENT_FORM_NONE);
}

bool bus_show_code(
	void *bus, struct session *s, const struct dossier_agent *agent, int fd, uint64_t until)
{
	struct bus *b = bus;
	struct ask_about about = ask_about_session(s);
	const struct agent *a = agents_by_number(b, agent->number);
	_cleanup_fd_ int shown = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	struct wire w, facts, e, v;

	if (!a || a->peer->gone || shown < 0 || handed_read_only(&shown) < 0 ||
		!handed_fd(a->peer, shown))
		return false;
	people_request(&w, &about, a, "Inform");
	wire_str(&w, "activation-code");
	wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &facts);
	wire_entry(&facts, "code", "h", &e, &v);
	wire_fd(&v, shown);
	wire_entry_close(&facts, &e, &v);
	wire_sv_u64(&facts, "until", until);
	wire_close(&w, &facts);
	if (w.ok)
		dbus_message_set_no_reply(w.m, TRUE);
	return bus_notify(b, &w);
}
