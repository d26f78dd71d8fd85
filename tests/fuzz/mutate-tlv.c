/* SPDX-License-Identifier: EUPL-1.2 */
/* libFuzzer's mutator of targets whose input is BER-TLV, behind one byte that is not. */
#include "tests/fuzz/mutate-objects.h"

#define ROOM 8192U

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	_cleanup_(buf_done) struct buf out = BUF_NULL(ROOM);
	size_t n;

	mutate_seed(seed);
	if (size < 2 || max_size < 2 || mutate_pick(4) == 0) {
		return LLVMFuzzerMutate(data, size, max_size);
	}
	if (mutate_pick(6) == 0) {
		buf_put(&out, data + 1, size - 1);
		mutate_put_object(&out);
	} else {
		mutate_objects(view_of(data + 1, size - 1), &out);
	}
	n = out.len < max_size - 1 ? out.len : max_size - 1;
	bytes_copy(data + 1, max_size - 1, out.data, n);
	return n + 1;
}
