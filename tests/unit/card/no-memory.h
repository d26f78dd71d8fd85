/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* Memory that runs out on purpose (linker wrap of malloc). */
#include <stdbool.h>

/** no_memory_after() - @n more allocations are given, the one behind them fails, and only that. */
void no_memory_after(unsigned n);
/** no_memory_met() - whether it came to that; from now on nothing fails. */
bool no_memory_met(void);
