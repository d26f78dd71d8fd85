/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The record's keeping: how long contents stay, what has left the machine, and room for the day
 * when the disk is full. doc/audit.md says what each leaves in the file.
 */
#include "daemon/audit/audit.h"

#define AUDIT_NEVER UINT64_MAX

/* -- retention -- */

/** audit_oldest() - wall clock (us) of the oldest entry whose content is kept and whose clock was
 *  set (LIMIT_CLOCK_SET). Return: 0, a fault or AUDIT_NO_ENTRY. */
int audit_oldest(struct audit *a, uint64_t *ret_wall) _must_check_;
/**
 * audit_prune() - one small step (some milliseconds) of forgetting contents
 * @before: wall clock, us: entries that are older, up to the first one that is not
 *
 * A step begins a pass of at most 1024 entries (an entry "pruned" that names them, and a checkpoint)
 * or takes some of a pass away; one that was begun before the last start is finished first. Leaves
 * stay. The newest version of a dossier is written anew before its entry goes. Entries that were not
 * handed on (audit_sent_begin()) stay, and all do while an export is written.
 * Return: 0 or AUDIT_UNAVAILABLE. @ret_more: whether another step is worth it now.
 */
int audit_prune(struct audit *a, uint64_t before, bool *ret_more) _must_check_;
/** audit_pruned() - wall clock (us) of the newest entry that began a pass; 0: none was ever begun. */
uint64_t audit_pruned(const struct audit *a);
/** audit_first() - entries below were pruned. */
uint64_t audit_first(const struct audit *a);
/** audit_leaf() - leaf hash of any entry. Return: 0, a fault or AUDIT_NO_ENTRY. */
int audit_leaf(struct audit *a, uint64_t index, uint8_t ret[MERKLE_HASH]) _must_check_;

/* -- export in steps (audit_export() runs them all) -- */

struct audit_export;

/** audit_export_new() - begin an export of now into @fd, a file or memfd. Return: 0, a fault or
 *  AUDIT_UNAVAILABLE. */
int audit_export_new(struct audit *a, int fd, struct audit_export **ret) _must_check_;
/** audit_export_step() - some milliseconds' worth. @ret_more: whether there is more. */
int audit_export_step(struct audit_export *x, bool *ret_more) _must_check_;
struct audit_export *audit_export_free(struct audit_export *x);

/* -- handing on -- */

/** audit_sent_begin() - entries are handed on from now on. @ret_next: the first that was not yet;
 *  when none ever was, the first of those written since the record was opened. */
void audit_sent_begin(struct audit *a, uint64_t *ret_next);
/** audit_sent() - those below @next were taken. Kept with later entries and checkpoints, so after a
 *  crash it may be less, never more. */
void audit_sent(struct audit *a, uint64_t next);
/** audit_sent_keep() - write that down now. Return: 0 or AUDIT_UNAVAILABLE. */
int audit_sent_keep(struct audit *a) _must_check_;
/** audit_read() - canonical text of entry @index appended to @out. Return: 0, a fault or
 *  AUDIT_NO_ENTRY (pruned, or not there yet). */
int audit_read(struct audit *a, uint64_t index, struct buf *out) _must_check_;

/* -- the reserve -- */

/**
 * audit_reserve() - keep @bytes of the record's file free for emergencies (all of it) and refusals
 * (half of it); everything else is refused while they are not there
 * @log: bytes that the write-ahead log has in advance
 *
 * Return: 0, or AUDIT_UNAVAILABLE when there is not so much room: then only those are taken.
 */
int audit_reserve(struct audit *a, uint64_t bytes, uint64_t log) _must_check_;
