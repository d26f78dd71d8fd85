/* SPDX-License-Identifier: EUPL-1.2 */
/* vitaled-watch over vitaled-usb: confine() is the program's own. */
#include "drivers/watch/usb.c"
#include "tests/unit/confine/denials.h"

static bool confine_all(void)
{
	return confine_start() == 0 && confine(DENIALS_USB) == 0;
}

/* The link, vitaled-usb's socket, the clock. */
static bool work(void)
{
	char byte;
	struct iovec in = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {.msg_iov = &in, .msg_iovlen = 1};

	return sendto(DENIALS_LINK, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	       sendto(DENIALS_USB, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	       recvmsg(DENIALS_USB, &m, 0) == 1 && !tell_hung_up(0) && clock_monotonic() > 0;
}

int main(void)
{
	const struct confined_program watch = {PROGRAM_WATCH_USB, confine_all, work};

	return denials_run(&watch, 1);
}
