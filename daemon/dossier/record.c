/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The record's side of a dossier. Every change has two entries: "started", durable before the
 * process hears of it, and one with the outcome, and when it is "ok" the new version and hash. When
 * the second could not be written the store is one version ahead of the record; the next opening
 * finds the started entry as the newest change, sees that the store descends from the recorded
 * state, and, once the header has been verified under the dossier's key, writes the missing entry
 * ("recovered", about the same document and with the same details) before anything is released.
 * Until then no entry names the file's own version and hash: anyone who can write the file could have
 * made them. A store ahead without such an entry, behind, or with another hash, is rejected.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/dossier/inside.h"
#include "daemon/limits.h"

/* Who, where and about whom; borrowed from the session. */
static struct audit_entry entry_of(const struct dossier *d, enum audit_event event)
{
	const struct session_professional *p = session_professional(d->session);
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = event;
	e.session = session_audit_id(d->session);
	e.caller_uid = session_uid(d->session);
	e.caller = session_owner(d->session);
	e.application = session_application(d->session);
	e.mode = session_mode_word(session_mode(d->session));
	e.pseudonym = d->pseudonym;
	if (e.application && e.application[0] == '\0') {
		e.application = NULL;
	}
	if (p) {
		e.professional = p->person.national_id;
		e.structure = p->chosen ? p->chosen->structure : NULL;
	}
	return e;
}

static int append(struct dossier *d, const struct audit_entry *e)
{
	return audit_append(d->all->audit, e, NULL);
}

int record_entry(struct dossier *d, enum audit_event event, const char *outcome,
	const char *document, const char *rule, json_t *details)
{
	_cleanup_json_ json_t *owned = details;
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * SEAL_HASH + 1);
	struct audit_entry e = entry_of(d, event);

	e.outcome = outcome;
	e.document = document;
	e.rule = rule;
	e.details = owned;
	if (d->version > 0 && d->vouched) {
		hex_encode(&hex, VIEW(d->hash));
		buf_put_u8(&hex, 0);
		if (hex.failed) {
			return AUDIT_UNAVAILABLE;
		}
		e.dossier_version = (int64_t)d->version;
		e.dossier_hash = (const char *)hex.data;
	}
	return append(d, &e);
}

int record_started(
	struct dossier *d, enum audit_event event, const char *document, const json_t *details)
{
	struct audit_entry e = entry_of(d, event);

	e.outcome = "started";
	e.document = document;
	e.details = details;
	return append(d, &e);
}

int record_rejected(struct dossier *d, const char *why)
{
	_cleanup_json_ json_t *details = json_pack("{s:s}", "why", why);
	struct audit_entry e = entry_of(d, AUDIT_EVENT_STORE_REJECTED);

	e.outcome = vitaled_reason_word(VITALED_REASON_STORE_UNAVAILABLE);
	e.details = details;
	return append(d, &e);
}

/* -- store and record --------------------------------------------------------------------------- */

/* what raises the version */
static const enum audit_event changes[] = {AUDIT_EVENT_DOSSIER_CREATED,
	AUDIT_EVENT_DOCUMENT_ADDED, AUDIT_EVENT_DOCUMENT_FLAGGED, AUDIT_EVENT_DOCUMENT_REPLACED,
	AUDIT_EVENT_DOCUMENT_ARCHIVED, AUDIT_EVENT_DOCUMENT_DELETED, AUDIT_EVENT_AUTHORISED,
	AUDIT_EVENT_REVOKED, AUDIT_EVENT_BLOCKED, AUDIT_EVENT_TREATING_DOCTOR,
	AUDIT_EVENT_OPPOSITION};

/* the newest entry of a change */
struct newest {
	struct dossier *d; /* keeps in mind what it was about */
	bool found;
	bool started;
};

