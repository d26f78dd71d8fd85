/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The people record. Acts come from the broker, which has asked the rights function; here they are
 * done or were done already. An authorisation that has ended stays for a year, to be listed as ended,
 * and goes at the next act after that.
 */
#include "daemon/dossier/store/people.h"

#include <errno.h>
#include <string.h>

#include "base/clock.h"

#define AUTHORISED  "authorised"
#define BLOCKED	    "blocked"
#define DOCTOR	    "treating-doctor"
#define OPPOSITIONS "oppositions"

static int set_shared(json_t *object, const char *name, const json_t *from, const char *member)
{
	json_t *value = json_object_get(from, member);

	return value ? trace(json_set(object, name, json_incref(value))) : 0;
}

static int64_t number_of(const json_t *object, const char *name)
{
	return (int64_t)json_integer_value(json_object_get(object, name));
}

/* -- new, and read ---------------------------------------------------------------------------- */

int people_new(json_t *author, json_t **ret)
{
	static const char *const lists[] = {AUTHORISED, BLOCKED, OPPOSITIONS};
	_cleanup_json_ json_t *j = json_object();
	int r;

	r = json_set(j, "format", json_integer(2));
	if (r == 0) {
		r = json_set(j, "created", json_integer((json_int_t)clock_wall()));
	}
	if (r == 0) {
		r = json_set(j, "created-by", json_incref(author));
	}
	if (r == 0) {
		r = json_set(j, DOCTOR, json_null());
	}
	for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++) {
		r = json_set(j, lists[i], json_array());
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(j);
	return 0;
}

/* A row of format 2 for the bare @text of format 1: since the dossier is there, by who made it. */
static int row_of_text(const json_t *people, const char *name, const char *text, json_t **ret)
{
	_cleanup_json_ json_t *row = json_object();
	int64_t since = number_of(people, "created");
	int r;

	r = json_set(row, name, json_string(text));
	if (r == 0) {
		r = json_set(row, "since", json_integer(since));
	}
	if (r == 0) {
		r = json_set(row, "until", json_integer(since + (int64_t)PEOPLE_YEAR));
	}
	if (r == 0) {
		r = set_shared(row, "by", people, "created-by");
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(row);
	return 0;
}

/* The list @list of format 1, its texts as members @name. Return: 0, a fault or DOSSIER_DAMAGED. */
static int raise_list(json_t *people, const char *list, const char *name)
{
	_cleanup_json_ json_t *rows = json_array();
	json_t *value;
	size_t i;

	json_array_foreach(json_object_get(people, list), i, value)
	{
		json_t *row;
		int r;

		if (!json_is_string(value)) {
			return DOSSIER_DAMAGED;
		}
		r = row_of_text(people, name, json_string_value(value), &row);
		if (r < 0) {
			return trace(r);
		}
		/* only authorisations end */
		if (strcmp(list, AUTHORISED) != 0) {
			(void)json_object_del(row, "until");
		}
		if (json_array_append_new(rows, row) < 0) {
			return fault(-ENOMEM);
		}
	}
	return trace(json_set(people, list, json_incref(rows)));
}

static int raise_doctor(json_t *people)
{
	const char *id = json_get_str(people, DOCTOR);
	json_t *row = NULL;
	int r;

	if (!id) {
		return 0;
	}
	r = row_of_text(people, "id", id, &row);
	if (r < 0) {
		return trace(r);
	}
	(void)json_object_del(row, "until");
	return trace(json_set(people, DOCTOR, row));
}

static int raise_format(json_t *people)
{
	int r;

	r = raise_list(people, AUTHORISED, "id");
	if (r == 0) {
		r = raise_list(people, BLOCKED, "id");
	}
	if (r == 0) {
		r = raise_list(people, OPPOSITIONS, "mode");
	}
	if (r == 0) {
		r = raise_doctor(people);
	}
	return r != 0 ? trace(r) : trace(json_set(people, "format", json_integer(2)));
}

static bool rows_valid(const json_t *people, const char *list, const char *name)
{
	const json_t *rows = json_object_get(people, list);
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (!json_get_str(row, name) ||
			!json_is_integer(json_object_get(row, "since"))) {
			return false;
		}
	}
	return json_is_array(rows);
}

