/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * JSON for people: "label: value" lines, nested ones indented. Text that comes from cards,
 * documents and other programs is shown without its control characters, so that no title can move
 * the cursor or change the terminal.
 */
#include "base/json.h"

/** render() - @j as text appended to @out; at most 16 levels deep, deeper ones as "…". */
void render(const json_t *j, struct buf *out);
/** render_rows() - an array of objects, one line each: the members @names (NULL-terminated),
 *  tab-separated; absent ones are "-". */
void render_rows(const json_t *rows, const char *const *names, struct buf *out);
/** render_cell() - a scalar, or the scalars of an array with commas between; "-" for nothing. */
void render_cell(const json_t *j, struct buf *out);
/** render_text() - @text without control characters (C0, DEL, C1, bidirectional overrides: each
 *  U+FFFD; @lines: newline and tab stay). */
void render_text(const char *text, bool lines, struct buf *out);
/** render_print() - on standard output. */
void render_print(const struct buf *out);
