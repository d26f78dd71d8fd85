/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A private dbus-daemon with the bus policy of systemd/org.vitaled1.conf, the bus under test on an
 * event loop, and any number of clients in the same process, each with a uid of its own when the test
 * runs as root. polkit is one of the clients.
 */
#include <dbus/dbus.h>

#include "tests/unit/bus/fakes.h"

struct client {
	DBusConnection *c;
	const char *name;
	DBusMessage *inbox[64]; /* signals and method calls, oldest first */
	size_t n;
};

enum bed_polkit {
	BED_POLKIT_YES = 0,
	BED_POLKIT_NO,
	BED_POLKIT_CHALLENGE,
	BED_POLKIT_ERROR,
	BED_POLKIT_BROKEN,
	BED_POLKIT_HANGS,
};

struct bed {
	sd_event *ev;
	struct bus *bus;
	enum bed_polkit polkit;
	size_t n_checks;
	size_t n_cancels;
	char last_action[64];
	char last_subject[64];
	unsigned int last_flags;
	uint32_t last_serial; /* of the last check */
	char last_sender[32]; /* the service's unique name */
	unsigned int faster;  /* timers are this many times faster */
	uint64_t patience;    /* us that a client waits for an answer or a signal */
};

extern struct bed bed;

/** bed_start() - once: dbus-daemon, polkit. @open: the policy lets every call through to the
 *  service, and answers that nobody asked for, so that its own checks are seen. */
void bed_start(bool open);
void bed_stop(void);
void bed_kill(void);	 /* the bus goes away */
void bed_pause(bool on); /* the bus stands still */
void bed_polkit_leaves(void);
void bed_polkit_comes(void); /* another connection than before */
int bed_setup(void **state); /* for each test: a new bus */
int bed_teardown(void **state);
void bed_turn(void); /* everybody does what there is to do */

struct client *client_new(uid_t uid); /* (uid_t)-1: our own */
void client_free(struct client *c);
/** client_send() - @m is taken. */
DBusPendingCall *client_send(struct client *c, DBusMessage *m);
DBusMessage *client_wait(DBusPendingCall *pending); /* NULL: no answer in time */
DBusMessage *client_call(struct client *c, DBusMessage *m);
/** client_take() - the oldest message of that member, waiting for it, or NULL. */
DBusMessage *client_take(struct client *c, const char *member);
bool client_has(const struct client *c, const char *member); /* now */
void client_clear(struct client *c);

/** method() - a call of org.vitaled1; arguments as dbus_message_append_args(), types first. */
DBusMessage *method(const char *path, const char *interface, const char *member, int type, ...);
/** error_of() - name of an error reply without org.vitaled1.Error., "" for a return; frees @m. */
const char *error_of(DBusMessage *m);
