/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * In place of card.c, role.c and the families: a kind of card whose every operation is one short
 * command, so that a test of serve.c sees what is sent, when, and in which order.
 *
 *   probe 00A40000 AA     resume 00A40000 BB    serial 00B08200 02    identify 00CA0001 01
 *   public 00CA0002 01    people 00CA0003 01    activities 00CA0004 directory 01
 *   PIN state 00200001    VERIFY 00200001 04 PIN (the keypad: FF)     change 00240001 08 both
 *   unblock 002C0001 08   protected 00CA0005 01 sign 002A9E9A data 02     keep 00CA0006 01
 *   role: certificate 002A00BE 01, challenge 00840000 02, INTERNAL 00880000 02, EXTERNAL 00820000 01
 */
#include "drivers/card/card.h"

enum fake_kind {
	FAKE_CARD,    /* the kind with everything */
	FAKE_BARE,    /* a kind that can nothing but be recognised */
	FAKE_UNKNOWN, /* nobody claims it */
	FAKE_OLD,     /* recognised and not readable */
};

extern enum fake_kind fake_kind;	  /* what recognition finds */
extern struct card_entry fake_last_entry; /* of the last code */
extern size_t fake_much; /* bytes that identify puts into its body beside the card's byte */
