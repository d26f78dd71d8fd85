/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Readers by their USB numbers: those that French practices and pharmacies use (the same as
 * udev/60-vitaled-readers.hwdb, a test compares), and those that the drivers of pcscd claim.
 */
#include "base/json.h"

/** struct reader_known - one USB id of a French reader. */
struct reader_known {
	uint16_t vendor;
	uint16_t product;
	const char *name;    /* on the case */
	const char *libccid; /* first release that claims it; "no": none does */
};

/** readers_known() - NULL: not one of them. */
const struct reader_known *readers_known(uint16_t vendor, uint16_t product);
/** readers_hex() - "0x0B00", "0b00" or "B00" as a number. Return: false when it is none. */
bool readers_hex(struct view text, uint16_t *ret);
/** readers_key() - "0b00:0090". */
void readers_key(uint16_t vendor, uint16_t product, char ret[10]);

enum readers_outcome {
	READERS_MALFORMED = 1, /* the three lists are not there, or not of one length */
};

/**
 * readers_claimed() - what an Info.plist of a pcscd driver claims
 * @plist: the file
 * @map:   receives "0b00:0090": friendly name; rows that are no numbers are left out
 *
 * Return: 0, a fault or READERS_MALFORMED.
 */
int readers_claimed(struct view plist, json_t *map) _must_check_;
