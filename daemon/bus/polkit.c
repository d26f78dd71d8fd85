/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * polkit, asynchronously. The subject is the sender's unique name; a person is only disturbed when
 * the caller allowed it. Our own time limits hold; a check whose caller leaves is cancelled here and
 * at polkit. An answer counts only when the connection that owns polkit's name sent it; the bus tells
 * us of a new owner before it hands on that owner's first answer. Anything but a yes or no of it is
 * no answer, and the caller hears what there was instead. Checks on the wire count (bus/quota.h).
 */
#include "daemon/bus/polkit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "daemon/bus/errors.h"
#include "daemon/limits.h"

#define POLKIT_NAME	 "org.freedesktop.PolicyKit1"
#define POLKIT_PATH	 "/org/freedesktop/PolicyKit1/Authority"
#define POLKIT_INTERFACE "org.freedesktop.PolicyKit1.Authority"

/* -- who is polkit -- */

void polkit_owner(struct bus *b, const char *name, const char *owner)
{
	if (strcmp(name, POLKIT_NAME) == 0)
		(void)snprintf(b->polkit, sizeof(b->polkit), "%s", owner);
}

static void on_owner(DBusPendingCall *pending, void *user)
{
	struct bus *b = user;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	const char *owner = NULL;

	b->polkit_asked = NULL;
	dbus_pending_call_unref(pending);
	if (!reply)
		return;
	/* an error: it does not run yet, and will be seen coming */
	if (dbus_message_has_sender(reply, DBUS_SERVICE_DBUS) &&
		dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
		dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &owner, DBUS_TYPE_INVALID))
		polkit_owner(b, POLKIT_NAME, owner);
	dbus_message_unref(reply);
}

int polkit_start(struct bus *b)
{
	struct wire w;
	DBusMessage *m;
	int r = 0;

	dbus_bus_add_match(b->c,
		"type='signal',sender='" DBUS_SERVICE_DBUS "',path='" DBUS_PATH_DBUS
		"',interface='" DBUS_INTERFACE_DBUS
		"',member='NameOwnerChanged',arg0='" POLKIT_NAME "'",
		NULL);
	wire_call(&w, DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetNameOwner");
	wire_str(&w, POLKIT_NAME);
	m = wire_take(&w);
	if (!m)
		return fault(-ENOMEM);
	if (!dbus_connection_send_with_reply(
		    b->c, m, &b->polkit_asked, DBUS_TIMEOUT_INFINITE) ||
		!b->polkit_asked ||
		!dbus_pending_call_set_notify(b->polkit_asked, on_owner, b, NULL))
		r = fault(-ENOMEM);
	dbus_message_unref(m);
	return r;
}

void polkit_stop(struct bus *b)
{
	if (!b->polkit_asked)
		return;
	dbus_pending_call_cancel(b->polkit_asked);
	dbus_pending_call_unref(b->polkit_asked);
	b->polkit_asked = NULL;
}

/* -- checks -- */

static void check_over(struct call *call)
{
	dbus_pending_call_unref(call->check);
	call->check = NULL;
	call_give(call, QUOTA_CHECKS);
}

void polkit_withdraw(struct bus *b, const char *id)
{
	struct wire w;

	wire_call(&w, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CancelCheckAuthorization");
	wire_str(&w, id);
	if (w.ok)
		dbus_message_set_no_reply(w.m, TRUE);
	(void)bus_notify(b, &w);
}

void polkit_cancel(struct call *call)
{
	if (!call->check)
		return;
	dbus_pending_call_cancel(call->check);
	check_over(call);
	polkit_withdraw(call->b, call->check_id);
}

enum check_outcome {
	CHECK_YES = 1,
	CHECK_CHALLENGE,
	CHECK_NO,
	CHECK_ABSENT,	 /* nobody has polkit's name, and the bus could not start it */
	CHECK_LEFT,	 /* polkit left the bus, or was killed, while it was asked */
	CHECK_TIMEOUT,	 /* our own time limit */
	CHECK_ERROR,	 /* polkit answered with an error */
	CHECK_MALFORMED, /* or in another form */
	CHECK_STRANGER,	 /* somebody else answered */
};

/* an error that is not polkit's own */
static enum check_outcome no_answer(DBusMessage *reply)
{
	if (!dbus_message_get_sender(reply)) /* libdbus made it */
		return dbus_message_is_error(reply, DBUS_ERROR_NO_REPLY) ? CHECK_TIMEOUT
									 : CHECK_LEFT;
	if (!dbus_message_has_sender(reply, DBUS_SERVICE_DBUS))
		return CHECK_STRANGER;
	return dbus_message_is_error(reply, DBUS_ERROR_NO_REPLY) ? CHECK_LEFT : CHECK_ABSENT;
}

static enum check_outcome read_answer(const struct bus *b, DBusMessage *reply)
{
	DBusMessageIter it, s;
	bool yes, challenge;

	if (!*b->polkit || !dbus_message_has_sender(reply, b->polkit))
		return no_answer(reply);
	if (dbus_message_get_type(reply) != DBUS_MESSAGE_TYPE_METHOD_RETURN)
		return CHECK_ERROR;
	if (!dbus_message_has_signature(reply, "(bba{ss})"))
		return CHECK_MALFORMED;
	(void)dbus_message_iter_init(reply, &it);
	dbus_message_iter_recurse(&it, &s);
	yes = wire_get_bool(&s);
	(void)dbus_message_iter_next(&s);
	challenge = wire_get_bool(&s);
	if (yes)
		return CHECK_YES;
	return challenge ? CHECK_CHALLENGE : CHECK_NO;
}

/* polkit or the bus failed: the cause is told, and it is never a no */
static void fail_check(struct call *call, const char *cause, const char *name)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(512);

	buf_printf(&text, "polkit %s", cause);
	if (name)
		buf_printf(&text, " %.255s", name);
	buf_put_u8(&text, 0);
	log_msg(LOG_WARNING, "polkit", "%s", cause);
	call_fail(call, VITALED_REASON_FAILED,
		buf_check(&text) == 0 ? (const char *)text.data : "polkit");
}

static void decide(struct call *call, enum check_outcome o, const char *error)
{
	switch (o) {
	case CHECK_YES:
		call->allowed(call);
		break;
	case CHECK_CHALLENGE:
		call_fail(call, VITALED_REASON_INTERACTION_REQUIRED, NULL);
		break;
	case CHECK_NO:
		call_fail(call, VITALED_REASON_ACCESS_DENIED, NULL);
		break;
	case CHECK_ABSENT:
		fail_check(call, "absent", error);
		break;
	case CHECK_LEFT:
		fail_check(call, "left", NULL);
		break;
	case CHECK_TIMEOUT:
		polkit_withdraw(call->b, call->check_id);
		fail_check(call, "timeout", NULL);
		break;
	case CHECK_ERROR:
		fail_check(call, "error", error);
		break;
	case CHECK_MALFORMED:
		fail_check(call, "malformed", NULL);
		break;
	case CHECK_STRANGER:
		fail_check(call, "stranger", NULL);
		break;
	}
}

static void on_answer(DBusPendingCall *pending, void *user)
{
	struct call *call = user;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);

	check_over(call);
	if (!reply) { /* cannot be: it is complete */
		fail_check(call, "left", NULL);
		return;
	}
	decide(call, read_answer(call->b, reply), dbus_message_get_error_name(reply));
	dbus_message_unref(reply);
}

