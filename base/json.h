/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * JSON by jansson, and the canonical form of RFC 8785 restricted to integers (no reals: they are
 * refused). json_setup() makes jansson wipe every block that it frees, so that no identity stays
 * in the heap; call it at the top of main in every program.
 */
#include <jansson.h>

#include "base/buf.h"

static inline void json_put(json_t **j)
{
	json_decref(*j);
	*j = NULL;
}

#define _cleanup_json_ _cleanup_(json_put)

enum json_outcome {
	JSON_INVALID = 1, /* not JSON, duplicate members, reals, too deep (32) or too large */
	JSON_MISSING,	  /* member absent or of another type */
};

void json_setup(void);
/** json_parse() - strict UTF-8, no duplicates, no NUL, depth <= 32. */
int json_parse(struct view text, json_t **ret) _must_check_;
/** json_canonical() - RFC 8785: members sorted by UTF-16 units, shortest escapes, no blanks.
 *  Return: 0, a fault, or JSON_INVALID for a real number. */
int json_canonical(const json_t *j, struct buf *out) _must_check_;
/** json_pretty() - two blanks of indent, for people. */
int json_pretty(const json_t *j, struct buf *out) _must_check_;
/** json_get_str() - borrowed text of member @name, NULL when absent or no string. */
const char *json_get_str(const json_t *object, const char *name);
/** json_get_int() - member @name as an integer in [min, max]. Return: 0 or JSON_MISSING. */
int json_get_int(const json_t *object, const char *name, int64_t min, int64_t max,
	int64_t *ret) _must_check_;
bool json_get_bool(const json_t *object, const char *name); /* absent: false */
/** json_text_fits() - 1 to @max characters (not bytes) and no control characters: C0, DEL, C1. @text
 *  is UTF-8, as every text of a json_parse(). */
bool json_text_fits(const char *text, size_t max);
/** json_set() - put @value (stolen, also on failure) under @name. Return: 0 or -ENOMEM. */
int json_set(json_t *object, const char *name, json_t *value) _must_check_;

/** json_read_fd() - a sealed memfd of at most @max bytes (SHRINK, GROW and WRITE sealed) as JSON.
 *  Return: 0, a fault, or JSON_INVALID for any other kind of descriptor or content. */
int json_read_fd(int fd, size_t max, json_t **ret) _must_check_;
/** json_read_text() - the same descriptor, whatever bytes it holds, appended to @out. */
int json_read_text(int fd, size_t max, struct buf *out) _must_check_;
/** json_memfd_text() - @text as it is in a new sealed memfd (CLOEXEC) that the caller owns. */
int json_memfd_text(struct view text, const char *name, int *ret_fd) _must_check_;
/** json_memfd() - the canonical text of @j in a new sealed memfd (CLOEXEC) that the caller owns. */
int json_memfd(const json_t *j, const char *name, int *ret_fd) _must_check_;
