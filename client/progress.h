/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * That something is still going on, on standard error: at a terminal one line that is written anew,
 * after a second of silence and then four times a second; into a file a line every ten seconds; with
 * --json nothing.
 */
#include <stdio.h>

#include "client/ctl.h"

struct progress {
	FILE *to;
	uint64_t begun; /* monotonic us, as the next */
	uint64_t next;
	bool quiet;
	bool terminal;
	bool shown;
};

void progress_begin(struct progress *p, const struct ctl *ctl);
/** progress_due() - whether it is time to tell again. */
bool progress_due(const struct progress *p);
/** progress_tell() - one line, no newline in it, when it is due. */
void progress_tell(struct progress *p, const char *fmt, ...) _printf_(2, 3);
/** progress_bytes() - so many were written; a content_some_fn with a struct progress. */
void progress_bytes(void *p, uint64_t size);
/** progress_waiting() - an answer is not there yet, since progress_begin(); @p: a struct progress. */
void progress_waiting(void *p);
/** progress_end() - a line at a terminal is taken away. */
void progress_end(const struct progress *p);
