/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The functions of the family: what a table names, and what its files share. */
#include "drivers/card/card.h"

struct cps_generation;

int cps_probe(struct card *c) _must_check_;
int cps_resume(struct card *c) _must_check_;
int cps_read_serial(struct card *c, struct buf *value) _must_check_;
int cps_identify(struct card *c, struct buf *body) _must_check_;
int cps_read_role(struct card *c, struct buf *body) _must_check_;
int cps_read_public(struct card *c, struct buf *body) _must_check_;
int cps_read_activities(struct card *c, struct view directory, struct buf *body) _must_check_;
int cps_enter_role(struct card *c) _must_check_;
int cps_sign(struct card *c, struct view data, struct buf *signature) _must_check_;

/* -- pin.c --------------------------------------------------------------------------------- */

int cps_pin_state(struct card *c, struct card_pin *ret_pin) _must_check_;
/**
 * cps_verify(), cps_change_pin(), cps_unblock_pin() - one act with one or two codes
 *
 * Both codes are taken before anything is sent; each command that carries one is sent exactly once;
 * then everyone forgets them. TRIES (of the code that was compared) in @body where the card says
 * them. Nothing is sent on CARD_PIN_REFUSED of a pipe, CARD_PIN_LAST, and CARD_PIN_BLOCKED of a
 * counter that is known.
 */
int cps_verify(struct card *c, const struct card_entry *e, struct buf *body) _must_check_;
int cps_change_pin(struct card *c, const struct card_entry *e, struct buf *body) _must_check_;
int cps_unblock_pin(struct card *c, const struct card_entry *e, struct buf *body) _must_check_;
/** cps_may_use_key() - CARD_DENIED unless the PIN went through us: another program's PIN is
 * not ours. */
int cps_may_use_key(const struct card *c) _must_check_;

/* -- files.c ------------------------------------------------------------------------------- */

const struct cps_generation *cps_generation(const struct card *c);
/** cps_enter() - make that DF current, unless it is. */
int cps_enter(struct card *c, enum card_df df) _must_check_;
/** cps_select() - the EF @fid of @df: as a child where that DF is current, else by its
 * whole path. */
int cps_select(struct card *c, enum card_df df, uint16_t fid) _must_check_;
/** cps_select_path() - whatever a directory says; @path begins with 3F00. */
int cps_select_path(struct card *c, struct view path) _must_check_;
/** cps_read_file() - the object that a file is, appended. CARD_BROKEN when it is another's. */
int cps_read_file(struct card *c, unsigned id, struct buf *whole) _must_check_;
/** cps_read_object() - the same of the file that was selected; @lesson: as card_lesson(),
 * 0: none. */
int cps_read_object(
	struct card *c, unsigned id, uint32_t lesson, struct buf *whole) _must_check_;

/* -- actua.c, pure ------------------------------------------------------------------------- */

/** actua_parse() - EF_ACTUA (cps.h) as ACTUA_FROM and ACTUA_TO, 14 digits each.
 *  Return: 0, or CARD_UNUSABLE: it is not complete, so the card must not be used (ANS). */
int actua_parse(struct view file, struct buf *body) _must_check_;

/* -- pkcs15.c ------------------------------------------------------------------------------ */

/** pkcs15_certificate() - the path (with 3F00) of the certificate whose identifier ends in one of
 *  @ids, from EF.ODF and EF.CDF. Return: also CARD_ABSENT. */
int pkcs15_certificate(struct card *c, struct view ids, struct buf *path) _must_check_;
/** pkcs15_activities() - the numbers (1..16) of the activities that EF.DODF lists, each once, in
 *  their order. Return: also CARD_ABSENT: no such directory. */
int pkcs15_activities(struct card *c, struct buf *numbers) _must_check_;

/* pure: the value of EF.ODF; @tag: A4 certificates, A7 data objects. 0, CARD_ABSENT,
 * CARD_BROKEN. */
int pkcs15_find_directory(struct view odf, uint32_t tag, struct buf *path) _must_check_;
int pkcs15_find_certificate(struct view cdf, struct view ids, struct buf *path) _must_check_;
/** pkcs15_list_activities() - @first: identifier of the first one. 0 or CARD_BROKEN. */
int pkcs15_list_activities(struct view dodf, uint16_t first, struct buf *numbers) _must_check_;
