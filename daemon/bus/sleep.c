/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Sleep of the machine. While it is awake a delay lock of logind is held, so that logind tells us
 * before it sleeps and waits (InhibitDelayMaxSec=, 5 s by default). Then every session is locked and
 * recorded at once, every verified PIN is forgotten, cards are reset and let go of; the lock is given
 * back when no process of ours has a card any more, or after LIMIT_SLEEP_CLOSE. From then on no card is
 * known, so nothing can be unlocked, until PrepareForSleep(false): then readers and cards are looked
 * at anew, since a card may have been exchanged meanwhile, and the lock is taken again.
 *
 * Only the connection that owns logind's name is heard. Without logind, or when it does not give the
 * lock, that is a finding and nothing else; a logind that comes later is seen coming, and one that ends
 * while we sleep, or never says that we are awake, does not keep the cards away. A sleep that nobody
 * announced is noticed by its end (bus_slept()).
 */
#include "daemon/bus/sleep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/limits.h"

#define LOGIND_NAME	 "org.freedesktop.login1"
#define LOGIND_PATH	 "/org/freedesktop/login1"
#define LOGIND_INTERFACE "org.freedesktop.login1.Manager"

struct sleeper {
	struct bus *b;
	char owner[256];	 /* logind's unique name, or empty */
	DBusPendingCall *asked;	 /* who owns its name */
	DBusPendingCall *wanted; /* the lock */
	int lock;		 /* or -1 */
	bool heard;		 /* GetNameOwner was answered */
	bool refused;
	bool asleep;
	bool settled;	       /* asleep, and no card is held any more */
	sd_event_source *turn; /* looks whether the cards have been let go of */
	sd_event_source *timer;
};

static void forget_call(DBusPendingCall **call)
{
	if (*call) {
		dbus_pending_call_cancel(*call);
		dbus_pending_call_unref(*call);
	}
	*call = NULL;
}

/* -- the lock -- */

static void give_lock(struct sleeper *z)
{
	forget_call(&z->wanted);
	if (z->lock >= 0)
		(void)close(z->lock);
	z->lock = -1;
}

static void on_lock(DBusPendingCall *pending, void *user)
{
	struct sleeper *z = user;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	int fd = -1;

	z->wanted = NULL;
	dbus_pending_call_unref(pending);
	if (reply && dbus_message_has_sender(reply, z->owner) &&
		dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN)
		(void)dbus_message_get_args(
			reply, NULL, DBUS_TYPE_UNIX_FD, &fd, DBUS_TYPE_INVALID);
	if (reply)
		dbus_message_unref(reply);
	z->refused = fd < 0;
	if (z->refused)
		log_msg(LOG_WARNING, "sleep-signal", "logind does not wait for us");
	else
		z->lock = fd;
}

static void take_lock(struct sleeper *z)
{
	struct bus *b = z->b;
	struct wire w;
	DBusMessage *m;

	if (!*z->owner || z->lock >= 0 || z->wanted)
		return;
	wire_call(&w, LOGIND_NAME, LOGIND_PATH, LOGIND_INTERFACE, "Inhibit");
	wire_str(&w, "sleep");
	wire_str(&w, "vitaled");
	wire_str(&w, "dossiers are locked and cards let go of");
	wire_str(&w, "delay");
	m = wire_take(&w);
	z->refused = !m;
	if (!m)
		return;
	dbus_message_set_auto_start(m, FALSE);
	if (!dbus_connection_send_with_reply(
		    b->c, m, &z->wanted, (int)(LIMIT_LOGIND / 1000U)) ||
		!z->wanted || !dbus_pending_call_set_notify(z->wanted, on_lock, z, NULL)) {
		forget_call(&z->wanted);
		z->refused = true;
	}
	dbus_message_unref(m);
}

/* -- going to sleep, being awake -- */

static void wake(struct sleeper *z)
{
	z->asleep = false;
	z->timer = sd_event_source_disable_unref(z->timer);
	cards_wake(z->b->rooms.cards);
	take_lock(z);
}

static int on_late(sd_event_source *src _unused_, uint64_t usec _unused_, void *user);

static void arm(struct sleeper *z, uint64_t usec)
{
	z->timer = sd_event_source_disable_unref(z->timer);
	/* without a timer logind's own limit ends the waiting, and its word the sleep */
	(void)sd_event_add_time_relative(
		z->b->ev, &z->timer, CLOCK_MONOTONIC, usec, 0, on_late, z);
}

static void settle(struct sleeper *z)
{
	z->settled = true;
	cards_sleep(z->b->rooms.cards);
	give_lock(z);
	arm(z, LIMIT_SLEEP_AWAKE); /* does not run while the machine sleeps */
}

static int on_late(sd_event_source *src _unused_, uint64_t usec _unused_, void *user)
{
	struct sleeper *z = user;

	if (z->settled)
		wake(z);
	else
		settle(z);
	return 0;
}

static int on_turn(sd_event_source *src _unused_, void *user)
{
	struct sleeper *z = user;

	if (z->asleep && !z->settled && !cards_in_use(z->b->rooms.cards))
		settle(z);
	return 0;
}

static void look(struct sleeper *z)
{
	if (z->asleep && !z->settled)
		(void)sd_event_source_set_enabled(z->turn, SD_EVENT_ONESHOT);
}

static void on_card(void *user, struct card *c _unused_)
{
	look(user);
}

