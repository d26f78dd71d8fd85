/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * Sockets, peers and the poll loop of the simulator. Owns every descriptor it accepted; a peer that
 * misbehaves is hung up, the slots and their cards stay.
 */
#include "drivers/sim/server.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
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

int server_new(const struct server_options *o, struct server **ret_server)
{
	struct server *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return fault(-ENOMEM);
	stopped = 0;
	s->reader_fd = s->control_fd = -1;
	for (unsigned i = 0; i < SLOT_COUNT; i++) {
		slot_init(&s->slots[i], i, o->state_dir, o->clocked);
		s->slots[i].trace = o->trace;
		s->slots[i].changed = reader_port_changed;
		s->slots[i].user = s;
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
	for (size_t i = 0; i < SLOT_COUNT; i++)
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

/* The nearest deadline as poll() wants it, -1 when nothing is due. */
static int next_timeout(const struct server *s)
{
	uint64_t nearest = UINT64_MAX;

	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		const struct server_peer *p = &s->peers[i];

		if (p->kind != SERVER_PEER_FREE && p->waiting && !p->silent && p->due < nearest)
			nearest = p->due;
	}
	return nearest == UINT64_MAX ? -1 : clock_timeout_ms(nearest);
}

static void serve_due(struct server *s)
{
	uint64_t now = clock_monotonic();

	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		struct server_peer *p = &s->peers[i];

		if (p->kind == SERVER_PEER_FREE || !p->waiting || p->silent || p->due > now)
			continue;
		if (reader_port_due(p))
			hang_up(p);
	}
}

static int serve_once(struct server *s)
{
	struct pollfd fds[LISTENERS + SERVER_PEERS_MAX];
	int r = 0;

	fds[0] = (struct pollfd){.fd = s->reader_fd, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = s->control_fd, .events = POLLIN};
	for (size_t i = 0; i < SERVER_PEERS_MAX; i++) {
		const struct server_peer *p = &s->peers[i];

		fds[LISTENERS + i] = (struct pollfd){
			.fd = p->kind == SERVER_PEER_FREE ? -1 : p->fd, .events = POLLIN};
	}
	if (poll(fds, ARRAY_LEN(fds), next_timeout(s)) < 0)
		return errno == EINTR ? 0 : fault(-errno);
	for (size_t i = 0; i < SERVER_PEERS_MAX && !r; i++)
		r = serve_peer(s, &s->peers[i], fds[LISTENERS + i].revents);
	serve_due(s);
	if (fds[0].revents & POLLIN)
		accept_peer(s, s->reader_fd, SERVER_PEER_READER);
	if (fds[1].revents & POLLIN)
		accept_peer(s, s->control_fd, SERVER_PEER_CONTROL);
	return trace(r);
}

int server_run(struct server *s)
{
	int r = 0;

	while (!s->quit && !stopped && r == 0)
		r = serve_once(s);
	return trace(r);
}
