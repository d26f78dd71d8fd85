/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * In libFuzzer's place where the compiler has none (gcc, whose counters the coverage lane reads):
 * every input of the folder once.
 *
 * usage: fuzz-TARGET FOLDER
 */
#include <stdio.h>

#include "tests/fuzz/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);

/* the mutators are linked, nobody calls them */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size)
{
	(void)data, (void)max_size;
	return size;
}

static void run(struct view in)
{
	(void)LLVMFuzzerTestOneInput(in.data, in.len);
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	printf("%u inputs\n", folder_each(argv[1], run));
	return 0;
}
