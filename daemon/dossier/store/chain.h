/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A document and those that it replaced, from the newest back. What is hidden, shown or deleted is
 * the whole chain, in one transaction: an older text of a hidden document is as secret as the newest.
 * All of these are between store_begin() and store_commit().
 */
#include "daemon/dossier/store/document.h"

/** chain_replace() - @id is replaced by @by, and it and what it replaced get the flags of @by.
 *  Return: 0, a fault, NO_DOCUMENT, DAMAGED or WRONG_STATE (it is not active). */
int chain_replace(
	struct store *s, const char *id, const char *by, const json_t *flags) _must_check_;
/** chain_flag() - Return: as above; WRONG_STATE: it was replaced or deleted. */
int chain_flag(struct store *s, const char *id, const char *flag, bool on,
	bool *ret_changed) _must_check_;
/** chain_delete() - contents, titles and entries go. Return: idem. */
int chain_delete(struct store *s, const char *id, json_t *author) _must_check_;
