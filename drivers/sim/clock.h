/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The time of the line: how long a number of characters takes at 4 MHz with the parameters of a
 * card's ATR, and how long a reader waits for a silent card (ISO/IEC 7816-3:2006 §8.3, §10, §11).
 */
#include "drivers/card/atr.h"

/** clock_line_us() - microseconds of @characters characters. */
uint64_t clock_line_us(const struct atr *atr, unsigned protocol, size_t characters);
/** clock_silence_us() - microseconds until a reader gives a silent card up. */
uint64_t clock_silence_us(const struct atr *atr, unsigned protocol);
