/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What vitaled-dossier gives up. */
#include "base/fault.h"

/** filter_limits() - die with the parent, no dump, no core, resource limits, private files; first
 *  thing of all. */
int filter_limits(void) _must_check_;
/** filter_load_early() - before anything is read: the system calls of an open dossier and those that
 *  open its file; no socket, connect, exec, fork, kill or ptrace. */
int filter_load_early(void) _must_check_;
/** filter_load() - from now on only the system calls that an open dossier needs; see
 *  filter.c. */
int filter_load(void) _must_check_;
