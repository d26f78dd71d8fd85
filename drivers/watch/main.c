/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-watch: tells the broker which readers and cards are there, over the link on descriptor 3: those
 * of pcscd (pcsc.c), or, with WATCH_USB in its environment, those of vitaled-usb (usb.c). It ends with the
 * broker, and when who serves the readers goes away.
 *
 * Exit status: enum watch_exit.
 */
#include <stdlib.h>

#include "drivers/reader/confine.h"
#include "drivers/watch/watch.h"

int main(void)
{
	bool guard = getenv(WATCH_GUARD) != NULL;

	if (confine_start() < 0) {
		confine_exit(WATCH_EXIT_SETUP);
	}
	confine_exit((int)(getenv(WATCH_USB) ? watch_usb(guard) : watch_pcsc(guard)));
}
