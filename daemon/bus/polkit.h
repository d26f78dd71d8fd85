/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Asking polkit whether the sender of a call may do an action. */
#include "daemon/bus/peers.h"

#define POLKIT_OPEN	      "org.vitaled1.session.open"
#define POLKIT_OPEN_IDENTITY  "org.vitaled1.session.open-identity"
#define POLKIT_OPEN_EMERGENCY "org.vitaled1.session.open-emergency"
#define POLKIT_EXCEED	      "org.vitaled1.session.exceed-emergencies"
#define POLKIT_LEND	      "org.vitaled1.reader.lend"
#define POLKIT_AUDIT_READ     "org.vitaled1.audit.read"
#define POLKIT_FEED_IMPORT    "org.vitaled1.feed.import"

/**
 * polkit_check() - ask about @call's sender; never blocks
 * @allowed: runs once when the answer is yes and then owns the call; any other answer ends it:
 *           no = AccessDenied, needs a person = InteractionRequired, too many checks =
 *           LimitsExceeded; anything else grants nothing, is never a "no", and ends in Failed
 *           with its cause: "polkit absent NAME", "polkit left", "polkit timeout", "polkit error
 *           NAME", "polkit malformed", "polkit stranger" (NAME: of the error that came).
 */
void polkit_check(struct call *call, const char *action, call_fn allowed);
int polkit_start(struct bus *b) _must_check_; /* learn who owns polkit's name, now and later */
void polkit_owner(
	struct bus *b, const char *name, const char *owner); /* a name changed hands */
void polkit_stop(struct bus *b);
void polkit_cancel(struct call *call); /* the caller left: also tells polkit */

/* -- a question that no call waits for (exceed.c) -- */

/** polkit_question() - CheckAuthorization of the connection @name. @ret_id: for polkit_withdraw().
 *  Return: the message, or NULL: no memory. */
DBusMessage *polkit_question(
	struct bus *b, const char *name, const char *action, bool person, char ret_id[24]);
/** polkit_said_yes() - anything else in @reply (may be NULL) grants nothing. */
bool polkit_said_yes(const struct bus *b, DBusMessage *reply);
void polkit_withdraw(struct bus *b, const char *id);
