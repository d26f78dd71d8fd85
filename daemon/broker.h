/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The rooms of the broker put together. This is the only place where what a lower room asks of an
 * upper one (session_ops, consent_ops, dossier_ops) is tied to who does it.
 */
#include "daemon/bus/bus.h"

struct broker;

enum broker_outcome {
	BROKER_MISCONFIGURED =
		1, /* another key or origin than before, or damage; starting again is no help */
};

/** broker_new() - build every room, in the order in which they need each other, and take the
 *  name on the bus. @config was read from @path (NULL: the default file) and is changed when SIGHUP has
 *  it read anew; both outlive the broker. SIGHUP must be blocked. Return: 0, a fault or
 *  BROKER_MISCONFIGURED; the cause is in the log. */
int broker_new(sd_event *ev, struct config *config, const char *path,
	struct broker **ret) _must_check_;
/** broker_free() - lock all sessions, end every child, in the reverse order. Takes NULL. */
struct broker *broker_free(struct broker *b);
