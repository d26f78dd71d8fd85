/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The agents' registry. RegisterAgent asks configuration, limits and polkit (once a capability),
 * records the agent, then keeps it until it unregisters or leaves. The choice among several is a pure
 * function of configuration and session.
 */
#include "daemon/bus/agents.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/bus/ask.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/objects.h"
#include "daemon/bus/polkit.h"
#include "daemon/limits.h"

static const struct {
	const char *word;
	const char *action;
} capabilities[AGENT_CAPABILITIES] = {
	{"pin", "org.vitaled1.agent.register-pin"},
	{"professional", "org.vitaled1.agent.register-professional"},
	{"patient-display", "org.vitaled1.agent.register-patient-display"},
};

unsigned int agents_capability(const char *word)
{
	for (size_t i = 0; i < AGENT_CAPABILITIES; i++)
		if (strcmp(capabilities[i].word, word) == 0)
			return 1U << i;
	return 0;
}

const char *agents_capability_word(size_t i)
{
	return capabilities[i].word;
}

/* -- who may, who is asked -- */

static bool row_is(const struct config_agent *row, unsigned int capability)
{
	return agents_capability(row->capability) == capability;
}

/* @pair: NULL: any */
static bool configured(
	const struct config *config, unsigned int capability, const char *pair, uid_t uid)
{
	for (size_t i = 0; i < config->n_agents; i++) {
		const struct config_agent *row = &config->agents[i];

		if (!row_is(row, capability) || row->uid != uid)
			continue;
		if (!pair || row->pair[0] == '\0' || strcmp(row->pair, pair) == 0)
			return true;
	}
	return false;
}

bool agents_may_hold(const struct config *config, unsigned int capability, uid_t uid)
{
	bool rows = capability == AGENT_PATIENT_DISPLAY;

	for (size_t i = 0; i < config->n_agents; i++)
		rows = rows || row_is(&config->agents[i], capability);
	return !rows || configured(config, capability, NULL, uid);
}

enum agent_rank_word agents_rank(const struct config *config, const struct agent_facts *a,
	unsigned int capability, const char *pair, const char *owner, uid_t uid)
{
	bool own = a->uid == uid;

	if (!(a->capabilities & capability) || strcmp(a->name, owner) == 0)
		return AGENT_RANK_NONE;
	if (configured(config, capability, pair, a->uid))
		return own ? AGENT_RANK_CONFIGURED_OWN : AGENT_RANK_CONFIGURED;
	if (configured(config, capability, NULL, a->uid)) /* for other pairs alone */
		return AGENT_RANK_NONE;
	return own && capability != AGENT_PATIENT_DISPLAY ? AGENT_RANK_OWN : AGENT_RANK_NONE;
}

struct agent *agents_pick(
	struct bus *b, unsigned int capability, const char *pair, const char *owner, uid_t uid)
{
	enum agent_rank_word best_rank = AGENT_RANK_NONE;
	struct agent *best = NULL;

	for (struct agent *a = b->agents; a; a = a->next) { /* newest first */
		struct agent_facts facts = {.capabilities = a->capabilities,
			.uid = a->peer->uid,
			.name = a->peer->name};
		enum agent_rank_word rank =
			agents_rank(b->rooms.config, &facts, capability, pair, owner, uid);

		if (rank > best_rank) {
			best_rank = rank;
			best = a;
		}
	}
	return best;
}

struct agent *agents_by_number(struct bus *b, uint64_t number)
{
	for (struct agent *a = b->agents; a; a = a->next)
		if (a->number == number)
			return a;
	return NULL;
}

void agents_put(struct bus *b, struct wire *w)
{
	struct wire list, row;

	wire_open(w, DBUS_TYPE_ARRAY, "(ss)", &list);
	for (const struct agent *a = b->agents; a; a = a->next)
		for (size_t i = 0; i < AGENT_CAPABILITIES; i++) {
			if (!(a->capabilities & 1U << i))
				continue;
			wire_open(&list, DBUS_TYPE_STRUCT, NULL, &row);
			wire_str(&row, capabilities[i].word);
			wire_str(&row, a->peer->name);
			wire_close(&list, &row);
		}
	wire_close(w, &list);
}

