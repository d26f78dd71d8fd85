/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the files of this room share: the bus itself. */
#include "daemon/bus/bucket.h"
#include "daemon/bus/bus.h"
#include "daemon/bus/loop.h"
#include "daemon/bus/quota.h"
#include "daemon/bus/wire.h"

#define BUS_NAME  "org.vitaled1"
#define BUS_ROOT  "/org/vitaled1"
#define BUS_AGENT "org.vitaled1.Agent"

#define PEERS_HASHED 256U /* chains of peers.c; a power of two */

struct peer;
struct agent;
struct ask;
struct object;
struct exceed;

struct bus {
	sd_event *ev;
	DBusConnection *c;
	struct loop loop;
	struct bus_rooms rooms;
	bool serving;

	struct peer *peers;			/* peers.c */
	struct peer *peers_named[PEERS_HASHED]; /* the same, by a hash of the name */
	size_t n_peers;
	uint64_t peer_clock;  /* counts calls, for the least recently used */
	struct quotas quotas; /* what callers make us hold */

	struct agent *agents; /* agents.c */
	uint64_t agent_seq;
	struct ask *asks; /* ask.c, oldest first */

	struct object *objects; /* objects.c */
	sd_event_source *flush; /* tells what changed, once a turn */
	bool held;		/* not all: LIMIT_OUTGOING was reached */

	struct exceed *exceeds; /* exceed.c */

	uint64_t check_seq;	       /* polkit.c */
	DBusPendingCall *polkit_asked; /* who owns polkit's name */
	char polkit[256];	       /* its unique name, or empty */

	struct buckets records, dossiers, costly; /* dispatch.c */

	struct sleeper *sleeper; /* sleep.c */
	char *rejected;		 /* configure.c: where a new configuration is wrong; or NULL */
};

/** bus_send() - send and free what @w holds; nothing is sent when building it failed. */
void bus_send(struct bus *b, struct wire *w);
/** bus_notify() - the same for what may be lost: nothing is sent past LIMIT_OUTGOING.
 *  Return: whether it was sent. */
bool bus_notify(struct bus *b, struct wire *w);
bool bus_congested(const struct bus *b); /* LIMIT_OUTGOING is reached */
