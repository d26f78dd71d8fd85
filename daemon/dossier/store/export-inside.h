/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What the files of an export share. Returns are 0, a fault or an outcome. */
#include "daemon/dossier/store/export.h"

#define EXPORT_NAME_MAX 80U /* bytes of a name in the ZIP, with its end */

/** export_begin_entry() - @size: bytes, or -1 when that is not known; @changed: wall clock, us; @packed:
 *  it is stored as it is. */
int export_begin_entry(struct export *x, const char *name, int64_t size, uint64_t changed,
	bool packed) _must_check_;
int export_put(struct export *x, struct view v) _must_check_;
int export_end_entry(struct export *x) _must_check_;
/** export_name() - documents/<id>.<extension> */
int export_name(const char *id, uint8_t kind, char ret[EXPORT_NAME_MAX]) _must_check_;
/** export_load() - the document whose turn it is; NO_DOCUMENT: a reimbursement that has lapsed. */
int export_load(
	struct export *x, struct store *s, struct store_document *d, json_t **ret) _must_check_;
/** export_index() - the next piece of index.json. */
int export_index(struct export *x, struct store *s) _must_check_;
