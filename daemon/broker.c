/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Rooms are made from the bottom to the top and freed the other way round; between them calls go
 * up only through the tables below. What starts here is recorded as the broker's start, what ends
 * as its stop; every few minutes a checkpoint is made when something new happened, and a wall
 * clock that was set is noted.
 */
#include "daemon/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "daemon/limits.h"

#define SEED_SIZE  32U
#define CLOCK_JUMP (2ULL * USEC_PER_SEC) /* more than this between two ticks is a jump */

struct broker {
	const struct config *config;
	struct trust *trust;
	struct audit *audit;
	struct rights *rights;
	struct cards *cards;
	struct dossiers *dossiers;
	struct consents *consents;
	struct bus *bus;
	struct sessions *sessions;
	struct leases *leases;
	struct pins *pins;
	struct crls *crls;
	sd_event_source *tick;
	uint64_t noted_size;   /* of the record, at the last checkpoint here */
	uint64_t clock_offset; /* wall - boot time */
	bool started;	       /* the start is in the record */
};

/* -- what lower rooms ask of upper ones ----------------------------------------------------------- */

static void on_added(void *user, struct session *s)
{
	struct broker *b = user;

	bus_session_added(b->bus, s);
}

static void on_changed(void *user, struct session *s)
{
	struct broker *b = user;

	bus_session_changed(b->bus, s);
}

