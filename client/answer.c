/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * An agent's answer as the service takes it: what was decided as D-Bus values, who helps in a memfd.
 * And which question a line of a driving program is for, where it says so.
 */
#include "client/answer.h"

#include <unistd.h>

#include "client/value.h"

#define DIGITS_MAX 9U

/* Beside the decision: form and reason as text, who helps or represents in a memfd. */
static bool append_details(DBusMessageIter *args, const json_t *details)
{
	static const char *const texts[] = {"form", "reason"};
	const json_t *helper = json_object_get(details, "helper");
	DBusMessageIter dict;
	int fd = -1;
	bool ok = value_open_dict(args, &dict);

	for (size_t i = 0; ok && i < ARRAY_LEN(texts); i++) {
		const char *text = json_get_str(details, texts[i]);

		ok = !text || value_put_str(&dict, texts[i], text);
	}
	if (ok && helper) {
		ok = json_memfd(helper, "helper", &fd) == 0;
		ok = ok && value_put_fd(&dict, "helper", fd);
	}
	if (fd >= 0) {
		close(fd); /* libdbus has a duplicate */
	}
	return ok && dbus_message_iter_close_container(args, &dict);
}

bool answer_append(DBusMessage *reply, const struct ask *q, const struct ask_answer *a)
{
	DBusMessageIter args;
	dbus_bool_t yes = a->yes ? TRUE : FALSE;

	dbus_message_iter_init_append(reply, &args);
	switch (q->kind) {
	case ASK_KIND_CHOICE:
		return dbus_message_iter_append_basic(&args, DBUS_TYPE_UINT32, &a->index);
	case ASK_KIND_CONSENT:
		return dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &a->decision) &&
		       append_details(&args, q->details);
	case ASK_KIND_CONFIRM:
		return dbus_message_iter_append_basic(&args, DBUS_TYPE_BOOLEAN, &yes);
	case ASK_KIND_PIN:
	case ASK_KIND_CODE:
		return false; /* by a pipe, never in a message */
	}
	return false;
}

enum answer_for answer_for(struct view line, unsigned int number, struct view *ret_rest)
{
	struct reader in = reader_of(line);
	unsigned int said = 0;
	size_t digits = 0;
	uint8_t c = 0;

	if (line.len < 2 || reader_u8(&in) != '#') {
		return ANSWER_FOR_ANY;
	}
	while (in.left > 0) {
		c = reader_u8(&in);
		if (c < '0' || c > '9' || digits == DIGITS_MAX) {
			break;
		}
		said = 10 * said + (c - '0');
		digits++;
		c = ' '; /* it may end here: an empty answer */
	}
	if (digits == 0 || c != ' ') {
		return ANSWER_FOR_ANY;
	}
	if (said != number) {
		return ANSWER_FOR_OTHER;
	}
	*ret_rest = reader_rest(&in);
	return ANSWER_FOR_THIS;
}
