/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Forgetting of contents whose time is over. Entries go from the oldest on and without a gap, so one
 * number says which are gone; their leaves stay, and with them the tree and every proof. What is about
 * to go is said first, in an entry "pruned" that is put together with a checkpoint over it; the mark
 * beside it names that entry, so a pass that a crash has cut is gone on with at the next start, and
 * entries that are missing without one are damage. Forgetting is what gives room again, so on a full
 * disk it may use what refusals may.
 *
 * What the record must never forget is written anew before it goes, in the transaction that takes it:
 * the newest version and hash of a dossier, as an entry "pruned" of that dossier, and a change that was
 * begun after it and whose end nobody told, as the entry "started" that it was; and the closing of a dossier.
 * All name the entry that they stand for (details.kept-from), so that they can be kept again.
 */
#include <errno.h>
#include <string.h>

#include "daemon/audit/doer.h"
#include "daemon/audit/state.h"
#include "daemon/limits.h"

#define PASS	1024U	   /* entries that one "pruned" names */
#define UNKNOWN (8 * PASS) /* entries that are looked at for them */
#define STEP	128U	   /* entries that one transaction takes away */

/* -- what a "pruned" entry says ----------------------------------------------------------------- */

int prune_last(struct audit *a, uint64_t by, uint64_t *ret_last, uint64_t *ret_wall)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_ENTRY_MAX);
	_cleanup_json_ json_t *entry = NULL;
	const json_t *details;
	const char *event;
	int64_t last, wall;
	int r = store_get_entry(&a->store, by, &text);

	if (r == 0)
		r = json_parse(buf_view(&text), &entry);
	if (r != 0)
		return r < 0 ? trace(r) : STORE_NONE;
	event = json_get_str(entry, "event");
	details = json_object_get(entry, "details");
	if (!event || strcmp(event, audit_event_word(AUDIT_EVENT_PRUNED)) != 0 ||
		json_get_int(details, "last", 0, INT64_MAX, &last) != 0 ||
		json_get_int(entry, "time", 0, INT64_MAX, &wall) != 0)
		return STORE_NONE;
	*ret_last = (uint64_t)last;
	*ret_wall = (uint64_t)wall;
	return 0;
}

/* -- a pass ------------------------------------------------------------------------------------- */

struct pass {
	uint64_t first;
	uint64_t last;
	uint64_t end; /* none from here on */
	uint64_t before;
	uint64_t known; /* entries whose clock was set */
};

/* An entry of a clock that was not set is as old as the next one that knows. */
static int pass_row(void *user, uint64_t index, struct view text)
{
	struct pass *p = user;
	struct entry_place at;
	int r;

	if (index >= p->end || index - p->first >= UNKNOWN || p->known >= PASS)
		return STORE_STOP;
	r = entry_place_of(text, &at);
	if (r != 0)
		return r < 0 ? trace(r) : fault(-EBADMSG);
	if (at.wall < LIMIT_CLOCK_SET)
		return 0;
	if (at.wall >= p->before)
		return STORE_STOP;
	p->known++;
	p->last = index;
	return 0;
}

static int fill_pass(struct audit *a, struct writing *w, const void *what)
{
	const struct pass *p = what;
	_cleanup_json_ json_t *details =
		json_pack("{s:I, s:I, s:I}", "first", (json_int_t)p->first, "last",
			(json_int_t)p->last, "older-than", (json_int_t)p->before);
	struct audit_entry e = AUDIT_ENTRY_NULL;
	int r = details ? audit_put_jump(a, w) : fault(-ENOMEM);

	e.event = AUDIT_EVENT_PRUNED;
	e.outcome = "ok";
	e.details = details;
	if (r == 0)
		r = audit_put_entry(a, w, &e);
	if (r == 0)
		r = store_put_mark(&a->store, STORE_MARK_PRUNED, w->next.size - 1);
	if (r == 0)
		r = audit_put_checkpoint(a, w);
	return trace(r);
}

/* Say what is going to go. Return: 0 or AUDIT_UNAVAILABLE. */
static int begin_pass(struct audit *a, uint64_t before, bool *ret_begun)
{
	struct pass p = {.first = a->first, .end = a->tree.size, .before = before};
	int r;

	if (a->sent < p.end)
		p.end = a->sent;
	r = store_each_entry(&a->store, p.first, pass_row, &p);
	if (r < 0)
		return audit_unavailable(a, r);
	*ret_begun = p.known > 0;
	r = p.known > 0 ? audit_write(a, AUDIT_CLASS_REFUSAL, fill_pass, &p) : 0;
	if (r == 0 && p.known > 0) {
		a->prune_to = p.last + 1;
		a->pruned_at = a->last.wall;
	}
	return r;
}

