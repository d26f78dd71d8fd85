/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Inputs of the dialogues, and the hostile card that is made of one:
 *
 *   | setting, 4 bytes | n | n bytes: steps | items
 *
 *   item   len, len bytes         an answer, len 00..FD
 *          FF, len (2), len bytes  a longer one
 *          FE, event               the next call of that kind ends so; others pass it over
 *
 *   event  kind (3 bits) | value (5 bits)
 *          0 a command: 0 a fault, else a transport_outcome    1 status, 2 lock, 3 open: the same
 *          4 reset: the same; 31: it is another card's ATR     5 (value + 1) * 0.3 s pass
 *          6 the next wait finds nothing                       7 the answers end; others follow
 */
#include "drivers/reader/reader.h"

#define DIALOGUE_SETTING 4U
#define DIALOGUE_STEPS	 30U
#define DIALOGUE_INPUT	 32768U /* bytes: all answers fit into the link's socket */

struct dialogue_input {
	uint8_t setting[DIALOGUE_SETTING];
	struct view steps;
	struct view items;
};

enum dialogue_event {
	EVENT_COMMAND,
	EVENT_STATUS,
	EVENT_LOCK,
	EVENT_OPEN,
	EVENT_RESET,
	EVENT_TIME,
	EVENT_SILENCE,
	EVENT_END,
};

/** struct dialogue_item - an answer, or an event (then @bytes is empty). */
struct dialogue_item {
	bool is_event;
	uint8_t event;
	struct view bytes;
};

void dialogue_parse(struct view in, struct dialogue_input *ret);
/** dialogue_next() - Return: whether there was one. */
bool dialogue_next(struct reader *items, struct dialogue_item *ret);
/** dialogue_put() - the shortest form of @item, appended. */
void dialogue_put(struct buf *out, const struct dialogue_item *item);

/** struct hostile - the card; embedded, its transport is never freed. */
struct hostile {
	struct transport base;
	struct reader items;
	struct view atr;     /* what it shows; 31 at a reset: another */
	unsigned codes[256]; /* commands that carried one, by instruction */
	bool open;
};

void hostile_init(struct hostile *h, struct view items, struct view atr, uint8_t how);
#define HOSTILE_T1     0x01U /* @how */
#define HOSTILE_VERIFY 0x02U
#define HOSTILE_MODIFY 0x04U
/** hostile_rest() - what stands behind EVENT_END: another card's. */
struct view hostile_rest(struct view items);
/** hostile_silent() - target_silent() of fail.h for this card. */
bool hostile_silent(struct hostile *h);
