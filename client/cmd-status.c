/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitalectl status: what is there now: the service, readers, cards, and the sessions and
 * leases that this connection may see (its own).
 */
#include <stdio.h>
#include <string.h>

#include "client/ctl.h"
#include "client/lang.h"
#include "client/render.h"
#include "client/value.h"

static const char *text_of(const json_t *properties, const char *name)
{
	const char *value = json_get_str(properties, name);

	return value && value[0] ? value : "-";
}

/* ", place 2 in the queue since 14 s" */
static void put_queue(const json_t *session, struct buf *out)
{
	const json_t *queue = json_object_get(session, "Queue");
	json_int_t place = json_integer_value(json_array_get(queue, 0));

	if (place > 0) {
		buf_printf(out, _(", place %d in the queue since %d s"), (int)place,
			(int)json_integer_value(json_array_get(queue, 1)));
	}
}

/* One line for an object; text of others goes through render_text(). */
static void put_object(const char *path, const json_t *interfaces, struct buf *out)
{
	const json_t *reader = json_object_get(interfaces, CONN_NAME ".Reader");
	const json_t *card = json_object_get(interfaces, CONN_NAME ".Card");
	const json_t *session = json_object_get(interfaces, CONN_NAME ".Session");

	if (reader) {
		buf_printf(out, "%s %s: ", _("reader"), conn_number(path));
		render_text(text_of(reader, "Name"), false, out);
		buf_printf(out, " (%s, %s%s%s)\n", text_of(reader, "Driver"),
			text_of(reader, "Role"),
			json_get_bool(reader, "Pinpad") ? _(", keypad") : "",
			json_get_bool(reader, "Lent") ? _(", lent") : "");
	} else if (card) {
		buf_printf(out, "%s %s: %s", _("card"), conn_number(path),
			message_kind(text_of(card, "Kind")));
		buf_printf(out, " %s, %s, %s %s", text_of(card, "Generation"),
			message_nature(text_of(card, "Nature")), _("reader"),
			conn_number(text_of(card, "Reader")));
		if (strcmp(text_of(card, "Advice"), "-") != 0) {
			buf_printf(out, "\n  %s [%s]", message_advice(text_of(card, "Advice")),
				text_of(card, "Advice"));
		}
		buf_put_u8(out, '\n');
	} else if (session) {
		buf_printf(out, "%s %s: %s (%s)", _("session"), conn_number(path),
			message_state(text_of(session, "State")),
			message_proof(text_of(session, "Proof")));
		put_queue(session, out);
		buf_put_u8(out, '\n');
	} else if (json_object_get(interfaces, CONN_NAME ".Lease")) {
		buf_printf(out, "%s %s: %s %s\n", _("lease"), conn_number(path), _("reader"),
			conn_number(text_of(
				json_object_get(interfaces, CONN_NAME ".Lease"), "Reader")));
	}
}

static void put_manager(const json_t *manager, struct buf *out)
{
	const json_t *agents = json_object_get(manager, "Agents");

	buf_printf(out, "%s: vitaled %s\n", _("service"), text_of(manager, "Version"));
	buf_printf(
		out, "%s: %s\n", _("card reader service"), text_of(manager, "ReaderService"));
	buf_printf(out, "%s: %zu\n", _("agents"), json_array_size(agents));
}

void status_objects(const json_t *objects, size_t kinds, struct buf *out)
{
	static const char *const names[] = {".Reader", ".Card", ".Session", ".Lease"};
	const char *path;
	json_t *interfaces;

	for (size_t k = 0; k < kinds && k < ARRAY_LEN(names); k++) {
		char name[64];

		(void)snprintf(name, sizeof(name), CONN_NAME "%s", names[k]);
		/* jansson's macro writes only to its two variables */
		json_object_foreach((json_t *)(uintptr_t)objects, path, interfaces)
		{
			if (json_object_get(interfaces, name)) {
				put_object(path, interfaces, out);
			}
		}
	}
}

enum ctl_exit cmd_status(struct ctl *ctl, const struct args *line)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL((size_t)1024 * 1024);
	_cleanup_json_ json_t *manager = NULL;
	_cleanup_json_ json_t *objects = NULL;
	struct conn_failure f = {0};
	struct args a;
	enum ctl_exit code = ctl_parse(ctl, NULL, 0, line, 0, 0, &a);
	int r;

	if (code == CTL_OK) {
		code = ctl_connect(ctl, NULL, NULL);
	}
	if (code != CTL_OK) {
		return code;
	}
	r = conn_get_all(&ctl->conn, CONN_ROOT, CONN_NAME ".Manager", &f, &manager);
	if (r == 0) {
		r = conn_objects(&ctl->conn, &f, &objects);
	}
	conn_close(&ctl->conn);
	if (r != 0) {
		return ctl_result(ctl, r, &f);
	}
	if (ctl->json) {
		ctl_json(json_pack("{s:O, s:O}", "manager", manager, "objects", objects));
		return CTL_OK;
	}
	put_manager(manager, &text);
	status_objects(objects, STATUS_ALL, &text);
	render_print(&text);
	return CTL_OK;
}
