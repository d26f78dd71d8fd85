/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A QR code (ISO/IEC 18004) in half-block characters, two modules one above the other in each. */
#include "base/buf.h"

enum page_qr_outcome {
	PAGE_QR_LARGE = 1, /* no code of at most @columns holds the text */
};

/** page_qr() - @text (ASCII, no NUL) as lines of UTF-8 appended to @out, each ending with LF, with the
 *  quiet zone of four modules around it; dark is ink. Level M, else L. */
int page_qr(const char *text, unsigned int columns, struct buf *out) _must_check_;
