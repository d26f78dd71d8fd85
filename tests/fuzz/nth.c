/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The other side of a target (fail.h): every file of the folder given is run once without a
 * failure, then with its first, second, third ... call failing, until a run meets no failure.
 * The sanitizers judge; a descriptor that is left open is an error here.
 *
 * usage: nth-TARGET FOLDER    prints how many runs and how many calls were made to fail
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fuzz/fail.h"

#define INPUT_MAX (1024U * 1024U)
#define SEED	  4U
#define FDS	  64
#define MOST	  100000UL /* calls of one run */

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

static void run_file(int folder, const char *name)
{
	static uint8_t bytes[INPUT_MAX];
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, bytes, sizeof(bytes));

	if (fd >= 0) {
		close(fd);
	}
	if (n < 0) {
		perror(name);
		exit(1);
	}
	run_all(view_of(bytes, (size_t)n < SEED ? (size_t)n : (size_t)n - SEED));
}

int main(int argc, char **argv)
{
	DIR *folder = argc > 1 ? opendir(argv[1]) : NULL;
	struct dirent *e;
	unsigned files = 0;

	if (!folder) {
		fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
		return 2;
	}
	while ((e = readdir(folder)) != NULL) {
		if (e->d_name[0] != '.') {
			run_file(dirfd(folder), e->d_name);
			files++;
		}
	}
	closedir(folder);
	printf("%u inputs, %llu runs with a failing call\n", files, runs);
	return 0;
}
