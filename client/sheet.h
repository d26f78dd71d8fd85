/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Two answers of a dossier as a person reads them: the summary, in the order that the service says an
 * emergency needs, and who may open the dossier. Members that are not known are shown as they are;
 * nothing that was told is left out for being new.
 */
#include "base/json.h"

/** sheet_day() - the day of @wall (microseconds since the epoch) where the person is. */
void sheet_day(int64_t wall, struct buf *out);
/** sheet_person() - the name of an author or another person, else their number; NULL: neither. */
const char *sheet_person(const json_t *j);
/** sheet_summary() - @summary (Dossier.Summary) as text appended to @out; a section without entries
 *  is said to be empty, so that nobody takes silence for "none". */
void sheet_summary(const json_t *summary, struct buf *out);
/** sheet_people() - @people (Dossier.ListProfessionals), likewise. */
void sheet_people(const json_t *people, struct buf *out);
