/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The queue of questions. A question leaves the list before its answer is handed on, so that whatever
 * the answer sets off finds the list in order; a reply that comes after that meets nothing. The
 * deadline is ours, not libdbus's, hence a NoReply of the bus means that the agent left. A session is
 * found anew by its number, a PIN job by its pointer: its questions leave the list before it ends.
 */
#include "daemon/bus/ask.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/handed.h"
#include "daemon/bus/objects.h"
#include "daemon/limits.h"

struct ask_about ask_about_session(const struct session *s)
{
	return (struct ask_about){.kind = OBJECT_SESSION, .id = session_id(s)};
}

struct ask_about ask_about_job(struct pin_job *j)
{
	return (struct ask_about){.kind = OBJECT_CARD, .id = pin_job_card(j)->id, .job = j};
}

/* told, and a reply says that it was: nobody waits for it as for an answer */
static bool is_told(const struct ask *k)
{
	return k->kind == ASK_TELL_PATIENT || k->kind == ASK_TELL_DOCTOR;
}

static void ask_unlink(struct ask *k)
{
	for (struct ask **at = &k->b->asks; *at; at = &(*at)->next)
		if (*at == k) {
			*at = k->next;
			return;
		}
}

static void ask_unpend(struct ask *k)
{
	if (!k->pending)
		return;
	dbus_pending_call_cancel(k->pending);
	dbus_pending_call_unref(k->pending);
	k->pending = NULL;
}

static void ask_done(struct ask *k)
{
	ask_unpend(k);
	wire_done(&k->request);
	sd_event_source_disable_unref(k->timer);
	free(k);
}

static void ask_append(struct ask *k)
{
	struct ask **end = &k->b->asks;

	while (*end)
		end = &(*end)->next;
	*end = k;
	k->next = NULL;
}

static void tell_agent(struct bus *b, const struct agent *a, struct wire *w)
{
	if (w->ok)
		dbus_message_set_no_reply(w->m, TRUE);
	if (a->peer->gone)
		wire_done(w);
	else
		(void)bus_notify(b, w);
}

static void tell_cancel(struct bus *b, const struct ask *k, const char *why)
{
	char path[48];
	struct wire w;

	object_path(k->about.kind, k->about.id, path);
	wire_call(&w, k->agent->peer->name, k->agent->path, BUS_AGENT, "Cancel");
	wire_path(&w, path);
	wire_str(&w, why);
	tell_agent(b, k->agent, &w);
}

static void fail_session(
	struct bus *b, struct session *s, enum ask_kind kind, enum vitaled_reason why)
{
	switch (kind) {
	case ASK_PIN:
	case ASK_LAST_TRY:
		session_pin_failed(s, why);
		break;
	case ASK_STRUCTURE:
		session_choice_failed(s, SESSION_CHOICE_STRUCTURE, why);
		break;
	case ASK_BENEFICIARY:
		session_choice_failed(s, SESSION_CHOICE_BENEFICIARY, why);
		break;
	case ASK_CONSENT:
	case ASK_EMERGENCY:
		consent_answered(b->rooms.consents, s, NULL, why);
		break;
	case ASK_PATIENT_CODE:
		dossier_code_failed(b->rooms.dossiers, s, why);
		break;
	case ASK_TELL_PATIENT: /* at the next visit */
	case ASK_TELL_DOCTOR:
	case ASK_CODE: /* of jobs only */
	case ASK_KEYPAD:
		break;
	}
}

void ask_fail(struct bus *b, const struct ask_about *about, enum ask_kind kind,
	enum vitaled_reason why)
{
	struct session *s;

	if (kind == ASK_KEYPAD)
		return;
	if (about->job) {
		pin_job_failed(about->job, why);
		return;
	}
	s = sessions_by_id(b->rooms.sessions, about->id);
	if (s)
		fail_session(b, s, kind, why);
}

static void serve(struct bus *b, struct agent *a);

static void serve_number(struct bus *b, uint64_t number)
{
	struct agent *a = agents_by_number(b, number);

	if (a)
		serve(b, a);
}

/* nobody answers @k any more */
static void ask_lost(struct ask *k, enum vitaled_reason why)
{
	struct bus *b = k->b;
	uint64_t number = k->agent ? k->agent->number : 0;
	enum ask_kind kind = k->kind;
	struct ask_about about = k->about;

	ask_unlink(k);
	ask_done(k);
	ask_fail(b, &about, kind, why);
	serve_number(b, number);
}

