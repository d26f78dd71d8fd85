/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled: the broker between health cards, people, dossiers and applications. Reads its
 * configuration, builds its rooms (broker.c), serves until SIGTERM or SIGINT, and ends in order:
 * every session locked, no child left.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/log.h"
#include "daemon/broker.h"

static const char usage[] =
	"vitaled [--config FILE]\n"
	"\n"
	"The health card broker: a system service, started by the bus (man 8 vitaled).\n"
	"\n"
	"  --config FILE  read FILE instead of /etc/vitaled/vitaled.conf\n"
	"  --version      print the version\n"
	"  --help         print this\n";

static void event_put(sd_event **ev)
{
	*ev = sd_event_unref(*ev);
}

/* Return: 0 go on, 1 done with success, 2 wrong usage. */
static int parse(int argc, char *argv[], const char **ret_path)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c') {
			*ret_path = optarg;
		} else if (c == 'v') {
			return puts("vitaled " VITALED_VERSION) < 0 ? 2 : 1;
		} else {
			(void)fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 1 : 2;
		}
	}
	return optind == argc ? 0 : 2;
}

/* Signals come through the loop: SIGTERM and SIGINT end it, SIGCHLD belongs to the children. */
static int prepare_loop(sd_event **ret_ev)
{
	sigset_t signals;
	int r;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGCHLD);
	if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0 || signal(SIGPIPE, SIG_IGN) == SIG_ERR) {
		return fault(-errno);
	}
	r = sd_event_new(ret_ev);
	if (r >= 0) {
		r = sd_event_add_signal(*ret_ev, NULL, SIGTERM, NULL, NULL);
	}
	if (r >= 0) {
		r = sd_event_add_signal(*ret_ev, NULL, SIGINT, NULL, NULL);
	}
	if (r >= 0) {
		r = sd_event_set_watchdog(*ret_ev, true); /* only when systemd asks for it */
	}
	return r < 0 ? fault(r) : 0;
}

static int run(const struct config *config)
{
	_cleanup_(event_put) sd_event *ev = NULL;
	struct broker *b = NULL;
	int r;

	r = prepare_loop(&ev);
	if (r < 0) {
		return log_fault(r, "loop");
	}
	r = broker_new(ev, config, &b);
	if (r < 0) {
		return r;
	}
	(void)sd_notify(0, "READY=1");
	log_msg(LOG_INFO, "started", "vitaled %s", VITALED_VERSION);
	r = sd_event_loop(ev);
	(void)sd_notify(0, "STOPPING=1");
	broker_free(b);
	log_msg(LOG_INFO, "stopped", "vitaled");
	return r < 0 ? log_fault(fault(r), "loop") : r;
}

int main(int argc, char *argv[])
{
	const char *path = NULL;
	static struct config config; /* some kilobytes: not on the stack */
	char *where = NULL;
	int r;

	json_setup();
	log_open("vitaled");
	if (prctl(PR_SET_DUMPABLE, 0) < 0) {
		log_msg(LOG_WARNING, "dumpable", "memory may be dumped");
	}
	r = parse(argc, argv, &path);
	if (r != 0) {
		return r == 1 ? EXIT_SUCCESS : r;
	}
	r = config_load(path, &config, &where);
	if (r != 0) {
		log_msg(LOG_ERR, "configuration", "%s", where ? where : path ? path : "");
		free(where);
		return EXIT_FAILURE;
	}
	return run(&config) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
