/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Sections with one line an entry: the principal words first, then what else is told with its label,
 * then where it comes from. Everything is text of others and goes through render_text().
 */
#include "client/sheet.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "client/lang.h"
#include "client/messages.h"
#include "client/render.h"

static const char *const people_order[] = {
	"authorised", "blocked", "treating-doctor", "oppositions", "masked-allowed"};

/* shown without a label, in this order, before everything else of an entry */
static const char *const principal[] = {
	"group", "rhesus", "substance", "vaccine", "examination", "name", "text", "kept"};
/* closed sets of words (doc/metadata.schema.json) */
static const char *const closed[] = {"severity", "nature", "examination", "kept"};
/* shown behind the entry in brackets, or not at all */
static const char *const quiet[] = {
	"kind", "document", "document-date", "author", "ended", "id", "mode"};

static bool is_one_of(const char *name, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (strcmp(names[i], name) == 0) {
			return true;
		}
	}
	return false;
}

void sheet_day(int64_t wall, struct buf *out)
{
	time_t seconds = (time_t)(wall / (int64_t)USEC_PER_SEC);
	struct tm day = {0};
	char text[32];

	if (localtime_r(&seconds, &day) && strftime(text, sizeof(text), "%Y-%m-%d", &day) > 0) {
		buf_put_str(out, text);
	} else {
		buf_printf(out, "%" PRId64, wall);
	}
}

/* An end is the first moment that is too late: its last day is the one before. */
static void put_day(const char *name, int64_t wall, struct buf *out)
{
	sheet_day(strcmp(name, "until") == 0 && wall > 0 ? wall - 1 : wall, out);
}

static bool is_time(const char *name)
{
	static const char *const times[] = {"since", "until", "time", "created"};

	return is_one_of(name, times, ARRAY_LEN(times));
}

const char *sheet_person(const json_t *j)
{
	const char *name = json_get_str(j, "name");

	return name && name[0] ? name : json_get_str(j, "id");
}

/* An object that nothing here knows. */
static void put_whole(const json_t *j, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(65536);
	int r = json_canonical(j, &text);

	buf_put_u8(&text, 0);
	r = r == 0 ? buf_check(&text) : r;
	render_text(r == 0 ? (const char *)text.data : "…", false, out);
}

static void put_value(const char *name, const json_t *value, struct buf *out)
{
	const char *person = sheet_person(value);

	if (json_is_integer(value) && json_integer_value(value) >= 0 && is_time(name)) {
		put_day(name, json_integer_value(value), out);
	} else if (json_is_string(value) && is_one_of(name, closed, ARRAY_LEN(closed))) {
		render_text(message_entry(json_string_value(value)), false, out);
	} else if (person) {
		render_text(person, false, out);
	} else if (json_is_object(value)) {
		put_whole(value, out);
	} else {
		render_cell(value, out);
	}
}

/* The words without which the line says nothing; "AB" and "-" of a blood group are one word. */
static bool put_principal(const json_t *entry, struct buf *out)
{
	bool some = false;

	for (size_t i = 0; i < ARRAY_LEN(principal); i++) {
		const json_t *value = json_object_get(entry, principal[i]);

		if (value) {
			buf_put_str(
				out, some && strcmp(principal[i], "rhesus") != 0 ? " " : "");
			put_value(principal[i], value, out);
			some = true;
		}
	}
	return some;
}

/* Who opens a dossier is a number first, an opposition a mode. */
static bool put_number(const json_t *entry, struct buf *out)
{
	const char *id = json_get_str(entry, "id");
	const char *mode = json_get_str(entry, "mode");

	if (id || mode) {
		render_text(id ? id : message_mode(mode), false, out);
		buf_put_str(out, json_object_get(entry, "name") ? " " : "");
	}
	return id || mode;
}

static void put_source(const json_t *entry, struct buf *out)
{
	const char *kind = json_get_str(entry, "kind");
	const char *day = json_get_str(entry, "document-date");
	const char *who = sheet_person(json_object_get(entry, "author"));

	if (kind && strcmp(kind, "intolerance") == 0) {
		buf_printf(out, " (%s)", _("intolerance")); /* it stands among the allergies */
	}
	if (day || who) {
		buf_put_str(out, " (");
		render_text(day ? day : "", false, out);
		buf_put_str(out, day && who ? ", " : "");
		render_text(who ? who : "", false, out);
		buf_put_str(out, ")");
	}
	if (json_get_bool(entry, "ended")) {
		buf_printf(out, " (%s)", _("ended"));
	}
}

static void put_entry(const json_t *entry, struct buf *out)
{
	const char *name;
	json_t *value;
	bool some;

	if (!json_is_object(entry)) {
		render_cell(entry, out);
		return;
	}
	some = put_number(entry, out);
	some = put_principal(entry, out) || some;
	json_object_foreach((json_t *)(uintptr_t)entry, name, value)
	{
		if (is_one_of(name, principal, ARRAY_LEN(principal)) ||
			is_one_of(name, quiet, ARRAY_LEN(quiet))) {
			continue;
		}
		buf_put_str(out, some ? "; " : "");
		render_text(message_label(name), false, out);
		buf_put_u8(out, ' ');
		put_value(name, value, out);
		some = true;
	}
	put_source(entry, out);
}

static void put_section(const char *name, const json_t *section, struct buf *out)
{
	render_text(message_label(name), false, out);
	buf_put_str(out, _(": "));
	if (json_is_null(section) ||
		(json_is_array(section) && json_array_size(section) == 0)) {
		buf_put_str(out, _("nothing recorded"));
	}
	if (!json_is_array(section) && !json_is_null(section)) {
		put_entry(section, out);
	}
	buf_put_u8(out, '\n');
	for (size_t i = 0; i < json_array_size(section); i++) {
		buf_put_str(out, "  - ");
		put_entry(json_array_get(section, i), out);
		buf_put_u8(out, '\n');
	}
}

static bool is_placed(const char *name, const json_t *order)
{
	for (size_t i = 0; i < json_array_size(order); i++) {
		const char *placed = json_string_value(json_array_get(order, i));

		if (placed && strcmp(placed, name) == 0) {
			return true;
		}
	}
	return false;
}

void sheet_summary(const json_t *summary, struct buf *out)
{
	const json_t *order = json_object_get(summary, "order");
	const char *name;
	json_t *section;

	for (size_t i = 0; i < json_array_size(order); i++) {
		name = json_string_value(json_array_get(order, i));
		section = name ? json_object_get(summary, name) : NULL;
		if (section) {
			put_section(name, section, out);
		}
	}
	json_object_foreach((json_t *)(uintptr_t)summary, name, section)
	{
		if (!is_placed(name, order) && strcmp(name, "format") != 0 &&
			strcmp(name, "order") != 0) {
			put_section(name, section, out);
		}
	}
}

void sheet_people(const json_t *people, struct buf *out)
{
	const size_t n = ARRAY_LEN(people_order);
	const char *name;
	json_t *section;

	for (size_t i = 0; i < n; i++) {
		section = json_object_get(people, people_order[i]);
		if (section) {
			put_section(people_order[i], section, out);
		}
	}
	json_object_foreach((json_t *)(uintptr_t)people, name, section)
	{
		if (!is_one_of(name, people_order, n) && strcmp(name, "format") != 0) {
			put_section(name, section, out);
		}
	}
}
