/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* The two cards that most tests of sessions begin with. */
#include "tests/unit/session/played.h"
#include "tests/unit/session/world.h"

/** usual_cards() - a Vitale of one person at READER_A, a professional with one activity at READER_B;
 *  neither is in. */
void usual_cards(struct played **ret_vitale, struct played **ret_cps);
/** usual_slot() - the reader of @p as the cards know it; NULL: not there. */
struct card_reader *usual_slot(const struct played *p);
