/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-card, its main under another name: confine() is the program's own. */
#include <stdnoreturn.h>

noreturn int host_main(void);

#define main host_main
#include "drivers/card/host.c"
#undef main

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "tests/unit/confine/denials.h"

static bool confine_all(void)
{
	return confine_start() == 0 && confine(DENIALS_PCSC) == 0;
}

/* The link and pcscd's socket, a pipe that came, memory, the clock that answers for a stuck reader. */
static bool work(void)
{
	const struct itimerval second = {.it_value = {.tv_sec = 1}}, none = {0};
	struct buf b = BUF_NULL(8000000);
	uint8_t pin[4];
	bool ok;

	ok = sendto(DENIALS_LINK, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	     sendto(DENIALS_PCSC, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	     read(DENIALS_OTHER, pin, sizeof(pin)) == 4 && close(DENIALS_OTHER) == 0 &&
	     buf_extend(&b, 3000000) && setitimer(ITIMER_REAL, &second, NULL) == 0 &&
	     setitimer(ITIMER_REAL, &none, NULL) == 0 && clock_monotonic() > 0;
	buf_done(&b);
	return ok;
}

int main(void)
{
	const struct confined_program card = {PROGRAM_CARD, confine_all, work};

	return denials_run(&card, 1);
}
