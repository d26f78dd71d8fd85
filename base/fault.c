/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The trace of the last fault: a fixed ring per thread, without allocation, so that it also works
 * when memory is out. The birthplace is never overwritten; of the places that passed the fault on
 * the latest stay. Only pointers to the compiler's own file names are kept.
 */
#include "base/fault.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define MAX_PASSED 7U

struct place {
	const char *file;
	int line;
};

static _Thread_local struct {
	struct place born;
	struct place passed[MAX_PASSED];
	size_t n_passed; /* all of them, also those overwritten */
} last;

int fault_at(int r, const char *file, int line)
{
	assert(r < 0);
	last.born = (struct place){.file = file, .line = line};
	last.n_passed = 0;
	return r;
}

int trace_at(int r, const char *file, int line)
{
	if (r < 0) {
		last.passed[last.n_passed % MAX_PASSED] =
			(struct place){.file = file, .line = line};
		last.n_passed++;
	}
	return r;
}

/* The file with its room only: "base/buf.c" of "../src/base/buf.c". */
static const char *short_name(const char *file)
{
	unsigned slashes = 0;
	const char *name = file + strlen(file);

	while (name > file) {
		if (name[-1] == '/' && ++slashes == 2) {
			break;
		}
		name--;
	}
	return name;
}

/* Append to @text; false when it is full, in which case it ends with what fitted. */
static bool append(char *text, size_t size, const char *before, const struct place *p)
{
	size_t used = strlen(text);
	int n;

	n = snprintf(text + used, size - used, "%s%s:%d", before, short_name(p->file), p->line);
	return n >= 0 && (size_t)n < size - used;
}

void fault_describe(char *text, size_t size)
{
	size_t from = last.n_passed > MAX_PASSED ? last.n_passed - MAX_PASSED : 0;
	const char *before = "";
	bool room = true;

	assert(size > 0);
	text[0] = '\0';
	if (last.born.file) {
		room = append(text, size, before, &last.born);
		before = from > 0 ? " < ... < " : " < ";
	}
	for (size_t i = from; room && i < last.n_passed; i++) {
		room = append(text, size, before, &last.passed[i % MAX_PASSED]);
		before = " < ";
	}
}
