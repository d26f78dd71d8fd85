/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Memory, descriptors and event sources that run out: calls of the rooms under test that may fail
 * are counted, and one of them fails. What the test itself calls (between memory_pause() and
 * memory_resume()) is neither counted nor fails.
 */
#include <stdint.h>

extern uint64_t world_hurry; /* divides the waits of sd_event_add_time_relative(); 1: none */

void memory_arm(unsigned int nth); /* the @nth from now fails once; 0: none */
unsigned int memory_count(void);   /* calls since then */
void memory_pause(void);
void memory_resume(void);
