/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-watch over pcscd: confine() is the program's own. */
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "drivers/watch/pcsc.c"
#include "tests/unit/confine/denials.h"

static bool confine_all(void)
{
	return confine_start() == 0 && confine(DENIALS_PCSC) == 0;
}

/* The link, pcscd's socket, and whether pcscd's socket is still there. */
static bool work(void)
{
	struct stat st;
	char byte;

	return sendto(DENIALS_LINK, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	       sendto(DENIALS_PCSC, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	       read(DENIALS_PCSC, &byte, 1) == 1 && !tell_hung_up(0) && stat("/", &st) == 0 &&
	       clock_monotonic() > 0;
}

int main(void)
{
	const struct confined_program watch = {PROGRAM_WATCH, confine_all, work};

	return denials_run(&watch, 1);
}
