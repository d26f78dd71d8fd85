/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Verbs about who may open the dossier: authorise, revoke, block, unblock, the list of them, the role
 * of treating doctor, oppositions to the emergency modes and what those may see. Whom an act is about goes to the
 * service in a memfd; without an identifier it is the professional of this session.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/lang.h"
#include "client/open.h"
#include "client/render.h"
#include "client/sheet.h"
#include "client/value.h"

#define ASKED                                                                                  \
	150U /* seconds of a call in which a code may be asked for: 120 of theirs, and the service's */

/* -- whom ------------------------------------------------------------------------------------ */

/* The end of the day @text (YYYY-MM-DD, local time), in microseconds since the epoch. */
static bool end_of_day(const char *text, json_int_t *ret)
{
	struct tm day = {.tm_isdst = -1};
	const char *rest = strlen(text) == 10 ? strptime(text, "%Y-%m-%d", &day) : NULL;
	struct tm next = day;
	time_t end;

	next.tm_hour = 0;
	next.tm_isdst = -1;
	end = mktime(&day);
	if (!rest || rest[0] != '\0' || end < 0 || day.tm_mday != next.tm_mday ||
		day.tm_mon != next.tm_mon) {
		return false; /* no day of the calendar */
	}
	next.tm_mday++;
	end = mktime(&next);
	*ret = (json_int_t)end * 1000000;
	return end > 0;
}

/* The professional of this session, by the card. */
static enum ctl_exit self(struct open *o, json_t **ret_who)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	_cleanup_json_ json_t *args = NULL;
	struct conn_failure f = {0};
	const char *id;
	const char *given;
	const char *surname;
	char name[256];
	int r = conn_call(&o->ctl->conn, held_method(&o->held, "Session", "GetProfessional"),
		30, NULL, &f, &reply);

	if (r != 0) {
		return ctl_result(o->ctl, r, &f);
	}
	r = value_args(reply, &args);
	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	id = json_get_str(json_array_get(args, 0), "national-id");
	if (!id) {
		return ctl_wrong(o->ctl, CTL_FAILED, "professional",
			_("the service's answer is malformed"));
	}
	given = json_get_str(json_array_get(args, 0), "given");
	surname = json_get_str(json_array_get(args, 0), "surname");
	(void)snprintf(name, sizeof(name), "%s%s%s", given ? given : "",
		given && given[0] ? " " : "", surname ? surname : "");
	*ret_who = json_pack("{s:s, s:s}", "id", id, "name", name);
	return *ret_who ? CTL_OK : ctl_fault(o->ctl, fault(-ENOMEM));
}

/* {"id", "name"?, "until"?} of the verb's arguments. */
static enum ctl_exit whom(struct open *o, const struct args *a, json_t **ret_who)
{
	_cleanup_json_ json_t *who = NULL;
	json_int_t until = 0;
	enum ctl_exit code = CTL_OK;
	int r = 0;

	if (args_flag(a, "until") && !end_of_day(args_value(a, "until"), &until)) {
		return ctl_usage(o->ctl, "--until", _("a day is needed: YYYY-MM-DD"));
	}
	if (a->n_words == 0) {
		code = self(o, &who);
	} else {
		who = json_pack("{s:s}", "id", a->words[0]);
		r = who ? 0 : fault(-ENOMEM);
	}
	if (code != CTL_OK) {
		return code;
	}
	if (r == 0 && args_flag(a, "name")) {
		r = json_set(who, "name", json_string(args_value(a, "name")));
	}
	if (r == 0 && args_flag(a, "until")) {
		r = json_set(who, "until", json_integer(until));
	}
	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	*ret_who = json_incref(who);
	return CTL_OK;
}

/* -- acts ------------------------------------------------------------------------------------ */

static enum ctl_exit act(struct open *o, const char *command, DBusMessage *call, json_t *result)
{
	_cleanup_json_ json_t *owned = result;
	struct conn_failure f = {0};
	enum ctl_exit code =
		ctl_result(o->ctl, conn_call(&o->ctl->conn, call, ASKED, NULL, &f, NULL), &f);

	if (code == CTL_OK && o->ctl->json) {
		ctl_json(json_pack(
			"{s:s, s:o*}", "command", command, "result", json_incref(owned)));
	}
	return code;
}

/* @on: the second argument where there is one, else NULL */
static enum ctl_exit about(struct open *o, const struct args *a, const char *command,
	const char *member, const dbus_bool_t *on)
{
	DBusMessage *call;
	json_t *who = NULL;
	int fd = -1;
	bool ok;
	enum ctl_exit code = whom(o, a, &who);
	int r = code == CTL_OK ? json_memfd(who, "who", &fd) : 0;

	if (code != CTL_OK || r != 0) {
		json_decref(who);
		return code != CTL_OK ? code : ctl_fault(o->ctl, r < 0 ? r : fault(-EINVAL));
	}
	call = held_method(&o->held, "Dossier", member);
	ok = call && dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	ok = ok &&
	     (!on || dbus_message_append_args(call, DBUS_TYPE_BOOLEAN, on, DBUS_TYPE_INVALID));
	close(fd); /* libdbus has a duplicate */
	if (!ok) {
		conn_message_put(&call);
	}
	return act(o, command, call, who);
}

