/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Peers and their calls. A new name is watched by a match rule before its credentials are asked, so
 * that a peer that leaves in between shows as an error; its calls wait until they are there. Past
 * LIMIT_PEERS an idle peer is forgotten: of the user that has most of them the one that was idle
 * longest, so that nobody can fill the table by connecting; a peer with calls, sessions, leases or
 * agents is never forgotten. A call is weighed before it is taken and counts, with its bytes and
 * descriptors, for its connection and its user until it ends (bus/quota.h).
 */
#include "daemon/bus/peers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/agents.h"
#include "daemon/bus/dispatch.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/fds.h"
#include "daemon/bus/handed.h"
#include "daemon/bus/polkit.h"
#include "daemon/bus/weigh.h"
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

static void call_give_all(struct call *call)
{
	for (unsigned int k = 0; k < QUOTA_KINDS; k++)
		call_give(call, (enum quota)k);
}

bool peer_fits(const struct peer *p, enum quota kind, uint32_t n)
{
	return quota_fits(&p->b->quotas, p->user, &p->load, kind, n);
}

bool peer_take(struct peer *p, enum quota kind, uint32_t n)
{
	return quota_take(&p->b->quotas, p->user, &p->load, kind, n);
}

void peer_give(struct peer *p, enum quota kind, uint32_t n)
{
	quota_give(&p->b->quotas, p->user, &p->load, kind, n);
}

bool call_take(struct call *call, enum quota kind, uint32_t n)
{
	if (!peer_take(call->peer, kind, n))
		return false;
	call->load.of[kind] += n;
	return true;
}

void call_give(struct call *call, enum quota kind)
{
	peer_give(call->peer, kind, call->load.of[kind]);
	call->load.of[kind] = 0;
}

const char *call_hold(struct call *call)
{
	for (unsigned int k = 0; k < QUOTA_KINDS; k++)
		if (call->weight.of[k] && !call_take(call, (enum quota)k, call->weight.of[k]))
			return quota_word((enum quota)k);
	return NULL;
}

static struct call *call_new(struct peer *p, DBusMessage *m, const struct weight *w)
{
	struct call *call = calloc(1, sizeof(*call));
	struct call **end = &p->calls;

	if (!call)
		return NULL;
	*call = (struct call){.b = p->b, .peer = p, .m = dbus_message_ref(m), .fds = {-1, -1}};
	call->weight.of[QUOTA_CALLS] = 1;
	call->weight.of[QUOTA_BYTES] = w->bytes;
	call->weight.of[QUOTA_DESCRIPTORS] = 2 * w->fds; /* the message's own, and ours */
	while (*end)
		end = &(*end)->next;
	*end = call;
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
	polkit_cancel(call);
	call_forget(call);
	call_give_all(call);
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

static struct peer **chain_of(struct bus *b, const char *name)
{
	uint32_t hash = 0x811c9dc5U; /* FNV-1a; the bus makes the names, nobody chooses them */