/* -- coming and going -- */

static void agent_free(struct agent *a)
{
	free(a->path);
	free(a);
}

static void agent_drop(struct agent *a)
{
	struct bus *b = a->b;

	for (struct agent **at = &b->agents; *at; at = &(*at)->next)
		if (*at == a) {
			*at = a->next;
			break;
		}
	peer_give(a->peer, QUOTA_AGENTS, 1);
	ask_agent_gone(b, a); /* after it left the list: nothing picks it anew */
	agent_free(a);
	changes_root(b);
}

void agents_left(struct bus *b, const struct peer *p)
{
	struct agent *a = b->agents;

	while (a) {
		if (a->peer != p) {
			a = a->next;
			continue;
		}
		agent_drop(a);
		a = b->agents; /* the list may have changed */
	}
}

static void tell_release(const struct agent *a)
{
	struct wire w;

	wire_call(&w, a->peer->name, a->path, BUS_AGENT, "Release");
	if (w.ok)
		dbus_message_set_no_reply(w.m, TRUE);
	(void)bus_notify(a->b, &w);
}

static bool allowed(const struct agent *a)
{
	for (size_t i = 0; i < AGENT_CAPABILITIES; i++)
		if (a->capabilities & 1U << i &&
			!agents_may_hold(a->b->rooms.config, 1U << i, a->peer->uid))
			return false;
	return true;
}

void agents_configured(struct bus *b)
{
	struct agent *a = b->agents;

	while (a) {
		if (allowed(a)) {
			a = a->next;
			continue;
		}
		tell_release(a);
		agent_drop(a);
		a = b->agents; /* the list may have changed */
	}
}

void agents_free(struct bus *b)
{
	while (b->agents) {
		struct agent *a = b->agents;

		tell_release(a);
		b->agents = a->next;
		peer_give(a->peer, QUOTA_AGENTS, 1);
		agent_free(a);
	}
}

/* the system's own users stand in /etc/passwd; no name service is asked, since that may block */
static void user_name(uid_t uid, const char *otherwise, char ret[64])
{
	FILE *f = fopen("/etc/passwd", "re");
	struct passwd *pw = NULL;

	(void)snprintf(ret, 64, "%s", otherwise);
	if (!f)
		return;
	while ((pw = fgetpwent(f)) && pw->pw_uid != uid)
		;
	if (pw && dbus_validate_utf8(pw->pw_name, NULL))
		(void)snprintf(ret, 64, "%s", pw->pw_name);
	(void)fclose(f);
}

static struct agent *agent_of(struct bus *b, const struct peer *p, const char *path)
{
	for (struct agent *a = b->agents; a; a = a->next)
		if (a->peer == p && strcmp(a->path, path) == 0)
			return a;
	return NULL;
}

/* -- RegisterAgent -- */

struct registration {
	char *path;
	unsigned int wanted;
	unsigned int left; /* not yet asked polkit about */
};

static void registration_free(void *data)
{
	struct registration *reg = data;

	free(reg->path);
	free(reg);
}

static int record_agent(
	struct bus *b, const struct peer *p, unsigned int wanted, const char *user)
{
	_cleanup_json_ json_t *details = json_object();
	json_t *words = json_array();
	struct audit_entry e = AUDIT_ENTRY_NULL;
	int r = 0;

	for (size_t i = 0; i < AGENT_CAPABILITIES; i++)
		if (wanted & 1U << i &&
			json_array_append_new(words, json_string(capabilities[i].word)))
			r = fault(-ENOMEM);
	if (!details || r < 0) {
		json_decref(words);
		return fault(-ENOMEM);
	}
	r = json_set(details, "capabilities", words);
	if (r == 0)
		r = json_set(details, "user", json_string(user));
	if (r < 0)
		return trace(r);
	e.event = AUDIT_EVENT_AGENT;
	e.outcome = "ok";
	e.caller_uid = (int64_t)p->uid;
	e.caller = p->name;
	e.details = details;
	return audit_append(b->rooms.audit, &e, NULL);
}

/* limits and uniqueness; asked before polkit and again after it */
static enum vitaled_reason may_register(struct call *call, const struct registration *reg)
{
	struct bus *b = call->b;