/* Its details without what the record itself said of an entry that it wrote anew (doc/audit.md). */
static int keep_details(struct dossier *d, json_t *details)
{
	if (!json_is_object(details)) {
		return 0;
	}
	d->unfinished_details = json_object();
	if (!d->unfinished_details || json_object_update(d->unfinished_details, details) < 0) {
		return fault(-ENOMEM);
	}
	(void)json_object_del(d->unfinished_details, "kept-from");
	if (json_object_size(d->unfinished_details) == 0) {
		json_put(&d->unfinished_details);
	}
	return 0;
}

/* What the end of a change is told with that has none. Return: 0 or a fault. */
static int keep_started(struct dossier *d, enum audit_event event, const json_t *entry)
{
	const char *document = json_get_str(entry, "document");

	if (document && view_copy_str(view_str(document), d->unfinished_document,
				sizeof(d->unfinished_document)) != 0) {
		return fault(-EBADMSG);
	}
	d->unfinished = true;
	d->unfinished_event = event;
	return trace(keep_details(d, json_object_get(entry, "details")));
}

static int newest_row(void *user, uint64_t index, const json_t *entry)
{
	struct newest *n = user;
	const char *event = json_get_str(entry, "event");
	const char *outcome = json_get_str(entry, "outcome");

	(void)index;
	for (size_t i = 0; event && !n->found && i < ARRAY_LEN(changes); i++) {
		if (strcmp(audit_event_word(changes[i]), event) != 0) {
			continue;
		}
		n->found = true;
		n->started = outcome && strcmp(outcome, "started") == 0;
		return n->started ? trace(keep_started(n->d, changes[i], entry)) : 0;
	}
	return 0;
}

/* The store is one version ahead: was its change begun by us and never told the end of? */
static int recover(struct dossier *d, const char **ret_why)
{
	struct newest n = {.d = d};
	int r;

	r = audit_history(d->all->audit, d->pseudonym, LIMIT_HISTORY, newest_row, &n);
	if (r < 0) {
		return trace(r);
	}
	if (!n.started) {
		*ret_why = "unrecorded";
		return RECORD_REJECTED;
	}
	return 0;
}

int record_recovered(struct dossier *d)
{
	const char *document = d->unfinished_document[0] ? d->unfinished_document : NULL;
	int r = 0;

	d->vouched = true;
	if (d->unfinished) {
		r = record_entry(d, d->unfinished_event, "recovered", document, NULL,
			json_incref(d->unfinished_details));
		d->unfinished = false;
	}
	return r;
}

int record_check(struct dossier *d, struct view previous, const char **ret_why)
{
	uint8_t hash[SEAL_HASH] = {0};
	uint64_t version = 0;
	int r;

	r = audit_last_version(d->all->audit, d->pseudonym, &version, hash);
	if (r < 0) {
		return trace(r);
	}
	if (d->version == version) {
		*ret_why = "hash";
		d->vouched = view_equal(VIEW(hash), VIEW(d->hash));
		return d->vouched ? 0 : RECORD_REJECTED;
	}
	if (d->version < version) {
		*ret_why = "rolled-back";
		return RECORD_REJECTED;
	}
	if (d->version != version + 1 || !view_equal(VIEW(hash), previous)) {
		*ret_why = "unrecorded";
		return RECORD_REJECTED;
	}
	return trace(recover(d, ret_why));
}

/* -- the day of a consent ------------------------------------------------------------------------ */

struct consent {
	const char *professional;
	bool known; /* the newest entry that decides has been met */
	int64_t time;
};

static bool text_is(const json_t *object, const char *name, const char *text)
{
	const char *said = json_get_str(object, name);

	return said && strcmp(said, text) == 0;
}

/* Whether the patient was asked, and for that: an authorisation that is used is no consent anew. */
static bool consents_to_feed(const json_t *entry)
{
	const json_t *details = json_object_get(entry, "details");
	const json_t *acts = json_object_get(details, "acts");
	bool feeds = false;

	for (size_t i = 0; i < json_array_size(acts); i++) {
		const char *act = json_string_value(json_array_get(acts, i));

		feeds = feeds || (act && strcmp(act, "feed") == 0);
	}
	return feeds && !text_is(details, "form", "running");
}

