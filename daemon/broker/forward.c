/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A socket takes a message long before anybody has read it, and what was not read is lost with its reader.
 * So messages count as taken only when the kernel has none of ours left (SIOCOUTQ) and the same reader
 * is still there after that; until then they are sent again to the next one. The number below which all
 * were taken is the record's to keep (audit_sent()). A socket that takes no more is waited for by the loop,
 * one that is not there is tried again, ever more seldom; with nothing to send nothing wakes up.
 */
#include "daemon/broker/forward.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/audit/atna.h"
#include "daemon/audit/keep.h"

#define BATCH  32U  /* messages in one turn of the loop: some 2 ms */
#define WINDOW 256U /* sent and not known to be read: they are what may be sent twice */
#define LOOK_FIRST                                                                             \
	(5 * USEC_PER_MS) /* whether they were read: a syslog daemon takes a millisecond */
#define LOOK_LAST   (1 * USEC_PER_SEC)
#define RETRY_FIRST (250 * USEC_PER_MS) /* a reader that is being restarted */
#define RETRY_LAST  (10 * USEC_PER_SEC)
#define BEHIND	    (30 * USEC_PER_SEC)
#define LAST_LOOKS  10U /* at the end: 50 ms in all */
#define ENTRY_MAX   65536U
#define HOST_MAX    65U

struct forward {
	struct audit *audit;
	const char *path;
	char host[HOST_MAX];
	struct atna_source from;
	sd_event_source *timer;
	sd_event_source *io; /* while the socket takes no more */
	sd_event *ev;
	int fd;
	bool stream;
	struct stat peer;    /* what stood at the path */
	struct buf rest;     /* of a message that a stream took a part of */
	uint64_t confirmed;  /* entries below were read */
	uint64_t next;	     /* entries below were sent */
	uint64_t delay;	     /* until the next look or try */
	uint64_t waits_from; /* monotonic: the last progress; 0: nothing waits */
	bool told;
};

enum sent {
	SENT = 0,
	SENT_LATER = 1, /* the socket takes no more for now */
	SENT_LOST,	/* nobody reads it any more */
	SENT_STUCK, /* no message can be made now, not even of an entry that cannot be read */
};

static uint64_t size_of(const struct forward *f)
{
	uint8_t root[MERKLE_HASH];
	uint64_t size;

	audit_head(f->audit, &size, root);
	return size;
}

static void wake_in(struct forward *f, uint64_t usec)
{
	if (sd_event_source_set_time_relative(f->timer, usec) >= 0)
		(void)sd_event_source_set_enabled(f->timer, SD_EVENT_ONESHOT);
}

/* -- the socket --------------------------------------------------------------------------------- */

static void disconnect(struct forward *f)
{
	f->io = sd_event_source_disable_unref(f->io);
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
	f->next = f->confirmed;
	buf_reset(&f->rest);
}

/* A socket of @type that is connected to the path, or -1. */
static int reach(const struct forward *f, int type)
{
	struct sockaddr_un to = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (view_copy_str(view_str(f->path), to.sun_path, sizeof(to.sun_path)) == 0 &&
		connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0)
		return fd;
	if (errno == 0)
		errno = ENAMETOOLONG;
	(void)close(fd);
	return -1;
}

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *user);

static bool connected(struct forward *f)
{
	if (f->fd >= 0)
		return true;
	/* before: another socket that is put there meanwhile is seen at the first look */
	if (stat(f->path, &f->peer) < 0)
		return false;
	f->stream = false;
	f->fd = reach(f, SOCK_DGRAM);
	if (f->fd < 0 && errno == EPROTOTYPE) {
		f->stream = true;
		f->fd = reach(f, SOCK_STREAM);
	}
	if (f->fd < 0)
		return false;
	if (sd_event_add_io(f->ev, &f->io, f->fd, EPOLLOUT, on_writable, f) < 0) {
		disconnect(f);
		return false;
	}
	(void)sd_event_source_set_enabled(f->io, SD_EVENT_OFF);
	return true;
}

