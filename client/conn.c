/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The only place that waits. libdbus is never asked to block, but for the bus's own answers at the
 * beginning: a call is sent, then the loop turns until the reply was dispatched, its deadline passed,
 * the bus went away or a signal came.
 */
#include "client/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/value.h"

#define ERROR_PREFIX "org.freedesktop.DBus.Error."

static volatile sig_atomic_t stopped;
static sigset_t waiting_mask;
static bool catching;

static void on_signal(int number _unused_)
{
	stopped = 1;
}

void conn_catch_signals(void)
{
	struct sigaction stop = {.sa_handler = on_signal};
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t ours;

	(void)sigemptyset(&ours);
	(void)sigaddset(&ours, SIGINT);
	(void)sigaddset(&ours, SIGTERM);
	(void)sigaddset(&ours, SIGHUP);
	(void)sigaction(SIGINT, &stop, NULL);
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)sigaction(SIGHUP, &stop, NULL);
	(void)sigaction(SIGPIPE, &ignore, NULL);
	/* they come in only while we wait: no race between the look at the flag and the wait */
	(void)sigprocmask(SIG_BLOCK, &ours, &waiting_mask);
	catching = true;
}

void conn_fail(struct conn_failure *f, const char *name, const char *detail)
{
	(void)snprintf(f->name, sizeof(f->name), "%s", name);
	(void)snprintf(f->detail, sizeof(f->detail), "%s", detail);
}

void conn_message_put(DBusMessage **m)
{
	if (*m) {
		dbus_message_unref(*m);
		*m = NULL;
	}
}

/* The owner of the service's name; one that no bus would give means none. */
static void set_owner(struct conn *c, const char *owner)
{
	bool fits = strlen(owner) < sizeof(c->owner);

	(void)snprintf(c->owner, sizeof(c->owner), "%s", fits ? owner : "");
}

/* Signals of the bus's driver: nobody else can be their sender. */
static bool of_the_bus(struct conn *c, DBusMessage *m)
{
	const char *name = "";
	const char *before = "";
	const char *after = "";

	if (!dbus_message_has_sender(m, DBUS_SERVICE_DBUS)) {
		return false;
	}
	if (dbus_message_is_signal(m, DBUS_INTERFACE_DBUS, "NameOwnerChanged") &&
		dbus_message_get_args(m, NULL, DBUS_TYPE_STRING, &name, DBUS_TYPE_STRING,
			&before, DBUS_TYPE_STRING, &after, DBUS_TYPE_INVALID) &&
		strcmp(name, CONN_NAME) == 0) {
		set_owner(c, after);
	}
	return true;
}

/* Match rules do not hold back what somebody sends to us directly. Who calls a method is looked at by
 * whoever answers it. */
static bool is_heard(struct conn *c, DBusMessage *m)
{
	switch (dbus_message_get_type(m)) {
	case DBUS_MESSAGE_TYPE_METHOD_CALL:
		return true;
	case DBUS_MESSAGE_TYPE_SIGNAL:
		return of_the_bus(c, m) ||
		       (c->owner[0] != '\0' && dbus_message_has_sender(m, c->owner));
	default:
		return false;
	}
}

static DBusHandlerResult filter(DBusConnection *bus _unused_, DBusMessage *m, void *user)
{
	struct conn *c = user;

	return is_heard(c, m) && c->fn && c->fn(c->user, m)
		       ? DBUS_HANDLER_RESULT_HANDLED
		       : DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
}

/* Who owns the service's name, asked after the bus tells of changes. What it told before it answered is
 * dispatched behind, in order, and ends with the same owner. Without one @error stays as it is. */
static int ask_owner(struct conn *c, DBusError *error)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	const char *name = CONN_NAME;
	const char *owner = "";
	DBusMessage *call = dbus_message_new_method_call(
		DBUS_SERVICE_DBUS, DBUS_PATH_DBUS, DBUS_INTERFACE_DBUS, "GetNameOwner");

	if (!call ||
		!dbus_message_append_args(call, DBUS_TYPE_STRING, &name, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
		return fault(-ENOMEM);
	}
	reply = dbus_connection_send_with_reply_and_block(c->bus, call, -1, error);
	dbus_message_unref(call);
	if (dbus_error_has_name(error, DBUS_ERROR_NAME_HAS_NO_OWNER)) {
		dbus_error_free(error);
	}
	if (reply && dbus_message_get_args(
			     reply, error, DBUS_TYPE_STRING, &owner, DBUS_TYPE_INVALID)) {
		set_owner(c, owner);
	}
	return 0;
}

