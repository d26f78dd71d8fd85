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

uint64_t clock_due(uint64_t *late_us, uint64_t arrival, uint64_t line_us)
{
	uint64_t made_up = *late_us < line_us ? *late_us : line_us;

	*late_us -= made_up;
	return arrival + line_us - made_up;
}

void clock_sent(uint64_t *late_us, uint64_t due, uint64_t now)
{
	if (now > due)
		*late_us += now - due;
}
