/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The people record of a dossier that is being opened or open, as its process gave it: who is
 * authorised and until when, who is blocked, the treating doctor, oppositions (doc/store.md). An
 * authorisation counts while since <= now < until by the wall clock, so each question is answered
 * anew; a clock that was set back before `since` gives nothing.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/tlv.h"
#include "daemon/dossier/inside.h"
#include "daemon/limits.h"

/* -- taking ------------------------------------------------------------------------------------- */

/* Rows are objects; in format 1 they were the bare text. */
static bool says(const json_t *row, const char *member, const char *text)
{
	const char *said =
		json_is_string(row) ? json_string_value(row) : json_get_str(row, member);

	return said && strcmp(said, text) == 0;
}

static bool any_says(const json_t *list, const char *member, const char *text)
{
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		if (says(row, member, text)) {
			return true;
		}
	}
	return false;
}

/* A new list of what @list says of @id, or NULL when memory is out. */
static json_t *rows_about(const json_t *list, const char *id)
{
	_cleanup_json_ json_t *rows = json_array();
	json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
	{
		if (says(row, "id", id) && json_array_append(rows, row) < 0) {
			return NULL;
		}
	}
	return json_incref(rows);
}

/* What no store of ours holds must not pass for a dossier in which nobody is blocked. */
static bool is_record(const json_t *people)
{
	static const char *const lists[] = {"authorised", "blocked", "oppositions"};

	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const json_t *list = json_object_get(people, lists[i]);

		if (list && !json_is_array(list)) {
			return false;
		}
	}
	return json_is_object(people);
}

/* @people is shared. Return: 0 or -ENOMEM. */
static int set(struct dossier *d, json_t *people, const char *id)
{
	json_t *mine = rows_about(json_object_get(people, "authorised"), id);

	if (!mine) {
		return fault(-ENOMEM);
	}
	json_decref(d->mine);
	d->mine = mine;
	json_incref(people);
	json_decref(d->people);
	d->people = people;
	d->blocked = any_says(json_object_get(people, "blocked"), "id", id);
	d->treating = says(json_object_get(people, "treating-doctor"), "id", id);
	d->opposed = any_says(json_object_get(people, "oppositions"), "mode",
		session_mode_word(session_mode(d->session)));
	d->masked_allowed = json_get_bool(people, "masked-allowed");
	return 0;
}

int people_take(struct dossier *d, struct view body)
{
	const struct session_professional *p = session_professional(d->session);
	bool alone = session_mode(d->session) == SESSION_MODE_PATIENT;
	_cleanup_json_ json_t *people = NULL;
	struct tlv t;

	if ((!p && !alone) || tlv_find(body, LINK_TAG_PEOPLE, &t) != 0 ||
		json_parse(t.value, &people) != 0 || !is_record(people)) {
		return fault(-EBADMSG);
	}
	/* nobody has the empty id */
	return trace(set(d, people, p ? p->person.national_id : ""));
}

/* -- by time ------------------------------------------------------------------------------------ */

static bool in_force(const json_t *row, int64_t now)
{
	int64_t since;
	int64_t until;

	return json_get_int(row, "since", 0, now, &since) == 0 &&
	       json_get_int(row, "until", now + 1, INT64_MAX, &until) == 0;
}

bool people_authorised(const struct dossier *d, bool *ret_told)
{
	int64_t now = (int64_t)clock_wall();
	bool any = false;
	json_t *row;
	size_t i;

	*ret_told = false;
	json_array_foreach(d->mine, i, row)
	{
		if (in_force(row, now)) {
			any = true;
			*ret_told = *ret_told || json_get_bool(row, "without-card");
		}
	}
	return any;
}

/* -- listing ------------------------------------------------------------------------------------ */

/* @row and whether it has ended; one that ended a year ago is left out. */
static int add_authorised(json_t *list, json_t *row, int64_t now)
{
	json_t *shown;
	int64_t until;

	if (json_get_int(row, "until", 0, INT64_MAX, &until) != 0 ||
		(until <= now && now - until >= (int64_t)LIMIT_AUTHORISED)) {
		return 0;
	}
	shown = json_object();
	if (json_array_append_new(list, shown) < 0 || json_object_update(shown, row) < 0) {
		return fault(-ENOMEM);
	}
	return until <= now ? trace(json_set(shown, "ended", json_true())) : 0;
}

static int list_authorised(const struct dossier *d, json_t *list)
{
	int64_t now = (int64_t)clock_wall();
	json_t *row;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(d->people, "authorised"), i, row)
	{
		r = r == 0 ? add_authorised(list, row, now) : r;
	}
	return trace(r);
}

/* The member as it is, or @none, which is taken. */
static int list_member(const struct dossier *d, json_t *out, const char *name, json_t *none)
{
	json_t *member = json_object_get(d->people, name);

	if (member) {
		json_decref(none);
		none = json_incref(member);
	}
	return trace(json_set(out, name, none));
}

int people_listed(const struct dossier *d, json_t **ret)
{
	_cleanup_json_ json_t *out = json_object();
	_cleanup_json_ json_t *authorised = json_array();
	int r;

	r = list_authorised(d, authorised);
	if (r == 0) {
		r = json_set(out, "authorised", json_incref(authorised));
	}
	if (r == 0) {
		r = list_member(d, out, "blocked", json_array());
	}
	if (r == 0) {
		r = list_member(d, out, "treating-doctor", json_null());
	}
	if (r == 0) {
		r = list_member(d, out, "oppositions", json_array());
	}
	if (r == 0) {
		r = list_member(d, out, "masked-allowed", json_false());
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(out);
	return 0;
}

/* -- changes ------------------------------------------------------------------------------------ */

/* Whether the change took away what the session of @d is open by. */
static bool is_withdrawn(const struct dossier *d, const char *revoked)
{
	const struct session_professional *p = session_professional(d->session);

	return d->blocked || (d->opposed && session_mode_emergency(session_mode(d->session))) ||
	       (revoked && p && strcmp(p->person.national_id, revoked) == 0);
}

/* Another session with the same dossier that knows less than @d, or NULL. */
static struct dossier *other_behind(const struct dossier *d)
{
	for (struct dossier *o = d->all->first; o; o = o->next) {
		if (o != d && o->people != d->people &&
			strcmp(o->pseudonym, d->pseudonym) == 0) {
			return o;
		}
	}
	return NULL;
}

void people_changed(struct dossier *d, const char *revoked)
{
	struct dossier *o;

	/* dossier_prepare() lets nobody else have it; should it ever, this is what keeps it true */
	while ((o = other_behind(d))) {
		const struct session_professional *p = session_professional(o->session);

		if (!p || set(o, d->people, p->person.national_id) < 0 ||
			is_withdrawn(o, revoked)) {
			dossier_end(o, VITALED_REASON_REVOKED);
		}
	}
	if (is_withdrawn(d, revoked)) {
		d->over = VITALED_REASON_REVOKED;
	}
}
