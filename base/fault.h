/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The error contract of the whole tree.
 *
 * Every function that can fail returns int. 0: done. Negative: a fault, -errno, something we did
 * not expect; born with fault(-ENOMEM), passed on with trace(r), never matched by callers.
 * Positive: an outcome of that function's documented enum; the caller handles it and never
 * forwards it. The trace of the last fault stays in a small ring that the top logs once.
 */
#include <stddef.h>

#define _must_check_   __attribute__((warn_unused_result))
#define _cleanup_(fn)  __attribute__((cleanup(fn)))
#define _printf_(f, a) __attribute__((format(printf, f, a)))
#define _unused_       __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/** fault() - give birth to a fault: @r is negative; remembers where. Return: @r. */
#define fault(r) fault_at((r), __FILE__, __LINE__)

/** trace() - pass a result on: a negative @r remembers the place. Return: @r. */
#define trace(r) trace_at((r), __FILE__, __LINE__)

int fault_at(int r, const char *file, int line) _must_check_;
int trace_at(int r, const char *file, int line) _must_check_;

/**
 * fault_describe() - the places of the last fault, "file:line < file:line"
 * @text:  receives at most @size bytes, always NUL-terminated
 * @size:  bytes at @text, at least 1
 */
void fault_describe(char *text, size_t size);