static void lock_all(struct sleeper *z)
{
	const struct bus_rooms *rooms = &z->b->rooms;

	z->asleep = true;
	z->settled = false;
	pins_stop_all(rooms->pins, VITALED_REASON_SLEEP);
	sessions_lock_all(rooms->sessions, VITALED_REASON_SLEEP);
}

static void fall_asleep(struct sleeper *z)
{
	if (z->asleep)
		return;
	log_msg(LOG_NOTICE, "asleep", "the machine goes to sleep: every session is locked");
	lock_all(z);
	arm(z, LIMIT_SLEEP_CLOSE);
	look(z);
}

static void awake(struct sleeper *z)
{
	if (!z->asleep) {
		log_msg(LOG_NOTICE, "asleep", "the machine has slept: every session is locked");
		lock_all(z);
	}
	if (!z->settled)
		settle(z);
	wake(z);
}

void bus_slept(struct bus *b)
{
	if (b->sleeper && !b->sleeper->asleep)
		awake(b->sleeper);
}

/* -- logind -- */

static void take_owner(struct sleeper *z, const char *owner)
{
	z->heard = true;
	if (view_copy_str(view_str(owner), z->owner, sizeof(z->owner)) != 0)
		z->owner[0] = '\0';
	z->refused = false;
	give_lock(z);
	if (z->asleep)
		awake(z);
	else
		take_lock(z);
}

void sleep_owner(struct bus *b, const char *name, const char *owner)
{
	if (b->sleeper && strcmp(name, LOGIND_NAME) == 0)
		take_owner(b->sleeper, owner);
}

void sleep_signal(struct bus *b, DBusMessage *m)
{
	struct sleeper *z = b->sleeper;
	dbus_bool_t sleeps = FALSE;

	if (!z || !*z->owner || !dbus_message_has_sender(m, z->owner) ||
		!dbus_message_is_signal(m, LOGIND_INTERFACE, "PrepareForSleep") ||
		!dbus_message_get_args(m, NULL, DBUS_TYPE_BOOLEAN, &sleeps, DBUS_TYPE_INVALID))
		return;
	if (sleeps)
		fall_asleep(z);
	else
		awake(z);
}

static void on_owner(DBusPendingCall *pending, void *user)
{
	struct sleeper *z = user;
	DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	const char *owner = NULL;

	z->asked = NULL;
	dbus_pending_call_unref(pending);
	if (!z->heard && reply && dbus_message_has_sender(reply, DBUS_SERVICE_DBUS) &&
		dbus_message_get_type(reply) == DBUS_MESSAGE_TYPE_METHOD_RETURN &&
		dbus_message_get_args(reply, NULL, DBUS_TYPE_STRING, &owner, DBUS_TYPE_INVALID))
		take_owner(z, owner);
	z->heard = true; /* an error: it does not run yet, and will be seen coming */
	if (reply)
		dbus_message_unref(reply);
}

static int ask_owner(struct sleeper *z)
{
	struct wire w;
	DBusMessage *m;
	int r = 0;

	wire_call(&w, DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetNameOwner");
	wire_str(&w, LOGIND_NAME);
	m = wire_take(&w);
	if (!m)
		return fault(-ENOMEM);
	if (!dbus_connection_send_with_reply(z->b->c, m, &z->asked, DBUS_TIMEOUT_INFINITE) ||
		!z->asked || !dbus_pending_call_set_notify(z->asked, on_owner, z, NULL))
		r = fault(-ENOMEM);
	dbus_message_unref(m);
	return r;
}

static void listen(struct bus *b)
{
	dbus_bus_add_match(b->c,
		"type='signal',sender='" DBUS_SERVICE_DBUS "',path='" DBUS_PATH_DBUS
		"',interface='" DBUS_INTERFACE_DBUS
		"',member='NameOwnerChanged',arg0='" LOGIND_NAME "'",
		NULL);
	dbus_bus_add_match(b->c,
		"type='signal',sender='" LOGIND_NAME "',path='" LOGIND_PATH
		"',interface='" LOGIND_INTERFACE "',member='PrepareForSleep'",
		NULL);
}

int sleep_start(struct bus *b)
{
	static const struct cards_ops ops = {.card_changed = on_card, .card_removed = on_card};
	struct sleeper *z = calloc(1, sizeof(*z));
	int r;

	if (!z)
		return fault(-ENOMEM);
	*z = (struct sleeper){.b = b, .lock = -1};
	b->sleeper = z;
	r = sd_event_add_defer(b->ev, &z->turn, on_turn, z);
	if (r >= 0)
		r = sd_event_source_set_enabled(z->turn, SD_EVENT_OFF);
	if (r < 0)
		return fault(r);
	r = cards_listen(b->rooms.cards, &ops, z);
	if (r < 0)
		return trace(r);
	listen(b);
	return trace(ask_owner(z));
}

void sleep_stop(struct bus *b)
{
	struct sleeper *z = b->sleeper;

	if (!z)
		return;
	cards_unlisten(b->rooms.cards, z);
	forget_call(&z->asked);
	give_lock(z);
	sd_event_source_disable_unref(z->turn);
	sd_event_source_disable_unref(z->timer);
	free(z);
	b->sleeper = NULL;
}

const char *sleep_lack(const struct bus *b)
{
	const struct sleeper *z = b->sleeper;

	if (!z || !z->heard)
		return NULL;
	if (!*z->owner)
		return "absent";
	return z->refused ? "refused" : NULL;
}
