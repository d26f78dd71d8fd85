/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-feed: its filter.c. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/trust/feed/filter.h"
#include "tests/unit/confine/denials.h"

static bool confine_all(void)
{
	return filter_limits() == 0 && filter_load() == 0;
}

/* The link, memory, a line about a fault. */
static bool work(void)
{
	void *p = malloc((size_t)64 * 1024 * 1024);
	bool ok = p && sendto(DENIALS_LINK, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
		  write(STDERR_FILENO, "", 0) == 0 && clock_monotonic() > 0;

	free(p);
	return ok && close(DENIALS_OTHER) == 0;
}

int main(void)
{
	const struct confined_program feed = {PROGRAM_FEED, confine_all, work};

	return denials_run(&feed, 1);
}
