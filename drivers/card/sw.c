/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * One table for all commands, and the few commands that see some words otherwise. A word that
 * stands nowhere is CARD_BROKEN: the card said something that we cannot take for anything.
 */
#include "drivers/card/sw.h"

#include <stddef.h>

#include "base/fault.h"

static const struct {
	uint16_t sw;
	uint16_t mask;
	int outcome; /* enum card_outcome */
} words[] = {
	{0x9000, 0xFFFF, CARD_DONE},
	{0x6100, 0xFF00, CARD_DONE},	/* data is there that nobody asked for */
	{0x6283, 0xFFFF, CARD_ABSENT},	/* selected file deactivated */
	{0x6285, 0xFFFF, CARD_ABSENT},	/* selected file terminated */
	{0x6300, 0xFFFF, CARD_REFUSED}, /* does not verify */
	{0x63C0, 0xFFF0, CARD_REFUSED}, /* does not verify, counted */
	{0x6700, 0xFFFF, CARD_REFUSED}, /* length */
	{0x6880, 0xFFF8, CARD_ABSENT},	/* logical channel, secure messaging, chaining */
	{0x6982, 0xFFFF, CARD_DENIED},	/* security status not satisfied */
	{0x6983, 0xFFFF, CARD_PIN_BLOCKED},
	{0x6984, 0xFFFF, CARD_REFUSED}, /* reference data not usable */
	{0x6985, 0xFFFF, CARD_REFUSED}, /* conditions of use not satisfied */
	{0x6986, 0xFFFF, CARD_ABSENT},	/* no current file */
	{0x6987, 0xFFFF, CARD_REFUSED}, /* secure messaging objects missing */
	{0x6988, 0xFFFF, CARD_REFUSED}, /* or wrong */
	{0x6A80, 0xFFFF, CARD_REFUSED}, /* wrong data */
	{0x6A81, 0xFFFF, CARD_ABSENT},	/* function */
	{0x6A82, 0xFFFE, CARD_ABSENT},	/* 6A82 file, 6A83 record */
	{0x6A86, 0xFFFF, CARD_ABSENT},	/* P1-P2 */
	{0x6A88, 0xFFFF, CARD_ABSENT},	/* reference data */
	{0x6B00, 0xFFFF, CARD_ABSENT},	/* offset */
	{0x6D00, 0xFFFF, CARD_ABSENT},	/* instruction */
	{0x6E00, 0xFFFF, CARD_ABSENT},	/* class */
};

int sw_outcome(uint16_t sw)
{
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if ((sw & words[i].mask) == words[i].sw) {
			return words[i].outcome;
		}
	}
	return CARD_BROKEN;
}

int sw_outcome_read(uint16_t sw)
{
	return sw == 0x6282 || sw == 0x6B00 ? CARD_DONE : sw_outcome(sw);
}

int sw_outcome_role(uint16_t sw)
{
	return sw == 0x6A88 || sw == 0x6983 ? CARD_REFUSED : sw_outcome(sw);
}

int sw_outcome_verify(uint16_t sw, uint8_t *ret_tries)
{
	*ret_tries = SW_TRIES_UNKNOWN;
	if ((sw & 0xFFF0) == 0x63C0) {
		*ret_tries = sw & 0x0F;
		return *ret_tries == 0 ? CARD_PIN_BLOCKED : CARD_PIN_WRONG;
	}
	if (sw == 0x6983 || sw == 0x6984) {
		*ret_tries = 0;
		return CARD_PIN_BLOCKED;
	}
	return sw == 0x6300 ? CARD_PIN_WRONG : sw_outcome(sw);
}

int sw_outcome_code(uint16_t sw, uint8_t *ret_tries)
{
	int r = sw_outcome_verify(sw, ret_tries);

	return r == CARD_REFUSED || r == CARD_PIN_WRONG ? CARD_PIN_REFUSED : r;
}

int sw_outcome_old(uint16_t sw)
{
	if ((sw & 0xFF00) == 0x9F00) {
		return CARD_DONE;
	}
	return (sw & 0xFF00) == 0x9400 ? CARD_ABSENT : sw_outcome(sw);
}
