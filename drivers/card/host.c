/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-card: serves one card of one reader to the broker, over the link on descriptor 3. It is told in
 * its environment who will serve its reader (CARD_USB, base/link-ops.h), pcscd or vitaled-usb: it
 * establishes its only PC/SC context or its only connection to vitaled-usb, never both, gives up
 * everything that it will not need, and only then hears of a card. It dies with the broker, and whatever
 * it knew dies with it.
 *
 * Exit status: 0 after CLOSE or when the broker hung up; 1 the process could not be set up;
 * 2 the filter could not be loaded; 3 the broker sent what is no request, or the link failed; 4 a
 * call into the reader did not come back, and the request was answered by the clock (stuck.h).
 *
 * It may be started long before there is a card: it then sleeps in one recvmsg, with no timer, and
 * keeps its connection. When that service went away meanwhile, or came later, the filter allows no other
 * connection, and OPEN answers CARD_NO_SERVICE, as it does for a reader of the other service: the broker
 * takes a fresh process.
 */
#include <seccomp.h>
#include <stdlib.h>

#include "base/link.h"
#include "drivers/card/serve.h"
#include "drivers/card/stuck.h"
#include "drivers/reader/confine.h"

enum exit_status {
	EXIT_DONE = 0,
	EXIT_SETUP = 1,
	EXIT_FILTER = 2,
	EXIT_LINK = 3,
};

/* Who serves the reader, and the socket to it, -1 where nobody does. */
struct service {
	enum reader_driver driver;
	struct transport *transport;
	int fd;
};

static int confine(const struct service *service)
{
	const struct confine_rule rules[] = {
		/* the PIN comes through a pipe that the broker hands on: a descriptor not known now */
		{SCMP_SYS(read), CONFINE_ANY_FD},
		/* and is closed here, as is any descriptor that came uninvited */
		{SCMP_SYS(close), CONFINE_ANY_FD},
		/* the clock that answers when the reader does not come back */
		{SCMP_SYS(setitimer), CONFINE_ANY_FD},
		/* vitaled-usb's socket; the last two are left out where it is not that */
		{SCMP_SYS(sendto), service->fd},
		{SCMP_SYS(recvmsg), service->fd},
	};
	bool usb = service->driver == READER_DRIVER_USB && service->fd >= 0;
	int pcsc = service->driver == READER_DRIVER_PCSC ? service->fd : -1;

	return trace(
		confine_load(LINK_CHILD_FD, pcsc, rules, ARRAY_LEN(rules) - (usb ? 0 : 2)));
}

static enum exit_status serve(const struct service *service)
{
	struct serve s;
	int r;

	if (serve_init(&s, LINK_CHILD_FD, service->driver, service->transport) < 0) {
		return EXIT_SETUP;
	}
	if (confine(service) < 0) {
		serve_done(&s);
		return EXIT_FILTER;
	}
	r = serve_run(&s);
	serve_done(&s);
	return r == 0 ? EXIT_DONE : EXIT_LINK;
}

/* Return: 0 or a fault. */
static int connect_service(struct service *service)
{
	if (service->driver == READER_DRIVER_USB) {
		return trace(usb_link_new(&service->transport, &service->fd));
	}
	return trace(pcsc_new(&service->transport, &service->fd));
}

int main(void)
{
	struct service service = {
		.driver = getenv(CARD_USB) ? READER_DRIVER_USB : READER_DRIVER_PCSC, .fd = -1};
	enum exit_status status;

	if (confine_start() < 0 || stuck_init(LINK_CHILD_FD) < 0 ||
		connect_service(&service) < 0) {
		confine_exit(EXIT_SETUP);
	}
	status = serve(&service);
	transport_free(service.transport);
	confine_exit((int)status);
}
