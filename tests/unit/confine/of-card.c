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

static bool confine_for_pcscd(void)
{
	const struct service service = {.driver = READER_DRIVER_PCSC, .fd = DENIALS_PCSC};

	return confine_start() == 0 && confine(&service) == 0;
}

static bool confine_for_vitaled_usb(void)
{
	const struct service service = {.driver = READER_DRIVER_USB, .fd = DENIALS_USB};

	return confine_start() == 0 && confine(&service) == 0;
}

/* The link, a pipe that came, memory, the clock that answers for a stuck reader. */
static bool work(void)
{
	const struct itimerval second = {.it_value = {.tv_sec = 1}}, none = {0};
	struct buf b = BUF_NULL(8000000);
	uint8_t pin[4];
	bool ok;

	ok = sendto(DENIALS_LINK, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	     read(DENIALS_OTHER, pin, sizeof(pin)) == 4 && close(DENIALS_OTHER) == 0 &&
	     buf_extend(&b, 3000000) && setitimer(ITIMER_REAL, &second, NULL) == 0 &&
	     setitimer(ITIMER_REAL, &none, NULL) == 0 && clock_monotonic() > 0;
	buf_done(&b);
	return ok;
}

static bool work_with_pcscd(void)
{
	return sendto(DENIALS_PCSC, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 && work();
}

static bool work_with_vitaled_usb(void)
{
	uint8_t byte;
	struct iovec in = {.iov_base = &byte, .iov_len = 1};
	struct msghdr m = {.msg_iov = &in, .msg_iovlen = 1};

	return sendto(DENIALS_USB, "x", 1, MSG_NOSIGNAL, NULL, 0) == 1 &&
	       recvmsg(DENIALS_USB, &m, 0) == 1 && work();
}

int main(void)
{
	const struct confined_program cards[] = {
		{PROGRAM_CARD, confine_for_pcscd, work_with_pcscd},
		{PROGRAM_CARD_USB, confine_for_vitaled_usb, work_with_vitaled_usb},
	};

	return denials_run(cards, ARRAY_LEN(cards));
}
