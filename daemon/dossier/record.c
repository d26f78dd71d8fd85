/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The record's side of a dossier. Every change has two entries: "started", durable before the
 * process hears of it, and one with the outcome, and when it is "ok" the new version and hash. When
 * the second could not be written the store is one version ahead of the record; the next opening
 * finds the started entry as the newest change, sees that the store descends from the recorded
 * state, and, once the header has been verified under the dossier's key, writes the missing entry
 * ("recovered") before anything is released. Until then no entry names the file's own version and
 * hash: anyone who can write the file could have made them. A store ahead without such an entry,
 * behind, or with another hash, is rejected.
 */
#include <errno.h>
#include <string.h>

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

int record_started(struct dossier *d, enum audit_event event, const char *document)
{
	struct audit_entry e = entry_of(d, event);

	e.outcome = "started";
	e.document = document;
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

static const enum audit_event changes[] = {
	AUDIT_EVENT_DOSSIER_CREATED, AUDIT_EVENT_DOCUMENT_ADDED, AUDIT_EVENT_DOCUMENT_FLAGGED};

/* the newest entry of a change */
struct newest {
	bool found;
	bool started;
	enum audit_event event;
};

static int newest_row(void *user, uint64_t index, const json_t *entry)
{
	struct newest *n = user;
	const char *event = json_get_str(entry, "event");
	const char *outcome = json_get_str(entry, "outcome");

	(void)index;
	for (size_t i = 0; event && !n->found && i < ARRAY_LEN(changes); i++) {
		if (strcmp(audit_event_word(changes[i]), event) == 0) {
			n->found = true;
			n->event = changes[i];
			n->started = outcome && strcmp(outcome, "started") == 0;
		}
	}
	return 0;
}

/* The store is one version ahead: was its change begun by us and never told the end of? */
static int recover(struct dossier *d, const char **ret_why)
{
	struct newest n = {.found = false};
	int r;

	r = audit_history(d->all->audit, d->pseudonym, LIMIT_HISTORY, newest_row, &n);
	if (r < 0) {
		return trace(r);
	}
	if (!n.started) {
		*ret_why = "unrecorded";
		return RECORD_REJECTED;
	}
	d->unfinished = true;
	d->unfinished_event = n.event;
	return 0;
}

int record_recovered(struct dossier *d)
{
	int r = 0;

	d->vouched = true;
	if (d->unfinished) {
		r = record_entry(d, d->unfinished_event, "recovered", NULL, NULL, NULL);
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
