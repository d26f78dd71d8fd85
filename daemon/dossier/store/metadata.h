/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * What a client says about a document: doc/metadata.schema.json, version 1, checked by hand. Strict:
 * a member that is not in the schema is refused, every length is bounded. Beyond the schema: a
 * section is its type's own, and what has happened did so at most a year from today.
 */
#include "base/json.h"

enum metadata_outcome {
	METADATA_INVALID = 1, /* @ret_member: name of the member that is wrong or missing */
	METADATA_TOO_LARGE,   /* the content that it announces */
};

/** metadata_check() - @ret_member: static text, "metadata" when it is no object. */
int metadata_check(const json_t *j, const char **ret_member) _must_check_;
/** metadata_check_fed() - whether @j is a reimbursement as vitaled-feed makes it: without a content. */
bool metadata_check_fed(const json_t *j);
/** metadata_fed() - whether documents of @type come from the health insurer's feed alone. */
bool metadata_fed(const char *type);
/** metadata_stored() - whether @j, from a sealed record, has the members that are read without asking.
 *  What was once taken stays readable when rules get stricter. */
bool metadata_stored(const json_t *j);
/** metadata_section() - section of a type code, NULL when there is no such type. */
const char *metadata_section(const char *type);
bool metadata_date_valid(const char *text); /* YYYY-MM-DD, 1850 to 2199, Gregorian calendar */
bool metadata_text_valid(const char *text); /* 1 to 200 characters without control characters */
