/* SPDX-License-Identifier: EUPL-1.2 */
/* A request of a child: it owns its body and its duplicates of descriptors. */
#include "daemon/session/child-queued.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

void queued_close(struct queued *q)
{
	for (size_t i = 0; i < q->n_fds; i++) {
		if (q->fds[i] >= 0) {
			close(q->fds[i]);
		}
	}
	q->n_fds = 0;
}

struct queued *queued_free(struct queued *q)
{
	if (q) {
		queued_close(q);
		buf_done(&q->body);
		free(q);
	}
	return NULL;
}

static void queued_put(struct queued **q)
{
	*q = queued_free(*q);
}

int queued_new(uint8_t op, struct view body, const int *fds, size_t n_fds, struct queued **ret)
{
	_cleanup_(queued_put) struct queued *q = calloc(1, sizeof(*q));
	int r;

	if (!q) {
		return fault(-ENOMEM);
	}
	q->op = op;
	q->body = BUF_NULL(LINK_MAX_FRAME - LINK_HEADER);
	buf_put_view(&q->body, body);
	r = buf_check(&q->body);
	if (r < 0) {
		return trace(r);
	}
	for (size_t i = 0; i < n_fds; i++) {
		q->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
		if (q->fds[i] < 0) {
			return fault(-errno);
		}
		q->n_fds++;
	}
	*ret = q;
	q = NULL;
	return 0;
}
