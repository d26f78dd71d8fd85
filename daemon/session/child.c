/* SPDX-License-Identifier: EUPL-1.2 */
/*
 * A child process and the requests that wait for it. The child is watched by its pidfd and killed
 * through it, so a reused process id is never hit; its end of the link closing, a frame that is
 * not the expected answer and a missed deadline all lead to the same place: kill, reap, tell. A
 * struct child owns the link, the process and every queued request with its duplicated
 * descriptors; bodies are wiped when they are let go. Callbacks may free the child: the memory
 * then stays until the callback has returned. A request has two ends: the whole, and a silence that
 * any frame renews; both stand still while the child is held.
 */
#include "daemon/session/child.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/limits.h"
#include "daemon/session/child-queued.h"
#include "daemon/session/child-spawn.h"

/* the child's last words are read before its death is told */
#define PROC_PRIORITY (SD_EVENT_PRIORITY_NORMAL + 10)

static const char hangup[] = "hangup";

struct child {
	sd_event_source *io;
	sd_event_source *proc;
	sd_event_source *deadline;
	const struct child_ops *ops;
	void *user;
	pid_t pid;
	int fd;
	uint32_t seq;
	struct queued *first; /* on the wire when @on_wire */
	size_t n_requests;
	bool on_wire;
	uint64_t silence; /* of the next request */
	bool paused;
	uint64_t whole_at;   /* of the one on the wire, CLOCK_MONOTONIC */
	uint64_t silent_at;  /* 0: none */
	uint64_t held_since; /* 0: its time runs */
	const char *why;     /* set when it is being killed */
	bool ended;	     /* reaped */
	unsigned calling;    /* callbacks on the stack */
	bool dead;	     /* free it when they have returned */
	struct buf storage;
};

/* -- requests -------------------------------------------------------------------------------- */

static void set_wire(struct child *c, bool taken)
{
	if (c->on_wire != taken) {
		c->on_wire = taken;
		if (c->ops->wire && !c->dead) {
			c->ops->wire(c->user, taken);
		}
	}
}

static struct queued *request_pop(struct child *c)
{
	struct queued *q = c->first;

	c->first = q->next;
	q->next = NULL;
	c->n_requests--;
	set_wire(c, false);
	return q;
}

static void request_push(struct child *c, struct queued *q)
{
	struct queued **end = &c->first;

	while (*end) {
		end = &(*end)->next;
	}
	*end = q;
	c->n_requests++;
}

/* -- callbacks that may free the child -------------------------------------------------------- */

static void destroy(struct child *c)
{
	while (c->first) {
		queued_free(request_pop(c));
	}
	buf_done(&c->storage);
	free(c);
}

static void call_begin(struct child *c)
{
	c->calling++;
}

/* Return: whether the child is still there. */
static bool call_end(struct child *c)
{
	c->calling--;
	if (!c->dead) {
		return true;
	}
	if (c->calling == 0) {
		destroy(c);
	}
	return false;
}

/* Give @q its answer (NULL: none will come) and let it go. Return: whether @c is still there. */
static bool answer(struct child *c, struct queued *q, struct link_frame *frame)
{
	call_begin(c);
	if (q->done) {
		q->done(q->user, frame);
	}
	queued_free(q);
	return call_end(c);
}

/* -- the end of a child ------------------------------------------------------------------------ */

static void fail(struct child *c, const char *why)
{
	if (c->why) {
		return;
	}
	c->why = why;
	(void)sd_event_source_set_enabled(c->deadline, SD_EVENT_OFF);
	(void)sd_event_source_set_enabled(c->io, SD_EVENT_OFF);
	/* fails only when it is dead already, which the pidfd then tells */
	(void)sd_event_source_send_child_signal(c->proc, SIGKILL, NULL, 0);
}

/* A link that closed because the process left is an exit, not a hang-up. */
static const char *end_word(const struct child *c, const siginfo_t *si)
{
	bool hung_up = !c->why || c->why == hangup;

	if (!hung_up) {
		return c->why;
	}
	if (si->si_code == CLD_EXITED) {
		return "exited";
	}
	return si->si_status == SIGKILL && c->why ? c->why : "killed";
}

/* Who asked first may want it asked of another child. Return: whether @f (NULL: it ended) is theirs. */
static bool offer(struct child *c, struct link_frame *f, const char *why)
{
	bool mine = true;

	if (c->ops->answer && c->first) {
		call_begin(c);
		mine = c->ops->answer(c->user, c->first->op, f, why);
		mine = call_end(c) && mine;
	}
	return mine;
}

