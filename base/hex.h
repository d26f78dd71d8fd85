/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Hexadecimal, base64 (RFC 4648 §4, padded) and BCD. */
#include "base/buf.h"

enum hex_outcome {
	HEX_INVALID = 1,
};

/** hex_encode() - lower case digits appended to @out. */
void hex_encode(struct buf *out, struct view v);
/** hex_decode() - an even number of digits, blanks not allowed. Return: 0 or HEX_INVALID. */
int hex_decode(struct buf *out, struct view text) _must_check_;
void base64_encode(struct buf *out, struct view v);		   /* no line breaks */
int base64_decode(struct buf *out, struct view text) _must_check_; /* strict; HEX_INVALID */
/** bcd_decode() - digits, stopping at F pads. Return: 0 or HEX_INVALID (A-E, or digits after F). */
int bcd_decode(struct buf *out, struct view bcd) _must_check_;
/** latin1_to_utf8() - cut right padding (00, 20), controls become U+FFFD. */
void latin1_to_utf8(struct buf *out, struct view latin1);
