/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What the lower rooms ask of the upper ones: one table a room, tied to who does it. Nothing is decided
 * here but who of two is to answer.
 */
#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/inside.h"

static void on_added(void *user, struct session *s)
{
	struct broker *b = user;

	bus_session_added(b->bus, s);
	notify_touch(b->notify);
}

/* What is unlocked is guarded. */
static void guard(struct broker *b)
{
	bool unlocked = false;

	for (struct session *s = sessions_next(b->sessions, NULL); s;
		s = sessions_next(b->sessions, s)) {
		unlocked = unlocked || session_state(s) == SESSION_STATE_UNLOCKED;
	}
	cards_guard(b->cards, unlocked);
}

static void on_changed(void *user, struct session *s)
{
	struct broker *b = user;

	guard(b);
	bus_session_changed(b->bus, s);
	notify_touch(b->notify);
}

static void on_removed(void *user, struct session *s)
{
	struct broker *b = user;

	bus_session_removed(b->bus, s);
	consent_removed(b->consents, s);
	notify_touch(b->notify);
}

static void ask_pin(void *user, struct session *s, unsigned int tries_left, bool again)
{
	struct broker *b = user;

	bus_ask_pin(b->bus, s, tries_left, again);
}

static void ask_last_try(void *user, struct session *s)
{
	struct broker *b = user;

	bus_ask_last_try(b->bus, s);
}

static void ask_choice(
	void *user, struct session *s, enum session_choice kind, const json_t *choices)
{
	struct broker *b = user;

	bus_ask_choice(b->bus, s, kind, choices);
}

static void tell_keypad(void *user, struct session *s, unsigned int tries_left, bool again)
{
	struct broker *b = user;

	bus_tell_keypad(b->bus, s, tries_left, again);
}

static void stop_asking(void *user, struct session *s, enum vitaled_reason why)
{
	struct broker *b = user;

	bus_stop_asking(b->bus, s, why);
}

static enum vitaled_reason admit(void *user, struct session *s, const char **ret_rule)
{
	struct broker *b = user;

	return dossier_admit(b->dossiers, s, ret_rule);
}

static void ask_exceed(void *user, struct session *s)
{
	struct broker *b = user;

	bus_ask_exceed(b->bus, s);
}

static int pseudonym(void *user, const char *number, enum nature nature, char ret_hex[65])
{
	struct broker *b = user;

	return trace(dossier_pseudonym(b->dossiers, number, nature, ret_hex));
}

static void prepare(void *user, struct session *s)
{
	struct broker *b = user;

	dossier_prepare(b->dossiers, s);
}

static void ask_patient_code(void *user, struct session *s)
{
	struct broker *b = user;

	dossier_ask_code(b->dossiers, s);
}

static bool busy(void *user, const struct session *s)
{
	(void)user;
	return dossier_busy(s);
}

static void take_card(void *user, const struct session_left *left)
{
	struct broker *b = user;

	bus_take_card(b->bus, left);
}

/* A patient who is not there is not asked: what was agreed earlier says all, or has come to its end
 * since the dossier was prepared. */
static bool nobody_to_ask(const struct session *s)
{
	return !session_mode_emergency(session_mode(s)) && session_patient(s)->absent;
}

static void ask_consent(void *user, struct session *s)
{
	struct broker *b = user;
	enum vitaled_reason r;

	r = nobody_to_ask(s) ? dossier_worth_asking(s) : VITALED_REASON_NONE;
	if (r != VITALED_REASON_NONE) {
		session_consented(s, r);
	} else if (nobody_to_ask(s) || dossier_agreed(s)) {
		consent_running(b->consents, s);
	} else {
		consent_ask(b->consents, s);
	}
}

static void sign(void *user, struct session *s)
{
	struct broker *b = user;

	consent_sign(b->consents, s);
}

static void unlock(void *user, struct session *s)
{
	struct broker *b = user;

	dossier_unlock(b->dossiers, s);
}

/* The administrator's log is to show it, whoever looks: mode and session, nobody's name. */
static void emergency(void *user, struct session *s)
{
	struct broker *b = user;

	log_msg(LOG_NOTICE, "emergency-opened", "%s: %s", session_audit_id(s),
		session_mode_word(session_mode(s)));
	bus_tell_emergency(b->bus, s);
	bus_notified(b->bus, session_patient(s)->pseudonym, "emergency", clock_wall());
}