/* Whether the reader of what was sent is still there. */
static bool alive(struct forward *f)
{
	struct pollfd p = {.fd = f->fd, .events = POLLRDHUP};
	struct stat now;
	int other;

	if (f->stream)
		return poll(&p, 1, 0) == 0;
	if (stat(f->path, &now) < 0 || now.st_ino != f->peer.st_ino ||
		now.st_dev != f->peer.st_dev || now.st_ctim.tv_sec != f->peer.st_ctim.tv_sec ||
		now.st_ctim.tv_nsec != f->peer.st_ctim.tv_nsec)
		return false;
	other = reach(f, SOCK_DGRAM);
	if (other < 0)
		return false;
	(void)close(other);
	return true;
}

/* -- messages ----------------------------------------------------------------------------------- */

/* What the socket takes of f->rest. */
static enum sent push(struct forward *f)
{
	while (f->rest.len > 0) {
		ssize_t n = send(f->fd, f->rest.data, f->rest.len, MSG_NOSIGNAL);
		struct view left;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == ENOBUFS ? SENT_LATER : SENT_LOST;
		left = view_last(buf_view(&f->rest), f->rest.len - (size_t)n);
		if (!f->stream || left.len == 0) {
			buf_reset(&f->rest);
		} else {
			struct buf shorter = BUF_NULL(f->rest.max);

			buf_put_view(&shorter, left);
			buf_done(&f->rest);
			f->rest = shorter;
			if (shorter.failed)
				return SENT_LOST; /* from the beginning, on a new connection */
		}
	}
	return SENT;
}

/* The message of entry f->next: an entry that is damaged must not keep those behind it. */
static int message(struct forward *f, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_NULL(ENTRY_MAX);
	uint8_t leaf[MERKLE_HASH];
	int r = audit_leaf(f->audit, f->next, leaf);

	if (r != 0)
		return trace(r);
	r = audit_read(f->audit, f->next, &text);
	if (r == 0)
		r = atna_message(buf_view(&text), leaf, &f->from, out);
	if (r == ATNA_MALFORMED || r == -EBADMSG || r == -EMSGSIZE) {
		buf_reset(out);
		r = atna_unreadable(f->next, leaf, clock_wall(), &f->from, out);
	}
	return trace(r);
}

/* ... into f->rest. */
static int make(struct forward *f)
{
	_cleanup_(buf_done) struct buf m = BUF_NULL(ATNA_MESSAGE_MAX);
	int r = message(f, &m);

	if (r != 0)
		return trace(r);
	if (f->stream)
		buf_printf(&f->rest, "%zu ", m.len);
	buf_put_view(&f->rest, buf_view(&m));
	r = buf_check(&f->rest);
	if (r < 0)
		buf_reset(&f->rest);
	return trace(r);
}

static enum sent send_next(struct forward *f)
{
	enum sent s;

	if (f->rest.len == 0 && make(f) != 0)
		return SENT_STUCK;
	s = push(f);
	if (s == SENT)
		f->next++;
	return s;
}

/* What was pruned cannot be handed on any more, and nothing waits for it. */
static void skip_pruned(struct forward *f)
{
	uint64_t first = audit_first(f->audit);

	if (f->rest.len > 0 || f->next >= first)
		return;
	f->next = f->confirmed = first;
	audit_sent(f->audit, first);
}

static enum sent send_some(struct forward *f)
{
	uint64_t size = size_of(f);
	enum sent s = SENT;

	skip_pruned(f);
	for (unsigned int i = 0;
		s == SENT && i < BATCH && f->next < size && f->next - f->confirmed < WINDOW;
		i++)
		s = send_next(f);
	return s;
}

/* -- what was read ------------------------------------------------------------------------------ */

/* Return: whether what was sent stands as it is known; false when its reader has gone. */
static bool look(struct forward *f)
{
	int left = -1;

	if (f->confirmed == f->next)
		return true;
	if (ioctl(f->fd, SIOCOUTQ, &left) < 0 || !alive(f))
		return false;
	if (left == 0) {
		f->confirmed = f->next;
		f->waits_from = clock_monotonic();
		f->delay = LOOK_FIRST;
		audit_sent(f->audit, f->confirmed);
	}
	return true;
}