static void put_subject(struct wire *w, const char *name)
{
	struct wire subject, dict;

	wire_open(w, DBUS_TYPE_STRUCT, NULL, &subject);
	wire_str(&subject, "system-bus-name");
	wire_open(&subject, DBUS_TYPE_ARRAY, "{sv}", &dict);
	wire_sv_str(&dict, "name", name);
	wire_close(&subject, &dict);
	wire_close(w, &subject);
}

static int check_send(struct call *call, DBusMessage *m, bool person)
{
	struct bus *b = call->b;
	int ms = (int)((person ? LIMIT_POLKIT_PERSON : LIMIT_POLKIT) / 1000U);

	if (!dbus_connection_send_with_reply(b->c, m, &call->check, ms))
		return fault(-ENOMEM);
	if (!call->check)
		return fault(-ENOTCONN);
	if (!dbus_pending_call_set_notify(call->check, on_answer, call, NULL)) {
		dbus_pending_call_cancel(call->check);
		check_over(call);
		return fault(-ENOMEM);
	}
	return 0;
}

DBusMessage *polkit_question(
	struct bus *b, const char *name, const char *action, bool person, char ret_id[24])
{
	struct wire w, details;

	(void)snprintf(ret_id, 24, "v%llu", (unsigned long long)++b->check_seq);
	wire_call(&w, POLKIT_NAME, POLKIT_PATH, POLKIT_INTERFACE, "CheckAuthorization");
	if (w.ok)
		dbus_message_set_auto_start(w.m, TRUE);
	put_subject(&w, name);
	wire_str(&w, action);
	wire_open(&w, DBUS_TYPE_ARRAY, "{ss}", &details);
	wire_close(&w, &details);
	wire_u32(&w, person ? 1 : 0);
	wire_str(&w, ret_id);
	return wire_take(&w);
}

bool polkit_said_yes(const struct bus *b, DBusMessage *reply)
{
	return reply && read_answer(b, reply) == CHECK_YES;
}

void polkit_check(struct call *call, const char *action, call_fn allowed)
{
	bool person = dbus_message_get_allow_interactive_authorization(call->m);
	DBusMessage *m;
	int r;

	if (!call_take(call, QUOTA_CHECKS, 1)) {
		call_fail(call, VITALED_REASON_LIMITS_EXCEEDED, quota_word(QUOTA_CHECKS));
		return;
	}
	call->allowed = allowed;
	call->object = NULL; /* it may go while polkit thinks */
	m = polkit_question(call->b, call->peer->name, action, person, call->check_id);
	r = m ? check_send(call, m, person) : fault(-ENOMEM);
	if (m)
		dbus_message_unref(m);
	if (r < 0)
		call_fault(call, r);
}
