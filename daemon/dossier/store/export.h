/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Everything of a dossier as one ZIP on its way into a pipe (doc/export.md). It is made a piece at a
 * time, when the pipe has taken the piece before: a chunk of a content, checked; one document's line of
 * the index; 64 KiB of the history. Nothing waits but the reader.
 */
#include "daemon/dossier/store/document.h"

#define EXPORT_NAME "vitaled dossier export"

enum export_stage {
	EXPORT_README = 0,
	EXPORT_HISTORY,
	EXPORT_CONTENTS,
	EXPORT_INDEX,
	EXPORT_CLOSE,
	EXPORT_OVER,
};

struct archive;

struct export
{
	int fd; /* owned; -1: none */
	uint64_t deadline;
	struct archive *zip;
	struct buf made; /* by the archive, and not yet written */
	size_t sent;	 /* bytes of @made */
	json_t *ids;	 /* owned; in the order in which they are told */
	uint8_t *
		kinds; /* of each: 0 without a content in the ZIP, else 1 + index of its kind */
	size_t at;     /* of @ids */
	int history;   /* owned; sealed memfd, or -1 */
	uint64_t now;  /* wall clock, us */
	enum export_stage stage;
	bool listed;  /* the index has a document */
	bool gone;    /* what it was writing was deleted */
	bool entered; /* the entry of this stage, or of this content, has begun */
	struct store_content content;
	uint32_t number; /* of the next chunk */
	uint32_t n;
	struct buf chunk;
};

#define EXPORT_NULL                                                                            \
	((struct export){.fd = -1,                                                             \
		.history = -1,                                                                 \
		.made = BUF_NULL(64U * 1024U * 1024U),                                         \
		.chunk = BUF_NULL(STORE_CHUNK)})

/** export_setup() - times in the ZIP are UTC: no file of time zones is read later. Before the filter. */
int export_setup(void) _must_check_;
/** export_start() - @ids (array) and @history (descriptor) are taken, also on failure. @ret_fd: the
 *  pipe's end to read from. Return: 0 or a fault. */
int export_start(
	struct export *x, struct store *s, json_t *ids, int history, int *ret_fd) _must_check_;
/** export_step() - make and write what fits. @ret_done: all written, or the reader has left.
 *  Return: 0, a fault or DOSSIER_DAMAGED: nothing of the damaged chunk or record was written. */
int export_step(struct export *x, struct store *s, bool *ret_done) _must_check_;
/** export_check() - something was deleted: when it is what is being written, the next step ends it. */
void export_check(struct export *x, struct store *s);
void export_done(struct export *x);