static bool people_valid(const json_t *people)
{
	const json_t *doctor = json_object_get(people, DOCTOR);

	return rows_valid(people, AUTHORISED, "id") && rows_valid(people, BLOCKED, "id") &&
	       rows_valid(people, OPPOSITIONS, "mode") &&
	       (json_is_null(doctor) || json_get_str(doctor, "id"));
}

int people_parse(struct view text, json_t **ret)
{
	_cleanup_json_ json_t *people = NULL;
	int64_t format;
	int r;

	r = json_parse(text, &people);
	if (r != 0 || json_get_int(people, "format", 1, INT64_MAX, &format) != 0) {
		return r < 0 ? trace(r) : DOSSIER_DAMAGED;
	}
	if (format > 2) {
		return DOSSIER_NEWER;
	}
	r = format == 1 ? raise_format(people) : 0;
	if (r != 0) {
		return trace(r);
	}
	if (!people_valid(people)) {
		return DOSSIER_DAMAGED;
	}
	*ret = json_incref(people);
	return 0;
}

/* -- acts --------------------------------------------------------------------------------------- */

/* The index of the row of @list whose @name is the act's; its size when there is none. */
static size_t row_at(const json_t *rows, const char *name, const json_t *act)
{
	const char *wanted = json_get_str(act, name);
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (strcmp(json_get_str(row, name), wanted) == 0) {
			return i;
		}
	}
	return json_array_size(rows);
}

