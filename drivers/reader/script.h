/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* A transport without a reader, for tests and fuzzing: it plays a dialogue. */
#include "drivers/reader/reader.h"

/**
 * script_new() - a card made of text, one item a line, blanks between bytes are free
 *
 *   # comment                         atr 3B 75 ...          protocol 1 (default 0)
 *   pinpad verify modify              what the reader's keypad can do (default: nothing)
 *   > 00 A4 04 0C ...                 the command that must come next ("??" is any byte)
 *   keys 00 20 00 01 04 FF FF FF FF   the command that must be completed on the keypad next
 *   < 90 00                           its answer
 *   ! gone | mute | busy | no-service | no-reader | broken | cancelled | late | refused |
 *     no-pinpad | touched | fault     instead of an answer, or first of all: what open gives
 *   status gone | lock touched | ...  what the next status or lock gives, once (default: 0)
 *   reset | gone-on-reset             a reset must come here (and the card is gone)
 *
 * A command other than the next one makes transmit a fault. Return: 0, or a fault (bad text).
 */
int script_new(struct view text, struct transport **ret_t) _must_check_;
bool script_finished(const struct transport *t); /* every line was used, nothing else came */
int script_closed(const struct transport *t);	 /* 0 open, 1 closed, 2 closed with a reset */

/**
 * script_new_answers() - a card that says @bytes, whatever it is asked: each answer is a length
 * (one byte; FF: two more follow, big endian) and as many bytes; at the end the card is gone
 * @bytes: borrowed until the transport is freed
 */
int script_new_answers(struct view bytes, struct view atr, enum transport_protocol protocol,
	struct transport **ret_t) _must_check_;