int conn_open(struct conn *c, conn_message_fn fn, void *user, struct conn_failure *ret_f)
{
	static const char *const rules[] = {
		"type='signal',sender='" CONN_NAME "'",
		"type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',"
		"arg0='" CONN_NAME "'",
	};
	DBusError error = DBUS_ERROR_INIT;

	*c = (struct conn){.fn = fn, .user = user};
	c->bus = dbus_bus_get_private(DBUS_BUS_SYSTEM, &error);
	if (c->bus) {
		dbus_connection_set_exit_on_disconnect(c->bus, FALSE);
		if (!dbus_connection_add_filter(c->bus, filter, c, NULL)) {
			conn_close(c);
			return fault(-ENOMEM);
		}
	}
	for (size_t i = 0; c->bus && i < ARRAY_LEN(rules) && !dbus_error_is_set(&error); i++) {
		dbus_bus_add_match(c->bus, rules[i], &error);
	}
	if (c->bus && !dbus_error_is_set(&error) && ask_owner(c, &error) < 0) {
		conn_close(c);
		return fault(-ENOMEM);
	}
	if (!dbus_error_is_set(&error)) {
		return 0;
	}
	conn_fail(ret_f, error.name, error.message ? error.message : "");
	dbus_error_free(&error);
	conn_close(c);
	return CONN_FAILED;
}

void conn_close(struct conn *c)
{
	if (c->bus) {
		dbus_connection_flush(c->bus);
		dbus_connection_close(c->bus);
		dbus_connection_unref(c->bus);
	}
	*c = (struct conn){0};
}

static int dispatch(struct conn *c)
{
	DBusDispatchStatus s;

	do {
		s = dbus_connection_dispatch(c->bus);
	} while (s == DBUS_DISPATCH_DATA_REMAINS);
	return s == DBUS_DISPATCH_NEED_MEMORY ? fault(-ENOMEM) : 0;
}

static int wait_for(struct pollfd *fds, size_t n, uint64_t deadline)
{
	struct timespec ts = {0};
	int r;

	if (stopped) {
		return CONN_STOPPED;
	}
	if (deadline != CONN_FAR) {
		int ms = clock_timeout_ms(deadline);

		ts.tv_sec = ms / 1000;
		ts.tv_nsec = (long)(ms % 1000) * 1000000L;
	}
	r = ppoll(fds, n, deadline == CONN_FAR ? NULL : &ts, catching ? &waiting_mask : NULL);
	if (r < 0 && errno == EINTR) {
		return stopped ? CONN_STOPPED : 0;
	}
	if (r < 0) {
		return fault(-errno);
	}
	return r == 0 && clock_timeout_ms(deadline) == 0 ? CONN_LATE : 0;
}

int conn_turn(struct conn *c, struct pollfd *extra, size_t n_extra, uint64_t deadline)
{
	struct pollfd fds[1 + CONN_EXTRA_MAX] = {0};
	int r;

	for (size_t i = 0; i < n_extra; i++) {
		extra[i].revents = 0;
	}
	if (dbus_connection_get_dispatch_status(c->bus) == DBUS_DISPATCH_DATA_REMAINS) {
		return trace(dispatch(c));
	}
	if (!dbus_connection_get_is_connected(c->bus) ||
		!dbus_connection_get_unix_fd(c->bus, &fds[0].fd)) {
		return CONN_GONE;
	}
	fds[0].events = POLLIN;
	if (dbus_connection_has_messages_to_send(c->bus)) {
		fds[0].events |= POLLOUT;
	}
	for (size_t i = 0; i < n_extra; i++) {
		fds[1 + i] = extra[i];
	}
	r = wait_for(fds, 1 + n_extra, deadline);
	if (r != 0) {
		return trace(r);
	}
	for (size_t i = 0; i < n_extra; i++) {
		extra[i].revents = fds[1 + i].revents;
	}
	if (fds[0].revents) {
		(void)dbus_connection_read_write(c->bus, 0);
	}
	return trace(dispatch(c));
}

DBusMessage *conn_method(const char *path, const char *interface, const char *member)
{
	char full[128];
	DBusMessage *m;

	(void)snprintf(full, sizeof(full), "%s%s", strchr(interface, '.') ? "" : CONN_NAME ".",
		interface);
	m = dbus_message_new_method_call(CONN_NAME, path, full, member);
	if (m) {
		dbus_message_set_allow_interactive_authorization(m, TRUE);
	}
	return m;
}

/* -- a call ---------------------------------------------------------------------------------- */

static void feed_end(struct conn_feed *feed)
{
	if (feed && feed->fd >= 0) {
		close(feed->fd);
		feed->fd = -1;
	}
}

/* Write what the pipe takes; a reader that left ends the feeding, its reply will say why. */
static int feed_some(struct conn_feed *feed)
{
	ssize_t n = 0;

	if (feed->left.len > 0) {
		n = write(feed->fd, feed->left.data, feed->left.len);
	}
	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		return 0;
	}
	if (n < 0 && errno != EPIPE) {
		return fault(-errno);
	}
	feed->left = n < 0 ? VIEW_NULL : view_last(feed->left, feed->left.len - (size_t)n);
	if (feed->left.len == 0) {
		feed_end(feed);
	}
	return 0;
}

