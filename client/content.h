/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Contents of documents and other bytes that travel by file descriptor: copied once into a memfd of
 * ours, so that what was hashed is what is sent, and what is shown or saved is what was checked.
 */
#include "base/json.h"

#define CONTENT_MAX ((size_t)256 * 1024 * 1024) /* bytes of a document (design: Documents) */

struct content {
	uint8_t *map; /* wiped and unmapped by content_done() */
	size_t size;
	char sha256[65]; /* lower case hexadecimal */
};

#define CONTENT_NULL ((struct content){0})

enum content_outcome {
	CONTENT_LARGE = 1, /* more than CONTENT_MAX */
	CONTENT_LATE,	   /* the deadline passed before end of file */
	CONTENT_SEALS,	   /* not a sealed memfd */
	CONTENT_FACTS,	   /* the facts name no size or no hash */
	CONTENT_SIZE,	   /* another size than the facts say: cut, or more */
	CONTENT_HASH,	   /* other bytes than the facts say */
	CONTENT_CUT,	   /* the archive has no end: something broke off */
};

/** content_read() - everything from @fd (file or pipe) up to its end, by @deadline (monotonic us).
 *  Return: 0, a fault, CONTENT_LARGE or CONTENT_LATE. */
int content_read(int fd, uint64_t deadline, struct content *ret) _must_check_;
/** content_file() - content_read() of the file @path ("-" is standard input). */
int content_file(const char *path, struct content *ret) _must_check_;
/** content_memfd() - a sealed memfd (SHRINK, GROW and WRITE sealed) of at most @max bytes.
 *  Return: 0, a fault, CONTENT_SEALS or CONTENT_LARGE. */
int content_memfd(int fd, size_t max, struct content *ret) _must_check_;
void content_done(struct content *c);
struct view content_view(const struct content *c);
/** content_check() - against size and sha256 of @facts. Return: 0 or an outcome from FACTS on. */
int content_check(const struct content *c, const json_t *facts) _must_check_;
/** content_save() - in the new file @path, mode 0600; an existing one is -EEXIST, a half-written
 *  one is removed. */
int content_save(struct view bytes, const char *path) _must_check_;
/* so much of it is written; may be NULL */
typedef void (*content_some_fn)(void *user, uint64_t size);

/** content_archive() - a ZIP from the pipe @fd into the new file @path as content_save() makes one,
 *  however large; @pause_us: how long nothing may come. Without an end record (PKWARE APPNOTE 4.3.16)
 *  that is the end of all that came it was cut. Return: 0, a fault, CONTENT_LATE or CONTENT_CUT; then
 *  there is no file. */
int content_archive(int fd, const char *path, uint64_t pause_us, content_some_fn some,
	void *user, uint64_t *ret_size) _must_check_;
/** content_explain() - one translated sentence for @outcome. */
const char *content_explain(int outcome);