	for (const char *at = name; *at; at++)
		hash = (hash ^ (uint8_t)*at) * 0x01000193U;
	return &b->peers_named[hash % PEERS_HASHED];
}

struct peer *peers_find(struct bus *b, const char *name)
{
	for (struct peer *p = *chain_of(b, name); p; p = p->next_named)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

static void peer_link(struct peer *p)
{
	struct bus *b = p->b;
	struct peer **chain = chain_of(b, p->name);

	p->next = b->peers;
	b->peers = p;
	p->next_named = *chain;
	*chain = p;
	b->n_peers++;
}

static void peer_unlink(struct peer *p)
{
	struct bus *b = p->b;

	for (struct peer **at = &b->peers; *at; at = &(*at)->next)
		if (*at == p) {
			*at = p->next;
			break;
		}
	for (struct peer **at = chain_of(b, p->name); *at; at = &(*at)->next_named)
		if (*at == p) {
			*at = p->next_named;
			break;
		}
	b->n_peers--;
}

static void peer_free(struct peer *p, bool unwatch)
{
	struct bus *b = p->b;

	peer_unlink(p);
	if (p->asking) {
		dbus_pending_call_cancel(p->asking);
		dbus_pending_call_unref(p->asking);
	}
	while (p->calls)
		call_end(p->calls);
	handed_free(p);
	p->user = quota_user_unref(&b->quotas, p->user);
	if (unwatch && match_rule(p, false) < 0) {
		/* out of memory: the rule stays at the bus, and only costs a signal */
	}
	free(p->name);
	free(p);
}

static bool peer_idle(const struct peer *p)
{
	return !p->calls && !p->n_objects && !p->load.of[QUOTA_AGENTS] && !p->handed;
}

/* whether @p makes way before @q: its user has more connections, or it was idle for longer */
static bool goes_before(const struct peer *p, const struct peer *q)
{
	uint32_t mine = p->user ? p->user->n_connections : 0;
	uint32_t its = q->user ? q->user->n_connections : 0;

	return mine != its ? mine > its : p->used < q->used;
}

static bool make_room(struct bus *b)
{
	struct peer *first = NULL;

	if (b->n_peers < LIMIT_PEERS)
		return true;
	for (struct peer *p = b->peers; p; p = p->next)
		if (peer_idle(p) && (!first || goes_before(p, first)))
			first = p;
	if (!first)
		return false;
	peer_free(first, true);
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

/* the calls that wait leave the strangers' account; false: out of memory */
static bool peer_befriend(struct peer *p, uid_t uid)
{
	for (struct call *call = p->calls; call; call = call->next)
		call_give_all(call);
	p->user = quota_user_ref(&p->b->quotas, uid);
	p->uid = uid;
	p->known = p->user != NULL;
	return p->known;
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
	uid_t uid = 0;
	bool told;

	p->asking = NULL;
	dbus_pending_call_unref(pending);
	/* only the bus itself vouches for a peer */
	told = reply && dbus_message_has_sender(reply, DBUS_SERVICE_DBUS) &&
	       read_uid(reply, &uid);
	if (reply)
		dbus_message_unref(reply);
	if (told && peer_befriend(p, uid)) {
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
	*p = (struct peer){.b = b, .name = strdup(name)};
	if (!p->name) {
		free(p);
		return fault(-ENOMEM);
	}
	peer_link(p);
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

void peers_refuse(struct bus *b, DBusMessage *m, enum vitaled_reason r, const char *detail)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(128);
	struct wire w = {.ok = false};

	if (dbus_message_get_no_reply(m))
		return;
	buf_put_str(&text, vitaled_reason_word(r));
	if (detail)
		buf_printf(&text, ": %s", detail);
	buf_put_u8(&text, 0);
	if (buf_check(&text) == 0)
		w.m = dbus_message_new_error(m, vitaled_error_bus(r), (const char *)text.data);
	w.ok = w.m != NULL;
	bus_send(b, &w);
}

/* Return: 0, a fault or an outcome of weigh() that was answered */
static int take_weight(struct bus *b, DBusMessage *m, struct weight *ret)
{
	int r = weigh(m, ret);

	if (r <= 0)
		return r < 0 ? trace(r) : 0;
	switch ((enum weigh_outcome)r) {
	case WEIGH_HEAVY:
		peers_refuse(b, m, VITALED_REASON_LIMITS_EXCEEDED, quota_word(QUOTA_BYTES));
		break;
	case WEIGH_DEEP:
		peers_refuse(b, m, VITALED_REASON_LIMITS_EXCEEDED, "depth");
		break;
	case WEIGH_FDS:
		peers_refuse(
			b, m, VITALED_REASON_LIMITS_EXCEEDED, quota_word(QUOTA_DESCRIPTORS));
		break;
	}
	return r;
}

static void take_call(struct call *call)
{
	const char *full = NULL;

	if (call->peer->known) {
		dispatch_run(call);
		return;
	}
	full = call_hold(call);
	if (full)
		call_fail(call, VITALED_REASON_LIMITS_EXCEEDED, full);
}

int peers_take(struct bus *b, DBusMessage *m)
{
	const char *name = dbus_message_get_sender(m);
	struct weight w = {.bytes = 0};
	struct peer *p;
	struct call *call;
	int r;

	if (!name)
		return 0;
	r = take_weight(b, m, &w);
	if (r != 0)
		return r < 0 ? trace(r) : 0;
	p = peers_find(b, name);
	if (!p) {
		if (!make_room(b)) {
			peers_refuse(b, m, VITALED_REASON_LIMITS_EXCEEDED, "peers");
			return 0;
		}
		r = peer_new(b, name, &p);
		if (r < 0)
			return trace(r);
	}
	call = call_new(p, m, &w);
	if (!call)
		return fault(-ENOMEM);
	take_call(call);
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
