/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The lines of a feed of reimbursements (doc/feed.md): text in, an index by person out. Pure: no
 * clock, no file, no signature. All of it is right, or the first line that is not is named.
 */
#include "base/json.h"

#define FEED_NUMBER 13U /* characters of a NIR without its key */
#define FEED_ID	    64U /* characters of a line's own id, at most */
#define FEED_NAME   200U
#define FEED_DAY    10U /* bytes of YYYY-MM-DD */

struct feed_line {
	char number[FEED_NUMBER + 1U];
	char id[FEED_ID + 1U];
	uint32_t line;	  /* from 1, the header's */
	struct view text; /* borrowed from the content */
};

struct feed_lines {
	char feeder[FEED_NAME * 4U + 1U]; /* as the header says */
	char made[FEED_DAY + 1U];	  /* the same */
	struct feed_line *lines;	  /* owned; by person, then as they came */
	uint32_t n;
	uint32_t persons;
};

#define FEED_LINES_NULL ((struct feed_lines){.lines = NULL})

struct feed_where {
	uint32_t line;	    /* from 1 */
	const char *member; /* static text; json, size, unknown for what is no member */
};

enum feed_lines_outcome {
	FEED_LINES_WRONG = 1, /* @ret_where */
};

/**
 * feed_lines_read() - header and lines of @content, which outlives @ret
 * @latest: the day that no feed can be made after (YYYY-MM-DD), or NULL: the clock was never set
 * @ret:    ended by feed_lines_done(); written only on 0
 *
 * Return: 0, a fault, or WRONG.
 */
int feed_lines_read(struct view content, const char *latest, struct feed_lines *ret,
	struct feed_where *ret_where) _must_check_;
void feed_lines_done(struct feed_lines *f);

/** feed_lines_person() - how many lines from @at on are of the same person. */
uint32_t feed_lines_person(const struct feed_lines *f, uint32_t at);
/** feed_lines_metadata() - lines @at to @at + @n as metadata of documents: a new array. Return: 0 or a
 *  fault. */
int feed_lines_metadata(
	const struct feed_lines *f, uint32_t at, uint32_t n, json_t **ret) _must_check_;