static void lock(void *user, struct session *s)
{
	struct broker *b = user;

	dossier_lock(b->dossiers, s);
	consent_forget(b->consents, s);
}

/* Of sessions and of imports: they end at once, so that it is said once. */
static void on_failed(void *user, int r)
{
	(void)user;
	(void)log_fault(r, "revocation-unknown");
}

const struct session_ops broker_session_ops = {
	.added = on_added,
	.changed = on_changed,
	.removed = on_removed,
	.ask_pin = ask_pin,
	.ask_last_try = ask_last_try,
	.ask_choice = ask_choice,
	.tell_keypad = tell_keypad,
	.stop_asking = stop_asking,
	.admit = admit,
	.ask_exceed = ask_exceed,
	.pseudonym = pseudonym,
	.prepare = prepare,
	.ask_code = ask_patient_code,
	.ask_consent = ask_consent,
	.sign = sign,
	.unlock = unlock,
	.emergency = emergency,
	.take_card = take_card,
	.busy = busy,
	.lock = lock,
	.failed = on_failed,
};

static void lease_added(void *user, struct lease *l)
{
	struct broker *b = user;

	bus_lease_added(b->bus, l);
}

static void lease_removed(void *user, struct lease *l)
{
	struct broker *b = user;

	bus_lease_removed(b->bus, l);
}

const struct lease_ops broker_lease_ops = {.added = lease_added, .removed = lease_removed};

static void ask_code(void *user, struct pin_job *j, enum pin_code code, unsigned int tries_left)
{
	struct broker *b = user;

	bus_ask_code(b->bus, j, code, tries_left);
}

static void ask_code_last_try(void *user, struct pin_job *j, enum pin_code code)
{
	struct broker *b = user;

	bus_ask_code_last_try(b->bus, j, code);
}

static void tell_job_keypad(
	void *user, struct pin_job *j, enum pin_code first, unsigned int tries_left)
{
	struct broker *b = user;

	bus_tell_job_keypad(b->bus, j, first, tries_left);
}

static void stop_asking_job(void *user, struct pin_job *j, enum vitaled_reason why)
{
	struct broker *b = user;

	bus_stop_asking_job(b->bus, j, why);
}

const struct pins_ops broker_pins_ops = {
	.ask_code = ask_code,
	.ask_last_try = ask_code_last_try,
	.tell_keypad = tell_job_keypad,
	.stop_asking = stop_asking_job,
};

static void ask_agent(void *user, struct session *s, const json_t *request)
{
	struct broker *b = user;

	bus_ask_consent(b->bus, s, request);
}

static void confirm_agent(void *user, struct session *s, const json_t *request)
{
	struct broker *b = user;

	bus_confirm_emergency(b->bus, s, request);
}

const struct consent_ops broker_consent_ops = {.ask = ask_agent, .confirm = confirm_agent};

static bool code_agent(
	void *user, struct session *s, bool patient, struct dossier_agent *ret_agent)
{
	struct broker *b = user;

	return bus_code_agent(b->bus, s, patient, ret_agent);
}

static void ask_dossier_code(void *user, struct session *s, const struct dossier_agent *agent,
	const struct dossier_question *q)
{
	struct broker *b = user;

	bus_ask_patient_code(b->bus, s, agent, q);
}

static bool show_code(void *user, struct session *s, const struct dossier_agent *agent, int fd,
	uint64_t until)
{
	struct broker *b = user;

	return bus_show_code(b->bus, s, agent, fd, until);
}

static void inform(void *user, struct session *s, const struct dossier_told *told)
{
	struct broker *b = user;

	bus_inform(b->bus, s, told);
}

const struct dossier_ops broker_dossier_ops = {
	.changed = on_changed,
	.code_agent = code_agent,
	.ask_code = ask_dossier_code,
	.show_code = show_code,
	.inform = inform,
	.failed = on_failed,
};

static void told(void *user, const char *pseudonym, const char *what, uint64_t when)
{
	struct broker *b = user;

	bus_notified(b->bus, pseudonym, what, when);
}

const struct outbox_ops broker_outbox_ops = {.told = told};
