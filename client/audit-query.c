/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl audit history, stats: what the record says of one patient, professional or session, and
 * how often dossiers were opened. Both read entries only after the whole record was recomputed; the
 * second tells of no patient.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "client/audit.h"
#include "client/content.h"
#include "client/lang.h"
#include "client/render.h"

#define LINE_MAX_BYTES ((size_t)1024 * 1024)
#define PSEUDONYM      64U /* hexadecimal digits */

static enum ctl_exit open_checked(struct ctl *ctl, const struct args *a, struct audit_source *s,
	struct export_result *res)
{
	enum ctl_exit code = audit_source_open(ctl, a->n_words > 1 ? a->words[1] : NULL, s);

	return code == CTL_OK ? audit_source_check(ctl, a, s, res) : code;
}

static void tell_pruned(struct ctl *ctl, const struct export_result *res)
{
	if (res->pruned > 0) {
		ctl_note(ctl, _("%llu entries were pruned: nothing is told of them."),
			(unsigned long long)res->pruned);
	}
}

/* -- history --------------------------------------------------------------------------------- */

struct history {
	const struct ctl *ctl;
	const char *pseudonym; /* NULL: any */
	const char *professional;
	const char *session;
	uint64_t told;
};

static bool has_text(const json_t *entry, const char *name, const char *wanted)
{
	const char *text = json_get_str(entry, name);

	return !wanted || (text && strcmp(text, wanted) == 0);
}

/* "session/3" is every session of that number, "session/3@0011aabb" the one of that start. */
static bool has_session(const json_t *entry, const char *wanted)
{
	const char *text = json_get_str(entry, "session");
	size_t len = wanted ? strlen(wanted) : 0;

	return !wanted || (text && strncmp(text, wanted, len) == 0 &&
				  (text[len] == '\0' || text[len] == '@'));
}

static int say(const struct ctl *ctl, json_t *entry)
{
	static const char *const names[] = {"sequence", "time", "event", "outcome", "session",
		"professional", "structure", "mode", "document", "rule", NULL};
	_cleanup_(buf_done) struct buf text = BUF_NULL(LINE_MAX_BYTES);
	_cleanup_json_ json_t *rows = NULL;
	int64_t time = 0;
	char word[28];
	int r;

	if (ctl->json) {
		ctl_json(json_incref(entry));
		return 0;
	}
	if (json_get_int(entry, "time", 0, INT64_MAX, &time) != 0) {
		return fault(-EBADMSG);
	}
	clock_rfc3339((uint64_t)time, word);
	r = json_set(entry, "time", json_string(word));
	rows = r == 0 ? json_pack("[O]", entry) : NULL;
	if (!rows) {
		return fault(-ENOMEM);
	}
	render_rows(rows, names, &text);
	render_print(&text);
	return 0;
}

static int history_entry(
	void *user, uint64_t index _unused_, struct view text, size_t behind _unused_)
{
	_cleanup_json_ json_t *entry = NULL;
	struct history *h = user;
	int r = text.data ? json_parse(text, &entry) : 0;

	if (r != 0 || !entry || !has_text(entry, "pseudonym", h->pseudonym) ||
		!has_text(entry, "professional", h->professional) ||
		!has_session(entry, h->session)) {
		return trace(r);
	}
	h->told++;
	return trace(say(h->ctl, entry));
}

static bool is_pseudonym(const char *text)
{
	return strlen(text) == PSEUDONYM && strspn(text, "0123456789abcdef") == PSEUDONYM;
}

/* The pseudonym itself, or a file that holds it, because others see what a program was given. */
static enum ctl_exit take_pseudonym(struct ctl *ctl, const char *given, char *into)
{
	_cleanup_(content_done) struct content file = CONTENT_NULL;
	int r;

	if (!is_pseudonym(given)) {
		r = content_file(given, &file);
		if (r < 0) {
			return ctl_usage(ctl, given, strerror(-r));
		}
		if (r > 0 || view_copy_str(view_sub(content_view(&file), 0, PSEUDONYM), into,
				     PSEUDONYM + 1) < 0) {
			into[0] = '\0';
		}
		given = into;
	} else {
		bytes_copy(into, PSEUDONYM + 1, given, PSEUDONYM + 1);
	}
	return is_pseudonym(given) ? CTL_OK
				   : ctl_usage(ctl, "--pseudonym",
					     _("a pseudonym is 64 hexadecimal digits"));
}

enum ctl_exit audit_run_history(struct ctl *ctl, const struct args *a)
{
	_cleanup_(audit_source_done) struct audit_source s = {0};
	struct history h = {.ctl = ctl,
		.professional = args_value(a, "professional"),
		.session = args_value(a, "session")};
	const char *given = args_value(a, "pseudonym");
	char pseudonym[PSEUDONYM + 1] = "";
	struct export_result res;
	enum ctl_exit code = CTL_OK;
	int r;

