/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Clocks, in microseconds. Deadlines use CLOCK_MONOTONIC, lives that go on during sleep
 * CLOCK_BOOTTIME; records carry wall and boot time.
 */
#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"

#define USEC_PER_MS  1000ULL
#define USEC_PER_SEC 1000000ULL

uint64_t clock_monotonic(void);
uint64_t clock_boottime(void);
uint64_t clock_wall(void);
/** clock_boot_id() - 32 hex digits and NUL from /proc/sys/kernel/random/boot_id, or, where the sandbox
 *  hides that file, from the environment's VITALED_BOOT_ID (the unit's %b). */
int clock_boot_id(char ret_id[33]) _must_check_;
/** clock_rfc3339() - "2026-11-21T22:20:57.123456Z" (27 characters and NUL). */
void clock_rfc3339(uint64_t wall, char ret_text[28]);
/** clock_synchronised() - whether the kernel calls the wall clock synchronised (adjtimex), or, where the
 *  sandbox refuses that question, whether systemd-timesyncd does. */
bool clock_synchronised(void);
/** clock_timeout_ms() - for poll(): milliseconds until @deadline, rounded up, 0 when passed. */
int clock_timeout_ms(uint64_t deadline);