	if (!peer_fits(call->peer, QUOTA_AGENTS, 1))
		return VITALED_REASON_LIMITS_EXCEEDED;
	if (agent_of(b, call->peer, reg->path))
		return VITALED_REASON_WRONG_STATE;
	for (size_t i = 0; i < AGENT_CAPABILITIES; i++)
		if (reg->wanted & 1U << i &&
			!agents_may_hold(b->rooms.config, 1U << i, call->peer->uid))
			return VITALED_REASON_ACCESS_DENIED;
	return VITALED_REASON_NONE;
}

static void refuse_agent(struct call *call, enum vitaled_reason why)
{
	call_fail(call, why,
		why == VITALED_REASON_LIMITS_EXCEEDED ? quota_word(QUOTA_AGENTS) : "agent");
}

static void register_now(struct call *call, struct registration *reg)
{
	struct bus *b = call->b;
	enum vitaled_reason why = may_register(call, reg);
	struct agent *a;
	int r;

	if (why != VITALED_REASON_NONE) {
		refuse_agent(call, why);
		return;
	}
	a = calloc(1, sizeof(*a));
	if (!a || !peer_take(call->peer, QUOTA_AGENTS, 1)) { /* there was room right above */
		free(a);
		call_fault(call, fault(-ENOMEM));
		return;
	}
	*a = (struct agent){.b = b, .peer = call->peer, .capabilities = reg->wanted};
	user_name(call->peer->uid, call->peer->name, a->user);
	r = record_agent(b, call->peer, reg->wanted, a->user);
	if (r) {
		peer_give(call->peer, QUOTA_AGENTS, 1);
		free(a);
		if (r < 0)
			call_fault(call, r);
		else
			call_fail(call, VITALED_REASON_AUDIT_UNAVAILABLE, NULL);
		return;
	}
	a->path = reg->path;
	reg->path = NULL;
	a->number = ++b->agent_seq;
	a->next = b->agents;
	b->agents = a;
	changes_root(b);
	call_done(call);
}

static void register_next(struct call *call)
{
	struct registration *reg = call->data;

	for (size_t i = 0; i < AGENT_CAPABILITIES; i++) {
		if (!(reg->left & 1U << i))
			continue;
		reg->left &= ~(1U << i);
		polkit_check(call, capabilities[i].action, register_next);
		return;
	}
	register_now(call, reg);
}

static unsigned int read_capabilities(DBusMessageIter *it)
{
	DBusMessageIter array;
	unsigned int all = 0;

	dbus_message_iter_recurse(it, &array);
	while (dbus_message_iter_get_arg_type(&array) == DBUS_TYPE_STRING) {
		unsigned int bit = agents_capability(wire_get_str(&array));

		if (!bit || all & bit)
			return 0;
		all |= bit;
		(void)dbus_message_iter_next(&array);
	}
	return all;
}

void agents_on_register(struct call *call)
{
	struct registration *reg = calloc(1, sizeof(*reg));
	enum vitaled_reason why;
	DBusMessageIter it;
	const char *path;

	if (!reg) {
		call_fault(call, fault(-ENOMEM));
		return;
	}
	call->data = reg;
	call->data_free = registration_free;
	(void)dbus_message_iter_init(call->m, &it);
	path = wire_get_str(&it);
	if (strlen(path) > LIMIT_AGENT_PATH) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "path");
		return;
	}
	reg->path = strdup(path);
	(void)dbus_message_iter_next(&it);
	reg->wanted = reg->left = read_capabilities(&it);
	if (!reg->path) {
		call_fault(call, fault(-ENOMEM));
		return;
	}
	if (!reg->wanted) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "capabilities");
		return;
	}
	why = may_register(call, reg);
	if (why != VITALED_REASON_NONE)
		refuse_agent(call, why);
	else
		register_next(call);
}

void agents_on_unregister(struct call *call)
{
	DBusMessageIter it;
	struct agent *a;

	(void)dbus_message_iter_init(call->m, &it);
	a = agent_of(call->b, call->peer, wire_get_str(&it));
	if (!a) {
		call_fail(call, VITALED_REASON_INVALID_ARGUMENT, "agent");
		return;
	}
	agent_drop(a);
	call_done(call);
}
