/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What changes the people record. Acts come from the broker, which has asked the rights function; here
 * they are done or were done already. An authorisation that has ended stays for a year, to be listed as
 * ended, and goes at the next act after that.
 */
#include <errno.h>
#include <string.h>

#include "daemon/dossier/store/people-inside.h"

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

	r = people_set_shared(row, "since", act, "time");
	if (r == 0) {
		r = people_set_members(row, act, members, ARRAY_LEN(members));
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
	int64_t until = people_number(act, "time") + (int64_t)PEOPLE_YEAR;
	json_t *row = NULL;
	int r;

	if (json_object_get(act, "until")) {
		until = people_number(act, "until");
	}
	r = new_row(act, &row);
	if (r == 0) {
		r = json_set(row, "until", json_integer(until));
	}
	if (r == 0) {
		r = json_set(row, TOLD, json_boolean(json_get_bool(act, TOLD)));
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
	int64_t time = people_number(act, "time");

	*ret_changed = row && people_number(row, "until") > time;
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

/* Whether masked documents may be read in an emergency. */
static int allow_masked(json_t *people, const json_t *act, bool *ret_changed)
{
	const json_t *on = json_object_get(act, "on");

	*ret_changed = json_is_true(on) != json_is_true(json_object_get(people, MASKED));
	return *ret_changed ? trace(people_set_shared(people, MASKED, act, "on")) : 0;
}

static bool is_on_or_off(const json_t *act)
{
	return json_is_boolean(json_object_get(act, "on"));
}

/* Once: a closed one keeps its day. */
static int close_it(json_t *people, const json_t *act, bool *ret_changed)
{
	static const char *const members[] = {"until", "reason", "by"};
	_cleanup_json_ json_t *closed = json_object();
	int r;

	*ret_changed = json_is_null(json_object_get(people, CLOSED));
	if (!*ret_changed) {
		return 0;
	}
	r = people_set_shared(closed, "since", act, "time");
	if (r == 0) {
		r = people_set_members(closed, act, members, ARRAY_LEN(members));
	}
	return r < 0 ? trace(r) : trace(json_set(people, CLOSED, json_incref(closed)));
}

/* Lines may end: it is a text that a person wrote. */
static bool is_reason(const char *text)
{
	_cleanup_(buf_done) struct buf plain = BUF_NULL(PEOPLE_MAX);

	for (; text && *text; text++) {
		buf_put_u8(&plain, *text == '\n' || *text == '\t' ? ' ' : (uint8_t)*text);
	}
	buf_put_u8(&plain, 0);
	return !plain.failed && json_text_fits((const char *)plain.data, PEOPLE_REASON);
}

static bool is_closing(const json_t *act)
{
	int64_t until;

	return json_get_int(act, "until", people_number(act, "time") + 1, INT64_MAX, &until) ==
		       0 &&
	       is_reason(json_get_str(act, "reason"));
}

static int reopen(json_t *people, const json_t *act, bool *ret_changed)
{
	(void)act;
	*ret_changed = !json_is_null(json_object_get(people, CLOSED));
	return *ret_changed ? trace(json_set(people, CLOSED, json_null())) : 0;
}

/* -- codes ------------------------------------------------------------------------------------ */

/* Who has a code of their own needs no other: what was handed out on paper is void. */
static int set_personal(json_t *people, const json_t *act, bool *ret_changed)
{
	json_t *codes = json_object_get(people, CODES);
	_cleanup_json_ json_t *code = json_object();
	int r;

	*ret_changed = true;
	r = people_set_shared(code, "since", act, "time");
	if (r == 0) {
		r = people_set_shared(code, SCRYPT, act, SCRYPT);
	}
	if (r == 0) {
		r = json_set(codes, PERSONAL, json_incref(code));
	}
	return r < 0 ? trace(r) : trace(json_set(codes, ACTIVATION, json_null()));
}

static bool is_code(const json_t *act)
{
	return codes_valid(json_object_get(act, SCRYPT));
}

/* In place of the one before. */
static int set_activation(json_t *people, const json_t *act, bool *ret_changed)
{
	_cleanup_json_ json_t *code = json_object();
	int r;

	*ret_changed = true;
	r = people_set_members(code, act, people_activation, PEOPLE_ACTIVATION);
	if (r == 0) {
		r = people_set_shared(code, "since", act, "time");
	}
	if (r == 0) {
		r = people_set_shared(code, SCRYPT, act, SCRYPT);
	}
	return r < 0 ? trace(r)
		     : trace(json_set(
			       json_object_get(people, CODES), ACTIVATION, json_incref(code)));
}

static bool is_activation_act(const json_t *act)
{
	int64_t until;

	return people_is_activation(act) &&
	       json_get_int(act, "until", people_number(act, "time") + 1, INT64_MAX, &until) ==
		       0;
}

/* -- which -------------------------------------------------------------------------------------- */

static const struct {
	const char *act;
	const char *name; /* the member that says whom or what; NULL: none is needed */
	bool (*fits)(const json_t *act); /* or NULL: nothing more is looked at */
	int (*apply)(json_t *people, const json_t *act, bool *ret_changed);
	size_t max; /* bytes of the record with it */
} acts[] = {
	{"authorise", "id", NULL, authorise, PEOPLE_AUTHORISE_MAX},
	{"revoke", "id", NULL, revoke, PEOPLE_MAX},
	{"block", "id", NULL, block, PEOPLE_MAX},
	{"unblock", "id", NULL, unblock, PEOPLE_MAX},
	{"treating-doctor", "id", NULL, take_role, PEOPLE_MAX},
	{"no-treating-doctor", NULL, NULL, leave_role, PEOPLE_MAX},
	{"oppose", "mode", NULL, oppose, PEOPLE_MAX},
	{"unoppose", "mode", NULL, unoppose, PEOPLE_MAX},
	{"allow-masked", NULL, is_on_or_off, allow_masked, PEOPLE_MAX},
	{"close", "reason", is_closing, close_it, PEOPLE_MAX},
	{"reopen", NULL, NULL, reopen, PEOPLE_MAX},
	{"personal-code", NULL, is_code, set_personal, PEOPLE_MAX},
	{"activation-code", "id", is_activation_act, set_activation, PEOPLE_MAX},
};

/* Authorisations that ended more than a year before @time go. Return: whether there were any. */
static bool forget_ended(json_t *people, int64_t time)
{
	json_t *rows = json_object_get(people, AUTHORISED);
	bool any = false;

	for (size_t i = json_array_size(rows); i > 0; i--) {
		int64_t until = people_number(json_array_get(rows, i - 1), "until");

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

static bool is_whole(const json_t *act, size_t i)
{
	return (!acts[i].name || json_get_str(act, acts[i].name)) &&
	       (!acts[i].fits || acts[i].fits(act));
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
		if (strcmp(acts[i].act, word) == 0) {
			return is_whole(act, i) ? i : ARRAY_LEN(acts);
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
	forgotten = forget_ended(people, people_number(act, "time"));
	r = check_size(people, acts[at].max);
	if (r == 0) {
		*ret_changed = changed || forgotten;
	}
	return trace(r);
}
