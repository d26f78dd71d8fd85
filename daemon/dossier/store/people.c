/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The people record: made, read whatever format it has, and told to the broker without what nobody but
 * the process needs. What changes it is in people-acts.c.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/dossier/store/people-inside.h"

#define FORMAT 4

/* what an activation code is told by, besides its scrypt */
const char *const people_activation[PEOPLE_ACTIVATION] = {
	"id", "since", "until", "uid", "agent-uid", "pair"};

int people_set_shared(json_t *object, const char *name, const json_t *from, const char *member)
{
	json_t *value = json_object_get(from, member);

	return value ? trace(json_set(object, name, json_incref(value))) : 0;
}

int64_t people_number(const json_t *object, const char *name)
{
	return (int64_t)json_integer_value(json_object_get(object, name));
}

int people_set_members(json_t *object, const json_t *from, const char *const *names, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		r = people_set_shared(object, names[i], from, names[i]);
	}
	return trace(r);
}

/* -- new, and read ---------------------------------------------------------------------------- */

/* What format 3 brought: nothing of it is there yet. */
static int put_later(json_t *people)
{
	json_t *codes = json_object();
	int r;

	r = json_set(people, MASKED, json_false());
	if (r == 0) {
		r = json_set(people, CLOSED, json_null());
	}
	if (r == 0) {
		r = json_set(codes, PERSONAL, json_null());
	}
	if (r == 0) {
		r = json_set(codes, ACTIVATION, json_null());
	}
	if (r < 0) {
		json_decref(codes);
		return trace(r);
	}
	return trace(json_set(people, CODES, codes));
}

int people_new(json_t *author, json_t **ret)
{
	static const char *const lists[] = {AUTHORISED, BLOCKED, OPPOSITIONS};
	_cleanup_json_ json_t *j = json_object();
	int r;

	r = put_later(j);
	if (r == 0) {
		r = json_set(j, "format", json_integer(FORMAT));
	}
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
	int64_t since = people_number(people, "created");
	int r;

	r = json_set(row, name, json_string(text));
	if (r == 0) {
		r = json_set(row, "since", json_integer(since));
	}
	if (r == 0) {
		r = json_set(row, "until", json_integer(since + (int64_t)PEOPLE_YEAR));
	}
	if (r == 0) {
		r = people_set_shared(row, "by", people, "created-by");
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
	return trace(r);
}

/* What format 4 brought: of no authorisation from before was the patient told so. */
static int put_untold(json_t *people)
{
	json_t *row;
	size_t i;
	int r = 0;

	json_array_foreach(json_object_get(people, AUTHORISED), i, row)
	{
		r = r == 0 && json_is_object(row) ? json_set(row, TOLD, json_false()) : r;
	}
	return r == 0 ? trace(json_set(people, "format", json_integer(FORMAT))) : trace(r);
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

/* null, or an object with since, and with until where it ends. */
static bool dated_or_null(const json_t *value, bool until)
{
	if (json_is_null(value)) {
		return true;
	}
	return json_is_integer(json_object_get(value, "since")) &&
	       (!until || json_is_integer(json_object_get(value, "until")));
}

bool people_is_activation(const json_t *code)
{
	return json_get_str(code, "id") && json_get_str(code, "pair") &&
	       json_is_integer(json_object_get(code, "uid")) &&
	       json_is_integer(json_object_get(code, "agent-uid")) &&
	       codes_valid(json_object_get(code, SCRYPT));
}

static bool codes_are_valid(const json_t *codes)
{
	const json_t *personal = json_object_get(codes, PERSONAL);
	const json_t *activation = json_object_get(codes, ACTIVATION);

	return dated_or_null(personal, false) && dated_or_null(activation, true) &&
	       (json_is_null(personal) || codes_valid(json_object_get(personal, SCRYPT))) &&
	       (json_is_null(activation) || people_is_activation(activation));
}

static bool later_valid(const json_t *people)
{
	return json_is_boolean(json_object_get(people, MASKED)) &&
	       dated_or_null(json_object_get(people, CLOSED), true) &&
	       codes_are_valid(json_object_get(people, CODES));
}

static bool all_say_what_was_told(const json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		if (!json_is_boolean(json_object_get(row, TOLD))) {
			return false;
		}
	}
	return true;
}

static bool people_valid(const json_t *people)
{
	const json_t *doctor = json_object_get(people, DOCTOR);

	return rows_valid(people, AUTHORISED, "id") &&
	       all_say_what_was_told(json_object_get(people, AUTHORISED)) &&
	       rows_valid(people, BLOCKED, "id") && rows_valid(people, OPPOSITIONS, "mode") &&
	       (json_is_null(doctor) || json_get_str(doctor, "id")) && later_valid(people);
}

/* As format 4, in place. Return: 0, a fault or DOSSIER_DAMAGED. */
static int raise_to_ours(json_t *people, int64_t format)
{
	int r = format == 1 ? raise_format(people) : 0;

	if (r == 0 && format < 3) {
		r = put_later(people);
	}
	if (r == 0 && format < FORMAT) {
		r = put_untold(people);
	}
	return trace(r);
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
	if (format > FORMAT) {
		return DOSSIER_NEWER;
	}
	r = raise_to_ours(people, format);
	if (r != 0) {
		return trace(r);
	}
	if (!people_valid(people)) {
		return DOSSIER_DAMAGED;
	}
	*ret = json_incref(people);
	return 0;
}

/* -- told --------------------------------------------------------------------------------------- */

int people_told(json_t *people, json_t **ret)
{
	const json_t *codes = json_object_get(people, CODES);
	const json_t *activation = json_object_get(codes, ACTIVATION);
	_cleanup_json_ json_t *told = json_object();
	_cleanup_json_ json_t *shown = json_object();
	_cleanup_json_ json_t *of_code = json_object();
	int r;

	r = told && json_object_update(told, people) == 0 ? 0 : fault(-ENOMEM);
	if (r == 0 && codes) {
		r = json_set(shown, PERSONAL,
			json_boolean(json_is_object(json_object_get(codes, PERSONAL))));
	}
	if (r == 0 && codes) {
		r = people_set_members(
			of_code, activation, people_activation, PEOPLE_ACTIVATION);
	}
	if (r == 0 && codes) {
		r = json_set(shown, ACTIVATION,
			json_is_object(activation) ? json_incref(of_code) : json_null());
	}
	if (r == 0 && codes) {
		r = json_set(told, CODES, json_incref(shown));
	}
	if (r < 0) {
		return trace(r);
	}
	*ret = json_incref(told);
	return 0;
}

unsigned int people_codes(
	const json_t *people, const json_t **ret_personal, const json_t **ret_activation)
{
	const json_t *codes = json_object_get(people, CODES);

	*ret_personal = json_object_get(json_object_get(codes, PERSONAL), SCRYPT);
	*ret_activation = json_object_get(json_object_get(codes, ACTIVATION), SCRYPT);
	return (*ret_personal ? CODES_PERSONAL : 0U) |
	       (*ret_activation ? CODES_ACTIVATION : 0U);
}
