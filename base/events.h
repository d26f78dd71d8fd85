/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The loop of a process that systemd starts.
 */
#include <signal.h>
#include <systemd/sd-event.h>

#include "base/fault.h"

/**
 * events_new() - a loop that SIGTERM and SIGINT end and that feeds systemd's watchdog where that asks for it
 * @also: more signals that shall come through the loop: blocked, and the caller's to add
 * @ret_ev: the caller's
 *
 * SIGPIPE is ignored. Signals stay blocked for the process's life, and reach no thread that is made later.
 * Return: 0 or a fault.
 */
int events_new(const sigset_t *also, sd_event **ret_ev) _must_check_;

static inline void events_put(sd_event **ev)
{
	(void)sd_event_unref(*ev);
}
