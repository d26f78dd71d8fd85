/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Which readers are ours: the site's rules, one word a device. Pure. Text as vitaled-watch passes it on,
 * rules parted by blanks, the most exact one counts, of two equally exact ones the last:
 *
 *   2947:0101=usb   2947:0101:SERIAL=pcsc   *=auto
 *
 * usb: taken as soon as it is there. pcsc: never touched. auto: pcscd's when it holds it, else ours.
 * Without a rule: auto for a reader of the table (base/readers.h), pcsc for any other. Numbers are four digits of
 * hexadecimal; a serial number is what the device says, with "_" for each blank.
 */
#include "base/buf.h"

enum claims_mode {
	CLAIMS_PCSC = 0,
	CLAIMS_AUTO,
	CLAIMS_USB,
};

enum claims_outcome {
	CLAIMS_BROKEN = 1, /* no rule */
};

/** claims_mode() - Return: 0 or CLAIMS_BROKEN (any rule of @rules). @serial: NULL: not known yet: rules
 *  with one do not count. @known: it is in the table. */
int claims_mode(struct view rules, uint16_t vendor, uint16_t product, const char *serial,
	bool known, enum claims_mode *ret) _must_check_;
/** claims_word() - "pcsc", "auto", "usb". */
const char *claims_word(enum claims_mode mode);
