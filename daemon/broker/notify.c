/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * The state of the service in one line, for `systemctl status`: numbers and words, nothing of a person.
 * Whoever changes something only says so; the line is made when the loop has nothing else to do, and
 * sent when it differs from the one before. sd_notify(3) waits for ever where nobody reads the socket, and
 * anybody may fill systemd's: a line without room is left to the next change, and a step of the service's
 * life waits for room no longer than LIMIT_NOTIFY.
 */
#include "daemon/broker/notify.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/limits.h"

#define TEXT_MAX 1024U

struct notify {
	struct cards *cards;
	struct sessions *sessions;
	sd_event_source *turn;
	char told[160];
};

/* -- the socket ----------------------------------------------------------------------------------- */

/* $NOTIFY_SOCKET: a path, or a name in the abstract namespace behind an @ */
static int socket_address(struct sockaddr_un *ret, socklen_t *ret_len)
{
	const char *name = secure_getenv("NOTIFY_SOCKET");
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	size_t len = name ? strlen(name) : 0;

	if (len < 2) {
		return -ENOTCONN;
	}
	if (len >= sizeof(a.sun_path) || (*name != '/' && *name != '@')) {
		return -EAFNOSUPPORT;
	}
	bytes_copy(a.sun_path, sizeof(a.sun_path), name, len);
	if (*name == '@') {
		a.sun_path[0] = 0;
	}
	*ret = a;
	/* a path ends in 0, an abstract name where it ends */
	*ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
			       (*name == '/' ? 1 : 0));
	return 0;
}

/* Return: 0, -EAGAIN (no room), or another error: nobody listens. */
static int send_within(int fd, const char *text, uint64_t usec)
{
	uint64_t end = clock_monotonic() + usec;

	for (;;) {
		struct pollfd room = {.fd = fd, .events = POLLOUT};
		uint64_t now;

		if (send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
			return 0;
		}
		if (errno != EAGAIN && errno != EINTR) {
			return -errno;
		}
		now = clock_monotonic();
		if (now >= end) {
			return -EAGAIN;
		}
		(void)poll(&room, 1, (int)((end - now) / 1000U) + 1);
	}
}

/* Where nobody listens, or not in time, the text is lost: what is done does not depend on it. */
static int tell(const char *text, uint64_t usec)
{
	struct sockaddr_un a;
	socklen_t len;
	int fd;
	int r = socket_address(&a, &len);

	if (r < 0) {
		return r;
	}
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0) {
		return -errno;
	}
	r = connect(fd, (const struct sockaddr *)&a, len) < 0 ? -errno
							      : send_within(fd, text, usec);
	(void)close(fd);
	return r;
}

/* -- the line ------------------------------------------------------------------------------------- */

static void count_readers(
	struct cards *cards, unsigned int *ret_readers, unsigned int *ret_cards)
{
	const struct card_reader *r;

	*ret_readers = 0;
	*ret_cards = 0;
	for (size_t i = 0; (r = cards_reader(cards, i)) != NULL; i++) {
		*ret_readers += r->present ? 1 : 0;
		*ret_cards += r->card ? 1 : 0;
	}
}

static void count_sessions(
	struct sessions *sessions, unsigned int *ret_open, unsigned int *ret_unlocked)
{
	*ret_open = 0;
	*ret_unlocked = 0;
	for (struct session *s = sessions_next(sessions, NULL); s;
		s = sessions_next(sessions, s)) {
		enum session_state st = session_state(s);

		*ret_open += session_state_ended(st) ? 0 : 1;
		*ret_unlocked += st == SESSION_STATE_UNLOCKED ? 1 : 0;
	}
}

static int on_turn(sd_event_source *source, void *user)
{
	struct notify *n = user;
	unsigned int readers;
	unsigned int cards;
	unsigned int open;
	unsigned int unlocked;
	char now[sizeof(n->told)];

	(void)source;
	count_readers(n->cards, &readers, &cards);
	count_sessions(n->sessions, &open, &unlocked);
	(void)snprintf(now, sizeof(now),
		"STATUS=readers: %u, cards: %u, sessions: %u, unlocked: %u, reader service: %s",
		readers, cards, open, unlocked, reader_service_word(cards_service(n->cards)));
	if (strcmp(now, n->told) != 0 && tell(now, 0) == 0) {
		bytes_copy(n->told, sizeof(n->told), now, sizeof(now));
	}
	return 0;
}

/* -- when it may have changed ---------------------------------------------------------------------- */

void notify_touch(struct notify *n)
{
	if (n) {
		(void)sd_event_source_set_enabled(n->turn, SD_EVENT_ONESHOT);
	}
}

static void on_service(void *user)
{
	notify_touch(user);
}

static void on_reader(void *user, struct card_reader *r)
{
	(void)r;
	notify_touch(user);
}

static void on_card(void *user, struct card *c)
{
	(void)c;
	notify_touch(user);
}

int notify_new(
	sd_event *ev, struct cards *cards, struct sessions *sessions, struct notify **ret)
{
	static const struct cards_ops ops = {
		.service_changed = on_service,
		.reader_added = on_reader,
		.reader_removed = on_reader,
		.card_added = on_card,
		.card_removed = on_card,
	};
	struct notify *n = NULL;
	int r;

	if (!secure_getenv("NOTIFY_SOCKET")) {
		*ret = NULL; /* nobody would read it */
		return 0;
	}
	n = calloc(1, sizeof(*n));
	if (!n) {
		return fault(-ENOMEM);
	}
	*n = (struct notify){.cards = cards, .sessions = sessions};
	r = sd_event_add_defer(ev, &n->turn, on_turn, n);
	if (r >= 0) {
		r = sd_event_source_set_priority(n->turn, SD_EVENT_PRIORITY_IDLE);
	}
	r = r < 0 ? fault(r) : trace(cards_listen(cards, &ops, n));
	if (r < 0) {
		sd_event_source_disable_unref(n->turn);
		free(n);
		return trace(r);
	}
	*ret = n;
	return 0;
}

struct notify *notify_free(struct notify *n)
{
	if (n) {
		cards_unlisten(n->cards, n);
		sd_event_source_disable_unref(n->turn);
		free(n);
	}
	return NULL;
}

/* -- steps of the service's life ------------------------------------------------------------------- */

void notify_ready(void)
{
	(void)tell("READY=1", LIMIT_NOTIFY);
}

void notify_reloading(void)
{
	char text[TEXT_MAX];

	(void)snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%llu",
		(unsigned long long)clock_monotonic());
	(void)tell(text, LIMIT_NOTIFY);
}

void notify_stopping(void)
{
	(void)tell("STOPPING=1", LIMIT_NOTIFY);
}

void notify_failed(int r, const char *what)
{
	char text[TEXT_MAX];

	/* what has no room is the end of @what */
	(void)snprintf(text, sizeof(text), "ERRNO=%d\nEXIT_STATUS=%d\nSTATUS=failed: %s", -r,
		EXIT_FAILURE, what);
	(void)tell(text, LIMIT_NOTIFY);
}
