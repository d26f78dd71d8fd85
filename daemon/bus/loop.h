/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* libdbus on the sd-event loop: its watches, timeouts and dispatching become event sources. */
#include <dbus/dbus.h>
#include <stdbool.h>
#include <systemd/sd-event.h>

#include "base/fault.h"

struct loop_fd;

struct loop { /* embedded; zeroed before loop_attach(), but for the next two */
	/* all that was sent is written; or NULL. Called inside libdbus: it may not be called */
	void (*drained)(void *user);
	void *user;
	sd_event *ev;
	DBusConnection *c;
	sd_event_source *defer; /* what a turn left over: cards and timers get their share */
	bool armed;		/* it is on */
	bool busy;		/* a turn of ours dispatches at its end */
	struct loop_fd *fds;
};

/** loop_attach() - run @c by @ev; neither is referenced: loop_detach() before either goes. */
int loop_attach(struct loop *l, sd_event *ev, DBusConnection *c) _must_check_;
void loop_detach(struct loop *l); /* takes one that was never attached */
