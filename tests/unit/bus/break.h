/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Failures on demand: the linker sends the functions of break.c through here. They fail only while
 * the service runs (bed_turn() and break_on()), never for the clients of the tests.
 */
#include <stdbool.h>

/** break_at() - the @n-th wrapped call from now fails, then none. */
void break_at(unsigned int n);
void break_on(bool on);
bool break_done(void); /* it has failed */
