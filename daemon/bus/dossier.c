/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * org.vitaled1.Dossier: each call is handed on to the dossier's room and waits there; the caller gets
 * what its process answers, descriptors and all. Documents never pass through the broker. A call
 * whose session ends first gets WrongState (calls_of_session()), and so does one while it is suspended.
 */
#include <string.h>

#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/handed.h"
#include "daemon/bus/interfaces.h"
#include "daemon/limits.h"

static void get_state(struct bus *b _unused_, const struct object *o, struct wire *w)
{
	wire_str(w, dossier_state_of(o->what));
}

/* a reply's last descriptor is the memfd; beside a content it is read with it */
static void hand_out(struct call *call)
{
	const char *out = call->method->out;
	size_t n = strspn(out, "h");

	if (n > 0 && n <= ARRAY_LEN(call->fds) && call->fds[n - 1] >= 0)
		handed_out(call, &call->fds[n - 1]);
}

static void on_done(void *user, struct dossier_reply *reply)
{
	struct call *call = user;
	struct wire w;

	for (size_t i = 0; i < ARRAY_LEN(reply->fds); i++) {
		fd_close(&call->fds[i]); /* what the caller gave */
		call->fds[i] = reply->fds[i];
		reply->fds[i] = -1;
	}
	if (reply->reason != VITALED_REASON_NONE) {
		call_fail(call, reply->reason, reply->rule);
		return;
	}
	hand_out(call);
	wire_reply(&w, call->m);
	for (const char *out = call->method->out; *out; out++) {
		size_t i = (size_t)(out - call->method->out);

		if (*out == 's')
			wire_str(&w, reply->id);
		else if (i < ARRAY_LEN(call->fds) && call->fds[i] >= 0)
			wire_fd(&w, call->fds[i]);
		else
			w.ok = false;
	}
	call_reply(call, &w);
}

static void forget(struct call *call)
{
	struct session *s = sessions_by_id(call->b->rooms.sessions, call->session);

	if (s)
		dossier_forget(s, call);
}

/* the call waits for its session's dossier; must come before the dossier hears of it */
static struct session *begin(struct call *call)
{
	struct session *s = call_session(call);

	call->session = session_id(s);
	call->forget = forget;
	return s;
}

static void invalid(struct call *call, const char *what)
{
	call_fail(call, VITALED_REASON_INVALID_ARGUMENT, what);
}

static void on_create(struct call *call)
{
	const char *bad = NULL;
	DBusMessageIter it;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	r = wire_options(&it, NULL, 0, NULL, &bad);
	if (r < 0)
		call_fault(call, r);
	else if (r > 0)
		invalid(call, bad);
	else
		dossier_create(begin(call), on_done, call);
}

static void on_summary(struct call *call)
{
	dossier_summary(begin(call), on_done, call);
}

typedef void (*query_fn)(
	struct session *s, const json_t *filter, dossier_done_fn done, void *user);

static void query(struct call *call, const struct wire_option *keys, size_t n, query_fn fn)
{
	_cleanup_json_ json_t *filter = NULL;
	const char *bad = NULL;
	DBusMessageIter it;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	r = wire_filter(&it, keys, n, &filter, &bad);
	if (r < 0)
		call_fault(call, r);
	else if (r > 0)
		invalid(call, bad);
	else
		fn(begin(call), filter, on_done, call);
}

static void on_list(struct call *call)
{
	static const struct wire_option keys[] = {
		{"section", "s", NULL},
		{"type", "s", NULL},
		{"status", "s", NULL},
		{"author", "s", NULL},
		{"text", "s", NULL},
		{"from", "s", NULL},
		{"to", "s", NULL},
		{"after", "s", NULL},
		{"limit", "u", NULL},
	};

	query(call, keys, ARRAY_LEN(keys), dossier_list);
}

static void on_history(struct call *call)
{
	static const struct wire_option keys[] = {
		{"limit", "u", NULL},
	};

	query(call, keys, ARRAY_LEN(keys), dossier_history);
}

static bool short_id(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= 36;
}

