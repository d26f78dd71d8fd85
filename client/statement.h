/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A receipt in words, for people. No signature is verified here. */
#include "record/receipt.h"

/** statement_text() - what was stated and by whom it was signed, appended to @out. */
void statement_text(const struct receipt *r, struct buf *out);

/** statement_acts() - what was done in its session, as the record says it, appended to @out; nothing for
 *  an older receipt. Return: 0, a fault or RECEIPT_AUDIT (one of them is no entry). */
int statement_acts(const struct receipt *r, struct buf *out) _must_check_;
/** statement_acts_json() - the entries as an array. Return: as statement_acts(). */
int statement_acts_json(const struct receipt *r, json_t **ret) _must_check_;

enum statement_outcome {
	STATEMENT_NO_TEXT = 1, /* the statement names none: nobody was shown any */
	STATEMENT_NO_FILE,     /* no file of @folder gives a text with the hash that it names */
};

/** statement_wording() - the text that the patient was shown, made again out of the file that the
 *  statement names (record/sections.h) in @folder, appended to @out. Return: 0, a fault or an outcome. */
int statement_wording(
	const struct receipt *r, const char *folder, struct buf *out) _must_check_;
