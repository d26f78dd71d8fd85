/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * libdbus on sd-event. libdbus gives two watches for one descriptor (read, write) and epoll refuses
 * a descriptor twice, so both share one source; a source that wants nothing is switched off, not
 * set to no events, since epoll reports HUP whatever the mask. A handler may remove the watch or
 * the timeout that it was called for: the descriptor's struct is referenced across the calls and a
 * timeout is armed again before it is handled. What a turn has read is dispatched in the same turn, a
 * bounded number of messages so that others get theirs; a defer source does the rest and whatever was
 * read elsewhere.
 */
#include "daemon/bus/loop.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>

struct loop_fd {
	struct loop *l;
	struct loop_fd *next;
	sd_event_source *src;
	DBusWatch *w[2];
	int fd;
	unsigned int ref;
};

#define LOOP_BATCH 16U /* messages of one turn */

struct loop_timer {
	sd_event_source *src;
	DBusTimeout *t;
};

static uint32_t watch_mask(const struct loop_fd *f)
{
	uint32_t mask = 0;

	for (size_t i = 0; i < ARRAY_LEN(f->w); i++) {
		if (!f->w[i] || !dbus_watch_get_enabled(f->w[i]))
			continue;
		unsigned int flags = dbus_watch_get_flags(f->w[i]);
		if (flags & DBUS_WATCH_READABLE)
			mask |= EPOLLIN;
		if (flags & DBUS_WATCH_WRITABLE)
			mask |= EPOLLOUT;
	}
	return mask;
}

static bool fd_apply(struct loop_fd *f)
{
	uint32_t mask = watch_mask(f);

	if (mask && sd_event_source_set_io_events(f->src, mask) < 0)
		return false;
	return sd_event_source_set_enabled(f->src, mask ? SD_EVENT_ON : SD_EVENT_OFF) >= 0;
}

static void fd_unref(struct loop_fd *f)
{
	if (--f->ref)
		return;
	for (struct loop_fd **p = &f->l->fds; *p; p = &(*p)->next)
		if (*p == f) {
			*p = f->next;
			break;
		}
	sd_event_source_disable_unref(f->src);
	free(f);
}

