/* SPDX-License-Identifier: EUPL-1.2 */
#pragma once
/* One request of a child's queue; of child.c only. */
#include "daemon/session/child.h"

struct queued {
	struct queued *next;
	uint32_t seq;
	uint8_t op;
	struct buf body;
	int fds[LINK_MAX_FDS];
	size_t n_fds;
	uint64_t timeout;
	uint64_t silence;     /* 0: none */
	bool passed;	      /* it had descriptors, and they are sent */
	child_answer_fn done; /* NULL: forgotten */
	void *user;
};

/** queued_new() - @body is copied, @fds are duplicated. Return: 0 or a fault. */
int queued_new(uint8_t op, struct view body, const int *fds, size_t n_fds,
	struct queued **ret) _must_check_;
void queued_close(struct queued *q); /* its descriptors, once they were sent */
struct queued *queued_free(struct queued *q);
