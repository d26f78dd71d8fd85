/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Failures on demand: the linker sends the calls of the code under test here (--wrap). Every
 * function passes on to the real one unless a test planned otherwise; a plan is used once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum wrap {
	WRAP_MALLOC,
	WRAP_CALLOC,
	WRAP_MMAP,
	WRAP_MADVISE,
	WRAP_MLOCK,
	WRAP_POLL,
	WRAP_READ,
	WRAP_OPEN,
	WRAP_GETRANDOM,
	WRAP_SENDTO,
	WRAP_SENDMSG,
	WRAP_RECVMSG,
	WRAP_MEMFD_CREATE,
	WRAP_FCNTL,
	WRAP_PREAD,
	WRAP_PWRITE,
	WRAP_FSTAT,
	WRAP_ADJTIMEX,
	WRAP_JOURNAL,
	WRAP_COUNT,
};

/** wrap_fail() - after @after calls that pass, one of @w fails with @error. */
void wrap_fail(enum wrap w, unsigned after, int error);
/** wrap_return() - as wrap_fail(), but the call just returns @value. */
void wrap_return(enum wrap w, unsigned after, ssize_t value);
/** wrap_pending() - whether a plan for @w has not been used. */
bool wrap_pending(enum wrap w);
void wrap_clear(void);
/** wrap_aborts() - whether @fn dies of an assertion (in a child, silently). */
bool wrap_aborts(void (*fn)(void));

/* Blocks given to free() or munmap() since wrap_clear(), and how many of them were not all zero. */
extern size_t wrap_freed;
extern size_t wrap_freed_dirty;

/* The level of the control messages that recvmsg() gives; 0: as they are. */
extern int wrap_cmsg_level;

/* What clock_gettime(CLOCK_REALTIME) says; 0 is the real one. */
extern long wrap_wall_seconds;

/* The fields of the last sd_journal_sendv(), a line each. */
extern char wrap_journal[4096];
