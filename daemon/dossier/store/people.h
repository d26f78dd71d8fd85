/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The people record: who may open the dossier later, who may not, the treating doctor, oppositions.
 * Format 2:
 *
 *   {"format": 2, "created": us, "created-by": author,
 *    "authorised": [{"id", "name"?, "since": us, "until": us, "by": author}],
 *    "blocked": [{"id", "name"?, "since": us, "by": author}],
 *    "treating-doctor": {"id", "name"?, "since": us, "by": author} or null,
 *    "oppositions": [{"mode", "since": us, "by": author}]}
 *
 * Format 1 had bare ids and modes in its lists, and the treating doctor's id.
 */
#include "base/json.h"
#include "base/link-ops.h"

#define PEOPLE_MAX (48U * 1024U) /* bytes of the record as text: it goes in one answer */
#define PEOPLE_AUTHORISE_MAX                                                                   \
	(32U * 1024U) /* ... that an authorisation may bring it to: room to refuse remains */
#define PEOPLE_YEAR (365ULL * 24ULL * 3600ULL * 1000000ULL) /* us */

/** people_new() - with nobody in it, created now by @author (shared). */
int people_new(json_t *author, json_t **ret) _must_check_;
/** people_parse() - a record of any format up to ours, as format 2.
 *  Return: 0, a fault, DOSSIER_DAMAGED or DOSSIER_NEWER. */
int people_parse(struct view text, json_t **ret) _must_check_;
/** people_apply() - carry out @act (people_act of doc/store.md) on @people; @ret_changed: whether it
 *  differs now. Return: 0, a fault (-EBADMSG: no act), or DOSSIER_TOO_LARGE, after which @people is
 *  to be thrown away. */
int people_apply(json_t *people, const json_t *act, bool *ret_changed) _must_check_;
