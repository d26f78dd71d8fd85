/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * For the fault list: a wall clock that can be set, in the one program that this is preloaded into.
 * VITALED_TEST_CLOCK names a file with the seconds to add, in decimal; without it the truth is told.
 * Compiled by tests/integration/test_fault_list.py; never installed.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static time_t shift(void)
{
	const char *path = getenv("VITALED_TEST_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char text[32];
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof(text) - 1);
	time_t seconds = 0;

	if (fd >= 0)
		(void)close(fd);
	for (ssize_t i = n > 0 && text[0] == '-'; i < n && text[i] >= '0' && text[i] <= '9';
		i++)
		seconds = seconds * 10 + (text[i] - '0');
	return n > 0 && text[0] == '-' ? -seconds : seconds;
}

int clock_gettime(clockid_t clock, struct timespec *ret)
{
	int r = (int)syscall(SYS_clock_gettime, clock, ret);

	if (r == 0 && clock == CLOCK_REALTIME)
		ret->tv_sec += shift();
	return r;
}
