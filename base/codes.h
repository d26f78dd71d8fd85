/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The code tables of the French health cards (G01..G20, R01..R03, G100..G105 of DICO-FR), as dated
 * data files in base/data/codes, installed as <data>/codes: one JSON file a table, named by it:
 *
 *   {"table": "G15", "oid": "1.2…" (may be absent), "title", "source", "release": "YYYY-MM-DD",
 *    "numbers": "decimal" | "hex" (how a number of a certificate is written; may be absent),
 *    "entries": [{"code", "label" (may be absent: not known), "from", "until": "YYYY-MM-DD"}]}
 *
 * For people's eyes only: a code that no table knows is shown as it is and refused nowhere. A code
 * may stand more than once when the days of its labels do not meet.
 */
#include "base/buf.h"

#define CODES_TABLES_MAX  64U
#define CODES_ENTRIES_MAX 4096U /* of one table; R01 has 201 */
#define CODES_FILE_MAX	  (512U * 1024U)
#define CODES_CODE_MAX	  16U  /* bytes: ASCII letters, digits, '-' */
#define CODES_LABEL_MAX	  255U /* bytes of UTF-8 without control characters */

struct codes;

enum codes_outcome {
	CODES_ABSENT = 1, /* no such folder, or no table in it */
	CODES_DAMAGED, /* a file is no table: JSON, members, words, days, a table or code twice */
	CODES_LARGE,   /* above one of the limits */
};

/** codes_load() - every *.json of @folder. All or nothing.
 *  @ret_bad: if not NULL, malloc'ed name of the file that is DAMAGED or LARGE, else NULL.
 *  Return: 0, a fault or an outcome. */
int codes_load(const char *folder, struct codes **ret_c, char **ret_bad) _must_check_;
struct codes *codes_free(struct codes *c); /* takes NULL */

/** codes_new() and codes_add() - the same by hand: one table after the other, from its text.
 *  @name: the table that it must be, or NULL. Return: 0, a fault, DAMAGED or LARGE; @c stays as it
 *  was unless 0. */
struct codes *codes_new(void);
int codes_add(struct codes *c, struct view text, const char *name) _must_check_;

/** codes_label() - what @code of @table means on @day (YYYYMMDD as a number; 0: whenever), borrowed
 *  from @c; NULL when that is not known. @c may be NULL: no tables. */
const char *codes_label(
	const struct codes *c, const char *table, const char *code, uint32_t day);
/** codes_label_number() - the same of a number in a certificate, written as the table says. */
const char *codes_label_number(
	const struct codes *c, const char *table, uint8_t number, uint32_t day);
/** codes_known() - whether @table has @code, labelled or not, on whatever day. */
bool codes_known(const struct codes *c, const char *table, const char *code);
/** codes_day() - the UTC day of a wall clock in microseconds, as YYYYMMDD. */
uint32_t codes_day(uint64_t wall);

struct codes_about { /* borrowed */
	const char *table;
	const char *oid; /* "" when not known */
	const char *title;
	const char *source;
	const char *release;
	size_t n_entries;
};

/** codes_about() - the @i-th table by name. Return: whether there is one. */
bool codes_about(const struct codes *c, size_t i, struct codes_about *ret);
