/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Filters: which documents a List is about. */
#include "daemon/dossier/store/document.h"

#define SELECT_LIMIT 500U /* documents of one page, at most */

/** select_check() - members type, section, status, from, to (dates, both included), author (national
 *  id), text (in titles), limit, after, id (ids), entry (true: only with a typed entry).
 *  Return: 0, or DOSSIER_INVALID with @ret_member, static text. */
int select_check(const json_t *filter, const char **ret_member) _must_check_;

struct selection {
	const json_t *filter; /* borrowed */
	struct buf words;     /* of its text, folded */
	struct buf title;     /* of the record at hand, folded */
};

/** select_init() - of a @filter that has been checked. */
int select_init(struct selection *ret_s, const json_t *filter) _must_check_;
void select_done(struct selection *s);
/** select_matches() - limit and after are not looked at. */
int select_matches(
	struct selection *s, const json_t *record, const char *id, bool *ret) _must_check_;
