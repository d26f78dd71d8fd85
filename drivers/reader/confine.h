/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What a process that talks to cards gives up before its first foreign byte: the list of system
 * calls that stay, by seccomp; everything else kills the process. The two programs differ by a few
 * calls, which each names and justifies in its own table.
 */
#include <stdnoreturn.h>

#include "base/fault.h"

#define CONFINE_ANY_FD (-1)

/** struct confine_rule - one system call that stays, for one descriptor (argument 0) or for any. */
struct confine_rule {
	int call; /* SCMP_SYS(...) */
	int fd;	  /* or CONFINE_ANY_FD */
};

/** confine_start() - first lines of main: base/restrain.h with the limits of both programs. */
int confine_start(void) _must_check_;

/** confine_exit() - leave at once: exit() would run handlers that the filter does not allow. */
noreturn void confine_exit(int status);

/**
 * confine_load() - load the filter: the calls that every card process needs (memory, time, leaving,
 * the link and the socket of pcscd) and @rules. Builds with sanitizers or coverage only log
 * (VITALED_FILTER_LOGS) and say so on standard error.
 * @link:  the descriptor of base/link.h
 * @pcsc:  pcscd's socket, -1 when there is none
 */
int confine_load(int link, int pcsc, const struct confine_rule *rules, size_t n) _must_check_;
