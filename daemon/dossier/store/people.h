/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The people record: who may open the dossier later, who may not, the treating doctor, oppositions,
 * the patient's codes, whether it is closed. Format 4:
 *
 *   {"format": 4, "created": us, "created-by": author,
 *    "authorised": [{"id", "name"?, "since": us, "until": us, "by": author,
 *                    "without-card": bool}],
 *    "blocked": [{"id", "name"?, "since": us, "by": author}],
 *    "treating-doctor": {"id", "name"?, "since": us, "by": author} or null,
 *    "oppositions": [{"mode", "since": us, "by": author}],
 *    "masked-allowed": bool,
 *    "closed": {"since": us, "until": us, "reason", "by": author} or null,
 *    "codes": {"personal": {"since": us, "scrypt": codes.h} or null,
 *              "activation": {"id", "since": us, "until": us, "uid", "agent-uid", "pair",
 *                             "scrypt": codes.h} or null}}
 *
 * Format 1 had bare ids and modes in its lists, and the treating doctor's id; format 2 nothing from
 * masked-allowed on; up to format 3 nothing said whether the patient was told that an authorisation also
 * opens without their card (without-card): they were not.
 */
#include "base/json.h"
#include "base/link-ops.h"

#define PEOPLE_MAX (48U * 1024U) /* bytes of the record as text: it goes in one answer */
#define PEOPLE_AUTHORISE_MAX                                                                   \
	(32U * 1024U) /* ... that an authorisation may bring it to: room to refuse remains */
#define PEOPLE_YEAR   (365ULL * 24ULL * 3600ULL * 1000000ULL) /* us */
#define PEOPLE_REASON 1000U /* characters of why a dossier was closed */

/** people_new() - with nobody in it, created now by @author (shared). */
int people_new(json_t *author, json_t **ret) _must_check_;
/** people_parse() - a record of any format up to ours, as format 4.
 *  Return: 0, a fault, DOSSIER_DAMAGED or DOSSIER_NEWER. */
int people_parse(struct view text, json_t **ret) _must_check_;
/** people_apply() - carry out @act (people_act of doc/store.md) on @people; @ret_changed: whether it
 *  differs now. Return: 0, a fault (-EBADMSG: no act), or DOSSIER_TOO_LARGE, after which @people is
 *  to be thrown away. */
int people_apply(json_t *people, const json_t *act, bool *ret_changed) _must_check_;
/** people_told() - what the broker is told of @people: of codes whether and for whom they are, no salt
 *  and no hash: {"personal": bool, "activation": {"id", "since", "until", "uid", "agent-uid", "pair"}
 *  or null}. Return: 0 or -ENOMEM. */
int people_told(json_t *people, json_t **ret) _must_check_;
/** people_codes() - bits of enum codes_which that @people has. @ret: their scrypt members, borrowed;
 *  NULL where there is none. */
unsigned int people_codes(
	const json_t *people, const json_t **ret_personal, const json_t **ret_activation);
