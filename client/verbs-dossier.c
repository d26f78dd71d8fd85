/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Verbs about the dossier: create, look, read, add, hide, show, history. Contents are checked
 * against the facts that come with them before a byte of them is shown or saved.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hex.h"
#include "client/content.h"
#include "client/lang.h"
#include "client/metadata.h"
#include "client/open.h"
#include "client/render.h"
#include "client/value.h"

#define STREAM_S 600U /* seconds for a document's bytes; the service's own limit */

static enum ctl_exit do_create(struct open *o, const struct args *a _unused_)
{
	struct conn_failure f = {0};
	DBusMessage *call = held_method(&o->held, "Dossier", "Create");
	DBusMessageIter args;
	DBusMessageIter dict;
	enum ctl_exit code;

	if (call) {
		dbus_message_iter_init_append(call, &args);
		if (!value_open_dict(&args, &dict) ||
			!dbus_message_iter_close_container(&args, &dict)) {
			conn_message_put(&call);
		}
	}
	code = ctl_result(o->ctl, conn_call(&o->ctl->conn, call, 60, NULL, &f, NULL), &f);
	if (code == CTL_OK && o->ctl->json) {
		ctl_json(json_pack("{s:s, s:b}", "command", "create", "result", 1));
	}
	return code;
}

static enum ctl_exit do_summary(struct open *o, const struct args *a _unused_)
{
	return open_call_json(o, "summary", held_method(&o->held, "Dossier", "Summary"), NULL);
}

/* A call whose only argument is a{sv} with those of @names that were given. */
static DBusMessage *filtered(
	struct open *o, const char *member, const struct args *a, const char *const *names)
{
	DBusMessage *call = held_method(&o->held, "Dossier", member);
	DBusMessageIter args;
	DBusMessageIter dict;
	bool ok = call != NULL;

	if (ok) {
		dbus_message_iter_init_append(call, &args);
		ok = value_open_dict(&args, &dict);
	}
	for (size_t i = 0; ok && names[i]; i++) {
		const char *value = args_value(a, names[i]);

		ok = !value || value_put_str(&dict, names[i], value);
	}
	ok = ok && dbus_message_iter_close_container(&args, &dict);
	if (!ok) {
		conn_message_put(&call);
	}
	return call;
}

static enum ctl_exit do_list(struct open *o, const struct args *a)
{
	static const char *const names[] = {"section", "type", "status", NULL};
	static const char *const columns[] = {
		"id", "date", "type", "status", "flags", "title", NULL};

	return open_call_json(o, "list", filtered(o, "List", a, names), columns);
}

static enum ctl_exit do_history(struct open *o, const struct args *a)
{
	static const char *const columns[] = {
		"time", "event", "professional", "mode", "document", "outcome", NULL};
	DBusMessage *call = held_method(&o->held, "Dossier", "History");
	DBusMessageIter args;
	DBusMessageIter dict;
	uint32_t limit = 0;
	bool ok = call != NULL;

	if (args_flag(a, "limit") && args_u32(args_value(a, "limit"), &limit) != 0) {
		conn_message_put(&call);
		return ctl_usage(o->ctl, "--limit", _("a number is needed"));
	}
	if (ok) {
		dbus_message_iter_init_append(call, &args);
		ok = value_open_dict(&args, &dict) &&
		     (limit == 0 || value_put_u32(&dict, "limit", limit)) &&
		     dbus_message_iter_close_container(&args, &dict);
	}
	if (!ok) {
		conn_message_put(&call);
	}
	return open_call_json(o, "history", call, columns);
}

/* -- read ------------------------------------------------------------------------------------ */

/* On standard output: as it is, but a terminal is given text only, without control characters. */
static enum ctl_exit read_shown(struct open *o, struct view bytes)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(CONTENT_MAX);
	json_t *valid = NULL;

	if (!isatty(STDOUT_FILENO)) {
		buf_put_view(&text, bytes);
		render_print(&text);
		return CTL_OK;
	}
	/* jansson takes valid UTF-8 only; a NUL would cut it */
	valid = json_stringn(bytes.len > 0 ? (const char *)bytes.data : "", bytes.len);
	if (!valid || (bytes.len > 0 && memchr(bytes.data, 0, bytes.len))) {
		json_decref(valid);
		return ctl_usage(o->ctl, "read", _("it is not text: --output FILE saves it"));
	}
	render_text(json_string_value(valid), true, &text);
	json_decref(valid);
	render_print(&text);
	return CTL_OK;
}

