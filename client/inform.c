/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What an agent is told, in words: the session's course, what is typed on a keypad, a patient's
 * activation code, that the card is still in, and that the dossier was opened in an emergency since
 * the patient was last here.
 */
#include "client/inform.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "client/ask.h"
#include "client/lang.h"
#include "client/messages.h"
#include "client/render.h"

#define GROUP 4U /* digits of a code that stand together on paper */

bool inform_code(struct view code)
{
	struct reader r = reader_of(code);
	bool digits = code.len >= INFORM_CODE_MIN && code.len <= INFORM_CODE_MAX;

	while (digits && r.left > 0) {
		uint8_t c = reader_u8(&r);

		digits = c >= '0' && c <= '9';
	}
	return digits;
}

/* The fact @name, microseconds since the epoch, in local time; nothing when it is absent. */
static void put_time(const json_t *facts, const char *name, struct buf *out)
{
	int64_t us = 0;
	struct tm day;
	char text[64];
	time_t seconds;

	if (json_get_int(facts, name, 0, INT64_MAX, &us) != 0) {
		return;
	}
	seconds = (time_t)(us / 1000000);
	if (localtime_r(&seconds, &day) &&
		strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &day) > 0) {
		buf_put_str(out, text);
	}
}

/* Groups of four: it is read from paper and typed by hand. */
static void text_activation(const struct inform *i, struct buf *out)
{
	struct reader r = reader_of(i->code);

	buf_put_str(out, _("Activation code for the patient:"));
	for (size_t n = 0; r.left > 0; n++) {
		if (n % GROUP == 0) {
			buf_put_u8(out, ' ');
		}
		buf_put_u8(out, reader_u8(&r));
	}
	buf_put_str(out, _("\n  For one use, until "));
	put_time(i->facts, "until", out);
	buf_put_str(out, _(". Give it to the patient on paper; it is not shown again.\n"));
}

/* How often, when last, how. */
static void text_emergencies(const struct inform *i, struct buf *out)
{
	const char *mode = json_get_str(i->facts, "mode");
	const char *to = json_get_str(i->facts, "to");
	int64_t count = 1;

	if (json_get_int(i->facts, "count", 1, INT32_MAX, &count) != 0) {
		count = 1;
	}
	if (to && strcmp(to, "treating-doctor") == 0) {
		buf_printf(out,
			ngettext("This patient of yours: the dossier was opened %d time in an "
				 "emergency",
				"This patient of yours: the dossier was opened %d times in an "
				"emergency",
				(unsigned long)count),
			(int)count);
	} else {
		buf_printf(out,
			ngettext("Since the last visit the dossier was opened %d time in an "
				 "emergency, without consent",
				"Since the last visit the dossier was opened %d times in an "
				"emergency, without consent",
				(unsigned long)count),
			(int)count);
	}
	if (json_object_get(i->facts, "last")) {
		buf_put_str(out, _(", the last time "));
		put_time(i->facts, "last", out);
	}
	if (mode && mode[0]) {
		buf_put_str(out, ": ");
		render_text(message_mode(mode), false, out);
	}
	buf_put_str(out, _(". The history says by whom.\n"));
}

static void text_other(const struct inform *i, struct buf *out)
{
	const char *reason = json_get_str(i->facts, "reason");
	const struct message *why = reason ? message_of_word(reason) : NULL;

	if (strcmp(i->what, "use-pinpad") == 0) {
		ask_keypad(i->facts, out);
	} else {
		render_text(message_inform(i->what), false, out);
	}
	buf_printf(out, "%s%s\n", why ? " " : "", why ? gettext(why->person) : "");
}

void inform_text(const struct inform *i, struct buf *out)
{
	buf_put_str(out, "! ");
	if (strcmp(i->what, "activation-code") == 0 && i->code.len > 0) {
		text_activation(i, out);
	} else if (strcmp(i->what, "emergency-access") == 0) {
		text_emergencies(i, out);
	} else {
		text_other(i, out);
	}
}

json_t *inform_json(const struct inform *i)
{
	_cleanup_json_ json_t *j = NULL;
	_cleanup_json_ json_t *facts = json_deep_copy(i->facts);

	if (!facts) {
		return NULL;
	}
	if (i->code.len > 0) {
		(void)json_object_del(facts, "code"); /* a descriptor has no form in JSON */
	}
	j = json_pack("{s:s, s:s, s:O}", "inform", i->what, ask_object(i->path), i->path,
		"facts", facts);
	if (!j || (i->code.len > 0 &&
			  json_set(j, "code",
				  json_stringn((const char *)i->code.data, i->code.len)) < 0)) {
		return NULL;
	}
	return json_incref(j);
}
