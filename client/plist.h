/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Readers by their USB numbers, as the Info.plist of a driver of pcscd claims them.
 */
#include "base/buf.h"
#include "base/json.h"

/** plist_hex() - "0x0B00", "0b00" or "B00" as a number. Return: false when it is none. */
bool plist_hex(struct view text, uint16_t *ret);
/** plist_key() - "0b00:0090". */
void plist_key(uint16_t vendor, uint16_t product, char ret[10]);

enum plist_outcome {
	PLIST_MALFORMED = 1, /* the three lists are not there, or not of one length */
};

/**
 * plist_claimed() - what an Info.plist of a pcscd driver claims
 * @plist: the file
 * @map:   receives "0b00:0090": friendly name; rows that are no numbers are left out
 *
 * Return: 0, a fault or PLIST_MALFORMED.
 */
int plist_claimed(struct view plist, json_t *map) _must_check_;
/** plist_text() - the one string of key @key, new; NULL: there is none, or it is no UTF-8. */
json_t *plist_text(struct view plist, const char *key);
