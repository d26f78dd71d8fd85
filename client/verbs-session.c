/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Verbs about the session itself: who is there, choices, the receipt, locking.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/content.h"
#include "client/lang.h"
#include "client/open.h"
#include "client/render.h"
#include "client/value.h"
#include "record/receipt.h"

/* The result line of a verb that has nothing to tell. */
static enum ctl_exit done(struct open *o, const char *command, enum ctl_exit code)
{
	if (code == CTL_OK && o->ctl->json) {
		ctl_json(json_pack("{s:s, s:b}", "command", command, "result", 1));
	}
	return code;
}

static enum ctl_exit do_patient(struct open *o, const struct args *a _unused_)
{
	return open_call_json(
		o, "patient", held_method(&o->held, "Session", "GetPatient"), NULL);
}

static enum ctl_exit do_professional(struct open *o, const struct args *a _unused_)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	_cleanup_json_ json_t *args = NULL;
	struct conn_failure f = {0};
	int r = conn_call(&o->ctl->conn, held_method(&o->held, "Session", "GetProfessional"),
		30, NULL, &f, &reply);

	if (r != 0) {
		return ctl_result(o->ctl, r, &f);
	}
	r = value_args(reply, &args);
	if (r != 0) {
		return ctl_fault(o->ctl, r < 0 ? r : fault(-EPROTO));
	}
	return open_print(o, "professional", json_array_get(args, 0), NULL);
}

/*
 * A call about beneficiaries. waiting-for-choice may still be about the practice, which is not ours
 * to choose: then the next choice is waited for.
 */
static enum ctl_exit choice_call(
	struct open *o, const char *member, const dbus_uint32_t *index, DBusMessage **ret_reply)
{
	for (;;) {
		struct conn_failure f = {0};
		enum ctl_exit code;
		int r;
		DBusMessage *call = held_method(&o->held, "Session", member);

		if (call && index &&
			!dbus_message_append_args(
				call, DBUS_TYPE_UINT32, index, DBUS_TYPE_INVALID)) {
			conn_message_put(&call);
		}
		r = conn_call(&o->ctl->conn, call, 30, NULL, &f, ret_reply);
		if (r != CONN_FAILED || strcmp(f.name, CONN_NAME ".Error.WrongState") != 0 ||
			strcmp(held_state(&o->held), "waiting-for-choice") != 0) {
			return ctl_result(o->ctl, r, &f);
		}
		code = open_wait(o, HELD_CHOSEN);
		if (code == CTL_OK) {
			code = open_wait(o, HELD_CHOICE);
		}
		if (code != CTL_OK) {
			return code;
		}
	}
}

/* The number by which `choose` names them stands before each. */
static enum ctl_exit do_beneficiaries(struct open *o, const struct args *a _unused_)
{
	static const char *const columns[] = {
		"number", "surname", "given", "birth-date", "rank", NULL};
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	_cleanup_json_ json_t *list = NULL;
	struct conn_failure f = {0};
	enum ctl_exit code = choice_call(o, "GetBeneficiaries", NULL, &reply);
	int r;

	if (code != CTL_OK) {
		return code;
	}
	r = conn_reply_json(reply, &f, &list);
	if (r != 0) {
		return ctl_result(o->ctl, r, &f);
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		r = json_set(
			json_array_get(list, i), "number", json_integer((json_int_t)i + 1));
		if (r < 0) {
			return ctl_fault(o->ctl, r);
		}
	}
	return open_print(o, "beneficiaries", list, columns);
}

static enum ctl_exit do_choose(struct open *o, const struct args *a)
{
	dbus_uint32_t index;
	uint32_t number = 0;

	if (args_u32(a->words[0], &number) != 0 || number == 0) {
		return ctl_usage(o->ctl, a->words[0], _("a number from the list is needed"));
	}
	index = number - 1;
	return done(o, "choose", choice_call(o, "Choose", &index, NULL));
}

/* A page for a printer: lines, without whatever could move the cursor. */
static enum ctl_exit page_out(struct open *o, struct view bytes)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)4 * 1024 * 1024);
	_cleanup_json_ json_t *j = json_stringn((const char *)bytes.data, bytes.len);

	if (!j) { /* no UTF-8, or no memory */
		return ctl_wrong(
			o->ctl, CTL_FALSE, "receipt", _("the service's answer is malformed"));
	}
	if (o->ctl->json) {
		return open_print(o, "receipt", j, NULL);
	}
	render_text(json_string_value(j), true, &text);
	render_print(&text);
	return CTL_OK;
}

static enum ctl_exit receipt_out(struct open *o, struct view bytes, const char *path)
{
	_cleanup_json_ json_t *j = NULL;
	int r;

