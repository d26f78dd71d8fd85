/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Scenes for serve.c over the kind of card of fake-card.h, their dialogue in them; with a clock that
 * a test moves, and a broker that keeps quiet. */
#include "tests/unit/card/dialogue.h"
#include "tests/unit/card/fake-card.h"

struct act {
	const char *text; /* the dialogue */
	int closed;	  /* as of struct scene */
	struct step steps[SCENE_STEPS];
	const char *events; /* as of play_text() */
};

extern uint64_t clock_step; /* that every look at the clock takes, microseconds */
extern unsigned quiet;	    /* polls that end without a request */
extern int quiet_ms;	    /* what the last of them was ready to wait */

void perform(const struct act *a);
int act_setup(void **state); /* the kind with everything, the real clock */

/* The card: an ATR of two bytes. OPEN selects AA. */
#define CARD   "atr 3B02\npinpad verify modify\n"
#define OPENED CARD "> 00A4000001AA\n< 9000\n"
#define HINT                                                                                   \
	"C6"                                                                                   \
	"04"                                                                                   \
	"66616B65"                                                                             \
	"C7"                                                                                   \
	"06"                                                                                   \
	"66616B652D31"                                                                         \
	"C3"                                                                                   \
	"02"                                                                                   \
	"3B02"
#define KIND_FAKE    "C60466616B65C70666616B652D31C3023B02"
#define AGAIN	     "> 00A4000001BB\n< 9000\n" /* the application, after a reset or others */
#define SERIAL_IS(x) "> 00B0820002\n< " x " 9000\n"
#define KEYPAD	     "DF2A0101"

#define A_REQUEST(number, is, hex)                                                             \
	{                                                                                      \
		.op = (number), .outcome = (is), .request = (hex)                              \
	}
#define OPEN_FIRST                                                                             \
	{                                                                                      \
		.op = CARD_OP_OPEN, .request = OPEN_EXCLUSIVE                                  \
	}
#define SHARE_FIRST                                                                            \
	{                                                                                      \
		.op = CARD_OP_OPEN, .request = OPEN_SHARED                                     \
	}