static int on_late(sd_event_source *src _unused_, uint64_t usec _unused_, void *user)
{
	struct ask *k = user;

	/* of what is told nothing is withdrawn: it would be taken for a question about the same session */
	if (k->pending && !is_told(k))
		tell_cancel(k->b, k, vitaled_reason_word(VITALED_REASON_TIMEOUT));
	ask_lost(k, VITALED_REASON_TIMEOUT);
	return 0;
}

static int start_timer(struct ask *k)
{
	int r;

	if (k->timer)
		return 0;
	r = sd_event_add_time_relative(
		k->b->ev, &k->timer, CLOCK_MONOTONIC, LIMIT_PERSON_WAIT, 0, on_late, k);
	return r < 0 ? fault(r) : 0;
}

static void on_reply(DBusPendingCall *pending, void *user)
{
	struct ask *k = user;
	struct bus *b = k->b;
	uint64_t number = k->agent->number;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	struct session *s =
		k->about.job ? NULL : sessions_by_id(b->rooms.sessions, k->about.id);
	enum vitaled_reason why = VITALED_REASON_FAILED;
	int r = ANSWER_USED;

	k->pending = NULL;
	dbus_pending_call_unref(pending);
	ask_unlink(k);
	if (s || k->about.job)
		r = answer_read(b, s, k, reply, &why);
	if (reply)
		dbus_message_unref(reply);
	if (r < 0)
		(void)log_fault(r, "bus-answer");
	if (r == ANSWER_USED) {
		ask_done(k);
	} else if (k->kind == ASK_BENEFICIARY && why != VITALED_REASON_CANCELLED) {
		k->agent = NULL; /* the owner may still choose, until the time is over */
		ask_append(k);
	} else {
		enum ask_kind kind = k->kind;
		struct ask_about about = k->about;

		ask_done(k);
		ask_fail(b, &about, kind, why);
	}
	serve_number(b, number);
}

/* Whether the agent may be handed the question's memfd, if it has one. */
static bool may_hand(const struct ask *k, DBusMessage *m)
{
	DBusMessageIter at;
	int type;

	for (dbus_message_iter_init(m, &at);
		(type = dbus_message_iter_get_arg_type(&at)) != DBUS_TYPE_INVALID;
		dbus_message_iter_next(&at)) {
		_cleanup_fd_ int fd = -1;

		if (type != DBUS_TYPE_UNIX_FD)
			continue;
		dbus_message_iter_get_basic(&at, &fd); /* a copy */
		if (fd < 0 || !handed_fd(k->agent->peer, fd))
			return false;
	}
	return true;
}

static int ask_send(struct ask *k)
{
	DBusMessage *m = wire_take(&k->request);
	int r = 0;

	if (!m)
		return fault(-ENOMEM);
	if (!may_hand(k, m))
		r = fault(-ENOBUFS); /* it reads nothing */
	else if (!dbus_connection_send_with_reply(
			 k->b->c, m, &k->pending, DBUS_TIMEOUT_INFINITE))
		r = fault(-ENOMEM);
	else if (!k->pending)
		r = fault(-ENOTCONN);
	else if (!dbus_pending_call_set_notify(k->pending, on_reply, k, NULL))
		r = fault(-ENOMEM);
	dbus_message_unref(m);
	return r < 0 ? r : trace(start_timer(k));
}

/* The next question for @a, when it shows none. What is told waits behind all of them, and none waits
 * for it. */
static struct ask *next_for(const struct bus *b, const struct agent *a)
{
	struct ask *question = NULL, *told = NULL;
	bool telling = false;

	for (struct ask *k = b->asks; k; k = k->next) {
		if (k->agent != a || k->kind == ASK_KEYPAD)
			continue;
		if (k->pending && !is_told(k))
			return NULL;
		if (k->pending)
			telling = true;
		else if (is_told(k))
			told = told ? told : k;
		else if (!question)
			question = k;
	}
	return question ? question : telling ? NULL : told;
}

static void serve(struct bus *b, struct agent *a)
{
	struct ask *next = next_for(b, a);

	if (!next)
		return;
	if (ask_send(next) < 0) {
		(void)log_fault(-EIO, "bus-ask");
		ask_lost(next, VITALED_REASON_FAILED);
	}
}

static void note_asked(struct bus *b, const struct ask_about *about, const struct agent *a)
{
	struct object *o = about->kind == OBJECT_SESSION
				   ? objects_get(b, OBJECT_SESSION, about->id)
				   : NULL;

	for (size_t i = 0; o && i < OBJECT_ASKED; i++) {
		if (o->asked[i] == a->number)
			return;
		if (!o->asked[i]) {
			o->asked[i] = a->number;
			return;
		}
	}
}

