/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Status words (ISO/IEC 7816-4:2020 §5.6, tables 6 and 7) as outcomes. The only place that knows
 * them; the engine knows 61XX, 6CXX and, in a chain, 9000.
 */
#include <stdint.h>

#include "base/link-ops.h"

#define SW_TRIES_UNKNOWN 0xFFU

/** sw_outcome() - of any command. Return: CARD_DONE or a card_outcome. */
int sw_outcome(uint16_t sw);
/** sw_outcome_read() - of READ BINARY: 6282 (less than asked) and 6B00 (behind the end) are
 * DONE. */
int sw_outcome_read(uint16_t sw);
/** sw_outcome_role() - of the commands that show the card a certificate or a signature: whatever
 *  the card does not take is CARD_REFUSED, also a reference it does not know (6A88). */
int sw_outcome_role(uint16_t sw);
/**
 * sw_outcome_verify() - of VERIFY, with and without data (ISO/IEC 7816-4:2020 §11.6.6)
 * @ret_tries:  tries left of 63CX, 0 when blocked, else SW_TRIES_UNKNOWN; always written
 * Return: CARD_DONE, CARD_PIN_WRONG, CARD_PIN_BLOCKED or another card_outcome.
 */
int sw_outcome_verify(uint16_t sw, uint8_t *ret_tries);
/** sw_outcome_code() - of a command that only sets a new code: what the card does not take is
 *  CARD_PIN_REFUSED. @ret_tries as above. */
int sw_outcome_code(uint16_t sw, uint8_t *ret_tries);
/** sw_outcome_old() - of SELECT on a card that speaks GSM 11.11: 9FXX is CARD_DONE, 94XX
 * ABSENT. */
int sw_outcome_old(uint16_t sw);
