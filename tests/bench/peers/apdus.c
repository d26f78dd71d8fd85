/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * What `run bench usb` sends APDUs with, as C programs do: over vitaled-usb by the transport of a card's own
 * process, or over pcscd by libpcsclite and nothing else. Each line of standard input, "TIMES HEX", is one
 * command sent so often; answered by the seconds that it took in all.
 *
 * usage: apdus usb|pcsc READER
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <winscard.h>

#include "base/clock.h"
#include "base/hex.h"
#include "drivers/reader/reader.h"

#define OPEN_USEC (10 * USEC_PER_SEC)

static struct transport *transport; /* NULL: by pcscd */
static SCARDHANDLE card;

static void need(bool ok, const char *what)
{
	if (!ok) {
		(void)fprintf(stderr, "apdus: %s\n", what);
		exit(EXIT_FAILURE);
	}
}

static void open_usb(const char *reader)
{
	uint64_t until = clock_monotonic() + OPEN_USEC;
	int fd, r;

	need(usb_link_new(&transport, &fd) == 0 && fd >= 0, "no vitaled-usb");
	while ((r = transport->ops->open(transport, reader, true, until)) == TRANSPORT_GONE &&
		clock_monotonic() < until) {
		(void)usleep(20000); /* the card has not been seen yet */
	}
	need(r == 0, "the card cannot be opened");
}

static void open_pcsc(const char *reader)
{
	SCARDCONTEXT context;
	DWORD protocol;

	need(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &context) == SCARD_S_SUCCESS,
		"no pcscd");
	need(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, &card,
		     &protocol) == SCARD_S_SUCCESS,
		"the card cannot be opened");
}

static void send_usb(struct view command)
{
	_cleanup_(buf_done) struct buf answer = BUF_NULL(TRANSPORT_ANSWER_MAX);

	need(transport->ops->transmit(transport, command, 0, &answer) == 0, "no answer");
}

static void send_pcsc(struct view command)
{
	uint8_t answer[TRANSPORT_ANSWER_MAX];
	DWORD len = sizeof(answer);

	need(SCardTransmit(card, SCARD_PCI_T0, command.data, command.len, NULL, answer, &len) ==
			SCARD_S_SUCCESS,
		"no answer");
}

int main(int argc, char **argv)
{
	char hex[64];
	unsigned times;

	need(argc == 3 && (strcmp(argv[1], "usb") == 0 || strcmp(argv[1], "pcsc") == 0),
		"usage: apdus usb|pcsc READER");
	if (strcmp(argv[1], "usb") == 0) {
		open_usb(argv[2]);
	} else {
		open_pcsc(argv[2]);
	}
	(void)puts("open");
	(void)fflush(stdout);
	while (scanf("%u %63s", &times, hex) == 2) {
		_cleanup_(buf_done) struct buf command = BUF_NULL(sizeof(hex));
		uint64_t before;

		need(hex_decode(&command, view_str(hex)) == 0, "no command");
		before = clock_monotonic();
		for (unsigned i = 0; i < times; i++) {
			if (transport) {
				send_usb(buf_view(&command));
			} else {
				send_pcsc(buf_view(&command));
			}
		}
		(void)printf(
			"%.6f\n", (double)(clock_monotonic() - before) / (double)USEC_PER_SEC);
		(void)fflush(stdout);
	}
	if (transport) {
		transport->ops->close(transport, false);
		transport_free(transport);
	} else {
		(void)SCardDisconnect(card, SCARD_RESET_CARD);
	}
	return EXIT_SUCCESS;
}
