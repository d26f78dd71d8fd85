/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The plain record of one document, and what is shown of it. A record is
 *
 *   {"added": us, "author": {...}, "content": {"salt": hex, "version": n},
 *    "metadata": {...as submitted}, "status": "active"}
 *
 * All json_t returned are new references.
 */
#include "base/json.h"
#include "daemon/dossier/store/store.h"

#define DOCUMENT_SALT 32U /* bytes */

/** document_new() - @author: {"kind", "id", ...} as the broker says; shared with the
 *  record from now on, as @metadata is. */
int document_new(json_t *metadata, json_t *author, uint64_t version,
	const uint8_t salt[DOCUMENT_SALT], json_t **ret) _must_check_;
/** document_parse() - a record of the store. Return: 0, a fault or DOSSIER_DAMAGED. */
int document_parse(struct view text, json_t **ret) _must_check_;
/** document_salt() - salt and version of its content. Return: 0, a fault or DOSSIER_DAMAGED. */
int document_content(const json_t *record, uint8_t ret_salt[DOCUMENT_SALT],
	uint64_t *ret_version, uint64_t *ret_size) _must_check_;

/** document_row() - {id, type, section, author, flags, status}: what the broker decides by. */
int document_row(const json_t *record, const char *id, json_t **ret) _must_check_;
/** document_row_of() - the row, without an id, that a document not yet added would have. */
int document_row_of(json_t *metadata, json_t *author, json_t **ret) _must_check_;
/** document_item() - one line of a list: without its entry. */
int document_item(
	const json_t *record, const char *id, uint64_t version, json_t **ret) _must_check_;
/** document_facts() - document_item(), its entry and the format. */
int document_facts(
	const json_t *record, const char *id, uint64_t version, json_t **ret) _must_check_;

/** document_filter_check() - members type, section, status, from, to (dates, both included), id,
 *  after (ids), entry (true: only with a typed entry). Return: 0, or DOSSIER_INVALID with
 *  @ret_member, static text. */
int document_filter_check(const json_t *filter, const char **ret_member) _must_check_;
bool document_matches(const json_t *record, const char *id, const json_t *filter);

/** document_set_flag() - @ret_changed: whether the record differs now. */
int document_set_flag(
	json_t *record, const char *flag, bool on, bool *ret_changed) _must_check_;

/** document_summary() - of @records in any order: {"format": 1, "blood-group": [...],
 *  "allergies": [...], "current-treatments": [...]}, newest first; treatments that ended before
 *  @today (YYYY-MM-DD) are left out. */
int document_summary(json_t *const *records, const char (*ids)[STORE_ID + 1], size_t n,
	const char *today, json_t **ret) _must_check_;
