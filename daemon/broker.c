/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Rooms are made from the bottom to the top and freed the other way round; between them calls go
 * up only through the tables of broker/ties.c. What starts here is recorded as the broker's start, what ends
 * as its stop; a wall clock that was set is noted, and SIGHUP has the configuration read anew.
 */
#include "daemon/broker.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/broker/inside.h"
#include "daemon/broker/record.h"
#include "daemon/broker/refuse.h"
#include "daemon/broker/reload.h"
#include "daemon/confined.h"
#include "daemon/dossier/import.h"
#include "daemon/limits.h"

/* -- the record ----------------------------------------------------------------------------------- */

static int record(struct broker *b, enum audit_event e)
{
	_cleanup_json_ json_t *details = json_pack("{s:s}", "version", VITALED_VERSION);
	struct audit_entry entry = AUDIT_ENTRY_NULL;

	entry.event = e;
	entry.outcome = "ok";
	entry.details = details;
	if (audit_append(b->audit, &entry, NULL) != 0) {
		log_msg(LOG_ERR, "audit-unavailable", "%s", audit_cause(b->audit));
		return fault(-EIO);
	}
	return 0;
}

static void on_clock_set(void *user)
{
	struct broker *b = user;

	if (record(b, AUDIT_EVENT_CLOCK_JUMP) == 0) {
		log_msg(LOG_NOTICE, "clock-jump", "the wall clock was set");
	}
}

static void on_slept(void *user)
{
	struct broker *b = user;

	bus_slept(b->bus);
}

/* -- building ------------------------------------------------------------------------------------ */

static int load_trust(struct broker *b)
{
	char *bad = NULL;
	int r = trust_new(b->config->anchors, &b->trust, &bad);

	if (r < 0) {
		log_msg(LOG_ERR, "trust-anchors", "%s", bad ? bad : b->config->anchors);
		(void)log_fault(r, "trust-anchors");
	}
	free(bad);
	return r;
}

static int load_rights(struct broker *b)
{
	char *folder = NULL;
	int r;

	if (asprintf(&folder, "%s/rights", b->config->data) < 0) {
		return fault(-ENOMEM);
	}
	r = rights_new(folder, &b->rights);
	free(folder);
	return r < 0 ? log_fault(r, "rights-load") : 0;
}

static int load_consents(struct broker *b)
{
	const char *own = b->config->consent_folder;
	char *folder = NULL;
	int r;

	if (asprintf(&folder, "%s%s", own[0] ? own : b->config->data,
		    own[0] ? "" : "/wordings") < 0) {
		return fault(-ENOMEM);
	}
	r = consents_new(
		b->config, folder, b->trust, b->audit, &broker_consent_ops, b, &b->consents);
	free(folder);
	return r < 0 ? log_fault(r, "consent-wordings") : 0;
}

/* The rooms that need nobody's cards yet. */
static int build_lower(struct broker *b)
{
	int r;

	r = load_trust(b);
	if (r == 0) {
		r = record_open(b->config, &b->audit, &b->record_key_file);
	}
	if (r == 0) {
		r = load_rights(b);
	}
	return r;
}

/* Files that were handed in and not taken: Diagnose tells them to whom asks, the log to the rest. */
static void log_finding(void *user, const struct crl_finding *f)
{
	(void)user;
	if (f->reason) {
		log_msg(LOG_WARNING, f->name, "%s%s%s", f->file ? f->file : "",
			f->file ? ": " : "", f->reason);
	}
}

static void on_list(void *user)
{
	struct broker *b = user;

	sessions_lists_changed(b->sessions);
}

static void on_lists(void *user)
{
	struct broker *b = user;

	crls_state(b->crls, clock_wall(), log_finding, NULL);
}

static void on_read(void *user)
{
	struct broker *b = user;

	dossiers_lists_read(b->dossiers);
}

static const struct crls_ops crls_ops = {
	.taken = on_list, .changed = on_lists, .read = on_read};

/* What works on cards beside the sessions. */
static int build_card_work(struct broker *b, sd_event *ev)
{
	int r = leases_new(
		ev, b->cards, b->sessions, b->audit, &broker_lease_ops, b, &b->leases);

	if (r < 0) {
		return log_fault(r, "leases");
	}
	r = pins_new(ev, b->cards, b->sessions, b->audit, &broker_pins_ops, b, &b->pins);
	return r < 0 ? log_fault(r, "pins") : 0;
}

static int build_upper(struct broker *b, sd_event *ev)
{
	int r;

	r = crls_new(ev, b->config, b->trust, &crls_ops, b, &b->crls);
	if (r < 0) {
		return log_fault(r, "crls");
	}
	r = cards_new(ev, b->config, &b->cards);
	if (r < 0) {
		return log_fault(r, "cards-watch");
	}
	r = dossiers_new(
		ev, b->config, b->rights, b->audit, &broker_dossier_ops, b, &b->dossiers);
	if (r != 0) {
		return r == DOSSIERS_OTHER_KEY ? refuse_key("dossier.key")
		       : r == DOSSIERS_OTHER_PSEUDONYM_KEY
			       ? refuse_key("pseudonym.key")
			       : refuse_damage(log_fault(r, "dossier-keys"));
	}
	r = load_consents(b);
	if (r < 0) {
		return r;
	}
	r = sessions_new(ev, b->config, b->cards, b->trust, b->audit, &broker_session_ops, b,
		&b->sessions);
	if (r < 0) {
		return log_fault(r, "sessions");
	}
	r = build_card_work(b, ev);
	if (r < 0) {
		return r;
	}
	r = bus_new(ev, &b->bus);
	return r < 0 ? log_fault(r, "bus-connect") : 0;
}