static void on_read(struct call *call)
{
	DBusMessageIter it;
	const char *id;

	(void)dbus_message_iter_init(call->m, &it);
	id = wire_get_str(&it);
	if (short_id(id))
		dossier_read(begin(call), id, on_done, call);
	else
		call_fail(call, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
}

/* content and metadata, as the next two arguments; false: the call has ended */
static bool take_document(struct call *call, DBusMessageIter *it)
{
	call->fds[0] = wire_get_fd(it);
	(void)dbus_message_iter_next(it);
	call->fds[1] = wire_get_fd(it);
	if (call->fds[0] < 0 || !fd_is_pipe_reader(call->fds[0])) {
		invalid(call, "content");
		return false;
	}
	if (call->fds[1] < 0 || !fd_is_sealed_memfd(call->fds[1], LIMIT_JSON_FD)) {
		invalid(call, "metadata");
		return false;
	}
	return true;
}

static void on_add(struct call *call)
{
	DBusMessageIter it;

	(void)dbus_message_iter_init(call->m, &it);
	if (take_document(call, &it))
		dossier_add(begin(call), call->fds[0], call->fds[1], on_done, call);
}

static void on_replace(struct call *call)
{
	DBusMessageIter it;
	const char *id;

	(void)dbus_message_iter_init(call->m, &it);
	id = wire_get_str(&it);
	(void)dbus_message_iter_next(&it);
	if (!take_document(call, &it))
		return;
	if (short_id(id))
		dossier_replace(begin(call), id, call->fds[0], call->fds[1], on_done, call);
	else
		call_fail(call, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
}

static void on_archive(struct call *call)
{
	DBusMessageIter it;
	const char *id;

	(void)dbus_message_iter_init(call->m, &it);
	id = wire_get_str(&it);
	(void)dbus_message_iter_next(&it);
	if (short_id(id))
		dossier_archive(begin(call), id, wire_get_bool(&it), on_done, call);
	else
		call_fail(call, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
}

static void on_delete(struct call *call)
{
	DBusMessageIter it;
	const char *id;

	(void)dbus_message_iter_init(call->m, &it);
	id = wire_get_str(&it);
	if (short_id(id))
		dossier_delete(begin(call), id, on_done, call);
	else
		call_fail(call, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
}

static void on_visibility(struct call *call)
{
	DBusMessageIter it;
	const char *id, *flag;

	(void)dbus_message_iter_init(call->m, &it);
	id = wire_get_str(&it);
	(void)dbus_message_iter_next(&it);
	flag = wire_get_str(&it);
	(void)dbus_message_iter_next(&it);
	if (!short_id(id))
		call_fail(call, VITALED_REASON_NO_SUCH_DOCUMENT, NULL);
	else if (!rights_flag_of(flag))
		invalid(call, "flag");
	else
		dossier_set_visibility(
			begin(call), id, flag, wire_get_bool(&it), on_done, call);
}

/* -- people -- */

/* the argument that says whom the call is about; what stands in it is the dossier's to look at.
 * false: the call has ended */
static bool take_who(struct call *call, DBusMessageIter *it)
{
	call->fds[0] = wire_get_fd(it);
	if (call->fds[0] >= 0 && fd_is_sealed_memfd(call->fds[0], LIMIT_JSON_FD))
		return true;
	invalid(call, "who");
	return false;
}

static void on_authorise(struct call *call)
{
	DBusMessageIter it;

	(void)dbus_message_iter_init(call->m, &it);
	if (take_who(call, &it))
		dossier_authorise(begin(call), call->fds[0], on_done, call);
}

static void on_revoke(struct call *call)
{
	DBusMessageIter it;

	(void)dbus_message_iter_init(call->m, &it);
	if (take_who(call, &it))
		dossier_revoke(begin(call), call->fds[0], on_done, call);
}

static void on_block(struct call *call)
{
	DBusMessageIter it;

	(void)dbus_message_iter_init(call->m, &it);
	if (!take_who(call, &it))
		return;
	(void)dbus_message_iter_next(&it);
	dossier_block(begin(call), call->fds[0], wire_get_bool(&it), on_done, call);
}

static void on_list_professionals(struct call *call)
{
	dossier_list_professionals(begin(call), on_done, call);
}

static void on_set_treating_doctor(struct call *call)
{
	DBusMessageIter it;

	(void)dbus_message_iter_init(call->m, &it);
	dossier_set_treating_doctor(begin(call), wire_get_bool(&it), on_done, call);
}

static void on_set_opposition(struct call *call)
{
	DBusMessageIter it;
	const char *mode;

	(void)dbus_message_iter_init(call->m, &it);
	mode = wire_get_str(&it);
	(void)dbus_message_iter_next(&it);
	dossier_set_opposition(begin(call), mode, wire_get_bool(&it), on_done, call);
}

static void on_set_masked_allowed(struct call *call)
{
	DBusMessageIter it;

	(void)dbus_message_iter_init(call->m, &it);
	dossier_set_masked_allowed(begin(call), wire_get_bool(&it), on_done, call);
}

static void on_issue_activation_code(struct call *call)
{
	dossier_issue_activation_code(begin(call), on_done, call);
}

static void on_set_personal_code(struct call *call)
{
	dossier_set_personal_code(begin(call), on_done, call);
}

/* -- its life -- */

static void on_close(struct call *call)
{
	DBusMessageIter it;

	(void)dbus_message_iter_init(call->m, &it);
	call->fds[0] = wire_get_fd(&it);
	if (call->fds[0] >= 0 && fd_is_sealed_memfd(call->fds[0], LIMIT_JSON_FD))
		dossier_close(begin(call), call->fds[0], on_done, call);
	else
		invalid(call, "reason");
}

static void on_reopen(struct call *call)
{
	dossier_reopen(begin(call), on_done, call);
}

static void on_export(struct call *call)
{
	const char *bad = NULL;
	DBusMessageIter it;
	int r;

	(void)dbus_message_iter_init(call->m, &it);
	r = wire_options(&it, NULL, 0, NULL, &bad);
	if (r < 0)
		call_fault(call, r);
	else if (r > 0)
		invalid(call, bad);
	else
		dossier_export(begin(call), on_done, call);
}

static const struct method methods[] = {
	{"Create", "a{sv}", "", "options", METHOD_DOSSIER, NULL, on_create},
	{"Summary", "", "h", "summary", METHOD_DOSSIER, NULL, on_summary},
	{"List", "a{sv}", "h", "filter documents", METHOD_DOSSIER, NULL, on_list},
	{"Read", "s", "hh", "id content facts", METHOD_DOSSIER, NULL, on_read},
	{"Add", "hh", "s", "content metadata id", METHOD_DOSSIER, NULL, on_add},
	{"SetVisibility", "ssb", "", "id flag on", METHOD_DOSSIER, NULL, on_visibility},
	{"Replace", "shh", "s", "id content metadata replacement", METHOD_DOSSIER, NULL,
		on_replace},
	{"Archive", "sb", "", "id on", METHOD_DOSSIER, NULL, on_archive},
	{"Delete", "s", "", "id", METHOD_DOSSIER, NULL, on_delete},
	{"Authorise", "h", "", "who", METHOD_DOSSIER, NULL, on_authorise},
	{"Revoke", "h", "", "who", METHOD_DOSSIER, NULL, on_revoke},
	{"Block", "hb", "", "who on", METHOD_DOSSIER, NULL, on_block},
	{"ListProfessionals", "", "h", "professionals", METHOD_DOSSIER, NULL,
		on_list_professionals},
	{"SetTreatingDoctor", "b", "", "on", METHOD_DOSSIER, NULL, on_set_treating_doctor},
	{"SetOpposition", "sb", "", "mode on", METHOD_DOSSIER, NULL, on_set_opposition},
	{"SetMaskedAllowed", "b", "", "on", METHOD_DOSSIER, NULL, on_set_masked_allowed},
	{"IssueActivationCode", "", "", "", METHOD_DOSSIER, NULL, on_issue_activation_code},
	{"SetPersonalCode", "", "", "", METHOD_DOSSIER, NULL, on_set_personal_code},
	{"History", "a{sv}", "h", "filter entries", METHOD_DOSSIER, NULL, on_history},
	{"Close", "h", "", "reason", METHOD_DOSSIER, NULL, on_close},
	{"Reopen", "", "", "", METHOD_DOSSIER, NULL, on_reopen},
	{"Export", "a{sv}", "h", "options archive", METHOD_DOSSIER, NULL, on_export},
};

static const struct property properties[] = {
	{"State", "s", 0, get_state},
};

static const struct signal signals[] = {
	{"Notified", "st", "what when"},
};

/* Behind what the owner must know before it: that there is a dossier. */
static void tell_notified(struct bus *b, struct session *s, const char *what, uint64_t when)
{
	struct object *o = objects_get(b, OBJECT_SESSION, session_id(s));
	struct wire w;

	if (!o)
		return;
	if (o->dirty)
		changes_tell(b, o);
	wire_signal(&w, o->path, interface_dossier.name, "Notified");
	wire_str(&w, what);
	wire_u64(&w, when);
	if (w.ok && !dbus_message_set_destination(w.m, session_owner(s)))
		w.ok = false;
	(void)bus_notify(b, &w);
}

void bus_notified(void *bus, const char *pseudonym, const char *what, uint64_t when)
{
	struct bus *b = bus;

	for (struct session *s = sessions_next(b->rooms.sessions, NULL); s;
		s = sessions_next(b->rooms.sessions, s)) {
		const struct session_patient *p = session_patient(s);

		if (p && dossier_state_of(s) && strcmp(p->pseudonym, pseudonym) == 0)
			tell_notified(b, s, what, when);
	}
}

const struct interface interface_dossier = {
	.name = "org.vitaled1.Dossier",
	.methods = methods,
	.n_methods = ARRAY_LEN(methods),
	.properties = properties,
	.n_properties = ARRAY_LEN(properties),
	.signals = signals,
	.n_signals = ARRAY_LEN(signals),
};
