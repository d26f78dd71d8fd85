/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Reimbursements: documents of the health insurer without a content (doc/feed.md). They count for 24
 * months from the day of the care; what is older is not shown, and goes with the next import. While
 * the clock was never set nothing is old.
 */
#include "daemon/dossier/store/document.h"

/** reimbursement_oldest() - the first day that still counts, YYYY-MM-DD and NUL; "" with no clock. */
void reimbursement_oldest(char ret[11]);
/** reimbursement_lapsed() - whether a document's @metadata are one that no longer counts. */
bool reimbursement_lapsed(const json_t *metadata);
/** reimbursement_id() - the id of the document that the feeder's line @line becomes: the same whenever
 *  it is imported into this dossier, and no other dossier's. */
int reimbursement_id(
	const struct store *s, const char *line, char ret_id[STORE_ID + 1]) _must_check_;