static void on_removed(void *user, struct session *s)
{
	struct broker *b = user;

	bus_session_removed(b->bus, s);
	consent_removed(b->consents, s);
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

static void ask_consent(void *user, struct session *s)
{
	struct broker *b = user;

	consent_ask(b->consents, s);
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

static void lock(void *user, struct session *s)
{
	struct broker *b = user;

	dossier_lock(b->dossiers, s);
	consent_forget(b->consents, s);
}

static const struct session_ops session_ops = {
	.added = on_added,
	.changed = on_changed,
	.removed = on_removed,
	.ask_pin = ask_pin,
	.ask_last_try = ask_last_try,
	.ask_choice = ask_choice,
	.tell_keypad = tell_keypad,
	.stop_asking = stop_asking,
	.admit = admit,
	.pseudonym = pseudonym,
	.prepare = prepare,
	.ask_consent = ask_consent,
	.sign = sign,
	.unlock = unlock,
	.lock = lock,
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

static const struct lease_ops lease_ops = {.added = lease_added, .removed = lease_removed};

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

static const struct pins_ops pins_ops = {
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

static const struct consent_ops consent_ops = {.ask = ask_agent};
static const struct dossier_ops dossier_ops = {.changed = on_changed};

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

static void note_clock(struct broker *b)
{
	uint64_t now = clock_wall() - clock_boottime();
	uint64_t moved = now > b->clock_offset ? now - b->clock_offset : b->clock_offset - now;

	b->clock_offset = now;
	if (moved > CLOCK_JUMP && record(b, AUDIT_EVENT_CLOCK_JUMP) == 0) {
		log_msg(LOG_NOTICE, "clock-jump", "the wall clock was set");
	}
}

static void note_head(struct broker *b)
{
	_cleanup_(buf_done) struct buf note = BUF_NULL(4096);
	uint8_t root[MERKLE_HASH];
	uint64_t size;

	audit_head(b->audit, &size, root);
	if (size == b->noted_size) {
		return;
	}
	if (audit_checkpoint(b->audit, &note) != 0) {
		log_msg(LOG_ERR, "audit-unavailable", "%s", audit_cause(b->audit));
		return;
	}
	b->noted_size = size;
}

static int on_tick(sd_event_source *source, uint64_t usec, void *user)
{
	struct broker *b = user;
	int r;

	(void)usec;
	note_clock(b);
	note_head(b);
	r = sd_event_source_set_time_relative(source, LIMIT_CHECKPOINT);
	return r < 0 ? r : sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* -- building ------------------------------------------------------------------------------------ */

/* The seed of the record's key from systemd's credential "audit.key". Return: 0 (none: empty). */
static int read_seed(struct secret *ret)
{
	_cleanup_(secret_done) struct secret seed = SECRET_NULL;
	const char *folder = secure_getenv("CREDENTIALS_DIRECTORY");
	char *path = NULL;
	ssize_t n;
	int fd;
	int r;

	if (!folder) {
		return 0;
	}
	if (asprintf(&path, "%s/audit.key", folder) < 0) {
		return fault(-ENOMEM);
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	free(path);
	if (fd < 0) {
		return errno == ENOENT ? 0 : fault(-errno);
	}
	r = secret_new(&seed, SEED_SIZE + 1);
	n = r < 0 ? 0 : read(fd, seed.data, SEED_SIZE + 1);
	close(fd);
	if (r < 0 || n != (ssize_t)SEED_SIZE) {
		return r < 0 ? trace(r) : fault(-EBADMSG);
	}
	seed.len = SEED_SIZE;
	*ret = seed;
	seed = SECRET_NULL;
	return 0;
}

static int open_record(struct broker *b)
{
	_cleanup_(secret_done) struct secret seed = SECRET_NULL;
	int r;

	r = read_seed(&seed);
	if (r == 0) {
		r = audit_open(b->config->state, b->config->origin,
			view_of(seed.data, seed.len), &b->audit);
	}
	return r < 0 ? log_fault(r, "audit-open") : 0;
}

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
	r = consents_new(b->config, folder, b->trust, b->audit, &consent_ops, b, &b->consents);
	free(folder);
	return r < 0 ? log_fault(r, "consent-wordings") : 0;
}

/* The rooms that need nobody's cards yet. */
static int build_lower(struct broker *b)
{
	int r;

	r = load_trust(b);
	if (r == 0) {
		r = open_record(b);
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

static const struct crls_ops crls_ops = {.taken = on_list, .changed = on_lists};

/* What works on cards beside the sessions. */
static int build_card_work(struct broker *b, sd_event *ev)
{
	int r = leases_new(ev, b->cards, b->sessions, b->audit, &lease_ops, b, &b->leases);

	if (r < 0) {
		return log_fault(r, "leases");
	}
	r = pins_new(ev, b->cards, b->sessions, b->audit, &pins_ops, b, &b->pins);
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
	r = dossiers_new(ev, b->config, b->rights, b->audit, &dossier_ops, b, &b->dossiers);
	if (r < 0) {
		return log_fault(r, "dossier-keys");
	}
	r = load_consents(b);
	if (r < 0) {
		return r;
	}
	r = sessions_new(
		ev, b->config, b->cards, b->trust, b->audit, &session_ops, b, &b->sessions);
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

static int serve(struct broker *b, sd_event *ev)
{
	const struct bus_rooms rooms = {
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
	};
	int r;

	r = record(b, AUDIT_EVENT_START);
	if (r < 0) {
		return r;
	}
	b->started = true;
	b->clock_offset = clock_wall() - clock_boottime();
	r = sd_event_add_time_relative(
		ev, &b->tick, CLOCK_MONOTONIC, LIMIT_CHECKPOINT, 0, on_tick, b);
	if (r < 0) {
		return log_fault(fault(r), "tick");
	}
	r = bus_serve(b->bus, &rooms);
	return r < 0 ? log_fault(r, "bus-serve") : 0;
}

int broker_new(sd_event *ev, const struct config *config, struct broker **ret)
{
	struct broker *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		return fault(-ENOMEM);
	}
	b->config = config;
	r = build_lower(b);
	if (r == 0) {
		r = build_upper(b, ev);
	}
	if (r == 0) {
		r = serve(b, ev);
	}
	if (r < 0) {
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
	sd_event_source_disable_unref(b->tick);
	bus_closing(b->bus);
	b->pins = pins_free(b->pins);
	b->leases = leases_free(b->leases);
	b->sessions = sessions_free(b->sessions); /* the owners still hear it */
	b->bus = bus_free(b->bus);
	b->consents = consents_free(b->consents);
	b->dossiers = dossiers_free(b->dossiers);
	b->cards = cards_free(b->cards);
	b->crls = crls_free(b->crls);
	if (b->started && record(b, AUDIT_EVENT_STOP) == 0) {
		note_head(b);
	}
	b->rights = rights_free(b->rights);
	b->audit = audit_free(b->audit);
	b->trust = trust_free(b->trust);
	free(b);
	return NULL;
}
