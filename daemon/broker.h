/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The rooms of the broker put together. This is the only place where what a lower room asks of an
 * upper one (session_ops, consent_ops, dossier_ops) is tied to who does it.
 */
#include "daemon/bus/bus.h"

struct broker;

/** broker_new() - build every room, in the order in which they need each other, and take the
 *  name on the bus. @config outlives it. Return: 0 or a fault; the cause is in the log. */
int broker_new(sd_event *ev, const struct config *config, struct broker **ret) _must_check_;
/** broker_free() - lock all sessions, end every child, in the reverse order. Takes NULL. */
struct broker *broker_free(struct broker *b);