static void tell(struct forward *f)
{
	const char *socket;
	uint64_t n;

	if (f->told || !forward_behind(f, &n, &socket))
		return;
	log_msg(LOG_WARNING, "record-behind", "%s: %llu entries wait", socket,
		(unsigned long long)n);
	f->told = true;
}

/* Try again later, ever more seldom. */
static void later(struct forward *f, uint64_t first, uint64_t last)
{
	f->delay = f->delay < first ? first : f->delay > last / 2 ? last : 2 * f->delay;
	wake_in(f, f->delay);
	tell(f);
}

static void lost(struct forward *f)
{
	disconnect(f);
	later(f, RETRY_FIRST, RETRY_LAST);
}

/* One turn: look, send some, and say when the next turn is. */
static void turn(struct forward *f)
{
	enum sent s;

	if (f->confirmed == size_of(f)) {
		f->waits_from = 0;
		f->told = false;
		f->delay = 0;
		return;
	}
	if (f->waits_from == 0)
		f->waits_from = clock_monotonic();
	if (!connected(f) || !look(f)) {
		lost(f);
		return;
	}
	s = send_some(f);
	switch (s) {
	case SENT:
		if (f->next < size_of(f) && f->next - f->confirmed < WINDOW)
			wake_in(f, 0);
		else
			later(f, LOOK_FIRST, LOOK_LAST);
		break;
	case SENT_LATER:
		(void)sd_event_source_set_enabled(f->io, SD_EVENT_ONESHOT);
		later(f, LOOK_FIRST, LOOK_LAST);
		break;
	case SENT_LOST:
		lost(f);
		break;
	case SENT_STUCK:
		later(f, RETRY_LAST, RETRY_LAST);
		break;
	}
}

static int on_writable(sd_event_source *source, int fd, uint32_t events, void *user)
{
	(void)source;
	(void)fd;
	(void)events;
	turn(user);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	turn(user);
	return 0;
}

/* -- life --------------------------------------------------------------------------------------- */

void forward_wake(struct forward *f)
{
	int state = SD_EVENT_OFF;

	if (f && sd_event_source_get_enabled(f->timer, &state) >= 0 && state == SD_EVENT_OFF)
		wake_in(f, 0);
}

bool forward_behind(const struct forward *f, uint64_t *ret_entries, const char **ret_socket)
{
	if (!f || f->waits_from == 0 || clock_monotonic() - f->waits_from < BEHIND)
		return false;
	*ret_entries = size_of(f) - f->confirmed;
	*ret_socket = f->path;
	return *ret_entries > 0;
}

int forward_new(sd_event *ev, struct audit *audit, const char *path, const char *record,
	struct forward **ret)
{
	struct forward *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return fault(-ENOMEM);
	*f = (struct forward){.audit = audit,
		.path = path,
		.ev = ev,
		.fd = -1,
		.rest = BUF_NULL(2 * ATNA_MESSAGE_MAX)};
	if (gethostname(f->host, sizeof(f->host) - 1) < 0)
		f->host[0] = '\0';
	f->from = (struct atna_source){f->host, record, VITALED_VERSION};
	r = sd_event_add_time_relative(ev, &f->timer, CLOCK_MONOTONIC, 0, 0, on_timer, f);
	if (r < 0) {
		free(f);
		return fault(r);
	}
	audit_sent_begin(audit, &f->confirmed);
	f->next = f->confirmed;
	*ret = f;
	return 0;
}

/* What is taken at once, and a moment for it to be read. */
static void finish(struct forward *f)
{
	enum sent s = SENT;

	if (!connected(f))
		return;
	while (s == SENT && f->next < size_of(f) && f->next - f->confirmed < WINDOW)
		s = send_some(f);
	for (unsigned int i = 0; s != SENT_LOST && i < LAST_LOOKS && f->confirmed < f->next;
		i++) {
		if (!look(f))
			return;
		if (f->confirmed < f->next)
			(void)poll(NULL, 0, LOOK_FIRST / USEC_PER_MS);
	}
}

struct forward *forward_free(struct forward *f)
{
	if (!f)
		return NULL;
	finish(f);
	disconnect(f);
	sd_event_source_disable_unref(f->timer);
	buf_done(&f->rest);
	free(f);
	return NULL;
}
