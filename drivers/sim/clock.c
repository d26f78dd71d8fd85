/* SPDX-License-Identifier: EUPL-1.2 */
/* Line time in microseconds, from the ATR's parameters at 4 MHz. Pure. */
#include "drivers/sim/clock.h"

#define NS_PER_US 1000U

uint64_t clock_line_us(const struct atr *atr, unsigned protocol, size_t characters)
{
	return atr_character_ns(atr, protocol, ATR_FREQUENCY) * characters / NS_PER_US;
}

uint64_t clock_silence_us(const struct atr *atr, unsigned protocol)
{
	return atr_waiting_ns(atr, protocol, ATR_FREQUENCY) / NS_PER_US;
}
