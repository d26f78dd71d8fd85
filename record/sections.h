/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The text of a consent, made out of its file for the acts that are asked, so that a patient reads of
 * nothing else. The service makes it to be shown, and whoever holds a receipt makes it again.
 *
 * A file whose first line is a marker has sections. A marker is a line of its own:
 *
 *   [all]             what follows, up to the next marker, is for everybody
 *   [authorise]       ... only when this act is asked
 *   [consult feed]    ... when at least one of these is
 *   [authorise without-card]  ... when this act is asked; and it tells the patient that the act also
 *                     opens their record without their card (without-card is no act)
 *
 * The text is the lines of the sections that count, in the file's order, byte for byte; markers are no
 * part of it. Any other file is its own text. Format: invented, doc/consent.md.
 */
#include "base/json.h"

enum sections_outcome {
	SECTIONS_MALFORMED = 1, /* a line that begins with [ is no marker */
};

/** sections_divided() - whether @file has sections at all. */
bool sections_divided(struct view file);
/** sections_check() - every marker of @file, and that it names "all" and words of @known only
 *  (NULL-terminated), or words of @known and "without-card"; a file that does not begin with a marker has
 *  none further down, not behind a byte order mark, blanks or CR LF either. Return: 0 or SECTIONS_MALFORMED. */
int sections_check(struct view file, const char *const *known) _must_check_;
/** sections_name() - whether a section of @file is for @act by its name. */
bool sections_name(struct view file, const char *act);
/** sections_tell() - whether one of these tells of openings without the patient's card too. */
bool sections_tell(struct view file, const char *act);
/** sections_compose() - the text for @acts (array of words), appended.
 *  Return: 0 or SECTIONS_MALFORMED; what @out could not take shows in buf_check(). */
int sections_compose(struct view file, const json_t *acts, struct buf *out) _must_check_;
