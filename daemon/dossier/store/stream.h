/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Contents on their way: from a client's pipe into the file, and from the file into a pipe. Both
 * move one chunk at a time and never wait: the loop calls a step when the pipe is ready.
 */
#include "daemon/dossier/store/document.h"

#define STREAM_STALL (30ULL * 1000000ULL) /* us without a byte moved */

struct inflow {
	int fd; /* owned; -1: none */
	uint64_t deadline;
	json_t *metadata;
	json_t *author;
	char replaces[STORE_ID + 1];	/* "": nothing */
	struct store_document document; /* id and seq; its record comes at the end */
	struct store_content content;
	uint8_t salt[DOCUMENT_SALT];
	struct buf chunk;
	uint32_t number;
	uint64_t size; /* announced */
	uint64_t total;
	struct seal_digest digest;
};

#define INFLOW_NULL                                                                            \
	((struct inflow){                                                                      \
		.fd = -1, .document = STORE_DOCUMENT_NULL, .chunk = BUF_NULL(STORE_CHUNK)})

/** inflow_start() - begin the transaction. @fd is taken; @metadata has been checked, both are shared.
 *  @replaces: id of the document that it takes the place of, or "".
 *  Return: 0, a fault, or an outcome; then nothing has begun (but inflow_done() is due). */
int inflow_start(struct inflow *in, struct store *s, int fd, json_t *metadata, json_t *author,
	const char *replaces) _must_check_;
/** inflow_step() - read what is there. @ret_done: committed, @in->document.id tells the id.
 *  Return: 0, a fault, or an outcome: the change is rolled back. */
int inflow_step(struct inflow *in, struct store *s, bool *ret_done) _must_check_;
void inflow_done(struct inflow *in, struct store *s); /* rolls back what is not committed */

struct outflow {
	int fd; /* owned; -1: none */
	uint64_t deadline;
	struct store_content content;
	struct buf chunk;
	size_t sent;	 /* bytes of @chunk */
	uint32_t number; /* of @chunk */
	uint32_t n;
};

#define OUTFLOW_NULL ((struct outflow){.fd = -1, .chunk = BUF_NULL(STORE_CHUNK)})

/** outflow_start() - check that all chunks are there and the first is whole, make the pipe.
 *  @ret_fd: its end to read from. Return: 0, a fault or DOSSIER_DAMAGED. */
int outflow_start(struct outflow *out, struct store *s, const struct store_document *d,
	const json_t *record, int *ret_fd) _must_check_;
/** outflow_step() - write what fits. @ret_done: all written, or the reader has left.
 *  Return: 0, a fault or DOSSIER_DAMAGED: nothing of the damaged chunk was written. */
int outflow_step(struct outflow *out, struct store *s, bool *ret_done) _must_check_;
void outflow_done(struct outflow *out);
