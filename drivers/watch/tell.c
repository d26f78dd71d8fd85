/* SPDX-License-Identifier: EUPL-1.2 */
/* What is said to the broker over the link. */
#include <poll.h>

#include "base/link.h"
#include "base/tlv.h"
#include "drivers/watch/watch.h"

#define SERVICE_MAX 16U

int tell_event(uint8_t op, const struct buf *body)
{
	struct link_frame f = LINK_FRAME_NULL;
	int r = buf_check(body);

	if (r < 0) {
		return trace(r);
	}
	f.kind = LINK_KIND_EVENT;
	f.op = op;
	f.body = buf_view(body);
	r = link_send(LINK_CHILD_FD, &f, false);
	return r > 0 ? WATCH_HANGUP : trace(r);
}

int tell_service(enum watch_service state)
{
	_cleanup_(buf_done) struct buf body = BUF_NULL(SERVICE_MAX);

	tlv_put_u8(&body, LINK_TAG_STATE, (uint8_t)state);
	return trace(tell_event(WATCH_OP_SERVICE, &body));
}

bool tell_hung_up(int ms)
{
	struct pollfd p = {.fd = LINK_CHILD_FD, .events = POLLIN};

	return poll(&p, 1, ms) > 0;
}