void ask_new(struct bus *b, const struct ask_about *about, enum ask_kind kind, struct agent *a,
	struct wire *request, size_t n_choices, enum consent_form form)
{
	struct ask *k = calloc(1, sizeof(*k));

	if (!k || (a && !request->ok)) {
		free(k);
		wire_done(request);
		(void)log_fault(fault(-ENOMEM), "bus-ask");
		ask_fail(b, about, kind, VITALED_REASON_FAILED);
		return;
	}
	*k = (struct ask){.b = b,
		.kind = kind,
		.about = *about,
		.agent = a,
		.request = *request,
		.n_choices = n_choices,
		.form = form};
	*request = (struct wire){.ok = false};
	ask_append(k);
	if (a) {
		note_asked(b, about, a);
		serve(b, a);
	} else if (start_timer(k) < 0) {
		(void)log_fault(-ENOMEM, "bus-ask");
		ask_lost(k, VITALED_REASON_FAILED);
	}
}

void ask_tell(
	struct bus *b, const struct ask_about *about, struct agent *a, struct wire *request)
{
	struct ask *k = calloc(1, sizeof(*k));

	if (!k || !request->ok) {
		free(k);
		wire_done(request);
		return;
	}
	*k = (struct ask){.b = b, .kind = ASK_KEYPAD, .about = *about, .agent = a};
	ask_append(k);
	note_asked(b, about, a);
	tell_agent(b, a, request);
}

/* whether @k is one of the questions meant: about an object (and of a kind), or of a job */
struct ask_which {
	enum object_kind about;
	uint32_t id;
	unsigned int kind; /* 0: any */
	const struct pin_job *job;
};

static bool ask_is(const struct ask *k, const struct ask_which *w)
{
	if (w->job)
		return k->about.job == w->job;
	return k->about.kind == w->about && k->about.id == w->id &&
	       (!w->kind || k->kind == w->kind);
}

static bool ask_shown(const struct ask *k)
{
	return k->pending != NULL || k->kind == ASK_KEYPAD;
}

/* the first of those questions that is shown, or that waits */
static struct ask *ask_of(const struct bus *b, const struct ask_which *w, bool shown)
{
	struct ask *k = b->asks;

	while (k && (!ask_is(k, w) || ask_shown(k) != shown))
		k = k->next;
	return k;
}

static void stop(struct bus *b, const struct ask_which *w, const char *why)
{
	struct ask *k;

	/* those that wait go first, else withdrawing the one that is shown would show the next */
	while ((k = ask_of(b, w, false))) {
		ask_unlink(k);
		ask_done(k);
	}
	while ((k = ask_of(b, w, true))) {
		uint64_t number = k->agent->number;

		tell_cancel(b, k, why);
		ask_unlink(k);
		ask_done(k);
		serve_number(b, number);
	}
}

void ask_stop(
	struct bus *b, enum object_kind about, uint32_t id, unsigned int kind, const char *why)
{
	stop(b, &(struct ask_which){.about = about, .id = id, .kind = kind}, why);
}

void ask_stop_job(struct bus *b, const struct pin_job *j, const char *why)
{
	stop(b, &(struct ask_which){.job = j}, why);
}

void ask_agent_gone(struct bus *b, const struct agent *a)
{
	struct ask *k = b->asks;

	while (k) {
		if (k->agent != a) {
			k = k->next;
			continue;
		}
		ask_unpend(k);
		k->agent = NULL;
		if (k->kind != ASK_BENEFICIARY || start_timer(k) < 0)
			ask_lost(k, VITALED_REASON_NO_AGENT);
		k = b->asks;
	}
}

void ask_free(struct bus *b)
{
	while (b->asks) {
		struct ask *k = b->asks;

		b->asks = k->next;
		ask_done(k);
	}
}

void ask_inform(struct bus *b, struct session *s, const char *what)
{
	struct object *o = objects_get(b, OBJECT_SESSION, session_id(s));

	for (size_t i = 0; o && i < OBJECT_ASKED && o->asked[i]; i++) {
		const struct agent *a = agents_by_number(b, o->asked[i]);
		struct wire w, dict;

		if (!a)
			continue;
		wire_call(&w, a->peer->name, a->path, BUS_AGENT, "Inform");
		wire_path(&w, o->path);
		wire_str(&w, what);
		wire_open(&w, DBUS_TYPE_ARRAY, "{sv}", &dict);
		wire_sv_str(&dict, "state", session_state_word(session_state(s)));
		wire_sv_str(&dict, "reason", vitaled_reason_word(session_reason(s)));
		wire_close(&w, &dict);
		tell_agent(b, a, &w);
	}
}
