/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A session that has broken the glass as often as is configured waits while polkit is asked
 * whether the connection that opened it may exceed that; a person is only disturbed when that
 * connection allowed it in OpenSession. One question a session, and a session has come this far
 * by a PIN, so their number needs no bound of its own. Anything but a yes is a no, and the
 * session ends as it would have ended at once.
 */
#include "daemon/bus/exceed.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "daemon/bus/polkit.h"
#include "daemon/limits.h"

struct exceed {
	struct exceed *next;
	struct bus *b;
	uint32_t session;
	DBusPendingCall *check;
	char id[24];
};

static void take_out(struct exceed *x)
{
	struct exceed **at = &x->b->exceeds;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
}

static void drop(struct exceed *x)
{
	take_out(x);
	dbus_pending_call_unref(x->check);
	free(x);
}

static void on_answer(DBusPendingCall *pending, void *user)
{
	struct exceed *x = user;
	struct bus *b = x->b;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	struct session *s = sessions_by_id(b->rooms.sessions, x->session);
	bool yes = polkit_said_yes(b, reply);

	if (reply)
		dbus_message_unref(reply);
	drop(x);
	if (s)
		session_exceeded(s, yes);
}

static int send_question(struct bus *b, struct exceed *x, const struct session *s)
{
	bool person = session_interactive(s);
	DBusMessage *m = polkit_question(b, session_owner(s), POLKIT_EXCEED, person, x->id);
	int ms = (int)((person ? LIMIT_POLKIT_PERSON : LIMIT_POLKIT) / 1000U);
	int r = 0;

	if (!m)
		return fault(-ENOMEM);
	if (!dbus_connection_send_with_reply(b->c, m, &x->check, ms))
		r = fault(-ENOMEM);
	else if (!x->check)
		r = fault(-ENOTCONN);
	dbus_message_unref(m);
	if (r < 0)
		return r;
	x->next = b->exceeds;
	b->exceeds = x;
	if (!dbus_pending_call_set_notify(x->check, on_answer, x, NULL)) {
		dbus_pending_call_cancel(x->check);
		return fault(-ENOMEM);
	}
	return 0;
}

void bus_ask_exceed(void *bus, struct session *s)
{
	struct bus *b = bus;
	struct exceed *x = calloc(1, sizeof(*x));
	int r = x ? 0 : fault(-ENOMEM);

	if (x) {
		x->b = b;
		x->session = session_id(s);
		r = send_question(b, x, s);
	}
	if (r == 0)
		return;
	(void)log_fault(r, "bus-ask");
	if (x && x->check)
		drop(x);
	else
		free(x);
	session_exceeded(s, false);
}

static void cancel(struct exceed *x)
{
	dbus_pending_call_cancel(x->check);
	polkit_withdraw(x->b, x->id);
	drop(x);
}

void exceed_forget(struct bus *b, uint32_t id)
{
	struct exceed *x = b->exceeds;

	while (x && x->session != id)
		x = x->next;
	if (x)
		cancel(x);
}

void exceed_free(struct bus *b)
{
	while (b->exceeds)
		cancel(b->exceeds);
}
