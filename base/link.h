/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/*
 * Frames between the broker and its children over one SOCK_SEQPACKET pair. What the frames say
 * stands in base/link-ops.h. Invented for this project.
 *
 *    0     1     2      3    4         5      6..9       10..
 *  +-----+-----+------+----+---------+------+----------+---------------+
 *  | 'V' | 'D' | kind | op | outcome | nfds | seq (BE) | BER-TLV body  |
 *  +-----+-----+------+----+---------+------+----------+---------------+
 *
 * File descriptors travel beside the frame by SCM_RIGHTS, at most LINK_MAX_FDS. One request is
 * outstanding at a time; its answer carries the same op and seq; events may come at any time.
 */
#include "base/buf.h"

#define LINK_MAX_FRAME                                                                         \
	65536U		 /* bytes of one frame, header included; a card's answers fit twice */
#define LINK_MAX_FDS  2U /* content and facts */
#define LINK_HEADER   10U
#define LINK_CHILD_FD 3 /* where a child finds its end */

enum link_kind {
	LINK_KIND_REQUEST = 1,
	LINK_KIND_ANSWER,
	LINK_KIND_EVENT,
};

struct link_frame {
	enum link_kind kind;
	uint8_t op;
	uint8_t outcome;       /* answers: 0 or an outcome of the op's room; else 0 */
	uint32_t seq;	       /* answers: the request's; events: 0 */
	struct view body;      /* sending: borrowed; receiving: inside the caller's buf */
	int fds[LINK_MAX_FDS]; /* sending: borrowed; receiving: the caller owns them; -1 = none */
	size_t n_fds;
};

#define LINK_FRAME_NULL ((struct link_frame){.fds = {-1, -1}})

enum link_outcome {
	LINK_CLOSED = 1, /* the peer hung up (or sent an empty frame) */
	LINK_MALFORMED,	 /* not a frame: kill the peer */
	LINK_AGAIN,	 /* nothing there (nonblocking) / the peer does not read */
};

/** link_send() - send one frame, never blocking when @nonblock. Uses sendto only when there is no
 *  descriptor to pass, else sendmsg. Return: 0, a fault, LINK_CLOSED or LINK_AGAIN. */
int link_send(int fd, const struct link_frame *f, bool nonblock) _must_check_;
/** link_recv() - receive one frame; @storage (limit >= LINK_MAX_FRAME) is reset and keeps its bytes.
 *  Descriptors of a malformed frame are closed. Uses recvmsg only.
 *  Return: 0, a fault, LINK_CLOSED, LINK_MALFORMED or LINK_AGAIN. */
int link_recv(
	int fd, struct buf *storage, struct link_frame *ret_f, bool nonblock) _must_check_;
/** link_parse() - the pure part of link_recv(), for tests and fuzzing. Return: 0 or LINK_MALFORMED. */
int link_parse(struct view bytes, struct link_frame *ret_f) _must_check_;
void link_frame_done(struct link_frame *f); /* closes received descriptors */
int link_answer(int fd, const struct link_frame *request, uint8_t outcome,
	struct view body) _must_check_;