static enum ctl_exit do_authorise(struct open *o, const struct args *a)
{
	return about(o, a, "authorise", "Authorise", NULL);
}

static enum ctl_exit do_revoke(struct open *o, const struct args *a)
{
	return about(o, a, "revoke", "Revoke", NULL);
}

static enum ctl_exit do_block(struct open *o, const struct args *a)
{
	dbus_bool_t on = TRUE;

	return about(o, a, "block", "Block", &on);
}

static enum ctl_exit do_unblock(struct open *o, const struct args *a)
{
	dbus_bool_t on = FALSE;

	return about(o, a, "unblock", "Block", &on);
}

/* "on" or "off". */
static bool is_switch(const char *word, dbus_bool_t *ret_on)
{
	*ret_on = strcmp(word, "on") == 0;
	return *ret_on || strcmp(word, "off") == 0;
}

static enum ctl_exit do_treating_doctor(struct open *o, const struct args *a)
{
	dbus_bool_t on;
	DBusMessage *call;

	if (!is_switch(a->words[0], &on)) {
		return ctl_usage(o->ctl, a->words[0], _("on or off is needed"));
	}
	call = held_method(&o->held, "Dossier", "SetTreatingDoctor");
	if (call &&
		!dbus_message_append_args(call, DBUS_TYPE_BOOLEAN, &on, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	return act(o, "treating-doctor", call, json_boolean(on));
}

static enum ctl_exit do_oppose(struct open *o, const struct args *a)
{
	dbus_bool_t on;
	DBusMessage *call;

	if (!is_switch(a->words[1], &on)) {
		return ctl_usage(o->ctl, a->words[1], _("on or off is needed"));
	}
	call = held_method(&o->held, "Dossier", "SetOpposition");
	if (call && !dbus_message_append_args(call, DBUS_TYPE_STRING, &a->words[0],
			    DBUS_TYPE_BOOLEAN, &on, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	return act(o, "oppose", call, json_pack("{s:s, s:b}", "mode", a->words[0], "on", on));
}

static enum ctl_exit do_allow_masked(struct open *o, const struct args *a)
{
	dbus_bool_t on;
	DBusMessage *call;

	if (!is_switch(a->words[0], &on)) {
		return ctl_usage(o->ctl, a->words[0], _("on or off is needed"));
	}
	call = held_method(&o->held, "Dossier", "SetMaskedAllowed");
	if (call &&
		!dbus_message_append_args(call, DBUS_TYPE_BOOLEAN, &on, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	return act(o, "allow-masked", call, json_boolean(on));
}

static enum ctl_exit do_professionals(struct open *o, const struct args *a _unused_)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)8 * 1024 * 1024);
	_cleanup_json_ json_t *people = NULL;
	enum ctl_exit code =
		open_fetch(o, held_method(&o->held, "Dossier", "ListProfessionals"), &people);

	if (code != CTL_OK || o->ctl->json) {
		return code == CTL_OK ? open_print(o, "professionals", people, NULL) : code;
	}
	sheet_people(people, &text);
	render_print(&text);
	return CTL_OK;
}

static const struct args_option authorise_options[] = {
	{"name", 0, "NAME"},
	{"until", 0, "DATE"},
};

static const struct args_option block_options[] = {
	{"name", 0, "NAME"},
};

const struct verb verbs_people[] = {
	{"professionals", HELD_UNLOCKED, false, do_professionals, 0, 0, NULL, 0, "",
		N_("who may open the dossier, who is blocked, the treating doctor")},
	{"authorise", HELD_UNLOCKED, false, do_authorise, 0, 1, authorise_options,
		ARRAY_LEN(authorise_options), "[ID] [--name NAME] [--until DATE]",
		N_("let a professional (you) open it later without asking again")},
	{"revoke", HELD_UNLOCKED, false, do_revoke, 0, 1, NULL, 0, "[ID]",
		N_("end such an authorisation")},
	{"block", HELD_UNLOCKED, false, do_block, 1, 1, block_options, ARRAY_LEN(block_options),
		"ID [--name NAME]", N_("keep a professional out, whoever agrees")},
	{"unblock", HELD_UNLOCKED, false, do_unblock, 1, 1, NULL, 0, "ID",
		N_("take that back")},
	{"treating-doctor", HELD_UNLOCKED, false, do_treating_doctor, 1, 1, NULL, 0, "on|off",
		N_("take the role of treating doctor, or leave it")},
	{"oppose", HELD_UNLOCKED, false, do_oppose, 2, 2, NULL, 0, "MODE on|off",
		N_("the patient does not want bris_de_glace, or centre_15")},
	{"allow-masked", HELD_UNLOCKED, false, do_allow_masked, 1, 1, NULL, 0, "on|off",
		N_("emergencies see what is masked, or do not")},
};
const size_t verbs_people_count = ARRAY_LEN(verbs_people);
