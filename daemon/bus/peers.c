/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Peers and their calls. A new name is watched by a match rule before its credentials are asked, so
 * that a peer that leaves in between shows as an error; its calls wait until they are there. Past
 * LIMIT_PEERS the peer that was idle longest is forgotten, so that nobody can fill the table by
 * connecting; a peer with calls, sessions, leases or agents is never
 * forgotten.
 */
#include "daemon/bus/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/agents.h"
#include "daemon/bus/dispatch.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/polkit.h"
#include "daemon/limits.h"

static int match_rule(const struct peer *p, bool add)
{
	_cleanup_(buf_done) struct buf rule = BUF_NULL(512);

	buf_printf(&rule,
		"type='signal',sender='" DBUS_SERVICE_DBUS "',path='" DBUS_PATH_DBUS
		"',interface='" DBUS_INTERFACE_DBUS "',member='NameOwnerChanged',arg0='%s'",
		p->name);
	buf_put_u8(&rule, 0);
	if (buf_check(&rule) < 0)
		return fault(-ENOMEM);
	if (add)
		dbus_bus_add_match(p->b->c, (const char *)rule.data, NULL);
	else
		dbus_bus_remove_match(p->b->c, (const char *)rule.data, NULL);
	return 0;
}

/* -- calls -- */

static struct call *call_new(struct peer *p, DBusMessage *m)
{
	struct call *call = calloc(1, sizeof(*call));
	struct call **end = &p->calls;

	if (!call)
		return NULL;
	*call = (struct call){.b = p->b, .peer = p, .m = dbus_message_ref(m), .fds = {-1, -1}};
	while (*end)
		end = &(*end)->next;
	*end = call;
	p->n_calls++;
	p->used = ++p->b->peer_clock;
	return call;
}

static void call_forget(struct call *call)
{
	call_fn forget = call->forget;

	call->forget = NULL;
	if (forget)
		forget(call);
}

void call_end(struct call *call)
{
	struct peer *p = call->peer;

	for (struct call **at = &p->calls; *at; at = &(*at)->next)
		if (*at == call) {
			*at = call->next;
			break;
		}
	p->n_calls--;
	polkit_cancel(call);
	call_forget(call);
	if (call->data_free)
		call->data_free(call->data);
	fd_close(&call->fds[0]);
	fd_close(&call->fds[1]);
	dbus_message_unref(call->m);
	free(call);
}

static void call_answer(struct call *call, struct wire *w)
{
	if (call->peer->gone || dbus_message_get_no_reply(call->m))
		wire_done(w);
	else
		bus_send(call->b, w);
	call->forget = NULL; /* answered: nobody works for it any more */
	call_end(call);
}

void call_reply(struct call *call, struct wire *w)
{
	if (!w->ok) {
		wire_done(w);
		call_fault(call, fault(-ENOMEM));
		return;
	}
	call_answer(call, w);
}

void call_done(struct call *call)
{
	struct wire w;

	wire_reply(&w, call->m);
	call_reply(call, &w);
}

void call_error(struct call *call, const char *name, const char *text)
{
	DBusMessage *m = dbus_message_new_error(call->m, name, text);
	struct wire w = {.m = m, .ok = m != NULL};

	call_answer(call, &w);
}

/* -- peers -- */

struct peer *peers_find(struct bus *b, const char *name)
{
	for (struct peer *p = b->peers; p; p = p->next)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

size_t peers_waiting(const struct bus *b, uid_t uid)
{
	size_t n = 0;

	for (const struct peer *p = b->peers; p; p = p->next)
		if (p->known && p->uid == uid)
			n += p->n_calls;
	return n;
}

static void peer_free(struct peer *p, bool unwatch)
{
	struct bus *b = p->b;

	for (struct peer **at = &b->peers; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	b->n_peers--;
	if (p->asking) {
		dbus_pending_call_cancel(p->asking);
		dbus_pending_call_unref(p->asking);
	}
	while (p->calls)
		call_end(p->calls);
	if (unwatch && match_rule(p, false) < 0) {
		/* out of memory: the rule stays at the bus, and only costs a signal */
	}
	free(p->name);
	free(p);
}

static bool peer_idle(struct bus *b, const struct peer *p)
{
	if (p->calls || agents_of_peer(b, p))
		return false;
	for (struct lease *l = leases_next(b->rooms.leases, NULL); l;
		l = leases_next(b->rooms.leases, l))
		if (strcmp(lease_owner(l), p->name) == 0)
			return false;
	for (struct session *s = sessions_next(b->rooms.sessions, NULL); s;
		s = sessions_next(b->rooms.sessions, s))
		if (strcmp(session_owner(s), p->name) == 0)
			return false;
	return true;
}

static bool make_room(struct bus *b)
{
	struct peer *oldest = NULL;

	if (b->n_peers < LIMIT_PEERS)
		return true;
	for (struct peer *p = b->peers; p; p = p->next)
		if ((!oldest || p->used < oldest->used) && peer_idle(b, p))
			oldest = p;
	if (!oldest)
		return false;
	peer_free(oldest, true);
	return true;
}

static void peer_known(struct peer *p)
{
	struct call *call = p->calls;

	/* a call that runs may end itself and others: look for the next one that has not begun */
	while (call) {
		if (call->method) {
			call = call->next;
			continue;
		}
		dispatch_run(call);
		call = p->calls;
	}
}

static bool read_uid(DBusMessage *reply, uid_t *ret_uid)
{
	DBusMessageIter it, array, entry, value;

	if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_METHOD_RETURN ||
		!dbus_message_has_signature(reply, "a{sv}"))
		return false;
	(void)dbus_message_iter_init(reply, &it);
	dbus_message_iter_recurse(&it, &array);
	for (; dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_DICT_ENTRY;
		(void)dbus_message_iter_next(&array)) {
		dbus_message_iter_recurse(&array, &entry);
		if (strcmp(wire_get_str(&entry), "UnixUserID") != 0)
			continue;
		(void)dbus_message_iter_next(&entry);
		dbus_message_iter_recurse(&entry, &value);
		if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_UINT32)
			return false;
		*ret_uid = wire_get_u32(&value);
		return true;
	}
	return false;
}

