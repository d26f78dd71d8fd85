/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitale-sim: simulated cards in simulated readers. Options and start only; what it
 * does is in server.c, what it plays in os.c and the cards' files. Needs no privilege.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "drivers/sim/options.h"
#include "drivers/sim/server.h"

static void on_signal(_unused_ int number)
{
	server_stop();
}

static void catch_signals(void)
{
	const struct sigaction stop = {.sa_handler = on_signal};
	const struct sigaction ignore = {.sa_handler = SIG_IGN};

	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static int put_cards(struct server *s, const struct options *o)
{
	for (size_t i = 0; i < SLOTS_MAX; i++) {
		int r = o->slots[i] ? slot_insert(&s->slots[i], o->slots[i]) : 0;

		if (r > 0)
			log_msg(LOG_ERR, "card-absent", "slot %zu: no such card: %s", i,
				o->slots[i]);
		if (r)
			return r > 0 ? fault(-ENOENT) : trace(r);
	}
	return 0;
}

static int tell_ready(int fd)
{
	if (fd < 0)
		return 0;
	if (write(fd, "\n", 1) != 1)
		return fault(-errno);
	close(fd);
	return 0;
}

static int serve(const struct options *o)
{
	struct server *s = NULL;
	int r;

	catch_signals();
	r = server_new(&o->server, &s);
	if (!r)
		r = put_cards(s, o);
	if (!r)
		r = tell_ready(o->ready_fd);
	if (!r)
		r = server_run(s);
	server_free(s);
	return trace(r);
}

int main(int argc, char **argv)
{
	struct options o;
	int r;

	json_setup();
	log_open("vitale-sim");
	r = options_parse(argc, argv, &o);
	if (r == OPTIONS_DONE)
		return 0;
	if (r)
		return 2;
	r = o.personalise ? options_personalise(&o) : serve(&o);
	options_done(&o);
	if (r < 0)
		log_fault(r, "vitale-sim-failed");
	return r ? 1 : 0;
}
