/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Verbs about the dossier as a whole: create it, its summary, its list, its history. A list that is
 * longer than one answer of the service comes page by page, each after the last row before.
 */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "client/lang.h"
#include "client/open.h"
#include "client/render.h"
#include "client/sheet.h"
#include "client/value.h"

#define PAGE 500U /* rows of one List, the most that the service gives */

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
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)8 * 1024 * 1024);
	_cleanup_json_ json_t *summary = NULL;
	enum ctl_exit code =
		open_fetch(o, held_method(&o->held, "Dossier", "Summary"), &summary);

	if (code != CTL_OK || o->ctl->json) {
		return code == CTL_OK ? open_print(o, "summary", summary, NULL) : code;
	}
	sheet_summary(summary, &text);
	render_print(&text);
	return CTL_OK;
}

/* -- list ------------------------------------------------------------------------------------ */

/* List with those of its filters that were given, at most @limit rows behind the document @after. */
static DBusMessage *listing(
	struct open *o, const struct args *a, uint32_t limit, const char *after)
{
	static const char *const names[] = {
		"section", "type", "status", "author", "text", "from", "to"};
	DBusMessage *call = held_method(&o->held, "Dossier", "List");
	DBusMessageIter args;
	DBusMessageIter dict;
	bool ok = call != NULL;

	if (ok) {
		dbus_message_iter_init_append(call, &args);
		ok = value_open_dict(&args, &dict);
	}
	for (size_t i = 0; ok && i < ARRAY_LEN(names); i++) {
		const char *value = args_value(a, names[i]);

		ok = !value || value_put_str(&dict, names[i], value);
	}
	ok = ok && value_put_u32(&dict, "limit", limit);
	ok = ok && (!after || value_put_str(&dict, "after", after));
	ok = ok && dbus_message_iter_close_container(&args, &dict);
	if (!ok) {
		conn_message_put(&call);
	}
	return call;
}

/* What is deleted has no title: who did it, and when, stands in its place. */
static int word_deleted(json_t *rows)
{
	json_t *row;
	size_t i;

	json_array_foreach(rows, i, row)
	{
		const json_t *deleted = json_object_get(row, "deleted");
		const char *who = sheet_person(json_object_get(deleted, "by"));
		_cleanup_(buf_done) struct buf text = BUF_NULL(1024);
		int64_t time = 0;
		int r;

		if (!who || json_get_int(deleted, "time", 0, INT64_MAX, &time) != 0) {
			continue;
		}
		buf_printf(&text, "%s ", _("deleted"));
		sheet_day(time, &text);
		buf_printf(&text, ", %s", who);
		r = buf_check(&text);
		if (r == 0) {
			r = json_set(
				row, "title", json_stringn((const char *)text.data, text.len));
		}
		if (r < 0) {
			return trace(r);
		}
	}
	return 0;
}

/* With --json everything is one result at the end, else a page is printed when it has come. */
static int take_page(const struct open *o, json_t *rows, json_t *all)
{
	static const char *const columns[] = {
		"id", "date", "type", "status", "flags", "title", NULL};
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)8 * 1024 * 1024);
	int r;

	if (o->ctl->json) {
		return json_array_extend(all, rows) < 0 ? fault(-ENOMEM) : 0;
	}
	r = word_deleted(rows);
	if (r == 0) {
		render_rows(rows, columns, &text);
		render_print(&text);
		r = buf_check(&text);
	}
	return trace(r);
}

/* Whether more follows, and behind which document; a page that is not full is the last one. */
static bool page_follows(const json_t *rows, uint32_t asked, char after[64])
{
	size_t n = json_array_size(rows);
	const char *last = n > 0 ? json_get_str(json_array_get(rows, n - 1), "id") : NULL;

	return n >= asked && last && strcmp(last, after) != 0 &&
	       view_copy_str(view_str(last), after, 64) == 0;
}

static enum ctl_exit list_pages(
	struct open *o, const struct args *a, uint32_t left, json_t *all)
{
	const char *first = args_value(a, "after");
	char after[64] = "";
	bool more = true;