static void on_credentials(DBusPendingCall *pending, void *user)
{
	struct peer *p = user;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);

	p->asking = NULL;
	dbus_pending_call_unref(pending);
	/* only the bus itself vouches for a peer */
	p->known = reply && dbus_message_has_sender(reply, DBUS_SERVICE_DBUS) &&
		   read_uid(reply, &p->uid);
	if (reply)
		dbus_message_unref(reply);
	if (p->known) {
		peer_known(p);
		return;
	}
	/* it left in between, or the bus does not vouch for it */
	while (p->calls)
		call_fail(p->calls, VITALED_REASON_ACCESS_DENIED, "no credentials");
	peer_free(p, true);
}

static int ask_credentials(struct peer *p)
{
	struct wire w;
	DBusMessage *m;
	int r = 0;

	wire_call(&w, DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
		"GetConnectionCredentials");
	wire_str(&w, p->name);
	m = wire_take(&w);
	if (!m)
		return fault(-ENOMEM);
	if (!dbus_connection_send_with_reply(p->b->c, m, &p->asking, DBUS_TIMEOUT_INFINITE) ||
		!p->asking || !dbus_pending_call_set_notify(p->asking, on_credentials, p, NULL))
		r = fault(-ENOMEM);
	dbus_message_unref(m);
	return r;
}

static int peer_new(struct bus *b, const char *name, struct peer **ret)
{
	struct peer *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return fault(-ENOMEM);
	*p = (struct peer){.b = b, .next = b->peers, .name = strdup(name)};
	if (!p->name) {
		free(p);
		return fault(-ENOMEM);
	}
	b->peers = p;
	b->n_peers++;
	r = match_rule(p, true);
	if (r == 0)
		r = ask_credentials(p);
	if (r < 0) {
		peer_free(p, true);
		return trace(r);
	}
	*ret = p;
	return 0;
}

void peers_refuse(struct bus *b, DBusMessage *m, enum vitaled_reason r)
{
	DBusMessage *e =
		dbus_message_new_error(m, vitaled_error_bus(r), vitaled_reason_word(r));
	struct wire w = {.m = e, .ok = e != NULL};

	if (dbus_message_get_no_reply(m))
		wire_done(&w);
	else
		bus_send(b, &w);
}

int peers_take(struct bus *b, DBusMessage *m)
{
	const char *name = dbus_message_get_sender(m);
	struct peer *p;
	struct call *call;
	int r;

	if (!name)
		return 0;
	p = peers_find(b, name);
	if (!p) {
		if (!make_room(b)) {
			peers_refuse(b, m, VITALED_REASON_LIMITS_EXCEEDED);
			return 0;
		}
		r = peer_new(b, name, &p);
		if (r < 0)
			return trace(r);
	}
	if ((p->known ? peers_waiting(b, p->uid) : p->n_calls) >= LIMIT_CALLS_WAITING) {
		peers_refuse(b, m, VITALED_REASON_LIMITS_EXCEEDED);
		return 0;
	}
	call = call_new(p, m);
	if (!call)
		return fault(-ENOMEM);
	if (p->known)
		dispatch_run(call);
	return 0;
}

void peers_left(struct bus *b, const char *name)
{
	struct peer *p = peers_find(b, name);

	if (!p)
		return;
	p->gone = true;
	sessions_owner_gone(b->rooms.sessions, name); /* first: what is unlocked locks */
	while (p->calls)
		call_end(p->calls);
	pins_owner_gone(b->rooms.pins, name);
	leases_owner_gone(b->rooms.leases, name);
	agents_left(b, p);
	peer_free(p, true);
}

void peers_free(struct bus *b)
{
	while (b->peers)
		peer_free(b->peers, false);
}

/* each call leaves its list while it ends: look again from the start */
static struct call *call_waiting(const struct bus *b, uint32_t session, call_fn forget)
{
	for (const struct peer *p = b->peers; p; p = p->next)
		for (struct call *call = p->calls; call; call = call->next)
			if (session ? call->session == session : call->forget == forget)
				return call;
	return NULL;
}

void calls_of_session(struct bus *b, uint32_t id)
{
	struct call *call;

	while ((call = call_waiting(b, id, NULL))) {
		call_forget(call);
		call_fail(call, VITALED_REASON_WRONG_STATE, "session ended");
	}
}

void calls_abandon(struct bus *b, call_fn forget)
{
	struct call *call;

	while ((call = call_waiting(b, 0, forget))) {
		call_forget(call);
		call_fail(call, VITALED_REASON_FAILED, "the service ends");
	}
}