/* -- what is kept ------------------------------------------------------------------------------- */

/* The number of the entry that @entry stands for. */
static int64_t stands_for(const json_t *entry)
{
	int64_t n = -1;

	if (json_get_int(json_object_get(entry, "details"), "kept-from", 0, INT64_MAX, &n) !=
			0 &&
		json_get_int(entry, "sequence", 0, INT64_MAX, &n) != 0)
		return -1;
	return n;
}

/* The newest entry of @pseudonym with a version, or NULL. */
static int newest_version(struct audit *a, const char *pseudonym, json_t **ret)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_ENTRY_MAX);
	int r = store_version_of(&a->store, pseudonym, &text);

	if (r != 0)
		return r < 0 ? trace(r) : 0;
	r = json_parse(buf_view(&text), ret);
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

/* @said: its details, or NULL. */
static int keep(
	struct audit *a, struct writing *w, struct audit_entry *e, json_t *said, int64_t from)
{
	_cleanup_json_ json_t *details = json_object();

	if (!details || (said && json_object_update(details, said) < 0) ||
		json_set(details, "kept-from", json_integer((json_int_t)from)) < 0)
		return fault(-ENOMEM);
	e->details = details;
	return trace(audit_put_entry(a, w, e));
}

static int keep_version(struct audit *a, struct writing *w, const json_t *entry)
{
	struct audit_entry e = AUDIT_ENTRY_NULL;
	int64_t version;

	if (json_get_int(entry, "dossier-version", 0, INT64_MAX, &version) != 0)
		return fault(-EBADMSG);
	e.event = AUDIT_EVENT_PRUNED;
	e.outcome = "ok";
	e.pseudonym = json_get_str(entry, "pseudonym");
	e.dossier_version = version;
	e.dossier_hash = json_get_str(entry, "dossier-hash");
	return trace(keep(a, w, &e, NULL, stands_for(entry)));
}

/* Whole: its end will be told as of the one who began it. */
static int keep_started(struct audit *a, struct writing *w, const json_t *entry)
{
	const char *word = json_get_str(entry, "event");
	struct audit_entry e = AUDIT_ENTRY_NULL;
	unsigned int event = 0;

	while (event < AUDIT_EVENT_COUNT && word &&
		strcmp(audit_event_word((enum audit_event)event), word) != 0)
		event++;
	if (!word || event == AUDIT_EVENT_COUNT)
		return fault(-EBADMSG);
	e.event = (enum audit_event)event;
	e.outcome = "started";
	e.pseudonym = json_get_str(entry, "pseudonym");
	audit_doer(entry, &e);
	return trace(keep(a, w, &e, json_object_get(entry, "details"), stands_for(entry)));
}

static bool is_done(const json_t *entry)
{
	const char *outcome = json_get_str(entry, "outcome");

	return outcome && (strcmp(outcome, "ok") == 0 || strcmp(outcome, "recovered") == 0);
}

static int take_newest(void *user, uint64_t index, struct view text)
{
	_cleanup_json_ json_t *entry = NULL;
	int64_t *newest = user;
	int r = json_parse(text, &entry);

	(void)index;
	if (r != 0)
		return r < 0 ? trace(r) : fault(-EBADMSG);
	if (is_done(entry) && stands_for(entry) > *newest)
		*newest = stands_for(entry);
	return 0;
}

/* What the entry @from said, and when it happened. NULL: out of memory. */
static json_t *said_then(const json_t *from)
{
	json_t *details = json_object_get(from, "details");
	_cleanup_json_ json_t *said = json_object();
	json_t *time = json_object_get(details, "kept-time");

	if (!said || (details && json_object_update(said, details) < 0))
		return NULL;
	time = time ? time : json_object_get(from, "time");
	return json_set(said, "kept-time", json_incref(time)) < 0 ? NULL : json_incref(said);
}

/* That a dossier is closed, and until when it is kept, is what it is erased by: the entry stays for as long
 * as it is the newest that tells of the dossier's life. */
static int keep_closing(struct audit *a, struct writing *w, const json_t *entry)
{
	const struct store_wanted wanted = {.pseudonym = json_get_str(entry, "pseudonym"),
		.events = "[\"dossier-closed\",\"dossier-reopened\",\"dossier-erased\"]",
		.limit = -1};
	_cleanup_json_ json_t *said = NULL;
	struct audit_entry e = AUDIT_ENTRY_NULL;
	int64_t newest = -1;
	int r = store_each_of(&a->store, &wanted, take_newest, &newest);

	if (r < 0 || newest != stands_for(entry))
		return r < 0 ? trace(r) : 0;
	said = said_then(entry);
	if (!said)
		return fault(-ENOMEM);
	e.event = AUDIT_EVENT_DOSSIER_CLOSED;
	e.outcome = "ok";
	e.pseudonym = wanted.pseudonym; /* who it was is forgotten */
	return trace(keep(a, w, &e, said, stands_for(entry)));
}