	while (more && left > 0) {
		_cleanup_json_ json_t *rows = NULL;
		uint32_t asked = left < PAGE ? left : PAGE;
		enum ctl_exit code =
			open_fetch(o, listing(o, a, asked, after[0] ? after : first), &rows);
		int r;

		if (code != CTL_OK) {
			return code;
		}
		r = take_page(o, rows, all);
		if (r < 0) {
			return ctl_fault(o->ctl, r);
		}
		more = page_follows(rows, asked, after);
		left -= asked;
	}
	return CTL_OK;
}

static enum ctl_exit do_list(struct open *o, const struct args *a)
{
	_cleanup_json_ json_t *all = json_array();
	uint32_t limit = UINT32_MAX;
	enum ctl_exit code;

	if (args_flag(a, "limit") &&
		(args_u32(args_value(a, "limit"), &limit) != 0 || limit == 0)) {
		return ctl_usage(o->ctl, "--limit", _("a number is needed"));
	}
	code = list_pages(o, a, limit, all);
	if (code == CTL_OK && o->ctl->json) {
		code = open_print(o, "list", all, NULL);
	}
	return code;
}

/* -- history --------------------------------------------------------------------------------- */

static bool is_emergency(const char *mode)
{
	return strcmp(mode, "bris_de_glace") == 0 || strcmp(mode, "centre_15") == 0;
}

/* Its time and its mode as a person reads them: an emergency stands out. */
static int word_row(json_t *row)
{
	json_int_t time = json_integer_value(json_object_get(row, "time"));
	const char *mode = json_get_str(row, "mode");
	char text[128];
	int r = 0;

	if (mode) {
		(void)snprintf(text, sizeof(text), "%s%s", is_emergency(mode) ? "! " : "",
			message_mode(mode));
		r = json_set(row, "mode", json_string(text));
	}
	if (r == 0 && time > 0) {
		clock_rfc3339((uint64_t)time, text);
		r = json_set(row, "time", json_string(text));
	}
	return trace(r);
}

static int word_rows(json_t *rows)
{
	json_t *row;
	size_t i;
	int r = 0;

	json_array_foreach(rows, i, row)
	{
		r = r == 0 ? word_row(row) : r;
	}
	return trace(r);
}

static enum ctl_exit do_history(struct open *o, const struct args *a)
{
	static const char *const columns[] = {
		"time", "event", "professional", "mode", "document", "outcome", NULL};
	_cleanup_json_ json_t *rows = NULL;
	DBusMessage *call = held_method(&o->held, "Dossier", "History");
	DBusMessageIter args;
	DBusMessageIter dict;
	uint32_t limit = 0;
	enum ctl_exit code;
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
	code = open_fetch(o, call, &rows);
	if (code == CTL_OK && !o->ctl->json && word_rows(rows) < 0) {
		return ctl_fault(o->ctl, fault(-ENOMEM));
	}
	return code == CTL_OK ? open_print(o, "history", rows, columns) : code;
}

static const struct args_option list_options[] = {
	{"section", 0, "CODE"},
	{"type", 0, "CODE"},
	{"status", 0, "WORD"},
	{"author", 0, "ID"},
	{"text", 0, "TEXT"},
	{"from", 0, "DATE"},
	{"to", 0, "DATE"},
	{"limit", 0, "NUMBER"},
	{"after", 0, "ID"},
};

static const struct args_option history_options[] = {
	{"limit", 0, "NUMBER"},
};

const struct verb verbs_dossier[] = {
	{"create", HELD_UNLOCKED, false, do_create, 0, 0, NULL, 0, "",
		N_("create the dossier")},
	{"summary", HELD_UNLOCKED, false, do_summary, 0, 0, NULL, 0, "",
		N_("what matters first: blood group, allergies, treatments")},
	{"list", HELD_UNLOCKED, false, do_list, 0, 0, list_options, ARRAY_LEN(list_options),
		"[--section CODE] [--type CODE] [--status WORD] [--author ID] [--text TEXT] "
		"[--from DATE] [--to DATE] [--limit NUMBER] [--after ID]",
		N_("the documents that may be seen")},
	{"history", HELD_UNLOCKED, false, do_history, 0, 0, history_options,
		ARRAY_LEN(history_options), "[--limit NUMBER]",
		N_("who did what in this dossier")},
};
const size_t verbs_dossier_count = ARRAY_LEN(verbs_dossier);
