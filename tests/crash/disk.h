/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The disk that fails on purpose: disk.c is preloaded (LD_PRELOAD) into the service, the dossier's
 * program or drive.c and stands between them, SQLite included, and the files below one folder.
 *
 *   VITALED_DISK          folder; what lies elsewhere is left alone
 *   VITALED_DISK_CONTROL  file of struct disk_control, shared by all processes of one scene
 *   VITALED_DISK_LOG      file to which every change is appended, or absent
 *
 * One record of the log, little endian as the machine is; disk.py reads it:
 *
 *   | size u32 | op u8 | 0 (3) | inode u64 | offset or size u64 | length of path u32, of other u32 |
 *   | path | other |
 *
 * size counts the whole record; paths are relative to the folder; other: the second path, or the
 * bytes of a write.
 */
#include <stdint.h>

enum disk_op {
	DISK_CREATE = 'C',   /* path, inode */
	DISK_MKDIR = 'D',    /* path */
	DISK_WRITE = 'W',    /* inode, offset, bytes */
	DISK_TRUNCATE = 'T', /* inode, size */
	DISK_SYNC = 'S',     /* inode; of a folder: path */
	DISK_UNSYNCED = 'X', /* idem, and it failed: what was written may never arrive */
	DISK_RENAME = 'R',   /* path, other */
	DISK_LINK = 'L',     /* path, other */
	DISK_UNLINK = 'U',   /* path */
	DISK_NOTHING =
		'N', /* one that did not go: there was no such name, or there was one already */
	DISK_MARK = 'A', /* path: what the driver says */
};

enum disk_mode {
	DISK_PLAIN = 0,
	DISK_KILL, /* the process ends at the n-th change: before it, or half of a write done */
	DISK_ONCE, /* the n-th change that can fails with @error */
	DISK_UNTIL, /* and all after it, until @healed */
};

struct disk_control {
	uint64_t count; /* changes so far, of all processes */
	uint64_t nth;	/* from 1 */
	uint32_t mode;	/* enum disk_mode */
	uint32_t error; /* ENOSPC, EROFS, EIO */
	uint32_t healed;
	uint32_t met; /* how often it ended or failed */
};

/* The preloaded library's own; absent where it is not loaded. */
void disk_mark(const char *text) __attribute__((weak));
void disk_heal(void) __attribute__((weak)); /* nothing fails from now on */