static bool is_closing(const json_t *entry)
{
	const char *event = json_get_str(entry, "event");

	return event && is_done(entry) &&
	       strcmp(event, audit_event_word(AUDIT_EVENT_DOSSIER_CLOSED)) == 0;
}

/* Write anew what would be forgotten with @entry. */
static int keep_what_counts(struct audit *a, struct writing *w, const json_t *entry)
{
	const char *pseudonym = json_get_str(entry, "pseudonym");
	const char *outcome = json_get_str(entry, "outcome");
	_cleanup_json_ json_t *newest = NULL;
	int r;

	if (!pseudonym)
		return 0;
	r = is_closing(entry) ? keep_closing(a, w, entry) : 0;
	if (r < 0)
		return trace(r);
	r = newest_version(a, pseudonym, &newest);
	if (r < 0)
		return trace(r);
	if (newest && json_get_str(entry, "dossier-hash") && json_equal(newest, entry))
		return trace(keep_version(a, w, entry));
	if (outcome && strcmp(outcome, "started") == 0 &&
		(!newest || stands_for(newest) < stands_for(entry)))
		return trace(keep_started(a, w, entry));
	return 0;
}

/* -- a step ------------------------------------------------------------------------------------- */

/* A pass stops at what was not handed on, also one that was begun when nobody did that. */
static uint64_t step_end(const struct audit *a)
{
	uint64_t end = a->prune_to < a->sent ? a->prune_to : a->sent;

	if (end < a->first)
		end = a->first;
	return end - a->first > STEP ? a->first + STEP : end;
}

static int fill_step(struct audit *a, struct writing *w, const void *what)
{
	const uint64_t *end = what;
	int r = audit_put_jump(a, w);

	for (uint64_t i = a->first; r == 0 && i < *end; i++) {
		_cleanup_(buf_done) struct buf text = BUF_NULL(STORE_ENTRY_MAX);
		_cleanup_json_ json_t *entry = NULL;

		r = store_get_entry(&a->store, i, &text);
		if (r == 0)
			r = json_parse(buf_view(&text), &entry);
		if (r == 0)
			r = keep_what_counts(a, w, entry);
		if (r == 0)
			r = store_forget_entry(&a->store, i);
	}
	return r > 0 ? fault(-EBADMSG) : trace(r);
}

/* Some of a pass that was begun. */
static int go_on(struct audit *a, bool *ret_more)
{
	uint64_t end = step_end(a);
	int r;

	*ret_more = end > a->first;
	if (!*ret_more)
		return 0;
	r = audit_write(a, AUDIT_CLASS_REFUSAL, fill_step, &end);
	if (r == 0)
		a->first = end;
	if (r == 0 && step_end(a) == a->first)
		(void)store_empty_log(&a->store, true); /* what it still holds of them */
	return r;
}

int audit_prune(struct audit *a, uint64_t before, bool *ret_more)
{
	*ret_more = true;
	if (a->exports > 0)
		return 0;
	if (a->first < a->prune_to)
		return go_on(a, ret_more);
	return begin_pass(a, before, ret_more);
}

/* -- what is asked of it ------------------------------------------------------------------------ */

struct oldest {
	uint64_t first;
	uint64_t wall; /* 0: not met */
};

static int oldest_row(void *user, uint64_t index, struct view text)
{
	struct oldest *o = user;
	struct entry_place at;
	int r = entry_place_of(text, &at);

	if (r != 0)
		return r < 0 ? trace(r) : fault(-EBADMSG);
	if (at.wall >= LIMIT_CLOCK_SET)
		o->wall = at.wall;
	return o->wall > 0 || index - o->first >= UNKNOWN ? STORE_STOP : 0;
}

int audit_oldest(struct audit *a, uint64_t *ret_wall)
{
	struct oldest o = {.first = a->first};
	int r = store_each_entry(&a->store, a->first, oldest_row, &o);

	if (r < 0)
		return trace(r);
	if (o.wall == 0)
		return AUDIT_NO_ENTRY;
	*ret_wall = o.wall;
	return 0;
}

uint64_t audit_pruned(const struct audit *a)
{
	return a->pruned_at;
}

uint64_t audit_first(const struct audit *a)
{
	return a->first;
}
