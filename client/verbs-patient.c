/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Verbs about what is the patient's alone to decide, or the fund's to hand out: codes, closing,
 * reopening, and everything in one file to take along. No code is ever taken from here or shown
 * here: the service asks, and tells, an agent.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "client/content.h"
#include "client/lang.h"
#include "client/open.h"
#include "client/progress.h"
#include "client/value.h"

#define ASKED                                                                                  \
	150U /* seconds of a call in which a person is asked: 120 of theirs, and the service's */
#define PAUSE ((uint64_t)60 * 1000000) /* us in which nothing of an export may come */

/* Send @call (owned), and print that @command is done. */
static enum ctl_exit act(struct open *o, const char *command, DBusMessage *call)
{
	struct conn_failure f = {0};
	enum ctl_exit code =
		ctl_result(o->ctl, conn_call(&o->ctl->conn, call, ASKED, NULL, &f, NULL), &f);

	if (code == CTL_OK && o->ctl->json) {
		ctl_json(json_pack("{s:s, s:b}", "command", command, "result", 1));
	}
	return code;
}

static enum ctl_exit do_activation_code(struct open *o, const struct args *a _unused_)
{
	return act(
		o, "activation-code", held_method(&o->held, "Dossier", "IssueActivationCode"));
}

static enum ctl_exit do_personal_code(struct open *o, const struct args *a _unused_)
{
	return act(o, "personal-code", held_method(&o->held, "Dossier", "SetPersonalCode"));
}

/* The reason is in a file: the list of processes is everybody's. */
static enum ctl_exit do_close(struct open *o, const struct args *a)
{
	_cleanup_(content_done) struct content file = CONTENT_NULL;
	const char *path = args_value(a, "reason");
	DBusMessage *call;
	int fd = -1;
	int r;

	if (!path) {
		return ctl_usage(
			o->ctl, "close", _("--reason FILE is needed: why it is closed"));
	}
	r = content_file(path, &file);
	if (r < 0) {
		return ctl_usage(o->ctl, path, strerror(-r));
	}
	r = r == 0 ? json_memfd_text(content_view(&file), "reason", &fd) : r;
	if (r != 0) {
		return r < 0 ? ctl_fault(o->ctl, r)
			     : ctl_usage(o->ctl, path, content_explain(r));
	}
	call = held_method(&o->held, "Dossier", "Close");
	if (call &&
		!dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	close(fd); /* libdbus has a duplicate */
	return act(o, "close", call);
}

static enum ctl_exit do_reopen(struct open *o, const struct args *a _unused_)
{
	return act(o, "reopen", held_method(&o->held, "Dossier", "Reopen"));
}

/* Export with no options; NULL: no memory */
static DBusMessage *export_message(struct open *o)
{
	DBusMessage *call = held_method(&o->held, "Dossier", "Export");
	DBusMessageIter args;
	DBusMessageIter dict;

	if (call) {
		dbus_message_iter_init_append(call, &args);
		if (!value_open_dict(&args, &dict) ||
			!dbus_message_iter_close_container(&args, &dict)) {
			conn_message_put(&call);
		}
	}
	return call;
}

static enum ctl_exit do_export(struct open *o, const struct args *a)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	const char *path = args_value(a, "output");
	struct conn_failure f = {0};
	struct progress p;
	enum ctl_exit code;
	uint64_t size = 0;
	int fd = -1;
	int r;

	if (!path) {
		return ctl_usage(o->ctl, "export", _("--output FILE is needed"));
	}
	r = conn_call(&o->ctl->conn, export_message(o), ASKED, NULL, &f, &reply);
	if (r == 0 && value_fds(reply, 1, &fd) != 0) {
		conn_fail(&f, CONN_NAME ".Error.Failed", "Export");
		r = CONN_FAILED;
	}
	code = ctl_result(o->ctl, r, &f);
	if (code != CTL_OK) {
		return code;
	}
	progress_begin(&p, o->ctl);
	r = content_archive(fd, path, PAUSE, progress_bytes, &p, &size);
	progress_end(&p);
	close(fd);
	if (r != 0) {
		return r < 0 ? ctl_wrong(o->ctl, CTL_FAILED, path, strerror(-r))
			     : ctl_wrong(o->ctl, CTL_FALSE, path, content_explain(r));
	}
	if (o->ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:I}", "command", "export", "output", path,
			"size", (json_int_t)size));
	}
	ctl_line(o->ctl, "%s (%" PRIu64 ")", path, size);
	return CTL_OK;
}

static const struct args_option close_options[] = {
	{"reason", 0, "FILE"},
};

static const struct args_option export_options[] = {
	{"output", 'o', "FILE"},
};

const struct verb verbs_patient[] = {
	{"activation-code", HELD_UNLOCKED, false, do_activation_code, 0, 0, NULL, 0, "",
		N_("a code for the patient's first visit alone; the agent shows it")},
	{"personal-code", HELD_UNLOCKED, false, do_personal_code, 0, 0, NULL, 0, "",
		N_("the patient chooses a personal code; the agent asks for it")},
	{"close", HELD_UNLOCKED, false, do_close, 0, 0, close_options, ARRAY_LEN(close_options),
		"--reason FILE", N_("close the dossier; it is kept for ten years")},
	{"reopen", HELD_UNLOCKED, false, do_reopen, 0, 0, NULL, 0, "",
		N_("open a closed dossier again")},
	{"export", HELD_UNLOCKED, false, do_export, 0, 0, export_options,
		ARRAY_LEN(export_options), "--output FILE",
		N_("everything in one ZIP file, to take along")},
};
const size_t verbs_patient_count = ARRAY_LEN(verbs_patient);
