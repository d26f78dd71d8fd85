/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-card: serves one card of one reader to the broker, over the link on descriptor 3. It
 * establishes its only PC/SC context, gives up everything that it will not need, and only then
 * hears of a card. It dies with the broker, and whatever it knew dies with it.
 *
 * Exit status: 0 after CLOSE or when the broker hung up; 1 the process could not be set up;
 * 2 the filter could not be loaded; 3 the broker sent what is no request, or the link failed; 4 a
 * call into the reader did not come back, and the request was answered by the clock (stuck.h).
 *
 * It may be started long before there is a card: it then sleeps in one recvmsg, with no timer, and
 * keeps its context. When pcscd went away meanwhile the context is dead, the filter allows no other,
 * and OPEN answers CARD_NO_SERVICE: the broker takes a fresh process.
 */
#include <seccomp.h>

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

static int confine(int pcsc)
{
	static const struct confine_rule rules[] = {
		/* the PIN comes through a pipe that the broker hands on: a descriptor not known now */
		{SCMP_SYS(read), CONFINE_ANY_FD},
		/* and is closed here, as is any descriptor that came uninvited */
		{SCMP_SYS(close), CONFINE_ANY_FD},
		/* the clock that answers when the reader does not come back */
		{SCMP_SYS(setitimer), CONFINE_ANY_FD},
	};

	return trace(confine_load(LINK_CHILD_FD, pcsc, rules, ARRAY_LEN(rules)));
}

static enum exit_status serve(struct transport *t, int pcsc)
{
	struct serve s;
	int r;

	if (serve_init(&s, LINK_CHILD_FD, t) < 0) {
		return EXIT_SETUP;
	}
	if (confine(pcsc) < 0) {
		serve_done(&s);
		return EXIT_FILTER;
	}
	r = serve_run(&s);
	serve_done(&s);
	return r == 0 ? EXIT_DONE : EXIT_LINK;
}

int main(void)
{
	struct transport *t = NULL;
	enum exit_status status;
	int pcsc = -1;

	if (confine_start() < 0 || stuck_init(LINK_CHILD_FD) < 0 || pcsc_new(&t, &pcsc) < 0) {
		confine_exit(EXIT_SETUP);
	}
	status = serve(t, pcsc);
	transport_free(t);
	confine_exit((int)status);
}