/* id, name or mode of the act, since and by. */
static int new_row(const json_t *act, json_t **ret)
{
	static const char *const members[] = {"id", "name", "mode", "by"};
	_cleanup_json_ json_t *row = json_object();
	int r;

	r = set_shared(row, "since", act, "time");
	for (size_t i = 0; i < ARRAY_LEN(members) && r == 0; i++) {
		r = set_shared(row, members[i], act, members[i]);
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(row);
	return 0;
}

static int authorise(json_t *people, const json_t *act, bool *ret_changed)
{
	json_t *rows = json_object_get(people, AUTHORISED);
	size_t at = row_at(rows, "id", act);
	int64_t until = number_of(act, "time") + (int64_t)PEOPLE_YEAR;
	json_t *row = NULL;
	int r;

	if (json_object_get(act, "until")) {
		until = number_of(act, "until");
	}
	r = new_row(act, &row);
	if (r == 0) {
		r = json_set(row, "until", json_integer(until));
	}
	if (r < 0) {
		json_decref(row);
		return trace(r);
	}
	r = at < json_array_size(rows) ? json_array_set_new(rows, at, row)
				       : json_array_append_new(rows, row);
	*ret_changed = true;
	return r < 0 ? fault(-ENOMEM) : 0;
}

/* It ends now, and is listed as ended. */
static int revoke(json_t *people, const json_t *act, bool *ret_changed)
{
	json_t *rows = json_object_get(people, AUTHORISED);
	json_t *row = json_array_get(rows, row_at(rows, "id", act));
	int64_t time = number_of(act, "time");

	*ret_changed = row && number_of(row, "until") > time;
	return *ret_changed ? trace(json_set(row, "until", json_integer(time))) : 0;
}

/* A row in @list by its @name. */
static int put_in(json_t *people, const char *list, const char *name, const json_t *act,
	bool *ret_changed)
{
	json_t *rows = json_object_get(people, list);
	json_t *row;
	int r;

	*ret_changed = row_at(rows, name, act) == json_array_size(rows);
	if (!*ret_changed) {
		return 0;
	}
	r = new_row(act, &row);
	if (r < 0) {
		return trace(r);
	}
	return json_array_append_new(rows, row) < 0 ? fault(-ENOMEM) : 0;
}

static int take_out(json_t *people, const char *list, const char *name, const json_t *act,
	bool *ret_changed)
{
	json_t *rows = json_object_get(people, list);

	*ret_changed = json_array_remove(rows, row_at(rows, name, act)) == 0;
	return 0;
}

static int block(json_t *people, const json_t *act, bool *ret_changed)
{
	return trace(put_in(people, BLOCKED, "id", act, ret_changed));
}

static int unblock(json_t *people, const json_t *act, bool *ret_changed)
{
	return trace(take_out(people, BLOCKED, "id", act, ret_changed));
}

static int oppose(json_t *people, const json_t *act, bool *ret_changed)
{
	return trace(put_in(people, OPPOSITIONS, "mode", act, ret_changed));
}

static int unoppose(json_t *people, const json_t *act, bool *ret_changed)
{
	return trace(take_out(people, OPPOSITIONS, "mode", act, ret_changed));
}

static bool is_doctor(const json_t *people, const json_t *act)
{
	const char *id = json_get_str(json_object_get(people, DOCTOR), "id");

	return id && strcmp(id, json_get_str(act, "id")) == 0;
}

static int take_role(json_t *people, const json_t *act, bool *ret_changed)
{
	json_t *row;
	int r;

	*ret_changed = !is_doctor(people, act);
	if (!*ret_changed) {
		return 0;
	}
	r = new_row(act, &row);
	return r < 0 ? trace(r) : trace(json_set(people, DOCTOR, row));
}

/* Of the one that is named, or of whoever has it. */
static int leave_role(json_t *people, const json_t *act, bool *ret_changed)
{
	*ret_changed = json_get_str(act, "id")
			       ? is_doctor(people, act)
			       : json_is_object(json_object_get(people, DOCTOR));
	return *ret_changed ? trace(json_set(people, DOCTOR, json_null())) : 0;
}

static const struct {
	const char *act;
	const char *name; /* the member that says whom or what; NULL: none is needed */
	int (*apply)(json_t *people, const json_t *act, bool *ret_changed);
	size_t max; /* bytes of the record with it */
} acts[] = {
	{"authorise", "id", authorise, PEOPLE_AUTHORISE_MAX},
	{"revoke", "id", revoke, PEOPLE_MAX},
	{"block", "id", block, PEOPLE_MAX},
	{"unblock", "id", unblock, PEOPLE_MAX},
	{"treating-doctor", "id", take_role, PEOPLE_MAX},
	{"no-treating-doctor", NULL, leave_role, PEOPLE_MAX},
	{"oppose", "mode", oppose, PEOPLE_MAX},
	{"unoppose", "mode", unoppose, PEOPLE_MAX},
};

/* Authorisations that ended more than a year before @time go. Return: whether there were any. */
static bool forget_ended(json_t *people, int64_t time)
{
	json_t *rows = json_object_get(people, AUTHORISED);
	bool any = false;

	for (size_t i = json_array_size(rows); i > 0; i--) {
		int64_t until = number_of(json_array_get(rows, i - 1), "until");

		if (until < time - (int64_t)PEOPLE_YEAR) {
			any = json_array_remove(rows, i - 1) == 0 || any;
		}
	}
	return any;
}

static int check_size(const json_t *people, size_t max)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(max);
	int r;

	r = json_canonical(people, &text);
	if (r > 0) {
		return fault(-EBADMSG);
	}
	return text.failed == -EMSGSIZE ? DOSSIER_TOO_LARGE : trace(r);
}

/* The index of @act in acts; their number when it is none. */
static size_t act_at(const json_t *act)
{
	const char *word = json_get_str(act, "act");
	int64_t time;

	if (!word || json_get_int(act, "time", 0, INT64_MAX / 2, &time) != 0 ||
		!json_is_object(json_object_get(act, "by"))) {
		return ARRAY_LEN(acts);
	}
	for (size_t i = 0; i < ARRAY_LEN(acts); i++) {
		if (strcmp(acts[i].act, word) == 0 &&
			(!acts[i].name || json_get_str(act, acts[i].name))) {
			return i;
		}
	}
	return ARRAY_LEN(acts);
}

int people_apply(json_t *people, const json_t *act, bool *ret_changed)
{
	size_t at = act_at(act);
	bool forgotten;
	bool changed;
	int r;

	if (at == ARRAY_LEN(acts)) {
		return fault(-EBADMSG);
	}
	r = acts[at].apply(people, act, &changed);
	if (r < 0) {
		return trace(r);
	}
	forgotten = forget_ended(people, number_of(act, "time"));
	r = check_size(people, acts[at].max);
	if (r == 0) {
		*ret_changed = changed || forgotten;
	}
	return trace(r);
}
