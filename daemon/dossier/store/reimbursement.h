/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Reimbursements: documents of the health insurer without a content (doc/feed.md). They count for 24
 * months from the day of the care; what is older is not shown, and goes with the next import. While
 * the clock was never set nothing is old. What goes is gone for good: there a clock that runs ahead is
 * believed no further than a month (*invented*) beyond the day that the feeder signed.
 */
#include "daemon/dossier/store/document.h"

/** reimbursement_lapsed() - whether a document's @metadata are one that no longer counts today. */
bool reimbursement_lapsed(const json_t *metadata);
/** reimbursement_lapsed_by() - the same for the import of a feed of the day @made (YYYY-MM-DD). */
bool reimbursement_lapsed_by(const json_t *metadata, const char *made);
/** reimbursement_id() - the id of the document that the feeder's line @line becomes: the same whenever
 *  it is imported into this dossier, and no other dossier's. */
int reimbursement_id(
	const struct store *s, const char *line, char ret_id[STORE_ID + 1]) _must_check_;
