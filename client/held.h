/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The session that this program holds, as its signals tell it. The session lives as long as the
 * connection; every message that comes in is shown to held_message() first.
 */
#include "client/conn.h"

struct held;
typedef void (*held_changed_fn)(void *user, struct held *h);

struct held {
	struct conn *conn;
	char path[128];	    /* empty before held_open() */
	json_t *properties; /* of org.vitaled1.Session, owned */
	json_t *dossier;    /* of org.vitaled1.Dossier, owned */
	bool gone;	    /* the service left the bus, or the object was removed */
	held_changed_fn changed;
	void *user;
};

/** held_open() - send OpenSession (@call, owned) and take its properties.
 *  Return: 0, a fault or CONN_FAILED. */
int held_open(struct held *h, DBusMessage *call, struct conn_failure *ret_f) _must_check_;
void held_done(struct held *h);
/** held_message() - true when @m was about this session. */
bool held_message(struct held *h, DBusMessage *m);
const char *held_state(const struct held *h);  /* "failed" when gone; never NULL */
const char *held_reason(const struct held *h); /* "" when there is none */
bool held_ended(const struct held *h);	       /* refused, locked, failed, gone */

/* how far a session must have come */
enum held_stage {
	HELD_OPEN = 0, /* anything */
	HELD_CHOICE,   /* waiting-for-choice or beyond */
	HELD_CHOSEN,   /* not (or no more) at a choice */
	HELD_UNLOCKED,
	HELD_ENDED,
};

/** held_reached() - whether the session is at @stage now (an ended one only at OPEN and ENDED). */
bool held_reached(const struct held *h, enum held_stage stage);
/** held_method() - a call on the session's object. Arguments are appended by the caller before
 *  conn_call(). @interface: "Session" or "Dossier". */
DBusMessage *held_method(const struct held *h, const char *interface, const char *member);
