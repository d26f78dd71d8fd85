/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Calls into the system that fail on purpose (linked with --wrap, see meson.build): memory, clocks,
 * files, sockets, random numbers. Either each with probability 1/400 by a seed that stands in the
 * input, so that 276 calls pass before a failure is likelier than not, or exactly the n-th.
 */
#include "base/buf.h"

#define FAIL_ONE_IN 400U

/** fail_random() - from now on calls fail by @seed; 0: none does. */
void fail_random(uint32_t seed);
/** fail_nth() - the @n-th call from now on fails, and only that. */
void fail_nth(uint64_t n);
/** fail_stop() - nothing fails any more. Return: whether something did since the start. */
bool fail_stop(void);
/** fail_time_passes() - the clocks of an input stand still but for this, and for waiting in vain. */
void fail_time_passes(uint64_t usec);
/** fail_pause() - from now on, until fail_pause(false), no call fails and none is counted. */
void fail_pause(bool paused);
/** fail_now() - for the fakes of a target: whether this call must fail. */
bool fail_now(void);

/* -- a target: what tests/fuzz/harness.c (libFuzzer) and nth.c (one by one) run ------------------ */

/** target_run() - one input, without its seed. Whatever happens, nothing may be left open. */
void target_run(struct view in);
/** target_silent() - whether the next poll() shall find nothing; a target may have one. */
bool target_silent(void);
/** target_mutate() - what changes an input instead of libFuzzer's own mutator; a target may have
 *  one, in a file that its nth- program is not linked with. Return: the new size. */
size_t target_mutate(uint8_t *data, size_t size, size_t max_size, unsigned seed);
