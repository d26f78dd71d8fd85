/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Manager.Diagnose: what an installation lacks, as named findings with facts; clients word them.
 * Each finding is true now: nothing is remembered.
 */
#include "base/clock.h"
#include "daemon/bus/agents.h"
#include "daemon/bus/interfaces.h"

static const char *service_word(enum reader_service service)
{
	switch (service) {
	case READER_SERVICE_ABSENT:
		return "absent";
	case READER_SERVICE_STOPPED:
		return "stopped";
	case READER_SERVICE_RUNNING:
		return "running";
	}
	return "";
}

/* one finding: its name and at most one fact */
static void put(struct wire *list, const char *name, const char *fact, const char *value)
{
	struct wire dict;

	wire_open(list, DBUS_TYPE_ARRAY, "{sv}", &dict);
	wire_sv_str(&dict, "name", name);
	if (fact)
		wire_sv_str(&dict, fact, value);
	wire_close(list, &dict);
}

static void put_readers(struct bus *b, struct wire *list)
{
	enum reader_service service = cards_service(b->rooms.cards);
	bool any = false;

	if (service != READER_SERVICE_RUNNING) {
		put(list, "no-reader-service", "state", service_word(service));
		return;
	}
	for (size_t i = 0;; i++) {
		const struct card_reader *r = cards_reader(b->rooms.cards, i);

		if (!r)
			break;
		any = any || r->present;
	}
	if (!any && cards_listed(b->rooms.cards))
		put(list, "no-reader", NULL, NULL);
}

static void put_trust(const struct bus *b, struct wire *list)
{
	static const enum nature natures[] = {NATURE_REAL, NATURE_TEST, NATURE_SIMULATED};

	for (size_t i = 0; i < ARRAY_LEN(natures); i++) {
		if (trust_count(b->rooms.trust, natures[i]) == 0)
			put(list, "no-anchors", "nature", nature_word(natures[i]));
		if (b->rooms.config->required[natures[i]] == PROOF_LOCKED)
			put(list, "proof-locked", "nature", nature_word(natures[i]));
	}
}

static void put_list(void *user, const struct crl_finding *f)
{
	const struct {
		const char *name;
		const char *value;
	} facts[] = {
		{"nature", f->nature},
		{"authority", f->authority},
		{"file", f->file},
		{"reason", f->reason},
	};
	struct wire *list = user, dict;

	wire_open(list, DBUS_TYPE_ARRAY, "{sv}", &dict);
	wire_sv_str(&dict, "name", f->name);
	for (size_t i = 0; i < ARRAY_LEN(facts); i++)
		if (facts[i].value)
			wire_sv_str(&dict, facts[i].name, facts[i].value);
	wire_close(list, &dict);
}

static void put_agents(struct call *call, struct wire *list)
{
	static const unsigned int needed[] = {0, 1}; /* pin, professional */

	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!agents_pick(call->b, 1U << needed[i], "default", call->peer->name,
			    call->peer->uid))
			put(list, "no-agent", "capability", agents_capability_word(needed[i]));
}

void manager_on_diagnose(struct call *call)
{
	struct bus *b = call->b;
	const char *cause = audit_cause(b->rooms.audit);
	struct wire w, list;

	wire_reply(&w, call->m);
	wire_open(&w, DBUS_TYPE_ARRAY, "a{sv}", &list);
	put_readers(b, &list);
	put_trust(b, &list);
	crls_state(b->rooms.crls, clock_wall(), put_list, &list);
	put_agents(call, &list);
	if (cause && *cause)
		put(&list, "audit-unavailable", "cause", cause);
	if (VITALED_FILTER_LOGS)
		put(&list, "filter-logs", NULL, NULL);
	wire_close(&w, &list);
	call_reply(call, &w);
}
