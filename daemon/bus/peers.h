/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Who calls: one peer per unique name, with the uid that the bus vouches for, and the calls of it
 * that wait. When the name leaves, everything of it goes in the same turn of the loop.
 */
#include "daemon/bus/table.h"

struct peer {
	struct bus *b;
	struct peer *next;
	struct peer *next_named; /* in the chain of its hash */
	char *name;
	uid_t uid;		 /* when known */
	bool known;		 /* the credentials have come */
	bool gone;		 /* has left: nothing is sent any more */
	struct quota_user *user; /* NULL: not known */
	struct quota_load load;	 /* what this connection makes us hold */
	struct handed *handed;	 /* descriptors that it has not closed yet */
	unsigned int n_objects;	 /* sessions and leases of it */
	uint64_t used;
	DBusPendingCall *asking; /* GetConnectionCredentials */
	struct call *calls;	 /* waiting or running, oldest first */
};

/** struct call - one method call; owned by its peer, ended by exactly one call_reply()/call_fail(). */
struct call {
	struct bus *b;
	struct peer *peer;
	struct call *next;
	DBusMessage *m;
	struct quota_load weight; /* what it takes to let it wait */
	struct quota_load load;	  /* what was taken for it */
	const struct method *method;
	const struct object *object; /* during fn() only: a call that waits finds it again */
	uint32_t session;	     /* id of the session that the call needs, else 0 */
	uint32_t card;		     /* a PIN job that waits: id of its card */
	call_fn forget; /* while a room below works for it: tells that room to forget it */
	DBusPendingCall *check; /* polkit */
	char check_id[24];
	call_fn allowed; /* what goes on when polkit said yes */
	void *data;	 /* what a handler keeps while it waits */
	void (*data_free)(void *data);
	int fds[2]; /* kept open for the call; -1 */
};

/** peers_take() - a method call that came in: takes a reference, runs it now or later. */
int peers_take(struct bus *b, DBusMessage *m) _must_check_;
/** peers_refuse() - an error to a call that is not taken; @detail: as call_fail(), or NULL. */
void peers_refuse(struct bus *b, DBusMessage *m, enum vitaled_reason r, const char *detail);
struct peer *peers_find(struct bus *b, const char *name);
void peers_left(struct bus *b, const char *name);
void peers_free(struct bus *b);
/** peer_take() - @n more of @kind held for this peer. Return: whether it fits. */
bool peer_take(struct peer *p, enum quota kind, uint32_t n) _must_check_;
bool peer_fits(const struct peer *p, enum quota kind, uint32_t n);
void peer_give(struct peer *p, enum quota kind, uint32_t n);
/** call_take() - the same for a call, until it ends. */
bool call_take(struct call *call, enum quota kind, uint32_t n) _must_check_;
void call_give(struct call *call, enum quota kind);
/** call_hold() - take all that it weighs. Return: the name of the quota that has no room, or NULL. */
const char *call_hold(struct call *call) _must_check_;

void call_reply(struct call *call, struct wire *w); /* takes @w; ends @call */
void call_done(struct call *call);		    /* an empty reply; ends @call */
void call_error(struct call *call, const char *name, const char *text);
void call_end(struct call *call); /* without any reply: the caller has left */
/** calls_of_session() - end the waiting calls that need session @id with WrongState. */
void calls_of_session(struct bus *b, uint32_t id);
/** calls_abandon() - end the calls that wait for a room with @forget, with Failed. */
void calls_abandon(struct bus *b, call_fn forget);
