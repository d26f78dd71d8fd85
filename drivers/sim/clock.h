/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * The time of the line: how long a number of characters takes at 4 MHz with the parameters of a
 * card's ATR, and how long a reader waits for a silent card (ISO/IEC 7816-3:2006 §8.3, §10,
 * §11).
 *
 * A process wakes up after the time it asked for, never before. What an answer went out too
 * late is remembered and taken off the next ones, so that many short commands take together
 * what the line needs for them: the n-th answer is late by one wake-up, not by n.
 */
#include "drivers/card/atr.h"

/** clock_line_us() - microseconds of @characters characters. */
uint64_t clock_line_us(const struct atr *atr, unsigned protocol, size_t characters);
/** clock_silence_us() - microseconds until a reader gives a silent card up. */
uint64_t clock_silence_us(const struct atr *atr, unsigned protocol);
/**
 * clock_due() - when the answer to a command is due
 * @late_us: what earlier answers went out too late; what is made up for is taken off
 * @arrival: of the command, CLOCK_MONOTONIC microseconds
 * @line_us: what the exchange takes on the line
 */
uint64_t clock_due(uint64_t *late_us, uint64_t arrival, uint64_t line_us);
/** clock_sent() - an answer that was due at @due went out at @now. */
void clock_sent(uint64_t *late_us, uint64_t due, uint64_t now);
