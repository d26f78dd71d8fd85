/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* logind's word that the machine goes to sleep and is awake again; of this room only. */
#include "daemon/bus/core.h"

/** sleep_start() - listen to logind and have it wait for us. Return: 0 or a fault. */
int sleep_start(struct bus *b) _must_check_;
void sleep_stop(struct bus *b); /* takes one that was never started */
/** sleep_owner() - NameOwnerChanged of any name: @owner has it now, or nobody (""). */
void sleep_owner(struct bus *b, const char *name, const char *owner);
/** sleep_signal() - any message; what is not logind's PrepareForSleep is left alone. */
void sleep_signal(struct bus *b, DBusMessage *m);
/** sleep_lack() - why logind does not wait for us: "absent", "refused"; NULL: it does, or will. */
const char *sleep_lack(const struct bus *b);
