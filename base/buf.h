/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Bytes. A view borrows, a buf owns and grows up to a limit and wipes whatever it gives back, a
 * reader walks over a view and cannot leave it. Both buf and reader have a sticky failure flag:
 * build or read all, check once. memcpy stands in buf.c only.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

/** struct view - borrowed bytes; valid as long as what they were borrowed from. */
struct view {
	const uint8_t *data;
	size_t len;
};

#define VIEW_NULL      ((struct view){.data = NULL, .len = 0})
/** VIEW() - a view of an array (not of a pointer). */
#define VIEW(array)    ((struct view){.data = (const uint8_t *)(array), .len = sizeof(array)})
/** VIEW_TEXT() - a view of a string literal without its NUL. */
#define VIEW_TEXT(lit) ((struct view){.data = (const uint8_t *)(lit), .len = sizeof(lit) - 1})

struct view view_of(const void *data, size_t len);
struct view view_str(const char *text); /* without the NUL; NULL is empty */
struct view view_sub(struct view v, size_t from, size_t len); /* clipped to @v */
struct view view_last(struct view v, size_t len);	      /* the last @len bytes or all */
bool view_equal(struct view a, struct view b);		      /* not constant time */

/** struct buf - owned, growing bytes; wiped on growth and by buf_done(). */
struct buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	size_t max;
	int failed; /* 0, -ENOMEM, or -EMSGSIZE once @max was passed; sticky */
};

/** BUF_NULL() - an empty buf that may grow to @limit bytes. */
#define BUF_NULL(limit) ((struct buf){.max = (limit)})

void buf_done(struct buf *b);  /* wipes, frees; @b is empty and usable again */
void buf_reset(struct buf *b); /* wipes the content, keeps the limit, clears the failure */
void buf_put(struct buf *b, const void *data, size_t len);
void buf_put_view(struct buf *b, struct view v);
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v); /* big endian, as all below */
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_str(struct buf *b, const char *text); /* without the NUL */
void buf_printf(struct buf *b, const char *fmt, ...) _printf_(2, 3);
void buf_insert(struct buf *b, size_t at, const void *data, size_t len); /* @at <= len */
void buf_truncate(struct buf *b, size_t len);	/* wipes the tail; longer than len: no effect */
uint8_t *buf_extend(struct buf *b, size_t len); /* @len zero bytes to fill, or NULL (failed) */

/** buf_check() - Return: 0, or the sticky failure as a fault. */
int buf_check(const struct buf *b) _must_check_;
struct view buf_view(const struct buf *b); /* borrowed until the next change */
char *buf_take_str(
	struct buf *b); /* NUL-terminated malloc'ed text, NULL on failure; empties @b */

/** struct reader - bounded forward reads; failed is sticky, failed reads yield zeros. */
struct reader {
	const uint8_t *data;
	size_t left;
	bool failed;
};

struct reader reader_of(struct view v);
uint8_t reader_u8(struct reader *r);
uint16_t reader_u16(struct reader *r);
uint32_t reader_u32(struct reader *r);
uint64_t reader_u64(struct reader *r);
struct view reader_take(struct reader *r, size_t len); /* exactly @len or failed */
struct view reader_rest(struct reader *r);

/** bytes_copy() - copy @len bytes into @to of @size bytes; a longer @from is an own bug (assert). */
void bytes_copy(void *to, size_t size, const void *from, size_t len);
/** view_copy() - copy @v to @to when it fits. Return: 0, or -EMSGSIZE. */
int view_copy(struct view v, void *to, size_t size) _must_check_;
/** view_copy_str() - copy @v to @to as a NUL-terminated string, refusing NUL inside. */
int view_copy_str(struct view v, char *to, size_t size) _must_check_;
void wipe(void *data, size_t len); /* explicit_bzero that takes NULL */