static int on_exit_(sd_event_source *source, const siginfo_t *si, void *user)
{
	struct child *c = user;
	const char *why = end_word(c, si);

	(void)source;
	fail(c, why);
	c->ended = true;
	if (!offer(c, NULL, why)) {
		return 0;
	}
	while (c->first) {
		if (!answer(c, request_pop(c), NULL)) {
			return 0;
		}
	}
	call_begin(c);
	c->ops->ended(c->user, why);
	(void)call_end(c);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *user)
{
	(void)source;
	(void)usec;
	fail(user, "deadline");
	return 0;
}

/* -- the wire ----------------------------------------------------------------------------------- */

/* Set the timer to whichever end comes first. */
static int arm(struct child *c)
{
	uint64_t at = c->whole_at;
	uint64_t now = clock_monotonic();
	int r;

	if (c->held_since != 0 || !c->on_wire) {
		return sd_event_source_set_enabled(c->deadline, SD_EVENT_OFF);
	}
	if (c->silent_at != 0 && c->silent_at < at) {
		at = c->silent_at;
	}
	r = sd_event_source_set_time_relative(c->deadline, at > now ? at - now : 0);
	return r < 0 ? r : sd_event_source_set_enabled(c->deadline, SD_EVENT_ONESHOT);
}

static int arm_new(struct child *c, const struct queued *q)
{
	uint64_t now = clock_monotonic();

	c->whole_at = now + q->timeout;
	c->silent_at = q->silence == 0 ? 0 : now + q->silence;
	c->held_since = c->held_since == 0 ? 0 : now;
	return arm(c);
}

/* A sign of life: the silence begins anew. */
static void renew(struct child *c)
{
	uint64_t now = clock_monotonic();

	if (!c->on_wire || c->silent_at == 0 || c->why) {
		return;
	}
	if (c->held_since != 0) {
		c->whole_at += now - c->held_since;
		c->held_since = now;
	}
	c->silent_at = now + c->first->silence;
	if (arm(c) < 0) {
		fail(c, "deadline");
	}
}

/* Put the first waiting request on the wire when it is free. */
static void pump(struct child *c)
{
	struct queued *q = c->first;
	struct link_frame f = LINK_FRAME_NULL;
	int r;

	if (!q || c->on_wire || c->paused || c->why || c->dead) {
		return;
	}
	q->seq = ++c->seq;
	f.kind = LINK_KIND_REQUEST;
	f.op = q->op;
	f.seq = q->seq;
	f.body = buf_view(&q->body);
	f.n_fds = q->n_fds;
	for (size_t i = 0; i < q->n_fds; i++) {
		f.fds[i] = q->fds[i];
	}
	set_wire(c, true);
	q->passed = q->n_fds > 0;
	r = link_send(c->fd, &f, true);
	queued_close(q);
	if (!c->ops->answer) {
		buf_done(&q->body);
	}
	if (r == 0) {
		r = arm_new(c, q);
	}
	if (r != 0) {
		fail(c, r == LINK_AGAIN ? "deadline" : hangup);
	}
}

static void on_answer(struct child *c, struct link_frame *f)
{
	struct queued *q = c->first;

	if (!q || !c->on_wire || f->op != q->op || f->seq != q->seq) {
		fail(c, "malformed");
		return;
	}
	(void)sd_event_source_set_enabled(c->deadline, SD_EVENT_OFF);
	if (offer(c, f, NULL) && answer(c, request_pop(c), f)) {
		pump(c);
	}
}

static void on_frame(struct child *c, struct link_frame *f)
{
	switch (f->kind) {
	case LINK_KIND_ANSWER:
		on_answer(c, f);
		return;
	case LINK_KIND_EVENT:
		if (c->ops->event) {
			renew(c);
			c->ops->event(c->user, f);
			return;
		}
		break;
	case LINK_KIND_REQUEST:
		break;
	}
	fail(c, "malformed");
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *user)
{
	struct child *c = user;
	struct link_frame f = LINK_FRAME_NULL;
	int r;

	(void)source;
	(void)events;
	r = link_recv(fd, &c->storage, &f, true);
	if (r == LINK_AGAIN) {
		return 0;
	}
	if (r != 0) {
		fail(c, r == LINK_MALFORMED ? "malformed" : hangup);
		return 0;
	}
	call_begin(c);
	on_frame(c, &f);
	link_frame_done(&f);
	buf_reset(&c->storage);
	(void)call_end(c);
	return 0;
}

/* -- life ---------------------------------------------------------------------------------------- */