static enum ctl_exit read_out(struct open *o, const char *id, const struct content *c,
	json_t *facts, const char *path)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(CONTENT_MAX / 3 * 4 + 4);
	int r = 0;

	if (path) {
		r = content_save(content_view(c), path);
		if (r < 0) {
			return ctl_wrong(o->ctl, CTL_FAILED, path, strerror(-r));
		}
	}
	if (!o->ctl->json) {
		if (path) {
			render(facts, &text);
			render_print(&text);
			return CTL_OK;
		}
		return read_shown(o, content_view(c));
	}
	if (path) {
		ctl_json(json_pack("{s:s, s:s, s:O, s:s}", "command", "read", "id", id, "facts",
			facts, "output", path));
		return CTL_OK;
	}
	base64_encode(&text, content_view(c));
	if (buf_check(&text) < 0) {
		return ctl_fault(o->ctl, buf_check(&text));
	}
	ctl_json(json_pack("{s:s, s:s, s:O, s:s%}", "command", "read", "id", id, "facts", facts,
		"content", text.len > 0 ? (const char *)text.data : "", text.len));
	return CTL_OK;
}

static enum ctl_exit read_checked(struct open *o, const struct args *a, const int fds[2])
{
	_cleanup_(content_done) struct content c = CONTENT_NULL;
	_cleanup_json_ json_t *facts = NULL;
	int r = json_read_fd(fds[1], (size_t)1024 * 1024, &facts);

	if (r > 0) {
		return ctl_wrong(o->ctl, CTL_FALSE, "read", content_explain(CONTENT_SEALS));
	}
	if (r == 0) {
		r = content_read(fds[0], clock_monotonic() + STREAM_S * USEC_PER_SEC, &c);
	}
	if (r == 0) {
		r = content_check(&c, facts);
	}
	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	if (r > 0) {
		return ctl_wrong(o->ctl, CTL_FALSE, "read", content_explain(r));
	}
	return read_out(o, a->words[0], &c, facts, args_value(a, "output"));
}

static enum ctl_exit do_read(struct open *o, const struct args *a)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	int fds[2] = {-1, -1};
	enum ctl_exit code;
	DBusMessage *call = held_method(&o->held, "Dossier", "Read");

	if (call && !dbus_message_append_args(
			    call, DBUS_TYPE_STRING, &a->words[0], DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	code = ctl_result(o->ctl, conn_call(&o->ctl->conn, call, 60, NULL, &f, &reply), &f);
	if (code != CTL_OK) {
		return code;
	}
	if (value_fds(reply, 2, fds) != 0) {
		return ctl_wrong(
			o->ctl, CTL_FAILED, "read", _("the service's answer is malformed"));
	}
	code = read_checked(o, a, fds);
	close(fds[0]);
	close(fds[1]);
	return code;
}

/* -- add ------------------------------------------------------------------------------------- */

static enum ctl_exit send_document(
	struct open *o, const struct content *c, const json_t *metadata)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	struct conn_feed feed = {.fd = -1, .left = content_view(c)};
	const char *id = NULL;
	int ends[2] = {-1, -1};
	int memfd = -1;
	DBusMessage *call;
	enum ctl_exit code;
	int r = json_memfd(metadata, "metadata", &memfd);

	if (r == 0 && pipe2(ends, O_CLOEXEC) < 0) {
		r = fault(-errno);
		close(memfd);
	}
	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	/* only our end: the reader keeps a blocking one */
	if (fcntl(ends[1], F_SETFL, O_NONBLOCK) < 0) {
		code = ctl_fault(o->ctl, fault(-errno));
		close(ends[0]);
		close(ends[1]);
		close(memfd);
		return code;
	}
	call = held_method(&o->held, "Dossier", "Add");
	if (call && !dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &ends[0],
			    DBUS_TYPE_UNIX_FD, &memfd, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	close(ends[0]); /* libdbus has duplicates */
	close(memfd);
	feed.fd = ends[1];
	r = conn_call(&o->ctl->conn, call, STREAM_S, &feed, &f, &reply);
	code = ctl_result(o->ctl, r, &f);
	if (code != CTL_OK) {
		return code;
	}
	if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID)) {
		return ctl_wrong(
			o->ctl, CTL_FAILED, "add", _("the service's answer is malformed"));
	}
	if (o->ctl->json) {
		ctl_json(json_pack("{s:s, s:s}", "command", "add", "id", id));
	}
	ctl_line(o->ctl, "%s", id);
	return CTL_OK;
}

