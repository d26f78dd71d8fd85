/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* What a played card answers; between played.c and played-card.c only. */
#include "base/link.h"
#include "tests/unit/session/played.h"

/** played_answer() - @card: that this process opened, set by OPEN. @ret_outcome and @body: the
 *  answer. Return: what to do instead of answering (SILENT, EXIT, ...), else PLAY_WELL. */
enum misdeed played_answer(struct played **card, const struct link_frame *f,
	uint8_t *ret_outcome, struct buf *body);
void played_done(struct played *p);
