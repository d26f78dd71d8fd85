/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Sockets, peers and the poll loop of the simulator. Owns every descriptor it accepted; a peer
 * that misbehaves is hung up, the slots and their cards stay.
 */
#include "drivers/sim/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"

#define LISTENERS 2U
#define BACKLOG	  8

static volatile sig_atomic_t stopped;

void server_stop(void)
{
	stopped = 1;
}

static int listen_on(const char *path, int type, int *ret_fd)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd;

	if (view_copy_str(view_str(path), a.sun_path, sizeof(a.sun_path)))
		return fault(-ENAMETOOLONG);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return fault(-errno);
	unlink(path);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) < 0 || listen(fd, BACKLOG) < 0) {
		int r = fault(-errno);

		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int init_slots(struct server *s, const struct server_options *o)
{
	const struct server_reader *last;

	if (!readers_lay_out(o->readers ? o->readers : "2", s->readers, &s->n_readers))
		return fault(-EINVAL);
	last = &s->readers[s->n_readers - 1];
	s->n_slots = last->first + last->slots;
	if (o->keypads >> s->n_slots)
		return fault(-EINVAL);
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		struct slot *slot = &s->slots[i];

		slot_init(slot, i, o->state_dir, o->clocked);
		keypad_init(&slot->keypad, o->keypads >> i & 1);
		slot->trace = o->trace;
		slot->changed = reader_port_changed;
		slot->user = s;
	}
	return 0;
}

int server_new(const struct server_options *o, struct server **ret_server)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fault(-ENOMEM);
	stopped = 0;
	s->reader_fd = s->control_fd = -1;
	r = init_slots(s, o);
	if (r) {
		free(s);
		return trace(r);
	}
	r = listen_on(o->reader_socket, SOCK_SEQPACKET, &s->reader_fd);
	if (!r && o->control_socket)
		r = listen_on(o->control_socket, SOCK_STREAM, &s->control_fd);
	if (r) {
		server_free(s);
		return trace(r);
	}
	*ret_server = s;
	return 0;
}

static void hang_up(struct server_peer *p)
{
	close(p->fd);
	buf_done(&p->answer);
	buf_done(&p->line);
	*p = (struct server_peer){.kind = SERVER_PEER_FREE};
}

struct server *server_free(struct server *s)
{
	if (!s)
		return NULL;
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++)
		if (s->peers[i].kind != SERVER_PEER_FREE)
			hang_up(&s->peers[i]);
	for (size_t i = 0; i < SLOTS_MAX; i++)
		slot_done(&s->slots[i]);
	if (s->reader_fd >= 0)
		close(s->reader_fd);
	if (s->control_fd >= 0)
		close(s->control_fd);
	free(s);
	return NULL;
}

static void accept_peer(struct server *s, int listener, enum server_peer_kind kind)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];

		if (p->kind != SERVER_PEER_FREE)
			continue;
		*p = (struct server_peer){.kind = kind,
			.fd = fd,
			.answer = BUF_NULL(SLOT_ANSWER_MAX),
			.line = BUF_NULL(SERVER_LINE_MAX)};
		return;
	}
	close(fd);
}

static int serve_peer(struct server *s, struct server_peer *p, short events)
{
	int r = 0;

	if (!(events & (POLLIN | POLLHUP | POLLERR)))
		return 0;
	if (p->kind == SERVER_PEER_READER && readers_busy(s, p->slot)) {
		if (events & (POLLHUP | POLLERR)) /* it does not wait any longer */
			hang_up(p);
		return 0;
	}
	switch (p->kind) {
	case SERVER_PEER_FREE:
		return 0;
	case SERVER_PEER_READER:
	case SERVER_PEER_WATCH:
		r = reader_port_receive(s, p);
		break;
	case SERVER_PEER_CONTROL:
		r = control_receive(s, p);
		break;
	}
	if (r == 0)
		return 0;
	hang_up(p);
	return r > 0 ? 0 : trace(r);
}

static bool is_timed(const struct server_peer *p)
{
	return p->kind != SERVER_PEER_FREE && p->wait != SERVER_WAIT_NOT &&
	       p->wait != SERVER_WAIT_EVER;
}

/* The time until the nearest deadline. Return: NULL when nothing is due. */
static const struct timespec *next_timeout(const struct server *s, struct timespec *t)
{
	uint64_t nearest = UINT64_MAX, now = clock_monotonic();

	for (size_t i = 0; i < SERVER_PEERS_MAX; i++)
		if (is_timed(&s->peers[i]) && s->peers[i].due < nearest)
			nearest = s->peers[i].due;
	for (size_t i = 0; i < s->n_slots; i++)
		if (s->slots[i].back[0] && s->slots[i].back_at < nearest)
			nearest = s->slots[i].back_at;
	if (nearest == UINT64_MAX)
		return NULL;
	nearest = nearest > now ? nearest - now : 0;
	*t = (struct timespec){.tv_sec = (time_t)(nearest / USEC_PER_SEC),
		.tv_nsec = (long)(nearest % USEC_PER_SEC * 1000)};
	return t;
}

static int serve_due(struct server *s)
{
	uint64_t now = clock_monotonic();

	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];
		int r;

		if (!is_timed(p) || p->due > now)
			continue;
		r = reader_port_due(s, p);
		if (r)
			hang_up(p);
		if (r < 0)
			return trace(r);
	}
	for (size_t i = 0; i < s->n_slots; i++) {
		struct slot *slot = &s->slots[i];

		if (slot->back[0] && slot->back_at <= now && slot_come_back(slot) < 0)
			slot->back[0] = '\0'; /* it cannot: the slot stays empty */
	}
	return 0;
}

static int serve_once(struct server *s)
{
	struct pollfd fds[LISTENERS + SERVER_PEERS_MAX];
	struct timespec t;
	int r = 0;

	fds[0] = (struct pollfd){.fd = s->reader_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = s->control_fd, .events = POLLIN};
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		const struct server_peer *p = &s->peers[i];
		bool busy = p->kind == SERVER_PEER_READER && readers_busy(s, p->slot);

		fds[LISTENERS + i] =
			(struct pollfd){.fd = p->kind == SERVER_PEER_FREE ? -1 : p->fd,
				.events = busy ? 0 : POLLIN};
	}
	if (ppoll(fds, ARRAY_LEN(fds), next_timeout(s, &t), NULL) < 0)
		return errno == EINTR ? 0 : fault(-errno);
	for (size_t i = 0; i < SERVER_PEERS_MAX && !r; i++)
		r = serve_peer(s, &s->peers[i], fds[LISTENERS + i].revents);
	if (!r)
		r = serve_due(s);
	if (fds[0].revents & POLLIN)
		accept_peer(s, s->reader_fd, SERVER_PEER_READER);
	if (fds[1].revents & POLLIN)
		accept_peer(s, s->control_fd, SERVER_PEER_CONTROL);
	return trace(r);
}

int server_run(struct server *s)
{
	int r = 0;

	prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL,
		0UL); /* wake up when it is time, not 50 us later */
	while (!s->quit && !stopped && r == 0)
		r = serve_once(s);
	return trace(r);
}