static enum ctl_exit do_add(struct open *o, const struct args *a)
{
	_cleanup_(content_done) struct content c = CONTENT_NULL;
	_cleanup_json_ json_t *metadata = NULL;
	const char *bad = "";
	char today[11];
	int r = content_file(a->words[0], &c);

	if (r < 0) {
		return ctl_usage(o->ctl, a->words[0], strerror(-r));
	}
	if (r > 0) {
		return ctl_usage(o->ctl, a->words[0], content_explain(r));
	}
	metadata_today(today);
	r = metadata_build(a, a->words[0], &c, today, &metadata, &bad);
	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	if (r > 0) {
		return ctl_usage(o->ctl, bad, metadata_explain(r));
	}
	return send_document(o, &c, metadata);
}

/* -- hide, show ------------------------------------------------------------------------------ */

static enum ctl_exit set_flag(struct open *o, const struct args *a, bool on)
{
	struct conn_failure f = {0};
	const char *flag = a->n_words > 1 ? a->words[1] : "masque_ps";
	dbus_bool_t value = on ? TRUE : FALSE;
	enum ctl_exit code;
	DBusMessage *call = held_method(&o->held, "Dossier", "SetVisibility");

	if (call && !dbus_message_append_args(call, DBUS_TYPE_STRING, &a->words[0],
			    DBUS_TYPE_STRING, &flag, DBUS_TYPE_BOOLEAN, &value,
			    DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	code = ctl_result(o->ctl, conn_call(&o->ctl->conn, call, 60, NULL, &f, NULL), &f);
	if (code == CTL_OK && o->ctl->json) {
		ctl_json(json_pack("{s:s, s:s, s:s, s:b}", "command", on ? "hide" : "show",
			"id", a->words[0], "flag", flag, "result", 1));
	}
	return code;
}

static enum ctl_exit do_hide(struct open *o, const struct args *a)
{
	return set_flag(o, a, true);
}

static enum ctl_exit do_show(struct open *o, const struct args *a)
{
	return set_flag(o, a, false);
}

static const struct args_option list_options[] = {
	{"section", 0, "CODE"},
	{"type", 0, "CODE"},
	{"status", 0, "WORD"},
};

static const struct args_option history_options[] = {
	{"limit", 0, "NUMBER"},
};

static const struct args_option read_options[] = {
	{"output", 'o', "FILE"},
};

static const struct args_option add_options[] = {
	{"type", 0, "CODE"},
	{"title", 0, "TITLE"},
	{"section", 0, "CODE"},
	{"date", 0, "DATE"},
	{"mime", 0, "TYPE"},
	{"masque-ps", 0, NULL},
	{"entry", 0, "JSON"},
	{"metadata", 0, "FILE"},
};

const struct verb verbs_dossier[] = {
	{"create", HELD_UNLOCKED, false, do_create, 0, 0, NULL, 0, "",
		N_("create the dossier")},
	{"summary", HELD_UNLOCKED, false, do_summary, 0, 0, NULL, 0, "",
		N_("what matters first: blood group, allergies, treatments")},
	{"list", HELD_UNLOCKED, false, do_list, 0, 0, list_options, ARRAY_LEN(list_options),
		"[--section CODE] [--type CODE] [--status WORD]",
		N_("the documents that may be seen")},
	{"read", HELD_UNLOCKED, false, do_read, 1, 1, read_options, ARRAY_LEN(read_options),
		"ID [--output FILE]", N_("a document, checked against its size and hash")},
	{"add", HELD_UNLOCKED, false, do_add, 1, 1, add_options, ARRAY_LEN(add_options),
		"FILE --type CODE --title TITLE [--section CODE] [--date DATE] [--mime TYPE] "
		"[--masque-ps] [--entry JSON|@FILE] | FILE --metadata FILE",
		N_("add a document; its identifier is printed")},
	{"hide", HELD_UNLOCKED, false, do_hide, 1, 2, NULL, 0, "ID [FLAG]",
		N_("set a flag on a document (masque_ps)")},
	{"show", HELD_UNLOCKED, false, do_show, 1, 2, NULL, 0, "ID [FLAG]",
		N_("take the flag off again")},
	{"history", HELD_UNLOCKED, false, do_history, 0, 0, history_options,
		ARRAY_LEN(history_options), "[--limit NUMBER]",
		N_("who did what in this dossier")},
};
const size_t verbs_dossier_count = ARRAY_LEN(verbs_dossier);
