/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * One private connection to the system bus, driven by a poll loop of ours: calls wait in that loop,
 * so that signals are delivered in the order in which the bus sent them, before and after a reply.
 * Signals INT, TERM and HUP end every wait (after conn_catch_signals()).
 */
#include <dbus/dbus.h>
#include <poll.h>

#include "base/json.h"

#define CONN_NAME	"org.vitaled1"
#define CONN_ROOT	"/org/vitaled1"
#define CONN_FAR	UINT64_MAX /* a deadline that never comes */
#define CONN_EXTRA_MAX	2U	   /* descriptors waited for beside the bus */
#define CONN_PROPERTIES "org.freedesktop.DBus.Properties"

/** struct conn_failure - an error reply: its D-Bus name, and its text (for the technician). */
struct conn_failure {
	char name[128];
	char detail[384];
};

/** conn_message_fn - a signal of the service or of the bus, or anybody's call, that came in; true when
 *  it was dealt with. Signals of others are dropped before. */
typedef bool (*conn_message_fn)(void *user, DBusMessage *m);

struct conn {
	DBusConnection *bus;
	conn_message_fn fn;
	void *user;
	char owner[256];	     /* of the service's name, by the bus's order; "": nobody */
	void (*waiting)(void *user); /* four times a second while a call waits; NULL: nothing */
	void *waiting_user;
};

enum conn_outcome {
	CONN_FAILED = 1, /* ret_f says how */
	CONN_LATE,	 /* conn_turn(): the deadline passed */
	CONN_GONE,	 /* conn_turn(): the bus closed the connection */
	CONN_STOPPED,	 /* conn_turn(): a signal asked us to end */
};

/**
 * conn_open() - connect; subscribe to the service's signals and to its coming and going
 * @fn: may be NULL. @c must stay where it is until conn_close().
 *
 * Return: 0, a fault or CONN_FAILED.
 */
int conn_open(struct conn *c, conn_message_fn fn, void *user,
	struct conn_failure *ret_f) _must_check_;
void conn_close(struct conn *c);
void conn_catch_signals(void); /* once, at the top of main */

/** conn_turn() - wait for the bus or for @extra (revents are filled), dispatch what came.
 *  @deadline: CLOCK_MONOTONIC us. Return: 0, a fault, CONN_LATE, CONN_GONE or CONN_STOPPED. */
int conn_turn(
	struct conn *c, struct pollfd *extra, size_t n_extra, uint64_t deadline) _must_check_;

/** conn_method() - a new call to the service, interactive authorisation allowed; NULL: no memory.
 *  @interface: short name behind "org.vitaled1." ("Session"), or a full one with a dot. */
DBusMessage *conn_method(const char *path, const char *interface, const char *member);

/** struct conn_feed - bytes to write into a pipe while a call waits; fd -1: none. */
struct conn_feed {
	int fd; /* write end, owned: closed when all is written or the call ended */
	struct view left;
};

/**
 * conn_call() - send @call and wait for its reply
 * @call:   owned by this function; NULL gives -ENOMEM, so that builders need no check
 * @feed:   or NULL
 * @ret_reply: owned by the caller; may be NULL
 *
 * Return: 0, a fault or CONN_FAILED.
 */
int conn_call(struct conn *c, DBusMessage *call, unsigned int timeout_s, struct conn_feed *feed,
	struct conn_failure *ret_f, DBusMessage **ret_reply) _must_check_;
/** conn_get_all() - the properties of one interface as an object. */
int conn_get_all(struct conn *c, const char *path, const char *interface,
	struct conn_failure *ret_f, json_t **ret) _must_check_;
/** conn_objects() - what GetManagedObjects tells: object paths to interfaces to properties. */
int conn_objects(struct conn *c, struct conn_failure *ret_f, json_t **ret) _must_check_;
/** conn_number() - "3" of "/org/vitaled1/card/3"; borrowed. */
const char *conn_number(const char *path);
/** conn_reply_json() - the JSON of the one sealed memfd in a reply.
 *  A reply of another kind is CONN_FAILED with the name Failed. */
int conn_reply_json(DBusMessage *reply, struct conn_failure *ret_f, json_t **ret) _must_check_;
void conn_fail(struct conn_failure *f, const char *name, const char *detail);
void conn_message_put(DBusMessage **m); /* for _cleanup_ */