	if (path) {
		r = content_save(bytes, path);
		if (r < 0) {
			return ctl_wrong(o->ctl, CTL_FAILED, path, strerror(-r));
		}
		if (o->ctl->json) {
			ctl_json(json_pack("{s:s, s:s}", "command", "receipt", "output", path));
		}
		return CTL_OK;
	}
	if (o->ctl->json) {
		r = json_parse(bytes, &j);
		return r == 0 ? open_print(o, "receipt", j, NULL)
			      : ctl_wrong(o->ctl, CTL_FALSE, "receipt", _("it is no JSON"));
	}
	(void)fwrite(bytes.data, 1, bytes.len, stdout);
	(void)putchar('\n');
	return fflush(stdout) == 0 ? CTL_OK : ctl_fault(o->ctl, fault(-EIO));
}

/* json: the exact bytes, which verify; text: the page that the service makes of them. */
static enum ctl_exit do_receipt(struct open *o, const struct args *a)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	_cleanup_(content_done) struct content c = CONTENT_NULL;
	const char *format = args_flag(a, "text") ? "text" : "json";
	struct conn_failure f = {0};
	enum ctl_exit code;
	int fd = -1;
	int r;
	DBusMessage *call = held_method(&o->held, "Session", "GetReceipt");

	if (call &&
		!dbus_message_append_args(call, DBUS_TYPE_STRING, &format, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	r = conn_call(&o->ctl->conn, call, 60, NULL, &f, &reply);
	if (r == 0 && value_fds(reply, 1, &fd) != 0) {
		conn_fail(&f, CONN_NAME ".Error.Failed", "GetReceipt");
		r = CONN_FAILED;
	}
	code = ctl_result(o->ctl, r, &f);
	if (code != CTL_OK) {
		return code;
	}
	r = content_memfd(fd, RECEIPT_MAX, &c);
	close(fd);
	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	if (r > 0) {
		return ctl_wrong(o->ctl, CTL_FALSE, "receipt", content_explain(r));
	}
	return args_flag(a, "text") && !args_flag(a, "output")
		       ? page_out(o, content_view(&c))
		       : receipt_out(o, content_view(&c), args_value(a, "output"));
}

/* Somebody is still there: a session of the patient alone goes on for another minute. */
static enum ctl_exit do_refresh(struct open *o, const struct args *a _unused_)
{
	struct conn_failure f = {0};

	return done(o, "refresh",
		ctl_result(o->ctl,
			conn_call(&o->ctl->conn, held_method(&o->held, "Session", "Refresh"),
				30, NULL, &f, NULL),
			&f));
}

static enum ctl_exit do_lock(struct open *o, const struct args *a _unused_)
{
	struct conn_failure f = {0};
	enum ctl_exit code;

	if (held_ended(&o->held)) {
		return done(o, "lock", CTL_OK);
	}
	code = ctl_result(o->ctl,
		conn_call(&o->ctl->conn, held_method(&o->held, "Session", "Lock"), 30, NULL, &f,
			NULL),
		&f);
	code = code == CTL_OK ? open_wait(o, HELD_ENDED) : code;
	return done(o, "lock", code);
}

/* The stage has been waited for: nothing more to do. */
static enum ctl_exit do_wait(struct open *o, const struct args *a _unused_)
{
	return done(o, "wait", open_ended(o));
}

static enum ctl_exit do_help(struct open *o, const struct args *a _unused_)
{
	const struct verb *v;

	for (size_t i = 0; (v = open_verb(i)); i++) {
		ctl_line(o->ctl, "  %s%s%s\n      %s", v->name, v->usage[0] ? " " : "",
			v->usage, gettext(v->help));
	}
	return CTL_OK;
}

static const struct args_option receipt_options[] = {
	{"text", 0, NULL},
	{"output", 'o', "FILE"},
};

const struct verb verbs_session[] = {
	{"patient", HELD_UNLOCKED, false, do_patient, 0, 0, NULL, 0, "",
		N_("the identity read from the patient's card")},
	{"professional", HELD_UNLOCKED, false, do_professional, 0, 0, NULL, 0, "",
		N_("the professional whose card is in")},
	{"beneficiaries", HELD_CHOICE, false, do_beneficiaries, 0, 0, NULL, 0, "",
		N_("the people on the patient's card, numbered")},
	{"choose", HELD_CHOICE, false, do_choose, 1, 1, NULL, 0, "NUMBER",
		N_("choose one of them")},
	{"receipt", HELD_UNLOCKED, true, do_receipt, 0, 0, receipt_options,
		ARRAY_LEN(receipt_options), "[--text] [--output FILE]",
		N_("the receipt of the consent, also after the end")},
	{"refresh", HELD_UNLOCKED, false, do_refresh, 0, 0, NULL, 0, "",
		N_("somebody is still there (the patient alone has 60 s)")},
	{"lock", HELD_OPEN, true, do_lock, 0, 0, NULL, 0, "",
		N_("lock the dossier and end the session")},
	{"wait", HELD_ENDED, true, do_wait, 0, 0, NULL, 0, "",
		N_("hold the session until it ends")},
	{"help", HELD_OPEN, true, do_help, 0, 0, NULL, 0, "", N_("this list")},
};
const size_t verbs_session_count = ARRAY_LEN(verbs_session);