static void on_recorded(void *user)
{
	struct broker *b = user;

	forward_wake(b->forward);
	outbox_wake(b->outbox);
}

static bool on_keep(void *user)
{
	struct broker *b = user;

	return dossiers_keep(b->dossiers);
}

static const struct upkeep_ops upkeep_ops = {
	.clock_set = on_clock_set, .slept = on_slept, .recorded = on_recorded, .keep = on_keep};

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *user)
{
	const struct broker *b = user;
	const struct reload_rooms rooms = {
		.config = b->config,
		.path = b->path,
		.audit = b->audit,
		.cards = b->cards,
		.sessions = b->sessions,
		.bus = b->bus,
	};

	(void)source;
	(void)si;
	reload(&rooms);
	return 0;
}

/* What the service does by itself from now on. */
static int keep_up(struct broker *b, sd_event *ev)
{
	int r = upkeep_new(ev, b->audit, &b->config->retention, &upkeep_ops, b, &b->upkeep);

	if (r == 0 && b->config->syslog[0]) {
		r = forward_new(
			ev, b->audit, b->config->syslog, b->config->origin, &b->forward);
	}
	if (r == 0 && !b->config->outbox) {
		(void)!outbox_forget(b->config->state);
	}
	if (r == 0) {
		r = outbox_new(ev, b->audit, b->config->outbox ? b->config->state : NULL,
			&broker_outbox_ops, b, &b->outbox);
	}
	if (r == 0) {
		r = notify_new(ev, b->cards, b->sessions, &b->notify);
	}
	if (r < 0) {
		return trace(r);
	}
	r = sd_event_add_signal(ev, &b->hangup, SIGHUP, on_hangup, b);
	return r < 0 ? fault(r) : 0;
}

static int serve(struct broker *b, sd_event *ev)
{
	struct bus_rooms rooms = {
		.config = b->config,
		.cards = b->cards,
		.sessions = b->sessions,
		.leases = b->leases,
		.pins = b->pins,
		.crls = b->crls,
		.consents = b->consents,
		.dossiers = b->dossiers,
		.audit = b->audit,
		.trust = b->trust,
		.unconfined = b->unconfined,
		.record_key_file = b->record_key_file,
	};
	int r;

	r = record(b, AUDIT_EVENT_START);
	if (r < 0) {
		return r;
	}
	b->started = true;
	r = keep_up(b, ev);
	if (r < 0) {
		return log_fault(r, "tick");
	}
	rooms.forward = b->forward;
	rooms.outbox = b->outbox;
	r = bus_serve(b->bus, &rooms);
	return r < 0 ? log_fault(r, "bus-serve") : 0;
}

/* What holds as long as this process lives, and is no reason not to start. */
static void look_around(struct broker *b)
{
	int r = confined_check(&b->unconfined);

	if (r < 0) {
		(void)log_fault(r, "confinement");
		b->unconfined = UINT32_C(1) << CONFINED_ALL;
	}
	if (clock_wall() < LIMIT_CLOCK_SET) {
		log_msg(LOG_WARNING, "clock-unset", "the wall clock is before this program");
	}
}

int broker_new(sd_event *ev, struct config *config, const char *path, struct broker **ret)
{
	struct broker *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		return fault(-ENOMEM);
	}
	b->config = config;
	b->path = path;
	look_around(b);
	r = build_lower(b);
	if (r == 0) {
		r = build_upper(b, ev);
	}
	if (r == 0) {
		r = serve(b, ev);
	}
	if (r != 0) {
		broker_free(b);
		return trace(r);
	}
	*ret = b;
	return 0;
}

struct broker *broker_free(struct broker *b)
{
	if (!b) {
		return NULL;
	}
	sd_event_source_disable_unref(b->hangup);
	b->notify = notify_free(b->notify);
	bus_closing(b->bus);
	b->pins = pins_free(b->pins);
	b->leases = leases_free(b->leases);
	b->sessions = sessions_free(b->sessions); /* the owners still hear it */
	b->bus = bus_free(b->bus);
	b->consents = consents_free(b->consents);
	b->dossiers = dossiers_free(b->dossiers);
	b->cards = cards_free(b->cards);
	b->crls = crls_free(b->crls);
	if (b->started) {
		(void)record(b, AUDIT_EVENT_STOP); /* logged when it is not taken */
	}
	b->forward = forward_free(b->forward);
	b->outbox = outbox_free(b->outbox);
	b->upkeep = upkeep_free(b->upkeep);
	b->rights = rights_free(b->rights);
	b->audit = audit_free(b->audit);
	b->trust = trust_free(b->trust);
	free(b);
	return NULL;
}