	if (given) {
		code = take_pseudonym(ctl, given, pseudonym);
		h.pseudonym = pseudonym;
	} else if (!h.professional && !h.session) {
		return ctl_usage(ctl, "audit history",
			_("--pseudonym, --professional or --session is needed"));
	}
	if (code == CTL_OK) {
		code = open_checked(ctl, a, &s, &res);
	}
	if (code != CTL_OK) {
		return code;
	}
	r = export_each(&s.file, history_entry, &h);
	if (r != 0) {
		return ctl_fault(ctl, r < 0 ? r : fault(-EBADMSG));
	}
	tell_pruned(ctl, &res);
	ctl_note(ctl, _("%llu of %llu entries."), (unsigned long long)h.told,
		(unsigned long long)res.size);
	return CTL_OK;
}

/* -- stats ----------------------------------------------------------------------------------- */

/* counts: {"MONTH\tPROFESSIONAL\tSTRUCTURE\tMODE": openings} */
static int count_opening(json_t *counts, const json_t *entry, const char *month)
{
	static const char *const names[] = {"professional", "structure", "mode"};
	_cleanup_(buf_done) struct buf key = BUF_NULL(LINE_MAX_BYTES);
	json_t *count;
	char *text;
	int r;

	buf_put_str(&key, month);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		const char *value = json_get_str(entry, names[i]);

		buf_put_u8(&key, '\t');
		buf_put_str(&key, value ? value : "");
	}
	text = buf_take_str(&key);
	if (!text) {
		return fault(-ENOMEM);
	}
	count = json_object_get(counts, text);
	r = count ? json_integer_set(count, json_integer_value(count) + 1)
		  : json_set(counts, text, json_integer(1));
	free(text);
	return r < 0 ? fault(-ENOMEM) : 0;
}

/* An opening is one entry `unlocked`, in whatever mode. */
static int stats_entry(
	void *user, uint64_t index _unused_, struct view text, size_t behind _unused_)
{
	const struct view event = VIEW_TEXT("\"event\":\"unlocked\"");
	_cleanup_json_ json_t *entry = NULL;
	int64_t time = 0;
	char month[28];
	int r = 0;

	/* most entries are of other events, and are not parsed */
	if (text.len == 0 || !memmem(text.data, text.len, event.data, event.len)) {
		return 0;
	}
	r = json_parse(text, &entry);
	if (r != 0 || !has_text(entry, "event", "unlocked") ||
		json_get_int(entry, "time", 0, INT64_MAX, &time) != 0) {
		return trace(r);
	}
	clock_rfc3339((uint64_t)time, month);
	month[strlen("2026-11")] = '\0';
	return trace(count_opening(user, entry, month));
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "MONTH\tPROFESSIONAL\tSTRUCTURE\tMODE" as a row; the empty ones are null. */
static json_t *row_of(const char *key, json_t *count)
{
	static const char *const names[] = {"month", "professional", "structure", "mode"};
	json_t *row = json_pack("{s:O}", "openings", count);
	const char *at = key;

	for (size_t i = 0; row && i < ARRAY_LEN(names); i++) {
		size_t len = strcspn(at, "\t");

		if (json_set(row, names[i], len > 0 ? json_stringn(at, len) : json_null()) <
			0) {
			json_put(&row);
		}
		at += len + (at[len] ? 1 : 0);
	}
	return row;
}

static int say_stats(const struct ctl *ctl, json_t *counts)
{
	static const char *const names[] = {
		"month", "professional", "structure", "mode", "openings", NULL};
	_cleanup_(buf_done) struct buf text = BUF_NULL(64 * LINE_MAX_BYTES);
	_cleanup_json_ json_t *rows = json_array();
	size_t n = json_object_size(counts);
	const char **keys = calloc(n + 1, sizeof(*keys));
	const char *key;
	json_t *count;
	size_t i = 0;
	int r = keys && rows ? 0 : fault(-ENOMEM);

	if (r == 0) {
		json_object_foreach(counts, key, count)
		{
			keys[i++] = key;
		}
		qsort(keys, n, sizeof(*keys), compare);
	}
	for (i = 0; r == 0 && i < n; i++) {
		json_t *row = row_of(keys[i], json_object_get(counts, keys[i]));

		if (ctl->json) {
			ctl_json(row);
		} else if (json_array_append_new(rows, row) < 0) {
			r = fault(-ENOMEM);
		}
	}
	free(keys);
	if (r == 0) {
		render_rows(rows, names, &text);
		render_print(&text);
	}
	return r;
}

enum ctl_exit audit_run_stats(struct ctl *ctl, const struct args *a)
{
	_cleanup_(audit_source_done) struct audit_source s = {0};
	_cleanup_json_ json_t *counts = json_object();
	struct export_result res;
	enum ctl_exit code = open_checked(ctl, a, &s, &res);
	int r;

	if (code != CTL_OK) {
		return code;
	}
	r = counts ? export_each(&s.file, stats_entry, counts) : fault(-ENOMEM);
	if (r == 0) {
		r = say_stats(ctl, counts);
	}
	if (r != 0) {
		return ctl_fault(ctl, r < 0 ? r : fault(-EBADMSG));
	}
	tell_pruned(ctl, &res);
	return CTL_OK;
}
