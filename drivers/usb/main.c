/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * vitaled-usb: card readers without pcscd. It serves slots to the broker's processes over the
 * socket that systemd hands it (base/link-usb.h), knows nothing of sessions or people, and
 * keeps nothing. It takes what it needs (the socket, libusb with its thread, threads of its own),
 * gives up the rest, and only then hears of a reader. At its end cards lose their power and readers
 * are released.
 *
 * Exit status: 0 SIGTERM, or nobody used it any more; 1 it could not be set up, or its loop
 * failed; 2 wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/events.h"
#include "base/log.h"
#include "base/restrain.h"
#include "drivers/reader/confine.h"
#include "drivers/usb/confine.h"
#include "drivers/usb/list.h"
#include "drivers/usb/serve.h"

#define PEER	  "vitaled" /* the broker's user */
#define FILES_MAX 512U	    /* 64 connections, 32 readers */
#define MEMORY_MAX                                                                             \
	(512UL * 1024UL *                                                                      \
		1024UL) /* address space; 16 MB are mapped at work, and 8 MB of stacks */
#define LOCKED_MAX (64UL * 1024UL)
#define WRITTEN_MAX                                                                            \
	(1024UL * 1024UL) /* bytes: what it tells the journal, where that is a file */

static const char usage[] =
	"vitaled-usb [--socket PATH] [--peer USER]\n"
	"vitaled-usb --list [--serials]\n"
	"\n"
	"Card readers without pcscd: a system service, started by its socket (man 8 "
	"vitaled-usb).\n"
	"\n"
	"  --list         print the card readers that are plugged in, in words, and end\n"
	"  --serials      with --list: their serial numbers too\n"
	"  --socket PATH  listen there, and at PATH-watch, instead of on systemd's sockets\n"
	"  --peer USER    whose connections are taken besides root's (vitaled; with --socket "
	"one's own)\n"
	"  --version      print the version\n"
	"  --help         print this\n";

struct options {
	const char *socket, *peer;
	char *watch; /* path of watches, with --socket */
	bool list, serials;
};

/* Return: 0 go on, 1 done with success, 2 wrong usage. */
static int parse(int argc, char *argv[], struct options *o)
{
	static const struct option options[] = {
		{"list", no_argument, NULL, 'l'},
		{"serials", no_argument, NULL, 'n'},
		{"socket", required_argument, NULL, 's'},
		{"peer", required_argument, NULL, 'p'},
		{"version", no_argument, NULL, 'v'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'l') {
			o->list = true;
		} else if (c == 'n') {
			o->serials = true;
		} else if (c == 's') {
			o->socket = optarg;
		} else if (c == 'p') {
			o->peer = optarg;
		} else if (c == 'v') {
			return puts("vitaled-usb " VITALED_VERSION) < 0 ? 2 : 1;
		} else {
			(void)fputs(usage, c == 'h' ? stdout : stderr);
			return c == 'h' ? 1 : 2;
		}
	}
	return optind == argc && (!o->serials || o->list) ? 0 : 2;
}

/* -- the list ------------------------------------------------------------------------------ */

static void on_came(void *user, struct usb_device *d)
{
	(void)user;
	(void)d;
}

/* Nothing is claimed: nothing else is ever called. */
static const struct usb_ops list_ops = {.came = on_came, .left = on_came};

static int list(bool serials)
{
	_cleanup_(events_put) sd_event *ev = NULL;
	struct usb *u = NULL;
	int r;

	r = sd_event_new(&ev);
	r = r < 0 ? fault(r) : usb_new(ev, &list_ops, NULL, &u);
	if (r == 0) {
		r = sd_event_run(ev, 0); /* the first look */
		r = r < 0 ? fault(r) : list_print(u, serials, stdout);
	}
	(void)usb_free(u);
	if (r == 0 && fflush(stdout) != 0) {
		r = fault(-EIO);
	}
	return r < 0 ? log_fault(r, "usb-start") : 0;
}

/* -- the service --------------------------------------------------------------------------- */

static int bind_to(int fd, const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	if (view_copy_str(view_str(path), a.sun_path, sizeof(a.sun_path)) != 0) {
		return fault(-ENAMETOOLONG);
	}
	(void)unlink(path);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 ||
		listen(fd, (int)SERVE_CONNECTIONS_MAX) < 0) {
		return fault(-errno);
	}
	return 0;
}

static int socket_at(const char *path, int *ret_fd)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int r;

	if (fd < 0) {
		return fault(-errno);
	}
	r = bind_to(fd, path);
	if (r < 0) {
		(void)close(fd);
		return trace(r);
	}
	*ret_fd = fd;
	return 0;
}

