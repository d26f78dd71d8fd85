/* SPDX-License-Identifier: EUPL-1.2 */
/* See sim-world.h. */
#include "tests/fuzz/sim-world.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "drivers/sim/reader-link.h"
#include "tests/fuzz/fail.h"
#include "tests/fuzz/sim-scene.h"

#define LISTENERS 2U
#define TURNS	  4096U /* of one run: a script that ends nothing is ended */

static uint64_t now;
static unsigned turns;
static struct sockaddr_un names[LISTENERS]; /* as the kernel calls the two that listen */
static socklen_t name_lens[LISTENERS];
static unsigned listening;
static int peers[WORLD_PEERS];
static bool control[WORLD_PEERS];

/* -- in place of the C library's, by the linker ----------------------------------------------------- */

uint64_t __wrap_clock_monotonic(void);

uint64_t __wrap_clock_monotonic(void)
{
	now += 3;
	return now;
}

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);

int __wrap_socket(int family, int type, int protocol)
{
	errno = EMFILE;
	return fail_now() ? -1 : __real_socket(family, type, protocol);
}

/* No name in the file system: the kernel gives one. */
int __real_bind(int fd, const struct sockaddr *name, socklen_t len);
int __wrap_bind(int fd, const struct sockaddr *name, socklen_t len);

int __wrap_bind(int fd, const struct sockaddr *name, socklen_t len)
{
	const struct sockaddr_un any = {.sun_family = AF_UNIX};
	const struct sockaddr *general = (const void *)&any;

	assert(name->sa_family == AF_UNIX && len <= sizeof(struct sockaddr_un));
	errno = EADDRINUSE;
	if (fail_now() || __real_bind(fd, general, sizeof(any.sun_family)) < 0) {
		return -1;
	}
	if (listening < LISTENERS) {
		name_lens[listening] = sizeof(names[0]);
		assert(getsockname(fd, (void *)&names[listening], &name_lens[listening]) == 0);
		listening++;
	}
	return 0;
}

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);

int __wrap_listen(int fd, int backlog)
{
	errno = EADDRINUSE;
	return fail_now() ? -1 : __real_listen(fd, backlog);
}

int __real_accept4(int fd, struct sockaddr *name, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *len, int flags);

int __wrap_accept4(int fd, struct sockaddr *name, socklen_t *len, int flags)
{
	errno = EMFILE;
	return fail_now() ? -1 : __real_accept4(fd, name, len, flags);
}

ssize_t __real_recv(int fd, void *data, size_t size, int flags);
ssize_t __wrap_recv(int fd, void *data, size_t size, int flags);

ssize_t __wrap_recv(int fd, void *data, size_t size, int flags)
{
	errno = EAGAIN; /* poll may say what is not so */
	return fail_now() ? -1 : __real_recv(fd, data, size, flags);
}

ssize_t __real_send(int fd, const void *data, size_t len, int flags);
ssize_t __wrap_send(int fd, const void *data, size_t len, int flags);

ssize_t __wrap_send(int fd, const void *data, size_t len, int flags)
{
	errno = EAGAIN;
	return fail_now() ? -1 : __real_send(fd, data, len, flags);
}

/* -- peers ------------------------------------------------------------------------------------------ */

static void leave(unsigned i)
{
	if (peers[i] >= 0) {
		close(peers[i]);
	}
	peers[i] = -1;
}

static void come(unsigned i, bool is_control)
{
	unsigned listener = is_control ? 1 : 0;

	leave(i);
	if (listener >= listening) {
		return;
	}
	peers[i] = __real_socket(AF_UNIX,
		(is_control ? SOCK_STREAM : SOCK_SEQPACKET) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	control[i] = is_control;
	if (peers[i] >= 0 &&
		connect(peers[i], (const void *)&names[listener], name_lens[listener]) < 0) {
		leave(i); /* nobody accepts any more */
	}
}

static void say(unsigned i, struct view bytes)
{
	if (peers[i] >= 0) {
		(void)__real_send(peers[i], bytes.data, bytes.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
}

static void hear(void)
{
	static uint8_t bytes[READER_LINK_MAX];
	ssize_t n;

	for (unsigned i = 0; i < WORLD_PEERS; i++) {
		while (peers[i] >= 0 &&
			(n = __real_recv(peers[i], bytes, sizeof(bytes), MSG_DONTWAIT)) > 0) {
			world_heard(i, control[i], view_of(bytes, (size_t)n));
		}
	}
}

static void act(const struct world_step *s)
{
	unsigned i = s->arg % WORLD_PEERS;

	switch (s->op) {
	case WORLD_READER:
		come(i, false);
		break;
	case WORLD_CONTROL:
		come(i, true);
		break;
	case WORLD_LATER:
		if (s->bytes.len == 0) {
			leave(i);
			break;
		}
		say(i, s->bytes);
		break;
	case WORLD_SAY:
		say(i, s->bytes);
		break;
	case WORLD_WAIT:
		now += (uint64_t)s->arg * s->arg * USEC_PER_MS;
		break;
	case WORLD_LEAVE:
		leave(i);
		break;
	case WORLD_OPS:
		break;
	}
}

/* The loop's wait: something happens, or it is over. */
int __real_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask);
int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask);

int __wrap_ppoll(struct pollfd *fds, nfds_t n, const struct timespec *t, const sigset_t *mask)
{
	const struct timespec at_once = {.tv_sec = 0};
	struct world_step s;

	(void)mask;
	assert(!t || (t->tv_sec >= 0 && t->tv_nsec >= 0 && t->tv_nsec < 1000000000L));
	if (fail_now()) {
		errno = turns % 2 ? EINTR : ENOMEM;
		return -1;
	}
	hear();
	do {
		if (turns++ == TURNS || !world_next(&s)) {
			server_stop();
			return 0;
		}
		act(&s);
	} while (s.op == WORLD_LATER);
	return __real_ppoll(fds, n, &at_once, NULL);
}

/* -- a run ------------------------------------------------------------------------------------------- */

void world_begin(void)
{
	now = USEC_PER_SEC;
	turns = 0;
	listening = 0;
	for (unsigned i = 0; i < WORLD_PEERS; i++) {
		peers[i] = -1;
	}
}

void world_end(void)
{
	hear();
	for (unsigned i = 0; i < WORLD_PEERS; i++) {
		leave(i);
	}
	files_reset();
}

void world_run(struct server_options o, const char *const *cards, size_t n)
{
	struct server *s = NULL;
	int r;

	o.reader_socket = "reader";
	o.control_socket = "control";
	o.state_dir = SCENE_DIR;
	world_begin();
	r = server_new(&o, &s);
	for (size_t i = 0; r == 0 && i < n && i < s->n_slots; i++) {
		if (cards[i] && cards[i][0] && slot_insert(&s->slots[i], cards[i]) < 0) {
			break; /* a call was made to fail */
		}
	}
	if (r == 0) {
		r = server_run(s);
	}
	assert(r <= 0);
	hear();
	server_free(s);
	world_end();
}