static int attach(struct child *c, sd_event *ev)
{
	int r;

	r = sd_event_add_child(ev, &c->proc, c->pid, WEXITED, on_exit_, c);
	if (r < 0) {
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
		return fault(r);
	}
	r = sd_event_source_set_child_process_own(
		c->proc, true); /* freeing it kills and reaps */
	if (r >= 0) {
		r = sd_event_source_set_priority(c->proc, PROC_PRIORITY);
	}
	if (r >= 0) {
		r = sd_event_add_io(ev, &c->io, c->fd, EPOLLIN, on_io, c);
	}
	if (r >= 0) {
		r = sd_event_add_time_relative(
			ev, &c->deadline, CLOCK_MONOTONIC, UINT64_MAX / 4, 0, on_deadline, c);
	}
	if (r >= 0) {
		r = sd_event_source_set_enabled(c->deadline, SD_EVENT_OFF);
	}
	return r < 0 ? fault(r) : 0;
}

int child_start(sd_event *ev, const char *program, char *const env[],
	const struct child_ops *ops, void *user, struct child **ret_c)
{
	struct child *c = calloc(1, sizeof(*c));
	int pair[2];
	int r;

	if (!c) {
		return fault(-ENOMEM);
	}
	*c = (struct child){
		.fd = -1, .ops = ops, .user = user, .storage = BUF_NULL(LINK_MAX_FRAME)};
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		r = fault(-errno);
		child_free(c);
		return r;
	}
	c->fd = pair[0];
	r = child_spawn(program, env, pair[1], &c->pid);
	close(pair[1]);
	if (r == 0) {
		r = attach(c, ev);
	}
	if (r < 0) {
		child_free(c);
		return trace(r);
	}
	*ret_c = c;
	return 0;
}

struct child *child_free(struct child *c)
{
	if (!c || c->dead) {
		return NULL;
	}
	c->io = sd_event_source_disable_unref(c->io);
	c->deadline = sd_event_source_disable_unref(c->deadline);
	c->proc = sd_event_source_disable_unref(c->proc);
	if (c->fd >= 0) {
		close(c->fd);
	}
	c->dead = true;
	if (c->calling == 0) {
		destroy(c);
	}
	return NULL;
}

pid_t child_pid(const struct child *c)
{
	return c->pid;
}

int child_request(struct child *c, uint8_t op, struct view body, const int *fds, size_t n_fds,
	uint64_t timeout, child_answer_fn done, void *user)
{
	struct queued *q;
	int r;

	if (c->ended || c->dead || c->n_requests >= LIMIT_CHILD_QUEUE) {
		return CHILD_GONE;
	}
	if (n_fds > LINK_MAX_FDS) {
		return fault(-EINVAL);
	}
	r = queued_new(op, body, fds, n_fds, &q);
	if (r < 0) {
		return trace(r);
	}
	q->timeout = timeout;
	q->silence = c->silence;
	q->done = done;
	q->user = user;
	request_push(c, q);
	pump(c);
	return 0;
}

void child_set_silence(struct child *c, uint64_t usec)
{
	c->silence = usec;
}

void child_hold(struct child *c, bool hold)
{
	uint64_t now = clock_monotonic();
	uint64_t stood;

	if (hold == (c->held_since != 0) || c->why || c->dead) {
		return;
	}
	stood = hold ? 0 : now - c->held_since;
	c->held_since = hold ? now : 0;
	c->whole_at += stood;
	c->silent_at += c->silent_at == 0 ? 0 : stood;
	if (arm(c) < 0) {
		fail(c, "deadline");
	}
}

void child_pause(struct child *c, bool paused)
{
	if (c->paused != paused) {
		c->paused = paused;
		pump(c);
	}
}

bool child_at_leisure(const struct child *c, bool now)
{
	if (now) {
		return c->on_wire && c->first->silence == 0;
	}
	for (const struct queued *q = c->first; q; q = q->next) {
		if (q->silence == 0) {
			return true;
		}
	}
	return false;
}

void child_condemn(struct child *c, const char *why)
{
	if (!c->dead) {
		fail(c, why);
	}
}

bool child_alive(const struct child *c)
{
	return !c->why && !c->ended && !c->dead;
}

void child_adopt(struct child *c, const struct child_ops *ops, void *user)
{
	assert(!c->first);
	c->ops = ops;
	c->user = user;
}

int child_move(struct child *from, struct child *to)
{
	if (from->first && from->first->passed) {
		return CHILD_GONE;
	}
	while (from->first) {
		request_push(to, request_pop(from));
	}
	pump(to);
	return 0;
}

void child_forget(struct child *c, void *user)
{
	struct queued **at = &c->first;

	if (c->on_wire && c->first->user == user) {
		c->first->done = NULL; /* the wire stays taken until it is answered */
		at = &c->first->next;
	} else if (c->on_wire) {
		at = &c->first->next;
	}
	while (*at) {
		struct queued *q = *at;

		if (q->user == user) {
			*at = q->next;
			c->n_requests--;
			queued_free(q);
		} else {
			at = &q->next;
		}
	}
}
