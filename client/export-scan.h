/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Tokens of an exported record, fast enough for millions of entries: what the service writes is
 * recognised here; anything else that is still JSON is left to base/json.h.
 */
#include "base/buf.h"
#include "record/merkle.h"

#define SCAN_TEXT_MAX (256U * 1024U) /* bytes of one entry's JSON string */

void scan_blanks(struct reader *r);
/** scan_take() - whether the next character that is no blank is @c; it is taken. */
bool scan_take(struct reader *r, char c);
bool scan_null(struct reader *r); /* the same of the word null */
/** scan_string() - the next JSON string with its quotes; empty when there is none. */
struct view scan_string(struct reader *r);
/** scan_hash() - the next string, if it is the base64 of 32 bytes. */
bool scan_hash(struct reader *r, uint8_t ret[MERKLE_HASH]);
/** scan_plain() - the next string decoded, if it is one of printable ASCII whose only escapes are
 *  quotes and backslashes. @room: of @size bytes. */
bool scan_plain(struct reader *r, uint8_t *room, size_t size, size_t *ret_len);

/** enum scan_member - what every entry must have: a number, or text. */
enum scan_member {
	SCAN_NONE,
	SCAN_BOOT_ID, /* text */
	SCAN_BOOT_TIME,
	SCAN_EVENT, /* text */
	SCAN_FORMAT,
	SCAN_SEQUENCE,
	SCAN_TIME,
	SCAN_MEMBERS
};

/** struct scan_entry - these members, where they are of their type */
struct scan_entry {
	bool has[SCAN_MEMBERS];
	int64_t numbers[SCAN_MEMBERS];
	struct view boot_id; /* borrowed */
};

const char *scan_member_name(enum scan_member member);
bool scan_is_text(enum scan_member member); /* else a number */

/** scan_canonical() - whether @text is for certain an object in canonical form (RFC 8785): ASCII
 *  without escapes, integers of at most 18 digits, nested at most 8 deep. */
bool scan_canonical(struct view text, struct scan_entry *ret);
