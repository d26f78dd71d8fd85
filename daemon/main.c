/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled: the broker between health cards, people, dossiers and applications. Reads its
 * configuration, builds its rooms (broker.c), serves until SIGTERM or SIGINT, and ends in order:
 * every session locked, no child left. The status is 78 (EX_CONFIG) where only a person can help: the
 * configuration is not good, or does not fit the record or the keys that are there.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/events.h"
#include "base/log.h"
#include "daemon/broker.h"
#include "daemon/broker/notify.h"

static const char usage[] =
	"vitaled [--config FILE] [--check]\n"
	"\n"
	"The health card broker: a system service, started by the bus (man 8 vitaled).\n"
	"\n"
	"  --config FILE  read FILE instead of /etc/vitaled/vitaled.conf\n"
	"  --check        read the configuration only: print its folders, or what is wrong as\n"
	"                 FILE:LINE: KEY, and end with 1\n"
	"  --version      print the version\n"
	"  --help         print this\n";

/* Return: 0 go on, 1 done with success, 2 wrong usage. */
static int parse(int argc, char *argv[], const char **ret_path, bool *ret_check)
{
	static const struct option options[] = {
		{"config", required_argument, NULL, 'c'},
		{"check", no_argument, NULL, 'k'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'c') {
			*ret_path = optarg;
		} else if (c == 'k') {
			*ret_check = true;
		} else if (c == 'v') {
			return puts("vitaled " VITALED_VERSION) < 0 ? 2 : 1;
		} else {
			(void)fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 1 : 2;
		}
	}
	return optind == argc ? 0 : 2;
}

/* SIGHUP is the broker's (before it is there, it waits), SIGCHLD belongs to the children. */
static int prepare_loop(sd_event **ret_ev)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGCHLD);
	return trace(events_new(&signals, ret_ev));
}

/* Return: 0, a fault or BROKER_MISCONFIGURED. */
static int run(struct config *config, const char *path)
{
	_cleanup_(events_put) sd_event *ev = NULL;
	struct broker *b = NULL;
	int r;

	r = prepare_loop(&ev);
	if (r < 0) {
		notify_failed(r, "loop");
		return log_fault(r, "loop");
	}
	r = broker_new(ev, config, path, &b);
	if (r != 0) {
		notify_failed(r < 0 ? r : -EINVAL, "start, see the log");
		return r;
	}
	notify_ready(); /* the name is owned */
	log_msg(LOG_INFO, "started", "vitaled %s", VITALED_VERSION);
	r = sd_event_loop(ev);
	notify_stopping();
	broker_free(b);
	log_msg(LOG_INFO, "stopped", "vitaled");
	if (r < 0) {
		notify_failed(r, r == -ECONNRESET ? "bus lost" : "loop");
		return log_fault(fault(r), "loop");
	}
	return 0;
}

/* What the unit takes away as well, for whoever starts this program without one. */
static void give_up(void)
{
	const struct rlimit none = {0};

	if (prctl(PR_SET_DUMPABLE, 0) < 0 || setrlimit(RLIMIT_CORE, &none) < 0 ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		log_msg(LOG_WARNING, "dumpable", "memory may be dumped");
	}
}

/* --check: for whoever asks about the configuration without starting (vitalectl doctor). */
static int tell_check(const struct config *config, int r, const char *where)
{
	if (r != 0) {
		(void)puts(where);
		return EXIT_FAILURE;
	}
	(void)printf("state=%s\nanchors=%s\n", config->state, config->anchors);
	return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char *argv[])
{
	const char *path = NULL;
	bool check = false;
	static struct config config; /* some kilobytes: not on the stack */
	char *where = NULL;
	int r;

	json_setup();
	log_open("vitaled");
	/* what a large message took goes back: by default one of 32 MiB raises this for ever */
	(void)mallopt(M_MMAP_THRESHOLD, 256 * 1024);
	give_up();
	r = parse(argc, argv, &path, &check);
	if (r != 0) {
		return r == 1 ? EXIT_SUCCESS : r;
	}
	r = config_load(path, &config, &where);
	if (check) {
		r = tell_check(&config, r, where ? where : path ? path : "");
		free(where);
		return r;
	}
	if (r != 0) {
		log_msg(LOG_ERR, "configuration", "%s", where ? where : path ? path : "");
		notify_failed(-EINVAL, where ? where : path ? path : "configuration");
		free(where);
		return EX_CONFIG;
	}
	r = run(&config, path);
	return r == 0 ? EXIT_SUCCESS : r == BROKER_MISCONFIGURED ? EX_CONFIG : EXIT_FAILURE;
}