static int wait_reply(
	struct conn *c, DBusPendingCall *pending, struct conn_feed *feed, uint64_t deadline)
{
	while (!dbus_pending_call_get_completed(pending)) {
		struct pollfd extra = {.fd = -1, .events = POLLOUT};
		uint64_t tick = clock_monotonic() + USEC_PER_SEC / 4;
		uint64_t until = c->waiting && tick < deadline ? tick : deadline;
		int r;

		extra.fd = feed ? feed->fd : -1;
		r = conn_turn(c, &extra, extra.fd >= 0 ? 1 : 0, until);
		if (r == CONN_LATE && until < deadline) {
			c->waiting(c->waiting_user);
			continue;
		}
		if (r == 0 && feed && extra.revents) {
			r = feed_some(feed);
		}
		if (r != 0) {
			return trace(r);
		}
	}
	return 0;
}

static int take_reply(DBusPendingCall *pending, struct conn_failure *ret_f, DBusMessage **ret)
{
	_cleanup_(conn_message_put) DBusMessage *reply = dbus_pending_call_steal_reply(pending);
	DBusError error = DBUS_ERROR_INIT;

	if (!reply) {
		return fault(-EIO);
	}
	if (dbus_set_error_from_message(&error, reply)) {
		conn_fail(ret_f, error.name, error.message ? error.message : "");
		dbus_error_free(&error);
		return CONN_FAILED;
	}
	if (ret) {
		*ret = reply;
		reply = NULL;
	}
	return 0;
}

int conn_call(struct conn *c, DBusMessage *call, unsigned int timeout_s, struct conn_feed *feed,
	struct conn_failure *ret_f, DBusMessage **ret_reply)
{
	_cleanup_(conn_message_put) DBusMessage *owned = call;
	uint64_t deadline = clock_monotonic() + timeout_s * USEC_PER_SEC;
	DBusPendingCall *pending = NULL;
	int r;

	/* libdbus' own time-out stays behind ours */
	if (!owned || !dbus_connection_send_with_reply(
			      c->bus, owned, &pending, (int)(timeout_s + 5) * 1000)) {
		feed_end(feed);
		return fault(-ENOMEM);
	}
	if (!pending) {
		feed_end(feed);
		conn_fail(ret_f, ERROR_PREFIX "Disconnected", "");
		return CONN_FAILED;
	}
	r = wait_reply(c, pending, feed, deadline);
	feed_end(feed);
	if (r == 0) {
		r = take_reply(pending, ret_f, ret_reply);
	} else if (r > 0) {
		dbus_pending_call_cancel(pending);
		conn_fail(ret_f,
			r == CONN_STOPPED ? CONN_NAME ".Error.Cancelled"
			: r == CONN_LATE  ? ERROR_PREFIX "NoReply"
					  : ERROR_PREFIX "Disconnected",
			"");
		r = CONN_FAILED;
	}
	dbus_pending_call_unref(pending);
	return trace(r);
}

/* the one argument of @reply, which must be an object */
static int take_object(
	DBusMessage *reply, const char *member, struct conn_failure *ret_f, json_t **ret)
{
	_cleanup_json_ json_t *args = NULL;
	int r = value_args(reply, &args);

	if (r < 0) {
		return trace(r);
	}
	if (r > 0 || !json_is_object(json_array_get(args, 0))) {
		conn_fail(ret_f, CONN_NAME ".Error.Failed", member);
		return CONN_FAILED;
	}
	*ret = json_incref(json_array_get(args, 0));
	return 0;
}

int conn_objects(struct conn *c, struct conn_failure *ret_f, json_t **ret)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	DBusMessage *call = conn_method(
		CONN_ROOT, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
	int r = conn_call(c, call, 30, NULL, ret_f, &reply);

	return r != 0 ? trace(r) : trace(take_object(reply, "GetManagedObjects", ret_f, ret));
}

const char *conn_number(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int conn_get_all(struct conn *c, const char *path, const char *interface,
	struct conn_failure *ret_f, json_t **ret)
{
	_cleanup_(conn_message_put) DBusMessage *reply = NULL;
	DBusMessage *call = conn_method(path, CONN_PROPERTIES, "GetAll");
	int r;

	if (call && !dbus_message_append_args(
			    call, DBUS_TYPE_STRING, &interface, DBUS_TYPE_INVALID)) {
		conn_message_put(&call);
	}
	r = conn_call(c, call, 30, NULL, ret_f, &reply);
	return r != 0 ? trace(r) : trace(take_object(reply, "GetAll", ret_f, ret));
}

int conn_reply_json(DBusMessage *reply, struct conn_failure *ret_f, json_t **ret)
{
	int fd = -1;
	int r = value_fds(reply, 1, &fd);

	if (r == 0) {
		r = json_read_fd(fd, (size_t)1024 * 1024, ret);
		close(fd);
	}
	if (r > 0) {
		conn_fail(ret_f, CONN_NAME ".Error.Failed", "no sealed JSON in the reply");
		return CONN_FAILED;
	}
	return trace(r);
}
