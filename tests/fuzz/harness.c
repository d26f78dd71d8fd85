/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * libFuzzer's side of a target (fail.h) whose calls may fail: the last four bytes of an input are
 * the seed. Every eighth mutation touches the seed alone, so that a good input meets every failure.
 */
#include "tests/fuzz/fail.h"

#define SEED 4U

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

__attribute__((weak)) size_t target_mutate(
	uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	(void)seed;
	return LLVMFuzzerMutate(data, size, max_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct view in = view_of(data, size);
	struct reader r = reader_of(view_last(in, size < SEED ? 0 : SEED));

	fail_random(reader_u32(&r));
	target_run(size < SEED ? in : view_sub(in, 0, size - SEED));
	fail_stop();
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	uint8_t kept[SEED] = {0};
	size_t body;
	size_t n;

	if (size < SEED || max_size < 2 * SEED) {
		return LLVMFuzzerMutate(data, size, max_size);
	}
	body = size - SEED;
	if (seed % 8 == 0) {
		(void)LLVMFuzzerMutate(data + body, SEED, SEED);
		return size;
	}
	if (seed % 8 != 1) { /* 1: nothing fails */
		bytes_copy(kept, sizeof(kept), data + body, SEED);
	}
	n = target_mutate(data, body, max_size - SEED, seed / 8);
	bytes_copy(data + n, max_size - n, kept, SEED);
	return n + SEED;
}
