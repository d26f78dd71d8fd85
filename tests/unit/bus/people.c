/* SPDX-License-Identifier: EUPL-1.2 */
/* What several tests do with owners and agents. */
/* clang-format off */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/unit/bus/people.h"

#include <string.h>

#define ROOT	"/org/vitaled1"
#define MANAGER "org.vitaled1.Manager"

struct session *opened(struct client *owner)
{
	DBusMessage *m = method(ROOT, MANAGER, "OpenSession", DBUS_TYPE_INVALID);
	DBusMessageIter it, dict;

	dbus_message_iter_init_append(m, &it);
	(void)dbus_message_iter_open_container(&it, DBUS_TYPE_ARRAY, "{sv}", &dict);
	(void)dbus_message_iter_close_container(&it, &dict);
	assert_string_equal(error_of(client_call(owner, m)), "");
	return fakes_session();
}

const char *registered(struct client *c, const char *path, const char *a, const char *b)
{
	const char *words[] = {a, b};
	const char *const *list = words;

	return error_of(
		client_call(c, method(ROOT, MANAGER, "RegisterAgent", DBUS_TYPE_OBJECT_PATH,
				       &path, DBUS_TYPE_ARRAY, DBUS_TYPE_STRING, &list,
				       b ? 2 : 1, DBUS_TYPE_INVALID)));
}

struct client *agent_new(uid_t uid, const char *a, const char *b)
{
	struct client *c = client_new(uid);

	assert_string_equal(registered(c, "/agent", a, b), "");
	return c;
}

void configure(const char *capability, const char *pair, uid_t uid)
{
	struct config_agent *row = &fakes.config.agents[fakes.config.n_agents++];

	*row = (struct config_agent){.uid = uid};
	assert_int_equal(view_copy_str(view_str(capability), row->capability, 20), 0);
	assert_int_equal(view_copy_str(view_str(pair), row->pair, 32), 0);
}

void turns(void)
{
	for (int i = 0; i < 40; i++)
		bed_turn();
}

void reply_with(struct client *c, DBusMessage *call, int type, ...)
{
	DBusMessage *reply = dbus_message_new_method_return(call);
	va_list args;

	va_start(args, type);
	assert_true(type == DBUS_TYPE_INVALID ||
		    dbus_message_append_args_valist(reply, type, args));
	va_end(args);
	assert_true(dbus_connection_send(c->c, reply, NULL));
	dbus_message_unref(reply);
	dbus_message_unref(call);
	turns();
}

void reply_error(struct client *c, DBusMessage *call, const char *name)
{
	DBusMessage *reply = dbus_message_new_error(call, name, "no");

	assert_true(dbus_connection_send(c->c, reply, NULL));
	dbus_message_unref(reply);
	dbus_message_unref(call);
	turns();
}

DBusMessage *asked(struct client *c, const char *member, const char *signature)
{
	DBusMessage *m = client_take(c, member);

	assert_non_null(m);
	assert_true(dbus_message_has_signature(m, signature));
	assert_true(dbus_message_has_interface(m, "org.vitaled1.Agent"));
	assert_string_equal(dbus_message_get_path(m), "/agent");
	return m;
}

bool finds(struct client *c, const char *name, const char *fact)
{
	DBusMessage *reply = client_call(c, method(ROOT, MANAGER, "Diagnose", 0));
	DBusMessageIter it, list, dict, entry, value;
	bool found = false;

	assert_true(dbus_message_has_signature(reply, "aa{sv}"));
	(void)dbus_message_iter_init(reply, &it);
	for (dbus_message_iter_recurse(&it, &list); dbus_message_iter_get_arg_type(&list);
		(void)dbus_message_iter_next(&list)) {
		bool named = false, facts = !fact;

		for (dbus_message_iter_recurse(&list, &dict);
			dbus_message_iter_get_arg_type(&dict);
			(void)dbus_message_iter_next(&dict)) {
			const char *text;

			dbus_message_iter_recurse(&dict, &entry);
			(void)dbus_message_iter_next(&entry);
			dbus_message_iter_recurse(&entry, &value);
			if (dbus_message_iter_get_arg_type(&value) != DBUS_TYPE_STRING)
				continue;
			dbus_message_iter_get_basic(&value, &text);
			named = named || strcmp(text, name) == 0;
			facts = facts || strcmp(text, fact) == 0;
		}
		found = found || (named && facts);
	}
	dbus_message_unref(reply);
	return found;
}
