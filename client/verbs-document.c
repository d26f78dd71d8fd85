/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Verbs about one document: read, add, replace, hide, show, archive, delete. Contents are checked
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

/* -- add, replace ---------------------------------------------------------------------------- */

/* Add(content, metadata), or with the document @old to be replaced Replace(old, content, metadata);
 * the descriptors are duplicated. NULL: no memory. */
static DBusMessage *sending(struct open *o, const char *old, int content, int metadata)
{
	DBusMessage *call = held_method(&o->held, "Dossier", old ? "Replace" : "Add");
	bool ok = call != NULL;

	if (ok && old) {
		ok = dbus_message_append_args(call, DBUS_TYPE_STRING, &old, DBUS_TYPE_INVALID);
	}
	ok = ok && dbus_message_append_args(call, DBUS_TYPE_UNIX_FD, &content,
			   DBUS_TYPE_UNIX_FD, &metadata, DBUS_TYPE_INVALID);
	if (!ok) {
		conn_message_put(&call);
	}
	return call;
}

/* The identifier of what was added. */
static enum ctl_exit tell_id(struct open *o, DBusMessage *reply, const char *old)
{
	const char *command = old ? "replace" : "add";
	const char *id = NULL;

	if (!dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID)) {
		return ctl_wrong(
			o->ctl, CTL_FAILED, command, _("the service's answer is malformed"));
	}
	if (o->ctl->json) {
		ctl_json(json_pack(
			"{s:s, s:s, s:s*}", "command", command, "id", id, "replaces", old));
	}
	ctl_line(o->ctl, "%s", id);
	return CTL_OK;
}

static enum ctl_exit send_document(
	struct open *o, const char *old, const struct content *c, const json_t *metadata)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	struct conn_failure f = {0};
	struct conn_feed feed = {.fd = -1, .left = content_view(c)};
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
	call = sending(o, old, ends[0], memfd);
	close(ends[0]); /* libdbus has duplicates */
	close(memfd);
	feed.fd = ends[1];
	r = conn_call(&o->ctl->conn, call, STREAM_S, &feed, &f, &reply);
	code = ctl_result(o->ctl, r, &f);
	return code == CTL_OK ? tell_id(o, reply, old) : code;
}

/* @path: the content; the options of @a say what it is. */
static enum ctl_exit add_file(
	struct open *o, const char *old, const char *path, const struct args *a)
{
	_cleanup_(content_done) struct content c = CONTENT_NULL;
	_cleanup_json_ json_t *metadata = NULL;
	const char *bad = "";
	char today[11];
	int r = content_file(path, &c);

	if (r < 0) {
		return ctl_usage(o->ctl, path, strerror(-r));
	}
	if (r > 0) {
		return ctl_usage(o->ctl, path, content_explain(r));
	}
	metadata_today(today);
	r = metadata_build(a, path, &c, today, &metadata, &bad);
	if (r < 0) {
		return ctl_fault(o->ctl, r);
	}
	if (r > 0) {
		return ctl_usage(o->ctl, bad, metadata_explain(r));
	}
	return send_document(o, old, &c, metadata);
}

static enum ctl_exit do_add(struct open *o, const struct args *a)
{
	return add_file(o, NULL, a->words[0], a);
}

static enum ctl_exit do_replace(struct open *o, const struct args *a)
{
	return add_file(o, a->words[0], a->words[1], a);
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

/* -- archive, unarchive, delete -------------------------------------------------------------- */

/* A call with the document's identifier, and @on where that is not NULL. */
static enum ctl_exit change(struct open *o, const char *command, const char *member,
	const char *id, const dbus_bool_t *on)
{
	struct conn_failure f = {0};
	enum ctl_exit code;
	DBusMessage *call = held_method(&o->held, "Dossier", member);
	bool ok = call &&
		  dbus_message_append_args(call, DBUS_TYPE_STRING, &id, DBUS_TYPE_INVALID);

	ok = ok &&
	     (!on || dbus_message_append_args(call, DBUS_TYPE_BOOLEAN, on, DBUS_TYPE_INVALID));
	if (!ok) {
		conn_message_put(&call);
	}
	code = ctl_result(o->ctl, conn_call(&o->ctl->conn, call, 60, NULL, &f, NULL), &f);
	if (code == CTL_OK && o->ctl->json) {
		ctl_json(json_pack(
			"{s:s, s:s, s:b}", "command", command, "id", id, "result", 1));
	}
	return code;
}

static enum ctl_exit do_archive(struct open *o, const struct args *a)
{
	dbus_bool_t on = TRUE;

	return change(o, "archive", "Archive", a->words[0], &on);
}

static enum ctl_exit do_unarchive(struct open *o, const struct args *a)
{
	dbus_bool_t on = FALSE;

	return change(o, "unarchive", "Archive", a->words[0], &on);
}

static enum ctl_exit do_delete(struct open *o, const struct args *a)
{
	enum ctl_exit code = CTL_OK;

	if (!args_flag(a, "yes")) {
		code = open_confirm(o, "delete",
			_("Delete this document for good? Nobody can bring it back. (y/n) "));
	}
	return code == CTL_OK ? change(o, "delete", "Delete", a->words[0], NULL) : code;
}

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

static const struct args_option delete_options[] = {
	{"yes", 'y', NULL},
};

#define ABOUT                                                                                  \
	"--type CODE --title TITLE [--section CODE] [--date DATE] [--mime TYPE] "              \
	"[--masque-ps] [--entry JSON|@FILE]"

const struct verb verbs_document[] = {
	{"read", HELD_UNLOCKED, false, do_read, 1, 1, read_options, ARRAY_LEN(read_options),
		"ID [--output FILE]", N_("a document, checked against its size and hash")},
	{"add", HELD_UNLOCKED, false, do_add, 1, 1, add_options, ARRAY_LEN(add_options),
		"FILE " ABOUT " | FILE --metadata FILE",
		N_("add a document; its identifier is printed")},
	{"replace", HELD_UNLOCKED, false, do_replace, 2, 2, add_options, ARRAY_LEN(add_options),
		"ID FILE " ABOUT " | ID FILE --metadata FILE",
		N_("put a new version in a document's place; its identifier is printed")},
	{"hide", HELD_UNLOCKED, false, do_hide, 1, 2, NULL, 0, "ID [FLAG]",
		N_("set a flag on a document (masque_ps)")},
	{"show", HELD_UNLOCKED, false, do_show, 1, 2, NULL, 0, "ID [FLAG]",
		N_("take the flag off again")},
	{"archive", HELD_UNLOCKED, false, do_archive, 1, 1, NULL, 0, "ID",
		N_("put a document away: list --status archived shows it")},
	{"unarchive", HELD_UNLOCKED, false, do_unarchive, 1, 1, NULL, 0, "ID",
		N_("take it back")},
	{"delete", HELD_UNLOCKED, false, do_delete, 1, 1, delete_options,
		ARRAY_LEN(delete_options), "ID [--yes]",
		N_("delete a document for good; who did it and when stays")},
};
const size_t verbs_document_count = ARRAY_LEN(verbs_document);
