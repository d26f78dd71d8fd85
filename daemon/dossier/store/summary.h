/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The summary sheet, from typed entries and the people record. */
#include "daemon/dossier/store/document.h"

/** summary_make() - of @records in any order, and @people (format 2): {"format": 1, "order": [names
 *  of the other members, in the order of an emergency], ...}. Each list is newest first; what ended
 *  before @today (YYYY-MM-DD) is left out. */
int summary_make(json_t *const *records, const char (*ids)[STORE_ID + 1], size_t n,
	const json_t *people, const char *today, json_t **ret) _must_check_;
