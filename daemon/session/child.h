/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * A child process behind a link (base/link.h), on the sd-event loop. Started by posix_spawn with an
 * empty signal mask, an explicit environment and the link as fd 3; killed by its pidfd and reaped
 * when it misses a deadline, sends a malformed frame, or is freed. One request is on the wire at a
 * time, further ones wait in a queue.
 */
#include <systemd/sd-event.h>

#include "base/link.h"

struct child;

/**
 * child_answer_fn - the answer of one request
 * @answer: the frame, borrowed during the call (wiped afterwards), or NULL when the child ended
 *          before answering. Descriptors that the callee wants are taken by setting them to -1.
 *
 * Runs exactly once for each request, never from within child_request(); not at all after
 * child_free(). The callee may free the child.
 */
typedef void (*child_answer_fn)(void *user, struct link_frame *answer);

struct child_ops {
	void (*event)(
		void *user, struct link_frame *event); /* may be NULL: events are malformed */
	/* may be NULL. Sees the answer to @op before who asked, or NULL and why the child ended.
	 * Return: whether it is handed on; if not, child_move() has given the requests to another
	 * child and child_free() was called. With it bodies are kept until they are answered. */
	bool (*answer)(void *user, uint8_t op, struct link_frame *answer, const char *why);
	/* may be NULL. A request went on the wire, or the wire is free again. Never frees. */
	void (*wire)(void *user, bool taken);
	/* the child is gone and reaped: "exited", "hangup", "malformed", "deadline", "killed";
	 * every waiting answer was given NULL before; the owner calls child_free() now or later */
	void (*ended)(void *user, const char *why);
};

/** child_start() - @program: absolute path; @env: NULL-terminated.
 *  Return: 0 or a fault (-ENOENT: no such program). */
int child_start(sd_event *ev, const char *program, char *const env[],
	const struct child_ops *ops, void *user, struct child **ret_c) _must_check_;
/** child_free() - kills, reaps, forgets waiting requests without calling them. */
struct child *child_free(struct child *c);
pid_t child_pid(const struct child *c);

enum child_outcome {
	CHILD_GONE = 1, /* it has ended, or its queue is full */
};

/** child_request() - queue a request. @body is copied; @fds are borrowed and duplicated.
 *  @timeout: microseconds from the moment it goes on the wire. Return: 0, a fault, CHILD_GONE. */
int child_request(struct child *c, uint8_t op, struct view body, const int *fds, size_t n_fds,
	uint64_t timeout, child_answer_fn done, void *user) _must_check_;
/** child_set_silence() - requests made from now on end the child ("deadline") when no frame at all
 *  has come for so long, @usec; 0: none. An event of the child is a sign of life, but their timeout
 *  stays the whole. */
void child_set_silence(struct child *c, uint64_t usec);
/** child_hold() - while @hold, the time of its requests stands still. */
void child_hold(struct child *c, bool hold);
/** child_pause() - while @paused, no further request goes on the wire. */
void child_pause(struct child *c, bool paused);
/** child_at_leisure() - whether a request on the wire (@now: that one alone) or of its queue may be
 *  silent. */
bool child_at_leisure(const struct child *c, bool now);
/** child_condemn() - as if it had missed a deadline: it is killed, and @why (static) is told. */
void child_condemn(struct child *c, const char *why);
/** child_alive() - nothing is known against it. */
bool child_alive(const struct child *c);
/** child_adopt() - another owner, while no request waits. */
void child_adopt(struct child *c, const struct child_ops *ops, void *user);
/** child_move() - all requests of @from are asked of @to, as if for the first time.
 *  Return: 0, or CHILD_GONE: the one on the wire had descriptors, which are gone; nothing moved. */
int child_move(struct child *from, struct child *to) _must_check_;
/** child_forget() - the waiting requests with @user will not be called (their owner goes away). */
void child_forget(struct child *c, void *user);
