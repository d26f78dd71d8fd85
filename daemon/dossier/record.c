/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The record's side of a dossier. Every change has two entries: "started", durable before the
 * process hears of it, and one with the outcome, and when it is "ok" the new version and hash. When
 * the second could not be written the store is one version ahead of the record; the next opening
 * finds the started entry as the newest change, sees that the store descends from the recorded
 * state, and, once the header has been verified under the dossier's key, writes the missing entry
 * ("recovered": whose, where, about what and with which details the started one says, and in which
 * session it was found) before anything is released.
 * Until then no entry names the file's own version and hash: anyone who can write the file could have
 * made them. A store ahead without such an entry, behind, or with another hash, is rejected.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/hex.h"
#include "daemon/audit/doer.h"
#include "daemon/dossier/inside.h"
#include "daemon/limits.h"

#define DOCUMENT_ID 36U

/* Who, where and about whom; borrowed from the session. */
static struct audit_entry entry_of(const struct dossier *d, enum audit_event event)
{
	const struct session_professional *p =
		d->session ? session_professional(d->session) : NULL;
	struct audit_entry e = AUDIT_ENTRY_NULL;

	e.event = event;
	e.pseudonym = d->pseudonym;
	if (!d->session) { /* of an import: its own entries say who */
		return e;
	}
	e.session = session_audit_id(d->session);
	e.caller_uid = session_uid(d->session);
	e.caller = session_owner(d->session);
	e.application = session_application(d->session);
	e.mode = session_mode_word(session_mode(d->session));
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

/* ... with version and hash, when they are vouched for. */
static int append_state(struct dossier *d, struct audit_entry *e)
{
	_cleanup_(buf_done) struct buf hex = BUF_NULL(2 * SEAL_HASH + 1);

	if (d->version > 0 && d->vouched) {
		hex_encode(&hex, VIEW(d->hash));
		buf_put_u8(&hex, 0);
		if (hex.failed) {
			return AUDIT_UNAVAILABLE;
		}
		e->dossier_version = (int64_t)d->version;
		e->dossier_hash = (const char *)hex.data;
	}
	return append(d, e);
}

int record_entry(struct dossier *d, enum audit_event event, const char *outcome,
	const char *document, const char *rule, json_t *details)
{
	_cleanup_json_ json_t *owned = details;
	struct audit_entry e = entry_of(d, event);

	e.outcome = outcome;
	e.document = document;
	e.rule = rule;
	e.details = owned;
	return append_state(d, &e);
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

int record_import(struct dossier *d, struct audit_entry *e)
{
	e->pseudonym = d->pseudonym;
	return strcmp(e->outcome, "started") == 0 ? append(d, e) : append_state(d, e);
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
	AUDIT_EVENT_OPPOSITION, AUDIT_EVENT_MASKED_ALLOWED, AUDIT_EVENT_CODE_SET,
	AUDIT_EVENT_CODE_ISSUED, AUDIT_EVENT_DOSSIER_CLOSED, AUDIT_EVENT_DOSSIER_REOPENED,
	AUDIT_EVENT_IMPORTED};

/* The members @names that @from has become those of @to. Return: 0 or a fault. */
static int copy_members(
	const json_t *from, const char *const *names, size_t n_names, json_t *to)
{
	int r = 0;

	for (size_t i = 0; i < n_names && r == 0; i++) {
		json_t *value = json_object_get(from, names[i]);

		r = value ? json_set(to, names[i], json_incref(value)) : 0;
	}
	return trace(r);
}

/* What the end of a change is told with that has none: all that says whose and what it was. */
static int keep_started(struct dossier *d, enum audit_event event, const json_t *entry)
{
	static const char *const names[] = {"session", "caller-uid", "caller", "application",
		"professional", "structure", "mode", "document", "details"};
	const char *document = json_get_str(entry, "document");

	/* ours have 36 characters */
	if (document && strlen(document) > DOCUMENT_ID) {
		return fault(-EBADMSG);
	}
	json_decref(d->unfinished);
	d->unfinished = json_object();
	d->unfinished_event = event;
	return d->unfinished
		       ? trace(copy_members(entry, names, ARRAY_LEN(names), d->unfinished))
		       : fault(-ENOMEM);
}

/* The newest entry of a change. */
static int newest_row(void *user, uint64_t index, const json_t *entry)
{
	const char *event = json_get_str(entry, "event");
	const char *outcome = json_get_str(entry, "outcome");
	struct dossier *d = user;
	int r;

	(void)index;
	if (!event || !outcome || strcmp(outcome, "started") != 0) {
		return AUDIT_ENOUGH;
	}
	for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
		if (strcmp(audit_event_word(changes[i]), event) == 0) {
			r = keep_started(d, changes[i], entry);
			return r < 0 ? trace(r) : AUDIT_ENOUGH;
		}
	}
	return fault(-EBADMSG);
}

/* The store is one version ahead: was its change begun by us and never told the end of? However many
 * have looked at the dossier since, without the key that shows it. */
static int recover(struct dossier *d, const char **ret_why)
{
	const struct audit_wanted wanted = {
		.pseudonym = d->pseudonym, .events = changes, .n_events = ARRAY_LEN(changes)};
	int r;

	r = audit_find(d->all->audit, &wanted, newest_row, d);
	if (r < 0) {
		return trace(r);
	}
	if (!d->unfinished) {
		*ret_why = "unrecorded";
		return RECORD_REJECTED;
	}
	return 0;
}

/* Its details, without what the record itself said of an entry that it wrote anew (doc/audit.md), and
 * the session that found it. NULL: out of memory. */
static json_t *recovered_details(const struct dossier *d)
{
	_cleanup_json_ json_t *details = json_object();
	json_t *said = json_object_get(d->unfinished, "details");

	if (!details || (said && json_object_update(details, said) < 0) ||
		json_set(details, "recovered-in",
			json_string(d->session ? session_audit_id(d->session) : "import")) <
			0) {
		return NULL;
	}
	(void)json_object_del(details, "kept-from");
	return json_incref(details);
}

/* Of whoever began it: who opens the dossier next has changed nothing. */
int record_recovered(struct dossier *d)
{
	_cleanup_json_ json_t *begun = d->unfinished;
	_cleanup_json_ json_t *details = NULL;
	struct audit_entry e = AUDIT_ENTRY_NULL;

	d->vouched = true;
	if (!begun) {
		return 0;
	}
	details = recovered_details(d);
	d->unfinished = NULL;
	if (!details) {
		return AUDIT_UNAVAILABLE;
	}
	e.event = d->unfinished_event;
	e.outcome = "recovered";
	e.pseudonym = d->pseudonym;
	audit_doer(begun, &e);
	e.details = details;
	return append_state(d, &e);
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
	int64_t time; /* 0: none that counts */
	bool told;    /* of what it opens without the card */
};

static bool text_is(const json_t *object, const char *name, const char *text)
{
	const char *said = json_get_str(object, name);

	return said && strcmp(said, text) == 0;
}

/* Whether the list @list of @details has the act feed. */
static bool has_feed(const json_t *details, const char *list)
{
	const json_t *acts = json_object_get(details, list);
	bool feeds = false;

	for (size_t i = 0; i < json_array_size(acts); i++) {
		const char *act = json_string_value(json_array_get(acts, i));

		feeds = feeds || (act && strcmp(act, "feed") == 0);
	}
	return feeds;
}

/* Whether the patient was asked, and for that: an authorisation that is used is no consent anew. */
static bool consents_to_feed(const json_t *entry)
{
	const json_t *details = json_object_get(entry, "details");

	return has_feed(details, "acts") && !text_is(details, "form", "running");
}

/* Revoked, or blocked; that a block was lifted brings nothing back. */
static bool takes_back(const struct consent *c, const json_t *entry)
{
	const json_t *details = json_object_get(entry, "details");

	if (!text_is(details, "id", c->professional)) {
		return false;
	}
	return text_is(entry, "event", audit_event_word(AUDIT_EVENT_REVOKED)) ||
	       json_get_bool(details, "on");
}

/* The newest entry that decides ends the search. */
static int consent_row(void *user, uint64_t index, const json_t *entry)
{
	struct consent *c = user;

	(void)index;
	if (!text_is(entry, "event", audit_event_word(AUDIT_EVENT_CONSENT))) {
		return takes_back(c, entry) ? AUDIT_ENOUGH : 0;
	}
	if (!text_is(entry, "outcome", "ok") ||
		!text_is(entry, "professional", c->professional) || !consents_to_feed(entry)) {
		return 0;
	}
	c->told = has_feed(json_object_get(entry, "details"), "without-card");
	return json_get_int(entry, "time", 1, INT64_MAX, &c->time) == 0 ? AUDIT_ENOUGH
									: fault(-EBADMSG);
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

	static const enum audit_event events[] = {
		AUDIT_EVENT_CONSENT, AUDIT_EVENT_REVOKED, AUDIT_EVENT_BLOCKED};
	const struct audit_wanted wanted = {
		.pseudonym = d->pseudonym, .events = events, .n_events = ARRAY_LEN(events)};
	struct consent c = {.professional = p ? p->person.national_id : ""};
	int r;

	if (!patient || !patient->absent) {
		return 0;
	}
	r = audit_find(d->all->audit, &wanted, consent_row, &c);
	if (r < 0) {
		return trace(r);
	}
	d->fed_since = c.time;
	d->fed_until = c.time > 0 ? end_of_day(c.time) : 0;
	d->fed_told = c.told;
	return 0;
}

/* -- tries of a code ----------------------------------------------------------------------------- */

struct counting {
	const char *id; /* of an activation code, or NULL */
	char boot_id[33];
	uint64_t boot; /* now, since that boot */
	int64_t wall;  /* now */
	bool open;     /* nothing newer ended the count */
	bool forgiven; /* the try before was right, by the personal code */
	struct record_codes said;
};

/* How long ago, us. What was recorded before this boot is as old as the boot at least. */
static uint64_t age_of(const struct counting *c, const json_t *entry)
{
	int64_t wall;
	int64_t boot;

	if (text_is(entry, "boot-id", c->boot_id)) {
		if (json_get_int(entry, "boot-time", 0, INT64_MAX, &boot) != 0) {
			return 0;
		}
		return c->boot > (uint64_t)boot ? c->boot - (uint64_t)boot : 0;
	}
	if (json_get_int(entry, "time", 0, c->wall, &wall) != 0) {
		return c->boot;
	}
	return (uint64_t)(c->wall - wall) > c->boot ? (uint64_t)(c->wall - wall) : c->boot;
}

static void count_right(struct counting *c, const json_t *details)
{
	c->open = false;
	if (text_is(details, "kind", "activation")) {
		c->said.used = c->said.used || (c->id && text_is(details, "id", c->id));
	} else {
		c->forgiven = true;
	}
}

static void count_try(struct counting *c, const json_t *entry)
{
	const json_t *details = json_object_get(entry, "details");

	c->open = c->open && age_of(c, entry) < LIMIT_CODE_WINDOW;
	if (c->open) {
		c->said.tries++;
	}
	if (c->id && text_is(details, "id", c->id) && !c->forgiven) {
		c->said.of_activation++;
	}
	c->forgiven = false;
}

/* Newest first: each outcome comes before its try. The newest issue ends the search. */
static int code_row(void *user, uint64_t index, const json_t *entry)
{
	const json_t *details = json_object_get(entry, "details");
	struct counting *c = user;

	(void)index;
	if (text_is(entry, "event", audit_event_word(AUDIT_EVENT_CODE_TRIED))) {
		count_try(c, entry);
		return !c->open && !c->id ? AUDIT_ENOUGH : 0;
	}
	if (text_is(entry, "event", audit_event_word(AUDIT_EVENT_CODE))) {
		if (text_is(entry, "outcome", "ok")) {
			count_right(c, details);
		}
		return !c->open && !c->id ? AUDIT_ENOUGH : 0;
	}
	if (!text_is(entry, "outcome", "ok") && !text_is(entry, "outcome", "recovered")) {
		return 0; /* no code came of it */
	}
	c->said.issued = c->id && text_is(details, "id", c->id);
	c->said.age = age_of(c, entry);
	return AUDIT_ENOUGH;
}

int record_codes(const struct dossier *d, const char *id, struct record_codes *ret)
{
	static const enum audit_event events[] = {
		AUDIT_EVENT_CODE_TRIED, AUDIT_EVENT_CODE, AUDIT_EVENT_CODE_ISSUED};
	const struct audit_wanted wanted = {
		.pseudonym = d->pseudonym, .events = events, .n_events = ARRAY_LEN(events)};
	struct counting c = {.id = id, .open = true, .wall = (int64_t)clock_wall()};
	int r;

	c.boot = clock_boottime();
	r = clock_boot_id(c.boot_id);
	if (r == 0) {
		r = audit_find(d->all->audit, &wanted, code_row, &c);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = c.said;
	return 0;
}

/* -- history ------------------------------------------------------------------------------------ */

struct gather {
	struct record_history *h;
	const char *professional; /* whose entries alone, or NULL */
	unsigned int looked;
};

/* As shown. How many documents were withheld is nobody's to read: what a filter finds among those
 * that one may not see would be told by it. */
static int show(const json_t *entry, json_t *shown)
{
	static const char *const names[] = {"sequence", "time", "event", "outcome", "session",
		"application", "professional", "structure", "mode", "document", "rule",
		"dossier-version"};
	json_t *details = json_object_get(entry, "details");
	json_t *then = json_object_get(details, "kept-time");
	_cleanup_json_ json_t *told = NULL;
	int r;

	r = copy_members(entry, names, ARRAY_LEN(names), shown);
	if (r == 0 && then) {
		r = json_set(shown, "time", json_incref(then)); /* written anew since */
	}
	if (r < 0 || !details) {
		return trace(r);
	}
	told = json_object();
	if (!told || json_object_update(told, details) < 0) {
		return fault(-ENOMEM);
	}
	(void)json_object_del(told, "withheld");
	return trace(json_set(shown, "details", json_incref(told)));
}

static bool is_shown(const struct gather *g, const json_t *entry)
{
	const char *document = json_get_str(entry, "document");

	if (g->professional && !text_is(entry, "professional", g->professional)) {
		return false;
	}
	/* its outcome has an entry of its own */
	return !text_is(entry, "outcome", "started") &&
	       !(document && json_object_get(g->h->hidden, document));
}

static int add_shown(struct record_history *h, const json_t *entry)
{
	_cleanup_json_ json_t *shown = json_object();
	int r = shown ? show(entry, shown) : fault(-ENOMEM);

	if (r < 0) {
		return trace(r);
	}
	buf_put_str(&h->text, h->n++ == 0 ? "" : ",");
	r = json_canonical(shown, &h->text);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

static int gather_row(void *user, uint64_t index, const json_t *entry)
{
	struct gather *g = user;
	int r = is_shown(g, entry) ? add_shown(g->h, entry) : 0;

	if (r < 0) {
		return trace(r);
	}
	g->h->below = index;
	g->looked++;
	return g->looked >= RECORD_HISTORY_STEP || g->h->n >= g->h->limit ? AUDIT_ENOUGH : 0;
}

/* Whose an entry is is not left to the question: the record would look at all of others' to find one. */
int record_history_step(struct dossier *d, struct record_history *h, bool *ret_more)
{
	const struct session_professional *p = session_professional(d->session);
	const struct audit_wanted wanted = {.pseudonym = d->pseudonym, .below = h->below};
	struct gather g = {.h = h};
	int r;

	if (h->own) {
		g.professional = p ? p->person.national_id : "";
	}
	if (h->below == 0) {
		buf_put_str(&h->text, "[");
	}
	r = audit_find(d->all->audit, &wanted, gather_row, &g);
	if (r == 0) {
		r = buf_check(&h->text);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret_more = g.looked == RECORD_HISTORY_STEP && h->n < h->limit && h->below > 0;
	return 0;
}
