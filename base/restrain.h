/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What every child process gives up in its first lines, before any system call filter: it dies with
 * its parent, leaves no core, cannot be traced or looked at, gains nothing by exec, starts nothing,
 * and is bounded in descriptors, memory and file size. Filters belong to each program.
 */
#include <stdint.h>

#include "base/fault.h"

/** struct restrain - the most that a program may have; less that it was given stays. */
struct restrain {
	uint64_t files;	 /* descriptors open at a time */
	uint64_t memory; /* bytes of address space */
	uint64_t locked; /* bytes of memory that is not swapped out: secrets, in whole pages */
	uint64_t size;	 /* bytes of a file that it writes, a memfd or its log among them */
};

/**
 * restrain() - as above; private files (umask 077), and EFBIG instead of a signal at @most->size
 *
 * Builds with sanitizers or coverage (VITALED_FILTER_LOGS) map terabytes, fork at their end and write
 * reports: their memory, processes and file sizes stay. Return: 0 or a fault.
 */
int restrain(const struct restrain *most) _must_check_;
