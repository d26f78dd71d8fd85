/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A receipt as one page for a printer and for people: plain UTF-8, French or English, no line longer
 * than RECEIPT_PAGE_COLUMNS characters. It says who, what, when, in which form, what was done, how to
 * check it, and carries a QR code of what makes the receipt found again. No signature is verified here:
 * the page proves nothing, the receipt does. Layout and code: invented, doc/consent.md.
 */
#include "record/receipt.h"

#define RECEIPT_PAGE_COLUMNS 80U
#define RECEIPT_PAGE_MAX     (512U * 1024U) /* bytes: all acts, and names of several lines */

/** receipt_page() - the page appended to @out.
 *  Return: 0, a fault, or RECEIPT_AUDIT (no checkpoint, an act that is no entry, or a name of the
 *  record that fits into no code). */
int receipt_page(const struct receipt *r, bool french, struct buf *out) _must_check_;
/** receipt_page_code() - what the QR code says, appended to @out, ASCII:
 *  vitaled:receipt?id=UUID&origin=NAME&size=N&root=HEX
 *  id: of the statement; the others: of the checkpoint. In values all but letters, digits and "-._~/:"
 *  is percent-encoded (RFC 3986 §2.1). Return: as receipt_page(). */
int receipt_page_code(const struct receipt *r, struct buf *out) _must_check_;
