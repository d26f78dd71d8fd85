/* SPDX-License-Identifier: EUPL-1.2 */
/* See no-memory.h. */
#include "tests/unit/card/no-memory.h"

#include <errno.h>
#include <stddef.h>

static bool planned;
static bool met;
static unsigned left;

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void *__wrap_malloc(size_t size)
{
	if (planned && left == 0) {
		planned = false;
		met = true;
		errno = ENOMEM;
		return NULL;
	}
	left -= planned ? 1 : 0;
	return __real_malloc(size);
}

void no_memory_after(unsigned n)
{
	planned = true;
	met = false;
	left = n;
}

bool no_memory_met(void)
{
	planned = false;
	return met;
}
