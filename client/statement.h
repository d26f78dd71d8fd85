/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A receipt in words, for people. Nothing is verified here. */
#include "record/receipt.h"

/** statement_text() - what was stated and by whom it was signed, appended to @out. */
void statement_text(const struct receipt *r, struct buf *out);
