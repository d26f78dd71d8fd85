/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The other side of a target (fail.h): every file of the folder given is run once without a
 * failure, then with its first, second, third ... call failing, until a run meets no failure.
 * The sanitizers judge; a descriptor that is left open is an error here.
 *
 * usage: nth-TARGET FOLDER    prints how many runs and how many calls were made to fail
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/fuzz/fail.h"
#include "tests/fuzz/folder.h"

#define SEED 4U
#define FDS  64
#define MOST 100000UL /* calls of one run */

static unsigned long long runs;

static unsigned descriptors(void)
{
	unsigned n = 0;

	for (int fd = 0; fd < FDS; fd++) {
		n += fcntl(fd, F_GETFD) >= 0;
	}
	return n;
}

static void run_all(struct view in)
{
	unsigned before = descriptors();
	bool again = true;

	fail_nth(0);
	target_run(in);
	fail_stop();
	for (unsigned long n = 1; again && n <= MOST; n++) {
		fail_nth(n);
		target_run(in);
		again = fail_stop();
		runs++;
		if (descriptors() != before) {
			fprintf(stderr, "a descriptor is left open when call %lu fails\n", n);
			abort();
		}
	}
}

static void run_input(struct view file)
{
	run_all(view_sub(file, 0, file.len < SEED ? file.len : file.len - SEED));
}

int main(int argc, char **argv)
{
	unsigned files;

	if (argc != 2) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	files = folder_each(argv[1], run_input);
	printf("%u inputs, %llu runs with a failing call\n", files, runs);
	return 0;
}