/* Whether @fd listens at a path of watches. */
static bool of_watches(int fd)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct view path, suffix = view_str(LINK_USB_WATCH_SUFFIX);
	socklen_t len = sizeof(a);

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0) {
		return false;
	}
	path = view_of((const uint8_t *)a.sun_path, strnlen(a.sun_path, sizeof(a.sun_path)));
	return path.len > suffix.len &&
	       view_equal(view_of(path.data + (path.len - suffix.len), suffix.len), suffix);
}

/* systemd's two, told apart by their paths, in whatever order they come. */
static int sockets_of_systemd(int *ret_cards, int *ret_watches)
{
	const int a = SD_LISTEN_FDS_START, b = SD_LISTEN_FDS_START + 1;

	if (sd_listen_fds(1) != 2 || sd_is_socket_unix(a, SOCK_SEQPACKET, 1, NULL, 0) <= 0 ||
		sd_is_socket_unix(b, SOCK_SEQPACKET, 1, NULL, 0) <= 0 ||
		of_watches(a) == of_watches(b)) {
		return fault(-ENOTSOCK);
	}
	*ret_cards = of_watches(a) ? b : a;
	*ret_watches = of_watches(a) ? a : b;
	return 0;
}

/* The sockets at @o's path and with the suffix behind it; without one systemd's. */
static int listening_sockets(const struct options *o, int *ret_cards, int *ret_watches)
{
	int cards;
	int r;

	if (!o->socket) {
		return trace(sockets_of_systemd(ret_cards, ret_watches));
	}
	r = socket_at(o->socket, &cards);
	if (r < 0) {
		return trace(r);
	}
	r = socket_at(o->watch, ret_watches);
	if (r < 0) {
		(void)close(cards);
		return trace(r);
	}
	*ret_cards = cards;
	return 0;
}

/* Whose connections are taken. */
static int peer_uid(const struct options *o, uid_t *ret)
{
	const struct passwd *one;

	if (!o->peer && o->socket) {
		*ret = getuid();
		return 0;
	}
	one = getpwnam(o->peer ? o->peer : PEER);
	if (!one) {
		return fault(-ENOENT);
	}
	*ret = one->pw_uid;
	return 0;
}

/* libusb's thread and ours must be there before: none can be made afterwards. */
static int give_up(void)
{
	const struct restrain most = {.files = FILES_MAX,
		.memory = MEMORY_MAX,
		.locked = LOCKED_MAX,
		.size = WRITTEN_MAX};
	int r = restrain(&most);

	return r < 0 ? trace(r) : trace(usb_confine());
}

static int serve_until_end(const struct options *o)
{
	_cleanup_(events_put) sd_event *ev = NULL;
	struct serve *s = NULL;
	sigset_t none;
	uid_t uid = 0;
	int cards = -1, watches = -1;
	int r;

	sigemptyset(&none);
	r = events_new(&none, &ev);
	if (r == 0) {
		r = peer_uid(o, &uid);
	}
	if (r == 0) {
		r = listening_sockets(o, &cards, &watches);
	}
	if (r == 0) {
		r = serve_new(ev, cards, watches, uid, o->socket != NULL, &s);
	}
	if (r == 0) {
		r = give_up();
	}
	if (r < 0) {
		(void)serve_free(s);
		return log_fault(r, "usb-start");
	}
	(void)sd_notify(0, "READY=1\nSTATUS=Serving card readers");
	log_msg(LOG_INFO, "usb-started", "vitaled-usb %s", VITALED_VERSION);
	r = sd_event_loop(ev);
	(void)sd_notify(0, "STOPPING=1");
	(void)serve_free(s);
	if (o->socket) {
		(void)unlink(o->socket);
		(void)unlink(o->watch);
	}
	log_msg(LOG_INFO, "usb-stopped", "vitaled-usb");
	return r < 0 ? log_fault(fault(r), "usb-start") : 0;
}

int main(int argc, char *argv[])
{
	struct options o = {.socket = NULL};
	int r;

	log_open("vitaled-usb");
	(void)mallopt(M_ARENA_MAX, 1); /* threads need none of their own */
	r = parse(argc, argv, &o);
	if (r != 0) {
		return r == 1 ? EXIT_SUCCESS : r;
	}
	if (o.socket && asprintf(&o.watch, "%s" LINK_USB_WATCH_SUFFIX, o.socket) < 0) {
		confine_exit(EXIT_FAILURE);
	}
	r = o.list ? list(o.serials) : serve_until_end(&o);
	free(o.watch);
	confine_exit(r == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
}
