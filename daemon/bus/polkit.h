/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Asking polkit whether the sender of a call may do an action. */
#include "daemon/bus/peers.h"

#define POLKIT_OPEN	      "org.vitaled1.session.open"
#define POLKIT_OPEN_IDENTITY  "org.vitaled1.session.open-identity"
#define POLKIT_OPEN_EMERGENCY "org.vitaled1.session.open-emergency"
#define POLKIT_LEND	      "org.vitaled1.reader.lend"
#define POLKIT_AUDIT_READ     "org.vitaled1.audit.read"

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