/* arming and disarming costs a turn of sd-event's queues: only when it changes something */
static void arm(struct loop *l, bool on)
{
	if (l->armed == on)
		return;
	l->armed = on;
	(void)sd_event_source_set_enabled(l->defer, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void on_status(DBusConnection *c _unused_, DBusDispatchStatus status, void *user)
{
	struct loop *l = user;

	if (!l->busy) /* NEED_MEMORY stays on: tried again each turn */
		arm(l, status != DBUS_DISPATCH_COMPLETE);
}

static void dispatch(struct loop *l)
{
	DBusConnection *c = dbus_connection_ref(l->c);
	DBusDispatchStatus status = dbus_connection_get_dispatch_status(c);

	for (unsigned int i = 0; i < LOOP_BATCH && status == DBUS_DISPATCH_DATA_REMAINS; i++)
		status = dbus_connection_dispatch(c);
	arm(l, status != DBUS_DISPATCH_COMPLETE);
	dbus_connection_unref(c);
}

static int on_fd(sd_event_source *src _unused_, int fd _unused_, uint32_t events, void *user)
{
	struct loop_fd *f = user;
	struct loop *l = f->l;

	f->ref++;
	l->busy = true;
	for (size_t i = 0; i < ARRAY_LEN(f->w); i++) {
		unsigned int flags = 0;

		if (!f->w[i] || !dbus_watch_get_enabled(f->w[i]))
			continue;
		if (events & EPOLLIN)
			flags |= dbus_watch_get_flags(f->w[i]) & DBUS_WATCH_READABLE;
		if (events & EPOLLOUT)
			flags |= dbus_watch_get_flags(f->w[i]) & DBUS_WATCH_WRITABLE;
		if (events & EPOLLERR)
			flags |= DBUS_WATCH_ERROR;
		if (events & EPOLLHUP)
			flags |= DBUS_WATCH_HANGUP;
		if (flags) /* FALSE is out of memory: the level-triggered event comes again */
			(void)dbus_watch_handle(f->w[i], flags);
	}
	fd_unref(f);
	dispatch(l);
	l->busy = false;
	return 0;
}

static struct loop_fd *fd_of(struct loop *l, int fd)
{
	struct loop_fd *f;

	for (f = l->fds; f; f = f->next)
		if (f->fd == fd && (!f->w[0] || !f->w[1]))
			return f;
	f = calloc(1, sizeof(*f));
	if (!f)
		return NULL;
	*f = (struct loop_fd){.l = l, .fd = fd, .next = l->fds};
	if (sd_event_add_io(l->ev, &f->src, fd, EPOLLIN, on_fd, f) < 0) {
		free(f);
		return NULL;
	}
	(void)sd_event_source_set_description(f->src, "bus");
	l->fds = f;
	return f;
}

static dbus_bool_t watch_add(DBusWatch *w, void *user)
{
	struct loop_fd *f = fd_of(user, dbus_watch_get_unix_fd(w));

	if (!f)
		return FALSE;
	f->ref++;
	f->w[f->w[0] ? 1 : 0] = w;
	dbus_watch_set_data(w, f, NULL);
	return fd_apply(f);
}

static void watch_remove(DBusWatch *w, void *user _unused_)
{
	struct loop_fd *f = dbus_watch_get_data(w);

	if (!f)
		return;
	for (size_t i = 0; i < ARRAY_LEN(f->w); i++)
		if (f->w[i] == w)
			f->w[i] = NULL;
	dbus_watch_set_data(w, NULL, NULL);
	(void)fd_apply(f);
	fd_unref(f);
}

static void watch_toggled(DBusWatch *w, void *user)
{
	struct loop_fd *f = dbus_watch_get_data(w);
	const struct loop *l = user;

	if (f)
		(void)fd_apply(f);
	if (l->drained && dbus_watch_get_flags(w) & DBUS_WATCH_WRITABLE &&
		!dbus_watch_get_enabled(w))
		l->drained(l->user);
}

static uint64_t timer_usec(DBusTimeout *t)
{
	int ms = dbus_timeout_get_interval(t);

	return ms > 0 ? (uint64_t)ms * 1000U : 0;
}

static int on_timer(sd_event_source *src, uint64_t usec _unused_, void *user)
{
	struct loop_timer *t = user;

	/* armed first: the handler may free it */
	(void)sd_event_source_set_time_relative(src, timer_usec(t->t));
	(void)sd_event_source_set_enabled(src, SD_EVENT_ONESHOT);
	(void)dbus_timeout_handle(t->t);
	return 0;
}

static void timer_free(void *user)
{
	struct loop_timer *t = user;

	sd_event_source_disable_unref(t->src);
	free(t);
}

static void timeout_toggled(DBusTimeout *dt, void *user _unused_)
{
	struct loop_timer *t = dbus_timeout_get_data(dt);

	if (!t)
		return;
	(void)sd_event_source_set_time_relative(t->src, timer_usec(dt));
	(void)sd_event_source_set_enabled(
		t->src, dbus_timeout_get_enabled(dt) ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static dbus_bool_t timeout_add(DBusTimeout *dt, void *user)
{
	struct loop *l = user;
	struct loop_timer *t = calloc(1, sizeof(*t));

	if (!t)
		return FALSE;
	t->t = dt;
	if (sd_event_add_time_relative(l->ev, &t->src, CLOCK_MONOTONIC, 0, 1000, on_timer, t) <
		0) {
		free(t);
		return FALSE;
	}
	dbus_timeout_set_data(dt, t, timer_free);
	timeout_toggled(dt, l);
	return TRUE;
}

static void timeout_remove(DBusTimeout *dt, void *user _unused_)
{
	dbus_timeout_set_data(dt, NULL, NULL);
}

static int on_dispatch(sd_event_source *src _unused_, void *user)
{
	struct loop *l = user;

	l->busy = true;
	dispatch(l);
	l->busy = false;
	return 0;
}

int loop_attach(struct loop *l, sd_event *ev, DBusConnection *c)
{
	int r;

	l->ev = ev;
	l->c = c;
	r = sd_event_add_defer(ev, &l->defer, on_dispatch, l);
	if (r < 0)
		return fault(r);
	(void)sd_event_source_set_enabled(l->defer, SD_EVENT_OFF);
	dbus_connection_set_dispatch_status_function(c, on_status, l, NULL);
	if (!dbus_connection_set_watch_functions(
		    c, watch_add, watch_remove, watch_toggled, l, NULL) ||
		!dbus_connection_set_timeout_functions(
			c, timeout_add, timeout_remove, timeout_toggled, l, NULL))
		return fault(-ENOMEM);
	on_status(c, dbus_connection_get_dispatch_status(c),
		l); /* messages may be queued already */
	return 0;
}

void loop_detach(struct loop *l)
{
	if (!l->c)
		return;
	(void)dbus_connection_set_watch_functions(l->c, NULL, NULL, NULL, NULL, NULL);
	(void)dbus_connection_set_timeout_functions(l->c, NULL, NULL, NULL, NULL, NULL);
	dbus_connection_set_dispatch_status_function(l->c, NULL, NULL, NULL);
	l->defer = sd_event_source_disable_unref(l->defer);
	l->armed = false;
	l->c = NULL;
}
