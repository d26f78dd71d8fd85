/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What polkit would say if this user, from here, asked the service for something: the usual reason for
 * "not allowed" is a session that is remote or not in front. polkit answers anybody about themselves;
 * nobody is asked for a password, and polkit is not started for it.
 */
#include <string.h>

#include "client/doctor.h"
#include "client/lang.h"
#include "client/value.h"

#define POLKIT	"org.freedesktop.PolicyKit1"
#define REFUSED N_("not allowed here")

/* CheckAuthorization((sa{sv} subject), s action, a{ss} details, u flags, s cancellation): this
 * connection, no interaction (polkit's reference manual). NULL: no memory. */
static DBusMessage *question(const struct doctor *d, const char *action)
{
	DBusMessage *m =
		dbus_message_new_method_call(POLKIT, "/org/freedesktop/PolicyKit1/Authority",
			POLKIT ".Authority", "CheckAuthorization");
	const char *kind = "system-bus-name", *none = "";
	DBusMessageIter args, subject, dict;
	dbus_uint32_t flags = 0;
	bool ok;

	if (!m) {
		return NULL;
	}
	dbus_message_set_auto_start(m, FALSE);
	dbus_message_iter_init_append(m, &args);
	ok = dbus_message_iter_open_container(&args, DBUS_TYPE_STRUCT, NULL, &subject) &&
	     dbus_message_iter_append_basic(&subject, DBUS_TYPE_STRING, &kind) &&
	     value_open_dict(&subject, &dict) &&
	     value_put_str(&dict, "name", dbus_bus_get_unique_name(d->conn->bus)) &&
	     dbus_message_iter_close_container(&subject, &dict) &&
	     dbus_message_iter_close_container(&args, &subject);
	ok = ok && dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &action) &&
	     dbus_message_iter_open_container(&args, DBUS_TYPE_ARRAY, "{ss}", &dict) &&
	     dbus_message_iter_close_container(&args, &dict) &&
	     dbus_message_iter_append_basic(&args, DBUS_TYPE_UINT32, &flags) &&
	     dbus_message_iter_append_basic(&args, DBUS_TYPE_STRING, &none);
	if (!ok) {
		dbus_message_unref(m);
		m = NULL;
	}
	return m;
}

/* What was answered, or the name of the error; false: polkit does not run. */
static bool answer(
	struct doctor *d, const char *action, struct conn_failure *f, const char **ret)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	_cleanup_json_ json_t *args = NULL;
	const json_t *result;
	int r = conn_call(d->conn, question(d, action), DOCTOR_WAIT_S, NULL, f, &reply);

	*ret = f->name;
	if (r == 0 && value_args(reply, &args) == 0) {
		result = json_array_get(args, 0);
		*ret = json_is_true(json_array_get(result, 0))	 ? N_("allowed here")
		       : json_is_true(json_array_get(result, 1)) ? N_("with a password")
								 : REFUSED;
		return true;
	}
	return r > 0 && !strstr(f->name, "ServiceUnknown") &&
	       !strstr(f->name, "NameHasNoOwner");
}

void doctor_rights(struct doctor *d)
{
	static const char *const actions[] = {"org.vitaled1.session.open",
		"org.vitaled1.agent.register-pin", "org.vitaled1.agent.register-professional"};

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		struct conn_failure f = {0};
		const char *said;

		if (!answer(d, actions[i], &f, &said)) {
			return; /* the service tells when polkit cannot be started */
		}
		doctor_seen(d, "right",
			json_pack("{s:s, s:s}", "action", actions[i], "answer", said));
		if (strstr(f.detail, "not registered")) {
			doctor_found(d, VITALED_FINDING_POLKIT_ACTIONS, actions[i],
				json_pack(
					"{s:s, s:s}", "action", actions[i], "cause", f.detail));
			return; /* nor any of the others */
		}
		if (strcmp(said, REFUSED) == 0) {
			doctor_found(d, VITALED_FINDING_NOT_ALLOWED, actions[i],
				json_pack("{s:s}", "action", actions[i]));
		}
	}
}
