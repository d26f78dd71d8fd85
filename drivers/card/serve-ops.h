/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Between serve.c, which knows when a request may run, and serve-ops.c, which knows what it does. */
#include "base/link.h"
#include "drivers/card/serve.h"

struct serve_op {
	/* Return: 0, a fault, or a card_outcome; @body is sent with the outcomes that have one */
	int (*run)(struct serve *s, const struct link_frame *f, struct buf *body);
	bool needs_card;
};

/** serve_op() - what to do for CARD_OP_@number; NULL: nothing that we know. */
const struct serve_op *serve_op(uint8_t number);
/** serve_keypad() - whether the request waits for a person at the reader's keypad. */
bool serve_keypad(const struct link_frame *f);

/* -- what serve.c offers them ------------------------------------------------------------------- */

/** serve_lock() - begin the transaction of a shared connection, or look whether the card is the one
 *  that OPEN found. Return: 0, a fault, or a card_outcome. */
int serve_lock(struct serve *s) _must_check_;
/** serve_reset() - the reset that takes the rights away; a card of another ATR after it is GONE. */
int serve_reset(struct serve *s) _must_check_;
void serve_disconnect(struct serve *s);
/** serve_hooks() - after apdu_init(): signs of life of the engine go through @s again. */
void serve_hooks(struct serve *s);
