/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Memory, descriptors and event sources that run out: calls of the rooms under test that may fail
 * are counted, and one of them fails. What the test itself calls (between memory_pause() and
 * memory_resume()) is neither counted nor fails.
 */
#include <stdint.h>
#include <time.h>

extern uint64_t world_hurry; /* divides the waits of sd_event_add_time_relative(); 1: none */
extern uint64_t world_hurry_requests; /* of sd_event_source_set_time_relative(): child.c's */
extern uint64_t world_wall;	      /* what clock_wall() says, microseconds; 0: the truth */
extern uint64_t world_slept; /* what the machine has slept, as clock_boottime() tells it */
/* clocks of the last timer at a point in time, and of the last one of at least 60 s from now */
extern clockid_t world_clock_at;
extern clockid_t world_clock_long;

void memory_arm(unsigned int nth); /* the @nth from now fails once; 0: none */
unsigned int memory_count(void);   /* calls since then */
void memory_pause(void);
void memory_resume(void);
