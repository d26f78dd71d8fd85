/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Manager.Diagnose: what an installation lacks, as named findings with facts; clients word them.
 * Each finding is true now: nothing is remembered but what cannot change while this process lives
 * (its sandbox, where its key came from). One question may go to the bus first: whether a polkit that
 * does not run would be started.
 */
#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/secret.h"
#include "daemon/broker/forward.h"
#include "daemon/broker/outbox.h"
#include "daemon/bus/agents.h"
#include "daemon/bus/errors.h"
#include "daemon/bus/interfaces.h"
#include "daemon/bus/sleep.h"
#include "daemon/confined.h"
#include "daemon/limits.h"
#include "daemon/trust/feeders.h"
#include "include/vitaled/findings.h"

#define POLKIT_NAME "org.freedesktop.PolicyKit1"

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

static void put_finding(
	struct wire *list, enum vitaled_finding f, const char *fact, const char *value)
{
	put(list, vitaled_finding_word(f), fact, value);
}

static void put_readers(struct bus *b, struct wire *list)
{
	enum reader_service service = cards_service(b->rooms.cards);
	bool any = false;

	if (service != READER_SERVICE_RUNNING) {
		put(list, "no-reader-service", "state", reader_service_word(service));
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

/* -- trust -- */

static void put_end(struct wire *list, enum vitaled_finding f, const struct trust_anchor *a)
{
	struct wire dict;

	wire_open(list, DBUS_TYPE_ARRAY, "{sv}", &dict);
	wire_sv_str(&dict, "name", vitaled_finding_word(f));
	wire_sv_str(&dict, "nature", nature_word(a->nature));
	wire_sv_str(&dict, "subject", a->subject);
	wire_sv_u64(&dict, "until", a->until);
	wire_close(list, &dict);
}

static void put_anchor(void *user, const struct trust_anchor *a)
{
	uint64_t now = clock_wall();

	if (a->until <= now + LIMIT_ANCHOR_NOTICE)
		put_end(user,
			a->until > now ? VITALED_FINDING_ANCHOR_EXPIRES
				       : VITALED_FINDING_ANCHOR_EXPIRED,
			a);
}

static void put_feeder(void *user, const struct trust_anchor *a)
{
	if (a->until <= clock_wall())
		put_end(user, VITALED_FINDING_FEEDER_ANCHOR_EXPIRED, a);
}

/* They are read with each feed only: those that are there now. */
static void put_feeders(const struct bus *b, struct wire *list)
{
	_cleanup_(buf_done) struct buf anchors = BUF_NULL(LIMIT_FEED_ANCHORS);
	_cleanup_(buf_done) struct buf file = BUF_NULL(512);
	const char *folder = b->rooms.config->anchors;
	char bad[256];
	int r = feeders_read(folder, b->rooms.trust, &anchors, bad);

	if (r == 0) {
		crls_feeders(b->rooms.crls, buf_view(&anchors));
		(void)!feeders_each(buf_view(&anchors), put_feeder, list);
		return;
	}
	buf_printf(&file, "%s/feeder/%s", folder, bad);
	buf_put_u8(&file, 0);
	if (buf_check(&file) == 0)
		put_finding(
			list, VITALED_FINDING_FEEDER_ANCHORS, "file", (const char *)file.data);
}

static void put_trust(const struct bus *b, struct wire *list)
{
	static const enum nature natures[] = {NATURE_REAL, NATURE_TEST, NATURE_SIMULATED};

	for (size_t i = 0; i < ARRAY_LEN(natures); i++) {
		if (trust_count(b->rooms.trust, natures[i]) == 0)
			put_finding(list, VITALED_FINDING_NO_ANCHORS, "nature",
				nature_word(natures[i]));
		if (b->rooms.config->required[natures[i]] == PROOF_LOCKED)
			put_finding(list, VITALED_FINDING_PROOF_LOCKED, "nature",
				nature_word(natures[i]));
	}
	trust_anchors(b->rooms.trust, put_anchor, list);
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
		if (!agents_pick(
			    call->b, 1U << needed[i], NULL, call->peer->name, call->peer->uid))
			put(list, "no-agent", "capability", agents_capability_word(needed[i]));
}

/* -- the place that the service has -- */

static void put_confinement(const struct bus *b, struct wire *list)
{
	for (unsigned int d = 0; d < CONFINED_COUNT; d++)
		if (b->rooms.unconfined & (UINT32_C(1) << d))
			put_finding(list, VITALED_FINDING_NOT_CONFINED, "directive",
				confined_word((enum confined_directive)d));
	if (VITALED_FILTER_LOGS)
		put_finding(list, VITALED_FINDING_FILTER_LOGS, NULL, NULL);
}

/* By taking one: what the limits allow now. */
static void put_secrets(const struct bus *b, struct wire *list)
{
	_cleanup_(secret_done) struct secret s = SECRET_NULL;

	if (secret_new(&s, 1) < 0 || !secret_locked(&s))
		put_finding(list, VITALED_FINDING_SECRETS_NOT_LOCKED, NULL, NULL);
	if (b->rooms.record_key_file)
		put_finding(list, VITALED_FINDING_RECORD_KEY_FILE, NULL, NULL);
}

static void put_store(const struct bus *b, struct wire *list)
{
	const char *path = b->rooms.config->state;
	struct wire dict;
	struct statvfs v;
	uint64_t left;

	/* a folder that cannot be looked at is the record's business: audit-unavailable */
	if (statvfs(path, &v) < 0)
		return;
	left = (uint64_t)v.f_bavail * v.f_frsize;
	if (left >= LIMIT_STORE_FREE && v.f_bavail >= v.f_blocks / 100U)
		return;
	wire_open(list, DBUS_TYPE_ARRAY, "{sv}", &dict);
	wire_sv_str(&dict, "name", vitaled_finding_word(VITALED_FINDING_STORE_LOW));
	wire_sv_str(&dict, "path", path);
	wire_sv_u64(&dict, "free", left);
	wire_close(list, &dict);
}

static void put_behind(const struct bus *b, struct wire *list)
{
	const char *socket;
	struct wire dict;
	uint64_t n;

	if (!forward_behind(b->rooms.forward, &n, &socket))
		return;
	wire_open(list, DBUS_TYPE_ARRAY, "{sv}", &dict);
	wire_sv_str(&dict, "name", vitaled_finding_word(VITALED_FINDING_RECORD_BEHIND));
	wire_sv_str(&dict, "socket", socket);
	wire_sv_u64(&dict, "entries", n);
	wire_close(list, &dict);
}

static void put_outbox(const struct bus *b, struct wire *list)
{
	const char *folder, *cause;
	struct wire dict;
	uint64_t n;

	cause = outbox_stuck(b->rooms.outbox, &folder, &n);
	if (!cause)
		return;
	wire_open(list, DBUS_TYPE_ARRAY, "{sv}", &dict);
	wire_sv_str(&dict, "name", vitaled_finding_word(VITALED_FINDING_OUTBOX_STUCK));
	wire_sv_str(&dict, "path", folder);
	wire_sv_str(&dict, "cause", cause);
	wire_sv_u64(&dict, "entries", n);
	wire_close(list, &dict);
}

static void answer(struct call *call, bool polkit)
{
	struct bus *b = call->b;
	const char *cause = audit_cause(b->rooms.audit);
	struct wire w, list;

	wire_reply(&w, call->m);
	wire_open(&w, DBUS_TYPE_ARRAY, "a{sv}", &list);
	put_readers(b, &list);
	put_trust(b, &list);
	put_feeders(b, &list);
	crls_state(b->rooms.crls, clock_wall(), put_list, &list);
	put_agents(call, &list);
	if (b->rejected)
		put(&list, "configuration-rejected", "where", b->rejected);
	if (sleep_lack(b))
		put(&list, "no-sleep-signal", "state", sleep_lack(b));
	if (cause && *cause)
		put(&list, "audit-unavailable", "cause", cause);
	put_store(b, &list);
	put_behind(b, &list);
	put_outbox(b, &list);
	if (clock_wall() < LIMIT_CLOCK_SET)
		put_finding(&list, VITALED_FINDING_CLOCK_UNSET, NULL, NULL);
	if (!polkit)
		put_finding(&list, VITALED_FINDING_NO_POLKIT, NULL, NULL);
	put_secrets(b, &list);
	put_confinement(b, &list);
	wire_close(&w, &list);
	call_reply(call, &w);
}

/* -- a polkit that does not run -- */

static void question_free(void *data)
{
	DBusPendingCall *pending = data;

	dbus_pending_call_cancel(pending);
	dbus_pending_call_unref(pending);
}

/* Whether the array of strings that @reply holds has polkit's name. */
static bool lists_polkit(DBusMessage *reply)
{
	DBusMessageIter it, names;

	if (!dbus_message_has_signature(reply, "as") || !dbus_message_iter_init(reply, &it))
		return false;
	for (dbus_message_iter_recurse(&it, &names);
		dbus_message_iter_get_arg_type(&names) != DBUS_TYPE_INVALID;
		(void)dbus_message_iter_next(&names))
		if (strcmp(wire_get_str(&names), POLKIT_NAME) == 0)
			return true;
	return false;
}

static void on_names(DBusPendingCall *pending, void *user)
{
	struct call *call = user;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	bool found = reply && lists_polkit(reply);

	if (reply)
		dbus_message_unref(reply);
	answer(call, found || *call->b->polkit != '\0'); /* it may have come meanwhile */
}

static int ask_names(struct call *call)
{
	DBusPendingCall *pending = NULL;
	struct wire w;
	DBusMessage *m;
	int r = 0;

	wire_call(&w, DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS,
		"ListActivatableNames");
	m = wire_take(&w);
	if (!m)
		return fault(-ENOMEM);
	if (!dbus_connection_send_with_reply(
		    call->b->c, m, &pending, (int)(LIMIT_POLKIT / 1000U)))
		r = fault(-ENOMEM);
	else if (!pending)
		r = fault(-ENOTCONN);
	else if (!dbus_pending_call_set_notify(pending, on_names, call, NULL)) {
		question_free(pending);
		r = fault(-ENOMEM);
	}
	dbus_message_unref(m);
	if (r == 0) {
		call->data = pending;
		call->data_free = question_free;
		call->object = NULL;
	}
	return r;
}

void manager_on_diagnose(struct call *call)
{
	int r;

	if (*call->b->polkit != '\0') {
		answer(call, true);
		return;
	}
	r = ask_names(call);
	if (r < 0)
		call_fault(call, r);
}
