/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The log of the tops: one call, one line; to the journal when stderr is the journal, else to
 * stderr as "<priority>text". Never a PIN, a patient's identity, a title or content; callers see
 * to that. Library code does not log.
 */
#include <syslog.h>

#include "base/fault.h"

/** log_open() - @program is the identifier; call once at the top of main. */
void log_open(const char *program);
/** log_msg() - @priority of syslog.h; @name: stable name of the message, lower case, hyphens. */
void log_msg(int priority, const char *name, const char *fmt, ...) _printf_(3, 4);
/** log_fault() - report @r with the trace of the last fault. Return: @r. */
int log_fault(int r, const char *name);
