/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Text as it is searched: without case and accents (daemon/dossier/data/fold.py says how). What was
 * written with marks of its own (U+0300 to U+036F) and what was written with whole letters is one.
 */
#include "base/buf.h"

/** fold_text() - append @text (UTF-8), folded, to @out; what is no UTF-8 ends it. */
void fold_text(struct view text, struct buf *out);
/** fold_has_words() - whether every word of @words is somewhere in @text; both folded, words with
 *  blanks between, in any order. No word: yes. */
bool fold_has_words(struct view text, struct view words);
