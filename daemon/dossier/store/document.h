/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The plain record of one document, and what is shown of it. A record is
 *
 *   {"added": us, "author": {...}, "content": {"salt": hex, "version": n},
 *    "metadata": {...as submitted}, "status": "active" | "archived" | "replaced" | "deleted",
 *    "replaces"?: id, "replaced-by"?: id, "deleted"?: {"by": {...}, "time": us}}
 *
 * Of a deleted one content and most of the metadata are gone: type, date and flags stay.
 * All json_t returned are new references.
 */
#include "base/json.h"
#include "daemon/dossier/store/store.h"

#define DOCUMENT_SALT 32U /* bytes */

/** document_new() - @author: {"kind", "id", ...} as the broker says; shared with the record from
 *  now on, as @metadata is. @replaces: an id, or "". */
int document_new(json_t *metadata, json_t *author, uint64_t version,
	const uint8_t salt[DOCUMENT_SALT], const char *replaces, json_t **ret) _must_check_;
/** document_parse() - a record of the store. Return: 0, a fault or DOSSIER_DAMAGED. */
int document_parse(struct view text, json_t **ret) _must_check_;
/** document_text() - a record as the store keeps it, in @out (reset before). Return: idem. */
int document_text(const json_t *record, struct buf *out) _must_check_;
/** document_content() - salt, version and size of its content. Return: 0, a fault or
 *  DOSSIER_DAMAGED (also of a deleted one, which has none). */
int document_content(const json_t *record, uint8_t ret_salt[DOCUMENT_SALT],
	uint64_t *ret_version, uint64_t *ret_size) _must_check_;
/** document_is() - whether the record's status is @status. */
bool document_is(const json_t *record, const char *status);
/** document_replaces() - id of the one that it replaced, borrowed, or NULL. */
const char *document_replaces(const json_t *record);

/** document_row() - {id, type, section, author, author-kind, flags, status}: what the broker decides
 *  by. */
int document_row(const json_t *record, const char *id, json_t **ret) _must_check_;
/** document_row_of() - the row, without an id, that a document not yet added would have. */
int document_row_of(json_t *metadata, json_t *author, json_t **ret) _must_check_;
/** document_item() - one line of a list: without its entry. */
int document_item(
	const json_t *record, const char *id, uint64_t version, json_t **ret) _must_check_;
/** document_facts() - document_item(), its entry and the format. */
int document_facts(
	const json_t *record, const char *id, uint64_t version, json_t **ret) _must_check_;

/* -- changing a record: @ret_changed tells whether it differs now -------------------------------- */

int document_set_flag(
	json_t *record, const char *flag, bool on, bool *ret_changed) _must_check_;
/** document_add_flags() - those of @flags (array or NULL) that it does not have. */
int document_add_flags(json_t *record, const json_t *flags, bool *ret_changed) _must_check_;
/** document_inherit_flags() - of @metadata that name none: those of the record that it replaces. */
int document_inherit_flags(json_t *metadata, const json_t *replaced) _must_check_;
/** document_set_status() - active or archived. Return: 0, a fault, or DOSSIER_WRONG_STATE: it was
 *  replaced or deleted, and is changed no more. */
int document_set_status(json_t *record, const char *status, bool *ret_changed) _must_check_;
/** document_set_replaced() - by the document @id. Return: as above; only an active one is. */
int document_set_replaced(json_t *record, const char *id) _must_check_;
/** document_delete() - what is left: who, when, type, and @author who deleted it now. */
int document_delete(json_t *record, json_t *author) _must_check_;
