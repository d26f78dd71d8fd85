/* SPDX-License-Identifier: EUPL-1.2 */
/* Counts allocations down; the wrapped functions serve our code, the hooks serve OpenSSL. */
#include "tests/unit/record/failing.h"

#include <openssl/crypto.h>
#include <stddef.h>
#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static bool armed, every, met;
static unsigned int left;

bool failing_allocation(void)
{
	if (!armed || (met && !every))
		return false;
	if (left > 0) {
		left--;
		return false;
	}
	met = true;
	return true;
}

void failing_arm(unsigned int nth, bool forever)
{
	left = nth;
	every = forever;
	met = false;
	armed = true;
}

bool failing_off(void)
{
	armed = false;
	return met;
}

void *__wrap_malloc(size_t size)
{
	return failing_allocation() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return failing_allocation() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return failing_allocation() ? NULL : __real_realloc(p, size);
}

static void *hook_malloc(size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	return size == 0 || failing_allocation() ? NULL : __real_malloc(size);
}

static void *hook_realloc(void *p, size_t size, const char *file, int line)
{
	(void)file;
	(void)line;
	if (size == 0) {
		free(p);
		return NULL;
	}
	return failing_allocation() ? NULL : __real_realloc(p, size);
}

static void hook_free(void *p, const char *file, int line)
{
	(void)file;
	(void)line;
	free(p);
}

void failing_setup(void)
{
	if (CRYPTO_set_mem_functions(hook_malloc, hook_realloc, hook_free) != 1)
		abort();
}
