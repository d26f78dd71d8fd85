/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Starting the process of child.c; nobody else includes it. */
#include <sys/types.h>

#include "base/fault.h"

/** child_spawn() - start @program (absolute path) with @link as its descriptor 3.
 *  Return: 0 or a fault (-ENOENT: no such program). */
int child_spawn(const char *program, char *const env[], int link, pid_t *ret_pid) _must_check_;