static int consent_row(void *user, uint64_t index, const json_t *entry)
{
	struct consent *c = user;

	(void)index;
	if (c->known) {
		return 0;
	}
	if (text_is(entry, "event", audit_event_word(AUDIT_EVENT_REVOKED))) {
		c->known = text_is(json_object_get(entry, "details"), "id", c->professional);
	} else if (text_is(entry, "event", audit_event_word(AUDIT_EVENT_CONSENT)) &&
		   text_is(entry, "outcome", "ok") &&
		   text_is(entry, "professional", c->professional) && consents_to_feed(entry)) {
		c->known = true;
		return json_get_int(entry, "time", 1, INT64_MAX, &c->time) == 0
			       ? 0
			       : fault(-EBADMSG);
	}
	return 0;
}

/* The midnight that follows, by the clock on the wall of this place; @at itself when it has none. */
static int64_t end_of_day(int64_t at)
{
	time_t seconds = (time_t)(at / (int64_t)USEC_PER_SEC);
	struct tm day;

	if (!localtime_r(&seconds, &day)) {
		return at;
	}
	day.tm_mday++;
	day.tm_hour = 0;
	day.tm_min = 0;
	day.tm_sec = 0;
	day.tm_isdst = -1;
	return (int64_t)mktime(&day) * (int64_t)USEC_PER_SEC;
}

int record_fed(struct dossier *d)
{
	const struct session_professional *p = session_professional(d->session);
	const struct session_patient *patient = session_patient(d->session);
	struct consent c = {.professional = p ? p->person.national_id : ""};
	int r;

	if (!patient || !patient->absent) {
		return 0;
	}
	r = audit_history(d->all->audit, d->pseudonym, LIMIT_HISTORY, consent_row, &c);
	if (r < 0) {
		return trace(r);
	}
	d->fed_since = c.time;
	d->fed_until = c.time > 0 ? end_of_day(c.time) : 0;
	return 0;
}

/* -- history ------------------------------------------------------------------------------------ */

struct gather {
	json_t *list;
	const char *professional; /* only this one's, or NULL */
	unsigned int limit;
};

static int copy_members(const json_t *entry, json_t *shown)
{
	static const char *const names[] = {"sequence", "time", "event", "outcome", "session",
		"application", "professional", "structure", "mode", "document", "rule",
		"dossier-version", "details"};
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(names) && r == 0; i++) {
		json_t *value = json_object_get(entry, names[i]);

		r = value ? json_set(shown, names[i], json_incref(value)) : 0;
	}
	return trace(r);
}

static int gather_row(void *user, uint64_t index, const json_t *entry)
{
	struct gather *g = user;
	const char *professional = json_get_str(entry, "professional");
	const char *outcome = json_get_str(entry, "outcome");
	json_t *shown;

	(void)index;
	if (json_array_size(g->list) >= g->limit) {
		return 0;
	}
	if (g->professional && (!professional || strcmp(professional, g->professional) != 0)) {
		return 0;
	}
	/* its outcome has an entry of its own */
	if (outcome && strcmp(outcome, "started") == 0) {
		return 0;
	}
	shown = json_object();
	if (json_array_append_new(g->list, shown) < 0) {
		return fault(-ENOMEM);
	}
	return trace(copy_members(entry, shown));
}

int record_history(struct dossier *d, bool own, unsigned int limit, json_t **ret)
{
	const struct session_professional *p = session_professional(d->session);
	_cleanup_json_ json_t *list = json_array();
	struct gather g = {.list = list, .limit = limit};
	int r;

	if (own) {
		g.professional = p ? p->person.national_id : "";
	}
	r = audit_history(d->all->audit, d->pseudonym, LIMIT_HISTORY, gather_row, &g);
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(list);
	return 0;
}
